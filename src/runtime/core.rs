//! One worker's share of an app: its graphs, its outputs, and the clocks of the inputs that feed it.

use super::graph::Graph;
use super::lane::Consumer;
use super::output::{Output, Outputs};
use super::packet::{ALL_COMPONENTS, Packet, Segment};
use crate::event::{Batch, Timestamp};
use crate::operator::Counters;
use crate::plan::{Plan, Routing};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Rows after which the wall clock is read again where nothing depends on it: their timestamps may be that old.
const CLOCK_ROWS_MAX: usize = 256;

/// What a step of a worker did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It processed rows or advanced the clock.
    Worked,
    /// There was nothing to do.
    Idle,
    /// A subscription is full.
    Blocked,
}

/// The clock of one input; `None` until it has sent or advanced, and while it is idle.
#[derive(Debug)]
struct InputClock {
    input: u64,
    clock: Option<Timestamp>,
    /// When it last told its clock; kept only where idle inputs are not waited for.
    heard: Instant,
}

/// One input's lane to this worker.
struct InputLane {
    input: u64,
    lane: Consumer<Packet>,
}

/// Everything that one worker owns.
pub(crate) struct Core {
    /// By component; absent where another worker runs it.
    graphs: Vec<Option<Graph>>,
    /// Components here that read each stream.
    readers: Vec<Vec<usize>>,
    /// Components here with timers or a use for the clock.
    timed: Vec<usize>,
    pub(crate) outputs: Outputs,
    lanes: Vec<InputLane>,
    clocks: Vec<InputClock>,
    /// The app's clock as far as this worker knows it.
    now: Timestamp,
    /// What it was when the last input joined: an input that begins earlier does not turn it back.
    floor: Timestamp,
    event_time: bool,
    /// How long an input that sends nothing holds the clock back.
    idle: Option<Duration>,
    /// Rows are processed one by one over all components, so that the order of outputs across streams is fixed.
    ordered: bool,
    rows: u64,
    /// Rows since the wall clock was read.
    unread_rows: usize,
    /// Component at work: named when it panics.
    current: usize,
}

impl Core {
    /// The share of worker `worker` of `workers`.
    pub(crate) fn new(
        plan: &Plan,
        app: &str,
        worker: usize,
        workers: usize,
        event_time: bool,
        ordered: bool,
    ) -> Self {
        let mut graphs = Vec::new();
        let mut readers = vec![Vec::new(); plan.streams.len()];
        let mut timed = Vec::new();
        for (number, component) in plan.components.iter().enumerate() {
            let here = match component.routing {
                Routing::Keyed { .. } => true,
                Routing::Single(_) => number % workers == worker,
            };
            graphs.push(here.then(|| Graph::new(plan, component, app)));
            if here {
                component
                    .reads
                    .iter()
                    .for_each(|s| readers[*s].push(number));
                if component.tracks_clock {
                    timed.push(number);
                }
            }
        }
        Core {
            graphs,
            readers,
            timed,
            outputs: Outputs::new(plan.streams.len()),
            lanes: Vec::new(),
            clocks: Vec::new(),
            now: Timestamp::MIN,
            floor: Timestamp::MIN,
            event_time,
            idle: plan
                .idle_timeout_us
                .map(|us| Duration::from_micros(us.unsigned_abs())),
            ordered,
            rows: 0,
            unread_rows: CLOCK_ROWS_MAX,
            current: 0,
        }
    }

    /// Opens an input, with its lane where it has one.
    pub(crate) fn open_input(&mut self, input: u64, lane: Option<Consumer<Packet>>) {
        self.clocks.push(InputClock {
            input,
            clock: None,
            heard: Instant::now(),
        });
        if let Some(lane) = lane {
            self.lanes.push(InputLane { input, lane });
        }
    }

    /// Forgets an input: it no longer holds the clock back.
    pub(crate) fn close_input(&mut self, input: u64) {
        self.clocks.retain(|c| c.input != input);
        self.advance();
    }

    /// Whether any lane has something to process.
    pub(crate) fn has_input(&self) -> bool {
        self.lanes
            .iter()
            .any(|l| !l.lane.is_empty() || l.lane.is_finished())
    }

    /// Whether a batch waits for a subscription with room.
    pub(crate) fn is_blocked(&mut self) -> bool {
        !self.outputs.deliver()
    }

    /// Takes at most one packet from every lane. `stopping`: does not wait for subscriptions.
    pub(crate) fn step(&mut self, stopping: bool) -> Progress {
        if self.is_blocked() && !stopping {
            return Progress::Blocked;
        }
        let mut progress = Progress::Idle;
        if self.is_timed() && self.pass_time() {
            progress = Progress::Worked;
        }
        let mut place = 0;
        while place < self.lanes.len() {
            let InputLane { input, lane } = &mut self.lanes[place];
            let input = *input;
            if let Some(mut packet) = lane.pop() {
                self.packet(input, &mut packet);
                packet.clear();
                self.lanes[place].lane.recycle(packet);
                progress = Progress::Worked;
            } else if lane.is_finished() {
                self.lanes.swap_remove(place);
                self.close_input(input);
                progress = Progress::Worked;
                continue;
            }
            place += 1;
        }
        progress
    }

