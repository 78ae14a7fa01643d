"""The kept pages, listed, shown and exported: an archive that other programs read."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from redis import Redis

from jobs.entry import Entry
from jobs.keys import Keys
from jobs.link import Found
from jobs.page import Page
from jobs.urls import link_id
from tests.command import Palmyra
from tests.integration.link_world import FEED, Story304, html, link_world
from tests.polling import one_server
from tests.server import TestServer
from worker.embedded import EmbeddedRedis
from worker.warc import Archive

FETCHED_MS = 1_795_377_486_123
LINK = "a" * 16
BODY = "<html><body><p>Žluťoučký kůň, \r\n\r\nWARC/1.1</p></body></html>".encode()
PAGE = Page(
    url="https://one.test/story",
    final_url="https://www.one.test/story?q=ü#part",
    status=200,
    body=BODY,
    content_type="text/html; charset=utf-8",
    fetched_ms=FETCHED_MS,
    took_ms=120,
    wire_bytes=50,
    address="2001:db8::7",
    redirects=("https://one.test/story",),
    etag='W/"x"',
    last_modified="Sun, 22 Nov 2026 10:00:00 GMT",
    headers={
        "content-encoding": "gzip",
        "content-length": "50",
        "transfer-encoding": "chunked",
        "connection": "keep-alive",
        "server": "nginx",
        "x-broken": "one\r\nX-Injected: two\x00",
    },
)


def written(*pages: Page, compress: bool = True) -> bytes:
    file = io.BytesIO()
    archive = Archive(file, name="news.warc.gz", source="palmyra", compress=compress)
    for page in pages:
        archive.add(page, LINK, [(FEED, "https://one.test/feed")])
    return file.getvalue()


Read = tuple[WarcRecordType, dict[str, str], bytes]


def records(file: IO[bytes]) -> list[Read]:
    """Type, headers and block of each record; every digest is right."""
    archive = ArchiveIterator(file, parse_http=False, verify_digests=True, strict_mode=True)
    return [(record.record_type, record.headers.to_dict(), record.reader.read()) for record in archive]


def sha1(data: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


@pytest.mark.parametrize("compress", [True, False], ids=["gzip", "plain"])
def test_a_page_is_a_response_and_its_metadata(compress: bool) -> None:
    """After the record about the file; each with what the standard asks for, digests included."""
    info, response, metadata = records(io.BytesIO(written(PAGE, compress=compress)))
    assert [kind for kind, _, _ in (info, response, metadata)] == [
        WarcRecordType.warcinfo, WarcRecordType.response, WarcRecordType.metadata,
    ]  # fmt: skip
    assert info[1]["WARC-Filename"] == "news.warc.gz"
    assert b"format: WARC File Format 1.1\r\n" in info[2]
    _, about, block = response
    head, _, body = block.partition(b"\r\n\r\n")
    assert body == BODY
    assert about["WARC-Target-URI"] == "https://www.one.test/story?q=ü", "a fragment is not asked for"
    assert about["WARC-IP-Address"] == "2001:db8::7"
    assert about["WARC-Payload-Digest"] == sha1(BODY)
    assert about["WARC-Block-Digest"] == sha1(block)
    assert about["Content-Type"] == "application/http;msgtype=response"
    assert about["WARC-Warcinfo-ID"] == info[1]["WARC-Record-ID"]
    assert re.fullmatch(r"<urn:uuid:[0-9a-f-]{36}>", about["WARC-Record-ID"])
    assert datetime.fromisoformat(about["WARC-Date"]) == datetime.fromtimestamp(FETCHED_MS / 1000, UTC)
    assert metadata[1]["WARC-Refers-To"] == about["WARC-Record-ID"]
    lines = metadata[2].decode().splitlines()
    assert {f"palmyra-link: {LINK}", f"palmyra-feed: {FEED}", "via: https://one.test/feed"} <= set(lines)
    assert {"fetchTimeMs: 120", "palmyra-redirect: https://one.test/story"} <= set(lines)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")


def test_the_headers_are_true_of_the_decoded_body() -> None:
    """No coding is claimed, the length is the body's; what had been sent is there under another name."""
    (_, _, block) = records(io.BytesIO(written(PAGE)))[1]
    lines = block.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(headers) == len(lines)
    assert headers == {
        "Content-Type": "text/html; charset=utf-8",
        "Etag": 'W/"x"',
        "Last-Modified": "Sun, 22 Nov 2026 10:00:00 GMT",
        "X-Archive-Orig-Content-Encoding": "gzip",
        "X-Archive-Orig-Content-Length": "50",
        "X-Archive-Orig-Transfer-Encoding": "chunked",
        "Server": "nginx",
        "X-Broken": "one X-Injected: two",
        "Content-Length": str(len(BODY)),
    }


def test_each_record_can_be_read_on_its_own() -> None:
    """As a gzip member of its own: indexes point into the middle of an archive."""
    data = written(PAGE, PAGE)
    members = [match.start() for match in re.finditer(rb"\x1f\x8b\x08", data)]
    assert len(members) == 5
    for start, kind in zip(members[1:], [WarcRecordType.response, WarcRecordType.metadata] * 2, strict=True):
        assert records(io.BytesIO(data[start:]))[0][0] == kind


def test_the_same_page_has_the_same_record_everywhere() -> None:
    """Two exports that overlap can be merged by record id; a later fetch is another record."""
    first, again, later = (written(page) for page in (PAGE, PAGE, replace(PAGE, fetched_ms=FETCHED_MS + 1)))
    name = "WARC-Record-ID"
    identities = [records(io.BytesIO(data))[1][1][name] for data in (first, again, later)]
    assert identities[0] == identities[1] != identities[2]


