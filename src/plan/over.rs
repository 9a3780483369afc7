//! `call OVER (…)`: which rows each call looks at, and by which keys they are kept apart.
//!
//! Calls over the same rows share a frame: its keys, the rows that it holds, and of these the columns that its calls
//! read.

use super::query::QueryPlan;
use super::scope::{Clause, QueryScope};
use super::source::SourcePlan;
use super::window::WindowPlan;
use crate::error::Fault;
use crate::event::Type;
use crate::event::Value;
use crate::expr::{ColumnRef, Typed};
use crate::operator::aggregate::{Aggregate, AggregateCall, Rows};
use crate::operator::over::{OVER_ROWS_MAX, Reach};
use crate::sql::ast::{Events, Expr, ExprKind, Name, Over, OverBound, Query, Span};
use crate::sql::called;

/// The calls with OVER of a query.
#[derive(Default)]
pub(crate) struct OverPlan {
    pub(crate) frames: Vec<FramePlan>,
    pub(crate) calls: Vec<OverCall>,
}

/// Rows that calls look at.
pub(crate) struct FramePlan {
    /// Rows that differ in these are kept apart.
    pub(crate) keys: Vec<Typed>,
    pub(crate) reach: Reach,
    /// What the calls read of each row.
    pub(crate) reads: Vec<Typed>,
    /// The keys as written.
    key_texts: Vec<String>,
    /// What is read as written.
    read_texts: Vec<String>,
}

/// One call.
pub(crate) struct OverCall {
    pub(crate) frame: usize,
    pub(crate) what: OverWhat,
    pub(crate) result: Type,
    /// As written, to find it again.
    text: String,
    span: Span,
}

/// What a call asks of its frame.
pub(crate) enum OverWhat {
    /// An aggregate of what it reads, by places among the frame's.
    Aggregate(AggregateCall, Vec<usize>),
    /// A value that it reads, so many rows before.
    Lag {
        read: usize,
        rows: usize,
        default: Option<Typed>,
    },
}

impl OverPlan {
    /// Everything that it evaluates.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Typed> {
        let frames = self.frames.iter();
        let frames = frames.flat_map(|f| f.keys.iter().chain(&f.reads));
        let defaults = self.calls.iter().filter_map(|call| match &call.what {
            OverWhat::Lag { default, .. } => default.as_ref(),
            OverWhat::Aggregate(..) => None,
        });
        frames.chain(defaults)
    }

    /// Rows that differ in this are apart, too.
    pub(super) fn by_key(&mut self, key: &Typed) {
        for frame in &mut self.frames {
            frame.keys.insert(0, key.clone());
        }
    }

    /// The keys of all frames that are columns and nothing else.
    pub(crate) fn shared_keys(&self) -> Vec<&Typed> {
        let Some((first, others)) = self.frames.split_first() else {
            return Vec::new();
        };
        let has = |frame: &FramePlan, column: ColumnRef| {
            frame.keys.iter().any(|k| k.as_column() == Some(column))
        };
        let shared = first.keys.iter().filter(|key| {
            let column = key.as_column();
            column.is_some_and(|column| others.iter().all(|frame| has(frame, column)))
        });
        shared.collect()
    }

    /// Whether its rows are given out when the clock has passed their time.
    pub(crate) fn waits(&self) -> bool {
        self.frames
            .iter()
            .any(|f| matches!(f.reach, Reach::Time(_)))
    }

    /// Why all rows meet, where no key is shared.
    pub(crate) fn why_not_keyed(&self) -> &'static str {
        let whole = self.frames.iter().any(|f| f.keys.is_empty());
        let plain = |f: &FramePlan| f.keys.iter().any(|k| k.as_column().is_some());
        match (whole, self.frames.iter().all(plain)) {
            (true, _) => "OVER without PARTITION BY",
            (false, false) => "PARTITION BY on expressions only",
            (false, true) => "calls with OVER share no key column",
        }
    }

    /// What its state depends on, for checkpoints.
    pub(super) fn state_text(&self) -> String {
        let mut text = String::new();
        let typed = |texts: &[String], of: &[Typed]| {
            // The key of a partition stands in front of those that are written.
            let own = of.len().saturating_sub(texts.len());
            let both = texts.iter().zip(&of[own..]);
            let both = both.map(|(text, typed)| {
                let ty = typed
                    .ty
                    .map_or_else(|| "NULL".to_string(), |ty| ty.to_string());
                format!("{} {ty}", super::identity::normal(text))
            });
            both.collect::<Vec<_>>().join(", ")
        };
        for (number, frame) in self.frames.iter().enumerate() {
            let calls = self.calls.iter().filter(|call| call.frame == number);
            let calls = calls.map(|call| match &call.what {
                OverWhat::Aggregate(call, args) => format!("{} {args:?}", call.aggregate),
                OverWhat::Lag { read, rows, .. } => format!("lag {read} {rows}"),
            });
            text += &format!(
                " OVER {:?} BY {} READS {} CALLS {}",
                frame.reach,
                typed(&frame.key_texts, &frame.keys),
                typed(&frame.read_texts, &frame.reads),
                calls.collect::<Vec<_>>().join(", "),
            );
        }
        text
    }
}

