//! The engine's side of a question: an app that runs, and what its stream `Out` has shown.

use super::data::{BATCH_ROWS, NamedTrade, Trade, at, name, name_word};
use super::harness::{Tally, word2, word3};
use eventflux::event::{Batch, Column, Data, Dictionary, Str};
use eventflux::{ColumnBatch, EventFluxAppRuntime, EventFluxManager, RuntimeConfig, Workers};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// The stream of trades.
pub const TRADES: &str = "CREATE STREAM S (ts LONG, key LONG, price DOUBLE, vol LONG);\n";
/// The stream of trades with names for keys.
pub const NAMED: &str = "CREATE STREAM S (sym STRING, price DOUBLE);\n";
/// How long rows may take to come out before a question is given up.
const DRAIN_MAX: Duration = Duration::from_secs(60);

/// Counts the rows of a batch.
pub type Read = fn(&Batch, &mut Tally);

/// What one worker has shown, on a cache line of its own.
#[repr(align(128))]
#[derive(Default)]
struct Shown {
    rows: AtomicU64,
    checksum: AtomicU64,
}

/// A running app.
pub struct Engine {
    runtime: EventFluxAppRuntime,
    shown: Arc<[Shown]>,
    /// What was answered before.
    before: Tally,
}

impl Engine {
    /// Starts an app on the calling thread.
    pub fn inline(app: &str, read: Read) -> Result<Engine, String> {
        Engine::start(app, Workers::Inline, read)
    }

    /// Starts an app. The calling thread must not be pinned when there are workers.
    pub fn start(app: &str, workers: Workers, read: Read) -> Result<Engine, String> {
        let threads = threads(&workers);
        Engine::of(create(app, workers)?, threads, read)
    }

    /// Starts an app on the calling thread that answers in several streams.
    pub fn inline_to(app: &str, streams: &[String], read: Read) -> Result<Engine, String> {
        let streams: Vec<&str> = streams.iter().map(String::as_str).collect();
        Engine::of_streams(create(app, Workers::Inline)?, 1, &streams, read)
    }

    /// Starts an app that was built for so many threads.
    pub fn of(runtime: EventFluxAppRuntime, threads: usize, read: Read) -> Result<Engine, String> {
        Engine::of_streams(runtime, threads, &["Out"], read)
    }

    fn of_streams(
        runtime: EventFluxAppRuntime,
        threads: usize,
        streams: &[&str],
        read: Read,
    ) -> Result<Engine, String> {
        let places = threads * streams.len();
        let shown: Arc<[Shown]> = (0..places).map(|_| Shown::default()).collect();
        for (number, stream) in streams.iter().enumerate() {
            let per_worker = |worker: usize| {
                let shown = Arc::clone(&shown);
                let place = number * threads + worker;
                let mut mine = Tally::default();
                move |batch: &Batch| {
                    read(batch, &mut mine);
                    let shown = &shown[place];
                    shown.checksum.store(mine.checksum, Ordering::Relaxed);
                    shown.rows.store(mine.rows, Ordering::Release);
                }
            };
            runtime
                .add_callback_per_worker(stream, per_worker)
                .map_err(text)?;
        }
        runtime.start().map_err(text)?;
        Ok(Engine {
            runtime,
            shown,
            before: Tally::default(),
        })
    }

    /// The app's runtime.
    pub fn runtime(&self) -> &EventFluxAppRuntime {
        &self.runtime
    }

    /// What came out since the start.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        for shown in self.shown.iter() {
            let rows = shown.rows.load(Ordering::Acquire);
            total.merge(Tally {
                rows,
                checksum: shown.checksum.load(Ordering::Relaxed),
            });
        }
        total
    }

    /// What came out since this was asked last.
    pub fn news(&mut self) -> Tally {
        let total = self.total();
        let news = Tally {
            rows: total.rows - self.before.rows,
            checksum: total.checksum.wrapping_sub(self.before.checksum),
        };
        self.before = total;
        news
    }

    /// Waits until this many rows came out since the start.
    ///
    /// Errors: they did not within a minute.
    pub fn wait_for(&self, rows: u64) -> Result<(), String> {
        let mut looks = 0u32;
        let mut since = None;
        while self.total().rows < rows {
            std::hint::spin_loop();
            looks += 1;
            if looks.is_multiple_of(1 << 12) {
                let start = *since.get_or_insert_with(Instant::now);
                if start.elapsed() > DRAIN_MAX {
                    return Err(format!(
                        "{} of {rows} rows came out in a minute",
                        self.total().rows
                    ));
                }
                std::thread::yield_now();
            }
        }
        Ok(())
    }

    /// Rows received so far for which [`Engine::wait_for`] waits next.
    pub fn expect_more(&self, rows: u64) -> u64 {
        self.before.rows + rows
    }

    /// Trades in columns of [`BATCH_ROWS`].
    pub fn columns(&self, trades: &[Trade]) -> Result<Vec<ColumnBatch>, String> {
        self.batches(trades, |rows| {
            let columns = [
                Data::Long(rows.iter().map(|t| t.ts).collect()),
                Data::Long(rows.iter().map(|t| t.key).collect()),
                Data::Double(rows.iter().map(|t| t.price).collect()),
                Data::Long(rows.iter().map(|t| t.vol).collect()),
            ];
            Ok(columns.map(Column::from_data).into())
        })
    }

    /// Trades with names in columns of [`BATCH_ROWS`].
    pub fn named_columns(&self, trades: &[NamedTrade]) -> Result<Vec<ColumnBatch>, String> {
        self.batches(trades, |rows| {
            let columns = [
                Data::String(rows.iter().map(|t| t.sym.clone()).collect()),
                Data::Double(rows.iter().map(|t| t.price).collect()),
            ];
            Ok(columns.map(Column::from_data).into())
        })
    }

    /// Keys and prices in columns of [`BATCH_ROWS`].
    pub fn priced_columns(&self, trades: &[Trade]) -> Result<Vec<ColumnBatch>, String> {
        self.batches(trades, |rows| {
            let columns = [
                Data::Long(rows.iter().map(|t| t.key).collect()),
                Data::Double(rows.iter().map(|t| t.price).collect()),
            ];
            Ok(columns.map(Column::from_data).into())
        })
    }

    /// The same with names for keys, as codes of a dictionary of [`names`](super::data::names).
    pub fn coded_columns(
        &self,
        trades: &[Trade],
        names: &Arc<Dictionary>,
    ) -> Result<Vec<ColumnBatch>, String> {
        self.batches(trades, |rows| {
            let codes = rows.iter().map(|t| t.key as u32).collect();
            let prices = Data::Double(rows.iter().map(|t| t.price).collect());
            let names = Column::from_codes(names, codes).map_err(text)?;
            Ok(vec![names, Column::from_data(prices)])
        })
    }

    /// Events of `S` in columns of [`BATCH_ROWS`]; `columns` makes those of some.
    fn batches<T>(
        &self,
        events: &[T],
        columns: impl Fn(&[T]) -> Result<Vec<Column>, String>,
    ) -> Result<Vec<ColumnBatch>, String> {
        let batches = events.chunks(BATCH_ROWS).enumerate();
        let batches = batches.map(|(n, rows)| self.batch(n * BATCH_ROWS, columns(rows)?));
        batches.collect()
    }

    /// One batch of `S` whose first event has a number.
    fn batch(&self, first: usize, columns: Vec<Column>) -> Result<ColumnBatch, String> {
        let schema = self.runtime.schema("S").ok_or("no such stream")?;
        let rows = columns.first().map_or(0, Column::len);
        let mut batch = ColumnBatch::new(&schema);
        batch
            .set((first..first + rows).map(at).collect(), columns)
            .map_err(text)?;
        Ok(batch)
    }
}

