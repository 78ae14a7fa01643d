"""How a webhook is signed (https://www.standardwebhooks.com, version 1.0.0). Pure.

Signed is ``<id>.<timestamp>.<body>``, with HMAC-SHA256 and the key that the secret holds.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable

from jobs.errors import PalmyraError

PREFIX = "whsec_"
KEY_BYTES = 32
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64
"""What the specification recommends."""


class BadSecret(PalmyraError):
    """Not a secret: `whsec_` and then base64 of 24 to 64 bytes."""


def new_secret() -> str:
    """A secret that nobody knows yet."""
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The key that a secret holds.

    Raises:
        BadSecret: it holds none. The message does not repeat it.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise BadSecret(f"That is no secret: write {PREFIX} and then base64 of 24 to 64 bytes")
    return key


def signed(keys: Iterable[bytes], message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers of a webhook, with a signature for each key: while one replaces another there are two."""
    content = f"{message_id}.{timestamp_s}.".encode() + body
    made = (base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys)
    return {
        "Webhook-Id": message_id,
        "Webhook-Timestamp": str(timestamp_s),
        "Webhook-Signature": " ".join(f"v1,{signature}" for signature in made),
    }
