//! One query in one step: what its window, its joins or its pattern make of the rows that it reads.

use super::eval::{Env, is_true};
use super::join::{self, Event};
use super::pattern::Matcher;
use super::rate::Limit;
use super::select::{Output, Scene, Select};
use super::window::{Emission, Faults, Row, State};
use super::{Fault, Mark, Step};
use crate::app::{Action, App, Query, Source, Window};
use std::cmp::Ordering;

/// What a step has put somewhere for its readers.
#[derive(Clone)]
pub enum Pending {
    Row(Output),
    /// What one event makes a named window give.
    Change(Vec<Emission>),
}

pub struct Node {
    /// One for each source.
    windows: Vec<State>,
    pub select: Select,
    joins: Option<Joins>,
    pattern: Option<Pattern>,
    pub limit: Option<Limit>,
}

struct Pattern {
    matcher: Matcher,
    /// Rows ahead of the clock, each with its stream.
    waiting: Vec<(usize, Row)>,
    /// A key of a partition begins with the first row that has its turn here.
    begins_with_row: bool,
}

impl Pattern {
    fn row(&mut self, scene: Scene<'_>, stream: usize, row: &Row, out: &mut Vec<Emission>) {
        if std::mem::take(&mut self.begins_with_row) {
            self.matcher.begin(row.moment.clock);
        }
        self.matcher.row(scene, stream, row, out);
    }
}

struct Joins {
    state: join::State,
    /// It takes rows in the order of their times.
    is_ordered: bool,
    /// Whether the window of a side says which rows are late. The others take none behind the clock.
    judges: Vec<bool>,
    /// Rows ahead of the clock, with the sides that take them.
    waiting: Vec<(Row, Vec<usize>)>,
}

impl Node {
    pub fn new(app: &App, query: usize, fault: Fault, faults: Faults) -> Self {
        let query = &app.queries[query];
        let window = |s: &Source| State::new(s.window.clone(), faults);
        Node {
            windows: query.sources().map(window).collect(),
            select: Select::new(fault),
            joins: (!query.joins.is_empty()).then(|| Joins {
                state: join::State::new(app, query, fault),
                is_ordered: is_ordered(app, query),
                judges: query
                    .sources()
                    .map(|s| s.window.as_ref().is_some_and(Window::is_ordered))
                    .collect(),
                waiting: Vec::new(),
            }),
            pattern: Matcher::new(query, app.columns(query)).map(|matcher| Pattern {
                matcher,
                waiting: Vec::new(),
                begins_with_row: query.inside,
            }),
            limit: Limit::new(app, query),
        }
    }

    /// The clock of the app has begun.
    pub fn begin(&mut self, clock: i64) {
        let limits = self.limit.iter_mut();
        limits.for_each(|limit| limit.begin(clock));
        let patterns = self.pattern.iter_mut().filter(|p| !p.begins_with_row);
        patterns.for_each(|p| p.matcher.begin(clock));
    }

    /// Whether a query selects something, or hands on the rows that it reads.
    pub fn selects(&self, query: &Query) -> bool {
        matches!(query.action, Action::Insert | Action::Upsert { .. })
    }

    pub fn due(&self) -> Option<i64> {
        let windows = self.windows.iter().filter_map(State::due);
        windows
            .chain(self.joins.iter().filter_map(|j| j.state.due()))
            .chain(self.pattern.iter().filter_map(|p| p.matcher.due()))
            .chain(self.limit.iter().filter_map(Limit::due))
            .min()
    }

    pub fn next_turn(&self) -> Option<i64> {
        let windows = self.windows.iter().filter_map(State::next_turn);
        let joins = self.joins.iter().flat_map(|j| &j.waiting);
        let patterns = self.pattern.iter().flat_map(|p| &p.waiting);
        windows
            .chain(joins.map(|(row, _)| self.windows[0].instant(row)))
            .chain(patterns.map(|(_, row)| self.windows[0].instant(row)))
            .min()
    }

