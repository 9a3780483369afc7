//! Numbers of logs in an order that only their owner knows.
//!
//! How: a list in pieces of at most [`PIECE`] numbers, so that inserting one moves few of the others.
//! Cost: O(log n) comparisons to insert, O(1) to take the last away.

use crate::state::LogId;

/// Numbers of a piece at most.
const PIECE: usize = 256;

/// Logs in order.
#[derive(Debug, Default)]
pub(super) struct Ranked {
    /// None is empty.
    pieces: Vec<Vec<LogId>>,
    spare: Vec<Vec<LogId>>,
    len: usize,
}

impl Ranked {
    /// Logs that are in order already.
    pub(super) fn of(ordered: &[LogId]) -> Self {
        Ranked {
            pieces: ordered.chunks(PIECE / 2).map(<[LogId]>::to_vec).collect(),
            spare: Vec::new(),
            len: ordered.len(),
        }
    }

    /// Number of logs.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Puts a log behind all of which `is_before` holds: they are the first ones.
    pub(super) fn insert(&mut self, log: LogId, is_before: impl Fn(LogId) -> bool) {
        let behind = self.pieces.partition_point(|piece| is_before(piece[0]));
        let at = behind.saturating_sub(1);
        if self.pieces.is_empty() {
            self.pieces.push(self.spare.pop().unwrap_or_default());
        }
        let piece = &mut self.pieces[at];
        piece.insert(piece.partition_point(|held| is_before(*held)), log);
        if piece.len() > PIECE {
            let mut rest = self.spare.pop().unwrap_or_default();
            rest.extend(piece.drain(PIECE / 2..));
            self.pieces.insert(at + 1, rest);
        }
        self.len += 1;
    }

    /// Takes the last log away.
    pub(super) fn pop(&mut self) -> Option<LogId> {
        let piece = self.pieces.last_mut()?;
        let log = piece.pop();
        if piece.is_empty() {
            self.spare.extend(self.pieces.pop());
        }
        self.len -= usize::from(log.is_some());
        log
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_one_list() {
        let mut seed = 5u64;
        let mut random = move |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        let mut model: Vec<LogId> = (0..700).map(|i| i * 10).collect();
        let mut ranked = Ranked::of(&model);
        for step in 0..20_000 {
            if random(10) < if step % 4000 < 2000 { 6 } else { 4 } {
                let log = random(9_000) as LogId;
                ranked.insert(log, |held| held <= log);
                model.insert(model.partition_point(|held| *held <= log), log);
            } else {
                assert_eq!(ranked.pop(), model.pop());
            }
            assert_eq!(ranked.len(), model.len());
        }
        assert_eq!(ranked.pieces.concat(), model);
    }
}
