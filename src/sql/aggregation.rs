//! `CREATE AGGREGATION`, and which rows of one are read: `WITHIN … PER …`.

use super::ast::{AggregationDef, Events, ExprKind, Name, Query, Reach, Source, Span, Statement};
use super::parser::{Parsed, Parser};
use super::token::Kind;
use crate::error::Fault;
use crate::event::{Granularity, Value};

/// What a range of granularities takes in: weeks lie in no month.
const CHAIN: [Granularity; 6] = [
    Granularity::Second,
    Granularity::Minute,
    Granularity::Hour,
    Granularity::Day,
    Granularity::Month,
    Granularity::Year,
];

const EVERY_FORMS: &str =
    "write EVERY SECONDS ... YEARS for all between both, or a list such as EVERY MINUTES, DAYS";

impl Parser<'_> {
    /// From AGGREGATION up to the `;`; `start`: where CREATE stands.
    pub(super) fn create_aggregation(&mut self, start: Span) -> Parsed<Statement> {
        let name = self.declared("the name of the aggregation")?;
        let options = self.aggregation_options()?;
        if !self.eat("AS") {
            let fault = self.unexpected("WITH or AS");
            return Err(match self.is("SELECT") || self.is("FROM") {
                true => fault.help("write CREATE AGGREGATION A AS SELECT … FROM S"),
                false => fault,
            });
        }
        if !self.is("SELECT") {
            return Err(self.unexpected("SELECT"));
        }
        let mut query = self.select(Events::Current, name)?;
        if !self.eat("AGGREGATE") {
            let fault = self.unexpected("AGGREGATE");
            return Err(match fault.remedy {
                Some(_) => fault,
                None => fault.help("write AGGREGATE EVERY SECONDS ... YEARS behind the SELECT"),
            });
        }
        no_foreign_clauses(&query)?;
        let by = match self.eat("BY") {
            true => Some(self.expression()?),
            false => None,
        };
        self.expect("EVERY")?;
        let every = self.granularities()?;
        query.span = start.to(self.last_span());
        query.aggregation = Some(Box::new(AggregationDef { options, by, every }));
        Ok(Statement::Aggregation(query))
    }

    fn aggregation_options(&mut self) -> Parsed<Vec<(Name, Name)>> {
        let mut options = Vec::new();
        if self.eat("WITH") {
            self.expect_sign(&Kind::LParen)?;
            loop {
                options.push(self.option("the name of an option")?);
                if !self.more(&Kind::RParen)? {
                    break;
                }
            }
        }
        Ok(options)
    }

    /// `SECONDS ... YEARS`, or a list.
    fn granularities(&mut self) -> Parsed<Vec<Granularity>> {
        let (first, start) = self.granularity()?;
        if self.eat_dots() {
            let (last, end) = self.granularity()?;
            return range(first, last, start.to(end));
        }
        let mut every = vec![first];
        while self.eat_sign(&Kind::Comma) {
            let (next, span) = self.granularity()?;
            if every.contains(&next) {
                let fault = Fault::new(span, format!("{next} is given twice"));
                return Err(fault.help("remove one of them"));
            }
            every.push(next);
        }
        if !self.at_statement_end() {
            return Err(self.unexpected("',', '...' or ';'"));
        }
        every.sort_unstable();
        Ok(every)
    }

    /// `...` or `…`.
    fn eat_dots(&mut self) -> bool {
        if self.eat_sign(&Kind::Char('…')) {
            return true;
        }
        let dots = (0..3).all(|ahead| self.is_sign(ahead, &Kind::Period));
        if dots {
            (0..3).for_each(|_| self.advance());
        }
        dots
    }

    /// The word of a granularity.
    fn granularity(&mut self) -> Parsed<(Granularity, Span)> {
        let span = self.span();
        let found = self.word(0).and_then(Granularity::named);
        let Some(found) = found else {
            let expected = "SECONDS, MINUTES, HOURS, DAYS, WEEKS, MONTHS or YEARS";
            let fault = self.unexpected(expected);
            return Err(match fault.remedy {
                Some(_) => fault,
                None => fault.help(EVERY_FORMS),
            });
        };
        self.advance();
        Ok((found, span))
    }

    /// Whether `WITHIN start, end` or `PER granularity` stands next, and not WITHIN with a duration.
    pub(super) fn at_reach(&self) -> bool {
        let is_number = |ahead| matches!(self.token(ahead).kind, Kind::Number(..));
        let duration = is_number(1) && self.word(2).is_some_and(|w| !w.eq_ignore_ascii_case("PER"));
        let text = matches!(self.token(1).kind, Kind::SingleQuotedString(_));
        let per = text || self.word(1).is_some();
        (self.is("WITHIN") && !duration) || (self.is("PER") && per)
    }

    /// `[WITHIN start [, end]] [PER granularity]` of a source that has none yet.
    pub(super) fn reach(&mut self, source: &mut Source) -> Parsed<()> {
        let start = self.span();
        let mut reach = Reach {
            within: None,
            per: None,
            span: start,
        };
        if self.eat("WITHIN") {
            let first = self.expression()?;
            let second = match self.eat_sign(&Kind::Comma) {
                true => Some(self.expression()?),
                false => None,
            };
            reach.within = Some((first, second));
        }
        if self.eat("PER") {
            reach.per = Some(self.per()?);
        }
        reach.span = start.to(self.last_span());
        if source.reach.is_some() {
            let message = "WITHIN and PER are given twice";
            return Err(Fault::new(reach.span, message).help("remove one of them"));
        }
        source.reach = Some(Box::new(reach));
        Ok(())
    }

    /// A granularity, with or without quotes.
    fn per(&mut self) -> Parsed<(Granularity, Span)> {
        let span = self.span();
        let Kind::SingleQuotedString(text) = self.kind() else {
            return self.granularity();
        };
        let Some(found) = Granularity::named(text) else {
            let words = Granularity::all().map(Granularity::word);
            let message = format!("'{text}' is no granularity");
            let fault = Fault::new(span, message);
            return Err(fault.nearest(text, words));
        };
        self.advance();
        Ok((found, span))
    }
}

