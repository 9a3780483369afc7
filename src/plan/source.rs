//! The sources of a query: which streams it reads, under which names, and what happens to their rows before they meet
//! others.
//!
//! Names of attributes are looked up over all sources; a filter or window knows only its own.

use super::StreamPlan;
use super::scope::QueryScope;
use super::window::WindowPlan;
use super::window_args::bind_window;
use crate::error::Fault;
use crate::event::{Schema, Type};
use crate::expr::{ColumnRef, Typed, Unresolved};
use crate::operator::aggregate::Rows;
use crate::sql::ast::{Name, Query, Source};

/// The place of the source of a query that has one. Whatever names it can handle no other queries.
pub(crate) const ONLY_SOURCE: usize = 0;

/// What a query reads of a stream, and what happens to its rows before they meet others.
pub(crate) struct SourcePlan {
    pub(crate) stream: usize,
    /// Filters before the window.
    pub(crate) filter: Option<Typed>,
    pub(crate) window: Option<WindowPlan>,
    /// The window clause as written.
    pub(crate) window_text: String,
}

/// What a source is called, and what it has.
#[derive(Clone, Copy)]
pub(super) struct NamedSource<'a> {
    stream: &'a str,
    alias: Option<&'a str>,
    pub(super) schema: &'a Schema,
}

impl<'a> NamedSource<'a> {
    pub(super) fn new(written: &'a Source, stream: &'a StreamPlan) -> Self {
        NamedSource {
            stream: &stream.name,
            alias: written.alias.as_ref().map(|a| a.text.as_str()),
            schema: &stream.schema,
        }
    }

    /// Its alias, otherwise its stream.
    pub(super) fn name(&self) -> &'a str {
        self.alias.unwrap_or(self.stream)
    }

    /// The columns of its attributes with their names; it is the source at `place`.
    pub(super) fn columns(&self, place: usize) -> impl Iterator<Item = (ColumnRef, &'a str, Type)> {
        let attributes = self.schema.attributes().iter().enumerate();
        attributes.map(move |(column, attribute)| {
            let source = place;
            (
                ColumnRef::Input { source, column },
                &*attribute.name,
                attribute.ty,
            )
        })
    }
}

/// The sources with their windows, and without filters yet; tells the scope what the windows are.
pub(super) fn bind_windows(
    scope: &mut QueryScope<'_>,
    query: &Query,
    inputs: &[usize],
) -> Vec<SourcePlan> {
    let mut sources = Vec::new();
    for (place, (written, stream)) in query.sources().iter().zip(inputs).enumerate() {
        let clause = written.window.as_ref();
        let text = clause.and_then(|w| scope.text.get(w.span.range()));
        sources.push(SourcePlan {
            stream: *stream,
            filter: None,
            window: clause.and_then(|w| bind_window(w, place, scope)),
            window_text: text.unwrap_or_default().to_string(),
        });
    }
    let mut clauses = query.sources().iter().zip(&sources);
    let is_wrong = clauses.any(|(written, s)| written.window.is_some() && s.window.is_none());
    let mut windows = sources.iter().filter_map(|s| s.window.as_ref());
    // What a wrong window would have is not told as a fault of its own.
    scope.has_panes = (!is_wrong).then(|| windows.any(|w| matches!(w, WindowPlan::Panes(_))));
    let window = sources[ONLY_SOURCE].window.as_ref();
    scope.rows = window.map_or(Rows::Forever, WindowPlan::rows);
    sources
}

