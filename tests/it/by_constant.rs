//! Rows that are looked up by a constant, beside the same queries in words that none is looked up for: the same rows in
//! the same order, and the same counts of faults and late rows.

use eventflux::{Batch, EventFluxManager, RuntimeConfig, Timestamp, Value, Workers};
use eventflux_kit::Random;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What one of many queries selects, an INT and a LONG; `#` is the condition on its constant.
const QUERIES: &[&str] = &[
    "SELECT v, CAST(10 / v AS LONG) AS q FROM S[#]",
    "SELECT v, l AS q FROM S[# AND 10 / v > 1]",
    "SELECT v, l AS q FROM S[v > 0 AND # AND (10 / v > 1 OR v = 3)]",
    "SELECT v, l AS q FROM S[10 / v > 1 AND #]",
    "SELECT v, l AS q FROM S WHERE # AND CAST(t AS INT) > 1",
    "SELECT v, count() AS q FROM S[#] GROUP BY v",
    "SELECT v, count() AS q FROM S[# AND 10 / v > 1] WINDOW('length', 3) GROUP BY v",
    "SELECT v, l AS q FROM S[#] WINDOW('time', 7 MILLISECONDS)",
    "SELECT v, l AS q FROM S[#] WINDOW('delay', 4 MILLISECONDS)",
    "SELECT DISTINCT v, l AS q FROM S[#]",
    "SELECT CAST(sum(v) AS INT) AS v, count() AS q FROM S[#] WINDOW('tumbling', 5 MILLISECONDS)",
    "SELECT a.v AS v, b.l AS q FROM PATTERN (EVERY a=S[#] -> b=S[# AND v > a.v]) WITHIN 9 MILLISECONDS",
    "SELECT a.v AS v, b.l AS q FROM PATTERN (EVERY a=S[# AND 10 / v > 1] -> b=S[# AND 10 / v < a.v])",
    "SELECT a.v AS v, a.l AS q FROM PATTERN (EVERY a=S[#] -> NOT S[#] FOR 3 MILLISECONDS)",
    "SELECT a.v AS v, b.l AS q FROM SEQUENCE (EVERY a=S[#], b=S[v >= a.v])",
    "SELECT a.v AS v, a.l AS q FROM PATTERN (EVERY a=S[#] -> b=T[v > a.v]) WITHIN 9 MILLISECONDS",
];

/// Queries of each kind.
const EACH: usize = 3;

#[derive(Clone, Copy, Debug)]
struct App {
    /// The column that is compared, and constants for it.
    column: (&'static str, [&'static str; 4]),
    lateness_ms: i64,
    /// Each query has its own target.
    apart: bool,
}

impl App {
    /// The text, with conditions that are looked up or the same in other words.
    fn text(self, is_looked_up: bool) -> String {
        let (column, values) = self.column;
        let mut text = format!(
            "@app:playback(lateness='{} MILLISECONDS')\nCREATE STREAM S (i INT, l LONG, t STRING, v INT);\n\
             CREATE STREAM T (v INT);\n",
            self.lateness_ms
        );
        for number in 0..QUERIES.len() * EACH {
            let (one, other) = (values[number % 4], values[(number + 1) % 4]);
            let condition = match (is_looked_up, number % 5) {
                (true, 0) => format!("({column} = {one} OR {other} = {column})"),
                (true, 1) => format!("{column} IN ({one}, {other})"),
                (true, _) => format!("{column} = {one}"),
                (false, 0 | 1) => format!("NOT ({column} <> {one} AND {column} <> {other})"),
                (false, _) => format!("NOT ({column} <> {one})"),
            };
            let query = QUERIES[number / EACH].replace('#', &condition);
            let target = if self.apart { number } else { 0 };
            text.push_str(&format!("INSERT INTO Out{target} {query};\n"));
        }
        text
    }
}

/// How an app is run.
#[derive(Clone, Debug)]
struct Way {
    workers: Workers,
    batch_rows_max: usize,
    rows_singly_max: usize,
    /// Rows of a send.
    sent: usize,
}

/// Rows with their times.
type Rows = Vec<(Timestamp, Vec<Value>)>;

/// Rows that a callback has seen.
type Shown = Arc<Mutex<Rows>>;

/// What came out, by stream, and what was counted.
type Made = (BTreeMap<String, Rows>, [u64; 3]);

