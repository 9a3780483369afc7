#!/usr/bin/env bash
# faust-streaming: tumbling windows of 1.5 s overlap, and every window ends a tenth of a second early.
#
# With:    Python package faust-streaming 0.15.3 (the compiled window classes that it installs).
# Expect:  `TumblingWindow` takes seconds as a float or a timedelta; tumbling windows do not overlap, and together they
#          cover all of time.
# Happens: the step between windows is cut to whole seconds. With 1.5 s a row at 4.0 s falls into two tumbling windows,
#          begun at 3 and at 4, and is counted twice; with less than a second the step is zero and a ValueError comes
#          out of `range()`. The end of a window is its start plus size less 0.1 s, so the row at 9.95 s of a 10 s
#          window is filed under (0.0, 9.9), a range that does not contain it, and 9.9 is what is shown as its end.
#          `HoppingWindow(10, 3)` lays its grid by the end: the row at 10 s is in windows begun at 2, 5 and 8, where
#          Beam, Spark and bytewax have 3, 6 and 9.
# Matters: rates and bills of windows below or between whole seconds are wrong without a word, and code that takes
#          the end of the range for the window's end files rows of the last tenth elsewhere.
# Do:      use whole seconds only, take start + size for the end, and choose sizes that the step divides.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --only-binary :all: faust-streaming==0.15.3
cat >"$work/windows.py" <<'EOF'
from faust.windows import HoppingWindow, TumblingWindow

def show(label, window, at):
    try:
        answer = window.ranges(at)
    except Exception as error:
        answer = f"{type(error).__name__}: {error}"
    print(f"{label}, row at {at}: {answer}")

show("tumbling 10", TumblingWindow(10), 9.95)
show("tumbling 1.5", TumblingWindow(1.5), 4.0)
show("tumbling 0.5", TumblingWindow(0.5), 4.0)
show("hopping 10 every 3", HoppingWindow(10, 3), 10.0)
EOF
seen=$("$work/venv/bin/python" "$work/windows.py")
wanted='tumbling 10, row at 9.95: [(0.0, 9.9)]
tumbling 1.5, row at 4.0: [(3.0, 4.4), (4.0, 5.4)]
tumbling 0.5, row at 4.0: ValueError: range() arg 3 must not be zero
hopping 10 every 3, row at 10.0: [(2.0, 11.9), (5.0, 14.9), (8.0, 17.9)]'
printf 'windows of a row:\n%s\n' "$seen"
if [[ $seen != "$wanted" ]]; then
    printf 'changed; it was:\n%s\n' "$wanted" >&2
    exit 1
fi
