//! Questions to tables and named windows of an app, from any thread.
//!
//! How: rows that may count are copied under the barrier, from all workers at one moment: those of a key, or the
//! columns that are read as a whole. Everything else happens afterwards, on the thread that asks, by the operators
//! that queries are made of: what was copied passes them as one flush.

use super::answer::QueryResult;
use super::reach::Reach;
use crate::error::{QueryError, RuntimeError};
use crate::event::{Batch, Column, RowSet, RowView, Sign, Timestamp};
use crate::expr::Program;
use crate::operator::table::{Copied, Lookup, Table};
use crate::operator::{Counters, Kind, Operator, Out};
use crate::plan::{Held, QuestionPlan};
use crate::runtime::ingress::row::{Row, RowWriter};
use crate::runtime::shared::Shared;
use std::fmt;
use std::sync::Arc;

/// A question that was read and bound, to be asked many times; `?` in its text stand for values that are given each
/// time.
///
/// It has memory of its own, so each thread that asks prepares one.
#[must_use = "it is asked by `query`"]
pub struct PreparedQuery {
    shared: Arc<Shared>,
    plan: QuestionPlan,
    /// The component in which the rows stand.
    component: usize,
    reading: Reading,
    /// What is read of an aggregation.
    reach: Option<Reach>,
    filter: Option<Program>,
    operators: Vec<(Box<dyn Operator>, Out)>,
    /// The rows at hand.
    rows: Batch,
    kept: Vec<u32>,
    faults: u64,
    /// Value faults that were told.
    told: u64,
}

impl fmt::Debug for PreparedQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedQuery")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// What is done while the workers stand still.
struct Reading {
    held: Held,
    columns: Vec<usize>,
    lookup: Option<Lookup>,
    /// One row: the values for the `?`.
    parameters: Batch,
    slots: Vec<u32>,
}

impl Reading {
    /// Copies what may count of a table: to `rows` where it is in order already, which returns how many rows that are,
    /// and otherwise to `later`, behind what stands there.
    fn copy(
        &mut self,
        table: &Table,
        clock: Timestamp,
        rows: &mut Batch,
        later: &mut Copies,
    ) -> usize {
        if let Some(lookup) = &mut self.lookup {
            self.slots.clear();
            self.parameters.at[0] = clock;
            let row = RowView {
                batch: &self.parameters,
                row: 0,
            };
            lookup.candidates_of(row, table, &mut self.slots);
            table.append_rows(&self.columns, &self.slots, rows);
            return self.slots.len();
        }
        let at_once = later
            .is_empty()
            .then(|| table.append_all(&self.columns, rows));
        if let Some(count) = at_once.flatten() {
            return count;
        }
        later.push((table.copy(&self.columns, clock), clock));
        0
    }
}

/// What was copied, of each instance with its clock.
type Copies = Vec<(Copied, Timestamp)>;

impl PreparedQuery {
    pub(super) fn new(shared: &Arc<Shared>, plan: QuestionPlan) -> Self {
        let components = &shared.plan.components;
        let component = components.iter().position(|c| match plan.held {
            Held::Table(table) | Held::Rollup(table) => c.tables.contains(&table),
            Held::Window(query) => c.queries.contains(&query),
        });
        let stages = plan.stages(&shared.plan, &shared.name);
        let operators = stages.into_iter().map(|s| (s.operator, Out::new(s.like)));
        let columns = |types: &[crate::event::Type]| Batch {
            columns: types.iter().map(|ty| Column::new(*ty)).collect(),
            tracks_clock: true,
            ..Batch::default()
        };
        PreparedQuery {
            shared: Arc::clone(shared),
            component: component.expect("whatever holds rows stands in a component"),
            reading: Reading {
                held: plan.held,
                columns: plan.read.clone(),
                lookup: plan.lookup(),
                parameters: Batch {
                    tracks_clock: false,
                    ..columns(&plan.parameters)
                },
                slots: Vec::new(),
            },
            reach: Reach::new(&shared.plan, &plan),
            filter: plan.filter(),
            operators: operators.collect(),
            rows: columns(&plan.row_types()),
            kept: Vec::new(),
            faults: 0,
            told: 0,
            plan,
        }
    }

    /// Asks. `parameters`: the values for the `?`, in the order of the text: a tuple or a slice of values; `()` where
    /// there are none.
    ///
    /// Errors: the values do not fit; what [`EventFluxAppRuntime::query`](crate::EventFluxAppRuntime::query) says of
    /// an app that cannot be asked. Cost: as there, without reading the text.
    pub fn query(&mut self, parameters: impl Row) -> Result<QueryResult, QueryError> {
        let given = &mut self.reading.parameters;
        given.clear();
        RowWriter::write(&mut given.columns, &parameters).map_err(QueryError::Parameters)?;
        given.at.push(Timestamp::MIN);
        let clock = self.read()?;
        if self.plan.is_lone {
            self.count_at_least_one(clock);
        }
        let rows = self.run(clock);
        let mut counters = Counters::default();
        for (operator, _) in &self.operators {
            operator.count(&mut counters);
        }
        let lookup = self.reading.lookup.as_ref().map_or(0, Lookup::faults);
        let faults = counters.value_faults + self.faults + lookup;
        let value_faults = faults - std::mem::replace(&mut self.told, faults);
        Ok(QueryResult {
            schema: self.plan.schema.clone(),
            rows,
            value_faults,
        })
    }

