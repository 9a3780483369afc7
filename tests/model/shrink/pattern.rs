//! Smaller patterns.

use crate::app::Query;
use crate::app::pattern::{Logical, Pattern, Step, Term, Unit, What};
use crate::expr::{Expr, Kind, Op};

/// What a query is with something of its pattern left out or made simpler, once for each such thing.
pub fn smaller(query: &Query) -> Vec<Query> {
    let Some(pattern) = &query.pattern else {
        return Vec::new();
    };
    let mut all = vec![
        Pattern {
            within: None,
            ..pattern.clone()
        },
        Pattern {
            skip_past: false,
            ..pattern.clone()
        },
        Pattern {
            sequence: false,
            ..pattern.clone()
        },
    ];
    for chain in chains(&pattern.chain) {
        all.push(Pattern {
            chain,
            ..pattern.clone()
        });
    }
    for place in 0..pattern.terms.len() {
        for term in terms(&pattern.terms[place]) {
            let mut pattern = pattern.clone();
            pattern.terms[place] = term;
            all.push(pattern);
        }
    }
    all.iter_mut().for_each(drop_terms);
    let with = |pattern| Query {
        pattern: Some(pattern),
        ..query.clone()
    };
    all.into_iter().map(with).collect()
}

fn chains(chain: &[Step]) -> Vec<Vec<Step>> {
    let mut all = Vec::new();
    if chain.len() > 1 {
        all.push(chain[..chain.len() - 1].to_vec());
    }
    for (place, step) in chain.iter().enumerate() {
        if let (Unit::Group(inside), false) = (&step.unit, step.every) {
            let mut chain = chain.to_vec();
            chain.splice(place..=place, inside.clone());
            all.push(chain);
        }
        for step in steps(step) {
            let mut chain = chain.to_vec();
            chain[place] = step;
            all.push(chain);
        }
    }
    all
}

fn steps(step: &Step) -> Vec<Step> {
    let mut all = vec![
        Step {
            every: false,
            ..step.clone()
        },
        Step {
            within: None,
            ..step.clone()
        },
    ];
    let units: Vec<Unit> = match &step.unit {
        Unit::Group(chain) => {
            let chains = chains(chain).into_iter().filter(|c| c.len() > 1);
            chains.map(Unit::Group).collect()
        }
        Unit::Logical(logical) => sides(logical).into_iter().map(Unit::Logical).collect(),
    };
    all.extend(units.into_iter().map(|unit| Step {
        unit,
        ..step.clone()
    }));
    all
}

/// Its sides, each alone.
fn sides(logical: &Logical) -> Vec<Logical> {
    match logical {
        Logical::Term(_) => Vec::new(),
        Logical::And(sides) | Logical::Or(sides) => sides.clone(),
    }
}

fn terms(term: &Term) -> Vec<Term> {
    let mut all = Vec::new();
    if let What::Counted(min, max) = term.what {
        let less = [(min, min.checked_add(1)), (min.min(1), max)];
        all.extend(less.map(|(min, max)| Term {
            what: What::Counted(min, max),
            ..term.clone()
        }));
    }
    let with = |filter: Option<Expr>| {
        let mut term = term.clone();
        term.source.filter = filter;
        term
    };
    if let Some(filter) = &term.source.filter {
        all.push(with(None));
        if let Kind::Binary(Op::And | Op::Or, a, b) = &filter.kind {
            all.push(with(Some(Expr::clone(a))));
            all.push(with(Some(Expr::clone(b))));
        }
    }
    all
}

/// Terms at the end of the text that no step has any more are left out.
fn drop_terms(pattern: &mut Pattern) {
    let used = used(&pattern.chain);
    let count = used.into_iter().max().map_or(0, |last| last + 1);
    pattern.terms.truncate(count);
}

fn used(chain: &[Step]) -> Vec<usize> {
    let of = |step: &Step| match &step.unit {
        Unit::Group(chain) => used(chain),
        Unit::Logical(logical) => logical.terms(),
    };
    chain.iter().flat_map(of).collect()
}
