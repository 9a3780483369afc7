//! A folder with an app, events, a store with two revisions, and what every subcommand is asked there.

use crate::child::Limits;
use crate::failure::Failure;
use eventflux_testbed::Scratch;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

const APP: &str = "@app:name('Vwap') @app:playback
CREATE STREAM Trades (sym STRING, price DOUBLE, qty INT);
INSERT INTO Vwap SELECT sym, sum(price * qty) / sum(qty) AS vwap, count() AS trades
FROM Trades WINDOW('tumbling', 100 MILLISECONDS) GROUP BY sym;";

/// Every subcommand; how it ends where nothing is amiss; whether something goes to standard output. `@` stands before
/// the name of a file of the folder.
const STEPS: &[(&str, i32, bool)] = &[
    ("run @app.sql --events @events.jsonl", 0, true),
    (
        "run @app.sql --events @events.jsonl --out @out --force --metrics @metrics",
        0,
        false,
    ),
    ("check @app.sql", 0, true),
    ("check @wrong.sql", 2, false),
    ("explain @app.sql", 0, true),
    ("gen trades --rows 3000", 0, true),
    ("gen sensors --rows 3000 --out @out --force", 0, false),
    ("state ls file:@kept", 0, true),
    ("state show file:@kept Vwap", 0, true),
    ("state verify file:@kept", 0, true),
    ("state export file:@kept Vwap --to @export2", 0, true),
    ("state import file:@imported --from @export", 0, true),
    ("state pin file:@kept Vwap name", 0, true),
    ("state prune file:@kept Vwap --keep 2 --dry-run", 0, true),
    ("state acl", 0, true),
    ("doctor redis://127.0.0.1:1", 1, true),
    ("bench --list", 2, false),
];

/// Commands that write to a full device, and how they end.
const FULL: &[(&str, i32)] = &[
    ("run @app.sql --events @events.jsonl --out /dev/full", 1),
    ("run @full.sql --events @events.jsonl", 1),
    ("run @app.sql --events @events.jsonl --metrics /dev/full", 1),
    (
        "run @app.sql --events @events.jsonl --store file:/dev/full/x",
        1,
    ),
    (
        "run @app.sql --events @events.jsonl --store file:@full-state --out /dev/full",
        1,
    ),
    ("gen trades --rows 3000 --out /dev/full", 1),
    ("state export file:@kept Vwap --to /dev/full", 2),
];

/// Runs whose state is kept: with options, and with a source and a sink of the app's own.
const KEPT: &[&str] = &[
    "run @app.sql --events @events.jsonl --store file:@state --out @out --checkpoint-interval 10ms",
    "run @fed.sql --print Vwap --store file:@state --out @out --checkpoint-interval 10ms",
];

/// Runs with something on another disk, `%`.
const ON_A_DISK: &[&str] = &[
    "run @app.sql --events @events.jsonl --store file:%state --out @out --checkpoint-interval 10ms",
    "run @app.sql --events @events.jsonl --store file:@state --out %out --checkpoint-interval 10ms",
    "run @app.sql --events @events.jsonl --store file:@state --out @out --metrics %metrics",
];

/// A command and its right end.
pub struct Step {
    pub name: &'static str,
    words: Vec<String>,
    pub status: i32,
    /// Whether something goes to standard output.
    pub shows: bool,
}

pub struct World {
    program: PathBuf,
    folder: Scratch,
    whole: Vec<u8>,
}

/// The status of an end, signals as a shell tells them.
pub fn status(output: &Output) -> Option<i32> {
    let signal = output.status.signal().map(|s| 128 + s);
    output.status.code().or(signal)
}

impl World {
    /// Makes the folder, and the output that every run must give.
    pub fn new(program: PathBuf, rows: u64) -> Result<Self, Failure> {
        let folder = Scratch::new()?;
        let connected = |way: &str, file: &str| {
            let path = folder.at(file);
            format!("WITH ('type'='{way}', 'extension'='file', 'path'='{path}', 'format'='json')")
        };
        let source = format!("qty INT) {}", connected("source", "events.jsonl"));
        let sink = |file: &str| {
            let with = connected("sink", file);
            format!(
                "CREATE STREAM Out (sym STRING, vwap DOUBLE, trades LONG) {with};
                 INSERT INTO Out SELECT * FROM Vwap;"
            )
        };
        folder.file("app.sql", APP);
        folder.file("wrong.sql", "INSERT INTO O SELECT x FROM S;");
        folder.file(
            "fed.sql",
            &(APP.replace("qty INT)", &source) + &sink("sunk")),
        );
        std::os::unix::fs::symlink("/dev/full", folder.path().join("device"))?;
        folder.file("full.sql", &(APP.to_string() + &sink("device")));
        let mut world = World {
            program,
            folder,
            whole: Vec::new(),
        };
        world.sound(&format!(
            "gen trades --rows {rows} --keys 9 --out @events.jsonl"
        ))?;
        world.sound("run @app.sql --events @events.jsonl --out @whole")?;
        for _ in 0..2 {
            world.sound("run @app.sql --events @events.jsonl --store file:@kept --out @first")?;
        }
        world.sound("state export file:@kept Vwap --to @export")?;
        world.whole = fs::read(world.folder.at("whole"))?;
        Ok(world)
    }

