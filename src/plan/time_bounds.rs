//! How far apart in time two rows may be that meet: `b.at BETWEEN a.at - 5 SECONDS AND a.at`.
//!
//! Why: a side without a window would have to keep all of its rows; a bound on both times says when no partner of a row
//! can come any more.

use crate::expr::{ColumnRef, Comparison, Typed};

/// Bounds, in milliseconds, on the time of the row of the right side less that of the left one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimeBounds {
    lower_ms: Option<i64>,
    upper_ms: Option<i64>,
}

impl TimeBounds {
    /// What conditions say of the times of source 0 and source 1.
    pub(super) fn of<'a>(conditions: impl Iterator<Item = &'a Typed>) -> Self {
        let mut bounds = TimeBounds::default();
        for condition in conditions {
            if let Some((op, a, b)) = condition.comparison() {
                bounds.compare(op, a, b);
            } else if let Some((x, low, high)) = condition.between() {
                bounds.compare(Comparison::GtEq, x, low);
                bounds.compare(Comparison::LtEq, x, high);
            }
        }
        bounds
    }

    /// How long after its time a row of the left side, and one of the right side, may still meet one that comes: in
    /// milliseconds; none where for ever.
    pub(crate) fn reach_ms(&self) -> [Option<i64>; 2] {
        let right = self.lower_ms.map(|lower| lower.saturating_neg());
        [self.upper_ms, right].map(|reach| reach.map(|ms| ms.max(0)))
    }

    fn compare(&mut self, op: Comparison, a: &Typed, b: &Typed) {
        let (Some((left, before)), Some((right, after))) = (time(a), time(b)) else {
            return;
        };
        // `a op b` is `t(left) + before op t(right) + after`.
        let bound = before.saturating_sub(after);
        match (left, right) {
            (0, 1) => self.bound(op, bound),
            (1, 0) => self.bound(op.flip(), bound.saturating_neg()),
            _ => {}
        }
    }

    /// The left time, and this, `op` the right one.
    fn bound(&mut self, op: Comparison, bound: i64) {
        match op {
            Comparison::Eq => {
                self.at_least(bound);
                self.at_most(bound);
            }
            Comparison::LtEq => self.at_least(bound),
            Comparison::Lt => self.at_least(bound.saturating_add(1)),
            Comparison::GtEq => self.at_most(bound),
            Comparison::Gt => self.at_most(bound.saturating_sub(1)),
            Comparison::NotEq => {}
        }
    }

    fn at_least(&mut self, ms: i64) {
        self.lower_ms = Some(self.lower_ms.map_or(ms, |lower| lower.max(ms)));
    }

    fn at_most(&mut self, ms: i64) {
        self.upper_ms = Some(self.upper_ms.map_or(ms, |upper| upper.min(ms)));
    }
}

/// A source and what is added to the time of its row.
fn time(typed: &Typed) -> Option<(usize, i64)> {
    match typed.as_column() {
        Some(ColumnRef::EventTime { source }) => Some((source, 0)),
        Some(_) => None,
        None => {
            let (base, added) = typed.shifted()?;
            let (source, before) = time(base)?;
            Some((source, before.checked_add(added)?))
        }
    }
}
