//! The keys by which a rate limit counts.

use crate::event::{Batch, Column, RowView, Scalar, Type};
use crate::operator::aggregate::Columns;
use crate::state::{KeyIndex, Slot, StateHolder, Visitor};
use smallvec::SmallVec;

/// Columns of the rows that come, and the slot of each key among them. Without columns all rows have slot 0.
pub(crate) struct ByKey {
    columns: Vec<usize>,
    pub(super) index: KeyIndex,
    /// Which of the columns say where a key stands, where rows are spread over workers.
    pub(super) routing: Vec<usize>,
    /// Slot of each row that was looked up.
    pub(super) slots: Vec<Slot>,
    fresh: Vec<(Slot, u32)>,
}

impl ByKey {
    /// Keys in these columns, of these types.
    pub(crate) fn new(columns: Vec<usize>, types: &[Type]) -> Self {
        ByKey {
            columns,
            index: KeyIndex::new(types),
            routing: Vec::new(),
            slots: Vec::new(),
            fresh: Vec::new(),
        }
    }

    /// The columns of the keys.
    pub(super) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Whether all rows count together.
    #[inline]
    pub(super) fn is_one(&self) -> bool {
        self.columns.is_empty()
    }

    /// Looks the rows of a batch up; returns the number of slots to make room for.
    pub(super) fn look_up(&mut self, batch: &Batch) -> usize {
        self.slots.clear();
        self.fresh.clear();
        let mut columns = Columns::new();
        for column in &self.columns {
            columns.push(&batch.columns[*column]);
        }
        self.index
            .slots_of(&columns, batch.len(), &mut self.slots, &mut self.fresh);
        self.index.slots()
    }

    /// The slot of one row.
    #[inline]
    pub(super) fn slot_of(&mut self, view: RowView<'_>) -> Slot {
        let column = |c: &usize| view.batch.columns[*c].scalar(view.row);
        let key: SmallVec<[Scalar<'_>; 4]> = self.columns.iter().map(column).collect();
        self.index.slot_of(&key)
    }

    /// Forgets the keys that are not kept; returns their slots.
    pub(super) fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) -> Vec<Slot> {
        self.index.remove_not_kept(&self.routing, keep)
    }

    /// From here on keys are found by that of a partition.
    pub(super) fn find_by_partition(&mut self) {
        if let [position] = self.routing[..] {
            self.index.find_by(position);
        }
    }

    /// Whether they are.
    pub(super) fn finds_by_partition(&self) -> bool {
        self.index.finds_by_one()
    }

    /// Forgets what has these keys of a partition; returns the slots.
    pub(super) fn remove_known(&mut self, keys: &Column) -> Vec<Slot> {
        let mut gone = Vec::new();
        self.index.remove_known(keys, &mut gone);
        gone
    }
}

impl StateHolder for ByKey {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.index.state(visitor);
    }
}
