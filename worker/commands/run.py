"""`palmyra up`, and the processes that it starts: poll, work fetch, work article, web."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import structlog
import typer
from redis import Redis

from jobs.errors import PalmyraError
from jobs.urls import domain
from worker import factory, memory
from worker.commands.context import start
from worker.config import Settings
from worker.embedded import EmbeddedRedis
from worker.feeds.parser import Parser
from worker.feeds.poller import MAX_IDLE, PARSERS, Poller
from worker.feeds.registry import Registry
from worker.feeds.schedule import Bounds
from worker.procs import die_with_parent
from worker.rqworker import free_name
from worker.supervise import Service, Supervisor
from worker.webhooks.deliver import MAX_DELIVERIES, Deliveries

DEMO_PORT = 8907  # stable, so that the demo's links are the same after a restart

log = structlog.get_logger(__name__)

DemoFeeds = Annotated[list[str] | None, typer.Option("--demo-feed", hidden=True)]


def poll(demo_feed: DemoFeeds = None) -> None:
    """Run a poller: polls due feeds, records new links, dispatches what is due, and delivers webhooks.

    Any number may run against one Redis, on any number of machines.

    Examples:

        palmyra poll

        PALMYRA_REDIS_URL=redis://10.0.0.5:6379/0 palmyra poll
    """
    loaded = start("poller")
    redis = factory.connect(loaded)
    _keep_demo_feeds(factory.registry(loaded, redis), demo_feed or [])
    for url in demo_feed or []:
        factory.ledger(loaded, redis).set_delay(domain(url), 0, days=365)
    asyncio.run(_poll(loaded, redis, demo_feed or []))


def _keep_demo_feeds(feeds: Registry, demo: list[str]) -> None:
    for feed in list(feeds.all()):
        if feed.demo and feed.url not in demo:
            feeds.remove(feed.id)
    for url in demo:
        feeds.add(url, demo=True)


async def _poll(loaded: Settings, redis: Redis, demo: list[str]) -> None:
    stop = asyncio.Event()
    halt = threading.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    dispatching = asyncio.create_task(asyncio.to_thread(factory.dispatcher(loaded, redis).run, halt))
    keeper = memory.Keeper(redis, factory.keys(loaded))
    keeping = asyncio.create_task(asyncio.to_thread(keeper.run, halt))
    async with factory.client(loaded, demo, max_idle=MAX_IDLE) as client, Parser(workers=PARSERS) as parser:
        poller = Poller(
            factory.ledger(loaded, redis),
            factory.registry(loaded, redis),
            client,
            parser,
            bounds=Bounds(loaded.poll_min, loaded.poll_max),
            host_delay_s=loaded.host_delay,
            backfill=loaded.backfill,
            subscriber=factory.subscriber(loaded, redis, client),
            stopped=lambda: keeper.polling_stopped,
        )
        log.info("poller_ready")
        polling = asyncio.create_task(poller.run(stop))
        delivering = asyncio.create_task(_deliver(loaded, redis, stop))
        # Each ends only when told to, or by a bug: then the process ends too, and is started again.
        running = {polling, delivering, dispatching, keeping}
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        halt.set()
        await asyncio.gather(*running)
    log.info("poller_stopped")


async def _deliver(loaded: Settings, redis: Redis, stop: asyncio.Event) -> None:
    """Deliver the webhooks, over connections of their own: feeds that hang take none of them."""
    async with factory.client(loaded, max_connections=MAX_DELIVERIES) as client:
        await Deliveries(factory.hooks(loaded, redis), client).run(stop)


work = typer.Typer(help="Run workers of one stage.", no_args_is_help=True)


@work.command("fetch")
def work_fetch(demo_feed: DemoFeeds = None) -> None:
    """Run a fetch worker: downloads pages, PALMYRA_FETCH_CONCURRENCY at a time.

    Examples:

        palmyra work fetch

        PALMYRA_FETCH_CONCURRENCY=16 palmyra work fetch
    """
    from jobs.tasks import install
    from worker.fetcher import FetchWorker

    loaded = start("fetch")
    redis = factory.connect(loaded)
    names = factory.keys(loaded)
    with factory.downloader(loaded, redis, demo_feed or []) as downloader:
        name = free_name(redis, names, "fetch")
        install(factory.tasks(loaded, redis, name, downloader))
        worker = FetchWorker(redis, names, name, downloader, concurrency=loaded.fetch_concurrency)
        log.info("fetch_worker_ready", worker=name, concurrency=loaded.fetch_concurrency)
        worker.work(logging_level=None)
    log.info("fetch_worker_stopped", worker=name)


@work.command("article")
def work_article() -> None:
    """Run a pool of article workers: PALMYRA_ARTICLE_WORKERS processes that extract and publish.

    Examples:

        palmyra work article

        PALMYRA_ARTICLE_WORKERS=8 palmyra work article
    """
    # numpy's threads would be copied into each child by the fork, and one thread does here.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from jobs import extract
    from jobs.enrich import loading
    from worker.pool import Pool

    loaded = start("article")

    def warm() -> None:
        extract.warm()
        loading.warm(factory.enrichment(loaded))

    Pool(
        lambda: factory.connect(loaded),
        factory.keys(loaded),
        lambda redis, name: factory.tasks(loaded, redis, name),
        size=loaded.article_workers,
        warm=warm,
    ).run()


def web() -> None:
    """Run the web process: the newsroom page, the RQ dashboard under /rq, /metrics and health.

    Examples:

        palmyra web

        PALMYRA_WEB_HOST=0.0.0.0 PALMYRA_WEB_PASSWORD=... palmyra web
    """
    from worker.web import run

    loaded = start("web")
    run(loaded, factory.connect(loaded, patient=False))  # whoever looks at a page waits for it


def up(
    demo: Annotated[
        bool | None,
        typer.Option(
            "--demo/--no-demo", help="Run the demo newsroom (default: while no feed is registered)."
        ),
    ] = None,
) -> None:
    """Run the whole system on this machine, until Ctrl-C.

    Without PALMYRA_REDIS_URL it starts an embedded Redis, which keeps its data in PALMYRA_HOME.

    Examples:

        palmyra up

        PALMYRA_WEB_PORT=9000 palmyra up --no-demo
    """
    loaded = start("up")
    if loaded.embedded:
        with (
            _only_one(loaded),
            EmbeddedRedis(loaded.home, loaded.socket_path, preexec=_end_with_us) as server,
        ):
            _up(loaded, demo, server)
    else:
        factory.connect_now(loaded)
        _up(loaded, demo, None)


def _end_with_us() -> None:
    die_with_parent(signal.SIGTERM)


@contextmanager
def _only_one(loaded: Settings) -> Iterator[None]:
    loaded.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (loaded.home / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PalmyraError(
                f"Another `palmyra up` runs in {loaded.home.resolve()}. Stop it, or set PALMYRA_HOME."
            ) from None
        yield


def _up(loaded: Settings, demo: bool | None, server: EmbeddedRedis | None) -> None:
    registered = factory.registry(loaded, factory.connect(loaded)).registered()
    wanted = (loaded.embedded and not registered) if demo is None else demo
    feeds, newsroom = _start_demo() if wanted else ([], None)
    options = [part for feed in feeds for part in ("--demo-feed", feed)]
    command = ("-m", "worker.cli")
    services = [
        Service("web", [*command, "web"]),
        Service("article", [*command, "work", "article"]),
        Service("fetch", [*command, "work", "fetch", *options]),
        Service("poller", [*command, "poll", *options]),
    ]
    # A relative home means the directory we were started in, for our children too.
    environment = {"PALMYRA_HOME": str(loaded.home.resolve())}
    try:
        Supervisor(services, environment, tick=lambda: _keep(server)).run(
            ready=lambda: _screen(loaded, len(registered), demo=bool(feeds))
        )
    finally:
        if newsroom is not None:
            newsroom.terminate()
            newsroom.wait()
    log.info("stopped")


def _keep(server: EmbeddedRedis | None) -> None:
    """Start the embedded Redis again when it died or lost its socket; its file has what it knew."""
    if server and not server.reachable:
        log.warning("redis_died", socket=str(server.socket))
        server.stop()
        server.start()
        log.info("redis_restarted")


def _start_demo() -> tuple[list[str], subprocess.Popen[bytes]]:
    """The demo newsroom as a child process; returns its feeds' URLs."""
    for port in (DEMO_PORT, 0):
        process = subprocess.Popen(
            [sys.executable, "-m", "worker.demo", "--port", str(port)],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_end_with_us,
        )
        line = process.stdout.readline() if process.stdout else b""
        if line:
            said: dict[str, Any] = json.loads(line)
            return [feed["url"] for feed in said["feeds"]], process
        process.wait()
    raise PalmyraError(
        "The demo newsroom did not start. Run `python -m worker.demo` to see why, or use --no-demo."
    )


