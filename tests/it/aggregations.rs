//! Incremental aggregations: what a question reads is what all rows so far add up to, by the calendar.

use crate::app::Setup;
use crate::on_demand::shown;
use eventflux::{EventFluxAppRuntime, EventFluxManager, Input, QueryError, Timestamp, Value};
use eventflux_kit::{Random, from_env};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use std::collections::BTreeMap;

fn app(text: &str, setup: Setup) -> EventFluxAppRuntime {
    let app = EventFluxManager::new().create_with(text, setup.config());
    app.unwrap_or_else(|e| panic!("{text}\n{e}"))
}

fn ask(app: &EventFluxAppRuntime, text: &str) -> String {
    app.flush().expect("all is processed");
    let answer = app.query(text);
    shown(&answer.unwrap_or_else(|e| panic!("{text}\n{e}")))
}

fn instant(text: &str) -> i64 {
    let at: jiff::Timestamp = text.parse().expect(text);
    at.as_millisecond()
}

fn send(input: &mut Input, at: &str, k: &str, v: i64) {
    let at = Timestamp::from_millis(instant(at));
    input.send_at("S", at, (k, v)).expect("a row");
}

const SETUPS: [Setup; 4] = [
    Setup::INLINE,
    Setup {
        workers: 1,
        batch_rows_max: 1,
        rows_singly_max: 0,
        ..Setup::INLINE
    },
    Setup {
        workers: 2,
        batch_rows_max: 7,
        rows_singly_max: 2,
        ..Setup::INLINE
    },
    Setup {
        workers: 3,
        batch_rows_max: 256,
        rows_singly_max: usize::MAX,
        ..Setup::INLINE
    },
];

const SALES: &str = "@app:playback
    CREATE STREAM S (k STRING, v LONG);
    CREATE AGGREGATION A WITH ('timezone'='Europe/Berlin') AS
        SELECT k, sum(v) AS total, count() AS n, sum(v) / count() AS mean, max(v) - min(v) AS spread, v AS latest
        FROM S[v >= 0] WHERE v < 1000 GROUP BY k
        AGGREGATE EVERY SECONDS ... YEARS;";

/// Questions, and their answers after the rows of [`sales`].
#[rustfmt::skip]
const QUESTIONS: &[(&str, &str)] = &[
    ("SELECT * FROM A WITHIN '2024-03-31', '2024-04-01' PER 'DAYS'",
     "1711839600000 a 15 3 5.0 9 9 | 1711839600000 b 7 1 7.0 0 7"),
    ("SELECT AGG_TIMESTAMP, total FROM A WITHIN '2024-03-31 01:00', '2024-03-31 05:00' PER HOURS WHERE k = 'a' ORDER BY AGG_TIMESTAMP",
     "1711843200000 0 | 1711846800000 6 | 1711850400000 9"),
    ("SELECT k, sum(total) AS t FROM A PER 'months' GROUP BY k ORDER BY k", "a 115 | b 8"),
    ("SELECT AGG_TIMESTAMP, k, n FROM A PER YEAR ORDER BY k", "1704063600000 a 4 | 1704063600000 b 2"),
    ("SELECT k, total FROM A WITHIN '2024-**-** **:**:**' PER 'YEARS' WHERE total > 10", "a 115"),
    ("SELECT k, total FROM A WITHIN '2024-04-**' PER 'MONTHS' ORDER BY k", "a 100 | b 1"),
    ("SELECT k, total FROM A WHERE k = 'b' WITHIN '2024-04-01', '2024-05-01' PER 'MONTHS'", "b 1"),
    ("SELECT count(*), max(total) FROM A WITHIN 1711929600000, 1711929600000 + 86400000 PER 'SECONDS'", "2 100"),
    ("SELECT count(*) FROM A WITHIN '2020-01-01', '2021-01-01' PER 'DAYS'", "0"),
];

fn sales(app: &EventFluxAppRuntime) -> Input {
    app.start().expect("it starts");
    let mut input = app.input().expect("an input");
    for (at, k, v) in [
        ("2024-03-31T00:00:00.5Z", "a", 0),
        ("2024-03-31T01:00:00Z", "a", 6),
        ("2024-03-31T01:00:00Z", "b", 7),
        ("2024-03-31T01:00:00Z", "b", -1),
        ("2024-03-31T02:59:59.999Z", "a", 9),
        ("2024-03-31T02:59:59.999Z", "a", 1000),
        ("2024-04-01T00:00:00Z", "a", 100),
        ("2024-04-01T00:00:01Z", "b", 1),
    ] {
        send(&mut input, at, k, v);
    }
    input
}

