//! The open sessions of all keys: what a row joins, and which session closes next.
//!
//! How: a key has a list of sessions, newest first; nearly every row joins the newest. Rows that come out of order
//! (within the app's lateness or the window's latency) may join an older one, open one between two, or make two of
//! them one. A tree finds the older ones by their beginning. A session closes `gap + latency` after its last row. A
//! heap holds one entry per session; a session that grew since is put back with its new time when its entry comes up,
//! so a row costs no heap operation until the front is out of date. Tree and heap are indexes: they are rebuilt from
//! the sessions. The log of a session is in the order of arrival; whoever folds rows as they come holds none.
//! Cost: O(log n) per row and per close, of n sessions; O(1) per row that joins the newest session of its key.

use crate::event::{Batch, Timestamp, Type};
use crate::operator::{Claims, counter, words_cell};
use crate::state::{Cells, LogId, Malformed, RowLog, Slab, Slot, StateHolder, Visitor};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::Bound;

/// Number of an open session; that of one that has closed is given to another.
pub(crate) type SessionId = u32;

/// Names no log: the rows of a session are not held.
const NO_LOG: LogId = LogId::MAX;

/// Rows of one key with less than the gap between one and the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Session {
    pub(crate) key: Slot,
    pub(crate) log: LogId,
    /// When the session closes.
    pub(crate) due: Timestamp,
    first: Timestamp,
    /// One gap after the last row.
    end: Timestamp,
    /// Tells sessions that begin at one time apart, in the order of their first rows.
    order: u64,
    older: Option<SessionId>,
}

// `older` is one more than the entry, 0 for none.
words_cell!(
    Session,
    "session",
    7,
    |s| [
        u64::from(s.key),
        u64::from(s.log),
        s.due.0 as u64,
        s.first.0 as u64,
        s.end.0 as u64,
        s.order,
        s.older.map_or(0, |older| u64::from(older) + 1),
    ],
    |w| Some(Session {
        key: Slot::try_from(w[0]).ok()?,
        log: LogId::try_from(w[1]).ok()?,
        due: Timestamp(w[2] as i64),
        first: Timestamp(w[3] as i64),
        end: Timestamp(w[4] as i64),
        order: w[5],
        older: match w[6] {
            0 => None,
            entry => Some(SessionId::try_from(entry - 1).ok()?),
        },
    })
);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Closing {
    due: Timestamp,
    first: Timestamp,
    order: u64,
    entry: SessionId,
}

/// The session into which a row came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entered {
    pub(crate) entry: SessionId,
    /// The row opened it.
    pub(crate) is_new: bool,
    /// It and a neighbour, the older one first, that are one session now: [`Sessions::join`] follows.
    pub(crate) joins: Option<(SessionId, SessionId)>,
}

impl Session {
    /// Its place among those that close: by time, then by beginning.
    fn closing(&self, entry: SessionId) -> Reverse<Closing> {
        Reverse(Closing {
            due: self.due,
            first: self.first,
            order: self.order,
            entry,
        })
    }
}

/// Sessions by key.
#[derive(Debug)]
pub(crate) struct Sessions {
    gap_us: i64,
    latency_us: i64,
    pub(crate) log: RowLog,
    newest: Cells<Option<SessionId>>,
    sessions: Slab<Session>,
    /// The sessions that are not the newest of their key, by key and beginning.
    older: BTreeMap<(Slot, Timestamp), SessionId>,
    closing: BinaryHeap<Reverse<Closing>>,
    /// Numbers given as `order`.
    opened: u64,
    /// A row behind the clock joins a session that is open.
    takes_late: bool,
    /// Rows are held, in a log for each session.
    holds_rows: bool,
}

impl Sessions {
    pub(crate) fn new(gap_us: i64, latency_us: i64, types: &[Type]) -> Self {
        assert!(gap_us > 0 && latency_us >= 0, "a session has a gap");
        Sessions {
            gap_us,
            latency_us,
            log: RowLog::new(types),
            newest: Cells::default(),
            sessions: Slab::default(),
            older: BTreeMap::new(),
            closing: BinaryHeap::new(),
            opened: 0,
            takes_late: false,
            holds_rows: true,
        }
    }

