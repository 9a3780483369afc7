//! What is shown of a text that may be long and hold anything: a part of it, without characters that act on a terminal.

/// Bytes of a message that are shown, and of a remedy.
const MESSAGE_BYTES_MAX: usize = 360;

/// Characters of a line that are shown, and their bytes: the place and what stands around it.
const EXCERPT_CHARS_MAX: usize = 120;
const EXCERPT_BYTES_MAX: usize = 240;

/// Characters of a longer line that are shown before the place.
const BEFORE_CHARS_MAX: usize = 40;

/// What is shown of a line around the byte `place`, and the characters of it before that.
pub(super) fn excerpt(line: &str, place: usize) -> (String, usize) {
    let before = line[..place].chars().count();
    let line = line.trim_end();
    if line.len() <= EXCERPT_BYTES_MAX && line.chars().count() <= EXCERPT_CHARS_MAX {
        return (
            line.chars().map(visible).collect(),
            before.min(EXCERPT_CHARS_MAX),
        );
    }
    let cut = before.saturating_sub(BEFORE_CHARS_MAX);
    let mut shown = String::from(if cut > 0 { "…" } else { "" });
    let lead = shown.chars().count() + before - cut;
    for (taken, c) in line.chars().skip(cut).enumerate() {
        let full = taken + 2 >= EXCERPT_CHARS_MAX || shown.len() + 8 > EXCERPT_BYTES_MAX;
        if full {
            shown.push('…');
            break;
        }
        shown.push(visible(c));
    }
    (shown, lead)
}

/// A text without control characters, cut where it is long.
pub(super) fn shortened(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().map(visible) {
        if shown.len() + 8 > MESSAGE_BYTES_MAX {
            shown.push('…');
            break;
        }
        shown.push(c);
    }
    shown
}

/// A sign for a character that would move the cursor, turn the direction of writing or hide itself.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => '\u{fffd}',
        '\u{2060}'..='\u{206f}' | '\u{feff}' => '\u{fffd}',
        c => c,
    }
}
