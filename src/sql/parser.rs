//! The cursor over the tokens: looking ahead, expecting, names, and what to say when something else stands there.

use super::ast::{Name, Span};
use super::foreign;
use super::token::{Kind, Token, Tokens};
use super::unsupported;
use crate::error::Fault;

/// What reading a piece gives. After a fault the statement is given up.
pub(super) type Parsed<T> = Result<T, Fault>;

/// Words that cannot be a name unless quoted, as they may follow or begin an expression.
const RESERVED: &[&str] = &[
    "SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "INSERT", "INTO",
    "AND", "OR", "NOT", "AS", "ON", "IS", "IN", "BETWEEN", "LIKE", "CASE", "WHEN", "THEN", "ELSE",
    "END", "NULL", "TRUE", "FALSE", "UNION", "DISTINCT", "JOIN",
];

/// Characters of a found token that a message shows.
const SHOWN_CHARS: usize = 24;

/// Whether a word cannot be a name unless quoted.
pub(super) fn reserved(word: &str) -> bool {
    RESERVED.iter().any(|r| r.eq_ignore_ascii_case(word))
}

/// Reads tokens into the syntax tree.
pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    end: Token,
    broken: Option<Fault>,
    at: usize,
    /// Expressions open around the place that is read.
    pub(super) depth: usize,
    /// Nodes of the expression that is read.
    pub(super) nodes: usize,
    /// Height of the last piece of expression read.
    pub(super) height: usize,
    /// Where each `?` stands that was read; none where none may stand.
    pub(super) parameters: Option<Vec<Span>>,
    /// The files that are read in the place of streams, in a text that may name some; none elsewhere.
    pub(super) files: Option<Vec<Name>>,
    /// The statements of a partition are read.
    pub(super) in_partition: bool,
    /// What is wrong with those of the partition at hand.
    pub(super) inside: Vec<Fault>,
}

impl<'a> Parser<'a> {
    /// At the first token.
    pub(super) fn new(text: &'a str, tokens: Tokens) -> Self {
        Parser {
            text,
            tokens: tokens.list,
            end: tokens.end,
            broken: tokens.broken,
            at: 0,
            depth: 0,
            nodes: 0,
            height: 0,
            parameters: None,
            files: None,
            in_partition: false,
            inside: Vec::new(),
        }
    }

    /// The token `ahead` of the next one; behind the last, the end.
    pub(super) fn token(&self, ahead: usize) -> &Token {
        self.tokens.get(self.at + ahead).unwrap_or(&self.end)
    }

    /// The kind of the next token.
    pub(super) fn kind(&self) -> &Kind {
        &self.token(0).kind
    }

    /// Where the next token stands.
    pub(super) fn span(&self) -> Span {
        self.token(0).span
    }

    fn last(&self) -> Option<&Token> {
        self.at.checked_sub(1).and_then(|i| self.tokens.get(i))
    }

    /// Where the last token read stands.
    pub(super) fn last_span(&self) -> Span {
        self.last().map_or(Span::default(), |t| t.span)
    }

    /// Whether the last token read is this sign.
    pub(super) fn last_is(&self, sign: &Kind) -> bool {
        self.last().is_some_and(|t| t.kind == *sign)
    }

    /// Whether the statement can end here.
    pub(super) fn at_statement_end(&self) -> bool {
        self.is_sign(0, &Kind::SemiColon)
            || (self.at_end() && self.broken.is_none())
            || (self.in_partition && self.is("END"))
    }

    /// The place of the next token, to go back to.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// Goes back to a place.
    pub(super) fn go_back(&mut self, place: usize) {
        self.at = place;
    }

    /// Whether nothing stands behind the next token.
    pub(super) fn is_last(&self) -> bool {
        self.at + 1 >= self.tokens.len()
    }

