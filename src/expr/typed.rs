//! A bound expression: every node has its type, every name its column, every call its kernel.
//!
//! Why a tree beside the syntax tree: the planner asks for columns and constants before anything runs, and one tree
//! may run over several layouts of columns.

use super::function::{Kernel, ScalarFunction, TimeKernel, text::TEXT_BYTES_MAX};
use super::kernel::arithmetic::Arithmetic;
use super::kernel::cast::exact;
use super::kernel::compare::Comparison;
use super::kernel::logic::Junction;
use super::layout::{ColumnRef, Layout};
use super::program::{Frame, Program};
use crate::error::Fault;
use crate::event::{Type, Value};
use crate::sql::ast::Span;
use std::sync::Arc;

/// What a node of a bound expression is.
#[derive(Clone)]
pub(crate) enum TypedKind {
    /// A column of its query.
    Column(ColumnRef),
    /// A value as written, which may still take the type of its context.
    Literal(Value),
    /// A value whose type is settled.
    Constant(Value),
    /// An operation on operands.
    Op(Op, Vec<Typed>),
}

/// The operations. Operands have the types that the kernel expects; the binder has seen to it.
#[derive(Clone)]
pub(crate) enum Op {
    /// `eventTimestamp()`.
    EventTime,
    /// `now()`.
    Clock,
    /// `uuid()`.
    Uuid,
    /// `−x`.
    Negate,
    /// `x + y` and its like, in the node's type.
    Arithmetic(Arithmetic),
    /// `x = y` and its like.
    Compare(Comparison),
    /// AND, OR of any number of conditions.
    Junction(Junction),
    /// NOT.
    Not,
    /// IS NULL.
    IsNull,
    /// The first operand equals one of the others; each has the type in which it is compared with the first.
    In,
    /// `x BETWEEN low AND high`, typed as IN.
    Between,
    /// `[operand] (WHEN THEN)* [ELSE]`, in this order.
    Case {
        /// The first operand is compared with each WHEN, typed as in IN.
        operand: bool,
        /// The last operand is the ELSE.
        otherwise: bool,
    },
    /// Conversion to the node's type.
    Cast,
    /// `text LIKE pattern`.
    Like,
    /// `regexp(text, pattern)`.
    Regexp,
    /// `regexp_extract(text, pattern, group)`.
    Extract,
    /// The first operand that is not NULL.
    Coalesce,
    /// NULL where both are equal, otherwise the first; typed as IN.
    NullIf,
    /// The largest (`true`) or smallest operand that is not NULL.
    Extremum(bool),
    /// A built-in function.
    Call(Kernel),
    /// A function of time, and the place of its zone, which may be absent.
    Time(TimeKernel, usize),
    /// A function that the user registered.
    User(Arc<dyn ScalarFunction>),
}

/// Bytes of a text that is computed while an app is built and kept in its place.
pub(crate) const FOLDED_BYTES_MAX: usize = 4 << 10;

/// An expression with its type.
#[derive(Clone)]
pub(crate) struct Typed {
    /// What it is.
    pub(crate) kind: TypedKind,
    /// Its type; `None` is a NULL that nothing has given a type.
    pub(crate) ty: Option<Type>,
    /// Where it stands.
    pub(crate) span: Span,
}

impl Typed {
    pub(crate) fn column(column: ColumnRef, ty: Type, span: Span) -> Self {
        Typed {
            kind: TypedKind::Column(column),
            ty: Some(ty),
            span,
        }
    }

    pub(crate) fn literal(value: Value, span: Span) -> Self {
        Typed {
            ty: value.type_of(),
            kind: TypedKind::Literal(value),
            span,
        }
    }

    pub(super) fn constant_of(value: Value, ty: Option<Type>, span: Span) -> Self {
        Typed {
            ty,
            kind: TypedKind::Constant(value),
            span,
        }
    }

