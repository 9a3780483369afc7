//! Aggregates over the sessions of `sessionBatch`: rows are folded into the accumulators of their open session, not
//! kept.
//!
//! Why: a session may have any number of rows, and a result reads none of them again.
//! How: rows wait, with the session of each, until a batch ends or something needs the accumulators: a session closes
//! that may have one of them, or two become one. A session that closes gives one row: read columns, those of its last
//! row by time and then by arrival, and aggregates; what follows is a projection. That is right only where all rows of
//! a session are of one group and where their order makes no difference to the aggregates, which the plan sees to.
//! Revisions of builds that held the rows of each session have them still: they are folded before anything else.
//! Cost: O(1) per row that joins the newest session of its key, otherwise that of `Sessions`; memory a session each.

use super::group::{Grouping, Groups, entering};
use super::pane::ReadColumns;
use super::{Changes, Merged};
use crate::event::{Batch, Column, Mark, Sign, Timestamp, Type};
use crate::expr::Program;
use crate::operator::window::{Entered, Keys, Session, SessionId, Sessions, show_in_order};
use crate::operator::{Claims, Counters, Kind, Moment, Operator, Out, counter, newer_counter};
use crate::state::{Cells, Malformed, Newer, Slot, SlotColumns, StateHolder, Visitor};

/// How what closed sessions give goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// Each is a flush of its own.
    Flushes,
    /// As rows that merely travel together: whoever comes next makes of each the same, whichever come with it.
    Rows,
}

/// What a session aggregate is made of, beside its sessions and their keys.
pub(crate) struct SessionQuery {
    /// WHERE.
    pub(crate) condition: Option<Program>,
    /// The calls; the key is that of the sessions.
    pub(crate) grouping: Grouping,
    /// The columns of the input that the projection reads.
    pub(crate) read: ReadColumns,
    /// Columns of the input that earlier builds held of each row.
    pub(crate) held: Vec<usize>,
    pub(crate) closing: Closing,
}

/// Aggregates by session.
pub(crate) struct SessionAggregate {
    keys: Keys,
    sessions: Sessions,
    query: SessionQuery,
    /// By number of the session.
    groups: Groups,
    /// ReadColumns columns of the last row, by number of the session.
    last: SlotColumns,
    /// When that came, by number of the session; where it matters.
    last_at: Cells<Option<Timestamp>>,
    /// Sessions were loaded that have rows.
    holds_rows: bool,
    waiting: Waiting,
    /// For one group on its way from session to session.
    beside: Groups,
    late: u64,
    faults: u64,
}

/// Rows of a batch that are not folded yet.
#[derive(Default)]
struct Waiting {
    rows: Vec<u32>,
    /// The session of each.
    entries: Vec<SessionId>,
    /// The time of each.
    times: Vec<Timestamp>,
    /// The least of these.
    first: Option<Timestamp>,
    kept: Vec<u32>,
    last_rows: Vec<u32>,
    last_entries: Vec<SessionId>,
}

impl Waiting {
    #[inline]
    fn push(&mut self, row: usize, entry: SessionId, at: Timestamp) {
        self.rows.push(row as u32);
        self.entries.push(entry);
        if self.first.is_none_or(|first| at < first) {
            self.first = Some(at);
        }
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.entries.clear();
        self.first = None;
    }

    /// Lets those go for which the condition is not TRUE.
    fn choose(&mut self, condition: &mut Program, batch: &Batch, faults: &mut u64) {
        self.kept.clear();
        let frame = batch.frame_among(Some(&self.rows));
        condition.filter(&frame, faults, &mut self.kept);
        let mut kept = self.kept.iter().peekable();
        let mut rows = self.rows.iter();
        self.entries.retain(|_| {
            let row = rows.next();
            kept.next_if(|kept| Some(*kept) == row).is_some()
        });
        std::mem::swap(&mut self.rows, &mut self.kept);
    }
}

impl SessionAggregate {
    /// Shape: rows that it puts out have the read columns, then the results.
    pub(crate) fn new(gap_us: i64, keys: Keys, held: &Batch, query: SessionQuery) -> Self {
        let held: Vec<_> = held.columns.iter().map(Column::type_of).collect();
        let sessions = Sessions::new(gap_us, 0, &held);
        SessionAggregate {
            keys,
            sessions: sessions.taking_late().folding(),
            groups: Groups::new(&query.grouping),
            beside: Groups::new(&query.grouping),
            last: SlotColumns::new(&query.read.types),
            last_at: Cells::default(),
            query,
            holds_rows: false,
            waiting: Waiting::default(),
            late: 0,
            faults: 0,
        }
    }

