"""JSON for the RQ dashboard's scripts, which put it into the page as markup."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from worker.rq_state import JobState, WorkerState
from worker.web import dashboard_data

EVIL = "<img src=x onerror=alert(1)>\"'&"
JOB = JobState(EVIL, EVIL, EVIL, EVIL, True, meta={EVIL: EVIL}, value=[{EVIL: EVIL}], failure=EVIL)
WORKER = WorkerState(EVIL, EVIL, (EVIL,), 7, EVIL, EVIL, None, None, 1, 0, 2.5, (EVIL, "other"))


def test_nothing_in_a_jobs_page_is_markup() -> None:
    """Every text of a job, also inside its result and its meta, is harmless as HTML."""
    assert "<" not in json.dumps(dashboard_data.job(JOB))


def test_what_the_scripts_escape_themselves_is_the_only_exception() -> None:
    """A row's description and failure text would read ``&lt;`` if they were escaped here too."""
    row = dashboard_data.job_row(JOB)
    assert (row.pop("description"), row.pop("exc_info")) == (EVIL, EVIL)
    assert "<" not in json.dumps(row)
    worker = dashboard_data.worker(WORKER, {EVIL: JOB})
    assert worker["current_job"].pop("description") == EVIL
    assert "<" not in json.dumps(worker)


def test_a_busy_worker_says_what_it_does_and_how_much_more() -> None:
    """A fetch worker runs many jobs at a time; a job that is gone is no trouble."""
    assert dashboard_data.worker(WORKER, {})["current_job"]["call_string"] == "a job that is gone and 1 more"
    idle = WorkerState("w", "idle", (), 7, "3", "3.11", datetime.now(UTC), None, 0, 0, 0, ())
    assert dashboard_data.worker(idle, {})["current_job"] == "idle"


@pytest.mark.parametrize(
    ("page", "pages", "window"),
    [
        (1, 0, []),
        (1, 1, [1]),
        (1, 30, range(1, 11)),
        (15, 30, range(10, 20)),
        (30, 30, range(21, 31)),
        (2, 3, [1, 2, 3]),
    ],
)
def test_ten_pages_around_this_one_are_linked(page: int, pages: int, window: Any) -> None:
    """And the ones before and after, where there are any."""
    links = dashboard_data.pagination(page, pages, lambda number: f"/p/{number}")
    assert [link["number"] for link in links["pages_in_window"]] == list(window)
    assert ("prev_page" in links, "next_page" in links) == (page > 1, page < pages)
