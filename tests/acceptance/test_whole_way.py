"""From feeds of real pages to articles on the stream, undisturbed and with every process killed once."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from jobs.link import OUTCOMES
from tests.acceptance.system import System, ancestry, running, system, wait_for
from worker.demo.server import DemoServer

LINKS = 82
LEAST_PUBLISHED = 78


def add_feeds(one: System, server: DemoServer) -> None:
    done = one.run("feeds", "add", *(feed.url for feed in server.feeds))
    assert done.returncode == 0, done.stderr


def check_stream(one: System, schema: Draft202012Validator) -> None:
    """Every published link has a valid event, each once."""
    totals, events = one.ledger(), one.json("tail", "--since", "start")
    for event in events:
        schema.validate(event)
    ids = [event["id"] for event in events]
    assert len(ids) == len(set(ids)) == totals["published"] >= LEAST_PUBLISHED
    assert totals["discovered"] == LINKS == sum(totals[outcome] for outcome in OUTCOMES)


def check_log(one: System) -> None:
    """Two lines an article at info, each with its link, job and feed; and hardly any others."""
    said = [json.loads(line) for line in one.log.read_text().splitlines() if line.startswith("{")]
    of_links = [line for line in said if "link" in line]
    assert {(line["level"], line["event"]) for line in of_links} == {("info", "page"), ("info", "article")}
    assert all(line["job"] and line["feed"] for line in of_links)
    each = Counter((line["link"], line["event"]) for line in of_links)
    assert len({link for link, _ in each}) == LINKS
    assert set(each.values()) == {1}
    others = [line["event"] for line in said if "link" not in line and line["level"] in ("debug", "info")]
    assert len(others) < 10, others  # that processes began


@pytest.mark.timeout(180)
def test_every_link_ends_in_an_outcome(
    tmp_path: Path, zyte: DemoServer, event_schema: Draft202012Validator
) -> None:
    """82 pages in three kinds of feed: the ledger balances, and what is published is valid and there once.

    SIGTERM stops everything within 15 s and leaves no process; the next start publishes nothing twice.
    """
    with system(tmp_path) as one:
        add_feeds(one, zyte)
        one.settled(LINKS, 90)
        check_stream(one, event_schema)
        check_log(one)
        pids = {pid for group in one.processes().values() for pid in group}
        assert len(pids) >= 6
        assert one.stop() == 0
        wait_for(lambda: not pids & {pid for pid, _, _ in running()}, 2, lambda: "processes are left")
        one.start()
        time.sleep(4)  # the feeds are polled again, every second
        assert one.ledger()["discovered"] == LINKS
        check_stream(one, event_schema)
        assert one.stop(signal.SIGINT) == 0


@pytest.mark.timeout(300)
@pytest.mark.proof
def test_nothing_is_lost_or_doubled_when_each_process_is_killed(
    tmp_path: Path, zyte: DemoServer, event_schema: Draft202012Validator
) -> None:
    """SIGKILL to poller, fetch worker, article pool, one of its children, web and Redis while links flow."""
    with system(tmp_path, host_delay=0.15) as one:
        add_feeds(one, zyte)
        wait_for(lambda: one.ledger()["published"] >= 3, 30, one.said)
        for role, which in (
            ("fetch", 0),
            ("article", -1),
            ("article", 0),
            ("poller", 0),
            ("web", 0),
            ("redis", 0),
        ):
            pids = one.processes()[role]
            os.kill(pids[which], signal.SIGKILL)
            wait_for(lambda r=role, p=pids, w=which: revived(one, r, p[w]), 30, one.said)  # type: ignore[misc]
            time.sleep(0.5)
        assert one.ledger()["in_flight"] > 0, "the kills must fall into the work"
        one.settled(LINKS, 150)
        check_stream(one, event_schema)
        assert one.stop() == 0


@pytest.mark.timeout(240)
def test_stopping_in_the_middle_loses_nothing(
    tmp_path: Path, zyte: DemoServer, event_schema: Draft202012Validator
) -> None:
    """SIGTERM while links flow: all stops within 15 s, and the next start goes on where it stopped."""
    with system(tmp_path, host_delay=0.1) as one:
        add_feeds(one, zyte)
        wait_for(lambda: one.ledger()["published"] >= 3, 30, one.said)
        assert one.stop() == 0
        one.start()
        assert one.ledger()["in_flight"] > 0, "the stop must fall into the work"
        one.settled(LINKS, 120)
        check_stream(one, event_schema)


def revived(one: System, role: str, killed: int) -> bool:
    """The role is filled again, by another process."""
    now = one.processes().get(role, [])
    return bool(now) and killed not in now


def test_killing_the_supervisor_leaves_no_process(tmp_path: Path) -> None:
    """SIGKILL to `palmyra up` itself takes everything with it, and the next start goes on."""
    with system(tmp_path) as one:
        pids = {pid for group in one.processes().values() for pid in group}
        assert one.process is not None
        assert pids <= {pid for pid, parent, _ in running() if one.process.pid in ancestry(parent)}
        one.kill()
        wait_for(lambda: not pids & {pid for pid, _, _ in running()}, 15, lambda: "processes are left")
        one.start()
        assert one.stop() == 0
