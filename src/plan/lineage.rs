//! Which columns carry the key of a component, followed from its entries through its queries.
//!
//! Why: rows are routed by it, an operator tells by it where a key stands when state is spread over another number of
//! workers, and rows that come out are numbered by it. One pass forward answers all three, so that they agree.

use super::component::{Entry, plain_columns, plain_keys};
use super::meeting::{Class, classes, never_padded};
use super::{ONLY_SOURCE, QueryPlan, WindowPlan};
use crate::expr::ColumnRef;
use std::collections::HashMap;

/// For each key column of the entries, in their order, the columns of a stream that always equal it.
type Carried = Vec<Vec<usize>>;

/// The key columns of a component, by stream and by query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lineage {
    carried: HashMap<usize, Carried>,
    /// By query, for each of its sources one column for each key column.
    inputs: HashMap<usize, Vec<Vec<usize>>>,
}

impl Lineage {
    /// Follows the columns of the entries, by which rows are spread. `order`: writers before readers. `None` where a
    /// query cannot tell, or the writers of a stream that is read disagree.
    pub(super) fn of(queries: &[QueryPlan], order: &[usize], entries: &[Entry]) -> Option<Lineage> {
        let keys = entries.first().map_or(0, |e| e.columns.len());
        debug_assert!(entries.iter().all(|e| e.columns.len() == keys));
        let own = |entry: &Entry| entry.columns.iter().map(|c| vec![*c]).collect();
        let mut lineage = Lineage {
            carried: entries.iter().map(|e| (e.stream, own(e))).collect(),
            inputs: HashMap::new(),
        };
        for number in order {
            let query = &queries[*number];
            let read = query.sources.iter().filter(|s| s.table.is_none());
            let carried = read.map(|s| lineage.carried.get(&s.stream));
            let sources: Vec<&Carried> = carried.collect::<Option<_>>()?;
            let inputs = match !query.joins_sources() {
                true => vec![chosen(query, ONLY_SOURCE, sources[ONLY_SOURCE])?],
                false => joined(query, &sources)?,
            };
            let output = (0..keys).map(|key| shown(query, &sources, key)).collect();
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

/// For each source of a join one column for each key column: those of all sources are equal where rows meet.
fn joined(query: &QueryPlan, sources: &[&Carried]) -> Option<Vec<Vec<usize>>> {
    let classes = classes(query);
    let never_padded = never_padded(query);
    let keys = sources.first().map_or(0, |s| s.len());
    let mut chosen = vec![Vec::new(); sources.len()];
    for key in 0..keys {
        let of = |class: &Class| -> Option<Vec<usize>> {
            let by_source = class.iter().zip(sources).enumerate();
            let choose = by_source.map(|(source, (columns, carried))| {
                let window = query.sources[source].window.as_ref();
                let own = window.and_then(WindowPlan::own_keys);
                // In a partition the key is one of them.
                let own = own.filter(|_| query.partition.is_none());
                let own = own.map(|keys| plain_columns(keys, source));
                let is_own = |c: &usize| own.as_ref().is_none_or(|own| own.contains(c));
                let mut both = columns.iter().filter(|c| carried[key].contains(c));
                both.find(|c| is_own(c)).copied()
            });
            choose.collect()
        };
        let columns = classes.iter().find_map(of)?;
        // Padded rows of all keys are in one group where only a column that is padded tells groups apart.
        let apart_by = query.apart_by();
        let grouped = |(source, _): (usize, &usize)| {
            let grouped = plain_columns(apart_by.iter().flatten().copied(), source);
            never_padded[source] && sources[source][key].iter().any(|c| grouped.contains(c))
        };
        let by_run = query.partition.is_some() && query.pattern.is_some();
        if apart_by.is_some() && !by_run && !columns.iter().enumerate().any(grouped) {
            return None;
        }
        chosen
            .iter_mut()
            .zip(columns)
            .for_each(|(to, c)| to.push(c));
    }
    Some(chosen)
}

/// The outputs of a query that are a key column, by its number, of one of its sources.
fn shown(query: &QueryPlan, sources: &[&Carried], key: usize) -> Vec<usize> {
    let never_padded = never_padded(query);
    let shows = |output: &usize| match query.outputs[*output].as_column() {
        Some(ColumnRef::PartitionKey) => true,
        Some(ColumnRef::Input { source, column }) => {
            never_padded[source] && sources[source][key].contains(&column)
        }
        _ => false,
    };
    let outputs = query.outputs.len() - usize::from(query.hides_key);
    (0..outputs).filter(shows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Catalogue, Plan, plan};
    use crate::sql::parse;

    fn planned(queries: &str) -> Plan {
        let text =
            format!("CREATE STREAM A (k INT, x INT); CREATE STREAM B (y INT, k INT); {queries}");
        let (app, unread) = parse(&text);
        plan(&text, &app, &Catalogue::default(), unread).unwrap()
    }

    fn entry(plan: &Plan, stream: &str, columns: &[usize]) -> Entry {
        let stream = plan.stream(stream).unwrap();
        let columns = columns.to_vec();
        Entry { stream, columns }
    }

    #[test]
    fn a_key_is_followed_from_all_entries() {
        let plan = planned(
            "INSERT INTO C SELECT x, k FROM A; INSERT INTO C SELECT y, k FROM B;
             INSERT INTO D SELECT k, count() AS n FROM C GROUP BY k;",
        );
        let order = &plan.components[0].queries;
        let of = |a: &[usize], b: &[usize]| {
            let entries = [entry(&plan, "A", a), entry(&plan, "B", b)];
            Lineage::of(&plan.queries, order, &entries)
        };
        let lineage = of(&[0], &[1]).unwrap();
        let stream = |name: &str| lineage.stream(plan.stream(name).unwrap());
        assert_eq!(stream("C"), Some(vec![1]));
        assert_eq!(stream("D"), Some(vec![0]));
        let sources: Vec<_> = (0..3).map(|query| lineage.source(query, 0)).collect();
        assert_eq!(sources, [Some(&[0][..]), Some(&[1]), Some(&[1])]);
        assert_eq!(of(&[0], &[0]), None, "the writers of C disagree");
    }

    #[test]
    fn a_join_shows_the_key_of_either_side_that_is_not_padded() {
        let of = |join: &str| {
            let plan = planned(&format!(
                "INSERT INTO D SELECT x, A.k AS ka, B.k AS kb FROM A {join} B ON A.k = B.k;"
            ));
            let entries = [entry(&plan, "A", &[0]), entry(&plan, "B", &[1])];
            let lineage = Lineage::of(&plan.queries, &[0], &entries).unwrap();
            assert_eq!(lineage.source(0, 0), Some(&[0][..]));
            assert_eq!(lineage.source(0, 1), Some(&[1][..]));
            let other = [entry(&plan, "A", &[1]), entry(&plan, "B", &[1])];
            assert_eq!(Lineage::of(&plan.queries, &[0], &other), None);
            lineage.carried[&plan.queries[0].target].clone()
        };
        assert_eq!(of("JOIN"), [[1, 2]]);
        assert_eq!(of("LEFT JOIN"), [[1]]);
        assert_eq!(of("RIGHT JOIN"), [[2]]);
        assert_eq!(of("FULL JOIN"), [[0usize; 0]]);
    }
}
