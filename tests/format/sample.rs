//! A revision that has something in every field, the same in every run: what the fixtures hold.

use eventflux::checkpoint::{
    AppliedRecord, ChunkRecord, CompressionType, ContainerKind, ContainerRecord, InputRecord,
    InstanceRecord, Manifest, OutputRecord, Path, QueryRecord, StageRecord, seal, write_blob,
};
use eventflux::store::{ChunkName, Revision};

pub const APP: &str = "Vwap";

/// Every compression and the content of its chunk.
pub const CHUNKS: [(CompressionType, u64); 3] = [
    (CompressionType::None, 1),
    (CompressionType::Lz4, 2),
    (CompressionType::Zstd, 3),
];

pub fn name(epoch: u64, number: u32) -> ChunkName {
    ChunkName {
        generation: 3,
        epoch,
        number,
    }
}

pub fn path(node: u16, container: u16, pane: i64) -> Path {
    Path {
        instance: 7,
        node,
        container,
        pane,
    }
}

/// Little-endian words that grow, as a column of keys or times has them.
pub fn content(seed: u64) -> Vec<u8> {
    (0..40_u64)
        .flat_map(|i| (seed * 1_000 + i * 3).to_le_bytes())
        .collect()
}

/// The chunk of one compression; the older one of another generation.
pub fn chunk(compression: CompressionType) -> (ChunkRecord, Vec<u8>) {
    let (number, &(_, seed)) = CHUNKS
        .iter()
        .enumerate()
        .find(|(_, (c, _))| *c == compression)
        .expect("CHUNKS has all");
    let mut bytes = Vec::new();
    let name = name(41 + number as u64 / 2, number as u32);
    let record = seal(name, APP, &content(seed), compression, &mut bytes).expect("it is small");
    (record, bytes)
}

pub fn chunks() -> Vec<(ChunkRecord, Vec<u8>)> {
    CHUNKS.iter().map(|(c, _)| chunk(*c)).collect()
}

fn query() -> QueryRecord {
    let kind = |name: &str, layout: &str| ContainerKind {
        name: name.to_string(),
        layout: layout.to_string(),
    };
    let stage = |name: &str, containers| StageRecord {
        name: name.to_string(),
        containers,
    };
    QueryRecord {
        id: "vwap".to_string(),
        text: "INSERT INTO Out SELECT sym, sum(price) AS s FROM Trades WINDOW('length', 5) GROUP BY sym"
            .to_string(),
        fingerprint: 0x0123_4567_89ab_cdef,
        stages: vec![
            stage("length", vec![kind("rows", "log1(STRING,DOUBLE)")]),
            stage(
                "aggregate",
                vec![kind("keys", "keys1(STRING)"), kind("sums", "cells1(2)")],
            ),
        ],
    }
}

/// A manifest of these chunks.
pub fn manifest(chunks: Vec<ChunkRecord>) -> Manifest {
    let container = |path, slots, part_slots, bases: &[u64]| ContainerRecord {
        path,
        slots,
        part_slots,
        bases: bases.to_vec(),
    };
    let applied = |instance, number, clock_us| AppliedRecord {
        instance,
        number,
        clock_us,
    };
    Manifest {
        app: APP.to_string(),
        revision: Revision {
            generation: 4,
            epoch: 42,
        },
        parent: Some((
            Revision {
                generation: 3,
                epoch: 41,
            },
            0x0011_2233_4455_6677_8899_aabb_ccdd_eeff,
        )),
        created_ms: 1_790_000_000_123,
        workers: 2,
        queries: vec![query()],
        instances: vec![InstanceRecord {
            id: 7,
            keyed: true,
            groups: (0, 64),
            worker: 1,
            now_us: -5_000_000,
            stages: vec![(0, 0), (0, 1)],
        }],
        next_instance: 9,
        containers: vec![
            container(path(0, 0, 0), 10_000, 4_096, &[41, 41, 42]),
            container(path(1, 0, 0), 70_000, 65_536, &[35, 0]),
            container(path(1, 1, -60_000_000), 0, 65_536, &[]),
        ],
        inputs: vec![
            InputRecord {
                name: "trades".to_string(),
                open: true,
                clock_us: Some(-1),
                applied: vec![applied(7, 300, Some(1_000_000)), applied(8, 0, None)],
                mark: Some((299, "offset 4711".to_string())),
            },
            InputRecord {
                name: "closed".to_string(),
                open: false,
                clock_us: None,
                applied: Vec::new(),
                mark: None,
            },
        ],
        outputs: vec![OutputRecord {
            stream: "Out".to_string(),
            numbers: vec![(0, 1), (5, 70_000), (127, u64::MAX)],
        }],
        positions: vec![("file:out.jsonl".to_string(), vec![0, 1, 254, 255])],
        chunks,
        raw_bytes: 960,
        stored_bytes: 700,
        base_bytes: 320,
        delta_bytes: 640,
    }
}

/// The blob of a manifest of these chunks.
pub fn blob(chunks: Vec<(ChunkRecord, Vec<u8>)>) -> Vec<u8> {
    let manifest = manifest(chunks.iter().map(|(record, _)| *record).collect());
    let mut blob = Vec::new();
    write_blob(&manifest, chunks.into_iter(), &mut blob).expect("a Vec takes all");
    blob
}
