//! `WINDOW('name', arguments)` → a window with its parameters.

use super::{Catalogue, StreamPlan};
use crate::error::Fault;
use crate::event::Value;
use crate::operator::window::{Panes, Start};
use crate::sql::ast::{Expr, ExprKind, Span, Window};

/// A window with checked parameters. Times are in microseconds.
#[derive(Clone, Debug)]
pub(crate) enum WindowPlan {
    Length(usize),
    LengthBatch {
        rows: usize,
        streams: bool,
    },
    Time(i64),
    TimeBatch {
        span_us: i64,
        start: Start,
        streams: bool,
    },
    Panes(Panes),
    SendBatch,
}

impl WindowPlan {
    /// Rows leave one by one, and aggregates retract them.
    pub(crate) fn retracts(&self) -> bool {
        matches!(self, WindowPlan::Length(_) | WindowPlan::Time(_))
    }

    /// Rows leave in flushes.
    pub(crate) fn flushes(&self) -> bool {
        !self.retracts()
    }

    /// The columns of its key, where rows of different keys never meet although it is not keyed by time alone.
    pub(crate) fn key_columns(&self) -> Option<Vec<usize>> {
        None
    }

    /// Columns of the input that it reads itself.
    pub(crate) fn columns(&self) -> Vec<usize> {
        Vec::new()
    }

    /// It has timers.
    pub(crate) fn timed(&self) -> bool {
        matches!(
            self,
            WindowPlan::Time(_) | WindowPlan::TimeBatch { .. } | WindowPlan::Panes(_)
        )
    }

    /// Rows of different keys never meet in it, so that keys may live on different workers.
    pub(crate) fn spans_no_keys(&self) -> bool {
        match self {
            WindowPlan::Time(_) | WindowPlan::Panes(_) => true,
            WindowPlan::TimeBatch { start, .. } => *start != Start::FirstRow,
            WindowPlan::Length(_) | WindowPlan::LengthBatch { .. } | WindowPlan::SendBatch => false,
        }
    }
}

/// Names and parameters of the windows.
pub(crate) const WINDOWS: [(&str, &str); 8] = [
    ("length", "length(rows)"),
    ("lengthBatch", "lengthBatch(rows [, stream_current])"),
    ("time", "time(duration)"),
    (
        "timeBatch",
        "timeBatch(duration [, start] [, stream_current])",
    ),
    ("tumbling", "tumbling(duration [, offset])"),
    ("hop", "hop(size, slide)"),
    ("sliding", "sliding(size, slide)"),
    ("batch", "batch()"),
];

/// Binds a window clause over a stream.
pub(super) fn bind_window(
    window: &Window,
    _stream: &StreamPlan,
    _text: &str,
    _catalogue: &Catalogue,
) -> Result<Option<WindowPlan>, Vec<Fault>> {
    let name = window.name.text.as_str();
    let Some((_, signature)) = WINDOWS.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)) else {
        let known = WINDOWS.iter().map(|(n, _)| *n);
        return Err(vec![
            Fault::new(window.name.span, format!("unknown window '{name}'")).nearest(name, known),
        ]);
    };
    let mut args = Args {
        args: window.args.iter(),
        span: window.span,
        signature,
    };
    let bound = match name.to_ascii_lowercase().as_str() {
        "length" => args.rows().map(WindowPlan::Length),
        "lengthbatch" => args.rows().and_then(|rows| {
            let streams = args.flag("stream_current")?;
            Ok(WindowPlan::LengthBatch { rows, streams })
        }),
        "time" => args.duration().map(WindowPlan::Time),
        "timebatch" => time_batch(&mut args),
        "tumbling" => args.duration().and_then(|size_us| {
            let offset_us = args.optional_duration()?.unwrap_or(0);
            Ok(WindowPlan::Panes(Panes {
                size_us,
                slide_us: size_us,
                offset_us,
            }))
        }),
        "hop" | "sliding" => hop(&mut args),
        _ => Ok(WindowPlan::SendBatch),
    };
    let bound = bound.and_then(|w| args.end().map(|()| w));
    bound.map(Some).map_err(|fault| vec![fault])
}

