//! Results taken from one of several operands: NULLIF, maximum and minimum.

use super::{Lane, Native, Operand, logic};
use crate::event::{Column, Data, Value, each_vec};

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

/// Sets `out` to an operand where the condition is TRUE. `test` is a BOOL operand.
pub(crate) fn overwrite(out: &mut Column, test: Operand<'_>, with: Operand<'_>, len: usize) {
    let hits = match test {
        Operand::Constant(Value::Bool(true)) => return assign(out, with, len),
        Operand::Constant(_) => return,
        // a row that is NULL holds FALSE
        Operand::Column(c) => &bool::slice(c.data())[..len],
    };
    let mask = with.valid(len);
    if with.is_null_constant() || !mask.is_empty() || !out.valid().is_empty() {
        out.materialize_valid();
    }
    let (data, valid) = out.parts_mut();
    for (i, (ok, hit)) in valid.iter_mut().zip(hits).enumerate() {
        if *hit {
            *ok = if mask.is_empty() {
                !with.is_null_constant()
            } else {
                mask[i]
            };
        }
    }
    each_vec!(data, v => put(v, hits, with));
}

fn put<T: Native>(out: &mut [T], hits: &[bool], with: Operand<'_>) {
    if with.is_null_constant() {
        for (o, hit) in out.iter_mut().zip(hits) {
            if *hit {
                *o = T::default();
            }
        }
        return;
    }
    match with.lane::<T>(hits.len()) {
        Lane::Slice(values) => {
            for ((o, hit), v) in out.iter_mut().zip(hits).zip(values) {
                if *hit {
                    *o = v.clone();
                }
            }
        }
        Lane::One(v) => {
            for (o, hit) in out.iter_mut().zip(hits) {
                if *hit {
                    *o = v.clone();
                }
            }
        }
    }
}

/// Sets `out` to an operand of its type.
pub(crate) fn assign(out: &mut Column, from: Operand<'_>, len: usize) {
    logic::assign(out, from, len);
}
