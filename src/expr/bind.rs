//! Syntax tree → typed tree: names become columns, calls become kernels, operands get one type.
//!
//! How: operands first, so that all faults of an expression are found; a node is made only of operands that bound.

use super::function::{Functions, cast_to, joined};
use super::kernel::arithmetic::Arithmetic;
use super::kernel::compare::Comparison;
use super::kernel::logic::Junction;
use super::layout::ColumnRef;
use super::typed::{Op, Typed};
use super::unify::{Context, common, pair, pair_types, settle, unify};
use crate::error::{FAULTS_MAX, Fault};
use crate::event::{Type, Value};
use crate::sql::ast::{Binary, Expr, ExprKind, Name, Nth, Over, Span, Unary};

/// Why a name is no column.
pub(crate) enum Unresolved {
    /// Nothing has it.
    Unknown(Fault),
    /// Several have it.
    Ambiguous(Fault),
}

/// What the names of an expression mean. Implemented by the planner.
pub(crate) trait Scope {
    /// The column of an attribute.
    fn column(
        &mut self,
        qualifier: Option<&Name>,
        name: &Name,
    ) -> Result<(ColumnRef, Type), Unresolved>;

    /// The column of an attribute of one of the rows of a term.
    fn nth(&mut self, term: &Name, _nth: Nth, _name: &Name) -> Result<(ColumnRef, Type), Fault> {
        let message = format!("{} is no counted term of a pattern", term.text);
        Err(Fault::new(term.span, message).help("write stream.attribute"))
    }

    /// Asked for every call before the scalar functions are: the virtual column of an aggregate or of another name
    /// that is the planner's own.
    fn call(
        &mut self,
        name: &Name,
        args: &[Expr],
        distinct: bool,
        span: Span,
    ) -> Option<Result<(ColumnRef, Type), Fault>>;

    /// The column that is NULL where a term matched nothing, if an expression is the name of a term of a pattern.
    fn term(&self, _expr: &Expr) -> Option<Result<(ColumnRef, Type), Fault>> {
        None
    }

    /// Whether an expression is the name of the only source: its row is every row.
    fn is_only_source(&self, _expr: &Expr) -> bool {
        false
    }

    /// The column of `call OVER (…)`.
    fn over(&mut self, _call: &Expr, _over: &Over, span: Span) -> Result<(ColumnRef, Type), Fault> {
        let fault = Fault::new(span, "OVER cannot stand here");
        Err(fault.help("OVER stands in SELECT, HAVING and ORDER BY of a query"))
    }

    /// The column of `(condition) IN table`.
    fn member(
        &mut self,
        _condition: &Expr,
        _table: &Name,
        span: Span,
    ) -> Result<(ColumnRef, Type), Fault> {
        let fault = Fault::new(span, "IN with a table cannot stand here");
        Err(fault.help("use it in WHERE or SELECT of a query"))
    }

    /// What may be called here beside functions.
    fn callable(&self) -> Vec<String> {
        Vec::new()
    }

    /// Asked first for every node: a column that holds this very expression (GROUP BY expressions, aliases).
    fn known(&mut self, _expr: &Expr) -> Option<(ColumnRef, Type)> {
        None
    }
}

/// Binds an expression. `None` when it has faults, all of which are then in `faults`.
pub(crate) fn bind(
    expr: &Expr,
    scope: &mut dyn Scope,
    functions: &Functions,
    faults: &mut Vec<Fault>,
) -> Option<Typed> {
    let mut binder = Binder {
        scope,
        functions,
        faults,
    };
    binder.expr(expr)
}

struct Binder<'a> {
    scope: &'a mut dyn Scope,
    functions: &'a Functions,
    faults: &'a mut Vec<Fault>,
}

