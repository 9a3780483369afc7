//! Files of every version of the format: each later version reads them, value for value.
//!
//! `EVENTFLUX_WRITE_FIXTURES=1 cargo test --test format fixtures:: -- --test-threads=1` writes them, and the corpus of
//! the fuzz target `checkpoint_bytes`. Files of a released version are never written again: another version has a
//! folder of its own.

use crate::sample::{self, APP, CHUNKS};
use eventflux::checkpoint::{ChunkRecord, Manifest, digest, open, read_blob, write_blob};
use std::fs;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/format/fixtures/v1")
}

fn writes() -> bool {
    std::env::var("EVENTFLUX_WRITE_FIXTURES").is_ok_and(|v| v == "1")
}

/// Writes the file if it is asked for; what stands in it.
fn file(name: &str, bytes: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = folder().join(name);
    if writes() {
        fs::create_dir_all(folder()).expect("the folder can be made");
        fs::write(&path, bytes()).expect("the file can be written");
    }
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Records and bytes of the chunks in files. Their names and lengths are known, their digests stand beside them.
fn chunks() -> Vec<(ChunkRecord, Vec<u8>)> {
    let found = CHUNKS.map(|(compression, _)| {
        let (record, bytes) = sample::chunk(compression);
        (record, file(&format!("chunk-{compression}.bin"), || bytes))
    });
    let digests = file("chunk-digests.txt", || {
        let lines = found.iter().map(|(_, b)| format!("{:032x}\n", digest(b)));
        lines.collect::<String>().into_bytes()
    });
    let digests = String::from_utf8(digests).expect("digits");
    let records = found.into_iter().zip(digests.lines());
    let records = records.map(|((record, bytes), digest)| {
        let record = ChunkRecord {
            digest: u128::from_str_radix(digest, 16).expect("digits"),
            stored: bytes.len() as u32,
            ..record
        };
        (record, bytes)
    });
    records.collect()
}

#[test]
fn chunks_of_every_codec_are_read() {
    let chunks = chunks();
    assert_eq!(chunks.len(), CHUNKS.len());
    let mut raw = Vec::new();
    for ((record, bytes), (compression, seed)) in chunks.iter().zip(CHUNKS) {
        open(bytes, record, APP, &mut raw).unwrap_or_else(|e| panic!("{compression}: {e}"));
        assert_eq!(raw, sample::content(seed), "{compression}");
        assert_eq!(u64::from(bytes[6]), seed - 1, "the codec in the header");
    }
}

#[test]
fn the_manifest_is_read_and_written_to_the_byte() {
    let records = chunks().iter().map(|(record, _)| *record).collect();
    let manifest = sample::manifest(records);
    let (encoded, digest) = manifest.encode().expect("it can be written");
    let bytes = file("manifest.bin", || encoded.clone());
    let text = file("manifest-digest.txt", || {
        format!("{digest:032x}\n").into_bytes()
    });
    assert_eq!(text, format!("{digest:032x}\n").as_bytes());
    assert_eq!(Manifest::decode(&bytes, Some(digest)), Ok(manifest));
    assert_eq!(bytes, encoded);
}

#[test]
fn the_blob_is_read_and_written_to_the_byte() {
    let chunks = chunks();
    let bytes = file("blob.bin", || sample::blob(chunks.clone()));
    let (manifest, found) = read_blob(&bytes).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        manifest,
        sample::manifest(chunks.iter().map(|c| c.0).collect())
    );
    let found: Vec<_> = found.into_iter().map(|(r, b)| (r, b.to_vec())).collect();
    assert_eq!(found, chunks);
    let mut again = Vec::new();
    write_blob(&manifest, found.into_iter(), &mut again).expect("a Vec takes all");
    assert_eq!(bytes, again);
}

/// What the fuzzer starts from: a byte that says the kind, and a blob of it.
#[test]
fn the_corpus_of_the_fuzzer_has_every_kind() {
    let chunks = chunks();
    let full = sample::manifest(chunks.iter().map(|c| c.0).collect());
    let mut inputs = Vec::new();
    let mut manifest = |name: &str, change: fn(&mut Manifest)| {
        let mut m = full.clone();
        change(&mut m);
        let (bytes, _) = m.encode().expect("it can be written");
        inputs.push((format!("manifest-{name}"), [vec![0], bytes].concat()));
    };
    manifest("full", |_| {});
    manifest("no-parent", |m| m.parent = None);
    manifest("no-queries", |m| m.queries.clear());
    manifest("no-containers", |m| m.containers.clear());
    manifest("no-inputs", |m| m.inputs.clear());
    manifest("no-chunks", |m| m.chunks.clear());
    manifest("first", |m| {
        m.queries.truncate(0);
        m.containers.truncate(0);
        m.inputs.truncate(0);
        m.outputs.truncate(0);
        m.positions.truncate(0);
        m.chunks.truncate(0);
    });
    for ((_, bytes), (compression, _)) in chunks.iter().zip(CHUNKS) {
        inputs.push((format!("chunk-{compression}"), [&[1], &bytes[..]].concat()));
    }
    inputs.push((
        "blob-full".to_string(),
        [vec![2], sample::blob(chunks)].concat(),
    ));
    inputs.push((
        "blob-empty".to_string(),
        [vec![2], sample::blob(Vec::new())].concat(),
    ));

    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("tools/fuzz/corpus/checkpoint_bytes");
    for (name, bytes) in inputs {
        let path = folder.join(name + ".bin");
        if writes() {
            fs::create_dir_all(&folder).expect("the folder can be made");
            fs::write(&path, &bytes).expect("the file can be written");
        }
        assert!(path.is_file(), "{}", path.display());
    }
}
