//! A thread per store that keeps what is claimed alive: leases, times to live, and the answer how the server is.

use super::keys::BUCKETS;
use super::store::Inner;
use parking_lot::{Condvar, Mutex};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// It asks how the server is this often.
const TICK_MAX: Duration = Duration::from_secs(1);

/// The thread; ends when dropped.
pub(super) struct Keeper {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts it. `None` when the system has no thread left; leases then end after their time.
    pub(super) fn start(inner: &Arc<Inner>) -> Option<Keeper> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let (weak, ended) = (Arc::downgrade(inner), Arc::clone(&stop));
        let thread = std::thread::Builder::new()
            .name("eventflux-lease".to_string())
            .spawn(move || run(&weak, &ended));
        Some(Keeper {
            stop,
            thread: Some(thread.ok()?),
        })
    }
}

impl Keeper {
    /// Whether the thread has ended by itself, which it does only by a panic.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has no reason to panic; if it did, its message was printed.
            let _ = thread.join();
        }
    }
}

fn run(weak: &Weak<Inner>, stop: &(Mutex<bool>, Condvar)) {
    let mut renewed = Instant::now();
    let mut rotation = Rotation {
        bucket: 0,
        refreshed: Instant::now(),
    };
    loop {
        let Some(inner) = weak.upgrade() else {
            return;
        };
        let renew_every = inner.lease() / 3;
        let tick = renew_every.min(TICK_MAX);
        drop(inner);
        {
            let mut stopped = stop.0.lock();
            if !*stopped {
                stop.1.wait_for(&mut stopped, tick);
            }
            if *stopped {
                return;
            }
        }
        let Some(inner) = weak.upgrade() else {
            return;
        };
        // What fails is told by the health, and tried again at the next tick.
        let _ = inner.client().probe();
        let due = rotation.due(&inner);
        // Who pinned something meanwhile is known before anything gets a time to live.
        if renewed.elapsed() >= renew_every || (due > 0 && renewed.elapsed() >= tick) {
            renewed = Instant::now();
            inner.renew();
        }
        rotation.refresh(&inner, due, &|| *stop.0.lock());
    }
}

/// Which bucket is to be refreshed next.
struct Rotation {
    bucket: u32,
    refreshed: Instant,
}

impl Rotation {
    /// How many buckets are due.
    fn due(&self, inner: &Inner) -> u32 {
        let Some(every) = inner.refresh_every() else {
            return 0;
        };
        let due = self.refreshed.elapsed().as_nanos() / every.as_nanos().max(1);
        due.min(u128::from(BUCKETS)) as u32
    }

    /// Refreshes them, up to one that fails: the leases must not wait for a server that does not answer.
    fn refresh(&mut self, inner: &Inner, due: u32, stopped: &dyn Fn() -> bool) {
        for left in (0..due).rev() {
            if stopped() || inner.refresh(self.bucket).is_err() {
                return;
            }
            self.bucket = (self.bucket + 1) % BUCKETS;
            if left == 0 {
                self.refreshed = Instant::now();
            }
        }
    }
}
