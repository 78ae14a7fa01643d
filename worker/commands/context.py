"""What every command starts with: settings, a Redis that answers, and the exit codes."""

from __future__ import annotations

import json
import re
import sys
from enum import IntEnum
from typing import Any

from redis import Redis

from worker import factory, logs
from worker.config import Settings, load

# What JSON lets through and terminals act on: DEL and C1 controls, line separators, marks that reorder text.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Exit(IntEnum):
    """The exit codes of every command."""

    OK = 0
    FAILURE = 1  # what was asked for could not be done
    USAGE = 2  # the command line or the configuration is wrong
    REDIS_UNREACHABLE = 3
    UNHEALTHY = 4  # health and doctor: something is wrong that needs an operator


def settings() -> Settings:
    """The settings; a bad one ends the command with `Exit.USAGE` (see worker/cli.py)."""
    return load().settings


def start(process: str = "") -> Settings:
    """Settings, and logging set up for a long-running process."""
    loaded = settings()
    logs.configure(loaded.log_level, process=process, secrets=loaded.secrets())
    return loaded


def redis() -> tuple[Settings, Redis]:
    """Settings and a Redis that has answered; without one the command ends with `Exit.REDIS_UNREACHABLE`."""
    loaded = settings()
    return loaded, factory.connect_now(loaded)


def print_json(value: Any) -> None:
    """One JSON document on one line of standard output, without raw control characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    sys.stdout.write(_UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")
