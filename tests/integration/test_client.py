"""The guarded client against a real server that misbehaves: nothing refused is dialled, nothing hurts."""

from __future__ import annotations

import asyncio
import ipaddress
import resource
import ssl
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]  # it has no type hints
import httpcore2
import pytest

from jobs.client import Answer, Client
from jobs.errors import Outcome, Permanent, Reason, Retry
from jobs.fetch import Moved, fetch_page
from jobs.guard import Policy
from jobs.page import Page
from tests.server import Request, Response, TestServer, redirect

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TLS = Path(__file__).parent.parent / "data" / "tls.pem"
LOOPBACK = Policy(allow_networks=(ipaddress.ip_network("127.0.0.0/8"),))
HTML = b"<!doctype html><p>" + b"Something happened today. " * 100


@pytest.fixture(scope="module")
def shared() -> Iterator[TestServer]:
    with TestServer() as server:
        yield server


@pytest.fixture
def server(shared: TestServer) -> TestServer:
    """The server without routes or log of other tests."""
    shared.reset()
    return shared


class Names:
    """A resolver with answers of its own: name → what each look-up gives in turn (the last one stays)."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): list(turns) for name, turns in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        turns = self.answers.get(host)
        if not turns:
            raise OSError(-2, "Name or service not known")
        return turns.pop(0) if len(turns) > 1 else turns[0]


class Dialler(httpcore2.AnyIOBackend):
    """Records what is dialled, and connects to the test server instead of the world."""

    def __init__(self, port: int, dead: Iterable[str] = ()) -> None:
        self.port = port
        self.dead = frozenset(dead)
        self.dialled: list[tuple[str, int]] = []

    async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        self.dialled.append((host, port))
        if host in self.dead:
            raise httpcore2.ConnectError("refused")
        return await super().connect_tcp("127.0.0.1", self.port, *args, **kwargs)


def run(call: Callable[[Client], Any], policy: Policy = LOOPBACK, **options: Any) -> Any:
    """What `call` makes of a client, on an event loop of its own."""

    async def main() -> Any:
        async with Client(policy, **options) as client:
            return await call(client)

    return asyncio.run(main())


def get(url: str, policy: Policy = LOOPBACK, client: dict[str, Any] | None = None, **options: Any) -> Answer:
    answer: Answer = run(lambda c: c.get(url, **options), policy, **(client or {}))
    return answer


def failure(
    url: str, policy: Policy = LOOPBACK, client: dict[str, Any] | None = None, **options: Any
) -> Outcome:
    with pytest.raises(Outcome) as error:
        get(url, policy, client, **options)
    return error.value


# -- an ordinary answer --------------------------------------------------------------------------------


def test_an_answer_says_all_there_is_to_know(server: TestServer) -> None:
    """Body, headers, sizes, address and times of a plain page."""
    headers = {"ETag": '"1"', "Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT", "Retry-After": "7"}
    server.route("/a", Response(body=HTML, headers=headers, delay_s=0.05))
    answer = get(server.url("/a?b=1#top"))
    assert (answer.status, answer.body, answer.wire_bytes) == (200, HTML, len(HTML))
    assert answer.url == server.url("/a?b=1#top")
    assert (answer.etag, answer.last_modified, answer.retry_after_s) == ('"1"', headers["Last-Modified"], 7)
    assert answer.content_type == "text/html; charset=utf-8"
    assert answer.address == "127.0.0.1"
    assert answer.took_ms >= 50
    assert abs(answer.received_s - time.time()) < 10
    assert (answer.redirects, answer.moved_to, answer.moved_permanently) == ((), None, False)


def test_only_what_is_needed_is_sent(server: TestServer) -> None:
    """No cookies, Referer, credentials or fragment: our name, what we take, and what the caller adds."""
    server.route("/a", Response(headers={"Set-Cookie": "id=1; Path=/"}))
    server.route("/from", redirect("/a#x"))

    async def call(client: Client) -> None:
        await client.get(server.url("/a"))
        await client.get(server.url("/from"), headers={"If-None-Match": '"1"'})

    run(call, user_agent="Palmyra/test")
    assert server.paths == ["/a", "/from", "/a"]
    expected = {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": "Palmyra/test",
        "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "accept-encoding": "gzip, deflate, br, zstd",
    }
    assert dict(server.requests[0].headers) == expected
    assert dict(server.requests[2].headers) == {**expected, "if-none-match": '"1"'}


def test_the_environment_gives_no_proxy(server: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxy variables are ignored: a proxy would dial what the guard never saw."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.route("/a", Response(body=HTML))
    assert get(server.url("/a")).body == HTML


def test_connections_are_used_again(server: TestServer) -> None:
    """Pages of one site, redirects and errors too, come over one connection."""
    server.route("/a", Response(body=HTML))
    server.route("/from", Response(status=301, headers={"Location": "/a"}, body=b"moved"))
    server.route("/pieces", Response(body=lambda: [b"a", b"b"]))

    async def call(client: Client) -> None:
        for path in ("/a", "/from", "/pieces", "/missing", "/a"):
            await client.get(server.url(path))

    run(call)
    assert {request.connection for request in server.requests} == {1}


def test_statuses_are_not_judged(server: TestServer) -> None:
    """Whatever the status, it comes back as an answer."""
    for status in (204, 304, 404, 410, 429, 500, 503, 599):
        server.route(f"/{status}", Response(status=status))

    async def call(client: Client) -> list[int]:
        return [(await client.get(server.url(path))).status for path in ("/204", "/304", "/404", "/503")]

    assert run(call) == [204, 304, 404, 503]


def test_repeated_headers_are_joined(server: TestServer) -> None:
    """A repeated header is one value, as RFC 9110 (5.3) has it."""
    server.route("/a", Response(raw=b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nok"))
    assert get(server.url("/a")).headers["x-a"] == "1, 2"


# -- what is dialled -----------------------------------------------------------------------------------

PUBLIC_IP = "93.184.215.14"

TRICKS = {
    # Direct
    "loopback": "http://127.0.0.1/",
    "loopback, another": "http://127.8.8.8/",
    "loopback, trailing dot": "http://127.0.0.1./",
    "this network": "http://0.0.0.0/",
    "private": "http://10.0.0.1/",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "shared": "http://100.100.100.200/",
    "platform address": "http://168.63.129.16/",
    "broadcast": "http://255.255.255.255/",
    "multicast": "http://239.255.255.250/",
    "IPv6 loopback": "http://[::1]/",
    "IPv6 unspecified": "http://[::]/",
    "IPv6 local": "http://[fd00:ec2::254]/",
    "IPv6 link-local": "http://[fe80::1]/",
    "mapped": "http://[::ffff:127.0.0.1]/",
    "mapped, hexadecimal": "http://[::ffff:a9fe:a9fe]/",
    "compatible": "http://[::127.0.0.1]/",
    "6to4": "http://[2002:7f00:1::]/",
    "NAT64": "http://[64:ff9b::127.0.0.1]/",
    "NAT64, local prefix": "http://[64:ff9b:1::7f00:1]/",
    "Teredo": "http://[2001:0:7f00:1::]/",
    "zone": "http://[fe80::1%25lo]/",
    "octal": "http://0177.0.0.1/",
    "octal, one number": "http://017700000001/",
    "hexadecimal": "http://0x7f.0.0.1/",
    "hexadecimal, one number": "http://0x7f000001/",
    "integer": "http://2130706433/",
    "short": "http://127.1/",
    "very short": "http://0/",
    "circled digits": "http://①②⑦.⓪.⓪.①/",
    "full-width digits": "http://１２７.0.0.1/",
    "ideographic stops": "http://127。0。0。1/",
    "percent-encoded host": "http://%31%32%37.0.0.1/",
    "user-info": "http://public.test@127.0.0.1/",
    "user-info behind": "http://127.0.0.1\\@public.test/",
    "backslashes": "http:\\\\127.0.0.1\\",
    "tabs and breaks": "http://127.0.\t0.\n1/",
    "another port": "http://public.test:22/",
    "another port of an address": f"http://{PUBLIC_IP}:6379/",
    "another scheme": "ftp://public.test/",
    "file": "file:///etc/passwd",
    "unix socket": "http+unix://%2Frun%2Fredis.sock/",
    # By DNS
    "name of loopback": "http://loop.test/",
    "name of IPv6 loopback": "http://loop6.test/",
    "name of metadata": "http://meta.test/",
    "name of a mapped address": "http://mapped.test/",
    "name of 6to4": "http://sixtofour.test/",
    "name of NAT64": "http://nat64.test/",
    "name with a zone": "http://zone.test/",
    "mixed answer, bad last": "http://mixed1.test/",
    "mixed answer, bad first": "http://mixed2.test/",
    "mixed families": "http://mixed3.test/",
    "answer that is no address": "http://odd.test/",
    "trailing dot": "http://loop.test./",
    "capitals": "http://LOOP.test/",
    "localhost": "http://localhost/",
}


def tricky_names() -> Names:
    return Names(
        public_test=[[PUBLIC_IP]],
        loop_test=[["127.0.0.1"]],
        localhost=[["127.0.0.1", "::1"]],
        loop6_test=[["::1"]],
        meta_test=[["169.254.169.254"]],
        mapped_test=[["::ffff:10.0.0.1"]],
        sixtofour_test=[["2002:a00:1::1"]],
        nat64_test=[["64:ff9b::a00:1"]],
        zone_test=[["fe80::1%lo"]],
        mixed1_test=[[PUBLIC_IP, "10.0.0.1"]],
        mixed2_test=[["127.0.0.1", PUBLIC_IP]],
        mixed3_test=[[PUBLIC_IP, "::1"]],
        odd_test=[["localhost"]],
        rebind_test=[[PUBLIC_IP], ["127.0.0.1"]],
    )


def refused(url: str, port: int, **options: Any) -> tuple[Outcome, list[tuple[str, int]]]:
    """How a call to `url` fails under the default policy, and what it dialled until then."""
    dialler = Dialler(port)
    error = failure(url, Policy(), {"resolver": tricky_names(), "dialler": dialler}, **options)
    return error, dialler.dialled


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_dials_a_refused_address(server: TestServer, trick: str) -> None:
    """However a URL or a name leads to a refused address, no connection is opened, not even to a good one."""
    error, dialled = refused(TRICKS[trick], server.port)
    assert dialled == []
    assert error.reason in (Reason.BLOCKED_ADDRESS, Reason.BAD_URL)
    assert type(error) is Permanent


@pytest.mark.parametrize("trick", TRICKS)
def test_no_redirect_dials_a_refused_address(server: TestServer, trick: str) -> None:
    """Each hop is judged as the first: the redirect is asked for, its target never is."""
    location = TRICKS[trick].replace("\t", "").replace("\n", "")
    server.route("/", Response(status=302, headers={"Location": location}))
    error, dialled = refused("http://public.test/", server.port)
    assert dialled == [(PUBLIC_IP, 80)]
    assert error.reason in (Reason.BLOCKED_ADDRESS, Reason.BAD_REDIRECT)


@pytest.mark.parametrize("framing", ["length", "close"])
def test_rebinding_between_two_look_ups(server: TestServer, framing: str) -> None:
    """A name that turns bad after the first look-up gets no second connection."""
    server.route(
        "/", Response(status=302, headers={"Location": "http://rebind.test:8080/x"}, framing=framing)
    )
    error, dialled = refused("http://rebind.test/", server.port)
    assert dialled == [(PUBLIC_IP, 80)]
    assert error.reason is Reason.BLOCKED_ADDRESS


def test_a_name_is_resolved_once_for_a_connection(server: TestServer) -> None:
    """What was judged is what is dialled: there is no second look-up that could answer otherwise."""
    server.route("/", Response(body=HTML))
    names, dialler = tricky_names(), Dialler(server.port)
    answer = get("http://rebind.test/", Policy(), {"resolver": names, "dialler": dialler})
    assert answer.body == HTML
    assert names.asked == ["rebind.test"]
    assert dialler.dialled == [(PUBLIC_IP, 80)]


def test_the_next_address_is_tried(server: TestServer) -> None:
    """A host with several addresses is reached when the first ones are dead."""
    server.route("/", Response(body=HTML))
    names = Names(many_test=[["2606:4700::1", "1.1.1.1", "8.8.8.8"]])
    dialler = Dialler(server.port, dead=["2606:4700::1", "1.1.1.1"])
    assert get("http://many.test/", Policy(), {"resolver": names, "dialler": dialler}).body == HTML
    assert dialler.dialled == [("2606:4700::1", 80), ("1.1.1.1", 80), ("8.8.8.8", 80)]


def test_the_systems_resolver_is_judged_too(server: TestServer) -> None:
    """`localhost`, by the machine's own resolver, is refused by default and reached when it is exempt."""
    server.route("/", Response(body=HTML))
    url = f"http://localhost:{server.port}/"
    assert failure(url, Policy(allow_ports=frozenset({server.port}))).reason is Reason.BLOCKED_ADDRESS
    both = tuple(ipaddress.ip_network(n) for n in ("127.0.0.0/8", "::1/128"))
    assert get(url, Policy(allow_networks=both)).body == HTML
    assert len(server.requests) == 1


