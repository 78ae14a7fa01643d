"""What all commands share: help with examples, completion, words on typos, exit codes, tables that fit."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from typer.main import get_command

from tests.command import Done, Palmyra
from tests.polling import one_server
from worker.cli import app, main
from worker.commands.context import Exit
from worker.commands.progress import progress
from worker.embedded import EmbeddedRedis
from worker.webhooks.hook import Hooks

AWAY = {"PALMYRA_REDIS_URL": "redis://127.0.0.1:1/0"}
LISTING = {
    "feeds list",
    "webhooks list",
    "failed list",
    "pages list",
    "webhooks failed",
    "tail",
    "config",
    "ledger",
}
LISTING |= {"doctor", "health", "top", "why", "feeds show", "webhooks show", "failed show", "verify"}


def walk(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group with its path."""
    if path:
        yield path, command
    for name, one in getattr(command, "commands", {}).items():
        yield from walk(one, *path, name)


COMMANDS = {" ".join(path): command for path, command in walk(get_command(app))}


def does(command: Any) -> bool:
    """Whether it does something on its own, rather than only hold others."""
    return not getattr(command, "commands", {}) or command.invoke_without_command


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server: what differs between two is not the commands'."""
    with one_server() as server:
        yield server


class Line:
    """The command line, in this process: as real as in one of its own, but for the seconds to start it."""

    def __init__(self, made: Palmyra, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
        self.made = made
        self._patch, self._capsys = monkeypatch, capsys

    def run(self, *arguments: str, code: int = 0, **environment: str) -> Done:
        """Run it to its end, which is this exit code."""
        with self._patch.context() as patched:
            patched.chdir(self.made.home)
            for name in [name for name in os.environ if name.startswith(("PALMYRA_", "REDIS_"))]:
                patched.delenv(name)
            for name, value in {**self.made.environment, **environment}.items():
                patched.setenv(name, value)
            patched.setattr("sys.argv", ["palmyra", *arguments])
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = self._capsys.readouterr()
        assert (ended.value.code or 0) == code, (arguments, out, err)
        return Done(arguments, code, out, err)

    def each(self, *commands: tuple[str, ...], code: int = 0, **environment: str) -> list[Done]:
        return [self.run(*command, code=code, **environment) for command in commands]


@pytest.fixture
def palmyra(
    redis: Redis, redis_server: EmbeddedRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> Line:
    return Line(Palmyra(redis, redis_server.url, tmp_path), monkeypatch, capsys)


# -- help ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if does(command)])
def test_help_has_examples_that_the_command_line_takes(name: str) -> None:
    """Every command has some, each of a command and of options that there are."""
    text = COMMANDS[name].help or ""
    assert re.search(r"^Examples?\b.*:$", text, re.M), text
    lines = [line.strip() for line in re.split(r"^Examples?\b.*:$", text, flags=re.M)[1].splitlines()]
    examples = [line for line in lines if "palmyra" in line]
    assert examples
    for example in examples:
        words = shlex.split(example.split("palmyra ", 1)[1], comments=True)
        words = list(takewhile(lambda word: word not in ("|", ">", "&&"), words))
        path = max((n for n in COMMANDS if words[: len(n.split())] == n.split()), key=len)
        known = {option for one in COMMANDS[path].params for option in (*one.opts, *one.secondary_opts)}
        used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert used <= known | {"--help"}, example


def test_every_option_says_what_it_does() -> None:
    """Hidden ones are ours alone."""
    silent = {
        f"{name} {option.opts[0]}"
        for name, command in COMMANDS.items()
        for option in command.params
        if not getattr(option, "help", None) and not getattr(option, "hidden", False)
    }
    assert silent == set()


def test_what_lists_takes_json() -> None:
    """For scripts."""
    assert {
        name for name in LISTING if not any("--json" in one.opts for one in COMMANDS[name].params)
    } == set()


def test_help_fits_the_terminal(palmyra: Line) -> None:
    """At 80 columns, and exit 0."""
    for done in palmyra.each(("--help",), ("feeds", "list", "--help"), ("top", "-h"), COLUMNS="80"):
        assert max(map(len, done.stdout.splitlines())) <= 80


# -- typos ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("tial",), "'tail'"),
        (("docter",), "'doctor'"),
        (("feeds", "lst"), "'list'"),
        (("work", "artcle"), "'article'"),
        (("tail", "--folow"), "--follow"),
        (("top", "--josn"), "--json"),
    ],
)
def test_a_typo_is_told_what_was_meant(palmyra: Line, typed: tuple[str, ...], meant: str) -> None:
    """Commands, commands of groups, and options: exit 2, nothing on standard output."""
    done = palmyra.run(*typed, code=Exit.USAGE)
    assert done.stdout == ""
    assert meant in done.stderr


def test_a_misspelt_setting_is_told_what_was_meant(palmyra: Line) -> None:
    """In the environment, whatever the command."""
    for done in palmyra.each(("top",), ("doctor",), code=Exit.USAGE, PALMYRA_KEEP_PAGE="1"):
        assert "Did you mean PALMYRA_KEEP_PAGES?" in done.stderr


# -- exit codes ----------------------------------------------------------------------------------------------

READING = [("ledger",), ("feeds", "list"), ("failed", "list"), ("config",), ("top", "--once"), ("tail",)]


def test_0_when_it_was_done(palmyra: Line) -> None:
    """Nothing there is no failure."""
    palmyra.each(*READING, ("webhooks", "list"), ("pages", "list"), code=Exit.OK)


