//! Random apps: only such as the engine accepts.
//!
//! Left out on purpose, here and nowhere else, with the reason:
//! * `<` between BOOLs, FROM-less SELECT, ordering by an approximate value: refused, or not comparable with a
//!   tolerance.
//! * CAST of DOUBLE and FLOAT to STRING, of decimal texts to INT: formats that the design pages leave open.
//! * DISTINCT, ORDER BY, LIMIT with ALL or EXPIRED EVENTS behind a batch window: which sign goes first is open.
//! * minForever and maxForever behind a window: the engine forgets them with the rows, the design pages say Siddhi
//!   keeps.
//! * `batch` behind another query, and windows of time behind `batch`: a send's end mark belongs to the input.
//! * `externalTime` with a part of a millisecond: its attribute counts whole ones.
//! * WHERE in a query with a stream of late rows: whether it is asked before is open.
//! * `timeBatch` without a start, and sessions, behind a window that closes: where the instant before a time begins a
//!   batch or ends a gap is open.
//! * Deviations, medians and percentiles over attributes other than tame ones, and without a window: an algorithm may
//!   lose what is near 1e308, and a sketch is not exact.
//! * DOUBLE sums over wild values in batches: they may be added in any order.
//! * Two queries that insert into one stream, with lateness or several inputs: of rows that come at one time to both
//!   the order is open.

mod expr;
pub mod features;
mod join;
pub mod many;
mod named;
pub mod partition;
pub mod pattern;
mod rate;
mod select;
mod table;
pub mod value;

use super::app::{App, Attribute, Events, Nature, Query, Role, Source, Stream, Window};
use super::expr::Kind;
use eventflux::event::Type;
use eventflux_kit::Random;
use expr::{Leaf, Scope, TYPES};

/// A random app.
pub fn app(r: &mut Random) -> App {
    let lateness_us = match r.below(100) {
        0..40 => r.between(1, 60) * 1000,
        40..45 => 1,
        _ => 0,
    };
    let inputs = 1 + r.weighted(&[60, 30, 10]);
    let mut app = App {
        lateness_us,
        ahead_us: r.chance(8).then(|| r.between(10, 200) * 1000),
        inputs: 1 + r.weighted(&[75, 25]),
        streams: Vec::new(),
        queries: Vec::new(),
        partition: None,
    };
    for number in 0..inputs {
        app.streams.push(input_stream(r, number));
    }
    // Streams whose rows come at the end of a send, behind the clock of that send.
    let mut sent = vec![false; inputs];
    for number in 0..1 + r.below(3) {
        query(r, &mut app, number, inputs, &mut sent);
    }
    app
}

/// Whether rows of a stream may be results of a window that closed.
fn closes(app: &App, stream: usize) -> bool {
    let writers = app.queries.iter().filter(|q| q.writes(stream));
    writers.into_iter().any(|q| {
        let timed = |s| app.window(s).is_some_and(|w| w.flushes() && w.is_timed());
        q.sources().any(|s| timed(s) || closes(app, s.stream))
    })
}

fn input_stream(r: &mut Random, number: usize) -> Stream {
    let mut attributes = Vec::new();
    for place in 0..1 + r.weighted(&[10, 20, 25, 25, 20]) {
        let ty = *r.pick(&TYPES);
        let rising = ty == Type::Long && r.chance(40);
        let nature = match r.below(5) {
            _ if rising => Nature::Rising,
            0 | 1 => Nature::Wild,
            _ => Nature::Tame,
        };
        attributes.push(Attribute {
            name: format!("{}{number}", ["a", "b", "c", "d", "e"][place]),
            ty,
            nature,
        });
    }
    Stream {
        name: format!("S{number}"),
        attributes,
        declared: true,
        role: Role::Stream,
    }
}

