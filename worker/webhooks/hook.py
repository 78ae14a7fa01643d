"""The webhooks that there are, and how they do: hashes in Redis.

A hook that is on has a consumer group of its own on the stream, so that nothing it has yet to get is trimmed.
One that is off has none, and so holds nothing: it remembers where it stood, and goes on there as far as the
stream still goes back.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from redis import Redis
from redis.exceptions import ResponseError, WatchError

from jobs.errors import PalmyraError
from jobs.keys import Keys
from jobs.urls import redact
from worker.feeds import headers
from worker.stream import entry_id, gone_until, id_before
from worker.webhooks.signature import key_of

MOST_HOOKS = 100
STATE_DAYS = 90
OLD_SECRET_S = 86_400
"""A secret that was replaced goes on signing for this long, beside the new one."""
OFF_BY_OPERATOR = "switched off by the operator"
GROUP_PREFIX = "webhook-"
WORDS = ("new", "ok", "failing", "off")
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_DAY_S = 86_400
_Kind = TypeVar("_Kind", "Hook", "State")


class TooManyHooks(PalmyraError):
    """As many webhooks as there may be."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook. Times in ms since the epoch; 0 means never."""

    id: str
    url: str = field(repr=False)
    """With what may be a secret in it: show `public_url`."""
    secret: str = field(repr=False)
    """What its requests are signed with, as the receiver was given it."""
    old_secret: str = field(default="", repr=False)
    """The one before."""
    old_until: int = 0
    """Until then the old one signs, too."""
    where: str = ""
    """Which articles it gets (worker/where.py); empty: all."""
    headers: str = field(default="", repr=False)
    """Further headers, as text (worker/feeds/headers.py)."""
    since: str = "0"
    """The stream entry after which it begins, or began when it was last switched on."""
    off: str = ""
    """Why nothing is sent to it; empty: it is on."""
    made: int = 0

    @property
    def public_url(self) -> str:
        """Its URL without secrets."""
        return redact(self.url)

    @property
    def group(self) -> str:
        """The name of its consumer group."""
        return group_of(self.id)

    def keys(self, now_ms: int) -> list[bytes]:
        """What its requests are signed with now, the newest key first."""
        old = [self.old_secret] if self.old_secret and now_ms < self.old_until else []
        return [key_of(secret) for secret in (self.secret, *old)]


@dataclass(frozen=True, slots=True)
class State:
    """How a webhook does. Times in ms since the epoch; 0 means never."""

    failures: int = 0
    """Attempts that failed since one succeeded."""
    failing: int = 0
    """When the first of these was."""
    again: int = 0
    """Nothing is sent before."""
    delivered: int = 0
    """Events that were taken."""
    failed: int = 0
    """Attempts that failed."""
    dead: int = 0
    """Events that were given up."""
    answered: int = 0
    """When it last took an event."""
    error: str = ""
    """What the last failed attempt came to, in our words."""


def group_of(hook_id: str) -> str:
    """The name of a webhook's consumer group."""
    return f"{GROUP_PREFIX}{hook_id}"


