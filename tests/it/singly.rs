//! Rows that go through the operators one by one, beside the same rows by column: what the scripts cannot say, as it is
//! made of a row's place.

use std::collections::HashSet;

use eventflux::{ColumnBatch, EventFluxManager, RuntimeConfig, Timestamp, Value, Workers};

/// Up to how many rows go one by one changes no value, also none that is made of a row's cause and place.
#[test]
fn rows_by_column_and_one_by_one_have_the_same_ids() {
    let app = "CREATE STREAM S (v INT);
        INSERT ALL EVENTS INTO Mid SELECT v FROM S WINDOW('timeLength', 1 SECOND, 1);
        INSERT ALL EVENTS INTO Out SELECT v, uuid() AS u FROM Mid WINDOW('length', 1);";
    let ids = |rows_singly_max: usize| {
        let config = RuntimeConfig::default()
            .workers(Workers::Inline)
            .event_time(true)
            .rows_singly_max(rows_singly_max);
        let runtime = EventFluxManager::new().create_with(app, config);
        let runtime = runtime.expect("the app is right");
        let out = runtime.subscribe("Out").expect("a stream");
        runtime.start().expect("started");
        let mut input = runtime.input().expect("running");
        for v in 0..4 {
            let at = Timestamp::from_millis(1000 + i64::from(v));
            input.send_at("S", at, (v,)).expect("taken");
        }
        let batches = std::iter::from_fn(|| out.try_recv());
        let rows = batches.flat_map(|b| (0..b.len()).map(move |row| b.row(row)));
        rows.collect::<Vec<Vec<Value>>>()
    };
    let by_column = ids(0);
    assert_eq!(by_column.len(), 13);
    assert_eq!((ids(2), ids(usize::MAX)), (by_column.clone(), by_column));
}

/// Queries with `uuid()` behind what lets several rows out at once, in several batches, or for several keys.
const NUMBERED: [&str; 12] = [
    "SELECT sum(v) AS s, uuid() AS u FROM S WINDOW('tumbling', 10 MILLISECONDS) GROUP BY k",
    "SELECT sum(v) AS s, uuid() AS u FROM S WINDOW('hop', 10 MILLISECONDS, 5 MILLISECONDS) GROUP BY k",
    "SELECT v, uuid() AS u FROM S WINDOW('timeBatch', 10 MILLISECONDS)",
    "SELECT v, uuid() AS u FROM S WINDOW('session', 10 MILLISECONDS, k)",
    "SELECT v, uuid() AS u FROM S WINDOW('time', 10 MILLISECONDS)",
    "SELECT v, uuid() AS u FROM S WINDOW('lengthBatch', 3)",
    "SELECT v, uuid() AS u FROM S WINDOW('length', 3)",
    "SELECT v, uuid() AS u FROM S WINDOW('batch')",
    "SELECT v, uuid() AS u FROM S WINDOW('delay', 10 MILLISECONDS)",
    "SELECT k, sum(v) AS s, uuid() AS u FROM S GROUP BY k OUTPUT LAST EVERY 10 MILLISECONDS",
    "SELECT k, v, uuid() AS u FROM S WHERE k != 'x'",
    "SELECT a.v AS v, uuid() AS u FROM PATTERN (EVERY a=S -> NOT S[k = a.k] FOR 10 MILLISECONDS)",
];

/// The rows of `query` over steps, jumps and ties of the clock.
fn numbered(query: &str, partition: &str, workers: Workers, rows_max: usize) -> Vec<Vec<Value>> {
    // What leaves a window on a grid is what came of it before, with its ids.
    let all = query.contains("'time'") || query.contains("'length'");
    let kind = if all { "ALL EVENTS INTO" } else { "INTO" };
    let insert = format!("INSERT {kind} Out {query};");
    let block = match partition {
        "" => insert,
        _ => format!("{partition} BEGIN {insert} END;"),
    };
    let app = format!("CREATE STREAM S (k STRING, v INT);\n{block}");
    let config = RuntimeConfig::default()
        .workers(workers)
        .event_time(true)
        .rows_singly_max(rows_max % 3)
        .batch_rows_max(rows_max);
    let runtime = EventFluxManager::new().create_with(&app, config);
    let runtime = runtime.unwrap_or_else(|e| panic!("{app}\n{e}"));
    let out = runtime.subscribe("Out").expect("a stream");
    runtime.start().expect("started");
    let mut input = runtime.input().expect("running");
    for v in 0..40_i32 {
        let at = Timestamp::from_millis(1000 + i64::from(v / 3 * 4 + v / 10 * 70));
        let key = ["a", "b", "c", "d", "e"][v as usize * 7 % 5];
        input.send_at("S", at, (key, v)).expect("taken");
    }
    for at in [1300, 1301, 1500] {
        let told = input.advance_clock(Timestamp::from_millis(at));
        told.expect("running");
    }
    drop(input);
    runtime.shutdown().expect("running");
    let batches = std::iter::from_fn(|| out.try_recv());
    batches
        .flat_map(|b| (0..b.len()).map(|row| b.row(row)).collect::<Vec<_>>())
        .collect()
}

