//! `session(gap [, key [, latency]])`: rows pass as they come and expire together when their session closes.
//! `sessionBatch(gap [, key])`: the rows of a session are flushed when it closes.
//!
//! A session closes when `gap + latency` has passed since its last row; a row exactly one gap after the last begins a
//! new one. A row behind the clock joins a session that waits out its latency, or any open one of `sessionBatch`; it
//! opens none, because it may belong to one that has closed and is forgotten. Otherwise it is late: dropped and
//! counted. A key whose last session has closed is forgotten. What leaves is in the order of time, then of arrival.

use super::held::show_in_order;
use super::keys::Keys;
use super::sessions::{Session, Sessions};
use crate::event::{Batch, Mark, Sign, Timestamp, Type};
use crate::expr::Program;
use crate::operator::{Claims, Counters, Kind, Moment, Operator, Out, counter};
use crate::state::{Cells, LogId, Malformed, Slot, StateHolder, Visitor};

/// What a session window emits.
#[derive(Debug)]
enum Emission {
    /// Rows as they come, and as they expire.
    Rows,
    /// Flushes.
    Flushes,
    /// Flushes, and before the rows of a session those of the last one of the same key, which expire.
    ExpiringFlushes(Cells<Option<LogId>>),
}

/// Sessions of rows by key.
pub(crate) struct SessionWindow {
    keys: Keys,
    keep: Vec<usize>,
    sessions: Sessions,
    emission: Emission,
    late: u64,
}

impl SessionWindow {
    /// `session`: `gap_us` at least 1; `latency_us` 0 when rows behind the clock are to be dropped. No key: one
    /// session.
    pub(crate) fn new(
        gap_us: i64,
        latency_us: i64,
        keys: Vec<Program>,
        key_types: &[Type],
        keep: Vec<usize>,
        types: &[Type],
    ) -> Self {
        let keys = Keys::new(keys, key_types);
        let sessions = Sessions::new(gap_us, latency_us, types);
        SessionWindow {
            keys,
            keep,
            sessions,
            emission: Emission::Rows,
            late: 0,
        }
    }

    /// `sessionBatch`. With `expires` a key keeps the rows of its last session, and is not forgotten.
    pub(crate) fn batch(
        gap_us: i64,
        keys: Vec<Program>,
        key_types: &[Type],
        expires: bool,
        keep: Vec<usize>,
        types: &[Type],
    ) -> Self {
        let emission = if expires {
            Emission::ExpiringFlushes(Cells::default())
        } else {
            Emission::Flushes
        };
        let window = SessionWindow::new(gap_us, 0, keys, key_types, keep, types);
        SessionWindow {
            emission,
            sessions: window.sessions.taking_late(),
            ..window
        }
    }

    /// Closes what is due at or before `now`.
    fn fire(
        &mut self,
        now: Timestamp,
        cause: u64,
        mut to: Box<Batch>,
        out: &mut Out,
    ) -> Box<Batch> {
        while let Some((_, session)) = self.sessions.close_next(now) {
            match self.emission {
                Emission::Rows => {
                    let (log, first) = (&mut self.sessions.log, to.at.len());
                    let rows = log.range(session.log);
                    let moment = Moment::timer(session.due, cause);
                    show_in_order(log, session.log, rows, moment, Sign::Minus, &mut to);
                    to.at[first..].fill(session.due);
                    log.close(session.log);
                }
                _ => {
                    self.flush(&session, Moment::close(session.due, cause), &mut to);
                    out.emit(Kind::Flush(session.due), to);
                    to = out.batch();
                }
            }
            self.keys.release(session.key);
        }
        to
    }

    fn flush(&mut self, session: &Session, moment: Moment, to: &mut Batch) {
        let before = match &mut self.emission {
            Emission::ExpiringFlushes(last) => last.get_mut(session.key).replace(session.log),
            _ => None,
        };
        let log = &mut self.sessions.log;
        for (id, sign) in before
            .map(|id| (id, Sign::Minus))
            .into_iter()
            .chain([(session.log, Sign::Plus)])
        {
            show_in_order(log, id, log.range(id), moment, sign, to);
        }
        match self.emission {
            Emission::ExpiringFlushes(_) => before.into_iter().for_each(|id| log.close(id)),
            _ => log.close(session.log),
        }
    }

    /// Between batches: forgets keys without a session, and makes `due` exact.
    fn settle(&mut self) {
        self.sessions.settle();
        let (sessions, emission) = (&self.sessions, &self.emission);
        self.keys.forget(|key: Slot| {
            let kept = match emission {
                Emission::ExpiringFlushes(last) => last.get(key).is_some(),
                Emission::Rows | Emission::Flushes => false,
            };
            kept || sessions.has(key)
        });
    }
}

