"""The RQ dashboard under /rq: working where the stock one fails, and changing nothing it should not."""

from __future__ import annotations

import json
import pickle
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from rq import SimpleWorker
from rq.executions import Execution
from rq.job import JobStatus
from rq.registry import FailedJobRegistry
from rq.results import Result
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus
from rq_dashboard import blueprint as stock
from werkzeug.routing import Rule

from jobs.keys import FETCH, Keys
from jobs.ledger import Ledger
from tests.site import Web, absent_redis, failed, serving
from worker import rq_state
from worker.dead import requeue_dead, requeue_link
from worker.queues import FETCH_JOB, Job, queue_for
from worker.web import create_app
from worker.web.site import site_of

EVIL = "<img src=x onerror=alert(1)>\"'&"
VIEWS = ("/rq/", "/rq/0/view/jobs", "/rq/0/view/workers", "/rq/0/view/queues")
LINK = "a" * 16


@pytest.fixture
def web(redis: Redis, keys: Keys) -> Iterator[Web]:
    """The web process without a password."""
    with serving(redis, keys) as running:
        yield running


def enqueue(redis: Redis, keys: Keys, number: int = 1, description: str = "fetch it") -> Job:
    """A job of ours that waits in the fetch queue."""
    queue = queue_for(keys, FETCH, redis)
    job_id = keys.job(LINK, FETCH, number)
    job: Job = queue.enqueue(FETCH_JOB, args=(LINK, number), job_id=job_id, description=description)
    return job


def listing(web: Web, keys: Keys, status: str, tail: str = "8/asc/1") -> Any:
    answer = web.get(f"/rq/0/data/jobs/{keys.queue(FETCH)}/{status}/{tail}.json")
    assert answer.status == 200
    return answer.json


# -- what the stock one shows ------------------------------------------------------------------------------
def test_every_address_of_the_stock_dashboard_is_there() -> None:
    """Its scripts and people's bookmarks find all they ask for; only the state-changing GET is gone."""

    def addresses(app: Flask) -> set[tuple[str, str, str]]:
        def shape(rule: Rule) -> str:
            return re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", rule.rule)

        rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("rq_dashboard.")]
        return {
            (shape(r), method, r.endpoint)
            for r in rules
            for method in r.methods or ()
            if method in ("GET", "POST")
        }

    theirs = Flask("theirs")
    theirs.register_blueprint(stock, url_prefix="/rq")
    from worker.config import Settings

    ours = create_app(Settings(), absent_redis())
    getting = ("/rq/requeue/<queue_name>", "GET", "rq_dashboard.requeue_all")
    assert addresses(ours) == addresses(theirs) - {getting}


def test_it_works_on_an_empty_redis(web: Web, keys: Keys) -> None:
    """Before anything ran, each page is there and shows our two queues, empty."""
    for path in VIEWS:
        assert web.get(path).status == 200
    queues = web.get("/rq/0/data/queues.json").json["queues"]
    assert [queue["name"] for queue in queues] == [keys.queue("article"), keys.queue("fetch")]
    assert {queue["count"] for queue in queues} == {0}
    assert web.get("/rq/0/data/workers.json").json == {"workers": []}
    assert listing(web, keys, "failed")["jobs"] == []
    assert web.get("/rq/static/js/jquery-3.5.1.min.js").status == 200
    assert web.get("/rq/favicon.ico").status == 200


def test_jobs_are_listed_page_by_page_in_both_orders(web: Web, redis: Redis, keys: Keys) -> None:
    """Nothing is skipped or shown twice, and the pages are linked."""
    ids = [enqueue(redis, keys, number).id for number in range(1, 21)]
    pages = [listing(web, keys, "queued", f"8/asc/{page}") for page in (1, 2, 3)]
    assert [job["id"] for page in pages for job in page["jobs"]] == ids
    back = [listing(web, keys, "queued", f"8/dsc/{page}") for page in (1, 2, 3)]
    assert [job["id"] for page in back for job in page["jobs"]] == ids[::-1]
    assert pages[1]["pagination"]["next_page"]["url"] == f"/rq/0/view/jobs/{keys.queue(FETCH)}/queued/8/asc/3"
    assert web.get("/rq/0/data/queues.json").json["queues"][1]["count"] == 20


