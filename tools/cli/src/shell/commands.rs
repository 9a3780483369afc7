//! The commands, which begin with a point.

use super::Shell;
use super::asks::{is_select, rows};
use super::feed::Piece;
use super::kept::{InputFile, Kept};
use super::told::Wrong;
use crate::paths::holds_something;
use crate::report::time;
use crate::shape::Show;
use crate::state::text::many;
use crate::{say, show};
use clap::ValueEnum;
use eventflux::{EventFluxManager, Made};
use std::fs;
use std::path::Path;
use std::time::Instant;

/// Rows of an answer that a terminal shows, unless .limit says otherwise.
pub const SHOWN_ROWS: u64 = 100;
/// Entries that .history shows.
const HISTORY_SHOWN: usize = 20;

/// What comes after a command.
pub enum Next {
    /// The next line.
    Goes,
    /// These entries of the history are shown.
    History(usize),
    /// Nothing.
    Ends,
}

type CommandFn = fn(&mut Shell<'_>, &str) -> Result<Next, Wrong>;

/// Name, parameters, what it does, how.
#[rustfmt::skip]
pub const COMMANDS: &[(&str, &str, &str, CommandFn)] = &[
    (".app", "", "show the app so far", app),
    (".drop", "NAME", "take back what makes and writes NAME", drop_name),
    (".explain", "[NAME|SELECT …]", "show the plan of the app, or a part of it", explain),
    (".format", "table|rows|json|csv", "how rows are written", format),
    (".functions", "[PART]", "what can be called, with its parameters", functions),
    (".help", "[COMMAND]", "this, or one command", help),
    (".history", "[N]", "show what was typed last", history),
    (".limit", "N", "write at most N rows of an answer; 0: all", limit),
    (".load", "FILE [AS STREAM] …", "rows (CSV, JSON lines) or statements (.sql)", load),
    (".quit", "", "end, as Ctrl-D does", quit),
    (".reset", "", "begin with nothing", reset),
    (".run", "", "run the app, and show what its queries write", run),
    (".save", "FILE [--force]", "write the app into a file, for eventflux run", save),
    (".schema", "[NAME]", "show the statements that make NAME", schema),
    (".tables", "", "list streams, tables and more, with columns", tables),
    (".timer", "on|off", "tell how long answers take", timer),
];

/// Other names of some.
const ALIASES: [(&str, &str); 3] = [
    (".exit", ".quit"),
    (".read", ".load"),
    (".streams", ".tables"),
];

const HELP: &str = "\
Statements end with ; and SELECT is answered at once:
  SELECT … FROM Trades        what the query emits over all rows of Trades
  SELECT … FROM 'trades.csv'  over all rows of a file
  SELECT … FROM T             what a table, window or aggregation T holds
INSERT INTO T VALUES (…), (…); types rows. All other statements are kept: they
are the app. Each answer runs it anew, over all rows from the first to the last,
and closes open windows at the end.";

impl Shell<'_> {
    /// Does a command.
    pub fn command(&mut self, line: &str) -> Result<Next, Wrong> {
        let (word, rest) = match line.split_once(char::is_whitespace) {
            Some((word, rest)) => (word, rest.trim()),
            None => (line, ""),
        };
        let word = word.trim_end_matches(';');
        let other = ALIASES.iter().find(|(alias, _)| *alias == word);
        let word = other.map_or(word, |(_, name)| *name);
        // A habit of statements; the delimiter of .load may be one.
        let rest = match rest.strip_suffix(';') {
            Some(before) if !before.ends_with('=') => before.trim_end(),
            _ => rest,
        };
        let found = COMMANDS.iter().find(|(name, ..)| *name == word);
        let Some((.., run)) = found else {
            let known = COMMANDS.iter().map(|(name, ..)| *name);
            let near: Vec<&str> = known.filter(|k| k.get(..3) == word.get(..3)).collect();
            let remedy = match near.as_slice() {
                [] => ".help lists the commands".to_string(),
                near => format!("did you mean {}?", near.join(" or ")),
            };
            return Err(Wrong::Other(format!("{word} is no command; {remedy}")));
        };
        run(self, rest)
    }
}

