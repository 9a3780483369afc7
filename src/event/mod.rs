//! What flows: values, columns, batches and the schema that describes them. Knows no other folder.

mod batch;
mod column;
mod column_batch;
mod date_text;
mod dictionary;
mod from_row;
mod instant;
mod iso;
mod output_number;
mod period;
mod row_view;
mod rows;
mod schema;
mod time;
mod value;

pub(crate) use batch::Mark;
pub use batch::{Batch, Sign};
pub use column::{Column, Data};
pub(crate) use column::{ColumnValue, each_vec, extend_pairs};
pub use column_batch::ColumnBatch;
pub(crate) use date_text::{FormatPattern, ParsePattern};
pub use dictionary::{Dictionary, DictionaryError};
pub use from_row::{FieldError, FromField, FromRow, RowReader};
pub(crate) use instant::{Zone, in_calendar};
pub(crate) use iso::{parse_instant, parse_instant_in};
pub use output_number::OutputNumber;
pub use period::Granularity;
pub(crate) use period::{CALENDAR, DATED, Period, period};
pub(crate) use row_view::{RowView, Scalar};
pub(crate) use rows::RowSet;
pub use schema::{Attribute, Schema};
pub use time::Timestamp;
pub use value::{Str, Type, Value};
