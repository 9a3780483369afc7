//! The routing columns of a component, followed through its queries.
//!
//! Why: when state is spread over another number of workers, every operator must tell where a key stands, which is said
//! by columns of the stream through which rows come in.

use super::component::plain_keys;
use super::{QueryPlan, StreamPlan};
use std::collections::HashMap;

/// By query, which columns of its input the routing columns of its component have become, in their order.
///
/// `order`: writers before readers. `columns` of stream `entry` are those that rows are spread by. `None` when a query
/// cannot tell, or writers of one stream disagree.
pub(super) fn routes(
    streams: &[StreamPlan],
    queries: &[QueryPlan],
    order: &[usize],
    entry: usize,
    columns: &[usize],
) -> Option<HashMap<usize, Vec<usize>>> {
    // By stream, for each routing column the columns that always equal it.
    let mut images: HashMap<usize, Vec<Vec<usize>>> = HashMap::new();
    images.insert(entry, columns.iter().map(|c| vec![*c]).collect());
    let mut routes = HashMap::new();
    for number in order {
        let query = &queries[*number];
        let input = images.get(&query.input)?.clone();
        let keys = plain_keys(query);
        let choose = |image: &Vec<usize>| {
            let is_key = |c: &&usize| keys.as_ref().is_none_or(|keys| keys.contains(c));
            image.iter().find(is_key).copied()
        };
        routes.insert(
            *number,
            input.iter().map(choose).collect::<Option<Vec<_>>>()?,
        );
        if streams[query.target].readers.is_empty() {
            continue;
        }
        let outputs = |image: &Vec<usize>| {
            let shows = |c: usize| {
                query.outputs[c]
                    .as_column()
                    .is_some_and(|c| image.contains(&c))
            };
            (0..query.outputs.len()).filter(|c| shows(*c)).collect()
        };
        let mine: Vec<Vec<usize>> = input.iter().map(outputs).collect();
        match images.get_mut(&query.target) {
            None => drop(images.insert(query.target, mine)),
            Some(images) => {
                for (image, mine) in images.iter_mut().zip(mine) {
                    image.retain(|c| mine.contains(c));
                }
            }
        }
    }
    Some(routes)
}
