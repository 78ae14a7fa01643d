"""What is wrong with a running system, and what mends it."""

from __future__ import annotations

import importlib.util
import shlex
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import NoPermissionError
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from jobs.keys import STAGES
from jobs.link import OUTCOMES
from worker import factory, health_here, health_redis, stream
from worker.config import Settings
from worker.feeds.registry import Feed
from worker.feeds.state import FeedState, state
from worker.feeds.websub import State, Subscription
from worker.finding import Finding
from worker.printable import printable
from worker.webhooks.hook import GROUP_PREFIX, OFF_BY_OPERATOR, Hook
from worker.webhooks.hook import State as HookState

STUCK_S = 3600
"""A feed that is overdue for this long says that nobody polls."""
FAILED_OFTEN = 3
"""Failed polls in a row: once or twice happens to every feed."""
GAPS_S = 86_400
"""Gaps are told for this long."""
UNREACHED_S = 600
"""So long after it was asked a hub should have checked with us."""
HOOK_LATE_HOURS = 1
"""A webhook that fails for longer is told of; after a day its events are given up."""
NAMED = 3
"""Feeds that a finding names."""


def examine(settings: Settings, redis: Redis, *, around: bool = True) -> list[Finding]:
    """All findings, errors first.

    Args:
        around: look at what is outside of palmyra, too, which may take seconds: names are looked up.
    """
    found: list[Finding] = []
    looks = {**_LOOKS, **_AROUND} if around else _LOOKS
    for about, look in looks.items():
        try:
            found += look(settings, redis)
        except NoPermissionError as error:
            found.append(_unseen(about, error))
    return sorted(found, key=lambda finding: finding.level)


def _unseen(about: str, error: NoPermissionError) -> Finding:
    """A part that this Redis user may not look at."""
    what = f"could not look at {about}: {printable(str(error))}"
    return Finding("warning", what, "run it as the Redis user `worker` of deploy/users.acl")


def _workers(settings: Settings, redis: Redis) -> list[Finding]:
    found = []
    names = factory.keys(settings)
    for stage in STAGES:
        keys: Any = redis.smembers(WORKERS_BY_QUEUE_KEY % names.queue(stage))
        if not any(redis.exists(key) and not redis.hexists(key, "death") for key in keys):
            found.append(Finding("error", f"no {stage} worker runs", f"palmyra work {stage}"))
    return found


def _ledger(settings: Settings, redis: Redis) -> list[Finding]:
    ledger = factory.ledger(settings, redis)
    totals = ledger.totals()
    balance = totals["discovered"] - sum(totals[o] for o in OUTCOMES) - totals["in_flight"]
    if balance:
        return [Finding("error", f"the ledger is out of balance by {balance}", "palmyra ledger check")]
    return []


def _stream(settings: Settings, redis: Redis) -> list[Finding]:
    keys = factory.keys(settings)
    groups, now_ms = stream.groups(redis, keys, most_counted=1), int(time.time() * 1000)
    found = group_findings(groups, settings.keep_stream, keys.stream, now_ms)
    size, most = stream.size_bytes(redis, keys), settings.keep_stream_bytes
    behind = [group for group in groups if group.oldest_ms is not None]
    if most and size > 1.1 * most and behind:
        slowest = printable(behind[0].name)
        what = f"the stream takes {size:,} bytes, over PALMYRA_KEEP_STREAM_BYTES: {slowest} has not read it"
        found.append(Finding("warning", what, _give_up(keys.stream, behind[0].name)))
    return found


def group_findings(groups: Sequence[stream.Group], keep_days: float, name: str, now_ms: int) -> list[Finding]:
    """Consumer groups that are far behind on the stream of that name, before it matters and when. Pure."""
    found = []
    for group in groups:
        days, who = group.behind_s(now_ms) / 86_400, f"consumer group {printable(group.name)}"
        owes = f"the oldest event it needs is {days:.1f} days old"
        if days > keep_days:
            what = f"{who} holds the stream, which is to keep {keep_days:g} days: {owes}"
            found.append(Finding("warning", what, _give_up(name, group.name)))
        elif days > keep_days / 2:
            what = f"{who} is far behind: {owes}, and at {keep_days:g} it will hold the stream"
            found.append(Finding("warning", what, _give_up(name, group.name)))
        if group.overtaken:
            what = f"{who} was overtaken: events were trimmed, not by palmyra, before it had read them"
            found.append(
                Finding("warning", what, "read them elsewhere; its consumer is told when it goes on")
            )
    return found


def _webhooks(settings: Settings, redis: Redis) -> list[Finding]:
    hooks = factory.hooks(settings, redis)
    return webhook_findings([(hook, hooks.state(hook.id)) for hook in hooks.all()], int(time.time() * 1000))


def webhook_findings(hooks: Sequence[tuple[Hook, HookState]], now_ms: int) -> list[Finding]:
    """What is wrong with webhooks: the others, and everything else, go on. Pure."""
    found = []
    for hook, how in hooks:
        hours = (now_ms - how.failing) / 3_600_000 if how.failing else 0.0
        who = f"the webhook {hook.id} ({printable(hook.public_url)})"
        if hook.off and hook.off != OFF_BY_OPERATOR:
            mend = f"palmyra webhooks edit {hook.id} --on, or remove it"
            found.append(Finding("warning", f"{who} is off: {printable(hook.off)}", mend))
        elif not hook.off and hours > HOOK_LATE_HOURS:
            what = f"{who} has taken nothing for {hours:.0f} hours: {printable(how.error)}"
            found.append(Finding("warning", what, f"palmyra webhooks test {hook.id}"))
    return found


