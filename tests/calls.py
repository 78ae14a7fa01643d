"""Calls of the guarded client for tests: names and connections of their own, one event loop a call."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
from collections.abc import Callable, Iterable
from typing import Any

import httpcore2
import pytest

from jobs.client import Answer, Client
from jobs.errors import Outcome
from jobs.guard import Policy

LOOPBACK = Policy(allow_networks=(ipaddress.ip_network("127.0.0.0/8"),))
PUBLIC_IP = "93.184.215.14"
HTML = b"<!doctype html><p>" + b"Something happened today. " * 100
PACKED = gzip.compress(HTML)


class Names:
    """A resolver with answers of its own: name → what each look-up gives in turn (the last one stays)."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): list(turns) for name, turns in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        turns = self.answers.get(host)
        if not turns:
            raise OSError(-2, "Name or service not known")
        return turns.pop(0) if len(turns) > 1 else turns[0]


class Dialler(httpcore2.AnyIOBackend):
    """Records what is dialled, and connects to the test server instead of the world."""

    def __init__(self, port: int, dead: Iterable[str] = ()) -> None:
        self.port = port
        self.dead = frozenset(dead)
        self.dialled: list[tuple[str, int]] = []

    async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        self.dialled.append((host, port))
        if host in self.dead:
            raise httpcore2.ConnectError("refused")
        return await super().connect_tcp("127.0.0.1", self.port, *args, **kwargs)


def run(call: Callable[[Client], Any], policy: Policy = LOOPBACK, **options: Any) -> Any:
    """What `call` makes of a client, on an event loop of its own."""

    async def main() -> Any:
        async with Client(policy, **options) as client:
            return await call(client)

    return asyncio.run(main())


def get(url: str, policy: Policy = LOOPBACK, client: dict[str, Any] | None = None, **options: Any) -> Answer:
    answer: Answer = run(lambda c: c.get(url, **options), policy, **(client or {}))
    return answer


def failure(
    url: str, policy: Policy = LOOPBACK, client: dict[str, Any] | None = None, **options: Any
) -> Outcome:
    with pytest.raises(Outcome) as error:
        get(url, policy, client, **options)
    return error.value
