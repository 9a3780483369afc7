//! Windows as vectors: which rows are held, and when they leave.

use super::{Mark, Moment};
use crate::app::Window;
use eventflux::event::{Sign, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A row inside the oracle. `id` tells equal rows apart, and which came first.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: u64,
    pub moment: Moment,
    pub values: Rc<[Value]>,
    /// Of a row of a join: the time of each of its rows. Of a row that goes into one: its own.
    pub times: Rc<[Option<i64>]>,
    /// Of a match of a pattern: the rows of each of its terms.
    pub terms: Rc<[Vec<Row>]>,
}

impl Row {
    pub fn new(id: u64, moment: Moment, values: &[Value]) -> Self {
        Row {
            id,
            moment,
            values: values.iter().cloned().collect(),
            times: Rc::new([Some(moment.at)]),
            terms: Rc::new([]),
        }
    }

    pub fn at(&self) -> i64 {
        self.moment.at
    }
}

/// What a window passes on.
#[derive(Clone)]
pub enum Emission {
    /// One row that enters or leaves, with the moment of its output.
    Row(Sign, Row),
    /// A row of a join that no arrival causes: it counts, and CURRENT does not show it.
    Quiet(Row),
    /// A row that the window does not take, since it comes too late or too early.
    Late(Row),
    Flush {
        moment: Moment,
        minus: Vec<Row>,
        plus: Vec<Row>,
        bounds: (i64, i64),
    },
}

struct Session {
    key: Option<Value>,
    last: i64,
    rows: Vec<Row>,
}

/// The state of one window.
pub struct State {
    window: Option<Window>,
    /// Rows ahead of the clock, by time, in front of a window that takes rows in order.
    waiting: Vec<Row>,
    held: Vec<Row>,
    /// `tumbling`, `hop`: rows of the windows that are open, by their end.
    open: BTreeMap<i64, Vec<Row>>,
    previous: Vec<Row>,
    sessions: Vec<Session>,
    /// `sessionBatch`: rows of the last session of each key.
    last_sessions: Vec<(Option<Value>, Vec<Row>)>,
    /// `timeBatch`, `cron`: the next flush. `tumbling`, `hop`: the end of the window that closed last. `externalTime`:
    /// the largest value seen.
    edge: Option<i64>,
    faults: Faults,
}

/// Deliberate errors of a window.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub length_keeps_one_more: bool,
    pub rows_enter_by_arrival: bool,
    pub behind_the_clock_is_late: bool,
    pub closes_belong_to_the_next: bool,
}

impl State {
    pub fn new(window: Option<Window>, faults: Faults) -> Self {
        State {
            window,
            waiting: Vec::new(),
            held: Vec::new(),
            open: BTreeMap::new(),
            previous: Vec::new(),
            sessions: Vec::new(),
            last_sessions: Vec::new(),
            edge: None,
            faults,
        }
    }

    /// One row arrives; timers due at or before its clock have fired.
    pub fn row(&mut self, row: Row, out: &mut Vec<Emission>) {
        let Some(window) = self.window.clone() else {
            out.push(Emission::Row(Sign::Plus, row));
            return;
        };
        let early = window.is_timed() && row.moment.mark == Mark::Ahead;
        let behind = self.faults.behind_the_clock_is_late && row.at() < row.moment.clock;
        if early || (behind && window.is_timed()) {
            out.push(Emission::Late(row));
            return;
        }
        let waits = window.is_ordered() && !self.faults.rows_enter_by_arrival;
        if waits && self.instant(&row) > row.moment.clock {
            insert(&mut self.waiting, row);
            return;
        }
        self.enter(window, row, out);
    }

    /// The instant to which a row belongs: for the result of a window that closed, the one before its time.
    pub fn instant(&self, row: &Row) -> i64 {
        let before = row.moment.mark == Mark::Close && !self.faults.closes_belong_to_the_next;
        row.at() - i64::from(before)
    }

    /// When the first row that waits has its turn.
    pub fn next_turn(&self) -> Option<i64> {
        self.waiting.iter().map(|row| self.instant(row)).min()
    }

