//! Loops over columns: what an expression node does to its operands, one batch at a time.
//!
//! How: the types are matched once per batch; the loops run over plain slices of one length, so that they vectorise.
//! A constant operand stays one value. NULL positions are computed like the others and set to the type's default
//! after.

pub(super) mod arithmetic;
pub(super) mod cast;
pub(super) mod choice;
pub(super) mod compare;
mod divisor;
pub(super) mod logic;

use crate::event::{Column, Data, Str, Type, Value, each_vec};

/// What a node offers to its parent: a column, or one value for all rows.
#[derive(Clone, Copy)]
pub(super) enum Operand<'a> {
    Column(&'a Column),
    Constant(&'a Value),
}

impl<'a> Operand<'a> {
    /// Whether the row is NULL.
    #[inline]
    pub(super) fn is_null(self, row: usize) -> bool {
        match self {
            Operand::Column(c) => c.is_null(row),
            Operand::Constant(v) => v.is_null(),
        }
    }

    /// Whether all rows are NULL because the constant is.
    #[inline]
    pub(super) fn is_null_constant(self) -> bool {
        matches!(self, Operand::Constant(Value::Null))
    }

    /// The type, `None` for the constant NULL.
    #[inline]
    pub(super) fn type_of(self) -> Option<Type> {
        match self {
            Operand::Column(c) => Some(c.type_of()),
            Operand::Constant(v) => v.type_of(),
        }
    }

    /// The mask of the first `len` rows; empty when none of them is known to be NULL. A constant is taken as not
    /// NULL.
    #[inline]
    pub(super) fn valid(self, len: usize) -> &'a [bool] {
        match self {
            Operand::Column(c) if !c.valid().is_empty() => &c.valid()[..len],
            _ => &[],
        }
    }

    /// The value of a row that is not NULL. Panics when the type is another.
    #[inline]
    pub(super) fn get<T: Native>(self, row: usize) -> &'a T {
        match self {
            Operand::Column(c) => &T::slice(c.data())[row],
            Operand::Constant(v) => T::of(v),
        }
    }

    /// The value of a row.
    pub(super) fn value(self, row: usize) -> Value {
        match self {
            Operand::Column(c) => c.value(row),
            Operand::Constant(v) => v.clone(),
        }
    }

    /// Rows of one type. A constant must not be NULL.
    #[inline]
    pub(super) fn lane<T: Native>(self, len: usize) -> Lane<'a, T> {
        match self {
            Operand::Column(c) => Lane::Slice(&T::slice(c.data())[..len]),
            Operand::Constant(v) => Lane::One(T::of(v)),
        }
    }
}

/// The rows of an operand of known type.
pub(super) enum Lane<'a, T> {
    Slice(&'a [T]),
    One(&'a T),
}

// derived, these would ask for `T: Copy`
impl<T> Clone for Lane<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Lane<'_, T> {}

impl<'a, T> Lane<'a, T> {
    #[inline]
    pub(super) fn at(self, row: usize) -> &'a T {
        match self {
            Lane::Slice(v) => &v[row],
            Lane::One(v) => v,
        }
    }
}

/// A Rust type that a column holds. The binder makes operand types equal, so another type is a bug and panics.
pub(super) trait Native: Sized + Clone + Default + 'static {
    fn slice(data: &Data) -> &[Self];
    fn vec(data: &mut Data) -> &mut Vec<Self>;
    fn of(value: &Value) -> &Self;
}

macro_rules! native {
    ($($rust:ty => $variant:ident),*) => {$(
        impl Native for $rust {
            #[inline]
            fn slice(data: &Data) -> &[Self] {
                match data {
                    Data::$variant(v) => v,
                    other => panic!("a column of type {} read as {}", other.type_of(), stringify!($variant)),
                }
            }
            #[inline]
            fn vec(data: &mut Data) -> &mut Vec<Self> {
                match data {
                    Data::$variant(v) => v,
                    other => panic!("a column of type {} written as {}", other.type_of(), stringify!($variant)),
                }
            }
            #[inline]
            fn of(value: &Value) -> &Self {
                match value {
                    Value::$variant(v) => v,
                    other => panic!("the constant {other:?} read as {}", stringify!($variant)),
                }
            }
        }
    )*};
}
native!(bool => Bool, i32 => Int, i64 => Long, f32 => Float, f64 => Double, Str => String);

/// Makes the column `len` rows of NULL.
pub(super) fn all_null(out: &mut Column, len: usize) {
    out.clear();
    out.extend_value(&Value::Null, len);
}

/// The mask of a strict function of two operands: a row is NULL when either is.
#[inline]
pub(super) fn both_valid(valid: &mut Vec<bool>, a: &[bool], b: &[bool]) {
    valid.clear();
    match (a.is_empty(), b.is_empty()) {
        (true, true) => {}
        (false, true) => valid.extend_from_slice(a),
        (true, false) => valid.extend_from_slice(b),
        (false, false) => valid.extend(a.iter().zip(b).map(|(x, y)| x & y)),
    }
}

/// Sets positions that are NULL to the type's default.
#[inline]
pub(super) fn clear_nulls<T: Default>(values: &mut [T], valid: &[bool]) {
    for (v, ok) in values.iter_mut().zip(valid) {
        if !ok {
            *v = T::default();
        }
    }
}

/// Drops a mask that names no NULL, so that what reads the column skips it.
pub(super) fn trim_mask(out: &mut Column) {
    let (_, valid) = out.parts_mut();
    if !valid.contains(&false) {
        valid.clear();
    }
}

/// Sets `out` to the rows `rows` of `from`.
pub(super) fn gather(out: &mut Column, from: &Column, rows: &[u32]) {
    out.clear();
    out.carry_rows(from, rows);
}

/// Makes the column `len` rows of NULL with a full mask, so that single rows can be written.
pub(super) fn blank(out: &mut Column, len: usize) {
    let (data, valid) = out.parts_mut();
    each_vec!(data, v => {
        v.clear();
        v.resize(len, Default::default());
    });
    valid.clear();
    valid.resize(len, false);
}

/// Writes row `i` of `from` to row `to[i]` of `out`, which has a full mask.
pub(super) fn scatter(out: &mut Column, from: Operand<'_>, to: &[u32]) {
    let (data, valid) = out.parts_mut();
    if from.is_null_constant() {
        return; // rows start as NULL
    }
    each_vec!(data, v => scatter_lane(v, from, to));
    let mask = from.valid(to.len());
    for (i, &t) in to.iter().enumerate() {
        valid[t as usize] = mask.is_empty() || mask[i];
    }
}

fn scatter_lane<T: Native>(out: &mut [T], from: Operand<'_>, to: &[u32]) {
    match from.lane::<T>(to.len()) {
        Lane::Slice(values) => {
            for (v, &t) in values.iter().zip(to) {
                out[t as usize] = v.clone();
            }
        }
        Lane::One(value) => {
            for &t in to {
                out[t as usize] = value.clone();
            }
        }
    }
}
