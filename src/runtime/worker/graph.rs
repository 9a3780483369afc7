//! The operators of one component on one worker, and how rows pass them.
//!
//! How: operators stand in an order in which writers come before readers. A batch is given to the operators that read
//! its stream; what an operator emits is passed on at once, so rows leave the component in the order of their causes.
//! Where that order would depend on batch borders (several writers of one stream, a cycle) the component runs row by
//! row, and what a query emits waits until it is its readers' turn: rows of one cause enter a stream in the order of
//! its writers.

mod by_constant;
mod meeting;
mod merged;
mod purging;

use super::output::Outputs;
use crate::event::{Batch, RowSet, RowView, Timestamp};
use crate::operator::aggregate::Rollup;
use crate::operator::partition::Partitions;
use crate::operator::pattern::TraceSink;
use crate::operator::table::{Table, Tables};
use crate::operator::{Common, Counters, Kind, Operator, Out, Port};
use crate::plan::{Component, Held, Plan, QueryPlan, Site, StreamKind, stages};
use crate::state::{StateHolder, Visitor, key_group};
use by_constant::Skips;
use merged::Merged;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Derived rows of one cause in a component with a cycle. A query that feeds itself and never filters would not end;
/// 10,000 rows take some milliseconds.
const CYCLE_ROWS_MAX: usize = 10_000;

/// Where the rows of an operator go.
#[derive(Clone, Copy, Debug)]
enum Next {
    Operator(Reader),
    Stream(usize),
    /// Among the rows of other writers of the stream: its place, and that of the query among the queries.
    Merged(usize, usize),
}

/// An operator and the port by which rows come to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reader {
    node: usize,
    port: Port,
}

struct Node {
    operator: Box<dyn Operator>,
    out: Out,
    next: Next,
    /// Stream of the rows that come too late, or that are written beside others.
    late: Option<usize>,
    query: usize,
    /// The first operator of its query.
    first: usize,
    /// It waits for the end of an instant.
    waits: bool,
    /// The place of the kept keys of its partition, where they are kept.
    partition: Option<usize>,
    /// The places of the tables whose aggregations it reads.
    reads: Vec<usize>,
    /// Rows that follow from a single one, while nobody has them.
    single: Option<Box<Batch>>,
}

/// The node under which a graph keeps what belongs to none of its operators.
pub(crate) const GRAPH_NODE: u16 = u16::MAX;

/// What a graph itself remembers.
struct Own<'a> {
    late_rows: &'a mut u64,
    last_cause: &'a mut u64,
    dropped_around: &'a mut u64,
    arrivals: &'a mut u64,
}

impl StateHolder for Own<'_> {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.register(self.last_cause);
        visitor.register(self.dropped_around);
        visitor.newer_register(self.late_rows);
        visitor.newer_register(self.arrivals);
    }
}

/// The operators of one component.
pub(crate) struct Graph {
    nodes: Vec<Node>,
    /// The streams that are read here, in the order of their numbers.
    reads: Vec<usize>,
    /// By place in `reads`, the operators that read the stream.
    readers: Vec<Vec<Reader>>,
    /// With what operators are passed over.
    skips: Skips,
    /// By place in `reads`: its rows keep their signs for whoever reads them.
    signed: Vec<bool>,
    /// By place in `reads`: a query joins it with itself, so that its rows go one by one.
    self_joined: Vec<bool>,
    common: Common,
    /// The numbers of its tables in the app.
    table_numbers: Vec<usize>,
    /// The numbers of its partitions whose keys are kept.
    partition_numbers: Vec<usize>,
    /// By place of a table, the operator that holds its rows, where it is an aggregation.
    rollups: Vec<Option<usize>>,
    /// How many queries the app has: tables are counted behind them, and partitions behind these.
    queries: usize,
    tables: usize,
    /// By place in `reads`, the operators whose timers its rows do not fire by themselves, where rows of several
    /// streams meet; otherwise none.
    others: Option<Vec<Vec<usize>>>,
    /// Operators that wait for the end of an instant, in their order.
    waits: Vec<usize>,
    /// What several queries write, where batches pass whole all the same.
    merged: Vec<Merged>,
    /// Streams whose readers may lead back to their writers.
    cyclic: bool,
    row_by_row: bool,
    /// Batches pass whole: nothing stands here whose results depend on where they end.
    is_plain: bool,
    pub(crate) tracks_sends: bool,
    /// Row by row, rows that wait for the turn of the operator that reads them, by that operator.
    waiting: Vec<(Reader, Kind, Batch)>,
    /// Rows on their way around a cycle, with their stream.
    around: VecDeque<(usize, Kind, Batch)>,
    rows_around: usize,
    dropped_around: u64,
    /// Rows that came too late for some query, each counted once where causes are tracked.
    late_rows: u64,
    tracks_cause: bool,
    single: Option<Batch>,
    /// Rows between two times at which keys are looked at, while nobody has them.
    piece: Option<Batch>,
    /// Up to so many rows are given to operators one by one. All by column until it is set.
    pub(super) singly_max: usize,
    /// Operator at work: named when it panics.
    current: usize,
    last_cause: u64,
}

