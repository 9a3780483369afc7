//! The oracle against rows worked out by hand.

use super::{Fault, run};
use crate::app::{
    Aggregate, App, Attribute, Call, Events, Item, Nature, Query, Role, Source, Stream, Window,
};
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
        role: Role::Stream,
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
    let from = Source {
        window,
        ..Source::of(0)
    };
    let query = Query {
        events,
        items: vec![item(&k, "k"), item(&second, "s")],
        aggregates: if sum { vec![call] } else { Vec::new() },
        group_by: if grouped { vec![k] } else { Vec::new() },
        ..Query::of(from, 1)
    };
    App {
        lateness_us: 0,
        ahead_us: None,
        inputs: 1,
        streams: vec![stream("S"), stream("Out")],
        queries: vec![query],
        partition: None,
    }
}

/// `(at, k, v)` rows, then a clock far behind them; what comes out as `at sign k s`.
fn answer(app: &App, rows: &[(i64, &str, i64)]) -> Vec<String> {
    let send = |(at, k, v): &(i64, &str, i64)| input::Call::Send {
        input: 0,
        stream: 0,
        rows: vec![input::Row {
            at: *at,
            values: vec![Value::from(*k), Value::Long(*v)],
        }],
    };
    let mut calls: Vec<input::Call> = rows.iter().map(send).collect();
    calls.push(input::Call::Advance { input: 0, to: 1000 });
    let outputs = run(app, &calls, Fault::None);
    let text = |o: &super::Output| {
        let sign = if o.sign == Sign::Plus { '+' } else { '-' };
        format!("{} {sign} {} {}", o.moment.at, o.values[0], o.values[1])
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

/// What an app makes of lines, without signs: `k s`. A line is `ms k v`, or `clock ms`; between lines is a semicolon.
fn sums(app: &App, lines: &str) -> Vec<String> {
    let call = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |word: &str| word.parse::<i64>().expect("a number");
        match words[..] {
            ["clock", ms] => input::Call::Advance {
                input: 0,
                to: number(ms) * MS,
            },
            [ms, k, v] => input::Call::Send {
                input: 0,
                stream: 0,
                rows: vec![input::Row {
                    at: number(ms) * MS,
                    values: vec![Value::from(k), Value::Long(number(v))],
                }],
            },
            _ => panic!("'{line}' is no line"),
        }
    };
    let calls: Vec<input::Call> = lines.split(';').map(call).collect();
    let out = app.streams.len() - 1;
    let rows = &run(app, &calls, Fault::None)[out];
    let text = |o: &super::Output| format!("{} {}", o.values[0], o.values[1]);
    rows.iter().map(text).collect()
}

const MS: i64 = 1000;
const S: i64 = 1_000_000;

/// Acceptance cases about time: name, lateness in microseconds, window, lines, sums with a comma between.
const CASES: [(&str, i64, Window, &str, &str); 12] = [
    (
        "timebatch-from-a-start-with-lateness",
        5 * MS,
        Window::TimeBatch(10 * MS, Some(0)),
        "1 a 1;8 a 8;14 a 14;9 a 9;18 a 18;19 a 19;24 a 24;36 a 36;clock 60",
        "a 18, a 51, a 24, a 36",
    ),
    (
        "cron-with-lateness",
        5 * S,
        Window::Cron(10),
        "1000 a 1;8000 a 8;14000 a 14;9000 a 9;18000 a 18;clock 60000",
        "a 18, a 32",
    ),
    (
        "timebatch-lateness-of-one-microsecond",
        1,
        Window::TimeBatch(10 * MS, Some(0)),
        "5 a 1;10 b 2;15 a 4;20 b 8;clock 100",
        "a 1, a 6, b 8",
    ),
    (
        "late-rows-do-not-join-the-next-session",
        0,
        Window::SessionBatch(5 * S, Some(0)),
        "0 a 1;6000 b 2;3000 a 4;7000 a 8;clock 30000",
        "a 1, b 2, a 8",
    ),
    (
        "a-closed-session-is-not-overlapped",
        0,
        Window::SessionBatch(5 * MS, None),
        "0 a 1;clock 6;3 a 2;6 a 4;clock 20",
        "a 1, a 4",
    ),
    (
        "touching-sessions-in-order",
        10 * MS,
        Window::SessionBatch(2 * MS, None),
        "1 a 1;3 a 2;clock 50",
        "a 1, a 2",
    ),
    (
        "touching-sessions-reversed",
        10 * MS,
        Window::SessionBatch(2 * MS, None),
        "3 a 2;1 a 1;clock 50",
        "a 1, a 2",
    ),
    (
        "offset-windows-before-the-epoch",
        0,
        Window::Tumbling(7 * MS, Some(3 * MS)),
        "-16 a 1;-15 a 2;-11 a 4;-10 a 8;-4 a 16;-1 a 32;0 a 64;3 a 128;clock 30",
        "a 3, a 12, a 112, a 128",
    ),
    (
        "hops-around-the-epoch",
        0,
        Window::Hop(10 * MS, 5 * MS),
        "-4 a 1;-1 a 2;0 a 4;3 a 8;clock 30",
        "a 3, a 15, a 12",
    ),
    (
        "behind-the-clock-is-late-for-hops",
        0,
        Window::Hop(60 * S, 30 * S),
        "100000 a 100;clock 200000;50000 a 9999;clock 400000",
        "a 100, a 100",
    ),
    (
        "hops-hold-only-their-rows",
        0,
        Window::Hop(10 * S, 5 * S),
        "0 a 0;2000 a 1;4000 a 2;6000 a 3;8000 a 4;10000 a 5;12000 a 6;14000 a 7;16000 a 8;18000 a 9;clock 100000",
        "a 3, a 10, a 25, a 35, a 17",
    ),
    (
        "time-window-with-clock-in-lockstep",
        0,
        Window::Time(5 * S),
        "1000 a 1;clock 1000;2000 a 1;clock 2000;3000 a 1;clock 3000;4000 a 1;5000 a 1;clock 5000;6000 a 1;7000 a 1",
        "a 1, a 2, a 3, a 4, a 5, a 5, a 5",
    ),
];

#[test]
fn it_gives_what_the_acceptance_cases_expect_of_time() {
    for (name, lateness_us, window, lines, want) in CASES {
        let grouped = matches!(window, Window::SessionBatch(_, Some(_)));
        let app = App {
            lateness_us,
            ..app(Some(window), Events::Current, true, grouped)
        };
        assert_eq!(sums(&app, lines).join(", "), want, "{name}");
    }
}

/// `seconds-rolled-up-to-five-seconds`: what is rolled up is what one window gives.
#[test]
fn seconds_roll_up_to_five_seconds() {
    let mut app = app(
        Some(Window::Tumbling(S, None)),
        Events::Current,
        true,
        false,
    );
    app.streams.push(app.streams[1].clone());
    app.queries.push(Query {
        from: Source {
            window: Some(Window::Tumbling(5 * S, None)),
            ..Source::of(1)
        },
        target: 2,
        ..app.queries[0].clone()
    });
    let rows: Vec<String> = (0..22).map(|i| format!("{} a {i}", i * 500)).collect();
    let lines = rows.join(";") + ";clock 20000";
    assert_eq!(sums(&app, &lines), ["a 45", "a 145", "a 41"]);
}

/// Rows ten seconds apart are never together in five seconds, whatever the lateness, in any order within it.
#[test]
fn a_sliding_window_with_lateness_holds_what_it_holds_in_order() {
    let window = Some(Window::Time(5 * S));
    let app = App {
        lateness_us: 30 * S,
        ..app(window, Events::Current, true, false)
    };
    let lines = "30000 a 30;10000 a 10;20000 a 20;40000 a 40;clock 100000";
    assert_eq!(sums(&app, lines), ["a 10", "a 20", "a 30", "a 40"]);
}
