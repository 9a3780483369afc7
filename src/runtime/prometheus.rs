//! The text format of Prometheus, version 0.0.4, as far as the numbers of apps and of checkpoints share it.

use std::fmt::Write;

/// What stands before the lines of a name.
pub(crate) fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// A text as the value of a label.
pub(crate) fn label(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    text.replace('\n', "\\n")
}
