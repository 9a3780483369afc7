//! One worker's part in a checkpoint: cut, drain, settle.
//!
//! The cut touches no slot. The worker makes it in front of a step, where its own caches hold what is shifted, or
//! whoever owns the barrier's lock does. What it leaves is encoded in slices: by the worker between its steps, or,
//! where no worker runs, by the checkpoint thread under the lock. Encoded bytes leave in pieces over a bounded channel;
//! while it is full the slices do nothing and rows go on.

use super::Core;
use crate::event::Timestamp;
use crate::runtime::position::input_position::InputCut;
use crate::runtime::worker::handler::{HANDLERS, RowHandler};
use crate::state::{Cut, CutRecord, Drain, Rebase, Settle, StateHolder, Track, Untrack};
use crossbeam::channel::{Receiver, Sender, TrySendError};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A piece is handed on when it has this many bytes: a chunk of about a megabyte.
const PIECE_BYTES: usize = (1 << 20) - (128 << 10);

/// How long a slice of encoding lasts, within the section that it is at.
const SLICE: Duration = Duration::from_micros(20);

/// Sections of one checkpoint, encoded by one worker.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) epoch: u64,
    pub(crate) bytes: Vec<u8>,
    /// The worker has nothing more for this epoch.
    pub(crate) last: bool,
}

/// What a cut is told.
#[derive(Clone)]
pub(crate) struct CutOrder {
    pub(crate) epoch: u64,
    /// Whether the epoch before is durable; `None` where it was settled already.
    pub(crate) committed: Option<bool>,
    pub(crate) rebase: Arc<Rebase>,
    /// Everything is captured whole.
    pub(crate) whole: bool,
    pub(crate) pieces: Sender<Piece>,
    /// Spent buffers.
    pub(crate) spare: Receiver<Vec<u8>>,
}

/// What a cut knows of an instance.
#[derive(Clone, Debug)]
pub(crate) struct InstanceCut {
    pub(crate) id: u32,
    pub(crate) component: usize,
    pub(crate) groups: Range<u16>,
}

/// What a cut found on one worker.
#[derive(Debug)]
pub(crate) struct CoreCut {
    pub(crate) record: CutRecord,
    pub(crate) instances: Vec<InstanceCut>,
    pub(crate) now: Timestamp,
    pub(crate) inputs: Vec<InputCut>,
    /// By stream: group and number of the last row.
    pub(crate) numbers: Vec<Vec<(u16, u64)>>,
    /// How many handlers of the user there are.
    pub(crate) handlers: usize,
    /// How long it took.
    pub(crate) pause: Duration,
}

/// How a slice of encoding ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// Nothing is left.
    Complete,
    /// The time was over.
    More,
    /// The channel is full.
    Full,
}

/// A drain under way.
#[derive(Debug)]
pub(crate) struct Capture {
    epoch: u64,
    /// The next instance, by place, and its next node.
    next: (usize, usize),
    out: Vec<u8>,
    pieces: Sender<Piece>,
    spare: Receiver<Vec<u8>>,
}

impl Capture {
    /// Hands the encoded bytes on; false when there is no room.
    fn hand_on(&mut self, last: bool) -> bool {
        let piece = Piece {
            epoch: self.epoch,
            bytes: std::mem::take(&mut self.out),
            last,
        };
        match self.pieces.try_send(piece) {
            Ok(()) => {
                self.out = self.spare.try_recv().unwrap_or_default();
                true
            }
            // Nobody listens to this epoch any more: it will be settled as failed.
            Err(TrySendError::Disconnected(_)) => true,
            Err(TrySendError::Full(piece)) => {
                self.out = piece.bytes;
                false
            }
        }
    }
}

impl Core {
    /// Calls `f` with every holder of state: instance, node, and the holder.
    fn holders(&mut self, f: &mut dyn FnMut(u32, u16, &mut dyn StateHolder)) {
        for instance in self.instances_mut() {
            let id = instance.id;
            instance
                .graph
                .nodes_state(&mut |node, _, _, holder| f(id, node, holder));
        }
        let id = HANDLERS + self.worker as u32;
        for (node, handler) in self.outputs.handlers().into_iter().enumerate() {
            f(id, node as u16, handler.as_mut());
        }
    }

