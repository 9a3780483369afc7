//! `CREATE AGGREGATION` → its granularities, and `WITHIN … PER …` → which of its rows are read.
//!
//! How: the query that fills an aggregation is bound like any other. Attributes that it shows beside aggregates and by
//! which it does not group are `last(x)`, as panes keep no rows. What is read of it is a table whose rows are made when
//! they are asked for; whoever asks names granularity and time.

use super::scope::{Clause, QueryScope};
use super::source::SourcePlan;
use super::{Catalogue, QueryPlan, StreamPlan};
use crate::error::Fault;
use crate::event::{
    CALENDAR, Granularity, Period, Schema, Type, Value, Zone, parse_instant_in, period,
};
use crate::expr::{ColumnRef, Typed};
use crate::operator::aggregate::{Aggregate, LevelPlan};
use crate::operator::table::Shape;
use crate::sql::ast::{
    AggregationDef, Binary, DataType, Expr, ExprKind, Name, Query, Reach, SelectItem, Span,
};
use crate::sql::{duration_text, text_of};
use std::sync::Arc;

/// The attribute that says when a pane begins, in milliseconds.
pub(crate) const AGG_TIMESTAMP: &str = "AGG_TIMESTAMP";

const DAY_US: i64 = 86_400_000_000;

/// How long panes stay where nothing is said, in microseconds, as in Siddhi; weeks, months and years stay for ever.
const RETENTION_US: [(Granularity, i64); 4] = [
    (Granularity::Second, 120_000_000),
    (Granularity::Minute, DAY_US),
    (Granularity::Hour, 30 * DAY_US),
    (Granularity::Day, 366 * DAY_US),
];

/// What is known of an aggregation by whoever reads it.
#[derive(Clone, Debug)]
pub(crate) struct RollupInfo {
    /// From the finest to the coarsest.
    pub(crate) levels: Vec<LevelPlan>,
    pub(crate) zone: Zone,
    /// The zone as written.
    pub(crate) zone_text: String,
}

impl RollupInfo {
    /// The granularities, for a reader.
    pub(crate) fn words(&self) -> String {
        let words: Vec<&str> = self.levels.iter().map(|l| l.granularity.word()).collect();
        words.join(", ")
    }
}

/// The aggregation that a query fills.
pub(crate) struct RollupPlan {
    pub(crate) info: Arc<RollupInfo>,
    /// The time of a row in milliseconds, where that is not when it happened.
    pub(crate) by: Option<Typed>,
}

/// Which rows of an aggregation a source reads.
pub(crate) struct ReachPlan {
    /// The granularity, by its place.
    pub(crate) level: usize,
    /// The first time and the one behind the last, in milliseconds, over what comes to the other side, or over what a
    /// question leaves open; all rows where there is none.
    pub(crate) within: Option<[Typed; 2]>,
}

/// The query that fills an aggregation, with attributes of which the last one counts as `last(x)`.
pub(super) fn filling(query: &Query, schema: &Schema, catalogue: &Catalogue) -> Query {
    let mut query = query.clone();
    for key in &mut query.group_by {
        if let Some(meant) = meant(key, &query.select, schema) {
            *key = meant;
        }
    }
    let grouped = |name: &Name| {
        query.group_by.iter().any(|key| match &key.kind {
            ExprKind::Column { name: own, .. } => own.text.eq_ignore_ascii_case(&name.text),
            _ => false,
        })
    };
    for item in &mut query.select {
        let SelectItem::Expr { expr, alias } = item else {
            continue;
        };
        if let (None, ExprKind::Column { name, .. }) = (&alias, &expr.kind) {
            *alias = Some(name.clone());
        }
        take_last(expr, &grouped, catalogue);
    }
    query
}

