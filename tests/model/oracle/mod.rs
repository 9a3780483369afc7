//! The naive interpreter: vectors and loops, row by row, written from the design pages alone.
//!
//! It shares nothing with the engine but the public event types. A step is one input row, one due time or the end of
//! a send: it runs the queries in order, each over all rows that the step has put into its stream.

mod aggregate;
mod eval;
mod exact;
mod join;
mod node;
mod partition;
mod pattern;
mod rate;
mod select;
mod table;
#[cfg(test)]
mod tests;
mod window;

use crate::app::{App, Events, Role};
use crate::input::Call;
pub use eval::cast;
use eval::{double, float};
use eventflux::event::{Sign, Value};
use node::{Node, Pending};
use partition::Doors;
use rate::Grouped;
pub use select::Output;
use select::Scene;
use table::Tables;
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
    /// A pad does not come back when the last partner has left.
    NoPadComesBack,
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
    /// Named windows, by the number of their stream.
    windows: Vec<(usize, State)>,
    tables: Tables,
    inputs: Vec<Input>,
    clock: i64,
    rows: u64,
    outputs: Vec<Vec<Output>>,
    doors: Doors,
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Row,
    Timer(i64),
    /// Rows that waited for this time have their turn.
    Turn(i64),
    SendEnd,
}

/// All rows that an app puts into each of its streams; those of queries in a partition key by key.
pub fn run(app: &App, calls: &[Call], fault: Fault) -> Vec<Vec<Output>> {
    if let Some(partition) = &app.partition {
        return partition::run(app, partition, calls, fault);
    }
    let mut oracle = Oracle::new(app, fault);
    oracle.calls(calls);
    oracle.outputs
}

impl<'a> Oracle<'a> {
    fn new(app: &'a App, fault: Fault) -> Self {
        let faults = Faults {
            length_keeps_one_more: fault == Fault::LengthKeepsOneMore,
            rows_enter_by_arrival: fault == Fault::RowsEnterByArrival,
            behind_the_clock_is_late: fault == Fault::BehindTheClockIsLate,
            closes_belong_to_the_next: fault == Fault::ClosesBelongToTheNext,
        };
        let named = |(place, stream): (usize, &crate::app::Stream)| match &stream.role {
            Role::Window(window, _) => Some((place, State::new(Some(window.clone()), faults))),
            _ => None,
        };
        Oracle {
            app,
            fault,
            nodes: (0..app.queries.len())
                .map(|query| Node::new(app, query, fault, faults))
                .collect(),
            windows: app.streams.iter().enumerate().filter_map(named).collect(),
            tables: vec![Vec::new(); app.streams.len()],
            inputs: vec![Input::default(); app.inputs],
            clock: i64::MIN,
            rows: 0,
            outputs: vec![Vec::new(); app.streams.len()],
            doors: Doors::default(),
        }
    }

