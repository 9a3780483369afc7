//! What checkpoints cost, as numbers to read.

mod prometheus;

use crate::store::{Revision, StoreHealth};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest duration that is told apart: a day.
const NANOS_MAX: u64 = 86_400_000_000_000;

/// Of every duration. An app has a histogram for each of its phases, so they are small: 9 KB for phases of 10 ms, where
/// one more digit would make it 110 KB.
const SIGNIFICANT_DIGITS: u8 = 2;

/// Durations of one phase.
#[derive(Clone)]
pub struct PhaseTimes {
    /// Counts that would not fit stay at the greatest.
    nanos: Histogram<u32>,
    sum: Duration,
}

impl std::fmt::Debug for PhaseTimes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PhaseTimes")
            .field("count", &self.count())
            .field("p50", &self.quantile(0.5))
            .field("max", &self.max())
            .finish()
    }
}

impl Default for PhaseTimes {
    fn default() -> Self {
        let nanos = Histogram::new(SIGNIFICANT_DIGITS);
        PhaseTimes {
            nanos: nanos.expect("so many digits are allowed"),
            sum: Duration::ZERO,
        }
    }
}

impl PhaseTimes {
    pub(crate) fn add(&mut self, duration: Duration) {
        let value = u64::try_from(duration.as_nanos()).map_or(NANOS_MAX, |n| n.min(NANOS_MAX));
        // Not the saturating call: that one clamps to the range so far, which begins at two nanoseconds.
        let recorded = self.nanos.record(value);
        recorded.expect("a histogram that grows has room for a day");
        self.sum = self.sum.saturating_add(duration);
    }

    /// How often the phase ran.
    pub fn count(&self) -> u64 {
        self.nanos.len()
    }

    /// The duration that this share of runs did not exceed; `quantile` is between 0 and 1. Two significant digits.
    pub fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.nanos.value_at_quantile(quantile))
    }

    /// The longest run.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.nanos.max())
    }

    /// The sum of all runs.
    pub fn sum(&self) -> Duration {
        self.sum
    }
}

/// What checkpoints and restores of an app did so far.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CheckpointMetrics {
    /// From the wish for a cut until the last worker had made it; where all have to stand for it (inline, and with
    /// outputs whose position is part of the checkpoint) until they stood. Rows go on meanwhile.
    pub align: PhaseTimes,
    /// How long rows waited for a cut: the longest cut of a worker; where all have to stand for it, from the wish until
    /// they went on.
    pub pause: PhaseTimes,
    /// From the cut until the last worker had encoded everything.
    pub drain: PhaseTimes,
    /// Compression and digests of an epoch.
    pub encode: PhaseTimes,
    /// Calls that put chunks of an epoch, until the store has all of them.
    pub upload: PhaseTimes,
    /// From the last sealed chunk until the epoch was the head.
    pub commit: PhaseTimes,
    /// From the cut until the revision was durable.
    pub total: PhaseTimes,
    /// Reading and verifying the chunks of a restored revision.
    pub restore_read: PhaseTimes,
    /// Building state from them.
    pub restore_build: PhaseTimes,
    /// Swapping it in, with workers stopped.
    pub restore_swap: PhaseTimes,
    /// Checkpoints committed.
    pub committed: u64,
    /// Requests answered with the head, because nothing had changed.
    pub unchanged: u64,
    /// Checkpoints that failed, by reason.
    pub failed: BTreeMap<&'static str, u64>,
    /// Failures since the last success.
    pub failures_in_a_row: u32,
    /// Times at which a checkpoint was due while another was under way.
    pub skipped: u64,
    /// Bytes of state encoded.
    pub raw_bytes: u64,
    /// Bytes given to the store, manifests not counted.
    pub stored_bytes: u64,
    /// Of the encoded bytes those of parts captured whole.
    pub base_bytes: u64,
    /// Of the encoded bytes those of slots that changed.
    pub delta_bytes: u64,
    /// Slots that the last checkpoint encoded because they had changed.
    pub dirty_entries: u64,
    /// Size of the last manifest.
    pub manifest_bytes: u64,
    /// Chunks that the head consists of.
    pub chunks: u64,
    /// Epochs of which a restore of the head would read a part, at most.
    pub chain: u64,
    /// Revisions and chunks that could not be deleted so far.
    pub retire_failures: u64,
    /// The last durable revision.
    pub durable: Option<Revision>,
    /// Time since the cut of that revision.
    pub durable_age: Option<Duration>,
    /// The store as it was when it was last used.
    pub store: Option<StoreHealth>,
}
