//! Rows as a table, for people.
//!
//! The rows of a run come without end, so a table is made of pieces: so many rows that come one after the other, or
//! what there is when somebody waits. Its columns keep their widths from piece to piece, and only grow.

use crate::state::text::plain;
use comfy_table::{CellAlignment, ColumnConstraint, LineStyle, Table as Piece, TableStyle, Width};
use eventflux::event::{Batch, Schema, Sign, Timestamp, Type, Value};
use std::io::{self, IsTerminal};
use std::sync::Arc;

/// Rows of one piece.
const PIECE_ROWS: usize = 1000;
/// A line under the names of the columns, and no other.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// The columns of a table.
#[derive(Debug)]
pub struct TableShape {
    /// The stream, where it is told.
    stream: Option<String>,
    times: bool,
    /// Name, and whether its values stand at the right.
    columns: Vec<(String, bool)>,
}

impl TableShape {
    /// Of rows of this schema; `times`: with the time of each.
    pub fn new(schema: &Schema, stream: Option<&str>, times: bool) -> Self {
        let mut columns = Vec::new();
        if times {
            columns.push(("at".to_string(), false));
        }
        columns.extend(schema.attributes().iter().map(|a| {
            let right = !matches!(a.ty, Type::Bool | Type::String);
            (plain(&a.name), right)
        }));
        TableShape {
            stream: stream.map(plain),
            times,
            columns,
        }
    }
}

/// What is not written yet.
#[derive(Default)]
pub struct TableWriter {
    shape: Option<Arc<TableShape>>,
    rows: Vec<Vec<String>>,
    widths: Vec<u16>,
    /// The names of the columns stand above.
    begun: bool,
}

impl TableWriter {
    /// Adds rows; writes pieces that are complete.
    pub fn add(&mut self, shape: &Arc<TableShape>, batch: &Batch, text: &mut Vec<u8>) {
        if !self
            .shape
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, shape))
        {
            self.write(text);
            *self = TableWriter {
                shape: Some(Arc::clone(shape)),
                begun: false,
                ..TableWriter::default()
            };
        }
        for row in 0..batch.len() {
            let mut cells = Vec::with_capacity(shape.columns.len());
            if shape.times {
                let sign = match batch.sign(row) {
                    Sign::Plus => "",
                    Sign::Minus => " -",
                };
                cells.push(time(batch.at()[row]) + sign);
            }
            cells.extend(batch.columns().iter().map(|c| plain(&value(&c.value(row)))));
            self.rows.push(cells);
            if self.rows.len() == PIECE_ROWS {
                self.write(text);
            }
        }
    }

    /// Writes what there is.
    pub fn write(&mut self, text: &mut Vec<u8>) {
        let Some(shape) = self.shape.clone().filter(|_| !self.rows.is_empty()) else {
            return;
        };
        let mut piece = Piece::new();
        piece.load_style(STYLE);
        if !self.begun {
            piece.set_header(shape.columns.iter().map(|(name, _)| name));
        }
        piece.add_rows(self.rows.drain(..));
        let fresh = piece.column_max_content_widths();
        self.widths.resize(fresh.len(), 0);
        for (place, (width, fresh)) in self.widths.iter_mut().zip(fresh).enumerate() {
            *width = (*width).max(fresh);
            let Some(column) = piece.column_mut(place) else {
                continue;
            };
            let least = width.saturating_add(column.padding_width());
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
            if shape.columns[place].1 {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        if let (Some(stream), false) = (&shape.stream, self.begun) {
            text.extend_from_slice(format!("{stream}\n").as_bytes());
        }
        for (place, line) in piece.lines().enumerate() {
            let line = line.trim_end();
            match place == 0 && !self.begun && is_coloured() {
                true => text.extend_from_slice(format!("\x1b[1m{line}\x1b[0m").as_bytes()),
                false => text.extend_from_slice(line.as_bytes()),
            }
            text.push(b'\n');
        }
        self.begun = true;
    }
}

/// Whether standard output takes signs for looks, and nobody has said that they are not wanted.
fn is_coloured() -> bool {
    !is_colour_refused() && io::stdout().is_terminal()
}

/// Whether NO_COLOR is set.
pub fn is_colour_refused() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|said| !said.is_empty())
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_string(),
        value => value.to_string(),
    }
}

/// A time of a row in UTC, to the digit that it has.
fn time(at: Timestamp) -> String {
    let Ok(instant) = jiff::Timestamp::from_microsecond(at.0) else {
        return format!("{} ms", at.millis());
    };
    let digits = match at.0 {
        us if us % 1_000_000 == 0 => "%Y-%m-%d %H:%M:%S",
        us if us % 1000 == 0 => "%Y-%m-%d %H:%M:%S%.3f",
        _ => "%Y-%m-%d %H:%M:%S%.6f",
    };
    instant.strftime(digits).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventflux::{EventFluxManager, RuntimeConfig, Workers};

    /// Rows as the engine gives them.
    fn batches(rows: &[(&str, f64)]) -> (Schema, Vec<Batch>) {
        let app = "@app:playback CREATE STREAM S (t STRING, n DOUBLE); INSERT INTO Out SELECT t, n FROM S;";
        let config = RuntimeConfig::default().workers(Workers::Inline);
        let runtime = EventFluxManager::new()
            .create_with(app, config)
            .expect("an app");
        let out = runtime.subscribe("Out").expect("a stream");
        runtime.start().expect("inline");
        let mut input = runtime.input().expect("it runs");
        for (at, row) in rows.iter().enumerate() {
            input
                .send_at("S", Timestamp(at as i64), *row)
                .expect("a row");
        }
        let schema = runtime.schema("Out").expect("a stream");
        (schema, std::iter::from_fn(|| out.try_recv()).collect())
    }

    #[test]
    fn pieces_keep_their_widths() {
        let (schema, rows) = batches(&[("a", 1.5), ("a long\ttext", 100.25), ("\u{1b}[31mb", 2.0)]);
        let shape = Arc::new(TableShape::new(&schema, Some("Out"), false));
        let (mut table, mut text) = (TableWriter::default(), Vec::new());
        for (place, batch) in rows.iter().enumerate() {
            table.add(&shape, batch, &mut text);
            if place == 1 {
                table.write(&mut text);
            }
        }
        table.write(&mut text);
        let shown = String::from_utf8(text).expect("UTF-8");
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "Out");
        let line = |t: &str, n: &str| format!(" {t:<11}   {n:>6}");
        assert_eq!(lines[1], line("t", "n"));
        assert!(lines[2].starts_with("────"));
        assert_eq!(lines[3], line("a", "1.5"));
        assert_eq!(lines[4], line("a long text", "100.25"));
        assert!(lines[5].contains("\\u{1b}[31mb"), "{}", lines[5]);
    }

    #[test]
    fn times_have_the_digits_that_they_need() {
        assert_eq!(time(Timestamp(0)), "1970-01-01 00:00:00");
        assert_eq!(
            time(Timestamp(1_700_000_000_250_000)),
            "2023-11-14 22:13:20.250"
        );
        assert_eq!(time(Timestamp(1)), "1970-01-01 00:00:00.000001");
        assert_eq!(time(Timestamp(i64::MAX)), "9223372036854775 ms");
    }
}
