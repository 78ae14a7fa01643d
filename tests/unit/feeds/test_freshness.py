"""For how long an answer stays fresh, as its server says (RFC 9111, 4.2)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.feeds.freshness import max_age_s

NOW_S = 1_767_268_800.0  # Thu, 01 Jan 2026 12:00:00 GMT
AT_NOW, IN_AN_HOUR = "Thu, 01 Jan 2026 12:00:00 GMT", "Thu, 01 Jan 2026 13:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"cache-control": "max-age=300"}, 300),
        ({"cache-control": "public, MAX-AGE=300, must-revalidate"}, 300),
        ({"cache-control": 'max-age="300"'}, 300),
        ({"cache-control": "max-age=300", "age": "100"}, 200),
        ({"cache-control": "max-age=300", "age": "300"}, None),
        ({"cache-control": "max-age=300", "age": "new"}, 300),
        ({"cache-control": "max-age=0"}, None),
        ({"cache-control": "no-cache, no-store"}, None),
        ({"cache-control": "s-maxage=300"}, None),
        ({"cache-control": "s-maxage=900, max-age=300"}, 300),
        ({"cache-control": "stale-max-age=300"}, None),
        ({"cache-control": "max-age=-1"}, None),
        ({"cache-control": "max-age=soon"}, None),
        ({"cache-control": "max-age=99999999999999"}, None),
        ({"expires": IN_AN_HOUR}, 3600),
        ({"expires": IN_AN_HOUR, "age": "600"}, 3000),
        ({"expires": IN_AN_HOUR, "date": IN_AN_HOUR}, None),
        ({"expires": IN_AN_HOUR, "date": "nonsense"}, 3600),
        ({"expires": AT_NOW}, None),
        ({"expires": "0"}, None),
        ({"expires": "-1"}, None),
        ({"cache-control": "max-age=60", "expires": IN_AN_HOUR}, 60),
        ({"cache-control": "max-age=0", "expires": IN_AN_HOUR}, None),
    ],
)
def test_freshness(headers: dict[str, str], seconds: float | None) -> None:
    """max-age, else Expires against Date, less the time the answer lay in caches."""
    assert max_age_s(headers, NOW_S) == seconds


def test_expires_counts_from_the_servers_own_clock() -> None:
    """A server whose clock is wrong by years still says an hour."""
    headers = {"date": "Thu, 01 Jan 1970 00:00:00 GMT", "expires": "Thu, 01 Jan 1970 01:00:00 GMT"}
    assert max_age_s(headers, NOW_S) == 3600


@given(
    st.dictionaries(
        st.sampled_from(["cache-control", "expires", "date", "age"]),
        st.text(max_size=20) | st.text("max-age=,0123456789 ", max_size=20) | st.just(IN_AN_HOUR),
    )
)
def test_no_header_breaks_it(headers: dict[str, str]) -> None:
    """Servers send anything: the answer is a positive number of seconds, or none."""
    seconds = max_age_s(headers, NOW_S)
    assert seconds is None or (seconds > 0 and math.isfinite(seconds))
