//! `PATTERN (…)` and `SEQUENCE (…)` → elements in a row, and what each of their terms asks of a row.
//!
//! How: groups are taken apart, so that elements stand one behind the other; what a group says (EVERY, WITHIN) holds
//! for a range of them. The filter of a term is taken apart at its ANDs: what reads the row alone, equalities with
//! terms before it, by which open runs are found, and the rest.

use super::join::{EqualKey, On};
use super::pattern_runs;
use super::pattern_text::{TermText, written};
use super::scope::{Clause, QueryScope};
use super::{QueryPlan, range};
use crate::error::Fault;
use crate::event::{Schema, Type};
use crate::expr::{ColumnRef, Typed};
use crate::operator::aggregate::AggregateCall;
use crate::operator::pattern::RunsBound;
use crate::sql::ast::{self, Expr, Logical, Nth, Query, Span, Step, Unit};
use std::ops::Range;

/// The most rows of a term whose count has no end.
pub(crate) const NO_END: u32 = u32::MAX;

/// A bound pattern.
pub(crate) struct PatternPlan {
    pub(crate) is_sequence: bool,
    /// A match ends all other open runs.
    pub(crate) skips_past: bool,
    /// How many runs may be open, and what happens then.
    pub(crate) runs: RunsBound,
    pub(crate) elements: Vec<ElementPlan>,
    /// The ranges of elements under EVERY, inner ones before those around them; none begin together.
    pub(crate) every: Vec<Range<usize>>,
    /// The ranges of elements under WITHIN, and its microseconds.
    pub(crate) within: Vec<(Range<usize>, i64)>,
    /// By source.
    pub(crate) terms: Vec<TermPlan>,
    /// What is aggregated over the rows of counted terms.
    pub(crate) aggregates: Vec<TermAggregate>,
    /// What is told of runs that the WITHIN of the whole has ended.
    pub(crate) timeout: Option<TimeoutPlan>,
}

/// `EMIT TIMEOUT INTO stream`.
pub(crate) struct TimeoutPlan {
    /// The stream.
    pub(crate) target: usize,
    /// Its columns, over what a run keeps.
    pub(crate) outputs: Vec<Typed>,
}

/// What must come at a place of a pattern: a term, or several joined by AND and OR.
#[derive(Clone, Debug)]
pub(crate) struct ElementPlan {
    /// How many rows it takes; one of a logical element.
    pub(crate) min: u32,
    pub(crate) max: u32,
    /// A count stands there, be it {1}: its columns are named with an index.
    pub(crate) is_counted: bool,
    /// AND, OR and NOT of it; none where it is a term that takes rows.
    pub(crate) logic: Option<Logic>,
    /// Its terms, by their sources.
    pub(crate) terms: Range<usize>,
}

/// Terms joined by AND and OR.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Logic {
    /// A term, by its source.
    Term(usize),
    And(Vec<Logic>),
    Or(Vec<Logic>),
}

/// What a term asks of a row.
pub(crate) struct TermPlan {
    pub(crate) element: usize,
    /// NOT.
    pub(crate) absent: bool,
    /// FOR, in microseconds.
    pub(crate) silence_us: Option<i64>,
    /// Conditions on the row alone.
    pub(crate) own: Option<Typed>,
    /// Equalities with terms before it: `left` over those, `right` over the row.
    pub(crate) keys: Vec<EqualKey>,
    /// All other conditions.
    pub(crate) residual: Option<Typed>,
    /// What they say of a value that a run keeps, by which runs of a key are found where they are many.
    pub(crate) range: Option<range::Range>,
    /// All that in words.
    pub(crate) text: TermText,
}

/// An aggregate over the rows of a counted term.
pub(crate) struct TermAggregate {
    pub(crate) source: usize,
    pub(crate) call: AggregateCall,
    /// Over the row.
    pub(crate) args: Vec<Typed>,
    /// As written, to find it again.
    pub(crate) text: String,
}

