//! Children under limits of the process: what takes too much memory or time dies, and is seen to have died.

use crate::failure::Failure;
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

/// What a process may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Address space in MiB.
    pub memory_mib: u64,
    /// Processor time.
    pub seconds: u64,
}

impl Limits {
    /// A command that runs a program within the limits.
    pub fn command(&self, program: &Path) -> Command {
        self.prepared(Command::new("sh"), program, "")
    }

    /// The same for what may wait for ever: it is killed after ten minutes, since nothing that is tried here takes that
    /// long, whatever else the machine does. `more`: other commands of the shell, that set limits or open files.
    pub fn timed(&self, program: &Path, more: &str) -> Command {
        let mut command = Command::new("timeout");
        command.args(["-s", "KILL", "600", "sh"]);
        self.prepared(command, program, more)
    }

    fn prepared(&self, mut shell: Command, program: &Path, more: &str) -> Command {
        let Limits {
            memory_mib,
            seconds,
        } = self;
        let kib = memory_mib << 10;
        let limits = format!("ulimit -c 0; ulimit -v {kib}; ulimit -t {seconds}");
        let script = format!("{limits}; {more} exec \"$0\" \"$@\"");
        shell.arg("-c").arg(script).arg(program);
        // each thread's arena would take address space that nothing is kept in
        shell.env("MALLOC_ARENA_MAX", "1");
        // without memory the standard library waits for itself when it traces where that was
        shell.env("RUST_BACKTRACE", "0").stdin(Stdio::null());
        shell
    }

    /// Runs a program to its end.
    pub fn run(
        &self,
        program: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<Output, Failure> {
        Ok(self.timed(program, "").args(args).output()?)
    }
}

/// How a child ended, for people.
pub fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(137) => "killed: it took more than the limits, or waited for ever".into(),
        Some(code) if code > 128 => format!("died of signal {}", code - 128),
        Some(code) => format!("status {code}"),
        None => status.to_string(),
    }
}

/// This program.
pub fn itself() -> Result<PathBuf, Failure> {
    Ok(env::current_exe()?)
}

/// The command line that is tried: the one given, otherwise the one beside this program.
pub fn eventflux(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let path = match given {
        Some(path) => path.to_path_buf(),
        None => itself()?.with_file_name("eventflux"),
    };
    match path.is_file() {
        true => Ok(path),
        false => Err(Failure::new(format!(
            "{}: no such program; build it with the same profile (-p eventflux-cli), or name one with --eventflux",
            path.display()
        ))),
    }
}
