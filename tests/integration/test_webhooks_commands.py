"""`palmyra webhooks` as an operator uses it, and `palmyra poll`, which delivers."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from redis import Redis
from typer.testing import CliRunner

from jobs.errors import PalmyraError
from tests.command import Palmyra
from tests.polling import one_server
from tests.server import Request, Response, TestServer
from worker.commands.webhooks import app
from worker.embedded import EmbeddedRedis
from worker.health import group_findings, webhook_findings
from worker.stream import Group, groups
from worker.webhooks.hook import Hook, Hooks, State
from worker.webhooks.queue import Queue
from worker.webhooks.retry import Try

URL = "https://desk.example/hook"
SECRET = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    with one_server() as server:
        yield server


@dataclass(frozen=True)
class Done:
    """What a command printed."""

    stdout: str
    stderr: str

    @property
    def json(self) -> list[Any]:
        return [json.loads(line) for line in self.stdout.splitlines()]


@dataclass(frozen=True)
class Command:
    """`palmyra webhooks`, in this process: it starts a hundred times as fast."""

    palmyra: Palmyra

    def __call__(self, *arguments: str, code: int = 0) -> Done:
        result = CliRunner().invoke(app, list(arguments), env=self.palmyra.environment)
        if isinstance(result.exception, PalmyraError):  # worker/cli.py prints it
            assert code == 1, result.exception
            return Done(result.stdout, str(result.exception))
        assert result.exit_code == code, (arguments, result.output, result.exception)
        return Done(result.stdout, result.stderr)


@pytest.fixture
def palmyra(redis: Redis, redis_server: EmbeddedRedis, tmp_path: Path) -> Palmyra:
    return Palmyra(redis, redis_server.url, tmp_path)


@pytest.fixture
def webhooks(palmyra: Palmyra) -> Command:
    return Command(palmyra)


@pytest.fixture
def hooks(palmyra: Palmyra) -> Hooks:
    return Hooks(palmyra.redis, palmyra.keys)


def until(done: Callable[[], Any], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_from_the_first_event_to_the_last(
    palmyra: Palmyra, webhooks: Command, hooks: Hooks, server: TestServer
) -> None:
    """Add, test, let `palmyra poll` deliver until SIGTERM, list, show, switch off, remove."""
    server.route("/hook", Response(status=204))
    url = server.url("/hook")
    for number in range(1, 6):
        palmyra.publish(number, language="de" if number % 2 else "fr")
    (added,) = webhooks("add", url, "--since", "start", "--where", "language == 'de'", "--json").json
    assert "answered 204 in" in webhooks("test", added["id"]).stdout
    (tested,) = server.requests
    standardwebhooks.Webhook(added["secret"]).verify(tested.body, dict(tested.headers))
    assert json.loads(tested.body)["type"] == "news.webhook.test.v1"

    poller = palmyra.start("poll")
    try:
        until(lambda: hooks.state(added["id"]).delivered == 3)
        palmyra.publish(7)
        until(lambda: hooks.state(added["id"]).delivered == 4)
        poller.send_signal(signal.SIGTERM)
        _, said = poller.communicate(timeout=20)
    finally:
        poller.kill()
        poller.wait()
    assert poller.returncode == 0, said
    assert "Traceback" not in said
    ids = [request.headers["webhook-id"] for request in server.requests[1:]]
    assert ids == ["1:1", "3:1", "5:1", "7:1"]

    (listed,) = webhooks("list", "--json").json
    wanted = {"state": "ok", "url": url, "where": "language == 'de'", "waiting": 0, "delivered": 4}
    assert {name: listed[name] for name in wanted} == wanted
    assert f"webhook-{listed['id']}" in webhooks("show", url).stdout
    assert "(changed: off)" in webhooks("edit", listed["id"], "--off").stdout
    assert groups(palmyra.redis, palmyra.keys) == []
    assert "(changed: on)" in webhooks("edit", listed["id"], "--on").stdout
    assert [group.events for group in groups(palmyra.redis, palmyra.keys)] == [0]
    webhooks("remove", listed["id"])
    assert webhooks("list", "--json").json == []


def test_given_up_events_are_listed_and_requeued(webhooks: Command, palmyra: Palmyra, hooks: Hooks) -> None:
    """With what is wrong; what left the stream meanwhile is said to be gone."""
    hook = hooks.add("https://desk.example/hook", SECRET)
    kept, gone = palmyra.publish(1), palmyra.publish(2)
    queue = Queue(hooks, hook)
    for entry, event in ((kept, "1:1"), (gone, "2:1")):
        queue.give_up(entry, event, Try(7, 1), "the receiver answered 500", 1_700_000_000_000)
    palmyra.redis.xdel(palmyra.keys.stream, gone)
    listed = webhooks("failed", hook.id).stdout
    assert "1:1" in listed
    assert "the receiver answered 500" in listed
    assert [one["id"] for one in webhooks("failed", hook.id, "--json").json] == ["1:1", "2:1"]
    webhooks("requeue", hook.id, "9:9", code=1)
    said = webhooks("requeue", hook.id, "--all").stdout
    assert said == "1 to be delivered again, 1 no longer on the stream\n"
    assert webhooks("failed", hook.id).stdout == "Nothing was given up.\n"
    assert list(queue.tries()) == [kept]


def test_secrets_are_shown_once(webhooks: Command, hooks: Hooks) -> None:
    """When they are made. Neither list nor show has them, headers, or what a URL may hide."""
    url = "https://desk.example/hook?token=hidden"
    header = ("--header", "Authorization: Bearer topsecret")
    assert f"secret: {SECRET}\n" in webhooks("add", url, "--secret", SECRET, *header).stdout
    (hook,) = hooks.all()
    rotated = webhooks("edit", hook.id, "--rotate", "--where", "").stdout
    changed = hooks.get(hook.id)
    assert changed
    assert (changed.old_secret, len(changed.keys(int(time.time() * 1000)))) == (SECRET, 2)
    assert f"secret: {changed.secret}\n" in rotated
    for command in (("list",), ("list", "--json"), ("show", hook.id), ("show", hook.id, "--json")):
        shown = webhooks(*command).stdout
        assert hook.id in shown
        for secret in (SECRET, changed.secret, "topsecret", "hidden"):
            assert secret not in shown


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", "http://10.0.0.1/"), 1, "10.0.0.1 is private"),
        (("add", "ftp://desk.example/"), 1, "not a usable http(s) URL"),
        (("add", "https://me:secret@desk.example/"), 1, "carries a user name or password"),
        (("add", URL, "--where", "langauge == 1"), 2, "did you mean language?"),
        (("add", URL, "--header", "nonsense"), 1, "is no header"),
        (("add", URL, "--secret", "whsec_short"), 1, "is no secret"),
        (("add", URL, "--since", "yesterday"), 1, "not a place in the stream"),
        (("add", "https://other.example/"), 1, "already"),
        (("edit", "https://other.example/"), 2, "say what is to change"),
        (("edit", "https://other.example/", "--where", "x == 1"), 2, "no field is called x"),
        (("show", "nope"), 1, "There is no webhook 'nope'"),
        (("requeue", "https://other.example/"), 2, "name events, or say --all"),
    ],
)
def test_what_is_wrong_is_said(
    webhooks: Command, hooks: Hooks, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """Bad URLs, expressions, headers, secrets and names, before anything is changed."""
    hook = hooks.add("https://other.example/", SECRET)
    error = webhooks(*arguments, code=code).stderr
    assert said in " ".join(error.replace("│", " ").split())
    assert hooks.all() == [hook]


def test_a_test_that_fails_says_why(webhooks: Command, hooks: Hooks, server: TestServer) -> None:
    """What the receiver answered, and exit code 1; the hook's own state stays as it was."""
    server.route("/hook", Response(status=500))
    hook = hooks.add(server.url("/hook"), SECRET)
    assert "the receiver answered 500" in webhooks("test", hook.id, code=1).stderr
    assert hooks.state(hook.id) == State()


