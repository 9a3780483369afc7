//! Positions: up to which row of each named input the instances have processed, and what a cut and a restore make of
//! that.
//!
//! A position is kept per named input and instance: every row of the input up to that number that was meant for the
//! instance has been applied. Rows that its component does not read count as applied. Packets say how far the input was
//! when their rows were sent, so an instance learns it from whatever comes over the lane; when every packet begun in
//! the lane was taken, all that the input has published before is applied.

use super::instance::{Instances, Replay};
use crate::event::Timestamp;
use crate::runtime::position::named::{Mark, NamedInput};
use std::sync::Arc;

/// How far an input has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// The last row; 0 for none.
    pub(crate) number: u64,
    /// The input's clock after it.
    pub(crate) clock: Option<Timestamp>,
}

impl Applied {
    /// Goes on to a later position; stays where it is at an earlier one.
    #[inline]
    pub(crate) fn raise(&mut self, to: Applied) {
        if to.number > self.number {
            *self = to;
        } else if to.number == self.number {
            self.clock = self.clock.max(to.clock);
        }
    }
}

/// What rows on their way say about their input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Restores that the input knew of when it sent the rows.
    pub(crate) rewinds: u32,
    /// Where the input was before the send: all rows up to there are on their way to all who want them.
    pub(crate) before: Applied,
    /// The last of the rows.
    pub(crate) last: Applied,
}

/// One worker's share of the position of a named input, at a cut.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InputCut {
    pub(crate) name: String,
    /// It is open, or held the clock back as if it were.
    pub(crate) open: bool,
    /// Its hold on the clock of this worker.
    pub(crate) clock: Option<Timestamp>,
    /// By id of the instance.
    pub(crate) applied: Vec<(u32, Applied)>,
    /// The last row known here: the position where an app has no instance.
    pub(crate) last: Applied,
}

/// The position of a named input over all workers: what a checkpoint keeps of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InputPosition {
    pub(crate) name: String,
    /// It was open and had told a clock: restored, it holds the app's clock back at `clock` until it says more.
    pub(crate) open: bool,
    /// The last row that all instances have applied: the caller sends again from the next one on.
    pub(crate) position: u64,
    /// The input's clock after that row.
    pub(crate) clock: Option<Timestamp>,
    /// By id of the instance.
    pub(crate) applied: Vec<(u32, Applied)>,
    /// The newest mark at or before the position.
    pub(crate) mark: Option<Mark>,
}

/// Puts the shares of all workers together; the mark is added by who keeps them.
pub(crate) fn merge(cuts: impl IntoIterator<Item = InputCut>) -> Vec<InputPosition> {
    let mut positions: Vec<(InputPosition, Applied)> = Vec::new();
    for cut in cuts {
        let known = positions.iter().position(|(p, _)| p.name == cut.name);
        let place = known.unwrap_or_else(|| {
            let position = InputPosition {
                name: cut.name.clone(),
                open: false,
                position: 0,
                clock: None,
                applied: Vec::new(),
                mark: None,
            };
            positions.push((position, Applied::default()));
            positions.len() - 1
        });
        let (position, last) = &mut positions[place];
        position.open |= cut.open && cut.clock.is_some();
        position.applied.extend(cut.applied);
        last.raise(cut.last);
    }
    let settled = positions.into_iter().map(|(mut position, last)| {
        let all = || position.applied.iter().map(|(_, applied)| *applied);
        let number = all().map(|a| a.number).min().unwrap_or(last.number);
        // Where the clock moved on behind the row, some workers may not have heard it yet.
        let clock = all().filter(|a| a.number == number).map(|a| a.clock).max();
        position.clock = clock.unwrap_or(last.clock);
        position.position = number;
        position
    });
    settled.collect()
}

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
            // Read before the lane is looked at: what the input publishes is in packets of the lane by then.
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

#[cfg(all(test, not(eventflux_loom)))]
mod tests {
    use super::*;

    fn at(number: u64, clock: i64) -> Applied {
        let clock = (clock > 0).then_some(Timestamp(clock));
        Applied { number, clock }
    }

    fn cut(open: bool, clock: Option<i64>, applied: &[(u32, Applied)], last: Applied) -> InputCut {
        InputCut {
            name: "a".to_string(),
            open,
            clock: clock.map(Timestamp),
            applied: applied.to_vec(),
            last,
        }
    }

    #[test]
    fn a_position_only_goes_on() {
        let mut applied = at(3, 30);
        applied.raise(at(2, 99));
        assert_eq!(applied, at(3, 30));
        applied.raise(at(3, 40));
        assert_eq!(applied, at(3, 40));
        applied.raise(at(4, 35));
        assert_eq!(applied, at(4, 35));
    }

    #[test]
    fn the_position_of_an_app_is_the_smallest_of_its_instances() {
        let first = cut(true, None, &[(0, at(7, 70)), (2, at(5, 50))], at(7, 70));
        let second = cut(true, Some(60), &[(1, at(5, 55))], at(9, 90));
        let [merged] = merge([first, second]).try_into().expect("one input");
        assert_eq!((merged.position, merged.clock), (5, Some(Timestamp(55))));
        assert!(merged.open);
        let ids: Vec<u32> = merged.applied.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [0, 2, 1]);
    }

    #[test]
    fn an_app_without_instances_has_the_last_row_as_its_position() {
        let cuts = [
            cut(true, None, &[], at(4, 0)),
            cut(true, None, &[], at(6, 0)),
        ];
        let [merged] = merge(cuts).try_into().expect("one input");
        assert_eq!((merged.position, merged.open), (6, false));
    }
}
