"""Seeing how feeds do: their states in lists, metrics and doctor, their history, and the dry run."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.core import Metric
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from typer.testing import CliRunner, Result

from jobs.entry import Entry
from jobs.errors import PalmyraError
from jobs.keys import Keys
from jobs.ledger import Ledger
from tests.polling import XML, World, feed_of, one_server, rss
from tests.server import Request, Response, TestServer, redirect
from worker import metrics
from worker.cli import app
from worker.collector import RedisCollector
from worker.embedded import EmbeddedRedis
from worker.feeds import history
from worker.feeds.poller import links_of
from worker.feeds.registry import Feed
from worker.feeds.rhythm import Rhythm
from worker.feeds.tally import Tally

Palmyra = Callable[..., Result]
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server: what differs between two is the ledger's to test."""
    with one_server() as server:
        yield server


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer) -> World:
    """A poller and what it acts on."""
    return World(redis, keys, server, None)


@pytest.fixture
def palmyra(
    redis: Redis, redis_server: EmbeddedRedis, keys: Keys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Palmyra:
    """`palmyra feeds`; `fails` is the error that it ends with."""
    monkeypatch.chdir(tmp_path)
    options = {"REDIS_URL": redis_server.url, "NAMESPACE": keys.namespace, "HOST_DELAY": "0"}
    for name, value in (options | {"ALLOW_NETWORKS": "127.0.0.0/8"}).items():
        monkeypatch.setenv(f"PALMYRA_{name}", value)

    def run(*arguments: str, fails: type[Exception] | None = None) -> Result:
        result = CliRunner().invoke(app, ["feeds", *arguments])
        if fails:
            assert isinstance(result.exception, fails), (result.output, result.exception)
        else:
            assert result.exit_code == 0, (result.output, result.exception)
        return result

    return run


def register(world: World, name: str, **known: Any) -> Feed:
    """A feed that was polled an hour ago, and of which this is known."""
    url = f"https://{name}.test/rss"
    world.registry.add(url, title=name)
    feed = world.feed(url)
    now_ms = int(time.time() * 1000)
    usual = {"polled": now_ms - 3_600_000, "next": now_ms + 3_600_000, "interval": 7_200}
    world.redis.hset(world.keys.feed(feed.id), mapping=usual | known)
    return world.feed(url)


@pytest.fixture
def newsstand(world: World) -> dict[str, Feed]:
    """A feed of each kind."""
    now_ms = int(time.time() * 1000)
    recent = Rhythm(now_ms // 1000 - 86_400, now_ms // 1000 - 7_200, links=10, times=10, days=1).text
    return {
        "ok": register(world, "ok", rhythm=recent, tags="europe,politics"),
        "failing": register(world, "failing", failures=4, reason="dns", error="no name", rhythm=recent),
        "silent": register(world, "silent", silent=now_ms - 3 * DAY_MS, tags="europe"),
        "stale": register(world, "stale", polled=now_ms - 3 * DAY_MS, added=now_ms - 9 * DAY_MS),
        "gone": register(world, "gone", gone=now_ms - DAY_MS, failures=30),
        "paused": register(world, "paused", paused=1, failures=1),
        "gappy": register(world, "gappy", gaps=2, last_gap=now_ms - 60_000),
    }


# -- list ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["gone", "failing", "stale", "silent", "gappy", "ok", "paused"]),
        (("--failing",), ["failing"]),
        (("--silent",), ["silent"]),
        (("--stale",), ["stale"]),
        (("--gone",), ["gone"]),
        (("--paused",), ["paused"]),
        (("--gaps",), ["gappy"]),
        (("--failing", "--silent", "--gaps"), ["failing", "silent", "gappy"]),
        (("--tag", "europe"), ["silent", "ok"]),
        (("--tag", "europe", "--tag", "politics"), ["ok"]),
        (("--tag", "europe", "--silent"), ["silent"]),
        (("--host", "ok.test", "--host", "GONE.test"), ["gone", "ok"]),
        (("--host", "test", "--paused"), ["paused"]),
        (("--host", "k.test"), []),
    ],
)
def test_lists_can_be_narrowed(
    palmyra: Palmyra, newsstand: dict[str, Feed], options: tuple[str, ...], expected: list[str]
) -> None:
    """States add up, tags and hosts narrow down; those that need an operator come first."""
    listed = [json.loads(line) for line in palmyra("list", *options, "--json").stdout.splitlines()]
    assert [feed["title"] for feed in listed] == expected
    assert all(feed["title"] in ("gappy", feed["state"]) for feed in listed)
    table = palmyra("list", *options).stdout.splitlines()
    assert [line.split()[2] for line in table[1:]] == expected


