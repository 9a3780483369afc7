//! A partition: the app is run once for each life of each key, in which queries inside see the rows of that key alone.

use super::eval::{Env, eval, is_true};
use super::select::Output;
use super::{Fault, Oracle};
use crate::app::App;
use crate::app::partition::{KeyOf, Partition};
use crate::input::Call;
use eventflux::event::Value;
use std::collections::HashSet;

/// A row that came to a door.
struct Passed {
    keys: Vec<Value>,
    at: i64,
    clock: i64,
}

/// From the first row of a key until it is forgotten.
#[derive(Default)]
struct Life {
    key: Value,
    /// The numbers of its rows among all that came to doors.
    rows: HashSet<usize>,
    seen: i64,
    /// When it is forgotten.
    end: Option<i64>,
}

/// What the doors of the partition do in a run.
#[derive(Default)]
pub struct Doors {
    /// The rows that came to doors, if this run is there to find lives.
    passed: Vec<Passed>,
    /// How many came.
    count: usize,
    life: Option<Life>,
    /// The life is over.
    over: bool,
    /// Of the rows at hand in a step, in order: whether queries inside see them.
    pub seen: Vec<bool>,
}

impl Doors {
    /// When the key is forgotten.
    pub fn end(&self) -> Option<i64> {
        self.life.as_ref().and_then(|life| life.end)
    }

    /// Whether queries inside run now.
    pub fn is_open(&self) -> bool {
        self.life.is_some() && !self.over
    }

    pub fn close(&mut self) {
        self.over = true;
    }

    /// A row comes to a door. Whether it passes.
    pub fn admit(&mut self, keys: Vec<Value>, row: &Output) -> bool {
        let number = self.count;
        self.count += 1;
        let Some(life) = &self.life else {
            self.passed.push(Passed {
                keys,
                at: row.moment.at,
                clock: row.moment.clock,
            });
            return false;
        };
        life.rows.contains(&number)
    }
}

/// The keys of a row.
pub fn keys(of: &KeyOf, row: &Output) -> Vec<Value> {
    let env = Env {
        row: &row.values,
        at: row.moment.at,
        ..Env::default()
    };
    match of {
        KeyOf::Value(expr) => match eval(expr, env) {
            Value::Null => Vec::new(),
            key => vec![key],
        },
        KeyOf::Ranges(ranges) => {
            let fits = ranges
                .iter()
                .filter(|(condition, _)| is_true(condition, env));
            fits.map(|(_, name)| Value::from(name.as_str())).collect()
        }
    }
}

/// The lives of all keys, in the order in which they begin.
fn lives(partition: &Partition, passed: &[Passed]) -> Vec<Life> {
    let mut all: Vec<Life> = Vec::new();
    for (number, row) in passed.iter().enumerate() {
        if let Some((idle, grid)) = partition.grid() {
            for life in all.iter_mut().filter(|l| l.end.is_none()) {
                let end = on_grid(life.seen + idle, grid);
                life.end = (end <= row.clock).then_some(end);
            }
        }
        for key in &row.keys {
            let there = all.iter().filter(|l| l.end.is_none()).count();
            let place = all.iter().position(|l| l.end.is_none() && l.key == *key);
            let place = match place {
                None if partition.keys_max.is_some_and(|max| there >= max) => continue,
                None => {
                    all.push(Life {
                        key: key.clone(),
                        seen: i64::MIN,
                        ..Life::default()
                    });
                    all.len() - 1
                }
                Some(place) => place,
            };
            let life = &mut all[place];
            life.rows.insert(number);
            life.seen = life.seen.max(row.at.max(row.clock));
        }
    }
    if let Some((idle, grid)) = partition.grid() {
        for life in all.iter_mut().filter(|l| l.end.is_none()) {
            life.end = Some(on_grid(life.seen + idle, grid));
        }
    }
    all
}

/// The first time of a grid at a time or after it.
fn on_grid(at: i64, grid: i64) -> i64 {
    (at + grid - 1).div_euclid(grid) * grid
}

/// What comes of each life, one behind the other; of queries outside as it comes.
pub fn run(app: &App, partition: &Partition, calls: &[Call], fault: Fault) -> Vec<Vec<Output>> {
    let mut first = Oracle::new(app, fault);
    first.calls(calls);
    let mut outputs = first.outputs;
    for life in lives(partition, &first.doors.passed) {
        let mut oracle = Oracle::new(app, fault);
        oracle.doors.life = Some(life);
        oracle.calls(calls);
        for query in app.queries.iter().filter(|q| q.inside) {
            for stream in [Some(query.target), query.late].into_iter().flatten() {
                let rows = std::mem::take(&mut oracle.outputs[stream]);
                outputs[stream].extend(rows);
            }
        }
    }
    outputs
}
