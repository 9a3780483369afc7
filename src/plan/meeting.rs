//! Where rows of several streams meet: by which columns they may be spread, and whether they go one by one.
//!
//! Rows that meet must be on one worker. In a join they meet where columns of all its sources are equal: such columns,
//! one of each source, are a *class*. A key of a component is a class of each of its joins, followed back to the
//! streams from outside.

use super::component::Entry;
use super::lineage::Lineage;
use super::pattern::PatternPlan;
use super::source::SourcePlan;
use super::{QueryPlan, StreamPlan};
use crate::event::Type;
use crate::expr::{ColumnRef, Typed};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// For each source of a query, the columns that are equal to those of the others where its rows meet.
pub(super) type Class = Vec<Vec<usize>>;

/// The classes of a join, or of a pattern whose runs of one key have nothing to do with those of another.
pub(super) fn classes(query: &QueryPlan) -> Vec<Class> {
    if query.partition.is_some() {
        return class_of_partition(query).into_iter().collect();
    }
    let pattern = query.pattern.as_ref().filter(|p| p.has_runs_by_key());
    let keys = pattern.iter().flat_map(|p| &p.terms).flat_map(|t| &t.keys);
    let keys = query.joins.iter().flat_map(|j| &j.on.keys).chain(keys);
    let columns = keys.filter_map(|key| Some((attribute(&key.left)?, attribute(&key.right)?)));
    classes_of(query, columns)
}

/// In a partition rows meet by its key alone, as what windows and patterns hold is apart by it; `None` where a source
/// lacks it, or computes it.
fn class_of_partition(query: &QueryPlan) -> Option<Class> {
    let key = |source: &SourcePlan| match (source.table, &source.door) {
        (Some(_), _) => Some(Vec::new()),
        (None, Some(door)) if door.adds_column() => None,
        (None, _) => source.partition_key.map(|key| vec![key]),
    };
    query.sources.iter().map(key).collect()
}

/// The classes by which a pattern tells its runs apart, where columns of different types may be equal.
pub(super) fn classes_of_runs(query: &QueryPlan, pattern: &PatternPlan) -> Vec<Class> {
    let keys = pattern.terms.iter().flat_map(|t| &t.keys);
    let columns = keys.filter_map(|key| {
        let (_, a, b) = key.whole.comparison()?;
        let column = |typed: &Typed| attribute(typed.widened().unwrap_or(typed));
        Some((column(a)?, column(b)?))
    });
    classes_of(query, columns)
}

/// The column of a source, and its type.
type Attribute = (usize, usize, Type);

/// The classes that follow from columns that are equal.
fn classes_of(
    query: &QueryPlan,
    equal: impl Iterator<Item = (Attribute, Attribute)>,
) -> Vec<Class> {
    let mut groups: Vec<Vec<Attribute>> = Vec::new();
    for (a, b) in equal {
        let (with, without): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|g| g.contains(&a) || g.contains(&b));
        let mut joined: Vec<_> = with.into_iter().flatten().chain([a, b]).collect();
        joined.sort_unstable_by_key(|(source, column, _)| (*source, *column));
        joined.dedup();
        groups = without;
        groups.push(joined);
    }
    let by_source = |group: &Vec<Attribute>| {
        let mut class = vec![Vec::new(); query.sources.len()];
        group
            .iter()
            .for_each(|(source, column, _)| class[*source].push(*column));
        class
    };
    let mut classes: Vec<Class> = groups.iter().map(by_source).collect();
    classes.retain(|class| class.iter().all(|columns| !columns.is_empty()));
    classes.sort_unstable();
    classes
}

fn attribute(typed: &Typed) -> Option<Attribute> {
    match typed.as_column()? {
        ColumnRef::Input { source, column } => Some((source, column, typed.ty?)),
        _ => None,
    }
}

/// The sources of a query that are never padded with NULL.
pub(super) fn never_padded(query: &QueryPlan) -> Vec<bool> {
    if let Some(pattern) = &query.pattern {
        let all = 0..query.sources.len();
        return all.map(|source| pattern.always_matches(source)).collect();
    }
    let mut never = vec![true; query.sources.len()];
    for (before, join) in query.joins.iter().enumerate() {
        let [left, right] = join.preserves();
        never[before + 1] &= !left;
        if right {
            never[..=before].fill(false);
        }
    }
    never
}

/// The streams from outside with their key columns, and what becomes of these, where rows that meet in joins have a
/// common key.
pub(super) fn keyed(
    streams: &[StreamPlan],
    queries: &[QueryPlan],
    order: &[usize],
    outside: &BTreeSet<usize>,
) -> Option<(Vec<Entry>, Lineage)> {
    let first = order.iter().find(|q| queries[**q].joins_sources())?;
    let query = &queries[*first];
    let classes = classes(query);
    let alone = classes.iter().map(|class| vec![class.clone()]);
    let all = std::iter::once(classes.clone()).chain(alone);
    for classes in all.filter(|classes| !classes.is_empty()) {
        let traced = classes
            .iter()
            .map(|class| trace(streams, queries, query, class));
        let traced = traced.collect::<Option<Vec<_>>>();
        let Some(entries) = traced.and_then(|keys| entries(&keys, outside)) else {
            continue;
        };
        if let Some(lineage) = Lineage::of(queries, order, &entries) {
            return Some((entries, lineage));
        }
    }
    None
}