def test_a_busy_worker_is_shown_with_its_json_job(web: Web, redis: Redis, keys: Keys) -> None:
    """The page that the stock dashboard answers with an error."""
    queue = queue_for(keys, FETCH, redis)
    job = enqueue(redis, keys, description=f"fetch {LINK} at one.test")
    worker = SimpleWorker([queue], name="w-1", connection=redis, serializer=JSONSerializer)
    worker.register_birth()
    worker.set_state(WorkerStatus.BUSY)
    with redis.pipeline() as pipe:
        Execution.create(job, ttl=60, pipeline=pipe, worker_name=worker.name)
        pipe.execute()
    redis.sadd("rq:worker:w-1:executions", "gone:expired")
    (row,) = web.get("/rq/0/data/workers.json").json["workers"]
    assert (row["name"], row["state"], row["queues"]) == ("w-1", "busy", [queue.name])
    assert row["current_job"]["job_id"] == job.id
    assert row["current_job"]["call_string"] == f"fetch {LINK} at one.test"
    assert redis.sismember("rq:worker:w-1:executions", "gone:expired"), "looking changes nothing"
    (started,) = listing(web, keys, "started")["jobs"]
    assert started["id"] == job.id


def test_a_dead_link_is_a_failed_job_that_says_why(web: Web, redis: Redis, keys: Keys) -> None:
    """The operator reads the reason and the command that tells more, and when it failed."""
    job_id = failed(Ledger(redis, keys), LINK)
    (row,) = listing(web, keys, "failed")["jobs"]
    assert row["id"] == job_id
    assert f"palmyra why {LINK}" in row["exc_info"]
    assert row["ended_at"] is not None
    info = web.get(f"/rq/0/data/job/{job_id}.json").json
    assert (info["status"], info["origin"]) == ("failed", keys.queue(FETCH))
    assert web.get(f"/rq/0/view/job/{job_id}").status == 200


# -- what is not there -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    [
        "view/job/no-such-job",
        "data/job/no-such-job.json",
        "data/job/x:dependents.json",
        "view/jobs/no-such-queue/failed/8/asc/1",
        "view/jobs/');alert(1);('/failed/8/asc/1",
        "data/jobs/no-such-queue/failed/8/asc/1.json",
        "data/jobs/QUEUE/no-such-registry/8/asc/1.json",
        "view/jobs/QUEUE/no-such-registry/8/asc/1",
        "data/jobs/QUEUE/failed/0/asc/1.json",
        "data/jobs/QUEUE/failed/8/asc/0.json",
        "data/jobs/QUEUE/failed/1000000/asc/1.json",
        "data/jobs/QUEUE/failed/8/sideways/1.json",
    ],
)
def test_what_is_not_there_is_a_404(web: Web, keys: Keys, path: str) -> None:
    """Unknown jobs, queues, registries and pages are said to be unknown, and are no error of ours."""
    answer = web.get(f"/rq/0/{path.replace('QUEUE', keys.queue(FETCH))}")
    assert answer.status == 404
    assert "alert(1)" not in answer.text
    if path.endswith(".json"):
        assert answer.json["status"] == "ERROR"


def test_there_is_one_instance(web: Web) -> None:
    """Numbers of other Redis servers lead nowhere."""
    assert web.get("/rq/1/view/queues").status == 404
    assert web.get("/rq/1/data/queues.json").status == 404


