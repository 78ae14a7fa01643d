"""Whatever stands in Redis as a job: only palmyra's own functions run, and no worker stops over it."""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq.exceptions import NoSuchJobError
from rq.intermediate_queue import IntermediateQueue
from rq.worker import SimpleWorker

from jobs.keys import FETCH, Keys
from jobs.ledger import Ledger
from jobs.tasks import Tasks, install
from jobs.validators import Validators
from worker.dead_job import dead_job_maker
from worker.pool import ArticleWorker, Cell
from worker.queues import ARTICLE_JOB, FETCH_JOB, REOPEN_JOB, ForbiddenJob, Job, Queue, queue_for

LINK = "aaaaaaaaaaaaaaaa"
HUGE = b"9" * 30


class Explosive:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


def call(function: object, *more: object) -> bytes:
    """A job's `data` as RQ's JSON serializer has it; `more`: instance, args, kwargs."""
    return zlib.compress(json.dumps([function, *(more or (None, [LINK, 1], {}))]).encode())


def sound(data: bytes | None = None, **fields: bytes) -> dict[str, bytes]:
    """The hash of a job that may run, with other fields if given."""
    hash_ = {"data": data or call(ARTICLE_JOB), "created_at": b"2026-01-01T00:00:00Z", "status": b"queued"}
    return hash_ | {"origin": b"", "timeout": b"10", "result_ttl": b"60", "failure_ttl": b"60"} | fields


def shell(mark: Path) -> dict[str, dict[str, bytes]]:
    """Jobs that would run what is not palmyra's: each would leave the file `mark`."""
    command, touch = f"touch {mark}", str(mark)
    hook = json.dumps([{"url": "http://127.0.0.1:1/", "job_status": "finished"}]).encode()
    return {
        "os.system": sound(call("os.system", None, [command], {})),
        "a builtin": sound(call("builtins.exec", None, [f"open({touch!r}, 'w')"], {})),
        "a method of an instance": sound(call("format", "{}", [LINK, 1], {})),
        "one of ours under another name": sound(call("jobs.tasks.random.seed", None, [LINK, 1], {})),
        "pickled": sound(zlib.compress(pickle.dumps(("os.system", None, (command,), {})))),
        "pickled code": sound(zlib.compress(pickle.dumps(Explosive(mark)))),
        "pickled meta": sound(meta=pickle.dumps(Explosive(mark))),
        "a success callback": sound(success_callback_name=b"os.system"),
        "a failure callback": sound(failure_callback_name=b"os.system"),
        "a stopped callback": sound(stopped_callback_name=b"os.system"),
        "a webhook": sound(webhooks=hook),
    }