def test_the_demos_feeds_are_listed_when_asked_for(palmyra: Palmyra, world: World) -> None:
    """They are not registered ones; a new user is told how to see them."""
    world.registry.add("http://127.0.0.1/demo", title="Demo", demo=True)
    assert "No feed is registered." in palmyra("list").stdout
    assert "--demo" in palmyra("list").stdout
    assert "Demo" in palmyra("list", "--demo").stdout


# -- show ----------------------------------------------------------------------------------------------------


def test_show_tells_a_feeds_polls_from_the_newest_on(
    palmyra: Palmyra, world: World, server: TestServer
) -> None:
    """What each came to, how long it took, its bytes; through a failure and a gap."""
    answers = [
        feed_of(1, 2, 3, ETag='"1"'),
        Response(status=304),
        feed_of(2, 3, 4, ETag='"2"'),
        feed_of(2, 3, 4, ETag='"3"'),
        Response(status=403),
        feed_of(7, 8, 9),
    ]
    url = world.add("/feed")
    for answer in answers:
        server.route("/feed", answer)
        world.poll(url)
    told = json.loads(palmyra("show", url, "--json").stdout)
    newest_first = [(poll["came"], poll["status"], poll["new"], poll["listed"]) for poll in told["history"]]
    assert newest_first == [
        ("gap", 200, 3, 3),
        ("forbidden", 403, 0, 0),
        ("same_body", 200, 0, 0),
        ("new", 200, 1, 3),
        ("not_modified", 304, 0, 0),
        ("new", 200, 3, 3),
    ]
    assert [poll["size_bytes"] for poll in told["history"]][-1] == len(rss(1, 2, 3))
    assert all(abs(poll["at"] / 1000 - time.time()) < 120 for poll in told["history"])
    assert (told["state"], told["gaps"], told["listed"]) == ("ok", 1, 3)
    assert len(told["rhythm"]["hours_utc"]) == 24
    text = palmyra("show", url).stdout
    for words in ("403", "304, not modified", "1 new of 3 links", "3 new of 3 links, a gap", "by hour"):
        assert words in text
    assert "1 of the last 6 polls: forbidden 1" in text
    assert told["because"] in text


def test_show_tells_what_is_wrong_and_since_when(palmyra: Palmyra, newsstand: dict[str, Feed]) -> None:
    """The state in words, the last error and how often, where it moves to."""
    failing = palmyra("show", newsstand["failing"].id).stdout
    assert re.search(r"^state +failing: its last poll failed$", failing, re.M)
    assert re.search(r"^error +dns: no name$", failing, re.M)
    assert "failed polls in a row: 4; last good one: 20" in failing
    assert "since 20" in palmyra("show", newsstand["silent"].id).stdout
    assert "next poll   none" in palmyra("show", newsstand["paused"].id).stdout


def test_show_masks_where_a_feed_moves_to(palmyra: Palmyra, world: World) -> None:
    """A redirect may lead to a URL with a token in it."""
    feed = register(world, "mover", moving="1790000000000 2 https://new.test/rss?token=hunter2")
    text, as_json = palmyra("show", feed.id).stdout, palmyra("show", feed.id, "--json").stdout
    assert "https://new.test/rss?token=***" in text
    assert json.loads(as_json)["moving"]["polls"] == 2
    assert "hunter2" not in text + as_json


# -- history and metrics -------------------------------------------------------------------------------------


