//! Where a component and a key group stand.
//!
//! This is part of the checkpoint format: instances are found again by the rules of here, also those of a revision that
//! was taken on another number of workers, and rows must come to the worker that has the state of their key.

use super::{Component, Routing};
use crate::state::KEY_GROUPS;
use std::ops::Range;

/// Number of key groups.
pub(crate) const GROUPS: u16 = KEY_GROUPS as u16;

/// The worker of a component that runs on one; `component`: its number in the plan.
pub(crate) fn worker_of_component(component: usize, workers: usize) -> usize {
    component % workers
}

/// The worker that owns a key group.
#[inline]
pub(crate) fn worker_of_group(group: u64, workers: usize) -> usize {
    (group as usize * workers) / KEY_GROUPS as usize
}

/// The key groups that a worker owns.
pub(crate) fn groups_of_worker(worker: usize, workers: usize) -> Range<u16> {
    let owned = |group: &u16| worker_of_group(u64::from(*group), workers) == worker;
    let first = (0..GROUPS).find(owned).unwrap_or(GROUPS);
    let count = (first..GROUPS).take_while(owned).count();
    first..first + count as u16
}

impl Component {
    /// Its key groups on a worker; `None` where nothing of it runs there. `number`: its own in the plan.
    pub(crate) fn groups_on(
        &self,
        number: usize,
        worker: usize,
        workers: usize,
    ) -> Option<Range<u16>> {
        match self.is_keyed() {
            true => Some(groups_of_worker(worker, workers)),
            false => (worker_of_component(number, workers) == worker).then_some(0..GROUPS),
        }
    }

    /// Whether its rows are spread by key.
    pub(crate) fn is_keyed(&self) -> bool {
        matches!(self.routing, Routing::Keyed { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These are the places of revisions that exist: another value restores state where no rows come.
    #[test]
    fn places_stay_where_they_are() {
        assert_eq!((GROUPS, groups_of_worker(0, 1)), (128, 0..128));
        for (workers, groups) in [
            (2, &[0..64, 64..128][..]),
            (3, &[0..43, 43..86, 86..128]),
            (4, &[0..32, 32..64, 64..96, 96..128]),
            (5, &[0..26, 26..52, 52..77, 77..103, 103..128]),
        ] {
            let of = |worker| groups_of_worker(worker, workers);
            let all: Vec<Range<u16>> = (0..workers).map(of).collect();
            assert_eq!(all, groups);
        }
        // More workers than groups: some have none.
        let sizes = (0..200).map(|worker| groups_of_worker(worker, 200).len());
        assert_eq!(sizes.sum::<usize>(), 128);
        let workers: Vec<usize> = (0..7).map(|c| worker_of_component(c, 3)).collect();
        assert_eq!(workers, [0, 1, 2, 0, 1, 2, 0]);
    }
}
