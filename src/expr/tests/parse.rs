//! Text → syntax tree for the tests of this folder: expressions only, no faults, panics on anything odd.

use crate::event::{Type, Value};
use crate::sql::ast::{Binary, DataType, Expr, ExprKind, Name, Span, Unary};

pub(super) fn parse(text: &str) -> Expr {
    let mut p = Parser {
        tokens: tokens(text),
        next: 0,
    };
    let e = p.binary(0);
    assert!(
        p.next == p.tokens.len(),
        "{text}: left over {:?}",
        &p.tokens[p.next..]
    );
    e
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Text(String),
    Number(String),
    Sign(String),
}

fn tokens(text: &str) -> Vec<(Token, Span)> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        let start = i;
        let c = bytes[i];
        let take = |from: usize, test: &dyn Fn(u8) -> bool| {
            from + bytes[from..].iter().take_while(|b| test(**b)).count()
        };
        let token = if c == b' ' {
            i += 1;
            continue;
        } else if c == b'\'' || c == b'"' {
            i = take(i + 1, &|b| b != c);
            let inner = text[start + 1..i].to_string();
            i += 1;
            if c == b'"' {
                Token::Quoted(inner)
            } else {
                Token::Text(inner)
            }
        } else if c.is_ascii_digit() {
            i = take(i, &|b| b.is_ascii_digit() || b == b'.' || b == b'e');
            Token::Number(text[start..i].to_string())
        } else if c.is_ascii_alphabetic() {
            i = take(i, &|b| b.is_ascii_alphanumeric() || b == b'_');
            Token::Word(text[start..i].to_string())
        } else {
            let two = text.get(i..i + 2).unwrap_or("");
            i += if ["!=", "<=", ">=", "<>"].contains(&two) {
                2
            } else {
                1
            };
            Token::Sign(text[start..i].to_string())
        };
        out.push((
            token,
            Span {
                start: start as u32,
                end: i as u32,
            },
        ));
    }
    out
}

struct Parser {
    tokens: Vec<(Token, Span)>,
    next: usize,
}

const LEVELS: [&[(&str, Binary)]; 5] = [
    &[("OR", Binary::Or)],
    &[("AND", Binary::And)],
    &[
        ("=", Binary::Eq),
        ("!=", Binary::NotEq),
        ("<>", Binary::NotEq),
        ("<", Binary::Lt),
        ("<=", Binary::LtEq),
        (">", Binary::Gt),
        (">=", Binary::GtEq),
    ],
    &[("+", Binary::Add), ("-", Binary::Sub)],
    &[("*", Binary::Mul), ("/", Binary::Div), ("%", Binary::Mod)],
];

impl Parser {
    fn is(&self, word: &str) -> bool {
        matches!(self.tokens.get(self.next), Some((Token::Word(w) | Token::Sign(w), _)) if w == word)
    }

    fn eat(&mut self, word: &str) -> bool {
        let hit = self.is(word);
        self.next += usize::from(hit);
        hit
    }

    fn want(&mut self, word: &str) {
        assert!(
            self.eat(word),
            "{word} expected at {:?}",
            self.tokens.get(self.next)
        );
    }

    fn end(&self, kind: ExprKind, start: Span) -> Expr {
        Expr {
            kind,
            span: start.to(self.tokens[self.next - 1].1),
        }
    }

