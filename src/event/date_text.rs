//! strftime patterns: instants to text and back, for functions and for rows that come in.
//!
//! Fields, names and widths are jiff's. Beside it stand here: `%s`, which is rounded down so that `%s%.f` is one number
//! on both sides of 1970; zones, by the rules of `Zone`; and offsets, of which a pattern reads every form.

use super::instant::{Zone, at_offset, in_calendar};
use super::time::Timestamp;
use jiff::civil::Time;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;
use std::fmt::Write;

/// What a pattern consists of.
#[derive(Clone, Debug, PartialEq)]
enum FormatPart {
    /// Text, and fields that jiff reads and writes.
    Fields(String),
    /// `%s`: the sign that fills it on the left, and its width.
    Seconds(char, usize),
    /// `%z` and its like, as written.
    Offset(String),
    /// `%Q` or `%:Q`, as written.
    Zone(String),
    /// `%Z`.
    Abbreviation,
}

/// Cuts a pattern at the directives that are not left to jiff.
fn parts(pattern: &str) -> Vec<FormatPart> {
    let mut parts = Vec::new();
    let mut fields = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        fields.push_str(&rest[..at]);
        rest = &rest[at..];
        let body = rest[1..].trim_start_matches(['-', '_', '0', '^', '#']);
        let flag = rest[1..rest.len() - body.len()].chars().last();
        let digits = body.trim_start_matches(|c: char| c.is_ascii_digit());
        let width = &body[..body.len() - digits.len()];
        let letter = digits.trim_start_matches(':');
        let colons = digits.len() - letter.len();
        let Some(directive) = letter.chars().next() else {
            break;
        };
        let whole = &rest[..rest.len() - letter.len() + directive.len_utf8()];
        let part = match directive {
            's' if colons == 0 => {
                let fill = if flag == Some('0') { '0' } else { ' ' };
                let width = if flag == Some('-') { "" } else { width };
                FormatPart::Seconds(fill, width.parse().unwrap_or(0).min(20))
            }
            'z' => FormatPart::Offset(whole.to_string()),
            'Q' => FormatPart::Zone(whole.to_string()),
            'Z' if colons == 0 && flag.is_none() && width.is_empty() => FormatPart::Abbreviation,
            _ => {
                fields.push_str(whole);
                rest = &rest[whole.len()..];
                continue;
            }
        };
        if !fields.is_empty() {
            parts.push(FormatPart::Fields(std::mem::take(&mut fields)));
        }
        parts.push(part);
        rest = &rest[whole.len()..];
    }
    fields.push_str(rest);
    if !fields.is_empty() {
        parts.push(FormatPart::Fields(fields));
    }
    parts
}

/// A pattern of formatDate.
pub(crate) struct FormatPattern(Vec<FormatPart>);

impl FormatPattern {
    pub(crate) fn new(pattern: &str) -> Self {
        FormatPattern(parts(pattern))
    }

    /// Why the pattern cannot be written.
    pub(crate) fn check(pattern: &str) -> Result<(), String> {
        FormatPattern::new(pattern)
            .put(Timestamp::default(), &Zone::UTC, &mut String::new())
            .ok_or_else(|| "it names no calendar".to_string())?
            .map_err(|e| e.to_string())
    }

    /// Writes an instant in milliseconds as the clocks of a zone show it.
    pub(crate) fn write(&self, ms: i64, zone: &Zone, to: &mut String) -> Option<()> {
        let at = ms.checked_mul(1000).map(Timestamp)?;
        self.put(at, zone, to)?.ok()
    }

    /// `None` outside of the calendar.
    fn put(&self, at: Timestamp, zone: &Zone, to: &mut String) -> Option<Result<(), jiff::Error>> {
        let mut time = BrokenDownTime::from(zone.local(at)?);
        time.set_offset(Some(zone.offset(at)));
        for part in &self.0 {
            let done = match part {
                FormatPart::Fields(pattern) | FormatPart::Offset(pattern) => {
                    time.format(pattern, &mut *to)
                }
                FormatPart::Seconds(fill, width) => {
                    seconds(at.0.div_euclid(1_000_000), *fill, *width, to);
                    Ok(())
                }
                FormatPart::Zone(pattern) => match zone.name() {
                    Some(name) => {
                        to.push_str(name);
                        Ok(())
                    }
                    None => time.format(pattern, &mut *to),
                },
                FormatPart::Abbreviation => {
                    zone.abbreviation(at, to);
                    Ok(())
                }
            };
            if done.is_err() {
                return Some(done);
            }
        }
        Some(Ok(()))
    }
}

fn seconds(value: i64, fill: char, width: usize, to: &mut String) {
    let done = match fill {
        '0' => write!(to, "{value:0width$}"),
        _ => write!(to, "{value:width$}"),
    };
    done.expect("a String takes every write");
}