impl Graph {
    /// The operators of a component.
    pub(crate) fn new(plan: &Plan, component: &Component, app: &str) -> Self {
        let shapes = component.tables.iter().map(|t| &plan.tables[*t].shape);
        let kept = component.partitions.iter();
        let kept = kept.filter_map(|p| plan.partitions[*p].kept_keys());
        let is_signed = |s: &usize| matches!(plan.streams[*s].kind, StreamKind::Window(_));
        let twice = |s: usize, q: &usize| plan.queries[*q].read().filter(|r| *r == s).count() > 1;
        let is_self_joined = |s: &usize| component.queries.iter().any(|q| twice(*s, q));
        let mut graph = Graph {
            nodes: Vec::new(),
            reads: component.reads.clone(),
            readers: vec![Vec::new(); component.reads.len()],
            skips: Skips::new(component.reads.len()),
            signed: component.reads.iter().map(is_signed).collect(),
            self_joined: component.reads.iter().map(is_self_joined).collect(),
            common: Common {
                tables: Tables::new(shapes),
                partitions: Partitions(kept.collect()),
                rollups: component.tables.iter().map(|_| None).collect(),
                arrivals: 0,
            },
            table_numbers: component.tables.clone(),
            partition_numbers: component.partitions.clone(),
            rollups: Vec::new(),
            queries: plan.queries.len(),
            tables: plan.tables.len(),
            others: None,
            waits: Vec::new(),
            merged: component.merged.iter().map(|s| Merged::new(*s)).collect(),
            cyclic: false,
            row_by_row: component.row_by_row,
            is_plain: false,
            tracks_sends: component.tracks_sends,
            waiting: Vec::new(),
            around: VecDeque::new(),
            rows_around: 0,
            dropped_around: 0,
            late_rows: 0,
            tracks_cause: component.tracks_cause,
            single: None,
            piece: None,
            singly_max: 0,
            current: 0,
            last_cause: 0,
        };
        let places = component.queries.iter().enumerate();
        let last_writer: HashMap<usize, usize> = places
            .flat_map(|(place, number)| {
                let written = plan.queries[*number].written();
                written.map(move |stream| (stream, place))
            })
            .collect();
        for (place, number) in component.queries.iter().enumerate() {
            for source in plan.queries[*number].read() {
                let last = last_writer.get(&source);
                graph.cyclic |= last.is_some_and(|last| *last >= place);
            }
            graph.add_query(plan, component, *number, app);
        }
        graph.find_rollups(plan, component);
        graph.choose_how_to_forget(plan);
        graph.find_constants(component.tracks_clock);
        if component.meets && !component.row_by_row {
            graph.others = Some(graph.others_by_stream());
        }
        let purges = graph.common.partitions.idle_us().is_some();
        graph.is_plain = !graph.row_by_row && graph.others.is_none() && !purges;
        graph
    }

