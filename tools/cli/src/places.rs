//! Where a run stands in its files, as a text that checkpoints keep, and which files of the next run these are.
//!
//! A file is known by what it is first, by its name second: one that was renamed goes on, and one that took the place
//! of another does not go on in the middle. A file that an earlier run has read to its end need not be given again.

use crate::failure::Failure;
use eventflux::connector::{FileIdentity, Likeness, seek_line};
use eventflux::event::Timestamp;
use std::fmt::Write;
use std::fs::File;

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
                unnamed: true,
            });
        }
        parts.next();
        let clock = match parts.next()? {
            "-" => None,
            at => Some(Timestamp(at.parse().ok()?)),
        };
        Some(Places {
            timed,
            clock,
            files: parts.map(read_file).collect::<Option<_>>()?,
            unnamed: false,
        })
    }

    /// The token of a mark.
    pub fn token(&self) -> String {
        let mut text = format!("{} named ", u8::from(self.timed));
        match self.clock {
            Some(at) => drop(write!(text, "{}", at.0)),
            None => text.push('-'),
        }
        for file in &self.files {
            let Place { offset, line, time } = file.place;
            let ended = if file.ended { "end" } else { "open" };
            let _ = write!(text, " {offset}:{line}:{};{ended};", time.0);
            match file.identity {
                Some(identity) => drop(write!(text, "{identity}")),
                None => text.push('-'),
            }
            for name in [&file.stream, &file.name] {
                text.push(';');
                escape(name, &mut text);
            }
        }
        text
    }

    /// Finds out which of the files these are.
    ///
    /// Errors: a file that is another one than before, unless those are begun anew, and one that is not given although
    /// it has more.
    pub fn assign(&self, given: &[Given], replaced: Replaced) -> Result<Assigned, Failure> {
        if self.unnamed {
            return self.assign_in_order(given);
        }
        let mut matched = Matched {
            places: self,
            entries: vec![None; given.len()],
            used: vec![false; self.files.len()],
        };
        matched.find(given)?;
        let mut assigned = Assigned::default();
        for (entry, file) in matched.entries.iter().zip(given) {
            let name = &file.name;
            let begin = match entry {
                Some(entry) => go_on(&self.files[*entry], file, &mut assigned)?,
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
                        self.files[*entry].place.line
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
        for (known, file) in self.files.iter().zip(given) {
            let (Place { offset, .. }, name) = (known.place, &file.name);
            let begin = go_on(known, file, &mut assigned)?;
            assigned.begins.push(begin.ok_or_else(|| {
                Failure::run(format!(
                    "{name} has no line that ends at byte {offset}, up to which it was read before: \
                     it is not the file of that run"
                ))
            })?);
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
    places: &'p Places,
    entries: Vec<Option<usize>>,
    used: Vec<bool>,
}

impl Matched<'_> {
    /// First what is the same file, under its own name before another one; then copies under the same name.
    fn find(&mut self, given: &[Given]) -> Result<(), Failure> {
        for (likeness, named) in [
            (Likeness::Same, true),
            (Likeness::Same, false),
            (Likeness::Copy, true),
        ] {
            for (i, given) in given.iter().enumerate() {
                for (j, known) in self.places.files.iter().enumerate() {
                    let free = self.entries[i].is_none() && !self.used[j];
                    // A stream's rows do not go on as those of another.
                    let fits = given.stream == known.stream;
                    if !free || !fits || (named && !given.is_named(known)) {
                        continue;
                    }
                    let same = match (known.identity, &given.file) {
                        (Some(identity), Some(file)) => {
                            let like = identity.compare(file);
                            like.map_err(|e| failed(&given.name, &e))? == likeness
                        }
                        // Pipes are known by their names alone.
                        (None, None) => named,
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

/// Where a known file goes on; `None` where no line ends at its place.
fn go_on(
    known: &FilePlace,
    given: &Given,
    assigned: &mut Assigned,
) -> Result<Option<Place>, Failure> {
    let (name, Some(file)) = (&given.name, &given.file) else {
        return Ok(Some(Place::START));
    };
    let begins = seek_line(file, known.place.offset).map_err(|e| failed(name, &e))?;
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

/// A file of the earlier run that is not given: right if it was read to its end.
fn left_out(known: &FilePlace, replaced: Replaced, assigned: &mut Assigned) -> Result<(), Failure> {
    assigned.changed = true;
    let about = std::fs::metadata(&known.name).ok();
    let same = about.filter(|about| known.identity.is_some_and(|i| i.is_at(about)));
    let grown = same.is_some_and(|about| about.len() > known.place.offset + 1);
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

fn read_file(part: &str) -> Option<FilePlace> {
    let mut fields = part.split(';');
    let place = Place::read(fields.next()?)?;
    let ended = match fields.next()? {
        "end" => true,
        "open" => false,
        _ => return None,
    };
    let identity = match fields.next()? {
        "-" => None,
        identity => Some(identity.parse().ok()?),
    };
    Some(FilePlace {
        stream: unescape(fields.next()?)?,
        name: unescape(fields.next()?)?,
        identity,
        ended,
        place,
    })
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
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    /// A folder that goes away with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("eventflux-places-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).expect("a folder");
            Folder(path)
        }

        fn put(&self, name: &str, text: &str) -> String {
            let path = self.0.join(name);
            fs::write(&path, text).expect("written");
            path.to_string_lossy().into_owned()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn known(name: &str, offset: u64, ended: bool) -> FilePlace {
        let file = File::open(name).expect("a file");
        FilePlace {
            stream: String::new(),
            name: name.to_string(),
            identity: FileIdentity::of(&file, offset).expect("readable"),
            ended,
            place: Place {
                offset,
                line: 1,
                time: Timestamp(-5),
            },
        }
    }

    fn assign(
        places: &[&FilePlace],
        names: &[&str],
        replaced: Replaced,
    ) -> Result<Vec<u64>, String> {
        let places = Places {
            files: places.iter().map(|p| (*p).clone()).collect(),
            ..Places::default()
        };
        let token = places.token();
        assert_eq!(Places::read(&token), Ok(places.clone()), "{token}");
        let given = names.iter().map(|name| Given {
            stream: String::new(),
            name: name.to_string(),
            file: File::open(name).ok(),
        });
        let assigned = places.assign(&given.collect::<Vec<_>>(), replaced);
        let begins = assigned.map(|a| a.begins.iter().map(|b| b.offset).collect());
        begins.map_err(|e| e.to_string())
    }

    #[test]
    fn files_are_known_by_what_they_are() {
        let folder = Folder::new("known");
        let (a, b) = (folder.put("a", "a1\na2\n"), folder.put("b %", "b1\nb2\n"));
        let (at_a, at_b) = (known(&a, 3, false), known(&b, 6, true));
        let both = [&at_a, &at_b];
        let stop = Replaced::Stop;
        assert_eq!(assign(&both, &[&a, &b], stop), Ok(vec![3, 6]));
        assert_eq!(assign(&both, &[&b, &a], stop), Ok(vec![6, 3]));
        // b was read to its end, a was not
        assert_eq!(assign(&both, &[&a], stop), Ok(vec![3]));
        let e = assign(&both, &[&b], stop).expect_err("a has more");
        assert!(
            e.contains("was not read to its end, line 1, and is not given"),
            "{e}"
        );
        assert_eq!(assign(&both, &[&b], Replaced::Begin), Ok(vec![6]));
        // a is renamed, and another file has its name
        let old = folder.0.join("a.1").to_string_lossy().into_owned();
        fs::rename(&a, &old).expect("renamed");
        folder.put("a", "a3\na4\n");
        assert_eq!(assign(&both, &[&old, &a, &b], stop), Ok(vec![3, 0, 6]));
        let e = assign(&both, &[&a, &b], stop).expect_err("another file");
        assert!(
            e.contains("is not the file that was read up to line 1"),
            "{e}"
        );
        assert_eq!(assign(&both, &[&a, &b], Replaced::Begin), Ok(vec![0, 6]));
        // b grows, and is cut
        folder.put("b %", "b1\nb2\nb3\n");
        assert_eq!(assign(&[&at_b], &[&b], stop), Ok(vec![6]));
        let e = assign(&[&at_b], &[&a], stop).expect_err("b has more");
        assert!(e.contains("has grown since"), "{e}");
        folder.put("b %", "b1\n");
        let e = assign(&[&at_b], &[&b], stop).expect_err("cut");
        assert!(e.contains("is not the file that was read"), "{e}");
    }

    #[test]
    fn a_place_is_where_a_line_begins() {
        let folder = Folder::new("line");
        let a = folder.put("a", "a1\na2\na3");
        let file = File::open(&a).expect("a file");
        let at = |offset| seek_line(&file, offset).expect("readable");
        assert_eq!([0, 3, 6, 8].map(at), [Some(0), Some(3), Some(6), Some(8)]);
        assert_eq!([1, 4, 7, 9, 99].map(at), [None; 5]);
        folder.put("a", "a1\r\na2\n");
        assert_eq!([2, 4, 6, 7].map(at), [Some(4), Some(4), Some(7), Some(7)]);
    }

    #[test]
    fn revisions_without_names_are_read() {
        let places = Places::read("1 0:0:-9223372036854775808 25:1:7").expect("an old one");
        assert!(places.timed && places.unnamed);
        assert_eq!(places.files[1].place.offset, 25);
        for token in [
            "",
            "x",
            "2 0:0:0",
            "1 0:0",
            "1 named",
            "0 named - 1:1:1;end;-;x",
        ] {
            let e = Places::read(token).expect_err(token).to_string();
            assert!(e.contains("is no place"), "{e}");
        }
    }
}
