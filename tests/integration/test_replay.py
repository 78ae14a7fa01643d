"""Replay: today's code on what was published before, tried first and then for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.enrich.enricher import Enricher, Findings, Subject
from jobs.enrich.loading import Choice, load
from jobs.errors import Reason
from jobs.keys import Keys
from jobs.page import Page
from jobs.reopening import How, Status
from jobs.replay import Stage
from jobs.urls import link_id
from jobs.withdrawal import Withdrawal
from tests.command import Palmyra
from tests.integration.link_world import TEXT, LinkWorld, Story304, html, link_world
from tests.polling import one_server
from tests.server import Response, TestServer
from worker.embedded import EmbeddedRedis
from worker.replaying import GONE, PUBLISHED, REVISED, SAME, Rehearsal, Would, apart, would

OTHER_TEXT = TEXT.replace("nine", "ten")


@pytest.fixture
def site(server: TestServer) -> Story304:
    page = Story304(html())
    server.route("/story", page)
    return page


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer, site: Story304) -> Iterator[LinkWorld]:
    with link_world(redis, keys, server) as one:
        yield one


def published(world: LinkWorld) -> str:
    """A link whose article is on the stream; returns its id."""
    link = world.find()
    assert world.work() == ["stored", "published"]
    return link


def keep(world: LinkWorld, link: str, body: bytes) -> None:
    """Let this be the kept page: as if today's code read the old one otherwise."""
    world.keep(link, replace(Page.unpack(world.ledger.page(link) or b""), body=body))


def opened(world: LinkWorld, link: str, stage: Stage) -> Status:
    (one,) = world.ledger.reopen_all([link], "replay", how=stage.how)
    return one.status


def everything(redis: Redis) -> dict[bytes, Any]:
    """All that is in Redis, and whether it expires."""
    return {name: (redis.dump(name), redis.pttl(name) > 0) for name in redis.scan_iter()}


# -- for real ------------------------------------------------------------------------------------------------


def test_publishing_again_sends_the_article_as_it_was(world: LinkWorld) -> None:
    """A consumer who lost it has it once more, as a revision that says that nothing changed."""
    link = published(world)
    world.redis.delete(world.keys.page(link))
    assert opened(world, link, Stage.PUBLISH) is Status.OPENED
    assert world.work() == ["published"]
    first, again = (event["data"] for event in world.events())
    assert world.events()[1]["id"] == f"{link}:2"
    assert world.events()[1]["type"] == "news.article.updated.v1"
    assert (again["change"]["kind"], again["change"]["fields"]) == ("replayed", [])
    apart_from_these = {"revision", "change", "timings"}
    assert {k: v for k, v in again.items() if k not in apart_from_these} == {
        k: v for k, v in first.items() if k not in apart_from_these
    }
    assert world.story(link).revision == 2


def test_after_publishing_again_the_page_is_still_unchanged(world: LinkWorld, site: Story304) -> None:
    """The replay forgets neither what was said nor the page's validators: a refetch sends nothing new."""
    link = published(world)
    opened(world, link, Stage.PUBLISH)
    world.work()
    world.ledger.reopen(link, "refetch", how=How.REFETCH)
    assert world.work() == ["unchanged"]
    assert site.answers == [200, 304]
    site.change(html(OTHER_TEXT))
    world.ledger.reopen(link, "refetch", how=How.REFETCH)
    assert world.work() == ["stored", "published"]
    assert world.events()[-1]["data"]["change"]["fields"] == ["text"]


def test_extracting_again_publishes_any_field_that_changed(world: LinkWorld) -> None:
    """Not only headline and text: a date or an author that today's code finds is worth a revision, too."""
    link = published(world)
    keep(
        world, link, html().replace(b"<html>", b'<html lang="en"><meta name="author" content="Ada Lovelace">')
    )
    opened(world, link, Stage.EXTRACT)
    assert world.work() == ["published"]
    data = world.events()[1]["data"]
    assert data["authors"] == ["Ada Lovelace"]
    assert (data["change"]["kind"], data["change"]["fields"]) == ("replayed", ["authors"])


