//! Figures of single checkpoints, from metrics that only add up.

use crate::harness::Spread;
use eventflux::CheckpointMetrics;

/// Figures of one checkpoint: times in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epoch {
    pub align: f64,
    pub pause: f64,
    pub drain: f64,
    pub encode: f64,
    pub upload: f64,
    pub commit: f64,
    pub total: f64,
    pub raw_bytes: f64,
    pub base_bytes: f64,
    pub delta_bytes: f64,
    /// Slots encoded because they had changed, in parts that were not captured whole.
    pub dirty: f64,
}

/// Tells what the metrics gained: they count from the start of the app.
#[derive(Default)]
pub struct Meter {
    before: Epoch,
}

impl Meter {
    /// What was added since this was asked last; `dirty` is that of the last checkpoint.
    pub fn news(&mut self, m: &CheckpointMetrics) -> Epoch {
        let sum = |times: &eventflux::PhaseTimes| times.sum().as_nanos() as f64;
        let now = Epoch {
            align: sum(&m.align),
            pause: sum(&m.pause),
            drain: sum(&m.drain),
            encode: sum(&m.encode),
            upload: sum(&m.upload),
            commit: sum(&m.commit),
            total: sum(&m.total),
            raw_bytes: m.raw_bytes as f64,
            base_bytes: m.base_bytes as f64,
            delta_bytes: m.delta_bytes as f64,
            dirty: m.dirty_entries as f64,
        };
        let was = std::mem::replace(&mut self.before, now);
        Epoch {
            align: now.align - was.align,
            pause: now.pause - was.pause,
            drain: now.drain - was.drain,
            encode: now.encode - was.encode,
            upload: now.upload - was.upload,
            commit: now.commit - was.commit,
            total: now.total - was.total,
            raw_bytes: now.raw_bytes - was.raw_bytes,
            base_bytes: now.base_bytes - was.base_bytes,
            delta_bytes: now.delta_bytes - was.delta_bytes,
            dirty: now.dirty,
        }
    }
}

/// The median of one figure of some checkpoints.
pub fn median(epochs: &[Epoch], of: impl Fn(&Epoch) -> f64) -> f64 {
    Spread::of(epochs.iter().map(of).collect()).median
}
