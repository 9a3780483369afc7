//! Windows as vectors: which rows are held, and when they leave.

use crate::app::Window;
use eventflux::event::{Sign, Value};
use std::cmp::Ordering;
use std::rc::Rc;

/// A row inside the oracle. `id` tells equal rows apart.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: u64,
    pub at: i64,
    pub clock: i64,
    pub values: Rc<[Value]>,
}

/// What a window passes on.
pub enum Emission {
    /// One row that enters or leaves; `row.at` and `row.clock` are those of its output.
    Row(Sign, Row),
    Flush {
        at: i64,
        clock: i64,
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
    held: Vec<Row>,
    previous: Vec<Row>,
    sessions: Vec<Session>,
    /// `timeBatch`: the next flush. `tumbling`, `hop`: the end of the window that closed last.
    edge: Option<i64>,
    /// The canary: a length window keeps one row more.
    keeps_one_more: bool,
}

impl State {
    pub fn new(window: Option<Window>, keeps_one_more: bool) -> Self {
        State {
            window,
            held: Vec::new(),
            previous: Vec::new(),
            sessions: Vec::new(),
            edge: None,
            keeps_one_more,
        }
    }

    /// One row arrives; timers due at or before its clock have fired.
    pub fn row(&mut self, row: Row, out: &mut Vec<Emission>) {
        let Some(window) = self.window.clone() else {
            out.push(Emission::Row(Sign::Plus, row));
            return;
        };
        if is_timed(&window) && row.at < row.clock {
            return;
        }
        match window {
            Window::Length(n) => self.enter(row, n + usize::from(self.keeps_one_more), out),
            Window::LengthBatch(n) => {
                self.held.push(row.clone());
                if self.held.len() == n {
                    self.turn_over(row.at, row.clock, out);
                }
            }
            Window::Time(_) => self.enter(row, usize::MAX, out),
            Window::TimeLength(_, n) => self.enter(row, n, out),
            Window::TimeBatch(t, start) => {
                self.forward(row.clock);
                let grid = |origin: i64| origin + (row.at - origin).div_euclid(t) * t;
                let from = start.map_or(row.at, grid);
                self.edge.get_or_insert(from + t);
                self.held.push(row);
            }
            Window::Tumbling(..) | Window::Hop(..) | Window::Delay(_) => self.hold(row),
            Window::Batch => self.held.push(row),
            Window::Session(gap, key) => {
                self.session(gap, key.map(|k| row.values[k].clone()), row, out)
            }
            Window::Unique(keys) => {
                let same = |other: &Row| keys.iter().all(|k| other.values[*k] == row.values[*k]);
                if let Some(place) = self.held.iter().position(same) {
                    let old = self.held.remove(place);
                    leave(old, row.at, row.clock, out);
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
            Window::ExternalTime(clock, t) => {
                let at = |row: &Row| match &row.values[clock] {
                    Value::Long(ms) => ms * 1000,
                    other => panic!("the clock of externalTime is never {other:?}"),
                };
                while self.held.first().is_some_and(|old| at(old) + t <= at(&row)) {
                    let old = self.held.remove(0);
                    leave(old, row.at, row.clock, out);
                }
                self.held.push(row.clone());
                out.push(Emission::Row(Sign::Plus, row));
            }
        }
    }

    /// Into a sliding window: when full the oldest leaves before the new one enters.
    fn enter(&mut self, row: Row, rows_max: usize, out: &mut Vec<Emission>) {
        if self.held.len() == rows_max {
            let old = self.held.remove(0);
            leave(old, row.at, row.clock, out);
        }
        if matches!(self.window, Some(Window::Length(_))) {
            self.held.push(row.clone());
        } else {
            self.hold(row.clone());
        }
        out.push(Emission::Row(Sign::Plus, row));
    }

    /// By time, ties by arrival.
    fn hold(&mut self, row: Row) {
        let place = self
            .held
            .iter()
            .rposition(|other| other.at <= row.at)
            .map_or(0, |p| p + 1);
        self.held.insert(place, row);
    }

    /// Rows less than a gap apart belong together: a row may extend a session, join two, or open one. A row one gap
    /// after the last opens one, even if the timer has yet to fire.
    fn session(&mut self, gap: i64, key: Option<Value>, row: Row, out: &mut Vec<Emission>) {
        out.push(Emission::Row(Sign::Plus, row.clone()));
        let (at, mut rows, mut place) = (row.at, vec![row], None);
        let near = |s: &Session| {
            let first = s.rows.first().map_or(at, |r| r.at);
            s.key == key && s.last + gap > at && at + gap > first
        };
        let mut last = at;
        while let Some(found) = self.sessions.iter().position(near) {
            let session = self.sessions.remove(found);
            place.get_or_insert(found);
            last = last.max(session.last);
            rows.splice(0..0, session.rows);
        }
        rows.sort_by_key(|r| r.at);
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
        let (at, clock) = (row.at, row.clock);
        self.held.push(row.clone());
        self.held.sort_by(order);
        out.push(Emission::Row(Sign::Plus, row));
        if self.held.len() > n {
            let last = self.held.pop().expect("more than n rows are held");
            leave(last, at, clock, out);
        }
    }

    /// The previous batch expires, the current one enters.
    fn turn_over(&mut self, at: i64, clock: i64, out: &mut Vec<Emission>) {
        let plus = std::mem::take(&mut self.held);
        let minus = std::mem::replace(&mut self.previous, plus.clone());
        out.push(Emission::Flush {
            at,
            clock,
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
            self.turn_over(last.at, last.clock, out);
        }
    }

    /// When its next timer is due.
    pub fn due(&self) -> Option<i64> {
        let oldest = self.held.first().map(|row| row.at);
        let empty = self.held.is_empty() && self.previous.is_empty();
        match self.window.as_ref()? {
            Window::Time(t) | Window::TimeLength(t, _) | Window::Delay(t) => Some(oldest? + t),
            Window::TimeBatch(..) => self.edge.filter(|_| !empty),
            Window::Tumbling(t, offset) => self.next_end(*t, offset.unwrap_or(0)),
            Window::Hop(_, slide) => self.next_end(*slide, 0),
            Window::Session(gap, _) => self.sessions.iter().map(|s| s.last + gap).min(),
            _ => None,
        }
    }

    /// End of the next window of a grid that has rows, or whose predecessor had.
    fn next_end(&self, slide: i64, offset: i64) -> Option<i64> {
        if !self.previous.is_empty() {
            return self.edge.map(|closed| closed + slide);
        }
        let at = self.held.first()?.at;
        let first = offset + (at - offset).div_euclid(slide) * slide + slide;
        Some(self.edge.map_or(first, |closed| first.max(closed + slide)))
    }

    /// Fires what is due at exactly this time. Rows of timers are read before timers of the same time: clock `due` −
    /// 1.
    pub fn fire(&mut self, due: i64, out: &mut Vec<Emission>) {
        let clock = due - 1;
        match self.window.clone() {
            Some(Window::Time(_) | Window::TimeLength(..)) => {
                while self.due() == Some(due) {
                    let old = self.held.remove(0);
                    leave(old, due, clock, out);
                }
            }
            Some(Window::Delay(_)) => {
                while self.due() == Some(due) {
                    let row = self.held.remove(0);
                    out.push(Emission::Row(
                        Sign::Plus,
                        Row {
                            at: due,
                            clock,
                            ..row
                        },
                    ));
                }
            }
            Some(Window::TimeBatch(t, _)) => {
                self.turn_over(due, clock, out);
                self.edge = Some(due + t);
            }
            Some(Window::Tumbling(t, _)) => self.close(due, t, t, out),
            Some(Window::Hop(size, slide)) => self.close(due, size, slide, out),
            Some(Window::Session(gap, _)) => {
                let (closed, open) = std::mem::take(&mut self.sessions)
                    .into_iter()
                    .partition(|s| s.last + gap == due);
                self.sessions = open;
                let closed: Vec<Session> = closed;
                for row in closed.into_iter().flat_map(|s| s.rows) {
                    leave(row, due, clock, out);
                }
            }
            _ => {}
        }
    }

    /// Closes the window of a grid that ends at `end`.
    fn close(&mut self, end: i64, size: i64, slide: i64, out: &mut Vec<Emission>) {
        let inside = |row: &&Row| row.at >= end - size && row.at < end;
        let plus: Vec<Row> = self.held.iter().filter(inside).cloned().collect();
        self.held.retain(|row| row.at >= end + slide - size);
        let minus = std::mem::replace(&mut self.previous, plus.clone());
        self.edge = Some(end);
        out.push(Emission::Flush {
            at: end,
            clock: end - 1,
            minus,
            plus,
            bounds: (end - size, end),
        });
    }

    /// A window that holds nothing stays on its grid.
    fn forward(&mut self, now: i64) {
        let empty = self.held.is_empty() && self.previous.is_empty();
        if let (Some(Window::TimeBatch(t, _)), Some(edge), true) =
            (&self.window, &mut self.edge, empty)
            && *edge <= now
        {
            *edge += ((now - *edge).div_euclid(*t) + 1) * t;
        }
    }
}

fn leave(row: Row, at: i64, clock: i64, out: &mut Vec<Emission>) {
    out.push(Emission::Row(Sign::Minus, Row { at, clock, ..row }));
}

fn is_timed(window: &Window) -> bool {
    use Window::*;
    matches!(
        window,
        Time(_) | TimeBatch(..) | Tumbling(..) | Hop(..) | TimeLength(..) | Session(..) | Delay(_)
    )
}
