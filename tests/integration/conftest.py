"""What tests that poll and fetch share: a real HTTP server, and child processes to parse in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.server import TestServer
from worker.feeds.parser import Parser


@pytest.fixture(scope="session")
def shared_server() -> Iterator[TestServer]:
    """One server for the whole run."""
    with TestServer() as server:
        yield server


@pytest.fixture
def server(shared_server: TestServer) -> TestServer:
    """The server without routes or log of other tests."""
    shared_server.reset()
    return shared_server


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    """Child processes to parse in, for all tests of a file."""
    one = Parser()
    yield one
    asyncio.run(one.__aexit__(None, None, None))