#[test]
fn questions_are_answered_on_any_number_of_workers() {
    for setup in SETUPS {
        let app = app(SALES, setup);
        let _input = sales(&app);
        for (question, expected) in QUESTIONS {
            assert_eq!(ask(&app, question), *expected, "{question} {setup:?}");
        }
        let late = app.metrics().expect("metrics").late_rows;
        assert_eq!(late, 0);
        app.shutdown().expect("it ends");
    }
}

#[test]
fn values_are_given_each_time() {
    let app = app(SALES, Setup::INLINE);
    let _input = sales(&app);
    let text = "SELECT total FROM A WHERE k = ? WITHIN ?, ? PER 'DAYS'";
    let mut ask = app.prepare(text).unwrap_or_else(|e| panic!("{e}"));
    let (day, hours) = (instant("2024-03-30T23:00:00Z"), 23 * 3_600_000);
    for (k, start, end, expected) in [
        ("a", day, day + 1, "15"),
        ("b", day, day + 1, "7"),
        ("b", day + 1, day + hours, ""),
        ("a", day, day + hours + 1, "15 | 100"),
        ("c", day, day + hours + 1, ""),
    ] {
        let answer = ask.query((k, start, end)).expect("an answer");
        assert_eq!(shown(&answer), expected, "{k} {start} {end}");
    }
}

const MINUTE: i64 = 60_000;

#[test]
fn panes_go_when_their_time_is_over_and_rows_for_them_are_late() {
    let text = "@app:playback CREATE STREAM S (k STRING, v LONG);
        CREATE AGGREGATION A WITH ('retention.seconds'='10 SECONDS', 'retention.minutes'='2 MINUTES') AS
            SELECT k, sum(v) AS total FROM S GROUP BY k AGGREGATE EVERY SECONDS, MINUTES;";
    for setup in SETUPS {
        let app = app(text, setup);
        app.start().expect("it starts");
        let mut input = app.input().expect("an input");
        let at = |ms| Timestamp::from_millis(ms);
        let seconds =
            "SELECT AGG_TIMESTAMP, k, total FROM A PER 'SECONDS' ORDER BY AGG_TIMESTAMP, k";
        let minutes =
            "SELECT AGG_TIMESTAMP, k, total FROM A PER 'MINUTES' ORDER BY AGG_TIMESTAMP, k";
        input.send_at("S", at(1000), ("a", 1i64)).expect("a row");
        input.send_at("S", at(2500), ("b", 2i64)).expect("a row");
        input.advance_clock(at(11_999)).expect("a clock");
        assert_eq!(ask(&app, seconds), "1000 a 1 | 2000 b 2");
        input.advance_clock(at(12_000)).expect("a clock");
        assert_eq!(ask(&app, seconds), "2000 b 2");
        // Gone by seconds, and still there by minutes.
        input.send_at("S", at(1000), ("a", 10i64)).expect("a row");
        assert_eq!(ask(&app, seconds), "2000 b 2");
        assert_eq!(ask(&app, minutes), "0 a 11 | 0 b 2");
        input.advance_clock(at(2 * MINUTE)).expect("a clock");
        input.send_at("S", at(3000), ("a", 100i64)).expect("a row");
        assert_eq!(ask(&app, seconds), "");
        assert_eq!(ask(&app, minutes), "0 a 111 | 0 b 2");
        assert_eq!(app.metrics().expect("metrics").late_rows, 0);
        input.advance_clock(at(3 * MINUTE)).expect("a clock");
        assert_eq!(ask(&app, minutes), "");
        input.send_at("S", at(59_999), ("a", 1i64)).expect("a row");
        assert_eq!(ask(&app, minutes), "");
        app.flush().expect("all is processed");
        let metrics = app.metrics().expect("metrics");
        assert_eq!(metrics.late_rows, 1, "{setup:?}");
        // Two groups of seconds, and two of minutes.
        assert_eq!(metrics.purged_groups, 4, "{setup:?}");
        app.shutdown().expect("it ends");
    }
}

/// What one random app is.
struct Drawn {
    zone: &'static str,
    every: &'static str,
    granularities: &'static [&'static str],
    by: bool,
    lateness: i64,
}

