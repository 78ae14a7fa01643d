"""From a document's bytes to text that an XML or JSON parser accepts.

The order is RFC 7303's (BOM, charset parameter, XML declaration, UTF-8) with one exception, because both
declarations are wrong so often: bytes that are valid UTF-8 are UTF-8, whatever is declared. Text in another
encoding practically never is.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from worker.feeds.errors import FeedError, FeedReason

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its BOM begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = (
    (re.compile(rb"\A<\0\0\0"), "utf-32-le"),
    (re.compile(rb"\A\0\0\0<"), "utf-32-be"),
    (re.compile(rb"\A[<{]\0[^\0]\0"), "utf-16-le"),
    (re.compile(rb"\A\0[<{]\0[^\0]"), "utf-16-be"),
)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:+-]{1,40})", re.IGNORECASE)
_DECLARED = re.compile(rb"""\A\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([\w.:+-]{1,40})["']""")
_DECLARATION = re.compile(r"\A<\?xml\b[^>]{0,1000}>[ \t]*\r?\n?")

# Text encodings only: Python's codecs also know zlib, punycode and the like, which are none.
_TEXT_CODECS = re.compile(
    r"utf-(8|16|32)(-[lb]e)?|ascii|iso8859-\d+|cp(125\d|437|850|852|855|866|874|932|949|950)|koi8-[rtu]"
    r"|gb2312|gbk|gb18030|hz|big5|big5hkscs|shift_jis\w*|euc_\w+|iso2022_\w+|johab|tis-620|mac-\w+"
)
# What the declared name means in practice (WHATWG Encoding): each is a superset of the name it stands for.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
# Encodings that write everything in ASCII bytes, so that their text is always valid UTF-8 too.
_SEVEN_BIT = ("iso2022", "hz")

_BLANK = "\ufeff \t\r\n\x00"
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = re.compile(r"&#([xX][0-9a-fA-F]+|[0-9]+);")
_MAX_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Decoded:
    """A document as text."""

    text: str
    """Without BOM, XML declaration, leading blanks and characters that XML 1.0 forbids."""
    notes: tuple[str, ...]
    """What had to be put right."""


def decode(body: bytes, content_type: str = "") -> Decoded:
    """The text of a document.

    Raises:
        FeedError: `empty`, or `bad_encoding`.
    """
    text, notes = _characters(body, content_type)
    text = _DECLARATION.sub("", text.lstrip(_BLANK), count=1).lstrip(_BLANK)
    if not text:
        raise FeedError(FeedReason.EMPTY, f"{len(body)} bytes, none of them text" if body else "0 bytes")
    text, forbidden = _FORBIDDEN.subn("", text)
    text, references = _drop_bad_references(text)
    if not text:
        raise FeedError(FeedReason.BAD_ENCODING, f"its {len(body)} bytes are control characters")
    if forbidden + references:
        notes.append(f"{forbidden + references} characters that XML forbids were left out")
    return Decoded(text, tuple(notes))


def _characters(body: bytes, content_type: str) -> tuple[str, list[str]]:
    for bom, encoding in _BOMS:
        if body.startswith(bom):
            return _wide(body[len(bom) :], encoding)
    for start, encoding in _WIDE:
        if start.match(body):
            return _wide(body, encoding)
    declared = _declared(body, content_type)
    try:
        if declared.startswith(_SEVEN_BIT):
            return body.decode(declared), []
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return _guess(body, declared)
    wrong = declared not in ("", "utf-8", "cp1252") and not text.isascii()
    return text, [f"declared as {declared}, but it is UTF-8"] if wrong else []


def _declared(body: bytes, content_type: str) -> str:
    """The encoding that the document or its server names, as Python's codec; ``""``: none we know."""
    from_xml = _DECLARED.match(body[:500])
    names = [m[1] for m in [_CHARSET.search(content_type[:500])] if m]
    names += [from_xml[1].decode("ascii", "replace")] if from_xml else []
    for name in names:
        try:
            codec = codecs.lookup(name).name
        except (LookupError, ValueError):
            continue
        # Bytes that look like ASCII so far are not UTF-16, whatever the label says.
        if _TEXT_CODECS.fullmatch(codec) and not codec.startswith(("utf-16", "utf-32")):
            return _SUPERSETS.get(codec, codec)
    return ""


def _wide(body: bytes, encoding: str) -> tuple[str, list[str]]:
    text = body.decode(encoding, "replace")
    bad = text.count("\ufffd")
    if bad * 10 > len(text):
        raise FeedError(FeedReason.BAD_ENCODING, f"it begins as {encoding.upper()} but is not")
    return text, [f"{bad} characters are not valid {encoding.upper()}"] if bad else []


def _guess(body: bytes, declared: str) -> tuple[str, list[str]]:
    """Text of bytes that are not valid UTF-8."""
    if declared not in ("", "utf-8"):
        try:
            return body.decode(declared), []
        except UnicodeDecodeError:
            pass
    lenient = body.decode("utf-8", "replace")
    bad = lenient.count("\ufffd")
    # A text cut inside a character is UTF-8 with a few bad bytes; Latin-1 has hardly a good one.
    if _multibyte(lenient) > bad:
        return lenient, [f"{bad} characters are not valid UTF-8"]
    fallback = declared if declared not in ("", "utf-8") else "cp1252"
    return body.decode(fallback, "replace"), [
        f"not valid {declared or 'utf-8'}" + (f", read as {fallback}" if fallback != declared else "")
    ]


def _multibyte(text: str) -> int:
    """Number of non-ASCII characters other than the replacement character."""
    return sum(1 for c in text if c > "\x7f" and c != "\ufffd")


def _drop_bad_references(text: str) -> tuple[str, int]:
    """Without numeric references to characters that can't be: one of them makes parsers give up."""
    dropped = 0

    def keep(match: re.Match[str]) -> str:
        nonlocal dropped
        digits = match[1]
        if len(digits) <= _MAX_DIGITS:
            code = int(digits[1:], 16) if digits[0] in "xX" else int(digits)
            if code <= 0x10FFFF and not _FORBIDDEN.match(chr(code)):
                return match[0]
        dropped += 1
        return ""

    return _REFERENCE.sub(keep, text), dropped
