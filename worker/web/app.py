"""The Flask app: the parts wired together, and what holds for every request."""

from __future__ import annotations

import structlog
from flask import Flask, Response, jsonify, render_template, request
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from werkzeug.exceptions import HTTPException

from jobs.keys import Keys
from jobs.ledger import Ledger
from worker.config import Settings
from worker.feeds.registry import Registry
from worker.web import article, dashboard, events, health, newsroom, stories, syndication, websub
from worker.web.access import OPEN_PATHS, SAFE_METHODS, is_loopback, is_same_origin, password_matches
from worker.web.headers import secure
from worker.web.live import Live
from worker.web.moment import at, clock, duration, moment
from worker.web.site import Site, install, site

REDIS_AWAY = (
    "Redis does not answer. Articles are safe there and shown again when it does. "
    "Check that the server runs; `palmyra doctor` says more."
)

log = structlog.get_logger(__name__)


def create_app(settings: Settings, redis: Redis) -> Flask:
    """The web app on one Redis. `redis` must not decode responses; best one that gives up at once.

    Nothing is read before the first request, so it can be made while Redis is away.
    """
    app = Flask("worker.web")
    keys = Keys(settings.namespace)
    ledger = Ledger(redis, keys, keep_ledger_days=settings.keep_ledger, keep_pages_days=settings.keep_pages)
    live = Live(redis, keys.stream, lambda: newsroom.status(redis, keys, ledger))
    install(app, Site(settings, redis, keys, ledger, Registry(redis, keys), live))
    for part in (newsroom, article, stories, events, health, syndication):
        app.register_blueprint(part.blueprint)
    if settings.public_url:
        app.register_blueprint(websub.blueprint)
    app.register_blueprint(dashboard.make_blueprint(), url_prefix="/rq")
    for name in ("/favicon.ico", "/static/favicon.ico"):  # the second is what the RQ dashboard asks for
        app.add_url_rule(name, f"icon {name}", lambda: app.send_static_file("favicon.svg"))
    app.jinja_env.filters |= {
        "moment": moment,
        "clock": clock,
        "duration": duration,
        "at": at,
        "copied": article.copied,
        "changed": article.changed,
        **stories.FILTERS,
    }
    app.before_request(_admit)
    app.after_request(secure)
    app.register_error_handler(HTTPException, _explain)
    for away in (RedisConnectionError, RedisTimeoutError):
        app.register_error_handler(away, _redis_away)
    return app


def _admit() -> Response | None:
    """Answers itself whoever may not come in."""
    if request.blueprint == websub.blueprint.name:
        return None  # a hub: its token lets it in
    password = site().settings.web_password
    if password is None:
        # No password means that we listen on loopback only (Settings sees to that).
        if not is_loopback(request.headers.get("Host", "")):
            return _plain(421, "Without PALMYRA_WEB_PASSWORD, palmyra answers under loopback names only.")
    elif request.path not in OPEN_PATHS:
        given = request.authorization.password if request.authorization else None
        if not password_matches(given, password.get_secret_value()):
            refused = _plain(401, "Palmyra asks for PALMYRA_WEB_PASSWORD (any user name).")
            refused.headers["WWW-Authenticate"] = 'Basic realm="palmyra", charset="UTF-8"'
            return refused
    if request.method not in SAFE_METHODS and not is_same_origin(dict(request.headers), request.host):
        return _plain(403, "This changes something, so it must come from a page of palmyra's own.")
    return None


def _plain(status: int, text: str) -> Response:
    return Response(f"{text}\n", status, content_type="text/plain; charset=utf-8")


def _explain(error: HTTPException) -> Response:
    response = _message(error.code or 500, error.name, error.description or "")
    original = error.get_response()
    for name in ("Allow", "Location"):
        if name in original.headers:
            response.headers[name] = original.headers[name]
    return response


def _redis_away(error: Exception) -> Response:
    log.warning("web_without_redis", path=request.path, error=str(error))
    return _message(503, "Redis is away", REDIS_AWAY)


def _message(status: int, title: str, text: str) -> Response:
    """An error as a page, or as JSON where a script asked."""
    if request.path.endswith(".json") or request.method not in SAFE_METHODS:
        response = jsonify(status="ERROR", message=text)
    else:
        page = render_template("message.html", status=status, title=title, text=text)
        response = Response(page, content_type="text/html; charset=utf-8")
    response.status_code = status
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response
