//! Scripts, as whoever runs one sees them: what they read and what they answer.

use crate::error::BuildError;
use crate::event::Schema;
pub use crate::sql::Made;
use crate::sql::ast::{App, Name, StreamDef};
use crate::sql::{self, parse_script};

/// An app that may read files by their names (`FROM 'trades.csv'`), and in which a SELECT may stand alone.
///
/// A file is a stream of that name, whose columns are known before the app is built; somebody sends its rows, and calls
/// [`flush`](crate::EventFluxAppRuntime::flush) behind the last one. Without a window in the query all rows of a file
/// are one, so that aggregates, DISTINCT and ORDER BY answer once, then.
///
/// ```
/// use eventflux::event::{Schema, Type};
/// use eventflux::{EventFluxManager, RuntimeConfig, Value, Workers};
/// let manager = EventFluxManager::new();
/// let script = manager.read_script("SELECT sym, sum(qty) FROM 'trades.csv' GROUP BY sym")?;
/// assert_eq!(script.files().collect::<Vec<_>>(), ["trades.csv"]);
/// let columns = [("trades.csv", Schema::new([("sym", Type::String), ("qty", Type::Int)]))];
/// let config = RuntimeConfig::default().workers(Workers::Inline);
/// let runtime = manager.create_script(&script, &columns, config)?;
/// let rows = runtime.subscribe(script.answers().next().expect("one SELECT").stream)?;
/// runtime.start()?;
/// let mut input = runtime.input()?;
/// for qty in [1, 2] {
///     input.send("trades.csv", ("ACME", qty))?;
/// }
/// runtime.flush()?;
/// let row = rows.try_recv().expect("a row").row(0);
/// assert_eq!(row, [Value::from("ACME"), Value::Long(3)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    text: String,
    read: sql::Script,
}

/// What a SELECT gives that stands alone in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer<'s> {
    /// The stream of its rows.
    pub stream: &'s str,
    /// So many of its rows are passed over: OFFSET of rows that come one by one.
    pub skip: u64,
    /// More rows than these are not wanted: LIMIT of such rows.
    pub rows_max: Option<u64>,
    /// What it reads, where that is one thing: a stream, a file, or what [`query`] asks.
    ///
    /// [`query`]: crate::EventFluxAppRuntime::query
    pub from: Option<&'s str>,
}

impl Script {
    pub(super) fn read(
        text: &str,
        is_aggregate: &dyn Fn(&str) -> bool,
    ) -> Result<Self, BuildError> {
        let read = parse_script(text, is_aggregate);
        Ok(Script {
            read: read.map_err(|faults| BuildError::new(text, faults))?,
            text: text.to_string(),
        })
    }

    /// The names of the files that it reads, each once.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.read.files.iter().map(|file| file.text.as_str())
    }

    /// What its SELECTs that stand alone give, in their order.
    pub fn answers(&self) -> impl Iterator<Item = Answer<'_>> {
        self.read.answers.iter().map(|answer| Answer {
            stream: &answer.stream,
            skip: answer.skip,
            rows_max: answer.rows_max,
            from: answer.from.as_deref(),
        })
    }

    /// What each of its statements makes, and the name of it: of a query that of what it writes.
    pub fn made(&self) -> impl Iterator<Item = (Made, &str)> {
        sql::made(&self.read.app)
    }

    /// Whether it has no statement.
    pub fn is_empty(&self) -> bool {
        self.read.app.statements.is_empty()
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The app, with files of these columns in it.
    pub(super) fn with_files(&self, columns: &[(&str, Schema)]) -> App {
        let mut app = self.read.app.clone();
        for file in &self.read.files {
            let found = columns.iter().find(|(name, _)| *name == file.text);
            let attributes = found.iter().flat_map(|(_, schema)| schema.attributes());
            let named = attributes.map(|attribute| {
                let name = Name {
                    text: attribute.name.to_string(),
                    span: file.span,
                };
                (name, attribute.ty)
            });
            if found.is_some() {
                app.files.push(StreamDef {
                    name: file.clone(),
                    attributes: named.collect(),
                    watermark: None,
                    options: Vec::new(),
                });
            }
        }
        app
    }
}
