//! Do two workers do the work of one in little more than half the time?
//!
//! Sketch: a row costs its worker some 10 ns and workers share nothing, so two cores take half as long as one. Rows
//! come from generators inside the workers, for two cores have no third: a callback sends a batch of its worker's keys
//! to its own app and asks for its next turn by a row of another stream. Whoever waits for the end sleeps.

use super::data::{Trade, each_key, trades};
use super::engine::{self, Engine, TRADES};
use super::harness::{Conditions, Pass, Spread, Tally, by_turns, same};
use super::lanes::{EVENTS, GROUP, distance, two_cores};
use super::record::{Record, Unit};
use eventflux::event::{Batch, Data};
use eventflux::{ColumnBatch, Input, Workers};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The turns of generators, each on the worker to which its number leads.
const TURNS: &str = "CREATE STREAM Turn (number LONG);\n\
    INSERT INTO Go SELECT number, count() AS n FROM Turn GROUP BY number;\n";
/// Numbers that are tried for turns: of so many one leads to every worker.
const NUMBERS: i64 = 64;
/// Between two looks at whether all rows are out.
const LOOK: Duration = Duration::from_micros(50);
/// How long a pass may take.
const PASS_MAX: Duration = Duration::from_secs(60);

/// `two-workers-1k`.
pub fn two_workers_1k(c: &Conditions) -> Result<Record, String> {
    two_workers(c, "two-workers-1k", 1000)
}

/// `two-workers-1m`.
pub fn two_workers_1m(c: &Conditions) -> Result<Record, String> {
    two_workers(c, "two-workers-1m", c.keys(1_000_000))
}

/// Two workers with a generator each beside one worker with one: both emit the same rows.
fn two_workers(c: &Conditions, question: &'static str, keys: usize) -> Result<Record, String> {
    let cores = two_cores()?;
    let trades = trades(c.events(EVENTS), keys);
    let both = Workers::Cores(vec![cores.1.id, cores.0.id]);
    let mut two = Fed::new(both, keys, &trades)?;
    let mut one = Fed::new(Workers::Cores(vec![cores.1.id]), keys, &trades)?;
    let mut distances = Vec::new();
    let figures = by_turns(
        c,
        trades.len(),
        || {
            distances.push(distance(c, cores));
            two.pass(trades.len())
        },
        || one.pass(trades.len()),
    )?;
    let is = "one worker, one generator";
    let mut record = Record::new(question, Unit::Event, trades.len(), is, figures);
    record.ping_pong = Some(Spread::of(distances));
    let about = "generators run inside the workers: callbacks that send to their own app";
    Ok(record.within_ratio(0.65).with_note(about))
}

/// What one worker sends to its app.
struct Generator {
    input: Input,
    number: i64,
    batches: Vec<ColumnBatch>,
    next: usize,
    fault: Option<String>,
}

impl Generator {
    /// Sends the next batch and asks for the next turn; after the last batch for none.
    fn turn(&mut self) {
        if let Some(batch) = self.batches.get_mut(self.next) {
            self.next += 1;
            let sent = self.input.send_columns("S", batch);
            let sent = sent.and_then(|()| self.input.send("Turn", (self.number,)));
            self.fault = sent.err().map(engine::text);
        }
    }
}

/// An app with a generator in each worker.
struct Fed {
    engine: Engine,
    generators: Vec<Arc<Mutex<Generator>>>,
}

/// Which worker shows rows of which first column.
type Shown = Receiver<(usize, i64)>;

impl Fed {
    /// Starts an app, finds out which keys lead to which worker, and gives each its rows.
    fn new(workers: Workers, keys: usize, trades: &[Trade]) -> Result<Fed, String> {
        let threads = engine::threads(&workers);
        let app = format!("{TRADES}{TURNS}{GROUP}");
        let mut engine = Engine::start(&app, workers, engine::long_double_long)?;
        let (of_keys, of_turns) = (shown(&engine, "Out")?, shown(&engine, "Go")?);
        let mut input = engine.runtime().input().map_err(engine::text)?;
        for batch in &mut engine.columns(&each_key(keys))? {
            input.send_columns("S", batch).map_err(engine::text)?;
        }
        for number in 0..NUMBERS {
            input.send("Turn", (number,)).map_err(engine::text)?;
        }
        engine.wait_for(keys as u64)?;
        engine.runtime().flush().map_err(engine::text)?;
        let worker_of: BTreeMap<i64, usize> = of_keys.try_iter().map(|(w, key)| (key, w)).collect();
        let turns: Vec<(usize, i64)> = of_turns.try_iter().collect();
        let mut generators = Vec::new();
        for worker in 0..threads {
            let mine = trades
                .iter()
                .filter(|t| worker_of.get(&t.key) == Some(&worker));
            let mine: Vec<Trade> = mine.copied().collect();
            let number = turns.iter().find(|(w, _)| *w == worker);
            generators.push(Arc::new(Mutex::new(Generator {
                input: engine.runtime().input().map_err(engine::text)?,
                number: number.ok_or("no turn leads to a worker")?.1,
                next: usize::MAX,
                batches: engine.columns(&mine)?,
                fault: None,
            })));
        }
        let of_workers = generators.clone();
        let turn = move |worker: usize| {
            let generator = Arc::clone(&of_workers[worker]);
            move |_: &Batch| lock(&generator).turn()
        };
        let added = engine.runtime().add_callback_per_worker("Go", turn);
        added.map_err(engine::text)?;
        engine.news();
        Ok(Fed { engine, generators })
    }

    /// All rows once, from the first turn until the last row is out.
    fn pass(&mut self, rows: usize) -> Result<Pass, String> {
        let end = self.engine.expect_more(rows as u64);
        let mut input = self.engine.runtime().input().map_err(engine::text)?;
        self.generators.iter().for_each(|g| lock(g).next = 0);
        let begun = Instant::now();
        for generator in &self.generators {
            let number = lock(generator).number;
            input.send("Turn", (number,)).map_err(engine::text)?;
        }
        while self.engine.total().rows < end {
            std::thread::sleep(LOOK);
            if begun.elapsed() > PASS_MAX {
                let mut faults = self.generators.iter().map(|g| lock(g).fault.take());
                let fault = faults.find_map(|fault| fault);
                return Err(fault.unwrap_or_else(|| "a generator has stopped".into()));
            }
        }
        let time = begun.elapsed();
        let tally = self.engine.news();
        let all = Tally {
            rows: rows as u64,
            ..tally
        };
        same(tally, all)?;
        Ok(Pass { time, tally })
    }
}

fn lock(generator: &Mutex<Generator>) -> std::sync::MutexGuard<'_, Generator> {
    generator.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells, of the rows of a stream until nobody listens, on which worker each is shown and its first column.
fn shown(engine: &Engine, stream: &str) -> Result<Shown, String> {
    let (sender, shown) = channel();
    let per_worker = move |worker: usize| {
        let mut sender = Some(sender.clone());
        move |batch: &Batch| {
            if let (Some(to), [first, ..]) = (&sender, batch.columns())
                && let Data::Long(values) = first.data()
                && values
                    .iter()
                    .any(|value| to.send((worker, *value)).is_err())
            {
                sender = None;
            }
        }
    };
    let added = engine.runtime().add_callback_per_worker(stream, per_worker);
    added.map_err(engine::text)?;
    Ok(shown)
}
