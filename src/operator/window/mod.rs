//! Windows: which rows are held, and when they leave.
//!
//! A window passes on `+` rows as they enter and `−` rows as they leave (sliding windows), or whole flushes (batch
//! windows). Nothing behind a window needs to know which one it was.

mod batch;
mod by_key;
mod clock;
mod collected;
mod condition;
mod condition_scope;
mod condition_source;
#[cfg(test)]
mod conformance;
mod counted;
mod cron;
mod crontab;
mod delay;
mod due_queue;
mod expression;
mod expression_batch;
mod external_batch;
mod external_time;
mod frequent;
mod held;
mod in_order;
mod keys;
mod latest;
mod length;
mod on_time;
mod panes;
mod per_key;
#[cfg(test)]
mod per_key_tests;
mod ranked;
mod session;
mod sessions;
mod sort;
#[cfg(test)]
pub(crate) mod testing;
mod time;
mod time_batch;
mod unique;

pub(crate) use batch::{LengthBatch, SendBatch};
pub(crate) use by_key::ByKey;
pub(crate) use clock::PeriodicTimer;
pub(crate) use collected::Collected;
pub(crate) use condition_scope::bind_expression_window;
pub(crate) use condition_source::ConditionSource;
pub(crate) use cron::Cron;
pub(crate) use crontab::Crontab;
pub(crate) use delay::Delay;
pub(crate) use expression::Expression;
pub(crate) use expression_batch::{ExpressionBatch, ExpressionBatchOptions};
pub(crate) use external_batch::{ExternalSpan, ExternalStart, ExternalTimeBatch};
pub(crate) use external_time::ExternalTime;
pub(crate) use frequent::{Frequent, LossyFrequent};
pub(crate) use held::{Held, show_in_order};
pub(crate) use in_order::{InOrder, REORDER_ROWS_MAX};
pub(crate) use keys::Keys;
pub(crate) use length::Length;
pub(crate) use on_time::OnTime;
pub(crate) use panes::{Admission, PaneRows, Panes};
pub(crate) use per_key::{PerKey, Turning};
pub(crate) use session::SessionWindow;
pub(crate) use sessions::{Entered, Session, SessionId, Sessions};
pub(crate) use sort::{Sort, SortKey};
pub(crate) use time::Time;
pub(crate) use time_batch::{Start, TimeBatch};
pub(crate) use unique::{FirstUnique, Unique};
