//! One attribute of many rows: a typed vector with an optional validity mask.
//!
//! Why: expressions and operators work on whole columns, so the type is matched once per batch and not once per row.
//! How: a row that is NULL has `false` in the mask and the type's default in the data, so kernels may compute on
//! every position and never branch on NULL. An empty mask means that no row is NULL.

#![expect(
    clippy::clone_on_copy,
    reason = "one body serves all element types, of which strings are not Copy"
)]

use super::dictionary::{Coded, Dictionary, DictionaryError};
use super::row_view::Scalar;
use super::value::{Str, Type, Value};
use std::ops::Range;
use std::sync::Arc;

/// The values of a column, by type.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// BOOL.
    Bool(Vec<bool>),
    /// INT.
    Int(Vec<i32>),
    /// LONG.
    Long(Vec<i64>),
    /// FLOAT.
    Float(Vec<f32>),
    /// DOUBLE.
    Double(Vec<f64>),
    /// STRING.
    String(Vec<Str>),
}

/// Runs an expression for whichever vector a [`Data`] holds.
macro_rules! each_vec {
    ($data:expr, $v:ident => $body:expr) => {
        match $data {
            $crate::event::Data::Bool($v) => $body,
            $crate::event::Data::Int($v) => $body,
            $crate::event::Data::Long($v) => $body,
            $crate::event::Data::Float($v) => $body,
            $crate::event::Data::Double($v) => $body,
            $crate::event::Data::String($v) => $body,
        }
    };
}
/// Runs an expression for two vectors of the same type; panics when the types differ.
macro_rules! each_pair {
    ($a:expr, $b:expr, $x:ident, $y:ident => $body:expr) => {
        match ($a, $b) {
            ($crate::event::Data::Bool($x), $crate::event::Data::Bool($y)) => $body,
            ($crate::event::Data::Int($x), $crate::event::Data::Int($y)) => $body,
            ($crate::event::Data::Long($x), $crate::event::Data::Long($y)) => $body,
            ($crate::event::Data::Float($x), $crate::event::Data::Float($y)) => $body,
            ($crate::event::Data::Double($x), $crate::event::Data::Double($y)) => $body,
            ($crate::event::Data::String($x), $crate::event::Data::String($y)) => $body,
            (a, b) => panic!("columns of types {} and {}", a.type_of(), b.type_of()),
        }
    };
}
pub(crate) use each_vec;

impl Data {
    /// An empty vector of a type.
    pub fn new(ty: Type) -> Self {
        match ty {
            Type::Bool => Data::Bool(Vec::new()),
            Type::Int => Data::Int(Vec::new()),
            Type::Long => Data::Long(Vec::new()),
            Type::Float => Data::Float(Vec::new()),
            Type::Double => Data::Double(Vec::new()),
            Type::String => Data::String(Vec::new()),
        }
    }

    /// The type of the values.
    pub fn type_of(&self) -> Type {
        match self {
            Data::Bool(_) => Type::Bool,
            Data::Int(_) => Type::Int,
            Data::Long(_) => Type::Long,
            Data::Float(_) => Type::Float,
            Data::Double(_) => Type::Double,
            Data::String(_) => Type::String,
        }
    }
}

/// One attribute of many rows.
///
/// Strings may stand in it as codes of a [`Dictionary`], which says the same in less room.
#[derive(Clone, Debug)]
pub struct Column {
    /// Empty where there are codes.
    data: Data,
    /// `valid[row]`; empty when no row is NULL.
    valid: Vec<bool>,
    coded: Option<Box<Coded>>,
}

/// By what they say: codes equal their texts.
impl PartialEq for Column {
    fn eq(&self, other: &Self) -> bool {
        self.valid == other.valid && self.data() == other.data()
    }
}

impl Column {
    /// An empty column.
    pub fn new(ty: Type) -> Self {
        Column {
            data: Data::new(ty),
            valid: Vec::new(),
            coded: None,
        }
    }

    /// A column without NULLs.
    pub fn from_data(data: Data) -> Self {
        Column {
            data,
            valid: Vec::new(),
            coded: None,
        }
    }

    /// A column of strings that are given as codes of a dictionary; [`Dictionary::NULL`] is NULL.
    ///
    /// It is a column like any other: [`Column::data`] and [`Column::value`] give its texts. Send columns with the
    /// same dictionary (the same `Arc`), and a `GROUP BY` on them looks up each text once.
    ///
    /// Errors: a code that is none of the dictionary's, with the first row that has it. Cost: two passes over them.
    pub fn from_codes(
        dictionary: &Arc<Dictionary>,
        codes: Vec<u32>,
    ) -> Result<Self, DictionaryError> {
        let (coded, valid) = Coded::new(dictionary, codes)?;
        Ok(Column {
            data: Data::new(Type::String),
            valid,
            coded: Some(Box::new(coded)),
        })
    }

