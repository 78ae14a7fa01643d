"""URLs: taken apart in one place, for what is asked, what is allowed and what is the same article.

Everything here is pure. `split` is the only parser: the guard, the client and the identity of a link all see
the same host, so none can be told a different one. It follows the URL Standard (https://url.spec.whatwg.org)
where that is lenient about spelling, and refuses where that guesses.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import unquote, urljoin

from jobs.errors import Permanent, Reason
from jobs.suffixes import registrable

MAX_URL_CHARS = 4096
DEFAULT_PORTS = {"http": 80, "https": 443}

_EDGES = "".join(map(chr, range(0x21)))
_BREAKS = str.maketrans("", "", "\t\r\n")
# RFC 3986, appendix B, with the authority required.
_URL = re.compile(r"([a-z][a-z0-9+.\-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?\Z", re.I | re.S)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::(\d{0,5}))?\Z")
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\Z")
# A last label like this makes resolvers read the host as an IPv4 address: 127.1, 0x7f000001, 0177.0.0.1.
_NUMERIC = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)\Z")
_ESCAPES = r"%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~!$&'()*+,;=:@/"
_IN_PATH, _IN_QUERY = re.compile(_ESCAPES + "]"), re.compile(_ESCAPES + "?]")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

# Parameters that only say how a reader came. Names that some site uses to say *which article* (id, cid, eid,
# uid, p …) are not here, whatever they usually mean: a copy too many is found later, a lost article never is.
_TRACKER_NAMES = """
fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid ysclid twclid ttclid igsh igshid li_fat_id epik rdt_cid
tblci dicbo mc_cid mc_eid mkt_tok s_kwcid wickedid zanpid xtor cmpid traffic_source usqp amp_js_v
hsctatracking oly_anon_id oly_enc_id vero_id vero_conv wt_mc wt.mc_id wt_mc_id _ga _gl _openstat
pk_campaign pk_kwd pk_keyword pk_source pk_medium pk_content piwik_campaign piwik_kwd piwik_keyword
itm_source itm_medium itm_campaign itm_content itm_term
ns_campaign ns_mchannel ns_source ns_linkname ns_fee
at_campaign at_campaign_type at_medium at_format at_ptr_name at_bbc_team
fb_action_ids fb_action_types fb_source fb_ref __twitter_impression
soc_src soc_trk guccounter guce_referrer guce_referrer_sig gaa_at gaa_n gaa_ts gaa_sig
"""
_TRACKERS = frozenset(_TRACKER_NAMES.split())
_TRACKER_PREFIXES = ("utm_", "mtm_", "hsa_", "_hs", "__hs", "at_link_", "at_custom")
# These name articles somewhere, so they go only where the value says that it is the way.
_SOURCE_NAMES = frozenset(("ref", "source", "src", "from", "via", "partner", "emc", "feed", "output_from"))
_SOURCE_VALUES = frozenset(("rss", "atom", "rssfeed", "rss_feed", "rss-feed"))
_SESSION = re.compile(r";(?:jsessionid|phpsessid)=[^/;]*", re.I)

_SECRET = re.compile(
    r"(?i)token|secret|passw|signature|credential|session|api[_-]?key|auth(?!or)"
    r"|^(?:key|sig|pwd|pass|sid|jwt|hmac)$|[_-](?:key|sig|pwd|pass)$"
)
_SECRET_CAMEL = re.compile(r"[a-z](?:Key|Sig|Pwd|Pass)$")
_PAIR = re.compile(r"(?<=[?&;#])([^?&;#=]*)=([^&;#]*)")
_USER = re.compile(r"\A((?:[a-z][a-z0-9+.\-]*:)?/+)?[^/?#]*@", re.I)


@dataclass(frozen=True, slots=True)
class Parts:
    """An absolute http(s) URL, taken apart and in normal form."""

    scheme: str
    """``http`` or ``https``."""
    host: str
    """Lower-case ASCII name without a trailing dot, or an IP address without brackets."""
    explicit_port: int | None
    """The port, if it is not the scheme's own."""
    path: str
    """Starts with ``/``; percent-encoded, without dot segments."""
    query: str | None
    fragment: str

    @property
    def port(self) -> int:
        return self.explicit_port or DEFAULT_PORTS[self.scheme]

    @property
    def authority(self) -> str:
        """Host and, if it is not the scheme's own, port: what the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.explicit_port is None else f"{host}:{self.explicit_port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        return (self.scheme, self.host, self.port)

    @property
    def target(self) -> str:
        """Path and query: what the request line says."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    @property
    def is_address(self) -> bool:
        """True when the host is an IP address, not a name."""
        return ":" in self.host or self.host.rpartition(".")[2].isdigit()

    def __str__(self) -> str:
        fragment = f"#{self.fragment}" if self.fragment else ""
        return f"{self.scheme}://{self.authority}{self.target}{fragment}"


