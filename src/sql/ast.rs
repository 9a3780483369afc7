//! Statements and expressions as read, with the place of each in the text.
//!
//! These are our own types: those of the parser library never leave this folder.

use crate::event::{Granularity, Type, Value};
use std::ops::Range;

/// A half-open range of bytes of the app's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes as a range.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// From the start of this to the end of the other.
    pub fn to(self, other: Span) -> Span {
        Span {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// A name and where it stands. Compared without regard to ASCII case.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// As written, without quotes.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A whole app.
#[derive(Clone, Debug, Default)]
pub struct App {
    /// `@app:name('…')`.
    pub name: Option<Name>,
    /// `@app:description('…')`.
    pub description: Option<Name>,
    /// `@app:playback` was given: event time.
    pub playback: bool,
    /// Allowed lateness of event time in microseconds: `@app:playback(lateness='5 SECONDS')`.
    pub lateness_us: i64,
    /// After this long without a row an input leaves the minimum of clocks: `idle.timeout`; `None`: never.
    pub idle_timeout_us: Option<i64>,
    /// A row further ahead than this of the largest time of its input does not move the clock: `ahead.max`; `None`:
    /// every row does.
    pub ahead_max_us: Option<i64>,
    /// `@app:processing` was given: the machine's time, which is meant without it, too.
    pub processing: bool,
    /// `@app:processing(clock.back='…')`.
    pub clock_back: ClockBackRule,
    /// Statements in order.
    pub statements: Vec<Statement>,
    /// The files that it names in the place of streams, once their columns are known.
    pub files: Vec<StreamDef>,
}

/// What the app's clock does in processing time where a checkpoint's is ahead of the machine's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockBackRule {
    /// It stands still until the machine's clock has made up for that.
    #[default]
    Wait,
    /// It goes on from where it stands.
    Follow,
}

/// One statement.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "an app has a handful, nearly all of them queries"
)]
pub enum Statement {
    /// `CREATE STREAM`.
    Stream(StreamDef),
    /// `CREATE TABLE`.
    Table(TableDef),
    /// `CREATE WINDOW`.
    Window(WindowDef),
    /// `CREATE TRIGGER`.
    Trigger(TriggerDef),
    /// A query with its target.
    Query(Query),
    /// `CREATE AGGREGATION`: the query that fills it.
    Aggregation(Query),
    /// `PARTITION`.
    Partition(Partition),
}

/// `PARTITION WITH (keys) [WITH (options)] BEGIN queries END`.
#[derive(Clone, Debug)]
pub struct Partition {
    /// By which keys rows of streams are apart, at least one.
    pub keys: Vec<PartitionKey>,
    /// `WITH` options in order, key and value.
    pub options: Vec<(Name, Name)>,
    /// The queries, of which each key has its own.
    pub queries: Vec<Query>,
}

/// `expression OF stream`, or ranges.
#[derive(Clone, Debug)]
pub struct PartitionKey {
    /// The stream.
    pub stream: Name,
    /// What the key of a row is.
    pub by: PartitionBy,
    /// The whole key.
    pub span: Span,
}

/// What the key of a row is.
#[derive(Clone, Debug)]
pub enum PartitionBy {
    /// A value.
    Value(Expr),
    /// The names of the conditions that it fulfils.
    Ranges(Vec<(Expr, Name)>),
}

/// `CREATE STREAM name (attributes) WITH (options)`.
#[derive(Clone, Debug)]
pub struct StreamDef {
    /// Name.
    pub name: Name,
    /// Attributes in order.
    pub attributes: Vec<(Name, Type)>,
    /// `WATERMARK FOR …`.
    pub watermark: Option<Watermark>,
    /// `WITH` options in order, key and value.
    pub options: Vec<(Name, Name)>,
}

/// `WATERMARK FOR ts AS ts - 5 SECONDS`.
#[derive(Clone, Debug)]
pub struct Watermark {
    /// The attribute that is the time of a row.
    pub column: Name,
    /// How late a row may be.
    pub lateness_us: i64,
    /// The clause.
    pub span: Span,
}

impl StreamDef {
    /// An option by its key.
    pub fn option(&self, key: &str) -> Option<&(Name, Name)> {
        self.options
            .iter()
            .find(|(name, _)| name.text.eq_ignore_ascii_case(key))
    }

