"""A run of chaos: start the system, break it as planned, let the dust settle, and account for every link."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from redis import Redis
from redis.exceptions import RedisError
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from jobs.errors import PalmyraError
from jobs.keys import STAGES
from jobs.ledger import Ledger
from worker import factory
from worker.bench import usage
from worker.bench.whole import READY_WITHIN_S, settings_for
from worker.chaos import settled
from worker.chaos.audit import Audit
from worker.chaos.blows import CONSUMERS, FETCHERS, POLLERS, POOLS, Blows
from worker.chaos.crew import Crew, left_over
from worker.chaos.fate import fates
from worker.chaos.plan import Blow, plan
from worker.chaos.result import Result
from worker.chaos.site import Sites
from worker.chaos.struck_redis import StruckRedis
from worker.chaos.watch import Watch
from worker.config import Settings

TICK_S = 0.1
ENDING = (signal.SIGINT, signal.SIGTERM)
END_WITHIN_S = 30.0
"""A fault that can't be ended, since Redis does not answer, is tried again for so long."""
LOAD = 0.75
"""Part of the time in which links come out."""
GROUP = "readers"
SUICIDES_ONE_IN = 60
"""Events after which a consumer kills itself between read and ack, where that fault is wanted."""
CHILDREN = 1
"""Of each of the two pools."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted of a run."""

    seed: int
    seconds: float
    """How long the load and the faults go on."""
    links: int
    fsync: str
    """``everysec`` or ``always``."""
    faults: Sequence[str]
    settle_s: float = 400.0
    """How long the dust may take to settle."""
    patience_s: float = 130.0
    """When all that is left waits for longer, the clock goes ahead. A first back-off takes 72 s at most, and
    the feeds that a dead poller had in hands come round after 120."""
    logs: Path | None = None
    """Where to keep what the processes logged; None: nowhere."""


@dataclass(slots=True)
class World:
    """Everything that runs."""

    order: Order
    settings: Settings
    home: Path
    server: StruckRedis
    redis: Redis
    """A client that waits for nothing."""
    ledger: Ledger
    crew: Crew
    sites: Sites
    audit: Audit
    blows: Blows
    watch: Watch
    tell: Callable[[str], None]
    told: list[int] = field(default_factory=list)
    """Signals that told us to end."""

    def tick(self) -> None:
        """What is done ten times a second: restarts, and a look."""
        began_s = time.monotonic()
        if self.told:
            raise KeyboardInterrupt
        if not self.server.pid and not self.blows.redis_is_down:
            self.server.start()  # as `palmyra up` does
        self.server.look()
        self.crew.tick()
        self.watch.look(struck=self.blows.redis_is_struck)
        time.sleep(max(0.0, TICK_S - (time.monotonic() - began_s)))

    @property
    def seen_ids(self) -> set[str]:
        """Events that the group's consumers were given."""
        files = [self.home / f"{name}.ids" for name in CONSUMERS]
        return {line for file in files if file.exists() for line in file.read_text().splitlines()}


def run(order: Order, tell: Callable[[str], None]) -> Result:
    """Do it all; `tell` is told what goes on.

    Raises:
        TooShort: the faults need more time.
        PalmyraError: the system did not start.
    """
    usage.require_linux()
    blows = plan(order.seed, order.seconds, order.faults)
    for blow in blows:
        lasts = f" for {blow.lasts_s:.0f} s" if blow.lasts_s else ""
        tell(f"plan: {blow.at_s:6.1f} s  {blow.fault}{lasts}")
    with _scratch(order.logs) as (home, told), _world(order, home, tell) as world:
        world.told = told
        tell(f"running in {home}")
        _begin(world)
        _storm(world, blows)
        return _account(world)


@contextmanager
def _scratch(logs: Path | None) -> Iterator[tuple[Path, list[int]]]:
    """A folder that goes when we do, and the signals that told us to: SIGTERM ends us as Ctrl-C does.

    Python loses an exception that is raised while an object is finalised, so the signals are kept, too.
    """
    told: list[int] = []

    def stop(signum: int, frame: FrameType | None) -> None:
        told.append(signum)
        raise KeyboardInterrupt

    before = {signum: signal.signal(signum, stop) for signum in ENDING}
    home = Path(tempfile.mkdtemp(prefix="palmyra-chaos-"))
    try:
        yield home, told
    finally:
        if logs is not None:
            _keep_logs(home, logs)
        shutil.rmtree(home, ignore_errors=True)
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextmanager
def _world(order: Order, home: Path, tell: Callable[[str], None]) -> Iterator[World]:
    """Redis and the sites; no process of ours yet, and in the end none."""
    options: dict[str, object] = {
        "poll_min": 1,
        "poll_max": 5,
        "article_workers": CHILDREN,
        "fetch_concurrency": 16,
        "namespace": "chaos",
        "recheck": "off",  # a clock that goes an hour ahead would open every published link again
    }
    settings = settings_for(home, options)
    server = StruckRedis(settings, home, order.fsync)
    crew = Crew(settings, home)
    blows: Blows | None = None
    try:
        server.start()
        redis = server.client()
        ledger = factory.ledger(settings, redis)
        blows = Blows(crew, server, redis, ledger.keys)
        sites = Sites(fates(order.seed, order.links, order.faults), order.seconds * LOAD)
        with sites, Audit(settings.url, ledger.keys.stream) as audit:
            watch = Watch(redis, ledger)
            yield World(order, settings, home, server, redis, ledger, crew, sites, audit, blows, watch, tell)
    finally:
        for signum in ENDING:  # once is enough: nothing is to stay behind
            signal.signal(signum, signal.SIG_IGN)
        if blows is not None:
            blows.end_all()
        crew.destroy()
        server.stop()


