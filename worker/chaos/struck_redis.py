"""The Redis of a run, and what is done to it."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections import deque
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from worker.bench.whole import end_with_us
from worker.chaos.clock import Clock
from worker.config import Settings
from worker.embedded import EmbeddedRedis

UNSYNCED_S = 1.0
"""What `everysec` may lose, as Redis promises it."""
KEPT_SIZES = 100
ROOM = 256 * 1024
"""Bytes that Redis, or its file, may still grow by when it is filled up."""
HOUR_S = 3600


class StruckRedis:
    """One append-only server, always on the same socket and folder."""

    def __init__(self, settings: Settings, home: Path, fsync: str) -> None:
        self.fsync = fsync
        self.clock = Clock(home)
        self._server = EmbeddedRedis(
            settings.home, settings.socket_path, options={"appendfsync": fsync}, preexec=self._before
        )
        self._sizes: deque[tuple[float, Path, int]] = deque(maxlen=KEPT_SIZES)
        self.cut_bytes = 0
        """Of the append-only file, by power losses."""

    def _before(self) -> None:
        """In the server's process, before it begins."""
        end_with_us()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing past the limit then fails, as on a full disk
        self.clock.preload()

    @property
    def pid(self) -> int:
        """0 when it does not run."""
        process = self._server.process
        return process.pid if process and process.poll() is None else 0

    def client(self, timeout_s: float = 2.0) -> Redis:
        """A client that waits for nothing."""
        return Redis.from_url(self._server.url, socket_timeout=timeout_s)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._server.start()

    def stop(self) -> None:
        """As an operator would."""
        self._server.stop()

    def look(self) -> None:
        """Note how long the append-only file is; to be called several times a second."""
        files = [
            *self._server.home.glob("appendonlydir/*.incr.aof"),
            *self._server.home.glob("appendonly.aof"),
        ]
        if files:
            newest = max(files, key=lambda file: file.stat().st_mtime)
            self._sizes.append((time.monotonic(), newest, newest.stat().st_size))

    # -- strikes -------------------------------------------------------------------------------------------
    def kill(self) -> None:
        """SIGKILL. What Redis wrote is in the kernel's hands, and stays."""
        if self._server.process is not None:
            self._server.process.kill()
            self._server.process.wait()

    def lose_power(self) -> None:
        """SIGKILL, and the last second of the append-only file is gone, too, unless each write was synced."""
        self.kill()
        if self.fsync == "always":
            return
        edge_s = time.monotonic() - UNSYNCED_S
        before = [(file, size) for at_s, file, size in self._sizes if at_s <= edge_s]
        if not before:
            return
        file, size = before[-1]
        if file.exists() and file.stat().st_size > size:
            self.cut_bytes += file.stat().st_size - size
            os.truncate(file, size)

    def pause(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, signum: signal.Signals) -> None:
        if self.pid:
            os.kill(self.pid, signum)

    def fill(self) -> None:
        """Leave hardly any memory."""
        with self.client() as redis:
            used = int(redis.info("memory")["used_memory"])
            redis.config_set("maxmemory", used + ROOM)

    def empty(self) -> None:
        """No limit on its memory any more."""
        with self.client() as redis:
            redis.config_set("maxmemory", 0)

    def fill_disk(self) -> None:
        """Its files can't grow by more than `ROOM`."""
        self.look()
        size = self._sizes[-1][2] if self._sizes else 0
        self._limit_files(size + ROOM)

    def free_disk(self) -> None:
        """Its files may grow as they like. With `always` Redis ended when it could not write, and starts."""
        if self.pid:
            self._limit_files(resource.RLIM_INFINITY)
        else:
            self.start()

    def _limit_files(self, size: int) -> None:
        if self.pid:
            _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, hard))

    def set_clock(self, ahead_s: int, ledger_time: str) -> None:
        """Move its clock; the ledger's own clock, where Redis's can't be moved."""
        if self.clock.library:
            self.clock.set_ahead(ahead_s)
        elif ahead_s:
            self.hasten(ledger_time)

    def hasten(self, ledger_time: str) -> None:
        """Put the ledger's clock an hour ahead for good: all that waits for a time is due.

        Args:
            ledger_time: the key of the ledger's clock.

        Raises:
            RedisError: it does not answer.
        """
        with self.client() as redis:
            redis.hincrby(ledger_time, "offset", HOUR_S * 1000)


def answers(redis: Redis) -> bool:
    """Does it?"""
    try:
        return bool(redis.ping())
    except RedisError:
        return False
