//! One life of a process that is killed: it goes on from the last revision, sends rows, and tells what it does.
//!
//! Row `n` is a function of the seed and `n`, so every life can go on at any row. What comes out goes to a file whose
//! length is part of each checkpoint. Without a store, and to its end, the same life is the run that was never killed.

use crate::failure::Failure;
use clap::{Args, ValueEnum};
use eventflux::connector::FileOutput;
use eventflux::redis::{RedisConfig, RedisPersistenceStore};
use eventflux::store::{FileStore, PersistenceStore, Revision};
use eventflux::{
    Batch, CheckpointConfig, CheckpointEvent, ColumnBatch, EventFluxAppRuntime, EventFluxManager,
    Input, PositionedOutput, RestoreOptions, RuntimeConfig, Timestamp, Workers,
};
use eventflux_kit::Random;
use std::io::{Read, Write, stdin};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Every stream begins with its key: on several workers rows are in order by stream and key only.
const APP: &str = "
    @app:name('Killed') @app:playback(lateness='5 MILLISECONDS')
    CREATE STREAM S (k STRING, n LONG, v DOUBLE);
    INSERT INTO Sums SELECT k, count() AS c, sum(v) AS s, last(n) AS n FROM S GROUP BY k;
    INSERT INTO Sliding SELECT k, max(v) AS m, sum(n) AS n FROM S WINDOW('time', 20 MILLISECONDS) GROUP BY k;
    INSERT INTO Panes SELECT k, avg(v) AS a, first(n) AS f FROM S WINDOW('tumbling', 10 MILLISECONDS) GROUP BY k;
    INSERT INTO Far SELECT k, sum(a) AS a, count() AS c FROM Panes WINDOW('length', 50) GROUP BY k;
    INSERT INTO Batches SELECT 'all' AS k, sum(n) AS n, count(DISTINCT k) AS d FROM S WINDOW('lengthBatch', 97);
    INSERT INTO Visits SELECT k, count() AS c FROM S WINDOW('session', 8 MILLISECONDS, k) GROUP BY k;";

pub const STREAMS: [&str; 6] = ["Sums", "Sliding", "Panes", "Far", "Batches", "Visits"];

const KEYS: u64 = 37;
const LATENESS_US: u64 = 5_000;
/// Rows of a millisecond.
const ROWS_PER_MS: u64 = 4;
const BATCH_ROWS_MAX: u64 = 700;
/// Rows come in bursts, and so many in a millisecond of a life that is to be killed: a life of any length can be
/// compared in a moment.
const PACE_PER_MS: u64 = 20;
const BURST_ROWS_MAX: u64 = 2_000;

/// How rows are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Door {
    /// One at a time.
    Rows,
    /// In whole columns.
    Columns,
}

impl Door {
    /// As the command line names it.
    pub fn word(self) -> &'static str {
        match self {
            Door::Rows => "rows",
            Door::Columns => "columns",
        }
    }
}

/// What a life does.
#[derive(Args, Clone, Debug)]
pub struct LifeArgs {
    /// Where its state is: `file:DIR` or a Redis; none: nowhere
    #[arg(long)]
    pub store: Option<String>,
    /// How keys in Redis begin
    #[arg(long, default_value = "eventflux:")]
    pub prefix: String,
    /// File of what comes out
    #[arg(long)]
    pub out: PathBuf,
    /// Worker threads; 0: the thread that sends
    #[arg(long)]
    pub workers: usize,
    /// How rows are sent
    #[arg(long)]
    pub door: Door,
    /// Seed of the rows
    #[arg(long)]
    pub seed: u64,
    /// Ends after so many rows behind those that any life before had sent; else never
    #[arg(long)]
    pub more: Option<u64>,
    /// Milliseconds between checkpoints
    #[arg(long, default_value_t = 10)]
    pub checkpoint_ms: u64,
}

/// A line that a life tells its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It has found no revision.
    Empty,
    /// It goes on from this one.
    Restored(Revision),
    /// This one is durable.
    Committed(Revision),
    /// It has come to its end after so many rows.
    Ended(u64),
}

impl Told {
    pub fn of(line: &str) -> Option<Told> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "empty" => Some(Told::Empty),
            "restored" => rest.parse().ok().map(Told::Restored),
            "committed" => rest.parse().ok().map(Told::Committed),
            "ended" => rest.parse().ok().map(Told::Ended),
            _ => None,
        }
    }
}

/// How many rows were sent when a checkpoint was cut: workers may have come differently far.
struct Sent {
    rows: AtomicU64,
    /// Of the revision that this life goes on from.
    before: AtomicU64,
}

impl PositionedOutput for Sent {
    fn position(&self) -> Result<Vec<u8>, String> {
        Ok(self.rows.load(Ordering::SeqCst).to_le_bytes().to_vec())
    }

    fn sync(&self) -> Result<(), String> {
        Ok(())
    }

    fn rewind(&self, position: Option<&[u8]>) -> Result<(), String> {
        let bytes = position.and_then(|p| p.try_into().ok());
        let bytes = bytes.ok_or("the revision does not tell how many rows were sent")?;
        let before = u64::from_le_bytes(bytes);
        self.before.store(before, Ordering::SeqCst);
        self.rows.store(before, Ordering::SeqCst);
        Ok(())
    }
}

/// Runs a life as a process of its own, which ends when its parent has.
pub fn run(args: &LifeArgs) -> Result<(), Failure> {
    std::thread::spawn(|| {
        // Nothing is ever written to it: it ends with the parent.
        let _ = stdin().read(&mut [0]);
        std::process::exit(1);
    });
    let rows = live(args, &|line| println!("{line}"))?;
    println!("ended {rows}");
    Ok(())
}