def _begin(world: World) -> None:
    """Start all processes, and wait until the workers are there."""
    crew, order = world.crew, world.order
    for name in FETCHERS:
        crew.add(name, "worker.cli", "work", "fetch")
    for name in POOLS:
        crew.add(name, "worker.chaos.article_worker")
    suicides = SUICIDES_ONE_IN if "consumer-kill" in order.faults else 0
    for name in CONSUMERS:
        file = world.home / f"{name}.ids"
        arguments = (world.settings.url, world.settings.namespace, GROUP, name, str(file), str(suicides))
        crew.add(name, "worker.chaos.consumer", *arguments)
    for name in POLLERS:
        crew.add(name, "worker.cli", "poll")
    deadline = time.monotonic() + READY_WITHIN_S
    while not _ready(world):
        if time.monotonic() > deadline:
            raise PalmyraError(f"the workers were not there within {READY_WITHIN_S:.0f} s: {crew.deaths}")
        world.tick()
    feeds = factory.registry(world.settings, world.redis)
    for url in world.sites.feeds:
        feeds.add(url)


def _ready(world: World) -> bool:
    try:
        keys = [WORKERS_BY_QUEUE_KEY % world.ledger.keys.queue(stage) for stage in STAGES]
        return all(world.redis.scard(key) >= 2 for key in keys)
    except RedisError:
        return False


def _storm(world: World, blows: Sequence[Blow]) -> None:
    """The load, and the faults in their time."""
    world.sites.open()
    began_s = time.monotonic()
    to_come = list(blows)
    while (at_s := time.monotonic() - began_s) < world.order.seconds or world.blows.going_on:
        for blow in [one for one in world.blows.going_on.values() if one.until_s <= at_s]:
            if _attempted(world, blow, world.blows.end):
                world.watch.over(blow)
            elif at_s > blow.until_s + END_WITHIN_S:
                raise PalmyraError(f"{blow.fault} could not be ended within {END_WITHIN_S:.0f} s")
        while to_come and to_come[0].at_s <= at_s:
            blow = to_come.pop(0)
            totals = world.watch.totals
            done = f"{totals.get('published', 0)} published, {totals.get('in_flight', 0)} in flight"
            world.tell(f"{at_s:6.1f} s  {blow.fault} ({world.sites.out()} links out, {done})")
            _attempted(world, blow, world.blows.strike)
        world.tick()


def _attempted(world: World, blow: Blow, act: Callable[[Blow], None]) -> bool:
    """Whether it worked: Redis may have died meanwhile, by another fault or its own."""
    try:
        act(blow)
    except (RedisError, OSError) as error:
        world.tell(f"        {blow.fault}: {error}")
        return False
    return True


def _account(world: World) -> Result:
    """Wait until all is quiet, look at everything, stop all, and look at what is left."""
    began_s = time.monotonic()
    quiet = settled.wait(world, world.order.settle_s)
    took_s = time.monotonic() - began_s
    world.tell(f"settled after {took_s:.0f} s" if quiet else f"NOT settled within {took_s:.0f} s")
    findings = settled.look(world)
    stopped = world.crew.stop()
    findings += settled.rest(world, [*stopped, *left_over_processes(world)])
    return Result.of(world, findings, settle_s=took_s)


def left_over_processes(world: World) -> list[str]:
    """Processes that outlived the crew, in words. Redis is still wanted."""
    time.sleep(1.0)  # the children of what was killed a moment ago are told by the kernel
    found = left_over(world.home)
    return [f"process {pid} is left: {command}" for pid, command in found.items() if pid != world.server.pid]


def _keep_logs(home: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for file in (*home.glob("*.log"), *home.glob("data/*.log")):
        shutil.copy(file, target / file.name)