    /// The option of a source that says how late its rows may be.
    pub fn lateness(&self) -> Option<&(Name, Name)> {
        let (_, direction) = self.option("type")?;
        let is_source = direction.text.eq_ignore_ascii_case("source");
        self.option("lateness").filter(|_| is_source)
    }
}

/// `CREATE TABLE name (attributes) WITH (options)`.
#[derive(Clone, Debug)]
pub struct TableDef {
    /// Name.
    pub name: Name,
    /// Attributes in order.
    pub attributes: Vec<(Name, Type)>,
    /// The attributes of the primary key, in order; none where it has no key. They need not be attributes.
    pub key: Vec<Name>,
    /// `WITH` options in order, key and value.
    pub options: Vec<(Name, Name)>,
}

/// `CREATE WINDOW name (attributes) WINDOW(…) [OUTPUT … EVENTS]`.
#[derive(Clone, Debug)]
pub struct WindowDef {
    /// Name.
    pub name: Name,
    /// Attributes in order.
    pub attributes: Vec<(Name, Type)>,
    /// The window.
    pub window: Window,
    /// Which rows its readers get: all, unless something else is said.
    pub events: Events,
}

/// `CREATE TRIGGER name AT …`.
#[derive(Clone, Debug)]
pub struct TriggerDef {
    /// Name.
    pub name: Name,
    /// When it fires.
    pub at: TriggerAt,
    /// From AT to the end.
    pub span: Span,
}

/// When a trigger fires.
#[derive(Clone, Debug)]
pub enum TriggerAt {
    /// Once, at the start of the app.
    Start,
    /// Every so many microseconds, at least one, from the start on.
    Every(i64),
    /// At the times of a cron expression.
    Cron(Name),
}

/// Which rows an INSERT passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Events {
    /// `+` rows (the default).
    #[default]
    Current,
    /// `−` rows.
    Expired,
    /// Both.
    All,
}

impl Events {
    /// Whether rows of this sign are passed on.
    pub fn takes(self, sign: crate::event::Sign) -> bool {
        match self {
            Events::All => true,
            Events::Current => sign == crate::event::Sign::Plus,
            Events::Expired => sign == crate::event::Sign::Minus,
        }
    }
}

/// `@info(…)`: what is said of the query that follows.
#[derive(Clone, Debug, Default)]
pub struct Info {
    /// `name='…'`.
    pub name: Option<Name>,
    /// `late.stream='…'`: where rows go that come too late for the query.
    pub late_stream: Option<Name>,
}

impl Info {
    /// Where something is said, if anything is.
    pub(crate) fn span(&self) -> Option<Span> {
        self.name
            .as_ref()
            .or(self.late_stream.as_ref())
            .map(|n| n.span)
    }
}

/// What a query does at its target.
#[derive(Clone, Debug)]
pub enum Action {
    /// `INSERT … INTO target`: its rows go there.
    Insert,
    /// `UPDATE target SET … FROM … WHERE on`: each of its rows changes rows of a table. It selects nothing.
    Update {
        /// Attributes of the table, each with its new value.
        set: Vec<(Name, Expr)>,
        /// Which rows of the table.
        on: Expr,
    },
    /// `DELETE FROM target USING … WHERE on`. It selects nothing.
    Delete {
        /// Which rows of the table.
        on: Expr,
    },
    /// `UPSERT INTO target SELECT … ON on`: rows of the table are replaced by its row, or this is inserted where there
    /// are none.
    Upsert {
        /// Which rows of the table.
        on: Expr,
    },
}

/// How two sides meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// `[INNER] JOIN`, `CROSS JOIN`.
    Inner,
    /// `LEFT [OUTER] JOIN`.
    Left,
    /// `RIGHT [OUTER] JOIN`.
    Right,
    /// `FULL [OUTER] JOIN`.
    Full,
    /// `ASOF JOIN`: with the latest row at or before.
    Asof,
    /// `ASOF LEFT JOIN`.
    AsofLeft,
}

/// `JOIN source ON condition`: what stands before it is its left side.
#[derive(Clone, Debug)]
pub struct Join {
    /// How the sides meet.
    pub kind: JoinKind,
    /// `ON condition`; `TRUE` for `CROSS JOIN`.
    pub on: Expr,
    /// `WITHIN t` of an ASOF join, in microseconds, with its place.
    pub within: Option<(i64, Span)>,
    /// From the first word of the join to the end of its condition.
    pub span: Span,
}

