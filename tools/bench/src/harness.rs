//! Two sides of one question, run by turns in one process: the engine, and the same work written by hand.
//!
//! Why by turns: the machine is shared and its clock drifts, so only figures taken in the same seconds compare.
//! How: one pass of each side warms up; then passes alternate. Inputs exist before a pass takes its time. Both sides
//! count and sum what they emit, and a pass whose answers differ ends the question.

use super::progress;
use std::time::{Duration, Instant};

/// How much work a pass is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Figures to be quoted: passes of a tenth of a second and more.
    Full,
    /// A look in a minute.
    Quick,
    /// Tests that the answers agree; the times mean nothing.
    Tiny,
}

/// Under which conditions all questions of a run are asked.
#[derive(Clone, Copy, Debug)]
pub struct Conditions {
    /// How much work a pass is.
    pub size: Size,
    /// Passes of each side after the warm-up.
    pub repetitions: u32,
}

impl Conditions {
    /// Number of events of a pass whose full number is `full`; a multiple of `BATCH_ROWS`.
    pub fn events(&self, full: usize) -> usize {
        let wanted = match self.size {
            Size::Full => full,
            Size::Quick => full / 8,
            Size::Tiny => (full / 1000).min(4096),
        };
        wanted
            .next_multiple_of(super::data::BATCH_ROWS)
            .max(2 * super::data::BATCH_ROWS)
    }

    /// Numbers of the passes of a side: the first, 0, warms up. Tells how far they are.
    pub fn passes(&self) -> impl Iterator<Item = u32> + use<> {
        let last = self.repetitions;
        (0..=last).inspect(move |pass| progress::step("pass", *pass as usize, last as usize + 1))
    }

    /// Number of keys whose full number is `full`.
    pub fn keys(&self, full: usize) -> usize {
        match self.size {
            Size::Full | Size::Quick => full,
            Size::Tiny => full.min(2000),
        }
    }
}

/// What a side emitted: equal for both sides, or the question has no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows.
    pub rows: u64,
    /// Sum of a word per row, so the order of rows does not matter.
    pub checksum: u64,
}

impl Tally {
    /// Counts a row.
    #[inline]
    pub fn add(&mut self, word: u64) {
        self.rows += 1;
        self.checksum = self.checksum.wrapping_add(word);
    }

    /// Counts what another one counted.
    #[inline]
    pub fn merge(&mut self, other: Tally) {
        self.rows += other.rows;
        self.checksum = self.checksum.wrapping_add(other.checksum);
    }
}

/// A word of a row of two values.
#[inline]
pub fn word2(a: u64, b: u64) -> u64 {
    a ^ b.rotate_left(21)
}

/// A word of a row of three values.
#[inline]
pub fn word3(a: u64, b: u64, c: u64) -> u64 {
    a ^ b.rotate_left(21) ^ c.rotate_left(42)
}

/// What a value of the column at this place adds to the word of its row.
#[inline]
pub fn column_word(place: usize, value: u64) -> u64 {
    value.rotate_left(place as u32 * 21 % 64)
}

/// A word of a row of any values, in the order of its columns.
#[inline]
pub fn words(row: &[u64]) -> u64 {
    let values = row.iter().enumerate();
    values.fold(0, |word, (place, value)| word ^ column_word(place, *value))
}

/// A text as a value of [`words`].
#[inline]
pub fn text_word(text: &str) -> u64 {
    let step = |word: u64, byte: u8| (word ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// One pass of a side.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// The time of the work, without its preparation.
    pub time: Duration,
    /// What it emitted.
    pub tally: Tally,
}

/// Takes the time of some work.
pub fn timed<E>(work: impl FnOnce() -> Result<Tally, E>) -> Result<Pass, E> {
    let start = Instant::now();
    let tally = work()?;
    Ok(Pass {
        time: start.elapsed(),
        tally,
    })
}

/// Figures of several passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of at least one figure.
    pub fn of(mut figures: Vec<f64>) -> Spread {
        figures.sort_by(f64::total_cmp);
        let n = figures.len();
        assert!(n > 0, "a spread of no figures");
        let median = (figures[(n - 1) / 2] + figures[n / 2]) / 2.0;
        Spread {
            median,
            min: figures[0],
            max: figures[n - 1],
        }
    }

    /// Of a figure that was taken once.
    pub fn one(figure: f64) -> Spread {
        Spread::of(vec![figure])
    }
}

/// Runs both sides by turns and answers the time per event of each, in nanoseconds.
///
/// Errors: a side's own, and answers that differ.
pub fn by_turns(
    conditions: &Conditions,
    events: usize,
    mut ours: impl FnMut() -> Result<Pass, String>,
    mut baseline: impl FnMut() -> Result<Pass, String>,
) -> Result<(Spread, Spread), String> {
    let (mut ours_ns, mut baseline_ns) = (Vec::new(), Vec::new());
    for pass in conditions.passes() {
        let (a, b) = (ours()?, baseline()?);
        same(a.tally, b.tally)?;
        if pass > 0 {
            ours_ns.push(a.time.as_nanos() as f64 / events as f64);
            baseline_ns.push(b.time.as_nanos() as f64 / events as f64);
        }
    }
    Ok((Spread::of(ours_ns), Spread::of(baseline_ns)))
}

/// Whether both sides emitted the same.
///
/// Errors: what differs.
pub fn same(ours: Tally, baseline: Tally) -> Result<(), String> {
    if ours == baseline {
        return Ok(());
    }
    Err(format!(
        "the answers differ: ours {} rows with sum {:016x}, the baseline {} rows with sum {:016x}",
        ours.rows, ours.checksum, baseline.rows, baseline.checksum
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONDITIONS: Conditions = Conditions {
        size: Size::Tiny,
        repetitions: 3,
    };

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        let spread = Spread::of(vec![4.0, 1.0, 2.0, 9.0]);
        assert_eq!((spread.median, spread.min, spread.max), (3.0, 1.0, 9.0));
    }

    #[test]
    fn the_first_pass_is_left_out() {
        let mut passes = [900, 10, 30, 20].into_iter();
        let mut turns = Vec::new();
        let pass = |ns| {
            Ok(Pass {
                time: Duration::from_nanos(ns),
                tally: Tally::default(),
            })
        };
        let turns_of = std::cell::RefCell::new(&mut turns);
        let (ours, baseline) = by_turns(
            &CONDITIONS,
            10,
            || {
                turns_of.borrow_mut().push('o');
                pass(passes.next().expect("four passes"))
            },
            || {
                turns_of.borrow_mut().push('b');
                pass(50)
            },
        )
        .expect("equal answers");
        assert_eq!((ours.median, ours.min, ours.max), (2.0, 1.0, 3.0));
        assert_eq!(baseline.median, 5.0);
        assert_eq!(turns.iter().collect::<String>(), "obobobob");
    }

    #[test]
    fn a_wrong_answer_is_an_error() {
        let pass = |rows| {
            Ok(Pass {
                time: Duration::from_nanos(1),
                tally: Tally { rows, checksum: 0 },
            })
        };
        let e = by_turns(&CONDITIONS, 1, || pass(1), || pass(2)).expect_err("differ");
        assert!(e.contains("1 rows") && e.contains("2 rows"), "{e}");
    }
}
