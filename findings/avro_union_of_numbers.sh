#!/usr/bin/env bash
# Avro: two Python writers put one whole number into opposite branches of a union, and each changes it in one order.
#
# With:    Python packages fastavro 1.13.1 and avro 1.12.2 (the Avro project's own).
# Expect:  9007199254740993 written to a union of double and long is stored as the long: the value is a whole number,
#          the branch is there, and a union says nothing of conversion.
# Happens: fastavro takes the first branch that an int may go into, the official library the last one. With
#          ["double", "long"] fastavro stores 9007199254740992.0 and avro the number; with ["long", "double"] it is the
#          other way round, so no order of the branches is right for both. A float branch does it from 16777217 on.
#          fastavro has mended the twin of this for ["float", "double"] (issue 437 of fastavro/fastavro), not this one.
# Matters: order numbers, microsecond times and sequence numbers change by one on their way through a topic, and the
#          bytes of one record depend on which producer wrote it.
# Do:      no union with two kinds of number (null and one kind is fine); with fastavro one can name the branch, as
#          ("long", value).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --only-binary :all: fastavro==1.13.1 avro==1.12.2
cat >"$work/union.py" <<'EOF'
import io
import json

import avro.io
import avro.schema
import fastavro

def fast(schema, value):
    data = io.BytesIO()
    fastavro.schemaless_writer(data, schema, value)
    data.seek(0)
    return fastavro.schemaless_reader(data, schema)

def official(schema, value):
    data, parsed = io.BytesIO(), avro.schema.parse(json.dumps(schema))
    avro.io.DatumWriter(parsed).write(value, avro.io.BinaryEncoder(data))
    data.seek(0)
    return avro.io.DatumReader(parsed).read(avro.io.BinaryDecoder(data))

for schema, value in (
    (["double", "long"], 9007199254740993),
    (["long", "double"], 9007199254740993),
    (["null", "float", "long"], 16777217),
):
    print(f"{value} to {schema}: fastavro {fast(schema, value)!r}, avro {official(schema, value)!r}")
print(f"named branch: fastavro {fast(['double', 'long'], ('long', 9007199254740993))!r}")
EOF
seen=$("$work/venv/bin/python" "$work/union.py")
wanted="9007199254740993 to ['double', 'long']: fastavro 9007199254740992.0, avro 9007199254740993
9007199254740993 to ['long', 'double']: fastavro 9007199254740993, avro 9007199254740992.0
16777217 to ['null', 'float', 'long']: fastavro 16777216.0, avro 16777217
named branch: fastavro 9007199254740993"
printf 'written and read back:\n%s\n' "$seen"
if [[ $seen != "$wanted" ]]; then
    printf 'changed; it was:\n%s\n' "$wanted" >&2
    exit 1
fi
