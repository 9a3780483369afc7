#!/usr/bin/env bash
# serde_json reads every tenth full-length double as a neighbour of the one that was written.
#
# With:    crate serde_json 1.0.154, default features, and the same with `float_roundtrip`.
# Expect:  JSON text that Rust itself printed as the shortest decimals of a double reads back as that double, as
#          `str::parse::<f64>` does.
# Happens: of 1,000,000 random doubles below 1,000 about 105,000 come back one step off: 423.20917087271323 is read as
#          423.2091708727132. The feature `float_roundtrip` mends it, at about half the speed of parsing floats, as its
#          documentation says. Features add up over a whole build: one dependency that asks for it changes what every
#          other crate reads, so two programs with the same source may disagree.
# Matters: in stream apps values are compared, grouped and joined by equality (price = limit price), and a record that
#          travels twice through JSON drifts; a replay is not bit for bit the first run.
# Do:      ask for `float_roundtrip`, or take the digits by RawValue and parse them with the standard library.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/src"
cat >"$work/src/main.rs" <<'EOF'
fn main() {
    let (mut seed, mut off_std, mut off_serde) = (1u64, 0, 0);
    for _ in 0..1_000_000 {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let value = (seed >> 11) as f64 / (1u64 << 53) as f64 * 1000.0;
        let text = value.to_string();
        off_std += usize::from(text.parse::<f64>().unwrap() != value);
        off_serde += usize::from(serde_json::from_str::<f64>(&text).unwrap() != value);
    }
    let text = "423.20917087271323";
    let read: f64 = serde_json::from_str(text).unwrap();
    println!("str::parse off: {off_std}; serde_json off: {off_serde}; {text} read as {read}");
}
EOF
run() { # features
    cat >"$work/Cargo.toml" <<EOF
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
serde_json = { version = "=1.0.154", features = [$1] }
EOF
    CARGO_TARGET_DIR="$work/target" cargo run --quiet --manifest-path "$work/Cargo.toml"
}
plain=$(run '')
exact=$(run '"float_roundtrip"')
printf 'default features: %s\nfloat_roundtrip:  %s\n' "$plain" "$exact"
wanted_plain='str::parse off: 0; serde_json off: 104896; 423.20917087271323 read as 423.2091708727132'
wanted_exact='str::parse off: 0; serde_json off: 0; 423.20917087271323 read as 423.20917087271323'
if [[ $plain != "$wanted_plain" || $exact != "$wanted_exact" ]]; then
    printf 'changed; it was:\n%s\n%s\n' "$wanted_plain" "$wanted_exact" >&2
    exit 1
fi
