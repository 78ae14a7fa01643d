"""A master, a replica and three sentinels for tests, all real, with the users of deploy/users.acl.

with Sentinels(folder, binary, users_file, password) as watch:
    ... watch.url("worker") ...
    watch.servers[watch.master()].process.kill()
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from tests.acceptance.system import free_port, wait_for
from tests.hosts import Host
from worker.embedded import EmbeddedRedis

SERVICE = "news"
DOWN_AFTER_MS = 1500
SENTINEL = """port {port}
bind {address}
unixsocket {folder}/s
dir {folder}
protected-mode no
sentinel monitor {service} {master} 2
sentinel down-after-milliseconds {service} {down_after_ms}
sentinel failover-timeout {service} 6000
sentinel auth-user {service} sentinel
sentinel auth-pass {service} {password}
"""


class Sentinels:
    """Two servers, the first is master to begin with, and who watches them.

    Args:
        folder: for their files; with a short path, since sockets are among them.
        binary: the server.
        users: the users file.
        password: of each user.
        hosts: where the two servers and the three sentinels run; default: all on loopback.
    """

    def __init__(
        self,
        folder: Path,
        binary: Path,
        users: Path,
        password: Callable[[str], str],
        hosts: Sequence[Host | None] = (None,) * 5,
    ) -> None:
        self._folder, self._binary, self._password, self._hosts = folder, binary, password, hosts
        self._addresses = [(host.address if host else "127.0.0.1", free_port()) for host in hosts]
        self.servers = [self._server(number, users) for number in range(2)]
        self._sentinels: list[subprocess.Popen[bytes]] = []
        self._stack = ExitStack()

    def _server(self, number: int, users: Path) -> EmbeddedRedis:
        home = self._folder / f"redis-{number}"
        home.mkdir()
        address, port = self._addresses[number]
        options = {
            "port": str(port),
            "bind": address,
            "aclfile": str(users),
            "masteruser": "replica",
            "masterauth": self._password("replica"),
            "repl-diskless-sync-delay": "0",
        }
        host = self._hosts[number]
        there = home / "redis-there"
        there.write_text(f'#!/bin/sh\nexec {" ".join(host.within if host else ())} {self._binary} "$@"\n')
        there.chmod(0o755)
        return EmbeddedRedis(home, home / "s", binary=there, options=options)

    def url(self, user: str) -> str:
        """What palmyra is told."""
        hosts = ",".join(f"{address}:{port}" for address, port in self._addresses[2:])
        return f"redis+sentinel://{user}:{self._password(user)}@{hosts}/{SERVICE}/0"

    def admin(self, number: int) -> Redis:
        """A client of one of the servers."""
        socket = str(self.servers[number].socket)
        return Redis(unix_socket_path=socket, username="admin", password=self._password("admin"))

    def sentinel(self, number: int = -1) -> Redis:
        """A client of one of the sentinels: the last one, unless said."""
        return Redis(unix_socket_path=str(self._folder / f"sentinel-{range(3)[number]}" / "s"))

    def master(self) -> int:
        """Which server the sentinels call the master."""
        with self.sentinel() as sentinel:
            told: Any = sentinel.sentinel_get_master_addr_by_name(SERVICE)
            host, port = told
            return self._addresses.index((host.decode() if isinstance(host, bytes) else host, int(port)))

    def in_order(self) -> bool:
        """Whether the replica follows its master and every sentinel knows all of them."""
        try:
            with self.admin(1 - self.master()) as replica:
                info: Any = replica.info("replication")
                linked = info["role"] == "slave" and info["master_link_status"] == "up"
            for number in range(3):
                with self.sentinel(number) as sentinel:
                    state: Any = sentinel.sentinel_master(SERVICE)
                    linked &= (state["num-slaves"], state["num-other-sentinels"]) == (1, 2)
                    linked &= not (state["is_odown"] or state["is_sdown"])
        except RedisError:
            return False
        return bool(linked)

    def fail_over(self) -> None:
        """Ask for it, as an operator does before maintenance; the old master lives on as the replica."""
        with self.sentinel() as sentinel:
            sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE)

    def __enter__(self) -> Sentinels:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        for server in self.servers:
            self._stack.enter_context(server)
        master, port = self._addresses[0]
        with self.admin(1) as replica:
            replica.execute_command("REPLICAOF", master, str(port))
        for number, host in enumerate(self._hosts[2:]):
            self._watch(number, host)
        wait_for(self.in_order, 30, self.said)

    def _watch(self, number: int, host: Host | None) -> None:
        folder = self._folder / f"sentinel-{number}"
        folder.mkdir()
        address, port = self._addresses[2 + number]
        text = SENTINEL.format(
            port=port,
            address=address,
            folder=folder,
            service=SERVICE,
            master="{} {}".format(*self._addresses[0]),
            down_after_ms=DOWN_AFTER_MS,
            password=self._password("sentinel"),
        )
        (folder / "sentinel.conf").write_text(text)
        command = [
            *(host.within if host else ()),
            str(self._binary),
            str(folder / "sentinel.conf"),
            "--sentinel",
        ]
        with (folder / "log").open("wb") as log:
            self._sentinels.append(subprocess.Popen(command, stdout=log, stderr=log))

    def said(self) -> str:
        """The last of what each logged."""
        logs = [*self._folder.glob("sentinel-*/log"), *self._folder.glob("redis-*/redis.log")]
        return "\n".join(f"== {log.parent.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs)

    def __exit__(self, *exc_info: object) -> None:
        for process in self._sentinels:
            process.kill()
            process.wait()
        self._stack.close()
