//! The files and pipes that a run reads its events from, as the command line names them.

use crate::args::{InputArgs, StreamFile};
use crate::events::{Events, OpenedInput, Streams};
use crate::failure::Failure;
use crate::named as names;
use crate::output::Output;
use crate::places::{Assigned, Given, Place, Places, Replaced};
use crate::signal;
use eventflux::connector::csv::CsvColumns;
use eventflux::connector::{Begin, Format, Packing, Pipe, Text};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One of them, not open yet.
struct Named {
    /// What it is, for messages.
    role: String,
    path: PathBuf,
    /// The stream of its rows; none for events of any streams.
    stream: Option<usize>,
    text: Text,
    packing: Packing,
    /// What was opened to look at it, from its beginning on.
    begun: Option<Box<dyn Read + Send>>,
}

/// A file that a script names.
pub struct NamedFile {
    /// Its name in the script, which is that of its stream.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// How its rows stand in it.
    pub text: Text,
    /// How it is compressed.
    pub packing: Packing,
    /// What was opened to look at it, from its beginning on, where it cannot be opened again.
    pub begun: Option<Box<dyn Read + Send>>,
}

/// What a run reads.
pub struct Inputs {
    named: Vec<Named>,
    /// All of it is in files, in which a later run can go on.
    pub are_files: bool,
}

/// Events that are open.
pub struct Opened {
    /// The events.
    pub events: Events,
    /// Bytes of all files, where all are files.
    pub bytes: Option<u64>,
    /// What was found out about files of an earlier run.
    pub assigned: Assigned,
}

impl Inputs {
    /// What the command line names; nothing is opened.
    ///
    /// Errors: status 2 for a stream that is unknown, for an option that has no such value, and for what is said about
    /// the text of no file.
    pub fn new(
        args: &InputArgs,
        files: Vec<NamedFile>,
        streams: &Streams,
    ) -> Result<Self, Failure> {
        let options = args.text.options()?;
        let text = |format, path: &Path| {
            let text = options.text_of(format, path);
            text.map_err(|(_, why)| Failure::usage(why))
        };
        let mut named = Vec::new();
        for path in &args.events {
            for path in names::files(path)? {
                named.push(Named {
                    role: "--events".to_string(),
                    stream: None,
                    text: text(Format::Json, &path)?,
                    packing: options.packing(&path),
                    path,
                    begun: None,
                });
            }
        }
        for StreamFile { stream, path } in &args.input {
            let unknown = || {
                let known = streams.names();
                Failure::usage(format!("--input {stream}: unknown stream; known: {known}"))
            };
            let name = stream;
            let stream = streams.find(name).ok_or_else(unknown)?;
            for path in names::files(path)? {
                let packing = options.packing(&path);
                let of_text = names::of_text(&path, packing);
                let mut text = text(options.format(&of_text), &of_text)?;
                if let Some(time) = streams.time(stream).filter(|_| text.format != Format::Text) {
                    let name = &streams.schema(stream).attributes()[time].name;
                    text.time.get_or_insert_with(|| name.to_string());
                }
                let fits = text.check(name, streams.schema(stream));
                fits.map_err(|why| Failure::usage(format!("--input {name}: {why}")))?;
                named.push(Named {
                    text,
                    packing,
                    role: format!("--input {name}"),
                    path,
                    stream: Some(stream),
                    begun: None,
                });
            }
        }
        for file in files {
            named.push(Named {
                role: file.name.clone(),
                path: file.path,
                stream: streams.find(&file.name),
                text: file.text,
                packing: file.packing,
                begun: file.begun,
            });
        }
        standard_once(&named)?;
        args.text.check_used(named.iter().map(|n| n.text.format))?;
        Ok(Inputs {
            are_files: named.iter().all(|n| names::has_places(&n.path)),
            named,
        })
    }

    /// What each is and where, but standard input.
    pub fn paths(&self) -> impl Iterator<Item = (&str, &Path)> {
        let files = self.named.iter().filter(|n| n.path != Path::new("-"));
        files.map(|n| (n.role.as_str(), n.path.as_path()))
    }

