//! What each fuzz target does with its bytes. Shared with `tests/it/fuzz.rs`, which runs it on stable.

use eventflux::connector::json::{EventLine, EventRow, RowDecoder, RowEncoder, decode_line};
use eventflux::{EventFluxManager, RuntimeConfig, Schema, Timestamp, Type, Value, Workers};

/// An app builds or is refused with places inside its text; one that builds has a plan.
pub fn parse_app(data: &[u8]) {
    let Ok(app) = std::str::from_utf8(data) else {
        return;
    };
    let config = RuntimeConfig::default().workers(Workers::Inline);
    match EventFluxManager::new().create_with(app, config) {
        Ok(runtime) => assert!(runtime.streams().is_empty() || !runtime.explain().is_empty()),
        Err(error) => {
            assert!(!error.problems().is_empty() && !error.to_string().is_empty());
            for p in error.problems() {
                let lines = app.matches('\n').count() + 1;
                assert!((1..=lines).contains(&p.line) && p.column >= 1 && p.width >= 1);
                assert!(!p.message.is_empty());
            }
        }
    }
}

/// A line is refused, or its rows fit the schema and survive being written and read again.
pub fn event_line(data: &[u8]) {
    let schema = Schema::new([
        ("i", Type::Int),
        ("l", Type::Long),
        ("f", Type::Float),
        ("d", Type::Double),
        ("t", Type::String),
        ("b", Type::Bool),
    ]);
    match decode_line(data) {
        Err(bad) => assert!(!bad.to_string().is_empty()),
        Ok(EventLine::Clock(_)) => {}
        Ok(EventLine::Row(row)) => round_trip(&row, &schema),
        Ok(EventLine::Batch(rows)) => rows.iter().for_each(|row| round_trip(row, &schema)),
    }
}

fn round_trip(row: &EventRow<'_>, schema: &Schema) {
    let mut decoder = RowDecoder::default();
    let Ok(values) = decoder.decode(row.row, schema) else {
        return;
    };
    let values = values.to_vec();
    assert_eq!(values.len(), schema.len());
    for (value, attribute) in values.iter().zip(schema.attributes()) {
        assert!(value.type_of().is_none_or(|ty| ty == attribute.ty));
    }
    let at = row.at.unwrap_or_default();
    let text = written(&row.stream, at, &values);
    let line = text.strip_suffix(b"\n").expect("a line ends");
    let Ok(EventLine::Row(again)) = decode_line(line) else {
        panic!(
            "what was written cannot be read: {}",
            String::from_utf8_lossy(line)
        );
    };
    assert_eq!(again.at, Some(at));
    assert_eq!(again.stream, row.stream);
    assert_eq!(decoder.decode(again.row, schema), Ok(&values[..]));
}

/// A row as an app that changes nothing prints it.
fn written(stream: &str, at: Timestamp, values: &[Value]) -> Vec<u8> {
    const APP: &str =
        "@app:playback CREATE STREAM S (i INT, l LONG, f FLOAT, d DOUBLE, t STRING, b BOOL);
        INSERT INTO Out SELECT * FROM S;";
    let config = RuntimeConfig::default().workers(Workers::Inline);
    let runtime = EventFluxManager::new()
        .create_with(APP, config)
        .expect("the app is right");
    let out = runtime.subscribe("Out").expect("Out exists");
    runtime.start().expect("inline");
    let mut input = runtime.input().expect("it runs");
    input
        .send_at("S", at, values)
        .expect("what was decoded fits");
    let mut text = Vec::new();
    let batch = out.try_recv().expect("the row comes out");
    RowEncoder::new(stream).encode(&batch, &mut text);
    text
}
