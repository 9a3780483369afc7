//! A plan as text: components, queries, operators, distribution and state.

use super::explain_pattern::explain_pattern;
use super::identity::normal;
use super::join::{EqualKey, On, Trigger};
use super::pattern_text::PatternText;
use super::source::SourcePlan;
use super::table::ActionPlan;
use super::window::Apart;
use super::{
    Component, PartitionPlan, Plan, QueryPlan, RollupInfo, Routing, StreamKind, TablePlan,
    WindowPlan,
};
use crate::expr::ColumnRef;
use crate::operator::aggregate::AGGREGATION_PANES_MAX;
use crate::operator::join::JOIN_ROWS_MAX;
use crate::operator::partition::PARTITION_KEYS_MAX;
use crate::operator::rate::RATE_LIMIT_ROWS_MAX;
use crate::operator::table::{Access, TABLE_ROWS_MAX};
use crate::operator::window::REORDER_ROWS_MAX;
use crate::sql::ast::JoinKind;
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
    if let Some(description) = &plan.description {
        let _ = writeln!(text, "about: {}", description.replace('\n', "\n  "));
    }
    for stream in &plan.streams {
        if let Some(us) = stream.time.lateness_us {
            let attribute = stream
                .time
                .attribute
                .map(|a| &stream.schema.attributes()[a].name);
            let of = attribute.map_or(String::new(), |name| format!("time is {name}, "));
            let (name, ms) = (&stream.name, us as f64 / 1e3);
            let _ = writeln!(text, "stream {name}: {of}rows may be {ms} ms late");
        }
    }
    for (number, component) in plan.components.iter().enumerate() {
        let how = how_it_runs(plan, component);
        let _ = writeln!(text, "component {}: {how}", number + 1);
        for table in &component.tables {
            let table = &plan.tables[*table];
            if table.is_view {
                continue;
            }
            let keys = match &table.shape.primary {
                Some(key) => format!("primary key of {} columns", key.len()),
                None => "no primary key".to_string(),
            };
            let indexes = table.shape.indexes.len();
            let ttl = table.shape.ttl_us;
            let ttl = ttl.map_or(String::new(), |us| {
                format!(", rows stay {} ms", us as f64 / 1e3)
            });
            let _ = writeln!(
                text,
                "  table {}: {keys}, {indexes} indexes{ttl}, at most {TABLE_ROWS_MAX} rows: state rows",
                table.name
            );
        }
        for partition in &component.partitions {
            explain_keys(&plan.partitions[*partition], &mut text);
        }
        for query in &component.queries {
            explain_query(plan, &plan.queries[*query], event_time, &mut text);
        }
    }
    text
}

/// Where its rows go, and in what pieces.
fn how_it_runs(plan: &Plan, component: &Component) -> String {
    let routing = match &component.routing {
        Routing::Keyed { entries, .. } => {
            let keys = entries.iter().map(|e| e.text(&plan.streams));
            let keys: Vec<String> = keys.collect();
            format!("keyed by {}", keys.join(" and "))
        }
        Routing::Single(why) => format!("single worker: {why}"),
    };
    let merged = component.merged.iter().map(|s| &*plan.streams[*s].name);
    let merged: Vec<&str> = merged.collect();
    let order = match (component.row_by_row, merged.is_empty()) {
        (true, _) => ", row by row".to_string(),
        (false, true) => String::new(),
        (false, false) => format!(", rows of {} put in order", merged.join(" and ")),
    };
    format!("{routing}{order}")
}

