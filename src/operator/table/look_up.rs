//! The rows of a table that fulfil a condition together with a row of a stream.
//!
//! Why: joins with a table, `(condition) IN T` and the writes that have a condition ask the same question.
//! How: the condition is split by the plan: values that columns of a key must equal, and a residual. The values are
//! computed for a whole batch and looked up at once; what is found is a candidate, or an answer where there is no
//! residual. Otherwise candidates are gathered in pieces, of the columns that the residual reads, and it is evaluated
//! over a piece at a time. A row of the table whose time is over by the clock of the stream's row is none.
//! Cost: a hash look-up per row and O(1) per candidate; a scan of the table per row where no key can be used. Nothing
//! is allocated but for growth.

use super::index::{Index, Key};
use super::rows::Table;
use super::shape::Access;
use crate::event::{Batch, Column, Data, RowView, Type};
use crate::expr::{Frame, Program, RowFrame};
use crate::operator::counter;
use crate::state::{Slot, StateHolder, Visitor};
use smallvec::SmallVec;

/// Pairs after which a look-up of a batch pauses: it may find every row of the table for every row of the batch.
pub(crate) const PAIRS_MAX: usize = 1 << 14;

/// Candidates over which a residual is evaluated at once: their columns stay in L1 and L2.
const PIECE_ROWS: usize = 1024;

/// Rows of a batch with rows of a table: by row of the batch, then by arrival in the table.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    /// Rows of the batch.
    pub(crate) rows: Vec<u32>,
    /// Slots of the table, as many.
    pub(crate) slots: Vec<Slot>,
}

impl Pairs {
    /// Forgets all pairs; keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.slots.clear();
    }

    #[inline]
    fn push(&mut self, row: u32, slot: Slot) {
        self.rows.push(row);
        self.slots.push(slot);
    }
}

/// Takes what is found.
trait Takes {
    fn take(&mut self, row: u32, slot: Slot);

    /// Whether no more is wanted for a row.
    fn has_enough(&self, _row: u32) -> bool {
        false
    }
}

impl Takes for Pairs {
    #[inline]
    fn take(&mut self, row: u32, slot: Slot) {
        self.push(row, slot);
    }
}

impl Takes for Vec<Slot> {
    #[inline]
    fn take(&mut self, _row: u32, slot: Slot) {
        self.push(slot);
    }
}

/// Whether there is any, by row.
struct Any<'a>(&'a mut [bool]);

impl Takes for Any<'_> {
    #[inline]
    fn take(&mut self, row: u32, _slot: Slot) {
        self.0[row as usize] = true;
    }

    #[inline]
    fn has_enough(&self, row: u32) -> bool {
        self.0[row as usize]
    }
}

/// The columns of a table that some programs read, of some of its rows: they stand behind those of a stream.
#[derive(Debug)]
pub(super) struct Beside {
    used: Vec<usize>,
    pub(super) columns: Vec<Column>,
}

impl Beside {
    /// For programs over `width` columns of a stream, and behind them those of a table, which have these types.
    pub(super) fn new<'a>(
        programs: impl IntoIterator<Item = &'a Program>,
        width: usize,
        types: &[Type],
    ) -> Self {
        let mut used = Vec::new();
        for program in programs {
            program.each_column(&mut |column| used.extend(column.checked_sub(width)));
        }
        used.sort_unstable();
        used.dedup();
        Beside {
            used,
            columns: types.iter().map(|ty| Column::new(*ty)).collect(),
        }
    }

    /// Whether a program reads any of these columns of the table.
    pub(super) fn reads(&self, columns: &[usize]) -> bool {
        self.used.iter().any(|column| columns.contains(column))
    }

    /// Fills them with these rows of the table.
    pub(super) fn gather(&mut self, table: &Table, slots: &[Slot]) {
        for column in &self.used {
            let to = &mut self.columns[*column];
            to.clear();
            to.extend_rows(&table.columns()[*column], slots);
        }
    }

    /// What programs read: these rows of the batch, each with the row of the table at its place.
    pub(super) fn frame<'a>(&'a self, batch: &'a Batch, rows: &'a [u32]) -> Frame<'a> {
        Frame {
            results: &self.columns,
            rows: Some(rows),
            len: rows.len(),
            ..batch.frame()
        }
    }
}

/// What is left of a condition.
struct Residual {
    condition: Program,
    beside: Beside,
    /// Candidates.
    piece: Pairs,
}

