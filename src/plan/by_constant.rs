//! Streams of which many readers ask one column for a constant before all else: rows are looked up instead of shown to
//! each of them.

use super::query::QueryPlan;
use super::{Plan, StreamKind, StreamPlan};
use crate::expr::Constants;
use crate::operator::by_constant::CONSTANT_READERS_MIN;
use std::collections::BTreeMap;

/// By stream, the column by which its rows are looked up, if they are.
pub(super) fn columns(streams: &[StreamPlan], queries: &[QueryPlan]) -> Vec<Option<usize>> {
    let mut asked: Vec<BTreeMap<usize, usize>> = vec![BTreeMap::new(); streams.len()];
    for query in queries {
        for (place, stream) in query.fed() {
            if let Some(constants) = constants(query, place) {
                *asked[stream].entry(constants.column).or_default() += 1;
            }
        }
    }
    let most = |(stream, asked): (&StreamPlan, BTreeMap<usize, usize>)| {
        let most = asked.into_iter().max_by_key(|(_, readers)| *readers);
        let most = most.filter(|(_, readers)| *readers >= CONSTANT_READERS_MIN);
        let (column, _) = most.filter(|_| matches!(stream.kind, StreamKind::Stream))?;
        Some(column)
    };
    streams.iter().zip(asked).map(most).collect()
}

/// What a query asks before all else of the rows that come by one of its sources.
fn constants(query: &QueryPlan, place: usize) -> Option<Constants> {
    if query.partition.is_some() || !query.joins.is_empty() || !query.members.is_empty() {
        return None;
    }
    let source = &query.sources[place];
    let Some(pattern) = &query.pattern else {
        let asked = match (&source.filter, &source.window) {
            (None, None) => &query.condition,
            (filter, _) => filter,
        };
        return asked.as_ref()?.constants(place);
    };
    if pattern.is_sequence {
        return None;
    }
    let sources = query.sources.iter().enumerate();
    let mut terms = sources.filter(|(_, s)| s.stream == source.stream);
    let of_term = |term: usize| pattern.terms[term].own.as_ref()?.constants(term);
    let (first, _) = terms.next()?;
    terms.try_fold(of_term(first)?, |all, (term, _)| all.or(of_term(term)?))
}

impl Plan {
    /// What a query asks before all else of the rows that come by one of its sources, where they are looked up by that.
    pub(crate) fn constants(&self, query: usize, place: usize) -> Option<Constants> {
        self.constants_of(&self.queries[query], place)
    }

    fn constants_of(&self, query: &QueryPlan, place: usize) -> Option<Constants> {
        let column = self.by_constant[query.sources[place].stream]?;
        constants(query, place).filter(|c| c.column == column)
    }

    /// That rows come to a source of a query by their constant, in words.
    pub(super) fn by_constant_text(&self, query: &QueryPlan, place: usize) -> Option<String> {
        let column = self.constants_of(query, place)?.column;
        let stream = &self.streams[query.sources[place].stream];
        let (name, stream) = (&stream.schema.attributes()[column].name, &stream.name);
        Some(format!(
            "gets the rows of its constants of {name} alone: one look-up for all readers of {stream} that ask so"
        ))
    }
}
