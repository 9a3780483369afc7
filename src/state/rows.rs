//! The rows of all logs of a [`RowLog`](super::RowLog): one slot per row.
//!
//! Why: rows are written in bulk, into columns, so a slot is not a value of its own; and whole ranges are checked at
//! once, so that tracking costs a pass over one byte per row.
//! Form in a checkpoint: the times as words; per column a byte (0: no row is NULL, 1: a byte per row follows, 0 for
//! NULL), then the values: BOOL 1 byte, INT and FLOAT 4, LONG and DOUBLE 8, strings as texts.
//! A row that no log holds any more is not written back: what a checkpoint has there is void, and memory may have
//! something else. So a capture costs the rows written, and a base the whole arena: see `row_log.rs`.

use super::Slot;
use super::holder::private::Slotted;
use super::marks::Marks;
use super::reader::{Reader, put_texts, put_words, word};
use super::section::{Malformed, Slots};
use crate::event::{Batch, Column, Data, Str, Timestamp, Type, each_vec};
use std::ops::Range;

/// Rows that changed before a capture had them.
#[derive(Debug)]
struct HandedOver {
    slots: Vec<Slot>,
    at: Vec<Timestamp>,
    columns: Vec<Column>,
}

/// Rows by number, in columns. All writes go through here, so that a checkpoint sees them.
#[derive(Debug)]
pub(super) struct Rows {
    at: Vec<Timestamp>,
    columns: Vec<Column>,
    marks: Marks,
    handed_over: HandedOver,
    /// Whether a column has strings, which are freed when their row goes.
    texts: bool,
}

fn empty_like(columns: &[Column]) -> Vec<Column> {
    columns.iter().map(|c| Column::new(c.type_of())).collect()
}

impl Rows {
    /// No row yet.
    pub(super) fn new(types: &[Type]) -> Self {
        let columns: Vec<Column> = types.iter().map(|t| Column::new(*t)).collect();
        Rows {
            at: Vec::new(),
            handed_over: HandedOver {
                slots: Vec::new(),
                at: Vec::new(),
                columns: empty_like(&columns),
            },
            columns,
            marks: Marks::default(),
            texts: types.contains(&Type::String),
        }
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.at.len()
    }

    #[inline]
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    #[inline]
    pub(super) fn at(&self) -> &[Timestamp] {
        &self.at
    }

    /// Whether a column has strings.
    #[inline]
    pub(super) fn has_texts(&self) -> bool {
        self.texts
    }

    /// Grows to `len` rows; new ones hold defaults.
    pub(super) fn grow(&mut self, len: usize) {
        self.at.resize(len, Timestamp::default());
        self.columns.iter_mut().for_each(|c| c.grow(len));
        self.marks.grow(len);
    }

    /// Writes a row: row `row` of a batch, with its columns `keep[0], keep[1], …`.
    #[inline]
    pub(super) fn set(
        &mut self,
        to: usize,
        at: Timestamp,
        batch: &Batch,
        keep: &[usize],
        row: usize,
    ) {
        self.touch(to);
        self.at[to] = at;
        for (column, k) in self.columns.iter_mut().zip(keep) {
            column.set_from(to, &batch.columns[*k], row);
        }
    }

    /// Writes a row: row `row` of these columns.
    #[inline]
    pub(super) fn set_columns(&mut self, to: usize, at: Timestamp, from: &[&Column], row: usize) {
        self.touch(to);
        self.at[to] = at;
        for (column, from) in self.columns.iter_mut().zip(from) {
            column.set_from(to, from, row);
        }
    }

    /// Writes rows from `to` on: rows `rows` of a batch.
    #[inline]
    pub(super) fn set_range(
        &mut self,
        to: usize,
        batch: &Batch,
        keep: &[usize],
        rows: Range<usize>,
    ) {
        self.touch_range(to..to + rows.len());
        self.at[to..to + rows.len()].copy_from_slice(&batch.at[rows.clone()]);
        for (column, k) in self.columns.iter_mut().zip(keep) {
            column.copy_range(to, &batch.columns[*k], rows.clone());
        }
    }

    /// Rows leave and others enter, in order: [`Column::turn_over`] of all columns. Those that enter have the time 0.
    pub(super) fn turn_over(
        &mut self,
        places: (&[u32], &[u32]),
        (from, rows): (&[&Column], Range<usize>),
        moved: &mut [Column],
    ) {
        let (leaving, entering) = places;
        for row in leaving.iter().filter(|row| **row != u32::MAX) {
            self.hand_over_needed(*row as usize..*row as usize + 1);
        }
        for row in entering {
            self.touch(*row as usize);
            self.at[*row as usize] = Timestamp::default();
        }
        for ((column, from), moved) in self.columns.iter_mut().zip(from).zip(moved) {
            column.turn_over(places, (from, rows.clone()), moved);
        }
    }

