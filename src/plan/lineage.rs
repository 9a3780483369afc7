//! Which columns carry the key of a component, followed from its entry stream through its queries.
//!
//! Why: rows are routed by it, an operator tells by it where a key stands when state is spread over another number of
//! workers, and rows that come out are numbered by it. One pass forward answers all three, so that they agree.

use super::QueryPlan;
use super::component::plain_keys;
use super::query::ONLY_SOURCE;
use std::collections::HashMap;

/// For each key column of the entry stream, in their order, the columns of a stream that always equal it.
type Carried = Vec<Vec<usize>>;

/// The key columns of a component, by stream and by query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lineage {
    carried: HashMap<usize, Carried>,
    /// By query, one column of its input for each.
    inputs: HashMap<usize, Vec<usize>>,
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
            let input = lineage.carried.get(&query.input)?;
            let chosen = chosen(query, input)?;
            let output = input.iter().map(|columns| shown(query, columns)).collect();
            lineage.inputs.insert(*number, chosen);
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

    /// The columns of a query's input that say where a row stands.
    pub(crate) fn input(&self, query: usize) -> Option<&[usize]> {
        self.inputs.get(&query).map(Vec::as_slice)
    }

    /// The columns of a stream that carry the key, one for each; `None` where one does not come out.
    pub(super) fn stream(&self, stream: usize) -> Option<Vec<usize>> {
        let carried = self.carried.get(&stream)?;
        carried.iter().map(|c| c.first().copied()).collect()
    }
}

/// For each key column one column of a query's input, which must be one of its own keys where it has some.
fn chosen(query: &QueryPlan, input: &Carried) -> Option<Vec<usize>> {
    let keys = plain_keys(query);
    let is_key = |c: &&usize| keys.as_ref().is_none_or(|keys| keys.contains(c));
    let choose = |columns: &Vec<usize>| columns.iter().find(is_key).copied();
    input.iter().map(choose).collect()
}

/// The outputs of a query that are one of these columns of its input.
fn shown(query: &QueryPlan, columns: &[usize]) -> Vec<usize> {
    let shows = |output: &usize| {
        let column = query.outputs[*output].as_column();
        let attribute = column.and_then(|c| c.attribute_of(ONLY_SOURCE));
        attribute.is_some_and(|a| columns.contains(&a))
    };
    (0..query.outputs.len()).filter(shows).collect()
}
