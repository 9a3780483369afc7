//! A window of its own for each key of a partition, all in one operator.
//!
//! Why: a window that counts rows, or begins with its first row, means another thing when the rows of all keys go
//! through it; and an operator per key would cost too much.
//! How: the window holds what all keys share: rows in logs side by side, and counters. What one key has of its own
//! beside them is a few words, which are put into the window before a row of the key comes and taken out after it. The
//! window itself does what it does for its only key. Timers of all keys fire in the order of their times, then in
//! that in which the keys came.
//! Cost: of a row, a look-up of its key, and two copies of those words; O(log n) where a timer moves, of n keys.

use super::due_queue::{DueQueue, KeyTimer};
use super::keys::Keys;
use crate::event::{Batch, Column, RowSet, RowView, Timestamp, Type};
use crate::expr::Program;
use crate::operator::partition::PARTITION_KEYS_MAX;
use crate::operator::{Claims, Counters, Kind, Operator, Out, counter, newer_counter};
use crate::state::{Cell, Cells, Malformed, Slot, StateHolder, Visitor};

/// A window that can turn from one key to another.
pub(crate) trait Turning: Operator {
    /// What a key has of its own, beside rows and what stands by the key's slot.
    type Own: Cell + Copy + PartialEq;

    /// Nothing comes of a row or a timer but rows, and its timers close it: it implements [`Turning::take_one`] and
    /// [`Turning::fire_one`], other windows [`Turning::take`] and [`Turning::fire`] where they have timers.
    const SINGLY: bool = false;

    /// What the key at hand has of its own.
    fn own(&self) -> Self::Own;

    /// Goes on with a key that has this of its own.
    fn turn(&mut self, own: Self::Own);

    /// Goes on with a key that holds nothing yet.
    fn open(&mut self, key: Slot);

    /// Forgets the key at hand, with all that it holds.
    fn shut(&mut self);

    /// Whether the key at hand is as one that has just begun.
    fn is_new(&self) -> bool;

    /// Rows are about to come.
    fn look_at(&mut self, _batch: &Batch) {}

    /// A row of the key at hand comes.
    #[inline]
    fn take(&mut self, batch: &Batch, row: usize, to: &mut Box<Batch>, out: &mut Out) {
        self.take_one(batch, row, to, out);
    }

    /// As [`Turning::take`].
    fn take_one(&mut self, _batch: &Batch, _row: usize, _to: &mut Batch, _out: &mut Out) {}

    /// Fires the timer of the key at hand, which is due at this time.
    fn fire(&mut self, due: Timestamp, cause: u64, to: &mut Box<Batch>, out: &mut Out) {
        match Self::SINGLY {
            true => self.fire_one(due, cause, to),
            false => {
                out.pass(to);
                self.clock(due, cause, out);
            }
        }
    }

    /// As [`Turning::fire`].
    fn fire_one(&mut self, _due: Timestamp, _cause: u64, _to: &mut Batch) {}

    /// No row is left of those that came, or a key was forgotten.
    fn settle(&mut self) {}

    /// Where rows of the key at hand wait for the end of the send: the place of the key among those.
    fn sends(&self) -> Option<u64> {
        None
    }

    /// Shows what all keys share to a visitor.
    fn shared(&mut self, visitor: &mut dyn Visitor);

    /// Makes what follows from what was loaded; keys stand below `slots`.
    fn rebuild(&mut self, _slots: usize) -> Result<(), Malformed> {
        Ok(())
    }

    /// Checks the key at hand, which was loaded.
    fn check(&self, key: Slot, claims: &mut Claims) -> Result<(), Malformed>;
}

/// A key that holds something.
#[derive(Clone, Copy, Debug, Default)]
struct Kept<T> {
    /// Which of the keys that came it is, from 1 on; 0 where there is none.
    number: u64,
    own: T,
}

impl<T: Cell + Copy> Cell for Kept<T> {
    const WORDS: usize = 1 + T::WORDS;
    fn layout() -> String {
        format!("window of a key: {}", T::layout())
    }
    #[inline]
    fn word(&self, k: usize) -> u64 {
        match k {
            0 => self.number,
            k => self.own.word(k - 1),
        }
    }
    fn read(words: &[u64], bytes: &[u8]) -> Option<Self> {
        let (number, words) = words.split_first()?;
        Some(Kept {
            number: *number,
            own: T::read(words, bytes)?,
        })
    }
}

/// Windows by key.
pub(crate) struct PerKey<W: Turning> {
    keys: Keys,
    window: W,
    kept: Cells<Kept<W::Own>>,
    /// Keys that came so far.
    came: u64,
    /// What the clock has reached: nothing that a key emits at the end of a send falls behind it.
    reached: Timestamp,
    dues: DueQueue,
    /// Keys whose rows wait for the end of the send, in the order in which they came in it: an index.
    sending: Vec<Slot>,
    keys_max: usize,
    /// Rows of keys beyond the bound.
    refused: u64,
}