@lru_cache(maxsize=4096)
def split(url: str) -> Parts:
    """Take an absolute http(s) URL apart and bring it into normal form.

    Raises:
        Permanent: `BAD_URL`; another scheme, user-info, no host, a host that is no name (octal, integer or
            short IPv4 spellings, an IPv6 zone), a bad port, or longer than `MAX_URL_CHARS`.
    """
    if len(url) > MAX_URL_CHARS:
        raise _bad(url, f"longer than {MAX_URL_CHARS} characters")
    match = _URL.match(_slashes(url.strip(_EDGES).translate(_BREAKS)))
    if match is None or match[1].lower() not in DEFAULT_PORTS:
        raise _bad(url, "not an absolute http or https URL")
    scheme = match[1].lower()
    host, port = _split_authority(url, match[2])
    return Parts(
        scheme=scheme,
        host=host,
        explicit_port=None if port in (None, DEFAULT_PORTS[scheme]) else port,
        path=_without_dots(_encode(_IN_PATH, match[3])) or "/",
        query=None if match[4] is None else _encode(_IN_QUERY, match[4]),
        fragment=_encode(_IN_QUERY, match[5] or ""),
    )


def join(base: str, reference: str) -> str:
    """A reference found in the document or answer at `base`, absolute and in normal form (RFC 3986, 5.2).

    Raises:
        Permanent: `BAD_URL`; the result is not usable.
    """
    cleaned = _slashes(reference.strip(_EDGES).translate(_BREAKS))
    try:
        return str(split(urljoin(base, cleaned)))
    except ValueError as error:  # urljoin, on brackets that don't match
        raise _bad(reference, "not a URL") from error


def canonical(url: str) -> str:
    """The URL without what does not change the article: a URL that can still be fetched.

    Scheme and host lower-case, IDNA, default port, dot segments and percent-encoding in normal form; tracking
    parameters and session ids gone; the order of the others and a trailing slash are kept, since servers may
    tell them apart. The fragment goes, but for routes (``#!/…``, ``#/…``), which name articles on some sites.

    Raises:
        Permanent: `BAD_URL`.
    """
    return str(_canonical(url))


@lru_cache(maxsize=4096)
def _canonical(url: str) -> Parts:
    parts = split(url)
    kept = [pair for pair in (parts.query or "").split("&") if pair and not _is_tracker(pair)]
    return replace(
        parts,
        path=_SESSION.sub("", parts.path) or "/",
        query="&".join(kept) or None,
        fragment=parts.fragment if parts.fragment.startswith(("!", "/")) else "",
    )


@lru_cache(maxsize=8192)
def link_id(url: str) -> str:
    """The identity of a link: 16 characters of lower-case base32 (80 bits of SHA-256 of its canonical URL).

    Two URLs of one article get one id where that is certain enough: http or https, and the order of query
    parameters, make no difference (values of one repeated parameter keep their order).

    Raises:
        Permanent: `BAD_URL`.
    """
    parts = _canonical(url)
    pairs = sorted((parts.query or "").split("&"), key=lambda pair: pair.partition("=")[0])
    identity = f"{parts.authority}{parts.path}?{'&'.join(pairs)}#{parts.fragment}"
    return base64.b32encode(hashlib.sha256(identity.encode()).digest()[:10]).decode().lower()