def test_there_are_no_unix_sockets() -> None:
    """The backend can't open a unix socket at all."""

    async def call(client: Client) -> None:
        await client._pool._network_backend.connect_unix_socket("/run/x.sock")

    with pytest.raises(NotImplementedError):
        run(call)


# -- redirects -----------------------------------------------------------------------------------------


def test_redirects_are_followed_and_remembered(server: TestServer) -> None:
    """Each redirect, with its status, is in the answer; the fragment is inherited (RFC 9110, 10.2.2)."""
    server.route("/1", redirect("/2?x=1", 301))
    server.route("/2", redirect("3", 308))
    server.route("/3", Response(body=HTML))
    answer = get(server.url("/1#!/story"))
    assert answer.final_url == server.url("/3#!/story")
    assert answer.redirects == ((301, server.url("/1#!/story")), (308, server.url("/2?x=1#!/story")))
    assert answer.moved_permanently


def test_one_temporary_redirect_makes_the_move_temporary(server: TestServer) -> None:
    """Only a way of permanent redirects replaces a URL for good."""
    server.route("/1", redirect("/2", 301))
    server.route("/2", redirect("/3", 307))
    server.route("/3", Response(body=HTML))
    assert not get(server.url("/1")).moved_permanently


def test_loops_end(server: TestServer) -> None:
    """A circle, a redirect to itself and an endless chain are REDIRECT_LOOP, within the limit."""
    server.route("/self", redirect("/self"))
    server.route("/1", redirect("/2"))
    server.route("/2", redirect("/1#again"))
    server.route("*", lambda request: redirect(request.path + "x"))
    for path, requests in (("/self", 1), ("/1", 2), ("/endless", 9)):
        server.requests.clear()
        error = failure(server.url(path))
        assert (type(error), error.reason) == (Permanent, Reason.REDIRECT_LOOP)
        assert len(server.requests) == requests


