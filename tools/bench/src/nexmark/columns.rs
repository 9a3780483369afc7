//! Reading rows of any columns.

use crate::harness::{Tally, column_word, text_word};
use eventflux::{Batch, Data};

/// Counts rows whatever their columns are: the word of a row is that of `harness::words`.
pub fn words_of(batch: &Batch, tally: &mut Tally) {
    let mut rows = vec![0u64; batch.len()];
    for (place, column) in batch.columns().iter().enumerate() {
        let rows = rows.iter_mut();
        match column.data() {
            Data::Long(x) => rows
                .zip(x)
                .for_each(|(row, x)| *row ^= column_word(place, *x as u64)),
            Data::Double(x) => rows
                .zip(x)
                .for_each(|(row, x)| *row ^= column_word(place, x.to_bits())),
            Data::String(x) => rows
                .zip(x)
                .for_each(|(row, x)| *row ^= column_word(place, text_word(x))),
            _ => {}
        }
    }
    rows.into_iter().for_each(|row| tally.add(row));
}
