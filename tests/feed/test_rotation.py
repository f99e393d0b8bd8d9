"""A connection is changed for a new one before the exchange ends it, at a time drawn at random, and without a pause."""

# ruff: noqa: ARG001 - pytest-trio sees the clock only as an argument

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
import trio
from exchanges import EXCHANGES, followed
from venues import until

from flowrs.config import VenueConfig
from flowrs.core import Reason, State
from flowrs.feed.backoff import Backoff
from flowrs.feed.counters import Counters
from flowrs.feed.session import RotatedError, Route, Session
from flowrs.feed.supervisor import Connection
from flowrs.plugins.binance import Binance

if TYPE_CHECKING:
    from exchanges import Exchange

    from flowrs.feed.replica import Replica


def stale(replica: Replica) -> list[float]:
    """For how many seconds the book was not live, each time that it was live again."""
    found: list[float] = []
    for before, after in itertools.pairwise(replica.transitions):
        if before.state is State.LIVE:
            began = after.time_ns
        elif after.state is State.LIVE and before.epoch:
            found.append((after.time_ns - began) / 1e9)
    return found


@pytest.mark.parametrize("exchange", EXCHANGES[:2], ids=["binance", "binance-usdm"])
async def test_after_a_change_of_connections_books_are_live_again_without_the_pause_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, exchange: Exchange
) -> None:
    monkeypatch.setattr(exchange.connector, "lifetime_s", 1.0)
    pause = {"retry_base_s": 40.0, "retry_cap_s": 60.0}  # of which a tenth is waited for at least
    async with trio.open_nursery() as nursery, followed(nursery, seed=2, exchanges=[exchange], **pause) as exchanges:
        (each,) = exchanges.values()
        replicas = each.venue.replicas.values()
        await until(lambda: all(replica.book.epoch >= 3 and replica.is_live for replica in replicas), within_s=20)
        for replica in replicas:
            assert {each.reason for each in replica.transitions if each.state is State.STALE} == {Reason.DISCONNECTED}
            assert 0 < max(stale(replica)) < 4
        for connection in each.venue.connections:
            assert connection.error == "changed for a new connection before the exchange ends it"


async def test_a_connection_is_changed_at_a_random_time_before_the_exchange_ends_it(autojump_clock: object) -> None:
    session = Session(Binance(), VenueConfig(("BTC-USDT",)), Route("", list), [], {}, {}, None, None, Counters())
    lives: list[float] = []
    for _ in range(50):
        began = trio.current_time()
        with pytest.raises(RotatedError):
            await session._rotate()  # noqa: SLF001 - a day of a session
        lives.append(trio.current_time() - began)
    assert 0.85 * Binance.lifetime_s <= min(lives) < max(lives) <= 0.97 * Binance.lifetime_s


async def test_a_rotation_is_no_failure_and_does_not_make_the_next_one_wait_longer(autojump_clock: object) -> None:
    begun: list[float] = []

    class Lived:
        live_since = 0.0
        is_open = True

        async def run(self) -> None:
            begun.append(trio.current_time())
            await trio.sleep(10)
            raise RotatedError("changed")

    connection = Connection("x", (), Lived, Backoff(1, 60, lambda _, high: high))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.supervise, Counters())
        await trio.sleep(45)
        nursery.cancel_scope.cancel()
    assert [round(each - begun[0]) for each in begun] == [0, 10, 20, 30, 40]
    assert connection.attempt == 0
