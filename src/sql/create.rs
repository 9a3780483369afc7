//! `CREATE STREAM`, `CREATE TABLE` and `CREATE WINDOW`; `trigger.rs` has `CREATE TRIGGER`.

use super::ast::{
    Events, Name, Span, Statement, StreamDef, TableDef, Watermark, Window, WindowDef,
};
use super::parser::{Parsed, Parser};
use super::token::Kind;
use super::unsupported;
use crate::error::{FAULTS_MAX, Fault};
use crate::event::Type;

/// Of what attributes are, for messages.
const OF_STREAM: &str = "stream";
const OF_TABLE: &str = "table";
const OF_WINDOW: &str = "window";

/// What stands in the parentheses behind the name.
#[derive(Default)]
struct Attributes {
    list: Vec<(Name, Type)>,
    key: Option<Vec<Name>>,
    watermark: Option<Watermark>,
}

/// What other dialects demand of an attribute of a table: the words with which it begins, whether it may also stand
/// alone between commas (before a parenthesis, unless it has two words), and what to do instead.
#[rustfmt::skip]
const CONSTRAINTS: &[(&[&str], bool, &str)] = &[
    (&["NOT", "NULL"], false, "filter what is inserted, as in S[v IS NOT NULL]; a primary key is never NULL"),
    (&["NULL"], false, "remove it: every attribute may be NULL that is not in the primary key"),
    (&["UNIQUE"], true, "write PRIMARY KEY: it is the one key whose values are unique"),
    (&["DEFAULT"], false, "write coalesce(x, value) in the query that inserts"),
    (&["REFERENCES"], false, "remove it: rows of two tables meet where a query joins them"),
    (&["FOREIGN", "KEY"], true, "remove it: rows of two tables meet where a query joins them"),
    (&["CHECK"], true, "filter what is inserted, as in S[v > 0]"),
    (&["INDEX"], true, "write WITH ('index'='a') behind the attributes"),
];

/// What follows CONSTRAINT and a name.
const NAMED: &[&str] = &["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"];

