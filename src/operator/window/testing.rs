//! Feeds a window and writes down what it emits, for the tests of windows.
//!
//! Input, one line each: `1000 a 1` is a row at 1000 ms; `clock 2000`, `lateness 500`, `send` (its end) and `close`
//! are what they say. Output, one line each: `+ 1000 a 1` is a row, `[2000] - 1000 a 1, + 1500 b 2` a flush. Every
//! feed runs in batches of one row, of three and of all rows between two other lines, each by column and one by one,
//! with strings as they are and as codes, and all must emit the same. So must a window that is captured and loaded into
//! a new one after every line, and one that is captured while further lines come.

use crate::event::{Batch, Column, Dictionary, RowView, Schema, Sign, Str, Timestamp, Type, Value};
use crate::expr::{ColumnRef, Layout, Program, Typed};
use crate::operator::testing::Revisions;
use crate::operator::{Counters, Kind, Operator, Out};
use crate::sql::ast::Span;
use std::collections::BTreeSet;
use std::sync::Arc;

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
    let column = ColumnRef::Input {
        source: 0,
        column: index,
    };
    let layout = Layout::default().all(0, index + 1);
    Typed::column(column, ty, Span::default()).compile(&layout)
}

/// Asserts what a window emits, in every batching; returns its counters.
pub(crate) fn check(
    feed: &Feed<'_>,
    want: &[&str],
    make: impl Fn() -> Box<dyn Operator>,
) -> Counters {
    let mut counters = Vec::new();
    let ways = [1, 3, usize::MAX].map(|rows| [(rows, false), (rows, true)]);
    let ways = ways.into_iter().flatten();
    for ((rows_max, singly), coded) in ways.flat_map(|way| [(way, false), (way, true)]) {
        let mut run = WindowRun::new(feed, rows_max, make());
        run.singly = singly;
        run.coded = coded.then(|| dictionary(feed));
        for line in feed.lines {
            run.line(line);
        }
        run.pass();
        let way = if singly { "one by one" } else { "by column" };
        let way = if coded {
            format!("{way}, coded")
        } else {
            way.to_string()
        };
        assert_eq!(
            run.emitted, want,
            "in batches of at most {rows_max} rows, {way}"
        );
        let mut count = Counters::default();
        run.window.count(&mut count);
        counters.push(count);
    }
    for (rows_max, singly) in [(1, false), (usize::MAX, false), (1, true)] {
        counters.push(check_restored(feed, want, (rows_max, singly), &make));
        check_captured(feed, want, (rows_max, singly), &make);
    }
    check_damaged(feed, &make);
    assert!(counters.iter().all(|c| *c == counters[0]), "{counters:?}");
    counters[0]
}

/// What a window emits, row by row, and its counters; how the clock goes is not looked at.
pub(super) fn emitted(feed: &Feed<'_>, window: Box<dyn Operator>) -> (Vec<String>, Counters) {
    let mut run = WindowRun::unchecked(feed, window);
    feed.lines.iter().for_each(|line| run.line(line));
    let mut count = Counters::default();
    run.window.count(&mut count);
    (run.emitted, count)
}

/// After every line a new window goes on, with what the one before held.
fn check_restored(
    feed: &Feed<'_>,
    want: &[&str],
    (rows_max, singly): (usize, bool),
    make: &impl Fn() -> Box<dyn Operator>,
) -> Counters {
    let mut run = WindowRun::new(feed, rows_max, make());
    run.singly = singly;
    let mut revisions = Revisions::default();
    revisions.track(run.window.as_mut());
    for line in feed.lines {
        run.line(line);
        if rows_max == 1 {
            run.pass();
        }
        revisions.cut(run.window.as_mut());
        assert!(revisions.drain(run.window.as_mut(), usize::MAX));
        run.window = make();
        if let Err(why) = revisions.load(run.window.as_mut()) {
            panic!("after {line:?}: {why}");
        }
        revisions.track(run.window.as_mut());
    }
    run.pass();
    assert_eq!(run.emitted, want, "restored after every line");
    let mut count = Counters::default();
    run.window.count(&mut count);
    count
}

/// Captures are drained while further lines come; from each of them a new window emits the rest.
fn check_captured(
    feed: &Feed<'_>,
    want: &[&str],
    (rows_max, singly): (usize, bool),
    make: &impl Fn() -> Box<dyn Operator>,
) {
    let mut run = WindowRun::new(feed, rows_max, make());
    run.singly = singly;
    let mut revisions = Revisions::default();
    revisions.track(run.window.as_mut());
    let mut cut: Option<(usize, WindowRun<'_>)> = None;
    for (number, line) in feed.lines.iter().enumerate() {
        if cut.is_none() {
            run.pass();
            revisions.cut(run.window.as_mut());
            cut = Some((number, run.beside(make())));
        }
        run.line(line);
        run.pass();
        if revisions.drain(run.window.as_mut(), 1 + number % 2)
            && let Some((first, mut other)) = cut.take()
        {
            if let Err(why) = revisions.load(other.window.as_mut()) {
                panic!("before line {first}: {why}");
            }
            feed.lines[first..].iter().for_each(|line| other.line(line));
            other.pass();
            assert_eq!(other.emitted, want, "captured before line {first}");
        }
    }
    assert_eq!(run.emitted, want, "captured on the way");
}

/// Bytes that are wrong make an error or some other state, and no panic when that is used.
fn check_damaged(feed: &Feed<'_>, make: &impl Fn() -> Box<dyn Operator>) {
    let half = feed.lines.len() / 2;
    let mut run = WindowRun::new(feed, usize::MAX, make());
    let mut revisions = Revisions::default();
    revisions.track(run.window.as_mut());
    feed.lines[..half].iter().for_each(|line| run.line(line));
    run.pass();
    revisions.cut(run.window.as_mut());
    assert!(revisions.drain(run.window.as_mut(), usize::MAX));
    for seed in 0..200 {
        let mut other = run.beside(make());
        other.is_damaged = true;
        if revisions.damaged(seed).load(other.window.as_mut()).is_ok() {
            feed.lines[half..].iter().for_each(|line| other.line(line));
            other.pass();
        }
    }
}

pub(super) struct WindowRun<'a> {
    feed: &'a Feed<'a>,
    rows_max: usize,
    pub(super) window: Box<dyn Operator>,
    batch: Batch,
    out: Out,
    pub(super) emitted: Vec<String>,
    clock: Timestamp,
    seen: Timestamp,
    lateness_us: i64,
    rows: u64,
    /// What is emitted may be nonsense.
    is_damaged: bool,
    /// Rows go one by one where the window has a way for that.
    singly: bool,
    /// Strings go as codes of it.
    coded: Option<Arc<Dictionary>>,
    single: Batch,
}

