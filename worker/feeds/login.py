"""Feeds behind a password: the user-info of a feed's URL, as HTTP Basic authentication (RFC 7617). Pure."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

# The authority ends where `jobs.urls.split` sees its end, so that both mean the same host. What does not look
# like this is left as it is; the client then refuses a user-info that is still there.
_WITH_USER = re.compile(r"\A(\s*https?:[/\\]{2})([^/\\?#]*)@(.*)\Z", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Login:
    """A feed's URL, taken apart."""

    url: str
    """Without user-info: what is asked for."""
    user: str = ""
    """As written, percent-encoded."""
    password: str = field(default="", repr=False)
    """As written, percent-encoded."""

    @property
    def headers(self) -> dict[str, str]:
        """The ``Authorization`` header, if there is a user or a password."""
        if not self.user and not self.password:
            return {}
        user, password = (text.encode("utf-8", "surrogateescape") for text in (self.user, self.password))
        pair = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def login(url: str) -> Login:
    """Take the user-info out of a feed's URL (RFC 3986, 3.2.1). Never raises."""
    match = _WITH_USER.match(url)
    if match is None:
        return Login(url)
    user, _, password = match[2].partition(":")
    return Login(match[1] + match[3], user, password)
