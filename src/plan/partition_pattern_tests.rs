//! Patterns in a partition: what comes out of one operator for a key is what the same pattern makes of the rows of that
//! key alone.

use super::build::{Site, Stage, stages};
use super::{Catalogue, Plan, plan};
use crate::event::{Batch, Column, RowView, Str, Timestamp, Type, Value};
use crate::operator::testing::Revisions;
use crate::operator::{Common, Kind, Out, Port};
use crate::sql::parse;
use crate::state::{KEY_GROUPS, encode_key, key_group};
use eventflux_kit::{Random, from_env};
use std::collections::BTreeMap;

/// Scripts with patterns of all kinds: their statements are taken, not their rows.
const SCRIPTS: [&str; 3] = [
    include_str!("../../tests/it/script/patterns.evt"),
    include_str!("../../tests/it/script/more_patterns.evt"),
    include_str!("../../tests/it/script/sequences.evt"),
];

/// What the scripts have little of.
const MORE: [&str; 33] = [
    "PATTERN (EVERY a=A -> b=B)",
    "PATTERN (EVERY a=A -> b=B[pk = a.pk])",
    "PATTERN (EVERY a=A -> b=B[pk = a.pk AND v = a.v] -> c=C[v = b.v])",
    "PATTERN (EVERY a=A -> b=B[v > a.v]) WITHIN 9 MILLISECONDS",
    "PATTERN (EVERY a=A -> b=B[pk = a.pk AND v > a.v]) WITHIN 9 MILLISECONDS AFTER MATCH SKIP PAST LAST ROW",
    "PATTERN (a=A -> b=B[v >= a.v])",
    "PATTERN (a=A{2} -> b=B) WITHIN 20 MILLISECONDS",
    "PATTERN (NOT A FOR 7 MILLISECONDS -> b=B)",
    "PATTERN (EVERY NOT A[v > 2] FOR 7 MILLISECONDS)",
    "PATTERN (EVERY NOT A FOR 7 MILLISECONDS -> b=B{2,3} -> c=C) AFTER MATCH SKIP PAST LAST ROW",
    "PATTERN (EVERY (NOT A FOR 7 MILLISECONDS -> b=B))",
    "PATTERN (EVERY (NOT A FOR 7 MILLISECONDS AND b=B))",
    "PATTERN (EVERY (NOT A FOR 7 MILLISECONDS OR b=B) -> c=C)",
    "PATTERN (b=A? -> NOT B FOR 5 MILLISECONDS)",
    "PATTERN (EVERY (a=A -> EVERY b=B -> c=C))",
    "PATTERN (EVERY (a=A -> EVERY (b=B -> c=C)) -> a2=A) WITHIN 30 MILLISECONDS",
    "PATTERN (EVERY (a=A -> EVERY b=B -> c=C) WITHIN 12 MILLISECONDS) AFTER MATCH SKIP PAST LAST ROW",
    "PATTERN (EVERY a=A{2,4} -> b=B{,2} -> c=C)",
    "PATTERN (EVERY (a=A+ -> b=B) -> NOT C FOR 6 MILLISECONDS)",
    "PATTERN (EVERY (a=A AND b=B[v > 3]) -> c=C) WITHIN 25 MILLISECONDS AFTER MATCH SKIP PAST LAST ROW",
    "PATTERN (a=A -> (NOT B AND c=C) -> a2=A)",
    "PATTERN (EVERY a=A -> b=B*) WITHIN 10 MILLISECONDS",
    "SEQUENCE (EVERY a=A, b=B)",
    "SEQUENCE (a=A, b=B)",
    "SEQUENCE (EVERY a=A, b=A[v > a.v], c=A[v > b.v])",
    "SEQUENCE (EVERY a=A+, b=B)",
    "SEQUENCE (EVERY a=A, b=B*, c=C)",
    "SEQUENCE (EVERY (a=A, b=B), c=C)",
    "SEQUENCE (EVERY (a=A, b=B), NOT C FOR 4 MILLISECONDS)",
    "SEQUENCE (NOT A FOR 4 MILLISECONDS, b=B)",
    "SEQUENCE (EVERY NOT A FOR 4 MILLISECONDS, b=B?, c=C)",
    "SEQUENCE (EVERY a=A, b=B{2,}, c=C[v > a.v]) WITHIN 20 MILLISECONDS AFTER MATCH SKIP PAST LAST ROW",
    "SEQUENCE (EVERY (a=A AND b=B), c=C)",
];

