//! The naive interpreter: vectors and loops, row by row, written from the design pages alone.
//!
//! It shares nothing with the engine but the public event types. A step is one input row, one due time or the end of
//! a send: it runs the queries in order, each over all rows that the step has put into its stream.

mod aggregate;
mod eval;
mod exact;
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
use window::{Emission, Faults, Row, State};

/// A deliberate error of the oracle, which the comparison must catch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    LengthKeepsOneMore,
    SumIgnoresRetraction,
    /// Windows that take rows by time take them as they come.
    RowsEnterByArrival,
    /// A closing window refuses rows although their window is open.
    BehindTheClockIsLate,
    /// A result of a window that closes counts in the next window of a query behind it.
    ClosesBelongToTheNext,
    /// The clock follows the input that is ahead.
    ClockOfTheFastest,
    /// The deviation of a sample is that of the population.
    SampleIsPopulation,
}

/// Where a row comes from, as far as its time is concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    #[default]
    Plain,
    Timer,
    /// The result of a window that closed: it belongs to the instant before its time.
    Close,
    /// Too far ahead of its input.
    Ahead,
}

/// The time of a row, the app's clock when it is processed, and its mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    pub at: i64,
    pub clock: i64,
    pub mark: Mark,
}

impl Moment {
    /// Of rows of a timer: they are read before timers of the same time.
    fn of_timer(due: i64, mark: Mark) -> Self {
        Moment {
            at: due,
            clock: due - 1,
            mark,
        }
    }
}

struct Node {
    window: State,
    select: Select,
}

/// An input: its clock, once it has spoken.
#[derive(Clone, Copy, Default)]
struct Input {
    clock: Option<i64>,
    closed: bool,
}

struct Oracle<'a> {
    app: &'a App,
    fault: Fault,
    nodes: Vec<Node>,
    inputs: Vec<Input>,
    clock: i64,
    rows: u64,
    outputs: Vec<Vec<Output>>,
}

#[derive(PartialEq)]
enum Step {
    Row,
    Timer(i64),
    /// Rows that waited for this time have their turn.
    Turn(i64),
    SendEnd,
}

/// All rows that an app puts into each of its streams.
pub fn run(app: &App, calls: &[Call], fault: Fault) -> Vec<Vec<Output>> {
    let faults = Faults {
        length_keeps_one_more: fault == Fault::LengthKeepsOneMore,
        rows_enter_by_arrival: fault == Fault::RowsEnterByArrival,
        behind_the_clock_is_late: fault == Fault::BehindTheClockIsLate,
        closes_belong_to_the_next: fault == Fault::ClosesBelongToTheNext,
    };
    let node = |query: &crate::app::Query| Node {
        window: State::new(query.window.clone(), faults),
        select: Select::new(fault),
    };
    let mut oracle = Oracle {
        app,
        fault,
        nodes: app.queries.iter().map(node).collect(),
        inputs: vec![Input::default(); app.inputs],
        clock: i64::MIN,
        rows: 0,
        outputs: vec![Vec::new(); app.streams.len()],
    };
    for call in calls {
        match call {
            Call::Advance { input, to } => oracle.tell(*input, *to),
            Call::Send {
                input,
                stream,
                rows,
            } => {
                for row in rows {
                    oracle.row(*input, *stream, row.at, &row.values);
                }
                oracle.step(Step::SendEnd, Vec::new());
            }
        }
    }
    for input in 0..app.inputs {
        oracle.inputs[input].closed = true;
        oracle.advance();
    }
    oracle.outputs
}

impl Oracle<'_> {
    fn row(&mut self, input: usize, stream: usize, at: i64, values: &[Value]) {
        let own = at - self.app.lateness_us;
        let ahead = |max: i64| self.inputs[input].clock.is_some_and(|c| own - max > c);
        let ahead = self.app.ahead_us.is_some_and(ahead);
        if !ahead {
            self.tell(input, own);
        }
        let moment = Moment {
            at,
            clock: self.clock,
            mark: if ahead { Mark::Ahead } else { Mark::Plain },
        };
        let output = Output {
            moment,
            sign: Sign::Plus,
            values: values.iter().cloned().map(admitted).collect(),
        };
        self.step(Step::Row, vec![(stream, output)]);
    }

    /// An input tells its clock.
    fn tell(&mut self, input: usize, to: i64) {
        let clock = &mut self.inputs[input].clock;
        *clock = Some(clock.map_or(to, |c| c.max(to)));
        self.advance();
    }

    /// Moves the clock to the least of the open inputs that have spoken. Timers fire, and rows that wait have their
    /// turn, in order of time: of one time timers first.
    fn advance(&mut self) {
        let open = self.inputs.iter().filter(|i| !i.closed);
        let clocks = open.filter_map(|i| i.clock);
        let least = match self.fault {
            Fault::ClockOfTheFastest => clocks.max(),
            _ => clocks.min(),
        };
        self.clock = self.clock.max(least.unwrap_or(i64::MIN));
        loop {
            let timer = self.nodes.iter().filter_map(|n| n.window.due()).min();
            let turn = self.nodes.iter().filter_map(|n| n.window.next_turn()).min();
            let due = |t: &i64| *t <= self.clock;
            match (timer.filter(due), turn.filter(due)) {
                (None, None) => return,
                (Some(timer), turn) if turn.is_none_or(|turn| timer <= turn) => {
                    self.step(Step::Timer(timer), Vec::new())
                }
                (_, Some(turn)) => self.step(Step::Turn(turn), Vec::new()),
                (Some(_), None) => unreachable!("it is before a turn that there is not"),
            }
        }
    }

    fn step(&mut self, step: Step, mut pending: Vec<(usize, Output)>) {
        for (query, node) in self.app.queries.iter().zip(&mut self.nodes) {
            let mut emissions = Vec::new();
            if let Step::Turn(now) = step {
                node.window.release(now, &mut emissions);
            }
            for (_, row) in pending.iter().filter(|(stream, _)| *stream == query.source) {
                if passes(query, row) {
                    self.rows += 1;
                    let row = Row {
                        id: self.rows,
                        moment: row.moment,
                        values: row.values.iter().cloned().collect(),
                    };
                    node.window.row(row, &mut emissions);
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
                let target = match (emission, query.late) {
                    (Emission::Late(_), None) => continue,
                    (Emission::Late(row), Some(late)) => {
                        rows.push(Output {
                            moment: row.moment,
                            sign: Sign::Plus,
                            values: row.values.to_vec(),
                        });
                        late
                    }
                    (emission, _) => {
                        node.select.emission(query, emission, &mut rows);
                        query.target
                    }
                };
                self.outputs[target].extend(rows.iter().cloned());
                pending.extend(rows.into_iter().map(|row| (target, row)));
            }
        }
    }
}

/// Whether the filter of a query lets a row through.
fn passes(query: &crate::app::Query, row: &Output) -> bool {
    let env = Env {
        row: &row.values,
        at: row.moment.at,
        ..Env::default()
    };
    let filter = query.filter.as_ref();
    filter.is_none_or(|f| truth(&eval(f, env)) == Some(true))
}

/// A value as it enters: −0.0 becomes 0.0.
fn admitted(value: Value) -> Value {
    match value {
        Value::Float(v) => float(v),
        Value::Double(v) => double(v),
        other => other,
    }
}
