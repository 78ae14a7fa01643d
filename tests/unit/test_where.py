"""The where language: an expression over articles, in which nothing can be called. One suite for all who
use it: `tail --where`, `worker.client`, `/events?where=` and webhooks."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.article import Article
from worker.where import MAX_CHARS, MAX_DEPTH, MAX_NODES, BadWhere, compile_event_where, compile_where

DATA: dict[str, Any] = {
    "language": "de",
    "word_count": 300,
    "authors": ["AFP", "Newsroom staff"],
    "source": {"name": "Example", "domain": "example.com"},
    "section": None,
    "duplicate": None,
    "story": {"id": "s", "size": 2},
    "quality": {"score": 0.5, "issues": []},
    "places": [
        {"name": "New York", "country": "US", "latitude": 40.7, "longitude": -74.0},
        {"name": "Paris", "country": "FR", "latitude": None, "longitude": None},
    ],
    "topics": [{"code": "medtop:04000000", "name": "economy, business and finance", "confidence": 0.9}],
    "tags": [],
    "provenance": {"headline": "json-ld"},
    "extra": {"ours": {"desk": "east"}},
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
        ("word_count > -5 and story.size > 1.5", True),
        ("not word_count > 300", True),
        ("source.domain == 'example.com'", True),
        ("quality.score >= 0.5 and not quality.issues", True),
        ("not duplicate", True),
        ("story and not tags", True),
        ("authors", True),
        ("True", True),
        ("true and not false", True),
        ("'example' in source.domain", True),
        ("authors == ['AFP', 'Newsroom staff']", True),
        ("  language\n== 'de'", True),
        # Into lists of objects
        ("'FR' in places.country", True),
        ("'DE' in places.country", False),
        ("40.7 in places.latitude", True),
        ("'Paris' in places", True),
        ("'York' in places", True),
        ("'Yor' in places", False),
        ("'US' in places", True),
        ("'economy' in topics", True),
        ("'economy, business and finance' in topics", True),
        ("'medtop:04000000' in topics", True),
        ("'sport' in topics", False),
        ("'sport' not in topics", True),
        ("'' in topics", False),
        # Where any name may be there
        ("provenance.headline == 'json-ld'", True),
        ("provenance.anything == 'json-ld'", False),
        ("extra.ours.desk == 'east'", True),
        # What can't be compared does not match, whichever way one asks.
        ("word_count > 'many'", False),
        ("not word_count > 'many'", False),
        ("word_count > 'many' or language == 'de'", True),
        ("'x' in word_count", False),
    ],
)
def test_an_expression_selects(text: str, holds: bool) -> None:
    """Names are fields, dots go into objects and through lists, and nothing raises."""
    assert compile_where(text)(DATA) is holds


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("section == 'x'", False),
        ("section != 'x'", False),
        ("not section == 'x'", False),
        ("not section != 'x'", False),
        ("section in ('x', 'y')", False),
        ("section not in ('x', 'y')", False),
        ("'x' in section", False),
        ("'x' not in section", False),
        ("section < 5 or section >= 5", False),
        ("duplicate.kind == 'wire'", False),
        ("duplicate.kind != 'wire'", False),
        ("not (section == 'x' and language == 'de')", False),
        ("not (section == 'x' and language == 'en')", True),
        ("not (section == 'x' or language == 'de')", False),
        ("not (section == 'x' or language == 'en')", False),
        ("section == 'x' or language == 'de'", True),
        ("section == section", False),
        # Asked for by itself it is a value like others.
        ("section == null", True),
        ("section != null", False),
        ("null == section", True),
        ("language == None", False),
        ("language != null and section == null", True),
        ("duplicate.kind == null", True),
        ("section > null", False),
    ],
)
def test_null_never_matches(text: str, holds: bool) -> None:
    """A comparison with what is null is neither true nor false, and so is what follows from it, as in SQL."""
    assert compile_where(text)(DATA) is holds
    without = {name: value for name, value in DATA.items() if value is not None}
    assert compile_where(text)(without) is holds, "what is absent is null"


@pytest.mark.parametrize(
    ("text", "said", "at"),
    [
        ("langauge == 'fr'", "no field is called langauge (did you mean language?)", 0),
        ("language == 'fr' and wordcount > 3", "no field is called wordcount (did you mean word_count?)", 21),
        ("'é' == 'ü' or langauge", "no field is called langauge", 14),
        ("source.domian == 'x'", "no field is called source.domian (did you mean source.domain?)", 0),
        ("domain == 'x'", "did you mean source.domain?", 0),
        ("source.colour == 1", "there are name, domain", 0),
        ("'x' in places.contry", "did you mean places.country?", 7),
        ("language.code == 'de'", "the field language holds no others", 0),
        ("completely_other == 1", "no field is called completely_other,", 0),
        ("source.domain.deeper == 'x'", "the field source.domain holds no others", 0),
        ("language = 'de'", "can't be read", 9),
        ("language == 'de' and x is y", "write == to compare", 21),
        ("(language == 'de'", "never closed", 0),
        ("   language == == 1", "can't be read", 15),
        ("", "the expression is empty", 0),
        ("   ", "the expression is empty", 0),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str, at: int) -> None:
    """What, at which character, and the nearest name that there is: before any event is read."""
    with pytest.raises(BadWhere) as raised:
        compile_where(text)
    assert said in str(raised.value)
    assert raised.value.at == at
    assert f"at character {at + 1} of: {text}" in str(raised.value)


def test_every_field_of_an_article_can_be_asked_for() -> None:
    """The names come from the model: a new field needs nothing here."""
    for name in Article.model_fields:
        assert compile_where(f"{name} == null")({}) is True


def test_a_withdrawal_passes_every_expression() -> None:
    """It says nothing any more of what was asked for, and whoever holds the article must hear of it."""
    holds = compile_event_where("language == 'de'")
    assert holds({"type": "news.article.withdrawn.v1", "data": {"language": None}}) is True
    assert holds({"type": "news.article.updated.v1", "data": {"language": None}}) is False
    assert holds({"type": "news.article.published.v1", "data": {"language": "de"}}) is True
    assert holds({"type": "news.article.published.v1"}) is False


@pytest.mark.parametrize(
    "text",
    [
        "print(1)",
        "language.upper() == 'DE'",
        "__import__('os').system('true')",
        "__class__",
        "language.__class__",
        "source.__class__.__mro__ == 1",
        "provenance.__class__.x()",
        "''.__class__ == 1",
        "().__class__.__bases__",
        "'{0.__class__}'.format(language) == 'x'",
        "'%s' % language == 'de'",
        "[x for x in authors]",
        "any(x for x in authors)",
        "{x for x in authors}",
        "(lambda: 1)()",
        "lambda: 1",
        "authors[0] == 'AFP'",
        "source['domain'] == 'x'",
        "f'{language}' == 'de'",
        "word_count + 1 > 2",
        "'a' * 1000000000 == 'b'",
        "[1] * 1000000000 == []",
        "2 ** 999999999 > 1",
        "9 ** 9 ** 9 ** 9 > 1",
        "1 << 999999999 > 1",
        "-word_count < 0",
        "--5 < word_count",
        "~5 < word_count",
        "(x := 5) == 5",
        "word_count if True else 1",
        "{'a': 1} == 1",
        "*authors",
        "language is 'de'",
        "await x",
        "yield",
        "b'x' == language",
        "1j == word_count",
        "... == 1",
        "language ==",
        "a; b",
        "a = 1",
        "import os",
        "\x00",
        "\ud800 == 1",
        "'unclosed",
        "(" * 300 + "1" + ")" * 300,
        "not " * 400 + "authors",
        "authors" + ".b" * 900,
        "9" * 5000 + " == 1",
        "'" + "x" * MAX_CHARS + "' == language",
        " or ".join(["true"] * (MAX_NODES + 1)),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """With a message, before any event is read."""
    with pytest.raises(BadWhere):
        compile_where(text)


def test_names_of_methods_are_keys() -> None:
    """An object's `items` or `keys` is what the data has there, never the dictionary's own."""
    assert compile_where("extra.items")(DATA) is False
    assert compile_where("extra.items.keys == null")(DATA) is True
    assert compile_where("extra.get == 1")({"extra": {"get": 1}}) is True


def test_what_is_compiled_can_be_evaluated() -> None:
    """The deepest expression that is accepted still runs, far from Python's limit of recursion."""
    deepest = "not " * (MAX_DEPTH // 2 - 1) + "authors"
    assert compile_where(deepest)({"authors": []}) in (True, False)
    with pytest.raises(BadWhere, match="nested more than"):
        compile_where("not " * MAX_DEPTH + "authors")


def test_the_dearest_expression_is_cheap() -> None:
    """As many searches through a long text as fit into an expression take a moment, not a minute."""
    article = {"text": "ab" * 200_000}
    dear = compile_where(" and ".join(["not 'abc' in text"] * (MAX_NODES // 8)))
    began = time.process_time()
    assert dear(article) is True
    assert time.process_time() - began < 5


def test_data_may_be_deeper_than_pythons_stack() -> None:
    """What can't be compared for that is unknown, too."""
    one: list[Any] = []
    other: list[Any] = []
    for _ in range(100_000):
        one, other = [one], [other]
    data = {"extra": {"a": one, "b": other}}
    assert compile_where("extra.a")(data) is True
    assert compile_where("extra.a == extra.b")(data) is False
    assert compile_where("not extra.a == extra.b")(data) is False
    assert compile_where("extra.a in extra.b or 'x' in extra.a")(data) is False


def test_threads_can_share_an_expression() -> None:
    """Each looks at its own article."""
    holds = compile_where("word_count == 1 and word_count != 2 and word_count < 2 and not word_count > 1")
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: holds({"word_count": n % 2}), range(20_000)))
    assert found == [bool(n % 2) for n in range(20_000)]


def test_odd_escapes_are_no_warnings() -> None:
    """Python's advice on an operator's pattern is of no use to them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compile_where(r"language == '\d'")(DATA) is False


def test_a_client_loads_it_only_when_asked() -> None:
    """`worker.client` needs redis and the models; the expression's library only with an expression."""
    code = (
        "import sys, worker.client as c\n"
        "print('simpleeval' in sys.modules, 'worker.where' in sys.modules)\n"
        "c._wanted('language == null'); print('simpleeval' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True"]


PIECES = """language source.domain authors topics places.country duplicate.kind 'de' 5 None null and or not in
== < ( ) [ ] , . - x() lambda: ... b'x' 1j 1e999 is \\ @ {} # ; if else"""
WORDS = st.sampled_from(PIECES.split())
EXPRESSIONS = st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["language", "source", "authors", "topics", "places", "duplicate"])


class Trap(dict[str, Any]):
    """Data whose parts must not be called, or looked at other than by key."""

    def __call__(self, *args: object) -> None:
        raise AssertionError("called")


@given(EXPRESSIONS, st.dictionaries(FIELDS, JSON, max_size=4))
@example("x()", {})
@example("1 < language < 2", {"language": []})
@example("'a' in topics", {"topics": [{"name": None}, None, 3, [{}]]})
@example("1 == 1e999", {})
def test_no_expression_breaks_anything(text: str, data: dict[str, Any]) -> None:
    """It is refused in words, or says yes or no about every event; nothing is ever called."""
    try:
        holds = compile_where(text)
    except BadWhere:
        return
    trapped = Trap({name: Trap(value) if isinstance(value, dict) else value for name, value in data.items()})
    assert holds(trapped) in (True, False)
    assert holds(json.loads(json.dumps(data))) in (True, False)
