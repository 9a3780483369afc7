//! The ordered buffer in front of windows whose results depend on the order of time.
//!
//! Why: with lateness, or with several inputs, rows come before their time has come, and not in the order of it. A
//! window that let them in as they come would hold rows too long and show others too early.
//! How: a row whose time the clock has not reached waits; when the clock reaches it, it goes through, behind timers
//! of that time, at its own time as clock. So the window sees the rows as if they had been sent in order, one after
//! the other. Where nothing waits and no row is ahead of the clock, which is always so for one input without lateness,
//! a batch goes through untouched. Rows behind the clock go through at once: the window says whether they are late.
//! Cost: O(log n) per row that waits, of n.

use crate::event::{Batch, Column, Mark, RowSet, RowView, Timestamp, Type};
use crate::operator::{
    Common, Counters, Kind, Moment, Operator, Out, Port, instant, newer_counter, words_cell,
};
use crate::state::{Cells, Malformed, Slot, SlotColumns, StateHolder, Visitor, encode_key};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Rows that may wait in one buffer; then the oldest goes through before its time, and is counted.
pub(crate) const REORDER_ROWS_MAX: usize = 1_000_000;

/// Rows that go through at once: a batch of the usual size.
const READY_ROWS_MAX: usize = 256;

/// What a row that waits carries beside its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Waiting {
    at: Timestamp,
    /// How many rows had to wait before.
    number: u64,
    cause: u64,
    /// The row is the result of a window that closed.
    closes: bool,
}

words_cell!(
    Waiting,
    "waiting row",
    4,
    |w| [w.at.0 as u64, w.number, w.cause, u64::from(w.closes)],
    |w| Some(Waiting {
        at: Timestamp(w[0] as i64),
        number: w[1],
        cause: w[2],
        closes: match w[3] {
            0 => false,
            1 => true,
            _ => return None,
        },
    })
);

impl Waiting {
    fn mark(&self) -> Mark {
        match self.closes {
            true => Mark::Close,
            false => Mark::Plain,
        }
    }

    /// What the order is by, and where the row stands.
    fn turn(&self, slot: Slot) -> Reverse<(Timestamp, u64, Slot)> {
        Reverse((instant(self.at, self.mark()), self.number, slot))
    }
}

/// Whether a row goes through at once: the clock has reached it, or the window refuses it.
#[inline]
fn passes(moment: Moment) -> bool {
    moment.mark == Mark::Ahead || moment.instant() <= moment.clock
}

/// A window that gets its rows in the order of their times.
pub(crate) struct InOrder {
    window: Box<dyn Operator>,
    waiting: Cells<Option<Waiting>>,
    rows: SlotColumns,
    /// Slots of `waiting` that hold no row.
    free: Vec<Slot>,
    /// The rows that wait, by their turn: an index.
    turns: BinaryHeap<Reverse<(Timestamp, u64, Slot)>>,
    rows_max: usize,
    /// Rows that had to wait so far.
    came: u64,
    /// Rows that went through before their time.
    early: u64,
    /// The columns that something reads: a row that waits has no others.
    carried: Vec<usize>,
    /// Which of them say where a row stands.
    routing: Vec<usize>,
    /// Rows on their way into the window.
    ready: Batch,
}

impl InOrder {
    /// In front of a window; `ready`: an empty batch as the window gets them. `carried` are the columns that something
    /// reads; no others are kept or filled. `routing` are those of them that say where a row stands, where rows are
    /// spread over workers.
    pub(crate) fn new(
        window: Box<dyn Operator>,
        ready: Batch,
        carried: Vec<usize>,
        routing: Vec<usize>,
    ) -> Self {
        let type_of = |k: &usize| ready.columns[*k].type_of();
        let types: Vec<Type> = carried.iter().map(type_of).collect();
        InOrder {
            window,
            waiting: Cells::default(),
            rows: SlotColumns::new(&types),
            free: Vec::new(),
            turns: BinaryHeap::new(),
            rows_max: REORDER_ROWS_MAX,
            came: 0,
            early: 0,
            carried,
            routing,
            ready,
        }
    }

    /// With another bound on the rows that wait.
    #[cfg(test)]
    fn bounded(self, rows_max: usize) -> Self {
        InOrder { rows_max, ..self }
    }

