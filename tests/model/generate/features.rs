//! Random apps with joins, tables and named windows, as far as the engine has them.
//!
//! Left out on purpose, here and in `join`, `table` and `named`, with the reason:
//! * Rows of one event that come to a join from two sides, other than of a self-join: which side is first is open.
//! * `delay`, `sessionBatch` by key and `batch` as a side: what they offer is open.
//! * Sides behind queries with windows: whether what closes at a time meets what comes or leaves then is open.
//! * ALL and EXPIRED EVENTS, aggregates and DISTINCT over an outer join whose other side flushes, or over a chain that
//!   pads rows of its left and then of its right: whether a pad that comes back for an instant shows is open.
//! * Pads of the side of a table, and of the side that UNIDIRECTIONAL leaves silent: nothing would cause them.
//! * Joins with a named window beside an order of time: whose turn comes first, and whether it makes the join take
//!   rows in order, is open.
//! * ALL and EXPIRED EVENTS, aggregates and LIMIT over a batch window and a table, or a silent side: whether each
//!   flush is one is open.
//! * Two rows of one event in a named window: whether a self-join gets both on the left before the right is open.
//! * Joins with a named window that gives only some of its rows: what it offers is open.
//! * Tables behind queries that give several rows for one event: whether each row runs to its end is open.
//! * `(condition) IN T` but in filters: a row that leaves would be asked again, of another table.
//! * UPSERT with aggregates: what its ON may name is open.

use super::super::app::{App, Attribute, Nature, Query, Role, Stream};
use super::{join, named, select, table};
use eventflux::event::Type;
use eventflux_kit::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Inner joins of two sides: sliding windows, or none.
    Joins,
    /// LEFT, RIGHT and FULL.
    OuterJoins,
    /// Sides that flush.
    BatchSides,
    /// Several joins in a query.
    Chains,
    Unidirectional,
    Asof,
    /// Bounds by `eventTimestamp`.
    TimeBounds,
    /// Tables with their statements, `IN`, and joins with them.
    Tables,
    /// `CREATE WINDOW`; joins with them where there are joins.
    NamedWindows,
}

/// What is built: `true` switches a feature on.
pub const BUILT: [(Feature, bool); 9] = [
    (Feature::Joins, true),
    (Feature::OuterJoins, true),
    (Feature::BatchSides, true),
    (Feature::Chains, true),
    (Feature::Unidirectional, true),
    (Feature::Asof, true),
    (Feature::TimeBounds, true),
    (Feature::Tables, true),
    (Feature::NamedWindows, true),
];

pub fn built() -> Vec<Feature> {
    BUILT
        .iter()
        .filter(|(_, on)| *on)
        .map(|(f, _)| *f)
        .collect()
}

/// A random app with some of these features.
pub fn app(r: &mut Random, features: &[Feature]) -> App {
    let has = |feature| features.contains(&feature);
    let mut app = App {
        lateness_us: if r.chance(30) {
            r.between(1, 30) * 1000
        } else {
            0
        },
        ahead_us: None,
        inputs: 1 + r.weighted(&[85, 15]),
        streams: Vec::new(),
        queries: Vec::new(),
        partition: None,
    };
    let text = r.chance(50);
    for number in 0..1 + r.weighted(&[20, 45, 35]) {
        let stream = declared(r, format!("S{number}"), number, text, Role::Stream);
        app.streams.push(stream);
    }
    let inputs: Vec<usize> = (0..app.streams.len()).collect();
    if has(Feature::Tables) && r.chance(50) {
        table::table(r, &mut app, &inputs, text);
    }
    if has(Feature::NamedWindows) && r.chance(50) {
        named::window(r, &mut app, &inputs, text, features);
    }
    let joins = has(Feature::Joins);
    if joins && r.chance(20) {
        derive(r, &mut app, &inputs, text);
    }
    if joins && (app.queries.len() < 2 || r.chance(70)) {
        for _ in 0..1 + r.weighted(&[70, 30]) {
            join::query(r, &mut app, features);
        }
    }
    if app.queries.is_empty() {
        match has(Feature::Tables) {
            true => table::table(r, &mut app, &inputs, text),
            false => named::window(r, &mut app, &inputs, text, features),
        }
    }
    if r.chance(25) {
        follow(r, &mut app);
    }
    app
}

/// What is declared has a key or two, a number that sums exactly, and now and then something else.
pub fn declared(r: &mut Random, name: String, number: usize, text: bool, role: Role) -> Stream {
    let key = |r: &mut Random| match text {
        true => Type::String,
        false => *r.pick(&[Type::Int, Type::Long, Type::Long, Type::Double]),
    };
    let mut attributes = vec![attribute(format!("k{number}"), key(r), Nature::Key)];
    if r.chance(50) {
        attributes.push(attribute(format!("j{number}"), key(r), Nature::Key));
    }
    attributes.push(attribute(format!("v{number}"), Type::Long, Nature::Tame));
    if r.chance(30) {
        let ty = *r.pick(&[Type::Double, Type::String, Type::Bool]);
        attributes.push(attribute(format!("w{number}"), ty, Nature::Tame));
    }
    Stream {
        name,
        attributes,
        declared: true,
        role,
    }
}

fn attribute(name: String, ty: Type, nature: Nature) -> Attribute {
    Attribute { name, ty, nature }
}

/// A stream that is part of another.
pub fn derive(r: &mut Random, app: &mut App, inputs: &[usize], text: bool) {
    let place = app.streams.len();
    let mut stream = declared(r, "D".into(), place, text, Role::Stream);
    let fits = |a: &Attribute| a.nature == Nature::Key || a.ty == Type::Long;
    stream.attributes.retain(fits);
    app.streams.push(stream);
    let source = *r.pick(inputs);
    let query = named::writer(r, app, place, source);
    app.queries.push(query);
}

/// The places of the keys of what is declared.
pub fn keys(stream: &Stream) -> Vec<usize> {
    let attributes = stream.attributes.iter().enumerate();
    let keys = attributes.filter(|(_, a)| a.nature == Nature::Key);
    keys.map(|(place, _)| place).collect()
}

/// The place of the number of what is declared.
pub fn number(stream: &Stream) -> usize {
    let is_number = |a: &Attribute| a.ty == Type::Long && a.nature == Nature::Tame;
    let place = stream.attributes.iter().position(is_number);
    place.expect("what is declared has a number")
}

/// Gives a query a selection and a stream of its own.
pub fn finish(r: &mut Random, app: &mut App, mut query: Query) {
    let number = app.queries.len();
    select::select(r, app, number, &mut query, None);
    if !join::may_aggregate(app, &query) {
        (query.limit, query.offset) = (None, None);
    }
    if r.chance(8) {
        query.rate = super::rate::limit(r, app, &query);
    }
    query.target = app.streams.len();
    app.streams.push(super::target_stream(r, number, &query));
    app.queries.push(query);
}

/// A query behind another, without a window that knows of time: the order of what it reads may not be that of time.
pub fn follow(r: &mut Random, app: &mut App) {
    let written = |s: &usize| app.queries.iter().any(|q| q.writes(*s));
    let streams = 0..app.streams.len();
    let free = streams.filter(|s| matches!(app.streams[*s].role, Role::Stream) && written(s));
    let free: Vec<usize> = free.collect();
    if free.is_empty() {
        return;
    }
    let source = *r.pick(&free);
    let window = super::window(r, app, source, false, true);
    let query = super::shape(r, app, source, window);
    finish(r, app, query);
}
