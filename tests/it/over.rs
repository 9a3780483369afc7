//! Random calls with OVER against a naive reading of the language page: for each row all rows before it are looked
//! through.
//!
//! How: an app of one query with some calls, and rows with ties, within the lateness and behind it. What must come out
//! is written as a script, which runs as all scripts do: on several workers, in several batches, row by row, and with
//! crashes and restores. `SEED` in the environment chooses other programs.

use crate::crash;
use crate::script::{cases, failure};
use eventflux_kit::Random;
use std::collections::BTreeSet;
use std::env;
use std::fmt::Write;

const PROGRAMS: u64 = 12;

/// A row as it was sent.
#[derive(Clone, Copy, Debug)]
struct Row {
    at: i64,
    k: Option<i64>,
    g: i64,
    v: Option<i64>,
}

/// The rows that a call looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reach {
    Start,
    Rows(usize),
    Time(i64),
}

#[derive(Clone, Copy, Debug)]
struct Call {
    function: usize,
    keys: usize,
    reach: Reach,
}

/// Lists of keys: as written, and whether they have `k` and `g`.
const KEYS: [(&str, bool, bool); 5] = [
    ("PARTITION BY k ", true, false),
    ("PARTITION BY k, g ", true, true),
    ("PARTITION BY g, k ", true, true),
    ("PARTITION BY g ", false, true),
    ("", false, false),
];

const FUNCTIONS: [&str; 16] = [
    "count(*)",
    "count(v)",
    "count(DISTINCT v)",
    "sum(v)",
    "avg(v)",
    "min(v)",
    "max(v)",
    "first(v)",
    "last(v)",
    "median(v)",
    "sum(v * 2 + g)",
    // without a frame
    "row_number()",
    "lag(v)",
    "lag(v, 3)",
    "lag(v, 2, g)",
    "lag(g, 1, -1)",
];
const UNFRAMED: usize = 11;

impl Call {
    fn drawn(r: &mut Random, keys_max: usize) -> Call {
        let function = r.below(FUNCTIONS.len());
        let reach = match r.below(5) {
            _ if function >= UNFRAMED => Reach::Start,
            0 => Reach::Start,
            1 | 2 => Reach::Rows(r.below(6)),
            _ => Reach::Time(r.below(25) as i64),
        };
        Call {
            function,
            keys: r.below(keys_max),
            reach,
        }
    }

    fn text(self) -> String {
        let frame = match self.reach {
            Reach::Start => String::new(),
            Reach::Rows(rows) => format!("ROWS {rows} PRECEDING"),
            Reach::Time(ms) => format!("RANGE {ms} MILLISECONDS PRECEDING"),
        };
        let name = FUNCTIONS[self.function];
        format!("{name} OVER ({}{frame})", KEYS[self.keys].0)
    }

    fn joins(self, a: &Row, b: &Row) -> bool {
        let (_, by_k, by_g) = KEYS[self.keys];
        (!by_k || a.k == b.k) && (!by_g || a.g == b.g)
    }

    /// The value at a row; `rows`: all, in the order of time.
    fn value(self, rows: &[Row], place: usize) -> String {
        let row = &rows[place];
        let own = |r: &&Row| self.joins(r, row);
        let before: Vec<&Row> = rows[..=place].iter().filter(own).collect();
        let frame: Vec<&Row> = match self.reach {
            Reach::Start => before.clone(),
            Reach::Rows(n) => before[before.len().saturating_sub(n + 1)..].to_vec(),
            Reach::Time(ms) => {
                let near = |r: &&Row| (row.at - ms..=row.at).contains(&r.at);
                rows.iter().filter(own).filter(near).collect()
            }
        };
        let values: Vec<i64> = frame.iter().filter_map(|r| r.v).collect();
        let back = |n: usize| before.len().checked_sub(n + 1).map(|place| before[place]);
        let whole = |value: Option<i64>| value.map_or("NULL".to_string(), |v| v.to_string());
        match self.function {
            0 => frame.len().to_string(),
            1 => values.len().to_string(),
            2 => values.iter().collect::<BTreeSet<_>>().len().to_string(),
            3 => whole((!values.is_empty()).then(|| values.iter().sum())),
            4 if values.is_empty() => "NULL".to_string(),
            4 => format!(
                "{:?}",
                values.iter().sum::<i64>() as f64 / values.len() as f64
            ),
            5 => whole(values.iter().min().copied()),
            6 => whole(values.iter().max().copied()),
            7 => whole(frame[0].v),
            8 => whole(frame[frame.len() - 1].v),
            9 => median(values),
            10 => {
                let sums = frame.iter().filter_map(|r| Some(r.v? * 2 + r.g));
                whole(sums.reduce(|a, b| a + b))
            }
            11 => before.len().to_string(),
            12 => whole(back(1).and_then(|r| r.v)),
            13 => whole(back(3).and_then(|r| r.v)),
            14 => whole(back(2).map_or(Some(row.g), |r| r.v)),
            _ => whole(Some(back(1).map_or(-1, |r| r.g))),
        }
    }
}

