//! `eventflux shell`: SQL that is typed, and what it answers.
//!
//! `feed` cuts what is typed into statements and commands; `kept` has the app of those that are kept, and says how
//! answers come about; `insert` reads rows that are typed, `asks` gives answers, `load` takes files, `commands` are the
//! words that begin with a point. On a terminal `editor` reads the lines, and `words` are completed. From a pipe
//! nothing is shown but what is asked for, and the first error ends the shell.

mod asks;
mod commands;
mod editor;
mod feed;
mod insert;
mod kept;
mod load;
mod told;
mod words;

use crate::args::{Clock, OnBad};
use crate::failure::Failure;
use crate::files::Notes;
use crate::shape::Show;
use crate::text::TextArgs;
use crate::{say, signal};
use clap::Args;
use commands::Next;
use editor::{Editor, Typed};
use eventflux::EventFluxManager;
use eventflux::connector::TextOptions;
use feed::{Feed, Piece, STATEMENT_BYTES_MAX, ShellInput, TooLong};
use kept::{Kept, Ways};
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::PathBuf;
use told::Wrong;
use words::Words;

const SHELL_HELP: &str = r#"A statement ends with ; and may have several lines. CREATE, INSERT, PARTITION and the like are
kept: they are the app. A SELECT is answered, and not kept:
  SELECT … FROM a stream         the rows that it emits while all that was loaded is read from the
                                 beginning
  SELECT … FROM 'trades.csv'     over all rows of the file, whose columns are found out
  SELECT … FROM a table,         what it holds when all that was loaded has been read
    window or aggregation
INSERT INTO a stream or table VALUES (…), (…); types rows. Each answer runs the whole app anew over
all rows that were loaded and typed, and closes open windows at the end; so it is the same whenever
it is asked. Lines that begin with a point are commands; .help lists them.

On a terminal: Tab completes, Up and Ctrl-R find earlier lines, Ctrl-C drops a line or stops an
answer, Ctrl-D ends.
From a pipe: no prompt; the first error ends the shell with status 1.

Examples:
  eventflux shell
  eventflux shell app.sql --load trades.csv
  echo "SELECT sym, sum(qty) FROM 'trades.csv' GROUP BY sym" | eventflux shell
  eventflux shell --format csv < script.sql > answer.csv

  eventflux> .load trades.csv
  eventflux> INSERT INTO Volume SELECT sym, sum(qty) AS qty FROM trades GROUP BY sym;
  eventflux> SELECT * FROM Volume WHERE qty > 100;
  eventflux> .save app.sql"#;

/// Options of `shell`.
#[derive(Args, Debug)]
#[command(after_long_help = SHELL_HELP)]
pub struct ShellArgs {
    /// Statements to begin with
    #[arg(value_name = "APP.sql")]
    pub app: Option<PathBuf>,
    /// Load rows, or statements (.sql), as .load does
    #[arg(long, value_name = "FILE")]
    pub load: Vec<PathBuf>,
    /// How rows are written
    ///
    /// As a table on a terminal, otherwise as JSON objects.
    #[arg(long, value_enum, hide_possible_values = true)]
    pub format: Option<Show>,
    /// The clock, where neither the app says it with @app:playback nor all that is read has times
    #[arg(long, value_enum, hide_short_help = true)]
    pub clock: Option<Clock>,
    /// What happens at a bad line of a file
    #[arg(long, value_enum, default_value_t = OnBad::Skip, hide_short_help = true)]
    pub on_bad: OnBad,
    /// How rows stand in files.
    #[command(flatten)]
    pub text: TextArgs,
}

/// What is said between two statements, and what is kept.
pub struct Shell<'a> {
    args: &'a ShellArgs,
    /// How rows stand in files, where nothing else is said.
    options: TextOptions,
    /// What was told of files.
    notes: Notes,
    kept: Kept,
    format: Option<Show>,
    /// Rows of an answer that are written; 0: all of them.
    limit: Option<u64>,
    timer: bool,
    /// Somebody types, and is told more.
    typed: bool,
    /// Files of statements that are open, one in the other.
    depth: usize,
}

/// Files of statements that load each other.
const DEPTH_MAX: usize = 16;