    /// Sessions that a row behind the clock joins while they are open.
    pub(crate) fn taking_late(self) -> Self {
        Sessions {
            takes_late: true,
            ..self
        }
    }

    /// Sessions whose rows are not held. Those of revisions that held them have a log until [`Sessions::take_log`].
    pub(crate) fn folding(self) -> Self {
        Sessions {
            holds_rows: false,
            ..self
        }
    }

    /// When the last row of a session came, but for times at the end of all.
    pub(crate) fn last_at(&self, session: &Session) -> Timestamp {
        session.end.plus(-self.gap_us)
    }

    /// One more than the greatest number of a session ever given.
    pub(crate) fn entries(&self) -> usize {
        self.sessions.entries()
    }

    /// Takes the log of a session away, which is the caller's then; none where there is none.
    pub(crate) fn take_log(&mut self, entry: SessionId) -> Option<LogId> {
        let log = self.sessions.find(entry)?.log;
        if log == NO_LOG {
            return None;
        }
        self.sessions.get_mut(entry).log = NO_LOG;
        Some(log)
    }

    /// Whether a session is open.
    pub(crate) fn is_open(&self, entry: SessionId) -> bool {
        self.sessions.find(entry).is_some()
    }

    /// How long after a row its session is closed at the latest, unless another one comes.
    pub(crate) fn stays_us(&self) -> i64 {
        self.gap_us.saturating_add(self.latency_us)
    }

    /// Makes room for keys below `slots`.
    pub(crate) fn ensure(&mut self, slots: usize) {
        self.newest.ensure(slots);
    }

    /// Whether a key has an open session.
    pub(crate) fn has(&self, key: Slot) -> bool {
        self.newest.find(key).is_some_and(Option::is_some)
    }

    /// One more than the greatest key that may have a session.
    pub(crate) fn keys(&self) -> usize {
        self.newest.len()
    }

    /// Drops the sessions of a key. [`Sessions::settle`] follows.
    pub(crate) fn remove(&mut self, key: Slot) {
        let mut next = self.newest.find(key).copied().flatten();
        if next.is_some() {
            self.newest.reset(key);
        }
        while let Some(entry) = next {
            let session = self.sessions.remove(entry);
            self.older.remove(&(key, session.first));
            if session.log != NO_LOG {
                self.log.close(session.log);
            }
            next = session.older;
        }
    }

    /// Checks the sessions that were loaded, claims their logs and makes the heap.
    pub(crate) fn rebuild(&mut self, claims: &mut Claims) -> Result<(), Malformed> {
        let wrong = || Malformed::new("the sessions of a key are not a list");
        self.closing.clear();
        self.older.clear();
        for key in 0..self.newest.len() as Slot {
            let (mut next, mut newer) = (*self.newest.get(key), None);
            while let Some(entry) = next {
                let session = self.sessions.find(entry).ok_or_else(wrong)?;
                if self.holds_rows || session.log != NO_LOG {
                    claims.claim(&self.log, session.log, 1)?;
                }
                // Each begins before the next newer one, so a list that leads back into itself ends here.
                let follows = newer.is_none_or(|newer| session.end <= newer);
                let is_one = session.key == key && session.order < self.opened;
                if !is_one || !follows || session.first >= session.end {
                    return Err(wrong());
                }
                self.closing.push(session.closing(entry));
                if newer.is_some() {
                    self.older.insert((key, session.first), entry);
                }
                (next, newer) = (session.older, Some(session.first));
            }
        }
        Ok(())
    }

    /// Puts a row into a session of its key. False, and the row is not held, when it is late: it comes behind the clock
    /// and joins no open session, or may not.
    pub(crate) fn insert(
        &mut self,
        key: Slot,
        clock: Timestamp,
        batch: &Batch,
        keep: &[usize],
        row: usize,
    ) -> bool {
        let at = batch.at[row];
        let Some(entered) = self.enter(key, clock, at) else {
            return false;
        };
        let log = self.sessions.get(entered.entry).log;
        self.log.push(log, at, batch, keep, row);
        if let Some((older, newer)) = entered.joins {
            self.join(older, newer);
        }
        true
    }