impl Residual {
    /// Gives on the candidates for which it is TRUE, and forgets all.
    fn flush(&mut self, batch: &Batch, table: &Table, faults: &mut u64, out: &mut impl Takes) {
        let Pairs { rows, slots } = &mut self.piece;
        if rows.is_empty() {
            return;
        }
        self.beside.gather(table, slots);
        let holds = self.condition.eval(&self.beside.frame(batch, rows), faults);
        let Data::Bool(values) = holds.data() else {
            unreachable!("a residual is a condition")
        };
        for (place, (row, slot)) in rows.iter().zip(slots.iter()).enumerate() {
            if values[place] && !holds.is_null(place) {
                out.take(*row, *slot);
            }
        }
        self.piece.clear();
    }
}

/// A condition on a row of a stream and a row of a table.
pub(crate) struct Lookup {
    access: Access,
    /// The values of the columns of `access`, in their order and of their types, from the row of the stream alone.
    keys: Vec<Program>,
    residual: Option<Residual>,
    /// Slots of the keys of a batch.
    found: Vec<Slot>,
    /// Rows of one key.
    sorted: Vec<Slot>,
    faults: u64,
}

impl Lookup {
    /// A condition: `keys` equal the columns of `access`, in their order, and `residual` is TRUE over the `width`
    /// columns of the stream and behind them those of the table, which have these types.
    pub(crate) fn new(
        access: Access,
        keys: Vec<Program>,
        residual: Option<Program>,
        width: usize,
        types: &[Type],
    ) -> Self {
        let residual = residual.map(|condition| Residual {
            beside: Beside::new([&condition], width, types),
            condition,
            piece: Pairs::default(),
        });
        Lookup {
            access,
            keys,
            residual,
            found: Vec::new(),
            sorted: Vec::new(),
            faults: 0,
        }
    }

    /// Whether rows are found by a key.
    pub(crate) fn has_key(&self) -> bool {
        self.access != Access::Scan
    }

