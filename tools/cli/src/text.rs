//! What the command line says about the text of inputs: the options that a source has in `WITH (…)`.

use crate::failure::Failure;
use clap::Args;
use eventflux::connector::{Format, TextOptions};

/// Options about the files of `--events` and `--input`, and those that a text names.
#[derive(Args, Clone, Debug, Default)]
pub struct TextArgs {
    /// Of files that are not --events: json or csv [default: by the name of the file]
    #[arg(
        long,
        hide_short_help = true,
        help_heading = "Text of inputs",
        value_name = "FORMAT"
    )]
    pub input_format: Option<String>,
    /// What is missing in a row and what is no attribute: lenient (NULL; counted and left out) or strict (a bad line)
    /// [default: lenient for JSON, strict for the header of CSV]
    #[arg(
        long,
        hide_short_help = true,
        help_heading = "Text of inputs",
        value_name = "lenient|strict"
    )]
    pub keys: Option<String>,
    /// Between cells of CSV: a character, or tab [default: ,]
    #[arg(
        long,
        hide_short_help = true,
        help_heading = "Text of inputs",
        value_name = "CHAR"
    )]
    pub delimiter: Option<String>,
    /// Around cells of CSV: a character, or none [default: "]
    #[arg(
        long,
        hide_short_help = true,
        help_heading = "Text of inputs",
        value_name = "CHAR"
    )]
    pub quote: Option<String>,
    /// Whether CSV begins with the names of its columns: true or false [default: true]
    #[arg(
        long,
        hide_short_help = true,
        help_heading = "Text of inputs",
        value_name = "BOOL"
    )]
    pub header: Option<String>,
    /// Column or key that holds the time of a row, also an attribute [default: at, else timestamp]
    #[arg(
        long,
        hide_short_help = true,
        help_heading = "Text of inputs",
        value_name = "NAME"
    )]
    pub time_column: Option<String>,
    /// Unit of times that are numbers: ms, s, us or ns [default: ms]
    #[arg(
        long,
        hide_short_help = true,
        help_heading = "Text of inputs",
        value_name = "UNIT"
    )]
    pub time_unit: Option<String>,
}

impl TextArgs {
    /// The options that are given: as typed, as a source calls it, the value.
    pub fn given(&self) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
        let all = [
            ("--input-format", "format", &self.input_format),
            ("--keys", "keys", &self.keys),
            ("--delimiter", "delimiter", &self.delimiter),
            ("--quote", "quote", &self.quote),
            ("--header", "header", &self.header),
            ("--time-column", "timestamp", &self.time_column),
            ("--time-unit", "timestamp.unit", &self.time_unit),
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
        let unused = given.find(|(_, key, _)| match TextOptions::CSV.contains(key) {
            true => !formats.contains(&Format::Csv),
            false => formats.is_empty(),
        });
        match unused {
            None => Ok(()),
            Some((typed, key, _)) => {
                let what = if TextOptions::CSV.contains(&key) {
                    "CSV"
                } else {
                    "--events and --input"
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
        let text = |format| options.text_in(format).expect("right");
        let text_of = |path: &str| text(options.format(Path::new(path)));
        assert_eq!(text_of("a.csv").delimiter, b'\t');
        assert_eq!(text_of("a.jsonl").delimiter, b',');
        assert_eq!(text(Format::Json).format, Format::Json);
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
