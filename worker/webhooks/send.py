"""One request to a webhook's receiver, and what it came to."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus

from jobs.client import Client
from jobs.errors import Outcome
from worker.webhooks.hook import Hook, sent_headers
from worker.webhooks.signature import signed

TIMEOUT_S = 15.0
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Sent:
    """What a request came to."""

    status: int
    """0: there was no answer."""
    error: str
    """Why it does not count as delivered, in our words; empty: it does."""
    took_ms: int
    retry_after_s: float | None = None
    """So long the receiver asks to be left alone."""

    @property
    def gone(self) -> bool:
        """The receiver wants nothing any more."""
        return self.status == HTTPStatus.GONE


async def send(client: Client, hook: Hook, event_id: str, body: bytes) -> Sent:
    """POST an event, signed. In each attempt it has the same `webhook-id`, and a new timestamp."""
    began, now_s = time.monotonic(), time.time()
    headers = sent_headers(hook) | signed(hook.keys(int(now_s * 1000)), event_id, int(now_s), body)
    try:
        answer = await client.send(hook.url, body, CONTENT_TYPE, headers, deadline_s=TIMEOUT_S)
    except Outcome as error:
        return Sent(0, f"{error.reason}: {error.detail}", _since_ms(began))
    if 200 <= answer.status < 300:
        return Sent(answer.status, "", _since_ms(began))
    moved = 300 <= answer.status < 400 or answer.moved_to
    what = (
        "the receiver redirects, which is not followed" if moved else f"the receiver answered {answer.status}"
    )
    status = answer.status if not answer.moved_to else HTTPStatus.TEMPORARY_REDIRECT
    return Sent(status, what, _since_ms(began), answer.retry_after_s)


def _since_ms(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
