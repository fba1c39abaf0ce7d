"""Compare two built sites: they must be the same byte by byte, but for what each run cost.

    python book/compare.py build/site other/build/site

Time and memory stand in elements of the class ``qh-cost``, which hold plain text and nothing else; a page is compared without
that text. Everything else that differs is listed, and makes the exit code 1.
"""

import re
import sys
from itertools import zip_longest
from pathlib import Path

COST = re.compile(rb'(<(\w+)(?: [^<>]*)? class="(?:[^"<>]* )?qh-cost(?: [^"<>]*)?"[^<>]*>)[^<]*(</\2>)')


def without_cost(page: bytes) -> bytes:
    """Return a page without the text of the elements that say what a run cost."""
    return COST.sub(rb"\1\3", page)


def first_difference(one: bytes, two: bytes) -> str:
    """Say where two contents part, with some of what is there."""
    place = next(place for place, (a, b) in enumerate(zip_longest(one, two)) if a != b)
    line = one.count(b"\n", 0, place) + 1
    seen = [repr(content[max(0, place - 40) : place + 40].decode(errors="replace")) for content in (one, two)]
    return f"line {line}, byte {place}: {seen[0]} and {seen[1]}"


def differences(one: Path, two: Path) -> list[str]:
    """Return a line for each file that is in one of the sites only, or has other content, costs apart."""
    names = [{path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()} for site in (one, two)]
    found = [f"{name}: only in {one}" for name in sorted(names[0] - names[1])]
    found += [f"{name}: only in {two}" for name in sorted(names[1] - names[0])]
    for name in sorted(names[0] & names[1]):
        contents = [(site / name).read_bytes() for site in (one, two)]
        if name.endswith(".html"):
            contents = [without_cost(content) for content in contents]
        if contents[0] != contents[1]:
            found.append(f"{name}: {first_difference(*contents)}")
    return found


def main(argv: list[str]) -> int:
    """Compare the two folders named; return the exit code."""
    sites = [Path(name) for name in argv]
    if len(sites) != 2 or not all((site / "index.html").exists() for site in sites):
        print(f"compare: given {argv}; two folders of built sites are needed, e.g. build/site and another", file=sys.stderr)
        return 2
    found = differences(*sites)
    print("\n".join(found) if found else "the same, but for what the runs cost")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
