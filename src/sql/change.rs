//! What changes a table: `UPDATE`, `DELETE` and `UPSERT`. Each is a query whose rows change rows of its target.

use super::ast::{Action, Events, Expr, Info, Name, Query, Span};
use super::join::Reading;
use super::parser::{Parsed, Parser};
use super::query::{CLAUSES, bare, keyword};
use super::token::Kind;
use super::unsupported;
use crate::error::Fault;

impl Parser<'_> {
    /// `UPDATE T SET a = x, … FROM S … WHERE condition`.
    pub(super) fn update(&mut self, info: Info) -> Parsed<Query> {
        let start = self.expect("UPDATE")?;
        if self.is("OR") {
            return Err(unsupported::UPDATE_OR_INSERT.at(start.to(self.span())));
        }
        let table = self.stream_name("the name of a table")?;
        if !self.eat("SET") {
            return Err(self.table_alias("SET"));
        }
        let mut set = vec![self.assignment(&table)?];
        while self.eat_sign(&Kind::Comma) {
            set.push(self.assignment(&table)?);
        }
        if !self.eat("FROM") {
            return Err(match self.at_statement_end() || self.is("WHERE") {
                true => Fault::new(start, "the UPDATE has no FROM")
                    .help("write FROM S before WHERE: each row of the stream S changes rows"),
                false => self.unexpected("',' or FROM"),
            });
        }
        let from = self.sources()?;
        let on = self.changed_rows("UPDATE", start, &from)?;
        let mut query = bare(table, Action::Update { set, on }, from);
        query.rate = self.rate_limit()?;
        self.last_clause()?;
        Ok(self.named(query, info, start))
    }

    /// `DELETE FROM T USING S … WHERE condition`.
    pub(super) fn delete(&mut self, info: Info) -> Parsed<Query> {
        let start = self.expect("DELETE")?;
        self.expect("FROM")?;
        let table = self.stream_name("the name of a table")?;
        if !self.eat("USING") {
            return Err(match self.at_statement_end() || self.is("WHERE") {
                true => Fault::new(start, "the DELETE has no USING")
                    .help("write USING S before WHERE: each row of the stream S deletes rows"),
                false => self.table_alias("USING"),
            });
        }
        let from = self.sources()?;
        let on = self.changed_rows("DELETE", start, &from)?;
        let mut query = bare(table, Action::Delete { on }, from);
        query.rate = self.rate_limit()?;
        self.last_clause()?;
        Ok(self.named(query, info, start))
    }

    /// `UPSERT INTO T SELECT … FROM S … ON condition`.
    pub(super) fn upsert(&mut self, info: Info) -> Parsed<Query> {
        let start = self.expect("UPSERT")?;
        self.expect("INTO")?;
        let table = self.stream_name("the name of a table")?;
        if let Some(fault) = self.no_select() {
            return Err(fault);
        }
        let mut query = self.select(Events::Current, table)?;
        self.no_more_clauses(&query, "ON")?;
        if !self.eat("ON") {
            let fault = Fault::new(start, "the UPSERT has no ON");
            let table = &query.target.text;
            let key = format!("write ON {table}.key = S.key at the end, with the key of {table}");
            return Err(fault.help(match query.joins.is_empty() {
                true => key,
                false => format!("{key}: each ON before it belongs to a join"),
            }));
        }
        let on = self.expression()?;
        if let Some(clause) = CLAUSES.iter().find(|c| self.is(keyword(c))) {
            let fault = Fault::new(self.span(), format!("{clause} stands before ON"));
            return Err(fault.help("move it in front of the ON of the UPSERT"));
        }
        if self.is("OUTPUT") {
            let fault = Fault::new(self.span(), "OUTPUT stands before ON");
            return Err(fault.help("move it in front of the ON of the UPSERT"));
        }
        self.last_clause()?;
        query.action = Action::Upsert { on };
        Ok(self.named(query, info, start))
    }

    /// `attribute = value`; the attribute may stand behind the name of the table and a dot.
    fn assignment(&mut self, table: &Name) -> Parsed<(Name, Expr)> {
        // else an attribute of this name
        let names = self.is_sign(1, &Kind::Eq) || self.is_sign(1, &Kind::Period);
        if self.is("FROM") && !names {
            let fault = self.unexpected("the name of an attribute");
            return Err(match self.last_is(&Kind::Comma) {
                true => fault.help("remove the comma before it"),
                false => fault,
            });
        }
        let mut name = self.any_name("the name of an attribute")?;
        if self.eat_sign(&Kind::Period) {
            if !name.text.eq_ignore_ascii_case(&table.text) {
                let message = format!("SET changes attributes of {} only", table.text);
                let fault = Fault::new(name.span, message);
                return Err(fault.help(format!("write {}.attribute or attribute", table.text)));
            }
            name = self.any_name("the name of an attribute")?;
        }
        self.expect_sign(&Kind::Eq)?;
        Ok((name, self.expression()?))
    }

    /// `WHERE condition` at the end of an UPDATE or DELETE: which rows of the table change.
    fn changed_rows(&mut self, statement: &str, start: Span, from: &Reading) -> Parsed<Expr> {
        if let Some(fault) = self.foreign_clause(statement) {
            return Err(fault);
        }
        if !self.eat("WHERE") {
            let remedy = "write WHERE T.key = S.key, or WHERE TRUE for all rows of the table";
            let fault = match self.at_statement_end() {
                true => Fault::new(start, format!("the {statement} has no WHERE")),
                false if from.pattern.is_some() => self.unexpected("WITHIN or WHERE"),
                false => self.alias_missing("JOIN or WHERE"),
            };
            return Err(match fault.remedy {
                Some(_) => fault,
                None => fault.help(remedy),
            });
        }
        let on = self.expression()?;
        match self.foreign_clause(statement).or_else(|| self.late_join()) {
            Some(fault) => Err(fault),
            None if self.is("OUTPUT") => Ok(on),
            None => self.last_clause().map(|()| on),
        }
    }

    /// A clause of SELECT that stands next and does not belong to the statement.
    fn foreign_clause(&self, statement: &str) -> Option<Fault> {
        let mut clauses = CLAUSES.iter().filter(|c| **c != "WHERE");
        let clause = clauses.find(|c| self.is(keyword(c)))?;
        let fault = Fault::new(self.span(), format!("{statement} has no {clause}"));
        Some(fault.help("insert into a stream by a query that has it, and read that stream here"))
    }

    /// What stands behind the table is not what is expected; it may be an alias.
    fn table_alias(&self, expected: &str) -> Fault {
        let fault = self.unexpected(expected);
        match fault.remedy {
            None if self.is("AS") || self.is_word(1, expected) => {
                fault.help("write the name of the table alone: here it has no alias")
            }
            _ => fault,
        }
    }

    /// The end of a statement whose last clause is read.
    fn last_clause(&self) -> Parsed<()> {
        match self.at_statement_end() {
            true => Ok(()),
            false => Err(self.unexpected("';'")),
        }
    }

    /// The query with what is said of it and its place, which ends with the last token read.
    pub(super) fn named(&self, mut query: Query, info: Info, start: Span) -> Query {
        query.name = info.name;
        query.late_stream = info.late_stream;
        query.span = start.to(self.last_span());
        query
    }
}
