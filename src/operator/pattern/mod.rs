//! Patterns and sequences: runs that wait for rows, found by what they wait for.
//!
//! Why the cost of a row does not depend on how many runs are open: a run that waits for a term stands in a chain of
//! that term, by the key that a row must have; a row finds those that it may advance and looks at no other. What is due
//! is the head of a list ([`due`]), and what a run keeps are columns of its own ([`kept`]).
//! How: rows come in the order of their times. A row is offered to the terms that read its stream, those of the last
//! element first, so that it goes to a successor before it goes to who came before; a run takes a row in one element.
//! What matches is put out in the order in which the runs reached their last element ([`emit`]).

mod automaton;
mod due;
mod emit;
mod full;
mod kept;
mod life;
mod offer;
mod openings;
mod partition;
mod plain;
mod sequence;
mod step;
#[cfg(test)]
mod tests;
mod trace;

pub(crate) use automaton::{Element, Logic, Shape, Term};
pub(crate) use full::{RunsBound, WhenFull};
pub(crate) use kept::{Keep, Origin, Total};
pub(crate) use partition::PartitionBy;
pub(crate) use trace::{TraceSink, TraceStep, Traced};

use crate::event::{Batch, Column, RowView, Sign, Timestamp, Type};
use crate::expr::{ColumnRef, Layout, Program};
use crate::operator::by_constant::Picked;
use crate::operator::{Common, Counters, Kind, Moment, Operator, Out, Port, RangeIndex, counter};
use crate::state::{Cells, Chains, Malformed, Slot, StateHolder, Visitor, encode_key};
use automaton::Run;
use due::DueList;
use emit::Match;
use kept::Kept;
use openings::Openings;
use partition::Partition;
use plain::Plain;
use std::ops::Range;
use std::sync::Arc;
use step::ClockStep;
use trace::Tracer;

/// Open runs of one pattern on one worker.
pub(crate) const PATTERN_RUNS_MAX: usize = 10_000_000;

/// Runs that silences under EVERY open in one step of the clock, without a row, by silences that began in it.
pub(crate) const SILENCES_MAX: usize = 100_000;

/// As many for each silence that is waited for when the step begins, where these are more.
pub(crate) const SILENCES_EACH_MAX: usize = 100;

/// What a pattern is made from.
pub(crate) struct PatternOptions {
    pub(crate) shape: Shape,
    pub(crate) terms: Vec<Term>,
    /// By port, the terms that read its stream.
    pub(crate) ports: Vec<Vec<usize>>,
    pub(crate) keeps: Vec<Keep>,
    pub(crate) totals: Vec<Total>,
    /// By term, the types of its keys.
    pub(crate) key_types: Vec<Vec<Type>>,
    /// Kept columns that tell by which key a run is apart from others, if one does.
    pub(crate) apart_by: Vec<usize>,
    /// Kept columns of the first term by which runs are spread over workers.
    pub(crate) routing: Vec<usize>,
    pub(crate) timeout: Option<Timeout>,
    /// How keys are apart, where the pattern stands in a partition.
    pub(crate) partition: Option<PartitionBy>,
    /// How many runs may be open.
    pub(crate) bound: RunsBound,
}

/// What is told of a run that the WITHIN of the whole has ended.
pub(crate) struct Timeout {
    /// Over what a run keeps.
    pub(crate) outputs: Vec<Program>,
    /// An empty batch of what a run keeps.
    pub(crate) run: Batch,
}