def test_doctor_tells_of_webhooks_in_trouble() -> None:
    """Off by the receiver's wish, or failing for hours; not what an operator switched off."""
    now_ms = 1_700_000_000_000
    hook = Hook("abcdefgh", "https://desk.example/?key=hidden", SECRET)
    gone = Hook("ijkmnpqr", "https://gone.example/", SECRET, off="the receiver answered 410 Gone")
    asleep = Hook("stuvwxyz", "https://asleep.example/", SECRET, off="switched off by the operator")
    failing = State(failures=9, failing=now_ms - 5 * 3_600_000, error="connect: desk.example: refused\x1b[2J")
    found = webhook_findings([(hook, failing), (gone, State()), (asleep, State())], now_ms)
    assert [finding.mend for finding in found] == [
        "palmyra webhooks test abcdefgh",
        "palmyra webhooks edit ijkmnpqr --on, or remove it",
    ]
    assert "has taken nothing for 5 hours: connect" in found[0].what
    assert "hidden" not in found[0].what
    assert "\x1b" not in found[0].what
    assert webhook_findings([(hook, State())], now_ms) == []
    behind = Group(hook.group, 5, 0, now_ms - 6 * 86_400_000, overtaken=False)
    (far,) = group_findings([behind], 7, "palmyra:articles", now_ms)
    assert far.mend == "palmyra webhooks show abcdefgh", "not to be destroyed behind its back"


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_pollers_killed_again_and_again_lose_nothing(
    palmyra: Palmyra, hooks: Hooks, server: TestServer
) -> None:
    """Two run, both are killed five times in the middle of a request: each event comes, in order, and no more
    come twice than there were kills."""
    kills = {100, 200, 300, 400, 500}
    pollers = [palmyra.start("poll") for _ in range(2)]

    def answer(request: Request) -> Response:
        count = len(server.requests)
        if count in kills:
            kills.remove(count)
            for poller in pollers:  # one of them delivers; both are started again below
                poller.kill()
        return Response(status=204)

    server.route("/hook", answer)
    hook = hooks.add(server.url("/hook"), SECRET, since="0")
    ids = [f"{number}:1" for number in range(1, 601)]
    for number in range(1, 601):
        palmyra.publish(number)
    try:
        deadline = time.monotonic() + 250
        while (
            hooks.state(hook.id).delivered < 600 - 5 or server.requests[-1].headers["webhook-id"] != ids[-1]
        ):
            assert time.monotonic() < deadline, (len(server.requests), kills)
            for at, poller in enumerate(pollers):
                if poller.poll() is not None:
                    poller.communicate()
                    pollers[at] = palmyra.start("poll")
            time.sleep(0.05)
    finally:
        for poller in pollers:
            poller.kill()
            poller.communicate()
    got = [request.headers["webhook-id"] for request in server.requests]
    assert not kills
    assert list(dict.fromkeys(got)) == ids
    assert len(got) <= len(ids) + 5
