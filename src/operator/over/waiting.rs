//! Rows whose time the clock has not passed: others of the same time may come, and count.
//!
//! All of them have one time. A row waits with the columns that are read behind it, the results that are known, and
//! where its keys stand.

use super::by_time::ByTime;
use super::{InputColumns, unknown_key};
use crate::event::{Batch, Column, Data, Mark, Scalar, Timestamp, Type};
use crate::state::{LogId, Malformed, RowLog, Slot, StateHolder, Visitor};

/// The rows that wait.
pub(super) struct Waiting {
    log: RowLog,
    id: LogId,
    /// The columns of the input that they have.
    carried: Vec<usize>,
    /// The places of the results that they have.
    known: Vec<usize>,
    /// Which of the carried columns say where a row stands.
    routing: Vec<usize>,
    /// Rows on their way in, laid out as the log.
    entering: Batch,
    all: Vec<usize>,
    /// Rows on their way out, laid out as they came.
    leaving: Batch,
    time: Option<Timestamp>,
}

impl Waiting {
    /// `known`: places and types of the results that are known when a row comes; `frames`: frames of time.
    pub(super) fn new(input: InputColumns, known: Vec<(usize, Type)>, frames: usize) -> Self {
        let carried = input
            .carried
            .iter()
            .map(|k| input.like.columns[*k].type_of());
        let mut types: Vec<Type> = carried.collect();
        types.extend(known.iter().map(|(_, ty)| *ty));
        types.extend(std::iter::repeat_n(Type::Long, frames));
        // Why the row came, and whether it is the result of a window that closed.
        types.extend([Type::Long, Type::Bool]);
        let mut log = RowLog::new(&types);
        Waiting {
            id: log.open(),
            log,
            carried: input.carried,
            known: known.into_iter().map(|(place, _)| place).collect(),
            routing: input.routing,
            entering: Batch {
                columns: types.iter().map(|ty| Column::new(*ty)).collect(),
                ..Batch::default()
            },
            all: (0..types.len()).collect(),
            leaving: input.like,
            time: None,
        }
    }

    /// The time of the rows, where there are any.
    pub(super) fn time(&self) -> Option<Timestamp> {
        self.time
    }

    /// Lets rows of a batch wait, which have one time, with these results, and slots by frame.
    pub(super) fn push<'a>(
        &mut self,
        batch: &Batch,
        rows: &[u32],
        times: &[Timestamp],
        results: &[Column],
        slots: impl Iterator<Item = &'a [Slot]>,
    ) {
        self.entering.clear();
        let mut columns = self.entering.columns.iter_mut();
        for (from, to) in self.carried.iter().zip(&mut columns) {
            to.extend_rows(&batch.columns[*from], rows);
        }
        for (from, to) in self.known.iter().zip(&mut columns) {
            to.extend_range(&results[*from], 0..rows.len());
        }
        for (slots, to) in slots.zip(&mut columns) {
            let slots = slots.iter().map(|slot| Scalar::Long(i64::from(*slot)));
            slots.for_each(|slot| to.push_scalar(slot));
        }
        let (causes, closes) = (columns.next(), columns.next());
        if let (Some(causes), Some(closes)) = (causes, closes) {
            for row in rows.iter().map(|row| *row as usize) {
                causes.push_scalar(Scalar::Long(batch.cause_of(row) as i64));
                closes.push_scalar(Scalar::Bool(batch.mark(row) == Mark::Close));
            }
        }
        let at = rows.iter().map(|row| batch.at[*row as usize]);
        self.entering.at.extend(at);
        let all = 0..rows.len();
        self.log.push_rows(self.id, &self.entering, &self.all, all);
        self.time = times.first().copied();
    }

    /// Takes all rows out; appends their results, those of frames of time by `values`.
    pub(super) fn take(
        &mut self,
        results: &mut [Column],
        mut values: impl FnMut(usize, Slot, &mut [Column]),
    ) -> &Batch {
        let rows = self.log.range(self.id);
        self.leaving.clear();
        let (carried, known) = (self.carried.len(), self.known.len());
        let frames = self.all.len() - carried - known - 2;
        let columns = self.log.columns();
        for piece in self.log.pieces(self.id, rows.clone()) {
            for (to, from) in self.carried.iter().zip(columns) {
                self.leaving.columns[*to].extend_range(from, piece.clone());
            }
            for (to, from) in self.known.iter().zip(&columns[carried..]) {
                results[*to].extend_range(from, piece.clone());
            }
            for row in piece {
                for frame in 0..frames {
                    let slot = long(&columns[carried + known + frame], row);
                    values(frame, slot as Slot, results);
                }
                let_out(columns, self.log.times()[row], row, &mut self.leaving);
            }
        }
        self.log.pop(self.id, (rows.end - rows.start) as usize);
        self.time = None;
        &self.leaving
    }

    pub(super) fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        let (id, routing) = (self.id, &self.routing);
        self.log
            .retain(id, |log, seq| keep(&log.key_of(id, seq, routing)));
        if self.log.len(id) == 0 {
            self.time = None;
        }
    }

    /// Checks what was loaded. `latest`: the time of the latest row.
    pub(super) fn check(&mut self, frames: &[ByTime], latest: Timestamp) -> Result<(), Malformed> {
        if !self.log.holds(self.id) {
            return Err(Malformed::new("rows of OVER have no log to wait in"));
        }
        let rows = self.log.range(self.id);
        self.time = (!rows.is_empty()).then_some(latest);
        if self
            .time
            .is_some_and(|time| !Timestamp::RANGE.contains(&time))
        {
            return Err(Malformed::new("a row of OVER waits for no time"));
        }
        let first = self.carried.len() + self.known.len();
        for seq in rows {
            let row = self.log.index(self.id, seq);
            for (frame, column) in frames.iter().zip(&self.log.columns()[first..]) {
                let slot = Slot::try_from(long(column, row)).ok();
                let known = !column.is_null(row) && slot.is_some_and(|slot| frame.holds(slot));
                if !known {
                    return Err(unknown_key());
                }
            }
        }
        Ok(())
    }
}

/// Appends the circumstances of a row: it is processed at its own time.
fn let_out(columns: &[Column], at: Timestamp, row: usize, to: &mut Batch) {
    let [.., causes, closes] = columns else {
        unreachable!("a row has a cause")
    };
    to.push_mark(match is_true(closes, row) {
        true => Mark::Close,
        false => Mark::Plain,
    });
    to.at.push(at);
    if to.tracks_clock {
        to.clock.push(at);
    }
    if to.tracks_cause {
        to.causes.push(long(causes, row) as u64);
    }
}

fn long(column: &Column, row: usize) -> i64 {
    match column.data() {
        Data::Long(values) => values[row],
        _ => unreachable!("it is LONG"),
    }
}

fn is_true(column: &Column, row: usize) -> bool {
    matches!(column.data(), Data::Bool(values) if values[row])
}

impl StateHolder for Waiting {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.log.state(visitor);
    }
}
