"""The embedded Redis: private, durable, and clear about why it does not start."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest
from redis import Redis

from worker import embedded
from worker.embedded import EmbeddedRedis, NoServer, ServerFailed, bundled_servers, find_server


def server(home: Path, **options: str) -> EmbeddedRedis:
    return EmbeddedRedis(home, home / "redis.sock", binary=bundled_servers()[0], options=options)


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    """A stop writes everything down; a second stop, or one before the start, does no harm."""
    one = server(tmp_path)
    one.stop()
    for expected in (None, b"1", b"2"):
        with one, Redis.from_url(one.url) as redis:
            assert redis.get("key") == expected
            redis.incr("key")
    one.stop()
    assert one.process is not None
    assert one.process.returncode == 0


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """The append-only file has it, although the process had no time to do anything; the old socket goes."""
    with server(tmp_path) as one, Redis.from_url(one.url) as redis:
        redis.set("key", "value")
        assert one.process is not None
        one.process.send_signal(signal.SIGKILL)
        one.process.wait()
    assert (tmp_path / "redis.sock").exists()
    with server(tmp_path) as again, Redis.from_url(again.url) as redis:
        assert redis.get("key") == b"value"


def test_it_is_private(tmp_path: Path) -> None:
    """No port, and files that only its user reads: whoever gets in could run our jobs."""
    home = tmp_path / "new" / "home"
    with server(home) as one, Redis.from_url(one.url) as redis:
        assert redis.config_get("port") == {"port": "0"}
        assert redis.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        for path in (home, one.socket):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_socket_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """What stands in /tmp under our name may be a trap."""
    trap = tmp_path / "trap"
    trap.mkdir()
    trap.chmod(0o777)
    with pytest.raises(ServerFailed, match=r"trap belongs to somebody else.*PALMYRA_HOME"):
        EmbeddedRedis(tmp_path / "home", trap / "redis.sock", binary=bundled_servers()[0]).start()


def test_a_bad_configuration_is_told(tmp_path: Path) -> None:
    """The server's end is noticed at once, not after a time-out."""
    with pytest.raises(ServerFailed, match=r"ended at once \(code 1\)"):
        server(tmp_path, **{"maxmemory-policy": "nonsense"}).start()


def test_a_damaged_file_is_told_in_the_servers_own_words(tmp_path: Path) -> None:
    """The end of the server's log says what is wrong."""
    with server(tmp_path) as one, Redis.from_url(one.url) as redis:
        redis.set("key", "value")
    for file in tmp_path.rglob("*.aof"):
        file.write_bytes(b"*1\r\n$3\r\nnonsense" + file.read_bytes())
    with pytest.raises(ServerFailed, match=r"(?s)ended at once.*append only file"):
        server(tmp_path).start()


def test_a_binary_that_is_none_is_told(tmp_path: Path) -> None:
    """So is a server that ends without a word."""
    with pytest.raises(ServerFailed, match="ended at once"):
        EmbeddedRedis(tmp_path, tmp_path / "redis.sock", binary=Path("/bin/false")).start()


def test_a_server_that_does_not_answer_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left running by a start that failed."""
    monkeypatch.setattr(embedded, "START_TIMEOUT_S", 0.2)
    sleeper = tmp_path / "sleeper"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o700)
    one = EmbeddedRedis(tmp_path, tmp_path / "redis.sock", binary=sleeper)
    with pytest.raises(ServerFailed, match="did not answer within"):
        one.start()
    assert one.process is not None
    assert one.process.returncode == -signal.SIGTERM


def test_the_server_on_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator's own Redis is preferred to the bundled one."""
    own = tmp_path / "redis-server"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server() == own
    own.unlink()
    assert find_server() == bundled_servers()[0]


def test_without_a_server_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install or to set."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(embedded, "bundled_servers", lambda: [])
    with pytest.raises(NoServer, match="PALMYRA_REDIS_URL"):
        find_server()


def test_bundled_servers_can_be_run() -> None:
    """The packages carry executables."""
    assert bundled_servers()
    assert all(os.access(path, os.X_OK) for path in bundled_servers())
