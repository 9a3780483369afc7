//! Patterns and sequences: a list of runs, each with the rows that it has taken.
//!
//! Every row is offered to every run, the last element first. Every time at which something is due is looked for in
//! all runs.

mod run;
mod shape;

use super::eval::{Env, compare, is_true};
use super::select::Scene;
use super::window::{Emission, Row};
use super::{Mark, Moment};
use crate::app::Query;
use crate::app::pattern::{Logical, What};
use eventflux::event::{Sign, Value};
use run::{Begun, Leaf, Run};
use shape::{Element, Shape};
use std::cmp::Ordering;
use std::rc::Rc;

pub struct Matcher {
    shape: Shape,
    /// The number of the first column of each term, and of all columns.
    columns: Vec<usize>,
    runs: Vec<Run>,
    /// Rounds of ranges under EVERY: whether the next has been opened.
    rounds: Vec<bool>,
    next: u64,
    step: u64,
}

enum Offered {
    Ignored,
    Taken,
    Killed,
}

impl Matcher {
    pub fn new(query: &Query, columns: Vec<usize>) -> Option<Self> {
        Some(Matcher {
            shape: Shape::of(query.pattern.as_ref()?, &columns),
            columns,
            runs: Vec::new(),
            rounds: Vec::new(),
            next: 0,
            step: 0,
        })
    }

    /// The clock has begun: so does the first run.
    pub fn begin(&mut self, clock: i64) {
        self.open_first(clock);
    }

    pub fn due(&self) -> Option<i64> {
        let of = |run: &Run| {
            let silences = self.shape.silences(run).into_iter().map(|(_, _, due)| due);
            silences
                .chain(self.shape.ends(run).into_iter().map(|(_, due)| due))
                .min()
        };
        self.runs.iter().filter_map(of).min()
    }

    /// One row, in its turn.
    pub fn row(&mut self, scene: Scene<'_>, stream: usize, row: &Row, out: &mut Vec<Emission>) {
        self.step += 1;
        for element in (0..self.shape.elements.len()).rev() {
            for number in self.waiting(element) {
                let Some(place) = self.place(number) else {
                    continue;
                };
                match self.offer(scene, place, element, stream, row) {
                    Offered::Ignored => {}
                    Offered::Taken => self.moved(number, element, row.moment, out),
                    Offered::Killed => {
                        let run = self.runs.remove(place);
                        self.killed(&run, element, row.at());
                    }
                }
            }
        }
        if self.shape.sequence {
            self.break_off(row.at());
            self.one_in_each_place(row.at());
        }
    }

    /// What is due now: ends of WITHIN, then of silences.
    pub fn fire(&mut self, due: i64, out: &mut Vec<Emission>) {
        self.step += 1;
        for number in self.numbers() {
            let Some(place) = self.place(number) else {
                continue;
            };
            let mut ends = self.shape.ends(&self.runs[place]);
            ends.retain(|(_, end)| *end == due);
            if let Some(first) = ends.iter().map(|(first, _)| *first).min() {
                let run = self.runs.remove(place);
                self.reopen(&run, run.pos, due, |start| first < start);
            }
        }
        let moment = Moment::of_timer(due, Mark::Timer);
        for element in (0..self.shape.elements.len()).rev() {
            for number in self.waiting(element) {
                let Some(place) = self.place(number) else {
                    continue;
                };
                if self.silence(place, element, due) {
                    self.moved(number, element, moment, out);
                }
            }
        }
        if self.shape.sequence {
            self.one_in_each_place(due);
        }
    }

    fn numbers(&self) -> Vec<u64> {
        self.runs.iter().map(|r| r.number).collect()
    }

    fn place(&self, number: u64) -> Option<usize> {
        self.runs.iter().position(|r| r.number == number)
    }

    /// The runs that wait at an element, in the order in which they came to it, without those that this step has made
    /// or moved.
    fn waiting(&self, element: usize) -> Vec<u64> {
        let waits = |r: &&Run| r.step != self.step && self.shape.accepts(r).contains(&element);
        let mut all: Vec<&Run> = self.runs.iter().filter(waits).collect();
        all.sort_by_key(|r| r.begun[element].map(|b| b.order));
        all.into_iter().map(|r| r.number).collect()
    }

