//! One thing that a query reads: `S[filter] [AS a] [WINDOW(…)] [UNIDIRECTIONAL]`.

use super::ast::{Expr, Name, Source, Window};
use super::join::JOIN_WORDS;
use super::parser::{Parsed, Parser, reserved};
use super::token::Kind;
use super::unsupported;
use crate::error::Fault;

impl Parser<'_> {
    /// `S[filter]`, behind it alias, window and UNIDIRECTIONAL in any order.
    pub(super) fn source_clause(&mut self) -> Parsed<Source> {
        if let Some(fault) = self.no_source() {
            return Err(fault);
        }
        let mut source = Source {
            stream: self.stream_or_file()?,
            alias: None,
            filters: Vec::new(),
            window: None,
            unidirectional: None,
            reach: None,
            whole: false,
        };
        loop {
            let span = self.span();
            if self.is_sign(0, &Kind::LBracket) {
                if source.window.is_some() {
                    let fault = Fault::new(span, "a filter in brackets stands before the window");
                    return Err(fault.help("write WHERE to filter what leaves the window"));
                }
                source.filters.push(self.filter()?);
            } else if self.eat("AS") {
                if source.alias.is_some() {
                    let fault = Fault::new(span, "the stream has two aliases");
                    return Err(fault.help("remove one of them"));
                }
                source.alias = Some(self.name("an alias")?);
            } else if self.is("WINDOW") {
                if source.window.is_some() {
                    let fault = Fault::new(span, "the stream has two windows");
                    return Err(fault.help("insert into a stream and put the second window there"));
                }
                source.window = Some(self.window()?);
            } else if self.eat("UNIDIRECTIONAL") {
                if source.unidirectional.is_some() {
                    let fault = Fault::new(span, "UNIDIRECTIONAL is given twice");
                    return Err(fault.help("remove one of them"));
                }
                source.unidirectional = Some(span);
            } else if self.at_reach() {
                self.reach(&mut source)?;
            } else if self.is("FOR") && self.is_word(1, "SYSTEM_TIME") {
                return Err(unsupported::SYSTEM_TIME.at(span.to(self.token(1).span)));
            } else if self.is_sign(0, &Kind::Sharp) {
                return Err(self.behind_sharp());
            } else {
                return Ok(source);
            }
        }
    }

    /// The name of a stream, or of a file in quotes where the text may name some.
    fn stream_or_file(&mut self) -> Parsed<Name> {
        let span = self.span();
        let (Kind::SingleQuotedString(text), Some(files)) = (self.kind(), &self.files) else {
            return self.stream_name("the name of a stream");
        };
        let file = Name {
            text: text.clone(),
            span,
        };
        let mut known = files.iter().filter(|f| f.text != file.text);
        if let Some(other) = known.find(|f| f.text.eq_ignore_ascii_case(&file.text)) {
            let message = format!("'{}' and '{}' differ by case alone", other.text, file.text);
            let fault = Fault::new(span, message);
            return Err(fault.help("name one of them otherwise, as in './a.csv'"));
        }
        if file.text.is_empty() {
            let fault = Fault::new(span, "a file has a name");
            return Err(fault.help("write '-' for standard input"));
        }
        self.advance();
        if let Some(files) = self.files.as_mut()
            && !files.iter().any(|f| f.text == file.text)
        {
            files.push(file.clone());
        }
        Ok(file)
    }

    /// What stands where the name of a stream is expected and is no name, if it has a name of its own.
    fn no_source(&self) -> Option<Fault> {
        let span = self.span();
        let opens = self.is_sign(1, &Kind::LParen);
        if self.is_sign(0, &Kind::LParen) {
            return Some(match self.is_word(1, "SELECT") {
                true => unsupported::SUBQUERY.at(span),
                false => self
                    .unexpected("the name of a stream")
                    .help("write the stream without parentheses"),
            });
        }
        if self.files.is_none() && matches!(self.kind(), Kind::SingleQuotedString(_)) {
            let fault = Fault::new(span, "an app reads streams, and no file by its name");
            let remedy =
                "declare a stream and run with --input STREAM=FILE, or ask eventflux query -c";
            return Some(fault.help(remedy));
        }
        if self.at_pattern() {
            return Some(unsupported::PATTERN_JOIN.at(span));
        }
        if self.at_bare_pattern() {
            return Some(unsupported::BARE_PATTERN.at(span));
        }
        if let Some(fault) = self.window_as_table() {
            return Some(fault);
        }
        // else a stream of this name
        let lateral = opens || self.word(1).is_some_and(is_name);
        (self.is("LATERAL") && lateral).then(|| unsupported::LATERAL.at(span))
    }

    /// `[filter]`.
    pub(super) fn filter(&mut self) -> Parsed<Expr> {
        self.expect_sign(&Kind::LBracket)?;
        let filter = self.expression()?;
        self.expect_sign(&Kind::RBracket)?;
        Ok(filter)
    }

    /// `WINDOW('name', arguments)`.
    pub(super) fn window(&mut self) -> Parsed<Window> {
        let start = self.expect("WINDOW")?;
        if let Some(fault) = self.window_by_word() {
            return Err(fault);
        }
        self.expect_sign(&Kind::LParen)?;
        let name = match self.word(0) {
            Some(_) => self.any_name("the name of a window")?,
            None => self.string("the name of a window")?,
        };
        if self.is_sign(0, &Kind::LParen) {
            let fault = self.unexpected("',' or ')'");
            return Err(fault.help(format!("write WINDOW('{}', …)", self.source(name.span))));
        }
        let mut args = Vec::new();
        while self.more(&Kind::RParen)? {
            args.push(self.expression()?);
        }
        Ok(Window {
            name,
            args,
            span: start.to(self.last_span()),
        })
    }
}

/// Whether a word behind the name of a stream begins nothing that can follow a stream.
fn is_name(word: &str) -> bool {
    let follows = ["WINDOW", "UNIDIRECTIONAL", "OUTPUT"];
    let mut known = follows.iter().chain(JOIN_WORDS);
    !reserved(word) && !known.any(|k| k.eq_ignore_ascii_case(word))
}
