//! Tables as vectors of rows, in the order in which they were inserted.
//!
//! What a statement may not do it does not do at all: a row whose key is there, a key with NULL in it.

use super::Moment;
use super::eval::{Env, cast, eval, is_true};
use super::select::Scene;
use super::window::Row;
use crate::app::{Action, App, Role};
use crate::expr::Expr;
use eventflux::event::Value;

pub type Tables = Vec<Vec<Row>>;

/// The table that a query writes behind one of its rows. `values`: what it selects.
pub fn written(scene: Scene<'_>, row: &Row, values: &[Value], id: u64) -> Vec<Row> {
    let table = scene.query.target;
    let before = scene.tables[table].clone();
    let env = scene.env(row, (0, 0));
    let after = match &scene.query.action {
        Action::Insert => inserted(scene.app, table, &before, values, id),
        Action::Delete { on } => {
            let stays = |old: &&Row| !is_true(on, env.with_table(old));
            before.iter().filter(stays).cloned().collect()
        }
        Action::Update { set, on } => updated(scene.app, table, &before, (set, on), env),
        Action::Upsert { on } => {
            let new = fitted(scene.app, table, values);
            let hit = |old: &Row| is_true(on, env.with_table(old));
            match before.iter().any(hit) {
                false => inserted(scene.app, table, &before, values, id),
                true => replaced(&before, hit, |_| new.clone()),
            }
        }
    };
    match keys_hold(scene.app, table, &after) {
        true => after,
        false => before,
    }
}

fn inserted(app: &App, table: usize, rows: &[Row], values: &[Value], id: u64) -> Vec<Row> {
    let mut rows = rows.to_vec();
    rows.push(stored(id, &fitted(app, table, values)));
    rows
}

/// A row of a table: it has no time.
fn stored(id: u64, values: &[Value]) -> Row {
    let start = Moment {
        at: i64::MIN,
        ..Moment::default()
    };
    Row {
        times: std::rc::Rc::new([None]),
        ..Row::new(id, start, values)
    }
}

fn updated(
    app: &App,
    table: usize,
    rows: &[Row],
    (set, on): (&[(usize, Expr)], &Expr),
    env: Env<'_>,
) -> Vec<Row> {
    let hit = |old: &Row| is_true(on, env.with_table(old));
    replaced(rows, hit, |old| {
        let mut values = old.values.to_vec();
        for (place, to) in set {
            values[*place] = eval(to, env.with_table(old));
        }
        fitted(app, table, &values)
    })
}

fn replaced(
    rows: &[Row],
    hit: impl Fn(&Row) -> bool,
    new: impl Fn(&Row) -> Vec<Value>,
) -> Vec<Row> {
    let one = |old: &Row| match hit(old) {
        true => stored(old.id, &new(old)),
        false => old.clone(),
    };
    rows.iter().map(one).collect()
}

/// Values in the types of their target.
pub fn fitted(app: &App, table: usize, values: &[Value]) -> Vec<Value> {
    let attributes = &app.streams[table].attributes;
    let fit = |(value, a): (&Value, &crate::app::Attribute)| cast(value.clone(), a.ty);
    values.iter().zip(attributes).map(fit).collect()
}

/// No NULL in a key, and no key twice.
fn keys_hold(app: &App, table: usize, rows: &[Row]) -> bool {
    let Role::Table(columns) = &app.streams[table].role else {
        panic!("{} is no table", app.streams[table].name);
    };
    let key =
        |row: &Row| -> Vec<Value> { columns.iter().map(|c| row.values[*c].clone()).collect() };
    columns.is_empty()
        || rows.iter().enumerate().all(|(place, row)| {
            let own = key(row);
            !own.contains(&Value::Null) && rows[..place].iter().all(|other| key(other) != own)
        })
}
