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
