#!/usr/bin/env python3
"""What the public API consists of, as text: a line for each item and member, and one for the traits that an item has.

Why: a break is seen in the diff of docs/public-api.txt, by whoever makes it, and not by whoever builds against it.
It is read from what `cargo doc` writes, as the compiler's own listing needs a nightly one; rust-toolchain.toml says which
version writes these pages.

    .ci/run doc                    writes them, and compares
    tools/public_api.py            compares with docs/public-api.txt; exit status 1 where it differs
    tools/public_api.py --write    writes docs/public-api.txt anew
"""

import difflib
import html
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ROOT / "target" / "doc" / "eventflux"
LISTING = ROOT / "docs" / "public-api.txt"
# their names alone: what a macro becomes is no promise, and of the others the declaration is what stands in the members
NAMES = ("derive", "macro", "mod")
# what derive(PartialEq) adds for the compiler
FOR_THE_COMPILER = "StructuralPartialEq"


def plain(text):
    """The text of a piece of a page, on one line."""
    text = re.sub(r"<summary.*?</summary>", "", text, flags=re.S)
    # attributes and `where` stand in lines of their own
    text = re.sub(r"<[^>]*>", "", re.sub(r"</?div[^>]*>", " ", text))
    return re.sub(r"\s+", " ", html.unescape(text)).strip()


def section(page, name):
    """The part of a page below a heading, up to the next heading of its rank."""
    begin = page.find(f'<h2 id="{name}"')
    if begin < 0:
        return ""
    end = page.find("<h2 ", begin + 1)
    return page[begin:] if end < 0 else page[begin:end]


def headers(part, kinds):
    """What is declared in a part of a page, where the ids begin with one of these kinds: id and text of each."""
    pattern = rf'<section id="((?:{kinds})[.-][^"]*)"[^>]*>.*?<h[34] class="code-header">(.*?)</h[34]>'
    return [(identity, plain(text)) for identity, text in re.findall(pattern, part, re.S)]


def variants_and_fields(page):
    """The variants of an enum, and what is public of a struct or variant with its type."""
    for _, text in headers(page, "variant"):
        yield text
    pattern = r'<span id="(?:structfield|variant)\.([^"]*)"[^>]*>.*?<code>(.*?)</code>'
    for identity, text in re.findall(pattern, page, re.S):
        variant, found, _ = identity.partition(".field.")
        yield f"{variant} {{ {plain(text)} }}" if found else plain(text)


def functions(page):
    """What the type itself has, and what a trait asks for or gives."""
    for name in ("implementations", "required-associated-types", "required-associated-consts", "required-methods",
                 "provided-associated-types", "provided-associated-consts", "provided-methods"):
        for _, text in headers(section(page, name), "method|tymethod|associatedconstant|associatedtype"):
            # a trait's own methods end as they are written
            yield re.sub(r"( \{ \.\.\. \}|;)$", "", text)


def traits(page, name):
    """The traits of an item: in one line those of it as it stands, each in one line those with more to say."""
    short = []
    implemented = section(page, "trait-implementations") + section(page, "foreign-impls")
    for identity, text in headers(implemented, "impl|associatedtype"):
        own = re.fullmatch(rf"impl (\S+) for {re.escape(name)}", text)
        if own:
            short.append(own.group(1))
        elif FOR_THE_COMPILER not in identity:
            yield text
    if short:
        yield f"impl {', '.join(sorted(set(short) - {FOR_THE_COMPILER}))}"
    for lost in re.findall(r"impl !(?:Send|Sync) for", plain(section(page, "synthetic-implementations"))):
        yield f"{lost} it"


def exported_again(page):
    """What a module names that stands elsewhere."""
    for text in re.findall(r"<code>(pub use .*?;)</code>", section(page, "reexports"), re.S):
        yield plain(text)


def declared(page):
    """The declaration of an item, without what its members are."""
    found = re.search(r'<pre class="rust item-decl"><code>(.*?)</code></pre>', page, re.S)
    text = plain(found.group(1)) if found else ""
    if re.match(r"(#\[[^\]]*\]\s*)*pub (unsafe )?(struct|enum|union|trait)\b", text):
        text = text.partition("{")[0].strip()
    return text


def listing():
    """All lines, in the order of their paths."""
    lines = []
    modules = [page.parent for page in PAGES.rglob("index.html")]
    for module in modules:
        path = "::".join(("eventflux", *module.relative_to(PAGES).parts))
        page = (module / "index.html").read_text(encoding="utf-8")
        lines += [f"{path}: {text}" for text in exported_again(page)]
    index = (PAGES / "all.html").read_text(encoding="utf-8")
    links = re.findall(r'<a href="([^"]+)\.html">', index[index.index('class="all-items"'):])
    seen = {}
    for link in sorted(links, key=lambda link: (link.count("/"), link)):
        *folders, last = link.split("/")
        kind, name = last.split(".", 1)
        path = "::".join(("eventflux", *folders, name))
        page = (PAGES / f"{link}.html").read_text(encoding="utf-8")
        text = kind if kind in NAMES else declared(page)
        members = sorted({*variants_and_fields(page), *functions(page), *traits(page, name)})
        # what stands in a private module has a page wherever it is exported
        first = seen.setdefault((name, text, *members), path)
        if first != path:
            lines.append(f"{path}: as {first}")
            continue
        lines.append(f"{path}: {text}")
        lines += [f"{path} > {member}" for member in members]
    return sorted(set(lines))


def main():
    if sys.argv[1:] not in ([], ["--write"]):
        print(__doc__, file=sys.stderr)
        return 2
    if not (PAGES / "all.html").is_file():
        print(f"{PAGES} is missing: .ci/run doc writes it", file=sys.stderr)
        return 2
    now = listing()
    if sys.argv[1:] == ["--write"]:
        LISTING.write_text("\n".join(now) + "\n", encoding="utf-8")
        return 0
    kept = LISTING.read_text(encoding="utf-8").splitlines()
    differ = list(difflib.unified_diff(kept, now, "docs/public-api.txt", "the API as it is", lineterm="", n=0))
    print("\n".join(differ) if differ else f"public API: {len(now)} lines, as in docs/public-api.txt")
    if differ:
        print("\nthe public API changed: tools/public_api.py --write, and a break in CHANGELOG.md", file=sys.stderr)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
