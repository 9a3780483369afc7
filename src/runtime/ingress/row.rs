//! Rows that come in: anything that can be written into the columns of a batch.

use crate::error::RowError;
use crate::event::{Column, Data, Str, Type, Value};

/// Writes the values of one row, from left to right.
#[derive(Debug)]
pub struct RowWriter<'a> {
    columns: &'a mut [Column],
    next: usize,
    error: Option<RowError>,
}

impl<'a> RowWriter<'a> {
    /// Writes `row` as the last row of the columns; on an error they are as before.
    #[inline]
    pub(crate) fn write<R: Row + ?Sized>(
        columns: &'a mut [Column],
        row: &R,
    ) -> Result<(), RowError> {
        let len = columns.first().map_or(0, Column::len);
        let mut writer = RowWriter {
            columns,
            next: 0,
            error: None,
        };
        row.write(&mut writer);
        match writer.error.is_none() && writer.next == writer.columns.len() {
            true => Ok(()),
            false => Err(writer.undone(len)),
        }
    }

    /// Takes the row out again; what was wrong with it.
    #[cold]
    fn undone(self, len: usize) -> RowError {
        let (expected, found) = (self.columns.len(), self.next);
        self.columns.iter_mut().for_each(|c| c.truncate(len));
        self.error.unwrap_or(RowError::Width { expected, found })
    }

    /// Writes the next value.
    #[inline]
    pub fn field(&mut self, value: &(impl Field + ?Sized)) {
        if let Some(column) = self.columns.get_mut(self.next)
            && self.error.is_none()
            && let Err(error) = value.write(self.next, column)
        {
            self.error = Some(error);
        }
        self.next += 1;
    }
}

