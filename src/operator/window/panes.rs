//! `tumbling(t [, offset])` and `hop(size, slide)` over rows that are kept: windows on a grid.
//!
//! How: a row is kept once, in the pane of one slide that holds its timestamp; a window is `size / slide` panes. Two
//! columns are appended to every row that leaves: start and end of its window in milliseconds.
//! Source of the panes: Li et al., "No Pane, No Gain", SIGMOD Record 2005.

use super::held::{keep_groups, show};
use crate::event::{Batch, Sign, Timestamp, Type, Value};
use crate::operator::{Claims, Counters, Kind, Moment, Operator, Out, counter};
use crate::state::{LogId, Malformed, Register, RegisterReader, RowLog, StateHolder, Visitor};
use std::collections::VecDeque;

/// Where windows begin and end, in microseconds. `size` is a multiple of `slide`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panes {
    pub(crate) size_us: i64,
    pub(crate) slide_us: i64,
    pub(crate) offset_us: i64,
}

impl Panes {
    /// Start of the pane that holds a time.
    #[inline]
    pub(crate) fn start(&self, at: Timestamp) -> i64 {
        let since = at.0.saturating_sub(self.offset_us);
        at.0.saturating_sub(since.rem_euclid(self.slide_us))
    }

    /// End of the first window that holds a pane.
    #[inline]
    pub(crate) fn first_end(&self, pane: i64) -> i64 {
        pane.saturating_add(self.slide_us)
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
            let at = Timestamp(start.saturating_add(self.slide_us));
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

    fn insert(&mut self, batch: &Batch, row: usize) {
        let start = self.panes.start(batch.at[row]);
        let place = self.open.partition_point(|p| p.start < start);
        if self.open.get(place).is_none_or(|p| p.start != start) {
            let log = self.log.open();
            self.open.insert(place, Pane { start, log });
        }
        self.log
            .insert(self.open[place].log, batch.at[row], batch, &self.keep, row);
    }

    fn next_end(&self) -> Option<i64> {
        let first = self.open.front()?;
        Some(self.panes.next_end(first.start, self.closed))
    }

    fn window(&self, end: i64, sign: Sign, moment: Moment, to: &mut Batch) {
        let start = end.saturating_sub(self.panes.size_us);
        for pane in self
            .open
            .iter()
            .filter(|p| p.start >= start && p.start < end)
        {
            let (rows, kept) = (self.log.range(pane.log), self.keep.len());
            let count = self.log.len(pane.log);
            show(&self.log, pane.log, rows, moment, sign, to);
            to.columns[kept].extend_value(&Value::Long(Timestamp(start).millis()), count);
            to.columns[kept + 1].extend_value(&Value::Long(Timestamp(end).millis()), count);
        }
    }

    fn close_window(&mut self, end: i64, cause: u64, out: &mut Out) {
        let moment = Moment::timer(Timestamp(end), cause);
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
        let kept_from = end
            .saturating_add(if self.expires { 0 } else { self.panes.slide_us })
            .saturating_sub(self.panes.size_us);
        while self.open.front().is_some_and(|p| p.start < kept_from) {
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
        if visitor.is_loading() {
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
            if moment.at < moment.clock {
                self.late += 1;
            } else {
                self.insert(batch, row);
            }
        }
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        while let Some(end) = self.next_end().filter(|e| *e <= now.0) {
            self.close_window(end, cause, out);
        }
    }

    fn close(&mut self, out: &mut Out) {
        let last = self
            .open
            .back()
            .map(|p| p.start.saturating_add(self.panes.size_us));
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

    fn keep_groups(&mut self, keep: &dyn Fn(u64) -> bool) {
        let (log, routing) = (&mut self.log, &self.routing);
        self.open.retain(|pane| {
            keep_groups(log, pane.log, routing, keep);
            let empty = log.len(pane.log) == 0;
            if empty {
                log.close(pane.log);
            }
            !empty
        });
    }
}