MALFORMED: Mapping[str, dict[str, bytes]] = {
    "no data": {"status": b"queued"},
    "empty data": sound(b" "),
    "not JSON": sound(b"\x00\xff"),
    "cut JSON": sound(zlib.compress(b'["jobs.tasks.article", null')),
    "too few parts": sound(zlib.compress(b'["jobs.tasks.article"]')),
    "an object": sound(zlib.compress(b'{"a": 1, "b": 2, "c": 3, "d": 4}')),
    "a number": sound(zlib.compress(b"7")),
    "deep JSON": sound(zlib.compress(b"[" * 100_000)),
    "no name": sound(call(None)),
    "a list as name": sound(call(["os.system"])),
    "no arguments": sound(call(ARTICLE_JOB, None, [], {})),
    "too many arguments": sound(call(ARTICLE_JOB, None, [LINK, 1, 2], {})),
    "arguments of other types": sound(call(ARTICLE_JOB, None, [{}, "x"], {})),
    "no list of arguments": sound(call(ARTICLE_JOB, None, 5, {})),
    "keyword arguments": sound(call(ARTICLE_JOB, None, [LINK, 1], {"x": 1})),
    "reopen with two": sound(call(REOPEN_JOB)),
    "another queue's": sound(origin=b"elsewhere"),
    "timeout no number": sound(timeout=b"soon"),
    "timeout below zero": sound(timeout=b"-5"),
    "timeout huge": sound(timeout=HUGE),
    "result_ttl no number": sound(result_ttl=b"\xff"),
    "result_ttl huge": sound(result_ttl=HUGE),
    "failure_ttl for ever": sound(failure_ttl=b"-1"),
    "callback timeout huge": sound(success_callback_timeout=HUGE),
    "callback timeout no number": sound(failure_callback_timeout=b"x"),
    "unknown status": sound(status=b"dancing"),
    "status no text": sound(status=b"\xff\xfe"),
    "bad time": sound(created_at=b"yesterday"),
    "bad start": sound(started_at=b"\x00"),
    "origin no text": sound(origin=b"\xff"),
    "description no text": sound(description=b"\xff"),
    "webhooks no list": sound(webhooks=b'[{"url": 5}]', retries_left=b"1"),
    "retries": sound(retries_left=b"3", retry_intervals=b"[0]"),
    "retry intervals no JSON": sound(retry_intervals=b"x"),
    "repeats": sound(repeats_left=b"3", repeat_intervals=b"[0]"),
    "dependencies": sound(dependency_ids=b'["x"]'),
    "dependencies no JSON": sound(dependency_ids=b"x"),
    "a group": sound(group_id=b"g"),
    "a rate limit": sound(rate_limit_key=b"k", rate_limit_concurrency=b"1"),
    "flags no numbers": sound(enqueue_at_front=b"x"),
}


@pytest.fixture
def queue(redis: Redis, keys: Keys) -> Queue:
    """A queue, in a process whose jobs act on a real ledger."""
    install(tasks(redis, keys))
    return queue_for(keys, FETCH, redis)


def tasks(redis: Redis, keys: Keys) -> Tasks:
    def no_download(url: str, validators: Validators | None = None) -> Any:
        raise AssertionError(url)

    return Tasks(Ledger(redis, keys), no_download, lambda ids: [], dead_job_maker(redis, keys), "tester")


def plant(queue: Queue, job_id: str, hash_: Mapping[str, bytes]) -> None:
    """Write a job's hash as an attacker or a bug would, and queue its id."""
    origin = hash_.get("origin", b"") or queue.name.encode()
    fields: dict[Any, Any] = {**hash_, "origin": origin}
    queue.connection.hset(f"rq:job:{job_id}", mapping=fields)
    queue.connection.rpush(queue.key, job_id)


def stock_worker(queue: Queue, keys: Keys) -> SimpleWorker:
    return SimpleWorker(
        [queue], connection=queue.connection, job_class=Job, queue_class=Queue, serializer=queue.serializer
    )


def our_worker(queue: Queue, keys: Keys) -> SimpleWorker:
    worker = ArticleWorker(queue.connection, keys, "tester", Cell(), tasks(queue.connection, keys))
    worker.queues = worker._ordered_queues = [queue]
    return worker


WORKERS = pytest.mark.parametrize("make_worker", [stock_worker, our_worker])


def good(queue: Queue, number: int) -> str:
    """Queue a job that may run; returns its id."""
    job = queue.create_job(ARTICLE_JOB, args=(LINK, number), job_id=f"good-{number}", timeout=10)
    queue.enqueue_job(job)
    return str(job.id)


def finished(queue: Queue, job_id: str) -> bool:
    return queue.connection.hget(f"rq:job:{job_id}", "status") == b"finished"


def run(worker: SimpleWorker) -> None:
    worker.work(burst=True, logging_level="CRITICAL")


@WORKERS
def test_what_is_not_ours_never_runs(
    queue: Queue, keys: Keys, tmp_path: Path, make_worker: Callable[[Queue, Keys], SimpleWorker]
) -> None:
    """Whoever can write to Redis gets none of their own code run: by name, callback, webhook or pickle."""
    mark = tmp_path / "ran"
    for number, hash_ in enumerate(shell(mark).values()):
        plant(queue, f"bad-{number}", hash_)
    last = good(queue, 1)
    run(make_worker(queue, keys))
    assert not mark.exists()
    assert finished(queue, last)
    bad = [name for number, name in enumerate(shell(mark)) if finished(queue, f"bad-{number}")]
    assert bad == ["pickled meta"], "meta that is no JSON is kept unread, and does no harm"


