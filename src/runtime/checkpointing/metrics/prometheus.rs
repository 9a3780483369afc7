//! The numbers of checkpoints as text for Prometheus, exposition format 0.0.4.

use super::{CheckpointMetrics, PhaseTimes};
use crate::runtime::prometheus::{head, label};
use crate::store::StoreHealth;
use std::fmt::Write;

/// Name, help and value.
type Line = (&'static str, &'static str, f64);

impl CheckpointMetrics {
    /// The numbers in the text format of Prometheus, version 0.0.4. `app` becomes a label.
    pub fn prometheus(&self, app: &str) -> String {
        let label = label(app);
        let mut out = String::new();
        for (name, times) in self.phases() {
            summary(&mut out, name, &label, times);
        }
        let stored = self.store.as_ref().map(store_gauges).unwrap_or_default();
        let gauges = [self.gauges(), stored].concat();
        for (kind, lines) in [("counter", self.counters()), ("gauge", gauges)] {
            for (name, help, value) in lines {
                let name = format!("eventflux_checkpoint_{name}");
                head(&mut out, &name, kind, help);
                let _ = writeln!(out, "{name}{{app=\"{label}\"}} {value}");
            }
        }
        let name = "eventflux_checkpoint_failed_total";
        head(&mut out, name, "counter", "checkpoints that failed");
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
        let repairs = self.store.as_ref().map(|health| {
            let help = "damaged records of the store written anew from a second copy";
            line("store_repairs_total", help, health.repairs)
        });
        let mut lines = vec![
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
        ];
        lines.extend(repairs);
        lines
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

/// How the store is; without lines for what it does not know of itself.
fn store_gauges(health: &StoreHealth) -> Vec<Line> {
    let flag = |set: bool| f64::from(u8::from(set));
    let mut lines = vec![
        (
            "store_reachable",
            "1 if the store answered when it was last asked",
            flag(health.reachable),
        ),
        (
            "store_breaker_open",
            "1 while calls are refused because so many failed",
            flag(health.breaker_open),
        ),
        (
            "store_failures_in_a_row",
            "calls without an answer since the last one with",
            f64::from(health.failures_in_a_row),
        ),
    ];
    if let Some((used, max)) = health.connections {
        let [used, max] = [f64::from(used), f64::from(max)];
        lines.push(("store_connections_in_use", "connections in use", used));
        lines.push(("store_connections_max", "connections there may be", max));
    }
    if let Some(time) = health.round_trip {
        let help = "duration of the last question to the server";
        lines.push(("store_round_trip_seconds", help, time.as_secs_f64()));
    }
    lines
}

fn summary(out: &mut String, phase: &str, label: &str, times: &PhaseTimes) {
    let name = format!("eventflux_checkpoint_{phase}_seconds");
    head(out, &name, "summary", &format!("duration of {phase}"));
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

    #[test]
    fn a_store_tells_what_it_knows() {
        let mut metrics = CheckpointMetrics::default();
        assert!(!metrics.prometheus("a").contains("_store_"));
        metrics.store = Some(StoreHealth {
            reachable: true,
            ..StoreHealth::default()
        });
        let text = metrics.prometheus("a");
        assert!(text.contains("eventflux_checkpoint_store_reachable{app=\"a\"} 1\n"));
        assert!(text.contains("eventflux_checkpoint_store_breaker_open{app=\"a\"} 0\n"));
        assert!(!text.contains("store_connections") && !text.contains("round_trip"));
        metrics.store = Some(StoreHealth {
            failures_in_a_row: 7,
            breaker_open: true,
            connections: Some((2, 8)),
            round_trip: Some(Duration::from_micros(250)),
            repairs: 2,
            ..StoreHealth::default()
        });
        let text = metrics.prometheus("a");
        for line in [
            "reachable{app=\"a\"} 0",
            "breaker_open{app=\"a\"} 1",
            "failures_in_a_row{app=\"a\"} 7",
            "connections_in_use{app=\"a\"} 2",
            "connections_max{app=\"a\"} 8",
            "round_trip_seconds{app=\"a\"} 0.00025",
            "repairs_total{app=\"a\"} 2",
        ] {
            let line = format!("eventflux_checkpoint_store_{line}\n");
            assert!(text.contains(&line), "{line} in {text}");
        }
    }
}
