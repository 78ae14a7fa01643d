"""`tail --where`: an expression over an event's data, in which nothing can be called."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
import typer
from hypothesis import example, given
from hypothesis import strategies as st

from worker.commands.where import MAX_DEPTH, compile_where

DATA: dict[str, Any] = {
    "language": "de",
    "word_count": 300,
    "authors": ["AFP", "Newsroom staff"],
    "source": {"name": "Example", "domain": "example.com"},
    "section": None,
    "duplicate": None,
    "items": [1, 2],
    "quality": {"score": 0.5, "issues": []},
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("language == 'de'", True),
        ("language != 'de'", False),
        ("language in ('de', 'fr')", True),
        ("language not in ['en', 'fr']", True),
        ("'AFP' in authors", True),
        ("'afp' in authors", False),
        ("word_count > 200 and language == 'de'", True),
        ("word_count > 300 or language == 'en'", False),
        ("100 < word_count <= 300", True),
        ("100 < word_count < 300", False),
        ("not word_count > 300", True),
        ("source.domain == 'example.com'", True),
        ("source.domain.deeper == 'x'", False),
        ("quality.score >= 0.5 and not quality.issues", True),
        ("section == None", True),
        ("not duplicate", True),
        ("authors", True),
        ("True", True),
        ("'example' in source.domain", True),
        # What is absent or can't be compared does not match, whichever way one asks.
        ("nothing == 'x'", False),
        ("nothing > 5", False),
        ("not nothing > 5", False),
        ("'x' in nothing", False),
        ("'x' not in nothing", False),
        ("word_count > 'many'", False),
        ("word_count > 'many' or language == 'de'", True),
        ("section < 5", False),
        ("items == [1, 2]", True),
    ],
)
def test_an_expression_selects(text: str, holds: bool) -> None:
    """Names are fields, dots go into objects, and a missing field is no error."""
    assert compile_where(text)(DATA) is holds


def test_without_an_expression_everything_is_selected() -> None:
    """`--where` is optional."""
    assert compile_where(None)({}) is True


@pytest.mark.parametrize(
    "text",
    [
        "print(1)",
        "language.upper() == 'DE'",
        "__import__('os').system('true')",
        "[x for x in authors]",
        "(lambda: 1)()",
        "authors[0] == 'AFP'",
        "f'{language}' == 'de'",
        "word_count + 1 > 2",
        "'a' * 1000000000 == 'b'",
        "2 ** 999999999 > 1",
        "-word_count < 0",
        "(x := 5) == 5",
        "word_count if True else 1",
        "{'a': 1} == 1",
        "*authors",
        "language is 'de'",
        "await x",
        "",
        "   ",
        "language ==",
        "a; b",
        "a = 1",
        "\x00",
        "\ud800 == 1",
        "'unclosed",
        "(" * 300 + "1" + ")" * 300,
        "not " * 5000 + "a",
        "a" + ".b" * 5000,
        "9" * 5000 + " == 1",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """With a message that quotes the expression, before any event is read."""
    with pytest.raises(typer.BadParameter):
        compile_where(text)


def test_what_is_compiled_can_be_evaluated() -> None:
    """The deepest expression that is accepted still runs, far from Python's limit of recursion."""
    for deepest in ("not " * (MAX_DEPTH - 3) + "a", "a" + ".b" * (MAX_DEPTH - 3)):
        assert compile_where(deepest)({"a": {}}) in (True, False)
    with pytest.raises(typer.BadParameter, match="nested too deeply"):
        compile_where("not " * MAX_DEPTH + "a")


def test_odd_escapes_are_no_warnings() -> None:
    """Python's advice on an operator's pattern is of no use to them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compile_where(r"language == '\d'")(DATA) is False


PIECES = """language source.domain authors 'de' 5 None and or not in == < ( ) [ ] , . x() lambda: ... b'x' 1j
1e999 is \\ @ {} # ; if else"""
WORDS = st.sampled_from(PIECES.split())
EXPRESSIONS = st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


class Trap(dict[str, Any]):
    """Data whose parts must not be called, or looked at other than by key."""

    def __call__(self, *args: object) -> None:
        raise AssertionError("called")


@given(
    EXPRESSIONS, st.dictionaries(st.sampled_from(["language", "source", "authors", "x"]), JSON, max_size=4)
)
@example("x()", {})
@example("1 < language < 2", {"language": []})
def test_no_expression_breaks_anything(text: str, data: dict[str, Any]) -> None:
    """It is refused as a usage error, or says yes or no about every event; nothing is ever called."""
    try:
        holds = compile_where(text)
    except typer.BadParameter:
        return
    trapped = Trap({name: Trap(value) if isinstance(value, dict) else value for name, value in data.items()})
    assert holds(trapped) in (True, False)
    assert holds(json.loads(json.dumps(data))) in (True, False)
