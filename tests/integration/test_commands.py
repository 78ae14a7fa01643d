"""The `palmyra` command as people and scripts run it: real processes, exit codes, what they print."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.event import encode, envelope
from jobs.extract.draft import Draft
from jobs.keys import ARTICLE, FETCH
from tests.command import Done, Palmyra
from tests.polling import XML, one_server
from tests.server import Request, Response, TestServer
from tests.unit.test_article import built
from worker.embedded import EmbeddedRedis
from worker.feeds.registry import feed_id
from worker.rqworker import PalmyraWorker
from worker.stream import trim

NASTY = "\x1b[2J\x9b31mBoo\u202e\nnext"
SHOWN = r"\x1b[2J\x9b31mBoo\u202e"
UNREACHABLE: dict[str, Any] = {"PALMYRA_REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"}

FEED = b"""<rss version="2.0"><channel><title>News</title>
<item><title>Wells</title><link>https://news.test/1</link><pubDate>1 Jan 2026 10:00:00 GMT</pubDate></item>
<item><title>Roads</title><link>https://news.test/2</link></item></channel></rss>"""


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server: what differs between two is not the commands'."""
    with one_server() as server:
        yield server


@pytest.fixture
def palmyra(redis: Redis, redis_server: EmbeddedRedis, tmp_path: Path) -> Palmyra:
    return Palmyra(redis, redis_server.url, tmp_path)


# -- exit codes ----------------------------------------------------------------------------------------------


def test_a_wrong_command_line_is_exit_2(palmyra: Palmyra) -> None:
    """Unknown commands, options and values say what is wrong, and what there is."""
    commands = [
        ("nonsense",),
        ("tail", "--where", "print(1)"),
        ("tail", "--since", "yesterday"),
        ("feeds", "import", "missing.opml"),
    ]
    said = [done.stderr for done in palmyra.each(*commands, code=2)]
    for text, words in zip(
        said, ("nonsense", "nothing can be called", "--since", "missing.opml"), strict=True
    ):
        assert words in text


def test_a_wrong_configuration_is_exit_2(palmyra: Palmyra) -> None:
    """A misspelt name and a bad value are named, by every command, before anything is done."""
    misspelt = palmyra.run("ledger", code=2, PALMYRA_POLL_MINN="5").stderr
    assert "PALMYRA_POLL_MINN (environment) is not an option" in misspelt
    assert "Did you mean PALMYRA_POLL_MIN?" in misspelt
    (palmyra.home / ".env").write_text("PALMYRA_WEB_PORT=http\n")
    assert "PALMYRA_WEB_PORT='http' (.env)" in palmyra.run("config", code=2).stderr


def test_an_unreachable_redis_is_exit_3(palmyra: Palmyra) -> None:
    """Said in a line with the address and without its password; the embedded one is named by its home."""
    for done in palmyra.each(("ledger", "--json"), ("health",), code=3, **UNREACHABLE):
        assert done.stdout == ""
        assert "127.0.0.1:1" in done.stderr
        assert "PALMYRA_REDIS_URL" in done.stderr
        assert "hunter2" not in done.stderr
    embedded = palmyra.run("ledger", code=3, PALMYRA_REDIS_URL="")
    assert str(palmyra.home) in embedded.stderr
    assert "palmyra up" in embedded.stderr


def test_what_can_not_be_done_is_exit_1(palmyra: Palmyra) -> None:
    """An unknown link or feed, a URL that is none or is not allowed: one line, which says what to do."""
    commands = [
        ("why", "https://news.test/unknown"),
        ("refetch", "no url"),
        ("feeds", "remove", "https://news.test/unknown"),
        ("feeds", "add", "http://10.0.0.1/feed"),
        ("feeds", "add", os.fsdecode(b"https://news.test/no-text-\xff\xfe")),
    ]
    for done in palmyra.each(*commands, code=1):
        assert done.stderr.startswith("palmyra: "), done
        assert len(done.stderr.splitlines()) == 1
    assert palmyra.registry.registered() == []


def test_health_is_exit_4_while_nobody_works(palmyra: Palmyra) -> None:
    """For load balancers and containers; with a worker of each stage it is exit 0."""
    done, as_json = palmyra.each(("health",), ("health", "--json"), code=4)
    assert set(done.stdout.splitlines()) == {"error: no article worker runs", "error: no fetch worker runs"}
    told = json.loads(as_json.stdout)
    assert told["healthy"] is False
    assert {error["mend"] for error in told["errors"]} == {"palmyra work fetch", "palmyra work article"}
    for stage in (FETCH, ARTICLE):
        PalmyraWorker(palmyra.redis, palmyra.keys, stage, stage).register_birth()
    assert palmyra.run("health").stdout == "healthy\n"
    (doctor,) = palmyra.json("doctor")
    assert [finding["level"] for finding in doctor] == ["warning"], "no append-only file, in this test"


