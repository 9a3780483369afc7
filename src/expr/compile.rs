//! A bound expression → a program: columns and results are placed, literal patterns compiled, `uuid()` numbered.

use super::call::Clockwork;
use super::function::pieces::Extractor;
use super::function::{Kernel, Uuid, text};
use super::kernel::arithmetic::Arithmetic;
use super::layout::Layout;
use super::lazy::{Case, Subset};
use super::leaves::Leaves;
use super::like::Pattern;
use super::node::{Node, Step};
use super::probe::Probe;
use super::program::Program;
use super::settled::Settled;
use super::typed::{Op, Typed, TypedKind};
use crate::event::{Column, Type, Value, Zone};

impl Program {
    pub(super) fn new(expr: &Typed, layout: &Layout, salt: &str) -> Self {
        let mut calls = 0;
        Program::of(node(expr, (layout, salt), &mut calls))
    }
}

/// `calls` counts the calls of `uuid()`.
fn node(expr: &Typed, (layout, salt): (&Layout, &str), calls: &mut u32) -> Node {
    let ty = expr.ty.unwrap_or(Type::Bool);
    let (step, args) = match &expr.kind {
        TypedKind::Column(column) => (Step::Column(layout.place(*column)), Vec::new()),
        TypedKind::Literal(v) | TypedKind::Constant(v) => (Step::Constant(v.clone()), Vec::new()),
        TypedKind::Op(op, args) => {
            let step = step(op, args, salt, calls);
            let nodes = args
                .iter()
                .map(|a| node(a, (layout, salt), calls))
                .collect();
            (step, nodes)
        }
    };
    let fallible = can_fault(&step, &args, ty) || args.iter().any(|a: &Node| a.fallible);
    Node {
        leaves: Leaves::of(&step, &args),
        step,
        args,
        out: Column::new(ty),
        fallible,
    }
}

fn step(op: &Op, args: &[Typed], salt: &str, calls: &mut u32) -> Step {
    let flags = || Column::new(Type::Bool);
    let probe = |others: &mut dyn Iterator<Item = &Typed>| {
        let ty = |a: &Typed| a.ty.unwrap_or(Type::Bool);
        Probe::new(args.first().map_or(Type::Bool, ty), others.map(ty))
    };
    match op {
        Op::EventTime => Step::EventTime,
        Op::Clock => Step::Clock,
        Op::Uuid => {
            *calls += 1;
            Step::Uuid(Uuid::new(salt, *calls))
        }
        Op::Negate => Step::Negate,
        Op::Arithmetic(op) => Step::Arithmetic(*op),
        Op::Compare(op) => Step::Compare(*op),
        Op::Junction(op) => Step::Junction(*op, Subset::default()),
        Op::Not => Step::Not,
        Op::IsNull => Step::IsNull,
        Op::In => Step::In(probe(&mut args[1..].iter()), flags()),
        Op::Between => Step::Between(probe(&mut args[1..].iter()), flags()),
        Op::Case { operand, otherwise } => Step::Case(Box::new(Case {
            operand: *operand,
            otherwise: *otherwise,
            probe: operand.then(|| {
                let branches = &args[1..args.len() - usize::from(*otherwise)];
                probe(&mut branches.iter().step_by(2))
            }),
            test: flags(),
            rest: Subset::default(),
            next: Subset::default(),
            taken: Subset::default(),
        })),
        Op::Cast => Step::Cast(String::new()),
        Op::Like => Step::Like(literal(args.get(1)).map(|p| Pattern::new(&p))),
        Op::Regexp => Step::Regexp(Settled::later(literal(args.get(1)), |p| {
            text::regex(p).ok()
        })),
        Op::Extract => {
            let pattern = Settled::later(literal(args.get(1)), Extractor::new);
            Step::Extract(Box::new(pattern))
        }
        Op::Coalesce => Step::Coalesce(Subset::default()),
        Op::NullIf => Step::NullIf(probe(&mut args[1..].iter()), flags()),
        Op::Extremum(largest) => Step::Extremum(*largest),
        Op::Call(kernel) => Step::Call(*kernel, String::new()),
        Op::Time(kernel, place) => {
            let zone = match args.get(*place) {
                Some(zone) => Settled::new(literal(Some(zone)), Zone::of),
                None => Settled::Fixed(Zone::UTC),
            };
            let pattern = literal(args.get(1));
            Step::Time(Box::new(Clockwork::new(*kernel, pattern, *place, zone)))
        }
        Op::User(f) => Step::User(f.clone(), Vec::new()),
    }
}

/// The text of a constant.
fn literal(arg: Option<&Typed>) -> Option<String> {
    match &arg?.kind {
        TypedKind::Literal(Value::String(s)) | TypedKind::Constant(Value::String(s)) => {
            Some(s.as_str().to_string())
        }
        _ => None,
    }
}

/// Whether the operation itself may count a fault, or is dear enough to be kept off rows that do not need it.
fn can_fault(step: &Step, args: &[Node], ty: Type) -> bool {
    let constant_not_zero = |n: Option<&Node>| {
        matches!(n.map(|n| &n.step), Some(Step::Constant(v))
            if !matches!(v, Value::Int(0) | Value::Long(0)) && *v != Value::Double(0.0) && *v != Value::Float(0.0))
    };
    match step {
        Step::Negate => ty.is_integer(),
        Step::Arithmetic(Arithmetic::Mod) => !constant_not_zero(args.get(1)),
        Step::Arithmetic(_) => true,
        Step::Cast(_) => !args
            .iter()
            .all(|a| a.out.type_of().widens_to(ty) || ty == Type::String),
        Step::Regexp(_) | Step::Extract(_) | Step::Call(..) | Step::Time(_) | Step::User(..) => {
            true
        }
        _ => false,
    }
}

const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Program>();
    is_send::<Kernel>();
};