    /// The values of the columns of the key. A fault of theirs is counted where rows are looked up.
    pub(crate) fn key_columns<'a>(&'a mut self, batch: &'a Batch) -> SmallVec<[&'a Column; 4]> {
        let frame = batch.frame();
        let keys = self.keys.iter_mut();
        keys.map(|key| key.eval(&frame, &mut 0)).collect()
    }

    /// Value faults so far.
    pub(crate) fn faults(&self) -> u64 {
        self.faults
    }

    /// Appends the pairs of all rows of a batch.
    #[cfg(test)]
    pub(crate) fn candidates(&mut self, batch: &Batch, table: &Table, out: &mut Pairs) {
        let mut row = 0;
        while row < batch.len() {
            row = self.candidates_from(batch, row, table, out);
        }
    }

    /// Appends the pairs of a batch from a row on, about [`PAIRS_MAX`] of them and all of one row; returns the row to
    /// go on with. It begins with row 0. Before it goes on rows of the table may have been deleted, or changed in
    /// columns that the condition does not read.
    pub(crate) fn candidates_from(
        &mut self,
        batch: &Batch,
        row: usize,
        table: &Table,
        out: &mut Pairs,
    ) -> usize {
        if row == 0 {
            self.look_up(batch, table);
        }
        let (mut row, full) = (row, out.rows.len() + PAIRS_MAX);
        if let Some(index) = self.plain(table) {
            // Little is done per row, so that the loads of many are under way at once.
            while row < batch.len() && out.rows.len() < full {
                for slot in index.chains.rows(self.found[row]) {
                    out.push(row as u32, slot);
                }
                row += 1;
            }
            return row;
        }
        while row < batch.len() && out.rows.len() < full {
            let key = self.found.get(row).copied();
            self.offer(RowView { batch, row }, key, table, out);
            row += 1;
        }
        self.flush(batch, table, out);
        row
    }

    /// Appends the rows of the table for one row, in the order of their arrival.
    pub(crate) fn candidates_of(&mut self, view: RowView<'_>, table: &Table, out: &mut Vec<Slot>) {
        self.run_row(view, table, out);
    }

    /// Appends, for each row of a batch, whether the table has a row for it.
    pub(crate) fn exists(&mut self, batch: &Batch, table: &Table, out: &mut Vec<bool>) {
        self.look_up(batch, table);
        if self.plain(table).is_some() {
            // A key that is known has a row.
            return out.extend(self.found.iter().map(|key| *key != Slot::MAX));
        }
        let before = out.len();
        out.resize(before + batch.len(), false);
        let any = &mut Any(&mut out[before..]);
        for row in 0..batch.len() {
            self.offer(
                RowView { batch, row },
                self.found.get(row).copied(),
                table,
                any,
            );
        }
        self.flush(batch, table, any);
    }

    /// Whether the table has a row for one row.
    pub(crate) fn exists_for(&mut self, view: RowView<'_>, table: &Table) -> bool {
        let mut any = First(false);
        self.run_row(view, table, &mut any);
        any.0
    }

    /// Whether it asks for the primary key of a row that is inserted, which its columns are, and nothing else.
    pub(super) fn is_own_key(&self, table: &Table) -> bool {
        let key = |index: &Index| {
            let keys = self.keys.iter().map(Program::as_column);
            keys.eq(index.columns.iter().map(|column| Some(*column)))
        };
        self.residual.is_none()
            && table.has_primary
            && self.access == Access::Key(0)
            && key(&table.indexes[0])
    }

    /// Whether its answers depend on any of these columns of the table.
    pub(super) fn reads(&self, table: &Table, columns: &[usize]) -> bool {
        let by_key = table.index(self.access).is_some_and(|i| i.reads(columns));
        let residual = self.residual.as_ref();
        by_key || residual.is_some_and(|residual| residual.beside.reads(columns))
    }

    /// Leaves in `found` the key of every row.
    fn look_up(&mut self, batch: &Batch, table: &Table) {
        self.found.clear();
        let Some(index) = table.index(self.access) else {
            return;
        };
        let frame = batch.frame();
        let mut columns = SmallVec::<[&Column; 4]>::new();
        for program in &mut self.keys {
            columns.push(program.eval(&frame, &mut self.faults));
        }
        index.chains.find(&columns, batch.len(), &mut self.found);
    }

    /// The index whose chains are the answers as they stand.
    fn plain<'a>(&self, table: &'a Table) -> Option<&'a Index> {
        let index = table.index(self.access)?;
        let is = self.residual.is_none() && table.expiry.is_none() && index.is_ordered;
        is.then_some(index)
    }

    /// Answers what is still open.
    #[inline]
    fn flush(&mut self, batch: &Batch, table: &Table, out: &mut impl Takes) {
        if let Some(residual) = &mut self.residual {
            residual.flush(batch, table, &mut self.faults, out);
        }
    }

    fn run_row(&mut self, view: RowView<'_>, table: &Table, out: &mut impl Takes) {
        let frame = RowFrame::of(view);
        let mut found = None;
        if let Some(index) = table.index(self.access) {
            let faults = &mut self.faults;
            let slot = match &mut self.keys[..] {
                // No list is made of one value.
                [key] => index.chains.find_scalars(&[key.value(&frame, faults)]),
                keys => {
                    let values = keys.iter_mut().map(|key| key.value(&frame, faults));
                    index.chains.find_scalars(&values.collect::<Key<'_>>())
                }
            };
            found = slot.or(Some(Slot::MAX));
        }
        if let (Some(index), Some(key)) = (self.plain(table), found) {
            for slot in index.chains.rows(key) {
                out.take(view.row as u32, slot);
                if out.has_enough(view.row as u32) {
                    return;
                }
            }
            return;
        }
        self.offer(view, found, table, out);
        self.flush(view.batch, table, out);
    }

    /// Offers the rows of a key, or all where there is none, to the residual or to `out`.
    #[inline]
    fn offer(&mut self, view: RowView<'_>, key: Option<Slot>, table: &Table, out: &mut impl Takes) {
        let (chains, key, is_ordered) = match (table.index(self.access), key) {
            (Some(index), Some(key)) => (&index.chains, key, index.is_ordered),
            _ => (&table.order, 0, true),
        };
        let slots = chains.rows(key);
        if is_ordered {
            return self.offer_all(view, slots, table, out);
        }
        let mut sorted = std::mem::take(&mut self.sorted);
        sorted.clear();
        sorted.extend(slots);
        sorted.sort_unstable_by_key(|slot| table.number(*slot));
        self.offer_all(view, sorted.iter().copied(), table, out);
        self.sorted = sorted;
    }

    #[inline]
    fn offer_all(
        &mut self,
        RowView { batch, row }: RowView<'_>,
        slots: impl Iterator<Item = Slot>,
        table: &Table,
        out: &mut impl Takes,
    ) {
        for slot in slots {
            if table.is_over(slot, batch, row) {
                continue;
            }
            match &mut self.residual {
                None => out.take(row as u32, slot),
                Some(residual) => {
                    residual.piece.push(row as u32, slot);
                    if residual.piece.rows.len() < PIECE_ROWS {
                        continue;
                    }
                    residual.flush(batch, table, &mut self.faults, out);
                }
            }
            if out.has_enough(row as u32) {
                return;
            }
        }
    }
}

/// Whether there is any, for one row.
struct First(bool);

impl Takes for First {
    #[inline]
    fn take(&mut self, _row: u32, _slot: Slot) {
        self.0 = true;
    }

    #[inline]
    fn has_enough(&self, _row: u32) -> bool {
        self.0
    }
}

impl StateHolder for Lookup {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        counter(visitor, &mut self.faults);
    }
}
