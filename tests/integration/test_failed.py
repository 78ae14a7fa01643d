"""The dead letter: selected, counted, shown and opened again in bulk, as people and the dashboard do it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from jobs.entry import Entry
from jobs.errors import Reason
from jobs.keys import FETCH, Keys
from jobs.ledger import Ledger
from jobs.link import Found
from jobs.reopening import How, Status
from jobs.urls import domain, link_id
from tests.command import Palmyra
from tests.polling import one_server
from worker import selection
from worker.dead import open_again, requeue_dead
from worker.dead_job import dead_job_maker
from worker.embedded import EmbeddedRedis
from worker.selection import Selection

FEED = "feedaaaaaa"
HOUR_MS = 3_600_000


def failed(ledger: Ledger, url: str, reason: Reason, *, feed: str = FEED, ago_ms: int = 0) -> str:
    """Let a link have failed that long ago; returns its id."""
    link, host, keys = link_id(url), domain(url), ledger.keys
    ledger.discover(feed, [Found(link, url, host, 1000, Entry(url, title="Title"))])
    (lease,) = ledger.lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9).leases
    assert ledger.begin(link, FETCH, lease.attempt, "w1")
    dead = dead_job_maker(ledger.redis, keys)(link, host, lease.attempt, reason)
    assert ledger.fail(link, lease.attempt, reason, f"{host}: in trouble", dead)
    if ago_ms:
        at_ms = int(time.time() * 1000) - ago_ms
        ledger.redis.hset(keys.link(link), "closed", at_ms)
        ledger.redis.zadd(keys.dead, {link: at_ms})
    return link


@pytest.fixture
def ledger(redis: Redis, keys: Keys) -> Ledger:
    return Ledger(redis, keys)


def ids(ledger: Ledger, chosen: Selection) -> list[str]:
    return [link.link_id for link in selection.dead(ledger.redis, ledger.keys, chosen)]


def rq_failed(ledger: Ledger) -> int:
    return int(str(ledger.redis.zcard(f"rq:failed:{ledger.keys.queue(FETCH)}")))


def balance(ledger: Ledger) -> int:
    totals = ledger.totals()
    ends = sum(totals[o] for o in ("published", "duplicate", "unchanged", "skipped", "failed", "in_flight"))
    return totals["discovered"] - ends


# -- which ---------------------------------------------------------------------------------------------------


def test_the_dead_letter_is_selected_from(ledger: Ledger) -> None:
    """By reason, host, feed and age, the newest first."""
    old = failed(ledger, "https://a.test/old", Reason.TIMEOUT, ago_ms=50 * HOUR_MS)
    dns = failed(ledger, "https://www.b.test/dns", Reason.DNS, ago_ms=2 * HOUR_MS, feed="feedbbbbbb")
    new = failed(ledger, "https://a.test/new", Reason.TIMEOUT)
    now_ms = int(time.time() * 1000)
    few = frozenset[str]
    for chosen, expected in (
        (Selection(), [new, dns, old]),
        (Selection(reasons=few(["timeout"])), [new, old]),
        (Selection(hosts=few(["b.test"])), [dns]),
        (Selection(feeds=few(["feedbbbbbb"])), [dns]),
        (Selection(from_ms=now_ms - HOUR_MS), [new]),
        (Selection(to_ms=now_ms - HOUR_MS), [dns, old]),
        (Selection(from_ms=now_ms - 3 * HOUR_MS, to_ms=now_ms - HOUR_MS), [dns]),
        (Selection(reasons=few(["dns"]), hosts=few(["a.test"])), []),
    ):
        assert ids(ledger, chosen) == expected, chosen


def test_what_is_forgotten_leaves_the_dead_letter(ledger: Ledger, redis: Redis, keys: Keys) -> None:
    """When a link's record ends, its place goes too: at the next look, or at the next failure."""
    gone = failed(ledger, "https://a.test/gone", Reason.DNS)
    redis.delete(keys.link(gone))
    assert ids(ledger, Selection()) == []
    assert redis.zcard(keys.dead) == 0
    redis.zadd(keys.dead, {"x" * 16: int(time.time() * 1000) - 91 * 24 * HOUR_MS})
    kept = failed(ledger, "https://a.test/kept", Reason.DNS)
    assert redis.zrange(keys.dead, 0, -1) == [kept.encode()]


