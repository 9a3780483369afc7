//! Calls with OVER → one operator, which takes rows in the order of their times and projects them.

use super::Builder;
use crate::event::Type;
use crate::expr::{ColumnRef, Layout};
use crate::operator::filter::Filter;
use crate::operator::over::{AggregateOptions, FrameOptions, InputColumns, Lag, Over};
use crate::operator::window::InOrder;
use crate::plan::over::{FramePlan, OverWhat};

impl Builder<'_> {
    /// Calls with OVER over rows laid out by `layout`, what stands before them, and the projection.
    pub(super) fn over(&mut self, layout: &Layout) {
        let layout = &self.before_over(layout);
        let passed = self.passed();
        let plan = &self.query.over;
        let routed_by = self.routed_by();
        let place = |column: &ColumnRef| layout.place(*column);
        let carried = self.read_behind(layout);
        let routing: Vec<usize> = routed_by.iter().map(place).collect();
        let among = |columns: &[usize]| -> Vec<usize> {
            let found = routing.iter().map(|r| columns.binary_search(r));
            found
                .map(|place| place.expect("a key is carried"))
                .collect()
        };
        let mut shown = carried.clone();
        shown.extend(&routing);
        shown.sort_unstable();
        shown.dedup();
        let frames = plan.frames.iter().enumerate();
        let frames = frames.map(|(number, frame)| self.frame(number, frame, layout, &routed_by));
        let results: Vec<Type> = plan.calls.iter().map(|call| call.result).collect();
        let like = self.like(&passed);
        let input = InputColumns {
            routing: among(&shown),
            carried: shown,
            like: like.clone(),
        };
        let over = Over::new(frames.collect(), &results, input, self.projection(layout));
        let all: Vec<usize> = (0..passed.len()).collect();
        let held = match self.query.late {
            Some(_) => all,
            None => self.read_by_over(layout, carried, &routing),
        };
        let routing = among(&held);
        let operator = InOrder::new(Box::new(over), like, held, routing);
        let types = self.query.emitted_types();
        self.push(Box::new(operator), &types);
    }

    /// The condition, which lets on what is read behind it; returns what comes out.
    fn before_over(&mut self, layout: &Layout) -> Layout {
        let Some(condition) = &self.query.condition else {
            return layout.clone();
        };
        let condition = self.compile(condition, layout);
        let passed = self.passed();
        let all = self.query.late.is_some() || self.query.joins_sources();
        let keep: Vec<usize> = match all {
            true => (0..passed.len()).collect(),
            false => self.used(&mut self.query.expressions()),
        };
        let types: Vec<Type> = keep.iter().map(|k| passed[*k]).collect();
        self.push(Box::new(Filter::new(condition, keep.clone())), &types);
        match all {
            true => layout.clone(),
            false => Layout::default().some(self.place, &keep),
        }
    }

    /// The types of the columns that come out of the last operator.
    fn passed(&self) -> Vec<Type> {
        match self.stages.last() {
            Some(stage) => stage.like.columns.iter().map(|c| c.type_of()).collect(),
            None => self.input.clone(),
        }
    }

    /// The columns that the projection reads.
    fn read_behind(&self, layout: &Layout) -> Vec<usize> {
        let query = self.query;
        let order = query.order.iter().map(|(o, _)| o);
        let mut read = Vec::new();
        for typed in query.outputs.iter().chain(&query.having).chain(order) {
            typed.columns(&mut |column| {
                if !matches!(column, ColumnRef::Over(_)) {
                    read.push(layout.place(column));
                }
            });
        }
        read.sort_unstable();
        read.dedup();
        read
    }

    /// These columns and those that the frames read.
    fn read_by_over(&self, layout: &Layout, mut read: Vec<usize>, routing: &[usize]) -> Vec<usize> {
        for typed in self.query.over.expressions() {
            typed.columns(&mut |column| read.push(layout.place(column)));
        }
        read.extend(routing);
        read.sort_unstable();
        read.dedup();
        read
    }

    fn frame(
        &self,
        number: usize,
        frame: &FramePlan,
        layout: &Layout,
        routed_by: &[ColumnRef],
    ) -> FrameOptions {
        let calls = self.query.over.calls.iter().enumerate();
        let calls = calls.filter(|(_, call)| call.frame == number);
        let (mut aggregates, mut lags, mut defaults) = (Vec::new(), Vec::new(), Vec::new());
        for (result, call) in calls {
            match &call.what {
                OverWhat::Aggregate(call, args) => aggregates.push(AggregateOptions {
                    call: call.clone(),
                    args: args.clone(),
                    result,
                }),
                OverWhat::Lag {
                    read,
                    rows,
                    default,
                } => {
                    lags.push(Lag {
                        read: *read,
                        rows: *rows,
                        result,
                    });
                    defaults.push(default.as_ref().map(|d| self.compile(d, layout)));
                }
            }
        }
        let key = |column: &ColumnRef| {
            let found = frame
                .keys
                .iter()
                .position(|k| k.as_column() == Some(*column));
            found.expect("all frames have the keys by which rows are spread")
        };
        FrameOptions {
            reach: frame.reach,
            keys: frame.keys.iter().map(|k| self.compile(k, layout)).collect(),
            key_types: frame.keys.iter().filter_map(|k| k.ty).collect(),
            reads: frame
                .reads
                .iter()
                .map(|r| self.compile(r, layout))
                .collect(),
            read_types: frame.reads.iter().filter_map(|r| r.ty).collect(),
            aggregates,
            lags,
            defaults,
            routing: routed_by.iter().map(key).collect(),
        }
    }
}