fn explain_query(plan: &Plan, query: &QueryPlan, event_time: bool, text: &mut String) {
    let _ = writeln!(text, "  {}", query.name);
    // Terms of a pattern are told by the pattern.
    if let Some(pattern) = PatternText::of(plan, query) {
        let order = event_time.then(|| order(plan));
        explain_pattern(pattern, order.as_deref(), text);
    }
    let sources = query.sources.iter().enumerate();
    for (place, source) in sources.filter(|_| query.pattern.is_none()) {
        if source.table.is_none() {
            explain_source(plan, query, source, event_time, text);
        }
        if let Some(before) = place.checked_sub(1) {
            explain_join(plan, query, before, text);
        }
    }
    if let Some(late) = query.late {
        let _ = writeln!(text, "    late rows → {}", plan.streams[late].name);
    }
    for condition in &query.written.condition {
        let _ = writeln!(text, "    where {condition}");
    }
    if let Some(rollup) = &query.rollup {
        explain_rollup(query, &rollup.info, text);
    }
    if query.aggregates() {
        let calls: Vec<String> = query.calls.iter().map(|c| normal(&c.text)).collect();
        let keys = match query.written.keys.as_slice() {
            [] => "over all rows".to_string(),
            keys => format!("by {}", keys.join(", ")),
        };
        let _ = writeln!(
            text,
            "    aggregate [{}] {keys}: state keyed map of accumulators per group",
            calls.join(", ")
        );
    }
    if let Some(having) = &query.written.having {
        let _ = writeln!(text, "    having {having}");
    }
    if query.looks_back() {
        explain_over(plan, query, event_time, text);
    }
    if query.distinct {
        let _ = writeln!(text, "    distinct: state keyed map of rows");
    }
    if let Some(rate) = &query.rate {
        let counted = match rate.is_per_group(query) {
            true => " of each group",
            false => "",
        };
        let pace = rate.pace_text();
        let _ = writeln!(
            text,
            "    output {:?} every {pace}{counted}: {}, at most {RATE_LIMIT_ROWS_MAX}",
            rate.limit.rows,
            rate.state()
        );
    }
    if let StreamKind::Window(_) = plan.streams[query.target].kind {
        let _ = writeln!(text, "    keep what it holds, for questions: state rows");
    }
    explain_target(plan, query, text);
}

/// What calls with OVER look at.
fn explain_over(plan: &Plan, query: &QueryPlan, event_time: bool, text: &mut String) {
    if event_time {
        let _ = writeln!(text, "    {}", order(plan));
    }
    for (number, frame) in query.over.frames.iter().enumerate() {
        let _ = writeln!(text, "    {}", frame.text(&query.over, number));
    }
    if query.over.waits() {
        let _ = writeln!(
            text,
            "    rows go on when the clock has passed their time: state rows"
        );
    }
}

/// How an aggregation is held.
fn explain_rollup(query: &QueryPlan, info: &RollupInfo, text: &mut String) {
    let by = query.rollup.as_ref().and_then(|r| r.by.as_ref());
    let time = match by {
        Some(_) => "the time that BY gives",
        None => "when they happened",
    };
    let zone = &info.zone_text;
    let _ = writeln!(text, "    periods by {time}, in zone {zone}:");
    for level in &info.levels {
        let how = match level.from {
            Some(finer) => format!("merged from {}", info.levels[finer].granularity),
            None => "rows are added".to_string(),
        };
        let stay = match level.retention_us {
            Some(us) => format!("each stays {} s behind its end", us as f64 / 1e6),
            None => "all stay".to_string(),
        };
        let _ = writeln!(text, "      {}: {how}, {stay}", level.granularity);
    }
    let _ = writeln!(
        text,
        "      at most {AGGREGATION_PANES_MAX} groups of all periods (AGGREGATION_PANES_MAX): state keyed map of accumulators"
    );
}

/// What happens to the rows of a query.
fn explain_target(plan: &Plan, query: &QueryPlan, text: &mut String) {
    let target = &plan.streams[query.target];
    let Some(table) = target.kind.table() else {
        let outputs = query.outputs.len();
        let _ = writeln!(
            text,
            "    project {outputs} columns → {} ({:?} rows)",
            target.name, query.events
        );
        return;
    };
    let table = &plan.tables[table];
    if table.is_view {
        let _ = writeln!(text, "    fill aggregation {}", table.name);
        return;
    }
    let (what, on) = match &query.action {
        ActionPlan::Insert => ("insert into", None),
        ActionPlan::Update { on, .. } => ("update", Some(on)),
        ActionPlan::Delete { on } => ("delete from", Some(on)),
        ActionPlan::Upsert { on } => ("upsert into", Some(on)),
    };
    let access = on.map_or(String::new(), |on| format!(": {}", access(table, on, true)));
    let _ = writeln!(text, "    {what} table {}{access}", table.name);
}

