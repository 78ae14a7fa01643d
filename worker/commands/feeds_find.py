"""Asking at URLs whether there are feeds, for `feeds add` and `feeds check`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from jobs.client import Answer, Client
from jobs.entry import ParsedFeed
from jobs.errors import Outcome, Reason
from jobs.urls import split
from worker import factory
from worker.config import Settings
from worker.feeds.errors import FeedError
from worker.feeds.find import Discovery, Get, Parse, find, search
from worker.feeds.login import Login, login
from worker.feeds.parser import Parser
from worker.feeds.poller import ACCEPT
from worker.feeds.turns import Turn

ANSWER_S = 15.0
"""For one answer: a person waits."""
FIND_S = 60.0
"""For all requests to one site."""
AT_A_TIME = 8


def find_all(loaded: Settings, urls: Iterable[str], turn: Turn) -> list[Discovery]:
    """What there is at each URL, in their order; sites are asked at the same time, one politely."""

    async def run() -> list[Discovery]:
        room = asyncio.Semaphore(AT_A_TIME)
        async with factory.client(loaded) as client, Parser() as parser:

            async def one(url: str) -> Discovery:
                async with room:
                    return await _within(find(url, _getter(client, turn, url), _reader(parser)), url)

            return await asyncio.gather(*map(one, urls))

    return asyncio.run(run())


async def search_site(
    client: Client, parser: Parser, turn: Turn, url: str, answer: Answer, error: FeedError
) -> Discovery:
    """The feeds of the site of which a page answered at a URL, instead of a feed."""
    get = _getter(client, turn, url)
    return await _within(search(url, answer.final_url, error, get, _reader(parser)), url)


async def _within(search: Coroutine[Any, Any, Discovery], url: str) -> Discovery:
    try:
        async with asyncio.timeout(FIND_S):
            return await search
    except TimeoutError:
        return Discovery(url, error=Outcome(Reason.TIMEOUT, f"no feed was found within {FIND_S:g} s"))


def _getter(client: Client, turn: Turn, url: str) -> Get:
    """Requests as the poller makes them; what opens the URL opens its whole origin."""
    given = login(url)

    async def get(asked: str) -> Answer:
        target = login(asked).url
        await turn(target)
        own = split(target).origin == split(given.url).origin
        return await client.get(
            target, headers=given.headers if own else {}, accept=ACCEPT, deadline_s=ANSWER_S
        )

    return get


def _reader(parser: Parser) -> Parse:
    async def parse(answer: Answer) -> ParsedFeed:
        return await parser.parse(answer.body, url=answer.final_url, content_type=answer.content_type)

    return parse


def with_login(url: str, page: str) -> str:
    """A feed's URL with the user-info of the page that led to it, when both are of one origin."""
    given = login(page)
    if not given.user or login(url) != Login(url) or split(url).origin != split(given.url).origin:
        return url
    scheme, _, rest = url.partition("//")
    return f"{scheme}//{given.user}{f':{given.password}' if given.password else ''}@{rest}"