/// All granularities from one to another.
fn range(first: Granularity, last: Granularity, span: Span) -> Parsed<Vec<Granularity>> {
    let of = |end: Granularity| CHAIN.iter().position(|g| *g == end);
    let (Some(from), Some(to)) = (of(first), of(last)) else {
        let fault = Fault::new(span, "WEEKS lie in no month, and stand in no range");
        return Err(fault.help("list what you want, as in EVERY HOURS, DAYS, WEEKS, MONTHS"));
    };
    if from >= to {
        let fault = Fault::new(
            span,
            "a range goes from the finer granularity to the coarser one",
        );
        return Err(fault.help(format!(
            "write EVERY {last} ... {first}, or one of them alone"
        )));
    }
    Ok(CHAIN[from..=to].to_vec())
}

/// Refuses the clauses of a query that an aggregation does not have.
fn no_foreign_clauses(query: &Query) -> Parsed<()> {
    let fault = |span: Span, message: &str, remedy: &str| {
        Err(Fault::new(span, message.to_string()).help(remedy.to_string()))
    };
    if let Some(pattern) = &query.pattern {
        return fault(
            pattern.span,
            "an aggregation reads one stream",
            "insert the matches into a stream and aggregate that",
        );
    }
    if let Some(join) = query.joins.first() {
        return fault(
            join.span,
            "an aggregation reads one stream",
            "insert what is joined into a stream and aggregate that",
        );
    }
    if let Some(window) = query.sources.iter().find_map(|s| s.window.as_ref()) {
        return fault(
            window.span,
            "an aggregation has no window: EVERY says how long its periods are",
            "remove the window, or insert what leaves it into a stream and aggregate that",
        );
    }
    if let Some(reach) = query.sources.iter().find_map(|s| s.reach.as_ref()) {
        return fault(
            reach.span,
            "WITHIN and PER read an aggregation, and do not fill one",
            "remove them",
        );
    }
    let ordered = query.order_by.first().map(|(e, _)| e.span);
    let cut = query.limit.map(|l| l.1).or(query.offset.map(|o| o.1));
    let having = query.having.as_ref().map(|h| h.span);
    if let Some(span) = ordered.or(cut).or(having).or(query.distinct) {
        return fault(
            span,
            "HAVING, ORDER BY, LIMIT, OFFSET and DISTINCT do not stand in an aggregation",
            "write it where the aggregation is read",
        );
    }
    if let [super::ast::SelectItem::Star(span)] = query.select.as_slice() {
        return fault(
            *span,
            "an aggregation selects aggregates and what it groups by",
            "list them, as in SELECT sym, sum(x) AS total",
        );
    }
    Ok(())
}

/// Whether an expression is a text that stands in the query.
pub(crate) fn text_of(kind: &ExprKind) -> Option<&str> {
    match kind {
        ExprKind::Literal(Value::String(text)) => Some(text.as_str()),
        _ => None,
    }
}
