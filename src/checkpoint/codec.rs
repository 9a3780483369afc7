//! Values as bytes: the one file that names bincode, so that it can be replaced.
//!
//! How: numbers take as few bytes as they need, sequences have their length in front, nothing describes itself: the
//! order of fields is the format. So no type that goes through here may use serde's attributes that leave fields out
//! or give them other shapes.
//!
//! Hostile lengths: a text is taken from the input before memory for it is, and serde reserves at most 1 MiB for a
//! sequence before it has read its elements. So decoding holds at most 1 MiB per level of nesting beyond what it has
//! read. What it has read can be larger than its bytes, by the size of an element over its shortest encoding; that is
//! what `limit` is for. Sequences of elements without any bytes must not be decoded: their length costs nothing.

use bincode::{DefaultOptions, Options};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes that are not the encoding of a value of the type; says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) String);

fn options(limit: u64) -> impl Options {
    DefaultOptions::new()
        .with_varint_encoding()
        .with_little_endian()
        .with_limit(limit)
        .reject_trailing_bytes()
}

/// The bytes of a value.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Malformed> {
    let bytes = options(u64::MAX).serialize(value);
    bytes.map_err(|e| Malformed(e.to_string()))
}

/// The value of some bytes, all of them, of which there may be at most `limit`.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8], limit: u64) -> Result<T, Malformed> {
    if bytes.len() as u64 > limit {
        return Err(Malformed(format!("{} bytes, at most {limit}", bytes.len())));
    }
    let value = options(limit).deserialize(bytes);
    value.map_err(|e| Malformed(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_as_few_bytes_as_they_need() {
        let lengths = [0_u64, 250, 251, 65_536, u64::MAX].map(|n| encode(&n).unwrap().len());
        assert_eq!(lengths, [1, 1, 3, 5, 9]);
        assert_eq!(
            encode(&(-1_i64, "ab", None::<u8>)).unwrap(),
            [1, 2, b'a', b'b', 0]
        );
    }

    #[test]
    fn bytes_left_over_and_bytes_missing_are_refused() {
        let bytes = encode(&(7_u32, "text".to_string())).unwrap();
        assert_eq!(decode(&bytes, 100), Ok((7_u32, "text".to_string())));
        let long = [&bytes[..], &[0]].concat();
        for bad in [&bytes[..bytes.len() - 1], &long, &[]] {
            assert!(decode::<(u32, String)>(bad, 100).is_err(), "{bad:?}");
        }
        assert!(decode::<(u32, String)>(&bytes, 5).is_err());
    }

    #[test]
    fn a_length_that_the_input_cannot_hold_is_refused() {
        for length in [10_u64, 1 << 20, 1 << 32, 1 << 48, u64::MAX] {
            let mut bytes = encode(&length).unwrap();
            bytes.push(1);
            assert!(decode::<String>(&bytes, 1 << 24).is_err());
            assert!(decode::<Vec<u8>>(&bytes, 1 << 24).is_err());
            assert!(decode::<Vec<(u64, [u64; 16])>>(&bytes, 1 << 24).is_err());
            let nested = [&[1], &bytes[..], &bytes[..]].concat();
            assert!(decode::<Vec<Vec<Vec<String>>>>(&nested, 1 << 24).is_err());
        }
    }
}
