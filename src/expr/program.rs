//! Running an expression: a tree of nodes, each with its own result column, reused from batch to batch.
//!
//! How: `run` fills a node's result, `operand` reads it; a column that is read without a selection is not copied.
//! Operands that can fault run only on the rows that need them (a guarded division is not counted): CASE, COALESCE, AND
//! and OR then hand down a narrower [`View`].

use super::function::{Args, Kernel, Null, ScalarFunction, Uuid};
use super::kernel::arithmetic::{self, Arithmetic};
use super::kernel::compare::{self, Comparison};
use super::kernel::logic::{self, Junction};
use super::kernel::{Native, Operand, all_null, blank, cast, choice, gather, scatter, trim_mask};
use super::like::{Pattern, like};
use crate::event::{Column, Str, Timestamp, Type, Value};
use std::sync::Arc;

/// What a program reads.
///
/// Column `i < left.len()` is `left[i]`, read at `rows` if given; column `i ≥ left.len()` is `right[i − left.len()]`,
/// which is dense: aligned with the selection. `at`, `clock` and `causes` are read like `left`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Frame<'a> {
    pub(crate) left: &'a [Column],
    pub(crate) right: &'a [Column],
    pub(crate) at: &'a [Timestamp],
    pub(crate) clock: &'a [Timestamp],
    pub(crate) causes: &'a [u64],
    pub(crate) rows: Option<&'a [u32]>,
    /// Rows of the result.
    pub(crate) len: usize,
}

impl Frame<'_> {
    /// The row of `left` behind a position.
    #[inline]
    pub(super) fn row(&self, position: usize) -> usize {
        self.rows.map_or(position, |rows| rows[position] as usize)
    }
}

/// A frame, or some of its positions.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) frame: &'a Frame<'a>,
    /// Positions in the frame; all of them when absent.
    picks: Option<&'a [u32]>,
    pub(super) len: usize,
}

impl<'a> View<'a> {
    fn whole(frame: &'a Frame<'a>) -> Self {
        View {
            frame,
            picks: None,
            len: frame.len,
        }
    }

    #[inline]
    pub(super) fn position(&self, i: usize) -> usize {
        self.picks.map_or(i, |p| p[i] as usize)
    }
}

/// Rows of a view: their place in the view, and in its frame.
#[derive(Default)]
pub(super) struct Subset {
    place: Vec<u32>,
    position: Vec<u32>,
}

impl Subset {
    /// Takes the rows whose places have been written.
    fn locate(&mut self, view: &View<'_>) {
        self.position.clear();
        self.position
            .extend(self.place.iter().map(|&p| view.position(p as usize) as u32));
    }

    fn view<'a>(&'a self, view: &View<'a>) -> View<'a> {
        View {
            frame: view.frame,
            picks: Some(&self.position),
            len: self.place.len(),
        }
    }
}

/// What a node does, with the scratch it needs.
pub(super) enum Step {
    Column(usize),
    Constant(Value),
    EventTime,
    Clock,
    Uuid(Uuid),
    Negate,
    Arithmetic(Arithmetic),
    Compare(Comparison, Type),
    Junction(Junction, Subset),
    Not,
    IsNull,
    In(Type, Column),
    Between(Type, Column),
    Case(Box<Case>),
    Cast(String),
    Like(Option<Pattern>),
    Regexp(Regexp),
    Coalesce(Subset),
    NullIf(Type, Column),
    Extremum(bool),
    Call(Kernel, String),
    User(Arc<dyn ScalarFunction>, Vec<Value>),
}

/// Scratch of a CASE.
pub(super) struct Case {
    pub(super) operand: bool,
    pub(super) otherwise: bool,
    pub(super) probe: Option<(Type, Column)>,
    pub(super) test: Column,
    pub(super) rest: Subset,
    pub(super) next: Subset,
    pub(super) taken: Subset,
}

/// A regular expression: fixed, or that of the last row with its text.
pub(super) enum Regexp {
    Fixed(regex::Regex),
    Last(String, Option<regex::Regex>),
}

/// One operation and its result.
pub(super) struct Node {
    pub(super) step: Step,
    pub(super) args: Vec<Node>,
    pub(super) out: Column,
    /// Whether it may count a fault, so that it must not run on rows that do not need it.
    pub(super) fallible: bool,
}

/// An expression ready to run.
pub(crate) struct Program {
    root: Node,
}

impl Program {
    pub(super) fn of(root: Node) -> Self {
        Program { root }
    }

