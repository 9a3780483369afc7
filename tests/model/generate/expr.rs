//! Random typed expressions.
//!
//! `expr` returns an expression whose type is settled by itself; `operand` may return a literal, and is called only
//! where another operand settles the type.

use super::super::app::{Aggregate, Call, Nature};
use super::super::expr::{Expr, Function, Kind, Op};
use super::value;
use eventflux::event::{Type, Value};
use eventflux_kit::Random;

pub const TYPES: [Type; 6] = [
    Type::Bool,
    Type::Int,
    Type::Long,
    Type::Float,
    Type::Double,
    Type::String,
];
const NUMBERS: [Type; 4] = [Type::Int, Type::Long, Type::Float, Type::Double];

/// A name that an expression may use.
#[derive(Clone)]
pub struct Leaf {
    pub kind: Kind,
    pub ty: Type,
    pub nature: Nature,
}

/// What an expression may be built of.
pub struct Scope<'a> {
    pub r: &'a mut Random,
    pub leaves: Vec<Leaf>,
    /// Aggregate calls may stand inside; their arguments use these leaves.
    pub calls: Option<(&'a mut Vec<Call>, Vec<Leaf>)>,
    /// Floating-point sums must be exact in any order.
    pub exact_sums: bool,
    /// The aggregates are over a window.
    pub windowed: bool,
    /// First and last may be asked for.
    pub ends: bool,
    pub event_time: bool,
}

