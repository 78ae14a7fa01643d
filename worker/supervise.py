"""`palmyra up`: starts the processes in order, restarts what dies, stops them in the reverse order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

import structlog

from worker.procs import die_with_parent

STOP_WITHIN_S = 9.0
"""What all processes together may take to stop; the embedded Redis has the rest of the promised 15 s."""
QUICK_DEATH_S = 5.0
LONGEST_PAUSE_S = 10.0
LOOK_EVERY_S = 0.1

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Service:
    """One process to keep running."""

    name: str
    arguments: Sequence[str]
    """What follows the Python executable."""
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause_s: float = 0.0
    start_at: float = 0.0
    """Not before this moment (monotonic): what dies at once is started ever more slowly."""


@dataclass(slots=True)
class Supervisor:
    """Runs services in the order given, as children that die with it."""

    services: list[Service]
    environment: Mapping[str, str]
    tick: Callable[[], None] = lambda: None
    """Called at each look, e.g. to keep the embedded Redis running."""
    stopping: bool = field(default=False, init=False)

    def run(self, ready: Callable[[], None]) -> None:
        """Start all, call `ready`, and keep them running until SIGTERM or Ctrl-C; then stop all."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        try:
            for service in self.services:
                if not self.stopping:
                    self._start(service)
            if not self.stopping:
                ready()
            while not self.stopping:
                self.tick()
                for service in self.services:
                    self._look_after(service)
                time.sleep(LOOK_EVERY_S)
        finally:
            self._stop_all()

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _start(self, service: Service) -> None:
        # In a session of its own, so that Ctrl-C reaches only us and the order of stopping is ours.
        service.process = subprocess.Popen(
            [sys.executable, *service.arguments],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_tied_to_parent,
        )
        service.started = time.monotonic()

    def _look_after(self, service: Service) -> None:
        process = service.process
        if process is not None and process.poll() is not None:
            lived_s = time.monotonic() - service.started
            quick = lived_s < QUICK_DEATH_S
            service.pause_s = min(max(service.pause_s * 2, 0.5), LONGEST_PAUSE_S) if quick else 0.0
            service.start_at = time.monotonic() + service.pause_s
            service.process = None
            log.warning("process_died", name=service.name, code=process.returncode, lived_s=round(lived_s, 1))
        if service.process is None and time.monotonic() >= service.start_at and not self.stopping:
            self._start(service)
            log.info("process_restarted", name=service.name)

    def _stop_all(self) -> None:
        deadline = time.monotonic() + STOP_WITHIN_S
        for service in reversed(self.services):
            stop(service, deadline)


def stop(service: Service, deadline: float) -> None:
    """SIGTERM, and SIGKILL at the deadline (monotonic); what is lost then comes round by its lease."""
    process = service.process
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(max(0.5, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        log.warning("process_killed", name=service.name, why="it did not stop in time")
        process.kill()
        process.wait()


def _tied_to_parent() -> None:
    die_with_parent(signal.SIGTERM)
