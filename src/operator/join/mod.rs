//! Joins: rows of two sides that meet.
//!
//! What holds at every moment: the `+` rows that came out, less the `−` rows, are the SQL join of what the two sides
//! hold; in an outer join a row that meets no other stands there padded with NULL. So a row that leaves retracts its
//! pairs, and the pad of a row comes and goes with its last and first partner.
//! How: a batch of one side is matched as a whole against what the other side holds, which does not change meanwhile:
//! keys by column, then chains of slots by key or, of a key with many rows, those in a range, then the residual
//! over the candidates by column. Rows that enter and rows that leave one side do not meet each other. Flushes of both
//! sides in one instant wait for each other, see [`Join::instant_end`].
//! Where only one side triggers, its rows look up what the other side, or a table, holds; what they made is kept
//! ([`made`]) where it has to be retracted.

mod emit;
mod made;
mod matching;
mod side;
mod single;
mod taking;
mod view;

pub(crate) use side::{JOIN_ROWS_MAX, Leaving, SidePlan};

use crate::event::{Batch, Column, RowSet, RowView, Sign, Timestamp, Type};
use crate::expr::Program;
use crate::operator::table::Lookup;
use crate::operator::{Common, Counters, Kind, Moment, Operator, Out, Port, counter};
use crate::state::{Slot, StateHolder, Visitor};
use emit::{Emitted, Pair};
use made::Made;
use matching::Candidates;
use side::Side;
use taking::Taken;
pub(crate) use view::ViewSide;

/// The side of a row that is padded.
const NONE: Slot = Slot::MAX;

/// What joined rows have of a side beside its kept columns.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Added {
    /// The time of its row, in milliseconds.
    pub(crate) time: bool,
    /// The number of its row; 0 where it is padded.
    pub(crate) number: bool,
}

impl Added {
    /// The types of these columns.
    pub(crate) fn types(self) -> impl Iterator<Item = Type> {
        [self.time, self.number]
            .into_iter()
            .filter(|a| *a)
            .map(|_| Type::Long)
    }
}

/// A table as the right or left side of a join.
pub(crate) struct TableSide {
    pub(crate) table: usize,
    pub(crate) lookup: Lookup,
    /// What fills it, where it is an aggregation.
    pub(crate) view: Option<ViewSide>,
    /// The columns of the table that joined rows have.
    pub(crate) keep: Vec<usize>,
}

/// What a join is made from.
pub(crate) struct JoinOptions {
    pub(crate) added: [Added; 2],
    /// What must hold of a joined row beside equal keys.
    pub(crate) residual: Option<Program>,
    /// Which sides come out padded where they meet nothing.
    pub(crate) preserves: [bool; 2],
    /// Which sides trigger.
    pub(crate) triggers: [bool; 2],
    /// The side that is a table; its [`SidePlan`] says of nothing that it holds.
    pub(crate) table: Option<TableSide>,
    /// Somebody wants what is retracted.
    pub(crate) retracts: bool,
    /// All rows of both sides come in flushes.
    pub(crate) flushes: bool,
    /// A row meets the latest row of the other side only, which is no older than this.
    pub(crate) within_us: Option<i64>,
    /// How long a row of each side is held after its time, where time alone bounds that. A row that is preserved is
    /// padded then, if it has met nothing.
    pub(crate) reach_us: [Option<i64>; 2],
    /// The columns of joined rows.
    pub(crate) types: Vec<Type>,
}

/// A flush that waits for another one of the same instant.
struct Waiting {
    at: Timestamp,
    batch: Batch,
}

/// How a batch is to be joined.
#[derive(Clone, Copy)]
struct Turn {
    side: usize,
    kind: Kind,
    /// Rows of the other side that came later are not met.
    newest: u64,
    /// Rows of the other side that came later have not been padded yet.
    padded: u64,
}

impl Turn {
    fn of(side: usize, kind: Kind) -> Self {
        Turn {
            side,
            kind,
            newest: u64::MAX,
            padded: u64::MAX,
        }
    }

    fn other(self) -> usize {
        1 - self.side
    }

    /// The time of a row of the batch, as joined rows have it.
    fn at(self, batch: &Batch, row: usize) -> Timestamp {
        match self.kind {
            Kind::Flush(at) => at,
            _ => batch.at[row],
        }
    }
}

/// A join of two sides.
pub(crate) struct Join {
    options: JoinOptions,
    sides: [Side; 2],
    made: Option<Made>,
    /// Flushes of this instant; none between two instants.
    waiting: [Option<Waiting>; 2],
    spare: Vec<Batch>,
    /// Slots of rows of the right side that leave in the instant in which rows of the left one do, sorted: they are not
    /// padded in between.
    leaving_too: Vec<Slot>,
    taken: Taken,
    candidates: Candidates,
    /// By side, the keys of the rows at hand.
    keys: [Vec<Column>; 2],
    pairs: Vec<Pair>,
    emitted: Emitted,
    faults: u64,
    /// What never changes: asked for every single row.
    takes_single_rows: bool,
}

