"""A connection that the server closed while it was idle: one more try, for what may be tried again."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from jobs.client import Client
from jobs.errors import Outcome, Reason, Retry
from tests.calls import run

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Script = Callable[[socket.socket, int], None]
"""What a connection does with its second request, the first being answered well; with its number."""


class Lines:
    """A server on sockets, so that a test decides when and how a connection ends."""

    def __init__(self, second: Script) -> None:
        self.second = second
        self.requests: list[tuple[int, bytes]] = []
        """The connection's number and the request line, in order."""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            number += 1
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection:
            if self._read(connection, number):
                connection.sendall(ANSWER)
            if self._read(connection, number):
                self.second(connection, number)

    def _read(self, connection: socket.socket, number: int) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return False
            data += more
        self.requests.append((number, data.partition(b" HTTP")[0]))
        return True


@contextmanager
def lines(second: Script) -> Iterator[Lines]:
    one = Lines(second)
    try:
        yield one
    finally:
        one.listener.close()


def hang_up(connection: socket.socket, number: int) -> None:
    """Close without a word, as a server does whose keep-alive time is over just now."""


def reset(connection: socket.socket, number: int) -> None:
    """Close with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half(connection: socket.socket, number: int) -> None:
    """Begin to answer, and close."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nConte")


@pytest.mark.parametrize("end", [hang_up, reset])
def test_a_get_goes_out_again_on_a_new_connection(end: Script) -> None:
    """Nothing came back: it is asked once more, on a fresh connection, and only then."""
    with lines(end) as server:

        async def call(client: Client) -> list[bytes]:
            return [(await client.get(server.url)).body for _ in range(2)]

        assert run(call) == [b"ok", b"ok"]
        assert server.requests == [(1, b"GET /"), (1, b"GET /"), (2, b"GET /")]


def test_an_answer_that_has_begun_is_not_asked_for_again() -> None:
    """Bytes came back: the server has worked on it, and the ledger decides when it is asked again."""
    with lines(half) as server:

        async def call(client: Client) -> None:
            await client.get(server.url)
            with pytest.raises(Retry) as error:
                await client.get(server.url)
            assert error.value.reason is Reason.BAD_RESPONSE

        run(call)
        assert [number for number, _ in server.requests] == [1, 1]


def test_a_post_goes_out_once() -> None:
    """What changes something at the other end is never sent twice."""
    with lines(hang_up) as server:

        async def call(client: Client) -> None:
            await client.get(server.url)
            with pytest.raises(Outcome):
                await client.post(server.url, {"a": "b"})

        run(call)
        assert server.requests == [(1, b"GET /"), (1, b"POST /")]


def test_a_new_connection_that_breaks_is_no_reason_to_ask_again() -> None:
    """A server that hangs up on its first request is asked once."""
    asked: list[int] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            asked.append(len(connection.recv(65536)))
            connection.close()

    threading.Thread(target=serve, daemon=True).start()

    async def call(client: Client) -> None:
        with pytest.raises(Retry) as error:
            await client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/", deadline_s=5)
        assert error.value.reason is Reason.BAD_RESPONSE

    run(call)
    listener.close()
    assert len(asked) == 1


def test_a_connection_that_was_seen_to_close_is_not_used() -> None:
    """The server closed while nothing was under way: the next request goes out on a new one at once."""
    with lines(hang_up) as server:
        server._read = lambda connection, number: (  # type: ignore[method-assign]  # one request a connection
            Lines._read(server, connection, number) if (number, b"GET /") not in server.requests else False
        )

        async def call(client: Client) -> None:
            for _ in range(3):
                await client.get(server.url)
                await asyncio.sleep(0.1)

        run(call)
        assert server.requests == [(1, b"GET /"), (2, b"GET /"), (3, b"GET /")]