/// Adds one query, and its target unless it shares one.
fn query(r: &mut Random, app: &mut App, number: usize, inputs: usize, sent: &mut Vec<bool>) {
    let derived = app.streams.len() - inputs;
    let source = if derived > 0 && r.chance(55) {
        inputs + r.below(derived)
    } else {
        r.below(inputs)
    };
    let shared = (inputs..app.streams.len())
        .find(|t| {
            let free = |q: &Query| !q.reads(*t) && q.late != Some(*t);
            *t != source && app.queries.iter().all(free)
        })
        .filter(|_| r.chance(15) && !app.uses_sends())
        .filter(|_| app.lateness_us == 0 && app.inputs == 1);
    let mut window = window(r, app, source, source < inputs, sent[source]);
    if shared.is_some() && matches!(window, Some(Window::Batch)) {
        window = None;
    }
    let ends_send = matches!(window, Some(Window::Batch));
    let types = shared.map(|t| {
        app.streams[t]
            .attributes
            .iter()
            .map(|a| a.ty)
            .collect::<Vec<_>>()
    });
    let mut query = shape(r, app, source, window);
    select::select(r, app, number, &mut query, types);
    if r.chance(15) {
        query.rate = rate::limit(r, app, &query);
    }
    match shared {
        Some(target) => {
            query.target = target;
            for (attribute, item) in app.streams[target].attributes.iter_mut().zip(&query.items) {
                attribute.nature = weaker(attribute.nature, item.nature);
            }
        }
        None => {
            query.target = app.streams.len();
            app.streams.push(target_stream(r, number, &query));
            sent.push(ends_send || sent[source]);
        }
    }
    let refuses = query.from.window.as_ref().is_some_and(Window::refuses);
    if refuses && shared.is_none() && query.condition.is_none() && r.chance(30) {
        query.late = Some(app.streams.len());
        app.streams.push(late_stream(app, number, source));
        sent.push(sent[source]);
    }
    app.queries.push(query);
}

/// The stream of rows that are late for a query.
fn late_stream(app: &App, number: usize, source: usize) -> Stream {
    let attributes = app.streams[source].attributes.iter();
    let attributes = attributes.map(|a| Attribute {
        nature: match a.nature {
            Nature::Rising => Nature::Wild,
            nature => nature,
        },
        ..a.clone()
    });
    Stream {
        name: format!("Late{number}"),
        attributes: attributes.collect(),
        declared: false,
        role: Role::Stream,
    }
}

fn weaker(a: Nature, b: Nature) -> Nature {
    match (a, b) {
        (Nature::Approximate, _) | (_, Nature::Approximate) => Nature::Approximate,
        (Nature::Tame, Nature::Tame) => Nature::Tame,
        _ => Nature::Wild,
    }
}

fn target_stream(r: &mut Random, number: usize, query: &Query) -> Stream {
    let declared = r.chance(20);
    let attributes = query
        .items
        .iter()
        .enumerate()
        .map(|(place, item)| Attribute {
            name: if declared {
                format!("t{number}_{place}")
            } else {
                item.alias.clone()
            },
            ty: item.expr.ty,
            nature: item.nature,
        });
    Stream {
        name: format!("Out{number}"),
        attributes: attributes.collect(),
        declared,
        role: Role::Stream,
    }
}

/// Attributes that a window or GROUP BY may use as a key.
fn keys(app: &App, source: usize) -> Vec<usize> {
    let attributes = &app.streams[source].attributes;
    (0..attributes.len())
        .filter(|a| attributes[*a].nature != Nature::Approximate)
        .collect()
}