/// The attribute of a name. `only`: the one source whose attributes may be named here, if they are not those of all.
pub(super) fn attribute(
    sources: &[NamedSource<'_>],
    only: Option<usize>,
    qualifier: Option<&Name>,
    name: &Name,
) -> Result<(ColumnRef, Type), Unresolved> {
    let mut candidates: Vec<(usize, &NamedSource<'_>)> = sources.iter().enumerate().collect();
    candidates.retain(|(place, _)| only.is_none_or(|only| *place == only));
    if let Some(qualifier) = qualifier {
        candidates = called(candidates, qualifier)?;
    }
    let found = candidates.iter().filter_map(|(place, source)| {
        let column = source.schema.position(&name.text)?;
        Some((*place, column, *source))
    });
    match found.collect::<Vec<_>>().as_slice() {
        [] => Err(Unresolved::Unknown(unknown(&candidates, name))),
        [(source, column, of)] => {
            let (source, column) = (*source, *column);
            let ty = of.schema.attributes()[column].ty;
            Ok((ColumnRef::Input { source, column }, ty))
        }
        several => {
            let sources: Vec<&str> = several.iter().map(|(.., s)| s.name()).collect();
            let message = format!("attribute '{}' is in {}", name.text, sources.join(" and "));
            let written = sources.iter().map(|s| format!("{s}.{}", name.text));
            let remedy = format!("write {}", written.collect::<Vec<_>>().join(" or "));
            let fault = Fault::new(name.span, message).help(remedy);
            Err(Unresolved::Ambiguous(fault))
        }
    }
}

/// The sources that a qualifier names: by what they are called in this query, otherwise by their stream.
fn called<'a, 'b>(
    sources: Vec<(usize, &'a NamedSource<'b>)>,
    qualifier: &Name,
) -> Result<Vec<(usize, &'a NamedSource<'b>)>, Unresolved> {
    let is = |name: &str| name.eq_ignore_ascii_case(&qualifier.text);
    let by_name = sources.iter().any(|(_, s)| is(s.name()));
    let meant = |s: &NamedSource<'_>| is(if by_name { s.name() } else { s.stream });
    let mut called = sources.clone();
    called.retain(|(_, s)| meant(s));
    if !called.is_empty() {
        return Ok(called);
    }
    let known = sources
        .iter()
        .flat_map(|(_, s)| s.alias.into_iter().chain([s.stream]));
    let message = format!("unknown stream or alias '{}'", qualifier.text);
    let fault = Fault::new(qualifier.span, message).nearest(&qualifier.text, known);
    Err(Unresolved::Unknown(fault))
}

fn unknown(sources: &[(usize, &NamedSource<'_>)], name: &Name) -> Fault {
    let of = match sources {
        [(_, only)] => format!("stream {}", only.stream),
        several => {
            let names: Vec<&str> = several.iter().map(|(_, s)| s.name()).collect();
            names.join(", ")
        }
    };
    let attributes = sources.iter().flat_map(|(_, s)| s.schema.attributes());
    let message = format!("unknown attribute '{}' of {of}", name.text);
    Fault::new(name.span, message).nearest(&name.text, attributes.map(|a| &*a.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::ast::Span;

    fn name(text: &str) -> Name {
        Name {
            text: text.to_string(),
            span: Span::default(),
        }
    }

    /// What `x` or `q.x` is over `A (k, x)`, `B (k, y) AS b` and a second `A AS older`.
    fn seen(only: Option<usize>, text: &str) -> String {
        let a = Schema::new([("k", Type::Int), ("x", Type::Double)]);
        let b = Schema::new([("k", Type::Int), ("y", Type::Long)]);
        let source = |stream, alias, schema| NamedSource {
            stream,
            alias,
            schema,
        };
        let sources = [
            source("A", None, &a),
            source("B", Some("b"), &b),
            source("A", Some("older"), &a),
        ];
        let (qualifier, attribute_name) = match text.split_once('.') {
            Some((qualifier, rest)) => (Some(name(qualifier)), rest),
            None => (None, text),
        };
        match attribute(&sources, only, qualifier.as_ref(), &name(attribute_name)) {
            Ok((ColumnRef::Input { source, column }, ty)) => format!("{source}.{column} {ty}"),
            Ok((other, _)) => panic!("{other:?} is no attribute"),
            Err(Unresolved::Unknown(fault)) => fault.message,
            Err(Unresolved::Ambiguous(fault)) => {
                format!("{}; {}", fault.message, fault.remedy.unwrap_or_default())
            }
        }
    }

    #[test]
    fn names_are_looked_up_over_all_sources() {
        assert_eq!(seen(None, "y"), "1.1 LONG");
        assert_eq!(seen(None, "a.x"), "0.1 DOUBLE");
        assert_eq!(seen(None, "B.k"), "1.0 INT");
        assert_eq!(seen(None, "OLDER.X"), "2.1 DOUBLE");
        let both = "attribute 'x' is in A and older; write A.x or older.x";
        assert_eq!(seen(None, "x"), both);
        let all = "attribute 'k' is in A and b and older; write A.k or b.k or older.k";
        assert_eq!(seen(None, "k"), all);
        let unknown = "unknown attribute 'z' of A, b, older";
        assert_eq!(seen(None, "z"), unknown);
        assert_eq!(seen(None, "c.x"), "unknown stream or alias 'c'");
    }

    #[test]
    fn a_filter_knows_only_its_source() {
        assert_eq!(seen(Some(2), "x"), "2.1 DOUBLE");
        assert_eq!(seen(Some(1), "k"), "1.0 INT");
        assert_eq!(seen(Some(1), "x"), "unknown attribute 'x' of stream B");
    }
}