def _give_up(stream_name: str, group: str) -> str:
    if group.startswith(GROUP_PREFIX):
        return f"palmyra webhooks show {printable(group.removeprefix(GROUP_PREFIX))}"
    destroy = f"redis-cli XGROUP DESTROY {stream_name} {shlex.quote(printable(group))}"
    return f"start its consumer, or give it up: {destroy}"


def _feeds(settings: Settings, redis: Redis) -> list[Finding]:
    now_ms = int(time.time() * 1000)
    found = []
    overdue: Any = redis.zcount(factory.keys(settings).feeds, 1, now_ms - STUCK_S * 1000)
    if overdue:
        what = f"{_feeds_that(overdue, 'is', 'are')} overdue by more than an hour"
        found.append(Finding("error", what, "palmyra poll"))
    feeds = factory.registry(settings, redis).registered()
    if feeds and not settings.contact and not settings.public_url:
        what = "publishers can't reach you: requests name no contact"
        found.append(Finding("warning", what, "set PALMYRA_CONTACT to an address of yours"))
    found += feed_findings(feeds, now_ms)
    subscriptions = factory.subscriptions(settings, redis).of([feed.id for feed in feeds])
    return found + hub_findings(list(subscriptions), settings.public_url, now_ms)


def feed_findings(feeds: Sequence[Feed], now_ms: int) -> list[Finding]:
    """What is wrong with single feeds: warnings, each with the command that lists them. Pure."""
    states = Counter(state(feed, now_ms) for feed in feeds)
    failing = sum(feed.failures >= FAILED_OFTEN and not feed.gone and not feed.paused for feed in feeds)
    stale, silent, gone = (states[one] for one in (FeedState.STALE, FeedState.SILENT, FeedState.GONE))
    gaps = sum(now_ms - feed.last_gap < GAPS_S * 1000 for feed in feeds)
    nothing = "nothing new, against"
    cases = [
        (failing, f"{_feeds_that(failing, 'has', 'have')} failed three times in a row or more", "--failing"),
        (stale, f"{_feeds_that(stale, 'was', 'were')} not polled for a day and five intervals", "--stale"),
        (
            silent,
            _feeds_that(silent, f"brings {nothing} its own rhythm", f"bring {nothing} their own"),
            "--silent",
        ),
        (gone, f"{_feeds_that(gone, 'is', 'are')} gone: find a new address, or remove", "--gone"),
        (gaps, f"{_feeds_that(gaps, 'has', 'have')} probably lost links within a day", "--gaps"),
    ]
    return [
        Finding("warning", what, f"palmyra feeds list {option}") for count, what, option in cases if count
    ]


def hub_findings(known: Sequence[Subscription], public_url: str | None, now_ms: int) -> list[Finding]:
    """What is wrong with subscriptions at hubs. Polls go on as without them: warnings. Pure."""
    found = []
    for wrong in (State.DENIED, State.EXPIRED):
        feeds = [one.feed for one in known if one.state(now_ms) is wrong]
        if feeds:
            what = f"subscriptions at hubs that are {wrong}: {len(feeds)}, of {_named(feeds)}"
            found.append(Finding("warning", what, f"palmyra feeds show {feeds[0]}"))
    unanswered = [one for one in known if one.asked and now_ms - one.asked > UNREACHED_S * 1000]
    if public_url and unanswered and not any(one.verified or one.denied for one in known):
        hubs = len({one.hub for one in unanswered})
        what = f"PALMYRA_PUBLIC_URL is set, but no hub has ever reached us there (asked: {hubs})"
        mend = f"make {public_url}/websub/ reach `palmyra web` from the internet"
        found.append(Finding("warning", what, mend))
    return found


def _named(feeds: Sequence[str]) -> str:
    """The first few of these ids."""
    more = f" and {len(feeds) - NAMED} more" if len(feeds) > NAMED else ""
    return ", ".join(feeds[:NAMED]) + more


def _feeds_that(count: int, one: str, many: str) -> str:
    return f"1 feed {one}" if count == 1 else f"{count:,} feeds {many}"


def _models(settings: Settings, _redis: Redis) -> list[Finding]:
    """Models of PALMYRA_SPACY_MODELS that are not there: the articles of their languages have no entities."""
    found = []
    for language, model in settings.spacy_models:
        there = Path(model).exists() or (model.isidentifier() and importlib.util.find_spec(model))
        if not there or not importlib.util.find_spec("spacy"):
            what = f"the spaCy model {printable(model)} (entities of texts in {language}) is not installed"
            mend = 'pip install "palmyra[entities]" and the model, or change PALMYRA_SPACY_MODELS'
            found.append(Finding("warning", what, mend))
    return found


_LOOKS: Mapping[str, Callable[[Settings, Redis], list[Finding]]] = {
    "Redis itself": health_redis.look,
    "the clocks": health_redis.look_at_clock,
    "the poller": health_here.look_at_dispatcher,
    "the workers": _workers,
    "the jobs": health_here.look_at_jobs,
    "the ledger": _ledger,
    "the stream": _stream,
    "the webhooks": _webhooks,
    "the feeds": _feeds,
    "the models": _models,
}
"""What is looked at, each on its own: a user with few rights is told of the rest."""
_AROUND: Mapping[str, Callable[[Settings, Redis], list[Finding]]] = {
    "the disk": health_here.look_at_disk,
    "DNS": health_here.look_at_dns,
}