    /// Finds the operators that fill its aggregations.
    fn find_rollups(&mut self, plan: &Plan, component: &Component) {
        let filled_by = component.tables.iter().map(|t| plan.filled_by(*t));
        let filled_by: Vec<Option<usize>> = filled_by.collect();
        let rollups = filled_by.into_iter().map(|query| {
            let holds = |n: &mut Node| Some(n.query) == query && n.operator.rollup().is_some();
            self.nodes.iter_mut().position(holds)
        });
        self.rollups = rollups.collect();
    }

    /// Adds the operators of a query.
    fn add_query(&mut self, plan: &Plan, component: &Component, number: usize, app: &str) {
        let query = &plan.queries[number];
        let site = Site {
            plan,
            app,
            tracks_clock: component.tracks_clock,
            tracks_cause: component.tracks_cause,
            tables: &component.tables,
            partitions: &component.partitions,
        };
        let routes = query.sources.iter().enumerate().map(|(place, source)| {
            let route = component.routing.route(number, place);
            // On one worker, too, operators know the key of their partition, to forget keys.
            route.or_else(|| source.partition_key.map(|key| vec![key]))
        });
        let mut kept = component.partitions.iter();
        let partition = query.partition.and_then(|own| kept.position(|p| *p == own));
        let stages = stages(query, site, routes.collect());
        let first = self.nodes.len();
        let made = query.sources.iter().filter(|s| s.reach.is_some());
        let place = |table: usize| component.tables.iter().position(|t| *t == table);
        let reads = made.filter_map(|s| place(s.table?));
        let reads: Vec<usize> = reads.collect();
        let reader = |(stage, port): (usize, Port)| Reader {
            node: first + stage,
            port,
        };
        let sources = query.sources.iter().enumerate();
        for ((place, source), entry) in sources.zip(stages.entries) {
            if let Some(entry) = entry {
                let read = self.place(source.stream).expect("it is read here");
                self.readers[read].push(reader(entry));
                self.skips.asked[read].push(plan.constants(number, place));
            }
        }
        for stage in stages.stages {
            let next = match stage.next {
                Some(next) => Next::Operator(reader(next)),
                None => self.target(component, number, query.target),
            };
            let mut out = Out::new(stage.like);
            if query.late.is_some() {
                out = out.keeping_late(&late_rows(plan, component, query));
            }
            let mut late = query.late;
            if let Some((like, stream)) = &stage.aside {
                out = out.keeping_late(like);
                late = Some(*stream);
            }
            if stage.waits {
                self.waits.push(self.nodes.len());
            }
            self.nodes.push(Node {
                operator: stage.operator,
                single: Some(out.batch()),
                out,
                next,
                late,
                query: number,
                first,
                reads: match stage.waits {
                    true => reads.clone(),
                    false => Vec::new(),
                },
                waits: stage.waits,
                partition,
            });
        }
    }

    /// Where a stream stands among those that are read here. They mostly have numbers in a row.
    #[inline]
    fn place(&self, stream: usize) -> Option<usize> {
        let guess = stream.wrapping_sub(*self.reads.first()?);
        match self.reads.get(guess) {
            Some(read) if *read == stream => Some(guess),
            _ => self.reads.binary_search(&stream).ok(),
        }
    }

    /// Calls `f` with number, query, stage within the query, and state of every node, then with what belongs to the
    /// graph itself, as node [`GRAPH_NODE`].
    pub(crate) fn nodes_state(&mut self, f: &mut dyn FnMut(u16, usize, u16, &mut dyn StateHolder)) {
        let (mut before, mut stage) = (usize::MAX, 0);
        for (number, node) in self.nodes.iter_mut().enumerate() {
            stage = if node.query == before { stage + 1 } else { 0 };
            before = node.query;
            f(number as u16, node.query, stage, node.operator.as_mut());
        }
        let first = self.nodes.len();
        let tables = self.common.tables.0.iter_mut().zip(&self.table_numbers);
        for (place, (table, number)) in tables.enumerate() {
            if self.rollups[place].is_some() {
                continue;
            }
            f((first + place) as u16, self.queries + number, 0, table);
        }
        let first = first + self.common.tables.0.len();
        let kept = self
            .common
            .partitions
            .0
            .iter_mut()
            .zip(&self.partition_numbers);
        for (place, (keys, number)) in kept.enumerate() {
            let behind = self.queries + self.tables;
            f((first + place) as u16, behind + number, 0, keys);
        }
        // It may be loaded.
        self.wake();
        let mut own = Own {
            late_rows: &mut self.late_rows,
            last_cause: &mut self.last_cause,
            dropped_around: &mut self.dropped_around,
            arrivals: &mut self.common.arrivals,
        };
        f(GRAPH_NODE, usize::MAX, 0, &mut own);
    }

