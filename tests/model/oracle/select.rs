//! What a query makes of the rows that leave its window.

use super::aggregate::Group;
use super::eval::{Env, eval, truth};
use super::rate::Grouped;
use super::window::{Emission, Row};
use super::{Fault, Moment};
use crate::app::rate::Rows;
use crate::app::{App, Events, Query, Window};
use crate::expr::Expr;
use eventflux::event::{Batch, Sign, Value};

/// One row that a query emits.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    pub moment: Moment,
    pub sign: Sign,
    pub values: Vec<Value>,
}

/// A row of a flush with its sign and its group.
type Shown = (Sign, Vec<Value>, Vec<Value>);

/// Key of a group and the state of each aggregate call.
struct Keyed {
    key: Vec<Value>,
    calls: Vec<Group>,
    /// Last row of the group in this flush; `None` when the flush has none.
    last: Option<(Sign, Row)>,
}

impl Output {
    pub fn plus(moment: Moment, values: Vec<Value>) -> Self {
        Output {
            moment,
            sign: Sign::Plus,
            values,
        }
    }

    /// A row of a batch that the engine emitted.
    pub fn seen(batch: &Batch, row: usize) -> Self {
        Output {
            moment: Moment {
                at: batch.at()[row].0,
                ..Moment::default()
            },
            sign: batch.sign(row),
            values: batch.row(row),
        }
    }
}

/// A query, and what its expressions may ask.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub app: &'a App,
    pub query: &'a Query,
    pub tables: &'a [Vec<Row>],
}

impl<'a> Scene<'a> {
    pub fn env(&self, row: &'a Row, bounds: (i64, i64)) -> Env<'a> {
        Env {
            row: &row.values,
            at: row.moment.at,
            bounds,
            times: &row.times,
            terms: &row.terms,
            tables: self.tables,
            ..Env::default()
        }
    }
}

/// State of the selection of one query.
pub struct Select {
    groups: Vec<Keyed>,
    /// DISTINCT: outputs that are there, and how often.
    distinct: Vec<(Vec<Value>, usize)>,
    /// A snapshot: the rows that the window holds, each with its group.
    held: Vec<(Vec<Value>, Row)>,
    /// The groups of these rows, in the order in which they came.
    order: Vec<Vec<Value>>,
    fault: Fault,
}

impl Select {
    pub fn new(fault: Fault) -> Self {
        Select {
            groups: Vec::new(),
            distinct: Vec::new(),
            held: Vec::new(),
            order: Vec::new(),
            fault,
        }
    }

    pub fn emission(&mut self, scene: Scene<'_>, emission: Emission, out: &mut Vec<Grouped>) {
        match emission {
            Emission::Late(_) => {}
            Emission::Quiet(row) => self.row(scene, false, (Sign::Plus, &row), out),
            Emission::Row(sign, row) => self.row(scene, sign == Sign::Plus, (sign, &row), out),
            Emission::Flush {
                moment,
                minus,
                plus,
                bounds,
            } => {
                let keep = |rows: Vec<Row>| -> Vec<Row> {
                    rows.into_iter()
                        .filter(|row| passes(&scene.query.condition, scene.env(row, bounds)))
                        .collect()
                };
                let minus = keep(minus).into_iter().map(|row| (Sign::Minus, row));
                let signed = minus.chain(keep(plus).into_iter().map(|row| (Sign::Plus, row)));
                let signed: Vec<(Sign, Row)> = signed
                    .filter(|(sign, _)| flushed(scene).takes(*sign))
                    .collect();
                let mut rows = Vec::new();
                if scene.query.aggregates.is_empty() {
                    for (sign, row) in &signed {
                        let env = scene.env(row, bounds);
                        let row = |values| (*sign, values, group_of(scene, env));
                        rows.extend(project(scene, env).map(row));
                    }
                } else {
                    rows = self.flush(scene, &signed, bounds);
                }
                finish(scene.query, rows, |sign, values, group| {
                    let row = Output {
                        moment,
                        sign,
                        values,
                    };
                    out.push((group, row));
                });
            }
        }
    }

