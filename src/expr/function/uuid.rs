//! `uuid()`: a version-8 UUID that replay gives again.
//!
//! How: the hash of (salt of the call, number of the causing input row, how manieth row of that cause in the batch),
//! so it depends neither on a clock nor on chance.

use crate::event::{Column, Str};
use crate::expr::kernel::Native;
use crate::expr::program::View;
use std::fmt::Write;
use xxhash_rust::xxh3::xxh3_128;

pub(in crate::expr) struct Uuid {
    salt: u128,
    text: String,
}

impl Uuid {
    /// `salt` names app, query and output; `call` numbers the calls of one expression.
    pub(in crate::expr) fn new(salt: &str, call: u32) -> Self {
        Uuid {
            salt: xxh3_128(format!("{call} {salt}").as_bytes()),
            text: String::new(),
        }
    }

    pub(in crate::expr) fn run(&mut self, view: &View<'_>, out: &mut Column) {
        out.clear();
        let causes = view.frame.causes;
        let mut last: Option<(usize, u64)> = None;
        for i in 0..view.len {
            let row = view.frame.row(view.position(i));
            let index = ordinal(causes, row, last);
            last = Some((row, index));
            let cause = causes.get(row).copied().unwrap_or(row as u64);
            self.write(cause, index);
            let (data, _) = out.parts_mut();
            Str::vec(data).push(Str::new(&self.text));
        }
    }

    fn write(&mut self, cause: u64, index: u64) {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.salt.to_le_bytes());
        bytes[16..24].copy_from_slice(&cause.to_le_bytes());
        bytes[24..].copy_from_slice(&index.to_le_bytes());
        // RFC 9562: version 8 in bits 48–51, variant 10 in bits 64–65
        let hash = xxh3_128(&bytes);
        let id = hash & !(0xF << 76) & !(0x3 << 62) | (0x8 << 76) | (0x2 << 62);
        self.text.clear();
        let done = write!(
            self.text,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            id >> 96,
            (id >> 80) & 0xFFFF,
            (id >> 64) & 0xFFFF,
            (id >> 48) & 0xFFFF,
            id & 0xFFFF_FFFF_FFFF
        );
        done.expect("a String takes every write");
    }
}

/// How many rows directly before `row` have its cause. Goes on from the last answer where it can.
fn ordinal(causes: &[u64], row: usize, last: Option<(usize, u64)>) -> u64 {
    let same = |r: usize| r > 0 && causes.get(r).is_some() && causes.get(r) == causes.get(r - 1);
    match last {
        Some((before, mut index)) if before <= row => {
            for r in before + 1..=row {
                index = if same(r) { index + 1 } else { 0 };
            }
            index
        }
        _ => {
            let mut first = row;
            while same(first) {
                first -= 1;
            }
            (row - first) as u64
        }
    }
}
