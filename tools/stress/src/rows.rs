//! Mutated rows, JSON and CSV, against readings that share nothing with ours: nothing wrong is taken, nothing right is
//! refused, nothing panics.
//!
//! What the oracles leave open, on purpose: instants in another form than `2024-02-29T10:30:00Z`, and what
//! `rows/table.rs` says of CSV.

mod json;
mod naive;
mod table;
mod texts;

use crate::failure::Failure;
use crate::repository::contents;
use clap::Args;
use eventflux_kit::Random;
use json::Line;
use naive::Judged;
use std::panic::catch_unwind;
use texts::schema;

const FINDINGS_MAX: usize = 20;

/// Options of `rows`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  cargo run --profile bench-dev -p eventflux-stress -- rows --count 1000000 --seed 7
  cargo run --profile bench-dev -p eventflux-stress -- rows --seed 7 --first 4711 --count 1")]
pub struct RowsArgs {
    /// How many texts are tried: each second one a line of JSON, the others some lines of CSV
    #[arg(long, default_value_t = 200_000)]
    count: u64,
    /// Seed of the texts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of the first one
    #[arg(long, default_value_t = 0)]
    first: u64,
}

#[derive(Debug, Default)]
struct Tally {
    lines: u64,
    right_lines: u64,
    tables: u64,
    rows: u64,
    right_rows: u64,
    open: u64,
    findings: Vec<String>,
}

/// Tries rows; fails where a reading differs.
pub fn run(args: &RowsArgs) -> Result<(), Failure> {
    println!("rows: seed {}", args.seed);
    let corpus = contents("tools/fuzz/corpus/event_line", "json")?;
    let mut tally = Tally::default();
    for number in args.first..args.first + args.count {
        let mut random = crate::case(args.seed, number);
        let before = tally.findings.len();
        match number % 2 {
            0 => line(&mut random, &corpus, &mut tally),
            _ => lines(&mut random, &mut tally),
        }
        for finding in &tally.findings[before..] {
            println!("--seed {} --first {number} --count 1: {finding}", args.seed);
        }
        if tally.findings.len() >= FINDINGS_MAX {
            break;
        }
    }
    println!(
        "rows: {} lines of JSON, {} of them right; {} rows of CSV in {} texts, {} of them right; {} texts or last rows \
         not compared; {} findings, seed {}",
        tally.lines,
        tally.right_lines,
        tally.rows,
        tally.tables,
        tally.right_rows,
        tally.open,
        tally.findings.len(),
        args.seed
    );
    Failure::unless_none(tally.findings.len())
}

fn line(r: &mut Random, corpus: &[Vec<u8>], tally: &mut Tally) {
    let text = texts::line(r, corpus);
    let lenient = r.below(2) == 0;
    let schema = schema();
    let shown = String::from_utf8_lossy(&text).into_owned();
    let read = catch_unwind(|| json::engine(&text, &schema, lenient));
    let Ok(found) = read else {
        return tally.findings.push(format!("panic: {shown:?}"));
    };
    let expected = json::oracle(&text, &schema, lenient);
    tally.lines += 1;
    tally.right_lines += u64::from(found != Line::Bad);
    if !same_line(&found, &expected) {
        let how = if lenient { "lenient" } else { "strict" };
        let why = format!("{how} {shown:?}: read as {found:?}, expected {expected:?}");
        tally.findings.push(why);
    }
}

fn same_line(found: &Line, expected: &Line) -> bool {
    match (found, expected) {
        // what is open may be bad, too
        (Line::Clock(_) | Line::Bad, Line::Clock(Judged::Open)) => true,
        (Line::Bad, Line::Rows(rows)) => {
            rows.len() == 1 && rows[0].as_ref().is_some_and(|r| r.at == Judged::Open)
        }
        (Line::Rows(found), Line::Rows(expected)) => {
            let same = |(found, expected): (&Option<json::Row>, &Option<json::Row>)| match (
                found, expected,
            ) {
                (None, Some(row)) => row.at == Judged::Open,
                (Some(found), Some(row)) if row.at == Judged::Open => {
                    found.stream == row.stream && found.values == row.values
                }
                _ => found == expected,
            };
            found.len() == expected.len() && found.iter().zip(expected).all(same)
        }
        _ => found == expected,
    }
}

fn lines(r: &mut Random, tally: &mut Tally) {
    let (text, columns) = texts::table(r);
    let schema = schema();
    let shown = String::from_utf8_lossy(&text).into_owned();
    let Ok(found) = catch_unwind(|| table::engine(&text, &schema)) else {
        return tally.findings.push(format!("panic: {shown:?}"));
    };
    tally.tables += 1;
    if !table::is_comparable(&text) {
        tally.open += 1;
        return;
    }
    let (mut found, open) = match found {
        Ok(found) => found,
        Err(why) => return tally.findings.push(format!("{shown:?}: {why}")),
    };
    let mut expected = table::oracle(&text, columns, &schema);
    if open {
        tally.open += 1;
        (_, _) = (found.pop(), expected.pop());
    }
    let found: Vec<table::Row> = found.into_iter().map(table::without_empty_texts).collect();
    tally.rows += found.len() as u64;
    tally.right_rows += found.iter().flatten().count() as u64;
    let same = |(found, expected): (&table::Row, &table::Row)| match (found, expected) {
        (None, Some((at, _))) => *at == Judged::Open,
        (Some(found), Some((Judged::Open, values))) => found.1 == *values,
        _ => found == expected,
    };
    if found.len() != expected.len() || !found.iter().zip(&expected).all(same) {
        let why = format!("{shown:?}: read as {found:?}, expected {expected:?}");
        tally.findings.push(why);
    }
}
