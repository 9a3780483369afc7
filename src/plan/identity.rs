//! What a query is called in checkpoints, and what of it must not change if its state is to be restored.
//!
//! A query is known by its name in `@info(name='…')`, otherwise by a hash of its text without regard to blanks, and its
//! place among queries of the same text: never by its place among all, so that queries may be added, removed and
//! moved. What its state means is decided by the stream that it reads, by its window, filters, keys and aggregates, by
//! the columns that a window keeps, and with DISTINCT by all that tells its rows apart. What the queries above it do
//! with rows before they reach it decides, too ([`super::above`]).

use super::above::Above;
use super::scope::QueryScope;
use super::source::NamedSource;
use super::{QueryPlan, WindowPlan};
use crate::event::{Schema, Type};
use crate::expr::Typed;
use crate::sql::ast::{
    Action, AggregationDef, Expr, ExprKind, Join, Name, Query, SelectItem, Source, Span, Statement,
    TableDef,
};
use crate::sql::parse;
use std::collections::HashMap;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// A query as checkpoints know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueryIdentity {
    /// Unique in the app.
    pub(crate) id: String,
    /// Named by the user.
    named: bool,
    /// The whole text, each run of blanks as one.
    pub(crate) text: String,
    /// What its state depends on.
    pub(crate) state_text: String,
    /// What earlier builds took for that, where they took the text to mean the same: window, keys and aggregates.
    pub(crate) former_state_text: Option<String>,
    /// What decides which rows come to it; none where it has no state.
    pub(crate) above: Option<Arc<Above>>,
}

impl QueryIdentity {
    /// The identity of a table. Its indexes are made of its rows, so they are no part of it.
    pub(super) fn of_table(def: &TableDef, schema: &Schema, key: &[usize]) -> QueryIdentity {
        let attributes = schema.attributes();
        let columns: Vec<String> = attributes
            .iter()
            .map(|a| format!("{} {}", a.name, a.ty))
            .collect();
        let key: Vec<&str> = key.iter().map(|c| &*attributes[*c].name).collect();
        let text = format!(
            "CREATE TABLE {} ({}) KEY ({})",
            def.name.text,
            columns.join(", "),
            key.join(", ")
        );
        QueryIdentity {
            id: format!("table {}", def.name.text.to_ascii_lowercase()),
            named: true,
            state_text: text.clone(),
            text,
            former_state_text: None,
            above: None,
        }
    }

    /// The identity of a partition with these keys; `ordinal`: how many with the same keys stand before it.
    pub(super) fn of_partition(keys: &[String], ordinal: usize) -> QueryIdentity {
        let keys = keys.join(", ");
        let number = match ordinal {
            0 => String::new(),
            before => format!(" {}", before + 1),
        };
        let text = format!("PARTITION WITH ({keys}){number}");
        QueryIdentity {
            id: format!("partition {keys}{number}"),
            named: true,
            state_text: text.clone(),
            text,
            former_state_text: None,
            above: None,
        }
    }

    /// The identity of a trigger that fires at the times of this text.
    pub(super) fn of_trigger(name: &str, at: &str) -> QueryIdentity {
        let text = format!("CREATE TRIGGER {name} {at}");
        QueryIdentity {
            id: format!("trigger {}", name.to_ascii_lowercase()),
            named: true,
            state_text: text.to_ascii_uppercase(),
            text,
            former_state_text: None,
            above: None,
        }
    }

    /// The identity of the query that fills a named window.
    pub(super) fn of_window(self, name: &Name) -> QueryIdentity {
        QueryIdentity {
            id: format!("window {}", name.text.to_ascii_lowercase()),
            named: true,
            text: format!("CREATE WINDOW {} {}", name.text, self.text),
            ..self
        }
    }

    /// The identity of the query that fills an aggregation.
    pub(super) fn of_aggregation(
        self,
        name: &Name,
        def: &AggregationDef,
        text: &str,
    ) -> QueryIdentity {
        let words: Vec<&str> = def.every.iter().map(|g| g.word()).collect();
        let by = def.by.as_ref().and_then(|by| text.get(by.span.range()));
        let is_zone = |key: &&(Name, Name)| key.0.text.eq_ignore_ascii_case("timezone");
        let zone = def
            .options
            .iter()
            .find(is_zone)
            .map_or("UTC", |(_, zone)| &zone.text);
        let own = format!(
            " BY {} EVERY {} ZONE {}",
            normal(by.unwrap_or_default()),
            words.join(", "),
            zone.to_ascii_lowercase()
        );
        QueryIdentity {
            id: format!("aggregation {}", name.text.to_ascii_lowercase()),
            named: true,
            state_text: self.state_text + &own,
            former_state_text: None,
            ..self
        }
    }

