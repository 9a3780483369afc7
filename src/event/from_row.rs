//! Rows that go out as values of the program: the mirror image of
//! [`Row`](trait@crate::Row).

use super::{Column, Str, Type, Value};
use std::fmt;

/// Why a row is not what the program wants to read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldError {
    /// A column has another type, and one that does not widen to what is wanted.
    Type {
        /// Position of the column, from 0.
        column: usize,
        /// The field, where it has a name.
        field: Option<&'static str>,
        /// Its type.
        found: Type,
        /// What is wanted.
        wanted: &'static str,
    },
    /// A whole number does not fit what is wanted.
    Range {
        /// Position of the column, from 0.
        column: usize,
        /// The field, where it has a name.
        field: Option<&'static str>,
        /// The number.
        found: i64,
        /// What is wanted.
        wanted: &'static str,
    },
    /// A value is NULL, and not wanted as an `Option`.
    Null {
        /// Position of the column, from 0.
        column: usize,
        /// The field, where it has a name.
        field: Option<&'static str>,
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
                field,
                found,
                wanted,
            } => write!(f, "{} is {found}, read as {wanted}", Place(*column, *field)),
            FieldError::Range {
                column,
                field,
                found,
                wanted,
            } => write!(f, "{} is {found}, read as {wanted}", Place(*column, *field)),
            FieldError::Null { column, field } => {
                write!(
                    f,
                    "{} is NULL; read it as an Option",
                    Place(*column, *field)
                )
            }
            FieldError::Width { columns, fields } => {
                write!(f, "{fields} fields are read of {columns} columns")
            }
        }
    }
}

impl std::error::Error for FieldError {}

/// A column, and the field that is read from it.
struct Place(usize, Option<&'static str>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}", self.0 + 1)?;
        match self.1 {
            Some(field) => write!(f, ", field '{field}',"),
            None => Ok(()),
        }
    }
}

/// Reads the values of one row, from left to right.
#[derive(Debug)]
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
        self.read_field(None)
    }

    /// Reads the next value for a field of this name, by which errors tell it.
    ///
    /// Errors: as [`RowReader::field`].
    pub fn named<F: FromField>(&mut self, field: &'static str) -> Result<F, FieldError> {
        self.read_field(Some(field))
    }

    #[inline]
    fn read_field<F: FromField>(&mut self, field: Option<&'static str>) -> Result<F, FieldError> {
        let column = self.next;
        self.next += 1;
        let Some(from) = self.columns.get(column) else {
            return Err(self.width());
        };
        let value = from.value(self.row);
        match F::of(&value) {
            Some(read) => Ok(read),
            None => Err(misfit::<F>(column, field, from.type_of(), &value)),
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

/// Why a value was not read.
#[cold]
fn misfit<F: FromField>(
    column: usize,
    field: Option<&'static str>,
    found: Type,
    value: &Value,
) -> FieldError {
    let wanted = F::NAME;
    let number = match value {
        Value::Null => return FieldError::Null { column, field },
        Value::Int(v) if F::WHOLE => i64::from(*v),
        Value::Long(v) if F::WHOLE => *v,
        _ => {
            return FieldError::Type {
                column,
                field,
                found,
                wanted,
            };
        }
    };
    FieldError::Range {
        column,
        field,
        found: number,
        wanted,
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
    /// Reads all values with [`RowReader::field`] or [`RowReader::named`].
    fn read(from: &mut RowReader<'_>) -> Result<Self, FieldError>;
}

impl FromRow for Vec<Value> {
    fn read(from: &mut RowReader<'_>) -> Result<Self, FieldError> {
        (0..from.left()).map(|_| from.field()).collect()
    }
}

/// A value that can be read. An INT may be read as a LONG, each number as a DOUBLE that holds it exactly, and a whole
/// number as one of Rust's other types where it fits.
pub trait FromField: Sized {
    /// What it is called in an error.
    const NAME: &'static str;

    /// Whether it is a whole number that is read of any column of whole numbers, where the value fits.
    const WHOLE: bool = false;

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

/// Whole numbers that the language has no type for.
macro_rules! whole_fields {
    ($($rust:ty, $name:literal;)*) => {$(
        impl FromField for $rust {
            const NAME: &'static str = $name;
            const WHOLE: bool = true;

            fn of(value: &Value) -> Option<Self> {
                match value {
                    Value::Int(v) => (*v).try_into().ok(),
                    Value::Long(v) => (*v).try_into().ok(),
                    _ => None,
                }
            }
        }
    )*};
}
whole_fields! {
    u8, "u8"; u16, "u16"; u32, "u32"; u64, "u64"; i8, "i8"; i16, "i16";
}

impl FromField for Value {
    const NAME: &'static str = "Value";

    fn of(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

impl<F: FromField> FromField for Option<F> {
    const NAME: &'static str = F::NAME;
    const WHOLE: bool = F::WHOLE;

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
    fn whole_numbers_are_read_as_what_they_fit() {
        let mut columns = [Column::new(Type::Int), Column::new(Type::Long)];
        for (int, long) in [(255, i64::MAX), (-1, -129)] {
            assert!(columns[0].push(&Value::Int(int)));
            assert!(columns[1].push(&Value::Long(long)));
        }
        let read = RowReader::read::<(u8, u64)>(&columns, 0);
        assert_eq!(read, Ok((255, i64::MAX as u64)));
        let texts = [
            RowReader::read::<(u8, u64)>(&columns, 1).map(drop),
            RowReader::read::<(i8, u64)>(&columns, 1).map(drop),
            RowReader::read::<(i16, i8)>(&columns, 1).map(drop),
            RowReader::read::<(i32, i32)>(&columns, 1).map(drop),
            RowReader::read::<(u32, String)>(&columns, 0).map(drop),
        ];
        let texts = texts.map(|w| w.expect_err("it does not fit").to_string());
        assert_eq!(
            texts,
            [
                "column 1 is -1, read as u8",
                "column 2 is -129, read as u64",
                "column 2 is -129, read as i8",
                "column 2 is LONG, read as i32",
                "column 2 is LONG, read as String",
            ]
        );
    }

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
