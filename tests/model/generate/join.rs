//! Random joins.

use super::super::app::{
    App, Attribute, Events, Join, JoinKind, Nature, Query, Role, Source, Stream, Window,
};
use super::super::expr::{Expr, Kind, Op};
use super::expr::Leaf;
use super::features::{Feature, finish, keys, number};
use eventflux::event::{Type, Value};
use eventflux_kit::Random;

/// A query with one join or several.
pub fn query(r: &mut Random, app: &mut App, features: &[Feature]) {
    let shapes = [
        (Feature::Joins, 60),
        (Feature::Chains, 15),
        (Feature::Unidirectional, 10),
        (Feature::Asof, 9),
        (Feature::TimeBounds, 15),
    ];
    let weights = shapes.map(|(f, weight)| if features.contains(&f) { weight } else { 0 });
    let shape = shapes[r.weighted(&weights)].0;
    let count = if shape == Feature::Chains { 3 } else { 2 };
    let Some(streams) = streams(r, app, count, shape) else {
        return;
    };
    let mut sources: Vec<Source> = streams.iter().map(|s| Source::of(*s)).collect();
    for source in &mut sources {
        let plain = matches!(app.streams[source.stream].role, Role::Stream);
        let windowed = !matches!(shape, Feature::Asof | Feature::TimeBounds) && r.chance(85);
        if plain && windowed {
            // Whether a flush of the first two meets one of the third at the same time is open.
            let flushes = shape != Feature::Chains && features.contains(&Feature::BatchSides);
            source.window = side(r, app, source.stream, flushes);
        }
        if plain && r.chance(15) {
            let leaves = super::source_leaves(app, source.stream);
            source.filter = Some(super::scope(r, leaves, true).condition(1));
        }
    }
    if sources.iter().any(|s| is_open(app, s, shape)) {
        return;
    }
    name(r, &mut sources);
    if shape == Feature::Unidirectional {
        sources[r.below(2)].unidirectional = true;
    }
    let mut sources = sources.into_iter();
    let first = sources.next().expect("a join has sources");
    let mut query = Query::of(first, 0);
    for source in sources {
        join(r, app, &mut query, source, (shape, features));
    }
    query.qualified = !names_differ(&query) || r.chance(70);
    query.events = match r.below(100) {
        _ if !is_plain(app, &query) || flushes_in_silence(app, &query) => Events::Current,
        0..35 => Events::All,
        35..45 if app.forgets(&query) => Events::Expired,
        _ => Events::Current,
    };
    if r.chance(20) {
        let leaves = super::leaves(app, &query);
        query.condition = Some(super::scope(r, leaves, false).condition(1));
    }
    if !order_is_open(app, &query) {
        finish(r, app, query);
    }
}

/// Streams of which no two get rows of one event, but equal ones. None where there are none that may be joined.
fn streams(r: &mut Random, app: &App, count: usize, shape: Feature) -> Option<Vec<usize>> {
    let simple = matches!(
        shape,
        Feature::Asof | Feature::TimeBounds | Feature::Unidirectional
    );
    let may = |s: &usize| match &app.streams[*s].role {
        Role::Stream => is_single(app, *s),
        Role::Table(_) => !simple,
        Role::Window(_, events) => *events == Events::All && !simple,
    };
    let all: Vec<usize> = (0..app.streams.len()).filter(may).collect();
    let mut chosen: Vec<usize> = Vec::new();
    for place in 0..count {
        let apart = |s: &usize| {
            let same =
                |c: &usize| s == c || roots(app, *s).iter().all(|x| !roots(app, *c).contains(x));
            let tables = chosen.iter().filter(|c| app.is_table(**c)).count();
            let last = place + 1 == count;
            let table = app.is_table(*s);
            chosen.iter().all(same) && !(table && (chosen.contains(s) || tables > 0 && last))
        };
        let free: Vec<usize> = all.iter().filter(|s| apart(s)).copied().collect();
        if free.is_empty() {
            return None;
        }
        let mut free_ones = free.iter();
        let rich = free_ones.rfind(|s| !chosen.contains(s) && r.chance(50));
        let next = rich.copied().unwrap_or(*r.pick(&free));
        chosen.push(next);
    }
    // a table at the head of a chain, or two tables, have nothing that triggers
    let tables = chosen.iter().filter(|c| app.is_table(**c)).count();
    (tables < 2 && !(count > 2 && app.is_table(chosen[0]))).then_some(chosen)
}

