//! Files that are loaded: statements of an app, rows of a stream, events of any streams.

use super::asks::is_asked;
use super::feed::{Feed, Piece, ShellInput, TooLong};
use super::kept::{InputFile, columns, quoted};
use super::told::Wrong;
use super::words::is_reserved;
use super::{DEPTH_MAX, Next, Shell, too_long};
use crate::failure::Failure;
use crate::files::look_at;
use crate::{named, say, signal, small};
use eventflux::connector::{Format, Packing, TextOptions};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Bytes of the first line of a file of events that are looked at.
const FIRST_LINE_BYTES: u64 = 1 << 20;

impl Shell<'_> {
    /// Loads a file, by what it is. `stream`: where its rows go, if that is said.
    pub fn load_file(
        &mut self,
        path: &Path,
        stream: Option<&str>,
        options: &TextOptions,
    ) -> Result<(), Wrong> {
        let is_sql = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("sql"));
        match (is_sql, stream) {
            (true, None) => self.statements_of(path),
            (true, Some(_)) => Err(Wrong::Other(
                "statements go into no stream: leave AS away".into(),
            )),
            (false, _) => self.load_rows(path, stream, options),
        }
    }

    /// Does what a file of statements says. Those that are kept are kept together, up to the next one that is answered.
    pub fn statements_of(&mut self, path: &Path) -> Result<(), Wrong> {
        let name = path.display().to_string();
        let wrong = |why: String| Wrong::Other(format!("{name}: {why}"));
        if self.depth == DEPTH_MAX {
            return Err(wrong("it is loaded by what it loads".to_string()));
        }
        // It may be a pipe that nobody writes to.
        signal::set_idle(true);
        let bytes = small::read(path);
        signal::set_idle(false);
        let text = String::from_utf8(bytes.map_err(|e| wrong(e.to_string()))?);
        let text = text.map_err(|e| {
            let byte = e.utf8_error().valid_up_to() + 1;
            wrong(format!("not UTF-8, byte {byte}"))
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut feed = Feed::default();
        let mut entries = Vec::new();
        for line in text.lines() {
            let cut = feed.line(line);
            entries.extend(cut.map_err(|TooLong| wrong(too_long()))?);
        }
        entries.extend(feed.rest().map(ShellInput::Statement));
        self.depth += 1;
        let done = self.all(entries, &name);
        self.depth -= 1;
        done
    }

    fn all(&mut self, entries: Vec<ShellInput>, file: &str) -> Result<(), Wrong> {
        let mut group: Vec<Piece> = Vec::new();
        for entry in entries {
            let entry = match entry {
                ShellInput::Statement(piece) if !is_asked(&piece) => {
                    group.push(piece);
                    continue;
                }
                entry => entry,
            };
            self.group(std::mem::take(&mut group), file)?;
            let (ShellInput::Command(piece) | ShellInput::Statement(piece)) = &entry;
            let line = piece.line;
            if let Next::Ends = self.entry(entry).map_err(|e| e.of(file, line))? {
                return Ok(());
            }
        }
        self.group(group, file)
    }

    fn group(&mut self, group: Vec<Piece>, file: &str) -> Result<(), Wrong> {
        let Some(first) = group.first().map(|piece| piece.line) else {
            return Ok(());
        };
        self.keep(group).map_err(|e| e.of(file, first))
    }

    fn load_rows(
        &mut self,
        path: &Path,
        stream: Option<&str>,
        options: &TextOptions,
    ) -> Result<(), Wrong> {
        let files = named::files(path).map_err(Wrong::failed)?;
        let Some(first) = files.first() else {
            return Ok(());
        };
        if let Some(other) = files.iter().find(|f| f.exists() && !f.is_file()) {
            let message = format!(
                "{}: it is no file, and each answer reads what is loaded anew: save it in a file first",
                other.display()
            );
            return Err(Wrong::Other(message));
        }
        let packing = options.packing(first);
        let plain = named::of_text(first, packing);
        let format = options.format(&plain);
        if let (Format::Json, None) = (format, stream)
            && let Some(event) = first_event(first, packing)?
        {
            return self.load_events(path, &event, options);
        }
        let name = match stream {
            Some(stream) => stream.to_string(),
            None => stream_name(&plain),
        };
        let (found, _) = look_at(first, options, &self.notes).map_err(Wrong::failed)?;
        let text = match self.kept.find(&name) {
            Some(known) if known.is_held() => {
                let (name, word) = (&known.name, known.word());
                let file = match word {
                    "table" => "; or CREATE TABLE … WITH ('file'='…')",
                    _ => "",
                };
                let message =
                    format!("{name} is a {word}: load a stream, and write it by a query{file}");
                return Err(Wrong::Other(message));
            }
            Some(known) => {
                let text = options.text_of(found.text.format, &plain);
                let text = text.map_err(|(_, why)| Wrong::Other(why))?;
                text.check(&name, &known.schema).map_err(Wrong::Other)?;
                text
            }
            None => {
                let create = format!(
                    "CREATE STREAM {} {};",
                    quoted(&name),
                    columns(&found.schema)
                );
                self.keep(vec![Piece::of(create)])?;
                found.text
            }
        };
        if self.typed {
            let file = path.display();
            say!("FROM {name} gives rows one by one; FROM '{file}' asks all of them at once");
        }
        self.read(InputFile {
            path: path.to_path_buf(),
            stream: Some(name),
            text,
            timed: found.is_timed,
        });
        Ok(())
    }

    /// Events of any streams, which are there.
    fn load_events(
        &mut self,
        path: &Path,
        event: &Event,
        options: &TextOptions,
    ) -> Result<(), Wrong> {
        if let Some(stream) = event
            .stream
            .as_ref()
            .filter(|s| self.kept.find(s).is_none())
        {
            let file = path.display();
            let message = format!(
                "{file} has events of stream {stream}, which is not there: CREATE STREAM {stream} (…); or .load the app \
                first"
            );
            return Err(Wrong::Other(message));
        }
        let text = options.text_of(Format::Json, path);
        self.read(InputFile {
            path: path.to_path_buf(),
            stream: None,
            text: text.map_err(|(_, why)| Wrong::Other(why))?,
            timed: event.timed,
        });
        if self.typed {
            say!("events of {}", event.stream.as_deref().unwrap_or("streams"));
        }
        Ok(())
    }

    /// Reads a file from now on; again what is read already.
    fn read(&mut self, source: InputFile) {
        let sources = &mut self.kept.sources;
        let same = |s: &InputFile| {
            let streams = s.stream.as_ref().zip(source.stream.as_ref());
            let stream = match streams {
                Some((one, other)) => one.eq_ignore_ascii_case(other),
                None => s.stream == source.stream,
            };
            stream && s.path == source.path
        };
        match sources.iter_mut().find(|s| same(s)) {
            Some(known) => *known = source,
            None => sources.push(source),
        }
    }
}

impl Wrong {
    /// Of a line of a file.
    fn of(self, file: &str, line: usize) -> Self {
        match self {
            end @ (Wrong::Told(_) | Wrong::Signal | Wrong::Unread) => end,
            wrong => Wrong::Told(wrong.text(Some(file), Some(line))),
        }
    }
}

/// What the first line of a file of events says.
struct Event {
    /// Its stream, if it is a row.
    stream: Option<String>,
    timed: bool,
}

/// The first line, where it is an event that says of what.
fn first_event(path: &Path, packing: Packing) -> Result<Option<Event>, Wrong> {
    let failed =
        |e: std::io::Error| Wrong::failed(Failure::run(format!("{}: {e}", path.display())));
    let reader = named::open(path, packing).map_err(failed)?;
    let lines = BufReader::new(reader.take(FIRST_LINE_BYTES));
    for line in lines.split(b'\n') {
        let line = line.map_err(failed)?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(&line) else {
            return Ok(None);
        };
        let stream = value.get("stream").and_then(|s| s.as_str());
        let is_row = stream.is_some() && value.get("row").is_some();
        let is_other = value.get("batch").is_some_and(|b| b.is_array())
            || (value.get("clock").is_some() && value.as_object().is_some_and(|o| o.len() == 1));
        return Ok((is_row || is_other).then(|| Event {
            stream: stream.filter(|_| is_row).map(str::to_string),
            timed: is_other || value.get("at").is_some(),
        }));
    }
    Ok(None)
}

/// The name of the stream that a file gives its rows to: that of the file, as far as it is a name.
fn stream_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut name: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || is_reserved(&name) {
        name.insert(0, '_');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_give_streams_their_names() {
        for (file, name) in [
            ("trades.csv", "trades"),
            ("a/2024-01.csv", "_2024_01"),
            ("order.jsonl", "_order"),
            ("*.csv", "_"),
            ("é.csv", "_"),
        ] {
            assert_eq!(stream_name(Path::new(file)), name, "{file}");
        }
    }
}
