"""Who asks: what publishers see of us in their logs (RFC 9110, 10.1.5)."""

from __future__ import annotations

import re
from importlib.metadata import version

PRODUCT = f"Palmyra/{version('palmyra')}"
MAX_CONTACT_CHARS = 200

# What may stand in a header's comment as it is, and in a URL or an address.
_URL = re.compile(r"https?://[A-Za-z0-9\[][!#$%&'*+,./0-9:=?A-Z\[\]_a-z~-]*", re.IGNORECASE)
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


def user_agent(contact: str | None = None) -> str:
    """The project, and where publishers reach whoever runs it (see `is_contact`), if that is known."""
    if not contact:
        return f"{PRODUCT} (news feed reader)"
    return f"{PRODUCT} (news feed reader; {contact if '@' in contact else f'+{contact}'})"


def is_contact(text: str) -> bool:
    """Whether a text is a URL (without user-info) or an e-mail address that can be sent in a header."""
    return len(text) <= MAX_CONTACT_CHARS and bool(_URL.fullmatch(text) or _MAIL.fullmatch(text))