@pytest.mark.parametrize(
    "location", [None, "", "javascript:alert(1)", "mailto:a@b", "http://[::1/", "ftp://e.com/"]
)
def test_a_redirect_to_nowhere(server: TestServer, location: str | None) -> None:
    """No Location, or one that is not http(s), is BAD_REDIRECT."""
    server.route("/", Response(status=302, headers={} if location is None else {"Location": location}))
    error = failure(server.url())
    assert (type(error), error.reason) == (Permanent, Reason.BAD_REDIRECT)


def test_a_location_in_utf8(server: TestServer) -> None:
    """Servers send raw UTF-8 in Location: it is read as such and encoded."""
    server.route("/", redirect("/ü ü"))
    server.route("*", Response(body=HTML))
    assert get(server.url()).final_url == server.url("/%C3%BC%20%C3%BC")


def test_the_callers_headers_stay_at_their_origin(server: TestServer) -> None:
    """Validators and credentials are not told to another origin, and not again after coming back from it."""
    with TestServer() as other:
        server.route("/a", redirect("/b"))
        server.route("/b", redirect(other.url("/c")))
        other.route("/c", Response(body=HTML))
        get(server.url("/a"), headers={"Authorization": "Bearer x", "If-None-Match": '"1"'})
        assert [request.headers.get("authorization") for request in server.requests] == ["Bearer x"] * 2
        assert "authorization" not in other.requests[0].headers
        assert "if-none-match" not in other.requests[0].headers


