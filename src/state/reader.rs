//! Bytes of a checkpoint, read from the front. Nothing here panics, whatever the bytes are.

use super::section::Malformed;

/// What is left of some bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// The next `len` bytes.
    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let short = || Malformed::new(format!("{len} bytes expected, {} left", self.rest.len()));
        let (head, tail) = self.rest.split_at_checked(len).ok_or_else(short)?;
        self.rest = tail;
        Ok(head)
    }

    /// The next `count` elements of `width` bytes.
    pub(crate) fn column(&mut self, count: usize, width: usize) -> Result<&'a [u8], Malformed> {
        let len = count.checked_mul(width);
        self.bytes(len.ok_or_else(|| Malformed::new("a column is too long"))?)
    }

    /// The next word.
    pub(crate) fn word(&mut self) -> Result<u64, Malformed> {
        let bytes = self.bytes(8)?;
        Ok(word(bytes, 0))
    }

    /// The lengths of `count` texts and the bytes of all of them.
    pub(crate) fn texts(&mut self, count: usize) -> Result<Texts<'a>, Malformed> {
        let lengths = self.column(count, 4)?;
        let total = (0..count).try_fold(0usize, |sum, i| {
            sum.checked_add(length(lengths, i))
                .ok_or_else(|| Malformed::new("texts are too long"))
        })?;
        let bytes = self.bytes(total)?;
        Ok(Texts {
            lengths,
            bytes,
            next: 0,
        })
    }

    /// Whether all bytes have been read.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All bytes have been read, otherwise an error.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(Malformed::new(format!("{left} bytes too many"))),
        }
    }
}

/// Texts, one after the other.
pub(crate) struct Texts<'a> {
    lengths: &'a [u8],
    bytes: &'a [u8],
    next: usize,
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.next * 4 >= self.lengths.len() {
            return None;
        }
        let (text, rest) = self.bytes.split_at(length(self.lengths, self.next));
        self.bytes = rest;
        self.next += 1;
        Some(text)
    }
}

fn length(lengths: &[u8], i: usize) -> usize {
    let at = i * 4;
    let bytes = [
        lengths[at],
        lengths[at + 1],
        lengths[at + 2],
        lengths[at + 3],
    ];
    u32::from_le_bytes(bytes) as usize
}

/// Word `i` of a column of words.
#[inline]
pub(crate) fn word(column: &[u8], i: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&column[i * 8..i * 8 + 8]);
    u64::from_le_bytes(bytes)
}

/// Appends words.
#[inline]
pub(crate) fn put_words(words: impl ExactSizeIterator<Item = u64>, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + words.len() * 8, 0);
    for (to, word) in out[start..].chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
}

/// Appends texts: their lengths, then their bytes.
pub(crate) fn put_texts<'t>(
    texts: impl ExactSizeIterator<Item = &'t [u8]> + Clone,
    out: &mut Vec<u8>,
) {
    for text in texts.clone() {
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    }
    texts.for_each(|text| out.extend_from_slice(text));
}