impl Join {
    pub(crate) fn new(mut options: JoinOptions, sides: [SidePlan; 2]) -> Self {
        let one_way = options.triggers != [true, true];
        let trigger = usize::from(!options.triggers[0]);
        let leaves = sides[trigger].leaving != Leaving::Never;
        options.retracts &= !one_way || leaves;
        let mut join = Join {
            keys: [0, 1].map(|side: usize| {
                let types = sides[side].key_types.iter();
                types.map(|t| Column::new(*t)).collect()
            }),
            made: (one_way && options.retracts).then(|| Made::new(&options.types)),
            sides: {
                let [left, right] = sides;
                let counts = options.preserves.map(|preserved| preserved && !one_way);
                [Side::new(left, counts[0]), Side::new(right, counts[1])]
            },
            waiting: [None, None],
            spare: Vec::new(),
            leaving_too: Vec::new(),
            taken: Taken::default(),
            candidates: Candidates::default(),
            pairs: Vec::new(),
            emitted: Emitted::new(&options.types),
            faults: 0,
            takes_single_rows: false,
            options,
        };
        join.takes_single_rows = join.may_take_single_rows();
        join
    }

    /// Whether it is counted how many rows of the other side a row of this one meets.
    fn counts_meetings(&self, side: usize) -> bool {
        self.options.preserves[side] && self.options.triggers == [true, true]
    }

    /// Whether a row of a side is padded when nothing can meet it any more, and not when it comes.
    fn pads_late(&self, side: usize) -> bool {
        self.options.preserves[side] && self.options.reach_us[side].is_some()
    }

    /// When the next row of a side is held no longer, and its number.
    fn ends(&self, side: usize) -> Option<(Timestamp, u64)> {
        let reach = self.options.reach_us[side]?;
        let oldest = self.sides[side].oldest()?;
        Some((self.end_of(oldest.at, reach), oldest.number))
    }

    /// When a row of this time is held no longer. Rows of a join that is bounded by time meet by whole milliseconds.
    fn end_of(&self, at: Timestamp, reach: i64) -> Timestamp {
        match self.options.within_us {
            Some(_) => at.plus(reach),
            None => Timestamp(at.0.div_euclid(1000).saturating_mul(1000)).plus(reach),
        }
    }

    /// Lets the rows go that are held no longer: in the order of their ends, where something comes of it.
    fn end(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        if ![0, 1].into_iter().any(|side| self.pads_late(side)) {
            for side in 0..2 {
                while self.ends(side).is_some_and(|(end, _)| end <= now) {
                    self.sides[side].forget_oldest_row();
                }
            }
            return;
        }
        loop {
            let ends = [0, 1].map(|side| (self.ends(side), side));
            let due = ends
                .into_iter()
                .filter_map(|(end, side)| Some((end?, side)));
            let Some(((end, _), side)) = due.min().filter(|((end, _), _)| *end <= now) else {
                return;
            };
            self.end_oldest(side, Moment::timer(end, cause), out);
        }
    }

    /// Keeps a flush until the instant is over.
    fn wait(&mut self, side: usize, at: Timestamp, batch: &Batch) {
        let mut copy = self.spare.pop().unwrap_or_default();
        Batch::clone_from(&mut copy, batch);
        self.waiting[side] = Some(Waiting { at, batch: copy });
    }

    /// Joins a batch of one side with what the other side holds.
    fn join(&mut self, turn: Turn, batch: &Batch, common: &mut Common, out: &mut Out) {
        self.take_in(turn, batch);
        self.meet_and_let_go(turn, batch, common, out);
    }

    /// Joins the rows that were taken in.
    fn meet_and_let_go(&mut self, turn: Turn, batch: &Batch, common: &mut Common, out: &mut Out) {
        if self.options.triggers[turn.side] {
            self.meet(turn, batch, common, out);
        }
        self.let_go(turn);
    }

    /// Whether a flush waits.
    #[inline]
    fn is_waiting(&self) -> bool {
        self.waiting.iter().any(Option::is_some)
    }

    /// Joins the flushes that wait.
    fn join_waiting(&mut self, common: &mut Common, out: &mut Out) {
        // Asked at the end of every instant, where taking two batches would move them.
        if !self.is_waiting() {
            return;
        }
        match std::mem::take(&mut self.waiting) {
            [None, None] => {}
            [Some(left), Some(right)] => {
                self.join_both(left.at, [&left.batch, &right.batch], common, out);
                self.emit_flush(left.at, out);
                self.spare.extend([left.batch, right.batch]);
            }
            [Some(one), None] => self.join_one(0, one, common, out),
            [None, Some(one)] => self.join_one(1, one, common, out),
        }
    }