    fn offer(
        &mut self,
        scene: Scene<'_>,
        place: usize,
        element: usize,
        stream: usize,
        row: &Row,
    ) -> Offered {
        let mut run = self.runs[place].clone();
        let taken = match &self.shape.elements[element] {
            Element::Term(term) => {
                let fits = self.fits(scene, &run, *term, stream, row);
                if fits {
                    run.taken[*term].push(row.clone());
                }
                fits
            }
            Element::Logical(root) => {
                let (rows, before) = (run.has_rows(), run.leaves.clone());
                let taken = self.fill(scene, &mut run, (root, root), stream, row);
                let mut leaves = run.leaves.iter().zip(&before);
                let hit = leaves.any(|(now, then)| now != then && *now == Leaf::Dead);
                let breaks = hit && rows && self.shape.sequence;
                if breaks || self.shape.is_dead(&run, root) {
                    return Offered::Killed;
                }
                if hit {
                    // Not a row that fits nowhere.
                    run.step = self.step;
                }
                taken
            }
        };
        self.runs[place] = run;
        match taken {
            true => Offered::Taken,
            false => Offered::Ignored,
        }
    }

    /// A row in a part of a tree, left side first. Whether something takes it.
    fn fill(
        &self,
        scene: Scene<'_>,
        run: &mut Run,
        (root, part): (&Logical, &Logical),
        stream: usize,
        row: &Row,
    ) -> bool {
        let shape = &self.shape;
        if shape.holds(run, root) || shape.is_dead(run, part) {
            return false;
        }
        match part {
            Logical::Term(term) => {
                let fits =
                    run.leaves[*term] == Leaf::Open && self.fits(scene, run, *term, stream, row);
                let absent = shape.terms[*term].what.is_absent();
                if fits && absent {
                    run.leaves[*term] = Leaf::Dead;
                } else if fits {
                    run.leaves[*term] = Leaf::Done;
                    run.taken[*term].push(row.clone());
                }
                fits && !absent
            }
            Logical::And(sides) => {
                let mut taken = false;
                for side in sides {
                    taken |= self.fill(scene, run, (root, side), stream, row);
                }
                taken
            }
            Logical::Or(_) if shape.holds(run, part) => false,
            Logical::Or(sides) => {
                let mut sides = sides.iter();
                sides.any(|side| self.fill(scene, run, (root, side), stream, row))
            }
        }
    }

    fn fits(&self, scene: Scene<'_>, run: &Run, term: usize, stream: usize, row: &Row) -> bool {
        let source = &self.shape.terms[term].source;
        if source.stream != stream {
            return false;
        }
        let mut values = self.values(run);
        values[self.columns[term]..self.columns[term + 1]].clone_from_slice(&row.values);
        let env = Env {
            row: &values,
            at: row.at(),
            tables: scene.tables,
            terms: &run.taken,
            times: &times(run),
            ..Env::default()
        };
        source.filter.as_ref().is_none_or(|f| is_true(f, env))
    }

    /// The columns of a run: those of its terms that take one row.
    fn values(&self, run: &Run) -> Vec<Value> {
        let mut all = vec![Value::Null; self.columns[self.columns.len() - 1]];
        for (term, rows) in run.taken.iter().enumerate() {
            let counted = self.shape.terms[term].what.is_counted();
            if let (false, Some(row)) = (counted, rows.first()) {
                all[self.columns[term]..self.columns[term + 1]].clone_from_slice(&row.values);
            }
        }
        all
    }

    /// Silences of an element that end now. Whether the element is complete by that.
    fn silence(&mut self, place: usize, element: usize, due: i64) -> bool {
        let Element::Logical(root) = &self.shape.elements[element] else {
            return false;
        };
        let all = self.shape.silences(&self.runs[place]);
        let now = all.iter().filter(|(e, _, at)| (*e, *at) == (element, due));
        for (_, term, _) in now {
            self.runs[place].leaves[*term] = Leaf::Done;
        }
        self.shape.holds(&self.runs[place], root)
    }

