"""docker-compose.yml and the Dockerfile, as far as they can be checked without a container engine."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.acceptance.missing import tool
from tests.acceptance.test_procfile import lines as procfile
from worker.config import PREFIX, Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
IN_CONTAINERS = {"redis_url", "web_host", "web_port", "web_password"}
"""Options that the compose file sets itself."""
MEANINGLESS = {"home"}
"""Options of the embedded Redis."""
LONGEST_JOB_S = 30


def config(**environment: str) -> subprocess.CompletedProcess[str]:
    """`docker-compose config`: the file, checked, with its anchors and variables resolved."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PALMYRA_", "REDIS_", "COMPOSE_"))}
    # Not the developer's own .env: the example, which sets nothing.
    files = ["-f", str(ROOT / "docker-compose.yml"), "--env-file", str(ROOT / ".env.example")]
    command = [tool("docker-compose"), "--project-directory", str(ROOT), *files, "config"]
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True, timeout=30)


def blocks(text: str, indent: int = 0) -> dict[str, str]:
    """The keys at an indentation of block-style YAML, as `config` prints it, each with the text below it."""
    found: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        match = re.match(rf" {{{indent}}}([\w.-]+):(.*)", line)
        if match:
            key = match[1]
            found[key] = match[2].strip()
        elif key:
            found[key] += f"\n{line}"
    return found


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, str]]:
    """Service → key → value, as text."""
    done = config(PALMYRA_WEB_PASSWORD="s3cret")
    assert done.returncode == 0, done.stderr
    return {name: blocks(text, 4) for name, text in blocks(blocks(done.stdout)["services"], 2).items()}


def items(text: str) -> list[str]:
    """The items of a list of plain values."""
    return [line.strip().removeprefix("- ").strip("'\"") for line in text.splitlines() if line.strip()]


def test_services_are_the_procfile_and_redis(services: dict[str, dict[str, str]]) -> None:
    """Each process runs with the Procfile's command, after Redis answers, and is stopped gently."""
    assert set(services) == {*procfile(), "redis"}
    for name, command in procfile().items():
        service = services[name]
        assert items(service["command"]) == command
        assert "service_healthy" in service["depends_on"]
        grace = re.fullmatch(r"(\d+)s", service["stop_grace_period"])
        assert grace
        assert int(grace[1]) > LONGEST_JOB_S


def test_redis_is_durable_and_never_evicts(services: dict[str, dict[str, str]]) -> None:
    """The settings that no-link-is-lost and the memory per link rest on, on a volume, with a health check."""
    redis = services["redis"]
    command = shlex.join(items(redis["command"]))
    for option in (
        "--appendonly yes",
        "--appendfsync everysec",
        "--maxmemory-policy noeviction",
        "--hash-max-listpack-value 1024",
    ):
        assert option in command
    assert "/data" in redis["volumes"]
    assert "PONG" in redis["healthcheck"]


def test_containers_can_do_little(services: dict[str, dict[str, str]]) -> None:
    """No capability, no way to gain one, nothing to write to but /tmp; article workers reach Redis only."""
    for service in services.values():
        assert items(service["cap_drop"]) == ["ALL"]
        assert items(service["security_opt"]) == ["no-new-privileges:true"]
        assert service["read_only"] == service["init"] == "true"
        assert service["restart"] == "unless-stopped"
        assert "privileged" not in service
    assert set(blocks(services["article"]["networks"], 6)) == {"inside"}
    assert set(blocks(services["redis"]["networks"], 6)) == {"inside"}


def test_only_the_web_page_is_published_and_only_to_loopback(services: dict[str, dict[str, str]]) -> None:
    """And nothing keeps the others from running several times (`--scale fetch=2 --scale article=4`)."""
    assert [name for name, service in services.items() if "ports" in service] == ["web"]
    assert "127.0.0.1" in services["web"]["ports"]
    assert not [name for name, service in services.items() if {"container_name", "hostname"} & set(service)]


def test_web_needs_a_password() -> None:
    """Without one nothing starts, and the message names the variable."""
    done = config()
    assert done.returncode != 0
    assert "Set PALMYRA_WEB_PASSWORD" in done.stderr


def test_every_option_reaches_the_containers(services: dict[str, dict[str, str]]) -> None:
    """What .env says holds in the containers too, and no option there is unknown to palmyra."""
    names = {field for field in Settings.model_fields if field not in MEANINGLESS}
    web = {name.removeprefix(PREFIX).lower() for name in blocks(services["web"]["environment"], 6)}
    assert web == names
    for name in ("poller", "fetch", "article"):
        given = {key.removeprefix(PREFIX).lower() for key in blocks(services[name]["environment"], 6)}
        assert given == names - IN_CONTAINERS | {"redis_url"}


def test_image_is_pinned_and_not_root() -> None:
    """Every package is checked against its hash, and the processes run as an ordinary user."""
    assert "--require-hashes" in DOCKERFILE
    users = re.findall(r"^USER (\d+)", DOCKERFILE, re.MULTILINE)
    assert users
    assert int(users[-1]) > 0


def test_image_has_all_files_of_the_packages(tmp_path: Path) -> None:
    """What the Dockerfile copies is there, .dockerignore lets it through, and the wheel made of it is whole.

    Templates, Lua scripts and the demo's articles are no Python, and easily left out.
    """
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert {"jobs", "worker", "requirements.lock"} <= set(copied)
    admitted = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert set(copied) <= admitted
    assert all((ROOT / source).exists() for source in copied)

    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = set(wheel.namelist())
    ours = {
        str(path.relative_to(ROOT))
        for package in ("jobs", "worker")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert ours <= packed
