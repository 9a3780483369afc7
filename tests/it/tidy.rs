//! Habits of this project that a reader may rely on, kept by counting.
//!
//! An exception stands in [`EXCEPTIONS`] with its file and its reason, or it does not exist.

use crate::source::{Source, files, has_word, relative, root, sources};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
/// A test may be a table of cases.
const TEST_FUNCTION_LINES_MAX: usize = 110;
const LINE_CHARS_MAX: usize = 120;

/// Where all Rust of the project stands.
const FOLDERS: &[&str] = &["src", "tests", "tools", "benches", "examples"];

/// Rule, file, and why the rule does not hold there.
pub const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "thread::sleep",
        "src/runtime/barrier/gate.rs",
        "the last step of waiting, after spinning and yielding: 20 us naps until workers are out",
    ),
    (
        "thread::sleep",
        "src/redis/client.rs",
        "the pause between two attempts to reach a server, 50 ms to 5 s",
    ),
    (
        "function",
        "src/operator/aggregate/panes.rs",
        "one loop over the rows of a batch; its parts share eight borrows",
    ),
    (
        "function",
        "src/operator/aggregate/running.rs",
        "one loop over the rows of a batch; its parts share eight borrows",
    ),
    (
        "function",
        "src/plan/window_args.rs",
        "one arm per window: a table in the form of a match",
    ),
    (
        "function",
        "src/sql/foreign.rs",
        "one arm per sign of the parser library, without a rest: a table in the form of a match",
    ),
    (
        "layer",
        "src/operator/window/condition_scope.rs",
        "a condition that a column holds is read when a row brings it",
    ),
];

/// What no file below these folders names: time, threads, locks and files come from outside.
const PURE: &[&str] = &["event", "state", "sql", "expr", "operator", "plan"];
const IMPURE: &[&str] = &[
    "std::thread",
    "std::time",
    "Instant",
    "SystemTime",
    "Mutex",
    "RwLock",
    "std::fs",
    "std::net",
    "std::io",
    "std::env",
];

/// The files that may contain `unsafe`, each opening with its numbered invariants.
const UNSAFE: &[&str] = &[
    "src/runtime/lane/atomic_box.rs",
    "src/runtime/barrier/cell.rs",
    "src/sync.rs",
    "tests/common/counting.rs",
];

/// Words that name a pattern instead of a role.
const SUFFIXES: &[&str] = &[
    "Manager", "Factory", "Holder", "Helper", "Util", "Utils", "Impl", "Enhanced", "Advanced",
];

/// Adjectives where a number should stand.
const BANNED_WORDS: &[&str] = &[
    "enterprise",
    "advanced",
    "comprehensive",
    "high-performance",
    "world-class",
    "blazing",
];

/// A word of the glossary, a file in which a type of that name is something else, and why it has the name.
const HOMONYMS: &[(&str, &str, &str)] = &[(
    "Entry",
    "src/store/traits.rs",
    "public, one line of a store's catalogue; who writes a store never meets the entries of a component",
)];

pub fn excepted(rule: &str, path: &str) -> bool {
    EXCEPTIONS.iter().any(|(r, p, _)| *r == rule && *p == path)
}

/// Fails with all findings of a rule.
pub fn none(rule: &str, findings: Vec<String>) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

#[test]
fn every_exception_has_a_reason_and_a_file() {
    for (rule, path, reason) in EXCEPTIONS {
        assert!(root().join(path).is_file(), "{rule}: {path} is gone");
        assert!(reason.len() > 10, "{rule}: {path} says no reason");
    }
}

#[test]
fn files_and_lines_are_short() {
    let mut findings = Vec::new();
    for s in sources(FOLDERS) {
        let lines = s.text.lines().count();
        if lines > FILE_LINES_MAX && !excepted("file", &s.path) {
            findings.push(format!("{}: {lines} lines", s.path));
        }
        // what stands in a string is not counted: a text is not broken for the sake of its line
        for (i, (line, code)) in s.text.lines().zip(s.code.lines()).enumerate() {
            let counted = match line.trim_start().starts_with("//") {
                true => line.to_string(),
                false => without_blanks(line, code),
            };
            let width = counted.chars().count();
            if width > LINE_CHARS_MAX && !excepted("line", &s.path) {
                findings.push(format!("{}:{}: {width} characters", s.path, i + 1));
            }
        }
    }
    none("files of 800 lines, lines of 120 characters", findings);
}

/// The code of a line behind its indentation, each run of blanks, where a string stood, as one.
fn without_blanks(line: &str, code: &str) -> String {
    let words: Vec<&str> = code.split_whitespace().collect();
    let indent = line.len() - line.trim_start().len();
    " ".repeat(indent) + &words.join(" ")
}

