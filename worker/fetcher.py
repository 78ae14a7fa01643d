"""The fetch workers: one process keeps many downloads in flight.

RQ jobs run in threads, since a job is little more than waiting; the downloads themselves run on one event
loop, where their deadlines are exact and cutting them short is clean.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from types import FrameType
from typing import Any, Self

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue as RQQueue
from rq.exceptions import StopRequested
from rq.job import Job as RQJob
from rq.timeouts import BaseDeathPenalty
from rq.worker import WorkerStatus

from jobs.client import Client
from jobs.fetch import Moved, fetch_page
from jobs.keys import FETCH, Keys
from jobs.page import Page
from jobs.tasks import Stopping
from worker.rqworker import PalmyraWorker

FINISH_S = 3.0
"""How long a stopping worker lets its downloads finish before it hands them back."""
HAND_BACK_S = 2.0


class Downloader:
    """The guarded HTTP client on an event loop of its own; `download` is called from any thread."""

    def __init__(self, make_client: Callable[[], Client]) -> None:
        self._make_client = make_client
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="downloads", daemon=True)
        self._client: Client | None = None
        self._stopping = False

    def __enter__(self) -> Self:
        self._thread.start()
        self._client = self._call(self._open()).result()
        return self

    async def _open(self) -> Client:
        return await self._make_client().__aenter__()

    def _call(self, coroutine: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def download(self, url: str) -> Page | Moved:
        """Fetch a page. Raises an `Outcome`, or `Stopping` when it was cut short."""
        if self._stopping or self._client is None:
            raise Stopping
        try:
            page: Page | Moved = self._call(fetch_page(self._client, url)).result()
        except CancelledError:
            raise Stopping from None
        return page

    def cut_short(self) -> None:
        """Cancel what is in flight: each `download` raises `Stopping`."""
        self._stopping = True

        def cancel_all() -> None:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()

        self._loop.call_soon_threadsafe(cancel_all)

    def __exit__(self, *exc_info: object) -> None:
        self._stopping = True
        if self._client is not None:
            with suppress(CancelledError):
                self._call(self._client.__aexit__(None, None, None)).result(timeout=5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()


class NoDeathPenalty(BaseDeathPenalty):
    """RQ's time limit needs signals, which threads can't have; the client's deadline is the limit here."""

    def setup_death_penalty(self) -> None:
        """Nothing to set up."""

    def cancel_death_penalty(self) -> None:
        """Nothing to cancel."""


class FetchWorker(PalmyraWorker):
    """An RQ worker with up to `concurrency` jobs at a time, each in a thread."""

    death_penalty_class = NoDeathPenalty

    def __init__(
        self, redis: Redis, keys: Keys, name: str, downloader: Downloader, *, concurrency: int
    ) -> None:
        super().__init__(redis, keys, FETCH, name, concurrency=concurrency)
        self._downloader = downloader
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="fetch")
        self._free = threading.Semaphore(concurrency)
        self._running: set[Future[None]] = set()
        self._lock = threading.Lock()

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[RQJob, RQQueue] | None:
        """As RQ's, but only once there is a thread free to run the job."""
        while not self._free.acquire(timeout=10):
            self.heartbeat()
        got: tuple[RQJob, RQQueue] | None = None
        try:
            got = super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)
        finally:
            if got is None:
                self._free.release()
        return got

    def execute_job(self, job: RQJob, queue: RQQueue) -> None:
        """Start the job in a thread; its slot is free again when it ends."""
        future = self._threads.submit(self._execute, job, queue)
        self._running.add(future)
        future.add_done_callback(self._running.discard)

    def _execute(self, job: RQJob, queue: RQQueue) -> None:
        try:
            execution = self.prepare_execution(job)
            self.perform_job(job, queue, execution)
            self.set_state(WorkerStatus.IDLE)
        except RedisError as error:
            # The job's outcome, or RQ's note of it, may be lost; the lease brings the link round again.
            self.logger.warning("fetch_lost_redis", job=job.id, error=str(error))
        finally:
            self._free.release()

    def set_state(self, state: str, pipeline: Any = None) -> None:
        """Busy as long as any job runs."""
        if state == WorkerStatus.IDLE and self.executions:
            state = WorkerStatus.BUSY
        with self._lock:
            super().set_state(state, pipeline)

    def get_heartbeat_ttl(self, job: RQJob, working_time: float = 0.0) -> int:
        """The job's own limit and a minute, as a worker that does not fork has it."""
        return int(job.timeout or 60) + 60

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM and SIGINT: take no more jobs. `teardown` lets the running ones end."""
        self._stop_requested = True
        raise StopRequested

    def teardown(self) -> None:
        """Let downloads finish for a while, hand back the rest, then sign off."""
        wait(set(self._running), timeout=FINISH_S)
        self._downloader.cut_short()
        wait(set(self._running), timeout=HAND_BACK_S)
        self._threads.shutdown(wait=False, cancel_futures=True)
        super().teardown()  # type: ignore[no-untyped-call]  # RQ leaves it untyped
