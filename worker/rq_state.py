"""What RQ holds, read in a few round trips and without changing anything.

RQ's own classes are not for watching: counting a registry cleans it up (not atomically), fetching a job that
is gone takes it from its queue, and hydrating a `Worker` changes the time-outs of the shared connection pool.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis
from rq.exceptions import NoSuchJobError
from rq.executions import WORKER_EXECUTIONS_KEY_TEMPLATE
from rq.job import parse_job_id
from rq.registry import (
    BaseRegistry,
    CanceledJobRegistry,
    DeferredJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from rq.results import Result
from rq.serializers import JSONSerializer
from rq.utils import utcparse
from rq.worker import BaseWorker
from rq.worker_registration import REDIS_WORKER_KEYS

from jobs.keys import STAGES, Keys
from worker.queues import Job, Queue

QUEUED = "queued"
REGISTRIES: Mapping[str, type[BaseRegistry]] = {
    "started": StartedJobRegistry,
    "finished": FinishedJobRegistry,
    "failed": FailedJobRegistry,
    "deferred": DeferredJobRegistry,
    "scheduled": ScheduledJobRegistry,
    "canceled": CanceledJobRegistry,
}
STATUSES = (QUEUED, *REGISTRIES)
# A queue's name stands in the dashboard's scripts as it is: nothing in it may end a string or a tag.
QUEUE_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
MOST_FAILURE_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class JobState:
    """A job as RQ has it. Times are aware; what is not known is None."""

    id: str
    origin: str
    """Name of its queue."""
    status: str
    description: str
    """What it does, or why it can't be read."""
    readable: bool
    """False when the hash is malformed or names a function that is not palmyra's."""
    created: datetime | None = None
    enqueued: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    meta: Any = None
    value: Any = None
    """What it returned."""
    failure: str | None = None
    """Why it failed: the last result's text."""


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker as RQ has it. Times are aware; what is not known is None."""

    name: str
    state: str
    queues: tuple[str, ...]
    pid: int
    version: str
    python_version: str
    birth: datetime | None
    heartbeat: datetime | None
    succeeded: int
    """Jobs that ended well."""
    failed: int
    working_s: float
    running: tuple[str, ...]
    """Ids of the jobs it runs now."""


def queue_names(redis: Redis, keys: Keys) -> list[str]:
    """The queues RQ knows and our own, which RQ only knows once they held a job; sorted."""
    prefix = Queue.redis_queue_namespace_prefix
    members: Any = redis.smembers(Queue.redis_queues_keys)
    known = {_text(member).removeprefix(prefix) for member in members}
    known |= {keys.queue(stage) for stage in STAGES}
    return sorted(name for name in known if QUEUE_NAME.fullmatch(name))


def status_key(queue: str, status: str) -> str:
    """The Redis key that holds a queue's jobs of one status: a list for ``queued``, else a sorted set."""
    if status == QUEUED:
        return f"{Queue.redis_queue_namespace_prefix}{queue}"
    return str(REGISTRIES[status].key_template.format(queue))