#[test]
fn functions_are_short() {
    let mut findings = Vec::new();
    for s in sources(FOLDERS) {
        if excepted("function", &s.path) {
            continue;
        }
        let most = match s.is_test() {
            true => TEST_FUNCTION_LINES_MAX,
            false => FUNCTION_LINES_MAX,
        };
        let code = match s.is_test() {
            true => &s.code,
            false => s.code_without_tests(),
        };
        for (name, line, length) in functions(code) {
            if length > most {
                findings.push(format!("{}:{line}: {name} has {length} lines", s.path));
            }
        }
    }
    none("functions of at most 70 lines", findings);
}

/// Name, line and length in lines of every function with a body.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    for (start, _) in code.match_indices("fn ") {
        let part = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if start > 0 && part(bytes[start - 1]) {
            continue;
        }
        let name: String = code[start + 3..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if name.is_empty() {
            continue;
        }
        let Some(end) = body_end(&bytes[start..]) else {
            continue;
        };
        let line = code[..start].matches('\n').count() + 1;
        let length = code[start..start + end].matches('\n').count() + 1;
        found.push((name, line, length));
    }
    found
}

/// One past the `}` of the function that begins here; `None` where it has no body.
fn body_end(code: &[u8]) -> Option<usize> {
    let (mut round, mut curly) = (0_i32, 0_i32);
    for (i, b) in code.iter().enumerate() {
        match b {
            b'(' | b'[' => round += 1,
            b')' | b']' => round -= 1,
            b';' if round == 0 && curly == 0 => return None,
            b'{' => curly += 1,
            b'}' => {
                curly -= 1;
                if curly == 0 && round == 0 {
                    return Some(i + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn no_clock_thread_lock_or_file_below_the_runtime() {
    let mut findings = Vec::new();
    for s in sources(&["src"]).iter().filter(|s| !s.is_test()) {
        let pure = |f: &str| s.path.starts_with(&format!("src/{f}/"));
        if !PURE.iter().any(|f| pure(f)) || excepted("pure", &s.path) {
            continue;
        }
        let code = s.code_without_tests();
        for word in IMPURE.iter().filter(|w| has_word(code, w)) {
            findings.push(format!("{} names {word}", s.path));
        }
    }
    none("no clock, thread, lock or I/O", findings);
}

#[test]
fn unsafe_stands_in_the_listed_files_and_cites_invariants() {
    let mut findings = Vec::new();
    for s in sources(FOLDERS) {
        let lines = s.lines_with("unsafe");
        if let (Some(first), false) = (lines.first(), UNSAFE.contains(&s.path.as_str())) {
            findings.push(format!("{}:{first}: unsafe in a file not listed", s.path));
        }
        if !lines.is_empty() {
            findings.extend(uncited(&s));
        }
    }
    none("unsafe", findings);
}

/// `// SAFETY:` comments that name no invariant such as I1.
fn uncited(s: &Source) -> Vec<String> {
    let lines: Vec<&str> = s.text.lines().collect();
    let mut findings = Vec::new();
    for (i, _) in lines
        .iter()
        .enumerate()
        .filter(|(_, l)| l.contains("SAFETY:"))
    {
        let comment: String = lines[i..]
            .iter()
            .take_while(|l| l.trim_start().starts_with("//"))
            .copied()
            .collect();
        let cites = comment
            .as_bytes()
            .windows(2)
            .any(|w| w[0] == b'I' && w[1].is_ascii_digit());
        if !cites {
            findings.push(format!("{}:{}: SAFETY cites no invariant", s.path, i + 1));
        }
    }
    findings
}

#[test]
fn nothing_is_left_for_later_or_printed_or_slept() {
    let mut findings = Vec::new();
    for s in sources(FOLDERS) {
        let mut refuse = |word: &str, lines: Vec<usize>| {
            if !excepted(word, &s.path) {
                findings.extend(lines.iter().map(|l| format!("{}:{l}: {word}", s.path)));
            }
        };
        for word in ["TODO", "FIXME", "XXX"] {
            let in_text = |(_, line): &(usize, &str)| has_word(line, word);
            let lines = s
                .text
                .lines()
                .enumerate()
                .filter(in_text)
                .map(|(i, _)| i + 1);
            if s.path != "tests/it/tidy.rs" {
                refuse(word, lines.collect());
            }
        }
        refuse("dbg!", s.lines_with("dbg!"));
        refuse("#[ignore", s.lines_with("#[ignore"));
        if s.path.starts_with("src/") || s.path.starts_with("tests/") {
            refuse("println!", s.lines_with("println!"));
            refuse("thread::sleep", s.lines_with("thread::sleep"));
        }
        if s.path.starts_with("src/") && !s.is_test() {
            refuse("eprintln!", s.lines_with("eprintln!"));
            refuse("allow(dead_code", s.lines_with("dead_code"));
        }
    }
    none("nothing left, printed or slept", findings);
}

#[test]
fn no_adjective_where_a_number_should_stand() {
    let mut texts: Vec<(String, String)> = Vec::new();
    for s in sources(FOLDERS) {
        if s.path != "tests/it/tidy.rs" {
            let verb = excepted("advanced", &s.path);
            let text = if verb {
                s.text.replace("advanced", "")
            } else {
                s.text
            };
            texts.push((s.path, text));
        }
    }
    for path in files("docs", "md").into_iter().chain(pages()) {
        let text = fs::read_to_string(&path).expect("pages are UTF-8");
        texts.push((relative(&path), text));
    }
    let mut findings = Vec::new();
    for (path, text) in texts {
        for (i, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            let found = BANNED_WORDS.iter().filter(|w| has_word(&lower, w));
            findings.extend(found.map(|w| format!("{path}:{}: {w}", i + 1)));
        }
    }
    none("banned words", findings);
}

/// The Markdown pages at the root.
fn pages() -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(root()).expect("the root can be listed");
    let paths = entries.map(|e| e.expect("an entry can be read").path());
    paths
        .filter(|p| p.extension().is_some_and(|e| e == "md"))
        .collect()
}

#[test]
fn findings_run_and_are_listed() {
    let page = fs::read_to_string(root().join("findings/README.md")).expect("the page of findings");
    let scripts = files("findings", "sh");
    let mut findings = Vec::new();
    for path in &scripts {
        let (name, text) = (relative(path), fs::read_to_string(path).expect("UTF-8"));
        let file = name.trim_start_matches("findings/");
        let mut lines = text.lines().skip_while(|l| l.starts_with('#'));
        let mut refuse =
            |wrong: bool, what: &str| findings.extend(wrong.then(|| format!("{name} {what}")));
        refuse(
            !page.contains(&format!("]({file})")),
            "is not in findings/README.md",
        );
        refuse(
            lines.next() != Some("set -euo pipefail"),
            "does not begin with set -euo pipefail",
        );
        refuse(
            !text.starts_with("#!/usr/bin/env bash\n"),
            "does not begin as a bash script",
        );
        refuse(
            !text.contains("trap 'rm -rf \"$work\"' EXIT"),
            "leaves its folder behind",
        );
        refuse(!text.contains("exit 1"), "cannot fail");
        refuse(
            text.lines().any(|l| l.chars().count() > LINE_CHARS_MAX),
            "has long lines",
        );
        let mode = fs::metadata(path).expect("a script").permissions().mode();
        refuse(mode & 0o111 == 0, "is not executable");
    }
    let listed = page.matches("](").count() - page.matches("](../").count();
    assert_eq!(listed, scripts.len(), "scripts named in findings/README.md");
    none("findings", findings);
}

#[test]
fn names_say_the_role() {
    // the names of the dialect's own API
    let known = ["EventFluxManager", "StateHolder"];
    let mut findings = Vec::new();
    for s in sources(&["src", "tools/cli/src", "tools/bench/src"]) {
        for mark in ["struct ", "enum ", "trait "] {
            for (i, _) in s.code.match_indices(mark) {
                let name: String = s.code[i + mark.len()..]
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if SUFFIXES.iter().any(|x| name.ends_with(x)) && !known.contains(&name.as_str()) {
                    findings.push(format!("{}: {name}", s.path));
                }
            }
        }
    }
    none("names", findings);
}

/// Whoever has read a word in the glossary knows what a type of that name is, wherever it stands.
#[test]
fn a_word_of_the_glossary_names_one_type() {
    let words = glossary();
    assert!(words.len() > 50, "the glossary is read: {words:?}");
    let mut places: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let all = sources(&["src", "tools/cli/src", "tools/bench/src"]);
    // what the SQL text says of a thing has the name of the thing
    for s in (all.iter()).filter(|s| !s.is_test() && !s.path.starts_with("src/sql/")) {
        let excepted = |word: &str| HOMONYMS.iter().any(|(w, p, _)| *w == word && *p == s.path);
        for name in types(s.code_without_tests()).filter(|n| !excepted(n)) {
            if words.contains_key(name) {
                places.entry(name).or_default().insert(&s.path);
            }
        }
    }
    let findings = places
        .iter()
        .filter(|(word, files)| files.len() > words[**word]);
    let told = findings.map(|(word, files)| {
        let files: Vec<&str> = files.iter().copied().collect();
        format!(
            "{word} is defined in {}: it keeps the name where it is what ARCHITECTURE.md §11 says, and is named \
             after what it is elsewhere",
            files.join(", ")
        )
    });
    none("one noun, one meaning", told.collect());
    for (word, file, reason) in HOMONYMS {
        let is_there = |s: &&Source| s.path == *file && types(&s.code).any(|t| t == *word);
        assert!(all.iter().any(|s| is_there(&s)), "{file} has no {word}");
        assert!(reason.len() > 10, "{file}: {word} has no reason");
    }
}

/// The words of the glossary as names of types, and how many meanings it lists for each.
fn glossary() -> BTreeMap<String, usize> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md exists");
    let rows = page
        .lines()
        .skip_while(|l| !(l.starts_with("## ") && l.ends_with("Glossary")))
        .skip_while(|l| !l.starts_with("|---"))
        .skip(1)
        .take_while(|l| l.starts_with('|'));
    let mut words = BTreeMap::new();
    for row in rows {
        let column = row.split('|').nth(1).expect("a first column");
        for word in column.split(',') {
            *words.entry(camel_case(word)).or_default() += 1;
        }
    }
    words
}

/// `named input` as `NamedInput`, without signs.
fn camel_case(words: &str) -> String {
    let mut name = String::new();
    for word in words.split(|c: char| !c.is_alphanumeric()) {
        let mut letters = word.chars();
        name.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        name.extend(letters);
    }
    name
}

/// The names that some code gives to types.
fn types(code: &str) -> impl Iterator<Item = &str> {
    let kinds = ["struct", "enum", "trait", "type"];
    let name = |rest: &'_ str| rest.find(|c: char| !c.is_alphanumeric() && c != '_');
    code.lines().filter_map(move |line| {
        let mut words = line.split_whitespace();
        words
            .find(|w| !w.starts_with("pub") && *w != "unsafe" && !w.ends_with(')'))
            .filter(|w| kinds.contains(w))?;
        let rest = words.next()?;
        Some(&rest[..name(rest).unwrap_or(rest.len())])
    })
}

#[test]
fn every_file_opens_with_what_it_is_and_is_reached_by_a_mod() {
    let mut findings = Vec::new();
    let all = sources(&["src", "tests/it"]);
    // the last names of what a `#[path = "…"]` says
    let paths: BTreeSet<&str> = all
        .iter()
        .flat_map(|s| s.text.split("#[path = \"").skip(1))
        .filter_map(|rest| rest.split('"').next()?.rsplit('/').next())
        .collect();
    for s in &all {
        if !s.text.starts_with("//!") {
            findings.push(format!("{} does not open with //!", s.path));
        }
        let (folder, file) = s.path.rsplit_once('/').expect("below a folder");
        let name = file.trim_end_matches(".rs");
        if ["lib", "main"].contains(&name) {
            continue;
        }
        let (folder, name) = match name {
            "mod" => folder.rsplit_once('/').expect("below src"),
            _ => (folder, name),
        };
        let parents = [
            format!("{folder}/mod.rs"),
            format!("{folder}/lib.rs"),
            format!("{folder}/main.rs"),
            format!("{folder}.rs"),
        ];
        let declares =
            |p: &Source| parents.contains(&p.path) && has_word(&p.code, &format!("mod {name};"));
        let by_path = format!("{name}.rs");
        if !paths.contains(by_path.as_str()) && !all.iter().any(declares) {
            findings.push(format!("{} is in no mod", s.path));
        }
    }
    none("files", findings);
}

#[test]
fn the_architecture_page_names_every_folder() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md exists");
    assert!(page.lines().count() <= 400, "at most 400 lines");
    let mut folders = BTreeSet::new();
    for s in sources(&["src"]) {
        let (folder, _) = s.path.rsplit_once('/').expect("below src");
        if folder != "src" {
            folders.insert(format!("{folder}/"));
        }
    }
    let missing = folders.iter().filter(|f| !page.contains(f.as_str()));
    none("folders not in ARCHITECTURE.md", missing.cloned().collect());
}

/// A path that was renamed must not send a newcomer nowhere.
#[test]
fn pages_for_contributors_name_what_is_there() {
    let mut missing = BTreeSet::new();
    for name in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let page = fs::read_to_string(root().join(name)).expect("it exists");
        let quoted = page.split('`').skip(1).step_by(2);
        let places = quoted.filter(|q| {
            ["src/", "tests/", "tools/", "docs/"]
                .iter()
                .any(|f| q.starts_with(f))
        });
        let places: BTreeSet<&str> = places.collect();
        assert!(places.len() > 10, "paths are found: {places:?}");
        let gone = places.into_iter().filter(|p| !root().join(p).exists());
        missing.extend(gone.map(|p| format!("{p} in {name}")));
    }
    none("paths that do not exist", missing.into_iter().collect());
}