/// What the name or number of a column stands for in GROUP BY.
fn meant(key: &Expr, select: &[SelectItem], schema: &Schema) -> Option<Expr> {
    let item = |place: usize| match select.get(place) {
        Some(SelectItem::Expr { expr, .. }) => Some(expr.clone()),
        _ => None,
    };
    match &key.kind {
        ExprKind::Literal(Value::Int(number)) => item(usize::try_from(*number - 1).ok()?),
        ExprKind::Column {
            qualifier: None,
            name,
            ..
        } if schema.position(&name.text).is_none() => {
            let is = |item: &SelectItem| match item {
                SelectItem::Expr {
                    alias: Some(alias), ..
                } => alias.text.eq_ignore_ascii_case(&name.text),
                _ => false,
            };
            item(select.iter().position(is)?)
        }
        _ => None,
    }
}

/// Puts `last( )` around attributes outside of aggregates by which nothing is grouped.
fn take_last(expr: &mut Expr, grouped: &dyn Fn(&Name) -> bool, catalogue: &Catalogue) {
    let is_aggregate = |name: &Name| {
        let mut own = catalogue.aggregates.iter();
        Aggregate::named(&name.text).is_some()
            || own.any(|(own, _)| own.eq_ignore_ascii_case(&name.text))
    };
    match &expr.kind {
        ExprKind::Column { name, .. } if !grouped(name) => {
            let kind = ExprKind::Call {
                name: Name {
                    text: "last".to_string(),
                    span: expr.span,
                },
                args: vec![expr.clone()],
                distinct: false,
            };
            expr.kind = kind;
        }
        ExprKind::Call { name, .. } if is_aggregate(name) => {}
        _ => expr.children_mut(&mut |child| take_last(child, grouped, catalogue)),
    }
}

/// Binds what CREATE AGGREGATION says beside its SELECT.
pub(super) fn bind_rollup(scope: &mut QueryScope<'_>, query: &Query) -> Option<RollupPlan> {
    let def = query.aggregation.as_ref()?;
    let info = info(def, &mut scope.faults);
    let by = match &def.by {
        None => None,
        Some(by) => {
            let typed = scope.bind(Clause::Where, by)?;
            if !typed.ty.is_some_and(Type::is_integer) {
                let message = "the time of a row is LONG, in milliseconds";
                let remedy = "write AGGREGATE BY of a LONG attribute, or leave BY out for the time of the event";
                scope.faults.push(Fault::new(by.span, message).help(remedy));
                return None;
            }
            Some(typed.coerce(Type::Long).ok()?)
        }
    };
    Some(RollupPlan { info: info?, by })
}

/// The granularities with their options.
fn info(def: &AggregationDef, faults: &mut Vec<Fault>) -> Option<Arc<RollupInfo>> {
    let before = faults.len();
    let mut levels: Vec<LevelPlan> = Vec::new();
    for granularity in &def.every {
        let finer = levels
            .iter()
            .rposition(|l| l.granularity.divides(*granularity));
        let own = RETENTION_US.iter().find(|(g, _)| g == granularity);
        levels.push(LevelPlan {
            granularity: *granularity,
            retention_us: own.map(|(_, us)| *us),
            from: finer,
        });
    }
    let mut zone = Zone::UTC;
    let mut zone_text = "UTC".to_string();
    for (place, (key, value)) in def.options.iter().enumerate() {
        let name = key.text.to_ascii_lowercase();
        let mut earlier = def.options[..place].iter();
        if earlier.any(|(other, _)| other.text.eq_ignore_ascii_case(&key.text)) {
            let fault = Fault::new(key.span, format!("'{name}' is given twice"));
            faults.push(fault.help("remove one of them"));
        } else if name == "timezone" {
            match Zone::of(&value.text) {
                Some(found) => (zone, zone_text) = (found, value.text.clone()),
                None => {
                    let fault =
                        Fault::new(value.span, format!("unknown time zone '{}'", value.text));
                    faults.push(
                        fault.help("write a name such as 'Europe/Berlin', 'UTC' or '+02:00'"),
                    );
                }
            }
        } else if let Some(granularity) = name.strip_prefix("retention.") {
            let found = Granularity::named(granularity);
            let level = levels.iter_mut().find(|l| Some(l.granularity) == found);
            match (level, found) {
                (Some(level), _) => match retention(value) {
                    Ok(us) => level.retention_us = us,
                    Err(fault) => faults.push(fault),
                },
                (None, Some(found)) => {
                    let message = format!("the aggregation keeps no {found}");
                    faults.push(
                        Fault::new(key.span, message).help("add it to EVERY, or remove the option"),
                    );
                }
                (None, None) => faults.push(unknown_option(key)),
            }
        } else {
            faults.push(unknown_option(key));
        }
    }
    (faults.len() == before).then(|| {
        Arc::new(RollupInfo {
            levels,
            zone,
            zone_text,
        })
    })
}

