//! How rows stand in text: what `WITH (…)` and the command line may say about it.

use super::options::{Key, OptionError, Options};
use std::path::Path;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON array, object or event per line.
    Json,
    /// CSV, with a header unless told otherwise.
    Csv,
}

impl Format {
    /// By the end of the file's name: CSV for `.csv`, otherwise JSON lines.
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("csv") => Format::Csv,
            _ => Format::Json,
        }
    }
}

/// The unit of times that are numbers, counted from 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Thousandths of a second.
    #[default]
    Millis,
    /// Millionths of a second.
    Micros,
    /// Thousandths of a microsecond, cut to a microsecond.
    Nanos,
}

const UNITS: [(&str, TimeUnit); 4] = [
    ("ms", TimeUnit::Millis),
    ("s", TimeUnit::Seconds),
    ("us", TimeUnit::Micros),
    ("ns", TimeUnit::Nanos),
];

/// What is said about the text of a file; all of it may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextOptions {
    format: Option<Format>,
    lenient: Option<bool>,
    delimiter: Option<u8>,
    quote: Option<Option<u8>>,
    header: Option<bool>,
    time: Option<String>,
    unit: Option<TimeUnit>,
}

/// A value that an option does not take: what it takes instead.
pub type Expected = &'static str;

impl TextOptions {
    /// The options of what is read.
    pub const READ: &'static [Key] = &[
        Key {
            name: "format",
            about: "'json' (lines) or 'csv'; by the name of the file when not given",
        },
        Key {
            name: "keys",
            about: "'lenient': what is missing is NULL, what is no attribute is counted and left out; 'strict': \
                both are bad. JSON is lenient, the header of CSV strict when not given",
        },
        Key {
            name: "delimiter",
            about: "CSV: one character, or 'tab'; ',' when not given",
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

    /// Those that are about CSV alone.
    pub const CSV: [&'static str; 3] = ["delimiter", "quote", "header"];

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
            "format" if is("json") => self.format = Some(Format::Json),
            "format" if is("csv") => self.format = Some(Format::Csv),
            "format" => return Err("json or csv"),
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
            _ => return Err("another key: this one is not about text"),
        }
        Ok(())
    }

    /// Whether the delimiter is said.
    pub fn has_delimiter(&self) -> bool {
        self.delimiter.is_some()
    }

    /// The format that is said, otherwise what the end of the name says; none where that says nothing.
    pub fn said_format(&self, path: &Path) -> Option<Format> {
        let extension = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default();
        let is = |known: &[&str]| known.iter().any(|k| extension.eq_ignore_ascii_case(k));
        match self.format {
            None if is(&["csv", "tsv"]) => Some(Format::Csv),
            None if is(&["json", "jsonl", "ndjson"]) => Some(Format::Json),
            said => said,
        }
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
        let given = [
            self.delimiter.is_some(),
            self.quote.is_some(),
            self.header.is_some(),
        ];
        let mut given = TextOptions::CSV.into_iter().zip(given);
        if let Some((key, _)) = given.find(|(_, given)| *given)
            && format == Format::Json
        {
            let why = format!(
                "'{key}' is about CSV, and {} is JSON; 'format'='csv' says otherwise",
                path.display()
            );
            return Err((key, why));
        }
        self.text_in(format)
    }

    /// What holds for one of several files, one that is in this format: what is said about CSV is about those that are
    /// CSV, and left out for JSON.
    ///
    /// Errors: the key that does not suit the other keys, and why.
    pub fn text_in(&self, format: Format) -> Result<Text, (&'static str, String)> {
        let otherwise = Text::new(format);
        let mut text = Text {
            lenient: self.lenient.unwrap_or(otherwise.lenient),
            time: self.time.clone(),
            unit: self.unit.unwrap_or(otherwise.unit),
            ..otherwise
        };
        if format == Format::Csv {
            text.delimiter = self.delimiter.unwrap_or(text.delimiter);
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
    pub(super) fn of_stream(&self, path: &Path, options: &Options) -> Result<Text, OptionError> {
        let unsuited = |(key, why): (&str, String)| OptionError::Unsuited {
            key: options.written(key),
            why,
        };
        self.text(path).map_err(unsuited)
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// JSON lines or CSV.
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
    /// Of times that are numbers.
    pub unit: TimeUnit,
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
            unit: TimeUnit::default(),
        }
    }
}
