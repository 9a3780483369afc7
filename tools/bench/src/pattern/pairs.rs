//! Patterns of ten thousand keys.
//!
//! Sketch: a row that begins a run writes a slot of a few words and a link of its key; one that ends it finds the key,
//! and reads the slot. Both are a place in an index and one or two cache lines.

use super::case::{Batches, Case, STREAMS, send_singly};
use super::hand::{Loops, Pairs, Silences};
use crate::data::Random;
use crate::engine::{self, Engine};
use crate::harness::{Conditions, Tally, by_turns, timed};
use crate::join::feed::with_times;
use crate::join::hand::{KeyedRow, TimedRow};
use crate::record::{Record, Unit};
use std::cell::Cell;

/// Events of a pass.
const EVENTS: usize = 1_000_000;
/// Events of a pass where each is sent by itself.
const SINGLY: usize = 500_000;
const KEYS: usize = 10_000;
/// Runs that wait for silence to last.
const SILENT: usize = 100_000;
const TOGETHER: usize = 256;
const BASELINE: &str = "hand automaton, hashbrown";

const PAIR: &str = "INSERT INTO Out SELECT a.x AS x, b.x AS y \
     FROM PATTERN (EVERY a=A -> b=B[k = a.k]) WITHIN 10 SECONDS;";
const PAIR_MS: i64 = 10_000;

/// Rows of streams by turns, with keys by chance.
pub(super) fn by_chance(streams: &[&'static str], n: usize, keys: usize) -> Batches {
    let mut random = Random::new(11);
    let batches = (0..n.div_ceil(TOGETHER)).map(|number| {
        let row = |value: usize| KeyedRow {
            key: random.below(keys as u64) as i64,
            value: value as i64,
        };
        let rows = (0..TOGETHER).map(row).collect();
        (streams[number % streams.len()], rows)
    });
    batches.collect()
}

/// Rows of all keys in turn: so many of each stream for a key before the next stream's, `TOGETHER` keys at a time.
fn in_turn(streams: &[(&'static str, usize)], n: usize, keys: usize) -> Batches {
    let mut batches = Batches::new();
    let (mut sent, mut first) = (0, 0usize);
    while sent < n {
        for (stream, times) in streams {
            for time in 0..*times {
                let row = |key: usize| KeyedRow {
                    key: ((first + key) % keys) as i64,
                    value: (sent + time + key) as i64,
                };
                batches.push((*stream, (0..TOGETHER).map(row).collect()));
                sent += TOGETHER;
            }
        }
        first += TOGETHER;
    }
    batches
}

pub(super) fn events(batches: &Batches) -> usize {
    batches.iter().map(|(_, rows)| rows.len()).sum()
}

/// `pattern-pair-10k`.
pub fn pair(c: &Conditions) -> Result<Record, String> {
    let batches = by_chance(&["A", "B"], c.events(EVENTS), KEYS);
    let events = events(&batches);
    let mut pairs = Pairs::new(PAIR_MS);
    let case = Case {
        engine: Engine::inline(&format!("{STREAMS}{PAIR}"), engine::long_long)?,
        hand: &mut |stream, rows, tally| pairs.rows(stream, rows, tally),
        batches,
    };
    let figures = case.figures(c)?;
    let record = Record::new("pattern-pair-10k", Unit::Event, events, BASELINE, figures);
    Ok(record.within_ratio(3.0))
}

/// `send-pattern-pair`.
pub fn send_pair(c: &Conditions) -> Result<Record, String> {
    let batches = by_chance(&["A", "B"], c.events(SINGLY), KEYS);
    let events = events(&batches);
    let mut engine = Engine::inline(&format!("{STREAMS}{PAIR}"), engine::long_long)?;
    let mut pairs = Pairs::new(PAIR_MS);
    let timed_rows = |begin: &Cell<i64>| {
        let rows = batches.iter().map(|(_, rows)| rows.clone()).collect();
        let (rows, next) = with_times(rows, begin.get());
        begin.set(next);
        let streams = batches.iter().map(|(stream, _)| *stream);
        streams
            .zip(rows)
            .collect::<Vec<(&'static str, Vec<TimedRow>)>>()
    };
    let (ours_ms, hand_ms) = (Cell::new(0), Cell::new(0));
    let figures = by_turns(
        c,
        events,
        || {
            let rows = timed_rows(&ours_ms);
            timed(|| send_singly(&mut engine, &rows))
        },
        || {
            let rows = timed_rows(&hand_ms);
            timed(|| {
                let mut tally = Tally::default();
                rows.iter()
                    .for_each(|(stream, rows)| pairs.rows(stream, rows, &mut tally));
                Ok(tally)
            })
        },
    )?;
    let record = Record::new("send-pattern-pair", Unit::Event, events, BASELINE, figures);
    Ok(record.within_ns(200.0))
}

/// `pattern-loop-10k`.
pub fn collecting(c: &Conditions) -> Result<Record, String> {
    let app = format!(
        "{STREAMS}INSERT INTO Out SELECT a.x AS x, avg(b.x) AS y, c.x AS z \
         FROM PATTERN (EVERY a=A -> b=B[k = a.k]{{3,}} -> c=C[k = a.k]) WITHIN 1 HOUR;"
    );
    let batches = in_turn(&[("A", 1), ("B", 4), ("C", 1)], c.events(EVENTS), KEYS);
    let events = events(&batches);
    let mut loops = Loops::default();
    let case = Case {
        engine: Engine::inline(&app, engine::long_double_long)?,
        hand: &mut |stream, rows, tally| loops.rows(stream, rows, tally),
        batches,
    };
    let figures = case.figures(c)?;
    let record = Record::new("pattern-loop-10k", Unit::Event, events, BASELINE, figures);
    Ok(record.within_ns(200.0))
}

/// `pattern-silence-100k`: half of the runs are ended by a row before the silence is long enough.
pub fn silence(c: &Conditions) -> Result<Record, String> {
    let for_ms = (c.keys(SILENT) * 3 / 2 / 10) as i64;
    let app = format!(
        "{STREAMS}INSERT INTO Out SELECT a.k AS x, a.x AS y \
         FROM PATTERN (EVERY a=A -> NOT B[k = a.k] FOR {for_ms} MILLISECONDS);"
    );
    // Every third batch ends runs of the first of the two before it.
    let mut batches = in_turn(&[("A", 1)], c.events(EVENTS), 4 * c.keys(SILENT));
    let ended: Batches = batches
        .chunks_exact(2)
        .map(|two| ("B", two[0].1.clone()))
        .collect();
    for (place, batch) in ended.into_iter().enumerate() {
        batches.insert(place * 3 + 2, batch);
    }
    let events = events(&batches);
    let mut silences = Silences::new(for_ms);
    let case = Case {
        engine: Engine::inline(&app, engine::long_long)?,
        hand: &mut |stream, rows, tally| silences.rows(stream, rows, tally),
        batches,
    };
    let figures = case.figures(c)?;
    let record = Record::new(
        "pattern-silence-100k",
        Unit::Event,
        events,
        BASELINE,
        figures,
    );
    Ok(record.within_ns(200.0))
}