    /// What is held here of a table or a named window.
    pub(crate) fn held(&self, held: Held) -> Option<&Table> {
        match held {
            Held::Table(number) => {
                let place = self.table_numbers.iter().position(|t| *t == number)?;
                self.common.tables.0.get(place)
            }
            // Its rows are made: see `rollup_mut`.
            Held::Rollup(_) => None,
            Held::Window(query) => {
                let mut own = self.nodes.iter().filter(|n| n.query == query);
                own.find_map(|node| node.operator.held())
            }
        }
    }

    /// What is held here of an aggregation, by the number of its table.
    pub(crate) fn rollup_mut(&mut self, number: usize) -> Option<&mut Rollup> {
        let place = self.table_numbers.iter().position(|t| *t == number)?;
        let node = self.rollups[place]?;
        self.nodes[node].operator.rollup()?.as_deref_mut()
    }

    /// Lends an operator the aggregations that it reads; asked a second time, takes them back.
    #[inline]
    fn lend(&mut self, node: usize) {
        if !self.nodes[node].reads.is_empty() {
            self.swap_rollups(node);
        }
    }

    fn swap_rollups(&mut self, node: usize) {
        let reads = std::mem::take(&mut self.nodes[node].reads);
        for place in &reads {
            let holder = self.rollups[*place].map(|holder| &mut self.nodes[holder]);
            if let Some(held) = holder.and_then(|h| h.operator.rollup()) {
                std::mem::swap(held, &mut self.common.rollups[*place]);
            }
        }
        self.nodes[node].reads = reads;
    }

    /// A table of the app, if it stands here.
    pub(crate) fn table_mut(&mut self, number: usize) -> Option<&mut Table> {
        let place = self.table_numbers.iter().position(|t| *t == number)?;
        self.common.tables.0.get_mut(place)
    }

    /// Drops all keys but those of some key groups.
    pub(crate) fn keep_groups(&mut self, keep: &dyn Fn(u64) -> bool) {
        self.wake();
        for node in &mut self.nodes {
            node.operator.keep_keys(&|key| keep(key_group(key)));
        }
        let kept = self.common.partitions.0.iter_mut();
        kept.for_each(|keys| keys.keep_groups(keep));
    }

    /// Tells what happens to the runs of the pattern of a query.
    pub(crate) fn trace(&mut self, query: usize, sink: &Arc<dyn TraceSink>) {
        let own = self.nodes.iter_mut().filter(|n| n.query == query);
        own.for_each(|node| node.operator.trace(sink));
    }

    /// The query whose operator worked last.
    pub(crate) fn current_query(&self) -> usize {
        self.nodes.get(self.current).map_or(0, |n| n.query)
    }

    /// Processes rows of a stream.
    #[inline]
    pub(crate) fn rows(&mut self, stream: usize, batch: &Batch, outputs: &mut Outputs) {
        match self.is_plain {
            true => self.rows_together(stream, batch, outputs),
            false => self.rows_apart(stream, batch, outputs),
        }
    }

    /// Processes rows of a stream, cut where the order of what follows from them asks for it.
    fn rows_apart(&mut self, stream: usize, batch: &Batch, outputs: &mut Outputs) {
        match self.common.partitions.idle_us() {
            Some(idle_us) => self.rows_between_purges(idle_us, stream, batch, outputs),
            None => self.rows_at_once(stream, batch, outputs),
        }
    }

