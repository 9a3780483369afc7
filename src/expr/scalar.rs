//! A program on one row, value by value.
//!
//! Why: a column of one row costs a dozen times what its value does.
//! How: the same nodes; comparisons, arithmetic, conditions and widening casts hand their values on, with the same
//! functions as the loops. Everything else runs its loop over the one row, and its value is read.

use super::kernel::arithmetic::{Arithmetic, Number};
use super::kernel::cast::widen;
use super::kernel::compare::{Comparison, exact_order};
use super::kernel::logic::Junction;
use super::leaves::{Leaf, Leaves, combine, good};
use super::node::{Node, Operation};
use super::program::{Frame, Program, View};
use crate::event::{Column, RowView, Scalar, Value};

/// What a program reads of one row: its columns, then the results that stand beside it.
#[derive(Clone, Copy)]
pub(crate) struct RowFrame<'a> {
    pub(crate) view: RowView<'a>,
    /// Columns of one row.
    pub(crate) results: &'a [Column],
}

impl<'a> RowFrame<'a> {
    /// A row without results beside it.
    #[inline]
    pub(crate) fn of(view: RowView<'a>) -> Self {
        RowFrame { view, results: &[] }
    }

    /// The same for whatever works on columns. `rows`: the row.
    pub(crate) fn columns(&self, rows: &'a [u32; 1]) -> Frame<'a> {
        let batch = self.view.batch;
        Frame {
            input: &batch.columns,
            results: self.results,
            at: &batch.at,
            clock: &batch.clock,
            causes: &batch.causes,
            // What is alone is read where it stands.
            rows: (batch.len() > 1).then_some(rows),
            len: 1,
        }
    }
}

/// What a program reads of a row of some columns, a row of a batch that stands beside it, and the time of that one.
#[derive(Clone, Copy)]
pub(crate) struct BesideFrame<'a> {
    pub(crate) columns: &'a [Column],
    pub(crate) row: usize,
    pub(crate) beside: RowView<'a>,
}

/// The values that a program reads, wherever they stand.
trait Values<'a> {
    fn scalar(&self, column: usize) -> Scalar<'a>;

    /// The number in a column of this type; none for NULL.
    fn number<T: Leaf>(&self, column: usize) -> Option<T>;

    /// The result of a node that needs columns.
    fn by_columns(&'a self, node: &'a mut Node, faults: &mut u64) -> Scalar<'a>;
}

impl<'a> Values<'a> for RowFrame<'a> {
    #[inline]
    fn scalar(&self, column: usize) -> Scalar<'a> {
        let RowView { batch, row } = self.view;
        match batch.columns.get(column) {
            Some(values) => values.scalar(row),
            None => self.results[column - batch.columns.len()].scalar(0),
        }
    }

    #[inline(always)]
    fn number<T: Leaf>(&self, column: usize) -> Option<T> {
        let RowView { batch, row } = self.view;
        match batch.columns.get(column) {
            Some(values) => T::at(values, row),
            None => T::at(&self.results[column - batch.columns.len()], 0),
        }
    }

    fn by_columns(&'a self, node: &'a mut Node, faults: &mut u64) -> Scalar<'a> {
        node.by_columns(self, faults)
    }
}

impl<'a> Values<'a> for BesideFrame<'a> {
    #[inline]
    fn scalar(&self, column: usize) -> Scalar<'a> {
        let RowView { batch, row } = self.beside;
        match self.columns.get(column) {
            Some(values) => values.scalar(self.row),
            None => match batch.columns.get(column - self.columns.len()) {
                Some(values) => values.scalar(row),
                None => Scalar::Long(batch.at[row].millis()),
            },
        }
    }

    #[inline(always)]
    fn number<T: Leaf>(&self, column: usize) -> Option<T> {
        let RowView { batch, row } = self.beside;
        match self.columns.get(column) {
            Some(values) => T::at(values, self.row),
            None => match batch.columns.get(column - self.columns.len()) {
                Some(values) => T::at(values, row),
                None => T::constant(&Value::Long(batch.at[row].millis())),
            },
        }
    }

    fn by_columns(&'a self, _node: &'a mut Node, _faults: &mut u64) -> Scalar<'a> {
        unreachable!("whoever asks has found that all goes by value")
    }
}

