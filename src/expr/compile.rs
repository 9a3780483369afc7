//! A bound expression → a program: columns and results are placed, literal patterns compiled, `uuid()` numbered.

use super::call::Clockwork;
use super::function::pieces::Extractor;
use super::function::{Kernel, Uuid, text};
use super::kernel::arithmetic::Arithmetic;
use super::layout::Layout;
use super::lazy::{Case, Subset};
use super::leaves::Leaves;
use super::like::LikePattern;
use super::node::{Node, Operation};
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
        TypedKind::Column(column) => (Operation::Column(layout.place(*column)), Vec::new()),
        TypedKind::Literal(v) | TypedKind::Constant(v) => {
            (Operation::Constant(v.clone()), Vec::new())
        }
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

fn step(op: &Op, args: &[Typed], salt: &str, calls: &mut u32) -> Operation {
    let flags = || Column::new(Type::Bool);
    let probe = |others: &mut dyn Iterator<Item = &Typed>| {
        let ty = |a: &Typed| a.ty.unwrap_or(Type::Bool);
        Probe::new(args.first().map_or(Type::Bool, ty), others.map(ty))
    };
    match op {
        Op::EventTime => Operation::EventTime,
        Op::Clock => Operation::Clock,
        Op::Uuid => {
            *calls += 1;
            Operation::Uuid(Uuid::new(salt, *calls))
        }
        Op::Negate => Operation::Negate,
        Op::Arithmetic(op) => Operation::Arithmetic(*op),
        Op::Compare(op) => Operation::Compare(*op),
        Op::Junction(op) => Operation::Junction(*op, Subset::default()),
        Op::Not => Operation::Not,
        Op::IsNull => Operation::IsNull,
        Op::In => Operation::In(probe(&mut args[1..].iter()), flags()),
        Op::Between => Operation::Between(probe(&mut args[1..].iter()), flags()),
        Op::Case { operand, otherwise } => Operation::Case(Box::new(Case {
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
        Op::Cast => Operation::Cast(String::new()),
        Op::Like => Operation::Like(literal(args.get(1)).map(|p| LikePattern::new(&p))),
        Op::Regexp => Operation::Regexp(Settled::later(literal(args.get(1)), |p| {
            text::regex(p).ok()
        })),
        Op::Extract => {
            let pattern = Settled::later(literal(args.get(1)), Extractor::new);
            Operation::Extract(Box::new(pattern))
        }
        Op::Coalesce => Operation::Coalesce(Subset::default()),
        Op::NullIf => Operation::NullIf(probe(&mut args[1..].iter()), flags()),
        Op::Extremum(largest) => Operation::Extremum(*largest),
        Op::Call(kernel) => Operation::Call(*kernel, String::new()),
        Op::Time(kernel, place) => {
            let zone = match args.get(*place) {
                Some(zone) => Settled::new(literal(Some(zone)), Zone::of),
                None => Settled::Fixed(Zone::UTC),
            };
            let pattern = literal(args.get(1));
            Operation::Time(Box::new(Clockwork::new(*kernel, pattern, *place, zone)))
        }
        Op::User(f) => Operation::User(f.clone(), Vec::new()),
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
fn can_fault(step: &Operation, args: &[Node], ty: Type) -> bool {
    let constant_not_zero = |n: Option<&Node>| {
        matches!(n.map(|n| &n.step), Some(Operation::Constant(v))
            if !matches!(v, Value::Int(0) | Value::Long(0)) && *v != Value::Double(0.0) && *v != Value::Float(0.0))
    };
    match step {
        Operation::Negate => ty.is_integer(),
        Operation::Arithmetic(Arithmetic::Mod) => !constant_not_zero(args.get(1)),
        Operation::Arithmetic(_) => true,
        Operation::Cast(_) => !args
            .iter()
            .all(|a| a.out.type_of().widens_to(ty) || ty == Type::String),
        Operation::Regexp(_)
        | Operation::Extract(_)
        | Operation::Call(..)
        | Operation::Time(_)
        | Operation::User(..) => true,
        _ => false,
    }
}

const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Program>();
    is_send::<Kernel>();
};
