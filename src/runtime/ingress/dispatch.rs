//! Where rows leave a producer: the lanes to the workers, or straight through an inline app.

use super::arrival::Pace;
use crate::error::{RuntimeError, SendError};
use crate::event::{Batch, Column, Timestamp};
use crate::plan::worker_of_group;
use crate::runtime::config::Backpressure;
use crate::runtime::lane::ring::{Consumer, Full, Producer, lane};
use crate::runtime::lane::shipment::{ALL_COMPONENTS, Shipment, WorkerRows};
use crate::runtime::lane::stamp::{Applied, Stamp};
use crate::runtime::position::named::{NamedInput, Start};
use crate::runtime::shared::target::{Target, To};
use crate::runtime::shared::{Sent, Shared};
use crate::state::each_key_group;
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One send of rows of a stream.
pub(crate) struct Sending {
    pub(crate) stream: usize,
    /// Where the input stands before and after it; only named inputs say.
    pub(crate) stamp: Stamp,
    /// Rows travel with their numbers: some may have been applied before a restore.
    pub(crate) numbered: bool,
    /// Every row is a send of its own.
    pub(crate) each: bool,
    /// Waits for room.
    pub(crate) wait: bool,
}

/// The way out of one producer.
pub(crate) struct Dispatch {
    pub(crate) shared: Arc<Shared>,
    pub(crate) named: Option<Arc<NamedInput>>,
    id: u64,
    /// One lane per worker; none for an inline app.
    lanes: Vec<Producer<Shipment>>,
    /// By worker: rows on their way to it.
    picked: Vec<Vec<u32>>,
    key: Vec<u8>,
    /// The clock after each row of the send at hand, where the rows do not carry it.
    clocks: Vec<Timestamp>,
    /// The workers know with which clock the input began; told by inputs without a name.
    has_begun: bool,
    /// How far the clock stays behind the largest time.
    pub(super) lateness_us: i64,
}

impl Dispatch {
    fn new(
        shared: &Arc<Shared>,
        lanes: Vec<Producer<Shipment>>,
        id: u64,
        named: Option<Arc<NamedInput>>,
    ) -> Self {
        Dispatch {
            shared: Arc::clone(shared),
            named,
            id,
            picked: vec![Vec::new(); lanes.len()],
            lanes,
            key: Vec::new(),
            clocks: Vec::new(),
            has_begun: false,
            lateness_us: shared.plan.lateness_us,
        }
    }

    /// The clock at the beginning of a send.
    pub(crate) fn pace(&self, clock: Option<Timestamp>) -> Pace {
        Pace::new(clock, self.lateness_us)
    }

    /// Opens a producer without a name.
    pub(crate) fn open(shared: &Arc<Shared>) -> Result<Self, RuntimeError> {
        let id = shared.next_input();
        let (lanes, mut consumers) = lanes(shared);
        shared.with_all(|worker, core| {
            let consumer = consumers.get_mut(worker).and_then(Option::take);
            core.open_input(id, None, consumer);
        })?;
        Ok(Self::new(shared, lanes, id, None))
    }

    /// Opens a named producer; returns where it begins and the restores that it knows of.
    pub(crate) fn open_named(
        shared: &Arc<Shared>,
        name: &str,
    ) -> Result<(Self, Start, u32), RuntimeError> {
        let (lanes, consumers) = lanes(shared);
        let (named, start, rewinds) = shared.open_named(name, consumers)?;
        let id = named.id;
        Ok((Self::new(shared, lanes, id, Some(named)), start, rewinds))
    }

    /// Holds the app's clock from now on, until the producer has told its own or ends.
    ///
    /// Errors: [`RuntimeError::InsideCallback`], [`RuntimeError::Stuck`].
    pub(crate) fn hold_clock(&self) -> Result<(), RuntimeError> {
        Ok(self
            .shared
            .with_all(|_, core| core.declare_input(self.id))?)
    }

    /// Gives rows to the components that read their stream.
    #[inline]
    pub(crate) fn send(&mut self, sending: &Sending, batch: &mut Batch) -> Result<(), SendError> {
        if let Some(inline) = &self.shared.inline {
            let (shared, id) = (&self.shared, self.id);
            let rows_max = shared.config.batch_rows_max;
            let &Sending {
                stream,
                stamp,
                numbered,
                each,
                ..
            } = sending;
            let rows = (stream, batch);
            let how = (numbered, each);
            return shared.run_inline(inline, id, rows, (stamp, how), |core, batch| {
                core.send(id, (stream, batch), &stamp, how, rows_max);
            });
        }
        self.dispatch_to_lanes(sending, batch)?;
        self.publish(&sending.stamp);
        Ok(())
    }

    /// Tells whoever cuts that all rows so far are in the lanes.
    #[inline]
    fn publish(&self, stamp: &Stamp) {
        if let Some(named) = &self.named {
            named.published.write(stamp.rewinds, stamp.last);
        }
    }