def test_without_redis_pages_and_data_say_so(keys: Keys) -> None:
    """503 and a plain message, for people and for scripts."""
    with serving(absent_redis(), keys) as web:
        for path in (*VIEWS, "/rq/0/data/queues.json", "/rq/0/data/workers.json"):
            answer = web.get(path)
            assert answer.status == 503
            assert "Redis does not answer" in answer.text
        assert web.post(f"/rq/requeue/{keys.queue(FETCH)}").status == 503


# -- hostile content ---------------------------------------------------------------------------------------
class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_nothing_in_redis_is_ever_unpickled(web: Web, redis: Redis, keys: Keys, tmp_path: Path) -> None:
    """Pickles in a job's data, meta and result are shown as unreadable, not run."""
    trap = tmp_path / "sprung"
    bomb = pickle.dumps(Bomb(trap))
    queue = keys.queue(FETCH)
    good = {"data": zlib.compress(JSONSerializer.dumps((FETCH_JOB, None, [LINK, 1], {}))), "origin": queue}
    redis.hset("rq:job:bomb-1", mapping={"data": zlib.compress(bomb), "origin": queue, "status": "failed"})
    redis.hset("rq:job:bomb-2", mapping=good | {"meta": bomb, "result": bomb, "status": "failed"})
    redis.xadd("rq:results:bomb-2", {"type": 1, "return_value": bomb})
    redis.hset("rq:job:bomb-3", mapping={"nothing": "useful"})
    redis.zadd(f"rq:failed:{queue}", {"bomb-1": 9e9, "bomb-2": 9e9, "bomb-3": 9e9, "no/id": 9e9})
    redis.set("rq:job:no/id", "not even a hash")
    rows = {row["id"]: row for row in listing(web, keys, "failed")["jobs"]}
    assert set(rows) == {"bomb-1", "bomb-2", "bomb-3"}
    assert "can't be run" in rows["bomb-1"]["description"]
    for job_id in rows:
        assert web.get(f"/rq/0/data/job/{job_id}.json").status == 200
        assert web.get(f"/rq/0/view/job/{job_id}").status == 200
    assert web.post(f"/rq/requeue/{queue}").json == {"count": 1, "status": "OK"}
    assert not trap.exists()


def test_other_peoples_functions_are_shown_but_not_requeued(web: Web, redis: Redis, keys: Keys) -> None:
    """A job that names ``os.system`` can be looked at and deleted."""
    queue = keys.queue(FETCH)
    data = zlib.compress(JSONSerializer.dumps(("os.system", None, ["true"], {})))
    redis.hset("rq:job:evil", mapping={"data": data, "origin": queue, "status": "failed"})
    redis.zadd(f"rq:failed:{queue}", {"evil": 9e9})
    assert "os.system" in web.get("/rq/0/data/job/evil.json").json["description"]
    assert web.post("/rq/job/evil/requeue").status == 409
    assert redis.llen(f"rq:queue:{queue}") == 0
    assert web.post("/rq/job/evil/delete").status == 200
    assert not redis.exists("rq:job:evil")
    assert redis.zcard(f"rq:failed:{queue}") == 0


def test_hostile_text_is_harmless_in_pages_and_data(web: Web, redis: Redis, keys: Keys) -> None:
    """Descriptions, failure texts and worker names never come out as markup where scripts insert them."""
    job = enqueue(redis, keys, description=EVIL)
    job.set_status(JobStatus.FAILED)
    Result.create_failure(job, 60, EVIL)
    redis.sadd("rq:workers", f"rq:worker:{EVIL}")
    redis.hset(f"rq:worker:{EVIL}", mapping={"queues": EVIL, "state": EVIL, "pid": EVIL, "birth": EVIL})
    redis.sadd("rq:queues", f"rq:queue:{EVIL}", "rq:queue:');alert(1);('")
    for path in (*VIEWS, f"/rq/0/view/job/{job.id}"):
        assert "<img" not in web.get(path).text
        assert "alert(1)" not in web.get(path).text
    for path in ("data/queues.json", "data/workers.json", f"data/job/{job.id}.json"):
        answer = web.get(f"/rq/0/{path}")
        assert answer.headers["Content-Type"] == "application/json"
        assert "<" not in answer.text
    assert "&lt;img" in web.get(f"/rq/0/data/job/{job.id}.json").json["exc_info"]


