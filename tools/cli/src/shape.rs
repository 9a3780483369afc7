//! How rows are shown: as events, as objects, as CSV or as a table.

use crate::table::TableShape;
use clap::ValueEnum;
use eventflux::connector::csv::CsvEncoder;
use eventflux::connector::json::{ObjectEncoder, RowEncoder};
use eventflux::connector::{Format, Text};
use eventflux::event::{Batch, Schema};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Show {
    /// As events, a line each, as --events has them: {"stream":"S","at":1000,"row":[…]}
    Rows,
    /// As objects with the names of the columns, a line each
    Json,
    /// A header, and a line per row; NULL is a cell with nothing in it
    Csv,
    /// For people
    Table,
}

/// The text of one stream's rows.
pub enum Encoder {
    /// Events.
    Rows(RowEncoder),
    /// Objects.
    Json(ObjectEncoder),
    /// CSV.
    Csv(CsvEncoder),
    /// A table, whose lines are made when there are some rows.
    Table(Arc<TableShape>),
}

/// What of the rows is shown beside their values.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside {
    /// When each came to be, and whether it left.
    pub times: bool,
    /// Of which stream it is: there are several.
    pub stream: bool,
}

impl Show {
    /// What was asked for, otherwise what suits a place: a file by its name, a table on a terminal.
    pub fn or_by_place(asked: Option<Show>, path: &Path, elsewhere: Show) -> Self {
        let is_standard = path == Path::new("-");
        match asked {
            Some(show) => show,
            None if is_standard && io::stdout().is_terminal() => Show::Table,
            None if is_standard => elsewhere,
            None if path
                .extension()
                .is_some_and(|end| end.eq_ignore_ascii_case("csv")) =>
            {
                Show::Csv
            }
            None => Show::Rows,
        }
    }

    /// An encoder of a stream's rows.
    pub fn encoder(self, stream: &str, schema: &Schema, beside: Beside) -> Encoder {
        let Beside {
            times,
            stream: told,
        } = beside;
        let told = told.then_some(stream);
        match self {
            Show::Rows => Encoder::Rows(RowEncoder::new(stream)),
            Show::Json => Encoder::Json(ObjectEncoder::new(schema, told, times)),
            Show::Csv => Encoder::Csv(csv(schema, times)),
            Show::Table => Encoder::Table(Arc::new(TableShape::new(schema, told, times))),
        }
    }

    /// What stands above the rows of a stream.
    pub fn header(self, schema: &Schema, times: bool) -> Vec<u8> {
        let mut header = Vec::new();
        if self == Show::Csv {
            csv(schema, times).header(&mut header);
        }
        header
    }
}

fn csv(schema: &Schema, times: bool) -> CsvEncoder {
    let text = Text::new(Format::Csv);
    match times {
        true => CsvEncoder::new(schema, &text),
        false => CsvEncoder::of_columns(schema, &text),
    }
}

impl Encoder {
    /// Appends the rows of a batch; those of a table are kept in `table`.
    pub fn encode(&self, batch: &Batch, text: &mut Vec<u8>, table: &mut crate::table::TableWriter) {
        match self {
            Encoder::Rows(rows) => rows.encode(batch, text),
            Encoder::Json(json) => json.encode(batch, text),
            Encoder::Csv(csv) => csv.encode(batch, text),
            Encoder::Table(shape) => table.add(shape, batch, text),
        }
    }
}
