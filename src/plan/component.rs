//! Queries that are connected by streams, and how their rows are spread over workers.
//!
//! There is no exchange between workers: a row goes to the worker that owns its key, and everything that follows from
//! it happens there. So a component is keyed only if every query in it agrees on columns that can be traced back to
//! the streams through which rows come in, which today is one; any query that needs to see all rows makes the whole
//! component single.

use super::lineage::Lineage;
use super::meeting::{is_outside, keyed, meets_itself, why_not_keyed};
use super::{
    DoorPlan, JoinPlan, PartitionPlan, QueryPlan, StreamKind, StreamPlan, TablePlan, WindowPlan,
    together,
};
use crate::expr::Typed;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

/// Queries in a row: rows pass them in nested calls, on the caller's stack in an inline app.
pub(crate) const CHAIN_MAX: usize = 100;

/// A stream through which rows come into a keyed component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) stream: usize,
    /// Its key columns. Those of all entries have the same types in the same order, so that equal keys meet.
    pub(crate) columns: Vec<usize>,
}

impl Entry {
    /// The names of its key columns.
    pub(super) fn names(&self, streams: &[StreamPlan]) -> String {
        let attributes = streams[self.stream].schema.attributes();
        let names: Vec<&str> = self.columns.iter().map(|c| &*attributes[*c].name).collect();
        names.join(", ")
    }

    /// Its stream and key columns, for a reader.
    pub(super) fn text(&self, streams: &[StreamPlan]) -> String {
        format!("{}.({})", streams[self.stream].name, self.names(streams))
    }
}

/// Which worker a row goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Routing {
    /// To the owner of the key, which each stream from outside has in columns of its own.
    Keyed {
        /// At least one, and not two of one stream.
        entries: Vec<Entry>,
        /// What the key columns become on their way.
        lineage: Lineage,
    },
    /// All rows to one worker; why.
    Single(String),
}

impl Routing {
    /// The streams through which rows come in, where they are spread over workers.
    pub(crate) fn entries(&self) -> &[Entry] {
        match self {
            Routing::Keyed { entries, .. } => entries,
            Routing::Single(_) => &[],
        }
    }

    /// The key columns of a stream through which rows come in, where they are spread over workers.
    pub(crate) fn entry(&self, stream: usize) -> Option<&Entry> {
        self.entries().iter().find(|e| e.stream == stream)
    }

    /// The columns of a source of a query that say where a row stands, where rows are spread over workers.
    pub(crate) fn route(&self, query: usize, source: usize) -> Option<Vec<usize>> {
        match self {
            Routing::Keyed { lineage, .. } => lineage.source(query, source).map(<[usize]>::to_vec),
            Routing::Single(_) => None,
        }
    }
}

/// Queries connected by streams.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    /// Queries in an order in which writers come before readers where there is no cycle.
    pub(crate) queries: Vec<usize>,
    /// Streams that its queries read.
    pub(crate) reads: Vec<usize>,
    pub(crate) routing: Routing,
    /// Results depend on the order of rows across streams: rows are processed one by one.
    pub(crate) row_by_row: bool,
    /// Streams that several of its queries write, where their rows are put in order behind whole batches; those that
    /// follow from others stand behind them.
    pub(crate) merged: Vec<usize>,
    /// The tables that its queries use, in the order of their numbers.
    pub(crate) tables: Vec<usize>,
    /// The partitions of its queries whose keys are kept, in the order of their numbers.
    pub(crate) partitions: Vec<usize>,
    /// Rows of several streams meet in it, in joins or through tables.
    pub(crate) meets: bool,
    /// It has timers or asks for the clock.
    pub(crate) tracks_clock: bool,
    /// It asks which input row caused a row.
    pub(crate) tracks_cause: bool,
    /// It asks where a send ends.
    pub(crate) tracks_sends: bool,
}

