//! How rows come in: an application writes them through `input` or `input_handler`, one by one (`row`, of types that
//! `row_type` makes) or as columns (`column_batch`); `arrival` gives them time, clock and cause, and `dispatch` takes
//! them to the workers that want them. The room names what the app shares and the lanes to its workers, and never what
//! a worker does with a row: an inline app has no lane, so whoever sends enters the worker through what is shared.

pub(crate) mod arrival;
pub(crate) mod column_batch;
pub(crate) mod dispatch;
pub(crate) mod input;
pub(crate) mod input_handler;
pub(crate) mod row;
mod row_type;
