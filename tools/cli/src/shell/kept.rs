//! What a shell keeps: the statements of its app, and the files that were loaded.
//!
//! There is no app that runs on from statement to statement. Each answer builds the app of all statements anew and runs
//! it over all that was loaded, from the first row to a flush behind the last one: what is answered depends on what is
//! kept, and never on the order in which it was typed.

use super::feed::Piece;
use super::insert::TypedRow;
use super::told::{Origin, Wrong};
use crate::args::Clock;
use crate::files::{Built, Loaded, Notes, Unbuilt};
use crate::inputs::NamedFile;
use crate::named;
use eventflux::connector::{Format, Packing, Text, TextOptions};
use eventflux::event::Schema;
use eventflux::{EventFluxManager, Made, Script};
use std::io::Cursor;
use std::path::PathBuf;

/// Rows that are typed.
pub const TYPED_ROWS_MAX: usize = 100_000;
/// What they are called where something is wrong with them.
const TYPED: &str = "rows that were typed";

/// A statement of the app.
#[derive(Clone)]
struct Statement {
    text: String,
    /// What it makes, and the names.
    made: Vec<(Made, String)>,
}

/// A file whose rows go into a stream.
#[derive(Clone)]
pub struct InputFile {
    /// Where it is; also a pattern of names.
    pub path: PathBuf,
    /// The stream; none for events of any streams.
    pub stream: Option<String>,
    /// How its rows stand in it.
    pub text: Text,
    /// Every row has a time, as far as it was looked at.
    pub timed: bool,
}

/// Something of the app that has a name.
#[derive(Clone)]
pub struct Known {
    /// What it is; of a stream that a query defines [`Made::Query`].
    pub made: Made,
    /// Its name.
    pub name: String,
    /// Its columns.
    pub schema: Schema,
}

impl Known {
    /// What it is, in a word.
    pub fn word(&self) -> &'static str {
        match self.made {
            Made::Table => "table",
            Made::Window => "window",
            Made::Trigger => "trigger",
            Made::Aggregation => "aggregation",
            _ => "stream",
        }
    }

    /// Whether it holds rows that can be asked for.
    pub fn is_held(&self) -> bool {
        matches!(self.made, Made::Table | Made::Window | Made::Aggregation)
    }

    /// Its columns as CREATE has them.
    pub fn columns(&self) -> String {
        columns(&self.schema)
    }
}

/// Columns as CREATE has them.
pub fn columns(schema: &Schema) -> String {
    let attributes = schema.attributes().iter();
    let columns: Vec<String> = attributes
        .map(|a| format!("{} {}", quoted(&a.name), a.ty))
        .collect();
    format!("({})", columns.join(", "))
}

