//! Bytes of containers as `Contents` tells them, from sections written by hand as the format's page has them.

use eventflux::checkpoint::{
    ChunkRecord, CompressionType, ContainerBytes, ContainerRecord, Contents, Path, seal,
};
use eventflux::store::ChunkName;

use crate::sample;

/// A section whose slots are a run.
fn section(path: Path, kind: u8, first: u32, count: u32, payload: usize) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(path.instance.to_le_bytes());
    out.extend(path.node.to_le_bytes());
    out.extend(path.container.to_le_bytes());
    out.extend(path.pane.to_le_bytes());
    out.extend([kind, 1]);
    out.extend(first.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend((payload as u32).to_le_bytes());
    out.resize(out.len() + payload, 7);
    out
}

fn chunk(epoch: u64, raw: &[u8]) -> ChunkRecord {
    let name = ChunkName {
        generation: 1,
        epoch,
        number: 0,
    };
    let mut out = Vec::new();
    seal(name, sample::APP, raw, CompressionType::None, &mut out).unwrap()
}

#[test]
fn bytes_are_counted_where_they_count() {
    let path = sample::path(1, 0, Path::NO_PANE);
    let mut manifest = sample::manifest(Vec::new());
    manifest.containers = vec![ContainerRecord {
        path,
        slots: 8,
        part_slots: 4,
        bases: vec![42, 40],
    }];
    let mut contents = Contents::new(&manifest).unwrap();
    let gone = sample::path(9, 0, Path::NO_PANE);
    let base = [section(path, 0, 0, 4, 100), section(path, 0, 4, 4, 60)].concat();
    let later = [
        section(path, 0, 0, 4, 90),
        section(path, 1, 4, 1, 10),
        section(path, 3, 0, 0, 5),
        section(gone, 1, 0, 1, 3),
    ]
    .concat();
    contents.add(&chunk(40, &base), &base).unwrap();
    contents.add(&chunk(42, &later), &later).unwrap();
    let bytes = ContainerBytes {
        base: 150,
        delta: 14,
    };
    assert_eq!(contents.containers.get(&path), Some(&bytes));
    assert_eq!((contents.registers, contents.void), (5, 103));
    let fault = contents.add(&chunk(41, &base[..50]), &base[..50]);
    let text = fault.unwrap_err().to_string();
    assert!(text.starts_with("chunk 1.41.0: "), "{text}");
    manifest.containers[0].bases.pop();
    assert!(Contents::new(&manifest).is_err());
}
