"""The fetch stage: the page of a link is downloaded and stored, or its outcome is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jobs import counts
from jobs.entry import Entry
from jobs.errors import Outcome, Permanent, Reason
from jobs.event import encode
from jobs.feed_content import stands_in
from jobs.fetch import Moved, NotModified
from jobs.link import Begun
from jobs.page import Page
from jobs.politeness import NotNow
from jobs.recheck import VANISHED, vanished_event
from jobs.reopening import How
from jobs.revision import digests
from jobs.trip import told
from jobs.urls import domain
from jobs.walls import landed

if TYPE_CHECKING:
    pass

from jobs.stage import MAX_HOPS, Stage, full, now_ms


class Stopping(Exception):
    """The worker is shutting down and this download was cut short."""


@dataclass(frozen=True, slots=True)
class FetchStage(Stage):
    """Takes a link from its URL to a stored page."""

    def _fetch(self, begun: Begun) -> str:
        try:
            return self._fetched(begun, self.download(begun.next_url, begun.validators))
        except Stopping:
            return self._hand_back(begun, f"{self.worker} is stopping and hands the link back")
        except NotNow as busy:
            return self._hand_back(begun, str(busy))
        except Outcome as outcome:
            if begun.revision and outcome.reason in VANISHED:
                return self._vanished(begun, outcome)
            entry = begun.entry or self._stood_in_before(begun)
            if begun.redo != How.RECHECK and stands_in(outcome, begun.tries, entry):
                return self._feed_stands_in(begun, outcome, entry)
            return self._end(begun, outcome)

    def _stood_in_before(self, begun: Begun) -> Entry | None:
        """On a refetch: what the feed said when there was no page either. It goes on standing in."""
        kept = self._kept(begun)
        return kept.entry if kept and kept.refused else None

    def _feed_stands_in(self, begun: Begun, outcome: Outcome, entry: Entry | None) -> str:
        """There is no page: the article stage makes the article from what the feed carried."""
        page = Page(
            url=begun.url,
            final_url=begun.next_url,
            status=0,
            body=b"",
            content_type="",
            fetched_ms=now_ms(),
            refused=outcome.reason,
            entry=entry,
        )
        note = f"{outcome.reason} ({full(outcome)}): the feed's own content stands in for the page"
        stored = self.ledger.store(begun, page.pack(), page.final_url, note)
        return f"from feed: {outcome.reason}" if stored else "overtaken"

    def _fetched(self, begun: Begun, got: Page | Moved | NotModified) -> str:
        if isinstance(got, Moved):
            return self._moved(begun, got)
        if isinstance(got, NotModified):
            note = f"not modified: status 304, {told(None, got.took_ms, got.address, got.redirects)}"
            return "unchanged" if self.ledger.unchanged(begun, note) else "overtaken"
        trip = told(len(got.body), got.took_ms, got.address, got.redirects)
        if elsewhere := landed(begun.url, got.final_url):
            elsewhere.trip = trip
            raise elsewhere
        note = f"fetched {got.status}, {trip}"
        kept = None if begun.entry else self._kept(begun)
        # A refetch has nothing new from the feed: what it said before still holds.
        page = replace(got, url=begun.url, entry=kept.entry if kept else begun.entry)
        counted = counts.of_page(got.wire_bytes, got.took_ms)
        stored = self.ledger.store(begun, page.pack(), got.final_url, note, counted)
        return "stored" if stored else "overtaken"

    def _moved(self, begun: Begun, to: Moved) -> str:
        if begun.hops >= MAX_HOPS:
            raise Permanent(
                Reason.REDIRECT_LOOP, f"{MAX_HOPS} moves from domain to domain, the last to {to.url}"
            )
        host = domain(to.url)
        note = f"moved to {host}: {told(None, to.took_ms, to.address, to.hops)}"
        moved = self.ledger.reroute(begun, to.url, host, note)
        return "moved" if moved else "overtaken"

    def _vanished(self, begun: Begun, outcome: Outcome) -> str:
        """Its publisher took a published article down, or the site blinks."""
        event = vanished_event(self.ledger, begun, self.feed_infos(begun.feeds), now_ms())
        done = self.ledger.vanish(
            begun,
            certain=outcome.reason is Reason.GONE,
            event_id=event["id"],
            event_type=event["type"],
            event=encode(event),
            digests=digests(None, None),
            said=full(outcome),
        )
        return "withdrawn" if done == "published" else done
