"""Settings: every option from the environment or .env, and errors that name what is wrong."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.config import MAX_SOCKET_PATH, ConfigError, Loaded, Settings, load

NOWHERE = Path("/nonexistent/.env")
SECRET = "hunter2-secret"


def refused(**environ: str) -> str:
    """The message about an environment that can't be used."""
    with pytest.raises(ConfigError) as error:
        load(environ, NOWHERE)
    return str(error.value)


def loaded(**environ: str) -> Loaded:
    return load(environ, NOWHERE)


def test_without_anything_the_defaults_are_usable() -> None:
    """An empty environment means the embedded Redis, loopback, and no network exempt."""
    settings = loaded().settings
    assert settings.embedded
    assert settings.allow_networks == []
    assert (settings.web_host, settings.web_port) == ("127.0.0.1", 8000)
    assert settings.url == f"unix://{Path('.palmyra/redis.sock').resolve()}"
    assert set(loaded().origins.values()) == {"default"}


def test_every_option_has_a_description_and_the_contracts_name() -> None:
    """The names are fixed: operators have them in their files."""
    named = set(Settings.model_fields)
    assert named >= {
        "redis_url", "home", "namespace", "allow_networks", "allow_ports", "host_delay", "poll_min",
        "poll_max", "fetch_concurrency", "article_workers", "keep_pages", "keep_stream", "keep_ledger",
        "web_host", "web_port", "web_password",
    }  # fmt: skip
    assert all(field.description for field in Settings.model_fields.values())


def test_lists_are_written_with_commas() -> None:
    """Blanks around the parts and empty parts do not matter."""
    settings = loaded(
        PALMYRA_ALLOW_NETWORKS="10.0.0.0/8, fd00::/8,", PALMYRA_ALLOW_PORTS=" 80 ,8000"
    ).settings
    assert settings.allow_networks == [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]
    assert settings.allow_ports == [80, 8000]


def test_the_environment_wins_over_dotenv_and_each_value_knows_its_origin(tmp_path: Path) -> None:
    """As is usual; an empty value counts as unset, and other programs' variables do not concern us."""
    dotenv = tmp_path / ".env"
    dotenv.write_text("PALMYRA_POLL_MIN=60\nPALMYRA_POLL_MAX=600\nOTHER=1\nPALMYRA_WEB_PORT=\n")
    got = load({"PALMYRA_POLL_MIN": "90", "PALMYRA_WEB_HOST": "", "PATH": "/bin"}, dotenv)
    assert (got.settings.poll_min, got.settings.poll_max) == (90, 600)
    origins = [got.origins[name] for name in ("poll_min", "poll_max", "web_port", "web_host")]
    assert origins == ["environment", ".env", "default", "default"]


def test_redis_url_is_a_second_name() -> None:
    """REDIS_URL is what platforms set; our own name wins."""
    assert loaded(REDIS_URL="redis://a").settings.url == "redis://a"
    both = loaded(REDIS_URL="redis://a", PALMYRA_REDIS_URL="redis://b").settings
    assert (both.url, both.embedded) == ("redis://b", False)


