"""What operators are told to do is what the documentation says."""

from __future__ import annotations

from jobs.errors import MEANING
from tests.unit.test_docs import OPERATING, rows, section
from worker.advice import ADVICE, advice


def test_every_reason_has_the_advice_of_the_documentation() -> None:
    """`palmyra failed show` and `docs/operating.md` say the same, word by word."""
    documented = {
        word.strip("`"): what for word, *_, what in rows(section(OPERATING, "When a link brings no article"))
    }
    assert documented == ADVICE
    assert set(ADVICE) == {str(reason) for reason in MEANING}


def test_no_reason_needs_no_advice() -> None:
    """Neither a link that was published, nor a word of another version."""
    assert advice(None) is None
    assert advice("word_of_the_future") is None