/// Whether a stream has a key and a number, and gets one row at most for each event, at its time.
fn is_single(app: &App, stream: usize) -> bool {
    let has = |test: &dyn Fn(&Attribute) -> bool| app.streams[stream].attributes.iter().any(test);
    let key = has(&|a| a.nature == Nature::Key);
    let number = has(&|a| a.ty == Type::Long && a.nature == Nature::Tame);
    let plain = |q: &Query| {
        let held = q.from.window.is_some() || !q.joins.is_empty() || !q.aggregates.is_empty();
        !held
            && matches!(app.streams[q.from.stream].role, Role::Stream)
            && is_single(app, q.from.stream)
    };
    let mut writers = app.queries.iter().filter(|q| q.writes(stream));
    key && number && writers.all(plain)
}

/// The streams whose rows make rows of this one.
fn roots(app: &App, stream: usize) -> Vec<usize> {
    if app.is_table(stream) {
        return Vec::new();
    }
    let writers = app.queries.iter().filter(|q| q.writes(stream));
    let roots = writers.flat_map(|q| q.sources().flat_map(|s| roots(app, s.stream)));
    let roots: Vec<usize> = roots.collect();
    if roots.is_empty() {
        vec![stream]
    } else {
        roots
    }
}

/// Whether what a source offers is open: where three meet, whether a flush of the first two meets one of the third at
/// the same time; and of equal rows of a named window from which any may leave, which does.
fn is_open(app: &App, source: &Source, shape: Feature) -> bool {
    let window = app.window(source);
    let flushes = window.is_some_and(Window::flushes);
    let named = matches!(app.streams[source.stream].role, Role::Window(..));
    let in_turn = |w: &Window| {
        use Window::*;
        matches!(w, Length(_) | Time(_) | TimeLength(..)) || w.flushes()
    };
    (shape == Feature::Chains && flushes) || (named && !window.is_some_and(in_turn))
}

/// A window of a side.
fn side(r: &mut Random, app: &App, stream: usize, flushes: bool) -> Option<Window> {
    loop {
        match super::window(r, app, stream, false, false) {
            Some(Window::Delay(_) | Window::SessionBatch(_, Some(_)) | Window::Batch) | None => {}
            Some(window) if window.flushes() && !flushes => {}
            Some(window) => return Some(window),
        }
    }
}

/// Letters as aliases: where a stream is read twice there must be some.
fn name(r: &mut Random, sources: &mut [Source]) {
    let streams: Vec<usize> = sources.iter().map(|s| s.stream).collect();
    for (place, source) in sources.iter_mut().enumerate() {
        let twice = streams.iter().filter(|s| **s == source.stream).count() > 1;
        if twice || r.chance(25) {
            source.alias = Some(["a", "b", "c"][place].to_string());
        }
    }
}

