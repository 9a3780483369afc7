//! The rate limit of a query → its operator.

use super::Builder;
use crate::event::Type;
use crate::operator::Operator;
use crate::operator::rate::{
    All, ByKey, FirstIn, Last, LastOfGroups, Nth, Pace, Snapshot, SnapshotColumns, Ticks,
};
use crate::sql::ast::{RatePace, RateRows};

impl Builder<'_> {
    /// The rate limit, behind all that makes rows.
    pub(super) fn rate(&mut self) {
        let query = self.query;
        let Some(rate) = &query.rate else { return };
        let types = query.emitted_types();
        let key_types: Vec<Type> = rate.keys.iter().map(|k| types[*k]).collect();
        let keys = ByKey::new(rate.keys.clone(), &key_types);
        let pace = match rate.limit.pace {
            RatePace::Events(rows) => Pace::Rows(rows),
            RatePace::Time(us) => Pace::Time(Ticks::every(us)),
        };
        let mut operator: Box<dyn Operator> = match (rate.limit.rows, pace) {
            (RateRows::First, Pace::Rows(rows)) => Box::new(Nth::first(keys, rows)),
            (RateRows::First, Pace::Time(ticks)) => Box::new(FirstIn::new(keys, ticks.period_us())),
            (RateRows::Last, Pace::Rows(rows)) if rate.counts_rows(query) => {
                Box::new(Nth::last(keys, rows))
            }
            (RateRows::Last, Pace::Rows(rows)) if query.partition.is_some() => {
                let key = ByKey::new(rate.keys[..1].to_vec(), &key_types[..1]);
                Box::new(LastOfGroups::new(key, keys, rows, &types))
            }
            (RateRows::Last, pace) => Box::new(Last::new(keys, pace, &types)),
            (RateRows::Snapshot, Pace::Time(ticks)) => {
                let columns = SnapshotColumns {
                    types,
                    aggregates: rate.aggregates.clone(),
                    having: rate.having,
                };
                let turnover = rate.turnover.clone();
                Box::new(Snapshot::new(rate.shows, turnover, keys, ticks, columns))
            }
            (RateRows::All | RateRows::Snapshot, pace) => {
                Box::new(All::new(keys, pace, &types, query.events))
            }
        };
        if query.partition.is_some() {
            operator.routed_by(vec![0]);
        } else if rate.is_per_group(query) {
            operator.routed_by(self.group_positions());
        }
        self.push(operator, &self.shown_types());
    }
}
