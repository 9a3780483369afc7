//! `recover`: an app goes on where its last run ended, and sinks get each row once, whenever a run ends.

use eventflux::connector::ConnectorError;
use eventflux::store::MemoryStore;
use eventflux::{
    Batch, CheckpointError, EventFluxAppRuntime, EventFluxManager, NumberedFile, NumberedSink,
    OutputNumber, RuntimeConfig, RuntimeError, SendError, Timestamp, Workers,
};
use eventflux_kit::Random;
use eventflux_testbed::Scratch;
use std::fs;
use std::sync::{Arc, Mutex};

/// One stream that one worker writes, one whose rows are spread by key, and one whose key is lost.
const APP: &str = "
    @app:name('recovered') @app:playback
    CREATE STREAM Trades (sym STRING, qty INT);
    INSERT INTO Whole SELECT sum(qty) AS volume FROM Trades;
    INSERT INTO Volume SELECT sym, sum(qty) AS volume FROM Trades GROUP BY sym;
    INSERT INTO Unkeyed SELECT sum(qty) AS volume FROM Trades GROUP BY sym;";
const ROWS: u64 = 400;
const WORKERS: [Workers; 4] = [
    Workers::Inline,
    Workers::Pinned(1),
    Workers::Pinned(2),
    Workers::Pinned(4),
];

fn app(store: &MemoryStore, workers: &Workers) -> EventFluxAppRuntime {
    let mut manager = EventFluxManager::new();
    manager.set_persistence_store(Arc::new(store.clone()));
    let config = RuntimeConfig::default().workers(workers.clone());
    manager.create_with(APP, config).expect("it builds")
}

type Rows = Vec<(OutputNumber, String)>;

/// What a sink holds outside the process.
#[derive(Default)]
struct Outside {
    durable: Rows,
    /// Taken, and lost in a crash.
    pending: Rows,
    /// The process is gone: nothing arrives.
    dead: bool,
    /// It takes so many rows and no more.
    room: Option<usize>,
    opened: u32,
}

#[derive(Clone, Default)]
struct Table(Arc<Mutex<Outside>>);

impl Table {
    fn with<R>(&self, act: impl FnOnce(&mut Outside) -> R) -> R {
        act(&mut self.0.lock().expect("no test panics in it"))
    }
}

impl NumberedSink for Table {
    fn open(&mut self, _stream: &str) -> Result<Vec<OutputNumber>, ConnectorError> {
        Ok(self.with(|o| {
            o.opened += 1;
            o.durable.iter().map(|(number, _)| *number).collect()
        }))
    }

    fn rows(&mut self, batch: &Batch, new: &[(usize, OutputNumber)]) -> Result<(), ConnectorError> {
        self.with(|o| {
            for (row, number) in new {
                if o.room == Some(o.durable.len() + o.pending.len()) {
                    return Err(ConnectorError::Other("the table is full".into()));
                }
                o.pending.push((*number, format!("{:?}", batch.row(*row))));
            }
            Ok(())
        })
    }

    fn sync(&mut self) -> Result<(), ConnectorError> {
        self.with(|o| {
            let pending = std::mem::take(&mut o.pending);
            if !o.dead {
                o.durable.extend(pending);
            }
        });
        Ok(())
    }
}

fn trade(n: u64) -> (&'static str, i32) {
    let sym = ["ACME", "GLOBEX", "INITECH", "HOOLI", "STARK"][(n * n % 5) as usize];
    (sym, (n % 90) as i32)
}

/// Runs until the rows are at an end; before each row a random thing may happen. Returns how often the process ended.
fn live(random: &mut Random, tables: &[(&str, Table)], setups: &[Workers], crashes: bool) -> u32 {
    let store = MemoryStore::new();
    let mut lives = 0;
    'life: loop {
        let runtime = app(&store, &setups[lives as usize % setups.len()]);
        let mut recovery = runtime.recover();
        for (stream, table) in tables {
            recovery = recovery.deliver(stream, table.clone());
        }
        let recovered = recovery.start(["trades"]).expect("it starts");
        let [mut trades] = recovered.inputs;
        lives += 1;
        for n in trades.position() + 1..=ROWS {
            let at = Timestamp::from_millis(n as i64);
            let sent = trades.send_numbered(n, "Trades", Some(at), trade(n));
            assert_eq!(sent, Ok(true));
            if random.once_in(30) {
                runtime.persist().expect("the store is well");
            }
            if crashes && random.once_in(60) {
                drop(trades);
                tables
                    .iter()
                    .for_each(|(_, table)| table.with(|o| o.dead = true));
                drop(runtime);
                tables
                    .iter()
                    .for_each(|(_, table)| table.with(|o| o.dead = false));
                continue 'life;
            }
        }
        drop(trades);
        runtime.shutdown().expect("it ends well");
        return lives;
    }
}

