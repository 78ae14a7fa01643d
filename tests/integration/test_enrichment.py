"""Enrichment through the jobs: from a page and its site's robots.txt to the event on the stream."""

from __future__ import annotations

from dataclasses import replace

import pytest
from redis import Redis

from jobs.enrich.enricher import Enricher, Findings, Subject
from jobs.enrich.loading import load
from jobs.keys import Keys
from jobs.robots_cache import Copy
from tests.integration.link_world import html, link_world
from tests.server import Response, TestServer
from tests.unit.enrich.subjects import choice

TEXT = (
    "Firefighters in Marseille fought a blaze on Monday that drove hundreds of people from their homes. “We "
    "have saved every house so far,” said Laura Benson, a spokeswoman for the Red Cross. The fire began near "
    "Toulon in the south of France, and the wind carried the flames across a motorway. Rescuers evacuated a "
    "hospital. "
)


@pytest.mark.usefixtures("redis")
def test_the_event_says_what_the_article_is_about(redis: Redis, keys: Keys) -> None:
    """All enrichers on a real page; what the site's robots.txt and headers reserve is there as well."""
    with TestServer() as server, link_world(redis, keys, server) as world:
        server.route(
            "/story", Response(body=html(TEXT * 2, "Fire near Marseille"), headers={"TDM-Reservation": "1"})
        )
        copy = Copy("", until_ms=2**53, barred=("CCBot", "GPTBot"))
        redis.set(keys.robots(server.url("")), copy.pack())
        world.tasks = replace(world.tasks, enrichers=lambda: load(choice()))
        world.find()
        assert world.work() == ["stored", "published"]
        (event,) = world.events()
    data = event["data"]
    assert {(p["name"], p["country"]) for p in data["places"]} == {
        ("Marseille", "FR"),
        ("Toulon", "FR"),
        ("France", "FR"),
    }
    assert ("Laura Benson", "person") in {(e["text"], e["type"]) for e in data["entities"]}
    assert data["topics"][0]["code"] == "medtop:03000000"
    assert data["quotes"][0]["speaker"] == "Laura Benson"
    assert data["rights"]["reserved"] == ["tdm", "ai-crawlers"]
    assert data["rights"]["barred_agents"] == ["CCBot", "GPTBot"]
    assert data["provenance"]["rights.reserved"] == "header, robots"
    assert data["keyphrases"]
    assert data["reading_s"] > 0
    assert data["quality"]["issues"] == []


def test_a_failing_enricher_does_not_hold_an_article_back(redis: Redis, keys: Keys) -> None:
    """It is published at its first attempt, with the issue."""

    def fail(subject: Subject) -> Findings:
        raise ZeroDivisionError

    with TestServer() as server, link_world(redis, keys, server) as world:
        server.route("/story", Response(body=html(TEXT * 2)))
        world.tasks = replace(world.tasks, enrichers=lambda: (Enricher("bad", ("topics",), 0.1, fail),))
        link = world.find()
        assert world.work() == ["stored", "published"]
        (event,) = world.events()
        assert world.story(link).outcome == "published"
    assert event["data"]["quality"]["issues"] == ["enricher_failed:bad"]
    assert event["data"]["topics"] == []


def test_a_robots_txt_that_was_kept_before_has_no_names() -> None:
    """What an older version stored can still be read; a new one says whom it bars."""
    old = Copy("", 5)
    assert Copy.unpack(old.pack()) == old
    assert Copy.unpack(replace(old, barred=("GPTBot",)).pack()) == replace(old, barred=("GPTBot",))
