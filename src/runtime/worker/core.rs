//! One worker's share of an app: its instances, its outputs, and the clocks of the inputs that feed it.

pub(crate) mod capture;

use super::clocks::InputClocks;
use super::instance::{Instance, Instances, slice};
use super::output::{Output, Outputs};
use super::positions::Positions;
use super::wall::{WallClock, ahead_of, machine_clock};
use crate::event::{Batch, RowSet, Timestamp};
use crate::operator::Counters;
use crate::operator::pattern::TraceSink;
use crate::plan::Plan;
use crate::runtime::lane::ring::Consumer;
use crate::runtime::lane::shipment::{ALL_COMPONENTS, Segment, Shipment};
use crate::runtime::lane::stamp::Stamp;
use crate::runtime::position::input_position::{InputCut, InputPosition};
use crate::runtime::position::named::NamedInput;

use std::sync::Arc;
use std::time::Duration;

/// What a step of a worker did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It processed rows or moved the clock on.
    Worked,
    /// There was nothing to do.
    Idle,
    /// A subscription is full.
    Blocked,
}

/// One input's lane to this worker.
struct InputLane {
    input: u64,
    lane: Consumer<Shipment>,
}

/// Rows of an input on their way to the instances.
struct Incoming<'a> {
    stream: usize,
    component: u32,
    batch: &'a mut Batch,
    /// After how many rows a send ends.
    ends: &'a [u32],
    /// Numbers of the rows while they are sent again.
    numbers: &'a [u64],
}

/// How rows are processed: the same on all workers of an app.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) event_time: bool,
    /// One by one over all components, so that the order of outputs across streams is fixed.
    pub(crate) is_ordered: bool,
    /// Up to so many rows are given to operators one by one.
    pub(crate) rows_singly_max: usize,
}

/// Everything that one worker owns.
pub(crate) struct Core {
    /// Number of the worker.
    pub(super) worker: usize,
    /// A cut that is not encoded yet.
    pub(super) capture: Option<capture::Capture>,
    instances: Instances,
    pub(crate) outputs: Outputs,
    lanes: Vec<InputLane>,
    clocks: InputClocks,
    positions: Positions,
    /// The app's clock as far as this worker knows it.
    now: Timestamp,
    /// What it was when the last input joined: an input that begins earlier does not turn it back.
    floor: Timestamp,
    event_time: bool,
    /// Rows are processed one by one over all components, so that the order of outputs across streams is fixed.
    ordered: bool,
    /// By stream: a row by itself.
    singles: Vec<Option<Batch>>,
    /// 1, 2, 3, …: the ends of sends that are a row each.
    single_ends: Vec<u32>,
    rows: u64,
    wall: WallClock,
    /// Where a restored clock is ahead of the machine's, it goes on from there.
    follows: bool,
    /// The wall clock was not read yet in the step at hand.
    unread: bool,
    /// The app has a clock, and what begins with it has been told.
    has_begun: bool,
    /// The least clock that an input told before that: which of them spoke first makes no difference.
    first: Timestamp,
}

impl Core {
    /// A worker with these instances.
    pub(crate) fn new(plan: &Plan, worker: usize, instances: Vec<Instance>, way: Way) -> Self {
        let idle = plan.idle_timeout_us;
        Core {
            worker,
            capture: None,
            instances: Instances::new(plan, instances, way.rows_singly_max),
            outputs: Outputs::new(plan),
            lanes: Vec::new(),
            clocks: InputClocks::new(idle.map(|us| Duration::from_micros(us.unsigned_abs()))),
            positions: Positions::default(),
            now: Timestamp::MIN,
            floor: Timestamp::MIN,
            event_time: way.event_time,
            ordered: way.is_ordered,
            singles: plan.streams.iter().map(|_| None).collect(),
            single_ends: Vec::new(),
            rows: 0,
            wall: WallClock::default(),
            follows: !plan.clock_waits,
            unread: true,
            has_begun: false,
            first: Timestamp(i64::MAX),
        }
    }

    /// Opens an input, with its lane where it has one.
    pub(crate) fn open_input(
        &mut self,
        input: u64,
        named: Option<&Arc<NamedInput>>,
        lane: Option<Consumer<Shipment>>,
    ) {
        self.clocks.open(input);
        if let Some(named) = named {
            self.positions.open(named, self.instances.list().len());
        }
        if let Some(lane) = lane {
            self.lanes.push(InputLane { input, lane });
        }
    }

