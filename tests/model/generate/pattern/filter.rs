//! Filters of terms: of the row alone, and with the rows of terms before it.

use super::super::super::app::App;
use super::super::super::app::pattern::{Nth, Pattern, What};
use super::super::super::expr::{Expr, Kind, Op};
use super::super::expr::Leaf;
use super::super::features;
use super::super::join::both;
use eventflux::event::{Type, Value};
use eventflux_kit::Random;

const ORDER: [Op; 4] = [Op::Less, Op::LessEq, Op::Greater, Op::GreaterEq];

/// `elements`: the number of the element of each term; terms of one element do not ask each other.
pub fn filter(
    r: &mut Random,
    app: &App,
    pattern: &Pattern,
    elements: &[usize],
    term: usize,
) -> Option<Expr> {
    let columns = pattern.columns(app);
    let stream = &app.streams[pattern.terms[term].source.stream];
    let own = |place: usize| {
        let ty = stream.attributes[place].ty;
        Expr::new(ty, Kind::Column(columns[term] + place))
    };
    let before = |t: &usize| elements[*t] < elements[term];
    let before: Vec<usize> = (0..term).filter(before).collect();
    let leaves = |r: &mut Random| -> Option<Vec<Leaf>> {
        let named = |t: &&usize| pattern.terms[**t].source.alias.is_some();
        let named: Vec<&usize> = before.iter().filter(named).collect();
        let other = (!named.is_empty()).then(|| **r.pick(&named))?;
        Some(super::leaves_of(app, pattern, &columns, other))
    };
    let mut parts = Vec::new();
    if r.chance(35) {
        parts.push(alone(r, own(features::number(stream))));
    }
    if r.chance(10) {
        let key = own(0);
        let to = match key.ty {
            Type::String => Value::from(*r.pick(&["a", "b"])),
            Type::Int => Value::Int(r.between(0, 3) as i32),
            Type::Double => Value::Double(r.between(0, 3) as f64),
            _ => Value::Long(r.between(0, 3)),
        };
        let to = Expr::new(key.ty, Kind::Literal(to));
        parts.push(binary(*r.pick(&[Op::Eq, Op::NotEq]), key, to));
    }
    if r.chance(35) {
        let leaves = leaves(r).unwrap_or_default();
        parts.extend(tied(r, own(0), &leaves));
    }
    if r.chance(20) {
        let leaves = leaves(r).unwrap_or_default();
        let numbers: Vec<&Leaf> = leaves.iter().filter(|l| l.ty == Type::Long).collect();
        if !numbers.is_empty() {
            let of = r.pick(&numbers);
            let other = Expr::new(of.ty, of.kind.clone());
            let number = own(features::number(stream));
            parts.push(binary(*r.pick(&ORDER), number, other));
        }
    }
    let counted = matches!(pattern.terms[term].what, What::Counted(..));
    if counted && pattern.terms[term].source.alias.is_some() && r.chance(20) {
        parts.push(rising(r, term, features::number(stream), &own));
    }
    if r.chance(6) && !before.is_empty() {
        let other = *r.pick(&before);
        if pattern.terms[other].source.alias.is_some() {
            // A term that stands alone and takes at least one row has always one.
            let alone = elements.iter().filter(|e| **e == elements[other]).count() == 1;
            let has_always = alone && !super::may_lack(pattern.terms[other].what);
            let has_row = has_always || r.chance(50);
            parts.push(Expr::boolean(Kind::NoRow(other, has_row)));
        }
    }
    if r.chance(5) {
        let mut all = leaves(r).unwrap_or_default();
        all.extend(stream.attributes.iter().enumerate().map(|(place, a)| Leaf {
            kind: own(place).kind,
            ty: a.ty,
            nature: a.nature,
        }));
        parts.push(super::super::scope(r, all, false).condition(1));
    }
    join(r, parts)
}

fn join(r: &mut Random, parts: Vec<Expr>) -> Option<Expr> {
    let mut parts = parts.into_iter();
    let first = parts.next()?;
    Some(parts.fold(first, |all, part| match r.chance(88) {
        true => both(all, part),
        false => binary(Op::Or, all, part),
    }))
}

fn alone(r: &mut Random, number: Expr) -> Expr {
    let to = Expr::new(Type::Long, Kind::Literal(Value::Long(r.between(-2, 2))));
    let op = *r.pick(&[Op::Less, Op::LessEq, Op::Greater, Op::GreaterEq, Op::NotEq]);
    binary(op, number, to)
}

/// Its key is that of another term, in either order of the sides.
fn tied(r: &mut Random, key: Expr, leaves: &[Leaf]) -> Option<Expr> {
    let of = leaves.first()?;
    let other = Expr::new(of.ty, of.kind.clone());
    Some(match r.weighted(&[65, 25, 10]) {
        0 => binary(Op::Eq, key, other),
        1 => binary(Op::Eq, other, key),
        _ => binary(Op::NotEq, key, other),
    })
}

/// Each of its rows has more than the one before.
fn rising(r: &mut Random, term: usize, number: usize, own: &dyn Fn(usize) -> Expr) -> Expr {
    let last = || Expr::new(Type::Long, Kind::Nth(term, number, Nth::Last(0)));
    let none = Expr::boolean(Kind::IsNull(Box::new(last()), false));
    let more = binary(*r.pick(&ORDER), own(number), last());
    binary(Op::Or, none, more)
}

fn binary(op: Op, a: Expr, b: Expr) -> Expr {
    Expr::boolean(Kind::Binary(op, Box::new(a), Box::new(b)))
}