impl Scope<'_> {
    /// An expression of a type.
    pub fn expr(&mut self, ty: Type, depth: usize) -> Expr {
        if self.calls.is_some() && self.r.chance(if depth == 0 { 70 } else { 30 }) {
            return self.aggregated(ty);
        }
        if depth == 0 || self.r.chance(25) {
            return self.leaf(ty);
        }
        let depth = depth - 1;
        if self.r.chance(25) {
            return self.choice(ty, depth);
        }
        match ty {
            Type::Bool => self.condition(depth),
            Type::String => self.text(depth),
            Type::Int | Type::Long | Type::Float | Type::Double => self.number(ty, depth),
        }
    }

    /// Mostly a type that an attribute has.
    pub fn some_type(&mut self) -> Type {
        if self.leaves.is_empty() || self.r.chance(20) {
            return *self.r.pick(&TYPES);
        }
        self.r.pick(&self.leaves).ty
    }

    fn operand(&mut self, ty: Type, depth: usize) -> Expr {
        if self.r.chance(35) {
            self.literal(ty)
        } else {
            self.expr(ty, depth)
        }
    }

    fn literal(&mut self, ty: Type) -> Expr {
        Expr::new(ty, Kind::Literal(value::literal(self.r, ty)))
    }

    /// An attribute of the type, else a conversion.
    fn leaf(&mut self, ty: Type) -> Expr {
        let of = |test: &dyn Fn(Type) -> bool, from: &[Leaf]| -> Vec<Leaf> {
            from.iter()
                .filter(|l| test(l.ty) && l.nature != Nature::Approximate)
                .cloned()
                .collect()
        };
        let same = of(&|t| t == ty, &self.leaves);
        if !same.is_empty() && !self.r.chance(5) {
            let leaf = self.r.pick(&same).clone();
            return Expr::new(leaf.ty, leaf.kind);
        }
        if ty == Type::Long && self.event_time && self.r.chance(20) {
            return Expr::new(ty, Kind::Call(Function::EventTimestamp, Vec::new()));
        }
        let others = match ty {
            Type::Bool => of(&|t| t != Type::Bool, &self.leaves),
            Type::String => of(&|t| t.is_integer() || t == Type::Bool, &self.leaves),
            Type::Int | Type::Long => of(&|t| t != Type::Bool && t != ty, &self.leaves),
            _ => of(&|t| t.is_numeric() && t != ty, &self.leaves),
        };
        if others.is_empty() {
            let literal = self.literal(ty);
            return Expr::new(ty, Kind::Cast(Box::new(literal)));
        }
        let leaf = self.r.pick(&others).clone();
        let from = Box::new(Expr::new(leaf.ty, leaf.kind));
        if ty == Type::Bool {
            let to = Box::new(self.literal(leaf.ty));
            return Expr::boolean(Kind::Binary(
                *self.r.pick(&[Op::LessEq, Op::NotEq, Op::Greater]),
                from,
                to,
            ));
        }
        if ty == Type::Int && leaf.ty == Type::String {
            return Expr::new(ty, Kind::Call(Function::Length, vec![*from]));
        }
        Expr::new(ty, Kind::Cast(from))
    }

    /// CASE and its like, of any type.
    fn choice(&mut self, ty: Type, depth: usize) -> Expr {
        let first = self.expr(ty, depth);
        let kind = match self.r.below(5) {
            0 => {
                let second = self.operand(ty, depth);
                let args = if self.r.chance(30) {
                    vec![first, self.leaf(ty), second]
                } else {
                    vec![first, second]
                };
                Kind::Call(Function::Coalesce, args)
            }
            1 => {
                let test = self.expr(Type::Bool, depth);
                let second = self.operand(ty, depth);
                let args = if self.r.chance(50) {
                    vec![test, first, second]
                } else {
                    vec![test, second, first]
                };
                Kind::Call(Function::IfThenElse, args)
            }
            2 => Kind::Call(Function::NullIf, vec![first, self.operand(ty, depth)]),
            3 => {
                let of = self.some_type();
                let operand = self.expr(of, depth);
                let branches = vec![
                    (self.operand(of, 0), first),
                    (self.operand(of, 0), self.operand(ty, depth)),
                ];
                let otherwise = self.r.chance(50).then(|| Box::new(self.operand(ty, 0)));
                Kind::Case {
                    operand: Some(Box::new(operand)),
                    branches,
                    otherwise,
                }
            }
            _ => {
                let mut branches = vec![(self.expr(Type::Bool, depth), first)];
                if self.r.chance(40) {
                    let null = Expr::new(ty, Kind::Literal(Value::Null));
                    let then = if self.r.chance(20) {
                        null
                    } else {
                        self.operand(ty, depth)
                    };
                    branches.push((self.expr(Type::Bool, depth), then));
                }
                let otherwise = self.r.chance(60).then(|| Box::new(self.operand(ty, 0)));
                Kind::Case {
                    operand: None,
                    branches,
                    otherwise,
                }
            }
        };
        Expr::new(ty, kind)
    }

    pub fn condition(&mut self, depth: usize) -> Expr {
        let negated = self.r.chance(30);
        let kind = match self.r.below(12) {
            0 | 1 => {
                let op = *self.r.pick(&[Op::And, Op::Or]);
                Kind::Binary(
                    op,
                    Box::new(self.expr(Type::Bool, depth)),
                    Box::new(self.expr(Type::Bool, depth)),
                )
            }
            2 => Kind::Not(Box::new(self.expr(Type::Bool, depth))),
            3 => {
                let ty = self.some_type();
                Kind::IsNull(Box::new(self.expr(ty, depth)), negated)
            }
            4 => {
                let ty = self.some_type();
                let list = (0..1 + self.r.below(3))
                    .map(|_| self.operand(ty, 0))
                    .collect();
                Kind::In(Box::new(self.expr(ty, depth)), list, negated)
            }
            5 => {
                let ty = Some(self.some_type())
                    .filter(|t| *t != Type::Bool)
                    .unwrap_or(Type::Long);
                let (low, high) = (self.operand(ty, depth), self.operand(ty, depth));
                Kind::Between(
                    Box::new(self.expr(ty, depth)),
                    Box::new(low),
                    Box::new(high),
                    negated,
                )
            }
            6 => {
                let pattern = *self
                    .r
                    .pick(&["%", "a%", "_", "%b%", "%a", "é", "\\%_", "%日%", ""]);
                Kind::Like(
                    Box::new(self.expr(Type::String, depth)),
                    pattern.into(),
                    negated,
                )
            }
            _ => return self.comparison(depth),
        };
        Expr::boolean(kind)
    }

    /// Of one type, or of two numeric types without a literal. BOOL has no `<` (a build error of the engine).
    fn comparison(&mut self, depth: usize) -> Expr {
        let ops = [
            Op::Eq,
            Op::NotEq,
            Op::Less,
            Op::LessEq,
            Op::Greater,
            Op::GreaterEq,
        ];
        let ty = self.some_type();
        let op = *self.r.pick(if ty == Type::Bool { &ops[..2] } else { &ops });
        let left = self.expr(ty, depth);
        let right = if ty.is_numeric() && self.r.chance(25) {
            let other = *self.r.pick(&NUMBERS);
            self.expr(other, depth)
        } else {
            self.operand(ty, depth)
        };
        let swap = self.r.chance(20);
        let (left, right) = if swap { (right, left) } else { (left, right) };
        Expr::boolean(Kind::Binary(op, Box::new(left), Box::new(right)))
    }

    fn number(&mut self, ty: Type, depth: usize) -> Expr {
        let kind = match self.r.below(10) {
            0..=4 if ty == Type::Double && self.r.chance(40) => {
                let left = *self.r.pick(&NUMBERS);
                let right = *self.r.pick(&NUMBERS);
                let (left, right) = (self.expr(left, depth), self.expr(right, depth));
                Kind::Binary(Op::Div, Box::new(left), Box::new(right))
            }
            0..=4 => {
                let op = *self.r.pick(&[Op::Add, Op::Sub, Op::Mul, Op::Mod]);
                let left = self.expr(ty, depth);
                let right = if self.r.chance(25) {
                    self.narrower(ty, depth)
                } else {
                    self.operand(ty, depth)
                };
                let swap = self.r.chance(40);
                let (left, right) = if swap { (right, left) } else { (left, right) };
                Kind::Binary(op, Box::new(left), Box::new(right))
            }
            5 => Kind::Minus(Box::new(self.expr(ty, depth))),
            6 => {
                let function = *self.r.pick(&[Function::Maximum, Function::Minimum]);
                Kind::Call(
                    function,
                    vec![self.expr(ty, depth), self.narrower(ty, depth)],
                )
            }
            7 if ty == Type::Int && self.r.chance(50) => {
                let of = *self.r.pick(&NUMBERS);
                Kind::Call(Function::Sign, vec![self.expr(of, depth)])
            }
            7 | 8 if ty != Type::Float => {
                let all = [
                    Function::Abs,
                    Function::Floor,
                    Function::Ceil,
                    Function::Round,
                    Function::Trunc,
                ];
                let function = *self.r.pick(&all);
                let of = if ty == Type::Double && self.r.chance(30) {
                    Type::Float
                } else {
                    ty
                };
                Kind::Call(function, vec![self.expr(of, depth)])
            }
            _ => {
                let of = *self.r.pick(&NUMBERS);
                Kind::Cast(Box::new(self.expr(of, depth)))
            }
        };
        Expr::new(ty, kind)
    }

    /// An expression that promotion widens to the type, or of the type itself.
    fn narrower(&mut self, ty: Type, depth: usize) -> Expr {
        let narrower: Vec<Type> = NUMBERS.into_iter().filter(|n| n.widens_to(ty)).collect();
        let of = *self.r.pick(&narrower);
        self.expr(of, depth)
    }

    fn text(&mut self, depth: usize) -> Expr {
        let kind = match self.r.below(6) {
            0 => Kind::Call(Function::Upper, vec![self.expr(Type::String, depth)]),
            1 => Kind::Call(Function::Lower, vec![self.expr(Type::String, depth)]),
            2 => Kind::Call(Function::Reverse, vec![self.expr(Type::String, depth)]),
            3 => {
                let of = *self.r.pick(&[Type::Int, Type::Long, Type::Bool]);
                Kind::Cast(Box::new(self.expr(of, depth)))
            }
            _ => Kind::Call(
                Function::Concat,
                vec![
                    self.expr(Type::String, depth),
                    self.operand(Type::String, depth),
                ],
            ),
        };
        Expr::new(Type::String, kind)
    }

    /// A new aggregate call of this result type.
    pub fn aggregated(&mut self, ty: Type) -> Expr {
        let (calls, leaves) = self
            .calls
            .take()
            .expect("aggregates are asked for only where they may stand");
        let outer = std::mem::replace(&mut self.leaves, leaves);
        let call = self.call(ty);
        calls.push(call);
        let expr = Expr::new(ty, Kind::Aggregate(calls.len() - 1));
        let leaves = std::mem::replace(&mut self.leaves, outer);
        self.calls = Some((calls, leaves));
        expr
    }

    fn call(&mut self, ty: Type) -> Call {
        let mut aggregates = vec![Aggregate::Min, Aggregate::Max];
        if self.ends {
            aggregates.extend([Aggregate::First, Aggregate::Last]);
        }
        if !self.windowed {
            aggregates.extend([Aggregate::MinForever, Aggregate::MaxForever]);
        }
        match ty {
            Type::Bool => {
                aggregates.extend([Aggregate::And, Aggregate::Or, Aggregate::And, Aggregate::Or])
            }
            Type::Long => aggregates.extend(
                [
                    Aggregate::Count,
                    Aggregate::CountOf,
                    Aggregate::CountDistinct,
                    Aggregate::DistinctCount,
                ]
                .into_iter()
                .chain([Aggregate::Sum; 4]),
            ),
            Type::Double => aggregates.extend([
                Aggregate::Sum,
                Aggregate::Sum,
                Aggregate::Avg,
                Aggregate::Avg,
            ]),
            _ => {}
        }
        let aggregate = *self.r.pick(&aggregates);
        let arg = match aggregate {
            Aggregate::Count => None,
            Aggregate::CountOf | Aggregate::CountDistinct | Aggregate::DistinctCount => {
                let of = self.some_type();
                Some(self.argument(of))
            }
            Aggregate::Sum if ty == Type::Long => {
                let of = *self.r.pick(&[Type::Int, Type::Long]);
                Some(self.argument(of))
            }
            Aggregate::Sum => {
                let of = *self.r.pick(&[Type::Float, Type::Double]);
                Some(self.summand(of))
            }
            Aggregate::Avg => {
                let of = *self.r.pick(&NUMBERS);
                Some(if of.is_integer() {
                    self.argument(of)
                } else {
                    self.summand(of)
                })
            }
            _ => Some(self.argument(ty)),
        };
        Call { aggregate, arg }
    }

    fn argument(&mut self, ty: Type) -> Expr {
        let depth = if self.r.chance(20) { 1 } else { 0 };
        self.expr(ty, depth)
    }

    /// A floating-point argument of a sum: exact where the order of addition is not settled.
    fn summand(&mut self, ty: Type) -> Expr {
        if self.exact_sums {
            self.tame(ty)
        } else {
            self.argument(ty)
        }
    }

    /// An attribute of small exact values, else a conversion of one, else a constant.
    pub fn tame(&mut self, ty: Type) -> Expr {
        let tame = self
            .leaves
            .iter()
            .filter(|l| l.nature == Nature::Tame && l.ty.is_numeric());
        let tame: Vec<Leaf> = tame.cloned().collect();
        if let Some(leaf) = tame.iter().find(|l| l.ty == ty) {
            return Expr::new(ty, leaf.kind.clone());
        }
        let from = match tame.first() {
            Some(leaf) => Expr::new(leaf.ty, leaf.kind.clone()),
            None => self.literal(ty),
        };
        Expr::new(ty, Kind::Cast(Box::new(from)))
    }
}
