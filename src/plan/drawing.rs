//! A plan as a picture: a graph in the language of Graphviz or of Mermaid.
//!
//! Streams, tables and named windows are boxes, queries are rounded ones; an arrow says who reads and who writes. The
//! automaton of a pattern stands in front of its query.

use super::draw_pattern::draw_automaton;
use super::pattern_text::PatternText;
use super::{Plan, QueryPlan, Routing, StreamKind};
use std::fmt::Write;

/// A language for pictures of graphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Drawing {
    /// Graphviz: `dot -Tsvg`.
    Dot,
    /// Mermaid, as Markdown pages show it.
    Mermaid,
}

/// Draws a plan.
pub(crate) fn draw(plan: &Plan, drawing: Drawing) -> String {
    let mut text = match drawing {
        Drawing::Dot => "digraph app {\n  rankdir=LR;\n  node [shape=box];\n".to_string(),
        Drawing::Mermaid => "flowchart LR\n".to_string(),
    };
    for (number, stream) in plan.streams.iter().enumerate() {
        let what = match stream.kind {
            StreamKind::Table(_) if stream.rollup.is_some() => "aggregation ",
            StreamKind::Stream | StreamKind::Inner => "",
            StreamKind::Table(_) => "table ",
            StreamKind::Window(_) => "window ",
            StreamKind::Trigger => "trigger ",
            StreamKind::Entering | StreamKind::Ticking | StreamKind::Asked(..) => continue,
        };
        let label = format!("{what}{}", stream.name);
        node(&mut text, drawing, &format!("s{number}"), &label, false);
    }
    for (number, component) in plan.components.iter().enumerate() {
        open(&mut text, drawing, number, &component.routing);
        for query in &component.queries {
            let number = format!("q{query}");
            let query = &plan.queries[*query];
            node(&mut text, drawing, &number, &query_label(plan, query), true);
            if let Some(pattern) = PatternText::of(plan, query) {
                draw_automaton(&mut text, drawing, pattern, &number);
            }
        }
        close(&mut text, drawing);
    }
    for (number, query) in plan.queries.iter().enumerate() {
        // Terms of a pattern that read one stream get its rows together.
        let tables = query.sources.iter().filter(|s| s.table.is_some());
        let read = query.read().chain(tables.map(|s| s.stream));
        let to = match query.pattern {
            Some(_) => format!("q{number}_start"),
            None => format!("q{number}"),
        };
        for stream in read {
            edge(&mut text, drawing, &shown(plan, stream), &to);
        }
        for member in &query.members {
            let table = plan.tables[member.table].stream;
            edge(
                &mut text,
                drawing,
                &shown(plan, table),
                &format!("q{number}"),
            );
        }
        for stream in query.written() {
            edge(
                &mut text,
                drawing,
                &format!("q{number}"),
                &shown(plan, stream),
            );
        }
    }
    if drawing == Drawing::Dot {
        text.push_str("}\n");
    }
    text
}

/// The box of a stream; what enters a named window goes to its box.
fn shown(plan: &Plan, stream: usize) -> String {
    let shown = plan.streams.iter().position(|s| match &s.kind {
        StreamKind::Window(window) => window.entering == stream,
        _ => false,
    });
    format!("s{}", shown.unwrap_or(stream))
}

/// What a query is called, and what it does.
fn query_label(plan: &Plan, query: &QueryPlan) -> String {
    let mut label = query.name.clone();
    for (place, source) in query.sources.iter().enumerate() {
        let join = place
            .checked_sub(1)
            .and_then(|before| query.joins.get(before));
        if let Some(join) = join {
            let _ = write!(label, "\n{:?} join", join.kind);
        }
        if source.window.is_some() {
            let _ = write!(
                label,
                "\n{} {}",
                plan.streams[source.stream].name, source.window_text
            );
        }
    }
    if query.aggregates() {
        let _ = write!(label, "\naggregates by {} keys", query.keys.len());
    }
    if let Some(rate) = &query.rate {
        let pace = rate.pace_text();
        let _ = write!(label, "\noutput {:?} every {pace}", rate.limit.rows);
    }
    for (number, frame) in query.over.frames.iter().enumerate() {
        let _ = write!(label, "\n{}", frame.text(&query.over, number));
    }
    label
}

fn open(text: &mut String, drawing: Drawing, number: usize, routing: &Routing) {
    let how = match routing {
        Routing::Keyed { entries, .. } if entries.len() == 1 => "keyed, 1 stream comes in".into(),
        Routing::Keyed { entries, .. } => format!("keyed, {} streams come in", entries.len()),
        Routing::Single(why) => format!("single worker: {why}"),
    };
    let label = quoted(&format!("component {}: {how}", number + 1), drawing);
    let _ = match drawing {
        Drawing::Dot => writeln!(text, "  subgraph cluster_{number} {{\n  label={label};"),
        Drawing::Mermaid => writeln!(text, "  subgraph c{number}[{label}]"),
    };
}

fn close(text: &mut String, drawing: Drawing) {
    text.push_str(match drawing {
        Drawing::Dot => "  }\n",
        Drawing::Mermaid => "  end\n",
    });
}

