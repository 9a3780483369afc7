//! What a run keeps of the rows that it takes: a row of columns for each run, filled term by term.
//!
//! Why not the rows themselves: later terms and the query read some columns of some of them, of a counted term mostly
//! the first, the last, or a sum. So a run costs what is read of it, and whatever reads it finds columns.

use super::automaton::Shape;
use crate::event::{Column, RowView, Scalar, Sign, Type};
use crate::expr::{Program, RowFrame};
use crate::operator::aggregate::{AggregateCall, Change, Grouping, Groups};
use crate::sql::ast::Nth;
use crate::state::{Slot, SlotColumns, StateHolder, Visitor};

/// Where a kept value comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// A column of a row of the term.
    Column(usize),
    /// The time of its first row, in milliseconds.
    Time,
}

/// One kept column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// Of which term.
    pub(crate) term: usize,
    pub(crate) origin: Origin,
    /// Of which of its rows.
    pub(crate) nth: Nth,
    pub(crate) ty: Type,
    /// It is read only where its term has taken a row.
    pub(crate) is_sure: bool,
}

/// An aggregate over the rows of a term; its values follow the kept columns.
pub(crate) struct Total {
    pub(crate) term: usize,
    pub(crate) call: AggregateCall,
    /// Over the row.
    pub(crate) args: Vec<Program>,
}

/// The aggregates of one term.
struct Totals {
    grouping: Grouping,
    groups: Groups,
    /// The columns of their values.
    columns: Vec<usize>,
    results: Vec<Column>,
}

/// What is done with the columns of a run that takes a row.
#[derive(Clone, Copy, Debug)]
enum ColumnChange {
    /// Is written with this row of the term, counted from 1.
    Nth(usize, Origin, u32),
    /// Takes over what another column has.
    Shift { from: usize, to: usize },
    /// Is written with every row.
    Each(usize, Origin),
}

/// What all runs keep.
pub(super) struct Kept {
    /// By term.
    steps: Vec<Vec<ColumnChange>>,
    totals: Vec<Option<Totals>>,
    /// By column, the term that it is of.
    term_of: Vec<usize>,
    columns: SlotColumns,
    /// Which of them are texts.
    texts: Vec<usize>,
    /// Which of them may be read before they are written.
    unsure: Vec<usize>,
    /// By column, its value where no row was taken: NULL, or the aggregate of no rows.
    nothing: Vec<Column>,
    now: Column,
    /// The column of the key, behind all others, where the pattern stands in a partition.
    key: Option<usize>,
}

impl Kept {
    /// For so many terms. `keeps`: in an order in which rows of one term and column that are further from the last
    /// stand behind those that are nearer. `key`: the type of the key of a partition.
    pub(super) fn new(terms: usize, keeps: &[Keep], totals: Vec<Total>, key: Option<Type>) -> Self {
        let of_keeps = keeps.iter().map(|k| (k.term, k.ty));
        let of_totals = totals.iter().map(|t| (t.term, t.call.result));
        let (term_of, mut types): (Vec<usize>, Vec<Type>) = of_keeps.chain(of_totals).unzip();
        types.extend(key);
        let mut by_term: Vec<Option<Totals>> = (0..terms).map(|_| None).collect();
        let mut calls: Vec<Vec<(AggregateCall, Vec<Program>)>> = Vec::new();
        calls.resize_with(terms, Vec::new);
        let mut places = vec![Vec::new(); terms];
        for (place, total) in totals.into_iter().enumerate() {
            calls[total.term].push((total.call, total.args));
            places[total.term].push(keeps.len() + place);
        }
        for (term, calls) in calls.into_iter().enumerate().filter(|(_, c)| !c.is_empty()) {
            let grouping = Grouping {
                keys: Vec::new(),
                key_types: Vec::new(),
                calls,
            };
            let columns = std::mem::take(&mut places[term]);
            by_term[term] = Some(Totals {
                groups: Groups::new(&grouping),
                results: columns.iter().map(|c| Column::new(types[*c])).collect(),
                grouping,
                columns,
            });
        }
        let is_text = |column: &usize| types[*column] == Type::String;
        let is_unsure = |column: &usize| keeps.get(*column).is_none_or(|keep| !keep.is_sure);
        let mut nothing: Vec<Column> = types.iter().map(|ty| Column::new(*ty)).collect();
        nothing[..keeps.len()]
            .iter_mut()
            .for_each(Column::push_null);
        for Totals {
            groups,
            columns,
            results,
            ..
        } in by_term.iter_mut().flatten()
        {
            groups.ensure_slots(1);
            groups.values(0, results);
            for (column, result) in columns.iter().zip(results) {
                nothing[*column].push_from(result, 0);
                result.clear();
            }
        }
        Kept {
            unsure: (0..term_of.len()).filter(is_unsure).collect(),
            nothing,
            steps: (0..terms).map(|term| steps(keeps, term)).collect(),
            totals: by_term,
            key: key.map(|_| term_of.len()),
            term_of,
            texts: (0..types.len()).filter(is_text).collect(),
            columns: SlotColumns::new(&types),
            now: Column::new(Type::Long),
        }
    }

    /// One column for each kept value, then one for each aggregate, then that of the key.
    #[inline]
    pub(super) fn columns(&self) -> &[Column] {
        self.columns.columns()
    }

    /// Makes room for runs below `slots`.
    pub(super) fn ensure(&mut self, slots: usize) {
        self.columns.ensure(slots);
        for totals in self.totals.iter_mut().flatten() {
            totals.groups.ensure_slots(slots);
        }
    }

