//! What does one event cost its sender, from `send` to the end of its callback?
//!
//! Expected: a row written, one uncontended lock and one barrier slot, two or three expressions over one row: some tens
//! of nanoseconds each, so about 0.2 µs at the median, and a tail that is the machine's own. The baseline is the clock
//! that measures: two reads and nothing between.
//!
//! `cargo bench --bench service_time` measures a million events; with `--test`, as `cargo test --benches` runs it, a
//! thousand. All questions and their hand-written loops: `eventflux-bench`.

use eventflux::{EventFluxManager, RuntimeConfig, Timestamp, Workers};
use hdrhistogram::Histogram;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const APPS: [(&str, &str); 3] = [
    (
        "filter",
        "INSERT INTO Out SELECT sym, price * 2 AS p FROM S[price >= 50.0];",
    ),
    (
        "group by",
        "INSERT INTO Out SELECT sym, sum(price) AS p FROM S GROUP BY sym;",
    ),
    (
        "length(1000)",
        "INSERT INTO Out SELECT avg(price) AS p FROM S WINDOW('length', 1000);",
    ),
];

fn main() -> Result<(), Box<dyn Error>> {
    let events = match std::env::args().any(|a| a == "--test") {
        true => 1_000,
        false => 1_000_000,
    };
    print("clock only", &times(events, |_| Ok(()))?);
    for (name, query) in APPS {
        print(name, &app_times(query, events)?);
    }
    Ok(())
}

/// Nanoseconds around every call.
fn times(
    events: i64,
    mut call: impl FnMut(i64) -> Result<(), Box<dyn Error>>,
) -> Result<Histogram<u64>, Box<dyn Error>> {
    let mut histogram = Histogram::new(3)?;
    for event in 0..events {
        let begun = Instant::now();
        call(event)?;
        histogram.record(begun.elapsed().as_nanos() as u64)?;
    }
    Ok(histogram)
}

/// Times of an inline app; its rows are counted, so that an app that answers nothing fails.
fn app_times(query: &str, events: i64) -> Result<Histogram<u64>, Box<dyn Error>> {
    let app = format!("@app:playback CREATE STREAM S (sym STRING, price DOUBLE); {query}");
    let config = RuntimeConfig::default().workers(Workers::Inline);
    let runtime = EventFluxManager::new().create_with(&app, config)?;
    let rows = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&rows);
    runtime.add_callback("Out", move |batch| {
        count.fetch_add(batch.len() as u64, Ordering::Relaxed);
    })?;
    runtime.start()?;
    let mut input = runtime.input_handler("S")?;
    let symbols: Vec<String> = (0..100).map(|n| format!("SYM{n}")).collect();
    let mut send = |event: i64| -> Result<(), Box<dyn Error>> {
        let place = (event % 100) as usize;
        let row = (symbols[place].as_str(), place as f64);
        Ok(input.send_at(Timestamp(event), row)?)
    };
    let histogram = times(events, &mut send)?;
    let expected = if query.contains("[price") {
        events / 2
    } else {
        events
    };
    assert_eq!(rows.load(Ordering::Relaxed), expected as u64, "{query}");
    Ok(histogram)
}

fn print(name: &str, histogram: &Histogram<u64>) {
    let at = |quantile: f64| histogram.value_at_quantile(quantile);
    println!(
        "{name:>14}: p50 {} ns, p99 {} ns, p99.9 {} ns, max {} ns",
        at(0.5),
        at(0.99),
        at(0.999),
        histogram.max()
    );
}
