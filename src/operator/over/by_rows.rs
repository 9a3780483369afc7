//! Frames that count rows: `ROWS n PRECEDING`, all rows since the start, `lag`.
//!
//! How: per key a log of the rows held, all in one [`RowLog`], with the columns that the calls read. A row reads what
//! `lag` asks for, lets the oldest row leave where the log is full, and enters. Over all rows since the start nothing
//! is held.

use super::{Call, FrameOptions, Lag, Reach, changes};
use crate::event::{Column, Scalar, Sign, Timestamp};
use crate::expr::{Frame, Program, RowFrame};
use crate::operator::aggregate::{Columns, look_up};
use crate::operator::{Claims, counter};
use crate::state::{Cells, KeyIndex, LogId, Malformed, RowLog, Slot, StateHolder, Visitor};
use smallvec::SmallVec;
use std::ops::Range;

/// The rows held, by key.
struct History {
    rows_max: usize,
    log: RowLog,
    logs: Cells<Option<LogId>>,
}

impl History {
    /// The log of a key.
    #[inline]
    fn log_of(&mut self, slot: Slot) -> LogId {
        match *self.logs.get(slot) {
            Some(id) => id,
            None => {
                let id = self.log.open();
                *self.logs.get_mut(slot) = Some(id);
                id
            }
        }
    }

    /// Where the oldest row stands that must leave before another enters.
    #[inline]
    fn leaving(&self, id: LogId) -> Option<usize> {
        let full = self.log.len(id) == self.rows_max;
        full.then(|| self.log.index(id, self.log.range(id).start))
    }

    /// Whether values are moved by the column.
    fn has_no_nulls(&self, reads: &[&Column]) -> bool {
        let held = self.log.columns().iter();
        let mut all = held.chain(reads.iter().copied());
        all.all(|column| column.valid().is_empty())
    }

    /// Takes rows in, whose values begin with row `first` of the columns: those that leave and enter go to `moved`.
    /// Places are found row by row, then values are moved column by column.
    fn turn_over(&mut self, slots: &[Slot], (reads, first): (&[&Column], usize), to: &mut Moved) {
        let mut done = 0;
        for (row, slot) in slots.iter().enumerate() {
            let id = self.log_of(*slot);
            let leaves = self.log.len(id) == self.rows_max;
            if !self.log.has_room(id, leaves) {
                // The rows of the log move to where there is more room, so they must be there.
                self.move_values((reads, first + done..first + row), to);
                done = row;
                self.log.reserve(id, 1);
            }
            let (left, entered) = self.log.turn(id, leaves);
            if leaves {
                to.slots.push(*slot);
                to.signs.push(Sign::Minus);
            }
            to.slots.push(*slot);
            to.signs.push(Sign::Plus);
            to.leaving.push(left.map_or(u32::MAX, |left| left as u32));
            to.entering.push(entered as u32);
        }
        self.move_values((reads, first + done..first + slots.len()), to);
    }

    fn move_values(&mut self, from: (&[&Column], Range<usize>), to: &mut Moved) {
        let places = (to.leaving.as_slice(), to.entering.as_slice());
        self.log.turn_over(places, from, &mut to.columns);
        to.leaving.clear();
        to.entering.clear();
    }

    /// Where the row stands that came so many rows before the next one.
    #[inline]
    fn before(&self, id: LogId, rows: usize) -> Option<usize> {
        let Range { start, end } = self.log.range(id);
        let seq = end.checked_sub(rows as u64).filter(|seq| *seq >= start)?;
        Some(self.log.index(id, seq))
    }
}

/// One frame that counts rows.
pub(super) struct ByRows {
    keys: Vec<Program>,
    reads: Vec<Program>,
    index: KeyIndex,
    history: Option<History>,
    calls: Vec<Call>,
    lags: Vec<Lag>,
    /// What each of them gives where no row came.
    defaults: Vec<Option<Program>>,
    pub(super) keys_max: usize,
    routing: Vec<usize>,
    /// Where the next key stands that is forgotten.
    oldest: Slot,
    /// Keys that were forgotten.
    pub(super) forgotten: u64,
    slots: Vec<Slot>,
    fresh: Vec<(Slot, u32)>,
    /// Rows that leave and enter, in order.
    moved: Moved,
    /// What is read of a single row.
    values: Vec<Column>,
}