/// A pattern or a sequence.
pub(crate) struct Pattern {
    shape: Shape,
    /// By element, what a row does there where that is always the same.
    plain: Vec<Option<Box<Plain>>>,
    terms: Vec<Term>,
    /// By term, whether its residual is asked value by value where runs are few.
    by_value: Vec<bool>,
    /// By port, the terms that read its stream in the order in which they are asked.
    asked: Vec<Vec<Asked>>,
    runs: Cells<Run>,
    /// Slots of runs that are over.
    free: Vec<Slot>,
    kept: Kept,
    /// By term, the runs that wait for it.
    waiting: Vec<Chains>,
    /// By term, an order of these runs where there are many of a key.
    ordered: Vec<Option<RangeIndex>>,
    /// Which openings of ranges the runs are in.
    openings: Openings,
    /// How many runs wait for each term.
    waits: Vec<usize>,
    /// By range under WITHIN, then by term that must be silent: when runs are due; then of runs that rest in this step
    /// of the clock, which are not state.
    dues: Vec<DueList>,
    /// How many of these are state.
    states: usize,
    /// These lists with their ranks: what is due together is done in the order of these.
    due_order: Vec<(usize, usize)>,
    /// By term, the number of its list.
    silence: Vec<Option<usize>>,
    /// Silences that follow each other without a row.
    step: ClockStep,
    /// Runs by what tells keys apart, where a match ends the others of its key.
    by_key: Option<Chains>,
    /// The keys, each of which has a pattern of its own.
    partition: Option<Partition>,
    /// That of the row or run at hand.
    key: Slot,
    /// It is that of the row at hand, or there are no keys.
    is_turned: bool,
    /// Each row matters, also one that no term takes.
    sees_all: bool,
    apart_by: Vec<usize>,
    routing: Vec<usize>,
    /// The first run is open, or has been.
    has_begun: bool,
    /// How often a run has begun to wait.
    reached: u64,
    /// Runs that were not begun, or were dropped, as there were too many.
    refused: u64,
    faults: u64,
    bound: RunsBound,
    /// Runs by when they came to where they wait, where the oldest is dropped. No state.
    ages: Option<DueList>,
    /// By run, the row that it took last or that opened it, by `row`; twice that, and one more where a side of a
    /// logical element took it.
    touched: Vec<u64>,
    /// Rows seen since the start.
    row: u64,
    /// Nothing begins with the row at hand.
    is_start_closed: bool,
    matches: Vec<Match>,
    timeout: Option<Timeout>,
    /// Rows of runs that WITHIN has ended, on their way.
    ended: Batch,
    /// Whoever is told what happens to runs.
    tracer: Option<Box<Tracer>>,
    scratch: Scratch,
}

/// A term that is asked about the rows of a port.
#[derive(Clone, Copy, Debug)]
struct Asked {
    term: usize,
    /// How many terms from here on are sides of the same element.
    together: usize,
}

impl Asked {
    /// The terms of a port, those of the last element first.
    fn of(mut of_port: Vec<usize>, terms: &[Term]) -> Vec<Asked> {
        of_port.sort_unstable_by_key(|t| (std::cmp::Reverse(terms[*t].element), *t));
        let sides = of_port.chunk_by(|a, b| terms[*a].element == terms[*b].element);
        let each = sides.flat_map(|sides| {
            let together = (1..=sides.len()).rev();
            sides.iter().zip(together)
        });
        each.map(|(term, together)| Asked {
            term: *term,
            together,
        })
        .collect()
    }
}

/// Memory that is not needed between rows.
#[derive(Default)]
struct Scratch {
    found: Vec<Slot>,
    /// Runs that a row may advance by sides of one element: when they came there, and the term.
    gathered: Vec<(u64, Slot, usize)>,
    kept: Vec<u32>,
    /// Columns of the row beside candidates.
    beside: Vec<Column>,
    /// By place among the terms of a port, the rows that its own condition lets through.
    chosen: Vec<Chosen>,
}

/// Rows of a batch that the own condition of a term lets through, in order.
#[derive(Default)]
struct Chosen {
    rows: Vec<u32>,
    /// How many of them were taken.
    taken: usize,
}

impl Chosen {
    /// The next one.
    #[inline]
    fn next(&self) -> Option<usize> {
        self.rows.get(self.taken).map(|row| *row as usize)
    }

    /// Whether this row is the next one, which is taken then.
    #[inline]
    fn take(&mut self, row: usize) -> bool {
        let is_next = self.next() == Some(row);
        self.taken += usize::from(is_next);
        is_next
    }
}

