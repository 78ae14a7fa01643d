"""What is known of each origin's robots.txt: asked for once a day, shared in Redis, kept parsed in memory."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import NamedTuple

from jobs.client import Answer, Client
from jobs.errors import Outcome, Permanent, Reason, Retry
from jobs.ledger import Ledger
from jobs.robots import LONGEST_KEPT_S, MAX_BYTES, SHORTEST_KEPT_S, Rules, kept_for_s, ours
from jobs.robots_ai import barred
from jobs.urls import Parts, domain, split

ACCEPT = "text/plain,*/*;q=0.5"
DEADLINE_S = 10.0
MAX_REDIRECTS = 5
"""RFC 9309, 2.3.1.2: at least five are followed, to other sites too."""
UNREACHABLE_DAYS = 30
"""RFC 9309, 2.3.1.4: what can't be reached for so long may be taken as if it were not there."""
FIRST_REST_S, LONGEST_REST_S = 60.0, 3600.0
"""How soon a file is asked for again that can't be reached: later, the longer that has been so."""
MAX_SHARED_BYTES = 64 * 1024
"""Packed; few files have a hundredth of that. Larger ones don't stay in Redis for a month."""
MAX_ORIGINS = 2_000
MAX_TEXT_CHARS = 2**20
"""How much is kept in memory; parsed, a character takes up to 50 bytes."""
SLOW_CHARS = 16 * 1024
"""Parsing more than this is not for the event loop."""

_DAY_MS = 86_400_000
# The site's machine, rather than its robots.txt, is the trouble then: the page would not come either.
_HOSTS_TROUBLE = frozenset({Reason.DNS, Reason.CONNECT, Reason.TLS})
# No rules can come from there: as if there were no file.
_LEADS_NOWHERE = frozenset(
    {Reason.REDIRECT_LOOP, Reason.BAD_REDIRECT, Reason.BLOCKED_ADDRESS, Reason.BAD_URL}
)


@dataclass(frozen=True, slots=True)
class Copy:
    """What was learned of one robots.txt."""

    text: str | None
    """The lines that are ours, ``""`` if there are none; None: it could never be read."""
    until_ms: int
    """When to ask for it again, ms since the epoch."""
    failing_since_ms: int = 0
    """Since when it can't be reached; 0: it can."""
    reason: str = ""
    """Why it can't."""
    detail: str = ""
    """The same in words."""
    barred: tuple[str, ...] = ()
    """AI crawlers that it keeps out altogether (jobs/robots_ai.py): news for consumers, no rule for us."""

    def pack(self) -> bytes:
        return zlib.compress(json.dumps(asdict(self)).encode())

    @classmethod
    def unpack(cls, packed: bytes) -> Copy | None:
        """None for what is no copy."""
        try:
            said = json.loads(zlib.decompress(packed))
            return cls(**{**said, "barred": tuple(said.get("barred", ()))})
        except (ValueError, TypeError, zlib.error):
            return None


class Known(NamedTuple):
    """A copy and its rules, ready to be asked."""

    copy: Copy
    rules: Rules


def learn(before: Copy | None, got: Answer | Outcome, now_ms: int) -> Copy:
    """What a robots.txt is taken to say after a request for it (RFC 9309, 2.3.1)."""
    if isinstance(got, Answer):
        if got.status == 429 or got.status >= 500:  # 429 says as little about the rules as 503
            return _failed(before, Reason.ROBOTS_UNREACHABLE, f"status {got.status}", now_ms)
        body = got.body if 200 <= got.status < 300 else b""
        until_ms = now_ms + int(kept_for_s(got.headers.get("cache-control", "")) * 1000)
        return Copy(ours(body), until_ms, barred=barred(body))
    if isinstance(got, Permanent) and got.reason in _LEADS_NOWHERE:
        # A blocked address may be a moment's mistake of the name server.
        kept_s = SHORTEST_KEPT_S if got.reason is Reason.BLOCKED_ADDRESS else LONGEST_KEPT_S
        return Copy("", now_ms + int(kept_s * 1000))
    reason = got.reason if got.reason in _HOSTS_TROUBLE else Reason.ROBOTS_UNREACHABLE
    return _failed(before, reason, got.detail, now_ms)


def _failed(before: Copy | None, reason: Reason, detail: str, now_ms: int) -> Copy:
    """It can't be reached: an older copy still holds; without one nothing may be fetched, for thirty days."""
    since_ms = (before.failing_since_ms if before else 0) or now_ms
    text = before.text if before else None
    if text is None and now_ms - since_ms > UNREACHABLE_DAYS * _DAY_MS:
        text = ""
    rest_s = min(max(FIRST_REST_S, (now_ms - since_ms) / 4000), LONGEST_REST_S)
    return Copy(text, now_ms + int(rest_s * 1000), since_ms, str(reason), detail[:200])


