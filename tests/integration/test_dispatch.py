"""The dispatcher: hands out what live workers can take, and leaves nothing of lost jobs behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq.job import Job as RQJob
from rq.worker import SimpleWorker

from jobs.entry import Entry
from jobs.errors import Reason
from jobs.keys import ARTICLE, FETCH, STAGES, Keys
from jobs.ledger import MAX_DEATHS, Ledger
from jobs.link import Found
from jobs.tasks import Tasks, install
from jobs.validators import Validators
from worker.dead_job import dead_job_maker
from worker.dispatch import ARTICLE_WINDOW_PER_WORKER, TIMEOUTS_S, Dispatcher, forget, tidy
from worker.embedded import EmbeddedRedis, bundled_servers
from worker.queues import FAILURE_TTL_S, RESULT_TTL_S, Job, Queue, queue_for
from worker.rqworker import PalmyraWorker

FEED = "feedaaaaaa"


class Worker(PalmyraWorker, SimpleWorker):
    """A worker that runs its jobs in this process."""


def found(number: int, host: str = "one.test") -> Found:
    url = f"https://{host}/{number}"
    return Found(f"{number:016d}", url, host, 1_000_000, Entry(url, title="Title"))


def dispatcher(redis: Redis, keys: Keys, *, lease_s: float = 60, keep_stream_days: float = 7) -> Dispatcher:
    ledger = Ledger(redis, keys, lease_s=lease_s)
    return Dispatcher(ledger, dead_job_maker(redis, keys), host_delay_s=0, keep_stream_days=keep_stream_days)


def worker(redis: Redis, keys: Keys, stage: str, name: str = "w1", concurrency: int = 5) -> Worker:
    """A registered, live worker."""
    one = Worker(redis, keys, stage, name, concurrency=concurrency)
    one.register_birth()
    return one


def traces(redis: Redis, text: str) -> set[str]:
    """The keys whose name or value holds a text, other than those of the ledger."""
    kinds: dict[Any, Callable[[bytes], Any]] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1),
        b"stream": redis.xrange,
    }
    keys: Any = redis.keys("rq:*")
    held = ((key.decode(), str(kinds[redis.type(key)](key))) for key in keys)
    return {key for key, value in held if text in key or text in value}


def test_only_live_workers_of_a_stage_count(redis: Redis, keys: Keys) -> None:
    """The dead, those that are stopping, those whose heartbeat ended and foreign ones take no jobs."""
    for number in range(2):
        worker(redis, keys, FETCH, f"live-{number}", concurrency=7)
    worker(redis, keys, ARTICLE, "article", concurrency=1)
    worker(redis, keys, FETCH, "gone").register_death()  # type: ignore[no-untyped-call]  # RQ's
    redis.hset(worker(redis, keys, FETCH, "dying").key, "death", "2026-01-01T00:00:00Z")
    redis.hset(worker(redis, keys, FETCH, "stopping").key, "shutdown_requested_date", "2026-01-01T00:00:00Z")
    redis.delete(worker(redis, keys, FETCH, "silent").key)
    SimpleWorker([queue_for(keys, FETCH, redis)], connection=redis, name="foreign").register_birth()
    assert dispatcher(redis, keys).capacity() == {FETCH: 14, ARTICLE: 1}
    assert dispatcher(redis, Keys("other")).capacity() == {FETCH: 0, ARTICLE: 0}


def test_capacity_follows_the_workers_within_half_a_second(redis: Redis, keys: Keys) -> None:
    """It is not read at each step, and not kept for long."""
    one = dispatcher(redis, keys)
    assert one.capacity()[FETCH] == 0
    worker(redis, keys, FETCH)
    assert one.capacity()[FETCH] == 0
    time.sleep(0.55)
    assert one.capacity()[FETCH] == 5


def test_nothing_is_handed_out_while_nobody_works(redis: Redis, keys: Keys) -> None:
    """Links wait in the ledger, where they are in order, and not in RQ."""
    one = dispatcher(redis, keys)
    one.ledger.discover(FEED, [found(1)])
    assert 0 < one.step() <= 1
    assert redis.llen(one.queues[FETCH].key) == 0
    assert one.ledger.in_stages()["fetch_ready"] == 1


def test_jobs_say_what_they_do_in_our_own_words(redis: Redis, keys: Keys) -> None:
    """Ids, descriptions, arguments and times are what the ledger, the workers and the dashboard count on."""
    worker(redis, keys, FETCH)
    worker(redis, keys, ARTICLE, "w2", concurrency=1)
    one = dispatcher(redis, keys)
    one.ledger.discover(FEED, [found(1, "ex-<b>ample.test")])
    assert one.step() > 0, "all that was due is handed out"
    begun = one.ledger.begin(found(1).id, FETCH, 1, "w1")
    assert begun is not None
    one.ledger.store(begun, b"page", begun.url, "fetched")
    one.step()
    for stage, attempt in ((FETCH, 1), (ARTICLE, 2)):
        job = Job.fetch(keys.job(found(1).id, stage, attempt), connection=redis)
        assert job.func_name == f"jobs.tasks.{stage}"
        assert job.args == [found(1).id, attempt]
        assert job.description == f"{stage} {found(1).id} at ex-<b>ample.test, attempt {attempt}"
        assert (job.timeout, job.result_ttl) == (TIMEOUTS_S[stage], RESULT_TTL_S)
        assert (job.failure_ttl, job.origin) == (FAILURE_TTL_S, keys.queue(stage))
        assert redis.lrange(one.queues[stage].key, 0, -1) == [job.id.encode()]


def test_the_queues_stay_short(redis: Redis, keys: Keys) -> None:
    """No more is enqueued than the workers run at a time, and a few ahead for the quick article stage."""
    worker(redis, keys, FETCH, concurrency=3)
    worker(redis, keys, ARTICLE, "w2", concurrency=1)
    one = dispatcher(redis, keys)
    one.ledger.discover(FEED, [found(n, f"host-{n}.test") for n in range(40)])
    for _ in range(12):
        one.step()
        assert redis.llen(one.queues[FETCH].key) == 3
        waiting: Any = redis.lrange(one.queues[FETCH].key, 0, -1)
        for job_id in waiting:
            link, attempt = Job.fetch(job_id.decode(), connection=redis).args
            begun = one.ledger.begin(link, FETCH, attempt, "w1")
            assert begun is not None
            one.ledger.store(begun, b"page", begun.url, "fetched")
        redis.delete(one.queues[FETCH].key)
    assert redis.llen(one.queues[ARTICLE].key) == ARTICLE_WINDOW_PER_WORKER


class Silent(Tasks):
    """Jobs that tell the ledger nothing, as if their worker had died just before."""

    def fetch(self, link: str, attempt: int) -> str:
        if self.worker == "raises":
            raise RuntimeError("a bug")
        return "done"


def run_job(redis: Redis, keys: Keys, name: str) -> None:
    """Let a worker run what is queued for fetching, to the end."""

    def no_download(url: str, validators: Validators | None = None) -> Any:
        raise AssertionError(url)

    install(Silent(Ledger(redis, keys), no_download, lambda ids: [], dead_job_maker(redis, keys), name))
    Worker(redis, keys, FETCH, "w1").work(burst=True, logging_level="CRITICAL")


def left_queued(redis: Redis, keys: Keys, job: RQJob) -> None:
    """Nothing happens to it."""


def left_popped(redis: Redis, keys: Keys, job: RQJob) -> None:
    """Its worker is killed right after it took the job from the queue."""
    queue = queue_for(keys, FETCH, redis)
    redis.lmove(queue.key, queue.intermediate_queue_key)


def left_started(redis: Redis, keys: Keys, job: RQJob) -> None:
    """Its worker is killed while it runs the job."""
    left_popped(redis, keys, job)
    dying = worker(redis, keys, FETCH)
    dying.prepare_execution(job)


def left_finished(redis: Redis, keys: Keys, job: RQJob) -> None:
    """Its worker ran it, but the ledger never heard of it."""
    run_job(redis, keys, "finishes")


def left_failed(redis: Redis, keys: Keys, job: RQJob) -> None:
    """It raised."""
    run_job(redis, keys, "raises")


LEFT = pytest.mark.parametrize(
    "leave", [left_queued, left_popped, left_started, left_finished, left_failed], ids=lambda f: f.__name__
)


@LEFT
def test_forgetting_a_job_removes_every_trace(
    redis: Redis, keys: Keys, leave: Callable[[Redis, Keys, RQJob], None]
) -> None:
    """However a dead worker left it, no key of RQ's names the job afterwards, and other jobs stay."""
    queue = queue_for(keys, FETCH, redis)
    job_id, other = keys.job(found(1).id, FETCH, 1), keys.job(found(2).id, FETCH, 1)
    ledger = Ledger(redis, keys)
    ledger.discover(FEED, [found(1)])
    ledger.lease(fetch_window=1, article_window=1, host_delay_s=0, max_pages=9)
    job = queue.create_job("jobs.tasks.fetch", args=(found(1).id, 1), job_id=job_id, timeout=45)
    leave(redis, keys, queue.enqueue_job(job))
    queue.enqueue_job(queue.create_job("jobs.tasks.fetch", args=(found(2).id, 1), job_id=other))
    kept = traces(redis, other)
    assert traces(redis, job_id)
    expected: dict[Any, bytes] = {
        left_finished: b"finished",
        left_failed: b"failed",
        left_started: b"started",
    }
    assert redis.hget(f"rq:job:{job_id}", "status") == expected.get(leave, b"queued")
    forget(queue, job_id)
    assert traces(redis, job_id) == set()
    assert traces(redis, other) == kept


