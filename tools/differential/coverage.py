"""Whether every function and aggregate of docs/language.md is compared, and whatever a peer means otherwise with something."""
import re

import items
import windows
from intended import INTENDED

# name: why there is nothing to compare
EXEMPT = {
    "uuid": "no peer makes the same",
    "now": "the clock of the app",
    "currentTimeMillis": "the clock of the app",
    "eventTimestamp": "the time of the row",
    "char": "chr under another name",
    "date_trunc": "dateTrunc under another name",
    "truncate": "trunc under another name",
    "pow": "power under another name",
    "char_length": "length under another name",
    "substr": "substring under another name",
    "split": "split_part under another name",
}


def names(language):
    """Names in the first cells of the tables of the sections of functions and aggregates, and `Also` names."""
    sections = re.findall(r"^## (Functions|Aggregates)\n(.*?)(?=^## )", language, re.S | re.M)
    for section, text in sections:
        for row in re.findall(r"^\| (`.*)$", text, re.M):
            first, *rest = row.split("` |")
            cell = row if section == "Aggregates" and not rest else first
            yield from re.findall(r"(?:^|`, `|or )`?(\w+)\(", cell)
            yield from re.findall(r"Also ((?:`\w+`(?:, )?)+)", row)


def missing(language):
    """Names that nothing compares, and exemptions of what does not exist or is compared."""
    known = {name.strip("`") for found in names(language) for name in found.split(", ")}
    texts = [item.ours for item in items.ITEMS] + [a[0] for a in windows.AGGREGATES + windows.ORDERED + windows.FOREVER + windows.LEAVING]
    called = {name.lower() for text in texts for name in re.findall(r"(\w+)\(", text)}
    lines = [f"{name} is documented and not compared" for name in sorted(known) if name.lower() not in called and name not in EXEMPT]
    lines += [f"{name} is exempt and not documented" for name in EXEMPT if name not in known]
    lines += [f"{name} is exempt and compared" for name in EXEMPT if name.lower() in called]
    return lines + list(uncompared())


def uncompared():
    """Items whose only peer means something else and is asked nothing instead."""
    only = {item.name: list(item.peers) for item in items.ITEMS if len(item.peers) == 1}
    for (name, peer), entry in INTENDED.items():
        if entry.instead is None and only.get(name) == [peer]:
            yield f"{name} is compared with nothing: {peer} means something else, and intended.py has nothing to ask instead"
