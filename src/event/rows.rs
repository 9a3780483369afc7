//! The one way to copy rows from batch to batch: whatever a row carries beside its values comes along.
//!
//! Why: a vector per row that one of many copies forgets is a wrong answer that nothing reports.

use super::batch::{Batch, Mark, Sign};
use super::column::Column;
use super::row_view::RowView;
use std::ops::Range;

/// Some rows of a batch, in order.
#[derive(Clone, Debug)]
pub(crate) enum RowSet<'a> {
    /// All of them.
    All,
    /// Those from one position to before another.
    Range(Range<usize>),
    /// Those at these positions.
    Picked(&'a [u32]),
}

impl<'a> RowSet<'a> {
    /// The rows at these positions; all where there are none.
    #[inline]
    pub(crate) fn picked(rows: Option<&'a [u32]>) -> Self {
        rows.map_or(RowSet::All, RowSet::Picked)
    }

    /// Number of rows, of a batch of `len`.
    #[inline]
    fn count(&self, len: usize) -> usize {
        match self {
            RowSet::All => len,
            RowSet::Range(range) => range.len(),
            RowSet::Picked(rows) => rows.len(),
        }
    }

    /// Appends the elements of these rows.
    #[inline]
    fn extend<T: Copy>(&self, to: &mut Vec<T>, from: &[T]) {
        match self {
            RowSet::All => to.extend_from_slice(from),
            RowSet::Range(range) => to.extend_from_slice(&from[range.clone()]),
            RowSet::Picked(rows) => to.extend(rows.iter().map(|r| from[*r as usize])),
        }
    }

    /// Appends the values of these rows.
    #[inline]
    fn extend_column(&self, to: &mut Column, from: &Column) {
        match self {
            RowSet::All => to.carry_range(from, 0..from.len()),
            RowSet::Range(range) => to.carry_range(from, range.clone()),
            RowSet::Picked(rows) => to.carry_rows(from, rows),
        }
    }

    /// Appends the elements of these rows of a vector that is empty while all its elements are the default.
    #[inline]
    fn extend_sparse<T: Copy + Default + PartialEq>(
        &self,
        (to, len): (&mut Vec<T>, usize),
        from: &[T],
        count: usize,
    ) {
        if from.is_empty() {
            if !to.is_empty() {
                to.resize(len + count, T::default());
            }
            return;
        }
        if to.is_empty() {
            let all_default = match self {
                RowSet::All => false,
                RowSet::Range(range) => from[range.clone()].iter().all(|x| *x == T::default()),
                RowSet::Picked(rows) => rows.iter().all(|r| from[*r as usize] == T::default()),
            };
            if all_default {
                return;
            }
            to.resize(len, T::default());
        }
        self.extend(to, from);
    }
}

impl Batch {
    /// Appends rows of a batch with the same columns.
    pub(crate) fn append(&mut self, from: &Batch, rows: &RowSet<'_>) {
        self.append_moments(from, rows);
        for (to, from) in self.columns.iter_mut().zip(&from.columns) {
            rows.extend_column(to, from);
        }
    }

    /// As [`Batch::append`], but only these columns: the others stay empty, and nobody may read them.
    pub(crate) fn append_carried(&mut self, from: &Batch, rows: &RowSet<'_>, carried: &[usize]) {
        self.append_moments(from, rows);
        for k in carried {
            rows.extend_column(&mut self.columns[*k], &from.columns[*k]);
        }
    }

    /// As [`Batch::append_moments`], for one row: no ranges, no counts.
    #[inline]
    pub(crate) fn push_moment_of(&mut self, view: RowView<'_>) {
        let RowView { batch, row } = view;
        self.push_sign(batch.sign(row));
        self.push_mark(batch.mark(row));
        self.at.push(batch.at[row]);
        if self.tracks_clock {
            self.clock.push(batch.clock[row]);
        }
        if self.tracks_cause {
            self.causes.push(batch.causes[row]);
        }
    }

    /// Appends a row with its values: as many columns as both have.
    #[inline]
    pub(crate) fn push_view(&mut self, view: RowView<'_>) {
        self.push_moment_of(view);
        for (to, from) in self.columns.iter_mut().zip(&view.batch.columns) {
            to.push_from(from, view.row);
        }
    }

