//! Random tables: what writes them, and what reads them.

use super::super::app::{
    Action, App, Attribute, Item, Join, JoinKind, Nature, Query, Role, Source,
};
use super::super::expr::{Expr, Kind, Op};
use super::features::{declared, finish, keys, number};
use super::join::both;
use eventflux::event::{Type, Value};
use eventflux_kit::Random;

/// A table with writers and readers, in any order behind the first writer.
pub fn table(r: &mut Random, app: &mut App, inputs: &[usize], text: bool) {
    let place = app.streams.len();
    let mut table = declared(r, "T".into(), place, text, Role::Table(Vec::new()));
    let keys = keys(&table);
    table.role = Role::Table(match r.below(100) {
        0..20 => Vec::new(),
        20..70 => keys[..1].to_vec(),
        _ => keys,
    });
    app.streams.push(table);
    let source = *r.pick(inputs);
    let first = match r.chance(60) {
        true => insert(app, place, source),
        false => upsert(r, app, place, source),
    };
    app.queries.push(first);
    for _ in 0..2 + r.below(4) {
        let source = *r.pick(inputs);
        match r.chance(55) {
            true => {
                let query = statement(r, app, place, source);
                app.queries.push(query);
            }
            false => read(r, app, place, source),
        }
    }
    let source = *r.pick(inputs);
    read(r, app, place, source);
}

fn statement(r: &mut Random, app: &App, table: usize, source: usize) -> Query {
    let mut query = match r.below(4) {
        0 => insert(app, table, source),
        1 => upsert(r, app, table, source),
        2 => update(r, app, table, source),
        _ => {
            let on = condition(r, app, table, source);
            Query {
                action: Action::Delete { on },
                qualified: true,
                ..Query::of(Source::of(source), table)
            }
        }
    };
    if r.chance(20) {
        let leaves = super::source_leaves(app, source);
        query.from.filter = Some(super::scope(r, leaves, true).condition(1));
    }
    query
}

/// What the attributes of a table get of a stream: those of the same kind, in their types.
fn items(app: &App, table: usize, source: usize) -> Vec<Item> {
    let of = &app.streams[source].attributes;
    let (of_table, of_source) = (keys(&app.streams[table]), keys(&app.streams[source]));
    let attributes = app.streams[table].attributes.iter().enumerate();
    let item = |(place, a): (usize, &Attribute)| {
        let from = match of_table.iter().position(|k| *k == place) {
            Some(key) => of_source[key.min(of_source.len() - 1)],
            None if a.ty == Type::Long => number(&app.streams[source]),
            None => {
                let same = |b: &Attribute| b.ty == a.ty && b.nature == Nature::Tame;
                of.iter().position(same).unwrap_or(usize::MAX)
            }
        };
        let expr = match of.get(from) {
            Some(b) => fitted(Expr::new(b.ty, Kind::Column(from)), a.ty),
            None => Expr::new(a.ty, Kind::Literal(Value::Null)),
        };
        Item {
            expr,
            alias: a.name.clone(),
            nature: a.nature,
        }
    };
    attributes.map(item).collect()
}

/// An expression in a type: widening needs no word.
fn fitted(expr: Expr, ty: Type) -> Expr {
    match expr.ty == ty || expr.ty.widens_to(ty) {
        true => expr,
        false => Expr::new(ty, Kind::Cast(Box::new(expr))),
    }
}

fn insert(app: &App, table: usize, source: usize) -> Query {
    Query {
        items: items(app, table, source),
        ..Query::of(Source::of(source), table)
    }
}

fn upsert(r: &mut Random, app: &App, table: usize, source: usize) -> Query {
    let on = match r.chance(80) {
        true => by_key(app, table, source),
        false => condition(r, app, table, source),
    };
    Query {
        action: Action::Upsert { on },
        items: items(app, table, source),
        qualified: true,
        ..Query::of(Source::of(source), table)
    }
}

