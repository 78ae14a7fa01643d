"""Politeness, as the sites see it: their log while two fetch processes and a poller work, all real.

One run of some seconds, in which each site is a domain of its own (an address) with its own wishes.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis import Redis

from jobs.keys import Keys
from jobs.ledger import Ledger
from jobs.link import Story
from jobs.urls import link_id
from tests.acceptance.system import wait_for
from tests.calls import HTML
from tests.polling import one_server
from tests.server import Request, Response, TestServer, redirect
from worker.feeds.registry import Registry, feed_id

HOST_DELAY_S = 1.0
CRAWL_DELAY_S = 2.0
LATE_S = 0.4
"""How much later than it was let go a request may reach the log, on a busy machine."""
PLAIN, OTHER, SLOW, WALLED, TIRED = (f"127.0.0.{n}" for n in range(11, 16))
PAGES = {
    PLAIN: [f"/{n}" for n in range(6)],
    OTHER: [f"/{n}" for n in range(6)],
    SLOW: ["/0", "/1", "/2"],
    WALLED: ["/private/0", "/0", "/private/1", "/1", "/to-private", "/private/2"],
    TIRED: ["/0", "/1", "/2"],
}
ROBOTS = {
    SLOW: Response(body=b"User-agent: *\nCrawl-delay: %g" % CRAWL_DELAY_S, content_type="text/plain"),
    WALLED: Response(body=b"User-agent: Palmyra\nDisallow: /private", content_type="text/plain", delay_s=1.5),
}
FEED_EVERY_S = 4.0


@dataclass
class Town:
    """The sites, what was asked of them, and what became of the links."""

    server: TestServer
    stories: dict[str, Story] = field(default_factory=dict)
    """By URL."""
    pauses: list[tuple[float, float]] = field(default_factory=list)
    """From when until when the tired site asked to be left alone."""

    def at(self, host: str) -> list[Request]:
        """What was asked of a site, in order."""
        return [one for one in self.server.requests if one.headers["host"].partition(":")[0] == host]

    def in_turn(self, host: str) -> list[Request]:
        """The same without what rides along: robots.txt, and where redirects lead."""
        return [one for one in self.at(host) if one.path not in ("/robots.txt", "/landed")]

    def told(self) -> str:
        """The log and the links' ways, for failures."""
        start_s = self.server.requests[0].at_s if self.server.requests else 0.0
        lines = [
            f"{host}: {[(one.path, f'{one.at_s - start_s:.2f}') for one in self.at(host)]}" for host in PAGES
        ]
        lines += [f"{url}: {[step.text for step in story.steps]}" for url, story in self.stories.items()]
        return "\n".join([*lines, f"pauses: {self.pauses}"])

    def url(self, host: str, path: str) -> str:
        return self.server.url(path, host)

    def feed(self, host: str) -> bytes:
        items = "".join(
            f"<item><title>{p}</title><link>{self.url(host, p)}</link></item>" for p in PAGES[host]
        )
        return f'<rss version="2.0"><channel><title>News</title>{items}</channel></rss>'.encode()

    def answer(self, request: Request) -> Response:
        """The sites."""
        host, path = request.headers["host"].partition(":")[0], request.path
        if path == "/feed":
            answer = Response(body=self.feed(host), content_type="text/xml")
        elif path == "/robots.txt":
            return ROBOTS.get(host, Response(status=404))
        elif path == "/to-private":
            return redirect("/private/9")
        elif host == OTHER and path == "/0":
            return redirect("/landed")
        else:
            answer = Response(body=HTML, delay_s=0.3 if host == OTHER else 0)
        return self.tire(request, answer) if host == TIRED else answer

    def tire(self, request: Request, answer: Response) -> Response:
        """The first page and the second poll are refused, for some seconds."""
        polls, pages = (
            [one for one in self.in_turn(TIRED) if (one.path == "/feed") is feed] for feed in (True, False)
        )
        place = polls.index(request) if request in polls else pages.index(request)
        refusal = {(False, 0): (429, 3), (True, 1): (503, 2)}.get((request in polls, place))
        if refusal is None:
            return answer
        status, after_s = refusal
        self.pauses.append((request.at_s, request.at_s + after_s))
        return Response(status=status, headers={"Retry-After": str(after_s)})


