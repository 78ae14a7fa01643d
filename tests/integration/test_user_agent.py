"""Every way out names the operator: the client that all of them use is made in one place."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

import pytest

from jobs.user_agent import user_agent
from tests.server import Response, TestServer
from worker import factory
from worker.config import Settings


@pytest.mark.parametrize(
    ("given", "contact"),
    [
        ({}, None),
        ({"contact": "bot@you.example"}, "bot@you.example"),
        ({"public_url": "https://news.you.example"}, "https://news.you.example"),
        ({"public_url": "https://news.you.example", "contact": "bot@you.example"}, "bot@you.example"),
    ],
)
def test_requests_name_the_operator(server: TestServer, given: dict[str, Any], contact: str | None) -> None:
    """As PALMYRA_CONTACT says, else by the URL under which the installation is reached; with GET and POST."""
    server.route("/", Response(body=b"hello"))
    settings = Settings(allow_networks=[ipaddress.ip_network("127.0.0.0/8")], **given)

    async def ask() -> None:
        async with factory.client(settings) as client:
            await client.get(server.url("/"))
            await client.post(server.url("/"), {"a": "b"})

    asyncio.run(ask())
    assert [request.headers["user-agent"] for request in server.requests] == [user_agent(contact)] * 2