    fn packet(&mut self, input: u64, packet: &mut Packet) {
        for segment in packet.segments_mut() {
            let Segment {
                stream,
                component,
                batch,
                ends,
            } = segment;
            self.rows(input, *stream, *component, batch, ends);
        }
        if let Some(clock) = packet.clock() {
            self.input_clock(input, clock);
        }
    }

    /// Processes rows of an input. `ends`: after how many rows a send ends.
    pub(crate) fn rows(
        &mut self,
        input: u64,
        stream: usize,
        component: u32,
        batch: &mut Batch,
        ends: &[u32],
    ) {
        let Some(last) = batch.len().checked_sub(1) else {
            return;
        };
        self.rows += batch.len() as u64;
        if !self.event_time {
            self.unread_rows += batch.len();
            if self.is_timed() || self.unread_rows >= CLOCK_ROWS_MAX || self.now == Timestamp::MIN {
                self.unread_rows = 0;
                self.wall_clock();
            }
            let now = self.now;
            batch.at.fill(now);
            batch.clock.fill(now);
        } else if batch.tracks_clock {
            let clock = batch.clock[last];
            self.hear(input);
            let others = self.clock_of_others(input);
            if others < clock || batch.clock[0] < self.floor {
                let (floor, clocks) = (self.floor, batch.clock.iter_mut());
                clocks.for_each(|c| *c = (*c).min(others).max(floor));
            }
            // Where rows go to components one by one, other components still wait for theirs: the input tells the
            // clock behind the last of them.
            if component == ALL_COMPONENTS {
                self.set_clock(input, clock);
                self.now = self.now.max(clock.min(others));
            }
        }
        if self.ordered && batch.len() > 1 {
            for row in 0..batch.len() {
                let single = slice(batch, row..row + 1);
                let end = ends.contains(&(row as u32 + 1)).then_some(1);
                self.feed(stream, component, &single, end.as_slice());
            }
        } else {
            self.feed(stream, component, batch, ends);
        }
        // The clock of these rows moves components on that do not read them.
        if batch.tracks_clock && component == ALL_COMPONENTS {
            self.fire_others(stream);
        }
    }

    /// Processes one send of an inline app, `rows_max` rows at a time.
    pub(crate) fn send(&mut self, input: u64, stream: usize, batch: &mut Batch, rows_max: usize) {
        let total = batch.len();
        if total <= rows_max {
            self.rows(input, stream, ALL_COMPONENTS, batch, &[total as u32]);
            return;
        }
        let mut first = 0;
        while first < total {
            let end = total.min(first + rows_max);
            let mut part = slice(batch, first..end);
            let ends = [(end - first) as u32];
            self.rows(
                input,
                stream,
                ALL_COMPONENTS,
                &mut part,
                if end == total { &ends } else { &[] },
            );
            first = end;
        }
    }

    /// The app has stopped: lanes are closed. Answers the readers of its streams, to be dropped outside the barrier:
    /// a callback may own an input.
    pub(crate) fn close(&mut self) -> Vec<Output> {
        self.lanes.clear();
        self.outputs.close()
    }

    fn feed(&mut self, stream: usize, component: u32, batch: &Batch, ends: &[u32]) {
        for i in 0..self.readers[stream].len() {
            let number = self.readers[stream][i];
            if component != ALL_COMPONENTS && component as usize != number {
                continue;
            }
            self.current = number;
            let graph = self.graphs[number]
                .as_mut()
                .expect("a reader of a stream here has its graph here");
            if !graph.tracks_sends {
                graph.rows(stream, batch, &mut self.outputs);
                continue;
            }
            if let [end] = ends
                && *end as usize == batch.len()
            {
                graph.rows(stream, batch, &mut self.outputs);
                graph.send_end(&mut self.outputs);
                continue;
            }
            let mut first = 0;
            for end in ends.iter().map(|e| *e as usize) {
                graph.rows(stream, &slice(batch, first..end), &mut self.outputs);
                graph.send_end(&mut self.outputs);
                first = end;
            }
            if first < batch.len() {
                graph.rows(stream, &slice(batch, first..batch.len()), &mut self.outputs);
            }
        }
    }

    /// An input has something to say: it is not idle, and what it says first does not turn the clock back.
    fn hear(&mut self, input: u64) {
        let (now, idle) = (self.now, self.idle.is_some());
        if let Some(entry) = self.clocks.iter_mut().find(|c| c.input == input) {
            if entry.clock.is_none() {
                self.floor = now;
            }
            if idle {
                entry.heard = Instant::now();
            }
        }
    }

