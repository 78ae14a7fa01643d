"""``python -m worker.chaos.consumer URL NAMESPACE GROUP NAME FILE SUICIDES``: consumes with `worker.client`.

It appends the id of each event to a file, one a line, when its loop gets it. One event in so many (SUICIDES,
0: none) kills it with SIGKILL between reading and acknowledging, before or after the line is written.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

from redis import Redis

from worker.client import subscribe

TAKE_OVER_S = 8.0


def main(url: str, namespace: str, group: str, name: str, file: str, suicides: str) -> None:
    """Consume for ever."""
    one_in = int(suicides)
    with Path(file).open("a", buffering=1) as seen:
        for event in subscribe(
            Redis.from_url(url),
            group=group,
            consumer=name,
            namespace=namespace,
            since="start",
            take_over_s=TAKE_OVER_S,
        ):
            dies = one_in and random.randrange(2 * one_in)
            if dies == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            seen.write(f"{event.id}\n")
            if dies == 2:
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