impl Drawn {
    fn text(&self) -> String {
        let by = if self.by { "BY ts" } else { "" };
        let bounded = ["SECONDS", "MINUTES", "HOURS", "DAYS"];
        let own = self.granularities.iter().filter(|g| bounded.contains(*g));
        let stay = own.map(|g| format!(", 'retention.{}'='all'", g.to_lowercase()));
        let stay: String = stay.collect();
        format!(
            "@app:name('a') @app:playback(lateness='{} SECONDS')
             CREATE STREAM S (ts LONG, k INT, v LONG, x DOUBLE);
             CREATE AGGREGATION A WITH ('timezone'='{}'{stay}) AS
                 SELECT k, count() AS n, sum(v) AS s, min(v) AS low, max(v) AS high, avg(x) AS mean,
                     stdDev(x) AS dev, count(DISTINCT v) AS kinds, first(v) AS opening, v AS closing
                 FROM S GROUP BY k AGGREGATE {by} EVERY {};",
            self.lateness, self.zone, self.every
        )
    }
}

#[derive(Clone, Debug)]
struct Sent {
    at: i64,
    ts: i64,
    k: i32,
    v: i64,
    x: f64,
}

/// The start of the period of a row by the calendar of jiff.
fn start(granularity: &str, zone: &TimeZone, ms: i64) -> i64 {
    let at = jiff::Timestamp::from_millisecond(ms).expect("an instant");
    let local: Zoned = at.to_zoned(zone.clone());
    let offset = i64::from(local.offset().seconds()) * 1000;
    let within = |unit: i64| ms - (ms + offset).rem_euclid(unit);
    let day = |z: Zoned| {
        z.start_of_day()
            .expect("a day")
            .timestamp()
            .as_millisecond()
    };
    match granularity {
        "SECONDS" => within(1000),
        "MINUTES" => within(MINUTE),
        "HOURS" => within(60 * MINUTE),
        "DAYS" => day(local),
        "WEEKS" => {
            let back = i64::from(local.weekday().to_monday_zero_offset());
            let date = local.date().checked_sub(back.days()).expect("a date");
            day(date.to_zoned(zone.clone()).expect("a day"))
        }
        "MONTHS" => day(local.first_of_month().expect("a month")),
        _ => day(local.first_of_year().expect("a year")),
    }
}

/// What rows add up to, each group and period as a text.
fn naive(rows: &[Sent], granularity: &str, drawn: &Drawn) -> Vec<String> {
    let zone = TimeZone::get(drawn.zone).expect("a zone");
    let time = |row: &Sent| if drawn.by { row.ts } else { row.at };
    let mut groups: BTreeMap<(i64, i32), Vec<&Sent>> = BTreeMap::new();
    for row in rows {
        let key = (start(granularity, &zone, time(row)), row.k);
        groups.entry(key).or_default().push(row);
    }
    let told = |((start, k), mut rows): ((i64, i32), Vec<&Sent>)| {
        rows.sort_by_key(|row| time(row));
        let n = rows.len() as f64;
        let values: Vec<i64> = rows.iter().map(|r| r.v).collect();
        let mean = rows.iter().map(|r| r.x).sum::<f64>() / n;
        let square = rows
            .iter()
            .map(|r| (r.x - mean) * (r.x - mean))
            .sum::<f64>();
        let mut kinds = values.clone();
        kinds.sort_unstable();
        kinds.dedup();
        format!(
            "{start} {k} {} {} {} {} {:.6} {:.6} {} {} {}",
            rows.len(),
            values.iter().sum::<i64>(),
            values.iter().min().expect("a row"),
            values.iter().max().expect("a row"),
            mean,
            (square / n).sqrt(),
            kinds.len(),
            values[0],
            values[values.len() - 1],
        )
    };
    groups.into_iter().map(told).collect()
}

/// The answer of an app, as [`naive`] tells it.
fn answered(app: &EventFluxAppRuntime, text: &str) -> Vec<String> {
    app.flush().expect("all is processed");
    let answer = app.query(text).unwrap_or_else(|e| panic!("{text}\n{e}"));
    let value = |value: &Value| match value {
        Value::Double(x) => format!("{x:.6}"),
        value => value.to_string(),
    };
    let row = |row: Vec<Value>| row.iter().map(value).collect::<Vec<_>>().join(" ");
    answer.rows().map(row).collect()
}

const ZONES: [&str; 5] = [
    "UTC",
    "Europe/Berlin",
    "America/Santiago",
    "Asia/Beirut",
    "Asia/Kolkata",
];

const EVERY: [(&str, &[&str]); 4] = [
    (
        "SECONDS ... YEARS",
        &["SECONDS", "MINUTES", "HOURS", "DAYS", "MONTHS", "YEARS"],
    ),
    ("WEEKS, HOURS, MONTHS", &["HOURS", "WEEKS", "MONTHS"]),
    ("WEEKS, YEARS", &["WEEKS", "YEARS"]),
    ("MINUTES", &["MINUTES"]),
];

