//! Which folder may name which: every `crate::` and `super::` path is read, also those through names that the crate's
//! root exports.
//!
//! An exception stands in [`EXCEPTIONS`] with its file and its reason, or it does not exist.

use crate::source::{Source, has_word, root, sources};
use crate::tidy::{EXCEPTIONS, excepted, none};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Floors from the lowest to the highest: a folder or file of `src`, and what of the floors below its code may name.
/// A file stands for the folder of its submodules, too, and a folder for all in it that has no floor of its own.
/// Section 5 of ARCHITECTURE.md is the same table.
const LAYERS: &[(&str, &[&str])] = &[
    ("sync.rs", &[]),
    ("event", &[]),
    ("state", &["event"]),
    ("store", &[]),
    ("checkpoint", &["event", "state", "store"]),
    ("backend", &["store"]),
    ("redis", &["store", "backend"]),
    ("distributed.rs", &["store", "checkpoint", "redis"]),
    ("sql/ast.rs", &["event"]),
    ("error.rs", &["event", "sql/ast.rs"]),
    ("sql", &["event", "sql/ast.rs", "error.rs"]),
    ("expr", &["event", "sql/ast.rs", "error.rs"]),
    ("operator", &["event", "state", "sql/ast.rs", "expr"]),
    (
        "plan",
        &["event", "state", "error.rs", "sql", "expr", "operator"],
    ),
    ("connector", &["event", "error.rs"]),
    ("runtime", &[]),
    ("runtime/barrier", &["sync.rs"]),
    ("runtime/lane", &["sync.rs", "event"]),
    ("runtime/position", &["sync.rs", "event", "runtime/lane"]),
    (
        "runtime/config",
        &["checkpoint", "runtime/barrier", "runtime/lane"],
    ),
    (
        "runtime/worker",
        &[
            "event",
            "state",
            "checkpoint",
            "operator",
            "plan",
            "runtime/lane",
            "runtime/position",
        ],
    ),
    (
        "runtime/shared",
        &[
            "event",
            "error.rs",
            "plan",
            "runtime/barrier",
            "runtime/lane",
            "runtime/position",
            "runtime/config",
            "runtime/worker",
        ],
    ),
    (
        "runtime/ingress",
        &[
            "event",
            "state",
            "error.rs",
            "plan",
            "runtime/lane",
            "runtime/position",
            "runtime/config",
            "runtime/shared",
        ],
    ),
    ("runtime/prometheus.rs", &[]),
    (
        "runtime/checkpointing",
        &[
            "event",
            "state",
            "store",
            "checkpoint",
            "error.rs",
            "plan",
            "connector",
            "runtime/barrier",
            "runtime/lane",
            "runtime/position",
            "runtime/config",
            "runtime/worker",
            "runtime/shared",
            "runtime/prometheus.rs",
        ],
    ),
    (
        "runtime/app",
        &[
            "event",
            "state",
            "store",
            "checkpoint",
            "distributed.rs",
            "error.rs",
            "sql",
            "expr",
            "operator",
            "plan",
            "connector",
            "runtime",
        ],
    ),
    (
        "core.rs",
        &[
            "store",
            "checkpoint",
            "backend",
            "redis",
            "distributed.rs",
            "runtime",
        ],
    ),
];

/// The innermost of [`LAYERS`] in which a module stands, by its segments.
fn floor(segments: &[&str]) -> Option<usize> {
    let path = segments.join("/");
    let within = |name: &str| {
        let name = name.trim_end_matches(".rs");
        path == name || path.starts_with(&format!("{name}/"))
    };
    let fits = LAYERS
        .iter()
        .enumerate()
        .filter(|(_, (name, _))| within(name));
    fits.max_by_key(|(_, (name, _))| name.trim_end_matches(".rs").len())
        .map(|(place, _)| place)
}

