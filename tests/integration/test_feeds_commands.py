"""`palmyra feeds add`, `edit` and `check`, on a real Redis and a real site."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from redis import Redis
from typer.testing import CliRunner

from jobs.errors import PalmyraError
from jobs.keys import Keys
from tests.polling import one_server
from tests.server import Response, TestServer
from worker.cli import app
from worker.embedded import EmbeddedRedis
from worker.feeds.registry import Feed, Registry, feed_id

Palmyra = Callable[..., Result]

RSS = b"<rss><channel><title>News</title><item><link>/1</link></item></channel></rss>"
FEED = Response(body=RSS, content_type="application/rss+xml")
NO_FEED = Response(body=b"<html><head><title>Just a page</title></head></html>")


def page(*feeds: str) -> Response:
    links = "".join(f'<link rel="alternate" type="application/rss+xml" href="{feed}">' for feed in feeds)
    return Response(body=f"<html><head><title>The site</title>{links}</head></html>".encode())


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server: what differs between two is the ledger's to test."""
    with one_server() as server:
        yield server


@pytest.fixture
def palmyra(
    redis: Redis, redis_server: EmbeddedRedis, keys: Keys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Palmyra:
    """The command; `fails` is its expected exit code, or the error that it ends with."""
    monkeypatch.chdir(tmp_path)
    options = {"REDIS_URL": redis_server.url, "NAMESPACE": keys.namespace, "HOST_DELAY": "0"}
    for name, value in (options | {"ALLOW_NETWORKS": "127.0.0.0/8"}).items():
        monkeypatch.setenv(f"PALMYRA_{name}", value)

    def run(*arguments: str, fails: int | type[Exception] = 0, typed: str = "") -> Result:
        result = CliRunner().invoke(app, ["feeds", *arguments], input=typed)
        if isinstance(fails, int):
            assert result.exit_code == fails, (result.output, result.exception)
        else:
            assert isinstance(result.exception, fails), (result.output, result.exception)
        return result

    return run


@pytest.fixture
def registry(redis: Redis, keys: Keys) -> Registry:
    return Registry(redis, keys)


def registered(registry: Registry) -> list[str]:
    return sorted(feed.url for feed in registry.registered())


def known(registry: Registry, url: str) -> Feed:
    feed = registry.get(url)
    assert feed is not None
    return feed


# -- add and check -------------------------------------------------------------------------------------------


def test_a_feed_is_asked_once_and_registered(
    palmyra: Palmyra, registry: Registry, server: TestServer
) -> None:
    """With what the operator says of it; it says what it is."""
    server.route("/feed", FEED)
    url = server.url("/feed")
    options = ("--title", "Mine", "--tag", "europe", "--tag", "politics", "--folder", " News / Europe ")
    said = palmyra("add", url, *options, "--backfill", "none").stdout
    assert said == f"{feed_id(url)}  {url}  (rss: News, links: 1; the URL itself)\n"
    feed = known(registry, url)
    assert (feed.title, feed.tags, feed.folders) == ("Mine", "europe,politics", "News/Europe")
    assert (feed.backfill, feed.next, server.paths) == ("none", 0, ["/feed"])
    assert "was registered already" in palmyra("add", url).stdout
    assert server.paths == ["/feed"], "a known feed is not asked again"


def test_a_page_leads_to_its_feed(palmyra: Palmyra, registry: Registry, server: TestServer) -> None:
    """The best is registered, the others are listed; a login for the page is one for the feed."""
    server.route("/", page("/comments.xml", "/news.xml"))
    server.route("/comments.xml", FEED)
    server.route("/news.xml", FEED)
    said = palmyra("add", server.url("/").replace("//", "//reader:secret@")).stdout
    assert registered(registry) == [server.url("/news.xml").replace("//", "//reader:secret@")]
    assert f"also there: {server.url('/comments.xml')}" in said
    assert "secret" not in said
    assert all("authorization" in request.headers for request in server.requests)


def test_what_answers_and_is_no_feed_is_refused(
    palmyra: Palmyra, registry: Registry, server: TestServer
) -> None:
    """Exit code 1, and what was found; the feeds beside it are registered."""
    server.route("/page", NO_FEED)
    server.route("/feed.json", Response(body=b'{"version": "https://jsonfeed.org/version/1.1"}'))
    server.route("/good.xml", FEED)
    result = palmyra("add", server.url("/page"), server.url("/good.xml"), server.url("/gone"), fails=1)
    assert registered(registry) == [server.url("/good.xml")]
    assert "it is a web page (“Just a page”). No feed was found there" in result.stderr
    assert f"{server.url('/gone')}: the site says there is no such page" in result.stderr


def test_what_cannot_be_reached_now_is_registered(
    palmyra: Palmyra, registry: Registry, server: TestServer
) -> None:
    """With a warning: operators register feeds when the network is down, too."""
    server.route("/busy", Response(status=503))
    closed, busy = "http://127.0.0.1:1/feed", server.url("/busy")
    said = palmyra("add", closed, busy).stderr
    assert registered(registry) == sorted([closed, busy])
    assert said.count("Registered all the same") == 2


def test_without_check_nothing_is_asked(palmyra: Palmyra, registry: Registry, server: TestServer) -> None:
    """Whatever is there."""
    palmyra("add", server.url("/page"), "--no-check")
    assert (registered(registry), server.paths) == ([server.url("/page")], [])


def test_check_says_which_feeds_a_page_has(palmyra: Palmyra, registry: Registry, server: TestServer) -> None:
    """It registers nothing, and fails: the URL itself is none."""
    server.route("/", page("/news.xml"))
    server.route("/news.xml", FEED)
    said = palmyra("check", server.url("/"), fails=PalmyraError).stdout
    assert f"feed found: {server.url('/news.xml')} (rss: News, links: 1; named by the page)" in said
    shown = json.loads(palmyra("check", server.url("/"), "--json", fails=PalmyraError).stdout)
    assert [feed["url"] for feed in shown["feeds"]] == [server.url("/news.xml")]
    assert registered(registry) == []


@pytest.mark.parametrize(
    "options", [("--tag", "a,b"), ("--tag", "a\nb"), ("--backfill", "some"), ("--backfill", "-1")]
)
def test_what_can_not_be_kept_is_refused(
    palmyra: Palmyra, registry: Registry, options: tuple[str, ...]
) -> None:
    """Before anything is registered."""
    palmyra("add", "http://127.0.0.1:1/", *options, fails=PalmyraError)
    assert registered(registry) == []


# -- edit ----------------------------------------------------------------------------------------------------


@pytest.fixture
def feed(registry: Registry) -> Feed:
    """A registered feed that was polled."""
    registry.add("http://127.0.0.1:1/feed")
    feed = known(registry, "http://127.0.0.1:1/feed")
    registry.edit(feed, {"etag": '"1"', "body_hash": "x", "format": "rss20"}, next_ms=2**45)
    return known(registry, feed.id)


def due_ms(registry: Registry, feed: Feed) -> float:
    score: Any = registry.redis.zscore(registry.keys.feeds, feed.id)
    return float(score)


def test_a_feed_can_be_changed(palmyra: Palmyra, registry: Registry, feed: Feed) -> None:
    """Title, tags and folder do not touch its polls; an interval counts at once. Empty values take back."""
    palmyra("edit", feed.id, "--title", "Mine", "--tag", "a", "--tag", "b", "--folder", "News")
    after = known(registry, feed.id)
    assert (after.title, after.tags, after.folders, after.etag) == ("Mine", "a,b", "News", '"1"')
    assert due_ms(registry, feed) == 2**45
    palmyra("edit", feed.url, "--interval", "600", "--title", "", "--tag", "")
    after = known(registry, feed.id)
    assert (after.pinned, after.title, after.tags, after.etag) == (600, "", "", '"1"')
    assert due_ms(registry, feed) == 0
    palmyra("edit", feed.id, "--interval", "auto")
    assert known(registry, feed.id).pinned == 0


def test_secrets_are_used_and_never_shown(palmyra: Palmyra, registry: Registry, feed: Feed) -> None:
    """Not by show and list, in words or as JSON; what they replace was taught by other requests."""
    secrets = ("--user", "reader", "--password", "-", "--header", "X-Key: key-secret")
    palmyra(
        "edit", feed.id, *secrets, "--proxy", "http://me:proxy-secret@proxy.test:3128", typed="pw-secret\n"
    )
    after = known(registry, feed.id)
    assert (after.user, after.password, after.headers) == ("reader", "pw-secret", "X-Key: key-secret")
    assert (after.proxy, after.etag, after.body_hash) == ("http://me:proxy-secret@proxy.test:3128", "", "")
    assert "secret" not in repr(after)
    assert due_ms(registry, feed) == 0
    shown = [palmyra(*command).output for command in (("show", feed.id), ("show", feed.id, "--json"))]
    shown += [palmyra(*command).output for command in (("list",), ("list", "--json"))]
    assert not [text for text in shown if "secret" in text]
    told = json.loads(shown[1])
    assert (told["user"], told["password"], told["headers"]) == ("reader", "***", {"X-Key": "***"})
    assert told["proxy"] == "http://proxy.test:3128"


def test_pausing_keeps_a_feeds_place(palmyra: Palmyra, registry: Registry, feed: Feed) -> None:
    """It is far off until it is resumed; then it is due at once. Other changes do not wake it."""
    palmyra("edit", feed.id, "--pause")
    far = due_ms(registry, feed)
    assert (known(registry, feed.id).paused, far > 2**40) == (True, True)
    assert "paused" in palmyra("list").stdout
    palmyra("edit", feed.id, "--interval", "60", "--header", "X: 1")
    assert due_ms(registry, feed) == far
    palmyra("edit", feed.id, "--resume")
    assert (known(registry, feed.id).paused, due_ms(registry, feed)) == (False, 0)


def test_a_new_url_keeps_the_feed(palmyra: Palmyra, registry: Registry, feed: Feed) -> None:
    """Its id stays, so that articles find it; it is known by the old URL and the new, and removed as one."""
    new, newer = "http://127.0.0.1:1/new", "http://127.0.0.1:1/newer"
    palmyra("edit", feed.url, "--url", new)
    assert known(registry, new) == known(registry, feed.url) == known(registry, feed.id)
    assert (known(registry, new).url, known(registry, new).format) == (new, "")
    assert "was registered already" in palmyra("add", new).stdout
    palmyra("edit", new, "--url", newer)
    assert (registry.get(new), known(registry, newer).id) == (None, feed.id)
    palmyra("add", new, "--no-check")
    palmyra("edit", newer, "--url", new, fails=PalmyraError)
    palmyra("remove", newer, new)
    assert list(registry.redis.scan_iter(registry.keys.feed("*"))) == []


@pytest.mark.parametrize(
    "options",
    [
        ("--interval", "soon"),
        ("--interval", "0"),
        ("--user", "a:b"),
        ("--header", "Host: other.test"),
        ("--header", "no header"),
        ("--proxy", "proxy.test"),
        ("--url", "ftp://127.0.0.1/"),
        ("--url", "http://10.0.0.1/"),
    ],
)
def test_what_makes_no_sense_is_refused(
    palmyra: Palmyra, registry: Registry, feed: Feed, options: tuple[str, ...]
) -> None:
    """And changes nothing."""
    palmyra("edit", feed.id, "--title", "New", *options, fails=PalmyraError)
    assert known(registry, feed.id) == feed


def test_a_change_is_asked_for(palmyra: Palmyra, feed: Feed) -> None:
    """Nothing to change is a mistake on the command line; a feed that is not there an error."""
    palmyra("edit", feed.id, fails=2)
    palmyra("edit", "http://127.0.0.1:1/other", "--title", "x", fails=PalmyraError)