    /// The identity of what is read of an aggregation, which has no state.
    pub(super) fn of_view(name: &Name) -> QueryIdentity {
        let text = format!("view of aggregation {}", name.text.to_ascii_lowercase());
        QueryIdentity {
            id: text.clone(),
            named: true,
            state_text: text.clone(),
            text,
            former_state_text: None,
            above: None,
        }
    }

    /// The identity of a bound query in the scope that it was bound in.
    pub(super) fn of(scope: &QueryScope<'_>, query: &Query, plan: &QueryPlan) -> QueryIdentity {
        let written = |span: Span| normal(scope.text.get(span.range()).unwrap_or_default());
        let former = former_state_text(&written, query, plan);
        let ordinal = |key: &Expr| matches!(key.kind, ExprKind::Literal(_));
        let has_window = plan.windows().next().is_some() || plan.joins_sources();
        let limited = query.rate.is_some();
        let keeps = plan.apart_by().is_some();
        let stateless = !has_window && !keeps && !plan.distinct && !limited;
        let state_text = match stateless {
            true => former.clone(),
            false => format!("{former}{}", state_parts(&written, scope, query, plan)),
        };
        let text = written(query.span);
        QueryIdentity {
            id: query.name.as_ref().map_or_else(
                || format!("q-{:016x}", xxh3_64(text.as_bytes())),
                |name| name.text.clone(),
            ),
            named: query.name.is_some(),
            text,
            state_text,
            former_state_text: (!query.group_by.iter().any(ordinal) && !limited).then_some(former),
            above: (!stateless).then(Arc::default),
        }
    }
}

/// Window, keys and aggregates, to the letter as the first version wrote them.
fn former_state_text(written: &dyn Fn(Span) -> String, query: &Query, plan: &QueryPlan) -> String {
    let window = |source: &Source| match &source.window {
        Some(window) => written(window.span),
        None => "no window".to_string(),
    };
    let windows: Vec<String> = query.sources.iter().map(window).collect();
    let typed = |text: String, of: &[Typed]| {
        let types: Vec<String> = of.iter().map(|t| type_name(t.ty)).collect();
        format!("{text}: {}", types.join(", "))
    };
    // The key of a partition stands in front of them.
    let own = plan.keys.len().saturating_sub(query.group_by.len());
    let keys = query.group_by.iter().zip(&plan.keys[own..]);
    let keys: Vec<String> = keys
        .map(|(key, bound)| typed(written(key.span), std::slice::from_ref(bound)))
        .collect();
    let calls = plan.calls.iter();
    let calls: Vec<String> = calls.map(|c| typed(normal(&c.text), &c.args)).collect();
    let distinct = if plan.distinct { " DISTINCT" } else { "" };
    format!(
        "{} GROUP BY {} AGGREGATES {}{distinct}",
        windows.join(", "),
        keys.join(", "),
        calls.join(", "),
    )
}

/// What else the state of a query with state depends on.
fn state_parts(
    written: &dyn Fn(Span) -> String,
    scope: &QueryScope<'_>,
    query: &Query,
    plan: &QueryPlan,
) -> String {
    let mut text = meetings(written, query);
    let has_window = plan.windows().next().is_some() || plan.joins_sources();
    if let (Some(written_pattern), Some(pattern)) = (&query.pattern, &plan.pattern) {
        let kept = pattern.kept(plan.expressions());
        text += &format!(" {} HOLDS {kept:?}", written(written_pattern.span));
    }
    let panes = plan.windows().any(|w| matches!(w, WindowPlan::Panes(_)));
    if !has_window || panes || plan.apart_by().is_some() || plan.distinct {
        text += &format!(" WHERE {}", listed(written, &query.filter));
    }
    text += &format!(" ALIASES {}", scope.meant.join(", "));
    if has_window || plan.distinct || query.rate.is_some() {
        text += &format!(" EVENTS {:?}", plan.events);
    }
    let sources = plan.sources.iter().zip(scope.sources).enumerate();
    for (place, (source, NamedSource { schema, .. })) in sources {
        if let Some(window) = &source.window {
            let mut kept = attributes(plan.expressions().chain(window.keys()), place);
            kept.extend(window.held_columns());
            text += &format!(" KEEPS {}", named(kept, schema));
        } else if plan.joins_sources() && source.table.is_none() {
            let kept = attributes(plan.expressions(), place);
            text += &format!(" KEEPS {}", named(kept, schema));
        }
    }
    if panes {
        let order = plan.order.iter().map(|(e, _)| e);
        let shown = plan.outputs.iter().chain(&plan.having).chain(order);
        let shown: Vec<&Typed> = shown.collect();
        let of = |(place, source): (usize, &NamedSource<'_>)| {
            named(attributes(shown.iter().copied(), place), source.schema)
        };
        let texts: Vec<String> = scope.sources.iter().enumerate().map(of).collect();
        text += &format!(" SHOWS {}", texts.join(", "));
    }
    if plan.looks_back() {
        text += &plan.over.state_text();
        for (place, source) in scope.sources.iter().enumerate() {
            let held = attributes(plan.expressions(), place);
            let order = plan.order.iter().map(|(e, _)| e);
            let shown = plan.outputs.iter().chain(&plan.having).chain(order);
            let shown = attributes(shown, place);
            let (held, shown) = (named(held, source.schema), named(shown, source.schema));
            text += &format!(" CARRIES {held} SHOWS {shown}");
        }
    }
    if plan.partition.is_some() {
        let keys = plan.sources.iter().map(|s| match &s.door {
            Some(door) => door.text.as_str(),
            None if s.partition_key.is_some() => "the key",
            None => "nothing",
        });
        text += &format!(" PARTITION {}", keys.collect::<Vec<_>>().join(", "));
    }
    if let Some(rate) = &query.rate {
        let types: Vec<String> = plan.outputs.iter().map(|o| type_name(o.ty)).collect();
        text += &format!(" {:?} {:?} OF {}", rate.rows, rate.pace, types.join(", "));
    }
    if plan.distinct || query.rate.is_some() {
        text += &told_apart_by(written, scope, query, plan);
    }
    text
}

