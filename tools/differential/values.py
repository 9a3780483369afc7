"""Random values: the borders of each type, what lies beside them, and the ordinary."""
import struct

from compare import single

COLUMNS = {
    "i": "INT", "j": "INT", "l": "LONG", "m": "LONG", "f": "FLOAT", "g": "FLOAT", "d": "DOUBLE", "e": "DOUBLE",
    "s": "STRING", "t": "STRING", "p": "STRING", "b": "BOOL", "c": "BOOL", "at1": "LONG", "at2": "LONG", "at3": "LONG", "iso": "STRING", "k": "INT",
}  # fmt: skip
OURS_TO_DUCKDB = {
    "INT": "INTEGER", "LONG": "BIGINT", "FLOAT": "REAL", "DOUBLE": "DOUBLE", "STRING": "VARCHAR", "BOOL": "BOOLEAN",
}  # fmt: skip

INT_MIN, INT_MAX, LONG_MIN, LONG_MAX = -(2**31), 2**31 - 1, -(2**63), 2**63 - 1
INTS = [0, 1, -1, 2, -7, 10, 100, INT_MIN, INT_MIN + 1, INT_MAX, INT_MAX - 1, 2**24, 2**24 + 1]
LONGS = INTS + [2**53, 2**53 + 1, -(2**53) - 1, 2**31, LONG_MIN, LONG_MIN + 1, LONG_MAX, LONG_MAX - 1, 10**18]
DOUBLES = [
    0.0, 0.5, -0.5, 1.0, -1.0, 1.5, 2.5, -2.5, 0.1, 0.29, 1.005, 2.675, -7.845, 1e15, 1e16, 1e22, 1e300, -1e300,
    123456789012.345, 1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, 2.0**31, 2.0**53, 2.0**63, -(2.0**63),
    9007199254740993.0, 2147483647.5, -2147483648.5, 16777217.0, 3.4028235e38, 1e-7, 1e21,
]  # fmt: skip
FLOATS = [0.0, 0.5, 1.5, -2.5, 0.1, 7.0, 16777216.0, 3.4028234663852886e38, 1e-45, 1e10, 2147483648.0]
TEXTS = [
    "", " ", "a", "b", "ab", "abc", "aXbXc", "banana", "A%b", "a_b", "a\\b", "é", "e\u0301x", "日本語", "😀", "ß", "İ",
    "12", " -7 ", "+5", "1e3", "2.5", "0x10", "true", "No", "yes", "t", "inf", "NaN", "9223372036854775808", "null",
    "more than twenty-three bytes of text", "line\nbreak", "tab\there", "'", '"', "\u00a0x\u00a0",
]  # fmt: skip
PATTERNS = ["", "a", "%", "_", "a%", "%b", "%a%", "_b%", "a\\%b", "A\\%b", "a.c", "^a", "b$", "a|b", "(an)+", "\\d+", "^\\p{L}+$", ".", "x*", "[a-c]{2}", "日"]
TIME_MIN, TIME_MAX = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999
TIMES = [
    0, 1, -1, 999, 1000, -1000, -1500, 86_399_999, 86_400_000, -86_400_000, 951_782_400_000, 951_868_799_999,
    1_709_164_800_000, 1_711_846_800_000, 1_711_848_600_000, 1_729_989_000_000, 1_729_992_600_000, 4_102_444_800_000,
    253_402_214_400_000, TIME_MAX, TIME_MIN, -2_208_988_800_000, 1_483_228_799_999,
]  # fmt: skip
# clocks put back and forward: Berlin, New York, Adelaide; and Berlin's midnight of 1916
BORDERS = [
    1_729_990_800_000, 1_711_846_800_000, 1_730_613_600_000, 1_710_054_000_000, 1_712_421_000_000, 1_728_145_800_000,
    -1_680_483_600_000,
]  # fmt: skip


def integer(dice, bits, borders):
    kind = dice.random()
    if kind < 0.35:
        return dice.choice(borders)
    if kind < 0.7:
        return dice.randint(-20, 20)
    return dice.randint(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) >> dice.randrange(bits)


