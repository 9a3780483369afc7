//! Nothing lost and nothing twice, although the program may die at any moment:
//! `cargo run --example exactly_once -- FOLDER`, ended by kill -9 and started again as often as you like.
//!
//! Three things come together:
//!
//! * The source can be read again from any row, and its rows have numbers. Here row `n` is a function of `n`; a file,
//!   a Kafka partition or a table with a serial column are like that, too.
//! * The state is in a store. What is restored are the groups and their sums, and the number of the last row that they
//!   hold: the source goes on behind it.
//! * The sink cannot take anything back, so after a restart it is offered rows that it has seen. They come with the
//!   numbers that they had, and the sink keeps the last number with what it delivers: it leaves out the rest.

use eventflux::store::FileStore;
use eventflux::{
    CheckpointConfig, EventFluxManager, OutputNumber, RestoreOptions, RuntimeConfig, Timestamp,
    Workers,
};
use std::collections::HashMap;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const APP: &str = "
    @app:name('volume') @app:playback
    CREATE STREAM Trades (sym STRING, qty INT);
    INSERT INTO Volume
    SELECT sym, sum(qty) AS volume, count() AS trades FROM Trades GROUP BY sym;";

/// The source: trade number `n`, today and tomorrow.
fn trade(n: u64) -> (Timestamp, (&'static str, i32)) {
    let sym = ["ACME", "GLOBEX", "INITECH"][(n * n % 3) as usize];
    (
        Timestamp::from_millis(n as i64),
        (sym, (n % 90 + 10) as i32),
    )
}

/// The sink: a file that only grows, with the number of each row in front of it.
struct Sink {
    file: File,
    /// By key group: the last number that is in the file.
    last: HashMap<u16, u64>,
}

impl Sink {
    fn open(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path).or_else(|e| match e.kind() {
            io::ErrorKind::NotFound => Ok(String::new()),
            _ => Err(e),
        })?;
        // A line without an end was being written when the program died: it was not delivered.
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let mut last = HashMap::new();
        for line in whole.lines() {
            let mut words = line.split(' ').map(str::parse);
            if let (Some(Ok(group)), Some(Ok(number))) = (words.next(), words.next()) {
                last.insert(group as u16, number);
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        file.set_len(whole.len() as u64)?;
        Ok(Sink { file, last })
    }

    /// Delivers a row, unless it was delivered before. It is with the system when this returns, and so before any
    /// checkpoint that holds it; a sink that must survive the loss of power syncs here, or in
    /// `PositionedOutput::sync`, which each checkpoint calls before it is committed.
    fn deliver(&mut self, number: OutputNumber, row: &str) -> io::Result<()> {
        let OutputNumber { group, number } = number;
        let last = self.last.entry(group).or_default();
        if number <= *last {
            return Ok(());
        }
        *last = number;
        writeln!(self.file, "{group} {number} {row}")
    }
}

/// Runs the app over `rows` trades, from where the last run in this folder was ended.
pub fn run(folder: &Path, rows: u64) -> Result<(), Box<dyn Error>> {
    let mut manager = EventFluxManager::new();
    manager.set_persistence_store(Arc::new(FileStore::open(folder.join("state"))?));
    let checkpoints = CheckpointConfig::default()
        .interval(Duration::from_millis(50))
        .on_shutdown(true);
    let config = RuntimeConfig::default()
        .workers(Workers::Pinned(1))
        .checkpoints(checkpoints);
    let runtime = manager.create_with(APP, config)?;

    // A second process in the same folder is refused here, before it touches anything.
    runtime.snapshot_service()?.claim()?;
    let report = runtime.restore_with(&RestoreOptions::default().allow_empty(true))?;
    match report.revision {
        Some(revision) => println!("restored {revision}"),
        None => println!("starting empty"),
    }

    let sink = Mutex::new(Sink::open(&folder.join("delivered.txt"))?);
    runtime.add_numbered_callback("Volume", move |batch, numbers| {
        let mut sink = sink.lock().expect("no callback has panicked");
        for (row, number) in numbers.iter().enumerate() {
            let delivered = sink.deliver(*number, &format!("{:?}", batch.row(row)));
            // A panic ends the app: what is not delivered must not become part of a checkpoint.
            delivered.expect("the file takes it");
        }
    })?;
    runtime.start()?;

    // The input knows how many rows the restored state holds. A source that can only begin at some places marks them
    // (`Input::mark`), begins at `Input::last_mark`, and lets `send_numbered` leave out what was seen.
    let mut input = runtime.open_input("trades")?;
    for n in input.position() + 1..=rows {
        let (at, trade) = trade(n);
        input.send_numbered(n, "Trades", Some(at), trade)?;
    }
    drop(input);
    Ok(runtime.shutdown()?)
}

/// The whole example; `tests/it/exactly_once.rs` runs it, and kills it in mid-stream.
pub fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or("exactly-once".into());
    fs::create_dir_all(&folder)?;
    run(Path::new(&folder), 1_000_000)
}
