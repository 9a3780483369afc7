#!/usr/bin/env bash
# polars: the windows a row falls into depend on the first row of the table.
#
# With:    Python package polars 2.1.0; `group_by_dynamic`, every 3, period 10.
# Expect:  a hopping window is a matter of the row's time alone: rows at 10 and 11 are in [3, 13), [6, 16), [9, 19), and
#          11 is in no other. Beam, Spark, bytewax and pathway agree on that.
# Happens: the first window is the one that *begins* last at or before the first row; those that began before it are
#          never made. Rows 10 and 11 alone are in [9, 19) only. Put a row at 0 in front, whose own window has ended
#          before them, and the same two rows are in three windows. With `group_by` the rule is applied to the first row
#          of each key. The documentation of `start_by='window'` says how the first window is found, not that older
#          ones are missing; issue 21345 of pola-rs/polars is open since 2025.
# Matters: a job that reads its input in pieces (a file an hour, a restart, a partition) loses the first period of each
#          piece, and a check of a stream app against polars fails at the beginning only.
# Do:      put a row one `period` before the data, and drop the windows that end before it.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --only-binary :all: polars==2.1.0
cat >"$work/windows.py" <<'EOF'
import polars as pl

def show(label, rows):
    frame = pl.DataFrame(rows, schema=["key", "t"], orient="row")
    by = "key" if any(key == "b" for key, _ in rows) else None
    windows = frame.group_by_dynamic("t", every="3i", period="10i", group_by=by).agg(rows=pl.col("t").alias("rows"))
    print(f"{label}: {windows.rows()}")

show("rows 10 11", [("a", 10), ("a", 11)])
show("rows 0 10 11", [("a", 0), ("a", 10), ("a", 11)])
show("by key, b begins at 10", [("a", 0), ("b", 10), ("a", 11)])
EOF
seen=$("$work/venv/bin/python" "$work/windows.py")
wanted="rows 10 11: [(9, [10, 11])]
rows 0 10 11: [(0, [0]), (3, [10, 11]), (6, [10, 11]), (9, [10, 11])]
by key, b begins at 10: [('a', 0, [0]), ('a', 3, [11]), ('a', 6, [11]), ('a', 9, [11]), ('b', 9, [10])]"
printf '([key,] begin of the window, its rows):\n%s\n' "$seen"
if [[ $seen != "$wanted" ]]; then
    printf 'changed; it was:\n%s\n' "$wanted" >&2
    exit 1
fi
