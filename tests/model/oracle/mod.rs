//! The naive interpreter: vectors and loops, row by row, written from the design pages alone.
//!
//! It shares nothing with the engine but the public event types. A step is one input row, one due time or the end of
//! a send: it runs the queries in order, each over all rows that the step has put into its stream.

mod aggregate;
mod eval;
mod select;
#[cfg(test)]
mod tests;
mod window;

use crate::app::App;
use crate::input::Call;
use eval::{Env, double, eval, float, truth};
use eventflux::event::{Sign, Value};
pub use select::Output;
use select::Select;
use window::{Row, State};

/// A deliberate error of the oracle, which the comparison must catch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    LengthKeepsOneMore,
    SumIgnoresRetraction,
}

struct Node {
    window: State,
    select: Select,
}

struct Oracle<'a> {
    app: &'a App,
    nodes: Vec<Node>,
    clock: i64,
    rows: u64,
    outputs: Vec<Vec<Output>>,
}

#[derive(PartialEq)]
enum Step {
    Row,
    Timer(i64),
    SendEnd,
}

/// All rows that an app puts into each of its streams.
pub fn run(app: &App, calls: &[Call], fault: Fault) -> Vec<Vec<Output>> {
    let node = |query: &crate::app::Query| Node {
        window: State::new(query.window.clone(), fault == Fault::LengthKeepsOneMore),
        select: Select::new(fault == Fault::SumIgnoresRetraction),
    };
    let mut oracle = Oracle {
        app,
        nodes: app.queries.iter().map(node).collect(),
        clock: i64::MIN,
        rows: 0,
        outputs: vec![Vec::new(); app.streams.len()],
    };
    for call in calls {
        match call {
            Call::Advance(at) => oracle.advance(*at),
            Call::Send(stream, rows) => {
                for row in rows {
                    oracle.row(*stream, row.at, &row.values);
                }
                oracle.step(Step::SendEnd, Vec::new());
            }
        }
    }
    oracle.outputs
}

impl Oracle<'_> {
    fn row(&mut self, stream: usize, at: i64, values: &[Value]) {
        self.advance(at - self.app.lateness_us);
        let values = values.iter().cloned().map(admitted).collect();
        let output = Output {
            at,
            clock: self.clock,
            sign: Sign::Plus,
            values,
        };
        self.step(Step::Row, vec![(stream, output)]);
    }

    /// Moves the clock and fires timers in order of due time.
    fn advance(&mut self, to: i64) {
        self.clock = self.clock.max(to);
        while let Some(due) = self
            .nodes
            .iter()
            .filter_map(|n| n.window.due())
            .min()
            .filter(|d| *d <= self.clock)
        {
            self.step(Step::Timer(due), Vec::new());
        }
    }

    fn step(&mut self, step: Step, mut pending: Vec<(usize, Output)>) {
        for (query, node) in self.app.queries.iter().zip(&mut self.nodes) {
            let mut emissions = Vec::new();
            for (_, row) in pending.iter().filter(|(stream, _)| *stream == query.source) {
                let env = Env {
                    row: &row.values,
                    at: row.at,
                    ..Env::default()
                };
                if query
                    .filter
                    .as_ref()
                    .is_none_or(|f| truth(&eval(f, env)) == Some(true))
                {
                    self.rows += 1;
                    let values = row.values.iter().cloned().collect();
                    node.window.row(
                        Row {
                            id: self.rows,
                            at: row.at,
                            clock: row.clock,
                            values,
                        },
                        &mut emissions,
                    );
                }
            }
            match step {
                Step::Timer(due) if node.window.due() == Some(due) => {
                    node.window.fire(due, &mut emissions)
                }
                Step::SendEnd => node.window.send_end(&mut emissions),
                _ => {}
            }
            for emission in emissions {
                let mut rows = Vec::new();
                node.select.emission(query, emission, &mut rows);
                self.outputs[query.target].extend(rows.iter().cloned());
                pending.extend(rows.into_iter().map(|row| (query.target, row)));
            }
        }
    }
}

/// A value as it enters: −0.0 becomes 0.0.
fn admitted(value: Value) -> Value {
    match value {
        Value::Float(v) => float(v),
        Value::Double(v) => double(v),
        other => other,
    }
}
