"""The newsroom over real HTTP: live events, pages, health, metrics, login, and stopping."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from jobs.keys import Keys
from jobs.ledger import Ledger
from tests.site import Web, absent_redis, add, failed, made, published, serving
from worker import metrics
from worker.config import Settings
from worker.feeds.registry import Registry
from worker.queues import queue_for
from worker.web import create_app, serve
from worker.web import live as live_module
from worker.web.events import MOST_MISSED

EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
PASSWORD = "correct hörse"


@pytest.fixture
def web(redis: Redis, keys: Keys) -> Iterator[Web]:
    """The web process without a password."""
    with serving(redis, keys) as running:
        yield running


def login(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()}


class Markup(HTMLParser):
    """The elements of a page, and the text outside of them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self) -> list[str]:
        return [str(attrs.get("href")) for tag, attrs in self.elements if tag == "a"]

    def assert_harmless(self) -> None:
        for tag, attrs in self.elements:
            assert tag not in ("img", "iframe", "object", "style"), tag
            assert tag != "script" or str(attrs.get("src")).startswith("/static/")
            assert not any(name.startswith("on") or name == "style" for name in attrs), attrs
        assert all(link.startswith(("/", "#", "http://", "https://")) for link in self.links())


# -- live events -------------------------------------------------------------------------------------------
def test_an_article_reaches_every_open_page_within_a_second(web: Web, redis: Redis, keys: Keys) -> None:
    """Two clients get what is published, at once, each with the stream entry's id."""
    with web.stream() as one, web.stream() as two:
        one.ready()
        two.ready()
        began = time.monotonic()
        entry = add(redis, keys, made(headline="Just in"))
        for client in (one, two):
            (sent,) = client.articles(1)
            assert (sent.id, sent.data["headline"]) == (entry, "Just in")
        assert time.monotonic() - began < 1


def test_a_client_comes_back_to_where_it_was(web: Web, redis: Redis, keys: Keys) -> None:
    """With Last-Event-ID it gets all that it missed, once and in order, and then what is new."""
    entries = [add(redis, keys, made(headline=f"Story {n}")) for n in range(120)]
    with web.stream(headers={"Last-Event-ID": entries[9]}) as client:
        assert [sent.id for sent in client.articles(110)] == entries[10:]
        newest = add(redis, keys, made(headline="And one more"))
        assert [sent.id for sent in client.articles(1)] == [newest]


def test_a_page_misses_nothing_between_its_load_and_its_stream(web: Web, redis: Redis, keys: Keys) -> None:
    """The page says up to where it shows; the stream goes on from there. A bad id means from now on."""
    add(redis, keys, made(headline="On the page"))
    page = Markup(web.get("/").text)
    since = next(attrs["data-since"] for _, attrs in page.elements if "data-since" in attrs)
    between = add(redis, keys, made(headline="Between"))
    with web.stream(f"/events?since={since}") as client:
        assert [sent.id for sent in client.articles(1)] == [between]
    with web.stream("/events?since=nonsense") as client:
        client.ready()
        after = add(redis, keys, made(headline="After"))
        assert [sent.id for sent in client.articles(1)] == [after]


def test_who_missed_too_much_is_told_to_load_afresh(web: Web, redis: Redis, keys: Keys) -> None:
    """After `MOST_MISSED` articles a gap event jumps to the newest, so that no one is flooded."""
    with redis.pipeline() as pipe:
        for _ in range(MOST_MISSED + 60):
            pipe.xadd(keys.stream, {"event": json.dumps(made())})
        newest = pipe.execute()[-1].decode()
    with web.stream("/events?since=0-0") as client:
        kinds = []
        for sent in client:
            kinds.append(sent.event)
            if sent.event == "gap":
                break
    assert kinds.count("article") == MOST_MISSED
    assert sent.id == newest


