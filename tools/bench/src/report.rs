//! Answers as a table for people and as JSON lines for programs.

use super::figures::{bytes, duration, measured, min_max, quoted, short, significant};
use super::harness::Spread;
use super::record::{Answered, Curve, Measure, PERCENTILES, Panel, Record, Unit};
use comfy_table::{CellAlignment, Table, presets};
use std::fmt::Write;

/// One JSON object for one answer, without a line end.
pub fn json(question: &str, answer: &Result<Record, String>) -> String {
    let mut out = format!("{{\"question\":{}", quoted(question));
    let r = match answer {
        Ok(record) => record,
        Err(error) => {
            let _ = write!(out, ",\"ok\":false,\"error\":{}}}", quoted(error));
            return out;
        }
    };
    let figures = match r.unit.is_size() {
        true => ("ours_bytes", "baseline_bytes"),
        false => ("ours_ns", "baseline_ns"),
    };
    let _ = write!(
        out,
        ",\"unit\":{},\"{}\":{},\"{}\":{},\"ratio\":{}",
        quoted(r.unit.name()),
        figures.0,
        number(r.ours.median),
        figures.1,
        number(r.baseline.median),
        number(r.ratio())
    );
    for (what, key) in [("ratio", "budget"), ("ns", "budget_ns")] {
        if let Some(limit) = r.limit(what) {
            let _ = write!(out, ",\"{key}\":{}", number(limit.max));
        }
    }
    let _ = write!(
        out,
        ",\"ok\":{},\"spread\":{{\"ours\":{},\"baseline\":{}}},\"events\":{},\"baseline_is\":{}",
        r.ok(),
        range(r.ours),
        range(r.baseline),
        r.events,
        quoted(r.baseline_is)
    );
    out.push_str(",\"limits\":");
    list(&mut out, &r.limits, |l| {
        format!(
            "{{\"what\":{},\"unit\":{},\"figure\":{},\"max\":{},\"ok\":{}}}",
            quoted(l.what),
            quoted(symbol(l.measure)),
            number(l.figure),
            number(l.max),
            l.holds()
        )
    });
    if let Some(p) = r.ping_pong {
        let _ = write!(
            out,
            ",\"ping_pong_ns\":{},\"ping_pong_range_ns\":{}",
            number(p.median),
            range(p)
        );
    }
    if !r.curves.is_empty() {
        out.push_str(",\"latency_ns\":");
        list(&mut out, &r.curves, curve);
    }
    if !r.panels.is_empty() {
        out.push_str(",\"growth\":");
        list(&mut out, &r.panels, panel);
    }
    out.push_str(",\"notes\":");
    list(&mut out, &r.notes, |note| quoted(note));
    out.push('}');
    out
}

fn curve(c: &Curve) -> String {
    let mut out = format!("{{\"side\":{}", quoted(c.name));
    for ((name, _), spread) in PERCENTILES.iter().zip(c.percentiles) {
        let _ = write!(out, ",\"{name}\":{}", number(spread.median));
    }
    out.push('}');
    out
}

fn panel(p: &Panel) -> String {
    let mut out = format!(
        "{{\"what\":{},\"unit\":{},\"with\":{},\"with_unit\":{},\"lines\":",
        quoted(p.title),
        quoted(symbol(p.measure)),
        quoted(p.with.0),
        quoted(symbol(p.with.1))
    );
    list(&mut out, &p.lines, |line| {
        let mut points = String::new();
        list(&mut points, &line.points, |(x, y)| {
            format!("[{},{}]", number(*x), number(*y))
        });
        format!("{{\"name\":{},\"points\":{points}}}", quoted(line.name))
    });
    out.push('}');
    out
}

fn symbol(measure: Measure) -> &'static str {
    match measure {
        Measure::Times => "×",
        Measure::Nanos => "ns",
        Measure::Bytes => "B",
        Measure::Count => "",
    }
}

fn list<T>(out: &mut String, items: &[T], text: impl Fn(&T) -> String) {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(&text(item));
    }
    out.push(']');
}

fn range(s: Spread) -> String {
    format!("[{},{}]", number(s.min), number(s.max))
}

/// Four significant digits; JSON has no other numbers than finite ones.
fn number(x: f64) -> String {
    match x.is_finite() {
        true => significant(x),
        false => "null".into(),
    }
}