    /// An operation; one whose operands are all constants is computed now unless that is a fault or a long text.
    pub(super) fn op(op: Op, args: Vec<Typed>, ty: Type, span: Span) -> Self {
        let literal = matches!(op, Op::Negate | Op::Arithmetic(_))
            && args.iter().all(|a| matches!(a.kind, TypedKind::Literal(_)));
        let node = Typed {
            kind: TypedKind::Op(op, args),
            ty: Some(ty),
            span,
        };
        if !node.is_short_constant() {
            return node;
        }
        match node.compute() {
            Some((Value::String(text), _)) if text.len() > FOLDED_BYTES_MAX => node,
            Some((value, 0)) if literal => Typed::literal(value, span),
            Some((value, 0)) => Typed::constant_of(value, Some(ty), span),
            _ => node,
        }
    }

    /// Whether all operands are constants, and none is the length of a text beyond what is kept. One that no text has
    /// costs nothing: the result is NULL.
    fn is_short_constant(&self) -> bool {
        let makes_text = matches!(&self.kind, TypedKind::Op(Op::Call(Kernel::Text(_)), _));
        self.args().iter().all(|a| match &a.kind {
            TypedKind::Literal(Value::Long(n)) | TypedKind::Constant(Value::Long(n)) => {
                let long = FOLDED_BYTES_MAX as i64 + 1..=TEXT_BYTES_MAX as i64;
                !(makes_text && long.contains(n))
            }
            TypedKind::Literal(_) | TypedKind::Constant(_) => true,
            TypedKind::Column(_) | TypedKind::Op(..) => false,
        })
    }