fn explain_source(
    plan: &Plan,
    query: &QueryPlan,
    source: &SourcePlan,
    event_time: bool,
    text: &mut String,
) {
    let _ = writeln!(text, "    read {}", plan.streams[source.stream].name);
    explain_door(plan, source, text);
    let place = query.sources.iter().position(|s| std::ptr::eq(s, source));
    for member in query.members.iter().filter(|m| Some(m.source) == place) {
        let table = &plan.tables[member.table];
        let access = access(table, &member.on, true);
        let _ = writeln!(text, "    look up in table {}: {access}", table.name);
    }
    if let Some(line) = place.and_then(|p| plan.by_constant_text(query, p)) {
        let _ = writeln!(text, "    {line}");
    }
    for filter in place.iter().flat_map(|p| &query.written.filters[*p]) {
        let _ = writeln!(text, "    filter {filter}");
    }
    let joined = query.joins_sources() && query.takes_rows_in_order();
    let in_order = source
        .window
        .as_ref()
        .is_some_and(WindowPlan::takes_rows_in_order);
    if event_time && (in_order || (joined && source.named.is_none())) {
        let _ = writeln!(text, "    {}", order(plan));
    }
    if let Some(window) = &source.window {
        let _ = writeln!(text, "    {}: {}", source.window_text, window.state());
        if source.partition_key.is_some() && window.apart() == Apart::PerKey {
            let _ = writeln!(
                text,
                "    at most {PARTITION_KEYS_MAX} keys on a worker (PARTITION_KEYS_MAX); rows of others are dropped and counted"
            );
        }
    }
}

/// The keys of a partition that are kept.
fn explain_keys(partition: &PartitionPlan, text: &mut String) {
    let Some(keys) = partition.keys else { return };
    let purge = keys.purge_us.map_or(String::new(), |(idle, interval)| {
        let (idle, interval) = (idle as f64 / 1e3, interval as f64 / 1e3);
        format!(", forgotten after {idle} ms without a row, looked at each {interval} ms")
    });
    let _ = writeln!(
        text,
        "  keys of {}: at most {}{purge}: state keyed map of times",
        partition.identity.id, keys.keys_max
    );
}

/// By which key the rows of a source are apart.
fn explain_door(plan: &Plan, source: &SourcePlan, text: &mut String) {
    let Some(door) = &source.door else {
        if source.partition_key.is_some() {
            let _ = writeln!(
                text,
                "    by the key of the partition, which its rows carry"
            );
        }
        return;
    };
    let aside = door.aside.map(|s| &plan.streams[s].name);
    let others = aside.map_or("are dropped".to_string(), |name| format!("→ {name}"));
    let _ = writeln!(text, "    by key {}; rows without one {others}", door.text);
}

/// The join of a source with those before it.
fn explain_join(plan: &Plan, query: &QueryPlan, before: usize, text: &mut String) {
    let join = &query.joins[before];
    let right = &query.sources[before + 1];
    let name = |source: &SourcePlan| plan.streams[source.stream].name.to_string();
    let left = match before {
        0 => name(&query.sources[0]),
        _ => "what was joined".to_string(),
    };
    let kind = match join.kind {
        JoinKind::Inner => "join",
        JoinKind::Left => "left join",
        JoinKind::Right => "right join",
        JoinKind::Full => "full join",
        JoinKind::Asof => "asof join",
        JoinKind::AsofLeft => "asof left join",
    };
    let trigger = match join.trigger {
        Trigger::Both => "both sides trigger",
        Trigger::Left => "the left side triggers",
        Trigger::Right => "the right side triggers",
    };
    let _ = writeln!(text, "    {kind} of {left} with {}: {trigger}", name(right));
    let table = query.sources[0].table.filter(|_| before == 0);
    match (right.table, table) {
        (Some(table), _) => {
            let table = &plan.tables[table];
            let access = access(table, &join.on, true);
            let what = looked_up(plan, table, right);
            let _ = writeln!(text, "      look up in {what} {}: {access}", table.name);
        }
        (None, Some(table)) => {
            let table = &plan.tables[table];
            let access = access(table, &join.on, false);
            let what = looked_up(plan, table, &query.sources[0]);
            let _ = writeln!(text, "      look up in {what} {}: {access}", table.name);
        }
        (None, None) => {
            let keys = match join.on.keys.len() {
                0 => "all rows of the other side are tried".to_string(),
                1 => "hash index on 1 key".to_string(),
                keys => format!("hash index on {keys} keys"),
            };
            let rest = match join.on.residual.len() {
                0 => String::new(),
                rest => format!(", then {rest} conditions"),
            };
            let _ = writeln!(text, "      {keys}{rest}");
            explain_ranges(plan, query, before, text);
            explain_sides(plan, query, before, text);
        }
    }
    let pads = match (join.preserves(), join.trigger) {
        ([false, false], _) => return,
        _ if join.pads_late() => {
            "a row that meets nothing is padded when no partner can come any more"
        }
        (_, Trigger::Both) => {
            "a row that meets nothing is padded when it comes, until it meets one"
        }
        _ => "a row that meets nothing is padded when it comes",
    };
    let _ = writeln!(text, "      {pads}");
}

