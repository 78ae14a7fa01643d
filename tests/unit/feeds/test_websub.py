"""WebSub's rules: who is asked, when, with what words, and whom we believe."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.entry import ParsedFeed
from worker.config import ConfigError, load
from worker.feeds.hub import SAFETY_NET_S, Hub, heed
from worker.feeds.link_header import links
from worker.feeds.parse import parse
from worker.feeds.schedule import Bounds, Next
from worker.feeds.websub import (
    LEASE_S,
    MAX_HUBS,
    MAX_LEASE_S,
    MAX_WAIT_S,
    MISSES,
    UNSAID_LEASE_S,
    State,
    Subscription,
    Topic,
    Wish,
    discover,
    endpoints,
    lease_s,
    may_follow,
    refusals,
    request,
    signed,
    to_ask,
    usable_challenge,
    wait_s,
    wish,
)

PUBLIC = "https://us.example"
HOUR_MS = 3_600_000
BOUNDS = Bounds(300, 86_400)
TOPIC = Topic("https://hub.example/", "https://news.example/feed")
KNOWN = Subscription("feedaaaaaa", TOPIC.hub, TOPIC.url, f"{PUBLIC}/websub/token")
ACTIVE = replace(KNOWN, verified=100 * HOUR_MS, until=200 * HOUR_MS)


# -- discovery ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('<https://hub.example/>; rel="hub"', [({"hub"}, "https://hub.example/")]),
        ("<a>;rel=hub, <b>; rel=self", [({"hub"}, "a"), ({"self"}, "b")]),
        ('<a>; rel="SELF  alternate"; type="a, b; rel=hub"', [({"self", "alternate"}, "a")]),
        (r'<a,b;c>; title="a \"quoted\" > one"; rel=hub', [({"hub"}, "a,b;c")]),
        ("< a >; rel=hub; rel=self", [({"hub"}, "a")]),
        ('<a>; anchor="#other"; rel=hub, <b>; rel=hub', [({"hub"}, "b")]),
        ("<a>; ; crossorigin; rel = hub ,", [({"hub"}, "a")]),
        ("<a>", [(set(), "a")]),
        ('rel=hub, >, <, <a>; rel="hub', [(set(), "a")]),
        ("", []),
    ],
)
def test_link_headers_are_read(header: str, expected: list[tuple[set[str], str]]) -> None:
    """Quoted commas, several relations, anchors, bad ends: what RFC 8288 says of them."""
    assert [(set(relations), target) for relations, target in links(header)] == expected


@given(st.text(alphabet='<>;,="\\ arelhub', max_size=400))
def test_any_link_header_can_be_read(header: str) -> None:
    """Nothing that a server sends raises."""
    assert len(list(links(header))) <= header.count("<")


def test_a_long_link_header_is_read_in_time() -> None:
    """A header made to be slow is not."""
    for header in (
        "<" * 100_000,
        "<a>" + ";" * 100_000,
        '<a>;b="' + "\\" * 100_000,
        "<a> " + " ;a=" * 30_000,
    ):
        assert len(list(links(header))) <= 1


def test_headers_come_before_the_document() -> None:
    """The hub and the feed's own name are looked for in the answer's headers, then in the document."""
    parsed = ParsedFeed(hubs=("https://other.example/",), self_url="https://news.example/other")
    header = '</hub>; rel="hub", </feed>; rel="self"'
    assert discover({"link": header}, "https://news.example/x", parsed) == Topic(
        "https://news.example/hub", "https://news.example/feed"
    )
    assert discover({}, "https://news.example/x", parsed) == Topic(parsed.hubs[0], parsed.self_url or "")
    assert discover({"link": "</feed>; rel=self"}, "https://news.example/x", None) is None
    assert discover({}, "https://news.example/x", ParsedFeed()) is None


def test_further_hubs_are_kept() -> None:
    """Those of the headers or those of the document, each once, a few of them; none that is absurdly long."""
    named = (
        "https://a.example/",
        f"https://{'b' * 3000}.example/",
        "https://a.example/",
        "https://c.example/",
    )
    header = ", ".join(f"<{hub}>; rel=hub" for hub in named)
    parsed = ParsedFeed(hubs=("https://other.example/",), self_url=TOPIC.url)
    assert discover({"link": header}, TOPIC.url, parsed) == Topic(named[0], TOPIC.url, named[3:])
    assert discover({}, TOPIC.url, ParsedFeed(hubs=named)) == Topic(named[0], TOPIC.url, named[3:])
    many = discover({}, TOPIC.url, ParsedFeed(hubs=tuple(f"https://{n}.example/" for n in range(9))))
    assert many is not None
    assert len(many.hubs) == MAX_HUBS


def test_a_feeds_secret_stays_from_the_hub() -> None:
    """Without a `self`, the feed is known by the URL that answered, but not by one that holds a token."""
    parsed = ParsedFeed(hubs=(TOPIC.hub,))
    assert discover({}, "https://news.example/x", parsed) == Topic(TOPIC.hub, "https://news.example/x")
    assert discover({}, "https://news.example/x?token=hunter2hunter2", parsed) is None


@pytest.mark.parametrize("target", ["javascript:alert(1)", "ftp://hub.example/", "", "https://", "x" * 3000])
def test_only_a_web_address_is_a_hub(target: str) -> None:
    """What can't be asked is no hub."""
    assert discover({"link": f"<{target}>; rel=hub"}, "data:", ParsedFeed(self_url=TOPIC.url)) is None


