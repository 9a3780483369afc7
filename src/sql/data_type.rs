//! Types by name, with a length or digits where CAST obeys them.

use super::ast::{DataType, Size, Span};
use super::parser::{Parsed, Parser, similar};
use super::token::Kind;
use crate::error::Fault;
use crate::event::Type;

/// What may stand in parentheses behind a type's name.
#[derive(Clone, Copy, PartialEq)]
enum Takes {
    /// Nothing.
    Nothing,
    /// The greatest number of characters.
    Length,
    /// Digits in all and behind the point.
    Digits,
    /// Digits of the fraction of a second.
    Fraction,
}

/// Type names of the dialect.
const TYPES: &[(&str, Type, Takes)] = &[
    ("STRING", Type::String, Takes::Length),
    ("VARCHAR", Type::String, Takes::Length),
    ("TEXT", Type::String, Takes::Length),
    ("CHAR", Type::String, Takes::Length),
    ("INT", Type::Int, Takes::Nothing),
    ("INTEGER", Type::Int, Takes::Nothing),
    ("LONG", Type::Long, Takes::Nothing),
    ("BIGINT", Type::Long, Takes::Nothing),
    ("TIMESTAMP", Type::Long, Takes::Fraction),
    ("FLOAT", Type::Float, Takes::Nothing),
    ("REAL", Type::Float, Takes::Nothing),
    ("DOUBLE", Type::Double, Takes::Nothing),
    ("DECIMAL", Type::Double, Takes::Digits),
    ("NUMERIC", Type::Double, Takes::Digits),
    ("BOOL", Type::Bool, Takes::Nothing),
    ("BOOLEAN", Type::Bool, Takes::Nothing),
];

/// Decimal digits that every DOUBLE keeps.
const DIGITS_MAX: u64 = 15;

/// Characters beyond which a length bounds nothing: no text of a row is longer.
const LENGTH_MAX: u64 = 1 << 30;

impl Parser<'_> {
    /// The type that CAST converts to.
    pub(super) fn data_type(&mut self) -> Parsed<DataType> {
        let span = self.span();
        let Some(word) = self.word(0).map(str::to_owned) else {
            return Err(self.unexpected("a type"));
        };
        let known = |(name, _, _): &&(&str, _, _)| name.eq_ignore_ascii_case(&word);
        let Some((name, ty, takes)) = TYPES.iter().find(known) else {
            let shown = self.source(span);
            let fault = Fault::new(span, format!("unknown type '{shown}'"))
                .help("known: STRING, INT, LONG, FLOAT, DOUBLE, BOOL");
            return Err(similar(fault, &word, TYPES.iter().map(|(n, _, _)| *n)));
        };
        self.advance();
        let mut size = None;
        if self.is_sign(0, &Kind::LParen) {
            if *takes == Takes::Nothing {
                let fault = Fault::new(self.span(), format!("{word} takes no length"));
                return Err(fault.help("remove the parentheses"));
            }
            self.advance();
            size = self.size(name, *takes)?;
        }
        let span = span.to(self.last_span());
        Ok(DataType {
            ty: *ty,
            size,
            is_instant: *name == "TIMESTAMP",
            span,
        })
    }

    /// The type of an attribute: rows come in as they are, so nothing would hold them to a length.
    pub(super) fn attribute_type(&mut self) -> Parsed<Type> {
        let DataType { ty, size, span, .. } = self.data_type()?;
        match size {
            None => Ok(ty),
            Some(_) => {
                let fault = Fault::new(span, "an attribute has no length or number of digits");
                let written = self.source(span);
                Err(fault.help(format!(
                    "write {ty} here, and CAST(… AS {written}) in a query that cuts or rounds it"
                )))
            }
        }
    }

    /// From behind the `(` past the `)`.
    fn size(&mut self, name: &str, takes: Takes) -> Parsed<Option<Size>> {
        let (first, span) = self.count("a length")?;
        let mut second = None;
        if takes == Takes::Digits && self.eat_sign(&Kind::Comma) {
            second = Some(self.count("digits behind the point")?);
        }
        self.expect_sign(&Kind::RParen)?;
        match takes {
            Takes::Length if (1..=LENGTH_MAX).contains(&first) => Ok(Some(Size::Length(first))),
            Takes::Length => {
                let fault = Fault::new(span, format!("a length is from 1 to {LENGTH_MAX}"));
                Err(fault.help(format!("write {name} for a text of any length")))
            }
            Takes::Digits => digits(name, (first, span), second).map(Some),
            // milliseconds, as every TIMESTAMP
            Takes::Fraction if first == 3 => Ok(None),
            Takes::Fraction | Takes::Nothing => {
                let fault = Fault::new(span, "a TIMESTAMP counts milliseconds");
                Err(fault.help("write TIMESTAMP or TIMESTAMP(3)"))
            }
        }
    }
}

/// The digits of a DECIMAL: in all, and of them behind the point.
fn digits(name: &str, all: (u64, Span), behind: Option<(u64, Span)>) -> Parsed<Size> {
    let (precision, span) = all;
    if !(1..=DIGITS_MAX).contains(&precision) {
        let message = format!("{name} is a DOUBLE here, which keeps 1 to {DIGITS_MAX} digits");
        let remedy = format!("write {name}({DIGITS_MAX}, …), or DOUBLE for all that it holds");
        return Err(Fault::new(span, message).help(remedy));
    }
    let (scale, span) = behind.unwrap_or((0, span));
    if scale > precision {
        let message = format!("{precision} digits in all, {scale} of them behind the point");
        let fault = Fault::new(span, message);
        return Err(fault.help(format!("write at most {precision} behind the point")));
    }
    Ok(Size::Digits {
        precision: precision as u32,
        scale: scale as u32,
    })
}