/// What a table is called that a join looks up, and what is read of an aggregation.
fn looked_up(plan: &Plan, table: &TablePlan, source: &SourcePlan) -> String {
    let info = plan.streams[table.stream].rollup.as_ref();
    match info.zip(source.reach.as_ref()) {
        Some((info, reach)) => format!(
            "the {} of aggregation",
            info.levels[reach.level].granularity
        ),
        None => "table".to_string(),
    }
}

/// By which columns rows of a key are found where it has many.
fn explain_ranges(plan: &Plan, query: &QueryPlan, before: usize, text: &mut String) {
    let join = &query.joins[before];
    for (side, alone) in [(0, Trigger::Left), (1, Trigger::Right)] {
        if join.trigger == alone {
            continue;
        }
        let Some(range) = join.on.range(before + 1, side) else {
            continue;
        };
        let ColumnRef::Input { source, column } = range.column else {
            continue;
        };
        let schema = &plan.streams[query.sources[source].stream].schema;
        let _ = writeln!(
            text,
            "      many rows of one key: ordered index on {} of side {}",
            schema.attributes()[column].name,
            ["left", "right"][side]
        );
    }
}

/// What the sides of a join hold.
fn explain_sides(plan: &Plan, query: &QueryPlan, before: usize, text: &mut String) {
    let join = &query.joins[before];
    let sides = [before.checked_sub(1).map_or(0, |_| usize::MAX), before + 1];
    for (side, source) in sides.into_iter().enumerate() {
        let Some(source) = query.sources.get(source) else {
            if join.trigger == Trigger::Both {
                let _ = writeln!(text, "      left side holds what was joined: state rows");
            }
            continue;
        };
        let name = &plan.streams[source.stream].name;
        let holds = match (source.held_by(), join.is_asof()) {
            (_, true) if side == 1 => "the latest row of each key: state rows".to_string(),
            (_, true) => continue,
            (Some(_), _) => "what its window holds: state rows".to_string(),
            (None, _) if join.trigger == [Trigger::Left, Trigger::Right][side] => continue,
            (None, _) => match join.reach_us()[side] {
                Some(us) => format!(
                    "rows for {} ms after their time, at most {JOIN_ROWS_MAX}: state rows",
                    us as f64 / 1e3
                ),
                None => format!("all rows, at most {JOIN_ROWS_MAX} (JOIN_ROWS_MAX): state rows"),
            },
        };
        let _ = writeln!(text, "      side {name} holds {holds}");
    }
}

/// How rows of a table are found.
fn access(table: &TablePlan, on: &On, is_right: bool) -> String {
    let column = |key: &EqualKey| match is_right {
        true => key.right.as_column(),
        false => key.left.as_column(),
    };
    let attribute = |c: ColumnRef| match c {
        ColumnRef::Input { column, .. } => Some(column),
        _ => None,
    };
    let equal: Vec<usize> = on
        .keys
        .iter()
        .filter_map(column)
        .filter_map(attribute)
        .collect();
    let access = table.shape.access(&equal);
    let columns = table.shape.columns_of(access).len();
    let how = match access {
        Access::Scan => "every row is tried".to_string(),
        Access::Key(0) if table.shape.primary.is_some() => "by its primary key".to_string(),
        Access::Key(number) => {
            let index = number - usize::from(table.shape.primary.is_some());
            format!("by its index {}", index + 1)
        }
    };
    let conditions = on.conjuncts().count();
    match conditions.saturating_sub(columns) {
        0 => how,
        rest => format!("{how}, then {rest} conditions"),
    }
}

/// The ordered buffer in front of a window.
fn order(plan: &Plan) -> String {
    let of_streams = (0..plan.streams.len()).map(|stream| plan.lateness_of(stream));
    let held = match of_streams.max().unwrap_or(0) {
        0 => "rows ahead of the clock, which one input alone never has".to_string(),
        us => format!(
            "rows until the clock reaches them, {} ms behind their input",
            us as f64 / 1e3
        ),
    };
    format!("order by time: holds {held}, at most {REORDER_ROWS_MAX}: state rows")
}