    /// Whether it must be known when the last row of a session came that counts, or whether there is one.
    fn knows_last(&self) -> bool {
        self.query.condition.is_some() || self.query.read.needs_last()
    }

    /// A row has opened a session: what all its rows have in common.
    fn open(&mut self, entry: SessionId, batch: &Batch, row: usize) {
        let entries = self.sessions.entries();
        self.groups.ensure_slots(entries);
        self.last.ensure(entries);
        if self.knows_last() {
            self.last_at.ensure(entries);
        }
        let read = &self.query.read;
        let columns = self.last.writing(std::iter::once(entry));
        for (k, column) in columns.iter_mut().enumerate() {
            if read.constant[k] {
                column.set_from(entry as usize, &batch.columns[read.columns[k]], row);
            }
        }
    }

    /// Folds the rows that wait.
    fn fold(&mut self, batch: &Batch) {
        let knows_last = self.knows_last();
        if let Some(condition) = &mut self.query.condition {
            self.waiting.choose(condition, batch, &mut self.faults);
        }
        let w = &mut self.waiting;
        if w.rows.is_empty() {
            return w.clear();
        }
        let some = w.rows.len() < batch.len();
        let rows = some.then_some(w.rows.as_slice());
        w.times.clear();
        if some {
            let times = w.rows.iter().map(|row| batch.at[*row as usize]);
            w.times.extend(times);
        }
        let times: &[Timestamp] = if some { &w.times } else { &batch.at };
        if knows_last {
            w.last_rows.clear();
            w.last_entries.clear();
            for ((entry, at), row) in w.entries.iter().zip(times).zip(&w.rows) {
                if self.last_at.get(*entry).is_none_or(|last| last <= *at) {
                    *self.last_at.get_mut(*entry) = Some(*at);
                    w.last_rows.push(*row);
                    w.last_entries.push(*entry);
                }
            }
            let read = &self.query.read;
            let columns = self.last.writing(w.last_entries.iter().copied());
            let columns = columns.iter_mut().enumerate();
            for (k, column) in columns.filter(|(k, _)| !read.constant[*k]) {
                let from = &batch.columns[read.columns[k]];
                column.scatter(&w.last_entries, from, Some(&w.last_rows));
            }
        }
        let frame = batch.frame_among(rows);
        let changes = Changes {
            at: times,
            ..entering(&w.entries)
        };
        let calls = &mut self.query.grouping.calls;
        let faults = &mut self.faults;
        self.groups.update(calls, &frame, &changes, None, faults);
        w.clear();
    }

    /// Makes two sessions one: the older one stays.
    #[cold]
    fn join(&mut self, older: SessionId, newer: SessionId) {
        self.move_group(newer, older);
        if self.knows_last() {
            if self.last_at.get(newer).is_some() {
                *self.last_at.get_mut(older) = *self.last_at.get(newer);
                for column in self.last.writing(std::iter::once(older)) {
                    column.copy_within(newer as usize, older as usize);
                }
            }
            self.last_at.reset(newer);
        }
        self.sessions.join(older, newer);
    }

    fn move_group(&mut self, from: SessionId, to: SessionId) {
        self.beside.ensure_slots(1);
        let out = Merged {
            from: Some(&[from]),
            to: &[0],
        };
        self.beside.absorb(&self.groups, out);
        self.groups.absorb(&self.beside, Merged::all(&[to]));
        self.groups.reset(from);
        self.beside.clear();
    }

    /// Closes what is due at or before `now`; `batch`: where rows stand that wait.
    #[cold]
    fn fire(
        &mut self,
        (now, cause): (Timestamp, u64),
        batch: Option<&Batch>,
        mut to: Box<Batch>,
        out: &mut Out,
    ) -> Box<Batch> {
        while let Some((entry, session)) = self.sessions.close_next(now) {
            let last = self.sessions.last_at(&session);
            let is_last = session.due == Timestamp(i64::MAX);
            let may_wait = self.waiting.first.filter(|at| *at <= last || is_last);
            if let (Some(batch), Some(_)) = (batch, may_wait) {
                self.fold(batch);
            }
            self.show(entry, &session, cause, &mut to);
            if self.query.closing == Closing::Flushes {
                out.emit(Kind::Flush(session.due), to);
                to = out.batch();
            }
            self.keys.release(session.key);
        }
        to
    }

