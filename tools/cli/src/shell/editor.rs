//! The line on a terminal: edited, completed, remembered in a file.

use super::words::Words;
use crate::table::is_colour_refused;
use crate::{say, show};
use rustyline::completion::Completer;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::{DefaultHistory, History};
use rustyline::validate::Validator;
use rustyline::{Behavior, CompletionType, Config, Context, Helper};
use std::borrow::Cow;
use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

/// Entries that are remembered.
const HISTORY_ENTRIES: usize = 1000;
/// In front of a statement, and of its further lines.
const PROMPT: &str = "eventflux> ";
const FURTHER: &str = "      ...> ";

/// What was typed.
pub enum Typed {
    /// A line, or several that were pasted.
    Line(String),
    /// Ctrl-C.
    Dropped,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// Reads lines.
pub struct Editor {
    lines: rustyline::Editor<Completing, DefaultHistory>,
    /// Where they are remembered, if they are.
    path: Option<PathBuf>,
}

impl Editor {
    /// Of the terminal, with what was typed before.
    pub fn new() -> Result<Self, ReadlineError> {
        keep_terminal().map_err(ReadlineError::Io)?;
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .auto_add_history(false)
            .behavior(match io::stdout().is_terminal() {
                true => Behavior::Stdio,
                // What is written goes elsewhere.
                false => Behavior::PreferTerm,
            })
            .build();
        let mut lines = rustyline::Editor::with_config(config)?;
        lines.set_max_history_size(HISTORY_ENTRIES)?;
        lines.set_helper(Some(Completing::default()));
        let mut editor = Editor { lines, path: None };
        let Some(path) = history_file() else {
            return Ok(editor);
        };
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        let loaded = folder
            .map_err(ReadlineError::Io)
            .and_then(|()| match path.exists() {
                true => editor.lines.load_history(&path),
                false => Ok(()),
            });
        editor.path = Some(path);
        if let Err(e) = loaded {
            editor.forget_file(&e);
        }
        Ok(editor)
    }

    /// What is completed from now on.
    pub fn know(&mut self, words: Words) {
        if let Some(helper) = self.lines.helper_mut() {
            helper.0 = words;
        }
    }

    /// Reads a line: the first of a statement, or a further one, maybe behind a quote that is open.
    pub fn line(&mut self, further: bool, open: Option<char>) -> Typed {
        let prompt = match (further, open) {
            (false, _) => PROMPT.to_string(),
            (true, None) => FURTHER.to_string(),
            (true, Some(sign)) => FURTHER.replacen("...", &format!(" {sign}."), 1),
        };
        match self.lines.readline(prompt.as_str()) {
            Ok(line) => Typed::Line(line),
            Err(ReadlineError::Interrupted) => Typed::Dropped,
            Err(_) => Typed::End,
        }
    }

    /// Remembers what was typed.
    pub fn remember(&mut self, typed: &str) {
        if typed.is_empty() {
            return;
        }
        // It may be the same as the last one.
        let _ = self.lines.add_history_entry(typed);
        if let Some(path) = &self.path
            && let Err(e) = self.lines.append_history(path)
        {
            self.forget_file(&e);
        }
    }

    /// Shows the last entries.
    pub fn show_history(&self, count: usize) {
        let history = self.lines.history();
        for entry in history.iter().skip(history.len().saturating_sub(count)) {
            show!("{entry}");
        }
    }

    fn forget_file(&mut self, why: &ReadlineError) {
        if let Some(path) = self.path.take() {
            say!(
                "warning: what is typed is not remembered: {}: {why}",
                path.display()
            );
        }
    }
}

/// A signal that ends the shell leaves the terminal as it is now: while a line is edited, keys are not shown by it.
#[cfg(unix)]
fn keep_terminal() -> io::Result<()> {
    use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
    // rustyline asks the same end; what is no terminal is for it to refuse.
    let Ok(before) = tcgetattr(io::stdin()) else {
        return Ok(());
    };
    crate::signal::set_back_by(move || {
        // The process ends in any case.
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &before);
    })
}

#[cfg(not(unix))]
fn keep_terminal() -> io::Result<()> {
    Ok(())
}

/// Where lines are remembered: in the folder of the user's state.
fn history_file() -> Option<PathBuf> {
    let folder = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("eventflux").join("history"))
}

/// What the editor asks.
#[derive(Default)]
struct Completing(Words);

impl Completer for Completing {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        // Of several lines that were pasted the last one counts.
        let before = &line[..pos];
        let begin = before.rfind('\n').map_or(0, |end| end + 1);
        let (start, found) = self.0.complete(&before[begin..]);
        Ok((begin + start, found))
    }
}

impl Hinter for Completing {
    type Hint = String;
}

impl Highlighter for Completing {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        match is_colour_refused() {
            true => Cow::Borrowed(prompt),
            false => Cow::Owned(format!("\x1b[1m{prompt}\x1b[0m")),
        }
    }
}

impl Validator for Completing {}

impl Helper for Completing {}