impl PatternPlan {
    /// Everything that it evaluates.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Typed> {
        let terms = self.terms.iter().flat_map(|t| {
            let keys = t.keys.iter().map(|k| &k.whole);
            t.own.iter().chain(keys).chain(&t.residual)
        });
        terms.chain(self.aggregates.iter().flat_map(|a| &a.args))
    }

    /// Whether runs that begin with rows of different keys may be apart: each row begins one, whatever others do, and
    /// takes no more rows before it is told by its key.
    pub(crate) fn has_runs_by_key(&self) -> bool {
        let first = &self.elements[0];
        let starts_at_every_row = self.every.contains(&(0..1)) && first.logic.is_none();
        starts_at_every_row && (first.min, first.max) == (1, 1) && !self.is_sequence
    }

    /// What a run must keep of the rows that it takes: what is read of them behind the pattern, by these expressions,
    /// or by conditions on later terms; each once, in an order of its own.
    pub(crate) fn kept<'a>(
        &'a self,
        behind: impl Iterator<Item = &'a Typed>,
    ) -> Vec<(ColumnRef, Type)> {
        let mut kept = Vec::new();
        let mut keep = |column: ColumnRef, ty: Type| kept.push((column, ty));
        let timeout = self.timeout.iter().flat_map(|t| &t.outputs);
        behind
            .chain(timeout)
            .for_each(|typed| typed.typed_columns(&mut keep));
        for (place, term) in self.terms.iter().enumerate() {
            let keys = term.keys.iter().map(|k| &k.left);
            for typed in keys.chain(&term.residual) {
                typed.typed_columns(&mut |column, ty| {
                    let own = ColumnRef::EventTime { source: place };
                    if column.attribute_of(place).is_none() && column != own {
                        keep(column, ty);
                    }
                });
            }
        }
        kept.retain(|(column, _)| {
            !matches!(column, ColumnRef::Aggregate(_) | ColumnRef::PartitionKey)
        });
        // A row counted from the last becomes the one before when another comes: all between are kept.
        for (column, ty) in kept.clone() {
            if let ColumnRef::Nth {
                source,
                column,
                nth: Nth::Last(back),
            } = column
            {
                let nearer = (0..back).map(|back| ColumnRef::Nth {
                    source,
                    column,
                    nth: Nth::Last(back),
                });
                kept.extend(nearer.map(|column| (column, ty)));
            }
        }
        kept.sort_unstable_by_key(|(column, _)| *column);
        kept.dedup();
        kept
    }

    /// Whether a term has a count: its columns are named with an index.
    pub(crate) fn is_counted(&self, source: usize) -> bool {
        let element = &self.elements[self.terms[source].element];
        element.logic.is_none() && element.is_counted
    }

    /// Whether a term stands alone and has one row, which all that comes behind it may read.
    pub(crate) fn is_sure(&self, source: usize) -> bool {
        let term = &self.terms[source];
        let element = &self.elements[term.element];
        element.logic.is_none() && (element.min, element.max) == (1, 1)
    }

    /// Whether a term has a row in every match.
    pub(crate) fn always_matches(&self, source: usize) -> bool {
        let term = &self.terms[source];
        let element = &self.elements[term.element];
        let in_or = |logic: &Logic| matches!(logic, Logic::Or(_)) || has_or(logic);
        !term.absent && element.min > 0 && !element.logic.as_ref().is_some_and(in_or)
    }
}

fn has_or(logic: &Logic) -> bool {
    match logic {
        Logic::Term(_) => false,
        Logic::And(sides) => sides.iter().any(has_or),
        Logic::Or(_) => true,
    }
}

