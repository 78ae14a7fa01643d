"""One page to one article, outside the system: no ledger, no feed, the times are now."""

from __future__ import annotations

import base64
import gzip
import hashlib
import time
import zlib
from collections.abc import Mapping
from pathlib import Path

from jobs.article import Article, build_article
from jobs.enrich.enricher import Subject
from jobs.enrich.loading import ALL, Choice, load
from jobs.enrich.run import enrich
from jobs.entry import Entry
from jobs.extract import extract
from jobs.extract.limits import MAX_BODY_BYTES
from jobs.urls import link_id

_GZIP = b"\x1f\x8b"
BUDGET_MS = 60_000.0
"""For the enrichers: they may have to make their gazetteer first, and no other page waits behind this one."""


def read_page(path: Path) -> bytes:
    """A saved page, plain or gzipped; of one that is too large only so much that the limit is seen.

    Raises:
        OSError: it can't be read, or is no whole gzip file.
    """
    with path.open("rb") as stream:
        if stream.peek(2)[:2] != _GZIP:
            return stream.read(MAX_BODY_BYTES + 1)
        try:
            with gzip.open(stream) as inner:
                return inner.read(MAX_BODY_BYTES + 1)
        except (EOFError, zlib.error) as error:
            raise OSError(f"damaged gzip file ({error})") from error


def article_of(
    body: bytes,
    *,
    url: str | None,
    final_url: str | None,
    content_type: str = "",
    entry: Entry | None = None,
    fetch_ms: int | None = None,
    headers: Mapping[str, str] | None = None,
    choice: Choice = ALL,
) -> Article:
    """The article of a page, as revision 1; its id is the URL's, or the content's where there is none.

    Args:
        headers: of the answer, names in lower case.
        choice: which enrichers run.

    Raises:
        Permanent: `TOO_COMPLEX`, or `BAD_URL`.
    """
    identity = link_id(url) if url else content_id(body)
    now_ms = int(time.time() * 1000)
    draft = extract(body, url=final_url, content_type=content_type, entry=entry, now_ms=now_ms)
    return build_article(
        draft,
        link_id=identity,
        revision=1,
        url_found=url,
        final_url=final_url,
        feeds=(),
        first_seen_ms=now_ms,
        fetched_ms=now_ms,
        emitted_ms=int(time.time() * 1000),
        fetch_ms=fetch_ms,
        enriched=enrich(Subject(draft, url=final_url, headers=headers or {}), load(choice), BUDGET_MS),
    )


def content_id(body: bytes) -> str:
    """An id for a page without a URL, formed like a link's: 16 characters of lower-case base32."""
    return base64.b32encode(hashlib.sha256(body).digest()[:10]).decode().lower()