    fn join_one(&mut self, side: usize, one: Waiting, common: &mut Common, out: &mut Out) {
        let turn = Turn::of(side, Kind::Flush(one.at));
        self.join(turn, &one.batch, common, out);
        self.emit_flush(one.at, out);
        self.spare.push(one.batch);
    }

    /// Joins flushes of both sides: both change what they offer, then the left one is matched, then the right one with
    /// what the left one did not meet.
    fn join_both(&mut self, at: Timestamp, both: [&Batch; 2], common: &mut Common, out: &mut Out) {
        let turn = |side: usize| Turn::of(side, Kind::Flush(at));
        let [left, right] = both.map(|batch| part(batch, Sign::Minus));
        self.take_in(turn(1), &right);
        let offered = std::mem::take(&mut self.taken);
        self.leaving_too.extend(offered.leaving());
        self.leaving_too.sort_unstable();
        self.join(turn(0), &left, common, out);
        self.leaving_too.clear();
        self.taken = offered;
        self.meet_and_let_go(turn(1), &right, common, out);
        let entering = both.map(|batch| part(batch, Sign::Plus));
        if self.options.triggers != [true, true] {
            let trigger = usize::from(!self.options.triggers[0]);
            for side in [1 - trigger, trigger] {
                self.join(turn(side), &entering[side], common, out);
            }
            return;
        }
        let [left, right] = entering;
        let before = [self.sides[0].came, self.sides[1].came];
        self.take_in(turn(1), &right);
        let offered = std::mem::take(&mut self.taken);
        let meets_new = Turn {
            padded: before[1],
            ..turn(0)
        };
        self.join(meets_new, &left, common, out);
        self.taken = offered;
        let meets_old = Turn {
            newest: before[0],
            ..turn(1)
        };
        self.meet_and_let_go(meets_old, &right, common, out);
    }
}

/// The rows of one sign.
fn part(batch: &Batch, sign: Sign) -> Batch {
    let rows: Vec<u32> = (0..batch.len() as u32)
        .filter(|r| batch.sign(*r as usize) == sign)
        .collect();
    let mut part = Batch::like(batch);
    part.append(batch, &RowSet::Picked(&rows));
    part
}

impl StateHolder for Join {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        counter(visitor, &mut self.faults);
        for (number, side) in self.sides.iter_mut().enumerate() {
            visitor.part("side", number);
            side.state(visitor);
        }
        visitor.part("", 0);
        if let Some(table) = &mut self.options.table {
            table.lookup.state(visitor);
        }
        if let Some(made) = &mut self.made {
            made.state(visitor);
        }
    }
}

impl Operator for Join {
    fn rows(&mut self, _kind: Kind, _batch: &Batch, _out: &mut Out) {
        unreachable!("a join gets its rows by port");
    }

    fn rows_at(
        &mut self,
        port: Port,
        common: &mut Common,
        kind: Kind,
        batch: &Batch,
        out: &mut Out,
    ) {
        let side = usize::from(port.0);
        match kind {
            Kind::Flush(at) => {
                let other = &self.waiting[1 - side];
                if self.waiting[side].is_some() || other.as_ref().is_some_and(|o| o.at != at) {
                    self.join_waiting(common, out);
                }
                self.wait(side, at, batch);
            }
            Kind::Rows | Kind::Leaving => {
                self.join_waiting(common, out);
                self.join(Turn::of(side, kind), batch, common, out);
            }
        }
    }

    fn row_at(
        &mut self,
        port: Port,
        common: &mut Common,
        row: RowView<'_>,
        to: &mut Batch,
        _out: &mut Out,
    ) -> bool {
        if self.is_waiting() || !self.takes_single_rows {
            return false;
        }
        self.join_row(usize::from(port.0), row, common, to);
        true
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        self.end(now, cause, out);
    }

    fn is_open(&mut self) -> bool {
        self.due().is_some()
    }

    fn close(&mut self, out: &mut Out) {
        self.end(Timestamp(i64::MAX), 0, out);
    }

    /// What is let go without a row is let go when there is time for it.
    fn due(&self) -> Option<Timestamp> {
        let late = [0, 1].into_iter().filter(|side| self.pads_late(*side));
        late.filter_map(|side| self.ends(side))
            .map(|(end, _)| end)
            .min()
    }

    fn instant_end(&mut self, common: &mut Common, out: &mut Out) {
        self.join_waiting(common, out);
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.faults;
        into.value_faults += self.options.table.as_ref().map_or(0, |t| t.lookup.faults());
        into.limit_rows += self.sides.iter().map(|s| s.forgotten).sum::<u64>();
    }

    fn routed_by(&mut self, _positions: Vec<usize>) {}

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        for side in &mut self.sides {
            side.keep_keys(keep);
        }
        if let Some(made) = &mut self.made {
            let trigger = usize::from(!self.options.triggers[0]);
            let held = self.sides[trigger].numbers();
            made.keep(&|number| held.contains(&number));
        }
    }
}
