//! SELECT list, HAVING, ORDER BY, LIMIT and OFFSET: the end of every query.

use super::distinct::keep_first;
use super::{Kind, Out, counter};
use crate::event::{Batch, Column, Data, RowSet};
use crate::expr::{Frame, Program, RowFrame};
use crate::state::{KeyIndex, StateHolder, Visitor};
use std::cmp::Ordering;

/// The tail of a query. Order and limits act on each flush; on rows that merely travel together they act on each row.
pub(crate) struct Projection {
    outputs: Vec<Program>,
    having: Option<Program>,
    order: Vec<(Program, bool)>,
    limit: usize,
    offset: usize,
    /// DISTINCT over the first columns, so many, where a limit must not count what it drops.
    distinct: Option<(KeyIndex, usize)>,
    keys: Vec<Column>,
    ranks: Vec<u64>,
    kept: Vec<u32>,
    faults: u64,
}

/// Rows that are projected, beside their [`Frame`].
pub(crate) struct Rows<'a> {
    /// Where times, clocks, causes and signs come from.
    pub(crate) batch: &'a Batch,
    /// Which rows of the batch; all when absent.
    pub(crate) rows: Option<&'a [u32]>,
    /// Aggregates, one row per projected row.
    pub(crate) results: &'a [Column],
}

impl Rows<'_> {
    fn frame(&self) -> Frame<'_> {
        Frame {
            input: &self.batch.columns,
            results: self.results,
            at: &self.batch.at,
            clock: &self.batch.clock,
            causes: &self.batch.causes,
            rows: self.rows,
            len: self.rows.map_or(self.batch.len(), <[u32]>::len),
        }
    }
}

impl Projection {
    /// A tail; `order` has `true` for descending.
    pub(crate) fn new(
        outputs: Vec<Program>,
        having: Option<Program>,
        order: Vec<(Program, bool)>,
        limit: Option<u64>,
        offset: Option<u64>,
        distinct: Option<(KeyIndex, usize)>,
    ) -> Self {
        Projection {
            outputs,
            having,
            order,
            limit: limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            offset: offset.map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            distinct,
            keys: Vec::new(),
            ranks: Vec::new(),
            kept: Vec::new(),
            faults: 0,
        }
    }

    /// Row faults so far.
    pub(crate) fn faults(&self) -> u64 {
        self.faults
    }

    /// Projects rows and emits them.
    pub(crate) fn emit(&mut self, kind: Kind, rows: &Rows<'_>, out: &mut Out) {
        let frame = rows.frame();
        let mut to = out.batch();
        // A flush without rows is still the end of those before it.
        if frame.len == 0 || (kind == Kind::Rows && (self.limit == 0 || self.offset > 0)) {
            out.emit(kind, to);
            return;
        }
        for (program, column) in self.outputs.iter_mut().zip(&mut to.columns) {
            program.eval_into(&frame, &mut self.faults, column);
        }
        to.append_moments(rows.batch, &RowSet::picked(rows.rows));
        if let Kind::Flush(at) = kind {
            to.at.fill(at);
        }
        let flush = matches!(kind, Kind::Flush(_));
        let limits =
            flush && (!self.order.is_empty() || self.limit != usize::MAX || self.offset > 0);
        if self.having.is_none() && !limits {
            out.emit(kind, to);
            return;
        }
        self.choose(&frame, &to, limits);
        let mut chosen = out.batch();
        chosen.append(&to, &RowSet::Picked(&self.kept));
        out.recycle(to);
        out.emit(kind, chosen);
    }

    /// Projects a row that merely travels, and appends it to `to`.
    #[inline]
    pub(crate) fn row(&mut self, frame: &RowFrame<'_>, to: &mut Batch) {
        if self.limit == 0 || self.offset > 0 {
            return;
        }
        let before = to.len();
        for (program, column) in self.outputs.iter_mut().zip(&mut to.columns) {
            program.value_into(frame, &mut self.faults, column);
        }
        if let Some(having) = &mut self.having
            && !having.holds(frame, &mut self.faults)
        {
            to.columns.iter_mut().for_each(|c| c.truncate(before));
            return;
        }
        to.push_moment_of(frame.view);
    }

    /// Leaves in `kept` the positions that HAVING, ORDER BY, LIMIT and OFFSET let through, in their order.
    fn choose(&mut self, frame: &Frame<'_>, to: &Batch, limits: bool) {
        self.kept.clear();
        match &mut self.having {
            None => self.kept.extend(0..frame.len as u32),
            Some(having) => {
                let passes = having.eval(frame, &mut self.faults);
                let Data::Bool(values) = passes.data() else {
                    unreachable!("HAVING is a condition")
                };
                let keep = (0..frame.len).filter(|r| values[*r] && !passes.is_null(*r));
                self.kept.extend(keep.map(|r| r as u32));
            }
        }
        if !limits {
            return;
        }
        if let Some((index, width)) = &mut self.distinct {
            keep_first(index, to, &to.columns[..*width], &mut self.kept);
            index.clear();
        }
        if !self.order.is_empty() {
            self.sort(frame);
        }
        let first = self.offset.min(self.kept.len());
        self.kept.drain(..first);
        self.kept.truncate(self.limit);
    }