    fn rows_at_once(&mut self, stream: usize, batch: &Batch, outputs: &mut Outputs) {
        if self.others.is_some() {
            return self.rows_that_meet(stream, batch, outputs);
        }
        if !self.row_by_row {
            return self.rows_together(stream, batch, outputs);
        }
        let mut single = self
            .single
            .take()
            .filter(|s| same_columns(s, batch))
            .unwrap_or_else(|| Batch::like(batch));
        for row in 0..batch.len() {
            single.clear();
            single.append(batch, &RowSet::Range(row..row + 1));
            self.advance(batch.clock_of(row), batch.cause_of(row), outputs);
            self.feed(stream, Kind::Rows, &single, outputs);
            self.end_instant(outputs);
            self.go_around(outputs);
        }
        self.single = Some(single);
    }

    /// Gives rows to the operators that read their stream, then tells these the clock of the last one.
    #[inline]
    fn rows_together(&mut self, stream: usize, batch: &Batch, outputs: &mut Outputs) {
        self.feed(stream, Kind::Rows, batch, outputs);
        if let Some(clock) = batch.clock.last() {
            self.advance(*clock, batch.cause_of(batch.len() - 1), outputs);
        }
        self.pass_merged(&batch.causes, outputs);
    }

    /// Gives rows to the operators that read their stream.
    #[inline]
    fn feed(&mut self, stream: usize, kind: Kind, batch: &Batch, outputs: &mut Outputs) {
        let Some(place) = self.place(stream) else {
            return;
        };
        if self.skips.indexes[place].is_some() && kind == Kind::Rows && !batch.is_empty() {
            return self.feed_by_constant(place, batch, outputs);
        }
        for i in 0..self.readers[place].len() {
            let reader = self.readers[place][i];
            if !self.waiting.is_empty() {
                self.catch_up(reader.node, outputs);
            }
            self.end_before(reader.node, outputs);
            self.give_kind(reader, kind, batch, outputs);
        }
    }

    #[inline]
    fn give_kind(&mut self, reader: Reader, kind: Kind, batch: &Batch, outputs: &mut Outputs) {
        match kind {
            Kind::Rows => self.give_rows(reader, batch, outputs),
            _ => self.give(reader, kind, batch, outputs),
        }
    }

    /// Gives rows that merely travel together: one by one where they are few.
    #[inline]
    fn give_rows(&mut self, reader: Reader, batch: &Batch, outputs: &mut Outputs) {
        match batch.len() <= self.singly_max {
            true => self.give_singly(reader, batch, outputs),
            false => self.give(reader, Kind::Rows, batch, outputs),
        }
    }

    /// Gives rows one by one; what follows from them goes on together.
    fn give_singly(&mut self, reader: Reader, batch: &Batch, outputs: &mut Outputs) {
        let node = reader.node;
        self.current = node;
        let Node {
            operator,
            out,
            single,
            next,
            ..
        } = &mut self.nodes[node];
        let next = *next;
        let mut to = single.take().unwrap_or_else(|| out.batch());
        let mut done = true;
        for row in 0..batch.len() {
            let view = RowView { batch, row };
            done = operator.row_at(reader.port, &mut self.common, view, &mut to, out);
            if !done {
                break;
            }
        }
        let through = out.take_through();
        self.note_rest(node);
        let Node { out, .. } = &mut self.nodes[node];
        if !done || through {
            self.nodes[node].single = Some(to);
            return match done {
                true => self.pass_through(node, Kind::Rows, batch, outputs),
                false => self.give(reader, Kind::Rows, batch, outputs),
            };
        }
        if out.has_late() {
            self.pass_late(node, outputs);
        }
        if !to.is_empty() {
            self.hand_on(next, Kind::Rows, &mut to, outputs);
            to.clear();
        }
        self.nodes[node].single = Some(to);
    }

    fn give(&mut self, reader: Reader, kind: Kind, batch: &Batch, outputs: &mut Outputs) {
        let Reader { node, port } = reader;
        self.current = node;
        self.lend(node);
        let Node { operator, out, .. } = &mut self.nodes[node];
        operator.rows_at(port, &mut self.common, kind, batch, out);
        let through = out.take_through();
        self.note_rest(node);
        self.lend(node);
        if self.common.partitions.have_gone() {
            self.forget_gone();
        }
        if through {
            return self.pass_through(node, kind, batch, outputs);
        }
        self.pass(node, outputs);
    }

