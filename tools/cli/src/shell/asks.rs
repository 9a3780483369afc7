//! SELECTs that are answered: over streams, over files, over what tables hold.

use super::Shell;
use super::commands::{SHOWN_ROWS, Timed};
use super::feed::Piece;
use super::kept::{BuiltApp, Known, read};
use super::told::{Origin, Wrong};
use crate::args::InputArgs;
use crate::files::{Answered, Way};
use crate::report::count;
use crate::shape::Show;
use crate::state::text::many;
use crate::{say, signal};
use eventflux::QueryError;
use std::io::{self, IsTerminal};
use std::path::Path;

/// Whether a statement asks, and is not kept.
pub fn is_asked(piece: &Piece) -> bool {
    match read(&piece.text) {
        Ok(script) => script.answers().next().is_some(),
        // WITHIN … PER of an aggregation can be asked, and stand in no query.
        Err(_) => is_select(&piece.text) && !has_word(&piece.text, "INSERT"),
    }
}

/// Whether a text begins with SELECT.
pub fn is_select(text: &str) -> bool {
    let word = text.split(|c: char| !c.is_ascii_alphabetic()).next();
    word.is_some_and(|word| word.eq_ignore_ascii_case("SELECT"))
}

fn has_word(text: &str, word: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.any(|w| w.eq_ignore_ascii_case(word))
}

/// What a SELECT needs to be answered.
pub struct Asking {
    /// The app, with the SELECT in it unless it is a question.
    pub app: BuiltApp,
    /// It asks what a table, a window or an aggregation holds.
    pub is_question: bool,
}

impl Shell<'_> {
    /// Builds what answers a SELECT.
    pub fn asking(&self, piece: &Piece) -> Result<Asking, Wrong> {
        let alone = read(&piece.text);
        let from = alone
            .as_ref()
            .ok()
            .and_then(|script| script.answers().next()?.from);
        let known = from.and_then(|name| self.kept.find(name));
        if alone.is_err() || known.is_some_and(Known::is_held) {
            let app = self.kept.build("", &self.ways(), &[])?;
            let prepared = app.runtime.prepare(&piece.text).map(drop);
            return match (prepared, alone) {
                (Ok(()), _) => Ok(Asking {
                    app,
                    is_question: true,
                }),
                (_, Err(e)) | (Err(QueryError::Text(e)), Ok(_)) => {
                    Err(Wrong::Text(e, vec![Origin::new(1, piece)]))
                }
                (Err(e), Ok(_)) => Err(Wrong::Other(e.to_string())),
            };
        }
        let origins = [Origin::new(self.kept.lines(), piece)];
        let app = self.kept.build(&piece.text, &self.ways(), &origins)?;
        let fresh = |p: &&eventflux::Problem| origins[0].has(p.line);
        let warnings = app.runtime.warnings().iter().filter(fresh);
        warnings.for_each(|p| super::told::warn(p, &origins));
        Ok(Asking {
            app,
            is_question: false,
        })
    }

    /// Answers a SELECT.
    pub fn ask(&mut self, piece: &Piece) -> Result<(), Wrong> {
        let timed = Timed::new(self.timer);
        let Asking { app, is_question } = self.asking(piece)?;
        let reads_files = app.script.files().next().is_some();
        let question = is_question.then_some(piece.text.as_str());
        if let Some(answered) = self.answer(app, question)? {
            self.show_end(&answered, reads_files);
            timed.tell(answered.rows);
        }
        Ok(())
    }

    /// Runs the app, and shows what its queries write that nobody reads.
    pub fn run_app(&mut self) -> Result<(), Wrong> {
        let timed = Timed::new(self.timer);
        let app = self.kept.build("", &self.ways(), &[])?;
        if !app.runtime.streams().iter().any(|s| s.written && !s.read) {
            let message =
                "no query of the app writes rows: INSERT INTO Out SELECT … FROM a stream; does";
            return Err(Wrong::Other(message.to_string()));
        }
        if let Some(answered) = self.answer(app, None)? {
            self.show_end(&answered, false);
            timed.tell(answered.rows);
        }
        Ok(())
    }

    /// How rows are written.
    fn show(&self) -> Show {
        Show::or_by_place(self.format, Path::new("-"), Show::Json)
    }

    /// Runs the app and writes its rows; none where Ctrl-C has stopped it.
    fn answer(&self, app: BuiltApp, question: Option<&str>) -> Result<Option<Answered>, Wrong> {
        let show = match self.show() {
            Show::Rows if question.is_some() => Show::Json,
            show => show,
        };
        let inputs = InputArgs {
            events: self.events(),
            ..InputArgs::default()
        };
        let way = Way {
            inputs: &inputs,
            on_bad: self.args.on_bad,
            show,
            rows_max: match self.limit {
                Some(0) => u64::MAX,
                Some(rows) => rows,
                None if io::stdout().is_terminal() => SHOWN_ROWS,
                None => u64::MAX,
            },
            question,
        };
        let (script, built) = app.into_parts();
        let answered = built.answer(&script, &way);
        if signal::is_asked() {
            if self.typed && signal::forget_interrupt() {
                say!("stopped");
                return Ok(None);
            }
            return Err(Wrong::Signal);
        }
        match answered {
            Ok(answered) if answered.unread => Err(Wrong::Unread),
            answered => answered.map(Some).map_err(Wrong::failed),
        }
    }

    /// Says what is not seen of an answer.
    fn show_end(&self, answered: &Answered, reads_files: bool) {
        for (name, more) in &answered.more {
            let of = match answered.more.len() {
                1 => String::new(),
                _ => format!(" of {name}"),
            };
            let more = count(*more);
            say!("… and {more} more{of}; .limit 0 shows all");
        }
        if !self.typed || answered.rows > 0 || !answered.more.is_empty() {
            return;
        }
        let nothing = self.kept.sources.is_empty() && self.kept.rows.is_empty();
        match nothing && !reads_files {
            true => say!("no row: .load FILE, or INSERT INTO … VALUES (…); gives some"),
            false => say!("no row"),
        }
    }

    /// The files with events of any streams.
    fn events(&self) -> Vec<std::path::PathBuf> {
        let sources = self.kept.sources.iter();
        let events = sources.filter(|s| s.stream.is_none());
        events.map(|s| s.path.clone()).collect()
    }
}

/// A number of rows, for people.
pub fn rows(n: u64) -> String {
    many(n as usize, "row")
}
