//! `length(n)`: the last n rows; when full the oldest leaves before the new one enters.
//!
//! How: a chunk of at most n rows is copied column by column, every row that enters a full window behind the one that
//! it pushes out; for an aggregate that takes them so, those that leave stand in columns of their own, and nothing but
//! their values is copied. Cost: two copies per kept column and row.

use super::{Held, Turning};
use crate::event::{Batch, Column, Mark, RowView, Sign, Type, extend_pairs};
use crate::operator::{Claims, Kind, Moment, Operator, Out};
use crate::state::{LogId, Malformed, Slot, StateHolder, Visitor};

/// Rows that enter at once: with those that leave 512 rows of 17 B and more, so that what is emitted is read back
/// from L1.
const CHUNK_ROWS_MAX: usize = 256;

/// The last `rows_max` rows.
#[derive(Debug)]
pub(crate) struct Length {
    held: Held,
    rows_max: usize,
    /// Whoever comes next takes swaps.
    swaps: bool,
}

impl Length {
    /// A window of `rows_max` rows, at least 1.
    pub(crate) fn new(rows_max: usize, keep: Vec<usize>, types: &[Type]) -> Self {
        assert!(rows_max > 0, "a length window holds at least one row");
        Length {
            held: Held::new(keep, types),
            rows_max,
            swaps: false,
        }
    }

    /// In front of an aggregate that takes swaps.
    pub(crate) fn swapping(self) -> Self {
        Length {
            swaps: true,
            ..self
        }
    }

    /// One row: where the window is full the oldest leaves before it.
    #[inline]
    fn enter(&mut self, batch: &Batch, row: usize, to: &mut Batch) {
        let moment = Moment::of(batch, row);
        if self.held.len() == self.rows_max {
            self.held.expire(moment, to);
        }
        self.held.push(batch, row);
        to.push_row(batch, &self.held.keep, row, moment, Sign::Plus);
    }

    /// One chunk: `enter` rows find room, each of the `swap` after them pushes one out.
    fn chunk(&mut self, batch: &Batch, first: usize, enter: usize, swap: usize, to: &mut Batch) {
        let Held { log, id, keep } = &mut self.held;
        let (middle, end) = (first + enter, first + enter + swap);
        moments(batch, first, enter, swap, to);
        let head = log.range(*id).start;
        let pieces = log.pieces(*id, head..head + swap as u64);
        for ((column, k), held) in to.columns.iter_mut().zip(keep.iter()).zip(log.columns()) {
            column.extend_range(&batch.columns[*k], first..middle);
            let mut row = middle;
            for piece in pieces.clone() {
                let next = row + piece.len();
                column.extend_pairs(held, piece, &batch.columns[*k], row..next);
                row = next;
            }
        }
        log.pop(*id, swap);
        log.push_rows(*id, batch, keep, first..end);
    }

    /// As [`Length::chunk`], with the rows that leave beside those that enter.
    fn swap(&mut self, batch: &Batch, first: usize, enter: usize, swap: usize, to: &mut Batch) {
        let Held { log, id, keep } = &mut self.held;
        let rows = first..first + enter + swap;
        moments(batch, first, rows.len(), 0, to);
        for (column, k) in to.columns.iter_mut().zip(keep.iter()) {
            column.extend_range(&batch.columns[*k], rows.clone());
        }
        if swap > 0 {
            if to.leaving.len() < to.columns.len() {
                let types = to.columns.iter().map(Column::type_of);
                to.leaving = types.map(Column::new).collect();
            }
            to.swaps = swap;
            let head = log.range(*id).start;
            log.read_rows(*id, head..head + swap as u64, &mut to.leaving);
            log.pop(*id, swap);
        }
        log.push_rows(*id, batch, keep, rows);
    }
}

/// Times, clocks, causes and signs of a chunk: once per entering row, twice per swap.
fn moments(batch: &Batch, first: usize, enter: usize, swap: usize, to: &mut Batch) {
    let (middle, end) = (first + enter, first + enter + swap);
    if swap > 0 || !to.signs.is_empty() {
        to.signs.resize(to.at.len() + enter, Sign::Plus);
        let first = to.signs.len();
        to.signs.resize(first + 2 * swap, Sign::Plus);
        to.signs[first..]
            .iter_mut()
            .step_by(2)
            .for_each(|s| *s = Sign::Minus);
    }
    fn copy<T: Copy + Default>(
        from: &[T],
        first: usize,
        middle: usize,
        end: usize,
        to: &mut Vec<T>,
    ) {
        to.extend_from_slice(&from[first..middle]);
        extend_pairs(to, &from[middle..end], &from[middle..end]);
    }
    if !batch.marks.is_empty() {
        to.marks.resize(to.at.len(), Mark::Plain);
        copy(&batch.marks, first, middle, end, &mut to.marks);
    }
    copy(&batch.at, first, middle, end, &mut to.at);
    if to.tracks_clock {
        copy(&batch.clock, first, middle, end, &mut to.clock);
    }
    if to.tracks_cause {
        copy(&batch.causes, first, middle, end, &mut to.causes);
    }
}

impl StateHolder for Length {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.held.state(visitor);
        if visitor.is_loading() && self.held.len() > self.rows_max {
            visitor.fail(Malformed::new("a window has too many rows"));
        }
    }
}

impl Operator for Length {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut first = 0;
        while first < batch.len() {
            let rows = (batch.len() - first).min(self.rows_max).min(CHUNK_ROWS_MAX);
            let swap = (self.held.len() + rows).saturating_sub(self.rows_max);
            let mut to = out.batch();
            match self.swaps {
                true => self.swap(batch, first, rows - swap, swap, &mut to),
                false => self.chunk(batch, first, rows - swap, swap, &mut to),
            }
            first += rows;
            out.emit(Kind::Rows, to);
        }
    }

    fn row(&mut self, row: RowView<'_>, to: &mut Batch, _out: &mut Out) -> bool {
        self.enter(row.batch, row.row, to);
        true
    }

    /// In a partition a key has a window of its own.
    fn quiet_after(&self) -> Option<i64> {
        Some(0)
    }
}

impl Turning for Length {
    type Own = LogId;
    const SINGLY: bool = true;

    #[inline]
    fn own(&self) -> LogId {
        self.held.id
    }

    #[inline]
    fn turn(&mut self, own: LogId) {
        self.held.id = own;
    }

    fn open(&mut self, _key: Slot) {
        self.held.open();
    }

    fn shut(&mut self) {
        self.held.shut();
    }

    #[inline]
    fn is_new(&self) -> bool {
        self.held.len() == 0
    }

    #[inline]
    fn take_one(&mut self, batch: &Batch, row: usize, to: &mut Batch, _out: &mut Out) {
        self.enter(batch, row, to);
    }

    fn shared(&mut self, visitor: &mut dyn Visitor) {
        self.held.log.state(visitor);
    }

    fn check(&self, _key: Slot, claims: &mut Claims) -> Result<(), Malformed> {
        self.held.check(claims)?;
        match self.held.len() > self.rows_max {
            true => Err(Malformed::new("a window has too many rows")),
            false => Ok(()),
        }
    }
}
