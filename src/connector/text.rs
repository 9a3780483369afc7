//! How rows stand in text: what `WITH (…)` and the command line may say about it.

use super::options::{Key, OptionError, Options};
use super::packing::Packing;
use super::time::{TimeFinder, TimeText, TimeUnit};
use crate::event::{Schema, Type};
use std::path::Path;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON array, object or event per line.
    Json,
    /// CSV, with a header unless told otherwise.
    Csv,
    /// Lines, each of which is the one STRING of its row.
    Text,
}

const FORMATS: [(&str, Format); 3] = [
    ("json", Format::Json),
    ("csv", Format::Csv),
    ("text", Format::Text),
];

impl Format {
    /// By the end of the file's name: CSV for `.csv` and `.tsv`, otherwise JSON lines.
    pub fn of(path: &Path) -> Self {
        Format::named(path).unwrap_or(Format::Json)
    }

    /// What the end of the file's name says, if it says something.
    fn named(path: &Path) -> Option<Self> {
        let is = |known: &[&str]| known.iter().any(|known| ends_in(path, known));
        match () {
            () if is(&["csv", "tsv"]) => Some(Format::Csv),
            () if is(&["json", "jsonl", "ndjson"]) => Some(Format::Json),
            () => None,
        }
    }

    /// As it is called in messages.
    pub fn called(self) -> &'static str {
        match self {
            Format::Json => "JSON",
            Format::Csv => "CSV",
            Format::Text => "plain text",
        }
    }

    /// As it is called in options.
    pub fn name(self) -> &'static str {
        let named = FORMATS.iter().find(|(_, format)| *format == self);
        named.map_or("", |(name, _)| name)
    }
}

fn ends_in(path: &Path, end: &str) -> bool {
    let extension = path.extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case(end))
}

const UNITS: [(&str, TimeUnit); 4] = [
    ("ms", TimeUnit::Millis),
    ("s", TimeUnit::Seconds),
    ("us", TimeUnit::Micros),
    ("ns", TimeUnit::Nanos),
];

/// What is said about the text of a file; all of it may be left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextOptions {
    format: Option<Format>,
    lenient: Option<bool>,
    delimiter: Option<u8>,
    quote: Option<Option<u8>>,
    header: Option<bool>,
    time: Option<String>,
    unit: Option<TimeUnit>,
    times: Option<TimeText>,
    finder: Option<TimeFinder>,
    packing: Option<Packing>,
}

/// A value that an option does not take: what it takes instead.
pub type Expected = &'static str;

