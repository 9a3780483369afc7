//! A question to an app that is there: one SELECT without a target, with `?` for values that come later.

use super::ast::{Events, ExprKind, Name, Query, Span};
use super::parser::{Parsed, Parser};
use super::token::Kind;
use crate::error::Fault;
use crate::sql::ast::Expr;

/// What tables and named windows are asked.
pub(crate) struct Question {
    /// The SELECT, which has no target. A `?` is a column by the name that [`parameter_name`] gives it.
    pub(crate) query: Query,
    /// Where each `?` stands.
    pub(crate) parameters: Vec<Span>,
}

/// The name of the column in which a value comes that the text leaves open, by its place.
pub(crate) fn parameter_name(place: usize) -> String {
    format!("parameter ?{}", place + 1)
}

impl Parser<'_> {
    /// The whole text.
    pub(super) fn question(mut self) -> Parsed<Question> {
        self.parameters = Some(Vec::new());
        let start = self.span();
        if !self.is("SELECT") {
            return Err(self.no_question());
        }
        let nowhere = Name {
            text: String::new(),
            span: start,
        };
        let mut query = self.select(Events::Current, nowhere)?;
        if let Some(pattern) = &query.pattern {
            let fault = Fault::new(pattern.span, "a question reads tables and named windows");
            return Err(fault.help("insert the matches into a table by a query of the app"));
        }
        if self.is("INSERT") {
            let fault = Fault::new(self.span(), "a question only reads");
            return Err(fault.help("remove INSERT: the rows are the answer"));
        }
        if let Some(rate) = &query.rate {
            let fault = Fault::new(rate.span, "a question is answered once, at once");
            return Err(fault.help("remove OUTPUT, or ask again when you want to know again"));
        }
        self.no_more_clauses(&query, "';'")?;
        query.span = start.to(self.last_span());
        while self.eat_sign(&Kind::SemiColon) {}
        if !self.at_end() {
            let fault = Fault::new(self.span(), "a question is one SELECT");
            return Err(fault.help("ask the next one in a call of its own"));
        }
        match self.broken() {
            Some(fault) => Err(fault.clone()),
            None => Ok(Question {
                query,
                parameters: self.parameters.take().unwrap_or_default(),
            }),
        }
    }

    /// The text begins with something else than SELECT.
    fn no_question(&self) -> Fault {
        if self.is("FROM") {
            return self.question_from();
        }
        if !self.is_any(&["INSERT", "UPDATE", "DELETE", "UPSERT", "CREATE"]) {
            return self.unexpected("SELECT");
        }
        let fault = Fault::new(self.span(), "a question only reads");
        fault.help("write SELECT … FROM a table or a named window; queries of the app change them")
    }

    /// A `?`, where one may stand.
    pub(super) fn parameter(&mut self) -> Parsed<Expr> {
        let span = self.span();
        let Some(known) = &mut self.parameters else {
            return Err(self.unexpected("an expression"));
        };
        let name = parameter_name(known.len());
        known.push(span);
        self.advance();
        let kind = ExprKind::Column {
            qualifier: None,
            name: Name { text: name, span },
            quoted: false,
        };
        self.leaf(kind, span)
    }
}
