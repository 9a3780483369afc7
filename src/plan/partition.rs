//! `PARTITION`: which key a row has, and what queries inside do by key.
//!
//! How: there is one set of operators for all keys. Each source of a query that has the key passes a *door*, which
//! drops rows without one, and gives rows whose key is computed one more column with it. Behind that the key is one
//! more key of all that has keys: groups, joins, DISTINCT, what windows hold. An inner stream carries it behind its
//! attributes.

use super::component::plain_columns;
use super::identity::normal;
use super::meeting::never_padded;
use super::scope::{Clause, QueryScope};
use super::source::NamedSource;
use super::streams::Planner;
use super::{QueryIdentity, QueryPlan, StreamKind, StreamPlan, WindowPlan};
use crate::error::Fault;
use crate::event::{Str, Type};
use crate::expr::{ColumnRef, Typed};
use crate::operator::partition::{KeptKeys, PARTITION_KEYS_MAX};
use crate::plan::join::EqualKey;
use crate::sql::ast::{
    Action, App, Name, Partition, PartitionBy, PartitionKey, Query, Span, Statement,
};
use crate::sql::{duration_text, given_once};
use std::collections::HashSet;
use std::sync::Arc;

/// How often in the time after which an idle key is forgotten idle keys are looked for, unless the text says otherwise.
const PURGES_PER_IDLE: i64 = 4;

/// A partition of an app.
pub(crate) struct PartitionPlan {
    /// The keys as written.
    written: Vec<PartitionKey>,
    /// Their texts.
    key_texts: Vec<String>,
    /// The streams that pass a door by now: the first one counts the rows that it drops.
    counted: HashSet<usize>,
    /// The type of the key, and where the text says so.
    ty: Option<(Type, String)>,
    /// How its keys are kept, if they are.
    pub(crate) keys: Option<KeysPlan>,
    /// The streams that get rows without a key: those of one stream, or of all where none is named.
    unmatched: Vec<(Option<String>, Name)>,
    /// What checkpoints call it.
    pub(crate) identity: QueryIdentity,
}

/// How the keys of a partition are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeysPlan {
    /// A key is forgotten that has had no row for so long, and when that is looked for: in microseconds.
    pub(crate) purge_us: Option<(i64, i64)>,
    /// Rows of more keys than this are dropped.
    pub(crate) keys_max: u64,
}

/// What the key of a row is.
#[derive(Clone)]
pub(crate) enum KeyPlan {
    /// An attribute.
    Column(usize),
    /// An expression over the stream, which is the source at place 0.
    Value(Typed),
    /// The names of the conditions that it fulfils, which may be several.
    Ranges(Vec<(Typed, Str)>),
}

/// What rows of a source pass in front of everything else.
#[derive(Clone)]
pub(crate) struct DoorPlan {
    pub(crate) key: KeyPlan,
    pub(crate) ty: Type,
    /// The key as written.
    pub(crate) text: String,
    /// No other door counts the rows that this one drops.
    pub(crate) counts: bool,
    /// The stream that gets them.
    pub(crate) aside: Option<usize>,
}

impl DoorPlan {
    /// Whether it adds a column with the key.
    pub(crate) fn adds_column(&self) -> bool {
        !matches!(self.key, KeyPlan::Column(_))
    }
}

impl PartitionPlan {
    /// A partition as written; what is wrong with its options goes to `faults`.
    /// `before`: those that stand before it; `text`: that of the app.
    pub(super) fn new(
        written: &Partition,
        before: &[PartitionPlan],
        text: &str,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let key = |key: &PartitionKey| normal(text.get(key.span.range()).unwrap_or_default());
        let keys: Vec<String> = written.keys.iter().map(key).collect();
        let same = |p: &&PartitionPlan| p.key_texts == keys;
        let ordinal = before.iter().filter(same).count();
        let mut plan = PartitionPlan {
            written: written.keys.clone(),
            counted: HashSet::new(),
            ty: None,
            keys: None,
            unmatched: Vec::new(),
            identity: QueryIdentity::of_partition(&keys, ordinal),
            key_texts: keys,
        };
        plan.take_options(&written.options, faults);
        plan
    }

