//! The numbers of checkpoints as text for Prometheus, exposition format 0.0.4.

use super::metrics::{CheckpointMetrics, PhaseTimes};
use std::fmt::Write;

/// Name, help and value.
type Line = (&'static str, &'static str, f64);

impl CheckpointMetrics {
    /// The numbers in the text format of Prometheus, version 0.0.4. `app` becomes a label.
    pub fn prometheus(&self, app: &str) -> String {
        let label = app.replace('\\', "\\\\").replace('"', "\\\"");
        let label = label.replace('\n', "\\n");
        let mut out = String::new();
        for (name, times) in self.phases() {
            summary(&mut out, name, &label, times);
        }
        for (kind, lines) in [("counter", self.counters()), ("gauge", self.gauges())] {
            for (name, help, value) in lines {
                let name = format!("eventflux_checkpoint_{name}");
                let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
                let _ = writeln!(out, "{name}{{app=\"{label}\"}} {value}");
            }
        }
        let name = "eventflux_checkpoint_failed_total";
        let _ = writeln!(out, "# HELP {name} checkpoints that failed");
        let _ = writeln!(out, "# TYPE {name} counter");
        for (reason, count) in &self.failed {
            let _ = writeln!(out, "{name}{{app=\"{label}\",reason=\"{reason}\"}} {count}");
        }
        out
    }

    fn phases(&self) -> [(&'static str, &PhaseTimes); 10] {
        [
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
        ]
    }

    fn counters(&self) -> Vec<Line> {
        let line = |name, help, value: u64| (name, help, value as f64);
        vec![
            line("committed_total", "checkpoints committed", self.committed),
            line(
                "unchanged_total",
                "requests without a change",
                self.unchanged,
            ),
            line("skipped_total", "triggers skipped while busy", self.skipped),
            line("raw_bytes_total", "bytes of state encoded", self.raw_bytes),
            line(
                "stored_bytes_total",
                "bytes given to the store",
                self.stored_bytes,
            ),
            line("base_bytes_total", "bytes of whole parts", self.base_bytes),
            line(
                "delta_bytes_total",
                "bytes of changed slots",
                self.delta_bytes,
            ),
            line(
                "retire_failures_total",
                "deletions that failed",
                self.retire_failures,
            ),
        ]
    }

    fn gauges(&self) -> Vec<Line> {
        let line = |name, help, value: u64| (name, help, value as f64);
        let failures = u64::from(self.failures_in_a_row);
        let epoch = self.durable.map_or(0, |revision| revision.epoch);
        let age = self.durable_age.map_or(-1.0, |age| age.as_secs_f64());
        vec![
            line(
                "failures_in_a_row",
                "failures since the last success",
                failures,
            ),
            line(
                "dirty_entries",
                "changed slots of the last checkpoint",
                self.dirty_entries,
            ),
            line(
                "manifest_bytes",
                "size of the last manifest",
                self.manifest_bytes,
            ),
            line("chunks", "chunks of the head", self.chunks),
            line(
                "chain_length",
                "epochs that a restore reads of a part",
                self.chain,
            ),
            line("durable_epoch", "last durable epoch", epoch),
            (
                "durable_age_seconds",
                "age of the last durable state, -1 for none",
                age,
            ),
        ]
    }
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
    use std::time::Duration;

    #[test]
    fn every_line_is_of_the_format() {
        let mut metrics = CheckpointMetrics::default();
        metrics.pause.add(Duration::from_micros(12));
        metrics.failed.insert("io", 2);
        let text = metrics.prometheus("a \"b\"");
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            let (name, rest) = line.split_once('{').expect("labels");
            assert!(name.starts_with("eventflux_checkpoint_"), "{line}");
            let (labels, value) = rest.rsplit_once("} ").expect("a value");
            assert!(labels.starts_with("app=\"a \\\"b\\\"\""), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
        assert!(
            text.contains("eventflux_checkpoint_failed_total{app=\"a \\\"b\\\"\",reason=\"io\"} 2")
        );
        assert!(text.contains("eventflux_checkpoint_pause_seconds_count{app=\"a \\\"b\\\"\"} 1"));
    }
}