#[test]
fn modules_depend_one_way() {
    let exports = exports(&fs::read_to_string(root().join("src/lib.rs")).expect("it exists"));
    let mut findings = Vec::new();
    let mut needed = BTreeSet::new();
    for s in sources(&["src"]).iter().filter(|s| !s.is_test()) {
        let module = module(&s.path);
        if module.is_empty() {
            continue;
        }
        let Some(own) = floor(&module) else {
            findings.push(format!("{} stands on no floor", s.path));
            continue;
        };
        for named in named_paths(&module, s.code_without_tests()) {
            let named = match exports.get(&named[0]) {
                Some(origin) => origin.clone(),
                None => named,
            };
            let segments: Vec<&str> = named.iter().map(String::as_str).collect();
            let fits = floor(&segments).is_some_and(|floor| {
                let (name, (_, allowed)) = (LAYERS[floor].0, LAYERS[own]);
                floor == own || allowed.iter().any(|a| covers(a, name))
            });
            if fits {
                continue;
            }
            needed.insert(s.path.clone());
            if !excepted("layer", &s.path) {
                findings.push(format!("{} names crate::{}", s.path, named.join("::")));
            }
        }
    }
    let exceptions = EXCEPTIONS.iter().filter(|(rule, ..)| *rule == "layer");
    let spare = exceptions.filter(|(_, path, _)| !needed.contains(*path));
    findings.extend(spare.map(|(_, path, _)| format!("{path} needs no exception")));
    findings.dedup();
    none("layers", findings);
}

/// Whether what may be named covers a floor: the floor itself, or one below it.
fn covers(allowed: &str, floor: &str) -> bool {
    let allowed = allowed.trim_end_matches(".rs");
    let floor = floor.trim_end_matches(".rs");
    floor == allowed || floor.starts_with(&format!("{allowed}/"))
}

#[test]
fn floors_name_only_what_is_below_them() {
    let mut findings = Vec::new();
    for (place, (name, allowed)) in LAYERS.iter().enumerate() {
        if !root().join("src").join(name).exists() {
            findings.push(format!("{name} does not exist"));
        }
        for named in *allowed {
            let covered = (0..LAYERS.len()).filter(|i| covers(named, LAYERS[*i].0) && *i != place);
            if !LAYERS.iter().any(|(n, _)| n == named) {
                findings.push(format!("{name} names {named}, which is no floor"));
            }
            let above = covered.filter(|i| *i > place);
            findings.extend(above.map(|i| format!("{name} names {}, above it", LAYERS[i].0)));
        }
    }
    none("floors", findings);
}

#[test]
fn the_architecture_page_has_the_same_floors() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md exists");
    let (_, section) = page
        .split_once("\n## 5. ")
        .expect("a section on dependencies");
    let (section, _) = section.split_once("\n## ").expect("a section after it");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let found: Vec<String> = rows.map(|row| format!("| `{row}")).collect();
    let want = LAYERS.iter().map(|(name, allowed)| {
        let names: Vec<String> = allowed.iter().map(|a| format!("`{a}`")).collect();
        let names = match names.is_empty() {
            true => "nothing".to_string(),
            false => names.join(", "),
        };
        format!("| `{name}` | {names} |")
    });
    let want: Vec<String> = want.collect();
    assert!(
        found == want,
        "the table of section 5 is:\n{}",
        want.join("\n")
    );
}

/// The segments of a file's module; none for the root of the crate.
fn module(path: &str) -> Vec<&str> {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut segments: Vec<&str> = inside.split('/').collect();
    if matches!(segments.last(), Some(&"mod" | &"lib")) {
        segments.pop();
    }
    segments
}

/// What the root of the crate exports: name, and the path where it comes from.
fn exports(lib: &str) -> BTreeMap<String, Vec<String>> {
    let mut exports = BTreeMap::new();
    for (i, mark) in lib.match_indices("\npub use ") {
        let text = &lib[i + mark.len()..];
        let text = &text[..text.find(';').unwrap_or(0)];
        let (path, names) = text.rsplit_once("::").expect("a path");
        let (path, names) = match text.split_once("::{") {
            Some((path, names)) => (path, names.trim_end_matches('}')),
            None => (path, names),
        };
        for name in names.split(',').map(str::trim).filter(|n| !n.is_empty()) {
            let segments = path.split("::").chain([name]).map(str::to_string);
            // a derive has the name of its trait, which stands before it
            let path = exports.entry(name.to_string());
            path.or_insert_with(|| segments.collect());
        }
    }
    exports
}

