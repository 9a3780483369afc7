//! What manifests and chunks cost in bytes.

use crate::sample::{self, APP, name, path};
use eventflux::checkpoint::{ChunkRecord, CompressionType, ContainerRecord, Manifest, Path, seal};
use eventflux::store::ChunkName;

const EPOCH: u64 = 100_000;

/// The epoch of the base of a part.
type Base = fn(u32) -> u64;

/// A manifest with as many parts; the base of part p is of the epoch that `base` says, a chunk for each part.
fn manifest(parts: u32, containers: u32, base: Base) -> Manifest {
    let chunk = |epoch, number| ChunkRecord {
        name: ChunkName {
            generation: 12,
            epoch,
            number,
        },
        digest: u128::MAX / 3,
        stored: 400_000,
        raw: 1 << 20,
    };
    let each = parts / containers;
    let mut m = sample::manifest(Vec::new());
    (m.revision.generation, m.revision.epoch) = (12, EPOCH);
    m.containers = (0..containers)
        .map(|i| ContainerRecord {
            path: Path {
                instance: i,
                ..path(3, 1, 1_790_000_000_000_000)
            },
            slots: each * 65_536,
            part_slots: 65_536,
            bases: (0..each).map(base).collect(),
        })
        .collect();
    // a base per part, and a delta of each of 2 workers in the last 7 epochs
    m.chunks = (0..parts).map(|p| chunk(base(p), p)).collect();
    let deltas = (0..14).map(|i| chunk(EPOCH - i / 2, parts + i as u32));
    m.chunks.extend(deltas);
    m
}

#[test]
fn a_part_takes_at_most_64_bytes_of_a_manifest() {
    let layouts: [(&str, u32, Base); 3] = [
        ("in turn", 10, |p| EPOCH - u64::from(p / 13) % 8),
        ("mixed", 10, |p| EPOCH - u64::from(p) * 7 % 8),
        ("old, 4 parts each", 250, |p| {
            1 + u64::from(p) * 7919 % EPOCH
        }),
    ];
    for (layout, containers, base) in layouts {
        let full = manifest(1_000, containers, base);
        let mut empty = full.clone();
        empty.containers.clear();
        empty.chunks.clear();
        let length = |m: &Manifest| m.encode().expect("it can be written").0.len();
        let (all, none) = (length(&full), length(&empty));
        let mut bases = full.clone();
        bases.chunks.clear();
        let without_chunks = (length(&bases) - none) as f64 / 1_000.0;
        let each = (all - none) as f64 / 1_000.0;
        eprintln!(
            "{layout}: {each:.1} bytes per part, {without_chunks:.1} without its chunks, {none} without parts"
        );
        assert!(each <= 64.0, "{layout}: {each} bytes per part");
    }
}

#[test]
fn a_chunk_costs_43_bytes_beside_its_payload() {
    let mut bytes = Vec::new();
    // a count, a sum of cents and a time in microseconds per slot
    let slot = |i: u64| {
        let scattered = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        [
            scattered % 50,
            scattered % 1_000_000,
            1_790_000_000_000_000 + i * 1_370,
        ]
    };
    let words = (0..10_922).flat_map(slot);
    let content: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    for compression in [
        CompressionType::None,
        CompressionType::Lz4,
        CompressionType::Zstd,
    ] {
        let record = seal(name(1, 0), APP, &content, compression, &mut bytes).unwrap();
        eprintln!("{compression}: {} of {} bytes", record.stored, record.raw);
        assert!(record.stored <= record.raw + 43);
    }
    assert_eq!(
        seal(name(1, 0), APP, b"", CompressionType::Zstd, &mut bytes)
            .unwrap()
            .stored,
        43
    );
}
