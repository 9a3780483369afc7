//! A pattern as a row of elements, with the ranges of them that EVERY and WITHIN speak of.

use super::run::{Leaf, Run};
use crate::app::pattern::{Logical, Pattern, Step, Term, Unit, What};
use crate::expr::{Expr, Kind, Op};

pub enum Element {
    /// A term that takes one row, or counts them.
    Term(usize),
    Logical(Logical),
}

pub struct Shape {
    pub sequence: bool,
    pub skip_past: bool,
    pub terms: Vec<Term>,
    pub elements: Vec<Element>,
    /// From the smallest to the largest.
    pub everies: Vec<(usize, usize)>,
    pub withins: Vec<(usize, usize, i64)>,
    /// The column of each term that is equal in all of them, if there is one.
    pub key: Option<Vec<usize>>,
}

impl Shape {
    /// `columns`: the number of the first column of each term.
    pub fn of(pattern: &Pattern, columns: &[usize]) -> Self {
        let mut shape = Shape {
            sequence: pattern.sequence,
            skip_past: pattern.skip_past,
            terms: pattern.terms.clone(),
            elements: Vec::new(),
            everies: Vec::new(),
            withins: Vec::new(),
            key: key(&pattern.terms, columns),
        };
        shape.chain(&pattern.chain);
        let last = shape.elements.len() - 1;
        shape.withins.extend(pattern.within.map(|t| (0, last, t)));
        shape.everies.sort_by_key(|(start, end)| end - start);
        shape.everies.dedup();
        shape
    }

    fn chain(&mut self, chain: &[Step]) {
        for step in chain {
            let start = self.elements.len();
            match &step.unit {
                Unit::Group(chain) => self.chain(chain),
                Unit::Logical(Logical::Term(t)) if !self.terms[*t].what.is_absent() => {
                    self.elements.push(Element::Term(*t))
                }
                Unit::Logical(logical) => self.elements.push(Element::Logical(logical.clone())),
            }
            let end = self.elements.len() - 1;
            self.everies.extend(step.every.then_some((start, end)));
            self.withins.extend(step.within.map(|t| (start, end, t)));
        }
    }

    pub fn terms_of(&self, element: usize) -> Vec<usize> {
        match &self.elements[element] {
            Element::Term(term) => vec![*term],
            Element::Logical(logical) => logical.terms(),
        }
    }

    fn counts(&self, term: usize) -> (usize, usize) {
        match self.terms[term].what {
            What::Counted(min, max) => (min, max.unwrap_or(usize::MAX)),
            _ => (1, 1),
        }
    }

    pub fn may_be_empty(&self, element: usize) -> bool {
        match &self.elements[element] {
            Element::Term(term) => self.counts(*term).0 == 0,
            Element::Logical(_) => false,
        }
    }

    pub fn is_lone_silence(&self, element: usize) -> bool {
        let terms = self.terms_of(element);
        terms.len() == 1 && matches!(self.terms[terms[0]].what, What::NotFor(_))
    }

    fn satisfied(&self, run: &Run, element: usize) -> bool {
        match &self.elements[element] {
            Element::Term(term) => run.taken[*term].len() >= self.counts(*term).0,
            Element::Logical(logical) => self.holds(run, logical),
        }
    }

    /// The elements for which a run takes rows.
    pub fn accepts(&self, run: &Run) -> Vec<usize> {
        let satisfied = self.satisfied(run, run.pos);
        let open = match &self.elements[run.pos] {
            Element::Term(term) => run.taken[*term].len() < self.counts(*term).1,
            Element::Logical(_) => !satisfied,
        };
        let mut all = if open { vec![run.pos] } else { Vec::new() };
        for element in run.pos + 1..self.elements.len() {
            if !satisfied {
                break;
            }
            all.push(element);
            if !self.may_be_empty(element) {
                break;
            }
        }
        all
    }

    /// Whether a run needs no more in a range.
    pub fn has_completed(&self, run: &Run, start: usize, end: usize) -> bool {
        let rest = |pos: usize| (pos + 1..=end).all(|e| self.may_be_empty(e));
        let here = || self.satisfied(run, run.pos) && rest(run.pos);
        run.pos > end || (run.pos >= start && here())
    }

    pub fn is_complete(&self, run: &Run) -> bool {
        self.has_completed(run, 0, self.elements.len() - 1)
    }

    /// The time of the first row of a range.
    pub fn first(&self, run: &Run, start: usize, end: usize) -> Option<i64> {
        let terms = (start..=end).flat_map(|e| self.terms_of(e));
        let rows = terms.flat_map(|t| run.taken[t].iter());
        rows.map(|row| row.at()).min()
    }

