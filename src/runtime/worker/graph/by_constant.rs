//! Rows go only to the readers whose constant they have, and a clock only where it changes something.
//!
//! How: where many readers of a stream here ask one column for a constant, a batch is looked up once; where they stand
//! in graphs of their own, whoever gives rows to these does so. A reader that gets no row is passed over until
//! something is due there; one that gets some is handed the whole batch and told which rows may matter, as its timers
//! fire by the rows that make them due, whichever they are.

use super::{Graph, Next, Node, Reader};
use crate::event::{Batch, Timestamp};
use crate::operator::by_constant::{ByConstant, CONSTANT_READERS_MIN, Constants, Picked};
use crate::runtime::worker::output::Outputs;

/// With what operators are passed over.
pub(super) struct Skips {
    /// As the readers of a graph: what each asks of its rows before all else, where they are looked up by that.
    pub(super) asked: Vec<Vec<Option<Constants>>>,
    /// By place of a stream: which readers get which rows, where many ask so.
    pub(super) indexes: Vec<Option<Box<ByConstant>>>,
    /// No operator does anything by a clock that makes nothing due.
    can_rest: bool,
    /// Before this time a clock changes nothing.
    rest: Timestamp,
}

impl Skips {
    pub(super) fn new(streams: usize) -> Self {
        Skips {
            asked: vec![Vec::new(); streams],
            indexes: Vec::new(),
            can_rest: false,
            rest: Timestamp::MIN,
        }
    }
}

impl Graph {
    /// Finds out which rows of which streams are looked up, and whether the clock may pass operators over.
    pub(super) fn find_constants(&mut self, tracks_clock: bool) {
        for (place, asked) in self.skips.asked.iter_mut().enumerate() {
            for (constants, reader) in asked.iter_mut().zip(&self.readers[place]) {
                let stands = match self.nodes[reader.node].operator.hands_on() {
                    Some(_) => behind(&self.nodes[reader.node].next),
                    None => Some(*reader),
                };
                let takes_some = stands.is_some_and(|r| self.nodes[r.node].operator.takes_some());
                constants.take_if(|_| !takes_some);
            }
        }
        let index = |asked: &Vec<Option<Constants>>| ByConstant::new(asked, CONSTANT_READERS_MIN);
        self.skips.indexes = self.skips.asked.iter().map(index).collect();
        let rests = |node: &Node| node.operator.rests_until().is_some();
        let can_rest = self.waits.is_empty()
            && self.table_numbers.is_empty()
            && self.partition_numbers.is_empty()
            && self.nodes.iter().all(rests);
        self.skips.can_rest = can_rest && tracks_clock;
        if can_rest && !tracks_clock {
            self.skips.rest = Timestamp(i64::MAX);
        }
    }

    /// What all readers of a stream ask of one column before all else, where that is so and no other row changes
    /// anything here but by its clock.
    pub(crate) fn constants(&self, stream: usize) -> Option<Constants> {
        let place = self.place(stream)?;
        let goes_apart = self.row_by_row || self.others.is_some() || self.tracks_sends;
        if goes_apart || !self.partition_numbers.is_empty() || self.skips.indexes[place].is_some() {
            return None;
        }
        let mut asked = self.skips.asked[place].iter();
        let first = asked.next()?.clone()?;
        asked.try_fold(first, |all, one| all.or(one.clone()?))
    }

    /// Processes rows of a stream of which no others matter but some, as [`Graph::constants`] says.
    #[inline]
    pub(crate) fn rows_among(
        &mut self,
        stream: usize,
        batch: &Batch,
        picked: Picked<'_>,
        outputs: &mut Outputs,
    ) {
        let (clock, cause) = last_of(batch);
        let is_timed = !batch.clock.is_empty();
        if picked.rows.is_empty() && clock < self.skips.rest {
            if is_timed {
                self.last_cause = cause;
            }
            return;
        }
        let Some(place) = self.place(stream) else {
            return;
        };
        for i in 0..self.readers[place].len() {
            self.give_among(self.readers[place][i], batch, picked, outputs);
        }
        if is_timed {
            self.advance(clock, cause, outputs);
        }
        self.pass_merged(&batch.causes, outputs);
    }