/// Expressions as written.
fn listed<'a>(
    written: &dyn Fn(Span) -> String,
    expressions: impl IntoIterator<Item = &'a Expr>,
) -> String {
    let texts = expressions.into_iter().map(|e| written(e.span));
    texts.collect::<Vec<_>>().join(", ")
}

/// The sources, and how they meet.
fn meetings(written: &dyn Fn(Span) -> String, query: &Query) -> String {
    let mut text = String::new();
    for source in &query.sources {
        let Source {
            stream,
            alias: _,
            filters,
            window: _,
            unidirectional,
            reach,
            // A script keeps no state.
            whole: _,
        } = source;
        let filters = listed(written, filters);
        text += &format!(" FROM {} FILTERS {filters}", stream.text);
        if unidirectional.is_some() {
            text += " UNIDIRECTIONAL";
        }
        if let Some(reach) = reach {
            text += &format!(" {}", written(reach.span));
        }
    }
    for join in &query.joins {
        let within = join.within.map(|(us, _)| us);
        text += &format!(
            " {:?} ON {} WITHIN {within:?}",
            join.kind,
            written(join.on.span)
        );
    }
    text
}

/// What tells rows apart for DISTINCT, and what a rate limit holds of them.
fn told_apart_by(
    written: &dyn Fn(Span) -> String,
    scope: &QueryScope<'_>,
    query: &Query,
    plan: &QueryPlan,
) -> String {
    let all = |schema: &Schema| named((0..schema.len()).collect(), schema);
    let item = |item: &SelectItem| match item {
        SelectItem::Star(_) => {
            let texts: Vec<String> = scope.sources.iter().map(|s| all(s.schema)).collect();
            texts.join(", ")
        }
        SelectItem::Expr { expr, alias: _ } => written(expr.span),
    };
    let items: Vec<String> = query.select.iter().map(item).collect();
    let order = query.order_by.iter();
    let order: Vec<String> = order
        .map(|(e, d)| format!("{} {d}", written(e.span)))
        .collect();
    format!(
        " SELECT {} HAVING {} ORDER BY {} LIMIT {:?} OFFSET {:?}",
        items.join(", "),
        listed(written, &query.having),
        order.join(", "),
        plan.limit,
        plan.offset,
    )
}

/// The attributes of a source that expressions read, as often as they do.
pub(super) fn attributes<'a>(of: impl Iterator<Item = &'a Typed>, source: usize) -> Vec<usize> {
    let mut attributes = Vec::new();
    of.for_each(|typed| typed.columns(&mut |c| attributes.extend(c.attribute_of(source))));
    attributes
}

/// Names and types of columns, each once.
pub(super) fn named(mut columns: Vec<usize>, input: &Schema) -> String {
    columns.sort_unstable();
    columns.dedup();
    // What tables say of a row stands behind its attributes.
    let attributes = columns.iter().filter_map(|c| input.attributes().get(*c));
    let texts: Vec<String> = attributes.map(|a| format!("{} {}", a.name, a.ty)).collect();
    texts.join(", ")
}

