//! Feeds a window and writes down what it emits, for the tests of windows.
//!
//! Input, one line each: `1000 a 1` is a row at 1000 ms; `clock 2000`, `lateness 500`, `send` (its end) and `close`
//! are what they say. Output, one line each: `+ 1000 a 1` is a row, `[2000] - 1000 a 1, + 1500 b 2` a flush. Every
//! feed runs in batches of one row, of three and of all rows between two other lines, and all three must emit the
//! same.

use crate::event::{Batch, Column, Schema, Sign, Str, Timestamp, Type, Value};
use crate::expr::{Program, Typed};
use crate::operator::{Counters, Kind, Operator, Out};
use crate::sql::ast::Span;

/// What goes in.
pub(crate) struct Feed<'a> {
    /// Types of the input columns.
    pub(crate) types: &'a [Type],
    /// Columns that come out.
    pub(crate) keep: &'a [usize],
    /// Input lines.
    pub(crate) lines: &'a [&'a str],
}

/// A program that reads one column.
pub(crate) fn column(index: usize, ty: Type) -> Program {
    Typed::column(index, ty, Span::default()).compile()
}

/// Asserts what a window emits, in every batching; answers its counters.
pub(crate) fn check(
    feed: &Feed<'_>,
    want: &[&str],
    make: impl Fn() -> Box<dyn Operator>,
) -> Counters {
    let mut counters = Vec::new();
    for rows_max in [1, 3, usize::MAX] {
        let mut run = Run::new(feed, rows_max, make());
        for line in feed.lines {
            run.line(line);
        }
        run.pass();
        assert_eq!(run.emitted, want, "in batches of at most {rows_max} rows");
        let mut count = Counters::default();
        run.window.count(&mut count);
        counters.push(count);
    }
    assert!(counters.iter().all(|c| *c == counters[0]), "{counters:?}");
    counters[0]
}

struct Run<'a> {
    feed: &'a Feed<'a>,
    rows_max: usize,
    window: Box<dyn Operator>,
    batch: Batch,
    out: Out,
    emitted: Vec<String>,
    clock: Timestamp,
    seen: Timestamp,
    lateness_us: i64,
    rows: u64,
}

impl<'a> Run<'a> {
    fn new(feed: &'a Feed<'a>, rows_max: usize, window: Box<dyn Operator>) -> Self {
        let mut batch = Batch::new(&Schema::new(feed.types.iter().map(|t| ("x", *t))));
        (batch.tracks_clock, batch.tracks_cause) = (true, true);
        let mut like = Batch::new(&Schema::new(
            feed.keep.iter().map(|k| ("x", feed.types[*k])),
        ));
        (like.tracks_clock, like.tracks_cause) = (true, true);
        Run {
            feed,
            rows_max,
            window,
            batch,
            out: Out::new(like),
            emitted: Vec::new(),
            clock: Timestamp::MIN,
            seen: Timestamp::MIN,
            lateness_us: 0,
            rows: 0,
        }
    }

    fn line(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Ok(at) = word.parse() {
            return self.row(Timestamp::from_millis(at), rest);
        }
        self.pass();
        match word {
            "clock" => self.advance(Timestamp::from_millis(rest.parse().expect("a time"))),
            "lateness" => self.lateness_us = rest.parse::<i64>().expect("a time") * 1000,
            "send" => self.window.send_end(&mut self.out),
            "close" => self.window.close(&mut self.out),
            _ => panic!("{line:?} is no input"),
        }
        self.take();
    }

    fn row(&mut self, at: Timestamp, values: &str) {
        self.clock = self.clock.max(at.plus(-self.lateness_us));
        self.rows += 1;
        self.batch.at.push(at);
        self.batch.clock.push(self.clock);
        self.batch.causes.push(self.rows);
        let values: Vec<&str> = values.split_whitespace().collect();
        assert_eq!(values.len(), self.feed.types.len(), "values of a row");
        for (column, text) in self.batch.columns.iter_mut().zip(values) {
            push(column, text);
        }
        if self.batch.len() >= self.rows_max {
            self.pass();
        }
    }

    /// One jump, or one step per due time, which must not differ.
    fn advance(&mut self, to: Timestamp) {
        self.clock = self.clock.max(to);
        while self.rows_max == 1
            && let Some(due) = self.window.due().filter(|d| *d < to)
        {
            self.window.clock(due, 0, &mut self.out);
            assert!(
                self.window.due().is_none_or(|next| next > due),
                "a timer that was due has fired"
            );
        }
        self.window.clock(to, 0, &mut self.out);
        assert!(
            self.window.due().is_none_or(|due| due > to),
            "a timer that was due has fired"
        );
    }

    fn pass(&mut self) {
        if !self.batch.is_empty() {
            self.window.rows(Kind::Rows, &self.batch, &mut self.out);
            self.batch.clear();
        }
        self.take();
    }

    fn take(&mut self) {
        for (kind, batch) in std::mem::take(&mut self.out.ready) {
            for column in &batch.columns {
                assert_eq!(
                    column.len(),
                    batch.len(),
                    "columns and times have one length"
                );
            }
            assert!(
                batch.signs.is_empty() || batch.signs.len() == batch.len(),
                "signs fit the rows"
            );
            for clock in &batch.clock {
                assert!(*clock >= self.seen, "the clock goes back");
                self.seen = *clock;
            }
            let rows = (0..batch.len()).map(|row| text(&batch, row));
            match kind {
                Kind::Rows => self.emitted.extend(rows),
                Kind::Flush(at) => {
                    let rows = rows.collect::<Vec<_>>().join(", ");
                    self.emitted.push(format!("[{}] {rows}", at.millis()));
                }
            }
            self.out.recycle(batch);
        }
    }
}

fn push(column: &mut Column, text: &str) {
    let value = match column.type_of() {
        _ if text == "NULL" => Value::Null,
        Type::Bool => Value::Bool(text == "true"),
        Type::Int => Value::Int(text.parse().expect("an INT")),
        Type::Long => Value::Long(text.parse().expect("a LONG")),
        Type::Float => Value::Float(text.parse().expect("a FLOAT")),
        Type::Double => Value::Double(text.parse().expect("a DOUBLE")),
        Type::String => Value::String(Str::new(text)),
    };
    assert!(column.push(&value));
}

fn text(batch: &Batch, row: usize) -> String {
    let sign = if batch.sign(row) == Sign::Plus {
        '+'
    } else {
        '-'
    };
    let mut text = format!("{sign} {}", batch.at[row].millis());
    for column in &batch.columns {
        text += &format!(" {}", column.value(row));
    }
    text
}
