"""What `palmyra verify` finds in events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.event import encode
from worker.golden import golden_event, golden_events
from worker.verify import EXAMPLES, PROBLEMS, Problem, Published, Report, Verifier


def plain(revision: int = 1, article: str = "a" * 16, **changes: Any) -> dict[str, Any]:
    """A valid event as plain data, with these attributes changed."""
    event = golden_event("published").model_dump(mode="json")
    data = event["data"] | {"id": article, "revision": revision}
    return event | {"id": f"{article}:{revision}", "subject": article, "data": data} | changes


def verify(*events: Any) -> list[Problem]:
    verifier = Verifier()
    found = [one for at, event in enumerate(events) for one in verifier.look(str(at), json.dumps(event))]
    return found + list(verifier.gaps())


def kinds(*events: Any) -> list[str]:
    return [problem.kind for problem in verify(*events)]


def test_the_golden_events_are_well() -> None:
    """They are what a consumer gets."""
    verifier = Verifier()
    for event in golden_events():
        assert list(verifier.look("1", encode(event.model_dump(mode="json")))) == []
    assert list(verifier.gaps()) == []
    assert (verifier.events, verifier.articles) == (5, 3)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("no object", "all of it"),
        ({}, "and 6 more"),
        (plain(specversion="0.3"), "specversion: an unknown value"),
        (plain(type="news.article.lost.v1"), "type: an unknown value"),
        (plain(time="yesterday"), "time: not written as it should be"),
        (plain(data=plain()["data"] | {"revision": "1"}), "data.revision: not of its type or range"),
        (plain(data=plain()["data"] | {"authors": None}), "data.authors: not of its type or range"),
        (plain(data={k: v for k, v in plain()["data"].items() if k != "text"}), "data.text: missing"),
    ],
)
def test_what_the_schema_refuses(event: Any, said: str) -> None:
    """Named by its field, without a word of what stood there."""
    (problem,) = verify(event)
    assert problem.kind == "schema"
    assert said in problem.detail
    assert "yesterday" not in problem.detail


def test_what_is_no_json() -> None:
    """Cut lines and bytes that are no text are problems, not crashes."""
    for raw in (b"{", b"\xff\xfe", b"null", b"[" * 10_000):
        assert [problem.kind for problem in Verifier().look("1", raw)] == ["schema"]


def test_fields_that_are_not_known_yet_are_fine() -> None:
    """The contract may grow: a consumer's older palmyra checks newer events."""
    assert verify(plain(data=plain()["data"] | {"mood": "good"}, traceparent="00-1")) == []


def test_ids_are_those_of_the_article() -> None:
    """Both the event's id and its subject."""
    assert kinds(plain(id="b" * 16 + ":1")) == ["id"]
    assert kinds(plain(id="a" * 16 + ":2")) == ["id"]
    assert kinds(plain(subject="b" * 16)) == ["id"]


def test_order_and_gaps() -> None:
    """Each revision once, one after the other, from wherever one begins."""
    assert kinds(plain(1), plain(2), plain(3)) == []
    assert kinds(plain(4), plain(1, "b" * 16), plain(5)) == []
    assert kinds(plain(1), plain(1)) == ["twice"]
    assert kinds(plain(1), plain(3), plain(2)) == ["order"]
    gaps = verify(plain(2), plain(5))
    assert [(one.kind, one.event) for one in gaps] == [("gap", "a" * 16 + ":3"), ("gap", "a" * 16 + ":4")]


def test_the_streams_own_fields_say_the_same() -> None:
    """Consumers may select by them without reading the event."""
    event = golden_event("published")
    raw = encode(event.model_dump(mode="json")).encode()
    fields = {b"id": event.id.encode(), b"type": event.type.value.encode(), b"event": raw}
    assert list(Verifier().look_at_entry("1-0", fields)) == []
    (problem,) = Verifier().look_at_entry("1-0", fields | {b"type": b"else"})
    assert (problem.kind, problem.where, problem.event) == ("entry", "1-0", event.id)
    assert [one.kind for one in Verifier().look_at_entry("1-0", {b"else": b""})] == ["schema"]


def test_what_the_ledger_has_must_have_come() -> None:
    """The newest revision or a later one; what lies before the position is not asked for."""
    verifier = Verifier()
    for event in (plain(2), plain(3)):
        assert list(verifier.look("1", json.dumps(event))) == []
    known = [Published("a" * 16, 2, "9-0"), Published("b" * 16, 1, "5-1"), Published("c" * 16, 4, "7-0")]
    assert [one.event for one in verifier.missing(known)] == ["b" * 16 + ":1", "c" * 16 + ":4"]
    assert [one.event for one in verifier.missing(known, (5, 1))] == ["c" * 16 + ":4"]


def test_reports_are_bounded_and_count_everything() -> None:
    """The first problems are kept; kinds that are none to this consumer are not counted."""
    report = Report()
    report.add([Problem("gap", "", str(n), "") for n in range(EXAMPLES + 5)])
    report.add([Problem("twice", "1", "x", "")], frozenset({"twice"}))
    assert (report.counts, len(report.problems)) == ({"gap": EXAMPLES + 5}, EXAMPLES)
    assert set(report.counts) <= set(PROBLEMS)