impl Pattern {
    pub(crate) fn new(options: PatternOptions) -> Self {
        let PatternOptions {
            shape,
            mut terms,
            ports,
            keeps,
            totals,
            key_types,
            apart_by,
            routing,
            timeout,
            partition,
            bound,
        } = options;
        let ranges = terms.iter_mut().map(|term| term.range.take());
        let ordered = ranges.map(|range| range.and_then(RangeIndex::new));
        let ordered: Vec<Option<RangeIndex>> = ordered.collect();
        let asked = ports.into_iter().map(|of_port| Asked::of(of_port, &terms));
        let asked = asked.collect();
        let mut lists = shape.within.len();
        let mut silence = vec![None; terms.len()];
        for (number, term) in terms.iter().enumerate() {
            if term.silence_us.is_some() {
                silence[number] = Some(lists);
                lists += 1;
            }
        }
        let openings = Openings::new(&shape.every);
        let step = ClockStep::new(&shape, &terms, &silence, lists);
        let key = partition.as_ref().map(|by| by.ty);
        let number = key.map(|_| Type::Long).into_iter();
        let key_columns: Vec<Type> = number
            .chain(apart_by.iter().map(|c| keeps[*c].ty))
            .collect();
        Pattern {
            plain: Plain::of(&shape, openings.are_kept()),
            waiting: key_types.iter().map(|types| chains(types, key)).collect(),
            ordered,
            waits: vec![0; terms.len()],
            dues: (0..lists + step.rests().count())
                .map(|_| DueList::default())
                .collect(),
            due_order: due_order(&shape, &terms, &silence, &step),
            states: lists,
            step,
            silence,
            openings,
            by_key: shape.skips_past.then(|| Chains::taking_nulls(&key_columns)),
            sees_all: shape.is_sequence || (key.is_some() && begins_in_silence(&shape, &terms)),
            partition: partition.map(Partition::new),
            key: 0,
            is_turned: true,
            apart_by,
            routing,
            kept: Kept::new(terms.len(), &keeps, totals, key),
            shape,
            by_value: terms.iter().map(Term::goes_by_value).collect(),
            terms,
            asked,
            runs: Cells::default(),
            free: Vec::new(),
            has_begun: false,
            reached: 0,
            refused: 0,
            faults: 0,
            ages: (bound.when_full == WhenFull::DropOldest).then(DueList::default),
            bound,
            touched: Vec::new(),
            row: 0,
            is_start_closed: false,
            matches: Vec::new(),
            timeout,
            ended: Batch::default(),
            tracer: None,
            scratch: Scratch::default(),
        }
    }

    /// Offers a row to the terms of its port; what is due before it has been done. `chosen`: whether the own condition
    /// of a term, by its place, lets it through.
    #[inline]
    fn process(
        &mut self,
        port: usize,
        row: RowView<'_>,
        moment: Moment,
        to: &mut Batch,
        mut chosen: impl FnMut(&mut Self, usize) -> bool,
    ) {
        self.begin(moment.at);
        self.row += 1;
        self.is_turned = self.partition.is_none();
        if self.sees_all {
            self.turn_to_row(port, row, moment.at);
        }
        self.is_start_closed = self.closes_start();
        let mut place = 0;
        while let Some(Asked { term, together }) = self.asked[port].get(place).copied() {
            if together == 1 {
                if chosen(self, place) {
                    self.turn_to_row(port, row, moment.at);
                    self.offer(term, row, moment);
                }
            } else {
                for side in place..place + together {
                    if chosen(self, side) {
                        self.turn_to_row(port, row, moment.at);
                        self.gather(self.asked[port][side].term, row);
                    }
                }
                self.offer_in_turn(row, moment);
            }
            place += together;
        }
        if self.shape.is_sequence {
            self.break_runs(moment.at);
        }
        self.settle(moment.at, to);
    }

