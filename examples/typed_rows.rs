//! Rows in and out as types of the program, without a vector per row: `cargo run --example typed_rows`.

use eventflux::{EventFluxManager, RuntimeConfig, Workers};

eventflux::row! {
    struct Reading {
        sensor: String,
        celsius: f64,
        valid: Option<bool>,
    }
}

eventflux::row! {
    #[derive(Debug, PartialEq)]
    struct Hot {
        sensor: String,
        fahrenheit: f64,
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
    let mut found = Vec::new();
    for batch in hot.iter() {
        for row in batch.typed::<Hot>() {
            found.push(row?);
        }
    }
    println!("{found:?}");
    let is = |hot: &Hot, sensor: &str| hot.sensor == sensor;
    assert!(is(&found[0], "north") && is(&found[1], "west") && found.len() == 2);
    assert!((found[1].fahrenheit - 104.0).abs() < 1e-9);
    Ok(())
}
