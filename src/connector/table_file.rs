//! The file from which a table gets its rows when an app starts.

use super::file_source::packing;
use super::options::{Key, OptionError, Options};
use super::packing::Packing;
use super::stream_rows::{Begin, Rest, StreamRows, TextRow};
use super::text::{Text, TextOptions};
use crate::event::{Batch, Schema, Timestamp};
use std::io::BufReader;
use std::path::PathBuf;

/// Where the rows of a table are.
#[derive(Clone, Debug)]
pub struct TableFile {
    path: PathBuf,
    packing: Packing,
    text: Text,
}

impl TableFile {
    /// What a table takes in `WITH`, beside what concerns its rows.
    pub fn keys() -> Vec<Key> {
        let own = [
            Key {
                name: "type",
                about: "'table'",
            },
            Key {
                name: "file",
                about: "the file with its rows, read when the app starts without restored ones",
            },
            Key {
                name: "compression",
                about: "'gzip', 'zstd' or 'none'; by the end of the name, .gz or .zst, when not given",
            },
        ];
        let text = TextOptions::READ.iter().copied();
        let text = text.filter(|key| !key.name.starts_with("timestamp"));
        own.into_iter().chain(text).collect()
    }

    /// What the options of a table say; none where they name no file. The file is not opened.
    ///
    /// Errors: a key or a value that a table does not take.
    pub fn new(
        table: (&str, &Schema),
        options: &[(String, String)],
    ) -> Result<Option<Self>, OptionError> {
        let keys = TableFile::keys();
        let options = Options::new("a table", options, &keys)?;
        if let Some(value) = options
            .get("type")
            .filter(|v| !v.eq_ignore_ascii_case("table"))
        {
            return Err(OptionError::Value {
                key: options.written("type"),
                value: value.to_string(),
                expected: "table".to_string(),
            });
        }
        let Some(path) = options.get("file").map(PathBuf::from) else {
            let of_file = |key: &&Key| key.name != "type" && options.get(key.name).is_some();
            return match keys.iter().find(of_file) {
                None => Ok(None),
                Some(key) => Err(OptionError::Unsuited {
                    key: options.written(key.name),
                    why: format!(
                        "'{}' says how a file is read; name it with 'file'",
                        key.name
                    ),
                }),
            };
        };
        let text = TextOptions::from(&options, &keys[3..])?;
        let (packing, of_text) = packing(&options, &path)?;
        let text = text.of_stream(&of_text, table, &options)?;
        Ok(Some(TableFile {
            packing: packing.unwrap_or_else(|| Packing::of(&path)),
            path,
            text,
        }))
    }

    /// Reads all rows, with the line of each.
    ///
    /// Errors: the file cannot be read, or a line is no row of the table: with the file's name, the line and why.
    pub fn read(&self, table: &str, schema: &Schema) -> Result<(Batch, Vec<u64>), String> {
        let name = self.path.display();
        let file = self.packing.open(&self.path);
        let file = file.map_err(|e| format!("{name}: {e}"))?;
        let reader = BufReader::new(file);
        let mut rows = StreamRows::new(reader, (table, schema), &self.text, Begin::default());
        let (mut batch, mut lines) = (Batch::new(schema), Vec::new());
        loop {
            let row = match rows.next_row().map_err(|e| format!("{name}: {e}"))? {
                Some(row) => row,
                None => match rows.rest(false).map_err(|e| format!("{name}: {e}"))? {
                    Rest::Row(row) => row,
                    Rest::Nothing | Rest::Left(_) => return Ok((batch, lines)),
                },
            };
            let TextRow { line, row } = row;
            row.map_err(|why| self.at_line(line, why))?;
            for (column, value) in batch.columns.iter_mut().zip(rows.values()) {
                if !column.push(value) {
                    return Err(self.at_line(line, "a value has another type than its attribute"));
                }
            }
            batch.at.push(Timestamp::MIN);
            lines.push(line);
        }
    }

    /// What is wrong with a line of it.
    pub fn at_line(&self, line: u64, why: impl std::fmt::Display) -> String {
        format!("{}, line {line}: {why}", self.path.display())
    }
}
