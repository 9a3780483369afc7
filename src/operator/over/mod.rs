//! Calls with OVER: to each row the values of what came before it.
//!
//! How: calls that look at the same rows share a frame, which has the keys, by which rows are kept apart, and the rows
//! held. Frames that count rows (`by_rows.rs`) answer each row as it comes. A frame of time (`by_time.rs`) has rows of
//! the same time in it, which may come later: its rows wait (`waiting.rs`) until the clock has passed their time. All
//! that wait have one time, as rows come in the order of theirs.
//! Cost: a look-up per row and frame, and what the accumulators cost for a row that comes and one that leaves.

mod by_rows;
mod by_time;
#[cfg(test)]
mod tests;
mod waiting;

use by_rows::ByRows;
use by_time::ByTime;
use waiting::Waiting;

use super::aggregate::{Accumulator, AggregateCall, Change, Changes, Columns};
use super::projection::{Projection, Rows};
use super::{Counters, Kind, Moment, Operator, Out, counter};
use crate::event::{Batch, Column, RowView, Sign, Timestamp, Type};
use crate::expr::{Frame, Program, RowFrame};
use crate::sql::ast::Events;
use crate::state::{Malformed, Slot, StateHolder, Visitor};

/// Rows of a key that a frame holds, or that `lag` counts back: a region of a million rows of a few columns is some
/// tens of megabytes.
pub(crate) const OVER_ROWS_MAX: usize = 1_000_000;

/// Keys of a frame that forgets none by itself; then the one that came first is forgotten, and counted.
pub(crate) const OVER_KEYS_MAX: usize = 10_000_000;

/// The rows of a frame, beside the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All since the start; none is held.
    Start,
    /// The last ones, so many with the current one.
    Rows(usize),
    /// So many before the current one, for `lag`.
    Before(usize),
    /// Those of so many microseconds before the current one, and all of its time.
    Time(i64),
}

impl Reach {
    /// Whether a frame of this reach does for another; it reaches as far as both.
    pub(crate) fn joins(&mut self, other: Reach) -> bool {
        match (self, other) {
            (Reach::Before(rows), Reach::Before(more)) => {
                *rows = more.max(*rows);
                true
            }
            (reach, other) => *reach == other,
        }
    }

    /// For explain.
    pub(crate) fn text(self) -> String {
        let keys = format!("at most {OVER_KEYS_MAX} keys (OVER_KEYS_MAX)");
        match self {
            Reach::Start => {
                format!("all rows since the start: state keyed map of accumulators, {keys}")
            }
            Reach::Rows(rows) => {
                format!("the last {rows} rows: state rows and accumulators per key, {keys}")
            }
            Reach::Before(rows) => format!("{rows} rows before: state rows per key, {keys}"),
            Reach::Time(us) => format!(
                "rows of {} ms and of the same time: state rows, accumulators per key that has some",
                us as f64 / 1e3
            ),
        }
    }
}

/// One frame and the calls over it.
pub(crate) struct FrameOptions {
    pub(crate) reach: Reach,
    pub(crate) keys: Vec<Program>,
    pub(crate) key_types: Vec<Type>,
    /// What the calls read of a row.
    pub(crate) reads: Vec<Program>,
    pub(crate) read_types: Vec<Type>,
    pub(crate) aggregates: Vec<AggregateOptions>,
    pub(crate) lags: Vec<Lag>,
    /// What each of them gives where no row came; NULL where nothing is said.
    pub(crate) defaults: Vec<Option<Program>>,
    /// Which of the keys say where a key stands.
    pub(crate) routing: Vec<usize>,
}

/// An aggregate over a frame.
pub(crate) struct AggregateOptions {
    pub(crate) call: AggregateCall,
    /// Places of its arguments among what is read.
    pub(crate) args: Vec<usize>,
    /// Its place among the results.
    pub(crate) result: usize,
}

/// `lag(x, rows)`.
pub(crate) struct Lag {
    /// The place of `x` among what is read.
    pub(crate) read: usize,
    pub(crate) rows: usize,
    /// Its place among the results.
    pub(crate) result: usize,
}

/// An aggregate at work.
struct Call {
    accumulator: Box<dyn Accumulator>,
    takes_values: bool,
    args: Vec<usize>,
    result: usize,
    /// Its arguments of one row, where it takes columns only.
    scratch: Vec<Column>,
}

