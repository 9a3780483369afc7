//! Random partitions: windows, groups, joins and patterns inside, with inner streams and rate limits.
//!
//! Left out on purpose, with the reason:
//! * Readers of what leaves the partition: the interpreter has no order between keys.
//! * Tables inside: all keys share them, and the interpreter runs each key by itself.
//! * Joins of flushes with a stream without a key: whether a flush of no rows meets them is open.

use super::super::app::partition::{KEY, KeyOf, Partition};
use super::super::app::pattern::{Logical, Step, Unit, What};
use super::super::app::{App, Attribute, Item, JoinKind, Nature, Query, Role, Stream, Window};
use super::super::expr::{Expr, Function, Kind};
use super::features::{self, Feature};
use super::{join, pattern, rate, scope, select, shape, source_leaves, target_stream, window};
use eventflux::event::Type;
use eventflux_kit::Random;

const JOINS: [Feature; 5] = [
    Feature::Joins,
    Feature::OuterJoins,
    Feature::Unidirectional,
    Feature::Asof,
    Feature::TimeBounds,
];

/// An app with a partition of one to four queries.
pub fn app(r: &mut Random) -> App {
    let lateness_us = match r.chance(25) {
        true => r.between(1, 30) * 1000,
        false => 0,
    };
    let mut app = App {
        lateness_us,
        ahead_us: r.chance(4).then(|| r.between(10, 200) * 1000),
        inputs: 1 + r.weighted(&[88, 12]),
        streams: Vec::new(),
        queries: Vec::new(),
        partition: None,
    };
    let text = r.chance(40);
    for number in 0..1 + r.weighted(&[45, 40, 15]) {
        let stream = features::declared(r, format!("S{number}"), number, text, Role::Stream);
        app.streams.push(stream);
    }
    let inputs: Vec<usize> = (0..app.streams.len()).collect();
    if r.chance(15) {
        features::derive(r, &mut app, &inputs, text);
    }
    let keys = keys(r, &app, text);
    app.partition = Some(Partition {
        keys,
        purge_us: None,
        keys_max: None,
        unmatched: Vec::new(),
    });
    let sources = app.streams.len();
    let mut sent = vec![false; sources];
    for _ in 0..1 + r.weighted(&[45, 30, 15, 10]) {
        inside(r, &mut app, sources, &mut sent);
    }
    if !app.queries.iter().any(|q| q.inside) {
        single(r, &mut app, sources, &mut sent);
    }
    options(r, &mut app);
    app
}

/// A key for each stream, or for some.
fn keys(r: &mut Random, app: &App, text: bool) -> Vec<(usize, KeyOf)> {
    let ranges = !text && r.chance(25);
    let first = &app.streams[0].attributes[0];
    let ty = first.ty;
    let mut keys = Vec::new();
    for stream in 0..app.streams.len() {
        if stream > 0 && r.chance(20) {
            continue;
        }
        let key = match ranges {
            true => some_ranges(r, app, stream),
            false => KeyOf::Value(value(r, app, stream, ty)),
        };
        keys.push((stream, key));
    }
    keys
}

fn value(r: &mut Random, app: &App, stream: usize, ty: Type) -> Expr {
    let leaves = source_leaves(app, stream);
    if r.chance(12) {
        let made = scope(r, leaves.clone(), false).expr(ty, 1);
        if !made.is_constant() {
            return made;
        }
    }
    let key = *r.pick(&features::keys(&app.streams[stream]));
    let column = Expr::new(leaves[key].ty, leaves[key].kind.clone());
    match column.ty == ty {
        true => column,
        false => Expr::new(ty, Kind::Cast(Box::new(column))),
    }
}

fn some_ranges(r: &mut Random, app: &App, stream: usize) -> KeyOf {
    let names = ["low", "mid", "high"];
    let ranges = names.iter().take(1 + r.below(3)).map(|name| {
        let leaves = source_leaves(app, stream);
        let condition = scope(r, leaves, false).condition(1);
        (condition, name.to_string())
    });
    KeyOf::Ranges(ranges.collect())
}

fn options(r: &mut Random, app: &mut App) {
    let read: Vec<usize> = (0..app.streams.len())
        .filter(|s| app.door(*s).is_some())
        .collect();
    let mut partition = app.partition.take().expect("the app has one");
    partition.keys.retain(|(stream, _)| read.contains(stream));
    if r.chance(35) {
        let idle = *r.pick(&[5, 20, 60, 200]) * 1000;
        let interval = r.chance(50).then(|| *r.pick(&[1, 7, 10, 50]) * 1000);
        partition.purge_us = Some((idle, interval));
    }
    // Where one stream is part of another, it is open which row of an event brings its key first.
    let is_free = |(stream, _): &(usize, KeyOf)| app.queries.iter().all(|q| !q.writes(*stream));
    let bounded = r.chance(15) && partition.keys.iter().all(is_free);
    partition.keys_max = bounded.then(|| 1 + r.below(3));
    for (stream, _) in &partition.keys {
        if r.chance(30) {
            let of = &app.streams[*stream];
            app.streams.push(Stream {
                name: format!("No{}", of.name),
                attributes: of.attributes.clone(),
                declared: false,
                role: Role::Stream,
            });
            partition.unmatched.push((*stream, app.streams.len() - 1));
        }
    }
    app.partition = Some(partition);
}

