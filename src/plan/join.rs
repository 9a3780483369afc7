//! `ON condition` → how two sides meet: equalities, and what else must hold.
//!
//! How: the condition is taken apart at its ANDs. An equality of which each side reads one side of the join is a key;
//! all else is the residual, which is evaluated for the pairs that the keys leave.

use super::scope::{Clause, QueryScope};
use super::source::SourcePlan;
use super::time_bounds::TimeBounds;
use crate::error::Fault;
use crate::event::{Type, Value};
use crate::expr::{ColumnRef, Comparison, Typed};
use crate::sql::ast::{Binary, Expr, ExprKind, Join, JoinKind, Query, Span};

/// Which side of a join triggers it: a row of the other one only changes what is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    Both,
    Left,
    Right,
}

/// A join of a source with all sources before it.
pub(crate) struct JoinPlan {
    pub(crate) kind: JoinKind,
    pub(crate) trigger: Trigger,
    pub(crate) on: On,
    /// An ASOF join looks back so far.
    pub(crate) within_us: Option<i64>,
    /// What an ASOF join asks of the right side alone: it is asked before the latest row is chosen.
    pub(crate) before_choosing: Vec<Typed>,
    /// How far apart in time rows meet, where no window decides how long they are held.
    pub(crate) bounds: TimeBounds,
}

impl JoinPlan {
    /// Whether rows of the left side, or of the right one, that meet no other come out padded with NULL.
    pub(crate) fn preserves(&self) -> [bool; 2] {
        match self.kind {
            JoinKind::Inner | JoinKind::Asof => [false, false],
            JoinKind::Left | JoinKind::AsofLeft => [true, false],
            JoinKind::Right => [false, true],
            JoinKind::Full => [true, true],
        }
    }

    /// How long a row of each side is held after its time, in microseconds, where time alone bounds that: rows meet by
    /// milliseconds, so that one is held until its last one is over.
    pub(crate) fn reach_us(&self) -> [Option<i64>; 2] {
        let bounded = self.bounds.reach_ms();
        let bounded = bounded.map(|reach| reach?.checked_add(1)?.checked_mul(1000));
        match self.is_asof() {
            true => [None, self.within_us.and_then(|us| us.checked_add(1))],
            false => bounded,
        }
    }

    /// Whether rows that meet nothing are padded when no partner can come any more.
    pub(crate) fn pads_late(&self) -> bool {
        let reach = self.bounds.reach_ms();
        let late = self.preserves().into_iter().zip(reach);
        late.into_iter()
            .any(|(preserved, reach)| preserved && reach.is_some())
    }

    /// Everything that it evaluates.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Typed> {
        self.on.conjuncts()
    }

    /// Whether it depends on the order of times by itself.
    pub(crate) fn is_timed(&self) -> bool {
        self.is_asof() || self.bounds != TimeBounds::default()
    }

    /// Whether a row meets only the latest one of the other side.
    pub(crate) fn is_asof(&self) -> bool {
        matches!(self.kind, JoinKind::Asof | JoinKind::AsofLeft)
    }
}

/// An equality between the sources before, and the source or table.
#[derive(Clone)]
pub(crate) struct EqualKey {
    /// Over the sources before.
    pub(crate) left: Typed,
    /// Over the source or table; of the same type.
    pub(crate) right: Typed,
    /// That both are equal.
    pub(crate) whole: Typed,
}

/// A condition that rows of two sides must fulfil.
#[derive(Clone, Default)]
pub(crate) struct On {
    pub(crate) keys: Vec<EqualKey>,
    /// What else must hold.
    pub(crate) residual: Vec<Typed>,
}

impl On {
    /// All that must hold.
    pub(crate) fn conjuncts(&self) -> impl Iterator<Item = &Typed> {
        self.keys.iter().map(|k| &k.whole).chain(&self.residual)
    }

