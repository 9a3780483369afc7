//! A table that is looked up, and an ASOF join: `cargo run --example enriched`.
//!
//! The app is `examples/enriched.sql`, which `eventflux run examples/enriched.sql --events examples/market.jsonl` runs
//! over a file.

use eventflux::{EventFluxManager, RuntimeConfig, Timestamp, Value, Workers};

const APP: &str = include_str!("enriched.sql");

/// The whole example; public so that `tests/it/docs.rs` runs it.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = RuntimeConfig::default().workers(Workers::Inline);
    let runtime = EventFluxManager::new().create_with(APP, config)?;
    let enriched = runtime.subscribe("Enriched")?;
    runtime.start()?;

    // One input for all streams keeps their rows in the order in which they are sent.
    let mut input = runtime.input()?;
    let ms = Timestamp::from_millis;
    input.send_at("Instruments", ms(0), ("ACME", "tools", 10))?;
    input.send_at("Quotes", ms(1_000), ("ACME", 100.0, 100.5))?;
    input.send_at("Trades", ms(1_200), ("ACME", 100.5, 30))?;
    input.send_at("Trades", ms(6_001), ("ACME", 100.5, 30))?;
    drop(input);
    runtime.shutdown()?;

    let rows: Vec<Vec<Value>> = enriched
        .iter()
        .flat_map(|batch| (0..batch.len()).map(move |row| batch.row(row)))
        .collect();
    for row in &rows {
        println!("{row:?}");
    }
    let over_mid: Vec<&Value> = rows.iter().map(|row| &row[4]).collect();
    // The quote of the second trade is older than five seconds.
    assert_eq!(over_mid, [&Value::Double(0.25), &Value::Null]);
    Ok(())
}
