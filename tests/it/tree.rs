//! What the engine and its command line bring along: no async runtime, and few crates.

use crate::source::root;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::process::Command;

/// Crates of async runtimes and what only they need.
const BANNED: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "mio",
    "async-io",
    "async-executor",
    "async-global-executor",
    "async-trait",
    "polling",
    "glommio",
    "embassy-executor",
];

fn output(program: &str, args: &[&str]) -> String {
    let done = Command::new(program)
        .args(args)
        .current_dir(root())
        .output()
        .expect("the toolchain can be started");
    assert!(
        done.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).expect("the toolchain writes UTF-8")
}

/// Package names in the normal dependency tree of a member on this host, the member included.
fn tree(member: &str) -> BTreeSet<String> {
    let rustc = output("rustc", &["-vV"]);
    let host = rustc.lines().find_map(|l| l.strip_prefix("host: "));
    let host = host.expect("rustc tells its host");
    let cargo = env!("CARGO");
    let args = ["metadata", "--format-version", "1", "--offline", "--locked"];
    let args = [&args[..], &["--filter-platform", host]].concat();
    let metadata: Value = serde_json::from_str(&output(cargo, &args)).expect("metadata is JSON");

    let packages = metadata["packages"].as_array().expect("packages");
    let text = |v: &Value| v.as_str().expect("a text").to_string();
    let names: HashMap<String, String> = packages
        .iter()
        .map(|p| (text(&p["id"]), text(&p["name"])))
        .collect();
    let nodes = metadata["resolve"]["nodes"].as_array().expect("nodes");
    let edges: HashMap<String, &Value> =
        nodes.iter().map(|n| (text(&n["id"]), &n["deps"])).collect();

    let start = names.iter().find(|(_, name)| *name == member);
    let mut open = vec![start.expect("the member exists").0.clone()];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        for dep in edges[&id].as_array().expect("dependencies") {
            let kinds = dep["dep_kinds"].as_array().expect("kinds");
            if kinds.iter().any(|k| k["kind"].is_null()) {
                open.push(text(&dep["pkg"]));
            }
        }
    }
    seen.iter().map(|id| names[id].clone()).collect()
}

#[test]
fn no_async_runtime_in_library_or_command_line() {
    for member in ["eventflux", "eventflux-cli"] {
        let tree = tree(member);
        assert!(
            tree.contains("crossbeam"),
            "the walk of {member} sees its dependencies"
        );
        let banned = |n: &&String| BANNED.contains(&n.as_str()) || n.starts_with("futures");
        let found: Vec<&String> = tree.iter().filter(banned).collect();
        assert!(found.is_empty(), "{member} brings {found:?}");
    }
}

#[test]
fn the_library_brings_few_crates() {
    let tree = tree("eventflux");
    assert!(tree.len() <= 60, "{} crates: {tree:?}", tree.len());
}
