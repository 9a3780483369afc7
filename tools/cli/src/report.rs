//! What people see on standard error: bad lines, the progress bar, and the summary.

use crate::output::Output;
use crate::say;
use comfy_table::{CellAlignment, Table, presets};
use eventflux::connector::BadRow;
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bad lines that are shown; more are only counted.
const BAD_LINES_SHOWN: u64 = 10;
/// Rows between two looks at the clock for the progress bar.
const PROGRESS_ROWS: u64 = 1024;
/// Every send is timed up to this one, and then one of [`SAMPLE_EVERY`].
const SAMPLE_ALL: u64 = 4096;
const SAMPLE_EVERY: u64 = 32;
/// Where rows are sent in columns, so many of them come between two that are sent and timed by themselves.
const COLUMN_ROWS: u64 = 1024;

/// A bar with bytes where the input has an end, else a counter; nothing when standard error is not a terminal.
pub struct Progress {
    bar: ProgressBar,
    rows: u64,
    start: Instant,
    shown: Instant,
}

impl Progress {
    /// A bar over so many bytes.
    pub fn new(bytes: Option<u64>, quiet: bool) -> Self {
        let bar = match (quiet || !io::stderr().is_terminal(), bytes) {
            (true, _) => ProgressBar::hidden(),
            (false, Some(bytes)) => ProgressBar::new(bytes).with_style(style(
                "{bar:30} {percent:>3}% {bytes}/{total_bytes}  {msg}  {eta} left",
            )),
            (false, None) => {
                ProgressBar::new_spinner().with_style(style("{spinner} {bytes}  {msg}  {elapsed}"))
            }
        };
        let start = Instant::now();
        Progress {
            bar,
            rows: 0,
            start,
            shown: start,
        }
    }

    /// Stands below the rows of an output.
    pub fn below(&self, output: &Output) {
        output.above(self.bar.clone());
    }

    /// Counts rows and draws ten times a second, which it answers; `place` tells the bytes read and the rows out.
    #[inline]
    pub fn add(&mut self, rows: u64, place: impl FnOnce() -> (u64, u64)) -> bool {
        let before = self.rows;
        self.rows += rows;
        let due = before / PROGRESS_ROWS != self.rows / PROGRESS_ROWS && !self.bar.is_hidden();
        due && self.draw(place())
    }

    /// Rows counted so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn draw(&mut self, (bytes, rows_out): (u64, u64)) -> bool {
        if self.shown.elapsed() < Duration::from_millis(100) {
            return false;
        }
        self.shown = Instant::now();
        self.bar.set_position(bytes);
        self.bar.set_message(format!(
            "{} rows in, {} out, {}/s",
            count(self.rows),
            count(rows_out),
            count(rate(self.rows, self.elapsed()))
        ));
        true
    }

    /// Writes a line above the bar.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| say!("{line}"));
    }

    /// Writes errors of the app's own sources and sinks above the bar, the first of them.
    pub fn teller(&self) -> impl Fn(&str, &str) + Send + Sync + 'static {
        let bar = self.bar.clone();
        let told = AtomicU64::new(0);
        move |stream, error| {
            if told.fetch_add(1, Ordering::Relaxed) < BAD_LINES_SHOWN {
                bar.suspend(|| say!("stream {stream}: {error}"));
            }
        }
    }

    /// Writes lines above the bar, from any thread.
    pub fn liner(&self) -> impl Fn(&str) + Send + Sync + 'static {
        let bar = self.bar.clone();
        move |line| bar.suspend(|| say!("{line}"))
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Counts bad lines and shows the first of them.
#[derive(Default)]
pub struct BadLines(u64);

impl BadLines {
    /// Reports a line.
    pub fn add(&mut self, file: &str, line: u64, fault: &BadRow, progress: &Progress) {
        self.0 += 1;
        if self.0 <= BAD_LINES_SHOWN {
            progress.say(&format!("{file}:{line}: {fault}"));
        }
        if self.0 == BAD_LINES_SHOWN {
            progress.say("further bad lines are counted only");
        }
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.0
    }
}

/// Times of single sends, sampled.
pub struct Latency {
    times: Option<Histogram<u64>>,
    sends: u64,
    /// Rows that were sent in columns since.
    in_columns: u64,
}