# -- the commands --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def one_redis() -> Iterator[EmbeddedRedis]:
    """One server: what differs between two is not the commands'."""
    with one_server() as server:
        yield server


@pytest.fixture
def palmyra(one_redis: EmbeddedRedis, tmp_path: Path) -> Iterator[Palmyra]:
    with Redis.from_url(one_redis.url) as client:
        client.flushall()
        yield Palmyra(client, one_redis.url, tmp_path)


def keep(palmyra: Palmyra, number: int, *, age_s: int = 0, content: str = "") -> str:
    """Let a page be kept that was fetched so long ago; returns its link's id."""
    url = f"https://news{number}.test/story"
    fetched_ms = int((time.time() - age_s) * 1000)
    entry = Entry(url, title="Title", content=content)
    palmyra.ledger.discover(FEED, [Found(link_id(url), url, f"news{number}.test", 1000, entry)])
    page = Page(url, url, 200, BODY, "text/html", fetched_ms, address="192.0.2.1", entry=entry)
    palmyra.redis.set(palmyra.keys.page(link_id(url)), page.pack(), ex=3600)
    return link_id(url)


def test_a_page_is_kept_with_its_headers_and_exported(palmyra: Palmyra, server: TestServer) -> None:
    """From the site through the ledger into an archive: body, headers and address as they came."""
    server.route("/story", Story304(html()))
    with link_world(palmyra.redis, Keys("cli"), server) as world:
        link = world.find()
        assert world.work() == ["stored", "published"]
    shown, body, exported = palmyra.each(
        ("pages", "show", server.url("/story"), "--json"),
        ("pages", "show", link, "--body"),
        ("pages", "export", "news.warc.gz", "--feed", FEED),
    )
    told = json.loads(shown.stdout)
    assert (told["link_id"], told["status"], told["bytes"]) == (link, 200, len(html()))
    assert told["headers"].items() >= {"x-served-by": "test", "etag": '"v1"'}.items()
    assert body.stdout == html().decode()
    assert "1 page is in news.warc.gz" in exported.stderr
    with (palmyra.home / "news.warc.gz").open("rb") as file:
        _, (_, about, block), (_, _, metadata) = records(file)
    assert about["WARC-Target-URI"] == server.url("/story")
    assert about["WARC-IP-Address"] == "127.0.0.1"
    assert block.endswith(b"\r\n\r\n" + html())
    assert b"\r\nX-Served-By: test\r\n" in block
    assert f"palmyra-link: {link}\r\n".encode() in metadata


def test_pages_are_listed_newest_first(palmyra: Palmyra) -> None:
    """With their sizes; also one whose feed said much, which the beginning of the value does not hold."""
    old, new = keep(palmyra, 1, age_s=50 * 3600, content="x" * 9000), keep(palmyra, 2)
    palmyra.redis.set(palmyra.keys.page(palmyra.discover(7)), b"no page")
    every, recent, table = palmyra.each(
        ("pages", "list", "--json"),
        ("pages", "list", "--since", "2d", "--json"),
        ("pages", "list", "--host", "news1.test"),
    )
    told = [json.loads(line) for line in every.stdout.splitlines()]
    assert [page["link_id"] for page in told] == [new, old]
    assert {page["bytes"] for page in told} == {len(BODY)}
    assert all(0 < page["expires_ms"] <= 3_600_000 for page in told)
    assert told[1]["kept_bytes"] > 9000
    assert [json.loads(line)["link_id"] for line in recent.stdout.splitlines()] == [new]
    assert re.search(rf"{old} .* https://news1\.test/story", table.stdout)
    assert "\n1 page, " in table.stdout


def test_an_export_is_there_when_it_is_complete(palmyra: Palmyra) -> None:
    """Nothing is overwritten unasked, nothing half-written is left; what holds no page is left out."""
    keep(palmyra, 1)
    stand_in = Page("https://a.test/", "https://a.test/", 0, b"", "", 1, refused="paywall")
    palmyra.redis.set(palmyra.keys.page(keep(palmyra, 2)), stand_in.pack())
    target = palmyra.home / "x.warc"
    target.write_bytes(b"mine")
    refused, nowhere, wrong = (
        palmyra.run("pages", "export", "x.warc", code=1),
        palmyra.run("pages", "export", "nowhere/x.warc", code=1),
        palmyra.run("pages", "export", "x.zip", code=2),
    )
    assert "--overwrite" in refused.stderr
    assert "nowhere" in nowhere.stderr
    assert ".warc.gz" in wrong.stderr
    assert target.read_bytes() == b"mine"
    assert "1 page" in palmyra.run("pages", "export", "x.warc", "--overwrite").stderr
    assert len(records(io.BytesIO(target.read_bytes()))) == 3
    assert [path.name for path in palmyra.home.iterdir()] == ["x.warc"]


def test_an_export_goes_through_a_pipe(palmyra: Palmyra) -> None:
    """``palmyra pages export - | …``: the archive and nothing else on standard output."""
    keep(palmyra, 1)
    command = [sys.executable, "-m", "worker.cli", "pages", "export", "-"]
    done = subprocess.run(
        command, cwd=palmyra.home, env=palmyra.environment, capture_output=True, timeout=60, check=True
    )
    assert len(records(io.BytesIO(done.stdout))) == 3


def test_what_is_not_kept_is_said(palmyra: Palmyra) -> None:
    """With what helps: exit 1, in a line."""
    link = keep(palmyra, 1)
    palmyra.redis.set(palmyra.keys.page(link), b"no page")
    damaged, gone = palmyra.each(("pages", "show", link), ("pages", "show", "https://news.test/x"), code=1)
    for done in (damaged, gone):
        assert "palmyra refetch" in done.stderr
        assert len(done.stderr.splitlines()) == 1
