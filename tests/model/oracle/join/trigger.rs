//! Joins of which one side alone gives rows, and pads that come by timer.

use super::super::select::Scene;
use super::super::window::{Emission, Row};
use super::super::{Mark, Moment};
use super::tuple::{Change, Tuple, changed, later, minus, plus};
use super::{State, TICK_US, meets};
use eventflux::event::Sign;

/// What a row that triggers made: it takes back just that.
pub struct Made {
    key: Vec<Option<u64>>,
    tuples: Vec<Tuple>,
}

impl State {
    /// The only side that triggers: what it makes is taken back as it was made. `fresh`: an arrival caused the row.
    pub fn trigger(
        &mut self,
        place: usize,
        (sign, fresh): (Sign, bool),
        key: Vec<Option<u64>>,
        cause: Moment,
        meet: impl Fn(&Self) -> Vec<Tuple>,
        out: &mut Vec<Change>,
    ) {
        if sign == Sign::Plus {
            let tuples = meet(self);
            out.extend(tuples.iter().cloned().map(|t| plus(t, fresh)));
            self.made[place].push(Made { key, tuples });
            return;
        }
        let made = self.made[place].iter().position(|m| m.key == key);
        let made = self.made[place].remove(made.expect("a row that leaves has entered"));
        let taken = made.tuples.into_iter();
        out.extend(taken.map(|t| {
            let moment = later(cause, t.moment.at);
            minus(Tuple { moment, ..t })
        }));
    }

    pub fn triggered(&self, scene: Scene<'_>, place: usize, tuple: &Tuple) -> Vec<Tuple> {
        let join = &scene.query.joins[place];
        let mut matches = self.partners(scene, place);
        matches.retain(|row| meets(scene, place, tuple, row));
        if join.kind.is_asof() {
            let latest = matches.iter().map(Row::at).max();
            let last = matches.iter().rposition(|row| Some(row.at()) == latest);
            matches = last.map(|last| matches[last].clone()).into_iter().collect();
        }
        let cause = tuple.moment;
        let pad = join.kind.pads_left() && matches.is_empty();
        let pairs = matches
            .iter()
            .map(|row| tuple.with(Some(row), changed(row, cause)));
        pairs.chain(pad.then(|| tuple.with(None, cause))).collect()
    }

    pub fn triggered_right(&self, scene: Scene<'_>, place: usize, row: &Row) -> Vec<Tuple> {
        let mut matches = self.tuples(scene, place);
        matches.retain(|tuple| meets(scene, place, tuple, row));
        let pad = scene.query.joins[place].kind.pads_right() && matches.is_empty();
        let pad = pad.then(|| Tuple::padded(place + 1, row, row.moment));
        let pairs = matches
            .iter()
            .map(|t| t.with(Some(row), t.changed(row.moment)));
        pairs.chain(pad).collect()
    }

    /// A row is padded at the first moment at which no partner can come.
    pub fn pad_later(&mut self, reach_us: i64, right: bool, row: &Option<Row>) {
        let row = row.clone().expect("a side's row is no pad");
        let due = (row.at().div_euclid(TICK_US) + reach_us / TICK_US + 1) * TICK_US;
        self.pads.push((due, right, row));
    }

    pub fn due(&self) -> Option<i64> {
        self.pads.iter().map(|(due, ..)| *due).min()
    }

    /// Pads of this time, of rows that have found no partner.
    pub fn fire(&mut self, scene: Scene<'_>, due: i64, out: &mut Vec<Emission>) {
        let pads = std::mem::take(&mut self.pads);
        let (now, later): (Vec<_>, Vec<_>) = pads.into_iter().partition(|(d, ..)| *d == due);
        self.pads = later;
        let moment = Moment::of_timer(due, Mark::Timer);
        let mut made = Vec::new();
        for (_, right, row) in now {
            let tuple = Tuple::of(&row);
            let alone = match right {
                true => !self.lefts[0].iter().any(|t| meets(scene, 0, t, &row)),
                false => !self.sides[1].iter().any(|r| meets(scene, 0, &tuple, r)),
            };
            let pad = match right {
                true => Tuple::padded(1, &row, moment),
                false => tuple.with(None, moment),
            };
            made.extend(alone.then(|| plus(pad, true)));
        }
        self.emit(scene, made, None, out);
    }
}
