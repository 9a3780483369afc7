//! What travels over a lane: rows of one or more streams in the order in which they were sent.

use super::stamp::Stamp;
use crate::event::{Batch, RowSet, Timestamp};

/// For all components that read the stream on the worker.
pub(crate) const ALL_COMPONENTS: u32 = u32::MAX;

/// Rows of one stream.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) stream: usize,
    /// The component that they are for, or [`ALL_COMPONENTS`].
    pub(crate) component: u32,
    pub(crate) batch: Batch,
    /// After how many rows a send ends.
    pub(crate) ends: Vec<u32>,
    /// How far the input was with the last of the rows.
    pub(crate) stamp: Stamp,
    /// Number of each row while rows are sent again after a restore; otherwise empty.
    pub(crate) numbers: Vec<u64>,
}

/// Rows of one send for one worker.
pub(crate) struct WorkerRows<'a> {
    pub(crate) stream: usize,
    pub(crate) component: u32,
    pub(crate) from: &'a Batch,
    /// The rows that `picked[range]` names; without it those of `range`.
    pub(crate) picked: Option<&'a [u32]>,
    pub(crate) range: std::ops::Range<usize>,
    /// They are the last rows of the send for this worker.
    pub(crate) send_ends: bool,
    /// Each of them is a send of its own.
    pub(crate) each: bool,
    pub(crate) stamp: Stamp,
    /// Rows travel with their numbers.
    pub(crate) numbered: bool,
}

/// The first clock of the input, if it is in here; segments in order; then an advance of the clock.
#[derive(Debug, Default)]
pub(crate) struct Shipment {
    start: Option<(Timestamp, Stamp)>,
    segments: Vec<Segment>,
    used: usize,
    rows: usize,
    clock: Option<(Timestamp, Stamp)>,
}

impl Shipment {
    /// Rows in all segments.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The first clock that the input tells, which is that in front of all its rows.
    pub(crate) fn start(&self) -> Option<(Timestamp, Stamp)> {
        self.start
    }

    /// The input begins with this clock.
    pub(crate) fn begin(&mut self, clock: Timestamp, stamp: Stamp) {
        self.start = Some((clock, stamp));
    }

    /// The segments, in order.
    pub(crate) fn segments_mut(&mut self) -> &mut [Segment] {
        &mut self.segments[..self.used]
    }

    /// The clock after all rows, where it moved on without a row.
    pub(crate) fn clock(&self) -> Option<(Timestamp, Stamp)> {
        self.clock
    }

    /// Moves the clock on behind the rows so far.
    pub(crate) fn advance(&mut self, clock: Timestamp, stamp: Stamp) {
        self.clock = Some((clock, stamp));
    }

    /// The last segment if these rows may follow there, otherwise a new one.
    fn segment(&mut self, part: &WorkerRows<'_>) -> &mut Segment {
        let (stream, component) = (part.stream, part.component);
        let fits = |s: &Segment| {
            s.stream == stream
                && s.component == component
                && s.stamp.rewinds == part.stamp.rewinds
                && s.numbers.is_empty() != part.numbered
        };
        if self.used == 0 || !fits(&self.segments[self.used - 1]) {
            // A spent segment of the stream has columns of the right types.
            match self.segments[self.used..]
                .iter()
                .position(|s| s.stream == stream)
            {
                Some(spare) => self.segments.swap(self.used, self.used + spare),
                None => {
                    self.segments.push(Segment {
                        stream,
                        component,
                        batch: Batch::like(part.from),
                        ends: Vec::new(),
                        stamp: part.stamp,
                        numbers: Vec::new(),
                    });
                    let last = self.segments.len() - 1;
                    self.segments.swap(self.used, last);
                }
            }
            self.segments[self.used].component = component;
            self.used += 1;
        }
        &mut self.segments[self.used - 1]
    }

    /// Appends rows of a batch.
    pub(crate) fn append(&mut self, part: &WorkerRows<'_>) {
        let range = part.range.clone();
        self.rows += range.len();
        let segment = self.segment(part);
        segment.stamp = part.stamp;
        let before = segment.batch.len() as u32;
        let (from, to) = (part.from, &mut segment.batch);
        let first = part.stamp.before.number + 1;
        match part.picked {
            Some(picked) => {
                let rows = &picked[range];
                to.append(from, &RowSet::Picked(rows));
                if part.numbered {
                    let numbers = rows.iter().map(|row| first + u64::from(*row));
                    segment.numbers.extend(numbers);
                }
            }
            None => {
                if part.numbered {
                    let numbers = range.clone().map(|row| first + row as u64);
                    segment.numbers.extend(numbers);
                }
                to.append(from, &RowSet::Range(range));
            }
        }
        let end = segment.batch.len() as u32;
        if part.each {
            segment.ends.extend(before + 1..=end);
        } else if part.send_ends {
            segment.ends.push(end);
        }
    }

    /// Empties it for reuse.
    pub(crate) fn clear(&mut self) {
        for segment in &mut self.segments[..self.used] {
            segment.batch.clear();
            segment.ends.clear();
            segment.numbers.clear();
        }
        self.used = 0;
        self.rows = 0;
        (self.start, self.clock) = (None, None);
    }
}
