//! The words that threads announce themselves in, and the protocol between those who enter and the one who locks.
//!
//! How (Dekker): who enters swaps its word to `IN`, then loads `closed`; who locks stores `closed`, passes a fence,
//! then loads the words. In the total order of `SeqCst` operations either the entry sees `closed` and withdraws, or
//! the locker sees the word and waits. Leaving is a plain release store: the locker polls, so nobody is to be woken.
//! Who withdrew waits under the mutex that `closed` changes under, so no opening is missed.
//!
//! A thread that is inside may announce itself in a further word without looking at `closed`: its first word stays
//! until it leaves altogether, and the locker waits for that one.

use std::time::Duration;

use crossbeam::utils::CachePadded;

use crate::sync::{
    self, Arc, AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Condvar, Mutex, Ordering, fence,
    spin_loop, thread,
};

// What a word says. NESTED is a thread that is counted elsewhere.
const OUT: u32 = 0;
const IN: u32 = 1;
const NESTED: u32 = 2;

// Some 40 us of looks: a cut or a slice of encoding takes up to 30, a sleep and a wake-up more than 50.
#[cfg(not(eventflux_loom))]
const ENTER_SPINS: u32 = 2_000;

/// Where one worker announces itself; on a cache line of its own.
pub(super) struct Word {
    /// Of this word alone, also after it is gone: an address is given again, this is not.
    pub(super) id: u64,
    worker: u16,
    state: CachePadded<AtomicU32>,
}

impl Word {
    /// Announces; false if the barrier is closed or closing.
    #[inline]
    pub(super) fn announce(&self, gate: &Gate) -> bool {
        let before = self.state.swap(IN, Ordering::SeqCst);
        assert!(
            before == OUT,
            "worker slot {} is in use by another thread",
            self.worker
        );
        sync::after_seq_cst_rmw();
        !gate.closed.load(Ordering::SeqCst)
    }

    /// Announces a thread that is inside already or owns the lock.
    pub(super) fn announce_inside(&self, counted_elsewhere: bool) {
        let state = if counted_elsewhere { NESTED } else { IN };
        let before = self.state.swap(state, Ordering::SeqCst);
        assert!(
            before == OUT,
            "worker slot {} is in use by another thread",
            self.worker
        );
    }

    /// Release: pairs with the locker's Acquire; what was done inside is visible to it.
    #[inline]
    pub(super) fn withdraw(&self) {
        self.state.store(OUT, Ordering::Release);
    }
}

/// Who was inside when a lock was given up.
#[derive(Debug, Default)]
pub(super) struct Occupants {
    pub(super) workers: Vec<u16>,
    pub(super) external: usize,
    pub(super) locked: bool,
}

/// The state that all threads of one barrier share.
pub(super) struct Gate {
    /// Loaded by every entry, written by locks only.
    closed: CachePadded<AtomicBool>,
    /// Threads inside that have no word.
    external: CachePadded<AtomicUsize>,
    words: Mutex<Vec<Arc<Word>>>,
    /// Whether a thread owns the lock or is getting it. `closed` changes under it.
    held: Mutex<bool>,
    opened: Condvar,
    stray: AtomicU64,
}

impl Gate {
    pub(super) fn new() -> Self {
        Gate {
            closed: CachePadded::new(AtomicBool::new(false)),
            external: CachePadded::new(AtomicUsize::new(0)),
            words: Mutex::new(Vec::new()),
            held: Mutex::new(false),
            opened: Condvar::new(),
            stray: AtomicU64::new(0),
        }
    }

    /// A word for a worker. A locker that misses it has locked before: the first entry sees `closed`.
    pub(super) fn add_word(&self, worker: u16) -> Arc<Word> {
        let word = Arc::new(Word {
            id: sync::next_id(),
            worker,
            state: CachePadded::new(AtomicU32::new(OUT)),
        });
        sync::lock(&self.words).push(Arc::clone(&word));
        word
    }

    /// Forgets a word, unless a thread is still announced there: then it goes on being waited for.
    pub(super) fn remove_word(&self, word: &Arc<Word>) {
        sync::lock(&self.words)
            .retain(|w| !Arc::ptr_eq(w, word) || w.state.load(Ordering::Relaxed) != OUT);
    }

    /// The word with an id, if it is one of this barrier's.
    pub(super) fn find_word(&self, id: u64) -> Option<Arc<Word>> {
        let words = sync::lock(&self.words);
        words.iter().find(|word| word.id == id).map(Arc::clone)
    }

    /// Announces in a word once the barrier is open.
    #[inline]
    pub(super) fn enter_word(&self, word: &Word) {
        while !word.announce(self) {
            word.withdraw();
            self.wait_until_open();
        }
    }

