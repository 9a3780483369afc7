//! What names mean in the parts of a query: attributes, start and end of the window, aggregates. They become columns
//! by their role; places in the frames of programs are made of them when the query is built.

use super::limits::{self, EXPANDED_HEIGHT_MAX, EXPANDED_NODES_MAX};
use super::over::{OverPlan, bind_over};
use super::pattern::PatternPlan;
use super::source::{self, NamedSource};
use super::table::{MemberPlan, bind_member};
use super::{Catalogue, StreamPlan};
use crate::error::{FAULTS_MAX, Fault};
use crate::event::Type;
use crate::expr::{ColumnRef, Scope, Typed, Unresolved, bind};
use crate::operator::aggregate::{Aggregate, AggregateCall, Rows};
use crate::sql::ast::{Expr, ExprKind, Name, Nth, Over, SelectItem, Span};

/// One aggregate call of a query with its bound arguments.
pub(crate) struct Call {
    pub(crate) call: AggregateCall,
    pub(crate) args: Vec<Typed>,
    /// The call as written, to find it again.
    pub(super) text: String,
}

/// What a clause may use beside attributes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Clause {
    /// A filter before the window of a source, or an argument of that window: it knows only its source, by its place.
    Source(usize),
    /// ON of the join of a source, by its place, with those before it.
    On(usize),
    /// A filter of a term of a pattern, by its place: it knows the row, and the terms before it.
    Term(usize),
    /// What is said of rows of the target, which is one more source: ON, WHERE and SET of a table that is changed.
    Target,
    /// The condition of IN with a table, which is one more source, over the source at this place.
    Member(usize),
    /// WHERE.
    Where,
    /// GROUP BY.
    GroupBy,
    /// The argument of an aggregate.
    Argument,
    /// PARTITION BY in OVER.
    Over,
    /// SELECT, HAVING, ORDER BY: aggregates may stand here.
    Output,
}

impl Clause {
    pub(super) fn name(self) -> &'static str {
        match self {
            Clause::Source(_) => "a filter",
            Clause::On(_) => "ON",
            Clause::Term(_) => "a filter",
            Clause::Target => "a condition on a table",
            Clause::Member(_) => "IN",
            Clause::Where => "WHERE",
            Clause::GroupBy => "GROUP BY",
            Clause::Argument => "an aggregate",
            Clause::Over => "OVER",
            Clause::Output => "SELECT",
        }
    }
}

/// The names of one query.
pub(super) struct QueryScope<'a> {
    pub(super) text: &'a str,
    pub(super) catalogue: &'a Catalogue,
    pub(super) sources: &'a [NamedSource<'a>],
    /// The tables of the app.
    pub(super) tables: &'a [StreamPlan],
    /// Whether the window has a start and an end; `None` where the window itself is wrong.
    pub(super) has_panes: Option<bool>,
    pub(super) rows: Rows,
    /// Where rows leave in any order, those that enter can be told by numbers.
    pub(super) numbers_rows: bool,
    pub(super) clause: Clause,
    pub(super) calls: Vec<Call>,
    /// The calls with OVER.
    pub(super) over: OverPlan,
    /// The pattern whose terms the sources are.
    pub(super) pattern: Option<PatternPlan>,
    /// The counted term over whose rows an aggregate is bound.
    pub(super) over_term: Option<usize>,
    /// The conditions of IN with tables.
    pub(super) members: Vec<MemberPlan>,
    /// What names and numbers stand for that were replaced in keys and in arguments of aggregates.
    pub(super) meant: Vec<String>,
    /// Parts of the expressions that aliases and numbers of columns were replaced by.
    pub(super) expanded: usize,
    pub(super) faults: Vec<Fault>,
}

impl<'a> QueryScope<'a> {
    /// The scope of a query over these sources.
    pub(super) fn new(
        text: &'a str,
        catalogue: &'a Catalogue,
        sources: &'a [NamedSource<'a>],
        tables: &'a [StreamPlan],
    ) -> Self {
        QueryScope {
            text,
            catalogue,
            sources,
            tables,
            has_panes: Some(false),
            rows: Rows::Forever,
            numbers_rows: true,
            clause: Clause::Output,
            calls: Vec::new(),
            over: OverPlan::default(),
            pattern: None,
            over_term: None,
            members: Vec::new(),
            meant: Vec::new(),
            expanded: 0,
            faults: Vec::new(),
        }
    }

    /// The scope of this query over other sources, with faults of its own.
    pub(super) fn over<'b>(&self, sources: &'b [NamedSource<'b>]) -> QueryScope<'b>
    where
        'a: 'b,
    {
        QueryScope {
            rows: self.rows,
            ..QueryScope::new(self.text, self.catalogue, sources, self.tables)
        }
    }
}