/// The command that is meant by a line that is none.
pub fn meant(line: &str) -> Option<&'static str> {
    let word = line.trim().trim_end_matches(';').to_ascii_lowercase();
    match word.as_str() {
        "help" | "?" | "\\?" | "\\h" => Some(".help"),
        "quit" | "exit" | "\\q" => Some(".quit"),
        _ => None,
    }
}

/// What to write instead of a statement of other shells.
pub fn instead(text: &str) -> Option<String> {
    let word = text.split(|c: char| !c.is_ascii_alphabetic()).next();
    let word = word.unwrap_or_default().to_ascii_uppercase();
    let command = match word.as_str() {
        "DROP" => ".drop NAME",
        "SHOW" => ".tables",
        "DESC" | "DESCRIBE" => ".schema NAME",
        "EXPLAIN" => ".explain SELECT …",
        "COPY" | "IMPORT" => ".load FILE",
        "HELP" => ".help",
        "QUIT" | "EXIT" => ".quit",
        _ => return None,
    };
    Some(format!("{word} is no statement here: write {command}"))
}

fn wrong(why: impl Into<String>) -> Wrong {
    Wrong::Other(why.into())
}

/// Of a parameter that does not suit its command.
fn usage(name: &str) -> Wrong {
    let mut all = COMMANDS.iter();
    let parameters = all
        .find(|(known, ..)| *known == name)
        .map_or("", |(_, p, ..)| *p);
    wrong(format!("write {name} {parameters}"))
}

fn app(shell: &mut Shell<'_>, _: &str) -> Result<Next, Wrong> {
    let text = shell.kept.text() + &loaded(&shell.kept);
    if !text.is_empty() {
        show!("{}", text.trim_end());
    }
    Ok(Next::Goes)
}

/// The files that are loaded, and what was typed, as comments of the app.
fn loaded(kept: &Kept) -> String {
    let line = |s: &InputFile| match &s.stream {
        Some(stream) => format!("-- .load {} AS {stream}\n", s.path.display()),
        None => format!("-- .load {}\n", s.path.display()),
    };
    let mut text: String = kept.sources.iter().map(line).collect();
    if !kept.rows.is_empty() {
        text += &format!("-- {} typed\n", rows(kept.rows.len() as u64));
    }
    text
}

fn drop_name(shell: &mut Shell<'_>, name: &str) -> Result<Next, Wrong> {
    if name.is_empty() {
        return Err(usage(".drop"));
    }
    let mut kept = shell.kept.clone();
    let (statements, files) = kept.drop_name(name, &shell.ways())?;
    if (statements, files) == (0, 0) {
        return Err(unknown(shell, name));
    }
    shell.kept = kept;
    if shell.typed {
        say!(
            "{} and {} less",
            many(statements, "statement"),
            many(files, "file")
        );
    }
    Ok(Next::Goes)
}

fn unknown(shell: &Shell<'_>, name: &str) -> Wrong {
    let names: Vec<&str> = shell.kept.known.iter().map(|k| k.name.as_str()).collect();
    match names.is_empty() {
        true => wrong(format!("there is no {name}: the app has no statement yet")),
        false => wrong(format!("there is no {name}; known: {}", names.join(", "))),
    }
}

fn explain(shell: &mut Shell<'_>, what: &str) -> Result<Next, Wrong> {
    if is_select(what) {
        let piece = Piece::of(format!("{what};"));
        let asking = shell.asking(&piece)?;
        match asking.is_question {
            true => show!("it is asked of the rows that are held when all that was loaded is read"),
            false => show!("{}", parts(&asking.app.runtime.explain(), "answer")),
        }
        return Ok(Next::Goes);
    }
    if !what.is_empty() && shell.kept.find(what).is_none() {
        return Err(unknown(shell, what));
    }
    let app = shell.kept.build("", &shell.ways(), &[])?;
    let text = app.runtime.explain();
    match what.is_empty() {
        true => show!("{}", text.trim_end()),
        false => show!("{}", parts(&text, what)),
    }
    Ok(Next::Goes)
}

/// The components of a plan in which a name stands.
fn parts(plan: &str, name: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let has = |part: &str| {
        part.split(|c| !is_part(c))
            .any(|w| w.eq_ignore_ascii_case(name))
    };
    let mut parts: Vec<String> = Vec::new();
    for line in plan.lines() {
        match parts.last_mut() {
            Some(part) if line.starts_with(' ') => *part += &format!("\n{line}"),
            _ => parts.push(line.to_string()),
        }
    }
    let found: Vec<String> = parts.into_iter().filter(|part| has(part)).collect();
    match found.is_empty() {
        true => format!("no query reads or writes {name}"),
        false => found.join("\n"),
    }
}