    /// The result of every row. A plain column without selection is borrowed, not copied.
    pub(crate) fn eval<'a>(&'a mut self, frame: &Frame<'a>, faults: &mut u64) -> &'a Column {
        self.root.run(&View::whole(frame), faults);
        if let Step::Column(i) = self.root.step {
            let dense = i >= frame.left.len();
            if dense || frame.rows.is_none() {
                return column(frame, i);
            }
        }
        if let Step::Constant(value) = &self.root.step {
            if self.root.out.len() != frame.len {
                self.root.out.clear();
                self.root.out.extend_value(value, frame.len);
            }
        }
        &self.root.out
    }

    /// Appends the result of every row.
    pub(crate) fn eval_into(&mut self, frame: &Frame<'_>, faults: &mut u64, out: &mut Column) {
        if let (Step::Column(i), Some(rows)) = (&self.root.step, frame.rows) {
            if *i < frame.left.len() {
                return out.extend_rows(&frame.left[*i], &rows[..frame.len]);
            }
        }
        let view = View::whole(frame);
        self.root.run(&view, faults);
        match self.root.operand(&view) {
            Operand::Column(c) => out.extend_range(c, 0..frame.len),
            Operand::Constant(v) => out.extend_value(v, frame.len),
        }
    }

    /// Appends the row numbers where the result is TRUE: `frame.rows[i]`, or `i`.
    pub(crate) fn filter(&mut self, frame: &Frame<'_>, faults: &mut u64, keep: &mut Vec<u32>) {
        let view = View::whole(frame);
        self.root.run(&view, faults);
        logic::select(self.root.operand(&view), frame.rows, frame.len, keep);
    }
}

/// Column `i` of a frame.
#[inline]
fn column<'a>(frame: &Frame<'a>, i: usize) -> &'a Column {
    match frame.left.get(i) {
        Some(c) => c,
        None => &frame.right[i - frame.left.len()],
    }
}

impl Node {
    /// The result of the last `run` over this view.
    #[inline]
    pub(super) fn operand<'a>(&'a self, view: &View<'a>) -> Operand<'a> {
        match &self.step {
            Step::Constant(v) => Operand::Constant(v),
            Step::Column(i) => {
                let selected = *i < view.frame.left.len() && view.frame.rows.is_some();
                if selected || view.picks.is_some() {
                    Operand::Column(&self.out)
                } else {
                    Operand::Column(column(view.frame, *i))
                }
            }
            _ => Operand::Column(&self.out),
        }
    }

    /// Computes the rows of a view.
    pub(super) fn run(&mut self, view: &View<'_>, faults: &mut u64) {
        let len = view.len;
        let Node {
            step, args, out, ..
        } = self;
        match step {
            Step::Constant(_) => {}
            Step::Column(i) => read(*i, view, out),
            Step::EventTime => millis(view, view.frame.at, out),
            Step::Clock => millis(view, view.frame.clock, out),
            Step::Uuid(uuid) => uuid.run(view, out),
            Step::Negate => {
                args[0].run(view, faults);
                arithmetic::negate(args[0].operand(view), len, out, faults);
            }
            Step::Arithmetic(op) => {
                let (a, b) = both(args, view, faults);
                arithmetic::apply(*op, a, b, len, out, faults);
            }
            Step::Compare(op, ty) => {
                let (a, b) = both(args, view, faults);
                compare::apply(*op, *ty, a, b, len, out);
            }
            Step::Junction(op, rest) => junction(*op, rest, args, view, out, faults),
            Step::Not => {
                args[0].run(view, faults);
                logic::assign(out, args[0].operand(view), len);
                logic::invert(out);
            }
            Step::IsNull => {
                args[0].run(view, faults);
                logic::is_null(args[0].operand(view), len, out);
            }
            Step::In(ty, hit) => {
                run_all(args, view, faults);
                let x = args[0].operand(view);
                compare::apply(Comparison::Eq, *ty, x, args[1].operand(view), len, out);
                for item in &args[2..] {
                    compare::apply(Comparison::Eq, *ty, x, item.operand(view), len, hit);
                    logic::join(Junction::Or, out, Operand::Column(hit), len);
                }
            }
            Step::Between(ty, hit) => {
                run_all(args, view, faults);
                let x = args[0].operand(view);
                compare::apply(Comparison::GtEq, *ty, x, args[1].operand(view), len, out);
                compare::apply(Comparison::LtEq, *ty, x, args[2].operand(view), len, hit);
                logic::join(Junction::And, out, Operand::Column(hit), len);
            }
            Step::Case(case) => case.run(args, view, out, faults),
            Step::Cast(text) => {
                args[0].run(view, faults);
                cast::apply(args[0].operand(view), len, out, text, faults);
            }
            Step::Like(pattern) => {
                run_all(args, view, faults);
                strict::<bool>(args, view, out, faults, |a| {
                    Ok(match pattern {
                        Some(p) => p.matches(a.text(0)),
                        None => like(a.text(0), a.text(1)),
                    })
                });
            }
            Step::Regexp(regexp) => {
                run_all(args, view, faults);
                strict::<bool>(args, view, out, faults, |a| {
                    regexp.matches(a.text(0), a.text(1))
                });
            }
            Step::Coalesce(rest) => coalesce(rest, args, view, out, faults),
            Step::NullIf(ty, equal) => {
                let (a, b) = both(args, view, faults);
                compare::apply(Comparison::Eq, *ty, a, b, len, equal);
                choice::assign(out, a, len);
                choice::null_where(out, equal, len);
            }
            Step::Extremum(largest) => {
                run_all(args, view, faults);
                choice::assign(out, args[0].operand(view), len);
                for arg in &args[1..] {
                    choice::extremum(*largest, out, arg.operand(view), len);
                }
                trim_mask(out);
            }
            Step::Call(kernel, text) => {
                run_all(args, view, faults);
                call(*kernel, args, view, out, text, faults);
            }
            Step::User(function, values) => {
                run_all(args, view, faults);
                user(&**function, values, args, view, out, faults);
            }
        }
    }
}

