//! Expressions: a Pratt parser, so that precedence is a number and every node knows its place.
//!
//! Weakest first: OR, AND, NOT, IS, comparison, IN/BETWEEN/LIKE, `+ -`, `* / %`, AT TIME ZONE, sign.

use super::ast::{Binary, Expr, ExprKind, Name, Span, Unary};
use super::foreign;
use super::limits::{EXPRESSION_HEIGHT_MAX, EXPRESSION_NODES_MAX, NESTING_LEVELS_MAX};
use super::literal;
use super::parser::{Parsed, Parser, reserved};
use super::token::Kind;
use super::unsupported;
use crate::error::Fault;
use crate::event::Value;

/// How tight an operator binds.
mod power {
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const IS: u8 = 4;
    pub(super) const COMPARISON: u8 = 5;
    pub(in crate::sql) const MEMBERSHIP: u8 = 6;
    pub(super) const CONCAT: u8 = 7;
    pub(super) const SUM: u8 = 8;
    pub(super) const PRODUCT: u8 = 9;
    pub(super) const ZONE: u8 = 10;
    pub(super) const SIGN: u8 = 11;
}
pub(super) use power::MEMBERSHIP;

/// Words that are operators in other dialects.
const OPERATOR_WORDS: &[&str] = &[
    "ILIKE", "SIMILAR", "REGEXP", "RLIKE", "GLOB", "MATCH", "OVERLAPS", "MEMBER", "COLLATE", "DIV",
    "MOD", "XOR", "ISNULL", "NOTNULL",
];