/// A pattern of parseDate: the ways in which it reads a text.
pub(crate) struct ParsePattern(Vec<Reading>);

/// One way: an offset has one form, or is the letter Z.
struct Reading {
    before: String,
    /// What stands behind `%s`, if that stands in the pattern.
    after_seconds: Option<String>,
    /// `Z` stands where the pattern has an offset.
    zulu: bool,
}

impl ParsePattern {
    pub(crate) fn new(pattern: &str) -> Self {
        let parts = parts(pattern);
        // as written, `+02` and `+02:00`, `+0200`, and `Z`
        let forms = [None, Some("%:::z"), Some("%z"), Some("Z")];
        let has_offset = |p: &FormatPart| matches!(p, FormatPart::Offset(_) | FormatPart::Zone(_));
        let ways = if parts.iter().any(has_offset) { 4 } else { 1 };
        let readings = forms.iter().take(ways);
        ParsePattern(readings.map(|form| Reading::new(&parts, *form)).collect())
    }

    /// Why the pattern cannot be read: what it writes it must also read.
    pub(crate) fn check(pattern: &str) -> Result<(), String> {
        let is_seconds = |p: &&FormatPart| matches!(p, FormatPart::Seconds(..));
        if parts(pattern).iter().filter(is_seconds).count() > 1 {
            return Err("%s stands twice".to_string());
        }
        let mut text = String::new();
        FormatPattern::check(pattern)?;
        let written = FormatPattern::new(pattern).write(0, &Zone::UTC, &mut text);
        written.ok_or("it names no calendar")?;
        let pattern = ParsePattern::new(pattern);
        if let [
            Reading {
                before,
                after_seconds: None,
                ..
            },
            ..,
        ] = &pattern.0[..]
        {
            BrokenDownTime::parse(before, &text).map_err(|e| e.to_string())?;
        }
        let read = pattern.read(&text, &Zone::UTC);
        read.map(|_| ())
            .ok_or_else(|| "it names no date".to_string())
    }

    /// The instant; a zone is asked where the text names neither offset nor zone.
    pub(crate) fn read(&self, text: &str, zone: &Zone) -> Option<Timestamp> {
        self.0.iter().find_map(|reading| reading.read(text, zone))
    }
}

impl Reading {
    fn new(parts: &[FormatPart], form: Option<&str>) -> Self {
        let mut before = String::new();
        let mut after_seconds: Option<String> = None;
        for part in parts {
            let to = after_seconds.as_mut().unwrap_or(&mut before);
            match part {
                FormatPart::Fields(pattern) => to.push_str(pattern),
                FormatPart::Offset(pattern) | FormatPart::Zone(pattern) => {
                    to.push_str(form.unwrap_or(pattern));
                }
                FormatPart::Abbreviation => to.push_str("%Z"),
                FormatPart::Seconds(..) => after_seconds = Some(String::new()),
            }
        }
        Reading {
            before,
            after_seconds,
            zulu: form == Some("Z"),
        }
    }

    fn read(&self, text: &str, zone: &Zone) -> Option<Timestamp> {
        let Some(after) = &self.after_seconds else {
            let time = BrokenDownTime::parse(&self.before, text).ok()?;
            return self.instant(&time, zone);
        };
        // a count of seconds is an instant by itself: what else the text says changes only its fraction
        let (head, used) = BrokenDownTime::parse_prefix(&self.before, text).ok()?;
        let rest = text.get(used..)?;
        let unsigned = rest.trim_start_matches(['+', '-']);
        let digits = unsigned.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = &rest[..rest.len() - digits.len()];
        let tail = BrokenDownTime::parse(after, digits).ok()?;
        let nanos = tail.subsec_nanosecond().or(head.subsec_nanosecond());
        let us = number.parse::<i64>().ok()?.checked_mul(1_000_000)?;
        let at = Timestamp(us.checked_add(i64::from(nanos.unwrap_or(0) / 1000))?);
        zone.local(at).map(|_| at)
    }

    fn instant(&self, time: &BrokenDownTime, zone: &Zone) -> Option<Timestamp> {
        let local = match time.to_datetime() {
            Ok(local) => local,
            Err(_) if time.hour().is_none() => time.to_date().ok()?.to_datetime(Time::midnight()),
            Err(_) => return None,
        };
        let named = match time.iana_time_zone() {
            Some(name) => Some(Zone::of(name)?),
            None => None,
        };
        if !in_calendar(local) {
            return None;
        }
        let offset = time.offset().or(self.zulu.then_some(Offset::UTC));
        let Some(offset) = offset else {
            return Some(named.as_ref().unwrap_or(zone).instant(local));
        };
        let at = at_offset(local, offset);
        let fits = named.is_none_or(|zone| zone.offset(at) == offset);
        fits.then_some(at)
    }
}
