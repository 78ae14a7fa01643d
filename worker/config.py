"""Settings: the only reader of the environment.

Every option is a ``PALMYRA_*`` variable, also read from a ``.env`` file in the working directory (the
environment wins). An unknown ``PALMYRA_*`` name or a bad value is an error that names it.
"""

from __future__ import annotations

import difflib
import hashlib
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from redis.exceptions import RedisError

from jobs.errors import PalmyraError
from jobs.guard import IPNetwork
from jobs.user_agent import is_contact
from worker import recheck, redis_url
from worker.feeds import backfill

PREFIX = "PALMYRA_"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
# A unix socket's path must fit sockaddr_un (108 bytes on Linux); longer homes get a short one in /tmp.
MAX_SOCKET_PATH = 100


Port = Annotated[int, Field(ge=1, le=65535)]


class ConfigError(PalmyraError):
    """The configuration can't be used."""


def _split(value: object) -> object:
    """``"a, b"`` → ``["a", "b"]``: how lists are written in the environment."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _networks(value: object) -> object:
    parts = _split(value)
    return (
        [ipaddress.ip_network(p) if isinstance(p, str) else p for p in parts]
        if isinstance(parts, list)
        else parts
    )


def _redis_url(value: SecretStr | None) -> SecretStr | None:
    """Refuse what the Redis client would refuse when it connects. Its words may quote the password."""
    try:
        if value is not None:
            redis_url.check(value.get_secret_value())
    except (ValueError, TypeError, RedisError):
        raise ValueError(
            f"not a usable Redis URL ({', '.join(redis_url.SCHEMES)}; odd characters percent-encoded)"
        ) from None
    return value


def _public_url(value: str | None) -> str | None:
    """Without the slash at its end: paths are appended to it."""
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not value.isascii() or not value.isprintable() or re.search(r"[\s?#@]", value):
        raise ValueError("not a plain http(s) URL such as https://news.example (no user, query or fragment)")
    return value.rstrip("/")


def _contact(value: str | None) -> str | None:
    if value is not None and not is_contact(value):
        raise ValueError(
            "not a plain URL or e-mail address, such as https://you.example/bot or bot@you.example"
        )
    return value


def _enrichers(names: list[str]) -> list[str]:
    if names:
        from jobs.enrich.names import chosen, known  # only who chooses pays for looking what there is

        chosen(names, known())
    return names


_MODEL = re.compile(r"([a-z]{2})=(\S+)")


def _models(value: object) -> object:
    """``"en=en_core_web_sm"`` → ``[("en", "en_core_web_sm")]``."""
    parts = _split(value)
    if not isinstance(parts, list):
        return parts
    matches = [(_MODEL.fullmatch(p), p) for p in parts if isinstance(p, str)]
    if wrong := [p for match, p in matches if not match]:
        raise ValueError(f"not language=model, such as en=en_core_web_sm: {', '.join(wrong)}")
    return [match.groups() for match, _ in matches if match]


class Settings(BaseSettings):
    """Every option, its default and what it does. Times are in seconds unless the text says otherwise."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", validate_default=True)

    redis_url: Annotated[SecretStr | None, AfterValidator(_redis_url)] = Field(
        None,
        description=(
            "Redis to use (redis://, rediss://, redis+sentinel:// or unix://). "
            "Else REDIS_URL, else the embedded one."
        ),
    )
    relay_url: Annotated[SecretStr | None, AfterValidator(_redis_url)] = Field(
        None, description="Redis that `palmyra relay` copies the stream to."
    )
    home: Path = Field(Path(".palmyra"), description="Where the embedded Redis keeps its data and socket.")
    namespace: str = Field(
        "palmyra",
        pattern=r"^[a-z][a-z0-9_]{0,31}$",
        description="Prefix of every key, queue, job, stream and channel.",
    )
    allow_networks: Annotated[list[IPNetwork], NoDecode, BeforeValidator(_networks)] = Field(
        [],
        description="Networks (CIDR, comma-separated) that may be fetched from although they are not public.",
    )
    allow_ports: Annotated[list[Port], NoDecode, BeforeValidator(_split)] = Field(
        [80, 443, 8080, 8443], description="Ports that may be fetched from; any port inside ALLOW_NETWORKS."
    )
    contact: Annotated[str | None, AfterValidator(_contact)] = Field(
        None,
        description="URL or e-mail address where publishers reach you: in the User-Agent. Else PUBLIC_URL.",
    )
    http2: bool = Field(
        True, description="Speak HTTP/2 with sites that do (over TLS); else HTTP/1.1 with all."
    )
    host_delay: float = Field(1.0, ge=0, le=3600, description="Seconds between two requests to one domain.")
    robots: bool = Field(True, description="Heed robots.txt: fetch no page it disallows, and not too fast.")
    poll_min: int = Field(300, ge=1, le=86400, description="Shortest time between two polls of a feed.")
    poll_max: int = Field(86400, ge=1, le=2_592_000, description="Longest time between two polls of a feed.")
    backfill: str = Field(
        "50",
        pattern=backfill.PATTERN,
        description="What of a new feed's first document is fetched: all, none, or the newest so many links.",
    )
    fetch_concurrency: int = Field(64, ge=1, le=512, description="Downloads in flight in one fetch worker.")
    article_workers: int = Field(
        os.cpu_count() or 1,
        ge=1,
        le=256,
        description="Processes of one article worker pool (default: cores).",
    )
    learn: bool = Field(
        True, description="Learn what recurs in the articles of a site, and leave it out of the next ones."
    )
    enrichers: Annotated[list[str], NoDecode, BeforeValidator(_split), AfterValidator(_enrichers)] = Field(
        [],
        description="Enrichers that run, of those `palmyra config` lists (comma-separated); -name leaves one "
        "out. Default: all.",
    )
    spacy_models: Annotated[list[tuple[str, str]], NoDecode, BeforeValidator(_models)] = Field(
        [],
        description="Installed spaCy models that find the entities, by language: en=en_core_web_sm,de=…",
    )
    copies: Literal["publish", "hold", "off"] = Field(
        "publish",
        description="Articles that repeat an earlier one: published with its id, held back as duplicates, or "
        "not looked for.",
    )
    copies_similarity: float = Field(
        0.4,
        ge=0.1,
        le=0.95,
        description="Share of two texts' words in threes in common that makes the later one a copy. "
        "`palmyra replay --stage enrich --dry-run` shows what another value would change.",
    )
    copies_window: int = Field(3, ge=1, le=30, description="Days back in which an original is looked for.")
    stories: bool = Field(
        True, description="Find articles on one event, in all languages, and tell of their stories."
    )
    recheck: str = Field(
        "1h,6h,24h",
        pattern=recheck.PATTERN,
        description="How long after its publication an article's site is asked whether it changed; or off.",
    )
    keep_pages: float = Field(3, gt=0, le=3650, description="Days a fetched page is kept.")
    keep_stream: float = Field(7, gt=0, le=3650, description="Days an event stays on the stream.")
    keep_stream_bytes: int = Field(
        0,
        ge=0,
        description="Bytes that the stream may take in memory: what all groups have read goes first. 0: any.",
    )
    keep_ledger: float = Field(90, gt=0, le=3650, description="Days a finished link is remembered.")
    web_host: str = Field("127.0.0.1", description="Address the web process listens on.")
    web_port: int = Field(8000, ge=0, le=65535, description="Port the web process listens on.")
    web_password: SecretStr | None = Field(
        None, description="Password of the web pages; required to listen on anything but loopback."
    )
    public_url: Annotated[str | None, AfterValidator(_public_url)] = Field(
        None,
        description="URL under which the web process is reached from outside; hubs then tell us of news.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level that is logged."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # `load` merges environment and .env itself, to know where each value came from.
        return (init_settings,)

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.poll_min > self.poll_max:
            raise ValueError("PALMYRA_POLL_MIN is greater than PALMYRA_POLL_MAX")
        if self.web_host not in LOOPBACK_HOSTS and self.web_password is None:
            raise ValueError("PALMYRA_WEB_HOST is not loopback: set PALMYRA_WEB_PASSWORD too")
        return self

    @property
    def embedded(self) -> bool:
        """True when no Redis URL is configured, so that the embedded server in ``home`` is meant."""
        return self.redis_url is None

    @property
    def socket_path(self) -> Path:
        """The embedded server's unix socket."""
        path = self.home.resolve() / "redis.sock"
        if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
            return path
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
        return Path(f"/tmp/palmyra-{os.getuid()}-{digest}/redis.sock")  # noqa: S108 - the directory is made 0700

    @property
    def url(self) -> str:
        """The Redis URL in effect, with its secrets."""
        return self.redis_url.get_secret_value() if self.redis_url else f"unix://{self.socket_path}"

    def secrets(self) -> list[str]:
        """The passwords among the settings, which nothing may show; of a URL, as written and as meant."""
        values = [value.get_secret_value() for _, value in self if isinstance(value, SecretStr)]
        in_urls = [urlsplit(value).password or "" for value in values if "://" in value]
        plain = [value for value in values if "://" not in value]
        return [secret for secret in (*plain, *in_urls, *map(unquote, in_urls)) if secret]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings and where each came from."""

    settings: Settings
    origins: dict[str, str]
    """Field name → ``default``, ``environment`` or ``.env``."""


def load(environ: Mapping[str, str] | None = None, dotenv: Path = Path(".env")) -> Loaded:
    """Settings from the environment and ``.env``.

    Raises:
        ConfigError: an unknown ``PALMYRA_*`` name or a value that can't be used; the message names each.
    """
    from_env = dict(os.environ if environ is None else environ)
    from_file = _read(dotenv)
    values: dict[str, Any] = {}
    origins = dict.fromkeys(Settings.model_fields, "default")
    for source, origin in ((from_file, ".env"), (from_env, "environment")):
        for name, value in _ours(source, origin).items():
            values[name], origins[name] = value, origin
    try:
        return Loaded(Settings(**values), origins)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(e, origins) for e in error.errors())) from None


def _read(dotenv: Path) -> dict[str, str]:
    if not dotenv.is_file():
        return {}
    try:
        return {name: value for name, value in dotenv_values(dotenv).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{dotenv.resolve()} can't be read: {error}") from None


def _ours(source: Mapping[str, str], origin: str) -> dict[str, str]:
    """The options that a source sets, by field name. Empty values count as unset."""
    found: dict[str, str] = {}
    if source.get("REDIS_URL"):
        found["redis_url"] = source["REDIS_URL"]
    for name, value in source.items():
        if not name.startswith(PREFIX) or not value:
            continue
        field = name.removeprefix(PREFIX).lower()
        if field not in Settings.model_fields:
            near = difflib.get_close_matches(field, Settings.model_fields, n=1)
            hint = f" Did you mean {PREFIX}{near[0].upper()}?" if near else ""
            raise ConfigError(
                f"{name} ({origin}) is not an option of palmyra.{hint} `palmyra config` lists them."
            )
        found[field] = value
    return found


def _explain(error: Any, origins: Mapping[str, str]) -> str:
    message = re.sub(r"^Value error, ", "", error["msg"])
    if not error["loc"]:
        return message
    field = str(error["loc"][0])
    secret = "password" in field or "url" in field
    shown = "" if secret else f"={error['input']!r}"
    return f"{PREFIX}{field.upper()}{shown} ({origins.get(field, 'default')}): {message}"
