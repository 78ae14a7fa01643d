"""The one place that wires things together from the settings."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from jobs.client import Client
from jobs.errors import PalmyraError
from jobs.guard import Policy
from jobs.keys import Keys
from jobs.ledger import Ledger
from jobs.user_agent import user_agent
from worker import recheck, redis_url
from worker.config import Settings
from worker.feeds.registry import Registry
from worker.feeds.subscriptions import Subscriptions
from worker.webhooks.hook import Hooks

if TYPE_CHECKING:  # what only some processes need is imported where it is made: commands start fast
    from jobs.copies.index import Copies
    from jobs.enrich.enricher import Enricher
    from jobs.enrich.loading import Choice
    from jobs.stories.index import Stories
    from jobs.tasks import Tasks
    from jobs.validators import Validators
    from worker.dispatch import Dispatcher
    from worker.feeds.subscriber import Subscriber
    from worker.fetcher import Downloader


class RedisUnreachable(PalmyraError):
    """Redis can't be reached."""


def connect(settings: Settings, *, patient: bool = True) -> Redis:
    """A Redis client (bytes, not text).

    Args:
        patient: keep trying for some seconds when the connection breaks, as the long-running processes do;
            commands that a person waits for give up at once.
    """
    retry = Retry(ExponentialWithJitterBackoff(cap=2, base=0.05), 8 if patient else 1)
    answer_s = redis_url.ANSWER_S if patient else redis_url.CONNECT_S
    return redis_url.connect(settings.url, retry, answer_s=answer_s)


def connect_now(settings: Settings) -> Redis:
    """A client whose server has answered.

    Raises:
        RedisUnreachable: it did not; the message says what to do.
    """
    redis = connect(settings, patient=False)
    try:
        redis.ping()
    except RedisError as error:
        raise RedisUnreachable(_advice(settings, error)) from None
    return redis


def _advice(settings: Settings, error: RedisError) -> str:
    if settings.embedded:
        where = settings.home.resolve()
        return (
            f"No Redis runs in {where}. Start `palmyra up` there, or set PALMYRA_REDIS_URL (or PALMYRA_HOME)."
        )
    shown = redis_url.shown(settings.url)
    return f"Redis at {shown} does not answer: {error}. Check PALMYRA_REDIS_URL, and that the server runs."


def keys(settings: Settings) -> Keys:
    """The keys of the configured namespace."""
    return Keys(settings.namespace)


def ledger(settings: Settings, redis: Redis) -> Ledger:
    """The ledger with the configured times."""
    return Ledger(
        redis,
        keys(settings),
        keep_ledger_days=settings.keep_ledger,
        keep_pages_days=settings.keep_pages,
        recheck_s=recheck.times_s(settings.recheck),
    )


def registry(settings: Settings, redis: Redis) -> Registry:
    """The registered feeds."""
    return Registry(redis, keys(settings))


def hooks(settings: Settings, redis: Redis) -> Hooks:
    """The webhooks."""
    return Hooks(redis, keys(settings))


def subscriptions(settings: Settings, redis: Redis) -> Subscriptions:
    """The registered feeds' subscriptions at hubs."""
    return Subscriptions(redis, keys(settings))


def subscriber(settings: Settings, redis: Redis, client: Client) -> Subscriber | None:
    """What subscribes feeds at their hubs; None when hubs can't reach us (PALMYRA_PUBLIC_URL)."""
    if settings.public_url is None:
        return None
    from worker.feeds.subscriber import Subscriber

    return Subscriber(
        subscriptions(settings, redis),
        ledger(settings, redis),
        client,
        public_url=settings.public_url,
        host_delay_s=settings.host_delay,
    )


