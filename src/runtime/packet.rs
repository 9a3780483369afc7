//! What travels over a lane: rows of one or more streams in the order in which they were sent.

use crate::event::{Batch, Timestamp};

/// For all components that read the stream on the worker.
pub(crate) const ALL_COMPONENTS: u32 = u32::MAX;

/// Rows of one stream.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) stream: usize,
    /// The component that they are for, or [`ALL_COMPONENTS`].
    pub(crate) component: u32,
    pub(crate) batch: Batch,
    /// After how many rows a send ends; filled only where a component asks.
    pub(crate) ends: Vec<u32>,
}

/// Segments in order, then an advance of the clock.
#[derive(Debug, Default)]
pub(crate) struct Packet {
    segments: Vec<Segment>,
    used: usize,
    rows: usize,
    clock: Option<Timestamp>,
}

impl Packet {
    /// Rows in all segments.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The segments, in order.
    pub(crate) fn segments_mut(&mut self) -> &mut [Segment] {
        &mut self.segments[..self.used]
    }

    /// The clock after all rows, where it moved on without a row.
    pub(crate) fn clock(&self) -> Option<Timestamp> {
        self.clock
    }

    /// Moves the clock on behind the rows so far.
    pub(crate) fn advance(&mut self, clock: Timestamp) {
        self.clock = Some(clock);
    }

    /// The last segment if it is for this stream and component, else a new one.
    fn segment(&mut self, stream: usize, component: u32, like: &Batch) -> &mut Segment {
        let fits = |s: &Segment| s.stream == stream && s.component == component;
        if self.used == 0 || !fits(&self.segments[self.used - 1]) {
            // A spent segment of the stream has columns of the right types.
            match self.segments[self.used..]
                .iter()
                .position(|s| s.stream == stream)
            {
                Some(spare) => self.segments.swap(self.used, self.used + spare),
                None => {
                    let batch = Batch::like(like);
                    self.segments.push(Segment {
                        stream,
                        component,
                        batch,
                        ends: Vec::new(),
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

    /// Appends rows of a batch: all of them from `first` to `end`, or those that `rows[first..end]` names.
    pub(crate) fn append(
        &mut self,
        stream: usize,
        component: u32,
        from: &Batch,
        rows: Option<&[u32]>,
        range: std::ops::Range<usize>,
        send_ends: bool,
    ) {
        self.rows += range.len();
        let segment = self.segment(stream, component, from);
        let to = &mut segment.batch;
        match rows {
            Some(rows) => {
                let rows = &rows[range];
                to.extend_moments(from, Some(rows));
                for (column, source) in to.columns.iter_mut().zip(&from.columns) {
                    column.extend_rows(source, rows);
                }
            }
            None => {
                to.at.extend_from_slice(&from.at[range.clone()]);
                if to.tracks_clock {
                    to.clock.extend_from_slice(&from.clock[range.clone()]);
                }
                if to.tracks_cause {
                    to.causes.extend_from_slice(&from.causes[range.clone()]);
                }
                for (column, source) in to.columns.iter_mut().zip(&from.columns) {
                    column.extend_range(source, range.clone());
                }
            }
        }
        if send_ends {
            segment.ends.push(segment.batch.len() as u32);
        }
    }

    /// Empties it for reuse.
    pub(crate) fn clear(&mut self) {
        for segment in &mut self.segments[..self.used] {
            segment.batch.clear();
            segment.ends.clear();
        }
        self.used = 0;
        self.rows = 0;
        self.clock = None;
    }
}
