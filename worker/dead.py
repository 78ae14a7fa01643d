"""The dead letter, acted on: requeueing a dead link, from the command line or from the RQ dashboard."""

from __future__ import annotations

import re

from redis import Redis

from jobs.keys import STAGES, Keys
from jobs.ledger import Ledger
from worker.dispatch import forget
from worker.queues import queue_for

REQUEUED_IN_DASHBOARD = "requeued in the dashboard"


def dead_link(keys: Keys, job_id: str) -> str | None:
    """The link that a dead job stands for (``<namespace>-<link>-dead-<n>``); None for any other job."""
    match = re.fullmatch(rf"{re.escape(keys.namespace)}-([a-z2-7]{{16}})-dead-[0-9]+", job_id)
    return match[1] if match else None


def requeue_link(ledger: Ledger, redis: Redis, link_id: str, note: str) -> bool | None:
    """Open a closed link again and remove the failed job that stood for it.

    Returns False when it is open already, None when the ledger does not know it. The job goes last: cut short
    in between, its row stays in the dashboard, and pressing Requeue there removes it.
    """
    job = redis.hget(ledger.keys.link(link_id), "dead")
    opened = ledger.reopen(link_id, note)
    if isinstance(job, bytes) and opened is not None:
        _forget(redis, ledger.keys, job.decode())
    return opened


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
        _forget(redis, ledger.keys, job_id)
        return False
    return requeue_link(ledger, redis, link_id, REQUEUED_IN_DASHBOARD) is True


def _forget(redis: Redis, keys: Keys, job_id: str) -> None:
    for stage in STAGES:
        forget(queue_for(keys, stage, redis), job_id)