@LEFT
def test_the_next_attempt_forgets_the_job_before_it(
    redis: Redis, keys: Keys, leave: Callable[[Redis, Keys, RQJob], None]
) -> None:
    """A lease that ran out leaves one job in RQ: that of the attempt after it."""
    worker(redis, keys, FETCH)
    one = dispatcher(redis, keys, lease_s=0.05)
    one.ledger.discover(FEED, [found(1)])
    one.step()
    first = keys.job(found(1).id, FETCH, 1)
    job = Job.fetch(first, connection=redis)
    leave(redis, keys, job)
    worker(redis, keys, FETCH)
    time.sleep(0.06)
    one.step()
    assert traces(redis, first) == set()
    assert redis.lrange(one.queues[FETCH].key, 0, -1) == [keys.job(found(1).id, FETCH, 2).encode()]


def test_hopeless_links_become_dead_jobs_and_nothing_else_is_left(redis: Redis, keys: Keys) -> None:
    """A page that kills its workers ends as failed: one failed job in RQ, with our own words."""
    dying = worker(redis, keys, ARTICLE, concurrency=1)
    worker(redis, keys, FETCH, "w2")
    one = dispatcher(redis, keys, lease_s=0.02)
    one.ledger.discover(FEED, [found(1)])
    one.step()
    begun = one.ledger.begin(found(1).id, FETCH, 1, "w2")
    assert begun is not None
    one.ledger.store(begun, b"page", begun.url, "fetched")
    forget(one.queues[FETCH], keys.job(found(1).id, FETCH, 1))
    for attempt in range(2, 2 + MAX_DEATHS):
        one.step()
        job = Job.fetch(keys.job(found(1).id, ARTICLE, attempt), connection=redis)
        dying.prepare_execution(job)
        assert one.ledger.begin(found(1).id, ARTICLE, attempt, "w1")
        time.sleep(0.03)
    one.step()
    (story,) = one.ledger.dead()
    assert (story.outcome, story.reason) == ("failed", Reason.POISON)
    dead = keys.dead_job(found(1).id, 1 + MAX_DEATHS)
    failed = f"rq:failed:{keys.queue(FETCH)}"
    assert redis.zrange(failed, 0, -1) == [dead.encode()]
    assert Job.fetch(dead, connection=redis).description == (
        f"dead link {found(1).id} at one.test: poison. Requeue opens it again."
    )
    named = {key for key in traces(redis, found(1).id) if dead not in key}
    assert named == {failed}, "of its attempts, nothing is left in RQ"


