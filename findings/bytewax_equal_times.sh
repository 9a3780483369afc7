#!/usr/bin/env bash
# bytewax: a row with the same time as the one before it is late, or not, by how the source cuts its batches.
#
# With:    Python package bytewax 0.21.1; event time, `wait_for_system_duration` 0, windows of 10 s, rows in order.
# Expect:  rows in order are never late, and a replay of the same rows gives the same windows.
# Happens: the watermark is the greatest time seen *plus the real time that passed since*. Of rows at 1 s, 2 s, 2 s, 3 s
#          the second row of 2 s is late when it comes in a batch of its own, since some microseconds have passed. When
#          the source hands all four over at once they share one moment and none is late. With a wait of 1 s none is.
# Matters: feeds with a resolution of a millisecond or a second are full of equal times (trades, sensor scans). The same
#          file gives other results by batch size and load, and rows go to the late stream, which few programs read.
# Do:      give a wait well above the pauses of the process, even for sorted input, and connect the late stream.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --only-binary :all: bytewax==0.21.1
cat >"$work/flow.py" <<'EOF'
import warnings
from datetime import datetime, timedelta, timezone

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main

warnings.simplefilter("ignore")
START = datetime(2026, 1, 1, tzinfo=timezone.utc)

def run(label, seconds, batch, wait):
    kept, late = [], []
    rows = [("key", (START + timedelta(seconds=s), number)) for number, s in enumerate(seconds, 1)]
    flow = Dataflow("finding")
    keyed = op.input("in", flow, TestingSource(rows, batch))
    clock = win.EventClock(lambda row: row[0], wait_for_system_duration=timedelta(seconds=wait))
    windower = win.TumblingWindower(length=timedelta(seconds=10), align_to=START)
    windows = win.collect_window("window", keyed, clock, windower)
    op.output("kept", op.map("kept_rows", windows.down, lambda pair: [row[1] for row in pair[1][1]]), TestingSink(kept))
    op.output("late", op.map("late_rows", windows.late, lambda pair: pair[1][1][1]), TestingSink(late))
    run_main(flow)
    print(f"{label}: window {kept}, late {late}")

run("batches of 1, no wait", [1, 2, 2, 3], 1, 0)
run("one batch of 4, no wait", [1, 2, 2, 3], 4, 0)
run("batches of 1, wait 1 s", [1, 2, 2, 3], 1, 1)
EOF
seen=$("$work/venv/bin/python" "$work/flow.py")
wanted='batches of 1, no wait: window [[1, 2, 4]], late [3]
one batch of 4, no wait: window [[1, 2, 3, 4]], late []
batches of 1, wait 1 s: window [[1, 2, 3, 4]], late []'
printf 'rows number 1 to 4 at 1 s, 2 s, 2 s, 3 s:\n%s\n' "$seen"
if [[ $seen != "$wanted" ]]; then
    printf 'changed; it was:\n%s\n' "$wanted" >&2
    exit 1
fi
