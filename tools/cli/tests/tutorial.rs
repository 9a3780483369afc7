//! `docs/tutorial.md` and `docs/shell.md`: their commands, one after the other in one folder, print what stands behind
//! them.

use eventflux_testbed::Scratch;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Payments that are made up, in the tutorial and here: the command is not optimised when it is tested.
const ROWS: (&str, &str) = ("n < 2000000", "n < 100000");

/// The fenced blocks of a page: the word behind the fence, and the text.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    let mut open = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(word) => {
                open = !open;
                if open {
                    blocks.push((word, String::new()));
                }
            }
            None if open => {
                let (_, text) = blocks.last_mut().expect("a block is open");
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    blocks
}

#[test]
fn the_commands_of_the_tutorial_print_what_it_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tutorial.md");
    let page = fs::read_to_string(page).expect("the page exists");
    assert!(page.contains(ROWS.0));
    assert_eq!(compared("docs/tutorial.md"), 4);
}

#[cfg(feature = "shell")]
#[test]
fn so_do_those_of_the_shell() {
    assert_eq!(compared("docs/shell.md"), 4);
}

/// How many commands of a page print what stands behind them, which are all that have something behind them.
fn compared(page: &str) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join(page)).expect("the page exists");
    let blocks = blocks(&page);
    let folder = Scratch::new().expect("a folder");
    let own = Path::new(env!("CARGO_BIN_EXE_eventflux")).parent();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = own
        .map(Path::to_path_buf)
        .into_iter()
        .chain(std::env::split_paths(&paths));
    let paths = std::env::join_paths(paths).expect("paths without colons");
    let mut compared = 0;
    for (i, (word, text)) in blocks.iter().enumerate() {
        if *word != "sh" {
            continue;
        }
        let command = text.replace(ROWS.0, ROWS.1);
        let ran = Command::new("bash")
            .args(["-c", &command])
            .current_dir(folder.path())
            .env("PATH", &paths)
            .output()
            .expect("bash starts");
        let (out, err) = (ran.stdout, String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{text}\n{err}");
        let want = blocks.get(i + 1).filter(|(word, _)| *word == "text");
        if let Some((_, want)) = want {
            assert_eq!(&String::from_utf8_lossy(&out), want, "{text}\n{err}");
            compared += 1;
        }
    }
    compared
}
