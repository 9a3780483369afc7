//! Results taken from one of several operands: NULLIF, maximum and minimum.

use super::{Native, Operand, logic};
use crate::event::{Column, Data, each_vec};

/// Keeps `out` where `equal` is not TRUE; elsewhere NULL.
pub(crate) fn null_where(out: &mut Column, equal: &Column, len: usize) {
    let hits = &bool::slice(equal.data())[..len];
    if !hits.contains(&true) {
        return;
    }
    out.materialize_valid();
    let (data, valid) = out.parts_mut();
    for (ok, hit) in valid.iter_mut().zip(hits) {
        *ok &= !hit;
    }
    each_vec!(data, v => super::clear_nulls(v, valid));
}

/// Sets each row of `out` to the larger (or smaller) of it and the operand; NULLs are passed over.
pub(crate) fn extremum(largest: bool, out: &mut Column, with: Operand<'_>, len: usize) {
    if with.is_null_constant() {
        return;
    }
    if !out.valid().is_empty() || !with.valid(len).is_empty() {
        out.materialize_valid();
    }
    let (data, valid) = out.parts_mut();
    match data {
        Data::Bool(v) => better(largest, v, valid, with, len),
        Data::Int(v) => better(largest, v, valid, with, len),
        Data::Long(v) => better(largest, v, valid, with, len),
        Data::Float(v) => better(largest, v, valid, with, len),
        Data::Double(v) => better(largest, v, valid, with, len),
        Data::String(v) => better(largest, v, valid, with, len),
    }
}

fn better<T: Native + PartialOrd>(
    largest: bool,
    out: &mut [T],
    valid: &mut [bool],
    with: Operand<'_>,
    len: usize,
) {
    let mask = with.valid(len);
    let lane = with.lane::<T>(len);
    for (i, o) in out.iter_mut().enumerate() {
        let v = lane.at(i);
        let known = mask.is_empty() || mask[i];
        let first = !valid.is_empty() && !valid[i];
        if known && (first || if largest { *v > *o } else { *v < *o }) {
            *o = v.clone();
            if first {
                valid[i] = true;
            }
        }
    }
}

/// Sets `out` to an operand of its type.
pub(crate) fn assign(out: &mut Column, from: Operand<'_>, len: usize) {
    logic::assign(out, from, len);
}
