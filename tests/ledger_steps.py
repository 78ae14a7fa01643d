"""Steps of a link through a real ledger, as the tests of its promises take them."""

from __future__ import annotations

from typing import Any

from jobs.entry import Entry
from jobs.errors import Reason
from jobs.ledger import Ledger
from jobs.link import OUTCOMES, Begun, Found, Lease
from worker.dead_job import dead_job_maker

FEED, OTHER_FEED = "feedaaaaaa", "feedbbbbbb"


def found(number: int, host: str = "one.test", fresh_ms: int = 1_000_000) -> Found:
    """A link as a poll hands it over."""
    url = f"https://{host}/{number}"
    return Found(f"{number:016d}", url, host, fresh_ms, Entry(url, title=f"Title {number}"))


def lease(ledger: Ledger, **limits: Any) -> list[Lease]:
    """Hand out with wide windows and no politeness, unless said otherwise."""
    wide: dict[str, Any] = {"fetch_window": 100, "article_window": 100, "host_delay_s": 0, "max_pages": 1000}
    return list(ledger.lease(**wide | limits).leases)


def begin(ledger: Ledger, handed: Lease) -> Begun:
    begun = ledger.begin(handed.link_id, handed.stage, handed.attempt, "tester")
    assert begun is not None
    return begun


def to_article(ledger: Ledger, number: int = 1) -> Lease:
    """Take a new link through the fetch stage; returns its lease in the article stage."""
    ledger.discover(FEED, [found(number)])
    (first,) = lease(ledger)
    assert ledger.store(begin(ledger, first), b"page", first.url, "fetched")
    (second,) = lease(ledger)
    return second


def commit(
    ledger: Ledger, begun: Begun, revision: int = 1, final_id: str | None = None, digests: str = ""
) -> tuple[str, str | None]:
    event_id = f"{begun.link_id}:{revision}"
    final = final_id or begun.link_id
    return ledger.commit(
        begun,
        revision=revision,
        event_id=event_id,
        event_type="t",
        event='{"x":1}',
        final_id=final,
        digests=digests or f"digest{revision}",
    )


def give_up(ledger: Ledger, handed: Lease, reason: Reason = Reason.NOT_FOUND) -> bool:
    dead = dead_job_maker(ledger.redis, ledger.keys)(handed.link_id, handed.host, handed.attempt, reason)
    return ledger.fail(handed.link_id, handed.attempt, reason, "detail", dead)


def balance(ledger: Ledger) -> int:
    totals = ledger.totals()
    return totals["discovered"] - sum(totals[o] for o in OUTCOMES) - totals["in_flight"]