    fn take_options(&mut self, options: &[(Name, Name)], faults: &mut Vec<Fault>) {
        const KNOWN: [&str; 4] = ["purge.idle", "purge.interval", "keys.max", "unmatched"];
        let known_stream = |name: &str| self.key_of(name).is_some();
        let of_stream = |name: &str| name.strip_prefix("unmatched.").map(str::to_string);
        let of_stream = |name: &str| of_stream(name).filter(|stream| known_stream(stream));
        let mut unmatched = Vec::new();
        let (mut idle, mut interval, mut keys_max) = (None, None, None);
        let mut given = Vec::new();
        for (key, value) in options {
            let name = key.text.to_ascii_lowercase();
            if let Err(fault) = given_once(key, &mut given) {
                faults.push(fault);
                continue;
            }
            let time = || match duration_text(value) {
                Ok(0) => Err(Fault::new(value.span, "the time is 0")
                    .help("write how long a key has no row, as in '1 HOUR'")),
                other => other.map(|us| (us, value.span)),
            };
            let taken = match name.as_str() {
                "purge.idle" => time().map(|us| idle = Some(us)),
                "purge.interval" => time().map(|us| interval = Some(us)),
                "keys.max" => number(value).map(|n| keys_max = Some(n)),
                name if name == "unmatched" || of_stream(name).is_some() => {
                    match value.text.is_empty() {
                        true => Err(Fault::new(value.span, "the name of the stream is empty")),
                        false => {
                            unmatched.push((of_stream(name), value.clone()));
                            Ok(())
                        }
                    }
                }
                name if name.starts_with("unmatched.") => {
                    let message = format!("'{name}' names no stream that has a key here");
                    let known = self.written.iter().map(|k| k.stream.text.as_str());
                    Err(Fault::new(key.span, message).nearest(&name["unmatched.".len()..], known))
                }
                _ => {
                    let message = format!("unknown option '{name}' of a partition");
                    let fault = Fault::new(key.span, message);
                    Err(fault.nearest(&name, KNOWN))
                }
            };
            faults.extend(taken.err());
        }
        self.unmatched = unmatched;
        if let (Some((_, span)), None) = (interval, idle) {
            let fault = Fault::new(span, "purge.interval without purge.idle");
            faults.push(fault.help("write 'purge.idle'='1 HOUR' beside it"));
        }
        let purge_us = idle.map(|(idle, _)| {
            let usual = (idle / PURGES_PER_IDLE).max(1);
            (idle, interval.map_or(usual, |(us, _)| us))
        });
        if purge_us.is_some() || keys_max.is_some() {
            self.keys = Some(KeysPlan {
                purge_us,
                keys_max: keys_max.unwrap_or(PARTITION_KEYS_MAX as u64),
            });
        }
    }

    /// The keys of a graph without state, where they are kept.
    pub(crate) fn kept_keys(&self) -> Option<KeptKeys> {
        let (keys, ty) = self.keys.zip(self.key_type())?;
        let keys_max = usize::try_from(keys.keys_max).unwrap_or(usize::MAX);
        Some(KeptKeys::new(ty, keys.purge_us, keys_max))
    }

    /// The key of a stream, where it has one.
    pub(super) fn key_of(&self, stream: &str) -> Option<&PartitionKey> {
        let mut keys = self.written.iter();
        keys.find(|k| k.stream.text.eq_ignore_ascii_case(stream))
    }

    /// The stream that gets rows of a stream without a key.
    fn unmatched_of(&self, stream: &str) -> Option<Name> {
        let own = |of: &Option<String>| of.as_ref().is_some_and(|s| s.eq_ignore_ascii_case(stream));
        let found = self.unmatched.iter().find(|(of, _)| own(of));
        let found = found.or_else(|| self.unmatched.iter().find(|(of, _)| of.is_none()));
        found.map(|(_, name)| name.clone())
    }

    /// The keys as written.
    pub(super) fn keys(&self) -> &[PartitionKey] {
        &self.written
    }

    /// The type of its key, once one is known.
    pub(super) fn key_type(&self) -> Option<Type> {
        self.ty.as_ref().map(|(ty, _)| *ty)
    }
}

