//! A script over files: `eventflux query -c "SELECT … FROM 'trades.csv'"`.
//!
//! The columns of a file are found out from its first rows, and then it is read as any input. Standard input and pipes
//! cannot be read twice: what was looked at of them comes before the rest.

use crate::app::App;
use crate::args::{Clock, InputArgs, OnBad, QueryArgs};
use crate::checkpoints::MetricsFile;
use crate::events::Streams;
use crate::failure::Failure;
use crate::inputs::{Inputs, NamedFile};
use crate::named;
use crate::output::Output;
use crate::places::Replaced;
use crate::query::show_answer;
use crate::report::{Latency, Progress};
use crate::run::to_the_end;
use crate::session::{Resume, Session, Telling};
use crate::shape::{Beside, Encoder, Show};
use crate::{say, signal};
use eventflux::connector::{Format, Inferred, Sample, TextOptions};
use eventflux::event::{Batch, Schema};
use eventflux::{Answer, BuildError, EventFluxAppRuntime, EventFluxManager, Script};
use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{self, Cursor, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a text on standard input, more than an app may have.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// Runs the script that the command line or standard input has.
pub fn run(args: &QueryArgs) -> Result<(), Failure> {
    signal::install()?;
    let text = match &args.command {
        Some(text) => text.clone(),
        None => standard_input()?,
    };
    let script = EventFluxManager::new().read_script(&text);
    let script = script.map_err(|e| Failure::usage(format!("the text\n{e}")))?;
    let reads_text = args.command.is_none();
    if reads_text && script.files().any(|f| f == "-") {
        let message = "standard input is the text: give it by -c, or the rows by a file";
        return Err(Failure::usage(message));
    }
    if script.is_empty() {
        return Err(Failure::usage("the text has no SELECT and no statement"));
    }
    run_script(args, script)
}

fn standard_input() -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        return Err(Failure::usage(
            "no text: give -c \"SELECT … FROM 'trades.csv'\", or an app on standard input",
        ));
    }
    let mut text = String::new();
    let read = io::stdin()
        .lock()
        .take(TEXT_BYTES_MAX)
        .read_to_string(&mut text);
    match read {
        Ok(_) => Ok(text),
        Err(e) => Err(Failure::usage(format!("the text on standard input: {e}"))),
    }
}

fn run_script(args: &QueryArgs, script: Script) -> Result<(), Failure> {
    let options = args.inputs.text.options()?;
    let looks = (&options, &Notes::default());
    let built = match Built::new(&script, looks, args.clock, Loaded::default()) {
        Ok(built) => built,
        Err(Unbuilt::Files(failure)) => return Err(failure),
        Err(Unbuilt::Text(e)) => return Err(Failure::usage(format!("the text\n{e}"))),
    };
    built.app.warn(&built.runtime);
    let way = Way {
        inputs: &args.inputs,
        on_bad: args.on_bad,
        show: Show::or_by_place(args.format, Path::new("-"), Show::Json),
        rows_max: u64::MAX,
        question: None,
    };
    built.answer(&script, &way).map(drop)
}

/// What was told of files, so that a shell, which looks at them for each answer, tells it once.
#[derive(Default)]
pub struct Notes(RefCell<HashSet<String>>);

impl Notes {
    fn tell(&self, note: String) {
        let mut told = self.0.borrow_mut();
        if !told.contains(&note) {
            say!("{note}");
            told.insert(note);
        }
    }
}

/// What is read beside the files that a script names.
#[derive(Default)]
pub struct Loaded {
    /// Rows of one stream each.
    pub files: Vec<NamedFile>,
    /// Whether rows of these, and of what the command line names, have no times.
    pub untimed: bool,
    /// There is something beside the files that the script names.
    pub some: bool,
}

/// A script whose files were looked at, and whose app is built.
pub struct Built {
    /// The app.
    pub app: App,
    /// The same, not started.
    pub runtime: EventFluxAppRuntime,
    files: Vec<NamedFile>,
}

/// Why there is no app.
pub enum Unbuilt {
    /// A file cannot be read.
    Files(Failure),
    /// The text is wrong.
    Text(BuildError),
}

/// How a script is answered.
pub struct Way<'a> {
    /// What the command line names, and how it stands there.
    pub inputs: &'a InputArgs,
    /// What a bad line does.
    pub on_bad: OnBad,
    /// How rows are written.
    pub show: Show,
    /// More rows of one answer are counted, and not written.
    pub rows_max: u64,
    /// What tables are asked at the end, instead of what queries emit.
    pub question: Option<&'a str>,
}

/// What became of the rows.
#[cfg_attr(
    not(feature = "shell"),
    expect(
        dead_code,
        reason = "only the shell writes some rows and tells of the rest"
    )
)]
pub struct Answered {
    /// Those that were written.
    pub rows: u64,
    /// Of each answer with more rows than are written, how many more.
    pub more: Vec<(String, u64)>,
    /// Nobody reads what is written.
    pub unread: bool,
}