/// Around these clocks are put on or back, February ends, or the year does.
const TIMES: [&str; 6] = [
    "2024-03-31T01:00:00Z",
    "2024-10-27T01:00:00Z",
    "2024-02-29T12:00:00Z",
    "2023-12-31T23:30:00Z",
    "2024-09-08T04:00:00Z",
    "2024-04-07T03:00:00Z",
];

fn rows(draw: &mut Random, lateness: i64) -> Vec<Sent> {
    let mut now = instant(TIMES[draw.below(TIMES.len())]) - 40 * 60 * MINUTE;
    let row = |_| {
        let step = [0, 7, 900, 50_000, 30 * MINUTE, 26 * 60 * MINUTE][draw.below(6)];
        now += draw.below(step as usize + 1) as i64;
        let late = draw.below(4) == 0;
        let back = if late {
            draw.below(3 * lateness as usize * 1000 + 90_000) as i64
        } else {
            0
        };
        Sent {
            at: now - back,
            ts: now - draw.below(10_000_000) as i64,
            k: draw.below(4),
            v: draw.below(40) as i64 - 20,
            x: draw.below(1000) as f64 / 8.0,
        }
    };
    (0..300).map(row).collect()
}

#[test]
fn answers_are_those_of_all_rows_whatever_the_zone_the_order_and_the_workers() {
    let seed = from_env("SEED", 1);
    for round in 0..12u64 {
        let mut draw = Random::new(seed * 1000 + round);
        let (every, granularities) = EVERY[draw.below(EVERY.len())];
        let drawn = Drawn {
            zone: ZONES[draw.below(ZONES.len())],
            every,
            granularities,
            by: draw.below(3) == 0,
            lateness: [0, 1, 4000][draw.below(3)],
        };
        let sent = rows(&mut draw, drawn.lateness);
        let text = drawn.text();
        let mut runtime = app(&text, SETUPS[draw.below(4)]);
        runtime.start().expect("it starts");
        let mut input = runtime.input().expect("an input");
        for (place, row) in sent.iter().enumerate() {
            let at = Timestamp::from_millis(row.at);
            let values = (row.ts, row.k, row.v, row.x);
            input.send_at("S", at, values).expect("a row");
            if draw.below(60) == 0 || place + 1 == sent.len() {
                let so_far = &sent[..=place];
                for granularity in granularities {
                    let question =
                        format!("SELECT * FROM A PER '{granularity}' ORDER BY AGG_TIMESTAMP, k");
                    let expected = naive(so_far, granularity, &drawn);
                    let found = answered(&runtime, &question);
                    let differs = found.iter().zip(&expected).position(|(a, b)| a != b);
                    let place = differs.unwrap_or(found.len().min(expected.len()));
                    assert!(
                        found == expected,
                        "round {round} of seed {seed}, after {} rows: {granularity} of {text}\n{:?} = {:?}",
                        so_far.len(),
                        found.get(place),
                        expected.get(place),
                    );
                }
            }
            if draw.below(80) == 0 {
                // A new life, on other workers.
                runtime.flush().expect("all is processed");
                let state = runtime.snapshot().expect("a snapshot");
                drop(input);
                runtime.shutdown().expect("it ends");
                runtime = app(&text, SETUPS[draw.below(4)]);
                runtime.restore(&state).expect("it fits");
                runtime.start().expect("it starts");
                input = runtime.input().expect("an input");
            }
        }
        drop(input);
        let late = runtime.metrics().expect("metrics").late_rows;
        assert_eq!(late, 0, "round {round} of seed {seed}");
        runtime.shutdown().expect("it ends");
    }
}

/// A question with the place of what is wrong between « and », what is said, and the remedy.
#[rustfmt::skip]
const WRONG: &[(&str, &str, &str)] = &[
    ("SELECT * FROM «A»", "PER says which periods", "PER 'SECONDS'; it has: SECONDS, MINUTES, HOURS"),
    ("SELECT * FROM A «WITHIN '2024-01-01', '2025-01-01'»", "PER says which periods", "PER 'SECONDS'"),
    ("SELECT * FROM A PER «'WEEKS'»", "the aggregation keeps no WEEKS", "it has: SECONDS"),
    ("SELECT * FROM A PER «'decades'»", "is no granularity", ""),
    ("SELECT * FROM A WITHIN «'2024-01-01'» PER 'DAYS'", "a start and an end", "2024-01-** **:**:**"),
    ("SELECT * FROM A WITHIN «'20**-01-01'» PER 'DAYS'", "a start and an end", ""),
    ("SELECT * FROM A WITHIN «'soon'», '2025-01-01' PER 'DAYS'", "'soon' is no instant", "2024-01-31"),
    ("SELECT * FROM A WITHIN «1.5», 3 PER 'DAYS'", "a text in quotes, or a LONG", ""),
    ("SELECT * FROM A WITHIN «total», 3 PER 'DAYS'", "not by its own rows", "WHERE"),
    ("SELECT * FROM A PER 'DAYS' «PER 'DAYS'»", "given twice", "remove one"),
    ("SELECT v FROM S «PER 'DAYS'»", "", ""),
    ("SELECT x FROM A PER 'DAYS'", "unknown attribute 'x' of aggregation A", ""),
];