RSS = """<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>News</title>
<link>https://news.example/</link>{}<item><link>https://news.example/1</link>
<atom:link rel="hub" href="https://evil.example/"/></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>{}
<entry><link href="/1"/><link rel="hub" href="https://evil.example/"/></entry></feed>"""


def test_rss_and_atom_name_their_hub() -> None:
    """Atom links of the feed, in RSS too; an entry's links say nothing about the feed."""
    for document, prefix in ((RSS, "atom:"), (ATOM, "")):
        named = (
            f'<{prefix}link rel="self" href="/feed"/><{prefix}link rel="hub" href="https://hub.example/"/>'
        )
        parsed = parse(document.format(named).encode(), url="https://news.example/x")
        assert (parsed.hubs, parsed.self_url) == (("https://hub.example/",), "https://news.example/feed")
        without = parse(document.format("").encode(), url="https://news.example/x")
        assert (without.hubs, without.self_url) == ((), None)


def test_json_feeds_name_their_hub() -> None:
    """`hubs` of the kind WebSub (1.1), `feed_url` as the feed's own name."""
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "feed_url": "https://news.example/feed.json",
        "hubs": [
            7,
            {"type": "rssCloud", "url": "https://cloud.example/"},
            {"type": "WebSub", "url": TOPIC.hub},
        ],
        "items": [{"id": "1", "url": "https://news.example/1"}],
    }
    parsed = parse(json.dumps(document).encode(), url="https://news.example/x")
    assert (parsed.hubs, parsed.self_url) == ((TOPIC.hub,), "https://news.example/feed.json")


# -- what to do --------------------------------------------------------------------------------------------
def test_a_feed_that_names_a_hub_is_subscribed() -> None:
    """Newly, and anew when the hub, the topic or our own address changed."""
    assert wish(None, TOPIC, PUBLIC, 0) is Wish.START
    now = ACTIVE.verified
    assert wish(ACTIVE, replace(TOPIC, hub="https://other.example/"), PUBLIC, now) is Wish.START
    assert wish(ACTIVE, replace(TOPIC, url="https://news.example/new"), PUBLIC, now) is Wish.START
    assert wish(ACTIVE, TOPIC, "https://elsewhere.example", now) is Wish.START
    assert wish(ACTIVE, TOPIC, f"{PUBLIC}.evil", now) is Wish.START
    assert wish(replace(ACTIVE, leaving=now), TOPIC, PUBLIC, now) is Wish.START, "registered again"


def test_a_lease_is_renewed_when_four_fifths_are_over() -> None:
    """Not before, and before it ends."""
    assert wish(ACTIVE, TOPIC, PUBLIC, 180 * HOUR_MS - 1) is Wish.NOTHING
    assert wish(ACTIVE, TOPIC, PUBLIC, 180 * HOUR_MS) is Wish.RENEW
    assert wish(ACTIVE, TOPIC, PUBLIC, 300 * HOUR_MS) is Wish.RENEW


