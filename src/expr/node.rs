//! One operation of a program, with its own result column, reused from batch to batch.
//!
//! How: `run` fills a node's result, `operand` reads it; a column that is read without a selection is not copied.

use super::call::{Clockwork, call, strict, user};
use super::function::pieces::Extractor;
use super::function::{Kernel, ScalarFunction, Uuid};
use super::kernel::arithmetic::{self, Arithmetic};
use super::kernel::compare::{self, Comparison};
use super::kernel::logic::{self, Junction};
use super::kernel::{Native, Operand, cast, choice, gather, trim_mask};
use super::lazy::{Case, Subset, coalesce, junction};
use super::leaves::Leaves;
use super::like::{LikePattern, like};
use super::probe::Probe;
use super::program::View;
use super::settled::Settled;
use crate::event::{Column, Str, Timestamp, Value};
use std::sync::Arc;

/// What a node does, with the scratch it needs.
pub(super) enum Operation {
    Column(usize),
    Constant(Value),
    EventTime,
    Clock,
    Uuid(Uuid),
    Negate,
    Arithmetic(Arithmetic),
    Compare(Comparison),
    Junction(Junction, Subset),
    Not,
    IsNull,
    In(Probe, Column),
    Between(Probe, Column),
    Case(Box<Case>),
    Cast(String),
    Like(Option<LikePattern>),
    Regexp(Settled<regex::Regex>),
    Extract(Box<Settled<Extractor>>),
    Coalesce(Subset),
    NullIf(Probe, Column),
    Extremum(bool),
    Call(Kernel, String),
    Time(Box<Clockwork>),
    User(Arc<dyn ScalarFunction>, Vec<Value>),
}

/// One operation and its result.
pub(super) struct Node {
    pub(super) step: Operation,
    pub(super) args: Vec<Node>,
    pub(super) out: Column,
    /// Whether it may count a fault, so that it must not run on rows that do not need it.
    pub(super) fallible: bool,
    /// What its operands are, for a row alone.
    pub(super) leaves: Leaves,
}

impl Node {
    /// The result of the last `run` over this view.
    #[inline]
    pub(super) fn operand<'a>(&'a self, view: &View<'a>) -> Operand<'a> {
        match &self.step {
            Operation::Constant(v) => Operand::Constant(v),
            Operation::Column(i) => {
                let selected = *i < view.frame.input.len() && view.frame.rows.is_some();
                if selected || view.picks.is_some() {
                    Operand::Column(&self.out)
                } else {
                    Operand::Column(view.frame.column(*i))
                }
            }
            _ => Operand::Column(&self.out),
        }
    }

    /// Calls `f` with the number of every column that it reads.
    pub(super) fn each_column(&self, f: &mut dyn FnMut(usize)) {
        if let Operation::Column(i) = self.step {
            f(i);
        }
        self.args.iter().for_each(|arg| arg.each_column(f));
    }

    /// Computes the rows of a view.
    pub(super) fn run(&mut self, view: &View<'_>, faults: &mut u64) {
        let Node {
            step, args, out, ..
        } = self;
        match step {
            Operation::Constant(_) => {}
            Operation::Column(i) => read(*i, view, out),
            Operation::EventTime => millis(view, view.frame.at, out),
            Operation::Clock => clock(view, out),
            Operation::Uuid(uuid) => uuid.run(view, out),
            Operation::Junction(op, rest) => junction(*op, rest, args, view, out, faults),
            Operation::Case(case) => case.run(args, view, out, faults),
            Operation::Coalesce(rest) => coalesce(rest, args, view, out, faults),
            strict => {
                run_all(args, view, faults);
                strict.combine(args, view, out, faults);
            }
        }
    }
}

