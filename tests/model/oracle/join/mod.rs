//! Joins as nested loops over what the sides hold.
//!
//! A change of one side goes through the joins from left to right: each makes changes of what stands left of the next
//! one. After every event the net of all changes is compared with the SQL join of what the sides hold.

mod law;
mod trigger;
mod tuple;

use super::eval::is_true;
use super::select::Scene;
use super::window::{Emission, Row};
use super::{Fault, Moment};
use crate::app::{App, Events, Join, Query};
use eventflux::event::Sign;
use std::rc::Rc;
use trigger::Made;
use tuple::{Change, Tuple, changed, minus, net, plus};

/// Times of bounds and pads are counted in these: `eventTimestamp` gives milliseconds.
pub const TICK_US: i64 = 1000;

/// Which side of a join makes it give rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trigger {
    Both,
    Left,
    Right,
}

/// What one event makes the sides of a join do.
pub type Event = Vec<(usize, Emission)>;

/// One side's change.
type SideChange = (usize, Sign, Row);

/// The state of all joins of a query.
pub struct State {
    /// What each source holds, in the order in which rows came out of its window.
    sides: Vec<Vec<Row>>,
    /// What stands left of each join; last what stands behind all.
    lefts: Vec<Vec<Tuple>>,
    made: Vec<Vec<Made>>,
    triggers: Vec<Trigger>,
    /// Numbers of the rows that the joins give, by the rows that they are made of.
    numbers: Vec<(Vec<Option<u64>>, u64)>,
    next_number: u64,
    /// Of a join with bounds in time: rows that may be padded, when, and whether they are of the right side.
    pads: Vec<(i64, bool, Row)>,
    /// Rows on the right that are offered and have not been matched yet.
    unmatched: Vec<u64>,
    fault: Fault,
}

impl State {
    pub fn new(app: &App, query: &Query, fault: Fault) -> Self {
        let sources: Vec<_> = query.sources().collect();
        let only = sources.iter().position(|s| s.unidirectional);
        let trigger = |place: usize| {
            let join: &Join = &query.joins[place];
            let right = app.is_table(join.source.stream) || join.kind.is_asof();
            let left = place == 0 && app.is_table(query.from.stream);
            match only {
                _ if right => Trigger::Left,
                _ if left => Trigger::Right,
                Some(only) if only <= place => Trigger::Left,
                Some(only) if only == place + 1 => Trigger::Right,
                _ => Trigger::Both,
            }
        };
        State {
            sides: vec![Vec::new(); sources.len()],
            lefts: vec![Vec::new(); sources.len()],
            made: query.joins.iter().map(|_| Vec::new()).collect(),
            triggers: (0..query.joins.len()).map(trigger).collect(),
            numbers: Vec::new(),
            next_number: 0,
            pads: Vec::new(),
            unmatched: Vec::new(),
            fault,
        }
    }

    /// What one event makes the sides do, in their order. All flushes are made where the first is: all sides change
    /// before anything is matched.
    pub fn event(&mut self, scene: Scene<'_>, event: Event, out: &mut Vec<Emission>) {
        let flushes = |e: &Emission| matches!(e, Emission::Flush { .. });
        let (mut whole, single): (Vec<_>, Vec<_>) = event
            .into_iter()
            .enumerate()
            .partition(|(_, (_, e))| flushes(e));
        let first = whole.first().map_or(usize::MAX, |(place, _)| *place);
        let flushed: Vec<SideChange> = whole
            .drain(..)
            .flat_map(|(_, (side, e))| changes(side, e))
            .collect();
        let (before, after): (Vec<_>, Vec<_>) = single.into_iter().partition(|(p, _)| *p < first);
        self.one_by_one(scene, before, out);
        if first < usize::MAX {
            let moment = flushed.iter().map(|(_, _, row)| row.moment);
            let moment = moment.max_by_key(|m| m.at);
            let made = self.instant(scene, flushed, true);
            let flush = scene.app.flushes(scene.query);
            self.emit(scene, made, moment.filter(|_| flush), out);
        }
        self.one_by_one(scene, after, out);
        self.check(scene);
    }

