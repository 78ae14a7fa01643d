"""`palmyra feeds check`: a dry run of one poll that says everything a poller would do."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

import typer
from redis import Redis

from jobs.client import Answer
from jobs.urls import redact
from worker import factory
from worker.commands import table
from worker.commands.context import print_json, settings
from worker.commands.feed_args import check_feed_url
from worker.commands.feeds_add import about
from worker.commands.feeds_find import search_site
from worker.config import Settings
from worker.feeds import turns
from worker.feeds.diagnosis import published_s
from worker.feeds.errors import FeedError
from worker.feeds.find import Discovery, is_other
from worker.feeds.foresight import LEFT, NEW, Foresight, ask_twice, foresee
from worker.feeds.moved import LEAST_POLLS
from worker.feeds.parser import Parser
from worker.feeds.poller import Poller
from worker.feeds.registry import Feed, feed_id
from worker.feeds.schedule import Bounds
from worker.feeds.spans import duration
from worker.printable import printable

VERDICTS = {
    NEW: "new",
    LEFT: "left by the backfill",
    "left before": "left by the backfill before",
    "changed": "changed, fetched again",
    "known": "known",
}
Fact = tuple[str, object]


@dataclass(frozen=True, slots=True)
class _Checked:
    """What is known when the command prints."""

    feed: Feed
    is_registered: bool
    compared: bool
    """There is a Redis, whose links were looked at."""
    public_url: str | None
    seen: Foresight
    site: Discovery | None
    """The feeds of the site, where the URL itself is none."""
    took_s: float


def check(
    url: Annotated[str, typer.Argument(help="A feed's URL, or any page of a site.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Poll a feed once without recording anything, and say everything that a poll would do.

    What it answers, what its document holds, which links are new, known, or left by the backfill, when it
    would be polled next and why, and what is odd about it. Of a web page: which feeds its site has.

    It is asked twice: without validators, to see the document, and with those that came, to see whether they
    work. robots.txt is not asked: who offers a feed wants it polled. Without Redis it works too, but does not
    know which links are known. A registered feed is asked with its own headers, login and proxy.

    Examples:

        palmyra feeds check https://feeds.bbci.co.uk/news/world/rss.xml

        palmyra feeds check https://www.tagesschau.de/ --json | jq .feeds
    """
    loaded = settings()
    check_feed_url(loaded, url)
    checked = _check(loaded, url)
    poll = checked.seen.poll
    if as_json:
        print_json(as_told(checked))
    else:
        table.facts(_facts(checked))
        for feed in _feeds(checked.site):
            sys.stdout.write(printable(f"feed found: {feed['url']} ({feed['about']})") + "\n")
        _print_links(checked.seen)
    if poll.error:
        raise poll.error


def _check(loaded: Settings, url: str) -> _Checked:
    started_s = time.monotonic()
    connection = _redis(loaded)
    known = factory.registry(loaded, connection).get(url) if connection else None
    feed = known or Feed(feed_id(url), url)
    seen, site = asyncio.run(_ask(loaded, feed, connection))
    took_s = time.monotonic() - started_s
    return _Checked(feed, known is not None, connection is not None, loaded.public_url, seen, site, took_s)


def _redis(loaded: Settings) -> Redis | None:
    """A Redis that answers, if there is one."""
    try:
        return factory.connect_now(loaded)
    except factory.RedisUnreachable:
        return None


