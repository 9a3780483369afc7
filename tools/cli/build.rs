//! Tells the command its version: that of the package, and the commit where it is built in a checkout.

// Its standard output is what cargo reads.
#![allow(clippy::disallowed_macros)]

use std::path::Path;
use std::process::Command;

/// What git answers, if there is git and a checkout.
fn git(args: &[&str]) -> Option<String> {
    let done = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(done.stdout).ok()?;
    let text = text.trim();
    (done.status.success() && !text.is_empty()).then(|| text.to_string())
}

fn main() {
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    println!("cargo:rerun-if-changed=build.rs");
    // The second changes with each commit, the first with the branch.
    for file in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", file]);
        if let Some(path) = path.filter(|p| Path::new(p).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    // Not the commit of a folder that only happens to lie around the sources.
    let ours = git(&["ls-files", "--error-unmatch", "build.rs"]);
    let commit = ours.and_then(|_| git(&["log", "-1", "--format=%h %cs"]));
    let version = match commit {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    println!("cargo:rustc-env=EVENTFLUX_VERSION={version}");
}
