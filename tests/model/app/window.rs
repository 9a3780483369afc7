//! The windows of a random app.

use super::print::span;

/// Spans are microseconds.
#[derive(Clone, Debug)]
pub enum Window {
    Length(usize),
    LengthBatch(usize),
    Time(i64),
    TimeBatch(i64, Option<i64>),
    Tumbling(i64, Option<i64>),
    Hop(i64, i64),
    TimeLength(i64, usize),
    /// Every so many seconds of a minute.
    Cron(i64),
    Batch,
    Session(i64, Option<usize>),
    SessionBatch(i64, Option<usize>),
    Unique(Vec<usize>),
    FirstUnique(Vec<usize>),
    Delay(i64),
    Sort(usize, Vec<(usize, bool)>),
    ExternalTime(usize, i64),
}

impl Window {
    /// Whether it emits whole flushes.
    pub fn flushes(&self) -> bool {
        use Window::*;
        matches!(
            self,
            LengthBatch(_)
                | TimeBatch(..)
                | Tumbling(..)
                | Hop(..)
                | Cron(_)
                | Batch
                | SessionBatch(..)
        )
    }

    /// Whether it has rows of one time go by arrival, and all else by time.
    pub fn is_ordered(&self) -> bool {
        use Window::*;
        matches!(
            self,
            Time(_) | TimeLength(..) | Session(..) | Delay(_) | TimeBatch(..) | Cron(_)
        )
    }

    /// Whether a row may be late for it.
    pub fn refuses(&self) -> bool {
        self.is_timed() || matches!(self, Window::ExternalTime(..))
    }

    /// Whether it knows the time of rows.
    pub fn is_timed(&self) -> bool {
        use Window::*;
        self.is_ordered() || matches!(self, Tumbling(..) | Hop(..) | SessionBatch(..))
    }

    /// Whether rows leave it, or all at once are forgotten.
    pub fn forgets(&self) -> bool {
        !matches!(self, Window::Delay(_) | Window::FirstUnique(_))
    }

    /// Whether it knows the start and end of what it flushes.
    pub fn has_bounds(&self) -> bool {
        matches!(self, Window::Tumbling(..) | Window::Hop(..))
    }

    pub fn name(&self) -> &'static str {
        match self {
            Window::Length(_) => "length",
            Window::LengthBatch(_) => "lengthBatch",
            Window::Time(_) => "time",
            Window::TimeBatch(..) => "timeBatch",
            Window::Tumbling(..) => "tumbling",
            Window::Hop(..) => "hop",
            Window::TimeLength(..) => "timeLength",
            Window::Cron(_) => "cron",
            Window::Batch => "batch",
            Window::Session(..) => "session",
            Window::SessionBatch(..) => "sessionBatch",
            Window::Unique(_) => "unique",
            Window::FirstUnique(_) => "firstUnique",
            Window::Delay(_) => "delay",
            Window::Sort(..) => "sort",
            Window::ExternalTime(..) => "externalTime",
        }
    }

    /// Name and parameters, as they stand in `WINDOW(…)`.
    pub fn sql(&self, columns: &[String]) -> String {
        let keys = |of: &[usize]| {
            of.iter()
                .map(|k| columns[*k].clone())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let parameters = match self {
            Window::Length(n) | Window::LengthBatch(n) => n.to_string(),
            Window::Time(t) | Window::Delay(t) => span(*t),
            Window::Session(t, None) | Window::SessionBatch(t, None) => span(*t),
            Window::Cron(seconds) => format!("'*/{seconds} * * * * *'"),
            Window::TimeBatch(t, None) | Window::Tumbling(t, None) => span(*t),
            Window::TimeBatch(t, Some(other))
            | Window::Tumbling(t, Some(other))
            | Window::Hop(t, other) => {
                format!("{}, {}", span(*t), span(*other))
            }
            Window::TimeLength(t, n) => format!("{}, {n}", span(*t)),
            Window::Batch => return "'batch'".into(),
            Window::Session(gap, Some(key)) | Window::SessionBatch(gap, Some(key)) => {
                format!("{}, {}", span(*gap), columns[*key])
            }
            Window::Unique(of) | Window::FirstUnique(of) => keys(of),
            Window::Sort(n, by) => {
                let by = by.iter().map(|(k, down)| {
                    format!(
                        ", {}, '{}'",
                        columns[*k],
                        if *down { "desc" } else { "asc" }
                    )
                });
                n.to_string() + &by.collect::<String>()
            }
            Window::ExternalTime(clock, t) => format!("{}, {}", columns[*clock], span(*t)),
        };
        format!("'{}', {parameters}", self.name())
    }
}