async def _ask(loaded: Settings, feed: Feed, connection: Redis | None) -> tuple[Foresight, Discovery | None]:
    """What a poll would do and, where there is no feed, those of the site."""
    redis = connection or factory.connect(loaded, patient=False)  # nothing is asked of it then
    ledger = factory.ledger(loaded, redis)
    turn = turns.shared(ledger, loaded.host_delay) if connection else turns.own(loaded.host_delay)
    bounds = Bounds(loaded.poll_min, loaded.poll_max)
    async with factory.client(loaded) as client, Parser() as parser:
        poller = Poller(
            ledger,
            factory.registry(loaded, redis),
            client,
            parser,
            bounds=bounds,
            host_delay_s=loaded.host_delay,
        )
        poll, again = await ask_twice(poller, feed, turn)
        site = None
        if poll.answer and isinstance(poll.error, FeedError) and is_other(poll.error):
            site = await search_site(client, parser, turn, feed.url, poll.answer, poll.error)
    known = ledger if connection else None
    now_ms = int(time.time() * 1000)
    seen = foresee(feed, poll, again, known, bounds=bounds, backfill=loaded.backfill, now_ms=now_ms)
    return seen, site


def _feeds(site: Discovery | None) -> list[dict[str, str]]:
    """The feeds of the site, when the URL itself is none."""
    feeds = [{"url": redact(feed.url), "about": about(feed)} for feed in site.feeds] if site else []
    return feeds + [{"url": redact(url), "about": "named there"} for url in (site.named if site else ())]


# -- as JSON -------------------------------------------------------------------------------------------------


def as_told(checked: _Checked) -> dict[str, Any]:
    """All of it. Times in seconds."""
    seen, answer, parsed = checked.seen, checked.seen.poll.answer, checked.seen.poll.parsed
    verdicts = {link.url: seen.verdicts[link.id] for link in seen.found}
    entries = [
        asdict(replace(entry, content=None)) | {"verdict": verdicts.get(entry.url)}
        for entry in (parsed.entries if parsed else ())
    ]
    return {
        **_answer(answer),
        "took_s": round(checked.took_s, 3),
        "error": str(seen.poll.error) if seen.poll.error else None,
        "reason": seen.poll.reason or None,
        "validators_work": _validators_work(seen),
        "format": parsed.format if parsed else None,
        "title": parsed.title if parsed else None,
        "site_url": parsed.site_url if parsed else None,
        "ttl_s": parsed.ttl_s if parsed else None,
        "skip_hours": list(parsed.skip_hours) if parsed else [],
        "skip_days": list(parsed.skip_days) if parsed else [],
        "hub": redact(seen.topic.hub) if seen.topic else None,
        "registered": checked.feed.id if checked.is_registered else None,
        "compared": checked.compared,
        "same_document": seen.same_body,
        "backfill": seen.policy,
        "links": dict(seen.counts),
        "next": {"in_s": round(seen.after.delay_s), "because": seen.after.because} if seen.after else None,
        "entries": entries,
        "notes": list(parsed.notes) if parsed else [],  # these are among the warnings, too
        "warnings": list(seen.warnings),
        "feeds": _feeds(checked.site),
    }


def _answer(answer: Answer | None) -> dict[str, Any]:
    if answer is None:
        return {"status": None, "final_url": None}
    return {
        "status": answer.status,
        "final_url": redact(answer.final_url),
        "redirects": [{"status": status, "url": redact(hop)} for status, hop in answer.redirects],
        "address": answer.address,
        "content_type": answer.content_type,
        "size_bytes": len(answer.body),
        "wire_bytes": answer.wire_bytes,
        "answered_ms": answer.took_ms,
        "etag": answer.etag,
        "last_modified": answer.last_modified,
    }


def _validators_work(seen: Foresight) -> bool | None:
    """None: there are none, or it failed when it was asked again."""
    if seen.again is None or seen.again.error:
        return None
    return seen.again.unchanged == "not_modified"


# -- as text -------------------------------------------------------------------------------------------------


def _facts(checked: _Checked) -> Iterator[Fact]:
    seen, feed = checked.seen, checked.feed
    yield "asked", feed.public_url + _as_whom(feed)
    if seen.poll.answer:
        yield from _transport(seen.poll.answer, seen)
    if seen.poll.error:
        yield "failed", f"{seen.poll.reason}: {seen.poll.error}"
    yield from _document(seen)
    yield from _links(checked)
    if seen.topic:
        use = "it would be subscribed" if checked.public_url else "not used: PALMYRA_PUBLIC_URL is not set"
        yield "hub", f"{redact(seen.topic.hub)}: {use}"
    known = f"yes, as {feed.id}: `palmyra feeds show {feed.id}`" if checked.is_registered else "no"
    yield "registered", known if checked.compared else "not known: no Redis answers"
    if seen.after and checked.site is None:
        yield "next poll", f"would be in about {duration(seen.after.delay_s)}"
        yield "", seen.after.because
    for number, warning in enumerate(seen.warnings):
        yield "" if number else "odd", warning


