//! The oracle against rows worked out by hand.

use super::{Fault, run};
use crate::app::{Aggregate, App, Attribute, Call, Events, Item, Nature, Query, Stream, Window};
use crate::expr::{Expr, Kind};
use crate::input;
use eventflux::event::{Sign, Type, Value};

/// S (k STRING, v LONG), one query: k, sum(v), or k, v without aggregate.
fn app(window: Option<Window>, events: Events, sum: bool, grouped: bool) -> App {
    let attribute = |name: &str, ty| Attribute {
        name: name.into(),
        ty,
        nature: Nature::Tame,
    };
    let attributes = vec![attribute("k", Type::String), attribute("v", Type::Long)];
    let stream = |name: &str| Stream {
        name: name.into(),
        attributes: attributes.clone(),
        declared: true,
    };
    let (k, v) = (
        Expr::new(Type::String, Kind::Column(0)),
        Expr::new(Type::Long, Kind::Column(1)),
    );
    let second = if sum {
        Expr::new(Type::Long, Kind::Aggregate(0))
    } else {
        v.clone()
    };
    let item = |expr: &Expr, alias: &str| Item {
        expr: expr.clone(),
        alias: alias.into(),
        nature: Nature::Tame,
    };
    let call = Call {
        aggregate: Aggregate::Sum,
        arg: Some(v),
    };
    let query = Query {
        source: 0,
        target: 1,
        events,
        star: false,
        distinct: false,
        items: vec![item(&k, "k"), item(&second, "s")],
        aggregates: if sum { vec![call] } else { Vec::new() },
        alias: None,
        qualified: false,
        filter: None,
        window,
        condition: None,
        group_by: if grouped { vec![k] } else { Vec::new() },
        having: None,
        order_by: Vec::new(),
        limit: None,
        offset: None,
    };
    App {
        lateness_us: 0,
        streams: vec![stream("S"), stream("Out")],
        queries: vec![query],
    }
}

/// `(at, k, v)` rows, then a clock far behind them; what comes out as `at sign k s`.
fn answer(app: &App, rows: &[(i64, &str, i64)]) -> Vec<String> {
    let send = |(at, k, v): &(i64, &str, i64)| {
        input::Call::Send(
            0,
            vec![input::Row {
                at: *at,
                values: vec![Value::from(*k), Value::Long(*v)],
            }],
        )
    };
    let mut calls: Vec<input::Call> = rows.iter().map(send).collect();
    calls.push(input::Call::Advance(1000));
    let outputs = run(app, &calls, Fault::None);
    let text = |o: &super::Output| {
        let sign = if o.sign == Sign::Plus { '+' } else { '-' };
        format!("{} {sign} {} {}", o.at, o.values[0], o.values[1])
    };
    outputs[1].iter().map(text).collect()
}

const ROWS: [(i64, &str, i64); 4] = [(0, "a", 1), (1, "b", 2), (2, "a", 4), (12, "a", 8)];

#[test]
fn a_length_window_lets_the_oldest_leave_first() {
    let app = app(Some(Window::Length(2)), Events::All, true, true);
    assert_eq!(
        answer(&app, &ROWS),
        [
            "0 + a 1",
            "1 + b 2",
            "2 - a NULL",
            "2 + a 4",
            "12 - b NULL",
            "12 + a 12"
        ]
    );
}

#[test]
fn a_time_window_expires_at_the_due_time() {
    let app = app(Some(Window::Time(10)), Events::All, true, false);
    let rows = [
        "0 + a 1",
        "1 + b 3",
        "2 + a 7",
        "10 - a 6",
        "11 - b 4",
        "12 - a NULL",
        "12 + a 8",
        "22 - a NULL",
    ];
    assert_eq!(answer(&app, &ROWS), rows);
}

#[test]
fn a_tumbling_window_gives_one_row_per_group() {
    let app = app(
        Some(Window::Tumbling(10, None)),
        Events::Current,
        true,
        true,
    );
    assert_eq!(answer(&app, &ROWS), ["10 + a 5", "10 + b 2", "20 + a 8"]);
}

#[test]
fn a_group_that_only_expires_gives_null_under_all_events() {
    let app = app(Some(Window::Tumbling(10, None)), Events::All, true, true);
    assert_eq!(
        answer(&app, &ROWS),
        [
            "10 + a 5",
            "10 + b 2",
            "20 + a 8",
            "20 - b NULL",
            "30 - a NULL"
        ]
    );
}

#[test]
fn a_batch_window_without_aggregate_expires_the_previous_batch() {
    let app = app(Some(Window::LengthBatch(2)), Events::All, false, false);
    assert_eq!(
        answer(&app, &ROWS),
        [
            "1 + a 1", "1 + b 2", "12 - a 1", "12 - b 2", "12 + a 4", "12 + a 8"
        ]
    );
}

#[test]
fn a_hop_window_holds_a_row_in_every_pane() {
    let app = app(Some(Window::Hop(10, 5)), Events::Current, true, false);
    assert_eq!(
        answer(&app, &ROWS),
        ["5 + a 7", "10 + a 7", "15 + a 8", "20 + a 8"]
    );
}

#[test]
fn a_session_closes_a_gap_after_its_last_row() {
    let app = app(
        Some(Window::Session(5, Some(0))),
        Events::Expired,
        false,
        false,
    );
    assert_eq!(
        answer(&app, &ROWS),
        ["6 - b 2", "7 - a 1", "7 - a 4", "17 - a 8"]
    );
}