/// A name as it may stand in a text.
pub fn quoted(name: &str) -> String {
    let simple = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !super::words::is_reserved(name);
    match simple {
        true => name.to_string(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// All that is kept.
#[derive(Clone, Default)]
pub struct Kept {
    /// Annotations of the app, which stand in front of it.
    heads: Vec<String>,
    statements: Vec<Statement>,
    /// What is read.
    pub sources: Vec<InputFile>,
    /// Rows that were typed.
    pub rows: Vec<TypedRow>,
    /// What has a name.
    pub known: Vec<Known>,
}

/// How the app is built.
pub struct Ways<'a> {
    /// What is said of the text of files that statements name.
    pub options: &'a TextOptions,
    /// What was told of these files.
    pub notes: &'a Notes,
    /// Whose time counts, where that is said.
    pub clock: Option<Clock>,
}

impl Kept {
    /// The text of the app.
    pub fn text(&self) -> String {
        let statements = self.statements.iter().map(|s| &s.text);
        let lines = self.heads.iter().chain(statements);
        lines.fold(String::new(), |all, line| all + line + "\n")
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty() && self.statements.is_empty()
    }

    /// What has this name.
    pub fn find(&self, name: &str) -> Option<&Known> {
        let mut known = self.known.iter();
        known.find(|k| k.name.eq_ignore_ascii_case(name))
    }

    /// The statements that make or write what has this name.
    pub fn statements_of<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        let of = move |s: &&Statement| s.is_of(name);
        self.statements.iter().filter(of).map(|s| s.text.as_str())
    }

    /// Adds statements, unless the app of all of them cannot be built.
    pub fn add(&mut self, pieces: Vec<Piece>, ways: &Ways<'_>) -> Result<Vec<Known>, Wrong> {
        let mut next = self.clone();
        let mut origins = Vec::new();
        let mut bodies = Vec::new();
        let mut line = 1 + self
            .heads
            .iter()
            .map(|h| h.matches('\n').count() + 1)
            .sum::<usize>();
        for piece in pieces {
            let (heads, body) = piece.heads();
            for head in heads {
                origins.push(Origin::new(line, &head));
                line += head.lines();
                next.heads.push(head.text);
            }
            bodies.extend(body);
        }
        line += self.statements.iter().map(Statement::lines).sum::<usize>();
        for body in bodies.into_iter().map(Piece::closed) {
            origins.push(Origin::new(line, &body));
            line += body.lines();
            let script =
                read(&body.text).map_err(|e| Wrong::Text(e, vec![Origin::new(1, &body)]))?;
            let made = script.made().map(|(made, name)| (made, name.to_string()));
            next.statements.push(Statement {
                made: made.collect(),
                text: body.text,
            });
        }
        let built = next.build("", ways, &origins)?;
        let fresh = |p: &&eventflux::Problem| origins.iter().any(|o| o.has(p.line));
        let warnings = built.runtime.warnings().iter().filter(fresh);
        warnings.for_each(|p| super::told::warn(p, &origins));
        next.known = next.named(&built);
        let changed = next.known.iter().filter(|k| {
            let writes = |s: &Statement| s.is_of(&k.name);
            let fresh = &next.statements[self.statements.len()..];
            fresh.iter().any(writes)
        });
        let changed = changed.cloned().collect();
        *self = next;
        Ok(changed)
    }

    /// Drops what makes and writes a name, unless the rest cannot be built; answers how many statements and files that
    /// were.
    pub fn drop_name(&mut self, name: &str, ways: &Ways<'_>) -> Result<(usize, usize), Wrong> {
        let mut next = self.clone();
        next.statements.retain(|s| !s.is_of(name));
        let of = |s: &InputFile| {
            s.stream
                .as_ref()
                .is_some_and(|s| s.eq_ignore_ascii_case(name))
        };
        next.sources.retain(|s| !of(s));
        next.rows.retain(|row| !row.into.eq_ignore_ascii_case(name));
        let dropped = (
            self.statements.len() - next.statements.len(),
            self.sources.len() - next.sources.len(),
        );
        if dropped != (0, 0) {
            let built = next.build("", ways, &[])?;
            next.known = next.named(&built);
            *self = next;
        }
        Ok(dropped)
    }

    /// Builds the app, with a text behind it.
    pub fn build(
        &self,
        behind: &str,
        ways: &Ways<'_>,
        origins: &[Origin],
    ) -> Result<BuiltApp, Wrong> {
        let text = self.text() + behind;
        let wrong = |e| Wrong::Text(e, origins.to_vec());
        let script = read(&text).map_err(wrong)?;
        if script.files().any(|file| file == "-") {
            let message = "standard input is where statements come from: '-' cannot be read, too; give the rows by a \
                file, or ask by eventflux query -c";
            return Err(Wrong::Other(message.to_string()));
        }
        let mut loaded = Loaded {
            some: !self.sources.is_empty() || !self.rows.is_empty(),
            untimed: self.sources.iter().any(|s| !s.timed)
                || self.of_streams().any(|r| r.at.is_none()),
            ..Loaded::default()
        };
        for source in &self.sources {
            let Some(stream) = &source.stream else {
                continue;
            };
            let paths = named::files(&source.path).map_err(Wrong::failed)?;
            loaded.files.extend(paths.into_iter().map(|path| NamedFile {
                name: stream.clone(),
                packing: ways.options.packing(&path),
                path,
                text: source.text.clone(),
                begun: None,
            }));
        }
        let lines = self.of_streams().filter_map(|row| {
            let known = self.find(&row.into)?;
            Some(row.line(&known.schema))
        });
        let lines: String = lines.collect();
        if !lines.is_empty() {
            loaded.files.push(NamedFile {
                name: TYPED.to_string(),
                path: PathBuf::from(TYPED),
                packing: Packing::None,
                text: Text::new(Format::Json),
                begun: Some(Box::new(Cursor::new(lines))),
            });
        }
        let built = Built::new(&script, (ways.options, ways.notes), ways.clock, loaded);
        let built = built.map_err(|e| match e {
            Unbuilt::Files(failure) => Wrong::failed(failure),
            Unbuilt::Text(e) => Wrong::Text(e, origins.to_vec()),
        })?;
        self.fill_tables(&built)?;
        Ok(BuiltApp { script, built })
    }

    /// Puts the rows that were typed into tables there.
    fn fill_tables(&self, built: &Built) -> Result<(), Wrong> {
        for table in self.known.iter().filter(|k| k.made == Made::Table) {
            let into = |row: &&TypedRow| row.into == table.name;
            if !self.rows.iter().any(|row| into(&row)) {
                continue;
            }
            let rows = self
                .rows
                .iter()
                .filter(into)
                .map(|row| row.values.as_slice());
            let put = built.runtime.load_table(&table.name, rows);
            let put = put.map_err(|e| Wrong::Other(e.to_string()))?;
            if put.refused > 0 {
                let name = &table.name;
                let message = format!("another row of {name} has this key, or it is NULL");
                return Err(Wrong::Other(message));
            }
        }
        Ok(())
    }

    /// Rows that were typed into streams.
    fn of_streams(&self) -> impl Iterator<Item = &TypedRow> {
        let is_table = |name: &str| self.find(name).is_some_and(|k| k.made == Made::Table);
        self.rows.iter().filter(move |row| !is_table(&row.into))
    }

    /// Keeps rows that were typed, unless they do not suit the app.
    pub fn add_rows(&mut self, rows: Vec<TypedRow>, ways: &Ways<'_>) -> Result<(), Wrong> {
        let mut next = self.clone();
        next.rows.extend(rows);
        if next.rows.len() > TYPED_ROWS_MAX {
            let message = format!(
                "more than {TYPED_ROWS_MAX} rows are typed (TYPED_ROWS_MAX): .load them from a file"
            );
            return Err(Wrong::Other(message));
        }
        let built = next.build("", ways, &[])?;
        let untimed = next.of_streams().find(|row| {
            let mut statements = self.statements_of(&row.into);
            let own_time = statements.any(|text| text.to_ascii_uppercase().contains("WATERMARK"));
            row.at.is_none() && !own_time
        });
        if let (Some(row), true) = (untimed, built.runtime.is_event_time()) {
            let into = quoted(&row.into);
            let message = format!(
                "the app's clock is that of its rows, and these have no time: INSERT INTO {into} (at, …) VALUES (1000, \
                …); with the milliseconds since 1970"
            );
            return Err(Wrong::Other(message));
        }
        *self = next;
        Ok(())
    }

    /// The line of the app's text behind the last one.
    pub fn lines(&self) -> usize {
        self.text().matches('\n').count() + 1
    }

    /// All that has a name.
    fn named(&self, built: &BuiltApp) -> Vec<Known> {
        let mut known: Vec<Known> = Vec::new();
        let made = self.statements.iter().flat_map(|s| &s.made);
        for (made, name) in made.filter(|(made, _)| *made != Made::Query) {
            known.extend(built.runtime.schema(name).map(|schema| Known {
                made: *made,
                name: name.clone(),
                schema,
            }));
        }
        for stream in built.runtime.streams() {
            let is_file = built.script.files().any(|file| file == stream.name);
            if !is_file
                && !known
                    .iter()
                    .any(|k| k.name.eq_ignore_ascii_case(&stream.name))
            {
                known.push(Known {
                    made: Made::Query,
                    name: stream.name,
                    schema: stream.schema,
                });
            }
        }
        known
    }
}

impl Statement {
    fn is_of(&self, name: &str) -> bool {
        self.made
            .iter()
            .any(|(_, made)| made.eq_ignore_ascii_case(name))
    }

    fn lines(&self) -> usize {
        self.text.matches('\n').count() + 1
    }
}

/// An app that is built, and the script that it is of.
pub struct BuiltApp {
    /// The script.
    pub script: Script,
    built: Built,
}

impl std::ops::Deref for BuiltApp {
    type Target = Built;

    fn deref(&self) -> &Built {
        &self.built
    }
}

impl BuiltApp {
    /// To run it.
    pub fn into_parts(self) -> (Script, Built) {
        (self.script, self.built)
    }
}

/// Reads a text.
pub fn read(text: &str) -> Result<Script, eventflux::BuildError> {
    EventFluxManager::new().read_script(text)
}