fn time_batch(args: &mut Args<'_>) -> Result<WindowPlan, Fault> {
    let span_us = args.duration()?;
    let start = match args.optional_integer()? {
        None => Start::FirstRow,
        Some(ms) => Start::Grid(ms.saturating_mul(1000)),
    };
    let streams = args.flag("stream_current")?;
    Ok(WindowPlan::TimeBatch {
        span_us,
        start,
        streams,
    })
}

fn hop(args: &mut Args<'_>) -> Result<WindowPlan, Fault> {
    let size_us = args.duration()?;
    let slide_us = args.duration()?;
    if size_us % slide_us != 0 {
        let fault = Fault::new(
            args.span,
            "the size of a hop window is a multiple of its slide",
        );
        return Err(fault.help("hop(10 SECONDS, 2 SECONDS)"));
    }
    Ok(WindowPlan::Panes(Panes {
        size_us,
        slide_us,
        offset_us: 0,
    }))
}

/// The arguments of a window, read from left to right.
pub(super) struct Args<'a> {
    args: std::slice::Iter<'a, Expr>,
    span: Span,
    signature: &'a str,
}

impl<'a> Args<'a> {
    fn wrong(&self, span: Span, message: impl Into<String>) -> Fault {
        Fault::new(span, message).help(format!("parameters: {}", self.signature))
    }

    fn next(&mut self) -> Result<&'a Expr, Fault> {
        self.args
            .next()
            .ok_or_else(|| self.wrong(self.span, "a parameter is missing"))
    }

    fn peek(&self) -> Option<&'a Expr> {
        self.args.as_slice().first()
    }

    /// A number of rows, at least 1.
    fn rows(&mut self) -> Result<usize, Fault> {
        let arg = self.next()?;
        match arg.kind {
            // Slots are numbered in 32 bits.
            ExprKind::Literal(Value::Long(n)) if (1..=1 << 30).contains(&n) => Ok(n as usize),
            _ => Err(self.wrong(
                arg.span,
                "a number of rows from 1 to 1073741824 is expected",
            )),
        }
    }

    /// A duration of at least 1 µs; an integer counts milliseconds.
    fn duration(&mut self) -> Result<i64, Fault> {
        let arg = self.next()?;
        match duration(arg) {
            Some(us) if us > 0 => Ok(us),
            _ => Err(self.wrong(arg.span, "a positive duration is expected, as in 5 SECONDS")),
        }
    }

    fn optional_duration(&mut self) -> Result<Option<i64>, Fault> {
        let Some(arg) = self.args.next() else {
            return Ok(None);
        };
        let us = duration(arg)
            .ok_or_else(|| self.wrong(arg.span, "a duration is expected, as in 5 SECONDS"))?;
        Ok(Some(us))
    }

    /// An integer, if one is next.
    fn optional_integer(&mut self) -> Result<Option<i64>, Fault> {
        match self.peek().map(|a| &a.kind) {
            Some(ExprKind::Literal(Value::Long(n))) => {
                self.args.next();
                Ok(Some(*n))
            }
            Some(ExprKind::Duration(us)) => {
                self.args.next();
                Ok(Some(us.div_euclid(1000)))
            }
            _ => Ok(None),
        }
    }

    /// A switch: its name, TRUE or FALSE; off when absent.
    fn flag(&mut self, name: &str) -> Result<bool, Fault> {
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

    /// Nothing may follow.
    fn end(&mut self) -> Result<(), Fault> {
        match self.args.next() {
            None => Ok(()),
            Some(arg) => Err(self.wrong(arg.span, "one parameter too many")),
        }
    }
}

fn duration(expr: &Expr) -> Option<i64> {
    match expr.kind {
        ExprKind::Duration(us) => Some(us),
        ExprKind::Literal(Value::Long(ms)) => ms.checked_mul(1000),
        _ => None,
    }
}
