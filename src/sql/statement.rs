//! The app: annotations, statements, and going on behind a wrong one. `CREATE STREAM`.

use super::ast::{App, Info, Statement, StreamDef};
use super::parser::{Parsed, Parser, similar};
use super::token::Kind;
use super::unsupported;
use crate::error::{FAULTS_MAX, Fault};

const STATEMENTS: &[&str] = &["CREATE", "INSERT", "SELECT"];

impl Parser<'_> {
    /// The whole text.
    pub(super) fn app(mut self) -> (App, Vec<Fault>) {
        let mut app = App::default();
        let mut faults = Vec::new();
        let mut info = Info::default();
        let mut first = true;
        while !self.at_end() {
            if self.eat_sign(&Kind::SemiColon) {
                continue;
            }
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
                self.recover(annotation);
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
        if let (Some(span), true) = (info.span(), faults.is_empty()) {
            faults.push(Fault::new(span, "no query follows this @info"));
        }
        (app, faults)
    }

    /// After a fault: to where the next statement begins. Behind a wrong annotation that is its `)`.
    fn recover(&mut self, annotation: bool) {
        while !self.at_end() && !self.is_sign(0, &Kind::SemiColon) {
            if annotation && (self.is_sign(0, &Kind::AtSign) || self.is_any(STATEMENTS)) {
                return;
            }
            // where a ';' was forgotten
            if self.is("CREATE") && self.is_word(1, "STREAM") {
                return;
            }
            self.advance();
        }
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
            return Err(self.unexpected("CREATE STREAM, INSERT INTO or SELECT"));
        };
        if let (Some(span), true) = (info.span(), word == "CREATE") {
            let fault = Fault::new(span, "@info names a query, and no query follows");
            return Err(fault.help("remove it: what is created has its own name"));
        }
        let not_yet = match word.as_str() {
            "CREATE" => return self.create(),
            "INSERT" | "SELECT" => return self.query(info).map(Statement::Query),
            "UPDATE" => &unsupported::UPDATE,
            "DELETE" => &unsupported::DELETE,
            "UPSERT" => &unsupported::UPSERT,
            "WITH" => &unsupported::CTE,
            "PARTITION" => {
                self.skip_block();
                &unsupported::PARTITION
            }
            "FROM" => {
                let fault = Fault::new(span, "a query does not begin with FROM");
                return Err(fault.help("write INSERT INTO Out SELECT … FROM …"));
            }
            "DEFINE" => {
                let fault = Fault::new(span, "unknown statement 'DEFINE'");
                return Err(fault.help("write CREATE STREAM"));
            }
            _ => {
                let fault = self.unexpected("CREATE STREAM, INSERT INTO or SELECT");
                return Err(similar(fault, &word, STATEMENTS.iter().copied()));
            }
        };
        Err(not_yet.at(span))
    }

    /// From PARTITION past the END of its block, so that the statements inside are not read as others.
    fn skip_block(&mut self) {
        let mut open = 0_usize;
        while !self.at_end() {
            if open == 0 && self.is_sign(0, &Kind::SemiColon) {
                return;
            }
            if self.is_any(&["BEGIN", "CASE"]) {
                open += 1;
            } else if self.is("END") {
                open = open.saturating_sub(1);
            }
            self.advance();
        }
    }

    fn create(&mut self) -> Parsed<Statement> {
        self.advance();
        let span = self.span();
        let what = self.word(0).map(str::to_ascii_uppercase);
        let not_yet = match what.as_deref() {
            Some("STREAM") => return self.create_stream(),
            Some("TABLE") => &unsupported::TABLE,
            Some("WINDOW") => &unsupported::NAMED_WINDOW,
            Some("TRIGGER") => &unsupported::TRIGGER,
            Some("AGGREGATION") => &unsupported::AGGREGATION,
            Some("FUNCTION") => &unsupported::FUNCTION,
            Some("OR") => {
                let fault = Fault::new(span, "CREATE OR REPLACE is not supported");
                return Err(fault.help("write CREATE STREAM: an app declares each stream once"));
            }
            _ => return Err(self.unexpected("STREAM")),
        };
        Err(not_yet.at(span))
    }

    fn create_stream(&mut self) -> Parsed<Statement> {
        self.advance();
        if self.is("IF") && self.is_word(1, "NOT") {
            let fault = Fault::new(self.span(), "IF NOT EXISTS is not supported");
            return Err(fault.help("remove it: an app declares each stream once"));
        }
        let name = self.stream_name("the name of the stream")?;
        self.expect_sign(&Kind::LParen)?;
        let mut attributes = Vec::new();
        loop {
            if self.is("PRIMARY") && self.is_word(1, "KEY") {
                return Err(unsupported::TABLE_KEY.at(self.span()));
            }
            let attribute = self.any_name("the name of an attribute")?;
            attributes.push((attribute, self.attribute_type()?));
            if self.is("PRIMARY") {
                return Err(unsupported::TABLE_KEY.at(self.span()));
            }
            if !self.more(&Kind::RParen)? {
                break;
            }
        }
        let mut options = Vec::new();
        if self.eat("WITH") {
            self.expect_sign(&Kind::LParen)?;
            loop {
                options.push(self.option("the name of an option")?);
                if !self.more(&Kind::RParen)? {
                    break;
                }
            }
        } else if !self.at_statement_end() {
            return Err(self.unexpected("WITH or ';'"));
        }
        Ok(Statement::Stream(StreamDef {
            name,
            attributes,
            options,
        }))
    }
}
