//! `tumbling(t [, offset])` and `hop(size, slide)` over rows that are kept: windows on a grid.
//!
//! How: a row is kept once, in the pane that holds its time; a window is some neighbouring panes. A row goes into every
//! window of its time that has not ended, whenever it comes; it is late when all of them have. What leaves is in the
//! order of time, then of arrival. Two columns are appended to every row that leaves: start and end of its window in
//! milliseconds.
//! Source of the panes: Li et al., "No Pane, No Gain", SIGMOD Record 2005.

use super::held::{keep_keys, show_in_order};
use crate::event::{Batch, Mark, Sign, Timestamp, Type, Value};
use crate::operator::{Claims, Counters, Kind, Moment, Operator, Out, counter};
use crate::state::{LogId, Malformed, Register, RegisterReader, RowLog, StateHolder, Visitor};
use std::collections::VecDeque;

/// Where windows begin and end, in microseconds: one begins at `offset + k · slide` for every whole k and is `size`
/// long. Panes are what lies between two neighbouring borders: one per slide where `size` is a multiple of it,
/// otherwise two, whose lengths take turns.
///
/// Source of the two: Krishnamurthy et al., "On-the-fly sharing for streamed aggregation", SIGMOD 2006.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panes {
    pub(crate) size_us: i64,
    pub(crate) slide_us: i64,
    offset_us: i64,
    /// How far behind each beginning of a window another one ends; 0 where they coincide.
    rest_us: i64,
}

/// What becomes of a row of a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It goes in: a window of the pane is open.
    Open,
    /// It lies between windows: it is in none, and not late.
    Gap,
    /// All windows of the pane have ended, or it is too far ahead.
    Late,
}

impl Panes {
    /// Windows of a size, at least 1, one every `slide_us`, at least 1.
    pub(crate) fn new(size_us: i64, slide_us: i64, offset_us: i64) -> Self {
        Panes {
            size_us,
            slide_us,
            offset_us,
            rest_us: size_us % slide_us,
        }
    }

    /// One window that holds all times within 145,000 years of 1970. Nothing but the end of the rows closes it.
    pub(crate) fn whole() -> Self {
        let first = Timestamp::RANGE.start().0 / 2;
        Panes::new(-2 * first, -2 * first, first)
    }

    /// Whether it is that window.
    pub(crate) fn is_whole(&self) -> bool {
        *self == Panes::whole()
    }

    /// Where the last window begins that begins at or before a time.
    #[inline]
    fn cell(&self, at: i64) -> i64 {
        let since = at.saturating_sub(self.offset_us);
        at.saturating_sub(since.rem_euclid(self.slide_us))
    }

    /// Where the last window begins that begins at or before a pane.
    #[inline]
    fn cell_of(&self, pane: i64) -> i64 {
        match self.rest_us {
            0 => pane,
            _ => self.cell(pane),
        }
    }

    /// Start of the pane that holds a time.
    #[inline]
    pub(crate) fn start(&self, at: Timestamp) -> i64 {
        let cell = self.cell(at.0);
        let inner = cell.saturating_add(self.rest_us);
        if at.0 >= inner { inner } else { cell }
    }

    /// End of the pane that begins at a time.
    #[inline]
    pub(crate) fn end(&self, pane: i64) -> i64 {
        let cell = self.cell_of(pane);
        match pane < cell.saturating_add(self.rest_us) {
            true => cell.saturating_add(self.rest_us),
            false => cell.saturating_add(self.slide_us),
        }
    }

    /// End of the first window that holds a pane.
    #[inline]
    pub(crate) fn first_end(&self, pane: i64) -> i64 {
        match self.rest_us {
            0 => pane.saturating_add(self.slide_us),
            _ => self.ended(Timestamp(pane)).saturating_add(self.slide_us),
        }
    }

    /// End of the last window that holds a pane; at or before the pane where none does.
    #[inline]
    pub(crate) fn last_end(&self, pane: i64) -> i64 {
        self.cell_of(pane).saturating_add(self.size_us)
    }

    /// Whether a pane lies between two windows.
    #[inline]
    pub(crate) fn is_gap(&self, pane: i64) -> bool {
        self.last_end(pane) <= pane
    }

    /// End of the last window that ends at or before a time.
    #[inline]
    pub(crate) fn ended(&self, now: Timestamp) -> i64 {
        self.cell(now.0.saturating_sub(self.rest_us))
            .saturating_add(self.rest_us)
    }

