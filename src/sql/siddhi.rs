//! Statements as Siddhi writes them: `define …`, `from … select … insert into …`, and what stands behind `#`. Each is
//! refused with the statement that says the same here, in the names that it uses.

use super::ast::Span;
use super::literal::meant_unit;
use super::parser::Parser;
use super::statement::CREATED;
use super::token::Kind;
use super::unsupported;
use crate::error::Fault;

/// Words of a query that begin what it does with its rows.
const ACTIONS: &[&str] = &["INSERT", "UPDATE", "DELETE", "RETURN"];

/// Windows that Siddhi has without a namespace of their own, as some write them behind `#` alone.
const WINDOWS: &[&str] = &[
    "LENGTH",
    "LENGTHBATCH",
    "TIME",
    "TIMEBATCH",
    "TIMELENGTH",
    "EXTERNALTIME",
    "EXTERNALTIMEBATCH",
    "SESSION",
    "BATCH",
    "DELAY",
    "SORT",
    "FREQUENT",
    "LOSSYFREQUENT",
    "CRON",
    "EXPRESSION",
    "EXPRESSIONBATCH",
];

/// Words and signs of a window that a remedy repeats.
const WINDOW_TOKENS_MAX: usize = 24;

/// What a query reads, as the words and signs behind its FROM show it.
#[derive(Clone, Copy, PartialEq)]
enum Reads {
    Stream,
    Joined,
    Pattern,
    Sequence,
}

