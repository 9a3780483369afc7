//! Reads the apps of acceptance cases: as much of the language as they speak.

use super::expr::Scope;
use super::token::{Token, tokens};
use crate::app::{
    Action, App, Attribute, Events, Item, Join, JoinKind, Nature, Query, Role, Source, Stream,
    Window,
};
use crate::expr::{Expr, Kind, Op};
use eventflux::event::{Type, Value};

pub struct Reader {
    tokens: Vec<Token>,
    at: usize,
    pub app: App,
}

const UNITS: [(&str, i64); 5] = [
    ("MICROSECOND", 1),
    ("MILLISECOND", 1_000),
    ("SECOND", 1_000_000),
    ("MINUTE", 60_000_000),
    ("HOUR", 3_600_000_000),
];

pub fn read(text: &str) -> App {
    let mut reader = Reader {
        tokens: tokens(text),
        at: 0,
        app: App {
            lateness_us: 0,
            ahead_us: None,
            inputs: 1,
            streams: Vec::new(),
            queries: Vec::new(),
            partition: None,
        },
    };
    reader.head();
    while reader.at < reader.tokens.len() {
        match reader.word().to_ascii_uppercase().as_str() {
            "CREATE" => reader.declaration(),
            verb => reader.query(verb),
        }
        reader.eat(";");
    }
    reader.app
}

fn is(token: &Token, word: &str) -> bool {
    match token {
        Token::Word(w) => w.eq_ignore_ascii_case(word),
        Token::Sign(sign) => *sign == word,
        Token::Text(_) => false,
    }
}

impl Reader {
    pub fn next(&mut self) -> Token {
        self.at += 1;
        self.tokens[self.at - 1].clone()
    }

    pub fn sees(&self, word: &str) -> bool {
        self.tokens.get(self.at).is_some_and(|t| is(t, word))
    }

    pub fn ahead(&self, places: usize) -> &Token {
        &self.tokens[self.at + places]
    }

    pub fn eat(&mut self, word: &str) -> bool {
        let seen = self.sees(word);
        self.at += usize::from(seen);
        seen
    }

    pub fn expect(&mut self, word: &str) {
        let found = self.tokens.get(self.at).cloned();
        assert!(self.eat(word), "{word} is expected, not {found:?}");
    }

    pub fn word(&mut self) -> String {
        match self.next() {
            Token::Word(word) => word,
            other => panic!("{other:?} is no word"),
        }
    }

    pub fn whole(&mut self) -> usize {
        self.word().parse().expect("a number")
    }

    /// A unit of time in microseconds, if one stands here.
    pub fn unit(&mut self) -> Option<i64> {
        let found = UNITS
            .iter()
            .find(|(name, _)| self.sees(name) || self.sees(&format!("{name}S")));
        self.at += usize::from(found.is_some());
        found.map(|(_, us)| *us)
    }

    pub fn span(&mut self) -> i64 {
        self.whole() as i64 * self.unit().expect("a unit of time")
    }

    pub fn number(&self, name: &str) -> usize {
        let same = |s: &Stream| s.name.eq_ignore_ascii_case(name);
        let found = self.app.streams.iter().position(same);
        found.unwrap_or_else(|| panic!("{name} is not declared"))
    }

    pub fn stream(&mut self) -> usize {
        let name = self.word();
        self.number(&name)
    }

    fn head(&mut self) {
        while self.eat("@") {
            self.expect("app");
            self.expect(":");
            if self.eat("playback") {
                break;
            }
            for sign in ["name", "("] {
                self.expect(sign);
            }
            self.next();
            self.expect(")");
        }
        if self.eat("(") {
            self.expect("lateness");
            self.expect("=");
            let Token::Text(text) = self.next() else {
                panic!("lateness is a text");
            };
            let mut span = Reader {
                tokens: tokens(&text),
                at: 0,
                app: self.app.clone(),
            };
            self.app.lateness_us = span.span();
            self.expect(")");
        }
    }

    fn declaration(&mut self) {
        let what = self.word().to_ascii_uppercase();
        let name = self.word();
        let (mut attributes, mut key) = (Vec::new(), Vec::new());
        self.expect("(");
        while !self.eat(")") {
            if self.eat("PRIMARY") {
                self.expect("KEY");
                self.expect("(");
                while !self.eat(")") {
                    let name = self.word();
                    let same = |a: &Attribute| a.name == name;
                    key.push(attributes.iter().position(same).expect("an attribute"));
                    self.eat(",");
                }
            } else {
                attributes.push(attribute(self.word(), self.ty()));
                if self.eat("PRIMARY") {
                    self.expect("KEY");
                    key.push(attributes.len() - 1);
                }
            }
            self.eat(",");
        }
        let role = match what.as_str() {
            "STREAM" => Role::Stream,
            "TABLE" => Role::Table(key),
            _ => Role::Window(self.window(&attributes).expect("a window"), self.given()),
        };
        if self.eat("WITH") {
            while !self.eat(")") {
                self.next();
            }
        }
        self.app.streams.push(Stream {
            name,
            attributes,
            declared: true,
            role,
        });
    }

