//! Rows appended at the tail and expired at the head: what windows hold.
//!
//! Why: a window inside a partition is one log per key, and a million small logs must be cheap, while the single log
//! of an unkeyed window must be as fast as an array.
//! How: all logs share one set of columns. A log is a ring in a region of a power of two of rows; a log that is full
//! moves to a region of twice the size, and the old one goes to the free list of its size. Rows are addressed by log
//! and a sequence number that only grows, so that what was appended or expired since a moment is two ranges of
//! numbers.
//! Cost: append and expire O(1) amortised; a log of n rows takes at most 4n rows of memory, at least four.
//! A checkpoint has the rings, and the rows of the arena by slot. A delta costs the rows written since the last cut; a
//! base costs the whole arena: at most 4 rows per row of the peak, of which those in free regions are defaults, and
//! those beside the rows of a log are what was there before.

mod load;

use super::rows::Rows;
use super::{Cells, StateHolder, Visitor};
use crate::event::{Batch, Column, Timestamp, Type};
use std::ops::Range;

/// Number of a log.
pub(crate) type LogId = u32;

/// 4 rows: the smallest region, so that a key with one or two rows costs little.
const REGION_BITS_MIN: u8 = 2;

/// Sizes of regions are powers of two below this.
const REGION_SIZES: usize = 32;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Ring {
    base: u32,
    bits: u8,
    held: bool,
    head: u64,
    tail: u64,
}

impl Ring {
    #[inline]
    fn index(&self, seq: u64) -> usize {
        self.base as usize + (seq & ((1 << self.bits) - 1)) as usize
    }
}

/// Logs of rows of one schema.
#[derive(Debug)]
pub(crate) struct RowLog {
    rows: Rows,
    rings: Cells<Ring>,
    free_rings: Vec<LogId>,
    /// By size.
    free_regions: Vec<Vec<u32>>,
}

impl RowLog {
    /// No log yet; rows have columns of these types.
    pub(crate) fn new(types: &[Type]) -> Self {
        RowLog {
            rows: Rows::new(types),
            rings: Cells::default(),
            free_rings: Vec::new(),
            free_regions: vec![Vec::new(); REGION_SIZES],
        }
    }

    /// Makes an empty log.
    pub(crate) fn open(&mut self) -> LogId {
        let base = self.region(REGION_BITS_MIN);
        let ring = Ring {
            base,
            bits: REGION_BITS_MIN,
            held: true,
            head: 0,
            tail: 0,
        };
        match self.free_rings.pop() {
            Some(id) => {
                *self.rings.get_mut(id) = ring;
                id
            }
            None => self.rings.push(ring),
        }
    }

    /// Drops a log and its rows.
    pub(crate) fn close(&mut self, id: LogId) {
        let ring = std::mem::take(self.rings.get_mut(id));
        debug_assert!(ring.held, "a log is closed once");
        self.free(&ring);
        self.free_rings.push(id);
    }

    /// Whether there is such a log.
    pub(crate) fn holds(&self, id: LogId) -> bool {
        self.rings.find(id).is_some_and(|ring| ring.held)
    }

    fn region(&mut self, bits: u8) -> u32 {
        if let Some(base) = self.free_regions[bits as usize].pop() {
            return base;
        }
        let base = self.rows.len();
        let end = base + (1usize << bits);
        assert!(
            end <= u32::MAX as usize,
            "a row log holds less than 4 G rows"
        );
        self.rows.grow(end);
        base as u32
    }

    fn free(&mut self, ring: &Ring) {
        let base = ring.base as usize;
        self.rows.void(base..base + (1 << ring.bits));
        self.free_regions[ring.bits as usize].push(ring.base);
    }

    /// Number of logs.
    #[cfg(test)]
    pub(crate) fn logs(&self) -> usize {
        self.rings.len() - self.free_rings.len()
    }

    /// Number of rows in a log.
    #[inline]
    pub(crate) fn len(&self, id: LogId) -> usize {
        let r = self.rings.get(id);
        (r.tail - r.head) as usize
    }