/// What can follow an operand.
#[derive(Clone, Copy)]
enum Infix {
    Binary(Binary, u8),
    Is,
    In,
    Between,
    Like,
    AtZone,
    /// A function of both sides.
    Call(&'static str, u8),
}

impl Infix {
    fn power(self) -> u8 {
        match self {
            Infix::Binary(_, power) | Infix::Call(_, power) => power,
            Infix::Is => power::IS,
            Infix::In | Infix::Between | Infix::Like => power::MEMBERSHIP,
            Infix::AtZone => power::ZONE,
        }
    }
}

impl Parser<'_> {
    /// One whole expression of a clause.
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.nodes = 0;
        self.operand(0)
    }

    /// An expression of operators that bind at least this tight.
    pub(super) fn operand(&mut self, power: u8) -> Parsed<Expr> {
        if self.depth == NESTING_LEVELS_MAX {
            let message = format!("the expression nests deeper than {NESTING_LEVELS_MAX} levels");
            return Err(Fault::new(self.span(), message).help("split it over several queries"));
        }
        self.depth += 1;
        let expr = self.operators(power);
        self.depth -= 1;
        expr
    }

    fn operators(&mut self, power: u8) -> Parsed<Expr> {
        let mut left = self.prefix()?;
        let mut compared = false;
        while let Some((infix, negated)) = self.infix() {
            if infix.power() < power {
                return Ok(left);
            }
            let comparison = infix.power() == power::COMPARISON;
            if comparison && compared {
                let fault = Fault::new(self.span(), "comparisons cannot be chained");
                return Err(fault.help("join them with AND, as in a < b AND b < c"));
            }
            compared = comparison;
            left = self.infix_node(left, infix, negated)?;
        }
        match self.foreign_operator(&left) {
            Some(fault) => Err(fault),
            None => Ok(left),
        }
    }

    /// The operator that stands next, and whether a NOT stands before it.
    fn infix(&self) -> Option<(Infix, bool)> {
        let binary = |op, power| Some((Infix::Binary(op, power), false));
        match self.kind() {
            Kind::Plus => binary(Binary::Add, power::SUM),
            Kind::Minus => binary(Binary::Sub, power::SUM),
            Kind::Mul => binary(Binary::Mul, power::PRODUCT),
            Kind::Div => binary(Binary::Div, power::PRODUCT),
            Kind::Mod => binary(Binary::Mod, power::PRODUCT),
            Kind::Eq | Kind::DoubleEq => binary(Binary::Eq, power::COMPARISON),
            Kind::Neq => binary(Binary::NotEq, power::COMPARISON),
            Kind::Lt => binary(Binary::Lt, power::COMPARISON),
            Kind::LtEq => binary(Binary::LtEq, power::COMPARISON),
            Kind::Gt => binary(Binary::Gt, power::COMPARISON),
            Kind::GtEq => binary(Binary::GtEq, power::COMPARISON),
            Kind::StringConcat => Some((Infix::Call("concat", power::CONCAT), false)),
            Kind::LongArrow => Some((Infix::Call("json_extract_string", power::ZONE), false)),
            Kind::Word(_) if self.is("AND") => binary(Binary::And, power::AND),
            Kind::Word(_) if self.is("OR") => binary(Binary::Or, power::OR),
            Kind::Word(_) if self.is("IS") => Some((Infix::Is, false)),
            Kind::Word(_)
                if self.is("AT") && self.is_word(1, "TIME") && self.is_word(2, "ZONE") =>
            {
                Some((Infix::AtZone, false))
            }
            Kind::Word(_) => {
                let negated = self.is("NOT");
                let ahead = usize::from(negated);
                let infix = if self.is_word(ahead, "IN") {
                    Infix::In
                } else if self.is_word(ahead, "BETWEEN") {
                    Infix::Between
                } else if self.is_word(ahead, "LIKE") {
                    Infix::Like
                } else {
                    return None;
                };
                Some((infix, negated))
            }
            _ => None,
        }
    }

    /// The operator and what stands right of it, joined with the left side.
    fn infix_node(&mut self, left: Expr, infix: Infix, negated: bool) -> Parsed<Expr> {
        let height = self.height;
        if negated {
            self.advance();
        }
        let sign = self.span();
        self.advance();
        let start = left.span;
        let left = Box::new(left);
        let kind = match infix {
            Infix::Binary(op, power) => {
                let right = self.boxed(power + 1)?;
                let bare = self.bare_in_table(&left, &right);
                if let Some(fault) = bare.filter(|_| power == power::COMPARISON) {
                    return Err(fault);
                }
                ExprKind::Binary(op, left, right)
            }
            Infix::Call(name, power) => ExprKind::Call {
                name: Name {
                    text: name.to_string(),
                    span: sign,
                },
                args: vec![*left, *self.boxed(power + 1)?],
                distinct: false,
            },
            Infix::Is => ExprKind::IsNull(left, self.is_not_null()?),
            Infix::In if matches!(self.kind(), Kind::Word(_)) => {
                let table = self.stream_name("'(' or the name of a table")?;
                ExprKind::InTable(left, table, negated)
            }
            Infix::In => ExprKind::In(left, self.in_list()?, negated),
            Infix::Between => {
                let (low, high) = self.range()?;
                ExprKind::Between(left, low, high, negated)
            }
            Infix::Like => ExprKind::Like(left, self.pattern()?, negated),
            Infix::AtZone => {
                self.expect("TIME")?;
                self.expect("ZONE")?;
                ExprKind::AtZone(left, self.boxed(power::SIGN)?)
            }
        };
        let span = start.to(self.last_span());
        self.node(kind, span, height.max(self.height))
    }

    /// The fault for `a = b IN T`, where IN takes the whole comparison in other dialects and a side of it here.
    fn bare_in_table(&self, left: &Expr, right: &Expr) -> Option<Fault> {
        let ExprKind::InTable(side, table, negated) = &right.kind else {
            return None;
        };
        if !matches!(side.kind, ExprKind::Column { .. }) || side.span.start != right.span.start {
            return None;
        }
        let span = left.span.to(right.span);
        let fault = Fault::new(span, "a condition stands in parentheses in front of IN");
        let condition = self.source(left.span.to(side.span));
        let word = if *negated { "NOT IN" } else { "IN" };
        Some(fault.help(format!("write ({condition}) {word} {}", table.text)))
    }

    fn boxed(&mut self, power: u8) -> Parsed<Box<Expr>> {
        self.operand(power).map(Box::new)
    }

    /// `[NOT] NULL`: whether NOT.
    fn is_not_null(&mut self) -> Parsed<bool> {
        let negated = self.eat("NOT");
        if !self.eat("NULL") {
            let fault = self.unexpected("NULL");
            return Err(match self.is_any(&["TRUE", "FALSE"]) {
                true => fault.help("compare with =, as in x = TRUE"),
                false => fault,
            });
        }
        self.height = 0;
        Ok(negated)
    }

    /// `low AND high`.
    fn range(&mut self) -> Parsed<(Box<Expr>, Box<Expr>)> {
        let low = self.boxed(power::SUM)?;
        let height = self.height;
        self.expect("AND")?;
        let high = self.boxed(power::SUM)?;
        self.height = height.max(self.height);
        Ok((low, high))
    }

    /// The right side of LIKE.
    fn pattern(&mut self) -> Parsed<Box<Expr>> {
        let pattern = self.boxed(power::SUM)?;
        if self.is("ESCAPE") {
            let fault = Fault::new(self.span(), "LIKE … ESCAPE is not supported");
            return Err(fault.help("remove it: \\ escapes % and _"));
        }
        Ok(pattern)
    }

    fn in_list(&mut self) -> Parsed<Vec<Expr>> {
        let span = self.span();
        if !self.eat_sign(&Kind::LParen) {
            return Err(self.unexpected("'(' or the name of a table"));
        }
        if self.is("SELECT") {
            return Err(unsupported::SUBQUERY.at(self.span()));
        }
        if self.is_sign(0, &Kind::RParen) {
            let fault = Fault::new(span.to(self.span()), "IN needs at least one value");
            return Err(fault.help("write x IN (a, b)"));
        }
        self.list()
    }

    /// Expressions with commas up to `)`; the height is that of the highest.
    pub(super) fn list(&mut self) -> Parsed<Vec<Expr>> {
        let mut list = Vec::new();
        let mut height = 0;
        loop {
            list.push(self.operand(0)?);
            height = height.max(self.height);
            if !self.more(&Kind::RParen)? {
                self.height = height;
                return Ok(list);
            }
        }
    }

    /// A node above nodes of this height.
    pub(super) fn node(&mut self, kind: ExprKind, span: Span, height: usize) -> Parsed<Expr> {
        self.nodes += 1;
        self.height = height + 1;
        let message = if self.nodes > EXPRESSION_NODES_MAX {
            format!("the expression has more than {EXPRESSION_NODES_MAX} parts")
        } else if self.height > EXPRESSION_HEIGHT_MAX {
            format!("the expression chains more than {EXPRESSION_HEIGHT_MAX} operators")
        } else {
            return Ok(Expr { kind, span });
        };
        let fault = Fault::new(self.last_span(), message);
        Err(fault.help("split it over several queries, or write x IN (…) for many values"))
    }

    /// A node without nodes below.
    pub(super) fn leaf(&mut self, kind: ExprKind, span: Span) -> Parsed<Expr> {
        self.node(kind, span, 0)
    }

    fn prefix(&mut self) -> Parsed<Expr> {
        let span = self.span();
        match self.kind() {
            Kind::Word(w) if w.quote_style.is_none() => self.word_operand(),
            Kind::Word(_) => self.column(),
            Kind::Number(..) => self.number(false, span),
            Kind::SingleQuotedString(s) => {
                let kind = ExprKind::Literal(Value::from(s.as_str()));
                self.advance();
                self.leaf(kind, span)
            }
            Kind::LParen => self.parenthesised(),
            Kind::Minus => self.minus(),
            Kind::Plus => self.plus(),
            Kind::Placeholder(sign) if sign == "?" => self.parameter(),
            Kind::Question => self.parameter(),
            _ => Err(self.unexpected("an expression")),
        }
    }

    fn minus(&mut self) -> Parsed<Expr> {
        let span = self.span();
        self.advance();
        if let Kind::Number(..) = self.kind() {
            return self.number(true, span);
        }
        let operand = self.operand(power::SIGN)?;
        let span = span.to(operand.span);
        let kind = ExprKind::Unary(Unary::Minus, Box::new(operand));
        self.node(kind, span, self.height)
    }

    /// A sign that changes nothing.
    fn plus(&mut self) -> Parsed<Expr> {
        let start = self.span();
        self.advance();
        let mut operand = self.operand(power::SIGN)?;
        operand.span = start.to(operand.span);
        Ok(operand)
    }

    /// A keyword and a duration behind it: `WITHIN 5 SECONDS`.
    pub(super) fn time_bound(&mut self, keyword: &str) -> Parsed<(i64, Span)> {
        let start = self.expect(keyword)?;
        let span = self.span();
        let duration = match self.kind() {
            Kind::Number(..) => self.number(false, span)?,
            _ => {
                let fault = self.unexpected("a duration");
                return Err(fault.help(format!("write {keyword} 5 SECONDS")));
            }
        };
        match duration.kind {
            ExprKind::Duration(us) => Ok((us, start.to(duration.span))),
            _ => {
                let fault = Fault::new(duration.span, "the duration has no unit");
                let number = self.source(span);
                Err(fault.help(format!("write {keyword} {number} SECONDS, or MILLISECONDS")))
            }
        }
    }

    /// A number, or a duration if a unit follows. The sign, if any, is passed already; `start` is its place.
    pub(super) fn number(&mut self, negative: bool, start: Span) -> Parsed<Expr> {
        let span = start.to(self.span());
        let (digits, long) = match self.kind() {
            Kind::Number(digits, long) => (digits.clone(), *long),
            _ => return Err(self.unexpected("a number")),
        };
        if long {
            let fault = Fault::new(span, "a number has no suffix L");
            return Err(fault.help(format!("write {digits}: integers are LONG")));
        }
        self.advance();
        let unit = self.word(0).filter(|w| !reserved(w)).map(str::to_owned);
        let Some(unit) = unit else {
            let kind = literal::number(&digits, negative, span)?;
            return self.leaf(kind, span);
        };
        let unit_span = self.span();
        if let Some(fault) = self.several_units(&digits, span) {
            return Err(fault);
        }
        match literal::unit_us(&unit) {
            Some(us) => {
                self.advance();
                let span = span.to(unit_span);
                let us = literal::duration(&digits, us, span)?;
                // a duration is at most i64::MAX, so its negative fits
                let us = if negative { -us } else { us };
                self.leaf(ExprKind::Duration(us), span)
            }
            None => match literal::wrong_unit(&unit, unit_span) {
                Some(fault) => Err(fault),
                None => {
                    let kind = literal::number(&digits, negative, span)?;
                    self.leaf(kind, span)
                }
            },
        }
    }

    /// The fault for a duration of several units, as in `1 HOUR 30 MINUTES`. Its first number is passed.
    fn several_units(&self, first: &str, start: Span) -> Option<Fault> {
        let (mut digits, mut total, mut at) = (first, 0_i64, 0);
        let (name, us) = loop {
            let (name, us) = literal::meant_unit(self.word(at)?)?;
            total = total.checked_add(literal::duration(digits, us, start).ok()?)?;
            match &self.token(at + 1).kind {
                Kind::Number(next, false) if self.word(at + 2).is_some() => digits = next,
                _ if at == 0 => return None,
                _ => break (name, us),
            }
            at += 2;
        };
        let span = start.to(self.token(at).span);
        let fault = Fault::new(span, "a duration has one unit");
        let exact = total % us == 0;
        Some(fault.help(match exact {
            true => format!("write {} {name}", total / us),
            false => format!("write {total} MICROSECONDS"),
        }))
    }

    /// `(x)`: the expression inside, with the parentheses in its place.
    fn parenthesised(&mut self) -> Parsed<Expr> {
        let open = self.span();
        self.advance();
        if self.is("SELECT") {
            return Err(unsupported::SUBQUERY.at(self.span()));
        }
        let mut expr = self.operand(0)?;
        if self.is_sign(0, &Kind::Comma) {
            let fault = self.unexpected("')'");
            return Err(fault.help("a list of values stands only behind IN"));
        }
        expr.span = open.to(self.expect_sign(&Kind::RParen)?);
        Ok(expr)
    }

    /// `attribute`, `stream.attribute` or `term[index].attribute`.
    pub(super) fn column(&mut self) -> Parsed<Expr> {
        let quoted = self.word(0).is_none();
        let mut name = self.any_name("an expression")?;
        if self.is_sign(0, &Kind::LBracket) {
            return self.nth(name);
        }
        let mut span = name.span;
        let mut qualifier = None;
        if self.eat_sign(&Kind::Period) {
            let attribute = self.any_name("the name of an attribute")?;
            span = span.to(attribute.span);
            qualifier = Some(std::mem::replace(&mut name, attribute));
            if self.is_sign(0, &Kind::Period) {
                let fault = Fault::new(self.span(), "a name has at most one dot");
                return Err(fault.help("write stream.attribute"));
            }
        }
        let quoted = quoted && qualifier.is_none();
        let kind = ExprKind::Column {
            qualifier,
            name,
            quoted,
        };
        self.leaf(kind, span)
    }

    /// An operator of other languages behind an operand.
    fn foreign_operator(&self, left: &Expr) -> Option<Fault> {
        let span = self.span();
        if let Kind::LBracket = self.kind() {
            return Some(unsupported::INDEXED.at(left.span.to(span)));
        }
        if let Some(fault) = self.named_over(left) {
            return Some(fault);
        }
        let remedy = match self.word(0) {
            Some(word) if OPERATOR_WORDS.iter().any(|w| w.eq_ignore_ascii_case(word)) => {
                foreign::word(word)?
            }
            Some(_) => return None,
            // a sign that no dialect has is told as unexpected
            None if matches!(self.kind(), Kind::Char(_)) => return None,
            None => foreign::sign(self.kind())?,
        };
        let message = format!("'{}' is not an operator here", self.source(span));
        Some(Fault::new(span, message).help(remedy))
    }

    /// `NOT x`.
    pub(super) fn not(&mut self) -> Parsed<Expr> {
        let span = self.span();
        self.advance();
        let operand = self.operand(power::NOT)?;
        let span = span.to(operand.span);
        self.node(
            ExprKind::Unary(Unary::Not, Box::new(operand)),
            span,
            self.height,
        )
    }
}