    /// `OUTPUT … EVENTS` of a named window.
    fn given(&mut self) -> Events {
        match self.eat("OUTPUT") {
            true => self.events(),
            false => Events::All,
        }
    }

    fn events(&mut self) -> Events {
        let words = [
            ("ALL", Events::All),
            ("EXPIRED", Events::Expired),
            ("CURRENT", Events::Current),
        ];
        let found = words.iter().find(|(word, _)| self.eat(word));
        self.eat("EVENTS");
        found.map_or(Events::Current, |(_, events)| *events)
    }

    fn ty(&mut self) -> Type {
        match self.word().to_ascii_uppercase().as_str() {
            "STRING" => Type::String,
            "INT" => Type::Int,
            "LONG" => Type::Long,
            "FLOAT" => Type::Float,
            "DOUBLE" => Type::Double,
            "BOOL" => Type::Bool,
            other => panic!("{other} is no type"),
        }
    }

    fn window(&mut self, attributes: &[Attribute]) -> Option<Window> {
        if !self.eat("WINDOW") {
            return None;
        }
        self.expect("(");
        let Token::Text(name) = self.next() else {
            panic!("a window has a name");
        };
        self.expect(",");
        let key = |reader: &mut Self| {
            let name = reader.word();
            let place = attributes.iter().position(|a| a.name == name);
            place.unwrap_or_else(|| panic!("{name} is no attribute"))
        };
        let window = match name.as_str() {
            "length" => Window::Length(self.whole()),
            "lengthBatch" => Window::LengthBatch(self.whole()),
            "time" => Window::Time(self.span()),
            "timeBatch" => Window::TimeBatch(self.span(), None),
            "tumbling" => Window::Tumbling(self.span(), None),
            "session" => Window::Session(self.span(), None),
            "delay" => Window::Delay(self.span()),
            "unique" => Window::Unique(vec![key(self)]),
            other => panic!("no case has a window {other}"),
        };
        self.expect(")");
        Some(window)
    }

    fn source(&mut self) -> Source {
        let stream = self.stream();
        let mut source = Source::of(stream);
        let of = self.app.streams[stream].clone();
        if self.eat("[") {
            source.filter = Some(self.expr(&mut columns(&[&of.name], &[&of])));
            self.expect("]");
        }
        for _ in 0..2 {
            if self.eat("AS") {
                source.alias = Some(self.word());
            }
            source.window = source.window.take().or_else(|| self.window(&of.attributes));
        }
        source.unidirectional = self.eat("UNIDIRECTIONAL");
        source
    }

    /// The kind of the join whose words stand here.
    fn join_kind(&mut self) -> Option<JoinKind> {
        let asof = self.eat("ASOF");
        let kinds = [
            ("LEFT", JoinKind::Left),
            ("RIGHT", JoinKind::Right),
            ("FULL", JoinKind::Full),
            ("INNER", JoinKind::Inner),
        ];
        let kind = kinds.iter().find(|(word, _)| self.eat(word));
        self.eat("OUTER");
        if !self.eat("JOIN") {
            return None;
        }
        Some(match (asof, kind.map(|(_, kind)| *kind)) {
            (false, kind) => kind.unwrap_or(JoinKind::Inner),
            (true, None) => JoinKind::Asof,
            (true, Some(_)) => JoinKind::AsofLeft,
        })
    }

    /// `source [JOIN source ON …] …`.
    fn sources(&mut self, query: &mut Query) {
        query.from = self.source();
        while let Some(kind) = self.join_kind() {
            query.joins.push(Join {
                kind,
                source: self.source(),
                on: Expr::boolean(Kind::Literal(Value::Bool(true))),
                bounds: None,
                within: None,
            });
            self.expect("ON");
            let on = self.expr(&mut self.scope(query));
            let within = self.eat("WITHIN").then(|| self.span());
            let join = query.joins.last_mut().expect("it was just read");
            (join.on, join.bounds) = bounds(on);
            join.within = within;
        }
        query.qualified = true;
    }

