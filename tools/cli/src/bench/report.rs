//! Answers as a table for people and as JSON lines for programs.

use super::harness::Spread;
use super::record::{Answered, Curve, PERCENTILES, Record, Unit};
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
    let figures = match r.unit {
        Unit::Group => ("ours_bytes", "baseline_bytes"),
        Unit::Event | Unit::Call | Unit::Latency => ("ours_ns", "baseline_ns"),
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
            "{{\"what\":{},\"figure\":{},\"max\":{},\"ok\":{}}}",
            quoted(l.what),
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

/// A number with four significant digits and no exponent.
pub fn significant(x: f64) -> String {
    let digits = if x == 0.0 {
        0
    } else {
        (3 - x.abs().log10().floor() as i32).clamp(0, 6)
    };
    let text = format!("{x:.*}", digits as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

/// A JSON string.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
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
        Unit::Latency => duration(figure),
        Unit::Event | Unit::Call | Unit::Group => short(figure),
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
        Unit::Call | Unit::Latency | Unit::Group => String::new(),
    }
}

/// The limits in words.
pub fn budget(r: &Record) -> String {
    let limits: Vec<String> = r
        .limits
        .iter()
        .map(|l| match l.what {
            "ratio" => format!("≤ {}×", significant(l.max)),
            "ns" => format!("≤ {}", duration(l.max)),
            what => format!("{what} ≤ {}", duration(l.max)),
        })
        .collect();
    limits.join(", ")
}

/// Least and greatest figure.
pub fn min_max(s: Spread) -> String {
    format!("{}..{}", short(s.min), short(s.max))
}

/// A figure with as many decimals as a reader can use.
pub fn short(x: f64) -> String {
    match x.abs() {
        x if x >= 100.0 => format!("{x:.0}"),
        x if x >= 10.0 => format!("{x:.1}"),
        _ => format!("{x:.2}"),
    }
}

/// A duration with its unit.
pub fn duration(ns: f64) -> String {
    match ns {
        ns if ns >= 1e9 => format!("{} s", short_or_whole(ns / 1e9)),
        ns if ns >= 1e6 => format!("{} ms", short_or_whole(ns / 1e6)),
        ns if ns >= 1e3 => format!("{} µs", short_or_whole(ns / 1e3)),
        ns => format!("{} ns", short_or_whole(ns)),
    }
}

fn short_or_whole(x: f64) -> String {
    match x.fract() == 0.0 {
        true => format!("{x:.0}"),
        false => short(x),
    }
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
}

#[cfg(test)]
mod tests {
    use super::super::record::sample;
    use super::*;

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
    fn four_digits_are_kept() {
        for (x, text) in [
            (0.0, "0"),
            (1234567.0, "1234567"),
            (12.3456, "12.35"),
            (0.012345, "0.01235"),
            (2.5, "2.5"),
            (1e-9, "0"),
        ] {
            assert_eq!(significant(x), text);
        }
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
