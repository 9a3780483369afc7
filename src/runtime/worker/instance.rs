//! The instances of components on one worker, and how rows find theirs.
//!
//! An instance is the graph of a component for a range of key groups. A worker starts with one per component that runs
//! on it: for that one rows are neither hashed nor copied. After a restore on fewer workers it may hold several of one
//! component; then each row goes to the instance that has the key group of the row.

use super::graph::Graph;
use super::output::Outputs;
use crate::event::{Batch, Column, RowSet, Timestamp};
use crate::operator::Counters;
use crate::operator::by_constant::{ByConstant, Picked};
use crate::operator::pattern::TraceSink;
use crate::plan::{Entry, Plan};
use crate::runtime::lane::shipment::ALL_COMPONENTS;
use crate::runtime::lane::stamp::Applied;
use crate::state::each_key_group;
use smallvec::SmallVec;
use std::ops::Range;
use std::sync::Arc;

/// The operators of one component for some key groups.
pub(crate) struct Instance {
    /// Unique in the app.
    pub(crate) id: u32,
    pub(crate) component: usize,
    /// All of them for a component that runs on one worker.
    pub(crate) groups: Range<u16>,
    pub(crate) graph: Graph,
}

/// The instances of an app that starts empty, each with its worker.
pub(crate) fn initial_instances(plan: &Plan, app: &str, workers: usize) -> Vec<(usize, Instance)> {
    let mut instances = Vec::new();
    for (component, planned) in plan.components.iter().enumerate() {
        for worker in 0..workers {
            let Some(groups) = planned.groups_on(component, worker, workers) else {
                continue;
            };
            let instance = Instance {
                id: (component * workers + worker) as u32,
                component,
                groups,
                graph: Graph::new(plan, planned, app),
            };
            instances.push((worker, instance));
        }
    }
    instances
}

/// A component of the plan, as far as it matters where its rows go.
struct Member {
    reads: Vec<usize>,
    /// The streams through which rows come in, with their key columns; none where it runs on one worker.
    entries: Vec<Entry>,
    tracks_clock: bool,
}

/// The instances here of a component that reads a stream.
#[derive(Clone, Copy)]
struct Reader {
    component: u32,
    /// Places of its instances.
    first: u32,
    end: u32,
}

/// Rows that are sent again after a restore: an instance takes those behind its own position.
#[derive(Clone, Copy)]
pub(crate) struct Replay<'a> {
    /// Number of each row.
    pub(crate) numbers: &'a [u64],
    /// By place of the instance.
    pub(crate) applied: &'a [Applied],
}

impl<'a> Replay<'a> {
    /// That of some of the rows.
    pub(crate) fn slice(self, rows: Range<usize>) -> Self {
        Replay {
            numbers: &self.numbers[rows],
            ..self
        }
    }
}

/// The instances on one worker, by component, then by key group.
pub(crate) struct Instances {
    list: Vec<Instance>,
    members: Vec<Member>,
    /// By stream.
    readers: Vec<Vec<Reader>>,
    /// By stream: which readers get which rows, where several of one instance each ask for constants.
    by_constant: Vec<Option<Box<ByConstant>>>,
    /// Places with timers or a use for the clock, and the component.
    timed: Vec<(usize, usize)>,
    /// Place at work: named when it panics.
    current: usize,
    key: Vec<u8>,
    /// By place within a reader: its rows of the batch at hand.
    picked: Vec<Vec<u32>>,
    /// By place: rows of a send that has not ended were given to it.
    in_send: Vec<bool>,
    /// By stream: the rows of one instance.
    part: Vec<Option<Batch>>,
    /// Up to so many rows are given to operators one by one.
    singly_max: usize,
    /// Who is told what happens to the runs of the pattern of a query.
    traces: Vec<(usize, Arc<dyn TraceSink>)>,
}

