//! `PARTITION WITH (…) [WITH (options)] BEGIN … END`: queries that run for each key apart.

use super::ast::{Expr, Info, Name, Partition, PartitionBy, PartitionKey, Query, Span};
use super::limits::PARTITION_RANGES_MAX;
use super::parser::{Parsed, Parser};
use super::token::Kind;
use super::unsupported;
use crate::error::{FAULTS_MAX, Fault};

impl Parser<'_> {
    /// From PARTITION to the END of its block. Faults of the statements inside are told beside one another; the block
    /// is read to its end whatever they are.
    pub(super) fn partition(&mut self, info: &Info) -> Parsed<Partition> {
        let start = self.span();
        if let Some(span) = info.span() {
            self.skip_block();
            let fault = Fault::new(span, "@info names a query, and a partition follows");
            return Err(fault.help("move it into the block, in front of a query"));
        }
        let begun = self.place();
        match self.partition_block(start) {
            Ok(_) if !self.inside.is_empty() => Err(self.inside.remove(0)),
            Ok(partition) => Ok(partition),
            Err(fault) => {
                // The statements inside are not read as others.
                self.go_back(begun);
                self.skip_block();
                Err(fault)
            }
        }
    }

    fn partition_block(&mut self, start: Span) -> Parsed<Partition> {
        self.advance();
        if self.is("BY") {
            let fault = self.unexpected("WITH");
            return Err(fault.help("write PARTITION WITH (k OF S) BEGIN … END"));
        }
        self.expect("WITH")?;
        let keys = self.partition_keys()?;
        let options = match self.is("WITH") {
            true => self.some_options()?,
            false => Vec::new(),
        };
        if !self.eat("BEGIN") {
            return Err(self.unexpected("WITH or BEGIN"));
        }
        self.in_partition = true;
        let queries = self.partition_queries();
        self.in_partition = false;
        let queries = queries?;
        let end = self.expect("END")?;
        if !self.at_statement_end() {
            return Err(self.unexpected("';'"));
        }
        if queries.is_empty() && self.inside.is_empty() {
            let fault = Fault::new(start.to(end), "the partition has no query");
            let remedy = "write INSERT INTO Out SELECT … FROM S; between BEGIN and END";
            return Err(fault.help(remedy));
        }
        Ok(Partition {
            keys,
            options,
            queries,
        })
    }

    /// `(k OF S, condition AS 'name', … OF T, …)`.
    fn partition_keys(&mut self) -> Parsed<Vec<PartitionKey>> {
        self.expect_sign(&Kind::LParen)?;
        let mut keys: Vec<PartitionKey> = Vec::new();
        let mut ranges: Vec<(Expr, Name)> = Vec::new();
        loop {
            let expr = self.expression()?;
            let first = ranges.first().map_or(&expr, |(first, _)| first).span;
            let span = first.to(expr.span);
            let by = if self.eat("AS") {
                self.named_range(expr, &mut ranges)?;
                if self.eat_sign(&Kind::Comma) {
                    continue;
                }
                self.expect("OF")?;
                PartitionBy::Ranges(std::mem::take(&mut ranges))
            } else if !ranges.is_empty() {
                return Err(self.unexpected("AS and the name of the range"));
            } else if !self.eat("OF") {
                let expected = "OF and the stream, or AS and the name of a range";
                return Err(self.unexpected(expected));
            } else {
                PartitionBy::Value(expr)
            };
            let stream = self.stream_name("the name of a stream")?;
            let of = |key: &PartitionKey| key.stream.text.eq_ignore_ascii_case(&stream.text);
            if keys.iter().any(of) {
                let message = format!("{} has two keys", stream.text);
                let remedy = "write one expression of both, as in concat(a, '/', b) OF S";
                return Err(Fault::new(stream.span, message).help(remedy));
            }
            keys.push(PartitionKey {
                span: span.to(stream.span),
                stream,
                by,
            });
            if !self.more(&Kind::RParen)? {
                return Ok(keys);
            }
        }
    }

    /// The name of a range, behind its condition and AS.
    fn named_range(&mut self, condition: Expr, ranges: &mut Vec<(Expr, Name)>) -> Parsed<()> {
        let name = self.string("the name of the range in quotes")?;
        if ranges.len() >= PARTITION_RANGES_MAX {
            let max = PARTITION_RANGES_MAX;
            let message = format!("a stream has more than {max} ranges (PARTITION_RANGES_MAX)");
            let fault = Fault::new(name.span, message);
            return Err(fault.help("write an expression that gives the name of the range"));
        }
        if ranges.iter().any(|(_, other)| other.text == name.text) {
            let fault = Fault::new(name.span, "two ranges have this name");
            return Err(fault.help("join their conditions with OR"));
        }
        ranges.push((condition, name));
        match self.is("OR") {
            true => Err(self
                .unexpected("',' or OF")
                .help("write ',' between ranges")),
            false => Ok(()),
        }
    }

    /// The statements between BEGIN and END.
    fn partition_queries(&mut self) -> Parsed<Vec<Query>> {
        let mut queries = Vec::new();
        let mut info = Info::default();
        while !self.is("END") {
            if self.at_end() {
                return Err(self.unexpected("END"));
            }
            if self.eat_sign(&Kind::SemiColon) {
                continue;
            }
            let begun = self.place();
            let annotation = self.is_sign(0, &Kind::AtSign);
            let result = match annotation {
                true => self.query_annotation(&mut info),
                false => self
                    .partition_query(std::mem::take(&mut info))
                    .map(|query| queries.push(query)),
            };
            if let Err(fault) = result {
                self.inside.push(fault);
                if !annotation || !self.skip_annotation(begun) {
                    self.recover_inside();
                }
            }
            // The app has too many faults to tell.
            if self.inside.len() > FAULTS_MAX {
                return Err(self.inside.remove(0));
            }
        }
        if let (Some(span), true) = (info.span(), self.inside.is_empty()) {
            return Err(Fault::new(span, "no query follows this @info"));
        }
        Ok(queries)
    }

    fn partition_query(&mut self, info: Info) -> Parsed<Query> {
        let span = self.span();
        let query = match self.word(0).map(str::to_ascii_uppercase).as_deref() {
            Some("INSERT" | "SELECT") => self.query(info),
            Some("UPDATE") => self.update(info),
            Some("DELETE") => self.delete(info),
            Some("UPSERT") => self.upsert(info),
            Some("FROM") => Err(self.siddhi_query()),
            Some("CREATE") => {
                let fault = Fault::new(span, "CREATE stands outside of a partition");
                Err(fault.help("move it in front of PARTITION"))
            }
            Some("PARTITION") => {
                self.skip_block();
                Err(unsupported::NESTED_PARTITION.at(span))
            }
            _ => {
                let expected = "INSERT INTO, SELECT, UPDATE, DELETE FROM, UPSERT INTO or END";
                Err(self.unexpected(expected))
            }
        }?;
        match self.at_statement_end() {
            true => Ok(query),
            false => Err(self.unexpected("';' between statements")),
        }
    }

    /// After a fault in a block: to its END, or behind the next `;`.
    fn recover_inside(&mut self) {
        while !self.at_end() {
            let ends = self.is("END") && (self.is_sign(1, &Kind::SemiColon) || self.is_last());
            if ends || self.eat_sign(&Kind::SemiColon) {
                return;
            }
            self.advance();
        }
    }

    /// From PARTITION past the END of its block.
    fn skip_block(&mut self) {
        let mut open = 0_usize;
        while !self.at_end() {
            if open == 0 && self.is_sign(0, &Kind::SemiColon) {
                return;
            }
            if self.is_any(&["BEGIN", "CASE"]) {
                open += 1;
            } else if self.is("END") {
                open = open.saturating_sub(1);
            }
            self.advance();
        }
    }
}
