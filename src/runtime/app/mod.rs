//! Apps as the application sees them: `manager` makes them, `handle` starts and stops one and reads it, `connect` runs
//! the sources and sinks of its streams (`foreign_options`: what others call their options), `metrics` are its numbers,
//! `question` asks its tables and named windows (`reach`: and aggregations; `answer`), `load` fills tables, `script`
//! reads files by name, `worker_thread` is the loop of a pinned worker. What needs several rooms at once stands here:
//! the room may name every other, and none names it.

pub(crate) mod answer;
pub(crate) mod connect;
mod foreign_options;
pub(crate) mod handle;
pub(crate) mod load;
pub(crate) mod manager;
pub(crate) mod metrics;
pub(crate) mod question;
mod reach;
pub(crate) mod script;
pub(crate) mod worker_thread;