    /// Remembers the clock of an input.
    fn set_clock(&mut self, input: u64, clock: Timestamp) {
        if let Some(entry) = self.clocks.iter_mut().find(|c| c.input == input) {
            entry.clock = Some(entry.clock.map_or(clock, |c| c.max(clock)));
        }
    }

    /// The least clock of the other inputs.
    fn clock_of_others(&self, input: u64) -> Timestamp {
        let others = self.clocks.iter().filter(|c| c.input != input);
        let least = others.filter_map(|c| c.clock).min();
        least.unwrap_or(Timestamp(i64::MAX))
    }

    /// An input advanced its clock without a row.
    pub(crate) fn input_clock(&mut self, input: u64, clock: Timestamp) {
        self.hear(input);
        self.set_clock(input, clock);
        self.advance();
    }

    /// Moves the app's clock on to the least clock of its inputs.
    fn advance(&mut self) {
        let least = self.clocks.iter().filter_map(|c| c.clock).min();
        // Also at the same time: rows of one component may have told it before the others had theirs.
        if let Some(least) = least.filter(|c| *c >= self.now && self.event_time) {
            self.now = least;
            self.fire();
        }
    }

    fn fire(&mut self) {
        for i in 0..self.timed.len() {
            self.fire_one(self.timed[i]);
        }
    }

    /// Rows of a stream moved the clock: fires the components that do not read it. One that does has its timers fired
    /// by its own copy of the rows, which may still be on its way, or by the clock told behind them.
    #[inline]
    fn fire_others(&mut self, stream: usize) {
        for i in 0..self.timed.len() {
            if !self.readers[stream].contains(&self.timed[i]) {
                self.fire_one(self.timed[i]);
            }
        }
    }

    fn fire_one(&mut self, component: usize) {
        self.current = component;
        let graph = self.graphs[component]
            .as_mut()
            .expect("a timed component here has its graph here");
        graph.clock(self.now, &mut self.outputs);
    }

    /// What passes without rows: the wall clock in processing time, the patience with idle inputs in event time. True
    /// when something fired.
    pub(crate) fn pass_time(&mut self) -> bool {
        match self.idle {
            _ if !self.event_time => self.wall_clock(),
            None => false,
            Some(idle) => {
                let before = self.now;
                for entry in &mut self.clocks {
                    let lane = self.lanes.iter().find(|l| l.input == entry.input);
                    if lane.is_none_or(|l| l.lane.is_empty()) && entry.heard.elapsed() >= idle {
                        entry.clock = None;
                    }
                }
                self.advance();
                self.now > before
            }
        }
    }

    /// Reads the wall clock and fires what is due; true when something was.
    fn wall_clock(&mut self) -> bool {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        // A clock that was set back must not move time back.
        self.now = self.now.max(Timestamp(
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        ));
        let due = self.due().is_some_and(|d| d <= self.now);
        if due {
            self.fire();
        }
        due
    }

    /// Whether anything here depends on the clock.
    pub(crate) fn is_timed(&self) -> bool {
        !self.timed.is_empty()
    }

    /// Time until [`Core::pass_time`] may have something to do, in microseconds.
    pub(crate) fn due_in_us(&self) -> Option<u64> {
        if self.event_time {
            // Twice per patience: an idle input is found out after 1.5 times at most.
            let patience = self.idle.filter(|_| self.is_timed())?;
            return Some(u64::try_from(patience.as_micros() / 2).unwrap_or(u64::MAX));
        }
        let due = self.due()?;
        Some(due.0.saturating_sub(self.now.0).max(0) as u64)
    }

    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.timed
            .iter()
            .filter_map(|t| self.graphs[*t].as_ref().and_then(Graph::due))
            .min()
    }

    /// Closes what is open, as if its time had come.
    pub(crate) fn close_windows(&mut self) {
        for graph in self.graphs.iter_mut().flatten() {
            graph.close(&mut self.outputs);
        }
    }

    /// The query whose operator worked last.
    pub(crate) fn current_query(&self) -> usize {
        self.graphs
            .get(self.current)
            .and_then(Option::as_ref)
            .map_or(0, Graph::current_query)
    }

    /// Rows in and out, and the counters of all operators.
    pub(crate) fn counters(&self) -> (u64, u64, Counters) {
        let mut counters = Counters::default();
        for graph in self.graphs.iter().flatten() {
            graph.count(&mut counters);
        }
        (self.rows, self.outputs.rows, counters)
    }
}

/// A copy of some rows.
fn slice(batch: &Batch, rows: std::ops::Range<usize>) -> Batch {
    let mut to = Batch::like(batch);
    to.at.extend_from_slice(&batch.at[rows.clone()]);
    if to.tracks_clock {
        to.clock.extend_from_slice(&batch.clock[rows.clone()]);
    }
    if to.tracks_cause {
        to.causes.extend_from_slice(&batch.causes[rows.clone()]);
    }
    for (column, from) in to.columns.iter_mut().zip(&batch.columns) {
        column.extend_range(from, rows.clone());
    }
    to
}