def test_registries_do_not_grow_for_ever(redis: Redis, keys: Keys) -> None:
    """Finished jobs go after their minute, failed ones after their days, and what dead workers ran too."""
    queue = queue_for(keys, FETCH, redis)
    past, future = time.time() - 5, time.time() + 100
    for registry in ("finished", "failed"):
        redis.zadd(f"rq:{registry}:{queue.name}", {"old": past, "new": future})
    started = queue.enqueue_job(queue.create_job("jobs.tasks.fetch", args=("x", 1), job_id="abandoned"))
    left_started(redis, keys, started)
    live = queue.enqueue_job(queue.create_job("jobs.tasks.fetch", args=("x", 2), job_id="live"))
    left_started(redis, keys, live)
    wip = f"rq:wip:{queue.name}"
    running: Any = redis.zrange(wip, 0, -1)
    for member in running:
        if member.startswith(b"abandoned"):
            redis.zadd(wip, {member: past})
    redis.delete("rq:worker:w1")
    tidy(queue)
    for registry in ("finished", "failed"):
        assert redis.zrange(f"rq:{registry}:{queue.name}", 0, -1) == [b"new"]
    assert traces(redis, "abandoned") == set()
    assert traces(redis, "live")
    assert redis.smembers("rq:workers") == set()
    assert redis.smembers(f"rq:workers:{queue.name}") == set()