    /// The session of its key that a row extends or opens; none where it is late.
    #[inline]
    pub(crate) fn enter(&mut self, key: Slot, clock: Timestamp, at: Timestamp) -> Option<Entered> {
        if at < clock && self.latency_us == 0 && !self.takes_late {
            return None;
        }
        let newest = *self.newest.get(key);
        let newest = newest.map(|entry| (entry, self.sessions.get(entry)));
        match newest {
            Some((entry, session)) if session.first <= at && at < session.end => {
                let end = at.plus(self.gap_us);
                if end > session.end {
                    self.extend(entry, end);
                }
                Some(Entered {
                    entry,
                    is_new: false,
                    joins: None,
                })
            }
            _ => self.enter_any(key, clock, at),
        }
    }

    fn extend(&mut self, entry: SessionId, end: Timestamp) {
        let session = self.sessions.get_mut(entry);
        session.end = end;
        session.due = end.plus(self.latency_us);
    }

    /// As [`Sessions::enter`], where the row may not just extend the newest session.
    fn enter_any(&mut self, key: Slot, clock: Timestamp, at: Timestamp) -> Option<Entered> {
        let (newer, place) = self.find(key, at);
        let found = place.filter(|e| self.fits(*e, at));
        let entry = match found {
            Some(entry) => entry,
            None if at < clock => return None,
            None => self.open(key, at, newer, place),
        };
        let end = at.plus(self.gap_us);
        let session = *self.sessions.get(entry);
        if end > session.end {
            self.extend(entry, end);
        }
        let (first, end, older) = (session.first.min(at), session.end.max(end), session.older);
        if at < session.first {
            self.begin_earlier(entry, at, newer.is_none());
        }
        let newer = newer.filter(|n| self.sessions.get(*n).first < end);
        let older = older.filter(|o| first < self.sessions.get(*o).end);
        let joins = match (newer, older) {
            (Some(newer), _) => Some((entry, newer)),
            (None, Some(older)) => Some((older, entry)),
            (None, None) => None,
        };
        Some(Entered {
            entry,
            is_new: found.is_none(),
            joins,
        })
    }

    /// A row comes before all others of a session, which may be the newest of its key.
    fn begin_earlier(&mut self, entry: SessionId, at: Timestamp, is_newest: bool) {
        let session = self.sessions.get_mut(entry);
        let before = std::mem::replace(&mut session.first, at);
        session.order = self.opened;
        self.opened += 1;
        let key = session.key;
        self.closing.push(session.closing(entry));
        if !is_newest {
            self.older.remove(&(key, before));
            self.older.insert((key, at), entry);
        }
    }

    /// The newest session of a key that begins less than a gap after `at` or before it, and the one that follows it.
    fn find(&self, key: Slot, at: Timestamp) -> (Option<SessionId>, Option<SessionId>) {
        let Some(newest) = *self.newest.get(key) else {
            return (None, None);
        };
        let end = at.plus(self.gap_us);
        if end > self.sessions.get(newest).first {
            return (None, Some(newest));
        }
        let range = (key, Timestamp(i64::MIN))..(key, end);
        match self.older.range(range).next_back() {
            Some((_, place)) => (self.above(key, *place), Some(*place)),
            None => {
                let oldest = self.older.range((key, end)..=(key, Timestamp(i64::MAX)));
                let oldest = oldest.map(|(_, entry)| *entry).next();
                (oldest.or(Some(newest)), None)
            }
        }
    }

    fn fits(&self, entry: SessionId, at: Timestamp) -> bool {
        at < self.sessions.get(entry).end
    }