impl StateHolder for SessionWindow {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.keys.state(visitor);
        self.sessions.state(visitor);
        if let Emission::ExpiringFlushes(last) = &mut self.emission {
            visitor.container("last logs", last);
        }
        counter(visitor, &mut self.late);
        if visitor.is_loading()
            && let Err(why) = self.rebuild()
        {
            visitor.fail(why);
        }
    }
}

impl SessionWindow {
    /// Checks what was loaded, and makes the order in which sessions close.
    fn rebuild(&mut self) -> Result<(), Malformed> {
        let mut claims = Claims::default();
        self.sessions.rebuild(&mut claims)?;
        let mut slots = self.sessions.keys();
        let mut last_of: &dyn Fn(Slot) -> Option<LogId> = &|_| None;
        let last_in;
        if let Emission::ExpiringFlushes(last) = &self.emission {
            slots = slots.max(last.len());
            last_in = |key| last.find(key).copied().flatten();
            last_of = &last_in;
        }
        for id in (0..slots as Slot).filter_map(last_of) {
            claims.claim(&self.sessions.log, id, 0)?;
        }
        let in_use = |key| last_of(key).is_some() || self.sessions.has(key);
        if self.keys.hold(slots, in_use) {
            Ok(())
        } else {
            Err(Malformed::new("a session belongs to no key"))
        }
    }
}