#[test]
fn what_is_wrong_with_a_question_is_told_with_its_place() {
    let app = app(SALES, Setup::INLINE);
    for (marked, message, remedy) in WRONG {
        let text = marked.replace(['«', '»'], "");
        let Err(QueryError::Text(error)) = app.query(&text) else {
            panic!("{text} is no fault of the text");
        };
        let problem = &error.problems()[0];
        if let Some((before, _)) = marked.split_once('«').filter(|_| !message.is_empty()) {
            let place = (problem.line, problem.column);
            assert_eq!(place, (1, before.chars().count() + 1), "{text}\n{error}");
        }
        assert!(problem.message.contains(message), "{text}\n{error}");
        let told = problem.remedy.clone().unwrap_or_default();
        assert!(told.contains(remedy), "{text}\n{error}");
    }
}

#[test]
fn a_plan_tells_what_is_held_and_what_is_read() {
    let text = "CREATE STREAM S (k STRING, v LONG);
        CREATE STREAM Q (k STRING);
        CREATE AGGREGATION A WITH ('timezone'='Europe/Berlin') AS
            SELECT k, sum(v) AS total FROM S GROUP BY k AGGREGATE EVERY SECONDS, DAYS, WEEKS;";
    let alone = app(text, Setup::INLINE).explain();
    for line in [
        "component 1: keyed by S.(k)",
        "periods by when they happened, in zone Europe/Berlin:",
        "SECONDS: rows are added, each stays 120 s behind its end",
        "DAYS: merged from SECONDS, each stays 31622400 s behind its end",
        "WEEKS: merged from DAYS, all stay",
        "at most 50000000 groups of all periods (AGGREGATION_PANES_MAX): state keyed map",
        "aggregate [sum(v)] by k",
        "fill aggregation A",
    ] {
        assert!(alone.contains(line), "{line} is not in\n{alone}");
    }
    let joined =
        format!("{text} INSERT INTO Out SELECT total FROM Q JOIN A ON Q.k = A.k PER 'DAYS';");
    let joined = app(&joined, Setup::INLINE).explain();
    for line in [
        "component 1: single worker: query 1 uses a table",
        "look up in the DAYS of aggregation A: by its index 1",
    ] {
        assert!(joined.contains(line), "{line} is not in\n{joined}");
    }
}

/// What makes the state of an aggregation another one, and what does not.
#[test]
fn state_is_restored_where_it_means_the_same() {
    let text = |options: &str, every: &str| {
        format!(
            "@app:name('a') @app:playback CREATE STREAM S (k STRING, v LONG);
             CREATE AGGREGATION A {options} AS SELECT k, sum(v) AS total FROM S GROUP BY k
             AGGREGATE EVERY {every};"
        )
    };
    let old = app(&text("", "HOURS, DAYS"), Setup::INLINE);
    old.start().expect("it starts");
    let mut input = old.input().expect("an input");
    send(&mut input, "2024-01-01T10:00:00Z", "a", 7);
    let state = old.snapshot().expect("a snapshot");
    for (options, every, is_same) in [
        ("WITH ('retention.days'='all')", "HOURS, DAYS", true),
        ("WITH ('TimeZone'='utc')", "DAYS, HOURS", true),
        ("", "HOURS, DAYS, YEARS", false),
        ("", "DAYS", false),
        ("WITH ('timezone'='Asia/Tokyo')", "HOURS, DAYS", false),
    ] {
        let new = app(&text(options, every), Setup::INLINE);
        let restored = new.restore(&state);
        assert_eq!(restored.is_ok(), is_same, "{options} {every}: {restored:?}");
        if is_same {
            assert_eq!(ask(&new, "SELECT k, total FROM A PER 'DAYS'"), "a 7");
        }
    }
}
