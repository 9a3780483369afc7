//! What chunks do with content of all sizes and kinds.

use crate::sample::{APP, name};
use eventflux::checkpoint::{CompressionType, FaultKind, RAW_BYTES_MAX, open, seal};
use eventflux_kit::Random;

const ALL: [CompressionType; 3] = [
    CompressionType::None,
    CompressionType::Lz4,
    CompressionType::Zstd,
];

/// Bytes without a pattern.
fn noise(length: usize) -> Vec<u8> {
    let mut random = Random::new(1);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&random.bits().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

#[test]
fn content_comes_back_whatever_its_size() {
    // one buffer for all, so that what it held before is seen if it is left in it
    let (mut bytes, mut raw) = (vec![7; 500_000], Vec::new());
    for length in [0, 1, 12, 13, 1_000, 65_536, 65_537, 262_144, 300, 0] {
        for content in [vec![0; length], noise(length)] {
            for compression in ALL {
                let record = seal(name(1, 0), APP, &content, compression, &mut bytes).unwrap();
                assert_eq!(record.stored as usize, bytes.len());
                assert!(
                    bytes.len() <= length + 43,
                    "{compression} makes nothing larger"
                );
                open(&bytes, &record, APP, &mut raw).unwrap();
                assert_eq!(raw, content, "{compression} {length}");
            }
        }
    }
}

#[test]
fn what_does_not_get_smaller_is_stored_as_it_is() {
    let mut bytes = Vec::new();
    for compression in ALL {
        seal(name(1, 0), APP, &noise(5_000), compression, &mut bytes).unwrap();
        assert_eq!((bytes[6], bytes.len()), (0, 5_043), "{compression}");
    }
    for (compression, code) in ALL.into_iter().zip(0..) {
        seal(name(1, 0), APP, &[1; 5_000], compression, &mut bytes).unwrap();
        assert_eq!(bytes[6], code, "{compression}");
    }
}

#[test]
fn the_largest_content_fits_and_one_byte_more_is_refused() {
    let mut content = vec![3; RAW_BYTES_MAX as usize];
    let (mut bytes, mut raw) = (Vec::new(), Vec::new());
    for compression in ALL {
        let record = seal(name(1, 0), APP, &content, compression, &mut bytes).unwrap();
        open(&bytes, &record, APP, &mut raw).unwrap();
        assert!(raw == content, "{compression}");
    }
    content.push(3);
    let fault = seal(name(1, 0), APP, &content, CompressionType::Zstd, &mut bytes).unwrap_err();
    assert!(matches!(fault.why, FaultKind::TooLarge { .. }), "{fault}");
}

#[test]
fn compressions_are_read_as_they_are_shown() {
    for compression in ALL {
        assert_eq!(compression.to_string().parse(), Ok(compression));
    }
    assert_eq!("ZSTD".parse(), Ok(CompressionType::default()));
    let error = "gzip".parse::<CompressionType>().unwrap_err();
    assert!(error.to_string().contains("none, lz4 or zstd"), "{error}");
}
