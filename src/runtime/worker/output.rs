//! Where rows leave the engine: callbacks on the worker, and subscriptions for a thread of the user.

use super::handler::RowHandler;
use super::output_number::OutputCounter;
use crate::event::{Batch, OutputNumber};
use crate::plan::{Plan, output_key};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded};
use parking_lot::Mutex;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Batches that a subscription holds before the worker waits for its reader: at 256 rows of 50 bytes some 13 MB.
pub(crate) const SUBSCRIPTION_BATCHES_MAX: usize = 1_024;

/// A closure that wants the number of each row.
pub(crate) type Numbered = Arc<dyn Fn(&Batch, &[OutputNumber]) + Send + Sync>;

/// A reader of a stream on the worker's thread.
pub(crate) enum Output {
    /// One closure for all workers.
    Shared(Arc<dyn Fn(&Batch) + Send + Sync>),
    /// One for all workers that wants the numbers of the rows.
    Numbered(Numbered),
    /// This worker's own.
    Own(Box<dyn FnMut(&Batch) + Send>),
    /// A handler with state, and its place among those of the worker.
    Handler(usize, Box<dyn RowHandler>),
    /// A subscription.
    Channel(Channel),
}

/// The sending side of a subscription.
#[derive(Clone)]
pub(crate) struct Channel {
    sender: Sender<Batch>,
    /// What found no room before the app shut down.
    rest: Arc<Mutex<VecDeque<Batch>>>,
}

impl Output {
    /// Shows rows to it. Returns false where nobody reads any more.
    #[inline]
    fn show(
        &mut self,
        batch: &Batch,
        numbers: &[OutputNumber],
        waiting: &mut VecDeque<(Channel, Batch)>,
    ) -> bool {
        match self {
            Output::Shared(callback) => callback(batch),
            Output::Numbered(callback) => callback(batch, numbers),
            Output::Own(callback) => callback(batch),
            Output::Handler(_, handler) => handler.rows(batch),
            Output::Channel(channel) => return channel.send(batch, waiting),
        }
        true
    }
}