/// A table of all answers, then latencies and notes.
pub fn table(answers: &[Answered]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header([
        "question", "unit", "ours", "min..max", "M/s", "baseline", "min..max", "ratio", "budget",
        "",
    ]);
    for i in [2, 4, 5, 7] {
        if let Some(column) = table.column_mut(i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for (question, answer) in answers {
        match answer {
            Ok(r) => table.add_row(row(r)),
            Err(_) => table.add_row([question, "", "", "", "", "", "", "", "", "FAILED"]),
        };
    }
    let mut out = format!("{table}\n");
    for (question, answer) in answers {
        match answer {
            Ok(r) => below(&mut out, r),
            Err(error) => {
                let _ = writeln!(out, "{question}: FAILED: {error}");
            }
        }
    }
    out
}

fn row(r: &Record) -> [String; 10] {
    [
        r.question.into(),
        r.unit.name().into(),
        figure(r, r.ours.median),
        range_of(r, r.ours),
        rate(r),
        figure(r, r.baseline.median),
        range_of(r, r.baseline),
        format!("{:.2}", r.ratio()),
        budget(r),
        if r.limits.is_empty() {
            "–".into()
        } else if r.ok() {
            "ok".into()
        } else {
            "OVER".into()
        },
    ]
}

/// A figure of a record: latencies with their unit, others in the record's.
pub fn figure(r: &Record, figure: f64) -> String {
    match r.unit {
        Unit::Latency | Unit::Run => duration(figure),
        Unit::Bytes => bytes(figure),
        Unit::Event | Unit::Call | Unit::Group | Unit::Held => short(figure),
    }
}

/// Least and greatest figure of a record.
pub fn range_of(r: &Record, s: Spread) -> String {
    format!("{}..{}", figure(r, s.min), figure(r, s.max))
}

/// Millions of events per second, where events are counted.
pub fn rate(r: &Record) -> String {
    match r.unit {
        Unit::Event => short(1000.0 / r.ours.median),
        _ => String::new(),
    }
}

/// The limits in words.
pub fn budget(r: &Record) -> String {
    let limits: Vec<String> = r
        .limits
        .iter()
        .map(|l| match l.what {
            "ratio" | "ns" => format!("≤ {}", measured(l.measure, l.max)),
            what => format!("{what} ≤ {}", measured(l.measure, l.max)),
        })
        .collect();
    limits.join(", ")
}

fn below(out: &mut String, r: &Record) {
    for c in &r.curves {
        let figures: Vec<String> = PERCENTILES
            .iter()
            .zip(c.percentiles)
            .map(|((name, _), s)| {
                let [median, min, max] = [s.median, s.min, s.max].map(duration);
                format!("{name} {median} [{min}..{max}]")
            })
            .collect();
        let _ = writeln!(out, "{}: {}: {}", r.question, c.name, figures.join("  "));
    }
    if let Some(p) = r.ping_pong {
        let _ = writeln!(
            out,
            "{}: ping-pong {} ns per round trip [{}]",
            r.question,
            short(p.median),
            min_max(p)
        );
    }
    for note in &r.notes {
        let _ = writeln!(out, "{}: {note}", r.question);
    }
    for panel in &r.panels {
        let _ = writeln!(
            out,
            "{}: {} by {}\n{}",
            r.question,
            panel.title,
            panel.with.0,
            panel_table(panel)
        );
    }
}

/// A row for each place on the axis, a column for each line.
fn panel_table(p: &Panel) -> Table {
    let mut places: Vec<f64> = p
        .lines
        .iter()
        .flat_map(|l| &l.points)
        .map(|q| q.0)
        .collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let mut table = Table::new();
    let names = std::iter::once(p.with.0).chain(p.lines.iter().map(|l| l.name));
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_header(names);
    for place in places {
        let mut row = vec![measured(p.with.1, place)];
        row.extend(p.lines.iter().map(|line| {
            let at = line.points.iter().find(|(x, _)| *x == place);
            at.map_or(String::new(), |(_, y)| measured(p.measure, *y))
        }));
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample;

    #[test]
    fn an_answer_is_one_line_of_json() {
        let line = json("sample", &Ok(sample().within_ratio(1.5)));
        assert!(!line.contains('\n'));
        let expected = "{\"question\":\"sample\",\"unit\":\"ns/event\",\"ours_ns\":5,\"baseline_ns\":2.5,\"ratio\":2,\
                        \"budget\":1.5,\"ok\":false,\"spread\":{\"ours\":[4,6],\
                        \"baseline\":[2.5,2.5]},\"events\":1000,";
        assert!(line.starts_with(expected), "{line}");
        assert!(line.ends_with(",\"notes\":[\"a \\\"note\\\"\"]}"), "{line}");
        assert_eq!(
            json("x", &Err("a\nb".into())),
            "{\"question\":\"x\",\"ok\":false,\"error\":\"a\\nb\"}"
        );
    }

    #[test]
    fn the_table_says_what_is_over() {
        let answers = [
            ("sample", Ok(sample().within_ratio(1.5))),
            ("broken", Err("no rows".to_string())),
        ];
        let text = table(&answers);
        assert!(text.contains("OVER") && text.contains("≤ 1.5×"), "{text}");
        assert!(text.contains("broken: FAILED: no rows"), "{text}");
        assert!(text.contains("ping-pong 88.0 ns"), "{text}");
    }
}