def test_a_request_in_vain_is_repeated_after_its_wait() -> None:
    """Also one that the hub took and never came back on."""
    asked = replace(KNOWN, asked=10 * HOUR_MS, again=11 * HOUR_MS, failures=1)
    assert wish(asked, TOPIC, PUBLIC, 11 * HOUR_MS - 1) is Wish.NOTHING
    assert wish(asked, TOPIC, PUBLIC, 11 * HOUR_MS) is Wish.RENEW


def test_a_hub_that_denies_is_let_be() -> None:
    """Until the subscription is forgotten, a week later."""
    assert wish(replace(KNOWN, denied=1), TOPIC, PUBLIC, 10**15) is Wish.NOTHING


A, B, C = (f"https://{name}.example/" for name in "abc")
SEVERAL = Topic(A, TOPIC.url, (B, C))


def test_hubs_are_asked_in_the_publishers_order() -> None:
    """The next ones if the first refuses. After a request in vain the turn goes round: some take requests,
    and nothing ever comes of it."""
    assert to_ask(None, SEVERAL, 0) == (A, B, C)
    assert to_ask(replace(KNOWN, hub=A), SEVERAL, 0) == (B, C, A)
    assert to_ask(replace(KNOWN, hub=C), SEVERAL, 0) == (A, B, C)
    assert to_ask(replace(KNOWN, hub="https://former.example/"), SEVERAL, 0) == (A, B, C)
    assert to_ask(replace(KNOWN, topic="https://news.example/old"), SEVERAL, 0) == (A, B, C)


def test_a_running_lease_is_renewed_where_it_runs() -> None:
    """Whichever hub it is, though others are named before it; once it has run out, others have their turn."""
    there = replace(ACTIVE, hub=B)
    assert wish(there, SEVERAL, PUBLIC, there.verified) is Wish.NOTHING
    assert wish(there, SEVERAL, PUBLIC, there.renew_ms) is Wish.RENEW
    assert to_ask(there, SEVERAL, there.renew_ms) == (B,)
    assert to_ask(there, SEVERAL, there.until) == (C, A, B)


def test_a_hub_that_denies_gives_way_to_the_others() -> None:
    """Each hub is let be that has denied the feed; when all have, the feed is."""
    denied = replace(KNOWN, hub=A, denied=1)
    assert wish(denied, SEVERAL, PUBLIC, 1) is Wish.START
    assert to_ask(denied, SEVERAL, 1) == (B, C)
    both = replace(KNOWN, hub=B, denied=1, refused=" ".join(refusals(denied)))
    assert to_ask(both, SEVERAL, 1) == (C,)
    all_of_them = replace(KNOWN, hub=C, denied=1, refused=" ".join(refusals(both)))
    assert to_ask(all_of_them, SEVERAL, 1) == ()
    assert wish(all_of_them, SEVERAL, PUBLIC, 1) is Wish.NOTHING
    assert wish(all_of_them, SEVERAL, "https://elsewhere.example", 1) is Wish.START, "another callback"


def test_a_feed_that_names_no_hub_any_more_is_unsubscribed() -> None:
    """Once."""
    assert wish(ACTIVE, None, PUBLIC, 0) is Wish.LEAVE
    assert wish(replace(ACTIVE, leaving=1), None, PUBLIC, 0) is Wish.NOTHING
    assert wish(None, None, PUBLIC, 0) is Wish.NOTHING


def test_waits_double_up_to_a_day() -> None:
    """One hour, two, four, …: never for ever."""
    waits = [wait_s(replace(KNOWN, failures=n), 0) for n in (0, 1, 2, 3, 10, 10_000)]
    assert waits == [3600, 7200, 14_400, 28_800, MAX_WAIT_S, MAX_WAIT_S]


def test_a_running_lease_leaves_time_for_several_requests() -> None:
    """However short the lease: what is left of it is divided, down to a minute."""
    assert wait_s(replace(ACTIVE, failures=9), 180 * HOUR_MS) == 5 * 3600
    assert wait_s(ACTIVE, ACTIVE.until - 2000) == 60