fn number(value: &Name) -> Result<u64, Fault> {
    match value.text.trim().parse::<u64>() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(
            Fault::new(value.span, "a number of keys is a whole number from 1 on")
                .help("write 'keys.max'='100000'"),
        ),
    }
}

/// The queries of the partitions of an app, in order. Inner streams of different partitions have different names.
pub(super) fn inside(app: &App) -> Vec<Vec<Query>> {
    let mut taken: HashSet<String> = HashSet::new();
    let partitions = app.statements.iter().filter_map(|s| match s {
        Statement::Partition(partition) => Some(partition),
        _ => None,
    });
    let of = |(number, partition): (usize, &Partition)| {
        let mut queries = partition.queries.clone();
        let mut own = HashSet::new();
        for query in &mut queries {
            let timeout = query.pattern.as_mut().and_then(|p| p.timeout.as_mut());
            let sources = query.sources.iter_mut().map(|s| &mut s.stream);
            for name in sources.chain([&mut query.target]).chain(timeout) {
                if !name.text.starts_with('#') {
                    continue;
                }
                let lower = name.text.to_ascii_lowercase();
                if taken.contains(&lower) {
                    name.text = format!("{} ({})", name.text, number + 1);
                } else {
                    own.insert(lower);
                }
            }
        }
        taken.extend(own);
        queries
    };
    partitions.enumerate().map(of).collect()
}

/// Whether a name is that of an inner stream.
pub(super) fn is_inner(name: &Name) -> bool {
    name.text.starts_with('#')
}

/// Lets a bound query do by key what it does.
pub(super) fn apply(
    planner: &mut Planner<'_>,
    number: usize,
    query: &Query,
    plan: &mut QueryPlan,
) -> Option<()> {
    plan.partition = Some(number);
    for place in 0..plan.sources.len() {
        let stream = plan.sources[place].stream;
        let door = door(planner, number, stream)?;
        let source = &mut plan.sources[place];
        let schema = planner.streams[stream].schema.len();
        if matches!(planner.streams[stream].kind, StreamKind::Inner) {
            source.partition_key = Some(schema);
        } else if let Some(door) = door {
            let asked = plan.members.iter().filter(|m| m.source == place).count();
            source.partition_key = Some(match door.key {
                KeyPlan::Column(column) => column,
                KeyPlan::Value(_) | KeyPlan::Ranges(_) => schema + asked,
            });
            source.door = Some(door);
        }
    }
    let ty = planner.partitions[number].key_type();
    let key = check(query, plan).and_then(|()| key_of_rows(plan, ty));
    let key = key.map_err(|fault| planner.faults.push(fault)).ok()?;
    join_by_key(plan, ty);
    if plan.aggregates() && !plan.keys.iter().any(|k| is_same(k, &key)) {
        plan.keys.insert(0, key.clone());
    }
    plan.over.by_key(&key);
    if is_inner(&query.target) || plan.distinct {
        plan.outputs.push(key.clone());
    }
    plan.hides_key = plan.distinct && !is_inner(&query.target);
    plan.partition_key = Some(key);
    Some(())
}

fn is_same(a: &Typed, b: &Typed) -> bool {
    a.as_column().is_some() && a.as_column() == b.as_column()
}

impl QueryPlan {
    /// The place of the key of its partition among its groups: in front, unless the text groups by it.
    pub(crate) fn place_among_groups(&self) -> Option<usize> {
        let key = self.partition_key.as_ref()?;
        let written = self.keys.iter().position(|k| is_same(k, key));
        Some(written.unwrap_or(0))
    }
}

/// Each join meets by key where both sides have it.
fn join_by_key(plan: &mut QueryPlan, ty: Option<Type>) {
    let Some(ty) = ty else { return };
    for before in 0..plan.joins.len() {
        let right = before + 1;
        let Some(own) = key_of_source(plan, right, ty) else {
            continue;
        };
        let left = first_known(plan, 0..right, ty);
        let Some(left) = left else { continue };
        let whole = left.clone().equals(own.clone());
        let key = EqualKey {
            left,
            right: own,
            whole,
        };
        plan.joins[before].on.keys.insert(0, key);
    }
}

