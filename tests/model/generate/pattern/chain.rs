//! What must come, in order: steps, groups, AND, OR and NOT, counts, EVERY and WITHIN.

use super::super::super::app::Source;
use super::super::super::app::pattern::{Logical, Pattern, Step, Term, Unit, What};
use eventflux_kit::Random;

struct Maker<'a> {
    r: &'a mut Random,
    streams: &'a [usize],
    sequence: bool,
    /// Only terms that take rows, one behind the other.
    plain: bool,
    terms: Vec<Term>,
    /// The number of the element of each term.
    elements: Vec<usize>,
    element: usize,
}

/// A pattern without names and filters, and the number of the element of each term.
pub fn pattern(r: &mut Random, streams: &[usize]) -> (Pattern, Vec<usize>) {
    loop {
        let (sequence, skip_past) = (r.chance(30), r.chance(12));
        // A row of the one stream where one of the other must come ends a sequence.
        let most = if sequence { 2 } else { streams.len() };
        let streams = &streams[..most.min(streams.len())];
        let mut maker = Maker {
            r,
            streams,
            sequence,
            plain: skip_past,
            terms: Vec::new(),
            elements: Vec::new(),
            element: 0,
        };
        let count = 1 + maker.r.weighted(&[6, 40, 34, 20]);
        let mut chain = maker.chain(count, 0);
        let (terms, elements) = (maker.terms, maker.elements);
        chain.iter_mut().for_each(|s| settle(s, &terms));
        let everies = chain.iter().map(everies).sum::<usize>();
        let unbounded = |t: &Term| matches!(t.what, What::Counted(_, None));
        let bounded = terms.iter().any(unbounded) || everies > 1;
        let within = (bounded || r.chance(60)).then(|| span(r));
        let silence = chain.iter().map(|s| silence(s, &terms)).max();
        let takes = terms.iter().any(|t| !t.what.is_absent());
        let skips = !skip_past || (begins_again(&chain[0]) && everies == 1);
        let empty = chain.iter().all(|s| may_be_empty(s, &terms));
        let loops = chain.iter().map(|s| loops(s, &terms)).sum::<usize>();
        if takes && skips && loops < 2 && !super::may_lack(terms[0].what) && !empty {
            let pattern = Pattern {
                sequence,
                chain,
                terms,
                within: within.map(|t| t.max(silence.unwrap_or(0))),
                skip_past,
            };
            return (pattern, elements);
        }
    }
}

fn span(r: &mut Random) -> i64 {
    let ms = *r.pick(&[4, 20, 40, 80, 150, 300]) * 1000;
    if r.chance(6) { ms + 500 } else { ms }
}

impl Maker<'_> {
    fn chain(&mut self, count: usize, depth: usize) -> Vec<Step> {
        let (end, mut chain) = (self.terms.len() + count, Vec::new());
        while self.terms.len() < end {
            let left = end - self.terms.len();
            let whole = depth > 0 && chain.is_empty();
            chain.push(self.step(left, depth, whole));
        }
        chain
    }

    /// `whole`: it may not be all that is left.
    fn step(&mut self, left: usize, depth: usize, whole: bool) -> Step {
        let first = self.element == 0;
        let every = match () {
            () if first => self.r.chance(if depth == 0 { 80 } else { 15 }),
            () => !self.sequence && self.r.chance(14),
        };
        let most = left - usize::from(whole);
        let unit = if most >= 2 && depth < 2 && self.r.chance(if every { 35 } else { 12 }) {
            let count = 2 + self.r.below(most - 1);
            Unit::Group(self.chain(count, depth + 1))
        } else {
            let logical = match most >= 2 && !self.plain && self.r.chance(28) {
                true => {
                    let count = 2 + self.r.below((most - 1).min(2));
                    self.tree(count)
                }
                false => self.single(),
            };
            self.element += 1;
            Unit::Logical(logical)
        };
        let within = self.r.chance(8).then(|| span(self.r));
        Step {
            every,
            unit,
            within,
        }
    }

    fn term(&mut self, what: What) -> Logical {
        let stream = *self.r.pick(self.streams);
        self.terms.push(Term {
            source: Source::of(stream),
            what,
        });
        self.elements.push(self.element);
        Logical::Term(self.terms.len() - 1)
    }

    fn single(&mut self) -> Logical {
        let what = match self.r.weighted(&[58, 28, 14]) {
            2 if !self.plain => self.silence(),
            1 => self.count(),
            _ => What::Once,
        };
        self.term(what)
    }

    fn count(&mut self) -> What {
        let n = 1 + self.r.below(3);
        match self.r.weighted(&[20, 12, 15, 18, 15, 12, 8]) {
            0 => What::Counted(1, None),
            1 => What::Counted(0, None),
            2 => What::Counted(0, Some(1)),
            3 => What::Counted(n, Some(n)),
            4 => What::Counted(n, Some(n + 1 + self.r.below(2))),
            5 => What::Counted(n, None),
            _ => What::Counted(0, Some(n)),
        }
    }

    fn silence(&mut self) -> What {
        What::NotFor(*self.r.pick(&[1, 3, 5, 10, 20]) * 1000)
    }

    /// AND and OR of so many terms.
    fn tree(&mut self, count: usize) -> Logical {
        let all = self.r.chance(60);
        let nested = count > 2 && self.r.chance(50);
        let mut sides = Vec::new();
        // A NOT without a time stands beside something that takes a row, in either order.
        let not = all && self.r.chance(30);
        let place = self.r.below(2);
        for side in 0..if nested { 2 } else { count } {
            let inside = nested && side == usize::from(!not || place == 1);
            let what = match () {
                () if not && side == place => What::Not,
                () if not => What::Once,
                () if self.r.chance(20) => self.silence(),
                () => What::Once,
            };
            sides.push(match inside && !(not && side == place) {
                true => {
                    let pair = vec![self.term(What::Once), self.term(what)];
                    if all {
                        Logical::Or(pair)
                    } else {
                        Logical::And(pair)
                    }
                }
                false => self.term(what),
            });
        }
        if all {
            Logical::And(sides)
        } else {
            Logical::Or(sides)
        }
    }
}

