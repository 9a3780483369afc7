//! What the current thread holds of each barrier: how deep it is inside, where it is announced, whether it owns the
//! lock.
//!
//! Why: entering twice must count once (a nested entry that waits for a locker who waits for the outer one is the
//! deadlock that two engines have), a lock from inside must be refused, and a thread that ends must leave nothing
//! held.
//! How: a thread-local list with one entry per barrier, usually one. The usual case, a thread that is in one worker
//! slot and holds nothing else, is not in the list but in `Step`: two numbers without a destructor, which cost an
//! address. Anything else that such a thread does to the barrier first moves it from `Step` into the list.
//!
//! Rules, which `cell` builds on:
//! * P1: a word is announced by at most one thread at a time (the swap in `Word` finds it `OUT`), and that thread's
//!   `step` names it or its entry has a seat for it with `inside` set.
//! * P2: every word and count that a thread announced stays announced until all its calls and guards are gone.
//! * P3: a guard is counted apart from plain calls, so no `exit()` or `unlock()` takes away what a guard stands for.
//! * P4: `locks() > 0` is true for at most one thread, and only between a successful `Gate::close` and `Gate::open`.

use std::cell::{Cell, RefCell};

use super::gate::{Gate, Occupants, Word};
use crate::sync::Arc;

/// Who takes part: a plain call, undone by a plain call, or a guard, undone by its drop.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Call,
    Guard,
}

/// Why the lock was not given.
pub(super) enum Refusal {
    Inside,
    GivenUp(Occupants),
}

/// Calls and guards that are not undone yet.
#[derive(Default)]
struct Count {
    calls: u64,
    guards: u64,
}

impl Count {
    fn total(&self) -> u64 {
        self.calls + self.guards
    }

    fn of(&mut self, by: By) -> &mut u64 {
        match by {
            By::Call => &mut self.calls,
            By::Guard => &mut self.guards,
        }
    }

    /// False if there was nothing to undo.
    fn undo(&mut self, by: By) -> bool {
        let count = self.of(by);
        let any = *count > 0;
        *count -= u64::from(any);
        any
    }
}

struct Seat {
    word: Arc<Word>,
    inside: bool,
}

/// This thread and one barrier.
struct Presence {
    gate: Arc<Gate>,
    enters: Count,
    locks: Count,
    external: bool,
    seats: Vec<Seat>,
}

/// A thread inside by guards of one worker slot only.
struct Step {
    /// The slot's word, 0 if there is none.
    word: Cell<u64>,
    /// Guards alive; more than 0 if there is a word.
    guards: Cell<u64>,
    /// Entries in the list that hold something. While there are any, `word` is not set anew.
    busy_entries: Cell<u64>,
}

impl Step {
    const fn new() -> Self {
        Step {
            word: Cell::new(0),
            guards: Cell::new(0),
            busy_entries: Cell::new(0),
        }
    }
}

#[cfg(not(eventflux_loom))]
thread_local! {
    static STEP: Step = const { Step::new() };
    static ENTRIES: RefCell<Vec<Presence>> = const { RefCell::new(Vec::new()) };
}
#[cfg(eventflux_loom)]
loom::thread_local! {
    static STEP: Step = Step::new();
    static ENTRIES: RefCell<Vec<Presence>> = RefCell::new(Vec::new());
}

impl Presence {
    fn is_idle(&self) -> bool {
        self.enters.total() == 0 && self.locks.total() == 0
    }

    /// Changes the entry and keeps count of the entries that hold something.
    fn change<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        let before = self.is_idle();
        let result = f(self);
        let after = self.is_idle();
        if before != after {
            STEP.with(|step| {
                let busy = step.busy_entries.get();
                step.busy_entries
                    .set(if after { busy - 1 } else { busy + 1 });
            });
        }
        result
    }

    /// Moves the thread's step, if it is one of this barrier, into this entry.
    fn take_over_step(&mut self) {
        STEP.with(|step| {
            if step.word.get() == 0 {
                return;
            }
            if let Some(word) = self.gate.find_word(step.word.get()) {
                let seat = self.seat(&word);
                self.seats[seat].inside = true;
                self.enters.guards += step.guards.take();
                step.word.set(0);
            }
        });
    }

    fn seat(&mut self, word: &Arc<Word>) -> usize {
        match self.seats.iter().position(|s| Arc::ptr_eq(&s.word, word)) {
            Some(seat) => seat,
            None => self.add_seat(word),
        }
    }

    fn enter_external(&mut self, by: By) {
        if self.enters.total() == 0 {
            if self.locks.total() > 0 {
                self.gate.enter_external_as_owner();
            } else {
                self.gate.enter_external();
            }
            self.external = true;
        }
        *self.enters.of(by) += 1;
    }

    fn enter_word(&mut self, word: &Arc<Word>) {
        let seat = self.seat(word);
        let (inside, owner) = (self.enters.total() > 0, self.locks.total() > 0);
        let seat = &mut self.seats[seat];
        if !seat.inside {
            if inside || owner {
                word.announce_inside(inside);
            } else {
                self.gate.enter_word(word);
            }
            seat.inside = true;
        }
        self.enters.guards += 1;
    }

    fn add_seat(&mut self, word: &Arc<Word>) -> usize {
        self.seats
            .retain(|s| s.inside || Arc::strong_count(&s.word) > 1);
        self.seats.push(Seat {
            word: Arc::clone(word),
            inside: false,
        });
        self.seats.len() - 1
    }

    /// Withdraws everywhere once nothing is left inside (P2).
    fn exit(&mut self, by: By) {
        if !self.enters.undo(by) {
            self.gate.count_stray();
        } else if self.enters.total() == 0 {
            self.withdraw();
        }
    }

    fn withdraw(&mut self) {
        for seat in &mut self.seats {
            if seat.inside {
                seat.inside = false;
                seat.word.withdraw();
            }
        }
        if self.external {
            self.external = false;
            self.gate.exit_external();
        }
    }

    fn lock(&mut self, by: By, give_up: impl FnMut() -> bool) -> Result<(), Refusal> {
        if self.locks.total() == 0 {
            if self.enters.total() > 0 {
                return Err(Refusal::Inside);
            }
            self.gate.close(give_up).map_err(Refusal::GivenUp)?;
        }
        *self.locks.of(by) += 1;
        Ok(())
    }

    fn unlock(&mut self, by: By) {
        if !self.locks.undo(by) {
            self.gate.count_stray();
        } else if self.locks.total() == 0 {
            self.gate.open();
        }
    }
}

