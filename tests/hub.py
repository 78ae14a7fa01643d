"""A WebSub hub for tests: it takes requests, checks back, and tells subscribers of news, well or badly."""

from __future__ import annotations

import hashlib
import hmac
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from tests.server import Request, Response, TestServer

CHALLENGE = "is-that-you-7"


class Hub:
    """The hub under one path of a test server.

    Args:
        server: it is served there.
        host: the name under which it is known.
        lease_s: what it grants; None: it does not say.
        checks: whether it calls back by itself, once it has answered.
    """

    def __init__(
        self,
        server: TestServer,
        *,
        host: str = "127.0.0.1",
        path: str = "/hub",
        lease_s: int | None = 864_000,
        checks: bool = True,
    ) -> None:
        self.url = server.url(path, host)
        self.lease_s = lease_s
        self.checks = checks
        self.answer = Response(status=202)
        self.asked: list[dict[str, str]] = []
        """The forms that came, in order."""
        self.checked: list[tuple[int, str]] = []
        """Status and text of what subscribers said to its checks."""
        server.route(path, self._take)

    @property
    def last(self) -> dict[str, str]:
        """The newest request."""
        return self.asked[-1]

    def _take(self, request: Request) -> Response:
        assert request.method == "POST"
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        form = dict(parse_qsl(request.body.decode("utf-8"), strict_parsing=True))
        self.asked.append(form)
        if self.checks and self.answer.status == 202:
            threading.Thread(target=lambda: self.checked.append(self.check(form))).start()
        return self.answer

    def check(self, form: Mapping[str, str], **changed: str | None) -> tuple[int, str]:
        """Verify intent (5.3), with these parameters changed (None: left out)."""
        asking: dict[str, str | None] = {
            "hub.mode": form["hub.mode"],
            "hub.topic": form["hub.topic"],
            "hub.challenge": CHALLENGE,
        }
        if self.lease_s is not None and form["hub.mode"] == "subscribe":
            asking["hub.lease_seconds"] = str(self.lease_s)
        asking |= {f"hub.{name}": value for name, value in changed.items()}
        query = urlencode({name: value for name, value in asking.items() if value is not None})
        return call(f"{form['hub.callback']}?{query}")

    def publish(self, body: bytes, *, method: str = "sha256", signature: str | None = None) -> int:
        """Tell the newest subscriber of news (7); returns the status that it answers."""
        form = self.last
        headers = {"Content-Type": "application/rss+xml"}
        if signature is None and "hub.secret" in form:
            digest = hmac.new(form["hub.secret"].encode(), body, getattr(hashlib, method))
            signature = f"{method}={digest.hexdigest()}"
        if signature:
            headers["X-Hub-Signature"] = signature
        return call(form["hub.callback"], body, headers)[0]


def call(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Status and text of a GET, or of a POST of `body`."""
    asked = urllib.request.Request(url, data=body, headers=dict(headers or {}))  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 - the same
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
