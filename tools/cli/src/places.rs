//! Where a run stands in its files, as a text that checkpoints keep, and which files of the next run these are.
//!
//! A file is known by what it is first, by its name second: one that was renamed goes on, and one that took the place
//! of another does not go on in the middle. A file that an earlier run has read to its end need not be given again.
//! Of a compressed one the places are in its text.

use crate::failure::Failure;
use eventflux::connector::{FileIdentity, Likeness, Packing, seek_line};
use eventflux::event::Timestamp;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

/// Files of earlier runs that are remembered; beyond it the oldest are forgotten, and would be read anew.
const EARLIER_MAX: usize = 64;

/// Where a file stands before an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Bytes before it.
    pub offset: u64,
    /// Lines before it.
    pub line: u64,
    /// Where the event before it stands among those of other files.
    pub time: Timestamp,
}

impl Place {
    /// The beginning of a file.
    pub const START: Place = Place {
        offset: 0,
        line: 0,
        time: Timestamp::MIN,
    };

    fn read(text: &str) -> Option<Self> {
        let (offset, rest) = text.split_once(':')?;
        let (line, time) = rest.split_once(':')?;
        Some(Place {
            offset: offset.parse().ok()?,
            line: line.parse().ok()?,
            time: Timestamp(time.parse().ok()?),
        })
    }
}

/// A file and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// The stream of its rows; empty where they are events of any streams.
    pub stream: String,
    /// Its name on the command line.
    pub name: String,
    /// What it is.
    pub identity: Option<FileIdentity>,
    /// It was read to its end.
    pub ended: bool,
    /// Where it stands.
    pub place: Place,
}

/// A file of the command line.
#[derive(Debug)]
pub struct Given {
    /// As in [`FilePlace`].
    pub stream: String,
    /// As in [`FilePlace`].
    pub name: String,
    /// None for what is a pipe.
    pub file: Option<File>,
    /// How it is compressed.
    pub packing: Packing,
}

impl Given {
    fn is_named(&self, known: &FilePlace) -> bool {
        self.name == known.name && self.stream == known.stream
    }
}

/// Where all files of a run stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Rows without a time have one: that of the clock.
    pub timed: bool,
    /// Where the clock was moved to behind the last row.
    pub clock: Option<Timestamp>,
    /// The files, in the order of the command line.
    pub files: Vec<FilePlace>,
    /// Files of runs before, up to [`EARLIER_MAX`], the newest first: one that is given again goes on.
    pub earlier: Vec<FilePlace>,
    /// The revision is older than names and identities: files are those of the same place in the command line.
    pub unnamed: bool,
}

/// What is done about a file that is not the one that was read under its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Replaced {
    /// The run fails
    #[default]
    Stop,
    /// It is read from its beginning
    Begin,
}

/// Where the files of a run begin.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    /// By place of the file in the command line.
    pub begins: Vec<Place>,
    /// There are other files than in the run before.
    pub changed: bool,
    /// Some file was begun before, and goes on.
    pub goes_on: bool,
    /// Those that are not among them, as in [`Places`].
    pub earlier: Vec<FilePlace>,
    /// What is said about it.
    pub notes: Vec<String>,
}

impl Places {
    /// Reads the token of a mark.
    pub fn read(token: &str) -> Result<Self, Failure> {
        Places::parse(token).ok_or_else(|| {
            let message = format!(
                "'{token}' is no place in files of events: another program wrote the revision"
            );
            Failure::run(message)
        })
    }

