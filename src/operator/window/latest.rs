//! The latest row of each key.

use crate::event::{Batch, Sign, Type};
use crate::operator::{Claims, Moment};
use crate::state::{Cells, LogId, RowLog, Slot, StateHolder, Visitor};

/// At most one row per key, in a log of its own.
#[derive(Debug)]
pub(super) struct Latest {
    log: RowLog,
    rows: Cells<Option<LogId>>,
    pub(super) keep: Vec<usize>,
}

impl Latest {
    pub(super) fn new(keep: Vec<usize>, types: &[Type]) -> Self {
        Latest {
            log: RowLog::new(types),
            rows: Cells::default(),
            keep,
        }
    }

    /// Makes room for keys below `slots`.
    pub(super) fn ensure(&mut self, slots: usize) {
        self.rows.ensure(slots);
    }

    /// Makes a row the one of its key.
    pub(super) fn set(&mut self, key: Slot, batch: &Batch, row: usize) {
        let id = match *self.rows.get(key) {
            Some(id) => {
                self.log.pop(id, 1);
                id
            }
            None => {
                let id = self.log.open();
                *self.rows.get_mut(key) = Some(id);
                id
            }
        };
        self.log.push(id, batch.at[row], batch, &self.keep, row);
    }

    /// Appends the row of a key as one that leaves, if there is one.
    pub(super) fn expire(&self, key: Slot, moment: Moment, to: &mut Batch) {
        if let Some(id) = *self.rows.get(key) {
            to.push_moment(moment, Sign::Minus);
            self.log.read(id, self.log.range(id).start, &mut to.columns);
        }
    }

    /// Forgets a key.
    pub(super) fn remove(&mut self, key: Slot) {
        if let Some(id) = self.rows.find(key).copied().flatten() {
            self.log.close(id);
            self.rows.reset(key);
        }
    }
}

impl StateHolder for Latest {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.log.state(visitor);
        visitor.container("logs", &mut self.rows);
        if visitor.is_loading() {
            let mut claims = Claims::default();
            let ids = (0..self.rows.len()).filter_map(|key| *self.rows.get(key as Slot));
            let claimed = ids.map(|id| claims.claim(&self.log, id, 1));
            if let Err(why) = claimed.collect::<Result<(), _>>() {
                visitor.fail(why);
            }
        }
    }
}
