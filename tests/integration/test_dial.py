"""Nothing that the guard refuses is ever dialled: assertions on the connections, not on the errors."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from contextlib import suppress
from typing import Any

import pytest

from jobs.client import Client
from jobs.errors import Outcome, Permanent, Reason
from jobs.guard import Policy
from jobs.resolver import KEEP_S, CachedResolver
from tests.calls import HTML, PUBLIC_IP, Dialler, Names, failure, get, run
from tests.server import Response, TestServer

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
    "AS112": "http://192.31.196.1/",
    "documentation": "http://203.0.113.1/",
    "benchmarking": "http://198.18.0.1/",
    "IPv6 site-local": "http://[fec0::1]/",
    "IPv6 multicast": "http://[ff02::1]/",
    "ISATAP": "http://[2a00:1450::5efe:7f00:1]/",
    "translated": "http://[::ffff:0:127.0.0.1]/",
    "discard": "http://[100::1]/",
    "octal in parts": "http://127.0.0.01/",
    "integer behind user-info": "http://public.test@2130706433/",
    "a null byte": "http://127.0.0.1%00.public.test/",
    "superscript digits": "http://¹²⁷.0.0.1/",
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
    "name of a private network": "http://private.test/",
    "name of a platform address": "http://platform.test/",
    "name of IPv6 local": "http://local6.test/",
    "name of Teredo": "http://teredo.test/",
    "name of octal": "http://octal.test/",
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
        private_test=[["192.168.1.1"]],
        platform_test=[["168.63.129.16"]],
        local6_test=[["fd00:ec2::254"]],
        teredo_test=[["2001:0:7f00:1::"]],
        octal_test=[["0177.0.0.1"]],
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


def test_the_table_is_as_long_as_promised() -> None:
    """At least 60 tricks are played directly and by redirect; the addresses by DNS and by rebinding too."""
    assert len(TRICKS) >= 60
    assert len(ADDRESSES) >= 25


ADDRESSES = {
    "127.0.0.1": "loopback",
    "127.8.8.8": "loopback",
    "0.0.0.0": "this network",
    "10.0.0.1": "private",
    "172.16.0.1": "private",
    "192.168.1.1": "private",
    "169.254.169.254": "metadata",
    "100.64.0.1": "shared",
    "100.100.100.200": "shared, metadata",
    "192.0.0.192": "protocol assignments, metadata",
    "168.63.129.16": "platform address",
    "192.0.2.1": "documentation",
    "198.18.0.1": "benchmarking",
    "224.0.0.1": "multicast",
    "255.255.255.255": "broadcast",
    "::": "unspecified",
    "::1": "loopback",
    "::127.0.0.1": "compatible",
    "::ffff:127.0.0.1": "mapped",
    "::ffff:a9fe:a9fe": "mapped metadata",
    "64:ff9b::7f00:1": "NAT64",
    "64:ff9b:1::7f00:1": "NAT64, local prefix",
    "2002:7f00:1::1": "6to4",
    "2001:0:7f00:1::": "Teredo",
    "2a00:1450::5efe:7f00:1": "ISATAP",
    "fc00::1": "unique local",
    "fd00:ec2::254": "unique local, metadata",
    "fe80::1": "link-local",
    "fe80::1%lo": "link-local with a zone",
    "ff02::1": "multicast",
}


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


@pytest.mark.parametrize("cached", [False, True], ids=["looked up", "kept"])
@pytest.mark.parametrize("address", ADDRESSES, ids=lambda a: f"{a}-{ADDRESSES[a]}")
def test_no_name_dials_a_refused_address(server: TestServer, address: str, cached: bool) -> None:
    """By DNS: an address is judged whether it was just looked up or kept from before."""
    names, dialler = Names(bad_test=[[address]]), Dialler(server.port)
    resolver = CachedResolver(names) if cached else names

    async def call(client: Client) -> list[Reason | None]:
        return [await reason_of(client, "http://bad.test/") for _ in range(3)]

    assert run(call, Policy(), resolver=resolver, dialler=dialler) == [Reason.BLOCKED_ADDRESS] * 3
    assert dialler.dialled == []
    assert len(names.asked) == (1 if cached else 3)


async def reason_of(client: Client, url: str) -> Reason | None:
    """Why a call fails; None when it does not."""
    try:
        await client.get(url)
    except Outcome as outcome:
        return outcome.reason
    return None


@pytest.mark.parametrize("framing", ["length", "close"])
@pytest.mark.parametrize("address", ADDRESSES, ids=lambda a: f"{a}-{ADDRESSES[a]}")
def test_rebinding_between_two_look_ups(server: TestServer, address: str, framing: str) -> None:
    """A name that turns bad after the first look-up gets no second connection."""
    server.route(
        "/", Response(status=302, headers={"Location": "http://rebind.test:8080/x"}, framing=framing)
    )
    names, dialler = Names(rebind_test=[[PUBLIC_IP], [address]]), Dialler(server.port)
    error = failure("http://rebind.test/", Policy(), {"resolver": names, "dialler": dialler})
    assert dialler.dialled == [(PUBLIC_IP, 80)]
    assert error.reason is Reason.BLOCKED_ADDRESS


def test_rebinding_while_an_answer_is_kept(server: TestServer) -> None:
    """A kept answer is what was judged; once it is too old, the name is looked up and judged anew."""
    server.route("/", Response(body=HTML, framing="close"))
    clock = [0.0]
    names, dialler = Names(rebind_test=[[PUBLIC_IP], ["127.0.0.1"]]), Dialler(server.port)

    async def call(client: Client) -> list[Reason | None]:
        reasons = []
        for at_s in (0.0, KEEP_S - 1, KEEP_S + 1, KEEP_S + 2):
            clock[0] = at_s
            reasons.append(await reason_of(client, "http://rebind.test/"))
        return reasons

    resolver = CachedResolver(names, clock=lambda: clock[0])
    blocked = Reason.BLOCKED_ADDRESS
    assert run(call, Policy(), resolver=resolver, dialler=dialler) == [None, None, blocked, blocked]
    assert dialler.dialled == [(PUBLIC_IP, 80)] * 2


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


def test_a_silent_address_holds_up_nobody(server: TestServer) -> None:
    """Where one family of addresses leads nowhere, the other is tried beside it after a moment (RFC 8305)."""

    class Silent(Dialler):
        async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
            if ":" in host:
                self.dialled.append((host, port))
                await asyncio.sleep(60)
            return await super().connect_tcp(host, port, *args, **kwargs)

    server.route("/", Response(body=HTML))
    names = Names(many_test=[["2606:4700::1", "2606:4700::2", "1.1.1.1", "8.8.8.8"]])
    dialler = Silent(server.port)
    started = time.monotonic()
    assert get("http://many.test/", Policy(), {"resolver": names, "dialler": dialler}).body == HTML
    assert time.monotonic() - started < 5
    assert [host for host, _ in dialler.dialled] == ["2606:4700::1", "1.1.1.1"]


def test_the_addresses_that_lose_are_let_go(server: TestServer) -> None:
    """Of two connections that open one after the other only the first is kept; the other is closed."""
    opened: list[Any] = []

    class Late(Dialler):
        async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
            stream = await super().connect_tcp(host, port, *args, **kwargs)
            opened.append(stream)
            with suppress(asyncio.CancelledError):  # the worst case: it opens although it was called off
                await asyncio.sleep(0.5 if host == "1.1.1.1" else 0.4)
            return stream

    server.route("/", Response(body=HTML))
    names = Names(many_test=[["1.1.1.1", "8.8.8.8"]])
    options = {"resolver": names, "dialler": Late(server.port)}
    assert get("http://many.test/", Policy(), options).body == HTML
    assert len(opened) == 2
    assert all(stream.get_extra_info("socket").fileno() == -1 for stream in opened)


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
        await client._pool("", "x.test")._network_backend.connect_unix_socket("/run/x.sock")

    with pytest.raises(NotImplementedError):
        run(call)