/// Runs the shell.
pub fn run(args: &ShellArgs) -> Result<(), Failure> {
    signal::install()?;
    let mut shell = Shell {
        args,
        options: args.text.options()?,
        notes: Notes::default(),
        kept: Kept::default(),
        format: args.format,
        limit: None,
        timer: false,
        typed: io::stdin().is_terminal(),
        depth: 0,
    };
    if shell.typed {
        say!(
            "eventflux {}: statements end with ; and commands begin with . (see .help)",
            env!("CARGO_PKG_VERSION")
        );
    }
    for path in args.app.iter().chain(&args.load) {
        let asked = if args.app.as_ref() == Some(path) {
            "APP.sql"
        } else {
            "--load"
        };
        let loaded = match asked {
            "APP.sql" => shell.statements_of(path),
            _ => shell.load_file(path, None, &args.text.options()?),
        };
        if let Err(wrong) = loaded {
            shell.tell(&wrong, None)?;
        }
    }
    let ended = match shell.typed {
        true => shell.prompt(),
        false => shell.pipe(),
    };
    match ended {
        Err(Wrong::Unread) | Ok(()) => Ok(()),
        Err(Wrong::Signal) => Err(Failure::interrupted()),
        // It is told already.
        Err(_) => Err(Failure::told()),
    }
}