    /// Writes row `to` as a copy of row `from`.
    #[inline]
    pub(super) fn copy(&mut self, from: usize, to: usize) {
        self.touch(to);
        self.at[to] = self.at[from];
        self.columns
            .iter_mut()
            .for_each(|c| c.copy_within(from, to));
    }

    /// No log holds these rows any more: frees their strings.
    pub(super) fn forget(&mut self, rows: Range<usize>) {
        if !self.texts {
            return;
        }
        self.hand_over_needed(rows.clone());
        for row in rows {
            self.columns.iter_mut().for_each(|c| c.forget(row));
        }
    }

    /// No log has these rows in its region any more: sets them to defaults, so that they compress to nothing.
    pub(super) fn void(&mut self, rows: Range<usize>) {
        self.hand_over_needed(rows.clone());
        self.at[rows.clone()].fill(Timestamp::default());
        for column in &mut self.columns {
            let (data, valid) = column.parts_mut();
            each_vec!(data, v => v[rows.clone()].fill(Default::default()));
            if !valid.is_empty() {
                valid[rows.clone()].fill(true);
            }
        }
    }

    /// Rows that go do not count as written, as it does not matter what a capture has of them; but one under way may
    /// need what they held.
    fn hand_over_needed(&mut self, rows: Range<usize>) {
        if self.marks.is_capturing() {
            for row in rows {
                if self.marks.is_needed(row as Slot) {
                    self.touch(row);
                }
            }
        }
    }

    #[inline]
    fn touch(&mut self, row: usize) {
        if self.marks.is_untouched(row as Slot) {
            self.touch_rows(row..row + 1);
        }
    }

    #[inline]
    fn touch_range(&mut self, rows: Range<usize>) {
        if self.marks.any_untouched(rows.clone()) {
            self.touch_rows(rows);
        }
    }

    #[cold]
    fn touch_rows(&mut self, rows: Range<usize>) {
        if !self.marks.is_capturing() {
            return self.marks.touch_all(rows);
        }
        for row in rows {
            if self.marks.touch(row as Slot) {
                self.hand_over(row);
            }
        }
    }

    fn hand_over(&mut self, row: usize) {
        let to = &mut self.handed_over;
        to.slots.push(row as Slot);
        to.at.push(self.at[row]);
        for (to, from) in to.columns.iter_mut().zip(&self.columns) {
            to.push_from(from, row);
        }
    }
}

/// Encoded size of a value of a column, about.
pub(super) fn value_bytes(column: &Column) -> usize {
    match column.type_of() {
        Type::Bool => 1,
        Type::Int | Type::Float => 4,
        Type::Long | Type::Double => 8,
        Type::String => 24,
    }
}

/// Appends the payload of some rows.
fn encode(
    at: &[Timestamp],
    columns: &[Column],
    rows: impl ExactSizeIterator<Item = usize> + Clone,
    out: &mut Vec<u8>,
) {
    put_words(rows.clone().map(|row| at[row].0 as u64), out);
    for column in columns {
        encode_column(column, rows.clone(), out);
    }
}

/// Appends a column's part of a payload.
pub(super) fn encode_column(
    column: &Column,
    rows: impl ExactSizeIterator<Item = usize> + Clone,
    out: &mut Vec<u8>,
) {
    let valid = column.valid();
    let nulls = !valid.is_empty() && rows.clone().any(|row| !valid[row]);
    out.push(u8::from(nulls));
    if nulls {
        out.extend(rows.clone().map(|row| u8::from(valid[row])));
    }
    match column.data() {
        Data::Bool(v) => out.extend(rows.map(|row| u8::from(v[row]))),
        Data::Int(v) => put_halves(rows.map(|row| v[row] as u32), out),
        Data::Float(v) => put_halves(rows.map(|row| v[row].to_bits()), out),
        Data::Long(v) => put_words(rows.map(|row| v[row] as u64), out),
        Data::Double(v) => put_words(rows.map(|row| v[row].to_bits()), out),
        Data::String(v) => put_texts(rows.map(|row| v[row].as_bytes()), out),
    }
}

/// Appends words of four bytes.
fn put_halves(words: impl ExactSizeIterator<Item = u32>, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + words.len() * 4, 0);
    for (to, word) in out[start..].chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
}

/// Word `i` of a column of words of four bytes.
fn half(column: &[u8], i: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&column[i * 4..i * 4 + 4]);
    u32::from_le_bytes(bytes)
}