    /// Sequence numbers of the rows in a log.
    #[inline]
    pub(crate) fn range(&self, id: LogId) -> Range<u64> {
        let r = self.rings.get(id);
        r.head..r.tail
    }

    /// Where a row stands in [`RowLog::columns`].
    #[inline]
    pub(crate) fn index(&self, id: LogId, seq: u64) -> usize {
        let r = self.rings.get(id);
        debug_assert!((r.head..r.tail).contains(&seq), "row {seq} is in the log");
        r.index(seq)
    }

    /// Timestamp of a row.
    #[inline]
    pub(crate) fn at(&self, id: LogId, seq: u64) -> Timestamp {
        self.rows.at()[self.index(id, seq)]
    }

    /// The shared columns, to be read at [`RowLog::index`].
    #[inline]
    pub(crate) fn columns(&self) -> &[Column] {
        self.rows.columns()
    }

    /// Timestamps beside [`RowLog::columns`].
    #[inline]
    pub(crate) fn times(&self) -> &[Timestamp] {
        self.rows.at()
    }

    /// The one or two contiguous pieces of a range of rows.
    pub(crate) fn pieces(&self, id: LogId, seqs: Range<u64>) -> [Range<usize>; 2] {
        if seqs.is_empty() {
            return [0..0, 0..0];
        }
        let r = self.rings.get(id);
        let (base, mask) = (r.base as usize, (1u64 << r.bits) - 1);
        let first = (seqs.start & mask) as usize;
        let count = (seqs.end - seqs.start) as usize;
        let straight = count.min((1usize << r.bits) - first);
        [
            base + first..base + first + straight,
            base..base + (count - straight),
        ]
    }

    /// Makes room for so many rows more.
    #[inline]
    pub(crate) fn reserve(&mut self, id: LogId, more: usize) {
        let ring = self.rings.get(id);
        let need = (ring.tail - ring.head) as usize + more;
        if need > 1usize << ring.bits {
            self.move_to_region_for(id, need);
        }
    }

    #[cold]
    fn move_to_region_for(&mut self, id: LogId, rows: usize) {
        let old = *self.rings.get(id);
        let bits = rows.next_power_of_two().trailing_zeros() as u8;
        let base = self.region(bits);
        let new = Ring { base, bits, ..old };
        for seq in old.head..old.tail {
            self.rows.copy(old.index(seq), new.index(seq));
        }
        self.free(&old);
        *self.rings.get_mut(id) = new;
    }

    /// Makes room for a row at the tail; returns where it stands.
    #[inline]
    fn extend(&mut self, id: LogId) -> usize {
        self.reserve(id, 1);
        let ring = self.rings.get_mut(id);
        ring.tail += 1;
        ring.index(ring.tail - 1)
    }

    /// Appends row `row` of a batch, with its columns `keep[0], keep[1], …`.
    #[inline]
    pub(crate) fn push(
        &mut self,
        id: LogId,
        at: Timestamp,
        batch: &Batch,
        keep: &[usize],
        row: usize,
    ) {
        let to = self.extend(id);
        self.rows.set(to, at, batch, keep, row);
    }

    /// Appends row `row` of these columns.
    #[inline]
    pub(crate) fn push_columns(&mut self, id: LogId, at: Timestamp, from: &[&Column], row: usize) {
        let to = self.extend(id);
        self.rows.set_columns(to, at, from, row);
    }

    /// Whether a log has room for a row more where it is, once its oldest row has left.
    #[inline]
    pub(crate) fn has_room(&self, id: LogId, leaves: bool) -> bool {
        let ring = self.rings.get(id);
        (ring.tail - ring.head) as usize - usize::from(leaves) < 1 << ring.bits
    }

    /// Lets the oldest row of a log leave, if one does, and a row enter that has room; tells where both stand.
    /// [`RowLog::turn_over`] follows before anything else is done with the rows.
    #[inline]
    pub(crate) fn turn(&mut self, id: LogId, leaves: bool) -> (Option<usize>, usize) {
        let ring = self.rings.get_mut(id);
        let left = leaves.then(|| ring.index(ring.head));
        ring.head += u64::from(leaves);
        ring.tail += 1;
        (left, ring.index(ring.tail - 1))
    }

