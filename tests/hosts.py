"""Hosts for tests: network namespaces of this machine, joined by a bridge. Needs root and Debian's iproute2.

with Hosts(3) as hosts:
    subprocess.run([*hosts[0].within, "redis-server", "--bind", hosts[0].address])
    hosts[2].cut()          # nothing gets in or out any more: no reset, no answer
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import NoReturn, overload

import pytest

NETWORK = "10.213.77"
"""The first three numbers of the hosts' addresses."""


@dataclass(frozen=True)
class Host:
    """One namespace."""

    name: str
    address: str
    cable: str
    """Its end at the bridge."""

    @property
    def within(self) -> tuple[str, ...]:
        """What stands before a command that is to run there."""
        return ("ip", "netns", "exec", self.name)

    def more(self, last: int) -> str:
        """One more address of this host."""
        address = f"{NETWORK}.{last}"
        _ip("-n", self.name, "address", "add", f"{address}/24", "dev", "eth0")
        return address

    def cut(self) -> None:
        """Pull the cable."""
        _ip("link", "set", self.cable, "down")


class Hosts:
    """So many of them, with addresses on one network of their own."""

    def __init__(self, count: int) -> None:
        pid = os.getpid() % 100_000
        self._bridge = f"pb{pid}"
        self._hosts = [
            Host(f"palmyra-{pid}-{n}", f"{NETWORK}.{n}", f"pc{pid}-{n}") for n in range(1, count + 1)
        ]

    @overload
    def __getitem__(self, number: int) -> Host: ...

    @overload
    def __getitem__(self, number: slice) -> list[Host]: ...

    def __getitem__(self, number: int | slice) -> Host | list[Host]:
        return self._hosts[number]

    def __enter__(self) -> Hosts:
        try:
            _ip("link", "add", self._bridge, "type", "bridge")
            _ip("link", "set", self._bridge, "up")
            for host in self._hosts:
                self._plug_in(host)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _plug_in(self, host: Host) -> None:
        _ip("netns", "add", host.name)
        _ip("link", "add", host.cable, "type", "veth", "peer", "name", "eth0", "netns", host.name)
        _ip("link", "set", host.cable, "master", self._bridge, "up")
        _ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", host.name, "link", "set", device, "up")

    def __exit__(self, *exc_info: object) -> None:
        for host in self._hosts:
            subprocess.run(["ip", "netns", "delete", host.name], capture_output=True, check=False)
            subprocess.run(["ip", "link", "delete", host.cable], capture_output=True, check=False)
        subprocess.run(["ip", "link", "delete", self._bridge], capture_output=True, check=False)


def needed() -> None:
    """Skip the test, saying so, where no such hosts can be made; fail there where CI is set."""
    if shutil.which("ip") is None:
        _can_not("iproute2's ip is not on PATH; .ci/run installs it")
    if os.geteuid() != 0:
        _can_not("network namespaces need root")
    name = f"palmyra-try-{os.getpid()}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    if tried.returncode != 0:
        _can_not(f"network namespaces can't be made here: {tried.stderr.strip()}")


def _can_not(why: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
