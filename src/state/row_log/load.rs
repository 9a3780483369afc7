//! Row logs in a checkpoint: the encoding of rings, and what is checked and rebuilt when they are read.

use super::{LogId, REGION_BITS_MIN, REGION_SIZES, Ring, RowLog};
use crate::event::Column;
use crate::state::cell::Cell;
use crate::state::{Malformed, encode_key};

/// Sequence numbers of stored rows end here: as many again can follow.
const SEQ_MAX: u64 = 1 << 62;

impl Cell for Ring {
    const WORDS: usize = 3;
    fn layout() -> String {
        "ring".to_string()
    }
    #[inline]
    fn word(&self, k: usize) -> u64 {
        match k {
            0 => u64::from(self.base) | u64::from(self.bits) << 32 | u64::from(self.held) << 40,
            1 => self.head,
            _ => self.tail,
        }
    }
    fn read(words: &[u64], _bytes: &[u8]) -> Option<Self> {
        let (place, head, tail) = (words[0], words[1], words[2]);
        let ring = Ring {
            base: place as u32,
            bits: (place >> 32) as u8,
            held: place >> 40 == 1,
            head,
            tail,
        };
        let rows = tail.checked_sub(head)?;
        let held = ring.held
            && (REGION_BITS_MIN..REGION_SIZES as u8).contains(&ring.bits)
            && rows <= 1 << ring.bits
            && tail <= SEQ_MAX;
        (held || (place, head, tail) == (0, 0, 0)).then_some(ring)
    }
}

impl RowLog {
    /// Checks the regions of the logs; what is in none is free.
    pub(super) fn rebuild(&mut self) -> Result<(), Malformed> {
        let unit = 1u32 << REGION_BITS_MIN;
        let arena = u32::try_from(self.rows.len())
            .ok()
            .filter(|rows| rows % unit == 0)
            .ok_or_else(|| Malformed::new(format!("{} rows are no regions", self.rows.len())))?;
        self.free_rings.clear();
        self.free_regions.iter_mut().for_each(Vec::clear);
        let mut held: Vec<(u32, LogId)> = Vec::new();
        for id in (0..self.rings.len() as LogId).rev() {
            let ring = self.rings.get(id);
            match ring.held {
                true => held.push((ring.base, id)),
                false => self.free_rings.push(id),
            }
        }
        held.sort_unstable();
        let mut end = 0;
        for (base, id) in held {
            let ring = *self.rings.get(id);
            let next = base.checked_add(1 << ring.bits).filter(|n| *n <= arena);
            let next = next.filter(|_| base >= end && base % unit == 0);
            let wrong = || Malformed::new(format!("the region of log {id} is not its own"));
            let next = next.ok_or_else(wrong)?;
            self.free_gap(end..base);
            self.forget_unheld(&ring);
            end = next;
        }
        self.free_gap(end..arena);
        Ok(())
    }

    /// A gap between regions becomes regions, the greatest first.
    fn free_gap(&mut self, gap: std::ops::Range<u32>) {
        self.rows.void(gap.start as usize..gap.end as usize);
        let mut base = gap.start;
        while base < gap.end {
            let bits = (gap.end - base).ilog2();
            self.free_regions[bits as usize].push(base);
            base += 1 << bits;
        }
    }

    /// Frees the strings of what a log's region holds beside the log.
    fn forget_unheld(&mut self, ring: &Ring) {
        let size = 1u64 << ring.bits;
        for seq in ring.tail..ring.head + size {
            let row = ring.index(seq);
            self.rows.forget(row..row + 1);
        }
    }

    /// The key that some columns of a row are.
    pub(crate) fn key_of(&self, id: LogId, seq: u64, columns: &[usize]) -> Vec<u8> {
        let all = self.columns();
        let keys: Vec<&Column> = columns.iter().map(|k| &all[*k]).collect();
        let mut key = Vec::new();
        encode_key(&keys, self.index(id, seq), &mut key);
        key
    }
}
