//! Where rows leave the engine: callbacks on the worker, and subscriptions for a thread of the user.

use crate::event::Batch;
use crossbeam::channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Batches that a subscription holds before the worker waits for its reader: at 256 rows of 50 bytes some 13 MB.
pub(crate) const SUBSCRIPTION_BATCHES_MAX: usize = 1_024;

/// A reader of a stream on the worker's thread.
pub(crate) enum Output {
    /// One closure for all workers.
    Shared(Arc<dyn Fn(&Batch) + Send + Sync>),
    /// This worker's own.
    Own(Box<dyn FnMut(&Batch) + Send>),
    /// A subscription.
    Channel(Sender<Batch>),
}

/// The readers of all streams on one worker.
#[derive(Default)]
pub(crate) struct Outputs {
    streams: Vec<Vec<Output>>,
    /// Batches that found their subscription full, in order.
    waiting: VecDeque<(Sender<Batch>, Batch)>,
    pub(crate) rows: u64,
}

impl Outputs {
    /// No readers of `streams` streams.
    pub(crate) fn new(streams: usize) -> Self {
        Outputs {
            streams: (0..streams).map(|_| Vec::new()).collect(),
            ..Outputs::default()
        }
    }

    /// Adds a reader.
    pub(crate) fn add(&mut self, stream: usize, output: Output) {
        self.streams[stream].push(output);
    }

    /// Shows rows to the readers of their stream.
    #[inline]
    pub(crate) fn show(&mut self, stream: usize, batch: &Batch) {
        let outputs = &mut self.streams[stream];
        if outputs.is_empty() {
            return;
        }
        self.rows += batch.len() as u64;
        let mut gone = false;
        for output in outputs.iter_mut() {
            match output {
                Output::Shared(callback) => callback(batch),
                Output::Own(callback) => callback(batch),
                Output::Channel(sender) if self.waiting.is_empty() => {
                    match sender.try_send(batch.clone()) {
                        Ok(()) => {}
                        Err(TrySendError::Full(batch)) => {
                            self.waiting.push_back((sender.clone(), batch))
                        }
                        Err(TrySendError::Disconnected(_)) => gone = true,
                    }
                }
                Output::Channel(sender) => self.waiting.push_back((sender.clone(), batch.clone())),
            }
        }
        if gone {
            outputs.retain(|o| !matches!(o, Output::Channel(s) if s.try_send(Batch::default()).is_err_and(closed)));
        }
    }

    /// Gives waiting batches to their subscriptions; false while one is full.
    pub(crate) fn deliver(&mut self) -> bool {
        while let Some((sender, batch)) = self.waiting.pop_front() {
            if let Err(TrySendError::Full(batch)) = sender.try_send(batch) {
                self.waiting.push_front((sender, batch));
                return false;
            }
        }
        true
    }

    /// Forgets all readers: subscriptions end.
    pub(crate) fn close(&mut self) {
        self.streams.iter_mut().for_each(Vec::clear);
        self.waiting.clear();
    }
}

fn closed(error: TrySendError<Batch>) -> bool {
    matches!(error, TrySendError::Disconnected(_))
}

/// The rows of a stream for a thread of the user.
///
/// Batches wait in a bounded queue; while it is full the worker waits, and inputs feel it.
#[derive(Debug)]
pub struct Subscription {
    receiver: Receiver<Batch>,
}

/// A subscription and its sender.
pub(crate) fn subscription() -> (Sender<Batch>, Subscription) {
    let (sender, receiver) = bounded(SUBSCRIPTION_BATCHES_MAX);
    (sender, Subscription { receiver })
}

impl Subscription {
    /// The next rows; waits for them. `None` when the app has shut down and all rows were read.
    pub fn recv(&self) -> Option<Batch> {
        self.receiver.recv().ok()
    }

    /// The next rows, waiting at most this long; `None` also when none came.
    pub fn recv_timeout(&self, wait: Duration) -> Option<Batch> {
        self.receiver.recv_timeout(wait).ok()
    }

    /// The next rows if there are any now.
    pub fn try_recv(&self) -> Option<Batch> {
        match self.receiver.try_recv() {
            Ok(batch) => Some(batch),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        }
    }

    /// All further rows, until the app shuts down.
    pub fn iter(&self) -> impl Iterator<Item = Batch> + '_ {
        self.receiver.iter()
    }
}