# -- config --------------------------------------------------------------------------------------------------


def test_config_shows_everything_but_secrets(palmyra: Palmyra) -> None:
    """Each option with its value and origin, as a table and as JSON."""
    secrets: dict[str, Any] = {
        "PALMYRA_REDIS_URL": "rediss://user:hunter2@hunter2@redis.test:6380/1?password=hunter2",
        "PALMYRA_WEB_PASSWORD": "hunter2://hunter2",
        "PALMYRA_POLL_MIN": "77",
    }
    table, as_json = palmyra.each(("config",), ("config", "--json"), **secrets)
    assert "hunter2" not in table.stdout + as_json.stdout
    options = json.loads(as_json.stdout)
    assert options["PALMYRA_POLL_MIN"] == {"value": "77", "origin": "environment"}
    assert options["PALMYRA_POLL_MAX"]["origin"] == "default"
    assert "redis.test:6380/1" in options["PALMYRA_REDIS_URL"]["value"]
    assert options["PALMYRA_WEB_PASSWORD"]["value"] == "***"
    for name in options:
        assert re.search(rf"^{name} ", table.stdout, re.MULTILINE)


# -- feeds ---------------------------------------------------------------------------------------------------


def test_feeds_from_add_to_remove(palmyra: Palmyra, server: TestServer) -> None:
    """Added, listed, shown, exported, removed, imported: a feed comes through it whole."""
    server.route("*", Response(body=FEED, content_type=XML))
    one, two = server.url("/one"), server.url("/two?token=hunter2")
    added = palmyra.run("feeds", "add", one, two, "--title", "Mine").stdout
    assert added.split()[:2] == [feed_id(one), one]
    opml = palmyra.home / "mine.opml"
    again, listed, shown, exported = palmyra.each(
        ("feeds", "add", one),
        ("feeds", "list", "--json"),
        ("feeds", "show", feed_id(one), "--json"),
        ("feeds", "export", str(opml)),
    )
    assert "registered already" in again.stdout
    feeds = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [feed["title"] for feed in feeds] == ["Mine", "Mine"]
    assert {feed["url"] for feed in feeds} == {one, server.url("/two?token=***")}
    assert json.loads(shown.stdout).items() >= {"id": feed_id(one), "url": one, "failures": 0}.items()
    assert "2 feeds" in exported.stdout
    removed = palmyra.run("feeds", "remove", one, feed_id(two)).stdout
    assert [line.split()[1] for line in removed.splitlines()] == [feed_id(one), feed_id(two)]
    assert "No feed is registered" in palmyra.run("feeds", "list").stdout
    opml.write_text(opml.read_text().replace("</body>", '<outline xmlUrl="http://10.0.0.1/"/></body>'))
    imported = palmyra.run("feeds", "import", str(opml))
    assert "2 feeds added, 0 were registered already, 1 left out" in imported.stdout
    assert "left out: http://10.0.0.1/" in imported.stderr
    assert {feed.url for feed in palmyra.registry.registered()} == {one, two}
    assert "0 feeds added, 2 were registered already" in palmyra.run("feeds", "import", str(opml)).stdout


def test_a_feeds_password_is_accepted_and_not_shown(palmyra: Palmyra, server: TestServer) -> None:
    """Only an export has it, which says so; the feed is found without it."""

    def guarded(request: Request) -> Response:
        known = request.headers.get("authorization") == "Basic bWU6aHVudGVyMg=="
        return Response(body=FEED, content_type=XML) if known else Response(status=401)

    server.route("/feed", guarded)
    url, bare = server.url("/feed").replace("://", "://me:hunter2@"), server.url("/feed")
    said = palmyra.run("feeds", "add", url).stdout
    assert said.split()[1] == bare
    commands = [("feeds", "check", url), ("feeds", "list", "--json"), ("feeds", "show", url)]
    checked, *others = palmyra.each(*commands)
    assert "News" in checked.stdout
    for text in [said, checked.stdout, *(done.stdout + done.stderr for done in others)]:
        assert "hunter2" not in text
    assert url in palmyra.run("feeds", "export").stdout
    assert bare in palmyra.run("feeds", "remove", url.replace(":hunter2", "")).stdout
    unknown = palmyra.run("feeds", "remove", url, code=1)
    assert "hunter2" not in unknown.stderr


