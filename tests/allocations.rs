//! The steady state allocates nothing (law L6): zero allocations for tens of thousands of rows after a warm-up.
//!
//! How: the global allocator counts every allocation of the process, on whatever thread. A binary of its own, and one
//! test in it, so that nothing else allocates meanwhile.

use eventflux::{
    Batch, EventFluxAppRuntime, EventFluxManager, Input, RuntimeConfig, Timestamp, Value, Workers,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

#[path = "common/counting.rs"]
mod counting;

use counting::{ALLOCATIONS, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WARM_UP_ROWS: i64 = 12_000;
const ROWS: i64 = 8_000;

/// What must not allocate, each with its query over `S (k INT, t STRING, v INT, d DOUBLE)`, or a partition with one
/// that inserts into `Out`.
const QUERIES: &[(&str, &str)] = &[
    ("filter", "SELECT k, t, v FROM S[v % 2 = 0]"),
    (
        "projection",
        "SELECT k + 1 AS k, d * 2 AS d, v > 10 AS big, t FROM S",
    ),
    (
        "GROUP BY int",
        "SELECT k, sum(v) AS s, count() AS n, avg(d) AS a FROM S GROUP BY k",
    ),
    (
        "GROUP BY string",
        "SELECT t, sum(v) AS s, max(d) AS m FROM S GROUP BY t",
    ),
    (
        "length",
        "SELECT sum(v) AS s, avg(d) AS a, count() AS n FROM S WINDOW('length', 100)",
    ),
    (
        "length, extremes",
        "SELECT min(v) AS lo, max(v) AS hi FROM S WINDOW('length', 100)",
    ),
    (
        "length, GROUP BY",
        "SELECT t, sum(v) AS s, stdDev(d) AS sd FROM S WINDOW('length', 100) GROUP BY t",
    ),
    (
        "time, GROUP BY",
        "SELECT k, sum(v) AS s, count() AS n FROM S WINDOW('time', 50 MILLISECONDS) GROUP BY k",
    ),
    (
        "tumbling, GROUP BY",
        "SELECT t, sum(v) AS s, count() AS n FROM S WINDOW('tumbling', 50 MILLISECONDS) GROUP BY t",
    ),
    (
        "hop, GROUP BY",
        "SELECT t, sum(v) AS s, max(d) AS m, count() AS n FROM S WINDOW('hop', 50 MILLISECONDS, 10 MILLISECONDS) \
         GROUP BY t",
    ),
    (
        "sessionBatch, GROUP BY",
        "SELECT t, sum(v) AS s, max(d) AS m, count() AS n FROM S WINDOW('sessionBatch', 20 MILLISECONDS, t) GROUP BY t",
    ),
    (
        "sessionBatch, key and condition",
        "SELECT t, v, count() AS n FROM S WINDOW('sessionBatch', 20 MILLISECONDS, v > 50) WHERE v > 5",
    ),
    (
        "lengthBatch",
        "SELECT k, sum(v) AS s FROM S WINDOW('lengthBatch', 64) GROUP BY k",
    ),
    (
        "OVER rows",
        "SELECT k, sum(v) OVER (PARTITION BY k ROWS 20 PRECEDING) AS s, median(d) OVER (PARTITION BY t ROWS 5 PRECEDING) \
         AS m, lag(t) OVER (PARTITION BY k) AS p, row_number() OVER () AS n FROM S",
    ),
    (
        "OVER time",
        "SELECT k, sum(v) OVER (PARTITION BY k RANGE 50 MILLISECONDS PRECEDING) AS s, lag(d, 2, d) OVER (PARTITION BY t) \
         AS p FROM S",
    ),
    (
        "join",
        "SELECT a.t AS t, b.v AS v FROM S WINDOW('length', 20) AS a JOIN S WINDOW('length', 60) AS b ON a.k = b.k",
    ),
    (
        "outer join, GROUP BY",
        "SELECT a.k AS k, sum(b.v) AS s, count() AS n FROM S WINDOW('length', 20) AS a LEFT JOIN S WINDOW('length', 60) \
         AS b ON a.t = b.t AND a.v < b.v GROUP BY a.k",
    ),
    (
        "pattern",
        "SELECT a.t AS t, b.v AS v FROM PATTERN (EVERY a=S[v % 2 = 0] -> b=S[v % 2 = 1 AND k = a.k]) WITHIN 10 SECONDS",
    ),
    (
        "patterns by constant",
        "SELECT a.t AS t, b.v AS v FROM PATTERN (EVERY a=S[k = 1] -> b=S[k = 1 AND v > a.v]) WITHIN 10 SECONDS; \
         INSERT INTO Q2 SELECT a.t AS t, b.v AS v FROM PATTERN (EVERY a=S[k = 2] -> b=S[k = 2 AND v > a.v]) WITHIN 10 SECONDS; \
         INSERT INTO Out SELECT a.t AS t, b.v AS v FROM PATTERN (EVERY a=S[k = 3] -> b=S[k = 3 AND v > a.v]) WITHIN 10 SECONDS; \
         INSERT INTO Q4 SELECT a.t AS t, b.v AS v FROM PATTERN (EVERY a=S[k = 4] -> b=S[k = 4 AND v > a.v]) WITHIN 10 SECONDS; \
         INSERT INTO Out SELECT a.t AS t, b.v AS v FROM PATTERN (EVERY a=S[k = 5] -> b=S[k = 5 AND v > a.v]) WITHIN 10 SECONDS; \
         INSERT INTO Q6 SELECT a.t AS t, b.v AS v FROM PATTERN (EVERY a=S[k = 6] -> b=S[k = 6 AND v > a.v]) WITHIN 10 SECONDS; \
         INSERT INTO Out SELECT a.t AS t, b.v AS v FROM PATTERN (EVERY a=S[k = 7] -> b=S[k = 7 AND v > a.v]) WITHIN 10 SECONDS; \
         INSERT INTO Q8 SELECT a.t AS t, b.v AS v FROM PATTERN (EVERY a=S[k = 8] -> b=S[k = 8 AND v > a.v]) WITHIN 10 SECONDS",
    ),
    (
        "pattern, counted term",
        "SELECT a.t AS t, count(b.v) AS n, avg(b.d) AS m FROM PATTERN (EVERY a=S[v < 5] -> b=S[k = a.k]{2,} -> \
         c=S[k = a.k AND v > 50]) WITHIN 200 MILLISECONDS",
    ),
    (
        "pattern, silence",
        "SELECT a.t AS t, a.v AS v FROM PATTERN (EVERY a=S -> NOT S[k = a.k AND v > a.v] FOR 100 MILLISECONDS)",
    ),
    (
        "sequence",
        "SELECT a.t AS t, b.v AS v FROM SEQUENCE (EVERY a=S, b=S[v > a.v], c=S) WITHIN 1 SECONDS",
    ),
    (
        "aggregation",
        "SELECT t, v FROM S; CREATE AGGREGATION A AS SELECT t, k, sum(v) AS s, avg(d) AS m, min(d) AS lo, last(v) AS z \
         FROM S[v > 3] GROUP BY t, k AGGREGATE EVERY HOURS, DAYS, YEARS",
    ),
    (
        "OUTPUT ALL EVERY n",
        "SELECT k, t, v FROM S OUTPUT EVERY 7 EVENTS",
    ),
    (
        "OUTPUT FIRST EVERY n, GROUP BY",
        "SELECT t, sum(v) AS s FROM S GROUP BY t OUTPUT FIRST EVERY 2 EVENTS",
    ),
    (
        "OUTPUT LAST EVERY n, GROUP BY",
        "SELECT t, sum(v) AS s FROM S GROUP BY t OUTPUT LAST EVERY 9 EVENTS",
    ),
    (
        "OUTPUT ALL EVERY t",
        "SELECT k, t FROM S OUTPUT EVERY 20 MILLISECONDS",
    ),
    (
        "OUTPUT FIRST EVERY t, GROUP BY",
        "SELECT t, sum(v) AS s FROM S GROUP BY t OUTPUT FIRST EVERY 60 MILLISECONDS",
    ),
    (
        "OUTPUT LAST EVERY t, GROUP BY",
        "SELECT t, sum(v) AS s FROM S GROUP BY t OUTPUT LAST EVERY 20 MILLISECONDS",
    ),
    (
        "OUTPUT SNAPSHOT, GROUP BY",
        "SELECT t, sum(v) AS s FROM S WINDOW('length', 40) GROUP BY t OUTPUT SNAPSHOT EVERY 20 MILLISECONDS",
    ),
    (
        "OUTPUT SNAPSHOT of rows",
        "SELECT k % 7 AS k, v % 2 AS v FROM S WINDOW('length', 40) OUTPUT SNAPSHOT EVERY 20 MILLISECONDS",
    ),
    (
        "partition, length",
        "PARTITION WITH (t OF S) BEGIN INSERT INTO Out SELECT t, sum(v) AS s, avg(d) AS m FROM S \
         WINDOW('length', 5); END",
    ),
    (
        "partition, time, computed key",
        "PARTITION WITH (k % 7 OF S) BEGIN INSERT INTO Out SELECT t, sum(v) AS s FROM S \
         WINDOW('time', 120 MILLISECONDS) GROUP BY t; END",
    ),
    (
        "partition, lengthBatch",
        "PARTITION WITH (t OF S) BEGIN INSERT INTO Out SELECT t, v FROM S \
         WINDOW('lengthBatch', 2); END",
    ),
    (
        "partition, batches of time",
        "PARTITION WITH (t OF S) BEGIN INSERT INTO Out SELECT t, v FROM S \
         WINDOW('timeBatch', 70 MILLISECONDS); END",
    ),
    (
        "partition, ranges and inner stream",
        "PARTITION WITH (v < 60 AS 'low', v >= 50 AS 'high' OF S) BEGIN INSERT INTO #I SELECT t, \
         v, count() AS n FROM S; INSERT INTO Out SELECT t, max(n) AS m FROM #I WINDOW('length', 9) OUTPUT LAST EVERY 3 \
         EVENTS; END",
    ),
    (
        "partition, purged",
        "PARTITION WITH (t OF S) WITH ('purge.idle'='10 SECONDS') BEGIN INSERT INTO Out SELECT t, \
         sum(v) AS s FROM S WINDOW('length', 5); END",
    ),
    (
        "partition, pattern",
        "PARTITION WITH (t OF S) BEGIN INSERT INTO Out SELECT a.t AS t, b.v AS v FROM PATTERN \
         (EVERY a=S[v % 2 = 0] -> b=S[v % 2 = 1]) WITHIN 10 SECONDS; END",
    ),
    (
        "partition, sequence",
        "PARTITION WITH (t OF S) BEGIN INSERT INTO Out SELECT a.t AS t, b.v AS v FROM SEQUENCE \
         (EVERY a=S, b=S[v > a.v]); END",
    ),
    (
        "partition, join",
        "PARTITION WITH (t OF S) BEGIN INSERT INTO Out SELECT a.t AS t, b.v AS v FROM S \
         WINDOW('length', 2) AS a JOIN S WINDOW('length', 3) AS b ON a.v <> b.v; END",
    ),
    (
        "join with a table",
        "SELECT S.t AS t, T.v AS tv FROM S LEFT JOIN T ON S.k = T.k; CREATE TABLE T (k INT PRIMARY KEY, v INT); \
         UPSERT INTO T SELECT k, v FROM S ON T.k = S.k",
    ),
];

/// One app under the counter.
struct Bench {
    input: Input,
    texts: Vec<Value>,
    /// Number of the next row; the row `n` has the time n milliseconds.
    next: i64,
    /// Rows that came out, and the time of the latest.
    seen: Arc<AtomicU64>,
    latest: Arc<AtomicI64>,
    /// While it is closed the callback waits, so that the lane fills.
    closed: Arc<AtomicBool>,
}

impl Bench {
    fn new(runtime: &EventFluxAppRuntime) -> Self {
        let seen = Arc::new(AtomicU64::new(0));
        let latest = Arc::new(AtomicI64::new(0));
        let closed = Arc::new(AtomicBool::new(false));
        let (count, last, gate) = (Arc::clone(&seen), Arc::clone(&latest), Arc::clone(&closed));
        let callback = move |batch: &Batch| {
            while gate.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            count.fetch_add(batch.len() as u64, Ordering::Relaxed);
            let at = batch.at().iter().map(|at| at.0).max().unwrap_or(0);
            last.fetch_max(at, Ordering::Release);
        };
        runtime.add_callback("Out", callback).expect("Out exists");
        runtime.start().expect("threads start");
        // 23 bytes: the longest text that is held inline
        let text = |k: i32| Value::from(format!("a text of 23 bytes, {k:03}").as_str());
        Bench {
            input: runtime.input().expect("the app runs"),
            texts: (0..50).map(text).collect(),
            next: 0,
            seen,
            latest,
            closed,
        }
    }

    /// Sends a row; `false` when the lane is full.
    fn send(&mut self) -> bool {
        let n = self.next;
        let key = n % 50;
        let row = [
            Value::Int(key as i32),
            self.texts[key as usize].clone(),
            Value::Int((n % 97) as i32),
            Value::Double(n as f64 / 8.0),
        ];
        let at = Some(Timestamp(n * 1_000));
        let sent = self.input.try_send("S", at, &row[..]).is_ok();
        self.next += i64::from(sent);
        sent
    }

    /// Sends so many rows and waits until those near the end have come out.
    fn send_rows(&mut self, count: i64) {
        let end = self.next + count;
        while self.next < end {
            if !self.send() {
                std::thread::yield_now();
            }
        }
        while self.latest.load(Ordering::Acquire) < (end - 100) * 1_000 {
            std::thread::yield_now();
        }
    }

    /// Fills the lane while the worker waits, so that every shipment of it has grown.
    fn fill_lane(&mut self) {
        self.closed.store(true, Ordering::Release);
        let end = self.next + 20_000;
        while self.next < end && self.send() {}
        self.closed.store(false, Ordering::Release);
    }
}

/// Rounds of `ROWS` rows of which one must be free of allocations.
const ROUNDS_MAX: usize = 20;

/// The fewest allocations while `ROWS` rows pass, and the rows that came out meanwhile.
fn allocations(query: &str, workers: Workers) -> (u64, u64) {
    let insert = match query.starts_with("PARTITION") {
        true => "",
        false => "INSERT INTO Out ",
    };
    let app = format!(
        "@app:playback CREATE STREAM S (k INT, t STRING, v INT, d DOUBLE); {insert}{query};"
    );
    let inline = workers == Workers::Inline;
    let config = RuntimeConfig::default()
        .workers(workers)
        .lane_batches_max(4);
    let runtime = EventFluxManager::new()
        .create_with(&app, config)
        .expect("the app builds");
    let mut bench = Bench::new(&runtime);
    for _ in 0..4 {
        bench.send_rows(WARM_UP_ROWS / 4);
        if !inline {
            bench.fill_lane();
        }
    }
    bench.send_rows(WARM_UP_ROWS / 4);
    // A shipment that grew late, because a thread was held up, is no allocation per row: one round in a few is free of
    // them.
    let (mut least, mut rows) = (u64::MAX, 0);
    for _ in 0..ROUNDS_MAX {
        let before = ALLOCATIONS.load(Ordering::SeqCst);
        let seen = bench.seen.load(Ordering::SeqCst);
        bench.send_rows(ROWS);
        least = least.min(ALLOCATIONS.load(Ordering::SeqCst) - before);
        rows = bench.seen.load(Ordering::SeqCst) - seen;
        if least == 0 {
            break;
        }
    }
    drop(bench);
    runtime.shutdown().expect("no worker panicked");
    (least, rows)
}

#[test]
fn the_steady_state_does_not_allocate() {
    let canary = ALLOCATIONS.load(Ordering::SeqCst);
    drop(std::hint::black_box(Box::new(1_u64)));
    assert!(
        ALLOCATIONS.load(Ordering::SeqCst) > canary,
        "the counter counts"
    );

    let mut failures = Vec::new();
    for (name, query) in QUERIES {
        for workers in [Workers::Inline, Workers::Pinned(1)] {
            let (count, rows) = allocations(query, workers.clone());
            assert!(rows > 0, "{name}: no rows came out");
            if count > 0 {
                failures.push(format!(
                    "{name}, {workers:?}: {count} allocations for {ROWS} rows"
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