const STREAMS: &str = "CREATE STREAM A (v INT, pk STRING); CREATE STREAM B (v INT, pk STRING); CREATE STREAM C (v INT, pk STRING);";

const KEYS: u64 = 5;

/// Apps of one query each; every stream has a last attribute `pk`.
fn apps() -> Vec<String> {
    let more = MORE.iter().map(|pattern| {
        let names = ["a", "b", "c", "a2"].into_iter();
        let is_there = |name: &&str| {
            let is_counted = |sign: &str| {
                pattern.contains(&format!("{name}={}{sign}", &name[..1].to_uppercase()))
            };
            pattern.contains(&format!("{name}="))
                && !["{", "*", "?", "+"].iter().any(|s| is_counted(s))
        };
        let values = names
            .filter(is_there)
            .map(|name| format!("{name}.v AS {name}"));
        let values: Vec<String> = values.chain(["1 AS one".to_string()]).collect();
        format!(
            "{STREAMS} INSERT INTO Out SELECT {} FROM {pattern};",
            values.join(", ")
        )
    });
    let cases = SCRIPTS.iter().flat_map(|script| script.split("==== "));
    let scripted = cases.flat_map(|case| {
        let text = case.split("----").next().unwrap_or_default();
        let lines = text
            .lines()
            .skip(1)
            .filter(|line| !line.trim_start().starts_with(['#', '-']));
        let text = lines.collect::<Vec<_>>().join("\n");
        let (streams, queries): (Vec<&str>, Vec<&str>) = text
            .split(';')
            .partition(|s| s.trim_start().starts_with("CREATE STREAM"));
        let streams: Vec<String> = streams
            .iter()
            .map(|stream| stream.replacen(')', ", pk STRING)", 1))
            .collect();
        let streams = streams.join(";");
        let has_pattern =
            |query: &&str| query.contains("FROM PATTERN") || query.contains("FROM SEQUENCE");
        let of_one = |query: &str| format!("{streams};{query};");
        queries
            .into_iter()
            .filter(has_pattern)
            .map(of_one)
            .collect::<Vec<_>>()
    });
    more.chain(scripted).collect()
}

/// The plan of an app; none where it reads what another query of its script makes.
fn planned(text: &str) -> Option<Plan> {
    let (app, unread) = parse(text);
    plan(text, &app, &Catalogue::default(), unread).ok()
}

/// Puts the query into a partition by `pk`.
fn divide(mut plan: Plan) -> Plan {
    for source in &mut plan.queries[0].sources {
        let attributes = plan.streams[source.stream].schema.attributes();
        source.partition_key = attributes.iter().position(|a| &*a.name == "pk");
        assert!(source.partition_key.is_some());
    }
    plan
}

/// What happens: a row of a stream, or the clock goes on.
#[derive(Clone)]
enum Step {
    Row(usize, Timestamp, Vec<Value>),
    Clock(Timestamp),
}

fn value(ty: Type, random: &mut Random) -> Value {
    let n = random.below(8);
    match ty {
        _ if random.below(12) == 0 => Value::Null,
        Type::Int => Value::Int(n),
        Type::Long => Value::Long(i64::from(n)),
        Type::Float => Value::Float(n as f32),
        Type::Double => Value::Double(f64::from(n)),
        Type::Bool => Value::Bool(n > 3),
        _ => Value::String(Str::new(&format!("text {}", n % 3))),
    }
}

fn key(n: u64) -> String {
    format!("key {n} of a partition with a name of some length")
}