    /// The rows of a batch, of which the own conditions let none through but some of `among`.
    fn process_batch(
        &mut self,
        port: usize,
        (batch, among): (&Batch, Option<Picked<'_>>),
        out: &mut Out,
    ) {
        let mut to = out.batch();
        let each = self.sees_all || !batch.marks.is_empty() || !batch.signs.is_empty();
        match among {
            Some(among) if among.all_pass && !each => {
                self.process_these(port, (batch, among.rows), &mut to);
            }
            _ => {
                let mut chosen = std::mem::take(&mut self.scratch.chosen);
                self.choose(port, (batch, among.map(|a| a.rows)), &mut chosen);
                match each {
                    true => self.process_all(port, batch, &mut chosen, &mut to),
                    false => self.process_chosen(port, batch, &mut chosen, &mut to),
                }
                self.scratch.chosen = chosen;
            }
        }
        self.put_aside(out);
        out.emit(Kind::Rows, to);
    }

    /// Each row of a batch, one after the other: a sequence wants to know also of those that no term takes.
    fn process_all(&mut self, port: usize, batch: &Batch, chosen: &mut [Chosen], to: &mut Batch) {
        for row in 0..batch.len() {
            let moment = Moment::of(batch, row);
            self.fire(moment.reach(), moment.cause, to);
            let view = RowView { batch, row };
            let mut next = |place: usize| chosen[place].take(row);
            match batch.sign(row) {
                Sign::Plus => self.process(port, view, moment, to, |_, place| next(place)),
                Sign::Minus => (0..self.asked[port].len()).for_each(|place| {
                    next(place);
                }),
            }
        }
    }

    /// The rows of a batch that the own condition of some term lets through; the others only move the clock.
    fn process_chosen(
        &mut self,
        port: usize,
        batch: &Batch,
        chosen: &mut [Chosen],
        to: &mut Batch,
    ) {
        if let [only] = chosen {
            return self.process_these(port, (batch, &only.rows), to);
        }
        if !self.has_begun && !batch.is_empty() {
            self.begin(batch.at[0]);
        }
        let mut seen = 0;
        while let Some(row) = chosen.iter().filter_map(Chosen::next).min() {
            self.fire_by_rows(batch, seen..row + 1, to);
            seen = row + 1;
            let view = RowView { batch, row };
            self.process(port, view, Moment::of(batch, row), to, |_, place| {
                chosen[place].take(row)
            });
        }
        self.fire_by_rows(batch, seen..batch.len(), to);
    }

    /// The rows of a batch that the own conditions of all terms let through; the others only move the clock.
    fn process_these(&mut self, port: usize, (batch, rows): (&Batch, &[u32]), to: &mut Batch) {
        if !self.has_begun && !batch.is_empty() {
            self.begin(batch.at[0]);
        }
        let mut seen = 0;
        for row in rows {
            let row = *row as usize;
            self.fire_by_rows(batch, seen..row + 1, to);
            seen = row + 1;
            let view = RowView { batch, row };
            self.process(port, view, Moment::of(batch, row), to, |_, _| true);
        }
        self.fire_by_rows(batch, seen..batch.len(), to);
    }

    /// Does what is due by some rows of a batch, the last of which has the latest clock.
    #[inline(always)]
    fn fire_by_rows(&mut self, batch: &Batch, rows: Range<usize>, to: &mut Batch) {
        if let Some(last) = rows.clone().next_back()
            && self.is_due(batch.clock_of(last))
        {
            self.fire_each_by_row(batch, rows, to);
        }
    }

    /// Does what is due by some rows of a batch: each by the first row that makes it due.
    #[cold]
    fn fire_each_by_row(&mut self, batch: &Batch, mut rows: Range<usize>, to: &mut Batch) {
        let last = rows.end - 1;
        while let Some((due, ..)) = self.next_due(batch.clock_of(last)) {
            let first = rows.find(|row| batch.clock_of(*row) >= due);
            let row = first.unwrap_or(last);
            self.fire(batch.clock_of(row), batch.cause_of(row), to);
        }
    }

    /// Makes what follows from what was loaded.
    fn rebuild(&mut self) -> Result<(), Malformed> {
        let slots = self.runs.len();
        self.free.clear();
        self.waits.fill(0);
        self.waiting.iter_mut().for_each(Chains::clear);
        self.by_key.iter_mut().for_each(Chains::clear);
        self.partition.iter_mut().for_each(Partition::clear_runs);
        self.ages = self.ages.take().map(|_| DueList::default());
        self.ordered
            .iter_mut()
            .flatten()
            .for_each(RangeIndex::clear);
        self.make_room(slots);
        let mut open: Vec<(u64, Slot)> = Vec::new();
        for run in 0..slots as Slot {
            let held = *self.runs.get(run);
            if !held.is_open() {
                self.free.push(run);
                self.kept_dues().for_each(|d| d.forget(run));
                self.openings.forget(run);
                continue;
            }
            let at = held.element();
            let is_known = self
                .shape
                .elements
                .get(at)
                .is_some_and(|e| held.count <= e.max);
            if !is_known || held.reached > self.reached {
                return Err(Malformed::new(
                    "a run stands where the pattern has no place",
                ));
            }
            open.push((held.reached, run));
        }
        open.sort_unstable();
        for (_, run) in open {
            self.rebuild_key(run)?;
            self.wait_for(run, self.shape.waits(self.runs.get(run)));
            if self.runs.get(run).has_rows() {
                self.keep_by_key(run);
            }
            self.note_age(run);
        }
        self.openings.rebuild(slots);
        let (dues, runs) = (&mut self.dues[..self.states], &self.runs);
        for due in dues {
            due.rebuild(slots, |run| runs.get(run).reached);
        }
        Ok(())
    }

    /// What is due for runs between two steps of the clock.
    fn kept_dues(&mut self) -> impl Iterator<Item = &mut DueList> {
        self.dues[..self.states].iter_mut()
    }

    fn make_room(&mut self, slots: usize) {
        self.runs.ensure(slots);
        self.kept.ensure(slots);
        self.openings.ensure(slots);
        self.kept_dues().for_each(|d| d.ensure(slots));
        self.ages.iter_mut().for_each(|ages| ages.ensure(slots));
        self.touched.resize(slots.max(self.touched.len()), 0);
    }
}

impl StateHolder for Pattern {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.container("runs", &mut self.runs);
        self.kept.state(visitor);
        for (number, due) in self.kept_dues().enumerate() {
            visitor.part("due", number);
            due.state(visitor);
        }
        visitor.part("", 0);
        self.openings.state(visitor);
        visitor.register(&mut self.has_begun);
        for count in [&mut self.reached, &mut self.refused, &mut self.faults] {
            counter(visitor, count);
        }
        if let Some(partition) = &mut self.partition {
            visitor.part("partition", 0);
            partition.state(visitor);
            visitor.part("", 0);
        }
        if visitor.is_loading()
            && let Err(why) = self.rebuild()
        {
            visitor.fail(why);
        }
    }
}

