"""A client by sentinel URL follows the master, within the command that finds it gone."""

from __future__ import annotations

import tempfile
from pathlib import Path

from redis.backoff import ConstantBackoff
from redis.retry import Retry

from tests.acceptance.system import wait_for
from tests.acceptance.test_redis_users import NAMESPACE, password, users_file
from tests.sentinels import Sentinels
from worker.embedded import find_server
from worker.redis_url import connect


def test_a_command_that_is_sent_again_goes_to_the_new_master() -> None:
    """The master is killed under an open connection: the caller sees nothing of it, and nothing is lost."""
    with tempfile.TemporaryDirectory(prefix="palmyra-test-") as name:
        folder = Path(name)
        with (
            Sentinels(folder, find_server(), users_file(folder), password) as watch,
            connect(watch.url("worker"), Retry(ConstantBackoff(0.2), 300)) as client,
            watch.admin(1) as other,
        ):
            key = f"{NAMESPACE}:counter"
            assert client.incr(key) == 1
            wait_for(lambda: other.get(key) == b"1", 20, watch.said)
            process = watch.servers[0].process
            assert process is not None
            process.kill()
            process.wait()
            assert client.incr(key) == 2
            assert other.get(key) == b"2"
