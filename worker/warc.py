"""Kept pages as WARC 1.1 (ISO 28500:2017), for those who archive.

A page is kept decoded and without its status line, so its record says what is true of it now: HTTP/1.1, the
length of the decoded body, and no coding. What the site had sent under those names is there as
``X-Archive-Orig-…``, as web archives do it.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import IO

from fastwarc import stream_io, warc

from jobs.page import Page

CONFORMS_TO = "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"
REWRITTEN = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers that would be untrue of a decoded body."""
DROPPED = frozenset({"connection", "keep-alive", "trailer", "upgrade"})
"""Headers about a connection, not about the page (RFC 9110, 7.6.1)."""

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Archive:
    """A WARC file that is being written: first what it is, then a response and its metadata for each page."""

    def __init__(self, file: IO[bytes], *, name: str, source: str, compress: bool = True) -> None:
        """`name`: the file's, `source`: whose pages these are, both for the first record."""
        self._gzip = stream_io.GzipWriter(file, compression_level=6) if compress else None
        self._out = self._gzip or file
        self.pages = 0
        fields = {
            "software": f"Palmyra/{version('palmyra')}",
            "format": "WARC File Format 1.1",
            "conformsTo": CONFORMS_TO,
            "isPartOf": source,
            "description": "Pages of news articles as they were fetched; bodies are decoded.",
        }
        about = _record(warc.WarcRecordType.warcinfo, uuid.uuid4())
        about.headers["Content-Type"] = "application/warc-fields"
        about.headers["WARC-Filename"] = _line(name)
        self._info_id = about.headers["WARC-Record-ID"]
        self._write(about, _fields(fields.items()))

    def add(self, page: Page, link_id: str, feeds: Sequence[tuple[str, str]]) -> None:
        """Write one page. `feeds`: id and public URL of those that listed its link."""
        head, kept = http_head(page), (page.final_url.partition("#")[0], _date(page.fetched_ms))
        response = self._about(warc.WarcRecordType.response, "response", link_id, kept)
        response.headers["Content-Type"] = "application/http;msgtype=response"
        if page.address:
            response.headers["WARC-IP-Address"] = _line(page.address)
        self._write(response, head + page.body, hashlib.sha1(page.body, usedforsecurity=False).digest())
        metadata = self._about(warc.WarcRecordType.metadata, "metadata", link_id, kept)
        metadata.headers["Content-Type"] = "application/warc-fields"
        metadata.headers["WARC-Refers-To"] = response.headers["WARC-Record-ID"]
        self._write(metadata, _fields(_metadata(page, link_id, feeds)))
        self.pages += 1

    def _about(
        self, kind: warc.WarcRecordType, name: str, link_id: str, kept: tuple[str, str]
    ) -> warc.WarcRecord:
        url, date = kept
        # The same page has the same record in every export.
        record = _record(kind, uuid.uuid5(uuid.NAMESPACE_URL, f"{link_id} {url} {date} {name}"))
        record.headers["WARC-Target-URI"] = _line(url)
        record.headers["WARC-Date"] = date
        record.headers["WARC-Warcinfo-ID"] = self._info_id
        return record

    def _write(self, record: warc.WarcRecord, block: bytes, payload_digest: bytes | None = None) -> None:
        record.set_bytes_content(block)
        record.write(self._out, checksum_data=True, payload_digest=payload_digest)
        if self._gzip:
            self._gzip.finish()  # a record is a member of its own, so that readers can seek


def http_head(page: Page) -> bytes:
    """The status line and headers of a page, with the empty line that ends them."""
    lines = [f"HTTP/1.1 {page.status} {_PHRASES.get(page.status, 'Odd')}"]
    lines += [f"{_line(name)}: {_line(value)}" for name, value in _headers(page)]
    lines += [f"Content-Length: {len(page.body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


def _headers(page: Page) -> Iterator[tuple[str, str]]:
    own = {"content-type": page.content_type, "etag": page.etag, "last-modified": page.last_modified}
    for name, value in [*own.items(), *page.headers.items()]:
        if value and name not in DROPPED:
            orig = "x-archive-orig-" if name in REWRITTEN else ""
            yield f"{orig}{name}".title(), value


def _metadata(page: Page, link_id: str, feeds: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    yield "fetchTimeMs", str(page.took_ms)
    for _, url in feeds:
        yield "via", url
    yield "palmyra-link", link_id
    for feed_id, _ in feeds:
        yield "palmyra-feed", feed_id
    yield "palmyra-asked-url", page.url
    for url in page.redirects:
        yield "palmyra-redirect", url
    yield "palmyra-wire-bytes", str(page.wire_bytes)


def _record(kind: warc.WarcRecordType, record_id: uuid.UUID) -> warc.WarcRecord:
    record = warc.WarcRecord()
    record.init_headers(record_type=kind, record_urn=f"uuid:{record_id}".encode())
    return record


def _fields(fields: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {_line(value)}\r\n" for name, value in fields).encode()


def _date(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(text: str) -> str:
    """A value of a header: whatever a site sent, it stays on its line."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()
