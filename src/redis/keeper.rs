//! A thread per store that keeps what is claimed alive: leases, times to live, and the answer how the server is.

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
    let (mut renewed, mut bucket) = (Instant::now(), 0);
    let mut refreshed = Instant::now();
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
        if renewed.elapsed() >= renew_every {
            renewed = Instant::now();
            inner.renew();
        }
        if let Some(every) = inner.refresh_every() {
            let due = refreshed.elapsed().as_nanos() / every.as_nanos().max(1);
            if due > 0 && renewed.elapsed() >= tick {
                // Who pinned something meanwhile is known before anything gets a time to live.
                renewed = Instant::now();
                inner.renew();
            }
            for _ in 0..due.min(u128::from(super::keys::BUCKETS)) {
                inner.refresh(bucket);
                bucket = (bucket + 1) % super::keys::BUCKETS;
            }
            if due > 0 {
                refreshed = Instant::now();
            }
        }
    }
}
