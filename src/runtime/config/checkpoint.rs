//! How checkpoints are taken.

use crate::checkpoint::CompressionType;
use std::time::Duration;

/// What happens when checkpoints keep failing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// Rows go on; metrics and the observer tell of it.
    #[default]
    Continue,
    /// Inputs return [`SendError::Suspended`](crate::SendError::Suspended) until a checkpoint succeeds.
    StopInputs,
    /// The app takes no more rows.
    Stop,
}

/// When checkpoints are taken and how they are kept. Starts from [`Default`]: only on request, zstd, three revisions.
#[derive(Clone, Debug)]
#[must_use = "each method returns the changed value"]
pub struct CheckpointConfig {
    pub(crate) interval: Option<Duration>,
    pub(crate) compression: CompressionType,
    pub(crate) retain: usize,
    pub(crate) incremental: bool,
    pub(crate) epoch_timeout: Duration,
    pub(crate) staged_chunks_max: usize,
    pub(crate) on_failure: FailurePolicy,
    pub(crate) failures_max: u32,
    pub(crate) takeover: bool,
    pub(crate) on_shutdown: bool,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        CheckpointConfig {
            interval: None,
            compression: CompressionType::default(),
            retain: 3,
            incremental: true,
            epoch_timeout: Duration::from_secs(60),
            // 64 MB: more than two full persists of a million groups.
            staged_chunks_max: 64,
            on_failure: FailurePolicy::default(),
            failures_max: 3,
            takeover: false,
            on_shutdown: false,
        }
    }
}

impl CheckpointConfig {
    /// Takes a checkpoint this often; none by itself when this is not called. At least a millisecond.
    ///
    /// A checkpoint that takes longer delays the next: those that were due meanwhile are skipped and counted.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval.max(Duration::from_millis(1)));
        self
    }

    /// How chunks are compressed.
    pub fn compression(mut self, compression: CompressionType) -> Self {
        self.compression = compression;
        self
    }

    /// How many revisions are kept beside those that are pinned; at least 1.
    pub fn retain(mut self, revisions: usize) -> Self {
        self.retain = revisions.max(1);
        self
    }

    /// Whether a revision stores only what changed since the one before. Else every revision is written whole.
    pub fn incremental(mut self, incremental: bool) -> Self {
        self.incremental = incremental;
        self
    }

    /// How long a checkpoint may take from its cut until all is stored; then it fails.
    pub fn epoch_timeout(mut self, timeout: Duration) -> Self {
        self.epoch_timeout = timeout;
        self
    }

    /// How many chunks of a megabyte wait for the store before workers pause encoding; at least 1. Rows go on.
    pub fn staged_chunks_max(mut self, chunks: usize) -> Self {
        self.staged_chunks_max = chunks.max(1);
        self
    }

    /// What happens after `failures_max` failed checkpoints in a row, at least 1.
    pub fn on_failure(mut self, policy: FailurePolicy, failures_max: u32) -> Self {
        self.on_failure = policy;
        self.failures_max = failures_max.max(1);
        self
    }

    /// Claims the app's state even while another process seems to hold it; that one is fenced. Else a claim that ends
    /// by itself is waited for: at most a second longer than twice the time that it had left.
    pub fn takeover(mut self, takeover: bool) -> Self {
        self.takeover = takeover;
        self
    }

    /// Takes a last checkpoint in `shutdown`, when all rows sent before are processed.
    pub fn on_shutdown(mut self, on_shutdown: bool) -> Self {
        self.on_shutdown = on_shutdown;
        self
    }
}
