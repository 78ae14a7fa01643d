"""The WebSub subscriptions (see websub.py) in Redis: one hash a feed, gone a day after its lease."""

from __future__ import annotations

import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from redis import Redis

from jobs.keys import Keys
from worker.feeds.websub import DENIED_S, LEAVING_S, Subscription, Topic, encrypted, refusals, wait_s

MAX_WORDS = 300
"""Characters of a reason or an error that are kept."""
_BATCH = 500
_KEPT_MS = 86_400_000
"""After its last date a subscription is still remembered for this long, to know how often it failed."""
_TOKEN = re.compile(r"([a-z2-7]{1,32})-[A-Za-z0-9_-]{43}")

# Hubs, pollers and commands write at the same time: nothing is written to a subscription that is gone, or
# that another one (with another callback) has replaced.
# KEYS: the hash. ARGV: callback, ms to keep it ('': as long as before), then field, value …; '' removes one.
_CHANGE = """
if redis.call('HGET', KEYS[1], 'callback') ~= ARGV[1] then return 0 end
for i = 3, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i])
  else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
if ARGV[2] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
"""


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return int(time.time() * 1000)


class Subscriptions:
    """The subscriptions of one namespace. `redis` must not decode responses."""

    def __init__(self, redis: Redis, keys: Keys, clock_ms: Callable[[], int] = now_ms) -> None:
        self.redis = redis
        self.keys = keys
        self.clock_ms = clock_ms
        self._change = redis.register_script(_CHANGE)

    def get(self, feed_id: str) -> Subscription | None:
        """A feed's subscription."""
        raw: Any = self.redis.hgetall(self.keys.websub(feed_id))
        return _subscription(feed_id, raw) if raw else None

    def of(self, feed_ids: Sequence[str]) -> Iterator[Subscription]:
        """The subscriptions of these feeds; many have none."""
        for start in range(0, len(feed_ids), _BATCH):
            part = feed_ids[start : start + _BATCH]
            with self.redis.pipeline(transaction=False) as pipe:
                for feed_id in part:
                    pipe.hgetall(self.keys.websub(feed_id))
                for feed_id, raw in zip(part, pipe.execute(), strict=True):
                    if raw:
                        yield _subscription(feed_id, raw)

    def of_token(self, token: str) -> Subscription | None:
        """The subscription whose callback ends in this token."""
        match = _TOKEN.fullmatch(token)
        known = self.get(match[1]) if match else None
        return known if known and hmac.compare_digest(known.token, token) else None

    # -- the poller's part ---------------------------------------------------------------------------------
    def start(
        self, feed_id: str, topic: Topic, public_url: str, before: Subscription | None = None
    ) -> Subscription:
        """A new subscription at the topic's (first) hub, with a callback of its own.

        Args:
            before: of the same topic, in whose place it comes: what was in vain there counts on.
        """
        token = f"{feed_id}-{secrets.token_urlsafe(32)}"
        callback = f"{public_url}/websub/{token}"
        new = Subscription(feed_id, topic.hub, topic.url, callback)
        if before and before.topic == topic.url:
            new = replace(new, failures=before.failures, refused=" ".join(refusals(before)))
        noted: dict[Any, Any] = {"hub": new.hub, "topic": new.topic, "callback": callback}
        noted |= {"failures": new.failures} if new.failures else {}
        noted |= {"refused": new.refused} if new.refused else {}
        key = self.keys.websub(feed_id)
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.delete(key)
            pipe.hset(key, mapping=noted)
            pipe.pexpire(key, _KEPT_MS)
            pipe.execute()
        return new

    def asking(self, known: Subscription, endpoint: str) -> Subscription | None:
        """The hub is about to be asked here: note it first, since it may check with us before it answers.

        Returns the subscription to ask for, with a secret if the endpoint is encrypted; None when it is gone.
        """
        now = self.clock_ms()
        secret = (known.secret or secrets.token_urlsafe(32)) if encrypted(endpoint) else ""
        again = now + int(wait_s(known, now) * 1000)
        noted = {"asked": now, "again": again, "failures": known.failures + 1, "secret": secret, "error": ""}
        there = self._set(known, noted, max(again, known.until) - now + _KEPT_MS)
        return self.get(known.feed) if there else None

    def failed(self, known: Subscription, error: str, retry_after_s: float | None = None) -> None:
        """Asking came to nothing; if the hub says when to come again, that replaces our own wait."""
        noted: dict[str, Any] = {"error": error[:MAX_WORDS]}
        keep_ms = None
        if retry_after_s is not None:
            now = self.clock_ms()
            noted["again"] = max(known.again, now + int(retry_after_s * 1000))
            keep_ms = max(noted["again"], known.until) - now + _KEPT_MS
        self._set(known, noted, keep_ms)

    def missed(self, known: Subscription) -> None:
        """A poll brought news that the hub had not told us of."""
        self._set(known, {"missed": known.missed + 1})

    def leave(self, known: Subscription) -> bool:
        """We are about to unsubscribe; the hub may ask whether we meant it. False when it is gone already."""
        return self._set(known, {"leaving": self.clock_ms()}, LEAVING_S * 1000)

    # -- what hubs say -------------------------------------------------------------------------------------
    def verified(self, known: Subscription, lease_s: float) -> bool:
        """The hub checked with us; the lease runs from now. False when we don't want it any more."""
        now = self.clock_ms()
        until = now + int(lease_s * 1000)
        noted = {"verified": now, "until": until, "again": "", "failures": "", "error": ""}
        return self._set(known, noted, until - now + _KEPT_MS)

    def denied(self, known: Subscription, reason: str) -> None:
        """The hub won't have us."""
        noted = {"denied": self.clock_ms(), "until": "", "error": reason[:MAX_WORDS]}
        self._set(known, noted, DENIED_S * 1000)

    def pinged(self, known: Subscription) -> None:
        """The hub told us of news."""
        self._set(known, {"pinged": self.clock_ms(), "missed": 0})

    def forget(self, known: Subscription) -> None:
        """It is over."""
        self._set(known, {}, 0)

    def _set(self, known: Subscription, noted: Mapping[str, Any], keep_ms: int | None = None) -> bool:
        args: list[Any] = [known.callback, "" if keep_ms is None else max(keep_ms, 0)]
        for pair in noted.items():
            args += pair
        return bool(self._change(keys=[self.keys.websub(known.feed)], args=args))


_TYPES = {f.name: f.type for f in fields(Subscription)}


def _subscription(feed_id: str, raw: Mapping[bytes, bytes]) -> Subscription:
    values: dict[str, Any] = {"feed": feed_id, "hub": "", "topic": "", "callback": ""}
    for name, value in raw.items():
        kind = _TYPES.get(name.decode())
        text = value.decode("utf-8", "replace")
        if kind in ("int", "str"):
            values[name.decode()] = int(text) if kind == "int" else text
    return Subscription(**values)