def test_hubs_are_asked_encrypted_first() -> None:
    """A hub named as http is tried as https, where that is on its usual port (Recommendation, 8.2)."""
    assert endpoints("https://hub.example/a") == ("https://hub.example/a",)
    assert endpoints("http://hub.example/a?b") == ("https://hub.example/a?b", "http://hub.example/a?b")
    assert endpoints("http://hub.example:80/") == ("https://hub.example/", "http://hub.example:80/")
    assert endpoints("http://127.0.0.1:9000/") == ("http://127.0.0.1:9000/",)


def test_a_secret_never_leaves_encryption() -> None:
    """A redirect to http is not followed from https."""
    assert not may_follow("https://hub.example/", "http://hub.example/")
    assert may_follow("https://hub.example/", "https://other.example/")
    assert may_follow("http://hub.example/", "https://hub.example/")
    assert may_follow("http://hub.example/", "http://other.example/")


def test_a_request_says_what_the_recommendation_asks() -> None:
    """5.1: callback, mode, topic; lease and secret as we like."""
    form = {"hub.callback": KNOWN.callback, "hub.topic": TOPIC.url, "hub.lease_seconds": str(LEASE_S)}
    assert request("subscribe", KNOWN) == form | {"hub.mode": "subscribe"}
    secret = replace(KNOWN, secret="s")
    assert request("subscribe", secret) == form | {"hub.mode": "subscribe", "hub.secret": "s"}
    assert request("unsubscribe", secret) == form | {"hub.mode": "unsubscribe"}


def test_how_a_subscription_stands() -> None:
    """From what happened to it."""
    now = 150 * HOUR_MS
    assert KNOWN.state(now) is State.ASKED
    assert ACTIVE.state(now) is State.ACTIVE
    assert ACTIVE.state(ACTIVE.until) is State.EXPIRED
    assert replace(ACTIVE, denied=1).state(now) is State.DENIED
    assert replace(ACTIVE, denied=1, leaving=1).state(now) is State.LEAVING


def test_secrets_are_not_printed() -> None:
    """A subscription in a log or a traceback does not show its key."""
    assert "hunter2" not in repr(replace(KNOWN, secret="hunter2"))


# -- what hubs say -----------------------------------------------------------------------------------------
BODY = b"<rss>\xff</rss>"


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_each_method_of_the_recommendation_is_checked(method: str) -> None:
    """The right signature holds, in any case of its letters; one of another body, key or method does not."""
    digest = hmac.new(b"key", BODY, getattr(hashlib, method)).hexdigest()
    assert signed(f"{method}={digest}", BODY, "key")
    assert signed(f"{method.upper()}={digest.upper()}", BODY, "key")
    assert not signed(f"{method}={digest}", BODY + b"x", "key")
    assert not signed(f"{method}={digest}", BODY, "other")
    assert not signed(f"{method}={digest[:-1]}", BODY, "key")
    other = "sha256" if method != "sha256" else "sha1"
    assert not signed(f"{other}={digest}", BODY, "key")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha1=",
        "=" + "0" * 40,
        "md5=" + hmac.new(b"key", BODY, "md5").hexdigest(),
        "md5=" + "0" * 40,
        "sha224=" + hmac.new(b"key", BODY, "sha224").hexdigest(),
        "sha3_256=" + hmac.new(b"key", BODY, "sha3_256").hexdigest(),
        "new=" + "0" * 40,
        "sha256=" + "é" * 64,
        hmac.new(b"key", BODY, "sha256").hexdigest(),
    ],
)
def test_what_is_not_signed_is_refused(header: str | None) -> None:
    """No signature, no method, or one that the Recommendation does not know, right or wrong."""
    assert not signed(header, BODY, "key")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("1", 1),
        ("432000", 432_000),
        ("99999999999", MAX_LEASE_S),
        (None, UNSAID_LEASE_S),
        ("0", UNSAID_LEASE_S),
        ("-5", UNSAID_LEASE_S),
        ("1e9", UNSAID_LEASE_S),
        ("9" * 5000, UNSAID_LEASE_S),
    ],
)
def test_leases_are_bounded(said: str | None, expected: int) -> None:
    """None lasts for ever, and what can't be read is a day."""
    assert lease_s(said) == expected