    /// The dictionary and the code of each row, where the column has codes: as it was made from some, or a query has
    /// passed on such a column as it came. Rows that are NULL have [`Dictionary::NULL`].
    #[inline]
    pub fn codes(&self) -> Option<(&Arc<Dictionary>, &[u32])> {
        self.coded.as_ref()?.codes()
    }

    /// The text of a row, where the column has codes; that of NULL is `None`.
    #[inline]
    pub(super) fn coded_text(&self, row: usize) -> Option<&Str> {
        let (dictionary, codes) = self.codes()?;
        dictionary.text(codes[row])
    }

    /// The values, to be written: no codes are left.
    #[inline]
    fn plain(&mut self) -> &mut Data {
        self.parts_mut().0
    }

    /// Number of rows.
    #[inline]
    pub fn len(&self) -> usize {
        match self.codes() {
            None => each_vec!(&self.data, v => v.len()),
            Some((_, codes)) => codes.len(),
        }
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of its values.
    #[inline]
    pub fn type_of(&self) -> Type {
        self.data.type_of()
    }

    /// The values; positions that are NULL hold the type's default. Codes are decoded when this is called first.
    #[inline]
    pub fn data(&self) -> &Data {
        let decoded = self.coded.as_ref().and_then(|coded| coded.data());
        decoded.unwrap_or(&self.data)
    }

    /// The validity mask: one flag per row, or empty when no row is NULL.
    #[inline]
    pub fn valid(&self) -> &[bool] {
        &self.valid
    }

    /// Whether the row is NULL.
    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        !self.valid.is_empty() && !self.valid[row]
    }

    /// Values and mask, to be written together by a kernel.
    ///
    /// The writer leaves both of one length, or the mask empty, and defaults where the mask is false.
    #[inline]
    pub(crate) fn parts_mut(&mut self) -> (&mut Data, &mut Vec<bool>) {
        if let Some(coded) = &mut self.coded {
            coded.leave_texts(&mut self.data);
        }
        (&mut self.data, &mut self.valid)
    }