/// A row that can be sent: slices, arrays and vectors of [`Value`], and tuples of fields.
///
/// ```
/// use eventflux::{Row, RowWriter};
/// struct Trade { symbol: String, price: f64 }
/// impl Row for Trade {
///     fn write(&self, to: &mut RowWriter<'_>) {
///         to.field(self.symbol.as_str());
///         to.field(&self.price);
///     }
/// }
/// ```
pub trait Row {
    /// Writes all values with [`RowWriter::field`].
    fn write(&self, to: &mut RowWriter<'_>);
}

impl<R: Row + ?Sized> Row for &R {
    #[inline]
    fn write(&self, to: &mut RowWriter<'_>) {
        (**self).write(to);
    }
}

/// A row without values.
impl Row for () {
    #[inline]
    fn write(&self, _to: &mut RowWriter<'_>) {}
}

impl Row for [Value] {
    #[inline]
    fn write(&self, to: &mut RowWriter<'_>) {
        for value in self {
            to.field(value);
        }
    }
}

impl<const N: usize> Row for [Value; N] {
    #[inline]
    fn write(&self, to: &mut RowWriter<'_>) {
        self.as_slice().write(to);
    }
}

impl Row for Vec<Value> {
    #[inline]
    fn write(&self, to: &mut RowWriter<'_>) {
        self.as_slice().write(to);
    }
}

/// A value of a typed row.
pub trait Field {
    /// Appends it to a column; `attribute` is the column's position, for the error.
    fn write(&self, attribute: usize, column: &mut Column) -> Result<(), RowError>;
}

#[inline]
fn push<T>(to: &mut Vec<T>, valid: &mut Vec<bool>, value: T) -> Result<(), RowError> {
    to.push(value);
    if !valid.is_empty() {
        valid.push(true);
    }
    Ok(())
}

#[cold]
fn mismatch(attribute: usize, expected: Type, found: Type) -> Result<(), RowError> {
    Err(RowError::Mismatch {
        attribute,
        expected,
        found,
    })
}

impl Field for bool {
    #[inline]
    fn write(&self, attribute: usize, column: &mut Column) -> Result<(), RowError> {
        match column.parts_mut() {
            (Data::Bool(to), valid) => push(to, valid, *self),
            (other, _) => mismatch(attribute, other.type_of(), Type::Bool),
        }
    }
}

impl Field for i32 {
    #[inline]
    fn write(&self, attribute: usize, column: &mut Column) -> Result<(), RowError> {
        match column.parts_mut() {
            (Data::Int(to), valid) => push(to, valid, *self),
            _ => widened(i64::from(*self), Type::Int, attribute, column),
        }
    }
}

impl Field for i64 {
    #[inline]
    fn write(&self, attribute: usize, column: &mut Column) -> Result<(), RowError> {
        match column.parts_mut() {
            (Data::Long(to), valid) => push(to, valid, *self),
            _ => widened(*self, Type::Long, attribute, column),
        }
    }
}

/// Whole numbers that the language has no type for go where the next wider one of its own goes.
macro_rules! whole_fields {
    ($($rust:ty, $like:ty;)*) => {$(
        impl Field for $rust {
            #[inline]
            fn write(&self, attribute: usize, column: &mut Column) -> Result<(), RowError> {
                <$like>::from(*self).write(attribute, column)
            }
        }
    )*};
}
whole_fields! {
    u8, i32; i8, i32; u16, i32; i16, i32; u32, i64;
}

impl Field for u64 {
    #[inline]
    fn write(&self, attribute: usize, column: &mut Column) -> Result<(), RowError> {
        match i64::try_from(*self) {
            Ok(value) => value.write(attribute, column),
            Err(_) => Err(RowError::TooLarge {
                attribute,
                found: *self,
            }),
        }
    }
}

/// Appends an integer to a column of another type than its own, `of`, which may be wider.
#[inline(never)]
fn widened(value: i64, of: Type, attribute: usize, column: &mut Column) -> Result<(), RowError> {
    match column.parts_mut() {
        (Data::Long(to), valid) => push(to, valid, value),
        (Data::Float(to), valid) => push(to, valid, value as f32),
        (Data::Double(to), valid) => push(to, valid, value as f64),
        (other, _) => mismatch(attribute, other.type_of(), of),
    }
}

impl Field for f32 {
    #[inline]
    fn write(&self, attribute: usize, column: &mut Column) -> Result<(), RowError> {
        if !self.is_finite() {
            return Err(RowError::NotFinite { attribute });
        }
        match column.parts_mut() {
            (Data::Float(to), valid) => push(to, valid, *self + 0.0),
            (Data::Double(to), valid) => push(to, valid, f64::from(*self) + 0.0),
            (other, _) => mismatch(attribute, other.type_of(), Type::Float),
        }
    }
}

impl Field for f64 {
    #[inline]
    fn write(&self, attribute: usize, column: &mut Column) -> Result<(), RowError> {
        if !self.is_finite() {
            return Err(RowError::NotFinite { attribute });
        }
        match column.parts_mut() {
            (Data::Double(to), valid) => push(to, valid, *self + 0.0),
            (other, _) => mismatch(attribute, other.type_of(), Type::Double),
        }
    }
}

impl Field for str {
    #[inline]
    fn write(&self, attribute: usize, column: &mut Column) -> Result<(), RowError> {
        match column.parts_mut() {
            (Data::String(to), valid) => push(to, valid, Str::new(self)),
            (other, _) => mismatch(attribute, other.type_of(), Type::String),
        }
    }
}

impl Field for String {
    #[inline]
    fn write(&self, attribute: usize, column: &mut Column) -> Result<(), RowError> {
        self.as_str().write(attribute, column)
    }
}

impl Field for Str {
    #[inline]
    fn write(&self, attribute: usize, column: &mut Column) -> Result<(), RowError> {
        match column.parts_mut() {
            (Data::String(to), valid) => push(to, valid, self.clone()),
            (other, _) => mismatch(attribute, other.type_of(), Type::String),
        }
    }
}

impl<F: Field + ?Sized> Field for &F {
    #[inline]
    fn write(&self, attribute: usize, column: &mut Column) -> Result<(), RowError> {
        (**self).write(attribute, column)
    }
}

impl<F: Field> Field for Option<F> {
    #[inline]
    fn write(&self, attribute: usize, column: &mut Column) -> Result<(), RowError> {
        match self {
            Some(value) => value.write(attribute, column),
            None => {
                column.push_null();
                Ok(())
            }
        }
    }
}

impl Field for Value {
    #[inline]
    fn write(&self, attribute: usize, column: &mut Column) -> Result<(), RowError> {
        match self {
            Value::Null => {
                column.push_null();
                Ok(())
            }
            Value::Bool(v) => v.write(attribute, column),
            Value::Int(v) => v.write(attribute, column),
            Value::Long(v) => v.write(attribute, column),
            Value::Float(v) => v.write(attribute, column),
            Value::Double(v) => v.write(attribute, column),
            Value::String(v) => v.write(attribute, column),
        }
    }
}

macro_rules! tuple_rows {
    ($($($name:ident)+;)*) => {$(
        impl<$($name: Field),+> Row for ($($name,)+) {
            #[inline]
            fn write(&self, to: &mut RowWriter<'_>) {
                #[allow(non_snake_case, reason = "type parameters name the fields")]
                let ($($name,)+) = self;
                $(to.field($name);)+
            }
        }
    )*};
}
tuple_rows! {
    A; A B; A B C; A B C D; A B C D E; A B C D E F; A B C D E F G; A B C D E F G H; A B C D E F G H I;
    A B C D E F G H I J; A B C D E F G H I J K; A B C D E F G H I J K L;
}