    fn dispatch_to_lanes(&mut self, sending: &Sending, batch: &Batch) -> Result<(), SendError> {
        let shared = Arc::clone(&self.shared);
        let stream = sending.stream;
        let wait = sending.wait
            && shared.config.backpressure == Backpressure::Block
            && !shared.is_worker_thread();
        // Per target a shipment for every `batch_rows_max` rows, and one more for the clock.
        let rows = batch.len() * shared.targets[stream].len();
        let shipments =
            rows.div_ceil(shared.config.batch_rows_max) + usize::from(batch.tracks_clock);
        if !wait && self.lanes.iter().any(|l| !l.has_room(shipments)) {
            if shared.config.backpressure == Backpressure::DropNewest {
                shared
                    .dropped
                    .fetch_add(batch.len() as u64, Ordering::Relaxed);
                return Ok(());
            }
            return Err(SendError::Full);
        }
        if self.named.is_some() && shared.event_time && !batch.tracks_clock && batch.len() > 1 {
            self.tell_clocks(sending, batch);
        }
        let targets = &shared.targets[stream];
        let told = Some(&batch.clock).filter(|_| batch.tracks_clock && shared.event_time);
        if let Some(first) = told.and_then(|clocks| clocks.first()) {
            self.tell_start(*first, &sending.stamp)?;
        }
        for target in targets {
            match &target.to {
                To::Worker(worker) => self.append(*worker, sending, target, batch, None)?,
                To::Key(columns) => self.spread(sending, target, columns, batch)?,
            }
        }
        // One worker that got all rows for all its components knows the clock by them.
        let knows = match targets.as_slice() {
            [
                Target {
                    component: ALL_COMPONENTS,
                    to: To::Worker(worker),
                },
            ] => *worker,
            _ => usize::MAX,
        };
        match told.and_then(|clocks| clocks.last()) {
            Some(clock) => self.tell_clock(*clock, knows, &sending.stamp),
            None => Ok(()),
        }
    }

    /// Tells all workers the first clock of the input, in front of its rows: what begins with the app begins then, also
    /// where a row that comes later is the first.
    fn tell_start(&mut self, clock: Timestamp, stamp: &Stamp) -> Result<(), SendError> {
        // One with a name knows whether it has told a clock, also before a restore.
        let has_begun = match self.named {
            Some(_) => stamp.before.clock.is_some(),
            None => std::mem::replace(&mut self.has_begun, true),
        };
        if has_begun {
            return Ok(());
        }
        self.tell_all(usize::MAX, |shipment| {
            shipment.begin(clock, *stamp);
            false
        })
    }

    /// Fills in the clock after each row of a batch.
    fn tell_clocks(&mut self, sending: &Sending, batch: &Batch) {
        let plan = &self.shared.plan;
        let mut pace = self.pace(sending.stamp.before.clock);
        self.clocks.clear();
        let clocks = batch.at.iter().map(|at| pace.row(plan, *at).0);
        self.clocks.extend(clocks);
    }

    /// Moves the input's clock on behind all rows.
    pub(crate) fn advance_clock(&mut self, to: Timestamp, stamp: Stamp) -> Result<(), SendError> {
        if let Some(inline) = &self.shared.inline {
            let (id, mut full) = (self.id, false);
            let entered = self.shared.enter_inline(inline, |core| {
                full = core.is_blocked();
                if !full {
                    core.input_clock(id, to, &stamp);
                }
            })?;
            if full {
                return Err(SendError::Full);
            }
            if !entered {
                return self.shared.send_later(inline, id, Sent::Clock(to, stamp));
            }
            return Ok(());
        }
        if self.shared.is_worker_thread() && self.lanes.iter().any(|l| !l.has_room(1)) {
            return Err(SendError::Full);
        }
        self.tell_start(to, &stamp)?;
        self.tell_clock(to, usize::MAX, &stamp)?;
        self.publish(&stamp);
        Ok(())
    }

    /// Spreads rows over the workers that own their keys.
    fn spread(
        &mut self,
        sending: &Sending,
        target: &Target,
        columns: &[usize],
        batch: &Batch,
    ) -> Result<(), SendError> {
        let workers = self.lanes.len();
        let mut picked = std::mem::take(&mut self.picked);
        let columns: SmallVec<[&Column; 4]> = columns.iter().map(|c| &batch.columns[*c]).collect();
        each_key_group(&columns, 0..batch.len(), &mut self.key, |row, group| {
            picked[worker_of_group(group, workers)].push(row as u32);
        });
        let mut sent = Ok(());
        for (worker, rows) in picked.iter_mut().enumerate() {
            if !rows.is_empty() && sent.is_ok() {
                let some = Some(rows.as_slice()).filter(|rows| rows.len() < batch.len());
                sent = self.append(worker, sending, target, batch, some);
            }
            rows.clear();
        }
        self.picked = picked;
        sent
    }