def topical(found: tuple[str, ...]) -> Enricher:
    """An enricher that finds these keyphrases; it is shown what an article says, and nothing else."""

    def enrich(subject: Subject) -> Findings:
        assert subject.draft.text.startswith("The caravan road")
        return {"keyphrases": ("text", found)}

    return Enricher("topical", ("keyphrases",), 0.0, enrich)


def _only(enricher: Enricher) -> tuple[Enricher, ...]:
    return (enricher,)


def test_enriching_again_needs_no_page(world: LinkWorld) -> None:
    """What today's enrichers find takes the place of what was found; the rest stays."""
    link = published(world)
    world.redis.delete(world.keys.page(link))
    for found, outcome in ((("wells",), "published"), (("wells",), "unchanged"), ((), "published")):
        world.tasks = replace(world.tasks, enrichers=partial(_only, topical(found)))
        assert opened(world, link, Stage.ENRICH) is Status.OPENED
        assert world.work() == [outcome]
    first, second, third = (event["data"] for event in world.events())
    assert (second["keyphrases"], third["keyphrases"]) == (["wells"], [])
    assert (second["change"]["kind"], second["change"]["fields"]) == ("replayed", ["keyphrases"])
    assert first["text"] == second["text"] == third["text"]


@pytest.mark.parametrize("stage", [Stage.ENRICH, Stage.PUBLISH])
def test_what_left_the_stream_cannot_be_sent_again(world: LinkWorld, stage: Stage) -> None:
    """It stays closed as it was; when the event goes only after the link was opened, it ends as unchanged."""
    link = published(world)
    opened(world, link, stage)
    world.redis.delete(world.keys.stream)
    assert world.work() == ["unchanged"]
    assert opened(world, link, stage) is Status.NO_EVENT
    assert opened(world, world.find("/other"), stage) is Status.OPEN_ALREADY
    assert would(world.tasks, link, stage).verdict == GONE


def test_a_withdrawn_article_is_not_sent_again(world: LinkWorld) -> None:
    """By no stage; nor its withdrawal as if it were an article, once that is lifted."""
    link = published(world)
    Withdrawal(world.redis, world.keys, world.tasks.feed_infos, keep_ledger_days=90).withdraw(link)
    for stage in Stage:
        assert opened(world, link, stage) in (Status.WITHDRAWN,)
        assert would(world.tasks, link, stage).verdict == GONE
    assert world.ledger.newest_event(link) is None


# -- the rehearsal -------------------------------------------------------------------------------------------


def test_a_rehearsal_says_what_the_replay_then_does(world: LinkWorld) -> None:
    """In each case; and it writes nothing at all, not even to what is learned of a site."""
    link = published(world)
    cases = [
        (html(), Would(SAME, {}), "unchanged"),
        (
            html(headline="Wells of the desert"),
            Would(REVISED, {"headline": ("Wells", "Wells of the desert")}),
            "published",
        ),
        (b"<html><body><p>Nothing.</p></body></html>", Would(Reason.NO_TEXT, {}), "skipped: no_text"),
    ]
    for body, expected, outcome in cases:
        keep(world, link, body)
        before = everything(world.redis)
        assert would(world.tasks, link, Stage.EXTRACT) == expected
        assert everything(world.redis) == before
        opened(world, link, Stage.EXTRACT)
        assert world.work() == [outcome]


def test_a_rehearsal_tells_what_was_never_published(world: LinkWorld, site: Story304) -> None:
    """What an extraction found no text in, today's may."""
    site.body = b"<html><body><p>Nothing.</p></body></html>"
    link = world.find()
    world.work()
    keep(world, link, html())
    assert would(world.tasks, link, Stage.EXTRACT) == Would(PUBLISHED, {})
    assert would(world.tasks, link, Stage.PUBLISH) == Would(GONE, {})


def test_long_values_are_shown_from_where_they_differ() -> None:
    """Short ones whole; of all, a line that fits."""
    assert apart("one", "two") == ("one", "two")
    before, after = apart("a" * 500 + "b" * 500, "a" * 500 + "c")
    assert before.startswith("…" + "a" * 40 + "bbb")
    assert after == "…" + "a" * 40 + "c"
    assert len(before) == 160