class Hooks:
    """The registered webhooks. `redis` must not decode responses."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.redis, self.keys = redis, keys

    def all(self) -> list[Hook]:
        """Every one, the oldest first."""
        ids: Any = self.redis.smembers(self.keys.webhooks)
        found = [self.get(one.decode()) for one in ids]
        return sorted((hook for hook in found if hook), key=lambda hook: (hook.made, hook.id))

    def get(self, hook_id: str) -> Hook | None:
        """One of them by its id."""
        raw: Any = self.redis.hgetall(self.keys.webhook(hook_id))
        return _read(Hook, raw, id=hook_id) if raw else None

    def find(self, asked: str) -> Hook | None:
        """One of them by its id or URL."""
        return self.get(asked) or next((hook for hook in self.all() if hook.url == asked), None)

    def add(self, url: str, secret: str, *, where: str = "", more: str = "", since: str = "$") -> Hook:
        """Register a webhook, which begins after the stream entry `since` (``$``: with what comes now).

        Raises:
            TooManyHooks: there are `MOST_HOOKS`.
        """
        if int(self.redis.scard(self.keys.webhooks)) >= MOST_HOOKS:
            raise TooManyHooks(f"There are {MOST_HOOKS} webhooks already: remove one first")
        hook_id = "".join(secrets.choice(_LETTERS) for _ in range(8))
        hook = Hook(
            hook_id, url, secret, where=where, headers=more, since=self._position(since), made=_now_ms()
        )
        with self.redis.pipeline(transaction=True) as pipe:  # a group without its hook would hold the stream
            pipe.xgroup_create(self.keys.stream, hook.group, id=hook.since, mkstream=True)
            pipe.hset(self.keys.webhook(hook_id), mapping=_written(hook))
            pipe.sadd(self.keys.webhooks, hook_id)
            pipe.execute()
        return hook

    def edit(self, hook_id: str, changes: Mapping[str, str | int]) -> bool:
        """Change fields of a webhook; False when it is gone."""
        if not self.redis.sismember(self.keys.webhooks, hook_id):
            return False
        self.redis.hset(self.keys.webhook(hook_id), mapping=dict(changes))  # type: ignore[arg-type]  # as add
        return True

    def remove(self, hook: Hook) -> None:
        """Forget a webhook, its group and its dead letters."""
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.srem(self.keys.webhooks, hook.id)
            named = (self.keys.webhook, self.keys.webhook_state, self.keys.webhook_tries)
            pipe.delete(*(name(hook.id) for name in (*named, self.keys.webhook_dead)))
            pipe.xgroup_destroy(self.keys.stream, hook.group)
            pipe.execute(raise_on_error=False)  # there may be no stream

    def switch_off(self, hook: Hook, why: str) -> None:
        """Send nothing to it any more, and let the stream go; what it has not taken it gets when it is on."""
        since = self._stands_at(hook)
        self.edit(hook.id, {"off": why, "since": since})
        self.redis.delete(self.keys.webhook_tries(hook.id))
        self._close_group(hook)

    def switch_on(self, hook: Hook) -> str | None:
        """Go on where it stood. Returns the last stream entry of what is gone by now; None if nothing is."""
        self._open_group(hook)
        self.edit(hook.id, {"off": ""})
        self.redis.hdel(self.keys.webhook_state(hook.id), "failures", "failing", "again", "error")
        gone = gone_until(self.redis, self.keys)
        return f"{gone[0]}-{gone[1]}" if gone > entry_id(hook.since) > (0, 0) else None

    def state(self, hook_id: str) -> State:
        """How it does."""
        raw: Any = self.redis.hgetall(self.keys.webhook_state(hook_id))
        return _read(State, raw)

    def note(self, hook_id: str, changes: Mapping[str, str | int], **counted: int) -> None:
        """Write down how it does; `counted` is added."""
        key = self.keys.webhook_state(hook_id)
        with self.redis.pipeline(transaction=True) as pipe:
            if changes:
                pipe.hset(key, mapping=dict(changes))  # type: ignore[arg-type]  # as add
            for name, more in counted.items():
                pipe.hincrby(key, name, more)
            pipe.expire(key, STATE_DAYS * _DAY_S)
            pipe.execute()

    def open_group(self, hook_id: str) -> None:
        """Make its consumer group again, from the stream's beginning: Redis came back without it.

        Not that of a hook that was removed or switched off in this moment: nobody would read it, and it would
        hold the stream.
        """
        with self.redis.pipeline(transaction=True) as pipe, contextlib.suppress(WatchError):
            pipe.watch(self.keys.webhook(hook_id))  # type: ignore[no-untyped-call]  # as the library has it
            hook = self.get(hook_id)
            if hook and not hook.off:
                pipe.multi()
                pipe.xgroup_create(self.keys.stream, hook.group, id="0", mkstream=True)
                pipe.execute(raise_on_error=False)  # another process may have made it

    def _open_group(self, hook: Hook) -> None:
        try:
            self.redis.xgroup_create(self.keys.stream, hook.group, id=hook.since, mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _close_group(self, hook: Hook) -> None:
        if self.redis.exists(self.keys.stream):
            self.redis.xgroup_destroy(self.keys.stream, hook.group)

    def _position(self, since: str) -> str:
        if since != "$":
            return since
        newest: Any = self.redis.xrevrange(self.keys.stream, count=1)
        return str(newest[0][0].decode()) if newest else "0"

    def _stands_at(self, hook: Hook) -> str:
        """The stream entry after which it has taken nothing for sure."""
        known: Any = self.redis.xinfo_groups(self.keys.stream) if self.redis.exists(self.keys.stream) else []
        group = next((one for one in known if one["name"] == hook.group.encode()), None)
        if group is None:
            return hook.since
        pending: Any = self.redis.xpending(self.keys.stream, hook.group)
        if pending and pending["pending"]:
            return id_before(pending["min"].decode())
        return str(group["last-delivered-id"].decode())


def word(hook: Hook, state: State) -> str:
    """How it stands, in one of `WORDS`."""
    return "off" if hook.off else "failing" if state.failures else "ok" if state.delivered else "new"


def known(hooks: Hooks, asked: str) -> Hook:
    """The hook with this id or URL.

    Raises:
        PalmyraError: there is none.
    """
    hook = hooks.find(asked)
    if hook is None:
        raise PalmyraError(
            f"There is no webhook {redact(asked)!r}. `palmyra webhooks list` shows those that are."
        )
    return hook


def sent_headers(hook: Hook) -> dict[str, str]:
    """The operator's own headers."""
    return headers.parse(hook.headers)


def _now_ms() -> int:
    return int(time.time() * 1000)


def _written(hook: Hook) -> dict[Any, Any]:
    return {one.name: getattr(hook, one.name) for one in fields(hook) if one.name != "id"}


def _read(kind: type[_Kind], raw: Mapping[bytes, bytes], **known: str) -> _Kind:
    """A dataclass of texts and whole numbers from a hash; what is missing has its default."""
    found: dict[str, Any] = dict(known)
    for one in fields(kind):
        value = raw.get(one.name.encode())
        if value is not None and one.name not in known:
            text = value.decode("utf-8", "replace")
            found[one.name] = int(text) if one.type == "int" else text
    return kind(**found)
