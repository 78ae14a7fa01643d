"""The pages' own files keep the rules that the policy enforces in browsers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import worker.web

HERE = Path(worker.web.__file__).parent
SCRIPTS = sorted((HERE / "static").glob("*.js"))
TEMPLATES = sorted((HERE / "templates").glob("*.html"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_never_make_markup_of_text(script: Path) -> None:
    """Third-party text becomes text nodes only."""
    text = script.read_text()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text
    )


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_no_inline_script_or_style_and_escape_everything(template: Path) -> None:
    """The policy would block the first two; ``safe`` would undo the escaping."""
    text = template.read_text()
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*src=)|\|\s*safe\b|autoescape", text)


def test_nothing_comes_from_elsewhere() -> None:
    """No file of ours names another host, but for the SVG namespace."""
    for path in [*SCRIPTS, *TEMPLATES, *(HERE / "static").glob("*.css")]:
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|url\((?!')\s*//", path.read_text()), path