    /// Appends rows to the shipments of a worker, waiting for room.
    fn append(
        &mut self,
        worker: usize,
        sending: &Sending,
        target: &Target,
        batch: &Batch,
        picked: Option<&[u32]>,
    ) -> Result<(), SendError> {
        let rows_max = self.shared.config.batch_rows_max;
        let total = picked.map_or(batch.len(), <[u32]>::len);
        let (named, clocks) = (self.named.is_some(), &self.clocks);
        let mut next = 0;
        while next < total {
            let append = |shipment: &mut Shipment| {
                let end = total.min(next + rows_max.saturating_sub(shipment.rows()).max(1));
                let mut stamp = sending.stamp;
                if named {
                    let row = picked.map_or(end - 1, |p| p[end - 1] as usize);
                    stamp.last = position_of(row, sending, batch, clocks);
                }
                shipment.append(&WorkerRows {
                    stream: sending.stream,
                    component: target.component,
                    from: batch,
                    picked,
                    range: next..end,
                    send_ends: end == total,
                    each: sending.each,
                    stamp,
                    numbered: sending.numbered,
                });
                next = end;
                shipment.rows() >= rows_max
            };
            if let Err(Full(())) = self.lanes[worker].append(Shipment::default, append) {
                self.wait_for_room(worker)?;
            }
        }
        // A worker that stopped meanwhile may not have seen the rows; one that stops from now on will.
        if self.shared.is_stopped() {
            return Err(SendError::Stopped);
        }
        Ok(())
    }

    fn wait_for_room(&self, worker: usize) -> Result<(), SendError> {
        let mut rounds = 0u32;
        while !self.lanes[worker].has_room(1) {
            self.shared.check_begun()?;
            rounds += 1;
            if rounds < 64 {
                std::hint::spin_loop()
            } else {
                std::thread::yield_now()
            }
        }
        Ok(())
    }

    /// Tells all workers but one, which knows, that the clock moved on.
    fn tell_clock(&mut self, to: Timestamp, knows: usize, stamp: &Stamp) -> Result<(), SendError> {
        // The clock of a shipment is behind its rows. Where the order of outputs is fixed no row may follow it there.
        let complete = self.shared.config.ordered_outputs;
        self.tell_all(knows, |shipment| {
            shipment.advance(to, *stamp);
            complete
        })
    }

    /// Adds something to the shipments of all workers but one; `add` returns whether they are complete with it.
    fn tell_all(
        &mut self,
        but: usize,
        add: impl Fn(&mut Shipment) -> bool,
    ) -> Result<(), SendError> {
        for worker in (0..self.lanes.len()).filter(|w| *w != but) {
            while self.lanes[worker].append(Shipment::default, &add).is_err() {
                self.wait_for_room(worker)?;
            }
        }
        Ok(())
    }
}

impl Dispatch {
    /// The producer is going: in an inline app, it ends its hold on the clock. Elsewhere the end of its lanes does.
    pub(crate) fn close(&mut self) {
        // An app that is poisoned or stopped has no clock to hold back.
        if let Some(inline) = &self.shared.inline
            && self.shared.check_begun().is_ok()
            && let Ok(false) = self
                .shared
                .enter_inline(inline, |core| core.close_input(self.id))
        {
            let _ = self.shared.send_later(inline, self.id, Sent::Close);
        }
    }
}

/// Where a named input stands after a row of a send. `clocks`: after each row, where the rows do not carry the clock.
fn position_of(row: usize, sending: &Sending, batch: &Batch, clocks: &[Timestamp]) -> Applied {
    let Stamp { before, last, .. } = sending.stamp;
    // Without event time no input has a clock, and all rows are like the last.
    if row + 1 == batch.len() || last.clock.is_none() {
        let number = before.number + row as u64 + 1;
        return Applied { number, ..last };
    }
    let clocks = if batch.tracks_clock {
        &batch.clock
    } else {
        clocks
    };
    Applied {
        number: before.number + row as u64 + 1,
        clock: clocks.get(row).copied(),
    }
}

/// A lane to every worker; none for an inline app.
fn lanes(shared: &Shared) -> (Vec<Producer<Shipment>>, Vec<Option<Consumer<Shipment>>>) {
    // Two at least: a row and the clock behind it find room in an empty lane.
    let batches = shared.config.lane_batches_max.max(2);
    let lanes = shared.wakers.iter().map(|waker| {
        let (producer, consumer) = lane(batches, waker.clone());
        (producer, Some(consumer))
    });
    lanes.unzip()
}

impl Dispatch {
    /// Whether rows go straight through an inline app and nobody counts them: then a single one is sent by
    /// [`Dispatch::send_row`].
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.named.is_none() && self.shared.inline.is_some()
    }

    /// Runs one row through an inline app, for an input without a name.
    #[inline]
    pub(crate) fn send_row(&self, stream: usize, batch: &mut Batch) -> Result<(), SendError> {
        let Some(inline) = &self.shared.inline else {
            unreachable!("an app with workers takes rows by lanes")
        };
        let (id, unnamed) = (self.id, (Stamp::default(), (false, false)));
        self.shared
            .run_inline(inline, id, (stream, batch), unnamed, |core, batch| {
                core.send_row(id, stream, batch);
            })
    }
}
