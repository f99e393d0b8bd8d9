"""One bad message concerns one book: nine pairs on four exchanges, and one message that is lost or wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import trio
from exchanges import Exchange, followed
from venues import until

from flowrs.core import Reason, State
from flowrs.plugins.binance import Binance
from flowrs.plugins.bybit import Bybit
from flowrs.plugins.coinbase import Coinbase
from flowrs.plugins.kraken import Kraken
from flowrs.sim import (
    COINBASE_INSTRUMENTS,
    INSTRUMENTS,
    KRAKEN_INSTRUMENTS,
    BinanceSpot,
    CoinbaseAdvanced,
    KrakenV2,
    Market,
    Shape,
)
from flowrs.sim import Bybit as SimBybit

if TYPE_CHECKING:
    from collections.abc import Callable

    from exchanges import Followed

    from flowrs.feed.replica import Replica, Transition

MODEST = Shape(levels=60, updates=6.0, trades=0.1, volatility=2e-6, history=600)


def nine(connector: type, dialect: Callable[[Market], Any], instruments: tuple[Any, ...]) -> Exchange:
    """An exchange with all its pairs."""
    symbols = tuple(f"{each.base}-{each.quote}" for each in instruments)
    return Exchange(connector, lambda seed, shape: dialect(Market(instruments, seed=seed, shape=shape)), symbols)


FOUR = (
    nine(Binance, BinanceSpot, INSTRUMENTS),
    nine(Bybit, lambda market: SimBybit(market, snapshot_every=1_000_000), INSTRUMENTS),
    nine(Kraken, KrakenV2, KRAKEN_INSTRUMENTS),
    nine(Coinbase, CoinbaseAdvanced, COINBASE_INSTRUMENTS),
)


class Life(NamedTuple):
    """What a book has been through."""

    state: State
    epoch: int
    resyncs: int
    gaps: int
    transitions: tuple[Transition, ...]


def life(replica: Replica) -> Life:
    return Life(replica.book.state, replica.book.epoch, replica.resyncs, replica.gaps, tuple(replica.transitions))


async def happen(fault: str, exchange: Followed, hit: Replica) -> None:
    """Make a fault happen that can be noticed.

    One in twenty of Kraken's updates sets nothing that the next one does not set as well. If it is lost, the book is
    right again with the next one, and its checksum says so: another one has to be lost. `seq` counts updates there.
    """
    before, later = life(hit), 100 if exchange.venue.name == "kraken" else math.inf
    with trio.fail_after(30):
        while life(hit) == before:
            last = hit.book.header().seq + later
            await exchange.sim.faults.inject(fault, hit.symbol)
            await until(lambda last=last: life(hit) != before or hit.book.header().seq > last)


@pytest.mark.parametrize(
    ("venue", "symbol", "fault", "reasons"),
    [
        ("binance", "SOL-USDT", "drop", [Reason.GAP]),
        ("bybit", "ETH-USDT", "drop", [Reason.GAP]),
        ("kraken", "BTC-USD", "drop", [Reason.CHECKSUM]),
        ("kraken", "DOGE-USD", "bad-checksum", [Reason.CHECKSUM]),
        ("coinbase", "LINK-USD", "drop", [Reason.GAP, Reason.DISCONNECTED]),
    ],
)
async def test_one_bad_message_resynchronises_one_of_36_books_and_no_other(
    venue: str, symbol: str, fault: str, reasons: list[Reason]
) -> None:
    async with trio.open_nursery() as nursery, followed(nursery, seed=5, shape=MODEST, exchanges=FOUR) as exchanges:
        books = {replica.book.name: replica for each in exchanges.values() for replica in each.venue.replicas.values()}
        assert len(books) == 36
        await until(lambda: all(replica.is_live for replica in books.values()), within_s=30)
        hit = books.pop(f"{venue}:{symbol}")
        before, others = life(hit), {name: life(replica) for name, replica in books.items()}
        newest = {name: replica.book.header().seq for name, replica in books.items()}
        assert {each.state for each in others.values()} == {State.LIVE}

        await happen(fault, exchanges[venue], hit)
        await until(lambda: hit.resyncs > before.resyncs and hit.is_live, within_s=10)
        after = life(hit)
        told = after.transitions[len(before.transitions) :]
        assert (after.resyncs, after.epoch) == (before.resyncs + 1, before.epoch + 1)
        assert [each.reason for each in told if each.state is State.STALE] == reasons
        assert told[-1].state is State.LIVE
        assert told[-1].time_ns - told[0].time_ns < 10e9

        await until(lambda: all(replica.book.header().seq > newest[name] for name, replica in books.items()))
        assert {name: life(replica) for name, replica in books.items()} == others
        assert life(hit) == after