/// A key, value by value.
type Key<'a> = SmallVec<[Scalar<'a>; 4]>;

/// What is evaluated of rows, taken out while they are worked on.
struct Programs {
    keys: Vec<Program>,
    reads: Vec<Program>,
    defaults: Vec<Option<Program>>,
}

/// What rows have, a row per slot.
struct Inputs<'a> {
    reads: Columns<'a>,
    /// By lag.
    defaults: SmallVec<[Option<&'a Column>; 4]>,
}

/// Rows as accumulators get them.
struct Moved {
    columns: Vec<Column>,
    slots: Vec<Slot>,
    signs: Vec<Sign>,
    /// Where rows stand that leave and enter, of those whose values were not moved yet.
    leaving: Vec<u32>,
    entering: Vec<u32>,
}

impl Moved {
    fn clear(&mut self) {
        self.columns.iter_mut().for_each(Column::clear);
        self.slots.clear();
        self.signs.clear();
    }

    #[inline]
    fn push<'a>(
        &mut self,
        slot: Slot,
        sign: Sign,
        from: impl Iterator<Item = &'a Column>,
        row: usize,
    ) {
        for (to, from) in self.columns.iter_mut().zip(from) {
            to.push_from(from, row);
        }
        self.slots.push(slot);
        self.signs.push(sign);
    }
}

impl ByRows {
    pub(super) fn new(options: FrameOptions) -> Self {
        let empty = || options.read_types.iter().map(|ty| Column::new(*ty));
        let history = |rows_max| History {
            rows_max,
            log: RowLog::new(&options.read_types),
            logs: Cells::default(),
        };
        ByRows {
            history: match options.reach {
                Reach::Rows(rows) | Reach::Before(rows) => Some(history(rows)),
                Reach::Start | Reach::Time(_) => None,
            },
            moved: Moved {
                columns: empty().collect(),
                slots: Vec::new(),
                signs: Vec::new(),
                leaving: Vec::new(),
                entering: Vec::new(),
            },
            values: empty().collect(),
            keys: options.keys,
            reads: options.reads,
            index: KeyIndex::new(&options.key_types),
            calls: options.aggregates.into_iter().map(Call::new).collect(),
            defaults: options.defaults,
            lags: options.lags,
            keys_max: super::OVER_KEYS_MAX,
            routing: options.routing,
            oldest: 0,
            forgotten: 0,
            slots: Vec::new(),
            fresh: Vec::new(),
        }
    }

    /// The places of its results.
    pub(super) fn results(&self) -> impl Iterator<Item = usize> {
        let calls = self.calls.iter().map(|call| call.result);
        calls.chain(self.lags.iter().map(|lag| lag.result))
    }

    /// Makes room for all keys.
    fn ensure(&mut self) {
        let slots = self.index.slots();
        if let Some(history) = &mut self.history {
            history.logs.ensure(slots);
        }
        for call in &mut self.calls {
            call.accumulator.ensure(slots);
        }
    }

    /// Takes rows in; appends their results.
    pub(super) fn rows(&mut self, frame: &Frame<'_>, results: &mut [Column], faults: &mut u64) {
        let mut programs = self.take_programs();
        let Programs {
            keys,
            reads,
            defaults,
        } = &mut programs;
        let few_left = self.index.len() + frame.len > self.keys_max;
        let mut slots = std::mem::take(&mut self.slots);
        if !few_left {
            let index = &mut self.index;
            look_up(index, keys, frame, faults, &mut slots, &mut self.fresh);
            self.ensure();
        }
        let rows = Inputs {
            reads: reads.iter_mut().map(|p| p.eval(frame, faults)).collect(),
            defaults: defaults
                .iter_mut()
                .map(|p| p.as_mut().map(|p| p.eval(frame, faults)))
                .collect(),
        };
        match few_left {
            false => self.apply(&slots, &rows, 0, results),
            true => {
                let parts: Columns<'_> = keys.iter_mut().map(|p| p.eval(frame, faults)).collect();
                for row in 0..frame.len {
                    let key: Key<'_> = parts.iter().map(|c| c.scalar(row)).collect();
                    let slot = self.slot_of(&key);
                    self.apply(&[slot], &rows, row, results);
                }
            }
        }
        drop(rows);
        self.slots = slots;
        self.put_programs_back(programs);
    }

