//! Apps whose rows come and go by `WITH`.

use crate::connector::{ConnectorError, RowSink, Sink, Source, StopSignal};
use crate::event::{Batch, Timestamp, Value};
use crate::runtime::position::named::ResumePoint;
use crate::store::MemoryStore;
use crate::{EventFluxAppRuntime, EventFluxManager, RuntimeConfig, RuntimeError, Workers};
use eventflux_testbed::{HANG, Scratch, until};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

fn build(manager: &EventFluxManager, app: &str, workers: Workers) -> EventFluxAppRuntime {
    let config = RuntimeConfig::default().workers(workers);
    manager
        .create_with(app, config)
        .unwrap_or_else(|e| panic!("{e}"))
}

/// Runs an app until its sources have ended.
fn run(runtime: &EventFluxAppRuntime) -> Result<(), RuntimeError> {
    runtime.start()?;
    until(HANG, "the ends of the sources", || !runtime.is_fed());
    runtime.shutdown()
}

#[test]
fn rows_flow_from_a_file_to_a_file() {
    let folder = Scratch::new().expect("a folder");
    let (from, to) = (folder.at("in.csv"), folder.at("out.jsonl"));
    let rows: String = (0..1000).map(|i| format!("{i},k{}\n", i % 7)).collect();
    std::fs::write(&from, format!("at,sym\n{rows}")).expect("written");
    let app = format!(
        "@app:playback
         CREATE STREAM S (sym STRING) WITH ('type'='source', 'extension'='file', 'path'='{from}');
         CREATE STREAM Out (sym STRING) WITH ('type'='sink', 'extension'='file', 'path'='{to}');
         INSERT INTO Out SELECT sym FROM S WHERE sym = 'k3';"
    );
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let runtime = build(&EventFluxManager::new(), &app, workers);
        run(&runtime).expect("it ends well");
        let text = std::fs::read_to_string(&to).expect("written");
        assert_eq!(text.lines().count(), 143);
        assert_eq!(
            text.lines().next(),
            Some(r#"{"stream":"Out","at":3,"row":["k3"]}"#)
        );
    }
}

#[test]
fn options_are_checked_when_the_app_is_built() {
    for (options, line, column, message, remedy) in [
        (
            "'type'='source',\n'extension'='file', 'path'='x', 'pth'='y'",
            2,
            33,
            "unknown key 'pth' for source 'file'",
            "known: type, extension, on.error, lateness, path, compression, follow, replaced, format, keys, \
                delimiter, quote, header, timestamp, timestamp.unit, timestamp.format, timestamp.regexp",
        ),
        (
            "'type'='sink', 'extension'='log', 'on.error'='stream'",
            1,
            70,
            "'on.error'='stream': fault streams are not supported",
            "use 'log' or 'stop'",
        ),
        (
            "'type'='sink', 'extension'='kafka'",
            1,
            51,
            "no sink 'kafka'",
            "known: file, log",
        ),
    ] {
        let app = format!(
            "CREATE STREAM S (sym STRING) WITH ({options}); INSERT INTO S SELECT sym FROM S2; \
             CREATE STREAM S2 (sym STRING);"
        );
        let e = EventFluxManager::new()
            .create_eventflux_app_runtime(&app)
            .map(|_| ())
            .expect_err(message);
        let problem = &e.problems()[0];
        assert_eq!((problem.message.as_str(), problem.line), (message, line));
        assert_eq!(problem.remedy.as_deref(), Some(remedy));
        assert_eq!(problem.column, column, "{problem}");
    }
}

#[test]
fn bad_rows_are_counted_or_end_the_app() {
    let folder = Scratch::new().expect("a folder");
    let from = folder.at("in.jsonl");
    std::fs::write(&from, "[1]\n[\"x\"]\n[3]\n").expect("written");
    let app = |on_error: &str, path: &str| {
        format!(
            "CREATE STREAM S (n INT) WITH ('type'='source', 'extension'='file', 'path'='{path}',
             'on.error'='{on_error}'); INSERT INTO Out SELECT n FROM S;"
        )
    };
    let shown = Arc::new(Mutex::new(Vec::new()));
    let outcome = |app: &str| {
        let runtime = build(&EventFluxManager::new(), app, Workers::Inline);
        let to = Arc::clone(&shown);
        runtime.observe_connectors(move |stream, text| to.lock().push(format!("{stream}: {text}")));
        let out = runtime.subscribe("Out").expect("a stream");
        let ended = run(&runtime).map_err(|e| e.to_string());
        let metrics = runtime.metrics().expect("counted");
        let rows: Vec<Value> = std::iter::from_fn(|| out.try_recv())
            .flat_map(|b| (0..b.len()).map(|r| b.value(r, 0)).collect::<Vec<_>>())
            .collect();
        (ended, rows, metrics.connector_errors)
    };
    let (ended, rows, errors) = outcome(&app("log", &from));
    assert_eq!((ended, errors), (Ok(()), 1));
    assert_eq!(rows, [Value::Int(1), Value::Int(3)]);
    assert!(shown.lock()[0].contains("in.jsonl:2: attribute 'n' INT"));

    let (ended, rows, errors) = outcome(&app("stop", &from));
    let message = ended.expect_err("it stops");
    assert!(
        message.starts_with("stream 'S': ") && message.contains("in.jsonl:2"),
        "{message}"
    );
    assert_eq!((rows, errors), (vec![Value::Int(1)], 1));

    // the rows of a source that is not there would be missing, whatever is said about bad ones
    let (ended, _, errors) = outcome(&app("log", "/nowhere/at/all"));
    let message = ended.expect_err("it stops");
    assert!(message.contains("/nowhere/at/all: "), "{message}");
    assert_eq!(errors, 1);
    assert!(
        shown
            .lock()
            .last()
            .expect("shown")
            .contains("/nowhere/at/all: ")
    );
}

