//! What a condition asks before all else: that a column has one of some constants.
//!
//! Why: where many readers of a stream ask so, a row is looked up once and goes only to those whose constant it has.
//! How: in front of that part stands nothing that could count a fault, so a row with another value is let through by
//! none of the others and counts nothing there. NULL decides nothing: what stands behind is computed all the same.

use super::kernel::compare::Comparison;
use super::kernel::logic::Junction;
use super::typed::{Op, Typed, TypedKind};
use crate::event::{Type, Value};

/// A column, and the constants one of which a row must have there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constants {
    pub(crate) column: usize,
    /// Of the type of the column, not NULL.
    pub(crate) values: Vec<Value>,
    /// Whether a row that has NULL there may count a fault.
    pub(crate) takes_null: bool,
    /// Nothing else is asked: each row that has one of them is let through.
    pub(crate) decides: bool,
}

impl Constants {
    /// What is asked where one of two conditions is to be TRUE, or where both are to find their rows.
    pub(crate) fn or(mut self, other: Constants) -> Option<Constants> {
        if self.column != other.column {
            return None;
        }
        self.decides &= other.decides && self.values == other.values;
        self.values.extend(other.values);
        self.takes_null |= other.takes_null;
        Some(self)
    }
}

impl Typed {
    /// What it asks of an attribute of a source before all else.
    pub(crate) fn constants(&self, source: usize) -> Option<Constants> {
        let TypedKind::Op(op, args) = &self.kind else {
            return None;
        };
        match (op, args.as_slice()) {
            (Op::Compare(Comparison::Eq), [a, b]) => {
                let one = |x: &Typed, y: &Typed| x.one_of(std::slice::from_ref(y), source);
                one(a, b).or_else(|| one(b, a))
            }
            (Op::In, [x, values @ ..]) => x.one_of(values, source),
            (Op::Junction(Junction::And), parts) => {
                let mut found = parts.iter().map(|part| part.constants(source)).enumerate();
                let (place, found) = found.find_map(|(place, c)| Some((place, c?)))?;
                let is_first = parts[..place].iter().all(Typed::is_harmless);
                let is_all = parts[place + 1..].iter().all(Typed::is_harmless);
                is_first.then_some(Constants {
                    takes_null: found.takes_null || !is_all,
                    decides: false,
                    ..found
                })
            }
            (Op::Junction(Junction::Or), [first, others @ ..]) => others
                .iter()
                .try_fold(first.constants(source)?, |all, part| {
                    all.or(part.constants(source)?)
                }),
            _ => None,
        }
    }

    /// That it is an attribute which has one of these values.
    fn one_of(&self, values: &[Typed], source: usize) -> Option<Constants> {
        let column = self.as_column()?.attribute_of(source)?;
        let ty = self
            .ty
            .filter(|ty| matches!(ty, Type::Int | Type::Long | Type::String))?;
        let constant = |typed: &Typed| match &typed.kind {
            TypedKind::Literal(value) | TypedKind::Constant(value) => {
                (value.type_of() == Some(ty)).then(|| value.clone())
            }
            _ => None,
        };
        Some(Constants {
            column,
            values: values.iter().map(constant).collect::<Option<_>>()?,
            takes_null: false,
            decides: true,
        })
    }

    /// Whether nothing comes of computing it but its value: it compares columns and constants.
    fn is_harmless(&self) -> bool {
        match &self.kind {
            TypedKind::Column(_) | TypedKind::Literal(_) | TypedKind::Constant(_) => true,
            TypedKind::Op(
                Op::Compare(_) | Op::Junction(_) | Op::Not | Op::IsNull | Op::In | Op::Between,
                args,
            ) => args.iter().all(Typed::is_harmless),
            TypedKind::Op(..) => false,
        }
    }
}