impl Parser<'_> {
    /// `define …`, from its first word, which is gone past.
    pub(super) fn define(&mut self) -> Fault {
        let span = self.span().to(self.token(1).span);
        let name = |otherwise: &str| {
            let written = self.word(2).map(|_| self.source(self.token(2).span));
            written.unwrap_or_else(|| otherwise.to_string())
        };
        let remedy = match self.word(1).map(str::to_ascii_uppercase).as_deref() {
            Some("STREAM") => format!("write CREATE STREAM {} (attribute TYPE, …)", name("S")),
            Some("TABLE") => format!(
                "write CREATE TABLE {} (attribute TYPE PRIMARY KEY, …)",
                name("T")
            ),
            Some("WINDOW") => format!(
                "write CREATE WINDOW {} (attribute TYPE, …) {}",
                name("W"),
                self.defined_window()
            ),
            Some("TRIGGER") => format!(
                "write CREATE TRIGGER {} {}",
                name("t"),
                self.defined_times()
            ),
            Some("AGGREGATION") => format!(
                "write CREATE AGGREGATION {} AS SELECT … FROM S GROUP BY … AGGREGATE EVERY SECONDS ... YEARS",
                name("A")
            ),
            Some("FUNCTION") => {
                self.skip_body();
                return unsupported::FUNCTION.at(span);
            }
            _ => {
                let fault = Fault::new(self.span(), "unknown statement 'DEFINE'");
                self.advance();
                return fault.help("write CREATE STREAM, TABLE, WINDOW, TRIGGER or AGGREGATION");
            }
        };
        // what follows is not read as a statement again
        self.advance();
        Fault::new(span, "what an app declares is written with CREATE").help(remedy)
    }

    /// The window behind the attributes of a window that is defined, as it is written here.
    fn defined_window(&self) -> String {
        let kind = |ahead: usize| &self.token(ahead).kind;
        let behind = (3..)
            .take_while(|at| !matches!(kind(*at), Kind::EOF | Kind::SemiColon))
            .find(|at| *kind(*at) == Kind::RParen);
        let call = behind
            .map(|at| at + 1)
            .filter(|at| self.word(*at).is_some());
        let call = call.filter(|at| self.is_sign(at + 1, &Kind::LParen));
        call.map_or("WINDOW('length', 5)".to_string(), |at| self.window_call(at))
    }

    /// A call at a place, as a window of a source is written.
    fn window_call(&self, ahead: usize) -> String {
        if self.is_sign(ahead + 1, &Kind::Colon) {
            return "WINDOW('name', …) with one of the windows that there are".into();
        }
        let name = self.source(self.token(ahead).span);
        let first = ahead + 2;
        if !self.is_sign(ahead + 1, &Kind::LParen) || self.is_sign(first, &Kind::RParen) {
            return format!("WINDOW('{name}')");
        }
        let mut depth = 0_usize;
        let closes = |at: &usize| {
            match &self.token(*at).kind {
                Kind::LParen => depth += 1,
                Kind::RParen if depth == 0 => return true,
                Kind::RParen => depth -= 1,
                _ => {}
            }
            false
        };
        let args = (first..first + WINDOW_TOKENS_MAX).find(closes);
        let args = args.map_or("…".to_string(), |end| self.in_our_units(first, end));
        format!("WINDOW('{name}', {args})")
    }

    /// What stands between two places, with the units of time that are known here.
    fn in_our_units(&self, first: usize, end: usize) -> String {
        let mut text = String::new();
        for at in first..end {
            let token = self.token(at);
            if at > first && self.token(at - 1).span.end < token.span.start {
                text.push(' ');
            }
            let number = at > first && matches!(self.token(at - 1).kind, Kind::Number(..));
            let unit = self.word(at).filter(|_| number).and_then(meant_unit);
            match unit {
                Some((unit, _)) => text.push_str(unit),
                None => text.push_str(&self.source(token.span)),
            }
        }
        text
    }

    /// When a trigger that is defined fires, as it is written here.
    fn defined_times(&self) -> String {
        match &self.token(4).kind {
            Kind::SingleQuotedString(text) if text.eq_ignore_ascii_case("start") => {
                "AT START".into()
            }
            Kind::SingleQuotedString(_) => format!("AT CRON {}", self.source(self.token(4).span)),
            _ => "AT EVERY 5 SECONDS".into(),
        }
    }

    /// Goes to the end of the body of a function, whose text is no language of ours.
    fn skip_body(&mut self) {
        let mut depth = 0_usize;
        while !self.at_end() {
            match self.kind() {
                Kind::LBrace => depth += 1,
                Kind::RBrace if depth <= 1 => return self.advance(),
                Kind::RBrace => depth -= 1,
                Kind::SemiColon if depth == 0 => return,
                _ => {}
            }
            self.advance();
        }
    }

    /// A query that begins with FROM, which is gone past.
    pub(super) fn siddhi_query(&mut self) -> Fault {
        let fault = Fault::new(self.span(), "a query does not begin with FROM");
        let fault = fault.help(format!("write {}", self.turned_round()));
        (0..self.query_end()).for_each(|_| self.advance());
        fault
    }

    /// A question that begins with FROM.
    pub(super) fn question_from(&self) -> Fault {
        let fault = Fault::new(self.span(), "a question does not begin with FROM");
        fault.help("write SELECT … FROM T WHERE …")
    }

    /// The query that begins here, in the order of this language.
    fn turned_round(&self) -> String {
        let end = self.query_end();
        let mut depth = 0_usize;
        let (mut select, mut action, mut output) = (None, None, None);
        for at in 1..end {
            match &self.token(at).kind {
                Kind::LParen | Kind::LBracket => depth += 1,
                Kind::RParen | Kind::RBracket => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                _ if self.is_word(at, "SELECT") => select = select.or(Some(at)),
                _ if self.is_word(at, "OUTPUT") => output = Some(at),
                _ if action.is_none() && self.is_any_at(at, ACTIONS) => action = Some(at),
                _ => {}
            }
        }
        let ends = [select, output, action, Some(end)];
        let from = self.read(ends.into_iter().flatten().min().unwrap_or(end));
        let list = if select.is_some() || action.is_none() {
            "…"
        } else {
            "*"
        };
        let rate = if output.is_some() { " OUTPUT …" } else { "" };
        let Some(action) = action else {
            return format!("INSERT INTO Out SELECT {list} FROM {from}{rate}");
        };
        let name = |at: usize| match self.word(at) {
            Some(_) => self.source(self.token(at).span),
            None => "T".to_string(),
        };
        if self.is_word(action, "RETURN") {
            return format!("INSERT INTO Out SELECT {list} FROM {from}{rate}");
        }
        if self.is_word(action, "DELETE") {
            return format!(
                "DELETE FROM {} USING {from} WHERE …{rate}",
                name(action + 1)
            );
        }
        if self.is_word(action, "UPDATE") && self.is_word(action + 1, "OR") {
            let table = name(action + 4);
            return format!(
                "UPSERT INTO {table} SELECT {list} FROM {from}{rate} ON {table}.key = …"
            );
        }
        if self.is_word(action, "UPDATE") {
            return format!(
                "UPDATE {} SET … FROM {from} WHERE …{rate}",
                name(action + 1)
            );
        }
        let into = (action..end).find(|at| self.is_word(*at, "INTO"));
        let events = ["ALL", "EXPIRED"]
            .iter()
            .find(|e| self.is_word(action + 1, e));
        let events = events.map_or(String::new(), |e| format!("{e} EVENTS "));
        let target = into.map_or("Out".to_string(), |at| {
            match self.is_sign(at + 1, &Kind::Sharp) {
                true => format!("#{}", name(at + 2)),
                false => name(at + 1),
            }
        });
        format!("INSERT {events}INTO {target} SELECT {list} FROM {from}{rate}")
    }

    /// How far ahead the query ends that begins here.
    fn query_end(&self) -> usize {
        let ends = |at: &usize| {
            matches!(self.token(*at).kind, Kind::SemiColon | Kind::EOF)
                || (self.in_partition && self.is_word(*at, "END"))
                || (self.is_any_at(*at, &["CREATE", "DEFINE"]) && self.is_any_at(at + 1, CREATED))
        };
        (1..).find(ends).unwrap_or(1)
    }

    /// What is read between the FROM that stands here and a place, as it is written here.
    fn read(&self, end: usize) -> String {
        match self.what_is_read(end) {
            Reads::Pattern => {
                return "PATTERN (EVERY e1=A -> e2=B[x > e1.x]) WITHIN 5 SECONDS".into();
            }
            Reads::Sequence => return "SEQUENCE (EVERY e1=A, e2=B[x > e1.x])".into(),
            Reads::Joined => return "A WINDOW('length', 5) JOIN B ON A.x = B.x".into(),
            Reads::Stream => {}
        }
        let inner = self.is_sign(1, &Kind::Sharp);
        let at = 1 + usize::from(inner);
        if self.word(at).is_none() || at >= end {
            return "S".into();
        }
        let mut read = if inner {
            "#".to_string()
        } else {
            String::new()
        };
        read.push_str(&self.source(self.token(at).span));
        if (at..end).any(|at| self.is_sign(at, &Kind::LBracket)) {
            read.push_str("[…]");
        }
        let sharp = |at: &usize| self.is_sign(*at, &Kind::Sharp);
        let window = (at..end).filter(sharp).find_map(|at| {
            let alone = self.is_any_at(at + 1, WINDOWS) && self.is_sign(at + 2, &Kind::LParen);
            let named = self.is_word(at + 1, "WINDOW").then_some(at + 3);
            named.or(alone.then_some(at + 1))
        });
        if let Some(at) = window {
            read.push(' ');
            read.push_str(&self.window_call(at));
        }
        read
    }

    fn what_is_read(&self, end: usize) -> Reads {
        let mut depth = 0_usize;
        let mut reads = Reads::Stream;
        for at in 1..end {
            match &self.token(at).kind {
                // groups of a pattern stand in parentheses
                Kind::Arrow => return Reads::Pattern,
                Kind::LParen | Kind::LBracket => depth += 1,
                Kind::RParen | Kind::RBracket => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                // else that between the times of WITHIN
                Kind::Comma if reads != Reads::Joined => reads = Reads::Sequence,
                Kind::Eq if reads == Reads::Stream => reads = Reads::Pattern,
                _ if self.is_word(at, "JOIN") => reads = Reads::Joined,
                _ if self.is_any_at(at, &["EVERY", "NOT"]) && reads == Reads::Stream => {
                    reads = Reads::Pattern;
                }
                _ => {}
            }
        }
        reads
    }

    /// What stands behind a source and begins with `#`.
    pub(super) fn behind_sharp(&self) -> Fault {
        let span = self.span();
        if self.is_sign(1, &Kind::LBracket) {
            let fault = Fault::new(span, "a filter is not written with '#'");
            return fault.help("remove it, as in S[price > 10]");
        }
        if self.is_word(1, "WINDOW") {
            let fault = Fault::new(span, "a window is not written with '#'");
            let dotted = self.is_sign(2, &Kind::Period) || self.is_sign(2, &Kind::Colon);
            let call = match dotted && self.word(3).is_some() {
                true => self.window_call(3),
                false => "WINDOW('length', 5)".into(),
            };
            return fault.help(format!("write {call}"));
        }
        if self.is_any_at(1, WINDOWS) && self.is_sign(2, &Kind::LParen) {
            let fault = Fault::new(span, "a window is not written with '#'");
            return fault.help(format!("write {}", self.window_call(1)));
        }
        let span = match self.word(1) {
            Some(_) => span.to(self.token(1).span),
            None => span,
        };
        self.no_stream_function(span)
    }

    fn no_stream_function(&self, span: Span) -> Fault {
        let fault = Fault::new(span, "stream functions (#name) are not supported");
        if self.is_word(1, "LOG") {
            return fault.help(
                "remove it, and let a query insert into a stream WITH ('type'='sink', 'extension'='log')",
            );
        }
        fault.help(
            "compute the columns in SELECT, where needed by a function that the program registers",
        )
    }
}