impl Binder<'_> {
    fn keep<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.faults.push(fault)).ok()
    }

    fn expr(&mut self, expr: &Expr) -> Option<Typed> {
        if self.faults.len() > FAULTS_MAX {
            return None;
        }
        let span = expr.span;
        if let Some((column, ty)) = self.scope.known(expr) {
            return Some(Typed::column(column, ty, span));
        }
        match &expr.kind {
            ExprKind::Literal(value) => Some(Typed::literal(value.clone(), span)),
            ExprKind::Duration(us) => self.keep(duration(*us, span)),
            ExprKind::Column {
                qualifier,
                name,
                quoted,
            } => self.column(qualifier.as_ref(), name, *quoted, span),
            ExprKind::Nth { term, nth, name } => {
                let column = self.scope.nth(term, *nth, name);
                let (column, ty) = self.keep(column)?;
                Some(Typed::column(column, ty, span))
            }
            ExprKind::Unary(op, x) => self.unary(*op, x, span),
            ExprKind::Binary(op, a, b) => {
                let [a, b] = self.all([a, b])?;
                let made = binary(*op, a, b, span);
                self.keep(made)
            }
            ExprKind::IsNull(x, negated) => self.is_null(x, *negated, span),
            ExprKind::In(x, items, negated) => {
                let args = self.list(std::iter::once(&**x).chain(items))?;
                let made = membership(args, span);
                Some(negated_if(*negated, self.keep(made)?, span))
            }
            ExprKind::InTable(condition, table, negated) => {
                self.in_table(condition, table, *negated, span)
            }
            ExprKind::Between(x, low, high, negated) => {
                let args = self.all([x, low, high])?;
                let made = between(args.into(), span);
                Some(negated_if(*negated, self.keep(made)?, span))
            }
            ExprKind::Like(text, pattern, negated) => {
                let args = self.all([text, pattern])?;
                let made = self.functions.call("like", args.into(), span);
                Some(negated_if(*negated, self.keep(made)?, span))
            }
            ExprKind::Case {
                operand,
                branches,
                otherwise,
            } => self.case(operand.as_deref(), branches, otherwise.as_deref(), span),
            ExprKind::AtZone(..) => self.keep(Err(misplaced_zone(span))),
            ExprKind::Cast(x, to) => {
                let x = self.expr(x)?;
                let made = cast_to(x, to, span);
                self.keep(made)
            }
            ExprKind::Call {
                name,
                args,
                distinct,
            } => self.call(name, args, *distinct, span),
            ExprKind::Over(call, over) => {
                let column = self.scope.over(call, over, span);
                let (column, ty) = self.keep(column)?;
                Some(Typed::column(column, ty, span))
            }
        }
    }

    fn unary(&mut self, op: Unary, x: &Expr, span: Span) -> Option<Typed> {
        let x = self.expr(x)?;
        let made = match op {
            Unary::Not => condition(x, "NOT").map(|x| not(x, span)),
            Unary::Minus => negate(x, span),
        };
        self.keep(made)
    }

    fn is_null(&mut self, x: &Expr, negated: bool, span: Span) -> Option<Typed> {
        let x = match self.scope.term(x) {
            Some(column) => {
                let (column, ty) = self.keep(column)?;
                Typed::column(column, ty, x.span)
            }
            None => self.expr(x)?,
        };
        let ty = x.ty.unwrap_or(Type::Bool);
        let test = Typed::op(Op::IsNull, vec![x.cast(ty)], Type::Bool, span);
        Some(negated_if(negated, test, span))
    }

    fn list<'e>(&mut self, exprs: impl Iterator<Item = &'e Expr>) -> Option<Vec<Typed>> {
        let bound: Vec<Option<Typed>> = exprs.map(|e| self.expr(e)).collect();
        bound.into_iter().collect()
    }

    fn all<const N: usize>(&mut self, exprs: [&Expr; N]) -> Option<[Typed; N]> {
        self.list(exprs.into_iter())?.try_into().ok()
    }

    fn column(
        &mut self,
        qualifier: Option<&Name>,
        name: &Name,
        quoted: bool,
        span: Span,
    ) -> Option<Typed> {
        match self.scope.column(qualifier, name) {
            Ok((column, ty)) => Some(Typed::column(column, ty, span)),
            // "x" that names no attribute is a string
            Err(Unresolved::Unknown(_)) if quoted && qualifier.is_none() => {
                Some(Typed::literal(Value::from(name.text.as_str()), span))
            }
            Err(Unresolved::Unknown(fault) | Unresolved::Ambiguous(fault)) => self.keep(Err(fault)),
        }
    }

    fn in_table(
        &mut self,
        condition: &Expr,
        table: &Name,
        negated: bool,
        span: Span,
    ) -> Option<Typed> {
        let column = self.scope.member(condition, table, span);
        let (column, ty) = self.keep(column)?;
        Some(negated_if(negated, Typed::column(column, ty, span), span))
    }

    fn call(&mut self, name: &Name, args: &[Expr], distinct: bool, span: Span) -> Option<Typed> {
        if let Some(special) = self.scope.call(name, args, distinct, span) {
            let (column, ty) = self.keep(special)?;
            return Some(Typed::column(column, ty, span));
        }
        if let [arg] = args
            && name.text.eq_ignore_ascii_case("eventTimestamp")
            && self.scope.is_only_source(arg)
        {
            return self.call(name, &[], distinct, span);
        }
        if distinct {
            let message = format!("DISTINCT in {}, which is no aggregate", name.text);
            self.faults
                .push(Fault::new(span, message).help("leave DISTINCT out"));
        }
        // an unknown name is reported even when the arguments have faults of their own
        let args = match self.functions.takes_zone(&name.text) {
            true => self.zoned(args),
            false => self.list(args.iter()),
        };
        let known = self.functions.require(name, || self.scope.callable());
        self.keep(known)?;
        let made = self.functions.call(&name.text, args?, span);
        self.keep(made)
    }

    /// The arguments of a function of time: the zone of `ms AT TIME ZONE zone` is the last one.
    fn zoned(&mut self, args: &[Expr]) -> Option<Vec<Typed>> {
        let mut zones = Vec::new();
        let plain = args.iter().map(|arg| match &arg.kind {
            ExprKind::AtZone(at, zone) => {
                zones.push(&**zone);
                &**at
            }
            _ => arg,
        });
        let plain: Vec<&Expr> = plain.collect();
        if let [_, second, ..] = zones[..] {
            let fault = Fault::new(second.span, "a call has one AT TIME ZONE");
            return self.keep(Err(fault.help("it holds for all times of the call")));
        }
        self.list(plain.into_iter().chain(zones))
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        branches: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        span: Span,
    ) -> Option<Typed> {
        let whens = self.list(
            operand
                .into_iter()
                .chain(branches.iter().map(|(when, _)| when)),
        );
        let thens = self.list(branches.iter().map(|(_, then)| then).chain(otherwise));
        let made = case(operand.is_some(), whens?, thens?, otherwise.is_some(), span);
        self.keep(made)
    }
}