    fn one_by_one(
        &mut self,
        scene: Scene<'_>,
        all: Vec<(usize, (usize, Emission))>,
        out: &mut Vec<Emission>,
    ) {
        for change in all.into_iter().flat_map(|(_, (side, e))| changes(side, e)) {
            let made = self.instant(scene, vec![change], false);
            self.emit(scene, made, None, out);
        }
    }

    /// Changes of the sides, through all joins.
    fn instant(&mut self, scene: Scene<'_>, changes: Vec<SideChange>, whole: bool) -> Vec<Change> {
        let of = |side: usize| {
            let own = changes.iter().filter(move |(s, ..)| *s == side);
            own.map(|(_, sign, row)| (*sign, row.clone()))
        };
        let first = of(0).map(|(sign, row)| Change {
            sign,
            tuple: Tuple::of(&row),
            fresh: true,
        });
        let mut lefts: Vec<Change> = first.collect();
        for place in 0..scene.query.joins.len() {
            let rights: Vec<(Sign, Row)> = of(place + 1).collect();
            lefts = match whole {
                true => self.whole(scene, place, lefts, rights),
                false => {
                    let mut out = Vec::new();
                    for change in lefts {
                        self.left(scene, place, change, &mut out);
                    }
                    for (sign, row) in rights {
                        self.right(scene, place, sign, &row, &[], &mut out);
                    }
                    out
                }
            };
        }
        lefts
    }

    /// All that leaves, then all that comes: offered by both sides first, the left matched, then the right with what
    /// the left has not met.
    fn whole(
        &mut self,
        scene: Scene<'_>,
        place: usize,
        lefts: Vec<Change>,
        rights: Vec<(Sign, Row)>,
    ) -> Vec<Change> {
        let mut out = Vec::new();
        let (leave, come): (Vec<_>, Vec<_>) =
            lefts.into_iter().partition(|c| c.sign == Sign::Minus);
        for change in leave {
            self.left(scene, place, change, &mut out);
        }
        let (gone, new): (Vec<_>, Vec<_>) =
            rights.into_iter().partition(|(s, _)| *s == Sign::Minus);
        for (sign, row) in &gone {
            self.right(scene, place, *sign, row, &[], &mut out);
        }
        self.unmatched = new.iter().map(|(_, row)| row.id).collect();
        self.sides[place + 1].extend(new.iter().map(|(_, row)| row.clone()));
        let met: Vec<_> = come.iter().map(|c| c.tuple.key()).collect();
        for change in come {
            self.left(scene, place, change, &mut out);
        }
        for (sign, row) in &new {
            self.right(scene, place, *sign, row, &met, &mut out);
        }
        net(out)
    }

    fn is_new(&self, row: &Row) -> bool {
        self.unmatched.contains(&row.id)
    }

    /// What the right side of a join offers.
    fn partners(&self, scene: Scene<'_>, place: usize) -> Vec<Row> {
        let stream = scene.query.joins[place].source.stream;
        match scene.app.is_table(stream) {
            true => scene.tables[stream].clone(),
            false => self.sides[place + 1].clone(),
        }
    }

    /// What stands left of a join.
    fn tuples(&self, scene: Scene<'_>, place: usize) -> Vec<Tuple> {
        let stream = scene.query.from.stream;
        match place == 0 && scene.app.is_table(stream) {
            true => scene.tables[stream].iter().map(Tuple::of).collect(),
            false => self.lefts[place].clone(),
        }
    }

