//! The example `exactly_once`, killed in mid-stream: what it delivers is what it delivers without being killed.
//!
//! The processes that are killed are this program, told by its environment to run the example.

use eventflux_testbed::Scratch;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

#[path = "../../examples/exactly_once.rs"]
mod example;

/// Where the example begins when it is run as a program.
const _: fn() -> Result<(), Box<dyn std::error::Error>> = example::main;

const TEST: &str = "exactly_once::a_program_that_is_killed_delivers_each_row_once";
const FOLDER: &str = "EVENTFLUX_EXACTLY_ONCE";
const ROWS: &str = "EVENTFLUX_EXACTLY_ONCE_ROWS";
/// More where a process was done with fewer before it could be killed.
const ROWS_OF_TRIES: [u64; 4] = [20_000, 80_000, 320_000, 1_280_000];
/// Nothing here takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_secs(240);

fn delivered(folder: &Scratch) -> Vec<u8> {
    fs::read(folder.at("delivered.jsonl")).unwrap_or_default()
}

/// The greatest epoch of which the store has a file.
fn epoch(folder: &Scratch) -> u64 {
    let files = fs::read_dir(folder.at("state/volume")).into_iter();
    let names = files.flatten().flatten();
    let names = names.map(|f| f.file_name().to_string_lossy().into_owned());
    let epochs = names.filter_map(|n| n.split('.').nth(1)?.parse().ok());
    epochs.max().unwrap_or(0)
}

fn start(folder: &Scratch, rows: u64) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args([TEST, "--exact", "--nocapture"])
        .env(FOLDER, folder.path())
        .env(ROWS, rows.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts")
}

#[test]
fn a_program_that_is_killed_delivers_each_row_once() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let rows = std::env::var(ROWS)
            .expect("rows")
            .parse()
            .expect("a number");
        return example::run(Path::new(&folder), rows).expect("it ends well");
    }
    let was_killed = |rows: &u64| kill_and_compare(*rows);
    assert!(
        ROWS_OF_TRIES.iter().any(was_killed),
        "each was done before it could be killed"
    );
}

/// Kills it as often as it can be, and compares what it has delivered in the end; answers whether it was killed, and
/// went on from a checkpoint.
fn kill_and_compare(rows: u64) -> bool {
    let whole = Scratch::new().expect("a folder");
    example::run(whole.path(), rows).expect("it ends well");
    let folder = Scratch::new().expect("a folder");
    let (mut kills, mut restores) = (0, 0);
    for lives in 0.. {
        let mut child = start(&folder, rows);
        let (begun, length) = (Instant::now(), delivered(&folder).len());
        // The second file of an epoch says that the first one is committed.
        let wanted = (length + 20_000, epoch(&folder) + 2);
        while child.try_wait().expect("a child").is_none() {
            assert!(begun.elapsed() < PATIENCE, "nothing happens");
            if lives < 4 && delivered(&folder).len() >= wanted.0 && epoch(&folder) >= wanted.1 {
                child.kill().expect("kill -9");
                kills += 1;
                break;
            }
            park_timeout(Duration::from_millis(1));
        }
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&output.stdout);
        restores += usize::from(text.contains("restored "));
        if output.status.success() {
            break;
        }
        assert!(lives < 4, "{text}");
    }
    assert_eq!(delivered(&folder).len(), delivered(&whole).len());
    assert!(delivered(&folder) == delivered(&whole));
    let text = String::from_utf8(delivered(&whole)).expect("text");
    assert_eq!(text.lines().count() as u64, rows);
    kills >= 1 && restores >= 1
}
