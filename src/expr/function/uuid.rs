//! `uuid()`: a version-8 UUID that replay gives again.
//!
//! How: the hash of (salt of the call, number of the causing input row, clock of the row, how manieth value of the call
//! for both), so it depends neither on the machine's time nor on chance. The last counts over batches, as what one row
//! or one timer lets out may come in several; no checkpoint falls between two of these, so the count is no state.

use crate::event::{Column, Str, Timestamp};
use crate::expr::kernel::Native;
use crate::expr::program::{Frame, View};
use std::fmt::Write;
use xxhash_rust::xxh3::xxh3_128;

pub(in crate::expr) struct Uuid {
    salt: u128,
    text: String,
    /// Cause and clock of the last value.
    last: Option<(u64, Timestamp)>,
    /// How many values came before the next one with these.
    count: u64,
}

impl Uuid {
    /// `salt` names app, query and output; `call` numbers the calls of one expression.
    pub(in crate::expr) fn new(salt: &str, call: u32) -> Self {
        Uuid {
            salt: xxh3_128(format!("{call} {salt}").as_bytes()),
            text: String::new(),
            last: None,
            count: 0,
        }
    }

    pub(in crate::expr) fn run(&mut self, view: &View<'_>, out: &mut Column) {
        out.clear();
        let Frame { causes, clock, .. } = view.frame;
        for i in 0..view.len {
            let row = view.frame.row(view.position(i));
            let cause = causes.get(row).copied().unwrap_or(row as u64);
            let clock = clock.get(row).copied().unwrap_or(Timestamp(0));
            self.write(cause, clock);
            let (data, _) = out.parts_mut();
            Str::vec(data).push(Str::new(&self.text));
        }
    }

    fn write(&mut self, cause: u64, clock: Timestamp) {
        if self.last != Some((cause, clock)) {
            (self.last, self.count) = (Some((cause, clock)), 0);
        }
        let mut bytes = [0; 40];
        bytes[..16].copy_from_slice(&self.salt.to_le_bytes());
        bytes[16..24].copy_from_slice(&cause.to_le_bytes());
        bytes[24..32].copy_from_slice(&clock.0.to_le_bytes());
        bytes[32..].copy_from_slice(&self.count.to_le_bytes());
        self.count += 1;
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