fn tables() -> [(&'static str, Table); 2] {
    ["Whole", "Volume"].map(|stream| (stream, Table::default()))
}

fn sorted(table: &Table) -> Rows {
    let mut rows = table.with(|o| o.durable.clone());
    rows.sort_by_key(|(number, _)| (number.group, number.number));
    rows
}

#[test]
fn each_row_is_delivered_once_whenever_the_process_ends() {
    let whole = tables();
    live(&mut Random::new(0), &whole, &[Workers::Inline], false);
    let mut lives = 0;
    for seed in 0..12 {
        let mut random = Random::new(seed);
        let mut setups = WORKERS.to_vec();
        setups.rotate_left(seed as usize % 4);
        // As many workers in every life, then another number in each.
        if seed % 3 > 0 {
            setups.truncate(1);
        }
        let tables = tables();
        lives += live(&mut random, &tables, &setups, true);
        for ((stream, got), (_, want)) in tables.iter().zip(&whole) {
            assert_eq!(sorted(want).len() as u64, ROWS);
            let same = sorted(got) == sorted(want);
            assert!(same, "{stream}, seed {seed}, {setups:?}");
        }
    }
    assert!(lives > 24, "{lives} lives: hardly any crash");
}

#[test]
fn a_sink_that_takes_no_more_ends_the_app_and_loses_nothing() {
    for workers in WORKERS {
        let (store, table) = (MemoryStore::new(), Table::default());
        table.with(|o| o.room = Some(100));
        let runtime = app(&store, &workers);
        let recovered = runtime.recover().deliver("Volume", table.clone());
        let [mut trades] = recovered.start(["trades"]).expect("it starts").inputs;
        let mut stopped = None;
        for n in 1..=1_000_000 {
            let at = Timestamp::from_millis(n as i64);
            if let Err(error) = trades.send_numbered(n, "Trades", Some(at), trade(n)) {
                stopped = Some(error);
                break;
            }
        }
        assert_eq!(stopped, Some(SendError::Stopped), "{workers:?}");
        let persisted = runtime.persist().expect_err("rows are missing").to_string();
        assert_eq!(persisted, "output 'delivery/0/Volume': the table is full");
        drop(trades);
        let ended = runtime.shutdown().expect_err("it was told");
        assert_eq!(ended.to_string(), "stream 'Volume': the table is full");
        drop(runtime);
        // What it had taken was not made durable.
        table.with(|o| (o.room, o.pending) = (None, Vec::new()));
        let mut whole = tables();
        whole.swap(0, 1);
        live(&mut Random::new(0), &whole, &[Workers::Inline], false);
        let runtime = app(&store, &workers);
        let recovered = runtime.recover().deliver("Volume", table.clone());
        let [mut trades] = recovered.start(["trades"]).expect("it starts").inputs;
        assert_eq!(trades.position(), 0, "no checkpoint was committed");
        for n in 1..=ROWS {
            let at = Timestamp::from_millis(n as i64);
            let sent = trades.send_numbered(n, "Trades", Some(at), trade(n));
            assert_eq!(sent, Ok(true));
        }
        drop(trades);
        runtime.shutdown().expect("it ends well");
        assert!(sorted(&table) == sorted(&whole[0].1), "{workers:?}");
    }
}

#[test]
fn what_is_in_the_way_is_told_before_anything_is_touched() {
    let (store, table) = (MemoryStore::new(), Table::default());
    let deliver = |runtime: &EventFluxAppRuntime, stream: &str| {
        let recovery = runtime.recover().deliver(stream, table.clone());
        recovery
            .start([])
            .map(|r| r.report.revision)
            .map_err(|e| e.to_string())
    };
    let plain = EventFluxManager::new().create_with(APP, RuntimeConfig::default());
    let told = deliver(&plain.expect("it builds"), "Whole").expect_err("no store");
    assert!(told.contains("the app has no store"), "{told}");
    let runtime = app(&store, &Workers::Pinned(2));
    let told = deliver(&runtime, "Nowhere").expect_err("no stream");
    assert!(told.contains("no stream 'Nowhere'"), "{told}");
    let told = deliver(&runtime, "Unkeyed").expect_err("no numbers");
    assert!(
        told.contains("rows of stream 'Unkeyed' have no numbers"),
        "{told}"
    );
    assert_eq!(table.with(|o| o.opened), 0);
    assert_eq!(deliver(&runtime, "Volume"), Ok(None));
    let second = app(&store, &Workers::Inline);
    let told = deliver(&second, "Volume").expect_err("another has the state");
    assert!(told.contains("checkpoints: "), "{told}");
    for again in [runtime.recover().start([]).map(drop), runtime.start()] {
        assert!(
            matches!(again, Err(RuntimeError::AlreadyStarted)),
            "{again:?}"
        );
    }
    runtime.shutdown().expect("it ends well");
    let ended = runtime.recover().start([]).map(drop);
    assert!(matches!(ended, Err(RuntimeError::Stopped)), "{ended:?}");
    assert_eq!(table.with(|o| o.opened), 1);
}

#[test]
fn inputs_hold_the_clock_until_they_have_said_something() {
    for workers in WORKERS {
        let (store, table) = (MemoryStore::new(), Table::default());
        let mut manager = EventFluxManager::new();
        manager.set_persistence_store(Arc::new(store));
        let app = "@app:name('held') @app:playback
            CREATE STREAM Trades (sym STRING, qty INT);
            INSERT INTO Volume SELECT sum(qty) AS volume FROM Trades WINDOW('tumbling', 1 SECOND);";
        let config = RuntimeConfig::default().workers(workers.clone());
        let runtime = manager.create_with(app, config).expect("it builds");
        let recovery = runtime.recover().deliver("Volume", table.clone());
        let [mut fast, mut slow] = recovery.start(["fast", "slow"]).expect("it starts").inputs;
        let at = |ms| Some(Timestamp::from_millis(ms));
        for (n, ms) in [(1, 500), (2, 9_000)] {
            let sent = fast.send_numbered(n, "Trades", at(ms), ("ACME", 1));
            assert_eq!(sent, Ok(true));
        }
        let sent = slow.send_numbered(1, "Trades", at(600), ("ACME", 2));
        assert_eq!(sent, Ok(true));
        drop((fast, slow));
        runtime.flush().expect("it runs");
        let late = runtime.metrics().expect("it runs").late_rows;
        runtime.shutdown().expect("it ends well");
        let rows = table.with(|o| o.durable.clone());
        let rows: Vec<&str> = rows.iter().map(|(_, row)| row.as_str()).collect();
        assert_eq!(
            (late, rows),
            (0, vec!["[Long(3)]", "[Long(1)]"]),
            "{workers:?}"
        );
    }
}

/// The numbered lines of a file, and what becomes of them.
#[test]
fn a_file_is_gone_on_with_or_refused() {
    let line = |group: u64, number: u64| {
        let row = "\"stream\":\"Whole\",\"at\":1,\"row\":[1]";
        format!("{{\"group\":{group},\"number\":{number},{row}}}\n")
    };
    let (first, second) = (line(0, 1), line(0, 2));
    let long = format!(
        "{{\"group\":0,\"number\":2,\"stream\":\"{}\"}}\n",
        "x".repeat(200_000)
    );
    let torn = |text: &str| text[..text.len() - 1].to_string();
    // What it holds; the number of the last line and how many lines there are after row 3, or what is told.
    type Outcome = Result<(u64, usize), &'static str>;
    let cases: &[(String, Outcome)] = &[
        (String::new(), Ok((3, 3))),
        (first.clone(), Ok((3, 3))),
        (first.clone() + &second, Ok((3, 3))),
        (first.clone() + &torn(&second), Ok((3, 3))),
        (first.clone() + &second[..5], Ok((3, 3))),
        (first.clone() + &long, Ok((3, 3))),
        (first.clone() + &torn(&long), Ok((3, 3))),
        (
            first.clone() + &second + &line(0, 3) + &line(0, 4),
            Ok((4, 4)),
        ),
        (line(7, 9), Ok((3, 4))),
        ("old\n".into(), Err("line 1 has no number")),
        (first.clone() + "\n", Err("line 2 has no number")),
        (
            first.clone() + &line(70_000, 1),
            Err("line 2 has no number"),
        ),
        (
            "{\"group\":0,\"number\":99999999999999999999,".to_string() + "\n",
            Err("line 1 has no"),
        ),
    ];
    for (text, want) in cases {
        let folder = Scratch::new().expect("a folder");
        let path = folder.at("delivered.jsonl");
        fs::write(&path, text).expect("written");
        let runtime = app(&MemoryStore::new(), &Workers::Inline);
        let recovery = runtime.recover().deliver("Whole", NumberedFile::new(&path));
        let recovered = match (recovery.start(["trades"]), want) {
            (Ok(recovered), Ok(_)) => recovered,
            (Err(error @ RuntimeError::Connector { .. }), Err(told)) => {
                let source = std::error::Error::source(&error).expect("what the sink said");
                let source = source.downcast_ref::<ConnectorError>();
                let message = source.expect("its own error").to_string();
                assert!(message.contains(told), "{message}");
                assert_eq!(&fs::read_to_string(&path).expect("it is there"), text);
                continue;
            }
            (got, _) => panic!("{text}: {:?}", got.map(|r| r.report)),
        };
        let [mut trades] = recovered.inputs;
        for n in 1..=3 {
            let at = Timestamp::from_millis(n as i64);
            assert_eq!(
                trades.send_numbered(n, "Trades", Some(at), trade(n)),
                Ok(true)
            );
        }
        drop(trades);
        runtime.shutdown().expect("it ends well");
        let held = fs::read_to_string(&path).expect("it is there");
        let last = held.lines().last().expect("a line");
        let number = want.expect("it goes on").0;
        assert!(
            last.contains(&format!("\"number\":{number},")),
            "{text}: {last}"
        );
        assert_eq!(held.lines().count(), want.expect("it goes on").1, "{text}");
    }
}

#[test]
fn a_sink_of_another_run_is_refused_where_rows_are_missing() {
    let (store, table) = (MemoryStore::new(), Table::default());
    let tables = [("Whole", table.clone())];
    let begin = |table: &Table| {
        let runtime = app(&store, &Workers::Inline);
        let recovery = runtime.recover().deliver("Whole", table.clone());
        let [trades] = recovery.start(["trades"]).expect("it starts").inputs;
        (runtime, trades)
    };
    let send = |trades: &mut eventflux::Input, n: u64| {
        let at = Timestamp::from_millis(n as i64);
        trades.send_numbered(n, "Trades", Some(at), trade(n))
    };
    let (runtime, mut trades) = begin(&tables[0].1);
    for n in 1..=10 {
        assert_eq!(send(&mut trades, n), Ok(true));
    }
    runtime.persist().expect("the store is well");
    drop(trades);
    runtime.shutdown().expect("it ends well");
    table.with(|o| o.durable.truncate(8));
    let (runtime, mut trades) = begin(&table);
    assert_eq!(send(&mut trades, 11), Ok(true), "nobody knows yet");
    assert_eq!(send(&mut trades, 12), Err(SendError::Stopped));
    drop(trades);
    let told = runtime
        .shutdown()
        .expect_err("rows are missing")
        .to_string();
    assert!(
        told.contains("ends with row 8 of group 0, and row 11 comes next"),
        "{told}"
    );
    let failed = runtime.persist().expect_err("the app has ended");
    assert!(matches!(failed, CheckpointError::Stopped), "{failed}");
    // One that knows nothing was added later, and begins where the app is.
    table.with(|o| o.durable.clear());
    let (runtime, mut trades) = begin(&table);
    assert_eq!(send(&mut trades, 11), Ok(true));
    drop(trades);
    runtime.shutdown().expect("it ends well");
    let numbers = table.with(|o| o.durable.iter().map(|(n, _)| n.number).collect::<Vec<_>>());
    assert_eq!(numbers, [11]);
}
