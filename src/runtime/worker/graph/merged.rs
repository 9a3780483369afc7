//! Rows of a stream that several queries write, put in the order in which they would come one by one.
//!
//! Why: rows of one cause enter a stream in the order of its writers. Where that is all that asks for single rows,
//! every query takes a batch as a whole, which costs a fraction of giving each query each row.
//! How: what the queries make of a batch waits until all of them have had it. Each row knows its cause, so its place is
//! found by counting rows per cause. Whoever reads the stream gets its rows then. Only where no query answers later
//! than with the row at hand (`src/plan/component.rs` sees to it).

use super::{Graph, Next, Outputs};
use crate::event::Batch;
use crate::operator::Kind;
use crate::plan::Component;

/// What the writers of one stream have made of the batch at hand.
#[derive(Default)]
pub(super) struct Merged {
    stream: usize,
    /// By the place of the writer among the queries.
    parts: Vec<(usize, Batch)>,
    spare: Vec<Batch>,
    whole: Batch,
    /// By cause: where its next row goes.
    next: Vec<u32>,
    /// By place in the whole: part and row.
    order: Vec<(u32, u32)>,
}

impl Merged {
    pub(super) fn new(stream: usize) -> Self {
        Merged {
            stream,
            ..Merged::default()
        }
    }

    /// Takes the rows of a writer out of a batch, which is left empty.
    pub(super) fn take(&mut self, writer: usize, batch: &mut Batch) {
        if batch.is_empty() {
            return;
        }
        let mut part = self.spare.pop().unwrap_or_else(|| Batch::like(batch));
        std::mem::swap(batch, &mut part);
        self.parts.push((writer, part));
    }

    /// Fills the whole: by cause, then by writer.
    fn put_in_order(&mut self, causes: &[u64]) {
        let (first, count) = (causes[0], causes.len());
        let since = |cause: u64| cause.wrapping_sub(first);
        // On one worker causes follow each other; on several each has some of them.
        let is_dense = since(causes[count - 1]) == count as u64 - 1;
        let place = |cause: u64| match is_dense {
            true => since(cause) as usize,
            false => causes.partition_point(|c| since(*c) < since(cause)),
        };
        self.next.clear();
        self.next.resize(count + 1, 0);
        for (_, part) in &self.parts {
            part.causes
                .iter()
                .for_each(|cause| self.next[place(*cause) + 1] += 1);
        }
        for cause in 1..=count {
            self.next[cause] += self.next[cause - 1];
        }
        self.order.clear();
        self.order.resize(self.next[count] as usize, (0, 0));
        for (number, (_, part)) in self.parts.iter().enumerate() {
            for (row, cause) in part.causes.iter().enumerate() {
                let next = &mut self.next[place(*cause)];
                self.order[*next as usize] = (number as u32, row as u32);
                *next += 1;
            }
        }
        if self.whole.columns.is_empty() {
            self.whole = Batch::like(&self.parts[0].1);
        }
        let count = self.parts.len() as u32;
        let part = |number: u32| &self.parts[number as usize].1;
        self.whole.append_among(&self.order, count, part);
    }
}

impl Graph {
    /// Where the rows of a query go.
    pub(super) fn target(&self, component: &Component, query: usize, stream: usize) -> Next {
        let merged = component.merged.iter().position(|s| *s == stream);
        let writer = component.queries.iter().position(|q| *q == query);
        match merged.zip(writer) {
            Some((place, writer)) => Next::Merged(place, writer),
            None => Next::Stream(stream),
        }
    }

    /// Passes on what several queries have made of rows, in the order of these. `causes`: those of the rows.
    #[inline]
    pub(super) fn pass_merged(&mut self, causes: &[u64], outputs: &mut Outputs) {
        for place in 0..self.merged.len() {
            if !self.merged[place].parts.is_empty() {
                self.pass_parts(place, causes, outputs);
            }
        }
    }

    fn pass_parts(&mut self, place: usize, causes: &[u64], outputs: &mut Outputs) {
        let mut merged = std::mem::take(&mut self.merged[place]);
        // A writer may have put out several times; the sort is stable.
        merged.parts.sort_by_key(|(writer, _)| *writer);
        let stream = merged.stream;
        if causes.len() > 1 && merged.parts.len() > 1 {
            merged.put_in_order(causes);
            self.stream(stream, Kind::Rows, &mut merged.whole, outputs);
            merged.whole.clear();
        } else {
            for (_, part) in &mut merged.parts {
                self.stream(stream, Kind::Rows, part, outputs);
            }
        }
        for (_, mut part) in merged.parts.drain(..) {
            part.clear();
            merged.spare.push(part);
        }
        self.merged[place] = merged;
    }
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests {
    use super::*;
    use crate::event::{Column, Data, Timestamp, Type};

    fn part(rows: &[(u64, i64)]) -> Batch {
        let mut batch = Batch {
            tracks_cause: true,
            columns: vec![Column::new(Type::Long)],
            ..Batch::default()
        };
        for (cause, value) in rows {
            batch.at.push(Timestamp(*value));
            batch.causes.push(*cause);
            batch.columns[0].push_scalar(crate::event::Scalar::Long(*value));
        }
        batch
    }

    #[test]
    fn rows_come_by_cause_then_by_writer_whatever_the_order_of_the_parts() {
        // Dense, with holes as on one of several workers, and across the end of numbers.
        let far = u64::MAX;
        for causes in [[7, 8, 9], [7, 80, 900], [far, 0, 1], [far - 5, far, 3]] {
            let [a, b, c] = causes;
            let mut merged = Merged::new(0);
            merged.take(2, &mut part(&[(a, 21), (b, 22), (b, 23)]));
            merged.take(0, &mut part(&[(c, 1)]));
            merged.take(1, &mut part(&[(b, 11)]));
            merged.take(2, &mut part(&[(c, 24)]));
            merged.take(1, &mut part(&[]));
            merged.parts.sort_by_key(|(writer, _)| *writer);
            merged.put_in_order(&causes);
            let Data::Long(values) = merged.whole.columns[0].data() else {
                unreachable!("a column of LONG")
            };
            assert_eq!(values, &[21, 11, 22, 23, 1, 24], "{causes:?}");
            assert_eq!(merged.whole.causes, [a, b, b, b, c, c]);
        }
    }
}
