//! Treaps over the slots of rows.

use super::Bounds;
use crate::event::{Scalar, Str};
use crate::state::Slot;
use std::cmp::Ordering;
use std::hash::BuildHasher;
use std::ops::{Bound, ControlFlow};

/// No row, no key.
const NONE: Slot = Slot::MAX;

/// A value that rows are ordered by.
pub(super) trait Value: Ord + Clone + Default {
    /// The value of a scalar of a type that widens to it without loss; `None` for NULL.
    fn of(scalar: Scalar<'_>) -> Option<Self>;
}

impl Value for i64 {
    #[inline]
    fn of(scalar: Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Int(v) => Some(i64::from(v)),
            Scalar::Long(v) => Some(v),
            scalar => mismatch(scalar),
        }
    }
}

/// A finite number, by its order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Finite(f64);

impl Eq for Finite {}

impl PartialOrd for Finite {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Finite {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Value for Finite {
    #[inline]
    fn of(scalar: Scalar<'_>) -> Option<Self> {
        let number = match scalar {
            Scalar::Int(v) => f64::from(v),
            Scalar::Float(v) => f64::from(v),
            Scalar::Double(v) => v,
            scalar => return mismatch(scalar),
        };
        // −0.0 equals 0.0.
        Some(Finite(number + 0.0))
    }
}

impl Value for Str {
    #[inline]
    fn of(scalar: Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Text(v) => Some(v.clone()),
            scalar => mismatch(scalar),
        }
    }
}

fn mismatch<V>(scalar: Scalar<'_>) -> Option<V> {
    assert_eq!(scalar, Scalar::Null, "values of one index are of one type");
    None
}

/// A row.
#[derive(Clone, Debug, Default)]
struct Node<V> {
    value: V,
    /// How many were put in before it.
    number: u64,
    /// Those with lesser and those with greater values.
    below: [Slot; 2],
    key: Slot,
}

/// The rows of a key.
#[derive(Clone, Copy, Debug)]
struct Root {
    node: Slot,
    count: u32,
}

const EMPTY: Root = Root {
    node: NONE,
    count: 0,
};

/// A place in a tree where a node stands or may be put: below another one, or at the root where that is [`NONE`].
#[derive(Clone, Copy)]
struct Place {
    above: Slot,
    side: usize,
}

const AT_ROOT: Place = Place {
    above: NONE,
    side: 0,
};

/// A tree for each key.
#[derive(Debug)]
pub(super) struct Trees<V> {
    /// By the slot of a key.
    roots: Vec<Root>,
    /// By the slot of a row.
    nodes: Vec<Node<V>>,
    /// How many rows were put in.
    came: u64,
    salt: u64,
}

impl<V: Value> Trees<V> {
    pub(super) fn new() -> Self {
        Trees {
            roots: Vec::new(),
            nodes: Vec::new(),
            came: 0,
            salt: foldhash::fast::RandomState::default().hash_one(0),
        }
    }

    /// Number of rows of a key.
    #[inline]
    pub(super) fn count(&self, key: Slot) -> usize {
        self.root(key).count as usize
    }

    /// How many rows were put in up to this one.
    #[inline]
    pub(super) fn number(&self, row: Slot) -> u64 {
        self.nodes[row as usize].number
    }

    #[inline]
    fn root(&self, key: Slot) -> Root {
        self.roots.get(key as usize).copied().unwrap_or(EMPTY)
    }

