//! Named inputs, positions and restores, through whole apps.
//!
//! Operators have no stored state here: a restore gives the app new instances, so what comes out after it tells which
//! rows went in.

use super::*;
use crate::event::{Batch, Value};
use crate::plan::{Routing, worker_of_group};
use crate::runtime::app::manager::EventFluxManager;
use crate::runtime::barrier::cell::BarrierCell;
use crate::runtime::config::{Backpressure, RuntimeConfig, Workers};
use crate::runtime::ingress::input::Input;
use crate::runtime::lane::stamp::Applied;
use crate::runtime::position::input_position::{InputCut, InputPosition};
use crate::runtime::position::named::Mark;
use crate::runtime::worker::core::Core;
use crate::runtime::worker::instance::{Instance, initial_instances};
use crate::state::{encode_key, key_group};
use crate::{OutputNumber, SendError};
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// A keyed component, one that runs on one worker, and one of another stream.
const APP: &str = "
    @app:playback
    CREATE STREAM A (sym STRING, n LONG);
    CREATE STREAM U (n LONG);
    INSERT INTO K SELECT sym, n, count(*) AS c FROM A GROUP BY sym;
    INSERT INTO L SELECT sym, n, count(*) AS c FROM A WINDOW('length', 1000000);
    INSERT INTO V SELECT n, uuid() AS id FROM U;";

fn config(workers: usize) -> RuntimeConfig {
    let workers = match workers {
        0 => Workers::Inline,
        n => Workers::Pinned(n),
    };
    let small = RuntimeConfig::default().batch_rows_max(7);
    small.lane_batches_max(2).workers(workers)
}

fn started(app: &str, workers: usize) -> EventFluxAppRuntime {
    let runtime = EventFluxManager::new().create_with(app, config(workers));
    let runtime = runtime.expect("the app is right");
    runtime.start().expect("threads start");
    runtime
}

type Rows = Arc<Mutex<Vec<Vec<Value>>>>;

fn collect(runtime: &EventFluxAppRuntime, stream: &str) -> Rows {
    let rows = Rows::default();
    let into = Arc::clone(&rows);
    let push = move |batch: &Batch| {
        let all = (0..batch.len()).map(|row| batch.row(row));
        into.lock().extend(all);
    };
    runtime.add_callback(stream, push).expect("it exists");
    rows
}

fn key(n: u64) -> String {
    format!("key {}", n * n % 23)
}

fn send(input: &mut Input, n: u64) -> Result<bool, SendError> {
    let at = Some(Timestamp::from_millis(n as i64));
    input.send_numbered(n, "A", at, (key(n).as_str(), n as i64))
}

/// The key group of a key.
fn group(key: &str) -> u64 {
    let mut column = crate::Column::new(crate::Type::String);
    assert!(column.push(&Value::from(key)));
    let mut bytes = Vec::new();
    encode_key(&[&column], 0, &mut bytes);
    key_group(&bytes)
}

/// Waits until all that was sent is processed.
fn wait_for(runtime: &EventFluxAppRuntime, next: u64) {
    while runtime.positions().unwrap()[0].next < next {
        std::thread::yield_now();
    }
}

/// New instances, as many as `workers` would have, on the workers that the app has.
fn place(shared: &Shared, workers: usize) -> Vec<Vec<Instance>> {
    let here = shared.cells.len();
    let mut placed: Vec<Vec<Instance>> = (0..here).map(|_| Vec::new()).collect();
    for (_, instance) in initial_instances(&shared.plan, &shared.name, workers) {
        let worker = match shared.plan.components[instance.component].routing {
            Routing::Single(_) => instance.component % here,
            Routing::Keyed { .. } => worker_of_group(u64::from(instance.groups.start), here),
        };
        placed[worker].push(instance);
    }
    placed
}

