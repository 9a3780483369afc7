//! A life that sends rows and takes checkpoints all the time, while a test breaks what it writes to.

use crate::call_recorder::CallRecorder;
use crate::life::Life;
use eventflux::CheckpointError;
use eventflux::store::{PersistenceStore, Revision};
use eventflux_testbed::{HANG, try_until, until};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two checkpoints: more would only be more rows for the oracle.
const PAUSE: Duration = Duration::from_millis(4);

/// How one checkpoint went.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub begun: Instant,
    pub ended: Instant,
    pub result: Result<Revision, CheckpointError>,
    /// What the health said right after it.
    pub reachable: bool,
}

/// Checkpoints without an end, until this is dropped.
pub struct Load {
    stop: Arc<AtomicBool>,
    commits: Arc<AtomicU64>,
    outcomes: Arc<Mutex<Vec<Outcome>>>,
    watched: Arc<CallRecorder>,
    /// None once its end was waited for.
    thread: Option<JoinHandle<Life>>,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

impl Load {
    /// Begins.
    pub fn start((mut life, watched): (Life, Arc<CallRecorder>)) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let commits = Arc::new(AtomicU64::new(0));
        let outcomes = Arc::new(Mutex::new(Vec::new()));
        let (stopped, counted, all) = (stop.clone(), commits.clone(), outcomes.clone());
        let store = watched.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                let begun = Instant::now();
                let result = life.step();
                let reachable = store.health().reachable;
                counted.fetch_add(u64::from(result.is_ok()), Ordering::SeqCst);
                let ended = Instant::now();
                all.lock().expect("nothing panics here").push(Outcome {
                    begun,
                    ended,
                    result,
                    reachable,
                });
                std::thread::park_timeout(PAUSE);
            }
            life
        });
        Load {
            stop,
            commits,
            outcomes,
            watched,
            thread: Some(thread),
        }
    }

    /// Waits for some more commits.
    #[track_caller]
    pub fn wait_commits(&self, more: u64) {
        let from = self.commits.load(Ordering::SeqCst);
        self.wait("checkpoints", || {
            self.commits.load(Ordering::SeqCst) >= from + more
        });
    }

    /// Waits until a call is refused, and is being tried again.
    #[track_caller]
    pub fn wait_refused(&self) {
        self.wait("a refused call", || {
            self.watched.health().failures_in_a_row > 0
        });
    }

    #[track_caller]
    fn wait(&self, what: &str, mut ready: impl FnMut() -> bool) {
        let waited = try_until(HANG, what, || {
            let ended = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
            assert!(!ended, "the life ended by a panic");
            Ok(ready())
        });
        if waited.is_err() {
            let all = self.outcomes();
            let failed = all.iter().rev().filter_map(|o| o.result.as_ref().err());
            let failed: Vec<String> = failed.take(3).map(ToString::to_string).collect();
            panic!("{what}: waited {HANG:?} in vain; the last errors: {failed:#?}");
        }
    }

    /// Does something to the servers, waits until checkpoints succeed again, and tells how long that took; how long it
    /// may take is judged by `eventflux-bench redis`.
    ///
    /// `served`: whether the servers themselves have a primary again.
    #[track_caller]
    pub fn through(&self, what: &str, fault: impl FnOnce(), served: impl Fn() -> bool) {
        self.wait_commits(3);
        self.watched.longest();
        let (before, at) = (self.outcomes().len(), Instant::now());
        fault();
        let done = Instant::now();
        let (mut writable, mut ready) = (None, None);
        self.wait(what, || {
            if ready.is_none() && served() {
                ready = Some(at.elapsed());
            }
            let all = self.outcomes();
            let good = all.iter().find(|o| o.begun > done && o.result.is_ok());
            writable = good.map(|o| o.ended - at);
            writable.is_some() && ready.is_some()
        });
        // what still comes of it, such as a commit on a server that is no primary any more
        self.wait_commits(20);
        let writable = writable.expect("it was waited for");
        let (longest, call) = self.watched.longest();
        let all = self.outcomes();
        let failed: Vec<&Outcome> = all[before..].iter().filter(|o| o.result.is_err()).collect();
        eprintln!(
            "{what}: writable after {writable:.1?}, the servers after {:.1?}; {} checkpoints failed; longest call {longest:.1?} ({call:?})",
            ready.unwrap_or_default(),
            failed.len()
        );
        for outcome in &failed {
            let error = outcome.result.as_ref().expect_err("it failed");
            let expected = ["io", "stale-parent", "durability"];
            assert!(expected.contains(&error.reason()), "{what}: {error}");
        }
        // A server that has replaced another one answers, too: that it does not have what the other one had.
        let lost = ["has replaced it meanwhile", "a server was replaced"];
        let is_silence = |e: &CheckpointError| {
            e.reason() == "io" && !lost.iter().any(|text| e.to_string().contains(text))
        };
        let unanswered = |o: &&&Outcome| o.result.as_ref().is_err_and(is_silence);
        let mut silent = failed.iter().filter(unanswered).peekable();
        if silent.peek().is_some() {
            assert!(silent.any(|o| !o.reachable), "{what}: the health was good");
        }
    }

    /// How all checkpoints went so far.
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.outcomes.lock().expect("nothing panics here").clone()
    }

    /// Ends it after one more commit. The store is said to be well then.
    pub fn end(mut self) -> Life {
        self.wait_commits(1);
        self.stop.store(true, Ordering::SeqCst);
        let thread = self.thread.take().expect("it is waited for once");
        let mut life = thread.join().expect("no row came out differently");
        until(HANG, "a last checkpoint", || life.step().is_ok());
        let health = self.watched.health();
        assert!(health.reachable && !health.breaker_open, "{health:?}");
        life
    }
}