impl QueryScope<'_> {
    /// Whether some source has an attribute of this name.
    fn has_attribute(&self, name: &Name) -> bool {
        let mut schemas = self.sources.iter().map(|s| s.schema);
        schemas.any(|schema| schema.position(&name.text).is_some())
    }

    /// Binds an expression of a clause; faults are kept.
    pub(super) fn bind(&mut self, clause: Clause, expr: &Expr) -> Option<Typed> {
        if self.faults.len() > FAULTS_MAX {
            return None;
        }
        let before = std::mem::replace(&mut self.clause, clause);
        let mut faults = Vec::new();
        let catalogue = self.catalogue;
        let typed = bind(expr, self, &catalogue.functions, &mut faults);
        self.faults.append(&mut faults);
        self.clause = before;
        typed
    }

    /// Binds a condition.
    pub(super) fn condition(&mut self, clause: Clause, expr: &Expr) -> Option<Typed> {
        let typed = self.bind(clause, expr)?;
        match typed.ty {
            Some(Type::Bool) => Some(typed),
            None => typed
                .coerce(Type::Bool)
                .map_err(|f| self.faults.push(f))
                .ok(),
            Some(ty) => {
                let fault = Fault::new(expr.span, format!("a condition is BOOL, this is {ty}"));
                self.faults
                    .push(fault.help("compare it with something, as in x > 0"));
                None
            }
        }
    }

    /// `eventTimestamp(a)` of one of several sources.
    fn time_of_source(
        &self,
        function: &Name,
        args: &[Expr],
    ) -> Option<Result<(ColumnRef, Type), Fault>> {
        let several = self.sources.len() > 1 || self.pattern.is_some();
        let [arg] = args else { return None };
        let ExprKind::Column {
            qualifier: None,
            name,
            ..
        } = &arg.kind
        else {
            return None;
        };
        if !several || !function.text.eq_ignore_ascii_case("eventTimestamp") {
            return None;
        }
        if self.pattern.is_some() {
            let found = self.called(name);
            return Some(found.map(|source| (ColumnRef::EventTime { source }, Type::Long)));
        }
        let found = source::time_of(self.sources, name);
        Some(match found {
            Ok(source) => Ok((ColumnRef::EventTime { source }, Type::Long)),
            Err(Unresolved::Unknown(fault) | Unresolved::Ambiguous(fault)) => Err(fault),
        })
    }

    /// Whether the arguments of a call are the name of the only source.
    pub(super) fn is_only(&self, args: &[Expr]) -> bool {
        matches!(args, [arg] if self.is_only_source(arg))
    }

    pub(super) fn aggregate(&self, name: &Name) -> Option<Aggregate> {
        let registered = self
            .catalogue
            .aggregates
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(&name.text));
        match registered {
            Some((name, function)) => Some(Aggregate::User(name.clone(), function.clone())),
            None => Aggregate::named(&name.text),
        }
    }

    fn bind_call(
        &mut self,
        aggregate: Aggregate,
        args: &[Expr],
        distinct: bool,
        span: Span,
    ) -> Option<(ColumnRef, Type)> {
        let text = self.text.get(span.range()).unwrap_or_default().to_string();
        if let Some(place) = self.calls.iter().position(|c| c.text == text) {
            return Some((ColumnRef::Aggregate(place), self.calls[place].call.result));
        }
        let (aggregate, bound) = self.bind_arguments(aggregate, args, distinct, span)?;
        if !self.numbers_rows && self.rows == Rows::AnyOrder && aggregate.tells_rows_apart() {
            let over = match self.sources.len() {
                1 => "a named window",
                _ => "a join",
            };
            let message = format!("{aggregate} over {over} from which any row may leave");
            let remedy = "insert its rows into a stream, and read that with a window";
            self.faults.push(Fault::new(span, message).help(remedy));
            return None;
        }
        let call = self.call_of(aggregate, &bound, self.rows, span)?;
        self.calls.push(Call {
            args: bound,
            text,
            call,
        });
        let last = self.calls.len() - 1;
        Some((ColumnRef::Aggregate(last), self.calls[last].call.result))
    }

    /// The aggregate that a call means, and its arguments.
    pub(super) fn bind_arguments(
        &mut self,
        aggregate: Aggregate,
        args: &[Expr],
        distinct: bool,
        span: Span,
    ) -> Option<(Aggregate, Vec<Typed>)> {
        let (aggregate, args) = aggregate
            .of_call(args, distinct, span)
            .map_err(|(span, why, help)| self.faults.push(Fault::new(span, why).help(help)))
            .ok()?;
        let mut bound = Vec::new();
        for arg in args {
            let typed = self.bind(Clause::Argument, arg)?;
            if typed.ty.is_none() {
                self.faults
                    .push(Fault::new(arg.span, "NULL has no type here").help("CAST(NULL AS LONG)"));
                return None;
            }
            bound.push(typed);
        }
        Some((aggregate, bound))
    }

    /// A call of an aggregate over rows that come and go like these.
    pub(super) fn call_of(
        &mut self,
        aggregate: Aggregate,
        args: &[Typed],
        rows: Rows,
        span: Span,
    ) -> Option<AggregateCall> {
        let types: Vec<Type> = args.iter().filter_map(|t| t.ty).collect();
        let result = aggregate.result(&types);
        let result = result.map_err(|remedy| {
            let given = types.iter().map(|t| t.name());
            let given = given.collect::<Vec<_>>().join(", ");
            let fault = Fault::new(span, format!("{aggregate} does not take ({given})"));
            self.faults.push(fault.help(remedy));
        });
        Some(AggregateCall {
            aggregate,
            args: types,
            result: result.ok()?,
            rows,
        })
    }
}

