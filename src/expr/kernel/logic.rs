//! Three-valued AND, OR, NOT and IS NULL, and the selection of TRUE rows.
//!
//! How: a NULL row holds `false` in the data, so TRUE is `data`, NULL is `!valid`, and FALSE is `valid & !data`.

use super::{Native, Operand};
use crate::event::Column;

/// The operator that joins several conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Junction {
    And,
    Or,
}

impl Junction {
    /// One row: values and whether they are valid.
    #[inline(always)]
    pub(crate) fn join(self, a: (bool, bool), b: (bool, bool)) -> (bool, bool) {
        match self {
            Junction::And => {
                let value = a.0 & b.0;
                (value, value | (a.1 & !a.0) | (b.1 & !b.0))
            }
            Junction::Or => {
                let value = a.0 | b.0;
                (value, value | (a.1 & b.1))
            }
        }
    }

    /// Whether a row that has this value needs no further condition.
    #[inline]
    pub(crate) fn decided(self, value: bool, valid: bool) -> bool {
        valid && value == (self == Junction::Or)
    }
}

/// Sets `out` to a condition.
pub(crate) fn assign(out: &mut Column, from: Operand<'_>, len: usize) {
    out.clear();
    match from {
        Operand::Column(c) => out.extend_range(c, 0..len),
        Operand::Constant(v) => out.extend_value(v, len),
    }
}

/// Joins a condition to `out`, row by row.
pub(crate) fn join(op: Junction, out: &mut Column, with: Operand<'_>, len: usize) {
    if let Operand::Column(c) = with
        && c.valid().is_empty()
        && out.valid().is_empty()
    {
        let values = bool::vec(out.parts_mut().0);
        let pairs = values.iter_mut().zip(&bool::slice(c.data())[..len]);
        match op {
            Junction::And => pairs.for_each(|(a, b)| *a &= b),
            Junction::Or => pairs.for_each(|(a, b)| *a |= b),
        }
        return;
    }
    out.materialize_valid();
    let (data, valid) = out.parts_mut();
    for (i, (v, ok)) in bool::vec(data).iter_mut().zip(valid).enumerate() {
        (*v, *ok) = op.join((*v, *ok), truth(with, i));
    }
}

/// Joins row `i` of a condition to row `at[i]` of `out`.
pub(crate) fn join_at(op: Junction, out: &mut Column, with: Operand<'_>, at: &[u32]) {
    out.materialize_valid();
    let (data, valid) = out.parts_mut();
    let values = bool::vec(data);
    for (i, &at) in at.iter().enumerate() {
        let at = at as usize;
        (values[at], valid[at]) = op.join((values[at], valid[at]), truth(with, i));
    }
}

/// Appends the rows of `out` that a further condition could still change.
pub(crate) fn undecided(op: Junction, out: &Column, rows: &mut Vec<u32>) {
    let valid = out.valid();
    for (i, &v) in bool::slice(out.data()).iter().enumerate() {
        if !op.decided(v, valid.is_empty() || valid[i]) {
            rows.push(i as u32);
        }
    }
}

/// Value and validity of one row of a condition.
#[inline]
pub(crate) fn truth(operand: Operand<'_>, row: usize) -> (bool, bool) {
    if operand.is_null(row) {
        (false, false)
    } else {
        (*operand.get::<bool>(row), true)
    }
}

/// Turns TRUE and FALSE round; NULL stays.
pub(crate) fn invert(out: &mut Column) {
    let (data, valid) = out.parts_mut();
    let values = bool::vec(data);
    if valid.is_empty() {
        values.iter_mut().for_each(|v| *v = !*v);
    } else {
        for (v, ok) in values.iter_mut().zip(valid) {
            *v = *ok & !*v;
        }
    }
}

/// Computes `a IS NULL`.
pub(crate) fn is_null(a: Operand<'_>, len: usize, out: &mut Column) {
    out.clear();
    let (data, _) = out.parts_mut();
    let values = bool::vec(data);
    match a.valid(len) {
        [] => values.resize(len, a.is_null_constant()),
        valid => values.extend(valid.iter().map(|ok| !ok)),
    }
}

/// Appends the numbers of the TRUE rows: `rows[i]`, or `i` itself.
///
/// Writes every row and advances by the condition, so that the loop has no branch to mispredict.
pub(crate) fn select(
    condition: Operand<'_>,
    rows: Option<&[u32]>,
    len: usize,
    keep: &mut Vec<u32>,
) {
    let column = match condition {
        Operand::Column(c) => c,
        Operand::Constant(v) => {
            if *v == crate::event::Value::Bool(true) {
                match rows {
                    Some(rows) => keep.extend_from_slice(&rows[..len]),
                    None => keep.extend(0..len as u32),
                }
            }
            return;
        }
    };
    let start = keep.len();
    keep.resize(start + len, 0);
    let room = &mut keep[start..];
    let mut next = 0;
    let values = &bool::slice(column.data())[..len];
    match rows {
        Some(rows) => {
            for (&row, &v) in rows.iter().zip(values) {
                room[next] = row;
                next += usize::from(v);
            }
        }
        None => {
            for (row, &v) in values.iter().enumerate() {
                room[next] = row as u32;
                next += usize::from(v);
            }
        }
    }
    keep.truncate(start + next);
}