def double(dice):
    kind = dice.random()
    if kind < 0.3:
        return dice.choice(DOUBLES)
    if kind < 0.5:
        return dice.randint(-10**6, 10**6) / 100
    if kind < 0.6:
        return float(integer(dice, 64, LONGS))
    if kind < 0.8:
        return dice.uniform(-1, 1) * 10 ** dice.randint(-5, 18)
    x = struct.unpack("d", dice.randbytes(8))[0]
    return x if abs(x) < 1.8e308 else 0.25


def text(dice):
    kind = dice.random()
    if kind < 0.5:
        return dice.choice(TEXTS)
    if kind < 0.7:
        return "".join(dice.choice("0123456789+-.eE ") for _ in range(dice.randrange(12)))
    return "".join(dice.choice("ab é日_%X") for _ in range(dice.randrange(8)))


def time(dice):
    kind = dice.random()
    if kind < 0.3:
        return dice.choice(TIMES)
    if kind < 0.4:
        # about the hours that come twice or never, or days, weeks and months before them
        days = dice.choice([0, 1, 7, 30, 31, 365])
        return dice.choice(BORDERS) + dice.randint(-7_200_000, 7_200_000) - days * 86_400_000
    return dice.randint(TIME_MIN, TIME_MAX) if kind < 0.6 else dice.randint(-(10**12), 3 * 10**12)


def iso(dice):
    """ISO 8601 in one of its forms, now and then of a day that does not exist."""
    year, month, day = dice.randint(1, 9999), dice.randint(1, 12 + (dice.random() < 0.05)), dice.randint(1, 31)
    hyphen, colon = dice.choice(["-", ""]), dice.choice([":", ""])
    if dice.random() < 0.3:
        date = f"{year:04}{hyphen}W{dice.randint(1, 53):02}{hyphen}{dice.randint(1, 7)}"
    else:
        date = f"{year:04}{hyphen}{month:02}{hyphen}{day:02}"
    if hyphen and dice.random() < 0.1:
        return date
    clock = [f"{dice.randint(0, most):02}" for most in [23, 59, 59]][: dice.randint(1, 3)]
    time = colon.join(clock)
    if len(clock) == 3 and dice.random() < 0.6:
        time += dice.choice(".,") + "".join(dice.choice("0123456789") for _ in range(dice.randint(1, 9)))
    hours, minutes = dice.randint(0, 14), dice.choice([0, 30, 45])
    sign = dice.choice("+-")
    offset = dice.choice(["", "Z", f"{sign}{hours:02}", f"{sign}{hours:02}{minutes:02}", f"{sign}{hours:02}:{minutes:02}"])
    return date + dice.choice("T ") + time + offset


def value(dice, column):
    """A value of a column; NULL now and then."""
    if dice.random() < 0.08 and column != "k":
        return None
    match column:
        case "k":
            return dice.randrange(4)
        case "i" | "j":
            return integer(dice, 32, INTS)
        case "l" | "m":
            return integer(dice, 64, LONGS)
        case "f" | "g":
            x = single(dice.choice(FLOATS) if dice.random() < 0.4 else double(dice))
            return x + 0.0 if abs(x) < 3.5e38 else 0.5
        case "d" | "e":
            return double(dice) + 0.0
        case "s" | "t":
            return text(dice)
        case "p":
            if dice.random() < 0.7:
                return dice.choice(PATTERNS)
            return "".join(dice.choice("ab%_é.^$|") for _ in range(dice.randrange(6)))
        case "b" | "c":
            return dice.random() < 0.5
        case "at1":
            return time(dice)
        case "iso":
            return iso(dice)
        case "at2" | "at3":
            return min(max(time(dice), TIME_MIN + 10**9), TIME_MAX - 10**11)
    raise ValueError(column)


def rows(dice, count):
    return [{column: value(dice, column) for column in COLUMNS} for _ in range(count)]