    fn open(
        &mut self,
        key: Slot,
        at: Timestamp,
        newer: Option<SessionId>,
        older: Option<SessionId>,
    ) -> SessionId {
        let (end, order) = (at.plus(self.gap_us), self.opened);
        let due = end.plus(self.latency_us);
        let log = match self.holds_rows {
            true => self.log.open(),
            false => NO_LOG,
        };
        let session = Session {
            key,
            log,
            due,
            first: at,
            end,
            order,
            older,
        };
        let entry = self.sessions.insert(session);
        match (newer, older) {
            (Some(_), _) => drop(self.older.insert((key, at), entry)),
            (None, Some(older)) => {
                let first = self.sessions.get(older).first;
                self.older.insert((key, first), older);
            }
            (None, None) => {}
        }
        self.link(key, newer, Some(entry));
        self.opened += 1;
        self.closing.push(session.closing(entry));
        entry
    }

    /// Makes `to` the session that is older than `newer`, or the newest.
    fn link(&mut self, key: Slot, newer: Option<SessionId>, to: Option<SessionId>) {
        match newer {
            Some(newer) => self.sessions.get_mut(newer).older = to,
            None => *self.newest.get_mut(key) = to,
        }
    }

    /// Makes two neighbours one: the older one stays.
    pub(crate) fn join(&mut self, older: SessionId, newer: SessionId) {
        let (a, b) = (*self.sessions.get(older), *self.sessions.get(newer));
        if self.holds_rows {
            self.log.append(a.log, b.log);
        }
        let above = self.above(b.key, newer);
        self.older.remove(&(a.key, a.first));
        if above.is_some() {
            self.older.remove(&(b.key, b.first));
            self.older.insert((a.key, a.first), older);
        }
        *self.sessions.get_mut(older) = Session {
            due: b.due,
            end: b.end,
            ..a
        };
        self.sessions.remove(newer);
        self.link(b.key, above, Some(older));
    }

    /// The session of a key that is next newer than `entry`.
    fn above(&self, key: Slot, entry: SessionId) -> Option<SessionId> {
        let newest = *self.newest.get(key);
        if newest == Some(entry) {
            return None;
        }
        let first = self.sessions.get(entry).first;
        let behind = (
            Bound::Excluded((key, first)),
            Bound::Included((key, Timestamp(i64::MAX))),
        );
        let next = self.older.range(behind).next();
        next.map(|(_, entry)| *entry).or(newest)
    }

    /// Brings the front of the heap up to date.
    pub(crate) fn settle(&mut self) {
        while let Some(mut front) = self.closing.peek_mut() {
            let Closing {
                due,
                first,
                order,
                entry,
            } = front.0;
            let is_it = |s: &&Session| s.order == order && s.first == first;
            match self.sessions.find(entry).filter(is_it) {
                None => {
                    PeekMut::pop(front);
                }
                Some(session) if session.due > due => front.0.due = session.due,
                Some(_) => break,
            }
        }
    }

    /// When the next session closes; exact after [`Sessions::settle`], otherwise it may be early.
    #[inline]
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.closing.peek().map(|c| c.0.due)
    }

    /// Takes the next session out that closes at or before `now`, and says which it was. Its log stays open: it is the
    /// caller's.
    pub(crate) fn close_next(&mut self, now: Timestamp) -> Option<(SessionId, Session)> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        self.settle();
        let entry = self.closing.peek().filter(|c| c.0.due <= now)?.0.entry;
        self.closing.pop();
        let session = *self.sessions.get(entry);
        let above = self.above(session.key, entry);
        match (above, session.older) {
            (Some(_), _) => drop(self.older.remove(&(session.key, session.first))),
            (None, Some(older)) => {
                let first = self.sessions.get(older).first;
                self.older.remove(&(session.key, first));
            }
            (None, None) => {}
        }
        self.link(session.key, above, session.older);
        self.sessions.remove(entry);
        Some((entry, session))
    }
}

