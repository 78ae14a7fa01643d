"""robots.txt on the wire: real downloads, a real Redis, a site's log. What is disallowed is never asked."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from redis import Redis

from jobs.client import Client
from jobs.clocks import MAX_CRAWL_ORIGINS
from jobs.errors import Outcome, Reason, Retry, Skip
from jobs.fetch import Moved
from jobs.keys import Keys
from jobs.ledger import Ledger
from jobs.page import Page
from jobs.politeness import Gate, NotNow
from jobs.robots import MAX_BYTES
from jobs.robots_cache import Copy, RobotsCache
from tests.calls import HTML, LOOPBACK
from tests.server import Request, Response, TestServer, redirect
from worker.fetcher import Downloader

HOST = "127.0.0.1"
STORY = Response(body=HTML)


def text(body: str, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body=body.encode(), headers=named, content_type="text/plain")


class Site:
    """A test server's robots.txt and pages, and fetch processes that download from it."""

    def __init__(self, redis: Redis, keys: Keys, server: TestServer) -> None:
        self.redis, self.keys, self.server = redis, keys, server
        self.ledger = Ledger(redis, keys)
        server.route("*", STORY)

    def robots(self, answer: str | Response | Callable[[Request], Response]) -> None:
        self.server.route("/robots.txt", text(answer) if isinstance(answer, str) else answer)

    @contextmanager
    def process(self, *, host_delay_s: float = 0, robots: bool = True) -> Iterator[Downloader]:
        """What a fetch process has."""
        cache = RobotsCache(self.ledger) if robots else None
        gate = Gate(self.ledger, host_delay_s=host_delay_s, robots=cache)
        with Downloader(lambda: Client(LOOPBACK), gate) as downloader:
            yield downloader

    def copy(self) -> Copy:
        packed = self.redis.get(self.keys.robots(self.server.url("")))
        assert isinstance(packed, bytes)
        copy = Copy.unpack(packed)
        assert copy is not None
        return copy

    def age(self) -> None:
        """Let the shared copy be due."""
        self.redis.set(self.keys.robots(self.server.url("")), replace(self.copy(), until_ms=0).pack())

    def free(self) -> None:
        """Let the time between two requests be over."""
        self.redis.delete(self.keys.slot(HOST), self.keys.asked(HOST), self.keys.kept(HOST))


@pytest.fixture
def site(redis: Redis, keys: Keys, server: TestServer) -> Site:
    return Site(redis, keys, server)


def outcome(process: Downloader, url: str) -> Outcome:
    with pytest.raises(Outcome) as error:
        process.download(url)
    return error.value


def test_a_disallowed_page_is_skipped_and_never_asked_for(site: Site) -> None:
    """The link's end names the host; other pages of the site are fetched, on one request for the rules."""
    site.robots(
        "User-agent: *\nDisallow: /members\n\nUser-agent: palmyra\nDisallow: /private\nAllow: /private/news"
    )
    with site.process() as process:
        skip = outcome(process, site.server.url("/private/story?id=1"))
        assert isinstance(skip, Skip)
        assert (skip.reason, skip.detail) == (
            Reason.ROBOTS,
            f"{HOST}:{site.server.port}: disallowed for Palmyra",
        )
        for path in ("/members/1", "/private/news/1"):
            assert isinstance(process.download(site.server.url(path)), Page)
    assert site.server.paths == ["/robots.txt", "/members/1", "/private/news/1"]


def test_many_downloads_at_once_share_one_request_for_the_rules(site: Site) -> None:
    """However long it takes."""
    site.robots(replace(text("User-agent: *\nDisallow: /no"), delay_s=0.3))
    with site.process() as process, ThreadPoolExecutor(64) as threads:
        urls = [site.server.url(f"/{'no' if n % 2 else 'yes'}/{n}") for n in range(64)]
        results = [threads.submit(process.download, url) for url in urls]
        assert [result.exception() is None for result in results] == [True, False] * 32
    assert site.server.paths.count("/robots.txt") == 1
    assert not any(path.startswith("/no/") for path in site.server.paths)