impl<'a> WindowRun<'a> {
    fn new(feed: &'a Feed<'a>, rows_max: usize, window: Box<dyn Operator>) -> Self {
        let mut batch = Batch::new(&Schema::new(feed.types.iter().map(|t| ("x", *t))));
        (batch.tracks_clock, batch.tracks_cause) = (true, true);
        let mut like = Batch::new(&Schema::new(
            feed.keep.iter().map(|k| ("x", feed.types[*k])),
        ));
        (like.tracks_clock, like.tracks_cause) = (true, true);
        WindowRun {
            feed,
            rows_max,
            window,
            batch,
            single: Batch::like(&like),
            singly: false,
            coded: None,
            out: Out::new(like),
            emitted: Vec::new(),
            clock: Timestamp::MIN,
            seen: Timestamp::MIN,
            lateness_us: 0,
            rows: 0,
            is_damaged: false,
        }
    }

    /// Rows go one by one; only what is emitted is of interest.
    pub(super) fn unchecked(feed: &'a Feed<'a>, window: Box<dyn Operator>) -> Self {
        WindowRun {
            is_damaged: true,
            ..WindowRun::new(feed, 1, window)
        }
    }

    /// The same moment with another window. All rows have been passed.
    pub(super) fn beside(&self, window: Box<dyn Operator>) -> WindowRun<'a> {
        assert!(self.batch.is_empty(), "rows have been passed");
        WindowRun {
            emitted: self.emitted.clone(),
            clock: self.clock,
            seen: self.seen,
            lateness_us: self.lateness_us,
            rows: self.rows,
            singly: self.singly,
            is_damaged: self.is_damaged,
            ..WindowRun::new(self.feed, self.rows_max, window)
        }
    }

    pub(super) fn line(&mut self, line: &str) {
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
        if self.is_damaged {
            return self.window.clock(to, 0, &mut self.out);
        }
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
        if let Some(dictionary) = &self.coded {
            let texts = self.batch.columns.iter_mut();
            for column in texts.filter(|c| c.type_of() == Type::String) {
                *column = coded(column, dictionary);
            }
        }
        let passed = self.singly && self.pass_singly();
        if !passed && !self.batch.is_empty() {
            self.window.rows(Kind::Rows, &self.batch, &mut self.out);
        }
        self.batch.clear();
        self.take();
    }

    /// Passes the rows one by one, if the window has a way for that.
    fn pass_singly(&mut self) -> bool {
        for row in 0..self.batch.len() {
            let view = RowView {
                batch: &self.batch,
                row,
            };
            if !self.window.row(view, &mut self.single, &mut self.out) {
                assert_eq!((row, self.single.len()), (0, 0), "always or never");
                return false;
            }
            let mut to = self.out.batch();
            std::mem::swap(&mut *to, &mut self.single);
            self.out.emit(Kind::Rows, to);
        }
        true
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
            for clock in batch.clock.iter().filter(|_| !self.is_damaged) {
                assert!(*clock >= self.seen, "the clock goes back");
                self.seen = *clock;
            }
            let rows = (0..batch.len()).map(|row| text(&batch, row));
            match kind {
                Kind::Rows | Kind::Leaving => self.emitted.extend(rows),
                Kind::Flush(at) => {
                    let rows = rows.collect::<Vec<_>>().join(", ");
                    self.emitted.push(format!("[{}] {rows}", at.millis()));
                }
            }
            self.out.recycle(batch);
        }
    }
}

/// All texts of a feed.
fn dictionary(feed: &Feed<'_>) -> Arc<Dictionary> {
    let texts = feed.lines.iter().flat_map(|line| line.split_whitespace());
    let texts: BTreeSet<&str> = texts.collect();
    Dictionary::new(texts).expect("no text stands twice")
}

/// A column of strings as codes.
fn coded(column: &Column, dictionary: &Arc<Dictionary>) -> Column {
    let code = |row| match column.value(row) {
        Value::String(text) => dictionary.texts().iter().position(|t| *t == text),
        _ => None,
    };
    let codes = (0..column.len()).map(|row| code(row).map_or(Dictionary::NULL, |c| c as u32));
    Column::from_codes(dictionary, codes.collect()).expect("its codes")
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