/// The shape of a pattern, with terms that ask nothing yet.
pub(super) fn shape(scope: &mut QueryScope<'_>, pattern: &ast::Pattern) -> Option<PatternPlan> {
    let before = scope.faults.len();
    let mut plan = PatternPlan {
        is_sequence: pattern.is_sequence,
        skips_past: pattern.skip_past.is_some(),
        runs: pattern_runs::bound(&pattern.options, &mut scope.faults),
        elements: Vec::new(),
        every: Vec::new(),
        within: Vec::new(),
        terms: Vec::new(),
        aggregates: Vec::new(),
        timeout: None,
    };
    flatten(scope, &mut plan, &pattern.chain);
    let all = 0..plan.elements.len();
    if let Some((us, span)) = pattern.within {
        within(scope, &mut plan, all.clone(), us, span);
    }
    if plan.elements[all].iter().all(|e| e.min == 0) {
        let message = "the pattern may match nothing at all";
        let fault = Fault::new(pattern.span, message);
        let remedy = "let one term take at least one row, as in {1,} or +";
        scope.faults.push(fault.help(remedy));
    }
    (scope.faults.len() == before).then_some(plan)
}

fn flatten(scope: &mut QueryScope<'_>, plan: &mut PatternPlan, chain: &[Step]) {
    for step in chain {
        let start = plan.elements.len();
        match &step.unit {
            Unit::Group(chain) => flatten(scope, plan, chain),
            Unit::Logical(logical) => element(scope, plan, logical),
        }
        let range = start..plan.elements.len();
        if step.every.is_some() {
            if plan.elements[range.clone()].iter().all(|e| e.min == 0) {
                let message = "EVERY stands before what may be empty";
                let remedy = "let it take at least one row, as in {1,} or +";
                scope
                    .faults
                    .push(Fault::new(step.span, message).help(remedy));
            }
            // One that begins with another opens whenever that does: it adds nothing.
            if !plan.every.iter().any(|inner| inner.start == range.start) {
                plan.every.push(range.clone());
            }
        }
        if let Some((us, span)) = step.within {
            within(scope, plan, range, us, span);
        }
    }
}

/// WITHIN over a range of elements.
fn within(
    scope: &mut QueryScope<'_>,
    plan: &mut PatternPlan,
    range: Range<usize>,
    us: i64,
    span: Span,
) {
    let inside = plan.terms.iter().filter(|t| range.contains(&t.element));
    if let Some(longest) = inside.filter_map(|t| t.silence_us).max()
        && longest > us
    {
        let message = "the silence of NOT … FOR is longer than the WITHIN around it";
        let remedy = "let WITHIN be at least as long";
        scope.faults.push(Fault::new(span, message).help(remedy));
    }
    if us <= 0 {
        let fault = Fault::new(span, "WITHIN has no time");
        scope.faults.push(fault.help("write WITHIN 5 SECONDS"));
    }
    plan.within.push((range, us));
}

/// One more element.
fn element(scope: &mut QueryScope<'_>, plan: &mut PatternPlan, logical: &Logical) {
    let number = plan.elements.len();
    let first = plan.terms.len();
    let logic = logic(scope, plan, number, logical);
    let (mut min, mut max) = (1, 1);
    let (mut takes_rows, mut is_counted) = (false, false);
    if let Logical::Term(term) = logical {
        takes_rows = term.absent.is_none();
        if let Some(count) = term.count {
            (min, max) = (count.min, count.max.unwrap_or(NO_END));
            is_counted = true;
        }
    }
    if let Some(span) = needs_presence(logical) {
        let message = "NOT without FOR stands beside something that must come";
        let remedy = "write NOT S FOR 5 SECONDS, or NOT S AND e = T";
        scope.faults.push(Fault::new(span, message).help(remedy));
    }
    plan.elements.push(ElementPlan {
        min,
        max,
        is_counted,
        logic: (!takes_rows).then_some(logic),
        terms: first..plan.terms.len(),
    });
}

