//! `CREATE TRIGGER t AT START | AT EVERY 5 SECONDS | AT CRON '…'`.

use super::ast::{Name, Statement, TriggerAt, TriggerDef};
use super::parser::{Parsed, Parser};
use super::token::Kind;
use crate::error::Fault;

impl Parser<'_> {
    /// From TRIGGER to the end of the statement.
    pub(super) fn create_trigger(&mut self) -> Parsed<Statement> {
        let name = self.declared("the name of the trigger")?;
        if self.is_sign(0, &Kind::LParen) {
            let fault = Fault::new(self.span(), "a trigger declares no attributes");
            return Err(fault.help("remove them: its one attribute is triggered_time LONG"));
        }
        let start = self.span();
        if !self.eat("AT") {
            let fault = self.unexpected("AT");
            return Err(
                match self.is_any(&["START", "EVERY", "CRON"]) || fault.remedy.is_none() {
                    true => {
                        fault.help("write AT START, AT EVERY 5 SECONDS or AT CRON '0 * * * * *'")
                    }
                    false => fault,
                },
            );
        }
        let at = self.trigger_at()?;
        let span = start.to(self.last_span());
        if !self.at_statement_end() {
            let fault = self.unexpected("';'");
            return Err(match self.is("WITH") {
                true => fault.help("remove it: a trigger has no options"),
                false => fault,
            });
        }
        Ok(Statement::Trigger(TriggerDef { name, at, span }))
    }

    fn trigger_at(&mut self) -> Parsed<TriggerAt> {
        let span = self.span();
        if self.eat("START") {
            return Ok(TriggerAt::Start);
        }
        if self.is("EVERY") {
            let (us, span) = self.time_bound("EVERY")?;
            return match us {
                0 => Err(
                    Fault::new(span, "a trigger needs a time longer than nothing")
                        .help("write AT START for once"),
                ),
                us => Ok(TriggerAt::Every(us)),
            };
        }
        if self.eat("CRON") {
            let span = self.span();
            let Kind::SingleQuotedString(text) = self.kind().clone() else {
                return Err(self.unexpected("a cron expression, as in '*/5 * * * * *'"));
            };
            self.advance();
            return Ok(TriggerAt::Cron(Name { text, span }));
        }
        if let Kind::SingleQuotedString(text) = self.kind() {
            let fault = Fault::new(span, "AT stands before START, EVERY or CRON");
            return Err(fault.help(match text.eq_ignore_ascii_case("start") {
                true => "write AT START".to_string(),
                false => format!("write AT CRON {}", self.source(span)),
            }));
        }
        Err(self.unexpected("START, EVERY or CRON"))
    }
}
