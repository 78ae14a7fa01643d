"""The failed RQ job that stands for a dead link, so that stock RQ tools show and requeue it."""

from __future__ import annotations

import time
from collections.abc import Callable

from redis import Redis
from rq.registry import FailedJobRegistry
from rq.results import Result

from jobs.errors import Reason
from jobs.keys import FETCH, Keys
from jobs.ledger import DeadJob
from worker.queues import FAILURE_TTL_S, REOPEN_JOB, queue_for


def dead_job_maker(redis: Redis, keys: Keys) -> Callable[[str, str, int, Reason], DeadJob]:
    """A function that makes the dead job of a link id, host, attempt and reason. Nothing is written."""
    queue = queue_for(keys, FETCH, redis)
    registry = FailedJobRegistry(queue=queue)

    def make(link_id: str, host: str, attempt: int, reason: Reason) -> DeadJob:
        job = queue.create_job(
            REOPEN_JOB,
            args=(link_id,),
            job_id=keys.dead_job(link_id, attempt),
            description=f"dead link {link_id} at {host}: {reason}. Requeue opens it again.",
            failure_ttl=FAILURE_TTL_S,
            result_ttl=60,
        )
        text = f"{reason}: {reason.meaning}. More: palmyra why {link_id}"
        # FailedJobRegistry.add would set these too, but the ledger's script writes them, in one step with
        # the link's outcome.
        fields = job.to_dict(include_meta=False) | {"status": "failed", "origin": queue.name}
        result = Result(job.id, Result.Type.FAILED, redis, exc_string=text, serializer=job.serializer)
        return DeadJob(
            id=job.id,
            key=job.key,
            results_key=Result.get_key(job.id),
            registry_key=registry.key,
            expires_at=int(time.time()) + FAILURE_TTL_S,
            ttl_s=FAILURE_TTL_S,
            fields=fields,
            result=result.serialize(),
        )

    return make