def domain(url: str) -> str:
    """The registrable domain of a URL; an IP address (IPv6 in brackets) or a single label is its own.

    Only letters, digits, ``-``, ``_``, ``.`` (and ``[:]`` for IPv6): safe inside a Redis key.

    Raises:
        Permanent: `BAD_URL`.
    """
    parts = split(url)
    if parts.is_address:
        return f"[{parts.host}]" if ":" in parts.host else parts.host
    return registrable(parts.host)


def redact(url: str) -> str:
    """A URL fit for logs and consumers: no user-info, secret-looking values as ``***``, nothing unprintable.

    Never raises: what is not a URL is cleaned the same way.
    """
    shown = url[:MAX_URL_CHARS]
    if not shown.isprintable() or " " in shown:  # control and bidirectional characters too
        shown = "".join(char for char in shown if char.isprintable() and char != " ")
    return _PAIR.sub(_hide, _USER.sub(r"\1", _slashes(shown)))


def _hide(pair: re.Match[str]) -> str:
    name = unquote(pair[1])
    secret = _SECRET.search(name) or _SECRET_CAMEL.search(name)
    return f"{pair[1]}=***" if secret else pair[0]


def _bad(url: str, why: str) -> Permanent:
    shown = redact(url)
    return Permanent(Reason.BAD_URL, f"{shown[:197]}…: {why}" if len(shown) > 200 else f"{shown}: {why}")


def _slashes(url: str) -> str:
    r"""Backslashes before the query as slashes, as browsers read them: ``http:\\host`` hides no host."""
    if "\\" not in url:
        return url
    end = re.search(r"[?#]|\Z", url)
    cut = end.start() if end else len(url)
    return url[:cut].replace("\\", "/") + url[cut:]


def _split_authority(url: str, authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise _bad(url, "it carries a user name or password")
    match = _AUTHORITY.match(authority)
    if match is None:
        raise _bad(url, "no usable host and port")
    port = int(match[2]) if match[2] else None
    if port is not None and not 0 < port < 65536:
        raise _bad(url, f"{port} is not a port")
    try:
        return _host(match[1]), port
    except ValueError as error:
        raise _bad(url, str(error)) from None


@lru_cache(maxsize=4096)
def _host(written: str) -> str:
    """A host in normal form.

    Raises:
        ValueError: it is none, with the reason.
    """
    if not written:
        raise ValueError("it has no host")
    if written.startswith("["):
        return _ipv6(written[1:-1])
    host = (written if written.isascii() else _idna(written)).lower().removesuffix(".")
    if not _NAME.match(host):
        raise ValueError("its host is not a name")
    if _NUMERIC.match(host):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ValueError("its host is an oddly spelled IP address") from None
    return host


def _ipv6(written: str) -> str:
    if "%" in written:
        raise ValueError("its host has a zone")
    try:
        return str(ipaddress.IPv6Address(written))
    except ValueError:
        raise ValueError("its host is not an IPv6 address") from None


def _idna(written: str) -> str:
    import idna  # only the few hosts that are not ASCII need its tables

    try:
        # UTS 46 as browsers apply it: full-width and circled digits and dots become plain ones here.
        return idna.encode(written, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise ValueError("its host is not a valid international name") from None


def _encode(escape: re.Pattern[str], text: str) -> str:
    """Percent-encoding in normal form (RFC 3986, 6.2.2): what needs none has none, the rest is upper case."""
    return escape.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    found = match[0]
    if len(found) == 3:
        char = chr(int(found[1:], 16))
        return char if char in _UNRESERVED else found.upper()
    return "".join(f"%{byte:02X}" for byte in found.encode("utf-8", "replace"))


def _without_dots(path: str) -> str:
    """The path without ``.`` and ``..`` (RFC 3986, 5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _is_tracker(pair: str) -> bool:
    name, _, value = pair.partition("=")
    # "amp;": an ampersand that was escaped once too often.
    name = name.lower().removeprefix("amp;")
    if name in _SOURCE_NAMES:
        return value.lower() in _SOURCE_VALUES
    return name in _TRACKERS or name.startswith(_TRACKER_PREFIXES)
