"""A link that is opened again begins anew: nothing of its former opening reaches into it."""

from __future__ import annotations

from dataclasses import replace

from redis import Redis

from jobs.errors import Reason
from jobs.keys import FETCH, Keys
from jobs.ledger import Ledger
from jobs.reopening import How
from tests.ledger_steps import FEED, begin, commit, found, give_up, lease, to_article


def test_a_late_attempt_of_an_earlier_opening_decides_nothing(redis: Redis, keys: Keys) -> None:
    """A script that is sent twice, or a job that wakes late, does not end what was opened again since."""
    ledger = Ledger(redis, keys)
    handed = to_article(ledger)
    begun = begin(ledger, handed)
    assert commit(ledger, begun) == ("published", None)
    assert ledger.reopen(handed.link_id, "again", how=How.REFETCH)
    assert commit(ledger, begun)[0] == "overtaken"
    assert not ledger.skip(handed.link_id, handed.attempt, Reason.NOT_HTML, "late")
    assert not ledger.retry(handed.link_id, handed.attempt, 60, "late")
    assert not give_up(ledger, handed)
    (again,) = lease(ledger)
    assert again.attempt == handed.attempt + 1
    assert ledger.begin(again.link_id, FETCH, again.attempt, "tester")


def test_a_changed_entry_takes_the_failed_job_with_it(redis: Redis, keys: Keys) -> None:
    """A dead link that its feed brings back is not dead in RQ either."""
    ledger = Ledger(redis, keys, reopen_after_s=0)
    ledger.discover(FEED, [found(1)])
    (handed,) = lease(ledger)
    assert give_up(ledger, handed)
    assert redis.zcard(keys.rq_failed) == 1
    edited = replace(found(1), entry=replace(found(1).entry, title="Another title"))
    assert ledger.discover(FEED, [edited]) == (0, 1)
    assert redis.zcard(keys.rq_failed) == 0
    assert not redis.exists(keys.rq_job(keys.dead_job(handed.link_id, handed.attempt)))