    /// An open input holds the clock back until it has told one or ends.
    pub(crate) fn declare_input(&mut self, input: u64) {
        self.clocks.declare(input);
    }

    /// Forgets an input: it no longer holds the clock back.
    pub(crate) fn close_input(&mut self, input: u64) {
        self.clocks.close(input);
        self.advance();
    }

    /// Whether any lane has something to process.
    pub(crate) fn has_input(&self) -> bool {
        self.lanes
            .iter()
            .any(|l| !l.lane.is_empty() || l.lane.is_finished())
    }

    /// Whether a batch waits for a subscription with room.
    #[inline]
    pub(crate) fn is_blocked(&mut self) -> bool {
        !self.outputs.deliver()
    }

    /// Takes at most one shipment from every lane. `stopping`: does not wait for subscriptions.
    pub(crate) fn step(&mut self, stopping: bool) -> Progress {
        if self.is_blocked() && !stopping {
            return Progress::Blocked;
        }
        let mut progress = Progress::Idle;
        if self.is_timed() && self.pass_time() {
            progress = Progress::Worked;
        }
        // Rows may have come since.
        self.unread = true;
        let mut place = 0;
        while place < self.lanes.len() {
            // A lane waits until one before it of the same input is read to its end.
            if self.has_lane_before(place) {
                place += 1;
                continue;
            }
            let InputLane { input, lane } = &mut self.lanes[place];
            let input = *input;
            if let Some(mut shipment) = lane.pop() {
                self.shipment(input, &mut shipment);
                shipment.clear();
                self.lanes[place].lane.recycle(shipment);
                progress = Progress::Worked;
            } else if lane.is_finished() {
                self.lanes.remove(place);
                // A named input that was opened again goes on with the lane behind this one.
                if !self.lanes.iter().any(|l| l.input == input) {
                    self.close_input(input);
                }
                progress = Progress::Worked;
                continue;
            }
            place += 1;
        }
        progress
    }

    fn has_lane_before(&self, place: usize) -> bool {
        let input = self.lanes[place].input;
        self.lanes[..place].iter().any(|l| l.input == input)
    }

    fn shipment(&mut self, input: u64, shipment: &mut Shipment) {
        let named = self.positions.place(input);
        if let Some((clock, stamp)) = shipment.start() {
            self.first_clock(input, named, clock, &stamp);
        }
        for segment in shipment.segments_mut() {
            let Segment {
                stream,
                component,
                batch,
                ends,
                stamp,
                numbers,
            } = segment;
            if named.is_some() && self.positions.is_stale(stamp) {
                continue;
            }
            let (stream, component) = (*stream, *component);
            let rows = Incoming {
                stream,
                component,
                batch,
                ends,
                numbers,
            };
            self.rows(input, named, rows);
            if let Some(named) = named {
                let to = (stream, component);
                let instances = &self.instances;
                self.positions.rows_applied(named, to, stamp, instances);
            }
        }
        if let Some((clock, stamp)) = shipment.clock() {
            self.clock_behind(input, named, clock, &stamp);
        }
    }

    /// The clock of an input moved on behind its rows.
    fn clock_behind(&mut self, input: u64, named: Option<usize>, clock: Timestamp, stamp: &Stamp) {
        if self.clock_of(input, named, clock, stamp)
            && let Some(named) = named
        {
            self.positions.all_applied(named, stamp.last);
        }
    }

    /// An input begins with this clock, in front of its rows. What begins with the app begins then, also where nothing
    /// but the last of several rows tells the clock; an app that has one hears nothing new.
    #[inline]
    fn first_clock(&mut self, input: u64, named: Option<usize>, clock: Timestamp, stamp: &Stamp) {
        if self.event_time && self.now == Timestamp::MIN {
            self.clock_of(input, named, clock, stamp);
        }
    }

    /// An input tells its clock. Returns whether it counts: not if it was sent before a restore.
    fn clock_of(
        &mut self,
        input: u64,
        named: Option<usize>,
        clock: Timestamp,
        stamp: &Stamp,
    ) -> bool {
        if named.is_some() && self.positions.is_stale(stamp) {
            return false;
        }
        self.note_activity(input);
        self.clocks.set(input, clock);
        self.note_first(clock);
        self.advance();
        true
    }