def barred_agents(ledger: Ledger, url: str) -> tuple[str, ...]:
    """The AI crawlers that the robots.txt of a page's origin keeps out, as far as it was read of late."""
    parts = split(url)
    packed = ledger.redis.get(ledger.keys.robots(f"{parts.scheme}://{parts.authority}"))
    copy = Copy.unpack(packed) if isinstance(packed, bytes) else None
    return copy.barred if copy else ()


class RobotsCache:
    """The robots.txt of every origin that is asked for pages. Used on one event loop."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._chars = 0
        self._flights: dict[str, asyncio.Task[tuple[Known, bool]]] = {}

    async def rules(self, client: Client, parts: Parts) -> tuple[Rules, bool]:
        """The rules for an origin, and whether the site had to be asked for them just now.

        Callers who want the same at the same time share one request.

        Raises:
            Retry: `ROBOTS_UNREACHABLE`, `DNS`, `CONNECT`, `TLS`; without them nothing may be fetched.
        """
        origin = f"{parts.scheme}://{parts.authority}"
        known, asked = self._known.get(origin), False
        if known and known.copy.until_ms > _now_ms():
            self._known.move_to_end(origin)
        else:
            known, asked = await self._flight(client, origin)
        if known.copy.text is None:
            raise Retry(Reason(known.copy.reason), f"{parts.authority}: robots.txt: {known.copy.detail}")
        return known.rules, asked

    async def _flight(self, client: Client, origin: str) -> tuple[Known, bool]:
        task = self._flights.get(origin)
        if task is None:
            task = self._flights[origin] = asyncio.create_task(self._renew(client, origin))
            task.add_done_callback(lambda done: self._landed(origin, done))
        return await asyncio.shield(task)  # one caller's deadline is not the others'

    def _landed(self, origin: str, task: asyncio.Task[tuple[Known, bool]]) -> None:
        del self._flights[origin]
        if not task.cancelled():
            task.exception()  # it has been raised where it was waited for, if anybody still did

    async def _renew(self, client: Client, origin: str) -> tuple[Known, bool]:
        """From Redis if another process was first, else from the site."""
        shared = await asyncio.to_thread(self._load, origin)
        asked = shared is None or shared.until_ms <= _now_ms()
        copy = await self._ask(client, origin, shared) if shared is None or asked else shared
        rules = Rules(copy.text or "")
        if len(rules.text) > SLOW_CHARS:
            await asyncio.to_thread(rules.prepare)
        known = Known(copy, rules)
        self._keep(origin, known)
        if asked:
            await asyncio.to_thread(self._share, origin, known)
        return known, asked

    async def _ask(self, client: Client, origin: str, before: Copy | None) -> Copy:
        got: Answer | Outcome
        try:
            got = await client.get(
                f"{origin}/robots.txt",
                accept=ACCEPT,
                max_bytes=MAX_BYTES,
                beginning=True,
                deadline_s=DEADLINE_S,
                max_redirects=MAX_REDIRECTS,
            )
        except Outcome as outcome:
            got = outcome
        if isinstance(got, Answer) and got.status in (429, 503) and got.retry_after_s:
            await asyncio.to_thread(self._ledger.block, domain(origin), got.retry_after_s)
        return learn(before, got, _now_ms())

    def _load(self, origin: str) -> Copy | None:
        packed = self._ledger.redis.get(self._ledger.keys.robots(origin))
        return Copy.unpack(packed) if isinstance(packed, bytes) else None

    def _share(self, origin: str, known: Known) -> None:
        packed = known.copy.pack()
        days = UNREACHABLE_DAYS if len(packed) <= MAX_SHARED_BYTES else 2
        self._ledger.redis.set(self._ledger.keys.robots(origin), packed, px=days * _DAY_MS)
        if known.copy.text is not None:
            self._ledger.set_crawl_delay(domain(origin), origin, known.rules.crawl_delay_s)

    def _keep(self, origin: str, known: Known) -> None:
        """In memory, the least recently used going first."""
        before = self._known.pop(origin, None)
        self._known[origin] = known
        self._chars += len(known.rules.text) - (len(before.rules.text) if before else 0)
        while len(self._known) > MAX_ORIGINS or (self._chars > MAX_TEXT_CHARS and len(self._known) > 1):
            _, gone = self._known.popitem(last=False)
            self._chars -= len(gone.rules.text)


def _now_ms() -> int:
    return int(time.time() * 1000)
