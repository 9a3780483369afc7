//! `WINDOW('name', arguments)` → a window with its parameters.

use super::scope::{Clause, QueryScope};
use super::window::{Keys, WindowPlan, external_start};
use crate::error::Fault;
use crate::event::{Type, Value};
use crate::expr::{Typed, TypedKind};
use crate::operator::window::{
    ConditionSource, Crontab, ExpressionBatchOptions, ExternalSpan, Panes, Start,
    bind_expression_window,
};
use crate::sql::ast::{Expr, ExprKind, Span, Unary, Window};

/// 700 years: what is left between the last time that a row may have and the end of the numbers.
pub(super) const DURATION_MAX_US: u64 = 700 * 31_557_600_000_000;

/// Slides of a hop window: each row is in as many windows, and a jump of the clock closes all of them at once.
const PANES_MAX: i64 = 1_000_000;

/// Reads the parameters of one kind of window.
type Read = fn(&mut Args<'_, '_, '_>) -> Result<WindowPlan, Refused>;

/// The windows: name, parameters, and how they are read.
const WINDOWS: [(&str, &str, Read); 22] = [
    ("length", "length(rows)", |a| {
        Ok(WindowPlan::Length(a.rows()?))
    }),
    ("lengthBatch", "lengthBatch(rows [, stream_current])", |a| {
        a.length_batch()
    }),
    ("time", "time(duration)", |a| {
        Ok(WindowPlan::Time(a.duration()?))
    }),
    (
        "timeBatch",
        "timeBatch(duration [, start] [, stream_current])",
        |a| a.time_batch(),
    ),
    ("timeLength", "timeLength(duration, rows)", |a| {
        a.time_length()
    }),
    ("tumbling", "tumbling(duration [, offset])", |a| {
        a.tumbling()
    }),
    ("hop", "hop(size, slide)", |a| a.hop()),
    ("sliding", "sliding(size, slide)", |a| a.hop()),
    ("session", "session(gap [, key [, latency]])", |a| {
        a.session()
    }),
    ("sessionBatch", "sessionBatch(gap [, key])", |a| {
        a.session_batch()
    }),
    ("externalTime", "externalTime(attribute, duration)", |a| {
        a.external_time()
    }),
    (
        "externalTimeBatch",
        "externalTimeBatch(attribute, duration [, start [, timeout]])",
        |a| a.external_batch(),
    ),
    ("batch", "batch()", |_| Ok(WindowPlan::SendBatch)),
    ("delay", "delay(duration)", |a| {
        Ok(WindowPlan::Delay(a.duration()?))
    }),
    (
        "sort",
        "sort(rows, attribute [, 'asc' | 'desc'], …)",
        |a| a.sort(),
    ),
    ("unique", "unique(key, …)", |a| {
        Ok(WindowPlan::Unique(a.some_keys()?))
    }),
    ("firstUnique", "firstUnique(key, …)", |a| {
        Ok(WindowPlan::FirstUnique(a.some_keys()?))
    }),
    ("frequent", "frequent(keys [, attribute, …])", |a| {
        a.frequent()
    }),
    (
        "lossyFrequent",
        "lossyFrequent(support [, error] [, attribute, …])",
        |a| a.lossy_frequent(),
    ),
    (
        "cron",
        "cron('second minute hour day month weekday')",
        |a| a.cron(),
    ),
    ("expression", "expression('condition')", |a| {
        Ok(WindowPlan::Expression(a.condition()?))
    }),
    (
        "expressionBatch",
        "expressionBatch('condition' [, include_triggering [, stream_current]])",
        |a| a.expression_batch(),
    ),
];

/// Binds the window clause of the source at a place; `scope` is that of the query. Returns the window, or `None` with
/// the faults in the scope.
pub(super) fn bind_window(
    window: &Window,
    source: usize,
    scope: &mut QueryScope<'_>,
) -> Option<WindowPlan> {
    let name = window.name.text.as_str();
    let named = |(known, ..): &&(&str, &str, Read)| known.eq_ignore_ascii_case(name);
    let Some((_, signature, read)) = WINDOWS.iter().find(named) else {
        let known = WINDOWS.iter().map(|(known, ..)| *known);
        let fault =
            Fault::new(window.name.span, format!("unknown window '{name}'")).nearest(name, known);
        scope.faults.push(fault);
        return None;
    };
    let mut args = Args {
        args: window.args.iter(),
        span: window.span,
        signature,
        source,
        scope,
    };
    let bound = read(&mut args).and_then(|w| args.end().map(|()| w));
    bound.map_err(|fault| scope.faults.extend(fault)).ok()
}

/// A fault, or none where the scope has it already.
type Refused = Option<Fault>;

/// The arguments of a window, read from left to right.
struct Args<'a, 'b, 's> {
    args: std::slice::Iter<'a, Expr>,
    span: Span,
    signature: &'static str,
    /// The place of the source.
    source: usize,
    scope: &'b mut QueryScope<'s>,
}