def test_its_scripts_run_by_a_nonce_of_their_own(web: Web) -> None:
    """Each answer has another nonce, every script of the page carries it, and nothing else may run."""
    nonces = set()
    for path in VIEWS:
        answer = web.get(path)
        policy = answer.headers["Content-Security-Policy"]
        match = re.search(r"script-src 'nonce-([\w-]+)' 'unsafe-eval';", policy)
        assert match
        nonces.add(match[1])
        scripts = re.findall(r"<script[^>]*", answer.text)
        assert scripts
        assert all(f'nonce="{match[1]}"' in script for script in scripts)
        assert "frame-ancestors 'none'" in policy
    assert len(nonces) == len(VIEWS)


# -- changes -----------------------------------------------------------------------------------------------
def test_nothing_changes_by_get_or_from_another_site(web: Web, redis: Redis, keys: Keys) -> None:
    """A link, an image or a form on somebody else's page requeues and deletes nothing."""
    ledger = Ledger(redis, keys)
    job_id = failed(ledger, LINK)
    queue = keys.queue(FETCH)
    paths = [f"/rq/requeue/{queue}", f"/rq/job/{job_id}/requeue", f"/rq/job/{job_id}/delete"]
    paths += [f"/rq/queue/{queue}/failed/empty", f"/rq/queue/{queue}/compact"]
    for path in paths:
        assert web.get(path).status == 405
        for headers in ({}, {"Origin": "http://evil.test"}, {"Sec-Fetch-Site": "cross-site"}):
            assert web.ask("POST", path, headers).status == 403
    assert redis.exists(f"rq:job:{job_id}")
    assert ledger.totals()["in_flight"] == 0


def test_requeueing_a_dead_link_opens_it_in_the_ledger(web: Web, redis: Redis, keys: Keys) -> None:
    """As ``palmyra failed requeue`` does: the link is open, its failed job is gone, the books balance."""
    ledger = Ledger(redis, keys)
    job_id = failed(ledger, LINK)
    assert web.post(f"/rq/job/{job_id}/requeue").json == {"status": "OK"}
    story = ledger.story(LINK)
    assert story is not None
    assert (story.state, story.steps[-1].text) == ("ready", "requeued in the dashboard")
    assert not redis.exists(f"rq:job:{job_id}", f"rq:results:{job_id}")
    assert redis.zcard(f"rq:failed:{keys.queue(FETCH)}") == 0
    assert redis.llen(f"rq:queue:{keys.queue(FETCH)}") == 0
    totals = ledger.totals()
    assert (totals["discovered"], totals["failed"], totals["in_flight"]) == (2, 1, 1)
    assert web.post(f"/rq/job/{job_id}/requeue").status == 404


def test_all_failed_jobs_are_requeued_at_once(web: Web, redis: Redis, keys: Keys) -> None:
    """Dead links through the ledger, a job that raised through RQ."""
    ledger = Ledger(redis, keys)
    for letter in "abc":
        failed(ledger, letter * 16)
    job = enqueue(redis, keys, 7)
    queue = queue_for(keys, FETCH, redis)
    queue.remove(job)
    job.set_status(JobStatus.FAILED)
    FailedJobRegistry(queue=queue).add(job, ttl=60)
    assert web.post(f"/rq/requeue/{queue.name}").json == {"status": "OK", "count": 4}
    assert ledger.totals()["in_flight"] == 3
    assert queue.get_job_ids() == [job.id]
    assert rq_state.counts(redis, [queue.name])[queue.name]["failed"] == 0