/// No EVERY over what may be empty, no WITHIN shorter than a silence inside.
fn settle(step: &mut Step, terms: &[Term]) {
    if let Unit::Group(chain) = &mut step.unit {
        chain.iter_mut().for_each(|s| settle(s, terms));
    }
    step.every &= !may_be_empty(step, terms);
    let silence = silence(step, terms);
    step.within = step.within.map(|t| t.max(silence));
}

fn may_be_empty(step: &Step, terms: &[Term]) -> bool {
    match &step.unit {
        Unit::Group(chain) => chain.iter().all(|s| may_be_empty(s, terms)),
        Unit::Logical(Logical::Term(term)) => super::may_lack(terms[*term].what),
        Unit::Logical(_) => false,
    }
}

fn silence(step: &Step, terms: &[Term]) -> i64 {
    let of = |term: usize| match terms[term].what {
        What::NotFor(us) => us,
        _ => 0,
    };
    match &step.unit {
        Unit::Group(chain) => chain.iter().map(|s| silence(s, terms)).max().unwrap_or(0),
        Unit::Logical(logical) => logical.terms().into_iter().map(of).max().unwrap_or(0),
    }
}

fn everies(step: &Step) -> usize {
    let inside = match &step.unit {
        Unit::Group(chain) => chain.iter().map(everies).sum(),
        Unit::Logical(_) => 0,
    };
    inside + usize::from(step.every)
}

/// How many EVERY go on for themselves where nothing comes. Where one begins others the interpreter takes minutes.
fn loops(step: &Step, terms: &[Term]) -> usize {
    let inside = match &step.unit {
        Unit::Group(chain) => chain.iter().map(|s| loops(s, terms)).sum(),
        Unit::Logical(_) => 0,
    };
    inside + usize::from(step.every && needs_no_row(step, terms))
}

/// Whether silence completes it.
fn needs_no_row(step: &Step, terms: &[Term]) -> bool {
    fn over(logical: &Logical, terms: &[Term]) -> bool {
        match logical {
            Logical::Term(term) => {
                terms[*term].what.is_absent() || super::may_lack(terms[*term].what)
            }
            Logical::And(sides) => sides.iter().all(|s| over(s, terms)),
            Logical::Or(sides) => sides.iter().any(|s| over(s, terms)),
        }
    }
    match &step.unit {
        Unit::Group(chain) => chain.iter().all(|s| needs_no_row(s, terms)),
        Unit::Logical(logical) => over(logical, terms),
    }
}

/// Whether EVERY stands before the first term.
fn begins_again(step: &Step) -> bool {
    let first = match &step.unit {
        Unit::Group(chain) => chain.first(),
        Unit::Logical(_) => None,
    };
    step.every || first.is_some_and(begins_again)
}
