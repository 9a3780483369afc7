//! Restores while named inputs keep sending: rows of before are dropped, rows after the restored position come again,
//! and in the end every row was processed once.

use crate::common::{Seen, app_of, attach};
use eventflux::store::MemoryStore;
use eventflux::{
    CheckpointConfig, EventFluxAppRuntime, Input, SendError, Timestamp, Value, Workers,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// One stream for each input, and one that both send to.
const APP: &str = "@app:name('race') @app:playback
    CREATE STREAM A (k LONG, v LONG);
    CREATE STREAM B (k LONG, v LONG);
    CREATE STREAM Both (k LONG, v LONG);
    INSERT INTO OutA SELECT k, count() AS n, sum(v) AS total FROM A GROUP BY k;
    INSERT INTO OutB SELECT k, count() AS n, sum(v) AS total FROM B GROUP BY k;
    INSERT INTO OutBoth SELECT k, count() AS n, sum(v) AS total FROM Both GROUP BY k;";

const KEYS: u64 = 7;

const ROUNDS: usize = if cfg!(debug_assertions) { 300 } else { 10_000 };

/// Ends the process when a test does not end: a deadlock shows no other way.
struct Watchdog(Option<mpsc::Sender<()>>);

impl Watchdog {
    fn new(what: &'static str) -> Watchdog {
        let (sender, ended) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            let waited = ended.recv_timeout(Duration::from_secs(300));
            if waited == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("{what}: no end after 300 s, a deadlock");
                std::process::abort();
            }
        });
        Watchdog(Some(sender))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

fn value(n: u64) -> i64 {
    (n * n % 1_009) as i64
}

/// How many rows were sent, and how many may be: senders are in the middle of sending when a restore comes, and do
/// not fill all lanes before the next one.
#[derive(Default)]
struct Pace {
    sent: AtomicU64,
    allowed: AtomicU64,
    ended: AtomicBool,
}

impl Pace {
    fn wait(&self) {
        let may = || self.sent.load(Ordering::Relaxed) < self.allowed.load(Ordering::Relaxed);
        while !may() && !self.ended.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    }
}

