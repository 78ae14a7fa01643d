"""Logging: one line a thing, JSON off a terminal, and no control character of anybody else's on one."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import logging, structlog
from worker import logs
NASTY = "\\x1b[31mred\\n\\x9b2J\\u202e\\x00"
logs.configure({level!r}, process="tester")
log = structlog.get_logger("ours")
{body}
"""


def run(body: str, level: str = "info", stderr: int = subprocess.PIPE) -> bytes:
    """What a process of its own logs: logging is set up once in a process."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(level=level, body=body)], cwd=ROOT, stderr=stderr, timeout=30
    )
    assert done.returncode == 0
    return done.stderr or b""


def lines(body: str, level: str = "info") -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(body, level).splitlines()]


def test_a_line_is_json_with_its_time_level_and_process() -> None:
    """Ours and those of libraries alike."""
    ours, theirs = lines(
        "log.info('done', link='x', n=3); logging.getLogger('lib').warning('%s!', 'careful')"
    )
    assert (ours["event"], ours["link"], ours["n"]) == ("done", "x", 3)
    assert (theirs["event"], theirs["level"]) == ("careful!", "warning")
    for line in (ours, theirs):
        assert line["process"] == "tester"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["timestamp"])


def test_third_party_text_is_escaped_everywhere() -> None:
    """In events, values, arguments, library lines and exceptions; and a line stays one line."""
    body = (
        "log.info(NASTY, title=NASTY, many=[NASTY], deep={'x': NASTY}, error=ValueError(NASTY))\n"
        "logging.getLogger('lib').warning('%s', NASTY)\n"
        "try: raise ValueError(NASTY)\n"
        "except ValueError: log.exception('bug'); logging.getLogger('lib').exception('theirs')\n"
    )
    raw = run(body)
    assert len(raw.splitlines()) == 4
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f-\x9f]", raw)
    ours, theirs, bug, their_bug = (json.loads(line) for line in raw.splitlines())
    for text in (ours["event"], ours["title"], theirs["event"]):
        assert text == "\\x1b[31mred\\n\\x9b2J\\u202e\\x00"
    for line in (bug, their_bug):
        assert "Traceback" in line["exception"]
        assert "\\x1b[31mred\n\\x9b2J\\u202e\\x00" in line["exception"], "a traceback keeps its line ends"


def test_on_a_terminal_only_our_own_colours_are_obeyed() -> None:
    """A headline can't clear the screen, move the cursor or turn the reading order."""
    ours, theirs = pty.openpty()
    body = (
        "log.info(NASTY, title=NASTY, many=[NASTY])\n"
        "try: raise ValueError(NASTY)\n"
        "except ValueError: log.exception('bug')\n"
    )
    run(body, stderr=theirs)
    os.close(theirs)
    text = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "\x1b[" in text, "it is a terminal"
    without_colours = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert "\\x1b[31mred" in without_colours
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", without_colours)
    assert "\x1b[31mred" not in text


@pytest.mark.parametrize(
    ("level", "events"),
    [("debug", ["d", "i", "w"]), ("info", ["i", "w"]), ("warning", ["w"]), ("error", [])],
)
def test_the_level_holds_for_ours_and_theirs(level: str, events: list[str]) -> None:
    """PALMYRA_LOG_LEVEL."""
    body = (
        "log.debug('d'); log.info('i'); log.warning('w')\n"
        "lib = logging.getLogger('lib'); lib.debug('d'); lib.info('i'); lib.warning('w')\n"
    )
    assert [line["event"] for line in lines(body, level)] == events * 2


def test_libraries_that_repeat_ours_are_quiet() -> None:
    """Several lines a job would say nothing new; what goes wrong there still shows."""
    said = lines(
        "import rq.worker, httpcore2\n"
        "for name in ('rq.worker', 'rq.job', 'httpcore2', 'werkzeug', 'waitress'):\n"
        "    logging.getLogger(name).info('chatter'); logging.getLogger(name).warning(name)\n"
        "logging.getLogger('trafilatura').warning('chatter')\n"
    )
    assert [line["event"] for line in said] == ["rq.worker", "rq.job", "httpcore2", "werkzeug", "waitress"]


