//! `OVER (…)` behind a call: the rows that it looks at.

use super::ast::{Expr, ExprKind, Name, Over, OverBound, OverFrame};
use super::parser::{Parsed, Parser};
use super::token::Kind;
use super::unsupported;
use crate::error::Fault;
use crate::event::Value;

/// What a frame begins with.
const UNITS: &[&str] = &["ROWS", "RANGE", "GROUPS"];

impl Parser<'_> {
    /// A call, with the `OVER (…)` that may follow.
    pub(super) fn over(&mut self, call: Expr) -> Parsed<Expr> {
        if self.is_any(&["IGNORE", "RESPECT"]) && self.is_word(1, "NULLS") {
            return Err(unsupported::OVER_NULLS.at(self.span().to(self.token(1).span)));
        }
        let opens = self.is("OVER") && self.is_sign(1, &Kind::LParen);
        if !opens || !matches!(call.kind, ExprKind::Call { .. }) {
            return Ok(call);
        }
        self.expect("OVER")?;
        self.expect_sign(&Kind::LParen)?;
        let mut height = self.height;
        let keys = self.over_keys(&mut height)?;
        let order = self.frame_order(&mut height)?;
        let frame = match self.is_any(UNITS) {
            true => Some(self.frame()?),
            false => None,
        };
        self.end_of_over(&keys, order.is_some(), frame.is_some())?;
        let end = self.expect_sign(&Kind::RParen)?;
        let over = Over { keys, order, frame };
        let span = call.span.to(end);
        self.node(ExprKind::Over(Box::new(call), Box::new(over)), span, height)
    }

    /// What stands in front of `)` and belongs elsewhere.
    fn end_of_over(&self, keys: &[Expr], ordered: bool, framed: bool) -> Parsed<()> {
        if self.is("EXCLUDE") {
            return Err(unsupported::OVER_EXCLUDE.at(self.span()));
        }
        if self.is_sign(0, &Kind::RParen) {
            return Ok(());
        }
        let named = keys.is_empty() && !ordered && !framed;
        if named && self.word(0).is_some() && self.is_sign(1, &Kind::RParen) {
            return Err(unsupported::OVER_NAME.at(self.span()));
        }
        let mut expected = String::new();
        if named {
            expected.push_str("PARTITION BY, ");
        }
        if !ordered && !framed {
            expected.push_str("ORDER BY, ");
        }
        if !framed {
            expected.push_str("ROWS, RANGE or ");
        }
        Err(self.unexpected(&format!("{expected}')'")))
    }

    /// `PARTITION BY x, y`.
    fn over_keys(&mut self, height: &mut usize) -> Parsed<Vec<Expr>> {
        let mut keys = Vec::new();
        if !self.is("PARTITION") {
            return Ok(keys);
        }
        self.advance();
        self.expect("BY")?;
        loop {
            keys.push(self.operand(0)?);
            *height = self.height.max(*height);
            if !self.eat_sign(&Kind::Comma) {
                return Ok(keys);
            }
        }
    }

    /// `ORDER BY x [ASC]`: one expression, upwards.
    fn frame_order(&mut self, height: &mut usize) -> Parsed<Option<Expr>> {
        if !self.is("ORDER") {
            return Ok(None);
        }
        self.advance();
        self.expect("BY")?;
        let by = self.operand(0)?;
        *height = self.height.max(*height);
        if self.is("DESC") {
            return Err(unsupported::OVER_DESC.at(self.span()));
        }
        self.eat("ASC");
        if self.is("NULLS") {
            return Err(unsupported::NULLS.at(self.span()));
        }
        if self.is_sign(0, &Kind::Comma) {
            return Err(unsupported::OVER_ORDER.at(self.span()));
        }
        Ok(Some(by))
    }

    /// `ROWS bound` or `RANGE bound`, or either `BETWEEN bound AND CURRENT ROW`.
    fn frame(&mut self) -> Parsed<OverFrame> {
        let start = self.span();
        if self.is("GROUPS") {
            return Err(unsupported::OVER_GROUPS.at(start));
        }
        let by_rows = self.is("ROWS");
        self.advance();
        let between = self.eat("BETWEEN");
        let bound = self.bound(by_rows)?;
        if between {
            self.expect("AND")?;
            let end = self.span();
            if self.is_word(1, "PRECEDING") || self.is_word(2, "PRECEDING") {
                return Err(unsupported::OVER_BEFORE.at(end));
            }
            if !self.is("CURRENT") {
                return Err(self.no_following(end, "CURRENT ROW"));
            }
            self.advance();
            self.expect("ROW")?;
        }
        Ok(OverFrame {
            bound,
            span: start.to(self.last_span()),
        })
    }

    /// What is read instead of a bound: rows that come later, or nonsense.
    fn no_following(&self, span: super::ast::Span, expected: &str) -> Fault {
        let ahead = (0..3).any(|ahead| self.is_word(ahead, "FOLLOWING"));
        match ahead {
            true => unsupported::OVER_FOLLOWING.at(span),
            false => self.unexpected(expected),
        }
    }

    /// `UNBOUNDED PRECEDING`, `CURRENT ROW`, `n PRECEDING` or `t PRECEDING`.
    fn bound(&mut self, by_rows: bool) -> Parsed<OverBound> {
        let span = self.span();
        if self.is_word(0, "CURRENT") && self.is_word(1, "ROW") {
            self.advance();
            self.advance();
            return Ok(match by_rows {
                true => OverBound::Rows(0),
                false => OverBound::Time(0),
            });
        }
        if self.is("UNBOUNDED") && self.is_word(1, "PRECEDING") {
            self.advance();
            self.advance();
            return match by_rows {
                true => Ok(OverBound::Unbounded),
                false => Err(unsupported::OVER_RANGE_ALL.at(span.to(self.last_span()))),
            };
        }
        if self.is("INTERVAL") {
            // its remedy is told where expressions begin
            self.operand(0)?;
        }
        if !matches!(self.kind(), Kind::Number(..)) {
            let expected = match by_rows {
                true => "BETWEEN, UNBOUNDED PRECEDING, CURRENT ROW or a number of rows",
                false => "BETWEEN, CURRENT ROW or a duration",
            };
            return Err(self.no_following(span, expected));
        }
        let number = self.number(false, span)?;
        let bound = match (&number.kind, by_rows) {
            (ExprKind::Literal(Value::Long(n)), true) => OverBound::Rows(*n as u64),
            (ExprKind::Duration(us), false) => OverBound::Time(*us),
            (_, true) => {
                let fault = Fault::new(number.span, "ROWS takes a whole number of rows");
                return Err(fault.help("write ROWS 20 PRECEDING, or RANGE 5 SECONDS PRECEDING"));
            }
            (_, false) => {
                let fault = Fault::new(number.span, "RANGE takes a duration with its unit");
                return Err(fault.help("write RANGE 5 SECONDS PRECEDING, or ROWS 20 PRECEDING"));
            }
        };
        if self.is("FOLLOWING") {
            return Err(unsupported::OVER_FOLLOWING.at(span.to(self.span())));
        }
        self.expect("PRECEDING")?;
        Ok(bound)
    }

    /// `OVER name`: windows have no names.
    pub(super) fn named_over(&self, call: &Expr) -> Option<Fault> {
        let is_call = matches!(call.kind, ExprKind::Call { .. });
        let named = is_call && self.is("OVER") && !self.is_word(1, "FROM");
        named.then(|| unsupported::OVER_NAME.at(self.span().to(self.token(1).span)))
    }
}

impl Over {
    /// Calls `f` for every expression in it.
    pub fn children_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        self.keys.iter_mut().chain(&mut self.order).for_each(f);
    }
}

/// The name of a call.
pub(crate) fn called(call: &Expr) -> Option<(&Name, &[Expr], bool)> {
    match &call.kind {
        ExprKind::Call {
            name,
            args,
            distinct,
        } => Some((name, args, *distinct)),
        _ => None,
    }
}
