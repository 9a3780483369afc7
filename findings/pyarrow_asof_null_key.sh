#!/usr/bin/env bash
# pyarrow: in `join_asof` a row without a key answers for the key 0.
#
# With:    Python package pyarrow 26.0.1.
# Expect:  NULL equals nothing in a join, as in pyarrow's own `Table.join`; or at most another NULL.
# Happens: with a numeric `by` column NULL and 0 are one key. A trade of account 0 gets the value of a quote whose
#          account is NULL, a trade without account gets that of account 0. With a text key NULL meets NULL alone, not
#          the empty text. No error, no option.
# Matters: 0 is an ordinary identifier (a first partition, a default venue, an anonymous account), and streams from
#          outside have rows without a key: their values are shown as somebody's.
# Do:      drop the rows with a NULL key from both sides before the join, or join by text.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --only-binary :all: pyarrow==26.0.1
cat >"$work/join.py" <<'EOF'
import pyarrow as pa

def keys(values, kind):
    return pa.array(values, kind)

def show(label, left, right, kind):
    """Left rows at 10 with these keys; right rows at 5 named after their keys."""
    trades = pa.table({"t": [10] * len(left), "key": keys(left, kind)})
    quotes = pa.table({"t": [5] * len(right), "key": keys(right, kind), "of": [str(key) for key in right]})
    asof = trades.join_asof(quotes, on="t", by="key", tolerance=-100)
    print(f"{label}, join_asof: {dict(zip([str(k) for k in left], asof['of'].to_pylist()))}")
    plain = trades.join(quotes.drop_columns(["t"]), "key", join_type="left outer").to_pylist()
    print(f"{label}, join: {dict(sorted((str(row['key']), row['of']) for row in plain))}")

show("quotes of None", [None, 0, 1], [None], pa.int64())
show("quotes of 0", [None, 0, 1], [0], pa.int64())
show("text, quotes of None", [None, "", "a"], [None], pa.string())
EOF
seen=$("$work/venv/bin/python" "$work/join.py")
wanted="quotes of None, join_asof: {'None': 'None', '0': 'None', '1': None}
quotes of None, join: {'0': None, '1': None, 'None': None}
quotes of 0, join_asof: {'None': '0', '0': '0', '1': None}
quotes of 0, join: {'0': '0', '1': None, 'None': None}
text, quotes of None, join_asof: {'None': 'None', '': None, 'a': None}
text, quotes of None, join: {'': None, 'None': None, 'a': None}"
printf "key of the trade: key of the quote it got ('None' is the quote without a key):\n%s\n" "$seen"
if [[ $seen != "$wanted" ]]; then
    printf 'changed; it was:\n%s\n' "$wanted" >&2
    exit 1
fi
