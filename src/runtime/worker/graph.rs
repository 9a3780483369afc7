//! The operators of one component on one worker, and how rows pass them.
//!
//! How: operators stand in an order in which writers come before readers. A batch is given to the operators that read
//! its stream; what an operator emits is passed on at once, so rows leave the component in the order of their causes.
//! Where that order would depend on batch borders (several writers of one stream, a cycle) the component runs row by
//! row, and what a query emits waits until it is its readers' turn: rows of one cause enter a stream in the order of
//! its writers.

use super::output::Outputs;
use crate::event::{Batch, RowSet, RowView, Timestamp};
use crate::operator::{Counters, Kind, Operator, Out};
use crate::plan::{Component, ONLY_SOURCE, Plan, stages};
use crate::state::{StateHolder, Visitor};
use std::collections::{HashMap, VecDeque};

/// Derived rows of one cause in a component with a cycle. A query that feeds itself and never filters would not end;
/// 10,000 rows take some milliseconds.
const CYCLE_ROWS_MAX: usize = 10_000;

/// Where the rows of an operator go.
#[derive(Clone, Copy, Debug)]
enum Next {
    Operator(usize),
    Stream(usize),
}

struct Node {
    operator: Box<dyn Operator>,
    out: Out,
    next: Next,
    /// Stream of the rows that come too late.
    late: Option<usize>,
    query: usize,
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
}

impl StateHolder for Own<'_> {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.register(self.last_cause);
        visitor.register(self.dropped_around);
        visitor.newer_register(self.late_rows);
    }
}

/// The operators of one component.
pub(crate) struct Graph {
    nodes: Vec<Node>,
    /// The streams that are read here, in the order of their numbers.
    reads: Vec<usize>,
    /// By place in `reads`, the operators that read the stream.
    readers: Vec<Vec<usize>>,
    /// Streams whose readers may lead back to their writers.
    cyclic: bool,
    row_by_row: bool,
    pub(crate) tracks_sends: bool,
    /// Row by row, rows that wait for the turn of the operator that reads them, by that operator.
    waiting: Vec<(usize, Batch)>,
    /// Rows on their way around a cycle, with their stream.
    around: VecDeque<(usize, Batch)>,
    rows_around: usize,
    dropped_around: u64,
    /// Rows that came too late for some query, each counted once where causes are tracked.
    late_rows: u64,
    tracks_cause: bool,
    single: Option<Batch>,
    /// Up to so many rows are given to operators one by one. All by column until it is set.
    pub(super) singly_max: usize,
    /// Operator at work: named when it panics.
    current: usize,
    last_cause: u64,
}

impl Graph {
    /// The operators of a component.
    pub(crate) fn new(plan: &Plan, component: &Component, app: &str) -> Self {
        let mut graph = Graph {
            nodes: Vec::new(),
            reads: component.reads.clone(),
            readers: vec![Vec::new(); component.reads.len()],
            cyclic: false,
            row_by_row: component.row_by_row,
            tracks_sends: component.tracks_sends,
            waiting: Vec::new(),
            around: VecDeque::new(),
            rows_around: 0,
            dropped_around: 0,
            late_rows: 0,
            tracks_cause: component.tracks_cause,
            single: None,
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
            let source = plan.queries[*number].only_source().stream;
            let last = last_writer.get(&source);
            graph.cyclic |= last.is_some_and(|last| *last >= place);
            let read = graph.place(source).expect("it is read here");
            graph.readers[read].push(graph.nodes.len());
            graph.add_query(plan, component, *number, app);
        }
        graph
    }

    /// Adds the operators of a query.
    fn add_query(&mut self, plan: &Plan, component: &Component, number: usize, app: &str) {
        let query = &plan.queries[number];
        let input = &plan.streams[query.only_source().stream].schema;
        let stages = stages(
            query,
            input,
            app,
            component.tracks_clock,
            component.tracks_cause,
            component.routing.route(number, ONLY_SOURCE),
        );
        let last = stages.len() - 1;
        for (i, stage) in stages.into_iter().enumerate() {
            let next = if i == last {
                Next::Stream(query.target)
            } else {
                Next::Operator(self.nodes.len() + 1)
            };
            let mut out = Out::new(stage.like);
            if query.late.is_some() {
                let like = Batch {
                    tracks_clock: component.tracks_clock,
                    tracks_cause: component.tracks_cause,
                    ..Batch::new(input)
                };
                out = out.keeping_late(&like);
            }
            self.nodes.push(Node {
                operator: stage.operator,
                single: Some(out.batch()),
                out,
                next,
                late: query.late,
                query: number,
            });
        }
    }

