"""The request of one poll and what comes of it: not modified, the same bytes, a document, or why not."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace

from jobs.client import Answer, Client
from jobs.entry import ParsedFeed
from jobs.errors import Outcome, Reason, Retry
from jobs.urls import split
from worker.feeds.children import follow
from worker.feeds.errors import FeedError
from worker.feeds.parser import Parser
from worker.feeds.poll import Poll, validators
from worker.feeds.registry import Feed
from worker.feeds.sitemap import INDEX
from worker.feeds.turns import Turn

ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml, "
    "application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, */*;q=0.5"
)


class Asker:
    """Asks feeds for what they have. Writes nothing."""

    def __init__(self, client: Client, parser: Parser) -> None:
        self._client = client
        self._parser = parser

    async def ask(self, feed: Feed, turn: Turn) -> Poll:
        """Poll one feed: the conditional request and the parse. Writes nothing.

        Args:
            turn: how to wait before further requests (of an index's sitemaps).
        """
        started_s = time.monotonic()
        poll = await self._request(feed, turn)
        took_ms = poll.answer.took_ms if poll.answer else int((time.monotonic() - started_s) * 1000)
        return replace(poll, took_ms=took_ms)

    async def _request(self, feed: Feed, turn: Turn) -> Poll:
        try:
            # What an index names changes without it.
            ours = None if feed.format == INDEX else validators(feed)
            answer = await self._client.get(
                feed.login.url, headers=feed.request_headers, accept=ACCEPT, proxy=feed.proxy, validators=ours
            )
            if answer.status == 304 and ours and ours.url == answer.final_url:
                return Poll(unchanged="not_modified", answer=answer, body_hash=feed.body_hash)
            return await self._read(feed, answer, turn)
        except (Outcome, FeedError) as error:
            return Poll(error=error)

    async def _read(self, feed: Feed, answer: Answer, turn: Turn) -> Poll:
        if answer.status != 200:
            return Poll(error=status_error(answer), answer=answer)
        body_hash = hashlib.sha256(answer.body).hexdigest()[:16]
        if body_hash == feed.body_hash:
            return Poll(unchanged="same_body", answer=answer, body_hash=body_hash)
        try:
            parsed = await self._parser.parse(
                answer.body, url=answer.final_url, content_type=answer.content_type
            )
        except FeedError as error:
            return Poll(error=error, answer=answer)
        if parsed.children:
            return await self._follow(feed, parsed, answer, turn)
        return Poll(parsed=parsed, answer=answer, body_hash=body_hash)

    async def _follow(self, feed: Feed, index: ParsedFeed, answer: Answer, turn: Turn) -> Poll:
        """The poll of a sitemap index: its newest sitemaps belong to its body."""

        async def ask(url: str) -> tuple[Answer, ParsedFeed]:
            await turn(url)
            return await self._child(feed, url)

        followed = await follow(index, ask)
        if followed.error:
            return Poll(error=followed.error, answer=answer)
        body_hash = hashlib.sha256(answer.body + b"".join(followed.bodies)).hexdigest()[:16]
        if body_hash == feed.body_hash:
            return Poll(unchanged="same_body", answer=answer, body_hash=body_hash)
        return Poll(parsed=followed.parsed, answer=answer, body_hash=body_hash)

    async def _child(self, feed: Feed, url: str) -> tuple[Answer, ParsedFeed]:
        """One sitemap of a feed that is an index. Raises Outcome or FeedError."""
        own = split(url).origin == split(feed.login.url).origin
        headers = feed.request_headers if own else {}
        answer = await self._client.get(url, headers=headers, accept=ACCEPT, proxy=feed.proxy)
        if answer.status != 200:
            raise status_error(answer)
        return answer, await self._parser.parse(
            answer.body, url=answer.final_url, content_type=answer.content_type
        )


def status_error(answer: Answer) -> Outcome:
    """What a status that is neither 200 nor 304 means for a feed. Feeds are asked again whatever it is."""
    status, detail = answer.status, f"status {answer.status}"
    reasons = {404: Reason.NOT_FOUND, 410: Reason.GONE, 401: Reason.FORBIDDEN, 403: Reason.FORBIDDEN}
    if status in (429, 503):
        reason = Reason.RATE_LIMITED if status == 429 else Reason.SERVER_ERROR
        return Retry(reason, detail, after_s=answer.retry_after_s)
    return Retry(reasons.get(status, Reason.SERVER_ERROR if status >= 500 else Reason.HTTP_ERROR), detail)