    /// Names and types of the columns that answers have.
    pub fn schema(&self) -> &crate::event::Schema {
        &self.plan.schema
    }

    /// Copies what may count, from all workers at one moment; returns that moment by the app's clock.
    fn read(&mut self) -> Result<Timestamp, RuntimeError> {
        let shared = &self.shared;
        check(shared)?;
        let mut copies = Copies::new();
        let (mut clock, mut count) = (Timestamp::MIN, 0);
        let (reading, component) = (&mut self.reading, self.component);
        let rows = &mut self.rows;
        rows.clear();
        if let Some(reach) = &mut self.reach {
            reach.clear();
        }
        let (reach, faults) = (&mut self.reach, &mut self.faults);
        let guard = shared.lock()?;
        for cell in &shared.cells {
            cell.with_locked(&guard, |core| {
                let now = core.clock();
                clock = clock.max(now);
                let all = core.instances_mut().iter_mut();
                for instance in all.filter(|i| i.component == component) {
                    if let Some(reach) = reach
                        && let Some(rollup) = instance.graph.rollup_mut(reach.table)
                    {
                        reach.copy(rollup, &reading.parameters, now, faults);
                    } else if let Some(table) = instance.graph.held(reading.held) {
                        count += reading.copy(table, now, rows, &mut copies);
                    }
                }
            });
        }
        drop(guard);
        if let Some(reach) = &mut self.reach {
            let width = self.plan.types.len();
            count += reach.show(&mut rows.columns[..width], &mut self.faults);
        }
        self.gather(count, copies, clock);
        Ok(clock)
    }

    /// Puts what was copied together, behind `count` rows that stand there, with the values that are read beside it.
    fn gather(&mut self, mut count: usize, copies: Copies, clock: Timestamp) {
        let rows = &mut self.rows;
        for (copied, now) in copies {
            count += copied.append_to(&self.plan.read, now, rows);
        }
        let width = self.plan.types.len();
        for place in &self.plan.read_parameters {
            let value = self.reading.parameters.value(0, *place);
            rows.columns[width + place].extend_value(&value, count);
        }
        rows.at.resize(count, clock);
        rows.clock.resize(count, clock);
    }

    /// Leaves the rows that count. Where there is none, one that leaves stands for it, so that there is an answer.
    fn count_at_least_one(&mut self, clock: Timestamp) {
        let width = self.plan.types.len();
        let open = &self.plan.read_parameters;
        if let Some(filter) = &mut self.filter {
            self.kept.clear();
            filter.filter(&self.rows.frame(), &mut self.faults, &mut self.kept);
            if self.kept.len() < self.rows.len() {
                let open = open.iter().map(|place| width + place);
                let carried: Vec<usize> = self.plan.read.iter().copied().chain(open).collect();
                let mut chosen = Batch::like(&self.rows);
                chosen.append_carried(&self.rows, &RowSet::Picked(&self.kept), &carried);
                self.rows = chosen;
            }
        }
        if !self.rows.is_empty() {
            return;
        }
        for column in &self.plan.read {
            self.rows.columns[*column].push_null();
        }
        for place in open {
            let value = self.reading.parameters.value(0, *place);
            self.rows.columns[width + place].extend_value(&value, 1);
        }
        self.rows.push_sign(Sign::Minus);
        self.rows.at.push(clock);
        self.rows.clock.push(clock);
    }

    /// Gives the rows to the operators, as one flush; returns what comes out.
    fn run(&mut self, clock: Timestamp) -> Batch {
        let mut before: Option<Box<Batch>> = None;
        for (operator, out) in &mut self.operators {
            let rows = before.as_deref().unwrap_or(&self.rows);
            operator.rows(Kind::Flush(clock), rows, out);
            let mut made = std::mem::take(&mut out.ready).into_iter();
            before = made.next().map(|(_, rows)| rows);
            debug_assert!(made.next().is_none(), "a flush gives one flush");
            before.get_or_insert_with(|| out.batch());
        }
        *before.expect("a question has an operator")
    }
}

/// Whether an app can be asked, or told, from this thread.
pub(super) fn check(shared: &Shared) -> Result<(), RuntimeError> {
    match shared.poison() {
        Some(poison) => Err(RuntimeError::Poisoned(poison)),
        None if shared.is_inside() => Err(RuntimeError::InsideCallback),
        None if shared.is_stopped() => Err(RuntimeError::Stopped),
        None => Ok(()),
    }
}
