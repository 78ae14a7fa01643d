"""What the RQ dashboard's scripts get: JSON in the shape they expect, with all text made harmless. Pure.

The scripts put most values into the page as markup. So text is escaped here, except the three fields that
the scripts escape themselves: a job row's description and failure text, and a worker's job description.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

from worker.rq_state import QUEUED, STATUSES, JobState, WorkerState

_WINDOW = 10


def queue(name: str, counts: Mapping[str, int], url: Callable[[str, str], str]) -> dict[str, Any]:
    """A row of the queues page. `url` makes the address of a queue's jobs of one status."""
    row: dict[str, Any] = {"name": escape(name), "count": counts[QUEUED]}
    for status in STATUSES:
        row[f"{status}_url"] = url(name, status)
        if status != QUEUED:
            row[f"{status}_job_registry_count"] = counts[status]
    return row


def job_row(job: JobState) -> dict[str, Any]:
    """A row of the jobs page."""
    row = {"id": job.id, "created_at": time(job.created), "started_at": time(job.started)}
    row["ended_at"] = time(job.ended)
    return escaped(row) | {"description": job.description, "exc_info": job.failure}


def job(state: JobState) -> dict[str, Any]:
    """The page of one job."""
    return escaped(
        {
            "id": state.id,
            "created_at": time(state.created),
            "enqueued_at": time(state.enqueued),
            "started_at": time(state.started),
            "ended_at": time(state.ended),
            "origin": state.origin,
            "status": state.status,
            "result": state.value,
            "exc_info": state.failure,
            "description": state.description,
            "metadata": json.dumps(state.meta, default=str),
        }
    )


def worker(state: WorkerState, jobs: Mapping[str, JobState]) -> dict[str, Any]:
    """A row of the workers page. `jobs`: the first job that each busy worker runs, by id."""
    row = {
        "name": state.name,
        "pid": state.pid,
        "queues": list(state.queues),
        "state": state.state,
        "last_heartbeat": time(state.heartbeat),
        "birth_date": time(state.birth),
        "successful_job_count": state.succeeded,
        "failed_job_count": state.failed,
        "total_working_time": state.working_s,
        "version": state.version,
        "python_version": state.python_version,
    }
    return escaped(row) | {"current_job": _current(state, jobs)}


def _current(state: WorkerState, jobs: Mapping[str, JobState]) -> dict[str, Any] | str:
    if not state.running:
        return "idle"
    job_id = state.running[0]
    job = jobs.get(job_id)
    description = job.description if job else "a job that is gone"
    more = f" and {len(state.running) - 1} more" if len(state.running) > 1 else ""
    shown = {
        "job_id": job_id,
        "call_string": description + more,
        "created_at": time(job.created if job else None),
    }
    return escaped(shown) | {"description": description}


def pagination(page: int, pages: int, url: Callable[[int], str]) -> dict[str, Any]:
    """The links below a list of jobs: ten page numbers around this one, and both ends."""
    first = max(0, min(pages - _WINDOW, page - 1 - _WINDOW // 2))
    numbers = range(1, pages + 1)[first : first + _WINDOW]
    links: dict[str, Any] = {
        "current_page": page,
        "num_pages": pages,
        "pages_in_window": [{"number": number, "url": url(number)} for number in numbers],
        "first_page": {"url": url(1)},
        "last_page": {"url": url(max(pages, 1))},
    }
    if page > 1:
        links["prev_page"] = {"url": url(page - 1)}
    if page < pages:
        links["next_page"] = {"url": url(page + 1)}
    return links


def escaped(fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` with every string in them, keys too, harmless as HTML text and as an attribute's value."""
    return {escape(str(name)): _escaped(value) for name, value in fields.items()}


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, dict):
        return escaped(value)
    if isinstance(value, list | tuple):
        return [_escaped(one) for one in value]
    return value


def time(moment: datetime | None) -> str | None:
    """A time as the scripts read it: UTC, with an offset."""
    return moment.astimezone(UTC).isoformat() if moment else None
