"""The two jobs of a link, on a real ledger: each thing that can happen ends in the outcome it should."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis
from rq.timeouts import JobTimeoutException

from jobs import tasks as tasks_module
from jobs.entry import Entry, FeedInfo
from jobs.errors import Outcome, Permanent, Reason, Retry, Skip
from jobs.fetch import Moved, NotModified
from jobs.fetch_stage import Stopping
from jobs.keys import ARTICLE, FETCH, Keys
from jobs.ledger import Ledger
from jobs.link import OUTCOMES, Found, Lease, Story
from jobs.page import Page
from jobs.reopening import How
from jobs.retries import SHORT_STEPS_S, STEPS_S
from jobs.stage import MAX_HOPS, Download
from jobs.tasks import Tasks, install
from jobs.urls import link_id
from jobs.validators import Validators
from worker.dead_job import dead_job_maker

FEED = "feedaaaaaa"
URL = "https://one.test/story"
LINK = link_id(URL)
TEXT = "The caravan road from the coast crossed the desert in nine days, and each day had its well. " * 12
BODY = f"<html><body><article><h1>Wells</h1><p>{TEXT}</p><p>{TEXT}</p></article></body></html>".encode()


ENTRY = Entry(URL, title="Wells of the desert")


def page(url: str = URL, body: bytes = BODY) -> Page:
    return Page(url, url, 200, body, "text/html; charset=utf-8", 1_700_000_000_000, took_ms=12, address="::1")


def answers(answer: Page | Moved | NotModified | BaseException) -> Download:
    """A download that gives this, whatever is asked for."""

    def download(url: str, validators: Validators | None = None) -> Page | Moved | NotModified:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return download


class World:
    """A link in a real ledger, and the workers that take it through."""

    def __init__(self, redis: Redis, keys: Keys, lease_s: float = 60, entry: Entry = ENTRY) -> None:
        self.redis = redis
        self.keys = keys
        self.ledger = Ledger(redis, keys, lease_s=lease_s)
        self.ledger.discover(FEED, [Found(LINK, URL, "one.test", 1_000_000, entry)])

    def tasks(
        self, download: Download, infos: Callable[[tuple[str, ...]], list[FeedInfo]] = lambda ids: []
    ) -> Tasks:
        return Tasks(self.ledger, download, infos, dead_job_maker(self.redis, self.keys), "w1")

    def lease(self) -> Lease:
        """Hand the link out, as if its wait were over."""
        if self.redis.zscore(self.keys.later, LINK) is not None:
            self.redis.zadd(self.keys.later, {LINK: 0})
        self.redis.delete(self.keys.slot("one.test"), self.keys.slot("two.test"))
        handout = self.ledger.lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9)
        (lease,) = handout.leases
        return lease

    def fetch(self, answer: Page | Moved | NotModified | BaseException) -> str:
        """One attempt of the fetch job."""
        lease = self.lease()
        assert lease.stage == FETCH
        return self.tasks(answers(answer)).fetch(LINK, lease.attempt)

    def article(self, infos: Callable[[tuple[str, ...]], list[FeedInfo]] = lambda ids: []) -> str:
        """One attempt of the article job."""
        lease = self.lease()
        assert lease.stage == ARTICLE
        return self.tasks(answers(AssertionError("no download")), infos).article(LINK, lease.attempt)

    def story(self) -> Story:
        story = self.ledger.story(LINK)
        assert story is not None
        totals = self.ledger.totals()
        assert totals["discovered"] == sum(totals[o] for o in OUTCOMES) + totals["in_flight"]
        return story

    def events(self) -> list[dict[str, Any]]:
        entries: Any = self.redis.xrange(self.keys.stream)
        return [json.loads(fields[b"event"]) for _, fields in entries]


@pytest.fixture
def world(redis: Redis, keys: Keys) -> World:
    return World(redis, keys)


def test_a_link_becomes_one_event(world: World) -> None:
    """Fetched, kept with what the feed said of it, extracted, published, closed."""
    assert world.fetch(page()) == "stored"
    kept = Page.unpack(world.ledger.page(LINK) or b"")
    assert (kept.body, kept.entry) == (BODY, Entry(URL, title="Wells of the desert"))
    assert world.article(lambda ids: [FeedInfo(ids[0], "https://one.test/feed", "One")]) == "published"
    (event,) = world.events()
    assert (event["type"], event["subject"]) == ("news.article.published.v1", LINK)
    assert event["data"]["feeds"] == [{"id": FEED, "url": "https://one.test/feed", "title": "One"}]
    assert event["data"]["timings"]["fetch_ms"] == 12
    assert world.story().outcome == "published"


def test_an_outcome_that_skips_closes_the_link(world: World) -> None:
    """It is no article and never will be: no further attempt, not in the dead letter."""
    assert world.fetch(Skip(Reason.NOT_HTML, "one.test: a picture")) == "skipped: not_html"
    story = world.story()
    assert (story.outcome, story.reason, story.detail) == ("skipped", "not_html", "one.test: a picture")
    assert list(world.ledger.dead()) == []


def test_a_permanent_outcome_fails_the_link(world: World) -> None:
    """Into the dead letter and, as a failed job, into RQ."""
    assert world.fetch(Permanent(Reason.NOT_FOUND, "one.test: status 404")) == "failed: not_found"
    assert (world.story().outcome, world.story().reason) == ("failed", "not_found")
    assert [story.link_id for story in world.ledger.dead()] == [LINK]
    assert world.redis.zcard(f"rq:failed:{world.keys.queue(FETCH)}") == 1


@pytest.mark.parametrize(
    ("reason", "steps"), [(Reason.SERVER_ERROR, STEPS_S), (Reason.EMPTY, SHORT_STEPS_S)], ids=str
)
def test_a_retry_is_put_off_step_by_step_and_then_given_up(
    world: World, reason: Reason, steps: tuple[int, ...]
) -> None:
    """Each wait is the step's, with jitter; the attempt after the last one fails the link for that reason."""
    for step_s in steps:
        assert world.fetch(Retry(reason, "one.test")) == f"later: {reason}"
        story = world.story()
        assert (story.state, story.outcome) == ("later", None)
        assert step_s - 5 < (story.due_ms or 0) / 1000 - time.time() <= step_s * 1.2
    assert world.fetch(Retry(reason, "one.test")) == f"failed: {reason}"
    assert (world.story().outcome, world.story().reason) == ("failed", reason)


