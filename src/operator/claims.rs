//! Logs named by state that was loaded: each must be held, and by one owner only.

use crate::state::{LogId, Malformed, RowLog};
use std::collections::HashSet;

/// The logs claimed so far.
#[derive(Debug, Default)]
pub(crate) struct Claims(HashSet<LogId>);

impl Claims {
    /// Claims a log of at least `rows_min` rows.
    pub(crate) fn claim(
        &mut self,
        log: &RowLog,
        id: LogId,
        rows_min: usize,
    ) -> Result<(), Malformed> {
        if !log.holds(id) || log.len(id) < rows_min {
            return Err(Malformed::new(format!("log {id} is missing or too short")));
        }
        if !self.0.insert(id) {
            return Err(Malformed::new(format!("log {id} has two owners")));
        }
        Ok(())
    }
}