impl FramePlan {
    /// What the frame is, for explain.
    pub(crate) fn text(&self, plan: &OverPlan, number: usize) -> String {
        let calls = plan.calls.iter().filter(|call| call.frame == number);
        let calls = calls.map(|call| match &call.what {
            OverWhat::Aggregate(call, _) => call.aggregate.to_string(),
            OverWhat::Lag { .. } => "lag".to_string(),
        });
        let calls = calls.collect::<Vec<_>>().join(", ");
        format!(
            "over [{calls}] by {} keys, {}",
            self.keys.len(),
            self.reach.text()
        )
    }
}

/// Binds a call with OVER; faults are kept.
pub(super) fn bind_over(
    scope: &mut QueryScope<'_>,
    call: &Expr,
    over: &Over,
    span: Span,
) -> Result<(ColumnRef, Type), Fault> {
    if scope.clause != Clause::Output {
        return Err(misplaced(scope.clause, span));
    }
    let text = scope.text.get(span.range()).unwrap_or_default().to_string();
    let calls = &scope.over.calls;
    if let Some(place) = calls.iter().position(|c| c.text == text) {
        return Ok((ColumnRef::Over(place), calls[place].result));
    }
    let before = scope.faults.len();
    match bind_call(scope, call, over) {
        Some((frame, what, result)) => {
            scope.over.calls.push(OverCall {
                frame,
                what,
                result,
                text,
                span,
            });
            Ok((ColumnRef::Over(scope.over.calls.len() - 1), result))
        }
        // The binder wants one fault: the first of those that were found.
        None => Err(scope.faults.remove(before)),
    }
}

fn misplaced(clause: Clause, span: Span) -> Fault {
    let message = format!("OVER cannot stand in {}", clause.name());
    let remedy = match clause {
        Clause::Argument | Clause::Over => {
            "insert the result into a stream, and read it from there"
        }
        Clause::GroupBy => "insert the result into a stream, and group that",
        _ => "OVER stands in SELECT, and HAVING filters by it: SELECT … AS n FROM S HAVING n = 1",
    };
    Fault::new(span, message).help(remedy)
}

fn bind_call(
    scope: &mut QueryScope<'_>,
    call: &Expr,
    over: &Over,
) -> Option<(usize, OverWhat, Type)> {
    let (name, args, distinct) = called(call)?;
    check_order(scope, over)?;
    let mut keys = Vec::new();
    for key in &over.keys {
        let typed = scope.bind(Clause::Over, key)?;
        if typed.ty.is_none() {
            return refuse(
                scope,
                key.span,
                "NULL is no key",
                "remove it from PARTITION BY",
            );
        }
        keys.push(typed);
    }
    let is = |known: &str| name.text.eq_ignore_ascii_case(known);
    match scope.aggregate(name) {
        Some(aggregate) => {
            bind_aggregate(scope, (aggregate, args, distinct), over, keys, call.span)
        }
        None if is("row_number") => bind_row_number(scope, args, over, keys, call.span),
        None if is("lag") => bind_lag(scope, args, over, keys, call.span),
        None => {
            scope.faults.push(unknown(name));
            None
        }
    }
}

/// A call of something else.
fn unknown(name: &Name) -> Fault {
    let remedies = [
        (
            "lead",
            "nothing is known of later rows: give lag(x) out with the next row, or write a pattern",
        ),
        (
            "rank",
            "rows stand in the order of time: write row_number()",
        ),
        (
            "dense_rank",
            "rows stand in the order of time: write row_number()",
        ),
        (
            "percent_rank",
            "nothing is known of later rows: write row_number()",
        ),
        (
            "cume_dist",
            "nothing is known of later rows: write row_number()",
        ),
        (
            "ntile",
            "nothing is known of later rows: write row_number()",
        ),
        ("first_value", "write first(x) OVER (…)"),
        ("last_value", "write last(x) OVER (…)"),
        (
            "nth_value",
            "write lag(x, n) OVER (…), which counts back from the current row",
        ),
    ];
    let known = remedies
        .iter()
        .find(|(known, _)| name.text.eq_ignore_ascii_case(known));
    let remedy = known.map_or(
        "aggregates, lag(x [, n [, default]]) and row_number() have OVER",
        |k| k.1,
    );
    Fault::new(name.span, format!("{} has no OVER", name.text)).help(remedy)
}

