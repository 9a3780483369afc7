//! `@app:name('…')`, `@app:playback(…)`, `@app:processing(…)` and `@info(…)`.

use super::ast::{App, ClockBackRule, Info, Name, Span};
use super::literal;
use super::parser::{Parsed, Parser, similar};
use super::token::Kind;
use crate::error::Fault;

const KNOWN: &[&str] = &["app:name", "app:playback", "app:processing", "info"];

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
        let name = name.text.to_ascii_lowercase();
        if !first && name.starts_with("app:") && KNOWN.contains(&name.as_str()) {
            let message = format!("@{name} stands behind a statement");
            let fault = Fault::new(span, message);
            return Err(fault.help("put it at the start of the text"));
        }
        match name.as_str() {
            "app:name" => self.app_name(app, span),
            "app:playback" => self.playback(app, span),
            "app:processing" => self.processing(app, span),
            "info" => self.info(info),
            _ => {
                let fault = Fault::new(span, format!("unknown annotation @{name}"));
                let listed = fault.help("known: @app:name, @app:playback, @app:processing, @info");
                Err(similar(listed, &name, KNOWN.iter().copied()))
            }
        }
    }

    /// `@info(…)` in a partition, from its `@`.
    pub(super) fn query_annotation(&mut self, info: &mut Info) -> Parsed<()> {
        self.annotation(&mut App::default(), info, false)
    }

    fn app_name(&mut self, app: &mut App, span: Span) -> Parsed<()> {
        self.expect_sign(&Kind::LParen)?;
        let name = self.string("the name of the app in quotes")?;
        self.expect_sign(&Kind::RParen)?;
        if name.text.is_empty() {
            return Err(Fault::new(name.span, "the name of the app is empty"));
        }
        if app.name.replace(name).is_some() {
            let fault = Fault::new(span, "the app has two names");
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
            once(&key, &mut given)?;
            let us = literal::duration_text(&value)?;
            match key.text.to_ascii_lowercase().as_str() {
                "lateness" => app.lateness_us = us,
                "idle.timeout" => app.idle_timeout_us = Some(us),
                "ahead.max" if us == 0 => {
                    let fault =
                        Fault::new(value.span, "no row behind the first would move the clock");
                    return Err(
                        fault.help("write how far a row may be ahead of its input: '1 HOUR'")
                    );
                }
                "ahead.max" => app.ahead_max_us = Some(us),
                other => {
                    let message = format!("unknown option '{other}' of @app:playback");
                    let fault = Fault::new(key.span, message);
                    let listed = fault.help(format!("known: {}", known.join(", ")));
                    return Err(similar(listed, other, known));
                }
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
            let message = format!("unknown option '{}' of @app:processing", key.text);
            let fault = Fault::new(key.span, message).help("known: clock.back");
            return Err(similar(fault, &key.text, ["clock.back"]));
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
                    let message = format!("unknown option '{other}' of @info");
                    let fault = Fault::new(key.span, message).help("known: name, late.stream");
                    return Err(similar(fault, other, ["name", "late.stream"]));
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

/// Refuses an option that was given before.
fn once(key: &Name, given: &mut Vec<String>) -> Parsed<()> {
    let name = key.text.to_ascii_lowercase();
    if given.contains(&name) {
        let fault = Fault::new(key.span, format!("option '{name}' is given twice"));
        return Err(fault.help("remove one of them"));
    }
    given.push(name);
    Ok(())
}
