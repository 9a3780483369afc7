//! Frames of time: `RANGE t PRECEDING`.
//!
//! How: one log of the rows of all keys, in the order of time: when a row comes, what is older than the frame reaches
//! leaves at the head, whatever its key. Rows of one time have the value after the last of them. A key is forgotten
//! with its last row.
//! Cost: O(1) per row, and what the accumulators cost.

use super::{Call, FrameOptions, Reach, changes, unknown_key};
use crate::event::{Column, Sign, Timestamp, Type};
use crate::expr::{Frame, Program};
use crate::operator::aggregate::{Columns, look_up};
use crate::state::{KeyIndex, LogId, Malformed, RowLog, Slot, StateHolder, Visitor};
use std::ops::Range;

/// One frame of time.
pub(super) struct ByTime {
    span_us: i64,
    keys: Vec<Program>,
    reads: Vec<Program>,
    index: KeyIndex,
    /// What was read of each row, then the slot of its key.
    log: RowLog,
    id: LogId,
    /// Rows held by key: an index of the log.
    sizes: Vec<u64>,
    calls: Vec<Call>,
    routing: Vec<usize>,
    slots: Vec<Slot>,
    fresh: Vec<(Slot, u32)>,
    /// The slots as a column.
    slot_column: Column,
    /// Rows that leave and enter: what was read of them, their keys and signs.
    moved: (Vec<Column>, Vec<Slot>, Vec<Sign>),
    /// The value after each row, by call.
    after: Vec<Column>,
    /// By slot, the last row of a time that has the key.
    last: Vec<u32>,
    /// For each row the row whose value it has.
    from: Vec<u32>,
    /// Keys that may have no row any more.
    empty: Vec<Slot>,
}

impl ByTime {
    pub(super) fn new(options: FrameOptions) -> Self {
        let Reach::Time(span_us) = options.reach else {
            unreachable!("a frame of time")
        };
        let mut log = RowLog::new(&[options.read_types.as_slice(), &[Type::Long]].concat());
        let columns = options.read_types.iter().map(|ty| Column::new(*ty));
        let results = options.aggregates.iter().map(|a| a.call.result);
        ByTime {
            span_us,
            id: log.open(),
            log,
            moved: (columns.collect(), Vec::new(), Vec::new()),
            after: results.map(Column::new).collect(),
            keys: options.keys,
            reads: options.reads,
            index: KeyIndex::new(&options.key_types),
            sizes: Vec::new(),
            calls: options.aggregates.into_iter().map(Call::new).collect(),
            routing: options.routing,
            slots: Vec::new(),
            fresh: Vec::new(),
            slot_column: Column::new(Type::Long),
            last: Vec::new(),
            from: Vec::new(),
            empty: Vec::new(),
        }
    }

    /// The slots of the rows taken in last.
    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Whether a slot has a key.
    pub(super) fn holds(&self, slot: Slot) -> bool {
        (slot as usize) < self.index.slots() && self.index.holds(slot)
    }

    /// Number of keys.
    #[cfg(test)]
    pub(super) fn keys_held(&self) -> usize {
        self.index.len()
    }

    fn ensure(&mut self) {
        let slots = self.index.slots();
        self.sizes.resize(slots, 0);
        self.last.resize(slots, 0);
        for call in &mut self.calls {
            call.accumulator.ensure(slots);
        }
    }

    /// Takes rows of these times in, which do not go back; appends to the results what the frame says at the time of
    /// each, of the rows so far. [`ByTime::forget_empty`] follows.
    pub(super) fn rows(
        &mut self,
        frame: &Frame<'_>,
        times: &[Timestamp],
        results: &mut [Column],
        faults: &mut u64,
    ) {
        let (slots, fresh) = (&mut self.slots, &mut self.fresh);
        look_up(&mut self.index, &mut self.keys, frame, faults, slots, fresh);
        self.ensure();
        self.slot_column.clear();
        for slot in &self.slots {
            self.slot_column
                .push_scalar(crate::event::Scalar::Long(i64::from(*slot)));
        }
        let mut reads = std::mem::take(&mut self.reads);
        let slot_column = std::mem::replace(&mut self.slot_column, Column::new(Type::Long));
        let mut columns: Columns<'_> = reads.iter_mut().map(|p| p.eval(frame, faults)).collect();
        columns.push(&slot_column);
        self.clear_moved();
        for (row, time) in times.iter().enumerate() {
            self.expire(*time);
            let slot = self.slots[row];
            self.log.push_columns(self.id, *time, &columns, row);
            self.sizes[slot as usize] += 1;
            let (moved, slots, signs) = &mut self.moved;
            for (to, from) in moved.iter_mut().zip(&columns) {
                to.push_from(from, row);
            }
            slots.push(slot);
            signs.push(Sign::Plus);
        }
        drop(columns);
        self.slot_column = slot_column;
        self.reads = reads;
        self.update();
        self.show(times, results);
    }

    fn clear_moved(&mut self) {
        let (columns, slots, signs) = &mut self.moved;
        columns.iter_mut().for_each(Column::clear);
        slots.clear();
        signs.clear();
    }