/// Groups queries into components.
pub(crate) fn components(
    streams: &[StreamPlan],
    tables: &[TablePlan],
    partitions: &[PartitionPlan],
    queries: &[QueryPlan],
) -> Vec<Component> {
    let mut group: Vec<usize> = (0..queries.len()).collect();
    for stream in streams {
        if let Some(first) = stream.writers.first() {
            for query in stream.writers.iter().chain(&stream.readers) {
                union(&mut group, *first, *query);
            }
        }
    }
    // Whoever changes or reads a table stands with it.
    let mut users: HashMap<usize, usize> = HashMap::new();
    for (number, query) in queries.iter().enumerate() {
        for table in tables_of(streams, query) {
            let first = *users.entry(table).or_insert(number);
            union(&mut group, first, number);
        }
    }
    // Whoever has the keys of a partition that are kept, too.
    let mut by_key: HashMap<usize, usize> = HashMap::new();
    for (number, query) in queries.iter().enumerate() {
        if let Some(partition) = query.partition.filter(|p| partitions[*p].keys.is_some()) {
            let first = *by_key.entry(partition).or_insert(number);
            union(&mut group, first, number);
        }
    }
    // A row that several queries drop as late is counted once.
    let several_late = queries
        .iter()
        .filter(|q| q.has_late_rows())
        .nth(1)
        .is_some();
    let mut members = vec![Vec::new(); queries.len()];
    for query in 0..queries.len() {
        members[find(&group, query)].push(query);
    }
    members.retain(|m| !m.is_empty());
    let members = members.into_iter();
    let with_queries =
        members.map(|m| component(streams, queries, m, several_late, (tables, partitions)));
    let mut all: Vec<Component> = with_queries.collect();
    for (number, table) in tables.iter().enumerate() {
        if !all.iter().any(|c| c.tables.contains(&number)) {
            all.push(alone(number, table));
        }
    }
    all
}

/// The component of a table that no query uses.
fn alone(number: usize, table: &TablePlan) -> Component {
    Component {
        queries: Vec::new(),
        reads: Vec::new(),
        routing: Routing::Single(format!("table {}, which no query uses", table.name)),
        row_by_row: false,
        merged: Vec::new(),
        tables: vec![number],
        partitions: Vec::new(),
        meets: false,
        tracks_clock: table.shape.ttl_us.is_some(),
        tracks_cause: false,
        tracks_sends: false,
    }
}

/// The first query, by its number, behind more than [`CHAIN_MAX`] others in a row.
pub(crate) fn too_deep(components: &[Component], queries: &[QueryPlan]) -> Option<usize> {
    let mut depth = HashMap::new();
    for query in components.iter().flat_map(|c| &c.queries) {
        let plan = &queries[*query];
        let below = plan.read().filter_map(|s| depth.get(&s)).max();
        let here = 1 + below.copied().unwrap_or(0);
        if here > CHAIN_MAX {
            return Some(*query);
        }
        for written in plan.written() {
            let deepest: &mut usize = depth.entry(written).or_default();
            *deepest = here.max(*deepest);
        }
    }
    None
}

/// The tables that a query changes or looks up.
fn tables_of(streams: &[StreamPlan], query: &QueryPlan) -> impl Iterator<Item = usize> {
    let changed = streams[query.target].kind.table();
    changed.into_iter().chain(query.looked_up())
}

fn find(group: &[usize], mut member: usize) -> usize {
    while group[member] != member {
        member = group[member];
    }
    member
}

fn union(group: &mut [usize], a: usize, b: usize) {
    let (a, b) = (find(group, a), find(group, b));
    group[a.max(b)] = a.min(b);
}