fn window(r: &mut Random, app: &App, source: usize, input: bool, sent: bool) -> Option<Window> {
    let closes = closes(app, source);
    let keys = keys(app, source);
    let some_keys = |r: &mut Random| {
        (0..1 + r.below(2))
            .map(|_| *r.pick(&keys))
            .collect::<Vec<_>>()
    };
    let span = |r: &mut Random| {
        let ms = *r.pick(&[1, 3, 5, 10, 20, 50, 100]) * 1000;
        if r.chance(10) { ms + 500 } else { ms }
    };
    let rising = app.streams[source]
        .attributes
        .iter()
        .position(|a| a.nature == Nature::Rising);
    let made = match r.weighted(&[24, 8, 7, 9, 8, 8, 8, 5, 5, 6, 4, 3, 4, 4, 4, 6, 3]) {
        0 => return None,
        1 => Window::Length(1 + r.below(6)),
        2 => Window::LengthBatch(1 + r.below(6)),
        3 => Window::Time(span(r)),
        4 => Window::TimeBatch(span(r), r.chance(50).then(|| r.between(0, 7) * 1000)),
        5 => Window::Tumbling(span(r), r.chance(25).then(|| r.between(0, 3) * 1000)),
        6 => {
            let slide = span(r);
            match r.chance(50) {
                true => Window::Hop(slide * r.between(1, 4), slide),
                false => Window::Hop(span(r), slide),
            }
        }
        7 => Window::TimeLength(span(r), 1 + r.below(5)),
        8 if input => Window::Batch,
        9 => Window::Session(
            span(r),
            (!keys.is_empty() && r.chance(70)).then(|| *r.pick(&keys)),
        ),
        10 if !keys.is_empty() => Window::Unique(some_keys(r)),
        11 if !keys.is_empty() => Window::FirstUnique(some_keys(r)),
        12 => Window::Delay(span(r)),
        13 if !keys.is_empty() => {
            let by = some_keys(r)
                .into_iter()
                .map(|k| (k, r.chance(50)))
                .collect();
            Window::Sort(1 + r.below(4), by)
        }
        14 if rising.is_some() => Window::ExternalTime(rising?, span(r) / 1000 * 1000),
        15 => {
            let keyed = !keys.is_empty() && r.chance(70);
            Window::SessionBatch(span(r), keyed.then(|| *r.pick(&keys)))
        }
        16 => Window::Cron(*r.pick(&[1, 2, 5])),
        _ => return None,
    };
    let timed = !matches!(
        made,
        Window::Length(_)
            | Window::LengthBatch(_)
            | Window::Unique(_)
            | Window::FirstUnique(_)
            | Window::Sort(..)
    );
    let open = match made {
        Window::TimeBatch(_, None) | Window::SessionBatch(..) | Window::Session(..) => closes,
        _ => false,
    };
    (!(open || (sent && timed))).then_some(made)
}

/// A query with its window, conditions and events, without its selection.
fn shape(r: &mut Random, app: &App, source: usize, window: Option<Window>) -> Query {
    let expires = !matches!(
        window,
        None | Some(Window::Delay(_) | Window::FirstUnique(_))
    );
    let events = match r.below(100) {
        0..=24 => Events::All,
        25..=36 if expires => Events::Expired,
        _ => Events::Current,
    };
    let alias = r.chance(20).then(|| "x".to_string());
    let from = Source {
        alias,
        window,
        ..Source::of(source)
    };
    let mut query = Query {
        events,
        qualified: r.chance(20),
        ..Query::of(from, 0)
    };
    let leaves = source_leaves(app, source);
    if r.chance(25) {
        let depth = r.below(3);
        query.from.filter = Some(scope(r, leaves.clone(), true).condition(depth));
    }
    if r.chance(20) {
        let depth = r.below(3);
        query.condition = Some(scope(r, leaves, query.from.window.is_none()).condition(depth));
    }
    query
}

fn source_leaves(app: &App, source: usize) -> Vec<Leaf> {
    leaves(app, &Query::of(Source::of(source), 0))
}

/// The columns of all sources of a query, or what may be said of the terms of its pattern.
fn leaves(app: &App, query: &Query) -> Vec<Leaf> {
    if query.pattern.is_some() {
        return pattern::leaves(app, query);
    }
    let streams = query.sources().map(|s| &app.streams[s.stream]);
    let attributes = streams.flat_map(|s| &s.attributes).enumerate();
    attributes
        .map(|(i, a)| Leaf {
            kind: Kind::Column(i),
            ty: a.ty,
            nature: a.nature,
        })
        .collect()
}

fn scope(r: &mut Random, leaves: Vec<Leaf>, event_time: bool) -> Scope<'_> {
    Scope {
        r,
        leaves,
        calls: None,
        exact_sums: false,
        windowed: false,
        ends: true,
        event_time,
    }
}
