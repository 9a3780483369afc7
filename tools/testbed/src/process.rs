//! A child process, and a shell that ends it when this process cannot.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// Names the program of the servers, where it is not `redis-server`.
pub(crate) const SERVER: &str = "EVENTFLUX_REDIS_SERVER";

/// The shell waits for the end of its input, which is this process; `$1` is the child, `$2` its directory.
const WATCH: &str = "read -r _; kill -9 \"$1\"; rm -rf \"$2\"";

/// The program of all servers.
pub(crate) struct Program {
    path: String,
    /// What it is and its version, such as `Valkey 9.1.2`.
    pub(crate) name: String,
    /// The first two parts of its version.
    version: (u32, u32),
}

/// The program, if it can be started.
///
/// # Panics
/// Where one is named and cannot be: nobody who names one means another, or none.
pub(crate) fn program() -> Option<&'static Program> {
    static PROGRAM: OnceLock<Option<Program>> = OnceLock::new();
    let look = || match std::env::var(SERVER) {
        Err(_) => Program::look("redis-server"),
        Ok(path) => {
            let found = Program::look(&path);
            assert!(found.is_some(), "{SERVER}: {path} is no server");
            found
        }
    };
    PROGRAM.get_or_init(look).as_ref()
}

impl Program {
    /// Asks a program what it is.
    fn look(path: &str) -> Option<Program> {
        let mut command = Command::new(path);
        let output = command.arg("--version").stdin(Stdio::null()).output();
        let told = String::from_utf8(output.ok()?.stdout).ok()?;
        // `Redis server v=7.0.15 sha=… …`
        let (product, rest) = told.split_once(" server v=")?;
        let version = rest.split_whitespace().next()?;
        let mut parts = version.split('.').map(str::parse);
        Some(Program {
            path: path.to_string(),
            name: format!("{product} {version}"),
            version: (parts.next()?.ok()?, parts.next()?.ok()?),
        })
    }
}

/// Whether servers have what came with Redis 7.0.
pub(crate) fn is_7() -> bool {
    program().is_none_or(|program| program.version >= (7, 0))
}

/// A running child. Dropped: killed and waited for.
pub(crate) struct Process {
    child: Child,
    watch: Child,
}

impl Process {
    /// Starts the server with `arguments`. Its directory is removed when this process dies.
    pub(crate) fn spawn(arguments: &[&str], directory: &Path) -> io::Result<Process> {
        let program = program().ok_or_else(|| io::Error::other("no redis-server"))?;
        let mut child = Command::new(&program.path)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let watch = Command::new("sh")
            .args(["-c", WATCH, "sh", &child.id().to_string()])
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match watch {
            Ok(watch) => Ok(Process { child, watch }),
            Err(e) => {
                child.kill()?;
                child.wait()?;
                Err(e)
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal by its name, such as `STOP`.
    pub(crate) fn signal(&mut self, name: &str) -> io::Result<()> {
        if !self.runs() {
            return Err(io::Error::other(format!("no process to send {name} to")));
        }
        let mut command = Command::new("kill");
        let status = command
            .args(["-s", name, &self.id().to_string()])
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("kill -s {name} failed: {status}")))
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The shell first: the process id may be another's once the child has been waited for. An error of these means
        // that there is nothing left to end.
        let _ = self.watch.kill();
        let _ = self.watch.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