    /// Removes all rows; keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        if let Some(coded) = &mut self.coded {
            coded.clear();
        }
        each_vec!(&mut self.data, v => v.clear());
        self.valid.clear();
    }

    /// The value of a row.
    pub fn value(&self, row: usize) -> Value {
        if self.is_null(row) {
            return Value::Null;
        }
        if let Some(text) = self.coded_text(row) {
            return Value::String(text.clone());
        }
        match &self.data {
            Data::Bool(v) => Value::Bool(v[row]),
            Data::Int(v) => Value::Int(v[row]),
            Data::Long(v) => Value::Long(v[row]),
            Data::Float(v) => Value::Float(v[row]),
            Data::Double(v) => Value::Double(v[row]),
            Data::String(v) => Value::String(v[row].clone()),
        }
    }

    /// Appends a value that is NULL or of this column's type.
    ///
    /// Returns false, and appends nothing, when the type differs.
    #[inline]
    pub fn push(&mut self, value: &Value) -> bool {
        match (self.plain(), value) {
            (Data::Bool(v), Value::Bool(x)) => v.push(*x),
            (Data::Int(v), Value::Int(x)) => v.push(*x),
            (Data::Long(v), Value::Long(x)) => v.push(*x),
            (Data::Float(v), Value::Float(x)) => v.push(*x),
            (Data::Double(v), Value::Double(x)) => v.push(*x),
            (Data::String(v), Value::String(x)) => v.push(x.clone()),
            (_, Value::Null) => {
                self.push_null();
                return true;
            }
            _ => return false,
        }
        if !self.valid.is_empty() {
            self.valid.push(true);
        }
        true
    }

    /// Appends NULL.
    pub fn push_null(&mut self) {
        self.materialize_valid();
        each_vec!(self.plain(), v => v.push(Default::default()));
        self.valid.push(false);
    }

    /// Gives the mask its full length, so that single positions can be written.
    pub(crate) fn materialize_valid(&mut self) {
        if self.valid.is_empty() {
            self.valid.resize(self.len(), true);
        }
    }

    /// Keeps the first `len` rows.
    pub fn truncate(&mut self, len: usize) {
        each_vec!(self.plain(), v => v.truncate(len));
        self.valid.truncate(len);
    }

    /// Appends row `row` of `from`. Panics when the types differ.
    #[inline]
    pub fn push_from(&mut self, from: &Column, row: usize) {
        if self.valid.is_empty() && from.valid.is_empty() {
            // What most columns are; numbers have no codes.
            match (&mut self.data, &from.data) {
                (Data::Long(to), Data::Long(v)) => return to.push(v[row]),
                (Data::Double(to), Data::Double(v)) => return to.push(v[row]),
                _ => {}
            }
        }
        self.push_any_from(from, row);
    }

    fn push_any_from(&mut self, from: &Column, row: usize) {
        if from.is_null(row) {
            return self.push_null();
        }
        match from.coded_text(row) {
            Some(text) => self.push_text(text),
            None => each_pair!(self.plain(), &from.data, to, v => to.push(v[row].clone())),
        }
        if !self.valid.is_empty() {
            self.valid.push(true);
        }
    }

    /// Appends rows `range` of `from`. Panics when the types differ.
    pub fn extend_range(&mut self, from: &Column, range: Range<usize>) {
        let before = self.len();
        match from.codes() {
            Some((dictionary, codes)) => {
                let codes = codes[range.clone()].iter();
                self.extend_texts(codes.map(|code| dictionary.text_or_empty(*code)));
            }
            None => {
                each_pair!(self.plain(), &from.data, to, v => to.extend_from_slice(&v[range.clone()]))
            }
        }
        self.extend_valid(before, from, |valid| valid[range].iter().copied());
    }

    /// Appends rows of several columns of this type. `order`: column and row of each; `from`: the columns by number, so
    /// many as `count` says. Panics when types differ.
    pub(crate) fn extend_among<'a>(
        &mut self,
        order: &[(u32, u32)],
        count: u32,
        from: impl Fn(u32) -> &'a Column,
    ) {
        let before = self.len();
        if (0..count).any(|n| from(n).coded.is_some()) {
            return order
                .iter()
                .for_each(|(n, row)| self.push_from(from(*n), *row as usize));
        }
        each_vec!(self.plain(), to => extend_among(to, order, &from));
        if !self.valid.is_empty() || (0..count).any(|n| !from(n).valid.is_empty()) {
            self.valid.resize(before, true);
            let valid = |(n, row): &(u32, u32)| !from(*n).is_null(*row as usize);
            self.valid.extend(order.iter().map(valid));
        }
    }

    /// Appends the rows of `from` that `rows` names, in that order. Panics when the types differ.
    pub fn extend_rows(&mut self, from: &Column, rows: &[u32]) {
        let before = self.len();
        match from.codes() {
            Some((dictionary, codes)) => {
                let codes = rows.iter().map(|&r| codes[r as usize]);
                self.extend_texts(codes.map(|code| dictionary.text_or_empty(code)));
            }
            None => each_pair!(self.plain(), &from.data, to, v => {
                to.extend(rows.iter().map(|&r| v[r as usize].clone()));
            }),
        }
        self.extend_valid(before, from, |valid| {
            rows.iter().map(|&r| valid[r as usize])
        });
    }

    /// As [`Column::extend_range`]; codes stay codes where this column has no other rows. Not for what lasts: codes
    /// hold their dictionary.
    pub(crate) fn carry_range(&mut self, from: &Column, range: Range<usize>) {
        let before = self.len();
        match self.room_for_codes(from) {
            None => self.extend_range(from, range),
            Some((to, codes)) => {
                to.extend_from_slice(&codes[range.clone()]);
                self.extend_valid(before, from, |valid| valid[range].iter().copied());
            }
        }
    }

    /// As [`Column::extend_rows`]; see [`Column::carry_range`].
    pub(crate) fn carry_rows(&mut self, from: &Column, rows: &[u32]) {
        let before = self.len();
        match self.room_for_codes(from) {
            None => self.extend_rows(from, rows),
            Some((to, codes)) => {
                to.extend(rows.iter().map(|&r| codes[r as usize]));
                self.extend_valid(before, from, |valid| {
                    rows.iter().map(|&r| valid[r as usize])
                });
            }
        }
    }

    /// The codes of this column, to be appended to, and those of `from`, where these can follow those.
    #[inline]
    fn room_for_codes<'f>(&mut self, from: &'f Column) -> Option<(&mut Vec<u32>, &'f [u32])> {
        let (dictionary, codes) = from.codes()?;
        if self.is_empty() && self.type_of() == Type::String {
            self.coded.get_or_insert_default().begin(dictionary);
        }
        Some((self.coded.as_mut()?.codes_of(dictionary)?, codes))
    }

    /// Appends texts; of those that are NULL the mask is still to be told.
    fn extend_texts<'t>(&mut self, texts: impl Iterator<Item = &'t Str>) {
        match self.plain() {
            Data::String(to) => to.extend(texts.cloned()),
            data => panic!("columns of types {} and {}", data.type_of(), Type::String),
        }
    }

    /// As [`Column::extend_texts`], of one.
    fn push_text(&mut self, text: &Str) {
        self.extend_texts(std::iter::once(text));
    }

    /// Tells which of the rows behind the first `before` are NULL: those that are in `from`.
    fn extend_valid<'f, I: Iterator<Item = bool>>(
        &mut self,
        before: usize,
        from: &'f Column,
        of: impl FnOnce(&'f [bool]) -> I,
    ) {
        if from.valid.is_empty() {
            if !self.valid.is_empty() {
                self.valid.resize(self.len(), true);
            }
        } else {
            if self.valid.is_empty() {
                self.valid.resize(before, true);
            }
            self.valid.extend(of(&from.valid));
        }
    }

    /// As [`Column::extend_rows`], with NULL for a row of `u32::MAX`.
    pub(crate) fn extend_or_null(&mut self, from: &Column, rows: &[u32]) {
        if !rows.contains(&u32::MAX) {
            return self.extend_rows(from, rows);
        }
        self.materialize_valid();
        for row in rows {
            match *row {
                u32::MAX => self.push_null(),
                row => self.push_from(from, row as usize),
            }
        }
    }

    /// Appends one value `count` times. Panics when the types differ.
    pub fn extend_value(&mut self, value: &Value, count: usize) {
        let len = self.len() + count;
        let (data, valid) = self.parts_mut();
        match (data, value) {
            (Data::Bool(v), Value::Bool(x)) => v.resize(len, *x),
            (Data::Int(v), Value::Int(x)) => v.resize(len, *x),
            (Data::Long(v), Value::Long(x)) => v.resize(len, *x),
            (Data::Float(v), Value::Float(x)) => v.resize(len, *x),
            (Data::Double(v), Value::Double(x)) => v.resize(len, *x),
            (Data::String(v), Value::String(x)) => v.resize(len, x.clone()),
            (data, Value::Null) => {
                if valid.is_empty() {
                    valid.resize(len - count, true);
                }
                each_vec!(data, v => v.resize(len, Default::default()));
                valid.resize(len, false);
                return;
            }
            (data, value) => panic!("a value {value:?} in a column of type {}", data.type_of()),
        }
        if !valid.is_empty() {
            valid.resize(len, true);
        }
    }

    /// Appends, for every pair of rows, first that of `a` and then that of `b`. Panics when types or lengths differ.
    pub(crate) fn extend_pairs(
        &mut self,
        a: &Column,
        a_rows: std::ops::Range<usize>,
        b: &Column,
        b_rows: std::ops::Range<usize>,
    ) {
        assert_eq!(a_rows.len(), b_rows.len(), "pairs have two sides");
        if !a.valid.is_empty() || !b.valid.is_empty() || !self.valid.is_empty() {
            for (x, y) in a_rows.zip(b_rows) {
                self.push_from(a, x);
                self.push_from(b, y);
            }
            return;
        }
        each_pair!(self.plain(), a.data(), to, v => extend_pairs(to, &v[a_rows], &b.slice_like(v)[b_rows]));
    }

    /// Overwrites row `to` with row `row` of `from`. Panics when the types differ or `to` is past the end.
    #[inline]
    pub(crate) fn set_from(&mut self, to: usize, from: &Column, row: usize) {
        if self.valid.is_empty() && from.valid.is_empty() {
            // As in `push_from`.
            match (&mut self.data, &from.data) {
                (Data::Long(v), Data::Long(w)) => return v[to] = w[row],
                (Data::Double(v), Data::Double(w)) => return v[to] = w[row],
                _ => {}
            }
        }
        self.set_any_from(to, from, row);
    }

    fn set_any_from(&mut self, to: usize, from: &Column, row: usize) {
        let null = from.is_null(row);
        if null {
            self.materialize_valid();
        }
        match (from.coded_text(row), self.plain()) {
            (Some(text), Data::String(v)) => v[to] = text.clone(),
            (_, data) => each_pair!(data, from.data(), v, w => v[to] = w[row].clone()),
        }
        if !self.valid.is_empty() {
            self.valid[to] = !null;
        }
    }

    /// Overwrites rows from `to` on with rows `rows` of `from`. Panics when the types differ or the end is passed.
    pub(crate) fn copy_range(&mut self, to: usize, from: &Column, rows: std::ops::Range<usize>) {
        let end = to + rows.len();
        each_pair!(self.plain(), from.data(), v, w => v[to..end].clone_from_slice(&w[rows.clone()]));
        if !from.valid.is_empty() {
            self.materialize_valid();
            self.valid[to..end].copy_from_slice(&from.valid[rows]);
        } else if !self.valid.is_empty() {
            self.valid[to..end].fill(true);
        }
    }

    /// Overwrites row `to[i]` with row `rows[i]`, or `i`, of `from`, for all `i` in order; `to` is within the column.
    pub(crate) fn scatter(&mut self, to: &[u32], from: &Column, rows: Option<&[u32]>) {
        if !from.valid.is_empty() || !self.valid.is_empty() {
            for (i, to) in to.iter().enumerate() {
                self.set_from(*to as usize, from, rows.map_or(i, |r| r[i] as usize));
            }
            return;
        }
        each_pair!(self.plain(), from.data(), v, w => match rows {
            Some(rows) => to.iter().zip(rows).for_each(|(to, row)| v[*to as usize] = w[*row as usize].clone()),
            None => to.iter().zip(w).for_each(|(to, value)| v[*to as usize] = value.clone()),
        });
    }

    /// Rows leave and others enter, in order: for each `i`, row `leaving[i]`, where there is such a row, is appended to
    /// `moved` and forgotten; then row `i` of `rows` of `from` is written to `entering[i]` and appended to `moved`.
    ///
    /// # Panics
    /// Where types differ, a column has NULLs, or a row enters past the end.
    pub(crate) fn turn_over(
        &mut self,
        (leaving, entering): (&[u32], &[u32]),
        (from, rows): (&Column, std::ops::Range<usize>),
        moved: &mut Column,
    ) {
        let plain = [&self.valid, &from.valid, &moved.valid];
        let plain = plain.iter().all(|valid| valid.is_empty());
        assert!(plain, "columns with NULLs turn over value by value");
        each_pair!(self.plain(), from.data(), held, values => {
            turn_over(held, (leaving, entering), &values[rows], moved.plain());
        });
    }

    /// Overwrites row `to` with row `row` of this column.
    pub(crate) fn copy_within(&mut self, row: usize, to: usize) {
        each_vec!(self.plain(), v => v[to] = v[row].clone());
        if !self.valid.is_empty() {
            self.valid[to] = self.valid[row];
        }
    }

    /// Whether all numbers are finite.
    pub(crate) fn is_finite(&self) -> bool {
        match &self.data {
            Data::Float(v) => v.iter().all(|x| x.is_finite()),
            Data::Double(v) => v.iter().all(|x| x.is_finite()),
            _ => true,
        }
    }

    /// Order of two rows: NULL first, FALSE < TRUE, strings by code point.
    pub(crate) fn order(&self, a: usize, b: usize) -> std::cmp::Ordering {
        match (self.is_null(a), self.is_null(b)) {
            (true, true) => std::cmp::Ordering::Equal,
            (true, false) => std::cmp::Ordering::Less,
            (false, true) => std::cmp::Ordering::Greater,
            (false, false) => match self.data() {
                Data::Bool(v) => v[a].cmp(&v[b]),
                Data::Int(v) => v[a].cmp(&v[b]),
                Data::Long(v) => v[a].cmp(&v[b]),
                Data::Float(v) => v[a].total_cmp(&v[b]),
                Data::Double(v) => v[a].total_cmp(&v[b]),
                Data::String(v) => v[a].cmp(&v[b]),
            },
        }
    }

    /// Leaves in `out` a number per row: where two of them differ, they are ordered as [`Column::order`] orders the
    /// rows.
    pub(crate) fn ranks(&self, out: &mut Vec<u64>) {
        const SIGN: u64 = 1 << 63;
        let double = |x: f64| match x.to_bits() {
            bits if bits & SIGN == 0 => bits | SIGN,
            bits => !bits,
        };
        let text = |x: &Str| {
            let (bytes, mut first) = (x.as_bytes(), [0; 8]);
            let len = bytes.len().min(8);
            first[..len].copy_from_slice(&bytes[..len]);
            u64::from_be_bytes(first)
        };
        out.clear();
        match self.data() {
            Data::Bool(v) => out.extend(v.iter().map(|x| u64::from(*x))),
            Data::Int(v) => out.extend(v.iter().map(|x| *x as i64 as u64 ^ SIGN)),
            Data::Long(v) => out.extend(v.iter().map(|x| *x as u64 ^ SIGN)),
            Data::Float(v) => out.extend(v.iter().map(|x| double(f64::from(*x)))),
            Data::Double(v) => out.extend(v.iter().map(|x| double(*x))),
            Data::String(v) => out.extend(v.iter().map(text)),
        }
        for (rank, ok) in out.iter_mut().zip(&self.valid) {
            if !ok {
                *rank = 0;
            }
        }
    }

    /// The values as a slice of the element type of `_like`. Panics when the types differ.
    fn slice_like<T: ColumnValue>(&self, _like: &[T]) -> &[T] {
        T::slice(self.data()).expect("columns of one attribute have one type")
    }

    /// Sets a row to the type's default, which frees what a long string held.
    pub(crate) fn forget(&mut self, row: usize) {
        if let Data::String(v) = self.plain() {
            v[row] = Str::default();
        }
    }

    /// Grows to `len` rows of default values that are not NULL.
    pub(crate) fn grow(&mut self, len: usize) {
        each_vec!(self.plain(), v => v.resize(len, Default::default()));
        if !self.valid.is_empty() {
            self.valid.resize(len, true);
        }
    }
}

