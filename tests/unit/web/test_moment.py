"""Times as people read them."""

from __future__ import annotations

from worker.web.moment import at, clock, duration, moment


def test_the_publishers_offset_stays() -> None:
    """A time is shown in the zone it was written in; a plain date has no time."""
    assert moment("2024-07-03T10:00:00+02:00") == "3 Jul 2024, 10:00 +02:00"
    assert moment("2024-07-03T10:00:00.5Z") == "3 Jul 2024, 10:00 UTC"
    assert moment("2024-07-03") == "3 Jul 2024"
    assert clock("2024-07-03T10:05:00.123Z") == "10:05"


def test_what_is_no_time_is_shown_as_it_is() -> None:
    """Odd values do not break a page."""
    assert (moment("yesterday"), moment(None), moment("0000-00-00")) == ("yesterday", "", "0000-00-00")
    assert (clock("x"), clock(None)) == ("", "")


def test_durations_have_the_unit_that_fits() -> None:
    """Tenths of seconds below a minute, no seconds above an hour."""
    shown = [duration(ms) for ms in (0, 2350, 59_900, 95_000, 3_723_000, 200 * 3_600_000, None)]
    assert shown == ["0.0 s", "2.4 s", "59.9 s", "1 min 35 s", "1 h 2 min", "8 days", ""]
    assert at(1_700_000_000_123) == "2023-11-14 22:13:20.123"