@contextmanager
def running(folder: Path, environment: dict[str, str], name: str, *command: str) -> Iterator[None]:
    """A process of palmyra's."""
    with (folder / name).open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "worker.cli", *command],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=out,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """All of it, when every page that may be had was had."""
    folder = tmp_path_factory.mktemp("politeness")
    with ExitStack() as stack:

        def said() -> str:
            return "\n".join(f"== {path.name}\n{path.read_text()[-1500:]}" for path in folder.iterdir())

        redis_server = stack.enter_context(one_server())
        one = Town(stack.enter_context(TestServer(hosts=list(PAGES))))
        one.server.route("*", one.answer)
        bare = {k: v for k, v in os.environ.items() if not k.startswith(("PALMYRA_", "REDIS_"))}
        environment = bare | {
            "PALMYRA_REDIS_URL": redis_server.url,
            "PALMYRA_ALLOW_NETWORKS": "127.0.0.0/8",
            "PALMYRA_HOST_DELAY": f"{HOST_DELAY_S:g}",
            "PALMYRA_FETCH_CONCURRENCY": "8",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        redis = stack.enter_context(Redis.from_url(redis_server.url))
        keys = Keys("palmyra")
        for name in ("fetch-1", "fetch-2"):
            stack.enter_context(running(folder, environment, name, "work", "fetch"))
        wait_for(lambda: len(redis.keys("rq:worker:*")) == 2, 60, said)
        for host in PAGES:
            Registry(redis, keys).add(one.url(host, "/feed"))
        stack.enter_context(running(folder, environment, "poll", "poll"))
        polled_s = time.monotonic()

        def done() -> bool:
            nonlocal polled_s
            if time.monotonic() - polled_s > FEED_EVERY_S:  # news, news
                polled_s = time.monotonic()
                redis.zadd(keys.feeds, {feed_id(one.url(host, "/feed")): 0 for host in PAGES})
            ledger = Ledger(redis, keys)
            one.stories = {
                url: story
                for host, paths in PAGES.items()
                for url in (one.url(host, path) for path in paths)
                if (story := ledger.story(link_id(url)))
            }
            fetched = [story.stage == "article" or story.outcome for story in one.stories.values()]
            return len(fetched) == sum(map(len, PAGES.values())) and all(fetched) and len(one.pauses) == 2

        wait_for(done, 60, lambda: f"{one.told()}\n{said()}")
        yield one


def said_of(story: Story) -> str:
    """A link's way, as `why` tells it."""
    return "\n".join(step.text for step in story.steps)


def gaps(requests: list[Request]) -> list[float]:
    """Seconds between each request and the next."""
    return [later.at_s - earlier.at_s for earlier, later in itertools.pairwise(requests)]


@pytest.mark.parametrize("host", PAGES)
def test_requests_to_a_domain_keep_their_distance(town: Town, host: str) -> None:
    """Whoever sends them: the poller and both fetch processes keep the delay among each other."""
    asked = town.in_turn(host)
    polls = [one for one in asked if one.path == "/feed"]
    assert len(polls) >= 2
    assert len(asked) > len(polls)
    assert min(gaps(asked)) >= HOST_DELAY_S - LATE_S
    assert asked[-1].at_s - asked[0].at_s >= (len(asked) - 1) * HOST_DELAY_S - LATE_S


def test_both_fetch_processes_take_part(town: Town) -> None:
    """What the log shows is the politeness of them together."""
    began = [step.text.rpartition(" ")[2] for story in town.stories.values() for step in story.steps]
    assert len({name for name in began if "fetch" in name}) >= 2, began


def test_crawl_delay_is_obeyed(town: Town) -> None:
    """From the first page on, with which the site's robots.txt was read: by polls, too."""
    asked = town.in_turn(SLOW)
    first = next(place for place, one in enumerate(asked) if one.path != "/feed")
    assert len(asked[first:]) >= 3
    assert min(gaps(asked[first:])) >= CRAWL_DELAY_S - LATE_S


def test_robots_txt_is_obeyed(town: Town) -> None:
    """Nothing disallowed is asked for, nor where a redirect leads to it; `why` says what became of it."""
    paths = [one.path for one in town.at(WALLED)]
    assert not [path for path in paths if path.startswith("/private")]
    assert {"/0", "/1", "/to-private"} <= set(paths)
    for path in ("/private/0", "/private/1", "/private/2", "/to-private"):
        story = town.stories[town.url(WALLED, path)]
        assert (story.outcome, story.reason) == ("skipped", "robots")
        assert story.detail is not None
        assert story.detail.startswith(f"{WALLED}:{town.server.port}: disallowed for Palmyra")
    assert town.stories[town.url(WALLED, "/1")].stage == "article"


def test_robots_txt_is_asked_for_before_any_page_and_rarely(town: Town) -> None:
    """Once by each process at the most; the feed, which the operator subscribed to, does not wait for it."""
    for host in PAGES:
        paths = [one.path for one in town.at(host) if one.path != "/feed"]
        assert paths[0] == "/robots.txt"
        assert paths.count("/robots.txt") <= 2


def test_nothing_is_sent_while_a_site_wants_peace(town: Town) -> None:
    """A 429 to a page and a 503 to a poll, with Retry-After: poller and fetch processes heed both."""
    for start_s, end_s in town.pauses:
        inside = [one for one in town.at(TIRED) if start_s < one.at_s < end_s]
        assert inside == []
        assert [one for one in town.at(TIRED) if one.at_s >= end_s], "and then it goes on"


def test_a_refused_page_waits_in_the_ledger(town: Town) -> None:
    """It says how long, and no worker waits with it: the second attempt is another job."""
    refused = [story for story in town.stories.values() if "status 429" in said_of(story)]
    assert len(refused) == 1
    assert "rate_limited, again in 3 s" in said_of(refused[0])
    assert refused[0].attempt >= 2
