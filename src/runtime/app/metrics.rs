//! The numbers of an app: what it has done so far, also as text for Prometheus.

use crate::runtime::prometheus::{head, label};
use std::fmt::Write;
use std::time::Duration;

/// What an app has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Rows that entered components; a row that two components read on different workers counts twice.
    pub rows_in: u64,
    /// Rows shown to callbacks and subscriptions.
    pub rows_out: u64,
    /// Rows that came too late for some query with time. A row counts once whatever number of queries drop it, but once
    /// on each worker where queries read it.
    pub late_rows: u64,
    /// The queries that dropped late rows, by name, in the order of the app's text, each with how many.
    pub late_by_query: Vec<(String, u64)>,
    /// Rows that were further ahead of their input than `ahead.max`, since the process started: they did not move the
    /// clock.
    pub ahead_rows: u64,
    /// Rows sent with times that were not used, as the app's clock is the machine's, since the process started.
    pub unused_times: u64,
    /// Values that became NULL by overflow, division by zero or a failed conversion.
    pub value_faults: u64,
    /// Rows forgotten or refused because a limit was reached.
    pub limit_rows: u64,
    /// Rows that a table refused: a column of its primary key was NULL, or another row had it; or an aggregation, as
    /// the time that BY gives was NULL or outside of the calendar.
    pub refused_rows: u64,
    /// Rows without a key of a partition: it was NULL, or they fit no range.
    pub unmatched_rows: u64,
    /// Keys of partitions that were forgotten as they had been idle.
    pub purged_keys: u64,
    /// Groups of periods of aggregations that were dropped when their time was over.
    pub purged_groups: u64,
    /// Rows dropped by [`Backpressure::DropNewest`](crate::Backpressure::DropNewest).
    pub dropped_rows: u64,
    /// Rows that sources could not read and batches that sinks could not write.
    pub connector_errors: u64,
    /// Of these, batches that sinks could not write: their rows are missing outside.
    pub sink_errors: u64,
    /// Keys and cells in rows of sources that were no attributes, and were left out.
    pub further_keys: u64,
    /// Sources that found another outside than before, and read it from its beginning.
    pub begun_anew: u64,
    /// In processing time: how often the machine's clock was found to have gone back by more than 100 ms, behind
    /// a restored clock, or while the app ran.
    pub clock_back: u64,
    /// How far the app's clock is ahead of the machine's in processing time: what was set back and not made up for yet.
    pub clock_ahead: Duration,
}

impl Metrics {
    /// The numbers in the text format of Prometheus, version 0.0.4. `app` becomes a label.
    pub fn prometheus(&self, app: &str) -> String {
        let app = label(app);
        let mut out = String::new();
        for (name, help, value) in self.rows().into_iter().chain(self.others()) {
            let name = format!("eventflux_{name}_total");
            head(&mut out, &name, "counter", help);
            let _ = writeln!(out, "{name}{{app=\"{app}\"}} {value}");
        }
        let name = "eventflux_clock_ahead_seconds";
        let help = "how far the app's clock is ahead of the machine's";
        head(&mut out, name, "gauge", help);
        let ahead = self.clock_ahead.as_secs_f64();
        let _ = writeln!(out, "{name}{{app=\"{app}\"}} {ahead}");
        let name = "eventflux_late_rows_of_query_total";
        head(
            &mut out,
            name,
            "counter",
            "rows that came too late, by query",
        );
        for (query, rows) in &self.late_by_query {
            let query = label(query);
            let labels = format!("app=\"{app}\",query=\"{query}\"");
            let _ = writeln!(out, "{name}{{{labels}}} {rows}");
        }
        out
    }

    /// What became of rows and keys: name, help and value.
    fn rows(&self) -> [(&'static str, &'static str, u64); 12] {
        [
            ("rows_in", "rows that entered components", self.rows_in),
            (
                "rows_out",
                "rows shown to callbacks and sinks",
                self.rows_out,
            ),
            ("late_rows", "rows that came too late", self.late_rows),
            (
                "ahead_rows",
                "rows too far ahead of their input",
                self.ahead_rows,
            ),
            (
                "unused_times",
                "rows whose times were not used",
                self.unused_times,
            ),
            ("value_faults", "values that became NULL", self.value_faults),
            ("limit_rows", "rows beyond a limit", self.limit_rows),
            (
                "refused_rows",
                "rows refused by tables and aggregations",
                self.refused_rows,
            ),
            (
                "purged_groups",
                "groups of periods of aggregations dropped",
                self.purged_groups,
            ),
            (
                "unmatched_rows",
                "rows without a key of a partition",
                self.unmatched_rows,
            ),
            (
                "purged_keys",
                "idle keys of partitions forgotten",
                self.purged_keys,
            ),
            (
                "dropped_rows",
                "rows dropped at full lanes",
                self.dropped_rows,
            ),
        ]
    }

    /// What sources, sinks and the machine's clock did.
    fn others(&self) -> [(&'static str, &'static str, u64); 5] {
        [
            (
                "connector_errors",
                "errors of sources and sinks",
                self.connector_errors,
            ),
            (
                "sink_errors",
                "batches that sinks could not write",
                self.sink_errors,
            ),
            (
                "further_keys",
                "keys of rows that are no attributes",
                self.further_keys,
            ),
            (
                "inputs_begun_anew",
                "inputs that were other files than before",
                self.begun_anew,
            ),
            (
                "clock_back",
                "steps back of the machine's clock",
                self.clock_back,
            ),
        ]
    }
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_with_the_names_of_app_and_query() {
        let metrics = Metrics {
            rows_in: 7,
            late_rows: 2,
            late_by_query: vec![("a \"b\"\n".to_string(), 2)],
            ahead_rows: 1,
            clock_back: 3,
            clock_ahead: Duration::from_millis(1_500),
            ..Metrics::default()
        };
        let text = metrics.prometheus("x\\y");
        for line in [
            r#"eventflux_rows_in_total{app="x\\y"} 7"#,
            r#"eventflux_late_rows_total{app="x\\y"} 2"#,
            r#"eventflux_late_rows_of_query_total{app="x\\y",query="a \"b\"\n"} 2"#,
            r#"eventflux_ahead_rows_total{app="x\\y"} 1"#,
            r#"eventflux_clock_back_total{app="x\\y"} 3"#,
            r#"eventflux_clock_ahead_seconds{app="x\\y"} 1.5"#,
            "# TYPE eventflux_late_rows_of_query_total counter",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }
}
