//! Queries that are captured and restored while rows come, and whose state is split over workers.

use super::build::{Site, Stage, stages};
use super::{Catalogue, Entry, ONLY_SOURCE, Plan, plan};
use crate::event::{Batch, Column, RowSet, Sign, Str, Timestamp, Type, Value};
use crate::operator::aggregate::AggregateFunction;
use crate::operator::testing::Revisions;
use crate::operator::{Kind, Out};
use crate::sql::parse;
use crate::state::{KEY_GROUPS, encode_key, key_group};
use eventflux_kit::Random;
use std::sync::Arc;

const AGGREGATES: &str = "k, count() AS c, count(v) AS cv, count(DISTINCT n) AS cd, sum(n) AS sn, sum(v) AS sv, \
     sum(d) AS sd, avg(v) AS av, avg(d) AS ad, min(v) AS nv, max(d) AS xd, minForever(n) AS fn, maxForever(s) AS fs, \
     stdDev(d) AS dd, stdDev(n) AS dn, var_samp(d) AS ds, median(v) AS mv, percentile(d, 0.9) AS pd, first(s) AS f, \
     last(v) AS l, and(b) AS a, or(b) AS o, joined(s) AS j";

/// Windows; those whose state is spread over workers come with GROUP BY k.
const WINDOWS: [&str; 21] = [
    "",
    "WINDOW('length', 7)",
    "WINDOW('lengthBatch', 7)",
    "WINDOW('lengthBatch', 7, TRUE)",
    "WINDOW('time', 40 MILLISECONDS)",
    "WINDOW('timeBatch', 40 MILLISECONDS)",
    "WINDOW('timeBatch', 40 MILLISECONDS, 0)",
    "WINDOW('timeBatch', 40 MILLISECONDS, 0, TRUE)",
    "WINDOW('timeLength', 40 MILLISECONDS, 5)",
    "WINDOW('tumbling', 30 MILLISECONDS)",
    "WINDOW('hop', 60 MILLISECONDS, 20 MILLISECONDS)",
    "WINDOW('session', 12 MILLISECONDS, k)",
    "WINDOW('sessionBatch', 12 MILLISECONDS, k)",
    "WINDOW('batch')",
    "WINDOW('delay', 15 MILLISECONDS)",
    "WINDOW('sort', 6, v)",
    "WINDOW('unique', k)",
    "WINDOW('firstUnique', k, n)",
    "WINDOW('frequent', 3, k)",
    "WINDOW('expression', 'count() <= 5 AND sum(d) < 9.5')",
    "WINDOW('expressionBatch', 'last.v - first.v < 900')",
];

/// Calls that look back: by rows and since the start; by time; both.
const OVERS: [&str; 3] = [
    "k, n, joined(s) OVER (PARTITION BY n, k ROWS 3 PRECEDING) AS a, sum(d) OVER (PARTITION BY k, n) AS b, \
     first(s) OVER (PARTITION BY k, n ROWS 2 PRECEDING) AS f, lag(s, 2, c) OVER (PARTITION BY n, k, b) AS l",
    "k, s, median(v) OVER (PARTITION BY k, n RANGE 20 MILLISECONDS PRECEDING) AS a, \
     joined(s) OVER (PARTITION BY b, k, n RANGE 9 MILLISECONDS PRECEDING) AS j, \
     count(DISTINCT s) OVER (PARTITION BY k, n RANGE 20 MILLISECONDS PRECEDING) AS c",
    "s, last(d) OVER (PARTITION BY k, n RANGE CURRENT ROW) AS a, lag(s) OVER (PARTITION BY k, n) AS l, \
     min(s) OVER (PARTITION BY n, k ROWS CURRENT ROW) AS m, row_number() OVER (PARTITION BY k, n) AS r",
];

