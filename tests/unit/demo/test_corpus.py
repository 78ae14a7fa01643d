"""A folder of saved pages as feeds."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import feedparser
import pytest

from tests.unit.demo.conftest import Get
from worker.demo.corpus import BadCorpus, Corpus
from worker.demo.server import DemoServer

ZYTE = Path(__file__).parents[4] / "shared" / "corpus" / "zyte"
LATIN = '<meta charset="iso-8859-1"><title>\n Caf\u00e9 &amp;\n Bar\x0b</title><p>text'.encode("latin-1")


def titles(demo: DemoServer, get: Get) -> dict[str, str]:
    """Title by URL, over all three feeds; each URL is in one of them only."""
    rss, atom, feed = (get(f.url).body for f in demo.feeds)
    entries = [(e.link, e.title) for body in (rss, atom) for e in feedparser.parse(body).entries]
    entries += [(i["url"], i["title"]) for i in json.loads(feed)["items"]]
    assert len(dict(entries)) == len(entries)
    return dict(entries)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven pages: one in Latin-1, one whose title is in the list, one without any."""
    pages = {f"p{n}": f"<title>Page {n}</title>".encode() for n in range(4)}
    pages |= {"latin": LATIN, "listed": b"<title>Page's own</title>", "bare": b"<p>\xff\xfe no title</p>"}
    (tmp_path / "pages").mkdir()
    for page_id, body in pages.items():
        (tmp_path / "pages" / f"{page_id}.html.gz").write_bytes(gzip.compress(body))
    rows = [{"id": i, "url": "http://x.example/", "date": "2001-02-03"} for i in pages]
    rows[5]["title"] = "The list's"
    (tmp_path / "gold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_every_real_page_is_served_byte_for_byte(get: Get) -> None:
    """All pages of a set of real ones are listed once, over three feeds, and served as they were saved."""
    if not ZYTE.is_dir():
        pytest.skip(f"the set of real pages is not in {ZYTE}")
    with DemoServer(Corpus(ZYTE)) as demo:
        files = {f.name.removesuffix(".html.gz"): f for f in (ZYTE / "pages").iterdir()}
        listed = titles(demo, get)
        assert {url.rpartition("/")[2] for url in listed} == set(files)
        assert all(listed.values())
        for url in listed:
            got = get(url)
            assert got.body == gzip.decompress(files[url.rpartition("/")[2]].read_bytes())
            assert got.headers["Content-Type"] == "text/html"


def test_titles_come_from_the_list_else_from_the_page(folder: Path, get: Get) -> None:
    """Decoded as the page says, on one line, without what XML can't carry; without a title, the id."""
    with DemoServer(Corpus(folder)) as demo:
        by_id = {url.rpartition("/")[2]: title for url, title in titles(demo, get).items()}
    assert by_id["listed"] == "The list's"
    assert by_id["latin"] == "Café & Bar"
    assert by_id["bare"] == "bare"
    assert by_id["p2"] == "Page 2"


def test_feeds_do_not_tell_what_the_pages_must(folder: Path, get: Get) -> None:
    """No dates, authors or summaries: they would flatter an extraction that is measured against the list."""
    with DemoServer(Corpus(folder)) as demo:
        bodies = [get(f.url).text for f in demo.feeds]
    assert not any("2001" in body for body in bodies)
    entries = feedparser.parse(bodies[0]).entries + feedparser.parse(bodies[1]).entries
    assert entries
    assert not any({"published", "updated", "author", "summary"} & set(e) for e in entries)
    assert {key for i in json.loads(bodies[2])["items"] for key in i} == {
        "id",
        "url",
        "title",
        "content_text",
    }


def test_pages_are_spread_over_hosts(folder: Path, get: Get) -> None:
    """With three hosts each serves its share, on one port, and each feed has pages of more than one."""
    with DemoServer(Corpus(folder), hosts=3) as demo:
        assert [urlsplit(o).hostname for o in demo.origins] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
        urls = list(titles(demo, get))
        assert Counter(urlsplit(url).hostname for url in urls) == {
            "127.0.0.1": 3,
            "127.0.0.2": 3,
            "127.0.0.3": 1,
        }
        assert {get(url).status for url in urls} == {200}
        assert {r.host for r in demo.requests} == {"127.0.0.1", "127.0.0.2", "127.0.0.3"}


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        (None, r"gold\.jsonl is not there"),
        ("[]\n", r"gold\.jsonl:1 is not a JSON object with an id"),
        ('\n{"id": "gone"}\n', r"gold\.jsonl:2 lists page 'gone'.*gone\.html\.gz is not there"),
        ('{"id": "../gold"}\n', r"lists page '\.\./gold'"),
    ],
)
def test_a_folder_that_is_no_corpus_is_explained(tmp_path: Path, gold: str | None, message: str) -> None:
    """The message names the file and the line."""
    if gold is not None:
        (tmp_path / "gold.jsonl").write_text(gold)
    with pytest.raises(BadCorpus, match=message):
        Corpus(tmp_path)