    /// A change of what stands left of a join.
    fn left(&mut self, scene: Scene<'_>, place: usize, change: Change, out: &mut Vec<Change>) {
        let join = &scene.query.joins[place];
        let Change { sign, tuple, fresh } = change;
        let (key, cause) = (tuple.key(), tuple.moment);
        if sign == Sign::Minus {
            self.lefts[place].retain(|t| t.key() != key);
        }
        if self.triggers[place] != Trigger::Both {
            if self.triggers[place] == Trigger::Left {
                let meet = |s: &Self| s.triggered(scene, place, &tuple);
                self.trigger(place, (sign, fresh), key, cause, meet, out);
            }
            if sign == Sign::Plus && self.triggers[place] == Trigger::Right {
                self.lefts[place].push(tuple);
            }
            return;
        }
        let mut matches = self.partners(scene, place);
        matches.retain(|row| meets(scene, place, &tuple, row));
        let pads = join.kind.pads_right() && join.bounds.is_none();
        for row in &matches {
            let others = self.tuples(scene, place);
            let alone = !others.iter().any(|t| meets(scene, place, t, row)) && !self.is_new(row);
            let pad = Tuple::padded(place + 1, row, changed(row, cause));
            let pair = tuple.with(Some(row), changed(row, cause));
            match sign {
                Sign::Plus => {
                    out.extend((alone && pads).then(|| minus(pad)));
                    out.push(plus(pair, fresh));
                }
                Sign::Minus => {
                    out.push(minus(pair));
                    out.extend((alone && pads).then(|| plus(pad, false)));
                }
            }
        }
        if join.kind.pads_left() && matches.is_empty() {
            let pad = tuple.with(None, cause);
            match (sign, join.bounds) {
                (Sign::Plus, None) => out.push(plus(pad, fresh)),
                (Sign::Minus, None) => out.push(minus(pad)),
                (Sign::Plus, Some((_, to))) => self.pad_later(to, false, &tuple.parts[0]),
                (Sign::Minus, Some(_)) => {}
            }
        }
        if sign == Sign::Plus {
            self.lefts[place].push(tuple);
        }
    }

    /// A change of the right side of a join. `met`: tuples that have been matched with the row.
    fn right(
        &mut self,
        scene: Scene<'_>,
        place: usize,
        sign: Sign,
        row: &Row,
        met: &[Vec<Option<u64>>],
        out: &mut Vec<Change>,
    ) {
        let join = &scene.query.joins[place];
        let offered = self.is_new(row);
        self.unmatched.retain(|id| *id != row.id);
        match sign {
            Sign::Minus => self.sides[place + 1].retain(|other| other.id != row.id),
            Sign::Plus if !offered => self.sides[place + 1].push(row.clone()),
            Sign::Plus => {}
        }
        if self.triggers[place] != Trigger::Both {
            if self.triggers[place] == Trigger::Right {
                let key = vec![Some(row.id)];
                let meet = |s: &Self| s.triggered_right(scene, place, row);
                self.trigger(place, (sign, true), key, row.moment, meet, out);
            }
            return;
        }
        let mut matches = self.tuples(scene, place);
        matches.retain(|tuple| meets(scene, place, tuple, row));
        let pads = join.kind.pads_left() && join.bounds.is_none();
        for tuple in matches.iter().filter(|t| !met.contains(&t.key())) {
            let others = self.sides[place + 1].iter();
            let mut others = others.filter(|r| r.id != row.id && !self.is_new(r));
            let alone = !others.any(|r| meets(scene, place, tuple, r));
            let moment = tuple.changed(row.moment);
            let pad = tuple.with(None, moment);
            let pair = tuple.with(Some(row), moment);
            match sign {
                Sign::Plus => {
                    out.extend((alone && pads).then(|| minus(pad)));
                    out.push(plus(pair, true));
                }
                Sign::Minus => {
                    out.push(minus(pair));
                    let back = alone && pads && self.fault != Fault::NoPadComesBack;
                    out.extend(back.then(|| plus(pad, false)));
                }
            }
        }
        if join.kind.pads_right() && matches.is_empty() {
            let pad = Tuple::padded(place + 1, row, row.moment);
            match (sign, join.bounds) {
                (Sign::Plus, None) => out.push(plus(pad, true)),
                (Sign::Minus, None) => out.push(minus(pad)),
                (Sign::Plus, Some((from, _))) => self.pad_later(-from, true, &Some(row.clone())),
                (Sign::Minus, Some(_)) => {}
            }
        }
    }