impl Call {
    fn new(options: AggregateOptions) -> Self {
        let accumulator = options.call.accumulator();
        let types = options.call.args.iter();
        Call {
            scratch: types.map(|ty| Column::new(*ty)).collect(),
            takes_values: accumulator.takes_values(),
            accumulator,
            args: options.args,
            result: options.result,
        }
    }

    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.part("call with OVER", self.result);
        self.accumulator.state(visitor);
    }

    /// Applies rows with these arguments; appends the value after each that enters to its result.
    fn update(&mut self, changes: &Changes<'_>, reads: &[&Column], results: &mut [Column]) {
        let args: Columns<'_> = self.args.iter().map(|arg| reads[*arg]).collect();
        let out = Some(&mut results[self.result]);
        self.accumulator.update(changes, &args, out);
    }

    /// Applies row `row` of what is read; appends the value after it to its result where it enters.
    fn update_one(
        &mut self,
        slot: Slot,
        sign: Sign,
        reads: &[Column],
        row: usize,
        results: &mut [Column],
    ) {
        let out = &mut results[self.result];
        let emits = sign == Sign::Plus;
        if self.takes_values {
            let arg = self.args.first().map(|arg| reads[*arg].scalar(row));
            let change = Change { slot, sign, emits };
            return self.accumulator.update_one(change, arg, out);
        }
        for (to, arg) in self.scratch.iter_mut().zip(&self.args) {
            to.clear();
            to.push_from(&reads[*arg], row);
        }
        let args: Columns<'_> = self.scratch.iter().collect();
        let (slots, signs) = ([slot], [sign]);
        let changes = changes(&slots, &signs, false);
        self.accumulator
            .update(&changes, &args, emits.then_some(out));
    }
}

/// Rows of these slots and signs.
fn changes<'a>(slots: &'a [Slot], signs: &'a [Sign], lone: bool) -> Changes<'a> {
    Changes {
        slots,
        signs,
        at: &[],
        emit: Events::Current,
        lone,
        untouched: None,
    }
}

/// The columns of an input batch, as a whole and those that are read.
pub(crate) struct InputColumns {
    /// An empty batch as rows come.
    pub(crate) like: Batch,
    /// The columns that the projection reads.
    pub(crate) carried: Vec<usize>,
    /// Which of these say where a row stands.
    pub(crate) routing: Vec<usize>,
}

/// Projects rows with the results of calls that look back.
pub(crate) struct Over {
    by_rows: Vec<ByRows>,
    by_time: Vec<ByTime>,
    /// Rows whose time the clock has not passed, where a frame is one of time.
    waiting: Option<Waiting>,
    projection: Projection,
    results: Vec<Column>,
    /// The time of the latest row.
    latest: Timestamp,
    late: u64,
    faults: u64,
    rows: Vec<u32>,
    times: Vec<Timestamp>,
}

impl Over {
    /// `results`: the types of what the calls give.
    pub(crate) fn new(
        frames: Vec<FrameOptions>,
        results: &[Type],
        input: InputColumns,
        projection: Projection,
    ) -> Self {
        let is_timed = |f: &FrameOptions| matches!(f.reach, Reach::Time(_));
        let (timed, counted): (Vec<_>, Vec<_>) = frames.into_iter().partition(is_timed);
        let by_time: Vec<ByTime> = timed.into_iter().map(ByTime::new).collect();
        let by_rows: Vec<ByRows> = counted.into_iter().map(ByRows::new).collect();
        let known = by_rows.iter().flat_map(ByRows::results);
        let known = known.map(|place| (place, results[place])).collect();
        let waiting = (!by_time.is_empty()).then(|| Waiting::new(input, known, by_time.len()));
        Over {
            by_rows,
            by_time,
            waiting,
            projection,
            results: results.iter().map(|ty| Column::new(*ty)).collect(),
            latest: Timestamp::MIN,
            late: 0,
            faults: 0,
            rows: Vec::new(),
            times: Vec::new(),
        }
    }

    /// With another bound on the keys of a frame.
    #[cfg(test)]
    fn bounded(mut self, keys_max: usize) -> Self {
        self.by_rows.iter_mut().for_each(|f| f.keys_max = keys_max);
        self
    }