fn misplaced_zone(span: Span) -> Fault {
    let message = "AT TIME ZONE stands in the argument of a function of time";
    let remedy = "write it there, as in formatDate(ms AT TIME ZONE 'Europe/Berlin', '%H:%M')";
    Fault::new(span, message).help(remedy)
}

fn duration(us: i64, span: Span) -> Result<Typed, Fault> {
    if us % 1000 == 0 {
        return Ok(Typed::literal(Value::Long(us / 1000), span));
    }
    Err(
        Fault::new(span, "a duration in an expression counts milliseconds")
            .help("use whole milliseconds"),
    )
}

fn condition(x: Typed, what: &str) -> Result<Typed, Fault> {
    match x.ty {
        None | Some(Type::Bool) => Ok(x.cast(Type::Bool)),
        Some(ty) => Err(Fault::new(x.span, format!("{what} takes BOOL, not {ty}"))
            .help("compare it with a value")),
    }
}

fn not(x: Typed, span: Span) -> Typed {
    Typed::op(Op::Not, vec![x], Type::Bool, span)
}

fn negated_if(negated: bool, x: Typed, span: Span) -> Typed {
    if negated { not(x, span) } else { x }
}

fn negate(x: Typed, span: Span) -> Result<Typed, Fault> {
    match x.ty {
        None => Ok(Typed::literal(Value::Null, span)),
        Some(ty) if ty.is_numeric() => Ok(Typed::op(Op::Negate, vec![x], ty, span)),
        Some(ty) => Err(Fault::new(span, format!("− takes a number, not {ty}"))),
    }
}

fn binary(op: Binary, a: Typed, b: Typed, span: Span) -> Result<Typed, Fault> {
    match op {
        Binary::Add => arithmetic(Arithmetic::Add, "+", a, b, span),
        Binary::Sub => arithmetic(Arithmetic::Sub, "-", a, b, span),
        Binary::Mul => arithmetic(Arithmetic::Mul, "*", a, b, span),
        Binary::Div => arithmetic(Arithmetic::Div, "/", a, b, span),
        Binary::Mod => arithmetic(Arithmetic::Mod, "%", a, b, span),
        Binary::Eq => compare(Comparison::Eq, "=", a, b, span),
        Binary::NotEq => compare(Comparison::NotEq, "!=", a, b, span),
        Binary::Lt => compare(Comparison::Lt, "<", a, b, span),
        Binary::LtEq => compare(Comparison::LtEq, "<=", a, b, span),
        Binary::Gt => compare(Comparison::Gt, ">", a, b, span),
        Binary::GtEq => compare(Comparison::GtEq, ">=", a, b, span),
        Binary::And => junction(Junction::And, "AND", a, b, span),
        Binary::Or => junction(Junction::Or, "OR", a, b, span),
    }
}

fn junction(op: Junction, sign: &str, a: Typed, b: Typed, span: Span) -> Result<Typed, Fault> {
    let (a, b) = (condition(a, sign)?, condition(b, sign)?);
    Ok(joined(op, a, b, span))
}