/// The terms of an element, in the order of the text.
fn logic(
    scope: &mut QueryScope<'_>,
    plan: &mut PatternPlan,
    element: usize,
    logical: &Logical,
) -> Logic {
    let sides = match logical {
        Logical::Term(term) => {
            debug_assert_eq!(term.source, plan.terms.len(), "terms are the sources");
            plan.terms.push(TermPlan {
                element,
                absent: term.absent.is_some(),
                silence_us: term.silence.map(|(us, _)| us),
                own: None,
                keys: Vec::new(),
                range: None,
                residual: None,
                text: TermText {
                    name: scope.sources[term.source].name().to_string(),
                    ..TermText::default()
                },
            });
            return Logic::Term(term.source);
        }
        Logical::And(sides) | Logical::Or(sides) => sides,
    };
    for side in sides {
        if let Logical::Term(term) = side
            && let Some(count) = term.count
        {
            let message = "a side of AND or OR takes one row";
            let remedy = "remove the count, or let the term stand alone between ->";
            scope
                .faults
                .push(Fault::new(count.span, message).help(remedy));
        }
    }
    let made = sides.iter().map(|s| logic(scope, plan, element, s));
    let made: Vec<Logic> = made.collect();
    match logical {
        Logical::And(_) => Logic::And(made),
        _ => Logic::Or(made),
    }
}

/// Where a NOT without FOR stands alone, or as a side of OR: nothing would ever say that it is fulfilled.
fn needs_presence(logical: &Logical) -> Option<Span> {
    let plain = |l: &Logical| match l {
        Logical::Term(term) if term.silence.is_none() => term.absent.map(|_| term.span),
        _ => None,
    };
    match logical {
        Logical::Term(_) => plain(logical),
        Logical::Or(sides) => {
            let alone = sides.iter().find_map(plain);
            alone.or_else(|| {
                let inner = sides.iter().filter(|s| !matches!(s, Logical::Term(_)));
                inner.filter_map(needs_presence).next()
            })
        }
        Logical::And(sides) => {
            let nothing_comes = sides.iter().all(|s| plain(s).is_some());
            let first = sides.iter().find_map(plain).filter(|_| nothing_comes);
            first.or_else(|| {
                let inner = sides.iter().filter(|s| !matches!(s, Logical::Term(_)));
                inner.filter_map(needs_presence).next()
            })
        }
    }
}

/// Binds the filters of the terms.
pub(super) fn bind_terms(scope: &mut QueryScope<'_>, query: &Query) {
    for (place, source) in query.sources.iter().enumerate() {
        for filter in &source.filters {
            bind_filter(scope, place, filter);
        }
    }
}

fn bind_filter(scope: &mut QueryScope<'_>, place: usize, filter: &Expr) -> Option<()> {
    let on = On::bind(scope, Clause::Term(place), place, filter)?;
    let mixed = |typed: &Typed| !reads_row_alone(typed, place);
    let wrong = on.residual.iter().filter(|c| mixed(c));
    let wrong = wrong.filter(|c| c.uses_own_time() || c.uses_clock() || c.uses_cause());
    if let Some(span) = wrong.map(|c| c.span).next() {
        let message = "a condition on other terms reads neither now(), uuid() nor eventTimestamp()";
        let remedy = "write eventTimestamp(e) with the name of the term";
        scope.faults.push(Fault::new(span, message).help(remedy));
        return None;
    }
    let text = scope.text;
    let plan = scope.pattern.as_mut()?;
    let element = plan.terms[place].element;
    let (keys, loose): (Vec<EqualKey>, Vec<EqualKey>) = on
        .keys
        .into_iter()
        .partition(|k| is_settled(plan, element, &k.left) && reads_row_alone(&k.right, place));
    let loose = loose.into_iter().map(|k| k.whole);
    let rest = on.residual.into_iter().chain(loose);
    let (residual, own): (Vec<Typed>, Vec<Typed>) = rest.partition(|c| !reads_row_alone(c, place));
    let on = On {
        keys: Vec::new(),
        residual,
    };
    let range = on.range(place, 0);
    let range = range.filter(|r| is_settled_column(plan, element, r.column));
    let residual = on.residual;
    let term = &mut plan.terms[place];
    // Of several filters the others may fail where this one is not asked.
    term.range = range.filter(|_| term.residual.is_none());
    term.text.own.extend(written(text, own.iter()));
    let equal = keys.iter().map(|k| &k.whole);
    term.text.keys.extend(written(text, equal));
    term.text.residual.extend(written(text, residual.iter()));
    term.keys.extend(keys);
    term.own = Typed::all(term.own.take().into_iter().chain(own).collect());
    term.residual = Typed::all(term.residual.take().into_iter().chain(residual).collect());
    Some(())
}

