//! Operators of the user as the handle of an app takes them.

use super::EventFluxAppRuntime;
use crate::error::RuntimeError;
use crate::runtime::worker::handler::{HandlerKind, RowHandler};
use crate::runtime::worker::output::Output;
use crate::state::Track;

/// Operators of the user.
impl EventFluxAppRuntime {
    /// Shows the rows of a stream to an operator of the user's own, whose state is part of checkpoints.
    ///
    /// `factory` makes the copy of each worker, now and when a checkpoint is restored; register handlers before that,
    /// under the same names. A handler of a stream that several workers write is restored on the same number of
    /// workers only. Errors: [`RuntimeError::UnknownStream`], [`RuntimeError::HandlerTaken`].
    pub fn add_row_handler<H: RowHandler + 'static>(
        &self,
        stream: &str,
        name: &str,
        mut factory: impl FnMut(usize) -> H + Send + 'static,
    ) -> Result<(), RuntimeError> {
        let number = self.stream(stream)?;
        let factory = move |worker| Box::new(factory(worker)) as Box<dyn RowHandler>;
        let kind = HandlerKind::new((number, stream), name, factory);
        let guard = self.shared.lock()?;
        let mut handlers = self.shared.handlers.lock();
        if handlers.iter().any(|h| h.record.id == kind.record.id) {
            return Err(RuntimeError::HandlerTaken(name.to_string()));
        }
        for (worker, cell) in self.shared.cells.iter().enumerate() {
            let mut handler = kind.make(worker);
            if self.snapshots.is_some() {
                handler.state(&mut Track { committed: false });
            }
            let place = handlers.len();
            cell.with_locked(&guard, |core| {
                core.outputs.add(number, Output::Handler(place, handler));
            });
        }
        handlers.push(kind);
        Ok(())
    }
}
