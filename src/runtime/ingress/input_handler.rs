//! An input of one stream.

use super::input::Input;
use super::row::Row;
use crate::error::{SendError, TrySendError};
use crate::event::{ColumnBatch, Timestamp};
use std::fmt;

/// An [`Input`] narrowed to one stream.
#[must_use = "dropping it closes it"]
pub struct InputHandler {
    input: Input,
    stream: usize,
}

impl fmt::Debug for InputHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputHandler")
            .field("input", &self.input)
            .field("stream", &self.stream)
            .finish()
    }
}

impl InputHandler {
    pub(crate) fn new(input: Input, stream: usize) -> Self {
        InputHandler {
            input: input.of_stream(stream),
            stream,
        }
    }

    /// Sends a row; see [`Input::send`].
    #[inline]
    pub fn send(&mut self, row: impl Row) -> Result<(), SendError> {
        self.input.send_row(self.stream, None, &row, true)
    }

    /// Sends a row with its time; see [`Input::send_at`].
    #[inline]
    pub fn send_at(&mut self, at: Timestamp, row: impl Row) -> Result<(), SendError> {
        self.input.send_row(self.stream, Some(at), &row, true)
    }

    /// Sends a row if there is room now; otherwise gives it back with the reason.
    pub fn try_send<R: Row>(
        &mut self,
        at: Option<Timestamp>,
        row: R,
    ) -> Result<(), TrySendError<R>> {
        let sent = self.input.send_row(self.stream, at, &row, false);
        sent.map_err(|reason| TrySendError { row, reason })
    }

    /// Sends whole columns; see [`Input::send_columns`].
    pub fn send_columns(&mut self, columns: &mut ColumnBatch) -> Result<(), SendError> {
        self.input.send_columns_to(self.stream, columns, false)
    }

    /// Moves the clock on; see [`Input::advance_clock`].
    pub fn advance_clock(&mut self, to: Timestamp) -> Result<(), SendError> {
        self.input.advance_clock(to)
    }
}