    /// Gives the operator behind another the very batch that this one got.
    fn pass_through(&mut self, node: usize, kind: Kind, batch: &Batch, outputs: &mut Outputs) {
        match self.nodes[node].next {
            Next::Operator(reader) => self.give_kind(reader, kind, batch, outputs),
            _ => unreachable!("a query ends with rows of its own"),
        }
    }

    /// Passes on what an operator has emitted. The depth of calls is the length of the longest chain of operators.
    #[inline]
    fn pass(&mut self, node: usize, outputs: &mut Outputs) {
        if self.nodes[node].out.has_late() {
            self.pass_late(node, outputs);
        }
        if self.nodes[node].out.ready.is_empty() {
            return;
        }
        let mut ready = std::mem::take(&mut self.nodes[node].out.ready);
        let next = self.nodes[node].next;
        for (kind, mut batch) in ready.drain(..) {
            self.hand_on(next, kind, &mut batch, outputs);
            self.nodes[node].out.recycle(batch);
        }
        self.nodes[node].out.ready = ready;
    }

    /// Gives rows that an operator has emitted to whoever comes next.
    #[inline]
    fn hand_on(&mut self, next: Next, kind: Kind, batch: &mut Batch, outputs: &mut Outputs) {
        match next {
            Next::Operator(reader) => self.give_kind(reader, kind, batch, outputs),
            Next::Stream(stream) => self.stream(stream, kind, batch, outputs),
            Next::Merged(place, writer) => self.merged[place].take(writer, batch),
        }
    }

    /// Counts rows that came too late, once whatever number of queries drop them, and sends them to their stream.
    #[cold]
    fn pass_late(&mut self, node: usize, outputs: &mut Outputs) {
        for cause in self.nodes[node].out.take_refused() {
            let is_first = !self.tracks_cause || outputs.late_causes.insert(cause);
            self.late_rows += u64::from(is_first);
        }
        let stream = self.nodes[node].late;
        if let (Some(mut late), Some(stream)) = (self.nodes[node].out.take_late(), stream) {
            self.stream(stream, Kind::Rows, &mut late, outputs);
            self.nodes[node].out.put_late_back(late);
        }
    }

    /// Shows rows to the outside with the sign that the query gave; for readers all of them are `+`, but those of a
    /// named window, which come as it lets them out.
    fn stream(&mut self, stream: usize, kind: Kind, batch: &mut Batch, outputs: &mut Outputs) {
        let read = self.place(stream);
        let signed = read.is_some_and(|read| self.signed[read]);
        if batch.is_empty() && !(signed && kind != Kind::Rows) {
            return;
        }
        outputs.show(stream, batch);
        let Some(read) = read else {
            return;
        };
        let kind = match signed {
            true => kind,
            false => {
                batch.signs.clear();
                Kind::Rows
            }
        };
        if !self.cyclic {
            if self.row_by_row {
                self.let_wait(read, kind, batch);
            } else {
                self.feed(stream, kind, batch, outputs);
            }
            return;
        }
        self.rows_around += batch.len();
        if self.rows_around > CYCLE_ROWS_MAX {
            self.dropped_around += batch.len() as u64;
        } else {
            self.let_go_around(stream, kind, batch);
        }
    }

