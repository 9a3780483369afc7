//! Functions of text. Positions and lengths count characters from 1; 0 means absent.

use super::{Args, Builtin, Call, Kernel, Null, Param, Rule};
use crate::error::Fault;
use crate::event::Type;
use crate::expr::kernel::cast;
use crate::expr::typed::{Op, Typed};
use Param::{Integer, Text};

// 1 MiB: a row far beyond what travels in a batch; a longer result is a mistake or an attack.
pub(in crate::expr) const TEXT_BYTES_MAX: usize = 1 << 20;

// 1 MiB: what a compiled regular expression may take, and its lazily built automaton.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// Bytes of a regular expression: reading one takes some 500 times as many before it is known how large it would be.
const PATTERN_BYTES_MAX: usize = 16 << 10;

const fn strict(
    names: &'static [&'static str],
    signature: &'static str,
    about: &'static str,
    params: &'static [Param],
    kernel: Kernel,
) -> Builtin {
    Builtin {
        names,
        signature,
        about,
        rule: Rule::Strict(params, params.len(), kernel),
    }
}

pub(super) const ENTRIES: &[Builtin] = &[
    strict(
        &["upper"],
        "upper(text STRING) → STRING",
        "Upper case.",
        &[Text],
        Kernel::Text(|a, to| {
            a.text(0).chars().for_each(|c| upper(c, to));
            Ok(())
        }),
    ),
    strict(
        &["lower"],
        "lower(text STRING) → STRING",
        "Lower case.",
        &[Text],
        Kernel::Text(|a, to| {
            a.text(0).chars().for_each(|c| lower(c, to));
            Ok(())
        }),
    ),
    strict(
        &["length", "char_length"],
        "length(text STRING) → INT",
        "Number of characters.",
        &[Text],
        Kernel::Int(|a| i32::try_from(a.text(0).chars().count()).map_err(|_| Null::Fault)),
    ),
    Builtin {
        names: &["concat"],
        signature: "concat(x, …) → STRING",
        about: "The arguments of any types one after the other, printed as CAST to STRING does; NULL if one is NULL, and beyond 1 MiB.",
        rule: Rule::Special(|c| {
            c.count(1, usize::MAX)?;
            let types: Vec<Type> = c
                .args
                .iter()
                .map(|a| a.ty.unwrap_or(Type::String))
                .collect();
            Ok(c.finish(&types, Kernel::Text(concat)))
        }),
    },
    strict(
        &["replace"],
        "replace(text STRING, old STRING, new STRING) → STRING",
        "Every occurrence of old becomes new.",
        &[Text, Text, Text],
        Kernel::Text(replace),
    ),
    strict(
        &["trim"],
        "trim(text STRING) → STRING",
        "Without white space at both ends.",
        &[Text],
        Kernel::Text(|a, to| put(to, a.text(0).trim())),
    ),
    strict(
        &["ltrim"],
        "ltrim(text STRING) → STRING",
        "Without white space at the start.",
        &[Text],
        Kernel::Text(|a, to| put(to, a.text(0).trim_start())),
    ),
    strict(
        &["rtrim"],
        "rtrim(text STRING) → STRING",
        "Without white space at the end.",
        &[Text],
        Kernel::Text(|a, to| put(to, a.text(0).trim_end())),
    ),
    strict(
        &["left"],
        "left(text STRING, count INT) → STRING",
        "The first characters.",
        &[Text, Integer],
        Kernel::Text(|a, to| put(to, &a.text(0)[..offset(a.text(0), a.long(1))])),
    ),
    strict(
        &["right"],
        "right(text STRING, count INT) → STRING",
        "The last characters.",
        &[Text, Integer],
        Kernel::Text(|a, to| {
            let text = a.text(0);
            let skip = (text.chars().count() as i64).saturating_sub(a.long(1).max(0));
            put(to, &text[offset(text, skip)..])
        }),
    ),
    strict(
        &["reverse"],
        "reverse(text STRING) → STRING",
        "The characters from last to first.",
        &[Text],
        Kernel::Text(|a, to| {
            to.extend(a.text(0).chars().rev());
            Ok(())
        }),
    ),
    strict(
        &["repeat"],
        "repeat(text STRING, count INT) → STRING",
        "The text so many times; NULL beyond 1 MiB.",
        &[Text, Integer],
        Kernel::Text(|a, to| {
            let count = usize::try_from(a.long(1).max(0)).map_err(|_| Null::Fault)?;
            let text = a.text(0);
            if text.is_empty() {
                return Ok(());
            }
            bounded(text.len().saturating_mul(count))?;
            (0..count).for_each(|_| to.push_str(text));
            Ok(())
        }),
    ),
    strict(
        &["position"],
        "position(part STRING, text STRING) → INT",
        "Where part first stands in text, 0 if nowhere.",
        &[Text, Text],
        Kernel::Int(|a| find(a.text(1), a.text(0), 1)),
    ),
    Builtin {
        names: &["locate"],
        signature: "locate(part STRING, text STRING[, start INT]) → INT",
        about: "Where part first stands in text, at or after start; 0 if nowhere.",
        rule: Rule::Strict(
            &[Text, Text, Integer],
            2,
            Kernel::Int(|a| {
                let start = if a.len() > 2 { a.long(2) } else { 1 };
                find(a.text(1), a.text(0), start)
            }),
        ),
    },
    strict(
        &["instr"],
        "instr(text STRING, part STRING) → INT",
        "Where part first stands in text, 0 if nowhere; the text comes first, as in MySQL.",
        &[Text, Text],
        Kernel::Int(|a| find(a.text(0), a.text(1), 1)),
    ),
    strict(
        &["ascii"],
        "ascii(text STRING) → INT",
        "Code point of the first character, 0 for the empty text.",
        &[Text],
        Kernel::Int(|a| Ok(a.text(0).chars().next().map_or(0, |c| c as i32))),
    ),
    strict(
        &["chr", "char"],
        "chr(code INT) → STRING",
        "The character of a code point; NULL if there is none.",
        &[Integer],
        Kernel::Text(|a, to| {
            let code = u32::try_from(a.long(0)).map_err(|_| Null::Fault)?;
            to.push(char::from_u32(code).ok_or(Null::Fault)?);
            Ok(())
        }),
    ),
    Builtin {
        names: &["substring", "substr"],
        signature: "substring(text STRING, start INT[, count INT]) → STRING",
        about: "The characters from start, counted from 1, to the end or so many.",
        rule: Rule::Strict(&[Text, Integer, Integer], 2, Kernel::Text(substring)),
    },
    Builtin {
        names: &["lpad"],
        signature: "lpad(text STRING, count INT[, fill STRING]) → STRING",
        about: "Exactly so many characters: filled on the left with fill (a space), or cut; NULL beyond 1 MiB.",
        rule: Rule::Strict(
            &[Text, Integer, Text],
            2,
            Kernel::Text(|a, to| {
                let missing = missing(a)?;
                fill(to, a, missing)?;
                let text = a.text(0);
                put(to, &text[..offset(text, a.long(1))])
            }),
        ),
    },
    Builtin {
        names: &["rpad"],
        signature: "rpad(text STRING, count INT[, fill STRING]) → STRING",
        about: "Exactly so many characters: filled on the right with fill (a space), or cut; NULL beyond 1 MiB.",
        rule: Rule::Strict(
            &[Text, Integer, Text],
            2,
            Kernel::Text(|a, to| {
                let missing = missing(a)?;
                let text = a.text(0);
                put(to, &text[..offset(text, a.long(1))])?;
                fill(to, a, missing)
            }),
        ),
    },
    Builtin {
        names: &["like"],
        signature: "like(text STRING, pattern STRING) → BOOL",
        about: "As text LIKE pattern: % is any run, _ one character, \\ takes the next sign literally.",
        rule: Rule::Special(|c| texts(c, Op::Like)),
    },
    Builtin {
        names: &["regexp"],
        signature: "regexp(text STRING, pattern STRING) → BOOL",
        about: "Whether the regular expression is found in the text; ^ and $ bind it to the ends.",
        rule: Rule::Special(|c| {
            c.count(2, 2)?;
            if let Some(pattern) = c.literal(1)
                && let Err(why) = regex(&pattern)
            {
                let span = c.args[1].span;
                return Err(c.fault(span, format!("regular expression '{pattern}': {why}")));
            }
            texts(c, Op::Regexp)
        }),
    },
];

