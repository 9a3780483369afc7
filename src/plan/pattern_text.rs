//! The parts of a pattern in words, as `explain`, pictures and traces show them.

use super::pattern::{ElementPlan, Logic, NO_END, PatternPlan};
use super::{Plan, QueryPlan};
use crate::expr::{ColumnRef, Typed};
use crate::sql::ast::Nth;

/// What a term is called, and what it asks, as it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct TermText {
    /// Its name; that of its stream where it has none.
    pub(crate) name: String,
    /// Conditions on the row alone.
    pub(crate) own: Vec<String>,
    /// Equalities by which runs are found.
    pub(crate) keys: Vec<String>,
    /// All other conditions.
    pub(crate) residual: Vec<String>,
}

impl TermText {
    /// All that it asks.
    pub(super) fn all(&self) -> Vec<&str> {
        let all = self.own.iter().chain(&self.keys).chain(&self.residual);
        all.map(String::as_str).collect()
    }
}

/// Expressions as they are written in a text, each in one line.
pub(super) fn written<'a>(
    text: &str,
    expressions: impl Iterator<Item = &'a Typed>,
) -> impl Iterator<Item = String> {
    let one = |typed: &Typed| text.get(typed.span.range()).unwrap_or_default();
    expressions.map(move |typed| super::identity::normal(one(typed)))
}

/// A time in the largest unit of which it is a whole number.
pub(super) fn time(us: i64) -> String {
    let units = [
        (86_400_000_000, "d"),
        (3_600_000_000, "h"),
        (60_000_000, "min"),
        (1_000_000, "s"),
        (1_000, "ms"),
    ];
    let unit = units.iter().find(|(size, _)| us > 0 && us % size == 0);
    match unit {
        Some((size, name)) => format!("{} {name}", us / size),
        None => format!("{us} µs"),
    }
}

/// How many rows an element takes, where that is not one.
pub(super) fn count(element: &ElementPlan) -> Option<String> {
    match (element.min, element.max) {
        (1, 1) => None,
        (min, max) if min == max => Some(format!("{min} rows")),
        (0, 1) => Some("one row or none".to_string()),
        (0, NO_END) => Some("any number of rows".to_string()),
        (0, max) => Some(format!("at most {max} rows")),
        (1, NO_END) => Some("one row or more".to_string()),
        (min, NO_END) => Some(format!("{min} rows or more")),
        (min, max) => Some(format!("{min} to {max} rows")),
    }
}

/// What a trace needs of the pattern of a query.
pub(crate) struct PatternWords {
    /// By term.
    pub(crate) terms: Vec<String>,
    /// By element.
    pub(crate) elements: Vec<String>,
    /// By WITHIN.
    pub(crate) within: Vec<String>,
    /// What a run keeps, and whether later rows find it by that.
    pub(crate) kept: Vec<(String, bool)>,
}

impl PatternWords {
    /// Those of a query that has a pattern.
    pub(crate) fn of(plan: &Plan, query: &QueryPlan) -> Option<Self> {
        let of = PatternText::of(plan, query)?;
        let elements = of.pattern.elements.iter();
        let within = of.pattern.within.iter();
        Some(PatternWords {
            terms: (0..of.pattern.terms.len()).map(|t| of.term(t)).collect(),
            elements: elements.map(|e| of.element(e, &|t| of.term(t))).collect(),
            within: within.map(|(_, us)| time(*us)).collect(),
            kept: of.kept(),
        })
    }
}

/// A pattern in words: of which query of which plan.
#[derive(Clone, Copy)]
pub(super) struct PatternText<'a> {
    pub(super) plan: &'a Plan,
    pub(super) query: &'a QueryPlan,
    pub(super) pattern: &'a PatternPlan,
}

impl<'a> PatternText<'a> {
    /// That of a query, if it has one.
    pub(super) fn of(plan: &'a Plan, query: &'a QueryPlan) -> Option<Self> {
        let pattern = query.pattern.as_ref()?;
        Some(PatternText {
            plan,
            query,
            pattern,
        })
    }

