//! What a query is called in checkpoints, and what of it must not change if its state is to be restored.
//!
//! A query is known by its name in `@info(name='…')`, else by a hash of its text without regard to blanks, and its
//! place among queries of the same text: never by its place among all, so that queries may be added, removed and
//! moved. Its window, keys and aggregates decide what its state means.

use super::QueryPlan;
use super::scope::Call;
use crate::event::Type;
use crate::expr::Typed;
use crate::sql::ast::{Query, Span};
use std::collections::HashMap;
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
    /// Window, keys and aggregates.
    pub(crate) state_text: String,
}

impl QueryIdentity {
    /// The identity of a query of an app's text; `keys`: its bound keys, `calls`: its aggregate calls.
    pub(super) fn of(app: &str, query: &Query, keys: &[Typed], calls: &[Call]) -> QueryIdentity {
        let written = |span: Span| normal(app.get(span.range()).unwrap_or_default());
        let window = query.source.window.as_ref().map(|w| written(w.span));
        let typed = |text: String, of: &[Typed]| {
            let types: Vec<String> = of.iter().map(|t| type_name(t.ty)).collect();
            format!("{text}: {}", types.join(", "))
        };
        let keys = query.group_by.iter().zip(keys);
        let keys: Vec<String> = keys
            .map(|(key, bound)| typed(written(key.span), std::slice::from_ref(bound)))
            .collect();
        let calls: Vec<String> = calls
            .iter()
            .map(|c| typed(normal(&c.text), &c.args))
            .collect();
        let distinct = if query.distinct.is_some() {
            " DISTINCT"
        } else {
            ""
        };
        let state_text = format!(
            "{} GROUP BY {} AGGREGATES {}{distinct}",
            window.as_deref().unwrap_or("no window"),
            keys.join(", "),
            calls.join(", "),
        );
        let text = written(query.span);
        QueryIdentity {
            id: query.name.as_ref().map_or_else(
                || format!("q-{:016x}", xxh3_64(text.as_bytes())),
                |name| name.text.clone(),
            ),
            named: query.name.is_some(),
            text,
            state_text,
        }
    }
}

/// Makes the identities of an app's queries unique. Answers the place of a query whose name is taken.
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
fn normal(text: &str) -> String {
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
