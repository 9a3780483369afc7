"""Aggregates over random windows, ours against DuckDB, which is told by joins which rows a window holds."""
import dataclasses
import fractions
import math

import duckdb
import values
from compare import Failure, equal, run

ROWS_MAX = 200  # joins of all rows with all
LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1
ULP = 2.3e-16


def exactly(compute):
    """A function of the list of values that computes with rational numbers and rounds once."""

    def rounded(found):
        numbers = [fractions.Fraction(x) for x in found or [] if x is not None]
        try:
            return compute(numbers) if numbers else None
        except (OverflowError, ZeroDivisionError):
            return None

    return rounded


def squares(numbers):
    mean = sum(numbers) / len(numbers)
    return sum((x - mean) ** 2 for x in numbers)


def root(x):
    """The square root of a rational number, of more digits than a DOUBLE has."""
    return float(fractions.Fraction(math.isqrt(x.numerator * x.denominator << 256), x.denominator << 128))


class Near(float):
    """A number that was rounded on its way from numbers of a size: it may be off by their last digits."""

    def __new__(cls, value, size):
        near = super().__new__(cls, value)
        near.slack = 1e-14 * size
        return near


def percentile(values, share=0.9):
    """The value at a share of the ranks, between two in proportion. The rank itself is rounded by everybody."""
    rank = fractions.Fraction(share) * (len(values) - 1)
    below, above = sorted(values)[math.floor(rank)], sorted(values)[math.ceil(rank)]
    return Near(float(below + (above - below) * (rank - math.floor(rank))), float(max(abs(below), abs(above))))


# ours, DuckDB's over the rows r, relative tolerance, and what Python makes of DuckDB's
AGGREGATES = [
    ("count()", "count(*)", 0),
    ("count(v)", "count(r.v)", 0),
    ("count(DISTINCT s)", "count(DISTINCT r.s)", 0),
    ("distinctCount(v)", "count(DISTINCT r.v)", 0),
    ("sum(v)", "sum(r.v)", 0),
    ("sum(w)", f"CASE WHEN sum(r.w) BETWEEN {LONG_MIN} AND {LONG_MAX} THEN sum(r.w) END", 0),
    ("sum(x)", "sum(r.x)", 0),
    ("avg(v)", "list(r.v)", ULP, exactly(lambda v: float(sum(v) / len(v)))),
    ("stdDev(v)", "list(r.v)", ULP, exactly(lambda v: root(squares(v) / len(v)))),
    ("stddev_pop(v)", "stddev_pop(r.v)", 1e-9),
    ("variance(v)", "list(r.v)", ULP, exactly(lambda v: float(squares(v) / len(v)))),
    ("var_pop(v)", "var_pop(r.v)", 1e-9),
    ("stddev_samp(v)", "list(r.v)", ULP, exactly(lambda v: root(squares(v) / (len(v) - 1)))),
    ("var_samp(v)", "var_samp(r.v)", 1e-9),
    ("median(v)", "median(r.v)", 0),
    ("percentile(v, 0.9)", "list(r.v)", 0, exactly(percentile)),
    ("min(w)", "min(r.w)", 0),
    ("max(x)", "max(r.x)", 0),
    ("min(s)", "min(r.s)", 0),
    ("max(s)", "max(r.s)", 0),
    ("and(b)", "bool_and(r.b)", 0),
    ("or(b)", "bool_or(r.b)", 0),
]
# by arrival, which is the order of n where no row is late
ORDERED = [
    ("first(v)", "first(r.v ORDER BY r.n)", 0),
    ("last(x)", "last(r.x ORDER BY r.n)", 0),
]
# over all rows that came, whatever the window
FOREVER = [
    ("minForever(w)", "min(r.w)", 0),
    ("maxForever(w)", "max(r.w)", 0),
]
# of any DOUBLEs, where rows leave one by one
LEAVING = [
    ("sum(y)", "list(r.y)", 0, exactly(lambda y: float(sum(y)))),
    ("avg(y)", "list(r.y)", ULP, exactly(lambda y: float(sum(y) / len(y)))),
]