    /// Processes one send of an inline app that is a single row, of an input without a name: as [`Core::send`] does.
    #[inline]
    pub(crate) fn send_row(&mut self, input: u64, stream: usize, batch: &mut Batch) {
        self.unread = true;
        self.arrive(input, ALL_COMPONENTS, batch);
        let (instances, outputs) = (&mut self.instances, &mut self.outputs);
        let rows = (&*batch, &[1][..]);
        instances.feed(stream, ALL_COMPONENTS, rows, None, outputs);
        if batch.tracks_clock {
            instances.fire_others(stream, false, self.now, outputs);
        }
    }

    /// Rows come in: counts them, and gives them the clock of the app.
    #[inline]
    fn arrive(&mut self, input: u64, component: u32, batch: &mut Batch) {
        self.rows += batch.len() as u64;
        if !self.outputs.late_causes.is_empty() {
            self.outputs.late_causes.clear();
        }
        self.tell_clock(input, component, batch);
    }

    /// Processes rows of an input.
    fn rows(&mut self, input: u64, named: Option<usize>, rows: Incoming<'_>) {
        let Incoming {
            stream,
            component,
            batch,
            ends,
            numbers,
        } = rows;
        if batch.is_empty() {
            return;
        }
        self.arrive(input, component, batch);
        let replay = named.and_then(|named| self.positions.replay(named, numbers));
        let (instances, outputs) = (&mut self.instances, &mut self.outputs);
        // The clock of these rows moves instances on that do not get them.
        let tells = batch.tracks_clock && component == ALL_COMPONENTS;
        if !self.ordered || batch.len() == 1 {
            instances.feed(stream, component, (batch, ends), replay, outputs);
            if tells {
                instances.fire_others(stream, replay.is_some(), self.now, outputs);
            }
            return;
        }
        let mut single = self.singles[stream]
            .take()
            .unwrap_or_else(|| Batch::like(batch));
        let mut ends = ends.iter().peekable();
        for row in 0..batch.len() {
            single.clear();
            single.append(batch, &RowSet::Range(row..row + 1));
            let end = ends.next_if(|end| **end as usize == row + 1).map(|_| 1);
            let replay = replay.map(|r| r.slice(row..row + 1));
            let rows = (&single, end.as_slice());
            instances.feed(stream, component, rows, replay, outputs);
            if tells {
                let now = single.clock_of(0);
                instances.fire_others(stream, replay.is_some(), now, outputs);
            }
        }
        self.singles[stream] = Some(single);
    }

    /// Gives rows the clock of the app, and the app the clock of the rows.
    #[inline]
    fn tell_clock(&mut self, input: u64, component: u32, batch: &mut Batch) {
        if !self.event_time {
            if self.unread {
                self.wall_clock();
            }
            let now = self.now;
            batch.at.fill(now);
            batch.clock.fill(now);
        } else if batch.tracks_clock
            && let (Some(first), Some(clock)) = (batch.clock.first(), batch.clock.last())
        {
            let (first, clock) = (*first, *clock);
            self.note_activity(input);
            self.note_first(first);
            let others = self.clocks.of_others(input);
            if others < clock || first < self.floor {
                let (floor, clocks) = (self.floor, batch.clock.iter_mut());
                clocks.for_each(|c| *c = (*c).min(others).max(floor));
            }
            // Where rows go to components one by one, other components still wait for theirs: the input tells the
            // clock behind the last of them.
            if component == ALL_COMPONENTS {
                self.clocks.set(input, clock);
                self.now = self.now.max(clock.min(others));
            }
            if !self.has_begun {
                self.begin(batch.clock[0]);
            }
        }
    }

