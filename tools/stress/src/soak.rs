//! An app at full speed for a long time, with a checkpoint every 100 ms into a folder.
//!
//! Why memory may be asked to be flat: keys are drawn from a fixed number and windows have a fixed length, keys of the
//! partition come and go, and the aggregation keeps its periods for a while, so that the state has reached its size
//! long before the second half of the run. The quarters of that half are compared by their medians: single readings
//! differ by what checkpoints hold at that moment.

use crate::failure::Failure;
use clap::Args;
use eventflux::store::FileStore;
use eventflux::{
    Batch, CheckpointConfig, EventFluxAppRuntime, EventFluxManager, RuntimeConfig, Timestamp,
    Value, Workers,
};
use eventflux_kit::Random;
use eventflux_testbed::Scratch;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const APP: &str = "
    @app:name('Soak') @app:playback
    CREATE STREAM S (k STRING, g INT, v DOUBLE, n LONG, visit LONG);
    INSERT INTO Counted SELECT k, count() AS n FROM S WINDOW('tumbling', 1 SECOND) GROUP BY k;
    INSERT INTO Sliding SELECT g, sum(v) AS s, max(v) AS m FROM S WINDOW('time', 500 MILLISECONDS) GROUP BY g;
    INSERT INTO Lengths SELECT avg(v) AS a, stddev(v) AS d FROM S WINDOW('length', 1000);
    INSERT INTO Visits SELECT k, count() AS n FROM S WINDOW('session', 20 MILLISECONDS, k) GROUP BY k;
    INSERT INTO Totals SELECT k, sum(n) AS s, first(v) AS f, last(v) AS l FROM S GROUP BY k;
    INSERT INTO High SELECT k, n FROM S WHERE v > 0.999 AND regexp(k, '[05]$');
    CREATE AGGREGATION Rolled WITH ('retention.seconds'='20 SECONDS', 'retention.minutes'='10 MINUTES') AS
      SELECT g, sum(v) AS s, max(v) AS m FROM S GROUP BY g AGGREGATE EVERY SECONDS, MINUTES;
    PARTITION WITH (visit OF S) WITH ('purge.idle'='4 SECONDS') BEGIN
      INSERT INTO #Steps SELECT visit, v, count() AS c FROM S;
      INSERT INTO Latest SELECT visit, avg(v) AS a FROM S WINDOW('length', 3) OUTPUT LAST EVERY 1 SECOND;
      INSERT INTO Rises SELECT a.visit AS visit, b.c AS c FROM PATTERN (EVERY a=#Steps[v > 0.9] -> b=#Steps[v > a.v]);
    END;";

/// Keys of the partition that come and go together, and rows of all of them: ten of each.
const VISITS: u64 = 5_000;
const VISITS_ROWS: u64 = 10 * VISITS;

const KEYS: u64 = 1_000;
const ROWS_PER_SEND: usize = 256;
const ROWS_PER_MILLISECOND: u64 = 4;
/// How often memory is read in a run: enough for a median of a quarter.
const READINGS: u32 = 400;

/// Options of `soak`.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  cargo run --release -p eventflux-stress -- soak --seconds 3600")]
pub struct SoakArgs {
    /// How long rows are sent
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(4..))]
    seconds: u64,
    /// Worker threads; 0: the thread that sends
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Milliseconds between checkpoints
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_ms: u64,
    /// How far the medians of memory of the third and the last quarter may differ, in percent; in short runs the
    /// state is still growing
    #[arg(long, default_value_t = 1.0)]
    flat_percent: f64,
    /// Seed of the rows
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What the process has at a moment.
#[derive(Clone, Copy, Debug)]
struct Reading {
    memory: u64,
    descriptors: usize,
    files: usize,
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let megabytes = self.memory as f64 / 1e6;
        let Reading {
            descriptors, files, ..
        } = self;
        write!(
            f,
            "{megabytes:.1} MB, {descriptors} descriptors, {files} files"
        )
    }
}

/// Sends rows for the time asked, and compares what memory was taken.
pub fn run(args: &SoakArgs) -> Result<(), Failure> {
    println!("soak: seed {}", args.seed);
    let folder = Scratch::new()?;
    let (runtime, counted) = started(args, folder.path())?;
    let (rows, readings) = feed(&runtime, args, folder.path())?;
    let checkpoints = runtime.checkpoint_metrics()?;
    let forgotten = runtime.metrics()?.purged_keys;
    runtime.shutdown()?;
    let counted = counted.load(Ordering::Relaxed);
    if counted != rows {
        let message = format!("{rows} rows were sent, windows have counted {counted}");
        return Err(Failure::new(message));
    }
    let gone = (rows / VISITS_ROWS).saturating_sub(1) * VISITS;
    if forgotten < gone {
        let message = format!("{forgotten} keys of the partition were forgotten, {gone} have gone");
        return Err(Failure::new(message));
    }
    let flat = flatness(&readings);
    let committed = checkpoints.committed;
    println!(
        "{}; {forgotten} keys forgotten",
        told(args, rows, committed, &readings, flat)
    );
    if !checkpoints.failed.is_empty() || committed == 0 {
        let failed = checkpoints.failed;
        let message = format!("checkpoints failed, by reason: {failed:?}; {committed} held");
        return Err(Failure::new(message));
    }
    match flat.abs() <= args.flat_percent {
        true => Ok(()),
        false => {
            let allowed = args.flat_percent;
            let message =
                format!("memory changed by {flat:+.2} % in the last half, more than {allowed} %");
            Err(Failure::new(message))
        }
    }
}