impl Channel {
    /// Sends a copy of rows, behind those that wait for room. Returns false where nobody reads any more.
    fn send(&self, batch: &Batch, waiting: &mut VecDeque<(Channel, Batch)>) -> bool {
        if !waiting.is_empty() {
            waiting.push_back((self.clone(), batch.clone()));
            return true;
        }
        match self.sender.try_send(batch.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(batch)) => {
                waiting.push_back((self.clone(), batch));
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

/// The readers of all streams on one worker.
pub(crate) struct Outputs {
    streams: Vec<Vec<Output>>,
    /// By stream.
    counters: Vec<OutputCounter>,
    /// Causes of the rows at hand that came too late for some query.
    pub(crate) late_causes: HashSet<u64>,
    /// Batches that found their subscription full, in order.
    waiting: VecDeque<(Channel, Batch)>,
    pub(crate) rows: u64,
    /// The stream whose readers are at work: after a panic it was one of them.
    calling: Option<usize>,
}

impl Outputs {
    /// The streams of a plan without readers.
    pub(crate) fn new(plan: &Plan) -> Self {
        let streams = 0..plan.streams.len();
        Outputs {
            streams: streams.clone().map(|_| Vec::new()).collect(),
            counters: streams
                .map(|s| OutputCounter::new(output_key(plan, s)))
                .collect(),
            late_causes: HashSet::new(),
            waiting: VecDeque::new(),
            rows: 0,
            calling: None,
        }
    }

    /// Adds a reader.
    pub(crate) fn add(&mut self, stream: usize, output: Output) {
        self.streams[stream].push(output);
    }

    /// The handlers with state, in the order in which they were added.
    pub(crate) fn handlers(&mut self) -> Vec<&mut Box<dyn RowHandler>> {
        let all = self.streams.iter_mut().flatten();
        let mut handlers: Vec<_> = all
            .filter_map(|output| match output {
                Output::Handler(place, handler) => Some((*place, handler)),
                _ => None,
            })
            .collect();
        handlers.sort_by_key(|(place, _)| *place);
        handlers.into_iter().map(|(_, handler)| handler).collect()
    }

    /// Numbers the rows of a stream from now on. Errors: why they have no numbers, and what to do.
    pub(crate) fn begin_numbers(&mut self, stream: usize) -> Result<(), String> {
        self.counters[stream].begin()
    }

    /// By stream: the last number given in each group that has one. Part of a worker's state.
    pub(crate) fn numbers(&self) -> Vec<Vec<(u16, u64)>> {
        self.counters.iter().map(OutputCounter::last).collect()
    }

    /// Goes on from these numbers. A worker may get those of all workers: the owner of a group has the largest
    /// number of it from then on, so that the numbers of all workers are put together by taking it.
    pub(crate) fn set_numbers(&mut self, numbers: &[Vec<(u16, u64)>]) {
        for (counter, last) in self.counters.iter_mut().zip(numbers) {
            counter.set(last);
        }
    }

    /// Shows rows to the readers of their stream.
    #[inline]
    pub(crate) fn show(&mut self, stream: usize, batch: &Batch) {
        let (outputs, counter) = (&mut self.streams[stream], &mut self.counters[stream]);
        let numbered = |output: &Output| matches!(output, Output::Numbered(_));
        let numbers = match outputs.iter().any(numbered) {
            true => counter.number(batch),
            false => {
                counter.count(batch);
                &[]
            }
        };
        if outputs.is_empty() {
            return;
        }
        self.rows += batch.len() as u64;
        self.calling = Some(stream);
        let waiting = &mut self.waiting;
        let mut place = 0;
        while let Some(output) = outputs.get_mut(place) {
            match output.show(batch, numbers, waiting) {
                true => place += 1,
                false => drop(outputs.remove(place)),
            }
        }
        self.calling = None;
    }

    /// The stream whose readers are at work.
    pub(crate) fn calling(&self) -> Option<usize> {
        self.calling
    }

    /// Gives waiting batches to their subscriptions; false while one is full.
    #[inline]
    pub(crate) fn deliver(&mut self) -> bool {
        self.waiting.is_empty() || self.deliver_waiting()
    }

    fn deliver_waiting(&mut self) -> bool {
        while let Some((channel, batch)) = self.waiting.pop_front() {
            if let Err(TrySendError::Full(batch)) = channel.sender.try_send(batch) {
                self.waiting.push_front((channel, batch));
                return false;
            }
        }
        true
    }

    /// Leaves what waits to the subscriptions and gives all readers back: when they are dropped, subscriptions end.
    pub(crate) fn close(&mut self) -> Vec<Output> {
        for (channel, batch) in self.waiting.drain(..) {
            channel.rest.lock().push_back(batch);
        }
        self.streams.iter_mut().flat_map(|s| s.drain(..)).collect()
    }
}

/// The rows of a stream for a thread of the user.
///
/// Batches wait in a bounded queue; while it is full the worker waits, and inputs feel it. A shutdown does not wait:
/// what is then in the lanes can still be read.
#[derive(Debug)]
#[must_use = "rows wait in it until they are read"]
pub struct Subscription {
    receiver: Receiver<Batch>,
    rest: Arc<Mutex<VecDeque<Batch>>>,
}

/// A subscription and its sending side.
pub(crate) fn subscription() -> (Channel, Subscription) {
    let (sender, receiver) = bounded(SUBSCRIPTION_BATCHES_MAX);
    let rest = Arc::new(Mutex::new(VecDeque::new()));
    let channel = Channel {
        sender,
        rest: Arc::clone(&rest),
    };
    (channel, Subscription { receiver, rest })
}

impl Subscription {
    /// The next rows; waits for them. `None` when the app has shut down and all rows were read.
    pub fn recv(&self) -> Option<Batch> {
        self.receiver.recv().ok().or_else(|| self.rest())
    }

    /// The next rows, waiting at most this long; `None` also when none came.
    pub fn recv_timeout(&self, wait: Duration) -> Option<Batch> {
        match self.receiver.recv_timeout(wait) {
            Ok(batch) => Some(batch),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => self.rest(),
        }
    }

    /// The next rows if there are any now.
    pub fn try_recv(&self) -> Option<Batch> {
        match self.receiver.try_recv() {
            Ok(batch) => Some(batch),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => self.rest(),
        }
    }

    /// All further rows, until the app shuts down.
    pub fn iter(&self) -> impl Iterator<Item = Batch> + '_ {
        std::iter::from_fn(|| self.recv())
    }

    fn rest(&self) -> Option<Batch> {
        self.rest.lock().pop_front()
    }
}
