//! An app inside a program: `cargo run --example embed`.

use eventflux::{EventFluxManager, RuntimeConfig, Timestamp, Workers};

const APP: &str = "
    @app:playback
    CREATE STREAM Trades (sym STRING, price DOUBLE, qty INT);
    INSERT INTO Volume
    SELECT sym, sum(qty) AS volume, count() AS trades
    FROM Trades WINDOW('tumbling', 1 SECONDS)
    GROUP BY sym;";

/// The whole example; public so that `tests/it/docs.rs` runs it.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = RuntimeConfig::default().workers(Workers::Inline);
    let runtime = EventFluxManager::new().create_with(APP, config)?;
    runtime.add_callback("Volume", |batch| {
        for row in 0..batch.len() {
            println!("{} {:?}", batch.at()[row], batch.row(row));
        }
    })?;
    runtime.start()?;

    let mut input = runtime.input()?;
    input.send_at("Trades", Timestamp::from_millis(100), ("ACME", 10.5, 20))?;
    input.send_at("Trades", Timestamp::from_millis(400), ("GLOBEX", 7.0, 5))?;
    input.send_at("Trades", Timestamp::from_millis(900), ("ACME", 10.6, 30))?;
    input.advance_clock(Timestamp::from_millis(1_000))?;
    Ok(runtime.shutdown()?)
}