impl Program {
    /// Whether no part of it needs columns: [`Program::holds_beside`] may be asked.
    pub(crate) fn goes_by_value(&self) -> bool {
        self.root.is_by_value()
    }

    /// Whether the result of a row beside another is TRUE.
    #[inline]
    pub(crate) fn holds_beside(&mut self, frame: &BesideFrame<'_>, faults: &mut u64) -> bool {
        matches!(self.root.value(frame, faults), Scalar::Bool(true))
    }

    /// The result of a row.
    #[inline]
    pub(crate) fn value<'a>(&'a mut self, frame: &'a RowFrame<'a>, faults: &mut u64) -> Scalar<'a> {
        self.root.value(frame, faults)
    }

    /// Whether the result of a row is TRUE.
    #[inline]
    pub(crate) fn holds(&mut self, frame: &RowFrame<'_>, faults: &mut u64) -> bool {
        matches!(self.root.value(frame, faults), Scalar::Bool(true))
    }

    /// Appends the result of a row.
    #[inline]
    pub(crate) fn value_into(&mut self, frame: &RowFrame<'_>, faults: &mut u64, out: &mut Column) {
        match &self.root.step {
            Operation::Column(i) => match frame.view.batch.columns.get(*i) {
                Some(values) => out.push_from(values, frame.view.row),
                None => out.push_from(&frame.results[i - frame.view.batch.columns.len()], 0),
            },
            _ => out.push_scalar(self.root.value(frame, faults)),
        }
    }
}

impl Node {
    /// Its value. What stands at the leaves of most expressions is read here, without a call.
    #[inline(always)]
    fn value<'a, V: Values<'a>>(&'a mut self, frame: &'a V, faults: &mut u64) -> Scalar<'a> {
        match self.step {
            Operation::Column(i) => frame.scalar(i),
            Operation::Constant(_) => self.constant(),
            _ => self.inner_value(frame, faults),
        }
    }

    #[inline]
    fn constant(&self) -> Scalar<'_> {
        match &self.step {
            Operation::Constant(value) => value.into(),
            _ => Scalar::Null,
        }
    }

    fn inner_value<'a, V: Values<'a>>(&'a mut self, frame: &'a V, faults: &mut u64) -> Scalar<'a> {
        match self.leaves {
            Leaves::Mixed => self.mixed_value(frame, faults),
            Leaves::Int => self.of_leaves::<i32, V>(frame, faults),
            Leaves::Long => self.of_leaves::<i64, V>(frame, faults),
            Leaves::Float => self.of_leaves::<f32, V>(frame, faults),
            Leaves::Double => self.of_leaves::<f64, V>(frame, faults),
        }
    }

    /// The value of an operation on columns and constants of one number type.
    #[inline(always)]
    fn of_leaves<'a, T: Leaf, V: Values<'a>>(
        &'a self,
        frame: &'a V,
        faults: &mut u64,
    ) -> Scalar<'a> {
        match self.args.as_slice() {
            [a, b] => combine::<T>(&self.step, a.leaf(frame), b.leaf(frame), faults),
            _ => unreachable!("it has two operands"),
        }
    }

    /// The number that a column or a constant is.
    #[inline(always)]
    fn leaf<'a, T: Leaf, V: Values<'a>>(&self, frame: &V) -> Option<T> {
        match &self.step {
            Operation::Column(i) => frame.number(*i),
            Operation::Constant(value) => T::constant(value),
            _ => unreachable!("it is a column or a constant"),
        }
    }

    fn mixed_value<'a, V: Values<'a>>(&'a mut self, frame: &'a V, faults: &mut u64) -> Scalar<'a> {
        if !self.goes_by_value() {
            return frame.by_columns(self, faults);
        }
        let Node {
            step, args, out, ..
        } = self;
        match (step, args.as_mut_slice()) {
            (Operation::Compare(op), [a, b]) => {
                compare(*op, a.value(frame, faults), b.value(frame, faults))
            }
            (Operation::Arithmetic(op), [a, b]) => {
                let (a, b) = (a.value(frame, faults), b.value(frame, faults));
                compute(*op, a, b, faults)
            }
            (Operation::Negate, [a]) => negate(a.value(frame, faults), faults),
            (Operation::Junction(op, _), args) => junction(*op, args, frame, faults),
            (Operation::Not, [a]) => match a.value(frame, faults) {
                Scalar::Bool(v) => Scalar::Bool(!v),
                other => other,
            },
            (Operation::IsNull, [a]) => Scalar::Bool(a.value(frame, faults) == Scalar::Null),
            (Operation::Cast(_), [a]) => widen(a.value(frame, faults), out.type_of()),
            _ => unreachable!("it goes by value"),
        }
    }

    /// Whether its result is known without a column.
    #[inline]
    fn goes_by_value(&self) -> bool {
        match &self.step {
            Operation::Compare(_) | Operation::Arithmetic(_) | Operation::Negate => true,
            Operation::Junction(..) | Operation::Not | Operation::IsNull => true,
            Operation::Cast(_) => self.args[0].out.type_of().widens_to(self.out.type_of()),
            _ => false,
        }
    }

    /// Whether that is so of all of its parts.
    fn is_by_value(&self) -> bool {
        match self.step {
            Operation::Column(_) | Operation::Constant(_) => true,
            _ => self.goes_by_value() && self.args.iter().all(Node::is_by_value),
        }
    }

    /// The value that the loops find.
    #[inline(never)]
    fn by_columns<'a>(&'a mut self, frame: &'a RowFrame<'a>, faults: &mut u64) -> Scalar<'a> {
        let rows = [frame.view.row as u32];
        let columns = frame.columns(&rows);
        self.run(&View::whole(&columns), faults);
        self.out.scalar(0)
    }
}

