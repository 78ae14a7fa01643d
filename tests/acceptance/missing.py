"""What to do in a test whose tool is not on this machine."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def tool(name: str) -> str:
    """The tool's path. Without it the test is skipped, saying so, and fails where CI is set."""
    return shutil.which(name) or _missing(name)


def _missing(name: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not on PATH; .ci/run installs it")
    pytest.skip(f"{name} is not on PATH")
