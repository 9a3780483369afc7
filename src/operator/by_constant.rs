//! Many readers of a stream, each of which asks a column for a constant: an index of the constants.
//!
//! Why: a hundred conditions on one column would each be computed for every row, of which one or none is let through.
//! How: a batch is looked up once, row by row, and each reader has the rows that it may let through. It computes its
//! whole condition for these alone, or none where it asks nothing else; what it would have made of the others is
//! nothing. Readers that ask otherwise have all rows. Nothing of it is state.
//! Cost: a look-up per row, and a step for each reader that gets some, whatever the number of readers.

pub(crate) use crate::expr::Constants;

use crate::event::{Batch, Scalar, Timestamp};
use crate::state::{Bits, KeyIndex, Slot};

/// So many readers ask one column for a constant where rows are looked up: a look-up costs what some conditions do.
pub(crate) const CONSTANT_READERS_MIN: usize = 8;

/// Which rows of a batch the readers of a stream get.
pub(crate) struct ByConstant {
    column: usize,
    constants: KeyIndex,
    /// By slot of a constant, the readers that ask for it.
    asking: Vec<Vec<u32>>,
    /// By reader, its rows of the batch at hand; none for one that gets all.
    picked: Vec<Option<Vec<u32>>>,
    /// By reader, whether it lets all its rows through.
    decides: Vec<bool>,
    /// Readers that get rows of the batch at hand, among them those that get all.
    visited: Bits,
    /// Readers that get some of its rows.
    touched: Vec<u32>,
    slots: Vec<Slot>,
    in_time: bool,
}

impl ByConstant {
    /// By reader, what it asks of one and the same column before all else; none where fewer than `readers_min` do.
    pub(crate) fn new(asked: &[Option<Constants>], readers_min: usize) -> Option<Box<Self>> {
        let first = asked.iter().flatten().next()?;
        let ty = first.values.first()?.type_of()?;
        if asked.iter().flatten().count() < readers_min {
            return None;
        }
        let mut index = ByConstant {
            column: first.column,
            constants: KeyIndex::new(&[ty]),
            asking: Vec::new(),
            picked: asked
                .iter()
                .map(|a| a.as_ref().map(|_| Vec::new()))
                .collect(),
            decides: asked
                .iter()
                .map(|a| a.as_ref().is_some_and(|a| a.decides))
                .collect(),
            visited: Bits::default(),
            touched: Vec::new(),
            slots: Vec::new(),
            in_time: false,
        };
        index.visited.grow(asked.len());
        for (reader, constants) in asked.iter().enumerate() {
            let Some(constants) = constants else {
                index.visited.set(reader as Slot);
                continue;
            };
            for value in &constants.values {
                index.add(value.into(), reader as u32);
            }
            if constants.takes_null {
                index.add(Scalar::Null, reader as u32);
            }
        }
        Some(Box::new(index))
    }

    fn add(&mut self, value: Scalar<'_>, reader: u32) {
        let slot = self.constants.slot_of(&[value]) as usize;
        if self.asking.len() <= slot {
            self.asking.resize_with(slot + 1, Vec::new);
        }
        if self.asking[slot].last() != Some(&reader) {
            self.asking[slot].push(reader);
        }
    }

    /// Looks the rows of a batch up.
    pub(crate) fn pick(&mut self, batch: &Batch) {
        for reader in self.touched.drain(..) {
            self.picked[reader as usize].iter_mut().for_each(Vec::clear);
            self.visited.unset(reader);
        }
        self.in_time = is_in_time(batch);
        self.slots.clear();
        let column = &batch.columns[self.column];
        self.constants.find(&[column], batch.len(), &mut self.slots);
        for (row, slot) in self.slots.iter().enumerate() {
            let Some(readers) = self.asking.get(*slot as usize) else {
                continue;
            };
            for reader in readers {
                if let Some(rows) = &mut self.picked[*reader as usize] {
                    if rows.is_empty() {
                        self.visited.set(*reader);
                        self.touched.push(*reader);
                    }
                    rows.push(row as u32);
                }
            }
        }
    }

    /// The first reader from this one on that gets rows of the batch that was looked up last.
    #[inline]
    pub(crate) fn next_visited(&self, reader: usize) -> Option<usize> {
        let readers = self.visited.len();
        let next = reader + self.visited.run(reader..readers, false);
        (next < readers).then_some(next)
    }

    /// The rows of the batch that was looked up last that a reader may let through; none where it gets all.
    #[inline]
    pub(crate) fn picked(&self, reader: usize) -> Option<Picked<'_>> {
        let rows = self.picked[reader].as_deref()?;
        Some(Picked {
            rows,
            in_time: self.in_time,
            all_pass: self.decides[reader],
        })
    }
}

/// Rows of a batch that a reader may let through.
#[derive(Clone, Copy)]
pub(crate) struct Picked<'a> {
    pub(crate) rows: &'a [u32],
    /// All rows of the batch come at the time that the clock has.
    pub(crate) in_time: bool,
    /// The reader lets all of them through by what it was looked up for.
    pub(crate) all_pass: bool,
}

/// Whether no row of a batch comes before its time, too late or too far ahead.
fn is_in_time(batch: &Batch) -> bool {
    let is_now = |(at, clock): (&Timestamp, &Timestamp)| at == clock;
    batch.marks.is_empty() && batch.at.iter().zip(&batch.clock).all(is_now)
}