def test_a_feeds_history_stays_small(world: World) -> None:
    """Twenty polls at most, in under 400 bytes."""
    url = world.add("/feed", feed_of(1, 2))
    for number in range(23):
        world.server.route("/feed", Response(status=500 + number))
        world.poll(url)
    kept: Any = world.redis.hget(world.keys.feed(world.feed(url).id), "history")
    assert len(kept) < 400
    assert [past.status for past in history.parse(kept.decode())] == list(range(503, 523))


def gathered(world: World) -> dict[str, Metric]:
    collector = RedisCollector(world.redis, world.keys, world.ledger, world.registry)
    return {metric.name: metric for metric in collector.collect()}


def values(metric: Metric) -> dict[str, float]:
    """Label values → value, of labelled samples."""
    return {",".join(sample.labels.values()): sample.value for sample in metric.samples if sample.labels}


def test_feeds_are_counted_by_state(world: World, newsstand: dict[str, Feed]) -> None:
    """Each in one, so that they add up."""
    states = values(gathered(world)["palmyra_feeds"])
    assert sum(states.values()) == len(newsstand)
    assert states == {
        "ok": 2, "failing": 1, "silent": 1, "stale": 1, "gone": 1, "paused": 1, "new": 0, "moving": 0,
    }  # fmt: skip


