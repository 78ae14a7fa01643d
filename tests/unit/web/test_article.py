"""An article's page: the text's shape and the rows of what is known."""

from __future__ import annotations

from tests.site import made
from worker.web.article import Block, Item, blocks, items, rows


def test_text_becomes_paragraphs_and_lists() -> None:
    """Blank lines part the blocks; a block of ``- `` lines is a list."""
    text = "First.\n\n- one\n- two\n\nA line\nand another\n\n \n\nLast."
    assert list(blocks(text)) == [
        Block(("First.",), is_list=False),
        Block(("one", "two"), is_list=True),
        Block(("A line", "and another"), is_list=False),
        Block(("Last.",), is_list=False),
    ]
    assert list(blocks("")) == []


def test_each_field_has_its_row_with_where_it_came_from() -> None:
    """Nothing of the data is hidden, and only http(s) values are links."""
    found = {row.name: row for row in rows(made(url="javascript:alert(1)")["data"])}
    assert found["authors"].origin == "html"
    assert found["url"].items == (Item("javascript:alert(1)", None),)
    assert found["urls"].items[0] == Item("found: https://one.test/story", "https://one.test/story")
    assert found["feeds"].items == (Item("feedaaaaaa · All of it", "https://one.test/feed"),)
    assert found["modified"].items == ()
    assert set(made()["data"]) - set(found) == {"text", "timings", "provenance"}


def test_values_of_any_shape_are_shown() -> None:
    """Lists in objects in lists come out as lines of text, words in one; false and zero are values too."""
    assert [item.text for item in items({"score": 0, "issues": ["short", "truncated"], "none": None})] == [
        "score: 0",
        "issues: short · truncated",
    ]
    assert [item.text for item in items([False, [1, 2]])] == ["False", "1", "2"]
