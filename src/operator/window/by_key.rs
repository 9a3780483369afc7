//! Behind a window that holds the rows of all keys of a partition together: each key has a flush of its own.
//!
//! Keys come in the order in which they first appear among the rows of the flush, those that expire included. A flush
//! without rows is that of no key.
//! Cost: a look-up and two copies of each row of a flush; none of other rows.

use crate::event::{Batch, RowSet, RowView, Type};
use crate::operator::{Kind, Operator, Out};
use crate::state::{KeyIndex, Slot, StateHolder, Visitor};

/// Makes one flush per key of a flush.
pub(crate) struct ByKey {
    /// The column with the key.
    key: usize,
    /// Empty between two flushes.
    index: KeyIndex,
    slots: Vec<Slot>,
    fresh: Vec<(Slot, u32)>,
    /// The rows of the flush, by key and then in their order, and where each key's begin.
    rows: Vec<u32>,
    begins: Vec<usize>,
}

impl ByKey {
    /// By a column of this type.
    pub(crate) fn new(key: usize, key_type: Type) -> Self {
        ByKey {
            key,
            index: KeyIndex::new(&[key_type]),
            slots: Vec::new(),
            fresh: Vec::new(),
            rows: Vec::new(),
            begins: Vec::new(),
        }
    }

    /// Puts the rows in the order of keys; returns how many keys there are.
    fn sort(&mut self, batch: &Batch) -> usize {
        self.slots.clear();
        self.fresh.clear();
        let key = &batch.columns[self.key];
        self.index
            .slots_of(&[key], batch.len(), &mut self.slots, &mut self.fresh);
        // An index that was empty gives slots in the order in which keys come.
        self.index.clear();
        let keys = self.fresh.len();
        self.begins.clear();
        self.begins.resize(keys + 2, 0);
        for slot in &self.slots {
            self.begins[*slot as usize + 2] += 1;
        }
        for key in 2..keys + 2 {
            self.begins[key] += self.begins[key - 1];
        }
        self.rows.clear();
        self.rows.resize(batch.len(), 0);
        for (row, slot) in self.slots.iter().enumerate() {
            let place = &mut self.begins[*slot as usize + 1];
            self.rows[*place] = row as u32;
            *place += 1;
        }
        keys
    }
}

/// Nothing survives a flush.
impl StateHolder for ByKey {
    fn state(&mut self, _visitor: &mut dyn Visitor) {}
}

impl Operator for ByKey {
    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        if !matches!(kind, Kind::Flush(_)) {
            return out.pass_through();
        }
        let keys = self.sort(batch);
        if keys == 1 {
            return out.pass_through();
        }
        for key in 0..keys {
            let rows = &self.rows[self.begins[key]..self.begins[key + 1]];
            let mut to = out.batch();
            to.append(batch, &RowSet::Picked(rows));
            out.emit(kind, to);
        }
    }

    fn row(&mut self, row: RowView<'_>, to: &mut Batch, out: &mut Out) -> bool {
        match row.batch.len() {
            1 => out.pass_through(),
            _ => to.append(row.batch, &RowSet::Range(row.row..row.row + 1)),
        }
        true
    }

    fn quiet_after(&self) -> Option<i64> {
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Schema, Sign, Timestamp, Value};

    #[test]
    fn each_key_has_a_flush_of_its_own() {
        let schema = Schema::new([("v", Type::Int), ("k", Type::String)]);
        let mut split = ByKey::new(1, Type::String);
        let mut out = Out::new(Batch::new(&schema));
        for _ in 0..2 {
            let mut batch = Batch::new(&schema);
            let rows = [(1, "b"), (2, "a"), (3, "b"), (4, "c"), (5, "a"), (6, "b")];
            for (v, k) in rows {
                batch.push_sign(if v <= 2 { Sign::Minus } else { Sign::Plus });
                batch.at.push(Timestamp(v));
                assert!(batch.columns[0].push(&Value::Int(v as i32)));
                assert!(batch.columns[1].push(&Value::from(k.to_string())));
            }
            let kind = Kind::Flush(Timestamp(9));
            split.rows(kind, &batch, &mut out);
            let mut got = Vec::new();
            for (of, batch) in std::mem::take(&mut out.ready) {
                assert_eq!(of, kind);
                let rows = (0..batch.len()).map(|row| (batch.at[row].0, batch.sign(row)));
                got.push(rows.collect::<Vec<_>>());
            }
            let (minus, plus) = (Sign::Minus, Sign::Plus);
            let want = [
                vec![(1, minus), (3, plus), (6, plus)],
                vec![(2, minus), (5, plus)],
                vec![(4, plus)],
            ];
            assert_eq!(got, want);
            split.rows(Kind::Rows, &batch, &mut out);
            assert!(out.take_through() && out.ready.is_empty());
            split.rows(kind, &Batch::new(&schema), &mut out);
            assert!(!out.take_through() && out.ready.is_empty());
        }
    }
}
