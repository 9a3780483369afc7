//! What bounds the work of planning, and that of one row: an app may come from someone who is not trusted.

use super::QueryPlan;
use super::component::Component;
use crate::error::Fault;
use crate::sql::ast::{Expr, Span};
use std::collections::HashMap;

/// Columns of all streams and of the outputs of all queries: `SELECT *` makes many of few signs.
pub(crate) const COLUMNS_MAX: usize = 100_000;

/// Queries of an app.
pub(crate) const QUERIES_MAX: usize = 10_000;

/// Times that queries run for one row that comes in: each layer of queries multiplies with the next.
pub(crate) const FAN_OUT_MAX: u64 = 100_000;

/// Parts of expressions that aliases and numbers of columns stand for in GROUP BY, HAVING and ORDER BY of one query.
pub(crate) const EXPANDED_NODES_MAX: usize = 20_000;

/// Levels of an expression in which aliases are replaced, as of one that is written out.
pub(crate) const EXPANDED_HEIGHT_MAX: usize = 400;

/// Calls of `regexp` in an app, those in conditions of windows too: each may take a millisecond to read, and a megabyte
/// from the first row on.
pub(crate) const REGEXPS_MAX: usize = 1_000;

/// That an app has more than [`REGEXPS_MAX`] regular expressions. They are counted in the text, before any is read:
/// conditions of windows are texts in it, and a comment is as good as a call here.
pub(super) fn too_many_regexps(text: &str) -> Option<Fault> {
    const NAME: &str = "regexp";
    const EXTRACT: &str = "_extract";
    let bytes = text.as_bytes();
    let in_word = |at: usize| {
        let byte = bytes.get(at);
        byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
    };
    let is_call = |at: &usize| {
        let (at, mut end) = (*at, *at + NAME.len());
        let name = bytes.get(at..end);
        let extract = bytes.get(end..end + EXTRACT.len());
        if extract.is_some_and(|e| e.eq_ignore_ascii_case(EXTRACT.as_bytes())) {
            end += EXTRACT.len();
        }
        name.is_some_and(|name| name.eq_ignore_ascii_case(NAME.as_bytes()))
            && !in_word(end)
            && !at.checked_sub(1).is_some_and(in_word)
    };
    let at = (0..text.len()).filter(is_call).nth(REGEXPS_MAX)?;
    let span = Span {
        start: at as u32,
        end: (at + NAME.len()) as u32,
    };
    let message = format!("the app has more than {REGEXPS_MAX} regular expressions (REGEXPS_MAX)");
    Some(Fault::new(span, message).help("split it into several apps, or join patterns by |"))
}

/// Counts columns, and is wrong once there are too many.
#[derive(Default)]
pub(super) struct Columns(usize);

impl Columns {
    /// Takes so many more; `span` is where they are asked for.
    pub(super) fn add(&mut self, count: usize, span: Span) -> Result<(), Fault> {
        self.0 = self.0.saturating_add(count);
        if self.0 <= COLUMNS_MAX {
            return Ok(());
        }
        let message =
            format!("streams and queries have more than {COLUMNS_MAX} columns (COLUMNS_MAX)");
        Err(Fault::new(span, message).help("list the attributes that are read instead of *"))
    }
}

/// The first query, by its number, with which a row makes queries run more than [`FAN_OUT_MAX`] times.
pub(super) fn fans_out(components: &[Component], queries: &[QueryPlan]) -> Option<usize> {
    for component in components {
        // how often a row comes by each stream of a component in which writers come first
        let mut rows: HashMap<usize, u64> = HashMap::new();
        let mut runs: u64 = 0;
        for number in &component.queries {
            let query = &queries[*number];
            let times = query.read().map(|s| rows.get(&s).copied().unwrap_or(1));
            let times = times.fold(0, u64::saturating_add);
            runs = runs.saturating_add(times);
            if runs > FAN_OUT_MAX {
                return Some(*number);
            }
            for stream in query.written() {
                let written = rows.entry(stream).or_default();
                *written = written.saturating_add(times);
            }
        }
    }
    None
}

/// Parts of an expression, and its levels.
pub(super) fn size(expr: &mut Expr) -> (usize, usize) {
    let (mut nodes, mut height) = (1, 0);
    expr.children_mut(&mut |child| {
        let below = size(child);
        nodes += below.0;
        height = height.max(below.1);
    });
    (nodes, height + 1)
}