def test_retry_after_holds_for_the_whole_host(world: World) -> None:
    """The link and its host wait as long as the site asked; without it the host is not blocked."""
    assert world.fetch(Retry(Reason.SERVER_ERROR, "one.test")) == "later: server_error"
    assert world.ledger.reserve("one.test", 0) == 0
    assert world.fetch(Retry(Reason.RATE_LIMITED, "one.test", after_s=7200)) == "later: rate_limited"
    assert 7195 < (world.story().due_ms or 0) / 1000 - time.time() <= 7200
    assert world.ledger.reserve("one.test", 0) > 7190


def test_a_site_that_asks_for_fewer_requests_gets_fewer(world: World) -> None:
    """A 429 that does not say for how long holds its whole host for the first step of the back-off."""
    assert world.fetch(Retry(Reason.RATE_LIMITED, "one.test")) == "later: rate_limited"
    assert STEPS_S[0] - 5 < world.ledger.reserve("one.test", 0) <= STEPS_S[0] * 1.2


def test_a_move_to_another_domain_goes_back_to_the_ledger(world: World) -> None:
    """The link waits in the other domain's lane, is fetched there, and keeps its own URL and try count."""
    assert world.fetch(Moved("https://two.test/story", (URL,))) == "moved"
    lease = world.lease()
    assert (lease.host, lease.url) == ("two.test", "https://two.test/story")
    asked: list[str] = []

    def download(url: str, validators: Validators | None = None) -> Page:
        asked.append(url)
        return page(url)

    assert world.tasks(download).fetch(LINK, lease.attempt) == "stored"
    assert asked == ["https://two.test/story"]
    assert Page.unpack(world.ledger.page(LINK) or b"").url == URL
    assert world.article() == "published"
    urls = world.events()[0]["data"]["urls"]
    assert (urls["found"], urls["final"]) == (URL, "https://two.test/story")


def test_moves_in_a_circle_come_to_an_end(world: World) -> None:
    """After so many domains it is a redirect loop."""
    for hop in range(MAX_HOPS):
        assert world.fetch(Moved(f"https://{'two' if hop % 2 == 0 else 'one'}.test/x", (URL,))) == "moved"
    assert world.fetch(Moved("https://two.test/x", (URL,))) == "failed: redirect_loop"
    assert "from domain to domain" in (world.story().detail or "")


def test_a_page_that_is_gone_is_fetched_again(world: World) -> None:
    """It expired, or went under memory pressure: the link goes back a stage, and on as before."""
    world.fetch(page())
    world.redis.delete(world.keys.page(LINK))
    assert world.article() == "refetch"
    assert (world.story().stage, world.story().state) == (FETCH, "ready")
    assert world.fetch(page()) == "stored"
    assert world.article() == "published"


def test_a_page_that_is_always_gone_is_given_up(world: World) -> None:
    """Not for ever: the link fails as `page_lost`."""
    for _ in range(MAX_HOPS):
        world.fetch(page())
        world.redis.delete(world.keys.page(LINK))
        assert world.article() == "refetch"
    world.fetch(page())
    world.redis.delete(world.keys.page(LINK))
    assert world.article() == "failed: page_lost"


def test_a_stopping_worker_hands_its_link_back(world: World) -> None:
    """At once, and without counting the attempt, however often workers are restarted."""
    for _ in range(len(STEPS_S) + 2):
        assert world.fetch(Stopping()) == "released"
        assert world.story().state == "ready"
    assert "w1 is stopping" in " ".join(step.text for step in world.story().steps)
    assert world.fetch(Retry(Reason.SERVER_ERROR, "one.test")) == "later: server_error"
    assert (world.story().due_ms or 0) / 1000 - time.time() < 80, "it is the first try that failed"


