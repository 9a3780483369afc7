//! Numbers, times and texts as people read them.

pub use crate::report::count;
use comfy_table::{CellAlignment, Table, presets};
use std::time::{SystemTime, UNIX_EPOCH};

/// Width of the longest bar, in characters.
const BAR_CHARS: u64 = 20;
/// Where long texts are broken.
const LINE_CHARS: usize = 96;

/// A number of bytes.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut size = n as f64 / 1024.0;
    let mut unit = 0;
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    match size < 9.95 {
        true => format!("{size:.1} {}", UNITS[unit]),
        false => format!("{size:.0} {}", UNITS[unit]),
    }
}

/// `1 chunk`, `2 chunks`.
pub fn many(n: usize, what: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{} {what}{ending}", count(n as u64))
}

/// A time of the host's clock in UTC.
pub fn utc(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => format!("{ms} ms"),
    }
}

/// As [`utc`], for programs.
pub fn utc_json(ms: i64) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(ms).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// How long ago something was.
pub fn age(created_ms: i64, now_ms: i64) -> String {
    let seconds = now_ms.saturating_sub(created_ms) / 1000;
    match seconds {
        ..0 => "ahead".to_string(),
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A text in one line, with nothing that a terminal would act on.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// A text in lines that begin with `indent`, broken between words.
pub fn wrapped(text: &str, indent: &str) -> String {
    let mut out = String::new();
    let mut room = 0;
    for word in plain(text).split_whitespace() {
        let length = word.chars().count();
        if length + 1 > room {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(indent);
            room = LINE_CHARS.saturating_sub(indent.len());
        } else {
            out.push(' ');
            room -= 1;
        }
        out.push_str(word);
        room = room.saturating_sub(length);
    }
    out
}

/// A bar for a part of the greatest one.
pub fn bar(part: u64, greatest: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if part == 0 || greatest == 0 {
        return String::new();
    }
    let length = u128::from(part) * u128::from(BAR_CHARS) * 8 / u128::from(greatest);
    let length = (length as usize).max(1);
    "█".repeat(length / 8) + EIGHTHS[length % 8]
}

/// A table without lines: `<` or `>` says how each column is aligned.
pub fn table(head: &[(&str, char)], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(head.iter().map(|(name, _)| *name));
    for row in rows {
        table.add_row(row);
    }
    for (i, (_, side)) in head.iter().enumerate() {
        if let (Some(column), '>') = (table.column_mut(i), side) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_for_people() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1024), "1.0 KiB");
        assert_eq!(bytes(10 << 20), "10 MiB");
        assert_eq!(bytes(u64::MAX), "16777216 TiB");
        assert_eq!(many(1, "chunk"), "1 chunk");
        assert_eq!(many(1200, "chunk"), "1,200 chunks");
        assert_eq!(utc(1_790_000_000_123), "2026-09-21 14:13:20");
        assert_eq!(utc(i64::MAX), format!("{} ms", i64::MAX));
        assert_eq!(age(0, 119_000), "119 s");
        assert_eq!(age(0, 7_200_000), "2 h");
        assert_eq!(age(5_000, 0), "ahead");
        assert_eq!(age(i64::MIN, i64::MAX), "106751991167 d");
    }

    #[test]
    fn bars_and_texts_fit() {
        assert_eq!(bar(10, 10).chars().count(), 20);
        assert_eq!(bar(1, u64::MAX), "▏");
        assert_eq!(bar(0, 10), "");
        assert_eq!(plain("a\nb\u{1b}[2J"), "a b\\u{1b}[2J");
        let text = "word ".repeat(40);
        let lines = wrapped(&text, "  ");
        assert!(lines.lines().count() == 3 && lines.lines().all(|l| l.len() <= 96));
    }
}
