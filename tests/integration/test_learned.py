"""What recurs on a site, through the jobs: learned from what was published, left out, told by `why`."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from jobs.entry import Entry
from jobs.keys import Keys
from jobs.ledger import Ledger
from jobs.link import Found
from jobs.page import Page
from jobs.recurring.memory import MAX_BYTES, Place, digest
from jobs.recurring.store import KEEP_DAYS, SiteMemories, host_of
from jobs.reopening import How
from jobs.tasks import Tasks
from jobs.urls import link_id
from tests.ledger_steps import FEED, begin, lease
from worker.dead_job import dead_job_maker

SIGN_UP = (
    "The reporting of this page is paid for by the readers of the coast who give what they can each year."
)
PLACES = ("harbour", "market", "bridge", "garden", "island", "forest")


class Site:
    """A site whose articles end with the same line, and the workers that read them."""

    def __init__(self, redis: Redis, keys: Keys, host: str = "one.test", *, learns: bool = True) -> None:
        self.redis, self.keys, self.host = redis, keys, host
        self.ledger = Ledger(redis, keys)
        self.memories = SiteMemories(redis, keys)
        self.tasks = Tasks(
            self.ledger,
            lambda url, validators=None: pytest.fail("nothing is downloaded"),
            lambda ids: [],
            dead_job_maker(redis, keys),
            "w1",
            self.memories if learns else None,
        )

    def url(self, place: str) -> str:
        return f"https://www.{self.host}/{place}"

    def body(self, place: str, ending: str = "") -> bytes:
        told = [
            f"The {place} of the town was closed on day {n}, said those of the {place} who know."
            for n in range(6)
        ]
        text = "".join(f"<p>{line}</p>" for line in (*told, ending, SIGN_UP))
        return f"<html><body><article><h1>The {place}</h1>{text}</article></body></html>".encode()

    def publish(self, place: str) -> str:
        """Take a new link through both stages."""
        url = self.url(place)
        found = Found(link_id(url), url, self.host, 1_000_000, Entry(url, title=f"The {place}"))
        self.ledger.discover(FEED, [found])
        return self.read(place, self.body(place))

    def read(self, place: str, body: bytes) -> str:
        """Both stages of an open link whose page is this."""
        url = self.url(place)
        (first,) = lease(self.ledger)
        page = Page(url, url, 200, body, "text/html; charset=utf-8", 1_700_000_000_000)
        assert self.ledger.store(begin(self.ledger, first), page.pack(), url, "fetched")
        (second,) = lease(self.ledger)
        return self.tasks.article(second.link_id, second.attempt)

    def events(self) -> list[dict[str, Any]]:
        entries: Any = self.redis.xrange(self.keys.stream)
        return [json.loads(fields[b"event"]) for _, fields in entries]

    def texts(self) -> list[str]:
        return [event["data"]["text"] for event in self.events()]

    def last_step(self, place: str) -> str:
        story = self.ledger.story(link_id(self.url(place)))
        assert story is not None
        return story.steps[-1].text


def test_from_the_third_article_on_it_is_left_out(redis: Redis, keys: Keys) -> None:
    """And the link's way tells what was, and on what evidence."""
    site = Site(redis, keys)
    assert [site.publish(place) for place in PLACES[:4]] == ["published"] * 4
    assert [SIGN_UP in text for text in site.texts()] == [True, True, False, False]
    assert all("who know." in text for text in site.texts())
    told = site.last_step(PLACES[3])
    assert "left out 21 words that recur on its site: “The reporting of this page" in told
    assert "4 of the 4 articles read" in told


def test_another_site_is_another_site(redis: Redis, keys: Keys) -> None:
    """What one site does says nothing of the next, under the same registrable domain neither."""
    for place in PLACES[:3]:
        Site(redis, keys).publish(place)
    assert host_of("https://WWW.One.test:8080/x") == "one.test"
    for host in ("two.test", "blog.one.test"):
        other = Site(redis, keys, host)
        other.publish(PLACES[0])
        assert SIGN_UP in other.texts()[-1]


def test_switched_off_nothing_is_learned(redis: Redis, keys: Keys) -> None:
    """`PALMYRA_LEARN=false`."""
    site = Site(redis, keys, learns=False)
    for place in PLACES[:4]:
        site.publish(place)
    assert all(SIGN_UP in text for text in site.texts())
    assert redis.exists(keys.site(site.host)) == 0


def test_what_was_learned_is_no_news(redis: Redis, keys: Keys) -> None:
    """A page that did not change is unchanged, though its text would now be shorter; and it counts once."""
    site = Site(redis, keys)
    for place in PLACES[:4]:
        site.publish(place)
    for outcome, body in (
        ("unchanged", site.body(PLACES[0])),
        ("published", site.body(PLACES[0], "Since then it was opened again.")),
    ):
        site.ledger.reopen(link_id(site.url(PLACES[0])), "refetch", how=How.REFETCH)
        assert site.read(PLACES[0], body) == outcome
    assert site.events()[-1]["data"]["change"] == {
        "kind": "substantive",
        "fields": ["text"],
        "added": ["Since then it was opened again."],
        "removed": [],
    }
    assert "opened again" in site.texts()[-1]
    assert SIGN_UP not in site.texts()[-1]
    assert site.memories.read(site.host).articles == 4


def test_a_memory_is_bounded_and_expires(redis: Redis, keys: Keys) -> None:
    """Less than 10 KB a site, gone when the site is silent for long."""
    memories = SiteMemories(redis, keys)
    for number in range(60):
        shared = {digest("line", f"{number // 2} {n}"): Place.MIDDLE for n in range(40)}
        own = {digest("line", f"{number} own {n}"): Place.MIDDLE for n in range(100)}
        assert memories.learn("one.test", str(number), shared | own)
    assert redis.strlen(keys.site("one.test")) == MAX_BYTES
    assert redis.memory_usage(keys.site("one.test"), samples=0) < 11_000  # type: ignore[operator]  # redis' union
    days = redis.pttl(keys.site("one.test")) / 86_400_000
    assert KEEP_DAYS - 1 < days <= KEEP_DAYS


def test_workers_that_learn_at_once_lose_nothing_that_they_claim(redis: Redis, keys: Keys) -> None:
    """Each article that was learned is there, each once, whatever came between reading and writing."""
    sign = digest("line", "all have it")

    def learn(number: int) -> bool:
        return SiteMemories(redis, keys).learn("one.test", str(number), {sign: Place.TAIL})

    with ThreadPoolExecutor(8) as pool:
        learned = list(pool.map(learn, [*range(60), *range(55, 60)]))
    memory = SiteMemories(redis, keys).read("one.test")
    assert 0 < memory.articles == learned.count(True) <= 60
    assert memory.evidence(sign).articles == memory.articles + 1
    assert memory.evidence(sign).tail == 1


def test_a_damaged_memory_is_learned_anew(redis: Redis, keys: Keys) -> None:
    """What another version wrote stops nobody."""
    memories = SiteMemories(redis, keys)
    for value in (b"x", b"\x02 of another version, longer than the head"):
        redis.set(keys.site("one.test"), value)
        assert memories.read("one.test").articles == 0
        assert memories.learn("one.test", "a", {digest("line", "a"): Place.HEAD})
    assert memories.read("one.test").articles == 1
