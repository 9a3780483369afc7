//! Windows: which rows are held, and when they leave.
//!
//! A window passes on `+` rows as they enter and `−` rows as they leave (sliding windows), or whole flushes (batch
//! windows). Nothing behind a window needs to know which one it was.

mod batch;
mod clock;
mod held;
mod length;
mod panes;
mod time;

pub(crate) use batch::{LengthBatch, SendBatch};
pub(crate) use clock::Due;
pub(crate) use held::Held;
pub(crate) use length::Length;
pub(crate) use panes::{PaneRows, Panes};
pub(crate) use time::{Start, Time, TimeBatch};
