//! One dynamic value and its type: what rows are made of at the edge of the engine.
//!
//! Inside, values live in typed columns (`column.rs`); a `Value` appears only where a row enters or leaves.

use smol_str::SmolStr;
use std::cmp::Ordering;
use std::fmt;

/// A string value: up to 23 bytes inline, longer ones shared by reference count.
///
/// Cloning never allocates. Compares by bytes, which for UTF-8 is the order of code points.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Str(SmolStr);

impl Str {
    /// The empty text.
    pub(crate) const EMPTY: Str = Str(SmolStr::new_inline(""));

    /// Makes a string value. Allocates only beyond 23 bytes.
    #[inline]
    pub fn new(text: &str) -> Self {
        Str(SmolStr::new(text))
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl std::ops::Deref for Str {
    type Target = str;
    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Str {
    #[inline]
    fn from(text: &str) -> Self {
        Str::new(text)
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Str(SmolStr::from(text))
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// TRUE or FALSE.
    Bool,
    /// 32-bit signed integer.
    Int,
    /// 64-bit signed integer; TIMESTAMP is a LONG in milliseconds.
    Long,
    /// 32-bit floating point, never NaN or infinite.
    Float,
    /// 64-bit floating point, never NaN or infinite.
    Double,
    /// UTF-8 text.
    String,
}

impl Type {
    /// All of them, for tests.
    #[cfg(test)]
    pub(crate) const ALL: [Type; 6] = [
        Type::Bool,
        Type::Int,
        Type::Long,
        Type::Float,
        Type::Double,
        Type::String,
    ];

    /// The SQL name.
    pub fn name(self) -> &'static str {
        match self {
            Type::Bool => "BOOL",
            Type::Int => "INT",
            Type::Long => "LONG",
            Type::Float => "FLOAT",
            Type::Double => "DOUBLE",
            Type::String => "STRING",
        }
    }

    /// Whether arithmetic is defined on it.
    pub fn is_numeric(self) -> bool {
        matches!(self, Type::Int | Type::Long | Type::Float | Type::Double)
    }

    /// Whether it is INT or LONG.
    pub fn is_integer(self) -> bool {
        matches!(self, Type::Int | Type::Long)
    }

    /// The numeric type both sides promote to: INT < LONG < FLOAT < DOUBLE; `None` unless both are numeric.
    pub fn promote(self, other: Type) -> Option<Type> {
        let rank = |t: Type| match t {
            Type::Int => Some(0),
            Type::Long => Some(1),
            Type::Float => Some(2),
            Type::Double => Some(3),
            Type::Bool | Type::String => None,
        };
        Some(if rank(self)? >= rank(other)? {
            self
        } else {
            other
        })
    }

    /// Whether a value of this type may be stored as `to` by widening only.
    pub fn widens_to(self, to: Type) -> bool {
        self == to || (self.is_numeric() && to.is_numeric() && self.promote(to) == Some(to))
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One value of a row.
///
/// Equality is structural: `Int(1)` differs from `Long(1)`.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// BOOL.
    Bool(bool),
    /// INT.
    Int(i32),
    /// LONG.
    Long(i64),
    /// FLOAT.
    Float(f32),
    /// DOUBLE.
    Double(f64),
    /// STRING.
    String(Str),
}

impl Value {
    /// The type, `None` for NULL.
    pub fn type_of(&self) -> Option<Type> {
        Some(match self {
            Value::Null => return None,
            Value::Bool(_) => Type::Bool,
            Value::Int(_) => Type::Int,
            Value::Long(_) => Type::Long,
            Value::Float(_) => Type::Float,
            Value::Double(_) => Type::Double,
            Value::String(_) => Type::String,
        })
    }

    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Order of values of one type; NULL is the smallest, FALSE < TRUE, strings by code point.
    ///
    /// Values of different types have no order and compare equal; the type checker keeps them apart.
    pub fn order(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => Ordering::Less,
            (_, Value::Null) => Ordering::Greater,
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Long(a), Value::Long(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
            (Value::Double(a), Value::Double(b)) => a.total_cmp(b),
            (Value::String(a), Value::String(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("NULL"),
            Value::Bool(v) => write!(f, "{v}"),
            Value::Int(v) => write!(f, "{v}"),
            Value::Long(v) => write!(f, "{v}"),
            Value::Float(v) => write!(f, "{v:?}"),
            Value::Double(v) => write!(f, "{v:?}"),
            Value::String(v) => write!(f, "{v}"),
        }
    }
}

macro_rules! value_from {
    ($($rust:ty => $variant:ident),*) => {$(
        impl From<$rust> for Value {
            #[inline]
            fn from(v: $rust) -> Self {
                Value::$variant(v.into())
            }
        }
    )*};
}
value_from!(bool => Bool, i32 => Int, i64 => Long, f32 => Float, f64 => Double);
value_from!(&str => String, String => String, Str => String);

impl<T: Into<Value>> From<Option<T>> for Value {
    #[inline]
    fn from(v: Option<T>) -> Self {
        v.map_or(Value::Null, Into::into)
    }
}
