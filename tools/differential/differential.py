#!/usr/bin/env python3
"""Compares eventflux with DuckDB, SQLite and Python on random values, functions and windows.

Every function, operator, cast and aggregate is run over rows of borders, NULLs, extreme numbers and odd texts, and
random windows over random streams. Where a peer means something else on purpose, intended.py says so with a reason and
a row that shows it; a difference that is listed and no longer occurs fails, too.

DuckDB is installed from PyPI, in the version that requirements.txt pins, into target/differential/venv.
"""
import argparse
import os
import pathlib
import random
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VENV = ROOT / "target" / "differential" / "venv"

EXAMPLES = """examples:
  tools/differential/differential.py                      60 seconds with a seed of the clock
  tools/differential/differential.py --seed 7 --rounds 1  the same comparisons every time
  tools/differential/differential.py --seconds 3600 --eventflux target/release/eventflux
  tools/differential/differential.py --only 'round*' --only 'window: tumbling*'

exit status: 0 no difference, 1 differences, 2 the comparison could not be made
"""


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, help="the first round's; the next ones follow [default: of the clock]")
    parser.add_argument("--seconds", type=float, default=60, help="no round begins after these [default: 60]")
    parser.add_argument("--rounds", type=int, help="at most so many rounds")
    parser.add_argument("--rows", type=int, default=300, help="random rows of a round [default: 300]")
    parser.add_argument("--only", action="append", metavar="GLOB", help="compare what has this name; may stand again")
    parser.add_argument("--eventflux", default=str(ROOT / "target/debug/eventflux"), metavar="FILE", help="the program")
    return parser.parse_args()


def inside_venv():
    """Goes on in the virtual environment of the tool, which is made where it is missing or has other versions."""
    wanted = (HERE / "requirements.txt").read_text()
    stamp = VENV / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing {wanted.strip()} into {VENV}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        pip = [VENV / "bin" / "python", "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"]
        subprocess.run(pip, check=True)
        stamp.write_text(wanted)
    if pathlib.Path(sys.prefix).resolve() != VENV.resolve():
        python = str(VENV / "bin" / "python")
        os.execv(python, [python, *sys.argv])


def main():
    args = arguments()
    try:
        inside_venv()
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"the peers cannot be installed: {error}", file=sys.stderr)
        return 2
    if not os.access(args.eventflux, os.X_OK):
        print(f"{args.eventflux} is missing: cargo build -p eventflux-cli", file=sys.stderr)
        return 2
    from compare import Failure, Report
    import coverage
    import scalars
    import windows

    seed = args.seed if args.seed is not None else int(time.time())
    print(f"seed {seed}")
    report = Report(args.only)
    report.faults += coverage.missing((ROOT / "docs/language.md").read_text(encoding="utf-8"))
    begun, rounds = time.monotonic(), 0
    try:
        while time.monotonic() - begun < args.seconds and (args.rounds is None or rounds < args.rounds):
            dice = random.Random(seed + rounds)
            report.seed = seed + rounds
            scalars.compare(args.eventflux, dice, args.rows, report)
            windows.compare(args.eventflux, dice, args.rows, report)
            rounds += 1
    except Failure as failure:
        print(f"seed {report.seed}: {failure}", file=sys.stderr)
        return 2
    if not report.compared:
        print("nothing has this name", file=sys.stderr)
        return 2
    report.show()
    print(f"{rounds} rounds from seed {seed} in {time.monotonic() - begun:.0f} s")
    return 1 if report.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