impl Instances {
    pub(crate) fn new(plan: &Plan, list: Vec<Instance>, singly_max: usize) -> Self {
        let member = |c: &crate::plan::Component| Member {
            reads: c.reads.clone(),
            entries: c.routing.entries().to_vec(),
            tracks_clock: c.tracks_clock,
        };
        let mut instances = Instances {
            list: Vec::new(),
            members: plan.components.iter().map(member).collect(),
            readers: vec![Vec::new(); plan.streams.len()],
            by_constant: Vec::new(),
            timed: Vec::new(),
            current: 0,
            key: Vec::new(),
            picked: Vec::new(),
            in_send: Vec::new(),
            part: plan.streams.iter().map(|_| None).collect(),
            singly_max,
            traces: Vec::new(),
        };
        instances.replace(list);
        instances
    }

    /// Puts other instances in the place of these; returns these.
    pub(crate) fn replace(&mut self, mut list: Vec<Instance>) -> Vec<Instance> {
        list.sort_by_key(|i| (i.component, i.groups.start));
        for instance in &mut list {
            instance.graph.singly_max = self.singly_max;
            for (query, sink) in &self.traces {
                instance.graph.trace(*query, sink);
            }
        }
        let before = std::mem::replace(&mut self.list, list);
        self.timed.clear();
        self.current = 0;
        self.in_send.clear();
        self.in_send.resize(self.list.len(), false);
        self.readers.iter_mut().for_each(Vec::clear);
        let mut first = 0;
        for of_one in self.list.chunk_by(|a, b| a.component == b.component) {
            let component = of_one[0].component;
            let end = first + of_one.len();
            let member = &self.members[component];
            for stream in &member.reads {
                self.readers[*stream].push(Reader {
                    component: component as u32,
                    first: first as u32,
                    end: end as u32,
                });
            }
            if member.tracks_clock {
                self.timed.extend((first..end).map(|p| (p, component)));
            }
            self.picked
                .resize(self.picked.len().max(of_one.len()), Vec::new());
            first = end;
        }
        let asked = |(stream, readers): (usize, &Vec<Reader>)| {
            let alone = |r: &Reader| (r.end - r.first == 1).then_some(r.first as usize);
            let of = |r: &Reader| self.list[alone(r)?].graph.constants(stream);
            let asked: Vec<_> = readers.iter().map(of).collect();
            ByConstant::new(&asked, 2)
        };
        self.by_constant = self.readers.iter().enumerate().map(asked).collect();
        before
    }

    /// Tells what happens to the runs of the pattern of a query, also to those that are restored later.
    pub(crate) fn trace(&mut self, query: usize, sink: Arc<dyn TraceSink>) {
        for instance in &mut self.list {
            instance.graph.trace(query, &sink);
        }
        self.traces.retain(|(traced, _)| *traced != query);
        self.traces.push((query, sink));
    }

    pub(crate) fn list(&self) -> &[Instance] {
        &self.list
    }

    pub(crate) fn list_mut(&mut self) -> &mut [Instance] {
        &mut self.list
    }

    /// Whether a row of the stream that goes to `component` (or to all) concerns the instance at a place.
    pub(crate) fn concerns(&self, place: usize, stream: usize, component: u32) -> bool {
        let own = self.list[place].component;
        (component == ALL_COMPONENTS || component as usize == own)
            || !self.members[own].reads.contains(&stream)
    }

    /// Gives rows to the instances that read their stream. `ends`: after how many rows a send ends.
    #[inline]
    pub(crate) fn feed(
        &mut self,
        stream: usize,
        component: u32,
        (batch, ends): (&Batch, &[u32]),
        replay: Option<Replay<'_>>,
        outputs: &mut Outputs,
    ) {
        if self.by_constant[stream].is_some()
            && component == ALL_COMPONENTS
            && replay.is_none()
            && let Some(mut index) = self.by_constant[stream].take()
        {
            index.pick(batch);
            for i in 0..self.readers[stream].len() {
                let reader = self.readers[stream][i];
                match index.picked(i) {
                    Some(picked) => self.feed_among(reader, stream, batch, picked, outputs),
                    None => self.feed_one(reader, stream, (batch, ends), outputs),
                }
            }
            self.by_constant[stream] = Some(index);
            return;
        }
        for i in 0..self.readers[stream].len() {
            let reader = self.readers[stream][i];
            if component != ALL_COMPONENTS && component != reader.component {
                continue;
            }
            match replay {
                Some(_) => self.feed_picked(reader, stream, (batch, ends), replay, outputs),
                None => self.feed_one(reader, stream, (batch, ends), outputs),
            }
        }
    }

