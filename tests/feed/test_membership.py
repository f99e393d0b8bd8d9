"""Symbols that come and go while a venue runs, and what an operator asks for: the other books never notice."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import trio
import trio.testing
from exchanges import EXCHANGES, Exchange, Followed, Sides, followed
from venues import running, until

from flowrs.api import Rate
from flowrs.config import VenueConfig
from flowrs.core import ASKS, BIDS, Arena, ArenaReader, Reason, Scratch, State
from flowrs.errors import CapacityError
from flowrs.feed import Budget, Venue
from flowrs.plugins.binance import Binance
from flowrs.sim import INSTRUMENTS, BinanceSpot, Market, Shape, open_venue, server_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import flowrs.sim
    from flowrs.feed.replica import Replica

MODEST = Shape(levels=60, updates=12.0, trades=0.5, volatility=2e-6, history=600)
every_exchange = pytest.mark.parametrize("exchange", EXCHANGES, ids=[each.connector.name for each in EXCHANGES])


class Life(NamedTuple):
    """What a book has been through, and since when which connections feed it."""

    state: State
    epoch: int
    transitions: tuple[Any, ...]
    connections: tuple[tuple[str, float], ...]


def lives(venue: Venue, *but: str) -> dict[str, Life]:
    return {name: life(venue, each) for name, each in venue.replicas.items() if name not in but}


def life(venue: Venue, replica: Replica) -> Life:
    links = tuple((each.name, each.since) for each in venue.connections if replica in each.replicas)
    return Life(replica.book.state, replica.book.epoch, tuple(replica.transitions), links)


async def all_live(venue: Venue) -> None:
    await until(lambda: all(each.is_live for each in venue.replicas.values()), within_s=30)


async def move_on(venue: Venue) -> None:
    """Until every book has had two more updates."""
    for _ in range(2):
        before = {name: each.book.header().recv_ns for name, each in venue.replicas.items()}
        await until(lambda: all(venue.replicas[name].book.header().recv_ns > ns for name, ns in before.items()))  # noqa: B023 - it is awaited here


def levels(replica: Replica) -> Sides:
    """All known levels."""
    book = replica.book
    rows = (book.array(side).tolist() for side in (BIDS, ASKS))
    scales = -book.price_scale, -book.quantity_scale
    return Sides(*({Decimal(p).scaleb(scales[0]): Decimal(q).scaleb(scales[1]) for p, q in side} for side in rows))


def is_true(each: Followed, replica: Replica) -> bool:
    """Whether a live book is the exchange's at its number."""
    header, book = replica.book.header(), replica.book
    window = [None if at is None else str(Decimal(at).scaleb(-book.price_scale)) for at in book.window()]
    truths = each.truths(replica.symbol, {"seq": header.seq, "exchange_ns": header.exchange_ns})
    return any(levels(replica) == truth.within(*window) for truth in truths)


def overhear(sim: flowrs.sim.Venue[Any], native: str) -> deque[flowrs.sim.Message]:
    """The newest messages about an instrument that the exchange has published, whoever gets them."""
    newest: deque[flowrs.sim.Message] = deque(maxlen=32)
    publish = sim.publish

    def noted(messages: Sequence[flowrs.sim.Message]) -> None:
        newest.extend(each for each in messages if each.symbol == native)
        publish(messages)

    sim.publish = noted  # type: ignore[method-assign]
    return newest


@every_exchange
async def test_a_symbol_that_is_removed_is_gone_and_the_others_do_not_notice(exchange: Exchange) -> None:
    async with trio.open_nursery() as nursery, followed(nursery, seed=3, shape=MODEST, exchanges=[exchange]) as found:
        ((name, each),) = found.items()
        venue, gone = each.venue, exchange.symbols[1]
        await all_live(venue)
        before = lives(venue, gone)
        reader = ArenaReader(each.arena)
        newest = overhear(each.sim, venue.replicas[gone].native)
        slot = next(at for at in range(3) if reader.read(at).name == f"{name}:{gone}")

        venue.remove(gone)
        ended = reader.read(slot)
        assert (ended.name, ended.state, ended.reason) == (f"{name}:{gone}", State.DISABLED, Reason.REQUESTED)
        assert set(venue.replicas) == set(venue.trades) == set(exchange.symbols) - {gone}
        await move_on(venue)
        assert lives(venue) == before
        assert reader.read(slot) == ended
        await until(lambda: len(newest) == newest.maxlen and not any(map(each.sim.wanted, newest)))
        assert (venue.counters.reconnects, venue.counters.unrequested) == (0, 0)