    /// The name of the stream of a term.
    pub(super) fn stream(self, term: usize) -> &'a str {
        &self.plan.streams[self.query.sources[term].stream].name
    }

    /// A term with its stream: `a = A`, `NOT C FOR 5 s`.
    pub(super) fn term(self, term: usize) -> String {
        self.term_that(term, "")
    }

    /// A term with what it asks: `b = B[b.k = a.k]`.
    pub(super) fn whole_term(self, term: usize) -> String {
        match self.pattern.terms[term].text.all().as_slice() {
            [] => self.term(term),
            all => self.term_that(term, &format!("[{}]", all.join(" AND "))),
        }
    }

    fn term_that(self, term: usize, asks: &str) -> String {
        let own = &self.pattern.terms[term];
        let stream = self.stream(term);
        match (own.absent, own.silence_us) {
            (true, Some(us)) => format!("NOT {stream}{asks} FOR {}", time(us)),
            (true, None) => format!("NOT {stream}{asks}"),
            (false, _) if own.text.name == stream => format!("{stream}{asks}"),
            (false, _) => format!("{} = {stream}{asks}", own.text.name),
        }
    }

    /// What must come at an element; each term by `named`.
    pub(super) fn element(self, element: &ElementPlan, named: &dyn Fn(usize) -> String) -> String {
        match &element.logic {
            None => named(element.terms.start),
            Some(logic) => logic_text(logic, named, false),
        }
    }

    /// What a run keeps, and whether later rows find it by that.
    pub(super) fn kept(self) -> Vec<(String, bool)> {
        let mut keys = Vec::new();
        for key in self.pattern.terms.iter().flat_map(|t| &t.keys) {
            key.left.columns(&mut |column| keys.push(column));
        }
        let columns = self.pattern.kept(self.query.expressions());
        let named = |column| Some((self.column(column)?, keys.contains(&column)));
        let columns = columns.into_iter().filter_map(|(column, _)| named(column));
        let totals = self.pattern.aggregates.iter();
        let totals = totals.map(|a| (a.text.clone(), false));
        let key = self.key().map(|key| (key, true));
        columns.chain(totals).chain(key).collect()
    }

    /// What the key of the partition is called in which the pattern stands, if it does.
    pub(super) fn key(self) -> Option<String> {
        let source = &self.query.sources[0];
        let attributes = self.plan.streams[source.stream].schema.attributes();
        let attribute = attributes.get(source.partition_key?);
        Some(attribute.map_or("key", |a| &*a.name).to_string())
    }

    pub(super) fn column(self, column: ColumnRef) -> Option<String> {
        let source = column.source()?;
        let term = &self.pattern.terms[source].text.name;
        let schema = &self.plan.streams[self.query.sources[source].stream].schema;
        let name = |column: usize| &schema.attributes()[column].name;
        Some(match column {
            ColumnRef::Input { column, .. } => format!("{term}.{}", name(column)),
            ColumnRef::EventTime { .. } => format!("{term}.at"),
            ColumnRef::Nth { column, nth, .. } => {
                let nth = match nth {
                    Nth::First(n) => n.to_string(),
                    Nth::Last(0) => "last".to_string(),
                    Nth::Last(back) => format!("last-{back}"),
                };
                format!("{term}[{nth}].{}", name(column))
            }
            _ => return None,
        })
    }
}

fn logic_text(logic: &Logic, named: &dyn Fn(usize) -> String, inside: bool) -> String {
    let (sides, word) = match logic {
        Logic::Term(term) => return named(*term),
        Logic::And(sides) => (sides, " AND "),
        Logic::Or(sides) => (sides, " OR "),
    };
    let sides: Vec<String> = sides.iter().map(|s| logic_text(s, named, true)).collect();
    match inside {
        true => format!("({})", sides.join(word)),
        false => sides.join(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_counts_are_told_in_words() {
        for (us, told) in [
            (5_000_000, "5 s"),
            (90_000_000, "90 s"),
            (7_200_000_000, "2 h"),
            (172_800_000_000, "2 d"),
            (1_500_000, "1500 ms"),
            (7, "7 µs"),
        ] {
            assert_eq!(time(us), told);
        }
        for (min, max, told) in [
            (1, 1, None),
            (2, 2, Some("2 rows")),
            (0, 1, Some("one row or none")),
            (0, 3, Some("at most 3 rows")),
            (0, NO_END, Some("any number of rows")),
            (1, NO_END, Some("one row or more")),
            (3, NO_END, Some("3 rows or more")),
            (2, 5, Some("2 to 5 rows")),
        ] {
            let element = ElementPlan {
                min,
                max,
                is_counted: true,
                logic: None,
                terms: 0..1,
            };
            assert_eq!(count(&element).as_deref(), told);
        }
    }
}
