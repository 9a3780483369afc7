//! A process that runs the app over a folder and may end at any moment: what `points` and `kill` start again and
//! again.
//!
//! It is this binary again, told by a variable what to do. It goes on from the last revision, sends the rows after it
//! and writes what comes out to a file, leaving out by number what the file has. So the file at the end must be that
//! of a process that never ended.

use crate::common::{NAME, Rows, STREAMS, app, assert_dense, send_row};
use crate::fault_store::Call;
use crate::hook_store::{Hook, HookStore};
use eventflux::store::{FileStore, PersistenceStore};
use eventflux::{CheckpointConfig, EventFluxAppRuntime, PositionedOutput, RestoreOptions, Workers};
use std::collections::HashMap;
use std::fs::{File, OpenOptions, read};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

const CHILD: &str = "EVENTFLUX_TEST_CHECKPOINT_CHILD";

/// What the child does.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its folder.
    pub dir: PathBuf,
    /// How many rows there are in all.
    pub rows: u64,
    /// Worker threads, 0 for inline.
    pub workers: usize,
    pub mode: Mode,
    /// At which moment it aborts.
    pub abort: Option<Abort>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A checkpoint after every 40 rows.
    Script,
    /// Checkpoints without a pause while rows are sent.
    Busy,
    /// A checkpoint every so many milliseconds.
    Interval(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abort {
    /// Around the n-th operation of the store.
    Operation(usize, Moment),
    /// Around the n-th chunk.
    Put(usize, Moment),
    /// In the n-th cut, with all workers stopped.
    Cut(usize),
    /// After the n-th drain, before the commit.
    Sync(usize),
    /// In the restore, with all workers stopped.
    Rewind,
}

fn count(counter: &AtomicUsize) -> usize {
    counter.fetch_add(1, Ordering::SeqCst) + 1
}

/// Counts what happens, and aborts where it is told.
#[derive(Default)]
struct Aborts {
    at: Option<Abort>,
    operations: AtomicUsize,
    puts: AtomicUsize,
    cuts: AtomicUsize,
    syncs: AtomicUsize,
}

impl Aborts {
    fn reach(&self, here: Abort) {
        if self.at == Some(here) {
            std::process::abort();
        }
    }
}

struct Around(Arc<Aborts>);

impl Hook for Around {
    fn before(&self, call: Call) {
        let aborts = &self.0;
        aborts.reach(Abort::Operation(count(&aborts.operations), Moment::Before));
        if call == Call::PutChunk {
            aborts.reach(Abort::Put(count(&aborts.puts), Moment::Before));
        }
    }

    fn after(&self, call: Call) {
        let aborts = &self.0;
        let last = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        aborts.reach(Abort::Operation(last(&aborts.operations), Moment::After));
        if call == Call::PutChunk {
            aborts.reach(Abort::Put(last(&aborts.puts), Moment::After));
        }
    }
}

/// An output without a position of its own: it is told of cuts, commits and restores.
impl PositionedOutput for Aborts {
    fn position(&self) -> Result<Vec<u8>, String> {
        self.reach(Abort::Cut(count(&self.cuts)));
        Ok(Vec::new())
    }

    fn sync(&self) -> Result<(), String> {
        self.reach(Abort::Sync(count(&self.syncs)));
        Ok(())
    }

    fn rewind(&self, _position: Option<&[u8]>) -> Result<(), String> {
        self.reach(Abort::Rewind);
        Ok(())
    }
}

/// The file of outputs: a line is stream, group, number and row.
struct Out {
    file: File,
    /// By stream and group: digests of the rows that the file has, in the order of their numbers.
    known: HashMap<(String, u16), Vec<u64>>,
}

/// The complete lines of a file; what a torn write left is no line.
fn lines(path: &Path) -> Vec<String> {
    let bytes = read(path).unwrap_or_default();
    let text = String::from_utf8(bytes).expect("rows are text");
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(str::to_string).collect()
}

fn parsed(line: &str) -> ((String, u16, u64), String) {
    let mut words = line.splitn(4, ' ');
    let mut word = || words.next().expect("a line has four parts");
    let stream = word().to_string();
    let group = word().parse().expect("a group");
    let number = word().parse().expect("a number");
    ((stream, group, number), word().to_string())
}

impl Out {
    fn open(path: &Path) -> Out {
        let lines = lines(path);
        let mut known: HashMap<(String, u16), Vec<u64>> = HashMap::new();
        for line in &lines {
            let ((stream, group, _), row) = parsed(line);
            let of_group = known.entry((stream, group)).or_default();
            of_group.push(xxh3_64(row.as_bytes()));
        }
        let whole: usize = lines.iter().map(|line| line.len() + 1).sum();
        let options = OpenOptions::new().create(true).append(true).open(path);
        let file = options.expect("the folder takes files");
        file.set_len(whole as u64).expect("it can be cut");
        Out { file, known }
    }

    fn write(&mut self, stream: &str, group: u16, number: u64, row: &str) {
        let known = self.known.entry((stream.to_string(), group)).or_default();
        let digest = xxh3_64(row.as_bytes());
        match known.get(number as usize - 1) {
            Some(before) => assert_eq!(*before, digest, "{stream} {number} differs: {row}"),
            None => {
                assert_eq!(known.len() as u64 + 1, number, "a gap in {stream} {group}");
                known.push(digest);
                let line = format!("{stream} {group} {number} {row}\n");
                self.file.write_all(line.as_bytes()).expect("there is room");
            }
        }
    }
}

fn attach(app: &EventFluxAppRuntime, out: Out) {
    let out = Arc::new(Mutex::new(out));
    for stream in STREAMS {
        let out = Arc::clone(&out);
        let written = app.add_numbered_callback(stream, move |batch, numbers| {
            let mut out = out.lock().expect("no other callback panicked");
            for (place, n) in numbers.iter().enumerate() {
                out.write(
                    stream,
                    n.group,
                    n.number,
                    &format!("{:?}", batch.row(place)),
                );
            }
        });
        written.expect("a stream");
    }
}

impl Task {
    pub fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    pub fn out(&self) -> PathBuf {
        self.dir.join("out")
    }

    /// What the file of outputs holds; every number once.
    pub fn written(&self) -> Rows {
        let lines = lines(&self.out());
        let rows: Rows = lines.iter().map(|line| parsed(line)).collect();
        assert_eq!(rows.len(), lines.len(), "a row was written twice");
        assert_dense(&rows);
        rows
    }

    pub fn command(&self) -> Command {
        let program = std::env::current_exe().expect("this binary has a path");
        let mut command = Command::new(program);
        command
            .args(["--exact", "child::child", "--nocapture"])
            .env(CHILD, self.encoded())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Runs the child to its end; whether it came to the end of its task.
    pub fn run(&self) -> bool {
        let output = self.command().stderr(Stdio::piped()).output();
        let output = output.expect("this binary can be started");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(ended_as_told(output.status), "{self:?}: {stderr}");
        output.status.success()
    }

    fn encoded(&self) -> String {
        let mode = match self.mode {
            Mode::Script => "script 0".to_string(),
            Mode::Busy => "busy 0".to_string(),
            Mode::Interval(ms) => format!("interval {ms}"),
        };
        let moment = |moment| if moment == Moment::Before { 0 } else { 1 };
        let abort = match self.abort {
            None => "never 0 0".to_string(),
            Some(Abort::Operation(k, m)) => format!("operation {k} {}", moment(m)),
            Some(Abort::Put(k, m)) => format!("put {k} {}", moment(m)),
            Some(Abort::Cut(k)) => format!("cut {k} 0"),
            Some(Abort::Sync(k)) => format!("sync {k} 0"),
            Some(Abort::Rewind) => "rewind 0 0".to_string(),
        };
        let (rows, workers, dir) = (self.rows, self.workers, self.dir.display());
        format!("{rows} {workers} {mode} {abort} {dir}")
    }

    fn decoded(text: &str) -> Task {
        let words: Vec<&str> = text.splitn(8, ' ').collect();
        let number = |place: usize| words[place].parse::<u64>().expect("a number");
        let k = number(5) as usize;
        let moment = if number(6) == 0 {
            Moment::Before
        } else {
            Moment::After
        };
        Task {
            dir: PathBuf::from(words[7]),
            rows: number(0),
            workers: number(1) as usize,
            mode: match words[2] {
                "script" => Mode::Script,
                "busy" => Mode::Busy,
                _ => Mode::Interval(number(3)),
            },
            abort: match words[4] {
                "operation" => Some(Abort::Operation(k, moment)),
                "put" => Some(Abort::Put(k, moment)),
                "cut" => Some(Abort::Cut(k)),
                "sync" => Some(Abort::Sync(k)),
                "rewind" => Some(Abort::Rewind),
                _ => None,
            },
        }
    }

    /// Whether it hears of cuts: then workers stand for them, otherwise each cuts by itself. Processes that are killed
    /// do it by turns.
    fn is_told(&self) -> bool {
        match (self.abort, self.mode) {
            (Some(Abort::Cut(_) | Abort::Sync(_) | Abort::Rewind), _) => true,
            (_, Mode::Interval(ms)) => ms % 2 == 1,
            _ => false,
        }
    }

    fn perform(&self) {
        let store = FileStore::open(self.store()).expect("the folder takes files");
        let aborts = Arc::new(Aborts {
            at: self.abort,
            ..Aborts::default()
        });
        let store: Arc<dyn PersistenceStore> = Arc::new(HookStore {
            inner: Arc::new(store),
            hook: Around(Arc::clone(&aborts)),
        });
        let workers = match self.workers {
            0 => Workers::Inline,
            n => Workers::Pinned(n),
        };
        let mut config = CheckpointConfig::default().retain(2);
        if let Mode::Interval(ms) = self.mode {
            config = config.interval(Duration::from_millis(ms));
        }
        let app = app(store, workers, config);
        attach(&app, Out::open(&self.out()));
        if self.is_told() {
            let service = app.snapshot_service().expect("it has a store");
            service.add_output("out", aborts);
        }
        let empty = RestoreOptions::default().allow_empty(true);
        app.restore_with(&empty).expect("restores");
        app.start().expect("it starts");
        self.feed(&app);
        app.flush().expect("all is processed");
        app.persist().expect("a checkpoint");
        app.shutdown().expect("it stops");
    }

    fn feed(&self, app: &EventFluxAppRuntime) {
        let mut input = app.open_input("in").expect("opens");
        let first = input.position() + 1;
        let (ended, taken) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let busy = (self.mode == Mode::Busy).then(|| {
                scope.spawn(|| {
                    let mut last = None;
                    while !ended.load(Ordering::Relaxed) {
                        let revision = app.persist().expect("a checkpoint");
                        // Where nothing has changed it is the one before.
                        let new = last.replace(revision) != Some(revision);
                        taken.fetch_add(usize::from(new), Ordering::Relaxed);
                    }
                })
            });
            for n in first..=self.rows {
                send_row(&mut input, n).expect("the row is taken");
                if self.mode == Mode::Script && n % 40 == 0 {
                    app.persist().expect("a checkpoint");
                }
                // So that rows go on in many checkpoints, however fast they are.
                let enough = (n - first) as usize / 100;
                while let Some(busy) = &busy
                    && !busy.is_finished()
                    && taken.load(Ordering::Relaxed) < enough
                {
                    std::thread::yield_now();
                }
            }
            ended.store(true, Ordering::Relaxed);
        });
    }

    /// The epoch of the head, 0 for none. May be asked while the child runs.
    pub fn epoch(&self) -> u64 {
        let store = FileStore::open(self.store()).expect("the folder takes files");
        let last = store.last_revision(NAME).expect("it can be read");
        last.map_or(0, |revision| revision.epoch)
    }
}

/// It came to its end, or was ended from outside; an assertion that failed is neither.
fn ended_as_told(status: ExitStatus) -> bool {
    status.success() || status.code().is_none()
}

/// What the child does; nothing where the test is run as one.
#[test]
fn child() {
    if let Ok(task) = std::env::var(CHILD) {
        Task::decoded(&task).perform();
    }
}
