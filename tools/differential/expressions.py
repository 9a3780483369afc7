"""Random expressions of several operators, typed so that DuckDB computes in our types."""
from items import RANKS, Item
from values import COLUMNS, OURS_TO_DUCKDB

DEPTH_MAX = 3
COUNT = 40  # of a round
LITERALS = [("0", "LONG"), ("1", "LONG"), ("-7", "LONG"), ("3000000000", "LONG"), ("2.5", "DOUBLE"), ("0.1", "DOUBLE")]


def random_items(dice):
    """Arithmetic and logic, each told under one name."""
    items = []
    for i in range(COUNT):
        make, kind = (number, "arithmetic") if i % 2 else (condition, "logic")
        ours, theirs, ty = make(dice, dice.randrange(1, DEPTH_MAX + 1))
        items.append(Item(f"random {kind}, {i}", ours, {"duckdb": theirs}, single=ty == "FLOAT", label=f"random {kind}"))
    return items


def widened(x, ty):
    return f"({x})::{OURS_TO_DUCKDB[ty]}"


def number(dice, depth):
    """Our text, DuckDB's text and the type."""
    if depth == 0 or dice.random() < 0.15:
        if dice.random() < 0.25:
            text, ty = dice.choice(LITERALS)
            # CAST gives a literal the type that it has alone
            return f"CAST({text} AS {ty})", f"({text})::{OURS_TO_DUCKDB[ty]}", ty
        column = dice.choice("ijlmfgde")
        return column, column, COLUMNS[column]
    a, da, ta = number(dice, depth - 1)
    match dice.randrange(8):
        case 0:
            return f"(-{a})", f"TRY(-({da}))", ta
        case 1:
            test, dtest, _ = condition(dice, depth - 1)
            b, db, tb = number(dice, depth - 1)
            ty = max(ta, tb, key=RANKS.index)
            sql = f"CASE WHEN {dtest} THEN {widened(da, ty)} ELSE {widened(db, ty)} END"
            return f"CASE WHEN {test} THEN {a} ELSE {b} END", sql, ty
        case 2:
            b, db, tb = number(dice, depth - 1)
            ty = max(ta, tb, key=RANKS.index)
            return f"coalesce({a}, {b})", f"coalesce({widened(da, ty)}, {widened(db, ty)})", ty
    op = dice.choice("+-*/%")
    b, db, tb = number(dice, depth - 1)
    ty = "DOUBLE" if op == "/" else max(ta, tb, key=RANKS.index)
    return f"({a} {op} {b})", f"TRY({finite(f'{widened(da, ty)} {op} {widened(db, ty)}', ty)})", ty


def finite(sql, ty):
    """What is not finite is NULL at once, not at the end."""
    if ty in ("INT", "LONG"):
        return sql
    return f"CASE WHEN isfinite({sql}) THEN {sql} END"


def condition(dice, depth):
    if depth == 0:
        column = dice.choice("bc")
        return column, column, "BOOL"
    match dice.randrange(6):
        case 0:
            x, dx, _ = condition(dice, depth - 1)
            return f"(NOT {x})", f"(NOT ({dx}))", "BOOL"
        case 1 | 2:
            op = dice.choice(["AND", "OR"])
            (a, da, _), (b, db, _) = condition(dice, depth - 1), condition(dice, depth - 1)
            return f"({a} {op} {b})", f"(({da}) {op} ({db}))", "BOOL"
        case 3:
            x, dx, _ = number(dice, depth - 1)
            return f"({x} IS NULL)", f"(({dx}) IS NULL)", "BOOL"
    op = dice.choice(["=", "!=", "<", "<=", ">", ">="])
    a, da, ta = number(dice, depth - 1)
    b, db, tb = number(dice, depth - 1)
    while {ta, tb} not in ({ta}, {"INT", "LONG"}, {"FLOAT", "DOUBLE"}, {"INT", "DOUBLE"}):
        # LONG with DOUBLE is compared exactly here, and has items of its own
        b, db, tb = number(dice, depth - 1)
    return f"({a} {op} {b})", f"(({da}) {op} ({db}))", "BOOL"