@WORKERS
def test_malformed_jobs_stop_no_worker(
    queue: Queue, keys: Keys, make_worker: Callable[[Queue, Keys], SimpleWorker]
) -> None:
    """Each is no job: it is dropped, leaves nothing in the intermediate list, and the next one runs."""
    goods = {}
    for number, (name, hash_) in enumerate(MALFORMED.items()):
        plant(queue, f"bad-{number}", hash_)
        goods[name] = good(queue, number)
    run(make_worker(queue, keys))
    assert [name for name, job_id in goods.items() if not finished(queue, job_id)] == []
    assert [n for i, n in enumerate(MALFORMED) if finished(queue, f"bad-{i}")] == []
    assert queue.connection.zcard(f"rq:failed:{queue.name}") == 0
    assert_clean(queue)


@WORKERS
def test_ids_that_are_none_stop_no_worker(
    queue: Queue, keys: Keys, make_worker: Callable[[Queue, Keys], SimpleWorker]
) -> None:
    """Ids of no job, of a key of another type, and ids that are no ids or no text are dropped too."""
    redis = queue.connection
    redis.set("rq:job:text", "x")
    redis.rpush("rq:job:list", "x")
    redis.hset("rq:job:empty", "", "")
    for job_id in ("missing", "text", "list", "empty", "no id", "", "a:b", "x" * 100_000, b"\xff\xfe", "ü"):
        redis.rpush(queue.key, job_id)
    last = good(queue, 1)
    redis.rpush(queue.key, f"{last}:execution")
    run(make_worker(queue, keys))
    assert finished(queue, last)
    assert_clean(queue)


def assert_clean(queue: Queue) -> None:
    redis = queue.connection
    assert redis.lrange(IntermediateQueue.get_intermediate_queue_key(queue.key), 0, -1) == []
    assert redis.llen(queue.key) == 0
    assert redis.zcard(f"rq:wip:{queue.name}") == 0


def test_a_job_of_ours_is_read_and_run(queue: Queue) -> None:
    """The allow-list lets through what palmyra enqueues, the dead jobs' function included."""
    for number, (name, args) in enumerate(((FETCH_JOB, (LINK, 1)), (ARTICLE_JOB, (LINK, 1)))):
        queue.enqueue_job(queue.create_job(name, args=args, job_id=f"ours-{number}"))
    queue.enqueue_job(queue.create_job(REOPEN_JOB, args=(LINK,), job_id="ours-2"))
    answers = [Job.fetch(f"ours-{n}", connection=queue.connection).perform() for n in range(3)]
    assert answers == ["overtaken", "overtaken", "unknown link"]


def test_a_forbidden_job_can_not_be_fetched_or_called(queue: Queue) -> None:
    """Neither the dashboard nor anything else that reads jobs through our class gets to the function."""
    plant(queue, "bad", sound(call("os.system", None, ["true"], {})))
    with pytest.raises(ForbiddenJob, match=r"os\.system"):
        Job.fetch("bad", connection=queue.connection)
    job = Job.create("os.system", args=("true",), connection=queue.connection)
    with pytest.raises(ForbiddenJob, match=r"os\.system"):
        _ = job.func
    assert issubclass(ForbiddenJob, NoSuchJobError), "RQ's workers pass over what is no job"


def test_jobs_are_json(queue: Queue) -> None:
    """What palmyra writes is JSON, whatever class reads it."""
    queue.enqueue_job(queue.create_job(FETCH_JOB, args=(LINK, 1), job_id="ours"))
    data: Any = queue.connection.hget("rq:job:ours", "data")
    assert json.loads(zlib.decompress(data)) == [FETCH_JOB, None, [LINK, 1], {}]