    fn scope(&self, query: &Query) -> Scope {
        let streams: Vec<&Stream> = query
            .sources()
            .map(|s| &self.app.streams[s.stream])
            .collect();
        let name =
            |(s, stream): (&'_ Source, &&Stream)| s.alias.clone().unwrap_or(stream.name.clone());
        let names: Vec<String> = query.sources().zip(&streams).map(name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        columns(&names, &streams)
    }

    /// A query, behind its first word.
    fn query(&mut self, verb: &str) {
        let mut query = Query::of(Source::of(0), 0);
        if verb == "INSERT" {
            query.events = self.events();
        }
        if verb == "DELETE" {
            self.expect("FROM");
        }
        if verb != "UPDATE" {
            self.eat("INTO");
        }
        let target = self.word();
        let start = self.at;
        while !self.eat("FROM") && !self.eat("USING") {
            self.next();
        }
        let scope = self.pattern(&mut query);
        let mut scope = scope.unwrap_or_else(|| {
            self.sources(&mut query);
            self.scope(&query)
        });
        let end = self.at;
        self.at = start;
        let mut set = Vec::new();
        if self.eat("SET") {
            query.target = self.number(&target);
            set = self.set(query.target, &mut scope);
        } else if self.eat("SELECT") {
            query.distinct = self.eat("DISTINCT");
            self.items(&mut query, &mut scope);
        }
        self.at = end;
        let on = match verb {
            "UPSERT" => self.eat("ON").then(|| self.expr(&mut scope)),
            "UPDATE" | "DELETE" => self.eat("WHERE").then(|| self.expr(&mut scope)),
            _ => None,
        };
        self.clauses(&mut query, scope);
        query.target = self.target(&target, &query);
        query.action = match (verb, on) {
            ("UPDATE", Some(on)) => Action::Update { set, on },
            ("DELETE", Some(on)) => Action::Delete { on },
            ("UPSERT", Some(on)) => Action::Upsert { on },
            _ => Action::Insert,
        };
        self.app.queries.push(query);
    }

    fn set(&mut self, table: usize, scope: &mut Scope) -> Vec<(usize, Expr)> {
        let mut set = Vec::new();
        while !self.sees("FROM") {
            let name = self.word();
            let attributes = &self.app.streams[table].attributes;
            let place = attributes.iter().position(|a| a.name == name);
            self.expect("=");
            set.push((place.expect("an attribute"), self.expr(scope)));
            self.eat(",");
        }
        set
    }

    fn items(&mut self, query: &mut Query, scope: &mut Scope) {
        query.star = self.eat("*");
        let star = match query.star {
            true => scope.columns.len(),
            false => 0,
        };
        for place in 0..star {
            let (_, name, ty) = &scope.columns[place];
            query
                .items
                .push(item(Expr::new(*ty, Kind::Column(place)), name));
        }
        while !self.sees("FROM") {
            let expr = self.expr(scope);
            let last = match &self.tokens[self.at - 1] {
                Token::Word(word) => word.clone(),
                _ => format!("e{}", query.items.len()),
            };
            let alias = if self.eat("AS") { self.word() } else { last };
            query.items.push(item(expr, &alias));
            self.eat(",");
        }
    }

    fn clauses(&mut self, query: &mut Query, mut scope: Scope) {
        if self.eat("WHERE") {
            query.condition = Some(self.expr(&mut scope));
        }
        if self.eat("GROUP") {
            self.expect("BY");
            query.group_by.push(self.expr(&mut scope));
            while self.eat(",") {
                query.group_by.push(self.expr(&mut scope));
            }
        }
        if self.eat("HAVING") {
            let outputs = query.items.iter().map(|i| (i.alias.clone(), i.expr.ty));
            scope.outputs = outputs.collect();
            query.having = Some(self.expr(&mut scope));
        }
        query.aggregates = scope.calls;
    }

    /// The number of a target; one that is not declared is defined by its query.
    fn target(&mut self, name: &str, query: &Query) -> usize {
        let same = |s: &Stream| s.name.eq_ignore_ascii_case(name);
        let found = self.app.streams.iter().position(same);
        found.unwrap_or_else(|| {
            let items = query.items.iter();
            self.app.streams.push(Stream {
                name: name.to_string(),
                attributes: items
                    .map(|i| attribute(i.alias.clone(), i.expr.ty))
                    .collect(),
                declared: false,
                role: Role::Stream,
            });
            self.app.streams.len() - 1
        })
    }
}

fn attribute(name: String, ty: Type) -> Attribute {
    Attribute {
        name,
        ty,
        nature: Nature::Tame,
    }
}

fn item(expr: Expr, alias: &str) -> Item {
    Item {
        expr,
        alias: alias.to_string(),
        nature: Nature::Tame,
    }
}

fn columns(names: &[&str], streams: &[&Stream]) -> Scope {
    let mut scope = Scope {
        sources: names.iter().map(|n| n.to_string()).collect(),
        ..Scope::default()
    };
    for (name, stream) in names.iter().zip(streams) {
        let of = stream.attributes.iter();
        let of = of.map(|a| (name.to_string(), a.name.clone(), a.ty));
        scope.columns.extend(of);
    }
    scope
}

/// A condition without its bounds in time: `… AND eventTimestamp(b) BETWEEN … AND …`.
fn bounds(on: Expr) -> (Expr, Option<(i64, i64)>) {
    let shift = |e: &Expr| match &e.kind {
        Kind::TimeOf(0) => Some(0),
        Kind::Binary(op, time, by) if matches!(time.kind, Kind::TimeOf(0)) => match by.kind {
            Kind::Literal(Value::Long(ms)) if *op == Op::Sub => Some(-ms * 1000),
            Kind::Literal(Value::Long(ms)) => Some(ms * 1000),
            _ => None,
        },
        _ => None,
    };
    if let Kind::Binary(Op::And, rest, last) = &on.kind
        && let Kind::Between(time, from, to, false) = &last.kind
        && matches!(time.kind, Kind::TimeOf(1))
        && let Some(bounds) = shift(from).zip(shift(to))
    {
        return (Expr::clone(rest), Some(bounds));
    }
    (on, None)
}