def _screen(loaded: Settings, registered: int, *, demo: bool) -> None:
    """Where to look, once the pages answer."""
    address = f"http://{loaded.web_host}:{loaded.web_port}"
    _wait_for(f"{address}/livez")
    feeds = f"{registered} registered"
    if demo:
        feeds = "the demo newsroom's three, until you register one: palmyra feeds add URL"
    rows = [
        ("Newsroom", f"{address}/"),
        ("RQ dashboard", f"{address}/rq/"),
        ("Metrics", f"{address}/metrics"),
        ("Feeds", feeds),
        ("Articles", "palmyra tail --follow"),
        ("Stream", f"{loaded.namespace}:articles on {_shown_redis(loaded)}"),
        ("Stop", "Ctrl-C; nothing is lost"),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {value}" for name, value in rows]
    sys.stdout.write("\nPalmyra is up.\n\n" + "\n".join(lines) + "\n\n")
    sys.stdout.flush()


def _shown_redis(loaded: Settings) -> str:
    return str(loaded.socket_path) if loaded.embedded else "PALMYRA_REDIS_URL"


def _wait_for(url: str, timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own address
                return
        except OSError:
            time.sleep(0.05)
    log.warning("web_not_ready", url=url)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("up")(up)
    app.command("poll")(poll)
    app.add_typer(work, name="work")
    app.command("web")(web)