impl Shell<'_> {
    fn ways(&self) -> Ways<'_> {
        Ways {
            options: &self.options,
            notes: &self.notes,
            clock: self.args.clock,
        }
    }

    /// Tells what went wrong; it ends a shell that nobody types into.
    fn tell(&self, wrong: &Wrong, line: Option<usize>) -> Result<(), Failure> {
        match wrong {
            Wrong::Signal => return Err(Failure::interrupted()),
            Wrong::Unread => return Ok(()),
            wrong => say!("{}", wrong.text(None, line.filter(|_| !self.typed))),
        }
        match self.typed {
            true => Ok(()),
            false => Err(Failure::told()),
        }
    }

    /// Does what was typed; answers whether that was to end.
    fn entry(&mut self, entry: ShellInput) -> Result<Next, Wrong> {
        match entry {
            ShellInput::Command(command) => self.command(&command.text),
            ShellInput::Statement(piece) => self.statement(piece).map(|()| Next::Goes),
        }
    }

    /// Keeps a statement, or answers it.
    fn statement(&mut self, piece: Piece) -> Result<(), Wrong> {
        if let Some(instead) = commands::instead(&piece.text) {
            return Err(Wrong::Other(instead));
        }
        if let Some(rows) = insert::rows(&piece, &self.kept) {
            let rows = rows?;
            let count = rows.len();
            let mut kept = std::mem::take(&mut self.kept);
            let added = kept.add_rows(rows, &self.ways());
            self.kept = kept;
            added?;
            if self.typed {
                say!("{}", asks::rows(count as u64));
            }
            return Ok(());
        }
        match asks::is_asked(&piece) {
            true => self.ask(&piece),
            false => self.keep(vec![piece]),
        }
    }

    /// Keeps statements.
    fn keep(&mut self, pieces: Vec<Piece>) -> Result<(), Wrong> {
        let mut kept = std::mem::take(&mut self.kept);
        let added = kept.add(pieces, &self.ways());
        self.kept = kept;
        for known in added? {
            if self.typed {
                say!("{} {} {}", known.word(), known.name, known.columns());
            }
        }
        Ok(())
    }

    /// What can be completed now.
    fn words(&self, functions: &[String]) -> Words {
        let known = &self.kept.known;
        let columns = known.iter().flat_map(|k| k.schema.attributes());
        let mut columns: Vec<String> = columns.map(|a| a.name.to_string()).collect();
        columns.sort();
        columns.dedup();
        Words {
            names: known.iter().map(|k| k.name.clone()).collect(),
            columns,
            functions: functions.to_vec(),
        }
    }

    /// Reads what is typed, to the end.
    fn prompt(&mut self) -> Result<(), Wrong> {
        let mut editor = Editor::new().map_err(|e| {
            say!("error: the terminal: {e}");
            Wrong::Told(String::new())
        })?;
        let manager = EventFluxManager::new();
        let functions: Vec<String> = manager
            .callable()
            .map(|(name, _)| name.to_string())
            .collect();
        let (mut feed, mut typed) = (Feed::default(), String::new());
        loop {
            editor.know(self.words(&functions));
            signal::forget_interrupt();
            signal::set_typing(true);
            let read = editor.line(feed.is_begun(), feed.open_sign());
            signal::set_typing(false);
            match read {
                Typed::Line(mut line) => {
                    if let (false, Some(command)) = (feed.is_begun(), commands::meant(&line)) {
                        line = command.to_string();
                    }
                    typed.push_str(&line);
                    typed.push('\n');
                    if let Next::Ends = self.lines(&line, &mut feed, &mut editor)? {
                        return Ok(());
                    }
                    if !feed.is_begun() {
                        editor.remember(typed.trim());
                        typed.clear();
                        feed.count_anew();
                    }
                }
                Typed::Dropped => {
                    feed.forget();
                    feed.count_anew();
                    typed.clear();
                }
                Typed::End => return Ok(()),
            }
        }
    }

    /// Does what lines complete that were typed or pasted. What fails is told, and the next one is done.
    fn lines(&mut self, lines: &str, feed: &mut Feed, editor: &mut Editor) -> Result<Next, Wrong> {
        for line in lines.split('\n') {
            let entries = match feed.line(line) {
                Ok(entries) => entries,
                Err(TooLong) => {
                    feed.forget();
                    say!("error: {}", too_long());
                    continue;
                }
            };
            for entry in entries {
                match self.entry(entry) {
                    Ok(Next::Goes) => {}
                    Ok(Next::Ends) => return Ok(Next::Ends),
                    Ok(Next::History(count)) => editor.show_history(count),
                    Err(end @ (Wrong::Signal | Wrong::Unread)) => return Err(end),
                    Err(wrong) => say!("{}", wrong.text(None, None)),
                }
            }
        }
        Ok(Next::Goes)
    }

    /// Reads standard input that nobody types.
    fn pipe(&mut self) -> Result<(), Wrong> {
        let mut feed = Feed::default();
        let stdin = io::stdin();
        let mut reader = stdin.lock();
        let mut number = 0;
        loop {
            // It may be a pipe that nobody writes to.
            signal::set_idle(true);
            let line = next_line(&mut reader, number == 0);
            signal::set_idle(false);
            number += 1;
            let told = |why: String| {
                say!("error: line {number}: {why}");
                Wrong::Told(why)
            };
            let Some(line) = line.map_err(told)? else {
                break;
            };
            for entry in feed.line(&line).map_err(|TooLong| told(too_long()))? {
                if let Next::Ends = self.piped(entry)? {
                    return Ok(());
                }
            }
        }
        match feed.rest() {
            Some(rest) => self.piped(ShellInput::Statement(rest)).map(drop),
            None => Ok(()),
        }
    }

    fn piped(&mut self, entry: ShellInput) -> Result<Next, Wrong> {
        let (ShellInput::Command(piece) | ShellInput::Statement(piece)) = &entry;
        let line = piece.line;
        let done = self.entry(entry);
        if let Err(wrong) = &done
            && !matches!(wrong, Wrong::Signal | Wrong::Unread)
        {
            say!("{}", wrong.text(None, Some(line)));
        }
        done
    }
}

fn too_long() -> String {
    format!("a statement has more than {STATEMENT_BYTES_MAX} bytes (STATEMENT_BYTES_MAX)")
}

/// The next line without its end; none at the end. What is longer than a statement may be is cut, and refused then.
fn next_line(reader: &mut impl BufRead, first: bool) -> Result<Option<String>, String> {
    let mut bytes = Vec::new();
    let mut limited = reader.take(STATEMENT_BYTES_MAX as u64 + 2);
    let read = limited.read_until(b'\n', &mut bytes);
    read.map_err(|e| format!("standard input: {e}"))?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    // Half a character may stand at the cut.
    if bytes.len() > STATEMENT_BYTES_MAX {
        return Err(too_long());
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let byte = e.utf8_error().valid_up_to() + 1;
        format!("not UTF-8, byte {byte} of the line")
    })?;
    Ok(Some(match text.strip_prefix('\u{feff}') {
        Some(text) if first => text.to_string(),
        _ => text,
    }))
}
