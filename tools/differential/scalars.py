"""Scalar expressions over random rows, ours against each peer."""
import dataclasses
import re
import sqlite3

import duckdb
import expressions
import values
from compare import Failure, equal, run, single
from intended import INTENDED
from items import ITEMS

# zones of the rounds, and an instant of an hour that they show twice
ZONES = {
    "Europe/Berlin": 1_729_989_000_000,
    "America/New_York": 1_730_611_800_000,
    "Australia/Adelaide": 1_712_419_200_000,
}
COLUMNS_MAX = 60  # expressions of one query


def compare(eventflux, dice, count, report):
    items = [item for item in ITEMS + expressions.random_items(dice) if report.wants(item.label or item.name)]
    if not items:
        return
    zone = dice.choice(list(ZONES))
    items = [dataclasses.replace(item, ours=item.ours.replace("'zone'", f"'{zone}'")) for item in items]
    witnesses = {}
    rows = values.rows(dice, count)
    for (name, peer), entry in INTENDED.items():
        witnesses[name, peer] = len(rows)
        row = {column: ZONES[zone] if value == "twice" else value for column, value in entry.row.items()}
        rows.append({column: None for column in values.COLUMNS} | {"k": 0} | row)
    ours = evaluate(eventflux, items, rows)
    peers = {"duckdb": DuckDb(rows, zone), "sqlite": Sqlite(rows), "python": Python(rows)}
    for item in items:
        for peer, expression in item.peers.items():
            entry = INTENDED.get((item.name, peer))
            if entry is not None:
                report.intended[item.name, peer] = 1
                witness = witnesses[item.name, peer]
                theirs = peers[peer].evaluate(expression)[witness]
                if same(item, ours[item.name][witness], theirs):
                    report.no_longer(item.name, peer, entry.reason)
                if entry.instead is None:
                    report.count(item.name, peer)
                    continue
                expression = entry.instead
            check(item, peer, ours[item.name], peers[peer].evaluate(expression), rows, report)


def same(item, ours, theirs):
    if item.single and ours is not None and theirs is not None:
        return equal(single(ours), single(theirs), item.tolerance)
    return equal(ours, theirs, item.tolerance)


def check(item, peer, ours, theirs, rows, report):
    report.count(item.label or item.name, peer, len(rows))
    for row, a, b in zip(rows, ours, theirs, strict=True):
        if not same(item, a, b):
            read = {c: v for c, v in row.items() if re.search(rf"\b{c}\b", item.ours)}
            report.differs(item.label or item.name, peer, f"{a!r}, not {b!r}: {item.ours} of {read}")


def evaluate(eventflux, items, rows):
    """Our values of each item, by name."""
    columns = ", ".join(f"{column} {ty}" for column, ty in values.COLUMNS.items())
    app = f"@app:playback CREATE STREAM S (n INT, {columns});\n"
    chunks = [items[at : at + COLUMNS_MAX] for at in range(0, len(items), COLUMNS_MAX)]
    for i, chunk in enumerate(chunks):
        select = ",\n  ".join(f"{item.ours} AS x{j}" for j, item in enumerate(chunk))
        app += f"INSERT INTO Out{i} SELECT n,\n  {select}\nFROM S;\n"
    events = [{"stream": "S", "at": n, "row": [n, *row.values()]} for n, row in enumerate(rows)]
    streams = run(eventflux, app, events)
    results = {}
    for i, chunk in enumerate(chunks):
        out = streams[f"Out{i}"]
        if [row[0] for row in out] != list(range(len(rows))):
            raise Failure(f"Out{i} has {len(out)} rows for {len(rows)}")
        for j, item in enumerate(chunk):
            results[item.name] = [row[j + 1] for row in out]
    return results


class DuckDb:
    """Rows in a table of DuckDB; an error of a row is NULL."""

    def __init__(self, rows, zone):
        self.db = duckdb.connect(config={"threads": 1})
        self.db.execute(f"SET TimeZone = '{zone}'")
        columns = ", ".join(f"{c} {values.OURS_TO_DUCKDB[ty]}" for c, ty in values.COLUMNS.items())
        self.db.execute(f"CREATE TABLE S (n INTEGER, {columns})")
        places = ", ".join("?" * (len(values.COLUMNS) + 1))
        self.db.executemany(f"INSERT INTO S VALUES ({places})", [[n, *row.values()] for n, row in enumerate(rows)])

    def evaluate(self, expression):
        try:
            found = self.db.execute(f"SELECT TRY({expression}) FROM S ORDER BY n").fetchall()
        except duckdb.Error as error:
            raise Failure(f"DuckDB does not take {expression}: {error}") from error
        return [row[0] for row in found]


class Sqlite:
    """Rows in a table of SQLite."""

    def __init__(self, rows):
        self.db = sqlite3.connect(":memory:")
        names = {"STRING": "TEXT", "FLOAT": "REAL", "DOUBLE": "REAL"}
        columns = ", ".join(f"{c} {names.get(ty, 'INTEGER')}" for c, ty in values.COLUMNS.items())
        self.db.execute(f"CREATE TABLE S (n INTEGER, {columns})")
        places = ", ".join("?" * (len(values.COLUMNS) + 1))
        self.db.executemany(f"INSERT INTO S VALUES ({places})", [[n, *row.values()] for n, row in enumerate(rows)])

    def evaluate(self, expression):
        try:
            return [row[0] for row in self.db.execute(f"SELECT {expression} FROM S ORDER BY n")]
        except sqlite3.Error as error:
            raise Failure(f"SQLite does not take {expression}: {error}") from error


class Python:
    """A function per row; what it cannot compute is NULL."""

    def __init__(self, rows):
        self.rows = rows

    def evaluate(self, function):
        def one(row):
            try:
                return function(row)
            except (ArithmeticError, ValueError):
                return None

        return [one(row) for row in self.rows]
