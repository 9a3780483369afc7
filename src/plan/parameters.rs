//! `?` in a question → a column with a type: that of what it is compared or computed with.

use super::question::each_expression;
use super::scope::{Clause, QueryScope};
use super::source::NamedSource;
use super::{Catalogue, StreamPlan};
use crate::error::Fault;
use crate::event::{Schema, Type};
use crate::operator::aggregate::Rows;
use crate::sql::ast::{Binary, Expr, ExprKind, Span, Unary};
use crate::sql::{Question, parameter_name};

/// Gives each `?` its type, and `source` a column for each behind its attributes.
///
/// Errors: nothing says what type one has.
pub(super) fn give_types(
    asked: &mut Question,
    source: &mut StreamPlan,
    text: &str,
    catalogue: &Catalogue,
) -> Result<Vec<Type>, Vec<Fault>> {
    if asked.parameters.is_empty() {
        return Ok(Vec::new());
    }
    let mut types = Types {
        spans: asked.parameters.clone(),
        known: vec![None; asked.parameters.len()],
        source: source.clone(),
        schema: source.schema.clone(),
        text,
        catalogue,
    };
    // What one says may tell of another.
    loop {
        let before = types.known.clone();
        each_expression(&mut asked.query, &mut |expr| types.visit(expr));
        if types.known == before {
            break;
        }
    }
    let unknown = types.known.iter().zip(&types.spans);
    let unknown = unknown.filter(|(known, _)| known.is_none());
    let faults: Vec<Fault> = unknown
        .map(|(_, span)| {
            let fault = Fault::new(*span, "nothing says here what type ? has");
            fault.help("write CAST(? AS LONG), or whatever type it has")
        })
        .collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    source.schema = types.source.schema;
    Ok(types.known.into_iter().flatten().collect())
}

/// What is known of the types.
struct Types<'a> {
    spans: Vec<Span>,
    known: Vec<Option<Type>>,
    /// With a column for each that is known.
    source: StreamPlan,
    /// The attributes alone.
    schema: Schema,
    text: &'a str,
    catalogue: &'a Catalogue,
}

impl Types<'_> {
    /// Looks what an expression tells of its operands.
    fn visit(&mut self, expr: &mut Expr) {
        match &mut expr.kind {
            ExprKind::Cast(operand, to) => self.give(operand, to.ty),
            ExprKind::Unary(Unary::Not, operand) => self.give(operand, Type::Bool),
            ExprKind::Binary(Binary::And | Binary::Or, a, b) => {
                self.give(a, Type::Bool);
                self.give(b, Type::Bool);
            }
            ExprKind::Like(a, b, _) => {
                self.give(a, Type::String);
                self.give(b, Type::String);
            }
            ExprKind::Binary(_, a, b) => self.alike(&[a, b]),
            ExprKind::Between(a, b, c, _) => self.alike(&[a, b, c]),
            ExprKind::In(a, list, _) => {
                let all: Vec<&Expr> = std::iter::once(&**a).chain(list.iter()).collect();
                self.alike(&all);
            }
            _ => {}
        }
        expr.children_mut(&mut |child| self.visit(child));
    }

    /// These have one type.
    fn alike(&mut self, all: &[&Expr]) {
        if !all.iter().any(|e| self.open(e).is_some()) {
            return;
        }
        if let Some(ty) = all.iter().find_map(|e| self.type_of(e)) {
            all.iter().for_each(|e| self.give(e, ty));
        }
    }

    /// Which `?` an expression is, of those that have no type yet.
    fn open(&self, expr: &Expr) -> Option<usize> {
        let ExprKind::Column { name, .. } = &expr.kind else {
            return None;
        };
        let place = self.spans.iter().position(|span| *span == name.span)?;
        self.known[place].is_none().then_some(place)
    }

    fn give(&mut self, expr: &Expr, ty: Type) {
        let Some(place) = self.open(expr) else {
            return;
        };
        self.known[place] = Some(ty);
        let attributes = self.schema.attributes().iter();
        let own = attributes.map(|a| (a.name.to_string(), a.ty));
        // One that is not known yet stands there, too, so that all keep their places.
        let open = self.known.iter().enumerate().map(|(place, ty)| {
            let name = parameter_name(place);
            match ty {
                Some(ty) => (name, *ty),
                None => (format!("{name} of unknown type"), Type::Bool),
            }
        });
        self.source.schema = Schema::new(own.chain(open));
    }

    fn type_of(&self, expr: &Expr) -> Option<Type> {
        let named = [NamedSource::of_table(&self.source)];
        let mut scope = QueryScope {
            rows: Rows::Together,
            ..QueryScope::new(self.text, self.catalogue, &named, &[])
        };
        scope.bind(Clause::Output, expr)?.ty
    }
}