    /// What becomes of a row of a pane; `closed`, the last end, moves to where the clock is if windows of the pane have
    /// ended by it.
    #[inline]
    pub(crate) fn enter(
        &self,
        pane: i64,
        mark: Mark,
        clock: Timestamp,
        closed: &mut i64,
    ) -> Admission {
        if mark == Mark::Ahead {
            return Admission::Late;
        }
        if self.is_gap(pane) {
            return Admission::Gap;
        }
        if self.last_end(pane) <= clock.0 {
            return Admission::Late;
        }
        if self.first_end(pane) <= clock.0 {
            *closed = (*closed).max(self.ended(clock));
        }
        Admission::Open
    }

    /// End of the next window to close, where `first` is the oldest pane open and `closed` the last end.
    pub(crate) fn next_end(&self, first: i64, closed: i64) -> i64 {
        self.first_end(first)
            .max(closed.saturating_add(self.slide_us))
    }

    /// Whether panes that were loaded can be open, and a window can have closed there.
    pub(crate) fn check(
        &self,
        starts: impl Iterator<Item = i64>,
        closed: i64,
    ) -> Result<(), Malformed> {
        let mut after = i64::MIN;
        for start in starts {
            let at = Timestamp(start.saturating_add(self.size_us.max(self.slide_us)));
            if start <= after || self.start(Timestamp(start)) != start || !in_range(at) {
                return Err(Malformed::new("a pane does not stand on the grid"));
            }
            after = start;
        }
        let back = Timestamp(closed.saturating_sub(self.size_us));
        match closed == i64::MIN || in_range(back) {
            true => Ok(()),
            false => Err(Malformed::new("a window closed at no time")),
        }
    }
}

fn in_range(at: Timestamp) -> bool {
    Timestamp::RANGE.contains(&at)
}

#[derive(Debug, Default)]
struct Pane {
    start: i64,
    log: LogId,
    /// The rows before this one were in the last window that closed.
    shown: u64,
}

impl Register for Pane {
    fn put(&self, out: &mut Vec<u8>) {
        self.start.put(out);
        self.log.put(out);
    }

    fn get(&mut self, from: &mut RegisterReader<'_>) -> Result<(), Malformed> {
        self.start.get(from)?;
        self.log.get(from)
    }
}

/// Windows on a grid that keep their rows.
#[derive(Debug)]
pub(crate) struct PaneRows {
    panes: Panes,
    keep: Vec<usize>,
    log: RowLog,
    open: VecDeque<Pane>,
    /// End of the last window that closed.
    closed: i64,
    /// Rows of the window that closed last leave with the next.
    expires: bool,
    /// Which of the kept columns say where a row stands.
    routing: Vec<usize>,
    late: u64,
}

impl PaneRows {
    /// Holds nothing yet. With `expires` the rows of a window leave as `−` rows when the next one closes.
    pub(crate) fn new(panes: Panes, expires: bool, keep: Vec<usize>, types: &[Type]) -> Self {
        let log = RowLog::new(types);
        PaneRows {
            panes,
            keep,
            log,
            open: VecDeque::new(),
            closed: i64::MIN,
            expires,
            routing: Vec::new(),
            late: 0,
        }
    }

    /// Puts a row into the pane of its time; false where it is late.
    fn insert(&mut self, batch: &Batch, row: usize, moment: Moment) -> bool {
        let start = self.panes.start(moment.instant());
        let (mark, clock) = (moment.mark, moment.clock);
        match self.panes.enter(start, mark, clock, &mut self.closed) {
            Admission::Open => {}
            entry => return entry == Admission::Gap,
        }
        let place = self.open.partition_point(|p| p.start < start);
        if self.open.get(place).is_none_or(|p| p.start != start) {
            let log = self.log.open();
            let shown = self.log.range(log).start;
            self.open.insert(place, Pane { start, log, shown });
        }
        let log = self.open[place].log;
        self.log.push(log, moment.at, batch, &self.keep, row);
        true
    }

    fn next_end(&self) -> Option<i64> {
        let first = self.open.front()?;
        Some(self.panes.next_end(first.start, self.closed))
    }