impl<'a> Args<'a, '_, '_> {
    fn length_batch(&mut self) -> Result<WindowPlan, Refused> {
        Ok(WindowPlan::LengthBatch {
            rows: self.rows()?,
            streams: self.flag("stream_current")?,
        })
    }

    fn time_batch(&mut self) -> Result<WindowPlan, Refused> {
        let span_us = self.duration()?;
        // In 128 bits: any point of the grid names it.
        let grid = |ms: i64| (i128::from(ms) * 1000).rem_euclid(i128::from(span_us)) as i64;
        let start = self.optional_integer();
        Ok(WindowPlan::TimeBatch {
            span_us,
            start: start.map_or(Start::FirstRow, |ms| Start::Grid(grid(ms))),
            streams: self.flag("stream_current")?,
        })
    }

    fn time_length(&mut self) -> Result<WindowPlan, Refused> {
        Ok(WindowPlan::TimeLength {
            span_us: self.duration()?,
            rows: self.rows()?,
        })
    }

    fn tumbling(&mut self) -> Result<WindowPlan, Refused> {
        let size_us = self.duration()?;
        let offset_us = match self.peek() {
            Some(_) => self.any_duration()?,
            None => 0,
        };
        let offset_us = offset_us.rem_euclid(size_us);
        Ok(WindowPlan::Panes(Panes::new(size_us, size_us, offset_us)))
    }

    fn session_batch(&mut self) -> Result<WindowPlan, Refused> {
        Ok(WindowPlan::SessionBatch {
            gap_us: self.duration()?,
            keys: self.optional_key()?,
        })
    }

    fn external_time(&mut self) -> Result<WindowPlan, Refused> {
        Ok(WindowPlan::ExternalTime {
            attribute: self.clock_attribute()?,
            span_ms: self.duration_ms()?,
        })
    }

    fn frequent(&mut self) -> Result<WindowPlan, Refused> {
        Ok(WindowPlan::Frequent {
            keys_max: self.rows()?,
            keys: self.row_keys()?,
        })
    }

    fn expression_batch(&mut self) -> Result<WindowPlan, Refused> {
        let condition = self.condition()?;
        let options = ExpressionBatchOptions {
            include_triggering: self.flag("include_triggering")?,
            streams: self.flag("stream_current")?,
            expires: false,
        };
        Ok(WindowPlan::ExpressionBatch { condition, options })
    }

    fn wrong(&self, span: Span, message: impl Into<String>) -> Refused {
        Some(Fault::new(span, message).help(format!("parameters: {}", self.signature)))
    }

