"""What is equal, and the record of what was compared."""
import collections
import fnmatch
import json
import math
import struct
import subprocess
import tempfile

SHOWN_MAX = 5  # differences of one name that are printed


class Failure(Exception):
    """A comparison that could not be made."""


def run(eventflux, app, events, workers="inline"):
    """Rows of each stream that an app emits over events, in order."""
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/app.sql", "w", encoding="utf-8") as file:
            file.write(app)
        with open(f"{folder}/events.jsonl", "w", encoding="utf-8") as file:
            file.writelines(json.dumps(event) + "\n" for event in events)
        command = [eventflux, "run", f"{folder}/app.sql", "--events", f"{folder}/events.jsonl", "--quiet"]
        done = subprocess.run(
            [*command, "--on-bad", "stop", "--workers", workers], capture_output=True, text=True, encoding="utf-8"
        )
    if done.returncode != 0:
        raise Failure(f"eventflux ended with {done.returncode}:\n{done.stderr[-3000:]}\n{app[:3000]}")
    streams = collections.defaultdict(list)
    # not splitlines(): texts may hold other signs that end lines
    for line in filter(None, done.stdout.split("\n")):
        row = json.loads(line)
        streams[row["stream"]].append(row["row"])
    return streams


def single(x):
    """The FLOAT nearest to a number."""
    try:
        return struct.unpack("f", struct.pack("f", x))[0]
    except OverflowError:
        return math.inf


def equal(ours, theirs, tolerance=0.0):
    """Whether a peer's value is ours: what is not finite is NULL here, and there is no negative zero."""
    if isinstance(theirs, float) and not math.isfinite(theirs):
        theirs = None
    if ours is None or theirs is None:
        return ours is theirs
    if isinstance(ours, bool):
        return ours == bool(theirs)
    if isinstance(ours, str) or isinstance(theirs, str):
        return ours == theirs
    if ours == theirs:
        return True
    if isinstance(ours, int) and isinstance(theirs, int):
        return False
    return abs(ours - theirs) <= tolerance * max(abs(ours), abs(theirs))


class Report:
    """Counts per name and peer, and the differences."""

    def __init__(self, only):
        self.only = only
        self.seed = None
        self.compared = collections.Counter()
        self.intended = collections.Counter()
        self.wrong = collections.defaultdict(list)
        self.faults = []  # of the comparison itself

    def wants(self, name):
        return not self.only or any(fnmatch.fnmatch(name, glob) for glob in self.only)

    def count(self, name, peer, rows=1):
        self.compared[name, peer] += rows

    def differs(self, name, peer, what):
        self.wrong[name, peer].append(f"seed {self.seed}: {what}")

    def no_longer(self, name, peer, reason):
        self.faults.append(f"{name} and {peer} no longer differ, though intended.py says: {reason}")

    def failed(self):
        return bool(self.wrong or self.faults)

    def show(self):
        names = sorted({name for name, _ in self.compared})
        peers = sorted({peer for _, peer in self.compared})
        width = max(map(len, names), default=4)
        print(f"{'':{width}}" + "".join(f"{peer:>12}" for peer in peers))
        for name in names:
            cells = (self.cell(name, peer) for peer in peers)
            print(f"{name:{width}}" + "".join(f"{cell:>12}" for cell in cells))
        total = sum(self.compared.values())
        print(f"{total} comparisons of {len(names)} names; * means something else on purpose, see intended.py")
        for (name, peer), cases in sorted(self.wrong.items()):
            print(f"\nDIFFERENCE in {name} from {peer}: {len(cases)}")
            for case in cases[:SHOWN_MAX]:
                print(f"  {case}")
        for line in self.faults:
            print(f"\nFAULT: {line}")

    def cell(self, name, peer):
        count = self.compared[name, peer]
        return "" if not count else f"{count}{'*' if self.intended[name, peer] else ''}"
