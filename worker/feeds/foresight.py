"""A dry run of one poll: everything that it would do, found out without doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jobs.ledger import Ledger
from jobs.link import Found
from worker.feeds.backfill import ALL
from worker.feeds.children import split_found
from worker.feeds.diagnosis import oddities, span_s
from worker.feeds.learned import with_skips
from worker.feeds.poll import Poll, brought, given_validators
from worker.feeds.poller import Poller, links_of
from worker.feeds.registry import Feed
from worker.feeds.schedule import Bounds, Next, next_poll
from worker.feeds.spans import duration
from worker.feeds.turns import Turn
from worker.feeds.websub import Topic, discover

NEW, LEFT = "new", "left"
"""Verdicts on a link: it would be fetched, or remembered and left. The others: see `Ledger.foresee`."""
EVEN_CHANCE = 0.5
"""No jitter."""


@dataclass(frozen=True, slots=True)
class Foresight:
    """What a poll would do."""

    poll: Poll
    """As it was answered, asked without validators."""
    again: Poll | None = None
    """The same once more, with the validators of the first answer; None when it had none."""
    found: Sequence[Found] = ()
    """The links in the document."""
    verdicts: Mapping[str, str] = field(default_factory=dict)
    """What would become of each, by link id."""
    policy: str = ALL
    """The backfill that applies; ``all`` where this would not be the first poll."""
    same_body: bool = False
    """The document is the one that the feed's last poll brought: this one would end there."""
    topic: Topic | None = None
    """What could be subscribed to at a hub."""
    after: Next | None = None
    """The next poll, without jitter."""
    warnings: tuple[str, ...] = ()

    @property
    def counts(self) -> Mapping[str, int]:
        """Links by verdict."""
        return Counter(self.verdicts[link.id] for link in self.found)


async def ask_twice(poller: Poller, feed: Feed, turn: Turn) -> tuple[Poll, Poll | None]:
    """Poll without validators, to see the document; then with those that came, to see whether they work."""
    await turn(feed.login.url)
    bare = replace(feed, etag="", modified="", body_hash="")
    poll = await poller.ask(bare, turn)
    answer = poll.answer
    if poll.error or answer is None or not (answer.etag or answer.last_modified):
        return poll, None
    if poll.parsed and poll.parsed.format == "sitemapindex":
        return poll, None  # is never asked so: it may stay as it is while what it names changes
    await turn(feed.login.url)
    taught = replace(feed, **given_validators(bare, answer), body_hash=poll.body_hash)  # type: ignore[arg-type]  # all are texts
    return poll, await poller.ask(taught, turn)


def foresee(
    feed: Feed,
    poll: Poll,
    again: Poll | None,
    ledger: Ledger | None,
    *,
    bounds: Bounds,
    backfill: str,
    now_ms: int,
) -> Foresight:
    """What a poller would make of this answer. Writes nothing.

    Args:
        feed: as it stands; one that is not registered was never polled.
        poll: what it answered.
        again: what it answered when asked again.
        ledger: who knows which links are known; None without a Redis: then none is.
        bounds: of intervals.
        backfill: the policy of feeds without one of their own.
        now_ms: the present, ms since the epoch.
    """
    found = links_of(poll.parsed.entries, now_ms) if poll.parsed else []
    policy = (feed.backfill or backfill) if not feed.body_hash else ALL
    take, leave = split_found(feed, found, backfill)
    verdicts = dict.fromkeys((link.id for link in take), NEW) | dict.fromkeys((x.id for x in leave), LEFT)
    before: frozenset[str] = frozenset()
    if ledger:
        verdicts = ledger.foresee(feed.id, take, leave)
        before = _listed(ledger, feed)
    seen = Foresight(poll, again, found, verdicts, policy, bool(poll.body_hash) and same(feed, poll))
    fresh = [link for link in found if link.id not in before]
    taught = brought(feed, poll, new=seen.counts[NEW], listed=len(found), fresh=fresh)
    after = next_poll(with_skips(feed, poll.parsed), taught, bounds, EVEN_CHANCE, now_ms=now_ms)
    answer = poll.answer
    topic = discover(answer.headers, answer.final_url, poll.parsed) if answer and poll.parsed else None
    return replace(seen, after=after, topic=topic, warnings=_warnings(feed, seen, after, now_ms))


def same(feed: Feed, poll: Poll) -> bool:
    """Whether the feed's last poll brought the same document."""
    return poll.body_hash == feed.body_hash


def _listed(ledger: Ledger, feed: Feed) -> frozenset[str]:
    """The links that the feed's last document listed."""
    ids: Any = ledger.redis.hkeys(ledger.keys.listed(feed.id))
    return frozenset(one.decode() for one in ids)


def _warnings(feed: Feed, seen: Foresight, after: Next, now_ms: int) -> tuple[str, ...]:
    poll = seen.poll
    if poll.parsed is None or poll.answer is None:
        return ()
    odd = list(oddities(feed, poll.answer, poll.parsed, seen.found, now_ms=now_ms))
    if seen.again and not seen.again.error and seen.again.unchanged != "not_modified":
        odd.append("its validators do not work: asked again with them, it sent the whole document")
    covered_s = span_s(poll.parsed.entries)
    if covered_s and len(seen.found) > 1 and covered_s < after.delay_s:
        odd.append(
            f"the document covers {duration(covered_s)} only, less than the time to the next poll: "
            "links may be missed (`palmyra feeds edit --interval` asks more often)"
        )
    return tuple(odd)
