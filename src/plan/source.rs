//! The sources of a query: which streams it reads, under which names, and what happens to their rows before they meet
//! others.
//!
//! Names of attributes are looked up over all sources; a filter or window knows only its own.

use super::aggregation::ReachPlan;
use super::scope::QueryScope;
use super::window::WindowPlan;
use super::window_args::bind_window;
use super::{DoorPlan, StreamKind, StreamPlan};
use crate::error::Fault;
use crate::event::{Schema, Type};
use crate::expr::{ColumnRef, Typed, Unresolved};
use crate::operator::aggregate::Rows;
use crate::operator::window::Panes;
use crate::sql::ast::{Events, Join, JoinKind, Name, Query, Source};
use std::ops::Range;

/// The place of the source of a query that has one. Whatever names it can handle no other queries.
pub(crate) const ONLY_SOURCE: usize = 0;

/// What a query reads of a stream, and what happens to its rows before they meet others.
pub(crate) struct SourcePlan {
    /// What it is in the list of streams, tables included.
    pub(crate) stream: usize,
    /// The table that it is, if it is one: it is looked up, and no rows come of it.
    pub(crate) table: Option<usize>,
    /// The named window that it is, if it is one: its rows come with their signs.
    pub(crate) named: Option<WindowPlan>,
    /// Filters before the window.
    pub(crate) filter: Option<Typed>,
    pub(crate) window: Option<WindowPlan>,
    /// The window clause as written.
    pub(crate) window_text: String,
    /// The column by which keys are apart, where the query stands in a partition and the source has the key.
    pub(crate) partition_key: Option<usize>,
    /// What its rows pass in front of everything else, where it is a stream from outside of the partition.
    pub(crate) door: Option<DoorPlan>,
    /// Which rows are read, where it is an aggregation.
    pub(crate) reach: Option<ReachPlan>,
}

impl SourcePlan {
    /// The window that holds its rows: its own, or the named one that it is.
    pub(crate) fn held_by(&self) -> Option<&WindowPlan> {
        self.window.as_ref().or(self.named.as_ref())
    }
}

/// What a source is called, and what it has.
#[derive(Clone, Copy)]
pub(super) struct NamedSource<'a> {
    stream: &'a str,
    /// What that is, for messages.
    kind: &'static str,
    alias: Option<&'a str>,
    pub(super) schema: &'a Schema,
    /// Its rows have a time, and it is one of several sources, or a term of a pattern.
    has_time: bool,
    /// It has no rows to be named: it is a term of a pattern that must not come.
    pub(super) is_absent: bool,
    /// How many columns its rows have that are no attributes.
    pub(super) hidden: usize,
}

impl<'a> NamedSource<'a> {
    /// `several`: it is one of several, or may be: a pattern of one term is one of many.
    pub(super) fn new(written: &'a Source, stream: &'a StreamPlan, several: bool) -> Self {
        NamedSource {
            has_time: several && stream.kind.table().is_none(),
            stream: &stream.name,
            kind: stream.kind.name(),
            alias: written.alias.as_ref().map(|a| a.text.as_str()),
            schema: &stream.schema,
            is_absent: false,
            hidden: usize::from(stream.carries.is_some()),
        }
    }

    /// A stream alone.
    pub(super) fn of_stream(stream: &'a StreamPlan) -> Self {
        NamedSource {
            stream: &stream.name,
            kind: stream.kind.name(),
            alias: None,
            schema: &stream.schema,
            has_time: false,
            is_absent: false,
            hidden: 0,
        }
    }

    /// A table beside the sources of a query.
    pub(super) fn of_table(table: &'a StreamPlan) -> Self {
        NamedSource::of_stream(table)
    }