fn is_key(value: &Value) -> bool {
    matches!(value, Value::String(text) if text.as_str().starts_with("key "))
}

/// Rows of interleaved keys in the order of time, with gaps in time of a length of their own.
fn steps(plan: &Plan, random: &mut Random, count: usize) -> Vec<Step> {
    let streams: Vec<usize> = plan.queries[0].fed().map(|(_, stream)| stream).collect();
    let longest = [3, 3, 40, 300][random.below(4) as usize];
    let mut now = Timestamp::from_millis(1_000);
    let mut steps: Vec<Step> = Vec::new();
    for _ in 0..count {
        if random.below(3) > 0 {
            now = now.plus(random.below(longest) as i64 * 1_000);
        }
        if random.below(15) == 0 {
            steps.push(Step::Clock(now));
            continue;
        }
        let stream = streams[random.below(streams.len() as u64) as usize];
        let attributes = plan.streams[stream].schema.attributes();
        let mut row: Vec<Value> = attributes.iter().map(|a| value(a.ty, random)).collect();
        *row.last_mut().expect("a key") = Value::from(key(random.below(KEYS)));
        steps.push(Step::Row(stream, now, row));
    }
    steps.push(Step::Clock(now.plus(3_000_000)));
    steps
}

/// What came out: the key where there is one, and the row.
type Emitted = Vec<(Option<String>, String)>;

/// The pattern of a query, without what stands before and behind it.
struct Lone<'a> {
    plan: &'a Plan,
    stage: Stage,
    out: Out,
    /// By stream.
    ports: BTreeMap<usize, Port>,
    has_key: bool,
    revisions: Revisions,
    emitted: Emitted,
}

impl<'a> Lone<'a> {
    fn new(plan: &'a Plan) -> Self {
        let site = Site {
            plan,
            app: "app",
            tracks_clock: true,
            tracks_cause: true,
            tables: &[],
            partitions: &[],
        };
        let query = &plan.queries[0];
        let routing = vec![None; query.sources.len()];
        let mut made = stages(query, site, routing);
        let mut ports = BTreeMap::new();
        let mut place = 0;
        for (source, stream) in query.fed() {
            let (first, _) = made.entries[source].expect("a stream comes in");
            // In front of the pattern stands what puts rows in order.
            let (to, port) = made.stages[first].next.expect("the pattern follows");
            (place, _) = (to, ports.insert(stream, port));
        }
        let stage = made.stages.swap_remove(place);
        let mut out = Out::new(Batch::like(&stage.like));
        if let Some((aside, _)) = &stage.aside {
            out = out.keeping_late(aside);
        }
        Lone {
            plan,
            out,
            ports,
            has_key: query.sources[0].partition_key.is_some(),
            stage,
            revisions: Revisions::default(),
            emitted: Vec::new(),
        }
    }

    /// Rows that come together; one alone by either way.
    fn give(&mut self, stream: usize, rows: &[(Timestamp, Vec<Value>)], singly: bool) {
        let mut batch = Batch::new(&self.plan.streams[stream].schema);
        (batch.tracks_clock, batch.tracks_cause) = (true, true);
        for (at, row) in rows {
            batch.at.push(*at);
            batch.clock.push(*at);
            batch.causes.push(1);
            for (column, value) in batch.columns.iter_mut().zip(row) {
                assert!(column.push(value));
            }
        }
        let (port, mut common) = (self.ports[&stream], Common::default());
        let operator = &mut self.stage.operator;
        if singly {
            for row in 0..batch.len() {
                let mut to = Batch::like(&self.stage.like);
                let row = RowView { batch: &batch, row };
                assert!(operator.row_at(port, &mut common, row, &mut to, &mut self.out));
                self.out.emit(Kind::Rows, Box::new(to));
            }
        } else {
            operator.rows_at(port, &mut common, Kind::Rows, &batch, &mut self.out);
        }
        self.take();
    }

    fn clock(&mut self, now: Timestamp) {
        self.stage.operator.clock(now, 0, &mut self.out);
        self.take();
    }

