"""Every Redis key in one place, with what it holds and what bounds it.

The Lua scripts get the same names: `Keys.lua()` renders them as the table ``K``, so that a key is spelled
once. Times are milliseconds of the ledger's clock (see ``jobs/lua/prelude.lua``), unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

FETCH = "fetch"
ARTICLE = "article"
STAGES = (FETCH, ARTICLE)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one namespace."""

    namespace: str
    output: str = "articles"
    """Which stream `stream` and `edge` are of: ``articles`` or ``stories``."""

    def of_stories(self) -> Keys:
        """The same keys for whoever reads, or trims, the stories' stream as others do the articles'."""
        return replace(self, output="stories")

    def _key(self, *parts: str) -> str:
        return ":".join((self.namespace, *parts))

    # -- the ledger ------------------------------------------------------------------------------------
    def link(self, link_id: str) -> str:
        """Hash: one link's record (fields: see jobs/link.py). Expires KEEP_LEDGER after it was closed; that
        of a withdrawn article never does: there are as many as operators withdrew."""
        return self._key("link", link_id)

    def way(self, link_id: str) -> str:
        """List: what happened to a link, oldest first; trimmed to 60 lines, expires with the link."""
        return self._key("way", link_id)

    def known(self, part: str) -> str:
        """Hash, the memory of links: the rest of a link's id -> day of its last sighting and newest revision.
        What no feed listed for KEEP_LEDGER is pruned; see jobs/lua/prelude.lua."""
        return self._key("known", part)

    def alias(self, link_id: str) -> str:
        """String: the id of the link that was published from this URL, when it is another's final URL."""
        return self._key("alias", link_id)

    def page(self, link_id: str) -> str:
        """String: the packed page (jobs/page.py). Expires after KEEP_PAGES."""
        return self._key("page", link_id)

    @property
    def open(self) -> str:
        """Sorted set: every open link, by when it was opened. Bounded by the work there is."""
        return self._key("open")

    @property
    def later(self) -> str:
        """Sorted set, a clock: open links that wait for a time (a back-off), by that time."""
        return self._key("later")

    @property
    def rechecks(self) -> str:
        """Sorted set, a clock: closed links whose site will be asked again (jobs/lua/lease.lua), by when. Of
        what was published within the longest time of PALMYRA_RECHECK, some 100 bytes each."""
        return self._key("rechecks")

    def leases(self, stage: str) -> str:
        """Sorted set, a clock: open links that are handed out in a stage, by the end of their lease."""
        return self._key("leases", stage)

    @property
    def lanes(self) -> str:
        """Sorted set, a clock: hosts with ready fetches, by when each is next free."""
        return self._key("lanes")

    def lane(self, host: str) -> str:
        """Sorted set: the feeds with ready links at a host, by their turn. Lane ``*``: the article stage."""
        return self._key("lane", host)

    def ready(self, host: str, feed: str) -> str:
        """Sorted set: the ready links of a feed at a host, the freshest first."""
        return self._key("ready", host, feed)

    def slot(self, host: str) -> str:
        """String: when a host is next free. Expires when that time has come."""
        return self._key("slot", host)

    def delay(self, host: str) -> str:
        """String: ms between requests to a host, where that is not PALMYRA_HOST_DELAY. Expires in days."""
        return self._key("delay", host)

    def crawl(self, host: str) -> str:
        """Hash: what a host's origins (at most 20) ask for in robots.txt (Crawl-delay): ms, and until when it
        holds. Expires in days."""
        return self._key("crawl", host)

    def asked(self, host: str) -> str:
        """String: until when a host may not be asked, and by whom (or that it asked for a pause). Expires
        then."""
        return self._key("asked", host)

    def kept(self, host: str) -> str:
        """String: the reserved moment that a poll could not wait for. Expires when that is over."""
        return self._key("kept", host)

    def robots(self, origin: str) -> str:
        """String: the packed rules of an origin's robots.txt (jobs/robots_cache.py). Expires in 30 days, a
        large one in 2."""
        return self._key("robots", origin)

    def site(self, host: str) -> str:
        """String: what recurs in the articles of a site, packed (jobs/recurring/memory.py): under 10 KB.
        Expires 60 days after its last article."""
        return self._key("site", host)

    def bands(self, part: str) -> str:
        """Hash: bands of the sketches of a day's articles -> the first article that had each
        (jobs/copies/sketch.py), 32 an article, some 1 KB. Expires the day after its window."""
        return self._key("bands", part)

    def copied(self, article_id: str) -> str:
        """Hash: the copies of an article (jobs/copies/index.py), at most 200, 200 bytes each. Expires
        KEEP_LEDGER after the newest."""
        return self._key("copied", article_id)

    @property
    def waiting(self) -> str:
        """Hash: how many links are ready, by stage."""
        return self._key("waiting")

    @property
    def totals(self) -> str:
        """Hash: counters since the beginning (discovered, published, …, failed:<reason>, …)."""
        return self._key("totals")

    @property
    def counts(self) -> str:
        """Hash: counters for the metrics (jobs/counts.py): attempts, times, bytes …; under 200 fields."""
        return self._key("counts")

    def day(self, number: int | str) -> str:
        """Hash: what happened on a day (in days since 1970, UTC), by outcome, reason, feed and host; up to
        5,000 of the last two, 1 MB. Expires KEEP_LEDGER after that day."""
        return self._key("day", str(number))

    @property
    def memory(self) -> str:
        """Hash: since when polling stands still for a lack of memory, and which pages went
        (worker/memory.py)."""
        return self._key("memory")

    @property
    def dead(self) -> str:
        """Sorted set, the dead letter: failed links by when they failed. Expires with the links."""
        return self._key("dead")

    @property
    def turn(self) -> str:
        """String: the counter that puts feeds in turn at a host."""
        return self._key("turn")

    @property
    def time(self) -> str:
        """Hash: last time seen and offset, which keep the ledger's clock from running backwards."""
        return self._key("time")

    @property
    def wake(self) -> str:
        """List of at most one token: pushed when there is something to dispatch; dispatchers block on it."""
        return self._key("wake")

    # -- what consumers see ----------------------------------------------------------------------------
    @property
    def stream(self) -> str:
        """Stream of events; also the name of the Pub/Sub channel with the same events."""
        return self._key(self.output)

    @property
    def edge(self) -> str:
        """Hash: the stream's oldest entry (`first`) and how far it was trimmed (`gone`): worker/stream.py."""
        return self._key("edge" if self.output == "articles" else f"{self.output}-edge")

    @property
    def stories(self) -> str:
        """Stream of the stories' events; also the name of the Pub/Sub channel with the same events. Trimmed
        as the articles' stream."""
        return self._key("stories")

    # -- stories: jobs/stories -------------------------------------------------------------------------
    def story(self, story_id: str) -> str:
        """Hash: what is told of a story (fields: jobs/stories/view.py), under 10 KB. Of one article: expires
        with its gist; else KEEP_STREAM after the newest. One that was merged only says into which."""
        return self._key("story", story_id)

    def gist(self, ref: str) -> str:
        """Hash: what an open story is told apart by, 0.5 KB and as much for each language, by the first eight
        letters of its id. Expires, and the story is closed, 3 days after its newest article."""
        return self._key("gist", ref)

    def posts(self, part: str) -> str:
        """Hash: words and names of a day's articles -> the newest 8 stories with each (jobs/lua/stories.lua),
        at most 50 an article, under 1 KB. Expires 5 days after it was made."""
        return self._key("posts", part)

    def rarity(self, language: str) -> str:
        """String: how many articles of a language had each word, as 65,537 counters of 16 bits: 128 KB each
        of 60 languages; ``?`` is all others. Expires 30 days after the language's last article."""
        return self._key("rarity", language)

    @property
    def newest_stories(self) -> str:
        """Sorted set: the 500 stories of two articles and more that grew last, by when. Expires with them."""
        return self._key("newest-stories")

    # -- webhooks: worker/webhooks ---------------------------------------------------------------------
    @property
    def webhooks(self) -> str:
        """Set: the ids of the webhooks, at most 100."""
        return self._key("webhooks")

    def webhook(self, hook_id: str) -> str:
        """Hash: one webhook (fields: worker/webhooks/hook.py), under 10 KB."""
        return self._key("webhook", hook_id)

    def webhook_state(self, hook_id: str) -> str:
        """Hash: how a webhook does (fields: worker/webhooks/hook.py). Expires in 90 days."""
        return self._key("webhook-state", hook_id)

    def webhook_tries(self, hook_id: str) -> str:
        """Hash: stream entries that could not be delivered yet -> how often they were tried; about 100, and
        as many more as were requeued. Expires in 30 days."""
        return self._key("webhook-tries", hook_id)

    def webhook_dead(self, hook_id: str) -> str:
        """Stream: the newest 1,000 events that were given up, ids without texts. Expires in 30 days."""
        return self._key("webhook-dead", hook_id)

    def webhook_lease(self, hook_id: str) -> str:
        """String: who delivers to a webhook. Expires in seconds."""
        return self._key("webhook-lease", hook_id)

    # -- feeds -----------------------------------------------------------------------------------------
    @property
    def feeds(self) -> str:
        """Sorted set, a clock: every feed by when it is next polled (while leased: by the lease's end)."""
        return self._key("feeds")

    def feed(self, feed_id: str) -> str:
        """Hash: one feed (fields: see worker/feeds/registry.py)."""
        return self._key("feed", feed_id)

    def listed(self, feed_id: str) -> str:
        """Hash: the links that the feed's last document listed, each with its entry's fingerprint."""
        return self._key("listed", feed_id)

    @property
    def polls(self) -> str:
        """Hash: polls by what they came to, and their latencies; fields: worker/feeds/tally.py, dozens."""
        return self._key("polls")

    def websub(self, feed_id: str) -> str:
        """Hash: a feed's subscription at its hub (fields: worker/feeds/websub.py), under 6 KB. Expires a day
        after its lease."""
        return self._key("websub", feed_id)

    # -- RQ --------------------------------------------------------------------------------------------
    def name(self, worker: str) -> str:
        """String: pid of the process that is taking this worker's name. Expires in seconds."""
        return self._key("name", worker)

    def queue(self, stage: str) -> str:
        """Name of a stage's RQ queue (RQ adds its own prefix)."""
        return f"{self.namespace}-{stage}"

    def job(self, link_id: str, stage: str, attempt: int) -> str:
        """Id of the RQ job of one attempt."""
        return f"{self.namespace}-{link_id}-{stage}-{attempt}"

    def dead_job(self, link_id: str, number: int) -> str:
        """Id of the failed RQ job that stands for a dead link."""
        return f"{self.namespace}-{link_id}-dead-{number}"

    def rq_job(self, job_id: str) -> str:
        """Hash of RQ's: one job. Expires 60 s after its end, one that failed in 14 days."""
        return f"rq:job:{job_id}"

    def rq_results(self, job_id: str) -> str:
        """Stream of RQ's: how a job ended. Expires with the job."""
        return f"rq:results:{job_id}"

    @property
    def rq_failed(self) -> str:
        """Sorted set of RQ's: its failed jobs of the fetch queue, with those that stand for dead links."""
        return f"rq:failed:{self.queue(FETCH)}"

    def lua(self) -> str:
        """The same names for the scripts: a Lua table ``K`` of strings and functions."""
        one: tuple[str, ...] = (
            "open",
            "later",
            "lanes",
            "waiting",
            "totals",
            "counts",
            "dead",
            "turn",
            "time",
            "wake",
        )
        one += ("stream", "edge", "feeds", "rq_failed", "stories", "newest_stories", "rechecks")
        by: tuple[str, ...] = (
            "link",
            "way",
            "known",
            "alias",
            "page",
            "leases",
            "lane",
            "slot",
            "delay",
            "feed",
            "listed",
        )
        by += ("crawl", "asked", "kept", "day", "bands", "copied", "story", "gist", "posts", "rarity")
        by += ("rq_job", "rq_results")
        rows = [f"{name} = '{getattr(self, name)}'" for name in one]
        rows += [f"{name} = function(a) return '{getattr(self, name)('')}' .. a end" for name in by]
        prefix = self._key("ready", "")
        rows.append(f"ready = function(a, b) return '{prefix}' .. a .. ':' .. b end")
        return "local K = {" + ", ".join(rows) + "}\n"