    /// Takes a condition over the sources before `right`, and `right` itself, apart at its ANDs, and binds it. `None`
    /// where it has faults.
    pub(super) fn bind(
        scope: &mut QueryScope<'_>,
        clause: Clause,
        right: usize,
        condition: &Expr,
    ) -> Option<On> {
        let mut conjuncts = Vec::new();
        take_apart(condition, &mut conjuncts);
        let bound = conjuncts.into_iter().map(|c| scope.condition(clause, c));
        let bound: Vec<Option<Typed>> = bound.collect();
        let mut on = On::default();
        for typed in bound.into_iter().collect::<Option<Vec<Typed>>>()? {
            match key(&typed, right) {
                Some(key) => on.keys.push(key),
                None if typed.constant() == Some(Value::Bool(true)) => {}
                None => on.residual.push(typed),
            }
        }
        Some(on)
    }
}

/// Binds the joins of a query. `sources`: what it reads, with their windows.
pub(super) fn bind_joins(
    scope: &mut QueryScope<'_>,
    query: &Query,
    sources: &[SourcePlan],
) -> Vec<JoinPlan> {
    let mut joins = Vec::new();
    for (before, join) in query.joins.iter().enumerate() {
        joins.extend(bind_join(scope, query, sources, before + 1, join));
    }
    joins
}

/// The join of the source at `right` with those before it.
fn bind_join(
    scope: &mut QueryScope<'_>,
    query: &Query,
    sources: &[SourcePlan],
    right: usize,
    join: &Join,
) -> Option<JoinPlan> {
    let trigger = trigger(scope, query, sources, right, join)?;
    let mut on = On::bind(scope, Clause::On(right), right, &join.on)?;
    let changes = on.conjuncts().find(|c| changes_by_itself(c));
    if let Some(span) = changes.map(|c| c.span) {
        let fault = Fault::new(span, "what ON says of two rows must stay as it is");
        let remedy =
            "use eventTimestamp(a) of a source; now() and uuid() belong in SELECT or WHERE";
        scope.faults.push(fault.help(remedy));
        return None;
    }
    let is_asof = matches!(join.kind, JoinKind::Asof | JoinKind::AsofLeft);
    let mut before_choosing = Vec::new();
    if is_asof {
        let of_right = |c: &Typed| side(c, right) == Some(JoinSide::Right);
        (before_choosing, on.residual) = on.residual.into_iter().partition(of_right);
    }
    if let (true, Some(first)) = (is_asof, on.residual.first()) {
        let message = "an ASOF join meets by equalities and by time alone";
        let remedy = "filter the right side before the join, as in B[x > 1], or write WHERE";
        let fault = Fault::new(first.span, message).help(remedy);
        scope.faults.push(fault);
        return None;
    }
    let is_held = |s: &SourcePlan| s.held_by().is_some() || s.table.is_some();
    let bounds = match right == 1 && trigger == Trigger::Both && !sources[..2].iter().any(is_held) {
        true => TimeBounds::of(on.conjuncts()),
        false => TimeBounds::default(),
    };
    Some(JoinPlan {
        kind: join.kind,
        trigger,
        on,
        bounds,
        before_choosing,
        within_us: join.within.map(|(us, _)| us),
    })
}

/// The conditions that AND joins.
fn take_apart<'a>(condition: &'a Expr, into: &mut Vec<&'a Expr>) {
    match &condition.kind {
        ExprKind::Binary(Binary::And, left, right) => {
            take_apart(left, into);
            take_apart(right, into);
        }
        _ => into.push(condition),
    }
}

/// A row that leaves must meet what it met when it came.
fn changes_by_itself(typed: &Typed) -> bool {
    typed.uses_clock() || typed.uses_cause() || typed.uses_own_time()
}

/// The equality of an expression over the sources before `right` with one over `right`, in this order.
fn key(typed: &Typed, right: usize) -> Option<EqualKey> {
    let (Comparison::Eq, a, b) = typed.comparison()? else {
        return None;
    };
    if !a.is_same_each_time() || !b.is_same_each_time() {
        return None;
    }
    let (left, own) = match (side(a, right)?, side(b, right)?) {
        (JoinSide::Left, JoinSide::Right) => (a, b),
        (JoinSide::Right, JoinSide::Left) => (b, a),
        _ => return None,
    };
    let (left, own) = of_one_type(left, own)?;
    Some(EqualKey {
        left,
        right: own,
        whole: typed.clone(),
    })
}

