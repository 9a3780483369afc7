//! Keys as bytes: the form in which they are hashed to key groups and written to a store.
//!
//! Per column a tag: NULL 0; BOOL 1 and a byte; INT and LONG 2 and an i64; FLOAT and DOUBLE 3 and an f64; STRING 4, a
//! u32 length and UTF-8. Numbers are little-endian. The encoding is part of the on-disk format.

use crate::event::{Column, Data, Scalar, Type};
use smallvec::SmallVec;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// Number of key groups: the unit in which keys are spread over workers, now and after a restore.
pub(crate) const KEY_GROUPS: u64 = 128;

/// What keys are appended to: a vector, or one on the stack.
pub(super) trait KeyBytes {
    /// Appends bytes.
    fn append(&mut self, bytes: &[u8]);
}

impl KeyBytes for Vec<u8> {
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl<A: smallvec::Array<Item = u8>> KeyBytes for SmallVec<A> {
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Appends the key of a row.
#[inline]
pub(crate) fn encode_key(columns: &[&Column], row: usize, out: &mut Vec<u8>) {
    for column in columns {
        encode_scalar(column.scalar(row), out);
    }
}

/// Appends a key column from its value.
#[inline]
pub(super) fn encode_scalar(value: Scalar<'_>, out: &mut impl KeyBytes) {
    match value {
        Scalar::Null => out.append(&[0]),
        Scalar::Bool(v) => out.append(&[1, u8::from(v)]),
        Scalar::Int(v) => tagged(2, i64::from(v).to_le_bytes(), out),
        Scalar::Long(v) => tagged(2, v.to_le_bytes(), out),
        Scalar::Float(v) => tagged(3, f64::from(v).to_le_bytes(), out),
        Scalar::Double(v) => tagged(3, v.to_le_bytes(), out),
        Scalar::Text(v) => encode_text(v, out),
    }
}

/// Appends a key column that is a string.
#[inline]
pub(super) fn encode_text(text: &str, out: &mut impl KeyBytes) {
    out.append(&[4]);
    out.append(&(text.len() as u32).to_le_bytes());
    out.append(text.as_bytes());
}

/// Appends a key column that is a boolean or an integer, from its word.
pub(super) fn encode_word(ty: Type, word: u64, out: &mut impl KeyBytes) {
    match ty {
        Type::Bool => out.append(&[1, word as u8]),
        _ => tagged(2, word.to_le_bytes(), out),
    }
}

/// Where the columns stand in an encoded key; `None` when it is no key of these types.
pub(super) fn parts_of_key(key: &[u8], types: &[Type]) -> Option<SmallVec<[Range<usize>; 4]>> {
    let mut parts = SmallVec::new();
    let mut rest = key;
    for ty in types {
        let start = key.len() - rest.len();
        let (tag, tail) = rest.split_first()?;
        rest = match (tag, ty) {
            (0, _) => tail,
            (1, Type::Bool) => tail.split_first().filter(|(b, _)| **b <= 1)?.1,
            (2, Type::Int | Type::Long) => {
                let (bytes, tail) = tail.split_first_chunk()?;
                let value = i64::from_le_bytes(*bytes);
                (*ty == Type::Long || i32::try_from(value).is_ok()).then_some(tail)?
            }
            (3, Type::Float | Type::Double) => {
                let (bytes, tail) = tail.split_first_chunk()?;
                let value = f64::from_le_bytes(*bytes);
                let is =
                    value.is_finite() && (*ty == Type::Double || f64::from(value as f32) == value);
                is.then_some(tail)?
            }
            (4, Type::String) => {
                let (len, tail) = tail.split_first_chunk()?;
                let (text, tail) = tail.split_at_checked(u32::from_le_bytes(*len) as usize)?;
                std::str::from_utf8(text).ok()?;
                tail
            }
            _ => return None,
        };
        parts.push(start..key.len() - rest.len());
    }
    rest.is_empty().then_some(parts)
}

/// The value of an encoded key of one FLOAT or DOUBLE.
pub(super) fn double_of_key(key: &[u8]) -> Option<f64> {
    let (tag, bytes) = key.split_first()?;
    let bytes = bytes.try_into().ok().filter(|_| *tag == 3)?;
    Some(f64::from_le_bytes(bytes))
}

#[inline]
fn tagged(tag: u8, bytes: [u8; 8], out: &mut impl KeyBytes) {
    out.append(&[tag]);
    out.append(&bytes);
}

/// The key group of an encoded key.
#[inline]
pub(crate) fn key_group(key: &[u8]) -> u64 {
    xxh3_64(key) % KEY_GROUPS
}

/// Calls `f` with each row's key group: of one column of whole numbers without building keys, which every row that goes
/// to one of several workers would pay for. `key` is room for keys.
#[inline]
pub(crate) fn each_key_group(
    columns: &[&Column],
    rows: Range<usize>,
    key: &mut Vec<u8>,
    mut f: impl FnMut(usize, u64),
) {
    if let [column] = columns
        && column.valid().is_empty()
    {
        match column.data() {
            Data::Int(values) => {
                return rows.for_each(|row| f(row, integer_group(i64::from(values[row]))));
            }
            Data::Long(values) => return rows.for_each(|row| f(row, integer_group(values[row]))),
            _ => {}
        }
    }
    for row in rows {
        key.clear();
        encode_key(columns, row, key);
        f(row, key_group(key));
    }
}

/// The key group of an INT or LONG that is no NULL.
#[inline]
fn integer_group(value: i64) -> u64 {
    let mut key = [2; 9];
    key[1..].copy_from_slice(&value.to_le_bytes());
    key_group(&key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Str, Type};

    #[test]
    fn groups_of_columns_are_those_of_their_keys() {
        let mut some = Column::from_data(Data::Int(vec![-7, i32::MAX]));
        some.push_null();
        let ints = Column::from_data(Data::Int(vec![0, -1, i32::MIN]));
        let longs = Column::from_data(Data::Long(vec![0, i64::MIN, 1 << 40]));
        let texts = Column::from_data(Data::String(["", "a", "é"].map(Str::new).into()));
        let of = [
            vec![&some],
            vec![&ints],
            vec![&longs],
            vec![&texts],
            vec![&longs, &some],
        ];
        for columns in of {
            let mut next = 1;
            each_key_group(&columns, 1..3, &mut Vec::new(), |row, group| {
                let mut key = Vec::new();
                encode_key(&columns, row, &mut key);
                assert_eq!((row, group), (next, key_group(&key)));
                next += 1;
            });
            assert_eq!(next, 3);
        }
    }

    #[test]
    fn bytes_are_the_documented_format() {
        let mut null = Column::new(Type::Int);
        null.push_null();
        let columns = [
            null,
            Column::from_data(Data::Bool(vec![true])),
            Column::from_data(Data::Int(vec![-2])),
            Column::from_data(Data::Float(vec![0.5])),
            Column::from_data(Data::String(vec![Str::new("é")])),
        ];
        let mut bytes = Vec::new();
        encode_key(&columns.iter().collect::<Vec<_>>(), 0, &mut bytes);
        let mut want = vec![0, 1, 1, 2];
        want.extend((-2i64).to_le_bytes());
        want.push(3);
        want.extend(0.5f64.to_le_bytes());
        want.extend([4, 2, 0, 0, 0, 0xc3, 0xa9]);
        assert_eq!(bytes, want);
        assert!(key_group(&bytes) < KEY_GROUPS);
    }
}