    /// Its alias, otherwise its stream.
    pub(super) fn name(&self) -> &'a str {
        self.alias.unwrap_or(self.stream)
    }

    /// Whether that is its name in the query, or its stream.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let known = self.alias.into_iter().chain([self.stream]);
        known.into_iter().any(|own| own.eq_ignore_ascii_case(name))
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
    kinds: &[StreamKind],
) -> Vec<SourcePlan> {
    let mut sources = Vec::new();
    for (place, (written, stream)) in query.sources.iter().zip(inputs).enumerate() {
        let clause = written.window.as_ref();
        let text = clause.and_then(|w| scope.text.get(w.span.range()));
        sources.push(SourcePlan {
            stream: *stream,
            table: kinds[place].table(),
            named: kinds[place].named().cloned(),
            filter: None,
            window: match written.whole {
                true => Some(WindowPlan::Panes(Panes::whole())),
                false => clause.and_then(|w| bind_window(w, place, scope)),
            },
            window_text: match written.whole {
                true => "all its rows as one window".to_string(),
                false => text.unwrap_or_default().to_string(),
            },
            partition_key: None,
            door: None,
            reach: None,
        });
    }
    let mut clauses = query.sources.iter().zip(&sources);
    let is_wrong = clauses.any(|(written, s)| written.window.is_some() && s.window.is_none());
    // What a wrong window would have is not told as a fault of its own. Of several sources none has the window.
    let is_grid = |s: &SourcePlan| matches!(s.window, Some(WindowPlan::Panes(_)));
    // What is one window has no borders that mean something.
    let whole = query.sources.iter().any(|s| s.whole);
    let on_grid = sources.len() == 1 && sources.iter().any(is_grid) && !whole;
    scope.has_panes = (!is_wrong).then_some(on_grid);
    scope.rows = rows(query, &sources);
    scope.numbers_rows = matches!(sources.as_slice(), [only] if only.named.is_none());
    sources
}

/// How the rows come and go that a query selects from.
fn rows(query: &Query, sources: &[SourcePlan]) -> Rows {
    let mut streams = sources.iter().filter(|s| s.table.is_none());
    let of = |s: &SourcePlan| s.held_by().map_or(Rows::Forever, WindowPlan::rows);
    if query.aggregation.is_some() {
        return Rows::Displaced;
    }
    if let [source] = sources {
        return of(source);
    }
    let pads = |j: &Join| !matches!(j.kind, JoinKind::Inner | JoinKind::Asof);
    let flushes = |s: &SourcePlan| s.held_by().is_some_and(WindowPlan::only_flushes);
    if streams.clone().all(flushes) {
        Rows::Together
    } else if query.joins.iter().any(pads) || streams.any(|s| of(s) != Rows::Forever) {
        Rows::AnyOrder
    } else {
        Rows::Forever
    }
}

/// Faults of a source that its kind forbids.
pub(super) fn check_source(written: &Source, stream: &StreamPlan, query: &Query) -> Option<Fault> {
    let name = &written.stream;
    let fault = |message: String, remedy: &str| Some(Fault::new(name.span, message).help(remedy));
    let what = stream.kind_name();
    match (&stream.kind, &written.window) {
        (StreamKind::Table(_), Some(_)) => fault(
            format!("{what} {} has no window", name.text),
            "remove the window: it holds its rows until they are deleted, or their time is over",
        ),
        (StreamKind::Table(_), None) if query.sources.len() == 1 || query.pattern.is_some() => {
            fault(
                format!("{what} {} sends no rows", name.text),
                "join a stream with it, or ask runtime.query",
            )
        }
        (StreamKind::Window(_), Some(_)) => fault(
            format!("{} is a window already", name.text),
            "remove the second window, or insert into a stream and put it there",
        ),
        (StreamKind::Window(window), None)
            if !query.joins.is_empty() && window.events != Events::All =>
        {
            fault(
                format!(
                    "a join needs what enters window {0} and what leaves it",
                    name.text
                ),
                "let the window have OUTPUT ALL EVENTS, or read it with one query alone",
            )
        }
        _ => None,
    }
}

/// Sources that are called alike. `changed`: the table that the query changes, which is named in conditions, too.
pub(super) fn check_names(
    query: &Query,
    streams: &[StreamPlan],
    changed: Option<&StreamPlan>,
) -> Vec<Fault> {
    let is = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let name = |place: usize| {
        let written = &query.sources[place];
        written.alias.as_ref().unwrap_or(&written.stream)
    };
    let clashes = |place: &usize| {
        let own = name(*place);
        // Terms of a pattern may have no name, and be called as streams are.
        if query.pattern.is_some() && query.sources[*place].alias.is_none() {
            return false;
        }
        let by_changed = changed.is_some_and(|table| is(&own.text, &table.name));
        let by_alias = query.sources[*place].alias.is_some();
        let others = (0..streams.len()).filter(|other| other != place);
        let mut others = others.filter(|other| {
            // Of two that are called alike the second is told.
            let called = is(&own.text, &name(*other).text) && other < place;
            if query.pattern.is_some() {
                return called && query.sources[*other].alias.is_some();
            }
            called || (by_alias && is(&own.text, &streams[*other].name))
        });
        by_changed || others.next().is_some()
    };
    let fault = |place: usize| {
        let own = name(place);
        let message = format!("'{}' is the name of something else here", own.text);
        let remedy = match query.sources[place].alias {
            Some(_) => "use another alias".to_string(),
            None => format!("give it an alias, as in {} AS other", own.text),
        };
        Fault::new(own.span, message).help(remedy)
    };
    (0..streams.len()).filter(clashes).map(fault).collect()
}

