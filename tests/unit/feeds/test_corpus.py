"""feedparser's own tests, a public corpus of broken feeds, go through our parser.

They are in feedparser's source distribution only, which `make test` fetches beside the installed packages and
checks against the hash in requirements.lock. It is read where it lies.
"""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from jobs.entry import ParsedFeed
from tests.unit.feeds.soundness import parsed

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / ".venv" / "feedparser-source" / f"feedparser-{version('feedparser')}.tar.gz"
LOCK = ROOT / "requirements.lock"
KINDS = ("wellformed", "illformed", "encoding", "entities", "compression", "http")
_HEADER = re.compile(rb"^\s*Header:\s*Content-type:\s*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)


@pytest.fixture(scope="module")
def corpus() -> dict[str, bytes]:
    """Each document by its path below feedparser's ``tests``."""
    if not SOURCE.is_file():
        why = f"{SOURCE.relative_to(ROOT)} is absent: `make test` fetches it where there is a network"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()
    assert digest in LOCK.read_text(), f"{SOURCE} is not the one of {LOCK.name}: remove it"
    return dict(_documents())


def _documents() -> Iterator[tuple[str, bytes]]:
    with tarfile.open(SOURCE) as source:
        for member in source:
            _, _, path = member.name.partition("/tests/")
            if path.startswith(KINDS) and member.isfile() and (file := source.extractfile(member)):
                yield path, file.read()


def test_every_document_gives_a_feed_or_a_reason(corpus: dict[str, bytes]) -> None:
    """Nothing else is raised, all that comes out is sound, and what is refused is for a reason of its own."""
    assert len(corpus) > 2_000, "the whole corpus"
    refused: Counter[str] = Counter()
    unsound: dict[str, str] = {}
    for path, body in corpus.items():
        header = _HEADER.search(body[:2_000])
        content_type = header[1].decode("latin-1").strip() if header else ""
        try:
            found = parsed(body, content_type=content_type)
        except Exception as error:  # noqa: BLE001 - that is what must not be: all of them are shown
            unsound[path] = repr(error)
            continue
        if not isinstance(found, ParsedFeed):
            refused[found.reason] += 1
    assert not unsound
    assert sum(refused.values()) < len(corpus) * 0.03, f"too many are refused: {refused}"
    assert not refused["crashed"]


def test_entries_are_found_where_there_are_some(corpus: dict[str, bytes]) -> None:
    """A document with a link in an entry gives that entry: leniency is not to lose what is there."""
    element = re.compile(rb"<link>\s*http://[^<]{3,200}</link>")
    lost = []
    for path, body in corpus.items():
        _, item, rest = body.partition(b"<item>")
        if path.startswith("wellformed/rss") and item and element.search(rest.partition(b"</item>")[0]):
            found = parsed(body)
            if not isinstance(found, ParsedFeed) or not found.entries:
                lost.append(path)
    assert lost == []
