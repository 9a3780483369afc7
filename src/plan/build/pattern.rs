//! A pattern → one operator, to which the streams of its terms come by ports.

use super::{Builder, Stage};
use crate::event::Type;
use crate::expr::{ColumnRef, Layout, Typed};
use crate::operator::Port;
use crate::operator::pattern::{
    Element, Keep, Logic, Origin, PartitionBy, Pattern, PatternOptions, Shape, Term, Timeout,
    Total, beside,
};
use crate::plan::join::EqualKey;
use crate::plan::pattern::{Logic as LogicPlan, PatternPlan, keys_of};
use crate::sql::ast::{Nth, Span};

impl Builder<'_> {
    /// The pattern of the query, and what follows.
    pub(super) fn pattern(&mut self, plan: &PatternPlan) {
        let kept = plan.kept(self.query.expressions());
        let fed: Vec<(usize, usize)> = self.query.fed().collect();
        let partition = self.partition(&fed);
        // Where all keys wait in front of the same, one run does so for all of them.
        let by_condition = partition.is_some() && begins_with_every_row(plan);
        let key_type = partition.as_ref().map(|by| by.ty);
        let own_key = key_type.filter(|_| by_condition);
        let partition = partition.filter(|_| !by_condition);
        let has_key = partition.is_some();
        let (keeps, layout) = self.keeps(plan, &kept, own_key, has_key);
        let mut ports = Vec::new();
        let mut last = Vec::new();
        for (place, stream) in &fed {
            self.turn_to(*place);
            let first = self.stages.len();
            // What comes first stands behind nothing.
            let before = self.stages.len().checked_sub(1);
            self.door();
            let all: Vec<usize> = (0..self.input.len()).collect();
            self.on_time(&all);
            if let Some(before) = before {
                self.stages[before].next = None;
            }
            self.entries[*place] = Some((first, Port::default()));
            last.push(self.stages.len() - 1);
            let sources = self.query.sources.iter().enumerate();
            let terms = sources.filter(|(_, s)| s.stream == *stream);
            ports.push(terms.map(|(term, _)| term).collect());
        }
        let to = self.stages.len();
        for (port, from) in last.into_iter().enumerate() {
            self.stages[from].next = Some((to, Port(port as u8)));
        }
        let mut types: Vec<Type> = keeps.iter().map(|k| k.ty).collect();
        types.extend(plan.aggregates.iter().map(|a| a.call.result));
        types.extend(partition.as_ref().map(|by| by.ty));
        let aside = plan.timeout.as_ref().map(|t| {
            let types: Vec<Type> = t.outputs.iter().filter_map(|o| o.ty).collect();
            (self.like(&types), t.target)
        });
        let mut options = self.options(plan, keeps, &layout, ports);
        if let Some(ty) = own_key {
            self.key_by_condition(&mut options, ty, &layout);
        }
        options.partition = partition;
        options.timeout = plan.timeout.as_ref().map(|t| Timeout {
            outputs: t.outputs.iter().map(|o| self.compile(o, &layout)).collect(),
            run: self.like(&types),
        });
        self.stages.push(Stage {
            operator: Box::new(Pattern::new(options)),
            like: self.like(&types),
            next: None,
            waits: false,
            aside,
        });
        self.turn_to(0);
        self.tail(&layout);
    }

    /// What a run keeps, and where it stands. `own_key`: the first row's key of the partition, of this type, is kept by
    /// the run as other values are; `has_key`: it stands behind all else, and is kept by the operator.
    fn keeps(
        &self,
        plan: &PatternPlan,
        kept: &[(ColumnRef, Type)],
        own_key: Option<Type>,
        has_key: bool,
    ) -> (Vec<Keep>, Layout) {
        let mut keeps = Vec::new();
        let mut columns = Vec::new();
        for (column, ty) in kept {
            let by_number = matches!(column, ColumnRef::Nth { .. });
            let (term, origin, nth) = match *column {
                ColumnRef::Input { source, column } => {
                    (source, Origin::Column(column), Nth::First(0))
                }
                ColumnRef::EventTime { source } => (source, Origin::Time, Nth::First(0)),
                ColumnRef::Nth {
                    source,
                    column,
                    nth,
                } => (source, Origin::Column(column), nth),
                _ => continue,
            };
            keeps.push(Keep {
                term,
                origin,
                nth,
                ty: *ty,
                // A row by its number may be asked for before it is there, or when it never comes.
                is_sure: plan.timeout.is_none() && plan.is_sure(term) && !by_number,
            });
            columns.push(*column);
        }
        if let (Some(ty), Some(column)) = (own_key, self.query.sources[0].partition_key) {
            keeps.push(Keep {
                term: 0,
                origin: Origin::Column(column),
                nth: Nth::First(0),
                ty,
                is_sure: true,
            });
            columns.push(ColumnRef::PartitionKey);
        }
        let totals = (0..plan.aggregates.len()).map(ColumnRef::OverTerm);
        columns.extend(totals);
        columns.extend(has_key.then_some(ColumnRef::PartitionKey));
        (keeps, Layout::default().then(&columns))
    }

    fn options(
        &mut self,
        plan: &PatternPlan,
        keeps: Vec<Keep>,
        layout: &Layout,
        ports: Vec<Vec<usize>>,
    ) -> PatternOptions {
        let mut terms = Vec::new();
        for number in 0..plan.terms.len() {
            self.turn_to(number);
            terms.push(self.term(number, plan, layout));
        }
        let mut totals = Vec::new();
        for total in &plan.aggregates {
            self.turn_to(total.source);
            let row = self.whole();
            totals.push(Total {
                term: total.source,
                call: total.call.clone(),
                args: total.args.iter().map(|a| self.compile(a, &row)).collect(),
            });
        }
        // In a partition runs stand by its key.
        let routing = self.routing[0]
            .iter()
            .filter(|_| self.query.partition.is_none());
        let routing = routing.flatten();
        let place = |column: &usize| {
            layout.place(ColumnRef::Input {
                source: 0,
                column: *column,
            })
        };
        let types = |term| {
            let keys = keys_of(self.query, plan, term);
            keys.filter_map(|k| k.left.ty).collect()
        };
        PatternOptions {
            shape: shape(plan),
            terms,
            ports,
            keeps,
            totals,
            key_types: (0..plan.terms.len()).map(types).collect(),
            apart_by: self.apart_by(plan, layout),
            routing: routing.map(place).collect(),
            timeout: None,
            partition: None,
            bound: plan.runs,
        }
    }

    /// Each later term asks of its row that it has the key with which the run began.
    fn key_by_condition(&mut self, options: &mut PatternOptions, ty: Type, layout: &Layout) {
        let place = layout.place(ColumnRef::PartitionKey);
        for number in 1..options.terms.len() {
            self.turn_to(number);
            let Some(column) = self.query.sources[number].partition_key else {
                continue;
            };
            let input = ColumnRef::Input {
                source: number,
                column,
            };
            let compiled = |column, layout: &Layout| {
                self.compile(&Typed::column(column, ty, Span::default()), layout)
            };
            let key = (
                compiled(input, &self.whole()),
                compiled(ColumnRef::PartitionKey, layout),
            );
            options.terms[number].keys.insert(0, key);
            options.key_types[number].insert(0, ty);
        }
        options.apart_by.insert(0, place);
        options.routing = vec![place];
    }

    /// By port, the column of its rows by which keys are apart. `fed`: a source of each port.
    fn partition(&mut self, fed: &[(usize, usize)]) -> Option<PartitionBy> {
        let sources = &self.query.sources;
        let columns = fed.iter().map(|(place, _)| sources[*place].partition_key);
        let columns: Vec<usize> = columns.collect::<Option<_>>()?;
        self.turn_to(fed[0].0);
        Some(PartitionBy {
            ty: self.input[columns[0]],
            columns,
        })
    }

    fn term(&self, number: usize, pattern: &PatternPlan, kept: &Layout) -> Term {
        let plan = &pattern.terms[number];
        let row = self.whole();
        let both = beside(kept.clone(), number, self.input.len());
        let key = |k: &EqualKey| (self.compile(&k.right, &row), self.compile(&k.left, kept));
        Term {
            element: plan.element,
            absent: plan.absent,
            silence_us: plan.silence_us,
            own: plan.own.as_ref().map(|o| self.compile(o, &row)),
            keys: keys_of(self.query, pattern, number).map(key).collect(),
            range: plan
                .range
                .clone()
                .map(|range| self.range_plan(range, kept, &row)),
            residual: plan.residual.as_ref().map(|r| self.compile(r, &both)),
        }
    }

    /// The kept columns by which runs of different keys have nothing to do with each other; in a partition not its key.
    fn apart_by(&self, plan: &PatternPlan, layout: &Layout) -> Vec<usize> {
        let classes = crate::plan::meeting::classes_of_runs(self.query, plan);
        let first = classes.first().map(|class| class[0][0]);
        let first = first.filter(|column| self.query.sources[0].partition_key != Some(*column));
        let place = |column| layout.place(ColumnRef::Input { source: 0, column });
        first.map(place).into_iter().collect()
    }
}