    fn take_programs(&mut self) -> Programs {
        Programs {
            keys: std::mem::take(&mut self.keys),
            reads: std::mem::take(&mut self.reads),
            defaults: std::mem::take(&mut self.defaults),
        }
    }

    fn put_programs_back(&mut self, programs: Programs) {
        (self.keys, self.reads, self.defaults) = (programs.keys, programs.reads, programs.defaults);
    }

    /// The slot of a key; where there are too many the one that came first is forgotten.
    #[inline]
    fn slot_of(&mut self, key: &[Scalar<'_>]) -> Slot {
        let known = self.index.slots();
        if self.index.len() >= self.keys_max && self.index.find_scalars(key).is_none() {
            self.forget_oldest();
        }
        let slot = self.index.slot_of(key);
        if self.index.slots() > known {
            self.ensure();
        }
        slot
    }

    /// Slots are given in the order of their keys, and again in the order in which they were forgotten.
    #[cold]
    fn forget_oldest(&mut self) {
        let slots = self.index.slots() as Slot;
        let from = self.oldest.min(slots);
        let mut all = (from..slots).chain(0..from);
        if let Some(slot) = all.find(|slot| self.index.holds(*slot)) {
            self.forget(slot);
            self.oldest = slot + 1;
            self.forgotten += 1;
        }
    }

    fn forget(&mut self, slot: Slot) {
        self.index.remove(slot);
        self.clear_slot(slot);
    }

    /// Forgets what a key held that is no longer known.
    fn clear_slot(&mut self, slot: Slot) {
        if let Some(history) = &mut self.history
            && let Some(id) = *history.logs.get(slot)
        {
            history.log.close(id);
            history.logs.reset(slot);
        }
        for call in &mut self.calls {
            call.accumulator.reset(slot);
        }
    }

    /// Takes rows of these slots in, which begin with row `first` of the columns; appends their results.
    fn apply(&mut self, slots: &[Slot], rows: &Inputs<'_>, first: usize, results: &mut [Column]) {
        let lone = self.index.slots() == 1;
        let reads = rows.reads.as_slice();
        let moved = &mut self.moved;
        moved.clear();
        match &mut self.history {
            None if reads.iter().all(|column| column.len() == slots.len()) => {
                for call in &mut self.calls {
                    call.update(&changes(slots, &[], lone), reads, results);
                }
                return;
            }
            None => {
                for (row, slot) in slots.iter().enumerate() {
                    moved.push(*slot, Sign::Plus, reads.iter().copied(), first + row);
                }
            }
            Some(history) if self.lags.is_empty() && history.has_no_nulls(reads) => {
                history.turn_over(slots, (reads, first), moved);
            }
            Some(history) => {
                let moves = !self.calls.is_empty();
                for (row, slot) in (first..).zip(slots) {
                    let id = history.log_of(*slot);
                    for (lag, default) in self.lags.iter().zip(&rows.defaults) {
                        let out = &mut results[lag.result];
                        match (history.before(id, lag.rows), default) {
                            (Some(index), _) => {
                                out.push_from(&history.log.columns()[lag.read], index);
                            }
                            (None, Some(default)) => out.push_from(default, row),
                            (None, None) => out.push_null(),
                        }
                    }
                    if let Some(index) = history.leaving(id) {
                        if moves {
                            let oldest = history.log.columns().iter();
                            moved.push(*slot, Sign::Minus, oldest, index);
                        }
                        history.log.pop(id, 1);
                    }
                    if moves {
                        moved.push(*slot, Sign::Plus, reads.iter().copied(), row);
                    }
                    history
                        .log
                        .push_columns(id, Timestamp::default(), reads, row);
                }
            }
        }
        let columns: Columns<'_> = moved.columns.iter().collect();
        let changes = changes(&moved.slots, &moved.signs, lone);
        for call in &mut self.calls {
            call.update(&changes, &columns, results);
        }
    }

    /// Takes one row in, as `rows` does with a batch of it.
    pub(super) fn row(&mut self, frame: &RowFrame<'_>, results: &mut [Column], faults: &mut u64) {
        let mut keys = std::mem::take(&mut self.keys);
        let key: Key<'_> = keys
            .iter_mut()
            .map(|key| key.value(frame, faults))
            .collect();
        let slot = self.slot_of(&key);
        drop(key);
        self.keys = keys;
        for (program, value) in self.reads.iter_mut().zip(&mut self.values) {
            value.clear();
            program.value_into(frame, faults, value);
        }
        if let Some(history) = &mut self.history {
            let id = history.log_of(slot);
            for (lag, default) in self.lags.iter().zip(&mut self.defaults) {
                let out = &mut results[lag.result];
                match (history.before(id, lag.rows), default) {
                    (Some(index), _) => out.push_from(&history.log.columns()[lag.read], index),
                    (None, Some(default)) => default.value_into(frame, faults, out),
                    (None, None) => out.push_null(),
                }
            }
            if let Some(index) = history.leaving(id) {
                let oldest = history.log.columns();
                for call in &mut self.calls {
                    call.update_one(slot, Sign::Minus, oldest, index, results);
                }
                history.log.pop(id, 1);
            }
            let values: Columns<'_> = self.values.iter().collect();
            history
                .log
                .push_columns(id, Timestamp::default(), &values, 0);
        }
        for call in &mut self.calls {
            call.update_one(slot, Sign::Plus, &self.values, 0, results);
        }
    }

    pub(super) fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        let gone = self.index.not_kept(&self.routing, keep);
        gone.into_iter().for_each(|slot| self.forget(slot));
    }

