"""What is wrong around a system: nobody dispatches, jobs are stuck, no DNS, a full disk."""

from __future__ import annotations

import ipaddress
import shlex
import shutil
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from redis import Redis

from jobs.keys import STAGES
from worker import factory
from worker.config import Settings
from worker.finding import Finding
from worker.printable import printable

NO_STEP_S = 30.0
"""A dispatcher takes a step a second at least."""
STUCK_S = 120.0
"""A lease that ran out is taken back within a second or two; after this time nobody does."""
NAMES = 3
"""Hosts that are looked up; one that resolves is enough."""
LOOK_UP_S = 3.0
LITTLE_BYTES, HARDLY_BYTES = 2 * 2**30, 200 * 2**20


def look_at_dispatcher(settings: Settings, redis: Redis) -> list[Finding]:
    """Whether anybody polls and hands out links; every step leaves its time in the ledger's clock."""
    keys = factory.keys(settings)
    with redis.pipeline(transaction=False) as pipe:
        pipe.hmget(keys.time, "last", "offset")
        pipe.zcard(keys.feeds)
        pipe.zcard(keys.open)
        pipe.time()
        (last, offset), feeds, open_, now = pipe.execute()
    idle_s = int(now[0]) + int(offset or 0) / 1000 - int(last or 0) / 1000
    if idle_s <= NO_STEP_S or not (feeds or open_):
        return []
    since = f"for {idle_s:,.0f} s" if last else "yet"
    what = f"no poller runs: nobody has polled feeds or handed out links {since}"
    return [Finding("error", what, "palmyra poll")]


def look_at_jobs(settings: Settings, redis: Redis) -> list[Finding]:
    """Links whose lease ran out long ago and that nobody took back."""
    keys = factory.keys(settings)
    told: Any = redis.time()
    offset: Any = redis.hget(keys.time, "offset")
    late_ms = int(told[0]) * 1000 + int(offset or 0) - int(STUCK_S * 1000)
    found = []
    for stage in STAGES:
        stuck: Any = redis.zcount(keys.leases(stage), "-inf", late_ms)
        if stuck:
            what = f"{stuck:,} {stage} jobs are stuck: their leases ran out and nobody takes them back"
            found.append(Finding("error", what, "palmyra poll; then palmyra ledger check"))
    return found


def look_at_disk(settings: Settings, _redis: Redis) -> list[Finding]:
    """Whether the embedded Redis has room for its files; another one tells of its own."""
    if not settings.embedded:
        return []
    home = settings.home.resolve()
    there = next(path for path in (home, *home.parents) if path.exists())
    return disk_findings(shutil.disk_usage(there).free, home)


def disk_findings(free_bytes: int, home: Path) -> list[Finding]:
    """What is wrong with so much room. Pure."""
    if free_bytes >= LITTLE_BYTES:
        return []
    where, free = printable(str(home)), f"{free_bytes / 2**20:,.0f} MiB"
    what = f"the disk of {where} has {free} left: when it is full, Redis takes no more writes"
    mend = f"df -h {shlex.quote(where)}; make room, or move PALMYRA_HOME to a larger disk"
    return [Finding("error" if free_bytes < HARDLY_BYTES else "warning", what, mend)]


def look_at_dns(settings: Settings, redis: Redis) -> list[Finding]:
    """Whether names of feeds resolve on this machine; nothing is asked where there are none."""
    feeds = factory.registry(settings, redis).all()
    hosts = dict.fromkeys(host for feed in feeds if not feed.proxy and (host := _name(feed.url)))
    return dns_findings(list(islice(hosts, NAMES)))


def _name(url: str) -> str | None:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return None if not host or host == "localhost" or _is_address(host) else host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def dns_findings(hosts: Sequence[str]) -> list[Finding]:
    """Whether none of these names resolves."""
    if not hosts or any(_resolve(hosts)):
        return []
    what = f"no DNS on this machine: {', '.join(map(printable, hosts))} can't be looked up"
    return [Finding("warning", what, "cat /etc/resolv.conf; getent hosts example.org")]


def _resolve(hosts: Iterable[str]) -> list[bool]:
    """Which of them resolve within `LOOK_UP_S`: a resolver that does not answer would keep us for long."""
    found: dict[str, bool] = {}

    def ask(host: str) -> None:
        try:
            found[host] = bool(socket.getaddrinfo(host, 443))
        except OSError:
            found[host] = False

    threads = [threading.Thread(target=ask, args=(host,), daemon=True) for host in hosts]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + LOOK_UP_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [found.get(host, False) for host in hosts]