/// See [`Column::extend_among`].
fn extend_among<'a, T: ColumnValue>(
    to: &mut Vec<T>,
    order: &[(u32, u32)],
    from: impl Fn(u32) -> &'a Column,
) {
    let value = |(n, row): &(u32, u32)| {
        let values = T::slice(from(*n).data()).expect("columns of one attribute have one type");
        values[*row as usize].clone()
    };
    to.extend(order.iter().map(value));
}

/// See [`Column::turn_over`].
fn turn_over<T: ColumnValue>(
    held: &mut [T],
    (leaving, entering): (&[u32], &[u32]),
    values: &[T],
    moved: &mut Data,
) {
    let rows = leaving.iter().zip(entering).zip(values);
    let moved = T::vec(moved).expect("columns of one attribute have one type");
    moved.reserve(2 * values.len());
    for ((leaves, enters), value) in rows {
        if let Some(left) = held.get_mut(*leaves as usize) {
            moved.push(std::mem::take(left));
        }
        held[*enters as usize] = value.clone();
        moved.push(value.clone());
    }
}

/// Appends, for every pair, first that of `a` and then that of `b`.
#[inline]
pub(crate) fn extend_pairs<T: Clone + Default>(to: &mut Vec<T>, a: &[T], b: &[T]) {
    let start = to.len();
    to.resize(start + 2 * a.len(), T::default());
    for (pair, (x, y)) in to[start..].chunks_exact_mut(2).zip(a.iter().zip(b)) {
        pair[0].clone_from(x);
        pair[1].clone_from(y);
    }
}

