//! What rows pass in front of a query in a partition: those without a key are dropped and counted.
//!
//! Where the key is an attribute, rows go on as they came; otherwise each goes on with its key in one more column, and
//! once for each range that it fits. Where keys are kept, they are told that the row came.

use crate::event::{Batch, Column, RowSet, RowView, Scalar, Str, Type};
use crate::expr::Program;
use crate::operator::{Common, Counters, Kind, Operator, Out, Port, counter};
use crate::state::{StateHolder, Visitor};

/// What the key of a row is.
pub(crate) enum DoorKey {
    /// A column.
    Column(usize),
    /// A value.
    Value(Box<Program>),
    /// The names of the conditions that it fulfils.
    Ranges(Vec<(Program, Str)>),
}

/// The door of a stream.
pub(crate) struct Door {
    key: DoorKey,
    /// The place among the kept keys of the graph.
    kept: Option<usize>,
    /// No other door counts the rows that this one drops.
    counts: bool,
    /// They go to a stream.
    tells: bool,
    unmatched: u64,
    faults: u64,
    scratch: Scratch,
}

/// Memory that is not needed between rows.
struct Scratch {
    /// The rows that go on, once for each range.
    rows: Vec<u32>,
    /// Their keys, where these are computed or told to those that are kept.
    keys: Column,
    /// By range, the rows that fit it.
    fit: Vec<Vec<u32>>,
    /// Rows without a key.
    dropped: Vec<u32>,
    /// Two of the above in the making.
    rows_left: Vec<u32>,
    keys_left: Column,
}

impl Door {
    /// `ty`: the type of the key; `counts`, and `tells` a stream: what is done with rows without one; `kept`: its place
    /// among the kept keys of the graph, if it is kept.
    pub(crate) fn new(
        key: DoorKey,
        ty: Type,
        (counts, tells): (bool, bool),
        kept: Option<usize>,
    ) -> Self {
        let ranges = match &key {
            DoorKey::Ranges(ranges) => ranges.len(),
            DoorKey::Column(_) | DoorKey::Value(_) => 0,
        };
        Door {
            key,
            kept,
            counts,
            tells,
            unmatched: 0,
            faults: 0,
            scratch: Scratch {
                rows: Vec::new(),
                keys: Column::new(ty),
                fit: vec![Vec::new(); ranges],
                dropped: Vec::new(),
                rows_left: Vec::new(),
                keys_left: Column::new(ty),
            },
        }
    }

    /// Tells rows that have a key from those that have none.
    fn choose(&mut self, batch: &Batch) {
        let scratch = &mut self.scratch;
        scratch.rows.clear();
        scratch.keys.clear();
        scratch.dropped.clear();
        let frame = batch.frame();
        match &mut self.key {
            DoorKey::Column(column) => {
                scratch.choose_known(&batch.columns[*column], self.kept.is_some());
            }
            DoorKey::Value(program) => {
                scratch.choose_known(program.eval(&frame, &mut self.faults), true);
            }
            DoorKey::Ranges(ranges) => {
                for ((condition, _), fit) in ranges.iter_mut().zip(&mut scratch.fit) {
                    fit.clear();
                    condition.filter(&frame, &mut self.faults, fit);
                }
                scratch.choose_fitting(batch.len(), ranges);
            }
        }
    }

    /// Tells the kept keys of all rows of a batch. False where some are refused, and none is told of.
    fn lets_all_in(&self, common: &mut Common, keys: &Column, batch: &Batch) -> bool {
        let kept = self.kept.map(|kept| common.partitions.kept(kept));
        kept.is_none_or(|kept| kept.see_all(keys, batch))
    }

