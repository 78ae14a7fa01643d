"""Writes the golden events."""

from __future__ import annotations

import json
import sys

from worker.golden import FOLDER
from worker.golden.articles import events


def main() -> None:
    """Write every golden event beside this file."""
    for name, event in events().items():
        text = json.dumps(event, ensure_ascii=False, indent=2)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        sys.stdout.write(f"wrote {name}.json\n")


if __name__ == "__main__":
    main()
