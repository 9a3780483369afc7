//! A pattern as a picture: its automaton.
//!
//! A state for each element says what a run has when it is there, an arrow to it says for what it waits; a dashed arrow
//! is no row: silence that lasts long enough, or EVERY, by which another run begins. A box around states is WITHIN.

use super::drawing::{Drawing, Line, arrow, box_begins, box_ends, edge, state};
use super::pattern::ElementPlan;
use super::pattern_text::{PatternText, count, time};
use std::ops::Range;

/// Draws the automaton of a pattern. `name`: the node that its matches go to.
pub(super) fn draw_automaton(text: &mut String, drawing: Drawing, of: PatternText<'_>, name: &str) {
    let kind = match (of.pattern.is_sequence, of.pattern.skips_past) {
        (false, false) => "pattern",
        (false, true) => "pattern, a match ends all other runs",
        (true, false) => "sequence",
        (true, true) => "sequence, a match ends all other runs",
    };
    let elements = &of.pattern.elements;
    let by_key = of
        .key()
        .map_or(String::new(), |key| format!(", for each {key}"));
    let label = format!("{kind}{by_key}");
    box_begins(text, drawing, &format!("{name}_pattern"), &label);
    state(text, drawing, &format!("{name}_start"), "start", false);
    // The box of a range begins at its first element: those around others come last in the list, and begin first.
    let within = &of.pattern.within;
    for (number, element) in elements.iter().enumerate() {
        let begins = |(_, (range, _)): &(usize, &(Range<usize>, i64))| range.start == number;
        for (place, (_, us)) in within.iter().enumerate().rev().filter(begins) {
            let label = format!("WITHIN {}", time(*us));
            box_begins(text, drawing, &format!("{name}_within{place}"), &label);
        }
        let label = of.element(element, &|term| short(of, term));
        let is_last = is_optional(elements, number + 1..elements.len());
        state(
            text,
            drawing,
            &format!("{name}_{}", number + 1),
            &label,
            is_last,
        );
        for _ in within.iter().filter(|(r, _)| r.end == number + 1) {
            box_ends(text, drawing);
        }
    }
    draw_steps(text, drawing, of, name);
    for range in &of.pattern.every {
        let (from, to) = (last_needed(elements, range), place(name, range.start));
        arrow(
            text,
            drawing,
            (&place(name, from + 1), &to),
            "EVERY",
            Line::Again,
        );
    }
    box_ends(text, drawing);
    for number in 0..elements.len() {
        if is_optional(elements, number + 1..elements.len()) {
            edge(text, drawing, &place(name, number + 1), name);
        }
    }
}

/// The rows, and the silence, by which a run goes on.
fn draw_steps(text: &mut String, drawing: Drawing, of: PatternText<'_>, name: &str) {
    let elements = &of.pattern.elements;
    for (to, element) in elements.iter().enumerate() {
        let terms = element.terms.clone();
        let label = match terms.len() {
            1 => {
                let asks = of.pattern.terms[terms.start].text.all();
                [vec![of.term(terms.start).as_str()], asks]
                    .concat()
                    .join("\n")
            }
            _ => of.element(element, &|term| of.whole_term(term)),
        };
        let mut absent = terms.map(|t| of.pattern.terms[t].absent);
        let line = match absent.all(|absent| absent) {
            true => Line::Silence,
            false => Line::Row,
        };
        let to_name = place(name, to + 1);
        for from in (0..=to).filter(|from| is_optional(elements, *from..to)) {
            let from = place(name, from);
            arrow(text, drawing, (&from, &to_name), &label, line);
        }
        if let Some(count) = count(element).filter(|_| element.max > 1) {
            arrow(text, drawing, (&to_name, &to_name), &count, Line::Row);
        }
    }
}

/// The state in front of an element.
fn place(name: &str, element: usize) -> String {
    match element {
        0 => format!("{name}_start"),
        behind => format!("{name}_{behind}"),
    }
}

/// What a run has of a term.
fn short(of: PatternText<'_>, term: usize) -> String {
    let own = &of.pattern.terms[term];
    match own.absent {
        true => format!("no {}", of.stream(term)),
        false => own.text.name.clone(),
    }
}

fn is_optional(elements: &[ElementPlan], mut range: Range<usize>) -> bool {
    range.all(|e| elements[e].min == 0)
}

/// The element with which a run has completed a range.
fn last_needed(elements: &[ElementPlan], range: &Range<usize>) -> usize {
    let needed = range.clone().rfind(|e| elements[*e].min > 0);
    needed.unwrap_or(range.start)
}

#[cfg(test)]
mod tests {
    use crate::plan::{Catalogue, Drawing, draw, plan};
    use crate::sql::parse;

