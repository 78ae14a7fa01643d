"""The fetch workers: one process keeps many downloads in flight.

RQ jobs run in threads, since a job is little more than waiting; the downloads themselves run on one event
loop, where their deadlines are exact and cutting them short is clean.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import FrameType
from typing import Any, Self

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry as RedisRetry
from rq import Queue as RQQueue
from rq.command import handle_command, parse_payload
from rq.exceptions import DequeueTimeout, StopRequested
from rq.executions import Execution
from rq.job import Job as RQJob
from rq.job import JobStatus
from rq.timeouts import BaseDeathPenalty
from rq.utils import now
from rq.worker import WorkerStatus

from jobs.client import Client
from jobs.errors import Reason, Retry
from jobs.fetch import Moved, NotModified, fetch_page
from jobs.fetch_stage import Stopping
from jobs.keys import FETCH, Keys
from jobs.page import Page
from jobs.politeness import Gate
from jobs.urls import split
from jobs.validators import Validators
from worker.away import is_away
from worker.desk import Desk
from worker.rqworker import PalmyraWorker

FINISH_S = 3.0
"""How long a stopping worker lets its downloads finish before it hands them back."""
HAND_BACK_S = 2.0
AT_WORK = 8
"""Threads that do something at a time; more only where each waits long for a distant Redis."""
LOOK_S = 1
"""How often a waiting worker looks whether it is to stop."""
AGAIN = timedelta(seconds=1)
"""A second signal sooner than that is the first one's echo, as RQ's own worker has it."""


class Downloader:
    """The guarded HTTP client on an event loop of its own; `download` is called from any thread."""

    def __init__(self, make_client: Callable[[], Client], gate: Gate | None = None) -> None:
        """`gate`: what each download goes through; None where nobody else asks the sites."""
        self._make_client = make_client
        self._gate = gate
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="downloads", daemon=True)
        self._client: Client | None = None
        self._stopping = False
        self.desk = Desk(AT_WORK)
        """Places of the threads that call `download`: none is taken while they wait."""
        self._asked: dict[int, Future[Any]] = {}
        """What is in flight, by the thread that waits for it."""
        self._stopped: set[int] = set()
        """Threads whose download somebody stopped."""

    def __enter__(self) -> Self:
        self._thread.start()
        self._client = self._call(self._open()).result()
        return self

    async def _open(self) -> Client:
        return await self._make_client().__aenter__()

    def _call(self, coroutine: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def download(self, url: str, validators: Validators | None = None) -> Page | Moved | NotModified:
        """Fetch a page, with `validators` only if it changed.

        Raises:
            Outcome: as `fetch_page` says.
            NotNow: the host can't be asked yet.
            Stopping: it was cut short.
        """
        thread = threading.get_ident()
        if self._stopping or self._client is None:
            raise Stopping
        permission = self._gate.begin(url) if self._gate else None
        fetching = fetch_page(self._client, url, permission=permission, validators=validators)
        asked = self._asked[thread] = self._call(fetching)
        try:
            if self._stopping or thread in self._stopped:
                asked.cancel()
            with self.desk.away():
                page: Page | Moved | NotModified = asked.result()
        except CancelledError:
            if thread in self._stopped:
                self._stopped.discard(thread)
                raise Retry(Reason.STOPPED, split(url).authority) from None
            raise Stopping from None
        finally:
            del self._asked[thread]
        return page

    def stop(self, thread: int) -> None:
        """Cancel what this thread downloads, or the next thing it would, as a failed attempt."""
        self._stopped.add(thread)
        if asked := self._asked.get(thread):
            asked.cancel()

    def forgive(self, thread: int) -> bool:
        """What this thread downloads from now on is not stopped. True when a stop had come too late."""
        late = thread in self._stopped
        self._stopped.discard(thread)
        return late

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
    """An RQ worker with up to `concurrency` jobs at a time, each in a thread.

    RQ 3 keeps a dictionary of executions; where it still thinks of one job at a time (signals, stop commands,
    state), what it does is replaced here.
    """

    death_penalty_class = NoDeathPenalty

    def __init__(
        self, redis: Redis, keys: Keys, name: str, downloader: Downloader, *, concurrency: int
    ) -> None:
        super().__init__(redis, keys, FETCH, name, concurrency=concurrency)
        self._downloader = downloader
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="fetch")
        self._free = threading.Semaphore(concurrency)
        self._running: set[Future[None]] = set()
        self._thread_of: dict[str, int] = {}
        """By execution."""
        self._stopped_jobs: set[str] = set()
        self._lock = threading.Lock()
        self._hurry = False

    # -- taking jobs ---------------------------------------------------------------------------------------
    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[RQJob, RQQueue] | None:
        """The next job, once a thread is free to run it. `timeout` None: only if there is one now.

        Raises:
            StopRequested: between two jobs, so that none is taken from the queue and then forgotten.
        """
        idle_since_s = time.monotonic()
        self.set_state(WorkerStatus.IDLE)
        while not self._stop_requested:
            self._try_heartbeat()
            if not self._stop_requested and self._free.acquire(timeout=LOOK_S):
                got = self._pop(None if timeout is None else LOOK_S)
                if got is not None or timeout is None:
                    return got
            if max_idle_time is not None and time.monotonic() - idle_since_s > max_idle_time:
                return None
        raise StopRequested

    def _pop(self, timeout: int | None) -> tuple[RQJob, RQQueue] | None:
        """Take a job from the queue; the thread's place is given back when there is none."""
        got: tuple[RQJob, RQQueue] | None = None
        try:
            got = self.queue_class.dequeue_any(
                self._ordered_queues,
                timeout,
                connection=self.connection,
                job_class=self.job_class,
                serializer=self.serializer,
                death_penalty_class=self.death_penalty_class,
            )
        except DequeueTimeout:
            pass
        except RedisError as error:
            if not is_away(error):
                raise
            self.logger.warning("fetch_waits_for_redis", error=str(error))
            time.sleep(LOOK_S)
        finally:
            if got is None:
                self._free.release()
        return got

    # -- running them --------------------------------------------------------------------------------------
    def execute_job(self, job: RQJob, queue: RQQueue) -> None:
        """Start the job in a thread; its place is free again when it ends."""
        future = self._threads.submit(self._execute, job, queue)
        self._running.add(future)
        future.add_done_callback(self._running.discard)

    def _execute(self, job: RQJob, queue: RQQueue) -> None:
        try:
            with self._downloader.desk:
                self._perform(job, queue)
        except RedisError as error:
            # The job's outcome, or RQ's note of it, may be lost; the lease brings the link round again.
            self.logger.warning("fetch_lost_redis", job=job.id, error=str(error))
        finally:
            self._stopped_jobs.discard(job.id)
            self._free.release()

    def _perform(self, job: RQJob, queue: RQQueue) -> None:
        execution = self.prepare_execution(job)
        with self._stoppable(execution):
            self.perform_job(job, queue, execution)
        if job.id in self._stopped_jobs:
            job.set_status(JobStatus.STOPPED)
        self.set_state(WorkerStatus.IDLE)

    @contextmanager
    def _stoppable(self, execution: Execution) -> Iterator[None]:
        """While inside, `request_stop_execution` finds this thread."""
        thread = threading.get_ident()
        with self._lock:
            self._thread_of[execution.id] = thread
        try:
            yield
        finally:
            with self._lock:
                del self._thread_of[execution.id]
                if self._downloader.forgive(thread):
                    self._stopped_jobs.discard(execution.job_id)
            self.executions.pop(execution.id, None)  # RQ has done so, if Redis was there

    def set_state(self, state: str, pipeline: Any = None) -> None:
        """Busy as long as any job runs."""
        with self._lock:
            if state == WorkerStatus.IDLE and self.executions:
                state = WorkerStatus.BUSY
            super().set_state(state, pipeline)

    # -- signs of life -------------------------------------------------------------------------------------
    def _try_heartbeat(self) -> None:
        try:
            self.heartbeat()
        except RedisError as error:
            if not is_away(error):
                raise
            self.logger.warning("fetch_waits_for_redis", error=str(error))

    def get_heartbeat_ttl(self, job: RQJob, working_time: float = 0.0) -> int:
        """The job's own limit and a minute, as a worker that does not fork has it."""
        return int(job.timeout or 60) + 60

    # -- commands ------------------------------------------------------------------------------------------
    def handle_payload(self, message: Any) -> None:
        """RQ's commands. Anybody with access to Redis can send anything: what is none is passed over."""
        try:
            payload = parse_payload(message)
            if payload["command"] == "stop-job":
                self._stop_job(payload["job_id"])
            else:
                handle_command(self, payload)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.logger.warning("fetch_bad_command", error=str(error)[:200])

    def _stop_job(self, job_id: str) -> None:
        for execution in tuple(self.executions.values()):
            if execution.job_id == job_id:
                self.request_stop_execution(execution.id)

    def request_stop_execution(self, execution_id: str) -> None:
        """Stop one of the running jobs: a failed attempt of its link, which is tried again later."""
        with self._lock:
            execution = self.executions.get(execution_id)
            thread = self._thread_of.get(execution_id)
            if execution is not None and thread is not None:
                self._stopped_jobs.add(execution.job_id)
                self._downloader.stop(thread)

    # -- the end -------------------------------------------------------------------------------------------
    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM and SIGINT: take no more jobs, `teardown` lets the running ones end. Again: at once."""
        self._hurry = self._hurry or (
            self._shutdown_requested_date is not None and now() - self._shutdown_requested_date > AGAIN
        )
        self._shutdown_requested_date = self._shutdown_requested_date or now()
        self._stop_requested = True

    def teardown(self) -> None:
        """Let downloads finish for a while, hand back the rest, then sign off.

        A Redis that is away is not waited for: leases bring back what was not handed back.
        """
        self.connection.set_retry(RedisRetry(NoBackoff(), 1))
        try:
            if self._shutdown_requested_date is not None:
                # The dispatcher sends nothing more.
                self.set_shutdown_requested_date()  # type: ignore[no-untyped-call]  # RQ leaves it untyped
            deadline_s = time.monotonic() + FINISH_S
            while self._running and not self._hurry and time.monotonic() < deadline_s:
                wait(set(self._running), timeout=0.1)
            self._downloader.cut_short()
            wait(set(self._running), timeout=HAND_BACK_S)
            self._threads.shutdown(wait=False, cancel_futures=True)
            super().teardown()  # type: ignore[no-untyped-call]  # RQ leaves it untyped
        except RedisError as error:
            self.logger.warning("fetch_lost_redis", error=str(error))
