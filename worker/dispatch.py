"""The dispatcher: what is due in the ledger goes to RQ, as much as the workers can take and no more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq.executions import WORKER_EXECUTIONS_KEY_TEMPLATE
from rq.job import Job as RQJob
from rq.registry import FailedJobRegistry, FinishedJobRegistry, StartedJobRegistry
from rq.results import Result
from rq.worker_registration import WORKERS_BY_QUEUE_KEY, clean_worker_registry

from jobs.errors import Reason
from jobs.keys import ARTICLE, FETCH, STAGES
from jobs.ledger import DeadJob, Ledger
from jobs.link import Hopeless, Lease
from worker.queues import ARTICLE_JOB, FAILURE_TTL_S, FETCH_JOB, RESULT_TTL_S, Job, Queue, queue_for
from worker.stream import trim

log = structlog.get_logger(__name__)

FUNCTIONS = {FETCH: FETCH_JOB, ARTICLE: ARTICLE_JOB}
# RQ's own limits on a job, in seconds: past the downloads' deadline of 30, and the extraction's hard 10.
TIMEOUTS_S = {FETCH: 45, ARTICLE: 10}
ARTICLE_WINDOW_PER_WORKER = 4
PAGES_PER_WORKER = 200
MOST_AT_ONCE = 100
"""Links of one call: what is more follows at once."""
LONGEST_WAIT_S = 1.0
TIDY_EVERY_S = 60.0
CAPACITY_EVERY_S = 0.5


class Dispatcher:
    """Moves due links from the ledger to the RQ queues. Any number may run, on one Redis."""

    def __init__(
        self,
        ledger: Ledger,
        dead_job: Callable[[str, str, int, Reason], DeadJob],
        *,
        host_delay_s: float,
        keep_stream_days: float,
        keep_stream_bytes: int = 0,
        pages_per_worker: int = PAGES_PER_WORKER,
    ) -> None:
        self.ledger = ledger
        self.redis: Redis = ledger.redis
        self.queues: dict[str, Queue] = {stage: queue_for(ledger.keys, stage, self.redis) for stage in STAGES}
        self._dead_job = dead_job
        self._host_delay_s = host_delay_s
        self._keep_stream_days = keep_stream_days
        self._keep_stream_bytes = keep_stream_bytes
        self._pages_per_worker = pages_per_worker
        self._capacity: dict[str, int] = dict.fromkeys(STAGES, 0)
        self._capacity_at = self._tidied_at = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Dispatch until `stop` is set. An unreachable Redis is waited for; anything else is a bug."""
        while not stop.is_set():
            try:
                wait_s = self.step()
                if wait_s > 0:
                    self.ledger.wait_for_work(min(wait_s, LONGEST_WAIT_S))
            except RedisError as error:
                log.warning("dispatch_waits_for_redis", error=str(error))
                stop.wait(1.0)

    def step(self) -> float:
        """Hand out once what is due. Returns the seconds until the next thing is due (0: go on at once)."""
        self._tidy()
        capacity = self.capacity()
        handout = self.ledger.lease(
            fetch_window=capacity[FETCH],
            article_window=capacity[ARTICLE] * ARTICLE_WINDOW_PER_WORKER,
            host_delay_s=self._host_delay_s,
            max_pages=max(1, capacity[ARTICLE]) * self._pages_per_worker,
            most=MOST_AT_ONCE,
        )
        for hopeless in handout.hopeless:
            self._give_up(hopeless)
        if handout.leases:
            self._enqueue(handout.leases)
        if len(handout.leases) == MOST_AT_ONCE:
            return 0.0
        return LONGEST_WAIT_S if handout.wait_ms is None else max(handout.wait_ms / 1000, 0.001)

    def capacity(self) -> dict[str, int]:
        """How many jobs the live workers of each stage run at a time; read every half second."""
        if time.monotonic() - self._capacity_at >= CAPACITY_EVERY_S:
            self._capacity = {stage: self._running(stage) for stage in STAGES}
            self._capacity_at = time.monotonic()
        return self._capacity

    def _running(self, stage: str) -> int:
        workers: Any = self.redis.smembers(WORKERS_BY_QUEUE_KEY % self.ledger.keys.queue(stage))
        with self.redis.pipeline(transaction=False) as pipe:
            for key in workers:
                pipe.hmget(key, "concurrency", "death", "shutdown_requested_date")
            states = pipe.execute()
        return sum(int(concurrency) for concurrency, *gone in states if concurrency and not any(gone))

    def _enqueue(self, leases: tuple[Lease, ...]) -> None:
        with self.redis.pipeline(transaction=False) as pipe:
            for lease in leases:
                self._forget_lost(lease)
                self.queues[lease.stage].enqueue_job(self._job(lease), pipeline=pipe)
            pipe.execute()

    def _job(self, lease: Lease) -> RQJob:
        return self.queues[lease.stage].create_job(
            FUNCTIONS[lease.stage],
            args=(lease.link_id, lease.attempt),
            job_id=self.ledger.keys.job(lease.link_id, lease.stage, lease.attempt),
            description=f"{lease.stage} {lease.link_id} at {lease.host}, attempt {lease.attempt}",
            timeout=TIMEOUTS_S[lease.stage],
            result_ttl=RESULT_TTL_S,
            failure_ttl=FAILURE_TTL_S,
        )

    def _forget_lost(self, lease: Lease) -> None:
        """Remove every trace of the job of the attempt before, if it may have been lost in the same stage."""
        if lease.previous_job is None or lease.previous_job[0] != lease.stage:
            return
        stage, attempt = lease.previous_job
        forget(self.queues[stage], self.ledger.keys.job(lease.link_id, stage, attempt))

    def _give_up(self, hopeless: Hopeless) -> None:
        reason = Reason(hopeless.reason)
        story = self.ledger.story(hopeless.link_id)
        host = story.host if story else "unknown host"
        dead = self._dead_job(hopeless.link_id, host, hopeless.attempt, reason)
        for stage, queue in self.queues.items():
            forget(queue, self.ledger.keys.job(hopeless.link_id, stage, hopeless.attempt))
        if self.ledger.fail(hopeless.link_id, hopeless.attempt, reason, host, dead):
            feed = story.feeds[0] if story and story.feeds else None
            log.warning(
                "link_given_up", link=hopeless.link_id, job=dead.id, feed=feed, host=host, reason=str(reason)
            )

    def _tidy(self) -> None:
        if time.monotonic() - self._tidied_at >= TIDY_EVERY_S:
            self._tidied_at = time.monotonic()
            for keys in (self.ledger.keys, self.ledger.keys.of_stories()):
                trim(
                    self.redis,
                    keys,
                    keep_days=self._keep_stream_days,
                    keep_bytes=self._keep_stream_bytes,
                )
            for queue in self.queues.values():
                tidy(queue)


