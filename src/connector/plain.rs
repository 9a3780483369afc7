//! Plain text: each line is a row of one STRING, in and out.
//!
//! In: blank lines are rows, too, of the empty text or of blanks; a byte order mark and the line end are not part of a
//! row. The time of a row is what a regular expression finds in it; a line in which it finds nothing has none of its
//! own, as the second line of a message that has two. Out: NULL is an empty line.

use super::bad_row::BadRow;
use super::text::Text;
use super::time::{self, TimeFinder, TimeText};
use crate::event::{Batch, Data, Sign, Timestamp, Value};

/// Reads lines as rows; keeps the last one.
#[derive(Debug)]
pub(super) struct LineDecoder {
    value: [Value; 1],
    finder: Option<TimeFinder>,
    times: TimeText,
}

impl LineDecoder {
    /// A decoder of lines of which this holds.
    pub(super) fn new(text: &Text) -> Self {
        LineDecoder {
            value: [Value::Null],
            finder: text.finder.clone(),
            times: text.times.clone(),
        }
    }

    /// Takes a line, without its end; its time.
    pub(super) fn decode(&mut self, line: &[u8]) -> Result<Option<Timestamp>, BadRow> {
        let line = std::str::from_utf8(line).map_err(|e| BadRow::Utf8 {
            position: e.valid_up_to() + 1,
        })?;
        let found = self.finder.as_ref().and_then(|finder| finder.find(line));
        let at = found.map(|found| time::cell(found, &self.times));
        let at = at.transpose().map_err(|why| time::bad("the time", why))?;
        self.value = [Value::from(line)];
        Ok(at)
    }

    /// The row of the last line.
    pub(super) fn values(&self) -> &[Value] {
        &self.value
    }
}

/// Appends a line for each row that enters. Answers how many were left out, as they hold a line end and would be
/// several.
pub(super) fn encode(batch: &Batch, out: &mut Vec<u8>) -> usize {
    let mut left_out = 0;
    let Some(Data::String(texts)) = batch.columns().first().map(|column| column.data()) else {
        return batch.len();
    };
    for (row, text) in texts.iter().enumerate() {
        let is_null = batch.columns()[0].is_null(row);
        let text = if is_null { "" } else { text.as_str() };
        if batch.sign(row) == Sign::Minus {
            continue;
        }
        if text.contains('\n') || text.ends_with('\r') {
            left_out += 1;
            continue;
        }
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    }
    left_out
}