/// `INSERT … INTO target SELECT …`, in either order; UPDATE, DELETE and UPSERT of a table.
#[derive(Clone, Debug)]
pub struct Query {
    /// `@info(name='…')`.
    pub name: Option<Name>,
    /// `@info(late.stream='…')`.
    pub late_stream: Option<Name>,
    /// The whole statement.
    pub span: Span,
    /// Where the rows go.
    pub target: Name,
    /// What they do there.
    pub action: Action,
    /// Which rows go there.
    pub events: Events,
    /// `SELECT DISTINCT`.
    pub distinct: Option<Span>,
    /// What is selected.
    pub select: Vec<SelectItem>,
    /// What it reads, in the order of the text, at least one.
    pub sources: Vec<Source>,
    /// How each source but the first is joined with what stands before it.
    pub joins: Vec<Join>,
    /// The pattern or sequence whose terms the sources are, in the order of the text; none where rows come as they are.
    pub pattern: Option<Pattern>,
    /// `WHERE`, after the window.
    pub filter: Option<Expr>,
    /// `GROUP BY`.
    pub group_by: Vec<Expr>,
    /// `HAVING`.
    pub having: Option<Expr>,
    /// `ORDER BY` with `true` for descending.
    pub order_by: Vec<(Expr, bool)>,
    /// `LIMIT`.
    pub limit: Option<(u64, Span)>,
    /// `OFFSET`.
    pub offset: Option<(u64, Span)>,
    /// `OUTPUT …`.
    pub rate: Option<RateLimit>,
    /// What it fills, where that is an aggregation.
    pub aggregation: Option<Box<AggregationDef>>,
}

/// What `CREATE AGGREGATION name [WITH (options)] AS SELECT … AGGREGATE [BY attribute] EVERY …` says beside its SELECT.
#[derive(Clone, Debug)]
pub struct AggregationDef {
    /// `WITH` options in order, key and value.
    pub options: Vec<(Name, Name)>,
    /// `BY`: the time of a row in milliseconds; without it, when the row happened.
    pub by: Option<Expr>,
    /// How long its periods are, each once, from the finest to the coarsest.
    pub every: Vec<Granularity>,
}

/// `WITHIN start [, end] PER granularity`: which rows of an aggregation are read.
#[derive(Clone, Debug)]
pub struct Reach {
    /// The start, and the end; a pattern of dates is both. None where all rows are read.
    pub within: Option<(Expr, Option<Expr>)>,
    /// How long the periods are.
    pub per: Option<(Granularity, Span)>,
    /// All of it.
    pub span: Span,
}

/// `OUTPUT …` behind a query: which of its rows go out, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Which rows.
    pub rows: RateRows,
    /// How often.
    pub pace: RatePace,
    /// The whole clause.
    pub span: Span,
}

/// The rows of a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateRows {
    /// `ALL`, which is what holds without a word.
    All,
    /// `FIRST`.
    First,
    /// `LAST`.
    Last,
    /// `SNAPSHOT`.
    Snapshot,
}

/// How often rows go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatePace {
    /// `EVERY n EVENTS`, at least one.
    Events(u64),
    /// `EVERY t`, in microseconds, at least one.
    Time(i64),
}

/// `*` or an expression with its alias.
#[derive(Clone, Debug)]
pub enum SelectItem {
    /// All attributes of the source.
    Star(Span),
    /// One expression.
    Expr {
        /// The expression.
        expr: Expr,
        /// `AS alias`.
        alias: Option<Name>,
    },
}

/// `S[filter] [AS a] [WINDOW(…)]`.
#[derive(Clone, Debug)]
pub struct Source {
    /// Stream.
    pub stream: Name,
    /// `AS alias`.
    pub alias: Option<Name>,
    /// Filters before the window, in order.
    pub filters: Vec<Expr>,
    /// The window.
    pub window: Option<Window>,
    /// `UNIDIRECTIONAL`: only its rows trigger the join.
    pub unidirectional: Option<Span>,
    /// `WITHIN … PER …`, where it is an aggregation.
    pub reach: Option<Box<Reach>>,
    /// It is a text with an end, all of whose rows are taken as one window.
    pub whole: bool,
}

