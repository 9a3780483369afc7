//! What a query makes of the rows that leave its window.

use super::aggregate::Group;
use super::eval::{Env, eval, truth};
use super::window::{Emission, Row};
use crate::app::{Events, Query, Window};
use crate::expr::Expr;
use eventflux::event::{Sign, Value};

/// One row that a query emits.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    pub at: i64,
    pub clock: i64,
    pub sign: Sign,
    pub values: Vec<Value>,
}

/// Key of a group and the state of each aggregate call.
struct Keyed {
    key: Vec<Value>,
    calls: Vec<Group>,
    /// Last row of the group in this flush; `None` when the flush has none.
    last: Option<(Sign, Row)>,
}

/// State of the selection of one query.
#[derive(Default)]
pub struct Select {
    groups: Vec<Keyed>,
    /// DISTINCT: outputs that are there, and how often.
    distinct: Vec<(Vec<Value>, usize)>,
    /// The canary: sums do not retract.
    ignore_minus: bool,
}

fn takes(events: Events, sign: Sign) -> bool {
    match events {
        Events::All => true,
        Events::Current => sign == Sign::Plus,
        Events::Expired => sign == Sign::Minus,
    }
}

impl Select {
    pub fn new(ignore_minus: bool) -> Self {
        Select {
            ignore_minus,
            ..Select::default()
        }
    }

    pub fn emission(&mut self, query: &Query, emission: Emission, out: &mut Vec<Output>) {
        match emission {
            Emission::Row(sign, row) => self.row(query, sign, &row, out),
            Emission::Flush {
                at,
                clock,
                minus,
                plus,
                bounds,
            } => {
                let keep = |rows: Vec<Row>| -> Vec<Row> {
                    rows.into_iter()
                        .filter(|row| passes(&query.condition, env(row, bounds)))
                        .collect()
                };
                let minus = keep(minus).into_iter().map(|row| (Sign::Minus, row));
                let signed = minus.chain(keep(plus).into_iter().map(|row| (Sign::Plus, row)));
                let signed: Vec<(Sign, Row)> = signed
                    .filter(|(sign, _)| takes(query.events, *sign))
                    .collect();
                let mut rows = Vec::new();
                if query.aggregates.is_empty() {
                    for (sign, row) in &signed {
                        rows.extend(project(query, env(row, bounds)).map(|values| (*sign, values)));
                    }
                } else {
                    rows = self.flush(query, &signed, bounds);
                }
                finish(query, rows, |sign, values| {
                    out.push(Output {
                        at,
                        clock,
                        sign,
                        values,
                    })
                });
            }
        }
    }

    /// One row of a sliding window, or without a window.
    fn row(&mut self, query: &Query, sign: Sign, row: &Row, out: &mut Vec<Output>) {
        let mut env = env(row, (0, 0));
        if !passes(&query.condition, env) {
            return;
        }
        let results;
        if !query.aggregates.is_empty() {
            let ignore_minus = self.ignore_minus;
            let group = self.group(query, env);
            for (call, state) in query.aggregates.iter().zip(&mut group.calls) {
                state.update(call, sign, row.id, env, ignore_minus);
            }
            results = group.results(query);
            env.aggregates = &results;
        }
        let Some(values) = project(query, env) else {
            return;
        };
        if query.distinct && !self.changes(sign, &values) {
            return;
        }
        // OFFSET and LIMIT act on each single row.
        if takes(query.events, sign) && query.offset.is_none_or(|n| n == 0) {
            out.push(Output {
                at: row.at,
                clock: row.clock,
                sign,
                values,
            });
        }
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

    fn group(&mut self, query: &Query, env: Env<'_>) -> &mut Keyed {
        let key: Vec<Value> = query.group_by.iter().map(|e| eval(e, env)).collect();
        let place = self
            .groups
            .iter()
            .position(|g| g.key == key)
            .unwrap_or(self.groups.len());
        if place == self.groups.len() {
            let calls = vec![Group::default(); query.aggregates.len()];
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
        query: &Query,
        signed: &[(Sign, Row)],
        bounds: (i64, i64),
    ) -> Vec<(Sign, Vec<Value>)> {
        for group in &mut self.groups {
            group.calls.iter_mut().for_each(Group::reset);
            group.last = None;
        }
        let mut order: Vec<Vec<Value>> = Vec::new();
        for (sign, row) in signed {
            let env = env(row, bounds);
            let group = self.group(query, env);
            for (call, state) in query.aggregates.iter().zip(&mut group.calls) {
                if *sign == Sign::Plus {
                    state.update(call, Sign::Plus, row.id, env, false);
                }
            }
            group.last = Some((*sign, row.clone()));
            if !order.contains(&group.key) {
                order.push(group.key.clone());
            }
        }
        let mut rows = Vec::new();
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
            let results = group.results(query);
            let env = Env {
                aggregates: &results,
                ..env(last, bounds)
            };
            rows.extend(project(query, env).map(|values| (*sign, values)));
        }
        rows
    }
}

impl Keyed {
    fn results(&self, query: &Query) -> Vec<Value> {
        let leave = query.window.as_ref().is_some_and(Window::slides);
        let calls = query.aggregates.iter().zip(&self.calls);
        calls
            .map(|(call, state)| state.value(call, leave))
            .collect()
    }
}

fn env(row: &Row, bounds: (i64, i64)) -> Env<'_> {
    Env {
        row: &row.values,
        at: row.at,
        bounds,
        ..Env::default()
    }
}

fn passes(condition: &Option<Expr>, env: Env<'_>) -> bool {
    condition
        .as_ref()
        .is_none_or(|c| truth(&eval(c, env)) == Some(true))
}

/// The output row, unless HAVING drops it.
fn project(query: &Query, env: Env<'_>) -> Option<Vec<Value>> {
    let values: Vec<Value> = query
        .items
        .iter()
        .map(|item| eval(&item.expr, env))
        .collect();
    passes(
        &query.having,
        Env {
            outputs: &values,
            ..env
        },
    )
    .then_some(values)
}

/// DISTINCT, ORDER BY, OFFSET and LIMIT of one flush.
fn finish(
    query: &Query,
    mut rows: Vec<(Sign, Vec<Value>)>,
    mut emit: impl FnMut(Sign, Vec<Value>),
) {
    if query.distinct {
        let mut seen: Vec<Vec<Value>> = Vec::new();
        rows.retain(|(_, values)| {
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
        rows.sort_by(|(_, a), (_, b)| {
            let order = key(a).order(&key(b));
            if *down { order.reverse() } else { order }
        });
    }
    let skip = query.offset.unwrap_or(0);
    let take = query.limit.unwrap_or(usize::MAX);
    rows.into_iter()
        .skip(skip)
        .take(take)
        .for_each(|(sign, values)| emit(sign, values));
}
