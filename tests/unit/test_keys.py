"""Redis keys: each declared once, none that two things share, the same for Python and Lua."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.keys import ARTICLE, FETCH, STAGES, Keys

LUA = Path(__file__).parents[2] / "jobs" / "lua"
KEYS = Keys("ns")
SINGLE = (
    "open",
    "later",
    "lanes",
    "waiting",
    "totals",
    "counts",
    "dead",
    "turn",
    "time",
    "wake",
    "stream",
    "edge",
    "feeds",
    "stories",
    "newest_stories",
    "rechecks",
    "rq_failed",
)
FAMILIES: tuple[str, ...] = (
    "link",
    "way",
    "known",
    "alias",
    "page",
    "leases",
    "lane",
    "slot",
    "delay",
    "feed",
    "listed",
)
FAMILIES += ("crawl", "asked", "kept", "day", "bands", "copied", "story", "gist", "posts", "rarity")
FAMILIES += ("rq_job", "rq_results")


def every_key(part: str = "x") -> dict[str, str]:
    """One key of each kind, by its name in `Keys`."""
    named = {name: getattr(KEYS, name) for name in SINGLE}
    named |= {name: getattr(KEYS, name)(part) for name in FAMILIES}
    return named | {"ready": KEYS.ready(part, "feed")}


def test_no_two_kinds_share_a_key() -> None:
    """Whatever the ids and hosts are: even one that is another kind's name."""
    for part in ("x", "open", "feeds", "", "*", "a:b", "[::1]"):
        assert len(set(every_key(part).values())) == len(every_key(part))


def test_every_key_is_in_its_namespace() -> None:
    """Two systems can share one Redis; RQ's names hold the namespace too."""
    ours = {name: key for name, key in every_key().items() if not name.startswith("rq_")}
    assert all(key.startswith("ns:") for key in ours.values())
    assert KEYS.rq_failed == "rq:failed:ns-fetch"
    assert [KEYS.queue(stage) for stage in STAGES] == ["ns-fetch", "ns-article"]
    assert KEYS.job("l", FETCH, 3) == "ns-l-fetch-3"
    assert KEYS.dead_job("l", 2) == "ns-l-dead-2"


def test_the_contracts_names() -> None:
    """Consumers and operators have these in their own code."""
    assert Keys("palmyra").stream == "palmyra:articles"
    assert Keys("palmyra").stories == Keys("palmyra").of_stories().stream == "palmyra:stories"
    assert Keys("palmyra").edge != Keys("palmyra").of_stories().edge
    assert Keys("palmyra").queue(FETCH) == "palmyra-fetch"
    assert Keys("palmyra").queue(ARTICLE) == "palmyra-article"


def test_job_ids_are_what_rq_takes() -> None:
    """Letters, digits, ``_`` and ``-``, with the longest namespace that settings allow."""
    keys = Keys("a_9" + "z" * 29)
    for job_id in (keys.job("k3jd72hs5f6a2qpx", ARTICLE, 10), keys.dead_job("k3jd72hs5f6a2qpx", 1)):
        assert re.fullmatch(r"[A-Za-z0-9_-]+", job_id)


@pytest.mark.parametrize("part", ["x", "one.test", "[2001:db8::1]", "*", ""])
def test_lua_has_the_same_keys(redis: Redis, part: str) -> None:
    """The table that the scripts get spells every key as Python does."""
    for name, key in every_key(part).items():
        argument = {"ready": f"({part!r}, 'feed')"} | dict.fromkeys(FAMILIES, f"({part!r})")
        script = f"{KEYS.lua()} return K.{name}{argument.get(name, '')}"
        answer: Any = redis.eval(script, 0)
        assert answer.decode() == key


def test_scripts_use_only_declared_keys() -> None:
    """No script makes up a key: nil keys would fail only when they run, and literal ones never."""
    for script in LUA.glob("*.lua"):
        code = re.sub(r"--[^\n]*", "", script.read_text(encoding="utf-8"))
        used = set(re.findall(r"\bK\.(\w+)", code))
        assert used <= set(every_key()), script.name
        literal = re.findall(r"redis\.call\(\s*'[A-Z]+'\s*,\s*'([^']+)'", code)
        assert literal == [], f"{script.name} names keys of its own"


def test_every_key_says_what_bounds_it() -> None:
    """The promise that nothing grows for ever starts with its docstring."""
    members = (vars(Keys)[name] for name in every_key())
    docs = [(member.fget if isinstance(member, property) else member).__doc__ for member in members]
    assert all(doc and re.match(r"(Hash|List|String|Set|Sorted set|Stream)\b", doc) for doc in docs)
