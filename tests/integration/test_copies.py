"""Copies on a real ledger: a later article that repeats an earlier one says so, or is kept back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from redis import Redis

from jobs.article import Article
from jobs.copies.index import Copies
from jobs.copies.lineage import copies_of
from jobs.entry import Entry
from jobs.keys import ARTICLE, FETCH, Keys
from jobs.ledger import Ledger
from jobs.link import Found
from jobs.page import Page
from jobs.tasks import Tasks
from jobs.urls import domain, link_id
from tests.site import serving
from worker.bench.copies import INTRO, own_texts
from worker.dead_job import dead_job_maker

FEED = "feedaaaaaa"
FIRST, SECOND, THIRD = "https://one.test/story", "https://two.test/agency", "https://three.test/brief"
TEXT, OTHER = list(own_texts().values())[:2]


def page(url: str, text: str) -> Page:
    paragraphs = "".join(f"<p>{part}</p>" for part in text.split("\n\n"))
    body = f"<html><body><article><h1>Of the day</h1>{paragraphs}</article></body></html>".encode()
    return Page(url, url, 200, body, "text/html; charset=utf-8", 1_700_000_000_000)


class Newsrooms:
    """Sites whose links come in one after another."""

    def __init__(self, redis: Redis, keys: Keys, *, hold: bool = False) -> None:
        self.redis, self.keys = redis, keys
        self.ledger = Ledger(redis, keys)
        self.copies = Copies(redis, keys, window_days=3)
        self.hold = hold

    def run(self, url: str, text: str) -> str:
        """Take a link the whole way; what came of it."""
        self.ledger.discover(FEED, [Found(link_id(url), url, domain(url), 1_000_000, Entry(url))])
        tasks = Tasks(
            self.ledger,
            lambda asked, validators=None: page(asked, text),
            lambda ids: [],
            dead_job_maker(self.redis, self.keys),
            "w1",
            copies=self.copies,
            hold_copies=self.hold,
        )
        self.redis.delete(self.keys.slot(domain(url)))
        for stage, job in ((FETCH, tasks.fetch), (ARTICLE, tasks.article)):
            handout = self.ledger.lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9)
            (lease,) = handout.leases
            assert lease.stage == stage
            outcome = job(lease.link_id, lease.attempt)
        return outcome

    def duplicates(self) -> list[dict[str, Any] | None]:
        """Of each event on the stream."""
        entries: Any = self.redis.xrange(self.keys.stream)
        return [json.loads(fields[b"event"])["data"]["duplicate"] for _, fields in entries]


@pytest.fixture
def newsrooms(redis: Redis, keys: Keys) -> Newsrooms:
    """With copies published."""
    return Newsrooms(redis, keys)


def test_a_copy_says_what_it_repeats(newsrooms: Newsrooms) -> None:
    """The first one seen is the original; the later one names it, how alike they are and what differs."""
    newsrooms.run(FIRST, TEXT)
    newsrooms.run(SECOND, f"{INTRO}\n\n{TEXT}")
    first, second = newsrooms.duplicates()
    assert first is None
    assert second is not None
    assert (second["of"], second["kind"], second["source"]) == (link_id(FIRST), "wire_copy", "one.test")
    assert second["url"] == FIRST
    assert second["similarity"] > 0.8
    assert (second["cut_words"], second["added_words"] > 10, second["behind_s"] >= 0) == (0, True, True)


def test_other_news_repeats_nothing(newsrooms: Newsrooms) -> None:
    """Two articles on two things are two articles."""
    newsrooms.run(FIRST, TEXT)
    newsrooms.run(SECOND, OTHER)
    assert newsrooms.duplicates() == [None, None]


def test_a_copy_of_a_copy_is_one_of_the_original(newsrooms: Newsrooms) -> None:
    """However the text came to the third site, the first is where we saw it first; it knows its copies."""
    newsrooms.run(FIRST, TEXT)
    newsrooms.run(SECOND, f"{INTRO}\n\n{TEXT}")
    newsrooms.run(THIRD, f"{INTRO}\n\n{TEXT}")
    assert [one and one["of"] for one in newsrooms.duplicates()] == [None, link_id(FIRST), link_id(FIRST)]
    told = copies_of(newsrooms.redis, newsrooms.keys, link_id(FIRST))
    assert {(copy.id, copy.source, copy.kind) for copy in told} == {
        (link_id(SECOND), "two.test", "wire_copy"),
        (link_id(THIRD), "three.test", "wire_copy"),
    }
    assert copies_of(newsrooms.redis, newsrooms.keys, link_id(SECOND)) == []


def test_held_back_it_is_no_event_but_an_outcome(redis: Redis, keys: Keys) -> None:
    """The link ends as a duplicate, its way says of what, and the balance holds."""
    newsrooms = Newsrooms(redis, keys, hold=True)
    newsrooms.run(FIRST, TEXT)
    assert newsrooms.run(SECOND, f"{INTRO}\n\n{TEXT}") == f"duplicate of {link_id(FIRST)}"
    assert newsrooms.duplicates() == [None]
    story = newsrooms.ledger.story(link_id(SECOND))
    assert story is not None
    assert (story.outcome, story.duplicate_of) == ("duplicate", link_id(FIRST))
    assert "kept back" in story.steps[-1].text
    totals: Any = redis.hgetall(keys.totals)
    assert (totals[b"discovered"], totals[b"published"], totals[b"duplicate"]) == (b"2", b"1", b"1")


def test_what_was_withdrawn_is_nobodys_original(newsrooms: Newsrooms) -> None:
    """Its text is gone, so nothing can be compared with it."""
    newsrooms.run(FIRST, TEXT)
    newsrooms.redis.delete(newsrooms.keys.stream)
    newsrooms.run(SECOND, TEXT)
    assert newsrooms.duplicates() == [None]


def test_nothing_is_kept_for_ever(newsrooms: Newsrooms) -> None:
    """Sketches go the day after their window, the list of copies with the ledger's records."""
    newsrooms.run(FIRST, TEXT)
    newsrooms.run(SECOND, TEXT)
    redis, day_ms = newsrooms.redis, 86_400_000
    bands = list(redis.scan_iter(newsrooms.keys.bands("*")))
    assert len(bands) == 32
    assert all(0 < redis.pttl(key) <= 4 * day_ms for key in bands)
    assert 0 < redis.pttl(newsrooms.keys.copied(link_id(FIRST))) <= 90 * day_ms


