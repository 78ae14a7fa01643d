"""A feed gets a new address only when its redirect is permanent, and has been for a day."""

from __future__ import annotations

from worker.feeds.moved import LEAST_S, Move, has_held, seen

DAY_MS = LEAST_S * 1000
NEW, OTHER = "https://new.test/feed", "https://other.test/feed"


def test_a_redirect_that_holds_for_several_polls_over_a_day_moves_the_feed() -> None:
    """Neither many polls in an hour nor two polls in a week are enough."""
    move = Move()
    for minute in range(60):
        move = seen(move, NEW, minute * 60_000)
        assert not has_held(move, minute * 60_000)
    assert not has_held(seen(seen(Move(), NEW, 0), NEW, 7 * DAY_MS), 7 * DAY_MS)
    assert has_held(seen(move, NEW, DAY_MS), DAY_MS)


def test_a_redirect_that_changes_or_stops_starts_anew() -> None:
    """Only the same target, without a break, counts."""
    move = seen(seen(Move(), NEW, 0), NEW, 1000)
    assert seen(move, OTHER, DAY_MS) == Move(OTHER, DAY_MS, 1)
    assert seen(move, "", DAY_MS) == Move()
    assert not has_held(Move(), DAY_MS)


def test_a_move_survives_being_kept() -> None:
    """What is kept in the feed's hash says the same when it is read."""
    for move in (Move(), Move(NEW, 5, 2)):
        assert Move.parse(move.text) == move
