"""Whose fault it is when everything fails."""

from __future__ import annotations

import pytest

from jobs.errors import Reason
from worker.feeds.own_network import LATER_S, REASONS, SOON_S, OwnNetwork, is_down, retry_s


def fail(network: OwnNetwork[str], at_s: float, *hosts: str) -> list[tuple[str, ...]]:
    return [network.failed(at_s + n * 0.1, host, f"feed at {host}").spared for n, host in enumerate(hosts)]


FIVE = ("a", "b", "c", "d", "e")


def test_five_hosts_at_once_are_our_own_fault() -> None:
    """The fifth tells, and those that were charged before it was known are spared too."""
    network = OwnNetwork[str]()
    assert fail(network, 0, *FIVE) == [(), (), (), (), tuple(f"feed at {host}" for host in FIVE)]
    assert network.down_since_s == pytest.approx(0.4)
    assert fail(network, 1, "a") == [("feed at a",)]


def test_it_is_said_once_and_taken_back_once() -> None:
    """One line in the log when the network goes, and one when it comes back."""
    network = OwnNetwork[str]()
    verdicts = [network.failed(n, host, host) for n, host in enumerate((*FIVE, "f", "g"))]
    assert [verdict.fell for verdict in verdicts] == [False] * 4 + [True, False, False]
    assert [network.answered(10).rose, network.answered(11).rose] == [True, False]
    assert network.down_since_s is None


@pytest.mark.parametrize(
    ("hosts", "times"),
    [(("a", "b", "c", "d"), range(4)), (("a",) * 20, range(20)), (FIVE, range(0, 5 * 30, 30))],
    ids=["four hosts", "one host", "over minutes"],
)
def test_a_few_failures_are_the_feeds_own(hosts: tuple[str, ...], times: range) -> None:
    """Fewer hosts, or the same one again and again, or not at about the same time."""
    network = OwnNetwork[str]()
    assert not any(network.failed(at_s, host, host).spared for at_s, host in zip(times, hosts, strict=True))


def test_an_answer_shows_that_the_network_works() -> None:
    """Among many feeds a few dead ones always fail: as long as anything answers, that is theirs."""
    network = OwnNetwork[str]()
    fail(network, 0, *FIVE[:4])
    network.answered(1)
    assert not any(fail(network, 2, *FIVE))
    assert fail(network, 12, "f")[0]  # but by then nothing has answered for a while


def test_what_blames_the_network() -> None:
    """Only what fails before a site could answer."""
    assert {Reason.DNS, Reason.CONNECT, Reason.TIMEOUT, Reason.TLS} == REASONS
    assert not is_down(set(FIVE), quiet_s=1)
    assert is_down(set(FIVE), quiet_s=60)


def test_the_retries_come_soon_and_spread_and_grow_rare() -> None:
    """A minute or two at first; after hours without network every quarter of an hour or so."""
    assert retry_s(0, 0) == SOON_S
    assert SOON_S < retry_s(0, 0.5) < 2 * SOON_S
    assert retry_s(100_000, 0) == LATER_S