impl Parser<'_> {
    /// From CREATE up to the `;`.
    pub(super) fn create(&mut self) -> Parsed<Statement> {
        let start = self.span();
        self.advance();
        let span = self.span();
        let what = self.word(0).map(str::to_ascii_uppercase);
        let left_out = match what.as_deref() {
            Some("STREAM") => return self.create_stream(),
            Some("TABLE") => return self.create_table(),
            Some("WINDOW") => return self.create_window(),
            Some("TRIGGER") => return self.create_trigger(),
            Some("AGGREGATION") => return self.create_aggregation(start),
            Some("FUNCTION") => &unsupported::FUNCTION,
            Some("OR") => {
                let fault = Fault::new(span, "CREATE OR REPLACE is not supported");
                return Err(fault.help("write CREATE alone: an app declares each name once"));
            }
            _ => {
                return Err(self.unexpected("STREAM, TABLE, WINDOW, TRIGGER or AGGREGATION"));
            }
        };
        Err(left_out.at(span))
    }

    fn create_stream(&mut self) -> Parsed<Statement> {
        let name = self.declared("the name of the stream")?;
        let attributes = self.attributes(OF_STREAM)?;
        let options = self.options()?;
        Ok(Statement::Stream(StreamDef {
            name,
            attributes: attributes.list,
            watermark: attributes.watermark,
            options,
        }))
    }

    fn create_table(&mut self) -> Parsed<Statement> {
        let name = self.declared("the name of the table")?;
        let Attributes { list, key, .. } = self.attributes(OF_TABLE)?;
        let options = self.options()?;
        Ok(Statement::Table(TableDef {
            name,
            attributes: list,
            key: key.unwrap_or_default(),
            options,
        }))
    }

    fn create_window(&mut self) -> Parsed<Statement> {
        let name = self.declared("the name of the window")?;
        let attributes = self.attributes(OF_WINDOW)?.list;
        let window = self.declared_window()?;
        let events = match self.eat("OUTPUT") {
            true => self.output_events()?,
            false => Events::All,
        };
        if !self.at_statement_end() {
            return Err(self.unexpected(match self.last_is(&Kind::RParen) {
                true => "OUTPUT or ';'",
                false => "';'",
            }));
        }
        Ok(Statement::Window(WindowDef {
            name,
            attributes,
            window,
            events,
        }))
    }

    /// The name behind the word that says what is created.
    pub(super) fn declared(&mut self, what: &str) -> Parsed<Name> {
        self.advance();
        if self.is("IF") && self.is_word(1, "NOT") {
            let fault = Fault::new(self.span(), "IF NOT EXISTS is not supported");
            return Err(fault.help("remove it: an app declares each name once"));
        }
        self.stream_name(what)
    }

    /// `(name type, …)`; with a primary key where this is a table, and a watermark where it is a stream. All that is
    /// wrong in it is told at once.
    fn attributes(&mut self, of: &str) -> Parsed<Attributes> {
        let open = self.expect_sign(&Kind::LParen)?;
        let mut attributes = Attributes::default();
        let mut faults = Vec::new();
        loop {
            let read = self.attribute(of, &mut attributes);
            if let Err(fault) = read.and_then(|()| self.at_list_sign()) {
                faults.push(fault);
                if faults.len() > FAULTS_MAX || !self.skip_in_list() {
                    break;
                }
            }
            if !self.more(&Kind::RParen)? {
                break;
            }
        }
        if !faults.is_empty() {
            let first = faults.remove(0);
            self.inside.append(&mut faults);
            return Err(first);
        }
        if attributes.list.is_empty() {
            let span = open.to(self.last_span());
            let fault = Fault::new(span, format!("the {of} has no attributes"));
            return Err(fault.help(match of {
                OF_TABLE => "declare those of the key, as in (a STRING PRIMARY KEY)",
                _ => "declare that of the time, as in (ts LONG, WATERMARK FOR ts AS ts)",
            }));
        }
        Ok(attributes)
    }

    /// What stands between two commas.
    fn attribute(&mut self, of: &str, attributes: &mut Attributes) -> Parsed<()> {
        let table = of == OF_TABLE;
        let start = self.span();
        if self.is("PRIMARY") && self.is_word(1, "KEY") {
            self.primary_key(table)?;
            let names = self.key_names()?;
            attributes.set_key(names, start)?;
        } else if self.at_watermark() && of == OF_STREAM {
            let watermark = self.watermark()?;
            let span = watermark.span;
            if attributes.watermark.replace(watermark).is_some() {
                let fault = Fault::new(span, "the stream has two watermarks");
                return Err(fault.help("remove one of them"));
            }
        } else if self.at_watermark() {
            let span = start.to(self.token(1).span);
            let fault = Fault::new(span, format!("there is no WATERMARK of a {of}"));
            return Err(fault.help("say it in the CREATE STREAM of the rows that come in"));
        } else if let Some(fault) = self.constraint(true).filter(|_| table) {
            return Err(fault);
        } else {
            let name = self.any_name("the name of an attribute")?;
            let ty = self.attribute_type()?;
            while self.is("PRIMARY") {
                let start = self.span();
                self.primary_key(table)?;
                attributes.set_key(vec![name.clone()], start)?;
            }
            attributes.list.push((name, ty));
        }
        match self.constraint(false).filter(|_| table) {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// That what stands between two commas of a list in parentheses has ended.
    fn at_list_sign(&self) -> Parsed<()> {
        match self.is_sign(0, &Kind::Comma) || self.is_sign(0, &Kind::RParen) {
            true => Ok(()),
            false => Err(self.unexpected("',' or ')'")),
        }
    }

    /// After a fault in a list in parentheses: to the comma or the sign that ends it; `false` where it does not end.
    fn skip_in_list(&mut self) -> bool {
        let mut depth = 0_usize;
        while !self.at_end() && !self.is_sign(0, &Kind::SemiColon) {
            match self.kind() {
                Kind::RParen | Kind::Comma if depth == 0 => return true,
                Kind::LParen => depth += 1,
                Kind::RParen => depth -= 1,
                _ => {}
            }
            self.advance();
        }
        false
    }

    /// The words PRIMARY KEY, which only a table has.
    fn primary_key(&mut self, table: bool) -> Parsed<()> {
        let start = self.expect("PRIMARY")?;
        match table {
            true => self.expect("KEY").map(|_| ()),
            false => Err(unsupported::TABLE_KEY.at(start)),
        }
    }

    /// `(a, b)` behind PRIMARY KEY.
    fn key_names(&mut self) -> Parsed<Vec<Name>> {
        self.expect_sign(&Kind::LParen)?;
        let mut names = Vec::new();
        loop {
            names.push(self.any_name("the name of an attribute")?);
            if !self.more(&Kind::RParen)? {
                return Ok(names);
            }
        }
    }

    /// A constraint that tables do not have and that stands next, behind an attribute or `alone` between commas.
    fn constraint(&self, alone: bool) -> Option<Fault> {
        let stands = |(words, may_be_alone, _): &&(&[&str], bool, _)| {
            let written = (0..).zip(*words).all(|(ahead, w)| self.is_word(ahead, w));
            // else an attribute of this name
            let no_name = words.len() > 1 || self.is_sign(1, &Kind::LParen);
            written && (!alone || (*may_be_alone && no_name))
        };
        if alone && self.is("CONSTRAINT") && self.is_any_at(2, NAMED) {
            let fault = Fault::new(self.span(), "a constraint of a table has no name");
            return Some(fault.help("remove CONSTRAINT and the name"));
        }
        let (words, _, remedy) = CONSTRAINTS.iter().find(stands)?;
        let span = self.span().to(self.token(words.len() - 1).span);
        let message = format!("{} is not supported in a table", words.join(" "));
        Some(Fault::new(span, message).help(*remedy))
    }

    /// `[WITH ('key'='value', …)]` at the end of the statement.
    fn options(&mut self) -> Parsed<Vec<(Name, Name)>> {
        match () {
            () if self.is("WITH") => self.some_options(),
            () if self.at_statement_end() => Ok(Vec::new()),
            () => Err(self.unexpected("WITH or ';'")),
        }
    }

    /// `WITH ('key'='value', …)`.
    pub(super) fn some_options(&mut self) -> Parsed<Vec<(Name, Name)>> {
        self.expect("WITH")?;
        self.expect_sign(&Kind::LParen)?;
        let (mut options, mut faults) = (Vec::new(), Vec::new());
        loop {
            let read = self.option("the name of an option");
            match read.and_then(|option| self.at_list_sign().map(|()| option)) {
                Ok(option) => options.push(option),
                Err(fault) => {
                    faults.push(fault);
                    if faults.len() > FAULTS_MAX || !self.skip_in_list() {
                        break;
                    }
                }
            }
            if !self.more(&Kind::RParen)? {
                break;
            }
        }
        if faults.is_empty() {
            return Ok(options);
        }
        let first = faults.remove(0);
        self.inside.append(&mut faults);
        Err(first)
    }

    /// The WINDOW clause of a named window.
    fn declared_window(&mut self) -> Parsed<Window> {
        if self.is("WINDOW") {
            return self.window();
        }
        let fault = self.unexpected("WINDOW");
        Err(match fault.remedy {
            Some(_) => fault,
            None => fault.help("write WINDOW('length', 5) behind the attributes"),
        })
    }

    /// `CURRENT EVENTS`, `EXPIRED EVENTS` or `ALL EVENTS`.
    fn output_events(&mut self) -> Parsed<Events> {
        let output = self.last_span();
        let events = if self.eat("ALL") {
            Events::All
        } else if self.eat("EXPIRED") {
            Events::Expired
        } else if self.eat("CURRENT") {
            Events::Current
        } else if self.is_any(&["EVERY", "FIRST", "LAST", "SNAPSHOT"]) {
            let fault = Fault::new(output, "a rate limit belongs to a query, not to a window");
            return Err(fault.help("write it behind the query that reads the window"));
        } else {
            return Err(self.unexpected("ALL, EXPIRED or CURRENT EVENTS"));
        };
        self.expect("EVENTS")?;
        Ok(events)
    }
}

impl Attributes {
    /// Takes the primary key that stands at `span`, if it is the first one.
    fn set_key(&mut self, names: Vec<Name>, span: Span) -> Parsed<()> {
        if self.key.is_some() {
            let fault = Fault::new(span, "the table has two primary keys");
            return Err(fault.help("write PRIMARY KEY (a, b) once for a key of several attributes"));
        }
        self.key = Some(names);
        Ok(())
    }
}