    /// Gives rows to the operators that read their stream, to those of the index the rows that these ask for. While the
    /// clock changes nothing, those that get none are not looked at.
    pub(super) fn feed_by_constant(&mut self, place: usize, batch: &Batch, outputs: &mut Outputs) {
        let Some(mut index) = self.skips.indexes[place].take() else {
            return;
        };
        index.pick(batch);
        let (clock, _) = last_of(batch);
        let mut next = 0;
        while next < self.readers[place].len() {
            let mut i = next;
            if clock < self.skips.rest {
                let Some(visited) = index.next_visited(i) else {
                    break;
                };
                i = visited;
            }
            next = i + 1;
            let picked = index.picked(i);
            let reader = self.readers[place][i];
            if !self.waiting.is_empty() {
                self.catch_up(reader.node, outputs);
            }
            self.end_before(reader.node, outputs);
            match picked {
                Some(picked) => self.give_among(reader, batch, picked, outputs),
                None => self.give_rows(reader, batch, outputs),
            }
        }
        self.skips.indexes[place] = Some(index);
    }

    /// Gives an operator the rows that may matter to it.
    fn give_among(
        &mut self,
        reader: Reader,
        batch: &Batch,
        picked: Picked<'_>,
        outputs: &mut Outputs,
    ) {
        let (clock, _) = last_of(batch);
        let reader = match self.nodes[reader.node].operator.hands_on() {
            None => reader,
            Some(true) if picked.in_time => match behind(&self.nodes[reader.node].next) {
                Some(reader) => reader,
                None => return,
            },
            Some(_) => return self.give_rows(reader, batch, outputs),
        };
        let Reader { node, port } = reader;
        let Node { operator, out, .. } = &mut self.nodes[node];
        if !picked.rows.is_empty() && batch.len() <= self.singly_max {
            return self.give_rows(reader, batch, outputs);
        }
        if picked.rows.is_empty() && operator.rests_until().is_some_and(|until| clock < until) {
            return;
        }
        self.current = node;
        operator.rows_among(port, &mut self.common, batch, picked, out);
        self.note_rest(node);
        self.pass(node, outputs);
    }

    /// An operator was given something: it may rest for less long.
    #[inline]
    pub(super) fn note_rest(&mut self, node: usize) {
        if self.skips.can_rest {
            let until = self.nodes[node].operator.rests_until();
            self.skips.rest = self.skips.rest.min(until.unwrap_or(Timestamp::MIN));
        }
    }

    /// Something else than rows came: any clock may change something.
    pub(super) fn wake(&mut self) {
        if self.skips.can_rest {
            self.skips.rest = Timestamp::MIN;
        }
    }

    /// Whether a clock changes nothing here.
    #[inline]
    pub(super) fn rests(&mut self, now: Timestamp) -> bool {
        now < self.skips.rest || (self.skips.can_rest && self.find_rest(now))
    }

    fn find_rest(&mut self, now: Timestamp) -> bool {
        let until = |node: &Node| node.operator.rests_until().unwrap_or(Timestamp::MIN);
        let all = self.nodes.iter().map(until).min();
        self.skips.rest = all.unwrap_or(Timestamp::MIN);
        now < self.skips.rest
    }
}

/// Where rows go from an operator that stands before another.
fn behind(next: &Next) -> Option<Reader> {
    match next {
        Next::Operator(reader) => Some(*reader),
        _ => None,
    }
}

/// Clock and cause of the last row of a batch that is not empty.
#[inline]
fn last_of(batch: &Batch) -> (Timestamp, u64) {
    let last = batch.len() - 1;
    (batch.clock_of(last), batch.cause_of(last))
}
