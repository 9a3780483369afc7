//! A child process, and a shell that ends it when this process cannot.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The server's program.
pub(crate) const SERVER: &str = "redis-server";

/// The shell waits for the end of its input, which is this process; `$1` is the child, `$2` its directory.
const WATCH: &str = "read -r _; kill -9 \"$1\"; rm -rf \"$2\"";

/// Whether the server's program can be started.
pub(crate) fn server_exists() -> bool {
    let mut command = Command::new(SERVER);
    let output = command.arg("--version").stdin(Stdio::null()).output();
    output.is_ok_and(|o| o.status.success())
}

/// A running child. Dropped: killed and waited for.
pub(crate) struct Process {
    child: Child,
    watch: Child,
}

impl Process {
    /// Starts the server with `arguments`. Its directory is removed when this process dies.
    pub(crate) fn spawn(arguments: &[&str], directory: &Path) -> io::Result<Process> {
        let mut child = Command::new(SERVER)
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
