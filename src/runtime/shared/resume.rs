//! Positions of an app as a whole: opened by name, gathered at a cut, set by a restore.

use super::Shared;
use crate::error::RuntimeError;
use crate::event::Timestamp;
use crate::runtime::barrier::LockGuard;
use crate::runtime::lane::ring::Consumer;
use crate::runtime::lane::shipment::Shipment;
use crate::runtime::position::input_position::{InputCut, InputPosition, merge};
use crate::runtime::position::named::{NamedInput, ResumePoint, Start};
use std::sync::Arc;

impl Shared {
    /// Opens a named input on all workers; returns it, where it begins, and the restores that it knows of.
    pub(crate) fn open_named(
        &self,
        name: &str,
        mut lanes: Vec<Option<Consumer<Shipment>>>,
    ) -> Result<(Arc<NamedInput>, Start, u32), RuntimeError> {
        // The barrier before the list: a restore takes them in this order.
        let guard = self.lock()?;
        let input = {
            let mut named = self.named.lock();
            let known = named.iter().find(|n| &*n.name == name).cloned();
            known.unwrap_or_else(|| {
                let input = Arc::new(NamedInput::new(self.next_input(), name));
                named.push(Arc::clone(&input));
                input
            })
        };
        let start = input.open();
        let start = start.ok_or_else(|| RuntimeError::InputOpen(name.to_string()))?;
        for (worker, cell) in self.cells.iter().enumerate() {
            let lane = lanes.get_mut(worker).and_then(Option::take);
            cell.with_locked(&guard, |core| core.open_input(input.id, Some(&input), lane));
        }
        Ok((input, start, self.rewinds()))
    }

    /// Puts together what the workers have applied, with the marks of the sources.
    pub(crate) fn positions(&self, cuts: impl IntoIterator<Item = InputCut>) -> Vec<InputPosition> {
        let mut positions = merge(cuts);
        let named = self.named.lock();
        for position in &mut positions {
            let input = named.iter().find(|n| *n.name == position.name);
            position.mark = input.and_then(|i| i.mark_at(position.position));
        }
        positions
    }

    /// From where each source would have to send again.
    pub(crate) fn resume_points(&self) -> Result<Vec<ResumePoint>, RuntimeError> {
        let guard = self.lock()?;
        let mut cuts = Vec::new();
        for cell in &self.cells {
            cuts.extend(cell.with_locked(&guard, |core| core.cut_inputs()));
        }
        let positions = self.positions(cuts);
        Ok(positions.into_iter().map(ResumePoint::from).collect())
    }

    /// Sets the positions of all named inputs, on all workers. An input that is not among them begins at its first
    /// row. `now`: clock of each worker. The workers hold the instances to which the ids in the positions belong.
    ///
    /// Rows that named inputs have sent before are dropped where they are, and their next send answers from where to
    /// go on. Rows of inputs without a name stay queued.
    pub(crate) fn restore_inputs(
        &self,
        guard: &LockGuard<'_>,
        positions: Vec<InputPosition>,
        now: impl Fn(usize) -> Timestamp,
    ) {
        let rewinds = self.rewinds() + 1;
        let mut named = self.named.lock();
        for position in &positions {
            if !named.iter().any(|n| *n.name == position.name) {
                let input = NamedInput::new(self.next_input(), &position.name);
                named.push(Arc::new(input));
            }
        }
        let mut inputs = Vec::new();
        for input in named.iter() {
            let position = positions.iter().find(|p| p.name == *input.name);
            input.restore(position, rewinds);
            inputs.push((Arc::clone(input), position.cloned()));
        }
        for (worker, cell) in self.cells.iter().enumerate() {
            cell.with_locked(guard, |core| {
                core.restore_inputs(now(worker), &inputs, rewinds);
            });
        }
        // Last: who sees it finds the positions set.
        self.rewound();
    }
}
