//! `OUTPUT [ALL | FIRST | LAST] EVERY n EVENTS | EVERY t` and `OUTPUT SNAPSHOT EVERY t`, behind all other clauses.

use super::ast::{RateLimit, RatePace, RateRows, Span};
use super::parser::{Parsed, Parser};
use super::query::{CLAUSES, keyword};
use super::token::Kind;
use crate::error::Fault;

/// What may stand behind OUTPUT.
const EXPECTED: &str = "ALL, FIRST, LAST, SNAPSHOT or EVERY";

impl Parser<'_> {
    /// The rate limit of a query, if one stands next.
    pub(super) fn rate_limit(&mut self) -> Parsed<Option<RateLimit>> {
        let start = self.span();
        if !self.eat("OUTPUT") {
            return Ok(None);
        }
        let rows = match () {
            () if self.eat("ALL") => RateRows::All,
            () if self.eat("FIRST") => RateRows::First,
            () if self.eat("LAST") => RateRows::Last,
            () if self.eat("SNAPSHOT") => RateRows::Snapshot,
            () => RateRows::All,
        };
        if !self.is("EVERY") {
            let is_bare = self.last_span() == start;
            return Err(self.no_every(start, rows, is_bare));
        }
        let pace = self.pace(rows)?;
        let span = start.to(self.last_span());
        if let Some(clause) = CLAUSES.iter().find(|c| self.is(keyword(c))) {
            let fault = Fault::new(self.span(), format!("{clause} stands before OUTPUT"));
            return Err(fault.help("move it in front of OUTPUT"));
        }
        if self.is("OUTPUT") {
            return Err(Fault::new(self.span(), "a second OUTPUT clause"));
        }
        Ok(Some(RateLimit { rows, pace, span }))
    }

    /// Behind OUTPUT, or the word behind that, stands no EVERY.
    fn no_every(&self, start: Span, rows: RateRows, is_bare: bool) -> Fault {
        if self.is_any(&["EVENTS", "CURRENT", "EXPIRED"]) {
            let span = start.to(self.span());
            let fault = Fault::new(span, "which rows go out is said by INSERT");
            return fault.help(match self.is("EXPIRED") {
                true => "write INSERT EXPIRED EVENTS INTO",
                false => "write INSERT ALL EVENTS INTO, or OUTPUT EVERY 5 EVENTS for a rate",
            });
        }
        let fault = self.unexpected(if is_bare { EXPECTED } else { "EVERY" });
        match (fault.remedy.is_some(), rows) {
            (true, _) => fault,
            (false, RateRows::Snapshot) => fault.help("write OUTPUT SNAPSHOT EVERY 5 SECONDS"),
            (false, _) => fault.help("write OUTPUT EVERY 5 EVENTS or OUTPUT EVERY 5 SECONDS"),
        }
    }

    /// `EVERY n EVENTS` or `EVERY t`.
    fn pace(&mut self, rows: RateRows) -> Parsed<RatePace> {
        let counts = self.is_any_at(2, &["EVENTS", "EVENT"]);
        let number = matches!(self.token(1).kind, Kind::Number(..));
        if number && !counts {
            let has_unit = self.word(2).is_some();
            let span = self.token(1).span;
            if !has_unit {
                let fault = Fault::new(span, "a number alone is neither rows nor a time");
                let shown = self.source(span);
                return Err(fault.help(format!("write {shown} EVENTS or {shown} SECONDS")));
            }
        }
        if !counts {
            let (us, span) = self.time_bound("EVERY")?;
            return match us {
                0 => Err(
                    Fault::new(span, "a rate limit needs a time longer than nothing")
                        .help("remove OUTPUT: without it each row goes out at once"),
                ),
                us => Ok(RatePace::Time(us)),
            };
        }
        let start = self.expect("EVERY")?;
        let (count, span) = self.count("a number of rows")?;
        let events = self.span();
        self.advance();
        if rows == RateRows::Snapshot {
            let fault = Fault::new(start.to(events), "a snapshot is taken by time, not by rows");
            return Err(fault.help("write OUTPUT SNAPSHOT EVERY 5 SECONDS"));
        }
        match count {
            0 => Err(Fault::new(span, "a rate limit counts at least one row")
                .help("remove OUTPUT: without it each row goes out at once")),
            count => Ok(RatePace::Events(count)),
        }
    }
}