    /// A run has taken a row at an element, or completed it.
    fn moved(&mut self, number: u64, element: usize, moment: Moment, out: &mut Vec<Emission>) {
        let place = self.place(number).expect("a run that has just moved");
        let mut run = self.runs.remove(place);
        let rows = |t: &usize| run.taken[*t].len();
        let comes_there = self.shape.terms_of(element).iter().map(rows).sum::<usize>() == 1;
        if comes_there && self.shape.may_be_empty(element) {
            // Silences behind what could be left out begin anew.
            for begun in run.begun[element + 1..].iter_mut().flatten() {
                begun.at = moment.at;
            }
        }
        (run.pos, run.step) = (element, self.step);
        self.arrive(&mut run, moment.at);
        let complete = self.shape.is_complete(&run);
        if !complete {
            self.runs.insert(place, run.clone());
        }
        for every in 0..self.shape.everies.len() {
            let (start, end) = self.shape.everies[every];
            let waits = self.shape.accepts(&run).contains(&start);
            let waits = self.shape.sequence && !complete && waits;
            if self.shape.has_completed(&run, start, end) && !waits {
                self.open(&run, every, moment.at);
            }
        }
        if complete {
            self.emit(run, moment, out);
        }
    }

    fn emit(&mut self, run: Run, moment: Moment, out: &mut Vec<Emission>) {
        self.next += 1;
        let row = Row {
            times: times(&run),
            terms: Rc::from(run.taken.clone()),
            ..Row::new(self.next, moment, &self.values(&run))
        };
        out.push(Emission::Row(Sign::Plus, row));
        if !self.shape.skip_past {
            return;
        }
        for number in self.numbers() {
            let place = self.place(number).expect("a number of a run");
            let other = &mut self.runs[place];
            if !other.has_rows() {
                // The next match begins behind the last row of this one.
                other.step = self.step;
                continue;
            }
            let other = &self.runs[place];
            if self.same_key(&run, other) {
                let other = self.runs.remove(place);
                let first = self.first_element(&other);
                self.reopen(&other, other.pos, moment.at, |start| first < start);
            }
        }
    }

    fn first_element(&self, run: &Run) -> usize {
        let mut all = 0..self.shape.elements.len();
        let has_row = |e: &usize| self.shape.first(run, *e, *e).is_some();
        all.find(has_row).expect("a run with rows")
    }

    fn same_key(&self, a: &Run, b: &Run) -> bool {
        let key = |run: &Run| {
            let columns = self.shape.key.as_ref()?.iter().enumerate();
            let mut values = columns.filter_map(|(term, column)| {
                let row = run.taken[term].first()?;
                Some(row.values[column - self.columns[term]].clone())
            });
            values.next()
        };
        match (key(a), key(b)) {
            (Some(a), Some(b)) => compare(&a, &b).is_some_and(|o| o.is_eq()),
            _ => true,
        }
    }

    /// What a run waits for now begins for it.
    fn arrive(&mut self, run: &mut Run, at: i64) {
        for element in self.shape.accepts(run) {
            if run.begun[element].is_none() {
                self.next += 1;
                run.begun[element] = Some(Begun {
                    at,
                    order: self.next,
                });
            }
            for (every, (start, _)) in self.shape.everies.iter().enumerate() {
                if *start == element && run.rounds[every].is_none() {
                    run.rounds[every] = Some(self.rounds.len());
                    self.rounds.push(false);
                }
            }
        }
    }

    fn open_first(&mut self, at: i64) {
        let shape = &self.shape;
        let (terms, elements) = (shape.terms.len(), shape.elements.len());
        self.next += 1;
        let mut run = Run::new(self.next, self.step, terms, elements, shape.everies.len());
        self.arrive(&mut run, at);
        self.runs.push(run);
    }

