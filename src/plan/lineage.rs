//! Which columns carry the key of a component, followed from its entry stream through its queries.
//!
//! Why: rows are routed by it, an operator tells by it where a key stands when state is spread over another number of
//! workers, and rows that come out are numbered by it. One pass forward answers all three, so that they agree.

use super::QueryPlan;
use super::component::plain_keys;
use crate::expr::ColumnRef;
use std::collections::HashMap;

/// For each key column of the entry stream, in their order, the columns of a stream that always equal it.
type Carried = Vec<Vec<usize>>;

/// The key columns of a component, by stream and by query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lineage {
    carried: HashMap<usize, Carried>,
    /// By query, for each of its sources one column for each key column.
    inputs: HashMap<usize, Vec<Vec<usize>>>,
}

impl Lineage {
    /// Follows `columns` of stream `entry`, by which rows are spread. `order`: writers before readers. `None` where a
    /// query cannot tell, or the writers of a stream that is read disagree.
    pub(super) fn of(
        queries: &[QueryPlan],
        order: &[usize],
        entry: usize,
        columns: &[usize],
    ) -> Option<Lineage> {
        let own = columns.iter().map(|c| vec![*c]).collect();
        let mut lineage = Lineage {
            carried: HashMap::from([(entry, own)]),
            inputs: HashMap::new(),
        };
        for number in order {
            let query = &queries[*number];
            let carried = query.read().map(|s| lineage.carried.get(&s));
            let sources: Vec<&Carried> = carried.collect::<Option<_>>()?;
            let by_place = sources.iter().enumerate();
            let inputs = by_place.map(|(source, carried)| chosen(query, source, carried));
            let inputs = inputs.collect::<Option<_>>()?;
            let keys = 0..columns.len();
            let output = keys.map(|key| shown(query, &sources, key)).collect();
            lineage.inputs.insert(*number, inputs);
            lineage.write(query.target, output);
        }
        Some(lineage)
    }

    /// A query writes a stream: what all of its writers carry remains.
    fn write(&mut self, stream: usize, output: Carried) {
        match self.carried.get_mut(&stream) {
            None => drop(self.carried.insert(stream, output)),
            Some(carried) => {
                for (have, also) in carried.iter_mut().zip(&output) {
                    have.retain(|c| also.contains(c));
                }
            }
        }
    }

    /// The columns of a source of a query that say where a row stands.
    pub(crate) fn source(&self, query: usize, source: usize) -> Option<&[usize]> {
        let sources = self.inputs.get(&query)?;
        sources.get(source).map(Vec::as_slice)
    }

    /// The columns of a stream that carry the key, one for each; `None` where one does not come out.
    pub(super) fn stream(&self, stream: usize) -> Option<Vec<usize>> {
        let carried = self.carried.get(&stream)?;
        carried.iter().map(|c| c.first().copied()).collect()
    }
}

/// For each key column one column of a source of a query, which must be one of the query's own keys where it has some.
fn chosen(query: &QueryPlan, source: usize, carried: &Carried) -> Option<Vec<usize>> {
    let keys = plain_keys(query, source);
    let is_key = |c: &&usize| keys.as_ref().is_none_or(|keys| keys.contains(c));
    let choose = |columns: &Vec<usize>| columns.iter().find(is_key).copied();
    carried.iter().map(choose).collect()
}

/// The outputs of a query that are a key column, by its number, of one of its sources.
fn shown(query: &QueryPlan, sources: &[&Carried], key: usize) -> Vec<usize> {
    let shows = |output: &usize| match query.outputs[*output].as_column() {
        Some(ColumnRef::Input { source, column }) => sources[source][key].contains(&column),
        _ => false,
    };
    (0..query.outputs.len()).filter(shows).collect()
}