def test_a_redirect_that_may_not_be_followed(server: TestServer) -> None:
    """The caller learns where it leads; the target is neither resolved nor asked."""
    server.route("/a", redirect("/b", 301))
    server.route("/b", redirect("http://elsewhere.test/c?d=1", 302))
    names = Names()
    answer = get(server.url("/a"), client={"resolver": names}, may_follow=lambda _, to: "elsewhere" not in to)
    assert answer.moved_to == "http://elsewhere.test/c?d=1"
    assert answer.final_url == server.url("/b")
    assert [status for status, _ in answer.redirects] == [301, 302]
    assert (answer.status, answer.body) == (302, b"")
    assert names.asked == []


def test_a_redirects_endless_body_is_not_waited_for(server: TestServer) -> None:
    """The Location counts at once, whatever body drips behind it."""
    drip = Response(
        status=302, headers={"Location": "/a"}, body=lambda: (b"x" for _ in range(10**6)), drip_s=0.05
    )
    server.route("/", drip)
    server.route("/a", Response(body=HTML))
    assert get(server.url(), deadline_s=5).body == HTML


# -- sizes ---------------------------------------------------------------------------------------------

CAP_BYTES = 2**20
BLOCK = bytes(2**20)


def bomb(packer: Any, finish: str, blocks: int) -> Callable[[], Iterator[bytes]]:
    """Zeros, packed while they are sent; never in memory as a whole."""
    pack = getattr(packer, "process", None) or packer.compress

    def pieces() -> Iterator[bytes]:
        for _ in range(blocks):
            yield pack(BLOCK)
        yield getattr(packer, finish)()

    return pieces