/// The texts of a group, one after the other.
struct Joined;
impl AggregateFunction for Joined {
    fn result(&self, _args: &[Type]) -> Result<Type, String> {
        Ok(Type::String)
    }
    fn empty(&self) -> Vec<Value> {
        vec![
            Value::from(""),
            Value::Long(0),
            Value::Double(0.5),
            Value::Null,
        ]
    }
    fn add(&self, state: &mut [Value], args: &[Value]) {
        state[0] = Value::from(format!("{}{}", state[0], args[0]));
    }
    fn retract(&self, state: &mut [Value], args: &[Value]) {
        let text = state[0].to_string();
        state[0] = Value::from(text.replacen(&args[0].to_string(), "", 1));
    }
    fn merge(&self, state: &mut [Value], other: &[Value]) {
        state[0] = Value::from(format!("{}{}", state[0], other[0]));
    }
    fn value(&self, state: &[Value]) -> Value {
        Value::from(format!("{state:?}"))
    }
}

fn planned(query: &str) -> Plan {
    let text = format!(
        "CREATE STREAM S (k STRING, n INT, v LONG, d DOUBLE, b BOOL, s STRING, c STRING);\n{query};"
    );
    let (app, unread) = parse(&text);
    let catalogue = Catalogue {
        aggregates: vec![("joined".into(), Arc::new(Joined))],
        ..Catalogue::default()
    };
    plan(&text, &app, &catalogue, unread).unwrap_or_else(|faults| panic!("{query}: {faults:?}"))
}

/// One thing that happens.
enum Step {
    Rows(Batch),
    Clock(Timestamp),
    SendEnd,
}

/// Rows with few keys, NULL here and there, and gaps in time.
fn steps(plan: &Plan, seed: u64, count: usize) -> Vec<Step> {
    let mut source = Random::new(seed);
    let mut random = |n: u64| source.below(n);
    let (mut clock, mut cause) = (Timestamp::from_millis(1_000), 0);
    let mut step = |_| {
        match random(8) {
            0 => {
                clock = clock.plus(random(30) as i64 * 1000);
                return Step::Clock(clock);
            }
            1 => return Step::SendEnd,
            _ => {}
        }
        let mut batch = Batch::new(&plan.streams[0].schema);
        (batch.tracks_clock, batch.tracks_cause) = (true, true);
        for _ in 0..1 + random(5) {
            let at = clock.plus((random(6) as i64 - 1) * 1000);
            clock = clock.max(at);
            cause += 1;
            batch.at.push(at);
            batch.clock.push(clock);
            batch.causes.push(cause);
            let n = random(12);
            let null = random(9);
            let text =
                ["x", "a text that does not fit into a word or two", "é"][random(3) as usize];
            let condition =
                ["count()<4", "sum(n) < 30", "v > first.v - 500"][(cause / 9) as usize % 3];
            let values = [
                Value::from(format!("key {}", random(5))),
                Value::Int(n as i32 - 3),
                Value::Long(random(1000) as i64),
                Value::Double(random(1000) as f64 / 300.0),
                Value::Bool(n > 5),
                Value::String(Str::new(text)),
                Value::from(condition),
            ];
            for (place, (column, value)) in batch.columns.iter_mut().zip(values).enumerate() {
                let value = if place as u64 == null {
                    Value::Null
                } else {
                    value
                };
                assert!(column.push(&value));
            }
        }
        Step::Rows(batch)
    };
    (0..count).map(&mut step).collect()
}

/// The operators of a query, one behind the other.
struct Chain {
    stages: Vec<(Stage, Out)>,
    revisions: Vec<Revisions>,
    emitted: Vec<String>,
}

impl Chain {
    fn new(plan: &Plan) -> Chain {
        let routing = plan.components[0].routing.route(0, ONLY_SOURCE);
        let site = Site {
            plan,
            app: "app",
            tracks_clock: true,
            tracks_cause: true,
            tables: &[],
            partitions: &[],
        };
        let stages = stages(&plan.queries[0], site, vec![routing]).stages;
        let stages: Vec<(Stage, Out)> = stages
            .into_iter()
            .map(|stage| {
                let out = Out::new(Batch::like(&stage.like));
                (stage, out)
            })
            .collect();
        Chain {
            revisions: vec![Revisions::default(); stages.len()],
            stages,
            emitted: Vec::new(),
        }
    }