/// Both sides of an equality in one type, so that what is equal has one key: a DOUBLE that equals a LONG is that LONG,
/// and a LONG that equals an INT column is that INT, as the column may have an index.
fn of_one_type(left: &Typed, own: &Typed) -> Option<(Typed, Typed)> {
    let column = own.widened().filter(|x| x.as_column().is_some());
    Some(match (left.ty?, own.ty?) {
        (Type::Long, Type::Long) if column.is_some_and(|x| x.ty == Some(Type::Int)) => {
            (left.clone().exactly(Type::Int)?, column?.clone())
        }
        (Type::Double, Type::Long) => (left.clone().exactly(Type::Long)?, own.clone()),
        (Type::Long, Type::Double) => (left.clone(), own.clone().exactly(Type::Long)?),
        (a, b) if a == b => (left.clone(), own.clone()),
        _ => return None,
    })
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum JoinSide {
    Left,
    Right,
}

/// The only side that an expression reads.
pub(super) fn side(typed: &Typed, right: usize) -> Option<JoinSide> {
    let (mut left, mut own) = (false, false);
    typed.columns(&mut |column| match column.source() {
        Some(source) if source == right => own = true,
        _ => left = true,
    });
    match (left, own) {
        (true, false) => Some(JoinSide::Left),
        (false, true) => Some(JoinSide::Right),
        _ => None,
    }
}

/// Which side triggers a join, and whether that makes sense.
fn trigger(
    scope: &mut QueryScope<'_>,
    query: &Query,
    sources: &[SourcePlan],
    right: usize,
    join: &Join,
) -> Option<Trigger> {
    let is_asof = matches!(join.kind, JoinKind::Asof | JoinKind::AsofLeft);
    let one_way = |place: usize| query.sources[place].unidirectional;
    // What was joined before triggers as a whole where one of its sources does so alone.
    let left_way = (0..right).find_map(one_way);
    let right_way = one_way(right);
    let only_left_is_table = right == 1 && sources[0].table.is_some();
    let fault = |span: Span, message: &str, remedy: &str| Fault::new(span, message).help(remedy);
    let found = match (only_left_is_table, sources[right].table.is_some()) {
        (true, true) => Err(fault(
            join.span,
            "two tables are joined, and tables trigger nothing",
            "join a stream with them, or ask runtime.query",
        )),
        (true, false) if left_way.is_some() => Err(table_triggers(left_way)),
        (false, true) if right_way.is_some() => Err(table_triggers(right_way)),
        (true, false) if is_asof => Err(asof_table(join)),
        (false, true) if is_asof => Err(asof_table(join)),
        (true, false) => Ok(Trigger::Right),
        (false, true) => Ok(Trigger::Left),
        _ if is_asof && right_way.is_some() => Err(fault(
            join.span,
            "only the left side of an ASOF join triggers it",
            "remove UNIDIRECTIONAL",
        )),
        _ if is_asof || left_way.is_some() => Ok(Trigger::Left),
        _ if right_way.is_some() => Ok(Trigger::Right),
        _ => Ok(Trigger::Both),
    };
    let found = found.and_then(|trigger| match (trigger, join.kind) {
        (Trigger::Left, JoinKind::Right | JoinKind::Full)
        | (Trigger::Right, JoinKind::Left | JoinKind::Full) => Err(fault(
            join.span,
            "the side whose rows are to be padded triggers nothing, so they never are",
            "write JOIN, or pad the side that triggers",
        )),
        _ => Ok(trigger),
    });
    found.map_err(|fault| scope.faults.push(fault)).ok()
}

fn table_triggers(way: Option<Span>) -> Fault {
    let message = "a table triggers nothing";
    Fault::new(way.unwrap_or_default(), message).help("remove UNIDIRECTIONAL from it")
}

fn asof_table(join: &Join) -> Fault {
    let message = "the rows of a table have no time to go back to";
    Fault::new(join.span, message).help("write JOIN, or read the rows as a stream")
}

impl ColumnRef {
    /// The source to which a column belongs.
    pub(super) fn source(self) -> Option<usize> {
        match self {
            ColumnRef::Input { source, .. }
            | ColumnRef::EventTime { source }
            | ColumnRef::Nth { source, .. } => Some(source),
            _ => None,
        }
    }
}
