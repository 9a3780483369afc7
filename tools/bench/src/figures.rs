//! Figures as text: with the unit of what they count and as many digits as a reader can use.

use super::harness::Spread;
use super::record::Measure;
use std::fmt::Write;

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

/// A figure with the unit of what it counts.
pub fn measured(measure: Measure, figure: f64) -> String {
    match measure {
        Measure::Times => format!("{}×", significant(figure)),
        Measure::Nanos => duration(figure),
        Measure::Bytes => bytes(figure),
        Measure::Count => match figure {
            n if n >= 1e6 => format!("{} M", short_or_whole(n / 1e6)),
            n if n >= 1e3 => format!("{} k", short_or_whole(n / 1e3)),
            n => short_or_whole(n),
        },
    }
}

/// A size with its unit.
pub fn bytes(size: f64) -> String {
    match size {
        size if size >= 1e9 => format!("{} GB", short_or_whole(size / 1e9)),
        size if size >= 1e6 => format!("{} MB", short_or_whole(size / 1e6)),
        size if size >= 1e3 => format!("{} kB", short_or_whole(size / 1e3)),
        size => format!("{} B", short_or_whole(size)),
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn figures_have_units() {
        for (measure, figure, text) in [
            (Measure::Times, 1.02, "1.02×"),
            (Measure::Nanos, 20_000.0, "20 µs"),
            (Measure::Bytes, 24_500_000.0, "24.5 MB"),
            (Measure::Bytes, 64.0, "64 B"),
            (Measure::Count, 10_000.0, "10 k"),
            (Measure::Count, 7.0, "7"),
        ] {
            assert_eq!(measured(measure, figure), text);
        }
    }
}