@every_exchange
async def test_a_symbol_that_is_added_gets_live_and_true_and_the_others_do_not_notice(exchange: Exchange) -> None:
    first = exchange._replace(symbols=exchange.symbols[:2])
    async with trio.open_nursery() as nursery, followed(nursery, seed=3, shape=MODEST, exchanges=[first]) as found:
        ((_, each),) = found.items()
        venue, new = each.venue, exchange.symbols[2]
        await all_live(venue)
        before, links = lives(venue), [link.name for link in venue.connections]
        for _ in range(2):  # also after it was removed
            (replica,) = venue.add([new])
            assert replica.book.state is State.EMPTY
            await all_live(venue)
            await until(lambda: len(venue.trades[new]) > 0, within_s=30)
            assert is_true(each, replica)
            await move_on(venue)
            assert lives(venue, new) == before
            venue.remove(new)
            assert [link.name for link in venue.connections] == links
        assert (venue.counters.reconnects, venue.counters.unrequested) == (0, 0)


@every_exchange
async def test_a_new_snapshot_that_is_asked_for_costs_that_book_alone(exchange: Exchange) -> None:
    async with trio.open_nursery() as nursery, followed(nursery, seed=3, shape=MODEST, exchanges=[exchange]) as found:
        ((_, each),) = found.items()
        venue, hit = each.venue, exchange.symbols[1]
        await all_live(venue)
        before, replica = lives(venue, hit), venue.replicas[hit]
        epoch = replica.book.epoch
        venue.resync(hit)
        assert (replica.book.state, replica.book.reason) == (State.STALE, Reason.REQUESTED)
        venue.resync(hit)  # one is under way already
        await all_live(venue)
        assert (replica.book.epoch, replica.resyncs, replica.gaps) == (epoch + 1, 2, 0)
        assert is_true(each, replica)
        await move_on(venue)
        assert lives(venue, hit) == before
        assert venue.counters.reconnects == 0


@every_exchange
async def test_a_symbol_that_is_removed_in_mid_recovery_disturbs_no_other(exchange: Exchange) -> None:
    async with trio.open_nursery() as nursery, followed(nursery, seed=3, shape=MODEST, exchanges=[exchange]) as found:
        ((_, each),) = found.items()
        venue, gone = each.venue, exchange.symbols[1]
        await all_live(venue)
        before, newest = lives(venue, gone), overhear(each.sim, venue.replicas[gone].native)
        venue.resync(gone)
        venue.remove(gone)
        await until(lambda: len(newest) == newest.maxlen and not any(map(each.sim.wanted, newest)))
        await move_on(venue)
        assert lives(venue) == before
        assert (venue.counters.reconnects, venue.counters.unrequested) == (0, 0)


# -- of one venue


@pytest.fixture
async def sim() -> AsyncIterator[Any]:
    async with open_venue(BinanceSpot(Market(INSTRUMENTS[:3]))) as opened:
        yield opened


def venue_of(sim: Any, *symbols: str, slots: int = 8) -> tuple[Venue, Arena]:
    arena = Arena(slots=slots)
    config = VenueConfig(symbols, url=sim.ws_url, rest_url=sim.rest_url, retry_base_s=0.01, retry_cap_s=0.05)
    return Venue(Binance(), config, "tests", Scratch(), arena, Budget(Rate(10, 0.1))), arena


async def test_a_symbol_that_the_exchange_does_not_list_is_disabled_and_can_be_removed(sim: Any) -> None:
    async with running(sim, "BTC-USDT") as venue:
        await all_live(venue)
        (replica,) = venue.add(["NO-SUCH"])
        await until(lambda: replica.book.state is State.DISABLED)
        assert replica.book.reason is Reason.UNKNOWN_SYMBOL
        assert (venue.error, len(venue.connections)) == (None, 1)
        venue.remove("NO-SUCH")
        assert list(venue.replicas) == ["BTC-USDT"]
        assert venue.replicas["BTC-USDT"].is_live