    fn calls(&mut self, calls: &[Call]) {
        for call in calls {
            match call {
                Call::Advance { input, to } => self.tell(*input, *to),
                Call::Send {
                    input,
                    stream,
                    rows,
                } => {
                    for row in rows {
                        self.row(*input, *stream, row.at, &row.values);
                    }
                    self.step(Step::SendEnd, Vec::new());
                }
            }
        }
        for input in 0..self.app.inputs {
            self.inputs[input].closed = true;
            self.advance();
        }
    }
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
        self.step(Step::Row, vec![(stream, Pending::Row(output))]);
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
        let before = self.clock;
        self.clock = before.max(least.unwrap_or(i64::MIN));
        if before == i64::MIN && self.clock > before {
            let clock = self.clock;
            self.nodes.iter_mut().for_each(|node| node.begin(clock));
        }
        loop {
            let named = || self.windows.iter().map(|(_, window)| window);
            let open = self.doors.is_open();
            let nodes = self.nodes.iter().zip(&self.app.queries);
            let nodes = nodes.filter(|(_, query)| !query.inside || open);
            let nodes = || nodes.clone().map(|(node, _)| node);
            let timers = nodes().filter_map(Node::due);
            let timer = timers.chain(named().filter_map(State::due)).min();
            let turns = nodes().filter_map(Node::next_turn);
            let turn = turns.chain(named().filter_map(State::next_turn)).min();
            let end = self.doors.end().filter(|_| open);
            let end = end.filter(|end| *end <= self.clock);
            if end.is_some_and(|end| timer.into_iter().chain(turn).all(|t| t > end)) {
                self.doors.close();
                continue;
            }
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

    fn step(&mut self, step: Step, mut pending: Vec<(usize, Pending)>) {
        for place in 0..self.windows.len() {
            let (stream, window) = &mut self.windows[place];
            let (stream, mut emissions) = (*stream, Vec::new());
            node::move_on(window, step, &mut emissions);
            self.pass_on(stream, emissions, &mut pending);
        }
        self.doors.seen.clear();
        for (place, query) in self.app.queries.iter().enumerate() {
            let inside = query.inside.then(|| self.inside(&pending));
            if query.inside && !self.doors.is_open() {
                continue;
            }
            let scene = Scene {
                app: self.app,
                query,
                tables: &self.tables,
            };
            let seen = inside.as_ref().unwrap_or(&pending);
            let emissions = self.nodes[place].step(scene, step, seen, &mut self.rows);
            for mut emission in emissions {
                if let (Step::SendEnd, Emission::Flush { moment, .. }) = (step, &mut emission) {
                    // The last row of a key may not be the last of the send.
                    moment.clock = self.clock;
                }
                match (emission, query.late) {
                    (Emission::Late(_), None) => {}
                    (Emission::Late(row), Some(late)) => {
                        let values = row.values.to_vec();
                        self.put(late, Output::plus(row.moment, values), &mut pending);
                    }
                    (emission, _) => self.select(place, emission, &mut pending),
                }
            }
            if let Step::Timer(due) = step {
                self.fire_limit(place, due, &mut pending);
            }
        }
    }

    /// What a query makes of one emission.
    fn select(&mut self, place: usize, emission: Emission, pending: &mut Vec<(usize, Pending)>) {
        let query = &self.app.queries[place];
        let cause = match &emission {
            Emission::Row(_, row) | Emission::Quiet(row) => Some(row.clone()),
            _ => None,
        };
        let mut rows = Vec::new();
        let scene = Scene {
            app: self.app,
            query,
            tables: &self.tables,
        };
        let node = &mut self.nodes[place];
        let flush = matches!(emission, Emission::Flush { .. });
        if node.selects(query) {
            node.select.emission(scene, emission, &mut rows);
        } else if let Some(row) = &cause {
            rows.push((Vec::new(), Output::plus(row.moment, Vec::new())));
        }
        let rows: Vec<Output> = match &mut node.limit {
            Some(limit) => {
                let clock = clock_of(&rows, cause.as_ref(), self.clock);
                limit.rows(rows, flush, clock)
            }
            None => rows.into_iter().map(|(_, row)| row).collect(),
        };
        for row in rows {
            if !self.app.is_table(query.target) {
                self.put(query.target, row, pending);
                continue;
            }
            self.rows += 1;
            let of = Row::new(self.rows, row.moment, &row.values);
            let scene = Scene {
                app: self.app,
                query,
                tables: &self.tables,
            };
            let cause = cause.as_ref().unwrap_or(&of);
            self.tables[query.target] = table::written(scene, cause, &row.values, self.rows);
        }
    }

    /// What the rate limit of a query lets out at a time.
    fn fire_limit(&mut self, place: usize, due: i64, pending: &mut Vec<(usize, Pending)>) {
        let query = &self.app.queries[place];
        let scene = Scene {
            app: self.app,
            query,
            tables: &self.tables,
        };
        let node = &mut self.nodes[place];
        let limit = node.limit.as_mut().filter(|l| l.due() == Some(due));
        let rows = limit.map(|limit| limit.fire(due, scene, &node.select));
        for row in rows.into_iter().flatten() {
            self.put(query.target, row, pending);
        }
    }

    /// What queries inside the partition see of the rows at hand: those of the key of this run, and those without a
    /// key of streams that have none.
    fn inside(&mut self, pending: &[(usize, Pending)]) -> Vec<(usize, Pending)> {
        let app = self.app;
        let partition = app.partition.as_ref().expect("queries stand inside of it");
        for (stream, item) in &pending[self.doors.seen.len()..] {
            let (Some(of), Pending::Row(row)) = (app.door(*stream), item) else {
                self.doors.seen.push(true);
                continue;
            };
            let keys = partition::keys(of, row);
            if keys.is_empty() {
                let to = partition.unmatched.iter().find(|(from, _)| from == stream);
                let to = to.map(|(_, to)| &mut self.outputs[*to]);
                to.into_iter().for_each(|to| to.push(row.clone()));
            }
            let passes = self.doors.admit(keys, row);
            self.doors.seen.push(passes);
        }
        let seen = pending
            .iter()
            .zip(&self.doors.seen)
            .filter(|(_, seen)| **seen);
        seen.map(|(item, _)| item.clone()).collect()
    }

    /// A row comes into a stream or into a named window, in the types of that.
    fn put(&mut self, stream: usize, mut row: Output, pending: &mut Vec<(usize, Pending)>) {
        row.values = table::fitted(self.app, stream, &row.values);
        let window = self.windows.iter_mut().find(|(s, _)| *s == stream);
        let Some((_, window)) = window else {
            self.outputs[stream].push(row.clone());
            pending.push((stream, Pending::Row(row)));
            return;
        };
        self.rows += 1;
        let mut emissions = Vec::new();
        let row = Row::new(self.rows, row.moment, &row.values);
        window.row(row, &mut emissions);
        self.pass_on(stream, emissions, pending);
    }

    /// What a named window gives its readers.
    fn pass_on(&self, stream: usize, all: Vec<Emission>, pending: &mut Vec<(usize, Pending)>) {
        let Role::Window(_, events) = self.app.streams[stream].role else {
            return;
        };
        let given = all.into_iter().filter_map(|emission| match emission {
            Emission::Row(sign, row) => events.takes(sign).then_some(Emission::Row(sign, row)),
            Emission::Flush {
                moment,
                minus,
                plus,
                bounds,
            } => Some(Emission::Flush {
                moment,
                minus: if events == Events::Current {
                    Vec::new()
                } else {
                    minus
                },
                plus: if events == Events::Expired {
                    Vec::new()
                } else {
                    plus
                },
                bounds,
            }),
            Emission::Late(_) | Emission::Quiet(_) => None,
        });
        let given: Vec<Emission> = given.collect();
        if !given.is_empty() {
            pending.push((stream, Pending::Change(given)));
        }
    }
}

/// The clock at which a query selected something.
fn clock_of(rows: &[Grouped], cause: Option<&Row>, now: i64) -> i64 {
    let rows = rows.first().map(|(_, row)| row.moment.clock);
    rows.or(cause.map(|row| row.moment.clock)).unwrap_or(now)
}

/// A value as it enters: −0.0 becomes 0.0.
fn admitted(value: Value) -> Value {
    match value {
        Value::Float(v) => float(v),
        Value::Double(v) => double(v),
        other => other,
    }
}