    /// Lets rows wait whose time the clock has not reached, and all others through.
    fn sort_in(&mut self, batch: &Batch, out: &mut Out) {
        for row in 0..batch.len() {
            let moment = Moment::of(batch, row);
            self.release(moment.clock, out);
            if passes(moment) {
                let rows = RowSet::Range(row..row + 1);
                self.ready.append_carried(batch, &rows, &self.carried);
                self.pass(READY_ROWS_MAX, out);
                continue;
            }
            if self.turns.len() >= self.rows_max {
                self.early += 1;
                self.let_through(Some(moment.clock));
            }
            // As every row does, it fires what its clock makes due, whether more rows come with it or not.
            if self.window.due().is_some_and(|due| due <= moment.clock) {
                self.pass(1, out);
                self.window.clock(moment.clock, moment.cause, out);
            }
            self.hold(batch, row, moment);
        }
        self.pass(1, out);
    }

    fn hold(&mut self, batch: &Batch, row: usize, moment: Moment) {
        let waiting = Waiting {
            at: moment.at,
            number: self.came,
            cause: moment.cause,
            closes: moment.mark == Mark::Close,
        };
        self.came += 1;
        let slot = match self.free.pop() {
            Some(slot) => {
                *self.waiting.get_mut(slot) = Some(waiting);
                slot
            }
            None => self.waiting.push(Some(waiting)),
        };
        self.rows.ensure(self.waiting.len());
        let columns = self.rows.writing(std::iter::once(slot)).iter_mut();
        for (to, k) in columns.zip(&self.carried) {
            to.set_from(slot as usize, &batch.columns[*k], row);
        }
        self.turns.push(waiting.turn(slot));
    }

    /// Makes the rows ready whose time is `now` or before.
    #[inline]
    fn release(&mut self, now: Timestamp, out: &mut Out) {
        while self.turns.peek().is_some_and(|turn| turn.0.0 <= now) {
            self.let_through(None);
            self.pass(READY_ROWS_MAX, out);
        }
    }

    /// Makes the row ready whose turn it is, at its own time, or at this clock where that is before its time.
    fn let_through(&mut self, clock: Option<Timestamp>) {
        let Some(Reverse((_, _, slot))) = self.turns.pop() else {
            return;
        };
        let waiting = self.waiting.get_mut(slot).take();
        self.free.push(slot);
        let waiting = waiting.expect("a row whose turn it is waits");
        let (mark, to) = (waiting.mark(), &mut self.ready);
        to.push_mark(mark);
        to.at.push(waiting.at);
        to.clock.push(clock.unwrap_or(waiting.at));
        if to.tracks_cause {
            to.causes.push(waiting.cause);
        }
        for (k, from) in self.carried.iter().zip(self.rows.columns()) {
            to.columns[*k].push_from(from, slot as usize);
        }
    }

    /// Gives the window what is ready, if that is at least so many rows.
    #[inline]
    fn pass(&mut self, rows_min: usize, out: &mut Out) {
        if self.ready.len() >= rows_min {
            self.window.rows(Kind::Rows, &self.ready, out);
            if out.take_through() {
                let mut to = out.batch();
                to.append(&self.ready, &RowSet::All);
                out.emit(Kind::Rows, to);
            }
            self.ready.clear();
        }
    }

    /// Checks what was loaded, and makes the index of it.
    fn rebuild(&mut self) -> Result<(), Malformed> {
        self.free.clear();
        self.turns.clear();
        for slot in 0..self.waiting.len() as Slot {
            match self.waiting.get(slot) {
                None => self.free.push(slot),
                Some(waiting) => {
                    if waiting.number >= self.came || !Timestamp::RANGE.contains(&waiting.at) {
                        return Err(Malformed::new("a row waits that never came"));
                    }
                    self.turns.push(waiting.turn(slot));
                }
            }
        }
        if self.rows.len() < self.waiting.len() || self.turns.len() > self.rows_max {
            return Err(Malformed::new("other rows wait than are held"));
        }
        Ok(())
    }
}

