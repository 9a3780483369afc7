#!/usr/bin/env bash
# Arrow IPC streams: what a killed writer left looks whole, and what a restarted writer appended is not read.
#
# With:    Python packages pyarrow 26.0.1 and polars 2.1.0, two readers with code of their own.
# Expect:  the stream format ends with a marker of eight bytes, so a reader can tell a finished stream from a cut one;
#          and a file to which a second stream was appended gives the rows of both, or an error.
# Happens: neither reader wants the marker: a stream cut between two batches reads without a word, as if the writer had
#          closed it. Both stop at the first marker: two streams one behind the other give the rows of the first alone,
#          and the rest of the file is passed over in silence.
# Matters: a sink that writes a stream to a file, dies and appends after its restart has all rows on disk and some of
#          them in every report; a consumer of a socket takes a lost connection for the end of the day.
# Do:      begin a new file (or object) at every start; write a count or an end record of your own; to read what was
#          appended, open a reader again where the last one stopped.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --only-binary :all: pyarrow==26.0.1 polars==2.1.0
cat >"$work/streams.py" <<'EOF'
import io

import polars as pl
import pyarrow as pa

def stream(values, close=True):
    """One batch a value."""
    data = io.BytesIO()
    writer = pa.ipc.new_stream(data, pa.schema([("v", pa.int64())]))
    for value in values:
        writer.write_batch(pa.record_batch({"v": pa.array([value])}))
    if close:
        writer.close()
    return data.getvalue()

def show(label, data):
    arrow = pa.ipc.open_stream(data).read_all()["v"].to_pylist()
    polars = pl.read_ipc_stream(io.BytesIO(data))["v"].to_list()
    print(f"{label}: pyarrow {arrow}, polars {polars}")

whole, cut = stream([1, 2]), stream([1, 2], close=False)
print(f"the end marker: {whole[len(cut):].hex()}")
show("closed", whole)
show("cut behind a batch", cut)
show("[1, 2] and [3] appended", whole + stream([3]))
data = io.BytesIO(whole + stream([3]))
print("opened twice: pyarrow", [pa.ipc.open_stream(data).read_all()["v"].to_pylist() for _ in range(2)])
EOF
seen=$("$work/venv/bin/python" "$work/streams.py")
wanted='the end marker: ffffffff00000000
closed: pyarrow [1, 2], polars [1, 2]
cut behind a batch: pyarrow [1, 2], polars [1, 2]
[1, 2] and [3] appended: pyarrow [1, 2], polars [1, 2]
opened twice: pyarrow [[1, 2], [3]]'
printf '%s\n' "$seen"
if [[ $seen != "$wanted" ]]; then
    printf 'changed; it was:\n%s\n' "$wanted" >&2
    exit 1
fi