    /// Gives rows to the instances of a component.
    #[inline(always)]
    fn feed_one(
        &mut self,
        reader: Reader,
        stream: usize,
        (batch, ends): (&Batch, &[u32]),
        outputs: &mut Outputs,
    ) {
        if reader.end - reader.first > 1 {
            return self.feed_picked(reader, stream, (batch, ends), None, outputs);
        }
        self.current = reader.first as usize;
        let graph = &mut self.list[self.current].graph;
        if !graph.tracks_sends {
            return graph.rows(stream, batch, outputs);
        }
        if let [end] = ends
            && *end as usize == batch.len()
        {
            graph.rows(stream, batch, outputs);
            return graph.send_end(outputs);
        }
        for (rows, end) in pieces(ends, batch.len()) {
            graph.rows(stream, &slice(batch, rows), outputs);
            if end {
                graph.send_end(outputs);
            }
        }
    }

    /// Gives an instance the rows that may matter to it.
    #[inline]
    fn feed_among(
        &mut self,
        reader: Reader,
        stream: usize,
        batch: &Batch,
        picked: Picked<'_>,
        outputs: &mut Outputs,
    ) {
        self.current = reader.first as usize;
        let graph = &mut self.list[self.current].graph;
        graph.rows_among(stream, batch, picked, outputs);
    }

    /// Gives each row to the instance that has its key group, if that has not applied it yet.
    fn feed_picked(
        &mut self,
        reader: Reader,
        stream: usize,
        (batch, ends): (&Batch, &[u32]),
        replay: Option<Replay<'_>>,
        outputs: &mut Outputs,
    ) {
        let places = reader.first as usize..reader.end as usize;
        let tracks_sends = self.list[places.start].graph.tracks_sends;
        let whole = [(0..batch.len(), false)];
        let by_send = pieces(ends, batch.len()).filter(|_| tracks_sends);
        for (rows, end) in by_send.chain(whole.into_iter().filter(|_| !tracks_sends)) {
            self.pick(reader, stream, batch, rows.clone(), replay);
            for place in places.clone() {
                let picked = std::mem::take(&mut self.picked[place - places.start]);
                self.current = place;
                if picked.len() == batch.len() {
                    self.list[place].graph.rows(stream, batch, outputs);
                } else if !picked.is_empty() {
                    let mut part = self.part[stream]
                        .take()
                        .unwrap_or_else(|| Batch::like(batch));
                    part.clear();
                    part.append(batch, &RowSet::Picked(&picked));
                    self.list[place].graph.rows(stream, &part, outputs);
                    self.part[stream] = Some(part);
                }
                // A send of which all rows were applied before has ended before.
                let goes_on = |r: Replay<'_>| r.numbers[rows.end - 1] > r.applied[place].number;
                self.in_send[place] |= !picked.is_empty() || replay.is_some_and(goes_on);
                if end && std::mem::take(&mut self.in_send[place]) {
                    self.list[place].graph.send_end(outputs);
                }
                self.picked[place - places.start] = picked;
            }
        }
    }

    /// Fills in which of the rows go to which instance of a component.
    fn pick(
        &mut self,
        reader: Reader,
        stream: usize,
        batch: &Batch,
        rows: Range<usize>,
        replay: Option<Replay<'_>>,
    ) {
        let places = reader.first as usize..reader.end as usize;
        let member = &self.members[reader.component as usize];
        let entry = member.entries.iter().find(|e| e.stream == stream);
        let keys = entry.map_or(&[][..], |e| e.columns.as_slice());
        self.picked.iter_mut().for_each(Vec::clear);
        let picked = &mut self.picked;
        let mut pick = |row: usize, place: usize| {
            if replay.is_none_or(|r| r.numbers[row] > r.applied[places.start + place].number) {
                picked[place].push(row as u32);
            }
        };
        if places.len() == 1 {
            return rows.for_each(|row| pick(row, 0));
        }
        let keys: SmallVec<[&Column; 4]> = keys.iter().map(|c| &batch.columns[*c]).collect();
        let instances = &self.list[places.clone()];
        each_key_group(&keys, rows, &mut self.key, |row, group| {
            let mut all = instances.iter();
            let place = all.position(|i| i.groups.contains(&(group as u16)));
            pick(
                row,
                place.expect("every key group of this worker has an instance here"),
            );
        });
    }

