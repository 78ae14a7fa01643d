"""Whatever pollers, dispatchers, workers and operators do, in whatever order: the ledger is its model.

Hypothesis makes up what happens; every step is done to a real ledger and to `tests.ledger_model`, which must
agree on each answer. After every step the whole of Redis is compared with the model. Attempts are kept for
ever, so overtaken ones (a process that was stopped past its lease, a job that RQ ran twice) act late all the
time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from jobs.entry import Entry, FeedInfo
from jobs.errors import Reason
from jobs.event import Kind
from jobs.keys import ARTICLE, FETCH, STAGES, Keys
from jobs.ledger import Ledger
from jobs.link import OUTCOMES, Begun, Found
from jobs.reopening import How
from jobs.urls import link_id
from jobs.withdrawal import Withdrawal
from tests.ledger_model import LEASE_S, Job, Model
from worker import ledger_check
from worker.dead import forget_dead, open_again
from worker.dead_job import dead_job_maker
from worker.ledger_check import Check

HOSTS = ("one.test", "two.test")
URLS = [f"https://{host}/{number}" for host in HOSTS for number in range(2)]
HOST = {link_id(url): url.split("/")[2] for url in URLS}
URL = {link_id(url): url for url in URLS}
NAMES = st.sampled_from(sorted(URL))
FEEDS = st.sampled_from(["feedaaaaaa", "feedbbbbbb"])
ENTRY = st.tuples(st.sampled_from("abc"), st.booleans())
BACK = st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3, 5, 8])
"""Which attempt acts, counted from the newest: mostly a recent one, now and then one long overtaken."""
REASONS = st.sampled_from([Reason.TIMEOUT, Reason.NO_TEXT, Reason.FORBIDDEN])


HANDED_OUT = precondition(lambda self: self.jobs)
WORKING = precondition(lambda self: self.working)
KNOWN = precondition(lambda self: self.model.links)


_Thing = TypeVar("_Thing")


class Machine(RuleBasedStateMachine):
    """One ledger, used by everybody at once."""

    redis: Redis
    keys: Keys

    def __init__(self) -> None:
        super().__init__()
        self.redis.flushall()
        self.model = Model()
        self.jobs: list[Job] = []
        """Attempts that were handed out, oldest first."""
        self.working: list[tuple[Job, Begun]] = []
        """Attempts that began, with what they were told then."""
        self.ledger = Ledger(self.redis, self.keys, lease_s=LEASE_S, reopen_after_s=0)
        self.withdrawal = Withdrawal(self.redis, self.keys, _infos, keep_ledger_days=90)
        self.dead_job = dead_job_maker(self.redis, self.keys)

    # -- time ----------------------------------------------------------------------------------------------
    @rule(steps=st.sampled_from([1, 3, 10, 100]))
    def time_passes(self, steps: int) -> None:
        """On Redis's clock: or it is set forward, which is the same to the ledger."""
        self.redis.hincrby(self.keys.time, "offset", steps * 100_000)
        self.ledger.remember("nobody")  # any script notices; else a step back would swallow it
        self.model.now_s += steps * 100

    @rule(hours=st.sampled_from([1, 24]))
    def the_clock_is_set_back(self, hours: int) -> None:
        """The ledger's own goes on where it was, from the next script on."""
        self.redis.hincrby(self.keys.time, "offset", -hours * 3_600_000)
        self.ledger.remember("nobody")

    # -- the poller ----------------------------------------------------------------------------------------
    @rule(feed=FEEDS, document=st.dictionaries(NAMES, ENTRY, min_size=1, max_size=4))
    def a_feed_is_polled(self, feed: str, document: dict[str, tuple[str, bool]]) -> None:
        listed = {name: (HOST[name], *entry) for name, entry in document.items()}
        new, changed = self.model.discover(feed, listed)
        told = self.ledger.discover(
            feed,
            [_found(name, title) for name, (title, taken) in document.items() if taken],
            [_found(name, title) for name, (title, taken) in document.items() if not taken],
        )
        assert told == (new, changed)

    @KNOWN
    @rule(feed=FEEDS)
    def a_feed_is_unchanged(self, feed: str) -> None:
        self.ledger.remember(feed)

    # -- the dispatcher ------------------------------------------------------------------------------------
    @precondition(lambda self: self.model.in_state("ready", "leased", "running", "later"))
    @rule(fetch=st.sampled_from([0, 1, 9]), article=st.sampled_from([0, 1, 9]))
    def work_is_handed_out(self, fetch: int, article: int) -> None:
        hopeless = self.model.sweep()
        handout = self.ledger.lease(fetch_window=fetch, article_window=article, host_delay_s=0, max_pages=99)
        assert {(one.link_id, one.reason) for one in handout.hopeless} == hopeless
        for stage, window in ((ARTICLE, article), (FETCH, fetch)):
            could = self.model.ready(stage)
            got = [lease for lease in handout.leases if lease.stage == stage]
            assert len(got) == max(0, min(len(could), window - self.model.leases(stage))), stage
            assert {lease.link_id for lease in got} <= could
            for lease in got:
                job = self.model.lease(lease.link_id)
                assert (lease.stage, lease.attempt) == (job.stage, job.attempt)
                self.jobs.append(job)

    @HANDED_OUT
    @rule(back=BACK, reason=st.sampled_from([Reason.LOST, Reason.POISON]))
    def the_dispatcher_gives_up(self, back: int, reason: Reason) -> None:
        """As it does with what `work_is_handed_out` calls hopeless; two may do it, and late."""
        self._fails(_back(self.jobs, back), reason)

    # -- jobs ----------------------------------------------------------------------------------------------
    @HANDED_OUT
    @rule(back=BACK)
    def a_job_begins(self, back: int) -> None:
        job = _back(self.jobs, back)
        begun = self.ledger.begin(job.link, job.stage, job.attempt, "tester")
        assert (begun is not None) == self.model.begin(job)
        if begun is not None:
            self.working.append((job, begun))

    @WORKING
    @rule(back=BACK, final=NAMES, own=st.booleans())
    def a_page_is_stored(self, back: int, final: str, own: bool) -> None:
        job, begun = _back(self.working, back)
        if job.stage != FETCH:
            return
        final = job.link if own else final
        assert self.ledger.store(begun, b"page", URL[final], "fetched") == self.model.store(job, final)

    @WORKING
    @rule(back=BACK, says=st.sampled_from("xyz"))
    def an_article_is_published(self, back: int, says: str) -> None:
        job, begun = _back(self.working, back)
        if job.stage != ARTICLE:
            return
        if self.ledger.page(job.link) is None:  # as Tasks does
            moved = self.ledger.reroute(begun, URL[job.link], HOST[job.link], "the page is gone")
            assert moved == self.model.reroute(job, HOST[job.link])
            return
        revision, final = begun.revision + 1, link_id(begun.final_url)
        outcome, other = self.ledger.commit(
            begun,
            revision=revision,
            event_id=f"{job.link}:{revision}",
            event_type=Kind.PUBLISHED if revision == 1 else Kind.UPDATED,
            event=json.dumps({"says": says}),
            final_id=final,
            digests=says,
        )
        told = f"{outcome} {other}" if other else outcome
        assert told == self.model.commit(job, revision, says, final)

    @precondition(lambda self: self.model.in_state("ready", "leased", "running", "later"))
    @rule(says=st.sampled_from("xyz"), final=NAMES, own=st.booleans())
    def workers_do_what_is_due(self, says: str, final: str, own: bool) -> None:
        """One stage of every link that is due, without any trouble."""
        before = len(self.jobs)
        self.work_is_handed_out(9, 9)
        for back in range(len(self.jobs) - before):
            began = len(self.working)
            self.a_job_begins(back)
            if len(self.working) > began:
                self.a_page_is_stored(0, final, own)
                self.an_article_is_published(0, says)

    @WORKING
    @rule(back=BACK, delay=st.sampled_from([300, 1500]), block=st.booleans())
    def an_attempt_is_put_off(self, back: int, delay: int, block: bool) -> None:
        job, _ = _back(self.working, back)
        later = self.ledger.retry(job.link, job.attempt, delay, "timeout", block_host=block)
        assert later == self.model.retry(job, delay, block=block)

    @WORKING
    @rule(back=BACK, host=st.sampled_from(HOSTS))
    def a_page_moved_to_another_domain(self, back: int, host: str) -> None:
        job, begun = _back(self.working, back)
        if job.stage == FETCH:
            moved = self.ledger.reroute(begun, f"https://{host}/moved", host, "moved")
            assert moved == self.model.reroute(job, host)

    @HANDED_OUT
    @rule(back=BACK)
    def a_worker_stops_and_hands_back(self, back: int) -> None:
        job = _back(self.jobs, back)
        assert self.ledger.release(job.link, job.attempt, "stopping") == self.model.release(job)

    @WORKING
    @rule(back=BACK, killed=st.booleans())
    def a_worker_is_seen_to_die(self, back: int, killed: bool) -> None:
        job, _ = _back(self.working, back)
        verdict = self.ledger.died(job.link, job.attempt, killed=killed, note="died")
        assert verdict == self.model.died(job, killed=killed)
        if verdict == "enough":
            self._fails(job, Reason.TOO_COMPLEX)

    @WORKING
    @rule(back=BACK, reason=REASONS)
    def a_link_fails(self, back: int, reason: Reason) -> None:
        self._fails(_back(self.working, back)[0], reason)

    def _fails(self, job: Job, reason: Reason) -> None:
        dead = self.dead_job(job.link, HOST[job.link], job.attempt, reason)
        failed = self.ledger.fail(job.link, job.attempt, reason, "detail", dead)
        assert failed == self.model.settle(job, "failed", reason)

    @WORKING
    @rule(back=BACK, reason=REASONS, unchanged=st.booleans())
    def a_link_is_skipped_or_unchanged(self, back: int, reason: Reason, unchanged: bool) -> None:
        job, begun = _back(self.working, back)
        if unchanged:
            assert self.ledger.unchanged(begun, "304") == self.model.settle(job, "unchanged")
        else:
            skipped = self.ledger.skip(job.link, job.attempt, reason, "detail")
            assert skipped == self.model.settle(job, "skipped", reason)

    @WORKING
    @rule(back=BACK, certain=st.booleans())
    def a_publisher_takes_an_article_down(self, back: int, certain: bool) -> None:
        job, begun = _back(self.working, back)
        if job.stage != FETCH or not begun.revision:
            return
        told = self.ledger.vanish(
            begun,
            certain=certain,
            event_id=f"{job.link}:{begun.revision + 1}",
            event_type=Kind.WITHDRAWN,
            event="{}",
            digests="nothing",
            said="not there",
        )
        assert told == self.model.vanish(job, certain=certain)

    # -- operators, and what befalls Redis -----------------------------------------------------------------
    @KNOWN
    @rule(name=NAMES, how=st.sampled_from(How), ahead=st.booleans())
    def an_operator_opens_a_link_again(self, name: str, how: How, ahead: bool) -> None:
        (one,) = open_again(self.ledger, self.redis, [name], "asked for", how=how, ahead=ahead)
        assert one.status is self.model.reopen(name, how)

    @KNOWN
    @rule(name=NAMES)
    def an_article_is_withdrawn(self, name: str) -> None:
        done = self.withdrawal.withdraw(name, url=URL[name])
        forget_dead(self.redis, self.keys, [done.dead_job] if done.dead_job else [])
        assert done.before == self.model.withdraw(name, HOST[name])

    @precondition(lambda self: self.model.pages)
    @rule(name=NAMES)
    def a_page_is_dropped_for_want_of_memory(self, name: str) -> None:
        self.redis.delete(self.keys.page(name))
        self.model.pages.discard(name)

    @KNOWN
    @rule()
    def the_ledger_is_checked(self) -> None:
        """`palmyra ledger check` finds nothing wrong, whatever happened: and says so when leases ran out."""
        report = Check(
            self.redis,
            self.keys,
            self.dead_job,
            keep_ledger_days=90,
            keep_pages_days=3,
            keep_stream_days=7,
        ).run()
        over = {
            n
            for n in self.model.in_state("leased", "running")
            if self.model.links[n].due_s + 10 < self.model.now_s
        }
        assert {(f.kind, f.link) for f in report.faults} == {("lease_over", name) for name in over}, (
            report.faults
        )

    # -- after every step ----------------------------------------------------------------------------------
    @invariant()
    def every_link_stands_in_one_place(self) -> None:
        keys, model = self.keys, self.model
        for name, link in model.links.items():
            story = self.ledger.story(name)
            assert story is not None
            told = (story.state, story.stage, story.attempt, story.outcome or "", story.revision)
            assert told == (link.state, link.stage, link.attempt, link.outcome, link.revision), name
            assert story.host == link.host
            assert story.page_kept == (name in model.pages)
            assert len(story.steps) <= 60
            assert (self.redis.pttl(keys.link(name)) > 0) == (link.state == "closed" and not link.withdrawn)
        assert _members(self.redis, keys.open) == model.open_links()
        assert _members(self.redis, keys.later) == model.in_state("later")
        for stage in STAGES:
            out = {n for n in model.in_state("leased", "running") if model.links[n].stage == stage}
            assert _members(self.redis, keys.leases(stage)) == out
        assert _members(self.redis, keys.dead) == model.dead()

    @invariant()
    def every_ready_link_is_in_turn(self) -> None:
        ready: dict[str, list[str]] = {stage: [] for stage in STAGES}
        for lane in [*_members(self.redis, self.keys.lanes), "*"]:
            for feed in _members(self.redis, self.keys.lane(lane)):
                ready[ARTICLE if lane == "*" else FETCH] += _members(self.redis, self.keys.ready(lane, feed))
        for stage in STAGES:
            expected = [n for n in self.model.in_state("ready") if self.model.links[n].stage == stage]
            assert sorted(ready[stage]) == sorted(expected)
            assert int(self.redis.hget(self.keys.waiting, stage) or 0) == len(expected)

    @invariant()
    def the_books_balance(self) -> None:
        totals = self.ledger.totals()
        assert totals["discovered"] == sum(totals[o] for o in OUTCOMES) + totals["in_flight"]
        assert {o: totals[o] for o in OUTCOMES} == {o: self.model.counts[o] for o in OUTCOMES}
        for name in ("discovered", "rechecks", "rechecks_published"):
            assert totals[name] == self.model.counts[name]

    @invariant()
    def every_event_is_there_once(self) -> None:
        entries: Any = self.redis.xrange(self.keys.stream)
        told = [(*_id(fields[b"id"]), Kind(fields[b"type"].decode()).name) for _, fields in entries]
        assert told == self.model.stream
        for name, link in self.model.links.items():
            revisions = {revision for one, revision in self.model.sent if one == name}
            assert revisions == set(range(1, link.revision + 1)), "consecutive"

    @invariant()
    def nothing_else_is_kept(self) -> None:
        allowed = re.compile("|".join(_patterns(self.keys)))
        for name in self.redis.scan_iter(count=1000):
            assert allowed.fullmatch(name.decode()), name
        assert self.redis.llen(self.keys.wake) <= 1


