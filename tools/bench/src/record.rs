//! What a question answers: figures of both sides, limits and whether they hold.

use super::harness::Spread;
use hdrhistogram::Histogram;

/// What the figures of a record count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds per event; the thousandth of its inverse is millions of events per second.
    Event,
    /// Nanoseconds per call.
    Call,
    /// Nanoseconds from an event to its row, the middle one.
    Latency,
    /// Bytes per group.
    Group,
    /// Bytes per row that is held.
    Held,
    /// Nanoseconds of a run from begin to end.
    Run,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// The unit in words.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Event => "ns/event",
            Unit::Call => "ns/call",
            Unit::Latency => "p50",
            Unit::Group => "B/group",
            Unit::Held => "B/row",
            Unit::Run => "run",
            Unit::Bytes => "bytes",
        }
    }

    /// Whether figures are sizes, not times.
    pub fn is_size(self) -> bool {
        matches!(self, Unit::Group | Unit::Held | Unit::Bytes)
    }
}

/// What a figure of a limit or of a panel counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Multiples of something.
    Times,
    /// Nanoseconds.
    Nanos,
    /// Bytes.
    Bytes,
    /// Things.
    Count,
}

/// Something that must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// What is limited: `ratio`, `ns`, `p50`, `p99.9`.
    pub what: &'static str,
    /// What the figure counts.
    pub measure: Measure,
    /// The figure.
    pub figure: f64,
    /// Its greatest allowed value.
    pub max: f64,
}

impl Limit {
    /// Whether it holds.
    pub fn holds(&self) -> bool {
        self.figure <= self.max
    }
}

/// A picture of how something grows: both axes are logarithmic.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What grows.
    pub title: &'static str,
    /// What the figures count.
    pub measure: Measure,
    /// What it grows with, and what that counts.
    pub with: (&'static str, Measure),
    /// One line for each setting.
    pub lines: Vec<Line>,
}

/// A line of a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The setting.
    pub name: &'static str,
    /// What it grows with, and the figure; both are above 0.
    pub points: Vec<(f64, f64)>,
}

/// How long events took, of one side.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Whose it is.
    pub name: &'static str,
    /// Percentiles of each repetition: p50, p90, p99, p99.9, the greatest.
    pub percentiles: [Spread; 5],
    /// Share of the events below, and their latency in nanoseconds, over all repetitions.
    pub points: Vec<(f64, f64)>,
}

/// Names of [`Curve::percentiles`].
pub const PERCENTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("max", 1.0),
];

impl Curve {
    /// Of one histogram per repetition.
    pub fn of(name: &'static str, histograms: &[Histogram<u64>]) -> Curve {
        let percentiles = PERCENTILES.map(|(_, quantile)| {
            Spread::of(
                histograms
                    .iter()
                    .map(|h| h.value_at_quantile(quantile) as f64)
                    .collect(),
            )
        });
        let mut all = new_histogram();
        for histogram in histograms {
            all.add(histogram).expect("both have the same range");
        }
        // the axis counts nines: 0 is the least, 1 is p90, 2 is p99
        let nines = (all.len().max(2) as f64).log10();
        let steps = 80;
        let points = (0..=steps).map(|i| {
            let quantile = 1.0 - 10f64.powf(-nines * f64::from(i) / f64::from(steps));
            (quantile, all.value_at_quantile(quantile).max(1) as f64)
        });
        Curve {
            name,
            percentiles,
            points: points.collect(),
        }
    }
}

/// An empty histogram of nanoseconds: three digits, up to a minute.
pub fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order")
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Id of the question.
    pub question: &'static str,
    /// What the figures count.
    pub unit: Unit,
    /// Events of a pass.
    pub events: u64,
    /// What the baseline is.
    pub baseline_is: &'static str,
    /// Figures of the engine.
    pub ours: Spread,
    /// Figures of the baseline.
    pub baseline: Spread,
    /// What must hold.
    pub limits: Vec<Limit>,
    /// Round trip of a cache line between the two cores, beside every pass.
    pub ping_pong: Option<Spread>,
    /// Latencies of both sides.
    pub curves: Vec<Curve>,
    /// How figures grow.
    pub panels: Vec<Panel>,
    /// What a reader has to know.
    pub notes: Vec<String>,
}

impl Record {
    /// Figures of both sides, ours first, without limits.
    pub fn new(
        question: &'static str,
        unit: Unit,
        events: usize,
        baseline_is: &'static str,
        (ours, baseline): (Spread, Spread),
    ) -> Record {
        Record {
            question,
            unit,
            events: events as u64,
            baseline_is,
            ours,
            baseline,
            limits: Vec::new(),
            ping_pong: None,
            curves: Vec::new(),
            panels: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds what a reader has to know.
    pub fn with_note(mut self, note: impl Into<String>) -> Record {
        self.notes.push(note.into());
        self
    }

    /// Median of the engine by median of the baseline.
    pub fn ratio(&self) -> f64 {
        self.ours.median / self.baseline.median
    }

    /// Whether all limits hold.
    pub fn ok(&self) -> bool {
        self.limits.iter().all(Limit::holds)
    }

    /// The limit of this name.
    pub fn limit(&self, what: &str) -> Option<&Limit> {
        self.limits.iter().find(|l| l.what == what)
    }

    /// Adds a limit.
    pub fn within(mut self, what: &'static str, measure: Measure, figure: f64, max: f64) -> Record {
        self.limits.push(Limit {
            what,
            measure,
            figure,
            max,
        });
        self
    }

    /// Adds a limit on the ratio.
    pub fn within_ratio(self, max: f64) -> Record {
        let figure = self.ratio();
        self.within("ratio", Measure::Times, figure, max)
    }

    /// Adds a limit on the engine's own median.
    pub fn within_ns(self, max: f64) -> Record {
        let figure = self.ours.median;
        self.within("ns", Measure::Nanos, figure, max)
    }
}

/// A question and its answer, or why there is none.
pub type Answered = (&'static str, Result<Record, String>);

#[cfg(test)]
pub(super) fn sample() -> Record {
    let mut histogram = new_histogram();
    for ns in 1..10_000 {
        histogram.record(ns).expect("in range");
    }
    let figures = (Spread::of(vec![4.0, 5.0, 6.0]), Spread::one(2.5));
    let record = Record::new("sample", Unit::Event, 1000, "hand row loop", figures);
    Record {
        ping_pong: Some(Spread::one(88.0)),
        curves: vec![Curve::of("eventflux", &[histogram])],
        ..record.with_note("a \"note\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_decide() {
        let record = sample();
        assert_eq!(record.ratio(), 2.0);
        assert!(record.clone().within_ratio(2.0).within_ns(5.0).ok());
        let over = record.within_ratio(1.9);
        assert!(!over.ok());
        assert_eq!(over.limit("ratio").map(|l| l.max), Some(1.9));
    }

    #[test]
    fn a_curve_rises() {
        let record = sample();
        let curve = &record.curves[0];
        assert!(curve.points.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
        assert!((curve.percentiles[2].median / 9900.0 - 1.0).abs() < 0.01);
    }
}
