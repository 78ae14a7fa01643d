"""Who may ask for what."""

from __future__ import annotations

import pytest

from worker.web.access import is_loopback, is_same_origin, password_matches

HOST = "127.0.0.1:8000"


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "127.0.0.1:8000", "127.8.8.8", "[::1]:8000", "[::1]", "localhost."],
)
def test_names_of_this_machine_are_loopback(host: str) -> None:
    """Whoever opens the address that palmyra prints gets in."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.test", "evil.test:8000", "127.0.0.1.evil.test", "localhost.evil.test", "10.0.0.1", "[::", "@"],
)
def test_other_names_are_not_loopback(host: str) -> None:
    """A name that an attacker makes resolve to 127.0.0.1 is still the attacker's (DNS rebinding)."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": f"http://{HOST}"},
        {"Origin": f"HTTPS://{HOST}"},  # behind a proxy that ends TLS
        {"Referer": f"http://{HOST}/rq/0/view/jobs"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    ],
)
def test_a_change_asked_for_by_our_own_page_is_let_through(headers: dict[str, str]) -> None:
    """Any of the three headers that browsers send is enough."""
    assert is_same_origin(headers, HOST)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.test"},
        {"Origin": f"http://{HOST}.evil.test"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://[::1"},
        {"Referer": f"http://evil.test/?{HOST}"},
        {"Sec-Fetch-Site": "cross-site", "Origin": f"http://{HOST}"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_change_asked_for_by_another_page_is_refused(headers: dict[str, str]) -> None:
    """Another site's form or script, or a request that does not say where it comes from, changes nothing."""
    assert not is_same_origin(headers, HOST)


def test_only_the_password_itself_matches() -> None:
    """Nothing shorter, longer, other or absent; and characters beyond ASCII are no trouble."""
    assert password_matches("sësame", "sësame")
    for wrong in (None, "", "sësam", "sësame ", "sesame"):
        assert not password_matches(wrong, "sësame")
