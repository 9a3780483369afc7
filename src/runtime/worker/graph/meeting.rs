//! How rows of several streams meet: one instant after the other.
//!
//! What a join holds on one side must not change while rows of the other are matched, and what happens in one instant
//! does so in an order that does not depend on which rows came together. So rows go together only up to where
//! something is due that they do not fire by themselves; timers come before rows that wait for their time, whatever
//! their streams; and where one row may change both sides, rows go one by one and what is derived from them waits for
//! the turn of the query that reads it.

use super::{Graph, Next, Node, Reader, same_columns};
use crate::event::{Batch, RowSet, Timestamp};
use crate::operator::Kind;
use crate::runtime::worker::output::Outputs;

impl Graph {
    /// For each stream, the operators to which nothing comes of its rows: what is due there comes between its rows.
    pub(super) fn others_by_stream(&self) -> Vec<Vec<usize>> {
        let of_stream = |readers: &Vec<Reader>| {
            let mut fed = vec![false; self.nodes.len()];
            let mut left: Vec<usize> = readers.iter().map(|r| r.node).collect();
            while let Some(node) = left.pop() {
                if std::mem::replace(&mut fed[node], true) {
                    continue;
                }
                match self.nodes[node].next {
                    Next::Operator(reader) => left.push(reader.node),
                    // Only where rows of several streams do not meet.
                    Next::Merged(..) => {}
                    Next::Stream(stream) => {
                        let read = self.place(stream);
                        left.extend(read.iter().flat_map(|r| &self.readers[*r]).map(|r| r.node));
                    }
                }
            }
            (0..self.nodes.len()).filter(|node| !fed[*node]).collect()
        };
        self.readers.iter().map(of_stream).collect()
    }

    /// Processes rows of a stream where rows of several meet: together up to where something is due that they do not
    /// fire by themselves, as what is held on the other sides changes then.
    pub(super) fn rows_that_meet(&mut self, stream: usize, batch: &Batch, outputs: &mut Outputs) {
        let mut first = 0;
        while first < batch.len() {
            let end = self.rows_before_others(stream, batch, first);
            if end > first {
                if first == 0 && end == batch.len() {
                    self.feed(stream, Kind::Rows, batch, outputs);
                } else {
                    let part = self.single.take().filter(|s| same_columns(s, batch));
                    let mut part = part.unwrap_or_else(|| Batch::like(batch));
                    part.clear();
                    part.append(batch, &RowSet::Range(first..end));
                    self.feed(stream, Kind::Rows, &part, outputs);
                    self.single = Some(part);
                }
                self.end_instant(outputs);
                first = end;
            }
            if first < batch.len() {
                self.advance(batch.clock_of(first), batch.cause_of(first), outputs);
            }
        }
        if let Some(clock) = batch.clock.last() {
            self.advance(*clock, batch.cause_of(batch.len() - 1), outputs);
        }
    }

    /// Up to which row nothing is due but what the rows fire by themselves.
    pub(super) fn rows_before_others(&self, stream: usize, batch: &Batch, first: usize) -> usize {
        let others = self.others.as_ref().zip(self.place(stream));
        let others = others.map_or(&[][..], |(others, place)| &others[place]);
        let due = others
            .iter()
            .filter_map(|node| self.nodes[*node].operator.due());
        let Some(due) = due.chain(self.common.tables.due()).min() else {
            return batch.len();
        };
        let rows = first..batch.len();
        rows.into_iter()
            .find(|row| batch.clock_of(*row) >= due)
            .unwrap_or(batch.len())
    }

    /// All rows of one cause, or all timers of one instant, were given: what waited for that goes on.
    pub(super) fn end_instant(&mut self, outputs: &mut Outputs) {
        for i in 0..self.waits.len() {
            let node = self.waits[i];
            if !self.waiting.is_empty() {
                self.catch_up(node, outputs);
            }
            self.end_instant_of(node, outputs);
        }
    }

    /// What waits in front of an operator for the end of an instant goes on: all of its sources have had their turn.
    #[inline]
    pub(super) fn end_before(&mut self, node: usize, outputs: &mut Outputs) {
        if self.row_by_row {
            self.end_instants_before(node, outputs);
        }
    }