    /// Announces in the shared counter once the barrier is open.
    pub(super) fn enter_external(&self) {
        loop {
            self.external.fetch_add(1, Ordering::SeqCst);
            sync::after_seq_cst_rmw();
            if !self.closed.load(Ordering::SeqCst) {
                return;
            }
            self.exit_external();
            self.wait_until_open();
        }
    }

    /// Announces the owner of the lock in the shared counter.
    pub(super) fn enter_external_as_owner(&self) {
        self.external.fetch_add(1, Ordering::SeqCst);
    }

    /// Release: as `Word::withdraw`.
    pub(super) fn exit_external(&self) {
        self.external.fetch_sub(1, Ordering::Release);
    }

    #[cold]
    fn wait_until_open(&self) {
        #[cfg(not(eventflux_loom))]
        for _ in 0..ENTER_SPINS {
            if !self.closed.load(Ordering::Relaxed) {
                return;
            }
            spin_loop();
        }
        let mut held = sync::lock(&self.held);
        while *held {
            held = sync::wait(&self.opened, held);
        }
    }

    /// Stops entries and waits until nobody is inside, or until `give_up`; then the barrier is open again.
    pub(super) fn close(&self, mut give_up: impl FnMut() -> bool) -> Result<(), Occupants> {
        let mut patience = Patience::default();
        loop {
            let mut held = sync::lock(&self.held);
            if !*held {
                *held = true;
                // SeqCst: first half of the locker's side of the protocol above.
                self.closed.store(true, Ordering::SeqCst);
                break;
            }
            drop(held);
            if give_up() {
                return Err(Occupants {
                    locked: true,
                    ..self.occupants()
                });
            }
            patience.wait();
        }
        fence(Ordering::SeqCst);
        loop {
            if self.is_deserted() {
                return Ok(());
            }
            if give_up() {
                let occupants = self.occupants();
                self.open();
                return Err(occupants);
            }
            patience.wait();
        }
    }

    /// Lets entries in again.
    pub(super) fn open(&self) {
        let mut held = sync::lock(&self.held);
        *held = false;
        // Release: pairs with the load of an entry; what the owner changed is visible inside.
        self.closed.store(false, Ordering::Release);
        drop(held);
        self.opened.notify_all();
    }

    /// Calls `f` while no thread owns the lock or is getting it, and keeps them from it until `f` returns; false where
    /// one does.
    pub(super) fn unless_held(&self, f: impl FnOnce()) -> bool {
        let held = sync::lock(&self.held);
        if !*held {
            f();
        }
        !*held
    }

    /// Acquire: pairs with `withdraw` and `exit_external`.
    ///
    /// A word once seen `OUT` after the fence needs no second look: its next entry sees `closed`.
    fn is_deserted(&self) -> bool {
        let words = sync::lock(&self.words);
        words
            .iter()
            .all(|word| word.state.load(Ordering::Acquire) == OUT)
            && self.external.load(Ordering::Acquire) == 0
    }

    fn occupants(&self) -> Occupants {
        let words = sync::lock(&self.words);
        Occupants {
            workers: words
                .iter()
                .filter(|word| word.state.load(Ordering::Relaxed) != OUT)
                .map(|word| word.worker)
                .collect(),
            external: self.external.load(Ordering::Relaxed),
            locked: false,
        }
    }

    /// Threads inside now, each counted once.
    pub(super) fn active_threads(&self) -> usize {
        let words = sync::lock(&self.words);
        let workers = words
            .iter()
            .filter(|word| word.state.load(Ordering::Relaxed) == IN)
            .count();
        workers + self.external.load(Ordering::Relaxed)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(super) fn count_stray(&self) {
        self.stray.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stray_calls(&self) -> u64 {
        self.stray.load(Ordering::Relaxed)
    }
}

/// Rounds of a thread that polls: spins, then yields, then sleeps shortly.
#[derive(Default)]
pub(crate) struct Patience {
    rounds: u32,
}

// A step of 256 rows is a few microseconds: most locks end while spinning.
const SPIN_ROUNDS: u32 = 200;
// About a millisecond of yields before the first sleep.
const YIELD_ROUNDS: u32 = 2_000;
// Shorter than the timer slack of Linux, which adds 50 µs.
const NAP: Duration = Duration::from_micros(20);

impl Patience {
    /// Waits one round.
    pub(crate) fn wait(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        if cfg!(eventflux_loom) {
            thread::yield_now();
        } else if self.rounds <= SPIN_ROUNDS {
            spin_loop();
        } else if self.rounds <= SPIN_ROUNDS + YIELD_ROUNDS {
            thread::yield_now();
        } else {
            std::thread::sleep(NAP);
        }
    }
}
