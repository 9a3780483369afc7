//! Logs of rows of all types.

use super::*;
use crate::event::{Batch, Schema, Timestamp, Type, Value};
use std::collections::BTreeMap;

/// Time and values.
type Row = (i64, Vec<Value>);

pub(super) struct Logs {
    log: RowLog,
    types: &'static [Type],
    /// The head, and the rows.
    model: BTreeMap<LogId, (u64, Vec<Row>)>,
}

fn value(ty: Type, random: &mut Random) -> Value {
    if random.once_in(6) {
        return Value::Null;
    }
    match ty {
        Type::Bool => Value::Bool(random.once_in(2)),
        Type::Int => Value::Int(random.bits() as i32),
        Type::Long => Value::Long(random.bits() as i64),
        Type::Float => Value::Float(random.bits() as i32 as f32 / 3.0),
        Type::Double => Value::Double(random.bits() as i64 as f64 / 3.0),
        Type::String => Value::from(text(random)),
    }
}

impl Logs {
    pub(super) fn new(types: &'static [Type]) -> Self {
        Logs {
            log: RowLog::new(types),
            types,
            model: BTreeMap::new(),
        }
    }

    fn batch(&self, rows: usize, random: &mut Random) -> Batch {
        let attributes = self.types.iter().enumerate();
        let mut batch = Batch::new(&Schema::new(attributes.map(|(i, t)| (format!("a{i}"), *t))));
        for _ in 0..rows {
            batch.at.push(Timestamp(random.below(50) as i64));
            for (column, ty) in batch.columns.iter_mut().zip(self.types) {
                assert!(column.push(&value(*ty, random)));
            }
        }
        batch
    }

    fn some_log(&self, random: &mut Random) -> Option<LogId> {
        let place = random.below(self.model.len() as u64) as usize;
        self.model.keys().nth(place).copied()
    }

    fn change_log(&mut self, id: LogId, random: &mut Random) {
        let keep: Vec<usize> = (0..self.types.len()).collect();
        let count = random.below(12) as usize;
        let batch = self.batch(count + 1, random);
        let row = |row: usize| (batch.at[row].0, batch.row(row));
        let other = self.some_log(random).filter(|other| *other != id);
        let (log, model) = (&mut self.log, &mut self.model);
        let (head, rows) = model.get_mut(&id).expect("it is held");
        match random.below(10) {
            0 if random.once_in(2) => {
                log.close(id);
                model.remove(&id);
            }
            1..=2 => {
                log.push_rows(id, &batch, &keep, 0..count);
                rows.extend((0..count).map(row));
            }
            3 => {
                log.push(id, batch.at[0], &batch, &keep, 0);
                rows.push(row(0));
            }
            4 => {
                log.insert(id, batch.at[0], &batch, &keep, 0);
                let place = rows.iter().rposition(|r| r.0 <= batch.at[0].0);
                rows.insert(place.map_or(0, |p| p + 1), row(0));
            }
            5 => {
                if let Some(other) = other {
                    log.append(id, other);
                    let (_, more) = model.remove(&other).expect("it is held");
                    let (_, rows) = model.get_mut(&id).expect("it is held");
                    rows.extend(more);
                }
            }
            _ => {
                let count = random.below(rows.len() as u64 + 1) as usize;
                log.pop(id, count);
                rows.drain(..count);
                *head += count as u64;
            }
        }
    }
}

impl Subject for Logs {
    type Contents = BTreeMap<LogId, (u64, Vec<Row>)>;

    fn empty(&self) -> Self {
        Logs::new(self.types)
    }

    fn holder(&mut self) -> &mut dyn StateHolder {
        &mut self.log
    }

    fn change(&mut self, random: &mut Random) {
        match self.some_log(random) {
            Some(id) if !random.once_in(12) => self.change_log(id, random),
            _ => {
                let id = self.log.open();
                assert_eq!(self.model.insert(id, (0, Vec::new())), None);
            }
        }
    }

    fn model(&mut self) -> &mut Self::Contents {
        &mut self.model
    }

    fn contents(&self) -> Self::Contents {
        let mut contents = BTreeMap::new();
        for id in 0.. {
            if contents.len() == self.log.logs() {
                break;
            }
            if !self.log.holds(id) {
                continue;
            }
            let range = self.log.range(id);
            let row = |seq| {
                let place = self.log.index(id, seq);
                let columns = self.log.columns().iter();
                let values = columns.map(|c| c.value(place)).collect();
                (self.log.at(id, seq).0, values)
            };
            contents.insert(id, (range.start, range.map(row).collect()));
        }
        contents
    }

    fn check(&mut self) {
        let columns: Vec<usize> = (0..self.types.len()).rev().collect();
        for id in self.model.keys() {
            for seq in self.log.range(*id) {
                let place = self.log.index(*id, seq);
                let keys: Vec<_> = columns.iter().map(|k| &self.log.columns()[*k]).collect();
                let mut key = Vec::new();
                encode_key(&keys, place, &mut key);
                let group = key_group(&self.log.key_of(*id, seq, &columns));
                assert_eq!(group, key_group(&key));
            }
        }
    }
}

pub(super) const SHAPES: &[&[Type]] = &[
    &Type::ALL,
    &[],
    &[Type::Long],
    &[Type::String],
    &[Type::Double, Type::Int],
];

#[test]
fn logs_are_what_they_were_at_the_cut() {
    for types in SHAPES {
        drive(|| Logs::new(types), 1..12);
    }
}

/// Bytes of a capture of a log of `rows` rows under `keys` keys that slid for a while: the first and the next.
fn bytes(rows: usize, keys: usize) -> (usize, usize) {
    let mut subject = Logs::new(&[Type::Long, Type::Double]);
    let random = &mut Random::new(1);
    let ids: Vec<LogId> = (0..keys).map(|_| subject.log.open()).collect();
    let batch = subject.batch(10, random);
    let slide = |subject: &mut Logs| {
        for id in &ids {
            subject.log.push_rows(*id, &batch, &[0, 1], 0..10);
            let over = subject.log.len(*id).saturating_sub(rows);
            subject.log.pop(*id, over);
        }
    };
    (0..rows / 5).for_each(|_| slide(&mut subject));
    subject.holder().state(&mut Track { committed: false });
    let base = capture(subject.holder());
    slide(&mut subject);
    let delta = capture(subject.holder());
    (base.chunks[0].len(), delta.chunks[0].len())
}

#[test]
fn a_base_costs_the_arena_and_a_delta_what_was_written() {
    for (rows, keys) in [(1000, 1), (100, 50), (10, 500)] {
        let (base, delta) = bytes(rows, keys);
        // A row has 24 bytes, flags and its share of headers. Ten come before ten go.
        let peak = (rows + 10) * keys * 27;
        assert!(base <= 4 * peak, "{rows} x {keys}: {base} of {peak}");
        // The rows written, with their numbers, and the rings.
        let written = 10 * keys * (4 + 27) + keys * 28;
        let most = written + 400;
        assert!(delta <= most, "{rows} x {keys}: {delta} of {most}");
    }
}
