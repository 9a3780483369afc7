//! The app whose state is damaged, its rows, and what comes out when nothing is.

use crate::failure::Failure;
use eventflux::store::{PersistenceStore, Revision};
use eventflux::{
    Batch, CheckpointConfig, EventFluxAppRuntime, EventFluxManager, RestoreReport, RuntimeConfig,
    Timestamp, Value, Workers,
};
use eventflux_kit::Random;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

pub const NAME: &str = "Damaged";
/// The input whose rows have numbers.
const INPUT: &str = "rows";
const STREAMS: [&str; 4] = ["Totals", "Slides", "Panes", "Firsts"];
const TEXT: &str = "
    @app:name('Damaged') @app:playback
    CREATE STREAM S (k STRING, v LONG, d DOUBLE);
    @info(name='totals') INSERT INTO Totals SELECT k, sum(v) AS s, avg(d) AS a, last(v) AS l FROM S GROUP BY k;
    @info(name='slides') INSERT ALL EVENTS INTO Slides SELECT k, v, min(d) AS m FROM S WINDOW('length', 25);
    @info(name='panes') INSERT INTO Panes SELECT k, count() AS n, sum(d) AS s
        FROM S WINDOW('tumbling', 20 MILLISECONDS) GROUP BY k;
    @info(name='firsts') INSERT INTO Firsts SELECT DISTINCT k, v % 7 AS r FROM S;";

/// Rows up to which the revisions go: 1 is retired, 2 has a name, 3 to 6 are kept.
pub const UP_TO: [u64; 6] = [40, 70, 85, 110, 118, 140];
/// Rows until which is gone on after a restore, with a checkpoint on the way.
pub const HALF: u64 = 160;
pub const ROWS: u64 = 190;

/// What came out, by stream in its order.
pub type Output = BTreeMap<&'static str, Vec<String>>;

/// One life of the app.
pub struct Life {
    pub app: EventFluxAppRuntime,
    seen: Arc<Mutex<Output>>,
}

impl Life {
    /// The app over a store, not started.
    pub fn new(store: Option<Arc<dyn PersistenceStore>>) -> Result<Life, Failure> {
        let mut manager = EventFluxManager::new();
        if let Some(store) = store {
            manager.set_persistence_store(store);
        }
        // a lease that damage has made up is not waited for
        let checkpoints = CheckpointConfig::default().retain(4).takeover(true);
        let config = RuntimeConfig::default()
            .workers(Workers::Inline)
            .checkpoints(checkpoints);
        let app = manager.create_with(TEXT, config)?;
        let seen = Arc::new(Mutex::new(Output::new()));
        for stream in STREAMS {
            let seen = Arc::clone(&seen);
            app.add_callback(stream, move |batch: &Batch| {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                let rows = seen.entry(stream).or_default();
                let row = |i| format!("{:?} {:?} {:?}", batch.at()[i], batch.sign(i), batch.row(i));
                rows.extend((0..batch.len()).map(row));
            })?;
        }
        Ok(Life { app, seen })
    }

    /// Sends rows by their numbers.
    pub fn send(&self, seed: u64, from: u64, to: u64) -> Result<(), Failure> {
        let mut input = self.app.open_input(INPUT)?;
        for number in from..=to {
            let (at, row) = row(seed, number);
            input.send_numbered(number, "S", Some(at), &row[..])?;
        }
        Ok(())
    }

    /// What came out since this was asked last.
    pub fn output(&self) -> Output {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The row from which a restored app goes on.
pub fn next(report: &RestoreReport) -> u64 {
    let input = report.inputs.iter().find(|input| input.name == INPUT);
    input.map_or(1, |input| input.next)
}

fn row(seed: u64, number: u64) -> (Timestamp, [Value; 3]) {
    let mut random = Random::new(seed ^ number << 20);
    let key = format!("key {}", random.below(9));
    let value = random.below(1_000) as i64 - 200;
    let double = random.below(4_000) as f64 / 8.0;
    let values = [Value::from(key), Value::Long(value), Value::Double(double)];
    (Timestamp::from_millis(number as i64 * 3), values)
}

/// What comes out behind each number of rows, of an app that nothing happens to.
pub struct Truth {
    behind: BTreeMap<u64, Output>,
}

impl Truth {
    pub fn new(seed: u64) -> Result<Truth, Failure> {
        let life = Life::new(None)?;
        life.app.start()?;
        let mut behind: BTreeMap<u64, Output> = BTreeMap::new();
        let mut sent = 0;
        for to in UP_TO.into_iter().chain([HALF, ROWS]) {
            behind.insert(sent, Output::new());
            life.send(seed, sent + 1, to)?;
            sent = to;
            for (stream, rows) in life.output() {
                for output in behind.values_mut() {
                    output
                        .entry(stream)
                        .or_default()
                        .extend(rows.iter().cloned());
                }
            }
        }
        Ok(Truth { behind })
    }

    /// What comes out of the rows behind `sent` up to the last one.
    pub fn behind(&self, sent: u64) -> &Output {
        &self.behind[&sent]
    }
}

/// Fills a store; answers its revisions, oldest first, with the rows that each has.
pub fn fill(store: &Arc<dyn PersistenceStore>, seed: u64) -> Result<Vec<(Revision, u64)>, Failure> {
    let mut rows = BTreeMap::new();
    let mut sent = 0;
    // two lives: chunks of two generations
    for some in [&UP_TO[..2], &UP_TO[2..]] {
        let life = Life::new(Some(Arc::clone(store)))?;
        if sent > 0 {
            life.app.restore_last_revision()?;
        }
        life.app.start()?;
        for to in some {
            life.send(seed, sent + 1, *to)?;
            sent = *to;
            rows.insert(life.app.persist()?, sent);
        }
        life.app.shutdown()?;
        if some.len() == 2 {
            let head = rows.keys().next_back().copied();
            store.pin(NAME, "kept", head)?;
        }
    }
    let kept = store.catalogue(NAME)?.revisions;
    let kept = kept
        .iter()
        .filter_map(|entry| rows.get_key_value(&entry.revision));
    Ok(kept.map(|(revision, sent)| (*revision, *sent)).collect())
}