/// Restores an app to empty instances and the positions that `edit` leaves.
fn restore(
    runtime: &EventFluxAppRuntime,
    instances_of: usize,
    edit: impl FnOnce(&mut Vec<InputPosition>),
) {
    let shared = &runtime.shared;
    let guard = shared.lock().unwrap();
    let mut cuts = Vec::new();
    for (cell, instances) in shared.cells.iter().zip(place(shared, instances_of)) {
        cuts.extend(cell.with_locked(&guard, |core| core.cut_inputs()));
        cell.with_locked(&guard, |core| core.replace_instances(instances));
    }
    let mut positions = shared.positions(cuts);
    edit(&mut positions);
    shared.restore_inputs(&guard, positions, |_| Timestamp::MIN);
}

#[test]
fn a_named_input_numbers_its_rows_and_goes_on_when_opened_again() {
    for workers in [0, 1, 2] {
        let runtime = started(APP, workers);
        let rows = collect(&runtime, "K");
        let mut input = runtime.open_input("feed").unwrap();
        assert_eq!((input.name(), input.position()), (Some("feed"), 0));
        let open = runtime.open_input("feed").map(drop);
        assert!(matches!(open, Err(RuntimeError::InputOpen(name)) if name == "feed"));
        assert_eq!(send(&mut input, 1), Ok(true));
        assert_eq!(send(&mut input, 1), Ok(false));
        let gap = SendError::Gap {
            expected: 2,
            found: 3,
        };
        assert_eq!(send(&mut input, 3), Err(gap));
        input.send_at("A", Timestamp(2_000), ("b", 2_i64)).unwrap();
        assert_eq!(input.position(), 2);
        drop(input);
        let mut input = runtime.open_input("feed").unwrap();
        assert_eq!(input.clock(), Some(Timestamp(2_000)));
        assert_eq!(send(&mut input, 2), Ok(false));
        // Without a time of its own the row gets the clock that the input had before.
        assert_eq!(input.send_numbered(3, "A", None, ("c", 3_i64)), Ok(true));
        assert!(runtime.input().unwrap().name().is_none());
        wait_for(&runtime, 4);
        runtime.shutdown().unwrap();
        assert_eq!(rows.lock().len(), 3);
    }
}

#[test]
fn a_named_input_of_an_app_that_drops_rows_is_refused() {
    let config = config(1).backpressure(Backpressure::DropNewest);
    let runtime = EventFluxManager::new().create_with(APP, config).unwrap();
    let refused = runtime.open_input("feed").map(drop).unwrap_err();
    assert!(
        refused.to_string().contains("Backpressure::Block"),
        "{refused}"
    );
}

#[test]
fn marks_are_thinned_out_and_the_newest_is_kept() {
    let runtime = started(APP, 0);
    let mut input = runtime.open_input("feed").unwrap();
    let mark = |runtime: &EventFluxAppRuntime| runtime.positions().unwrap()[0].mark.clone();
    assert_eq!(mark(&runtime), None);
    input.mark("start");
    assert_eq!(mark(&runtime), Some(Mark::new(0, "start")));
    for n in 1..=5_000 {
        send(&mut input, n).unwrap();
        input.mark(&format!("byte {n}"));
        assert_eq!(mark(&runtime), Some(Mark::new(n, &format!("byte {n}"))));
    }
    input.mark("again");
    assert_eq!(mark(&runtime), Some(Mark::new(5_000, "again")));
    let record = runtime.shared.named.lock()[0].clone();
    let kept = (0..=5_000).filter(|n| record.mark_at(*n).is_some_and(|m| m.number == *n));
    let kept = kept.count();
    assert!((512..=1_024).contains(&kept), "{kept}");
    restore(&runtime, 1, |p| assert_eq!(p[0].position, 5_000));
    assert_eq!(mark(&runtime), Some(Mark::new(5_000, "again")));
    // It does not know of the restore yet.
    input.mark("void");
    assert_eq!(mark(&runtime), Some(Mark::new(5_000, "again")));
}

