"""What is compared: names, our expression, and what each peer says for it."""
import dataclasses
import datetime
import decimal
import re
import typing

import values


@dataclasses.dataclass
class Item:
    name: str
    ours: str
    peers: dict[str, typing.Any]  # SQL, and for "python" a function of the row
    tolerance: float = 0.0  # relative
    single: bool = False  # the result is a FLOAT
    label: str = ""  # what the report says instead of the name


LIBM = 4e-15  # functions that no standard asks to be rounded correctly
ITEMS: list[Item] = []
RANKS = ["INT", "LONG", "FLOAT", "DOUBLE"]


def add(name, ours, tolerance=0.0, single=False, **peers):
    ITEMS.append(Item(name, ours, peers, tolerance, single))


def duck(ours, name=None, sql=None, tolerance=0.0, **peers):
    """An expression that DuckDB writes as we do, unless `sql` says how."""
    add(name or ours, ours, tolerance, duckdb=sql or ours, **peers)


def known(function, *columns):
    """A function of some columns that gives NULL where one of them is."""

    def strict(row):
        arguments = [row[column] for column in columns]
        return None if None in arguments else function(*arguments)

    return strict


# numbers

for x, y in ["ij", "lm", "il", "fg", "de", "ld", "if", "fd"]:
    ty = max(values.COLUMNS[x], values.COLUMNS[y], key=RANKS.index)
    to = values.OURS_TO_DUCKDB[ty]
    for op in "+-*%":
        # the remainder of floating-point numbers is exact everywhere
        add(f"{x} {op} {y}", f"{x} {op} {y}", single=ty == "FLOAT", duckdb=f"{x}::{to} {op} {y}::{to}")
    add(f"{x} / {y}", f"{x} / {y}", duckdb=f"{x}::DOUBLE / {y}::DOUBLE")

for x in "ildf":
    add(f"-{x}", f"-{x}", single=x == "f", duckdb=f"-{x}")
for x in "ild":
    duck(f"abs({x})")
    duck(f"sign({x})")
for f in ["ceil", "floor", "round", "trunc"]:
    duck(f"{f}(d)")
    duck(f"{f}(l)")
for f in ["sqrt", "exp", "ln", "log10", "sin", "cos", "tan", "asin", "acos", "atan"]:
    duck(f"{f}(d)", tolerance=LIBM)
duck("log(d)", tolerance=LIBM)
duck("log(d, e)", tolerance=LIBM)
duck("power(d, e)", tolerance=LIBM)
duck("mod(l, m)")


def digits(x, count, rounding):
    """The decimal number that a DOUBLE prints as, with so many digits."""
    with decimal.localcontext() as context:
        context.prec = 2000
        unit = decimal.Decimal(1).scaleb(-count)
        return float(decimal.Decimal(repr(x)).quantize(unit, rounding=rounding))


def rounded(count):
    return lambda x: digits(x, count, decimal.ROUND_HALF_UP)


def cut(count):
    return lambda x: digits(x, count, decimal.ROUND_DOWN)