/// Adds a query inside, unless what is drawn may not stand there.
fn inside(r: &mut Random, app: &mut App, sources: usize, sent: &mut Vec<bool>) {
    let before = (app.queries.len(), app.streams.len());
    let free = |s: &usize| *s < sources || app.streams[*s].is_inner();
    let all: Vec<usize> = (0..app.streams.len()).filter(free).collect();
    match r.weighted(&[60, 20, 20]) {
        1 => {
            // Joins choose among all streams: those that have left the partition are out of sight.
            let hidden: Vec<usize> = (0..app.streams.len())
                .filter(|s| !all.contains(s))
                .collect();
            let shown: Vec<Vec<Attribute>> = hidden
                .iter()
                .map(|s| std::mem::take(&mut app.streams[*s].attributes))
                .collect();
            join::query(r, app, &JOINS);
            for (stream, attributes) in hidden.into_iter().zip(shown) {
                app.streams[stream].attributes = attributes;
            }
        }
        2 => {
            let keyed: Vec<usize> = all
                .into_iter()
                .filter(|s| app.is_keyed(*s) && *s < sources)
                .collect();
            pattern::query(r, app, &keyed);
        }
        _ => return single(r, app, sources, sent),
    }
    if app.queries.len() == before.0 {
        return;
    }
    let mut query = app.queries.pop().expect("it was added");
    (query.inside, query.rate) = (true, None);
    if !may_stand(app, &query) {
        app.streams.truncate(before.1);
        return;
    }
    finish(r, app, query);
    sent.resize(app.streams.len(), false);
}

/// A query of one stream.
fn single(r: &mut Random, app: &mut App, sources: usize, sent: &mut Vec<bool>) {
    let keyed: Vec<usize> = (0..app.streams.len())
        .filter(|s| app.is_keyed(*s))
        .collect();
    let source = *r.pick(&keyed);
    let is_input = source < sources && app.queries.iter().all(|q| !q.writes(source));
    let window = window(r, app, source, is_input, sent[source]);
    let ends_send = matches!(window, Some(Window::Batch));
    let mut query = shape(r, app, source, window);
    query.inside = true;
    if app.streams[source].is_inner() {
        query.from.alias = Some("x".into());
    }
    let number = app.queries.len();
    select::select(r, app, number, &mut query, None);
    query.target = app.streams.len();
    app.streams.push(target_stream(r, number, &query));
    finish(r, app, query);
    sent.resize(app.streams.len(), ends_send || sent[source]);
}

/// Gives a query whose target stands last its key among the outputs, a rate limit, and perhaps an inner stream.
fn finish(r: &mut Random, app: &mut App, mut query: Query) {
    let target = query.target;
    if let Some(expr) = key(app, &query).filter(|_| !query.star && r.chance(90)) {
        let stream = &mut app.streams[target];
        let name = if stream.declared { "t_pk" } else { KEY };
        stream.attributes.push(Attribute {
            name: name.into(),
            ty: expr.ty,
            nature: Nature::Key,
        });
        query.items.push(Item {
            expr,
            alias: KEY.into(),
            nature: Nature::Key,
        });
    }
    if r.chance(25) {
        query.rate = rate::limit(r, app, &query);
    }
    let stream = &mut app.streams[target];
    if r.chance(30) && !stream.declared && stream.attributes.iter().any(|a| a.name == KEY) {
        stream.name = format!("#I{target}");
    }
    app.queries.push(query);
}

/// The key of the rows of a query, where an expression says it.
fn key(app: &App, query: &Query) -> Option<Expr> {
    if let Some(pattern) = &query.pattern {
        let term = pattern.chain.iter().find_map(first_term)?;
        let term = Some(term).filter(|t| {
            let term = &pattern.terms[*t];
            term.what == What::Once && term.source.alias.is_some()
        });
        return app.key_column(query, term?);
    }
    let places = 0..query.sources().count();
    let keys = places.filter_map(|place| app.key_column(query, place));
    let mut keys: Vec<Expr> = keys.collect();
    let keyed = query.sources().filter(|s| app.is_keyed(s.stream));
    let keyed = keyed.count();
    let pads = query
        .joins
        .iter()
        .any(|j| j.kind.pads_left() || j.kind.pads_right());
    if pads && keys.len() < keyed {
        return None;
    }
    if pads && keyed > 1 {
        let ty = keys[0].ty;
        return Some(Expr::new(ty, Kind::Call(Function::Coalesce, keys)));
    }
    keys.truncate(1);
    keys.pop()
}

/// A term of which each match has one row.
fn first_term(step: &Step) -> Option<usize> {
    match &step.unit {
        Unit::Group(chain) => chain.iter().find_map(first_term),
        Unit::Logical(Logical::Term(term)) => Some(*term),
        Unit::Logical(Logical::And(_) | Logical::Or(_)) => None,
    }
}

/// Whether what was drawn may stand in the partition.
fn may_stand(app: &App, query: &Query) -> bool {
    let keyed: Vec<bool> = query.sources().map(|s| app.is_keyed(s.stream)).collect();
    let inner_named = query
        .sources()
        .all(|s| !app.streams[s.stream].is_inner() || s.alias.is_some() || !query.qualified);
    let padded = query.joins.iter().enumerate().any(|(before, join)| {
        let left = keyed[..=before].iter().any(|k| *k);
        (join.kind.pads_left() && !left)
            || (join.kind.pads_right() && !keyed[before + 1])
            || (matches!(join.kind, JoinKind::Asof | JoinKind::AsofLeft) && !left)
    });
    keyed.iter().any(|k| *k)
        && !padded
        && inner_named
        && (query.pattern.is_none() || keyed.iter().all(|k| *k))
}