def test_checking_a_feed_needs_no_redis(palmyra: Palmyra, server: TestServer) -> None:
    """It says what the feed brought, or why it brought nothing (exit 1), and records nothing."""
    server.route("/feed", Response(body=FEED, headers={"ETag": '"x"'}, content_type=XML))
    server.route("/page", Response(body=b"<!doctype html><title>Front page</title>"))
    text, as_json = palmyra.each(
        ("feeds", "check", server.url("/feed")),
        ("feeds", "check", server.url("/feed"), "--json"),
        **UNREACHABLE,
    )
    assert "status 200" in text.stdout
    assert "ETag" in text.stdout
    assert re.search(r"2026-01-01T10:00:00\+00:00 +Wells +https://news\.test/1", text.stdout)
    told = json.loads(as_json.stdout)
    assert (told["status"], told["format"], told["title"]) == (200, "rss20", "News")
    assert [entry["url"] for entry in told["entries"]] == ["https://news.test/1", "https://news.test/2"]
    page = palmyra.run("feeds", "check", server.url("/page"), code=1, **UNREACHABLE)
    assert "the document is not a feed" in page.stderr
    assert "Front page" in page.stderr


# -- looking -------------------------------------------------------------------------------------------------


def test_ledger_prints_the_balance(palmyra: Palmyra) -> None:
    """The contract's keys, which add up."""
    palmyra.fail(1)
    palmyra.discover(2)
    text, as_json = palmyra.each(("ledger",), ("ledger", "--json"))
    told = json.loads(as_json.stdout)
    names = ("published", "duplicate", "unchanged", "skipped", "failed", "in_flight")
    assert told["discovered"] == 2 == sum(told[name] for name in names)
    assert (told["failed"], told["in_flight"], told["balance"]) == (1, 1, 0)
    assert "the ledger balances" in text.stdout
    assert re.search(r"failed +not_found +1 +the site says there is no such page", text.stdout)


def test_why_tells_a_links_whole_way(palmyra: Palmyra) -> None:
    """By URL in any spelling, or by id; as text and as JSON."""
    link = palmyra.fail(1)
    by_url, as_json = palmyra.each(("why", "HTTPS://news.test/1?utm_source=rss"), ("why", link, "--json"))
    text, told = by_url.stdout, json.loads(as_json.stdout)
    assert re.search(r"state +failed: not_found \(the site says there is no such page\)", text)
    assert "seen in feed feedaaaaaa" in text
    assert "fetch attempt 1 began on w1" in text
    assert (told["link_id"], told["outcome"], told["reason"]) == (link, "failed", "not_found")
    assert len(told["steps"]) == 3


def test_the_dead_letter_from_list_to_requeue(palmyra: Palmyra) -> None:
    """Listed, newest first, shown, opened again one by one or all at once; their failed jobs go."""
    first, second, third = (palmyra.fail(n) for n in (1, 2, 3))
    listed, table, shown = palmyra.each(
        ("failed", "list", "-n", "2", "--json"), ("failed", "list"), ("failed", "show", "https://news.test/1")
    )
    assert {json.loads(line)["link_id"] for line in listed.stdout.splitlines()} < {first, second, third}
    assert re.search(rf"{first} +not_found .* https://news\.test/1 +status 404", table.stdout)
    assert "failed: not_found" in shown.stdout
    assert palmyra.run("failed", "requeue", first).stdout == "1 of 1 opened again\n"
    assert palmyra.run("failed", "requeue", first, code=1).stdout == "0 of 1 opened again\n"
    assert palmyra.run("failed", "requeue", "--all").stdout == "2 of 2 opened again\n"
    assert palmyra.ledger.totals()["in_flight"] == 3
    assert palmyra.redis.zcard(f"rq:failed:{palmyra.keys.queue(FETCH)}") == 0
    assert list(palmyra.ledger.dead()) == []


def test_refetch_opens_a_closed_link(palmyra: Palmyra) -> None:
    """And says so when it is on its way already."""
    link = palmyra.fail(1)
    assert f"{link} is fetched again" in palmyra.run("refetch", link).stdout
    assert f"{link} is on its way already" in palmyra.run("refetch", link).stdout


# -- tail ----------------------------------------------------------------------------------------------------


def ids(done: Done) -> list[str]:
    return [json.loads(line)["id"] for line in done.stdout.splitlines()]


def test_tail_reads_from_where_it_is_told(palmyra: Palmyra) -> None:
    """Without --since the last ten; from a time ago, an id (inclusive) or the start; to the stream's end."""
    entries = [palmyra.publish(n, age_s=(20 - n) * 3600) for n in range(1, 15)]
    expected = {
        (): list(range(5, 15)),
        ("--since", "start"): list(range(1, 15)),
        ("--since", "9h"): list(range(12, 15)),
        ("--since", entries[7]): list(range(8, 15)),
    }
    commands = [("tail", "--json", *options) for options in expected]
    for done, numbers in zip(palmyra.each(*commands), expected.values(), strict=True):
        assert ids(done) == [f"{n}:1" for n in numbers], done.args


def test_an_empty_stream_is_no_error(palmyra: Palmyra) -> None:
    """Before the first article there is nothing to print."""
    commands = [("tail",), ("tail", "--since", "start"), ("tail", "--group", "g")]
    assert [done.stdout for done in palmyra.each(*commands)] == [""] * 3