    /// What begins with the app begins at `now`, unless it has begun before.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.wake();
        self.nodes
            .iter_mut()
            .for_each(|node| node.operator.begin(now));
    }

    /// The clock reached `now`: fires the timers due at or before it.
    pub(crate) fn clock(&mut self, now: Timestamp, outputs: &mut Outputs) {
        let cause = self.last_cause;
        self.take_some_out(1);
        self.purge_until(now, cause, outputs);
        self.advance(now, cause, outputs);
    }

    fn advance(&mut self, now: Timestamp, cause: u64, outputs: &mut Outputs) {
        self.last_cause = cause;
        if self.rests(now) {
            return;
        }
        if !self.row_by_row && self.others.is_none() {
            for node in 0..self.nodes.len() {
                self.tick(node, now, cause, outputs);
            }
            return;
        }
        if self.next_timer().is_some_and(|due| due <= now) {
            self.nodes
                .iter_mut()
                .for_each(|node| node.operator.skip(now));
        }
        // Due time by due time over all operators: what one emits is processed before the next.
        while let Some(due) = self.next_timer().filter(|d| *d <= now) {
            self.common.tables.expire(due);
            for node in 0..self.nodes.len() {
                self.catch_up(node, outputs);
                if self.nodes[node].operator.due().is_some_and(|d| d <= due) {
                    self.fire(node, due, cause, outputs);
                }
                if self.nodes[node].waits {
                    self.end_instant_of(node, outputs);
                }
            }
            self.go_around(outputs);
            self.release_waiting(due, outputs);
        }
        for node in 0..self.nodes.len() {
            self.tick(node, now, cause, outputs);
        }
    }

    #[inline]
    fn tick(&mut self, node: usize, now: Timestamp, cause: u64, outputs: &mut Outputs) {
        self.current = node;
        let Node { operator, out, .. } = &mut self.nodes[node];
        operator.clock(now, cause, out);
        self.pass(node, outputs);
    }

    /// All rows of a send have been processed.
    pub(crate) fn send_end(&mut self, outputs: &mut Outputs) {
        self.each(outputs, |operator, out| operator.send_end(out));
    }

    /// Closes what is open, as if its time had come.
    pub(crate) fn close(&mut self, outputs: &mut Outputs) {
        self.take_all_out();
        self.each(outputs, |operator, out| operator.close(out));
    }

    /// Marks the queries of which rows would come then.
    pub(crate) fn mark_open(&mut self, open: &mut [bool]) {
        self.take_all_out();
        for node in &mut self.nodes {
            open[node.query] |= node.operator.is_open();
        }
    }

    fn each(&mut self, outputs: &mut Outputs, f: impl Fn(&mut dyn Operator, &mut Out)) {
        self.wake();
        for node in 0..self.nodes.len() {
            self.current = node;
            let Node { operator, out, .. } = &mut self.nodes[node];
            f(operator.as_mut(), out);
            self.pass(node, outputs);
            if self.nodes[node].waits {
                self.end_instant_of(node, outputs);
            }
            self.go_around(outputs);
        }
    }

    /// When the next timer is due, or keys go; at once while some are gone and still there.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let purge = match self.common.partitions.are_pending() {
            true => Some(Timestamp::MIN),
            false => self.common.partitions.due(),
        };
        self.next_timer().into_iter().chain(purge).min()
    }

    /// When the next timer is due of an operator or a table.
    fn next_timer(&self) -> Option<Timestamp> {
        let operators = self.nodes.iter().filter_map(|n| n.operator.due());
        operators.chain(self.common.tables.due()).min()
    }

    /// Adds the counters of all operators. `late`: late rows by query.
    pub(crate) fn count(&self, into: &mut Counters, late: &mut [u64]) {
        let others = into.late_rows;
        for node in &self.nodes {
            let before = into.late_rows;
            node.operator.count(into);
            late[node.query] += into.late_rows - before;
        }
        for keys in &self.common.partitions.0 {
            keys.count(into);
        }
        into.late_rows = others + self.late_rows;
        into.limit_rows += self.dropped_around;
    }
}

/// An empty batch of the rows that may come too late for a query.
fn late_rows(plan: &Plan, component: &Component, query: &QueryPlan) -> Batch {
    Batch {
        tracks_clock: component.tracks_clock,
        tracks_cause: component.tracks_cause,
        ..Batch::new(&plan.streams[query.only_source().stream].schema)
    }
}

fn same_columns(a: &Batch, b: &Batch) -> bool {
    a.columns.len() == b.columns.len()
        && a.tracks_clock == b.tracks_clock
        && a.tracks_cause == b.tracks_cause
        && a.columns
            .iter()
            .zip(&b.columns)
            .all(|(x, y)| x.type_of() == y.type_of())
}