/// Why rows that meet are not spread: of the first pattern that keeps them together, or of all that meet.
pub(super) fn why_not_keyed(queries: &[QueryPlan], order: &[usize]) -> String {
    for query in order.iter().map(|q| &queries[*q]) {
        if query.partition.is_some() && query.joins_sources() && classes(query).is_empty() {
            return format!(
                "{} reads a stream without a key of its partition",
                query.name
            );
        }
        let Some(pattern) = query.pattern.as_ref().filter(|_| query.partition.is_none()) else {
            continue;
        };
        let why = match (pattern.has_runs_by_key(), pattern.is_sequence) {
            (true, _) if !classes(query).is_empty() => continue,
            (true, _) => "not each of its terms has an attribute equal to one of the first term",
            (false, true) => "in a sequence rows of one key end runs of another",
            (false, false) => "it does not begin with EVERY before one term that takes one row",
        };
        return format!("{} is not apart by key: {why}", query.name);
    }
    "rows that meet have no common key column".to_string()
}

/// The streams with their columns of each key; `None` where a stream lacks one.
fn entries(keys: &[BTreeMap<usize, usize>], outside: &BTreeSet<usize>) -> Option<Vec<Entry>> {
    let entry = |stream: &usize| {
        let columns = keys.iter().map(|key| key.get(stream).copied());
        Some(Entry {
            stream: *stream,
            columns: columns.collect::<Option<_>>()?,
        })
    };
    outside.iter().map(entry).collect()
}

/// The columns of streams from outside that a class is made of, one of each stream.
fn trace(
    streams: &[StreamPlan],
    queries: &[QueryPlan],
    query: &QueryPlan,
    class: &Class,
) -> Option<BTreeMap<usize, usize>> {
    let mut found = BTreeMap::new();
    let sources = query.sources.iter().filter(|s| s.table.is_none());
    let sources = sources.zip(class);
    let mut left: Vec<(usize, usize)> = Vec::new();
    left.extend(sources.map(|(source, columns)| (source.stream, columns[0])));
    let mut seen = BTreeSet::new();
    while let Some((stream, column)) = left.pop() {
        if !seen.insert((stream, column)) {
            continue;
        }
        let plan = &streams[stream];
        if is_outside(plan) && found.insert(stream, column).is_some_and(|c| c != column) {
            return None;
        }
        for writer in &plan.writers {
            let writer = &queries[*writer];
            let (source, column, _) = attribute(writer.outputs.get(column)?)?;
            left.push((writer.sources[source].stream, column));
        }
    }
    Some(found)
}

/// Whether rows come into a stream from outside.
pub(super) fn is_outside(stream: &StreamPlan) -> bool {
    stream.writers.is_empty() || stream.declared
}

/// For each stream, the streams from outside of which its rows are made. `order`: writers before readers.
fn origins(
    streams: &[StreamPlan],
    queries: &[QueryPlan],
    order: &[usize],
) -> HashMap<usize, BTreeSet<usize>> {
    let mut origins: HashMap<usize, BTreeSet<usize>> = HashMap::new();
    for query in order.iter().map(|q| &queries[*q]) {
        let mut made_of = BTreeSet::new();
        for stream in query.read() {
            let known = origins.entry(stream).or_default();
            if is_outside(&streams[stream]) {
                known.insert(stream);
            }
            made_of.extend(known.iter().copied());
        }
        for stream in query.written() {
            origins.entry(stream).or_default().extend(&made_of);
        }
    }
    origins
}

/// Whether one row from outside may change both sides of a join, or a table and whoever looks it up: then rows go one
/// by one, so that it does not matter which come together.
pub(super) fn meets_itself(streams: &[StreamPlan], queries: &[QueryPlan], order: &[usize]) -> bool {
    let origins = origins(streams, queries, order);
    let of = |stream: usize| origins.get(&stream).cloned().unwrap_or_default();
    let of_query = |q: usize| queries[q].read().flat_map(of).collect::<BTreeSet<usize>>();
    let joins_itself = |q: &usize| {
        let sources: Vec<BTreeSet<usize>> = queries[*q].read().map(of).collect();
        let pairs = (0..sources.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
        queries[*q].joins_sources()
            && pairs
                .into_iter()
                .any(|(a, b)| !sources[a].is_disjoint(&sources[b]))
    };
    if order.iter().any(joins_itself) {
        return true;
    }
    // By table and stream from outside: how many queries write the table, and how many use it.
    let mut uses: HashMap<(usize, usize), (usize, usize)> = HashMap::new();
    for number in order {
        let query = &queries[*number];
        let written = streams[query.target].kind.table();
        if query.looked_up().any(|table| Some(table) == written) {
            return true;
        }
        let mut used: Vec<usize> = query.looked_up().chain(written).collect();
        used.sort_unstable();
        used.dedup();
        for (table, origin) in used
            .iter()
            .flat_map(|t| of_query(*number).into_iter().map(|o| (*t, o)))
        {
            let (writers, users) = uses.entry((table, origin)).or_default();
            *writers += usize::from(written == Some(table));
            *users += 1;
        }
    }
    uses.values()
        .any(|(writers, users)| *writers > 0 && *users > 1)
}