    fn take(&mut self) {
        for (_, batch) in std::mem::take(&mut self.out.ready) {
            for row in 0..batch.len() {
                let mut values = batch.row(row).to_vec();
                // It stands behind what is selected.
                let key = self.has_key.then(|| {
                    let key = values.iter().rposition(is_key).expect("a key");
                    values.remove(key).to_string()
                });
                self.emitted
                    .push((key, format!("{:?} {values:?}", batch.at[row])));
            }
        }
        if let Some(late) = self.out.aside() {
            for row in 0..late.len() {
                let values = late.row(row).to_vec();
                // Only of such rows as have the key among their values.
                let key = values.iter().find(|v| is_key(v)).map(Value::to_string);
                self.emitted
                    .push((key, format!("aside {:?} {values:?}", late.at[row])));
            }
            late.clear();
        }
    }

    /// A new one with what this one holds.
    fn restored(mut self) -> Self {
        self.revisions.cut(self.stage.operator.as_mut());
        while !self.revisions.drain(self.stage.operator.as_mut(), 3) {}
        let mut other = Lone::new(self.plan);
        if let Err(why) = self.revisions.load(other.stage.operator.as_mut()) {
            panic!("{why}");
        }
        other.revisions = self.revisions;
        other.emitted = self.emitted;
        other.revisions.track(other.stage.operator.as_mut());
        other
    }
}

/// How rows are given.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// So many rows of one stream together.
    together: usize,
    singly: bool,
    /// A new operator takes over after every so many steps.
    restored_every: usize,
    /// Before this step half of the keys are forgotten.
    forgets_at: Option<usize>,
}

const PLAIN: Way = Way {
    together: 1,
    singly: false,
    restored_every: usize::MAX,
    forgets_at: None,
};

/// Whether a key is one of those that are kept.
fn is_kept(key: &Value) -> bool {
    let mut column = Column::new(Type::String);
    assert!(column.push(key));
    let mut bytes = Vec::new();
    encode_key(&[&column], 0, &mut bytes);
    is_lower(key_group(&bytes))
}

fn is_lower(group: u64) -> bool {
    group < KEY_GROUPS / 2
}

/// What one operator makes of all rows.
fn together(plan: &Plan, steps: &[Step], way: Way) -> Emitted {
    let mut lone = Lone::new(plan);
    lone.revisions.track(lone.stage.operator.as_mut());
    let mut rows: Vec<(Timestamp, Vec<Value>)> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        if way.forgets_at == Some(number) {
            lone.stage
                .operator
                .keep_keys(&|key| is_lower(key_group(key)));
        }
        match step {
            Step::Clock(now) => lone.clock(*now),
            Step::Row(stream, at, row) => {
                rows.push((*at, row.clone()));
                let goes_on =
                    matches!(steps.get(number + 1), Some(Step::Row(next, ..)) if next == stream);
                if !goes_on || rows.len() == way.together || way.forgets_at == Some(number + 1) {
                    lone.give(*stream, &rows, way.singly);
                    rows.clear();
                }
            }
        }
        if rows.is_empty() && number % way.restored_every == way.restored_every - 1 {
            lone = lone.restored();
        }
    }
    // Each stream has an order of its own.
    let mut emitted = lone.emitted;
    emitted.sort_by_key(|(_, row)| row.starts_with("aside"));
    emitted
}

/// What comes of the rows of one key, from its first row on; all begins anew where it is forgotten.
fn alone(plan: &Plan, steps: &[Step], key: &Value, way: Way) -> Emitted {
    let mut lone: Option<Lone<'_>> = None;
    let mut emitted = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        if way.forgets_at == Some(number) && !is_kept(key) {
            // What is due by the rows of others is out.
            let now = number.checked_sub(1).map(|before| match &steps[before] {
                Step::Row(_, at, _) | Step::Clock(at) => *at,
            });
            lone.iter_mut()
                .zip(now)
                .for_each(|(lone, now)| lone.clock(now));
            emitted.extend(lone.take().into_iter().flat_map(|lone| lone.emitted));
        }
        match step {
            Step::Row(stream, at, row) if row.last() == Some(key) => {
                let lone = lone.get_or_insert_with(|| Lone::new(plan));
                lone.give(*stream, &[(*at, row.clone())], false);
            }
            Step::Row(..) => {}
            Step::Clock(now) => lone.iter_mut().for_each(|lone| lone.clock(*now)),
        }
    }
    emitted.extend(lone.into_iter().flat_map(|lone| lone.emitted));
    emitted
}