impl Scope for QueryScope<'_> {
    fn callable(&self) -> Vec<String> {
        if self.clause != Clause::Output {
            return Vec::new();
        }
        let registered = self.catalogue.aggregates.iter();
        let window = ["window_start", "window_end"].into_iter();
        let window = window.filter(|_| self.has_panes == Some(true));
        let mut names: Vec<String> = registered.map(|(name, _)| name.to_string()).collect();
        names.extend(Aggregate::names().chain(window).map(str::to_string));
        names
    }

    fn column(
        &mut self,
        qualifier: Option<&Name>,
        name: &Name,
    ) -> Result<(ColumnRef, Type), Unresolved> {
        if self.pattern.is_some() {
            return self.column_of_term(qualifier, name);
        }
        let all = 0..self.sources.len();
        let among = match self.clause {
            Clause::Source(place) => place..place + 1,
            Clause::On(right) => 0..right + 1,
            Clause::Member(place) => {
                // An attribute of the stream comes before one of the table.
                let own = source::attribute(self.sources, place..place + 1, qualifier, name);
                let table = all.end - 1..all.end;
                return match own {
                    Err(Unresolved::Unknown(fault)) => {
                        let found = source::attribute(self.sources, table, qualifier, name);
                        found.map_err(|_| Unresolved::Unknown(fault))
                    }
                    own => own,
                };
            }
            _ => all,
        };
        source::attribute(self.sources, among, qualifier, name)
    }

    fn nth(&mut self, term: &Name, nth: Nth, name: &Name) -> Result<(ColumnRef, Type), Fault> {
        self.row_of_term(term, nth, name)
    }

    fn term(&self, expr: &Expr) -> Option<Result<(ColumnRef, Type), Fault>> {
        self.time_of_term(expr)
    }

    fn is_only_source(&self, expr: &Expr) -> bool {
        let ExprKind::Column {
            qualifier: None,
            name,
            ..
        } = &expr.kind
        else {
            return false;
        };
        let [source] = self.sources else { return false };
        source.is_called(&name.text)
    }

    fn over(&mut self, call: &Expr, over: &Over, span: Span) -> Result<(ColumnRef, Type), Fault> {
        bind_over(self, call, over, span)
    }

    fn member(
        &mut self,
        condition: &Expr,
        table: &Name,
        span: Span,
    ) -> Result<(ColumnRef, Type), Fault> {
        bind_member(self, condition, table, span)
    }

    fn call(
        &mut self,
        name: &Name,
        args: &[Expr],
        distinct: bool,
        span: Span,
    ) -> Option<Result<(ColumnRef, Type), Fault>> {
        if let Some(time) = self.time_of_source(name, args) {
            return Some(time);
        }
        let window_column = [
            ("window_start", ColumnRef::WindowStart),
            ("window_end", ColumnRef::WindowEnd),
        ]
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(&name.text));
        if let Some((_, column)) = window_column {
            let fault = if !args.is_empty() || distinct {
                Fault::new(span, format!("{} takes no argument", name.text))
                    .help(format!("write {}()", name.text))
            } else if self.has_panes == Some(false) && self.sources.len() > 1 {
                let message = format!("{}() is not known behind a join", name.text);
                let remedy = "select it from the window into a stream, and join that";
                Fault::new(span, message).help(remedy)
            } else if self.has_panes == Some(false) {
                let message = format!("{}() tells of a tumbling or hop window", name.text);
                Fault::new(span, message).help("WINDOW('tumbling', 1 MINUTE)")
            } else if matches!(self.clause, Clause::Source(_)) && self.has_panes == Some(true) {
                let message = format!("{}() is not known before the window", name.text);
                Fault::new(span, message).help("write the condition in WHERE")
            } else {
                return Some(Ok((column, Type::Long)));
            };
            return Some(Err(fault));
        }
        let aggregate = self.aggregate(name)?;
        if let Some(column) = self.over_a_term(&aggregate, args, distinct, span) {
            return Some(column);
        }
        if self.clause != Clause::Output {
            let message = format!(
                "the aggregate {} cannot stand in {}",
                name.text,
                self.clause.name()
            );
            return Some(Err(
                Fault::new(span, message).help("aggregates stand in SELECT, HAVING and ORDER BY")
            ));
        }
        let before = self.faults.len();
        match self.bind_call(aggregate, args, distinct, span) {
            Some(column) => Some(Ok(column)),
            // The binder wants one fault from us: the first of those that were found.
            None => Some(Err(self.faults.remove(before))),
        }
    }
}