impl<W: Turning> PerKey<W> {
    /// A window for each value of `key`, of this type. `window` has seen no row.
    pub(crate) fn new(key: Program, key_type: Type, mut window: W) -> Self {
        window.shut();
        PerKey {
            keys: Keys::new(vec![key], &[key_type]),
            window,
            kept: Cells::default(),
            came: 0,
            reached: Timestamp::MIN,
            dues: DueQueue::default(),
            sending: Vec::new(),
            keys_max: PARTITION_KEYS_MAX,
            refused: 0,
        }
    }

    /// With another bound on the keys.
    #[cfg(test)]
    pub(super) fn bounded(self, keys_max: usize) -> Self {
        PerKey { keys_max, ..self }
    }

    /// Takes the rows of a batch, but those of the last of its new keys, which are too many.
    #[cold]
    fn rows_of_some(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        let gone = self.keys.refuse(self.keys_max);
        let goes_on = |row: &u32| !gone.contains(&self.keys.slots[*row as usize]);
        let rows: Vec<u32> = (0..batch.len() as u32).filter(goes_on).collect();
        self.refused += (batch.len() - rows.len()) as u64;
        if !rows.is_empty() {
            let mut some = Batch::like(batch);
            some.append(batch, &RowSet::Picked(&rows));
            self.rows(kind, &some, out);
        }
    }

    /// Turns the window to a key; returns what the key had.
    #[inline]
    fn turn_to(&mut self, key: Slot) -> Kept<W::Own> {
        let kept = *self.kept.get(key);
        if kept.number > 0 {
            self.window.turn(kept.own);
            return kept;
        }
        self.window.open(key);
        self.came += 1;
        let kept = Kept {
            number: self.came,
            own: self.window.own(),
        };
        *self.kept.get_mut(key) = kept;
        kept
    }

    /// Keeps what the key at hand has now, or forgets it where it holds nothing.
    #[inline]
    fn give_back(&mut self, key: Slot, before: Kept<W::Own>) {
        if self.window.is_new() {
            self.forget(key);
            return self.keys.release(key);
        }
        let own = self.window.own();
        if own != before.own {
            self.kept.get_mut(key).own = own;
        }
        if let Some(due) = self.window.due() {
            let number = before.number;
            self.dues.list(KeyTimer { due, number, key });
        }
    }

    /// Forgets what the key at hand holds.
    fn forget(&mut self, key: Slot) {
        self.window.shut();
        self.kept.reset(key);
        self.dues.forget(key);
    }

    /// Forgets what a key holds that is no longer known.
    fn drop_key(&mut self, key: Slot) {
        let kept = self.kept.find(key).copied().unwrap_or_default();
        if kept.number > 0 {
            self.window.turn(kept.own);
            self.forget(key);
            self.sending.retain(|sending| *sending != key);
        }
    }

    /// Turns the window to the key whose timer is next; returns when that is due.
    fn turn_to_next(&mut self) -> Option<(KeyTimer, Kept<W::Own>)> {
        while let Some(entry) = self.dues.first() {
            if !self.dues.counts(entry) {
                self.dues.drop_first();
                continue;
            }
            let kept = self.turn_to(entry.key);
            let due = self.window.due();
            if due == Some(entry.due) {
                return Some((entry, kept));
            }
            self.dues.drop_first();
            if let Some(due) = due {
                self.dues.list(KeyTimer { due, ..entry });
            }
        }
        None
    }

    /// Fires what is due at or before `now`.
    #[inline]
    fn fire(&mut self, now: Timestamp, mut fire: impl FnMut(&mut W, Timestamp)) {
        while self.dues.reaches(now)
            && let Some((entry, kept)) = self.turn_to_next().filter(|(e, _)| e.due <= now)
        {
            fire(&mut self.window, entry.due);
            self.give_back(entry.key, kept);
        }
    }

    /// No row is left: forgets keys that hold nothing, and makes the time of the next timer exact.
    fn settle(&mut self) {
        self.turn_to_next();
        self.dues.tidy();
        let kept = &self.kept;
        self.keys.forget(|key| kept.get(key).number > 0);
        self.window.settle();
    }

    /// Lifts what was emitted from batch `first` on to what the clock has reached: keys come in an order of their own.
    fn lift(&mut self, first: usize, out: &mut Out) {
        let rows = out.ready[first..].iter_mut();
        for clock in rows.flat_map(|(_, batch)| &mut batch.clock) {
            self.reached = self.reached.max(*clock);
            *clock = self.reached;
        }
    }

    /// The keys that hold something.
    fn held(&self) -> impl Iterator<Item = Slot> + '_ {
        let slots = 0..self.kept.len() as Slot;
        slots.filter(|key| self.kept.get(*key).number > 0)
    }

    /// Checks what was loaded, and makes what follows from it.
    fn rebuild(&mut self) -> Result<(), Malformed> {
        let (slots, kept) = (self.kept.len(), &self.kept);
        if !self.keys.hold(slots, |key| kept.get(key).number > 0) {
            return Err(Malformed::new("a window belongs to no key"));
        }
        self.dues.clear();
        self.window.rebuild(slots)?;
        let mut claims = Claims::default();
        let mut sending = Vec::new();
        for key in self.held().collect::<Vec<_>>() {
            let Kept { number, own } = *self.kept.get(key);
            if number > self.came {
                return Err(Malformed::new("a key holds rows that never came"));
            }
            self.window.turn(own);
            self.window.check(key, &mut claims)?;
            if let Some(due) = self.window.due() {
                self.dues.list(KeyTimer { due, number, key });
            }
            sending.extend(self.window.sends().map(|place| (place, key)));
        }
        sending.sort_unstable();
        self.sending = sending.into_iter().map(|(_, key)| key).collect();
        Ok(())
    }
}

