//! Random patterns and sequences.
//!
//! Left out on purpose, here and in `chain` and `filter`, with the reason:
//! * EVERY behind the first term of a sequence: what a row that breaks it leaves open is open itself.
//! * Counts inside AND and OR, and filters that ask another side of the same AND or OR: nothing says what they mean.
//! * A stream and a part of it in one pattern: which row of an event is first is open.
//! * SKIP PAST LAST ROW with AND, OR and NOT: which runs have begun, and what their key is, is open.
//! * A pattern over what another makes by timer: whose turn comes first at one time is open.
//! * Silences under EVERY that begin others under EVERY: the interpreter takes minutes, and the engine has a bound.
//! * Patterns that begin with what may be left out, and the count of a term that may have no row: the engine differs
//!   there from the interpreter.

mod chain;
mod filter;

use super::super::app::Nature;
use super::super::app::pattern::{Nth, Pattern, Term, What};
use super::super::app::{Aggregate, App, Call, Query, Role, Source};
use super::super::expr::{Expr, Kind};
use super::expr::Leaf;
use super::features;
use eventflux::event::Type;
use eventflux_kit::Random;

/// An app with a pattern or two.
pub fn app(r: &mut Random) -> App {
    let lateness_us = if r.chance(25) {
        r.between(1, 30) * 1000
    } else {
        0
    };
    let mut app = App {
        lateness_us,
        ahead_us: None,
        inputs: 1 + r.weighted(&[88, 12]),
        streams: Vec::new(),
        queries: Vec::new(),
        partition: None,
    };
    let text = r.chance(30);
    for number in 0..1 + r.weighted(&[35, 40, 25]) {
        let stream = features::declared(r, format!("S{number}"), number, text, Role::Stream);
        app.streams.push(stream);
    }
    let inputs: Vec<usize> = (0..app.streams.len()).collect();
    if r.chance(15) {
        features::derive(r, &mut app, &inputs, text);
    }
    let streams: Vec<usize> = (0..app.streams.len()).collect();
    for _ in 0..1 + r.weighted(&[80, 20]) {
        query(r, &mut app, &streams);
    }
    if r.chance(25) {
        features::follow(r, &mut app);
    }
    app
}

pub fn query(r: &mut Random, app: &mut App, streams: &[usize]) {
    let mut streams = streams.to_vec();
    for writer in &app.queries {
        // Not a stream and a part of it.
        let (from, to) = (writer.from.stream, writer.target);
        if streams.contains(&to) && streams.contains(&from) {
            let other = if r.chance(50) { from } else { to };
            streams.retain(|s| *s != other);
        }
    }
    let streams = &streams;
    let (mut pattern, elements) = chain::pattern(r, streams);
    name(r, &mut pattern.terms);
    for term in 0..pattern.terms.len() {
        let filter = filter::filter(r, app, &pattern, &elements, term);
        pattern.terms[term].source.filter = filter;
    }
    let mut query = Query {
        pattern: Some(pattern),
        ..Query::of(Source::of(streams[0]), 0)
    };
    if r.chance(10) {
        let leaves = leaves(app, &query);
        query.condition = Some(super::scope(r, leaves, false).condition(1));
    }
    features::finish(r, app, query);
}

/// Terms that take rows have names, but for a few.
fn name(r: &mut Random, terms: &mut [Term]) {
    for (place, term) in terms.iter_mut().enumerate() {
        if !term.what.is_absent() && r.chance(92) {
            term.source.alias = Some(["a", "b", "c", "e"][place].to_string());
        }
    }
    let named = |t: &Term| t.source.alias.is_some();
    if !terms.iter().any(named) {
        let term = terms.iter_mut().find(|t| !t.what.is_absent());
        let term = term.expect("a pattern takes some row");
        term.source.alias = Some("a".into());
    }
}

/// What expressions may say of the rows of terms.
pub fn leaves(app: &App, query: &Query) -> Vec<Leaf> {
    let Some(pattern) = &query.pattern else {
        return Vec::new();
    };
    let terms = 0..pattern.terms.len();
    let columns = app.columns(query);
    terms
        .flat_map(|term| leaves_of(app, pattern, &columns, term))
        .collect()
}

/// Of one term: its attributes, of its first and last rows where it is counted.
fn leaves_of(app: &App, pattern: &Pattern, columns: &[usize], term: usize) -> Vec<Leaf> {
    let Term { source, what } = &pattern.terms[term];
    if source.alias.is_none() {
        return Vec::new();
    }
    let mut all = Vec::new();
    for (place, attribute) in app.streams[source.stream].attributes.iter().enumerate() {
        let kinds = match what.is_counted() {
            false => vec![Kind::Column(columns[term] + place)],
            true => [Nth::First(0), Nth::First(1), Nth::Last(0), Nth::Last(1)]
                .map(|nth| Kind::Nth(term, place, nth))
                .to_vec(),
        };
        all.extend(kinds.into_iter().map(|kind| Leaf {
            kind,
            ty: attribute.ty,
            nature: attribute.nature,
        }));
    }
    all
}

/// What only items say of terms: times, and aggregates over the rows of counted ones.
pub fn more(app: &App, query: &Query, grouped: bool) -> Vec<Leaf> {
    let Some(pattern) = &query.pattern else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (term, Term { source, what }) in pattern.terms.iter().enumerate() {
        if source.alias.is_none() {
            continue;
        }
        all.push((Kind::TimeOf(term), Type::Long));
        if !what.is_counted() || grouped {
            continue;
        }
        let stream = &app.streams[source.stream];
        let number = features::number(stream);
        let of = |aggregate, place: usize| {
            let column = Expr::new(stream.attributes[place].ty, Kind::Column(place));
            let arg = Some(column);
            Kind::Over(term, Box::new(Call { aggregate, arg }))
        };
        for place in [0, number] {
            if !may_lack(*what) {
                all.push((of(Aggregate::CountOf, place), Type::Long));
            }
            let ty = stream.attributes[place].ty;
            all.push((of(Aggregate::Min, place), ty));
            all.push((of(Aggregate::Max, place), ty));
        }
        all.push((of(Aggregate::Sum, number), Type::Long));
        all.push((of(Aggregate::Avg, number), Type::Double));
    }
    let leaf = |(kind, ty)| Leaf {
        kind,
        ty,
        nature: Nature::Wild,
    };
    all.into_iter().map(leaf).collect()
}

/// Whether a term may have no row in a match.
fn may_lack(what: What) -> bool {
    matches!(what, What::Counted(0, _))
}
