"""``/rq``: the RQ dashboard's own pages, on views of ours.

rq-dashboard 0.9.0 brings the templates, scripts and styles. Its views can't be used: they unpickle what is in
Redis, change state on GET, fail on unknown jobs and busy workers, and requeue without the ledger. So each has
one here under the same name and address, which reads by `worker.rq_state` and runs nothing.
"""

from __future__ import annotations

import secrets
from importlib.metadata import version
from math import ceil
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    jsonify,
    make_response,
    render_template,
    request,
    url_for,
)
from redis.exceptions import ResponseError
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from worker import rq_state
from worker.dead import dead_link, requeue_dead
from worker.dispatch import forget
from worker.queues import Job, Queue
from worker.web import dashboard_data
from worker.web.headers import dashboard_policy
from worker.web.site import Site, site

PACKAGE = "rq_dashboard"
MOST_PER_PAGE = 200
REFRESH_MS = 2500
ORDERS = ("asc", "dsc")
_JOBS = "<queue_name>/<registry_name>/<int:per_page>/<order>/<int:page>"


def make_blueprint() -> Blueprint:
    """The dashboard's blueprint. Its name is the one that the package's templates make links for."""
    blueprint = Blueprint(PACKAGE, PACKAGE, template_folder="templates", static_folder="static")
    blueprint.before_request(_one_instance)
    get, post = blueprint.get, blueprint.post
    for path in ("/", "/<int:instance_number>/", "/<int:instance_number>/view"):
        get(path)(queues_overview)
    get("/<int:instance_number>/view/queues")(queues_overview)
    get("/<int:instance_number>/view/workers")(workers_overview)
    get("/<int:instance_number>/view/jobs")(jobs_overview)
    get(f"/<int:instance_number>/view/jobs/{_JOBS}")(jobs_overview)
    get("/<int:instance_number>/view/job/<job_id>")(job_view)
    get("/<int:instance_number>/data/queues.json")(list_queues)
    get("/<int:instance_number>/data/workers.json")(list_workers)
    get(f"/<int:instance_number>/data/jobs/{_JOBS}.json")(list_jobs)
    get("/<int:instance_number>/data/job/<job_id>.json")(job_info)
    get("/favicon.ico")(favicon)
    post("/job/<job_id>/delete")(delete_job_view)
    post("/job/<job_id>/requeue")(requeue_job_view)
    post("/requeue/<queue_name>")(requeue_all)
    post("/queue/<queue_name>/<registry_name>/empty")(empty_queue)
    post("/queue/<queue_name>/compact")(compact_queue)
    return blueprint


def _one_instance() -> None:
    if (request.view_args or {}).get("instance_number", 0) != 0:
        abort(404, "There is one Redis here, number 0.")


# -- pages -------------------------------------------------------------------------------------------------
def queues_overview(instance_number: int = 0) -> Response:
    """The queues and how many jobs each has."""
    return _page("queues", active_tab="queues", queues=_queues(site()))


def workers_overview(instance_number: int = 0) -> Response:
    """The workers."""
    site().redis.ping()  # the page reads nothing itself, and would look fine without Redis
    return _page("workers", active_tab="workers")


def jobs_overview(
    instance_number: int = 0,
    queue_name: str | None = None,
    registry_name: str = rq_state.QUEUED,
    per_page: int = 8,
    order: str = "asc",
    page: int = 1,
) -> Response:
    """A queue's jobs of one status."""
    here = site()
    queues = _queues(here)
    queue = _known(here, queue_name, registry_name) if queue_name else queues[0]
    _check_listing(per_page, order, page)
    return _page(
        "jobs",
        active_tab="jobs",
        queues=queues,
        queue=queue,
        per_page=per_page,
        order=order,
        page=page,
        registry_name=registry_name,
        enable_delete=True,
    )


def job_view(instance_number: int, job_id: str) -> Response:
    """One job."""
    return _page("job", id=_job(site(), job_id).id, enable_delete=True)


def favicon() -> Response:
    """The package's own icon."""
    blueprint = current_app.blueprints[PACKAGE]
    assert isinstance(blueprint, Blueprint)  # noqa: S101 - for mypy: Flask types them more loosely
    return blueprint.send_static_file("favicon.ico")


def _page(name: str, **values: Any) -> Response:
    """A page of the package, its inline script allowed by a nonce.

    The templates know of no nonce. Nothing but their own markup begins a script in them: values are escaped,
    and queue names, which stand in the script as they are, hold letters, digits and ``_.:-`` only.
    """
    nonce = secrets.token_urlsafe(16)
    page = render_template(
        f"{PACKAGE}/{name}.html",
        current_instance=0,
        instance_list=["palmyra"],
        rq_url_prefix=url_for(".queues_overview"),
        rq_dashboard_version=version("rq-dashboard"),
        rq_version=version("rq"),
        poll_interval=REFRESH_MS,
        deprecation_options_usage=False,
        **values,
    )
    page = page.replace("<script", f'<script nonce="{nonce}"')
    page = page.replace('class="navbar-brand"', f'class="navbar-brand" href="{url_for("newsroom.newsroom")}"')
    response = make_response(page)
    response.headers["Content-Security-Policy"] = dashboard_policy(nonce)
    return response


# -- data --------------------------------------------------------------------------------------------------
def list_queues(instance_number: int) -> Response:
    """Counts by queue and status."""
    here = site()
    counts = rq_state.counts(here.redis, rq_state.queue_names(here.redis, here.keys))
    return jsonify(queues=[dashboard_data.queue(name, n, _jobs_url) for name, n in counts.items()])


