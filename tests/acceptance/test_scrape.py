"""A real Prometheus scrapes a real `palmyra web`, and knows what the rules and the board ask for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from redis import Redis

from jobs.keys import Keys
from tests.acceptance.missing import tool
from tests.acceptance.system import free_port, wait_for
from tests.unit.test_monitoring import ROOT, expressions
from worker import metrics
from worker.embedded import bundled_servers
from worker.feeds.registry import Registry


@contextmanager
def process(*command: str, cwd: Path, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block."""
    with (cwd / f"{Path(command[0]).name}.log").open("wb") as log:
        running = subprocess.Popen(command, cwd=cwd, env=env, stdout=log, stderr=log)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait(10)


def got(url: str) -> Any:
    """The answer as JSON; None while there is none."""
    try:
        with urlopen(url, timeout=10) as answer:  # noqa: S310  # the test's own server
            return json.load(answer)
    except (URLError, ConnectionError):
        return None


@pytest.mark.timeout(120)
@pytest.mark.parametrize("redis_server", bundled_servers()[-1:], indirect=True, ids=lambda path: path.name)
def test_prometheus_scrapes_palmyra(redis_server: Any, redis: Redis, keys: Keys, tmp_path: Path) -> None:
    """With deploy/prometheus.yml as it stands but for the port: scraped, rules loaded, answers given."""
    prometheus = tool("prometheus")
    Registry(redis, keys).add("https://one.test/feed")
    web, port = f"127.0.0.1:{free_port()}", free_port()
    for name in ("prometheus.yml", "prometheus-rules.yml"):
        text = (ROOT / "deploy" / name).read_text().replace("127.0.0.1:8000", web).replace("15s", "1s")
        (tmp_path / name).write_text(text)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PALMYRA_", "REDIS_"))}
    env |= {"PALMYRA_REDIS_URL": redis_server.url, "PALMYRA_NAMESPACE": keys.namespace}
    env |= {"PALMYRA_WEB_PORT": web.rpartition(":")[2]}
    api = f"http://127.0.0.1:{port}/api/v1"

    def query(expression: str) -> list[Any]:
        answer = got(f"{api}/query?query={quote(expression)}")
        assert answer is None or answer["status"] == "success", answer
        found: list[Any] = answer["data"]["result"] if answer else []
        return found

    options = (f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={tmp_path / 'data'}")
    with (
        process(sys.executable, "-m", "worker.cli", "web", cwd=tmp_path, env=env),
        process(prometheus, f"--config.file={tmp_path / 'prometheus.yml'}", *options, cwd=tmp_path),
    ):
        said = lambda: "\n".join(log.read_text()[-2000:] for log in tmp_path.glob("*.log"))  # noqa: E731  # for a failure
        wait_for(lambda: [one["value"][1] for one in query('up{job="palmyra"}')] == ["1"], 60, said)
        (new,) = query('palmyra_feeds{state="new"}')
        assert new["value"][1] == "1"
        names = set(got(f"{api}/label/__name__/values")["data"])
        always = {s for spec in metrics.ALL if not spec.labels for s in spec.series}
        assert always <= names, "each metric without labels is there from the start"
        assert len(got(f"{api}/rules")["data"]["groups"][0]["rules"]) > 15
        for expression in expressions():
            query(expression.replace('=~"$job"', '=~".+"'))
