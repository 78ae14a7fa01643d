"""A fetch worker with many jobs at a time, as RQ, the dashboard and the ledger see it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq.command import send_command, send_shutdown_command, send_stop_execution_command, send_stop_job_command
from rq.executions import WORKER_EXECUTIONS_KEY_TEMPLATE
from rq.serializers import JSONSerializer
from rq.worker import Worker
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from jobs.entry import Entry
from jobs.keys import FETCH, Keys
from jobs.ledger import Ledger
from jobs.link import OUTCOMES, Found, Story
from jobs.urls import link_id
from tests.calls import HTML
from tests.server import Response, TestServer
from worker.dead_job import dead_job_maker
from worker.dispatch import Dispatcher
from worker.embedded import EmbeddedRedis
from worker.queues import Job
from worker.rq_state import workers

CONCURRENCY = 16
PATIENCE_S = 30.0


@dataclass
class World:
    """Links of a local site in a real ledger, and the worker that fetches them."""

    redis: Redis
    keys: Keys
    site: TestServer
    url: str
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    halt: threading.Event = field(default_factory=threading.Event)
    dispatching: threading.Thread | None = None

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.redis, self.keys)

    def start(self) -> subprocess.Popen[bytes]:
        """A `palmyra work fetch`, ready."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PALMYRA_", "REDIS_"))} | {
            "PALMYRA_REDIS_URL": self.url,
            "PALMYRA_NAMESPACE": self.keys.namespace,
            "PALMYRA_ALLOW_NETWORKS": "127.0.0.0/8",
            "PALMYRA_HOST_DELAY": "0",
            "PALMYRA_FETCH_CONCURRENCY": str(CONCURRENCY),
        }
        with (self.folder / "fetch.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "worker.cli", "work", "fetch"], env=environment, stdout=log, stderr=log
            )
        self.processes.append(process)
        self.wait(lambda: self.state() is not None and self.state().pid == process.pid)
        return process

    def give(self, count: int, path: str = "page") -> list[str]:
        """New links; their ids."""
        urls = [self.site.url(f"/{path}/{n}") for n in range(count)]
        found = [Found(link_id(url), url, "127.0.0.1", n, Entry(url)) for n, url in enumerate(urls)]
        self.ledger.discover("feedaaaaaa", found)
        return [link.id for link in found]

    def dispatch(self) -> None:
        """What a poller's dispatcher does, until the test ends."""
        one = Dispatcher(
            self.ledger, dead_job_maker(self.redis, self.keys), host_delay_s=0, keep_stream_days=1
        )
        self.dispatching = threading.Thread(target=one.run, args=(self.halt,), daemon=True)
        self.dispatching.start()

    def state(self) -> Any:
        """The worker, as the dashboard shows it."""
        return next(iter(workers(self.redis)), None)

    def story(self, link: str) -> Story:
        story = self.ledger.story(link)
        assert story is not None
        return story

    def stored(self, *links: str) -> bool:
        return all(self.story(link).stage == "article" for link in links)

    def wait(self, done: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + timeout_s
        while not done():
            log = self.folder / "fetch.log"
            assert time.monotonic() < deadline, log.read_text()[-3000:] if log.exists() else "no log"
            time.sleep(0.05)

    def balances(self) -> bool:
        totals = self.ledger.totals()
        return totals["discovered"] == sum(totals[o] for o in OUTCOMES) + totals["in_flight"]

    def job(self, link: str) -> str:
        return self.keys.job(link, FETCH, self.story(link).attempt)


@pytest.fixture
def world(redis_server: EmbeddedRedis, redis: Redis, keys: Keys, tmp_path: Path) -> Iterator[World]:
    with TestServer() as site:
        one = World(redis, keys, site, redis_server.url, tmp_path)
        site.route("*", lambda _: Response(body=HTML))
        site.route("/robots.txt", Response(status=404))
        yield one
        one.halt.set()
        if one.dispatching:
            one.dispatching.join(PATIENCE_S)
        for process in one.processes:
            process.kill()
            process.wait()


def hold(world: World, count: int) -> tuple[threading.Event, list[str]]:
    """So many downloads that are under way, and what lets them end."""
    gate = threading.Event()

    def body() -> Iterator[bytes]:
        while not gate.is_set():
            yield b" "
        yield HTML

    for n in range(count):
        world.site.route(f"/held/{n}", Response(body=body, drip_s=0.05))
    links = world.give(count, "held")
    world.wait(lambda: sum(path.startswith("/held/") for path in world.site.paths) >= count)
    assert all(world.story(link).state == "running" for link in links)
    return gate, links


@pytest.mark.timeout(120)
def test_the_dashboard_shows_every_job_that_runs(world: World) -> None:
    """Busy with all of them while they run, idle afterwards; RQ's own view agrees; nothing is left behind."""
    world.start()
    world.dispatch()
    gate, links = hold(world, CONCURRENCY)
    state = world.state()
    assert state.state == "busy"
    assert sorted(state.running) == sorted(world.job(link) for link in links)
    one = Worker.find_by_key(f"rq:worker:{state.name}", connection=world.redis, serializer=JSONSerializer)
    assert one is not None
    assert {e.job_id for e in one.get_current_executions()} == {world.job(link) for link in links}
    gate.set()
    world.wait(lambda: world.stored(*links))
    world.wait(lambda: world.state().state == "idle" and not world.state().running)
    assert world.state().succeeded == len(links)
    assert world.redis.zcard(f"rq:wip:{world.keys.queue(FETCH)}") == 0
    assert world.redis.llen(f"rq:queue:{world.keys.queue(FETCH)}:intermediate") == 0


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_full_worker_takes_no_more(world: World) -> None:
    """Jobs for which no thread is free stay in the queue; signs of life go on; each is run in its turn."""
    world.start()
    world.dispatch()
    gate, _ = hold(world, CONCURRENCY)
    more = world.give(5, "more")
    before = world.state().heartbeat
    world.wait(lambda: world.state().heartbeat > before)
    assert len(world.state().running) == CONCURRENCY
    ttl_s: Any = world.redis.ttl(f"rq:worker:{world.state().name}")
    assert 60 < ttl_s <= 200
    gate.set()
    world.wait(lambda: world.stored(*more))


@pytest.mark.timeout(120)
def test_one_job_of_many_is_stopped(world: World) -> None:
    """By its job's id and by its execution's: a failed attempt of this link; no other notices."""
    world.start()
    world.dispatch()
    gate, links = hold(world, 8)
    by_job, by_execution, *others = links
    send_stop_job_command(world.redis, world.job(by_job), serializer=JSONSerializer)
    members: Any = world.redis.smembers(WORKER_EXECUTIONS_KEY_TEMPLATE.format(world.state().name))
    job = world.job(by_execution)
    execution = next(m.decode().partition(":")[2] for m in members if m.decode().startswith(job))
    send_stop_execution_command(world.redis, job, execution)
    stopped_jobs = [world.job(link) for link in (by_job, by_execution)]
    for link in (by_job, by_execution):
        world.wait(lambda link=link: world.story(link).state == "later")  # type: ignore[misc]
        assert "stopped" in world.story(link).steps[-1].text
    for name in stopped_jobs:
        world.wait(lambda name=name: status(world, name) == "stopped")  # type: ignore[misc]
    assert all(world.story(link).state == "running" for link in others)
    assert len(world.state().running) == len(others)
    gate.set()
    world.wait(lambda: world.stored(*others))
    assert world.balances()


def status(world: World, job_id: str) -> str:
    job = Job.fetch(job_id, connection=world.redis, serializer=JSONSerializer)
    found = job.get_status()
    return str(getattr(found, "value", ""))


@pytest.mark.timeout(120)
def test_nonsense_on_the_command_channel_is_passed_over(world: World) -> None:
    """Anybody with access to Redis can publish there: the worker goes on, and hears the next command."""
    process = world.start()
    world.dispatch()
    name = world.state().name
    for text in ("", "nonsense", "[]", "{}", '{"command": 1}', '{"command": "stop-job"}', "null"):
        world.redis.publish(f"rq:pubsub:{name}", text)
    send_command(world.redis, name, "stop-job", job_id="no-such-job")
    send_command(world.redis, name, "stop-execution", job_id="a", execution_id="b")
    send_command(world.redis, name, "kill-horse")
    links = world.give(3)
    world.wait(lambda: world.stored(*links))
    send_shutdown_command(world.redis, name)
    assert process.wait(PATIENCE_S) == 0


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_worker_that_was_forgotten_signs_on_again(world: World) -> None:
    """A machine that slept finds its worker's keys expired: it is there again, and gets work."""
    world.start()
    name = world.state().name
    world.redis.delete(f"rq:worker:{name}")
    world.redis.srem("rq:workers", f"rq:worker:{name}")
    world.redis.srem(WORKERS_BY_QUEUE_KEY % world.keys.queue(FETCH), f"rq:worker:{name}")
    world.wait(lambda: world.state() is not None)
    assert world.state().name == name
    world.dispatch()
    links = world.give(3)
    world.wait(lambda: world.stored(*links))


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_sigterm_lets_short_downloads_finish(world: World) -> None:
    """Warm: what ends within seconds is stored, and the worker signs off."""
    process = world.start()
    world.dispatch()
    gate, links = hold(world, 8)
    process.send_signal(signal.SIGTERM)
    gate.set()
    assert process.wait(PATIENCE_S) == 0
    assert world.stored(*links)
    assert not world.redis.smembers("rq:workers")


@pytest.mark.timeout(120)
def test_sigterm_in_the_middle_hands_everything_back(world: World) -> None:
    """What can't finish is due again at once, its attempt uncounted; nothing is lost, nothing sent after."""
    process = world.start()
    world.dispatch()
    gate, links = hold(world, CONCURRENCY)
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    assert time.monotonic() - started < 15
    tries: Any = [world.redis.hget(world.keys.link(link), "tries") for link in links]
    assert {int(one or 0) for one in tries} == {0}
    assert {world.story(link).state for link in links} == {"ready"}
    assert world.ledger.in_stages()["fetch_leased"] == 0
    assert world.balances()
    gate.set()
    world.start()
    world.wait(lambda: world.stored(*links))
    assert world.balances()


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_second_signal_waits_for_nothing(world: World) -> None:
    """Cold: the downloads are handed back at once, just as well."""
    process = world.start()
    world.dispatch()
    _, links = hold(world, 8)
    process.send_signal(signal.SIGTERM)
    time.sleep(1.2)  # sooner, it would count as an echo
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    # The dispatcher may not have noticed yet, and have sent some out again, to whoever comes next.
    assert {world.story(link).state for link in links} <= {"ready", "leased"}
    assert world.balances()


@pytest.mark.timeout(180)
def test_sigkill_loses_nothing(world: World) -> None:
    """Killed with its hands full: when the leases run out, another worker brings each page, once."""
    process = world.start()
    world.dispatch()
    gate, links = hold(world, CONCURRENCY)
    queued = world.give(10, "queued")
    process.kill()
    process.wait()
    assert world.balances()
    gate.set()
    leases = world.keys.leases(FETCH)
    held: Any = world.redis.zrange(leases, 0, -1)
    assert {member.decode() for member in held} >= set(links)
    world.redis.zadd(leases, dict.fromkeys(held, 0), xx=True)  # a minute later
    world.start()
    world.wait(lambda: world.stored(*links, *queued))
    assert world.balances()
    assert world.ledger.totals()["in_flight"] == len(links) + len(queued)
    for link in (*links, *queued):
        assert sum("fetched 200" in step.text for step in world.story(link).steps) == 1
