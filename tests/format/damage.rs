//! Damage: each kind has a fault of its own, and no bit can flip and no byte be lost without one.

use crate::sample::{self, APP, CHUNKS};
use eventflux::checkpoint::{
    ChunkRecord, CompressionType, FaultKind, Manifest, digest, open, read_blob, seal, write_blob,
};

/// Every prefix, every flipped bit, a byte more.
fn damaged(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let cuts = (0..bytes.len()).map(|n| bytes[..n].to_vec());
    let flips = (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    });
    let more = [0, 255].map(|b| [bytes, &[b]].concat());
    cuts.chain(flips).chain(more)
}

#[test]
fn chunks_with_any_damage_are_refused() {
    let mut raw = Vec::new();
    for (compression, _) in CHUNKS {
        let (record, bytes) = sample::chunk(compression);
        assert_eq!(open(&bytes, &record, APP, &mut raw), Ok(()));
        for bad in damaged(&bytes) {
            let fault = open(&bad, &record, APP, &mut raw).expect_err("it is damaged");
            assert!(
                raw.is_empty() && fault.to_string().starts_with("chunk 3.4"),
                "{fault}"
            );
        }
    }
}

#[test]
fn manifests_with_any_damage_are_refused() {
    let manifest = sample::manifest(sample::chunks().iter().map(|c| c.0).collect());
    let (bytes, digest) = manifest.encode().unwrap();
    assert_eq!(Manifest::decode(&bytes, Some(digest)), Ok(manifest));
    for bad in damaged(&bytes) {
        Manifest::decode(&bad, Some(digest)).expect_err("it is damaged");
    }
    for cut in 0..bytes.len() {
        Manifest::decode(&bytes[..cut], None).expect_err("it is cut");
    }
}

#[test]
fn blobs_with_any_damage_are_refused() {
    let bytes = sample::blob(sample::chunks());
    read_blob(&bytes).unwrap();
    for bad in damaged(&bytes) {
        read_blob(&bad).expect_err("it is damaged");
    }
}

/// A chunk after a change of its bytes and record, the digest being right if `sealed`.
fn fault(
    app: &str,
    sealed: bool,
    change: impl FnOnce(&mut Vec<u8>, &mut ChunkRecord),
) -> FaultKind {
    let (mut record, mut bytes) = sample::chunk(CompressionType::Zstd);
    change(&mut bytes, &mut record);
    if sealed {
        (record.digest, record.stored) = (digest(&bytes), bytes.len() as u32);
    }
    let fault = open(&bytes, &record, app, &mut Vec::new());
    fault.expect_err("it is damaged").why
}

#[test]
fn each_damage_of_a_chunk_has_its_own_fault() {
    use FaultKind::*;
    let whole = sample::chunk(CompressionType::Zstd).1.len() as u64;
    let magic = fault(APP, true, |b, _| b[0] = b'X');
    assert_eq!(magic.to_string(), "it begins with 'XFCH', not with 'EFCH'");
    let newer = fault(APP, true, |b, _| b[4] = 2);
    assert_eq!(
        newer,
        Version {
            newest: 1,
            found: 2
        }
    );
    assert!(newer.to_string().contains("newer eventflux"), "{newer}");
    let older = fault(APP, true, |b, _| b[4] = 0);
    assert!(!older.to_string().contains("newer eventflux"), "{older}");
    assert!(matches!(fault("Other", true, |_, _| {}), App { .. }));
    let swapped = fault(APP, false, |b, _| {
        *b = sample::chunk(CompressionType::Lz4).1
    });
    assert_eq!(swapped.to_string(), "it is chunk 3.41.1, not 3.42.2");
    let cut = fault(APP, false, |b, _| b.truncate(50));
    assert_eq!(
        cut,
        Length {
            expected: whole,
            found: 50
        }
    );
    assert!(matches!(
        fault(APP, true, |b, _| b.truncate(20)),
        Length { .. }
    ));
    assert!(matches!(fault(APP, true, |b, _| b.push(0)), Length { .. }));
    assert!(matches!(
        fault(APP, false, |b, _| b[60] ^= 1),
        Digest { .. }
    ));
    assert_eq!(fault(APP, true, |b, _| b[6] = 9), Codec { found: 9 });
    assert_eq!(
        fault(APP, true, |b, _| b[35] ^= 1),
        Raw {
            expected: 320,
            found: 321
        }
    );
    let bomb = fault(APP, true, |b, r| {
        b[35..39].copy_from_slice(&u32::MAX.to_le_bytes());
        r.raw = u32::MAX;
    });
    assert!(matches!(bomb, TooLarge { .. }));
    for code in [0, 1] {
        let other = fault(APP, true, |b, _| b[6] = code);
        assert!(matches!(other, Decompression(_)), "{code}: {other}");
    }
    for length in [0, 319, 321, 100_000] {
        let other = fault(APP, true, |b, r| {
            b[35..39].copy_from_slice(&u32::to_le_bytes(length));
            r.raw = length;
        });
        assert!(matches!(other, Decompression(_)), "{length}: {other}");
    }
}

#[test]
fn a_manifest_that_could_not_be_read_is_not_written() {
    let refused = |change: fn(&mut Manifest)| {
        let mut m = sample::manifest(sample::chunks().iter().map(|c| c.0).collect());
        change(&mut m);
        m.encode().expect_err("no reader would take it").to_string()
    };
    for (why, fault) in [
        ("do not fit", refused(|m| m.containers[0].bases.truncate(1))),
        ("do not fit", refused(|m| m.containers[0].part_slots = 0)),
        ("after epoch 42", refused(|m| m.containers[0].bases[0] = 43)),
        (
            "twice",
            refused(|m| m.containers[0].path = m.containers[1].path),
        ),
        ("after epoch 42", refused(|m| m.chunks[0].name.epoch = 43)),
        ("twice", refused(|m| m.chunks[0].name = m.chunks[1].name)),
        ("lengths", refused(|m| m.chunks[0].stored = 42)),
        ("lengths", refused(|m| m.chunks[0].raw = u32::MAX)),
        (
            "parts",
            refused(|m| {
                m.containers[0] = eventflux::checkpoint::ContainerRecord {
                    slots: 2_000_000,
                    part_slots: 1,
                    bases: vec![0; 2_000_000],
                    ..m.containers[0]
                };
            }),
        ),
        ("bytes", refused(|m| m.positions[0].1 = vec![0; 17 << 20])),
    ] {
        assert!(fault.contains(why), "{why}: {fault}");
        assert!(fault.starts_with("manifest of 4-42: "), "{fault}");
    }
}

#[test]
fn a_blob_is_only_written_with_the_chunks_of_its_manifest() {
    let chunks = sample::chunks();
    let manifest = sample::manifest(chunks.iter().map(|c| c.0).collect());
    let refused = |chunks: Vec<_>| {
        let written = write_blob(&manifest, chunks.into_iter(), &mut Vec::new());
        written.expect_err("other chunks").to_string()
    };
    assert!(refused(chunks[..2].to_vec()).contains("chunk 3.42.2: it is missing"));
    let mut swapped = chunks.clone();
    swapped.swap(0, 1);
    assert!(refused(swapped).contains("it is chunk 3.41.1, not 3.41.0"));
    let mut more = chunks.clone();
    let mut bytes = Vec::new();
    let record = seal(
        sample::name(42, 9),
        APP,
        b"x",
        CompressionType::None,
        &mut bytes,
    )
    .unwrap();
    more.push((record, bytes));
    assert!(refused(more).contains("chunk 3.42.9"));
}
