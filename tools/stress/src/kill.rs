//! A process killed again and again, and what it leaves compared with a run that was never killed.
//!
//! Runs go through all ways in turn: state in a folder or in one Redis; inline, on one worker and on two; rows one at a
//! time or in columns. A run is a number of lives that are killed (SIGKILL) when their file has grown by so many
//! bytes, when they have told of so many checkpoints, or at any moment, and a last life that comes to its end a little
//! further. The file must then be, byte for byte, that of one life of as many rows without a store; of two workers
//! when its lines are ordered by key and stream. On the way a life must go on from the last revision that any life
//! before has told to be durable, or a newer one, and must not end by itself.

mod life;

use crate::child::itself;
use crate::failure::Failure;
use clap::Args;
use eventflux::store::Revision;
use eventflux_kit::Random;
use eventflux_testbed::{HANG, Redis, Scratch};
use life::{Door, Told, live};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use life::{LifeArgs, run as run_life};

/// Lives of a run that are killed.
const KILLS: std::ops::RangeInclusive<u64> = 2..=8;
/// Rows of the last life behind those of the lives before.
const MORE_MAX: u64 = 2_000;
/// A life is killed at the latest when its file has grown by so much: a run is compared with one in a single piece.
const BYTES_BITS_MAX: u64 = 21;
const EPOCHS_MAX: u64 = 5;
/// Longest life that is ended by the time: starting takes some milliseconds, a checkpoint in a folder some more.
const MOMENT_US_MAX: u64 = 150_000;
/// How often it is looked whether a file has grown.
const LOOK: Duration = Duration::from_millis(1);

/// Options of `kill`.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  cargo run --profile bench-dev -p eventflux-stress -- kill --count 1000 --seed 7")]
pub struct KillArgs {
    /// How many processes are killed
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Seed of rows and of when processes are killed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of the first run: a finding names its own
    #[arg(long, default_value_t = 0)]
    from: u64,
}

/// What was done so far.
#[derive(Debug, Default)]
struct Done {
    kills: u64,
    restores: u64,
    empty: u64,
    /// Lives that were killed before they told how they start.
    silent: u64,
    commits: u64,
    rows: u64,
    bytes: u64,
}

/// How a run is done.
#[derive(Clone, Copy, Debug)]
struct Way {
    redis: bool,
    workers: usize,
    door: Door,
}

impl Way {
    /// The way of a run: all in turn.
    fn of(run: u64) -> Way {
        Way {
            redis: run % 2 == 1,
            door: [Door::Rows, Door::Columns][(run / 2 % 2) as usize],
            workers: (run / 4 % 3) as usize,
        }
    }
}

/// When a life is killed.
#[derive(Clone, Copy, Debug)]
enum Until {
    Bytes(u64),
    Commits(u64),
    Moment(Duration),
}

impl Until {
    fn draw(random: &mut Random) -> Until {
        match random.below(3) {
            // As often by some bytes as by some hundred thousand.
            0 => Until::Bytes(1 << random.below(BYTES_BITS_MAX)),
            1 => Until::Commits(1 + random.below(EPOCHS_MAX)),
            _ => Until::Moment(Duration::from_micros(random.below(MOMENT_US_MAX))),
        }
    }
}

/// Kills processes until as many are killed as asked.
pub fn run(args: &KillArgs) -> Result<(), Failure> {
    println!("kill: seed {}", args.seed);
    let begun = Instant::now();
    let redis = Redis::builder().try_start()?;
    let (mut done, mut number) = (Done::default(), args.from);
    while done.kills < args.count {
        let left = args.count - done.kills;
        let tried = Run::new(args.seed, number, &redis)?.complete(left, &mut done);
        tried.map_err(|failure| {
            Failure::new(format!(
                "{failure}\ntry again: eventflux-stress kill --seed {} --from {number} --count {left}",
                args.seed
            ))
        })?;
        number += 1;
        if number % 20 == 0 {
            eprintln!(
                "{} s: {} kills, {number} runs",
                begun.elapsed().as_secs(),
                done.kills
            );
        }
    }
    println!(
        "kill: {} kills, {} restores, {} fresh starts, {} killed before either, {} checkpoints, {} runs compared \
         ({} rows, {:.1} MB), 0 findings, {} s, seed {}",
        done.kills,
        done.restores,
        done.empty,
        done.silent,
        done.commits,
        number - args.from,
        done.rows,
        done.bytes as f64 / 1e6,
        begun.elapsed().as_secs(),
        args.seed
    );
    Ok(())
}