    /// Processes one send of an inline app, or of as many as there are rows where `each` is one, `rows_max` rows at
    /// a time.
    pub(crate) fn send(
        &mut self,
        input: u64,
        (stream, batch): (usize, &mut Batch),
        stamp: &Stamp,
        (replayed, each): (bool, bool),
        rows_max: usize,
    ) {
        let named = self.positions.place(input);
        if named.is_some() && self.positions.is_stale(stamp) {
            return;
        }
        let total = batch.len();
        let clocks = &batch.clock;
        if let Some(first) = clocks.first().copied().filter(|_| batch.tracks_clock) {
            self.first_clock(input, named, first, stamp);
        }
        let first = stamp.before.number + 1;
        let numbers: Vec<u64> = match replayed {
            true => (first..first + total as u64).collect(),
            false => Vec::new(),
        };
        let component = ALL_COMPONENTS;
        let mut begin = 0;
        let mut single_ends = std::mem::take(&mut self.single_ends);
        while begin < total {
            let end = total.min(begin + rows_max);
            self.unread = true;
            let ends = [(end - begin) as u32];
            if each {
                let known = single_ends.len() as u32;
                single_ends.extend(known + 1..=known.max(ends[0]));
            }
            let mut part = (total > rows_max).then(|| slice(batch, begin..end));
            let rows = Incoming {
                stream,
                component,
                batch: part.as_mut().unwrap_or(batch),
                ends: match each {
                    true => &single_ends[..end - begin],
                    false if end == total => &ends,
                    false => &[],
                },
                numbers: numbers.get(begin..end).unwrap_or_default(),
            };
            self.rows(input, named, rows);
            begin = end;
        }
        self.single_ends = single_ends;
        if let Some(named) = named {
            self.positions.all_applied(named, stamp.last);
        }
    }

    /// The app has stopped: lanes are closed. Returns the readers of its streams, to be dropped outside the barrier:
    /// a callback may own an input.
    pub(crate) fn close(&mut self) -> Vec<Output> {
        self.lanes.clear();
        self.outputs.close()
    }

    /// An input has something to say: what it says first does not turn the clock back.
    #[inline]
    fn note_activity(&mut self, input: u64) {
        if self.clocks.note_activity(input) {
            self.floor = self.now;
        }
    }

    /// An input of an inline app moves its clock on without a row.
    pub(crate) fn input_clock(&mut self, input: u64, clock: Timestamp, stamp: &Stamp) {
        self.clock_behind(input, self.positions.place(input), clock, stamp);
    }

    /// Moves the app's clock on to the least clock of its inputs.
    fn advance(&mut self) {
        let least = self.clocks.least();
        // Also at the same time: rows of one component may have told it before the others had theirs.
        if let Some(least) = least.filter(|c| *c >= self.now && self.event_time) {
            self.now = least;
            self.begin(least);
            self.instances.fire(self.now, &mut self.outputs);
        }
    }

    /// The app has this clock: what begins with it begins, unless the clock is still the one before all time.
    #[inline]
    fn begin(&mut self, now: Timestamp) {
        if !self.has_begun && now > Timestamp::MIN {
            self.has_begun = true;
            self.instances.begin(now.min(self.first));
        }
    }

    /// An input tells its clock.
    #[inline]
    fn note_first(&mut self, clock: Timestamp) {
        if !self.has_begun && clock > Timestamp::MIN {
            self.first = self.first.min(clock);
        }
    }

    /// Whether nothing of an input waits in a lane.
    fn is_drained(&self, input: u64) -> bool {
        let mut lanes = self.lanes.iter().filter(|l| l.input == input);
        lanes.all(|l| l.lane.is_drained())
    }

    /// What passes without rows: the wall clock in processing time, the patience with idle inputs in event time. True
    /// when something fired.
    pub(crate) fn pass_time(&mut self) -> bool {
        if !self.event_time {
            return self.wall_clock();
        }
        if self.clocks.patience().is_none() {
            return false;
        }
        let before = self.now;
        let mut clocks = std::mem::replace(&mut self.clocks, InputClocks::new(None));
        clocks.lose_patience(|input| self.is_drained(input));
        self.clocks = clocks;
        self.advance();
        self.now > before
    }

    /// Reads the wall clock and fires what is due; true when something was.
    fn wall_clock(&mut self) -> bool {
        self.unread = false;
        // Where timers are due, and where queries ask for the time, no digit is spared.
        let is_timed = self.is_timed();
        let now = match is_timed {
            true => self.wall.now(),
            false => self.wall.recent(),
        };
        // One that was restored may be ahead, and waits for the machine's.
        self.now = self.now.max(now);
        self.begin(self.now);
        let due = is_timed && self.due().is_some_and(|d| d <= self.now);
        if due {
            self.instances.fire(self.now, &mut self.outputs);
        }
        due
    }

