"""What goes of an article's text for recurring on its site, and what stays."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.extract.draft import Draft
from jobs.recurring.lesson import Lesson, lesson
from jobs.recurring.lines import MAX_SURE_SHARE, MIN_LETTERS
from jobs.recurring.memory import Memory
from jobs.words import count_words

HOST = "example.org"
SIGN_UP = "Sign up to our newsletter and get the best of the week in your inbox every Friday morning."
WORDS = (
    "river", "bridge", "council", "engine", "harbour", "winter", "budget", "teacher", "forest", "signal",
    "market", "garden", "window", "copper", "ladder", "island", "barrel", "thunder", "pocket", "mirror",
)  # fmt: skip
_numbers = itertools.count(1)


def paragraph(words: int = 30) -> str:
    """A paragraph that no other is like."""
    chosen = random.Random(next(_numbers)).choices(WORDS, k=words)
    return " ".join(("The", *chosen)) + "."


def draft(*paragraphs: str, headline: str = "", **fields: str) -> Draft:
    text = "\n\n".join(paragraphs)
    headline = headline or f"What came of plan {next(_numbers)} at the {random.Random(text).choice(WORDS)}"
    return Draft(text=text, word_count=count_words(text), headline=headline, score=1.0, **fields)  # type: ignore[arg-type]  # texts only


def article(*, head: tuple[str, ...] = (), middle: tuple[str, ...] = (), tail: tuple[str, ...] = ()) -> Draft:
    """An article of its own words, with these lines in it."""
    own = [paragraph() for _ in range(6)]
    return draft(*head, *own[:3], *middle, *own[3:], *tail)


def read(*articles: Draft) -> tuple[Memory, list[Lesson]]:
    """A site's articles in turn."""
    memory, lessons = Memory(), []
    for one in articles:
        lessons.append(lesson(one, memory, HOST))
        memory = memory.learn(str(next(_numbers)), lessons[-1].signs)
    return memory, lessons


@pytest.mark.parametrize("where", ["head", "middle", "tail"])
def test_it_works_from_the_third_article_on(where: str) -> None:
    """Two articles may share a line; the third that has it loses it, and it alone, wherever it stands."""
    articles = [article(**{where: (SIGN_UP,)}) for _ in range(4)]
    _, lessons = read(*articles)
    assert [SIGN_UP in one.draft.text for one in lessons] == [True, True, False, False]
    for one in lessons[2:]:
        assert one.draft.text == one.as_read.text.replace(SIGN_UP + "\n\n", "").replace("\n\n" + SIGN_UP, "")
        assert one.draft.word_count == count_words(one.draft.text)
        assert "left out 18 words" in one.note
        assert "Sign up to our newsletter" in one.note
    assert "3 of the 3 articles read" in lessons[2].note
    assert lessons[1].note == ""


def test_a_block_at_the_end_goes_with_its_short_lines() -> None:
    """“Share this”, alone, may be a heading in the article; after all else of a block it is none."""
    block = ("Get in touch", SIGN_UP, "About us")
    _, lessons = read(*(article(tail=block) for _ in range(6)))
    assert not any(line in lessons[-1].draft.text for line in block)


def test_headings_inside_articles_stay() -> None:
    """A review has “Pros” and “Cons” each time, a paper its “Abstract”; they are the article's."""
    headings = ("Pros", "Cons", "What we think of it")
    _, lessons = read(*(article(middle=headings) for _ in range(4)))
    assert all(one.draft.text == one.as_read.text for one in lessons)


def test_a_quote_that_articles_share_stays() -> None:
    """Two, or the five that tell of what was said."""
    quote = "“We never said that this was going to be an easy thing to do for any of us,” she said."
    others = [article() for _ in range(4)]
    _, lessons = read(*(article(middle=(quote,)) for _ in range(5)), *others)
    assert all(one.note == "" for one in lessons)


def test_the_background_of_a_story_stays() -> None:
    """The paragraph that sums up a long story names what its articles name; boilerplate does not."""
    background = (
        "The dispute began in 2019, when Lombria closed the Strait of Ansara to ships of its neighbours."
    )
    stories = [
        draft(
            paragraph(),
            f"Ships from Lombria waited off the Strait of Ansara on day {n}.",
            paragraph(),
            background,
        )
        for n in range(5)
    ]
    _, lessons = read(*stories, *(article() for _ in range(3)))
    assert all(one.note == "" for one in lessons)


def test_what_an_article_says_of_itself_stays() -> None:
    """A teaser that stands under others is its own article's first paragraph."""
    teaser = "The council has neither shame nor any sense of what the bridge means for those who cross it."
    own = draft(teaser, paragraph(), paragraph(), paragraph(), summary=teaser)
    _, lessons = read(*(article(tail=(teaser,)) for _ in range(4)), own)
    assert teaser not in lessons[3].draft.text
    assert lessons[4].draft.text == own.text


def test_one_article_counts_once_under_many_addresses() -> None:
    """Copies of one text teach nothing, so what they share does not look like the site's."""
    copy = article()
    memory, lessons = read(*(draft(copy.text) for _ in range(5)))
    assert memory.articles == 1
    assert all(one.note == "" for one in lessons)