    /// Where a stream stands among those that are read here. They mostly have numbers in a row.
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
        let mut own = Own {
            late_rows: &mut self.late_rows,
            last_cause: &mut self.last_cause,
            dropped_around: &mut self.dropped_around,
        };
        f(GRAPH_NODE, usize::MAX, 0, &mut own);
    }

    /// Drops all keys but those of some key groups.
    pub(crate) fn keep_groups(&mut self, keep: &dyn Fn(u64) -> bool) {
        for node in &mut self.nodes {
            node.operator.keep_groups(keep);
        }
    }

    /// The query whose operator worked last.
    pub(crate) fn current_query(&self) -> usize {
        self.nodes.get(self.current).map_or(0, |n| n.query)
    }

    /// Processes rows of a stream.
    pub(crate) fn rows(&mut self, stream: usize, batch: &Batch, outputs: &mut Outputs) {
        if !self.row_by_row {
            self.feed(stream, batch, outputs);
            if let Some(clock) = batch.clock.last() {
                self.advance(*clock, batch.cause_of(batch.len() - 1), outputs);
            }
            return;
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
            self.feed(stream, &single, outputs);
            self.go_around(outputs);
        }
        self.single = Some(single);
    }

    /// Gives rows to the operators that read their stream.
    fn feed(&mut self, stream: usize, batch: &Batch, outputs: &mut Outputs) {
        let Some(place) = self.place(stream) else {
            return;
        };
        for i in 0..self.readers[place].len() {
            let node = self.readers[place][i];
            if !self.waiting.is_empty() {
                self.catch_up(node, outputs);
            }
            self.give_rows(node, batch, outputs);
        }
    }

    /// Gives rows that merely travel together: one by one where they are few.
    #[inline]
    fn give_rows(&mut self, node: usize, batch: &Batch, outputs: &mut Outputs) {
        match batch.len() <= self.singly_max {
            true => self.give_singly(node, batch, outputs),
            false => self.give(node, Kind::Rows, batch, outputs),
        }
    }

    /// Gives rows one by one; what follows from them goes on together.
    fn give_singly(&mut self, node: usize, batch: &Batch, outputs: &mut Outputs) {
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
            done = operator.row(RowView { batch, row }, &mut to, out);
            if !done {
                break;
            }
        }
        if !done {
            self.nodes[node].single = Some(to);
            return self.give(node, Kind::Rows, batch, outputs);
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

    fn give(&mut self, node: usize, kind: Kind, batch: &Batch, outputs: &mut Outputs) {
        self.current = node;
        let Node { operator, out, .. } = &mut self.nodes[node];
        operator.rows(kind, batch, out);
        self.pass(node, outputs);
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
            Next::Operator(node) if kind == Kind::Rows => self.give_rows(node, batch, outputs),
            Next::Operator(node) => self.give(node, kind, batch, outputs),
            Next::Stream(stream) => self.stream(stream, batch, outputs),
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
            self.stream(stream, &mut late, outputs);
            self.nodes[node].out.put_late_back(late);
        }
    }

    /// Shows rows to the outside with the sign that the query gave; for readers all of them are `+`.
    fn stream(&mut self, stream: usize, batch: &mut Batch, outputs: &mut Outputs) {
        if batch.is_empty() {
            return;
        }
        outputs.show(stream, batch);
        let Some(read) = self.place(stream) else {
            return;
        };
        batch.signs.clear();
        if !self.cyclic {
            if self.row_by_row {
                let readers = self.readers[read].iter();
                self.waiting.extend(readers.map(|r| (*r, batch.clone())));
            } else {
                self.feed(stream, batch, outputs);
            }
            return;
        }
        self.rows_around += batch.len();
        if self.rows_around > CYCLE_ROWS_MAX {
            self.dropped_around += batch.len() as u64;
        } else {
            self.around.push_back((stream, batch.clone()));
        }
    }

    /// Gives waiting rows to the operators up to `last`, in the order of operators, then of arrival.
    fn catch_up(&mut self, last: usize, outputs: &mut Outputs) {
        let first = |waiting: &Vec<(usize, Batch)>| {
            let readers = waiting.iter().map(|(reader, _)| *reader).enumerate();
            readers.min_by_key(|(place, reader)| (*reader, *place))
        };
        while let Some((place, reader)) = first(&self.waiting).filter(|(_, r)| *r <= last) {
            let (_, batch) = self.waiting.remove(place);
            self.give(reader, Kind::Rows, &batch, outputs);
        }
    }

    fn go_around(&mut self, outputs: &mut Outputs) {
        self.catch_up(usize::MAX, outputs);
        while let Some((stream, batch)) = self.around.pop_front() {
            self.feed(stream, &batch, outputs);
        }
        self.rows_around = 0;
    }

    /// The clock reached `now`: fires the timers due at or before it.
    pub(crate) fn clock(&mut self, now: Timestamp, outputs: &mut Outputs) {
        self.advance(now, self.last_cause, outputs);
    }

    fn advance(&mut self, now: Timestamp, cause: u64, outputs: &mut Outputs) {
        self.last_cause = cause;
        if !self.row_by_row {
            for node in 0..self.nodes.len() {
                self.tick(node, now, cause, outputs);
            }
            return;
        }
        // Due time by due time over all operators: what one emits is processed before the next.
        while let Some(due) = self.due().filter(|d| *d <= now) {
            for node in 0..self.nodes.len() {
                self.catch_up(node, outputs);
                if self.nodes[node].operator.due().is_some_and(|d| d <= due) {
                    self.tick(node, due, cause, outputs);
                }
            }
            self.go_around(outputs);
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
        self.each(outputs, |operator, out| operator.close(out));
    }

    fn each(&mut self, outputs: &mut Outputs, f: impl Fn(&mut dyn Operator, &mut Out)) {
        for node in 0..self.nodes.len() {
            self.current = node;
            let Node { operator, out, .. } = &mut self.nodes[node];
            f(operator.as_mut(), out);
            self.pass(node, outputs);
            self.go_around(outputs);
        }
    }

    /// When the next timer is due.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.nodes.iter().filter_map(|n| n.operator.due()).min()
    }

    /// Adds the counters of all operators. `late`: late rows by query.
    pub(crate) fn count(&self, into: &mut Counters, late: &mut [u64]) {
        let others = into.late_rows;
        for node in &self.nodes {
            let before = into.late_rows;
            node.operator.count(into);
            late[node.query] += into.late_rows - before;
        }
        into.late_rows = others + self.late_rows;
        into.limit_rows += self.dropped_around;
    }
}

fn same_columns(a: &Batch, b: &Batch) -> bool {
    a.columns.len() == b.columns.len()
        && a.tracks_clock == b.tracks_clock
        && a.columns
            .iter()
            .zip(&b.columns)
            .all(|(x, y)| x.type_of() == y.type_of())
}
