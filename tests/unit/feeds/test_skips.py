"""RSS skipHours and skipDays."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from worker.feeds.parse import parse
from worker.feeds.skips import allowed_from, pack, skip_days, skip_hours, unpack


def feed(wish: str) -> bytes:
    item = "<item><title>One</title><link>https://news.example/1</link></item>"
    return f'<rss version="2.0"><channel><title>News</title>{wish}{item}</channel></rss>'.encode()


@pytest.mark.parametrize(
    ("wish", "hours"),
    [
        ("", ()),
        ("<skipHours><hour>0</hour><hour> 5 </hour>\n<hour>23</hour></skipHours>", (0, 5, 23)),
        ("<skipHours><hour>24</hour><hour>1</hour></skipHours>", (0, 1)),
        ("<skiphours><hour>7</hour></skiphours>", (7,)),
        ("<skipHours><hour>25</hour><hour>-1</hour><hour>x</hour></skipHours>", ()),
        ("<skipHours>" + "".join(f"<hour>{n}</hour>" for n in range(24)) + "</skipHours>", ()),
        ("<skipHours><hour>3</hour>", ()),
    ],
    ids=["none", "RSS 2.0", "RSS 0.91", "other case", "no hours", "all of them", "cut off"],
)
def test_hours(wish: str, hours: tuple[int, ...]) -> None:
    """What can be meant is heard, in both ways of counting; what can't be meant is not."""
    assert parse(feed(wish), url="https://news.example/feed").skip_hours == hours


@pytest.mark.parametrize(
    ("wish", "days"),
    [
        ("", ()),
        ("<skipDays><day>Saturday</day><day> sunday </day></skipDays>", (5, 6)),
        ("<skipDays><day>Caturday</day></skipDays>", ()),
    ],
)
def test_days(wish: str, days: tuple[int, ...]) -> None:
    """By name, Monday is 0."""
    assert parse(feed(wish), url="https://news.example/feed").skip_days == days


def test_a_hostile_document_takes_no_time() -> None:
    """Five megabytes of openings without an end."""
    started = time.monotonic()
    for hostile in ("<skipHours><hour>", "<skipHours" + 50 * " ", "<skipHours></skipHours>" + 50 * "<hour>"):
        long = hostile * (5_000_000 // len(hostile))
        assert skip_hours(long) == skip_days(long.replace("Hours", "Days").replace("hour", "day")) == ()
    assert time.monotonic() - started < 5


def test_the_first_allowed_moment() -> None:
    """The very moment where nothing is skipped; else the full hour after what is."""
    noon = datetime(2026, 1, 9, 12, 30, tzinfo=UTC).timestamp()  # a Friday
    assert allowed_from(noon, (), ()) == noon
    assert allowed_from(noon, (11, 13), (5,)) == noon
    assert allowed_from(noon, (12, 13), ()) == datetime(2026, 1, 9, 14, tzinfo=UTC).timestamp()
    assert allowed_from(noon, (0,), (4, 5, 6)) == datetime(2026, 1, 12, 1, tzinfo=UTC).timestamp()


def test_they_are_kept_as_text() -> None:
    """And read back."""
    assert unpack(pack((0, 5, 23))) == (0, 5, 23)
    assert unpack(pack(())) == ()