    /// A run begins with nothing.
    #[inline]
    pub(super) fn begin(&mut self, run: Slot) {
        if !self.unsure.is_empty() {
            self.begin_unsure(run);
        }
    }

    fn begin_unsure(&mut self, run: Slot) {
        let columns = self.columns.writing(std::iter::once(run));
        for column in &self.unsure {
            columns[*column].set_from(run as usize, &self.nothing[*column], 0);
        }
    }

    /// The first run of a key begins: that of a row, in this of its columns.
    pub(super) fn set_key(&mut self, run: Slot, row: RowView<'_>, column: usize) {
        if let Some(key) = self.key {
            let columns = self.columns.writing(std::iter::once(run));
            columns[key].set_from(run as usize, &row.batch.columns[column], row.row);
        }
    }

    /// A run has the key of another.
    #[inline]
    pub(super) fn take_key(&mut self, run: Slot, other: Slot) {
        if let Some(key) = self.key {
            let columns = self.columns.writing(std::iter::once(run));
            columns[key].copy_within(other as usize, run as usize);
        }
    }

    /// The key of a run, where there is one.
    pub(super) fn key_of(&self, run: Slot) -> Option<Scalar<'_>> {
        Some(self.columns()[self.key?].scalar(run as usize))
    }

    /// All is read at any time.
    pub(super) fn read_always(&mut self) {
        self.unsure = (0..self.term_of.len()).collect();
    }

    /// A run begins with what another has of the elements before `element`.
    pub(super) fn begin_as(&mut self, run: Slot, other: Slot, element: usize, shape: &Shape) {
        let before = shape.elements[element].terms.start;
        let columns = self.columns.writing(std::iter::once(run));
        for (column, term) in columns.iter_mut().zip(&self.term_of) {
            if *term < before {
                column.copy_within(other as usize, run as usize);
            }
        }
        for column in self.unsure.iter().filter(|c| self.term_of[**c] >= before) {
            columns[*column].set_from(run as usize, &self.nothing[*column], 0);
        }
    }

    /// Frees the texts of a run that is over.
    #[inline]
    pub(super) fn end(&mut self, run: Slot) {
        if !self.texts.is_empty() {
            self.free_texts(run);
        }
    }

    fn free_texts(&mut self, run: Slot) {
        let columns = self.columns.writing(std::iter::once(run));
        self.texts
            .iter()
            .for_each(|c| columns[*c].forget(run as usize));
    }

    /// A run takes a row of a term: with this one it has `count` of them.
    pub(super) fn take(
        &mut self,
        run: Slot,
        term: usize,
        count: u32,
        row: RowView<'_>,
        faults: &mut u64,
    ) {
        let slot = run as usize;
        let columns = self.columns.writing(std::iter::once(run));
        for step in &self.steps[term] {
            match *step {
                ColumnChange::Nth(_, _, n) if n != count => {}
                ColumnChange::Nth(to, Origin::Column(from), _)
                | ColumnChange::Each(to, Origin::Column(from)) => {
                    columns[to].set_from(slot, &row.batch.columns[from], row.row);
                }
                ColumnChange::Nth(to, Origin::Time, _) | ColumnChange::Each(to, Origin::Time) => {
                    self.now.clear();
                    let ms = row.batch.at[row.row].millis();
                    self.now.push_scalar(Scalar::Long(ms));
                    columns[to].set_from(slot, &self.now, 0);
                }
                ColumnChange::Shift { from, to } => {
                    let (near, far) = columns.split_at_mut(to);
                    far[0].set_from(slot, &near[from], slot);
                }
            }
        }
        if self.totals[term].is_some() {
            self.total(run, term, count, row, faults);
        }
    }

    /// Takes a row into the aggregates of a term.
    #[inline(never)]
    fn total(&mut self, run: Slot, term: usize, count: u32, row: RowView<'_>, faults: &mut u64) {
        let Some(totals) = &mut self.totals[term] else {
            return;
        };
        let columns = self.columns.writing(std::iter::once(run));
        if count == 1 {
            totals.groups.reset(run);
        }
        let change = Change {
            slot: run,
            sign: Sign::Plus,
            emits: true,
        };
        let Totals {
            grouping,
            groups,
            columns: to,
            results,
        } = totals;
        groups.update_one(
            &mut grouping.calls,
            &RowFrame::of(row),
            change,
            results,
            faults,
        );
        for (to, result) in to.iter().zip(results) {
            columns[*to].set_from(run as usize, result, 0);
        }
    }
}

/// What is done with the columns of a term, those further from its last row first.
fn steps(keeps: &[Keep], term: usize) -> Vec<ColumnChange> {
    let mut steps = Vec::new();
    for (column, keep) in keeps
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, k)| k.term == term)
    {
        steps.push(match keep.nth {
            Nth::First(n) => ColumnChange::Nth(column, keep.origin, n.saturating_add(1)),
            Nth::Last(0) => ColumnChange::Each(column, keep.origin),
            Nth::Last(_) => ColumnChange::Shift {
                from: column - 1,
                to: column,
            },
        });
    }
    steps
}

impl StateHolder for Kept {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.container("values of runs", &mut self.columns);
        for totals in self.totals.iter_mut().flatten() {
            totals.groups.state(visitor);
        }
        if visitor.is_loading() {
            self.ensure(self.columns.len());
        }
    }
}