    const STREAMS: &str = "CREATE STREAM A (k INT, x DOUBLE); CREATE STREAM B (k INT, v DOUBLE);
        CREATE STREAM C (k INT); INSERT INTO Out SELECT 1 AS one FROM";

    fn drawn(drawing: Drawing, pattern: &str) -> String {
        let text = format!("{STREAMS} {pattern};");
        let (app, unread) = parse(&text);
        let plan = plan(&text, &app, &Catalogue::default(), unread).expect("the app is right");
        draw(&plan, drawing)
    }

    #[test]
    fn a_pattern_is_drawn_as_its_automaton() {
        for (pattern, lines) in [
            (
                "PATTERN (EVERY a = A[x > 3] -> b = B[b.k = a.k AND b.v < a.x]{3,} -> C) WITHIN 10 SECONDS",
                &[
                    "    label=\"pattern\";",
                    "    label=\"WITHIN 10 s\";",
                    "    q0_1 [label=\"a\", shape=ellipse];",
                    "    q0_3 [label=\"C\", shape=ellipse, peripheries=2];",
                    "    q0_start -> q0_1 [label=\"a = A\\nx > 3\"];",
                    "    q0_1 -> q0_2 [label=\"b = B\\nb.k = a.k\\nb.v < a.x\"];",
                    "    q0_2 -> q0_2 [label=\"3 rows or more\"];",
                    "    q0_2 -> q0_3 [label=\"C\"];",
                    "    q0_1 -> q0_start [label=\"EVERY\", style=dashed, constraint=false];",
                    "  s0 -> q0_start;",
                    "  q0_3 -> q0;",
                    "  q0 -> s3;",
                ][..],
            ),
            (
                "PATTERN (a = A -> EVERY (b = B? -> NOT C[k = a.k] FOR 5 SECONDS)) AFTER MATCH SKIP PAST LAST ROW",
                &[
                    "    label=\"pattern, a match ends all other runs\";",
                    "    q0_1 -> q0_3 [label=\"NOT C FOR 5 s\\nk = a.k\", style=dashed];",
                    "    q0_2 -> q0_3 [label=\"NOT C FOR 5 s\\nk = a.k\", style=dashed];",
                    "    q0_3 -> q0_1 [label=\"EVERY\", style=dashed, constraint=false];",
                ],
            ),
            (
                "SEQUENCE (EVERY a = A, b = B[k = a.k] AND NOT C[k = a.k])",
                &[
                    "    label=\"sequence\";",
                    "    q0_2 [label=\"b AND no C\", shape=ellipse, peripheries=2];",
                    "    q0_1 -> q0_2 [label=\"b = B[k = a.k] AND NOT C[k = a.k]\"];",
                ],
            ),
        ] {
            let dot = drawn(Drawing::Dot, pattern);
            for line in lines {
                assert!(dot.lines().any(|l| l == *line), "{line}\n{dot}");
            }
            let (opened, closed) = (dot.matches('{').count(), dot.matches('}').count());
            assert_eq!(opened, closed, "{dot}");
        }
    }

    #[test]
    fn boxes_of_within_stand_in_each_other() {
        let pattern =
            "PATTERN (EVERY a = A -> (B WITHIN 1 MINUTE -> C) WITHIN 2 HOURS) WITHIN 1 DAY";
        let mermaid = drawn(Drawing::Mermaid, pattern);
        let boxes = mermaid.lines().map(str::trim);
        let boxes = boxes.filter(|l| *l == "end" || l.contains("WITHIN") || l.contains("(("));
        let boxes: Vec<&str> = boxes.collect();
        let expected = [
            "q0_start((\"start\"))",
            "subgraph q0_within2[\"WITHIN 1 d\"]",
            "q0_1((\"a\"))",
            "subgraph q0_within1[\"WITHIN 2 h\"]",
            "subgraph q0_within0[\"WITHIN 1 min\"]",
            "q0_2((\"B\"))",
            "end",
            "q0_3(((\"C\")))",
            "end",
            "end",
            "end",
            "end",
        ];
        assert_eq!(boxes, expected, "{mermaid}");
    }

    #[test]
    fn signs_of_comparison_are_no_tags() {
        let mermaid = drawn(
            Drawing::Mermaid,
            "PATTERN (EVERY a = A[x<3 AND x>1] -> NOT B FOR 1 SECOND)",
        );
        let line = "q0_start -->|\"a = A<br/>x#lt;3<br/>x#gt;1\"| q0_1";
        assert!(mermaid.contains(line), "{mermaid}");
        let timer = "q0_1 -.->|\"NOT B FOR 1 s\"| q0_2";
        assert!(mermaid.contains(timer), "{mermaid}");
    }
}
