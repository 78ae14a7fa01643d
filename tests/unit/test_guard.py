"""The guard refuses every address that is not public, however it is written or wrapped."""

from __future__ import annotations

import ipaddress

import pytest

from jobs.errors import Outcome, Permanent, Reason
from jobs.guard import Policy, address_allowed, check_url, why_refused

PUBLIC = Policy()
EXEMPT = Policy(allow_networks=(ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00:1::/32")))

# The standard library's `is_global` says True to each of these on at least one supported Python.
PASSED_BY_IS_GLOBAL = {
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast, SSDP",
    "192.0.0.8": "protocol assignments",
    "192.88.99.1": "6to4 relay",
    "192.31.196.1": "AS112",
    "192.52.193.1": "AMT relay",
    "192.175.48.1": "AS112",
    "168.63.129.16": "a cloud's platform address",
    "64:ff9b::7f00:1": "NAT64 of 127.0.0.1",
    "64:ff9b::a9fe:a9fe": "NAT64 of 169.254.169.254",
    "64:ff9b:1::a00:1": "NAT64 with a local prefix",
    "2002:7f00:1::1": "6to4 of 127.0.0.1",
    "2002:a9fe:a9fe::": "6to4 of 169.254.169.254",
    "::7f00:1": "IPv4-compatible 127.0.0.1",
    "ff02::1": "multicast",
    "ff0e::1": "multicast, global scope",
    "fec0::1": "site-local",
    "3fff::1": "documentation",
    "5f00::1": "segment routing",
    "2a00:1450::5efe:7f00:1": "ISATAP of 127.0.0.1",
}

REFUSED = {
    **PASSED_BY_IS_GLOBAL,
    "0.0.0.0": "this network",
    "0.1.2.3": "this network",
    "10.0.0.1": "private",
    "100.64.0.1": "shared",
    "100.100.100.200": "shared, a cloud's metadata",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "169.254.169.254": "link-local, metadata",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.192": "protocol assignments, a cloud's metadata",
    "192.0.2.1": "documentation",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarking",
    "198.51.100.1": "documentation",
    "203.0.113.1": "documentation",
    "240.0.0.1": "reserved",
    "255.255.255.255": "broadcast",
    "::": "unspecified",
    "::1": "loopback",
    "::ffff:127.0.0.1": "mapped loopback",
    "::ffff:a9fe:a9fe": "mapped metadata",
    "::ffff:0:127.0.0.1": "translated",
    "100::1": "discard",
    "2001::1": "Teredo",
    "2001:0:7f00:1::": "Teredo with a server at 127.0.0.1",
    "2001:10::1": "ORCHID",
    "2001:20::1": "ORCHIDv2",
    "2001:db8::1": "documentation",
    "fc00::1": "unique local",
    "fd00:ec2::254": "unique local, a cloud's metadata",
    "fd20:ce::254": "unique local, a cloud's metadata",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local with a zone",
    "2a00:1450:4001::1%1": "a zone",
    "": "nothing",
    "example.com": "a name",
    "0177.0.0.1": "octal",
    "2130706433": "an integer",
    "127.1": "short",
}

ALLOWED = ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.255.255", "11.0.0.1", "223.255.255.255"]
ALLOWED += ["2a00:1450:4001:81b::200e", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("ip", REFUSED, ids=lambda ip: f"{ip}-{REFUSED[ip]}")
def test_refuses_what_is_not_public(ip: str) -> None:
    """No address of a special range is let through on any port, in any wrapping, and the guard says why."""
    assert not address_allowed(ip, 80, PUBLIC)
    assert why_refused(ip, 80, PUBLIC)


def test_is_global_would_not_do() -> None:
    """The reason for tables of our own: the standard library passes most of these addresses."""
    passed = [ip for ip in PASSED_BY_IS_GLOBAL if ipaddress.ip_address(ip).is_global]
    # Python 3.11 passes all 20, newer ones refuse 6to4, NAT64 with a local prefix and some more.
    assert len(passed) >= 10


@pytest.mark.parametrize("ip", ALLOWED)
def test_lets_public_addresses_through(ip: str) -> None:
    """Ordinary addresses are allowed, next to the special ranges and inside NAT64 too, on ordinary ports."""
    assert address_allowed(ip, 443, PUBLIC)
    assert not address_allowed(ip, 22, PUBLIC)


def test_allowed_networks_are_exempt_on_any_port() -> None:
    """ALLOW_NETWORKS opens exactly what it names, in mapped form too, on every port."""
    assert address_allowed("10.1.2.3", 6379, EXEMPT)
    assert address_allowed("::ffff:10.1.2.3", 80, EXEMPT)
    assert address_allowed("fd00:1::5", 22, EXEMPT)
    assert not address_allowed("10.2.0.1", 80, EXEMPT)
    assert not address_allowed("fd00:2::5", 80, EXEMPT)
    assert not address_allowed("8.8.8.8", 22, EXEMPT)


def test_allowed_addresses_are_exempt_one_by_one() -> None:
    """An exempt pair opens one port of one address, and nothing beside it."""
    policy = Policy(allow_addresses=frozenset({("127.0.0.1", 9999)}))
    assert address_allowed("127.0.0.1", 9999, policy)
    assert address_allowed("::ffff:127.0.0.1", 9999, policy)
    assert not address_allowed("127.0.0.1", 9998, policy)
    assert not address_allowed("127.0.0.1", 80, policy)
    assert not address_allowed("127.0.0.2", 9999, policy)


BAD_URLS = [
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "javascript:alert(1)",
    "//example.com/",
    "/a/path",
    "http:example.com",
    "http:///path",
    "http://?q",
    "http://user@example.com/",
    "http://user:pw@example.com/",
    "http://example.com@10.0.0.1/",
    "http://@example.com/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://2130706433/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.0.0.0x1/",
    "http://127.0.0.1.5/",
    "http://256.0.0.1/",
    "http://1.2.3.4.0x/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[::1/",
    "http://[v1.x]/",
    "http://127.0.0.1%00.example.com/",
    "http://%31%32%37.0.0.1/",
    "http://exa mple.com/",
    "http://exam\x00ple.com/",
    "http://a..b/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:8o/",
    "http://example.com:80:80/",
    "http://unix%3A%2Frun%2Fredis.sock/",
    "http+unix://%2Frun%2Fredis.sock/",
    "",
    "http://" + "a" * 300 + "/",
    "http://example.com/" + "a" * 5000,
]

BLOCKED_URLS = [
    "http://127.0.0.1/",
    "http://127.0.0.1./",
    "https://169.254.169.254/latest/meta-data/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::10.0.0.1]/",
    "http://[2002:7f00:1::]/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http:\\\\127.0.0.1\\",
    "http://127.0.0.1\\@example.com/",
    "http:/\t/127.0.\n0.1/",
    " http://127.0.0.1/ ",
    "HTTP://127.0.0.1:443/",
    "http://0.0.0.0/",
    "http://example.com:22/",
    "http://example.com:6379/",
    "http://8.8.8.8:25/",
]


@pytest.mark.parametrize("url", BAD_URLS)
def test_refuses_urls_that_are_not_plainly_http(url: str) -> None:
    """Other schemes, user-info, odd spellings of addresses and hosts that are no names are BAD_URL."""
    with pytest.raises(Permanent) as error:
        check_url(url, PUBLIC)
    assert error.value.reason is Reason.BAD_URL


@pytest.mark.parametrize("url", BLOCKED_URLS)
def test_refuses_urls_that_name_a_refused_address_or_port(url: str) -> None:
    """A literal address that is not public, or a port off the list, is refused before any look-up."""
    with pytest.raises(Permanent) as error:
        check_url(url, PUBLIC)
    assert error.value.reason is Reason.BLOCKED_ADDRESS


@pytest.mark.parametrize(
    "url", ["http://example.com/", "https://example.com:8443/x", "http://[2606:4700::1]/"]
)
def test_passes_ordinary_urls(url: str) -> None:
    """A public URL comes back in its parts."""
    assert str(check_url(url, PUBLIC)) == url


def test_the_port_of_a_name_is_left_to_the_dialler_when_networks_are_exempt() -> None:
    """A name may resolve into an exempt network, where any port goes: only its addresses can tell."""
    assert check_url("http://intranet:9000/", EXEMPT).port == 9000
    with pytest.raises(Outcome):
        check_url("http://8.8.8.8:9000/", EXEMPT)
