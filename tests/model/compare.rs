//! Compares what the engine emitted with what the oracle says.

use crate::app::{App, Nature, Query};
use crate::engine::outputs;
use crate::oracle::Output;
use eventflux::event::{Sign, Value};
use std::fmt;

/// How rows of one stream may be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Row for row.
    Exact,
    /// The same rows; in the same order per group where the stream has one writer that emits its group keys.
    PerKey,
}

/// The first difference.
#[derive(Clone, Debug)]
pub struct Difference {
    pub stream: String,
    pub place: usize,
    pub expected: Option<Output>,
    pub got: Option<Output>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |row: &Option<Output>| match row {
            None => "no row".to_string(),
            Some(o) => {
                let sign = if o.sign == Sign::Plus { '+' } else { '-' };
                format!("at {} us {sign} {:?}", o.moment.at, o.values)
            }
        };
        writeln!(f, "stream {}, row {}:", self.stream, self.place)?;
        writeln!(f, "  expected {}", text(&self.expected))?;
        write!(f, "  got      {}", text(&self.got))
    }
}

/// The first difference between rows per stream, for the streams that were watched.
pub fn compare(
    app: &App,
    expected: &[Vec<Output>],
    got: &[Option<Vec<Output>>],
    order: Order,
) -> Option<Difference> {
    outputs(app).into_iter().find_map(|stream| {
        let got = got[stream].as_ref()?;
        if let Some(writer) = app.queries.iter().find(|q| q.inside && q.writes(stream)) {
            return of_partition(app, (writer, stream), &expected[stream], got);
        }
        match order {
            Order::Exact => rows(app, stream, &expected[stream], got),
            Order::PerKey => {
                let (a, b) = (
                    sorted(app, stream, &expected[stream]),
                    sorted(app, stream, got),
                );
                rows(app, stream, &a, &b).or_else(|| per_key(app, stream, &expected[stream], got))
            }
        }
    })
}

fn rows(app: &App, stream: usize, expected: &[Output], got: &[Output]) -> Option<Difference> {
    let natures: Vec<Nature> = app.streams[stream]
        .attributes
        .iter()
        .map(|a| a.nature)
        .collect();
    let differs = |i: &usize| match (expected.get(*i), got.get(*i)) {
        (Some(a), Some(b)) => !same(a, b, &natures),
        _ => true,
    };
    let place = (0..expected.len().max(got.len())).find(differs)?;
    Some(Difference {
        stream: app.streams[stream].name.clone(),
        place,
        expected: expected.get(place).cloned(),
        got: got.get(place).cloned(),
    })
}

/// Two runs of one engine: in the same order, of whatever key.
pub fn compare_runs(
    app: &App,
    first: &[Option<Vec<Output>>],
    got: &[Option<Vec<Output>>],
) -> Option<Difference> {
    outputs(app).into_iter().find_map(|stream| {
        let (first, got) = (first[stream].as_ref()?, got[stream].as_ref()?);
        rows(app, stream, first, got)
    })
}

/// The same rows; where they tell their key, those of each key in the same order.
fn of_partition(
    app: &App,
    (writer, stream): (&Query, usize),
    expected: &[Output],
    got: &[Output],
) -> Option<Difference> {
    let all = || {
        rows(
            app,
            stream,
            &sorted(app, stream, expected),
            &sorted(app, stream, got),
        )
    };
    let place = writer.key_place().filter(|_| writer.target == stream);
    let Some(place) = place else { return all() };
    let mut keys: Vec<&Value> = Vec::new();
    for row in expected.iter().chain(got) {
        if !keys.contains(&&row.values[place]) {
            keys.push(&row.values[place]);
        }
    }
    keys.into_iter().find_map(|key| {
        let of = |all: &[Output]| -> Vec<Output> {
            let own = all.iter().filter(|row| row.values[place] == *key);
            own.cloned().collect()
        };
        rows(app, stream, &of(expected), &of(got))
    })
}

/// By time, sign and values, approximate ones last: a multiset as a list.
fn sorted(app: &App, stream: usize, rows: &[Output]) -> Vec<Output> {
    let mut rows = rows.to_vec();
    let attributes = &app.streams[stream].attributes;
    let mut places: Vec<usize> = (0..attributes.len()).collect();
    places.sort_by_key(|p| attributes[*p].nature == Nature::Approximate);
    rows.sort_by(|a, b| {
        let values = || {
            places
                .iter()
                .map(|p| a.values[*p].order(&b.values[*p]))
                .find(|o| o.is_ne())
        };
        let signs = (a.sign as i8).cmp(&(b.sign as i8));
        a.moment
            .at
            .cmp(&b.moment.at)
            .then(signs)
            .then_with(|| values().unwrap_or(std::cmp::Ordering::Equal))
    });
    rows
}

/// The order of each group's rows, where the only writer of the stream emits all its group keys.
fn per_key(app: &App, stream: usize, expected: &[Output], got: &[Output]) -> Option<Difference> {
    let mut writers = app.queries.iter().filter(|q| q.target == stream);
    let (writer, None) = (writers.next()?, writers.next()) else {
        return None;
    };
    let place = |key: &crate::expr::Expr| {
        writer
            .items
            .iter()
            .position(|item| format!("{:?}", item.expr) == format!("{key:?}"))
    };
    if writer.group_by.is_empty() {
        return None;
    }
    let places: Vec<usize> = writer.group_by.iter().map(place).collect::<Option<_>>()?;
    let key = |row: &Output| {
        places
            .iter()
            .map(|p| row.values[*p].clone())
            .collect::<Vec<_>>()
    };
    let mut keys: Vec<Vec<Value>> = Vec::new();
    for row in expected {
        if !keys.contains(&key(row)) {
            keys.push(key(row));
        }
    }
    keys.iter().find_map(|k| {
        let of = |rows: &[Output]| {
            rows.iter()
                .filter(|r| key(r) == *k)
                .cloned()
                .collect::<Vec<_>>()
        };
        rows(app, stream, &of(expected), &of(got))
    })
}

fn same(a: &Output, b: &Output, natures: &[Nature]) -> bool {
    a.moment.at == b.moment.at
        && a.sign == b.sign
        && a.values.len() == b.values.len()
        && a.values
            .iter()
            .zip(&b.values)
            .zip(natures)
            .all(|((x, y), nature)| equal(x, y, *nature))
}

/// DOUBLE within 1e-9 of its size, or as its nature says; all else exactly.
fn equal(a: &Value, b: &Value, nature: Nature) -> bool {
    match (a, b) {
        (Value::Double(a), Value::Double(b)) if nature == Nature::Rounded => neighbours(*a, *b),
        (Value::Double(a), Value::Double(b)) => {
            let absolute = match nature {
                Nature::Approximate => 1e-12,
                _ => 0.0,
            };
            (a - b).abs() <= absolute + 1e-9 * a.abs().max(b.abs())
        }
        _ => a == b,
    }
}

/// Whether no DOUBLE lies between two.
fn neighbours(a: f64, b: f64) -> bool {
    a == b || a.next_up() == b || a.next_down() == b
}
