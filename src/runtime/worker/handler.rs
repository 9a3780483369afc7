//! Operators of the user: rows in, and state that is part of checkpoints.
//!
//! A handler is known by its name. It has one copy per worker; in checkpoints the copies of a worker stand as an
//! instance of their own, numbered from [`HANDLERS`] on, and each handler as a node of it.

use crate::checkpoint::{ContainerKind, QueryRecord, StageRecord};
use crate::event::Batch;
use crate::state::{Describe, StateHolder};
use parking_lot::Mutex;
use std::sync::Arc;

/// The instance of the handlers of worker 0.
pub(crate) const HANDLERS: u32 = 1 << 31;

/// What stands before the name of a handler where queries and handlers are listed together: no query begins so.
const MARK: &str = "handler ";

/// An operator of the user's own: it sees the rows of a stream on the worker that makes them.
///
/// What it lists in [`StateHolder::state`] is captured, stored and restored with the app's own state, at the same
/// point: after some row, before the next. It must not block, and must not call its app.
///
/// ```
/// use eventflux::{Batch, EventFluxManager, RowHandler, RuntimeConfig, Workers};
/// use eventflux::state::{Cells, StateHolder, Visitor};
///
/// /// Counts rows by length of their text.
/// #[derive(Default)]
/// struct Lengths {
///     counts: Cells<u64>,
/// }
///
/// impl StateHolder for Lengths {
///     fn state(&mut self, visitor: &mut dyn Visitor) {
///         visitor.container("counts", &mut self.counts);
///     }
/// }
///
/// impl RowHandler for Lengths {
///     fn rows(&mut self, batch: &Batch) {
///         for row in 0..batch.len() {
///             let length = batch.value(row, 0).to_string().len();
///             self.counts.ensure(length + 1);
///             *self.counts.get_mut(length as u32) += 1;
///         }
///     }
/// }
///
/// let app = "@app:name('lengths') CREATE STREAM S (text STRING); INSERT INTO Out SELECT text FROM S;";
/// let runtime = EventFluxManager::new().create_with(app, RuntimeConfig::default().workers(Workers::Inline))?;
/// runtime.add_row_handler("Out", "lengths", |_worker| Lengths::default())?;
/// runtime.start()?;
/// runtime.input()?.send("S", ("five!",))?;
/// let snapshot = runtime.snapshot()?;
/// # runtime.restore(&snapshot)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait RowHandler: StateHolder + Send {
    /// Rows of the stream, in order.
    fn rows(&mut self, batch: &Batch);
}

type Factory = Mutex<Box<dyn FnMut(usize) -> Box<dyn RowHandler> + Send>>;

/// How a handler is made.
#[derive(Clone)]
pub(crate) struct HandlerKind {
    pub(crate) stream: usize,
    /// As manifests know it.
    pub(crate) record: QueryRecord,
    factory: Arc<Factory>,
}

impl HandlerKind {
    /// A handler of this name for the rows of a stream: its number, and what it is called.
    pub(crate) fn new(
        (stream, stream_name): (usize, &str),
        name: &str,
        factory: impl FnMut(usize) -> Box<dyn RowHandler> + Send + 'static,
    ) -> Self {
        let mut kind = HandlerKind {
            stream,
            record: QueryRecord {
                id: format!("{MARK}{name}"),
                text: format!("{MARK}{name} of {stream_name}"),
                fingerprint: 0,
                stages: Vec::new(),
            },
            factory: Arc::new(Mutex::new(Box::new(factory))),
        };
        let mut describe = Describe::default();
        kind.make(0).state(&mut describe);
        let containers = describe.containers.into_iter();
        kind.record.stages.push(StageRecord {
            name: String::new(),
            containers: containers
                .map(|(name, layout)| ContainerKind { name, layout })
                .collect(),
        });
        kind
    }

    /// A new copy for a worker, which remembers nothing.
    pub(crate) fn make(&self, worker: usize) -> Box<dyn RowHandler> {
        (self.factory.lock())(worker)
    }
}