impl Latency {
    /// A histogram in nanoseconds; without samples unless sends are `timed`.
    pub fn new(timed: bool) -> Self {
        let times = timed.then(|| Histogram::new_with_bounds(1, 60_000_000_000, 3).ok());
        Latency {
            times: times.flatten(),
            sends: 0,
            in_columns: 0,
        }
    }

    /// Whether the next row is to be sent by itself, as one of the sample.
    #[inline]
    pub fn wants_row(&self) -> bool {
        self.times.is_some() && (self.sends < SAMPLE_ALL || self.in_columns >= COLUMN_ROWS)
    }

    /// So many rows were sent in columns.
    #[inline]
    pub fn columns(&mut self, rows: u64) {
        self.in_columns += rows;
    }

    /// Runs a send, and times it if it is one of the sample.
    #[inline]
    pub fn of<T>(&mut self, send: impl FnOnce() -> T) -> T {
        self.sends += 1;
        let apart = std::mem::take(&mut self.in_columns) > 0;
        let sampled = apart || self.sends <= SAMPLE_ALL || self.sends.is_multiple_of(SAMPLE_EVERY);
        match &mut self.times {
            Some(times) if sampled => {
                let start = Instant::now();
                let sent = send();
                times.saturating_record(start.elapsed().as_nanos() as u64);
                sent
            }
            _ => send(),
        }
    }

    /// The percentiles, if anything was timed.
    fn percentiles(&self) -> Option<String> {
        let times = self.times.as_ref().filter(|t| !t.is_empty())?;
        let quantiles = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
        let shown =
            quantiles.map(|(name, q)| format!("{name} {}", time(times.value_at_quantile(q))));
        Some(shown.join("  "))
    }
}

/// The end of a run in numbers.
pub struct Summary<'a> {
    /// Rows sent; where none were, those that the app's own sources brought.
    pub rows_in: u64,
    /// Rows written.
    pub rows_out: u64,
    /// Time of the run.
    pub elapsed: Duration,
    /// Lines that were no events.
    pub bad_lines: u64,
    /// Counters of the engine that are worth a line: name and value.
    pub counters: &'a [(String, u64)],
    /// What is said of windows that are open; empty where none is.
    pub open: &'a str,
    /// Times of sends.
    pub latency: &'a Latency,
    /// Whether a signal ended the run.
    pub interrupted: bool,
}

impl Summary<'_> {
    /// The table.
    pub fn text(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let mut line = |name: &str, value: String| {
            table.add_row(vec![name.to_string(), value]);
        };
        line("rows in", count(self.rows_in));
        line("rows out", count(self.rows_out));
        let time_ns = self.elapsed.as_nanos() as u64;
        line("time", time(time_ns));
        line(
            "rate",
            format!("{} rows/s", count(rate(self.rows_in, self.elapsed))),
        );
        line("bad lines", count(self.bad_lines));
        for (name, value) in self.counters {
            line(name, count(*value));
        }
        if !self.open.is_empty() {
            line("left open", self.open.to_string());
        }
        if let Some(percentiles) = self.latency.percentiles() {
            line("time of a send", percentiles);
        }
        if self.interrupted {
            line("stopped", "by a signal, after draining".into());
        }
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Left);
        }
        table.trim_fmt()
    }
}

/// Rows per second.
fn rate(rows: u64, time: Duration) -> u64 {
    (rows as f64 / time.as_secs_f64().max(1e-9)) as u64
}

/// A count with its thousands apart.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A time span with three digits.
pub fn time(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => format!("{:.1} s", ns as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_for_people() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(time(980), "980 ns");
        assert_eq!(time(12_340), "12.3 us");
        assert_eq!(time(123_400_000), "123.4 ms");
        assert_eq!(time(61_000_000_000), "61.0 s");
        assert_eq!(rate(1_000, Duration::from_millis(500)), 2_000);
    }

    #[test]
    fn the_summary_has_what_there_is() {
        let mut latency = Latency::new(true);
        latency.of(|| ());
        let text = Summary {
            rows_in: 1_500,
            rows_out: 3,
            elapsed: Duration::from_secs(1),
            bad_lines: 2,
            counters: &[("late rows".to_string(), 4)],
            open: "windows of query 1",
            latency: &latency,
            interrupted: true,
        }
        .text();
        for part in [
            "rows in",
            "1,500",
            "late rows",
            "left open",
            "bad lines",
            "p99.9",
            "by a signal",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let untimed = Latency::new(false);
        assert_eq!(untimed.percentiles(), None);
    }
}