fn arithmetic(op: Arithmetic, sign: &str, a: Typed, b: Typed, span: Span) -> Result<Typed, Fault> {
    for x in [&a, &b] {
        if let Some(ty) = x.ty.filter(|ty| !ty.is_numeric()) {
            let fault = Fault::new(x.span, format!("{sign} takes numbers, not {ty}"));
            return Err(match ty {
                Type::String if op == Arithmetic::Add => fault.help("concat(…) joins texts"),
                ty => fault.help(format!("convert the {ty} with CAST")),
            });
        }
    }
    let (args, ty) = match op {
        // the result of a division is always DOUBLE
        Arithmetic::Div => {
            let none = a.ty.is_none() && b.ty.is_none();
            let args = vec![as_double(a), as_double(b)];
            (args, (!none).then_some(Type::Double))
        }
        _ => unify(vec![a, b], Context::Arithmetic, sign)?,
    };
    Ok(match ty {
        None => Typed::literal(Value::Null, span),
        Some(ty) => Typed::op(Op::Arithmetic(op), args, ty, span),
    })
}

/// A number as DOUBLE; a literal stays one.
fn as_double(x: Typed) -> Typed {
    match (&x.kind, x.constant()) {
        (super::TypedKind::Literal(_), Some(Value::Long(v))) => {
            Typed::literal(Value::Double(v as f64), x.span)
        }
        _ => x.cast(Type::Double),
    }
}

/// Gives each operand behind the first the type in which it is compared with the first, which stays as it is: every
/// pair is compared as if it stood alone.
pub(super) fn comparable(
    mut args: Vec<Typed>,
    sign: &str,
    ordered: bool,
) -> Result<Vec<Typed>, Fault> {
    let ty = check_comparable(&args, sign, ordered)?;
    let mut x = args.remove(0);
    if x.ty.is_none() {
        x = x.cast(ty.unwrap_or(Type::Bool)); // a NULL without a type takes that of the others
    }
    let mut all = vec![x];
    for arg in args {
        let (_, ty) = pair_types(&all[0], &arg, sign)?;
        all.push(settle(arg, ty, Context::Comparison));
    }
    Ok(all)
}

/// Refuses operands that cannot be compared; the type of the first that has one.
fn check_comparable(args: &[Typed], sign: &str, ordered: bool) -> Result<Option<Type>, Fault> {
    let mut ty = None;
    for (i, arg) in args.iter().enumerate() {
        if let (Some(a), Some(b)) = (args[..i].iter().find_map(|a| a.ty), arg.ty)
            && a != b
            && a.promote(b).is_none()
        {
            let message = format!("{sign} cannot compare {a} with {b}");
            let remedy = format!("convert one of them: CAST(… AS {a})");
            return Err(Fault::new(arg.span, message).help(remedy));
        }
        ty = ty.or(arg.ty);
    }
    if ordered && ty == Some(Type::Bool) {
        let span = args[0].span.to(args[args.len() - 1].span);
        return Err(Fault::new(span, format!("{sign} does not order BOOL")).help("use = or !="));
    }
    Ok(ty)
}

fn compare(op: Comparison, sign: &str, a: Typed, b: Typed, span: Span) -> Result<Typed, Fault> {
    let ordered = !matches!(op, Comparison::Eq | Comparison::NotEq);
    let both = [a, b];
    check_comparable(&both, sign, ordered)?;
    let [a, b] = both;
    let (a, b) = pair(a, b, sign)?;
    Ok(Typed::op(Op::Compare(op), vec![a, b], Type::Bool, span))
}

fn membership(args: Vec<Typed>, span: Span) -> Result<Typed, Fault> {
    if args.len() < 2 {
        return Err(Fault::new(span, "IN takes at least one value"));
    }
    let args = comparable(args, "IN", false)?;
    Ok(Typed::op(Op::In, args, Type::Bool, span))
}

fn between(args: Vec<Typed>, span: Span) -> Result<Typed, Fault> {
    let args = comparable(args, "BETWEEN", true)?;
    Ok(Typed::op(Op::Between, args, Type::Bool, span))
}

/// `whens` begins with the operand if there is one; `thens` ends with the ELSE if there is one.
fn case(
    operand: bool,
    whens: Vec<Typed>,
    thens: Vec<Typed>,
    otherwise: bool,
    span: Span,
) -> Result<Typed, Fault> {
    let whens = if operand {
        comparable(whens, "CASE", false)?
    } else {
        whens
            .into_iter()
            .map(|w| condition(w, "WHEN"))
            .collect::<Result<_, _>>()?
    };
    let Some(ty) = common(&thens, Context::Branches, "CASE")? else {
        return Ok(Typed::literal(Value::Null, span));
    };
    let mut args = Vec::with_capacity(whens.len() + thens.len());
    let mut whens = whens.into_iter();
    let mut thens = thens.into_iter().map(|t| settle(t, ty, Context::Branches));
    if operand {
        args.extend(whens.next());
    }
    for when in whens {
        args.push(when);
        args.extend(thens.next());
    }
    args.extend(thens);
    Ok(Typed::op(Op::Case { operand, otherwise }, args, ty, span))
}
