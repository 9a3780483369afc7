//! A window per key is, for each key, the window that sees the rows of this key alone.

use super::condition_scope::bind_expression_window;
use super::testing::{Feed, WindowRun, check, column, emitted};
use super::*;
use crate::event::{Batch, Schema, Type, Value};
use crate::expr::{Functions, Program};
use crate::operator::Operator;
use crate::operator::testing::Revisions;
use crate::sql::ast::Span;
use crate::state::{encode_key, key_group};
use eventflux_kit::Random;

const TYPES: [Type; 3] = [Type::String, Type::Long, Type::Int];
const KEEP: [usize; 3] = [2, 1, 0];
const KEPT: [Type; 3] = [Type::Int, Type::Long, Type::String];
const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

fn key() -> Program {
    column(0, Type::String)
}

/// The window, or one per key.
fn of<W: Turning + 'static>(window: W, per_key: bool) -> Box<dyn Operator> {
    match per_key {
        true => Box::new(PerKey::new(key(), Type::String, window)),
        false => Box::new(window),
    }
}

fn condition(text: &str) -> ConditionSource {
    let schema = Schema::new([("k", TYPES[0]), ("a", TYPES[1]), ("v", TYPES[2])]);
    let bound = bind_expression_window(text, Span::default(), &schema, &Functions::default());
    ConditionSource::Text(bound.unwrap_or_else(|faults| panic!("{text}: {faults:?}")))
}

/// Keys of a window that has some, behind that of the partition.
fn own_keys(per_key: bool) -> (Vec<Program>, Vec<Type>) {
    let own = (column(2, Type::Int), Type::Int);
    let partition = per_key.then(|| (key(), Type::String));
    partition.into_iter().chain([own]).unzip()
}

type Make = Box<dyn Fn(bool) -> Box<dyn Operator>>;

/// Every window that can turn from key to key, with its options.
fn windows() -> Vec<(String, Make)> {
    let mut all: Vec<(String, Make)> = Vec::new();
    let mut add = |name: String, make: Make| all.push((name, make));
    let keep = || KEEP.to_vec();
    for n in [1, 3, 6] {
        add(
            format!("length {n}"),
            Box::new(move |p| of(Length::new(n, keep(), &KEPT), p)),
        );
        for streams in [false, true] {
            let make: Make = Box::new(move |p| of(LengthBatch::new(n, streams, keep(), &KEPT), p));
            add(format!("lengthBatch {n} {streams}"), make);
        }
        let by = |descending| {
            vec![SortKey {
                kept: 0,
                descending,
            }]
        };
        let make: Make = Box::new(move |p| of(Sort::new(n, by(n == 3), keep(), &KEPT), p));
        add(format!("sort {n}"), make);
        let time = move |p| of(Time::new(40_000 * n as i64, n, keep(), &KEPT), p);
        add(format!("timeLength {n}"), Box::new(time));
    }
    add(
        "batch".into(),
        Box::new(move |p| of(SendBatch::new(keep(), &KEPT), p)),
    );
    for (span, streams) in [(30_000, false), (30_000, true), (200_000, false)] {
        let make: Make = Box::new(move |p| {
            let start = Start::FirstRow;
            of(TimeBatch::new(span, start, streams, keep(), &KEPT), p)
        });
        add(format!("timeBatch {span} {streams}"), make);
    }
    let make: Make = Box::new(move |p| of(ExternalTime::new(1, 20, keep(), &KEPT), p));
    add("externalTime".into(), make);
    let starts = [
        ExternalStart::FirstRow,
        ExternalStart::Grid(3),
        ExternalStart::Column(1),
    ];
    for (start, timeout_us) in starts
        .into_iter()
        .flat_map(|s| [(s, None), (s, Some(20_000))])
    {
        for expires in [false, true] {
            let span = ExternalSpan {
                attribute: 1,
                span_ms: 25,
                start,
                timeout_us,
            };
            let make: Make =
                Box::new(move |p| of(ExternalTimeBatch::new(span, expires, keep(), &KEPT), p));
            add(format!("externalTimeBatch {span:?} {expires}"), make);
        }
    }
    let make: Make = Box::new(move |p| {
        let (keys, types) = own_keys(p);
        of(Frequent::new(2, keys, &types, keep(), &KEPT), p)
    });
    add("frequent".into(), make);
    let make: Make = Box::new(move |p| {
        let (keys, types) = own_keys(p);
        of(LossyFrequent::new(0.3, 0.2, keys, &types, keep(), &KEPT), p)
    });
    add("lossyFrequent".into(), make);
    expressions(&mut add);
    all
}