fn update(r: &mut Random, app: &App, table: usize, source: usize) -> Query {
    let new = items(app, table, source);
    let (value, own) = (number(&app.streams[table]), number(&app.streams[source]));
    let of_table = |place: usize| {
        let ty = app.streams[table].attributes[place].ty;
        Expr::new(ty, Kind::TableColumn(table, place))
    };
    let added = Expr::new(Type::Long, Kind::Column(own));
    let sum = Kind::Binary(Op::Add, Box::new(of_table(value)), Box::new(added));
    let set = match r.below(10) {
        0..4 => vec![(value, new[value].expr.clone())],
        4..7 => vec![(value, Expr::new(Type::Long, sum))],
        7 | 8 => vec![(0, new[0].expr.clone())],
        _ => {
            let key = new[0].expr.clone();
            vec![(value, Expr::new(Type::Long, sum)), (0, key)]
        }
    };
    let on = condition(r, app, table, source);
    Query {
        action: Action::Update { set, on },
        qualified: true,
        ..Query::of(Source::of(source), table)
    }
}

fn compared(op: Op, app: &App, (table, place): (usize, usize), own: Expr) -> Expr {
    let ty = app.streams[table].attributes[place].ty;
    let of_table = Expr::new(ty, Kind::TableColumn(table, place));
    Expr::boolean(Kind::Binary(op, Box::new(of_table), Box::new(own)))
}

/// Equality of all keys of the table.
fn by_key(app: &App, table: usize, source: usize) -> Expr {
    let Role::Table(key) = &app.streams[table].role else {
        panic!("it is a table");
    };
    let key = if key.is_empty() { &[0][..] } else { key };
    let items = items(app, table, source);
    let one = |place: &usize| compared(Op::Eq, app, (table, *place), items[*place].expr.clone());
    let all = key.iter().map(one).reduce(both);
    all.expect("there is a key")
}

/// Which rows of the table a row of the stream means.
fn condition(r: &mut Random, app: &App, table: usize, source: usize) -> Expr {
    let (value, own) = (number(&app.streams[table]), number(&app.streams[source]));
    let own = Expr::new(Type::Long, Kind::Column(own));
    match r.below(10) {
        0..5 => by_key(app, table, source),
        5 | 6 => compared(Op::Eq, app, (table, value), own),
        7 => compared(
            *r.pick(&[Op::LessEq, Op::Greater]),
            app,
            (table, value),
            own,
        ),
        8 => {
            let first = items(app, table, source)[0].expr.clone();
            compared(Op::NotEq, app, (table, 0), first)
        }
        _ => {
            let more = compared(Op::Less, app, (table, value), own);
            both(by_key(app, table, source), more)
        }
    }
}

/// A query that asks the table, or is joined with it.
fn read(r: &mut Random, app: &mut App, table: usize, source: usize) {
    if r.chance(35) {
        let on = condition(r, app, table, source);
        let mut query = super::shape(r, app, source, None);
        let asked = Kind::InTable(Box::new(on), table, r.chance(30));
        let asked = Expr::boolean(asked);
        query.from.filter = Some(match query.from.filter.take() {
            Some(filter) if r.chance(50) => both(filter, asked),
            _ => match r.chance(20) {
                true => Expr::boolean(Kind::Not(Box::new(asked))),
                false => asked,
            },
        });
        finish(r, app, query);
        return;
    }
    let plain = super::window(r, app, source, false, false).filter(|_| r.chance(40));
    let window = plain.filter(|w| !w.flushes() && w.forgets());
    let columns = app.streams[source].attributes.len();
    let on = condition(r, app, table, source);
    let on = match r.chance(12) {
        true => Expr::boolean(Kind::Literal(Value::Bool(true))),
        false => of_row(&on, columns),
    };
    let from = Source {
        window,
        ..Source::of(source)
    };
    let mut query = Query::of(from, 0);
    query.joins.push(Join {
        kind: if r.chance(35) {
            JoinKind::Left
        } else {
            JoinKind::Inner
        },
        source: Source::of(table),
        on,
        bounds: None,
        within: None,
    });
    query.qualified = r.chance(70);
    if app.forgets(&query) && query.from.window.is_some() && r.chance(40) {
        query.events = super::Events::All;
    }
    finish(r, app, query);
}

/// A condition with the table's attributes as columns behind those of the stream.
fn of_row(on: &Expr, first: usize) -> Expr {
    let kind = match &on.kind {
        Kind::TableColumn(_, place) => Kind::Column(first + place),
        Kind::Binary(op, a, b) => {
            let (a, b) = (of_row(a, first), of_row(b, first));
            Kind::Binary(*op, Box::new(a), Box::new(b))
        }
        Kind::Cast(of) => Kind::Cast(Box::new(of_row(of, first))),
        other => other.clone(),
    };
    Expr::new(on.ty, kind)
}
