#!/usr/bin/env bash
# Windows of 7 s, 7 days or a week: engines that agree on 10 s put one row into different windows.
#
# With:    Python packages duckdb 2.0.1, polars 2.1.0, chdb 4.4.0 (ClickHouse 26.9 as a library).
# Expect:  aligned windows begin at multiples of their size since 1970, whatever the size, and "7 days" is "1 week".
# Happens: for sizes that divide a day all agree, so it goes unseen. DuckDB's `time_bucket` counts from Monday,
#          3 January 2000: a row 10 s after 1970 is in the 7 s window of second 10, elsewhere in that of second 7. Seven
#          days begin on a Monday in DuckDB, on a Thursday (as 1970 did) in polars and ClickHouse; one week begins on a
#          Monday in all three. ClickHouse lays hopping windows by their *ends*: for 10 s every 3 s it tells 2 as the
#          begin of a window with the row of 10 s, where Beam, Spark and bytewax have 3, 6 and 9.
# Matters: results of a stream app and of the query that checks them differ in every window, by amounts that look like
#          noise; a moved dashboard shifts its weeks.
# Do:      give the origin by name (`time_bucket(width, t, origin)`, an offset), and choose sizes that divide a day.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --only-binary :all: duckdb==2.0.1 polars==2.1.0 chdb==4.4.0
cat >"$work/grids.py" <<'EOF'
from datetime import datetime

import chdb
import duckdb
import polars as pl

def show(label, at, size, every):
    """Where the window of a row begins; size in SQL, every in polars."""
    row = datetime.fromisoformat(at)
    duck = duckdb.connect().execute(f"select time_bucket(interval {size}, timestamp '{at}')").fetchall()[0][0]
    polars = pl.DataFrame({"t": [row]}).group_by_dynamic("t", every=every).agg(pl.len())["t"][0]
    house = chdb.query(
        f"select toDateTime(toStartOfInterval(toDateTime('{at}', 'UTC'), interval {size}), 'UTC')", "TSV")
    house = datetime.fromisoformat(str(house).strip())
    for name, begin in (("duckdb", duck), ("polars", polars), ("clickhouse", house)):
        print(f"{label}, {name}: {begin:%a %Y-%m-%d %H:%M:%S}")

show("10 s", "1970-01-01 00:00:10", "10 second", "10s")
show("7 s", "1970-01-01 00:00:10", "7 second", "7s")
show("7 days", "2026-01-01 00:00:00", "7 day", "7d")
show("1 week", "2026-01-01 00:00:00", "1 week", "1w")
hop = chdb.query("select toUnixTimestamp(hopStart(toDateTime('1970-01-01 00:00:10', 'UTC'),"
                 " interval 3 second, interval 10 second))", "TSV")
print(f"10 s every 3 s, row at 10 s, clickhouse: {str(hop).strip()}")
EOF
seen=$("$work/venv/bin/python" "$work/grids.py")
wanted='10 s, duckdb: Thu 1970-01-01 00:00:10
10 s, polars: Thu 1970-01-01 00:00:10
10 s, clickhouse: Thu 1970-01-01 00:00:10
7 s, duckdb: Thu 1970-01-01 00:00:10
7 s, polars: Thu 1970-01-01 00:00:07
7 s, clickhouse: Thu 1970-01-01 00:00:07
7 days, duckdb: Mon 2025-12-29 00:00:00
7 days, polars: Thu 2026-01-01 00:00:00
7 days, clickhouse: Thu 2026-01-01 00:00:00
1 week, duckdb: Mon 2025-12-29 00:00:00
1 week, polars: Mon 2025-12-29 00:00:00
1 week, clickhouse: Mon 2025-12-29 00:00:00
10 s every 3 s, row at 10 s, clickhouse: 2'
printf 'begin of the window:\n%s\n' "$seen"
if [[ $seen != "$wanted" ]]; then
    printf 'changed; it was:\n%s\n' "$wanted" >&2
    exit 1
fi
