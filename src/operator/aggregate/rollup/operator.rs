//! The operator that fills an aggregation.

use super::{Fate, FinestRows, Rollup, RollupShape};
use crate::event::{Batch, DATED, Data, Mark, Period, Timestamp};
use crate::expr::{Frame, Program};
use crate::operator::aggregate::AggregateCall;
use crate::operator::{Counters, Kind, Operator, Out, counter};
use crate::state::{StateHolder, Visitor};

/// No time: a row that has none is in no pane.
const NO_TIME: Timestamp = Timestamp::MIN;

/// What an aggregation computes of its rows.
pub(crate) struct RollupCalls {
    /// Which rows count.
    pub(crate) condition: Option<Program>,
    pub(crate) keys: Vec<Program>,
    pub(crate) calls: Vec<(AggregateCall, Vec<Program>)>,
    /// The time of a row in milliseconds, where that is not when it happened.
    pub(crate) by: Option<Program>,
}

/// Fills an aggregation; emits nothing.
pub(crate) struct RollupAggregate {
    /// Lent while a join reads it.
    held: Option<Box<Rollup>>,
    input: RollupCalls,
    routing: Vec<usize>,
    late: u64,
    /// Rows without a time.
    refused: u64,
    faults: u64,
    /// Rows that count.
    rows: Vec<u32>,
    /// By place among them, the instant to which each belongs, and its time.
    instants: Vec<Timestamp>,
    times: Vec<Timestamp>,
    /// Places of a batch in a row.
    places: Vec<u32>,
}

impl RollupAggregate {
    pub(crate) fn new(shape: &RollupShape, input: RollupCalls, routing: Vec<usize>) -> Self {
        RollupAggregate {
            held: Some(Box::new(Rollup::new(shape))),
            input,
            routing,
            late: 0,
            refused: 0,
            faults: 0,
            rows: Vec::new(),
            instants: Vec::new(),
            times: Vec::new(),
            places: Vec::new(),
        }
    }

    /// With another bound on its groups.
    #[cfg(test)]
    pub(super) fn bounded(mut self, held_max: usize) -> Self {
        self.rollup().held_max = held_max;
        self
    }

    pub(super) fn rollup(&mut self) -> &mut Rollup {
        self.held
            .as_deref_mut()
            .expect("it is lent for the time of a look-up only")
    }

    fn peek(&self) -> &Rollup {
        self.held
            .as_deref()
            .expect("it is lent for the time of a look-up only")
    }

    /// Leaves in `rows` those that count, unless all do, which is answered.
    fn choose(&mut self, batch: &Batch) -> bool {
        let Some(condition) = &mut self.input.condition else {
            return true;
        };
        self.rows.clear();
        condition.filter(&batch.frame(), &mut self.faults, &mut self.rows);
        self.rows.len() == batch.len()
    }

    /// Finds when rows happened. `all`: whether all count.
    fn date(&mut self, batch: &Batch, all: bool) {
        let rows = (!all).then_some(self.rows.as_slice());
        let len = rows.map_or(batch.len(), <[u32]>::len);
        let row = |place: usize| rows.map_or(place, |rows| rows[place] as usize);
        self.times.clear();
        self.instants.clear();
        if let Some(by) = &mut self.input.by {
            let frame = Frame {
                rows,
                len,
                ..batch.frame()
            };
            let column = by.eval(&frame, &mut self.faults);
            let Data::Long(values) = column.data() else {
                unreachable!("the time of a row is LONG")
            };
            self.times
                .extend((0..len).map(|place| match column.is_null(place) {
                    true => NO_TIME,
                    false => Timestamp::from_millis(values[place]),
                }));
            self.instants.extend_from_slice(&self.times);
        } else {
            match rows {
                None => self.times.extend_from_slice(&batch.at),
                Some(rows) => {
                    let at = rows.iter().map(|row| batch.at[*row as usize]);
                    self.times.extend(at);
                }
            }
            let instant = |place: usize| match batch.mark(row(place)) {
                Mark::Ahead => Timestamp(i64::MAX),
                _ => batch.instant(row(place)),
            };
            match batch.marks.is_empty() {
                true => self.instants.extend_from_slice(&self.times),
                false => self.instants.extend((0..len).map(instant)),
            }
        }
    }