def test_a_page_without_an_article_is_an_outcome_too(world: World) -> None:
    """What extraction makes of a page ends the link as what the article stage says, with its reason."""
    world.fetch(page(body=b"<html><body></body></html>"))
    outcome = world.article()
    story = world.story()
    assert story.state == "closed"
    assert (outcome.partition(": ")[0], story.reason) == (story.outcome, Reason.NO_TEXT)
    assert world.events() == []


@pytest.mark.parametrize("error", [MemoryError(), JobTimeoutException("10 s")], ids=["memory", "time"])
def test_exceeding_the_limits_twice_is_too_complex(world: World, error: Exception) -> None:
    """Once may be the machine's fault; the second time it is the page's, and the link fails."""

    def exceed(ids: tuple[str, ...]) -> list[FeedInfo]:
        raise error

    world.fetch(page())
    assert world.article(exceed) == "again"
    assert (world.story().state, world.story().outcome) == ("ready", None)
    assert world.article(exceed) == "enough"
    assert (world.story().outcome, world.story().reason) == ("failed", Reason.TOO_COMPLEX)
    assert world.redis.zcard(f"rq:failed:{world.keys.queue(FETCH)}") == 1


def test_one_time_too_many_is_forgiven(world: World) -> None:
    """After one such failure the page may still be published."""

    def exceed(ids: tuple[str, ...]) -> list[FeedInfo]:
        raise MemoryError

    world.fetch(page())
    assert world.article(exceed) == "again"
    assert world.article() == "published"


def test_a_bug_is_not_an_outcome(world: World) -> None:
    """What nobody foresaw escapes the job, so that RQ shows it, and the link stays open."""

    def bug(ids: tuple[str, ...]) -> list[FeedInfo]:
        raise KeyError("bug")

    world.fetch(page())
    with pytest.raises(KeyError):
        world.article(bug)
    assert world.story().outcome is None
    with pytest.raises(AssertionError):
        World(world.redis, Keys("other")).fetch(AssertionError("bug"))


@pytest.mark.parametrize(
    "answer",
    [
        page(),
        Moved("https://two.test/", (URL,)),
        Skip(Reason.NOT_HTML),
        Permanent(Reason.GONE),
        Retry(Reason.TIMEOUT),
        Retry(Reason.RATE_LIMITED, after_s=5),
        Stopping(),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_an_overtaken_download_changes_nothing(
    redis: Redis, keys: Keys, answer: Page | Moved | Outcome | Stopping
) -> None:
    """Its lease ran out and another attempt has the link: whatever it brings comes to nothing."""
    world = World(redis, keys, lease_s=0.02)
    first = world.lease()

    def slow(url: str, validators: Validators | None = None) -> Page | Moved | NotModified:
        time.sleep(0.03)
        assert world.lease().attempt == first.attempt + 1
        return answers(answer)(url)

    assert world.tasks(slow).fetch(LINK, first.attempt) == "overtaken"
    story = world.story()
    assert (story.state, story.attempt, story.outcome) == ("leased", first.attempt + 1, None)
    assert not story.page_kept


def test_an_overtaken_article_publishes_nothing(redis: Redis, keys: Keys) -> None:
    """Neither one that wakes too late nor one that only starts then."""
    world = World(redis, keys, lease_s=0.05)
    world.fetch(page())
    first = world.lease()

    def slow(ids: tuple[str, ...]) -> list[FeedInfo]:
        time.sleep(0.06)
        world.lease()
        return []

    tasks = world.tasks(answers(AssertionError()), slow)
    assert tasks.article(LINK, first.attempt) == "overtaken"
    assert tasks.article(LINK, first.attempt) == "overtaken"
    assert tasks.fetch(LINK, first.attempt) == "overtaken"
    assert world.events() == []


def test_the_same_page_again_is_no_new_event(world: World) -> None:
    """A refetch that brings what is on the stream already ends as unchanged; a new text is an update."""
    world.fetch(page())
    world.article()
    for body, outcome, events in ((BODY, "unchanged", 1), (BODY.replace(b"nine", b"ten"), "published", 2)):
        world.ledger.reopen(LINK, "refetch", how=How.REFETCH)
        world.fetch(page(body=body))
        assert world.article() == outcome
        assert len(world.events()) == events
    assert world.events()[1]["type"] == "news.article.updated.v1"


def test_the_jobs_act_on_what_was_installed(world: World) -> None:
    """RQ finds functions by name; without Tasks they say that they are in the wrong process."""
    tasks_module._installed = None
    with pytest.raises(RuntimeError, match="palmyra's own workers"):
        tasks_module.fetch(LINK, 1)
    install(world.tasks(answers(Permanent(Reason.GONE))))
    lease = world.lease()
    assert tasks_module.article(LINK, lease.attempt) == "overtaken"
    assert tasks_module.fetch(LINK, lease.attempt) == "failed: gone"
    assert tasks_module.reopen(LINK) == "reopened"
    assert tasks_module.reopen(LINK) == "open already"
    assert tasks_module.reopen("nosuchlinknosuch") == "unknown link"