/// A number of lives of one app.
struct Run<'r> {
    way: Way,
    random: Random,
    folder: Scratch,
    redis: &'r Redis,
    args: LifeArgs,
    /// The last revision that was told to be durable.
    durable: Option<Revision>,
}

impl<'r> Run<'r> {
    fn new(seed: u64, number: u64, redis: &'r Redis) -> Result<Self, Failure> {
        let (way, folder) = (Way::of(number), Scratch::new()?);
        let mut random = Random::new(seed.wrapping_mul(0x1_0000_0001).wrapping_add(number));
        let store = match way.redis {
            true => redis.url(),
            false => format!("file:{}", folder.at("state")),
        };
        let args = LifeArgs {
            store: Some(store),
            prefix: format!("kill-{number}:"),
            out: folder.path().join("out"),
            workers: way.workers,
            door: way.door,
            seed: random.below(1 << 40),
            more: None,
            checkpoint_ms: 2 + random.below(30),
        };
        Ok(Run {
            way,
            random,
            folder,
            redis,
            args,
            durable: None,
        })
    }

    /// Lives and kills, at most so many, then lets the last life come to its end and compares.
    fn complete(mut self, kills_max: u64, done: &mut Done) -> Result<(), Failure> {
        let kills = KILLS.start() + self.random.below(KILLS.end() - KILLS.start() + 1);
        for _ in 0..kills.min(kills_max) {
            let until = Until::draw(&mut self.random);
            let told = self.killed(until);
            let told = told.map_err(|e| Failure::new(format!("{:?}, {until:?}: {e}", self.way)))?;
            done.kills += 1;
            self.note(&told, done)?;
        }
        self.args.more = Some(1 + self.random.below(MORE_MAX));
        let told = self.life()?.until_its_end()?;
        self.note(&told, done)?;
        let Some(Told::Ended(rows)) = told.last() else {
            return Err(Failure::new("the last life did not tell its end"));
        };
        let compared = self.compare(*rows, done);
        if self.way.redis {
            self.redis.try_cmd(&["FLUSHALL"])?.ok()?;
        }
        if compared.is_err() {
            // Its files are for looking at.
            std::mem::forget(self.folder);
        }
        compared
    }

    fn life(&self) -> Result<Life, Failure> {
        Life::begin(&self.args)
    }

    /// A life that is killed; answers what it told.
    fn killed(&self, until: Until) -> Result<Vec<Told>, Failure> {
        let length = || fs::metadata(&self.args.out).map_or(0, |about| about.len());
        let (begun, before) = (Instant::now(), length());
        let mut life = self.life()?;
        let mut commits = 0;
        loop {
            let over = match until {
                Until::Bytes(bytes) => length() >= before + bytes,
                Until::Commits(wanted) => commits >= wanted,
                Until::Moment(moment) => begun.elapsed() >= moment,
            };
            if over {
                return life.kill();
            }
            if begun.elapsed() > HANG {
                return Err(Failure::new(format!("a life does nothing for {HANG:?}")));
            }
            commits += u64::from(matches!(life.hear(LOOK)?, Some(Told::Committed(_))));
        }
    }

    /// Takes what a life told: it goes on from what was durable.
    fn note(&mut self, told: &[Told], done: &mut Done) -> Result<(), Failure> {
        let epoch = |revision: Option<Revision>| revision.map_or(0, |r| r.epoch);
        let first = match told.first() {
            None => {
                done.silent += 1;
                return Ok(());
            }
            Some(Told::Restored(revision)) => Some(*revision),
            Some(_) => None,
        };
        *(if first.is_some() {
            &mut done.restores
        } else {
            &mut done.empty
        }) += 1;
        if epoch(first) < epoch(self.durable) {
            let (way, durable) = (self.way, self.durable);
            let message =
                format!("{way:?}: {durable:?} was durable, and a life began with {first:?}");
            return Err(Failure::new(message));
        }
        let commits = told.iter().filter_map(|told| match told {
            Told::Committed(revision) => Some(*revision),
            _ => None,
        });
        for revision in commits {
            done.commits += 1;
            self.durable = Some(revision);
        }
        Ok(())
    }

