//! What a worker does while it has nothing to do.

use std::time::Duration;

use super::park::Parker;
use crate::sync::{spin_loop, thread};

/// How an idle worker waits for rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum WaitStrategy {
    /// Looks again at once. The shortest wake-up; the core is never free.
    BusySpin,
    /// Spins for a moment, then lets other threads run between looks. The core is free for others, not idle.
    SpinThenYield,
    /// Spins for a moment, then sleeps until a producer wakes it: microseconds for the first row after a pause.
    #[default]
    SpinThenPark,
}

// 200 looks of ~5–40 ns: a few microseconds, about what a sleep and a wake-up cost.
const SPIN_ROUNDS: u32 = 200;

// 16 yields of ~0.5 µs: a producer that shares this core gets it before the worker pays for a sleep.
const YIELD_ROUNDS: u32 = 16;

/// An idle worker's patience: spins first, then yields or parks as its strategy says.
pub(crate) struct Idle {
    strategy: WaitStrategy,
    parker: Parker,
    rounds: u32,
}

impl Idle {
    /// Patience of the worker that owns `parker`.
    pub(crate) fn new(strategy: WaitStrategy, parker: Parker) -> Self {
        Idle {
            strategy,
            parker,
            rounds: 0,
        }
    }

    /// There was work: the next wait begins with spinning.
    #[inline]
    pub(crate) fn reset(&mut self) {
        self.rounds = 0;
    }

    /// Waits one round after a look that found nothing; the caller looks again.
    ///
    /// `timeout`: time to the next timer, if there is one. `ready`: whether any lane has something.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>, ready: impl FnOnce() -> bool) {
        self.rounds = self.rounds.saturating_add(1);
        match self.strategy {
            WaitStrategy::BusySpin => spin_loop(),
            _ if self.rounds <= SPIN_ROUNDS => spin_loop(),
            WaitStrategy::SpinThenYield => thread::yield_now(),
            WaitStrategy::SpinThenPark if self.rounds <= SPIN_ROUNDS + YIELD_ROUNDS => {
                thread::yield_now();
            }
            WaitStrategy::SpinThenPark => self.parker.park_unless(timeout, ready),
        }
    }
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests {
    use super::*;
    use crate::runtime::lane::park::parker;
    use crate::sync::{Arc, AtomicUsize, Ordering};

    #[test]
    fn no_wake_up_is_lost_under_stress() {
        let rounds = if cfg!(miri) { 20 } else { 5_000 };
        let strategies = [
            WaitStrategy::BusySpin,
            WaitStrategy::SpinThenYield,
            WaitStrategy::SpinThenPark,
        ];
        for strategy in strategies {
            let (parker, waker) = parker();
            let ping = Arc::new(AtomicUsize::new(0));
            let pong = Arc::new(AtomicUsize::new(0));
            let worker = {
                let (ping, pong) = (Arc::clone(&ping), Arc::clone(&pong));
                thread::spawn(move || {
                    let mut idle = Idle::new(strategy, parker);
                    for round in 1..=rounds {
                        while ping.load(Ordering::Acquire) < round {
                            idle.wait(None, || ping.load(Ordering::Acquire) >= round);
                        }
                        idle.reset();
                        pong.store(round, Ordering::Release);
                    }
                })
            };
            for round in 1..=rounds {
                ping.swap(round, Ordering::SeqCst);
                waker.wake();
                while pong.load(Ordering::Acquire) < round {
                    thread::yield_now();
                }
            }
            worker.join().unwrap();
        }
    }

    #[test]
    fn a_timeout_ends_the_sleep() {
        let (mut parker, _waker) = parker();
        parker.park_unless(Some(Duration::from_micros(10)), || false);
        parker.park_unless(None, || true);
    }
}
