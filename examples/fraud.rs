//! Patterns and a sequence: `cargo run --example fraud`.
//!
//! The app is `examples/fraud.sql`, which `eventflux run examples/fraud.sql --events examples/payments.jsonl` runs over
//! a file.

use eventflux::{EventFluxManager, RuntimeConfig, Timestamp, Value, Workers};

const APP: &str = include_str!("fraud.sql");

/// The whole example; public so that `tests/it/docs.rs` runs it.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = RuntimeConfig::default().workers(Workers::Inline);
    let runtime = EventFluxManager::new().create_with(APP, config)?;
    let tried = runtime.subscribe("Tried")?;
    let unconfirmed = runtime.subscribe("Unconfirmed")?;
    runtime.start()?;

    let mut input = runtime.input()?;
    let second = |s: i64| Timestamp::from_millis(s * 1_000);
    for (at, amount) in [(0, 1.5), (20, 0.75), (50, 2.25), (90, 899.0)] {
        input.send_at("Payments", second(at), ("4711", "web", amount))?;
    }
    // Nobody confirms the large one: the alarm comes when the clock gets there, without a row.
    input.advance_clock(second(149))?;
    assert!(unconfirmed.try_recv().is_none());
    input.advance_clock(second(150))?;
    drop(input);
    runtime.shutdown()?;

    let alarm = tried.try_recv().ok_or("no alarm")?;
    println!("tried out: {:?}", alarm.row(0));
    assert_eq!(alarm.row(0)[3], Value::Double(4.5));
    let late = unconfirmed.try_recv().ok_or("no alarm")?;
    println!("not confirmed: {:?}", late.row(0));
    assert_eq!(late.row(0)[0], Value::from("4711"));
    Ok(())
}
