"""The article workers: a pool of RQ workers that do not fork, under a parent that watches them.

The parent pays for the imports once and forks. A page whose processing hangs in C code (no signal gets
through there) or eats memory costs one child and one attempt: the parent sees in shared memory what each
child works on since when, kills it past the hard limit, tells the ledger, and starts another.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import signal
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq import Queue as RQQueue
from rq.executions import Execution
from rq.job import Job as RQJob
from rq.worker import SimpleWorker

from jobs.keys import ARTICLE, Keys
from jobs.tasks import Tasks, install
from worker.dispatch import forget
from worker.procs import die_with_parent, limit_memory
from worker.queues import Queue, queue_for
from worker.rqworker import PalmyraWorker, free_name

HARD_LIMIT_S = 15.0
"""A job that runs longer is killed with its process. RQ's own limit of 10 s comes first, where it can."""
MEMORY_PER_JOB = 500 * 1024 * 1024
"""How far a child's address space may grow past the parent's."""
JOBS_PER_CHILD = 1000
WATCH_EVERY_S = 0.2
STOP_TIMEOUT_S = 5.0
QUICK_DEATH_S = 2.0
LONGEST_PAUSE_S = 10.0
# What one of our own job ids would give away is enough for the ledger: link id and attempt.
_CELL = struct.Struct("<dq16s")

log = structlog.get_logger(__name__)


class Cell:
    """What a child is working on, in memory that it shares with its parent."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    def begin(self, link_id: str, attempt: int) -> None:
        """The child starts a job."""
        _CELL.pack_into(self._memory, 0, time.monotonic(), attempt, link_id.encode()[:16])

    def end(self) -> None:
        """The child is idle."""
        _CELL.pack_into(self._memory, 0, 0.0, 0, b"")

    def read(self) -> tuple[float, int, str] | None:
        """When (monotonic), which attempt, which link; None when idle."""
        started, attempt, link = _CELL.unpack_from(self._memory, 0)
        return (started, attempt, link.rstrip(b"\0").decode()) if started else None


class ArticleWorker(PalmyraWorker, SimpleWorker):
    """Runs one job at a time, in its own process, and says so in its cell."""

    def __init__(self, redis: Redis, keys: Keys, name: str, cell: Cell, tasks: Tasks) -> None:
        super().__init__(redis, keys, ARTICLE, name)
        self._cell = cell
        self._tasks = tasks

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[RQJob, RQQueue] | None:
        """As RQ's; a job that waits already is taken at once, by a worker that stays busy."""
        self.heartbeat()
        with contextlib.suppress(RedisConnectionError, RedisTimeoutError):  # RQ's own loop waits for it
            if taken := Queue.dequeue_any(self.queues, None, self.connection):
                return taken
        return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)

    def execute_job(self, job: RQJob, queue: RQQueue) -> None:
        """As RQ's. Whether it is idle now shows when the next job is asked for."""
        self.perform_job(job, queue, self.prepare_execution(job))

    def perform_job(self, job: RQJob, queue: RQQueue, execution: Execution, *more: Any) -> bool:
        """As RQ's, with the cell set meanwhile."""
        if len(job.args) == 2:
            self._cell.begin(*job.args)
        try:
            return bool(super().perform_job(job, queue, execution, *more))
        finally:
            self._cell.end()

    def handle_exception(self, job: RQJob, *exc_info: Any) -> None:
        """A job that raises has a bug, or its page found one: try again, but not for ever."""
        super().handle_exception(job, *exc_info)
        with contextlib.suppress(RedisError):
            tell_death(self._tasks, job.args, killed=False, note=f"raised {exc_info[0].__name__}")


def tell_death(tasks: Tasks, args: Any, *, killed: bool, note: str) -> None:
    """Tell the ledger that the process died, or the code raised, that ran the job with these arguments."""
    if len(args) == 2:
        story = tasks.ledger.story(args[0])
        tasks.died(args[0], args[1], story.host if story else "", killed=killed, note=note)


@dataclass(slots=True)
class Child:
    """One slot of the pool."""

    name: str
    cell: Cell
    pid: int = 0
    started: float = 0.0
    killed: str = ""
    """Why the parent killed it, while it did."""
    start_at: float = 0.0
    """Not before this moment (monotonic): a child that dies at once is started ever more slowly."""
    pause_s: float = 0.0


