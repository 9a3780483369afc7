#!/usr/bin/env bash
# DuckDB: which of two quotes with one time an ASOF join takes changes with the 64th row of the other table.
#
# With:    Python packages duckdb 2.0.1 and chdb 4.4.0 (ClickHouse 26.9 as a library).
# Expect:  an as-of join gives a trade the latest quote at or before it; where two quotes have that time, always the
#          first or always the last.
# Happens: with up to 63 trades DuckDB gives the first quote, with 64 and more the last one: below
#          `asof_loop_join_threshold` (64 rows) the plan is a loop with an aggregate, above it a sorted merge. The
#          maintainers hold the choice among ties to be free (duckdb/duckdb issue 25536). ClickHouse gives the first
#          with join_algorithm='hash' and the last with 'full_sorting_merge' (ClickHouse/ClickHouse issue 115164).
# Matters: a back test over a small sample and the run over everything disagree in their prices, and so does a stream
#          app, whose join sees one trade at a time, with the batch query that checks it.
# Do:      give the right side a total order before the join (a sequence number inside the time, or one row per time).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --only-binary :all: duckdb==2.0.1 chdb==4.4.0
cat >"$work/join.py" <<'EOF'
import chdb
import duckdb

def duck(trades):
    db = duckdb.connect()
    db.execute("create table quotes as select * from (values (5, 'first'), (5, 'last')) quotes(t, quote)")
    db.execute("create table trades as select 10 as t from range(?)", [trades])
    return db.execute(
        "select distinct quote from trades asof join quotes on trades.t >= quotes.t").fetchall()

for trades in (1, 63, 64, 1000):
    print(f"duckdb, {trades} trades: {[row[0] for row in duck(trades)]}")
for algorithm in ("hash", "full_sorting_merge"):
    answer = chdb.query(
        "select quote from (select 1 as k, 10 as t) trades asof join"
        " (select 1 as k, 5 as t, arrayJoin(['first', 'last']) as quote) quotes"
        f" on trades.k = quotes.k and trades.t >= quotes.t settings join_algorithm = '{algorithm}'", "TSV")
    print(f"clickhouse, {algorithm}: {str(answer).split()}")
EOF
seen=$("$work/venv/bin/python" "$work/join.py")
wanted="duckdb, 1 trades: ['first']
duckdb, 63 trades: ['first']
duckdb, 64 trades: ['last']
duckdb, 1000 trades: ['last']
clickhouse, hash: ['first']
clickhouse, full_sorting_merge: ['last']"
printf 'trades at 10 joined with two quotes at 5:\n%s\n' "$seen"
if [[ $seen != "$wanted" ]]; then
    printf 'changed; it was:\n%s\n' "$wanted" >&2
    exit 1
fi
