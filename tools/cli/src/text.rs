//! What the command line says about the text of inputs: the options that a source has in `WITH (…)`.

use crate::failure::Failure;
use clap::Args;
use eventflux::connector::{Format, TextOptions};

/// Where these options stand in the help.
const TEXT: &str = "Text of inputs";

/// Options about the files of `--events` and `--input`, and those that a text names.
#[derive(Args, Clone, Debug, Default)]
pub struct TextArgs {
    /// Of files that are not --events: json, csv or text (lines as STRING) [default: by the name]
    #[arg(long, help_heading = TEXT, hide_short_help = true, value_name = "FORMAT")]
    pub input_format: Option<String>,
    /// How all inputs are compressed: gzip, zstd or none [default: by the name, .gz or .zst]
    #[arg(long, help_heading = TEXT, hide_short_help = true, value_name = "METHOD")]
    pub input_compression: Option<String>,
    /// What is missing in a row, or no attribute: lenient (NULL, left out) or strict (a bad line)
    ///
    /// By default lenient for JSON and strict for the header of CSV. What is left out is counted.
    #[arg(long, help_heading = TEXT, hide_short_help = true, value_name = "lenient|strict")]
    pub keys: Option<String>,
    /// Between cells of CSV: a character, or tab [default: ,]
    #[arg(long, help_heading = TEXT, hide_short_help = true, value_name = "CHAR")]
    pub delimiter: Option<String>,
    /// Around cells of CSV: a character, or none [default: "]
    #[arg(long, help_heading = TEXT, hide_short_help = true, value_name = "CHAR")]
    pub quote: Option<String>,
    /// Whether CSV begins with the names of its columns: true or false [default: true]
    #[arg(long, help_heading = TEXT, hide_short_help = true, value_name = "BOOL")]
    pub header: Option<String>,
    /// Column, key or attribute that holds the time of a row [default: at, else timestamp]
    #[arg(long, help_heading = TEXT, hide_short_help = true, value_name = "NAME")]
    pub time_column: Option<String>,
    /// Unit of times that are numbers: ms, s, us or ns [default: ms]
    #[arg(long, help_heading = TEXT, hide_short_help = true, value_name = "UNIT")]
    pub time_unit: Option<String>,
    /// Pattern of times that are texts, as strftime's: '%d/%b/%Y:%H:%M:%S %z' [default: ISO 8601]
    #[arg(long, help_heading = TEXT, hide_short_help = true, value_name = "PATTERN")]
    pub time_format: Option<String>,
    /// Of plain text: a regular expression whose first group, or all of it, is the time of a line
    #[arg(long, help_heading = TEXT, hide_short_help = true, value_name = "REGEXP")]
    pub time_regexp: Option<String>,
}

impl TextArgs {
    /// The options that are given: as typed, as a source calls it, the value.
    pub fn given(&self) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
        let all = [
            ("--input-format", "format", &self.input_format),
            (
                "--input-compression",
                "compression",
                &self.input_compression,
            ),
            ("--keys", "keys", &self.keys),
            ("--delimiter", "delimiter", &self.delimiter),
            ("--quote", "quote", &self.quote),
            ("--header", "header", &self.header),
            ("--time-column", "timestamp", &self.time_column),
            ("--time-unit", "timestamp.unit", &self.time_unit),
            ("--time-format", "timestamp.format", &self.time_format),
            ("--time-regexp", "timestamp.regexp", &self.time_regexp),
        ];
        all.into_iter()
            .filter_map(|(typed, key, value)| Some((typed, key, value.as_deref()?)))
    }

    /// What is said of all files.
    ///
    /// Errors: status 2 for a value that an option does not take, whatever the files are.
    pub fn options(&self) -> Result<TextOptions, Failure> {
        let mut options = TextOptions::default();
        for (typed, key, value) in self.given() {
            options.set(key, value).map_err(|expected| {
                Failure::usage(format!("{typed} {value}: expected {expected}"))
            })?;
        }
        Ok(options)
    }

    /// Refuses what is said about the text of no file.
    pub fn check_used(&self, formats: impl Iterator<Item = Format>) -> Result<(), Failure> {
        let formats: Vec<Format> = formats.collect();
        let mut given = self.given();
        let about = |key| TextOptions::about(key);
        let unused = given.find(|(_, key, _)| !about(key).iter().any(|f| formats.contains(f)));
        match unused {
            None => Ok(()),
            Some((typed, key, _)) => {
                let what = match about(key) {
                    _ if formats.is_empty() => "--events and --input",
                    [format] => format.called(),
                    _ => "JSON and CSV",
                };
                Err(Failure::usage(format!(
                    "{typed} is about {what}, and there is none; a source takes it as '{key}' in WITH (…)"
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn options_suit_the_files_that_they_are_about() {
        let args = TextArgs {
            delimiter: Some("tab".into()),
            time_unit: Some("s".into()),
            ..TextArgs::default()
        };
        let options = args.options().expect("right");
        let text = |format, path: &str| options.text_of(format, Path::new(path)).expect("right");
        let text_of = |path: &str| text(options.format(Path::new(path)), path);
        assert_eq!(text_of("a.csv").delimiter, b'\t');
        assert_eq!(text_of("a.jsonl").delimiter, b',');
        assert_eq!(text(Format::Json, "-").format, Format::Json);
        assert_eq!(
            args.check_used([Format::Csv, Format::Json].into_iter()),
            Ok(())
        );
        let unused = args.check_used([Format::Json].into_iter());
        let unused = unused.expect_err("no CSV").to_string();
        assert!(unused.starts_with("--delimiter is about CSV"), "{unused}");
        let wrong = TextArgs {
            quote: Some("ab".into()),
            ..TextArgs::default()
        };
        let wrong = wrong.options().expect_err("two characters");
        assert!(
            wrong.to_string().starts_with("--quote ab: expected one"),
            "{wrong}"
        );
    }
}
