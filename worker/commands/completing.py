"""What the shell offers where an argument is being typed: feeds and webhooks that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from redis import Redis
from redis.exceptions import RedisError

from jobs.errors import PalmyraError
from worker import factory
from worker.commands.context import settings
from worker.config import Settings
from worker.printable import printable

MOST = 200
"""A shell that offers more is of no help."""
Offer = tuple[str, str]
"""What is typed, and what it stands for."""


def feeds(incomplete: str) -> list[Offer]:
    """Ids of registered feeds; their URLs, once that is what is typed."""

    def known(loaded: Settings, redis: Redis) -> Iterable[Offer]:
        for feed in factory.registry(loaded, redis).registered():
            said = printable(feed.title or feed.public_url)
            yield (feed.public_url, said) if incomplete.startswith("http") else (feed.id, said)

    return _offered(known, incomplete)


def webhooks(incomplete: str) -> list[Offer]:
    """Ids of webhooks; their URLs, once that is what is typed."""

    def known(loaded: Settings, redis: Redis) -> Iterable[Offer]:
        for hook in factory.hooks(loaded, redis).all():
            said = printable(hook.public_url)
            yield (said, hook.id) if incomplete.startswith("http") else (hook.id, said)

    return _offered(known, incomplete)


def _offered(known: Callable[[Settings, Redis], Iterable[Offer]], incomplete: str) -> list[Offer]:
    """Those that begin so; none while Redis is away or the settings are wrong, and no word of that."""
    try:
        loaded = settings()
        offers = [one for one in known(loaded, factory.connect_now(loaded)) if one[0].startswith(incomplete)]
    except (PalmyraError, RedisError):
        return []
    return offers[:MOST]
