//! The app: annotations, statements, and going on behind a wrong one.

use super::ast::{App, Info, Statement};
use super::parser::{Parsed, Parser, similar};
use super::token::Kind;
use super::unsupported;
use super::watermark;
use crate::error::{FAULTS_MAX, Fault};

const STATEMENTS: &[&str] = &[
    "CREATE",
    "INSERT",
    "SELECT",
    "UPDATE",
    "DELETE",
    "UPSERT",
    "PARTITION",
];

/// What CREATE creates.
pub(super) const CREATED: &[&str] = &["STREAM", "TABLE", "WINDOW", "TRIGGER", "AGGREGATION"];

/// What a statement begins with, for messages.
const EXPECTED: &str = "CREATE STREAM, INSERT INTO, SELECT, UPDATE, DELETE FROM or UPSERT INTO";

impl Parser<'_> {
    /// The whole text.
    pub(super) fn app(&mut self) -> (App, Vec<Fault>) {
        let mut app = App::default();
        let mut faults = Vec::new();
        let mut info = Info::default();
        let mut first = true;
        while !self.at_end() {
            if self.eat_sign(&Kind::SemiColon) {
                continue;
            }
            let begun = self.place();
            let annotation = self.is_sign(0, &Kind::AtSign);
            let result = if annotation {
                self.annotation(&mut app, &mut info, first)
            } else {
                first = false;
                self.statement(std::mem::take(&mut info))
                    .and_then(|s| self.finish().map(|()| app.statements.push(s)))
            };
            if let Err(fault) = result {
                faults.push(fault);
                faults.append(&mut self.inside);
                if !annotation || !self.skip_annotation(begun) {
                    self.recover(annotation);
                }
            }
            // one more, which tells that there are more
            if faults.len() > FAULTS_MAX {
                return (app, faults);
            }
        }
        if let Some(fault) = self.broken()
            && !faults.contains(fault)
        {
            faults.push(fault.clone());
        }
        watermark::settle(&mut app, &mut faults);
        if let (Some(span), true) = (info.span(), faults.is_empty()) {
            faults.push(Fault::new(span, "no query follows this @info"));
        }
        (app, faults)
    }

    /// After a fault: to where the next statement begins. Behind an annotation without an end that may be anywhere.
    fn recover(&mut self, annotation: bool) {
        while !self.at_end() && !self.is_sign(0, &Kind::SemiColon) {
            if annotation && (self.is_sign(0, &Kind::AtSign) || self.is_any(STATEMENTS)) {
                return;
            }
            // where a ';' was forgotten
            if self.at_sure_statement() {
                return;
            }
            self.advance();
        }
    }

    /// Whether words stand here that only a statement begins with. INSERT INTO may belong to a SELECT before it.
    fn at_sure_statement(&self) -> bool {
        (self.is_any(&["CREATE", "DEFINE"]) && self.is_any_at(1, CREATED))
            || (self.is("UPDATE") && self.is_word(2, "SET"))
            || (self.is("DELETE") && self.is_word(1, "FROM"))
            || (self.is("UPSERT") && self.is_word(1, "INTO"))
    }

    /// The `;` behind a statement, which the last one may lack.
    fn finish(&mut self) -> Parsed<()> {
        match self.at_statement_end() {
            true => Ok(()),
            false => Err(self.unexpected("';' between statements")),
        }
    }

    fn statement(&mut self, info: Info) -> Parsed<Statement> {
        let span = self.span();
        let Some(word) = self.word(0).map(str::to_ascii_uppercase) else {
            return Err(self.unexpected(EXPECTED));
        };
        if let (Some(span), true) = (info.span(), word == "CREATE") {
            let fault = Fault::new(span, "@info names a query, and no query follows");
            return Err(fault.help("remove it: what is created has its own name"));
        }
        let left_out = match word.as_str() {
            "CREATE" => return self.create(),
            "INSERT" | "SELECT" => return self.query(info).map(Statement::Query),
            "UPDATE" => return self.update(info).map(Statement::Query),
            "DELETE" => return self.delete(info).map(Statement::Query),
            "UPSERT" => return self.upsert(info).map(Statement::Query),
            "MERGE" => &unsupported::MERGE,
            "REPLACE" => &unsupported::REPLACE,
            "WITH" => &unsupported::CTE,
            "PARTITION" => return self.partition(&info).map(Statement::Partition),
            "FROM" => return Err(self.siddhi_query()),
            "DEFINE" => return Err(self.define()),
            _ => {
                let fault = self.unexpected(EXPECTED);
                return Err(similar(fault, &word, STATEMENTS.iter().copied()));
            }
        };
        Err(left_out.at(span))
    }
}