    /// Adds the rows from a place on that go the same way; returns where the next ones begin.
    fn add_run(&mut self, batch: &Batch, all: bool, first: usize, out: &mut Out) -> usize {
        let rows = (!all).then_some(self.rows.as_slice());
        let row = |place: usize| rows.map_or(place, |rows| rows[place] as usize);
        let held = self.held.as_deref_mut().expect("it is not lent here");
        held.advance(batch.clock_of(row(first)));
        let at = self.instants[first];
        if !DATED.contains(&at) {
            match self.input.by {
                Some(_) => self.refused += 1,
                None => {
                    self.late += 1;
                    out.refuse(batch, row(first));
                }
            }
            return first + 1;
        }
        let (together, until) = held.reach(at);
        let end = run_end(&self.instants, batch, rows, first, (together, until));
        let picked = match rows {
            Some(rows) => Some(&rows[first..end]),
            None if first == 0 && end == batch.len() => None,
            None => {
                self.places.clear();
                self.places.extend(first as u32..end as u32);
                Some(self.places.as_slice())
            }
        };
        let run = FinestRows {
            frame: Frame {
                rows: picked,
                len: end - first,
                ..batch.frame()
            },
            times: &self.times[first..end],
        };
        if held.add(&run, &mut self.input.keys, &mut self.input.calls) == Fate::Late {
            self.late += (end - first) as u64;
            (first..end).for_each(|place| out.refuse(batch, row(place)));
        }
        end
    }
}

/// Where the rows from `first` on end that go the same way: those in a period, before the clock is so far. `all`: the
/// instants of all rows that count.
fn run_end(
    all: &[Timestamp],
    batch: &Batch,
    rows: Option<&[u32]>,
    first: usize,
    (together, until): (Period, Timestamp),
) -> usize {
    let instants = &all[first + 1..];
    let differs = |at: Timestamp, clock: Timestamp| !together.contains(at) | (clock >= until);
    let found = match rows {
        None if batch.marks.is_empty() && !batch.clock.is_empty() => {
            let rest = instants.iter().zip(&batch.clock[first + 1..]);
            rest.into_iter()
                .position(|(at, clock)| differs(*at, *clock))
        }
        _ => {
            let row = |place: usize| rows.map_or(place, |rows| rows[place] as usize);
            let rest = instants.iter().enumerate();
            let clock = |place: usize| batch.clock_of(row(first + 1 + place));
            rest.into_iter()
                .position(|(place, at)| differs(*at, clock(place)))
        }
    };
    found.map_or(all.len(), |more| first + 1 + more)
}

impl StateHolder for RollupAggregate {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        counter(visitor, &mut self.late);
        counter(visitor, &mut self.refused);
        counter(visitor, &mut self.faults);
        self.rollup().state(visitor);
    }
}

impl Operator for RollupAggregate {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let all = self.choose(batch);
        self.date(batch, all);
        let mut place = 0;
        while place < self.instants.len() {
            place = self.add_run(batch, all, place, out);
        }
    }

    fn clock(&mut self, now: Timestamp, _cause: u64, _out: &mut Out) {
        self.rollup().advance(now);
    }

    fn due(&self) -> Option<Timestamp> {
        let due = self.peek().due;
        (due < Timestamp(i64::MAX)).then_some(due)
    }

    fn rollup(&mut self) -> Option<&mut Option<Box<Rollup>>> {
        Some(&mut self.held)
    }

    fn count(&self, into: &mut Counters) {
        let held = self.peek();
        into.late_rows += self.late;
        into.refused_rows += self.refused;
        into.value_faults += self.faults + held.faults;
        into.limit_rows += held.full;
        into.purged_groups += held.purged;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        let routing = std::mem::take(&mut self.routing);
        self.rollup().keep_keys(&routing, keep);
        self.routing = routing;
    }
}
