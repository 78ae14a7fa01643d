"""Which blocks are the article: votes, what belongs together, and what is done when that can't be told."""

from __future__ import annotations

import json
from pathlib import Path

import lxml.html
import pytest

from jobs.extract import extract
from jobs.extract.agreement import Opinion, overlap
from jobs.extract.blocks import blocks
from jobs.extract.choice import choose, read
from jobs.extract.features import LD, MAX_BLOCKS, NAMES, VOTES, Evidence, features
from jobs.extract.hints import HINTS, hints
from jobs.extract.page import parse
from jobs.extract.trees import EARLY, Trees, load

SENTENCES = tuple(
    f"The council met on {day} evening to talk about {thing}, and heard what the people of the town think."
    for day, thing in (("Monday", "the bridge"), ("Tuesday", "its cost"), ("Friday", "the road to the north"))
)
BODY = "".join(f"<p>{sentence}</p>" for sentence in SENTENCES)
AROUND = (
    "<nav><ul><li><a href=/a>Home</a></li><li><a href=/b>Sport</a></li></ul></nav>",
    "<aside><h3>Most read</h3><ul><li><a href=/c>River levels fall again after the rain</a></li></ul></aside>"
    "<footer><p>Copyright 2024 Example Times. All rights reserved.</p></footer>",
)


def page(body: str) -> str:
    return f"<html><head><title>A bridge</title></head><body>{AROUND[0]}<article><h1>A bridge</h1>{body}</article>{AROUND[1]}</body></html>"  # noqa: E501 - a page


def test_the_article_and_nothing_around_it() -> None:
    """Menus, teasers and footers are no part of the text."""
    assert extract(page(BODY).encode(), url=None).text.split("\n\n") == list(SENTENCES)


def test_a_copy_is_left_out() -> None:
    """A paragraph that stands in the page twice, for two sizes of screen, is said once."""
    assert extract(page(BODY + BODY).encode(), url=None).text.split("\n\n") == list(SENTENCES)


def test_rows_of_a_table_stay_together() -> None:
    """A table of the article is not thinned out row by row: each row has the odds of all of them."""
    rows = "".join(
        f"<tr><td>{year}</td><td>{cost}</td></tr>" for year, cost in ((2022, 3), (2023, 4), (2024, 5))
    )
    parsed = parse(
        page(f"{BODY}<p>What it cost:</p><table>{rows}</table>{BODY.replace('council', 'mayor')}"), None
    )
    kept = {block.text for block in choose(read(parsed, None, "A bridge")).blocks}
    assert len(kept & {"2022 | 3", "2023 | 4", "2024 | 5"}) in (0, 3)


def test_text_that_is_only_in_the_pages_data() -> None:
    """Where no block has the article, as on pages built by scripts, an extractor's text stands in."""
    body = " ".join(sentence.replace("met", f"met {i} times") for i in range(20) for sentence in SENTENCES)
    script = json.dumps({"@type": "NewsArticle", "headline": "A bridge", "articleBody": body})
    shell = f"<html><head><script type='application/ld+json'>{script}</script></head><body><div>Loading</div>"
    assert "met 7 times on Tuesday" in extract(shell.encode(), url=None).text


def test_votes() -> None:
    """A block is in a text as far as its runs of four words are; a shorter one if it is a line of it."""
    opinion = Opinion.of("one two three four five\nsix seven")
    tree = lxml.html.document_fromstring(
        "<p>one two three four</p><p>two three four six seven</p><p>six seven</p><p>six</p>"
    )
    assert [opinion.share(block) for block in blocks(tree)] == [1.0, 0.0, 1.0, 0.0]
    assert overlap(opinion, opinion) == 1.0
    assert overlap(opinion, Opinion.of("quite another text than this")) == 0.0
    assert overlap(Opinion.of(""), Opinion.of(None)) == 1.0


def test_a_row_has_all_features() -> None:
    """Each plausible block gets one number for each name; what is far from the article gets none."""
    found = blocks(lxml.html.document_fromstring(page(BODY + "<p>short</p>" * 40)))
    votes = dict.fromkeys(VOTES, Opinion.of("\n".join(SENTENCES))) | {LD: Opinion.of(SENTENCES[0])}
    rows = features(found, Evidence(votes, frozenset({"bridge"})))
    assert {len(row) for row in rows if row} == {len(NAMES)}
    assert len(set(NAMES)) == len(NAMES)
    assert None in rows
    assert features([], Evidence(votes, frozenset())) == []


def test_more_blocks_than_are_looked_at() -> None:
    """A page of more blocks than any article has costs no more: none is looked at, an extractor decides."""
    found = blocks(lxml.html.document_fromstring("<p>a</p>" * (MAX_BLOCKS + 1)))
    rows = features(found, Evidence(dict.fromkeys(VOTES, Opinion.of("a")), frozenset()))
    assert set(rows) == {None}


def test_hints() -> None:
    """Names tell kinds, however they are written; hidden elements are told by attribute, too."""

    def kinds(tag: str) -> set[str]:
        bits = hints(lxml.html.fragment_fromstring(tag))
        return {kind for bit, kind in enumerate(HINTS) if bits >> bit & 1}

    assert "related" in kinds("<div class='read-more-box'></div>")
    assert "related" in kinds("<div id=readMore></div>")
    assert "advert" in kinds("<div class='top ad'></div>")
    assert "advert" not in kinds("<div class=shadow></div>")
    assert kinds("<div style='display: none'></div>") == {"unseen"}
    assert kinds("<div></div>") == set()


def test_trees(tmp_path: Path) -> None:
    """Leaves add up to log odds; up to the threshold goes left; what is clear early is certain."""
    model = Trees(("a", "b"), 0.0, ((0, 1.0, -2.0, (1, 0.5, 0.0, 2.0)),))
    assert model.probability([1.0, 9.0]) == pytest.approx(0.1192, abs=1e-4)
    assert model.probability([1.1, 0.5]) == 0.5
    clear = Trees(("a",), 0.0, ((0, 1.0, -1.0, 1.0),) * (EARLY + 1))
    assert (clear.probability([0.0]), clear.probability([2.0])) == (0.0, 1.0)
    file = tmp_path / "model.json"
    file.write_text(json.dumps({"names": ["a", "b"], "base": 0.0, "trees": [[0, 1.0, -2, [1, 0.5, 0, 2]]]}))
    assert load(file) == model