@dataclasses.dataclass
class Window:
    name: str
    clause: str  # WINDOW(…), or nothing
    key: str  # what tells our results apart, beside k
    sql: str  # for each result: its key and the rows r
    lateness: int = 0  # by so much rows may come behind the newest

    def aggregates(self):
        aggregates = AGGREGATES + (ORDERED if not self.lateness else [])
        if self.key == "n":
            aggregates = aggregates + (LEAVING if self.clause else FOREVER)
        return aggregates


# Windows of which a row behind the newest, by no more than the lateness, misses nothing.
TAKES_LATE = {"window: tumbling", "window: hop"}


def sliding(name, clause, holds):
    """A result for each row q; `holds` says which rows r are then in the window."""
    return Window(name, clause, "n", f"SELECT q.n AS key, q.k AS k, r.* EXCLUDE (k) FROM S q JOIN S r ON q.k = r.k AND {holds}")


def closing(name, clause, key, place, source="S r"):
    """A result for each place in which rows are."""
    return Window(name, clause, key, f"SELECT {place} AS key, r.k AS k, r.* EXCLUDE (k) FROM {source}")


def all_windows(dice, rows):
    t, n, slide = dice.choice([1, 7, 10, 64]), dice.randint(1, 20), dice.choice([1, 3, 10])
    size, first = slide * dice.randint(1, 5), rows[0]["ts"]
    session = "sum(starts) OVER (PARTITION BY k ORDER BY n)"
    starts = f"coalesce((ts - lag(ts) OVER (PARTITION BY k ORDER BY n) >= {t})::INTEGER, 1)"
    yield closing(
        "window: tumbling", f"WINDOW('tumbling', {t} MILLISECONDS)", "window_start()",
        f"floor(r.ts / {t}.0)::BIGINT * {t}",
    )  # fmt: skip
    yield closing(
        "window: hop", f"WINDOW('hop', {size} MILLISECONDS, {slide} MILLISECONDS)", "window_start()",
        f"floor(r.ts / {slide}.0)::BIGINT * {slide} - back", f"S r, range(0, {size}, {slide}) AS b(back)",
    )  # fmt: skip
    yield sliding("window: none", "", "r.n <= q.n")
    yield sliding("window: length", f"WINDOW('length', {n})", f"r.n <= q.n AND r.n > q.n - {n}")
    yield sliding("window: time", f"WINDOW('time', {t} MILLISECONDS)", f"r.n <= q.n AND r.ts > q.ts - {t}")
    yield sliding(
        "window: timeLength", f"WINDOW('timeLength', {t} MILLISECONDS, {n})",
        f"r.n <= q.n AND r.n > q.n - {n} AND r.ts > q.ts - {t}",
    )  # fmt: skip
    whole = f"S r SEMI JOIN (SELECT n // {n} AS batch FROM S GROUP BY ALL HAVING count(*) = {n}) ON r.n // {n} = batch"
    yield closing("window: lengthBatch", f"WINDOW('lengthBatch', {n})", "max(n)", f"r.n // {n}", whole)
    yield closing("window: timeBatch", f"WINDOW('timeBatch', {t} MILLISECONDS)", "max(n)", f"(r.ts - {first}) // {t}")
    yield closing(
        "window: sessionBatch", f"WINDOW('sessionBatch', {t} MILLISECONDS, k)", "max(n)", "session",
        f"(SELECT *, {session} AS session FROM (SELECT *, {starts} AS starts FROM S)) r",
    )  # fmt: skip


def random_rows(dice, count):
    """Rows in the order of their times; DOUBLEs are quarters, so that sums of them are exact."""
    ts = dice.choice([0, -500, -3, 1_700_000_000_000])
    rows = []
    for n in range(count):
        ts += dice.choice([0, 0, 1, 1, 2, 5, 7, 10, 40])
        row = {
            "n": n, "ts": ts, "k": dice.randrange(3), "v": dice.randint(-(2**31), 2**31 - 1) >> dice.randrange(32),
            "w": dice.randint(LONG_MIN, LONG_MAX) >> dice.randrange(64), "x": dice.randint(-(10**6), 10**6) / 4,
            "s": dice.choice(["", "a", "b", "é", "日本"]), "b": dice.random() < 0.5, "y": values.double(dice),
        }  # fmt: skip
        rows.append(row | {c: None for c in "vwxsby" if dice.random() < 0.1})
    return rows