fn expressions(add: &mut dyn FnMut(String, Make)) {
    let keep = || KEEP.to_vec();
    let texts = [
        "sum(v) < 14",
        "count() <= 3 AND last.v >= first.v",
        "v < minForever(v) + 5",
        "eventTimestamp(last) - eventTimestamp(first) < 30",
    ];
    for text in texts {
        let make: Make = Box::new(move |p| of(Expression::new(condition(text), keep(), &KEPT), p));
        add(format!("expression {text}"), make);
        for way in 0..8 {
            let options = ExpressionBatchOptions {
                include_triggering: way & 1 > 0,
                streams: way & 2 > 0,
                expires: way & 4 > 0,
            };
            let make: Make = Box::new(move |p| {
                of(
                    ExpressionBatch::new(condition(text), options, keep(), &KEPT),
                    p,
                )
            });
            add(format!("expressionBatch {text} {options:?}"), make);
        }
    }
}

/// Lines of a feed, each with the key of its row and the time that it brings the clock to.
struct Lines(Vec<(String, Option<&'static str>, i64)>);

impl Lines {
    /// Rows of several keys, some of which come back late, and ends of sends, and times.
    fn random(random: &mut Random, count: usize) -> Lines {
        let (mut at, mut lines) = (1_000, Vec::new());
        let lateness = [0, 15][random.below(2)];
        lines.push((format!("lateness {lateness}"), None, 0));
        let mut clock = 0;
        for _ in 0..count {
            let line = match random.below(12) {
                0 => ("send".to_string(), None),
                1 => {
                    at += random.below(90) as i64;
                    clock = clock.max(at);
                    (format!("clock {at}"), None)
                }
                _ => {
                    at += [0, 1, 7][random.below(3)];
                    let own = at - random.below(30) as i64;
                    clock = clock.max(own - lateness);
                    let key = KEYS[random.below(KEYS.len()).min(random.below(KEYS.len()))];
                    let attribute = match random.below(15) {
                        0 => "NULL".to_string(),
                        _ => (at - random.below(20) as i64).to_string(),
                    };
                    let value = random.below(9);
                    (format!("{own} {key} {attribute} {value}"), Some(key))
                }
            };
            lines.push((line.0, line.1, clock));
        }
        lines.extend(["send", "close"].map(|line| (line.to_string(), None, clock)));
        Lines(lines)
    }

    /// What one key sees: of other keys only what they do to the clock.
    fn of(&self, key: &str) -> Vec<String> {
        let line = |(line, of, clock): &(String, Option<&str>, i64)| match of {
            Some(of) if *of != key => format!("clock {clock}"),
            _ => line.clone(),
        };
        self.0.iter().map(line).collect()
    }

    fn all(&self) -> Vec<&str> {
        self.0.iter().map(|(line, _, _)| line.as_str()).collect()
    }
}

fn feed<'a>(lines: &'a [&'a str]) -> Feed<'a> {
    Feed {
        types: &TYPES,
        keep: &KEEP,
        lines,
    }
}

/// What was emitted of one key; a flush has rows of one key only.
fn of_key<'a>(emitted: &'a [String], key: &str) -> Vec<&'a str> {
    let keys_of = |line: &str| -> Vec<String> {
        let rows = line.split_once("] ").map_or(line, |(_, rows)| rows);
        let last = |row: &str| row.rsplit(' ').next().unwrap_or_default().to_string();
        rows.split(", ").map(last).collect()
    };
    let is_of = |line: &&str| {
        let keys = keys_of(line);
        assert!(
            keys.iter().all(|k| *k == keys[0]),
            "{line:?} has several keys"
        );
        keys[0] == key
    };
    emitted.iter().map(String::as_str).filter(is_of).collect()
}

#[test]
fn each_key_has_a_window_of_its_own() {
    for (name, make) in windows() {
        let mut rows = 0;
        for seed in 0..5 {
            let mut random = Random::named(seed, &name);
            let lines = Lines::random(&mut random, 60);
            let all = lines.all();
            let (got, count) = emitted(&feed(&all), make(true));
            let (mut late, mut faults) = (0, 0);
            for key in KEYS {
                let own = lines.of(key);
                let own: Vec<&str> = own.iter().map(String::as_str).collect();
                let (want, count) = emitted(&feed(&own), make(false));
                assert_eq!(of_key(&got, key), want, "{name}, key {key}: {all:?}");
                late += count.late_rows;
                faults += count.value_faults;
                rows += want.len();
            }
            assert_eq!(
                (count.late_rows, count.value_faults),
                (late, faults),
                "{name}"
            );
            let want: Vec<&str> = got.iter().map(String::as_str).collect();
            // Options of one window are as good as others where bytes are damaged.
            if seed == 0 && (!name.starts_with("expressionBatch") || name.contains("sum")) {
                check(&feed(&all), &want, || make(true));
            }
        }
        assert!(rows > 20, "{name} emits something: {rows}");
    }
}

fn group_of(key: &str) -> u64 {
    let mut batch = Batch::new(&Schema::new([("k", Type::String)]));
    assert!(batch.columns[0].push(&Value::from(key.to_string())));
    let mut bytes = Vec::new();
    encode_key(&[&batch.columns[0]], 0, &mut bytes);
    key_group(&bytes)
}

/// A window restored elsewhere, or one that is purged, goes on with the keys it keeps; the others begin anew.
#[test]
fn keys_that_are_not_kept_are_forgotten() {
    for (name, make) in windows() {
        for (seed, restores) in (0..4).flat_map(|seed| [(seed, false), (seed, true)]) {
            let mut random = Random::named(seed, &name);
            let lines = Lines::random(&mut random, 80);
            let all = lines.all();
            let half = 40;
            let kept = |key: &str| (u64::from(key.as_bytes()[0]) + seed).is_multiple_of(2);
            let groups: Vec<u64> = KEYS.into_iter().filter(|k| kept(k)).map(group_of).collect();
            let feed = feed(&all);
            let mut run = WindowRun::unchecked(&feed, make(true));
            run.window.routed_by(vec![0]);
            all[..half].iter().for_each(|line| run.line(line));
            if restores {
                let mut revisions = Revisions::default();
                revisions.track(run.window.as_mut());
                revisions.cut(run.window.as_mut());
                assert!(revisions.drain(run.window.as_mut(), usize::MAX));
                run = run.beside(make(true));
                run.window.routed_by(vec![0]);
                if let Err(why) = revisions.load(run.window.as_mut()) {
                    panic!("{name}: {why}");
                }
            }
            let before = run.emitted.len();
            run.window
                .keep_keys(&|key| groups.contains(&key_group(key)));
            all[half..].iter().for_each(|line| run.line(line));
            for key in KEYS {
                let own = lines.of(key);
                let own: Vec<&str> = own.iter().map(String::as_str).collect();
                let own_feed = super::per_key_tests::feed(&own);
                let mut want = WindowRun::unchecked(&own_feed, make(false));
                own[..half].iter().for_each(|line| want.line(line));
                let first = want.emitted.len();
                if !kept(key) {
                    want = want.beside(make(false));
                }
                own[half..].iter().for_each(|line| want.line(line));
                let got = of_key(&run.emitted[before..], key);
                assert_eq!(got, want.emitted[first..], "{name}, key {key}: {all:?}");
            }
        }
    }
}

#[test]
fn timers_fire_in_the_order_of_their_times_and_then_of_keys() {
    let lines = [
        "1000 b 0 1",
        "1000 a 0 2",
        "1005 c 0 3",
        "1010 a 0 4",
        "clock 1100",
        "1100 c 0 5",
        "1100 b 0 6",
        "close",
    ];
    let want = [
        "[1030] + 1000 1 0 b",
        "[1030] + 1000 2 0 a, + 1010 4 0 a",
        "[1035] + 1005 3 0 c",
        "[1060] - 1000 1 0 b",
        "[1060] - 1000 2 0 a, - 1010 4 0 a",
        "[1065] - 1005 3 0 c",
        "[1120] + 1100 6 0 b",
        "[1125] + 1100 5 0 c",
    ];
    check(&feed(&lines), &want, || {
        let window = TimeBatch::new(30_000, Start::FirstRow, false, KEEP.to_vec(), &KEPT);
        of(window, true)
    });
}

#[test]
fn rows_of_keys_beyond_the_bound_are_dropped() {
    let lines = [
        "1 a 0 1", "2 b 0 2", "3 c 0 3", "4 a 0 4", "5 d 0 5", "6 c 0 6", "7 b 0 7", "7 b 0 8",
    ];
    let want = [
        "+ 1 1 0 a",
        "+ 2 2 0 b",
        "- 4 1 0 a",
        "+ 4 4 0 a",
        "- 7 2 0 b",
        "+ 7 7 0 b",
        "- 7 7 0 b",
        "+ 7 8 0 b",
    ];
    let counters = check(&feed(&lines), &want, || {
        let window = Length::new(1, KEEP.to_vec(), &KEPT);
        Box::new(PerKey::new(key(), Type::String, window).bounded(2))
    });
    assert_eq!(counters.limit_rows, 3);
}

#[test]
fn a_send_flushes_the_keys_that_it_brings_in_their_order() {
    let lines = [
        "1 b 0 1", "2 a 0 2", "3 b 0 3", "send", "4 a 0 4", "5 c 0 5", "send", "send", "6 c 0 6",
        "7 b 0 7", "send",
    ];
    let want = [
        "[3] + 1 1 0 b, + 3 3 0 b",
        "[2] + 2 2 0 a",
        "[4] - 2 2 0 a, + 4 4 0 a",
        "[5] + 5 5 0 c",
        "[6] - 5 5 0 c, + 6 6 0 c",
        "[7] - 1 1 0 b, - 3 3 0 b, + 7 7 0 b",
    ];
    check(&feed(&lines), &want, || {
        of(SendBatch::new(KEEP.to_vec(), &KEPT), true)
    });
}
