"""The documentation says what the code does: options, reasons, commands, examples, links."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer
from dotenv import dotenv_values
from pydantic import SecretStr
from typer.main import get_command

from jobs.errors import MEANING, Reason
from worker.cli import app
from worker.config import PREFIX, Settings, load

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
OPERATING = (ROOT / "docs" / "operating.md").read_text()
WRITTEN = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *(ROOT / "docs" / name for name in ("operating.md", "subscribing.md")),
]
"""Pages that people write; others are generated."""


def default(name: str) -> str:
    """An option's default as one writes it in the environment."""
    if name == "article_workers":
        return ""  # the machine's cores: not the same everywhere
    value = Settings.model_fields[name].default
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