    /// Leaves the rows in `rows` that count, and their times in `times` where rows wait; false when all of them do.
    fn choose(&mut self, batch: &Batch, out: &mut Out) -> bool {
        let on_time = |(at, clock): (&Timestamp, &Timestamp)| at >= clock;
        self.rows.clear();
        let plain = batch.signs.is_empty() && batch.marks.is_empty();
        if plain && batch.at.iter().zip(&batch.clock).all(on_time) {
            return false;
        }
        for row in 0..batch.len() {
            if batch.sign(row) == Sign::Minus {
                continue;
            }
            match Moment::of(batch, row).is_late() {
                false => self.rows.push(row as u32),
                true => {
                    self.late += 1;
                    out.refuse(batch, row);
                }
            }
        }
        true
    }

    /// Appends the results of frames that count rows.
    fn count_back(&mut self, frame: &Frame<'_>) {
        self.results.iter_mut().for_each(Column::clear);
        for by_rows in &mut self.by_rows {
            by_rows.rows(frame, &mut self.results, &mut self.faults);
        }
    }

    /// Rows that wait: up to which of `times` rows stand at one time.
    fn same_time(&self, first: usize) -> usize {
        let time = self.times[first];
        let others = self.times[first..].iter();
        first + others.take_while(|t| **t == time).count()
    }

    /// Rows of a batch whose frames have time: those of the latest time wait, all before go on.
    fn in_time(&mut self, batch: &Batch, out: &mut Out) {
        if self.rows.is_empty() {
            self.rows.extend(0..batch.len() as u32);
        }
        let rows = std::mem::take(&mut self.rows);
        self.times.clear();
        for row in &rows {
            // A row that had no room to wait in order comes before its time; those behind it count as of that time.
            self.latest = self.latest.max(batch.instant(*row as usize));
            self.times.push(self.latest);
        }
        let waits_since = self.waiting.as_ref().and_then(Waiting::time);
        let joins = waits_since == Some(self.times[0]);
        let head = if joins { self.same_time(0) } else { 0 };
        self.wait(batch, &rows, 0..head);
        if head < rows.len() {
            self.release(out);
            let last = self.times[rows.len() - 1];
            let tail = self.times.partition_point(|time| *time < last);
            self.go_on(batch, &rows, head..tail, out);
            self.wait(batch, &rows, tail..rows.len());
        }
        self.rows = rows;
    }

    /// Takes rows in, whose times stand at `some`, and appends the results of all frames. [`ByTime::forget_empty`]
    /// follows.
    fn look_back(&mut self, batch: &Batch, rows: &[u32], some: std::ops::Range<usize>) {
        let frame = frame_of(batch, rows);
        self.count_back(&frame);
        let times = &self.times[some];
        for by_time in &mut self.by_time {
            by_time.rows(&frame, times, &mut self.results, &mut self.faults);
        }
    }

    /// Lets rows wait.
    fn wait(&mut self, batch: &Batch, rows: &[u32], some: std::ops::Range<usize>) {
        if some.is_empty() {
            return;
        }
        let rows = &rows[some.clone()];
        self.look_back(batch, rows, some.clone());
        let times = &self.times[some];
        if let Some(waiting) = &mut self.waiting {
            let slots = self.by_time.iter().map(ByTime::slots);
            waiting.push(batch, rows, times, &self.results, slots);
        }
        self.by_time.iter_mut().for_each(ByTime::forget_empty);
    }

    /// Rows whose time is over.
    fn go_on(&mut self, batch: &Batch, rows: &[u32], some: std::ops::Range<usize>, out: &mut Out) {
        if some.is_empty() {
            return;
        }
        let rows = &rows[some.clone()];
        self.look_back(batch, rows, some);
        self.by_time.iter_mut().for_each(ByTime::forget_empty);
        let rows = Rows {
            batch,
            rows: Some(rows),
            results: &self.results,
        };
        self.projection.emit(Kind::Rows, &rows, out);
    }

    /// Lets the rows go on that wait.
    fn release(&mut self, out: &mut Out) {
        let Some(waiting) = self.waiting.as_mut().filter(|w| w.time().is_some()) else {
            return;
        };
        self.results.iter_mut().for_each(Column::clear);
        let batch = waiting.take(&mut self.results, |frame, slot, results| {
            self.by_time[frame].values(slot, results);
        });
        let rows = Rows {
            batch,
            rows: None,
            results: &self.results,
        };
        self.projection.emit(Kind::Rows, &rows, out);
    }

    fn due_at(&self) -> Option<Timestamp> {
        let time = self.waiting.as_ref().and_then(Waiting::time);
        time.map(|time| time.plus(1))
    }
}