/// Keeps a fault.
fn refuse<T>(
    scope: &mut QueryScope<'_>,
    span: Span,
    message: impl Into<String>,
    remedy: &str,
) -> Option<T> {
    scope
        .faults
        .push(Fault::new(span, message.into()).help(remedy));
    None
}

/// ORDER BY names the time of the rows, in whose order they are taken.
fn check_order(scope: &mut QueryScope<'_>, over: &Over) -> Option<()> {
    let Some(order) = &over.order else {
        return Some(());
    };
    let by_time = match called(order) {
        Some((name, args, _)) => {
            let own = name.text.eq_ignore_ascii_case("eventTimestamp");
            own && (args.is_empty() || scope.is_only(args))
        }
        None => false,
    };
    if by_time {
        return Some(());
    }
    let message = "ORDER BY in OVER names the time of the rows, in whose order they come";
    let remedy = "write ORDER BY eventTimestamp(), or leave it out";
    refuse(scope, order.span, message, remedy)
}

/// The frame of an aggregate.
fn reach(scope: &mut QueryScope<'_>, over: &Over) -> Option<Reach> {
    let Some(frame) = over.frame else {
        return Some(Reach::Start);
    };
    match frame.bound {
        OverBound::Unbounded => Some(Reach::Start),
        OverBound::Rows(rows) if rows < OVER_ROWS_MAX as u64 => {
            Some(Reach::Rows(rows as usize + 1))
        }
        OverBound::Rows(_) => {
            let message = format!("a frame has at most {OVER_ROWS_MAX} rows (OVER_ROWS_MAX)");
            refuse(scope, frame.span, message, "write RANGE t PRECEDING")
        }
        OverBound::Time(us) if us <= super::window_args::DURATION_MAX_US as i64 => {
            Some(Reach::Time(us))
        }
        OverBound::Time(_) => {
            let message = "a duration is at most 700 years (DURATION_MAX_US)";
            refuse(scope, frame.span, message, "write ROWS UNBOUNDED PRECEDING")
        }
    }
}

/// The frame of calls that look at all rows of a key.
fn no_frame(scope: &mut QueryScope<'_>, over: &Over, name: &str) -> Option<()> {
    let Some(frame) = over.frame else {
        return Some(());
    };
    let message = format!("{name} looks at all rows of its key, and has no frame");
    refuse(scope, frame.span, message, "remove ROWS or RANGE")
}

fn bind_aggregate(
    scope: &mut QueryScope<'_>,
    (aggregate, args, distinct): (Aggregate, &[Expr], bool),
    over: &Over,
    keys: Vec<Typed>,
    span: Span,
) -> Option<(usize, OverWhat, Type)> {
    if let Aggregate::MinForever | Aggregate::MaxForever = aggregate {
        let message = format!("{aggregate} looks at all rows, and not at a frame");
        return refuse(
            scope,
            span,
            message,
            "write min(x) or max(x), as in min(x) OVER (PARTITION BY k)",
        );
    }
    let reach = reach(scope, over)?;
    let (aggregate, bound) = scope.bind_arguments(aggregate, args, distinct, span)?;
    let rows = match reach {
        Reach::Start => Rows::Forever,
        _ => Rows::InOrder,
    };
    let call = scope.call_of(aggregate, &bound, rows, span)?;
    let result = call.result;
    let frame = frame_of(scope, over, keys, reach);
    let reads = bound.into_iter().map(|arg| read(scope, frame, arg));
    let reads = reads.collect();
    Some((frame, OverWhat::Aggregate(call, reads), result))
}

/// `row_number()`: how many rows of the key have come.
fn bind_row_number(
    scope: &mut QueryScope<'_>,
    args: &[Expr],
    over: &Over,
    keys: Vec<Typed>,
    span: Span,
) -> Option<(usize, OverWhat, Type)> {
    if !args.is_empty() {
        return refuse(
            scope,
            span,
            "row_number takes no argument",
            "write row_number()",
        );
    }
    no_frame(scope, over, "row_number")?;
    let call = scope.call_of(Aggregate::Count, &[], Rows::Forever, span)?;
    let frame = frame_of(scope, over, keys, Reach::Start);
    Some((frame, OverWhat::Aggregate(call, Vec::new()), Type::Long))
}

