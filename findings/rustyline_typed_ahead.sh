#!/usr/bin/env bash
# rustyline: of lines that are typed ahead, or pasted without bracketed paste, all but the first are lost.
#
# With:    crate rustyline 19.0.0 with its default features.
# Expect:  three lines that a terminal gives at once are three answers of `readline`, as with GNU readline.
# Happens: the reader takes all bytes that are there, and is thrown away with the answer: the first line is given,
#          the others are nowhere. With the optional dependency `buffer-redux` as a feature, they come.
# Matters: whoever types on while a command runs, or pastes a script, sees some of the lines done and others not, and
#          nothing says so.
# Do:      enable the feature `buffer-redux`.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/src"
cat >"$work/src/main.rs" <<'EOF'
fn main() -> rustyline::Result<()> {
    let mut lines = rustyline::DefaultEditor::new()?;
    while let Ok(line) = lines.readline("> ") {
        println!("got {line}");
    }
    Ok(())
}
EOF
cat >"$work/type.py" <<'EOF'
# Types three lines at once at the first prompt, waits for those that are given, and ends.
import os, pty, select, sys

child, terminal = pty.fork()
if child == 0:
    os.environ["TERM"] = "xterm"
    os.execv(sys.argv[1], sys.argv[1:2])
seen, typed = b"", False
while select.select([terminal], [], [], 5)[0]:
    try:
        seen += os.read(terminal, 4096)
    except OSError:
        break
    if b"> " in seen and not typed:
        typed = True
        os.write(terminal, b"one\rtwo\rthree\r")
    if b"got three" in seen:
        break
print(*[line for line in ("one", "two", "three") if b"got " + line.encode() in seen])
os.close(terminal)
EOF
given() {
    cat >"$work/Cargo.toml" <<EOF
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
rustyline = { version = "=19.0.0"$1 }
EOF
    cargo build --quiet --manifest-path "$work/Cargo.toml" --target-dir "$work/target"
    python3 "$work/type.py" "$work/target/debug/finding"
}
plain=$(given '')
kept=$(given ', features = ["buffer-redux"]')
echo "lines that are given: $plain"
echo "with buffer-redux: $kept"
if [ "$plain" != "one" ] || [ "$kept" != "one two three" ]; then
    exit 1
fi
