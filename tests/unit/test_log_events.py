"""Every event that is logged: one name per fact, a level that means something, and a row for operators."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
OPERATING = (ROOT / "docs" / "operating.md").read_text()
LEVELS = ("debug", "info", "warning", "error", "exception")
LOGGERS = ("log", "logger", "_log", "_logger")
FOR_CONSUMERS = {ROOT / "worker" / "client.py"}
"""A library in other people's programs: sentences, through the standard library's logging."""


def calls() -> Iterator[tuple[Path, ast.Call, str]]:
    """Each call that logs, and at which level it does."""
    for path in sorted([*(ROOT / "worker").rglob("*.py"), *(ROOT / "jobs").rglob("*.py")]):
        if path in FOR_CONSUMERS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id=name) | ast.Attribute(attr=name), attr=level)
                ) if name in LOGGERS and level in LEVELS:
                    yield path, node, "error" if level == "exception" else level


def said() -> set[tuple[str, str]]:
    """Name and level of each event."""
    found = set()
    for path, call, level in calls():
        first = call.args[0] if call.args else None
        assert isinstance(first, ast.Constant), f"{path}:{call.lineno}: the event's name is not written there"
        found.add((str(first.value), level))
    return found | STAGES


STAGES = {("page", "info"), ("page", "debug"), ("article", "info"), ("article", "debug")}
"""`jobs.tasks.Tasks._logged` says these two by one call, whose level depends on the outcome."""


def test_operators_find_every_event() -> None:
    """Name and level, what it means and what to do: the table in docs/operating.md is the whole list."""
    section = OPERATING.split("\n## Log lines\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([a-z_]+)` \| ([a-z, ]+) \| (.+) \|$", section, re.M)
    told = {(name, level) for name, levels, _ in rows for level in levels.split(", ")}
    assert told == said()
    assert [name for name, *_ in rows] == sorted({name for name, *_ in rows})


def test_events_have_names_not_sentences() -> None:
    """Something to search for and to count; what varies stands in fields of its own."""
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name, _ in said())


def test_an_event_is_one_fact() -> None:
    """The same name at two levels only where it says how far the same thing came."""
    levels: dict[str, set[str]] = {}
    for name, level in said():
        levels.setdefault(name, set()).add(level)
    assert {name for name, some in levels.items() if len(some) > 1} <= {
        "page",
        "article",
        "unsubscribing_failed",
    }


def test_a_bug_is_an_error_with_its_traceback() -> None:
    """`raised`: somebody has to mend code, so the line says where."""
    for path, call, level in calls():
        name = call.args[0]
        if isinstance(name, ast.Constant) and str(name.value).endswith("_raised"):
            traced = any(one.arg == "exc_info" for one in call.keywords)
            assert level == "error", path
            assert traced or (isinstance(call.func, ast.Attribute) and call.func.attr == "exception"), path
