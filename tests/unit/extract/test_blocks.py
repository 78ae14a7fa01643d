"""Text blocks: a page's paragraphs, headings, items and rows, each once and in order."""

from __future__ import annotations

import lxml.html
import pytest

from jobs.extract.blocks import MAX_ROW_CHARS, blocks


def texts(body: str) -> list[str]:
    return [
        block.text for block in blocks(lxml.html.document_fromstring(f"<html><body>{body}</body></html>"))
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p>One <b>bold</b> word.</p>tail<p>Two.</p>", ["One bold word.", "tail", "Two."]),
        ("<div>A<p>B</p>C</div>", ["A", "B", "C"]),
        ("a<br>b<br><br>c", ["a", "b", "c"]),
        ("<ul><li>one<ul><li>inner</li></ul></li><li><p>two</p></li></ul>", ["one", "inner", "two"]),
        ("<table><tr><th>Year</th><th>Cost</th></tr><tr><td>2024</td><td><p>5</p></td></tr></table>",
         ["Year | Cost", "2024 | 5"]),
        ("<table><tr><td>A column of text.</td></tr></table>", ["A column of text."]),
        ("<script>x</script><style>y</style><noscript>z</noscript><p>seen</p>", ["seen"]),
        ("<button>Share</button><p>seen</p>", ["seen"]),
        ("<button><main><p>never closed</p></main>", ["never closed"]),
        ("<p>…</p><p> </p>", []),
    ],
)  # fmt: skip
def test_each_text_once_in_order(body: str, expected: list[str]) -> None:
    """Nothing that is shown is lost or doubled; inline tags end no block, blocks and line breaks do."""
    assert texts(body) == expected


def test_a_table_for_layout_is_no_table_of_data() -> None:
    """Long cells are columns of text: their paragraphs stay apart."""
    long = "word " * MAX_ROW_CHARS
    assert len(texts(f"<table><tr><td><p>{long}</p><p>b</p></td><td>c</td></tr></table>")) == 3


def test_what_a_block_knows() -> None:
    """How much of it is links and bold, and the list's item it is in."""
    tree = lxml.html.document_fromstring("<ul><li><a href=x>four</a> <b>more</b> end</li></ul>")
    (block,) = blocks(tree)
    assert (block.link_chars, block.bold_chars, block.item.tag) == (4, 4, "li")
    assert block.words == ("four", "more", "end")


def test_depth_is_no_limit() -> None:
    """Blocks are read without recursion."""
    parser = lxml.html.HTMLParser(huge_tree=True)
    tree = lxml.html.document_fromstring("<div>" * 1_500 + "deep" + "</div>" * 1_500, parser=parser)
    assert [block.text for block in blocks(tree)] == ["deep"]