    /// Rows that have their turn at this time; timers of this time have fired.
    pub fn release(&mut self, now: i64, out: &mut Vec<Emission>) {
        let Some(window) = self.window.clone() else {
            return;
        };
        let all = std::mem::take(&mut self.waiting);
        let (mut due, rest): (Vec<Row>, Vec<Row>) =
            all.into_iter().partition(|row| self.instant(row) == now);
        self.waiting = rest;
        for row in &mut due {
            row.moment.clock = now;
            if row.moment.mark == Mark::Timer {
                row.moment.mark = Mark::Plain;
            }
        }
        due.into_iter()
            .for_each(|row| self.enter(window.clone(), row, out));
    }

    fn enter(&mut self, window: Window, row: Row, out: &mut Vec<Emission>) {
        let late = self.instant(&row) < row.moment.clock;
        if row.moment.mark == Mark::Close && expires_by_time(&window) {
            // What is exactly as old as the window is long leaves before the result of a window that closed enters.
            while let Some(due) = self.due().filter(|due| *due <= row.at()) {
                self.fire(due, out);
            }
        }
        match window {
            Window::Time(_) | Window::TimeLength(..) | Window::Session(..) | Window::Delay(_)
                if late =>
            {
                out.push(Emission::Late(row))
            }
            Window::Length(n) => {
                let one_more = usize::from(self.faults.length_keeps_one_more);
                self.slide(row, n + one_more, out)
            }
            Window::LengthBatch(n) => {
                let moment = row.moment;
                self.held.push(row);
                if self.held.len() == n {
                    self.turn_over(moment, out);
                }
            }
            Window::Time(_) => self.slide(row, usize::MAX, out),
            Window::TimeLength(_, n) => self.slide(row, n, out),
            Window::TimeBatch(t, start) => self.batch(t, start, row, out),
            Window::Cron(seconds) => self.batch(seconds * 1_000_000, Some(0), row, out),
            Window::Tumbling(t, offset) => self.pane(t, t, offset.unwrap_or(0), row, out),
            Window::Hop(size, slide) => self.pane(size, slide, 0, row, out),
            Window::Delay(_) => insert(&mut self.held, row),
            Window::Batch => self.held.push(row),
            Window::Session(gap, key) => {
                out.push(Emission::Row(Sign::Plus, row.clone()));
                self.session(gap, key.map(|k| row.values[k].clone()), row);
            }
            Window::SessionBatch(gap, key) => {
                let key = key.map(|k| row.values[k].clone());
                if late && !self.sessions.iter().any(|s| s.takes(gap, &key, row.at())) {
                    out.push(Emission::Late(row));
                } else {
                    self.session(gap, key, row);
                }
            }
            Window::Unique(keys) => {
                let same = |other: &Row| keys.iter().all(|k| other.values[*k] == row.values[*k]);
                if let Some(place) = self.held.iter().position(same) {
                    let old = self.held.remove(place);
                    leave(old, row.moment, out);
                }
                self.held.push(row.clone());
                out.push(Emission::Row(Sign::Plus, row));
            }
            Window::FirstUnique(keys) => {
                let same = |other: &Row| keys.iter().all(|k| other.values[*k] == row.values[*k]);
                if !self.held.iter().any(same) {
                    self.held.push(row.clone());
                    out.push(Emission::Row(Sign::Plus, row));
                }
            }
            Window::Sort(n, by) => self.sorted(row, n, &by, out),
            Window::ExternalTime(clock, t) => self.external(clock, t, row, out),
        }
    }

    /// By an attribute: a row is put in by its value, unless that is older than the window reaches.
    fn external(&mut self, clock: usize, t: i64, row: Row, out: &mut Vec<Emission>) {
        let time = |row: &Row| match &row.values[clock] {
            Value::Long(ms) => ms * 1000,
            other => panic!("the clock of externalTime is never {other:?}"),
        };
        let newest = self.edge.map_or(time(&row), |edge| edge.max(time(&row)));
        if time(&row) + t <= newest {
            out.push(Emission::Late(row));
            return;
        }
        self.edge = Some(newest);
        while self.held.first().is_some_and(|old| time(old) + t <= newest) {
            let old = self.held.remove(0);
            leave(old, row.moment, out);
        }
        let before = |other: &Row| time(other) <= time(&row);
        let place = self.held.iter().rposition(before).map_or(0, |p| p + 1);
        self.held.insert(place, row.clone());
        out.push(Emission::Row(Sign::Plus, row));
    }

