//! Columns by slot: rows of one schema that are overwritten in place.
//!
//! Form in a checkpoint: that of the columns of a row log, see `rows.rs`.

use super::Slot;
use super::holder::private::Slotted;
use super::marks::Marks;
use super::reader::Reader;
use super::rows::{decode_column, encode_column, value_bytes};
use super::section::{Malformed, Slots};
use crate::event::{Column, Type};
use std::ops::Range;

/// A row per slot. All writes go through [`SlotColumns::writing`] and [`SlotColumns::clear`].
#[derive(Debug)]
pub(crate) struct SlotColumns {
    columns: Vec<Column>,
    slots: usize,
    marks: Marks,
    handed_over: Vec<Slot>,
    /// The rows of `handed_over`.
    handed: Vec<Column>,
}

impl SlotColumns {
    /// No row yet; rows have columns of these types.
    pub(crate) fn new(types: &[Type]) -> Self {
        let columns: Vec<Column> = types.iter().map(|t| Column::new(*t)).collect();
        SlotColumns {
            handed: columns.clone(),
            columns,
            slots: 0,
            marks: Marks::default(),
            handed_over: Vec::new(),
        }
    }

    /// Makes room for slots below `slots`; new rows are defaults.
    pub(crate) fn ensure(&mut self, slots: usize) {
        if self.slots < slots {
            self.columns.iter_mut().for_each(|c| c.grow(slots));
            self.slots = slots;
            self.marks.grow(slots);
        }
    }

    /// Number of slots.
    pub(crate) fn len(&self) -> usize {
        self.slots
    }

    /// The columns, to be read.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns, to be written at these slots only, and not to be made longer or shorter.
    pub(crate) fn writing(&mut self, slots: impl Iterator<Item = Slot>) -> &mut [Column] {
        if self.marks.is_tracked() {
            for slot in slots {
                if self.marks.is_untouched(slot) {
                    self.touch(slot);
                }
            }
        }
        &mut self.columns
    }

    /// Forgets all rows; keeps the memory.
    pub(crate) fn clear(&mut self) {
        for slot in self.marks.needed() {
            self.hand_over(slot);
        }
        self.marks.clear();
        self.columns.iter_mut().for_each(Column::clear);
        self.slots = 0;
    }

    #[cold]
    fn touch(&mut self, slot: Slot) {
        if self.marks.touch(slot) {
            self.hand_over(slot);
        }
    }

    fn hand_over(&mut self, slot: Slot) {
        self.handed_over.push(slot);
        for (to, from) in self.handed.iter_mut().zip(&self.columns) {
            to.push_from(from, slot as usize);
        }
    }
}