fn run_all(args: &mut [Node], view: &View<'_>, faults: &mut u64) {
    for arg in args {
        arg.run(view, faults);
    }
}

fn both<'a>(args: &'a mut [Node], view: &View<'a>, faults: &mut u64) -> (Operand<'a>, Operand<'a>) {
    run_all(args, view, faults);
    (args[0].operand(view), args[1].operand(view))
}

/// Copies the selected rows of a column, when there is a selection.
fn read(i: usize, view: &View<'_>, out: &mut Column) {
    let frame = view.frame;
    let source = column(frame, i);
    let rows = frame.rows.filter(|_| i < frame.left.len());
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

/// Times in milliseconds.
fn millis(view: &View<'_>, from: &[Timestamp], out: &mut Column) {
    out.clear();
    let values = i64::vec(out.parts_mut().0);
    match (view.picks, view.frame.rows) {
        (None, None) => values.extend(from[..view.len].iter().map(|t| t.millis())),
        _ => values.extend((0..view.len).map(|i| from[view.frame.row(view.position(i))].millis())),
    }
}

fn junction(
    op: Junction,
    rest: &mut Subset,
    args: &mut [Node],
    view: &View<'_>,
    out: &mut Column,
    faults: &mut u64,
) {
    args[0].run(view, faults);
    logic::assign(out, args[0].operand(view), view.len);
    for arg in &mut args[1..] {
        if !arg.fallible {
            arg.run(view, faults);
            logic::join(op, out, arg.operand(view), view.len);
            continue;
        }
        rest.place.clear();
        logic::undecided(op, out, &mut rest.place);
        rest.locate(view);
        let narrow = rest.view(view);
        arg.run(&narrow, faults);
        logic::join_at(op, out, arg.operand(&narrow), &rest.place);
    }
}

fn coalesce(
    rest: &mut Subset,
    args: &mut [Node],
    view: &View<'_>,
    out: &mut Column,
    faults: &mut u64,
) {
    args[0].run(view, faults);
    choice::assign(out, args[0].operand(view), view.len);
    for arg in &mut args[1..] {
        if out.valid().is_empty() {
            return;
        }
        rest.place.clear();
        for (i, ok) in out.valid().iter().enumerate() {
            if !ok {
                rest.place.push(i as u32);
            }
        }
        rest.locate(view);
        let narrow = rest.view(view);
        arg.run(&narrow, faults);
        scatter(out, arg.operand(&narrow), &rest.place);
        trim_mask(out);
    }
}

impl Case {
    fn run(&mut self, args: &mut [Node], view: &View<'_>, out: &mut Column, faults: &mut u64) {
        blank(out, view.len);
        self.rest.place.clear();
        self.rest.place.extend(0..view.len as u32);
        self.rest.locate(view);
        let (operand, args) = args.split_at_mut(usize::from(self.operand));
        run_all(operand, view, faults);
        let (branches, otherwise) = args.split_at_mut(args.len() - usize::from(self.otherwise));
        for branch in branches.chunks_exact_mut(2) {
            let (when, then) = branch.split_at_mut(1);
            self.split(operand, &mut when[0], view, faults);
            self.taken.locate(view);
            put(&mut then[0], &self.taken, view, out, faults);
            std::mem::swap(&mut self.rest, &mut self.next);
            self.rest.locate(view);
        }
        if let [otherwise] = otherwise {
            put(otherwise, &self.rest, view, out, faults);
        }
        trim_mask(out);
    }

    /// Divides `rest` into `taken`, where the condition holds, and `next`.
    fn split(&mut self, operand: &[Node], when: &mut Node, view: &View<'_>, faults: &mut u64) {
        let rest = self.rest.view(view);
        when.run(&rest, faults);
        let mut condition = when.operand(&rest);
        if let (Some((ty, probe)), Some(operand)) = (&mut self.probe, operand.first()) {
            let x = match operand.operand(view) {
                Operand::Column(c) => {
                    gather(probe, c, &self.rest.place);
                    Operand::Column(probe)
                }
                constant => constant,
            };
            compare::apply(Comparison::Eq, *ty, x, condition, rest.len, &mut self.test);
            condition = Operand::Column(&self.test);
        }
        self.taken.place.clear();
        self.next.place.clear();
        for (i, &place) in self.rest.place.iter().enumerate() {
            match logic::truth(condition, i).0 {
                true => self.taken.place.push(place),
                false => self.next.place.push(place),
            }
        }
    }
}

/// Computes a branch on its rows.
fn put(branch: &mut Node, rows: &Subset, view: &View<'_>, out: &mut Column, faults: &mut u64) {
    if rows.place.is_empty() {
        return;
    }
    let narrow = rows.view(view);
    branch.run(&narrow, faults);
    scatter(out, branch.operand(&narrow), &rows.place);
}

/// Calls `f` on every row of which no argument is NULL.
fn strict<T: Native>(
    args: &[Node],
    view: &View<'_>,
    out: &mut Column,
    faults: &mut u64,
    mut f: impl FnMut(&Args<'_>) -> Result<T, Null>,
) {
    out.clear();
    if args.iter().any(|a| a.operand(view).is_null_constant()) {
        return all_null(out, view.len);
    }
    let masked = args
        .iter()
        .any(|a| !a.operand(view).valid(view.len).is_empty());
    for row in 0..view.len {
        if masked && args.iter().any(|a| a.operand(view).is_null(row)) {
            out.push_null();
            continue;
        }
        match f(&Args { args, view, row }) {
            Ok(value) => {
                let (data, valid) = out.parts_mut();
                T::vec(data).push(value);
                if !valid.is_empty() {
                    valid.push(true);
                }
            }
            Err(null) => {
                *faults += u64::from(null == Null::Fault);
                out.push_null();
            }
        }
    }
}

fn call(
    kernel: Kernel,
    args: &[Node],
    view: &View<'_>,
    out: &mut Column,
    text: &mut String,
    faults: &mut u64,
) {
    match kernel {
        Kernel::Real(f) => arithmetic::real(f, args[0].operand(view), view.len, out, faults),
        Kernel::Bool(f) => strict(args, view, out, faults, f),
        Kernel::Int(f) => strict(args, view, out, faults, f),
        Kernel::Long(f) => strict(args, view, out, faults, f),
        Kernel::Double(f) => strict(args, view, out, faults, |a| {
            let x = f(a)?;
            if x.is_finite() {
                Ok(x + 0.0)
            } else {
                Err(Null::Fault)
            }
        }),
        Kernel::Text(f) => strict(args, view, out, faults, |a| {
            text.clear();
            f(a, text)?;
            Ok(Str::new(text))
        }),
    }
}

/// Calls a registered function; a result that is no value of its type is NULL and counts.
fn user(
    function: &dyn ScalarFunction,
    values: &mut Vec<Value>,
    args: &[Node],
    view: &View<'_>,
    out: &mut Column,
    faults: &mut u64,
) {
    out.clear();
    for row in 0..view.len {
        values.clear();
        values.extend(args.iter().map(|a| a.operand(view).value(row)));
        let result = match function.call(values) {
            Value::Double(v) if v.is_finite() => Value::Double(v + 0.0),
            Value::Float(v) if v.is_finite() => Value::Float(v + 0.0),
            Value::Double(_) | Value::Float(_) => {
                *faults += 1;
                Value::Null
            }
            other => other,
        };
        if !out.push(&result) {
            *faults += 1;
            out.push_null();
        }
    }
}

impl Regexp {
    fn matches(&mut self, text: &str, pattern: &str) -> Result<bool, Null> {
        match self {
            Regexp::Fixed(regex) => Ok(regex.is_match(text)),
            Regexp::Last(last, regex) => {
                if last != pattern {
                    last.clear();
                    last.push_str(pattern);
                    *regex = super::function::text::regex(pattern).ok();
                }
                match regex {
                    Some(regex) => Ok(regex.is_match(text)),
                    None => Err(Null::Fault),
                }
            }
        }
    }
}
