//! Pieces of texts: what a regular expression finds, what stands between separators, and values of JSON.
//!
//! JSON is walked where it stands: a step of the path goes past all that it does not name, so no tree is built.

use super::text::{TEXT_BYTES_MAX, regex};
use super::{Args, Builtin, Call, Kernel, Null, Param, Rule};
use crate::error::Fault;
use crate::event::{Type, Value};
use crate::expr::typed::{Op, Typed};
use Param::{Integer, Text};
use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::cell::RefCell;
use std::fmt;

pub(super) const ENTRIES: &[Builtin] = &[
    Builtin {
        names: &["regexp_extract"],
        signature: "regexp_extract(text STRING, pattern STRING[, group INT]) → STRING",
        about: "What the regular expression, or a group of it, finds first; empty if nothing, as in DuckDB.",
        rule: Rule::Special(extract),
    },
    Builtin {
        names: &["split_part", "split"],
        signature: "split_part(text STRING, separator STRING, n INT) → STRING",
        about: "The nth piece between separators, from the end if n is negative; empty if there is none.",
        rule: Rule::Strict(&[Text, Text, Integer], 3, Kernel::Text(split_part)),
    },
    Builtin {
        names: &["json_value"],
        signature: "json_value(json STRING, path STRING) → STRING",
        about: "The text, number or boolean at a path such as '$.a.b[0]'; NULL for what is none.",
        rule: Rule::Special(|c| json(c, |a, to| at_path(a, false, to))),
    },
    Builtin {
        names: &["json_extract_string"],
        signature: "json_extract_string(json STRING, path STRING) → STRING",
        about: "As json_value, and objects and lists as their text; json ->> path says the same.",
        rule: Rule::Special(|c| json(c, |a, to| at_path(a, true, to))),
    },
];

/// A regular expression, and where it remembers what its groups found.
pub(in crate::expr) struct Extractor {
    regex: regex::Regex,
    groups: RefCell<regex::CaptureLocations>,
}

impl Extractor {
    pub(in crate::expr) fn new(pattern: &str) -> Option<Self> {
        let regex = regex(pattern).ok()?;
        let groups = RefCell::new(regex.capture_locations());
        Some(Extractor { regex, groups })
    }

    /// What a group finds, empty if nothing.
    pub(in crate::expr) fn find<'t>(&self, text: &'t str, group: i64) -> Result<&'t str, Null> {
        let group = usize::try_from(group).map_err(|_| Null::Fault)?;
        if group >= self.regex.captures_len() {
            return Err(Null::Fault);
        }
        if group == 0 {
            return Ok(self.regex.find(text).map_or("", |found| found.as_str()));
        }
        let mut groups = self.groups.borrow_mut();
        let found = self.regex.captures_read(&mut groups, text);
        let place = found.and_then(|_| groups.get(group));
        Ok(place.map_or("", |(from, to)| &text[from..to]))
    }
}

fn extract(mut call: Call) -> Result<Typed, Fault> {
    call.count(2, 3)?;
    if call.args.len() == 2 {
        let whole = Typed::constant_of(Value::Long(0), Some(Type::Long), call.span);
        call.args.push(whole);
    }
    let types = call.types(&[Text, Text, Integer])?;
    if let Some(pattern) = call.literal(1) {
        let span = call.args[1].span;
        let wrong = |why| call.fault(span, format!("regular expression '{pattern}': {why}"));
        let groups = regex(&pattern).map_err(wrong)?.captures_len() as i64 - 1;
        let group = match call.args[2].constant() {
            Some(Value::Int(group)) => i64::from(group),
            Some(Value::Long(group)) => group,
            _ => 0,
        };
        if !(0..=groups).contains(&group) {
            let message = format!("group {group} of a regular expression that has {groups}");
            return Err(call.fault(call.args[2].span, message));
        }
    }
    Ok(call.node(Op::Extract, &types, Type::String))
}

fn split_part(a: &Args<'_>, to: &mut String) -> Result<(), Null> {
    let (text, separator) = (a.text(0), a.text(1));
    let n = a.long(2);
    let Ok(before) = usize::try_from(n.unsigned_abs().wrapping_sub(1)) else {
        return Err(Null::Fault);
    };
    let piece = match n {
        0 => return Err(Null::Fault),
        // Nothing parts the text: it is one piece.
        _ if separator.is_empty() => (before == 0).then_some(text),
        1.. => text.split(separator).nth(before),
        _ => text.rsplit(separator).nth(before),
    };
    to.push_str(piece.unwrap_or_default());
    Ok(())
}