def test_an_unknown_name_is_an_error_that_suggests_the_right_one(tmp_path: Path) -> None:
    """A misspelt option never passes silently, wherever it is set."""
    message = refused(PALMYRA_POLL_MINN="5")
    assert "PALMYRA_POLL_MINN (environment) is not an option" in message
    assert "Did you mean PALMYRA_POLL_MIN?" in message
    assert "Did you mean" not in refused(PALMYRA_QQQQQQ="5")
    dotenv = tmp_path / ".env"
    dotenv.write_text("PALMYRA_NOPE=1")
    with pytest.raises(ConfigError, match=r"PALMYRA_NOPE \(\.env\)"):
        load({}, dotenv)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POLL_MIN", "soon"),
        ("POLL_MIN", "0"),
        ("HOST_DELAY", "-1"),
        ("HOST_DELAY", "nan"),
        ("KEEP_LEDGER", "inf"),
        ("NAMESPACE", "a:b"),
        ("NAMESPACE", "'x'"),
        ("NAMESPACE", "Ü"),
        ("ALLOW_NETWORKS", "10.0.0.1/8"),
        ("ALLOW_NETWORKS", "everything"),
        ("ALLOW_PORTS", "80,http"),
        ("ALLOW_PORTS", "70000"),
        ("WEB_PORT", "65536"),
        ("FETCH_CONCURRENCY", "1000000"),
        ("ARTICLE_WORKERS", "0"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_value_is_named_with_its_origin(name: str, value: str) -> None:
    """The message has the option, the value and where it was set."""
    message = refused(**{f"PALMYRA_{name}": value})
    assert message.startswith(f"PALMYRA_{name}=")
    assert "(environment): " in message
    assert "Value error" not in message


def test_every_bad_value_is_told_at_once() -> None:
    """Nobody mends a configuration one error at a time."""
    assert len(refused(PALMYRA_POLL_MIN="x", PALMYRA_WEB_PORT="y").splitlines()) == 2


def test_options_that_do_not_fit_together_are_told() -> None:
    """Bounds the wrong way round, and web pages for everybody without a password."""
    assert "PALMYRA_POLL_MIN is greater" in refused(PALMYRA_POLL_MIN="100", PALMYRA_POLL_MAX="50")
    assert "PALMYRA_WEB_PASSWORD" in refused(PALMYRA_WEB_HOST="0.0.0.0")
    assert loaded(PALMYRA_WEB_HOST="0.0.0.0", PALMYRA_WEB_PASSWORD="x").settings.web_host == "0.0.0.0"


@pytest.mark.parametrize(
    "url",
    [
        f"http://{SECRET}@host",
        f"redis://:{SECRET}/1@host:6379",
        f"redis://:{SECRET}@host:99999",
        f"redis://:{SECRET}@host?nonsense=1",
        f"redis://:{SECRET}@[::1",
        SECRET,
    ],
)
def test_an_unusable_redis_url_is_told_without_its_password(url: str) -> None:
    """Before anything connects, and nothing of the value is repeated."""
    message = refused(PALMYRA_REDIS_URL=url)
    assert message.startswith("PALMYRA_REDIS_URL (environment): not a usable Redis URL")
    assert SECRET[:8] not in message


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://u:p%2Fw@h:6380/2",
        "rediss://h:1",
        "unix:///run/redis.sock?db=1",
        "redis://[::1]:1",
    ],
)
def test_every_kind_of_redis_url_is_taken(url: str) -> None:
    """Nothing connects here."""
    assert loaded(PALMYRA_REDIS_URL=url).settings.url == url


def test_secrets_do_not_show_in_a_representation() -> None:
    """Settings may end up in a log line or a traceback."""
    settings = loaded(
        PALMYRA_REDIS_URL=f"redis://:{SECRET}@h", PALMYRA_WEB_PASSWORD=SECRET, PALMYRA_WEB_HOST="0.0.0.0"
    ).settings
    assert SECRET not in f"{settings!r} {settings}"


def test_a_dotenv_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    """It names the file."""
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"PALMYRA_POLL_MIN=\xff\xfe")
    with pytest.raises(ConfigError, match=r"\.env can't be read"):
        load({}, dotenv)


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_the_socket_fits_into_its_address(name: str) -> None:
    """However long the home's path is, the same home has the same socket, and a path a socket can have."""
    one, again = (at_home(name).socket_path for _ in range(2))
    assert one == again
    assert len(str(one).encode()) <= MAX_SOCKET_PATH
    assert one.name == "redis.sock"


def at_home(name: str) -> Settings:
    return loaded(PALMYRA_HOME=f"/var/{name}").settings


def test_long_homes_do_not_share_a_socket() -> None:
    """Two systems on one machine stay apart."""
    one, two = (at_home("x" * 120 + name).socket_path for name in "ab")
    assert one != two
