//! One row of a batch, and one value of it: what the row path works on instead of columns.
//!
//! Why: a single row pays the fixed price of everything that is done per batch, which is many times that of its values.
//! It is a view and not a second format, so that whatever has no way for one row can take the batch at any point.

use super::batch::Batch;
use super::column::{Column, Data};
use super::value::{Str, Value};

/// A row of a batch.
#[derive(Clone, Copy)]
pub(crate) struct RowView<'a> {
    pub(crate) batch: &'a Batch,
    pub(crate) row: usize,
}

/// A value that stands somewhere else, where it is a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    Text(&'a Str),
}

impl<'a> From<&'a Value> for Scalar<'a> {
    #[inline]
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Scalar::Null,
            Value::Bool(v) => Scalar::Bool(*v),
            Value::Int(v) => Scalar::Int(*v),
            Value::Long(v) => Scalar::Long(*v),
            Value::Float(v) => Scalar::Float(*v),
            Value::Double(v) => Scalar::Double(*v),
            Value::String(v) => Scalar::Text(v),
        }
    }
}

impl Column {
    /// The value of a row, where it stands.
    #[inline]
    pub(crate) fn scalar(&self, row: usize) -> Scalar<'_> {
        if self.is_null(row) {
            return Scalar::Null;
        }
        if let Some(text) = self.coded_text(row) {
            return Scalar::Text(text);
        }
        match self.data() {
            Data::Bool(v) => Scalar::Bool(v[row]),
            Data::Int(v) => Scalar::Int(v[row]),
            Data::Long(v) => Scalar::Long(v[row]),
            Data::Float(v) => Scalar::Float(v[row]),
            Data::Double(v) => Scalar::Double(v[row]),
            Data::String(v) => Scalar::Text(&v[row]),
        }
    }

    /// Appends a value that is NULL or of this column's type. Panics when the type differs.
    #[inline]
    pub(crate) fn push_scalar(&mut self, value: Scalar<'_>) {
        let (data, valid) = self.parts_mut();
        match (data, value) {
            (Data::Bool(v), Scalar::Bool(x)) => v.push(x),
            (Data::Int(v), Scalar::Int(x)) => v.push(x),
            (Data::Long(v), Scalar::Long(x)) => v.push(x),
            (Data::Float(v), Scalar::Float(x)) => v.push(x),
            (Data::Double(v), Scalar::Double(x)) => v.push(x),
            (Data::String(v), Scalar::Text(x)) => v.push(x.clone()),
            (_, Scalar::Null) => return self.push_null(),
            (data, value) => panic!("a value {value:?} in a column of type {}", data.type_of()),
        }
        if !valid.is_empty() {
            valid.push(true);
        }
    }
}