    /// What begins with the app, and has not yet, begins at `now`.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.list.iter_mut().for_each(|i| i.graph.begin(now));
    }

    /// The clock reached `now`: fires what is due.
    pub(crate) fn fire(&mut self, now: Timestamp, outputs: &mut Outputs) {
        for i in 0..self.timed.len() {
            self.fire_at(self.timed[i].0, now, outputs);
        }
    }

    /// Rows of a stream moved the clock: fires the instances that did not get them. One that did has had its timers
    /// fired by its own copy of the rows.
    #[inline]
    pub(crate) fn fire_others(
        &mut self,
        stream: usize,
        replay: bool,
        now: Timestamp,
        outputs: &mut Outputs,
    ) {
        // Both are in the order of their components.
        let mut readers = 0;
        for i in 0..self.timed.len() {
            let (place, component) = self.timed[i];
            let of_stream = &self.readers[stream];
            let before = |r: &Reader| (r.component as usize) < component;
            while of_stream.get(readers).is_some_and(before) {
                readers += 1;
            }
            let got = |r: &Reader| r.component as usize == component && r.end - r.first == 1;
            if replay || !of_stream.get(readers).is_some_and(got) {
                self.fire_at(place, now, outputs);
            }
        }
    }

    fn fire_at(&mut self, place: usize, now: Timestamp, outputs: &mut Outputs) {
        self.current = place;
        self.list[place].graph.clock(now, outputs);
    }

    /// Whether anything here depends on the clock.
    #[inline]
    pub(crate) fn is_timed(&self) -> bool {
        !self.timed.is_empty()
    }

    /// When the next timer is due.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let due = |(place, _): &(usize, usize)| self.list[*place].graph.due();
        self.timed.iter().filter_map(due).min()
    }

    /// Closes what is open, as if its time had come.
    pub(crate) fn close(&mut self, outputs: &mut Outputs) {
        for instance in &mut self.list {
            instance.graph.close(outputs);
        }
    }

    /// Marks the queries of which rows would come then.
    pub(crate) fn mark_open(&mut self, open: &mut [bool]) {
        let graphs = self.list.iter_mut().map(|i| &mut i.graph);
        graphs.for_each(|graph| graph.mark_open(open));
    }

    /// The query whose operator worked last.
    pub(crate) fn current_query(&self) -> usize {
        let current = self.list.get(self.current);
        current.map_or(0, |i| i.graph.current_query())
    }

    /// The counters of all operators. `late`: late rows by query.
    pub(crate) fn counters(&self, late: &mut [u64]) -> Counters {
        let mut counters = Counters::default();
        for instance in &self.list {
            instance.graph.count(&mut counters, late);
        }
        counters
    }
}

/// The sends in a batch: their rows, and whether the send ends behind them.
fn pieces(ends: &[u32], len: usize) -> impl Iterator<Item = (Range<usize>, bool)> + '_ {
    let starts = std::iter::once(0).chain(ends.iter().map(|e| *e as usize));
    let ended = ends.iter().map(|e| (*e as usize, true));
    let rest = ends.last().is_none_or(|e| (*e as usize) < len);
    let all = ended.chain(rest.then_some((len, false)));
    starts
        .zip(all)
        .map(|(first, (end, ends))| (first..end, ends))
}

/// A copy of some rows.
pub(crate) fn slice(batch: &Batch, rows: Range<usize>) -> Batch {
    let mut to = Batch::like(batch);
    to.append(batch, &RowSet::Range(rows));
    to
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests;
