"""Where a peer means something else on purpose: the reason, what to ask it instead (or nothing), and a row that shows it.

`instead` is compared on all rows, and the plain expression must still differ on the row, or the entry has outlived its
reason and fails.
"""
import dataclasses

import items


@dataclasses.dataclass
class Intended:
    reason: str
    instead: str | None
    row: dict


INTENDED = {}

# l = d by values: equal as DOUBLE and back
SAME = "(l::DOUBLE = d AND d < 9223372036854775808::DOUBLE AND TRY_CAST(d AS BIGINT) = l)"
ABOVE = "(CASE WHEN l::DOUBLE = d THEN d < 9223372036854775808::DOUBLE AND l >= TRY_CAST(d AS BIGINT) ELSE l > d END)"
EXACT_SQL = {
    "l IN (m, d)": f"l = m OR {SAME}",
    "nullif(l, d)": f"CASE WHEN {SAME} THEN NULL ELSE l END",
    "l BETWEEN d AND m": f"{ABOVE} AND l <= m",
    "CASE l WHEN d THEN 1 WHEN 9007199254740993 THEN 2 WHEN 0.5 THEN 3 ELSE 4 END": (
        f"CASE WHEN {SAME} THEN 1 WHEN l = 9007199254740993 THEN 2 ELSE 4 END"
    ),
}


def intend(peer, names, reason, row, instead=None):
    for name in [names] if isinstance(names, str) else names:
        INTENDED[name, peer] = Intended(reason, instead(name) if callable(instead) else instead, row)


TWO_53 = {"i": 16777217, "l": 9007199254740993, "m": 1, "d": 9007199254740992.0, "f": 16777216.0}
EXACT = "a LONG and a DOUBLE are compared by their values here, after conversion to DOUBLE there; Python checks ours"
intend("duckdb", [f"{x} {op} {y}" for x, y in ["ld", "if"] for op in ["=", "!=", "<=", ">"]], EXACT, TWO_53)
intend("duckdb", [f"d {op} l" for op in ["=", "!=", ">=", "<"]], EXACT, TWO_53)
TWO_63 = {"i": 2147483646, "l": 9223372036854775806, "d": 2.0**63, "f": 2147483648.0}
intend("duckdb", [f"{x} {op} {y}" for x, y in ["ld", "if"] for op in ["<", ">="]], EXACT, TWO_63)
intend("duckdb", ["d <= l", "d > l"], EXACT, TWO_63)
BEFORE, BEHIND = {"l": 2147483646, "f": 2147483648.0}, {"l": -2147483647, "f": -2147483648.0}
intend("duckdb", ["l = f", "l != f", "l < f", "l >= f"], EXACT, BEFORE)
intend("duckdb", ["l <= f", "l > f"], EXACT, BEHIND)
intend("duckdb", ["l IN (m, d)", "nullif(l, d)"], EXACT, TWO_53, lambda name: EXACT_SQL[name])
intend("duckdb", "l BETWEEN d AND m", EXACT, TWO_63 | {"m": 2**63 - 1}, lambda name: EXACT_SQL[name])
intend(
    "duckdb", "CASE l WHEN d THEN 1 WHEN 9007199254740993 THEN 2 WHEN 0.5 THEN 3 ELSE 4 END", EXACT, TWO_53,
    lambda name: EXACT_SQL[name],
)
intend(
    "duckdb", [f"CAST({x} AS {ty})" for x in "df" for ty in ["INT", "LONG"]],
    "CAST to an integer cuts, as SQLite does and programming languages; DuckDB rounds", {"d": 2.75, "f": 2.75},
    lambda name: f"TRY_CAST(trunc({name[5]}) AS {'INTEGER' if 'INT' in name else 'BIGINT'})",
)
intend(
    "duckdb", "CAST(d AS STRING)",
    "exponents have no + and no leading 0 here; Python checks ours", {"d": 1e21},
)
intend(
    "duckdb", ["CAST(s AS INT)", "CAST(s AS LONG)"],
    "a text with a point or an exponent is no integer here; Python checks ours", {"s": "1e3"},
)
intend("duckdb", "CAST(s AS DOUBLE)", "a number has one sign here; Python checks ours", {"s": "+-.0e9"})
intend("duckdb", "CAST(s AS BOOL)", "t is no BOOL here; Python checks ours", {"s": "t"})
intend("duckdb", "log(d)", "the natural logarithm here, that to the base 10 there", {"d": 2.0}, "ln(d)")
intend(
    "duckdb", "log(d, e)", "there is no logarithm to the base 0", {"d": 0.0, "e": 2.0},
    "CASE WHEN d > 0 THEN log(d, e) END",
)
intend("duckdb", "left(s, -1)", "a negative count is none here, and cuts at the other end there", {"s": "ab"})
intend(
    "duckdb", "substring(s, j, 3)",
    "a start before the text is counted here, as in standard SQL, and counts from the end there", {"s": "abc", "j": -1},
)
intend("duckdb", "upper(s)", "one letter may become two here", {"s": "ß"})
intend("duckdb", "lower(s)", "one letter may become two here", {"s": "İ"})
intend("duckdb", "reverse(s)", "characters here, signs with their accents there", {"s": "e\u0301x"})
intend(
    "duckdb", [f"{f}(s)" for f in ["trim", "ltrim", "rtrim"]],
    "all white space here, spaces there; Python checks ours", {"s": "\n a \n"},
)
for digits, x in [(-25, 1.422944507739954e26), (-2, 2.6541398587659514e17), (1, 6466.45), (2, 1.005), (5, 1e300), (9, 102591988885776.0), (17, 6220.38), (30, 1e15)]:
    intend(
        "duckdb", f"round(d, {digits})",
        "decimal here, by the number that is printed; binary there, which also changes digits further ahead", {"d": x},
    )
HOUR = f"epoch_ms(date_trunc('hour', {items.LOCAL2}))"
intend(
    "duckdb", "dateTrunc('hour', at2, 'zone')",
    "an hour that comes twice has two beginnings here; DuckDB takes the second for both, which is later than the instant",
    {"at2": "twice"}, f"{HOUR} - CASE WHEN {HOUR} > at2 THEN 3600000 ELSE 0 END",
)