    /// A hash of the slot (the finaliser of SplitMix64): distinct for distinct slots.
    #[inline]
    fn priority(&self, row: Slot) -> u64 {
        let mut x = (u64::from(row) ^ self.salt).wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// What stands below a node on one side.
    #[inline]
    fn below(&self, row: Slot, side: usize) -> Slot {
        self.nodes[row as usize].below[side]
    }

    #[inline]
    fn put(&mut self, key: Slot, place: Place, row: Slot) {
        match place.above {
            NONE => self.roots[key as usize].node = row,
            above => self.nodes[above as usize].below[place.side] = row,
        }
    }

    /// On which side of a node a row with this value and number stands.
    #[inline]
    fn side(&self, of: Slot, value: &V, number: u64) -> usize {
        let node = &self.nodes[of as usize];
        let order = node.value.cmp(value).then(node.number.cmp(&number));
        usize::from(order.is_lt())
    }

    pub(super) fn insert(&mut self, key: Slot, row: Slot, value: Scalar<'_>) {
        let Some(value) = V::of(value) else {
            return;
        };
        if self.roots.len() <= key as usize {
            self.roots.resize(key as usize + 1, EMPTY);
        }
        if self.nodes.len() <= row as usize {
            let fresh = Node {
                key: NONE,
                ..Node::default()
            };
            self.nodes.resize(row as usize + 1, fresh);
        }
        debug_assert_eq!(
            self.nodes[row as usize].key, NONE,
            "a row stands under one key"
        );
        self.came += 1;
        let (number, priority) = (self.came, self.priority(row));
        let (mut place, mut at) = (AT_ROOT, self.root(key).node);
        while at != NONE && self.priority(at) > priority {
            let side = self.side(at, &value, number);
            place = Place { above: at, side };
            at = self.below(at, side);
        }
        self.put(key, place, row);
        self.roots[key as usize].count += 1;
        // What stood there is parted: nodes with lesser values go below the row on one side, the rest on the other.
        let mut open = [0, 1].map(|side| Place { above: row, side });
        while at != NONE {
            let greater = self.side(at, &value, number);
            let side = 1 - greater;
            self.put(key, open[side], at);
            open[side] = Place {
                above: at,
                side: greater,
            };
            at = self.below(at, greater);
        }
        open.into_iter()
            .for_each(|place| self.put(key, place, NONE));
        let node = &mut self.nodes[row as usize];
        (node.value, node.number, node.key) = (value, number, key);
    }

    pub(super) fn remove(&mut self, row: Slot) {
        let Some(node) = self.nodes.get_mut(row as usize) else {
            return;
        };
        let key = std::mem::replace(&mut node.key, NONE);
        if key == NONE {
            return;
        }
        let node = &self.nodes[row as usize];
        let (mut place, mut at) = (AT_ROOT, self.root(key).node);
        while at != row {
            let side = self.side(at, &node.value, node.number);
            place = Place { above: at, side };
            at = self.below(at, side);
        }
        let [mut less, mut greater] = node.below;
        // What stood below it on both sides is put together, the greater priority on top.
        while less != NONE && greater != NONE {
            let (top, side) = match self.priority(less) > self.priority(greater) {
                true => (less, 1),
                false => (greater, 0),
            };
            self.put(key, place, top);
            place = Place { above: top, side };
            match side {
                1 => less = self.below(less, 1),
                _ => greater = self.below(greater, 0),
            }
        }
        self.put(key, place, if less == NONE { greater } else { less });
        self.roots[key as usize].count -= 1;
        // A text may own memory.
        self.nodes[row as usize].value = V::default();
    }

    pub(super) fn remove_all(&mut self, key: Slot) {
        let Some(root) = self.roots.get_mut(key as usize) else {
            return;
        };
        let mut at = std::mem::replace(root, EMPTY).node;
        // Node by node: what is less is turned up until there is none, so that no stack is needed.
        while at != NONE {
            match self.below(at, 0) {
                NONE => {
                    let next = self.below(at, 1);
                    let node = &mut self.nodes[at as usize];
                    (node.key, node.value) = (NONE, V::default());
                    at = next;
                }
                less => {
                    let between = std::mem::replace(&mut self.nodes[less as usize].below[1], at);
                    self.nodes[at as usize].below[0] = between;
                    at = less;
                }
            }
        }
    }

    pub(super) fn each(
        &self,
        key: Slot,
        (low, high): Bounds<'_>,
        mut f: impl FnMut(Slot) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match (bound::<V>(low), bound::<V>(high)) {
            (Some(low), Some(high)) => self.visit(self.root(key).node, &(low, high), &mut f),
            _ => ControlFlow::Continue(()),
        }
    }

    /// As [`Trees::each`], below a node. As deep as the tree is.
    fn visit(
        &self,
        at: Slot,
        bounds: &(Bound<V>, Bound<V>),
        f: &mut impl FnMut(Slot) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut at = at;
        while at != NONE {
            let Node { value, below, .. } = &self.nodes[at as usize];
            let is_above = match &bounds.0 {
                Bound::Included(low) => value >= low,
                Bound::Excluded(low) => value > low,
                Bound::Unbounded => true,
            };
            let is_below = match &bounds.1 {
                Bound::Included(high) => value <= high,
                Bound::Excluded(high) => value < high,
                Bound::Unbounded => true,
            };
            if is_above {
                self.visit(below[0], bounds, f)?;
            }
            if is_above && is_below {
                f(at)?;
            }
            at = if is_below { below[1] } else { NONE };
        }
        ControlFlow::Continue(())
    }

    pub(super) fn clear(&mut self) {
        self.roots.clear();
        self.nodes.clear();
        self.came = 0;
    }
}

/// A bound of values; `None` where it is NULL.
fn bound<V: Value>(of: Bound<Scalar<'_>>) -> Option<Bound<V>> {
    Some(match of {
        Bound::Included(scalar) => Bound::Included(V::of(scalar)?),
        Bound::Excluded(scalar) => Bound::Excluded(V::of(scalar)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}