def test_the_dispatcher_tidies_and_trims(redis: Redis, keys: Keys) -> None:
    """No other process has to: what is old goes with its first step."""
    redis.xadd(keys.stream, {"id": "x"}, id="1-1")
    for stage in STAGES:
        redis.zadd(f"rq:finished:{keys.queue(stage)}", {"old": 1})
    dispatcher(redis, keys).step()
    assert redis.xlen(keys.stream) == 0
    assert [redis.zcard(f"rq:finished:{keys.queue(stage)}") for stage in STAGES] == [0, 0]


def start(one: Dispatcher) -> tuple[threading.Thread, threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=one.run, args=(stop,), daemon=True)
    thread.start()
    return thread, stop


def wait_until(done: Callable[[], bool], timeout_s: float = 10) -> float:
    """Seconds until `done`."""
    started = time.monotonic()
    while not done():
        assert time.monotonic() - started < timeout_s, "not in time"
        time.sleep(0.005)
    return time.monotonic() - started


def test_new_work_is_dispatched_at_once(redis: Redis, keys: Keys) -> None:
    """The dispatcher sleeps in Redis and is woken: no latency from polling. It ends when told to."""
    worker(redis, keys, FETCH)
    one = dispatcher(redis, keys)
    thread, stop = start(one)
    time.sleep(0.3)  # it has found nothing and waits
    one.ledger.discover(FEED, [found(1)])
    assert wait_until(lambda: redis.llen(one.queues[FETCH].key) == 1) < 0.5
    stop.set()
    thread.join(3)
    assert not thread.is_alive()


def queued(queue: Queue) -> bool:
    try:
        return bool(queue.connection.llen(queue.key))
    except RedisError:
        return False


def test_it_survives_redis_going_away(tmp_path: Path) -> None:
    """While Redis is down it waits; when it is back, what it knew is dispatched."""
    server = EmbeddedRedis(tmp_path, tmp_path / "redis.sock", binary=bundled_servers()[0])
    keys = Keys("away")
    with server, Redis.from_url(server.url, socket_timeout=2) as redis:
        one = dispatcher(redis, keys)
        thread, stop = start(one)
        time.sleep(0.1)
        server.stop()
        time.sleep(0.2)
        assert thread.is_alive()
        server.start()
        worker(redis, keys, FETCH)
        one.ledger.discover(FEED, [found(1)])
        wait_until(lambda: queued(one.queues[FETCH]))
        stop.set()
        thread.join(3)
        assert not thread.is_alive()
