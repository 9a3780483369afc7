//! Candles of trades for seconds to years, asked while the app runs: `cargo run --example candles`.

use eventflux::{EventFluxManager, RuntimeConfig, Timestamp, Workers};

const APP: &str = "@app:playback
    CREATE STREAM Trades (sym STRING, price DOUBLE, n LONG);
    CREATE AGGREGATION Candles WITH ('timezone'='Europe/Berlin', 'retention.minutes'='7 DAYS') AS
        SELECT sym, first(price) AS open, max(price) AS high, min(price) AS low, last(price) AS close
        FROM Trades[n > 0] GROUP BY sym
        AGGREGATE EVERY SECONDS ... YEARS;";

/// The whole example; public so that `tests/it/docs.rs` runs it.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = RuntimeConfig::default().workers(Workers::Inline);
    let runtime = EventFluxManager::new().create_with(APP, config)?;
    runtime.start()?;
    let mut input = runtime.input()?;
    // Sunday, 31 March 2024: a day of 23 hours in Berlin, which begins at 23:00 UTC.
    let midnight = 1_711_839_600_000;
    let hours = |n: i64| Timestamp::from_millis(midnight + n * 3_600_000);
    for (hour, price) in [(0, 10.0), (5, 12.0), (22, 9.0), (23, 11.0)] {
        input.send_at("Trades", hours(hour), ("ACME", price, 1i64))?;
    }

    // A question that is asked often is read once.
    let text = "SELECT AGG_TIMESTAMP, open, high, low, close FROM Candles WHERE sym = ?
        WITHIN '2024-03-31', '2024-04-02' PER 'DAYS'";
    let mut days = runtime.prepare(text)?;
    let candles = days.query(("ACME",))?;
    let candles = candles.typed::<(i64, f64, f64, f64, f64)>()?;
    for candle in &candles {
        println!("{candle:?}");
    }
    let monday = midnight + 23 * 3_600_000;
    let expected = [
        (midnight, 10.0, 12.0, 9.0, 9.0),
        (monday, 11.0, 11.0, 11.0, 11.0),
    ];
    assert_eq!(candles, expected);
    runtime.shutdown()?;
    Ok(())
}