/// `PATTERN (chain) [WITHIN t] [EMIT TIMEOUT INTO name] [AFTER MATCH SKIP …] [WITH (…)]`, or SEQUENCE.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// `SEQUENCE`: no row may come between.
    pub is_sequence: bool,
    /// What must come, in order; at least one.
    pub chain: Vec<Step>,
    /// `WITHIN t` behind the parentheses, in microseconds, with its place.
    pub within: Option<(i64, Span)>,
    /// `EMIT TIMEOUT INTO name`: where runs go that WITHIN ended.
    pub timeout: Option<Name>,
    /// `AFTER MATCH SKIP PAST LAST ROW`.
    pub skip_past: Option<Span>,
    /// `WITH ('key'='value', …)`: what its state does not depend on.
    pub options: Vec<(Name, Name)>,
    /// From the first word to the end of these clauses, without WITH.
    pub span: Span,
}

/// `[EVERY] unit [WITHIN t]`.
#[derive(Clone, Debug)]
pub struct Step {
    /// `EVERY`.
    pub every: Option<Span>,
    /// What must come.
    pub unit: Unit,
    /// `WITHIN t` behind it, in microseconds, with its place.
    pub within: Option<(i64, Span)>,
    /// The whole step.
    pub span: Span,
}

impl Step {
    /// Calls `f` with every term, in the order of the text.
    pub fn each_term(&self, f: &mut dyn FnMut(&Term)) {
        match &self.unit {
            Unit::Group(chain) => chain.iter().for_each(|step| step.each_term(f)),
            Unit::Logical(logical) => logical.each_term(f),
        }
    }
}

impl Logical {
    fn each_term(&self, f: &mut dyn FnMut(&Term)) {
        match self {
            Logical::Term(term) => f(term),
            Logical::And(sides) | Logical::Or(sides) => sides.iter().for_each(|s| s.each_term(f)),
        }
    }
}

/// What stands between two separators of a pattern.
#[derive(Clone, Debug)]
pub enum Unit {
    /// `(chain)`.
    Group(Vec<Step>),
    /// One term, or terms of which several or one must come.
    Logical(Logical),
}

/// Terms joined by AND and OR.
#[derive(Clone, Debug)]
pub enum Logical {
    /// One term.
    Term(Term),
    /// All of these, at least two.
    And(Vec<Logical>),
    /// One of these, at least two.
    Or(Vec<Logical>),
}

/// `[name =] S[filter] [count]`, `NOT S[filter] [FOR t]`.
#[derive(Clone, Debug)]
pub struct Term {
    /// Its stream, name and filters: the place among the sources of the query.
    pub source: usize,
    /// `NOT`.
    pub absent: Option<Span>,
    /// `FOR t`, in microseconds, with its place; only behind NOT.
    pub silence: Option<(i64, Span)>,
    /// How many rows it takes; one where nothing is said.
    pub count: Option<Count>,
    /// The whole term.
    pub span: Span,
}

/// `{n}`, `{n,m}`, `{n,}`, `{,m}`, `+`, `*`, `?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// At least so many.
    pub min: u32,
    /// At most so many, at least one and `min`; as many as come where it is `None`.
    pub max: Option<u32>,
    /// Where.
    pub span: Span,
}

/// Which row of a counted term: `e[0]`, `e[last]`, `e[last-1]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Nth {
    /// Counted from the first, which is 0.
    First(u32),
    /// Counted back from the last, which is 0.
    Last(u32),
}

/// `WINDOW('name', arguments)`.
#[derive(Clone, Debug)]
pub struct Window {
    /// Name of the window type.
    pub name: Name,
    /// Arguments after the name. A duration is an [`ExprKind::Duration`].
    pub args: Vec<Expr>,
    /// The whole clause.
    pub span: Span,
}

/// An expression and where it stands.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

/// Unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    /// `NOT`.
    Not,
    /// `-`.
    Minus,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named by their signs")]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    And,
    Or,
}

/// A type as CAST names it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DataType {
    /// The type of the values.
    pub ty: Type,
    /// What else holds for them.
    pub size: Option<Size>,
    /// It is TIMESTAMP: a LONG, and a text that becomes one is read as an instant.
    pub is_instant: bool,
    /// Where.
    pub span: Span,
}

/// What stands in parentheses behind the name of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// `VARCHAR(n)`: texts of at most so many characters.
    Length(u64),
    /// `DECIMAL(precision, scale)`: so many digits in all, and of them behind the point.
    Digits {
        /// In all.
        precision: u32,
        /// Behind the point.
        scale: u32,
    },
}