impl StateHolder for Sessions {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.log.state(visitor);
        visitor.container("newest", &mut self.newest);
        self.sessions.state(visitor);
        counter(visitor, &mut self.opened);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Schema, Value};

    const GAP: i64 = 10;

    /// An open session as the definition has it: key, rows (time, number).
    type Plain = (Slot, Vec<(i64, i64)>);

    fn due(session: &Plain, latency: i64) -> i64 {
        session.1.iter().map(|r| r.0).max().unwrap_or(0) + GAP + latency
    }

    /// Closes what is due: times and rows.
    fn close_plain(open: &mut Vec<Plain>, now: i64, latency: i64) -> Vec<(i64, Vec<(i64, i64)>)> {
        let (mut closing, rest): (Vec<_>, Vec<_>) =
            open.drain(..).partition(|s| due(s, latency) <= now);
        *open = rest;
        closing.sort_by_key(|s| (due(s, latency), s.1[0]));
        closing
            .into_iter()
            .map(|s| (due(&s, latency), s.1))
            .collect()
    }

    fn insert_plain(open: &mut Vec<Plain>, key: Slot, row: (i64, i64), late: bool) -> bool {
        let near = |s: &Plain| s.0 == key && s.1.iter().any(|r| (r.0 - row.0).abs() < GAP);
        let (near, rest): (Vec<_>, Vec<_>) = open.drain(..).partition(near);
        *open = rest;
        if near.is_empty() && late {
            return false;
        }
        let mut rows: Vec<_> = near.into_iter().flat_map(|s| s.1).chain([row]).collect();
        rows.sort_by_key(|r| (r.0, r.1));
        open.push((key, rows));
        true
    }

    #[test]
    fn sessions_follow_their_definition() {
        let mut seed = 5u64;
        let mut random = move |n: i64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % n as u64) as i64
        };
        let cases = [(0, 0), (0, 40), (15, 0), (30, 25)];
        let cases = cases.map(|(latency, lateness)| (latency, lateness, false));
        for (latency, lateness, takes_late) in
            cases.into_iter().chain([(0, 0, true), (0, 40, true)])
        {
            let mut sessions = Sessions::new(GAP, latency, &[Type::Long]);
            if takes_late {
                sessions = sessions.taking_late();
            }
            sessions.ensure(4);
            let (mut open, mut closed, mut merged) = (Vec::new(), 0, 0);
            let (mut newest, mut clock) = (0, 0);
            for number in 0..20_000 {
                newest += random(4);
                let at = newest - random(60);
                clock = clock.max(at.max(newest - 5) - lateness);
                let mut got = Vec::new();
                while let Some((_, session)) = sessions.close_next(Timestamp(clock)) {
                    let rows = sessions.log.range(session.log).map(|seq| {
                        let index = sessions.log.index(session.log, seq);
                        match sessions.log.columns()[0].value(index) {
                            Value::Long(number) => (sessions.log.at(session.log, seq).0, number),
                            other => panic!("{other:?}"),
                        }
                    });
                    let mut rows: Vec<_> = rows.collect();
                    rows.sort_unstable();
                    got.push((session.due.0, rows));
                    sessions.log.close(session.log);
                }
                let want = close_plain(&mut open, clock, latency);
                assert_eq!(
                    got, want,
                    "row {number}, latency {latency}, lateness {lateness}"
                );
                closed += got.len();
                let mut batch = Batch::new(&Schema::new([("number", Type::Long)]));
                batch.at.push(Timestamp(at));
                assert!(batch.columns[0].push(&Value::Long(number)));
                let key = random(3) as Slot;
                let before = open.len();
                let held = sessions.insert(key, Timestamp(clock), &batch, &[0], 0);
                let late = at < clock;
                let want = !(at < clock && latency == 0 && !takes_late)
                    && insert_plain(&mut open, key, (at, number), late);
                assert_eq!(held, want, "row {number}");
                merged += usize::from(open.len() < before);
                if number % 3 == 0 {
                    sessions.settle();
                    let next = open.iter().map(|s| due(s, latency)).min();
                    assert_eq!(sessions.due().map(|d| d.0), next);
                }
            }
            assert!(closed > 300, "{closed} sessions closed");
            assert!(
                merged > 0 || lateness + latency == 0 || takes_late,
                "sessions were joined"
            );
            assert!(sessions.closing.len() < 100 && sessions.sessions.len() < 100);
        }
    }
}