fn format(shell: &mut Shell<'_>, name: &str) -> Result<Next, Wrong> {
    let format = <Show as ValueEnum>::from_str(name, true).map_err(|_| usage(".format"))?;
    shell.format = Some(format);
    Ok(Next::Goes)
}

fn functions(_: &mut Shell<'_>, part: &str) -> Result<Next, Wrong> {
    let part = part.to_ascii_lowercase();
    let manager = EventFluxManager::new();
    let all = manager.callable();
    let fits = all.filter(|(name, _)| name.to_ascii_lowercase().contains(&part));
    let mut found: Vec<&str> = fits.map(|(_, signature)| signature).collect();
    found.sort_unstable_by_key(|signature| signature.to_ascii_lowercase());
    found.dedup();
    if found.is_empty() {
        return Err(wrong(format!("no function has {part} in its name")));
    }
    show!("{}", found.join("\n"));
    Ok(Next::Goes)
}

fn help(_: &mut Shell<'_>, command: &str) -> Result<Next, Wrong> {
    let line = |(name, parameters, about, _): &(&str, &str, &str, CommandFn)| {
        let call = format!("{name} {parameters}");
        format!("  {call:29}{about}")
    };
    if command.is_empty() {
        show!("{HELP}");
        COMMANDS
            .iter()
            .for_each(|command| show!("{}", line(command)));
        return Ok(Next::Goes);
    }
    let is = |name: &str| name.trim_start_matches('.') == command.trim_start_matches('.');
    let Some(found) = COMMANDS.iter().find(|(name, ..)| is(name)) else {
        return Err(wrong(format!("{command} is no command; .help lists them")));
    };
    show!("{}", line(found).trim_start());
    if found.0 == ".load" {
        show!(
            "FILE is .csv, .tsv, .jsonl, .json, also .gz and .zst, or a pattern of names. Without\n\
            AS the stream has the name of the file; one that is not there is created, with\n\
            columns that are found out. Options of WITH (…) may follow: delimiter, quote,\n\
            header, timestamp (the column of the time), timestamp.unit, keys, format:\n  \
            .load trades.csv AS Trades delimiter=; timestamp=traded timestamp.unit=s"
        );
    }
    Ok(Next::Goes)
}

fn history(shell: &mut Shell<'_>, count: &str) -> Result<Next, Wrong> {
    if !shell.typed {
        return Err(wrong("what comes from a pipe is not remembered"));
    }
    match count {
        "" => Ok(Next::History(HISTORY_SHOWN)),
        count => count
            .parse()
            .map(Next::History)
            .map_err(|_| usage(".history")),
    }
}

fn limit(shell: &mut Shell<'_>, rows: &str) -> Result<Next, Wrong> {
    shell.limit = Some(rows.parse().map_err(|_| usage(".limit"))?);
    Ok(Next::Goes)
}

fn load(shell: &mut Shell<'_>, rest: &str) -> Result<Next, Wrong> {
    let words = words(rest);
    let mut words = words.iter().map(String::as_str);
    let Some(file) = words.next() else {
        return Err(usage(".load"));
    };
    let (mut stream, mut options) = (None, shell.options.clone());
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case("AS") {
            stream = Some(words.next().ok_or_else(|| usage(".load"))?);
            continue;
        }
        let (key, value) = word.split_once('=').ok_or_else(|| usage(".load"))?;
        let set = options.set(key, value);
        set.map_err(|expected| wrong(format!("{key}={value}: expected {expected}")))?;
    }
    shell.load_file(Path::new(file), stream, &options)?;
    Ok(Next::Goes)
}

/// Words between blanks; a quoted one may have some in it.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut quote, mut begun) = (None, false);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                if !begun {
                    words.push(String::new());
                }
                begun = true;
            }
            (None, c) if c.is_whitespace() => begun = false,
            (_, c) => {
                if !begun {
                    words.push(String::new());
                }
                begun = true;
                if let Some(word) = words.last_mut() {
                    word.push(c);
                }
            }
        }
    }
    words
}