#[test]
fn a_worker_without_rows_does_not_hold_the_position_back() {
    let runtime = started(APP, 3);
    let mut input = runtime.open_input("feed").unwrap();
    for n in 1..=50 {
        let at = Some(Timestamp(n as i64));
        assert_eq!(
            input.send_numbered(n, "A", at, ("one key", 1_i64)),
            Ok(true)
        );
    }
    wait_for(&runtime, 51);
    // Only one worker reads this stream.
    (1..=50).for_each(|n| input.send_at("U", Timestamp(50), (n,)).unwrap());
    wait_for(&runtime, 101);
    runtime.shutdown().unwrap();
}

/// Sends rows 1 to 200, restores to positions that differ by instance, and sends again from the smallest.
fn catches_up(workers: usize, instances_of: usize) {
    let runtime = started(APP, workers);
    let (keyed, single) = (collect(&runtime, "K"), collect(&runtime, "L"));
    let mut input = runtime.open_input("feed").unwrap();
    for n in 1..=200 {
        assert_eq!(send(&mut input, n), Ok(true));
    }
    wait_for(&runtime, 201);
    assert_eq!((keyed.lock().len(), single.lock().len()), (200, 200));
    let mut of_group = BTreeMap::new();
    let mut of_single = 0;
    restore(&runtime, instances_of, |positions| {
        let position = &mut positions[0];
        assert_eq!((position.position, position.open), (200, false));
        position.applied.clear();
        let placed = place(&runtime.shared, instances_of);
        for (i, instance) in placed.iter().flatten().enumerate() {
            let number = 50 + 13 * i as u64;
            let applied = Applied {
                number,
                clock: None,
            };
            position.applied.push((instance.id, applied));
            match runtime.shared.plan.components[instance.component].routing {
                Routing::Keyed { .. } => instance.groups.clone().for_each(|g| {
                    of_group.insert(u64::from(g), number);
                }),
                Routing::Single(_) if instance.component == 1 => of_single = number,
                Routing::Single(_) => {}
            }
        }
        position.position = 50;
        position.clock = Some(Timestamp::from_millis(50));
        keyed.lock().clear();
        single.lock().clear();
    });
    assert_eq!(runtime.positions().unwrap()[0].next, 51);
    let rewound = SendError::Rewound { resume_at: 51 };
    assert_eq!(send(&mut input, 201), Err(rewound));
    assert_eq!(input.clock(), Some(Timestamp::from_millis(50)));
    assert_eq!(send(&mut input, 50), Ok(false));
    // Opened again in between, it still knows which rows may have been applied.
    for n in 51..=300 {
        if n == 60 {
            drop(input);
            input = runtime.open_input("feed").unwrap();
        }
        assert_eq!(send(&mut input, n), Ok(true));
    }
    wait_for(&runtime, 301);
    runtime.shutdown().unwrap();
    let number = |row: &Vec<Value>| match row[1] {
        Value::Long(n) => n as u64,
        _ => panic!("{row:?}"),
    };
    let mut got: Vec<u64> = keyed.lock().iter().map(number).collect();
    got.sort_unstable();
    let want: Vec<u64> = (51..=300)
        .filter(|n| *n > of_group[&group(&key(*n))])
        .collect();
    assert_eq!(got, want, "{workers} {instances_of}");
    let got: Vec<u64> = single.lock().iter().map(number).collect();
    assert_eq!(got, (of_single + 1..=300).collect::<Vec<_>>());
}

#[test]
fn rows_sent_again_are_dropped_where_they_were_applied() {
    for (workers, instances_of) in [(0, 1), (0, 4), (1, 1), (1, 3), (2, 2), (2, 4), (3, 3)] {
        catches_up(workers, instances_of);
    }
}