# -- opened again --------------------------------------------------------------------------------------------


def test_many_are_opened_again_as_the_dashboard_does_it(ledger: Ledger) -> None:
    """Each link is open once, its failed job is gone from RQ with every key, the books balance."""
    links = [failed(ledger, f"https://a{n}.test/x", Reason.TIMEOUT) for n in range(60)]
    stays = failed(ledger, "https://b.test/x", Reason.DNS)
    done = open_again(ledger, ledger.redis, [*links, links[0], "z" * 16], "requeued", ahead=False)
    assert [one.status for one in done] == [Status.OPENED] * 60 + [Status.OPEN_ALREADY, Status.UNKNOWN]
    assert ids(ledger, Selection()) == [stays]
    assert rq_failed(ledger) == 1
    assert (
        len(list(ledger.redis.scan_iter("rq:job:*")))
        == len(list(ledger.redis.scan_iter("rq:results:*")))
        == 1
    )
    totals = ledger.totals()
    assert (totals["discovered"], totals["failed"], totals["in_flight"]) == (121, 61, 60)
    assert balance(ledger) == 0


def test_each_way_of_opening_removes_the_failed_job(ledger: Ledger) -> None:
    """A refetched link is no failed one any more: its row would be a lie."""
    for how in (How.REFETCH, How.AFRESH, How.REQUEUE):
        link = failed(ledger, f"https://a.test/{how}", Reason.TIMEOUT)
        open_again(ledger, ledger.redis, [link], "again", how=how)
        assert rq_failed(ledger) == 0
        (lease,) = ledger.lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9).leases
        assert lease.link_id == link


def test_a_row_that_stock_tools_requeued_is_removed_from_where_it_is(ledger: Ledger) -> None:
    """Waiting in the queue it would open the link a second time, after its next end."""
    link = failed(ledger, "https://a.test/x", Reason.TIMEOUT)
    job = ledger.keys.dead_job(link, 1)
    queue = f"rq:queue:{ledger.keys.queue(FETCH)}"
    ledger.redis.rpush(queue, job)
    open_again(ledger, ledger.redis, [link], "requeued")
    assert ledger.redis.llen(queue) == 0
    assert not ledger.redis.exists(f"rq:job:{job}")
    assert not requeue_dead(ledger, ledger.redis, job)


def test_a_page_that_was_wrong_is_fetched_again(ledger: Ledger, redis: Redis, keys: Keys) -> None:
    """Requeueing uses a kept page where extraction failed, and not where the page was a wall."""
    for reason, stage in ((Reason.TOO_COMPLEX, "article"), (Reason.PAYWALL, "fetch")):
        url = f"https://a.test/{reason}"
        ledger.discover(FEED, [Found(link_id(url), url, "a.test", 1000, Entry(url))])
        (lease,) = ledger.lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9).leases
        begun = ledger.begin(lease.link_id, FETCH, lease.attempt, "w1")
        assert begun
        assert ledger.store(begun, b"page", url, "fetched")
        (lease,) = ledger.lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9).leases
        dead = dead_job_maker(redis, keys)(lease.link_id, "a.test", lease.attempt, reason)
        assert ledger.fail(lease.link_id, lease.attempt, reason, "a.test", dead)
        assert ledger.reopen(lease.link_id, "requeued")
        (again,) = ledger.lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9).leases
        assert again.stage == stage, reason
        assert ledger.skip(again.link_id, again.attempt, Reason.NO_TEXT, "done")


