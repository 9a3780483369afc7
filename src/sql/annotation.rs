//! `@app:name('…')`, `@app:description('…')`, `@app:playback(…)`, `@app:processing(…)` and `@info(…)`.

use super::ast::{App, ClockBackRule, Info, Name, Span};
use super::dialect::foreign_option;
use super::literal;
use super::parser::{Parsed, Parser, similar};
use super::token::Kind;
use crate::error::Fault;

const KNOWN: &[&str] = &[
    "app:name",
    "app:description",
    "app:playback",
    "app:processing",
    "info",
];

const LISTED: &str = "known: @app:name, @app:description, @app:playback, @app:processing, @info";

impl Parser<'_> {
    /// One annotation, from its `@`: of the app, or the name of the query that follows.
    pub(super) fn annotation(&mut self, app: &mut App, info: &mut Info, first: bool) -> Parsed<()> {
        let start = self.span();
        self.advance();
        let mut name = self.any_name("the name of an annotation")?;
        if self.eat_sign(&Kind::Colon) {
            let part = self.any_name("the name of an annotation")?;
            name.text = format!("{}:{}", name.text, part.text);
            name.span = name.span.to(part.span);
        }
        let span = start.to(name.span);
        if let Some(fault) = self.foreign_annotation(&name, span) {
            return Err(fault);
        }
        let written = name.text;
        let name = written.to_ascii_lowercase();
        if !first && name.starts_with("app:") && KNOWN.contains(&name.as_str()) {
            let message = format!("@{name} stands behind a statement");
            let fault = Fault::new(span, message);
            return Err(fault.help("put it at the start of the text"));
        }
        match name.as_str() {
            "app:name" => self.app_text(&mut app.name, "name", span),
            "app:description" => self.app_text(&mut app.description, "description", span),
            "app:playback" => self.playback(app, span),
            "app:processing" => self.processing(app, span),
            "info" => self.info(info),
            _ => {
                let fault = Fault::new(span, format!("unknown annotation @{written}"));
                let part_of = |known: &str| known.split(':').any(|part| part == name);
                Err(match KNOWN.iter().find(|known| part_of(known)) {
                    Some(known) => fault.help(format!("write @{known}")),
                    None => similar(fault.help(LISTED), &name, KNOWN.iter().copied()),
                })
            }
        }
    }

    /// `@info(…)` in a partition, from its `@`.
    pub(super) fn query_annotation(&mut self, info: &mut Info) -> Parsed<()> {
        self.annotation(&mut App::default(), info, false)
    }

    /// `('…')`, a text that the app has once.
    fn app_text(&mut self, place: &mut Option<Name>, what: &str, span: Span) -> Parsed<()> {
        self.expect_sign(&Kind::LParen)?;
        let text = self.string(&format!("the {what} of the app in quotes"))?;
        self.expect_sign(&Kind::RParen)?;
        if text.text.is_empty() {
            let message = format!("the {what} of the app is empty");
            return Err(Fault::new(text.span, message));
        }
        if place.replace(text).is_some() {
            let fault = Fault::new(span, format!("the app has two {what}s"));
            return Err(fault.help("remove one of them"));
        }
        Ok(())
    }

    fn playback(&mut self, app: &mut App, span: Span) -> Parsed<()> {
        if app.playback {
            let fault = Fault::new(span, "@app:playback is given twice");
            return Err(fault.help("remove one of them"));
        }
        one_time(app.processing, span)?;
        app.playback = true;
        if !self.eat_sign(&Kind::LParen) || self.eat_sign(&Kind::RParen) {
            return Ok(());
        }
        let known = ["lateness", "idle.timeout", "ahead.max"];
        let mut given = Vec::new();
        loop {
            let (key, value) = self.option("the name of an option")?;
            given_once(&key, &mut given)?;
            let name = key.text.to_ascii_lowercase();
            if !known.contains(&name.as_str()) {
                return Err(unknown_option(&key, &name, "@app:playback", &known));
            }
            let us = literal::duration_text(&value)?;
            match name.as_str() {
                "lateness" => app.lateness_us = us,
                "idle.timeout" => app.idle_timeout_us = Some(us),
                "ahead.max" if us == 0 => {
                    let fault =
                        Fault::new(value.span, "no row behind the first would move the clock");
                    return Err(
                        fault.help("write how far a row may be ahead of its input: '1 HOUR'")
                    );
                }
                _ => app.ahead_max_us = Some(us),
            }
            if !self.more(&Kind::RParen)? {
                return Ok(());
            }
        }
    }

    fn processing(&mut self, app: &mut App, span: Span) -> Parsed<()> {
        if app.processing {
            let fault = Fault::new(span, "@app:processing is given twice");
            return Err(fault.help("remove one of them"));
        }
        one_time(app.playback, span)?;
        app.processing = true;
        if !self.eat_sign(&Kind::LParen) || self.eat_sign(&Kind::RParen) {
            return Ok(());
        }
        let (key, value) = self.option("the name of an option")?;
        if !key.text.eq_ignore_ascii_case("clock.back") {
            let known = ["clock.back"];
            return Err(unknown_option(&key, &key.text, "@app:processing", &known));
        }
        app.clock_back = match value.text.to_ascii_lowercase().as_str() {
            "wait" => ClockBackRule::Wait,
            "follow" => ClockBackRule::Follow,
            _ => {
                let fault = Fault::new(value.span, "no rule for a clock that goes back");
                return Err(fault.help("write 'wait' or 'follow'"));
            }
        };
        self.expect_sign(&Kind::RParen)?;
        Ok(())
    }

    fn info(&mut self, info: &mut Info) -> Parsed<()> {
        self.expect_sign(&Kind::LParen)?;
        loop {
            let (key, value) = self.option("name='…'")?;
            let place = match key.text.to_ascii_lowercase().as_str() {
                "name" => &mut info.name,
                "late.stream" => &mut info.late_stream,
                other => {
                    let known = ["name", "late.stream"];
                    return Err(unknown_option(&key, other, "@info", &known));
                }
            };
            if value.text.is_empty() {
                let message = format!("the {} of the query is empty", key.text);
                return Err(Fault::new(value.span, message));
            }
            if place.replace(value).is_some() {
                let message = format!("the query has two {}s", key.text);
                return Err(Fault::new(key.span, message).help("remove one of them"));
            }
            if !self.more(&Kind::RParen)? {
                return Ok(());
            }
        }
    }

    /// `key = 'value'`.
    pub(super) fn option(&mut self, what: &str) -> Parsed<(Name, Name)> {
        let key = self.key(what)?;
        self.expect_sign(&Kind::Eq)?;
        Ok((key, self.string("a value in quotes")?))
    }
}

/// Refuses a second time of the app.
fn one_time(other: bool, span: Span) -> Parsed<()> {
    if other {
        let fault = Fault::new(span, "the app has two times");
        return Err(fault.help("remove @app:playback or @app:processing"));
    }
    Ok(())
}

/// The fault for an option that an annotation does not have.
fn unknown_option(key: &Name, name: &str, annotation: &str, known: &[&str]) -> Fault {
    let fault = Fault::new(key.span, format!("unknown option '{name}' of {annotation}"));
    match foreign_option(name) {
        Some(remedy) => fault.help(remedy),
        None => {
            let listed = fault.help(format!("known: {}", known.join(", ")));
            similar(listed, name, known.iter().copied())
        }
    }
}

/// Refuses an option that was given before.
pub(crate) fn given_once(key: &Name, given: &mut Vec<String>) -> Result<(), Fault> {
    let name = key.text.to_ascii_lowercase();
    if given.contains(&name) {
        let fault = Fault::new(key.span, format!("option '{name}' is given twice"));
        return Err(fault.help("remove one of them"));
    }
    given.push(name);
    Ok(())
}
