"""WebSub, the subscriber's part: who tells us of news, what is asked of a hub, and whom we believe. Pure.

A feed may name a hub: a server that calls us when the feed has news (https://www.w3.org/TR/websub/). We ask
it to, for a time (the lease); it checks with our web process that we did; then it posts new documents there.
Such a post only makes the feed due now: its links come in through an ordinary poll, never through the post.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from jobs.entry import ParsedFeed
from jobs.urls import redact
from worker.feeds.link_header import links
from worker.feeds.links import web_link

MAX_URL_CHARS = 2_000
"""A hub or topic with a longer URL is not worth its memory: such a feed is polled."""
MAX_HUBS = 3
"""Of those that a feed names, the first."""
LEASE_S = 10 * 86_400
"""What we ask for (the Recommendation's own advice); the hub decides."""
UNSAID_LEASE_S = 86_400
"""For hubs of older drafts, which may not say how long their lease is."""
MAX_LEASE_S = 30 * 86_400
"""A longer lease is renewed as if it were this long."""
RENEW_AT = 0.8
"""The part of a lease after which it is renewed."""
FIRST_WAIT_S = 3_600.0
MAX_WAIT_S = 86_400.0
"""Between two requests that came to nothing: doubled from the one to the other."""
DENIED_S = 7 * 86_400
"""A hub that denied a subscription is not asked for this long."""
LEAVING_S = 3_600
"""For this long a hub may ask whether we meant to unsubscribe."""
MISSES = 2
"""Polls in a row with news that the hub had not told us of: then it is not relied on until it tells again."""

_METHODS = frozenset({"sha1", "sha256", "sha384", "sha512"})
_SIGNATURE = re.compile(r"\s*([a-z0-9]{1,10})=([0-9a-f]{40,128})\s*", re.IGNORECASE)
_CHALLENGE = re.compile(r"[\x20-\x7e]{1,1000}")
_SECONDS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Topic:
    """What a feed's publisher wants to be subscribed to, and where."""

    hub: str
    """The first one."""
    url: str
    """The feed's own URL as its publisher writes it (``rel=self``)."""
    others: tuple[str, ...] = ()
    """Further hubs that would do as well (section 4)."""

    @property
    def hubs(self) -> tuple[str, ...]:
        """All of them, in the publisher's order."""
        return (self.hub, *self.others)


class State(StrEnum):
    """How a subscription stands."""

    ASKED = "asked"
    """The hub was asked and has not checked with us yet, or could not be asked (then there is an error)."""
    ACTIVE = "active"
    DENIED = "denied"
    LEAVING = "leaving"
    """We are unsubscribing."""
    EXPIRED = "expired"
    """Its lease ran out and could not be renewed."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A feed's subscription at its hub. Times in ms since the epoch; 0 means never."""

    feed: str
    hub: str
    topic: str
    callback: str = field(repr=False)
    """Where the hub reaches us. Whoever knows it may speak as the hub: it is not shown."""
    secret: str = field(default="", repr=False)
    """The key that the hub signs with; empty when it was asked without encryption, and so has none."""
    asked: int = 0
    again: int = 0
    """Not asked again before."""
    failures: int = 0
    """How often it was asked since it last checked with us."""
    error: str = ""
    """What the last request came to, when it came to nothing."""
    verified: int = 0
    """When the hub last checked with us that we want this."""
    until: int = 0
    """The end of the lease."""
    denied: int = 0
    leaving: int = 0
    pinged: int = 0
    """When it last told us of news."""
    missed: int = MISSES
    """Polls with news that it had not told us of, in a row. A hub has to tell once before it is relied on."""
    refused: str = ""
    """Marks of the hubs that denied this feed before this one was asked."""

    @property
    def token(self) -> str:
        """The last part of the callback."""
        return self.callback.rpartition("/")[2]

    def state(self, now_ms: int) -> State:
        """How it stands."""
        if self.leaving:
            return State.LEAVING
        if self.denied:
            return State.DENIED
        if self.until > now_ms:
            return State.ACTIVE
        return State.EXPIRED if self.until else State.ASKED

    def is_under(self, public_url: str) -> bool:
        """Whether its callback is where hubs reach us now."""
        return self.callback.startswith(f"{public_url}/")

    @property
    def renew_ms(self) -> int:
        """When its lease should be renewed."""
        return int(self.verified + (self.until - self.verified) * RENEW_AT)

    def relied_on(self, now_ms: int) -> bool:
        """Whether polls may be rare because the hub tells us of news."""
        return self.state(now_ms) is State.ACTIVE and self.missed < MISSES


# -- discovery ---------------------------------------------------------------------------------------------
def discover(headers: Mapping[str, str], url: str, parsed: ParsedFeed | None) -> Topic | None:
    """The hubs that an answer names, and as what they know the feed: headers, then document (section 4).

    A feed that names no ``self`` is known by the URL that answered, unless that holds a secret: it is not for
    the hub.

    Args:
        headers: of the answer, names in lower case.
        url: that answered.
        parsed: its document; None when it came without one.
    """
    hubs, own = list[str](), list[str]()
    for relations, target in links(headers.get("link", "")):
        link = web_link(target, url)
        if link and len(link) <= MAX_URL_CHARS:
            hubs += [link] if "hub" in relations else []
            own += [link] if "self" in relations else []
    hubs = hubs or [hub for hub in (parsed.hubs if parsed else ()) if len(hub) <= MAX_URL_CHARS]
    known_as = own[0] if own else (parsed.self_url if parsed else None) or (url if redact(url) == url else "")
    if not hubs or not 0 < len(known_as) <= MAX_URL_CHARS:
        return None
    first, *others = dict.fromkeys(hubs)
    return Topic(first, known_as, tuple(others)[: MAX_HUBS - 1])


# -- what to do --------------------------------------------------------------------------------------------
class Wish(StrEnum):
    """What is to be asked of the hub now."""

    NOTHING = "nothing"
    START = "start"
    """A new subscription, in place of the one there may be."""
    RENEW = "renew"
    """Once more: its lease comes to its end, or it was never granted."""
    LEAVE = "leave"


def wish(known: Subscription | None, topic: Topic | None, public_url: str, now_ms: int) -> Wish:
    """What to do about a feed's subscription after a good poll.

    Args:
        known: the subscription as it stands.
        topic: what the feed names now; for a feed that is unchanged, what it named before.
        public_url: where hubs reach us now.
        now_ms: the time.
    """
    if topic is None:
        return Wish.LEAVE if known and not known.leaving else Wish.NOTHING
    if known is None or known.leaving or known.topic != topic.url or not known.is_under(public_url):
        return Wish.START
    if known.denied:
        return Wish.START if to_ask(known, topic, now_ms) else Wish.NOTHING
    if known.hub not in topic.hubs:
        return Wish.START
    return Wish.NOTHING if now_ms < max(known.again, known.renew_ms) else Wish.RENEW


def to_ask(known: Subscription | None, topic: Topic, now_ms: int) -> tuple[str, ...]:
    """The hubs to ask, each if the one before refuses (section 4 leaves it to us how many are asked).

    A running lease is renewed where it runs. After one that came to nothing the turn goes round, so that a
    hub which takes requests and then does nothing does not keep us from the others.
    """
    if known is None or known.topic != topic.url:
        return topic.hubs
    if known.state(now_ms) is State.ACTIVE and known.hub in topic.hubs:
        return (known.hub,)
    at = topic.hubs.index(known.hub) + 1 if known.hub in topic.hubs else 0
    denied = refusals(known)
    return tuple(hub for hub in (*topic.hubs[at:], *topic.hubs[:at]) if mark(hub) not in denied)


def refusals(known: Subscription) -> tuple[str, ...]:
    """Marks of the hubs that denied a feed, its present one included."""
    before = tuple(known.refused.split())
    return (*before, mark(known.hub))[-MAX_HUBS:] if known.denied else before


def mark(hub: str) -> str:
    """A few characters to know a hub by."""
    return hashlib.sha256(hub.encode("utf-8", "replace")).hexdigest()[:8]


def wait_s(known: Subscription, now_ms: int) -> float:
    """Seconds from a request to the next one, if it comes to nothing. A lease leaves time for several."""
    doubled_s = min(FIRST_WAIT_S * 2.0 ** min(known.failures, 20), MAX_WAIT_S)
    left_s = (known.until - now_ms) / 1000
    return min(doubled_s, max(left_s / 4, 60.0)) if left_s > 0 else doubled_s


def endpoints(hub: str) -> tuple[str, ...]:
    """Where to ask, in turn: encrypted first (section 8.2), on the usual port."""
    parts = urlsplit(hub)
    if parts.scheme == "http" and parts.port in (None, 80) and parts.hostname:
        encrypted = parts._replace(scheme="https", netloc=parts.netloc.removesuffix(":80"))
        return encrypted.geturl(), hub
    return (hub,)


def encrypted(url: str) -> bool:
    """Whether what is sent to this URL can't be read on the way."""
    return url.lower().startswith("https:")


def may_follow(from_url: str, to_url: str) -> bool:
    """A hub may send us to another one, but not out of encryption: the request holds the secret."""
    return encrypted(to_url) or not encrypted(from_url)


def request(mode: str, subscription: Subscription) -> dict[str, str]:
    """The form that asks a hub to subscribe us or to stop (5.1)."""
    form = {
        "hub.callback": subscription.callback,
        "hub.mode": mode,
        "hub.topic": subscription.topic,
        "hub.lease_seconds": str(LEASE_S),
    }
    if subscription.secret and mode == "subscribe":
        form["hub.secret"] = subscription.secret
    return form


# -- what hubs say -----------------------------------------------------------------------------------------
def lease_s(said: str | None) -> float:
    """The lease that a hub grants, in seconds."""
    seconds = int(said) if said and _SECONDS.fullmatch(said) else 0
    return float(min(seconds, MAX_LEASE_S) or UNSAID_LEASE_S)


def usable_challenge(challenge: str | None) -> bool:
    """Whether we echo it: short and printable, so that nobody makes us serve something else (8.2)."""
    return bool(challenge and _CHALLENGE.fullmatch(challenge))


def signed(header: str | None, body: bytes, secret: str) -> bool:
    """Whether an ``X-Hub-Signature`` is of this body and by this secret (7.1).

    Methods beyond the Recommendation's four are refused. SHA-1 is one of them: most hubs use it, and as HMAC
    it still holds.
    """
    match = _SIGNATURE.fullmatch(header or "")
    if match is None or match[1].lower() not in _METHODS:
        return False
    wanted = hmac.new(secret.encode(), body, getattr(hashlib, match[1].lower())).hexdigest()
    return hmac.compare_digest(wanted, match[2].lower())
