//! Files into a filter and a GROUP BY: at what rate are bytes read, with columns that nobody has declared?
//!
//! Sketch: a row of a text is some 40 bytes of CSV, or 60 of JSON. At 400 MB/s that is 100 ns for finding its end and
//! its cells, four values, the filter and the group. The text stands in memory, and is read in pieces of 64 KiB as a
//! file would be; beside it stands what a program would do with the parser of a well-known library.

use super::data::Random;
use super::engine::{Engine, text};
use super::hand::{Map, PASSES_ABOVE};
use super::harness::{Conditions, Pass, Tally, by_turns, text_word, timed, words};
use super::record::{Record, Unit};
use eventflux::connector::{Begin, Format, Sample, StreamRows, Text, TextOptions, Together};
use eventflux::event::{Batch, Data, Schema};
use eventflux::{ColumnBatch, EventFluxManager, Input, RuntimeConfig, Script, Workers};
use serde::Deserialize;
use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Rows of a pass.
const ROWS: usize = 2_000_000;
/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 << 10;
/// Rows that go through the engine together.
const TOGETHER: usize = 256;
/// What is asked of each text.
const QUESTION: &str = "INSERT INTO Out SELECT sym, sum(qty) AS qty, count() AS n FROM 'trades' \
    WHERE price > 50 GROUP BY sym";
/// Budgets in megabytes a second.
const CSV_RATE: f64 = 400.0;
const JSON_RATE: f64 = 300.0;

/// `read-csv`.
pub fn csv(c: &Conditions) -> Result<Record, String> {
    let mut bytes = String::from("at,sym,price,qty\n");
    each_trade(c, |at, sym, price, qty| {
        let _ = writeln!(bytes, "{at},SYM{sym:05},{price},{qty}");
    });
    let baseline = ("csv crate by hand", by_csv as By);
    beside(c, ("read-csv", Format::Csv, CSV_RATE), &bytes, baseline)
}

/// `read-json`.
pub fn json(c: &Conditions) -> Result<Record, String> {
    let mut bytes = String::new();
    each_trade(c, |at, sym, price, qty| {
        let _ = writeln!(
            bytes,
            "{{\"at\":{at},\"sym\":\"SYM{sym:05}\",\"price\":{price},\"qty\":{qty}}}"
        );
    });
    let baseline = ("simd-json by hand", by_simd_json as By);
    beside(c, ("read-json", Format::Json, JSON_RATE), &bytes, baseline)
}

/// The same trades in every format: prices in cents, half of them above 50.
fn each_trade(c: &Conditions, mut row: impl FnMut(i64, u64, &str, u64)) {
    let mut random = Random::new(3);
    for n in 0..c.events(ROWS) {
        let at = 1_700_000_000_000 + n as i64 / 10;
        let sym = random.below(c.keys(1_000) as u64);
        let cents = random.below(10_000);
        let price = format!("{}.{:02}", cents / 100, cents % 100);
        row(at, sym, &price, 1 + random.below(1_000));
    }
}

/// A program by hand.
type By = fn(&[u8]) -> Result<Tally, String>;

