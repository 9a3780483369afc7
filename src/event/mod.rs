//! What flows: values, columns, batches and the schema that describes them. Knows no other folder.

mod batch;
mod column;
mod instant;
mod iso;
mod schema;
mod time;
mod value;

pub use batch::{Batch, Sign};
pub use column::{Column, Data};
pub(crate) use column::{Element, each_vec, extend_pairs};
pub(crate) use instant::{Zone, at_offset};
pub(crate) use iso::parse_instant;
pub use schema::{Attribute, Schema};
pub use time::Timestamp;
pub use value::{Str, Type, Value};