fn node(text: &mut String, drawing: Drawing, name: &str, label: &str, is_query: bool) {
    let label = quoted(label, drawing);
    let _ = match (drawing, is_query) {
        (Drawing::Dot, true) => writeln!(text, "    {name} [label={label}, style=rounded];"),
        (Drawing::Dot, false) => writeln!(text, "  {name} [label={label}];"),
        (Drawing::Mermaid, true) => writeln!(text, "    {name}({label})"),
        (Drawing::Mermaid, false) => writeln!(text, "  {name}[{label}]"),
    };
}

pub(super) fn edge(text: &mut String, drawing: Drawing, from: &str, to: &str) {
    let _ = match drawing {
        Drawing::Dot => writeln!(text, "  {from} -> {to};"),
        Drawing::Mermaid => writeln!(text, "  {from} --> {to}"),
    };
}

/// What an arrow of an automaton stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A row.
    Row,
    /// No row.
    Silence,
    /// Back to where it begins: it does not decide where states are placed.
    Again,
}

/// An arrow of an automaton.
pub(super) fn arrow(
    text: &mut String,
    drawing: Drawing,
    (from, to): (&str, &str),
    label: &str,
    line: Line,
) {
    let label = quoted(label, drawing);
    let style = match line {
        Line::Row => "",
        Line::Silence => ", style=dashed",
        Line::Again => ", style=dashed, constraint=false",
    };
    let _ = match (drawing, line) {
        (Drawing::Dot, _) => writeln!(text, "    {from} -> {to} [label={label}{style}];"),
        (Drawing::Mermaid, Line::Row) => writeln!(text, "    {from} -->|{label}| {to}"),
        (Drawing::Mermaid, _) => writeln!(text, "    {from} -.->|{label}| {to}"),
    };
}

/// A state of an automaton. `is_last`: a run that is there is a match.
pub(super) fn state(text: &mut String, drawing: Drawing, name: &str, label: &str, is_last: bool) {
    let label = quoted(label, drawing);
    let _ = match (drawing, is_last) {
        (Drawing::Dot, false) => writeln!(text, "    {name} [label={label}, shape=ellipse];"),
        (Drawing::Dot, true) => {
            writeln!(
                text,
                "    {name} [label={label}, shape=ellipse, peripheries=2];"
            )
        }
        (Drawing::Mermaid, false) => writeln!(text, "    {name}(({label}))"),
        (Drawing::Mermaid, true) => writeln!(text, "    {name}((({label})))"),
    };
}

/// A box around what follows, until [`box_ends`].
pub(super) fn box_begins(text: &mut String, drawing: Drawing, name: &str, label: &str) {
    let label = quoted(label, drawing);
    let _ = match drawing {
        Drawing::Dot => writeln!(text, "    subgraph cluster_{name} {{\n    label={label};"),
        Drawing::Mermaid => writeln!(text, "    subgraph {name}[{label}]"),
    };
}

/// The end of the last box that began.
pub(super) fn box_ends(text: &mut String, drawing: Drawing) {
    text.push_str(match drawing {
        Drawing::Dot => "    }\n",
        Drawing::Mermaid => "    end\n",
    });
}

/// A text in quotes; lines stay lines.
fn quoted(text: &str, drawing: Drawing) -> String {
    let text = match drawing {
        Drawing::Dot => text
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n"),
        // Elsewhere a sign of comparison begins a tag, and # a sign by its name.
        Drawing::Mermaid => text
            .replace('#', "#35;")
            .replace('&', "#amp;")
            .replace('<', "#lt;")
            .replace('>', "#gt;")
            .replace('"', "#quot;")
            .replace('\n', "<br/>"),
    };
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Catalogue, plan};
    use crate::sql::parse;

    fn drawn(drawing: Drawing) -> String {
        let text =
            "CREATE STREAM S (k INT, x STRING); CREATE TABLE T (k INT PRIMARY KEY, x STRING);
             CREATE WINDOW W (k INT) WINDOW('length', 5);
             INSERT INTO T SELECT k, x FROM S;
             @info(name='say \"it\"') INSERT INTO W SELECT S.k AS k FROM S JOIN T ON S.k = T.k;";
        let (app, unread) = parse(text);
        let plan = plan(text, &app, &Catalogue::default(), unread).unwrap();
        draw(&plan, drawing)
    }

    #[test]
    fn a_plan_is_drawn_in_both_languages() {
        let dot = drawn(Drawing::Dot);
        for line in [
            "  s1 [label=\"table T\"];",
            "    q2 [label=\"say \\\"it\\\"\\nInner join\", style=rounded];",
            "  s1 -> q2;",
            "  q2 -> s3;",
            "  s3 -> q0;",
        ] {
            assert!(dot.lines().any(|l| l == line), "{line}\n{dot}");
        }
        let mermaid = drawn(Drawing::Mermaid);
        for line in [
            "  s3[\"window W\"]",
            "    q2(\"say #quot;it#quot;<br/>Inner join\")",
            "  q1 --> s1",
        ] {
            assert!(mermaid.lines().any(|l| l == line), "{line}\n{mermaid}");
        }
    }
}