async def test_a_name_that_leads_to_another_instrument_is_not_taken_for_it(sim: Any) -> None:
    async with running(sim, "BTC-USDT") as venue:
        (replica,) = venue.add(["BTCUS-DT"])
        await until(lambda: replica.book.state is State.DISABLED)
        assert replica.book.reason is Reason.UNKNOWN_SYMBOL


async def test_a_venue_that_had_nothing_to_follow_follows_what_is_added(sim: Any) -> None:
    async with running(sim, "NO-SUCH") as venue:
        await until(lambda: venue.error is not None)
        (replica,) = venue.add(["ETH-USDT"])
        await until(lambda: replica.is_live)
        assert venue.error is None


async def test_what_is_added_waits_until_the_exchange_says_what_it_is(sim: Any) -> None:
    async with running(sim, "BTC-USDT") as venue:
        await all_live(venue)
        sim.faults.answer_next(server_error(), server_error(), path="/api/v3/exchangeInfo")
        (replica,) = venue.add(["ETH-USDT"])
        await until(lambda: replica.is_live)
        assert venue.error is None


async def test_what_is_removed_before_it_is_known_never_gets_a_connection(sim: Any) -> None:
    async with running(sim, "BTC-USDT") as venue:
        await all_live(venue)
        sim.faults.hold_answers()
        venue.add(["ETH-USDT", "BNB-USDT"])
        await trio.testing.wait_all_tasks_blocked(0.01)
        venue.remove("ETH-USDT")
        venue.remove("BNB-USDT")
        sim.faults.release_answers()
        venue.add(["ETH-USDT"])
        await all_live(venue)
        assert [link.name for link in venue.connections] == ["binance/0", "binance/1"]


@pytest.mark.parametrize("answer", [server_error(), None], ids=["which fails", "which comes"])
async def test_a_snapshot_that_was_under_way_does_not_bring_a_removed_book_back(sim: Any, answer: Any) -> None:
    async with running(sim, "BTC-USDT", "ETH-USDT") as venue:
        await all_live(venue)
        replica, asked = venue.replicas["BTC-USDT"], sim.counters.requests
        sim.faults.hold_answers()
        if answer is not None:
            sim.faults.answer_next(answer, path="/api/v3/depth")
        venue.resync("BTC-USDT")
        await until(lambda: replica.book.state is State.SYNCING)
        venue.remove("BTC-USDT")
        sim.faults.release_answers()
        await until(lambda: sim.counters.requests > asked)
        await move_on(venue)
        assert (replica.book.state, replica.book.reason) == (State.DISABLED, Reason.REQUESTED)


async def test_without_room_for_all_of_them_none_is_added_and_no_room_is_lost(sim: Any) -> None:
    venue, _ = venue_of(sim, "BTC-USDT", slots=2)
    for _ in range(3):
        with pytest.raises(CapacityError):
            venue.add(["ETH-USDT", "BNB-USDT"])
        assert list(venue.replicas) == ["BTC-USDT"]
    venue.add(["ETH-USDT"])


async def test_a_closed_venue_ends_and_leaves_room_for_others(sim: Any) -> None:
    venue, arena = venue_of(sim, "BTC-USDT", "ETH-USDT", slots=2)
    reader = ArenaReader(arena)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(venue.run)
        await all_live(venue)
        venue.close()
        with trio.fail_after(5):
            await sim.wait_until(lambda: not sim.connections)
    assert [reader.read(slot).state for slot in range(2)] == [State.DISABLED] * 2
    assert (venue.replicas, venue.connections) == ({}, [])
    (replica,) = venue.add(["BTC-USDT"])  # as a request may that comes while the daemon ends
    assert replica.book.state is State.EMPTY
    venue.remove("BTC-USDT")
    assert {arena.take(), arena.take()} == {0, 1}


async def test_symbols_may_be_removed_while_their_connection_is_being_ended() -> None:
    symbols = [f"{each.base}-{each.quote}" for each in INSTRUMENTS]
    async with (
        open_venue(BinanceSpot(Market(INSTRUMENTS, shape=MODEST))) as sim,
        running(sim, *symbols) as venue,
    ):
        await until(lambda: all(each.is_live for each in venue.replicas.values()))
        for steps, symbol in enumerate(symbols[1:]):
            await until(lambda: venue.connections[0].state == "connected")
            venue.connections[0].reconnect()
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            venue.remove(symbol)
        await until(lambda: venue.replicas[symbols[0]].is_live)
        assert list(venue.replicas) == symbols[:1]
