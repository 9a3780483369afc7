//! What happens to runs, for whoever asks why a pattern matches or does not.
//!
//! Why here: what a run waits for, and why it is over, is known where it moves, and nowhere else. Nobody asks in an
//! ordinary run: then it costs a look at a pointer where a run changes, and nothing for a row that fits none.

use super::Pattern;
use crate::event::{Column, Timestamp};
use crate::state::Slot;
use std::sync::Arc;

/// What happened to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TraceStep {
    /// It was opened; with a row of a term, where another one goes on to wait in front of that.
    Begun { with: Option<usize> },
    /// It took a row of a term, the so many-th.
    Took { term: usize, count: u32 },
    /// No row of a term came for long enough.
    Silent { term: usize },
    /// A row of a term came that must not come: that side of a logical element is lost, others are left.
    Lost { term: usize },
    /// A row of a term came that must not come, before all others: silence begins anew.
    StartsOver { term: usize },
    /// It has all elements from `first` to before `end`, which are under EVERY.
    Completed { first: usize, end: usize },
    /// It is a match.
    Matched,
    /// It is over: a row of a term came that must not come.
    Prevented { term: usize },
    /// It is over: this WITHIN, by its number, has ended it.
    OutOfTime { within: usize },
    /// It is over: a row came between.
    Broken,
    /// It is over: another run is a match.
    Skipped,
    /// It is over: another run of a sequence stands in its place.
    GaveWay,
    /// It is over: there were too many, and it had waited longest.
    Dropped,
    /// It was not begun, as there were too many.
    Refused,
}

impl TraceStep {
    fn ends(self) -> bool {
        use TraceStep::*;
        let over = [Matched, Broken, Skipped, GaveWay, Dropped, Refused];
        matches!(self, Prevented { .. } | OutOfTime { .. }) || over.contains(&self)
    }
}

/// What is told.
pub(crate) struct Traced<'a> {
    pub(crate) at: Timestamp,
    /// The number of the run; none where none was begun.
    pub(crate) run: Option<u64>,
    pub(crate) step: TraceStep,
    /// The terms for whose rows or silence it waits now.
    pub(crate) waits: &'a [usize],
    /// What runs keep, and the place of this one.
    pub(crate) kept: &'a [Column],
    pub(crate) slot: usize,
}

/// Who is told; it may be told by several workers.
pub(crate) trait TraceSink: Send + Sync {
    /// A number for a run that no other one has.
    fn number(&self) -> u64;

    /// Something has happened.
    fn tell(&self, traced: &Traced<'_>);
}

/// A sink, and what it knows of the runs.
pub(super) struct Tracer {
    sink: Arc<dyn TraceSink>,
    /// By run, its number; 0 where it has none yet.
    numbers: Vec<u64>,
    /// What happens to the run at hand, told as soon as it is where it goes.
    next: Option<TraceStep>,
    waits: Vec<usize>,
}

impl Tracer {
    pub(super) fn new(sink: Arc<dyn TraceSink>) -> Self {
        Tracer {
            sink,
            numbers: Vec::new(),
            next: None,
            waits: Vec::new(),
        }
    }

    fn number(&mut self, run: Slot, step: TraceStep) -> u64 {
        let place = run as usize;
        if self.numbers.len() <= place {
            self.numbers.resize(place + 1, 0);
        }
        let number = &mut self.numbers[place];
        if *number == 0 || matches!(step, TraceStep::Begun { .. }) {
            *number = self.sink.number();
        }
        let told = *number;
        if step.ends() {
            *number = 0;
        }
        told
    }
}

impl Pattern {
    /// Something happens to a run.
    #[inline]
    pub(super) fn trace(&mut self, run: Slot, at: Timestamp, step: TraceStep) {
        if self.tracer.is_some() {
            self.tell(Some(run), at, step);
        }
    }

    /// A run was not begun.
    #[cold]
    pub(super) fn trace_refused(&mut self, at: Timestamp) {
        if self.tracer.is_some() {
            self.tell(None, at, TraceStep::Refused);
        }
    }

    /// A run is about to move, as this happens to it; [`Pattern::trace_moved`] follows.
    #[inline]
    pub(super) fn trace_move(&mut self, step: TraceStep) {
        if let Some(tracer) = &mut self.tracer {
            tracer.next = Some(step);
        }
    }

    /// A run has moved, and what it waits for is known.
    #[inline]
    pub(super) fn trace_moved(&mut self, run: Slot, at: Timestamp) {
        if let Some(tracer) = &mut self.tracer
            && let Some(step) = tracer.next.take()
        {
            self.tell(Some(run), at, step);
        }
    }

    #[cold]
    fn tell(&mut self, run: Option<Slot>, at: Timestamp, step: TraceStep) {
        let Some(mut tracer) = self.tracer.take() else {
            return;
        };
        tracer.waits.clear();
        if let Some(run) = run.filter(|_| !step.ends()) {
            self.waited_for(run, &mut tracer.waits);
        }
        let number = run.map(|run| tracer.number(run, step));
        tracer.sink.tell(&Traced {
            at,
            run: number,
            step,
            waits: &tracer.waits,
            kept: self.kept.columns(),
            slot: run.unwrap_or_default() as usize,
        });
        self.tracer = Some(tracer);
    }

    /// The terms whose rows or silence matter to a run.
    fn waited_for(&self, run: Slot, terms: &mut Vec<usize>) {
        let held = self.runs.get(run);
        if self.shape.is_complete(held) {
            return;
        }
        for element in self.shape.waits(held) {
            let known = self.shape.known(element, held);
            let element = &self.shape.elements[element];
            let logic = element.logic.as_ref();
            let wants = |term: &usize| logic.is_none_or(|logic| logic.wants(*term, known));
            terms.extend(element.terms.clone().filter(wants));
        }
    }
}