    /// Into a sliding window: when full the oldest leaves before the new one enters.
    fn slide(&mut self, row: Row, rows_max: usize, out: &mut Vec<Emission>) {
        if self.held.len() == rows_max {
            let old = self.held.remove(0);
            leave(old, row.moment, out);
        }
        match self.window {
            Some(Window::Length(_)) => self.held.push(row.clone()),
            _ => insert(&mut self.held, row.clone()),
        }
        out.push(Emission::Row(Sign::Plus, row));
    }

    /// Into the batch of its time, unless that has been flushed. A window that holds nothing stays on its grid.
    fn batch(&mut self, t: i64, start: Option<i64>, row: Row, out: &mut Vec<Emission>) {
        let at = self.instant(&row);
        let origin = self.edge.or(start).unwrap_or(at);
        let end = origin + (at - origin).div_euclid(t) * t + t;
        if end <= row.moment.clock {
            out.push(Emission::Late(row));
            return;
        }
        if self.held.is_empty() && self.previous.is_empty() {
            self.edge = Some(end);
        }
        insert(&mut self.held, row);
    }

    /// Into every window of its time that is open; late only when it is in some and all of these have closed.
    fn pane(&mut self, size: i64, slide: i64, offset: i64, row: Row, out: &mut Vec<Emission>) {
        let at = self.instant(&row);
        let newest = offset + (at - offset).div_euclid(slide) * slide;
        let ends = (0..)
            .map(|k| newest - k * slide + size)
            .take_while(|end| *end > at);
        let (open, closed): (Vec<i64>, Vec<i64>) = ends.partition(|end| *end > row.moment.clock);
        for end in &open {
            insert(self.open.entry(*end).or_default(), row.clone());
        }
        if open.is_empty() && !closed.is_empty() {
            out.push(Emission::Late(row));
        }
    }

    /// Rows less than a gap apart belong together: a row may extend a session, join two, or open one. A row one gap
    /// after the last opens one, even if the timer has yet to fire.
    fn session(&mut self, gap: i64, key: Option<Value>, row: Row) {
        let (at, mut rows, mut place) = (row.at(), vec![row], None);
        let mut last = at;
        while let Some(found) = self.sessions.iter().position(|s| s.takes(gap, &key, at)) {
            let session = self.sessions.remove(found);
            place.get_or_insert(found);
            last = last.max(session.last);
            rows.splice(0..0, session.rows);
        }
        rows.sort_by_key(|r| (r.at(), r.id));
        let place = place.unwrap_or(self.sessions.len());
        self.sessions.insert(place, Session { key, last, rows });
    }

    fn sorted(&mut self, row: Row, n: usize, by: &[(usize, bool)], out: &mut Vec<Emission>) {
        let order = |a: &Row, b: &Row| {
            let one = |(k, down): &(usize, bool)| {
                let order = a.values[*k].order(&b.values[*k]);
                if *down { order.reverse() } else { order }
            };
            by.iter().map(one).fold(Ordering::Equal, Ordering::then)
        };
        let moment = row.moment;
        self.held.push(row.clone());
        self.held.sort_by(order);
        out.push(Emission::Row(Sign::Plus, row));
        if self.held.len() > n {
            let last = self.held.pop().expect("more than n rows are held");
            leave(last, moment, out);
        }
    }

    /// The previous batch expires, the current one enters.
    fn turn_over(&mut self, moment: Moment, out: &mut Vec<Emission>) {
        let plus = std::mem::take(&mut self.held);
        let minus = std::mem::replace(&mut self.previous, plus.clone());
        out.push(Emission::Flush {
            moment,
            minus,
            plus,
            bounds: (0, 0),
        });
    }

    /// The send that brought rows has ended.
    pub fn send_end(&mut self, out: &mut Vec<Emission>) {
        if matches!(self.window, Some(Window::Batch))
            && let Some(last) = self.held.last()
        {
            self.turn_over(last.moment, out);
        }
    }

