"""The web process: the newsroom page, live events, health, metrics and the RQ dashboard."""

from worker.web.app import create_app
from worker.web.serve import run

__all__ = ["create_app", "run"]