impl Operation {
    /// The operations all of whose operands are computed on all rows.
    fn combine(&mut self, args: &[Node], view: &View<'_>, out: &mut Column, faults: &mut u64) {
        let len = view.len;
        let arg = |i: usize| args[i].operand(view);
        match self {
            Operation::Negate => arithmetic::negate(arg(0), len, out, faults),
            Operation::Arithmetic(op) => arithmetic::apply(*op, arg(0), arg(1), len, out, faults),
            Operation::Compare(op) => compare::apply(*op, arg(0), arg(1), len, out),
            Operation::Not => {
                logic::assign(out, arg(0), len);
                logic::invert(out);
            }
            Operation::IsNull => logic::is_null(arg(0), len, out),
            Operation::In(probe, hit) => {
                probe.read(arg(0), len);
                compare::apply(Comparison::Eq, probe.of(arg(0), 0), arg(1), len, out);
                for i in 2..args.len() {
                    let x = probe.of(arg(0), i - 1);
                    compare::apply(Comparison::Eq, x, arg(i), len, hit);
                    logic::join(Junction::Or, out, Operand::Column(hit), len);
                }
            }
            Operation::Between(probe, hit) => {
                probe.read(arg(0), len);
                compare::apply(Comparison::GtEq, probe.of(arg(0), 0), arg(1), len, out);
                compare::apply(Comparison::LtEq, probe.of(arg(0), 1), arg(2), len, hit);
                logic::join(Junction::And, out, Operand::Column(hit), len);
            }
            Operation::Cast(text) => cast::apply(arg(0), len, out, text, faults),
            Operation::Like(Some(pattern)) => {
                strict::<bool>(args, view, out, faults, |a| Ok(pattern.matches(a.text(0))));
            }
            Operation::Like(None) => {
                strict::<bool>(args, view, out, faults, |a| Ok(like(a.text(0), a.text(1))));
            }
            Operation::Regexp(regexp) => {
                strict::<bool>(args, view, out, faults, |a| {
                    let regex = regexp.get(|| a.text(1))?;
                    Ok(regex.is_match(a.text(0)))
                });
            }
            Operation::Extract(pattern) => strict(args, view, out, faults, |a| {
                let found = pattern.get(|| a.text(1))?.find(a.text(0), a.long(2))?;
                Ok(Str::new(found))
            }),
            Operation::NullIf(probe, equal) => {
                probe.read(arg(0), len);
                compare::apply(Comparison::Eq, probe.of(arg(0), 0), arg(1), len, equal);
                choice::assign(out, arg(0), len);
                choice::null_where(out, equal, len);
            }
            Operation::Extremum(largest) => {
                choice::assign(out, arg(0), len);
                for arg in &args[1..] {
                    choice::extremum(*largest, out, arg.operand(view), len);
                }
                trim_mask(out);
            }
            Operation::Call(kernel, text) => call(*kernel, args, view, out, text, faults),
            Operation::Time(clockwork) => clockwork.run(args, view, out, faults),
            Operation::User(function, values) => user(&**function, values, args, view, out, faults),
            Operation::Column(_)
            | Operation::Constant(_)
            | Operation::EventTime
            | Operation::Clock
            | Operation::Uuid(_)
            | Operation::Junction(..)
            | Operation::Case(_)
            | Operation::Coalesce(_) => unreachable!("run handles them"),
        }
    }
}

/// Computes operands. Leaves that are read where they lie are passed over here, which for one row is half of the
/// cost.
#[inline]
pub(super) fn run_all(args: &mut [Node], view: &View<'_>, faults: &mut u64) {
    let in_place = view.picks.is_none() && view.frame.rows.is_none();
    for arg in args {
        match arg.step {
            Operation::Constant(_) => {}
            Operation::Column(_) if in_place => {}
            _ => arg.run(view, faults),
        }
    }
}

/// Copies the selected rows of a column, when there is a selection.
fn read(i: usize, view: &View<'_>, out: &mut Column) {
    let frame = view.frame;
    let source = frame.column(i);
    let rows = frame.rows.filter(|_| i < frame.input.len());
    match (rows, view.picks) {
        (None, None) => {}
        (Some(rows), None) => gather(out, source, &rows[..view.len]),
        (None, Some(picks)) => gather(out, source, picks),
        (Some(rows), Some(picks)) => {
            out.clear();
            for &p in picks {
                out.push_from(source, rows[p as usize] as usize);
            }
        }
    }
}

/// The clock of each row in milliseconds; the row's own time while the clock has not begun.
fn clock(view: &View<'_>, out: &mut Column) {
    let frame = &view.frame;
    let begun = |row: usize| match frame.clock[row] {
        clock if clock < *Timestamp::RANGE.start() => frame.at[row],
        clock => clock,
    };
    out.clear();
    let values = i64::vec(out.parts_mut().0);
    values.extend((0..view.len).map(|i| begun(frame.row(view.position(i))).millis()));
}

/// Times in milliseconds.
fn millis(view: &View<'_>, from: &[Timestamp], out: &mut Column) {
    out.clear();
    let values = i64::vec(out.parts_mut().0);
    match (view.picks, view.frame.rows) {
        (None, None) => values.extend(from[..view.len].iter().map(|t| t.millis())),
        _ => values.extend((0..view.len).map(|i| from[view.frame.row(view.position(i))].millis())),
    }
}
