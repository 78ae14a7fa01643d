"""robots.txt as RFC 9309 has it: whose lines are ours, what they mean, how long they hold, hostile files."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable

import pytest

from jobs.client import Answer
from jobs.errors import Outcome, Permanent, Reason, Retry
from jobs.robots import MAX_BYTES, MAX_CRAWL_DELAY_S, Rules, kept_for_s, ours
from jobs.robots_cache import FIRST_REST_S, LONGEST_REST_S, UNREACHABLE_DAYS, Copy, learn
from jobs.urls import MAX_URL_CHARS

ALL = "User-agent: *\nDisallow: /all\n"
DAY_MS = 86_400_000


def rules(text: str | bytes) -> Rules:
    return Rules(ours(text.encode() if isinstance(text, str) else text))


def allowed(text: str | bytes, target: str) -> bool:
    return rules(text).allows(target)


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        ("Palmyra", True),
        ("palmyra", True),
        ("PALMYRA/1.0", True),
        ("Palmyra # the news reader", True),
        ("Palmyra Bot", True),
        ("PalmyraBot", False),
        ("Palmyra-News", False),
        ("Palm", False),
        ("p", False),
        ("Not-Palmyra", False),
        ("Googlebot", False),
        ("", False),
    ],
)
def test_whose_group_it_is(name: str, is_ours: bool) -> None:
    """Our own group, by the product token without regard to case, and nobody's whose name is but alike."""
    assert allowed(f"{ALL}User-agent: {name}\nDisallow: /own", "/own") is not is_ours


@pytest.mark.parametrize("own", ["Disallow: /own", "Disallow:", "Crawl-delay: 1"])
def test_an_own_group_replaces_everybodys(own: str) -> None:
    """Even one that disallows nothing."""
    text = f"User-agent: Palmyra\n{own}\n\n{ALL}"
    assert allowed(text, "/all")
    assert allowed(text, "/own") is (own != "Disallow: /own")


def test_groups_of_one_name_are_one() -> None:
    """Wherever they stand, and also where several names share a group."""
    text = (
        "User-agent: palmyra\nDisallow: /a\n\nUser-agent: other\nDisallow: /b\n\n"
        "User-agent: other\nSitemap: /map\nUser-agent: Palmyra\nDisallow: /c\nUser-agent: *\nDisallow: /d"
    )
    assert [allowed(text, f"/{page}") for page in "abcd"] == [False, True, False, True]


@pytest.mark.parametrize(
    ("lines", "target", "verdict"),
    [
        ("Disallow: /", "/x", False),
        ("Disallow:", "/x", True),
        ("Allow: /x\nDisallow: /", "/x/y", True),
        ("Disallow: /x\nAllow: /x", "/x", True),
        ("Disallow: /x/long\nAllow: /x", "/x/longer", False),
        ("Disallow: /*.pdf$", "/a/b.pdf", False),
        ("Disallow: /*.pdf$", "/a/b.pdf?x=1", True),
        ("Disallow: /*?print=", "/a?print=1", False),
        ("Disallow: *a*", "/cat", False),
        ("Disallow: /X", "/x", True),
        ("Disallow: /ü", "/%C3%BC", False),
        ("Disallow: /%7Eme", "/~me", False),
        ("Disallow: /a%2Fb", "/a/b", True),
        ("Disallow: //", "//x", False),
        ("Disallow: /x", "//x", True),
        ("Disallow: /x # not this one", "/xy", False),
        ("disallow : /x", "/x", False),
        ("Dissallow: /x", "/x", False),
        ("Disallow: /", "/robots.txt", True),
        ("Noindex: /x", "/x", True),
        ("<html><body>Not found</body></html>", "/x", True),
    ],
)
def test_what_the_rules_mean(lines: str, target: str, verdict: bool) -> None:
    """The longest match decides and Allow wins a tie; wildcards, ends, escapes, spellings (RFC 9309, 2.2)."""
    assert allowed(f"User-agent: *\n{lines}", target) is verdict


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n\n  "])
def test_spellings_of_a_file(start: str, end: str) -> None:
    """Any line ends, a byte order mark, white space."""
    assert not allowed(start + end.join(["User-Agent:*", "", "  Disallow:\t/x  "]), "/x")