def test_five_thousand_are_no_matter(redis: Redis, keys: Keys) -> None:
    """Looking and requeueing take a round trip for many links, not some for each."""
    ledger = Ledger(redis, keys)
    links = [failed(ledger, f"https://a{n}.test/x", Reason.TIMEOUT) for n in range(300)]
    before = calls(redis)
    assert len(ids(ledger, Selection(reasons=frozenset(["timeout"])))) == 300
    assert len(open_again(ledger, redis, links, "again", ahead=False)) == 300
    assert calls(redis) - before < len(links) / 4


def calls(redis: Redis) -> int:
    """Times that the server had something to read, as far as it tells."""
    return int(redis.info("stats")["total_reads_processed"])


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


def test_failed_links_are_listed_and_counted(palmyra: Palmyra) -> None:
    """Filtered, as a table and as JSON; by reason, host and feed with their numbers."""
    old = failed(palmyra.ledger, "https://a.test/old", Reason.TIMEOUT, ago_ms=50 * HOUR_MS)
    dns = failed(palmyra.ledger, "https://www.b.test/dns", Reason.DNS, feed="feedbbbbbb")
    new = failed(palmyra.ledger, "https://a.test/new", Reason.TIMEOUT)
    listed, several, by_reason, by_host, by_feed, limited = palmyra.each(
        ("failed", "list", "--reason", "timeout", "--newer", "1d", "--json"),
        ("failed", "list", "--reason", "timeout", "--reason", "dns", "--older", "0s"),
        ("failed", "list", "--by", "reason"),
        ("failed", "list", "--by", "host", "--json"),
        ("failed", "list", "--by", "feed", "--feed", "feedbbbbbb", "--json"),
        ("failed", "list", "--limit", "1"),
    )
    (told,) = map(json.loads, listed.stdout.splitlines())
    assert (told["link_id"], told["reason"], told["host"], told["outcome"]) == (
        new,
        "timeout",
        "a.test",
        "failed",
    )
    assert [line.split()[0] for line in several.stdout.splitlines()] == ["link", new, dns, old]
    assert re.search(r"timeout +2 .* the site did not answer in time", by_reason.stdout)
    first, second = map(json.loads, by_host.stdout.splitlines())
    assert (first["host"], first["count"], first["reasons"]) == ("a.test", 2, {"timeout": 2})
    assert (second["host"], second["count"]) == ("b.test", 1)
    assert [json.loads(line)["feed"] for line in by_feed.stdout.splitlines()] == ["feedbbbbbb"]
    assert len(limited.stdout.splitlines()) == 2
    assert "--limit" in limited.stderr


def test_a_failed_link_is_shown_with_what_to_do(palmyra: Palmyra) -> None:
    """Its whole way, the attempts on their own in JSON, and the advice of the documentation."""
    link = failed(palmyra.ledger, "https://a.test/x", Reason.DNS)
    text, as_json = palmyra.each(("failed", "show", "https://a.test/x"), ("failed", "show", link, "--json"))
    assert "fetch attempt 1 began on w1" in text.stdout
    assert "What to do: If it is every site, your resolver" in text.stdout
    assert f"palmyra failed requeue {link}" in text.stdout
    told = json.loads(as_json.stdout)
    assert told["advice"].startswith("If it is every site")
    (attempt,) = told["attempts"]
    assert (attempt["number"], attempt["stage"], attempt["worker"]) == (1, "fetch", "w1")
    assert "in trouble" in attempt["result"]
    assert attempt["took_ms"] >= 0
    assert [step["gap_ms"] >= 0 for step in told["steps"]] == [True] * 3


def test_failed_links_are_requeued_in_bulk(palmyra: Palmyra) -> None:
    """A dry run does nothing; the selected ones are opened again and no other; scripts are not asked."""
    timeout, other = (failed(palmyra.ledger, f"https://{h}.test/x", Reason.TIMEOUT) for h in "ab")
    dns = failed(palmyra.ledger, "https://a.test/dns", Reason.DNS)
    options = ("failed", "requeue", "--reason", "timeout", "--host", "a.test")
    rehearsed = palmyra.run(*options, "--dry-run")
    assert "1 link (timeout 1) would be opened again" in rehearsed.stdout
    assert timeout in rehearsed.stdout
    assert palmyra.ledger.totals()["in_flight"] == 0
    assert palmyra.run(*options).stdout == "1 of 1 opened again\n"
    assert set(ids(palmyra.ledger, Selection())) == {other, dns}
    assert rq_failed(palmyra.ledger) == 2
    none, rest = palmyra.run(*options, "--yes"), palmyra.run("failed", "requeue", "--newer", "1d", "-y")
    assert (none.stdout, rest.stdout) == ("0 of 0 opened again\n", "2 of 2 opened again\n")
    assert balance(palmyra.ledger) == 0


