//! `WITH ('runs.max'='…', 'runs.full'='…')` behind a pattern → how many runs may be open, and what happens then.

use crate::error::Fault;
use crate::operator::pattern::{PATTERN_RUNS_MAX, RunsBound, WhenFull};
use crate::sql::ast::Name;
use crate::sql::given_once;

/// The options of a pattern.
const KNOWN: [&str; 2] = ["runs.max", "runs.full"];

/// What may be written for `runs.full`.
const POLICIES: [(&str, WhenFull); 3] = [
    ("refuse", WhenFull::Refuse),
    ("drop oldest", WhenFull::DropOldest),
    ("stop", WhenFull::Stop),
];

/// Reads the options of a pattern.
pub(super) fn bound(options: &[(Name, Name)], faults: &mut Vec<Fault>) -> RunsBound {
    let mut bound = RunsBound::default();
    let mut given = Vec::new();
    for (key, value) in options {
        let name = key.text.to_ascii_lowercase();
        if let Err(fault) = given_once(key, &mut given) {
            faults.push(fault);
            continue;
        }
        let taken = match name.as_str() {
            "runs.max" => number(value).map(|max| bound.max = max),
            "runs.full" => policy(value).map(|policy| bound.when_full = policy),
            _ => {
                let message = format!("unknown option '{name}' of a pattern");
                Err(Fault::new(key.span, message).nearest(&name, KNOWN))
            }
        };
        faults.extend(taken.err());
    }
    bound
}

fn number(value: &Name) -> Result<usize, Fault> {
    match value.text.trim().parse::<usize>() {
        Ok(n) if (2..=PATTERN_RUNS_MAX).contains(&n) => Ok(n),
        _ => {
            let message = format!(
                "a number of runs is a whole number from 2 to {PATTERN_RUNS_MAX} (PATTERN_RUNS_MAX)"
            );
            Err(Fault::new(value.span, message).help("write 'runs.max'='100000'"))
        }
    }
}

fn policy(value: &Name) -> Result<WhenFull, Fault> {
    let written = value.text.trim();
    let known = POLICIES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(written));
    known.map(|(_, policy)| *policy).ok_or_else(|| {
        let message = format!("'{written}' is nothing that can be done with a run too many");
        let fault = Fault::new(value.span, message);
        fault.help("write 'refuse', 'drop oldest' or 'stop'")
    })
}

/// What happens at the bound, in words.
pub(super) fn text(bound: RunsBound) -> String {
    let name = match bound.max {
        PATTERN_RUNS_MAX => "PATTERN_RUNS_MAX",
        _ => "runs.max",
    };
    let then = match bound.when_full {
        WhenFull::Refuse => "one more is refused and counted",
        WhenFull::DropOldest => "for one more that which has waited longest is dropped and counted",
        WhenFull::Stop => "one more stops the app",
    };
    format!(
        "at most {} open runs on a worker ({name}); {then}",
        bound.max
    )
}
