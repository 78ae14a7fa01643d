"""When a feed's own content may be published instead of a page."""

from __future__ import annotations

import time

import pytest

from jobs.entry import Entry
from jobs.errors import Kind, Outcome, Permanent, Reason, Retry, Skip
from jobs.feed_content import MAX_CHARS, MIN_WORDS, PATIENT_TRIES, is_whole, stands_in, without_footer

SENTENCE = "The ferry left the harbour at dawn with forty passengers. "
WHOLE = f"<p>{SENTENCE * 12}</p>"
FOOTER = "<p>The post <a href='/a'>The ferry</a> appeared first on <a href='/'>One</a>.</p>"


def entry(content: str | None, summary: str | None = "A ferry left.") -> Entry:
    return Entry("https://one.test/a", title="The ferry", summary=summary, content=content)


@pytest.mark.parametrize(
    "content",
    [
        WHOLE,
        WHOLE + FOOTER,
        f"<p>{SENTENCE * 6}He said … nothing.</p><p>{SENTENCE * 6}</p>",
        f"<p>Read more about ferries in our archive.</p>{WHOLE}",
        f"<p>{'船は夜明けに港を出た。' * 20}</p>",
    ],
    ids=["plain", "footer", "ellipsis inside", "read more first", "Japanese"],
)
def test_whole_articles(content: str) -> None:
    """Long enough, and ending where a sentence ends."""
    assert is_whole(entry(content))


OPEN = ["…", "...", " […]", " [&hellip;]", " [...]", " [+]"]
MORE = [
    "Read more", "Continue reading The ferry leaves →", "Read the full story on One.", "Weiterlesen »",
    "Lire la suite", "Leer más", "Leggi tutto", "Leia mais", "Lees verder", "Läs mer", "Czytaj dalej",
    "Читать далее", "続きを読む", "阅读全文",
]  # fmt: skip


@pytest.mark.parametrize("end", [*OPEN, *(f"</p><p><a href='/a'>{more}</a>" for more in MORE)])
@pytest.mark.parametrize("footer", ["", FOOTER], ids=["", "footer"])
def test_teasers(end: str, footer: str) -> None:
    """An ellipsis or an invitation to read on ends a teaser, in many languages, before a footer, too."""
    assert not is_whole(entry(f"<p>{SENTENCE * 12}{end}</p>{footer}"))


def test_what_is_too_short_or_too_long() -> None:
    """A teaser without a mark is told by its length; what was cut off when the feed was read, too."""
    assert not is_whole(None)
    assert not is_whole(entry(None))
    assert not is_whole(entry(f"<p>{'word ' * (MIN_WORDS - 1)}</p>"))
    assert not is_whole(entry("<script>" + SENTENCE * 50 + "</script>"))
    assert not is_whole(entry(WHOLE, summary=SENTENCE * 12))
    assert is_whole(entry(WHOLE, summary=SENTENCE * 8))
    assert not is_whole(entry("<p>" + "word " * MAX_CHARS))


KINDS: dict[Kind, type[Outcome]] = {Kind.SKIP: Skip, Kind.RETRY: Retry, Kind.PERMANENT: Permanent}


@pytest.mark.parametrize("reason", Reason)
def test_for_which_reasons(reason: Reason) -> None:
    """As the vocabulary says, with enough patience for a site in trouble; never without a whole content."""
    outcome = KINDS[reason.kind](reason)
    assert stands_in(outcome, 99, entry(WHOLE)) is reason.feed_stands_in
    assert not stands_in(outcome, 99, entry("<p>Short.</p>"))
    assert not stands_in(outcome, 99, None)


@pytest.mark.parametrize(
    "reason",
    [Reason.NOT_FOUND, Reason.GONE, Reason.LEGAL_REASONS, Reason.SOFT_NOT_FOUND, Reason.BLOCKED_ADDRESS],
)
def test_what_was_taken_down_stays_down(reason: Reason) -> None:
    """Nor is content published under an address that nobody may open."""
    assert not reason.feed_stands_in


def test_when() -> None:
    """A refusal is final at once, a challenge too; trouble is waited out for some attempts."""
    for outcome in (Permanent(Reason.FORBIDDEN), Skip(Reason.ROBOTS), Retry(Reason.BOT_CHALLENGE)):
        assert stands_in(outcome, 1, entry(WHOLE))
    for tries in range(1, PATIENT_TRIES + 2):
        assert stands_in(Retry(Reason.SERVER_ERROR), tries, entry(WHOLE)) is (tries >= PATIENT_TRIES)


def test_footers_go() -> None:
    """WordPress's last line is no part of the article; a sentence about posts is."""
    assert without_footer("It ended.\n\nThe post The ferry appeared first on One.") == "It ended."
    assert without_footer("The post office opened.") == "The post office opened."


@pytest.mark.parametrize(
    "piece", ["<", "<p", "<script>", "…", "The post ", "Read more", " ", "&amp;", "["], ids=repr
)
def test_hostile_content_takes_no_time(piece: str) -> None:
    """The most that a feed may carry is judged in a moment."""
    content = (piece * MAX_CHARS)[:MAX_CHARS]
    started = time.process_time()
    is_whole(entry(content))
    assert time.process_time() - started < 2