class Pool:
    """The parent: forks `size` children and keeps them running until it is told to stop.

    Args:
        connect: makes a Redis client; called in each process, since connections don't survive a fork.
        make_tasks: makes the `Tasks` of a process from its client and worker name.
        warm: does the expensive first imports and first uses, before the first fork.
    """

    def __init__(
        self,
        connect: Callable[[], Redis],
        keys: Keys,
        make_tasks: Callable[[Redis, str], Tasks],
        *,
        size: int,
        warm: Callable[[], None],
        hard_limit_s: float = HARD_LIMIT_S,
    ) -> None:
        self._connect = connect
        self._keys = keys
        self._make_tasks = make_tasks
        self._size = size
        self._warm = warm
        self._hard_limit_s = hard_limit_s
        self._stopping = False
        self.children: list[Child] = []

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; then let each child finish its job."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        started = time.monotonic()
        self._warm()
        gc.collect()
        gc.freeze()  # keeps the collector from touching, and so copying, the pages shared with the children
        log.info("article_pool_ready", children=self._size, warm_s=round(time.monotonic() - started, 1))
        self.children = [Child("", Cell()) for _ in range(self._size)]
        self._tasks = self._make_tasks(self._connect(), f"{self._keys.namespace}-pool")
        while not self._stopping:
            self._watch()
            time.sleep(WATCH_EVERY_S)
        self._shut_down()

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _watch(self) -> None:
        for child in self.children:
            if child.pid:
                self._reap(child)
                self._kill_if_stuck(child)
            if not child.pid and time.monotonic() >= child.start_at and not self._stopping:
                self._start(child)

    def _start(self, child: Child) -> None:
        # Each time: while Redis took no writes its name was free, and another pool may have taken it.
        others = frozenset(one.name for one in self.children if one is not child)
        try:
            child.name = free_name(self._tasks.ledger.redis, self._keys, ARTICLE, others)
        except RedisError as error:
            log.warning("article_pool_waits_for_redis", error=str(error))
            child.start_at = time.monotonic() + QUICK_DEATH_S
            return
        child.cell.end()
        child.killed = ""
        child.started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            self._child_main(child)
        child.pid = pid

    def _child_main(self, child: Child) -> None:
        code = 1
        try:
            die_with_parent()
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent passes on what concerns us
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            redis = self._connect()
            tasks = self._make_tasks(redis, child.name)
            install(tasks)
            worker = ArticleWorker(redis, self._keys, child.name, child.cell, tasks)
            limit_memory(MEMORY_PER_JOB)
            worker.work(max_jobs=JOBS_PER_CHILD, logging_level=None)
            code = 0
        except RedisError as error:
            log.warning("article_worker_lost_redis", worker=child.name, error=str(error))
        except BaseException:
            log.exception("article_worker_raised", worker=child.name)
        finally:
            os._exit(code)

    def _kill_if_stuck(self, child: Child) -> None:
        doing = child.cell.read()
        if child.pid and doing and not child.killed and time.monotonic() - doing[0] > self._hard_limit_s:
            child.killed = f"ran longer than {self._hard_limit_s:.0f} s"
            job = self._keys.job(doing[2], ARTICLE, doing[1])
            log.warning("article_worker_killed", worker=child.name, link=doing[2], job=job)
            os.kill(child.pid, signal.SIGKILL)

    def _reap(self, child: Child) -> None:
        pid, status = os.waitpid(child.pid, os.WNOHANG)
        if not pid:
            return
        lived = time.monotonic() - child.started
        code = os.waitstatus_to_exitcode(status)
        doing = child.cell.read()
        child.pid = 0
        child.pause_s = min(max(child.pause_s * 2, 0.5), LONGEST_PAUSE_S) if lived < QUICK_DEATH_S else 0.0
        child.start_at = time.monotonic() + child.pause_s
        if code != 0 and not self._stopping:
            log.warning("article_worker_died", worker=child.name, code=code, lived_s=round(lived, 1))
        if doing:
            with contextlib.suppress(RedisError):  # else the lease tells it later
                self._tell(child, doing[2], doing[1], code)

    def _tell(self, child: Child, link_id: str, attempt: int, code: int) -> None:
        # When the link ends here nobody else would for long: its job would show as running for two minutes.
        queue = queue_for(self._keys, ARTICLE, self._tasks.ledger.redis)
        forget(queue, self._keys.job(link_id, ARTICLE, attempt))
        if self._stopping:
            note = f"{child.name} had to stop and hands the link back"
            self._tasks.ledger.release(link_id, attempt, note)
        else:
            note = child.killed or f"its process died (code {code})"
            tell_death(self._tasks, (link_id, attempt), killed=bool(child.killed), note=note)

    def _shut_down(self) -> None:
        """SIGTERM lets a worker finish its job; what is not done in time is killed and handed back."""
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for child in self.children:
            if child.pid:
                os.kill(child.pid, signal.SIGTERM)
        while any(child.pid for child in self.children):
            for child in self.children:
                if child.pid and time.monotonic() > deadline:
                    os.kill(child.pid, signal.SIGKILL)
                    child.killed = "was still running when the pool had to stop"
                if child.pid:
                    self._reap(child)
            time.sleep(0.05)
        log.info("article_pool_stopped")