    /// The type's name, for messages.
    pub(super) fn type_name(&self) -> &'static str {
        self.ty.map_or("NULL", Type::name)
    }

    fn args(&self) -> &[Typed] {
        match &self.kind {
            TypedKind::Op(_, args) => args,
            _ => &[],
        }
    }

    /// Converts to a declared type: by widening, by a literal that fits, or NULL.
    pub(crate) fn coerce(self, to: Type) -> Result<Typed, Fault> {
        let span = self.span;
        match (&self.kind, self.ty) {
            (_, Some(ty)) if ty == to => Ok(self),
            (_, None) => Ok(Typed::constant_of(Value::Null, Some(to), span)),
            (TypedKind::Literal(Value::Double(v)), _)
                if to == Type::Float && (*v as f32).is_finite() =>
            {
                Ok(Typed::constant_of(
                    Value::Float(*v as f32 + 0.0),
                    Some(to),
                    span,
                ))
            }
            (TypedKind::Literal(v), _) if exact(v, to).is_some() => Ok(Typed::constant_of(
                exact(v, to).unwrap_or_default(),
                Some(to),
                span,
            )),
            (_, Some(ty)) if ty.widens_to(to) => Ok(self.cast(to)),
            (TypedKind::Literal(v), Some(ty)) if ty.is_numeric() && to.is_numeric() => {
                Err(Fault::new(span, format!("{v} does not fit {to}"))
                    .help(format!("CAST(… AS {to}) converts with loss")))
            }
            (_, Some(ty)) => Err(Fault::new(span, format!("{ty} cannot become {to}"))
                .help(format!("CAST(… AS {to}) converts explicitly"))),
        }
    }

    /// A conversion node, or nothing when the type is right.
    pub(super) fn cast(self, to: Type) -> Typed {
        let span = self.span;
        match self.ty {
            Some(ty) if ty == to => self,
            None => Typed::constant_of(Value::Null, Some(to), span),
            Some(_) => Typed::op(Op::Cast, vec![self], to, span),
        }
    }

    /// The column, if it is nothing else.
    pub(crate) fn as_column(&self) -> Option<ColumnRef> {
        match self.kind {
            TypedKind::Column(column) => Some(column),
            _ => None,
        }
    }

    /// Calls `f` with every column read, as often as it is read.
    pub(crate) fn columns(&self, f: &mut dyn FnMut(ColumnRef)) {
        match &self.kind {
            TypedKind::Column(column) => f(*column),
            _ => self.args().iter().for_each(|a| a.columns(f)),
        }
    }

    /// As [`Typed::columns`], with their types.
    pub(crate) fn typed_columns(&self, f: &mut dyn FnMut(ColumnRef, Type)) {
        match (&self.kind, self.ty) {
            (TypedKind::Column(column), Some(ty)) => f(*column, ty),
            _ => self.args().iter().for_each(|a| a.typed_columns(f)),
        }
    }

    /// The value, when it depends on no row. A fault gives NULL.
    pub(crate) fn constant(&self) -> Option<Value> {
        match &self.kind {
            TypedKind::Literal(v) | TypedKind::Constant(v) => Some(v.clone()),
            _ => self.compute().map(|(value, _)| value),
        }
    }

    /// Value and number of faults, when every leaf is constant.
    fn compute(&self) -> Option<(Value, u64)> {
        if !self.depends_on_nothing() {
            return None;
        }
        let mut faults = 0;
        let frame = Frame {
            len: 1,
            ..Frame::default()
        };
        let value = self
            .compile(&Layout::default())
            .eval(&frame, &mut faults)
            .value(0);
        Some((value, faults))
    }

    /// Whether it is the same in every row, whenever it is computed.
    pub(crate) fn depends_on_nothing(&self) -> bool {
        match &self.kind {
            TypedKind::Column(_) => false,
            TypedKind::Literal(_) | TypedKind::Constant(_) => true,
            // a user's function may give another value each time
            TypedKind::Op(Op::EventTime | Op::Clock | Op::Uuid | Op::User(_), _) => false,
            TypedKind::Op(_, args) => args.iter().all(Typed::depends_on_nothing),
        }
    }

    fn any(&self, test: &dyn Fn(&Op) -> bool) -> bool {
        match &self.kind {
            TypedKind::Op(op, args) => test(op) || args.iter().any(|a| a.any(test)),
            _ => false,
        }
    }

    /// Whether it reads the app's clock.
    pub(crate) fn uses_clock(&self) -> bool {
        self.any(&|op| matches!(op, Op::Clock))
    }

    /// That this equals another of the same type.
    pub(crate) fn equals(self, other: Typed) -> Typed {
        let span = self.span;
        let op = Op::Compare(Comparison::Eq);
        Typed::op(op, vec![self, other], Type::Bool, span)
    }

    /// The first of these that is not NULL, all of one type; `None` where there are none.
    pub(crate) fn first_of(mut operands: Vec<Typed>) -> Option<Typed> {
        let (ty, span) = operands.first().map(|first| (first.ty, first.span))?;
        match operands.len() {
            1 => operands.pop(),
            _ => Some(Typed::op(Op::Coalesce, operands, ty?, span)),
        }
    }

    /// That all conditions hold; `None` where there are none.
    pub(crate) fn all(mut conditions: Vec<Typed>) -> Option<Typed> {
        let span = conditions.first()?.span;
        match conditions.len() {
            1 => conditions.pop(),
            _ => Some(Typed::op(
                Op::Junction(Junction::And),
                conditions,
                Type::Bool,
                span,
            )),
        }
    }

    /// Whether it reads the time of its row.
    pub(crate) fn uses_own_time(&self) -> bool {
        self.any(&|op| matches!(op, Op::EventTime))
    }

    /// Whether it is the same each time it is computed for a row, as far as is known.
    pub(crate) fn is_same_each_time(&self) -> bool {
        !self.any(&|op| matches!(op, Op::EventTime | Op::Clock | Op::Uuid | Op::User(_)))
    }

    /// The operator and both sides, if it is `a < b` or its like.
    pub(crate) fn comparison(&self) -> Option<(Comparison, &Typed, &Typed)> {
        match (&self.kind, self.args()) {
            (TypedKind::Op(Op::Compare(op), _), [a, b]) => Some((*op, a, b)),
            _ => None,
        }
    }

    /// What is compared, and both ends, if it is `x BETWEEN low AND high`.
    pub(crate) fn between(&self) -> Option<(&Typed, &Typed, &Typed)> {
        match (&self.kind, self.args()) {
            (TypedKind::Op(Op::Between, _), [x, low, high]) => Some((x, low, high)),
            _ => None,
        }
    }

    /// What a constant is added to, and the constant, if it is `x + 5` or `x - 5` in whole numbers.
    pub(crate) fn shifted(&self) -> Option<(&Typed, i64)> {
        let TypedKind::Op(Op::Arithmetic(op), args) = &self.kind else {
            return None;
        };
        let whole = |typed: &Typed| match typed.constant()? {
            Value::Int(n) => Some(i64::from(n)),
            Value::Long(n) => Some(n),
            _ => None,
        };
        match (op, args.as_slice()) {
            (Arithmetic::Add, [x, n]) if whole(n).is_some() => Some((x, whole(n)?)),
            (Arithmetic::Add, [n, x]) => Some((x, whole(n)?)),
            (Arithmetic::Sub, [x, n]) => Some((x, whole(n)?.checked_neg()?)),
            _ => None,
        }
    }

    /// What is widened, if it is a conversion and nothing else.
    pub(crate) fn widened(&self) -> Option<&Typed> {
        match (&self.kind, self.args()) {
            (TypedKind::Op(Op::Cast, _), [x]) if x.ty?.widens_to(self.ty?) => Some(x),
            _ => None,
        }
    }

    /// The same whole number in a narrower type; NULL where it is none, or does not fit. A condition is tried before
    /// the conversion, so that none fails.
    pub(crate) fn exactly(self, to: Type) -> Option<Typed> {
        let span = self.span;
        let constant = |value: Value| Typed::constant_of(value, self.ty, span);
        let (low, end) = match (self.ty?, to) {
            (Type::Double, Type::Long) => (
                Value::Double(-(2f64.powi(63))),
                Value::Double(2f64.powi(63)),
            ),
            (Type::Long, Type::Int) => (Value::Long(-(1 << 31)), Value::Long(1 << 31)),
            _ => return None,
        };
        let compare = |op: Comparison, a: Typed, b: Typed| {
            Typed::op(Op::Compare(op), vec![a, b], Type::Bool, span)
        };
        let converted = self.clone().cast(to);
        let mut conditions = vec![
            compare(Comparison::GtEq, self.clone(), constant(low)),
            compare(Comparison::Lt, self.clone(), constant(end)),
        ];
        if to == Type::Long {
            conditions.push(compare(Comparison::Eq, converted.clone(), self));
        }
        let fits = Typed::op(Op::Junction(Junction::And), conditions, Type::Bool, span);
        let case = Op::Case {
            operand: false,
            otherwise: false,
        };
        Some(Typed::op(case, vec![fits, converted], to, span))
    }

    /// Calls `f` with each of the conditions that AND joins in it.
    pub(crate) fn conjuncts(&self, f: &mut dyn FnMut(&Typed)) {
        match &self.kind {
            TypedKind::Op(Op::Junction(Junction::And), args) => {
                args.iter().for_each(|a| a.conjuncts(f));
            }
            _ => f(self),
        }
    }

    /// Whether it reads the numbers of the causing rows.
    pub(crate) fn uses_cause(&self) -> bool {
        self.any(&|op| matches!(op, Op::Uuid))
    }

    /// Makes it runnable over frames that are laid out so. `uuid()` is then salted with the number of the call only;
    /// see [`Typed::compile_salted`].
    ///
    /// An untyped NULL gives a BOOL column of NULLs.
    pub(crate) fn compile(&self, layout: &Layout) -> Program {
        self.compile_salted(layout, "")
    }

    /// Makes it runnable; `salt` names app, query and output, so that `uuid()` differs between them.
    pub(crate) fn compile_salted(&self, layout: &Layout, salt: &str) -> Program {
        Program::new(self, layout, salt)
    }
}