/// Lives; answers how many rows were sent in all lives.
pub fn live(args: &LifeArgs, tell: &'static (dyn Fn(String) + Sync)) -> Result<u64, Failure> {
    let runtime = made(args)?;
    let out = Arc::new(FileOutput::new(&args.out, Vec::new(), false));
    for stream in STREAMS {
        let out = Arc::clone(&out);
        runtime.add_callback(stream, move |batch| {
            let written = out.append(|text| encode(stream, batch, text));
            written.expect("the folder has room");
        })?;
    }
    let sent = Arc::new(Sent {
        rows: AtomicU64::new(0),
        before: AtomicU64::new(0),
    });
    if args.store.is_some() {
        let service = runtime.snapshot_service()?;
        service.add_output("out", Arc::clone(&out) as Arc<_>);
        service.add_output("sent", Arc::clone(&sent) as Arc<_>);
        service.observe(move |event| {
            if let CheckpointEvent::Committed(revision) = event {
                tell(format!("committed {revision}"));
            }
        });
        let report = runtime.restore_with(&RestoreOptions::default().allow_empty(true))?;
        tell(
            report
                .revision
                .map_or("empty".to_string(), |r| format!("restored {r}")),
        );
    }
    runtime.start()?;
    let last = args
        .more
        .map(|more| sent.before.load(Ordering::SeqCst) + more);
    feed(args, &runtime, &sent, last.unwrap_or(u64::MAX))?;
    runtime.shutdown()?;
    out.flush()?;
    Ok(sent.rows.load(Ordering::SeqCst))
}

fn made(args: &LifeArgs) -> Result<EventFluxAppRuntime, Failure> {
    let mut manager = EventFluxManager::new();
    if let Some(url) = &args.store {
        let store: Arc<dyn PersistenceStore> = match url.strip_prefix("file:") {
            Some(folder) => Arc::new(FileStore::open(Path::new(folder))?),
            None => Arc::new(RedisPersistenceStore::new_with_config(RedisConfig {
                url: url.clone(),
                key_prefix: args.prefix.clone(),
                ..RedisConfig::default()
            })?),
        };
        manager.set_persistence_store(store);
    }
    let workers = match args.workers {
        0 => Workers::Inline,
        n => Workers::Pinned(n),
    };
    let interval = Duration::from_millis(args.checkpoint_ms);
    let config = RuntimeConfig::default()
        .workers(workers)
        // Of several workers nobody can put the rows in order.
        .ordered_outputs(args.workers < 2)
        .checkpoints(CheckpointConfig::default().interval(interval));
    Ok(manager.create_with(APP, config)?)
}

/// A row a line, with its key and its stream in front.
fn encode(stream: &str, batch: &Batch, text: &mut Vec<u8>) {
    for row in 0..batch.len() {
        let values = batch.row(row);
        let (key, rest) = (&values[0], &values[1..]);
        writeln!(text, "{key:?} {stream} {} {rest:?}", batch.at()[row].0)
            .expect("memory takes what is written");
    }
}

fn feed(
    args: &LifeArgs,
    runtime: &EventFluxAppRuntime,
    sent: &Sent,
    last: u64,
) -> Result<(), Failure> {
    let mut input = runtime.open_input("in")?;
    let schema = runtime
        .schema("S")
        .ok_or_else(|| Failure::new("no stream S"))?;
    let mut columns = ColumnBatch::new(&schema);
    let mut next = input.position() + 1;
    let (begun, first, mut burst) = (Instant::now(), next, next);
    while next <= last {
        if args.more.is_none() && next >= burst {
            let due = Duration::from_millis((next - first) / PACE_PER_MS);
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            burst = next + 1 + Random::new(!next).below(BURST_ROWS_MAX);
        }
        let end = match args.door {
            Door::Rows => next,
            Door::Columns => (next + Random::new(args.seed ^ next).below(BATCH_ROWS_MAX)).min(last),
        };
        // Before they are sent: no cut may find more rows than this tells.
        sent.rows.fetch_max(end, Ordering::SeqCst);
        send(args, &mut input, &mut columns, next..=end)?;
        next = end + 1;
    }
    input.advance_clock(Timestamp::from_millis((last / ROWS_PER_MS + 10_000) as i64))?;
    input.finish()?;
    Ok(())
}

fn send(
    args: &LifeArgs,
    input: &mut Input,
    columns: &mut ColumnBatch,
    rows: std::ops::RangeInclusive<u64>,
) -> Result<(), Failure> {
    match args.door {
        Door::Rows => {
            for n in rows {
                let (at, row) = row(args.seed, n);
                input.send_at("S", at, row)?;
            }
        }
        Door::Columns => {
            columns.clear();
            for n in rows {
                let (at, row) = row(args.seed, n);
                columns.push(at, row)?;
            }
            input.send_columns("S", columns)?;
        }
    }
    Ok(())
}

/// Row `n`: its time is up to the lateness behind or ahead of its turn, its number is exact in sums.
fn row(seed: u64, n: u64) -> (Timestamp, (String, i64, f64)) {
    let mut random = Random::new(seed.wrapping_mul(0x1000_0001) ^ n);
    let turn = n * (1_000 / ROWS_PER_MS);
    let at = Timestamp((turn + random.below(LATENESS_US)) as i64);
    let key = format!("k{}", random.below(KEYS));
    let value = random.below(10_000) as f64 / 8.0;
    (at, (key, n as i64, value))
}
