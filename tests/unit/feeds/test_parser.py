"""Parsing in child processes: real ones, which hang, die and are killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from jobs.entry import ParsedFeed
from worker.feeds.errors import FeedError, FeedReason
from worker.feeds.parse import parse
from worker.feeds.parser import Parser

URL = "https://news.example/feed"
GOOD = b"<rss version='2.0'><channel><title>News</title><item><link>/1</link></item></channel></rss>"


def misbehave(body: bytes, *, url: str, content_type: str = "") -> ParsedFeed:
    """Parses, unless the document says what to do to the child."""
    if body == b"hang":
        time.sleep(60)
    if body == b"hang in C":  # holds the interpreter: no Python code runs, no signal handler either
        re.match(r"(a|aa)+$", "a" * 200 + "b")
    if body == b"die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if body == b"pid":
        return ParsedFeed(title=str(os.getpid()))
    if body == b"rogue":
        raise FeedError(FeedReason.NOT_A_FEED, "it is rogue", ("https://news.example/rss",))
    return parse(body, url=url, content_type=content_type)


@contextlib.asynccontextmanager
async def parser(deadline_s: float = 1.0, workers: int = 1) -> AsyncIterator[Parser]:
    async with Parser(workers=workers, deadline_s=deadline_s, function=misbehave) as running:
        await running.parse(GOOD, url=URL)  # the child is up: its start is not what the tests time
        yield running


async def reason(running: Parser, body: bytes) -> FeedReason:
    with pytest.raises(FeedError) as caught:
        await running.parse(body, url=URL)
    return caught.value.reason


def test_a_feed_comes_back_from_the_child() -> None:
    """The result is what `parse` gives, the errors too, with all they carry."""

    async def main() -> None:
        async with Parser() as running:
            assert await running.parse(GOOD, url=URL) == parse(GOOD, url=URL)
            with pytest.raises(FeedError) as caught:
                await running.parse(b"<html><link type='application/rss+xml' href='/f'>", url=URL)
            assert caught.value.reason is FeedReason.NOT_A_FEED
            assert caught.value.feeds == ("https://news.example/f",)

    asyncio.run(main())


@pytest.mark.parametrize("body", [b"hang", b"hang in C"])
def test_a_document_that_takes_too_long_is_given_up(body: bytes) -> None:
    """After the deadline the child is killed, even inside C code, and the next document is parsed."""

    async def main() -> None:
        async with parser() as running:
            started = time.monotonic()
            assert await reason(running, body) is FeedReason.TOO_COMPLEX
            assert time.monotonic() - started < 3
            assert (await running.parse(GOOD, url=URL)).title == "News"

    asyncio.run(main())


def test_the_event_loop_is_never_blocked() -> None:
    """While a document hangs, other coroutines run on time, and another worker parses."""

    async def main() -> None:
        async with parser(deadline_s=2, workers=2) as running:
            hanging = asyncio.create_task(reason(running, b"hang"))
            worst = 0.0
            for _ in range(20):
                started = time.monotonic()
                await asyncio.sleep(0.01)
                worst = max(worst, time.monotonic() - started)
            assert worst < 0.5
            assert (await running.parse(GOOD, url=URL)).title == "News"
            assert not hanging.done()
            assert await hanging is FeedReason.TOO_COMPLEX

    asyncio.run(main())


def test_a_child_that_dies_costs_one_document() -> None:
    """A crash in C code is a FeedError that names the signal; the next document gets a new child."""

    async def main() -> None:
        async with parser(deadline_s=10) as running:
            with pytest.raises(FeedError, match="killed by SIGSEGV") as caught:
                await running.parse(b"die", url=URL)
            assert caught.value.reason is FeedReason.CRASHED
            assert (await running.parse(GOOD, url=URL)).title == "News"

    asyncio.run(main())


def test_memory_is_bounded() -> None:
    """A document that needs more memory than a child may take is a FeedError; the next one is parsed."""
    huge = GOOD.replace(
        b"<item>", b"".join(b"<item><link>/%d</link></item>" % n for n in range(40_000)) + b"<item>"
    )

    async def main() -> None:
        async with Parser(memory_bytes=16 << 20) as running:
            assert await reason(running, huge) is FeedReason.TOO_COMPLEX
            assert (await running.parse(GOOD, url=URL)).title == "News"

    asyncio.run(main())


def test_a_child_killed_while_idle_is_replaced() -> None:
    """Killed between two documents (as the kernel does when memory is short), it costs neither."""

    async def main() -> None:
        async with parser(deadline_s=10) as running:
            pid = int((await running.parse(b"pid", url=URL)).title or "")
            os.kill(pid, signal.SIGKILL)
            for _ in range(3):
                assert (await running.parse(GOOD, url=URL)).title == "News"
                await asyncio.sleep(0.2)

    asyncio.run(main())


def test_errors_keep_all_they_carry() -> None:
    """A FeedError raised in the child arrives with its reason, its words and its links."""

    async def main() -> None:
        async with parser() as running:
            with pytest.raises(FeedError, match="it is rogue") as caught:
                await running.parse(b"rogue", url=URL)
            assert caught.value.feeds == ("https://news.example/rss",)

    asyncio.run(main())


def test_cancelling_frees_the_worker() -> None:
    """Who gives up waiting takes the child with it: the next document doesn't wait for the deadline."""

    async def main() -> None:
        async with parser(deadline_s=60) as running:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(running.parse(b"hang", url=URL), 0.3)
            async with asyncio.timeout(20):
                assert (await running.parse(GOOD, url=URL)).title == "News"

    asyncio.run(main())


PARENT = """
import asyncio, sys
from tests.unit.feeds.test_parser import URL, Parser, misbehave

async def main():
    async with Parser(deadline_s=60, function=misbehave) as running:
        print((await running.parse(b"pid", url=URL)).title, flush=True)
        await running.parse(b"hang", url=URL)

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    """A process with a busy parser."""
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        yield process
        process.kill()


def test_the_child_dies_with_its_parent(parent: subprocess.Popen[str]) -> None:
    """A killed parent leaves no orphan, although the child is busy."""
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    """Whether a process is there and is not a zombie that nobody waits for."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