    fn end_instants_before(&mut self, node: usize, outputs: &mut Outputs) {
        for i in 0..self.waits.len() {
            if self.waits[i] < node {
                self.end_instant_of(self.waits[i], outputs);
            }
        }
    }

    pub(super) fn end_instant_of(&mut self, node: usize, outputs: &mut Outputs) {
        self.current = node;
        self.lend(node);
        let Node { operator, out, .. } = &mut self.nodes[node];
        operator.instant_end(&mut self.common, out);
        self.lend(node);
        self.pass(node, outputs);
    }

    /// Lets rows of a stream wait until those before them have gone around.
    pub(super) fn let_go_around(&mut self, stream: usize, kind: Kind, batch: &Batch) {
        let one_by_one = self
            .place(stream)
            .is_some_and(|read| self.self_joined[read]);
        if !one_by_one || kind != Kind::Rows {
            return self.around.push_back((stream, kind, batch.clone()));
        }
        for place in 0..batch.len() {
            let mut row = Batch::like(batch);
            row.append(batch, &RowSet::Range(place..place + 1));
            self.around.push_back((stream, kind, row));
        }
    }

    /// Lets rows of a stream wait for the turn of those who read it.
    pub(super) fn let_wait(&mut self, read: usize, kind: Kind, batch: &Batch) {
        let one_by_one = self.self_joined[read] && !self.signed[read];
        let rows = if one_by_one { batch.len() } else { 1 };
        for place in 0..rows {
            let batch = match one_by_one {
                true => {
                    let mut row = Batch::like(batch);
                    row.append(batch, &RowSet::Range(place..place + 1));
                    row
                }
                false => batch.clone(),
            };
            let readers = self.readers[read].iter();
            let waiting = readers.map(|reader| (*reader, kind, batch.clone()));
            self.waiting.extend(waiting);
        }
    }

    /// Gives waiting rows to the queries up to that of operator `last`, in the order of queries, then of arrival: what
    /// earlier queries made of a row comes to a query before the row itself, and before what is due there.
    pub(super) fn catch_up(&mut self, last: usize, outputs: &mut Outputs) {
        let query = |graph: &Self, node: usize| graph.nodes.get(node).map_or(node, |n| n.first);
        let last = query(self, last);
        loop {
            let readers = self.waiting.iter().map(|(reader, ..)| *reader).enumerate();
            let turns = readers.map(|(place, reader)| (query(self, reader.node), place));
            let Some((_, place)) = turns.min().filter(|(query, _)| *query <= last) else {
                return;
            };
            let (reader, kind, batch) = self.waiting.remove(place);
            self.end_before(reader.node, outputs);
            self.give(reader, kind, &batch, outputs);
        }
    }

    pub(super) fn go_around(&mut self, outputs: &mut Outputs) {
        self.catch_up(usize::MAX, outputs);
        while let Some((stream, kind, batch)) = self.around.pop_front() {
            self.feed(stream, kind, &batch, outputs);
            self.end_instant(outputs);
        }
        self.rows_around = 0;
    }

    /// Fires what is due at an instant; rows that wait for it follow.
    pub(super) fn fire(&mut self, node: usize, due: Timestamp, cause: u64, outputs: &mut Outputs) {
        self.current = node;
        let Node { operator, out, .. } = &mut self.nodes[node];
        operator.timers(due, cause, out);
        self.pass(node, outputs);
    }

    /// Lets the rows go on that wait for their time, one by one in the order of time and arrival, whatever their
    /// stream.
    pub(super) fn release_waiting(&mut self, now: Timestamp, outputs: &mut Outputs) {
        loop {
            let nodes = self.nodes.iter().enumerate();
            let turns = nodes.filter_map(|(node, n)| Some((n.operator.next_waiting()?, node)));
            let Some((_, node)) = turns.min().filter(|((at, _), _)| *at <= now) else {
                return;
            };
            self.current = node;
            let Node { operator, out, .. } = &mut self.nodes[node];
            operator.release_next(out);
            self.pass(node, outputs);
            self.end_instant(outputs);
            self.go_around(outputs);
        }
    }
}
