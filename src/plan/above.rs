//! The queries above a query: those that write the stream it reads, those that write what they read, and so on.
//!
//! Why: rows that came before one of them was edited and rows that come after it do not mean the same, so state that is
//! made of both would answer a question that nobody asked.

use super::identity::{attributes, named};
use super::{QueryPlan, StreamPlan};
use crate::event::Schema;
use std::collections::HashMap;
use std::sync::Arc;

/// What decides which rows come to a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Above {
    /// The numbers of the queries above it, in their order.
    pub(crate) queries: Vec<usize>,
    /// What they do, in an order of its own, so that queries may be moved.
    pub(crate) text: String,
}

/// Tells each query with state what is above it: one answer for all readers of the same streams, as it may be long.
pub(super) fn look_up(streams: &[StreamPlan], queries: &mut [QueryPlan]) {
    let made: Vec<String> = queries.iter().map(|q| makes(streams, q)).collect();
    let mut known: HashMap<Vec<usize>, Arc<Above>> = HashMap::new();
    for number in 0..queries.len() {
        let read: Vec<usize> = queries[number].read().collect();
        if queries[number].identity.above.is_none() {
            continue;
        }
        let above = known.entry(read.clone()).or_insert_with(|| {
            let above = writers(streams, queries, read);
            let mut texts: Vec<&str> = above.iter().map(|q| made[*q].as_str()).collect();
            texts.sort_unstable();
            Arc::new(Above {
                text: texts.join("; "),
                queries: above,
            })
        });
        queries[number].identity.above = Some(Arc::clone(above));
    }
}

/// The queries from which rows come into streams, each once, also where they feed each other in a circle.
fn writers(streams: &[StreamPlan], queries: &[QueryPlan], read: Vec<usize>) -> Vec<usize> {
    let mut seen = vec![false; queries.len()];
    let mut left = read;
    while let Some(stream) = left.pop() {
        for writer in &streams[stream].writers {
            if !std::mem::replace(&mut seen[*writer], true) {
                left.extend(queries[*writer].read());
            }
        }
    }
    let all = seen.iter().enumerate();
    all.filter_map(|(query, seen)| seen.then_some(query))
        .collect()
}

/// What a query makes of its rows: its text, the meaning of the names in it, and the columns that come out.
fn makes(streams: &[StreamPlan], query: &QueryPlan) -> String {
    let all = |schema: &Schema| named((0..schema.len()).collect(), schema);
    let read = query.read().enumerate().map(|(place, stream)| {
        let expressions = query.filters().chain(query.expressions());
        let read = attributes(expressions, place);
        named(read, &streams[stream].schema)
    });
    let read: Vec<String> = read.collect();
    let written = query.written().map(|s| &streams[s]);
    let written: Vec<String> = written
        .map(|s| format!("{} ({})", s.name, all(&s.schema)))
        .collect();
    format!(
        "{} STATE {} READS {} WRITES {}",
        query.identity.text,
        query.identity.state_text,
        read.join(", "),
        written.join(", "),
    )
}