fn run(app: App, is_looked_up: bool, way: &Way) -> Made {
    let text = app.text(is_looked_up);
    let config = RuntimeConfig::default()
        .workers(way.workers.clone())
        .batch_rows_max(way.batch_rows_max)
        .rows_singly_max(way.rows_singly_max);
    let runtime = EventFluxManager::new().create_with(&text, config);
    let runtime = runtime.unwrap_or_else(|e| panic!("{text}\n{e}"));
    let told = runtime
        .explain()
        .matches("one look-up for all readers")
        .count();
    assert_eq!(told > 30, is_looked_up, "{told} of {}", runtime.explain());
    let targets = if app.apart { QUERIES.len() * EACH } else { 1 };
    let outs: Vec<Shown> = (0..targets).map(|_| Shown::default()).collect();
    for (n, out) in outs.iter().enumerate() {
        let out = Arc::clone(out);
        let callback = move |batch: &Batch| {
            let rows = (0..batch.len()).map(|row| (batch.at()[row], batch.row(row)));
            out.lock().expect("nobody panics").extend(rows);
        };
        let added = runtime.add_callback(&format!("Out{n}"), callback);
        added.expect("a stream");
    }
    runtime.start().expect("started");
    let mut input = runtime.input().expect("running");
    let mut random = Random::new(29);
    let mut now = 1_000;
    for _ in 0..400 / way.sent.max(1) {
        let rows = (0..way.sent).map(|_| row(&mut random, &mut now));
        let rows: Vec<_> = rows.collect();
        let sent = match rows.as_slice() {
            [(Some(at), row)] => input.send_at("S", *at, row.as_slice()),
            _ => input.send_batch("S", rows),
        };
        sent.expect("taken");
        if random.chance(20) {
            let at = Timestamp::from_millis(now);
            input
                .send_at("T", at, (random.between(0, 4) as i32,))
                .expect("taken");
        }
        if random.chance(5) {
            now += random.between(0, 12);
            input
                .advance_clock(Timestamp::from_millis(now))
                .expect("running");
        }
    }
    drop(input);
    runtime.shutdown().expect("running");
    let metrics = runtime.metrics().expect("it ran");
    let made = outs.iter().enumerate().map(|(n, out)| {
        let mut rows = std::mem::take(&mut *out.lock().expect("nobody panics"));
        if way.workers == Workers::Pinned(2) {
            // Of several keys the order is open.
            rows.sort_by_key(|row| format!("{row:?}"));
        }
        (format!("Out{n}"), rows)
    });
    let counts = [metrics.value_faults, metrics.late_rows, metrics.limit_rows];
    (made.collect(), counts)
}

/// A row with a time, now and then behind the clock.
fn row(random: &mut Random, now: &mut i64) -> (Option<Timestamp>, Vec<Value>) {
    *now += *random.pick(&[0, 0, 1, 1, 2, 5]);
    let back = if random.chance(10) {
        random.between(0, 6)
    } else {
        0
    };
    let n = random.between(0, 5) as i32;
    let is_null = random.chance(12);
    let or_null = |value: Value| if is_null { Value::Null } else { value };
    let values = vec![
        or_null(Value::Int(n)),
        or_null(Value::Long(i64::from(n))),
        or_null(Value::from(n.to_string().as_str())),
        Value::Int(random.between(-1, 6) as i32),
    ];
    (Some(Timestamp::from_millis(*now - back)), values)
}

#[test]
fn what_is_looked_up_is_what_is_asked_of_each_row() {
    let columns = [
        ("i", ["0", "1", "2", "3"]),
        ("l", ["0", "1", "2", "3"]),
        ("t", ["'0'", "'1'", "'2'", "'no'"]),
    ];
    for (column, lateness_ms) in columns.into_iter().zip([0, 3, 0]) {
        for apart in [true, false] {
            let app = App {
                column,
                lateness_ms,
                apart,
            };
            for (workers, batch_rows_max, rows_singly_max, sent) in [
                (Workers::Inline, 256, 2, 40),
                (Workers::Inline, 7, 0, 40),
                (Workers::Inline, 256, 2, 1),
                (Workers::Inline, 3, usize::MAX, 5),
                (Workers::Pinned(1), 256, 2, 40),
                (Workers::Pinned(2), 7, 2, 8),
            ] {
                let way = Way {
                    workers,
                    batch_rows_max,
                    rows_singly_max,
                    sent,
                };
                let (looked_up, asked) = (run(app, true, &way), run(app, false, &way));
                assert_eq!(looked_up.1, asked.1, "{app:?} {way:?}");
                let rows: usize = asked.0.values().map(Vec::len).sum();
                assert!(rows > 500 && asked.1[0] > 0, "{rows} rows, {:?}", asked.1);
                for (stream, rows) in &asked.0 {
                    let same = looked_up.0.get(stream) == Some(rows);
                    assert!(
                        same,
                        "{app:?} {way:?} {stream}\n{rows:?}\n{:?}",
                        looked_up.0[stream]
                    );
                }
            }
        }
    }
}