def test_a_sketch_is_small(newsrooms: Newsrooms) -> None:
    """A thousand articles of one day take less than 1.5 KB each, beside what the hashes take themselves."""
    newsrooms.run(FIRST, TEXT)
    entries: Any = newsrooms.redis.xrange(newsrooms.keys.stream)
    ((_, fields),) = entries
    article = Article.model_validate(json.loads(fields[b"event"])["data"])
    for number in range(1000):
        text = " ".join(f"word{number}x{n}" for n in range(60))
        newsrooms.copies.original(article.model_copy(update={"id": f"{number:016d}", "text": text}))
    keys = list(newsrooms.redis.scan_iter(newsrooms.keys.bands("*"), count=1000))
    assert sum(newsrooms.redis.memory_usage(key) or 0 for key in keys) < 1000 * 1500 + 8192 * 100


def test_the_articles_page_says_where_else_it_ran(newsrooms: Newsrooms) -> None:
    """The original's page lists its copies, a copy's page its original, each with what differs."""
    newsrooms.run(FIRST, TEXT)
    newsrooms.run(SECOND, f"{INTRO}\n\n{TEXT}")
    with serving(newsrooms.redis, newsrooms.keys) as web:
        first = web.get(f"/article/{link_id(FIRST)}").text
        second = web.get(f"/article/{link_id(SECOND)}").text
    assert f"/article/{link_id(SECOND)}" in first
    assert "two.test" in first
    assert f"/article/{link_id(FIRST)}" in second
    assert "a copy" in second


def test_looking_changes_nothing_and_the_bar_can_be_moved(newsrooms: Newsrooms) -> None:
    """A dry run finds what is a copy under another similarity, and later articles do not find it."""
    newsrooms.run(FIRST, TEXT)
    entries: Any = newsrooms.redis.xrange(newsrooms.keys.stream)
    first = Article.model_validate(json.loads(entries[0][1][b"event"])["data"])
    half = TEXT[: len(TEXT) * 6 // 10] + OTHER[: len(OTHER) * 6 // 10]
    later = first.model_copy(
        update={
            "id": "b" * 16,
            "text": half,
            "source": first.source.model_copy(update={"domain": "two.test"}),
        }
    )
    before = sorted(newsrooms.redis.scan_iter("*"))
    strict = Copies(newsrooms.redis, newsrooms.keys, window_days=3, similarity=0.9)
    lax = Copies(newsrooms.redis, newsrooms.keys, window_days=3, similarity=0.3)
    assert strict.original(later, record=False) is None
    found = lax.original(later, record=False)
    assert found is not None
    assert found.of == first.id
    assert sorted(newsrooms.redis.scan_iter("*")) == before