/// `several_late`: rows may come too late for several queries of the app.
fn component(
    streams: &[StreamPlan],
    queries: &[QueryPlan],
    members: Vec<usize>,
    several_late: bool,
    (tables, partitions): (&[TablePlan], &[PartitionPlan]),
) -> Component {
    let used = members
        .iter()
        .flat_map(|q| tables_of(streams, &queries[*q]));
    let used = each_once(used);
    let mut kept = each_once(members.iter().filter_map(|q| queries[*q].partition));
    kept.retain(|p| partitions[*p].keys.is_some());
    let is_purged = |p: &usize| partitions[*p].keys.is_some_and(|k| k.purge_us.is_some());
    let purges = kept.iter().any(is_purged);
    let expires = used.iter().any(|t| tables[*t].shape.ttl_us.is_some());
    let (order, cycle) = topological(streams, queries, &members);
    let reads = each_once(members.iter().flat_map(|q| queries[*q].read()));
    let mut merged = with_other_rows(streams, queries, &members);
    let several = |q: &QueryPlan| q.pattern.is_some() && q.read().nth(1).is_some();
    let meets = |q: &QueryPlan| {
        let changes = streams[q.target].kind.table().is_some() && q.rollup.is_none();
        changes || !q.joins.is_empty() || several(q) || q.looked_up().next().is_some()
    };
    let any = |f: &dyn Fn(&QueryPlan) -> bool| members.iter().any(|q| f(&queries[*q]));
    let evaluates = |f: &dyn Fn(&Typed) -> bool| any(&|q| q.evaluated().any(f));
    // What such a row gives comes among the rows behind it, by its time.
    let pads_late = any(&|q| q.joins.iter().any(JoinPlan::pads_late));
    let tracks_clock =
        any(&QueryPlan::is_timed) || expires || purges || evaluates(&Typed::uses_clock);
    let row_by_row = cycle
        || pads_late
        || any(&|q| q.rate.as_ref().is_some_and(|r| r.wants_single_rows(q)))
        || meets_itself(streams, queries, &order);
    let waits_for_all = row_by_row
        || tracks_clock
        || !members
            .iter()
            .all(|q| answers_at_once(streams, &queries[*q]));
    let row_by_row = row_by_row || (waits_for_all && !merged.is_empty());
    if row_by_row {
        merged.clear();
    }
    // What is written last stands last: whoever reads one writes only into those behind it.
    let last_writer = |s: &usize| {
        order
            .iter()
            .rposition(|q| queries[*q].written().any(|w| w == *s))
    };
    merged.sort_by_key(last_writer);
    Component {
        routing: match together::why(order.iter().map(|q| &queries[*q]), |p| kept.contains(&p)) {
            Some(why) => Routing::Single(why),
            None => routing(streams, queries, &order, cycle),
        },
        row_by_row,
        meets: any(&meets),
        tracks_clock,
        tables: used,
        partitions: kept,
        tracks_cause: !merged.is_empty()
            || (several_late && any(&QueryPlan::has_late_rows))
            || any(&|q| q.windows().any(WindowPlan::uses_cause))
            || evaluates(&Typed::uses_cause),
        tracks_sends: any(&|q| q.windows().any(|w| matches!(w, WindowPlan::SendBatch))),
        queries: order,
        merged,
        reads,
    }
}

/// The streams that queries write where rows come by another way, too. All writers of a stream are in one component.
fn with_other_rows(streams: &[StreamPlan], queries: &[QueryPlan], members: &[usize]) -> Vec<usize> {
    let has_others = |s: &usize| {
        let s = &streams[*s];
        s.writers.len() > 1 || (s.declared && !s.readers.is_empty())
    };
    let written = members.iter().flat_map(|q| queries[*q].written());
    each_once(written.filter(has_others))
}