/// Compiles a regular expression of bounded size. The reason of a refusal is one line.
pub(crate) fn regex(pattern: &str) -> Result<regex::Regex, String> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("longer than {PATTERN_BYTES_MAX} bytes"));
    }
    regex::RegexBuilder::new(pattern)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|e| {
            let text = e.to_string();
            let last = text.lines().last().unwrap_or_default().trim();
            last.strip_prefix("error: ").unwrap_or(last).to_string()
        })
}

/// A condition on two texts.
fn texts(call: Call, op: Op) -> Result<Typed, Fault> {
    call.count(2, 2)?;
    call.fits(0, Text)?;
    call.fits(1, Text)?;
    let args = call
        .args
        .into_iter()
        .map(|a| a.cast(Type::String))
        .collect();
    Ok(Typed::op(op, args, Type::Bool, call.span))
}

fn put(to: &mut String, text: &str) -> Result<(), Null> {
    to.push_str(text);
    Ok(())
}

fn bounded(bytes: usize) -> Result<(), Null> {
    if bytes > TEXT_BYTES_MAX {
        Err(Null::Fault)
    } else {
        Ok(())
    }
}

fn upper(c: char, to: &mut String) {
    if c.is_ascii() {
        to.push(c.to_ascii_uppercase());
    } else {
        to.extend(c.to_uppercase());
    }
}

