//! Text → tokens with byte places.
//!
//! The parser library splits the text; it gives lines and columns in characters, which one forward walk turns into
//! bytes. White space and comments are dropped here, so that the grammar never sees them.

use super::ast::Span;
use super::limits::TOKENS_MAX;
use super::unsupported;
use crate::error::Fault;
use sqlparser::dialect::Dialect;
pub(super) use sqlparser::tokenizer::Token as Kind;
use sqlparser::tokenizer::{Location, Tokenizer, Whitespace};

/// A token and where it stands.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// What a text splits into.
pub(super) struct Tokens {
    /// In order.
    pub(super) list: Vec<Token>,
    /// Stands behind the last one: [`Kind::EOF`].
    pub(super) end: Token,
    /// Why the text ends there, when it does not end at its end.
    pub(super) broken: Option<Fault>,
}

/// The lexical rules: names of letters, digits and `_`, quoted only by `"`.
#[derive(Debug)]
struct Eventflux;

impl Dialect for Eventflux {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_'
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }
}

/// Splits a text of at most [`super::limits::TEXT_BYTES_MAX`] bytes.
pub(super) fn tokenize(text: &str) -> Tokens {
    let mut raw = Vec::new();
    let result = Tokenizer::new(&Eventflux, text).tokenize_with_location_into_buf(&mut raw);

    let mut walk = Walk::new(text);
    let mut list: Vec<Token> = Vec::new();
    let mut last_end = 0;
    let mut broken = None;
    for token in raw {
        let start = walk.offset(token.span.start);
        last_end = walk.offset(token.span.end);
        let span = Span {
            start,
            end: last_end,
        };
        match token.token {
            Kind::Whitespace(space) => {
                if is_hint(&space, list.last()) {
                    broken = Some(unsupported::HINT.at(span));
                    break;
                }
            }
            // a byte order mark
            Kind::Char('\u{feff}') if start == 0 => {}
            _ if list.len() == TOKENS_MAX => {
                let message = format!("the text has more than {TOKENS_MAX} words and signs");
                broken = Some(Fault::new(span, message).help("split it into several apps"));
                break;
            }
            kind => list.push(Token { kind, span }),
        }
    }
    if broken.is_none() && result.is_err() {
        broken = Some(unreadable(text, last_end));
    }
    let end = match &broken {
        Some(fault) => fault.span.start,
        None => list.last().map_or(0, |t| t.span.end),
    };
    let end = Token {
        kind: Kind::EOF,
        span: Span { start: end, end },
    };
    Tokens { list, end, broken }
}

/// Whether a comment tells an optimizer of others what to do: `SELECT /*+ … */`.
fn is_hint(space: &Whitespace, before: Option<&Token>) -> bool {
    let (Whitespace::SingleLineComment { comment, .. } | Whitespace::MultiLineComment(comment)) =
        space
    else {
        return false;
    };
    let opens = |t: &Token| matches!(&t.kind, Kind::Word(w) if ["SELECT", "INSERT"].iter().any(|k| w.value.eq_ignore_ascii_case(k)));
    let said = comment.strip_prefix('+').unwrap_or_default().trim_start();
    before.is_some_and(opens) && said.starts_with(|c: char| c.is_alphabetic())
}

/// What is wrong with the text from `start`, where the tokenizer gave up.
fn unreadable(text: &str, start: u32) -> Fault {
    let rest = text.get(start as usize..).unwrap_or("");
    let span = Span {
        start,
        end: start + rest.len() as u32,
    };
    let quote = |at: usize| rest.chars().nth(at) == Some('\'');
    if rest.starts_with("/*") {
        Fault::new(span, "the comment is not closed").help("end it with */")
    } else if rest.starts_with('"') {
        Fault::new(span, "the quoted name is not closed")
            .help("end it with \"; write \"\" for a quote inside")
    } else if quote(0) || quote(1) {
        Fault::new(span, "the string is not closed")
            .help("end it with '; write '' for a quote inside")
    } else {
        let ch = rest.chars().next();
        let end = start + ch.map_or(0, char::len_utf8) as u32;
        let found = ch.map_or(String::new(), String::from);
        Fault::new(Span { start, end }, format!("unexpected '{found}'"))
    }
}

/// A walk over the text that turns lines and columns into byte offsets, forward only.
struct Walk<'a> {
    rest: std::str::Chars<'a>,
    offset: u32,
    place: (u64, u64),
}

impl<'a> Walk<'a> {
    fn new(text: &'a str) -> Self {
        Walk {
            rest: text.chars(),
            offset: 0,
            place: (1, 1),
        }
    }

    /// The byte offset of a place not before the last one asked for; the end of the text if there is no such place.
    fn offset(&mut self, to: Location) -> u32 {
        while self.place < (to.line, to.column) {
            let Some(ch) = self.rest.next() else { break };
            self.offset += ch.len_utf8() as u32;
            self.place = match ch {
                '\n' => (self.place.0 + 1, 1),
                _ => (self.place.0, self.place.1 + 1),
            };
        }
        self.offset
    }
}