    /// One row of a sliding window, or without a window. `fresh`: an arrival causes it.
    fn row(
        &mut self,
        scene: Scene<'_>,
        fresh: bool,
        (sign, row): (Sign, &Row),
        out: &mut Vec<Grouped>,
    ) {
        let mut env = scene.env(row, (0, 0));
        if !passes(&scene.query.condition, env) {
            return;
        }
        if scene.query.rate.is_some_and(|r| r.rows == Rows::Snapshot) {
            match sign {
                Sign::Plus => self.held.push((group_of(scene, env), row.clone())),
                Sign::Minus => self.held.retain(|(_, held)| held.id != row.id),
            }
            let held = &self.held;
            self.order
                .retain(|group| held.iter().any(|(g, _)| g == group));
            let group = group_of(scene, env);
            if sign == Sign::Plus && !self.order.contains(&group) {
                self.order.push(group);
            }
        }
        let results;
        if !scene.query.aggregates.is_empty() {
            let fault = self.fault;
            let group = self.group(scene, env);
            for (call, state) in scene.query.aggregates.iter().zip(&mut group.calls) {
                state.update(call, sign, row.id, env, fault);
            }
            results = group.results(scene, fault);
            env.aggregates = &results;
        }
        let Some(values) = project(scene, env) else {
            return;
        };
        if scene.query.distinct && !self.changes(sign, &values) {
            return;
        }
        // OFFSET and LIMIT act on each single row.
        let shown = fresh || sign == Sign::Minus || scene.query.events == Events::All;
        if shown && scene.query.events.takes(sign) && scene.query.offset.is_none_or(|n| n == 0) {
            let shown = Output {
                moment: row.moment,
                sign,
                values,
            };
            out.push((group_of(scene, env), shown));
        }
    }

    /// Whether a window holds rows for a snapshot.
    pub fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// What a snapshot shows of a sliding window: of each group that is there the row that came last, where aggregates
    /// make groups of rows, otherwise each row.
    pub fn shown(&self, scene: Scene<'_>) -> Vec<Vec<Value>> {
        let query = scene.query;
        let all = query.items.iter().all(|item| item.expr.has_aggregate());
        let grouped = (!query.group_by.is_empty() && !query.aggregates.is_empty()) || all;
        let last = |group| self.held.iter().rfind(|(g, _)| g == group);
        let rows: Vec<&(Vec<Value>, Row)> = match grouped {
            true => self.order.iter().filter_map(last).collect(),
            false => self.held.iter().collect(),
        };
        let show = |(key, row): &&(Vec<Value>, Row)| {
            let group = self.groups.iter().find(|g| g.key == *key);
            let results = group.map_or(Vec::new(), |g| g.results(scene, self.fault));
            let env = Env {
                aggregates: &results,
                ..scene.env(row, (0, 0))
            };
            project(scene, env)
        };
        rows.iter().filter_map(show).collect()
    }

    /// Whether a row appears for the first time, or for the last.
    fn changes(&mut self, sign: Sign, values: &[Value]) -> bool {
        let place = self.distinct.iter().position(|(v, _)| v == values);
        match (sign, place) {
            (Sign::Plus, None) => {
                self.distinct.push((values.to_vec(), 1));
                true
            }
            (Sign::Plus, Some(place)) => {
                self.distinct[place].1 += 1;
                false
            }
            (Sign::Minus, Some(place)) if self.distinct[place].1 == 1 => {
                self.distinct.remove(place);
                true
            }
            (Sign::Minus, Some(place)) => {
                self.distinct[place].1 -= 1;
                false
            }
            (Sign::Minus, None) => panic!("a row that leaves has entered"),
        }
    }

    fn group(&mut self, scene: Scene<'_>, env: Env<'_>) -> &mut Keyed {
        let key = group_of(scene, env);
        let place = self
            .groups
            .iter()
            .position(|g| g.key == key)
            .unwrap_or(self.groups.len());
        if place == self.groups.len() {
            let calls = vec![Group::default(); scene.query.aggregates.len()];
            self.groups.push(Keyed {
                key,
                calls,
                last: None,
            });
        }
        &mut self.groups[place]
    }

