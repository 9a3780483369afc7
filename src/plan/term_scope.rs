//! What names mean where the sources of a query are the terms of a pattern.
//!
//! A term that takes one row is named as a source is. Of a term that may take several, or none, a row is named by its
//! number, `e[0].x`; without a number it stands for all of them, inside an aggregate.

use super::ordinal;
use super::pattern::TermAggregate;
use super::scope::{Clause, QueryScope};
use super::source;
use crate::error::Fault;
use crate::event::Type;
use crate::expr::{ColumnRef, Unresolved};
use crate::operator::aggregate::{Aggregate, Rows};
use crate::sql::ast::{Expr, ExprKind, Name, Nth, Span};

impl QueryScope<'_> {
    fn is_counted(&self, source: usize) -> bool {
        self.pattern.as_ref().is_some_and(|p| p.is_counted(source))
    }

    /// The column of an attribute of a term.
    pub(super) fn column_of_term(
        &mut self,
        qualifier: Option<&Name>,
        name: &Name,
    ) -> Result<(ColumnRef, Type), Unresolved> {
        let all = 0..self.sources.len();
        let found = match self.clause {
            Clause::Term(place) => self.known_to(place, qualifier, name),
            _ => source::attribute(self.sources, all, qualifier, name),
        };
        let (column, ty) = found.map_err(|fault| self.told_of_absent(qualifier, fault))?;
        let own = match self.clause {
            Clause::Term(place) => Some(place),
            _ => self.over_term,
        };
        let is_time = matches!(column, ColumnRef::EventTime { .. });
        match column.source() {
            // The time is that of the first row.
            Some(source) if !is_time && self.is_counted(source) && own != Some(source) => {
                let span = qualifier.map_or(name.span, |q| q.span.to(name.span));
                let fault = counted(self.sources[source].name(), &name.text, span);
                Err(Unresolved::Ambiguous(fault))
            }
            _ => Ok((column, ty)),
        }
    }

    /// The fault of `*`, which stands for one row of each term, where a term is counted.
    pub(super) fn all_of_counted(&self, span: Span) -> Option<Fault> {
        let mut terms = ordinal::shown(self.sources);
        let (_, term) = terms.find(|(place, _)| self.is_counted(*place))?;
        let attribute = term.schema.attributes().first()?;
        Some(counted(term.name(), &attribute.name, span))
    }

    /// A fault of a name, which is another one where that is the name of a term behind NOT.
    fn told_of_absent(&self, qualifier: Option<&Name>, fault: Unresolved) -> Unresolved {
        let named = qualifier.and_then(|q| Some((q, source::term_of(self.sources, q)?)));
        match (named, fault) {
            (Some((term, source)), Unresolved::Unknown(_)) if self.sources[source].is_absent => {
                Unresolved::Ambiguous(absent(term))
            }
            (_, fault) => fault,
        }
    }

    /// What a filter of a term knows: its own row, which needs no name, and the terms before it.
    fn known_to(
        &self,
        place: usize,
        qualifier: Option<&Name>,
        name: &Name,
    ) -> Result<(ColumnRef, Type), Unresolved> {
        let own = || source::attribute(self.sources, place..place + 1, qualifier, name);
        let Some(term) = qualifier else { return own() };
        // A name comes before that of a stream, whosever it is.
        let found = source::attribute(self.sources, 0..place + 1, qualifier, name);
        found.or_else(|fault| {
            let is_later = source::term_of(self.sources, term).is_some_and(|t| t > place);
            own().map_err(|_| match (fault, is_later) {
                (Unresolved::Unknown(_), true) => Unresolved::Ambiguous(later(term)),
                (fault, _) => fault,
            })
        })
    }

    /// The column of an attribute of one of the rows of a term.
    pub(super) fn row_of_term(
        &self,
        term: &Name,
        nth: Nth,
        name: &Name,
    ) -> Result<(ColumnRef, Type), Fault> {
        if self.pattern.is_none() {
            let message = "e[0].x names a row of a term of a pattern, and this is none";
            return Err(Fault::new(term.span, message).help("write stream.attribute"));
        }
        let source = self.called(term)?;
        let attributes = self.sources[source].schema.attributes();
        let Some(column) = self.sources[source].schema.position(&name.text) else {
            let known = attributes.iter().map(|a| &*a.name);
            let message = format!("unknown attribute '{}' of term {}", name.text, term.text);
            return Err(Fault::new(name.span, message).nearest(&name.text, known));
        };
        let ty = attributes[column].ty;
        let is_only = matches!(nth, Nth::First(0) | Nth::Last(0));
        match is_only && !self.is_counted(source) {
            true => Ok((ColumnRef::Input { source, column }, ty)),
            false => Ok((
                ColumnRef::Nth {
                    source,
                    column,
                    nth,
                },
                ty,
            )),
        }
    }

    /// The term of this name that may be named here.
    pub(super) fn called(&self, term: &Name) -> Result<usize, Fault> {
        let Some(source) = source::term_of(self.sources, term) else {
            if self.sources.iter().any(|s| s.is_called(&term.text)) {
                let message = format!("several terms are called '{}'", term.text);
                let remedy = "give them names, as in e=S";
                return Err(Fault::new(term.span, message).help(remedy));
            }
            let known = self.sources.iter().map(|s| s.name());
            let message = format!("unknown term '{}'", term.text);
            return Err(Fault::new(term.span, message).nearest(&term.text, known));
        };
        match self.clause {
            _ if self.sources[source].is_absent => Err(absent(term)),
            Clause::Term(place) if source > place => Err(later(term)),
            _ => Ok(source),
        }
    }

    /// When the first row of a term came, where an expression is the name of the term.
    pub(super) fn time_of_term(&self, expr: &Expr) -> Option<Result<(ColumnRef, Type), Fault>> {
        let ExprKind::Column {
            qualifier: None,
            name,
            ..
        } = &expr.kind
        else {
            return None;
        };
        self.pattern.as_ref()?;
        source::term_of(self.sources, name)?;
        // In a filter an attribute of the row comes before a term that is called like it.
        if let Clause::Term(place) = self.clause
            && self.sources[place].schema.position(&name.text).is_some()
        {
            return None;
        }
        let found = self.called(name);
        Some(found.map(|source| (ColumnRef::EventTime { source }, Type::Long)))
    }

    /// The column of an aggregate over the rows of a counted term, if a call is one.
    pub(super) fn over_a_term(
        &mut self,
        aggregate: &Aggregate,
        args: &[Expr],
        distinct: bool,
        span: Span,
    ) -> Option<Result<(ColumnRef, Type), Fault>> {
        self.pattern.as_ref()?;
        let mut of_terms = Vec::new();
        args.iter()
            .for_each(|a| self.counted_terms(a, &mut of_terms));
        let source = of_terms.iter().find_map(|s| *s)?;
        if of_terms.iter().any(|s| *s != Some(source)) {
            let message = "an aggregate is over the rows of one term, or over matches";
            let remedy = "name other terms with an index in another aggregate, or in an expression";
            return Some(Err(Fault::new(span, message).help(remedy)));
        }
        let text = self.text.get(span.range()).unwrap_or_default().to_string();
        let known = self.pattern.iter().flat_map(|p| &p.aggregates);
        if let Some((place, known)) = known.enumerate().find(|(_, a)| a.text == text) {
            return Some(Ok((ColumnRef::OverTerm(place), known.call.result)));
        }
        let before = self.faults.len();
        self.over_term = Some(source);
        let bound = self.bind_arguments(aggregate.clone(), args, distinct, span);
        self.over_term = None;
        let made = bound.and_then(|(aggregate, args)| {
            let call = self.call_of(aggregate, &args, Rows::Forever, span)?;
            let pattern = self.pattern.as_mut()?;
            let result = call.result;
            pattern.aggregates.push(TermAggregate {
                source,
                call,
                args,
                text,
            });
            Some((ColumnRef::OverTerm(pattern.aggregates.len() - 1), result))
        });
        // The binder wants one fault from us: the first of those that were found.
        Some(made.ok_or_else(|| self.faults.remove(before)))
    }

    /// Of each column of an expression, the counted term whose rows it stands for.
    fn counted_terms(&self, expr: &Expr, found: &mut Vec<Option<usize>>) {
        match &expr.kind {
            ExprKind::Column {
                qualifier: Some(term),
                ..
            } => {
                let source = source::term_of(self.sources, term);
                found.push(source.filter(|s| self.is_counted(*s)));
            }
            ExprKind::Column { .. } | ExprKind::Nth { .. } => found.push(None),
            _ => {
                // The parts of an expression are shown to be changed only.
                let mut copy = expr.clone();
                copy.children_mut(&mut |child| self.counted_terms(child, found));
            }
        }
    }
}

fn counted(term: &str, attribute: &str, span: Span) -> Fault {
    let message = format!("term {term} may take several rows, or none");
    let remedy = format!("write {term}[0].{attribute} or {term}[last].{attribute}");
    Fault::new(span, message).help(remedy)
}

fn absent(term: &Name) -> Fault {
    let message = format!("{} stands behind NOT and has no row", term.text);
    Fault::new(term.span, message).help("name a term that takes rows")
}

fn later(term: &Name) -> Fault {
    let message = format!("term {} comes later", term.text);
    Fault::new(term.span, message).help("a condition knows the terms before it: put it there")
}