#[inline]
fn compare<'a>(op: Comparison, a: Scalar<'_>, b: Scalar<'_>) -> Scalar<'a> {
    use Scalar::*;
    Bool(match (a, b) {
        (Null, _) | (_, Null) => return Null,
        (Long(a), Double(b)) => op.holds(exact_order(a, b)),
        (Double(a), Long(b)) => op.holds(exact_order(b, a).reverse()),
        (Bool(a), Bool(b)) => op.holds_for(&a, &b),
        (Int(a), Int(b)) => op.holds_for(&a, &b),
        (Long(a), Long(b)) => op.holds_for(&a, &b),
        (Float(a), Float(b)) => op.holds_for(&a, &b),
        (Double(a), Double(b)) => op.holds_for(&a, &b),
        (Text(a), Text(b)) => op.holds(a.cmp(b)),
        (a, b) => panic!("{a:?} compared with {b:?}"),
    })
}

#[inline]
fn compute<'a>(op: Arithmetic, a: Scalar<'_>, b: Scalar<'_>, faults: &mut u64) -> Scalar<'a> {
    use Scalar::*;
    match (a, b) {
        (Null, _) | (_, Null) => Null,
        (Int(a), Int(b)) => good(i32::compute(op, a, b), faults),
        (Long(a), Long(b)) => good(i64::compute(op, a, b), faults),
        (Float(a), Float(b)) => good(f32::compute(op, a, b), faults),
        (Double(a), Double(b)) => good(f64::compute(op, a, b), faults),
        (a, b) => panic!("{a:?} {op:?} {b:?}"),
    }
}

fn negate<'a>(a: Scalar<'_>, faults: &mut u64) -> Scalar<'a> {
    use Scalar::*;
    match a {
        Null => Null,
        Int(a) => good(i32::negate(a), faults),
        Long(a) => good(i64::negate(a), faults),
        Float(a) => good(f32::negate(a), faults),
        Double(a) => good(f64::negate(a), faults),
        a => panic!("-{a:?}"),
    }
}

/// AND, OR. What does not count any more is not computed, so it cannot fault.
#[inline]
fn junction<'a, 'v, V: Values<'v>>(
    op: Junction,
    args: &'v mut [Node],
    frame: &'v V,
    faults: &mut u64,
) -> Scalar<'a> {
    let mut sum = (op == Junction::And, true);
    for arg in args {
        let with = match arg.value(frame, faults) {
            Scalar::Bool(value) => (value, true),
            _ => (false, false),
        };
        sum = op.join(sum, with);
        if op.decided(sum.0, sum.1) {
            break;
        }
    }
    match sum {
        (value, true) => Scalar::Bool(value),
        (_, false) => Scalar::Null,
    }
}
