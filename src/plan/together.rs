//! Why all rows of a component go to one worker, whatever its keys are.
//!
//! What one row lets out for other keys would have another cause, or another time, on another number of workers.

use super::query::QueryPlan;
use super::window::WindowPlan;
use crate::expr::Typed;

/// The first such reason among queries of a component; `keeps_keys`: of one of their partitions.
pub(super) fn why<'a>(
    queries: impl Iterator<Item = &'a QueryPlan> + Clone,
    keeps_keys: impl Fn(usize) -> bool,
) -> Option<String> {
    let ends_sends = |q: &&QueryPlan| {
        let kept = q.partition.is_some_and(&keeps_keys);
        kept && q.windows().any(|w| matches!(w, WindowPlan::SendBatch))
    };
    if let Some(query) = queries.clone().find(ends_sends) {
        return Some(format!("{} ends a send for all keys at once", query.name));
    }
    if !queries.clone().any(lets_rows_out) {
        return None;
    }
    let mut numbering = queries.filter(|q| q.evaluated().any(Typed::uses_cause));
    let query = numbering.next()?;
    Some(format!(
        "{} has uuid(), and rows follow from the clock",
        query.name
    ))
}

/// Whether rows come of it that follow from the clock, or from the end of a send, and not from a row of their key.
fn lets_rows_out(query: &QueryPlan) -> bool {
    let windows = |w: &WindowPlan| w.timed() || matches!(w, WindowPlan::SendBatch);
    query.windows().any(windows)
        || query.rate.as_ref().is_some_and(|r| r.is_timed())
        || query.joins.iter().any(|j| j.is_timed())
        || query.pattern.as_ref().is_some_and(|pattern| {
            pattern.timeout.is_some() || pattern.terms.iter().any(|t| t.silence_us.is_some())
        })
}
