"""After a downtime: overdue feeds are polled in order, not all at once."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from random import Random

from worker.feeds.overdue import FEEDS_A_SECOND, Overdue, spread


def many(count: int, hosts: int) -> list[Overdue]:
    rng = Random(1)
    return [
        Overdue(
            f"feed{n}", f"host{rng.randrange(hosts)}", rng.random() * 28_800, rng.choice((300, 3600, 86_400))
        )
        for n in range(count)
    ]


def test_ten_thousand_overdue_feeds_are_spread() -> None:
    """Each gets its time; in no second more than the limit, and each host has its pause."""
    feeds = many(10_000, hosts=3_000)
    delays = spread(feeds, host_delay_s=1.0)
    assert delays.keys() == {feed.id for feed in feeds}
    each_second: dict[int, int] = defaultdict(int)
    for at_s in delays.values():
        each_second[int(at_s)] += 1
    assert max(each_second.values()) <= FEEDS_A_SECOND * 1.5
    by_host: dict[str, list[float]] = defaultdict(list)
    for feed in feeds:
        by_host[feed.host].append(delays[feed.id])
    assert all(b - a >= 0.999 for times in by_host.values() for a, b in pairwise(sorted(times)))
    assert max(delays.values()) < 10_000 / FEEDS_A_SECOND + 60


def test_a_host_with_many_feeds_holds_up_nobody_else() -> None:
    """Its feeds wait for each other; those of others are in time."""
    crowd = [Overdue(f"a{n}", "crowded", 3600, 300) for n in range(1000)]
    others = [Overdue(f"b{n}", f"host{n}", 3600, 3600) for n in range(100)]
    delays = spread([*crowd, *others], host_delay_s=1.0)
    assert max(delays[feed.id] for feed in crowd) >= 999
    assert max(delays[feed.id] for feed in others) <= 1100 / FEEDS_A_SECOND


def test_what_is_polled_often_comes_first() -> None:
    """It has missed the most; new feeds come before all."""
    feeds = [
        Overdue("daily", "a", 30_000, 86_400),
        Overdue("busy", "b", 30_000, 300),
        Overdue("hourly", "c", 30_000, 3600),
        Overdue("new", "d", 0, 0),
    ]
    delays = spread(feeds, host_delay_s=1.0)
    assert sorted(delays, key=delays.__getitem__) == ["new", "busy", "hourly", "daily"]