    /// Lets rows leave that a row of this time does not see.
    #[inline]
    fn expire(&mut self, time: Timestamp) {
        let limit = time.plus(-self.span_us);
        let Range { start, end } = self.log.range(self.id);
        let mut seq = start;
        while seq < end && self.log.at(self.id, seq) < limit {
            self.leave(self.log.index(self.id, seq));
            seq += 1;
        }
        if seq > start {
            self.log.pop(self.id, (seq - start) as usize);
        }
    }

    fn leave(&mut self, index: usize) {
        let slot = slot_at(&self.log, index);
        let (moved, slots, signs) = &mut self.moved;
        for (to, from) in moved.iter_mut().zip(self.log.columns()) {
            to.push_from(from, index);
        }
        slots.push(slot);
        signs.push(Sign::Minus);
        let size = &mut self.sizes[slot as usize];
        *size -= 1;
        if *size == 0 {
            self.empty.push(slot);
        }
    }

    /// Gives the rows that have moved to the accumulators.
    fn update(&mut self) {
        self.after.iter_mut().for_each(Column::clear);
        let (columns, slots, signs) = &self.moved;
        let columns: Columns<'_> = columns.iter().collect();
        let changes = changes(slots, signs, self.index.slots() == 1);
        for (call, after) in self.calls.iter_mut().zip(&mut self.after) {
            let args: Columns<'_> = call.args.iter().map(|arg| columns[*arg]).collect();
            call.accumulator.update(&changes, &args, Some(after));
        }
    }

    /// Appends to the results, for each row, the value after the last row of its time and key.
    fn show(&mut self, times: &[Timestamp], results: &mut [Column]) {
        self.from.clear();
        let mut first = 0;
        while first < times.len() {
            let same = times[first..].iter().take_while(|t| **t == times[first]);
            let end = first + same.count();
            for row in first..end {
                self.last[self.slots[row] as usize] = row as u32;
            }
            let slots = self.slots[first..end].iter();
            self.from
                .extend(slots.map(|slot| self.last[*slot as usize]));
            first = end;
        }
        for (call, after) in self.calls.iter().zip(&self.after) {
            results[call.result].extend_rows(after, &self.from);
        }
    }

    /// Forgets keys whose last row has left.
    pub(super) fn forget_empty(&mut self) {
        while let Some(slot) = self.empty.pop() {
            if self.sizes[slot as usize] == 0 && self.index.holds(slot) {
                self.index.remove(slot);
                for call in &mut self.calls {
                    call.accumulator.reset(slot);
                }
            }
        }
    }

    /// The clock has reached `now`: what no later row sees leaves.
    pub(super) fn pass(&mut self, now: Timestamp) {
        let range = self.log.range(self.id);
        let limit = now.plus(-self.span_us);
        if range.is_empty() || self.log.at(self.id, range.start) >= limit {
            return;
        }
        self.clear_moved();
        self.expire(now);
        self.update();
        self.forget_empty();
    }

    /// Appends the values of a key.
    pub(super) fn values(&self, slot: Slot, results: &mut [Column]) {
        for call in &self.calls {
            call.accumulator.value(slot, &mut results[call.result]);
        }
    }

    /// How long a row is seen.
    pub(super) fn span_us(&self) -> i64 {
        self.span_us
    }

    pub(super) fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        let gone = self.index.not_kept(&self.routing, keep);
        for slot in gone {
            self.sizes[slot as usize] = 0;
            self.empty.push(slot);
        }
        self.forget_empty();
        let index = &self.index;
        let id = self.id;
        self.log
            .retain(id, |log, seq| index.holds(slot_at(log, log.index(id, seq))));
    }

    /// Checks what was loaded, and counts the rows of each key.
    fn rebuild(&mut self) -> Result<(), Malformed> {
        if !self.log.holds(self.id) {
            return Err(Malformed::new("a frame of OVER has no log"));
        }
        self.ensure();
        self.sizes.fill(0);
        for seq in self.log.range(self.id) {
            let column = self.log.columns().last().expect("the slots are a column");
            let index = self.log.index(self.id, seq);
            let slot = match column.scalar(index) {
                crate::event::Scalar::Long(slot) => Slot::try_from(slot).ok(),
                _ => None,
            };
            let slot = slot
                .filter(|slot| self.holds(*slot))
                .ok_or_else(unknown_key)?;
            self.sizes[slot as usize] += 1;
        }
        let mut held = self.index.held_slots();
        match held.all(|slot| self.sizes[slot as usize] > 0) {
            true => Ok(()),
            false => Err(Malformed::new("a key of OVER has no row")),
        }
    }
}

/// The slot of a row of the log.
#[inline]
fn slot_at(log: &RowLog, index: usize) -> Slot {
    match log.columns().last().map(|column| column.scalar(index)) {
        Some(crate::event::Scalar::Long(slot)) => slot as Slot,
        _ => unreachable!("a row has a slot"),
    }
}

impl StateHolder for ByTime {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.index.state(visitor);
        self.log.state(visitor);
        self.calls.iter_mut().for_each(|call| call.state(visitor));
        if visitor.is_loading()
            && let Err(why) = self.rebuild()
        {
            visitor.fail(why);
        }
    }
}
