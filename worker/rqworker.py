"""What palmyra's two kinds of RQ worker share: a name of their own for life, no maintenance, few round trips.

The ledger notices lost jobs. RQ's own maintenance would turn killed jobs of live links into failed ones, and
one malformed hash there stops a worker again at each run.

RQ's own bookkeeping takes some twenty round trips a job, here it is three: taken and read, started, finished.
What they write is what RQ writes, so its dashboard shows the same.
"""

from __future__ import annotations

import os
import socket
import time
from datetime import datetime
from typing import Any

import structlog
from redis import Redis
from redis.client import Pipeline
from rq import Queue as RQQueue
from rq.executions import Execution
from rq.job import Job as RQJob
from rq.job import JobStatus
from rq.registry import StartedJobRegistry
from rq.results import Result
from rq.serializers import JSONSerializer
from rq.utils import now, utcformat
from rq.worker import BaseWorker, WorkerStatus
from rq.worker_registration import register

from jobs.keys import Keys
from worker.queues import Job, Queue, queue_for

WORKER_TTL_S = 60
BEAT_S = 5.0
SUSPENDED_S = 1.0
"""How often a worker looks whether `rq suspend` was said."""
CLAIM_S = 30
"""How long a new process may take to register under the name that it took."""


class PalmyraWorker(BaseWorker):
    """A worker of one stage. `concurrency` tells the dispatcher how many jobs it runs at a time."""

    job_class = Job
    queue_class = Queue
    log_result_lifespan = False

    def __init__(self, redis: Redis, keys: Keys, stage: str, name: str, *, concurrency: int = 1) -> None:
        super().__init__(
            [queue_for(keys, stage, redis)],
            name=name,
            connection=redis,
            job_class=Job,
            queue_class=Queue,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_S,
            log_job_description=False,
        )
        self.concurrency = concurrency
        self._beaten_s = self._looked_s = float("-inf")
        self.logger = structlog.get_logger(__name__).bind(worker=name)

    def serialize(self) -> dict[str, Any]:
        """RQ's fields and how many jobs run at a time."""
        return {**super().serialize(), "concurrency": self.concurrency}

    def register_birth(self) -> None:
        """Take over our own name: a worker killed a moment ago still holds it."""
        self.connection.delete(self.key, self.executions_key)
        super().register_birth()  # type: ignore[no-untyped-call]  # RQ leaves it untyped

    def run_maintenance_tasks(self) -> None:
        """None: see the module's text."""

    # -- signs of life -------------------------------------------------------------------------------------
    def check_for_suspension(self, burst: bool) -> None:
        """As RQ's, every `SUSPENDED_S` and not before each job."""
        if time.monotonic() - self._looked_s >= SUSPENDED_S:
            super().check_for_suspension(burst)
            self._looked_s = time.monotonic()

    def set_state(self, state: str, pipeline: Any = None) -> None:
        """As RQ's. What Redis knows already is not said again."""
        if pipeline is not None or state != self._state:
            super().set_state(state, pipeline)

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """As RQ's, but on its own only every `BEAT_S`, and in one round trip.

        A worker that was away for longer than its keys live (a machine that slept) signs on again.
        """
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
        elif time.monotonic() - self._beaten_s >= BEAT_S:
            with self.connection.pipeline(transaction=False) as pipe:
                pipe.hexists(self.key, "concurrency")
                super().heartbeat(timeout, pipe)
                known, *_ = pipe.execute()
            if not known:
                self._sign_on_again()
            self._beaten_s = time.monotonic()

    def _sign_on_again(self) -> None:
        with self.connection.pipeline() as pipe:
            fields: dict[Any, Any] = {**self.serialize(), "state": self._state}
            pipe.hset(self.key, mapping=fields)
            register(self, pipe)
            pipe.expire(self.key, self.worker_ttl + 60)
            pipe.execute()
        self.logger.warning("worker_signed_on_again")

    # -- the books of a job --------------------------------------------------------------------------------
    def prepare_execution(self, job: RQJob) -> Execution:
        """What RQ writes before a job runs, here and in `prepare_job_execution`, in one round trip."""
        ttl_s = self.get_heartbeat_ttl(job)
        with self.connection.pipeline() as pipe:
            execution = Execution.create(job, ttl_s, pipeline=pipe, worker_name=self.name)
            self.executions[execution.id] = execution
            self.set_state(WorkerStatus.BUSY, pipe)
            self.heartbeat(ttl_s, pipe)
            job.prepare_for_execution(self.name, pipeline=pipe)
            pipe.persist(job.key)
            pipe.lrem(self.queues[0].intermediate_queue_key, 1, job.id)
            pipe.execute()
        return execution

    def prepare_job_execution(self, job: RQJob, remove_from_intermediate_queue: bool = False) -> None:
        """Nothing: done in `prepare_execution`, by the same process."""

    def handle_execution_ended(self, job: RQJob, queue: RQQueue, heartbeat_ttl: int) -> None:
        """Only noted: it is written with the outcome."""
        job.ended_at = job.last_heartbeat = now()

    def handle_job_success(
        self, job: RQJob, queue: RQQueue, started_job_registry: StartedJobRegistry, execution: Execution
    ) -> None:
        """What RQ writes after a job, in one round trip: no job of ours has dependents, repeats or slots."""
        ended = job.ended_at or now()
        with self.connection.pipeline() as pipe:
            self.increment_successful_job_count(pipe)
            self.increment_total_working_time(ended - (job.started_at or ended), pipe)
            self._write_finished(job, execution, ended, pipe)
            self.cleanup_execution(job, pipe, execution)
            pipe.execute()

    def _write_finished(self, job: RQJob, execution: Execution, ended: datetime, pipe: Pipeline) -> None:
        ttl_s = job.get_result_ttl(self.default_result_ttl)
        at = utcformat(ended)
        pipe.hset(job.key, mapping={"status": JobStatus.FINISHED.value, "ended_at": at, "last_heartbeat": at})
        pipe.expire(job.key, ttl_s)
        Result.create(
            job,
            Result.Type.SUCCESSFUL,
            ttl_s,
            return_value=job._result,  # RQ's own worker sets it; reading it by its name asks Redis
            worker_name=self.name,
            pipeline=pipe,
            execution_id=execution.id,
            execution_started_at=execution.created_at,
            execution_ended_at=ended,
        )
        job.finished_job_registry.add(job, ttl_s, pipe)


def free_name(redis: Redis, keys: Keys, stage: str, taken: frozenset[str] = frozenset()) -> str:
    """The first ``<namespace>-<stage>-<host>-<n>`` that no live process of this machine holds."""
    host = socket.gethostname()
    n = 1
    while True:
        name = f"{keys.namespace}-{stage}-{host}-{n}"
        if name not in taken and not _held(redis, name, host) and _claimed(redis, keys.name(name)):
            return name
        n += 1


def _claimed(redis: Redis, key: str) -> bool:
    """Take a name before it is registered: processes that start together must not find the same one free."""
    if redis.set(key, os.getpid(), nx=True, ex=CLAIM_S):
        return True
    holder: Any = redis.get(key)
    if holder and int(holder) != os.getpid() and _lives(int(holder)):
        return False
    return bool(redis.set(key, os.getpid(), ex=CLAIM_S))


def _held(redis: Redis, name: str, host: str) -> bool:
    raw: Any = redis.hmget(f"{BaseWorker.redis_worker_namespace_prefix}{name}", "pid", "hostname", "death")
    pid, where, death = raw
    if not pid or death or (where or b"").decode() != host:
        return False
    return int(pid) != os.getpid() and _lives(int(pid))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