    /// Whether anything here depends on the clock.
    #[inline]
    pub(crate) fn is_timed(&self) -> bool {
        self.instances.is_timed()
    }

    /// Time until [`Core::pass_time`] may have something to do, in microseconds.
    pub(crate) fn due_in_us(&self) -> Option<u64> {
        if self.event_time {
            // Twice per patience: an idle input is found out after 1.5 times at most.
            let patience = self.clocks.patience().filter(|_| self.is_timed())?;
            return Some(u64::try_from(patience.as_micros() / 2).unwrap_or(u64::MAX));
        }
        let due = self.due()?;
        Some(due.0.saturating_sub(self.now.0).max(0) as u64)
    }

    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.instances.due()
    }

    /// Closes what is open, as if its time had come.
    pub(crate) fn close_windows(&mut self) {
        self.instances.close(&mut self.outputs);
    }

    /// Marks the queries of which rows would come then.
    pub(crate) fn mark_open(&mut self, open: &mut [bool]) {
        self.instances.mark_open(open);
    }

    /// The query whose operator worked last.
    pub(crate) fn current_query(&self) -> usize {
        self.instances.current_query()
    }

    /// Rows in and out, and the counters of all operators. `late`: late rows by query.
    pub(crate) fn counters(&self, late: &mut [u64]) -> (u64, u64, Counters) {
        (self.rows, self.outputs.rows, self.instances.counters(late))
    }

    /// The app's clock as far as this worker knows it.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// The app's clock at this moment: in processing time it goes on while nothing comes.
    pub(crate) fn clock(&mut self) -> Timestamp {
        match self.event_time {
            true => self.now,
            false => self.now.max(self.wall.now()),
        }
    }

    /// In processing time: how often the machine's clock was found to have gone back, and how far the app's is ahead.
    pub(crate) fn clock_back(&mut self) -> (u64, Duration) {
        if self.event_time {
            return (0, Duration::ZERO);
        }
        let now = self.now.max(self.wall.now());
        (self.wall.steps(), ahead_of(now, machine_clock()))
    }

    /// Tells what happens to the runs of the pattern of a query.
    pub(crate) fn trace(&mut self, query: usize, sink: Arc<dyn TraceSink>) {
        self.instances.trace(query, sink);
    }

    /// The instances here, by component, then by key group.
    pub(crate) fn instances_mut(&mut self) -> &mut [Instance] {
        self.instances.list_mut()
    }

    /// Puts other instances in the place of those here; [`Core::restore_inputs`] must follow.
    pub(crate) fn replace_instances(&mut self, instances: Vec<Instance>) -> Vec<Instance> {
        let before = self.instances.replace(instances);
        let ids: Vec<u32> = before.iter().map(|i| i.id).collect();
        self.positions.instances_replaced(&ids, &self.instances);
        before
    }

    /// What this worker has applied of each named input.
    pub(crate) fn cut_inputs(&self) -> Vec<InputCut> {
        let clock = |input| (self.clocks.is_open(input), self.clocks.of(input));
        let drained = |input| self.is_drained(input);
        self.positions.cut(&self.instances, drained, clock)
    }

    /// Goes on from the clock `now` and these positions. Inputs that were open hold the clock back until they say
    /// more or their patience ends; inputs without a name go on as they are.
    pub(crate) fn restore_inputs(
        &mut self,
        now: Timestamp,
        positions: &[(Arc<NamedInput>, Option<InputPosition>)],
        rewinds: u32,
    ) {
        (self.now, self.floor) = (now, now);
        self.unread = true;
        if !self.event_time {
            self.wall.resume(now, self.follows);
        }
        self.clocks.forget_left();
        for (input, position) in positions {
            let id = input.id;
            match position.as_ref().filter(|p| p.open && p.clock.is_some()) {
                Some(position) => self.clocks.restore(id, position.clock),
                None if self.clocks.is_open(id) => self.clocks.restore(id, None),
                None => {}
            }
        }
        self.positions.restore(positions, rewinds, &self.instances);
        // A worker that has not heard of the clock yet has it from the revision.
        let least = self.clocks.least().filter(|_| self.event_time);
        (self.has_begun, self.first) = (false, Timestamp(i64::MAX));
        self.begin(least.map_or(now, |least| least.max(now)));
    }
}
