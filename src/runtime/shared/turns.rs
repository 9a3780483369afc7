//! A lock whose owners take turns: one that takes it again and again does not keep the others out.
//!
//! Why: a mutex is cheapest where the thread that gives it up may take it again at once, before one that sleeps has
//! woken. A thread that does so in a loop would keep the sleeper out for as long as the loop lasts; whether the mutex
//! does something about that is up to its version. How: after some turns in a row the lock is handed over to a thread
//! that waits, if there is one; where nobody waits that costs nothing.

use parking_lot::{Mutex, MutexGuard};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// Turns in a row before others are let in. Handing over takes two switches of threads, some 10 µs: as long as a few
/// dozen sends.
const TURNS_MAX: u32 = 32;

thread_local! {
    /// 0 before it was asked for: what needs no code to begin with is read without looking whether it has begun.
    static TOKEN: Cell<u64> = const { Cell::new(0) };
}

/// A number of this thread that no other has; never 0.
#[inline]
pub(crate) fn token() -> u64 {
    match TOKEN.get() {
        0 => new_token(),
        token => token,
    }
}

#[cold]
fn new_token() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let token = NEXT.fetch_add(1, Ordering::Relaxed);
    TOKEN.set(token);
    token
}

/// A value, and who had it last.
#[derive(Debug)]
pub(crate) struct Turns<T> {
    pub(crate) value: T,
    owner: u64,
    in_a_row: u32,
}

/// A lock around a value.
pub(crate) fn turns<T>(value: T) -> Mutex<Turns<T>> {
    Mutex::new(Turns {
        value,
        owner: 0,
        in_a_row: 0,
    })
}

/// Ends a turn. A guard that is merely dropped ends it as well, without letting others in.
#[inline]
pub(crate) fn end_turn<T>(mut turn: MutexGuard<'_, Turns<T>>) {
    let me = token();
    let again = turn.owner == me;
    turn.in_a_row = if again {
        turn.in_a_row.saturating_add(1)
    } else {
        1
    };
    turn.owner = me;
    if turn.in_a_row >= TURNS_MAX {
        MutexGuard::unlock_fair(turn);
    }
}

#[cfg(all(test, not(eventflux_loom), target_os = "linux"))]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// Whether a thread of this process sleeps.
    fn sleeps(thread: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
        let stat = stat.expect("the thread lives");
        let (_, state) = stat.rsplit_once(") ").expect("a name in brackets");
        state.starts_with('S')
    }

    #[test]
    fn who_takes_a_lock_in_a_loop_lets_those_in_that_wait() {
        let lock = turns(Vec::new());
        let (tell, told) = channel();
        std::thread::scope(|scope| {
            for _ in 0..TURNS_MAX {
                end_turn(lock.lock());
            }
            let mut mine = lock.lock();
            mine.value.push("first");
            let lock = &lock;
            scope.spawn(move || {
                let link = std::fs::read_link("/proc/thread-self").expect("a thread");
                let name = link.file_name().expect("its number");
                tell.send(name.to_string_lossy().into_owned())
                    .expect("heard");
                let mut turn = lock.lock();
                turn.value.push("other");
                end_turn(turn);
            });
            let other = told.recv().expect("it runs");
            while !sleeps(&other) {
                std::thread::yield_now();
            }
            end_turn(mine);
            let mut mine = lock.lock();
            mine.value.push("second");
            end_turn(mine);
        });
        assert_eq!(lock.into_inner().value, ["first", "other", "second"]);
    }
}