fn json(
    call: Call,
    kernel: fn(&Args<'_>, &mut String) -> Result<(), Null>,
) -> Result<Typed, Fault> {
    call.count(2, 2)?;
    let types = call.types(&[Text, Text])?;
    if let Some(path) = call.literal(1) {
        let mut steps = Steps::new(&path);
        if steps.any(|step| step.is_none()) {
            let message = format!("'{path}' is no path of JSON");
            let fault = Fault::new(call.args[1].span, message);
            return Err(fault.help("write a key, or a path such as '$.a.b[0]' or '$.\"a b\"'"));
        }
    }
    Ok(call.finish(&types, Kernel::Text(kernel)))
}

/// A step of a path.
#[derive(Clone, Copy)]
enum PathStep<'p> {
    Key(&'p str),
    Index(usize),
}

/// The steps of a path; none for what is no step, behind which nothing comes.
struct Steps<'p> {
    rest: &'p str,
    /// The whole text is the one key.
    is_key: bool,
}

impl<'p> Steps<'p> {
    fn new(path: &'p str) -> Self {
        match path.strip_prefix('$') {
            Some(rest) => Steps {
                rest,
                is_key: false,
            },
            None => Steps {
                rest: path,
                is_key: true,
            },
        }
    }

    fn step(&mut self) -> Option<PathStep<'p>> {
        if let Some(inner) = self.rest.strip_prefix('[') {
            let (inner, rest) = inner.split_once(']')?;
            self.rest = rest;
            return match quoted(inner) {
                Some(key) => Some(PathStep::Key(key)),
                None => Some(PathStep::Index(inner.parse().ok()?)),
            };
        }
        let name = self.rest.strip_prefix('.')?;
        if let Some(inner) = name.strip_prefix('"') {
            let (key, rest) = inner.split_once('"')?;
            self.rest = rest;
            return Some(PathStep::Key(key));
        }
        let end = name.find(['.', '[']).unwrap_or(name.len());
        self.rest = &name[end..];
        (end > 0).then_some(PathStep::Key(&name[..end]))
    }
}

/// What stands between two equal quotes.
fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|q| matches!(q, '"' | '\''))?;
    text.get(1..)?.strip_suffix(quote)
}

impl<'p> Iterator for Steps<'p> {
    type Item = Option<PathStep<'p>>;

    fn next(&mut self) -> Option<Self::Item> {
        if std::mem::take(&mut self.is_key) {
            return Some(Some(PathStep::Key(std::mem::take(&mut self.rest))));
        }
        if self.rest.is_empty() {
            return None;
        }
        let step = self.step();
        if step.is_none() {
            self.rest = "";
        }
        Some(step)
    }
}

/// Writes the value at a path.
fn at_path(a: &Args<'_>, nested: bool, to: &mut String) -> Result<(), Null> {
    let mut at: &RawValue = serde_json::from_str(a.text(0)).map_err(|_| Null::Fault)?;
    for step in Steps::new(a.text(1)) {
        let mut text = serde_json::Deserializer::from_str(at.get());
        let found = Seek(step.ok_or(Null::Fault)?).deserialize(&mut text);
        at = found.map_err(|_| Null::Fault)?.ok_or(Null::Nothing)?;
    }
    match at.get().as_bytes().first() {
        Some(b'n') => Err(Null::Nothing),
        Some(b'"') => {
            let mut text = serde_json::Deserializer::from_str(at.get());
            text.deserialize_str(Unescaped(to)).map_err(|_| Null::Fault)
        }
        Some(b'{' | b'[') if !nested => Err(Null::Nothing),
        _ if at.get().len() > TEXT_BYTES_MAX => Err(Null::Fault),
        _ => {
            to.push_str(at.get());
            Ok(())
        }
    }
}

/// Appends a text of JSON.
struct Unescaped<'t>(&'t mut String);

impl Visitor<'_> for Unescaped<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.push_str(text);
        Ok(())
    }
}

/// Whether a key is the one that is looked for.
struct IsKey<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for IsKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

/// Goes a step; nothing where there is no such member.
struct Seek<'p>(PathStep<'p>);

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let key = match self.0 {
            PathStep::Key(key) => Some(key),
            PathStep::Index(_) => None,
        };
        while let Some(is_key) = map.next_key_seed(IsKey(key.unwrap_or_default()))? {
            match is_key && key.is_some() && found.is_none() {
                true => found = Some(map.next_value()?),
                false => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let mut place = 0;
        while let Some(value) = seq.next_element::<&RawValue>()? {
            if matches!(self.0, PathStep::Index(wanted) if wanted == place) {
                found = Some(value);
            }
            place += 1;
        }
        Ok(found)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}