    fn next(&mut self) -> Result<&'a Expr, Refused> {
        self.args
            .next()
            .ok_or_else(|| self.wrong(self.span, "a parameter is missing"))
    }

    fn peek(&self) -> Option<&'a Expr> {
        self.args.as_slice().first()
    }

    /// A number of rows, at least 1.
    fn rows(&mut self) -> Result<usize, Refused> {
        let arg = self.next()?;
        match arg.kind {
            // Rows are numbered in 32 bits.
            ExprKind::Literal(Value::Long(n)) if (1..=1 << 30).contains(&n) => Ok(n as usize),
            _ => Err(self.wrong(
                arg.span,
                "a number of rows from 1 to 1073741824 is expected",
            )),
        }
    }

    /// A duration of at least 1 µs; an integer counts milliseconds.
    fn duration(&mut self) -> Result<i64, Refused> {
        let span = self.peek().map_or(self.span, |a| a.span);
        match self.any_duration()? {
            us if us > 0 => Ok(us),
            _ => Err(self.wrong(span, "a positive duration is expected, as in 5 SECONDS")),
        }
    }

    fn any_duration(&mut self) -> Result<i64, Refused> {
        let arg = self.next()?;
        let us = match arg.kind {
            ExprKind::Duration(us) => Some(us),
            ExprKind::Literal(Value::Long(ms)) => ms.checked_mul(1000),
            _ => None,
        };
        match us {
            Some(us) if us.unsigned_abs() <= DURATION_MAX_US => Ok(us),
            Some(_) => Err(self.wrong(
                arg.span,
                "a duration is at most 700 years (DURATION_MAX_US)",
            )),
            None => Err(self.wrong(arg.span, "a duration is expected, as in 5 SECONDS")),
        }
    }

    /// A duration on the clock of an attribute, which counts whole milliseconds.
    fn duration_ms(&mut self) -> Result<i64, Refused> {
        let span = self.peek().map_or(self.span, |a| a.span);
        match self.duration()? {
            us if us % 1000 == 0 => Ok(us / 1000),
            _ => Err(self.wrong(span, "whole milliseconds are expected")),
        }
    }

    /// An integer or a duration in milliseconds, if one is next.
    fn optional_integer(&mut self) -> Option<i64> {
        let ms = match self.peek()?.kind {
            ExprKind::Literal(Value::Long(n)) => n,
            ExprKind::Duration(us) => us.div_euclid(1000),
            _ => return None,
        };
        self.args.next();
        Some(ms)
    }

    /// A number between 0 and 1.
    fn share(&mut self) -> Result<f64, Refused> {
        let arg = self.next()?;
        match arg.kind {
            ExprKind::Literal(Value::Double(x)) if x > 0.0 && x <= 1.0 => Ok(x),
            ExprKind::Literal(Value::Long(1)) => Ok(1.0),
            _ => Err(self.wrong(arg.span, "a share between 0 and 1 is expected, as in 0.1")),
        }
    }

    /// A switch: its name, TRUE or FALSE; off when absent.
    fn flag(&mut self, name: &str) -> Result<bool, Refused> {
        let Some(arg) = self.args.next() else {
            return Ok(false);
        };
        match &arg.kind {
            ExprKind::Literal(Value::Bool(on)) => Ok(*on),
            ExprKind::Literal(Value::String(s)) if s.eq_ignore_ascii_case(name) => Ok(true),
            ExprKind::Column { name: n, .. } if n.text.eq_ignore_ascii_case(name) => Ok(true),
            _ => Err(self.wrong(arg.span, format!("{name}, TRUE or FALSE is expected"))),
        }
    }

    /// The text of a string.
    fn text(&mut self) -> Result<(&'a str, Span), Refused> {
        let arg = self.next()?;
        match &arg.kind {
            ExprKind::Literal(Value::String(s)) => Ok((s.as_str(), arg.span)),
            _ => Err(self.wrong(arg.span, "a string is expected")),
        }
    }

    /// An attribute of the source.
    fn attribute(&mut self) -> Result<(usize, Type, Span), Refused> {
        let arg = self.next()?;
        let typed = self
            .scope
            .bind(Clause::Source(self.source), arg)
            .ok_or(None)?;
        let column = typed.as_column().and_then(|c| c.attribute_of(self.source));
        match (column, typed.ty) {
            (Some(place), Some(ty)) => Ok((place, ty, arg.span)),
            _ => Err(self.wrong(arg.span, "an attribute of the stream is expected")),
        }
    }

    /// An attribute that tells time in milliseconds.
    fn clock_attribute(&mut self) -> Result<usize, Refused> {
        match self.attribute()? {
            (place, Type::Int | Type::Long, _) => Ok(place),
            (_, ty, span) => Err(self.wrong(
                span,
                format!("a LONG with milliseconds is expected, this is {ty}"),
            )),
        }
    }

    /// The next `count` arguments as keys.
    fn keys(&mut self, count: usize) -> Result<Keys, Refused> {
        let mut keys = Vec::new();
        for _ in 0..count {
            let arg = self.next()?;
            let typed = self
                .scope
                .bind(Clause::Source(self.source), arg)
                .ok_or(None)?;
            if matches!(typed.kind, TypedKind::Literal(_)) {
                let fault = Fault::new(arg.span, "a constant is one key for all rows");
                return Err(Some(fault.help("write an attribute, without quotes")));
            }
            keys.push(typed);
        }
        Ok(Keys(keys))
    }

    /// The next argument as a key; no key where there is none.
    fn optional_key(&mut self) -> Result<Keys, Refused> {
        match self.peek() {
            Some(_) => self.keys(1),
            None => Ok(Keys::default()),
        }
    }

    /// All further arguments as keys, at least one.
    fn some_keys(&mut self) -> Result<Keys, Refused> {
        self.keys(self.args.len().max(1))
    }

    /// All further arguments as keys; whole rows when there is none.
    fn row_keys(&mut self) -> Result<Keys, Refused> {
        if self.args.len() > 0 {
            return self.some_keys();
        }
        let columns = self.scope.sources[self.source].columns(self.source);
        let key = |(column, _, ty)| Typed::column(column, ty, self.span);
        Ok(Keys(columns.map(key).collect()))
    }

    fn hop(&mut self) -> Result<WindowPlan, Refused> {
        let size_us = self.duration()?;
        let slide_us = self.duration()?;
        if size_us / slide_us > PANES_MAX {
            let message = format!("a hop window has at most {PANES_MAX} slides (PANES_MAX)");
            return Err(self.wrong(self.span, message));
        }
        Ok(WindowPlan::Panes(Panes::new(size_us, slide_us, 0)))
    }

    fn session(&mut self) -> Result<WindowPlan, Refused> {
        let gap_us = self.duration()?;
        let keys = self.optional_key()?;
        let span = self.peek().map_or(self.span, |a| a.span);
        let latency_us = if self.peek().is_some() {
            self.any_duration()?
        } else {
            0
        };
        if !(0..=gap_us).contains(&latency_us) {
            return Err(self.wrong(span, "the latency of a session is between 0 and its gap"));
        }
        Ok(WindowPlan::Session {
            gap_us,
            latency_us,
            keys,
        })
    }

    fn external_batch(&mut self) -> Result<WindowPlan, Refused> {
        let attribute = self.clock_attribute()?;
        let span_ms = self.duration_ms()?;
        let constant = self.optional_integer();
        let column = match (constant, self.peek()) {
            (None, Some(_)) => Some(self.clock_attribute()?),
            _ => None,
        };
        let timeout_us = if self.peek().is_some() {
            Some(self.duration()?)
        } else {
            None
        };
        let start = external_start(constant, column);
        Ok(WindowPlan::ExternalTimeBatch(ExternalSpan {
            attribute,
            span_ms,
            start,
            timeout_us,
        }))
    }

    fn sort(&mut self) -> Result<WindowPlan, Refused> {
        let rows = self.rows()?;
        let mut by = Vec::new();
        while by.is_empty() || self.peek().is_some() {
            let (place, ..) = self.attribute()?;
            let mut descending = false;
            if let Some(Expr {
                kind: ExprKind::Literal(Value::String(s)),
                span,
            }) = self.peek()
            {
                descending = s.eq_ignore_ascii_case("desc");
                if !descending && !s.eq_ignore_ascii_case("asc") {
                    return Err(self.wrong(*span, "'asc' or 'desc' is expected"));
                }
                self.args.next();
            }
            by.push((place, descending));
        }
        Ok(WindowPlan::Sort { rows, by })
    }

    fn lossy_frequent(&mut self) -> Result<WindowPlan, Refused> {
        let support = self.share()?;
        let number = |e: &Expr| {
            matches!(
                e.kind,
                ExprKind::Literal(Value::Double(_) | Value::Long(_))
                    | ExprKind::Unary(Unary::Minus, _)
            )
        };
        let error = if self.peek().is_some_and(number) {
            self.share()?
        } else {
            support / 10.0
        };
        Ok(WindowPlan::LossyFrequent {
            support,
            error,
            keys: self.row_keys()?,
        })
    }

    fn cron(&mut self) -> Result<WindowPlan, Refused> {
        let (text, span) = self.text()?;
        Crontab::parse(text)
            .map(WindowPlan::Cron)
            .map_err(|why| self.wrong(span, why))
    }

    /// A condition over the rows of the window: a string, or an attribute that holds one.
    fn condition(&mut self) -> Result<ConditionSource, Refused> {
        if let Some(ExprKind::Column { .. }) = self.peek().map(|a| &a.kind) {
            return match self.attribute()? {
                (column, Type::String, _) => Ok(ConditionSource::Column {
                    column,
                    schema: self.scope.sources[self.source].schema.clone(),
                    functions: self.scope.catalogue.functions.clone(),
                }),
                (_, ty, span) => Err(self.wrong(
                    span,
                    format!("a STRING with a condition is expected, this is {ty}"),
                )),
            };
        }
        let (text, span) = self.text()?;
        let functions = &self.scope.catalogue.functions;
        let schema = self.scope.sources[self.source].schema;
        let bound = bind_expression_window(text, span, schema, functions);
        bound.map(ConditionSource::Text).map_err(|mut faults| {
            let first = faults.drain(..1).next();
            self.scope.faults.append(&mut faults);
            first
        })
    }

    /// Nothing may follow.
    fn end(&mut self) -> Result<(), Refused> {
        match self.args.next() {
            None => Ok(()),
            Some(arg) => Err(self.wrong(arg.span, "one parameter too many")),
        }
    }
}