/// The rows of one key in their order; those that do not tell it, of all keys, sorted.
fn of_key(emitted: &Emitted, key: Option<&str>) -> Vec<String> {
    let rows = emitted.iter().filter(|(of, _)| of.as_deref() == key);
    let mut rows: Vec<String> = rows.map(|(_, row)| row.clone()).collect();
    if key.is_none() {
        rows.sort();
    }
    rows
}

/// Fails with what is the first to differ.
fn assert_same<T: PartialEq + std::fmt::Debug>(got: &[T], want: &[T], what: &str) {
    let same = got
        .iter()
        .zip(want)
        .take_while(|(got, want)| got == want)
        .count();
    assert!(
        got == want,
        "{what}\nfrom row {same} on: {:?}, and not {:?}",
        &got[same..got.len().min(same + 5)],
        &want[same..want.len().min(same + 5)],
    );
}

/// Runs both ways; returns how many rows came out.
fn compare(text: &str, plans: &(Plan, Plan), steps: &[Step], way: Way) -> usize {
    let (undivided, divided) = plans;
    let got = together(divided, steps, way);
    let mut without_key = Vec::new();
    for n in 0..KEYS {
        let key = key(n);
        let want = alone(undivided, steps, &Value::from(key.as_str()), way);
        let (aside, rows): (Emitted, Emitted) = want
            .into_iter()
            .partition(|(_, row)| row.starts_with("aside"));
        let rows: Vec<String> = rows.into_iter().map(|(_, row)| row).collect();
        let shown = Value::from(key.as_str()).to_string();
        let what = format!("{text}\n{key}, {way:?}");
        assert_same(&of_key(&got, Some(&shown)), &rows, &what);
        without_key.extend(aside.into_iter().map(|(_, row)| row));
    }
    without_key.sort();
    assert_same(
        &of_key(&got, None),
        &without_key,
        &format!("{text}\n{way:?}"),
    );
    got.len()
}

#[test]
fn a_key_of_a_partition_has_a_pattern_of_its_own() {
    let seed = from_env("SEED", 1);
    let (mut tried, mut silent) = (0, 0);
    for text in apps() {
        let Some(plan) = planned(&text) else { continue };
        let plans = (plan, divide(planned(&text).expect("it was planned before")));
        tried += 1;
        let mut seen = 0;
        let mut random = Random::named(seed, &text);
        for _ in 0..from_env("ROUNDS", 2) {
            let steps = steps(&plans.0, &mut random, 100);
            seen += compare(&text, &plans, &steps, PLAIN);
            let forgets_at = Some(random.below(steps.len()));
            let way = Way {
                forgets_at,
                ..PLAIN
            };
            compare(&text, &plans, &steps, way);
            // Where batches end, which way rows go, and who goes on with them changes nothing, and no order of keys.
            let want = together(&plans.1, &steps, PLAIN);
            for (together_, singly, restored_every) in [
                (7, false, usize::MAX),
                (1, true, usize::MAX),
                (1, false, 7),
                (3, true, 5),
            ] {
                let way = Way {
                    together: together_,
                    singly,
                    restored_every,
                    forgets_at: None,
                };
                let got = together(&plans.1, &steps, way);
                assert_same(&got, &want, &format!("{text}\n{way:?}"));
            }
        }
        silent += usize::from(seen == 0);
    }
    assert!(tried > 130, "{tried} patterns were tried");
    assert!(
        silent * 10 < tried,
        "{silent} of {tried} patterns never matched"
    );
}