BOMBS: dict[str, Callable[[int], Callable[[], Iterator[bytes]]]] = {
    "gzip": lambda blocks: bomb(zlib.compressobj(9, zlib.DEFLATED, 31), "flush", blocks),
    "deflate": lambda blocks: bomb(zlib.compressobj(9), "flush", blocks),
    "br": lambda blocks: bomb(brotli.Compressor(quality=1), "finish", blocks),
    "zstd": lambda blocks: bomb(zstd.ZstdCompressor(3), "flush", blocks),
}


@pytest.mark.parametrize("blocks", [2, 64, 512])
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_at_the_cap_in_bounded_memory(server: TestServer, name: str, blocks: int) -> None:
    """Up to half a gigabyte in any coding, in one packet or streamed, is TOO_LARGE after a megabyte."""
    if name in ("br", "zstd"):  # so dense that all of it fits into one packet or two
        packed = b"".join(BOMBS[name](blocks)())
        server.route("/", Response(body=packed, headers={"Content-Encoding": name}))
    else:
        server.route("/", Response(body=BOMBS[name](blocks), headers={"Content-Encoding": name}))
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        error = failure(server.url(), max_bytes=CAP_BYTES)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    grown_bytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) * 1024
    assert (type(error), error.reason) == (Permanent, Reason.TOO_LARGE)
    assert peak_bytes < 16 * CAP_BYTES
    assert grown_bytes < 48 * CAP_BYTES


