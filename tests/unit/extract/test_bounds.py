"""Hostile pages: each ends quickly, as an article or as `too_complex`, and none loses text silently."""

from __future__ import annotations

import time

import pytest

from jobs.errors import Permanent, Reason
from jobs.extract import extract
from jobs.extract.limits import MAX_ATTRIBUTES, MAX_BODY_BYTES, MAX_INLINE_RUN, MAX_TAGS, check

PARAGRAPH = (
    "<p>The council met on Monday evening to talk about the bridge, and about what comes after it.</p>"
)

TOO_COMPLEX = {
    "bytes": b"<p>" + b"x" * MAX_BODY_BYTES,
    "tags": b"<p>a" * (MAX_TAGS + 1),
    "attributes": b"<p " + b" ".join(b"a%d" % i for i in range(MAX_ATTRIBUTES + 1)) + b">x</p>",
    "attributes with values": b"<p " + b"a='>' " * (MAX_ATTRIBUTES + 1) + b">x</p>",
    "inline tags": b"<p>" + b"<b>a</b> " * MAX_INLINE_RUN + b"</p>",
    "attributes without spaces": b"<p " + b"a='>'" * (MAX_ATTRIBUTES + 1) + b">x</p>",
    "a million nodes": b"<i>" * 1_000_000,
    "a giant table": b"<table><tr>" + b"<td>1</td><td>2</td><tr>" * (MAX_TAGS // 3 + 1) + b"</table>",
    "hidden behind a comment": b"<!-- <p> -->" + b"<P>a" * (MAX_TAGS + 1),
    "hidden behind a script": b"<script>if (a<b) c()</SCRIPT >" + b"<p>a" * (MAX_TAGS + 1),
}
FINE = {
    "tags in a script": b"<script>" + b"'<p>' " * (2 * MAX_TAGS) + b"</script>",
    "tags in a comment": b"<!--" + b"<p> " * (2 * MAX_TAGS) + b"-->",
    "a long attribute": b'<p data-x="' + b"a b " * 5_000 + b'">x</p>',
    "stray quotes": b'<a href="/x/"">' + b"it's a word " * 1_000 + b'</a><p class="x">"</p>',
    "an unclosed script": b"<script>" * 10_000,
    "an unclosed quote": b'<a href="x>' * 10_000,
    "nothing": b"",
}


@pytest.mark.parametrize("body", TOO_COMPLEX.values(), ids=TOO_COMPLEX)
def test_refused_before_parsing(body: bytes) -> None:
    """What is known to take a parser minutes is told from the bytes, in a fraction of a second."""
    started = time.perf_counter()
    with pytest.raises(Permanent) as refused:
        check(body)
    assert refused.value.reason is Reason.TOO_COMPLEX
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("body", FINE.values(), ids=FINE)
def test_not_refused(body: bytes) -> None:
    """What only looks like too much, to a rough eye, is let through."""
    check(body)


SLOW_FOR_THE_CARELESS = {
    "a line of dashes": f"<p>{'-' * 500_000}x</p>",
    "one long invitation": f"<p>{'the newsletter your newsletters: sign up ' * 10_000}</p>",
    "a long list of links": "<h3><a href=/x>a headline of five words</a></h3><p>a b</p>" * 5_000,
    "a line of marks": f"<p>loading{'!' * 500_000}x</p><p>{'…' * 300_000}x</p>",
    "capitals": f"<p>{'AB-' * 300_000}</p><p>{'A' * 300_000}</p>",
    "open tags": "<a<" * 300_000,
    "nested articles": "<article>" * 450 + "<h1>x</h1>" * 5_000,
    "nested credits": "<p>" + "<span class=credit>x" * 450,
    "times": "<article><h1>x</h1>" + "<time datetime=x>" * 450,
    "a large table": "<table>" + "<tr><td>a b c</td><td>d</td></tr>" * 9_000 + "</table>",
    "a row of many cells": "<table><tr>" + "<td>a word here" * 15_000 + "</table>",
    "tables in tables": "<table><tr><td>a</td><td>" * 100 + "x",
    "a long list": "<ul>" + "<li>an item of the list" * 15_000 + "</ul>",
    "lists in lists": "<ul><li>an item" * 240,
    "many headings": "<h1>a b c d</h1>" * 10_000,
    "deep and many": "<div>" * 400 + "<p>The council met today.</p>" * 10_000,
    "many classes": "".join(f'<p class="c{i} nav-{i} share">{i} words here</p>' for i in range(10_000)),
    "one long name": f'<p class="{"nav-share " * 200_000}">x</p>',
    "many words": "<p>" + " ".join(f"w{i}" for i in range(300_000)),
    "many metas": "<meta name=author content='A B, '>" * 20_000,
}


@pytest.mark.parametrize("body", SLOW_FOR_THE_CARELESS.values(), ids=SLOW_FOR_THE_CARELESS)
def test_no_rule_of_ours_is_slow(body: str) -> None:
    """What is inside the limits takes a second or two, not minutes: no rule backtracks or starts over."""
    started = time.process_time()
    extract(f"<html><body>{PARAGRAPH}{body}</body></html>".encode(), url="https://www.example.org/x")
    assert time.process_time() - started < 5


def nested(depth: int) -> bytes:
    return f"<html><body>{'<div>' * depth}{PARAGRAPH * 3}{'</div>' * depth}</body></html>".encode()


def test_deep_nesting_keeps_the_text() -> None:
    """Under the parser's usual depth of 256 text would silently be lost."""
    assert "The council met" in extract(nested(480), url=None).text


@pytest.mark.parametrize("depth", [600, 2_000, 3_000, 20_000])
def test_deeper_nesting_is_said(depth: int) -> None:
    """Nested too deep for extractor or parser, a page has failed: it is not an article with less text."""
    with pytest.raises(Permanent, match="nested"):
        extract(nested(depth), url=None)


@pytest.mark.parametrize(
    "script",
    [
        "[" * 100_000,
        '{"@type": "NewsArticle", "headline": "x"}' + " " * 500_000,
        "{" * 5,
        '"',
        "null",
        "[[[]]]",
    ],
)
def test_hostile_json_ld_is_left_out(script: str) -> None:
    """JSON-LD that is broken, deep or huge costs its own evidence only."""
    page = f'<html><body><script type="application/ld+json">{script}</script>{PARAGRAPH * 3}</body></html>'
    draft = extract(page.encode(), url=None)
    assert "The council met" in draft.text
    assert draft.headline is None


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"\x00\x01\x02", b"%PDF-1.7\n%\xe2\xe3", b"<", b"<!doctype html>", b"<!-- -->", b"\xff\xfe",
     b'{"a": 1}', b"<?xml version='1.0' encoding='utf-16'?><rss/>", b"<html><body></html>", b"\xff" * 1000],
)  # fmt: skip
def test_what_is_no_article_is_a_skip(body: bytes) -> None:
    """There always is a draft; without an article text it says so, and its score is zero."""
    draft = extract(body, url="https://www.example.org/x")
    assert (draft.skip, draft.text, draft.score) == (Reason.NO_TEXT, "", 0.0)
    assert "no_text" in draft.issues