def test_challenges_are_short_text() -> None:
    """Binary data and long texts are not served for others (Recommendation, 8.2)."""
    assert usable_challenge("aZ09-_. ~")
    for bad in (None, "", "x" * 1001, "a\x00b", "a\nb", "é"):
        assert not usable_challenge(bad)


# -- when to poll ------------------------------------------------------------------------------------------
PLANNED = Next(900, "a new link", 900)


def test_a_feed_without_a_hub_is_polled_as_planned() -> None:
    """And one whose hub has yet to prove itself."""
    assert heed(PLANNED, None, BOUNDS, 0.5) == PLANNED
    assert heed(PLANNED, Hub(10**6, relied_on=False), BOUNDS, 0.5) == PLANNED


def test_a_feed_whose_hub_tells_us_is_polled_rarely() -> None:
    """Every four hours or four times its interval, within the longest; and what is learned stays."""
    after = heed(PLANNED, Hub(10**6, relied_on=True), BOUNDS, 0)
    assert after.delay_s == SAFETY_NET_S
    assert after.because == "its hub tells us; a poll every 4 h in case it does not"
    assert after.interval_s == PLANNED.interval_s
    slow = heed(replace(PLANNED, delay_s=18_000), Hub(10**6, relied_on=True), BOUNDS, 0)
    assert slow.delay_s == 72_000
    assert heed(replace(PLANNED, delay_s=50_000), Hub(10**6, relied_on=True), BOUNDS, 0).delay_s == 86_400


def test_news_that_the_hub_told_of_are_looked_for_again_soon() -> None:
    """A cache may have served the old document."""
    after = heed(PLANNED, Hub(10**6, relied_on=True, owes=True), BOUNDS, 0.5)
    assert after.delay_s == BOUNDS.min_s
    assert "told us of news that we don't see yet" in after.because


def test_a_poll_comes_in_time_to_renew() -> None:
    """Whether the hub is relied on or not."""
    for relied_on in (True, False):
        after = heed(PLANNED, Hub(600, relied_on=relied_on), BOUNDS, 0.5)
        assert after.delay_s == 600
        assert after.because.endswith("now sooner, since the subscription is to be renewed")


@given(
    st.floats(0, 10**6),
    st.builds(Hub, st.floats(-(10**6), 10**7), st.booleans(), st.booleans()),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 7200),
)
def test_a_hub_never_moves_polls_out_of_bounds(
    planned_s: float, hub: Hub, chance: float, asked_s: float
) -> None:
    """Not more often than allowed, nor than the site asks; not more rarely than planned or the longest."""
    after = heed(Next(planned_s, "x"), hub, BOUNDS, chance, least_s=asked_s)
    assert max(BOUNDS.min_s, asked_s) <= after.delay_s <= max(BOUNDS.max_s, planned_s)


def test_a_hub_has_to_prove_itself() -> None:
    """It is relied on once it told of news, until polls find some twice without its word."""
    now = ACTIVE.verified
    assert not ACTIVE.relied_on(now)
    assert replace(ACTIVE, missed=0).relied_on(now)
    assert replace(ACTIVE, missed=MISSES - 1).relied_on(now)
    assert not replace(ACTIVE, missed=MISSES).relied_on(now)
    assert not replace(ACTIVE, missed=0).relied_on(ACTIVE.until)
    assert not replace(ACTIVE, missed=0, denied=1).relied_on(now)


# -- the setting -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "url", ["https://news.example", "http://news.example:8000/palmyra/", "https://[2001:db8::1]/"]
)
def test_the_public_url_is_a_plain_one(url: str) -> None:
    """Kept without the slash at its end."""
    assert load({"PALMYRA_PUBLIC_URL": url}).settings.public_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "news.example",
        "ftp://news.example",
        "https://",
        "https://a@b.example",
        "https://a.example?b",
        "https://a.example/#b",
        "https://a b",
        "https://ä.example",
        "https://a.example:0",
    ],
)
def test_other_public_urls_are_refused(url: str) -> None:
    """With the option's name and what would be right."""
    with pytest.raises(ConfigError, match=r"PALMYRA_PUBLIC_URL.*such as https://"):
        load({"PALMYRA_PUBLIC_URL": url})