@pytest.mark.parametrize("name", BOMBS)
def test_a_body_up_to_the_cap_is_read(server: TestServer, name: str) -> None:
    """The cap refuses nothing below it: a body of exactly the size comes through each coding."""
    server.route("/", Response(body=BOMBS[name](1), headers={"Content-Encoding": name}))
    answer = get(server.url(), max_bytes=CAP_BYTES)
    assert answer.body == BLOCK
    assert answer.wire_bytes < CAP_BYTES / 100


def endless() -> Iterator[bytes]:
    while True:
        yield bytes(65536)


@pytest.mark.parametrize(
    "response",
    [
        Response(body=endless),
        Response(body=endless, framing="close"),
        Response(body=b"x", length=10**15),
        Response(body=bytes(CAP_BYTES + 1)),
    ],
    ids=["chunked", "until closed", "announced", "one byte over"],
)
def test_a_body_over_the_cap_ends_at_it(server: TestServer, response: Response) -> None:
    """Bytes on the wire are capped whether or not their number is announced."""
    server.route("/", response)
    error = failure(server.url(), max_bytes=CAP_BYTES)
    assert (type(error), error.reason) == (Permanent, Reason.TOO_LARGE)


def test_crumbs_are_refused(server: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body in a great many tiny chunks, which cost far more than their bytes, is not read to its end."""
    monkeypatch.setattr("jobs.body.MAX_PIECES", 500)
    server.route("/", Response(body=lambda: (b"x" for _ in range(501))))
    error = failure(server.url())
    assert (type(error), error.reason) == (Retry, Reason.BAD_RESPONSE)


def test_the_body_of_an_error_is_cut(server: TestServer) -> None:
    """The status of an error stands, however large, broken or slow the page behind it is."""
    server.route("/large", Response(status=404, body=endless))
    server.route("/bomb", Response(status=403, body=BOMBS["gzip"](64), headers={"Content-Encoding": "gzip"}))
    server.route("/broken", Response(status=500, body=b"not gzip", headers={"Content-Encoding": "gzip"}))
    server.route("/cut", Response(status=503, body=b"half", length=1000, framing="length"))
    for path, status in (("/large", 404), ("/bomb", 403), ("/broken", 500), ("/cut", 503)):
        answer = get(server.url(path))
        assert answer.status == status
        assert len(answer.body) <= 65536
    assert get(server.url("/large")).body == bytes(65536)


# -- time ----------------------------------------------------------------------------------------------


def many(piece: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: (piece for _ in range(10**6))


@pytest.mark.parametrize(
    "response",
    [
        Response(delay_s=30),
        Response(body=HTML, drip_s=0.02),
        Response(body=many(b"x"), drip_s=0.02),
        Response(raw=b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 5000, drip_s=0.02),
        Response(raw=b"HTTP/1.1 100 Continue\r\n\r\n" * 5000, drip_s=0.001),
    ],
    ids=["silence", "drip", "drip in chunks", "drip in the header", "interim answers"],
)
def test_slowness_ends_at_the_deadline(server: TestServer, response: Response) -> None:
    """However a server spreads its answer, the call is over when its time is: TIMEOUT."""
    server.route("/", response)
    started = time.monotonic()
    error = failure(server.url(), deadline_s=0.4)
    assert (type(error), error.reason) == (Retry, Reason.TIMEOUT)
    assert time.monotonic() - started < 2


def test_the_deadline_is_over_all_redirects(server: TestServer) -> None:
    """Redirects don't win time: the deadline is for the whole way."""
    server.route("*", lambda request: Response(302, headers={"Location": request.path + "x"}, delay_s=0.15))
    started = time.monotonic()
    assert failure(server.url("/"), deadline_s=0.4).reason is Reason.TIMEOUT
    assert time.monotonic() - started < 2


def test_a_connection_that_never_opens(server: TestServer) -> None:
    """Each dead address has its share of the connect timeout; then the call is a TIMEOUT."""

    class Hole(Dialler):
        async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
            self.dialled.append((host, port))
            await asyncio.sleep(args[0])
            raise httpcore2.ConnectTimeout("no answer")

    names, hole = Names(slow_test=[["1.1.1.1", "8.8.8.8"]]), Hole(server.port)
    options = {"resolver": names, "dialler": hole}
    error = failure("http://slow.test/", Policy(), options, connect_timeout_s=0.2)
    assert (type(error), error.reason) == (Retry, Reason.TIMEOUT)
    assert [host for host, _ in hole.dialled] == ["1.1.1.1", "8.8.8.8"]


def test_timeouts_leave_nothing_behind(server: TestServer) -> None:
    """More calls than the pool has places run into their deadline; the next one finds a place."""
    server.route("/slow", Response(delay_s=30))
    server.route("/a", Response(body=HTML))

    async def call(client: Client) -> bytes:
        slow = [client.get(server.url("/slow"), deadline_s=0.3) for _ in range(12)]
        ended = await asyncio.gather(*slow, return_exceptions=True)
        assert {e.reason for e in ended if isinstance(e, Outcome)} == {Reason.TIMEOUT}
        body: bytes = (await client.get(server.url("/a"), deadline_s=5)).body
        return body

    assert run(call, max_connections=4) == HTML


def test_cancellation_is_not_an_outcome(server: TestServer) -> None:
    """A worker that shuts down cancels its downloads: that comes out as it is."""
    server.route("/slow", Response(delay_s=30))

    async def call(client: Client) -> None:
        task = asyncio.create_task(client.get(server.url("/slow")))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(call)


# -- what breaks ---------------------------------------------------------------------------------------

GZIP = zlib.compressobj(9, zlib.DEFLATED, 31)
PACKED = GZIP.compress(HTML) + GZIP.flush()
OK = b"HTTP/1.1 200 OK\r\n"

BROKEN = {
    "nothing": Response(raw=b""),
    "not HTTP": Response(raw=b"SSH-2.0-OpenSSH_9.6\r\n"),
    "HTTP/0.9": Response(raw=b"<html>hello</html>"),
    "cut header": Response(raw=OK + b"Content-Le"),
    "header too large": Response(raw=OK + b"X-A: " + b"a" * 200_000 + b"\r\n\r\n"),
    "too many headers": Response(raw=OK + b"X-A: abc\r\n" * 30_000 + b"\r\n"),
    "control characters": Response(raw=OK + b"X-A: a\x00b\r\n\r\n"),
    "bad length": Response(raw=OK + b"Content-Length: ten\r\n\r\n"),
    "negative length": Response(raw=OK + b"Content-Length: -1\r\n\r\n"),
    "two lengths": Response(raw=OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "cut body": Response(body=HTML, length=len(HTML) + 10, framing="length"),
    "cut chunks": Response(raw=OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
    "bad chunks": Response(raw=OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
    "unknown transfer coding": Response(raw=OK + b"Transfer-Encoding: gzip\r\n\r\n" + PACKED),
    "not gzip": Response(body=HTML, headers={"Content-Encoding": "gzip"}),
    "cut gzip": Response(body=PACKED[:-9], headers={"Content-Encoding": "gzip"}, framing="close"),
    "stacked codings": Response(body=PACKED, headers={"Content-Encoding": "gzip, gzip"}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_answers(server: TestServer, name: str) -> None:
    """What is not valid HTTP, or is cut in the middle, is BAD_RESPONSE; never half a page."""
    server.route("/", BROKEN[name])
    error = failure(server.url(), deadline_s=5)
    assert (type(error), error.reason) == (Retry, Reason.BAD_RESPONSE)
    assert f"127.0.0.1:{server.port}" in error.detail
    assert len(error.detail) < 200


def test_a_peers_words_are_not_repeated(server: TestServer) -> None:
    """Error texts go to logs and dashboards: nothing that the server sent is in them."""
    for raw in (
        b"<script>alert(1)</script>\r\n\r\n",
        OK + b"<script>: \x00\r\n\r\n",
        OK + b"Content-Length: <script>\r\n\r\n",
    ):
        server.route("/", Response(raw=raw))
        assert "script" not in failure(server.url()).detail


def test_no_answer_at_the_name_or_port() -> None:
    """A name without addresses is DNS; a port that nobody listens on is CONNECT, and says so."""
    error = failure("http://nowhere.test/", client={"resolver": Names()})
    assert (type(error), error.reason) == (Retry, Reason.DNS)
    error = failure("http://empty.test/", client={"resolver": Names(empty_test=[[]])})
    assert (type(error), error.reason) == (Retry, Reason.DNS)
    with TestServer() as gone:
        port = gone.port
    error = failure(f"http://127.0.0.1:{port}/")
    assert (type(error), error.reason) == (Retry, Reason.CONNECT)
    assert "refused" in error.detail.lower()


# -- encryption ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secure() -> Iterator[TestServer]:
    """An https server for the name news.test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS)
    with TestServer(tls=context) as server:
        server.route("/", Response(body=HTML))
        yield server


def encrypted(server: TestServer, url: str, **options: Any) -> Answer:
    names = Names(news_test=[[PUBLIC_IP]], other_test=[[PUBLIC_IP]])
    return get(url, Policy(), {"resolver": names, "dialler": Dialler(server.port), **options})


def test_the_certificate_is_checked_for_the_name(secure: TestServer) -> None:
    """The address that is dialled was chosen by us, but the certificate must be the name's."""
    trusting = ssl.create_default_context(cafile=str(TLS))
    assert encrypted(secure, "https://news.test/", ssl_context=trusting).body == HTML
    with pytest.raises(Retry) as error:
        encrypted(secure, "https://other.test/", ssl_context=trusting)
    assert error.value.reason is Reason.TLS
    assert "mismatch" in error.value.detail


def test_a_certificate_that_nobody_trusts(secure: TestServer, server: TestServer) -> None:
    """A self-signed certificate, and a server that speaks no TLS at all, are TLS errors."""
    with pytest.raises(Retry) as error:
        encrypted(secure, "https://news.test/")
    assert error.value.reason is Reason.TLS
    assert "self-signed" in error.value.detail
    with pytest.raises(Retry) as error:
        encrypted(server, "https://news.test/")
    assert error.value.reason is Reason.TLS


# -- a page --------------------------------------------------------------------------------------------


def test_fetch_page(server: TestServer) -> None:
    """A page comes back whole, with the redirects inside its domain already followed."""
    server.route("/old", redirect("/new", 301))
    server.route("/new", Response(body=PACKED, headers={"Content-Encoding": "gzip", "ETag": '"7"'}))
    page = run(lambda client: fetch_page(client, server.url("/old"), now_ms=1_000_000))
    assert isinstance(page, Page)
    assert (page.body, page.wire_bytes, page.etag) == (HTML, len(PACKED), '"7"')
    assert page.redirects == (server.url("/old"),)
    assert page.fetched_ms == 1_000_000 + page.took_ms
    assert Page.unpack(page.pack()) == page


def test_fetch_page_stops_at_the_border_of_its_domain(server: TestServer) -> None:
    """A redirect to another domain goes back to the ledger; one inside the domain does not."""
    server.route("/a", redirect("http://www.example.test:8080/b"))
    server.route("/b", redirect("https://other.test/c"))
    names = Names(news_example_test=[[PUBLIC_IP]], www_example_test=[[PUBLIC_IP]])
    options: dict[str, Any] = {"resolver": names, "dialler": Dialler(server.port)}
    moved = run(lambda client: fetch_page(client, "http://news.example.test/a"), Policy(), **options)
    hops = ("http://news.example.test/a", "http://www.example.test:8080/b")
    assert moved == Moved("https://other.test/c", hops)
    assert names.asked == ["news.example.test", "www.example.test"]


def test_fetch_page_raises_outcomes(server: TestServer) -> None:
    """What the answer means comes out as an outcome, for the ledger."""

    def busy(_: Request) -> Response:
        return Response(429, headers={"Retry-After": "60"})

    server.route("/", busy)
    with pytest.raises(Retry) as error:
        run(lambda client: fetch_page(client, server.url("/")))
    assert error.value.reason is Reason.RATE_LIMITED
    assert error.value.after_s == 60
