"""What palmyra's two kinds of RQ worker share: a name of their own for life, and no maintenance.

The ledger notices lost jobs. RQ's own maintenance would turn killed jobs of live links into failed ones, and
one malformed hash there stops a worker again at each run.
"""

from __future__ import annotations

import os
import socket
from typing import Any

import structlog
from redis import Redis
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker

from jobs.keys import Keys
from worker.queues import Job, Queue, queue_for

WORKER_TTL_S = 60
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