/// The key column of a source.
fn key_of_source(plan: &QueryPlan, source: usize, ty: Type) -> Option<Typed> {
    let column = plan.sources[source].partition_key?;
    let column = ColumnRef::Input { source, column };
    Some(Typed::column(column, ty, Span::default()))
}

/// The key of rows of several sources: of one that is never padded, otherwise of the first that is not.
fn first_known(plan: &QueryPlan, among: std::ops::Range<usize>, ty: Type) -> Option<Typed> {
    let never = never_padded(plan);
    let keys = among.filter_map(|s| Some((never[s], key_of_source(plan, s, ty)?)));
    let keys: Vec<(bool, Typed)> = keys.collect();
    if let Some((_, key)) = keys.iter().find(|(never, _)| *never) {
        return Some(key.clone());
    }
    let keys = keys.into_iter().map(|(_, key)| key).collect();
    Typed::first_of(keys)
}

fn key_of_rows(plan: &QueryPlan, ty: Option<Type>) -> Result<Typed, Fault> {
    if let (Some(_), Some(ty)) = (&plan.pattern, ty) {
        return Ok(Typed::column(ColumnRef::PartitionKey, ty, Span::default()));
    }
    let key = ty.and_then(|ty| first_known(plan, 0..plan.sources.len(), ty));
    key.ok_or_else(|| {
        let message = format!(
            "{} reads no stream that has a key of the partition",
            plan.name
        );
        let remedy = "add the stream to PARTITION WITH (…), or move the query out of the block";
        Fault::new(plan.target_span, message).help(remedy)
    })
}

/// What a partition forbids its queries.
fn check(query: &Query, plan: &QueryPlan) -> Result<(), Fault> {
    let without = plan.sources.iter().zip(&query.sources);
    let mut without = without.filter(|(s, _)| s.table.is_none() && s.partition_key.is_none());
    if let (true, Some((_, written))) = (plan.pattern.is_some(), without.next()) {
        let name = &written.stream.text;
        let message = format!("{name} has no key of the partition, and a pattern needs it");
        let remedy = format!("write {name} into PARTITION WITH (…) with its key");
        return Err(Fault::new(written.stream.span, message).help(remedy));
    }
    for (source, written) in plan.sources.iter().zip(&query.sources) {
        let why = source
            .window
            .as_ref()
            .and_then(WindowPlan::refused_in_partition);
        if let (Some(why), Some(window)) = (why, &written.window) {
            let remedy =
                "write the condition as a text, as in WINDOW('expression', 'count() <= 5')";
            return Err(Fault::new(window.span, why).help(remedy));
        }
    }
    let passes = plan.flushes() && !plan.only_flushes();
    if let Some(span) = query.distinct.filter(|_| passes) {
        let message = "DISTINCT behind a window that lets rows through as they come cannot stand in a partition";
        let remedy = "leave stream_current out, or write DISTINCT in a query without a window";
        return Err(Fault::new(span, message).help(remedy));
    }
    // Whose key is it that a padded row has?
    for (before, join) in plan.joins.iter().enumerate() {
        let [left, right] = join.preserves();
        let has_key =
            |mut of: std::ops::Range<usize>| of.any(|s| plan.sources[s].partition_key.is_some());
        let sides = [(left, 0..before + 1), (right, before + 1..before + 2)];
        for (preserved, side) in sides {
            if preserved && !has_key(side.clone()) {
                let written = &query.sources[side.start].stream;
                let name = &written.text;
                let message =
                    format!("rows of {name} have no key of the partition, and cannot be padded");
                let remedy = "write JOIN, or pad the other side";
                return Err(Fault::new(written.span, message).help(remedy));
            }
        }
    }
    if is_inner(&query.target) && !matches!(query.action, Action::Insert) {
        let fault = Fault::new(query.target.span, "an inner stream is no table");
        return Err(fault.help("tables stand outside of the partition"));
    }
    Ok(())
}

