//! Operands that begin with a word: literals, CASE, CAST, calls with and without a grammar of their own, columns.

use super::ast::{Expr, ExprKind, Name, Span};
use super::expr::MEMBERSHIP;
use super::parser::{Parsed, Parser, reserved};
use super::token::Kind;
use super::unsupported;
use crate::error::Fault;
use crate::event::Value;

/// Reserved words that name functions where `(` follows.
const RESERVED_CALLS: &[&str] = &["AND", "OR", "LIKE"];

impl Parser<'_> {
    /// An operand that begins with an unquoted word.
    pub(super) fn word_operand(&mut self) -> Parsed<Expr> {
        let span = self.span();
        let word = self.word(0).unwrap_or("").to_ascii_uppercase();
        let opens = self.is_sign(1, &Kind::LParen);
        let literal = match word.as_str() {
            "NULL" => Some(Value::Null),
            "TRUE" => Some(Value::Bool(true)),
            "FALSE" => Some(Value::Bool(false)),
            _ => None,
        };
        if let Some(value) = literal {
            self.advance();
            return self.leaf(ExprKind::Literal(value), span);
        }
        match word.as_str() {
            "NOT" => return self.not(),
            "CASE" => return self.case(),
            "CURRENT_TIMESTAMP" if !opens => return self.current_timestamp(),
            "CAST" if opens => return self.cast(),
            "EXISTS" if opens && self.is_word(2, "SELECT") => {
                return Err(unsupported::SUBQUERY.at(span));
            }
            "SELECT" => return Err(unsupported::SUBQUERY.at(span)),
            _ => {}
        }
        if opens && ["TRY_CAST", "SAFE_CAST"].contains(&word.as_str()) {
            return Err(unsupported::OTHER_CAST.at(span));
        }
        if opens && (!reserved(&word) || RESERVED_CALLS.contains(&word.as_str())) {
            return self.call(&word);
        }
        if reserved(&word) {
            let fault = self.unexpected("an expression");
            return Err(match self.last_is(&Kind::Comma) && word == "FROM" {
                true => fault.help("remove the comma before it"),
                false => fault.help(format!(
                    "write \"{}\" in double quotes if it is meant as a name",
                    self.source(span)
                )),
            });
        }
        match &self.token(1).kind {
            Kind::SingleQuotedString(_) | Kind::Number(..) if word == "INTERVAL" => {
                Err(self.interval())
            }
            Kind::SingleQuotedString(_) => Err(self.typed_literal(&word)),
            _ => self.column(),
        }
    }

    /// `INTERVAL '5' SECOND`, with what to write for it.
    fn interval(&self) -> Fault {
        let amount = match &self.token(1).kind {
            Kind::SingleQuotedString(s) => s.clone(),
            Kind::Number(digits, _) => digits.clone(),
            _ => String::new(),
        };
        let span = self.span().to(self.token(1).span);
        let fault = Fault::new(span, "INTERVAL literals are not supported");
        let number = !amount.is_empty() && amount.bytes().all(|b| b.is_ascii_digit());
        match self.word(2) {
            Some(unit) if number && super::literal::unit_us(unit).is_some() => fault.help(format!(
                "write {amount} {}S",
                unit.to_ascii_uppercase().trim_end_matches('S')
            )),
            _ => fault.help("write a number and a unit, as in 5 SECONDS"),
        }
    }

    /// `TIMESTAMP '2020-01-01'` and its like.
    fn typed_literal(&self, word: &str) -> Fault {
        if ["DATE", "TIME", "TIMESTAMP"].contains(&word) {
            let span = self.span().to(self.token(1).span);
            let fault = Fault::new(span, format!("{word} literals are not supported"));
            return fault.help("write parseDate(text, pattern) or milliseconds");
        }
        let span = self.token(1).span;
        let message = format!("a string cannot follow '{}'", self.source(self.span()));
        Fault::new(span, message).help("put an operator or a comma between them")
    }

    fn current_timestamp(&mut self) -> Parsed<Expr> {
        let span = self.span();
        self.advance();
        let name = Name {
            text: "currentTimeMillis".into(),
            span,
        };
        let kind = ExprKind::Call {
            name,
            args: Vec::new(),
            distinct: false,
        };
        self.leaf(kind, span)
    }

    fn case(&mut self) -> Parsed<Expr> {
        let start = self.expect("CASE")?;
        let mut height = 0;
        let mut part = |parser: &mut Self| {
            let expr = parser.operand(0)?;
            height = height.max(parser.height);
            Parsed::Ok(expr)
        };
        let operand = match self.is("WHEN") {
            true => None,
            false => Some(Box::new(part(self)?)),
        };
        let mut branches = Vec::new();
        while self.eat("WHEN") {
            let when = part(self)?;
            self.expect("THEN")?;
            branches.push((when, part(self)?));
        }
        if branches.is_empty() {
            return Err(self.unexpected("WHEN"));
        }
        let otherwise = match self.eat("ELSE") {
            true => Some(Box::new(part(self)?)),
            false => None,
        };
        if !self.eat("END") {
            return Err(self.unexpected(match otherwise {
                Some(_) => "END",
                None => "WHEN, ELSE or END",
            }));
        }
        let span = start.to(self.last_span());
        let kind = ExprKind::Case {
            operand,
            branches,
            otherwise,
        };
        self.node(kind, span, height)
    }

    /// `CAST(x AS type)`, or `cast(x, 'type')`, which is a call like another.
    fn cast(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let name = self.any_name("the name of a function")?;
        self.advance();
        let expr = self.operand(0)?;
        let height = self.height;
        if self.eat_sign(&Kind::Comma) {
            let mut args = self.list()?;
            args.insert(0, expr);
            self.height = height.max(self.height);
            return self.finish_call("CAST", name, args, false);
        }
        self.expect("AS")?;
        let ty = self.data_type()?;
        let span = start.to(self.expect_sign(&Kind::RParen)?);
        self.node(ExprKind::Cast(Box::new(expr), ty), span, height)
    }

    /// `name(arguments)`; some standard functions have words between theirs.
    fn call(&mut self, word: &str) -> Parsed<Expr> {
        if let Some(fault) = self.window_as_call() {
            return Err(fault);
        }
        let name = self.any_name("the name of a function")?;
        self.expect_sign(&Kind::LParen)?;
        self.height = 0;
        let distinct = self.eat("DISTINCT");
        let args = if self.eat_sign(&Kind::RParen) {
            if distinct {
                let fault = Fault::new(self.last_span(), "DISTINCT needs an argument");
                return Err(fault.help("write count(DISTINCT x)"));
            }
            Vec::new()
        } else if self.is_sign(0, &Kind::Mul) {
            self.star_argument(&name, distinct)?;
            Vec::new()
        } else if self.is("SELECT") {
            return Err(unsupported::SUBQUERY.at(self.span()));
        } else {
            match word {
                "EXTRACT" if self.is_word(1, "FROM") => self.extract_arguments()?,
                "SUBSTRING" | "SUBSTR" => self.substring_arguments()?,
                "POSITION" => self.position_arguments()?,
                "TRIM" => self.trim_arguments()?,
                _ => self.list()?,
            }
        };
        if self.is("FILTER") && self.is_sign(1, &Kind::LParen) {
            let fault = Fault::new(self.span(), "FILTER (…) behind a call is not supported");
            return Err(fault.help("write sum(CASE WHEN condition THEN x END)"));
        }
        let call = self.finish_call(word, name, args, distinct)?;
        self.over(call)
    }

    /// The node of a call whose `)` is read; `height` is that of its highest argument.
    fn finish_call(
        &mut self,
        word: &str,
        name: Name,
        args: Vec<Expr>,
        distinct: bool,
    ) -> Parsed<Expr> {
        let (span, height) = (name.span.to(self.last_span()), self.height);
        let kind = match named_type(word, &args) {
            Some((text, at)) if !distinct => {
                // a place inside the text would not count what quotes and escapes take
                let to = super::parse_type(&text).map_err(|fault| Fault { span: at, ..fault })?;
                ExprKind::Cast(Box::new(args.into_iter().next().expect("two")), to)
            }
            _ => ExprKind::Call {
                name,
                args,
                distinct,
            },
        };
        self.node(kind, span, height)
    }

    /// The `*)` of `count(*)`.
    fn star_argument(&mut self, name: &Name, distinct: bool) -> Parsed<()> {
        if distinct || !name.text.eq_ignore_ascii_case("count") {
            let fault = Fault::new(self.span(), "'*' is an argument of count(*) alone");
            return Err(fault.help("write the attribute"));
        }
        self.advance();
        self.expect_sign(&Kind::RParen)?;
        self.height = 0;
        Ok(())
    }

    /// `unit FROM x)`.
    fn extract_arguments(&mut self) -> Parsed<Vec<Expr>> {
        let span = self.span();
        let unit = self.any_name("a unit of time")?.text.to_ascii_lowercase();
        let unit = self.leaf(ExprKind::Literal(Value::from(unit)), span)?;
        self.expect("FROM")?;
        let from = self.operand(0)?;
        self.expect_sign(&Kind::RParen)?;
        Ok(vec![unit, from])
    }

    /// `s FROM a [FOR b])` or `s, a, b)`.
    fn substring_arguments(&mut self) -> Parsed<Vec<Expr>> {
        let mut args = vec![self.operand(0)?];
        let mut height = self.height;
        if !self.is("FROM") {
            if self.more(&Kind::RParen)? {
                args.extend(self.list()?);
            }
            self.height = height.max(self.height);
            return Ok(args);
        }
        for keyword in ["FROM", "FOR"] {
            if self.eat(keyword) {
                args.push(self.operand(0)?);
                height = height.max(self.height);
            }
        }
        self.height = height;
        self.expect_sign(&Kind::RParen)?;
        Ok(args)
    }

    /// `a IN s)` or `a, s)`.
    fn position_arguments(&mut self) -> Parsed<Vec<Expr>> {
        let first = self.operand(MEMBERSHIP + 1)?;
        let height = self.height;
        let in_form = self.eat("IN");
        let mut args = vec![first];
        if in_form || self.more(&Kind::RParen)? {
            args.extend(self.list()?);
        }
        self.height = height.max(self.height);
        Ok(args)
    }

    /// `s)`; the standard's other forms name what to write.
    fn trim_arguments(&mut self) -> Parsed<Vec<Expr>> {
        let start = self.span();
        let sided = self.is_any(&["LEADING", "TRAILING", "BOTH"])
            && !matches!(
                self.token(1).kind,
                Kind::RParen | Kind::Comma | Kind::Period
            );
        if sided {
            return Err(trim_form(start));
        }
        let first = self.operand(0)?;
        if self.is("FROM") {
            return Err(trim_form(self.span()));
        }
        let height = self.height;
        let mut args = vec![first];
        if self.more(&Kind::RParen)? {
            args.extend(self.list()?);
        }
        self.height = height.max(self.height);
        Ok(args)
    }
}

fn trim_form(span: Span) -> Fault {
    Fault::new(span, "this form of TRIM is not supported")
        .help("write trim(s), ltrim(s) or rtrim(s)")
}

/// The type that `cast(x, 'type')` names: a string, or a word in double quotes.
fn named_type(word: &str, args: &[Expr]) -> Option<(String, Span)> {
    let ("CAST" | "CONVERT", [_, to]) = (word, args) else {
        return None;
    };
    match &to.kind {
        ExprKind::Literal(Value::String(text)) => Some((text.as_str().to_string(), to.span)),
        ExprKind::Column {
            qualifier: None,
            name,
            quoted: true,
        } => Some((name.text.clone(), to.span)),
        _ => None,
    }
}
