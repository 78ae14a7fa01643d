"""The terminal while `palmyra top` runs: a thread that looks each second, keys, sizes; then all as before."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from redis.exceptions import RedisError
from rich.console import Console
from rich.live import Live

from worker.top.sample import Sample
from worker.top.screen import screen

EVERY_S = 1.0
QUIT = b"qQ\x03\x04"
"""q, and Ctrl-C and Ctrl-D where they come as keys."""


class Looker:
    """Looks each second, in a thread: a Redis that does not answer must not keep keys from being heard."""

    def __init__(self, look: Callable[[], Sample], tell: Callable[[], None]) -> None:
        self._look, self._tell = look, tell
        self._error: RedisError | None = None
        self._since_s = 0.0
        self.stop = threading.Event()
        self.sample: Sample | None = None

    def run(self) -> None:
        """Until `stop` is set."""
        while not self.stop.is_set():
            began_s = time.monotonic()
            try:
                self.sample, self._error = self._look(), None
            except RedisError as error:
                self._since_s = self._since_s if self._error else began_s
                self._error = error
            self._tell()
            self.stop.wait(max(0.0, EVERY_S - (time.monotonic() - began_s)))

    @property
    def away(self) -> str | None:
        """In words that Redis can't be asked, and since when; None when it can."""
        error = self._error
        if error is None:
            return None
        return (
            f" Redis does not answer for {time.monotonic() - self._since_s:.0f} s: {error}. Asked again each "
            "second; what stands below is old. "
        )


def show(look: Callable[[], Sample], first: Sample) -> None:
    """Show looks until q or Ctrl-C."""
    console = Console(highlight=False)
    with ExitStack() as stack:
        woken, wake = stack.enter_context(_alarm())
        stack.enter_context(_keys())
        looker = Looker(look, wake)
        looker.sample = first
        live = stack.enter_context(Live(console=console, screen=True, auto_refresh=False))
        threading.Thread(target=looker.run, daemon=True).start()
        stack.callback(looker.stop.set)
        while True:
            live.update(screen(looker.sample, console.width, looker.away), refresh=True)
            if _quits(woken):
                return


def _quits(woken: int) -> bool:
    """Wait for something to show; whether a key says that it is enough."""
    keys = sys.stdin.fileno() if sys.stdin.isatty() else -1
    ready, _, _ = select.select([woken, *([keys] if keys >= 0 else [])], [], [], EVERY_S)
    if woken in ready:
        os.read(woken, 4096)
    if keys not in ready:
        return False
    typed = os.read(keys, 64)
    return not typed or any(key in QUIT for key in typed)


@contextmanager
def _alarm() -> Iterator[tuple[int, Callable[[], None]]]:
    """A file that gets readable when there is something new, or the terminal another size."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)

    def wake(*_: Any) -> None:
        try:
            os.write(writing, b".")
        except OSError:  # full: it is awake anyway; closed: it is over
            return

    def end(*_: Any) -> None:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGWINCH, signal.SIGTERM)}
    signal.signal(signal.SIGWINCH, wake)
    signal.signal(signal.SIGTERM, end)
    try:
        yield reading, wake
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)


@contextmanager
def _keys() -> Iterator[None]:
    """Keys come as they are typed and are not shown; afterwards as before."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
