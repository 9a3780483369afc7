//! A query: `INSERT INTO … SELECT …`, in either order.

use super::ast::{Action, Events, Expr, Info, Name, Query, SelectItem, Span};
use super::join::{JOIN_WORDS, Reading};
use super::parser::{Parsed, Parser, reserved, similar};
use super::pattern::PATTERN_CLAUSES;
use super::token::Kind;
use super::unsupported;
use crate::error::Fault;

/// The clauses behind the source, in the order in which they stand; the last two in either order.
pub(super) const CLAUSES: &[&str] = &["WHERE", "GROUP BY", "HAVING", "ORDER BY", "LIMIT", "OFFSET"];

impl Parser<'_> {
    /// From INSERT or SELECT up to the `;`.
    pub(super) fn query(&mut self, info: Info) -> Parsed<Query> {
        let start = self.span();
        let query = if self.is("INSERT") {
            let (events, target) = self.insert()?;
            if let Some(fault) = self.no_select() {
                return Err(fault);
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
            if self.at_statement_end() && self.files.is_some() {
                return Ok(self.named(query, info, start));
            }
            if self.at_statement_end() {
                let fault = Fault::new(start, "the SELECT has no INSERT: its rows go nowhere");
                return Err(fault.help("write INSERT INTO Out before it"));
            }
            if let Some(fault) = self.change_behind() {
                return Err(fault);
            }
            self.no_more_clauses(&query, "INSERT INTO")?;
            (query.events, query.target) = self.insert()?;
            match self.foreign_on() {
                Some(fault) => return Err(fault),
                None if self.is("OUTPUT") => {
                    let fault = Fault::new(self.span(), "OUTPUT stands before INSERT INTO");
                    return Err(fault.help("move it behind the clauses of SELECT"));
                }
                None if !self.at_statement_end() => return Err(self.unexpected("';'")),
                None => query,
            }
        };
        Ok(self.named(query, info, start))
    }

    /// What stands behind a target instead of the SELECT.
    pub(super) fn no_select(&self) -> Option<Fault> {
        let span = self.span();
        if self.is("VALUES") {
            return Some(unsupported::VALUES.at(span));
        }
        if self.is_sign(0, &Kind::LParen) {
            return Some(unsupported::COLUMN_LIST.at(span));
        }
        self.is("WITH").then(|| unsupported::CTE.at(span))
    }

    /// What changes a table and stands behind a SELECT, where only INSERT can stand. It is gone past, as it belongs to
    /// the wrong statement.
    fn change_behind(&mut self) -> Option<Fault> {
        let span = self.span();
        let (word, remedy) = match () {
            () if self.is("UPDATE") && self.is_word(1, "OR") => {
                return Some(unsupported::UPDATE_OR_INSERT.at(span));
            }
            () if self.is("UPDATE") => ("UPDATE", "write UPDATE T SET … FROM S WHERE …"),
            () if self.is("DELETE") => ("DELETE", "write DELETE FROM T USING S WHERE …"),
            () if self.is("UPSERT") => ("UPSERT", "write UPSERT INTO T SELECT … FROM S ON …"),
            () => return None,
        };
        self.advance();
        let message = format!("{word} does not stand behind a SELECT");
        Some(Fault::new(span, message).help(remedy))
    }

    /// `INSERT [ALL|EXPIRED|CURRENT] [EVENTS] INTO target`.
    fn insert(&mut self) -> Parsed<(Events, Name)> {
        self.expect("INSERT")?;
        if self.is("OR") {
            return Err(unsupported::INSERT_OR.at(self.span()));
        }
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

    /// From SELECT to the last of its clauses.
    pub(super) fn select(&mut self, events: Events, target: Name) -> Parsed<Query> {
        self.expect("SELECT")?;
        let distinct = self.quantifier()?;
        let mut select = vec![self.select_item()?];
        while self.eat_sign(&Kind::Comma) {
            select.push(self.select_item()?);
        }
        if !self.eat("FROM") {
            let fault = self.alias_missing("',', AS or FROM");
            return Err(
                match fault.remedy.is_none() && self.is_any(&["INSERT", "UPDATE"]) {
                    true => fault.help("write FROM S; a program fills a table by load_table"),
                    false => fault,
                },
            );
        }
        let mut query = bare(target, Action::Insert, self.sources()?);
        query.events = events;
        query.distinct = distinct;
        query.select = select;
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
    pub(super) fn alias_missing(&self, expected: &str) -> Fault {
        let fault = self.unexpected(expected);
        match self.word(0) {
            Some(word) if fault.remedy.is_none() && !reserved(word) => {
                let shown = self.source(self.span());
                fault.help(format!("write AS {shown} if it is meant as an alias"))
            }
            _ => fault,
        }
    }

    fn clauses(&mut self, query: &mut Query) -> Parsed<()> {
        let mut last = None;
        loop {
            if let (None, [source]) = (&query.pattern, query.sources.as_mut_slice())
                && self.at_reach()
            {
                self.reach(source)?;
            }
            let Some(rank) = CLAUSES.iter().position(|c| self.is(keyword(c))) else {
                query.rate = self.rate_limit()?;
                return Ok(());
            };
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
    pub(super) fn no_more_clauses(&self, query: &Query, end: &str) -> Parsed<()> {
        let span = self.span();
        if self.at_statement_end() || (end != "';'" && self.is(keyword(end))) {
            return Ok(());
        }
        if self.is_sign(0, &Kind::Comma) && query.limit.is_some() {
            return Err(unsupported::LIMIT_PAIR.at(span));
        }
        if query.pattern.is_some() && self.is_any(PATTERN_CLAUSES) {
            return Err(unsupported::LATE_CLAUSE.at(span));
        }
        if let Some(fault) = self.late_join().or_else(|| self.foreign_on()) {
            return Err(fault);
        }
        if self.is_any(&["UNION", "INTERSECT", "EXCEPT"]) {
            return Err(unsupported::UNION.at(span));
        }
        if self.is("WINDOW") && query.pattern.is_some() {
            return Err(unsupported::PATTERN_WINDOW.at(span));
        }
        if self.is("WINDOW") {
            let fault = Fault::new(span, "WINDOW stands behind the stream, before WHERE");
            return Err(fault.help("move it in front of the first clause"));
        }
        if query.rate.is_some() {
            return Err(self.unexpected(end));
        }
        let next = next_clauses(query);
        if next.len() == CLAUSES.len() {
            return Err(self.no_first_clause(query, end));
        }
        let mut expected = next.join(", ");
        if !expected.is_empty() {
            expected.push_str(" or ");
        }
        Err(self.unexpected(&format!("{expected}{end}")))
    }

    /// What stands behind the streams is neither a join nor a clause.
    fn no_first_clause(&self, query: &Query, end: &str) -> Fault {
        if query.pattern.is_some() {
            let clauses = "WHERE, GROUP BY, HAVING, ORDER BY, LIMIT or";
            return self.unexpected(&format!("WITHIN, {clauses} {end}"));
        }
        let clauses = format!("JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT or {end}");
        if let (true, Some(word)) = (self.is_any_at(1, &["JOIN", "OUTER"]), self.word(0)) {
            let fault = similar(self.unexpected(&clauses), word, JOIN_WORDS.iter().copied());
            if fault.remedy.is_some() {
                return fault;
            }
        }
        match query.joins.is_empty() {
            true => self.alias_missing(&format!("WINDOW, {clauses}")),
            // a condition stands before, which has no alias
            false => self.unexpected(&clauses),
        }
    }

    /// A join that stands behind a clause.
    pub(super) fn late_join(&self) -> Option<Fault> {
        let late = self.is_any(JOIN_WORDS);
        late.then(|| {
            let fault = Fault::new(
                self.span(),
                "a join stands behind its streams, before WHERE",
            );
            fault.help("move it in front of the first clause")
        })
    }

    /// An ON that belongs neither to a join nor to an UPSERT.
    fn foreign_on(&self) -> Option<Fault> {
        let span = self.span();
        if !self.is("ON") {
            return None;
        }
        if self.is_any_at(1, &["CONFLICT", "DUPLICATE"]) {
            return Some(unsupported::ON_CONFLICT.at(span.to(self.token(1).span)));
        }
        let fault = Fault::new(span, "ON stands behind JOIN, or at the end of an UPSERT");
        Some(fault.help("write WHERE to filter, or JOIN for pairs that meet a condition"))
    }
}

/// A query that reads this, without any clause.
pub(super) fn bare(target: Name, action: Action, from: Reading) -> Query {
    Query {
        name: None,
        late_stream: None,
        span: Span::default(),
        target,
        action,
        events: Events::Current,
        distinct: None,
        select: Vec::new(),
        sources: from.sources,
        joins: from.joins,
        pattern: from.pattern,
        filter: None,
        group_by: Vec::new(),
        having: None,
        order_by: Vec::new(),
        limit: None,
        offset: None,
        rate: None,
        aggregation: None,
    }
}

/// The word a clause begins with.
pub(super) fn keyword(clause: &str) -> &str {
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
