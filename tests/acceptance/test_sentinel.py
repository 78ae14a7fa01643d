"""Redis by sentinels: the master dies while links flow, and nothing is lost or published twice."""

from __future__ import annotations

import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.system import wait_for
from tests.acceptance.test_redis_users import KEYS, NAMESPACE, password, users_file
from tests.paper import Paper
from tests.sentinels import Sentinels
from tests.server import TestServer
from tests.stack import ALL, Stack, check_books
from worker.client import subscribe
from worker.embedded import bundled_servers
from worker.redis_url import connect

HOSTS = [f"127.0.0.{n}" for n in range(31, 35)]
PAGES = 12


@pytest.fixture
def folder() -> Iterator[Path]:
    """One whose path is short enough for a socket's."""
    with tempfile.TemporaryDirectory(prefix="palmyra-test-") as name:
        yield Path(name)


def consume(url: str, got: list[str]) -> None:
    """A consumer, until the test ends."""
    redis = connect(url)
    got.extend(event.id for event in subscribe(redis, group="g", namespace=NAMESPACE, since="start"))


@pytest.mark.proof
@pytest.mark.timeout(300)
@pytest.mark.parametrize("binary", bundled_servers(), ids=lambda path: path.name)
def test_a_master_dies_while_links_flow(folder: Path, tmp_path: Path, binary: Path) -> None:
    """SIGKILL to the master, later an orderly change: all processes and a consumer find the new one.

    They do so by themselves (none is started again), the ledger balances, and each event is there once.
    """
    with (
        TestServer(hosts=HOSTS) as site,
        Sentinels(folder, binary, users_file(folder), password) as watch,
        Stack(tmp_path, watch.url("worker"), namespace=NAMESPACE, host_delay=0.5) as stack,
    ):
        paper = Paper(PAGES)
        site.route("*", paper.answer)
        for command in ALL:
            stack.start(*command)
        got: list[str] = []
        threading.Thread(target=consume, args=(watch.url("reader"), got), daemon=True).start()
        added = stack.run("feeds", "add", *(site.url("/feed", host) for host in HOSTS))
        assert added.returncode == 0, added.stderr

        def said() -> str:
            return f"{watch.said()}\n{stack.said()}"

        wait_for(lambda: len(got) >= 5, 60, said)
        dead, killed_s = watch.master(), time.monotonic()
        process = watch.servers[dead].process
        assert process is not None
        process.kill()
        process.wait()
        before = len(got)
        wait_for(lambda: len(got) > before + 2, 60, said)
        print(f"{binary.name}: events again {time.monotonic() - killed_s:.1f} s after the master was killed")
        assert watch.master() != dead
        links = len(HOSTS) * PAGES
        check_books(stack.settled(links, 150), stack.json("tail", "--since", "start"), links)

        watch.servers[dead].start()  # it comes back as the other's replica
        wait_for(watch.in_order, 60, said)
        paper.pages *= 2
        wait_for(lambda: len(got) > links, 60, said)
        watch.fail_over()
        wait_for(lambda: watch.master() == dead, 60, said)
        links *= 2
        totals = stack.settled(links, 150)
        events = stack.json("tail", "--since", "start")
        check_books(totals, events, links)
        wait_for(lambda: set(got) == {event["id"] for event in events}, 30, said)
        wait_for(lambda: ready(stack), 30, said)
        assert all(stack.alive().values()), said()
        with watch.admin(dead) as master:
            assert master.xlen(KEYS.stream) == links


def ready(stack: Stack) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{stack.web_port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False