    /// From here on keys are found by that of a partition.
    pub(super) fn find_by_partition(&mut self) {
        if let [position] = self.routing[..] {
            self.index.find_by(position);
        }
    }

    /// Whether they are.
    pub(super) fn finds_by_partition(&self) -> bool {
        self.index.finds_by_one()
    }

    /// Forgets what has these keys of a partition.
    pub(super) fn forget_keys(&mut self, keys: &Column) {
        let mut gone = std::mem::take(&mut self.slots);
        gone.clear();
        self.index.remove_known(keys, &mut gone);
        gone.iter().for_each(|slot| self.clear_slot(*slot));
        self.slots = gone;
    }

    /// Checks what was loaded: keys have logs of their own, and no others have any.
    fn check(&self) -> Result<(), Malformed> {
        let Some(history) = &self.history else {
            return Ok(());
        };
        let mut claims = Claims::default();
        for slot in 0..history.logs.len() as Slot {
            let Some(id) = *history.logs.get(slot) else {
                continue;
            };
            claims.claim(&history.log, id, 0)?;
            if slot as usize >= self.index.slots() || !self.index.holds(slot) {
                return Err(super::unknown_key());
            }
            if history.log.len(id) > history.rows_max {
                return Err(Malformed::new("a frame of OVER has too many rows"));
            }
        }
        Ok(())
    }
}

impl StateHolder for ByRows {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.index.state(visitor);
        if let Some(history) = &mut self.history {
            history.log.state(visitor);
            visitor.container("logs", &mut history.logs);
        }
        self.calls.iter_mut().for_each(|call| call.state(visitor));
        visitor.register(&mut self.oldest);
        counter(visitor, &mut self.forgotten);
        if visitor.is_loading() {
            self.ensure();
            if let Err(why) = self.check() {
                visitor.fail(why);
            }
        }
    }
}
