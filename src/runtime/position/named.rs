//! Named inputs: producers whose rows have numbers that outlive the producer.
//!
//! The app keeps one record per name, from the first opening or a restore on. An [`Input`](crate::Input) takes
//! the record's place when it opens, counts on its own, and gives its place back when it closes.

use super::input_position::InputPosition;
use super::published::Published;
use crate::runtime::lane::stamp::Applied;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// Marks kept per input. A source that marks every 1,000 rows has 1,024 of them for the last million; older ones are
/// thinned out, and a restart reads again from the mark before.
const MARKS_MAX: usize = 1_024;

/// Where a source stood when it had sent a row: see [`Input::mark`](crate::Input::mark).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mark {
    /// The last row sent before; 0 for none.
    pub number: u64,
    /// The source's own word for the place.
    pub token: String,
}

impl Mark {
    /// A mark of a checkpoint.
    pub(crate) fn new(number: u64, token: &str) -> Self {
        Mark {
            number,
            token: token.to_string(),
        }
    }
}

/// From where a source must send again if the app were restored to what it has processed now: see
/// [`EventFluxAppRuntime::positions`](crate::EventFluxAppRuntime::positions).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResumePoint {
    /// Name of the input.
    pub name: String,
    /// Number of the first row that not every part of the app has processed.
    pub next: u64,
    /// The newest mark at or before the row before `next`; none when the input marked nothing yet.
    pub mark: Option<Mark>,
}

impl From<InputPosition> for ResumePoint {
    fn from(position: InputPosition) -> Self {
        ResumePoint {
            name: position.name,
            next: position.position + 1,
            mark: position.mark,
        }
    }
}

/// Where an input goes on, and what it must know of a restore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) at: Applied,
    /// The last row that any instance has applied already: up to it rows travel with their numbers.
    pub(crate) replay_to: u64,
}

#[derive(Debug, Default)]
struct Record {
    open: bool,
    start: Start,
    /// Restores that `start` knows of.
    rewinds: u32,
    /// In the order of their numbers.
    marks: VecDeque<Mark>,
}

/// The record of one name.
#[derive(Debug)]
pub(crate) struct NamedInput {
    /// The number by which workers know it, the same for all its openings.
    pub(crate) id: u64,
    pub(crate) name: Arc<str>,
    pub(crate) published: Published,
    record: Mutex<Record>,
}

impl NamedInput {
    pub(crate) fn new(id: u64, name: &str) -> Self {
        NamedInput {
            id,
            name: name.into(),
            published: Published::new(),
            record: Mutex::default(),
        }
    }

    /// Where an input of this name begins; `None` while one is open.
    pub(crate) fn open(&self) -> Option<Start> {
        let mut record = self.record.lock();
        let was_open = std::mem::replace(&mut record.open, true);
        (!was_open).then_some(record.start)
    }

    /// The input is closed; another one goes on where it stood, unless a restore that it does not know has spoken.
    pub(crate) fn close(&self, rewinds: u32, start: Start) {
        let mut record = self.record.lock();
        record.open = false;
        if record.rewinds == rewinds {
            record.start = start;
        }
    }

    /// Where an open input goes on after a restore.
    pub(crate) fn rewound(&self) -> Start {
        self.record.lock().start
    }

    /// Remembers a mark, unless a restore has made the number void that it stands for.
    pub(crate) fn mark(&self, rewinds: u32, number: u64, token: &str) {
        let mut record = self.record.lock();
        if record.rewinds != rewinds {
            return;
        }
        let marks = &mut record.marks;
        match marks.back_mut() {
            Some(last) if last.number == number => last.token.replace_range(.., token),
            _ => marks.push_back(Mark::new(number, token)),
        }
        if marks.len() > MARKS_MAX {
            let kept = (marks.len() - 1) % 2;
            let mut place = 0;
            marks.retain(|_| {
                place += 1;
                (place - 1) % 2 == kept
            });
        }
    }

    /// The newest mark at or before a row.
    pub(crate) fn mark_at(&self, number: u64) -> Option<Mark> {
        let record = self.record.lock();
        let mut newest_first = record.marks.iter().rev();
        newest_first.find(|m| m.number <= number).cloned()
    }

    /// The app was restored to a position, or to before the first row of this input.
    pub(crate) fn restore(&self, position: Option<&InputPosition>, rewinds: u32) {
        let mut record = self.record.lock();
        record.rewinds = rewinds;
        record.marks = position.and_then(|p| p.mark.clone()).into_iter().collect();
        record.start = position.map_or_else(Start::default, |p| Start {
            at: Applied {
                number: p.position,
                clock: p.clock,
            },
            replay_to: p.applied.iter().map(|(_, a)| a.number).max().unwrap_or(0),
        });
    }
}
