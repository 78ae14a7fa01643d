"""The documentation says what the code does: options, reasons, commands, examples, links.

``python -m tests.unit.test_docs`` writes what is made from the settings: the README's table and .env.example.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from jobs.errors import VOCABULARY
from worker import metrics
from worker.cli import app
from worker.config import PREFIX, Settings, load
from worker.feeds.errors import MEANING as FEED_MEANING

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
OPERATING = (ROOT / "docs" / "operating.md").read_text()
WRITTEN = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *(ROOT / "docs" / name for name in ("exports.md", "revisions.md", "machines.md", "testing-consumers.md")),
    *(ROOT / "docs" / name for name in ("feeds.md", "fetching.md", "operating.md", "subscribing.md")),
]
"""Pages that people write; others are generated."""


def default(name: str) -> str:
    """An option's default as one writes it in the environment."""
    if name == "article_workers":
        return ""  # the machine's cores: not the same everywhere
    value = Settings.model_fields[name].default
    if isinstance(value, float):
        return f"{value:g}"
    return ",".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def describe(name: str) -> str:
    return Settings.model_fields[name].description or ""


def option_table() -> str:
    """The README's table of options."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {f'`{default(name)}`' if default(name) else ''} | {describe(name)} |"
        for name in Settings.model_fields
    ]
    return "\n".join(["| option | default | what it does |", "|---|---|---|", *rows])


def env_example() -> str:
    """The text of .env.example."""
    head = "# Copy to .env and uncomment what you change. The environment wins over this file.\n"
    blocks = [
        "\n".join([*textwrap.wrap(describe(n), 100, initial_indent="# ", subsequent_indent="# "), setting(n)])
        for n in Settings.model_fields
    ]
    return head + "\n" + "\n\n".join(blocks) + "\n"


def setting(name: str) -> str:
    return f"# {PREFIX}{name.upper()}={default(name)}"


def leaves(command: Any, path: str = "palmyra") -> set[str]:
    """Every command that does something, as it is typed."""
    below = getattr(command, "commands", {})
    found = {leaf for name, one in below.items() for leaf in leaves(one, f"{path} {name}")}
    return found if below and not command.invoke_without_command else found | {path}


COMMANDS = leaves(get_command(app))


def fenced(text: str, *languages: str) -> list[str]:
    """The contents of the code blocks in these languages."""
    return [
        code
        for language, code in re.findall(r"^```(\w+)\n(.*?)^```", text, re.M | re.S)
        if language in languages
    ]


def section(text: str, heading: str) -> str:
    """What stands under a heading of the second level."""
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The rows of a table, without its head."""
    cells = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in cells[2:]]


def test_readme_has_every_option() -> None:
    """With its default and what it does."""
    assert option_table() in README, "python -m tests.unit.test_docs writes it"


def test_env_example_has_every_option(tmp_path: Path) -> None:
    """With its default: uncommented as a whole, it is valid and changes nothing."""
    text = (ROOT / ".env.example").read_text()
    assert text == env_example()
    example = tmp_path / ".env"
    example.write_text(re.sub(r"^# (PALMYRA_)", r"\1", text, flags=re.M))
    assert load({}, example).settings == load({}, tmp_path / "none").settings


def test_readme_has_every_command() -> None:
    """All commands at a glance, and none that does not exist."""
    listed = set()
    for line in fenced(section(README, "Commands"), "text")[0].splitlines():
        *path, last = line.split("  ")[0].split()
        listed |= {" ".join([*path, name]) for name in last.split("|")}
    assert listed == COMMANDS


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_commands_in_the_documentation_exist(page: Path) -> None:
    """Whatever a reader copies to the command line is a command, or a group and a command in it."""
    text = page.read_text()
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    typed = re.findall(r"\bpalmyra( [a-z]+)( [a-z]+)?", "\n".join([*fenced(text, "sh", "console"), *inline]))
    assert typed
    for first, second in typed:
        assert {f"palmyra{first}", f"palmyra{first}{second}"} & COMMANDS, f"palmyra{first}{second}"


@pytest.mark.parametrize("name", ["consume.sh", "consume.py", "consume.mjs"])
def test_readme_shows_the_examples_that_are_tested(name: str) -> None:
    """Character by character."""
    code = (ROOT / "examples" / name).read_text()
    assert code in fenced(README, "sh", "python", "js"), f"examples/{name} and the README differ"


def test_operators_find_every_reason() -> None:
    """Each reason word, its meaning as the commands print it, what becomes of the link, and what to do."""
    found = rows(section(OPERATING, "When a link brings no article"))
    assert [row[:3] for row in found] == [
        [f"`{reason}`", said.meaning, said.kind + ", feed" * said.feed_stands_in]
        for reason, said in VOCABULARY.items()
    ]
    assert all(advice for *_, advice in found)


def test_operators_find_every_reason_of_feeds() -> None:
    """Each reason word of feeds, its meaning as the commands print it, and what to do."""
    found = rows(section(OPERATING, "When a feed brings no links"))
    assert [row[:2] for row in found] == [[f"`{word}`", meaning] for word, meaning in FEED_MEANING.items()]
    assert all(advice for *_, advice in found)


def test_operators_find_only_metrics_that_exist() -> None:
    """What is recommended to alert on is exported under that name."""
    named = set(re.findall(r"`((?:palmyra|rq)_[a-z_]+)", OPERATING))
    assert named
    assert named <= {spec.name for spec in metrics.ALL}


def test_operators_find_every_metric() -> None:
    """Name, kind, labels and help text as exported; `python -m tests.unit.test_docs` writes the table."""
    assert metric_table() in OPERATING


def metric_table() -> str:
    """All metrics, in the order in which they are exported."""
    lines = ["| metric | kind | labels | what it tells |", "|---|---|---|---|"]
    for spec in metrics.ALL:
        labels = " ".join(f"`{label}`" for label in spec.labels)
        lines.append(f"| `{spec.name}` | {spec.kind} | {labels} | {spec.help} |")
    return "\n".join(lines)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Files exist, and headings that are jumped to."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, heading = target.partition("#")
        if "://" not in target:
            there = page.parent / path if path else page
            assert there.exists(), target
            assert not heading or heading in anchors(there.read_text()), target


def anchors(text: str) -> set[str]:
    """What its headings are jumped to by."""
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.+)$", text, re.M)}


def write() -> None:
    """Bring the README's table of options and .env.example up to date."""
    table = re.compile(r"\| option \| default \|.*?(?=\n\n)", re.S)
    (ROOT / "README.md").write_text(table.sub(lambda _: option_table(), README))
    (ROOT / ".env.example").write_text(env_example())
    table = re.compile(r"\| metric \| kind \| labels \|.*?(?=\n\n)", re.S)
    (ROOT / "docs" / "operating.md").write_text(table.sub(lambda _: metric_table(), OPERATING))


if __name__ == "__main__":
    write()
