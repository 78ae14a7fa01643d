"""Agencies: credited by byline, dateline, last line or markup; never for being cited."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.extract import Draft, extract
from jobs.extract.agency import agency_named, at_end, credited_in, in_dateline

BODY = "<p>The council met on Monday evening to talk about the new bridge over the river.</p>" * 3


def extracted(head: str = "", body: str = BODY, **ld: Any) -> Draft:
    if ld:
        head += f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle", **ld})}</script>'
    page = f"<html><head>{head}</head><body><article><h1>A bridge</h1>{body}</article></body></html>"
    return extract(page.encode(), url="https://www.example.org/news/bridge")


@pytest.mark.parametrize(
    ("text", "agency"),
    [
        ("WASHINGTON, D.C. (AP) — The council met.", "AP"),
        ("LONDON, March 3 (Reuters) - The council met.", "Reuters"),
        ("NEW DELHI, May 3 (PTI) The council met.", "PTI"),
        ("RIYADH, May 3, 2024 (SPA) -- The council met.", "SPA"),
        ("SEOUL, May 3 (Yonhap) -- The council met.", "Yonhap"),
        ("MOSCOW, May 3. /TASS/. The council met.", "TASS"),
        ("BRUXELLES, 3 mai (Xinhua) -- Le conseil a siégé.", "Xinhua"),
        ("Paris (AFP) – Le conseil a siégé.", "AFP"),
        ("Berlin/Mainz (dpa/lrs) Der Rat tagte.", "dpa"),
        ("Berlin/dpa. Der Rat tagte.", "dpa"),
        ("Wien (APA) - Der Rat tagte.", "APA"),
        ("Madrid, 3 may (EFE).- El consejo se reunió.", "EFE"),
        ("(ANSA) - ROMA, 03 MAG - Il consiglio si è riunito.", "ANSA"),
        ("Lisboa, 03 mai 2024 (Lusa) – O conselho reuniu-se.", "Lusa"),
        ("МОСКВА, 3 мая. /ТАСС/. Совет собрался.", "TASS"),
        ("МОСКВА, 3 мая - РИА Новости. Совет собрался.", "RIA Novosti"),
        ("【ワシントン共同】会議が開かれた。", "Kyodo"),
        ("(서울=연합뉴스) 회의가 열렸다.", "Yonhap"),
        ("新华社北京5月3日电 会议召开。", "Xinhua"),
        ("The council (which the AFP met) - said no.", None),
        ("The mayor and the deputy mayor of the town met (AP) - or so it said.", None),
        ("Sid (SID card) - a new one.", None),
        ("Reuters - the building - is open.", None),
        ("The council met, the mayor told Reuters (by phone) - again.", None),
    ],
)
def test_datelines(text: str, agency: str | None) -> None:
    """A place, a date, an agency: in the forms of many languages; a sentence with a bracket is none."""
    assert in_dateline(text) == agency


@pytest.mark.parametrize(
    ("last", "agency"),
    [
        ("It cost two million, the council said. (AFP)", "AFP"),
        ("It cost two million, the council said. (With inputs from PTI)", "PTI"),
        ("© 2024 AFP", "AFP"),
        ("© 2024 The Canadian Press", "CP"),
        ("This report by The Canadian Press was first published May 3, 2024.", "CP"),
        ("Copyright 2024 The Associated Press. All rights reserved.", "AP"),
        ("(Reporting by Maria Muster in London; Editing by Ada Beispiel)", "Reuters"),
        ("dpa/mm", "dpa"),
        ("Mit Material von dpa", "dpa"),
        ("Quelle: dpa, AFP", "dpa"),
        ("Con información de EFE", "EFE"),
        ("Com informações da Reuters", "Reuters"),
        ("Avec l’AFP", "AFP"),
        ("RIPRODUZIONE RISERVATA © Copyright ANSA", "ANSA"),
        ("Bron: ANP", "ANP"),
        ("Kilde: Ritzau", "Ritzau"),
        ("Źródło: PAP", "PAP"),
        ("The bridge, which AFP had called unsafe, is open.", None),
        ("The mayor told Reuters that it was closed.", None),
        ("Reuters and other media were not let in.", None),
        ("Follow us on Twitter.", None),
        ("CP", None),  # somebody's initials
        ("(pa)", None),
        ("Source: the council", None),
        ("© 2024 Example News", None),
    ],
)
def test_credits_at_the_end(last: str, agency: str | None) -> None:
    """A last line that is a credit and nothing else; a sentence that has an agency in it is none."""
    assert at_end(f"The bridge is open.\n\n{last}") == agency


def test_who_is_cited_is_not_credited() -> None:
    """What several told one agency is its dispatch; once, or several agencies, are citations."""
    once = (
        "“It is open,” the mayor told Reuters. Reuters had asked for a comment, and AFP as well.\n\nThe end."
    )
    assert credited_in(once) is None
    assert credited_in("“Open,” he told AFP.\n\n“Closed,” she told Reuters.\n\nThe end.") is None


@pytest.mark.parametrize(
    ("name", "agency"),
    [
        ("AFP", "AFP"), ("Afp", "AFP"), ("Agence France-Presse", "AFP"), ("ČTK", "CTK"), ("PA Media", "PA"),
        ("Sid", None), ("ani", None), ("Petra", "Petra"), ("PETRA", None), ("Example News", None), ("", None),
    ],
)  # fmt: skip
def test_names(name: str, agency: str | None) -> None:
    """Whole names, however written; what is also a person's name only as the agency writes it."""
    assert agency_named(name) == agency


@pytest.mark.parametrize(
    ("head", "ld", "agency", "origin"),
    [
        ("", {"author": {"@type": "Organization", "name": "AFP"}}, "AFP", "json-ld"),
        ("", {"author": "dpa", "publisher": {"name": "Example News"}}, "dpa", "json-ld"),
        ("", {"sourceOrganization": {"name": "Reuters"}}, "Reuters", "json-ld"),
        ("", {"creditText": "© 2024 Agencia EFE"}, "EFE", "json-ld"),
        ('<meta name="agency" content="ANSA">', {}, "ANSA", "meta"),
        ('<meta name="source" content="Kyodo News">', {}, "Kyodo", "meta"),
        ('<meta name="source" content="Example News">', {}, None, None),
    ],
)
def test_markup(head: str, ld: dict[str, Any], agency: str | None, origin: str | None) -> None:
    """Author, source, credit and publisher in JSON-LD, and meta tags of the source; its own name is none."""
    draft = extracted(head, **ld)
    assert (draft.agency, draft.provenance.get("agency")) == (agency, origin)
    assert draft.authors == ()


def test_the_page_before_the_text() -> None:
    """Its dateline says so where nothing else does."""
    draft = extracted(body=f"<p>PARIS (AFP) – The council talked of the bridge all night long.</p>{BODY}")
    assert (draft.agency, draft.provenance["agency"]) == ("AFP", "text")
