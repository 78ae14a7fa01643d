"""Forms sent by the guarded client: once, whole, and only where they may go."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from jobs.client import Answer, Client
from jobs.errors import Outcome, Reason
from jobs.guard import Policy
from tests.calls import LOOPBACK, run
from tests.server import Response, TestServer, redirect

FORM = {"hub.mode": "subscribe", "hub.topic": "https://news.test/feed?a=1&b=ä", "empty": ""}


def post(url: str, policy: Policy = LOOPBACK, **options: object) -> Answer:
    async def call(client: Client) -> Answer:
        return await client.post(url, FORM, **options)  # type: ignore[arg-type]  # the tests' own options

    answer: Answer = run(call, policy)
    return answer


def test_a_form_arrives_as_it_is(server: TestServer) -> None:
    """Percent-encoded UTF-8, with its length and type, and nothing else of ours."""
    server.route("/hub", Response(status=202, body=b"soon"))
    answer = post(server.url("/hub"))
    assert (answer.status, answer.body) == (202, b"soon")
    (request,) = server.requests
    assert request.method == "POST"
    assert dict(parse_qsl(request.body.decode("ascii"), keep_blank_values=True)) == FORM
    assert set(request.headers) == {
        "host", "user-agent", "accept", "accept-encoding", "content-type", "content-length",
    }  # fmt: skip
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("status", [307, 308])
def test_redirects_that_keep_the_method_are_followed(server: TestServer, status: int) -> None:
    """The same form goes to the new place."""
    server.route("/old", redirect("/new", status))
    server.route("/new", Response(status=202))
    answer = post(server.url("/old"))
    assert (answer.status, answer.redirects) == (202, ((status, server.url("/old")),))
    old, new = server.requests
    assert (new.method, new.body, new.headers["content-type"]) == (
        "POST",
        old.body,
        old.headers["content-type"],
    )


@pytest.mark.parametrize("status", [301, 302, 303])
def test_other_redirects_are_answers(server: TestServer, status: int) -> None:
    """Following them would make a GET of it (RFC 9110, 15.4)."""
    server.route("/old", redirect("/new", status))
    assert post(server.url("/old")).status == status
    assert server.paths == ["/old"]


def test_a_form_goes_no_further_than_the_caller_lets_it(server: TestServer) -> None:
    """A redirect that `may_follow` refuses comes back as where it leads."""
    server.route("/old", redirect("/new", 307))
    answer = post(server.url("/old"), may_follow=lambda old, new: False)
    assert answer.moved_to == server.url("/new")
    assert server.paths == ["/old"]


def test_circles_and_chains_end(server: TestServer) -> None:
    """As for a GET, after fewer steps."""
    server.route("/self", redirect("/self", 307))
    for number in range(9):
        server.route(f"/{number}", redirect(f"/{number + 1}", 308))
    for path in ("/self", "/0"):
        with pytest.raises(Outcome) as error:
            post(server.url(path))
        assert error.value.reason is Reason.REDIRECT_LOOP


def test_the_guard_holds_for_forms_too(server: TestServer) -> None:
    """No private address is posted to, neither at first nor after a redirect."""
    server.route("/inside", redirect("http://10.0.0.1/hub", 307))
    for url, policy in ((server.url("/hub"), Policy()), (server.url("/inside"), LOOPBACK)):
        with pytest.raises(Outcome) as error:
            post(url, policy)
        assert error.value.reason is Reason.BLOCKED_ADDRESS
    assert server.paths == ["/inside"]


def test_a_body_is_sent_as_it_is_and_to_nobody_else(server: TestServer) -> None:
    """`send`: with its content type and headers, byte by byte; a redirect is an answer."""
    server.route("/a", Response(status=202))
    for status in (301, 302, 303, 307, 308):
        server.route(f"/{status}", redirect("/elsewhere", status))
    body = '{"ü": 1}'.encode()

    async def call(client: Client) -> list[int]:
        answers = []
        for path in ("/a", "/301", "/302", "/303", "/307", "/308"):
            answer = await client.send(server.url(path), body, "application/x", {"X-A": "1"}, deadline_s=10)
            answers.append(answer.status)
            assert answer.moved_to in (None, server.url("/elsewhere"))
        return answers

    assert run(call)[0] == 202
    assert "/elsewhere" not in server.paths
    assert {request.body for request in server.requests} == {body}
    assert {request.headers["content-type"] for request in server.requests} == {"application/x"}
    assert {request.headers["x-a"] for request in server.requests} == {"1"}
