"""The Lua scripts of ``jobs/lua``: each with the names of the keys and the prelude before it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import NoScriptError

from jobs.keys import Keys

PARTS = {"stories": ("vectors", "stories")}
"""Scripts of several files."""


class Scripts:
    """The scripts on one Redis, by name."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._prelude = keys.lua() + source("prelude")
        self._known: dict[str, Script] = {}

    def _script(self, name: str) -> Script:
        script = self._known.get(name)
        if script is None:
            text = "".join(map(source, PARTS.get(name, (name,))))
            script = self._known[name] = self._redis.register_script(self._prelude + text)
        return script

    def run(self, name: str, *args: Any) -> Any:
        """Run one."""
        return self._script(name)(args=args)

    def run_all(self, name: str, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """Run one with each of these arguments, in turn and in one round trip.

        Returns the results; an error of one call is in the place of its result.
        """
        script = self._script(name)
        results = self._sent(script, calls)
        if any(isinstance(result, NoScriptError) for result in results):
            self._redis.script_load(script.script)
            results = self._sent(script, calls)
        return results

    def _sent(self, script: Script, calls: Sequence[Sequence[Any]]) -> list[Any]:
        # Not by `Script` itself, which asks the server each time whether it knows the script.
        with self._redis.pipeline(transaction=False) as pipe:
            for args in calls:
                pipe.evalsha(script.sha, 0, *args)
            return pipe.execute(raise_on_error=False)


@cache
def source(name: str) -> str:
    """The text of a script, or of the prelude."""
    return (files("jobs") / "lua" / f"{name}.lua").read_text(encoding="utf-8")