    /// Goes past the next token.
    pub(super) fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len());
    }

    /// Whether nothing is left.
    pub(super) fn at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// The fault at which the text ends early, if it does.
    pub(super) fn broken(&self) -> Option<&Fault> {
        self.broken.as_ref()
    }

    /// The unquoted word `ahead` of the next token.
    pub(super) fn word(&self, ahead: usize) -> Option<&str> {
        match &self.token(ahead).kind {
            Kind::Word(w) if w.quote_style.is_none() => Some(&w.value),
            _ => None,
        }
    }

    /// Whether the token `ahead` of the next one is this keyword.
    pub(super) fn is_word(&self, ahead: usize, keyword: &str) -> bool {
        self.word(ahead)
            .is_some_and(|w| w.eq_ignore_ascii_case(keyword))
    }

    /// Whether the next token is this keyword.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.is_word(0, keyword)
    }

    /// Whether the next token is one of these keywords.
    pub(super) fn is_any(&self, keywords: &[&str]) -> bool {
        self.is_any_at(0, keywords)
    }

    /// Whether the token `ahead` of the next one is one of these keywords.
    pub(super) fn is_any_at(&self, ahead: usize, keywords: &[&str]) -> bool {
        keywords.iter().any(|k| self.is_word(ahead, k))
    }

    /// Goes past this keyword if it is next.
    pub(super) fn eat(&mut self, keyword: &str) -> bool {
        let found = self.is(keyword);
        if found {
            self.advance();
        }
        found
    }

    /// Goes past this keyword.
    pub(super) fn expect(&mut self, keyword: &str) -> Parsed<Span> {
        match self.eat(keyword) {
            true => Ok(self.last_span()),
            false => Err(self.unexpected(keyword)),
        }
    }

    /// Whether the token `ahead` of the next one is this sign.
    pub(super) fn is_sign(&self, ahead: usize, sign: &Kind) -> bool {
        self.token(ahead).kind == *sign
    }

    /// Goes past this sign if it is next.
    pub(super) fn eat_sign(&mut self, sign: &Kind) -> bool {
        let found = self.is_sign(0, sign);
        if found {
            self.advance();
        }
        found
    }

    /// Goes past this sign.
    pub(super) fn expect_sign(&mut self, sign: &Kind) -> Parsed<Span> {
        match self.eat_sign(sign) {
            true => Ok(self.last_span()),
            false => Err(self.unexpected(&format!("'{sign}'"))),
        }
    }

    /// Goes past `,` (and gives `true`) or past the sign that closes the list.
    pub(super) fn more(&mut self, close: &Kind) -> Parsed<bool> {
        if self.eat_sign(&Kind::Comma) {
            return Ok(true);
        }
        match self.eat_sign(close) {
            true => Ok(false),
            false => Err(self.unexpected(&format!("',' or '{close}'"))),
        }
    }

    /// A name: a word that is not reserved, or a quoted one.
    pub(super) fn name(&mut self, what: &str) -> Parsed<Name> {
        if let Some(word) = self.word(0)
            && reserved(word)
        {
            let remedy = format!("write \"{word}\" in double quotes if it is meant as a name");
            return Err(self.unexpected(what).help(remedy));
        }
        self.any_name(what)
    }

    /// A name where no keyword can stand: any word, or a quoted one.
    pub(super) fn any_name(&mut self, what: &str) -> Parsed<Name> {
        let span = self.span();
        let text = match self.kind() {
            Kind::Word(w) if w.value.is_empty() => {
                return Err(Fault::new(span, "a name cannot be empty"));
            }
            Kind::Word(w) => w.value.clone(),
            _ => return Err(self.unexpected(what)),
        };
        self.advance();
        Ok(Name { text, span })
    }

    /// The name of a stream, a table or a named window.
    pub(super) fn stream_name(&mut self, what: &str) -> Parsed<Name> {
        let start = self.span();
        if self.in_partition && self.eat_sign(&Kind::Sharp) {
            let name = self.any_name("the name of an inner stream")?;
            return Ok(Name {
                text: format!("#{}", name.text),
                span: start.to(name.span),
            });
        }
        match self.kind() {
            Kind::Sharp => return Err(unsupported::INNER_STREAM.at(start)),
            Kind::ExclamationMark => return Err(unsupported::FAULT_STREAM.at(self.span())),
            _ => {}
        }
        let name = self.name(what)?;
        if self.is_sign(0, &Kind::Period) {
            let fault = Fault::new(self.span(), "the name of a stream or table has no dot");
            return Err(fault.help(match self.files {
                Some(_) => "write a file in single quotes, as in FROM 'trades.csv'",
                None => "write the name alone, or in double quotes",
            }));
        }
        Ok(name)
    }

    /// A text: a string, or a name in double quotes where no name can stand.
    pub(super) fn string(&mut self, what: &str) -> Parsed<Name> {
        let span = self.span();
        let text = match self.kind() {
            Kind::SingleQuotedString(s) => s.clone(),
            Kind::Word(w) if w.quote_style.is_some() => w.value.clone(),
            Kind::Word(_) | Kind::Number(..) => {
                let remedy = format!("put it in quotes: '{}'", self.source(span));
                return Err(self.unexpected(what).help(remedy));
            }
            _ => return Err(self.unexpected(what)),
        };
        self.advance();
        Ok(Name { text, span })
    }

    /// An option's key: a string or words with dots.
    pub(super) fn key(&mut self, what: &str) -> Parsed<Name> {
        if let Kind::SingleQuotedString(_) = self.kind() {
            return self.string(what);
        }
        let mut name = self.any_name(what)?;
        while self.eat_sign(&Kind::Period) {
            let part = self.any_name("the rest of the key")?;
            name.text = format!("{}.{}", name.text, part.text);
            name.span = name.span.to(part.span);
        }
        Ok(name)
    }

    /// The text of a place, shortened.
    pub(super) fn source(&self, span: Span) -> String {
        let text = self.text.get(span.range()).unwrap_or("");
        let mut shown: String = text
            .chars()
            .take(SHOWN_CHARS)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        shown
    }

    /// What stands next is not what is expected. A keyword among the expected (in capitals) that resembles it is
    /// offered.
    pub(super) fn unexpected(&self, expected: &str) -> Fault {
        let token = self.token(0);
        if token.kind == Kind::EOF {
            if let Some(fault) = &self.broken {
                return fault.clone();
            }
            let message = format!("expected {expected}, found the end of the text");
            return Fault::new(token.span, message);
        }
        let found = match &token.kind {
            Kind::SingleQuotedString(_) => self.source(token.span),
            _ => format!("'{}'", self.source(token.span)),
        };
        let fault = Fault::new(token.span, format!("expected {expected}, found {found}"));
        let begins = self.is_any(&["CREATE", "INSERT", "UPDATE", "DELETE", "UPSERT"]);
        if expected.ends_with("';'") && (begins || found == "'@'") {
            return fault.help("write ';' behind the statement before");
        }
        let keywords = expected
            .split(|c: char| !c.is_ascii_uppercase())
            .filter(|k| k.len() > 3);
        match self.word(0) {
            Some(word) => match foreign::word(word) {
                Some(remedy) => fault.help(remedy),
                None if word.len() > 2 => similar(fault, word, keywords),
                None => fault,
            },
            None => match foreign::sign(&token.kind) {
                Some(remedy) => fault.help(remedy),
                None => fault,
            },
        }
    }
}

/// Offers the known word that resembles a wrong one, if one does.
pub(super) fn similar<'k>(
    fault: Fault,
    word: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Fault {
    let offered = fault.clone().nearest(word, known);
    match &offered.remedy {
        Some(remedy) if remedy.starts_with("did you mean") => offered,
        _ => fault,
    }
}