/// The types of the values that columns hold.
pub(crate) trait ColumnValue: Clone + Default + Send + 'static {
    /// The values, when they are of this type.
    fn slice(data: &Data) -> Option<&[Self]>;
    /// The values, to be written, when they are of this type.
    fn vec(data: &mut Data) -> Option<&mut Vec<Self>>;
    /// The value, when it is of this type and not NULL.
    fn of_scalar<'a>(value: &'a Scalar<'_>) -> Option<&'a Self>;
}

macro_rules! element {
    ($($rust:ty => $variant:ident, $scalar:ident),*) => {$(
        impl ColumnValue for $rust {
            #[inline]
            fn slice(data: &Data) -> Option<&[Self]> {
                if let Data::$variant(v) = data { Some(v) } else { None }
            }
            #[inline]
            fn vec(data: &mut Data) -> Option<&mut Vec<Self>> {
                if let Data::$variant(v) = data { Some(v) } else { None }
            }
            #[inline]
            fn of_scalar<'a>(value: &'a Scalar<'_>) -> Option<&'a Self> {
                if let Scalar::$scalar(v) = value { Some(v) } else { None }
            }
        }
    )*};
}
element!(bool => Bool, Bool, i32 => Int, Int, i64 => Long, Long, f32 => Float, Float, f64 => Double, Double,
    Str => String, Text);
