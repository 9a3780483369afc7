//! What a text looks like that nobody has said the format of.
//!
//! JSON begins with a bracket. CSV begins with names, and nearly all its first rows have as many cells; of one column
//! alone the values must be numbers, truth values or times, or else it is a list of words. The rest is plain text.

use super::{Records, json_line, time};
use crate::connector::lines::LINE_BYTES_MAX;
use crate::connector::text::Format;
use crate::connector::time::TimeText;
use std::collections::BTreeSet;

/// Rows that are looked at.
const ROWS: usize = 100;
/// The longest name of a column.
const NAME_CHARS_MAX: usize = 64;

/// The format of a text that begins so; `whole`: nothing is behind it.
pub(super) fn like(bytes: &[u8], whole: bool) -> Format {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = text.trim_ascii_start();
    let line = text.split(|b| *b == b'\n').next().unwrap_or_default();
    if text.is_empty() || is_json(line.trim_ascii_end()) {
        return Format::Json;
    }
    let mut delimiters = [b',', b';', b'\t', b'|'].into_iter();
    match delimiters.any(|delimiter| is_csv(text, delimiter, whole)) {
        true => Format::Csv,
        false => Format::Text,
    }
}

/// Whether a line is JSON, or the beginning of JSON that goes over several.
fn is_json(line: &[u8]) -> bool {
    let Some((b'{' | b'[', rest)) = line.split_first().map(|(first, rest)| (*first, rest)) else {
        return false;
    };
    let opens = matches!(rest.trim_ascii().first(), None | Some(b'"' | b'{'));
    opens || json_line(line)
}

fn is_csv(text: &[u8], delimiter: u8, whole: bool) -> bool {
    let mut rows = Records::new(text, (delimiter, Some(b'"')), LINE_BYTES_MAX, (0, 0));
    let next = |rows: &mut Records<&[u8]>| {
        rows.next_record().unwrap_or(false) || (whole && rows.take_unfinished())
    };
    if !next(&mut rows) {
        return false;
    }
    let names: Vec<String> = rows.cells().map(|(cell, _)| name(cell)).collect();
    let different: BTreeSet<&String> = names.iter().collect();
    if names.iter().any(|name| !is_name(name)) || different.len() < names.len() {
        return false;
    }
    let (mut alike, mut all) = (0, 0);
    while all < ROWS && next(&mut rows) {
        all += 1;
        let fits = rows.len() == names.len();
        let typed = || rows.cells().all(|(cell, _)| is_typed(cell));
        alike += usize::from(fits && (names.len() > 1 || typed()));
    }
    // A bad row here and there does not make it another format; a column alone must have rows.
    match names.len() {
        1 => all > 0 && alike == all,
        _ => alike * 10 >= all * 9,
    }
}

fn name(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).trim().to_lowercase()
}

/// Whether a text can be the name of a column: there is a letter in it, and nothing of what logs are full of.
fn is_name(text: &str) -> bool {
    const SIGNS: &str = " _-./()%#$€@&'*+,";
    let fits = |c: char| c.is_alphanumeric() || SIGNS.contains(c);
    text.chars().count() <= NAME_CHARS_MAX
        && text.chars().all(fits)
        && text.chars().any(char::is_alphabetic)
        && time::cell(text, &TimeText::default()).is_err()
}

/// Whether a value has another type than a text.
fn is_typed(cell: &[u8]) -> bool {
    let value = String::from_utf8_lossy(cell);
    let value = value.trim();
    let is = |word: &str| value.eq_ignore_ascii_case(word);
    value.is_empty()
        || is("true")
        || is("false")
        || time::is_number(value)
        || time::cell(value, &TimeText::default()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_looks_like_what_it_is() {
        let log = "192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] \"GET /, HTTP/1.1\" 200 12 \"-\" \"A (B; C, D)\"\n";
        for (text, format) in [
            ("{\"a\":1}\n", Format::Json),
            ("\u{feff} [1,2]\n", Format::Json),
            ("[\n1]", Format::Json),
            ("{\n\"a\":1}", Format::Json),
            ("", Format::Json),
            ("a,b\n1,2\n", Format::Csv),
            ("a,b", Format::Csv),
            ("a;b c\n1,5;2\n", Format::Csv),
            ("v\n1\n2\n", Format::Csv),
            ("timestamp\n2024-02-29\n", Format::Csv),
            ("name,text\nx,\"a\nb\"\ny,\"\"\n", Format::Csv),
            ("hello\nworld\n", Format::Text),
            ("v\n", Format::Text),
            ("1,2\n3,4\n", Format::Text),
            ("a,a\n3,4\n", Format::Text),
            ("Dear all,\nthis is it.\nBye\n", Format::Text),
            ("[10/Oct/2026] x\n", Format::Text),
            ("[error] x\n", Format::Text),
            ("2026-10-10 13:55:36,123 INFO a, b\n", Format::Text),
            (log, Format::Text),
            (&log.repeat(3), Format::Text),
            ("\u{0}\u{1}\n", Format::Text),
        ] {
            assert_eq!(like(text.as_bytes(), true), format, "{text:?}");
        }
    }
}
