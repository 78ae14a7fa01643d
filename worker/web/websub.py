"""Where hubs reach us (https://www.w3.org/TR/websub/): they check that we subscribed, and tell of news.

Open to everybody, without login: the token in the path, which only the hub was given, is what lets it in. All
that it can do is make one feed due now, a few seconds after its last poll at the soonest.
"""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, request

from worker.feeds.plain import plain
from worker.feeds.subscriptions import Subscriptions
from worker.feeds.websub import RENEW_AT, Subscription, lease_s, signed, usable_challenge
from worker.web.site import site

MAX_BYTES = 5 * 2**20
"""Of a document that a hub posts: what serve.py lets in. It is only looked at to check its signature."""
MAX_REASON = 200

log = structlog.get_logger(__name__)

blueprint = Blueprint("websub", __name__)


@blueprint.get("/websub/<token>")
def verify(token: str) -> Response:
    """The hub asks whether we meant it (5.3), or says that it won't have us (5.2)."""
    here = subscriptions()
    known = here.of_token(token)
    if known is None or request.args.get("hub.topic") != known.topic:
        return _answer(404, "no such subscription")
    mode, challenge = request.args.get("hub.mode"), request.args.get("hub.challenge")
    if mode == "denied":
        reason = plain(request.args.get("hub.reason", ""), MAX_REASON) or "no reason given"
        here.denied(known, f"the hub denies it: {reason}")
        log.warning("subscription_denied", feed=known.feed, reason=reason)
        return _answer(200, "")
    if challenge is None or not usable_challenge(challenge) or not _agreed(here, known, mode):
        return _answer(404, "not asked for")
    return _answer(200, challenge)


def _agreed(here: Subscriptions, known: Subscription, mode: str | None) -> bool:
    """Whether this is what we want; noted then."""
    if mode == "unsubscribe" and known.leaving:
        here.forget(known)
        log.info("subscription_ended", feed=known.feed)
        return True
    if mode != "subscribe" or known.leaving or known.denied:
        return False
    granted_s = lease_s(request.args.get("hub.lease_seconds"))
    log.info("subscription_verified", feed=known.feed, lease_s=granted_s)
    # The next poll was planned before: it must not come too late to renew this.
    renew_s = max(granted_s * RENEW_AT, site().settings.poll_min)
    site().ledger.hasten(known.feed, "its subscription is to be renewed", within_s=renew_s)
    return here.verified(known, granted_s)


@blueprint.post("/websub/<token>")
def told(token: str) -> Response:
    """The feed has news (7): it is due now. What the hub posts is not used.

    A bad signature is answered like a good one (7.1): who guesses learns nothing.
    """
    here = subscriptions()
    known = here.of_token(token)
    if known is None or known.leaving or known.denied:
        return _answer(410, "no such subscription")
    if known.secret and not signed(request.headers.get("X-Hub-Signature"), request.get_data(), known.secret):
        log.warning("websub_bad_signature", feed=known.feed)
        return _answer(202, "")
    here.pinged(known)
    if not site().ledger.hasten(known.feed, "its hub told us of news"):
        here.forget(known)
        return _answer(410, "no such subscription")
    log.info("websub_told", feed=known.feed)
    return _answer(202, "")


def subscriptions() -> Subscriptions:
    """The subscriptions of this process's Redis."""
    return Subscriptions(site().redis, site().keys)


def _answer(status: int, text: str) -> Response:
    # Plain text and nosniff (which every answer gets): a challenge must not become markup (8.2).
    return Response(text, status, content_type="text/plain; charset=utf-8")