/// What rows of a stream pass in a partition; `None` inside where the stream has no key of it.
pub(super) fn door(
    planner: &mut Planner<'_>,
    number: usize,
    stream: usize,
) -> Option<Option<DoorPlan>> {
    let plan = planner.streams[stream].clone();
    let Some(written) = planner.partitions[number].key_of(&plan.name).cloned() else {
        return Some(None);
    };
    if let Some(fault) = no_stream(&plan, &written) {
        planner.faults.push(fault);
        return None;
    }
    let bound = bind_key(planner, &plan, &written)?;
    let (key, ty) = bound;
    let text = normal(planner.text.get(written.span.range()).unwrap_or_default());
    if let Some((known, at)) = &planner.partitions[number].ty
        && *known != ty
    {
        let message =
            format!("the keys of a partition have one type: {at} is {known}, this is {ty}");
        let remedy = format!("write CAST(… AS {known}) OF {}", written.stream.text);
        planner
            .faults
            .push(Fault::new(written.span, message).help(remedy));
        return None;
    }
    let partition = &mut planner.partitions[number];
    partition.ty.get_or_insert((ty, text.clone()));
    let counts = partition.counted.insert(stream);
    let unmatched = partition.unmatched_of(&plan.name).filter(|_| counts);
    let aside = match unmatched {
        Some(name) => Some(planner.unmatched_stream(&name, &plan)?),
        None => None,
    };
    Some(Some(DoorPlan {
        key,
        ty,
        text,
        counts,
        aside,
    }))
}

/// What has a name and no key.
fn no_stream(stream: &StreamPlan, written: &PartitionKey) -> Option<Fault> {
    let (what, remedy) = match stream.kind {
        StreamKind::Stream => return None,
        StreamKind::Table(_) => (
            "a table",
            "tables are read and written by all keys: remove it",
        ),
        _ => (
            "a window",
            "give the stream a key that is inserted into it, and a window inside the block",
        ),
    };
    let message = format!("{} is {what}, and no stream", written.stream.text);
    Some(Fault::new(written.stream.span, message).help(remedy))
}

fn bind_key(
    planner: &mut Planner<'_>,
    stream: &StreamPlan,
    written: &PartitionKey,
) -> Option<(KeyPlan, Type)> {
    let named = [NamedSource::of_stream(stream)];
    let tables = Arc::clone(&planner.table_streams);
    let mut scope = QueryScope::new(planner.text, planner.catalogue, &named, &tables);
    let clause = Clause::Source(0);
    let bound = match &written.by {
        PartitionBy::Value(expr) => scope.bind(clause, expr).map(|typed| {
            let column = plain_columns([&typed], 0).first().copied();
            let key = match column {
                Some(column) => KeyPlan::Column(column),
                None => KeyPlan::Value(typed.clone()),
            };
            (key, typed.ty, vec![typed])
        }),
        PartitionBy::Ranges(ranges) => {
            let bound = ranges.iter().map(|(condition, name)| {
                let typed = scope.condition(clause, condition)?;
                Some((typed, Str::from(name.text.as_str())))
            });
            let bound: Option<Vec<(Typed, Str)>> = bound.collect();
            bound.map(|ranges| {
                let all = ranges.iter().map(|(typed, _)| typed.clone()).collect();
                (KeyPlan::Ranges(ranges), Some(Type::String), all)
            })
        }
    };
    let asks_tables = !scope.members.is_empty();
    let mut faults = std::mem::take(&mut scope.faults);
    planner.faults.append(&mut faults);
    let (key, ty, all) = bound?;
    let fault = |message: &str, remedy: &str| Fault::new(written.span, message).help(remedy);
    let wrong = match ty {
        None => Some(fault("NULL is no key", "write an attribute of the stream")),
        _ if asks_tables => Some(fault(
            "the key of a partition does not depend on a table",
            "filter the stream by the table in a query inside",
        )),
        _ if !all.iter().all(Typed::is_same_each_time) => Some(fault(
            "the key of a row must stay as it is",
            "write an expression over attributes of the stream",
        )),
        _ => None,
    };
    if let Some(fault) = wrong {
        planner.faults.push(fault);
        return None;
    }
    Some((key, ty?))
}