    /// The previous batch has expired: aggregates reset, then one row per group in order of first appearance.
    ///
    /// Under ALL and EXPIRED EVENTS the rows that expire count as appearances, as in Siddhi: a group of such rows
    /// only gives a `−` row without values. So an empty flush gives one row per group of the previous flush.
    fn flush(
        &mut self,
        scene: Scene<'_>,
        signed: &[(Sign, Row)],
        bounds: (i64, i64),
    ) -> Vec<Shown> {
        for group in &mut self.groups {
            group.calls.iter_mut().for_each(Group::reset);
            group.last = None;
        }
        let mut order: Vec<Vec<Value>> = Vec::new();
        for (sign, row) in signed {
            let env = scene.env(row, bounds);
            let group = self.group(scene, env);
            for (call, state) in scene.query.aggregates.iter().zip(&mut group.calls) {
                if *sign == Sign::Plus {
                    state.update(call, Sign::Plus, row.id, env, Fault::None);
                }
            }
            group.last = Some((*sign, row.clone()));
            if !order.contains(&group.key) {
                order.push(group.key.clone());
            }
        }
        let (mut rows, fault) = (Vec::new(), self.fault);
        for key in &order {
            let group = self
                .groups
                .iter()
                .find(|g| g.key == *key)
                .expect("the group was just made");
            let (sign, last) = group
                .last
                .as_ref()
                .expect("the group has a row in this flush");
            let results = group.results(scene, fault);
            let env = Env {
                aggregates: &results,
                ..scene.env(last, bounds)
            };
            rows.extend(project(scene, env).map(|values| (*sign, values, key.clone())));
        }
        rows
    }
}

impl Keyed {
    fn results(&self, scene: Scene<'_>, fault: Fault) -> Vec<Value> {
        let rows_leave = scene.app.forgets(scene.query);
        let calls = scene.query.aggregates.iter().zip(&self.calls);
        calls
            .map(|(call, state)| state.value(call, rows_leave, fault))
            .collect()
    }
}

/// Which rows of a flush count. A snapshot shows none that leave; where each key of a partition has a flush of its own,
/// they count as appearances of their groups.
fn flushed(scene: Scene<'_>) -> Events {
    let query = scene.query;
    let panes = matches!(
        query.from.window,
        Some(Window::Tumbling(..) | Window::Hop(..))
    );
    match query.rate.is_some_and(|r| r.rows == Rows::Snapshot) {
        true if query.inside && !panes => Events::All,
        true => Events::Current,
        false => query.events,
    }
}

/// The group of a row.
fn group_of(scene: Scene<'_>, env: Env<'_>) -> Vec<Value> {
    let keys = scene.query.group_by.iter();
    keys.map(|e| eval(e, env)).collect()
}

fn passes(condition: &Option<Expr>, env: Env<'_>) -> bool {
    condition
        .as_ref()
        .is_none_or(|c| truth(&eval(c, env)) == Some(true))
}

/// The output row, unless HAVING drops it.
fn project(scene: Scene<'_>, env: Env<'_>) -> Option<Vec<Value>> {
    let values: Vec<Value> = scene
        .query
        .items
        .iter()
        .map(|item| eval(&item.expr, env))
        .collect();
    passes(
        &scene.query.having,
        Env {
            outputs: &values,
            ..env
        },
    )
    .then_some(values)
}

/// DISTINCT, ORDER BY, OFFSET and LIMIT of one flush.
fn finish(query: &Query, mut rows: Vec<Shown>, mut emit: impl FnMut(Sign, Vec<Value>, Vec<Value>)) {
    if query.distinct {
        let mut seen: Vec<Vec<Value>> = Vec::new();
        rows.retain(|(_, values, _)| {
            let new = !seen.contains(values);
            if new {
                seen.push(values.clone());
            }
            new
        });
    }
    for (expr, down) in query.order_by.iter().rev() {
        let key = |values: &Vec<Value>| {
            eval(
                expr,
                Env {
                    outputs: values,
                    ..Env::default()
                },
            )
        };
        rows.sort_by(|(_, a, _), (_, b, _)| {
            let order = key(a).order(&key(b));
            if *down { order.reverse() } else { order }
        });
    }
    let skip = query.offset.unwrap_or(0);
    let take = query.limit.unwrap_or(usize::MAX);
    rows.into_iter()
        .skip(skip)
        .take(take)
        .for_each(|(sign, values, group)| emit(sign, values, group));
}
