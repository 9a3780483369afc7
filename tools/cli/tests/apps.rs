//! The apps of `examples/`: each opens with the command that runs it, which writes what stands in `examples/output`.
//!
//! Those of `examples/nexmark` are compared with the same work by hand, in `tools/bench`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files of a folder that end so, without the ending.
fn names(folder: &Path, ending: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder).expect("the folder exists");
    let names = files.map(|file| file.expect("it can be listed").file_name());
    let names = names.filter_map(|name| {
        let name = name.to_string_lossy().into_owned();
        name.strip_suffix(ending).map(str::to_string)
    });
    names.collect()
}

/// The command in the first comment of an app, word by word, without the program.
fn command<'a>(app: &str, text: &'a str) -> Vec<&'a str> {
    let head = text.lines().take_while(|line| line.starts_with("--"));
    let mut commands = head.filter_map(|line| line.strip_prefix("--   eventflux "));
    let command = commands.next();
    let command = command.unwrap_or_else(|| panic!("{app}.sql does not say how it is run"));
    command.split(' ').collect()
}

/// Rows by their streams. Those of one stream keep their order; between streams of queries that do not read each other
/// none is promised, and where a source hands rows over as they are read it differs.
fn by_stream(rows: &str) -> Vec<&str> {
    let mut rows: Vec<&str> = rows.lines().collect();
    rows.sort_by_key(|row| row.split(",\"at\"").next());
    rows
}

#[test]
fn every_app_writes_what_is_stored() {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join("examples");
    let apps = names(&folder, ".sql");
    assert!(apps.len() >= 6, "{apps:?}");
    assert_eq!(apps, names(&folder.join("output"), ".jsonl"));
    for app in apps {
        let text = fs::read_to_string(folder.join(format!("{app}.sql"))).expect("it is there");
        let args = command(&app, &text);
        assert_eq!(args[..2], ["run", &format!("examples/{app}.sql")]);
        let ran = Command::new(env!("CARGO_BIN_EXE_eventflux"))
            .args(&args)
            .current_dir(&root)
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{app}: {said}");
        let stored = folder.join("output").join(format!("{app}.jsonl"));
        let want = fs::read_to_string(stored).expect("it is there");
        let got = String::from_utf8_lossy(&ran.stdout);
        assert_eq!(by_stream(&got), by_stream(&want), "{app}");
    }
}

#[test]
fn the_question_of_the_readme_has_the_answer_that_it_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(root.join("README.md")).expect("it is there");
    let asked = readme.split("eventflux query -c \"").nth(1);
    let question = asked.and_then(|text| text.split('"').next());
    let ran = Command::new(env!("CARGO_BIN_EXE_eventflux"))
        .args(["query", "--format", "table", "-c"])
        .arg(question.expect("a question"))
        .current_dir(&root)
        .output()
        .expect("it starts");
    assert!(ran.status.success(), "{ran:?}");
    let table = String::from_utf8_lossy(&ran.stdout).into_owned();
    let shown = |line: &str| readme.lines().any(|l| l.trim_end() == line.trim_end());
    assert_eq!(table.lines().count(), 5, "{table}");
    assert!(table.lines().all(shown), "{table}");
}