    fn track(&mut self) {
        for ((stage, _), revisions) in self.stages.iter_mut().zip(&self.revisions) {
            revisions.track(stage.operator.as_mut());
        }
    }

    fn cut(&mut self) {
        for ((stage, _), revisions) in self.stages.iter_mut().zip(&mut self.revisions) {
            revisions.cut(stage.operator.as_mut());
        }
    }

    fn drain(&mut self, budget: usize) -> bool {
        let mut complete = true;
        for ((stage, _), revisions) in self.stages.iter_mut().zip(&mut self.revisions) {
            complete &= revisions.drain(stage.operator.as_mut(), budget);
        }
        complete
    }

    /// New operators with what the last revision of these holds.
    fn restored(&self, plan: &Plan) -> Chain {
        let mut chain = Chain::new(plan);
        for ((stage, _), revisions) in chain.stages.iter_mut().zip(&self.revisions) {
            if let Err(why) = revisions.load(stage.operator.as_mut()) {
                panic!("{why}");
            }
        }
        chain.revisions.clone_from(&self.revisions);
        chain
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Rows(batch) => self.give(0, Kind::Rows, batch),
            Step::Clock(now) => self.clock(*now, 0),
            Step::SendEnd => {
                for place in 0..self.stages.len() {
                    let (stage, out) = &mut self.stages[place];
                    stage.operator.send_end(out);
                    self.pass(place);
                }
            }
        }
    }

    fn clock(&mut self, now: Timestamp, cause: u64) {
        for place in 0..self.stages.len() {
            let (stage, out) = &mut self.stages[place];
            stage.operator.clock(now, cause, out);
            self.pass(place);
        }
    }

    fn give(&mut self, place: usize, kind: Kind, batch: &Batch) {
        let (stage, out) = &mut self.stages[place];
        stage.operator.rows(kind, batch, out);
        self.pass(place);
    }

    fn pass(&mut self, place: usize) {
        for (kind, batch) in std::mem::take(&mut self.stages[place].1.ready) {
            if place + 1 < self.stages.len() {
                self.give(place + 1, kind, &batch);
                continue;
            }
            for row in 0..batch.len() {
                let sign = if batch.sign(row) == Sign::Plus {
                    '+'
                } else {
                    '-'
                };
                let row = (batch.at[row], batch.row(row));
                self.emitted.push(format!("{sign} {row:?}"));
            }
        }
    }
}

fn emitted(plan: &Plan, steps: &[Step]) -> Vec<String> {
    let mut chain = Chain::new(plan);
    steps.iter().for_each(|step| chain.step(step));
    chain.emitted
}

fn check(query: &str) {
    let plan = planned(query);
    let steps = steps(&plan, query.len() as u64, 36);
    let want = emitted(&plan, &steps);
    // New operators after every step.
    let mut chain = Chain::new(&plan);
    chain.track();
    for step in &steps {
        chain.step(step);
        chain.cut();
        assert!(chain.drain(usize::MAX), "{query}");
        let mut next = chain.restored(&plan);
        next.emitted.append(&mut chain.emitted);
        next.track();
        chain = next;
    }
    assert_eq!(chain.emitted, want, "{query}: restored after every step");
    // Captures while steps go on.
    let mut chain = Chain::new(&plan);
    chain.track();
    let mut cut = None;
    for (number, step) in steps.iter().enumerate() {
        if cut.is_none() {
            chain.cut();
            cut = Some((number, chain.emitted.len()));
        }
        chain.step(step);
        if !chain.drain(1 + number % 4) {
            continue;
        }
        if let Some((first, before)) = cut.take() {
            let mut other = chain.restored(&plan);
            steps[first..].iter().for_each(|step| other.step(step));
            assert_eq!(
                other.emitted,
                want[before..],
                "{query}: captured before step {first}"
            );
        }
    }
    assert_eq!(chain.emitted, want, "{query}: captured on the way");
}

