//! How rows come in: an application writes them through `input` or `input_handler`, one by one (`row`) or as columns
//! (`column_batch`); `moments` gives them time, clock and cause, and `door` takes them to the workers that want them.
//! The room names what the app shares and the lanes to its workers; an inline app has no lane, so it also enters the
//! worker itself.

pub(crate) mod column_batch;
pub(crate) mod door;
pub(crate) mod input;
pub(crate) mod input_handler;
pub(crate) mod moments;
pub(crate) mod row;