/// Adds a join.
fn join(
    r: &mut Random,
    app: &App,
    query: &mut Query,
    source: Source,
    (shape, features): (Feature, &[Feature]),
) {
    let columns = app.columns(query);
    let sources: Vec<&Source> = query.sources().collect();
    let other = r.below(sources.len());
    let left = Side {
        stream: &app.streams[sources[other].stream],
        first: columns[other],
    };
    let right = Side {
        stream: &app.streams[source.stream],
        first: columns[columns.len() - 1],
    };
    let held =
        |s: &Source| s.window.is_some() || !matches!(app.streams[s.stream].role, Role::Stream);
    let short = sources.iter().all(|s| held(s)) && held(&source) && shape == Feature::Joins;
    let asof = shape == Feature::Asof;
    let on = match r.below(100) {
        0..8 if short => Expr::boolean(Kind::Literal(Value::Bool(true))),
        8..18 if short => compared(r, &left, &right),
        n => {
            let on = equal(r, &left, &right);
            match n {
                _ if asof => match r.chance(25) {
                    true => both(on, alone(r, &right)),
                    false => on,
                },
                80..90 => both(on, compared(r, &left, &right)),
                90..95 => both(on, alone(r, &left)),
                95..100 => both(on, alone(r, &right)),
                _ => on,
            }
        }
    };
    let kind = kind(r, app, query, &source, (shape, features));
    let span = |r: &mut Random| *r.pick(&[0, 1, 5, 20]) * 1000;
    let bounds = (shape == Feature::TimeBounds).then(|| (-span(r), span(r)));
    let within = (asof && r.chance(40)).then(|| *r.pick(&[1, 5, 20, 50]) * 1000);
    query.joins.push(Join {
        kind,
        source,
        on,
        bounds,
        within,
    });
}

fn kind(
    r: &mut Random,
    app: &App,
    query: &Query,
    source: &Source,
    (shape, features): (Feature, &[Feature]),
) -> JoinKind {
    let silent_left = app.is_table(query.from.stream) || source.unidirectional;
    let silent_right = app.is_table(source.stream) || query.from.unidirectional;
    let flushes = |s: &Source| app.window(s).is_some_and(Window::flushes);
    let any_flushes = query.sources().any(flushes) || flushes(source);
    let outer = features.contains(&Feature::OuterJoins);
    let outer = outer && !(shape == Feature::Chains && any_flushes);
    let asof = shape == Feature::Asof;
    match r.below(100) {
        0..50 if asof => JoinKind::Asof,
        _ if asof => JoinKind::AsofLeft,
        0..20 if outer && !silent_left => JoinKind::Left,
        20..35 if outer && !silent_right => JoinKind::Right,
        35..50 if outer && !silent_left && !silent_right => JoinKind::Full,
        _ => JoinKind::Inner,
    }
}

/// One side of a condition.
struct Side<'a> {
    stream: &'a Stream,
    /// The number of its first column.
    first: usize,
}

impl Side<'_> {
    fn column(&self, place: usize) -> Expr {
        let ty = self.stream.attributes[place].ty;
        Expr::new(ty, Kind::Column(self.first + place))
    }
}

pub fn both(a: Expr, b: Expr) -> Expr {
    Expr::boolean(Kind::Binary(Op::And, Box::new(a), Box::new(b)))
}

fn binary(op: Op, a: Expr, b: Expr) -> Expr {
    Expr::boolean(Kind::Binary(op, Box::new(a), Box::new(b)))
}

/// One key or two, in either order of the sides.
fn equal(r: &mut Random, left: &Side<'_>, right: &Side<'_>) -> Expr {
    let (of_left, of_right) = (keys(left.stream), keys(right.stream));
    let pair = |r: &mut Random, a: usize, b: usize| match r.chance(70) {
        true => binary(Op::Eq, left.column(a), right.column(b)),
        false => binary(Op::Eq, right.column(b), left.column(a)),
    };
    let first = pair(r, of_left[0], of_right[0]);
    match (of_left.get(1), of_right.get(1)) {
        (Some(a), Some(b)) if r.chance(50) => both(first, pair(r, *a, *b)),
        _ => first,
    }
}

/// The numbers of both sides.
fn compared(r: &mut Random, left: &Side<'_>, right: &Side<'_>) -> Expr {
    let op = *r.pick(&[Op::Less, Op::LessEq, Op::NotEq, Op::Greater]);
    let (a, b) = (number(left.stream), number(right.stream));
    binary(op, left.column(a), right.column(b))
}

