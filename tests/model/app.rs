//! A random app as plain data, which prints itself as SQL.

use super::expr::{Expr, Names};
use eventflux::event::Type;
use std::fmt;

/// What the values of an attribute are like: decides what may be built on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Small integers, quarters, a few strings: sums are exact in any order.
    Tame,
    /// Anything, extremes included.
    Wild,
    /// Never NULL, never decreasing: a clock of `externalTime`.
    Rising,
    /// Anything, and right within one unit in the last place: an aggregate over rows that leave.
    Rounded,
    /// Right only within a tolerance: passed on, never computed with.
    Approximate,
}

#[derive(Clone, Debug)]
pub struct Attribute {
    pub name: String,
    pub ty: Type,
    pub nature: Nature,
}

/// A stream: declared by the app, or defined by the first query that inserts into it.
#[derive(Clone, Debug)]
pub struct Stream {
    pub name: String,
    pub attributes: Vec<Attribute>,
    pub declared: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    Current,
    Expired,
    All,
}

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
    fn sql(&self, columns: &[String]) -> String {
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

/// A duration as SQL, in the biggest unit that holds it exactly.
pub fn span(us: i64) -> String {
    match us {
        _ if us % 1_000_000 == 0 && us != 0 => format!("{} SECONDS", us / 1_000_000),
        _ if us % 1_000 == 0 => format!("{} MILLISECONDS", us / 1_000),
        _ => format!("{us} MICROSECONDS"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    Count,
    CountOf,
    CountDistinct,
    DistinctCount,
    Sum,
    Avg,
    Min,
    Max,
    MinForever,
    MaxForever,
    StdDev,
    StdDevSample,
    Variance,
    VarianceSample,
    Median,
    /// With the share, in percent.
    Percentile(u8),
    First,
    Last,
    And,
    Or,
}

/// One aggregate call.
#[derive(Clone, Debug)]
pub struct Call {
    pub aggregate: Aggregate,
    pub arg: Option<Expr>,
}

impl Call {
    fn sql(&self, names: &Names) -> String {
        let arg = self.arg.as_ref().map(|a| a.sql(names)).unwrap_or_default();
        match self.aggregate {
            Aggregate::Count => "count()".into(),
            Aggregate::CountOf => format!("count({arg})"),
            Aggregate::CountDistinct => format!("count(DISTINCT {arg})"),
            Aggregate::DistinctCount => format!("distinctCount({arg})"),
            Aggregate::Sum => format!("sum({arg})"),
            Aggregate::Avg => format!("avg({arg})"),
            Aggregate::Min => format!("min({arg})"),
            Aggregate::Max => format!("max({arg})"),
            Aggregate::MinForever => format!("minForever({arg})"),
            Aggregate::MaxForever => format!("maxForever({arg})"),
            Aggregate::StdDev => format!("stdDev({arg})"),
            Aggregate::StdDevSample => format!("stddev_samp({arg})"),
            Aggregate::Variance => format!("variance({arg})"),
            Aggregate::VarianceSample => format!("var_samp({arg})"),
            Aggregate::Median => format!("median({arg})"),
            Aggregate::Percentile(p) => format!("percentile({arg}, {})", f64::from(p) / 100.0),
            Aggregate::First => format!("first({arg})"),
            Aggregate::Last => format!("last({arg})"),
            Aggregate::And => format!("and({arg})"),
            Aggregate::Or => format!("or({arg})"),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Item {
    pub expr: Expr,
    pub alias: String,
    pub nature: Nature,
}

/// One query. Streams are numbers into `App::streams`; a query reads only streams that queries before it write.
#[derive(Clone, Debug)]
pub struct Query {
    pub source: usize,
    pub target: usize,
    /// Where rows go that are late for the window.
    pub late: Option<usize>,
    pub events: Events,
    /// `SELECT *`: the items are the attributes of the source.
    pub star: bool,
    pub distinct: bool,
    pub items: Vec<Item>,
    pub aggregates: Vec<Call>,
    pub alias: Option<String>,
    /// Whether attributes are written with the stream or its alias before a dot.
    pub qualified: bool,
    pub filter: Option<Expr>,
    pub window: Option<Window>,
    pub condition: Option<Expr>,
    pub group_by: Vec<Expr>,
    pub having: Option<Expr>,
    pub order_by: Vec<(Expr, bool)>,
    pub limit: Option<usize>,
    pub offset: Option<usize>,
}

impl Query {
    pub fn flushes(&self) -> bool {
        self.window.as_ref().is_some_and(Window::flushes)
    }

    /// Whether rows that went into its aggregates leave them.
    pub fn forgets(&self) -> bool {
        self.window.as_ref().is_some_and(Window::forgets)
    }

    pub fn writes(&self, stream: usize) -> bool {
        self.target == stream || self.late == Some(stream)
    }

    fn names(&self, app: &App) -> Names {
        let source = &app.streams[self.source];
        let before = match (&self.alias, self.qualified) {
            (_, false) => String::new(),
            (Some(alias), true) => format!("{alias}."),
            (None, true) => format!("{}.", source.name),
        };
        let mut names = Names {
            columns: source
                .attributes
                .iter()
                .map(|a| format!("{before}{}", a.name))
                .collect(),
            outputs: self.items.iter().map(|i| i.alias.clone()).collect(),
            aggregates: Vec::new(),
        };
        names.aggregates = self
            .aggregates
            .iter()
            .map(|call| call.sql(&names))
            .collect();
        names
    }

    fn selection(&self, names: &Names) -> String {
        if self.star {
            return "*".into();
        }
        let items = self
            .items
            .iter()
            .map(|i| format!("{} AS {}", i.expr.sql(names), i.alias));
        items.collect::<Vec<_>>().join(", ")
    }

    fn sql(&self, app: &App) -> String {
        let names = self.names(app);
        let source = &app.streams[self.source];
        let bare: Vec<String> = source.attributes.iter().map(|a| a.name.clone()).collect();
        let late = self.late.map(|late| {
            let (name, late) = (&app.streams[self.target].name, &app.streams[late].name);
            format!("@info(name='{name}', late.stream='{late}') ")
        });
        let mut text = late.unwrap_or_default();
        text += &format!(
            "INSERT {}INTO {} SELECT {}{} FROM {}",
            match self.events {
                Events::Current => "",
                Events::Expired => "EXPIRED EVENTS ",
                Events::All => "ALL EVENTS ",
            },
            app.streams[self.target].name,
            if self.distinct { "DISTINCT " } else { "" },
            self.selection(&names),
            source.name
        );
        let plain = Names {
            columns: bare.clone(),
            outputs: Vec::new(),
            aggregates: Vec::new(),
        };
        let mut add = |clause: String| text.push_str(&clause);
        self.filter
            .iter()
            .for_each(|f| add(format!("[{}]", f.sql(&plain))));
        self.alias.iter().for_each(|a| add(format!(" AS {a}")));
        self.window
            .iter()
            .for_each(|w| add(format!(" WINDOW({})", w.sql(&bare))));
        self.condition
            .iter()
            .for_each(|c| add(format!(" WHERE {}", c.sql(&names))));
        let list = |of: &[Expr]| {
            of.iter()
                .map(|e| e.sql(&names))
                .collect::<Vec<_>>()
                .join(", ")
        };
        if !self.group_by.is_empty() {
            add(format!(" GROUP BY {}", list(&self.group_by)));
        }
        self.having
            .iter()
            .for_each(|h| add(format!(" HAVING {}", h.sql(&names))));
        if !self.order_by.is_empty() {
            let by = self
                .order_by
                .iter()
                .map(|(e, down)| e.sql(&names) + if *down { " DESC" } else { "" });
            add(format!(" ORDER BY {}", by.collect::<Vec<_>>().join(", ")));
        }
        self.limit.iter().for_each(|n| add(format!(" LIMIT {n}")));
        self.offset.iter().for_each(|n| add(format!(" OFFSET {n}")));
        text
    }
}

/// A whole app: streams, then queries in the order of their rows.
#[derive(Clone, Debug)]
pub struct App {
    pub lateness_us: i64,
    /// How far a row may be ahead of its input.
    pub ahead_us: Option<i64>,
    /// How many inputs feed it.
    pub inputs: usize,
    pub streams: Vec<Stream>,
    pub queries: Vec<Query>,
}

impl App {
    pub fn uses_sends(&self) -> bool {
        self.queries
            .iter()
            .any(|q| matches!(q.window, Some(Window::Batch)))
    }
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lateness = (self.lateness_us > 0).then_some(("lateness", self.lateness_us));
        let ahead = self.ahead_us.map(|us| ("ahead.max", us));
        let options: Vec<String> = lateness
            .into_iter()
            .chain(ahead)
            .map(|(name, us)| format!("{name}='{}'", span(us)))
            .collect();
        match options.is_empty() {
            true => writeln!(f, "@app:playback")?,
            false => writeln!(f, "@app:playback({})", options.join(", "))?,
        }
        for stream in self.streams.iter().filter(|s| s.declared) {
            let list: Vec<_> = stream
                .attributes
                .iter()
                .map(|a| format!("{} {}", a.name, a.ty))
                .collect();
            writeln!(f, "CREATE STREAM {} ({});", stream.name, list.join(", "))?;
        }
        for query in &self.queries {
            writeln!(f, "{};", query.sql(self))?;
        }
        Ok(())
    }
}