    /// The rows of the window that ends at a time: all of them as they enter, as they leave those that had entered.
    fn window(&mut self, end: i64, sign: Sign, moment: Moment, to: &mut Batch) {
        let (start, kept) = (end.saturating_sub(self.panes.size_us), self.keep.len());
        let is_in = |p: &&mut Pane| p.start >= start && p.start < end;
        for pane in self.open.iter_mut().filter(is_in) {
            let mut rows = self.log.range(pane.log);
            match sign {
                Sign::Plus => pane.shown = rows.end,
                Sign::Minus => rows.end = pane.shown.clamp(rows.start, rows.end),
            }
            let count = (rows.end - rows.start) as usize;
            show_in_order(&self.log, pane.log, rows, moment, sign, to);
            to.columns[kept].extend_value(&Value::Long(Timestamp(start).millis()), count);
            to.columns[kept + 1].extend_value(&Value::Long(Timestamp(end).millis()), count);
        }
    }

    fn close_window(&mut self, end: i64, cause: u64, out: &mut Out) {
        let moment = Moment::close(Timestamp(end), cause);
        let mut to = out.batch();
        if self.expires {
            self.window(
                end.saturating_sub(self.panes.slide_us),
                Sign::Minus,
                moment,
                &mut to,
            );
        }
        self.window(end, Sign::Plus, moment, &mut to);
        self.closed = end;
        // The pane that only the closed window needed stays one slide longer where it must still expire.
        let expired = end.saturating_sub(if self.expires { self.panes.slide_us } else { 0 });
        let panes = self.panes;
        let is_over = |p: &Pane| panes.last_end(p.start) <= expired;
        while self.open.front().is_some_and(is_over) {
            let pane = self.open.pop_front().expect("the front was just seen");
            self.log.close(pane.log);
        }
        if to.is_empty() {
            out.recycle(to);
        } else {
            out.emit(Kind::Flush(Timestamp(end)), to);
        }
    }
}

impl StateHolder for PaneRows {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.log.state(visitor);
        visitor.register(&mut self.open);
        visitor.register(&mut self.closed);
        counter(visitor, &mut self.late);
        let mut shown: Vec<u64> = match visitor.is_loading() {
            true => Vec::new(),
            false => self.open.iter().map(|pane| pane.shown).collect(),
        };
        visitor.newer_register(&mut shown);
        if visitor.is_loading() {
            for (i, pane) in self.open.iter_mut().enumerate() {
                pane.shown = shown.as_slice().get(i).copied().unwrap_or(u64::MAX);
            }
            let mut claims = Claims::default();
            let mut claim = |pane: &Pane| claims.claim(&self.log, pane.log, 0);
            let starts = self.open.iter().map(|pane| pane.start);
            let checked = self.panes.check(starts, self.closed);
            if let Err(why) = checked.and_then(|()| self.open.iter().try_for_each(&mut claim)) {
                visitor.fail(why);
            }
        }
    }
}

impl Operator for PaneRows {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        for row in 0..batch.len() {
            let moment = Moment::of(batch, row);
            self.clock(moment.clock, moment.cause, out);
            if !self.insert(batch, row, moment) {
                self.late += 1;
                out.refuse(batch, row);
            }
        }
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        while let Some(end) = self.next_end().filter(|e| *e <= now.0) {
            self.close_window(end, cause, out);
        }
    }

    fn is_open(&mut self) -> bool {
        !self.open.is_empty()
    }

    fn close(&mut self, out: &mut Out) {
        let last = self.open.back().map(|p| self.panes.last_end(p.start));
        if let Some(last) = last {
            self.clock(Timestamp(last), 0, out);
        }
    }

    fn due(&self) -> Option<Timestamp> {
        self.next_end().map(Timestamp)
    }

    fn count(&self, into: &mut Counters) {
        into.late_rows += self.late;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        let (log, routing) = (&mut self.log, &self.routing);
        self.open.retain_mut(|pane| {
            let rows = log.range(pane.log);
            let is_kept = |seq: &u64| keep(&log.key_of(pane.log, *seq, routing));
            let fresh = (pane.shown.clamp(rows.start, rows.end)..rows.end).filter(is_kept);
            pane.shown = rows.end - fresh.count() as u64;
            keep_keys(log, pane.log, routing, keep);
            let empty = log.len(pane.log) == 0;
            if empty {
                log.close(pane.log);
            }
            !empty
        });
    }
}
