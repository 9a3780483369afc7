//! Content that someone made, under digests that hold: it is refused or read, in bounded memory.

use crate::sample::{self, APP};
use eventflux::checkpoint::{
    ChunkRecord, CompressionType, FaultKind, Manifest, RAW_BYTES_MAX, digest, open, read_blob,
};
use std::process::Command;

const LIMITED: &str = "EVENTFLUX_LIMITED_MEMORY";
const HEADER: usize = 18;

/// Lengths as the encoding writes them, among them those of more than any memory.
fn lengths() -> Vec<Vec<u8>> {
    let with = |tag: u8, bytes: &[u8]| [&[tag], bytes].concat();
    vec![
        vec![250],
        with(251, &u16::MAX.to_le_bytes()),
        with(252, &(1_u32 << 20).to_le_bytes()),
        with(252, &u32::MAX.to_le_bytes()),
        with(253, &(1_u64 << 40).to_le_bytes()),
        with(253, &u64::MAX.to_le_bytes()),
        with(254, &[255; 16]),
        vec![255],
    ]
}

/// A manifest's content with its header set right.
fn framed(header: &[u8], content: &[u8]) -> Vec<u8> {
    let mut bytes = [header, content].concat();
    bytes[14..HEADER].copy_from_slice(&(content.len() as u32).to_le_bytes());
    bytes
}

#[test]
fn manifests_with_any_length_in_any_place_are_read_or_refused() {
    let manifest = sample::manifest(sample::chunks().iter().map(|c| c.0).collect());
    let (bytes, _) = manifest.encode().unwrap();
    let (header, content) = bytes.split_at(HEADER);
    for at in 0..content.len() {
        for length in lengths() {
            for rest in [&content[at..], &content[at + 1..], &[]] {
                let hostile = framed(header, &[&content[..at], &length, rest].concat());
                if let Ok(read) = Manifest::decode(&hostile, Some(digest(&hostile))) {
                    let (again, _) = read.encode().expect("what was read can be written");
                    assert_eq!(Manifest::decode(&again, None), Ok(read));
                }
            }
        }
    }
}

#[test]
fn few_bytes_do_not_stand_for_many_parts() {
    let mut manifest = sample::manifest(Vec::new());
    manifest.containers.truncate(1);
    let (bytes, _) = manifest.encode().unwrap();
    let (header, content) = bytes.split_at(HEADER);
    // 2 parts of epoch 41, 1 of 42
    let runs = [2, 2, 2, 1, 1];
    let at = content
        .windows(5)
        .position(|w| w == runs)
        .expect("the runs");
    for parts in [vec![252, 255, 255, 255, 255], vec![252, 0, 0, 16, 0]] {
        let hostile = framed(
            header,
            &[&content[..=at], &parts, &content[at + 2..]].concat(),
        );
        let fault = Manifest::decode(&hostile, None).expect_err("too many parts");
        assert!(
            matches!(fault.why, FaultKind::TooLarge { unit: "parts", .. }),
            "{fault}"
        );
    }
    let early = framed(
        header,
        &[&content[..at + 2], &[43 + 1], &content[at + 3..]].concat(),
    );
    let fault = Manifest::decode(&early, None).expect_err("a base before the first epoch");
    assert!(fault.to_string().contains("before epoch 1"), "{fault}");
}

/// A chunk of a payload under a header and a record that promise `raw` bytes of it.
fn chunk(codec: CompressionType, payload: &[u8], raw: u32) -> (ChunkRecord, Vec<u8>) {
    let (mut record, mut bytes) = sample::chunk(codec);
    bytes.truncate(43);
    bytes[35..39].copy_from_slice(&raw.to_le_bytes());
    bytes[39..43].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(payload);
    record.digest = digest(&bytes);
    (record.stored, record.raw) = (bytes.len() as u32, raw);
    (record, bytes)
}

#[test]
fn payloads_that_grow_beyond_their_promise_are_refused() {
    let mut raw = Vec::new();
    let zeros = vec![0; 4 * RAW_BYTES_MAX as usize];
    let bomb = zstd::bulk::compress(&zeros, 1).unwrap();
    drop(zeros);
    // a literal, then a match of offset 1 and some megabytes
    let lz4 = [&[0x1f, 0, 1, 0], &[255; 60_000][..], &[0, 0x10, 0]].concat();
    for (codec, payload) in [(CompressionType::Zstd, bomb), (CompressionType::Lz4, lz4)] {
        for promised in [0, 1, 1_000, RAW_BYTES_MAX, RAW_BYTES_MAX + 1, u32::MAX] {
            let (record, bytes) = chunk(codec, &payload, promised);
            let fault = open(&bytes, &record, APP, &mut raw).expect_err("it is a bomb");
            let large = matches!(fault.why, FaultKind::TooLarge { .. });
            assert_eq!(
                large,
                promised > RAW_BYTES_MAX,
                "{codec} {promised}: {fault}"
            );
            assert!(raw.capacity() <= RAW_BYTES_MAX as usize);
        }
    }
}

#[test]
fn payloads_with_any_bit_flipped_are_read_or_refused() {
    let mut raw = Vec::new();
    for codec in [CompressionType::Lz4, CompressionType::Zstd] {
        let (record, bytes) = sample::chunk(codec);
        for bit in 0..(bytes.len() - 43) * 8 {
            let mut payload = bytes[43..].to_vec();
            payload[bit / 8] ^= 1 << (bit % 8);
            let (record, bytes) = chunk(codec, &payload, record.raw);
            if open(&bytes, &record, APP, &mut raw).is_ok() {
                assert_eq!(raw.len(), record.raw as usize);
            }
        }
    }
}

#[test]
fn blobs_with_a_flipped_bit_are_read_or_refused() {
    let whole = sample::blob(sample::chunks());
    let body = whole.len() - 16;
    for bit in 0..body * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let right = digest(&bytes[..body]).to_le_bytes();
        bytes[body..].copy_from_slice(&right);
        if let Ok((manifest, chunks)) = read_blob(&bytes) {
            assert_eq!(manifest.chunks.len(), chunks.len());
        }
    }
}

/// Shows that the limit of [`hostile_content_needs_little_memory`] holds.
#[test]
fn a_gigabyte_is_refused_where_memory_is_limited() {
    if std::env::var(LIMITED).is_ok() {
        assert!(Vec::<u8>::new().try_reserve_exact(1 << 30).is_err());
    }
}

/// The tests of this file again, in a process that has 384 MiB of addresses, of which a test binary takes about 100:
/// a length that were believed would end it.
#[cfg(target_os = "linux")]
#[test]
fn hostile_content_needs_little_memory() {
    if std::env::var(LIMITED).is_ok() {
        return;
    }
    let tests = std::env::current_exe().expect("this binary has a path");
    let run = Command::new("sh")
        .args([
            "-c",
            "ulimit -v 393216 && exec \"$0\" hostile:: --test-threads=1",
        ])
        .arg(tests)
        .env(LIMITED, "1")
        .output()
        .expect("a shell can be started");
    let shown = String::from_utf8_lossy(&run.stdout) + String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{shown}");
    assert!(
        shown.contains("a_gigabyte_is_refused_where_memory_is_limited ... ok"),
        "{shown}"
    );
}
