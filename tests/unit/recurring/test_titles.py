"""What the titles of a site have in common is no part of a headline."""

from __future__ import annotations

from jobs.entry import Entry
from jobs.extract import extract
from jobs.extract.draft import Draft
from jobs.recurring.lesson import lesson
from jobs.recurring.memory import Memory
from jobs.recurring.titles import SiteTitles

URL = "https://news.example.org/a"
ABOUT = (
    "a bridge over the river", "the winter of the engines", "two teachers and a market",
    "an island without a harbour", "copper for the council",
)  # fmt: skip


def page(about: str, title: str, heading: str = "") -> bytes:
    text = "".join(
        f"<p>What is known of {about}, in sentence {n}, is what people there said of it.</p>"
        for n in range(4)
    )
    head = f"<head><title>{title.format(about)}</title></head>"
    return f"<html>{head}<body><article>{heading}{text}</article></body></html>".encode()


def notes(title: str) -> list[str]:
    """What the links' ways would tell, as in `headlines`."""
    memory, found = Memory(), []
    for about in ABOUT:
        draft = extract(page(about, title), url=URL, learned=SiteTitles(memory))
        found.append(lesson(draft, memory, "news.example.org"))
        memory = memory.learn(about, found[-1].signs)
    return [one.note for one in found]


def headlines(title: str, heading: str = "", entry: Entry | None = None) -> list[str | None]:
    """Of a site's articles in turn, each read with what those before it taught."""
    memory, found = Memory(), []
    for about in ABOUT:
        draft: Draft = extract(page(about, title, heading), url=URL, entry=entry, learned=SiteTitles(memory))
        found.append(draft.headline)
        memory = memory.learn(about, lesson(draft, memory, "news.example.org").signs)
    return found


def test_a_section_goes_from_the_third_article_on() -> None:
    """Before or after the headline, as soon as three titles have it."""
    after = headlines("All about {} - Patient Education")
    assert after == [
        *(f"All about {about} - Patient Education" for about in ABOUT[:2]),
        *(f"All about {about}" for about in ABOUT[2:]),
    ]
    assert headlines("Opinion | All about {}")[2:] == [f"All about {about}" for about in ABOUT[2:]]


def test_the_way_tells_what_a_headline_lost() -> None:
    """The section, on what evidence; of the site's own name there is nothing to say."""
    told = notes("All about {} - Patient Education")
    assert told[:2] == ["", ""]
    assert (
        told[2] == "; left out of its headline “Patient Education” (3 of the 3 articles read, 100% of late)"
    )
    assert notes("All about {} - example.org") == [""] * len(ABOUT)


def test_a_heading_that_all_pages_have_is_no_headline() -> None:
    """The name of a series in the page's only heading, and the article's in its title."""
    found = headlines("All about {}", "<h1>The Pulse of the Town</h1>")
    assert found[0] == "The Pulse of the Town"
    assert found[2:] == [f"All about {about}" for about in ABOUT[2:]]


def test_the_only_title_stays() -> None:
    """A column may have the same name each week; and little is left of “Today - {name}” without it."""
    assert headlines("Letters to the editor") == ["Letters to the editor"] * len(ABOUT)
    assert headlines("Letters - to the editor") == ["Letters - to the editor"] * len(ABOUT)