fn median(mut values: Vec<i64>) -> String {
    values.sort_unstable();
    let middle = values.len() / 2;
    match (values.len(), values.len() % 2) {
        (0, _) => "NULL".to_string(),
        (_, 1) => format!("{:?}", values[middle] as f64),
        _ => format!("{:?}", (values[middle - 1] + values[middle]) as f64 / 2.0),
    }
}

fn text_of(k: Option<i64>) -> String {
    k.map_or("NULL".to_string(), |k| format!("'key {k}'"))
}

/// Rows as they are sent, and those of them that are not late, in the order of time.
fn rows(r: &mut Random, lateness: i64) -> (Vec<Row>, Vec<Row>) {
    let (mut sent, mut taken) = (Vec::new(), Vec::new());
    let (mut newest, mut most) = (100, i64::MIN);
    for _ in 0..20 + r.below(50) {
        newest += [0, 0, 1, 3, 9][r.below(5)];
        let back = match r.below(8) {
            0 => r.below(lateness as usize + 4) as i64,
            1..=4 if lateness > 0 => r.below(lateness as usize) as i64,
            _ => 0,
        };
        let row = Row {
            at: newest - back,
            k: (r.below(7) > 0).then(|| r.below(4) as i64),
            g: r.below(2) as i64,
            v: (r.below(6) > 0).then(|| r.below(12) as i64 - 4),
        };
        most = most.max(row.at);
        sent.push(row);
        if row.at >= most - lateness {
            taken.push(row);
        }
    }
    taken.sort_by_key(|row| row.at);
    (sent, taken)
}

/// A program as a script with what must come out.
fn program(seed: u64) -> String {
    let mut r = Random::new(seed);
    let lateness = [0, 0, 20][r.below(3)];
    let keys_max = [3, 3, KEYS.len()][r.below(3)];
    let calls: Vec<Call> = (0..1 + r.below(5))
        .map(|_| Call::drawn(&mut r, keys_max))
        .collect();
    let filtered = r.below(3) == 0;
    let (sent, mut taken) = rows(&mut r, lateness);
    if filtered {
        taken.retain(|row| row.v.is_some_and(|v| v > -2));
    }
    let has = |by: fn(&(&str, bool, bool)) -> bool| calls.iter().all(|c| by(&KEYS[c.keys]));
    let key = match (has(|k| k.1), has(|k| k.2)) {
        // by both, which one column does not tell
        (true, true) => "none",
        (false, true) => "1",
        _ => "0",
    };
    let mut text = format!("\n==== program {seed}\n@key {key}\n");
    let called = calls.iter().enumerate();
    let called: Vec<String> = called
        .map(|(n, c)| format!("{} AS c{n}", c.text()))
        .collect();
    let condition = if filtered { " WHERE v > -2" } else { "" };
    let _ = write!(
        text,
        "@app:playback(lateness='{lateness} MILLISECONDS')\nCREATE STREAM S (k STRING, g INT, v INT);\n\
         INSERT INTO Out SELECT k, g, v, {} FROM S{condition};\n----\n",
        called.join(", ")
    );
    let whole = |v: Option<i64>| v.map_or("NULL".to_string(), |v| v.to_string());
    for row in &sent {
        let _ = writeln!(
            text,
            "{} S {}, {}, {}",
            row.at,
            text_of(row.k),
            row.g,
            whole(row.v)
        );
    }
    text.push_str("clock 100000\n---- Out\n");
    for (place, row) in taken.iter().enumerate() {
        let values = calls.iter().map(|call| call.value(&taken, place));
        let values: Vec<String> = values.collect();
        let (k, v) = (text_of(row.k), whole(row.v));
        let _ = writeln!(
            text,
            "{} {k}, {}, {v}, {}",
            row.at,
            row.g,
            values.join(", ")
        );
    }
    text
}

#[test]
fn random_calls_give_what_a_naive_reading_gives() {
    let seed = env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let (first, count) = seed.map_or((1, PROGRAMS), |seed| (seed, 1));
    for seed in first..first + count {
        let text = program(seed);
        let case = cases(&text).expect("the program can be read").remove(0);
        if let Some(why) = failure(&case) {
            panic!("SEED={seed}: {why}\nof{text}");
        }
        if let Some(why) = crash::case_failure("over.rs", &case) {
            panic!("SEED={seed}: {why}\nof{text}");
        }
    }
}
