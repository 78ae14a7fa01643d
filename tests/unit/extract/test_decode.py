"""From bytes to text."""

from __future__ import annotations

import codecs

import pytest

from jobs.extract.decode import declared, decode

RUSSIAN = "Совет собрался в понедельник вечером, чтобы обсудить новый мост."
CASES = {
    "utf-8, nothing declared": ("Zürich – “Brücke”".encode(), "", "Zürich – “Brücke”"),
    "utf-8 under a false header": ("Brücke".encode(), "text/html; charset=ISO-8859-1", "Brücke"),
    "bom beats all": (codecs.BOM_UTF8 + "Brücke".encode(), "text/html; charset=koi8-r", "Brücke"),
    "utf-16 by bom": (codecs.BOM_UTF16_LE + "Brücke".encode("utf-16-le"), "", "Brücke"),
    "header": (RUSSIAN.encode("koi8-r"), "text/html; charset=KOI8-R", RUSSIAN),
    "meta": (b'<meta charset="windows-1251">' + RUSSIAN.encode("cp1251"), "", RUSSIAN),
    "header over meta": (
        b'<meta charset="koi8-r">' + RUSSIAN.encode("cp1251"),
        "a/b;charset=cp1251",
        RUSSIAN,
    ),
    "latin-1 means windows-1252": ("“Brücke”".encode("cp1252"), "text/html; charset=latin1", "“Brücke”"),
    "unknown label": ("Brücke".encode(), "text/html; charset=x-nonsense", "Brücke"),
    "guessed": ((RUSSIAN * 20).encode("cp1251"), "", RUSSIAN),
    "japanese": ("橋の話です。".encode("shift_jis"), "text/html; charset=Shift_JIS", "橋の話です。"),
}


@pytest.mark.parametrize(("body", "content_type", "expected"), CASES.values(), ids=CASES)
def test_decoded(body: bytes, content_type: str, expected: str) -> None:
    """The text comes out as its author wrote it, whatever is declared."""
    assert expected in decode(body, content_type)


def test_never_fails() -> None:
    """Bytes that are no text become replacement characters, not an error."""
    assert "\ufffd" in decode(b"caf\xc3\xa9 \xff ok " + b"x " * 1_000, "text/html; charset=utf-8")


@pytest.mark.parametrize("label", ["utf-7", "unicode_escape", "hex", "idna", "rot13", "..", "zlib"])
def test_python_only_codecs_are_not_for_pages(label: str) -> None:
    """A page can't choose a codec that is Python's own or a way around filters."""
    assert declared(b"", f"text/html; charset={label}") == []


def test_mixed_encodings_keep_most_of_the_text() -> None:
    """A page of two encodings is read in the declared one; the rest costs its own letters only."""
    mixed = (
        b'<meta charset="utf-8">' + RUSSIAN.encode() * 20 + "café".encode("latin-1") + RUSSIAN.encode() * 20
    )
    assert decode(mixed).count(RUSSIAN) == 40


def test_broken_sequences() -> None:
    """What is cut in the middle, overlong or a lone surrogate is replaced, and the rest is read."""
    broken = b"caf\xc3 one \xc0\xaf two \xed\xa0\x80 three " + b"and more. " * 1_000
    text = decode(broken, "text/html; charset=utf-8")
    assert all(word in text for word in ("one", "two", "three"))
    assert not any("\ud800" <= c <= "\udfff" for c in text)
