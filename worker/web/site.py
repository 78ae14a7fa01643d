"""What the views act on, wired once by `create_app` and passed along in the Flask app."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app
from redis import Redis

from jobs.keys import Keys
from jobs.ledger import Ledger
from worker.config import Settings
from worker.feeds.registry import Registry
from worker.web.live import Live

_NAME = "palmyra"


@dataclass(frozen=True, slots=True)
class Site:
    """The parts that the pages show."""

    settings: Settings
    redis: Redis
    keys: Keys
    ledger: Ledger
    registry: Registry
    live: Live
    """Hands new events on to the open pages."""


def install(app: Flask, site: Site) -> None:
    """Make `site` what the app's views act on."""
    app.extensions[_NAME] = site


def site_of(app: Flask) -> Site:
    """The site of an app that `create_app` made."""
    found: Site = app.extensions[_NAME]
    return found


def site() -> Site:
    """The site of the request at hand."""
    return site_of(current_app)