fn lower(c: char, to: &mut String) {
    if c.is_ascii() {
        to.push(c.to_ascii_lowercase());
    } else {
        to.extend(c.to_lowercase());
    }
}

fn concat(a: &Args<'_>, to: &mut String) -> Result<(), Null> {
    for i in 0..a.len() {
        cast::print(a.operand(i), a.row, to);
        bounded(to.len())?;
    }
    Ok(())
}

/// The byte behind the first `count` characters.
fn offset(text: &str, count: i64) -> usize {
    let Ok(count) = usize::try_from(count) else {
        return 0; // negative
    };
    text.char_indices()
        .nth(count)
        .map_or(text.len(), |(i, _)| i)
}

fn replace(a: &Args<'_>, to: &mut String) -> Result<(), Null> {
    let (text, old, new) = (a.text(0), a.text(1), a.text(2));
    if old.is_empty() {
        return put(to, text);
    }
    for (i, part) in text.split(old).enumerate() {
        if i > 0 {
            to.push_str(new);
        }
        to.push_str(part);
        if to.len() > text.len() {
            bounded(to.len())?;
        }
    }
    Ok(())
}

fn find(text: &str, part: &str, start: i64) -> Result<i32, Null> {
    let Some(skip) = start.checked_sub(1).filter(|s| *s >= 0) else {
        return Ok(0);
    };
    let from = offset(text, skip);
    if from == text.len() && text.chars().count() as i64 != skip {
        return Ok(0); // start lies behind the text
    }
    match text[from..].find(part) {
        None => Ok(0),
        Some(at) => {
            let before = text[..from + at].chars().count();
            i32::try_from(before + 1).map_err(|_| Null::Fault)
        }
    }
}

/// The characters at positions `start ≤ p < start + count`.
fn substring(a: &Args<'_>, to: &mut String) -> Result<(), Null> {
    let (text, start) = (a.text(0), a.long(1));
    let end = match a.len() {
        2 => i64::MAX,
        _ => start.saturating_add(a.long(2)),
    };
    let from = offset(text, start.saturating_sub(1));
    let until = offset(text, end.saturating_sub(1)).max(from);
    put(to, &text[from..until])
}

/// How many characters a padded text lacks.
fn missing(a: &Args<'_>) -> Result<usize, Null> {
    let count = usize::try_from(a.long(1).max(0)).map_err(|_| Null::Fault)?;
    bounded(count)?;
    Ok(count.saturating_sub(a.text(0).chars().count()))
}

fn fill(to: &mut String, a: &Args<'_>, missing: usize) -> Result<(), Null> {
    let with = if a.len() > 2 { a.text(2) } else { " " };
    if with.is_empty() {
        return Ok(());
    }
    to.extend(with.chars().cycle().take(missing));
    bounded(to.len())
}