impl<W: Turning> StateHolder for PerKey<W> {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.keys.state(visitor);
        self.window.shared(visitor);
        visitor.container("windows", &mut self.kept);
        counter(visitor, &mut self.came);
        visitor.register(&mut self.reached);
        newer_counter(visitor, &mut self.refused);
        if visitor.is_loading()
            && let Err(why) = self.rebuild()
        {
            visitor.fail(why);
        }
    }
}

impl<W: Turning> Operator for PerKey<W> {
    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        let slots = self.keys.look_up(batch);
        if !self.keys.fresh.is_empty() && self.keys.len() > self.keys_max {
            return self.rows_of_some(kind, batch, out);
        }
        self.kept.ensure(slots);
        self.window.look_at(batch);
        let mut to = out.batch();
        for row in 0..batch.len() {
            let (now, cause) = (batch.clock_of(row), batch.cause_of(row));
            self.fire(now, |window, due| window.fire(due, cause, &mut to, out));
            let key = self.keys.slots[row];
            let before = self.turn_to(key);
            let sends = self.window.sends().is_some();
            self.window.take(batch, row, &mut to, out);
            if !sends && self.window.sends().is_some() {
                self.sending.push(key);
            }
            self.give_back(key, before);
        }
        out.emit(Kind::Rows, to);
        self.reached = batch.clock.last().copied().unwrap_or(self.reached);
        self.settle();
    }

    fn row(&mut self, row: RowView<'_>, to: &mut Batch, out: &mut Out) -> bool {
        if !W::SINGLY {
            return false;
        }
        let RowView { batch, row: place } = row;
        let (now, cause) = (batch.clock_of(place), batch.cause_of(place));
        let key = self.keys.look_up_one(row);
        self.kept.ensure(self.keys.slots_max());
        if self.keys.len() > self.keys_max && self.kept.get(key).number == 0 {
            self.keys.take_back(key);
            self.refused += 1;
            return true;
        }
        self.fire(now, |window, due| window.fire_one(due, cause, to));
        let before = self.turn_to(key);
        self.window.take_one(batch, place, to, out);
        self.give_back(key, before);
        self.reached = batch.clock.get(place).copied().unwrap_or(self.reached);
        self.settle();
        true
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        self.reached = self.reached.max(now);
        if self.dues.reaches(now) {
            let mut to = out.batch();
            self.fire(now, |window, due| window.fire(due, cause, &mut to, out));
            out.emit(Kind::Rows, to);
            self.settle();
        }
    }

    fn send_end(&mut self, out: &mut Out) {
        if self.sending.is_empty() {
            return;
        }
        let first = out.ready.len();
        let mut sending = std::mem::take(&mut self.sending);
        for key in sending.drain(..) {
            let before = self.turn_to(key);
            self.window.send_end(out);
            self.give_back(key, before);
        }
        self.sending = sending;
        self.lift(first, out);
        self.settle();
    }

    fn is_open(&mut self) -> bool {
        for key in self.held().collect::<Vec<_>>() {
            let before = self.turn_to(key);
            let is_open = self.window.is_open();
            self.give_back(key, before);
            if is_open {
                return true;
            }
        }
        false
    }

    fn close(&mut self, out: &mut Out) {
        if W::SINGLY {
            return self.clock(Timestamp(i64::MAX), 0, out);
        }
        let mut open = Vec::new();
        for key in self.held().collect::<Vec<_>>() {
            let Kept { number, .. } = self.turn_to(key);
            open.push((self.window.due(), number, key));
        }
        open.sort_unstable();
        let first = out.ready.len();
        for (_, _, key) in open {
            let before = self.turn_to(key);
            self.window.close(out);
            self.give_back(key, before);
        }
        self.lift(first, out);
        self.settle();
    }

    fn due(&self) -> Option<Timestamp> {
        self.dues.first().map(|entry| entry.due)
    }

    fn count(&self, into: &mut Counters) {
        self.window.count(into);
        into.limit_rows += self.refused;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.keys.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        let gone = self.keys.keep_keys(keep);
        gone.into_iter().for_each(|key| self.drop_key(key));
        self.settle();
    }

    fn quiet_after(&self) -> Option<i64> {
        self.window.quiet_after()
    }

    fn forget_keys(&mut self, keys: &Column) {
        let mut gone = Vec::new();
        self.keys.remove_known(keys, &mut gone);
        gone.into_iter().for_each(|key| self.drop_key(key));
        self.settle();
    }
}
