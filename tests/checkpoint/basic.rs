//! One app over a memory store: what it remembers survives it.

use eventflux::store::MemoryStore;
use eventflux::{EventFluxAppRuntime, EventFluxManager, RuntimeConfig, Timestamp, Value, Workers};
use std::sync::Arc;

const APP: &str = "@app:name('sums') @app:playback
    CREATE STREAM S (k STRING, v LONG);
    INSERT INTO Out SELECT k, count() AS n, sum(v) AS total FROM S GROUP BY k;";

fn runtime(store: &MemoryStore, workers: Workers) -> EventFluxAppRuntime {
    let mut manager = EventFluxManager::new();
    manager.set_persistence_store(Arc::new(store.clone()));
    let config = RuntimeConfig::default().workers(workers);
    manager.create_with(APP, config).expect("the app is right")
}

fn send(input: &mut eventflux::Input, from: i64, to: i64) {
    for i in from..to {
        let key = format!("key {}", i % 100);
        let sent = input.send_at("S", Timestamp::from_millis(i), (key.as_str(), i));
        sent.expect("the row is taken");
    }
}

fn last_rows(out: &eventflux::Subscription) -> Vec<Vec<Value>> {
    let mut last = std::collections::BTreeMap::new();
    while let Some(batch) = out.try_recv() {
        for row in 0..batch.len() {
            last.insert(format!("{:?}", batch.value(row, 0)), batch.row(row));
        }
    }
    last.into_values().collect()
}

#[test]
fn sums_go_on_after_a_restart() {
    for (first, second) in [
        (Workers::Inline, Workers::Inline),
        (Workers::Pinned(2), Workers::Pinned(3)),
        (Workers::Pinned(3), Workers::Inline),
    ] {
        let store = MemoryStore::new();
        let app = runtime(&store, first);
        app.start().expect("it starts");
        let mut input = app.open_input("in").expect("opens");
        send(&mut input, 0, 1000);
        app.flush().expect("all is processed");
        let one = app.persist().expect("a checkpoint");
        send(&mut input, 1000, 2000);
        app.flush().expect("all is processed");
        let two = app.persist().expect("another one");
        assert!(one < two);
        drop(input);
        app.shutdown().expect("it stops");
        drop(app);
        let app = runtime(&store, second);
        let out = app.subscribe("Out").expect("a stream");
        let report = app.restore_last_revision().expect("restores");
        assert_eq!(report.revision, Some(two));
        assert_eq!(report.inputs[0].next, 2001);
        app.start().expect("it starts");
        let mut input = app.open_input("in").expect("opens");
        assert_eq!(input.position(), 2000);
        send(&mut input, 2000, 2500);
        app.flush().expect("all is processed");
        drop(input);
        app.shutdown().expect("it stops");
        let rows = last_rows(&out);
        assert_eq!(rows.len(), 100);
        for row in rows {
            assert_eq!(row[1], Value::Long(25), "{row:?}");
            let Value::String(key) = &row[0] else {
                panic!("{row:?}")
            };
            let k: i64 = key.trim_start_matches("key ").parse().expect("a number");
            let total: i64 = (0..25).map(|i| i * 100 + k).sum();
            assert_eq!(row[2], Value::Long(total), "{row:?}");
        }
    }
}

/// Rows of one send may belong to several instances on a worker, and the last of them to any.
#[test]
fn a_send_ends_for_all_that_had_rows_of_it() {
    const APP: &str = "@app:name('sends') @app:playback CREATE STREAM S (k INT, v INT);
        PARTITION WITH (k OF S) BEGIN INSERT INTO Out SELECT k, sum(v) AS s FROM S WINDOW('batch'); END;";
    for (workers, rows_max) in [
        (Workers::Inline, 256),
        (Workers::Inline, 2),
        (Workers::Pinned(1), 3),
    ] {
        let store = MemoryStore::new();
        let make = |workers: Workers| {
            let mut manager = EventFluxManager::new();
            manager.set_persistence_store(Arc::new(store.clone()));
            let config = RuntimeConfig::default().workers(workers);
            let config = config.batch_rows_max(rows_max).ordered_outputs(true);
            manager.create_with(APP, config).expect("the app is right")
        };
        let app = make(Workers::Pinned(3));
        app.start().expect("it starts");
        let mut input = app.open_input("in").expect("opens");
        input.send_at("S", Timestamp(1), (1, 1)).expect("taken");
        app.flush().expect("all is processed");
        app.persist().expect("a checkpoint");
        drop(input);
        app.shutdown().expect("it stops");
        let app = make(workers);
        let out = app.subscribe("Out").expect("a stream");
        app.restore_last_revision().expect("restores");
        app.start().expect("it starts");
        let mut input = app.open_input("in").expect("opens");
        for at in [2, 3] {
            let rows = (0..40).map(|n| (Some(Timestamp(at)), (n % 20, n)));
            input.send_batch("S", rows).expect("taken");
        }
        drop(input);
        app.shutdown().expect("it stops");
        let mut got = Vec::new();
        while let Some(batch) = out.try_recv() {
            got.extend((0..batch.len()).map(|row| (batch.at()[row].0, batch.row(row))));
        }
        got.sort_by_key(|(at, row)| (*at, row[0].to_string().parse::<i32>().ok()));
        let want = (2..4).flat_map(|at| {
            let row = move |k| (at, vec![Value::Int(k), Value::Long(i64::from(2 * k + 20))]);
            (0..20).map(row)
        });
        assert_eq!(got, want.collect::<Vec<_>>(), "{rows_max} rows at once");
    }
}