def test_a_client_that_does_not_read_is_dropped_and_holds_up_nobody(
    web: Web, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its queue overflows, its connection is cut and its thread freed; another client gets everything."""
    monkeypatch.setattr(serve, "PATIENCE_S", 0.2)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    host, _, port = web.address.partition(":")
    slow.connect((host, int(port)))
    slow.sendall(f"GET /events HTTP/1.1\r\nHost: {web.address}\r\n\r\n".encode())
    big = json.dumps(made(headline="ü" * 300, summary="ü" * 399))
    with web.stream() as fast:
        fast.ready()
        assert web.live.clients == 2
        deadline = time.monotonic() + 30
        while web.live.clients == 2 and time.monotonic() < deadline:
            with redis.pipeline() as pipe:
                for _ in range(100):
                    pipe.xadd(keys.stream, {"event": big})
                entries = [entry.decode() for entry in pipe.execute()]
            assert [sent.id for sent in fast.articles(100)] == entries
        assert web.live.clients == 1
    slow.settimeout(10)
    with slow, contextlib.suppress(ConnectionResetError):  # a time-out would be an error
        while slow.recv(1 << 20):
            pass


def test_only_so_many_streams_are_served(web: Web, redis: Redis, keys: Keys) -> None:
    """One more is told to come back later; when one leaves there is room again, and pages work all along."""
    web.live.max_clients = 2
    with web.stream() as one:
        one.ready()
        with web.stream() as two:
            two.ready()
            refused = web.get("/events")
            assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
            assert web.get("/").status == 200
        deadline = time.monotonic() + 10
        while web.live.clients == 2 and time.monotonic() < deadline:
            add(redis, keys, made())  # writing to it shows that the second is gone
            one.articles(1)
        with web.stream() as three:
            three.ready()


def test_nothing_reads_the_stream_while_nobody_listens(web: Web, redis: Redis, keys: Keys) -> None:
    """The reader's thread ends with its last client and starts again with the next one."""

    def readers() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "live"]

    assert not readers()
    with web.stream() as client:
        client.ready()
        assert len(readers()) == 1
    deadline = time.monotonic() + 10
    while readers() and time.monotonic() < deadline:
        add(redis, keys, made())
        time.sleep(0.05)
    assert not readers()
    with web.stream() as client:
        client.ready()
        entry = add(redis, keys, made())
        assert [sent.id for sent in client.articles(1)] == [entry]


# -- pages -------------------------------------------------------------------------------------------------
def test_the_newsroom_lists_each_article_once_newest_first(web: Web, redis: Redis, keys: Keys) -> None:
    """An update replaces what it updates, a withdrawn article is gone."""
    add(redis, keys, made("b" * 16, headline="First version"))
    add(redis, keys, made("c" * 16, headline="Taken down"))
    add(redis, keys, made("d" * 16, headline="Another"))
    add(redis, keys, made("b" * 16, revision=2, kind="updated", headline="Second version"))
    add(redis, keys, made("c" * 16, revision=2, kind="withdrawn", headline="Taken down", text=""))
    redis.xadd(keys.stream, {"foreign": "entry"})
    text = Markup(web.get("/").text).text
    assert text.index("Second version") < text.index("Another")
    assert "First version" not in text
    assert "Taken down" not in text


def test_the_newsroom_tells_of_consumers_that_are_late(web: Web, redis: Redis, keys: Keys) -> None:
    """Those that are more than an hour behind, in its line of numbers."""
    redis.xadd(keys.stream, {"event": "{}"}, id=f"{int(time.time() * 1000) - 2 * 3_600_000}-0")
    assert 'data-total="late">0<' in web.get("/").text
    redis.xgroup_create(keys.stream, "desk", id="0")
    assert 'data-total="late">1<' in web.get("/").text


def test_an_empty_newsroom_says_what_to_do(web: Web) -> None:
    """The first page a new operator sees names the command to go on with."""
    assert "palmyra feeds add" in web.get("/").text


def test_an_articles_page_shows_text_provenance_and_way(web: Web, redis: Redis, keys: Keys) -> None:
    """Everything that the event and the ledger know, from the link's own id."""
    published(Ledger(redis, keys), made("e" * 16))
    page = web.get(f"/article/{'e' * 16}")
    text = Markup(page.text).text
    for part in ("A headline", "First paragraph.", "an item", "Newsroom staff", "json-ld", "2.4 s"):
        assert part in text, part
    assert "fetch attempt 1 began on tester" in text
    assert "https://one.test/story" in Markup(page.text).links()


def test_an_articles_page_shows_what_its_newest_revision_changed(web: Web, redis: Redis, keys: Keys) -> None:
    """Sentence by sentence, marked as inserted and deleted and in words; hostile text stays text."""
    ledger, link = Ledger(redis, keys), "j" * 16
    before: dict[str, Any] = {"text": "One stays. Two goes.", "headline": "Old", "revision": 1}
    after: dict[str, Any] = {
        "text": f"One stays. {EVIL} comes.",
        "headline": "New",
        "revision": 2,
        "change": {"kind": "correction"},
    }
    published(ledger, made(link, **before))
    assert "What changed" not in web.get(f"/article/{link}").text
    entry = redis.xadd(keys.stream, {"event": json.dumps(made(link, **after))})
    redis.hset(keys.link(link), mapping={"was": redis.hget(keys.link(link), "entry") or b"", "entry": entry})
    page = web.get(f"/article/{link}").text
    assert "Revision 1 to 2: a correction." in Markup(page).text
    for part in ("<del>Two goes.</del>", "<del>Old</del>", "<ins>New</ins>", "Added headline", "Removed"):
        assert part in page, part
    Markup(page).assert_harmless()
    redis.xtrim(keys.stream, maxlen=1, approximate=False)
    assert "What changed" not in web.get(f"/article/{link}").text