def test_polls_are_counted_by_what_they_came_to(world: World) -> None:
    """By all pollers together, with how long they took; a gap is one more in its own metric."""
    good = world.add("/good", feed_of(1, 2, ETag='"1"'))
    bad = world.add("/bad", Response(status=500))
    world.poll(good, bad)
    world.server.route("/good", feed_of(5, 6))
    world.poll(good, bad)
    found = gathered(world)
    assert values(found["palmyra_polls"]) == {"new": 1, "gap": 1, "server_error": 2}
    (gaps,) = found["palmyra_feed_gaps"].samples
    assert gaps.value == 1
    seconds = {sample.name: sample for sample in found["palmyra_poll_seconds"].samples}
    assert seconds["palmyra_poll_seconds_count"].value == 4
    buckets = [s.value for s in found["palmyra_poll_seconds"].samples if s.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 4


def test_counts_that_can_not_be_written_are_kept(redis: Redis, keys: Keys) -> None:
    """A Redis that is away for a while costs no count."""
    with Redis(port=1) as absent:
        tally = Tally(absent, keys)
        tally.count(history.Past(0, history.NEW, 70))
        with pytest.raises(RedisConnectionError):
            tally.write()
    tally._redis = redis
    tally.count(history.Past(0, history.NEW, 60_000))
    tally.write()
    tally.write()
    raw: Any = redis.hgetall(keys.polls)
    assert raw == {b"came:new": b"2", b"within:100": b"1", b"within:inf": b"1", b"took_ms": b"60070"}


def test_every_feed_metric_is_declared() -> None:
    """In the one place, so that the documentation can be checked against it."""
    assert set(metrics.FEED) <= set(metrics.ALL)


# -- check ---------------------------------------------------------------------------------------------------


def conditional(body: bytes, **headers: str) -> Callable[[Request], Response]:
    """A feed whose ETag works."""

    def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == '"1"':
            return Response(status=304, headers={"ETag": '"1"'})
        return Response(body=body, headers={"ETag": '"1"', **headers}, content_type=XML)

    return answer


def test_check_says_what_a_poll_would_do_and_does_not_do_it(
    palmyra: Palmyra, world: World, server: TestServer
) -> None:
    """Answer, document, links, next poll and why; nothing is written to Redis but the host's slot."""
    server.route("/feed", conditional(rss(1, 2, 3, extra="<ttl>60</ttl>")))
    told = json.loads(palmyra("check", server.url("/feed"), "--json").stdout)
    assert (told["status"], told["format"], told["title"], told["error"]) == (200, "rss20", "News", None)
    assert (told["validators_work"], told["ttl_s"], told["registered"]) == (True, 3600, None)
    assert (told["links"], told["backfill"]) == ({"new": 3}, "50")
    assert told["next"]["in_s"] > 0
    assert "polled for the first time" in told["next"]["because"]
    assert [entry["verdict"] for entry in told["entries"]] == ["new"] * 3
    text = palmyra("check", server.url("/feed")).stdout
    for words in ("status 200", "304, they work", "3 links: 3 new", "polls every 60 min", "registered  no"):
        assert words in text
    assert [line.headers.get("if-none-match") for line in server.requests] == [None, '"1"'] * 2
    keys: Any = world.redis.keys(f"{world.keys.namespace}:*")
    kept = {key.decode().split(":")[1] for key in keys}
    assert kept <= {"slot", "time"}


def test_check_knows_what_is_known(palmyra: Palmyra, world: World, server: TestServer) -> None:
    """Against the ledger and the feed's own memory: as the next poll then finds it."""
    world.registry.add(server.url("/feed"), backfill="2")
    url = server.url("/feed")
    server.route("/feed", feed_of(1, 2, 3))
    world.poll(url)
    again = json.loads(palmyra("check", url, "--json").stdout)
    assert (again["same_document"], again["registered"]) == (True, world.feed(url).id)
    server.route("/feed", Response(body=rss(4, 1, 2, 3).replace(b"Story 1", b"Another"), content_type=XML))
    told = json.loads(palmyra("check", url, "--json").stdout)
    assert told["links"] == {"new": 1, "changed": 1, "known": 1, "left before": 1}
    assert told["next"]["because"].startswith("1 new link")
    world.poll(url)
    (newest, *_) = history.parse(world.feed(url).history)[::-1]
    assert (newest.new, newest.listed) == (1, 4)


def made(url: str, title: str = "A story") -> Entry:
    return Entry(url, title=title)


def test_what_is_foreseen_is_what_discover_does(redis: Redis, keys: Keys) -> None:
    """Without writing anything."""
    ledger = Ledger(redis, keys, reopen_after_s=0)
    document = [f"https://news.test/{n}" for n in range(4)]
    links = links_of(made(url) for url in document)
    assert ledger.foresee("feed", links[:3], links[3:]) == {
        **dict.fromkeys((link.id for link in links[:3]), "new"),
        links[3].id: "left",
    }
    assert redis.keys(f"{keys.namespace}:link:*") == []
    ledger.discover("feed", links[:3], links[3:])
    changed = links_of([made(document[0], "Other"), *(made(url) for url in document[1:])])
    verdicts = ledger.foresee("feed", changed)
    assert list(verdicts.values()) == ["changed", "known", "known", "left before"]
    assert set(ledger.foresee("other", changed).values()) == {"known", "new"}


def test_check_explains_redirects_and_oddities(palmyra: Palmyra, server: TestServer) -> None:
    """Where a feed moved to for good, and what its publisher gets wrong."""
    server.route("/old", redirect("/new", 301))
    body = rss(1, 2).replace(b"https://news.test/", b"/story/")
    server.route("/new", Response(body=body, headers={"ETag": '"1"'}, content_type="text/html"))
    text = palmyra("check", server.url("/old")).stdout
    for words in ("301 from", "becomes its URL", "text/html", "relative links: 2", "no entry has a date"):
        assert words in text
    assert "its validators do not work" in text


def test_check_of_what_fails_says_when_it_is_asked_again(palmyra: Palmyra, server: TestServer) -> None:
    """Its reason word, and the wait that follows from it; the exit code is a failure's."""
    server.route("/feed", Response(status=429, headers={"Retry-After": "7200"}))
    result = palmyra("check", server.url("/feed"), fails=PalmyraError)
    assert "rate_limited" in result.stdout
    assert "about 2 h" in result.stdout


def test_check_needs_no_redis(palmyra: Palmyra, server: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It then says what it can't know."""
    monkeypatch.setenv("PALMYRA_REDIS_URL", "redis://127.0.0.1:1/0")
    server.route("/feed", feed_of(1, 2))
    text = palmyra("check", server.url("/feed")).stdout
    assert "2 links: 2 new" in text
    assert "without Redis it can't be said which are known" in text