    fn binary(&mut self, level: usize) -> Expr {
        if level == 2 && self.is("NOT") {
            let span = self.tokens[self.next].1;
            self.next += 1;
            let x = self.binary(2);
            return self.end(ExprKind::Unary(Unary::Not, Box::new(x)), span);
        }
        if level == LEVELS.len() {
            return self.unary();
        }
        let mut a = self.binary(level + 1);
        'more: loop {
            for (sign, op) in LEVELS[level] {
                if self.eat(sign) {
                    let b = self.binary(level + 1);
                    let span = a.span;
                    a = self.end(ExprKind::Binary(*op, Box::new(a), Box::new(b)), span);
                    continue 'more;
                }
            }
            if level != 2 {
                return a;
            }
            match self.postfix(a) {
                Ok(next) => a = next,
                Err(a) => return a,
            }
        }
    }

    fn postfix(&mut self, a: Expr) -> Result<Expr, Expr> {
        let span = a.span;
        let a = Box::new(a);
        if self.eat("IS") {
            let negated = self.eat("NOT");
            self.want("NULL");
            return Ok(self.end(ExprKind::IsNull(a, negated), span));
        }
        let negated = self.eat("NOT");
        let kind = if self.eat("IN") {
            self.member(a, negated)
        } else if self.eat("BETWEEN") {
            let low = self.binary(3);
            self.want("AND");
            ExprKind::Between(a, Box::new(low), Box::new(self.binary(3)), negated)
        } else if self.eat("LIKE") {
            ExprKind::Like(a, Box::new(self.binary(3)), negated)
        } else {
            return Err(*a);
        };
        Ok(self.end(kind, span))
    }

    /// Behind IN: a list of values, or the name of a table.
    fn member(&mut self, a: Box<Expr>, negated: bool) -> ExprKind {
        let Some((Token::Word(text) | Token::Quoted(text), span)) =
            self.tokens.get(self.next).cloned()
        else {
            return ExprKind::In(a, self.list(), negated);
        };
        self.next += 1;
        ExprKind::InTable(a, Name { text, span }, negated)
    }

    fn list(&mut self) -> Vec<Expr> {
        let mut list = Vec::new();
        self.want("(");
        while !self.eat(")") {
            list.push(self.binary(0));
            self.eat(",");
        }
        list
    }

    fn unary(&mut self) -> Expr {
        let (token, span) = self.tokens[self.next].clone();
        self.next += 1;
        let kind = match token {
            Token::Sign(s) if s == "-" => ExprKind::Unary(Unary::Minus, Box::new(self.unary())),
            Token::Sign(s) if s == "(" => {
                let e = self.binary(0);
                self.want(")");
                e.kind
            }
            Token::Sign(s) => panic!("{s} at {span:?}"),
            Token::Text(t) => ExprKind::Literal(t.into()),
            Token::Quoted(text) => ExprKind::Column {
                qualifier: None,
                name: Name { text, span },
                quoted: true,
            },
            Token::Number(n) => ExprKind::Literal(match n.parse::<i64>() {
                Ok(v) => Value::Long(v),
                Err(_) => Value::Double(n.parse().unwrap()),
            }),
            Token::Word(w) => self.word(w, span),
        };
        let x = self.end(kind, span);
        if !self.eat("AT") {
            return x;
        }
        self.want("TIME");
        self.want("ZONE");
        let zone = self.unary();
        self.end(ExprKind::AtZone(Box::new(x), Box::new(zone)), span)
    }

    fn word(&mut self, text: String, span: Span) -> ExprKind {
        match text.as_str() {
            "NULL" => return ExprKind::Literal(Value::Null),
            "TRUE" => return ExprKind::Literal(true.into()),
            "FALSE" => return ExprKind::Literal(false.into()),
            "CASE" => return self.case(),
            "CAST" => {
                self.want("(");
                let x = self.binary(0);
                self.want("AS");
                let (Token::Word(name), _) = self.tokens[self.next].clone() else {
                    panic!("type expected");
                };
                self.next += 1;
                self.want(")");
                let is_instant = name == "TIMESTAMP";
                let found = Type::ALL.into_iter().find(|t| t.name() == name);
                let ty = found.unwrap_or(Type::Long);
                return ExprKind::Cast(
                    Box::new(x),
                    DataType {
                        ty,
                        size: None,
                        is_instant,
                        span,
                    },
                );
            }
            _ => {}
        }
        let name = Name { text, span };
        if self.is("(") {
            return ExprKind::Call {
                name,
                args: self.list(),
                distinct: false,
            };
        }
        ExprKind::Column {
            qualifier: None,
            name,
            quoted: false,
        }
    }

    fn case(&mut self) -> ExprKind {
        let operand = (!self.is("WHEN")).then(|| Box::new(self.binary(0)));
        let mut branches = Vec::new();
        while self.eat("WHEN") {
            let when = self.binary(0);
            self.want("THEN");
            branches.push((when, self.binary(0)));
        }
        let otherwise = self.eat("ELSE").then(|| Box::new(self.binary(0)));
        self.want("END");
        ExprKind::Case {
            operand,
            branches,
            otherwise,
        }
    }
}

#[test]
fn both_readings_agree_on_membership() {
    for text in [
        "(i = 1) IN T",
        "i IN T",
        "i NOT IN T AND l IN (1, 2) OR s NOT IN ('a')",
        "NOT (b AND i < l + 1) IN T",
        "i + 1 IN T = b AND (s) IN \"T u\"",
        "CASE WHEN (i = 1) IN T THEN f(i IN T, l NOT IN U) END IS NULL",
        "((i IN T) IN (TRUE, FALSE)) IN U",
    ] {
        let read = crate::sql::parse_expression(text).expect(text);
        assert_eq!(format!("{:?}", parse(text)), format!("{read:?}"), "{text}");
    }
}
