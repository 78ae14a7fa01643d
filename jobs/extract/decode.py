"""From bytes to text: BOM, then valid UTF-8, then what header and meta tag declare, then a guess.

As browsers do (https://html.spec.whatwg.org/multipage/parsing.html#determining-the-character-encoding), but
for one thing: bytes that are valid UTF-8 beyond ASCII are UTF-8 whatever is declared. Such bytes are never an
accident, and wrong declarations are common.
"""

from __future__ import annotations

import codecs
import re

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_HEADER = re.compile(r"""charset\s*=\s*["']?([\w:.-]+)""", re.IGNORECASE)
_META = re.compile(rb"""<(?:meta|\?xml)\b[^>]{0,200}?(?:charset|encoding)\s*=\s*["']?([\w:.-]+)""", re.I)
META_WITHIN_BYTES = 4_096
"""The standard looks at 1,024; real pages put scripts first."""

# Python's names of the encodings of the web; its other codecs (utf-7, unicode_escape, …) are not for pages.
_WEB = re.compile(
    r"utf-8|ascii|cp(125\d|866|874|932|949)|iso8859-\d+|koi8-[ru]|gb2312|gbk|gb18030|big5(hkscs)?|euc_(jp|kr)"
    r"|shift_jis|iso2022_jp|mac-(roman|cyrillic)|tis-620"
)
# Labels that stand for a superset, as in https://encoding.spec.whatwg.org/#names-and-labels.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
}
MAX_BAD_SHARE = 0.001
"""A declared encoding that turns more than this share of the text into U+FFFD is taken for a lie."""


def decode(body: bytes, content_type: str = "") -> str:
    """The page's text. Never fails: what can't be decoded becomes U+FFFD."""
    for bom, encoding in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(encoding, errors="replace")
    if not body.isascii():
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError:
            pass  # the declarations decide
    for encoding in declared(body, content_type):
        text = body.decode(encoding, errors="replace")
        if text.count("\ufffd") <= MAX_BAD_SHARE * len(text):
            return text
    return _guess(body)


def declared(body: bytes, content_type: str) -> list[str]:
    """Python's names of the encodings that header and meta tag declare, unknown ones left out."""
    labels = [match[1] for match in _HEADER.finditer(content_type)]
    labels += [match[1].decode("ascii", "replace") for match in _META.finditer(body[:META_WITHIN_BYTES])]
    names = (_known(label) for label in labels)
    return list(dict.fromkeys(name for name in names if name))


def _known(label: str) -> str | None:
    try:
        name = codecs.lookup(label).name
    except LookupError:
        return None
    return _SUPERSETS.get(name, name) if _WEB.fullmatch(name) else None


def _guess(body: bytes) -> str:
    if body.isascii():
        return body.decode("ascii")
    from charset_normalizer import from_bytes  # only the rare page with neither UTF-8 nor a declaration

    sample = body if len(body) <= 20_000 else body[:10_000] + body[-10_000:]
    best = from_bytes(sample).best()
    return body.decode(best.encoding if best else "utf-8", errors="replace")