def test_what_can_not_be_meant_is_a_usage_error(palmyra: Palmyra) -> None:
    """Misspelt words, ages that are none, nothing at all, or names and filters together: nothing is done."""
    commands = {
        ("failed", "list", "--reason", "timeot"): "did you mean timeout",
        ("failed", "list", "--older", "yesterday"): "30m, 2h or 7d",
        ("failed", "requeue"): "name links, or select them",
        ("failed", "requeue", "https://a.test/x", "--all"): "name links, or select them",
        ("refetch",): "name links, or select them",
        ("replay", "--outcome", "lost"): "there are published",
    }
    for done, words in zip(palmyra.each(*commands, code=2), commands.values(), strict=True):
        assert words in " ".join(re.sub("[│\n]", " ", done.stderr).split()), done


def test_links_are_refetched_and_replayed_by_name_and_in_bulk(palmyra: Palmyra) -> None:
    """What can't be is said of each one that is named; in bulk only what can be is selected."""
    one, two = (failed(palmyra.ledger, f"https://{h}.test/x", Reason.TIMEOUT) for h in "ab")
    three = failed(palmyra.ledger, "https://c.test/x", Reason.TIMEOUT, ago_ms=50 * HOUR_MS)
    four = failed(palmyra.ledger, "https://c.test/y", Reason.TIMEOUT)
    palmyra.redis.set(palmyra.keys.page(two), b"page")
    replayed = palmyra.run("replay", one, two, code=1)
    assert f"{two} is extracted again" in replayed.stdout
    assert f"{one} has no kept page any more" in replayed.stderr
    refetched = palmyra.run("refetch", "https://a.test/x", two, "z" * 16, code=1)
    assert f"{one} is fetched again" in refetched.stdout
    assert f"{two} is on its way already" in refetched.stdout
    assert f"{'z' * 16} is not remembered" in refetched.stderr
    assert palmyra.run("refetch", "--host", "c.test", "--since", "2d").stdout.startswith("1 of 1 links")
    assert palmyra.run("replay", "--host", "c.test").stdout.startswith("0 of 0 links")
    palmyra.redis.set(palmyra.keys.page(three), b"page")
    assert palmyra.run("replay", "--host", "c.test", "--outcome", "failed").stdout.startswith("1 of 1 links")
    stories = {link: palmyra.ledger.story(link) for link in (three, four)}
    assert [(story.state, story.stage) for story in stories.values() if story] == [
        ("ready", "article"), ("ready", "fetch"),
    ]  # fmt: skip
    assert balance(palmyra.ledger) == 0


def test_on_a_terminal_it_asks_first(palmyra: Palmyra) -> None:
    """With what would be done; a no does nothing, a yes does it."""
    failed(palmyra.ledger, "https://a.test/x", Reason.TIMEOUT)
    for answer, in_flight in ((b"n\n", 0), (b"y\n", 1)):
        ours, theirs = os.openpty()
        command = [sys.executable, "-m", "worker.cli", "failed", "requeue", "--all"]
        os.write(ours, answer)
        done = subprocess.run(
            command, cwd=palmyra.home, env=palmyra.environment, stdin=theirs, capture_output=True, timeout=60
        )
        os.close(ours)
        os.close(theirs)
        assert b"1 link (timeout 1) will be opened again" in done.stderr
        assert palmyra.ledger.totals()["in_flight"] == in_flight
        assert done.returncode == 1 - in_flight
