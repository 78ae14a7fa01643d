"""Plain text out of what publishers put into titles and summaries."""

from __future__ import annotations

import html
import re

MAX_MARKUP_CHARS = 100_000
"""No more of a text is looked at: enough for 2,000 characters of text in any real markup."""

_BLOCK = frozenset({
    "address", "applet", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd",
    "details", "div", "dl", "dt", "embed", "fieldset", "figcaption", "figure", "footer", "form",
    "frame", "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html", "iframe",
    "img", "li", "main", "marquee", "nav", "object", "ol", "p", "picture", "pre", "section", "summary",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "video", "audio",
})  # fmt: skip
_INLINE = frozenset({
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "button", "cite", "code", "data", "del", "dfn",
    "em", "font", "i", "input", "ins", "kbd", "label", "link", "mark", "meta", "noscript", "o:p",
    "param", "path", "q", "rp", "rt", "ruby", "s", "samp", "small", "source", "span", "strike",
    "strong", "sub", "sup", "svg", "time", "title", "tt", "u", "var", "wbr",
})  # fmt: skip
_HIDDEN = frozenset({"script", "style", "template"})
_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9:]*)")
_HAS_ATTRIBUTE = re.compile(r"[A-Za-z][\w:.-]*\s+[\w:.-]+\s*=")
# Possessive, so that an unbalanced quote costs one pass, not one for each character.
_REST_OF_TAG = re.compile(r"""(?:[^>"']|"[^"]*"|'[^']*')*+>""")
# html.unescape raises on a reference with thousands of digits.
_ABSURD_REFERENCE = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")
# Controls (folded as blanks where they are blanks), soft hyphens, zero-width blanks, direction overrides
# (they spoof terminals) and lone surrogates (they can't be encoded). Joiners stay: scripts need them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u200b\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_UNSEEN_IN_MARKUP = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def plain(markup: str, limit: int) -> str | None:
    """The text of a piece of HTML (or of a text that may be HTML), on one line, at most `limit` characters.

    Tags are removed where they are HTML's ("3 < 5" stays), entities decoded, also where both were escaped
    once too often. None when nothing is left.
    """
    text = markup[:MAX_MARKUP_CHARS]
    for _ in range(2):
        text = html.unescape(_ABSURD_REFERENCE.sub("", _without_tags(text)))
    text = _UNSEEN.sub("", _without_tags(text))
    return clip(" ".join(text.split()), limit) or None


def printable(text: str) -> str:
    """Markup or an identifier without control characters; blanks at the ends removed."""
    return _UNSEEN_IN_MARKUP.sub("", text).strip()


def clip(text: str, limit: int) -> str:
    """The beginning of a text: whole words and an ellipsis, at most `limit` characters."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    whole = head.rpartition(" ")[0]
    return (whole if len(whole) > limit * 0.8 else head).rstrip() + "…"


def _without_tags(markup: str) -> str:
    if "<" not in markup:
        return markup
    first, *pieces = markup.split("<")
    kept = [first]
    until = ""
    for piece in pieces:
        text, until = _after_tag(piece, until)
        kept.append(text)
    return "".join(kept)


def _after_tag(piece: str, until: str) -> tuple[str, str]:
    """What is text in a piece that follows a ``<``, and what ends the hidden part that it may begin."""
    if until == "-->":
        _, end, text = piece.partition("-->")
        return text, "" if end else until
    if until and piece[: len(until)].lower() != until:
        return "", until
    if piece.startswith("!--"):
        _, end, text = piece.partition("-->")
        return text, "" if end else "-->"
    if piece.startswith("![CDATA["):
        return piece[len("![CDATA[") :].replace("]]>", ""), ""
    name = _NAME.match(piece)
    tag = name[1].lower() if name else piece[:1]
    if tag in _HIDDEN and not piece.startswith("/"):
        return "", f"/{tag}"
    known = tag in _BLOCK or tag in _INLINE or tag in _HIDDEN or tag in ("!", "?")
    if known or _HAS_ATTRIBUTE.match(piece):
        return (" " if tag in _BLOCK else "") + _rest(piece), ""
    return "<" + piece, ""


def _rest(piece: str) -> str:
    end = _REST_OF_TAG.match(piece)
    return piece[end.end() :] if end else piece.partition(">")[2]
