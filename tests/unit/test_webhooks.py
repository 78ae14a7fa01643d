"""The pure parts of webhooks: signatures, and when what failed is tried again."""

from __future__ import annotations

import base64
import datetime

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from worker.webhooks import retry
from worker.webhooks.hook import Hook
from worker.webhooks.retry import GIVE_UP_S, IN_PLACE, LONGEST_PAUSE_S, Try, failed, given_up, pause_s
from worker.webhooks.signature import PREFIX, BadSecret, key_of, new_secret, signed

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000


# -- signatures --------------------------------------------------------------------------------------------
@given(st.binary(max_size=200), st.from_regex(r"[!-~]{1,40}", fullmatch=True))
def test_signatures_are_those_of_standard_webhooks(body: bytes, event_id: str) -> None:
    """The reference implementation makes the same, whatever is signed."""
    secret = new_secret()
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = body.hex()
    headers = signed([key_of(secret)], event_id, 1_700_000_000, text.encode())
    then = datetime.datetime.fromtimestamp(1_700_000_000, datetime.UTC)
    assert headers["Webhook-Signature"] == standardwebhooks.Webhook(secret).sign(event_id, then, text)
    assert (headers["Webhook-Id"], headers["Webhook-Timestamp"]) == (event_id, "1700000000")


def test_secrets_are_long_and_never_the_same() -> None:
    """32 random bytes."""
    secrets = {new_secret() for _ in range(50)}
    assert len(secrets) == 50
    assert {len(key_of(secret)) for secret in secrets} == {32}


@pytest.mark.parametrize(
    "secret",
    [
        "",
        PREFIX,
        "whsec_ä",
        PREFIX + base64.b64encode(b"x" * 23).decode(),
        PREFIX + base64.b64encode(b"x" * 65).decode(),
        base64.b64encode(b"x" * 32).decode(),
        PREFIX + "not base64 at all, but long enough for it!",
    ],
)
def test_what_is_no_secret_is_refused_without_repeating_it(secret: str) -> None:
    """Too short, too long, no base64, no prefix."""
    with pytest.raises(BadSecret) as raised:
        key_of(secret)
    assert not secret.removeprefix(PREFIX) or secret not in str(raised.value)


def test_a_hook_hides_its_secrets() -> None:
    """They are not in its repr, which ends up in logs."""
    hook = Hook("abcdefgh", "https://me.example/?token=hidden", new_secret(), headers="X-Key: hidden")
    assert hook.secret not in repr(hook)
    assert "hidden" not in repr(hook)
    assert "hidden" not in hook.public_url


# -- trying again ------------------------------------------------------------------------------------------
def test_pauses_grow_to_an_hour() -> None:
    """5 s, 20 s, 80 s, 5 min, 21 min, an hour, up to a quarter more each."""
    for failures, least_s in ((1, 5), (2, 20), (3, 80), (4, 320), (5, 1280), (6, 3600), (1000, 3600)):
        found = [pause_s(failures) for _ in range(50)]
        assert least_s <= min(found)
        assert max(found) <= least_s * (1 + retry.JITTER)
        assert len(set(found)) > 1, "those that failed together don't come back together"


def test_the_receivers_own_wish_counts() -> None:
    """Retry-After lengthens a pause and never shortens it; nobody is waited for longer than a day."""
    assert pause_s(1, 600.0) == 600
    assert pause_s(9, 1.0) >= LONGEST_PAUSE_S
    assert pause_s(1, 1e9) == GIVE_UP_S


def test_an_event_is_set_aside_after_a_few_attempts() -> None:
    """Before that it stays where it is, and order is kept; what was requeued never holds up others."""
    tried = Try()
    for count in range(1, IN_PLACE):
        tried = failed(tried, NOW_MS + count)
        assert (tried.count, tried.again_ms, tried.first_ms) == (count, 0, NOW_MS + 1)
    assert failed(tried, NOW_MS + 9).again_ms > NOW_MS + 9
    assert failed(Try(0, NOW_MS, NOW_MS, requeued=True), NOW_MS).again_ms > NOW_MS


@pytest.mark.parametrize(
    ("tried", "event_ms", "failing_ms", "over"),
    [
        # The hook works, but for this event: a day from its first attempt.
        (Try(5, NOW_MS - DAY_MS - 1), NOW_MS - 9 * DAY_MS, 0, True),
        (Try(5, NOW_MS - DAY_MS + 9), NOW_MS - 9 * DAY_MS, 0, False),
        (Try(), NOW_MS - 9 * DAY_MS, 0, False),
        # It answers nothing: a day from the first failure, or from the event where that is later.
        (Try(), NOW_MS - 9 * DAY_MS, NOW_MS - DAY_MS - 1, True),
        (Try(), NOW_MS - 9 * DAY_MS, NOW_MS - DAY_MS + 9, False),
        (Try(), NOW_MS - DAY_MS + 9, NOW_MS - 9 * DAY_MS, False),
        (Try(), NOW_MS - DAY_MS - 1, NOW_MS - 9 * DAY_MS, True),
        (Try(1, NOW_MS - 10), NOW_MS - DAY_MS - 1, NOW_MS - 9 * DAY_MS, True),
        # Requeued: a day from then, whatever was before.
        (Try(1, NOW_MS - 10, 1, requeued=True), NOW_MS - 9 * DAY_MS, NOW_MS - 9 * DAY_MS, False),
        (Try(1, NOW_MS - DAY_MS - 1, 1, requeued=True), NOW_MS - 9 * DAY_MS, 0, True),
    ],
)
def test_an_event_is_given_up_after_a_day(tried: Try, event_ms: int, failing_ms: int, over: bool) -> None:
    """Of attempts; or untried, when its hook has answered nothing for that long."""
    assert given_up(tried, event_ms, failing_ms, NOW_MS) is over
