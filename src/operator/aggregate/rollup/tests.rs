//! An aggregation that is captured, damaged, and full.

use super::{Ask, LevelPlan, RollupAggregate, RollupCalls, RollupShape};
use crate::event::{Batch, Column, Granularity, Period, Timestamp, Type, Value, Zone};
use crate::expr::{ColumnRef, Layout, Typed};
use crate::operator::aggregate::{Aggregate, AggregateCall, Rows};
use crate::operator::testing::Revisions;
use crate::operator::{Counters, Kind, Operator, Out};
use crate::sql::ast::Span;
use crate::state::key_group;
use eventflux_kit::Random;

/// Sums, counts and texts of a column `v` by a column `k`, for seconds and minutes.
fn operator() -> RollupAggregate {
    let call = |aggregate: Aggregate, result| AggregateCall {
        aggregate,
        args: vec![Type::Long],
        result,
        rows: Rows::Displaced,
    };
    let calls = vec![
        call(Aggregate::Sum, Type::Long),
        call(Aggregate::Avg, Type::Double),
        call(Aggregate::DistinctCount, Type::Long),
        call(Aggregate::Last, Type::Long),
    ];
    let shape = RollupShape {
        key_types: vec![Type::String],
        calls: calls.clone(),
        levels: vec![
            LevelPlan {
                granularity: Granularity::Second,
                retention_us: Some(20_000_000),
                from: None,
            },
            LevelPlan {
                granularity: Granularity::Minute,
                retention_us: None,
                from: Some(0),
            },
        ],
        zone: Zone::UTC,
    };
    let column = |column, ty| {
        let column = ColumnRef::Input { source: 0, column };
        Typed::column(column, ty, Span::default()).compile(&Layout::default().all(0, 2))
    };
    let input = RollupCalls {
        condition: None,
        keys: vec![column(0, Type::String)],
        calls: calls
            .into_iter()
            .map(|call| (call, vec![column(1, Type::Long)]))
            .collect(),
        by: None,
    };
    RollupAggregate::new(&shape, input, vec![0])
}

fn batch(rows: &[(i64, &str, i64)]) -> Batch {
    let mut batch = Batch {
        columns: vec![Column::new(Type::String), Column::new(Type::Long)],
        tracks_clock: true,
        ..Batch::default()
    };
    let mut clock = Timestamp::MIN;
    for (ms, k, v) in rows {
        let at = Timestamp::from_millis(*ms);
        clock = clock.max(at);
        batch.at.push(at);
        batch.clock.push(clock);
        assert!(batch.columns[0].push(&Value::from(*k)));
        assert!(batch.columns[1].push(&Value::Long(*v)));
    }
    batch
}

fn give(operator: &mut RollupAggregate, rows: &[(i64, &str, i64)]) {
    operator.rows(Kind::Rows, &batch(rows), &mut Out::default());
}

/// What is read of a granularity, each row as a text, in the order of texts.
fn read(operator: &mut RollupAggregate, level: usize) -> Vec<String> {
    let types = [
        Type::Long,
        Type::String,
        Type::Long,
        Type::Double,
        Type::Long,
        Type::Long,
    ];
    let mut columns = types.map(Column::new);
    let ask = Ask {
        level,
        within: Period {
            start: Timestamp::MIN,
            end: Timestamp(i64::MAX),
        },
        groups: None,
        now: Timestamp::MIN,
    };
    let rows = operator.rollup().read(&ask, &mut columns);
    let row = |row| {
        let values = columns.iter().map(|c| c.value(row).to_string());
        values.collect::<Vec<_>>().join(" ")
    };
    let mut rows: Vec<String> = (0..rows).map(row).collect();
    rows.sort();
    rows
}

fn random(draw: &mut Random, count: usize) -> Vec<(i64, &'static str, i64)> {
    let mut now = 0;
    let mut row = |_| {
        now += draw.below(4000i64);
        let late = if draw.once_in(4) {
            draw.below(60_000i64)
        } else {
            0
        };
        let keys = ["a", "b", "a key that does not fit into a few bytes"];
        (now - late, *draw.pick(&keys), draw.below(9i64))
    };
    (0..count).map(&mut row).collect()
}

#[test]
fn what_is_captured_while_rows_come_is_what_was_there() {
    for seed in 0..40u64 {
        let mut draw = Random::new(seed);
        let rows = random(&mut draw, 120);
        let mut own = operator();
        let mut revisions = Revisions::default();
        revisions.track(&mut own);
        for part in rows.chunks(9) {
            revisions.cut(&mut own);
            let want = [read(&mut own, 0), read(&mut own, 1)];
            let mut done = revisions.drain(&mut own, draw.below(3usize));
            give(&mut own, part);
            while !done {
                done = revisions.drain(&mut own, 1 + draw.below(4usize));
            }
            let mut other = operator();
            revisions
                .load(&mut other)
                .unwrap_or_else(|e| panic!("seed {seed}: {e:?}"));
            let got = [read(&mut other, 0), read(&mut other, 1)];
            assert_eq!(got, want, "seed {seed}");
            // It goes on as the first one does.
            give(&mut other, part);
            assert_eq!(read(&mut other, 1), read(&mut own, 1), "seed {seed}");
            assert_eq!(read(&mut other, 0), read(&mut own, 0), "seed {seed}");
        }
    }
}

#[test]
fn damaged_state_is_refused_or_read_and_never_panics() {
    let mut draw = Random::new(5);
    let mut own = operator();
    let mut revisions = Revisions::default();
    revisions.track(&mut own);
    give(&mut own, &random(&mut draw, 60));
    revisions.cut(&mut own);
    assert!(revisions.drain(&mut own, usize::MAX));
    let mut refused = 0;
    for seed in 0..3000 {
        let mut other = operator();
        if revisions.damaged(seed).load(&mut other).is_err() {
            refused += 1;
            continue;
        }
        give(
            &mut other,
            &[(70_000, "a", 1), (1, "b", 2), (9_000_000, "c", 3)],
        );
        other.keep_keys(&|key| key_group(key).is_multiple_of(2));
        read(&mut other, 0);
        read(&mut other, 1);
    }
    assert!(refused > 500, "{refused} were refused");
}

#[test]
fn groups_beyond_the_bound_are_not_added_and_counted() {
    let mut own = operator().bounded(5);
    // Two of a second, both in their minute when it closes, and one more in the next second.
    give(
        &mut own,
        &[
            (0, "a", 1),
            (10, "b", 2),
            (20, "a", 4),
            (1000, "a", 8),
            (1001, "b", 16),
        ],
    );
    let told = |own: &RollupAggregate| {
        let mut counters = Counters::default();
        own.count(&mut counters);
        counters.limit_rows
    };
    // Those of the first second, of its minute, and one of the second.
    assert_eq!(told(&own), 1);
    assert_eq!(
        read(&mut own, 0),
        ["0 a 5 2.5 2 4", "0 b 2 2.0 1 2", "1000 a 8 8.0 1 8"]
    );
    give(&mut own, &[(1500, "a", 32)]);
    assert_eq!(told(&own), 1);
    // What went makes room.
    give(&mut own, &[(22_000, "b", 64)]);
    assert_eq!(read(&mut own, 0), ["22000 b 64 64.0 1 64"]);
    assert_eq!(read(&mut own, 1), ["0 a 45 11.25 4 32", "0 b 66 33.0 2 64"]);
    assert_eq!(told(&own), 1);
}