impl Slotted for SlotColumns {
    fn layout(&self) -> String {
        let types: Vec<&str> = self.columns.iter().map(|c| c.type_of().name()).collect();
        format!("columns {}", types.join(" "))
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot_bytes(&self) -> usize {
        self.columns.iter().map(value_bytes).sum()
    }

    fn marks(&mut self) -> &mut Marks {
        &mut self.marks
    }

    fn encode_run(&self, run: Range<Slot>, out: &mut Vec<u8>) {
        let rows = run.start as usize..run.end as usize;
        for column in &self.columns {
            encode_column(column, rows.clone(), out);
        }
    }

    fn encode_list(&self, slots: &[Slot], out: &mut Vec<u8>) {
        for column in &self.columns {
            encode_column(column, slots.iter().map(|slot| *slot as usize), out);
        }
    }

    fn handed_over(&self) -> usize {
        self.handed_over.len()
    }

    fn handed_over_slots(&self, max: usize, slots: &mut Vec<Slot>) {
        let first = self.handed_over.len().saturating_sub(max);
        slots.extend_from_slice(&self.handed_over[first..]);
    }

    fn encode_handed_over(&mut self, count: usize, out: &mut Vec<u8>) {
        let first = self.handed_over.len() - count;
        for column in &mut self.handed {
            encode_column(column, first..first + count, out);
            column.truncate(first);
        }
        self.handed_over.truncate(first);
    }

    fn drop_handed_over(&mut self) {
        self.handed_over = Vec::new();
        for column in &mut self.handed {
            *column = Column::new(column.type_of());
        }
    }

    fn reset_to(&mut self, slots: usize) {
        self.drop_handed_over();
        for column in &mut self.columns {
            column.clear();
            column.grow(slots);
        }
        self.slots = slots;
        self.marks = Marks::default();
    }

    fn decode(&mut self, slots: &Slots<'_>, mut payload: Reader<'_>) -> Result<(), Malformed> {
        let count = slots.len();
        if let Some(slot) = (0..count)
            .map(|i| slots.get(i))
            .find(|s| *s as usize >= self.slots)
        {
            return Err(Malformed::new(format!("slot {slot} does not exist")));
        }
        for column in &mut self.columns {
            decode_column(column, slots, &mut payload)?;
        }
        payload.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;

    fn row(n: i32) -> Vec<Value> {
        let absent = |k: i32, value: Value| if n % 7 == k { Value::Null } else { value };
        vec![
            absent(1, Value::Bool(n % 2 == 0)),
            Value::Int(n),
            absent(2, Value::Long(i64::from(n) << 40)),
            absent(3, Value::Float(n as f32 / 3.0)),
            Value::Double(f64::from(n) / 7.0),
            absent(4, Value::from(format!("text {n} of some length"))),
        ]
    }

    fn filled(rows: i32) -> SlotColumns {
        let mut columns = SlotColumns::new(&Type::ALL);
        columns.ensure(rows as usize);
        for n in 0..rows {
            for (column, value) in columns
                .writing([n as Slot].into_iter())
                .iter_mut()
                .zip(row(n))
            {
                let mut from = Column::new(column.type_of());
                assert!(from.push(&value));
                column.set_from(n as usize, &from, 0);
            }
        }
        columns
    }

    fn rows(columns: &SlotColumns) -> Vec<Vec<Value>> {
        let row = |slot| columns.columns().iter().map(|c| c.value(slot)).collect();
        (0..columns.len()).map(row).collect()
    }

    #[test]
    fn rows_come_back_from_runs_and_lists() {
        let from = filled(30);
        let mut to = SlotColumns::new(&Type::ALL);
        to.reset_to(30);
        let mut run = Vec::new();
        from.encode_run(0..20, &mut run);
        assert!(to.decode(&Slots::Run(0..20), Reader::new(&run)).is_ok());
        let slots: Vec<Slot> = (20..30).rev().collect();
        let mut list = Vec::new();
        from.encode_list(&slots, &mut list);
        let bytes: Vec<u8> = slots.iter().flat_map(|s| s.to_le_bytes()).collect();
        assert!(to.decode(&Slots::List(&bytes), Reader::new(&list)).is_ok());
        assert_eq!(rows(&to), rows(&from));
        for end in 0..run.len() {
            let cut = Reader::new(&run[..end]);
            assert!(to.decode(&Slots::Run(0..20), cut).is_err(), "{end} bytes");
        }
        assert!(to.decode(&Slots::Run(20..40), Reader::new(&run)).is_err());
    }

    #[test]
    fn rows_about_to_change_are_handed_over() {
        let mut columns = filled(100);
        columns.marks().track(100, false);
        columns.marks().cut(100, &[]);
        let other = filled(1);
        for to in columns
            .writing([3, 9, 3].into_iter())
            .iter_mut()
            .zip(other.columns())
        {
            to.0.set_from(3, to.1, 0);
            to.0.set_from(9, to.1, 0);
        }
        let (mut slots, mut bytes) = (Vec::new(), Vec::new());
        columns.handed_over_slots(10, &mut slots);
        assert_eq!(slots, [3, 9]);
        columns.encode_handed_over(2, &mut bytes);
        let mut want = Vec::new();
        filled(100).encode_list(&[3, 9], &mut want);
        assert_eq!(bytes, want);
        assert_eq!(
            (columns.handed_over(), rows(&columns)[9].clone()),
            (0, row(0))
        );
        columns.clear();
        assert_eq!((columns.handed_over(), columns.len()), (98, 0));
        columns.drop_handed_over();
        assert_eq!(columns.handed_over(), 0);
    }
}
