"""What publishers see of us: the project, and whom to turn to."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest

from jobs.user_agent import is_contact, user_agent
from worker.config import ConfigError, load

# RFC 9110, 10.1.5 and 5.6.5: a product, then a comment without parentheses or backslashes in it.
HEADER = re.compile(r"Palmyra/[\w.+]+ \([\x20-\x27\x2a-\x5b\x5d-\x7e]+\)")


@pytest.mark.parametrize(
    ("contact", "comment"),
    [
        (None, "news feed reader"),
        ("https://you.example/bot", "news feed reader; +https://you.example/bot"),
        ("bot@you.example", "news feed reader; bot@you.example"),
    ],
)
def test_the_project_and_a_contact_are_named(contact: str | None, comment: str) -> None:
    """Without a contact none is made up: there is nobody else who could answer for this installation."""
    assert user_agent(contact) == f"Palmyra/{version('palmyra')} ({comment})"
    assert HEADER.fullmatch(user_agent(contact))


@pytest.mark.parametrize(
    "given",
    [
        "https://you.example", "http://you.example:8080/a-b_c~d/?x=1&y=%20#z", "https://[2001:db8::1]/",
        "a@b.example", "first.last+tag@mail.you.example",
    ],
)  # fmt: skip
def test_contacts_that_are_taken(given: str) -> None:
    """URLs and e-mail addresses, and what is made of them is a header."""
    assert is_contact(given)
    assert HEADER.fullmatch(user_agent(given))
    assert load({"PALMYRA_CONTACT": given}).settings.contact == given


@pytest.mark.parametrize(
    "given",
    [
        "you", "you.example", "ftp://you.example", "https://", "https://user:secret@you.example/",
        "a@b", "@b.example", "a b@c.example", "https://you.example/ x", "https://you.example/(x)",
        "https://you.example/\r\nX: y", "https://you.example/\\", "https://you.example/;",
        "ü@you.example", f"https://you.example/{'x' * 300}", 'https://you.example/"',
    ],
)  # fmt: skip
def test_contacts_that_are_refused(given: str) -> None:
    """What nobody could turn to, or could break the header; the error names the option."""
    assert not is_contact(given)
    with pytest.raises(ConfigError, match=r"PALMYRA_CONTACT.*not a plain URL or e-mail address"):
        load({"PALMYRA_CONTACT": given})
