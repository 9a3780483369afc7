//! Two pinned workers, and the rows on a thread of one's own: `cargo run --example subscriber`.

use eventflux::{EventFluxManager, RuntimeConfig, Workers};
use std::thread;

/// The whole example; public so that `tests/it/docs.rs` runs it.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = "CREATE STREAM Hits (user LONG, bytes INT);
               INSERT INTO Usage SELECT user, sum(bytes) AS bytes FROM Hits GROUP BY user;";
    let config = RuntimeConfig::default().workers(Workers::Pinned(2));
    let runtime = EventFluxManager::new().create_with(app, config)?;
    let usage = runtime.subscribe("Usage")?;
    let reader = thread::spawn(move || usage.iter().map(|batch| batch.len()).sum::<usize>());
    runtime.start()?;

    let mut input = runtime.input()?;
    for n in 0..10_000_i64 {
        input.send("Hits", (n % 100, 512))?;
    }
    drop(input);
    runtime.shutdown()?;
    drop(runtime);
    let rows = reader.join().expect("the reader does not panic");
    println!("{rows} rows");
    assert_eq!(rows, 10_000);
    Ok(())
}
