"""How a request went, in words."""

from __future__ import annotations

from jobs.trip import told


def test_it_says_size_time_address_and_way() -> None:
    """As far as each is known."""
    assert told(512, 12, "192.0.2.1", ()) == "512 bytes in 12 ms from 192.0.2.1"
    assert told(None, 12, "", ()) == "12 ms"
    way = ["https://one.test/a?token=secret", "https://one.test/b"]
    words = told(0, 12, "::1", way)
    assert words.startswith("0 bytes in 12 ms from ::1, by way of https://one.test/a?token=")
    assert "secret" not in words
    assert words.endswith(", https://one.test/b")


def test_it_is_bounded() -> None:
    """However many redirects there were, and however long."""
    words = told(1, 1, "::1", [f"https://one.test/{'x' * 4000}"] * 8)
    assert words.endswith(" and 5 more")
    assert len(words) < 450