#[test]
fn a_restore_drops_what_named_inputs_have_under_way_and_nothing_else() {
    for workers in [0, 1, 2, 3] {
        let runtime = started(APP, workers);
        let (keyed, unnamed) = (collect(&runtime, "K"), collect(&runtime, "V"));
        let mut input = runtime.open_input("feed").unwrap();
        let mut other = runtime.input().unwrap();
        let (reached, wait) = crossbeam::channel::bounded(64);
        let sender = std::thread::spawn(move || {
            let (mut n, mut rewound) = (1, 0);
            while n <= 6_000 {
                match send(&mut input, n) {
                    Ok(sent) => {
                        assert!(sent);
                        reached.send(n).unwrap();
                        n += 1;
                    }
                    Err(SendError::Rewound { resume_at }) => {
                        rewound += 1;
                        n = resume_at;
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            rewound
        });
        for stop in [1_000, 3_000, 4_500] {
            while wait.recv().unwrap() < stop {}
            other.send_at("U", Timestamp(0), (stop as i64,)).unwrap();
            let clear = Arc::clone(&keyed);
            restore(&runtime, workers.max(1), |positions| {
                let position = &mut positions[0];
                position.position = 500;
                for (_, applied) in &mut position.applied {
                    applied.number = 500;
                }
                clear.lock().clear();
            });
        }
        wait.iter().for_each(|_| {});
        assert_eq!(sender.join().unwrap(), 3, "{workers}");
        drop(other);
        runtime.shutdown().unwrap();
        let mut by_key: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for row in keyed.lock().iter() {
            let (Value::String(key), Value::Long(n)) = (&row[0], &row[1]) else {
                panic!("{row:?}");
            };
            by_key.entry(key.as_str().to_string()).or_default().push(*n);
        }
        let mut all: Vec<i64> = by_key.values().flatten().copied().collect();
        assert!(by_key.values().all(|n| n.is_sorted()), "{workers}");
        all.sort_unstable();
        assert_eq!(all, (501..=6_000).collect::<Vec<_>>(), "{workers}");
        assert_eq!(unnamed.lock().len(), 3, "{workers}");
    }
}

/// Sends rows 1 to `last` over both streams, one by one and in batches that several shipments share.
fn send_mixed(input: &mut Input, last: u64) {
    while input.position() < last {
        let n = input.position() + 1;
        let time = |n: u64| Some(Timestamp::from_millis(n as i64));
        let sent = match n % 5 {
            0 => {
                let rows = (n..n + 20).map(|n| (time(n), (key(n), n as i64)));
                input.send_batch("A", rows.collect::<Vec<_>>())
            }
            1 => input.send_batch("U", (n..n + 15).map(|n| (time(n), (n as i64,)))),
            2 => input.send_at("U", Timestamp::from_millis(n as i64), (n as i64,)),
            _ => input.send_at(
                "A",
                Timestamp::from_millis(n as i64),
                (key(n).as_str(), n as i64),
            ),
        };
        sent.unwrap();
    }
}

#[test]
fn a_cut_under_way_knows_exactly_what_each_instance_has_applied() {
    for workers in [1, 2, 3] {
        cut_under_way(APP, workers);
        // Here rows carry the clock, and workers are told it.
        let timed = "INSERT INTO T SELECT count(*) AS c FROM U WINDOW('tumbling', 1 SECOND);";
        cut_under_way(&format!("{APP} {timed}"), workers);
    }
}

fn cut_under_way(app: &str, workers: usize) {
    const LAST: u64 = 2_000;
    // Row numbers by stream, in the order in which they were sent.
    let dry = started(app, 0);
    let (a, u) = (collect(&dry, "K"), collect(&dry, "V"));
    send_mixed(&mut dry.input().unwrap(), LAST);
    let number = |value: &Value| match value {
        Value::Long(n) => *n as u64,
        _ => panic!("{value:?}"),
    };
    let a: Vec<u64> = a.lock().iter().map(|row| number(&row[1])).collect();
    let u: Vec<u64> = u.lock().iter().map(|row| number(&row[0])).collect();

    let runtime = started(app, workers);
    let outputs = ["K", "L", "V"].map(|stream| collect(&runtime, stream));
    let mut input = runtime.open_input("feed").unwrap();
    let sender = std::thread::spawn(move || send_mixed(&mut input, LAST));
    let shared = &runtime.shared;
    let instances = initial_instances(&shared.plan, &shared.name, workers);
    let mut ended = false;
    while !ended {
        ended = sender.is_finished();
        let guard = shared.lock().unwrap();
        let cut = |c: &BarrierCell<Core>| c.with_locked(&guard, |core| core.cut_inputs());
        let cuts: Vec<InputCut> = shared.cells.iter().flat_map(cut).collect();
        let position = shared.positions(cuts).remove(0);
        for (id, applied) in &position.applied {
            let (_, instance) = instances.iter().find(|(_, i)| i.id == *id).unwrap();
            if instance.component > 2 {
                continue;
            }
            let keyed = instance.component == 0;
            let mine = |n: &u64| !keyed || instance.groups.contains(&(group(&key(*n)) as u16));
            let (sent, place) = match instance.component {
                2 => (&u, 0),
                _ => (&a, 1),
            };
            let want = sent.iter().filter(|n| **n <= applied.number && mine(n));
            let out = outputs[instance.component].lock();
            let mut got: Vec<u64> = out.iter().map(|row| number(&row[place])).collect();
            got.retain(|n| mine(n));
            assert!(got.iter().eq(want), "instance {id} at {applied:?}");
            if applied.number > 0 {
                let clock = Timestamp::from_millis(applied.number as i64);
                assert_eq!(applied.clock, Some(clock));
            }
        }
        let least = position.applied.iter().map(|(_, a)| a.number).min();
        assert_eq!(Some(position.position), least);
        drop(guard);
        std::thread::yield_now();
    }
    sender.join().unwrap();
    wait_for(&runtime, LAST + 1);
    runtime.shutdown().unwrap();
}

#[test]
fn a_replay_gives_the_same_uuids() {
    for workers in [0, 2] {
        let runtime = started(APP, workers);
        let rows = collect(&runtime, "V");
        let mut input = runtime.open_input("feed").unwrap();
        let take = || std::mem::take(&mut *rows.lock());
        let run = |input: &mut Input| {
            for n in input.position() + 1..=20 {
                let at = Some(Timestamp(n as i64));
                assert_eq!(input.send_numbered(n, "U", at, (n as i64,)), Ok(true));
            }
            wait_for(&runtime, 21);
            take()
        };
        let first = run(&mut input);
        restore(&runtime, workers.max(1), |positions| positions.clear());
        let rewound = SendError::Rewound { resume_at: 1 };
        assert_eq!(input.advance_clock(Timestamp(99)), Err(rewound));
        assert_eq!(run(&mut input), first);
        // Another input has other ones.
        let mut other = runtime.open_input("other").unwrap();
        let at = Some(Timestamp(20));
        assert_eq!(other.send_numbered(1, "U", at, (1_i64,)), Ok(true));
        drop(other);
        runtime.shutdown().unwrap();
        let rows = rows.lock();
        assert_eq!((rows[0][0].clone(), rows.len()), (first[0][0].clone(), 1));
        assert_ne!(rows[0][1], first[0][1]);
    }
}

#[test]
fn a_restored_input_holds_the_clock_until_it_says_more() {
    let app = "
        @app:playback
        CREATE STREAM A (sym STRING, n LONG);
        INSERT INTO P SELECT count(*) AS c FROM A WINDOW('tumbling', 10 MILLISECONDS);";
    for workers in [0, 1] {
        let runtime = started(app, workers);
        let rows = collect(&runtime, "P");
        let (mut a, mut b) = (runtime.open_input("a").unwrap(), runtime.input().unwrap());
        b.advance_clock(Timestamp::from_millis(5)).unwrap();
        for n in 1..=5 {
            send(&mut a, n).unwrap();
        }
        wait_for(&runtime, 6);
        // Closed after the cut: the checkpoint says that it was open.
        restore(&runtime, 1, |positions| assert!(positions[0].open));
        drop(a);
        b.advance_clock(Timestamp::from_millis(500)).unwrap();
        runtime.flush().unwrap();
        assert!(rows.lock().is_empty());
        let mut a = runtime.open_input("a").unwrap();
        assert_eq!(a.clock(), Some(Timestamp::from_millis(5)));
        send(&mut a, 6).unwrap();
        a.advance_clock(Timestamp::from_millis(20)).unwrap();
        drop(a);
        runtime.shutdown().unwrap();
        assert_eq!(*rows.lock(), [[Value::Long(1)]]);
    }
}

/// Numbers by stream row: key or nothing, group, number.
fn numbered(workers: usize, stream: &str) -> Vec<(Value, OutputNumber)> {
    let runtime = started(APP, workers);
    let found = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&found);
    let push = move |batch: &Batch, numbers: &[OutputNumber]| {
        assert_eq!(batch.len(), numbers.len());
        let rows = (0..batch.len()).map(|row| batch.value(row, 1));
        into.lock().extend(rows.zip(numbers.iter().copied()));
    };
    runtime.add_numbered_callback(stream, push).unwrap();
    let mut input = runtime.open_input("feed").unwrap();
    for n in 1..=300 {
        send(&mut input, n).unwrap();
    }
    runtime.shutdown().unwrap();
    let mut found = std::mem::take(&mut *found.lock());
    found.sort_by_key(|(_, n)| (n.group, n.number));
    found
}

#[test]
fn output_rows_are_numbered_per_key_group_whatever_the_workers() {
    let single = numbered(0, "L");
    let whole = |number| OutputNumber { group: 0, number };
    let all: Vec<OutputNumber> = single.iter().map(|(_, n)| *n).collect();
    assert_eq!(all, (1..=300).map(whole).collect::<Vec<_>>());
    let keyed = numbered(0, "K");
    for of_group in keyed.chunk_by(|a, b| a.1.group == b.1.group) {
        let numbers = of_group.iter().map(|(_, n)| n.number);
        assert!(numbers.eq(1..=of_group.len() as u64));
    }
    for workers in [1, 2, 3] {
        assert_eq!(numbered(workers, "L"), single);
        assert_eq!(numbered(workers, "K"), keyed);
    }
}

#[test]
fn output_numbers_are_state_of_the_workers() {
    let runtime = started(APP, 2);
    let found = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&found);
    let push = move |_: &Batch, numbers: &[OutputNumber]| into.lock().extend_from_slice(numbers);
    runtime.add_numbered_callback("K", push).unwrap();
    let mut input = runtime.open_input("feed").unwrap();
    let mut numbers: Vec<Vec<(u16, u64)>> = Vec::new();
    for round in 0..2 {
        (1..=100).for_each(|n| assert!(send(&mut input, round * 100 + n).unwrap()));
        wait_for(&runtime, round * 100 + 101);
        runtime
            .shared
            .with_all(|_, core| match round {
                0 => {
                    let own = core.outputs.numbers();
                    numbers.resize(own.len(), Vec::new());
                    numbers.iter_mut().zip(own).for_each(|(a, b)| a.extend(b));
                }
                _ => core.outputs.set_numbers(&numbers),
            })
            .unwrap();
    }
    let before = found.lock().len();
    (201..=300).for_each(|n| assert!(send(&mut input, n).unwrap()));
    runtime.shutdown().unwrap();
    let found = found.lock();
    let stream = runtime.shared.plan.stream("K").unwrap();
    let largest = |group: u16| {
        let mut all = numbers[stream].iter();
        all.find(|(g, n)| *g == group && *n > 0).map(|(_, n)| *n)
    };
    let after = &found[before..];
    assert_eq!(after.len(), 100);
    for number in after {
        let before = after.iter().filter(|n| n.group == number.group);
        let first = before.map(|n| n.number).min();
        let known = largest(number.group).unwrap_or(0);
        assert_eq!(first, Some(known + 1), "group {}", number.group);
    }
}

#[test]
fn a_stream_without_its_key_has_no_numbers() {
    let app = "CREATE STREAM A (sym STRING, n LONG);
               INSERT INTO S SELECT sum(n) AS t FROM A GROUP BY sym;";
    let runtime = started(app, 2);
    let refused = runtime.add_numbered_callback("S", |_, _| {}).unwrap_err();
    assert!(refused.to_string().contains("select (sym)"), "{refused}");
}