def whole_digits(x, count, low, high):
    unit = 10**-count
    result = (abs(x) + unit // 2) // unit * unit * (-1 if x < 0 else 1)
    return result if low <= result <= high else None


for n in [-25, -2, 1, 2, 5, 9, 17, 30]:
    duck(f"round(d, {n})", python=known(rounded(n), "d"))
    add(f"trunc(d, {n})", f"trunc(d, {n})", python=known(cut(n), "d"))
add("round(l, -3)", "round(l, -3)", python=known(lambda l: whole_digits(l, -3, values.LONG_MIN, values.LONG_MAX), "l"))
add("round(i, -1)", "round(i, -1)", python=known(lambda i: whole_digits(i, -1, values.INT_MIN, values.INT_MAX), "i"))
for list_ in ["i, l", "d, e", "f, d", "l, d", "s, t", "i, NULL, j"]:
    duck(f"maximum({list_})", sql=f"greatest({list_})")
    duck(f"minimum({list_})", sql=f"least({list_})")

# comparisons and logic

COMPARE = {
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip
for x, y in ["ij", "lm", "il", "fg", "de", "fd", "ld", "dl", "if", "lf", "id", "st"]:
    for op, holds in COMPARE.items():
        sql = f"{x} {op} {y}"
        duck(sql, sqlite=sql, python=known(holds, x, y))
for sql in ["b = c", "b AND c", "b OR c", "NOT b", "b AND NOT c OR d > e", "s IS NULL", "(i > 0) = (j > 0)"]:
    duck(sql, sqlite=sql)
for sql in [
    "l IN (m, d)", "l IN (9007199254740993, 0.5)", "i IN (1, NULL, 2.5)", "s IN ('a', 'é', t)", "i NOT IN (j, l)",
    "l BETWEEN d AND m", "l NOT BETWEEN 0.5 AND 9223372036854775806", "d BETWEEN i AND e", "s BETWEEN 'a' AND t",
    "CASE l WHEN d THEN 1 WHEN 9007199254740993 THEN 2 WHEN 0.5 THEN 3 ELSE 4 END", "CASE WHEN b THEN s WHEN c THEN t END",
    "CASE s WHEN t THEN 'same' WHEN 'a' THEN 'a' END", "nullif(l, d)", "nullif(s, t)", "nullif(i, l)", "nullif(d, i)",
    "coalesce(i, l)", "coalesce(s, t, '-')",
]:  # fmt: skip
    duck(sql, sqlite=sql)
duck("ifnull(d, e)", sqlite="ifnull(d, e)")
duck("ifThenElse(b, i, l)", sql="CASE WHEN b THEN i ELSE l END")
add("f IN (0.1, d)", "f IN (0.1, d)", duckdb="f = 0.1::REAL OR f::DOUBLE = d")
add("f = 0.1", "f = 0.1", duckdb="f = 0.1::REAL")

add("default(d, e)", "default(d, e)", duckdb="ifnull(d, e)")
for x, ty in [("s", "String"), ("i", "Integer"), ("l", "Long"), ("f", "Float"), ("d", "Double"), ("b", "Boolean")]:
    add(f"instanceOf{ty}({x})", f"instanceOf{ty}({x})", duckdb=f"{x} IS NOT NULL", sqlite=f"{x} IS NOT NULL")
    add(f"instanceOf{ty}(k)", f"instanceOf{ty}(k)", python=lambda row, ty=ty: ty == "Integer")
for f in ["cast", "convert"]:
    add(f"{f}(i, 'double')", f"{f}(i, 'double')", duckdb="i::DOUBLE")

# texts

duck("upper(s)", python=known(str.upper, "s"))
duck("lower(s)", python=known(str.lower, "s"))
duck("length(s)", sqlite="length(s)")
duck("concat(s, i, b)", sql="s || i::VARCHAR || b::VARCHAR")
duck("replace(s, 'a', 'xy')", sqlite="replace(s, 'a', 'xy')")
duck("replace(s, t, '-')", sqlite="replace(s, t, '-')")
for f, python in [("trim", str.strip), ("ltrim", str.lstrip), ("rtrim", str.rstrip)]:
    duck(f"{f}(s)", python=known(python, "s"))
duck("left(s, k)")
duck("right(s, k)")
duck("left(s, -1)", python=known(lambda s: "", "s"))
duck("reverse(s)", python=known(lambda s: s[::-1], "s"))
duck("repeat(s, k)")
duck("position(t, s)", sql="position(t IN s)", python=known(lambda s, t: s.find(t) + 1, "s", "t"))
duck("instr(s, t)", sqlite="instr(s, t)")
add("locate(t, s, k)", "locate(t, s, k)", python=known(lambda s, t, k: s.find(t, k - 1) + 1 if k > 0 else 0, "s", "t", "k"))
duck("ascii(s)")
add("chr(i)", "chr(i)", python=known(lambda i: chr(i) if 0 <= i < 0xD800 or 0xDFFF < i < 0x110000 else None, "i"))


def substring(s, start, count):
    return s[max(start, 1) - 1 : max(start + count, 1) - 1] if start + count > 1 else ""


for start, count in [("k", 2), ("j", 3)]:
    sql = f"substring(s, {start}, {count})"
    duck(sql, python=known(lambda s, start, count=count: substring(s, start, count), "s", start))
duck("lpad(s, k, 'xy')")
duck("rpad(s, k, 'xy')")
duck("s LIKE p", sql="s LIKE p ESCAPE '\\'")
duck("like(s, p)", sql="s LIKE p ESCAPE '\\'")
duck("s NOT LIKE p", sql="s NOT LIKE p ESCAPE '\\'")
duck("regexp(s, p)", sql="regexp_matches(s, p)")
for pattern in ["", "^\\p{L}+$", "a.c", "(an)+", "\\d"]:
    duck(f"regexp(s, '{pattern}')", sql=f"regexp_matches(s, '{pattern}')")



def found(pattern, group):
    """What Python finds first; nothing is the empty text."""

    def find(s):
        match = re.search(pattern, s)
        return (match[group] or "") if match else ""

    return find


for pattern, group in [("a.?", 0), ("(an)+", 1), ("(.)b(c)?", 2), ("[0-9]+", 0), ("é|日(.)", 1)]:
    duck(f"regexp_extract(s, '{pattern}', {group})", python=known(found(pattern, group), "s"))
duck("regexp_extract(s, '^..')", python=known(found("^..", 0), "s"))


def piece(separator, number):
    """A piece of a text, from the end where the number is negative; nothing is the empty text."""

    def cut(s):
        pieces = s.split(separator)
        place = number - 1 if number > 0 else len(pieces) + number
        return pieces[place] if 0 <= place < len(pieces) else ""

    return cut


for separator in ["a", " ", "日", "an"]:
    for number in [1, 2, -1, -2]:
        duck(f"split_part(s, '{separator}', {number})", python=known(piece(separator, number), "s"))
duck("s || i || b", sql="s || i::VARCHAR || b::VARCHAR")
NUMBERS = """concat('{"x": [', l, ', ', i, '], "y": {"z": ', b, '}}')"""
NUMBERS_SQL = """('{"x": [' || l || ', ' || i || '], "y": {"z": ' || b || '}}')"""
for path, column in [("$.x[0]", "l"), ("$.x[1]", "i")]:
    python = known(lambda l, i, b, column=column: str({"l": l, "i": i}[column]), "l", "i", "b")
    for f in ["json_value", "json_extract_string"]:
        add(f"{f}(numbers, '{path}')", f"{f}({NUMBERS}, '{path}')", duckdb=f"json_extract_string({NUMBERS_SQL}, '{path}')", python=python)
sql = f"json_extract_string({NUMBERS_SQL}, '$.y.z')"
add("numbers ->> '$.y.z'", f"{NUMBERS} ->> '$.y.z'", duckdb=sql, python=known(lambda l, i, b: str(b).lower(), "l", "i", "b"))
quoted = r"""concat('{"t": "', replace(replace(s, '\', '\\'), '"', '\"'), '"}')"""
add("json_value(quoted, '$.t')", f"json_value({quoted}, '$.t')", python=known(lambda s: None if min(s, default=" ") < " " else s, "s"))

# casts


def printed(x):
    """The shortest text of a DOUBLE; of two that are equally near, the one farther from zero."""
    text = repr(x)
    shown = decimal.Decimal(text)
    exact = decimal.Decimal(x)
    with decimal.localcontext() as context:
        context.prec = 2000
        other = exact.quantize(shown, rounding=decimal.ROUND_HALF_UP)
    if abs(other - exact) == abs(shown - exact) and float(other) == x:
        text = text.replace(str(shown), str(other))
    return re.sub(r"e([+-]?)0*(\d)", lambda m: "e" + m[1].replace("+", "") + m[2], text)


def read_integer(low, high):
    def read(s):
        s = s.strip()
        return int(s) if re.fullmatch(r"[+-]?[0-9]+", s) and low <= int(s) <= high else None

    return read


def read_double(s):
    s = s.strip()
    return float(s) if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", s) else None


def read_bool(s):
    s = s.strip().lower()
    return True if s in ("true", "1", "yes") else False if s in ("false", "0", "no") else None


READERS = {
    ("s", "INT"): read_integer(values.INT_MIN, values.INT_MAX), ("s", "LONG"): read_integer(values.LONG_MIN, values.LONG_MAX),
    ("s", "DOUBLE"): read_double, ("s", "BOOL"): read_bool, ("d", "STRING"): printed,
}  # fmt: skip
for x in "ilfdsb":
    for ty, to in values.OURS_TO_DUCKDB.items():
        if (x, ty) in [("f", "STRING"), ("s", "FLOAT")]:
            continue  # as DOUBLE, which Python can do
        peers = {"python": known(READERS[x, ty], x)} if (x, ty) in READERS else {}
        add(f"CAST({x} AS {ty})", f"CAST({x} AS {ty})", single=ty == "FLOAT", duckdb=f"TRY_CAST({x} AS {to})", **peers)

# times

DUCKDB_AT = "make_timestamp({} * 1000)"
AT1, AT2 = DUCKDB_AT.format("at1"), DUCKDB_AT.format("at2")
# `zone` becomes the name of the round's zone, in which DuckDB's session is; `at2` and `at3` stay inside of the calendar in every zone
LOCAL2, LOCAL3 = (f"({DUCKDB_AT.format(at)} AT TIME ZONE 'UTC')" for at in ["at2", "at3"])
for pattern in ["%Y-%m-%d %H:%M:%S", "%j %U %W %u %V %G", "%y %I %p", "%A %B %a %b"]:
    duck(f"formatDate(at1, '{pattern}')", sql=f"strftime({AT1}, '{pattern}')")
    duck(f"formatDate(at2, '{pattern}', 'zone')", sql=f"strftime({LOCAL2}::TIMESTAMP, '{pattern}')")
add("formatDate(at1, '%s')", "formatDate(at1, '%s')", python=known(lambda at: str(at // 1000), "at1"))
add("formatDate(at1, '%s%.3f')", "formatDate(at1, '%s%.3f')", python=known(lambda at: f"{at // 1000}.{at % 1000:03}", "at1"))
for pattern, zone in [("%FT%T%.f%:z", "Asia/Kolkata"), ("%s%.f", "UTC"), ("%Y-%jT%H%M%S.%f%z", "-03:30")]:
    ours = f"parseDate(formatDate(at2, '{pattern}', '{zone}'), '{pattern}')"
    add(ours, ours, python=known(lambda at: at, "at2"))
ours = "CAST(formatDate(at2, '%FT%T%.f%:z', '+05:30') AS TIMESTAMP)"
add(ours, ours, python=known(lambda at: at, "at2"))


def first_of_two(sql, like=None):
    """Milliseconds of a time of the calendar: of an hour that clocks show twice DuckDB mostly takes the second.

    We take the first, or that with the offset of the instant from which it was counted.
    """
    before = f"(make_timestamp((epoch_ms({sql}) - 3600000) * 1000) AT TIME ZONE 'UTC')"
    same = f"{before}::TIMESTAMP = ({sql})::TIMESTAMP"
    if like:
        offset = "({0}::TIMESTAMP - ({0} AT TIME ZONE 'UTC'))"
        same += f" AND {offset.format(before)} = {offset.format(like)}"
    return f"epoch_ms({sql}) - CASE WHEN {same} THEN 3600000 ELSE 0 END"


CALENDAR = ("year", "month", "week", "day")  # units that are no lengths of time
for unit in [*CALENDAR, "hour", "minute", "second"]:
    duck(f"extract('{unit}', at1)", sql=f"extract({unit} FROM {AT1})")
    duck(f"extract('{unit}', at2, 'zone')", sql=f"extract({unit} FROM {LOCAL2})")
    duck(f"dateTrunc('{unit}', at1)", sql=f"epoch_ms(date_trunc('{unit}', {AT1})::TIMESTAMP)")
    sql = f"date_trunc('{unit}', {LOCAL2})"
    duck(f"dateTrunc('{unit}', at2, 'zone')", sql=first_of_two(sql) if unit in CALENDAR else f"epoch_ms({sql})")
    duck(f"dateAdd(at2, k, '{unit}')", sql=f"epoch_ms({AT2} + to_{unit}s(k::INTEGER))")
    sql = f"{LOCAL2} + to_{unit}s(k::INTEGER)"
    sql = first_of_two(f"({sql})", LOCAL2) if unit in CALENDAR else f"epoch_ms({sql})"
    duck(f"dateAdd(at2, k, '{unit}', 'zone')", sql=sql)
    duck(f"dateDiff(at1, at2, '{unit}')", sql=f"date_sub('{unit}', {AT2}, {AT1})")
    days = "::TIMESTAMP" if unit in CALENDAR else ""  # of the calendar; what is shorter is time
    sql = f"date_sub('{unit}', {LOCAL3}{days}, {LOCAL2}{days})"
    duck(f"dateDiff(at2, at3, '{unit}', 'zone')", sql=sql)


def read_iso(text):
    """As Python reads ISO 8601; what is finer than a microsecond it cuts."""
    at = datetime.datetime.fromisoformat(text)
    return (at.replace(tzinfo=at.tzinfo or datetime.UTC) - EPOCH) // datetime.timedelta(milliseconds=1)


EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
add("CAST(iso AS TIMESTAMP)", "CAST(iso AS TIMESTAMP)", python=known(read_iso, "iso"))
