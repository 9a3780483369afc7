//! Many queries over one stream, most of which ask its key for a constant before all else: the engine looks rows up
//! and gives them only to those whose constant they have.

use super::super::app::pattern::{Term, What};
use super::super::app::{App, Item, Nature, Query, Role, Window};
use super::super::expr::{Expr, Kind, Op};
use super::join::both;
use super::{features, pattern};
use eventflux::event::{Type, Value};
use eventflux_kit::Random;

/// More queries than the engine needs to look rows up.
const QUERIES_MIN: usize = 9;

/// An app with many queries: each into a stream of its own, or all into one.
pub fn app(r: &mut Random) -> App {
    let is_shared = r.chance(40);
    let is_late = !is_shared && r.chance(25);
    let mut app = App {
        lateness_us: if is_late { r.between(1, 30) * 1000 } else { 0 },
        ahead_us: None,
        inputs: 1 + usize::from(!is_shared && r.chance(12)),
        streams: Vec::new(),
        queries: Vec::new(),
        partition: None,
    };
    let text = r.chance(30);
    let mut stream = features::declared(r, "S0".into(), 0, text, Role::Stream);
    if stream.attributes[0].ty == Type::Double {
        stream.attributes[0].ty = Type::Long;
    }
    app.streams.push(stream);
    let queries = QUERIES_MIN + r.below(4);
    while app.queries.len() < queries {
        query(r, &mut app);
        if is_shared {
            share(r, &mut app);
        }
    }
    app
}

/// A query, which asks for a constant first, or now and then does not.
fn query(r: &mut Random, app: &mut App) {
    if r.chance(40) {
        pattern::query(r, app, &[0]);
        let asks = r.chance(95);
        let Some(query) = app.queries.last_mut() else {
            return;
        };
        if let Some(pattern) = query.pattern.as_mut().filter(|_| asks) {
            let width = app.streams[0].attributes.len();
            for (term, place) in pattern.terms.iter_mut().zip((0..).step_by(width)) {
                let first = constant(r, app.streams[0].attributes[0].ty, place);
                term.source.filter = Some(in_front(first, term.source.filter.take()));
            }
        }
        return;
    }
    let window = super::window(r, app, 0, true, true);
    let mut query = super::shape(r, app, 0, window);
    if r.chance(95) {
        let first = constant(r, app.streams[0].attributes[0].ty, 0);
        query.from.filter = Some(in_front(first, query.from.filter.take()));
    }
    features::finish(r, app, query);
}

/// Lets the last query write what the first one writes: key and number of a row. One that has no such row goes.
fn share(r: &mut Random, app: &mut App) {
    let Some(query) = app.queries.pop() else {
        return;
    };
    app.streams
        .truncate(1 + usize::from(!app.queries.is_empty()));
    let first = match &query.pattern {
        None => Some(0),
        Some(pattern) => {
            let is_one = |t: &Term| t.source.alias.is_some() && t.what == What::Once;
            let columns = pattern.columns(app);
            let term = pattern.terms.iter().position(is_one);
            term.filter(|_| pattern.chain.len() == pattern.terms.len())
                .map(|term| columns[term])
        }
    };
    let sends = matches!(query.from.window, Some(Window::Batch));
    let Some(first) = first.filter(|_| !sends) else {
        return;
    };
    let stream = &app.streams[0];
    let items = [0, features::number(stream)].map(|place| Item {
        expr: Expr::new(stream.attributes[place].ty, Kind::Column(first + place)),
        alias: format!("o{place}"),
        nature: Nature::Wild,
    });
    let query = Query {
        pattern: query.pattern,
        items: items.to_vec(),
        ..Query::of(query.from, 1)
    };
    if app.queries.is_empty() {
        let target = super::target_stream(r, 0, &query);
        app.streams.push(target);
    }
    app.queries.push(query);
}

/// That the key is a constant, or one of some.
fn constant(r: &mut Random, ty: Type, column: usize) -> Expr {
    let value = |r: &mut Random| {
        let value = match ty {
            Type::String => Value::from(*r.pick(&["a", "b", "c"])),
            Type::Int => Value::Int(r.between(0, 3) as i32),
            _ => Value::Long(r.between(0, 3)),
        };
        Expr::new(ty, Kind::Literal(value))
    };
    let key = || Expr::new(ty, Kind::Column(column));
    let equals = |a: Expr, b: Expr| Expr::boolean(Kind::Binary(Op::Eq, Box::new(a), Box::new(b)));
    match r.weighted(&[70, 10, 10, 10]) {
        0 => equals(key(), value(r)),
        1 => equals(value(r), key()),
        2 => Expr::boolean(Kind::In(Box::new(key()), vec![value(r), value(r)], false)),
        _ => {
            let (a, b) = (equals(key(), value(r)), equals(key(), value(r)));
            Expr::boolean(Kind::Binary(Op::Or, Box::new(a), Box::new(b)))
        }
    }
}

fn in_front(first: Expr, rest: Option<Expr>) -> Expr {
    match rest {
        Some(rest) => both(first, rest),
        None => first,
    }
}