impl Operator for Pattern {
    fn rows(&mut self, _kind: Kind, _batch: &Batch, _out: &mut Out) {
        unreachable!("a pattern gets its rows by port");
    }

    fn rows_at(
        &mut self,
        port: Port,
        _common: &mut Common,
        _kind: Kind,
        batch: &Batch,
        out: &mut Out,
    ) {
        self.process_batch(usize::from(port.0), (batch, None), out);
    }

    fn rows_among(
        &mut self,
        port: Port,
        _common: &mut Common,
        batch: &Batch,
        among: Picked<'_>,
        out: &mut Out,
    ) {
        self.process_batch(usize::from(port.0), (batch, Some(among)), out);
    }

    fn takes_some(&self) -> bool {
        !self.sees_all
    }

    fn rests_until(&self) -> Option<Timestamp> {
        match self.has_begun {
            true => Some(self.due().unwrap_or(Timestamp(i64::MAX))),
            false => Some(Timestamp::MIN),
        }
    }

    fn row_at(
        &mut self,
        port: Port,
        _common: &mut Common,
        row: RowView<'_>,
        to: &mut Batch,
        out: &mut Out,
    ) -> bool {
        let port = usize::from(port.0);
        let moment = Moment::of(row.batch, row.row);
        self.fire(moment.reach(), moment.cause, to);
        if row.batch.sign(row.row) == Sign::Plus {
            self.process(port, row, moment, to, |pattern, place| {
                pattern.lets_in(port, place, row)
            });
        }
        self.put_aside(out);
        true
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        let mut to = out.batch();
        self.begin(now);
        self.fire(now, cause, &mut to);
        self.put_aside(out);
        out.emit(Kind::Rows, to);
    }