def _back(things: list[_Thing], back: int) -> _Thing:
    return things[max(0, len(things) - 1 - back)]


def _patterns(keys: Keys) -> list[str]:
    """Every key that these steps may leave."""
    link, feed = "(" + "|".join(URL) + ")", "feed(a+|b+)"
    exact = [
        keys.open,
        keys.later,
        *map(keys.leases, STAGES),
        keys.lanes,
        keys.waiting,
        keys.totals,
        keys.dead,
    ]
    exact += [keys.turn, keys.time, keys.wake, keys.stream, keys.edge, keys.counts]
    by_link: list[Callable[[str], str]] = [keys.link, keys.way, keys.alias, keys.page]
    patterns = [re.escape(key) for key in exact]
    patterns += [re.escape(key("")) + link for key in by_link]
    patterns += [re.escape(keys.known("")) + "[a-z2-7]{2}\\d+", re.escape(keys.day("")) + "\\d+"]
    patterns += [re.escape(keys.listed("")) + feed]
    for host in (*HOSTS, "*"):
        patterns += [re.escape(keys.lane(host)), re.escape(keys.ready(host, "")) + f"({feed}|)"]
        patterns += [re.escape(keys.slot(host)), re.escape(keys.asked(host))]
    dead = f"{keys.namespace}-{link}-dead-\\d+"
    return [*patterns, f"rq:job:{dead}", f"rq:results:{dead}", f"rq:failed:{re.escape(keys.queue(FETCH))}"]