def test_an_article_that_its_publisher_withdrew_is_gone(web: Web, redis: Redis, keys: Keys) -> None:
    """Its page says who withdrew it, and nothing of what it said."""
    published(Ledger(redis, keys), made("k" * 16))
    redis.hset(keys.link("k" * 16), "gone", "1700000000000")
    answer = web.get(f"/article/{'k' * 16}")
    assert answer.status == 410
    assert "Its publisher withdrew this article." in answer.text
    assert "First paragraph" not in answer.text


def test_an_article_that_is_not_there_is_a_plain_404(web: Web, redis: Redis, keys: Keys) -> None:
    """Unknown, trimmed from the stream, or failed: the page says which."""
    ledger = Ledger(redis, keys)
    published(ledger, made("f" * 16))
    redis.xtrim(keys.stream, maxlen=0, approximate=False)
    failed(ledger, "g" * 16)
    for path, said in (
        ("f" * 16, "no longer on the stream"),
        ("g" * 16, "failed: not_found"),
        ("h" * 16, "No article with this id is known"),
        ("not-an-id", "not the id of an article"),
    ):
        answer = web.get(f"/article/{path}")
        assert answer.status == 404
        assert said in answer.text


def test_hostile_text_stays_text_everywhere(web: Web, redis: Redis, keys: Keys) -> None:
    """Headlines, names, addresses, languages and texts full of markup make no element, handler or link."""
    names = ("headline", "summary", "text", "section", "language", "published", "access")
    evil: dict[str, Any] = dict.fromkeys(names, EVIL)
    evil |= {"url": "javascript:alert(1)", "urls": {"found": "javascript:alert(1)", EVIL: EVIL}}
    evil_event = made(
        "i" * 16,
        source={"name": EVIL, "domain": EVIL},
        feeds=[{"id": EVIL, "url": "data:text/html,x", "title": EVIL}],
        authors=[EVIL],
        tags=[EVIL],
        provenance={"headline": EVIL, "tags": EVIL, EVIL: EVIL},
        timings={"emitted": EVIL, "seen": EVIL, "total_ms": EVIL},
        images=[{"url": "javascript:alert(3)", "caption": EVIL}],
        **evil,
    )
    published(Ledger(redis, keys), evil_event)
    for path in ("/", f"/article/{'i' * 16}", f"/{EVIL.replace(' ', '%20')}"):
        page = Markup(web.get(path).text)
        page.assert_harmless()
    with web.stream("/events?since=0-0") as client:
        (sent,) = client.articles(1)
    assert sent.data["url"] is None
    assert sent.data["language"] is None


def test_every_answer_is_locked_down(web: Web) -> None:
    """Pages, files, errors and streams carry the policy, and none may be framed, sniffed or cached."""
    for path in ("/", "/static/newsroom.js", "/nope", "/livez", "/favicon.ico"):
        headers = web.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] in ("no-store", "no-cache")
        assert "Server" not in headers


# -- who may come in ---------------------------------------------------------------------------------------
def test_with_a_password_everything_else_needs_it(redis: Redis, keys: Keys) -> None:
    """Only /livez and /readyz are open; any user name goes with the right password, under any host name."""
    with serving(redis, keys, web_password=PASSWORD) as web:
        closed = ("/", "/events", "/metrics", "/static/newsroom.js", f"/article/{'a' * 16}", "/rq/", "/nope")
        for path in closed:
            for headers in ({}, login(""), login("wrong"), {"Authorization": "Bearer x"}):
                answer = web.get(path, headers)
                assert answer.status == 401
                assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert [web.get(path).status for path in ("/livez", "/readyz")] == [200, 200]
        for path in ("/", "/metrics", "/rq/"):
            assert web.get(path, login(PASSWORD) | {"Host": "news.example"}).status == 200


def test_without_a_password_only_loopback_names_are_answered(web: Web) -> None:
    """A page that has its own name resolve to this machine gets nothing."""
    for path in ("/", "/metrics", "/rq/0/data/queues.json"):
        assert web.get(path, {"Host": "evil.test"}).status == 421
        assert web.get(path, {"Host": "localhost:1"}).status == 200