    /// What behind all joins is given on. `flush`: as one flush.
    fn emit(
        &mut self,
        scene: Scene<'_>,
        changes: Vec<Change>,
        flush: Option<Moment>,
        out: &mut Vec<Emission>,
    ) {
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        for Change { sign, tuple, fresh } in changes {
            let key = tuple.key();
            let id = match sign {
                Sign::Plus => {
                    self.next_number += 1;
                    self.numbers.push((key, self.next_number));
                    self.next_number
                }
                Sign::Minus => {
                    let place = self.numbers.iter().position(|(k, _)| *k == key);
                    let place = place.expect("what a join takes back it has given");
                    self.numbers.remove(place).1
                }
            };
            let row = joined(scene, &tuple, id);
            let shown = fresh || scene.query.events == Events::All;
            match (flush.is_some(), sign) {
                (true, Sign::Minus) => gone.push(row),
                (true, Sign::Plus) => come.extend(shown.then_some(row)),
                (false, Sign::Plus) if !fresh => out.push(Emission::Quiet(row)),
                (false, _) => out.push(Emission::Row(sign, row)),
            }
        }
        out.extend(flush.map(|moment| Emission::Flush {
            moment,
            minus: gone,
            plus: come,
            bounds: (0, 0),
        }));
    }
}

/// A tuple as a row of all columns, as far as it reaches.
fn joined(scene: Scene<'_>, tuple: &Tuple, id: u64) -> Row {
    let (mut values, mut times) = (Vec::new(), Vec::new());
    for (source, part) in scene.query.sources().zip(&tuple.parts) {
        let width = scene.app.streams[source.stream].attributes.len();
        match part {
            Some(row) => values.extend(row.values.iter().cloned()),
            None => values.extend(vec![Default::default(); width]),
        }
        times.push(part.as_ref().and_then(|row| row.times[0]));
    }
    Row {
        times: Rc::from(times),
        ..Row::new(id, tuple.moment, &values)
    }
}

/// Whether a join's condition holds.
fn meets(scene: Scene<'_>, place: usize, tuple: &Tuple, row: &Row) -> bool {
    let join = &scene.query.joins[place];
    let pair = joined(scene, &tuple.with(Some(row), row.moment), 0);
    let ticks = |source: usize| pair.times[source].map(|at| at.div_euclid(TICK_US));
    let apart = ticks(place + 1)
        .zip(ticks(0))
        .map(|(b, a)| (b - a) * TICK_US);
    let bounded = join
        .bounds
        .is_none_or(|(from, to)| apart.is_some_and(|d| d >= from && d <= to));
    let age = pair.times[0].zip(pair.times[place + 1]).map(|(a, b)| a - b);
    let young = join.within.is_none_or(|t| age.is_some_and(|age| age <= t));
    bounded && young && is_true(&join.on, scene.env(&pair, (0, 0)))
}

fn changes(side: usize, emission: Emission) -> Vec<SideChange> {
    match emission {
        Emission::Row(sign, row) => vec![(side, sign, row)],
        Emission::Flush {
            moment,
            minus,
            plus,
            ..
        } => {
            let minus = minus.into_iter().map(|row| (side, Sign::Minus, row));
            let all = minus.chain(plus.into_iter().map(|row| (side, Sign::Plus, row)));
            let at_once = |(side, sign, row)| (side, sign, Row { moment, ..row });
            all.map(at_once).collect()
        }
        Emission::Late(_) | Emission::Quiet(_) => Vec::new(),
    }
}
