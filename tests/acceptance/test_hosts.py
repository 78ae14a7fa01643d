"""Three hosts: Redis and the poller on one, workers on two others, of which one dies with its network."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.keys import Keys
from jobs.ledger import Ledger
from tests.acceptance.system import wait_for
from tests.acceptance.test_redis_users import NAMESPACE, password, users_file
from tests.hosts import NETWORK, Host, Hosts, needed
from tests.sentinels import Sentinels
from tests.stack import ALL, ROOT, Stack, check_books
from worker.embedded import EmbeddedRedis, bundled_servers, find_server

DELAY_S = 1.0
LATE_S = 0.4
"""How much later than it was let go a request may reach the log, on a busy machine."""
DOMAINS, PAGES = 6, 12
KEYS = Keys("palmyra")


@contextmanager
def newspaper(host: Host, folder: Path) -> Iterator[list[str]]:
    """A site with so many domains on this host; its feeds. ``requests`` in the folder is its log."""
    addresses = [host.more(100 + n) for n in range(DOMAINS)]
    command = [*host.within, sys.executable, "-m", "tests.paper", "--hosts", ",".join(addresses)]
    command += ["--pages", str(PAGES), "--log", str(folder / "requests")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield [f"http://{address}:{port}/feed" for address in addresses]
        finally:
            process.terminate()


@contextmanager
def redis_at(host: Host) -> Iterator[Redis]:
    """A Redis on this host; a client of it, by its socket."""
    with tempfile.TemporaryDirectory(prefix="palmyra-test-") as name:  # short enough for a socket's path
        home = Path(name)
        there = home / "redis-there"
        there.write_text(f'#!/bin/sh\nexec {" ".join(host.within)} {find_server()} "$@"\n')
        there.chmod(0o755)
        options = {"port": "6379", "bind": host.address, "protected-mode": "no"}
        with (
            EmbeddedRedis(home, home / "s", binary=there, options=options) as server,
            Redis.from_url(server.url) as redis,
        ):
            yield redis


def asked(folder: Path) -> dict[str, list[float]]:
    """When each domain was asked for its feed or a page."""
    times: dict[str, list[float]] = {}
    for line in (folder / "requests").read_text().splitlines():
        at_s, host, path = line.split()
        if path != "/robots.txt":  # rides along
            times.setdefault(host, []).append(float(at_s))
    return times


def took_part(redis: Redis, events: list[dict[str, Any]]) -> set[str]:
    """The workers that began a fetch or an article."""
    stories = [Ledger(redis, KEYS).story(event["data"]["id"]) for event in events]
    steps = [step.text for story in stories if story for step in story.steps]
    return {text.rpartition(" ")[2] for text in steps if " began on " in text}


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_a_worker_host_dies(tmp_path: Path) -> None:
    """All its processes and its network at once, in the middle of the work: its connections just hang.

    Every link ends published, none twice; the other host does the rest; requests to a domain keep their
    distance throughout, whichever host they come from.
    """
    needed()
    with (
        Hosts(3) as hosts,
        redis_at(hosts[0]) as redis,
        newspaper(hosts[0], tmp_path) as feeds,
        Stack(
            tmp_path,
            f"redis://{hosts[0].address}:6379/0",
            allow_networks=f"{NETWORK}.0/24",
            host_delay=DELAY_S,
            poll_min=60,
            poll_max=3600,
        ) as stack,
    ):
        for place, name in ((hosts[1], "here"), (hosts[2], "there")):
            for stage in ("fetch", "article"):
                stack.start("work", stage, within=place.within, name=f"{stage}-{name}")
        wait_for(lambda: len(redis.keys("rq:worker:*")) == 4, 60, stack.said)
        stack.start("poll", within=hosts[0].within)
        added = stack.run("feeds", "add", *feeds, within=hosts[0].within)
        assert added.returncode == 0, added.stderr
        wait_for(lambda: redis.xlen(KEYS.stream) >= 2 * DOMAINS, 60, stack.said)

        hosts[2].cut()
        for stage in ("fetch", "article"):
            stack.kill(f"{stage}-there")
        links, done = DOMAINS * PAGES, redis.xlen(KEYS.stream)
        assert done < links, "it must fall into the work"
        totals = stack.settled(links, 200, within=hosts[0].within)
        events = stack.json("tail", "--since", "start", within=hosts[0].within)
        check_books(totals, events, links)
        assert all(stack.alive().values())
        assert len(took_part(redis, events)) == 4
        times = asked(tmp_path)
        assert len(times) == DOMAINS
        for host, moments in times.items():
            gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
            assert min(gaps) >= DELAY_S - LATE_S, (host, gaps)


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_the_host_of_the_master_dies(tmp_path: Path) -> None:
    """Its cable is pulled: nobody is told anything, connections to it hang. The replica's host takes over.

    All processes, which wait for answers or for work, give up on the silent connections and find it.
    """
    needed()
    with (
        tempfile.TemporaryDirectory(prefix="palmyra-test-") as name,
        Hosts(3) as hosts,
        newspaper(hosts[2], tmp_path) as feeds,
        Sentinels(
            Path(name), bundled_servers()[-1], users_file(Path(name)), password, (*hosts[:2], *hosts[:3])
        ) as watch,
        Stack(
            tmp_path,
            watch.url("worker"),
            namespace=NAMESPACE,
            allow_networks=f"{NETWORK}.0/24",
            host_delay=DELAY_S,
            poll_min=60,
            poll_max=3600,
        ) as stack,
    ):
        for command in ALL:
            stack.start(*command, within=hosts[1].within)
        added = stack.run("feeds", "add", *feeds, within=hosts[1].within)
        assert added.returncode == 0, added.stderr
        keys, there = Keys(NAMESPACE), watch.admin(1)
        wait_for(lambda: there.xlen(keys.stream) >= DOMAINS, 60, stack.said)
        hosts[0].cut()
        cut_s, before = time.monotonic(), there.xlen(keys.stream)
        wait_for(lambda: there.xlen(keys.stream) > before + 1, 45, lambda: f"{watch.said()}\n{stack.said()}")
        print(
            f"events again {time.monotonic() - cut_s:.1f} s after the cable of the master's host was pulled"
        )
        links = DOMAINS * PAGES
        totals = stack.settled(links, 200, within=hosts[1].within)
        check_books(totals, stack.json("tail", "--since", "start", within=hosts[1].within), links)
        assert all(stack.alive().values())