impl TextOptions {
    /// The options of what is read.
    pub const READ: &'static [Key] = &[
        Key {
            name: "format",
            about: "'json' (lines), 'csv' or 'text' (each line one STRING); by the name of the file when not given",
        },
        Key {
            name: "keys",
            about: "'lenient': what is missing is NULL, what is no attribute is counted and left out; 'strict': \
                both are bad. JSON is lenient, the header of CSV strict when not given",
        },
        Key {
            name: "delimiter",
            about: "CSV: one character, or 'tab'; when not given ',', and tab where the file's name ends in .tsv",
        },
        Key {
            name: "quote",
            about: "CSV: one character, or 'none'; '\"' when not given",
        },
        Key {
            name: "header",
            about: "CSV: 'true' (when not given), or 'false': cells in the order of the attributes",
        },
        Key {
            name: "timestamp",
            about: "the column or key of the time, also an attribute; 'at', else 'timestamp' when not given",
        },
        Key {
            name: "timestamp.unit",
            about: "of times that are numbers: 'ms' (when not given), 's', 'us' or 'ns'",
        },
        Key {
            name: "timestamp.format",
            about: "of times that are texts: a strftime pattern, as '%d/%b/%Y:%H:%M:%S %z'; ISO 8601 when not given",
        },
        Key {
            name: "timestamp.regexp",
            about: "text: a regular expression whose first group, or all of it, is the time of a line",
        },
    ];

    /// The options of what is written.
    pub const WRITTEN: &'static [Key] = &[
        TextOptions::READ[0],
        TextOptions::READ[2],
        TextOptions::READ[3],
        Key {
            name: "header",
            about: "CSV: 'true' (when not given) or 'false'",
        },
    ];

    /// The formats that an option is about.
    pub fn about(name: &str) -> &'static [Format] {
        match name {
            "delimiter" | "quote" | "header" => &[Format::Csv],
            "keys" | "timestamp" => &[Format::Json, Format::Csv],
            "timestamp.regexp" => &[Format::Text],
            _ => &[Format::Json, Format::Csv, Format::Text],
        }
    }

    /// Takes what a stream's options say.
    pub fn from(options: &Options, keys: &[Key]) -> Result<Self, OptionError> {
        let mut text = TextOptions::default();
        for Key { name, .. } in keys {
            if let Some(value) = options.get(name) {
                let set = text.set(name, value);
                set.map_err(|expected| options.wrong(name, expected))?;
            }
        }
        Ok(text)
    }

    /// Sets the option of this name, as one of [`TextOptions::READ`] or [`TextOptions::WRITTEN`].
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Expected> {
        let is = |word: &str| value.eq_ignore_ascii_case(word);
        match name {
            "format" => match FORMATS.iter().find(|(word, _)| is(word)) {
                Some((_, format)) => self.format = Some(*format),
                None => return Err("json, csv or text"),
            },
            "keys" if is("lenient") => self.lenient = Some(true),
            "keys" if is("strict") => self.lenient = Some(false),
            "keys" => return Err("lenient or strict"),
            "delimiter" if is("tab") => self.delimiter = Some(b'\t'),
            "delimiter" => match character(value) {
                Some(c) => self.delimiter = Some(c),
                None => {
                    return Err(
                        "one ASCII character that is no letter, digit, point or sign, or tab",
                    );
                }
            },
            "quote" if is("none") => self.quote = Some(None),
            "quote" => match character(value) {
                Some(c) => self.quote = Some(Some(c)),
                None => {
                    return Err(
                        "one ASCII character that is no letter, digit, point or sign, or none",
                    );
                }
            },
            "header" if is("true") => self.header = Some(true),
            "header" if is("false") => self.header = Some(false),
            "header" => return Err("true or false"),
            "timestamp" if value.is_empty() => return Err("the name of a column"),
            "timestamp" => self.time = Some(value.to_string()),
            "timestamp.unit" => match UNITS.iter().find(|(word, _)| is(word)) {
                Some((_, unit)) => self.unit = Some(*unit),
                None => return Err("ms, s, us or ns"),
            },
            "compression" => match Packing::named(value) {
                Some(packing) => self.packing = Some(packing),
                None => return Err("gzip, zstd or none"),
            },
            "timestamp.format" => {
                let mut times = TimeText::default();
                if !times.set_pattern(value) {
                    return Err("a strftime pattern that names a date, as %d/%b/%Y:%H:%M:%S %z");
                }
                self.times = Some(times);
            }
            "timestamp.regexp" => match TimeFinder::new(value) {
                Some(finder) => self.finder = Some(finder),
                None => return Err("a regular expression, as \\[([^]]+)\\]"),
            },
            _ => return Err("another key: this one is not about text"),
        }
        Ok(())
    }

    /// How a file of this name is compressed.
    pub fn packing(&self, path: &Path) -> Packing {
        self.packing.unwrap_or_else(|| Packing::of(path))
    }

    /// Whether the delimiter is said.
    pub fn has_delimiter(&self) -> bool {
        self.delimiter.is_some()
    }

    /// The names of the options that are given and are about some formats only.
    fn given(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("delimiter", self.delimiter.is_some()),
            ("quote", self.quote.is_some()),
            ("header", self.header.is_some()),
            ("keys", self.lenient.is_some()),
            ("timestamp", self.time.is_some()),
            ("timestamp.regexp", self.finder.is_some()),
        ];
        given.into_iter().filter(|g| g.1).map(|g| g.0)
    }

    /// The format that is said, otherwise what the end of the name says, otherwise what the other options are about;
    /// none where nothing says it.
    pub fn said_format(&self, path: &Path) -> Option<Format> {
        let mut about = self.given().map(TextOptions::about);
        let only = about.find_map(|formats| match formats {
            [format] => Some(*format),
            _ => None,
        });
        self.format.or_else(|| Format::named(path)).or(only)
    }

    /// The format of a file of this name.
    pub fn format(&self, path: &Path) -> Format {
        self.format.unwrap_or_else(|| Format::of(path))
    }

    /// What holds for a file of this name.
    ///
    /// Errors: the key that does not suit its format, or its other keys, and why.
    pub fn text(&self, path: &Path) -> Result<Text, (&'static str, String)> {
        let format = self.format(path);
        let unsuited = |key: &&str| !TextOptions::about(key).contains(&format);
        if let Some(key) = self.given().find(unsuited) {
            let about = TextOptions::about(key)[0];
            let why = format!(
                "'{key}' is about {}, and {} is {}; 'format'='{}' says otherwise",
                about.called(),
                path.display(),
                format.called(),
                about.name()
            );
            return Err((key, why));
        }
        self.text_of(format, path)
    }

    /// What holds for one of several files, one that is in this format: what is said about another format is about
    /// those that are in it, and left out.
    ///
    /// Errors: the key that does not suit the other keys, and why.
    pub fn text_of(&self, format: Format, path: &Path) -> Result<Text, (&'static str, String)> {
        let mut text = Text::new(format);
        if self.times.is_some() && self.unit.is_some() {
            let why = "'timestamp.unit' is about times that are numbers, and 'timestamp.format' about texts; leave \
                one out";
            return Err(("timestamp.unit", why.to_string()));
        }
        let otherwise = TimeText::in_unit(self.unit.unwrap_or_default());
        text.times = self.times.clone().unwrap_or(otherwise);
        match format {
            Format::Text => text.finder = self.finder.clone(),
            Format::Json | Format::Csv => {
                text.lenient = self.lenient.unwrap_or(text.lenient);
                text.time = self.time.clone();
            }
        }
        if format == Format::Csv {
            let by_name = if ends_in(path, "tsv") { b'\t' } else { b',' };
            text.delimiter = self.delimiter.unwrap_or(by_name);
            text.quote = self.quote.unwrap_or(text.quote);
            text.header = self.header.unwrap_or(text.header);
        }
        if text.quote == Some(text.delimiter) {
            let why = "'quote' and 'delimiter' are the same character".to_string();
            return Err(("quote", why));
        }
        Ok(text)
    }

    /// As [`TextOptions::text`], for the options of a stream.
    pub(super) fn of_stream(
        &self,
        path: &Path,
        (stream, schema): (&str, &Schema),
        options: &Options,
    ) -> Result<Text, OptionError> {
        let unsuited = |(key, why): (&str, String)| OptionError::Unsuited {
            key: options.written(key),
            why,
        };
        let text = self.text(path).map_err(unsuited)?;
        let fits = text.check(stream, schema);
        fits.map_err(|why| unsuited(("format", why)))?;
        Ok(text)
    }
}

