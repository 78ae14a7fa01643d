"""Redis behind TLS: who is refused. That all processes get there is in test_redis_users."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.polling import one_server
from tests.stack import Stack
from tests.tls_front import TlsFront


@pytest.fixture(scope="module")
def front() -> Iterator[TlsFront]:
    """A Redis that only those reach whose certificate our CA signed."""
    with one_server() as server, TlsFront(server.socket) as one:
        yield one


def asked(front: TlsFront, url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    before = front.connections
    done = Stack(folder, url).run("ledger")
    assert (done.returncode, front.connections) == (3, before), done
    return done


def test_a_server_that_is_not_who_it_says_is_refused(front: TlsFront, tmp_path: Path) -> None:
    """Signed by nobody we know, or for another name: nothing is sent, not even the password."""
    for url in (front.url(ca=None), front.url(host="127.0.0.2")):
        assert "certificate verify failed" in asked(front, url, tmp_path).stderr.lower()


def test_a_client_without_a_certificate_is_refused(front: TlsFront, tmp_path: Path) -> None:
    """By the server; the command says that Redis does not answer, and where."""
    said = asked(front, front.url(certificate=False), tmp_path).stderr
    assert f"Redis at rediss://localhost:{front.port}/0 does not answer" in said
