//! Odd files, given to the command line where an input, an app or a state is expected: each ends with the status and
//! the words that it should, in little memory.

mod cases;

use crate::child::{Limits, ended, eventflux};
use crate::failure::Failure;
use cases::{Case, Made, Use, cases};
use clap::Args;
use eventflux_testbed::{HANG, Scratch, try_until};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// The app that reads the files: rows of `n` and `t` pass it.
const APP: &str = "@app:name('a') @app:playback CREATE STREAM S (n INT, t STRING); INSERT INTO Out SELECT n, t FROM S;";

/// The one that reads plain text: lines with something in them pass it.
const LINES_APP: &str =
    "CREATE STREAM S (line STRING); INSERT INTO Out SELECT line FROM S[line <> ''];";

/// Options of `files`.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  cargo run --profile bench-dev -p eventflux-stress -- files --memory-mib 200")]
pub struct FilesArgs {
    /// Address space of a process in MiB
    #[arg(long, default_value_t = 200)]
    memory_mib: u64,
    /// Processor time of a process in seconds; code that is not optimised takes ten times longer
    #[arg(long, default_value_t = if cfg!(debug_assertions) { 100 } else { 10 })]
    seconds: u64,
    /// Divides the sizes of very large files
    #[arg(long, default_value_t = 1)]
    smaller: usize,
    /// Only cases whose name has this in it
    #[arg(long, default_value = "")]
    only: String,
    /// The command line that is tried; the one beside this program when not given
    #[arg(long)]
    eventflux: Option<PathBuf>,
}

/// Tries every file; fails where a process did not end as it should.
pub fn run(args: &FilesArgs) -> Result<(), Failure> {
    let program = eventflux(args.eventflux.as_deref())?;
    let limits = Limits {
        memory_mib: args.memory_mib,
        seconds: args.seconds,
    };
    let (mut tried, mut findings) = (0, 0);
    let all = cases();
    for case in all.iter().filter(|c| c.name.contains(&args.only)) {
        let folder = Scratch::new()?;
        let text = match case.usage {
            Use::Text => LINES_APP,
            _ => APP,
        };
        let app = folder.file("app.sql", text);
        let path = folder.path().join(case.file);
        let _open = make(&path, &case.made, args.smaller)?;
        let words = case.command(&app, &path.to_string_lossy(), &folder.at("state"));
        let output = match case.waits {
            false => limits.run(&program, &words)?,
            true => stopped(&limits, &program, &words)?,
        };
        tried += 1;
        if let Some(why) = wrong(case, &output) {
            findings += 1;
            println!("{}: eventflux {}: {why}", case.name, words.join(" "));
        }
    }
    println!(
        "files: {tried} tried in {} MiB and {} s each, {findings} findings",
        limits.memory_mib, limits.seconds
    );
    Failure::unless_none(findings)
}

/// Makes a file. What is answered keeps it what it is.
fn make(path: &Path, made: &Made, smaller: usize) -> Result<Option<UnixListener>, Failure> {
    match made {
        Made::Nothing => {}
        Made::Folder => fs::create_dir(path)?,
        Made::Loop => std::os::unix::fs::symlink(path, path)?,
        Made::Device(device) => std::os::unix::fs::symlink(device, path)?,
        Made::Fifo => {
            let status = Command::new("mkfifo").arg(path).status()?;
            if !status.success() {
                return Err(Failure::new("mkfifo failed"));
            }
        }
        Made::Socket => return Ok(Some(UnixListener::bind(path)?)),
        Made::Bytes(head, piece, count, tail) => {
            let count = match count {
                0..4_000_000 => *count,
                many => many / smaller,
            };
            written(path, head, piece, count, tail)?;
        }
    }
    Ok(None)
}

fn written(path: &Path, head: &[u8], piece: &[u8], count: usize, tail: &[u8]) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    file.write_all(head)?;
    // short pieces by the thousand
    let many = piece.repeat(1000);
    for _ in 0..count / 1000 {
        file.write_all(&many)?;
    }
    for _ in 0..count % 1000 {
        file.write_all(piece)?;
    }
    file.write_all(tail)?;
    file.flush()
}

/// Runs a program that waits for ever, asks it to stop once it waits, and takes what it said.
fn stopped(limits: &Limits, program: &Path, words: &[String]) -> Result<Output, Failure> {
    let mut command = limits.command(program);
    command.args(words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn()?;
    let id = child.id();
    // it has set its handler when it has more than one thread, and is the program itself by then
    let threads = PathBuf::from(format!("/proc/{id}/task"));
    let waits = try_until(HANG, "the threads of a program that waits", || {
        Ok(fs::read_dir(&threads)?.count() > 1)
    });
    let status = Command::new("kill")
        .args(["-TERM", &id.to_string()])
        .status()?;
    let output = child.wait_with_output()?;
    match (waits, status.success()) {
        (Ok(()), true) => Ok(output),
        _ => Err(Failure::new(format!("it did not wait: {output:?}"))),
    }
}

/// What is wrong with an end.
fn wrong(case: &Case, output: &Output) -> Option<String> {
    let told = String::from_utf8_lossy(&output.stderr);
    let shown = String::from_utf8_lossy(&output.stdout);
    let rows = shown.lines().filter(|l| l.starts_with('{')).count();
    let start: String = format!("{shown}{told}").chars().take(500).collect();
    let why = if output.status.code() != Some(case.status) {
        format!("{}, expected {}", ended(output.status), case.status)
    } else if !told.contains(case.told) && !shown.contains(case.told) {
        format!("nothing is said of {:?}", case.told)
    } else if rows != case.rows {
        format!("{rows} rows, expected {}", case.rows)
    } else if told.len() > MESSAGE_BYTES_MAX {
        format!("{} bytes are told", told.len())
    } else if let Some(c) = told.chars().find(|c| c.is_control() && *c != '\n') {
        format!("the message holds {c:?}")
    } else {
        return None;
    };
    Some(format!("{why}: {start:?}"))
}
