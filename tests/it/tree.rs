//! What the engine and its command line bring along: no async runtime, and few crates.

use crate::source::root;
use std::collections::BTreeSet;
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
///
/// `cargo tree` resolves the features of that member alone; `cargo metadata` would add those that others ask for.
fn tree(member: &str, features: &[&str]) -> BTreeSet<String> {
    let args = ["tree", "--offline", "--locked", "-e", "normal"];
    let shape = ["--prefix", "none", "--format", "{p}", "-p", member];
    let args = [&args[..], &shape, features].concat();
    let lines = output(env!("CARGO"), &args);
    let names = lines.lines().filter_map(|line| line.split(' ').next());
    names.map(str::to_string).collect()
}

#[test]
fn no_async_runtime_in_library_or_command_line() {
    for (member, features) in [
        ("eventflux", &["--all-features"][..]),
        ("eventflux-cli", &[]),
    ] {
        let tree = tree(member, features);
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
fn the_toolchain_is_the_least_that_is_promised() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).expect("it exists");
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|l| l.starts_with(key));
        let quoted = line.and_then(|l| l.split('"').nth(1));
        quoted.expect("a quoted value").to_string()
    };
    let promised = value(&read("Cargo.toml"), "rust-version");
    let used = value(&read("rust-toolchain.toml"), "channel");
    assert_eq!(used, format!("{promised}.0"));
}

#[test]
fn the_library_brings_few_crates() {
    for (member, features, max) in [
        ("eventflux", &["--no-default-features"][..], 50),
        // 93: the client of Redis names its servers by the crate url, which brings 30 of Unicode
        ("eventflux", &[], 96),
        ("eventflux", &["--features", "redis-tls"], 106),
        // gzip takes five, the line editor three, patterns of names and differences one each
        ("eventflux-cli", &[], 140),
        // the first command of the README
        ("eventflux-cli", &["--no-default-features"], 80),
    ] {
        let tree = tree(member, features);
        let count = tree.len();
        assert!(
            count <= max,
            "{member} {features:?}: {count} crates: {tree:?}"
        );
    }
}
