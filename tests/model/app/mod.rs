//! A random app as plain data, which prints itself as SQL.

pub mod partition;
pub mod pattern;
mod print;
pub mod rate;
mod window;

use super::expr::{Expr, Kind};
use eventflux::event::{Sign, Type};
pub use partition::Partition;
pub use pattern::Pattern;
pub use rate::Rate;
pub use window::Window;

/// What the values of an attribute are like: decides what may be built on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Small integers, quarters, a few strings: sums are exact in any order.
    Tame,
    /// Anything, extremes included.
    Wild,
    /// Few values, often NULL.
    Key,
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

/// What has a name and attributes: a stream, a table or a named window.
#[derive(Clone, Debug)]
pub struct Stream {
    pub name: String,
    pub attributes: Vec<Attribute>,
    /// Declared by the app; if not, the first query that inserts into it defines it.
    pub declared: bool,
    pub role: Role,
}

impl Stream {
    /// Whether it belongs to the partition.
    pub fn is_inner(&self) -> bool {
        self.name.starts_with('#')
    }
}

#[derive(Clone, Debug)]
pub enum Role {
    Stream,
    /// With the attributes of its primary key; none where it has no key.
    Table(Vec<usize>),
    /// With what its readers get of it.
    Window(Window, Events),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    Current,
    Expired,
    All,
}

