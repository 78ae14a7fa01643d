"""Serving the app with waitress, and stopping it although streams are open."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from typing import Any, cast

import structlog
from flask import Flask
from redis import Redis
from waitress import wasyncore
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.server import BaseWSGIServer, create_server

from jobs.errors import PalmyraError
from worker.config import Settings
from worker.web import websub
from worker.web.app import create_app
from worker.web.site import site_of

THREADS = 64
MOST_CONNECTIONS = 512
MOST_UNREAD_BYTES = 256 * 1024
"""What a client may leave unread before its thread waits for it."""
PATIENCE_S = 10.0
"""How long a thread waits for a client that does not read."""
STOP_S = 2

log = structlog.get_logger(__name__)


class CantListen(PalmyraError):
    """The web process can't listen on its address."""


class Channel(HTTPChannel):
    """A connection that is cut when its client stops reading, instead of holding a thread for ever."""

    def write_soon(self, data: Any) -> int:
        """As waitress's, but it waits `PATIENCE_S` at most for a client to read what it has."""
        deadline = time.monotonic() + PATIENCE_S
        with self.outbuf_lock:
            while self.connected and self.total_outbufs_len > MOST_UNREAD_BYTES:
                left = deadline - time.monotonic()
                if left <= 0:
                    self._cut()
                    raise ClientDisconnected
                self.server.pull_trigger()
                self.outbuf_lock.wait(left)
        return int(super().write_soon(data))

    def _cut(self) -> None:
        self.will_close = True
        # Only this makes the socket ready for the loop, which then sees that it is to be closed.
        with contextlib.suppress(OSError):
            if self.socket is not None:
                self.socket.shutdown(socket.SHUT_RDWR)
        self.server.pull_trigger()


class Server:
    """The app, listening from the moment it is made."""

    def __init__(self, app: Flask, host: str, port: int) -> None:
        self._live = site_of(app).live
        self._map: dict[int, Any] = {}
        self._stopping = threading.Event()
        self._pulled = threading.Event()
        listening = _listen(host, port)
        self.url = _url(host, listening.getsockname()[1])
        server = create_server(
            app,
            map=self._map,
            sockets=[listening],
            threads=THREADS,
            connection_limit=MOST_CONNECTIONS,
            asyncore_use_poll=True,  # select() ends at descriptor 1024
            channel_request_lookahead=1,  # else a stream's client that went away is noticed only by writing
            outbuf_high_watermark=MOST_UNREAD_BYTES,
            max_request_body_size=websub.MAX_BYTES + 1 if site_of(app).settings.public_url else 1024 * 1024,
            ident="",
        )
        self._server = cast(BaseWSGIServer, server)  # the other kind listens on several sockets
        self._server.channel_class = Channel

    def run(self) -> None:
        """Serve until `stop` is called in another thread."""
        self._server.run()

    def stop(self) -> None:
        """End the streams, let the other answers finish for a moment, and close everything."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._server.accepting = False
        self._live.close()
        self._server.task_dispatcher.shutdown(timeout=STOP_S)
        trigger: Any = self._server.trigger
        trigger.pull_trigger(self._close)
        self._pulled.set()
        self._live.wait()

    def _close(self) -> None:
        # In the loop's own thread, which ends when nothing is left in the map. Woken by something else, it
        # may come here before the trigger is pulled for it, and must not close that under stop's hand.
        self._pulled.wait()
        wasyncore.close_all(self._map, ignore_all=True)


def run(settings: Settings, redis: Redis) -> None:
    """Serve the newsroom until SIGTERM or SIGINT. To be called in the main thread.

    Raises:
        CantListen: the address is taken, or not this machine's.
    """
    server = Server(create_app(settings, redis), settings.web_host, settings.web_port)
    for signum in (signal.SIGTERM, signal.SIGINT):
        # Not in the handler itself: that runs in the serving thread, which stopping waits for.
        signal.signal(signum, lambda *_: threading.Thread(target=server.stop, daemon=True).start())
    log.info("web_listens", url=server.url)
    server.run()
    log.info("web_stopped")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server(
            (host, port),
            family=family,
            backlog=1024,
            dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        raise CantListen(
            f"The web process can't listen on {host}:{port}: {error.strerror or error}. "
            "Set PALMYRA_WEB_PORT (0 takes a free one) or PALMYRA_WEB_HOST."
        ) from None


def _url(host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/"