def test_processes_share_what_they_know(site: Site) -> None:
    """A second process, or a restarted one, asks nothing; a copy that is due is asked for once."""
    site.robots("User-agent: *\nDisallow: /no")
    for _ in range(2):
        with site.process() as process:
            assert outcome(process, site.server.url("/no")).reason is Reason.ROBOTS
    assert site.server.paths == ["/robots.txt"]
    site.age()
    site.robots("")
    with site.process() as process:
        assert isinstance(process.download(site.server.url("/no")), Page)
    assert site.server.paths == ["/robots.txt", "/robots.txt", "/no"]
    assert 0 < site.redis.pttl(site.keys.robots(site.server.url(""))) <= 30 * 86_400_000


def test_an_old_rule_in_memory_gives_way_to_a_newer_copy(site: Site) -> None:
    """A process whose own copy is due takes the one that another process has read meanwhile."""
    site.robots(text("User-agent: *\nDisallow: /no", Cache_Control="max-age=600"))
    with site.process() as process:
        assert outcome(process, site.server.url("/no")).reason is Reason.ROBOTS
        gate = process._gate
        assert gate is not None
        assert gate.robots is not None
        (origin, known), *_ = gate.robots._known.items()
        gate.robots._known[origin] = known._replace(copy=replace(known.copy, until_ms=0))
        fresh = Copy("", int(time.time() * 1000) + 60_000)
        site.redis.set(site.keys.robots(origin), fresh.pack())
        assert isinstance(process.download(site.server.url("/no")), Page)
    assert site.server.paths == ["/robots.txt", "/no"]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_without_a_robots_txt_everything_is_fetched(site: Site, status: int) -> None:
    site.robots(Response(status=status, body=b"User-agent: *\nDisallow: /"))
    with site.process() as process:
        assert isinstance(process.download(site.server.url("/a")), Page)