fn quit(_: &mut Shell<'_>, _: &str) -> Result<Next, Wrong> {
    Ok(Next::Ends)
}

fn reset(shell: &mut Shell<'_>, _: &str) -> Result<Next, Wrong> {
    shell.kept = Kept::default();
    Ok(Next::Goes)
}

fn run(shell: &mut Shell<'_>, _: &str) -> Result<Next, Wrong> {
    shell.run_app().map(|()| Next::Goes)
}

fn save(shell: &mut Shell<'_>, rest: &str) -> Result<Next, Wrong> {
    let mut words = words(rest);
    let before = words.len();
    words.retain(|word| word != "--force");
    let forced = words.len() < before;
    let [file] = words.as_slice() else {
        return Err(usage(".save"));
    };
    if shell.kept.is_empty() {
        return Err(wrong("nothing to save: the app has no statement yet"));
    }
    if !forced && holds_something(Path::new(file)) {
        return Err(wrong(format!(
            "{file}: there is something in it; .save {file} --force replaces it"
        )));
    }
    let text = loaded(&shell.kept) + &shell.kept.text();
    fs::write(file, text).map_err(|e| wrong(format!("{file}: {e}")))?;
    Ok(Next::Goes)
}

fn schema(shell: &mut Shell<'_>, name: &str) -> Result<Next, Wrong> {
    let kept = &shell.kept;
    if name.is_empty() {
        show!("{}", kept.text().trim_end());
        return Ok(Next::Goes);
    }
    let known = kept.find(name).ok_or_else(|| unknown(shell, name))?;
    if known.made == Made::Query {
        show!("-- stream {} {}", known.name, known.columns());
    }
    kept.statements_of(name).for_each(|text| show!("{text}"));
    Ok(Next::Goes)
}

fn tables(shell: &mut Shell<'_>, _: &str) -> Result<Next, Wrong> {
    let kept = &shell.kept;
    for known in &kept.known {
        let of = |s: &&InputFile| match &s.stream {
            Some(stream) => stream.eq_ignore_ascii_case(&known.name),
            None => false,
        };
        let files = kept.sources.iter().filter(of);
        let mut files: Vec<String> = files.map(|s| s.path.display().to_string()).collect();
        match kept
            .rows
            .iter()
            .filter(|row| row.into == known.name)
            .count()
        {
            0 => {}
            typed => files.push(format!("{} typed", rows(typed as u64))),
        }
        let from = match files.is_empty() {
            true => String::new(),
            false => format!(" from {}", files.join(", ")),
        };
        show!("{} {} {}{from}", known.word(), known.name, known.columns());
    }
    if kept.known.is_empty() && shell.typed {
        say!("nothing yet: .load FILE, or CREATE STREAM Name (column TYPE, …);");
    }
    Ok(Next::Goes)
}

fn timer(shell: &mut Shell<'_>, said: &str) -> Result<Next, Wrong> {
    shell.timer = match said {
        "on" => true,
        "off" => false,
        _ => return Err(usage(".timer")),
    };
    Ok(Next::Goes)
}

/// How long an answer takes.
pub struct Timed(Option<Instant>);

impl Timed {
    /// From now on, if that is to be told.
    pub fn new(told: bool) -> Self {
        Timed(told.then(Instant::now))
    }

    /// Tells it.
    pub fn tell(&self, written: u64) {
        if let Some(begun) = self.0 {
            let took = time(begun.elapsed().as_nanos() as u64);
            say!("{} in {took}", rows(written));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_a_command_are_words() {
        assert_eq!(
            words("a  'b c' AS \"d\"e x=';'"),
            ["a", "b c", "AS", "de", "x=;"]
        );
        assert_eq!(words(" '' 'open x"), ["", "open x"]);
        let names: Vec<&str> = COMMANDS.iter().map(|(name, ..)| *name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(names, sorted);
    }

    #[test]
    fn the_parts_of_a_plan_are_found_by_names() {
        let plan = "app x\ncomponent 1: a\n  Out from S\ncomponent 2: b\n  Other from T\n    x";
        assert_eq!(parts(plan, "t"), "component 2: b\n  Other from T\n    x");
        assert_eq!(parts(plan, "U"), "no query reads or writes U");
    }
}