    /// Appends rows of several batches with the same columns. `order`: batch and row of each; `from`: the batches by
    /// number, so many as `count` says.
    pub(crate) fn append_among<'a>(
        &mut self,
        order: &[(u32, u32)],
        count: u32,
        from: impl Fn(u32) -> &'a Batch,
    ) {
        let before = self.at.len();
        let rows = || order.iter().map(|(n, row)| (from(*n), *row as usize));
        if !self.signs.is_empty() || (0..count).any(|n| !from(n).signs.is_empty()) {
            self.signs.resize(before, Sign::Plus);
            self.signs
                .extend(rows().map(|(batch, row)| batch.sign(row)));
        }
        if !self.marks.is_empty() || (0..count).any(|n| !from(n).marks.is_empty()) {
            self.marks.resize(before, Mark::Plain);
            self.marks
                .extend(rows().map(|(batch, row)| batch.mark(row)));
        }
        self.at.extend(rows().map(|(batch, row)| batch.at[row]));
        if self.tracks_clock {
            let clocks = rows().map(|(batch, row)| batch.clock[row]);
            self.clock.extend(clocks);
        }
        if self.tracks_cause {
            let causes = rows().map(|(batch, row)| batch.causes[row]);
            self.causes.extend(causes);
        }
        for (k, to) in self.columns.iter_mut().enumerate() {
            to.extend_among(order, count, |n| &from(n).columns[k]);
        }
    }

    /// Appends everything that rows of another batch carry beside their values.
    #[inline]
    pub(crate) fn append_moments(&mut self, from: &Batch, rows: &RowSet<'_>) {
        let (len, count) = (self.at.len(), rows.count(from.at.len()));
        if !(self.signs.is_empty() && from.signs.is_empty()) {
            rows.extend_sparse::<Sign>((&mut self.signs, len), &from.signs, count);
        }
        if !(self.marks.is_empty() && from.marks.is_empty()) {
            rows.extend_sparse::<Mark>((&mut self.marks, len), &from.marks, count);
        }
        rows.extend(&mut self.at, &from.at);
        if self.tracks_clock {
            rows.extend(&mut self.clock, &from.clock);
        }
        if self.tracks_cause {
            rows.extend(&mut self.causes, &from.causes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Str, Timestamp, Type, Value};
    use eventflux_kit::Random;

    fn batch(rows: &[(i64, Sign, Mark)]) -> Batch {
        let mut batch = Batch::default();
        for (at, sign, mark) in rows {
            batch.push_sign(*sign);
            batch.push_mark(*mark);
            batch.at.push(Timestamp(*at));
        }
        batch
    }

    #[test]
    fn signs_and_marks_come_along_and_stay_absent_where_they_say_nothing() {
        let plain = batch(&[(1, Sign::Plus, Mark::Plain), (2, Sign::Plus, Mark::Plain)]);
        let mixed = batch(&[(3, Sign::Minus, Mark::Plain), (4, Sign::Plus, Mark::Close)]);
        let mut to = Batch::default();
        to.append_moments(&plain, &RowSet::All);
        to.append_moments(&mixed, &RowSet::Range(2..2));
        assert!(to.signs.is_empty() && to.marks.is_empty());
        to.append_moments(&mixed, &RowSet::Picked(&[1]));
        assert_eq!((to.signs.len(), to.marks.len()), (0, 3));
        to.append_moments(&mixed, &RowSet::All);
        to.append_moments(&plain, &RowSet::Range(1..2));
        let at: Vec<i64> = to.at.iter().map(|at| at.0).collect();
        assert_eq!(at, [1, 2, 4, 3, 4, 2]);
        let minus: Vec<usize> = (0..6).filter(|r| to.sign(*r) == Sign::Minus).collect();
        let closes: Vec<usize> = (0..6).filter(|r| to.mark(*r) == Mark::Close).collect();
        assert_eq!((minus, closes), (vec![3], vec![2, 4]));
    }

    #[test]
    fn rows_of_several_batches_are_appended_as_one_by_one() {
        let random = &mut Random::new(11);
        for case in 0..200 {
            let mut parts = Vec::new();
            for _ in 0..3 {
                let mut part = Batch {
                    columns: Type::ALL.map(Column::new).to_vec(),
                    tracks_cause: true,
                    ..Batch::default()
                };
                for row in 0..4 {
                    let (sign, mark) = match random.below(4) {
                        0 if case % 2 == 0 => (Sign::Minus, Mark::Timer),
                        _ => (Sign::Plus, Mark::Plain),
                    };
                    part.push_sign(sign);
                    part.push_mark(mark);
                    part.at.push(Timestamp(row));
                    part.causes.push(random.below(100));
                    let n: i32 = random.below(50);
                    let values = [
                        Value::Bool(n > 25),
                        Value::Int(n),
                        Value::Long(n.into()),
                        Value::Float(n as f32),
                        Value::Double(n.into()),
                        Value::String(Str::new(&format!("a text of {n} and more"))),
                    ];
                    for (column, value) in part.columns.iter_mut().zip(&values) {
                        match random.below(5) {
                            0 if case % 3 == 0 => column.push_null(),
                            _ => assert!(column.push(value)),
                        }
                    }
                }
                parts.push(part);
            }
            let place = |_| (random.below(3), random.below(4));
            let order: Vec<(u32, u32)> = (0..10).map(place).collect();
            let mut want = Batch::like(&parts[0]);
            want.push_view(RowView {
                batch: &parts[1],
                row: 2,
            });
            let mut found = want.clone();
            for (n, row) in &order {
                let (batch, row) = (&parts[*n as usize], *row as usize);
                want.push_view(RowView { batch, row });
            }
            found.append_among(&order, 3, |n| &parts[n as usize]);
            let signs = |b: &Batch| {
                (0..b.len())
                    .map(|r| (b.sign(r), b.mark(r)))
                    .collect::<Vec<_>>()
            };
            assert_eq!(signs(&found), signs(&want), "{case}");
            assert_eq!(
                (&found.at, &found.causes),
                (&want.at, &want.causes),
                "{case}"
            );
            let values = |b: &Batch| (0..b.len()).map(|r| b.row(r)).collect::<Vec<_>>();
            assert_eq!(values(&found), values(&want), "{case}");
        }
    }
}