#[test]
fn users_bring_their_own_sinks() {
    /// Keeps rows, and fails at `x`.
    struct Keeps(Arc<Mutex<Vec<String>>>);
    impl Sink for Keeps {
        fn rows(&mut self, stream: &str, batch: &Batch) -> Result<(), ConnectorError> {
            for row in 0..batch.len() {
                let text = batch.value(row, 0).to_string();
                if text == "x" {
                    return Err(ConnectorError::Other("x is not kept".into()));
                }
                self.0.lock().push(format!("{stream} {text}"));
            }
            Ok(())
        }
        fn flush(&mut self) -> Result<(), ConnectorError> {
            self.0.lock().push("flushed".into());
            Ok(())
        }
    }
    let kept = Arc::new(Mutex::new(Vec::new()));
    let mut manager = EventFluxManager::new();
    let to = Arc::clone(&kept);
    manager
        .connectors()
        .register_sink("keeps", &[], move |_, _, _| {
            Ok(Box::new(Keeps(Arc::clone(&to))))
        });
    let app = "CREATE STREAM S (a STRING);
               CREATE STREAM Out (a STRING) WITH ('type'='sink', 'extension'='keeps', 'on.error'='stop');
               INSERT INTO Out SELECT a FROM S;";
    let runtime = build(&manager, app, Workers::Inline);
    runtime.start().expect("it starts");
    let mut input = runtime.input().expect("an input");
    input.send("S", ("a",)).expect("sent");
    input.send("S", ("x",)).expect("the error comes later");
    assert!(input.send("S", ("b",)).is_err());
    let e = runtime.shutdown().expect_err("the sink failed");
    assert_eq!(e.to_string(), "stream 'Out': x is not kept");
    assert_eq!(*kept.lock(), ["Out a", "flushed"]);
}

/// Emits 1, 2, … up to a gate that is raised, and tells its position every 10 rows.
struct Gated(Arc<AtomicU64>);

const LAST: u64 = 80;

impl Source for Gated {
    fn run(
        &mut self,
        rows: &mut dyn RowSink,
        stop: &StopSignal,
        from: Option<&str>,
    ) -> Result<(), ConnectorError> {
        let from: u64 = from.map_or(0, |f| f.parse().expect("a number"));
        for n in from + 1..=LAST {
            while n > self.0.load(Ordering::Relaxed) {
                if stop.wait(Duration::from_millis(1)) {
                    return Ok(());
                }
            }
            rows.row(
                Some(Timestamp::from_millis(n as i64)),
                &[Value::Long(n as i64)],
            )?;
            if n % 10 == 0 {
                rows.position(&n.to_string());
            }
        }
        Ok(())
    }
}

/// An app with a store, a gated source, and a file that it writes.
fn gated(
    store: &Arc<MemoryStore>,
    gate: &Arc<AtomicU64>,
    to: &str,
    workers: Workers,
) -> EventFluxAppRuntime {
    let app = format!(
        "@app:name('gated') @app:playback
         CREATE STREAM S (n LONG) WITH ('type'='source', 'extension'='gated');
         CREATE STREAM Out (n LONG, c LONG) WITH ('type'='sink', 'extension'='file', 'path'='{to}');
         INSERT INTO Out SELECT n, count() AS c FROM S;"
    );
    let mut manager = EventFluxManager::new();
    let gate = Arc::clone(gate);
    manager
        .connectors()
        .register_source("gated", &[], move |_, _, _| {
            Ok(Box::new(Gated(Arc::clone(&gate))))
        });
    manager.set_persistence_store(Arc::clone(store) as _);
    build(&manager, &app, workers)
}

fn wait_for_row(runtime: &EventFluxAppRuntime, row: u64) {
    let next = |p: &ResumePoint| p.name == "source/S" && p.next == row + 1;
    until(HANG, "the row", || {
        runtime.positions().expect("it runs").iter().any(next)
    });
}

#[test]
fn a_source_begins_again_where_a_restore_says_and_its_file_goes_back() {
    let folder = Scratch::new().expect("a folder");
    let rows: String = (1..=LAST).map(|n| format!("{n},,{n},{n}\n")).collect();
    let whole = format!("at,sign,n,c\n{rows}");
    for (i, workers) in [Workers::Inline, Workers::Pinned(1)]
        .into_iter()
        .enumerate()
    {
        let to = folder.at(&format!("{i}.csv"));
        let (store, gate) = (Arc::new(MemoryStore::new()), Arc::new(AtomicU64::new(34)));
        let runtime = gated(&store, &gate, &to, workers.clone());
        runtime.start().expect("it starts");
        wait_for_row(&runtime, 34);
        runtime.persist().expect("stored");
        gate.store(55, Ordering::Relaxed);
        wait_for_row(&runtime, 55);
        // while it runs: the source is in the middle of its rows
        let report = runtime.restore_last_revision().expect("restored");
        assert_eq!(report.inputs[0].next, 35);
        assert_eq!(
            report.inputs[0].mark.as_ref().map(|m| m.token.as_str()),
            Some("30")
        );
        gate.store(70, Ordering::Relaxed);
        wait_for_row(&runtime, 70);
        runtime.persist().expect("stored");
        drop(runtime);
        // in another process, with rows in the file that the revision does not hold
        let mut text = std::fs::read_to_string(&to).expect("written");
        text += "more";
        std::fs::write(&to, text).expect("written");
        gate.store(LAST, Ordering::Relaxed);
        let runtime = gated(&store, &gate, &to, workers);
        runtime.restore_last_revision().expect("restored");
        run(&runtime).expect("it ends well");
        assert_eq!(std::fs::read_to_string(&to).expect("written"), whole);
    }
}
