//! One step of the clock: how often silence is over again in it without a row.
//!
//! Why: a silence under EVERY opens the next one, and so on until a row comes. A clock that jumps by an hour would have
//! `EVERY NOT A FOR 1 MILLISECONDS` do so millions of times at once; and where each of them begins others under EVERY,
//! their number grows with a power of the time.
//! How: a run fires each of its timers once, so that work without end needs runs without end, and only silences open
//! them. What they open in one step is counted against a bound. Beyond that the run that was opened rests: its silence
//! begins at the end of the step, and what it would have made until then is counted. As the last matches say more than
//! the first ones, loops rest at the beginning of the step already, where it can be told that they would go on for too
//! long. Nothing of it is state: between two steps no run rests.

use super::automaton::{Element, Logic, Shape, Term};
use super::due::DueList;
use super::{Pattern, SILENCES_EACH_MAX, SILENCES_MAX};
use crate::event::Timestamp;
use crate::state::Slot;

/// A range under EVERY that silence alone completes.
#[derive(Clone, Copy, Debug)]
struct Loop {
    /// After so many microseconds it is complete again where nothing comes.
    period_us: i64,
    /// The list of its runs that rest.
    rests: usize,
}

/// The step of the clock at hand, or the last one.
#[derive(Debug)]
pub(super) struct ClockStep {
    /// By place among the ranges under EVERY.
    loops: Vec<Option<Loop>>,
    /// The lists of silences that are waited for in these.
    silences: Vec<usize>,
    /// When the first of what is due in it is due.
    first: Timestamp,
    end: Timestamp,
    /// So many runs may silences open in it, of each key.
    opened_max: usize,
    /// How often a loop that goes on to its end may do so.
    rounds: usize,
    number: u64,
    /// By key, the step in which silences opened runs last, and how many.
    opened: Vec<(u64, usize)>,
    /// Whether the silence that is over at hand began in this step.
    follows: Option<bool>,
}

impl ClockStep {
    /// `lists`: by term, that of its silence; there are `count` of them and others.
    pub(super) fn new(
        shape: &Shape,
        terms: &[Term],
        lists: &[Option<usize>],
        count: usize,
    ) -> Self {
        let periods = shape.every.iter().map(|range| {
            let period = shape.elements[range.clone()]
                .iter()
                .map(|e| lasts(e, terms));
            period.sum::<Option<i64>>().filter(|us| *us > 0)
        });
        let mut rests = count..;
        let loops = periods.map(|period_us| {
            Some(Loop {
                period_us: period_us?,
                rests: rests.next()?,
            })
        });
        let loops: Vec<Option<Loop>> = loops.collect();
        let looping = shape.every.iter().zip(&loops).filter(|(_, l)| l.is_some());
        let inside = looping.flat_map(|(range, _)| &shape.elements[range.clone()]);
        let mut silences: Vec<usize> = inside
            .flat_map(|e| e.terms.clone())
            .filter_map(|term| lists[term])
            .collect();
        silences.sort_unstable();
        silences.dedup();
        ClockStep {
            loops,
            silences,
            first: Timestamp::MIN,
            end: Timestamp::MIN,
            opened_max: 0,
            rounds: 0,
            number: 0,
            opened: Vec::new(),
            follows: None,
        }
    }

    /// The lists of runs that rest.
    pub(super) fn rests(&self) -> impl Iterator<Item = usize> {
        self.loops.iter().flatten().map(|l| l.rests)
    }

    /// Until when a run rests that a silence has opened at `at` in front of the range of this place, and how many
    /// silences are left out by that; none where it does not rest.
    fn rest(&mut self, range: usize, key: Slot, at: Timestamp) -> Option<(Loop, Timestamp, u64)> {
        let follows = self.follows?;
        let own = self.loops[range]?;
        let key = key as usize;
        if self.opened.len() <= key {
            self.opened.resize(key + 1, (0, 0));
        }
        let opened = &mut self.opened[key];
        if opened.0 != self.number {
            *opened = (self.number, 0);
        }
        opened.1 += usize::from(follows);
        let lasting = own.period_us.saturating_mul(self.rounds as i64);
        let until = match opened.1 > self.opened_max {
            true => self.end,
            false => self.end.plus(-lasting),
        };
        let left_out = until.0.saturating_sub(at.0).max(0) / own.period_us;
        (left_out > 0).then_some((own, until, left_out as u64))
    }
}