    pub fn step(
        &mut self,
        scene: Scene<'_>,
        step: Step,
        pending: &[(usize, Pending)],
        rows: &mut u64,
    ) -> Vec<Emission> {
        if let Some(pattern) = self.pattern.take() {
            return self.matched(pattern, scene, step, pending, rows);
        }
        let Some(mut joins) = self.joins.take() else {
            return self.alone(scene, step, pending, rows);
        };
        let mut events = self.turn(&mut joins, step);
        for (stream, item) in pending.iter().filter(|(s, _)| scene.query.reads(*s)) {
            let sides = || {
                scene
                    .query
                    .sources()
                    .enumerate()
                    .filter(|(_, s)| s.stream == *stream)
            };
            match item {
                Pending::Row(output) => {
                    *rows += 1;
                    let row = Row::new(*rows, output.moment, &output.values);
                    let takes = |(_, s): &(usize, &Source)| passes(scene, s, &row);
                    let sides: Vec<usize> = sides().filter(takes).map(|(side, _)| side).collect();
                    events.extend(self.admit(&mut joins, row, sides));
                }
                Pending::Change(all) => {
                    let given = sides().flat_map(|(side, s)| {
                        let given = all.iter().filter_map(move |e| filtered(scene, s, e));
                        given.map(move |e| (side, e))
                    });
                    add(&mut events, given.collect());
                }
            }
        }
        if let Step::Timer(due) = step {
            let mut fired = Event::new();
            for (side, window) in self.windows.iter_mut().enumerate() {
                let mut emissions = Vec::new();
                if window.due() == Some(due) {
                    window.fire(due, &mut emissions);
                }
                fired.extend(emissions.into_iter().map(|e| (side, e)));
            }
            add(&mut events, fired);
        }
        let mut out = Vec::new();
        for event in events {
            joins.state.event(scene, event, &mut out);
        }
        if let Step::Timer(due) = step {
            joins.state.fire(scene, due, &mut out);
        }
        self.joins = Some(joins);
        out
    }

    /// What a pattern makes of a step: rows in the order of their times, late ones left out.
    fn matched(
        &mut self,
        mut pattern: Pattern,
        scene: Scene<'_>,
        step: Step,
        pending: &[(usize, Pending)],
        rows: &mut u64,
    ) -> Vec<Emission> {
        let mut out = Vec::new();
        let instant = |row: &Row| self.windows[0].instant(row);
        if let Step::Turn(now) = step {
            let all = std::mem::take(&mut pattern.waiting);
            let (mut due, rest): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|(_, row)| instant(row) == now);
            pattern.waiting = rest;
            due.sort_by_key(|(_, row)| (row.at(), row.id));
            for (stream, row) in &mut due {
                take_turn(row, now);
                pattern.row(scene, *stream, row, &mut out);
            }
        }
        for (stream, item) in pending.iter().filter(|(s, _)| scene.query.reads(*s)) {
            let Pending::Row(output) = item else {
                panic!("a pattern reads no window");
            };
            *rows += 1;
            let row = Row::new(*rows, output.moment, &output.values);
            if row.moment.mark == Mark::Ahead {
                continue;
            }
            match instant(&row).cmp(&row.moment.clock) {
                Ordering::Less => {}
                Ordering::Equal => pattern.row(scene, *stream, &row, &mut out),
                Ordering::Greater => pattern.waiting.push((*stream, row)),
            }
        }
        if let Step::Timer(due) = step
            && pattern.matcher.due() == Some(due)
        {
            pattern.matcher.fire(due, &mut out);
        }
        self.pattern = Some(pattern);
        out
    }

    /// Without joins.
    fn alone(
        &mut self,
        scene: Scene<'_>,
        step: Step,
        pending: &[(usize, Pending)],
        rows: &mut u64,
    ) -> Vec<Emission> {
        let (source, window) = (&scene.query.from, &mut self.windows[0]);
        let mut out = Vec::new();
        if let Step::Turn(_) = step {
            move_on(window, step, &mut out);
        }
        for (_, item) in pending.iter().filter(|(s, _)| *s == source.stream) {
            match item {
                Pending::Row(output) => {
                    let row = Row::new(*rows + 1, output.moment, &output.values);
                    if passes(scene, source, &row) {
                        *rows += 1;
                        window.row(row, &mut out);
                    }
                }
                Pending::Change(all) => {
                    out.extend(all.iter().filter_map(|e| filtered(scene, source, e)))
                }
            }
        }
        if !matches!(step, Step::Turn(_)) {
            move_on(window, step, &mut out);
        }
        out
    }

    /// Rows that waited for this time.
    fn turn(&mut self, joins: &mut Joins, step: Step) -> Vec<Event> {
        let Step::Turn(now) = step else {
            return Vec::new();
        };
        let mut events = Vec::new();
        for (side, window) in self.windows.iter_mut().enumerate() {
            let mut emissions = Vec::new();
            window.release(now, &mut emissions);
            add(
                &mut events,
                emissions.into_iter().map(|e| (side, e)).collect(),
            );
        }
        let all = std::mem::take(&mut joins.waiting);
        let (mut due, rest): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|(row, _)| self.windows[0].instant(row) == now);
        joins.waiting = rest;
        due.sort_by_key(|(row, _)| (row.at(), row.id));
        for (mut row, sides) in due {
            take_turn(&mut row, now);
            events.push(self.offer(&row, sides));
        }
        events
    }

    /// A row that sides take: at once or later.
    fn admit(&mut self, joins: &mut Joins, row: Row, sides: Vec<usize>) -> Option<Event> {
        let instant = self.windows[0].instant(&row);
        let ahead = row.moment.mark == Mark::Ahead;
        if joins.is_ordered && instant > row.moment.clock && !ahead {
            joins.waiting.push((row, sides));
            return None;
        }
        let late = joins.is_ordered && (instant < row.moment.clock || ahead);
        let takes = |side: &usize| !late || joins.judges[*side];
        let sides = sides.into_iter().filter(takes).collect();
        Some(self.offer(&row, sides))
    }

    /// One row, to the sides from left to right.
    fn offer(&mut self, row: &Row, sides: Vec<usize>) -> Event {
        let mut event = Event::new();
        for side in sides {
            let mut emissions = Vec::new();
            self.windows[side].row(row.clone(), &mut emissions);
            event.extend(emissions.into_iter().map(|e| (side, e)));
        }
        event
    }
}