/// The kinds of expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// NULL, TRUE, 1, 2.5, 'x'. An integer literal is a LONG value, a decimal a DOUBLE.
    Literal(Value),
    /// `5 SECONDS`: microseconds.
    Duration(i64),
    /// `attribute` or `qualifier.attribute`. `quoted` when written "so": may be a string where no identifier fits.
    Column {
        /// Stream or alias before the dot.
        qualifier: Option<Name>,
        /// Attribute.
        name: Name,
        /// Written in double quotes.
        quoted: bool,
    },
    /// `e[0].attribute`: of one of the rows of a term.
    Nth {
        /// The term.
        term: Name,
        /// Which of its rows.
        nth: Nth,
        /// Attribute.
        name: Name,
    },
    /// `NOT x`, `-x`.
    Unary(Unary, Box<Expr>),
    /// `x + y` and its like.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `x IS NULL`; `true` for `IS NOT NULL`.
    IsNull(Box<Expr>, bool),
    /// `x IN (a, b)`; `true` for `NOT IN`.
    In(Box<Expr>, Vec<Expr>, bool),
    /// `(condition) IN table`; `true` for `NOT IN`.
    InTable(Box<Expr>, Name, bool),
    /// `x BETWEEN low AND high`; `true` for `NOT BETWEEN`.
    Between(Box<Expr>, Box<Expr>, Box<Expr>, bool),
    /// `x LIKE pattern`; `true` for `NOT LIKE`.
    Like(Box<Expr>, Box<Expr>, bool),
    /// `ms AT TIME ZONE zone`.
    AtZone(Box<Expr>, Box<Expr>),
    /// `CASE [x] WHEN a THEN b … [ELSE c] END`.
    Case {
        /// The operand of a simple CASE.
        operand: Option<Box<Expr>>,
        /// WHEN and THEN.
        branches: Vec<(Expr, Expr)>,
        /// ELSE.
        otherwise: Option<Box<Expr>>,
    },
    /// `CAST(x AS type)`.
    Cast(Box<Expr>, DataType),
    /// `name(args)`, an aggregate or a scalar function; `count(*)` has no arguments.
    Call {
        /// Function name; `and`, `or`, `default` included.
        name: Name,
        /// Arguments.
        args: Vec<Expr>,
        /// `f(DISTINCT x)`.
        distinct: bool,
    },
    /// `call OVER (…)`: the call, which is an [`ExprKind::Call`], and the rows that it looks at.
    Over(Box<Expr>, Box<Over>),
}

/// `OVER ([PARTITION BY …] [ORDER BY …] [frame])`.
#[derive(Clone, Debug)]
pub struct Over {
    /// PARTITION BY.
    pub keys: Vec<Expr>,
    /// ORDER BY.
    pub order: Option<Expr>,
    /// ROWS or RANGE.
    pub frame: Option<OverFrame>,
}

/// `ROWS bound` or `RANGE bound`, up to the current row.
#[derive(Clone, Copy, Debug)]
pub struct OverFrame {
    /// Where it begins.
    pub bound: OverBound,
    /// Where it stands.
    pub span: Span,
}

/// Where a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverBound {
    /// With the first row.
    Unbounded,
    /// So many rows before the current one.
    Rows(u64),
    /// So many microseconds before it.
    Time(i64),
}

impl Expr {
    /// Calls `f` for every direct operand.
    pub fn children_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        match &mut self.kind {
            ExprKind::Literal(_)
            | ExprKind::Duration(_)
            | ExprKind::Column { .. }
            | ExprKind::Nth { .. } => {}
            ExprKind::Unary(_, a)
            | ExprKind::IsNull(a, _)
            | ExprKind::Cast(a, _)
            | ExprKind::InTable(a, ..) => f(a),
            ExprKind::Binary(_, a, b) | ExprKind::Like(a, b, _) | ExprKind::AtZone(a, b) => {
                [a, b].into_iter().for_each(|e| f(e))
            }
            ExprKind::Between(a, b, c, _) => [a, b, c].into_iter().for_each(|e| f(e)),
            ExprKind::In(a, list, _) => {
                f(a);
                list.iter_mut().for_each(f);
            }
            ExprKind::Call { args, .. } => args.iter_mut().for_each(f),
            ExprKind::Over(call, over) => {
                f(call);
                over.children_mut(f);
            }
            ExprKind::Case {
                operand,
                branches,
                otherwise,
            } => {
                operand.iter_mut().for_each(|e| f(e));
                for (when, then) in branches {
                    f(when);
                    f(then);
                }
                otherwise.iter_mut().for_each(|e| f(e));
            }
        }
    }
}