/// How many threads run an app.
pub fn threads(workers: &Workers) -> usize {
    match workers {
        Workers::Inline => 1,
        Workers::Pinned(n) => *n,
        Workers::Cores(cores) => cores.len(),
    }
}

/// Builds an app with batches of [`BATCH_ROWS`].
pub fn create(app: &str, workers: Workers) -> Result<EventFluxAppRuntime, String> {
    let config = RuntimeConfig::default()
        .workers(workers)
        .batch_rows_max(BATCH_ROWS);
    EventFluxManager::new()
        .create_with(app, config)
        .map_err(text)
}

/// An error as text.
pub fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Reads rows of one DOUBLE.
pub fn double(batch: &Batch, tally: &mut Tally) {
    if let [a] = batch.columns()
        && let Data::Double(a) = a.data()
    {
        a.iter().for_each(|a| tally.add(a.to_bits()));
    }
}

/// Reads rows of LONG, DOUBLE.
pub fn long_double(batch: &Batch, tally: &mut Tally) {
    if let [a, b] = batch.columns()
        && let (Data::Long(a), Data::Double(b)) = (a.data(), b.data())
    {
        for (a, b) in a.iter().zip(b) {
            tally.add(word2(*a as u64, b.to_bits()));
        }
    }
}

/// Reads rows of LONG, LONG.
pub fn long_long(batch: &Batch, tally: &mut Tally) {
    if let [a, b] = batch.columns()
        && let (Data::Long(a), Data::Long(b)) = (a.data(), b.data())
    {
        for (a, b) in a.iter().zip(b) {
            tally.add(word2(*a as u64, *b as u64));
        }
    }
}

/// Reads rows of LONG, DOUBLE, LONG.
pub fn long_double_long(batch: &Batch, tally: &mut Tally) {
    if let [a, ..] = batch.columns()
        && let Data::Long(a) = a.data()
    {
        word_double_long(a.iter().map(|a| *a as u64), batch, tally);
    }
}

/// Reads rows of STRING, DOUBLE, LONG.
pub fn name_double_long(batch: &Batch, tally: &mut Tally) {
    if let [a, ..] = batch.columns()
        && let Data::String(a) = a.data()
    {
        word_double_long(a.iter().map(|a| name_word(a)), batch, tally);
    }
}

/// As [`name_double_long`], of names that come as codes.
pub fn coded_double_long(batch: &Batch, tally: &mut Tally) {
    if let [a, ..] = batch.columns()
        && let Some((names, a)) = a.codes()
    {
        let name = |code: &u32| name_word(&names.texts()[*code as usize]);
        word_double_long(a.iter().map(name), batch, tally);
    }
}

/// Reads rows of LONG, DOUBLE, LONG as those of [`coded_double_long`] with the same keys: each as its name.
pub fn key_double_long(batch: &Batch, tally: &mut Tally) {
    static NAMES: LazyLock<Vec<Str>> = LazyLock::new(|| (0..1000).map(name).collect());
    if let [a, ..] = batch.columns()
        && let Data::Long(a) = a.data()
    {
        word_double_long(
            a.iter().map(|a| name_word(&NAMES[*a as usize])),
            batch,
            tally,
        );
    }
}

/// Reads rows whose first value is a word that is at hand, of DOUBLE and LONG behind it.
#[inline]
fn word_double_long(first: impl Iterator<Item = u64>, batch: &Batch, tally: &mut Tally) {
    if let [_, b, c] = batch.columns()
        && let (Data::Double(b), Data::Long(c)) = (b.data(), c.data())
    {
        for ((a, b), c) in first.zip(b).zip(c) {
            tally.add(word3(a, b.to_bits(), *c as u64));
        }
    }
}