def test_a_report_counts_all_and_shows_some() -> None:
    """Every link and field counts; three examples of each field stand for them."""
    report = Rehearsal()
    for number in range(5):
        report.add(f"link{number}", "https://one.test/", Would(REVISED, {"headline": ("a", "b")}))
    report.add("link9", "https://one.test/", Would(SAME, {}))
    assert (report.links, report.verdicts, report.fields) == (6, {REVISED: 5, SAME: 1}, {"headline": 5})
    assert [one.link for one in report.examples] == ["link0", "link1", "link2"]


# -- the command ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_server() -> Iterator[EmbeddedRedis]:
    with one_server() as server:
        yield server


@pytest.fixture
def palmyra(own_server: EmbeddedRedis, tmp_path: Path) -> Iterator[Palmyra]:
    """The command, on an empty Redis."""
    with Redis.from_url(own_server.url) as redis:
        redis.flushall()
        yield Palmyra(redis, own_server.url, tmp_path)


@pytest.fixture
def newsroom(palmyra: Palmyra, server: TestServer) -> Iterator[LinkWorld]:
    """A world in the command's namespace, with two articles."""
    server.route("*", Response(body=html()))
    with link_world(palmyra.redis, palmyra.keys, server) as world:
        for path in ("/one", "/two"):
            world.find(path)
        palmyra.environment["PALMYRA_ENRICHERS"] = "reading_time"
        world.tasks = replace(world.tasks, enrichers=partial(load, Choice(("reading_time",))))
        world.work()
        yield world


def test_a_dry_run_counts_and_shows_what_would_change(palmyra: Palmyra, newsroom: LinkWorld) -> None:
    """By field, with what it says now and would say; as text and as JSON; and nothing is changed by it."""
    one, two = (link_id(newsroom.server.url(path)) for path in ("/one", "/two"))
    keep(newsroom, one, html(headline="Wells of the desert"))
    text, told = palmyra.each(
        ("replay", "--since", "1d", "--dry-run"), ("replay", "--all", "--dry-run", "--json")
    )
    assert "2 links, stage extract" in text.stdout
    assert "1  would be published as a new revision" in text.stdout
    assert f"headline of {one}" in text.stdout
    assert "  - Wells\n  + Wells of the desert\n" in text.stdout
    assert json.loads(told.stdout) == {
        "stage": "extract",
        "links": 2,
        "verdicts": {"revised": 1, "unchanged": 1},
        "fields": {"headline": 1},
        "examples": [
            {
                "link": one,
                "url": newsroom.server.url("/one"),
                "field": "headline",
                "before": "Wells",
                "after": "Wells of the desert",
            }
        ],
    }
    assert newsroom.ledger.totals()["in_flight"] == 0
    assert [newsroom.story(link).revision for link in (one, two)] == [1, 1]


def test_a_replay_is_of_one_stage(palmyra: Palmyra, newsroom: LinkWorld) -> None:
    """What was never published has nothing to publish again; the others go out, each once."""
    never = newsroom.find("/three")
    assert palmyra.run("replay", "--all", "--stage", "publish").stdout == "2 of 2 links are published again\n"
    refused = palmyra.run("replay", never, "--stage", "enrich", code=0)
    assert f"{never} is on its way already" in refused.stdout
    newsroom.work()
    assert [event["id"].partition(":")[2] for event in newsroom.events()] == ["1", "1", "2", "2", "1"]
    for wrong in (("--stage", "fetch", "--all"), ("--all", "--json")):
        palmyra.run("replay", *wrong, code=2)


def test_a_dry_run_shows_how_far_it_is(palmyra: Palmyra, newsroom: LinkWorld) -> None:
    """On a terminal, on standard error; what it prints stays clean."""
    link = link_id(newsroom.server.url("/one"))
    ours, theirs = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "worker.cli", "replay", link, "--stage", "publish", "--dry-run", "--json"],
        cwd=palmyra.home,
        env=palmyra.environment | {"TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
    )
    os.close(theirs)
    shown = os.read(ours, 100_000)
    os.close(ours)
    assert done.returncode == 0
    assert json.loads(done.stdout)["verdicts"] == {"revised": 1}
    assert b"replaying" in shown
