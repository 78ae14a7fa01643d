"""Which addresses and ports may be connected to. Pure: no look-ups, no I/O.

Links come from feeds that anybody can write, so a link may point at the machine itself, at its neighbours or
at the metadata service of its cloud. Only global unicast addresses are let through. The standard library's
``is_global`` is not enough: it passes multicast, 6to4, NAT64 and more, whatever IPv4 address they carry.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from jobs.errors import Permanent, Reason
from jobs.urls import Parts, redact, split

IPNetwork = IPv4Network | IPv6Network

# https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry (RFC 6890),
# multicast, reserved, and what clouds put on public addresses.
_REFUSED_IPV4 = {
    IPv4Network(network): words
    for network, words in (
        ("0.0.0.0/8", "this network (RFC 1122)"),
        ("10.0.0.0/8", "private (RFC 1918)"),
        ("100.64.0.0/10", "shared address space (RFC 6598)"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "the platform address of a cloud"),
        ("169.254.0.0/16", "link-local, metadata services (RFC 3927)"),
        ("172.16.0.0/12", "private (RFC 1918)"),
        ("192.0.0.0/24", "protocol assignments (RFC 6890)"),
        ("192.0.2.0/24", "documentation (RFC 5737)"),
        ("192.31.196.0/24", "AS112 (RFC 7535)"),
        ("192.52.193.0/24", "AMT relays (RFC 7450)"),
        ("192.88.99.0/24", "6to4 relays (RFC 7526)"),
        ("192.168.0.0/16", "private (RFC 1918)"),
        ("192.175.48.0/24", "AS112 (RFC 7534)"),
        ("198.18.0.0/15", "benchmarking (RFC 2544)"),
        ("198.51.100.0/24", "documentation (RFC 5737)"),
        ("203.0.113.0/24", "documentation (RFC 5737)"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved or broadcast"),
    )
}
_GLOBAL_IPV6 = IPv6Network("2000::/3")  # the only block that global unicast addresses are given from
_REFUSED_IPV6 = {
    IPv6Network(network): words
    for network, words in (
        ("2001::/23", "protocol assignments, Teredo (RFC 4380)"),
        ("2001:db8::/32", "documentation (RFC 3849)"),
        ("2002::/16", "6to4, carries an IPv4 address (RFC 7526)"),
        ("2620:4f:8000::/48", "AS112 (RFC 7534)"),
        ("3fff::/20", "documentation (RFC 9637)"),
    )
}
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052; what DNS64 answers on networks that have IPv6 only
_ISATAP = 0x00005EFE  # RFC 5214: the upper half of an interface id that carries an IPv4 address


# Special-use names: RFC 6761, 6762, 8375, and ICANN's reservation of .internal
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa", ".localdomain", ".lan")


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator allows."""

    allow_networks: tuple[IPNetwork, ...] = ()
    """Networks that may be connected to although they are not public, on any port."""
    allow_ports: frozenset[int] = frozenset({80, 443, 8080, 8443})
    """Ports that may be connected to elsewhere."""
    allow_addresses: frozenset[tuple[str, int]] = frozenset()
    """Single (IP address, port) pairs that may be connected to: our own demo site."""

    @property
    def has_exceptions(self) -> bool:
        """True when some address is exempt, so that the port alone does not decide."""
        return bool(self.allow_networks or self.allow_addresses)


def address_allowed(ip: str, port: int, policy: Policy) -> bool:
    """True when a connection to this address and port may be opened."""
    return why_refused(ip, port, policy) is None


def why_refused(ip: str, port: int, policy: Policy) -> str | None:
    """Why this address and port may not be connected to, in words, or None when they may.

    An IPv4 address inside an IPv6 one (mapped, NAT64) is judged as what it carries; the obsolete forms (6to4,
    Teredo, compatible, ISATAP, NAT64 with a local prefix) are refused whatever they carry.
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return "not an IP address"
    carried = _carried(address)
    if (str(carried), port) in policy.allow_addresses:
        return None
    if any(a in network for network in policy.allow_networks for a in (address, carried)):
        return None
    return _why_not_public(carried) or _why_not_port(port, policy)


def check_url(url: str, policy: Policy) -> Parts:
    """Whether a URL may be asked for, as far as the URL itself tells; its parts, if so.

    A host name is judged when it is dialled, by the addresses it resolves to. The port of a name can only be
    judged here when no addresses are exempt.

    Raises:
        Permanent: `BAD_URL` (see `jobs.urls.split`) or `BLOCKED_ADDRESS`.
    """
    parts = split(url)
    if parts.is_address:
        why = why_refused(parts.host, parts.port, policy)
    else:
        why = None if policy.has_exceptions else _why_not_port(parts.port, policy)
    if why:
        raise Permanent(Reason.BLOCKED_ADDRESS, f"{redact(parts.authority)}: {why}")
    return parts


def check_unresolved(parts: Parts, policy: Policy) -> None:
    """Whether a host may be asked for that a proxy will resolve, so that its addresses are never seen here.

    Names that mean something inside a network only are refused, and ports as for any public host.

    Raises:
        Permanent: `BLOCKED_ADDRESS`.
    """
    if parts.is_address:
        return  # judged by `check_url`
    local = "." not in parts.host or parts.host.endswith(_LOCAL_NAMES)
    why = "a name of a local network" if local else _why_not_port(parts.port, policy)
    if why:
        raise Permanent(Reason.BLOCKED_ADDRESS, f"{redact(parts.authority)}: {why}")


def _carried(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that packets to this one end at, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address


def _why_not_public(address: IPv4Address | IPv6Address) -> str | None:
    if isinstance(address, IPv4Address):
        return next((f"{address} is {why}" for net, why in _REFUSED_IPV4.items() if address in net), None)
    if address.scope_id is not None or address not in _GLOBAL_IPV6:
        return f"{address} is not a global unicast address"
    if (int(address) >> 32) & 0xFCFFFFFF == _ISATAP:
        return f"{address} is ISATAP, carries an IPv4 address (RFC 5214)"
    return next((f"{address} is {why}" for net, why in _REFUSED_IPV6.items() if address in net), None)


def _why_not_port(port: int, policy: Policy) -> str | None:
    return None if port in policy.allow_ports else f"port {port} is not allowed (PALMYRA_ALLOW_PORTS)"
