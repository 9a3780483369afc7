//! The same question with more and more of something: a line of the engine and one of the loop by hand over it.

use super::harness::{Conditions, Spread};
use super::record::{Line, Measure, Panel, Record, Unit};

/// What grows, and how its figures are named.
pub struct Growth {
    /// Id of the question.
    pub question: &'static str,
    /// Title of the picture.
    pub title: &'static str,
    /// What it grows with.
    pub with: &'static str,
    /// What the baseline is.
    pub by_hand: &'static str,
    /// Events of a pass.
    pub events: usize,
}

impl Growth {
    /// Asks for the figures of each size, ours first; those of the record are of the largest.
    pub fn over(
        &self,
        sizes: impl IntoIterator<Item = usize>,
        mut figures: impl FnMut(usize) -> Result<(Spread, Spread), String>,
    ) -> Result<Record, String> {
        let mut all = Vec::new();
        for size in sizes {
            all.push((size as f64, figures(size)?));
        }
        let (_, largest) = *all.last().ok_or("no sizes")?;
        let line = |name, side: fn(&(Spread, Spread)) -> Spread| Line {
            name,
            points: all.iter().map(|(n, of)| (*n, side(of).median)).collect(),
        };
        let panel = Panel {
            title: self.title,
            measure: Measure::Nanos,
            with: (self.with, Measure::Count),
            lines: vec![line("eventflux", |of| of.0), line("by hand", |of| of.1)],
        };
        let sized = all.iter().map(|(n, (ours, hand))| {
            let ratio = ours.median / hand.median;
            format!("{n}: {:.1}/{:.1} ns = {ratio:.2}", ours.median, hand.median)
        });
        let sized: Vec<String> = sized.collect();
        let (question, by_hand) = (self.question, self.by_hand);
        let mut record = Record::new(question, Unit::Event, self.events, by_hand, largest);
        record.panels.push(panel);
        Ok(record.with_note(format!("by {}, ours/hand: {}", self.with, sized.join(", "))))
    }
}

/// Sizes as the conditions have them, each once.
pub fn sizes(c: &Conditions, full: &[usize]) -> Vec<usize> {
    let mut sizes: Vec<usize> = full.iter().map(|size| c.keys(*size)).collect();
    sizes.dedup();
    sizes
}
