//! Errors by moment: building an app, sending to it, running it.

use crate::sql::ast::Span;
use std::fmt;

/// One thing that is wrong in an app's text, before it is shown: where, what, and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) remedy: Option<String>,
}

impl Fault {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Fault {
            span,
            message: message.into(),
            remedy: None,
        }
    }

    /// Adds what the reader can do about it.
    pub(crate) fn help(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Adds the known name nearest to the wrong one, or all of them when none is near.
    pub(crate) fn nearest<'a>(self, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        match nearest(wrong, &known) {
            Some(name) => self.help(format!("did you mean '{name}'?")),
            None if known.is_empty() => self,
            None => self.help(format!("known: {}", known.join(", "))),
        }
    }
}

/// The name of `known` that differs from `wrong` in the fewest edits, if that is near enough to be meant.
fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let wrong = wrong.to_ascii_lowercase();
    let best = known
        .iter()
        .map(|k| (edits(&wrong, &k.to_ascii_lowercase()), *k))
        .min_by_key(|(n, _)| *n)?;
    (best.0 <= 1 + wrong.chars().count() / 4).then_some(best.1)
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// One problem of an app's text.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Problem {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that is known.
    pub remedy: Option<String>,
    /// The line of the text.
    pub text: String,
    /// How many characters of the line are meant, at least 1.
    pub width: usize,
}

impl Problem {
    fn new(app: &str, fault: Fault) -> Self {
        let mut start = (fault.span.start as usize).min(app.len());
        while !app.is_char_boundary(start) {
            start -= 1;
        }
        let line_start = app[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = app[start..].find('\n').map_or(app.len(), |i| start + i);
        let mut end = (fault.span.end as usize).clamp(start, line_end);
        while !app.is_char_boundary(end) {
            end -= 1;
        }
        Problem {
            line: app[..start].matches('\n').count() + 1,
            column: app[line_start..start].chars().count() + 1,
            message: fault.message,
            remedy: fault.remedy,
            text: app[line_start..line_end].trim_end().to_string(),
            width: app[start..end].chars().count().max(1),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gutter = self.line.to_string().len();
        writeln!(f, "error: {}", self.message)?;
        writeln!(
            f,
            "{:gutter$}--> line {}, column {}",
            "", self.line, self.column
        )?;
        writeln!(f, "{} | {}", self.line, self.text.replace('\t', " "))?;
        write!(f, "{:gutter$} | {:2$}", "", "", self.column - 1)?;
        write!(f, "{}", "^".repeat(self.width))?;
        if let Some(remedy) = &self.remedy {
            write!(f, "\n{:gutter$} = help: {remedy}", "")?;
        }
        Ok(())
    }
}

/// An app cannot be built: all problems found, in the order of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildError {
    problems: Vec<Problem>,
}

impl BuildError {
    /// The faults of a text. Panics when there is none.
    pub(crate) fn new(app: &str, mut faults: Vec<Fault>) -> Self {
        assert!(!faults.is_empty(), "a build error names at least one fault");
        faults.sort_by_key(|f| f.span.start);
        faults.dedup();
        BuildError {
            problems: faults.into_iter().map(|f| Problem::new(app, f)).collect(),
        }
    }

    /// What is wrong, in the order of the text; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, p) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{p}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildError {}
