//! Keys of partitions that have been idle are forgotten, at the times of a grid and never within a batch.
//!
//! Why: whether a row finds what its key had must not depend on which rows come with it. So rows go together only up to
//! where keys are looked at next; what is due until then comes before.

use super::{Graph, same_columns};
use crate::event::{Batch, RowSet, Timestamp};
use crate::runtime::worker::output::Outputs;

impl Graph {
    /// Processes rows of a stream, those between two times at which keys are looked at together.
    pub(super) fn rows_between_purges(
        &mut self,
        idle_us: i64,
        stream: usize,
        batch: &Batch,
        outputs: &mut Outputs,
    ) {
        let mut first = 0;
        while first < batch.len() {
            let clock = batch.clock_of(first);
            self.purge_until(clock, batch.cause_of(first), outputs);
            // A key that comes with one of these rows is not idle before that.
            let end = clock.plus(idle_us);
            let end = self.common.partitions.due().map_or(end, |due| due.min(end));
            let mut rows = first + 1..batch.len();
            let end = rows.find(|row| batch.clock_of(*row) >= end);
            let end = end.unwrap_or(batch.len());
            if first == 0 && end == batch.len() {
                return self.rows_at_once(stream, batch, outputs);
            }
            let piece = self.piece.take().filter(|p| same_columns(p, batch));
            let mut piece = piece.unwrap_or_else(|| Batch::like(batch));
            piece.clear();
            piece.append(batch, &RowSet::Range(first..end));
            self.rows_at_once(stream, &piece, outputs);
            self.piece = Some(piece);
            first = end;
        }
    }

    /// Looks at keys as often as the clock makes it due, behind what else is due.
    pub(super) fn purge_until(&mut self, now: Timestamp, cause: u64, outputs: &mut Outputs) {
        while let Some(due) = self.common.partitions.due().filter(|due| *due <= now) {
            self.advance(due, cause, outputs);
            self.purge(due);
        }
    }

    fn purge(&mut self, now: Timestamp) {
        for place in 0..self.common.partitions.0.len() {
            let kept = &mut self.common.partitions.0[place];
            if kept.due().is_none_or(|due| due > now) {
                continue;
            }
            let gone = kept.purge(now);
            if gone.is_empty() {
                continue;
            }
            let own = self.nodes.iter_mut().filter(|n| n.partition == Some(place));
            own.for_each(|node| node.operator.keep_keys(&|key| !gone.contains(key)));
        }
    }
}
