//! The law of joins.

use super::super::select::Scene;
use super::super::window::Row;
use super::tuple::Tuple;
use super::{State, Trigger, meets};
use crate::app::{JoinKind, Query};

impl State {
    /// Whether the law of joins speaks of it: both sides trigger everywhere, and pads come at arrival.
    fn is_lawful(&self, query: &Query) -> bool {
        let late_pads = query.joins.iter().any(|j| j.bounds.is_some());
        !late_pads && self.triggers.iter().all(|t| *t == Trigger::Both)
    }

    /// The law of joins: what was given and not taken back is the SQL join of what the sides hold.
    pub fn check(&self, scene: Scene<'_>) {
        let sizes: usize = self.sides.iter().skip(1).map(|s| s.len() + 1).product();
        if !self.is_lawful(scene.query) || sizes * (self.lefts[0].len() + 1) > 4000 {
            return;
        }
        let mut all: Vec<Tuple> = self.lefts[0].clone();
        for (place, join) in scene.query.joins.iter().enumerate() {
            all = sql_join(scene, place, join.kind, &all, &self.sides[place + 1]);
        }
        let mut want: Vec<_> = all.iter().map(Tuple::key).collect();
        let mut net: Vec<_> = self.numbers.iter().map(|(key, _)| key.clone()).collect();
        want.sort_unstable();
        net.sort_unstable();
        assert_eq!(net, want, "the net of a join is not the join of its sides");
    }
}

fn sql_join(
    scene: Scene<'_>,
    place: usize,
    kind: JoinKind,
    lefts: &[Tuple],
    rights: &[Row],
) -> Vec<Tuple> {
    let mut all = Vec::new();
    for tuple in lefts {
        let before = all.len();
        let partners = rights.iter().filter(|row| meets(scene, place, tuple, row));
        all.extend(partners.map(|row| tuple.with(Some(row), row.moment)));
        if kind.pads_left() && all.len() == before {
            all.push(tuple.with(None, tuple.moment));
        }
    }
    for row in rights.iter().filter(|_| kind.pads_right()) {
        if !lefts.iter().any(|tuple| meets(scene, place, tuple, row)) {
            all.push(Tuple::padded(place + 1, row, row.moment));
        }
    }
    all
}