fn beside(
    c: &Conditions,
    (id, format, rate): (&'static str, Format, f64),
    bytes: &str,
    (baseline_is, baseline): (&'static str, By),
) -> Result<Record, String> {
    let bytes = bytes.as_bytes();
    let rows = c.events(ROWS);
    let figures = by_turns(
        c,
        rows,
        || ours(bytes, format),
        || timed(|| baseline(bytes)),
    )?;
    let record = Record::new(id, Unit::Event, rows, baseline_is, figures);
    let bytes_of_row = bytes.len() as f64 / rows as f64;
    let per_second = |ns: f64| bytes_of_row / ns * 1e3;
    let note = format!(
        "{:.0} MB/s of text, {baseline_is} {:.0} MB/s",
        per_second(figures.0.median),
        per_second(figures.1.median)
    );
    Ok(record.within_ns(bytes_of_row / rate * 1e3).with_note(note))
}

/// The way of `eventflux query`: columns are found out from the first rows, then all rows go to an app.
fn ours(bytes: &[u8], format: Format) -> Result<Pass, String> {
    let mut sampled = bytes;
    let sample = Sample::read(&mut sampled).map_err(text)?;
    let options = TextOptions::default();
    let name = match format {
        Format::Json => "trades.jsonl",
        _ => "trades.csv",
    };
    let found = sample.infer(&options, Path::new(name)).map_err(text)?;
    let manager = EventFluxManager::new();
    let script: Script = manager.read_script(QUESTION).map_err(text)?;
    let config = RuntimeConfig::default()
        .workers(Workers::Inline)
        .event_time(true);
    let columns = [("trades", found.schema.clone())];
    let runtime = manager.create_script(&script, &columns, config);
    let mut engine = Engine::of(runtime.map_err(text)?, 1, read_groups)?;
    timed(|| {
        let input = engine.runtime().input().map_err(text)?;
        send(bytes, (&found.schema, &found.text), input)?;
        engine.runtime().flush().map_err(text)?;
        Ok(engine.news())
    })
}

/// Sends all rows of a text, as the command line does.
fn send(bytes: &[u8], (schema, said): (&Schema, &Text), mut input: Input) -> Result<(), String> {
    let reader = BufReader::with_capacity(PIECE_BYTES, bytes);
    let mut rows = StreamRows::new(reader, ("trades", schema), said, Begin::default());
    let mut columns = ColumnBatch::new(schema);
    loop {
        let read = rows
            .next_rows(&mut columns, Together::rows(TOGETHER))
            .map_err(text)?;
        if read.is_some() {
            input.send_each("trades", &mut columns).map_err(text)?;
            continue;
        }
        let Some(row) = rows.next_row().map_err(text)? else {
            return Ok(());
        };
        let at = row.row.map_err(text)?.ok_or("a row has no time")?;
        input.send_at("trades", at, rows.values()).map_err(text)?;
    }
}

/// Counts groups.
fn read_groups(batch: &Batch, tally: &mut Tally) {
    let columns = batch.columns();
    let (Data::String(sym), Data::Long(qty), Data::Long(n)) =
        (columns[0].data(), columns[1].data(), columns[2].data())
    else {
        return;
    };
    for ((sym, qty), n) in sym.iter().zip(qty).zip(n) {
        tally.add(words(&[text_word(sym), *qty as u64, *n as u64]));
    }
}

/// Quantity and number of rows of a name.
type Groups = Map<String, (i64, u64)>;

fn add(groups: &mut Groups, sym: &str, price: f64, qty: i64) {
    if price <= PASSES_ABOVE {
        return;
    }
    match groups.get_mut(sym) {
        Some(group) => *group = (group.0 + qty, group.1 + 1),
        None => _ = groups.insert(sym.to_string(), (qty, 1)),
    }
}

fn tally(groups: &Groups) -> Tally {
    let mut tally = Tally::default();
    for (sym, (qty, n)) in groups {
        tally.add(words(&[text_word(sym), *qty as u64, *n]));
    }
    tally
}

fn by_csv(bytes: &[u8]) -> Result<Tally, String> {
    let mut builder = csv::ReaderBuilder::new();
    let mut reader = builder.buffer_capacity(PIECE_BYTES).from_reader(bytes);
    let (mut record, mut groups) = (csv::ByteRecord::new(), Groups::default());
    while reader.read_byte_record(&mut record).map_err(text)? {
        let cell = |n: usize| std::str::from_utf8(&record[n]).map_err(text);
        // The time is read as the engine reads it, though nothing is done with it.
        std::hint::black_box(cell(0)?.parse::<i64>().map_err(text)?);
        let price = cell(2)?.parse().map_err(text)?;
        add(
            &mut groups,
            cell(1)?,
            price,
            cell(3)?.parse().map_err(text)?,
        );
    }
    Ok(tally(&groups))
}

/// A row of JSON.
#[derive(Deserialize)]
struct TradeRow<'a> {
    at: i64,
    sym: &'a str,
    price: f64,
    qty: i64,
}

fn by_simd_json(bytes: &[u8]) -> Result<Tally, String> {
    let mut reader = BufReader::with_capacity(PIECE_BYTES, bytes);
    let (mut line, mut groups) = (Vec::new(), Groups::default());
    let mut buffers = simd_json::Buffers::default();
    while reader.read_until(b'\n', &mut line).map_err(text)? > 0 {
        let row: TradeRow =
            simd_json::serde::from_slice_with_buffers(&mut line, &mut buffers).map_err(text)?;
        std::hint::black_box(row.at);
        add(&mut groups, row.sym, row.price, row.qty);
        line.clear();
    }
    Ok(tally(&groups))
}
