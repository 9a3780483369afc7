//! Joins that find rows by a range of a column, beside the same joins that look at every row of a key: the same rows in
//! the same order, and as many values that became NULL.

use crate::app::{Collected, Outputs, Setup, Step, take_step};
use crate::literal::Literal;
use eventflux::EventFluxManager;
use eventflux_kit::Random;
use std::sync::Arc;

/// `{a}` and `{b}` are columns in the one app; in the other they are expressions, of which nothing knows an order.
const ON: [&str; 11] = [
    "a.k = b.k AND {b} < {a}",
    "a.k = b.k AND {a} >= {b}",
    "{b} > {a}",
    "a.k = b.k AND {b} BETWEEN {a} AND {a}",
    "a.k = b.k AND a.x > b.x AND {b} < {a} AND {b} >= a.low",
    "a.k = b.k AND {b} BETWEEN a.low AND a.low / a.x",
    "a.k = b.k AND {b} > a.low / (a.x - 1) AND {b} <= {a}",
    "a.k = b.k AND {b} > a.low AND 6 / b.x > 0",
    "a.k = b.k AND 6 / b.x > 0 AND {b} > a.low",
    "a.k = b.k AND {a} BETWEEN {b} AND b.low / b.x",
    "a.k = b.k AND {b} > a.low AND {b} > a.low / a.x AND {b} < {a}",
];

const JOINS: [&str; 6] = [
    "FROM A WINDOW('length', 30) AS a JOIN B WINDOW('length', 9) AS b",
    "FROM A WINDOW('length', 12) AS a LEFT JOIN B WINDOW('length', 30) AS b",
    "FROM A WINDOW('length', 7) AS a FULL JOIN B WINDOW('sort', 9, x) AS b",
    "FROM A AS a WINDOW('length', 7) UNIDIRECTIONAL JOIN B WINDOW('length', 30) AS b",
    "FROM A WINDOW('lengthBatch', 5) AS a JOIN B WINDOW('lengthBatch', 9) AS b",
    "FROM A AS a RIGHT JOIN B AS b",
];

const TYPES: [[&str; 2]; 7] = [
    ["LONG", "LONG"],
    ["INT", "LONG"],
    ["DOUBLE", "INT"],
    ["FLOAT", "DOUBLE"],
    ["LONG", "DOUBLE"],
    ["FLOAT", "INT"],
    ["STRING", "STRING"],
];

/// An app with a join; `plain`: with columns alone.
fn app(join: &str, on: &str, types: [&str; 2], plain: bool) -> String {
    let column = |c: &str| match plain {
        true => c.to_string(),
        false => format!("coalesce({c}, {c})"),
    };
    let on = on
        .replace("{a}", &column("a.v"))
        .replace("{b}", &column("b.v"));
    let [a, b] = types;
    format!(
        "@app:playback\nCREATE STREAM A (k INT, v {a}, x INT, low INT, n INT);
         CREATE STREAM B (k INT, v {b}, x INT, low INT, n INT);
         INSERT ALL EVENTS INTO Out SELECT a.n AS a, b.n AS b {join} ON {on};"
    )
}

fn small(random: &mut Random) -> Literal {
    match random.once_in(8) {
        true => Literal::Null,
        false => Literal::Integer(random.below(9_i64) - 3),
    }
}

/// A row; most have one key.
fn row(random: &mut Random, ty: &str, number: i64) -> (Option<i64>, Vec<Literal>) {
    let k = match random.once_in(3) {
        true => small(random),
        false => Literal::Integer(1),
    };
    let v = match (small(random), ty) {
        (Literal::Integer(n), "STRING") => Literal::Text(format!("{n:>4}")),
        (v, _) => v,
    };
    let values = vec![k, v, small(random), small(random), Literal::Integer(number)];
    (Some(number * 1000), values)
}

fn steps(random: &mut Random, types: [&str; 2]) -> Vec<Step> {
    let mut number = 0;
    let step = |_| {
        let side = random.below(2_usize);
        let rows = (0..random.below(6) + 1).map(|_: i64| {
            number += 1;
            row(random, types[side], number)
        });
        Step::Send(["A", "B"][side].to_string(), rows.collect())
    };
    (0..60).map(step).collect()
}

/// What comes out, and how many values became NULL.
fn outcome(app: &str, steps: &[Step]) -> (Outputs, u64, String) {
    let config = Setup::INLINE.config();
    let runtime = EventFluxManager::new().create_with(app, config);
    let runtime = runtime.unwrap_or_else(|e| panic!("{app}\n{e}"));
    let collected = Arc::new(Collected::default());
    collected.attach(&runtime);
    runtime.start().expect("threads start");
    let mut input = runtime.input().expect("the app runs");
    for step in steps {
        take_step(&runtime, &mut input, step, 0);
    }
    drop(input);
    let faults = runtime.metrics().expect("it runs").value_faults;
    let explained = runtime.explain();
    runtime.shutdown().expect("no worker panicked");
    (collected.take(), faults, explained)
}

#[test]
fn an_ordered_index_changes_nothing() {
    let seed = 7;
    let (mut ordered, mut failed) = (0, 0);
    for (case, on) in ON.iter().enumerate() {
        for (number, join) in JOINS.iter().enumerate() {
            let random = &mut Random::new(seed + (case * JOINS.len() + number) as u64);
            let numeric = on.contains("low");
            let types = TYPES[random.below(if numeric { 6 } else { 7_usize })];
            let steps = steps(random, types);
            let plain = app(join, on, types, true);
            let (rows, faults, explained) = outcome(&plain, &steps);
            let (all_rows, all_faults, scanned) = outcome(&app(join, on, types, false), &steps);
            assert_eq!(faults, all_faults, "seed {seed}: {plain}");
            assert_eq!(rows, all_rows, "seed {seed}: {plain}");
            assert!(!scanned.contains("ordered index on v"), "{scanned}");
            failed += faults;
            ordered += usize::from(explained.contains("ordered index on v"));
        }
    }
    assert!(failed > 0, "no value became NULL");
    assert!(
        ordered > ON.len() * JOINS.len() / 2,
        "{ordered} have an order"
    );
}