/// A character that can part cells or enclose them: none that numbers or words are made of.
fn character(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [c] if c.is_ascii_alphanumeric() || matches!(c, b'\n' | b'\r' | 0 | b'.' | b'+' | b'-') => {
            None
        }
        [c] if c.is_ascii() => Some(*c),
        _ => None,
    }
}

/// How the rows of one file stand in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// JSON lines, CSV or plain lines.
    pub format: Format,
    /// What is missing is NULL, and what is no attribute is left out.
    pub lenient: bool,
    /// Between two cells.
    pub delimiter: u8,
    /// Around a cell.
    pub quote: Option<u8>,
    /// The first row of CSV names the columns.
    pub header: bool,
    /// Column or key of the time; without it `at`, otherwise `timestamp`.
    pub time: Option<String>,
    /// How times stand in it.
    pub times: TimeText,
    /// What finds the time of a plain line.
    pub finder: Option<TimeFinder>,
}

impl Text {
    /// What holds where nothing is said.
    pub fn new(format: Format) -> Self {
        Text {
            format,
            lenient: format == Format::Json,
            delimiter: b',',
            quote: Some(b'"'),
            header: true,
            time: None,
            times: TimeText::default(),
            finder: None,
        }
    }

    /// That rows of a stream can stand in it.
    ///
    /// Errors: why not, and what to do.
    pub fn check(&self, stream: &str, schema: &Schema) -> Result<(), String> {
        match (self.format, schema.attributes()) {
            (Format::Text, [attribute]) if attribute.ty == Type::String => Ok(()),
            (Format::Text, attributes) => {
                let found = match attributes {
                    [attribute] => format!("one {}", attribute.ty.name()),
                    many => format!("{} attributes", many.len()),
                };
                Err(format!(
                    "a line of text is one STRING, and {stream} has {found}; declare (line STRING), and take it apart \
                     in a query"
                ))
            }
            _ => Ok(()),
        }
    }
}
