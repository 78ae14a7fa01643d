"""TLS in front of a real Redis, for tests: the servers that come as packages are built without it.

with TlsFront(server.socket) as front:
    ... f"rediss://localhost:{front.port}?ssl_ca_certs={CA}&ssl_certfile={CLIENT}" ...

``tests/data/redis-tls`` has the certificates (valid until 2119): ``server.pem`` and ``client.pem`` are signed
by ``ca.pem``; the server's is for localhost and 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import suppress
from pathlib import Path

DATA = Path(__file__).parent / "data" / "redis-tls"
CA, SERVER, CLIENT = (DATA / f"{name}.pem" for name in ("ca", "server", "client"))
START_S = 10.0


class TlsFront:
    """Takes TLS on a port of loopback and passes on what it says to a unix socket.

    Args:
        behind: the Redis's socket.
        wants_certificate: only clients whose certificate `CA` signed get through.
    """

    def __init__(self, behind: Path, *, wants_certificate: bool = True) -> None:
        self.connections = 0
        """How many clients got through the handshake."""
        self._behind = behind
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(SERVER)
        if wants_certificate:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(CA)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="tls front", daemon=True)
        self._ready = threading.Event()
        self.port = 0

    def url(
        self, user: str = "", *, host: str = "localhost", certificate: bool = True, ca: Path | None = CA
    ) -> str:
        """What palmyra is told. `user`: a name and a password, as ``name:password``."""
        options = [f"ssl_ca_certs={ca}"] * (ca is not None) + [f"ssl_certfile={CLIENT}"] * certificate
        return f"rediss://{f'{user}@' if user else ''}{host}:{self.port}/0?{'&'.join(options)}"

    def _run(self) -> None:
        server = self._loop.run_until_complete(self._serve())
        self._loop.run_forever()
        self._loop.run_until_complete(_end(server))
        self._loop.close()

    async def _serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._pass_on, "0.0.0.0", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._loop.set_exception_handler(
            lambda _loop, _context: None
        )  # refused handshakes are what is tested
        self._ready.set()
        return server

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        inside, outside = await asyncio.open_unix_connection(self._behind)
        ways = [asyncio.create_task(_copy(*way)) for way in ((reader, outside), (inside, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for one in (writer, outside):
                one.close()

    def __enter__(self) -> TlsFront:
        self._thread.start()
        assert self._ready.wait(START_S)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)


async def _end(server: asyncio.Server) -> None:
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
