//! Positions: up to which row of each named input the instances have processed, and what a cut and a restore make of
//! that.
//!
//! A position is kept per named input and instance: every row of the input up to that number that was meant for the
//! instance has been applied. Rows that its component does not read count as applied. Shipments say how far the input
//! was when their rows were sent, so an instance learns it from whatever comes over the lane; when every shipment begun
//! in the lane was taken, all that the input has published before is applied.

use super::instance::{Instances, Replay};
use crate::event::Timestamp;
use crate::runtime::lane::stamp::{Applied, Stamp};
use crate::runtime::position::input_position::{InputCut, InputPosition};
use crate::runtime::position::named::NamedInput;
use std::sync::Arc;

/// A named input on one worker.
struct Progress {
    input: Arc<NamedInput>,
    /// By place of the instance.
    applied: Vec<Applied>,
    last: Applied,
}

/// What one worker has applied of each named input. An input stays here after it was closed.
#[derive(Default)]
pub(crate) struct Positions {
    inputs: Vec<Progress>,
    /// Restores so far: rows of named inputs that were sent before the last one are dropped.
    rewinds: u32,
}

impl Positions {
    /// A named input opens here.
    pub(crate) fn open(&mut self, input: &Arc<NamedInput>, instances: usize) {
        if self.place(input.id).is_none() {
            self.inputs.push(Progress {
                input: Arc::clone(input),
                applied: vec![Applied::default(); instances],
                last: Applied::default(),
            });
        }
    }

    /// The place of an input; none for one without a name.
    #[inline]
    pub(crate) fn place(&self, input: u64) -> Option<usize> {
        self.inputs.iter().position(|i| i.input.id == input)
    }

    /// Whether rows of a named input were sent before the last restore.
    #[inline]
    pub(crate) fn is_stale(&self, stamp: &Stamp) -> bool {
        stamp.rewinds != self.rewinds
    }

    /// What rows that are sent again are compared with.
    pub(crate) fn replay<'a>(&'a self, place: usize, numbers: &'a [u64]) -> Option<Replay<'a>> {
        let applied = self.inputs[place].applied.as_slice();
        (!numbers.is_empty()).then_some(Replay { numbers, applied })
    }

    /// Rows of a stream that went to `component` (or to all) have been processed.
    pub(crate) fn rows_applied(
        &mut self,
        place: usize,
        (stream, component): (usize, u32),
        stamp: &Stamp,
        instances: &Instances,
    ) {
        let progress = &mut self.inputs[place];
        progress.last.raise(stamp.before);
        for (at, applied) in progress.applied.iter_mut().enumerate() {
            let all = instances.concerns(at, stream, component);
            applied.raise(if all { stamp.last } else { stamp.before });
        }
    }

    /// All rows that the input had sent up to `at` have been processed here.
    pub(crate) fn all_applied(&mut self, place: usize, at: Applied) {
        let progress = &mut self.inputs[place];
        progress.last.raise(at);
        progress.applied.iter_mut().for_each(|a| a.raise(at));
    }

    /// This worker's share of the positions. `instances`: ids by place. `drained`: nothing of the input is under way;
    /// `clock`: whether it is open, and its hold on the clock.
    pub(crate) fn cut(
        &self,
        instances: &Instances,
        drained: impl Fn(u64) -> bool,
        clock: impl Fn(u64) -> (bool, Option<Timestamp>),
    ) -> Vec<InputCut> {
        let cut = |progress: &Progress| {
            let Progress { input, .. } = progress;
            // Read before the lane is looked at: what the input publishes is in shipments of the lane by then.
            let published = input.published.read(self.rewinds);
            let published = published.filter(|_| drained(input.id));
            let reached = |mut applied: Applied| {
                applied.raise(published.unwrap_or_default());
                applied
            };
            let (open, clock) = clock(input.id);
            let applied = instances.list().iter().zip(&progress.applied);
            InputCut {
                name: input.name.to_string(),
                open,
                clock,
                applied: applied.map(|(i, a)| (i.id, reached(*a))).collect(),
                last: reached(progress.last),
            }
        };
        self.inputs.iter().map(cut).collect()
    }

    /// Other instances took the place of those with the ids `before`: what is known of them is kept by id.
    pub(crate) fn instances_replaced(&mut self, before: &[u32], now: &Instances) {
        for progress in &mut self.inputs {
            let of = |id: u32| before.iter().position(|b| *b == id);
            let applied = now.list().iter().map(|i| of(i.id));
            progress.applied = applied
                .map(|place| place.map_or(progress.last, |p| progress.applied[p]))
                .collect();
        }
    }

    /// Takes the positions of a checkpoint; an input that is not in it begins at 0. An instance that the checkpoint
    /// did not know has nothing to skip.
    pub(crate) fn restore(
        &mut self,
        positions: &[(Arc<NamedInput>, Option<InputPosition>)],
        rewinds: u32,
        instances: &Instances,
    ) {
        self.rewinds = rewinds;
        self.inputs.clear();
        for (input, position) in positions {
            let known = position.as_ref();
            let last = known.map_or(Applied::default(), |p| Applied {
                number: p.position,
                clock: p.clock,
            });
            let of = |id: u32| {
                let mut all = known.into_iter().flat_map(|p| &p.applied);
                all.find(|(instance, _)| *instance == id)
                    .map_or(last, |(_, applied)| *applied)
            };
            self.inputs.push(Progress {
                input: Arc::clone(input),
                applied: instances.list().iter().map(|i| of(i.id)).collect(),
                last,
            });
        }
    }
}