fn unknown_option(key: &Name) -> Fault {
    let retention = Granularity::all().map(|g| format!("retention.{}", g.word().to_lowercase()));
    let known: Vec<String> = retention.chain(["timezone".to_string()]).collect();
    let fault = Fault::new(key.span, format!("unknown option '{}'", key.text));
    fault.nearest(&key.text, known.iter().map(String::as_str))
}

/// A duration, or `all`.
fn retention(value: &Name) -> Result<Option<i64>, Fault> {
    if value.text.trim().eq_ignore_ascii_case("all") {
        return Ok(None);
    }
    let wrong = |fault: Fault| {
        fault.help("write a duration such as '90 DAYS', or 'all' to keep every pane")
    };
    match duration_text(value) {
        Ok(us) if us > 0 => Ok(Some(us)),
        Ok(_) => Err(wrong(Fault::new(
            value.span,
            "panes stay for more than no time",
        ))),
        Err(fault) => Err(match fault.remedy {
            Some(_) => fault,
            None => wrong(fault),
        }),
    }
}

/// Refuses what an aggregation cannot show or read.
pub(super) fn check(query: &Query, plan: &QueryPlan, faults: &mut Vec<Fault>) {
    let source = &query.sources[0].stream;
    if plan.sources[0].named.is_some() {
        let message = "an aggregation reads a stream: what it has added does not leave it again";
        let remedy = "read the stream from which rows are inserted into the window";
        faults.push(Fault::new(source.span, message).help(remedy));
    }
    for shown in &plan.outputs {
        if shown.uses_clock() || shown.uses_cause() || shown.uses_own_time() {
            let message =
                "the rows of an aggregation have no time of their own, and no row that caused them";
            let remedy = format!(
                "put it into an aggregate, as in max(eventTimestamp()), or read {AGG_TIMESTAMP}"
            );
            faults.push(Fault::new(shown.span, message).help(remedy));
        }
    }
    if plan.calls.is_empty() {
        let message = "an aggregation computes at least one aggregate";
        faults.push(Fault::new(query.target.span, message).help("select one, as in count() AS n"));
    }
}

/// The attributes of an aggregation of which the query that fills it shows these.
pub(super) fn schema_of(shown: &Schema, name: &Name, faults: &mut Vec<Fault>) -> Schema {
    if shown.position(AGG_TIMESTAMP).is_some() {
        let message = format!("{AGG_TIMESTAMP} is the start of each period");
        let fault = Fault::new(name.span, message);
        faults.push(fault.help("name the column of SELECT otherwise, with AS"));
    }
    let own = std::iter::once((AGG_TIMESTAMP.to_string(), Type::Long));
    let shown = shown.attributes().iter();
    Schema::new(own.chain(shown.map(|a| (a.name.to_string(), a.ty))))
}

/// How the rows of an aggregation are found: by the columns by which it groups, where all are shown.
pub(super) fn shape_of(schema: &Schema, keys: &[Typed], outputs: &[Typed]) -> Shape {
    let place = |key: &Typed| {
        let column = key.as_column()?;
        let shown = outputs.iter().position(|o| o.as_column() == Some(column));
        shown.map(|place| place + 1)
    };
    let index: Option<Vec<usize>> = keys.iter().map(place).collect();
    Shape {
        types: schema.attributes().iter().map(|a| a.ty).collect(),
        primary: None,
        indexes: index.into_iter().filter(|i| !i.is_empty()).collect(),
        ttl_us: None,
    }
}