impl Events {
    pub fn takes(self, sign: Sign) -> bool {
        match self {
            Events::All => true,
            Events::Current => sign == Sign::Plus,
            Events::Expired => sign == Sign::Minus,
        }
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

#[derive(Clone, Debug)]
pub struct Item {
    pub expr: Expr,
    pub alias: String,
    pub nature: Nature,
}

/// What a query does at its target.
#[derive(Clone, Debug)]
pub enum Action {
    Insert,
    /// Changes the rows of the table for which the condition holds. Selects nothing.
    Update {
        set: Vec<(usize, Expr)>,
        on: Expr,
    },
    /// Selects nothing.
    Delete {
        on: Expr,
    },
    /// Replaces the rows of the table for which the condition holds, or inserts.
    Upsert {
        on: Expr,
    },
}

/// What a query reads: a stream, or as a side of a join also a table.
#[derive(Clone, Debug)]
pub struct Source {
    pub stream: usize,
    pub alias: Option<String>,
    /// Before the window; its columns are those of the stream.
    pub filter: Option<Expr>,
    pub window: Option<Window>,
    /// Only its rows make a join give rows.
    pub unidirectional: bool,
}

impl Source {
    pub fn of(stream: usize) -> Self {
        Source {
            stream,
            alias: None,
            filter: None,
            window: None,
            unidirectional: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    Asof,
    AsofLeft,
}

impl JoinKind {
    pub fn is_asof(self) -> bool {
        matches!(self, JoinKind::Asof | JoinKind::AsofLeft)
    }

    pub fn pads_left(self) -> bool {
        matches!(self, JoinKind::Left | JoinKind::Full | JoinKind::AsofLeft)
    }

    pub fn pads_right(self) -> bool {
        matches!(self, JoinKind::Right | JoinKind::Full)
    }
}

/// A join with all that stands before it.
#[derive(Clone, Debug)]
pub struct Join {
    pub kind: JoinKind,
    pub source: Source,
    pub on: Expr,
    /// How much later than the first source its row may be: from, to, in microseconds, both included.
    pub bounds: Option<(i64, i64)>,
    /// How much older the row of an ASOF join may be.
    pub within: Option<i64>,
}

/// One query. Streams are numbers into `App::streams`; a query reads only streams that queries before it write.
///
/// Its columns are those of all its sources, one source behind the other.
#[derive(Clone, Debug)]
pub struct Query {
    pub action: Action,
    pub from: Source,
    pub joins: Vec<Join>,
    /// Its terms are what the query reads, and `from` is not.
    pub pattern: Option<Pattern>,
    pub target: usize,
    /// Where rows go that are late for the window.
    pub late: Option<usize>,
    pub events: Events,
    /// `SELECT *`: the items are the attributes of the source.
    pub star: bool,
    pub distinct: bool,
    pub items: Vec<Item>,
    pub aggregates: Vec<Call>,
    /// Whether attributes are written with the stream or its alias before a dot.
    pub qualified: bool,
    pub condition: Option<Expr>,
    pub group_by: Vec<Expr>,
    pub having: Option<Expr>,
    pub order_by: Vec<(Expr, bool)>,
    pub limit: Option<usize>,
    pub offset: Option<usize>,
    pub rate: Option<Rate>,
    /// It stands in the partition.
    pub inside: bool,
}

impl Query {
    /// Rows of a stream as they are.
    pub fn of(from: Source, target: usize) -> Self {
        Query {
            action: Action::Insert,
            from,
            joins: Vec::new(),
            pattern: None,
            target,
            late: None,
            events: Events::Current,
            star: false,
            distinct: false,
            items: Vec::new(),
            aggregates: Vec::new(),
            qualified: false,
            condition: None,
            group_by: Vec::new(),
            having: None,
            order_by: Vec::new(),
            limit: None,
            offset: None,
            rate: None,
            inside: false,
        }
    }

    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        let first = self.pattern.is_none().then_some(&self.from);
        let terms = self.pattern.iter().flat_map(|p| &p.terms);
        first
            .into_iter()
            .chain(terms.map(|t| &t.source))
            .chain(self.joins.iter().map(|j| &j.source))
    }

    pub fn reads(&self, stream: usize) -> bool {
        self.sources().any(|s| s.stream == stream)
    }

    pub fn writes(&self, stream: usize) -> bool {
        self.target == stream || self.late == Some(stream)
    }

    /// All expressions, for questions about them.
    pub fn exprs(&self) -> Vec<&Expr> {
        let sources = self.sources().filter_map(|s| s.filter.as_ref());
        let action = match &self.action {
            Action::Insert => Vec::new(),
            Action::Update { set, on } => set.iter().map(|(_, e)| e).chain([on]).collect(),
            Action::Delete { on } | Action::Upsert { on } => vec![on],
        };
        sources
            .chain(self.joins.iter().map(|j| &j.on))
            .chain(self.items.iter().map(|i| &i.expr))
            .chain(self.aggregates.iter().filter_map(|c| c.arg.as_ref()))
            .chain(&self.condition)
            .chain(&self.group_by)
            .chain(&self.having)
            .chain(self.order_by.iter().map(|(e, _)| e))
            .chain(action)
            .collect()
    }

    /// Whether it asks a table in an expression.
    pub fn asks(&self, table: usize) -> bool {
        let asks = |e: &&Expr| e.any(&|k| matches!(k, Kind::InTable(_, t, _) if *t == table));
        self.exprs().iter().any(asks)
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
    pub partition: Option<Partition>,
}

impl App {
    pub fn uses_sends(&self) -> bool {
        self.queries
            .iter()
            .any(|q| matches!(q.from.window, Some(Window::Batch)))
    }

    /// The window of a source: its own, or the named one that it reads.
    pub fn window<'a>(&'a self, source: &'a Source) -> Option<&'a Window> {
        match &self.streams[source.stream].role {
            Role::Window(window, _) => Some(window),
            _ => source.window.as_ref(),
        }
    }

    /// Whether a query gives whole flushes: all its windows do.
    pub fn flushes(&self, query: &Query) -> bool {
        let flushes = |s| self.window(s).is_some_and(Window::flushes);
        query.sources().all(flushes)
    }

    /// Whether rows that went into a query's aggregates leave them.
    pub fn forgets(&self, query: &Query) -> bool {
        let forgets = |s| self.window(s).is_some_and(Window::forgets);
        let pads = |j: &Join| j.bounds.is_none() && (j.kind.pads_left() || j.kind.pads_right());
        query.sources().any(forgets) || query.joins.iter().any(pads)
    }

    /// Whether it has joins, patterns, tables or named windows.
    pub fn is_relational(&self) -> bool {
        let has_role = |s: &Stream| !matches!(s.role, Role::Stream);
        let combines = |q: &Query| !q.joins.is_empty() || q.pattern.is_some();
        self.streams.iter().any(has_role) || self.queries.iter().any(combines)
    }

    /// Whether queries write into a stream, or a door of the partition.
    pub fn is_written(&self, stream: usize) -> bool {
        let unmatched = self.partition.iter().flat_map(|p| &p.unmatched);
        let mut unmatched = unmatched.filter(|(from, _)| self.door(*from).is_some());
        unmatched.any(|(_, to)| *to == stream) || self.queries.iter().any(|q| q.writes(stream))
    }

    pub fn is_table(&self, stream: usize) -> bool {
        matches!(self.streams[stream].role, Role::Table(_))
    }

    /// Whether something reads a stream, a table or a named window.
    pub fn is_read(&self, stream: usize) -> bool {
        let reads = |q: &Query| q.reads(stream) || q.asks(stream);
        self.queries.iter().any(reads)
    }

    /// The number of the first column of each source of a query, and of all columns.
    pub fn columns(&self, query: &Query) -> Vec<usize> {
        let mut ends = vec![0];
        for source in query.sources() {
            ends.push(ends[ends.len() - 1] + self.streams[source.stream].attributes.len());
        }
        ends
    }
}
