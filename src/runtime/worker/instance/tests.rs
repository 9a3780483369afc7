//! Several instances of a component on one worker give per key what one gives.

use super::*;
use crate::event::{Sign, Value};
use crate::plan::{Catalogue, GROUPS, plan, worker_of_group};
use crate::runtime::lane::stamp::Stamp;
use crate::runtime::worker::core::{Core, Way};
use crate::runtime::worker::output::Output;
use crate::sql::parse;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// In event time, few rows singly.
const WAY: Way = Way {
    event_time: true,
    is_ordered: false,
    rows_singly_max: 2,
};

const APP: &str = "
    @app:playback
    CREATE STREAM A (sym STRING, x LONG);
    INSERT ALL EVENTS INTO Sliding SELECT sym, sum(x) AS t, count(*) AS n
    FROM A WINDOW('time', 20 MILLISECONDS) GROUP BY sym;
    INSERT INTO Panes SELECT sym, sum(x) AS t FROM A WINDOW('tumbling', 50 MILLISECONDS) GROUP BY sym;
    INSERT INTO Running SELECT sym, count(*) AS n FROM A GROUP BY sym;
    INSERT INTO Whole SELECT sym, sum(x) AS t FROM A WINDOW('length', 5) GROUP BY sym;";

fn planned(text: &str) -> Plan {
    let (app, unread) = parse(text);
    plan(text, &app, &Catalogue::default(), unread).expect("the app is right")
}

type ByKey = BTreeMap<(usize, String), Vec<(i64, Sign, Vec<Value>)>>;

/// Sends each row by itself, as an input without a name does.
fn one_by_one(core: &mut Core, batch: &Batch) {
    let mut single = Batch::like(batch);
    for row in 0..batch.len() {
        single.clear();
        single.append(batch, &RowSet::Range(row..row + 1));
        core.send_row(1, 0, &mut single);
    }
}

/// The outputs by stream and key of one worker that has the instances of `workers`. `rows_max`: rows at once, of which
/// 0 is each by itself.
fn run(workers: usize, rows_max: usize) -> ByKey {
    let plan = planned(APP);
    let instances = initial_instances(&plan, "app", workers);
    let instances = instances.into_iter().map(|(_, i)| i).collect();
    let mut core = Core::new(&plan, 0, instances, WAY);
    let found = Arc::new(Mutex::new(ByKey::new()));
    for stream in 1..plan.streams.len() {
        let found = Arc::clone(&found);
        let collect = move |batch: &Batch| {
            for row in 0..batch.len() {
                let key = (stream, format!("{:?}", batch.value(row, 0)));
                let out = (batch.at()[row].0, batch.sign(row), batch.row(row));
                found.lock().entry(key).or_default().push(out);
            }
        };
        core.outputs.add(stream, Output::Shared(Arc::new(collect)));
    }
    core.open_input(1, None, None);
    let mut batch = Batch::new(&plan.streams[0].schema);
    batch.tracks_clock = true;
    for n in 0..400_i64 {
        let at = Timestamp::from_millis(n * 3 / 4);
        batch.at.push(at);
        batch.clock.push(at);
        let key = Value::from(format!("key {}", (n * n) % 17).as_str());
        assert!(batch.columns[0].push(&key) && batch.columns[1].push(&Value::Long(n)));
    }
    match rows_max {
        0 => one_by_one(&mut core, &batch),
        _ => core.send(
            1,
            (0, &mut batch),
            &Stamp::default(),
            (false, false),
            rows_max,
        ),
    }
    core.input_clock(1, Timestamp::from_millis(1_000), &Stamp::default());
    drop(core);
    Arc::into_inner(found)
        .expect("the core is gone")
        .into_inner()
}

#[test]
fn instances_of_one_component_give_per_key_what_one_gives() {
    let one = run(1, 256);
    assert!(one.len() > 4, "{one:?}");
    for (workers, rows_max) in [
        (1, 7),
        (2, 256),
        (3, 31),
        (5, 1),
        (128, 400),
        (1, 0),
        (5, 0),
        (128, 0),
    ] {
        assert_eq!(run(workers, rows_max), one, "{workers} {rows_max}");
    }
}

#[test]
fn every_key_group_belongs_to_one_instance() {
    let plan = planned(APP);
    assert_eq!(
        worker_of_group(u64::from(GROUPS), 1),
        1,
        "the number of groups"
    );
    for workers in [1, 2, 3, 7, 128] {
        let instances = initial_instances(&plan, "app", workers);
        let mut ids: Vec<u32> = instances.iter().map(|(_, i)| i.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), instances.len());
        for component in 0..plan.components.len() {
            let of = instances.iter().filter(|(_, i)| i.component == component);
            let mut next = 0;
            for (worker, instance) in of {
                assert_eq!(instance.groups.start, next);
                let keyed = instance.groups.len() < usize::from(GROUPS);
                for group in instance.groups.clone().filter(|_| keyed) {
                    assert_eq!(worker_of_group(u64::from(group), workers), *worker);
                }
                next = instance.groups.end;
            }
            assert_eq!(next, GROUPS);
        }
    }
}

#[test]
fn sends_are_cut_at_their_ends() {
    let cut = |ends: &[u32], len| pieces(ends, len).collect::<Vec<_>>();
    assert_eq!(cut(&[2, 5], 5), [(0..2, true), (2..5, true)]);
    assert_eq!(cut(&[2], 3), [(0..2, true), (2..3, false)]);
    assert_eq!(cut(&[], 3), [(0..3, false)]);
}