def test_tail_selects(palmyra: Palmyra) -> None:
    """--where over the event's data; what is absent does not match."""
    for number in range(1, 6):
        palmyra.publish(number, language="de" if number % 2 else None)
    where = "language == 'de' and word_count > 100 and source.domain == 'news.test'"
    assert ids(palmyra.run("tail", "--json", "--where", where)) == ["3:1", "5:1"]


def headlines(done: Done) -> list[str]:
    return [json.loads(line)["data"]["headline"] for line in done.stdout.splitlines()]


def publish(palmyra: Palmyra, *titles: str) -> None:
    """Events as consumers get them, of the whole contract."""
    for title in titles:
        article = built(Draft(headline=title, text="Text."))
        event = envelope(article, kind="published", namespace="cli", time_ms=1_700_000_000_000)
        fields: dict[Any, Any] = {"id": event["id"], "type": event["type"], "event": encode(event)}
        palmyra.redis.xadd(palmyra.keys.stream, fields)


def test_tail_as_a_group_goes_on_where_it_stopped(palmyra: Palmyra) -> None:
    """Each event once, and what was delivered but never acknowledged again."""
    publish(palmyra, "A", "B", "C")
    palmyra.redis.xgroup_create(palmyra.keys.stream, "desk", id="0")
    palmyra.redis.xreadgroup("desk", "tail", {palmyra.keys.stream: ">"}, count=1)
    assert headlines(palmyra.run("tail", "--group", "desk", "--json")) == ["A", "B", "C"]
    publish(palmyra, "D", "E")
    selected = palmyra.run("tail", "--group", "desk", "--json", "--where", "headline > 'D'")
    assert headlines(selected) == ["E"]
    pending: Any = palmyra.redis.xpending(palmyra.keys.stream, "desk")
    assert pending["pending"] == 0


def test_tail_as_a_group_is_told_what_it_missed(palmyra: Palmyra) -> None:
    """Beside the events, and goes on; in plain text the time is that of the event."""
    publish(palmyra, "A")
    assert "22:13:20" in palmyra.run("tail", "--group", "desk").stdout
    publish(palmyra, "B", "C")
    trim(palmyra.redis, palmyra.keys, keep_days=3650)
    palmyra.redis.xtrim(palmyra.keys.stream, maxlen=1, approximate=False)
    done = palmyra.run("tail", "--group", "desk", "--json")
    assert headlines(done) == ["C"]
    assert "were trimmed before this group had read them" in done.stderr


def test_tail_follows_until_it_is_stopped(palmyra: Palmyra) -> None:
    """What comes is printed at once; Ctrl-C is a good end."""
    palmyra.publish(1)
    with palmyra.start("tail", "--follow", "--json") as process:
        assert process.stdout
        assert process.stderr
        assert json.loads(process.stdout.readline())["id"] == "1:1"
        time.sleep(0.2)  # it waits for more
        started = time.monotonic()
        palmyra.publish(2)
        assert json.loads(process.stdout.readline())["id"] == "2:1"
        assert time.monotonic() - started < 1
        process.send_signal(signal.SIGINT)
        assert (process.stderr.read(), process.wait(10)) == ("", 0)


def test_a_reader_that_had_enough_is_no_error(palmyra: Palmyra) -> None:
    """``palmyra tail | head -1``."""
    for number in range(1, 400):
        palmyra.publish(number, text="x" * 2000)
    with palmyra.start("tail", "--since", "start", "--json") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert (process.stderr.read(), process.wait(10)) == ("", 0)


# -- what is not ours ----------------------------------------------------------------------------------------


def test_third_party_text_is_never_obeyed_by_a_terminal(palmyra: Palmyra, server: TestServer) -> None:
    """Headlines, feed titles, errors and details show their control characters as escapes, on one line."""
    palmyra.publish(1, headline=NASTY)
    palmyra.fail(1, detail=NASTY)
    palmyra.registry.add("https://news.test/feed", title=NASTY)
    key = palmyra.keys.feed(feed_id("https://news.test/feed"))
    palmyra.redis.hset(key, mapping={"failures": "1", "reason": "dns", "error": NASTY})
    commands = [
        ("tail",),
        ("failed", "list"),
        ("why", "https://news.test/1"),
        ("feeds", "list"),
        ("feeds", "show", "https://news.test/feed"),
    ]
    for done in palmyra.each(*commands):
        assert SHOWN in done.stdout, done.args
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.stdout + done.stderr), done.args
    page = f"<!doctype html><title>{NASTY}</title>".encode()
    server.route("/page", Response(body=page))
    refused = palmyra.run("feeds", "check", server.url("/page"), code=1)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", refused.stdout + refused.stderr)