    /// Begins to track what changes. `committed`: whether the last revision holds what an instance holds.
    pub(crate) fn track(&mut self, committed: &dyn Fn(u32) -> bool) {
        self.holders(&mut |instance, _, holder| {
            holder.state(&mut Track {
                committed: committed(instance),
            });
        });
    }

    /// Puts other handlers of the user in the place of those here; returns these.
    pub(crate) fn replace_handlers(
        &mut self,
        handlers: Vec<Box<dyn RowHandler>>,
    ) -> Vec<Box<dyn RowHandler>> {
        let old = self.outputs.handlers().into_iter().zip(handlers);
        old.map(|(old, new)| std::mem::replace(old, new)).collect()
    }

    /// Tracks no more.
    pub(crate) fn untrack(&mut self) {
        self.holders(&mut |_, _, holder| holder.state(&mut Untrack));
    }

    /// Captures the state as it is now; what is to be encoded is left to [`Core::drain`].
    pub(crate) fn cut(&mut self, order: CutOrder) -> CoreCut {
        let begun = Instant::now();
        let mut record = CutRecord::default();
        self.holders(&mut |instance, node, holder| {
            let cut = Cut::new(instance, node, &order.rebase, order.whole, &mut record);
            let mut cut = cut.behind(order.committed);
            holder.state(&mut cut);
            cut.end();
        });
        let instance = |i: &crate::runtime::worker::instance::Instance| InstanceCut {
            id: i.id,
            component: i.component,
            groups: i.groups.clone(),
        };
        let instances = self.instances_mut().iter().map(instance).collect();
        self.capture = Some(Capture {
            epoch: order.epoch,
            next: (0, 0),
            out: order.spare.try_recv().unwrap_or_default(),
            pieces: order.pieces,
            spare: order.spare,
        });
        CoreCut {
            record,
            instances,
            now: self.now(),
            inputs: self.cut_inputs(),
            numbers: self.outputs.numbers(),
            handlers: self.outputs.handlers().len(),
            pause: begun.elapsed(),
        }
    }

    /// Whether something of a cut is still to be encoded or handed on.
    #[inline]
    pub(crate) fn is_draining(&self) -> bool {
        self.capture.is_some()
    }

    /// One slice of encoding.
    pub(crate) fn drain(&mut self) -> Drained {
        let Some(mut capture) = self.capture.take() else {
            return Drained::Complete;
        };
        let begun = Instant::now();
        let drained = loop {
            let complete = self.encode(&mut capture);
            let full = capture.out.len() >= PIECE_BYTES;
            if (full || complete) && !capture.hand_on(complete) {
                break Drained::Full;
            }
            if complete {
                return Drained::Complete;
            }
            if begun.elapsed() >= SLICE {
                break Drained::More;
            }
        };
        self.capture = Some(capture);
        drained
    }

    /// Encodes one section; true when none is left.
    fn encode(&mut self, capture: &mut Capture) -> bool {
        if capture.out.len() >= PIECE_BYTES {
            return false;
        }
        while let Some(instance) = self.instances_mut().get_mut(capture.next.0) {
            let id = instance.id;
            let (mut place, mut worked) = (0, false);
            instance.graph.nodes_state(&mut |node, _, _, holder| {
                if !worked && place == capture.next.1 {
                    let before = capture.out.len();
                    let mut drain = Drain::new(id, node, 1, &mut capture.out);
                    holder.state(&mut drain);
                    if drain.complete {
                        capture.next.1 += 1;
                    }
                    worked = capture.out.len() > before;
                }
                place += 1;
            });
            if capture.next.1 == place {
                capture.next = (capture.next.0 + 1, 0);
            }
            if worked {
                return false;
            }
        }
        self.encode_handlers(capture)
    }

    /// As [`Core::encode`], of the handlers of the user.
    fn encode_handlers(&mut self, capture: &mut Capture) -> bool {
        let id = HANDLERS + self.worker as u32;
        let before = capture.out.len();
        for (node, handler) in self.outputs.handlers().into_iter().enumerate() {
            let mut drain = Drain::new(id, node as u16, 1, &mut capture.out);
            handler.state(&mut drain);
            if capture.out.len() > before {
                return false;
            }
        }
        true
    }

    /// The epoch of the last cut is durable, or it failed; what it encoded so far is dropped then.
    pub(crate) fn settle(&mut self, committed: bool) {
        self.capture = None;
        self.holders(&mut |_, _, holder| holder.state(&mut Settle { committed }));
    }
}