impl Built {
    /// Looks at the files and builds the app.
    pub fn new(
        script: &Script,
        (options, notes): (&TextOptions, &Notes),
        clock: Option<Clock>,
        loaded: Loaded,
    ) -> Result<Self, Unbuilt> {
        let mut columns: Vec<(String, Schema)> = Vec::new();
        let mut files = loaded.files;
        let mut timed = !loaded.untimed;
        for name in script.files() {
            // Of several by one name the first says what their columns are.
            let paths = named::files(Path::new(name)).map_err(Unbuilt::Files)?;
            let mut paths = paths.into_iter();
            let Some(path) = paths.next() else { continue };
            let (found, begun) = look_at(&path, options, notes).map_err(Unbuilt::Files)?;
            timed &= found.is_timed;
            columns.push((name.to_string(), found.schema));
            let mut add = |path: PathBuf, begun| {
                files.push(NamedFile {
                    name: name.to_string(),
                    packing: options.packing(&path),
                    path,
                    text: found.text.clone(),
                    begun,
                });
            };
            add(path, begun);
            paths.for_each(|path| add(path, None));
        }
        let event_time = match clock {
            Some(clock) => clock == Clock::Event,
            None => timed && (loaded.some || !columns.is_empty()),
        };
        let app = App::of_script(script.clone(), columns, event_time);
        let runtime = app.try_build().map_err(Unbuilt::Text)?;
        Ok(Built {
            app,
            runtime,
            files,
        })
    }

    /// Runs the app over all that it reads, and writes what it answers.
    pub fn answer(self, script: &Script, way: &Way<'_>) -> Result<Answered, Failure> {
        let Built { runtime, files, .. } = self;
        let streams = runtime.streams();
        let known = Streams::new(
            streams
                .iter()
                .map(|s| (s.name.clone(), s.schema.clone(), s.time)),
        );
        let inputs = Inputs::new(way.inputs, files, &known)?;
        let shown = match way.question {
            Some(_) => Shown::nothing(),
            None => show(way, script, &runtime)?,
        };
        let output = &shown.output;
        let mut opened = inputs.open((Replaced::Stop, false), known, None, output)?;
        let progress = Progress::new(opened.bytes, false);
        progress.below(output);
        runtime.observe_connectors(progress.teller());
        let resume = Resume::default();
        let lines = (way.on_bad, Latency::new(false));
        let metrics = MetricsFile::new(None);
        let about = (&resume, &opened);
        let mut session = Session::open(&runtime, about, lines, (progress, metrics))?;
        let asked = Arc::new(Mutex::new(None));
        if let Some(question) = way.question {
            let prepared = runtime.prepare(question);
            let mut prepared = prepared.map_err(Failure::from_run)?;
            let (show, rows_max) = (way.show, way.rows_max);
            let asked = Arc::clone(&asked);
            session.ask_at_the_end(move |_| {
                let answer = prepared.query(()).map_err(Failure::from_run)?;
                let answered = show_answer(&answer, show, rows_max)?;
                *asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(answered);
                Ok(())
            });
        }
        let ends = (true, Telling::Losses);
        to_the_end(runtime, session, &mut opened, output, ends)?;
        let asked = asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(asked.unwrap_or_else(|| shown.answered()))
    }
}

/// What a file holds, and what was opened of one that cannot be opened again.
pub fn look_at(
    path: &Path,
    options: &TextOptions,
    notes: &Notes,
) -> Result<(Inferred, Option<Box<dyn Read + Send>>), Failure> {
    let (name, packing) = (path.display(), options.packing(path));
    let failure = |e: io::Error| Failure::run(format!("{name}: {e}"));
    let mut reader = named::open(path, packing).map_err(failure)?;
    // A pipe may be one that nobody writes to.
    signal::set_idle(true);
    let sample = Sample::read(&mut *reader);
    signal::set_idle(false);
    let sample = sample.map_err(failure)?;
    let found = sample.infer(options, &named::of_text(path, packing));
    let found = found.map_err(|e| Failure::run(format!("{name}: {e}")))?;
    let looks = match found.text.format {
        Format::Text => "plain text, each line a row of the column 'line'",
        Format::Csv => "CSV with a header",
        Format::Json => "JSON lines",
    };
    // What begins with a bracket leaves no doubt.
    if found.guessed && found.text.format != Format::Json {
        notes.tell(format!(
            "eventflux: {name} is read as {looks}; --input-format says otherwise"
        ));
    }
    let again = path != Path::new("-") && path.is_file();
    let begun = (!again).then(|| Box::new(Cursor::new(sample.bytes).chain(reader)) as _);
    Ok((found, begun))
}

/// What is written while an app runs.
struct Shown {
    output: Arc<Output>,
    /// By the names of the answers, how many rows are not written.
    more: Vec<(String, Arc<AtomicU64>)>,
}

impl Shown {
    fn nothing() -> Self {
        Shown {
            output: Output::new(Path::new("-"), Vec::new()),
            more: Vec::new(),
        }
    }