    /// Opens the next round of a range, with what came before it in a run; once for each round.
    fn open(&mut self, run: &Run, every: usize, at: i64) {
        let (start, end) = self.shape.everies[every];
        let Some(round) = run.rounds[every] else {
            return;
        };
        if self.rounds[round] {
            return;
        }
        self.rounds[round] = true;
        // A range inside that begins with it may be open already.
        let inside = |q: usize| {
            let (s, e) = self.shape.everies[q];
            s == start && e < end
        };
        let is_open = |other: &Run| {
            let mut open = (0..every).filter(|q| inside(*q));
            self.shape.same_history(other, run, start)
                && open.any(|q| other.rounds[q].is_some_and(|round| !self.rounds[round]))
        };
        if self.runs.iter().any(is_open) {
            return;
        }
        let mut new = run.clone();
        self.next += 1;
        (new.number, new.pos, new.step) = (self.next, start, self.step);
        for element in start..self.shape.elements.len() {
            new.begun[element] = None;
            for term in self.shape.terms_of(element) {
                new.taken[term].clear();
                new.leaves[term] = Leaf::Open;
            }
        }
        for (place, (s, e)) in self.shape.everies.iter().enumerate() {
            if place == every || *s > start || *e < end {
                new.rounds[place] = None;
            }
        }
        self.arrive(&mut new, at);
        self.runs.push(new);
    }

    /// A run has ended at an element: the innermost range around it that has not been completed is open again, unless
    /// what came before it is lost, once no other run is in its round. Whether there is such a range.
    fn reopen(&mut self, run: &Run, element: usize, at: i64, lost: impl Fn(usize) -> bool) -> bool {
        // A loop of a sequence that still collects is not open yet, also where something behind it ends it.
        let around = |(start, end): (usize, usize)| {
            (start..=end).contains(&element) || (start..=end).contains(&run.pos)
        };
        let is_one = |every: &usize| {
            let range = self.shape.everies[*every];
            let under_way = |round: usize| !self.rounds[round];
            around(range) && !lost(range.0) && run.rounds[*every].is_some_and(under_way)
        };
        let Some(every) = (0..self.shape.everies.len()).find(is_one) else {
            return false;
        };
        let same_round = |other: &Run| other.rounds[every] == run.rounds[every];
        if !self.runs.iter().any(same_round) {
            self.open(run, every, at);
        }
        true
    }

    /// An absence has ended a run.
    fn killed(&mut self, run: &Run, element: usize, at: i64) {
        let again = self.reopen(run, element, at, |_| false);
        let terms = self.shape.terms_of(element);
        let silence = |t: &usize| matches!(self.shape.terms[*t].what, What::NotFor(_));
        let over = self.shape.sequence && terms.len() == 1;
        let first = element == 0 && !run.has_rows() && terms.iter().any(silence);
        if !again && first && !over {
            self.open_first(at);
        }
    }

    /// A sequence: a run that has not taken the row ends, unless it only listens. The open start stays.
    fn break_off(&mut self, at: i64) {
        let (shape, step) = (&self.shape, self.step);
        let every = shape.everies.iter().any(|(start, _)| *start == 0);
        let stays = |run: &Run| {
            let start = every && !run.has_rows() && shape.accepts(run).contains(&0);
            run.step == step || start || shape.only_listens(run)
        };
        let all = std::mem::take(&mut self.runs);
        let (stay, broken): (Vec<Run>, Vec<Run>) = all.into_iter().partition(stays);
        self.runs = stay;
        for run in broken {
            self.reopen(&run, run.pos, at, |start| start > 0);
        }
    }

    /// A sequence: of runs whose next element is the same, the one that is further on stays, otherwise the older; the
    /// newer where they wait for a silence.
    fn one_in_each_place(&mut self, at: i64) {
        for number in self.numbers() {
            let Some(place) = self.place(number) else {
                continue;
            };
            let run = &self.runs[place];
            let waits = self.shape.accepts(run);
            let lone = waits.len() == 1 && self.shape.is_lone_silence(waits[0]);
            let better = |other: &&Run| {
                let older = other.number < run.number;
                self.shape.accepts(other).first() == waits.first()
                    && match other.pos.cmp(&run.pos) {
                        Ordering::Equal => older != lone && other.number != number,
                        order => order.is_gt(),
                    }
            };
            if self.runs.iter().any(|other| better(&other)) {
                let run = self.runs.remove(place);
                self.reopen(&run, run.pos, at, |start| start > 0);
            }
        }
    }
}

/// The time of the first row of each term.
fn times(run: &Run) -> Rc<[Option<i64>]> {
    run.taken
        .iter()
        .map(|rows| Some(rows.first()?.at()))
        .collect()
}