    /// Appends what a session gives that has closed, and forgets it.
    fn show(&mut self, entry: SessionId, session: &Session, cause: u64, to: &mut Batch) {
        let mut last = Some(self.sessions.last_at(session));
        if self.knows_last() {
            last = *self.last_at.get(entry);
            self.last_at.reset(entry);
        }
        if let Some(last) = last {
            let close = Moment::close(session.due, cause);
            let at = match self.query.closing {
                Closing::Flushes => last,
                Closing::Rows => session.due,
            };
            to.push_moment(Moment { at, ..close }, Sign::Plus);
            let (read, results) = to.columns.split_at_mut(self.last.columns().len());
            for (to, from) in read.iter_mut().zip(self.last.columns()) {
                to.push_from(from, entry as usize);
            }
            self.groups.values(entry, results);
        }
        self.groups.reset(entry);
    }

    /// Folds the rows that sessions of an earlier build have.
    #[cold]
    fn fold_rows_held(&mut self) {
        self.holds_rows = false;
        for entry in 0..self.sessions.entries() as SessionId {
            let Some(id) = self.sessions.take_log(entry) else {
                continue;
            };
            let log = &self.sessions.log;
            if !log.holds(id) || log.len(id) == 0 {
                continue;
            }
            let types = log.columns().iter().map(Column::type_of);
            let mut rows = Batch {
                columns: types.map(Column::new).collect(),
                ..Batch::default()
            };
            let range = log.range(id);
            show_in_order(log, id, range, Moment::default(), Sign::Plus, &mut rows);
            self.sessions.log.close(id);
            // Nothing reads columns that were not held.
            let width = self.query.held.last().map_or(0, |last| last + 1);
            let mut columns: Vec<Column> = Vec::new();
            columns.resize_with(width, || Column::new(Type::Bool));
            let held = self
                .query
                .held
                .iter()
                .zip(std::mem::take(&mut rows.columns));
            held.for_each(|(place, column)| columns[*place] = column);
            rows.columns = columns;
            self.open(entry, &rows, 0);
            (0..rows.len()).for_each(|row| self.waiting.push(row, entry, rows.at[row]));
            self.fold(&rows);
        }
    }

    /// Between batches: forgets keys without a session, and finds out what closes next.
    fn settle(&mut self) {
        self.sessions.settle();
        let sessions = &self.sessions;
        self.keys.forget(|key: Slot| sessions.has(key));
    }
}

impl StateHolder for SessionAggregate {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.keys.state(visitor);
        self.sessions.state(visitor);
        counter(visitor, &mut self.late);
        let newer = &mut Newer(visitor);
        self.groups.visit_accumulators(newer, "aggregate");
        newer.container("last rows", &mut self.last);
        newer.container("times of last rows", &mut self.last_at);
        newer_counter(visitor, &mut self.faults);
        if visitor.is_loading()
            && let Err(why) = self.rebuild()
        {
            visitor.fail(why);
        }
    }
}

impl SessionAggregate {
    /// Checks what was loaded, and makes the order in which sessions close.
    fn rebuild(&mut self) -> Result<(), Malformed> {
        self.sessions.rebuild(&mut Claims::default())?;
        let entries = self.sessions.entries();
        self.groups.ensure_slots(entries);
        self.last.ensure(entries);
        if self.knows_last() {
            self.last_at.ensure(entries);
        }
        self.holds_rows = true;
        let has = |key: Slot| self.sessions.has(key);
        match self.keys.hold(self.sessions.keys(), has) {
            true => Ok(()),
            false => Err(Malformed::new("a session belongs to no key")),
        }
    }

    /// Puts a row into its session; the row is late where there is none.
    #[inline]
    fn enter(&mut self, row: usize, clock: Timestamp, batch: &Batch) -> bool {
        let (key, at) = (self.keys.slots[row], batch.at[row]);
        let Some(entered) = self.sessions.enter(key, clock, at) else {
            return false;
        };
        let Entered {
            mut entry,
            is_new,
            joins,
        } = entered;
        if is_new {
            self.open(entry, batch, row);
        }
        if let Some((older, newer)) = joins {
            self.fold(batch);
            self.join(older, newer);
            entry = older;
        }
        self.waiting.push(row, entry, at);
        true
    }
}

