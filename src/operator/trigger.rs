//! `CREATE TRIGGER`: a row at each of its times.
//!
//! How: it gets no rows; its timer counts from the first clock of the app, and each firing is a row that carries its
//! due time. Of a timer that a jump of the clock would fire more than [`TIMER_CATCH_UP_MAX`] times, the first firings
//! are left out and counted.

use super::rate::{TIMER_CATCH_UP_MAX, Ticks};
use super::window::Crontab;
use super::{Counters, Kind, Moment, Operator, Out, counter};
use crate::event::{Batch, Scalar, Sign, Timestamp};
use crate::state::{StateHolder, Visitor};

/// Firings of a cron expression that are looked for beyond the last one: those of a jump of twelve days and each
/// second. A jump over more leaves out what is beyond [`TIMER_CATCH_UP_MAX`] seconds before its end.
const CRON_STEPS_MAX: u64 = 1_000_000;

/// When a trigger fires.
#[derive(Clone, Debug)]
pub(crate) enum Schedule {
    /// Once, at the first clock of the app.
    Start,
    /// Every so many microseconds after that, at least one.
    Every(i64),
    /// At these times after that.
    Cron(Crontab),
}

/// Writes a row at each time of its schedule.
pub(crate) struct Trigger {
    schedule: Schedule,
    ticks: Ticks,
    /// The first clock of the app.
    start: Option<Timestamp>,
    /// The next firing, but of a period.
    next: Option<Timestamp>,
    skipped: u64,
}

impl Trigger {
    pub(crate) fn new(schedule: Schedule) -> Self {
        let period_us = match &schedule {
            Schedule::Every(us) => *us,
            Schedule::Start | Schedule::Cron(_) => i64::MAX,
        };
        Trigger {
            schedule,
            ticks: Ticks::every(period_us),
            start: None,
            next: None,
            skipped: 0,
        }
    }

    /// The firing due at or before `now`; the timer goes on to the next one.
    fn fire(&mut self, now: Timestamp) -> Option<Timestamp> {
        if let Schedule::Every(_) = self.schedule {
            return self.ticks.fire(now);
        }
        let due = self.next.filter(|due| *due <= now)?;
        self.next = match &self.schedule {
            Schedule::Cron(crontab) => crontab.next(due),
            Schedule::Start | Schedule::Every(_) => None,
        };
        Some(due)
    }

    /// Leaves the first firings of a cron expression out where there would be too many.
    fn skip_cron(&mut self, now: Timestamp) {
        let (Schedule::Cron(crontab), Some(next)) = (&self.schedule, self.next) else {
            return;
        };
        let all = |max: u64| {
            let times = std::iter::successors(Some(next), |due| crontab.next(*due));
            times.take_while(|due| *due <= now).take(max as usize)
        };
        let firings = all(CRON_STEPS_MAX).count() as u64;
        if firings <= TIMER_CATCH_UP_MAX {
            return;
        }
        let over = firings - TIMER_CATCH_UP_MAX;
        self.next = match firings < CRON_STEPS_MAX {
            true => all(over).last().and_then(|due| crontab.next(due)),
            false => crontab.next(now.plus(-1_000_000 * TIMER_CATCH_UP_MAX as i64)),
        };
        self.skipped = self.skipped.saturating_add(over);
    }
}

impl StateHolder for Trigger {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.ticks.state(visitor);
        visitor.register(&mut self.start);
        visitor.register(&mut self.next);
        counter(visitor, &mut self.skipped);
    }
}

impl Operator for Trigger {
    fn rows(&mut self, _kind: Kind, _batch: &Batch, _out: &mut Out) {}

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        if self.due().is_none_or(|due| due > now) {
            return;
        }
        self.skip(now);
        let mut to = out.batch();
        while let Some(due) = self.fire(now) {
            to.push_moment(Moment::timer(due, cause), Sign::Plus);
            let time = &mut to.columns[0];
            time.push_scalar(Scalar::Long(due.millis()));
        }
        out.emit(Kind::Rows, to);
    }

    fn skip(&mut self, now: Timestamp) {
        self.ticks.skip(now);
        self.skip_cron(now);
    }

    fn begin(&mut self, now: Timestamp) {
        if self.start.is_some() || now == Timestamp::MIN {
            return;
        }
        self.start = Some(now);
        match &self.schedule {
            Schedule::Start => self.next = Some(now),
            Schedule::Every(_) => self.ticks.begin(now, true),
            Schedule::Cron(crontab) => self.next = crontab.next(now),
        }
    }

    fn due(&self) -> Option<Timestamp> {
        self.next.or(self.ticks.due())
    }

    fn count(&self, into: &mut Counters) {
        into.limit_rows += self.skipped + self.ticks.skipped();
    }
}