    /// When its next timer is due.
    pub fn due(&self) -> Option<i64> {
        let oldest = self.held.first().map(Row::at);
        let empty = self.held.is_empty() && self.previous.is_empty();
        match self.window.as_ref()? {
            Window::Time(t) | Window::TimeLength(t, _) | Window::Delay(t) => Some(oldest? + t),
            Window::TimeBatch(..) | Window::Cron(_) => self.edge.filter(|_| !empty),
            Window::Tumbling(slide, _) | Window::Hop(_, slide) => {
                let expires = self.edge.filter(|_| !self.previous.is_empty());
                let next = self.open.keys().next().copied();
                expires.map(|closed| closed + slide).or(next)
            }
            Window::Session(gap, _) | Window::SessionBatch(gap, _) => {
                self.sessions.iter().map(|s| s.last + gap).min()
            }
            _ => None,
        }
    }

    /// Fires what is due at exactly this time.
    pub fn fire(&mut self, due: i64, out: &mut Vec<Emission>) {
        let (timer, close) = (
            Moment::of_timer(due, Mark::Timer),
            Moment::of_timer(due, Mark::Close),
        );
        match self.window.clone() {
            Some(Window::Time(_) | Window::TimeLength(..)) => {
                while self.due() == Some(due) {
                    let old = self.held.remove(0);
                    leave(old, timer, out);
                }
            }
            Some(Window::Delay(_)) => {
                while self.due() == Some(due) {
                    let mut row = self.held.remove(0);
                    row.moment = timer;
                    out.push(Emission::Row(Sign::Plus, row));
                }
            }
            Some(Window::TimeBatch(t, _)) => {
                self.turn_over(close, out);
                self.edge = Some(due + t);
            }
            Some(Window::Cron(seconds)) => {
                self.turn_over(close, out);
                self.edge = Some(due + seconds * 1_000_000);
            }
            Some(Window::Tumbling(size, _) | Window::Hop(size, _)) => {
                let plus = self.open.remove(&due).unwrap_or_default();
                let minus = std::mem::replace(&mut self.previous, plus.clone());
                self.edge = Some(due);
                out.push(Emission::Flush {
                    moment: close,
                    minus,
                    plus,
                    bounds: (due - size, due),
                });
            }
            Some(Window::Session(gap, _)) => {
                let rows = self.closed(gap, due).into_iter().flat_map(|s| s.rows);
                rows.for_each(|row| leave(row, timer, out));
            }
            Some(Window::SessionBatch(gap, _)) => {
                for session in self.closed(gap, due) {
                    let minus = self.last_session(session.key, &session.rows);
                    out.push(Emission::Flush {
                        moment: close,
                        minus,
                        plus: session.rows,
                        bounds: (0, 0),
                    });
                }
            }
            _ => {}
        }
    }

    /// Takes out the sessions that close at this time, in the order in which they begin.
    fn closed(&mut self, gap: i64, due: i64) -> Vec<Session> {
        let (mut closed, open): (Vec<Session>, _) = std::mem::take(&mut self.sessions)
            .into_iter()
            .partition(|s| s.last + gap == due);
        self.sessions = open;
        closed.sort_by_key(|s| (s.rows[0].at(), s.rows[0].id));
        closed
    }

    /// The rows of the last session of a key, which those of the next replace.
    fn last_session(&mut self, key: Option<Value>, rows: &[Row]) -> Vec<Row> {
        match self.last_sessions.iter_mut().find(|(k, _)| *k == key) {
            Some((_, last)) => std::mem::replace(last, rows.to_vec()),
            None => {
                self.last_sessions.push((key, rows.to_vec()));
                Vec::new()
            }
        }
    }
}

impl Session {
    /// Whether a row of this key and time belongs to it.
    fn takes(&self, gap: i64, key: &Option<Value>, at: i64) -> bool {
        let first = self.rows.first().map_or(at, Row::at);
        self.key == *key && self.last + gap > at && at + gap > first
    }
}

/// By time, ties by arrival.
fn insert(into: &mut Vec<Row>, row: Row) {
    let before = |other: &Row| (other.at(), other.id) <= (row.at(), row.id);
    let place = into.iter().rposition(before).map_or(0, |p| p + 1);
    into.insert(place, row);
}

fn leave(mut row: Row, moment: Moment, out: &mut Vec<Emission>) {
    row.moment = moment;
    out.push(Emission::Row(Sign::Minus, row));
}

/// Whether rows leave it when they are old enough.
fn expires_by_time(window: &Window) -> bool {
    use Window::*;
    matches!(
        window,
        Time(_) | TimeLength(..) | Session(..) | SessionBatch(..)
    )
}