def policy(settings: Settings, demo_urls: Iterable[str] = ()) -> Policy:
    """What may be fetched: the settings, and the demo newsroom's own address while it runs."""
    demo = {(parts.hostname or "", parts.port or 80) for parts in map(urlsplit, demo_urls)}
    return Policy(
        allow_networks=tuple(settings.allow_networks),
        allow_ports=frozenset(settings.allow_ports),
        allow_addresses=frozenset(demo),
    )


def client(
    settings: Settings,
    demo_urls: Iterable[str] = (),
    *,
    max_connections: int = 128,
    max_idle: int | None = None,
) -> Client:
    """The guarded HTTP client; to be used as a context manager, on one event loop."""
    return Client(
        policy(settings, demo_urls),
        user_agent=user_agent(settings.contact or settings.public_url),
        max_connections=max_connections,
        max_idle=max_idle,
        http2=settings.http2,
    )


def tasks(settings: Settings, redis: Redis, worker: str, downloader: Downloader | None = None) -> Tasks:
    """What the jobs of one worker act on. Article workers download nothing."""
    from jobs.recurring.store import SiteMemories
    from jobs.tasks import Tasks
    from worker.dead_job import dead_job_maker

    def enrichers() -> tuple[Enricher, ...]:
        from jobs.enrich.loading import load

        return load(enrichment(settings))

    def no_download(url: str, validators: Validators | None = None) -> NoReturn:
        raise RuntimeError("article workers fetch nothing")

    return Tasks(
        ledger=ledger(settings, redis),
        download=downloader.download if downloader else no_download,
        feed_infos=registry(settings, redis).infos,
        dead_job=dead_job_maker(redis, keys(settings)),
        worker=worker,
        sites=SiteMemories(redis, keys(settings)) if settings.learn else None,
        enrichers=enrichers,
        copies=None if downloader else copies(settings, redis),
        hold_copies=settings.copies == "hold",
        stories=None if downloader else stories(settings, redis),
    )


def copies(settings: Settings, redis: Redis) -> Copies | None:
    """The index of copies, unless it is switched off."""
    if settings.copies == "off":
        return None
    from jobs.copies.index import Copies

    return Copies(
        redis, keys(settings), window_days=settings.copies_window, similarity=settings.copies_similarity
    )


def stories(settings: Settings, redis: Redis) -> Stories | None:
    """The index of stories, unless it is switched off."""
    if not settings.stories:
        return None
    from jobs.stories.index import Stories

    return Stories(redis, keys(settings), keep_days=settings.keep_stream)


def enrichment(settings: Settings) -> Choice:
    """Which enrichers run, and with what. Loads them all the first time: the pool's parent does (`warm`)."""
    from jobs.enrich.loading import Choice

    folders = [settings.home / "cache"]
    with suppress(RuntimeError):  # nobody's home
        folders.insert(0, Path.home() / ".cache" / "palmyra")  # one for all homes, and for none
    return Choice(tuple(settings.enrichers), tuple(settings.spacy_models), tuple(map(str, folders)))


def downloader(settings: Settings, redis: Redis, demo_urls: Iterable[str] = ()) -> Downloader:
    """A downloader for the configured number of fetches at a time, with the configured politeness."""
    from jobs.politeness import Gate
    from jobs.robots_cache import RobotsCache
    from worker.fetcher import Downloader

    links = ledger(settings, redis)
    robots = RobotsCache(links) if settings.robots else None
    gate = Gate(links, host_delay_s=settings.host_delay, robots=robots)
    return Downloader(lambda: client(settings, demo_urls, max_connections=settings.fetch_concurrency), gate)


def dispatcher(settings: Settings, redis: Redis) -> Dispatcher:
    """The dispatcher with the configured politeness."""
    from worker.dead_job import dead_job_maker
    from worker.dispatch import Dispatcher

    return Dispatcher(
        ledger(settings, redis),
        dead_job_maker(redis, keys(settings)),
        host_delay_s=settings.host_delay,
        keep_stream_days=settings.keep_stream,
        keep_stream_bytes=settings.keep_stream_bytes,
    )