/// Whether a run always stands in front of the first element, from which others begin.
fn keeps_start(plan: &PatternPlan) -> bool {
    let first = &plan.elements[0];
    plan.every.contains(&(0..1)) && first.logic.is_none() && first.min == 1
}

/// Whether a run begins with each row of the first term, and with nothing else.
fn begins_with_every_row(plan: &PatternPlan) -> bool {
    let begins = plan.every.iter().filter(|range| range.start == 0);
    let takes_one = plan.elements[0].max == 1 && !plan.terms[0].absent;
    keeps_start(plan) && begins.count() == 1 && takes_one && !plan.is_sequence
}

fn shape(plan: &PatternPlan) -> Shape {
    let element = |e: &crate::plan::pattern::ElementPlan| Element {
        min: e.min,
        max: e.max,
        logic: e.logic.as_ref().map(|l| logic(plan, l)),
        terms: e.terms.clone(),
    };
    let keeps_start = keeps_start(plan);
    let every = plan
        .every
        .iter()
        .filter(|range| !(keeps_start && **range == (0..1)));
    Shape {
        elements: plan.elements.iter().map(element).collect(),
        every: every.cloned().collect(),
        keeps_start,
        within: plan.within.clone(),
        is_sequence: plan.is_sequence,
        skips_past: plan.skips_past,
    }
}

fn logic(plan: &PatternPlan, of: &LogicPlan) -> Logic {
    let sides = |sides: &[LogicPlan]| sides.iter().map(|s| logic(plan, s)).collect();
    match of {
        LogicPlan::And(of) => Logic::And(sides(of)),
        LogicPlan::Or(of) => Logic::Or(sides(of)),
        LogicPlan::Term(term) => {
            let own = &plan.terms[*term];
            match (own.absent, own.silence_us) {
                (false, _) => Logic::Present(*term),
                (true, None) => Logic::Absent(*term),
                (true, Some(_)) => Logic::Silent(*term),
            }
        }
    }
}
