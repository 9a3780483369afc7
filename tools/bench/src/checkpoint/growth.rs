//! How the cost of checkpoints grows: with the state, with what changes, with how often they are taken.
//!
//! Sketch: the pause is level in both. Drain, time until durable and bytes of changes grow with the number of changed
//! groups, plus an eighth of the state that is captured whole; recovery grows with the state. Rows pay what is
//! encoded per second: half the interval, twice the share.

use super::meter::Epoch;
use super::restore;
use super::rig::{Rig, Store};
use super::throughput::Pair;
use crate::harness::{Conditions, Size, Spread};
use crate::lanes::{on, two_cores};
use crate::record::{Line, Measure, Panel, Record, Unit};
use eventflux::store::MemoryStore;
use eventflux::{CheckpointConfig, Workers};
use std::sync::Arc;
use std::time::Duration;

/// One of how many groups changes per checkpoint, and its name.
const SHARES: [(usize, &str); 4] = [(1000, "0.1 %"), (100, "1 %"), (10, "10 %"), (1, "100 %")];
/// Groups of the runs with intervals; a tenth changes.
const GROUPS: usize = 1_000_000;
/// Rows per second that a run is made for.
const RATE: f64 = 20e6;

/// Figures of one state and share of changes.
struct Point {
    groups: f64,
    share: &'static str,
    /// In the order of [`PANELS`].
    figures: [f64; 6],
}

/// What is shown over the number of groups.
const PANELS: [(&str, Measure); 6] = [
    ("pause, p50", Measure::Nanos),
    ("pause, p99", Measure::Nanos),
    ("drain", Measure::Nanos),
    ("from the cut until durable", Measure::Nanos),
    ("bytes of changes per checkpoint", Measure::Bytes),
    ("recovery", Measure::Nanos),
];

/// `checkpoint-growth`.
pub fn growth(c: &Conditions) -> Result<Record, String> {
    let (sizes, checkpoints): (&[usize], usize) = match c.size {
        Size::Full => (&[10_000, 100_000, 1_000_000, 10_000_000], 20),
        Size::Quick => (&[10_000, 100_000, 1_000_000], 8),
        Size::Tiny => (&[1000, 4000], 2),
    };
    let mut points = Vec::new();
    for groups in sizes {
        of_size(*groups, checkpoints, &mut points)?;
    }
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Err("no size was looked at".into());
    };
    let figures = [last, first].map(|p| Spread::one(p.figures[0]));
    let mut record = Record::new(
        "checkpoint-growth",
        Unit::Latency,
        last.groups as usize,
        "pause with fewest groups, 0.1 % changed",
        (figures[0], figures[1]),
    );
    let over_groups = PANELS
        .iter()
        .enumerate()
        .map(|(i, (title, measure))| Panel {
            title,
            measure: *measure,
            with: ("groups", Measure::Count),
            lines: SHARES
                .iter()
                .map(|(_, share)| Line {
                    name: share,
                    points: points
                        .iter()
                        .filter(|p| p.share == *share)
                        .map(|p| (p.groups, p.figures[i].max(1.0)))
                        .collect(),
                })
                .collect(),
        });
    record.panels = over_groups.collect();
    record.panels.push(intervals(c)?);
    Ok(record.with_note(format!(
        "lines are shares of the groups that change per checkpoint; {checkpoints} checkpoints for each point, rows \
         flow without a pause; figures are those of the greatest state with all groups changed"
    )))
}

/// All shares on one state.
fn of_size(groups: usize, checkpoints: usize, points: &mut Vec<Point>) -> Result<(), String> {
    let cores = two_cores()?;
    let store: Store = Arc::new(MemoryStore::new());
    let worker = Workers::Cores(vec![cores.1.id]);
    let mut rig = Rig::new(worker, Some(&store), CheckpointConfig::default(), groups)?;
    rig.persist()?;
    for (step, share) in SHARES {
        let first = rig.sets();
        rig.add_sets(groups / step, 1)?;
        let range = first..rig.sets();
        let epochs = on(cores.0, || rig.flow(range, checkpoints))?;
        let spread = |of: fn(&Epoch) -> f64| Spread::of(epochs.iter().map(of).collect());
        points.push(Point {
            groups: groups as f64,
            share,
            figures: [
                spread(|e| e.pause).median,
                // of so few the greatest is the p99
                spread(|e| e.pause).max,
                spread(|e| e.drain).median,
                spread(|e| e.total).median,
                spread(|e| e.delta_bytes).median,
                restore::once(&store)?,
            ],
        });
    }
    rig.end()?.check(&store)
}

/// Time per row with checkpoints by that without, over the interval.
fn intervals(c: &Conditions) -> Result<Panel, String> {
    let millis: &[u64] = match c.size {
        Size::Full => &[100, 300, 1000, 3000, 10_000],
        Size::Quick => &[100, 300, 1000],
        Size::Tiny => &[5, 20],
    };
    let once = Conditions {
        repetitions: 1,
        ..*c
    };
    let mut points = Vec::new();
    for millis in millis {
        let interval = Duration::from_millis(*millis);
        let rows = match c.size {
            Size::Tiny => 20_000,
            _ => (RATE * (3.0 * interval.as_secs_f64()).max(1.0)) as u64,
        };
        let pair = Pair::new(c.keys(GROUPS), 10, interval)?;
        let ((ours, plain), _) = pair.run(&once, rows, || ())?;
        points.push((interval.as_nanos() as f64, ours.median / plain.median));
    }
    Ok(Panel {
        title: "time per row, by that without checkpoints",
        measure: Measure::Times,
        with: ("interval", Measure::Nanos),
        lines: vec![Line {
            name: "10 % of 1 M",
            points,
        }],
    })
}