    fn parse(token: &str) -> Option<Self> {
        let mut parts = token.split(' ');
        let timed = match parts.next()? {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        let first = parts.clone().next()?;
        if first != "named" {
            let files = parts.map(|part| {
                Some(FilePlace {
                    stream: String::new(),
                    name: String::new(),
                    identity: None,
                    ended: false,
                    place: Place::read(part)?,
                })
            });
            return Some(Places {
                timed,
                clock: None,
                files: files.collect::<Option<_>>()?,
                earlier: Vec::new(),
                unnamed: true,
            });
        }
        parts.next();
        let clock = match parts.next()? {
            "-" => None,
            at => Some(Timestamp(at.parse().ok()?)),
        };
        let read = parts.map(read_file).collect::<Option<Vec<_>>>()?;
        let (earlier, files): (Vec<_>, Vec<_>) = read.into_iter().partition(|(past, _)| *past);
        let of_run = |files: Vec<(bool, FilePlace)>| files.into_iter().map(|(_, file)| file);
        Some(Places {
            timed,
            clock,
            files: of_run(files).collect(),
            earlier: of_run(earlier).collect(),
            unnamed: false,
        })
    }

    /// Finds out which of the files these are.
    ///
    /// Errors: a file that is another one than before, unless those are begun anew, and one that is not given although
    /// it has more.
    pub fn assign(&self, given: &[Given], replaced: Replaced) -> Result<Assigned, Failure> {
        if self.unnamed {
            return self.assign_in_order(given);
        }
        let known: Vec<&FilePlace> = self.files.iter().chain(&self.earlier).collect();
        let mut matched = Matched {
            entries: vec![None; given.len()],
            used: vec![false; known.len()],
            known,
        };
        matched.find(given)?;
        let mut assigned = Assigned::default();
        for (entry, file) in matched.entries.iter().zip(given) {
            let name = &file.name;
            let begin = match entry {
                Some(entry) => {
                    let known = matched.known[*entry];
                    if *entry >= self.files.len() {
                        assigned.changed = true;
                        assigned.notes.push(format!(
                            "{name} was read up to line {} by an earlier run: it goes on behind",
                            known.place.line
                        ));
                    }
                    go_on(known, file, &mut assigned)?
                }
                None => None,
            };
            let was = self.files.iter().position(|known| file.is_named(known));
            let begin = match (begin, entry, was) {
                (Some(begin), ..) => begin,
                (None, None, Some(was)) if !matched.used[was] => {
                    matched.used[was] = true;
                    let told = format!(
                        "{name} is not the file that was read up to line {} under this name",
                        self.files[was].place.line
                    );
                    assigned.begin_anew(told, replaced)?
                }
                (None, None, _) => {
                    assigned.changed = true;
                    Place::START
                }
                (None, Some(entry), _) => {
                    let told = format!(
                        "{name} was cut or written anew after it was read up to line {}",
                        matched.known[*entry].place.line
                    );
                    assigned.begin_anew(told, replaced)?
                }
            };
            assigned.goes_on |= begin != Place::START;
            assigned.begins.push(begin);
        }
        for (known, used) in self.files.iter().zip(&matched.used) {
            if !used {
                left_out(known, replaced, &mut assigned)?;
            }
        }
        assigned.earlier = matched.earlier();
        Ok(assigned)
    }

    /// As revisions were before they held names.
    fn assign_in_order(&self, given: &[Given]) -> Result<Assigned, Failure> {
        if given.len() != self.files.len() {
            return Err(Failure::run(format!(
                "the revision was taken of {} files of events, not of {}: give the same ones",
                self.files.len(),
                given.len()
            )));
        }
        let mut assigned = Assigned {
            goes_on: true,
            ..Assigned::default()
        };
        let told = "the revision does not say which files it was taken of: the same order is taken for granted";
        assigned.notes.push(told.to_string());
        for (known, given) in self.files.iter().zip(given) {
            let mut begin = known.place;
            if let (Some(file), Packing::None) = (&given.file, given.packing) {
                let name = &given.name;
                let length = file.metadata().map_err(|e| failed(name, &e))?.len();
                // A last row without a line end was counted as if it had one.
                if begin.offset > length + 1 {
                    return Err(Failure::run(format!(
                        "{name} has {length} bytes, and was read up to byte {} before: it is not the file of that run",
                        begin.offset
                    )));
                }
                begin.offset = begin.offset.min(length);
                let next = seek_line(file, begin.offset).map_err(|e| failed(name, &e))?;
                begin.offset = next.unwrap_or(begin.offset);
            }
            assigned.begins.push(begin);
        }
        Ok(assigned)
    }
}

impl Assigned {
    fn begin_anew(&mut self, told: String, replaced: Replaced) -> Result<Place, Failure> {
        if replaced == Replaced::Stop {
            return Err(Failure::run(format!(
                "{told}; --replaced begin reads it from its beginning"
            )));
        }
        self.changed = true;
        self.notes.push(format!("{told}: begun anew"));
        Ok(Place::START)
    }
}

/// Which files are known: by place in the command line, the place in the revision.
struct Matched<'p> {
    /// Those of the run before, then earlier ones.
    known: Vec<&'p FilePlace>,
    entries: Vec<Option<usize>>,
    used: Vec<bool>,
}