    /// Moves the values of rows that leave and enter, in their order: those that stand at `leaving[i]`, unless it is
    /// `u32::MAX`, and `entering[i]`, of rows `rows` of `from`. `moved` gets the values of all of them. No column has
    /// NULLs.
    pub(crate) fn turn_over(
        &mut self,
        (leaving, entering): (&[u32], &[u32]),
        (from, rows): (&[&Column], Range<usize>),
        moved: &mut [Column],
    ) {
        self.rows
            .turn_over((leaving, entering), (from, rows), moved);
    }

    /// Appends rows `rows` of a batch.
    pub(crate) fn push_rows(
        &mut self,
        id: LogId,
        batch: &Batch,
        keep: &[usize],
        rows: Range<usize>,
    ) {
        self.reserve(id, rows.len());
        let ring = self.rings.get_mut(id);
        let first = ring.tail;
        ring.tail += rows.len() as u64;
        let end = ring.tail;
        let mut from = rows.start;
        for piece in self.pieces(id, first..end) {
            let count = piece.len();
            self.rows
                .set_range(piece.start, batch, keep, from..from + count);
            from += count;
        }
    }

    /// Inserts a row so that the log stays in the order of `at`; after rows of the same time.
    pub(crate) fn insert(
        &mut self,
        id: LogId,
        at: Timestamp,
        batch: &Batch,
        keep: &[usize],
        row: usize,
    ) {
        self.push(id, at, batch, keep, row);
        let Range { start, end } = self.range(id);
        let mut place = end - 1;
        while place > start && self.at(id, place - 1) > at {
            let (from, to) = (self.index(id, place - 1), self.index(id, place));
            self.rows.copy(from, to);
            place -= 1;
        }
        if place < end - 1 {
            let to = self.index(id, place);
            self.rows.set(to, at, batch, keep, row);
        }
    }

    /// Moves the rows of another log behind those of `id` and closes the other.
    pub(crate) fn append(&mut self, id: LogId, other: LogId) {
        let rows = self.range(other);
        self.reserve(id, self.len(other));
        for seq in rows {
            let from = self.index(other, seq);
            let to = self.extend(id);
            self.rows.copy(from, to);
        }
        self.close(other);
    }

    /// Removes the rows of a log that are not to be kept; the others close up at its tail. Cost: O(rows).
    pub(crate) fn retain(&mut self, id: LogId, keep: impl Fn(&RowLog, u64) -> bool) {
        let Range { start, end } = self.range(id);
        let mut first = end;
        for seq in (start..end).rev() {
            if keep(self, seq) {
                first -= 1;
                if seq != first {
                    self.rows.copy(self.index(id, seq), self.index(id, first));
                }
            }
        }
        self.pop(id, (first - start) as usize);
    }

    /// Expires the `count` oldest rows of a log. Panics in debug builds when there are fewer.
    #[inline]
    pub(crate) fn pop(&mut self, id: LogId, count: usize) {
        if self.rows.has_texts() {
            let head = self.rings.get(id).head;
            for piece in self.pieces(id, head..head + count as u64) {
                self.rows.forget(piece);
            }
        }
        let ring = self.rings.get_mut(id);
        debug_assert!(
            ring.head + count as u64 <= ring.tail,
            "rows that expire are held"
        );
        ring.head += count as u64;
    }

    /// Appends the values of a row to columns of the same types.
    #[inline]
    pub(crate) fn read(&self, id: LogId, seq: u64, out: &mut [Column]) {
        let index = self.index(id, seq);
        for (to, from) in out.iter_mut().zip(self.rows.columns()) {
            to.push_from(from, index);
        }
    }

