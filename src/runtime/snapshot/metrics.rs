//! What checkpoints cost, as numbers to read and as text for Prometheus.

use crate::store::{Revision, StoreHealth};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Longest duration that is told apart: a day.
const NANOS_MAX: u64 = 86_400_000_000_000;

/// Durations of one phase.
#[derive(Clone, Debug)]
pub struct PhaseTimes {
    nanos: Histogram<u64>,
}

impl Default for PhaseTimes {
    fn default() -> Self {
        let nanos = Histogram::new(3).expect("3 significant digits are allowed");
        PhaseTimes { nanos }
    }
}

impl PhaseTimes {
    pub(crate) fn add(&mut self, duration: Duration) {
        let value = u64::try_from(duration.as_nanos()).map_or(NANOS_MAX, |n| n.min(NANOS_MAX));
        // Not the saturating call: that one clamps to the range so far, which begins at two nanoseconds.
        let recorded = self.nanos.record(value);
        recorded.expect("a histogram that grows has room for a day");
    }

    /// How often the phase ran.
    pub fn count(&self) -> u64 {
        self.nanos.len()
    }

    /// The duration that this share of runs did not exceed; `quantile` is between 0 and 1. Three significant digits.
    pub fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.nanos.value_at_quantile(quantile))
    }

    /// The longest run.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.nanos.max())
    }

    /// The sum of all runs, within the precision of the histogram.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos((self.nanos.mean() * self.nanos.len() as f64) as u64)
    }
}

/// What checkpoints and restores of an app did so far.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CheckpointMetrics {
    /// From the wish to stop the workers until all were stopped.
    pub align: PhaseTimes,
    /// From the wish to stop the workers until they went on: what rows wait for at most.
    pub pause: PhaseTimes,
    /// From the cut until the last worker had encoded everything.
    pub drain: PhaseTimes,
    /// Compression and digests of an epoch.
    pub encode: PhaseTimes,
    /// Calls that put chunks of an epoch.
    pub upload: PhaseTimes,
    /// The call that made an epoch the head.
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

impl CheckpointMetrics {
    /// The numbers in the text format of Prometheus, version 0.0.4. `app` becomes a label.
    pub fn prometheus(&self, app: &str) -> String {
        let label = app
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let mut out = String::new();
        let phases = [
            ("align", &self.align),
            ("pause", &self.pause),
            ("drain", &self.drain),
            ("encode", &self.encode),
            ("upload", &self.upload),
            ("commit", &self.commit),
            ("total", &self.total),
            ("restore_read", &self.restore_read),
            ("restore_build", &self.restore_build),
            ("restore_swap", &self.restore_swap),
        ];
        for (name, times) in phases {
            summary(&mut out, name, &label, times);
        }
        let seconds = |d: Option<Duration>| d.map_or(-1.0, |d| d.as_secs_f64());
        let counters = [
            ("committed_total", "checkpoints committed", self.committed),
            (
                "unchanged_total",
                "requests without a change",
                self.unchanged,
            ),
            ("skipped_total", "triggers skipped while busy", self.skipped),
            ("raw_bytes_total", "bytes of state encoded", self.raw_bytes),
            (
                "stored_bytes_total",
                "bytes given to the store",
                self.stored_bytes,
            ),
            ("base_bytes_total", "bytes of whole parts", self.base_bytes),
            (
                "delta_bytes_total",
                "bytes of changed slots",
                self.delta_bytes,
            ),
            (
                "retire_failures_total",
                "deletions that failed",
                self.retire_failures,
            ),
        ];
        for (name, help, value) in counters {
            line(&mut out, name, "counter", help, &label, value as f64);
        }
        let gauges = [
            (
                "failures_in_a_row",
                "failures since the last success",
                f64::from(self.failures_in_a_row),
            ),
            (
                "dirty_entries",
                "changed slots of the last checkpoint",
                self.dirty_entries as f64,
            ),
            (
                "manifest_bytes",
                "size of the last manifest",
                self.manifest_bytes as f64,
            ),
            ("chunks", "chunks of the head", self.chunks as f64),
            (
                "chain_length",
                "epochs that a restore reads of a part",
                self.chain as f64,
            ),
            (
                "durable_epoch",
                "last durable epoch",
                self.durable.map_or(0, |r| r.epoch) as f64,
            ),
            (
                "durable_age_seconds",
                "age of the last durable state, -1 for none",
                seconds(self.durable_age),
            ),
        ];
        for (name, help, value) in gauges {
            line(&mut out, name, "gauge", help, &label, value);
        }
        let name = "eventflux_checkpoint_failed_total";
        let _ = writeln!(
            out,
            "# HELP {name} checkpoints that failed\n# TYPE {name} counter"
        );
        for (reason, count) in &self.failed {
            let _ = writeln!(out, "{name}{{app=\"{label}\",reason=\"{reason}\"}} {count}");
        }
        out
    }
}

fn line(out: &mut String, name: &str, kind: &str, help: &str, label: &str, value: f64) {
    let name = format!("eventflux_checkpoint_{name}");
    let _ = writeln!(
        out,
        "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{{app=\"{label}\"}} {value}"
    );
}

fn summary(out: &mut String, phase: &str, label: &str, times: &PhaseTimes) {
    let name = format!("eventflux_checkpoint_{phase}_seconds");
    let _ = writeln!(
        out,
        "# HELP {name} duration of {phase}\n# TYPE {name} summary"
    );
    for quantile in [0.5, 0.99, 0.999, 1.0] {
        let value = times.quantile(quantile).as_secs_f64();
        let _ = writeln!(
            out,
            "{name}{{app=\"{label}\",quantile=\"{quantile}\"}} {value}"
        );
    }
    let _ = writeln!(
        out,
        "{name}_sum{{app=\"{label}\"}} {}",
        times.sum().as_secs_f64()
    );
    let _ = writeln!(out, "{name}_count{{app=\"{label}\"}} {}", times.count());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_kept_to_three_digits() {
        let mut times = PhaseTimes::default();
        let added = [15_000u64, 40_000_000, 2_000_000_000].map(Duration::from_nanos);
        added.iter().for_each(|d| times.add(*d));
        times.add(Duration::ZERO);
        let near = |a: Duration, b: Duration| a.abs_diff(b) * 500 < b;
        assert_eq!(times.count(), 4);
        assert!(near(times.max(), added[2]), "{:?}", times.max());
        assert!(
            near(times.quantile(0.5), added[0]),
            "{:?}",
            times.quantile(0.5)
        );
        assert!(near(times.sum(), added.iter().sum()), "{:?}", times.sum());
    }

    #[test]
    fn durations_beyond_a_day_are_a_day() {
        let mut times = PhaseTimes::default();
        times.add(Duration::MAX);
        assert!(times.max() >= Duration::from_nanos(NANOS_MAX));
    }
}
