//! The shell in a terminal: a pseudo-terminal, in which keys are typed when what comes before them is seen.

use super::Folder;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Nothing here takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_secs(120);
const PROMPT: &str = "eventflux> ";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const UP: &str = "\x1b[A";
/// The line under the names of a table's columns.
const RULE: &str = "───";

/// A shell and the terminal that it runs in.
struct Terminal {
    child: Child,
    keys: File,
    shown: Receiver<Vec<u8>>,
    bytes: Vec<u8>,
}

impl Terminal {
    fn start(folder: &Folder, args: &[&str], state: &str) -> Self {
        let size = nix::pty::Winsize {
            ws_row: 24,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = nix::pty::openpty(&size, None).expect("a terminal");
        let end = || Stdio::from(pty.slave.try_clone().expect("a descriptor"));
        let mut command = folder.command(args);
        command
            .env("TERM", "xterm")
            .env("XDG_STATE_HOME", state)
            .env_remove("NO_COLOR");
        command.stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().expect("the binary starts");
        drop(command);
        drop(pty.slave);
        let keys = File::from(pty.master);
        let mut reader = keys.try_clone().expect("a descriptor");
        let (send, shown) = channel();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            // Reading fails when the shell has ended.
            while let Ok(read @ 1..) = reader.read(&mut chunk) {
                if send.send(chunk[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal {
            child,
            keys,
            shown,
            bytes: Vec::new(),
        }
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("a terminal");
    }

    /// What is shown up to some text, without colours and what moves the cursor.
    #[track_caller]
    fn until(&mut self, part: &str) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.bytes).into_owned();
            if let Some(at) = text.find(part) {
                let (seen, rest) = text.split_at(at + part.len());
                self.bytes = rest.as_bytes().to_vec();
                return anstream::adapter::strip_str(seen).to_string();
            }
            match self.shown.recv_timeout(PATIENCE) {
                Ok(chunk) => self.bytes.extend(chunk),
                Err(e) => panic!("{part:?} is not shown: {e}: {text:?}"),
            }
        }
    }

    /// Answers the exit status.
    #[track_caller]
    fn ends(mut self) -> Option<i32> {
        let silent = loop {
            match self.shown.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(silent) => break silent,
            }
        };
        assert_eq!(silent, RecvTimeoutError::Disconnected, "it does not end");
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn lines_are_prompted_completed_dropped_and_remembered() {
    let folder = Folder::new();
    let state = folder.0.at("state");
    let mut shell = Terminal::start(&folder, &[], &state);
    let banner = shell.until(PROMPT);
    assert!(banner.contains("see .help"), "{banner}");
    // a statement goes on until its ;
    shell.types("SELECT sym, sum(qty) AS n\r");
    shell.until("...> ");
    shell.types("FROM 'trades.csv' GROUP BY sym;\r");
    shell.until(RULE);
    let table = shell.until(PROMPT);
    assert!(table.contains(" A     4\r\n B     2\r\n"), "{table:?}");
    // a quote that is open is shown, and Ctrl-C drops all of it
    shell.types("SELECT 'half\r");
    shell.until(" '.> ");
    shell.types(CTRL_C);
    shell.until(PROMPT);
    shell.types(".tables\r");
    shell.until("nothing yet");
    shell.until(PROMPT);
    // an error is told, and the shell goes on
    shell.types("SELECT nothing FROM Nowhere;\r");
    let told = shell.until(PROMPT);
    assert!(
        told.contains("unknown stream 'Nowhere'") && told.contains("line 1, column 21"),
        "{told}"
    );
    shell.types("SEL\t");
    shell.until("SELECT");
    shell.types(" qty FROM 'tra\t");
    shell.until("trades.csv'");
    shell.types(" LIMIT 1;\r");
    shell.until(RULE);
    shell.until(PROMPT);
    // names of what is there are completed, too
    shell.types(".load trades.csv\r");
    shell.until("stream trades (sym STRING, qty LONG, price DOUBLE)");
    shell.until(PROMPT);
    shell.types("SELECT qt\t");
    shell.until("qty");
    shell.types(CTRL_C);
    shell.until(PROMPT);
    shell.types(CTRL_D);
    assert_eq!(shell.ends(), Some(0));

    let history = folder.0.at("state/eventflux/history");
    let mode = fs::metadata(&history)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "it is nobody else's");
    let mut shell = Terminal::start(&folder, &[], &state);
    shell.until(PROMPT);
    shell.types(UP);
    shell.until(".load trades.csv");
    shell.types(UP);
    shell.until("LIMIT 1;");
    shell.types("\r");
    shell.until(RULE);
    shell.until(PROMPT);
    shell.types(".history 2\r");
    let shown = shell.until(PROMPT);
    assert!(
        shown.contains("SELECT qty FROM 'trades.csv' LIMIT 1;\r\n"),
        "{shown:?}"
    );
    shell.types(".quit\r");
    assert_eq!(shell.ends(), Some(0));
}

#[test]
fn a_history_that_cannot_be_written_is_told_once() {
    let folder = Folder::new();
    let mut shell = Terminal::start(&folder, &[], &folder.0.at("trades.csv"));
    let told = shell.until(PROMPT);
    assert!(told.contains("what is typed is not remembered"), "{told}");
    shell.types("help\r");
    let help = shell.until(PROMPT);
    assert!(
        help.contains(".load FILE") && !help.contains("not remembered"),
        "{help}"
    );
    shell.types(CTRL_D);
    assert_eq!(shell.ends(), Some(0));
}

#[test]
fn an_answer_without_end_is_stopped_and_the_shell_goes_on() {
    let folder = Folder::new();
    let mut shell = Terminal::start(&folder, &[], &folder.0.at("state"));
    shell.until(PROMPT);
    shell.types("CREATE STREAM T (n LONG) WITH ('type'='source', 'extension'='timer', 'interval'='10 MILLISECONDS');\r");
    shell.until("stream T (n LONG)");
    shell.until(PROMPT);
    shell.types(".limit 3\rSELECT n * 2 AS twice FROM T;\r");
    shell.until(RULE);
    let pid = shell.child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status();
    assert!(sent.expect("kill starts").success());
    let told = shell.until(PROMPT);
    assert!(told.contains("stopped"), "{told}");
    shell.types("SELECT sym FROM 'trades.csv' LIMIT 1;\r");
    shell.until(RULE);
    shell.until(PROMPT);
    shell.types(CTRL_D);
    assert_eq!(shell.ends(), Some(0));
}

/// But SIGINT, which the editor takes as Ctrl-C.
#[test]
fn a_signal_at_the_prompt_sets_the_terminal_back() {
    use nix::sys::signal::{Signal, kill};
    use nix::sys::termios::{LocalFlags, tcgetattr};
    let folder = Folder::new();
    let state = folder.0.at("state");
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let mut shell = Terminal::start(&folder, &[], &state);
        let keys = shell.keys.try_clone().expect("a descriptor");
        let is_shown = || {
            let flags = tcgetattr(&keys).expect("a terminal").local_flags;
            flags.contains(LocalFlags::ICANON | LocalFlags::ECHO)
        };
        assert!(is_shown());
        shell.until(PROMPT);
        shell.types("SELECT 1");
        shell.until("SELECT 1");
        assert!(!is_shown(), "the line is edited");
        let id = nix::unistd::Pid::from_raw(shell.child.id() as i32);
        kill(id, signal).expect("it runs");
        assert_eq!(shell.ends(), Some(128 + signal as i32));
        assert!(is_shown(), "{signal}");
    }
}