/// After how many microseconds an element is complete, or left out, where nothing comes.
fn lasts(element: &Element, terms: &[Term]) -> Option<i64> {
    match &element.logic {
        Some(logic) => is_over_after(logic, terms),
        None => (element.min == 0).then_some(0),
    }
}

/// After how many microseconds a part is fulfilled where nothing comes, if it is then.
fn is_over_after(logic: &Logic, terms: &[Term]) -> Option<i64> {
    match logic {
        Logic::Present(_) => None,
        Logic::Absent(_) => Some(0),
        Logic::Silent(term) => terms[*term].silence_us,
        Logic::And(sides) => {
            let all: Option<Vec<i64>> = sides.iter().map(|s| is_over_after(s, terms)).collect();
            all?.into_iter().max()
        }
        Logic::Or(sides) => sides.iter().filter_map(|s| is_over_after(s, terms)).min(),
    }
}

impl Pattern {
    /// The clock is about to reach `now`, where something is due.
    pub(super) fn begin_step(&mut self, now: Timestamp) {
        if now <= self.step.end || self.step.silences.is_empty() {
            return;
        }
        let firsts = self.dues.iter().filter_map(DueList::first);
        let first = firsts.map(|(due, _)| due).min();
        let waiting = self.step.silences.iter().map(|list| self.dues[*list].len());
        // Each key of a partition has a bound of its own, whatever the others do.
        let waiting = match self.partition {
            Some(_) => 1,
            None => waiting.sum::<usize>().max(1),
        };
        let step = &mut self.step;
        step.first = first.unwrap_or(now);
        step.end = now;
        step.number += 1;
        step.opened_max = SILENCES_MAX.max(waiting.saturating_mul(SILENCES_EACH_MAX));
        step.rounds = step.opened_max / waiting;
    }

    /// A silence of a term is over that was due then; what it does follows, until [`Pattern::end_silence`].
    #[inline]
    pub(super) fn note_silence(&mut self, term: usize, due: Timestamp) {
        let us = self.terms[term].silence_us.unwrap_or_default();
        self.step.follows = Some(due.plus(-us) >= self.step.first);
    }

    #[inline]
    pub(super) fn end_silence(&mut self) {
        self.step.follows = None;
    }

    /// A run was opened in front of the range under EVERY of this place. Where a silence did it that is beyond the
    /// bound, the run rests.
    #[inline]
    pub(super) fn limit_silences(&mut self, run: Slot, range: usize, at: Timestamp) {
        if let Some((own, until, left_out)) = self.step.rest(range, self.key, at) {
            self.refused += left_out;
            self.put_to_rest(run, own, until);
        }
    }

    fn put_to_rest(&mut self, run: Slot, own: Loop, until: Timestamp) {
        for element in self.shape.waits(self.runs.get(run)) {
            for term in self.shape.elements[element].terms.clone() {
                self.end_silence_of(run, term);
            }
        }
        let resting = &mut self.dues[own.rests];
        resting.ensure(run as usize + 1);
        resting.insert(run, until, None);
    }

    /// A run has rested: its silences begin.
    pub(super) fn wake(&mut self, run: Slot, now: Timestamp) {
        let held = *self.runs.get(run);
        for element in self.shape.waits(&held) {
            let known = self.shape.known(element, &held);
            for term in self.shape.elements[element].terms.clone() {
                let logic = self.shape.elements[element].logic.as_ref();
                let list = self.silence[term].map(|list| &self.dues[list]);
                let is_due = list.is_some_and(|list| list.due_of(run).is_some());
                if !is_due && logic.is_some_and(|logic| logic.wants(term, known)) {
                    self.begin_silence_of(run, term, now);
                }
            }
        }
    }
}