#[test]
fn ids_are_distinct_and_the_same_on_any_number_of_workers() {
    let partition = "PARTITION WITH (k OF S)";
    let bounded = "PARTITION WITH (k OF S) WITH ('keys.max'='100')";
    for query in NUMBERED {
        for partition in ["", partition, bounded] {
            let text = |rows: Vec<Vec<Value>>| {
                let mut texts: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
                texts.sort();
                texts
            };
            let first = numbered(query, partition, Workers::Inline, 256);
            assert!(
                first.len() >= 12,
                "{partition} {query}: {} rows",
                first.len()
            );
            let mut seen = HashSet::new();
            for row in &first {
                let id = format!("{:?}", row.last());
                assert!(
                    seen.insert(id),
                    "{partition} {query}: {row:?} has an id that stands twice"
                );
            }
            let first = text(first);
            for (workers, rows_max) in [(0, 1), (0, 2), (1, 256), (2, 7), (2, 256)] {
                let on = match workers {
                    0 => Workers::Inline,
                    workers => Workers::Pinned(workers),
                };
                let other = text(numbered(query, partition, on, rows_max));
                assert_eq!(
                    other, first,
                    "{partition} {query}: {workers} workers, {rows_max} rows"
                );
            }
        }
    }
}

/// Rows in columns of which each is a send of its own are rows that are sent one by one.
#[test]
fn rows_that_are_sent_together_may_each_be_a_send() {
    let app = "CREATE STREAM S (k STRING, v INT);
        INSERT INTO Out SELECT count() AS n, sum(v) AS s, uuid() AS u FROM S WINDOW('batch');
        INSERT INTO Out SELECT count() AS n, sum(v) AS s, uuid() AS u FROM S WINDOW('tumbling', 5 MILLISECONDS);
        INSERT INTO Out SELECT count() AS n, sum(v) AS s, uuid() AS u FROM S GROUP BY k;";
    let sent = |workers: Workers, together: usize, rows_max: usize| {
        let config = RuntimeConfig::default()
            .workers(workers)
            .event_time(true)
            .batch_rows_max(rows_max);
        let runtime = EventFluxManager::new().create_with(app, config);
        let runtime = runtime.expect("the app is right");
        let out = runtime.subscribe("Out").expect("a stream");
        runtime.start().expect("started");
        let mut input = runtime.input().expect("running");
        let schema = runtime.schema("S").expect("a stream");
        let mut columns = ColumnBatch::new(&schema);
        for v in 0..40_i32 {
            let (at, key) = (
                Timestamp::from_millis(i64::from(v)),
                ["a", "b", "c"][v as usize % 3],
            );
            if together == 0 {
                input.send_at("S", at, (key, v)).expect("taken");
                continue;
            }
            columns.push(at, (key, v)).expect("it fits");
            if columns.len() == together || v == 39 {
                input.send_each("S", &mut columns).expect("taken");
                columns.clear();
            }
        }
        drop(input);
        runtime.shutdown().expect("running");
        let batches = std::iter::from_fn(|| out.try_recv());
        let rows = batches.flat_map(|b| (0..b.len()).map(|row| b.row(row)).collect::<Vec<_>>());
        let mut texts: Vec<String> = rows.map(|row| format!("{row:?}")).collect();
        texts.sort();
        texts
    };
    let singly = sent(Workers::Inline, 0, 256);
    assert_eq!(singly.len(), 40 + 7 + 40);
    for workers in [0, 1, 2] {
        let on = |workers| match workers {
            0 => Workers::Inline,
            workers => Workers::Pinned(workers),
        };
        for (together, rows_max) in [(1, 256), (7, 256), (40, 256), (40, 3)] {
            let told = format!("{together} rows together, {rows_max} at a time, {workers} workers");
            assert_eq!(sent(on(workers), together, rows_max), singly, "{told}");
        }
    }
}
