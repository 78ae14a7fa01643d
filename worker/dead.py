"""The dead letter, acted on: opening dead and other closed links again, here and in the RQ dashboard."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from redis import Redis

from jobs.keys import FETCH, STAGES, Keys
from jobs.ledger import Ledger
from jobs.reopening import How, Reopened, Status
from worker.dispatch import forget
from worker.queues import queue_for

REQUEUED_IN_DASHBOARD = "requeued in the dashboard"
_BATCH = 500


def dead_link(keys: Keys, job_id: str) -> str | None:
    """The link that a dead job stands for (``<namespace>-<link>-dead-<n>``); None for any other job."""
    match = re.fullmatch(rf"{re.escape(keys.namespace)}-([a-z2-7]{{16}})-dead-[0-9]+", job_id)
    return match[1] if match else None


def open_again(
    ledger: Ledger,
    redis: Redis,
    link_ids: Sequence[str],
    note: str,
    *,
    how: How = How.REQUEUE,
    ahead: bool = True,
) -> list[Reopened]:
    """Open closed links again and remove the failed jobs that stood for them; what became of each.

    The jobs go last: cut short in between, their rows stay in the dashboard, and Requeue there removes them.
    `how` and `ahead` as in `Ledger.reopen_all`.
    """
    done: list[Reopened] = []
    for start in range(0, len(link_ids), _BATCH):
        some = list(ledger.reopen_all(link_ids[start : start + _BATCH], note, how=how, ahead=ahead))
        forget_dead(redis, ledger.keys, [one.dead_job for one in some if one.dead_job])
        done += some
    return done


def requeue_link(ledger: Ledger, redis: Redis, link_id: str, note: str) -> bool | None:
    """Open one closed link again. False when it is open already, None when the ledger does not know it."""
    (one,) = open_again(ledger, redis, [link_id], note)
    return None if one.status is Status.UNKNOWN else one.status is Status.OPENED


def requeue_dead(ledger: Ledger, redis: Redis, job_id: str) -> bool:
    """Do for a dead job what ``palmyra failed requeue`` does for its link, and remove the job.

    Returns True when its link is open again. A job that no longer stands for its link's present state (the
    link was requeued or refetched since) is only removed; one whose link the ledger has forgotten stays, as
    the last that is known of it. False in both cases, and for a job that stands for no link.
    """
    link_id = dead_link(ledger.keys, job_id)
    if link_id is None or not redis.exists(ledger.keys.link(link_id)):
        return False
    if redis.hget(ledger.keys.link(link_id), "dead") != job_id.encode():
        forget_dead(redis, ledger.keys, [job_id])
        return False
    return requeue_link(ledger, redis, link_id, REQUEUED_IN_DASHBOARD) is True


def forget_dead(redis: Redis, keys: Keys, job_ids: Sequence[str]) -> None:
    """Remove dead jobs and every trace of them from RQ, in few round trips however many they are.

    Next to all of them were never run: those lie in one registry. One that stock RQ tools requeued may be
    anywhere.
    """
    if not job_ids:
        return
    queue = queue_for(keys, FETCH, redis)
    with redis.pipeline(transaction=False) as pipe:
        pipe.lrange(queue.key, 0, -1)
        pipe.lrange(queue.intermediate_queue_key, 0, -1)
        for job_id in job_ids:
            pipe.exists(f"rq:executions:{job_id}")
        waiting, popped, *executed = pipe.execute()
    elsewhere: set[Any] = {*waiting, *popped}
    for job_id, is_executed in zip(job_ids, executed, strict=True):
        if is_executed or job_id.encode() in elsewhere:
            for stage in STAGES:
                forget(queue_for(keys, stage, redis), job_id)
    with redis.pipeline(transaction=True) as pipe:
        pipe.zrem(queue.failed_job_registry.key, *job_ids)
        pipe.zrem(queue.finished_job_registry.key, *job_ids)
        for job_id in job_ids:
            pipe.delete(f"rq:job:{job_id}", f"rq:results:{job_id}")
        pipe.execute()
