//! Aggregations → the operator that fills one, and what is shown of it.

use super::Builder;
use crate::expr::{ColumnRef, Layout, Program};
use crate::operator::Port;
use crate::operator::aggregate::{RollupAggregate, RollupCalls, RollupShape, RollupView};
use crate::operator::join::ViewSide;
use crate::plan::aggregation::{ReachPlan, RollupPlan};
use crate::plan::{Plan, QueryPlan};

impl Builder<'_> {
    /// The operator that fills an aggregation.
    pub(super) fn rollup(&mut self, rollup: &RollupPlan) {
        let query = self.query;
        self.entries[0] = Some((0, Port::default()));
        self.members();
        let whole = self.whole();
        let compile = |typed| self.compile(typed, &whole);
        let condition = query.condition.as_ref().map(compile);
        let by = rollup.by.as_ref().map(compile);
        let grouping = self.grouping(&whole);
        let input = RollupCalls {
            condition,
            keys: grouping.keys,
            calls: grouping.calls,
            by,
        };
        let shape = shape(query, rollup);
        let routing = self.positions_among(&query.keys);
        let operator = RollupAggregate::new(&shape, input, routing);
        self.push(Box::new(operator), &[]);
    }

    /// How a join reads the aggregation that is the source at a place. `stream`: the rows that come to the other side.
    pub(super) fn view_side(
        &self,
        place: usize,
        stream: &Layout,
        by_key: bool,
    ) -> Option<ViewSide> {
        let source = &self.query.sources[place];
        let reach = source.reach.as_ref()?;
        let filled_by = self.site.plan.filled_by(source.table?)?;
        let view = view(&self.site.plan.queries[filled_by])?;
        let within = within(reach, stream);
        Some(ViewSide::new(view, reach.level, within, by_key))
    }
}

/// The times of WITHIN, over rows that are laid out like these.
pub(crate) fn within(reach: &ReachPlan, layout: &Layout) -> Option<[Program; 2]> {
    let within = reach.within.as_ref()?;
    Some(within.each_ref().map(|end| end.compile(layout)))
}

fn shape(query: &QueryPlan, rollup: &RollupPlan) -> RollupShape {
    RollupShape {
        key_types: query.keys.iter().filter_map(|k| k.ty).collect(),
        calls: query.calls.iter().map(|c| c.call.clone()).collect(),
        levels: rollup.info.levels.clone(),
        zone: rollup.info.zone.clone(),
    }
}

/// What is shown of the aggregation that a query fills.
fn view(query: &QueryPlan) -> Option<RollupView> {
    let rollup = query.rollup.as_ref()?;
    // The start of the pane, the columns by which it groups, and the aggregates.
    let mut layout = Layout::default().unread(1);
    for key in &query.keys {
        layout = match key.as_column() {
            Some(column @ ColumnRef::Input { .. }) => layout.then(&[column]),
            _ => layout.unread(1),
        };
    }
    let outputs = query.outputs.iter().map(|o| o.compile(&layout));
    Some(RollupView::new(
        outputs.collect(),
        shape(query, rollup).types(),
    ))
}

impl Plan {
    /// What is shown of an aggregation, by the number of its table.
    pub(crate) fn view(&self, table: usize) -> Option<RollupView> {
        view(&self.queries[self.filled_by(table)?])
    }
}
