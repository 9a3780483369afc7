//! Keys of partitions that have been idle go at the times of a grid, and never within a batch.
//!
//! Why: whether a row finds what its key had must not depend on which rows come with it. So rows go together only up to
//! where keys go next; what is due until then comes before.
//! How: where operators forget single keys, and nothing comes of a key that is gone but with a row of it, keys that are
//! gone are taken out a few in each step; a row of one takes it out at the door, before it goes on. Elsewhere all go at
//! once, which takes as long as there are keys: where a window holds rows for longer than a key may be idle, or
//! snapshots show all keys.

use super::{Graph, same_columns};
use crate::event::{Batch, RowSet, Timestamp};
use crate::operator::partition::{KeptKeys, as_bytes};
use crate::plan::Plan;
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
        self.take_some_out(batch.len());
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

    /// Lets keys go as often as the clock makes it due, behind what else is due.
    pub(super) fn purge_until(&mut self, now: Timestamp, cause: u64, outputs: &mut Outputs) {
        while let Some(due) = self.common.partitions.due().filter(|due| *due <= now) {
            self.advance(due, cause, outputs);
            self.purge(due);
        }
    }

    fn purge(&mut self, now: Timestamp) {
        let due = self.common.partitions.0.iter_mut();
        let due = due.filter(|kept| kept.due().is_some_and(|due| due <= now));
        due.for_each(|kept| kept.decide(now));
        self.forget_gone();
    }

    /// A step of so many rows takes some of the keys out that are gone.
    pub(super) fn take_some_out(&mut self, rows: usize) {
        if self.common.partitions.are_pending() {
            let kept = self.common.partitions.0.iter_mut();
            kept.for_each(|kept| kept.take_some_out(rows));
            self.forget_gone();
        }
    }

    /// Takes all keys out that are gone.
    pub(super) fn take_all_out(&mut self) {
        if self.common.partitions.are_pending() {
            let kept = self.common.partitions.0.iter_mut();
            kept.for_each(KeptKeys::take_all_out);
            self.forget_gone();
        }
    }

    /// Lets operators forget the keys that were taken out.
    pub(super) fn forget_gone(&mut self) {
        for place in 0..self.common.partitions.0.len() {
            if !self.common.partitions.0[place].has_gone() {
                continue;
            }
            let (gone, singly) = self.common.partitions.0[place].take_gone();
            let own = self.nodes.iter_mut().filter(|n| n.partition == Some(place));
            if singly {
                own.for_each(|node| node.operator.forget_keys(&gone));
            } else {
                let gone = as_bytes(&gone);
                own.for_each(|node| node.operator.keep_keys(&|key| !gone.contains(key)));
            }
            self.common.partitions.0[place].put_back(gone);
        }
    }

    /// Finds out which partitions forget single keys.
    pub(super) fn choose_how_to_forget(&mut self, plan: &Plan) {
        for (place, number) in self.partition_numbers.iter().enumerate() {
            if self.common.partitions.0[place].idle_us().is_none() {
                continue;
            }
            let own = self.nodes.iter_mut();
            let own = own.filter(|n| n.partition == Some(place));
            let quiet = own.map(|node| {
                node.operator.find_by_partition();
                node.operator.quiet_after()
            });
            let quiet: Option<Vec<i64>> = quiet.collect();
            // Rows without a key meet those of all keys.
            let inside = plan.queries.iter().filter(|q| q.partition == Some(*number));
            let mut sources = inside.flat_map(|q| &q.sources);
            let all_keyed = sources.all(|s| s.table.is_some() || s.partition_key.is_some());
            if let Some(quiet) = quiet.filter(|_| all_keyed && !self.cyclic) {
                // What one makes of a key goes on to the next.
                let quiet = quiet.into_iter().fold(0, i64::saturating_add);
                self.common.partitions.0[place].forget_singly(quiet);
            }
        }
    }
}
