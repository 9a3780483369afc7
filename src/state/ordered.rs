//! Rows of a key by one value: those of which it lies in a range are found without looking at the others.
//!
//! Why: what asks for `v < x` among all rows of a key would look at each of them, however few there are.
//! How: a treap per key over the value, and among equal values over the order in which rows were put in; the nodes
//! stand by the slots of the rows, so that there is no second numbering and nothing to allocate for a row. The priority
//! of a node is a hash of its slot, salted at random, so that no order of values makes a tree deep, also not on
//! purpose. NULL is neither less nor greater than anything, so that such a row stands in no tree. Nothing of it is
//! state: whoever owns the rows puts them in again, in their order, when they are loaded.
//! Cost: O(log n) expected for a change, O(log n + k) for k rows in order of their values, and O(k log k) more to have
//! them in the order in which they came. 32 bytes per row, 40 where values are texts, up to the highest slot ever put
//! in; 8 bytes per key. Allocates only where slots are higher than ever before.
//! Source: Seidel and Aragon, "Randomized Search Trees", Algorithmica 1996.

mod trees;

use super::Slot;
use crate::event::{Scalar, Str, Type};
use std::ops::{Bound, ControlFlow};
use trees::{Finite, Trees};

/// Bounds of a range of values, the lower one first.
pub(crate) type Bounds<'a> = (Bound<Scalar<'a>>, Bound<Scalar<'a>>);

/// Rows by key and value.
#[derive(Debug)]
pub(crate) struct Ordered(ByType);

/// Trees of each type of values.
#[derive(Debug)]
enum ByType {
    Whole(Trees<i64>),
    Number(Trees<Finite>),
    Text(Trees<Str>),
}

/// Does the same with the trees of each type.
macro_rules! with {
    ($ordered:expr, $trees:ident => $does:expr) => {
        match $ordered {
            ByType::Whole($trees) => $does,
            ByType::Number($trees) => $does,
            ByType::Text($trees) => $does,
        }
    };
}

impl Ordered {
    /// No rows; their values are of this type, or of one that widens to it without loss. `None` for BOOL.
    pub(crate) fn new(ty: Type) -> Option<Self> {
        let trees = match ty {
            Type::Int | Type::Long => ByType::Whole(Trees::new()),
            Type::Float | Type::Double => ByType::Number(Trees::new()),
            Type::String => ByType::Text(Trees::new()),
            Type::Bool => return None,
        };
        Some(Ordered(trees))
    }

    /// Puts a row in, behind those of its key that have the same value. Nothing where the value is NULL. The row stands
    /// under no other key.
    #[inline]
    pub(crate) fn insert(&mut self, key: Slot, row: Slot, value: Scalar<'_>) {
        with!(&mut self.0, trees => trees.insert(key, row, value));
    }

    /// Takes a row out. Nothing where it does not stand here.
    #[inline]
    pub(crate) fn remove(&mut self, row: Slot) {
        with!(&mut self.0, trees => trees.remove(row));
    }

    /// Takes all rows of a key out.
    pub(crate) fn remove_all(&mut self, key: Slot) {
        with!(&mut self.0, trees => trees.remove_all(key));
    }

    /// Number of rows of a key, those with NULL not among them.
    #[inline]
    pub(crate) fn count(&self, key: Slot) -> usize {
        with!(&self.0, trees => trees.count(key))
    }

    /// Calls `f` with the rows of a key that have values within bounds, in the order of their values and then of their
    /// coming, until it breaks. A bound that is NULL holds for none.
    #[inline]
    pub(crate) fn each(
        &self,
        key: Slot,
        bounds: Bounds<'_>,
        f: impl FnMut(Slot) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        with!(&self.0, trees => trees.each(key, bounds, f))
    }

    /// Appends the rows of a key that have values within bounds, in the order in which they were put in. Where there
    /// are more than `most` of them, nothing is appended, and it returns false.
    pub(crate) fn in_arrival(
        &self,
        key: Slot,
        bounds: Bounds<'_>,
        most: usize,
        out: &mut Vec<Slot>,
    ) -> bool {
        let start = out.len();
        let all = self.each(key, bounds, |row| {
            if out.len() - start == most {
                return ControlFlow::Break(());
            }
            out.push(row);
            ControlFlow::Continue(())
        });
        if all.is_break() {
            out.truncate(start);
            return false;
        }
        let found = &mut out[start..];
        with!(&self.0, trees => found.sort_unstable_by_key(|row| trees.number(*row)));
        true
    }

    /// Forgets all rows; keeps the memory.
    pub(crate) fn clear(&mut self) {
        with!(&mut self.0, trees => trees.clear());
    }
}