    /// Compares the file with that of a life that was never killed.
    fn compare(&self, rows: u64, done: &mut Done) -> Result<(), Failure> {
        let whole = self.folder.path().join("whole");
        let never_killed = LifeArgs {
            store: None,
            out: whole.clone(),
            workers: 0,
            door: Door::Rows,
            more: Some(rows),
            ..self.args.clone()
        };
        live(&never_killed, &|_| {})?;
        let ordered = |path: &Path| fs::read(path).map(|bytes| self.ordered(bytes));
        let (got, want) = (ordered(&self.args.out)?, ordered(&whole)?);
        done.rows += rows;
        done.bytes += want.len() as u64;
        if got == want {
            return Ok(());
        }
        let at = got.iter().zip(&want).position(|(a, b)| a != b);
        Err(Failure::new(format!(
            "{:?}: {rows} rows give {} bytes, and {} when never killed; they differ at {}; see {}",
            self.way,
            got.len(),
            want.len(),
            at.unwrap_or(got.len().min(want.len())),
            self.folder.path().display()
        )))
    }

    /// Lines by key and stream where several workers wrote them, each in the order of its own.
    fn ordered(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.way.workers < 2 {
            return bytes;
        }
        let key = |line: &&[u8]| {
            let mut blanks = (0..line.len()).filter(|i| line[*i] == b' ');
            blanks.nth(1).unwrap_or(line.len())
        };
        let mut lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
        lines.sort_by(|a, b| a[..key(a)].cmp(&b[..key(b)]));
        lines.concat()
    }
}

/// A child, and what it tells.
struct Life {
    child: Child,
    told: Vec<Told>,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
}

impl Life {
    fn begin(args: &LifeArgs) -> Result<Life, Failure> {
        let mut command = Command::new(itself()?);
        command.arg("kill-life").arg("--out").arg(&args.out);
        for (name, value) in [
            ("--store", args.store.clone()),
            ("--prefix", Some(args.prefix.clone())),
            ("--workers", Some(args.workers.to_string())),
            ("--door", Some(args.door.word().to_string())),
            ("--seed", Some(args.seed.to_string())),
            ("--more", args.more.map(|more| more.to_string())),
            ("--checkpoint-ms", Some(args.checkpoint_ms.to_string())),
        ] {
            if let Some(value) = value {
                command.args([name, &value]);
            }
        }
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = pipes.stderr(Stdio::piped()).spawn()?;
        let (sender, lines) = channel();
        if let Some(out) = child.stdout.take() {
            let lines = BufReader::new(out).lines().map_while(Result::ok);
            std::thread::spawn(move || lines.for_each(|line| drop(sender.send(line))));
        }
        let errors = child.stderr.take().map(|mut from| {
            std::thread::spawn(move || {
                let mut text = String::new();
                // Of a text that is cut off what came is shown.
                let _ = from.read_to_string(&mut text);
                text
            })
        });
        Ok(Life {
            child,
            told: Vec::new(),
            lines,
            errors,
        })
    }

    /// The next line, if it comes in this time. That a life ends by itself is a failure.
    fn hear(&mut self, patience: Duration) -> Result<Option<Told>, Failure> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => self.take(&line).map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait()?;
                let message = format!("it ended by itself, {status}: {}", self.errors());
                Err(Failure::new(message))
            }
        }
    }

    fn take(&mut self, line: &str) -> Result<Told, Failure> {
        let told = Told::of(line).ok_or_else(|| Failure::new(format!("it told '{line}'")))?;
        self.told.push(told);
        Ok(told)
    }

    fn errors(&mut self) -> String {
        let errors = self.errors.take().and_then(|errors| errors.join().ok());
        errors.unwrap_or_default()
    }

    /// Kills it; answers all that it told.
    fn kill(mut self) -> Result<Vec<Told>, Failure> {
        // SIGKILL on Unix.
        self.child.kill()?;
        self.child.wait()?;
        self.rest()
    }

    fn until_its_end(mut self) -> Result<Vec<Told>, Failure> {
        let begun = Instant::now();
        while !matches!(self.told.last(), Some(Told::Ended(_))) {
            self.hear(HANG)?;
            if begun.elapsed() > HANG {
                return Err(Failure::new(format!(
                    "the last life has no end in {HANG:?}"
                )));
            }
        }
        self.child.wait()?;
        self.rest()
    }

    /// What was told and not heard; a line that the end cut off is none.
    fn rest(mut self) -> Result<Vec<Told>, Failure> {
        while let Ok(line) = self.lines.recv() {
            if Told::of(&line).is_some() {
                self.take(&line)?;
            }
        }
        Ok(std::mem::take(&mut self.told))
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // One that has ended needs neither.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