    /// Opens the first run, the first time that the clock is known.
    #[inline]
    fn begin(&mut self, now: Timestamp) {
        if !self.has_begun && now > Timestamp::MIN {
            self.has_begun = true;
            if self.partition.is_none() {
                self.open_first(None, now);
            }
        }
    }

    fn due(&self) -> Option<Timestamp> {
        let first = self.dues.iter().filter_map(DueList::first);
        first.map(|(due, _)| due).min()
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.faults;
        into.limit_rows += self.refused;
    }

    fn skip(&mut self, now: Timestamp) {
        if self.is_due(now) {
            self.begin_step(now);
        }
    }

    fn trace(&mut self, sink: &Arc<dyn TraceSink>) {
        self.kept.read_always();
        self.tracer = Some(Box::new(Tracer::new(Arc::clone(sink))));
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        if self.partition.is_some() {
            return self.keep_keys_of_partition(keep);
        }
        let mut key = Vec::new();
        for run in 0..self.runs.len() as Slot {
            let held = self.runs.get(run);
            if !held.is_open() || (held.element() == 0 && held.count == 0) {
                continue;
            }
            key.clear();
            for column in &self.routing {
                encode_key(&[&self.kept.columns()[*column]], run as usize, &mut key);
            }
            if !keep(&key) {
                self.end(run);
            }
        }
    }

    /// What WITHIN ends is told of by EMIT TIMEOUT alone.
    fn quiet_after(&self) -> Option<i64> {
        let waits = self.terms.iter().any(|term| term.silence_us.is_some());
        let acts = waits || self.timeout.is_some() || self.partition.is_none();
        (!acts).then_some(0)
    }

    fn forget_keys(&mut self, keys: &Column) {
        self.forget_keys_of_partition(keys);
    }
}

/// The runs that wait for a term, by its keys; in a partition that of the run stands before them. Where there is none
/// all have the number 0.
fn chains(keys: &[Type], partition: Option<Type>) -> Chains {
    match (partition, keys) {
        (_, []) => Chains::by_number(),
        (None, keys) => Chains::new(keys),
        (Some(_), keys) => Chains::new(&[&[Type::Long], keys].concat()),
    }
}

/// Whether silence is waited for as soon as a run stands in front of the first element.
fn begins_in_silence(shape: &Shape, terms: &[Term]) -> bool {
    let waits = shape.waits(&Run::before(0, None));
    let mut elements = shape.elements[waits].iter();
    elements.any(|e| {
        terms[e.terms.clone()]
            .iter()
            .any(|t| t.silence_us.is_some())
    })
}

/// Ranges under WITHIN, then terms that must be silent, those of the last element first, then runs that rest; each with
/// its rank.
fn due_order(
    shape: &Shape,
    terms: &[Term],
    silence: &[Option<usize>],
    step: &ClockStep,
) -> Vec<(usize, usize)> {
    let within = (0..shape.within.len()).map(|number| (number, number));
    let silent = terms.iter().zip(silence).filter_map(|(term, list)| {
        let rank = shape.within.len() + shape.elements.len() - term.element;
        Some(((*list)?, rank))
    });
    let rests = step.rests();
    let last = shape.within.len() + shape.elements.len() + 1;
    within
        .chain(silent)
        .chain(rests.map(|list| (list, last)))
        .collect()
}

/// Where the columns stand that the residual of a term reads: what a run keeps, then the row, then its time.
pub(crate) fn beside(kept: Layout, term: usize, width: usize) -> Layout {
    kept.all(term, width)
        .then(&[ColumnRef::EventTime { source: term }])
}
