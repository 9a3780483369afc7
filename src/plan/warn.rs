//! What is allowed in joins and tables but is seldom meant.

use super::join::Trigger;
use super::table::ActionPlan;
use super::{QueryPlan, TablePlan, WindowPlan};
use crate::error::Fault;
use crate::operator::join::JOIN_ROWS_MAX;
use crate::sql::ast::{Action, Query};

/// The sources of a join that hold all of their rows, as they have no window.
pub(super) fn keeps_all<'a>(
    query: &'a Query,
    plan: &'a QueryPlan,
) -> impl Iterator<Item = Fault> + 'a {
    let written = query.sources.iter().enumerate();
    let kept = written.filter(|(place, _)| keeps(plan, *place));
    kept.map(|(_, source)| {
        let name = source.alias.as_ref().unwrap_or(&source.stream);
        let message = format!(
            "{} keeps all of its rows, at most {JOIN_ROWS_MAX} (JOIN_ROWS_MAX)",
            name.text
        );
        let remedy = format!(
            "give it a window, as in {} WINDOW('time', 1 HOUR)",
            source.stream.text
        );
        Fault::new(source.stream.span, message).help(remedy)
    })
}

/// Whether rows of a source are held without end: none leaves, and rows of another source look for them.
fn keeps(plan: &QueryPlan, place: usize) -> bool {
    let source = &plan.sources[place];
    let stays = matches!(source.held_by(), None | Some(WindowPlan::Delay(_)));
    if source.table.is_some() || !stays {
        return false;
    }
    plan.joins.iter().enumerate().any(|(before, join)| {
        let is_right = before + 1 == place;
        let is_left = place <= before;
        match join.trigger {
            // It holds the latest row of each key.
            Trigger::Left => is_right && !join.is_asof(),
            Trigger::Right => is_left,
            Trigger::Both => {
                let [left, right] = join.reach_us().map(|reach| reach.is_none());
                (is_right && right) || (is_left && left)
            }
        }
    })
}

/// An UPSERT that looks for other rows than those of the same primary key. `target`: the number of its stream.
pub(super) fn upsert<'a>(
    query: &'a Query,
    plan: &QueryPlan,
    tables: &'a [TablePlan],
    target: Option<usize>,
) -> impl Iterator<Item = Fault> + 'a {
    let found = || {
        let table = tables.iter().find(|t| Some(t.stream) == target)?;
        let primary = table.shape.primary.as_ref()?;
        let (ActionPlan::Upsert { on }, Action::Upsert { on: written }) =
            (&plan.action, &query.action)
        else {
            return None;
        };
        let column = |place: &usize| {
            let mut keys = on.keys.iter().filter_map(|k| k.right.as_column());
            keys.any(|c| c.attribute_of(plan.sources.len()) == Some(*place))
        };
        let is_key = on.keys.len() == primary.len() && primary.iter().all(column);
        if is_key && on.residual.is_empty() {
            return None;
        }
        let message = format!("ON is not the primary key of {}", table.name);
        let remedy = "a row whose key is there but that ON does not find is an error row: compare the key alone";
        Some(Fault::new(written.span, message).help(remedy))
    };
    found().into_iter()
}