def list_workers(instance_number: int) -> Response:
    """The workers and what each runs."""
    here = site()
    workers = rq_state.workers(here.redis)
    first = [worker.running[0] for worker in workers if worker.running]
    jobs = {job.id: job for job in rq_state.jobs(here.redis, first)}
    return jsonify(workers=[dashboard_data.worker(worker, jobs) for worker in workers])


def list_jobs(
    instance_number: int, queue_name: str, registry_name: str, per_page: int, order: str, page: int
) -> Response:
    """One page of a queue's jobs of one status."""
    here = site()
    queue = _known(here, queue_name, registry_name)
    _check_listing(per_page, order, page)
    total = rq_state.counts(here.redis, [queue.name])[queue.name][registry_name]
    start = (page - 1) * per_page
    ids = rq_state.job_ids(
        here.redis, queue.name, registry_name, start=start, count=per_page, newest_first=order == "dsc"
    )

    def url(number: int) -> str:
        return _jobs_url(queue.name, registry_name, per_page=per_page, order=order, page=number)

    return jsonify(
        name=queue.name,
        registry_name=registry_name,
        jobs=[dashboard_data.job_row(job) for job in rq_state.jobs(here.redis, ids)],
        pagination=dashboard_data.pagination(page, ceil(total / per_page), url),
    )


def job_info(instance_number: int, job_id: str) -> Response:
    """All of one job."""
    return jsonify(dashboard_data.job(_job(site(), job_id)))


# -- changes -----------------------------------------------------------------------------------------------
def delete_job_view(job_id: str) -> Response:
    """Remove a job. Its link stays in the ledger, which hands it out again if it is open."""
    here = site()
    _forget(here, _job(here, job_id))
    return jsonify(status="OK")


def requeue_job_view(job_id: str) -> Response:
    """Requeue one failed job."""
    here = site()
    job = _job(here, job_id)
    if not _requeue(here, job.id):
        abort(409, f"Job {job.id} can't be requeued: it did not fail, or its link is open or forgotten.")
    return jsonify(status="OK")


def requeue_all(queue_name: str) -> Response:
    """Requeue all failed jobs of a queue; answers how many that were."""
    here = site()
    queue = _known(here, queue_name, "failed")
    ids = rq_state.job_ids(here.redis, queue.name, "failed")
    return jsonify(status="OK", count=sum(_requeue(here, job_id) for job_id in ids))


def empty_queue(queue_name: str, registry_name: str) -> Response:
    """Remove all of a queue's jobs of one status. The links stay in the ledger."""
    here = site()
    queue = _known(here, queue_name, registry_name)
    key = rq_state.status_key(queue.name, registry_name)
    members: Any = here.redis.zrange(key, 0, -1) if registry_name != rq_state.QUEUED else []
    for job_id in rq_state.job_ids(here.redis, queue.name, registry_name):
        forget(queue, job_id)
    if members:  # not the whole key: more may have come meanwhile
        here.redis.zrem(key, *members)
    return jsonify(status="OK")


def compact_queue(queue_name: str) -> Response:
    """Take from a queue the ids of jobs that are gone."""
    here = site()
    queue = _known(here, queue_name, rq_state.QUEUED)
    for job_id in rq_state.job_ids(here.redis, queue.name, rq_state.QUEUED):
        if not here.redis.exists(Job.key_for(job_id)):
            here.redis.lrem(queue.key, 0, job_id)
    return jsonify(status="OK")


def _requeue(here: Site, job_id: str) -> bool:
    """A dead link goes back through the ledger, any other failed job through RQ."""
    if dead_link(here.keys, job_id):
        return requeue_dead(here.ledger, here.redis, job_id)
    try:
        job = Job.fetch(job_id, connection=here.redis)
        registry = FailedJobRegistry(
            job.origin, connection=here.redis, job_class=Job, serializer=JSONSerializer
        )
        registry.requeue(job)
    except (NoSuchJobError, InvalidJobOperation, ResponseError, ValueError):
        return False  # gone, not failed, of another type, or under an id that RQ does not give
    return True


def _forget(here: Site, job: rq_state.JobState) -> None:
    forget(_queue(here, job.origin), job.id)
    for status in rq_state.REGISTRIES:
        here.redis.zrem(rq_state.status_key(job.origin, status), job.id)


# -- what is asked for -------------------------------------------------------------------------------------
def _queue(here: Site, name: str) -> Queue:
    return Queue(name, connection=here.redis, serializer=JSONSerializer, job_class=Job)


def _queues(here: Site) -> list[Queue]:
    return [_queue(here, name) for name in rq_state.queue_names(here.redis, here.keys)]


def _known(here: Site, queue_name: str, registry_name: str) -> Queue:
    if queue_name not in rq_state.queue_names(here.redis, here.keys):
        abort(404, "There is no such queue.")
    if registry_name not in rq_state.STATUSES:
        abort(404, f"There is no such registry. There are: {', '.join(rq_state.STATUSES)}.")
    return _queue(here, queue_name)


def _check_listing(per_page: int, order: str, page: int) -> None:
    if not 1 <= per_page <= MOST_PER_PAGE or page < 1 or order not in ORDERS:
        abort(404, f"Pages begin at 1 and have 1 to {MOST_PER_PAGE} jobs, in order asc or dsc.")


def _job(here: Site, job_id: str) -> rq_state.JobState:
    found = rq_state.jobs(here.redis, [job_id]) if rq_state.JOB_ID.fullmatch(job_id) else []
    if not found:
        abort(404, "There is no such job any more: finished ones are kept for a minute.")
    return found[0]


def _jobs_url(
    queue_name: str, registry_name: str, *, per_page: int = 8, order: str = "asc", page: int = 1
) -> str:
    return url_for(
        ".jobs_overview",
        instance_number=0,
        queue_name=queue_name,
        registry_name=registry_name,
        per_page=per_page,
        order=order,
        page=page,
    )