impl Matched<'_> {
    /// First what is the same file, under its own name before another one; then copies under the same name.
    fn find(&mut self, given: &[Given]) -> Result<(), Failure> {
        let about = |given: &Given| {
            let about = given.file.as_ref().map(File::metadata).transpose();
            about.map_err(|e| failed(&given.name, &e))
        };
        let abouts = given.iter().map(about).collect::<Result<Vec<_>, _>>()?;
        for (likeness, named) in [
            (Likeness::Same, true),
            (Likeness::Same, false),
            (Likeness::Copy, true),
        ] {
            for (i, (given, about)) in given.iter().zip(&abouts).enumerate() {
                for (j, known) in self.known.iter().enumerate() {
                    let free = self.entries[i].is_none() && !self.used[j];
                    // A stream's rows do not go on as those of another.
                    let fits = given.stream == known.stream;
                    if !free || !fits || (named && !given.is_named(known)) {
                        continue;
                    }
                    let same = match (known.identity, &given.file, about) {
                        // What a file holds is read only where its place does not tell.
                        (Some(identity), _, Some(about))
                            if likeness == Likeness::Same && !identity.is_at(about) =>
                        {
                            false
                        }
                        (Some(identity), Some(file), _) => {
                            let like = identity.compare(file);
                            like.map_err(|e| failed(&given.name, &e))? == likeness
                        }
                        // Pipes are known by their names alone.
                        (None, None, _) => named,
                        _ => false,
                    };
                    if same {
                        self.entries[i] = Some(j);
                        self.used[j] = true;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Matched<'_> {
    /// The known files that are not given and could be told again.
    fn earlier(&self) -> Vec<FilePlace> {
        let known = self.known.iter().enumerate();
        let left = known.filter(|(j, file)| {
            let given = self.entries.contains(&Some(*j));
            !given && file.identity.is_some() && file.place.offset > 0
        });
        let left = left.take(EARLIER_MAX);
        left.map(|(_, file)| (*file).clone()).collect()
    }
}

/// Where a known file goes on; `None` where no line ends at its place, or a compressed one does not reach so far.
fn go_on(
    known: &FilePlace,
    given: &Given,
    assigned: &mut Assigned,
) -> Result<Option<Place>, Failure> {
    let (name, Some(file)) = (&given.name, &given.file) else {
        return Ok(Some(Place::START));
    };
    let offset = known.place.offset;
    let begins = match given.packing {
        Packing::None => seek_line(file, offset),
        packing => reaches(file, packing, offset).map(|is_there| is_there.then_some(offset)),
    };
    let begins = begins.map_err(|e| failed(name, &e))?;
    if begins.is_some() && known.name != *name && !known.name.is_empty() {
        assigned
            .notes
            .push(format!("{name} is what was {} before", known.name));
    }
    Ok(begins.map(|offset| Place {
        offset,
        ..known.place
    }))
}

/// Whether the text of a compressed file has so many bytes.
fn reaches(mut file: &File, packing: Packing, offset: u64) -> io::Result<bool> {
    file.rewind()?;
    let mut text = packing.unpack(file.try_clone()?)?.take(offset);
    Ok(io::copy(&mut text, &mut io::sink())? == offset)
}

/// A file of the earlier run that is not given: right if it was read to its end.
fn left_out(known: &FilePlace, replaced: Replaced, assigned: &mut Assigned) -> Result<(), Failure> {
    assigned.changed = true;
    let about = std::fs::metadata(&known.name).ok();
    let same = about.filter(|about| known.identity.is_some_and(|i| i.is_at(about)));
    // What is compressed does not tell without being taken apart.
    let is_plain = Packing::of(Path::new(&known.name)) == Packing::None;
    let grown = same.is_some_and(|about| is_plain && about.len() > known.place.offset + 1);
    let told = match (known.ended, grown) {
        (true, false) => return Ok(()),
        (true, true) => "has grown since it was read to its end",
        (false, _) => "was not read to its end",
    };
    let told = format!(
        "{} {told}, line {}, and is not given",
        known.name, known.place.line
    );
    match replaced {
        Replaced::Begin => {
            assigned
                .notes
                .push(format!("{told}: the rest of it is left out"));
            Ok(())
        }
        Replaced::Stop => Err(Failure::run(format!(
            "{told}: give it, too, or leave the rest of it out with --replaced begin"
        ))),
    }
}

fn failed(name: &str, e: &std::io::Error) -> Failure {
    Failure::run(format!("{name}: {e}"))
}

/// How a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// It is one of an earlier run.
    past: bool,
    /// It was read to its end.
    ended: bool,
}

impl State {
    /// By `past`, then by `ended`.
    const WORDS: [[&str; 2]; 2] = [["open", "end"], ["past-open", "past"]];

    /// Of a file of the run.
    pub fn of_run(ended: bool) -> Self {
        let past = false;
        State { past, ended }
    }

    fn word(self) -> &'static str {
        State::WORDS[usize::from(self.past)][usize::from(self.ended)]
    }

    fn read(word: &str) -> Option<Self> {
        let states = [false, true].map(|past| [false, true].map(|ended| State { past, ended }));
        let mut states = states.into_iter().flatten();
        states.find(|state| state.word() == word)
    }
}

/// The beginning of the token of a mark: what is said of no file. The files follow, then those of earlier runs.
pub fn head(timed: bool, clock: Option<Timestamp>) -> String {
    let mut token = format!("{} named ", u8::from(timed));
    match clock {
        Some(at) => drop(write!(token, "{}", at.0)),
        None => token.push('-'),
    }
    token
}

/// Appends a file to a token. `names`: see [`names`].
pub fn write_file(
    token: &mut String,
    Place { offset, line, time }: Place,
    state: State,
    identity: Option<FileIdentity>,
    names: &str,
) {
    let _ = write!(token, " {offset}:{line}:{};{};", time.0, state.word());
    match identity {
        Some(identity) => drop(write!(token, "{identity}")),
        None => token.push('-'),
    }
    token.push_str(names);
}

/// The stream and the name of a file as tokens have them: in all marks of a run the same.
pub fn names(stream: &str, name: &str) -> String {
    let mut names = String::new();
    for part in [stream, name] {
        names.push(';');
        escape(part, &mut names);
    }
    names
}

/// The end of the tokens of a run: files of earlier runs.
pub fn earlier(files: &[FilePlace]) -> String {
    let mut token = String::new();
    for file in files {
        let (past, ended) = (true, file.ended);
        let names = names(&file.stream, &file.name);
        let state = State { past, ended };
        write_file(&mut token, file.place, state, file.identity, &names);
    }
    token
}

/// A file, and whether it is one of an earlier run.
fn read_file(part: &str) -> Option<(bool, FilePlace)> {
    let mut fields = part.split(';');
    let place = Place::read(fields.next()?)?;
    let State { past, ended } = State::read(fields.next()?)?;
    let identity = match fields.next()? {
        "-" => None,
        identity => Some(identity.parse().ok()?),
    };
    let file = FilePlace {
        stream: unescape(fields.next()?)?,
        name: unescape(fields.next()?)?,
        identity,
        ended,
        place,
    };
    Some((past, file))
}

/// Appends a name without what parts the token.
fn escape(name: &str, to: &mut String) {
    for c in name.chars() {
        match c {
            '%' | ' ' | ';' => drop(write!(to, "%{:02x}", c as u32)),
            c if c.is_ascii_control() => drop(write!(to, "%{:02x}", c as u32)),
            c => to.push(c),
        }
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut name = parts.next()?.to_string();
    for part in parts {
        let code = u8::from_str_radix(part.get(..2)?, 16).ok()?;
        name.push(char::from(code));
        name.push_str(&part[2..]);
    }
    Some(name)
}

#[cfg(test)]
mod tests;
