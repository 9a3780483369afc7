//! What a query asks of tables, and what it does to them.

use super::Builder;
use crate::event::Type;
use crate::expr::{Layout, Typed};
use crate::operator::table::{Access, Action, Lookup, TableWrite};
use crate::operator::{member::Members, write::Write};
use crate::plan::join::On;
use crate::plan::table::ActionPlan;

impl Builder<'_> {
    /// Where a table of the app stands in the graph.
    pub(super) fn table_place(&self, table: usize) -> usize {
        let places = self.site.tables.iter();
        places
            .into_iter()
            .position(|t| *t == table)
            .expect("a graph has the tables of its queries")
    }

    /// The operator that asks tables of the rows of the source at hand.
    pub(super) fn members(&mut self) {
        let asked = self.query.members.iter().filter(|m| m.source == self.place);
        let table_source = self.query.sources.len();
        let attributes = self.site.plan.streams[self.source.stream].schema.len();
        let stream = Layout::default().all(self.place, attributes);
        let lookups = asked.map(|m| {
            let types = &self.site.plan.tables[m.table].shape.types;
            let own = Layout::default().all(table_source, types.len());
            (
                self.table_place(m.table),
                self.lookup_on(m.table, &m.on, &stream, &own),
            )
        });
        let lookups: Vec<(usize, Lookup)> = lookups.collect();
        if !lookups.is_empty() {
            let types = self.input.clone();
            self.push(Box::new(Members::new(lookups)), &types);
        }
    }

    fn lookup_on(&self, table: usize, on: &On, stream: &Layout, own: &Layout) -> Lookup {
        let keys = on.keys.iter().map(|k| (&k.left, &k.right, &k.whole));
        self.lookup_by(table, keys.collect(), on.residual.clone(), stream, own)
    }

    /// How rows laid out by `stream` find rows of a table, laid out by `own`. `keys`: over the stream, over the table,
    /// and that both are equal.
    pub(super) fn lookup_by(
        &self,
        table: usize,
        keys: Vec<(&Typed, &Typed, &Typed)>,
        mut rest: Vec<Typed>,
        stream: &Layout,
        own: &Layout,
    ) -> Lookup {
        let shape = &self.site.plan.tables[table].shape;
        let mut equal: Vec<(usize, &Typed, &Typed)> = Vec::new();
        for (of_stream, of_table, whole) in keys {
            match of_table.as_column() {
                Some(column) => equal.push((own.place(column), of_stream, whole)),
                None => rest.push(whole.clone()),
            }
        }
        let columns: Vec<usize> = equal.iter().map(|(column, ..)| *column).collect();
        let access = shape.access(&columns);
        let mut used = Vec::new();
        let mut values = Vec::new();
        for column in shape.columns_of(access) {
            let found = equal
                .iter()
                .position(|(c, ..)| c == column)
                .expect("it is among them");
            used.push(found);
            values.push(self.compile(equal[found].1, stream));
        }
        for (place, (.., whole)) in equal.iter().enumerate() {
            if !used.contains(&place) {
                rest.push((*whole).clone());
            }
        }
        debug_assert!(
            access != Access::Scan || values.is_empty(),
            "a scan has no key"
        );
        let width = stream.len();
        let both = stream.clone().beside(own.clone());
        let residual = Typed::all(rest).map(|r| self.compile(&r, &both));
        Lookup::new(access, values, residual, width, &shape.types)
    }

    /// What happens at the target, where that is a table.
    pub(super) fn write(&mut self) {
        let query = self.query;
        let Some(table) = self.site.plan.streams[query.target].kind.table() else {
            return;
        };
        if query.rollup.is_some() {
            return;
        }
        let shape = &self.site.plan.tables[table].shape;
        let mut stream = Layout::default();
        for output in &query.outputs {
            stream = match output.as_column() {
                Some(column) => stream.then(&[column]),
                None => stream.unread(1),
            };
        }
        let own = Layout::default().all(query.sources.len(), shape.types.len());
        let both = stream.clone().beside(own.clone());
        let action = match &query.action {
            ActionPlan::Insert => Action::Insert,
            ActionPlan::Delete { on } => Action::Delete(self.lookup_on(table, on, &stream, &own)),
            ActionPlan::Upsert { on } => Action::Upsert(self.lookup_on(table, on, &stream, &own)),
            ActionPlan::Update { on, set } => {
                let set = set
                    .iter()
                    .map(|(column, value)| (*column, self.compile(value, &both)));
                Action::Update(self.lookup_on(table, on, &stream, &own), set.collect())
            }
        };
        let write = TableWrite::new(action, stream.len(), &shape.types);
        let nothing: [Type; 0] = [];
        self.push(
            Box::new(Write::new(self.table_place(table), write)),
            &nothing,
        );
    }
}