def test_credits_run_into_paragraphs_go() -> None:
    """Before a paragraph and after it, with other words beside them each time; the paragraph stays."""
    starts = ("Getty ImagesArmy", "Getty ImagesTraders", "Getty ImagesVoters", "Getty ImagesNurses")
    ends = ("by night.Picture Desk", "by noon.Picture Desk", "by dawn.Picture Desk", "by dusk.Picture Desk")
    _, lessons = read(
        *(
            article(head=(f"{start} {paragraph()}",), tail=(f"{paragraph()} They left {end}",))
            for start, end in zip(starts, ends, strict=True)
        )
    )
    last = lessons[-1].draft.text
    assert last.startswith("Nurses ")
    assert last.endswith("They left by dusk.")
    assert lessons[1].note == ""


def test_a_name_with_a_capital_inside_is_no_credit() -> None:
    """“TechnoBank” begins many paragraphs of a site, always with the same second half."""
    _, lessons = read(*(article(head=(f"TechnoBank {paragraph()}",)) for _ in range(6)))
    assert all(one.note == "" for one in lessons)


def test_links_to_other_articles_go_with_their_label() -> None:
    """“Read more: …” with a title that the site had, and from then on with any title."""
    old = [article() for _ in range(4)]
    titles = [one.headline for one in old]
    linking = [article(middle=(f"Read more: {title}",)) for title in titles]
    unknown = article(middle=("Read more: Something that nobody here has read",))
    asked = article(middle=("Question: What do you think of it all, and what will you do?",))
    _, lessons = read(*old, *linking, unknown, asked)
    assert ["Read more" in one.draft.text for one in lessons[4:9]] == [True, True, False, False, False]
    assert lessons[9].note == ""


def test_a_list_of_other_articles_at_the_end_goes_with_its_title() -> None:
    """When the title recurs and the lines are titles that the site had."""
    old = [article() for _ in range(6)]
    headlines = [one.headline or "" for one in old]
    listing = [article(tail=("More for you today", *headlines[n : n + 2])) for n in range(4)]
    _, lessons = read(*old, *listing)
    assert "More for you today" in lessons[7].draft.text
    assert "More for you today" not in lessons[9].draft.text
    assert headlines[3] not in lessons[9].draft.text


def test_what_is_mostly_the_same_each_time_stays() -> None:
    """A page that a site publishes again and again, with some words changed, is no boilerplate."""
    block = tuple(f"{paragraph()} {paragraph()}" for _ in range(5))
    memory, lessons = read(*(draft(paragraph(), *block) for _ in range(6)))
    assert memory.articles == 1
    assert all(one.draft.text == one.as_read.text for one in lessons)


def test_a_brief_loses_what_half_the_site_has() -> None:
    """More than the usual share of a short text may go, on more evidence; before that an issue says so."""
    _, lessons = read(
        *(article(tail=(SIGN_UP,)) for _ in range(4)), *(draft(paragraph(20), SIGN_UP) for _ in range(3))
    )
    assert lessons[4].draft.issues == ("boilerplate",)
    assert lessons[4].draft.score == 0.8
    assert "left in" in lessons[4].note
    assert SIGN_UP not in lessons[6].draft.text
    assert lessons[6].draft.issues == ()


def test_the_note_is_plain() -> None:
    """Nothing of the site reaches a terminal but printable characters, and few of them."""
    nasty = "Sign up \x1b[31m\u202enow\x07 for all that you never wanted to know about the news of this week."
    _, lessons = read(*(article(tail=(nasty,)) for _ in range(4)))
    assert lessons[-1].note.isprintable()
    assert len(lessons[-1].note) < 300


PAIRS = list(itertools.pairwise(WORDS))
LINE = st.sampled_from(
    [SIGN_UP, "Share", "Read more: The plan", "Getty ImagesThe river is high.", "(Picture desk)"]
    + [f"{one.capitalize()} and the {other} of the town" for one, other in PAIRS[:4]]
    + [f"The {one} is said to be in the way of the {other} by all who know." for one, other in PAIRS[:4]]
    + ["河川の水位が上昇しているため、住民は避難を求められている。", "続きを読む"]
    + ["ينصح السكان بالبقاء في منازلهم اليوم"]
)
TEXT = st.tuples(st.lists(LINE, max_size=6), st.integers(0, 5), st.lists(LINE, max_size=6))


@given(st.lists(TEXT, max_size=15))
@settings(max_examples=150, deadline=None)
def test_whatever_a_site_publishes(texts: list[tuple[list[str], int, list[str]]]) -> None:
    """A line that goes is in three articles at least, what stays is in order, and no text is emptied."""
    memory = Memory()
    seen: list[set[str]] = []
    for number, (head, own, tail) in enumerate(texts):
        lines = [*head, *(paragraph() for _ in range(own)), *tail]
        one = draft(*lines, headline=f"Number {number}")
        came = lesson(one, memory, HOST)
        memory = memory.learn(str(number), came.signs)
        seen.append(set(lines))
        left = came.draft.text.split("\n\n") if came.draft.text else []
        rest = iter(lines)
        assert all(any(line.endswith(part) for line in rest) for part in left)
        for line in set(lines).difference(left):
            assert sum(line in article for article in seen) >= 3
        assert count_words(came.draft.text) >= (1 - MAX_SURE_SHARE) * count_words(one.text)
        assert not came.signs or came.draft.text == one.text or len(came.draft.text) > MIN_LETTERS