    /// Appends the values of a range of rows to columns of the same types.
    pub(crate) fn read_rows(&self, id: LogId, seqs: Range<u64>, out: &mut [Column]) {
        for piece in self.pieces(id, seqs) {
            for (to, from) in out.iter_mut().zip(self.rows.columns()) {
                to.extend_range(from, piece.clone());
            }
        }
    }
}

impl StateHolder for RowLog {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.container("rings", &mut self.rings);
        visitor.container("rows", &mut self.rows);
        if visitor.is_loading()
            && let Err(fault) = self.rebuild()
        {
            visitor.fail(fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Schema, Value};

    fn batch(values: Range<i64>) -> Batch {
        let mut b = Batch::new(&Schema::new([("v", Type::Long), ("s", Type::String)]));
        for v in values {
            b.at.push(Timestamp(v));
            b.columns[0].push(&if v % 5 == 0 {
                Value::Null
            } else {
                Value::Long(v)
            });
            b.columns[1].push(&Value::from(format!("row {v}")));
        }
        b
    }

    fn contents(log: &RowLog, id: LogId) -> Vec<(i64, Value, Value)> {
        let read = |s| {
            let i = log.index(id, s);
            (
                log.at(id, s).0,
                log.columns()[0].value(i),
                log.columns()[1].value(i),
            )
        };
        log.range(id).map(read).collect()
    }

    #[test]
    fn many_logs_behave_like_queues() {
        let mut seed = 7u64;
        let mut random = move |n: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % n
        };
        let mut log = RowLog::new(&[Type::Long, Type::String]);
        let mut model: Vec<(LogId, std::collections::VecDeque<i64>)> = Vec::new();
        for step in 0..20_000 {
            match random(10) {
                0 => model.push((log.open(), Default::default())),
                1 if model.len() > 3 => {
                    let (id, _) = model.swap_remove(random(model.len() as u64) as usize);
                    log.close(id);
                }
                2..=5 if !model.is_empty() => {
                    let at = random(model.len() as u64) as usize;
                    let count = random(9) as i64;
                    log.push_rows(
                        model[at].0,
                        &batch(step..step + count),
                        &[0, 1],
                        0..count as usize,
                    );
                    model[at].1.extend(step..step + count);
                }
                _ if !model.is_empty() => {
                    let at = random(model.len() as u64) as usize;
                    let count = random(model[at].1.len() as u64 + 1) as usize;
                    log.pop(model[at].0, count);
                    model[at].1.drain(..count);
                }
                _ => {}
            }
        }
        assert!(model.len() > 3);
        for (id, rows) in &model {
            let want = rows
                .iter()
                .map(|v| batch(*v..*v + 1))
                .map(|b| (b.at[0].0, b.value(0, 0), b.value(0, 1)));
            assert_eq!(contents(&log, *id), want.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_log_takes_the_rows_of_another() {
        let mut log = RowLog::new(&[Type::Long, Type::String]);
        let (a, b) = (log.open(), log.open());
        for v in 1..=5 {
            log.push_rows(if v < 3 { a } else { b }, &batch(v..v + 1), &[0, 1], 0..1);
        }
        log.append(a, b);
        assert_eq!(
            contents(&log, a).iter().map(|r| r.0).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5]
        );
        assert_eq!(log.open(), b);
        assert_eq!((log.len(a), log.len(b)), (5, 0));
    }

    #[test]
    fn late_rows_are_inserted_in_order_of_time() {
        let mut log = RowLog::new(&[Type::Long, Type::String]);
        let id = log.open();
        for at in [5i64, 1, 9, 5, 3, 9, 0] {
            let mut b = batch(at..at + 1);
            b.at[0] = Timestamp(at);
            log.insert(id, Timestamp(at), &b, &[0, 1], 0);
        }
        assert_eq!(
            contents(&log, id).iter().map(|r| r.0).collect::<Vec<_>>(),
            [0, 1, 3, 5, 5, 9, 9]
        );
        assert!(
            contents(&log, id)
                .iter()
                .all(|r| r.2 == Value::from(format!("row {}", r.0)))
        );
    }
}
