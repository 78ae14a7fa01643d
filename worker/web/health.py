"""Health and metrics, for supervisors and Prometheus."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, current_app, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis import Redis
from redis.exceptions import BusyLoadingError, RedisError

from worker.collector import RedisCollector
from worker.web.site import site, site_of

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
def livez() -> Response:
    """200 as long as the process answers at all."""
    return jsonify(live=True)


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """200 when Redis answers, else 503 and why. No address is told: this needs no login."""
    trouble = redis_trouble(site().redis)
    if trouble:
        return jsonify(ready=False, redis=trouble), 503
    return jsonify(ready=True, redis="ok"), 200


def redis_trouble(redis: Redis) -> str | None:
    """Why Redis can't be used right now; None when it can."""
    try:
        redis.ping()
    except BusyLoadingError:
        return "Redis is loading its data"
    except RedisError:
        return "Redis does not answer"
    return None


@blueprint.get("/metrics")
def metrics() -> Response:
    """All metrics in Prometheus's text format; 503 when Redis, which holds them, is away."""
    try:
        return Response(generate_latest(_collector(current_app)), content_type=CONTENT_TYPE_LATEST)
    except RedisError:
        return Response("# Redis does not answer\n", 503, content_type="text/plain; charset=utf-8")


def _collector(app: Flask) -> RedisCollector:
    """The app's one collector, which remembers between scrapes what is dear to measure."""
    here = site_of(app)
    found: RedisCollector = app.extensions.setdefault(
        "palmyra-metrics", RedisCollector(here.redis, here.keys, here.ledger, here.registry)
    )
    return found