impl Operator for SessionWindow {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let slots = self.keys.look_up(batch);
        self.sessions.ensure(slots);
        if let Emission::ExpiringFlushes(last) = &mut self.emission {
            last.ensure(slots);
        }
        self.keys.release_fresh();
        let mut to = out.batch();
        for row in 0..batch.len() {
            let moment = Moment::of(batch, row);
            to = self.fire(moment.reach(), moment.cause, to, out);
            let key = self.keys.slots[row];
            if moment.mark == Mark::Ahead
                || !self
                    .sessions
                    .insert(key, moment.clock, batch, &self.keep, row)
            {
                self.late += 1;
                out.refuse(batch, row);
            } else if matches!(self.emission, Emission::Rows) {
                to.push_row(batch, &self.keep, row, moment, Sign::Plus);
            }
        }
        out.emit(Kind::Rows, to);
        self.settle();
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        if self.due().is_some_and(|due| due <= now) {
            let to = out.batch();
            let to = self.fire(now, cause, to, out);
            out.emit(Kind::Rows, to);
            self.settle();
        }
    }

    fn is_open(&mut self) -> bool {
        !matches!(self.emission, Emission::Rows) && self.due().is_some()
    }

    fn close(&mut self, out: &mut Out) {
        self.clock(Timestamp(i64::MAX), 0, out);
    }

    fn due(&self) -> Option<Timestamp> {
        self.sessions.due()
    }

    fn count(&self, into: &mut Counters) {
        into.late_rows += self.late;
        into.value_faults += self.keys.faults;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.keys.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        for key in self.keys.keep_keys(keep) {
            self.sessions.remove(key);
            if let Emission::ExpiringFlushes(last) = &mut self.emission
                && let Some(id) = last.find(key).copied().flatten()
            {
                self.sessions.log.close(id);
                last.reset(key);
            }
        }
        self.sessions.settle();
    }

    /// Where the last session of a key stays, it does so until the next one closes.
    fn quiet_after(&self) -> Option<i64> {
        match self.emission {
            Emission::Rows | Emission::Flushes => Some(self.sessions.stays_us()),
            Emission::ExpiringFlushes(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Feed, check, column};
    use super::*;
    use crate::event::{Schema, Value};

    const TYPES: [Type; 2] = [Type::String, Type::Int];

    fn feed<'a>(lines: &'a [&'a str]) -> Feed<'a> {
        Feed {
            types: &TYPES,
            keep: &[0, 1],
            lines,
        }
    }

    fn session(latency_us: i64) -> SessionWindow {
        let keys = vec![column(0, Type::String)];
        SessionWindow::new(
            1_000_000,
            latency_us,
            keys,
            &[Type::String],
            vec![0, 1],
            &TYPES,
        )
    }

    fn batch(expires: bool) -> SessionWindow {
        let keys = vec![column(0, Type::String)];
        SessionWindow::batch(
            1_000_000,
            keys,
            &[Type::String],
            expires,
            vec![0, 1],
            &TYPES,
        )
    }

    #[test]
    fn conformance_session_two_sessions() {
        let lines = [
            "1000000 u 101",
            "1000010 u 102",
            "1001510 u 103",
            "1001520 u 104",
            "clock 1004500",
        ];
        let want = [
            "+ 1000000 u 101",
            "+ 1000010 u 102",
            "- 1001010 u 101",
            "- 1001010 u 102",
            "+ 1001510 u 103",
            "+ 1001520 u 104",
            "- 1002520 u 103",
            "- 1002520 u 104",
        ];
        check(&feed(&lines), &want, || Box::new(session(0)));
    }

    #[test]
    fn keys_close_by_due_time_then_by_creation() {
        let lines = [
            "100 b 1",
            "100 a 2",
            "200 c 3",
            "300 NULL 4",
            "300 c 5",
            "299 c 6",
            "1100 a 7",
            "1250 b 8",
            "clock 1300",
            "close",
            "5000 a 9",
            "close",
        ];
        let want = [
            "+ 100 b 1",
            "+ 100 a 2",
            "+ 200 c 3",
            "+ 300 NULL 4",
            "+ 300 c 5",
            "- 1100 b 1",
            "- 1100 a 2",
            "+ 1100 a 7",
            "+ 1250 b 8",
            "- 1300 c 3",
            "- 1300 c 5",
            "- 1300 NULL 4",
            "- 2100 a 7",
            "- 2250 b 8",
            "+ 5000 a 9",
            "- 6000 a 9",
        ];
        let count = check(&feed(&lines), &want, || Box::new(session(0)));
        assert_eq!(count.late_rows, 1);
    }

    #[test]
    fn a_session_waits_for_late_rows() {
        let lines = [
            "1000 a 1",
            "5000 b 0",
            "4900 a 2",
            "6000 a 3",
            "7100 a 4",
            "6400 a 5",
            "6900 a 6",
            "clock 8500",
            "7200 a 7",
            "clock 9000",
        ];
        // 2 is within no session of a; 5 and 6 make one session of 3 and 4; 7 comes within the latency of that
        let want = [
            "+ 1000 a 1",
            "- 2500 a 1",
            "+ 5000 b 0",
            "+ 6000 a 3",
            "- 6500 b 0",
            "+ 7100 a 4",
            "+ 6400 a 5",
            "+ 6900 a 6",
            "+ 7200 a 7",
            "- 8700 a 3",
            "- 8700 a 5",
            "- 8700 a 6",
            "- 8700 a 4",
            "- 8700 a 7",
        ];
        let count = check(&feed(&lines), &want, || Box::new(session(500_000)));
        assert_eq!(count.late_rows, 1);
    }

    #[test]
    fn rows_within_the_lateness_find_or_open_their_session() {
        let lines = [
            "lateness 5000",
            "9000 a 1",
            "6000 a 2",
            "7500 a 3",
            "6900 a 4",
            "8200 a 5",
            "4000 a 6",
            "3999 a 7",
            "clock 20000",
        ];
        let want = [
            "+ 9000 a 1",
            "+ 6000 a 2",
            "+ 7500 a 3",
            "+ 6900 a 4",
            "+ 8200 a 5",
            "+ 4000 a 6",
            "- 5000 a 6",
            "- 10000 a 2",
            "- 10000 a 4",
            "- 10000 a 3",
            "- 10000 a 5",
            "- 10000 a 1",
        ];
        let count = check(&feed(&lines), &want, || Box::new(session(0)));
        assert_eq!(count.late_rows, 1);
    }

    #[test]
    fn a_batch_is_one_flush_per_session() {
        let lines = [
            "100 a 1",
            "200 b 2",
            "300 a 3",
            "1250 b 4",
            "1400 a 5",
            "clock 9000",
        ];
        let want = [
            "[1200] + 200 b 2",
            "[1300] + 100 a 1, + 300 a 3",
            "[2250] + 1250 b 4",
            "[2400] + 1400 a 5",
        ];
        check(&feed(&lines), &want, || Box::new(batch(false)));
        let want = [
            "[1200] + 200 b 2",
            "[1300] + 100 a 1, + 300 a 3",
            "[2250] - 200 b 2, + 1250 b 4",
            "[2400] - 100 a 1, - 300 a 3, + 1400 a 5",
        ];
        check(&feed(&lines), &want, || Box::new(batch(true)));
    }

    #[test]
    fn one_session_without_a_key() {
        let lines = ["100 a 1", "900 b 2", "1900 c 3", "close"];
        let want = [
            "+ 100 a 1",
            "+ 900 b 2",
            "- 1900 a 1",
            "- 1900 b 2",
            "+ 1900 c 3",
            "- 2900 c 3",
        ];
        let make = || SessionWindow::new(1_000_000, 0, Vec::new(), &[], vec![0, 1], &TYPES);
        check(&feed(&lines), &want, || Box::new(make()));
    }

    #[test]
    fn closed_keys_are_forgotten() {
        let mut window = session(0);
        let schema = Schema::new([("k", Type::String), ("v", Type::Int)]);
        let mut out = Out::new(Batch::new(&schema));
        for i in 0..5_000i32 {
            let mut batch = Batch::new(&schema);
            batch.at.push(Timestamp(i64::from(i) * 100_000));
            assert!(batch.columns[0].push(&Value::from(format!("key {i}"))));
            assert!(batch.columns[1].push(&Value::Int(i)));
            window.rows(Kind::Rows, &batch, &mut out);
            assert!(window.keys.len() <= 10);
        }
        window.close(&mut out);
        assert_eq!((window.keys.len(), window.due()), (0, None));
    }
}