def test_1_when_it_could_not_be_done(palmyra: Line) -> None:
    """What was named is not there."""
    unknown = [("feeds", "show", "nothing00"), ("webhooks", "show", "nothing"), ("failed", "show", "nothing")]
    for done in palmyra.each(*unknown, ("why", "nothing"), code=Exit.FAILURE):
        assert done.stderr.startswith("palmyra: ")


def test_2_when_the_command_line_is_wrong(palmyra: Line) -> None:
    """A missing argument, a bad value, an option that there is not."""
    palmyra.each(("feeds", "show"), ("tail", "--since", "x"), ("ledger", "--nope"), code=Exit.USAGE)


def test_3_when_redis_is_away(palmyra: Line) -> None:
    """Whatever needs it, at once, and in one line."""
    needing = [
        ("ledger",),
        ("feeds", "list"),
        ("top",),
        ("top", "--json"),
        ("doctor",),
        ("health",),
        ("tail",),
    ]
    for done in palmyra.each(*needing, code=Exit.REDIS_UNREACHABLE, **AWAY):
        assert "PALMYRA_REDIS_URL" in done.stderr
        assert done.stdout == ""


def test_4_when_something_is_wrong(palmyra: Line) -> None:
    """For whoever asks about that: doctor, health and the ledger's check."""
    palmyra.made.redis.hincrby(palmyra.made.keys.totals, "discovered", 1)
    asking = [("doctor",), ("doctor", "--json"), ("health",), ("ledger", "check")]
    palmyra.each(*asking, code=Exit.UNHEALTHY)


# -- completion ----------------------------------------------------------------------------------------------


def complete(palmyra: Line, shell: str, typed: str, **environment: str) -> str:
    """What a shell is told when somebody presses Tab after this, of which the last word is being typed."""
    words = typed.split(" ")
    asked = {"_PALMYRA_COMPLETE": f"complete_{shell}", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
    asked["_TYPER_COMPLETE_ARGS"] = typed
    return palmyra.run(code=0, **(asked | environment)).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_commands_options_and_what_is_registered_are_completed(palmyra: Line, shell: str) -> None:
    """Groups, commands, options, and the ids and URLs of feeds and webhooks; with their titles in zsh."""
    palmyra.made.registry.add("https://news.test/feed", title='The \x1b[31mNews: "all" of it')
    (feed,) = palmyra.made.registry.registered()
    hook = Hooks(palmyra.made.redis, palmyra.made.keys).add("https://desk.test/hook", "secret")
    for typed, offered in (
        ("palmyra fe", "feeds"),
        ("palmyra feeds sh", "show"),
        ("palmyra top --o", "--once"),
        ("palmyra feeds show ", feed.id),
        ("palmyra feeds edit http", "news.test/feed"),
        ("palmyra feeds remove ", feed.id),
        ("palmyra webhooks show ", hook.id),
    ):
        out = complete(palmyra, shell, typed)
        assert offered in out, typed
        assert "\x1b" not in out
    assert complete(palmyra, shell, "palmyra feeds show ", **AWAY).strip() in (
        "",
        "_arguments '*: :(())'",
        "_files",
    )


@pytest.mark.proof
def test_a_real_bash_completes(palmyra: Line) -> None:
    """With the lines that `palmyra --install-completion` puts in place."""
    script = """
        source <(_PALMYRA_COMPLETE=source_bash palmyra)
        complete -p palmyra
        COMP_WORDS=(palmyra doc) COMP_CWORD=1
        _palmyra_completion palmyra
        echo "offered: ${COMPREPLY[*]}"
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**palmyra.made.environment, "PATH": path}
    run = ["bash", "--norc", "-c", script]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert "-F _palmyra_completion palmyra" in done.stdout
    assert "offered: doctor" in done.stdout


# -- tables and bars -----------------------------------------------------------------------------------------


@pytest.mark.proof
@pytest.mark.parametrize("columns", [80, 140])
def test_tables_and_bars_fit_the_terminal(palmyra: Line, columns: int) -> None:
    """On a terminal of that many columns, with long titles and URLs; long work shows how far it is."""
    home = palmyra.made.home
    items = "".join(
        f'<outline text="{"A long title " * 9}" xmlUrl="https://n{n}.test/{"x" * 90}"/>' for n in range(9)
    )
    (home / "many.opml").write_text(f"<opml><body>{items}</body></opml>")
    for number in range(3):
        palmyra.made.fail(number, detail="status 404 " * 20)
    commands = ["feeds import many.opml", "feeds list", "failed list", "doctor", "ledger check"]
    script = "; ".join(f"palmyra {command}" for command in commands)
    seen = on_terminal(palmyra.made, script, columns)
    assert "feeds registered" in seen
    assert "links checked" in seen
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    lines = [line.rsplit("\r", 1)[-1].rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    wide = [line for line in lines if len(line) > columns]
    assert wide == []


def test_a_bar_shows_how_far_it_is_and_nothing_off_a_terminal(capsys: Any) -> None:
    """On standard error, so that what is printed can go into a pipe."""
    with progress("links checked", 3) as done:
        done(2)
    assert capsys.readouterr() == ("", "")


def on_terminal(made: Palmyra, script: str, columns: int) -> str:
    """All that these commands write to a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**made.environment, "PATH": path, "TERM": "xterm-256color"}
    del environment["COLUMNS"]
    process = subprocess.Popen(
        ["bash", "--norc", "-c", script], cwd=made.home, env=environment,
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while True:
        try:
            some = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not some:
            break
        seen += some
    os.close(ours)
    process.wait(timeout=30)
    return seen.decode("utf-8", "replace")
