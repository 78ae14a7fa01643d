"""After the storm: waiting until all is quiet, and looking at everything."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from jobs.keys import STAGES
from jobs.link import Story
from worker.chaos import verdict
from worker.chaos.audit import on_stream
from worker.chaos.rest import left_over
from worker.chaos.verdict import Finding, Seen
from worker.chaos.watch import WITHIN_S
from worker.dead_job import dead_job_maker
from worker.ledger_check import Check

if TYPE_CHECKING:
    from worker.chaos.run import World

STILL_S = 3.0
"""When nothing ended for so long, we look what is waited for."""
READ_WITHIN_S = 40.0
"""For the consumers, when nothing is published any more."""


def wait(world: World, within_s: float) -> bool:
    """Wait until every link has its outcome; False when that takes too long."""
    deadline = time.monotonic() + within_s
    before, still_s = dict[str, int](), time.monotonic()
    while time.monotonic() < deadline:
        world.tick()
        totals = world.watch.totals
        if totals.get("discovered", 0) >= world.order.links and not totals.get("in_flight", 1):
            return all(one.done for one in world.watch.recoveries) and _read(world)
        if totals != before:
            before, still_s = totals, time.monotonic()
        elif time.monotonic() - still_s > STILL_S and _only_far_ones(world):
            world.tell("what is left waits for long: the clock goes an hour ahead")
            world.server.hasten(world.ledger.keys.time)
            still_s = time.monotonic()
    return False


def _only_far_ones(world: World) -> bool:
    """Does every open link wait for a time that is further away than we are patient, or else every feed?"""
    keys = world.ledger.keys
    places = (keys.later, *map(keys.leases, STAGES))
    unlisted = world.watch.totals.get("discovered", 0) < world.order.links
    try:
        with world.redis.pipeline(transaction=True) as pipe:
            pipe.zcard(keys.open)
            pipe.hget(keys.time, "last")
            for place in (*places, keys.feeds):
                pipe.zcard(place)
                pipe.zrange(place, 0, 0, withscores=True)
            opened, now_ms, *found, _, feed = pipe.execute()
    except RedisError:
        return False
    due_ms = [first[0][1] for first in (*found[1::2], feed if unlisted else None) if first]
    far_ms = int(now_ms or 0) + world.order.patience_s * 1000
    return bool(due_ms) and opened == sum(found[::2]) and min(due_ms) > far_ms


def _read(world: World) -> bool:
    """Wait until the group's consumers have acknowledged everything."""
    deadline = time.monotonic() + READ_WITHIN_S
    while time.monotonic() < deadline:
        world.tick()
        groups: Any = world.redis.xinfo_groups(world.ledger.keys.stream)
        newest: Any = world.redis.xrevrange(world.ledger.keys.stream, count=1)
        if groups and not groups[0]["pending"] and groups[0]["last-delivered-id"] == newest[0][0]:
            return True
    return False


def look(world: World) -> list[Finding]:
    """Everything that is to hold while the system still runs."""
    fates = world.sites.links
    stories = {link: world.ledger.story(link) for link in fates}
    seen = Seen(dict(world.audit.entries), on_stream(world.redis, world.ledger.keys.stream), world.seen_ids)
    struck = world.blows.struck
    may_lose = world.order.fsync == "everysec" and bool(struck["redis-power"] + struck["redis-kill"])
    return [
        verdict.links_lost(fates, stories),
        verdict.published_twice(seen, may_lose=may_lose),
        verdict.events_kept(seen),
        _balance(world),
        verdict.failures_explained(fates, stories),
        verdict.consumers_saw(seen),
        _recovered(world),
        _checked(world),
        _rolled_back(world, seen, may_lose=may_lose),
    ]


def _balance(world: World) -> Finding:
    watch = world.watch
    figure = f"{len(watch.out_of_balance)} of {watch.looks:,} looks"
    return Finding("ledger out of balance", figure, tuple(watch.out_of_balance))


def _recovered(world: World) -> Finding:
    slow = [one for one in world.watch.recoveries if not one.done or one.took_s > WITHIN_S]
    said = tuple(
        f"{one.blow.fault} at {one.blow.at_s:.0f} s: {one.took_s:.0f} s"
        + ("" if one.done else f" and not overcome; {len(one.held)} links have not moved")
        for one in slow
    )
    links = tuple(link for one in slow for link in one.held)
    return Finding(f"faults not overcome within {WITHIN_S:.0f} s", str(len(slow)), said, links)


def _checked(world: World) -> Finding:
    """What `palmyra ledger check` finds."""
    settings, keys = world.settings, world.ledger.keys
    report = Check(
        world.redis,
        keys,
        dead_job_maker(world.redis, keys),
        keep_ledger_days=settings.keep_ledger,
        keep_pages_days=settings.keep_pages,
        keep_stream_days=settings.keep_stream,
    ).run()
    said = tuple(f"{fault.kind}: {fault.link} {fault.detail}" for fault in report.faults)
    links = tuple(fault.link for fault in report.faults if fault.link)
    return Finding("faults of the ledger check", f"{len(said)} in {report.links:,} links", said, links)


def _rolled_back(world: World, seen: Seen, *, may_lose: bool) -> Finding:
    """What Redis's own loss cost: found again, all of it, by polling and by leases that ran out."""
    lost, repeats = world.blows.rolled_back, seen.repeats
    cut = f"{world.server.cut_bytes / 1024:.0f} KB of the file"
    figure = f"{cut}: {lost['links']} links, {lost['events']} events; {len(repeats)} seen before came anew"
    wrong = () if may_lose or not lost else (f"Redis lost {dict(lost)} although it may not",)
    return Finding("lost by Redis, and found again", figure, wrong)


def rest(world: World, processes: Iterable[str]) -> list[Finding]:
    """What is left when all processes were stopped, but for Redis."""
    left = tuple(processes)
    keys = tuple(left_over(world.redis, world.ledger.keys))
    return [
        Finding("processes left, or stopped badly", str(len(left)), left),
        Finding("keys left over", str(len(keys)), keys),
    ]


def stories(world: World, findings: Iterable[Finding]) -> dict[str, Story]:
    """The ways of the links that speak against a finding, a few of each."""
    links = [link for finding in findings for link in finding.links[: verdict.SHOWN]]
    found = {link: world.ledger.story(link) for link in links}
    return {link: story for link, story in found.items() if story}