/// Makes what is said of times comparable: texts become milliseconds, and a join asks of each row of the other side
/// what depends on that.
pub(super) fn reading(query: &Query, streams: &[&StreamPlan], faults: &mut Vec<Fault>) -> Query {
    let mut query = query.clone();
    for (place, stream) in streams.iter().enumerate() {
        let Some(info) = &stream.rollup else { continue };
        let source = &mut query.sources[place];
        let called = source.alias.as_ref().unwrap_or(&source.stream).clone();
        let Some(reach) = &mut source.reach else {
            continue;
        };
        match settle(reach, info) {
            Ok(()) => {}
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        }
        let Some((start, Some(end))) = &reach.within else {
            continue;
        };
        let varies = |e: &Expr| !matches!(e.kind, ExprKind::Literal(_));
        if query.joins.is_empty() || !(varies(start) || varies(end)) {
            continue;
        }
        let condition = between(&called, start, end);
        let join = &mut query.joins[place.saturating_sub(1)];
        let on = std::mem::replace(&mut join.on, condition.clone());
        join.on.kind = ExprKind::Binary(Binary::And, Box::new(on), Box::new(condition));
    }
    query
}

/// That a pane begins between two times.
fn between(called: &Name, start: &Expr, end: &Expr) -> Expr {
    let span = start.span.to(end.span);
    let of = |kind| Expr { kind, span };
    let at = || {
        Box::new(of(ExprKind::Column {
            qualifier: Some(called.clone()),
            name: Name {
                text: AGG_TIMESTAMP.to_string(),
                span,
            },
            quoted: false,
        }))
    };
    let first = of(ExprKind::Binary(
        Binary::GtEq,
        at(),
        Box::new(start.clone()),
    ));
    let last = of(ExprKind::Binary(Binary::Lt, at(), Box::new(end.clone())));
    of(ExprKind::Binary(
        Binary::And,
        Box::new(first),
        Box::new(last),
    ))
}

/// Replaces texts by milliseconds, and a value that a question leaves open by one that is a LONG.
fn settle(reach: &mut Reach, info: &RollupInfo) -> Result<(), Fault> {
    let Some((start, end)) = &mut reach.within else {
        return Ok(());
    };
    if end.is_none() {
        let span = start.span;
        let both = text_of(&start.kind).and_then(|text| pattern(text, &info.zone));
        let Some(both) = both else {
            let message = "WITHIN takes a start and an end";
            let remedy = "write WITHIN '2024-01-01', '2024-02-01', or a pattern such as '2024-01-** **:**:**'";
            return Err(Fault::new(span, message).help(remedy));
        };
        start.kind = ExprKind::Literal(Value::Long(both.start.millis()));
        let kind = ExprKind::Literal(Value::Long(both.end.millis()));
        *end = Some(Expr { kind, span });
        return Ok(());
    }
    for expr in std::iter::once(start).chain(end) {
        let text = text_of(&expr.kind).map(str::to_string);
        match (text, &expr.kind) {
            (Some(text), _) => {
                let Some(at) = parse_instant_in(text.trim(), &info.zone) else {
                    let message = format!("'{text}' is no instant");
                    let remedy = "write '2024-01-31', '2024-01-31 10:00:00', with an offset behind it as in '+02:00', or a LONG in milliseconds";
                    return Err(Fault::new(expr.span, message).help(remedy));
                };
                // A pane begins at or after the instant where it does so at or after the next millisecond.
                let ms = at.plus(999).millis();
                expr.kind = ExprKind::Literal(Value::Long(ms));
            }
            (None, ExprKind::Column { name, .. }) if name.text.starts_with("parameter ?") => {
                let to = DataType {
                    ty: Type::Long,
                    size: None,
                    is_instant: false,
                    span: expr.span,
                };
                expr.kind = ExprKind::Cast(Box::new(expr.clone()), to);
            }
            _ => {}
        }
    }
    Ok(())
}

