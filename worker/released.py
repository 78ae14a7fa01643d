"""The contract as it was released: consumers build on it, so what comes later must fit it.

``python -m worker.released docs`` keeps a copy of the current schemas, and of the golden events, under their
version. Tests check that today's schemas break nobody who builds on the newest copy, and that today's models
still read the events of every copy: they may stand on a stream, or in a consumer's files.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from pydantic import ValidationError

from jobs.compatibility import breaks
from jobs.event import Event
from jobs.schema import VERSION, documents
from worker.golden import FOLDER as GOLDEN

_FOLDER = "schema/"
_EVENTS = "events"


def schemas() -> dict[str, str]:
    """The text of every JSON Schema by its file name."""
    return {
        name.removeprefix(_FOLDER): text for name, text in documents().items() if name.startswith(_FOLDER)
    }


def newest(docs: Path) -> Path | None:
    """The folder of the last released version; None before the first."""
    found = (docs / _FOLDER / "released").glob("*.*.*")
    return max(found, key=lambda path: tuple(map(int, path.name.split("."))), default=None)


def broken(docs: Path, current: dict[str, str]) -> list[str]:
    """How `current` (texts by file name) breaks consumers of the last release; empty when it does not."""
    released = newest(docs)
    if released is None:
        return []
    said = []
    for path in sorted(released.glob("*.json")):
        if path.name not in current:
            said.append(f"{path.name}: removed since {released.name}")
            continue
        found = breaks(json.loads(path.read_text(encoding="utf-8")), json.loads(current[path.name]))
        said += [f"{path.name}, released as {released.name}: {line}" for line in found]
    return said


def unreadable(docs: Path) -> list[str]:
    """Events of released versions that today's models refuse; a field that was added needs a default."""
    said = []
    for path in sorted((docs / _FOLDER / "released").glob(f"*/{_EVENTS}/*.json")):
        try:
            Event.model_validate_json(path.read_bytes())
        except ValidationError as error:
            where = sorted({".".join(map(str, one["loc"])) for one in error.errors()})
            said.append(f"{path.parts[-3]}, {path.name}: {', '.join(where)}")
    return said


def release(docs: Path, version: str = VERSION) -> str:
    """Keep the current schemas as `version`; returns what was done, or why not."""
    folder = docs / _FOLDER / "released" / version
    if said := broken(docs, schemas()):
        return (
            "not released, it breaks consumers (a new major version needs schemas of its own):\n"
            + "\n".join(said)
        )
    if folder.exists() and any(_text(folder / name) != text for name, text in schemas().items()):
        return f"not released: {version} is, with other schemas. Raise VERSION in jobs/schema.py."
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / _EVENTS).mkdir(exist_ok=True)
    for golden in GOLDEN.glob("*.json"):
        shutil.copy(golden, folder / _EVENTS)
    return f"released {version} in {folder}"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main(argv: list[str]) -> int:
    """Release the current schemas below the folder ``argv[0]`` (default ``docs``)."""
    said = release(Path(argv[0] if argv else "docs"))
    print(said)  # noqa: T201 - a command's own output
    return int(said.startswith("not"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
