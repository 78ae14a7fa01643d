"""The figures of `palmyra bench quality` as one HTML page, with the differences to look at.

Self-contained: no script, nothing is loaded. All text of pages is escaped.
"""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Iterator, Sequence

from worker.bench.quality import Measured, Results, rows, worst
from worker.bench.quality_extractors import OURS, YARDSTICK
from worker.bench.quality_gold import Gold
from worker.bench.quality_show import COLUMNS, calibration_line, quality_rows

PAGES = 60
"""How many of the worst pages are shown."""
MAX_TOKENS = 6_000
"""Of a text; comparing takes the square of it."""
_TOKEN = re.compile(r"\n+|[^\s]+")

_HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>palmyra bench quality</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse}td,th{padding:.15em .7em;text-align:right;border-bottom:1px solid #ddd}
td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}ins{background:#ffd9d9;text-decoration:none}
del{background:#d4f0d4;text-decoration:none}summary{cursor:pointer;padding:.3em 0}
.diff{white-space:pre-wrap;overflow-wrap:anywhere;border-left:3px solid #ccc;padding-left:1em}</style></head>
<body>
"""


def report(results: Results) -> str:
    """The whole page."""
    parts = [_HEAD, "<h1>palmyra bench quality</h1>", _table(COLUMNS, quality_rows(rows(results)))]
    parts.append(f"<p>{html.escape(calibration_line(results))}</p>")
    parts.append(
        f"<h2>The {min(PAGES, len(results))} pages with the worst texts</h2>"
        "<p><del>Green</del>: gold that was not found, <ins>red</ins>: what was found and is not gold.</p>"
    )
    parts.extend(_page(gold, m[OURS].found.text, _summary(gold, m)) for gold, m in worst(results, PAGES))
    return "\n".join(parts) + "\n</body></html>\n"


def _summary(gold: Gold, measured: dict[str, Measured]) -> str:
    texts = [(name, measured[name].text) for name in (OURS, YARDSTICK) if name in measured]
    scores = [f"{name} {t.f1:.3f} (P {t.precision:.2f}, R {t.recall:.2f})" for name, t in texts if t]
    return f"{gold.set_name} · {gold.id} · {' · '.join(scores)}"


def _page(gold: Gold, found: str, summary: str) -> str:
    marked = "".join(_marked(_tokens(gold.text or ""), _tokens(found)))
    head = f"<summary>{html.escape(summary)}</summary><p>{html.escape(gold.url or '')}</p>"
    return f'<details>{head}<div class="diff">{marked}</div></details>'


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)[:MAX_TOKENS]


def _marked(gold: list[str], found: list[str]) -> Iterator[str]:
    matcher = difflib.SequenceMatcher(None, gold, found, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            yield _joined(gold[a:b])
            continue
        if b > a:
            yield f"<del>{_joined(gold[a:b])}</del>"
        if d > c:
            yield f"<ins>{_joined(found[c:d])}</ins>"


def _joined(tokens: Sequence[str]) -> str:
    return html.escape("".join("\n\n" if t.startswith("\n") else t + " " for t in tokens))


def _table(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(c)}</th>" for c in columns)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in cells)
    return f"<table><tr>{head}</tr>{body}</table>"