    /// Runs a command that must succeed.
    fn sound(&self, command: &str) -> Result<(), Failure> {
        let limits = Limits {
            memory_mib: 1024,
            seconds: 100,
        };
        let output = limits.run(&self.program, self.words(command))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(Failure::new(format!("{command}: {output:?}"))),
        }
    }

    fn words(&self, command: &str) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        let words = command.split_whitespace();
        words.map(|word| word.replace('@', &folder)).collect()
    }

    fn step(&self, name: &'static str, status: i32, shows: bool) -> Step {
        Step {
            name,
            words: self.words(name),
            status,
            shows,
        }
    }

    /// Every subcommand.
    pub fn steps(&self) -> Vec<Step> {
        let steps = STEPS.iter();
        steps
            .map(|(name, status, shows)| self.step(name, *status, *shows))
            .collect()
    }

    /// What needs the least.
    pub fn least_step(&self) -> Step {
        self.step("--version", 0, true)
    }

    /// Commands that write to a full device.
    pub fn full_paths(&self) -> Vec<Step> {
        let steps = FULL.iter();
        steps
            .map(|(name, status)| self.step(name, *status, false))
            .collect()
    }

    /// Runs whose state is kept.
    pub fn kept_runs(&self) -> Vec<Step> {
        KEPT.iter().map(|name| self.step(name, 0, false)).collect()
    }

    /// Runs with something on another disk, and where their output is.
    pub fn runs_on(&self, disk: &Path) -> Vec<(Step, PathBuf)> {
        let there = format!("{}/", disk.display());
        let step = |name: &&'static str| {
            let mut step = self.step(name, 0, false);
            for word in &mut step.words {
                *word = word.replace('%', &there);
            }
            let out = match name.contains("%out") {
                true => disk.join("out"),
                false => self.out(),
            };
            (step, out)
        };
        ON_A_DISK.iter().map(step).collect()
    }

    /// Removes what a kept run has left.
    pub fn forget(&self) -> Result<(), Failure> {
        let gone = |done: std::io::Result<()>| match done {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        };
        for name in ["out", "sunk", "metrics"] {
            gone(fs::remove_file(self.folder.at(name)))?;
        }
        Ok(gone(fs::remove_dir_all(self.folder.at("state")))?)
    }

    /// Where the rows of a kept run go.
    pub fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// How an output, or what a sink has written, differs from what it must be.
    pub fn difference(&self, out: &Path) -> Result<Option<String>, Failure> {
        let sunk = self.folder.path().join("sunk");
        let rows = String::from_utf8_lossy(&self.whole).replace("\"Vwap\"", "\"Out\"");
        for (path, expected) in [(out, &self.whole[..]), (&sunk, rows.as_bytes())] {
            let found = match fs::read(path) {
                Err(e) if e.kind() == ErrorKind::NotFound && path != out => continue,
                found => found?,
            };
            if found != expected {
                let (found, expected) = (found.len(), expected.len());
                return Ok(Some(format!(
                    "{} has {found} bytes of {expected}, or others",
                    path.display()
                )));
            }
        }
        Ok(None)
    }

    /// Runs a command. `more`: what the shell does before.
    pub fn run(&self, step: &Step, limits: Limits, more: &str) -> Result<Output, Failure> {
        let mut command = limits.timed(&self.program, more);
        Ok(command.args(&step.words).output()?)
    }

    /// Runs a command whose output goes to a pipe that nobody reads.
    pub fn unread(&self, step: &Step, limits: Limits) -> Result<Output, Failure> {
        let mut command = limits.timed(&self.program, "");
        command.args(&step.words);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        drop(child.stdout.take());
        Ok(child.wait_with_output()?)
    }
}