/// In their order.
fn each_once(numbers: impl Iterator<Item = usize>) -> Vec<usize> {
    numbers.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Whether whatever a query makes of a row comes with that row, and nothing but its own stream matters to it.
fn answers_at_once(streams: &[StreamPlan], query: &QueryPlan) -> bool {
    let is_plain = matches!(streams[query.target].kind, StreamKind::Stream);
    let holds_last_rows = |w: &WindowPlan| matches!(w, WindowPlan::Length(_));
    is_plain
        && query.sources.len() == 1
        && query.pattern.is_none()
        && query.joins.is_empty()
        && query.members.is_empty()
        && query.rate.is_none()
        && query.rollup.is_none()
        && query.partition.is_none()
        && query.late.is_none()
        && !query.has_late_rows()
        && !query.looks_back()
        && query.windows().all(holds_last_rows)
}

/// Writers before readers, ties by the order of the text; and whether there is a cycle.
fn topological(
    streams: &[StreamPlan],
    queries: &[QueryPlan],
    members: &[usize],
) -> (Vec<usize>, bool) {
    let mut left: BTreeSet<usize> = members.iter().copied().collect();
    // writers of each stream that are not in the order yet
    let mut writers: HashMap<usize, usize> = HashMap::new();
    for stream in members.iter().flat_map(|q| queries[*q].written()) {
        *writers.entry(stream).or_default() += 1;
    }
    let complete = |writers: &HashMap<usize, usize>, stream: usize| {
        writers.get(&stream).is_none_or(|left| *left == 0)
    };
    let fed = |writers: &HashMap<usize, usize>, query: usize| {
        queries[query].read().all(|s| complete(writers, s))
    };
    let first = members.iter().filter(|q| fed(&writers, **q));
    let mut ready: BinaryHeap<Reverse<usize>> = first.copied().map(Reverse).collect();
    let mut order = Vec::new();
    let mut cycle = false;
    while let Some(lowest) = left.first().copied() {
        let next = ready.pop().map(|Reverse(query)| query);
        cycle |= next.is_none();
        let next = next.unwrap_or(lowest);
        if !left.remove(&next) {
            continue;
        }
        order.push(next);
        for stream in queries[next].written() {
            if let Some(left) = writers.get_mut(&stream) {
                *left -= 1;
            }
            if complete(&writers, stream) {
                let readers = streams[stream].readers.iter().copied();
                ready.extend(readers.filter(|q| fed(&writers, *q)).map(Reverse));
            }
        }
    }
    (order, cycle)
}

/// What a query asks of the distribution of a source.
enum Demand {
    /// Any row may be anywhere.
    None,
    /// Rows that agree on these columns meet.
    Columns(Vec<usize>),
    /// All rows meet; why.
    All(&'static str),
}

/// The attributes of a source among expressions.
pub(super) fn plain_columns<'a>(
    expressions: impl IntoIterator<Item = &'a Typed>,
    source: usize,
) -> Vec<usize> {
    let columns = expressions.into_iter().filter_map(Typed::as_column);
    let mut columns: Vec<usize> = columns.filter_map(|c| c.attribute_of(source)).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

fn demand(query: &QueryPlan, source: usize) -> Demand {
    if query.partition.is_some() {
        return demand_of_key(query, source);
    }
    if !query.order.is_empty() || query.limit.is_some() || query.offset.is_some() {
        return Demand::All("ORDER BY, LIMIT or OFFSET");
    }
    if query.distinct {
        return Demand::All("DISTINCT");
    }
    if query.rate.as_ref().is_some_and(|r| !r.is_per_group(query)) {
        return Demand::All("its rate limit counts all of them together");
    }
    let window = query.sources[source].window.as_ref();
    if let Some(WindowPlan::Trigger(_)) = window {
        return Demand::All("a trigger fires once, not on each worker");
    }
    if query.joins_sources() {
        return joined_demand(query, window);
    }
    let window_keys = match window {
        None => None,
        Some(window) if window.spans_no_keys() => None,
        Some(window) => match window.own_keys() {
            Some(keys) => Some(plain_columns(keys, source)),
            None => return Demand::All("its window"),
        },
    };
    if query.looks_back() {
        let shared = plain_columns(query.over.shared_keys(), source);
        return columns(shared, query.over.why_not_keyed());
    }
    match (window_keys, query.aggregates()) {
        (None, false) if window.is_none() => Demand::None,
        (None, false) => Demand::All("its window"),
        (None, true) if query.keys.is_empty() => Demand::All("an aggregate without GROUP BY"),
        (None, true) => columns(
            plain_columns(&query.keys, source),
            "GROUP BY on expressions only",
        ),
        (Some(keys), false) => columns(keys, "its window has no key column"),
        (Some(keys), true) => {
            let mut shared = plain_columns(&query.keys, source);
            shared.retain(|c| keys.contains(c));
            columns(shared, "window and GROUP BY share no key column")
        }
    }
}

/// What a query in a partition asks of a source: rows of a key meet, and no others.
fn demand_of_key(query: &QueryPlan, source: usize) -> Demand {
    let plan = &query.sources[source];
    let computed = plan.door.as_ref().is_some_and(DoorPlan::adds_column);
    match plan.partition_key {
        _ if computed => Demand::All("the key of its partition is computed"),
        Some(key) => Demand::Columns(vec![key]),
        None => Demand::All("it reads a stream without a key of its partition"),
    }
}

/// What a join asks of a source, beside what its sources ask of each other.
fn joined_demand(query: &QueryPlan, window: Option<&WindowPlan>) -> Demand {
    if window.is_some_and(|w| !w.spans_no_keys() && w.own_keys().is_none()) {
        return Demand::All("the window of a source");
    }
    match query.apart_by() {
        Some(keys) if keys.is_empty() && query.looks_back() => {
            Demand::All(query.over.why_not_keyed())
        }
        Some(keys) if keys.is_empty() => Demand::All("an aggregate without GROUP BY"),
        _ => Demand::None,
    }
}

/// The columns of a source by which a query tells keys apart; `None` when it does not.
pub(super) fn plain_keys(query: &QueryPlan, source: usize) -> Option<Vec<usize>> {
    match demand(query, source) {
        Demand::Columns(columns) => Some(columns),
        Demand::None | Demand::All(_) => None,
    }
}

fn columns(columns: Vec<usize>, otherwise: &'static str) -> Demand {
    if columns.is_empty() {
        Demand::All(otherwise)
    } else {
        Demand::Columns(columns)
    }
}

fn restrict(allowed: &mut HashMap<usize, Vec<usize>>, stream: usize, columns: Vec<usize>) {
    match allowed.get_mut(&stream) {
        Some(have) => have.retain(|c| columns.contains(c)),
        None => drop(allowed.insert(stream, columns)),
    }
}

fn routing(streams: &[StreamPlan], queries: &[QueryPlan], order: &[usize], cycle: bool) -> Routing {
    if cycle {
        return Routing::Single("a query feeds its own input".to_string());
    }
    match allowed(streams, queries, order) {
        Ok(allowed) => routing_by(streams, queries, order, allowed),
        Err(why) => Routing::Single(why),
    }
}

/// By stream, the columns that rows may be spread by, where some query asks for that; an error says why they are not.
fn allowed(
    streams: &[StreamPlan],
    queries: &[QueryPlan],
    order: &[usize],
) -> Result<HashMap<usize, Vec<usize>>, String> {
    let mut allowed: HashMap<usize, Vec<usize>> = HashMap::new();
    for number in order.iter().rev() {
        let query = &queries[*number];
        if query.late.is_some() {
            return Err(format!("{} sends late rows to a stream", query.name));
        }
        let writes = streams[query.target].kind.table().is_some() && query.rollup.is_none();
        if writes || query.looked_up().next().is_some() {
            return Err(format!("{} uses a table", query.name));
        }
        for (source, stream) in query.fed() {
            match demand(query, source) {
                Demand::None => {}
                Demand::All(why) => {
                    return Err(format!("{} needs all rows: {why}", query.name));
                }
                Demand::Columns(columns) => restrict(&mut allowed, stream, columns),
            }
            if let Some(wanted) = allowed.get(&query.target) {
                let traced = wanted.iter().map(|c| &query.outputs[*c]);
                let columns = plain_columns(traced, source);
                restrict(&mut allowed, stream, columns);
            }
            if allowed.get(&stream).is_some_and(Vec::is_empty) {
                return Err(format!(
                    "{} shares no key column with the queries behind it",
                    query.name
                ));
            }
        }
    }
    Ok(allowed)
}

/// The routing of a component by columns that are `allowed`.
fn routing_by(
    streams: &[StreamPlan],
    queries: &[QueryPlan],
    order: &[usize],
    mut allowed: HashMap<usize, Vec<usize>>,
) -> Routing {
    let read = order.iter().flat_map(|q| queries[*q].read());
    let mut from_outside = read.filter(|s| is_outside(&streams[*s]));
    if order.iter().any(|q| queries[*q].joins_sources()) {
        return match keyed(streams, queries, order, &from_outside.collect()) {
            Some((entries, lineage)) => Routing::Keyed { entries, lineage },
            None => Routing::Single(why_not_keyed(queries, order)),
        };
    }
    let Some(stream) = from_outside.next() else {
        return Routing::Single("no stream from outside".to_string());
    };
    let mut outside: Vec<usize> = from_outside.chain([stream]).collect();
    outside.sort_unstable();
    outside.dedup();
    // Only a partition says that the key of one stream is that of another.
    if outside.len() > 1 && !order.iter().any(|q| queries[*q].partition.is_some()) {
        return Routing::Single("rows come in through several streams".to_string());
    }
    let of = |stream: usize| {
        let columns = allowed.remove(&stream)?;
        Some(Entry { stream, columns })
    };
    let entries: Option<Vec<Entry>> = outside.into_iter().map(of).collect();
    let Some(entries) = entries else {
        return Routing::Single("no query has a key".to_string());
    };
    if entries
        .iter()
        .any(|e| e.columns.len() != entries[0].columns.len())
    {
        return Routing::Single("streams have different keys".to_string());
    }
    match Lineage::of(queries, order, &entries) {
        Some(lineage) => Routing::Keyed { entries, lineage },
        None => {
            Routing::Single("writers of one stream give its key from other columns".to_string())
        }
    }
}