/// The app, and the number of rows that its tumbling windows have counted.
fn started(
    args: &SoakArgs,
    folder: &Path,
) -> Result<(EventFluxAppRuntime, Arc<AtomicU64>), Failure> {
    let mut manager = EventFluxManager::new();
    manager.set_persistence_store(Arc::new(FileStore::open(folder)?));
    let checkpoints =
        CheckpointConfig::default().interval(Duration::from_millis(args.checkpoint_ms));
    let workers = match args.workers {
        0 => Workers::Inline,
        n => Workers::Pinned(n),
    };
    let config = RuntimeConfig::default()
        .workers(workers)
        .checkpoints(checkpoints);
    let runtime = manager.create_with(APP, config)?;
    let counted = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&counted);
    runtime.add_callback("Counted", move |batch: &Batch| {
        for row in 0..batch.len() {
            if let Value::Long(n) = batch.row(row)[1] {
                count.fetch_add(n as u64, Ordering::Relaxed);
            }
        }
    })?;
    runtime.start()?;
    Ok((runtime, counted))
}

/// Sends rows until the time is over, then a clock that closes all windows.
fn feed(
    runtime: &EventFluxAppRuntime,
    args: &SoakArgs,
    folder: &Path,
) -> Result<(u64, Vec<Reading>), Failure> {
    let mut random = Random::new(args.seed);
    let keys: Vec<Value> = (0..KEYS).map(|k| Value::from(format!("key-{k}"))).collect();
    let keys: Vec<&Value> = keys.iter().collect();
    let mut input = runtime.input()?;
    let (begun, time) = (Instant::now(), Duration::from_secs(args.seconds));
    let (mut rows, mut readings) = (0, Vec::new());
    while begun.elapsed() < time {
        let send: Vec<_> = (0..ROWS_PER_SEND as u64)
            .map(|i| row(rows + i, &mut random, &keys))
            .collect();
        input.send_batch("S", send)?;
        rows += ROWS_PER_SEND as u64;
        if begun.elapsed() >= time / READINGS * readings.len() as u32 {
            let now = reading(folder)?;
            readings.push(now);
            if readings.len() % (READINGS as usize / 20) == 0 {
                let seconds = begun.elapsed().as_secs();
                eprintln!("{seconds} s: {rows} rows, {now}");
            }
        }
    }
    input.advance_clock(time_of(rows + 100_000))?;
    input.finish()?;
    runtime.flush()?;
    Ok((rows, readings))
}

fn time_of(row: u64) -> Timestamp {
    Timestamp::from_millis((row / ROWS_PER_MILLISECOND) as i64)
}

fn row(number: u64, random: &mut Random, keys: &[&Value]) -> (Option<Timestamp>, [Value; 5]) {
    let key = (*random.pick(keys)).clone();
    let value = random.below(1_000_000) as f64 / 1_000_000.0;
    let group = random.below(16);
    let values = [
        key,
        Value::Int(group),
        Value::Double(value),
        Value::Long(number as i64),
        Value::Long((number / VISITS_ROWS * VISITS + number % VISITS) as i64),
    ];
    (Some(time_of(number)), values)
}

fn reading(folder: &Path) -> Result<Reading, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|l| l.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    let memory = kilobytes.ok_or_else(|| Failure::new("/proc/self/status tells no VmRSS"))? * 1024;
    Ok(Reading {
        memory,
        descriptors: fs::read_dir("/proc/self/fd")?.count(),
        files: fs::read_dir(folder.join("Soak"))?.count(),
    })
}

/// The median of memory, in bytes.
fn median(readings: &[Reading]) -> u64 {
    let mut memory: Vec<u64> = readings.iter().map(|r| r.memory).collect();
    memory.sort_unstable();
    memory[memory.len() / 2]
}

/// By how many percent the last quarter takes more than the one before it.
fn flatness(readings: &[Reading]) -> f64 {
    let quarter = readings.len() / 4;
    let last = readings.len() - quarter;
    let third = median(&readings[last - quarter..last]) as f64;
    (median(&readings[last..]) as f64 - third) / third * 100.0
}

fn told(args: &SoakArgs, rows: u64, checkpoints: u64, readings: &[Reading], flat: f64) -> String {
    let half = &readings[readings.len() / 2..];
    let range = |of: &dyn Fn(&Reading) -> u64| {
        let all = || half.iter().map(of);
        (
            all().min().unwrap_or_default(),
            all().max().unwrap_or_default(),
        )
    };
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let (least, most) = range(&|r| r.memory);
    let (fewest, descriptors) = range(&|r| r.descriptors as u64);
    let (few, files) = range(&|r| r.files as u64);
    format!(
        "soak: {rows} rows in {} s, all counted, {checkpoints} checkpoints; in the last half {:.1} to {:.1} MB \
         (quarters {flat:+.2} %), {fewest} to {descriptors} descriptors, {few} to {files} files; seed {}",
        args.seconds,
        megabytes(least),
        megabytes(most),
        args.seed
    )
}