impl StateHolder for InOrder {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.window.state(visitor);
        visitor.newer_container("waiting", &mut self.waiting);
        visitor.newer_container("rows that wait", &mut self.rows);
        for count in [&mut self.came, &mut self.early] {
            newer_counter(visitor, count);
        }
        if visitor.is_loading()
            && let Err(why) = self.rebuild()
        {
            visitor.fail(why);
        }
    }
}

impl Operator for InOrder {
    /// In front of joins: rows that wait are numbered in the order in which they came of all streams.
    fn rows_at(
        &mut self,
        _port: Port,
        common: &mut Common,
        kind: Kind,
        batch: &Batch,
        out: &mut Out,
    ) {
        self.came = self.came.max(common.arrivals);
        self.rows(kind, batch, out);
        common.arrivals = self.came;
    }

    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        let has_come = |(at, clock): (&Timestamp, &Timestamp)| at <= clock;
        let all_have = || match batch.marks.is_empty() {
            true => batch.at.iter().zip(&batch.clock).all(has_come),
            false => (0..batch.len()).all(|row| passes(Moment::of(batch, row))),
        };
        if self.turns.is_empty() && all_have() {
            return self.window.rows(kind, batch, out);
        }
        self.sort_in(batch, out);
    }

    /// A row that nothing waits for and that need not wait; of a batch the order is kept by `rows`.
    fn row(&mut self, row: RowView<'_>, to: &mut Batch, out: &mut Out) -> bool {
        let is_alone = row.batch.len() == 1 && self.turns.is_empty();
        is_alone && passes(Moment::of(row.batch, row.row)) && self.window.row(row, to, out)
    }

    fn hands_on(&self) -> Option<bool> {
        self.window.hands_on().map(|_| self.turns.is_empty())
    }

    fn rests_until(&self) -> Option<Timestamp> {
        let turn = self.turns.peek().map(|turn| turn.0.0);
        Some(
            turn.into_iter()
                .fold(self.window.rests_until()?, Timestamp::min),
        )
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        self.release(now, out);
        self.pass(1, out);
        self.window.clock(now, cause, out);
    }

    fn timers(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        self.release(now.plus(-1), out);
        self.pass(1, out);
        self.window.clock(now, cause, out);
    }

    fn next_waiting(&self) -> Option<(Timestamp, u64)> {
        self.turns.peek().map(|turn| (turn.0.0, turn.0.1))
    }

    fn release_next(&mut self, out: &mut Out) {
        self.let_through(None);
        self.pass(1, out);
    }

    fn send_end(&mut self, out: &mut Out) {
        self.window.send_end(out);
    }

    fn is_open(&mut self) -> bool {
        !self.turns.is_empty() || self.window.is_open()
    }

    fn close(&mut self, out: &mut Out) {
        self.release(Timestamp(i64::MAX), out);
        self.pass(1, out);
        self.window.close(out);
    }

    fn due(&self) -> Option<Timestamp> {
        let turn = self.turns.peek().map(|turn| turn.0.0);
        turn.into_iter().chain(self.window.due()).min()
    }

    fn count(&self, into: &mut Counters) {
        self.window.count(into);
        into.limit_rows += self.early;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.window.routed_by(positions);
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        self.window.keep_keys(keep);
        let mut key = Vec::new();
        for slot in 0..self.waiting.len() as Slot {
            if self.waiting.get(slot).is_none() {
                continue;
            }
            key.clear();
            for column in &self.routing {
                encode_key(&[&self.rows.columns()[*column]], slot as usize, &mut key);
            }
            if !keep(&key) {
                self.waiting.reset(slot);
            }
        }
        self.rebuild().expect("rows that wait are held");
    }

    /// A row that waits counts from its time on.
    fn quiet_after(&self) -> Option<i64> {
        self.window.quiet_after()
    }

    fn find_by_partition(&mut self) {
        self.window.find_by_partition();
    }

    fn forget_keys(&mut self, keys: &Column) {
        self.window.forget_keys(keys);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Feed, check};
    use super::super::{Cron, Crontab, Delay, SessionWindow, Start, Time, TimeBatch};
    use super::*;
    use crate::event::Column;

    const TYPES: [Type; 1] = [Type::Int];

    fn feed<'a>(lines: &'a [&'a str]) -> Feed<'a> {
        Feed {
            types: &TYPES,
            keep: &[0],
            lines,
        }
    }

    fn behind_buffer(window: impl Operator + 'static) -> InOrder {
        let ready = Batch {
            tracks_clock: true,
            tracks_cause: true,
            columns: vec![Column::new(Type::Int)],
            ..Batch::default()
        };
        InOrder::new(Box::new(window), ready, vec![0], Vec::new())
    }

    fn in_order(window: impl Operator + 'static) -> Box<dyn Operator> {
        Box::new(behind_buffer(window))
    }

    /// Rows 400 ms out of order, within the lateness, and one behind it.
    const DISPLACED: [&str; 9] = [
        "lateness 500",
        "1000 1",
        "800 2",
        "900 3",
        "400 4",
        "1900 5",
        "1500 6",
        "clock 1900",
        "clock 5000",
    ];

    #[test]
    fn a_sliding_window_sees_rows_in_order() {
        let want = [
            "+ 800 2", "+ 900 3", "+ 1000 1", "+ 1500 6", "- 1800 2", "- 1900 3", "+ 1900 5",
            "- 2000 1", "- 2500 6", "- 2900 5",
        ];
        let count = check(&feed(&DISPLACED), &want, || {
            in_order(Time::new(1_000_000, usize::MAX, vec![0], &TYPES))
        });
        assert_eq!(count.late_rows, 1);
    }

    #[test]
    fn a_delay_a_session_and_batches_see_rows_in_order() {
        let want = ["+ 1300 2", "+ 1400 3", "+ 1500 1", "+ 2000 6", "+ 2400 5"];
        check(&feed(&DISPLACED), &want, || {
            in_order(Delay::new(500_000, vec![0], &TYPES))
        });
        let want = [
            "+ 800 2", "+ 900 3", "+ 1000 1", "- 1400 2", "- 1400 3", "- 1400 1", "+ 1500 6",
            "- 1900 6", "+ 1900 5", "- 2300 5",
        ];
        check(&feed(&DISPLACED), &want, || {
            in_order(SessionWindow::new(
                400_000,
                0,
                Vec::new(),
                &[],
                vec![0],
                &TYPES,
            ))
        });
        let want = [
            "[1000] + 800 2, + 900 3",
            "[1500] - 800 2, - 900 3, + 1000 1",
            "[2000] - 1000 1, + 1500 6, + 1900 5",
            "[2500] - 1500 6, - 1900 5",
        ];
        let batch = || TimeBatch::new(500_000, Start::Grid(0), false, vec![0], &TYPES);
        let count = check(&feed(&DISPLACED), &want, || in_order(batch()));
        assert_eq!(count.late_rows, 1, "the batch of 400 ms ended at 500");
    }

    #[test]
    fn a_row_behind_the_clock_joins_the_batch_of_its_time_if_that_is_open() {
        let lines = ["1000 1", "1400 2", "1100 3", "900 4", "clock 3000"];
        let want = [
            "[1500] + 1000 1, + 1100 3, + 1400 2",
            "[2000] - 1000 1, - 1100 3, - 1400 2",
        ];
        let batch = || TimeBatch::new(500_000, Start::FirstRow, false, vec![0], &TYPES);
        let count = check(&feed(&lines), &want, || in_order(batch()));
        assert_eq!(count.late_rows, 1);
        let crontab = Crontab::parse("*/1 * * * * *").expect("a cron expression");
        let cron = || Cron::new(crontab.clone(), false, vec![0], &TYPES);
        let want = ["[2000] + 1000 1, + 1100 3, + 1400 2"];
        let count = check(&feed(&lines), &want, || in_order(cron()));
        assert_eq!(count.late_rows, 1);
    }

    #[test]
    fn the_oldest_goes_early_where_too_many_wait() {
        let lines = ["lateness 5000", "1000 1", "3000 2", "2000 3", "clock 9000"];
        let want = ["+ 1000 1", "+ 2000 3", "+ 3000 2"];
        let window = || Time::new(60_000_000, usize::MAX, vec![0], &TYPES);
        let count = check(&feed(&lines), &want, || {
            Box::new(behind_buffer(window()).bounded(2))
        });
        assert_eq!(count.limit_rows, 1);
    }
}