    /// Tells the kept keys of the rows that come, and drops those that they refuse: each door does, as each must know.
    fn tell(&mut self, common: &mut Common, batch: &Batch) {
        let Some(kept) = self.kept else { return };
        let scratch = &mut self.scratch;
        let kept = common.partitions.kept(kept);
        let Some(admitted) = kept.see(&scratch.keys, batch, &scratch.rows, self.counts) else {
            return;
        };
        scratch.rows_left.clear();
        let rows = admitted.iter().map(|place| scratch.rows[*place as usize]);
        scratch.rows_left.extend(rows);
        scratch.keys_left.clear();
        scratch.keys_left.extend_rows(&scratch.keys, admitted);
        std::mem::swap(&mut scratch.rows, &mut scratch.rows_left);
        std::mem::swap(&mut scratch.keys, &mut scratch.keys_left);
    }

    /// Drops the rows without a key.
    fn drop_others(&mut self, batch: &Batch, out: &mut Out) {
        if !self.counts || self.scratch.dropped.is_empty() {
            return;
        }
        self.unmatched += self.scratch.dropped.len() as u64;
        if let Some(aside) = out.aside().filter(|_| self.tells) {
            aside.append(batch, &RowSet::Picked(&self.scratch.dropped));
        }
    }
}

impl Scratch {
    /// The rows of which this is the key, where it is not NULL.
    fn choose_known(&mut self, keys: &Column, keeps: bool) {
        for row in 0..keys.len() {
            match keys.is_null(row) {
                true => self.dropped.push(row as u32),
                false => self.rows.push(row as u32),
            }
        }
        if keeps {
            self.keys.extend_rows(keys, &self.rows);
        }
    }

    /// The rows that fit ranges: in order, each once for each range.
    fn choose_fitting(&mut self, len: usize, ranges: &[(Program, Str)]) {
        for row in 0..len as u32 {
            let before = self.rows.len();
            for ((_, name), fit) in ranges.iter().zip(&self.fit) {
                if fit.binary_search(&row).is_ok() {
                    self.rows.push(row);
                    self.keys.push_scalar(Scalar::Text(name));
                }
            }
            if self.rows.len() == before {
                self.dropped.push(row);
            }
        }
    }
}

impl StateHolder for Door {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        counter(visitor, &mut self.unmatched);
        counter(visitor, &mut self.faults);
    }
}

impl Operator for Door {
    fn rows(&mut self, _kind: Kind, _batch: &Batch, _out: &mut Out) {
        unreachable!("keys are told of rows with the keys at hand");
    }

    fn rows_at(
        &mut self,
        _port: Port,
        common: &mut Common,
        kind: Kind,
        batch: &Batch,
        out: &mut Out,
    ) {
        if let DoorKey::Column(column) = self.key
            && batch.columns[column].valid().is_empty()
            && self.lets_all_in(common, &batch.columns[column], batch)
        {
            return out.pass_through();
        }
        self.choose(batch);
        self.drop_others(batch, out);
        self.tell(common, batch);
        let Scratch { rows, keys, .. } = &self.scratch;
        let adds_column = !matches!(self.key, DoorKey::Column(_));
        if rows.len() == batch.len() && !adds_column {
            return out.pass_through();
        }
        let mut to = out.batch();
        to.append(batch, &RowSet::Picked(rows));
        if adds_column {
            let last = to.columns.last_mut().expect("it has a column for the key");
            last.extend_range(keys, 0..keys.len());
        }
        out.emit(kind, to);
    }

    /// Where the key is an attribute; otherwise, and where rows are dropped, as a batch.
    fn row_at(
        &mut self,
        _port: Port,
        _common: &mut Common,
        row: RowView<'_>,
        _to: &mut Batch,
        out: &mut Out,
    ) -> bool {
        let DoorKey::Column(column) = self.key else {
            return false;
        };
        let is_plain = self.kept.is_none() && row.batch.columns[column].valid().is_empty();
        if is_plain {
            out.pass_through();
        }
        is_plain
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.faults;
        into.unmatched_rows += self.unmatched;
    }

    fn quiet_after(&self) -> Option<i64> {
        Some(0)
    }
}
