"""A small real HTTP/2 server on loopback for tests, over TLS; its handlers can send any frames they like."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamReset, WindowUpdated
from h2.exceptions import H2Error
from hyperframe.frame import Frame

TLS = Path(__file__).parent / "data" / "tls.pem"
"""A certificate for news.test."""
START_TIMEOUT_S = 10.0


class Exchange:
    """One request and the means to answer it."""

    def __init__(
        self, conn: H2Connection, writer: asyncio.StreamWriter, stream: int, headers: dict[str, str]
    ) -> None:
        self.conn = conn
        self.writer = writer
        self.stream = stream
        self.headers = headers
        self.window = asyncio.Event()

    async def flush(self) -> None:
        """Send what h2 wants sent."""
        await self.raw(self.conn.data_to_send())

    async def frames(self, *frames: Frame) -> None:
        """Send frames as they are, whatever h2 would say to them."""
        await self.raw(b"".join(frame.serialize() for frame in frames))

    async def raw(self, data: bytes) -> None:
        """Send bytes; raises OSError when the client is gone."""
        if self.writer.transport.is_closing():
            raise ConnectionResetError
        self.writer.write(data)
        await self.writer.drain()
        await asyncio.sleep(0)  # a full buffer is not the only thing to wait for: the client may be gone

    async def head(self, status: int | str = 200, extra: Sequence[tuple[str, str]] = ()) -> None:
        """Send the headers of an answer."""
        plain = [(":status", str(status)), ("content-type", "text/html; charset=utf-8")]
        self.conn.send_headers(self.stream, [*plain, *extra])
        await self.flush()

    async def data(self, body: bytes, *, end: bool = True, piece_bytes: int = 16384) -> None:
        """Send a body as the client's windows allow."""
        while body:
            room = min(self.conn.local_flow_control_window(self.stream), piece_bytes)
            if room <= 0:
                self.window.clear()
                await self.window.wait()
                continue
            self.conn.send_data(self.stream, body[:room])
            body = body[room:]
            await self.flush()
        if end:
            self.conn.end_stream(self.stream)
            await self.flush()


Handler = Callable[[Exchange], Awaitable[None]]


def page(body: bytes, *extra: tuple[str, str], status: int = 200) -> Handler:
    """Answer so."""

    async def answer(exchange: Exchange) -> None:
        await exchange.head(status, extra)
        await exchange.data(body)

    return answer


class H2Server:
    """The server, in a thread of its own. Use as a context manager."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.connections = 0
        self.port = 0
        self.resets = 0
        self._routes: dict[str, Handler] = {}
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(TLS)
        self._tls.set_alpn_protocols(["h2"])

    def route(self, path: str, handler: Handler) -> None:
        """Answer requests for `path` so; others are 404."""
        self._routes[path] = handler

    def drop(self) -> None:
        """Close every connection, as a server does that restarts."""
        for writer in tuple(self._writers):
            self._loop.call_soon_threadsafe(writer.close)

    def __enter__(self) -> H2Server:
        self._thread.start()
        assert self._ready.wait(START_TIMEOUT_S), "the test server did not start"
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_TIMEOUT_S)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda loop, context: None)
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self._writers.append(writer)
        try:
            await self._talk(reader, writer)
        except (OSError, H2Error, asyncio.CancelledError):
            pass  # the client went away or refused us, or the server is being stopped
        finally:
            self._tasks.discard(task)
            self._writers.remove(writer)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conn = H2Connection(H2Configuration(client_side=False, validate_outbound_headers=False))
        conn.initiate_connection()
        writer.write(conn.data_to_send())
        open_: list[Exchange] = []
        while data := await reader.read(65536):
            for event in conn.receive_data(data):
                if isinstance(event, RequestReceived):
                    headers = {k.decode(): v.decode() for k, v in event.headers or ()}
                    exchange = Exchange(conn, writer, event.stream_id or 0, headers)
                    open_.append(exchange)
                    self._start(exchange)
                elif isinstance(event, WindowUpdated):
                    for exchange in open_:
                        exchange.window.set()
                elif isinstance(event, StreamReset):
                    self.resets += 1
            writer.write(conn.data_to_send())

    def _start(self, exchange: Exchange) -> None:
        path = exchange.headers[":path"]
        self.paths.append(path)
        task = asyncio.ensure_future(self._answer(self._routes.get(path, page(b"", status=404)), exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _answer(handler: Handler, exchange: Exchange) -> None:
        try:
            await handler(exchange)
        except (OSError, H2Error):
            exchange.writer.close()