def test_a_row_of_the_past_is_only_removed(redis: Redis, keys: Keys) -> None:
    """A failed job left over from before its link was requeued does not open the link once more."""
    ledger = Ledger(redis, keys)
    old = failed(ledger, LINK)
    raw = redis.hgetall(f"rq:job:{old}")
    assert requeue_link(ledger, redis, LINK, "by hand") is True
    redis.hset(f"rq:job:{old}", mapping=raw)
    redis.zadd(f"rq:failed:{keys.queue(FETCH)}", {old: 9e9})
    assert not requeue_dead(ledger, redis, old)
    assert not redis.exists(f"rq:job:{old}")
    assert ledger.totals()["discovered"] == 2


def test_what_stands_for_no_link_is_left_alone(redis: Redis, keys: Keys) -> None:
    """A job of another kind or namespace, and one whose link the ledger has forgotten, stay as they are."""
    ledger = Ledger(redis, keys)
    dead = failed(ledger, LINK)
    redis.delete(keys.link(LINK))
    for job_id in (dead, f"other-{LINK}-dead-1", keys.job(LINK, FETCH, 1), f"{dead}x", "nonsense"):
        assert not requeue_dead(ledger, redis, job_id)
    assert redis.exists(f"rq:job:{dead}")
    assert requeue_link(ledger, redis, "z" * 16, "by hand") is None


def test_deleting_emptying_and_compacting_leave_the_ledger_alone(web: Web, redis: Redis, keys: Keys) -> None:
    """They remove rows; what becomes of a link is the ledger's."""
    ledger = Ledger(redis, keys)
    first, second = failed(ledger, "a" * 16), failed(ledger, "b" * 16)
    queue = queue_for(keys, FETCH, redis)
    assert web.post(f"/rq/job/{first}/delete").json == {"status": "OK"}
    assert rq_state.job_ids(redis, queue.name, "failed") == [second]
    assert web.post(f"/rq/queue/{queue.name}/failed/empty").json == {"status": "OK"}
    assert redis.keys("rq:job:*") == []
    waiting, gone = enqueue(redis, keys, 1), enqueue(redis, keys, 2)
    redis.delete(gone.key)
    assert web.post(f"/rq/queue/{queue.name}/compact").json == {"status": "OK"}
    assert queue.get_job_ids() == [waiting.id]
    assert web.post(f"/rq/queue/{queue.name}/queued/empty").json == {"status": "OK"}
    assert (queue.get_job_ids(), redis.exists(waiting.key)) == ([], 0)
    assert ledger.totals()["failed"] == 2


def test_the_counts_clean_nothing_up(web: Web, redis: Redis, keys: Keys) -> None:
    """Watching moves no job: RQ's own count would take an expired row away, or requeue it."""
    queue = keys.queue(FETCH)
    job = enqueue(redis, keys)
    redis.zadd(f"rq:wip:{queue}", {f"{job.id}:gone": 1})
    redis.zadd(f"rq:failed:{queue}", {"long-gone": 1})
    before = json.dumps(_dump(redis), sort_keys=True)
    for path in (*VIEWS, "/rq/0/data/queues.json", "/rq/0/data/workers.json", "/metrics"):
        assert web.get(path).status == 200
    for status in rq_state.STATUSES:
        listing(web, keys, status)
    assert json.dumps(_dump(redis), sort_keys=True) == before


def _dump(redis: Redis) -> dict[str, str]:
    names: Any = redis.keys("rq:*")
    values: Any = [redis.dump(name) for name in names]
    return {name.decode(): value.hex() for name, value in zip(names, values, strict=True)}


def test_the_site_is_wired_to_this_redis(redis: Redis, keys: Keys) -> None:
    """Two apps in one process share nothing."""
    from worker.config import Settings

    one, two = (create_app(Settings(namespace=name), redis) for name in (keys.namespace, "other"))
    assert (site_of(one).keys, site_of(two).keys) == (keys, Keys("other"))