/// `lag(x [, n [, default]])`.
fn bind_lag(
    scope: &mut QueryScope<'_>,
    args: &[Expr],
    over: &Over,
    keys: Vec<Typed>,
    span: Span,
) -> Option<(usize, OverWhat, Type)> {
    const FORM: &str = "write lag(x), lag(x, n) or lag(x, n, default)";
    no_frame(scope, over, "lag")?;
    let (value, rest) = match args {
        [value, rest @ ..] if rest.len() <= 2 => (value, rest),
        _ => return refuse(scope, span, "lag takes one to three arguments", FORM),
    };
    let rows = match rest.first().map(|n| (&n.kind, n.span)) {
        None => 1,
        Some((ExprKind::Literal(Value::Long(n)), _)) if (1..=OVER_ROWS_MAX as i64).contains(n) => {
            *n as usize
        }
        Some((_, at)) => {
            let message = format!("lag counts back 1 to {OVER_ROWS_MAX} rows (OVER_ROWS_MAX)");
            return refuse(scope, at, message, FORM);
        }
    };
    let typed = scope.bind(Clause::Argument, value)?;
    let Some(ty) = typed.ty else {
        return refuse(
            scope,
            value.span,
            "NULL has no type here",
            "CAST(NULL AS LONG)",
        );
    };
    let default = match rest.get(1) {
        None => None,
        Some(default) => {
            let bound = scope.bind(Clause::Argument, default)?;
            let coerced = bound.coerce(ty).map_err(|fault| scope.faults.push(fault));
            Some(coerced.ok()?)
        }
    };
    let frame = frame_of(scope, over, keys, Reach::Before(rows));
    let read = read(scope, frame, typed);
    let what = OverWhat::Lag {
        read,
        rows,
        default,
    };
    Some((frame, what, ty))
}

/// The frame with these keys and this reach.
fn frame_of(scope: &mut QueryScope<'_>, over: &Over, keys: Vec<Typed>, reach: Reach) -> usize {
    let text = |key: &Expr| {
        scope
            .text
            .get(key.span.range())
            .unwrap_or_default()
            .to_string()
    };
    let key_texts: Vec<String> = over.keys.iter().map(text).collect();
    let frames = &mut scope.over.frames;
    let known = frames
        .iter_mut()
        .position(|f| f.key_texts == key_texts && f.reach.joins(reach));
    if let Some(place) = known {
        return place;
    }
    frames.push(FramePlan {
        keys,
        reach,
        reads: Vec::new(),
        key_texts,
        read_texts: Vec::new(),
    });
    frames.len() - 1
}

/// The place of what a call reads among the frame's.
fn read(scope: &mut QueryScope<'_>, frame: usize, what: Typed) -> usize {
    let text = scope.text.get(what.span.range()).unwrap_or_default();
    let frame = &mut scope.over.frames[frame];
    let known = frame.read_texts.iter().zip(&frame.reads);
    let mut known = known.map(|(known, typed)| known == text && typed.ty == what.ty);
    if let Some(place) = known.position(|same| same) {
        return place;
    }
    frame.read_texts.push(text.to_string());
    frame.reads.push(what);
    frame.reads.len() - 1
}

/// What OVER forbids beside it.
pub(super) fn check_over(query: &Query, plan: &QueryPlan) -> Option<Fault> {
    let span = plan.over.calls.first()?.span;
    let windowed = |s: &SourcePlan| s.held_by().is_some();
    let flushes = |s: &SourcePlan| s.held_by().is_some_and(WindowPlan::flushes);
    let fault = |message: &str, remedy: &str| Some(Fault::new(span, message).help(remedy));
    if plan.aggregates() {
        let by = query.group_by.first().map_or(span, |key| key.span);
        let message = "a query has GROUP BY and aggregates, or OVER, not both";
        let remedy = "insert the groups into a stream, and write OVER in a query that reads it";
        return Some(Fault::new(by, message).help(remedy));
    }
    if !plan.joins_sources() && plan.sources.iter().any(windowed) {
        return fault(
            "OVER looks at rows as they come, and not at those of a window",
            "remove the window and bound the frame, as in OVER (ROWS 20 PRECEDING), or insert what leaves the window into a stream and read that",
        );
    }
    if plan.sources.iter().any(flushes) {
        return fault(
            "OVER looks at rows one after the other, and a batch window gives many at once",
            "insert what is joined into a stream, and write OVER in a query that reads it",
        );
    }
    if plan.events != Events::Current {
        return fault(
            "rows with OVER come, and none of them leaves",
            "write INSERT INTO, without EXPIRED or ALL",
        );
    }
    None
}