/// Writes a column's part of a payload to slots, which exist.
pub(super) fn decode_column(
    column: &mut Column,
    slots: &Slots<'_>,
    payload: &mut Reader<'_>,
) -> Result<(), Malformed> {
    let count = slots.len();
    let valid = match payload.bytes(1)?[0] {
        0 => None,
        1 => Some(payload.bytes(count)?),
        _ => return Err(Malformed::new("a flag is neither 0 nor 1")),
    };
    if valid.is_some_and(|valid| valid.iter().any(|v| *v > 1)) {
        return Err(Malformed::new("a validity is neither 0 nor 1"));
    }
    if valid.is_some() {
        column.materialize_valid();
    }
    let (data, mask) = column.parts_mut();
    let is_valid = |place: usize| valid.is_none_or(|valid| valid[place] == 1);
    if !mask.is_empty() {
        (0..count).for_each(|place| mask[slots.get(place) as usize] = is_valid(place));
    }
    /// Writes the values of one type; `$value` reads that at `$place` and returns `None` for nonsense.
    macro_rules! fill {
        ($to:expr, $place:ident => $value:expr) => {
            for $place in 0..count {
                let value = $value.ok_or_else(|| Malformed::new("a value is out of range"))?;
                let value = if is_valid($place) {
                    value
                } else {
                    Default::default()
                };
                $to[slots.get($place) as usize] = value;
            }
        };
    }
    match data {
        Data::Bool(to) => {
            let from = payload.bytes(count)?;
            fill!(to, place => (from[place] <= 1).then_some(from[place] == 1));
        }
        Data::Int(to) => {
            let from = payload.column(count, 4)?;
            fill!(to, place => Some(half(from, place) as i32));
        }
        Data::Float(to) => {
            let from = payload.column(count, 4)?;
            fill!(to, place => Some(f32::from_bits(half(from, place))).filter(|x| x.is_finite()));
        }
        Data::Long(to) => {
            let from = payload.column(count, 8)?;
            fill!(to, place => Some(word(from, place) as i64));
        }
        Data::Double(to) => {
            let from = payload.column(count, 8)?;
            fill!(to, place => Some(f64::from_bits(word(from, place))).filter(|x| x.is_finite()));
        }
        Data::String(to) => {
            let mut from = payload.texts(count)?;
            let mut next = || std::str::from_utf8(from.next()?).ok().map(Str::from);
            fill!(to, _place => next());
        }
    }
    Ok(())
}

impl Slotted for Rows {
    fn layout(&self) -> String {
        let types: Vec<&str> = self.columns.iter().map(|c| c.type_of().name()).collect();
        format!("rows {}", types.join(" "))
    }

    fn slots(&self) -> usize {
        self.at.len()
    }

    fn slot_bytes(&self) -> usize {
        8 + self.columns.iter().map(value_bytes).sum::<usize>()
    }

    fn marks(&mut self) -> &mut Marks {
        &mut self.marks
    }

    fn encode_run(&self, run: Range<Slot>, out: &mut Vec<u8>) {
        let rows = run.start as usize..run.end as usize;
        encode(&self.at, &self.columns, rows, out);
    }

    fn encode_list(&self, slots: &[Slot], out: &mut Vec<u8>) {
        let rows = slots.iter().map(|slot| *slot as usize);
        encode(&self.at, &self.columns, rows, out);
    }

    fn handed_over(&self) -> usize {
        self.handed_over.slots.len()
    }

    fn handed_over_slots(&self, max: usize, slots: &mut Vec<Slot>) {
        let first = self.handed_over.slots.len().saturating_sub(max);
        slots.extend_from_slice(&self.handed_over.slots[first..]);
    }

    fn encode_handed_over(&mut self, count: usize, out: &mut Vec<u8>) {
        let held = &mut self.handed_over;
        let first = held.slots.len() - count;
        encode(&held.at, &held.columns, first..held.slots.len(), out);
        held.slots.truncate(first);
        held.at.truncate(first);
        held.columns.iter_mut().for_each(|c| c.truncate(first));
    }

    fn drop_handed_over(&mut self) {
        self.handed_over = HandedOver {
            slots: Vec::new(),
            at: Vec::new(),
            columns: empty_like(&self.columns),
        };
    }

    fn reset_to(&mut self, slots: usize) {
        self.at.clear();
        self.columns.iter_mut().for_each(Column::clear);
        self.marks = Marks::default();
        self.drop_handed_over();
        self.grow(slots);
    }

    fn decode(&mut self, slots: &Slots<'_>, mut payload: Reader<'_>) -> Result<(), Malformed> {
        let times = payload.column(slots.len(), 8)?;
        for place in 0..slots.len() {
            let slot = slots.get(place) as usize;
            let to = self.at.get_mut(slot);
            *to.ok_or_else(|| Malformed::new(format!("row {slot} does not exist")))? =
                Timestamp(word(times, place) as i64);
        }
        for column in &mut self.columns {
            decode_column(column, slots, &mut payload)?;
        }
        payload.end()
    }
}