/// The attribute of a name. `among`: the sources whose attributes may be named here.
pub(super) fn attribute(
    sources: &[NamedSource<'_>],
    among: Range<usize>,
    qualifier: Option<&Name>,
    name: &Name,
) -> Result<(ColumnRef, Type), Unresolved> {
    let mut candidates: Vec<(usize, &NamedSource<'_>)> = sources.iter().enumerate().collect();
    candidates.retain(|(place, s)| among.contains(place) && (!s.is_absent || among.len() == 1));
    if let Some(qualifier) = qualifier {
        candidates = called(candidates, qualifier)?;
    }
    let found = candidates.iter().filter_map(|(place, source)| {
        let column = source.schema.position(&name.text)?;
        Some((*place, column, *source))
    });
    match found.collect::<Vec<_>>().as_slice() {
        [] if is_time(&candidates, qualifier, name) => {
            let source = candidates[0].0;
            Ok((ColumnRef::EventTime { source }, Type::Long))
        }
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

/// Whether a name is the time of a row of one of several sources: `a.at`, where `a` has no such attribute.
fn is_time(
    candidates: &[(usize, &NamedSource<'_>)],
    qualifier: Option<&Name>,
    name: &Name,
) -> bool {
    let one = matches!(candidates, [(_, source)] if source.has_time);
    one && qualifier.is_some() && name.text.eq_ignore_ascii_case("at")
}

/// The term of a pattern of this name, which is its own or that of its stream.
pub(super) fn term_of(sources: &[NamedSource<'_>], name: &Name) -> Option<usize> {
    match present(sources, name).ok()?.as_slice() {
        [(place, _)] => Some(*place),
        _ => None,
    }
}

/// The sources of this name; those behind NOT, which have no row to name, only where no other is called so.
fn present<'a, 'b>(
    sources: &'a [NamedSource<'b>],
    name: &Name,
) -> Result<Vec<(usize, &'a NamedSource<'b>)>, Unresolved> {
    let mut all = called(sources.iter().enumerate().collect(), name)?;
    if all.iter().any(|(_, s)| !s.is_absent) {
        all.retain(|(_, s)| !s.is_absent);
    }
    Ok(all)
}

/// The source of this name, if it is one whose rows have a time of their own in a query.
pub(super) fn time_of(sources: &[NamedSource<'_>], name: &Name) -> Result<usize, Unresolved> {
    match present(sources, name)?.as_slice() {
        [(place, source)] if source.has_time => Ok(*place),
        [(_, source)] => {
            let message = format!("rows of table {} have no time", source.name());
            Err(Unresolved::Unknown(Fault::new(name.span, message)))
        }
        _ => {
            let message = format!("several sources are called '{}'", name.text);
            let fault = Fault::new(name.span, message).help("give them aliases with AS");
            Err(Unresolved::Ambiguous(fault))
        }
    }
}

/// The sources that a qualifier names: by their alias, otherwise by what they are called in this query, otherwise by
/// their stream.
fn called<'a, 'b>(
    sources: Vec<(usize, &'a NamedSource<'b>)>,
    qualifier: &Name,
) -> Result<Vec<(usize, &'a NamedSource<'b>)>, Unresolved> {
    let is = |name: &str| name.eq_ignore_ascii_case(&qualifier.text);
    let by_alias = sources.iter().any(|(_, s)| s.alias.is_some_and(is));
    let by_name = sources.iter().any(|(_, s)| is(s.name()));
    let meant = |s: &NamedSource<'_>| match by_alias {
        true => s.alias.is_some_and(is),
        false => is(if by_name { s.name() } else { s.stream }),
    };
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
        [(_, only)] => format!("{} {}", only.kind, only.stream),
        several => {
            let names: Vec<&str> = several.iter().map(|(_, s)| s.name()).collect();
            names.join(", ")
        }
    };
    let attributes = sources.iter().flat_map(|(_, s)| s.schema.attributes());
    let written = attributes.map(|a| &*a.name);
    // Values that a question leaves open are no attributes that somebody would mean.
    let known = written.filter(|name| !name.starts_with("parameter ?"));
    let message = format!("unknown attribute '{}' of {of}", name.text);
    Fault::new(name.span, message).nearest(&name.text, known)
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
            has_time: false,
            is_absent: false,
            hidden: 0,
            stream,
            kind: "stream",
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
        let among = only.map_or(0..sources.len(), |only| only..only + 1);
        match attribute(&sources, among, qualifier.as_ref(), &name(attribute_name)) {
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
