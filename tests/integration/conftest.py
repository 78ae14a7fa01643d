"""A real HTTP server for tests that fetch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server import TestServer


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