/// A condition on one side alone.
fn alone(r: &mut Random, side: &Side<'_>) -> Expr {
    let op = *r.pick(&[Op::LessEq, Op::Greater, Op::NotEq]);
    let literal = Expr::new(Type::Long, Kind::Literal(Value::Long(r.between(-2, 2))));
    binary(op, side.column(number(side.stream)), literal)
}

/// Whether no pad comes back for an instant only.
fn is_plain(app: &App, query: &Query) -> bool {
    let flushes = |s: &Source| app.window(s).is_some_and(Window::flushes);
    let mut pads = false;
    let joins = query.joins.iter().enumerate();
    for (place, join) in joins.filter(|(_, j)| j.bounds.is_none()) {
        let left = query.sources().take(place + 1).any(flushes);
        if (join.kind.pads_left() && flushes(&join.source))
            || (join.kind.pads_right() && (left || pads))
        {
            return false;
        }
        pads |= join.kind.pads_left();
    }
    true
}

/// Whether rows leave every side.
pub fn all_forget(app: &App, query: &Query) -> bool {
    let forgets = |s| app.window(s).is_some_and(Window::forgets);
    query.sources().all(forgets)
}

pub fn may_aggregate(app: &App, query: &Query) -> bool {
    let events = match &app.streams[query.from.stream].role {
        Role::Window(_, events) => *events,
        _ => Events::All,
    };
    events != Events::Expired && !flushes_in_silence(app, query) && is_plain(app, query)
}

/// Whether all sides flush, but those that trigger nothing.
fn flushes_in_silence(app: &App, query: &Query) -> bool {
    let flushes = |s: &Source| app.window(s).is_some_and(Window::flushes);
    let silent = query
        .sources()
        .any(|s| s.unidirectional || app.is_table(s.stream));
    silent
        && query
            .sources()
            .all(|s| app.is_table(s.stream) || flushes(s))
}

/// A pad that is not shown counts as a row that is there.
pub fn may_be_distinct(app: &App, query: &Query) -> bool {
    let pads = |j: &Join| j.kind.pads_left() || j.kind.pads_right();
    may_aggregate(app, query) && !query.joins.iter().any(pads)
}

/// Whether no two sources have attributes of one name.
pub fn names_differ(query: &Query) -> bool {
    let streams: Vec<usize> = query.sources().map(|s| s.stream).collect();
    streams
        .iter()
        .enumerate()
        .all(|(place, s)| !streams[..place].contains(s))
}

/// Whether a named window and an order of time say different things of whose turn comes first.
fn order_is_open(app: &App, query: &Query) -> bool {
    let named = |s: &Source| matches!(app.streams[s.stream].role, Role::Window(..));
    let ordered = |s: &Source| app.window(s).is_some_and(Window::is_ordered);
    let late = app.lateness_us > 0 || app.inputs > 1;
    let by_name = |s: &Source| named(s) && ordered(s);
    let open = late && query.sources().any(named) && query.sources().any(ordered);
    open || (query.sources().any(by_name) && !query.sources().all(by_name))
}

/// `eventTimestamp(a)` of the sides of a join whose rows keep their time.
pub fn times(app: &App, query: &Query) -> Vec<Leaf> {
    let keeps = |s: &Source| {
        let plain = matches!(app.streams[s.stream].role, Role::Stream);
        plain && !s.window.as_ref().is_some_and(Window::flushes)
    };
    let sources = query.sources().enumerate().filter(|(_, s)| keeps(s));
    let leaf = |(place, _): (usize, &Source)| Leaf {
        kind: Kind::TimeOf(place),
        ty: Type::Long,
        nature: Nature::Wild,
    };
    match query.joins.is_empty() {
        true => Vec::new(),
        false => sources.map(leaf).collect(),
    }
}