def _as_whom(feed: Feed) -> str:
    """What goes with the request, without the secrets."""
    parts = [f"headers {', '.join(feed.request_headers)}"] if feed.request_headers else []
    parts += [f"through {redact(feed.proxy)}"] if feed.proxy else []
    return f" (with {'; '.join(parts)})" if parts else ""


def _transport(answer: Answer, seen: Foresight) -> Iterator[Fact]:
    size = f"{len(answer.body):,} bytes"
    if answer.wire_bytes != len(answer.body):
        size += f" ({answer.wire_bytes:,} as sent)"
    yield "answer", f"status {answer.status}, {size}, {answer.took_ms:,} ms, from {answer.address}"
    for status, hop in answer.redirects:
        yield "redirect", f"{status} from {redact(hop)}"
    if answer.redirects:
        yield (
            "",
            f"to {redact(answer.final_url)}"
            + (
                f"; all for good: this becomes its URL after {LEAST_POLLS} polls and a day"
                if answer.moved_permanently
                else "; the URL stays as it is"
            ),
        )
    kept = [f"ETag {answer.etag}"] if answer.etag else []
    kept += [f"Last-Modified {answer.last_modified}"] if answer.last_modified else []
    yield "validators", "; ".join(kept) or "none"
    if seen.again is not None:
        what = "304, they work" if _validators_work(seen) else seen.again.reason or "the whole document"
        yield "", f"asked again with them: {what}"


def _document(seen: Foresight) -> Iterator[Fact]:
    parsed = seen.poll.parsed
    if parsed is None:
        return
    site = f", of {redact(parsed.site_url)}" if parsed.site_url else ""
    yield "document", f"{parsed.format}: {parsed.title or 'no title'}{site}"
    wishes = [f"polls every {duration(parsed.ttl_s)}"] if parsed.ttl_s else []
    wishes += [f"none in the hours {', '.join(map(str, parsed.skip_hours))} GMT"] if parsed.skip_hours else []
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    wishes += [f"none on {', '.join(days[day] for day in parsed.skip_days)}"] if parsed.skip_days else []
    if wishes:
        yield "it asks for", "; ".join(wishes)
    if seen.same_body:
        yield "", "the same document as at its last poll: a poll would end here"


def _links(checked: _Checked) -> Iterator[Fact]:
    seen = checked.seen
    if seen.poll.parsed is None:
        return
    counts = ", ".join(f"{seen.counts[word]} {said}" for word, said in VERDICTS.items() if seen.counts[word])
    yield "links", f"{len(seen.found)} links" + (f": {counts}" if counts else "")
    dates = sorted(at for link in seen.found if (at := published_s(link.entry)) is not None)
    if dates:
        oldest, newest = (table.when(int(at * 1000)) for at in (dates[0], dates[-1]))
        yield "dated", f"{len(dates)} of {len(seen.found)}, from {oldest} to {newest} (UTC)"
    if not checked.compared:
        yield "", "without Redis it can't be said which are known already"
    if seen.counts[LEFT]:
        yield "", f"backfill {seen.policy}: of a first document, the newest so many are fetched"


def _print_links(seen: Foresight) -> None:
    if not seen.found:
        return
    sys.stdout.write("\n")
    rows = [
        (
            seen.verdicts[link.id],
            link.entry.published or link.entry.updated or "no date",
            link.entry.title or "",
            link.url,
        )
        for link in seen.found
    ]
    table.show(("", "published", "title", "link"), rows)
