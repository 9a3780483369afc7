//! Rows of two streams, and how they get into an app.

use super::hand::{KeyedRow, TimedRow};
use crate::data::{Random, at};
use crate::engine::{self, Engine};
use crate::harness::Tally;
use eventflux::ColumnBatch;
use eventflux::event::{Column, Data, Timestamp};

/// A batch and its stream.
pub type Sent = (&'static str, ColumnBatch);

/// Rows with keys below `keys`, whose values count them.
pub fn rows(random: &mut Random, n: usize, keys: usize) -> Vec<KeyedRow> {
    let row = |value: usize| KeyedRow {
        key: random.below(keys as u64) as i64,
        value: value as i64,
    };
    (0..n).map(row).collect()
}

/// Rows in batches whose sizes take turns.
pub fn batches(rows: &[KeyedRow], sizes: [usize; 2]) -> Vec<Vec<KeyedRow>> {
    let (mut left, mut batches) = (rows, Vec::new());
    while !left.is_empty() {
        let size = sizes[batches.len() % 2].min(left.len());
        let (batch, rest) = left.split_at(size);
        batches.push(batch.to_vec());
        left = rest;
    }
    batches
}

/// The same with times from `start_ms` on, ten rows per millisecond; each batch begins with a new millisecond. Answers
/// also when the next one begins.
pub fn with_times(batches: Vec<Vec<KeyedRow>>, start_ms: i64) -> (Vec<Vec<TimedRow>>, i64) {
    let mut begin = start_ms;
    let timed = batches.into_iter().map(|batch| {
        let rows = batch.into_iter().enumerate();
        let timed: Vec<TimedRow> = rows.map(|(i, row)| (begin + i as i64 / 10, row)).collect();
        begin = timed.last().map_or(begin, |(at, _)| at + 1);
        timed
    });
    let timed = timed.collect();
    (timed, begin)
}

/// Columns of a batch of LONG, LONG.
pub fn columns(
    engine: &Engine,
    stream: &'static str,
    at: Vec<Timestamp>,
    rows: impl Iterator<Item = KeyedRow> + Clone,
) -> Result<Sent, String> {
    let schema = engine.runtime().schema(stream).ok_or("no such stream")?;
    let mut batch = ColumnBatch::new(&schema);
    let columns = [
        Data::Long(rows.clone().map(|r| r.key).collect()),
        Data::Long(rows.map(|r| r.value).collect()),
    ];
    let columns = columns.into_iter().map(Column::from_data).collect();
    batch.set(at, columns).map_err(engine::text)?;
    Ok((stream, batch))
}

/// All batches, of two streams by turns.
pub fn by_turns(
    engine: &Engine,
    streams: [&'static str; 2],
    batches: &[Vec<KeyedRow>],
) -> Result<Vec<Sent>, String> {
    let batches = batches.iter().enumerate();
    let sent = batches.map(|(number, rows)| {
        let times = (0..rows.len()).map(at).collect();
        columns(engine, streams[number % 2], times, rows.iter().copied())
    });
    sent.collect()
}

/// All batches with their times, of two streams by turns.
pub fn timed_by_turns(
    engine: &Engine,
    streams: [&'static str; 2],
    batches: &[Vec<TimedRow>],
) -> Result<Vec<Sent>, String> {
    let batches = batches.iter().enumerate();
    let sent = batches.map(|(number, rows)| {
        let times = rows.iter().map(|(at, _)| Timestamp::from_millis(*at));
        let stream = streams[number % 2];
        columns(
            engine,
            stream,
            times.collect(),
            rows.iter().map(|(_, r)| *r),
        )
    });
    sent.collect()
}

/// Sends batches by one input, which is one order, and answers what came out.
pub fn send(engine: &mut Engine, sent: &mut [Sent]) -> Result<Tally, String> {
    let mut input = engine.runtime().input().map_err(engine::text)?;
    for (stream, batch) in sent {
        input.send_columns(stream, batch).map_err(engine::text)?;
    }
    drop(input);
    Ok(engine.news())
}
