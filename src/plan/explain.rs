//! A plan as text: components, queries, operators, distribution and state.

use super::{Plan, QueryPlan, Routing};
use crate::operator::window::REORDER_ROWS_MAX;
use std::fmt::Write;

/// Describes a plan, one line per operator. `event_time`: the app runs by it, whatever its text says.
pub(crate) fn explain(plan: &Plan, event_time: bool) -> String {
    let mut text = String::new();
    let time = if event_time {
        "event time"
    } else {
        "processing time"
    };
    let _ = writeln!(
        text,
        "app {} ({time})",
        plan.name.as_deref().unwrap_or("without a name")
    );
    for (number, component) in plan.components.iter().enumerate() {
        let routing = match &component.routing {
            Routing::Keyed { entries, .. } => {
                let keys = entries.iter().map(|e| e.text(&plan.streams));
                let keys: Vec<String> = keys.collect();
                format!("keyed by {}", keys.join(" and "))
            }
            Routing::Single(why) => format!("single worker: {why}"),
        };
        let order = if component.row_by_row {
            ", row by row"
        } else {
            ""
        };
        let _ = writeln!(text, "component {}: {routing}{order}", number + 1);
        for query in &component.queries {
            explain_query(plan, &plan.queries[*query], event_time, &mut text);
        }
    }
    text
}

fn explain_query(plan: &Plan, query: &QueryPlan, event_time: bool, text: &mut String) {
    let _ = writeln!(text, "  {}", query.name);
    for source in &query.sources {
        let _ = writeln!(text, "    read {}", plan.streams[source.stream].name);
        if source.filter.is_some() {
            let _ = writeln!(text, "    filter");
        }
        if let Some(window) = &source.window {
            if window.takes_rows_in_order() && event_time {
                let _ = writeln!(text, "    {}", order(plan));
            }
            let _ = writeln!(text, "    {}: {}", source.window_text, window.state());
        }
    }
    if let Some(late) = query.late {
        let _ = writeln!(text, "    late rows → {}", plan.streams[late].name);
    }
    if query.condition.is_some() {
        let _ = writeln!(text, "    where");
    }
    if query.aggregates() {
        let calls = query
            .calls
            .iter()
            .map(|c| c.call.aggregate.to_string())
            .collect::<Vec<_>>()
            .join(", ");
        let keys = query.keys.len();
        let _ = writeln!(
            text,
            "    aggregate [{calls}] by {keys} keys: state keyed map of accumulators per group"
        );
    }
    if query.distinct {
        let _ = writeln!(text, "    distinct: state keyed map of rows");
    }
    let outputs = query.outputs.len();
    let _ = writeln!(
        text,
        "    project {outputs} columns → {} ({:?} rows)",
        plan.streams[query.target].name, query.events
    );
}

/// The ordered buffer in front of a window.
fn order(plan: &Plan) -> String {
    let held = match plan.lateness_us {
        0 => "rows ahead of the clock, which one input alone never has".to_string(),
        us => format!(
            "rows until the clock reaches them, {} ms behind their input",
            us as f64 / 1e3
        ),
    };
    format!("order by time: holds {held}, at most {REORDER_ROWS_MAX}: state rows")
}