#[test]
fn queries_go_on_where_they_were() {
    for window in WINDOWS {
        check(&format!(
            "INSERT INTO T SELECT {AGGREGATES} FROM S {window} GROUP BY k"
        ));
        check(&format!(
            "INSERT INTO T SELECT n, sum(v) AS x, count() AS c, max(s) AS y FROM S {window}"
        ));
        check(&format!(
            "INSERT ALL EVENTS INTO T SELECT * FROM S[n > -2] {window} WHERE v < 900"
        ));
        check(&format!(
            "INSERT INTO T SELECT DISTINCT k, b FROM S {window}"
        ));
    }
    for calls in OVERS {
        check(&format!("INSERT INTO T SELECT {calls} FROM S"));
        check(&format!(
            "INSERT INTO T SELECT {calls} FROM S WHERE v > -900"
        ));
    }
}

#[test]
fn a_condition_that_changes_goes_on_where_it_was() {
    check("INSERT ALL EVENTS INTO T SELECT * FROM S WINDOW('expression', c)");
    check("INSERT ALL EVENTS INTO T SELECT * FROM S WINDOW('expressionBatch', c)");
}

/// The key group of a row of the entry stream.
fn group_of(columns: &[usize], batch: &Batch, row: usize) -> u64 {
    let columns: Vec<&Column> = columns.iter().map(|c| &batch.columns[*c]).collect();
    let mut key = Vec::new();
    encode_key(&columns, row, &mut key);
    key_group(&key)
}

#[test]
fn state_is_split_by_key_group() {
    let mut split = 0;
    let windows = WINDOWS.map(|window| {
        let query = format!("INSERT INTO T SELECT {AGGREGATES} FROM S {window} GROUP BY n, k");
        (query, window.contains("irst"))
    });
    let overs = OVERS.map(|calls| (format!("INSERT INTO T SELECT {calls} FROM S"), false));
    for (query, may_be_silent) in windows.into_iter().chain(overs) {
        let plan = planned(&query);
        let Some(Entry { columns, .. }) = plan.components[0].routing.entry(0) else {
            continue;
        };
        split += 1;
        let steps = steps(&plan, 7, 80);
        let mut whole = Chain::new(&plan);
        whole.track();
        steps[..40].iter().for_each(|step| whole.step(step));
        whole.cut();
        assert!(whole.drain(usize::MAX));
        let before = whole.emitted.len();
        let half = |upper: bool| move |group: u64| (group >= KEY_GROUPS / 2) == upper;
        let own = |upper: bool| move |key: &[u8]| half(upper)(key_group(key));
        let mut parts = [false, true].map(|upper| {
            let mut part = whole.restored(&plan);
            for (stage, _) in &mut part.stages {
                stage.operator.keep_keys(&own(upper));
            }
            part
        });
        for step in &steps[40..] {
            whole.step(step);
            for (part, upper) in parts.iter_mut().zip([false, true]) {
                let Step::Rows(batch) = step else {
                    part.step(step);
                    continue;
                };
                let is_mine = |row: &u32| half(upper)(group_of(columns, batch, *row as usize));
                let rows: Vec<u32> = (0..batch.len() as u32).filter(is_mine).collect();
                let mut mine = Batch::like(batch);
                mine.append(batch, &RowSet::Picked(&rows));
                if !mine.is_empty() {
                    part.step(&Step::Rows(mine));
                }
                part.clock(
                    *batch.clock.last().expect("a batch has rows"),
                    batch.causes[0],
                );
            }
        }
        let mut want = whole.emitted.split_off(before);
        let mut got: Vec<String> = parts.into_iter().flat_map(|part| part.emitted).collect();
        want.sort();
        got.sort();
        assert_eq!(got, want, "{query}");
        assert!(!want.is_empty() || may_be_silent, "{query} emits something");
    }
    assert!(split >= 14, "{split} queries are spread over workers");
}
