//! Aggregates over `sessionBatch` → an operator that folds rows into their sessions, and the projection behind it.
//!
//! Where a query reads more of the rows of a session than that, they are held, and aggregated when it closes.

use super::Builder;
use crate::event::Type;
use crate::expr::{Layout, Typed};
use crate::operator::Operator;
use crate::operator::aggregate::{Closing, Merging, ReadColumns, SessionAggregate, SessionQuery};
use crate::operator::select::Select;
use crate::operator::window::Keys;
use crate::plan::WindowPlan;
use crate::sql::ast::Events;

impl Builder<'_> {
    /// Whether the sessions of a batch window are aggregated row by row: their rows are of one group each, come to
    /// aggregates that do not ask for their order, and are the same whenever they are looked at.
    pub(super) fn folds_sessions(&self) -> bool {
        let query = self.query;
        let Some(WindowPlan::SessionBatch { keys, .. }) = &self.source.window else {
            return false;
        };
        let own = |key: &Typed| (0..self.input.len()).any(|c| self.is_key(key, c, &keys.0));
        let mut calls = query.calls.iter();
        let args = query.calls.iter().flat_map(|call| &call.args);
        let mut early = query.condition.iter().chain(args);
        query.aggregates()
            && query.events == Events::Current
            && query.joins.is_empty()
            && !query.looks_back()
            && !self.fills_window()
            && query.keys.iter().all(own)
            && calls.all(|call| call.call.accumulator().merging() != Merging::InOrder)
            && early.all(Typed::is_same_each_time)
    }

    /// Whether an expression is this column of the input, which all rows of a session have in common.
    fn is_key(&self, key: &Typed, column: usize, keys: &[Typed]) -> bool {
        self.is_attribute(key, column) && self.is_shared(column, keys)
    }

    /// Whether all rows of a session have this column of the input in common: it is one of their keys.
    fn is_shared(&self, column: usize, keys: &[Typed]) -> bool {
        self.source.partition_key == Some(column)
            || keys.iter().any(|key| self.is_attribute(key, column))
    }

    /// Whether what closed sessions give may go on together: nothing behind asks which came with which.
    fn closing(&self) -> Closing {
        let query = self.query;
        let cut = query.limit.is_some() || query.offset.is_some() || !query.order.is_empty();
        let asks = cut || query.distinct || query.rate.is_some();
        let mut shown = query.outputs.iter().chain(&query.having);
        match !asks && shown.all(Typed::is_same_each_time) {
            true => Closing::Rows,
            false => Closing::Flushes,
        }
    }

    pub(super) fn session_aggregate(&mut self) {
        let query = self.query;
        let Some(window @ WindowPlan::SessionBatch { gap_us, keys }) = &self.source.window else {
            unreachable!("the window has sessions")
        };
        self.filter(&(0..self.input.len()).collect::<Vec<_>>());
        let held = self.used(&mut query.expressions());
        let order = query.order.iter().map(|(o, _)| o);
        let behind = query.rate.iter().flat_map(|r| &r.behind);
        let shown = query.outputs.iter().chain(behind);
        let columns = self.used(&mut shown.chain(&query.having).chain(order));
        let types: Vec<Type> = columns.iter().map(|c| self.input[*c]).collect();
        // Equal numbers may be written differently, as 0 and -0 are: that of the last row is shown.
        let is_exact = |c: usize| !matches!(self.input[c], Type::Float | Type::Double);
        let constant = columns.iter();
        let constant = constant.map(|c| is_exact(*c) && self.is_shared(*c, &keys.0));
        let whole = self.whole();
        let session = SessionQuery {
            condition: query.condition.as_ref().map(|c| self.compile(c, &whole)),
            grouping: self.grouping(&whole),
            read: ReadColumns {
                constant: constant.collect(),
                types: types.clone(),
                columns: columns.clone(),
            },
            held: held.clone(),
            closing: self.closing(),
        };
        let held_types: Vec<Type> = held.iter().map(|c| self.input[*c]).collect();
        let (programs, key_types) = self.keys(keys);
        let keys = Keys::new(programs, &key_types);
        let mut operator = SessionAggregate::new(*gap_us, keys, &self.like(&held_types), session);
        operator.routed_by(self.window_routing(window, &held));
        let results = query.calls.iter().map(|call| call.call.result);
        let types: Vec<Type> = types.into_iter().chain(results).collect();
        self.push(Box::new(operator), &types);
        let projection = self.projection(&Layout::default().some(self.place, &columns));
        let select = Select::new(None, Events::Current, projection);
        self.push(Box::new(select), &query.emitted_types());
    }
}
