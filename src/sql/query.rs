//! A query: `INSERT INTO … SELECT …`, in either order.

use super::ast::{Events, Expr, Info, Name, Query, SelectItem, Source, Span, Window};
use super::parser::{Parsed, Parser, reserved};
use super::token::Kind;
use super::unsupported;
use crate::error::Fault;

/// The clauses behind the source, in the order in which they stand; the last two in either order.
const CLAUSES: &[&str] = &["WHERE", "GROUP BY", "HAVING", "ORDER BY", "LIMIT", "OFFSET"];

const JOIN_WORDS: &[&str] = &[
    "JOIN",
    "ASOF",
    "SEMI",
    "ANTI",
    "INNER",
    "LEFT",
    "RIGHT",
    "FULL",
    "CROSS",
    "NATURAL",
    "UNIDIRECTIONAL",
];

impl Parser<'_> {
    /// From INSERT or SELECT up to the `;`.
    pub(super) fn query(&mut self, info: Info) -> Parsed<Query> {
        let start = self.span();
        let mut query = if self.is("INSERT") {
            let (events, target) = self.insert()?;
            if self.is("VALUES") {
                return Err(unsupported::VALUES.at(self.span()));
            }
            if self.is_sign(0, &Kind::LParen) {
                return Err(unsupported::COLUMN_LIST.at(self.span()));
            }
            if self.is("WITH") {
                return Err(unsupported::CTE.at(self.span()));
            }
            let query = self.select(events, target)?;
            self.no_more_clauses(&query, "';'")?;
            query
        } else {
            let nowhere = Name {
                text: String::new(),
                span: start,
            };
            let mut query = self.select(Events::Current, nowhere)?;
            if self.at_statement_end() {
                let fault = Fault::new(start, "the SELECT has no INSERT: its rows go nowhere");
                return Err(fault.help("write INSERT INTO Out before it"));
            }
            self.no_more_clauses(&query, "INSERT INTO")?;
            (query.events, query.target) = self.insert()?;
            if !self.at_statement_end() {
                return Err(self.unexpected("';'"));
            }
            query
        };
        query.name = info.name;
        query.late_stream = info.late_stream;
        query.span = start.to(self.last_span());
        Ok(query)
    }

    /// `INSERT [ALL|EXPIRED|CURRENT] [EVENTS] INTO target`.
    fn insert(&mut self) -> Parsed<(Events, Name)> {
        self.expect("INSERT")?;
        let events = if self.eat("ALL") {
            Events::All
        } else if self.eat("EXPIRED") {
            Events::Expired
        } else {
            self.eat("CURRENT");
            Events::Current
        };
        if !self.eat("EVENTS") && !self.is("INTO") {
            return Err(self.unexpected("INTO, or ALL, EXPIRED or CURRENT EVENTS"));
        }
        self.expect("INTO")?;
        Ok((events, self.stream_name("the stream to insert into")?))
    }

    fn select(&mut self, events: Events, target: Name) -> Parsed<Query> {
        self.expect("SELECT")?;
        let distinct = self.quantifier()?;
        let mut select = vec![self.select_item()?];
        while self.eat_sign(&Kind::Comma) {
            select.push(self.select_item()?);
        }
        if !self.eat("FROM") {
            return Err(self.alias_missing("',', AS or FROM"));
        }
        let mut query = Query {
            name: None,
            late_stream: None,
            span: Span::default(),
            target,
            events,
            distinct,
            select,
            source: self.source_clause()?,
            filter: None,
            group_by: Vec::new(),
            having: None,
            order_by: Vec::new(),
            limit: None,
            offset: None,
        };
        self.clauses(&mut query)?;
        Ok(query)
    }

    /// `[DISTINCT | ALL]`; ALL is what holds without.
    fn quantifier(&mut self) -> Parsed<Option<Span>> {
        let span = self.span();
        if self.eat("DISTINCT") {
            if self.is("ON") && self.is_sign(1, &Kind::LParen) {
                return Err(unsupported::DISTINCT_ON.at(span.to(self.span())));
            }
            return Ok(Some(span));
        }
        // else a column of this name
        let quantifies = match &self.token(1).kind {
            Kind::Word(word) => word.quote_style.is_some() || !reserved(&word.value),
            Kind::Number(..) | Kind::SingleQuotedString(_) => true,
            _ => false,
        };
        if quantifies && self.is("TOP") {
            return Err(unsupported::TOP.at(span));
        }
        if quantifies {
            self.eat("ALL");
        }
        Ok(None)
    }

    fn select_item(&mut self) -> Parsed<SelectItem> {
        if self.eat_sign(&Kind::Mul) {
            return Ok(SelectItem::Star(self.last_span()));
        }
        let dotted = matches!(self.kind(), Kind::Word(_)) && self.is_sign(1, &Kind::Period);
        if dotted && self.is_sign(2, &Kind::Mul) {
            let span = self.span().to(self.token(2).span);
            return Err(unsupported::QUALIFIED_STAR.at(span));
        }
        let expr = self.expression()?;
        let alias = match self.eat("AS") {
            true => Some(self.name("an alias")?),
            false => None,
        };
        Ok(SelectItem::Expr { expr, alias })
    }

    /// What stands next is unexpected, and may be an alias without AS.
    fn alias_missing(&self, expected: &str) -> Fault {
        let fault = self.unexpected(expected);
        match self.word(0) {
            Some(word) if fault.remedy.is_none() && !reserved(word) => {
                let shown = self.source(self.span());
                fault.help(format!("write AS {shown} if it is meant as an alias"))
            }
            _ => fault,
        }
    }

    /// `S[filter] [AS a] [WINDOW(…)] [AS a]`.
    fn source_clause(&mut self) -> Parsed<Source> {
        let span = self.span();
        let opens = self.is_sign(1, &Kind::LParen);
        if self.is_sign(0, &Kind::LParen) {
            return Err(match self.is_word(1, "SELECT") {
                true => unsupported::SUBQUERY.at(span),
                false => self
                    .unexpected("the name of a stream")
                    .help("write the stream without parentheses"),
            });
        }
        if self.is("PATTERN") && opens {
            return Err(unsupported::PATTERN.at(span));
        }
        if self.is("SEQUENCE") && opens {
            return Err(unsupported::SEQUENCE.at(span));
        }
        let mut source = Source {
            stream: self.stream_name("the name of a stream")?,
            alias: None,
            filters: Vec::new(),
            window: None,
        };
        loop {
            let span = self.span();
            if self.eat_sign(&Kind::LBracket) {
                if source.window.is_some() {
                    let fault = Fault::new(span, "a filter in brackets stands before the window");
                    return Err(fault.help("write WHERE to filter what leaves the window"));
                }
                source.filters.push(self.expression()?);
                self.expect_sign(&Kind::RBracket)?;
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
            } else if self.is_sign(0, &Kind::Sharp) {
                let fault = Fault::new(span, "a window is not written with '#'");
                return Err(fault.help("write WINDOW('length', 5)"));
            } else {
                return Ok(source);
            }
        }
    }

    /// `WINDOW('name', arguments)`.
    fn window(&mut self) -> Parsed<Window> {
        let start = self.expect("WINDOW")?;
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

    fn clauses(&mut self, query: &mut Query) -> Parsed<()> {
        let mut last = None;
        while let Some(rank) = CLAUSES.iter().position(|c| self.is(keyword(c))) {
            let span = self.span();
            let clause = CLAUSES[rank];
            if let Some(last) = last
                && clause_misplaced(rank, last, query)
            {
                if rank == last || rank >= 4 {
                    return Err(Fault::new(span, format!("a second {clause} clause")));
                }
                let before = CLAUSES[last];
                let fault = Fault::new(span, format!("{clause} stands before {before}"));
                return Err(fault.help(format!("move it in front of {before}")));
            }
            last = Some(rank);
            self.advance();
            match keyword(clause) {
                "WHERE" => query.filter = Some(self.expression()?),
                "GROUP" => {
                    self.expect("BY")?;
                    query.group_by = self.expressions()?;
                }
                "HAVING" => query.having = Some(self.expression()?),
                "ORDER" => {
                    self.expect("BY")?;
                    query.order_by = self.order_by()?;
                }
                "LIMIT" => query.limit = Some(self.count("a number of rows")?),
                _ => query.offset = Some(self.count("a number of rows")?),
            }
        }
        Ok(())
    }

    fn expressions(&mut self) -> Parsed<Vec<Expr>> {
        let mut list = vec![self.expression()?];
        while self.eat_sign(&Kind::Comma) {
            list.push(self.expression()?);
        }
        Ok(list)
    }

    fn order_by(&mut self) -> Parsed<Vec<(Expr, bool)>> {
        let mut list = Vec::new();
        loop {
            let expr = self.expression()?;
            let descending = self.eat("DESC");
            if !descending {
                self.eat("ASC");
            }
            if self.is("NULLS") {
                return Err(unsupported::NULLS.at(self.span()));
            }
            list.push((expr, descending));
            if !self.eat_sign(&Kind::Comma) {
                return Ok(list);
            }
        }
    }

    /// A whole number without sign.
    pub(super) fn count(&mut self, what: &str) -> Parsed<(u64, Span)> {
        let span = self.span();
        let count = match self.kind() {
            Kind::Number(digits, false) if digits.bytes().all(|b| b.is_ascii_digit()) => digits
                .parse::<u64>()
                .map_err(|_| Fault::new(span, "the number is too large"))?,
            _ => return Err(self.unexpected(&format!("{what}, a whole number"))),
        };
        self.advance();
        Ok((count, span))
    }

    /// Where the clauses end: names what is not supported there, or what could have followed.
    fn no_more_clauses(&self, query: &Query, end: &str) -> Parsed<()> {
        let span = self.span();
        if self.at_statement_end() || (end == "INSERT INTO" && self.is("INSERT")) {
            return Ok(());
        }
        if self.is_sign(0, &Kind::Comma) && query.limit.is_some() {
            return Err(unsupported::LIMIT_PAIR.at(span));
        }
        if self.is_sign(0, &Kind::Comma) || self.is_any(JOIN_WORDS) {
            return Err(unsupported::JOIN.at(span));
        }
        if self.is("OUTPUT") {
            return Err(unsupported::RATE_LIMIT.at(span));
        }
        if self.is_any(&["UNION", "INTERSECT", "EXCEPT"]) {
            return Err(unsupported::UNION.at(span));
        }
        if self.is("WINDOW") {
            let fault = Fault::new(span, "WINDOW stands behind the stream, before WHERE");
            return Err(fault.help("move it in front of the first clause"));
        }
        let next = next_clauses(query);
        if next.len() == CLAUSES.len() {
            let expected = format!("WINDOW, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT or {end}");
            return Err(self.alias_missing(&expected));
        }
        let mut expected = next.join(", ");
        if !expected.is_empty() {
            expected.push_str(" or ");
        }
        Err(self.unexpected(&format!("{expected}{end}")))
    }
}

/// The word a clause begins with.
fn keyword(clause: &str) -> &str {
    clause.split(' ').next().unwrap_or(clause)
}

/// Whether a clause stands behind one it must stand before, or a second time.
fn clause_misplaced(rank: usize, last: usize, query: &Query) -> bool {
    match CLAUSES[rank] {
        "LIMIT" => query.limit.is_some(),
        "OFFSET" => query.offset.is_some(),
        _ => rank <= last,
    }
}

/// The clauses that may still follow.
fn next_clauses(query: &Query) -> Vec<&'static str> {
    let written = [
        query.filter.is_some(),
        !query.group_by.is_empty(),
        query.having.is_some(),
        !query.order_by.is_empty(),
        query.limit.is_some(),
        query.offset.is_some(),
    ];
    let last = written.iter().rposition(|w| *w);
    let open = |(i, written): (usize, &bool)| !written && (i >= 4 || last.is_none_or(|l| i > l));
    let clauses = CLAUSES.iter().copied();
    let open = written.iter().enumerate().map(open);
    clauses
        .zip(open)
        .filter_map(|(c, o)| o.then_some(c))
        .collect()
}
