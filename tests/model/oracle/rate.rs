//! Rate limits: a list of the rows that wait, each with its group.

use super::select::{Output, Scene, Select};
use super::{Mark, Moment};
use crate::app::rate::{Pace, Rate, Rows};
use crate::app::{App, Query, Window};
use eventflux::event::{Sign, Value};

/// A row with the group that it is of.
pub type Grouped = (Vec<Value>, Output);

pub struct Limit {
    rate: Rate,
    /// A snapshot shows what the window holds.
    slides: bool,
    /// The first clock of the app, from which timers count.
    start: Option<i64>,
    next: Option<i64>,
    /// Rows since rows went out.
    count: usize,
    held: Vec<Grouped>,
    /// FIRST: rows of each group, and when its next row goes out.
    groups: Vec<(Vec<Value>, usize, i64)>,
}

impl Limit {
    pub fn new(app: &App, query: &Query) -> Option<Self> {
        let rate = query.rate?;
        let leaves = |w: &Window| w.forgets() && !w.flushes();
        Some(Limit {
            rate,
            slides: app.window(&query.from).is_some_and(leaves) && query.pattern.is_none(),
            start: None,
            next: None,
            count: 0,
            held: Vec::new(),
            groups: Vec::new(),
        })
    }

    /// The clock has begun.
    pub fn begin(&mut self, clock: i64) {
        self.start = Some(clock);
    }

    pub fn due(&self) -> Option<i64> {
        self.next
    }

    /// Something is held from this clock on.
    fn arm(&mut self, clock: i64) {
        let (Pace::Time(period), Some(start), None) = (self.rate.pace, self.start, self.next)
        else {
            return;
        };
        let passed = (clock - start).max(0) / period;
        self.next = Some(start + (passed + 1) * period);
    }

    /// Rows of the query; `flush`: all rows of a flush. Returns those that go out.
    pub fn rows(&mut self, rows: Vec<Grouped>, flush: bool, clock: i64) -> Vec<Output> {
        if self.rate.rows == Rows::Snapshot {
            self.show_later(rows, flush, clock);
            return Vec::new();
        }
        let mut out = Vec::new();
        for (group, row) in rows {
            match (self.rate.rows, self.rate.pace) {
                (Rows::First, Pace::Events(n)) => {
                    let seen = &mut self.group(&group).1;
                    *seen += 1;
                    if (*seen - 1).is_multiple_of(n) {
                        out.push(row);
                    }
                }
                (Rows::First, Pace::Time(t)) => {
                    let now = row.moment.clock + i64::from(is_of_timer(row.moment));
                    let until = &mut self.group(&group).2;
                    if *until <= now {
                        *until = now + t;
                        out.push(row);
                    }
                }
                (_, pace) => {
                    let moment = row.moment;
                    self.hold(group, row);
                    self.arm(moment.clock);
                    if matches!(pace, Pace::Events(n) if n == self.count) {
                        out.extend(self.let_out(moment));
                    }
                }
            }
        }
        out
    }

    fn group(&mut self, group: &[Value]) -> &mut (Vec<Value>, usize, i64) {
        let place = self.groups.iter().position(|(g, ..)| g == group);
        let place = place.unwrap_or_else(|| {
            self.groups.push((group.to_vec(), 0, i64::MIN));
            self.groups.len() - 1
        });
        &mut self.groups[place]
    }

    fn hold(&mut self, group: Vec<Value>, row: Output) {
        self.count += 1;
        let same = self.held.iter_mut().find(|(g, _)| *g == group);
        match same.filter(|_| self.rate.rows != Rows::All) {
            Some((_, held)) => *held = row,
            None => self.held.push((group, row)),
        }
    }

    fn let_out(&mut self, moment: Moment) -> Vec<Output> {
        self.count = 0;
        let at = |(_, row): Grouped| Output { moment, ..row };
        self.held.drain(..).map(at).collect()
    }

    /// Of a flush, its rows take the place of what was there; of single rows the last of each group is kept.
    fn show_later(&mut self, mut rows: Vec<Grouped>, flush: bool, clock: i64) {
        if flush {
            rows.retain(|(_, row)| row.sign == Sign::Plus);
            self.held = rows;
        } else {
            for (group, row) in rows {
                self.hold(group, row);
            }
        }
        if !self.held.is_empty() || self.slides {
            self.arm(clock);
        }
    }

    /// What goes out when the timer fires that is due.
    pub fn fire(&mut self, due: i64, scene: Scene<'_>, select: &Select) -> Vec<Output> {
        let moment = Moment::of_timer(due, Mark::Timer);
        self.next = None;
        if self.rate.rows != Rows::Snapshot {
            return self.let_out(moment);
        }
        let shown = match self.slides {
            true => select.shown(scene),
            false => self
                .held
                .iter()
                .map(|(_, row)| row.values.clone())
                .collect(),
        };
        if !self.held.is_empty() || (self.slides && select.holds()) {
            self.arm(due);
        }
        let out = |values| Output::plus(moment, values);
        shown.into_iter().map(out).collect()
    }
}

fn is_of_timer(moment: Moment) -> bool {
    matches!(moment.mark, Mark::Timer | Mark::Close)
}