/// Sends rows, follows restores, and ends when all rows that it ever sent are processed for good.
fn sender(mut input: Input, own: &str, pace: &Pace) -> u64 {
    let mut most = 0;
    let mut rewinds = 0;
    loop {
        let n = input.position() + 1;
        pace.wait();
        let over = pace.ended.load(Ordering::SeqCst);
        if over && n > most {
            // A row that was taken long ago asks for nothing but whether there was a restore.
            match input.send_numbered(1, own, None, (0, 0)) {
                Ok(taken) => assert!(!taken, "row 1 was taken before"),
                Err(SendError::Rewound { .. }) => continue,
                Err(error) => panic!("{error}"),
            }
            break;
        }
        // Odd rows go to the input's own stream, even ones to the one of both.
        let stream = if n % 2 == 1 { own } else { "Both" };
        let row = ((n / 2 % KEYS) as i64, value(n));
        match input.send_numbered(n, stream, Some(Timestamp::from_millis(n as i64)), row) {
            Ok(taken) => {
                assert!(taken, "row {n} comes next");
                most = most.max(n);
                pace.sent.fetch_add(1, Ordering::Relaxed);
            }
            Err(SendError::Rewound { resume_at }) => {
                assert_eq!(input.position() + 1, resume_at);
                assert!(resume_at <= most + 1, "{resume_at} was never sent");
                rewinds += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(rewinds > 0, "no restore met this input");
    most
}

/// Count and sum of each key after the first `rows` rows of an input, in its own stream or the one of both.
fn totals(rows: u64, own: bool, into: &mut BTreeMap<i64, (i64, i64)>) {
    for n in (1..=rows).filter(|n| (n % 2 == 1) == own) {
        let (count, sum) = into.entry((n / 2 % KEYS) as i64).or_default();
        *count += 1;
        *sum += value(n);
    }
}

/// The last row of each key.
fn last_rows(seen: &Seen, stream: &str) -> BTreeMap<i64, (i64, i64)> {
    let mut last = BTreeMap::new();
    for ((name, ..), row) in seen.dense() {
        if name == stream {
            let numbers: Vec<i64> = row
                .split(['(', ')'])
                .filter_map(|part| part.parse().ok())
                .collect();
            let (count, sum) = last.entry(numbers[0]).or_default();
            // Rows of a group come in its order; a group may hold several keys.
            if numbers[1] > *count {
                assert_eq!(numbers[1], *count + 1, "a row of {stream} is missing");
                (*count, *sum) = (numbers[1], numbers[2]);
            }
        }
    }
    last
}

fn restores(app: &EventFluxAppRuntime, pace: &Pace) {
    let mut random = 88_172_645_463_325_252u64;
    for round in 0..ROUNDS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let before = pace.sent.load(Ordering::Relaxed);
        pace.allowed.store(before + 300, Ordering::Relaxed);
        if round % 3 != 2 {
            while pace.sent.load(Ordering::Relaxed) < before + random % 200 {
                std::thread::yield_now();
            }
        }
        if round % 5 == 0 {
            app.persist().expect("a checkpoint");
        }
        let kept = app.revisions().expect("the store works");
        let revision = kept[random as usize % kept.len()];
        let report = app.restore_revision(&revision).expect("restores");
        assert_eq!(report.inputs.len(), 2);
    }
}

/// The sums that the stream of both has in the end, asked of the state itself.
fn both(app: &EventFluxAppRuntime) -> BTreeMap<i64, (i64, i64)> {
    let out = app.subscribe("OutBoth").expect("a stream");
    let mut input = app.input().expect("opens");
    for k in 0..KEYS as i64 {
        let at = Timestamp::from_millis(1 << 40);
        input.send_at("Both", at, (k, 0)).expect("the row is taken");
    }
    app.flush().expect("all is processed");
    let mut last = BTreeMap::new();
    while let Some(batch) = out.try_recv() {
        for row in 0..batch.len() {
            if let [Value::Long(k), Value::Long(count), Value::Long(sum)] = batch.row(row)[..] {
                last.insert(k, (count - 1, sum));
            }
        }
    }
    last
}

fn race(workers: Workers) {
    let _watchdog = Watchdog::new("restores while inputs send");
    let store = Arc::new(MemoryStore::new());
    let app = app_of(APP, Some(store), workers, CheckpointConfig::default());
    let seen = Seen::default();
    attach(&seen, &app, &["OutA", "OutB"]);
    app.start().expect("it starts");
    let pace = Pace::default();
    let inputs = ["a", "b"].map(|name| app.open_input(name).expect("opens"));
    let [a, b] = std::thread::scope(|scope| {
        let [a, b] = inputs;
        let a = scope.spawn(|| sender(a, "A", &pace));
        let b = scope.spawn(|| sender(b, "B", &pace));
        restores(&app, &pace);
        pace.ended.store(true, Ordering::SeqCst);
        [a, b].map(|sender| sender.join().expect("it sends to the end"))
    });
    app.flush().expect("all is processed");
    for (rows, stream) in [(a, "OutA"), (b, "OutB")] {
        let mut expected = BTreeMap::new();
        totals(rows, true, &mut expected);
        assert_eq!(last_rows(&seen, stream), expected, "{stream}");
    }
    let mut expected = BTreeMap::new();
    totals(a, false, &mut expected);
    totals(b, false, &mut expected);
    assert_eq!(both(&app), expected);
    app.shutdown().expect("it stops");
}

#[test]
fn inputs_follow_restores_inline() {
    race(Workers::Inline);
}

#[test]
fn inputs_follow_restores_with_two_workers() {
    race(Workers::Pinned(2));
}
