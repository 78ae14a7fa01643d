"""Paying once: the first use of everything that is slow the first time."""

from __future__ import annotations

from trafilatura.external import jt_stoplist_init

from jobs.extract.pipeline import extract

_PARAGRAPH = (
    "<p>The city council met on Monday evening to discuss the new bridge, which the engineers say will be "
    "finished before the end of the year, and to hear what the people of the old town think about it.</p>"
)
PAGE = f"""<!doctype html><html lang="en"><head><title>A bridge for the town</title>
<meta property="article:published_time" content="2024-03-01T08:00:00+01:00">
<script type="application/ld+json">{{"@type": "NewsArticle", "headline": "A bridge for the town"}}</script>
</head><body><main><article><h1>A bridge for the town</h1>{_PARAGRAPH * 4}</article></main></body></html>"""


def warm() -> None:
    """Extract from a page of our own: call it before forking, so that children share what it loads.

    Imports and first uses (extractor, language model) take a good second; after it a page takes some 40 ms.
    """
    jt_stoplist_init()  # which a page that needs no third opinion does not
    extract(PAGE.encode(), url="https://www.example.org/news/a-bridge-for-the-town")