/// A row that waited for this time is one like any other now.
fn take_turn(row: &mut Row, now: i64) {
    row.moment.clock = now;
    if row.moment.mark == Mark::Timer {
        row.moment.mark = Mark::Plain;
    }
}

/// A window in a step that no row of its own causes.
pub fn move_on(window: &mut State, step: Step, out: &mut Vec<Emission>) {
    match step {
        Step::Turn(now) => window.release(now, out),
        Step::Timer(due) if window.due() == Some(due) => window.fire(due, out),
        Step::SendEnd => window.send_end(out),
        _ => {}
    }
}

/// Joins flushes of one instant: they are one event, if they are of different sides.
fn add(events: &mut Vec<Event>, event: Event) {
    let flushes = |event: &Event| {
        let mut all = event.iter();
        all.all(|(_, e)| matches!(e, Emission::Flush { .. }))
    };
    if let Some(last) = events.last_mut()
        && !event.is_empty()
        && flushes(last)
        && flushes(&event)
        && event
            .iter()
            .all(|(side, _)| last.iter().all(|(other, _)| other != side))
    {
        last.extend(event);
        last.sort_by_key(|(side, _)| *side);
    } else if !event.is_empty() {
        events.push(event);
    }
}

/// Whether a side makes its join take rows in the order of their times.
fn is_ordered(app: &App, query: &Query) -> bool {
    let by_time = |s: &Source| app.window(s).is_some_and(Window::is_ordered);
    let joins = query.joins.iter();
    let mut joins = joins.map(|j| j.kind.is_asof() || j.bounds.is_some());
    query.sources().any(by_time) || joins.any(|ordered| ordered)
}

/// Whether the filter of a source lets a row through.
fn passes(scene: Scene<'_>, source: &Source, row: &Row) -> bool {
    let env = Env {
        row: &row.values,
        at: row.moment.at,
        tables: scene.tables,
        ..Env::default()
    };
    source.filter.as_ref().is_none_or(|f| is_true(f, env))
}

/// What a named window gives, as the filter of a reader lets it through.
fn filtered(scene: Scene<'_>, source: &Source, emission: &Emission) -> Option<Emission> {
    let keep = |rows: &[Row]| -> Vec<Row> {
        let kept = rows.iter().filter(|row| passes(scene, source, row));
        kept.cloned().collect()
    };
    Some(match emission {
        Emission::Row(_, row) if !passes(scene, source, row) => return None,
        Emission::Flush {
            moment,
            minus,
            plus,
            bounds,
        } => Emission::Flush {
            moment: *moment,
            minus: keep(minus),
            plus: keep(plus),
            bounds: *bounds,
        },
        other => other.clone(),
    })
}
