"""RQ, narrowed to what palmyra needs: JSON only, our own functions only, and no death by a malformed job.

RQ's key prefix stays ``rq``; queue names and job ids carry the namespace, so stock RQ tools work as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError
from rq import Queue as RQQueue
from rq.exceptions import DequeueTimeout, NoSuchJobError
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job as RQJob
from rq.serializers import JSONSerializer

from jobs.keys import Keys

FETCH_JOB = "jobs.tasks.fetch"
ARTICLE_JOB = "jobs.tasks.article"
REOPEN_JOB = "jobs.tasks.reopen"
ALLOWED_FUNCTIONS = frozenset({FETCH_JOB, ARTICLE_JOB, REOPEN_JOB})

RESULT_TTL_S = 60
FAILURE_TTL_S = 14 * 86400
# No job of ours has longer times. Redis refuses absurd ones as an expiry, and RQ's worker quits over that.
MAX_TIMEOUT_S = 3600
MAX_TTL_S = 366 * 86400


class ForbiddenJob(NoSuchJobError):
    """The job names a function or callback that is not palmyra's."""


class Job(RQJob):
    """A job that can only be one of ours.

    What runs is named by data in Redis, so whoever can write there could run anything that Python can import
    (``os.system`` is a function name too). Only `ALLOWED_FUNCTIONS` are looked up, and no callbacks at all.
    """

    def __init__(
        self, id: str | None = None, connection: Redis | None = None, serializer: Any = None
    ) -> None:
        super().__init__(id=id, connection=connection, serializer=serializer or JSONSerializer)

    def refresh(self) -> None:
        """As RQ's, but a key of another type counts as no job."""
        try:
            super().refresh()  # type: ignore[no-untyped-call]  # RQ leaves it untyped
        except ResponseError as error:
            raise NoSuchJobError(f"job {self._id!r} is no hash: {error}") from error

    def restore(self, raw_data: Any) -> None:
        """As RQ's, but a hash that can't be read counts as no job: RQ's own worker would quit over it."""
        try:
            super().restore(raw_data)
            self._check_call()
            self._check_times()
        except NoSuchJobError:
            raise
        except Exception as error:
            raise NoSuchJobError(f"job {self._id!r} is malformed: {error}") from error

    def _check_call(self) -> None:
        """Refuse what would run something else than one of our functions, or something besides it."""
        name = self.func_name
        callbacks = (self._success_callback_name, self._failure_callback_name, self._stopped_callback_name)
        if name not in ALLOWED_FUNCTIONS or any(isinstance(c, str) and c for c in callbacks) or self.webhooks:
            raise ForbiddenJob(f"job {self._id!r} names {name!r}, which is not one of palmyra's functions")
        more = (self._dependency_ids, self.group_id, self.retries_left, self.repeats_left)
        if any(more) or self.rate_limit_key:
            raise ForbiddenJob(f"job {self._id!r} has retries or other things that no job of palmyra has")
        kinds = [type(argument) for argument in self.args]
        if kinds != ([str] if name == REOPEN_JOB else [str, int]) or self.kwargs or self.instance is not None:
            raise ForbiddenJob(f"job {self._id!r} calls {name} with other arguments than palmyra's")

    def _check_times(self) -> None:
        """Refuse times that are out of bounds."""
        timeouts = (self.timeout, self._success_callback_timeout, self._failure_callback_timeout)
        bounds = [(seconds, MAX_TIMEOUT_S) for seconds in timeouts]
        bounds += [(self.result_ttl, MAX_TTL_S), (self.failure_ttl, MAX_TTL_S)]
        if not all(seconds is None or 0 < seconds <= most for seconds, most in bounds):
            raise ValueError("a time out of bounds")

    @property
    def func(self) -> Callable[..., Any]:
        """The job's function, if it is one of ours.

        Raises:
            ForbiddenJob: it is not.
        """
        if self.func_name not in ALLOWED_FUNCTIONS:
            raise ForbiddenJob(f"job {self._id!r} names {self.func_name!r}")
        function: Callable[..., Any] = super().func
        return function


_TAKE = """
local id = ARGV[2] or redis.call('lmove', KEYS[1], KEYS[2], 'LEFT', 'RIGHT')
if not id then return false end
local job = redis.pcall('hgetall', ARGV[1] .. id)
return {id, job.err and {} or job}
"""
"""The id and hash of the next job, moved to the intermediate list as RQ moves it, or of one moved already."""


class Queue(RQQueue):
    """A queue that drops what is not a job of ours, instead of leaving it in the intermediate list."""

    job_class = Job

    @classmethod
    def dequeue_any(
        cls, queues: Iterable[RQQueue], timeout: int | None, connection: Redis, *more: Any, **options: Any
    ) -> tuple[RQJob, RQQueue] | None:
        """As RQ's, of one queue, and a job that waits already is taken and read in one round trip.

        What is no job of ours is dropped: RQ's own worker would quit over some of it.

        Raises:
            DequeueTimeout: there was none within `timeout` seconds. None: only if there is one now.
        """
        (queue,) = queues
        lists = (queue.key, IntermediateQueue.get_intermediate_queue_key(queue.key))
        take = connection.register_script(_TAKE)
        known: list[Any] = []
        while True:
            taken: Any = take(keys=lists, args=[RQJob.redis_job_namespace_prefix, *known])
            if taken and (job := _restored(taken[0], taken[1], queue)):
                return job, queue
            if taken:
                connection.lrem(lists[1], 1, taken[0])
                known = []
            elif timeout is None:
                return None
            elif (moved := connection.blmove(*lists, timeout)) is None:
                raise DequeueTimeout(timeout, queue.key)
            else:
                known = [moved]


def _restored(raw_id: bytes, flat: list[bytes], queue: RQQueue) -> Job | None:
    """The job of an id and its hash (field, value, …); None when it is none of ours, or of another queue."""
    try:
        job = Job(raw_id.decode(), connection=queue.connection)
        job.restore(dict(zip(flat[::2], flat[1::2], strict=True)))
    except (ValueError, NoSuchJobError):  # an id that RQ would not have given; a hash that is no job
        return None
    return job if job.origin == queue.name else None


def queue_for(keys: Keys, stage: str, redis: Redis) -> Queue:
    """The RQ queue of a stage. `redis` must not decode responses: RQ reads bytes."""
    return Queue(keys.queue(stage), connection=redis, serializer=JSONSerializer, job_class=Job)