def test_rules_before_any_group_are_nobodys() -> None:
    assert allowed("Disallow: /\nUser-agent: *\nDisallow: /x", "/y")


@pytest.mark.parametrize(
    ("line", "delay_s"),
    [
        ("Crawl-delay: 5", 5.0),
        ("Crawl-delay: 2.5", 2.5),
        ("crawl-delay:0", 0.0),
        ("Crawl-delay: 86400", MAX_CRAWL_DELAY_S),
        ("Crawl-delay: 1e300", MAX_CRAWL_DELAY_S),
        ("Crawl-delay: inf", 0.0),
        ("Crawl-delay: nan", 0.0),
        ("Crawl-delay: -5", 0.0),
        ("Crawl-delay: soon", 0.0),
        ("Disallow: /x", 0.0),
    ],
)
def test_crawl_delay(line: str, delay_s: float) -> None:
    """Taken from our group, in bounds; nonsense is none."""
    assert rules(f"User-agent: *\n{line}").crawl_delay_s == delay_s
    assert rules(f"User-agent: other\n{line}").crawl_delay_s == 0


def test_half_a_megabyte_counts() -> None:
    """At least 500 KiB are read (RFC 9309, 2.5); the line that the limit cuts through would say too much."""
    padding = b"#" * (500 * 1024) + b"\n"
    assert not allowed(b"User-agent: *\n" + padding + b"Disallow: /x", "/x")
    head = b"User-agent: *\nDisallow: /y\n"
    cut = head + b"#" * (MAX_BYTES - len(head) - len(b"\nDisallow: /")) + b"\nDisallow: /admin"
    assert allowed(cut, "/x")
    assert not allowed(cut, "/y")


def words(count: int, line: Callable[[str], str]) -> bytes:
    """A file of so many different rules."""
    rnd = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    return (
        b"User-agent: *\n"
        + "\n".join(line("".join(rnd.choices(letters, k=5))) for _ in range(count)).encode()
    )