def tidy(queue: Queue) -> None:
    """Drop what RQ's own maintenance would drop, and decide nothing about jobs, as that does.

    Jobs whose worker died while it ran them are forgotten: what becomes of their links is the ledger's.
    """
    redis: Redis = queue.connection
    now = time.time()
    started = StartedJobRegistry(queue=queue).key
    abandoned: Any = redis.zrangebyscore(started, 0, now)
    for composite in abandoned:
        forget(queue, composite.decode("utf-8", "replace").partition(":")[0])
    with redis.pipeline(transaction=False) as pipe:
        pipe.zremrangebyscore(started, 0, now)
        for registry in (FinishedJobRegistry, FailedJobRegistry):
            pipe.zremrangebyscore(registry(queue=queue).key, 0, now)
        pipe.execute()
    clean_worker_registry(queue)


def forget(queue: Queue, job_id: str) -> None:
    """Remove a job and all of its traces from RQ, whatever state a dead worker left them in."""
    redis: Redis = queue.connection
    executions_key = f"rq:executions:{job_id}"
    executions: Any = redis.zrange(executions_key, 0, -1)
    with redis.pipeline(transaction=True) as pipe:
        pipe.lrem(queue.key, 0, job_id)
        pipe.lrem(queue.intermediate_queue_key, 0, job_id)
        for execution in executions:
            composite = f"{job_id}:{execution.decode()}"
            worker = redis.hget(f"rq:execution:{composite}", "worker_name")
            if isinstance(worker, bytes):
                pipe.srem(WORKER_EXECUTIONS_KEY_TEMPLATE.format(worker.decode()), composite)
            pipe.zrem(StartedJobRegistry(queue=queue).key, composite)
            pipe.delete(f"rq:execution:{composite}")
        for registry in (FinishedJobRegistry, FailedJobRegistry):
            pipe.zrem(registry(queue=queue).key, job_id)
        pipe.delete(Job.key_for(job_id), Result.get_key(job_id), executions_key)
        pipe.execute()
