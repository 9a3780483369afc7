//! Both sides of a question whose time goes on from pass to pass.

use crate::engine::{self, Engine};
use crate::harness::{Conditions, Pass, Spread, Tally, by_turns, timed};
use crate::join::feed::{Sent, columns, send, with_times};
use crate::join::hand::{KeyedRow, TimedRow};
use eventflux::event::Timestamp;
use std::cell::RefCell;

/// The streams of all questions.
pub const STREAMS: &str = "@app:playback\nCREATE STREAM A (k LONG, x LONG);\n\
     CREATE STREAM B (k LONG, x LONG);\nCREATE STREAM C (k LONG, x LONG);\n";

/// Batches of rows, each with its stream.
pub type Batches = Vec<(&'static str, Vec<KeyedRow>)>;

/// Answers the same rows by hand.
pub type Hand<'a> = &'a mut dyn FnMut(&'static str, &[TimedRow], &mut Tally);

/// Both sides of a question.
pub struct Case<'a> {
    pub engine: Engine,
    pub hand: Hand<'a>,
    pub batches: Batches,
}

impl Case<'_> {
    /// Passes of both sides by turns; the same rows come with later times in every pass.
    pub fn figures(mut self, c: &Conditions) -> Result<(Spread, Spread), String> {
        let events = self.batches.iter().map(|(_, rows)| rows.len()).sum();
        let (mut ours_ms, mut hand_ms) = (0, 0);
        let this = RefCell::new(&mut self);
        by_turns(
            c,
            events,
            || {
                let this = &mut *this.borrow_mut();
                pass(&mut this.engine, &this.batches, &mut ours_ms)
            },
            || this.borrow_mut().pass_by_hand(&mut hand_ms),
        )
    }

    fn pass_by_hand(&mut self, begin_ms: &mut i64) -> Result<Pass, String> {
        let batches = at_times(&self.batches, begin_ms);
        timed(|| {
            let mut tally = Tally::default();
            for ((stream, _), rows) in self.batches.iter().zip(&batches) {
                (self.hand)(stream, rows, &mut tally);
            }
            Ok::<_, String>(tally)
        })
    }
}

/// The rows with their times from `begin_ms` on, which becomes the time behind them.
fn at_times(batches: &Batches, begin_ms: &mut i64) -> Vec<Vec<TimedRow>> {
    let rows = batches.iter().map(|(_, rows)| rows.clone());
    let (timed, next) = with_times(rows.collect(), *begin_ms);
    *begin_ms = next;
    timed
}

/// Sends the rows with times from `begin_ms` on, which becomes the time behind them.
pub fn pass(engine: &mut Engine, batches: &Batches, begin_ms: &mut i64) -> Result<Pass, String> {
    let timed_rows = at_times(batches, begin_ms);
    let sent = batches.iter().zip(&timed_rows).map(|((stream, _), rows)| {
        let times = rows.iter().map(|(at, _)| Timestamp::from_millis(*at));
        columns(
            engine,
            stream,
            times.collect(),
            rows.iter().map(|(_, r)| *r),
        )
    });
    let mut sent: Vec<Sent> = sent.collect::<Result<_, _>>()?;
    timed(|| send(engine, &mut sent))
}

/// Sends the rows of a case one by one.
pub fn send_singly(
    engine: &mut Engine,
    batches: &[(&'static str, Vec<TimedRow>)],
) -> Result<Tally, String> {
    let mut input = engine.runtime().input().map_err(engine::text)?;
    for (stream, rows) in batches {
        for (at, row) in rows {
            let at = Timestamp::from_millis(*at);
            input
                .send_at(stream, at, (row.key, row.value))
                .map_err(engine::text)?;
        }
    }
    drop(input);
    Ok(engine.news())
}
