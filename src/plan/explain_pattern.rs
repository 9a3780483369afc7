//! A pattern as text: what it waits for, how a row finds the runs that wait for it, and what a run costs.

use super::pattern::{ElementPlan, Logic, PatternPlan};
use super::pattern_runs;
use super::pattern_text::{PatternText, count, time};
use crate::operator::pattern::{SILENCES_EACH_MAX, SILENCES_MAX};
use std::fmt::Write;
use std::ops::Range;

/// Describes the pattern of a query. `order`: how its streams are put in order, where they are.
pub(super) fn explain_pattern(of: PatternText<'_>, order: Option<&str>, text: &mut String) {
    for (place, stream) in of.query.fed() {
        let _ = writeln!(text, "    read {}", of.plan.streams[stream].name);
        if let Some(line) = of.plan.by_constant_text(of.query, place) {
            let _ = writeln!(text, "    {line}");
        }
        if let Some(order) = order {
            let _ = writeln!(text, "    {order}");
        }
    }
    let pattern = of.pattern;
    let (kind, between) = match pattern.is_sequence {
        true => ("sequence", ", no other row between"),
        false => ("pattern", ""),
    };
    let elements = pattern.elements.len();
    let by_key = of
        .key()
        .map_or(String::new(), |key| format!(" for each {key}"));
    let _ = writeln!(text, "    {kind} of {elements} elements{by_key}{between}:");
    for number in 0..elements {
        explain_element(of, number, text);
    }
    explain_ranges(of, text);
    if let Some(key) = of.key() {
        let _ = writeln!(
            text,
            "      each {key} has runs of its own from its first row on, found by index: state keys"
        );
    }
    if pattern.skips_past {
        let _ = writeln!(text, "      a match ends all other open runs of its key");
    }
    let kept: Vec<String> = of.kept().into_iter().map(|(name, _)| name).collect();
    let kept = match kept.is_empty() {
        true => "nothing of its rows".to_string(),
        false => kept.join(", "),
    };
    let _ = writeln!(text, "      a run keeps {kept}: state cells by run");
    let _ = writeln!(text, "      {}", pattern_runs::text(pattern.runs));
}

/// What must come at a place, and how its rows find runs.
fn explain_element(of: PatternText<'_>, number: usize, text: &mut String) {
    let element = &of.pattern.elements[number];
    let every = match of.pattern.every.contains(&(number..number + 1)) {
        true => "EVERY ",
        false => "",
    };
    let what = of.element(element, &|term| of.term(term));
    let count = count(element).map_or(String::new(), |c| format!(", {c}"));
    let _ = writeln!(text, "      {}: {every}{what}{count}", number + 1);
    let several = element.terms.len() > 1;
    for term in element.terms.clone() {
        let named = match several {
            true => format!("{}: ", of.term(term)),
            false => String::new(),
        };
        for line in conditions(of, term) {
            let _ = writeln!(text, "        {named}{line}");
        }
    }
}

/// How a row finds the runs that wait for a term.
fn conditions(of: PatternText<'_>, term: usize) -> Vec<String> {
    let said = &of.pattern.terms[term].text;
    let mut lines = Vec::new();
    if !said.own.is_empty() {
        lines.push(format!("asks of the row alone {}", said.own.join(" AND ")));
    }
    if !said.keys.is_empty() {
        let keys = said.keys.join(" AND ");
        lines.push(format!("finds runs by index on {keys}"));
    }
    let range = of.pattern.terms[term].range.as_ref();
    if let Some(column) = range.and_then(|range| of.column(range.column)) {
        lines.push(format!("many runs of one key: ordered index on {column}"));
    }
    if !said.residual.is_empty() {
        let rest = said.residual.join(" AND ");
        let runs = match said.keys.is_empty() {
            true => "all runs that wait",
            false => "the runs found",
        };
        lines.push(format!("asks of {runs} {rest}"));
    }
    lines
}

/// EVERY over several elements, and WITHIN.
fn explain_ranges(of: PatternText<'_>, text: &mut String) {
    let all = 0..of.pattern.elements.len();
    let name = |range: &Range<usize>| match range.len() {
        1 => format!("{}", range.end),
        _ if *range == all => "all".to_string(),
        _ => format!("{} to {}", range.start + 1, range.end),
    };
    for range in of.pattern.every.iter().filter(|r| r.len() > 1) {
        let range = name(range);
        let _ = writeln!(
            text,
            "      EVERY over {range}: begins anew when it is complete"
        );
    }
    for range in &of.pattern.every {
        let mut elements = of.pattern.elements[range.clone()].iter();
        if elements.all(|e| needs_no_row(of.pattern, e)) {
            let _ = writeln!(
                text,
                "      at most {SILENCES_MAX} silences of {} in one step of the clock (SILENCES_MAX), or \
                 {SILENCES_EACH_MAX} for each that is waited for (SILENCES_EACH_MAX); others are left out and counted",
                name(range)
            );
        }
    }
    for (range, us) in &of.pattern.within {
        let timeout = of
            .pattern
            .timeout
            .as_ref()
            .filter(|_| range.len() == all.len());
        let told = timeout.map_or(String::new(), |timeout| {
            format!(
                " and tells of it → {}",
                of.plan.streams[timeout.target].name
            )
        });
        let (range, time) = (name(range), time(*us));
        let _ = writeln!(
            text,
            "      WITHIN {time} over {range}: a timer ends the run{told}, state due times"
        );
    }
    if !of.pattern.every.iter().any(|r| r.start == 0) {
        let by_key = of.key().map_or("", |_| " for each key");
        let _ = writeln!(
            text,
            "      without EVERY at its beginning: it matches once{by_key}"
        );
    }
}

/// Whether an element is complete, or left out, where nothing comes.
fn needs_no_row(pattern: &PatternPlan, element: &ElementPlan) -> bool {
    fn over(pattern: &PatternPlan, logic: &Logic) -> bool {
        match logic {
            Logic::Term(term) => pattern.terms[*term].absent,
            Logic::And(sides) => sides.iter().all(|s| over(pattern, s)),
            Logic::Or(sides) => sides.iter().any(|s| over(pattern, s)),
        }
    }
    match &element.logic {
        Some(logic) => over(pattern, logic),
        None => element.min == 0,
    }
}