    fn answered(&self) -> Answered {
        let more = self.more.iter();
        let more = more.map(|(name, rows)| (name.clone(), rows.load(Ordering::Relaxed)));
        Answered {
            rows: self.output.row_count(),
            more: more.filter(|(_, rows)| *rows > 0).collect(),
            unread: self.output.is_unread(),
        }
    }
}

/// Writes what the script answers; without a SELECT that stands alone what a run would write.
fn show(way: &Way<'_>, script: &Script, runtime: &EventFluxAppRuntime) -> Result<Shown, Failure> {
    let streams = runtime.streams();
    let written = streams.iter().filter(|s| s.written && !s.read);
    let answers: Vec<Answer<'_>> = script.answers().collect();
    let shown: Vec<(&str, &Schema)> = match answers.is_empty() {
        true => written.map(|s| (s.name.as_str(), &s.schema)).collect(),
        false => {
            let is_answer = |name: &str| answers.iter().any(|a| a.stream == name);
            let own = streams.iter().filter(|s| is_answer(&s.name));
            own.map(|s| (s.name.as_str(), &s.schema)).collect()
        }
    };
    let show = way.show;
    if let (Show::Csv, [_, _, ..]) = (show, shown.as_slice()) {
        let message = format!(
            "--format csv takes the rows of one SELECT, not of {}",
            shown.len()
        );
        return Err(Failure::usage(message));
    }
    // An answer is a relation; what is inserted into streams are events.
    let times = answers.is_empty();
    let header = shown
        .first()
        .map_or(Vec::new(), |(_, s)| show.header(s, times));
    let output = Output::new(Path::new("-"), header);
    let beside = Beside {
        times,
        stream: shown.len() > 1,
    };
    // Rows that nobody reads but this output: with the last one that is wanted the run is over.
    let only_answers = streams.iter().filter(|s| s.written).count() == answers.len();
    let open = Arc::new(AtomicUsize::new(shown.len()));
    let mut more = Vec::new();
    for (name, schema) in shown {
        let encoder = show.encoder(name, schema, beside);
        let answer = answers.iter().find(|a| a.stream == name);
        let further = Arc::new(AtomicU64::new(0));
        more.push((name.to_string(), Arc::clone(&further)));
        let taken = Taken {
            encoder,
            output: Arc::clone(&output),
            skip: AtomicU64::new(answer.map_or(0, |a| a.skip)),
            left: AtomicU64::new(answer.and_then(|a| a.rows_max).unwrap_or(u64::MAX)),
            unwritten: AtomicU64::new(way.rows_max),
            further,
            open: Arc::clone(&open),
            ends: only_answers,
        };
        taken.end_of_nothing();
        let added = runtime.add_callback(name, move |batch| taken.rows(batch));
        added.map_err(Failure::from_run)?;
    }
    Ok(Shown { output, more })
}

/// The rows of one answer, as far as they are wanted.
struct Taken {
    encoder: Encoder,
    output: Arc<Output>,
    /// So many are still passed over.
    skip: AtomicU64,
    /// So many are still wanted.
    left: AtomicU64,
    /// So many are still written, and further ones only counted.
    unwritten: AtomicU64,
    further: Arc<AtomicU64>,
    /// Answers of which rows are still wanted.
    open: Arc<AtomicUsize>,
    /// The run is over with the last of them.
    ends: bool,
}

impl Taken {
    fn rows(&self, batch: &Batch) {
        let rows = batch.len() as u64;
        let skipped = self.skip.load(Ordering::Relaxed).min(rows);
        self.skip.fetch_sub(skipped, Ordering::Relaxed);
        let left = self.left.load(Ordering::Relaxed);
        let taken = left.min(rows - skipped);
        if taken == 0 {
            return;
        }
        let unwritten = self.unwritten.load(Ordering::Relaxed);
        let written = taken.min(unwritten);
        match written {
            0 => {}
            n if n == rows => self.output.rows(&self.encoder, batch),
            n => {
                let part = skipped as usize..(skipped + n) as usize;
                self.output.rows(&self.encoder, &batch.part(part));
            }
        }
        if unwritten != u64::MAX {
            self.unwritten.fetch_sub(written, Ordering::Relaxed);
            self.further.fetch_add(taken - written, Ordering::Relaxed);
            if written > 0 && written == unwritten {
                // Nobody waits for their end who sees no more of them.
                self.output.flush();
            }
        }
        if left != u64::MAX {
            self.left.fetch_sub(taken, Ordering::Relaxed);
            if left == taken {
                self.end();
            }
        }
    }

    /// LIMIT 0.
    fn end_of_nothing(&self) {
        if self.left.load(Ordering::Relaxed) == 0 {
            self.end();
        }
    }

    fn end(&self) {
        if self.open.fetch_sub(1, Ordering::Relaxed) == 1 && self.ends {
            self.output.close();
        }
    }
}
