"""Rules of the code base that no linter knows."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JOBS = sorted((ROOT / "jobs").rglob("*.py"))
HEAVY = ("trafilatura", "lxml", "feedparser", "flask", "rq", "numpy", "py3langid")


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("file", JOBS, ids=lambda f: str(f.relative_to(ROOT)))
def test_jobs_never_import_worker(file: Path) -> None:
    """What happens to a link knows nothing of the processes in which it happens."""
    names = imported(ast.parse(file.read_text()))
    assert not [name for name in names if name.split(".")[0] == "worker"]


@pytest.mark.parametrize("file", JOBS, ids=lambda f: str(f.relative_to(ROOT)))
def test_jobs_never_swallow_rqs_timeouts(file: Path) -> None:
    """No bare `except` or `except Exception`: RQ's timeout is one, and the job would read finished."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "everything"
            assert caught not in ("everything", "Exception", "BaseException"), f"line {node.lineno}"


def test_importing_jobs_is_cheap() -> None:
    """The models, the ledger and the rules load nothing heavy; only what extracts does."""
    code = (
        "import sys, jobs.ledger, jobs.keys, jobs.link, jobs.page, jobs.errors, jobs.urls, jobs.guard\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