/// The time of a pattern such as `2024-03-** **:**:**`, where what is shown stands first.
fn pattern(text: &str, zone: &Zone) -> Option<Period> {
    const FORM: &str = "****-**-** **:**:**";
    const FIRST: &str = "0001-01-01 00:00:00";
    #[rustfmt::skip]
    const ENDS: [(usize, Granularity); 5] = [
        (5, Granularity::Year), (8, Granularity::Month), (11, Granularity::Day),
        (14, Granularity::Hour), (17, Granularity::Minute),
    ];
    let text = text.trim();
    let open = text.find('*')?;
    let (_, granularity) = ENDS.iter().find(|(end, _)| *end == open)?;
    let is_whole = text.len() == FORM.len() || text.len() == 10;
    if !text.is_ascii() || !is_whole || text[open..] != FORM[open..text.len()] {
        return None;
    }
    let first = format!("{}{}", &text[..open], &FIRST[open..]);
    let at = parse_instant_in(&first, zone).filter(|at| CALENDAR.contains(at))?;
    Some(period(*granularity, zone, at))
}

/// Binds WITHIN and PER of the sources. `streams`: what they read.
pub(super) fn bind_reaches(
    scope: &mut QueryScope<'_>,
    query: &Query,
    streams: &[StreamPlan],
    sources: &mut [SourcePlan],
) {
    for (place, (written, stream)) in query.sources.iter().zip(streams).enumerate() {
        let bound = match (&written.reach, &stream.rollup) {
            (None, None) => continue,
            (Some(reach), None) => Err(not_read(reach, stream)),
            (reach, Some(info)) => {
                let span = reach.as_ref().map_or(written.stream.span, |r| r.span);
                bind_reach(scope, place, reach.as_deref(), info, span)
            }
        };
        match bound {
            Ok(reach) => sources[place].reach = reach,
            Err(fault) => scope.faults.push(fault),
        }
    }
}

fn not_read(reach: &Reach, stream: &StreamPlan) -> Fault {
    let message = format!("{} {} is no aggregation", stream.kind.name(), stream.name);
    Fault::new(reach.span, message).help("remove WITHIN and PER, which read an aggregation")
}

fn bind_reach(
    scope: &mut QueryScope<'_>,
    place: usize,
    reach: Option<&Reach>,
    info: &RollupInfo,
    span: Span,
) -> Result<Option<ReachPlan>, Fault> {
    let Some((per, per_span)) = reach.and_then(|r| r.per) else {
        let first = info.levels[0].granularity;
        let fault = Fault::new(span, "PER says which periods of the aggregation are read");
        return Err(fault.help(format!("write PER '{first}'; it has: {}", info.words())));
    };
    let level = info.levels.iter().position(|l| l.granularity == per);
    let Some(level) = level else {
        let fault = Fault::new(per_span, format!("the aggregation keeps no {per}"));
        return Err(fault.help(format!("it has: {}", info.words())));
    };
    let within = reach.and_then(|r| r.within.as_ref());
    let Some((start, Some(end))) = within else {
        return Ok(Some(ReachPlan {
            level,
            within: None,
        }));
    };
    let clause = match scope.sources.len() {
        1 => Clause::Source(0),
        _ => Clause::On(place.max(1)),
    };
    let mut bound = Vec::new();
    for end in [start, end] {
        let Some(typed) = scope.bind(clause, end) else {
            return Ok(None);
        };
        let mut reads_own = false;
        typed.columns(&mut |c| reads_own |= is_own(c, place, scope));
        if reads_own || typed.uses_cause() || typed.uses_own_time() {
            let message = "WITHIN of an aggregation says when, and not by its own rows";
            let fault = Fault::new(end.span, message);
            return Err(fault.help("name attributes of the other side, or write WHERE"));
        }
        if !typed.ty.is_some_and(Type::is_integer) {
            let message = "a time in WITHIN is a text in quotes, or a LONG in milliseconds";
            return Err(
                Fault::new(end.span, message).help("write WITHIN '2024-01-01', '2024-02-01'")
            );
        }
        bound.push(typed.coerce(Type::Long)?);
    }
    let within = <[Typed; 2]>::try_from(bound).ok();
    Ok(Some(ReachPlan { level, within }))
}

/// Whether a column is an attribute of the aggregation itself, and no value that a question leaves open.
fn is_own(column: ColumnRef, place: usize, scope: &QueryScope<'_>) -> bool {
    let attributes = scope.sources[place].schema.attributes();
    column
        .attribute_of(place)
        .is_some_and(|own| !attributes[own].name.starts_with("parameter ?"))
}
