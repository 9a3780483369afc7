//! What each fuzz target does with its bytes. Shared with `tests/it/fuzz.rs`, which runs it on stable.

use eventflux::checkpoint::{
    ChunkRecord, CompressionType, Manifest, ManifestDiff, RAW_BYTES_MAX, digest, open, read_blob,
    seal,
};
use eventflux::connector::json::{EventLine, EventRow, RowDecoder, RowEncoder, decode_line};
use eventflux::store::ChunkName;
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
        Ok(EventLine::Batch(rows)) => {
            let rows = rows.iter().flatten();
            rows.for_each(|row| round_trip(row, &schema));
        }
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

/// Content under right digests and lengths: a manifest, a chunk or a blob, as the first byte says. It is refused, or
/// what was read is within the limits and can be written again.
pub fn checkpoint_bytes(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    match kind % 3 {
        0 => manifest_bytes(data.to_vec()),
        1 => chunk_bytes(data.to_vec()),
        _ => blob_bytes(data.to_vec()),
    }
}

/// Puts a field into a header, as far as the header is there.
fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + field.len()) {
        place.copy_from_slice(field);
    }
}

fn manifest_bytes(mut bytes: Vec<u8>) {
    let length = bytes.len().saturating_sub(18) as u32;
    put(&mut bytes, 0, b"EFMF\x01\0");
    put(&mut bytes, 14, &length.to_le_bytes());
    match Manifest::decode(&bytes, Some(digest(&bytes))) {
        Ok(manifest) => written_again(&manifest),
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}

fn written_again(manifest: &Manifest) {
    let (bytes, digest) = manifest.encode().expect("what was read can be written");
    let again = Manifest::decode(&bytes, Some(digest)).expect("what was written can be read");
    assert_eq!(*manifest, again);
    assert!(ManifestDiff::new(manifest, &again).is_empty());
    let mut other = again;
    other.queries.clear();
    other.inputs.clear();
    assert!(!ManifestDiff::new(manifest, &other).to_string().is_empty());
}

fn chunk_bytes(mut bytes: Vec<u8>) {
    const APP: &str = "Vwap";
    let name = ChunkName {
        generation: 1,
        epoch: 2,
        number: 3,
    };
    let mut head = Vec::new();
    seal(name, APP, b"", CompressionType::None, &mut head).expect("it is small");
    let payload = bytes.len().saturating_sub(43) as u32;
    // all but the codec and the promised length
    put(&mut bytes, 0, &head[..6]);
    put(&mut bytes, 7, &head[7..35]);
    put(&mut bytes, 39, &payload.to_le_bytes());
    let promised = bytes.get(35..39).and_then(|b| b.try_into().ok());
    let record = ChunkRecord {
        name,
        digest: digest(&bytes),
        stored: bytes.len() as u32,
        raw: promised.map_or(0, u32::from_le_bytes),
    };
    let mut raw = Vec::new();
    match open(&bytes, &record, APP, &mut raw) {
        Ok(()) => assert_eq!(raw.len(), record.raw as usize),
        Err(fault) => assert!(raw.is_empty() && !fault.to_string().is_empty()),
    }
    assert!(raw.capacity() <= RAW_BYTES_MAX as usize);
}

fn blob_bytes(mut bytes: Vec<u8>) {
    let end = bytes.len().saturating_sub(16);
    put(&mut bytes, 0, b"EFBL\x01\0");
    let right = digest(&bytes[..end]);
    put(&mut bytes, end, &right.to_le_bytes());
    match read_blob(&bytes) {
        Ok((manifest, chunks)) => {
            assert_eq!(manifest.chunks.len(), chunks.len());
            written_again(&manifest);
        }
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}