BROKEN = {
    "429": Response(status=429),
    "503": Response(status=503),
    "cut off": Response(body=b"User-agent: *", length=500),
    "no HTTP": Response(raw=b"hello\r\n\r\n"),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_unreachable_rules_put_links_off(site: Site, answer: Response) -> None:
    """No page is asked for, and the rules no more than once a minute; when they come, so does the page."""
    site.robots(answer)
    with site.process() as process:
        for _ in range(3):
            put_off = outcome(process, site.server.url("/a"))
            assert isinstance(put_off, Retry)
            assert put_off.reason is Reason.ROBOTS_UNREACHABLE
            assert put_off.detail.startswith(f"{HOST}:{site.server.port}: robots.txt: ")
    assert site.server.paths == ["/robots.txt"]
    assert 50 < site.copy().until_ms / 1000 - time.time() <= 60
    site.age()
    site.robots("")
    with site.process() as process:
        assert isinstance(process.download(site.server.url("/a")), Page)


def test_a_dead_host_is_called_so(site: Site) -> None:
    """Its own reason says more than that its robots.txt can't be had."""
    with TestServer() as gone:
        url = gone.url("/a")
    with site.process() as process:
        assert outcome(process, url).reason is Reason.CONNECT


def test_rules_that_become_unreachable_still_hold(site: Site) -> None:
    site.robots("User-agent: *\nDisallow: /no")
    with site.process() as process:
        process.download(site.server.url("/a"))
    site.age()
    site.robots(Response(status=500))
    with site.process() as process:
        assert outcome(process, site.server.url("/no")).reason is Reason.ROBOTS
        assert isinstance(process.download(site.server.url("/b")), Page)
    assert site.copy().failing_since_ms > 0
    assert site.server.paths == ["/robots.txt", "/a", "/robots.txt", "/b"]


def test_rules_may_be_elsewhere(site: Site) -> None:
    """Five redirects are followed, to other sites too; the rules are the first site's (RFC 9309, 2.3.1.2)."""
    with TestServer(hosts=["127.0.0.2"]) as other:
        for n in range(1, 5):
            other.route(f"/{n}", redirect(f"/{n + 1}"))
        other.route("/5", text("User-agent: *\nDisallow: /no"))
        other.route("/no", STORY)
        site.robots(redirect(other.url("/1", "127.0.0.2")))
        with site.process() as process:
            assert outcome(process, site.server.url("/no")).reason is Reason.ROBOTS
            assert isinstance(process.download(other.url("/no", "127.0.0.2")), Page)
    site.robots(redirect("/robots.txt?again"))
    site.age()
    with site.process() as process:
        assert isinstance(process.download(site.server.url("/no")), Page)


def test_redirects_are_judged_hop_by_hop(site: Site) -> None:
    """A redirect to what is disallowed is not followed; the page there is not asked for."""
    site.robots("User-agent: *\nDisallow: /no")
    site.server.route("/1", redirect("/2"))
    site.server.route("/2", redirect("/no"))
    with site.process() as process:
        assert outcome(process, site.server.url("/1")).reason is Reason.ROBOTS
    assert site.server.paths == ["/robots.txt", "/1", "/2"]


def test_a_redirect_to_another_origin_asks_there(site: Site) -> None:
    """Another port is another robots.txt (RFC 9309, 2.3), inside one domain and one turn."""
    with TestServer() as other:
        other.route("/robots.txt", text("User-agent: *\nDisallow: /no"))
        other.route("/yes", STORY)
        site.server.route("/to-no", redirect(other.url("/no")))
        site.server.route("/to-yes", redirect(other.url("/yes"), 301))
        site.robots("")
        with site.process(host_delay_s=60) as process:
            assert outcome(process, site.server.url("/to-no")).reason is Reason.ROBOTS
            site.redis.flushall()
            page = process.download(site.server.url("/to-yes"))
        assert isinstance(page, Page)
        assert (page.url, page.final_url) == (site.server.url("/to-yes"), other.url("/yes"))
        assert page.redirects == (site.server.url("/to-yes"),)
        assert other.paths == ["/robots.txt", "/yes"]


def test_a_redirect_to_another_domain_is_left_to_its_own_turn(site: Site) -> None:
    """Nothing is asked there: neither the page nor robots.txt."""
    with TestServer(hosts=["127.0.0.2"]) as other:
        to = other.url("/a", "127.0.0.2")
        site.server.route("/1", redirect("/2"))
        site.server.route("/2", redirect(to))
        with site.process() as process:
            moved = process.download(site.server.url("/1"))
        assert isinstance(moved, Moved)
        assert (moved.url, moved.hops) == (to, (site.server.url("/1"), site.server.url("/2")))
        assert other.paths == []


def test_redirects_end(site: Site) -> None:
    """In a circle or without end: one outcome, after at most nine requests."""
    site.server.route("/1", redirect("/2"))
    site.server.route("/2", redirect("/1"))
    site.server.route("*", lambda request: redirect(request.path + "x"))
    with site.process(robots=False) as process:
        assert outcome(process, site.server.url("/1")).reason is Reason.REDIRECT_LOOP
        assert len(site.server.paths) == 2
        assert outcome(process, site.server.url("/e")).reason is Reason.REDIRECT_LOOP
    assert len(site.server.paths) == 2 + 9


def test_the_operator_can_switch_it_off(site: Site) -> None:
    """Then robots.txt is not even asked for."""
    site.robots("User-agent: *\nDisallow: /")
    with site.process(robots=False) as process:
        assert isinstance(process.download(site.server.url("/a")), Page)
    assert site.server.paths == ["/a"]


def test_an_endless_file_is_read_up_to_the_limit(site: Site) -> None:
    """What its beginning says holds."""

    def endless() -> Iterator[bytes]:
        yield b"User-agent: *\nDisallow: /no\n"
        while True:
            yield b"#" * 65_536 + b"\n"

    sent = iter(endless())
    site.robots(Response(body=lambda: sent, content_type="text/plain"))
    with site.process() as process:
        assert outcome(process, site.server.url("/no")).reason is Reason.ROBOTS
        assert isinstance(process.download(site.server.url("/a")), Page)
    assert site.copy().text == "Disallow: /no"


def test_a_large_file_is_kept_whole_but_not_for_long(site: Site) -> None:
    """Half a megabyte of rules for us is obeyed; Redis keeps what does not pack well for two days."""
    rnd = random.Random(3)
    lines = [f"Disallow: /{rnd.randbytes(20).hex()}" for _ in range(9_000)]
    site.robots("User-agent: *\n" + "\n".join(lines))
    with site.process() as process:
        assert outcome(process, site.server.url(lines[-1].partition(" ")[2])).reason is Reason.ROBOTS
        assert isinstance(process.download(site.server.url("/a")), Page)
    key = site.keys.robots(site.server.url(""))
    assert 0 < site.redis.pttl(key) <= 2 * 86_400_000
    assert site.redis.strlen(key) < MAX_BYTES


def test_memory_keeps_few_origins(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The least recently used go, by number and by size; what is gone comes from Redis, not from the site."""
    monkeypatch.setattr("jobs.robots_cache.MAX_ORIGINS", 2)
    with TestServer() as second, TestServer() as third, site.process() as process:
        for one in (site.server, second, third):
            one.route("*", STORY)
            one.route("/robots.txt", text("User-agent: *\nDisallow: /no"))
            process.download(one.url("/a"))
        cache = process._gate.robots if process._gate else None
        assert cache is not None
        assert list(cache._known) == [second.url(""), third.url("")]
        process.download(site.server.url("/b"))
        assert list(cache._known) == [third.url(""), site.server.url("")]
        assert cache._chars == 2 * len("Disallow: /no")
        assert site.server.paths.count("/robots.txt") == 1
        monkeypatch.setattr("jobs.robots_cache.MAX_TEXT_CHARS", 5)
        process.download(second.url("/b"))
        assert list(cache._known) == [second.url("")]


def test_crawl_delay_is_the_hosts_delay(site: Site) -> None:
    """For polls and pages, as long as the file asks for it; the general delay holds where it is longer."""
    site.robots("User-agent: *\nCrawl-delay: 20")
    with site.process() as process:
        process.download(site.server.url("/a"))
    assert 19 < site.ledger.reserve(HOST, 1) <= 20
    assert 39 < site.ledger.reserve(HOST, 1, longest_wait_s=100) <= 40
    assert 59 < site.ledger.reserve(HOST, 30, longest_wait_s=100) <= 60
    assert 89 < site.ledger.reserve(HOST, 30, longest_wait_s=100) <= 90
    site.free()
    site.age()
    site.robots("User-agent: *\nDisallow: /no")
    with site.process() as process:
        process.download(site.server.url("/a"))
    site.free()
    assert site.ledger.reserve(HOST, 0) == 0
    assert site.ledger.reserve(HOST, 0) == 0
    assert site.redis.exists(site.keys.crawl(HOST)) == 0


def test_the_longest_crawl_delay_of_a_domain_holds(site: Site) -> None:
    """One robots.txt among several that asks for more; so many are remembered and no more."""
    for number in range(MAX_CRAWL_ORIGINS + 5):
        site.ledger.set_crawl_delay(HOST, f"http://{HOST}:{number}", 1 + number)
    assert site.redis.hlen(site.keys.crawl(HOST)) == MAX_CRAWL_ORIGINS
    longest_s = MAX_CRAWL_ORIGINS + 5
    assert longest_s - 1 < site.ledger.reserve(HOST, 0) <= longest_s
    assert 0 < site.redis.pttl(site.keys.crawl(HOST)) <= 2 * 86_400_000
    site.ledger.set_crawl_delay(HOST, "http://small", 0.5)
    assert site.redis.hlen(site.keys.crawl(HOST)) == MAX_CRAWL_ORIGINS
    assert not site.redis.hexists(site.keys.crawl(HOST), "http://small")


def test_retry_after_on_robots_txt_is_for_the_whole_host(site: Site) -> None:
    """Even where an older copy of the rules would let the page through."""
    site.robots("")
    with site.process() as process:
        process.download(site.server.url("/a"))
        site.age()
    site.robots(Response(status=503, headers={"Retry-After": "25"}))
    with site.process() as process, pytest.raises(NotNow):
        process.download(site.server.url("/b"))
    assert site.server.paths == ["/robots.txt", "/a", "/robots.txt"]
    assert 24 < site.ledger.reserve(HOST, 0) <= 25