/// What a name means that is both an output alias and an attribute of the input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefer {
    Alias,
    Attribute,
}

impl QueryScope<'_> {
    /// Replaces output aliases by the expressions behind them. Inside an aggregate an attribute comes first: an alias
    /// may hold an aggregate itself, as in `SELECT max(x) AS x … HAVING sum(x) > 1`.
    pub(super) fn expand_aliases(
        &mut self,
        expr: &Expr,
        select: &[SelectItem],
        prefer: Prefer,
    ) -> Expr {
        let mut expr = expr.clone();
        self.expand(&mut expr, select, prefer);
        if limits::size(&mut expr).1 > EXPANDED_HEIGHT_MAX {
            self.expanded = usize::MAX;
        }
        expr
    }

    /// Whether aliases have made too much of this and earlier expressions, which is then a fault.
    pub(super) fn is_expanded_too_far(&mut self, written: &Expr) -> bool {
        if self.expanded <= EXPANDED_NODES_MAX {
            return false;
        }
        let message = format!(
            "aliases stand for more than {EXPANDED_NODES_MAX} parts (EXPANDED_NODES_MAX) or \
             {EXPANDED_HEIGHT_MAX} levels (EXPANDED_HEIGHT_MAX)"
        );
        let remedy = "insert into a stream, and group and order what is read from it";
        self.faults
            .push(Fault::new(written.span, message).help(remedy));
        true
    }

    /// Keeps what a name or number was replaced by.
    pub(super) fn stands_for(&mut self, written: &str, meant: &Expr) {
        let text = match &meant.kind {
            ExprKind::Column { name, .. } => &name.text,
            _ => self.text.get(meant.span.range()).unwrap_or_default(),
        };
        self.meant.push(format!("{written} = {text}"));
    }

    fn expand(&mut self, expr: &mut Expr, select: &[SelectItem], prefer: Prefer) {
        if let ExprKind::Column {
            qualifier: None,
            name,
            ..
        } = &expr.kind
        {
            let meant = select.iter().find_map(|item| match item {
                SelectItem::Expr {
                    expr,
                    alias: Some(alias),
                } if alias.text.eq_ignore_ascii_case(&name.text) => Some(expr),
                _ => None,
            });
            let is_alias = prefer == Prefer::Alias || !self.has_attribute(name);
            if let Some(meant) = meant.filter(|_| is_alias) {
                if prefer == Prefer::Attribute {
                    self.stands_for(&name.text, meant);
                }
                // what is far beyond the limit is not copied
                if self.expanded <= EXPANDED_NODES_MAX {
                    *expr = meant.clone();
                    self.expanded += limits::size(expr).0;
                }
            }
            return;
        }
        let prefer = match &expr.kind {
            ExprKind::Call { name, .. } if self.aggregate(name).is_some() => Prefer::Attribute,
            ExprKind::Over(..) => Prefer::Attribute,
            _ => prefer,
        };
        expr.children_mut(&mut |child| self.expand(child, select, prefer));
    }
}