impl Operator for SessionAggregate {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        if self.holds_rows {
            self.fold_rows_held();
        }
        let slots = self.keys.look_up(batch);
        self.sessions.ensure(slots);
        self.keys.release_fresh();
        let mut to = out.batch();
        let is_plain = batch.marks.is_empty();
        for row in 0..batch.len() {
            let clock = batch.clock_of(row);
            let reach = match is_plain {
                true => clock,
                false => Moment::of(batch, row).reach(),
            };
            if self.sessions.due().is_some_and(|due| due <= reach) {
                to = self.fire((reach, batch.cause_of(row)), Some(batch), to, out);
            }
            let is_ahead = !is_plain && batch.mark(row) == Mark::Ahead;
            if is_ahead || !self.enter(row, clock, batch) {
                self.late += 1;
                out.refuse(batch, row);
            }
        }
        self.fold(batch);
        out.emit(Kind::Rows, to);
        self.settle();
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        if self.due().is_some_and(|due| due <= now) {
            if self.holds_rows {
                self.fold_rows_held();
            }
            let to = out.batch();
            let to = self.fire((now, cause), None, to, out);
            out.emit(Kind::Rows, to);
            self.settle();
        }
    }

    fn is_open(&mut self) -> bool {
        self.due().is_some()
    }

    fn close(&mut self, out: &mut Out) {
        self.clock(Timestamp(i64::MAX), 0, out);
    }

    fn due(&self) -> Option<Timestamp> {
        self.sessions.due()
    }

    fn count(&self, into: &mut Counters) {
        into.late_rows += self.late;
        into.value_faults += self.keys.faults + self.faults;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.keys.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        for key in self.keys.keep_keys(keep) {
            self.sessions.remove(key);
        }
        self.sessions.settle();
        for entry in 0..self.sessions.entries() as SessionId {
            if !self.sessions.is_open(entry) {
                self.groups.reset(entry);
                if self.knows_last() {
                    self.last_at.reset(entry);
                }
            }
        }
    }

    fn quiet_after(&self) -> Option<i64> {
        Some(self.sessions.stays_us())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Aggregate, AggregateCall, Rows};
    use super::*;
    use crate::event::{Schema, Value};
    use crate::operator::testing::Revisions;
    use crate::operator::window::SessionWindow;
    use crate::operator::window::testing::{Feed, check, column};

    /// Key, value, nothing, condition.
    const TYPES: [Type; 4] = [Type::String, Type::Int, Type::Long, Type::Bool];
    const GAP_US: i64 = 1_000_000;
    const HELD: [usize; 3] = [0, 1, 3];

    fn types(columns: &[usize]) -> Vec<Type> {
        columns.iter().map(|c| TYPES[*c]).collect()
    }

    fn keys() -> Vec<Program> {
        vec![column(0, Type::String)]
    }

    /// `read…, count(), sum(value), first(value)` by key.
    fn aggregate(columns: &[usize], asks: bool, closing: Closing) -> Box<dyn Operator> {
        let calls = [
            (Aggregate::Count, Type::Long, false),
            (Aggregate::Sum, Type::Long, true),
            (Aggregate::First, Type::Int, true),
        ];
        let calls = calls.into_iter().map(|(aggregate, result, reads)| {
            let args = vec![Type::Int; usize::from(reads)];
            let programs = args.iter().map(|ty| column(1, *ty)).collect();
            let call = AggregateCall {
                aggregate,
                args,
                result,
                rows: Rows::Together,
            };
            (call, programs)
        });
        let query = SessionQuery {
            condition: asks.then(|| column(3, Type::Bool)),
            grouping: Grouping {
                keys: Vec::new(),
                key_types: Vec::new(),
                calls: calls.collect(),
            },
            read: ReadColumns {
                columns: columns.to_vec(),
                types: types(columns),
                constant: columns.iter().map(|c| *c == 0).collect(),
            },
            held: HELD.to_vec(),
            closing,
        };
        let held = Schema::new(types(&HELD).into_iter().map(|ty| ("x", ty)));
        let keys = Keys::new(keys(), &[Type::String]);
        let held = Batch::new(&held);
        Box::new(SessionAggregate::new(GAP_US, keys, &held, query))
    }

    #[test]
    fn rows_are_folded_into_their_sessions() {
        let lines = [
            "lateness 5000",
            "9000 a 1 0 true",
            "7400 a 2 0 true",
            "9100 b 4 0 false",
            "8200 a 3 0 true",
            "9200 b 5 0 true",
            "3999 a 6 0 true",
            "4500 a 7 0 true",
            "clock 20000",
            "21000 c 1 0 false",
            "clock 30000",
            "31000 a 8 0 true",
            "31900 NULL 9 0 true",
            "31950 a NULL 0 true",
            "close",
        ];
        let feed = Feed {
            types: &TYPES,
            keep: &[0, 1, 2, 2, 1],
            lines: &lines,
        };
        // 3 makes one session of 2 and 1; 6 is late, 7 is not; nothing counts of c
        let want = [
            "[5500] + 4500 a 7 1 7 7",
            "[10000] + 9000 a 1 3 6 2",
            "[10200] + 9200 b 5 1 5 5",
            "[22000] ",
            "[32900] + 31900 NULL 9 1 9 9",
            "[32950] + 31950 a NULL 2 8 8",
        ];
        let make = || aggregate(&[0, 1], true, Closing::Flushes);
        assert_eq!(check(&feed, &want, make).late_rows, 1);
        let want = [
            "+ 5500 a 7 1 7 7",
            "+ 10000 a 1 3 6 2",
            "+ 10200 b 5 1 5 5",
            "+ 32900 NULL 9 1 9 9",
            "+ 32950 a NULL 2 8 8",
        ];
        check(&feed, &want, || aggregate(&[0, 1], true, Closing::Rows));
    }

    #[test]
    fn without_a_condition_what_rows_have_in_common_is_kept_once() {
        let lines = [
            "100 a 1 0 true",
            "200 b 2 0 true",
            "300 a 3 0 true",
            "1250 b 4 0 true",
            "1400 a 5 0 true",
            "clock 9000",
        ];
        let feed = Feed {
            types: &TYPES,
            keep: &[0, 2, 2, 1],
            lines: &lines,
        };
        let want = [
            "+ 1200 b 1 2 2",
            "+ 1300 a 2 4 1",
            "+ 2250 b 1 4 4",
            "+ 2400 a 1 5 5",
        ];
        check(&feed, &want, || aggregate(&[0], false, Closing::Rows));
    }

    #[test]
    fn sessions_of_builds_that_held_their_rows_go_on() {
        let schema = Schema::new(TYPES.map(|ty| ("x", ty)));
        let rows = [
            (9_000, "a", 1, true),
            (7_400, "a", 2, true),
            (9_100, "b", 4, false),
            (8_200, "a", 3, true),
        ];
        let mut batch = Batch::new(&schema);
        (batch.tracks_clock, batch.tracks_cause) = (true, true);
        for (cause, (at, key, value, counts)) in (1..).zip(rows) {
            let at = Timestamp::from_millis(at);
            batch.push_moment(
                Moment {
                    at,
                    clock: Timestamp::from_millis(4_000),
                    cause,
                    mark: Mark::Plain,
                },
                Sign::Plus,
            );
            let values = [
                Value::from(key),
                Value::Int(value),
                Value::Long(0),
                Value::Bool(counts),
            ];
            let columns = batch.columns.iter_mut().zip(&values);
            columns.for_each(|(column, value)| assert!(column.push(value)));
        }
        let held = types(&HELD);
        let mut before =
            SessionWindow::batch(GAP_US, keys(), &[Type::String], false, HELD.to_vec(), &held);
        let mut revisions = Revisions::default();
        revisions.track(&mut before);
        before.rows(Kind::Rows, &batch, &mut Out::default());
        revisions.cut(&mut before);
        assert!(revisions.drain(&mut before, usize::MAX));

        let mut now = aggregate(&[0, 1], true, Closing::Rows);
        revisions.load(now.as_mut()).expect("it is its state");
        revisions.track(now.as_mut());
        let out = Schema::new(types(&[0, 1, 2, 2, 1]).into_iter().map(|ty| ("x", ty)));
        let mut out = Out::new(Batch::new(&out));
        // Whatever comes next, the state is that of this build then.
        now.rows(Kind::Rows, &Batch::new(&schema), &mut out);
        revisions.cut(now.as_mut());
        assert!(revisions.drain(now.as_mut(), usize::MAX));
        let mut now = aggregate(&[0, 1], true, Closing::Rows);
        revisions.load(now.as_mut()).expect("it is its own state");
        now.close(&mut out);
        let (_, shown) = out.ready.pop().expect("a session has closed");
        let row: Vec<Value> = shown.columns.iter().map(|c| c.value(0)).collect();
        let want = [
            Value::from("a"),
            Value::Int(1),
            Value::Long(3),
            Value::Long(6),
            Value::Int(2),
        ];
        assert_eq!((shown.len(), row.as_slice()), (1, want.as_slice()));
    }
}