SECRETS = """
log.info('feed', url='https://news.test/feed?token=hunter2&page=3', error=ValueError('https://me:hunter2@x.test/'))
log.warning('deep', answer={'Set-Cookie': 'sid=hunter2', 'urls': ['redis://:hunter2@db.test:6379/0']})
log.info('header', said='Authorization: Bearer hunter2')
log.debug("headers [(b'authorization', b'Basic hunter2'), (b'cookie', b'hunter2')]")
log.info('named', password='hunter2', smtp_password='hunter2')
log.info('known', error='WRONGPASS hunter2 is not right', note='https://news.test/2026/feed')
logging.getLogger('httpx2').info('HTTP Request: GET %s', 'https://news.test/rss?api_key=hunter2')
logging.getLogger('httpcore2.http11').info("send_request_headers target=b'/feed.xml?secret=hunter2'")
logging.getLogger('rq.worker').warning('could not connect to %s', 'rediss://worker:hunter2@db.test/0')
try: raise ConnectionError('connecting to redis://:hunter2@db.test:6379/0 failed')
except ConnectionError: log.exception('away'); logging.getLogger('lib').exception('https://x.test/?key=hunter2')
"""


def test_no_line_tells_a_secret() -> None:
    """Feed URLs with tokens, Redis URLs in exceptions, headers that log in, our own settings' passwords.

    In values, in what is in them, and in the lines and tracebacks of libraries; the rest of the text stays.
    """
    configured = "logs.configure('debug', process='tester', secrets=['hunter2', 'ab'])\n" + SECRETS
    raw = run(configured, "debug")
    assert b"hunter2" not in raw
    said = {line["event"]: line for line in map(json.loads, raw.splitlines())}
    assert len(said) == 11
    assert said["feed"]["url"] == "https://news.test/feed?token=***&page=3"
    assert said["known"]["error"] == "WRONGPASS *** is not right"
    assert said["known"]["note"] == "https://news.test/2026/feed"
    assert "redis://db.test:6379/0 failed" in said["away"]["exception"]


def test_what_looks_like_a_secret_is_one_even_when_it_is_not_ours() -> None:
    """What nobody told us of is known by where it stands."""
    raw = run(SECRETS.replace("WRONGPASS hunter2", "WRONGPASS"), "debug")
    assert b"hunter2" not in raw
    assert len(raw.splitlines()) == 11


def test_a_line_is_bounded() -> None:
    """A page of a megabyte in an error makes no line of a megabyte, and takes no minute to clean."""
    body = (
        "log.info('large', error='x' * 1_000_000, many=['a:' * 500_000, '/' * 1_000_000, '?a=' * 300_000])\n"
    )
    raised = "try: raise ValueError('://@' * 250_000)\nexcept ValueError: log.exception('bug')\n"
    assert len(run(body + raised)) < 60_000


def test_lines_of_a_job_tell_its_link_job_and_feed() -> None:
    """Those of libraries, too, and those of the threads that download for it; and no others."""
    body = """
import asyncio, threading
from structlog.contextvars import bound_contextvars
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
async def download(): logging.getLogger('httpx2').warning('asked')
with bound_contextvars(link='l', job='j', feed='f'):
    log.info('ours')
    asyncio.run_coroutine_threadsafe(download(), loop).result()
log.info('after')
"""
    ours, theirs, after = lines(body)
    for line in (ours, theirs):
        assert (line["link"], line["job"], line["feed"]) == ("l", "j", "f")
    assert "link" not in after


def test_libraries_speak_up_when_debugging() -> None:
    """Their info lines then have our form, RQ's and the HTTP client's among them."""
    said = lines("for n in ('rq.worker', 'httpx2', 'httpcore2'): logging.getLogger(n).info(n)", "debug")
    assert [line["event"] for line in said] == ["rq.worker", "httpx2", "httpcore2"]
    assert {line["process"] for line in said} == {"tester"}