/// Whether an expression reads attributes of the row that comes to a term, and nothing else.
fn reads_row_alone(typed: &Typed, place: usize) -> bool {
    let mut alone = true;
    typed.columns(&mut |c| alone &= c.attribute_of(place).is_some());
    alone
}

/// Whether what an expression reads does not change any more once a run has come to an element.
fn is_settled(plan: &PatternPlan, element: usize, typed: &Typed) -> bool {
    let mut settled = true;
    typed.columns(&mut |column| settled &= is_settled_column(plan, element, column));
    settled
}

fn is_settled_column(plan: &PatternPlan, element: usize, column: ColumnRef) -> bool {
    let of = column.source().map(|s| &plan.terms[s]);
    of.is_some_and(|t| t.element < element)
        && match column {
            ColumnRef::Nth {
                source,
                nth: Nth::First(n),
                ..
            } => n < plan.elements[plan.terms[source].element].min,
            ColumnRef::Nth { .. } => false,
            _ => true,
        }
}

/// The columns of a stream of runs that WITHIN has ended: what the query selects, where that tells of one match alone,
/// then when each named term came. `selected`: its attributes with what they show.
pub(super) fn timeout(
    query: &Query,
    plan: &QueryPlan,
    schema: &Schema,
) -> (Vec<(String, Type)>, Vec<Typed>) {
    let selected = schema.attributes().iter().zip(&plan.outputs);
    let selected = selected.filter(|_| !plan.aggregates() && !query.select.is_empty());
    let (mut attributes, mut outputs): (Vec<(String, Type)>, Vec<Typed>) = selected
        .map(|(a, typed)| ((a.name.to_string(), a.ty), typed.clone()))
        .unzip();
    for (source, written) in query.sources.iter().enumerate() {
        if let Some(name) = &written.alias {
            let column = ColumnRef::EventTime { source };
            attributes.push((format!("{}_at", name.text), Type::Long));
            outputs.push(Typed::column(column, Type::Long, name.span));
        }
    }
    (attributes, outputs)
}

/// The keys by which the runs that wait for a term are found. In a partition an equality of its key with that of a row
/// that is there says nothing new: runs are those of the key already.
pub(crate) fn keys_of<'a>(
    query: &'a QueryPlan,
    pattern: &'a PatternPlan,
    term: usize,
) -> impl Iterator<Item = &'a EqualKey> {
    let of_partition = move |typed: &Typed| match typed.as_column() {
        Some(ColumnRef::Input { source, column }) => {
            let own = query.sources[source].partition_key == Some(column);
            own && (source == term || pattern.is_sure(source))
        }
        _ => false,
    };
    let keys = pattern.terms[term].keys.iter();
    keys.filter(move |key| !of_partition(&key.left) || !of_partition(&key.right))
}

/// What is seldom meant: without EVERY a pattern matches once.
pub(super) fn matches_once(query: &Query, plan: &PatternPlan) -> Option<Fault> {
    let pattern = query.pattern.as_ref()?;
    let again = plan.every.iter().any(|range| range.start == 0);
    let ends = plan.is_sequence || plan.within.iter().any(|(range, _)| range.start == 0);
    (!again && ends).then(|| {
        let what = match plan.is_sequence {
            true => "the sequence is over with the first row that does not fit",
            false => "the pattern is over when WITHIN has ended its first run",
        };
        let message = format!("without EVERY {what}");
        Fault::new(pattern.span, message).help("write EVERY before its first term")
    })
}