# -- health and metrics ------------------------------------------------------------------------------------
def test_health_with_and_without_redis(web: Web, keys: Keys) -> None:
    """Alive as long as it answers; ready only with Redis, and it says why not. Pages explain themselves."""
    assert web.get("/livez").json == {"live": True}
    ready = web.get("/readyz")
    assert (ready.status, ready.json) == (200, {"ready": True, "redis": "ok"})
    with serving(absent_redis(), keys) as lonely:
        assert lonely.get("/livez").status == 200
        unready = lonely.get("/readyz")
        assert (unready.status, unready.json) == (503, {"ready": False, "redis": "Redis does not answer"})
        assert lonely.get("/metrics").status == 503
        for path in ("/", f"/article/{'a' * 16}", "/events", "/rq/"):
            answer = lonely.get(path)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert "Redis does not answer" in answer.text
            assert "nonexistent" not in answer.text


def samples(web: Web) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = web.get("/metrics")
    assert answer.status == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_metrics_tell_what_redis_holds(web: Web, redis: Redis, keys: Keys) -> None:
    """RQ's under rq-exporter's names, ours for the ledger; and the ledger balances."""
    ledger = Ledger(redis, keys)
    published(ledger, made("j" * 16))
    failed(ledger, "k" * 16)
    Registry(redis, keys).add("https://one.test/feed")
    queue_for(keys, "fetch", redis).enqueue("jobs.tasks.fetch", "l" * 16, 1)
    redis.xgroup_create(keys.stream, "desk", id="0")
    found = samples(web)

    def value(name: str, **labels: str) -> float:
        return found[name, tuple(sorted(labels.items()))]

    assert value("rq_jobs", queue=keys.queue("fetch"), status="queued") == 1
    assert value("rq_jobs", queue=keys.queue("fetch"), status="failed") == 1
    assert value("rq_jobs", queue=keys.queue("article"), status="queued") == 0
    assert value("palmyra_discovered_total") == 2
    assert value("palmyra_links_total", outcome="published") == 1
    assert value("palmyra_failed_total", reason="not_found") == 1
    assert value("palmyra_links_waiting", stage="fetch", state="ready") == 0
    assert value("palmyra_ledger_imbalance") == 0
    assert value("palmyra_dead_links") == 1
    assert value("palmyra_feeds", state="new") == 1
    assert value("palmyra_stream_length") == 1
    assert value("palmyra_stream_bytes") > 0
    assert value("palmyra_group_lag_events", group="desk") == 1
    assert value("palmyra_group_lag_seconds", group="desk") >= 0
    assert value("palmyra_group_pending_events", group="desk") == 0


def test_every_declared_metric_is_there_and_no_other(web: Web) -> None:
    """`metrics.ALL` is the whole list, and each has its help text."""
    helps = [line.split(maxsplit=3) for line in web.get("/metrics").text.splitlines() if "# HELP" in line]
    names = [name for _, _, name, text in helps if text]
    assert names == [spec.name for spec in metrics.ALL]


def test_the_process_stops_at_once_although_a_stream_is_open(
    redis_server: Any, keys: Keys, tmp_path: Path
) -> None:
    """SIGTERM ends the streams, and the process with code 0, within moments."""
    env = os.environ | {
        "PALMYRA_REDIS_URL": redis_server.url,
        "PALMYRA_NAMESPACE": keys.namespace,
        "PALMYRA_WEB_PORT": "0",
    }
    command = [sys.executable, "-c", "from worker.cli import main; main()", "web"]
    process = subprocess.Popen(command, env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said = (json.loads(line) for line in process.stderr)
        url = next(line["url"] for line in said if line["event"] == "web_listens")
        running = Web(url, live_module.Live(absent_redis(), "", dict))
        with running.stream() as client:
            client.ready()
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert client.articles(1) == []
            assert process.wait(10) == 0
            assert time.monotonic() - began < 3
    finally:
        process.kill()
        process.communicate()


def test_an_address_that_is_taken_is_said_so(web: Web, redis: Redis, keys: Keys) -> None:
    """The message names the address and the option to change."""
    host, _, port = web.address.partition(":")
    app = create_app(Settings(namespace=keys.namespace), redis)
    with pytest.raises(serve.CantListen, match=r"127\.0\.0\.1:\d+: .*PALMYRA_WEB_PORT"):
        serve.Server(app, host, int(port))