def compare(eventflux, dice, count, report):
    rows = random_rows(dice, min(count, ROWS_MAX))
    db = duckdb.connect(config={"threads": 1})
    db.execute("CREATE TABLE S (n BIGINT, ts BIGINT, k INTEGER, v INTEGER, w BIGINT, x DOUBLE, s VARCHAR, b BOOLEAN, y DOUBLE)")
    db.executemany("INSERT INTO S VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [list(row.values()) for row in rows])
    windows = list(all_windows(dice, rows))
    for window in [window for window in windows if window.name in TAKES_LATE]:
        late = dataclasses.replace(window, name=f"{window.name}, late rows", lateness=dice.choice([1, 5, 30]))
        windows.append(late)
    for window in windows:
        if not report.wants(window.name):
            continue
        workers = dice.choice(["inline", "1", "2", "4"])
        ours, theirs = run_ours(eventflux, dice, window, rows, workers), run_theirs(db, window)
        check(window, workers, ours, theirs, report)


def run_ours(eventflux, dice, window, rows, workers):
    """Results by their key and k."""
    columns = "n LONG, k INT, v INT, w LONG, x DOUBLE, s STRING, b BOOL, y DOUBLE"
    playback = f"@app:playback(lateness='{window.lateness} MILLISECONDS')" if window.lateness else "@app:playback"
    select = ", ".join(f"{ours} AS a{i}" for i, (ours, *_) in enumerate(window.aggregates()))
    app = (
        f"{playback} CREATE STREAM S ({columns});\n"
        f"INSERT INTO Out SELECT {window.key} AS key, k, {select} FROM S {window.clause} GROUP BY k;\n"
    )
    # rows of one time keep their order, which is then that of n
    delay = {row["ts"]: dice.randint(0, window.lateness) for row in rows}
    sent = sorted(rows, key=lambda row: row["ts"] + delay[row["ts"]])
    events = [{"stream": "S", "at": row["ts"], "row": [v for c, v in row.items() if c != "ts"]} for row in sent]
    events.append({"clock": rows[-1]["ts"] + 10**6})
    results = {}
    for key, k, *found in run(eventflux, app, events, workers)["Out"]:
        if (key, k) in results:
            raise Failure(f"two results for {key}, {k} of {window.name} with {workers} workers:\n{app}")
        results[key, k] = found
    return results


def run_theirs(db, window):
    select = ", ".join(sql for _, sql, *_ in window.aggregates())
    key = "max(r.n)" if window.key == "max(n)" else "r.key"
    found = db.execute(f"SELECT {key}, r.k, {select} FROM ({window.sql}) r GROUP BY r.key, r.k").fetchall()
    return {(key, k): row for key, k, *row in found}


def check(window, workers, ours, theirs, report):
    name = window.name
    for key in sorted(ours.keys() ^ theirs.keys()):
        who = "missing" if key in theirs else "too many"
        report.differs(name, "duckdb", f"result {key} is {who}: {window.clause}, {workers} workers")
    for key in ours.keys() & theirs.keys():
        report.count(name, "duckdb")
        for (aggregate, _, tolerance, *compute), a, b in zip(window.aggregates(), ours[key], theirs[key], strict=True):
            b = compute[0](b) if compute else b
            report.count(f"aggregate: {aggregate}", "duckdb")
            near = isinstance(b, Near) and a is not None and abs(a - b) <= b.slack
            if not near and not equal(a, b, tolerance):
                what = f"{aggregate} is {a!r}, not {b!r}: result {key} of {window.clause}, {workers} workers"
                report.differs(name, "duckdb", what)
