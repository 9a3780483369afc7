//! Rows that go out as values of the program: the mirror image of [`Row`](crate::Row).

use crate::event::{Column, Str, Type, Value};
use std::fmt;

/// Why a row is not what the program wants to read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldError {
    /// A column has another type, and one that does not widen to what is wanted.
    Type {
        /// Position of the column, from 0.
        column: usize,
        /// Its type.
        found: Type,
        /// What is wanted.
        wanted: &'static str,
    },
    /// A value is NULL, and not wanted as an `Option`.
    Null {
        /// Position of the column, from 0.
        column: usize,
    },
    /// The rows have another number of columns.
    Width {
        /// Columns of the rows.
        columns: usize,
        /// Fields that were read.
        fields: usize,
    },
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldError::Type {
                column,
                found,
                wanted,
            } => write!(f, "column {} is {found}, read as {wanted}", column + 1),
            FieldError::Null { column } => {
                write!(f, "column {} is NULL; read it as an Option", column + 1)
            }
            FieldError::Width { columns, fields } => {
                write!(f, "{fields} fields are read of {columns} columns")
            }
        }
    }
}

impl std::error::Error for FieldError {}

/// Reads the values of one row, from left to right.
pub struct RowReader<'a> {
    columns: &'a [Column],
    row: usize,
    next: usize,
}

impl<'a> RowReader<'a> {
    /// Reads a row of some columns.
    pub(crate) fn read<R: FromRow>(columns: &'a [Column], row: usize) -> Result<R, FieldError> {
        let mut reader = RowReader {
            columns,
            row,
            next: 0,
        };
        let read = R::read(&mut reader)?;
        match reader.next == columns.len() {
            true => Ok(read),
            false => Err(reader.width()),
        }
    }

    /// Reads the next value.
    ///
    /// Errors: it is NULL or of another type, or there is none.
    pub fn field<F: FromField>(&mut self) -> Result<F, FieldError> {
        let column = self.next;
        self.next += 1;
        let Some(from) = self.columns.get(column) else {
            return Err(self.width());
        };
        let value = from.value(self.row);
        match F::of(&value) {
            Some(read) => Ok(read),
            None if value == Value::Null => Err(FieldError::Null { column }),
            None => Err(FieldError::Type {
                column,
                found: from.type_of(),
                wanted: F::NAME,
            }),
        }
    }

    /// How many values are left.
    pub fn left(&self) -> usize {
        self.columns.len().saturating_sub(self.next)
    }

    fn width(&self) -> FieldError {
        FieldError::Width {
            columns: self.columns.len(),
            fields: self.next,
        }
    }
}

/// A row that can be read: vectors of [`Value`], and tuples of fields.
///
/// ```
/// use eventflux::{FieldError, FromRow, RowReader};
/// struct Trade { symbol: String, price: f64 }
/// impl FromRow for Trade {
///     fn read(from: &mut RowReader<'_>) -> Result<Self, FieldError> {
///         Ok(Trade { symbol: from.field()?, price: from.field()? })
///     }
/// }
/// ```
pub trait FromRow: Sized {
    /// Reads all values with [`RowReader::field`].
    fn read(from: &mut RowReader<'_>) -> Result<Self, FieldError>;
}

impl FromRow for Vec<Value> {
    fn read(from: &mut RowReader<'_>) -> Result<Self, FieldError> {
        (0..from.left()).map(|_| from.field()).collect()
    }
}

/// A value that can be read. An INT may be read as a LONG, and each number as a DOUBLE that holds it exactly.
pub trait FromField: Sized {
    /// What it is called in an error.
    const NAME: &'static str;

    /// It, if the value is one.
    fn of(value: &Value) -> Option<Self>;
}

macro_rules! fields {
    ($($rust:ty, $name:literal: $($pattern:pat => $value:expr),+;)*) => {$(
        impl FromField for $rust {
            const NAME: &'static str = $name;

            fn of(value: &Value) -> Option<Self> {
                match value {
                    $($pattern => Some($value),)+
                    _ => None,
                }
            }
        }
    )*};
}
fields! {
    bool, "bool": Value::Bool(v) => *v;
    i32, "i32": Value::Int(v) => *v;
    i64, "i64": Value::Int(v) => i64::from(*v), Value::Long(v) => *v;
    f32, "f32": Value::Float(v) => *v;
    f64, "f64": Value::Int(v) => f64::from(*v), Value::Float(v) => f64::from(*v), Value::Double(v) => *v;
    String, "String": Value::String(v) => v.to_string();
    Str, "Str": Value::String(v) => v.clone();
}

impl FromField for Value {
    const NAME: &'static str = "Value";

    fn of(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

impl<F: FromField> FromField for Option<F> {
    const NAME: &'static str = F::NAME;

    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => F::of(value).map(Some),
        }
    }
}

macro_rules! tuples {
    ($($($name:ident)+;)*) => {$(
        impl<$($name: FromField),+> FromRow for ($($name,)+) {
            fn read(from: &mut RowReader<'_>) -> Result<Self, FieldError> {
                Ok(($(from.field::<$name>()?,)+))
            }
        }
    )*};
}
tuples! {
    A; A B; A B C; A B C D; A B C D E; A B C D E F; A B C D E F G; A B C D E F G H; A B C D E F G H I;
    A B C D E F G H I J; A B C D E F G H I J K; A B C D E F G H I J K L;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_what_they_are_or_widen_to() {
        let mut columns = [
            Column::new(Type::Int),
            Column::new(Type::String),
            Column::new(Type::Float),
        ];
        for (column, value) in
            columns
                .iter_mut()
                .zip([Value::Int(7), Value::from("a"), Value::Float(0.5)])
        {
            assert!(column.push(&value) && column.push(&Value::Null));
        }
        let read = RowReader::read::<(i64, String, f64)>(&columns, 0);
        assert_eq!(read, Ok((7, "a".to_string(), 0.5)));
        let all = RowReader::read::<Vec<Value>>(&columns, 1);
        assert_eq!(all, Ok(vec![Value::Null; 3]));
        let none = RowReader::read::<(Option<i32>, Option<Str>, Option<f32>)>(&columns, 1);
        assert_eq!(none, Ok((None, None, None)));
        let wrong = [
            RowReader::read::<(i64, i64, f64)>(&columns, 0).map(drop),
            RowReader::read::<(i64, String, f64)>(&columns, 1).map(drop),
            RowReader::read::<(i64, String)>(&columns, 0).map(drop),
            RowReader::read::<(i64, String, f64, f64)>(&columns, 0).map(drop),
        ];
        let texts = wrong.map(|w| w.expect_err("it does not fit").to_string());
        assert_eq!(
            texts,
            [
                "column 2 is STRING, read as i64",
                "column 1 is NULL; read it as an Option",
                "2 fields are read of 3 columns",
                "4 fields are read of 3 columns",
            ]
        );
    }
}
