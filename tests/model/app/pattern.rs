//! Patterns and sequences: what must come, in order.

use super::super::expr::Names;
use super::print::span;
use super::{App, Source};

#[derive(Clone, Debug)]
pub struct Pattern {
    /// SEQUENCE: no row may come between.
    pub sequence: bool,
    pub chain: Vec<Step>,
    /// The terms in the order of the text; the columns of the query are those of all their streams.
    pub terms: Vec<Term>,
    /// WITHIN behind the parentheses, in microseconds.
    pub within: Option<i64>,
    /// A match ends all other runs of its key.
    pub skip_past: bool,
}

/// `[EVERY] unit [WITHIN t]`.
#[derive(Clone, Debug)]
pub struct Step {
    pub every: bool,
    pub unit: Unit,
    pub within: Option<i64>,
}

#[derive(Clone, Debug)]
pub enum Unit {
    Group(Vec<Step>),
    Logical(Logical),
}

#[derive(Clone, Debug)]
pub enum Logical {
    /// The number of a term.
    Term(usize),
    And(Vec<Logical>),
    Or(Vec<Logical>),
}

#[derive(Clone, Debug)]
pub struct Term {
    /// Its alias is the name of the term.
    pub source: Source,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// One row.
    Once,
    /// So many rows at least and, if there is a number, at most.
    Counted(usize, Option<usize>),
    /// No row, until something else has come.
    Not,
    /// No row for so many microseconds.
    NotFor(i64),
}

/// One of the rows of a counted term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nth {
    /// Counted from the first, which is 0.
    First(usize),
    /// Counted back from the last, which is 0.
    Last(usize),
}

impl Step {
    fn sql(&self, terms: &[String]) -> String {
        let mut text = match &self.unit {
            Unit::Group(chain) => format!("({})", chain_sql(chain, " -> ", terms)),
            Unit::Logical(logical) => logical.sql(terms, self.every || self.within.is_some()),
        };
        if self.every {
            text = format!("EVERY {text}");
        }
        text + &within(self.within)
    }
}

impl Logical {
    /// All its terms, left first.
    pub fn terms(&self) -> Vec<usize> {
        match self {
            Logical::Term(term) => vec![*term],
            Logical::And(sides) | Logical::Or(sides) => {
                sides.iter().flat_map(Logical::terms).collect()
            }
        }
    }

    fn sql(&self, terms: &[String], inside: bool) -> String {
        let (sides, word) = match self {
            Logical::Term(term) => return terms[*term].clone(),
            Logical::And(sides) => (sides, " AND "),
            Logical::Or(sides) => (sides, " OR "),
        };
        let sides: Vec<String> = sides.iter().map(|s| s.sql(terms, true)).collect();
        match inside {
            true => format!("({})", sides.join(word)),
            false => sides.join(word),
        }
    }
}

impl What {
    pub fn is_absent(self) -> bool {
        matches!(self, What::Not | What::NotFor(_))
    }

    pub fn is_counted(self) -> bool {
        matches!(self, What::Counted(..))
    }

    fn count_sql(self) -> String {
        match self {
            What::Counted(0, None) => "*".into(),
            What::Counted(1, None) => "+".into(),
            What::Counted(0, Some(1)) => "?".into(),
            What::Counted(min, None) => format!("{{{min},}}"),
            What::Counted(0, Some(max)) => format!("{{,{max}}}"),
            What::Counted(min, Some(max)) if min == max => format!("{{{min}}}"),
            What::Counted(min, Some(max)) => format!("{{{min},{max}}}"),
            _ => String::new(),
        }
    }
}

impl Term {
    /// `names` of its filter: its own attributes stand there without a name before them.
    fn sql(&self, app: &App, names: &Names) -> String {
        let source = &self.source;
        let filter = source.filter.iter().map(|f| format!("[{}]", f.sql(names)));
        let filter: String = filter.collect();
        let stream = &app.streams[source.stream].name;
        match self.what {
            What::Not => format!("NOT {stream}{filter}"),
            What::NotFor(us) => format!("NOT {stream}{filter} FOR {}", span(us)),
            what => {
                let name = source.alias.iter().map(|a| format!("{a}="));
                let name: String = name.collect();
                format!("{name}{stream}{filter}{}", what.count_sql())
            }
        }
    }
}

impl Pattern {
    /// `names` of the query.
    pub fn sql(&self, app: &App, names: &Names) -> String {
        let mut first = 0;
        let mut terms = Vec::new();
        for (place, term) in self.terms.iter().enumerate() {
            let mut own = names.clone();
            for (at, name) in names.terms[place].iter().enumerate() {
                own.columns[first + at].clone_from(name);
            }
            first += names.terms[place].len();
            terms.push(term.sql(app, &own));
        }
        let (word, between) = match self.sequence {
            true => ("SEQUENCE", ", "),
            false => ("PATTERN", " -> "),
        };
        let chain = chain_sql(&self.chain, between, &terms);
        let skip = match self.skip_past {
            true => " AFTER MATCH SKIP PAST LAST ROW",
            false => "",
        };
        format!("{word} ({chain}){}{skip}", within(self.within))
    }

    /// The number of the first column of each term, and of all columns.
    pub fn columns(&self, app: &App) -> Vec<usize> {
        let mut ends = vec![0];
        for term in &self.terms {
            let width = app.streams[term.source.stream].attributes.len();
            ends.push(ends[ends.len() - 1] + width);
        }
        ends
    }
}

fn chain_sql(chain: &[Step], between: &str, terms: &[String]) -> String {
    let steps: Vec<String> = chain.iter().map(|s| s.sql(terms)).collect();
    steps.join(between)
}

fn within(us: Option<i64>) -> String {
    us.map_or(String::new(), |us| format!(" WITHIN {}", span(us)))
}
