//! Rows of one's own type, without a vector per row: `cargo run --example typed_rows`.

use eventflux::{EventFluxManager, Row, RowWriter, RuntimeConfig, Value, Workers};

struct Reading {
    sensor: String,
    celsius: f64,
    valid: Option<bool>,
}

impl Row for Reading {
    fn write(&self, to: &mut RowWriter<'_>) {
        to.field(self.sensor.as_str());
        to.field(&self.celsius);
        to.field(&Value::from(self.valid));
    }
}

/// The whole example; public so that `tests/it/docs.rs` runs it.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = "CREATE STREAM Readings (sensor STRING, celsius DOUBLE, valid BOOL);
               INSERT INTO Hot SELECT sensor, celsius * 1.8 + 32 AS fahrenheit
               FROM Readings WHERE celsius > 30 AND coalesce(valid, TRUE);";
    let config = RuntimeConfig::default().workers(Workers::Inline);
    let runtime = EventFluxManager::new().create_with(app, config)?;
    let hot = runtime.subscribe("Hot")?;
    runtime.start()?;

    let readings = [
        ("north", 31.0, None),
        ("south", 35.0, Some(false)),
        ("west", 40.0, Some(true)),
    ];
    let mut input = runtime.input_handler("Readings")?;
    for (sensor, celsius, valid) in readings {
        let sensor = sensor.to_string();
        input.send(Reading {
            sensor,
            celsius,
            valid,
        })?;
    }
    runtime.shutdown()?;
    let found: Vec<Value> = hot.iter().map(|batch| batch.value(0, 0)).collect();
    println!("{found:?}");
    assert_eq!(found, [Value::from("north"), Value::from("west")]);
    Ok(())
}
