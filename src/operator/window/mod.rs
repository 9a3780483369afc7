//! Windows: which rows are held, and when they leave.
//!
//! A window passes on `+` rows as they enter and `−` rows as they leave (sliding windows), or whole flushes (batch
//! windows). Nothing behind a window needs to know which one it was.

mod batch;
mod clock;
mod delay;
mod external_batch;
mod external_time;
mod held;
mod keys;
mod length;
mod panes;
mod session;
mod sessions;
#[cfg(test)]
mod testing;
mod time;
mod time_length;

pub(crate) use batch::{LengthBatch, SendBatch};
pub(crate) use clock::Due;
pub(crate) use delay::Delay;
pub(crate) use external_batch::{ExternalSpan, ExternalStart, ExternalTimeBatch};
pub(crate) use external_time::ExternalTime;
pub(crate) use held::Held;
pub(crate) use length::Length;
pub(crate) use panes::{PaneRows, Panes};
pub(crate) use session::SessionWindow;
pub(crate) use time::{Start, Time, TimeBatch};
pub(crate) use time_length::TimeLength;
