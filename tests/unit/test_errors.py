"""The error tree and the vocabulary of reasons."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.errors import MEANING, VOCABULARY, Kind, Outcome, PalmyraError, Permanent, Reason, Retry, Skip
from worker.feeds.errors import MEANING as FEED_MEANING
from worker.feeds.errors import FeedReason


@pytest.mark.parametrize("reason", [*Reason, *FeedReason])
def test_every_reason_has_a_word_and_a_meaning(reason: Reason | FeedReason) -> None:
    """The word can be searched for and is a label of metrics; the meaning is one plain clause."""
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", reason)
    meaning = reason.meaning
    assert re.fullmatch(r"[a-z][^\n]*[^.!\s]", meaning), "goes on in a sentence"


def test_no_reason_means_what_another_means() -> None:
    """One word for one thing."""
    assert len(set(MEANING.values())) == len(MEANING) == len(Reason)
    assert len(set(FEED_MEANING.values())) == len(FEED_MEANING) == len(FeedReason)


def test_every_reason_has_a_kind() -> None:
    """One of retry, permanent and skip, in one place."""
    assert list(VOCABULARY) == list(Reason)
    assert {reason.kind for reason in Reason} == set(Kind)


def raised() -> Iterator[tuple[str, str, str]]:
    """Where in `jobs` an outcome is made, of which class, for which reason."""
    for file in sorted((Path(__file__).parents[2] / "jobs").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                reason = node.args[0]
                if node.func.id in ("Skip", "Retry", "Permanent") and isinstance(reason, ast.Attribute):
                    yield f"{file.name}:{node.lineno}", node.func.id, reason.attr


def test_reasons_are_used_as_their_kind() -> None:
    """What the vocabulary says of a reason is what the code does with it."""
    made = list(raised())
    assert len(made) > 30
    wrong = [row for row in made if Reason[row[2]].kind != row[1].lower()]
    assert wrong == []


@pytest.mark.parametrize("kind", [Skip, Retry, Permanent])
def test_an_outcome_says_what_and_where(kind: type[Outcome]) -> None:
    """The message is the meaning and what was tried; the reason and the detail are there for code."""
    error = kind(Reason.NOT_FOUND, "a.test: status 404")
    assert str(error) == "the site says there is no such page: a.test: status 404"
    assert (error.reason, error.detail) == (Reason.NOT_FOUND, "a.test: status 404")
    assert str(kind(Reason.GONE)) == Reason.GONE.meaning
    assert isinstance(error, PalmyraError)


def test_only_a_retry_carries_a_time() -> None:
    """Retry-After, when the site sent one."""
    assert Retry(Reason.RATE_LIMITED).after_s is None
    assert Retry(Reason.RATE_LIMITED, after_s=5).after_s == 5
    assert not hasattr(Skip(Reason.EMPTY), "after_s")


def test_an_error_without_words_says_its_docstring() -> None:
    """Each class explains itself."""

    class Lost(PalmyraError):
        """It is lost. Look again."""

    assert str(Lost()) == "It is lost. Look again."
    assert str(Lost("under the sofa")) == "under the sofa"


@pytest.mark.parametrize("kind", [Skip, Retry, Permanent])
def test_outcomes_are_no_builtin_errors(kind: type[Outcome]) -> None:
    """Nothing that catches OSError or ValueError swallows one by accident."""
    assert not issubclass(kind, (OSError, ValueError, RuntimeError, LookupError))