impl Drop for Presence {
    /// The thread ends: it is not inside any more, and a lock that it owns is released.
    fn drop(&mut self) {
        self.withdraw();
        if self.locks.total() > 0 {
            self.gate.open();
        }
    }
}

/// Works on this thread's entry for a barrier.
fn with_entry<R>(gate: &Arc<Gate>, f: impl FnOnce(&mut Presence) -> R) -> R {
    ENTRIES.with(|entries| {
        let mut entries = entries.borrow_mut();
        let entry = match entries.iter().position(|e| Arc::ptr_eq(&e.gate, gate)) {
            Some(entry) => entry,
            None => add_entry(&mut entries, gate),
        };
        let entry = &mut entries[entry];
        // Two changes: should the second panic, the first is counted.
        entry.change(Presence::take_over_step);
        entry.change(f)
    })
}

fn add_entry(entries: &mut Vec<Presence>, gate: &Arc<Gate>) -> usize {
    // Entries of barriers that only this thread still knows go now.
    entries.retain(|e| !e.is_idle() || Arc::strong_count(&e.gate) > 1);
    entries.push(Presence {
        gate: Arc::clone(gate),
        enters: Count::default(),
        locks: Count::default(),
        external: false,
        seats: Vec::new(),
    });
    entries.len() - 1
}

/// Looks at this thread's entry for a barrier; `None` without one, also while the thread ends.
fn look<R>(gate: &Arc<Gate>, f: impl FnOnce(&Presence) -> R) -> Option<R> {
    let looked = ENTRIES.try_with(|entries| {
        let entries = entries.borrow();
        entries.iter().find(|e| Arc::ptr_eq(&e.gate, gate)).map(f)
    });
    looked.ok().flatten()
}

pub(super) fn enter_external(gate: &Arc<Gate>, by: By) {
    with_entry(gate, |entry| entry.enter_external(by));
}

/// Enters by a guard of a worker slot.
#[inline]
pub(super) fn enter_word(gate: &Arc<Gate>, word: &Arc<Word>) {
    let entered = STEP.with(|step| {
        if step.word.get() == word.id {
            step.guards.set(step.guards.get() + 1);
            return true;
        }
        if step.word.get() != 0 || step.busy_entries.get() != 0 {
            return false;
        }
        if !word.announce(gate) {
            word.withdraw();
            // This thread holds nothing, so nobody waits for it and it may wait.
            gate.enter_word(word);
        }
        step.word.set(word.id);
        step.guards.set(1);
        true
    });
    if !entered {
        with_entry(gate, |entry| entry.enter_word(word));
    }
}

/// Leaves by the drop of a guard of a worker slot.
#[inline]
pub(super) fn exit_word(gate: &Arc<Gate>, word: &Arc<Word>) {
    let left = STEP.with(|step| {
        let here = step.word.get() == word.id;
        if here {
            let guards = step.guards.get() - 1;
            step.guards.set(guards);
            if guards == 0 {
                step.word.set(0);
                word.withdraw();
            }
        }
        here
    });
    if !left {
        exit(gate, By::Guard);
    }
}

pub(super) fn lock(gate: &Arc<Gate>, by: By, give_up: impl FnMut() -> bool) -> Result<(), Refusal> {
    with_entry(gate, |entry| entry.lock(by, give_up))
}

/// Undoes an entry. While the thread ends there is nothing left to undo.
pub(super) fn exit(gate: &Arc<Gate>, by: By) {
    change_existing(gate, |entry| entry.exit(by));
}

/// Undoes a lock, as [`exit`].
pub(super) fn unlock(gate: &Arc<Gate>, by: By) {
    change_existing(gate, |entry| entry.unlock(by));
}

fn change_existing(gate: &Arc<Gate>, f: impl FnOnce(&mut Presence)) {
    let changed = ENTRIES.try_with(|entries| {
        let mut entries = entries.borrow_mut();
        match entries.iter_mut().find(|e| Arc::ptr_eq(&e.gate, gate)) {
            Some(entry) => entry.change(f),
            None => gate.count_stray(),
        }
    });
    // An error: the list was dropped with the thread, and everything in it was released then.
    changed.unwrap_or(());
}

/// Whether this thread is announced in a word.
#[inline]
pub(super) fn is_in(gate: &Arc<Gate>, word: &Arc<Word>) -> bool {
    if STEP.with(|step| step.word.get() == word.id) {
        return true;
    }
    look(gate, |entry| {
        entry
            .seats
            .iter()
            .any(|s| s.inside && Arc::ptr_eq(&s.word, word))
    })
    .unwrap_or(false)
}

/// Whether this thread owns the lock.
pub(super) fn owns_lock(gate: &Arc<Gate>) -> bool {
    look(gate, |entry| entry.locks.total() > 0).unwrap_or(false)
}
