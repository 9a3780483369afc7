//! Joins → operators: the sources with what stands in front of them, and one operator for each join.

use super::{Builder, Stage};
use crate::event::Type;
use crate::expr::{ColumnRef, Layout, Typed};
use crate::operator::Port;
use crate::operator::aggregate::Rows;
use crate::operator::join::{Added, Join, JoinOptions, Leaving, SidePlan, TableSide};
use crate::operator::table::Lookup;
use crate::operator::{RangeEnd, RangePlan};
use crate::plan::meeting::never_padded;
use crate::plan::range::{End, Range};
use crate::plan::{JoinPlan, Trigger, WindowPlan};

/// What comes to one side of a join.
struct Arriving {
    /// The columns of the rows that come.
    layout: Layout,
    /// Those of them that are kept.
    kept: Layout,
    keep: Vec<usize>,
    types: Vec<Type>,
    /// How the rows leave again.
    leaving: Leaving,
    /// They come in flushes only.
    flushes: bool,
    /// The operator that emits them; none where they come as they are in their stream.
    from: Option<usize>,
    /// Which of the kept columns say where a row stands.
    routing: Vec<usize>,
    /// It is a table.
    table: Option<usize>,
}

impl Builder<'_> {
    /// All joins of the query, and what follows.
    pub(super) fn join(&mut self) {
        let mut left = self.arriving(0);
        for before in 0..self.query.joins.len() {
            let right = self.arriving(before + 1);
            left = self.join_sides(before, left, right);
        }
        self.turn_to(0);
        self.tail(&left.layout);
    }

    /// A source, with its filter and its window.
    fn arriving(&mut self, place: usize) -> Arriving {
        self.turn_to(place);
        let used = self.used(&mut self.query.expressions());
        if let Some(table) = self.source.table {
            return self.table_side(table, used);
        }
        let first = self.stages.len();
        // What comes first stands behind nothing.
        let detached = self.stages.last().is_some_and(|s| s.next.is_none());
        let before = detached.then(|| self.stages.len() - 1);
        self.members();
        self.door();
        let layout = match &self.source.window {
            Some(window) => self.windowed(window),
            None => self.unwindowed(&used),
        };
        if let (Some(before), true) = (before, self.stages.len() > first) {
            self.stages[before].next = None;
        }
        let from = (self.stages.len() > first).then(|| self.stages.len() - 1);
        if from.is_some() {
            self.entries[place] = Some((first, Port::default()));
        }
        self.arriving_by(place, layout, used, from)
    }

    /// A source without a window: returns what comes of it.
    fn unwindowed(&mut self, used: &[usize]) -> Layout {
        let all: Vec<usize> = (0..self.input.len()).collect();
        let in_order = self.query.takes_rows_in_order() && self.source.named.is_none();
        match (self.source.filter.is_some(), in_order) {
            (false, false) => self.whole(),
            (true, false) => {
                self.filter(used);
                Layout::default().some(self.place, used)
            }
            (true, true) => {
                self.filter(used);
                self.on_time(used);
                Layout::default().some(self.place, used)
            }
            (false, true) => {
                self.on_time(&all);
                self.whole()
            }
        }
    }

    fn arriving_by(
        &self,
        place: usize,
        layout: Layout,
        used: Vec<usize>,
        from: Option<usize>,
    ) -> Arriving {
        let input = |column: usize| ColumnRef::Input {
            source: place,
            column,
        };
        let mut keep: Vec<usize> = used.iter().map(|c| layout.place(input(*c))).collect();
        let mut types: Vec<Type> = used.iter().map(|c| self.input[*c]).collect();
        let mut kept = Layout::default().some(place, &used);
        let window = self.source.held_by();
        let leaving = match window.map(WindowPlan::rows) {
            // The last session of each key leaves by itself.
            _ if matches!(window, Some(WindowPlan::SessionBatch { .. })) => {
                Leaving::Told((0..used.len()).collect())
            }
            None | Some(Rows::Forever) => Leaving::Never,
            // What tells its rows apart stays in a named window.
            Some(Rows::AnyOrder) if self.source.named.is_some() => {
                Leaving::Told((0..used.len()).collect())
            }
            Some(_) if self.source.named.is_none() && self.leaves_in_any_order() => {
                keep.push(layout.place(ColumnRef::RowNumber));
                types.push(Type::Long);
                kept = kept.unread(1);
                Leaving::Told(vec![used.len()])
            }
            Some(_) => Leaving::Oldest,
        };
        let routing = self.positions(|c| used.iter().position(|u| *u == c));
        Arriving {
            layout,
            kept,
            keep,
            types,
            leaving,
            flushes: window.is_some_and(WindowPlan::only_flushes),
            from,
            routing,
            table: None,
        }
    }

    fn table_side(&self, table: usize, used: Vec<usize>) -> Arriving {
        Arriving {
            layout: Layout::default().all(self.place, self.input.len()),
            kept: Layout::default().some(self.place, &used),
            types: used.iter().map(|c| self.input[*c]).collect(),
            keep: used,
            leaving: Leaving::Never,
            // It sends nothing, so what comes of it comes in the flushes of the other side.
            flushes: true,
            from: None,
            routing: Vec::new(),
            table: Some(table),
        }
    }

    /// The operator that joins what stands before with the next source; returns what comes out of it.
    fn join_sides(&mut self, before: usize, left: Arriving, right: Arriving) -> Arriving {
        let query = self.query;
        let plan = &query.joins[before];
        let is_last = before + 1 == query.joins.len();
        let preserves = plan.preserves();
        let triggers = match plan.trigger {
            Trigger::Both => [true, true],
            Trigger::Left => [true, false],
            Trigger::Right => [false, true],
        };
        let added = [
            self.added(before == 0, 0, is_last),
            self.added(true, before + 1, is_last),
        ];
        let output = self.joined(before, [&left, &right], added, triggers);
        let residual = Typed::all(plan.on.residual.clone());
        let residual = residual.filter(|_| left.table.or(right.table).is_none());
        let options = JoinOptions {
            added,
            residual: residual.map(|r| self.compile(&r, &output.layout)),
            preserves,
            triggers,
            table: self.table_option(plan, &left, &right),
            retracts: !is_last || self.wants_expired(),
            flushes: output.flushes,
            within_us: plan.within_us,
            reach_us: plan.reach_us(),
            types: output.types.clone(),
        };
        let retracts = options.retracts;
        let range = |own: &Arriving, other: &Arriving, place: usize| {
            let is_asked = triggers[1 - place] && own.table.or(other.table).is_none();
            is_asked.then(|| self.range(plan, before + 1, (own, place), other))?
        };
        let mut ranges = [range(&left, &right, 0), range(&right, &left, 1)];
        let mut side = |own: &Arriving, place: usize| {
            let leaves = own.leaving != Leaving::Never;
            let is_met = triggers[1 - place];
            let returns = retracts && leaves && triggers[place];
            let keys = plan.on.keys.iter().map(|k| [&k.left, &k.right][place]);
            let keys: Vec<&Typed> = keys.filter(|_| own.table.is_none()).collect();
            let latest = plan.is_asof() && place == 1;
            SidePlan {
                keep: own.keep.clone(),
                types: own.types.clone(),
                keys: keys.iter().map(|k| self.compile(k, &own.layout)).collect(),
                kept_keys: keys.iter().map(|k| self.compile(k, &own.kept)).collect(),
                key_types: keys.iter().filter_map(|k| k.ty).collect(),
                range: ranges[place].take(),
                leaving: if latest {
                    Leaving::Replaced
                } else {
                    own.leaving.clone()
                },
                is_bounded: plan.reach_us()[place].is_some(),
                holds: own.table.is_none() && (is_met || returns),
                routing: own.routing.clone(),
            }
        };
        let sides = [side(&left, 0), side(&right, 1)];
        self.connect([(&left, 0), (&right, before + 1)]);
        self.stages.push(Stage {
            operator: Box::new(Join::new(options, sides)),
            like: self.like(&output.types),
            next: None,
            waits: true,
            aside: None,
        });
        output
    }

    /// What ON says of a column of one side.
    fn range(
        &self,
        plan: &JoinPlan,
        right: usize,
        (own, place): (&Arriving, usize),
        other: &Arriving,
    ) -> Option<RangePlan> {
        let range = plan.on.range(right, place)?;
        Some(self.range_plan(range, &own.kept, &other.layout))
    }

    /// A range of a column that is kept, given by rows that come.
    pub(super) fn range_plan(&self, range: Range, kept: &Layout, rows: &Layout) -> RangePlan {
        let end = |end: End| RangeEnd {
            value: self.compile(&end.value, rows),
            ty: end.ty,
            is_included: end.is_included,
        };
        RangePlan {
            column: kept.place(range.column),
            ty: range.ty,
            ends: range.ends.map(|of| of.map(end)),
            counts_nulls: range.counts_nulls,
        }
    }

    /// Lets what comes to the sides of the join that follows come by its ports. Each side has its last source.
    fn connect(&mut self, sides: [(&Arriving, usize); 2]) {
        let place = self.stages.len();
        for (number, (side, source)) in sides.into_iter().enumerate() {
            let to = Some((place, Port(number as u8)));
            match side.from {
                Some(from) => self.stages[from].next = to,
                None if side.table.is_none() => self.entries[source] = to,
                None => {}
            }
        }
    }

    /// What joined rows have of a side beside its columns. `alone`: the side is the source at `place`.
    fn added(&self, alone: bool, place: usize, is_last: bool) -> Added {
        let mut time = false;
        for expression in self.query.expressions() {
            expression.columns(&mut |c| time |= c == ColumnRef::EventTime { source: place });
        }
        Added {
            time: alone && time && self.query.sources[place].table.is_none(),
            number: !is_last,
        }
    }

    /// What comes out of a join.
    fn joined(
        &self,
        before: usize,
        sides: [&Arriving; 2],
        added: [Added; 2],
        triggers: [bool; 2],
    ) -> Arriving {
        let mut layout = Layout::default();
        let mut types = Vec::new();
        let mut numbers = Vec::new();
        for ((side, added), source) in sides.into_iter().zip(added).zip([0, before + 1]) {
            layout = layout.beside(side.kept.clone());
            types.extend(&side.types);
            if added.time {
                layout = layout.then(&[ColumnRef::EventTime { source }]);
            }
            if added.number {
                numbers.push(layout.len());
                layout = layout.unread(1);
            }
            types.extend(added.types());
        }
        let plan = &self.query.joins[before];
        let pads = triggers == [true, true] && plan.preserves() != [false, false];
        let mut leave = sides.into_iter().zip(triggers);
        let leave = leave.any(|(side, triggers)| triggers && side.leaving != Leaving::Never);
        let leaving = match leave || pads {
            true => Leaving::Told(numbers),
            false => Leaving::Never,
        };
        let never_padded = never_padded(self.query);
        let routing = (0..=before + 1).find_map(|source| {
            let columns = self.routing[source].as_ref()?;
            let place = |c: &usize| layout.place(ColumnRef::Input { source, column: *c });
            never_padded[source].then(|| columns.iter().map(place).collect())
        });
        Arriving {
            kept: layout.clone(),
            keep: (0..types.len()).collect(),
            flushes: sides.into_iter().all(|s| s.flushes),
            from: Some(self.stages.len()),
            routing: routing.unwrap_or_default(),
            layout,
            types,
            leaving,
            table: None,
        }
    }

    /// The table of a join, if one of its sides is one.
    fn table_option(
        &self,
        plan: &JoinPlan,
        left: &Arriving,
        right: &Arriving,
    ) -> Option<TableSide> {
        let (side, stream, is_right) = match (left.table, right.table) {
            (Some(table), _) => ((table, left), right, false),
            (_, Some(table)) => ((table, right), left, true),
            _ => return None,
        };
        let (table, own) = side;
        let place = match is_right {
            true => self
                .query
                .joins
                .iter()
                .position(|j| std::ptr::eq(j, plan))
                .map_or(0, |j| j + 1),
            false => 0,
        };
        let filter = self.query.sources[place].filter.clone();
        let lookup = self.lookup(table, plan, filter, &stream.layout, &own.layout, is_right);
        Some(TableSide {
            table: self.table_place(table),
            view: self.view_side(place, &stream.layout, lookup.has_key()),
            lookup,
            keep: own.keep.clone(),
        })
    }

    /// How rows of a stream find those of a table.
    fn lookup(
        &self,
        table: usize,
        plan: &JoinPlan,
        filter: Option<Typed>,
        stream: &Layout,
        own: &Layout,
        is_right: bool,
    ) -> Lookup {
        let keys = plan.on.keys.iter().map(|k| match is_right {
            true => (&k.left, &k.right, &k.whole),
            false => (&k.right, &k.left, &k.whole),
        });
        let rest = plan.on.residual.iter().chain(&filter).cloned().collect();
        self.lookup_by(table, keys.collect(), rest, stream, own)
    }

    /// Where the groups of the query stand among its keys: by columns that are never padded.
    pub(super) fn group_positions(&self) -> Vec<usize> {
        if let Some(place) = self.query.place_among_groups() {
            return vec![place];
        }
        if !self.query.joins_sources() {
            return self.positions_among(&self.query.keys);
        }
        let place = |column: &ColumnRef| {
            let mut keys = self.query.keys.iter();
            keys.position(|k| k.as_column() == Some(*column))
        };
        let places = self.routed_by();
        let places = places.iter().map(place);
        places
            .map(|p| p.expect("a key column is among the groups"))
            .collect()
    }

    /// The columns by which the component is spread, among those by which the query keeps rows apart.
    pub(super) fn routed_by(&self) -> Vec<ColumnRef> {
        if let Some(key) = &self.query.partition_key {
            return key.as_column().into_iter().collect();
        }
        let keys = self.query.apart_by().unwrap_or_default();
        let count = self
            .routing
            .iter()
            .flatten()
            .map(Vec::len)
            .max()
            .unwrap_or(0);
        let never_padded = never_padded(self.query);
        let column = |key: usize| {
            let sources = self.routing.iter().enumerate();
            let mut columns = sources.filter_map(|(source, columns)| {
                let column = *columns.as_ref()?.get(key)?;
                never_padded[source].then_some(ColumnRef::Input { source, column })
            });
            columns.find(|c| keys.iter().any(|k| k.as_column() == Some(*c)))
        };
        let columns = (0..count).map(column);
        columns
            .map(|c| c.expect("a key column keeps rows apart"))
            .collect()
    }
}