def _found(name: str, title: str) -> Found:
    return Found(name, URL[name], HOST[name], 1_000_000, Entry(URL[name], title=title))


def _infos(ids: tuple[str, ...]) -> list[FeedInfo]:
    return [FeedInfo(one, f"https://feeds.test/{one}") for one in ids]


def _members(redis: Redis, key: str) -> set[str]:
    members: Any = redis.zrange(key, 0, -1)
    return {member.decode() for member in members}


def _id(event_id: bytes) -> tuple[str, int]:
    name, _, revision = event_id.decode().partition(":")
    return name, int(revision)


def run(redis: Redis, keys: Keys, *, examples: int, steps: int, derandomize: bool) -> None:
    """Let hypothesis try this many courses of events."""
    ledger_check.SETTLE_S = 0  # nothing moves while this test looks
    kind = type("BoundMachine", (Machine,), {"redis": redis, "keys": keys})
    run_state_machine_as_test(
        kind,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=derandomize,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(120)
def test_the_ledger_is_its_model_whatever_happens(redis: Redis, keys: Keys) -> None:
    """Courses of events that are the same in every run."""
    run(redis, keys, examples=25, steps=40, derandomize=True)


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_the_ledger_is_its_model_whatever_else_happens(redis: Redis, keys: Keys) -> None:
    """Many more, others in each run; a failure prints the steps that lead to it."""
    run(redis, keys, examples=600, steps=80, derandomize=False)