/// What stands behind each `crate::` and each `super::` of a module's code, as segments from the root of the crate.
fn named_paths(module: &[&str], code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (i, mark) in code.match_indices(start) {
            let before = code[..i].chars().next_back();
            if before.is_some_and(|c| c == ':' || c == '_' || c.is_alphanumeric()) {
                continue;
            }
            let mut rest = &code[i + mark.len()..];
            let mut base = match start {
                "crate::" => Vec::new(),
                _ => module[..module.len() - 1].to_vec(),
            };
            while let Some(further) = rest.strip_prefix("super::") {
                base.pop();
                rest = further;
            }
            for part in parts(rest) {
                let segments = base.iter().copied().chain(part.split("::"));
                found.push(segments.map(str::to_string).collect());
            }
        }
    }
    found
}

/// A path, or the paths of a brace group, without what follows them.
fn parts(rest: &str) -> Vec<&str> {
    let Some(group) = rest.strip_prefix('{') else {
        return vec![path(rest)];
    };
    let mut depth = 1;
    let end = group.find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0
    });
    let mut depth = 0;
    let parts = group[..end.unwrap_or(0)].split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    let paths = parts.map(|p| path(p.trim()));
    paths.filter(|p| !p.is_empty()).collect()
}

fn path(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    text[..end.unwrap_or(text.len())].trim_end_matches(':')
}

#[test]
fn paths_are_read() {
    let code =
        "use crate::event::{A, B}; use crate::{sql::ast::X, error::{Fault, P}}; crate::state::y()
        use super::lane::Z; super::super::store::{self, S}";
    let named = named_paths(&["runtime", "worker", "core"], code);
    let named: Vec<String> = named.iter().map(|p| p.join("::")).collect();
    let want = [
        "event",
        "sql::ast::X",
        "error",
        "state::y",
        "runtime::worker::lane::Z",
        "runtime::store",
    ];
    assert_eq!(named, want);
    let exports = exports("\npub use a::b::C;\npub use d::{E, F};\n");
    let of = |name: &str| exports[name].join("::");
    assert_eq!([of("C"), of("E"), of("F")], ["a::b::C", "d::E", "d::F"]);
}

/// Who reads a type of the runtime finds all of it in one place: its own file, and what is below that.
#[test]
fn types_of_the_runtime_are_implemented_where_they_stand() {
    let all = sources(&["src/runtime"]);
    let runtime: Vec<&Source> = all.iter().collect();
    let mut findings = Vec::new();
    for s in all.iter().filter(|s| !s.is_test()) {
        let own = module(&s.path);
        let above = |other: &&Source| own.starts_with(&module(&other.path));
        let places: Vec<&Source> = all.iter().filter(above).collect();
        for name in implemented(&s.code) {
            let stands_in = |places: &[&Source]| {
                let words = ["struct", "enum"].map(|kind| format!("{kind} {name}"));
                let has = |p: &&Source| words.iter().any(|words| has_word(&p.code, words));
                places.iter().any(has)
            };
            // Types of other folders get here what only the runtime knows.
            if stands_in(&runtime) && !stands_in(&places) {
                findings.push(format!("{}: impl {name}", s.path));
            }
        }
    }
    none("impl apart from its type", findings);
}

/// The types for which a file has an `impl` of their own, not of a trait.
fn implemented(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in code.lines().filter_map(|l| l.strip_prefix("impl")) {
        let head = line.split('{').next().unwrap_or(line);
        let generics = head.starts_with('<').then(|| head.find('>')).flatten();
        let head = head[generics.map_or(0, |g| g + 1)..].trim();
        if !head.contains(" for ") {
            found.push(path(head));
        }
    }
    found
}