    /// Whether two runs have come to an element in the same way.
    pub fn same_history(&self, a: &Run, b: &Run, element: usize) -> bool {
        let ids = |run: &Run, t: usize| run.taken[t].iter().map(|r| r.id).collect::<Vec<_>>();
        let same = |t: usize| ids(a, t) == ids(b, t);
        let order = |run: &Run, e: usize| run.begun[e].map(|b| b.order);
        (0..element).all(|e| order(a, e) == order(b, e) && self.terms_of(e).into_iter().all(same))
    }

    pub fn holds(&self, run: &Run, logical: &Logical) -> bool {
        match logical {
            Logical::Term(term) => match (self.terms[*term].what, run.leaves[*term]) {
                (What::Not, leaf) => leaf != Leaf::Dead,
                (_, leaf) => leaf == Leaf::Done,
            },
            Logical::And(sides) => sides.iter().all(|s| self.holds(run, s)),
            Logical::Or(sides) => sides.iter().any(|s| self.holds(run, s)),
        }
    }

    pub fn is_dead(&self, run: &Run, logical: &Logical) -> bool {
        match logical {
            Logical::Term(term) => run.leaves[*term] == Leaf::Dead,
            Logical::And(sides) => sides.iter().any(|s| self.is_dead(run, s)),
            Logical::Or(sides) => sides.iter().all(|s| self.is_dead(run, s)),
        }
    }

    /// The terms of a tree that may still change something.
    pub fn open(&self, run: &Run, logical: &Logical) -> Vec<usize> {
        if self.is_dead(run, logical) {
            return Vec::new();
        }
        match logical {
            Logical::Term(term) if run.leaves[*term] == Leaf::Open => vec![*term],
            Logical::Term(_) => Vec::new(),
            Logical::Or(_) if self.holds(run, logical) => Vec::new(),
            Logical::And(sides) | Logical::Or(sides) => {
                sides.iter().flat_map(|s| self.open(run, s)).collect()
            }
        }
    }

    /// Whether a run waits for nothing but the end of a silence.
    pub fn only_listens(&self, run: &Run) -> bool {
        let listens = |element: usize| match &self.elements[element] {
            Element::Term(_) => false,
            Element::Logical(logical) => {
                let mut open = self.open(run, logical).into_iter();
                open.all(|t| self.terms[t].what.is_absent())
            }
        };
        self.accepts(run).into_iter().all(listens)
    }

    /// The silences of a run that have not ended: element, term and when each ends.
    pub fn silences(&self, run: &Run) -> Vec<(usize, usize, i64)> {
        let mut all = Vec::new();
        for element in self.accepts(run) {
            let Element::Logical(logical) = &self.elements[element] else {
                continue;
            };
            let begun = run.begun[element].expect("a run has come to what it waits at");
            for term in self.open(run, logical) {
                if let What::NotFor(us) = self.terms[term].what {
                    all.push((element, term, begun.at + us));
                }
            }
        }
        all
    }

    /// When WITHIN ends a run: the first element of the range, and the time.
    pub fn ends(&self, run: &Run) -> Vec<(usize, i64)> {
        let ranges = self.withins.iter();
        let bounded = ranges.filter(|(start, end, _)| !self.has_completed(run, *start, *end));
        let end = |(start, end, t): &(usize, usize, i64)| {
            let first = self.first(run, *start, *end)?;
            Some((*start, *end, first + t + 1))
        };
        let first_element = |(start, end, due): (usize, usize, i64)| {
            let of = |e: &usize| self.first(run, *e, *e).is_some();
            let element = (start..=end).find(of).expect("a range with a row");
            (element, due)
        };
        bounded.filter_map(end).map(first_element).collect()
    }
}

/// The columns that conditions `a.x = b.y` tie together, if they reach all terms.
fn key(terms: &[Term], columns: &[usize]) -> Option<Vec<usize>> {
    let mut class: Vec<usize> = (0..columns[columns.len() - 1]).collect();
    for filter in terms.iter().filter_map(|t| t.source.filter.as_ref()) {
        equal(filter, &mut class);
    }
    let of = |class_of: usize| {
        let in_term = |w: &[usize]| (w[0]..w[1]).find(|c| class[*c] == class_of);
        columns.windows(2).map(in_term).collect::<Option<Vec<_>>>()
    };
    (0..class.len()).find_map(of)
}

fn equal(filter: &Expr, class: &mut [usize]) {
    let Kind::Binary(op, a, b) = &filter.kind else {
        return;
    };
    match (op, &a.kind, &b.kind) {
        (Op::And, ..) => {
            equal(a, class);
            equal(b, class);
        }
        (Op::Eq, Kind::Column(a), Kind::Column(b)) => {
            let (from, to) = (class[*a], class[*b]);
            class
                .iter_mut()
                .filter(|c| **c == from)
                .for_each(|c| *c = to);
        }
        _ => {}
    }
}