HOSTILE = {
    "binary": random.Random(1).randbytes(10 * 2**20),
    "nothing but line ends": b"\r" * MAX_BYTES,
    "a million rules": words(300_000, lambda w: f"allow:/{w}"),
    "a million prefixes of the URL": words(300_000, lambda w: f"allow:/{'a' * (ord(w[0]) % 40)}{w}"),
    "wildcards everywhere": words(60_000, lambda w: f"disallow:*{w}*"),
    "the regular expression's nightmare": b"User-agent: *\nDisallow: /" + b"a*" * 250_000 + b"b$",
    "many nightmares": words(9_000, lambda w: f"Disallow: /{'*a' * 20}*{w}$"),
    "slow to search": words(60_000, lambda w: f"disallow:*b{'a' * (ord(w[0]) % 9)}{w}"),
    "escapes": words(20_000, lambda w: f"Disallow: /{'%61' * 7}{w}"),
    "groups": words(60_000, lambda w: f"User-agent: {w}\nDisallow: /"),
    "one long line": b"User-agent: *\nDisallow: /" + b"x" * 10 * 2**20,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_cost_bounded_time(name: str) -> None:
    """Reading one takes under a second (a thread does it), and judging a URL very little, however long."""
    started = time.process_time()
    found = rules(HOSTILE[name])
    found.prepare()
    assert time.process_time() - started < 5
    targets = ["/" + "a" * (MAX_URL_CHARS - 20), "/" + "ab" * 1000, "/" + "a" * 300, "/story?id=1"]
    found.allows("/warm")
    for target in targets:
        started = time.process_time()
        found.allows(target)
        assert time.process_time() - started < 0.25


def test_what_takes_too_long_to_decide_is_not_allowed() -> None:
    """A long URL against very many wildcards; a usual URL is decided as usual."""
    text = words(60_000, lambda w: f"disallow:/*{w}*x")
    assert not allowed(text, "/" + "a" * (MAX_URL_CHARS - 20))
    assert allowed(text, "/story")


@pytest.mark.parametrize(
    ("header", "kept_s"),
    [
        ("", 86_400),
        ("public", 86_400),
        ("max-age=3600", 3600),
        ("public, Max-Age = 7200", 7200),
        ("s-maxage=5", 86_400),
        ("max-age=31536000", 86_400),
        ("max-age=0", 600),
        ("no-store, max-age=3600", 600),
        ("no-cache", 600),
        ("max-age=" + "9" * 5000, 86_400),
    ],
)
def test_how_long_a_copy_serves(header: str, kept_s: float) -> None:
    """Cache-Control's max-age, between ten minutes and a day (RFC 9309, 2.4)."""
    assert kept_for_s(header) == kept_s


ANSWER = Answer(
    "https://one.test/robots.txt", "https://one.test/robots.txt", 200, {}, b"", 0, 1, "192.0.2.1", 1.0
)
RULES = b"User-agent: *\nDisallow: /x"


def answer(status: int, body: bytes = RULES) -> Answer:
    return dataclasses.replace(ANSWER, status=status, body=body)


@pytest.mark.parametrize("status", [204, 300, 304, 400, 401, 403, 404, 410, 451])
def test_no_file_means_that_all_is_allowed(status: int) -> None:
    """Whatever its error page says (RFC 9309, 2.3.1.3)."""
    copy = learn(None, answer(status, RULES if status != 204 else b""), 1_000)
    assert (copy.text, copy.failing_since_ms) == ("", 0)
    assert copy.until_ms == 1_000 + DAY_MS


@pytest.mark.parametrize("reason", [Reason.REDIRECT_LOOP, Reason.BAD_REDIRECT, Reason.BLOCKED_ADDRESS])
def test_redirects_to_nowhere_are_no_file(reason: Reason) -> None:
    """More than five, in a circle, or to where we don't go (RFC 9309, 2.3.1.2)."""
    assert learn(None, Permanent(reason, "one.test"), 0).text == ""


FAILURES: list[tuple[Answer | Outcome, Reason]] = [
    (answer(429), Reason.ROBOTS_UNREACHABLE),
    (answer(500), Reason.ROBOTS_UNREACHABLE),
    (answer(503), Reason.ROBOTS_UNREACHABLE),
    (Retry(Reason.TIMEOUT, "one.test"), Reason.ROBOTS_UNREACHABLE),
    (Retry(Reason.BAD_RESPONSE, "one.test"), Reason.ROBOTS_UNREACHABLE),
    (Retry(Reason.DNS, "one.test"), Reason.DNS),
    (Retry(Reason.CONNECT, "one.test"), Reason.CONNECT),
    (Retry(Reason.TLS, "one.test"), Reason.TLS),
]


@pytest.mark.parametrize(("got", "reason"), FAILURES, ids=str)
def test_an_unreachable_file_allows_nothing_for_a_while(got: Answer | Outcome, reason: Reason) -> None:
    """It is asked for again, more and more rarely; after thirty days it counts as missing (2.3.1.4)."""
    copy = learn(None, got, DAY_MS)
    assert (copy.text, copy.reason, copy.failing_since_ms) == (None, reason, DAY_MS)
    assert copy.until_ms - DAY_MS == FIRST_REST_S * 1000
    much_later = DAY_MS + UNREACHABLE_DAYS * DAY_MS
    copy = learn(copy, got, much_later)
    assert (copy.text, copy.failing_since_ms) == (None, DAY_MS)
    assert copy.until_ms - much_later == LONGEST_REST_S * 1000
    assert learn(copy, got, much_later + 1).text == ""


@pytest.mark.parametrize(("got", "reason"), FAILURES, ids=str)
def test_an_older_copy_serves_while_the_file_is_unreachable(got: Answer | Outcome, reason: Reason) -> None:
    """And the file's return ends that."""
    before = learn(None, answer(200), 0)
    copy = learn(before, got, 2 * DAY_MS)
    assert (copy.text, copy.failing_since_ms) == ("Disallow: /x", 2 * DAY_MS)
    assert learn(copy, got, 3 * DAY_MS).failing_since_ms == 2 * DAY_MS
    assert learn(copy, answer(200, b""), 3 * DAY_MS) == Copy("", 4 * DAY_MS)


def test_copies_come_back_from_redis() -> None:
    """What is none, or of another version, is none."""
    copy = Copy("Disallow: /ü", 1, 2, "dns", "one.test")
    assert Copy.unpack(copy.pack()) == copy
    assert Copy.unpack(b"") is None
    assert Copy.unpack(b"\x00" * 50) is None
