"""RQ, narrowed to what palmyra needs: JSON only, our own functions only, and no death by a malformed job.

RQ's key prefix stays ``rq``; queue names and job ids carry the namespace, so stock RQ tools work as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redis import Redis
from rq import Queue as RQQueue
from rq.exceptions import NoSuchJobError
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

    def restore(self, raw_data: Any) -> None:
        """As RQ's, but a hash that can't be read counts as no job: RQ's own worker would quit over it."""
        try:
            super().restore(raw_data)
            name = self.func_name
        except NoSuchJobError:
            raise
        except Exception as error:
            raise NoSuchJobError(f"job {self._id!r} is malformed: {error}") from error
        callbacks = (self._success_callback_name, self._failure_callback_name, self._stopped_callback_name)
        if name not in ALLOWED_FUNCTIONS or any(isinstance(c, str) and c for c in callbacks) or self.webhooks:
            raise ForbiddenJob(f"job {self._id!r} names {name!r}, which is not one of palmyra's functions")

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


class Queue(RQQueue):
    """A queue that drops what is not a job of ours, instead of leaving it in the intermediate list."""

    job_class = Job

    @classmethod
    def _fetch_dequeued_job(
        cls, connection: Redis, queue_key: str, job_id: str, *args: Any, **kwargs: Any
    ) -> tuple[RQJob, RQQueue] | None:
        fetched = super()._fetch_dequeued_job(connection, queue_key, job_id, *args, **kwargs)
        if fetched is None:
            connection.lrem(IntermediateQueue.get_intermediate_queue_key(queue_key), 1, job_id)
        return fetched


def queue_for(keys: Keys, stage: str, redis: Redis) -> Queue:
    """The RQ queue of a stage. `redis` must not decode responses: RQ reads bytes."""
    return Queue(keys.queue(stage), connection=redis, serializer=JSONSerializer, job_class=Job)