    /// Brings `kept` into the order of ORDER BY; rows beyond OFFSET and LIMIT may be left out.
    fn sort(&mut self, frame: &Frame<'_>) {
        self.keys
            .resize_with(self.order.len(), || Column::new(crate::event::Type::Bool));
        for ((program, _), key) in self.order.iter_mut().zip(&mut self.keys) {
            key.clone_from(program.eval(frame, &mut self.faults));
        }
        let (keys, order) = (&self.keys, &self.order);
        let ([first, ..], [(_, descending), ..]) = (keys.as_slice(), order.as_slice()) else {
            return;
        };
        first.ranks(&mut self.ranks);
        if *descending {
            self.ranks.iter_mut().for_each(|rank| *rank = !*rank);
        }
        let ranks = self.ranks.as_slice();
        let by_keys = |a: u32, b: u32| {
            let by = |(key, (_, descending)): (&Column, &(Program, bool))| {
                let ordering = key.order(a as usize, b as usize);
                if *descending {
                    ordering.reverse()
                } else {
                    ordering
                }
            };
            keys.iter()
                .zip(order)
                .map(by)
                .find(|o| *o != Ordering::Equal)
        };
        // Rows that are equal stay in the order in which they stand.
        let compare = |a: &u32, b: &u32| {
            ranks[*a as usize]
                .cmp(&ranks[*b as usize])
                .then_with(|| by_keys(*a, *b).unwrap_or_else(|| a.cmp(b)))
        };
        keep_least(
            &mut self.kept,
            self.offset.saturating_add(self.limit),
            compare,
        );
        self.kept.sort_unstable_by(compare);
    }
}

/// Drops rows that are not among the least, so many; what is left is in no order. One comparison for nearly each row.
fn keep_least(rows: &mut Vec<u32>, count: usize, compare: impl Fn(&u32, &u32) -> Ordering) {
    let room = count.saturating_mul(2);
    if count == 0 || room >= rows.len() {
        return;
    }
    // Candidates stand first: of those that are found, as many as are wanted, then others that may replace them.
    let mut found = room;
    for next in room..rows.len() {
        if found == room {
            rows[..room].select_nth_unstable_by(count - 1, &compare);
            found = count;
        }
        if compare(&rows[next], &rows[count - 1]) == Ordering::Less {
            rows[found] = rows[next];
            found += 1;
        }
    }
    rows.truncate(found);
}

/// Its index of DISTINCT holds nothing between two flushes.
impl StateHolder for Projection {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        counter(visitor, &mut self.faults);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Str, Type, Value};
    use eventflux_kit::Random;

    #[test]
    fn the_least_rows_are_kept_whatever_their_order() {
        let mut random = Random::new(5);
        for len in 0..200usize {
            let values: Vec<u64> = (0..len).map(|_| random.below(50)).collect();
            let compare =
                |a: &u32, b: &u32| (values[*a as usize], *a).cmp(&(values[*b as usize], *b));
            let mut want: Vec<u32> = (0..len as u32).collect();
            want.sort_by(compare);
            for count in [0, 1, 2, 3, 10, len / 2, len, usize::MAX] {
                let mut rows: Vec<u32> = (0..len as u32).collect();
                keep_least(&mut rows, count, compare);
                rows.sort_by(compare);
                let count = count.min(len);
                assert_eq!(rows[..count], want[..count], "{count} of {values:?}");
            }
        }
    }

    #[test]
    fn ranks_never_contradict_the_order() {
        let long = [
            Value::Long(i64::MIN),
            Value::Long(-1),
            Value::Long(0),
            Value::Long(9),
        ];
        let double = [f64::MIN, -1.5, 0.0, 5e-324, 2.0, f64::MAX].map(Value::Double);
        let float = [f32::MIN, -0.5, 0.0, 3.0].map(Value::Float);
        let text = ["", "a", "a\0", "abcdefgh", "abcdefghi", "b", "\u{10ffff}"];
        let text = text.map(|x| Value::String(Str::new(x)));
        let all: [(Type, &[Value]); 6] = [
            (Type::Bool, &[Value::Bool(false), Value::Bool(true)]),
            (
                Type::Int,
                &[Value::Int(i32::MIN), Value::Int(0), Value::Int(7)],
            ),
            (Type::Long, &long),
            (Type::Float, &float),
            (Type::Double, &double),
            (Type::String, &text),
        ];
        for (ty, values) in all {
            let mut column = Column::new(ty);
            column.push_null();
            values.iter().for_each(|value| assert!(column.push(value)));
            let mut ranks = Vec::new();
            column.ranks(&mut ranks);
            for (a, x) in ranks.iter().enumerate() {
                for (b, y) in ranks.iter().enumerate() {
                    let order = x.cmp(y);
                    assert!(
                        order.is_eq() || order == column.order(a, b),
                        "{ty:?} {a} {b}"
                    );
                }
            }
        }
    }
}