/// By which clauses two texts of a query differ, for a reader.
pub(crate) fn changes(before: &str, now: &str) -> Vec<&'static str> {
    let (Some(before), Some(now)) = (clauses(before), clauses(now)) else {
        return Vec::new();
    };
    let changed = before.iter().zip(&now).filter(|(a, b)| a.1 != b.1);
    changed.map(|(clause, _)| clause.0).collect()
}

/// The clauses of a query of this text.
fn clauses(text: &str) -> Option<Vec<(&'static str, String)>> {
    let (app, _) = parse(text);
    let [Statement::Query(query)] = app.statements.as_slice() else {
        return None;
    };
    let Query {
        name: _,
        late_stream: _,
        span: _,
        target: _,
        events,
        distinct,
        select,
        action,
        sources,
        joins,
        pattern,
        filter,
        group_by,
        having,
        order_by,
        limit,
        offset,
        rate,
        aggregation: _,
    } = query;
    let written = |span: Span| normal(text.get(span.range()).unwrap_or_default());
    let clause = |span: Option<Span>| span.map_or_else(String::new, written);
    let list = |exprs: &mut dyn Iterator<Item = &Expr>| -> String {
        exprs.map(|e| written(e.span) + ", ").collect()
    };
    let item = |item: &SelectItem| match item {
        SelectItem::Star(_) => "*, ".to_string(),
        SelectItem::Expr { expr, alias } => {
            let alias = alias.as_ref().map_or("", |a| &a.text);
            format!("{} {alias}, ", written(expr.span))
        }
    };
    let order: String = order_by
        .iter()
        .map(|(e, d)| format!("{} {d}, ", written(e.span)))
        .collect();
    let cut = (limit.map(|l| l.0), offset.map(|o| o.0));
    let streams: Vec<&str> = sources.iter().map(|s| s.stream.text.as_str()).collect();
    let mut filters = sources.iter().flat_map(|s| &s.filters);
    let window = |s: &Source| {
        s.window
            .as_ref()
            .map_or_else(String::new, |w| written(w.span))
    };
    let windows: Vec<String> = sources.iter().map(window).collect();
    let join = |j: &Join| format!("{:?} {} {:?}, ", j.kind, written(j.on.span), j.within);
    Some(vec![
        ("the stream", streams.join(", ")),
        ("the filter", list(&mut filters)),
        ("the window", windows.join(", ")),
        ("the joins", joins.iter().map(join).collect()),
        ("the pattern", clause(pattern.as_ref().map(|p| p.span))),
        ("what is changed", changed(action, &written)),
        ("WHERE", list(&mut filter.iter())),
        ("GROUP BY", list(&mut group_by.iter())),
        ("DISTINCT", distinct.is_some().to_string()),
        ("the columns", select.iter().map(item).collect()),
        ("HAVING", list(&mut having.iter())),
        ("ORDER BY", order),
        ("LIMIT or OFFSET", format!("{cut:?}")),
        ("which rows are inserted", format!("{events:?}")),
        ("OUTPUT", clause(rate.map(|r| r.span))),
    ])
}

/// Which rows of a table a query changes, and how.
fn changed(action: &Action, written: &dyn Fn(Span) -> String) -> String {
    match action {
        Action::Insert => String::new(),
        Action::Delete { on } | Action::Upsert { on } => written(on.span),
        Action::Update { set, on } => {
            let value = |(name, value): &(Name, Expr)| (name.text.clone(), written(value.span));
            let set: Vec<(String, String)> = set.iter().map(value).collect();
            format!("{set:?} {}", written(on.span))
        }
    }
}

/// Makes the identities of an app's queries unique. Returns the place of a query whose name is taken.
pub(super) fn tell_apart(queries: &mut [QueryPlan]) -> Option<usize> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (place, query) in queries.iter_mut().enumerate() {
        let identity = &mut query.identity;
        let count = seen.entry(identity.id.clone()).or_default();
        *count += 1;
        if *count > 1 && identity.named {
            return Some(place);
        }
        if *count > 1 {
            identity.id = format!("{}-{count}", identity.id);
        }
    }
    None
}

fn type_name(ty: Option<Type>) -> String {
    ty.map_or_else(|| "NULL".to_string(), |ty| ty.to_string())
}

/// A text with each run of blanks outside quotes as one.
pub(super) fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quote = None;
    for c in text.trim().chars() {
        match quote {
            None if c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
                continue;
            }
            None if matches!(c, '\'' | '"' | '`') => quote = Some(c),
            Some(q) if q == c => quote = None,
            _ => {}
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_count_only_in_quotes() {
        assert_eq!(normal("  a\n  b 'c  d'  e "), "a b 'c  d' e");
    }
}