fn frame_of<'a>(batch: &'a Batch, rows: &'a [u32]) -> Frame<'a> {
    Frame {
        // All of them are read without a list.
        rows: (rows.len() < batch.len()).then_some(rows),
        len: rows.len(),
        ..batch.frame()
    }
}

impl StateHolder for Over {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        for (number, by_rows) in self.by_rows.iter_mut().enumerate() {
            visitor.part("frame of rows", number);
            by_rows.state(visitor);
        }
        for (number, by_time) in self.by_time.iter_mut().enumerate() {
            visitor.part("frame of time", number);
            by_time.state(visitor);
        }
        visitor.part("", 0);
        if let Some(waiting) = &mut self.waiting {
            waiting.state(visitor);
            visitor.register(&mut self.latest);
            if visitor.is_loading()
                && let Err(why) = waiting.check(&self.by_time, self.latest)
            {
                visitor.fail(why);
            }
        }
        counter(visitor, &mut self.late);
        counter(visitor, &mut self.faults);
        self.projection.state(visitor);
    }
}

impl Operator for Over {
    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        // What follows from rows that leave is none that comes.
        if kind == Kind::Leaving || batch.is_empty() {
            return;
        }
        let some = self.choose(batch, out);
        if some && self.rows.is_empty() {
            return;
        }
        if self.waiting.is_some() {
            return self.in_time(batch, out);
        }
        let rows = std::mem::take(&mut self.rows);
        let chosen = some.then_some(rows.as_slice());
        let frame = Frame {
            rows: chosen,
            len: chosen.map_or(batch.len(), <[u32]>::len),
            ..batch.frame()
        };
        self.count_back(&frame);
        let shown = Rows {
            batch,
            rows: chosen,
            results: &self.results,
        };
        self.projection.emit(Kind::Rows, &shown, out);
        self.rows = rows;
    }

    /// Where no row waits.
    fn row(&mut self, row: RowView<'_>, to: &mut Batch, out: &mut Out) -> bool {
        if self.waiting.is_some() {
            return false;
        }
        if row.batch.sign(row.row) == Sign::Minus {
            return true;
        }
        if Moment::of(row.batch, row.row).is_late() {
            self.late += 1;
            out.refuse(row.batch, row.row);
            return true;
        }
        let frame = RowFrame::of(row);
        self.results.iter_mut().for_each(Column::clear);
        for by_rows in &mut self.by_rows {
            by_rows.row(&frame, &mut self.results, &mut self.faults);
        }
        let results = &self.results;
        self.projection.row(&RowFrame { view: row, results }, to);
        true
    }

    fn clock(&mut self, now: Timestamp, _cause: u64, out: &mut Out) {
        if self.due_at().is_some_and(|due| due <= now) {
            self.release(out);
        }
        self.by_time.iter_mut().for_each(|f| f.pass(now));
    }

    fn is_open(&mut self) -> bool {
        self.due_at().is_some()
    }

    fn close(&mut self, out: &mut Out) {
        self.release(out);
    }

    fn due(&self) -> Option<Timestamp> {
        self.due_at()
    }

    fn count(&self, into: &mut Counters) {
        into.late_rows += self.late;
        into.value_faults += self.faults + self.projection.faults();
        into.limit_rows += self.by_rows.iter().map(|f| f.forgotten).sum::<u64>();
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        if let Some(waiting) = &mut self.waiting {
            waiting.keep_keys(keep);
        }
        self.by_rows.iter_mut().for_each(|f| f.keep_keys(keep));
        self.by_time.iter_mut().for_each(|f| f.keep_keys(keep));
    }

    /// A row waits until the clock has passed its time; a frame of time holds it for as long as that is.
    fn quiet_after(&self) -> Option<i64> {
        let by_key = self.by_rows.iter().all(ByRows::finds_by_partition);
        let span = self.by_time.iter().map(ByTime::span_us).max();
        by_key.then(|| span.map_or(0, |span| span.saturating_add(1)))
    }

    fn find_by_partition(&mut self) {
        self.by_rows.iter_mut().for_each(ByRows::find_by_partition);
    }

    fn forget_keys(&mut self, keys: &Column) {
        self.by_rows.iter_mut().for_each(|f| f.forget_keys(keys));
    }
}

/// That a slot which was loaded has a key.
fn unknown_key() -> Malformed {
    Malformed::new("a row of OVER has a key that is not known")
}
