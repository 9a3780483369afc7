//! Nothing lost and nothing twice, although the program may die at any moment:
//! `cargo run --example exactly_once -- FOLDER`, ended by kill -9 and started again as often as you like.
//!
//! Three things come together:
//!
//! * The source can be read again from any row, and its rows have numbers. Here row `n` is a function of `n`; a file,
//!   a Kafka partition or a table with a serial column are like that, too.
//! * The state is in a store. What is restored are the groups and their sums, and the number of the last row that they
//!   hold: the source goes on behind it.
//! * The sink only grows, and after a restart some of its rows come again. They come with the same numbers as before,
//!   so those that it has are left out. This one is a file; `NumberedSink` says what another has to do.

use eventflux::store::FileStore;
use eventflux::{
    CheckpointConfig, EventFluxManager, NumberedFile, RuntimeConfig, Timestamp, Workers,
};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const APP: &str = "
    @app:name('volume') @app:playback
    CREATE STREAM Trades (sym STRING, qty INT);
    INSERT INTO Volume
    SELECT sym, sum(qty) AS volume, count() AS trades FROM Trades GROUP BY sym;";

/// The source: trade number `n`, today and tomorrow.
fn trade(n: u64) -> (Timestamp, (&'static str, i32)) {
    let sym = ["ACME", "GLOBEX", "INITECH"][(n * n % 3) as usize];
    let at = Timestamp::from_millis(n as i64);
    (at, (sym, (n % 90 + 10) as i32))
}

/// Runs the app over `rows` trades, from where the last run in this folder was ended.
pub fn run(folder: &Path, rows: u64) -> Result<(), Box<dyn Error>> {
    let mut manager = EventFluxManager::new();
    manager.set_persistence_store(Arc::new(FileStore::open(folder.join("state"))?));
    let checkpoints = CheckpointConfig::default().interval(Duration::from_millis(50));
    let config = RuntimeConfig::default()
        .workers(Workers::Pinned(1))
        .checkpoints(checkpoints.on_shutdown(true));
    let runtime = manager.create_with(APP, config)?;

    let delivered = NumberedFile::new(folder.join("delivered.jsonl"));
    let recovery = runtime.recover().deliver("Volume", delivered);
    let recovered = recovery.start(["trades"])?;
    match recovered.report.revision {
        Some(revision) => println!("restored {revision}"),
        None => println!("starting empty"),
    }

    // The input knows how many rows the restored state holds. A source that can only begin at some places marks them
    // (`Input::mark`), begins at `Input::last_mark`, and lets `send_numbered` leave out what was seen.
    let [mut trades] = recovered.inputs;
    for n in trades.position() + 1..=rows {
        let (at, trade) = trade(n);
        trades.send_numbered(n, "Trades", Some(at), trade)?;
    }
    drop(trades);
    Ok(runtime.shutdown()?)
}

/// The whole example; `tests/it/exactly_once.rs` runs it, and kills it in mid-stream.
pub fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or("exactly-once".into());
    std::fs::create_dir_all(&folder)?;
    run(Path::new(&folder), 1_000_000)
}