def counts(redis: Redis, queues: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many jobs each queue has, by status."""
    with redis.pipeline(transaction=False) as pipe:
        for queue in queues:
            for status in STATUSES:
                key = status_key(queue, status)
                _ = pipe.llen(key) if status == QUEUED else pipe.zcard(key)
        numbers = iter(pipe.execute())
    return {queue: {status: int(next(numbers)) for status in STATUSES} for queue in queues}


def job_ids(
    redis: Redis, queue: str, status: str, *, start: int = 0, count: int = 0, newest_first: bool = False
) -> list[str]:
    """Ids of a queue's jobs of one status, from rank `start` on; all of them when `count` is 0."""
    key, end = status_key(queue, status), start + count - 1 if count else -1
    ids: Any
    if status != QUEUED:
        ids = redis.zrange(key, start, end, desc=newest_first)
    elif newest_first:
        ids = redis.lrange(key, -end - 1 if count else 0, -start - 1)[::-1]
    else:
        ids = redis.lrange(key, start, end)
    return [parse_job_id(_text(job_id)) for job_id in ids]


def results_key(job_id: str) -> str:
    """The Redis key of a job's results."""
    return str(Result.get_key(job_id))


def jobs(redis: Redis, ids: Sequence[str]) -> list[JobState]:
    """The jobs of these ids, in order; those that are gone are left out."""
    with redis.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hgetall(Job.key_for(job_id))
            pipe.xrevrange(results_key(job_id), count=1)
        answers = pipe.execute(raise_on_error=False)  # a key of another type is no job
    rows = zip(ids, answers[::2], answers[1::2], strict=True)
    hashes = ((job_id, raw, results) for job_id, raw, results in rows if raw and isinstance(raw, dict))
    return [
        _job(redis, job_id, raw, results if isinstance(results, list) else [])
        for job_id, raw, results in hashes
    ]


def _job(redis: Redis, job_id: str, raw: dict[bytes, bytes], results: list[Any]) -> JobState:
    try:
        job = Job(job_id, connection=redis)
        job.restore(raw)
    except (NoSuchJobError, ValueError) as error:  # ValueError: an id that RQ would not have given
        status, origin = (_text(raw.get(name, b"")) for name in (b"status", b"origin"))
        return JobState(job_id, origin, status, f"This job can't be run: {error}", readable=False)
    value, failure, ended = _outcome(redis, job_id, results)
    return JobState(
        id=job_id,
        origin=job.origin,
        status=str(getattr(job.get_status(refresh=False), "value", "")),
        description=job.description or job_id,
        readable=True,
        created=job.created_at,
        enqueued=job.enqueued_at,
        started=job.started_at,
        ended=job.ended_at or ended,
        meta=job.get_meta(refresh=False),
        value=value,
        failure=failure,
    )


def _outcome(redis: Redis, job_id: str, results: list[Any]) -> tuple[Any, str | None, datetime | None]:
    """What the job's newest result says: a value or a failure text, and since when."""
    if not results:
        return None, None, None
    entry, payload = results[0]
    try:
        result = Result.restore(job_id, _text(entry), payload, redis, serializer=JSONSerializer)
    except Exception as error:  # noqa: BLE001 - base64, zlib, JSON, numbers: whatever was written there
        return None, f"The result can't be read: {error}", None
    failure = result.exc_string[-MOST_FAILURE_TEXT:] if result.exc_string else None
    return result.return_value, failure, result.created_at


def workers(redis: Redis) -> list[WorkerState]:
    """All registered workers, by name."""
    prefix = BaseWorker.redis_worker_namespace_prefix
    members: Any = redis.smembers(REDIS_WORKER_KEYS)
    names = sorted(_text(key).removeprefix(prefix) for key in members)
    with redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hgetall(prefix + name)
            pipe.smembers(WORKER_EXECUTIONS_KEY_TEMPLATE.format(name))
        answers = pipe.execute()
    hashes, executions = answers[::2], answers[1::2]
    running = _live(redis, {_text(one) for some in executions for one in some})
    rows = zip(names, hashes, executions, strict=True)
    return [_worker(name, raw, sorted(map(_text, some)), running) for name, raw, some in rows if raw]


def _live(redis: Redis, executions: Iterable[str]) -> frozenset[str]:
    """Those executions whose hash exists: a worker's index keeps members that have expired."""
    listed = sorted(executions)
    with redis.pipeline(transaction=False) as pipe:
        for composite in listed:
            pipe.exists(f"rq:execution:{composite}")
        found = pipe.execute()
    return frozenset(composite for composite, exists in zip(listed, found, strict=True) if exists)


def _worker(
    name: str, raw: Mapping[bytes, bytes], executions: Sequence[str], live: frozenset[str]
) -> WorkerState:
    fields = {_text(key): _text(value) for key, value in raw.items()}
    return WorkerState(
        name=name,
        state=fields.get("state", "?"),
        queues=tuple(queue for queue in fields.get("queues", "").split(",") if queue),
        pid=int(_number(fields.get("pid"))),
        version=fields.get("version", ""),
        python_version=fields.get("python_version", ""),
        birth=_time(fields.get("birth")),
        heartbeat=_time(fields.get("last_heartbeat")),
        succeeded=int(_number(fields.get("successful_job_count"))),
        failed=int(_number(fields.get("failed_job_count"))),
        working_s=_number(fields.get("total_working_time")),
        running=tuple(parse_job_id(composite) for composite in executions if composite in live),
    )


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _time(text: str | None) -> datetime | None:
    try:
        moment: datetime | None = utcparse(text) if text else None
    except ValueError:
        return None
    return moment


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