    /// Opens all of them, where an earlier run stopped. `replaced`: what a file does that is another one; `again`: a
    /// later run goes on where this one ends.
    pub fn open(
        self,
        (replaced, again): (Replaced, bool),
        streams: Streams,
        places: Option<&Places>,
        output: &Arc<Output>,
    ) -> Result<Opened, Failure> {
        let mut bytes = Some(0);
        let mut given = Vec::new();
        for Named {
            path,
            stream,
            packing,
            begun,
            ..
        } in &self.named
        {
            let file = match begun {
                Some(_) => None,
                None => open_file(path)?,
            };
            // How long the text of a compressed one is nobody knows before its end.
            let plain = file.as_ref().filter(|_| *packing == Packing::None);
            let length = plain.and_then(|f| f.metadata().ok()).map(|a| a.len());
            bytes = bytes.zip(length).map(|(sum, length)| sum + length);
            given.push(Given {
                stream: stream.map_or(String::new(), |s| streams.name(s).to_string()),
                name: path.display().to_string(),
                file,
                packing: *packing,
            });
        }
        let assigned = match places {
            Some(places) => places.assign(&given, replaced)?,
            None => Assigned {
                begins: vec![Place::START; given.len()],
                ..Assigned::default()
            },
        };
        let mut events = Events::new(streams, again);
        for ((named, given), begin) in self.named.into_iter().zip(given).zip(&assigned.begins) {
            let source = source(named, given, *begin, &events, output)?;
            events.add(source)?;
        }
        Ok(Opened {
            events,
            bytes,
            assigned,
        })
    }
}

/// Refuses standard input that is given more than once.
fn standard_once(named: &[Named]) -> Result<(), Failure> {
    let standard = named.iter().filter(|n| n.path == Path::new("-")).count();
    if standard > 1 {
        let message =
            "standard input is given more than once: its lines would go to one or the other";
        return Err(Failure::usage(message));
    }
    Ok(())
}

/// Opens what is a file; none for standard input, a pipe or a device.
fn open_file(path: &Path) -> Result<Option<File>, Failure> {
    if path == Path::new("-") || (path.exists() && !names::has_places(path)) {
        return Ok(None);
    }
    let failure = |e: io::Error| Failure::run(format!("{}: {e}", path.display()));
    File::open(path).map(Some).map_err(failure)
}

/// What is read of an input.
fn source(
    named: Named,
    given: Given,
    place: Place,
    events: &Events,
    output: &Arc<Output>,
) -> Result<OpenedInput, Failure> {
    let Named {
        path,
        stream,
        text,
        packing,
        begun,
        ..
    } = named;
    let name = given.name;
    let failure = |e: io::Error| Failure::run(format!("{name}: {e}"));
    let Place { offset, line, time } = place;
    let schema = stream.map(|s| events.streams().schema(s));
    let unreadable = |e| Failure::run(format!("{name}: {e}"));
    let (reader, begin): (Box<dyn Read>, Begin) = match &given.file {
        Some(file) if packing == Packing::None => {
            let begin = Begin::in_file(file, (offset, line), schema, &text);
            let reader = file.try_clone().map_err(failure)?;
            (Box::new(reader), begin.map_err(unreadable)?)
        }
        _ => {
            let mut columns = None;
            if let (Some(schema), Format::Csv, 1..) = (schema, text.format, offset) {
                // The header is at the beginning, the place behind it.
                let header = BufReader::new(names::open(&path, packing).map_err(failure)?);
                columns = CsvColumns::read(header, schema, &text).map_err(unreadable)?;
            }
            let begin = Begin {
                offset,
                line,
                columns,
            };
            let reader = pipe(&path, (packing, offset), begun, output).map_err(failure)?;
            (Box::new(reader), begin)
        }
    };
    Ok(OpenedInput {
        reader,
        name: match path == Path::new("-") {
            true => "stdin".to_string(),
            false => name,
        },
        stream,
        text,
        file: given.file,
        packed: packing != Packing::None,
        begin,
        time,
    })
}

/// Standard input, a pipe, a device or what is compressed: a signal ends the wait for it, and rows do not wait with it.
fn pipe(
    path: &Path,
    (packing, offset): (Packing, u64),
    begun: Option<Box<dyn Read + Send>>,
    output: &Arc<Output>,
) -> io::Result<Pipe> {
    let output = Arc::clone(output);
    // Timers may have emitted.
    let wait = move || {
        output.flush();
        !signal::is_asked()
    };
    let path = path.to_path_buf();
    let open = move || -> io::Result<Box<dyn Read>> {
        match begun {
            Some(begun) => Ok(begun),
            None => Ok(names::open_at(&path, packing, offset)?),
        }
    };
    Pipe::new(open, wait)
}
