"""The exchange misbehaves: the daemon goes on, says what is wrong, and no live answer differs from the true book."""

from __future__ import annotations

import json
import resource
import struct
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import trio
from daemons import daemon
from msgspec import structs
from venues import running, until

from flowrs.core import Reason, State
from flowrs.sim import BinanceSpot, Market, Replay, garbage, huge, open_venue, server_error, too_many_requests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import flowrs.sim
    from flowrs.feed import Venue
    from flowrs.feed.replica import Replica

PAIRS = ("BTC-USDT", "ETH-USDT")


@asynccontextmanager
async def market() -> AsyncIterator[flowrs.sim.Venue[BinanceSpot]]:
    async with open_venue(BinanceSpot(Market(seed=5))) as sim:
        yield sim


@asynccontextmanager
async def live(**config: Any) -> AsyncIterator[tuple[flowrs.sim.Venue[BinanceSpot], Venue]]:
    """A simulated exchange, and a venue whose books are all live."""
    async with market() as sim, running(sim, *PAIRS, **config) as venue:
        await until(lambda: all_live(venue))
        yield sim, venue


def all_live(venue: Venue) -> bool:
    return all(replica.is_live for replica in venue.replicas.values())


def history(replica: Replica) -> list[tuple[State, Reason, int]]:
    return [(each.state, each.reason, each.epoch) for each in replica.transitions]


def resident_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def test_a_dropped_frame_makes_that_symbol_stale_then_live_in_a_new_epoch() -> None:
    async with live() as (sim, venue):
        btc, eth = venue.replicas["BTC-USDT"], venue.replicas["ETH-USDT"]
        sim.faults.drop_depth("BTCUSDT")
        await until(lambda: btc.book.epoch == 2)
        assert history(btc)[-3:] == [
            (State.STALE, Reason.GAP, 1),
            (State.SYNCING, Reason.GAP, 1),
            (State.LIVE, Reason.NONE, 2),
        ]
        assert btc.gaps == 1
        assert history(eth)[-1] == (State.LIVE, Reason.NONE, 1)
        assert venue.counters.reconnects == 0


async def test_no_answer_during_a_resync_says_live_and_differs(tmp_path: Path) -> None:
    answers = epochs = 0
    async with market() as sim, daemon(sim, tmp_path, *PAIRS) as (_, client):
        with trio.fail_after(60):
            while answers <= 80 or epochs < 3:
                answer = await client.ask("book", symbol="BTC-USDT", depth=0)
                if "result" in answer:
                    check_against_truth(sim, answer["result"])
                    answers += 1
                    if answers % 40 == 0:
                        sim.faults.drop_depth("BTCUSDT")
                    epochs = max(epochs, answer["result"]["epoch"])
                else:
                    assert answer["error"]["code"] == "not_live"


def check_against_truth(sim: flowrs.sim.Venue[Any], book: dict[str, Any]) -> None:
    """Compare every level of an answer with the exchange's true book at that number."""
    assert book["state"] == "live"
    truth = sim.book("BTCUSDT", book["seq"])
    for side, levels in (("bids", truth.bids), ("asks", truth.asks)):
        known = {Decimal(price): Decimal(size) for price, size in book[side]}
        low, high = book["window"]["low"], book["window"]["high"]
        true = {
            price: size
            for price, size in levels.items()
            if (side == "asks" or low is None or price >= Decimal(low))
            and (side == "bids" or high is None or price <= Decimal(high))
        }
        assert known == true


async def test_a_dropped_frame_of_a_replay_heals_too(captures: Path) -> None:
    files = [captures / "binance_spot/spot__btcusdt_20240808.gz"]
    async with open_venue(BinanceSpot(Replay(files, speed=30))) as sim, running(sim, "BTC-USDT") as venue:
        btc = venue.replicas["BTC-USDT"]
        await until(lambda: btc.is_live)
        sim.faults.drop_depth("BTCUSDT")
        await until(lambda: btc.book.epoch == 2)
        assert history(btc)[-3:] == [
            (State.STALE, Reason.GAP, 1),
            (State.SYNCING, Reason.GAP, 1),
            (State.LIVE, Reason.NONE, 2),
        ]


async def test_a_duplicated_frame_is_no_reason_to_trust_less_than_a_gap() -> None:
    async with live() as (sim, venue):
        sim.faults.duplicate_next("BTCUSDT")
        await until(lambda: venue.replicas["BTC-USDT"].gaps == 1)
        await until(lambda: all_live(venue))


async def test_a_refusing_exchange_is_tried_again_until_it_accepts() -> None:
    async with market() as sim:
        await sim.faults.refuse_connections()
        async with running(sim, *PAIRS) as venue:
            await until(lambda: venue.error is not None)
            assert venue.replicas["BTC-USDT"].book.state is State.EMPTY
            await sim.faults.accept_connections()
            await until(lambda: all_live(venue))
            assert venue.error is None


async def test_connections_closed_at_once_are_tried_again_with_back_off() -> None:
    async with live() as (sim, venue):
        sim.faults.close_after_accept(3)
        await sim.faults.close_connections()
        await until(lambda: venue.counters.reconnects >= 3)
        assert venue.connections[0].attempt >= 3
        await until(lambda: all_live(venue))
        assert history(venue.replicas["BTC-USDT"])[-1] == (State.LIVE, Reason.NONE, 2)


async def test_a_clean_close_backs_off_and_names_the_exchanges_words() -> None:
    async with live(retry_base_s=0.2, retry_cap_s=0.2) as (sim, venue):
        await sim.faults.close_connections(1001, "going away")
        await until(lambda: venue.connections[0].state == "waiting")
        assert "1001 'going away'" in str(venue.connections[0].error)
        assert venue.connections[0].attempt == 1
        assert history(venue.replicas["BTC-USDT"])[-1] == (State.STALE, Reason.DISCONNECTED, 1)


async def test_a_reset_connection_is_made_again() -> None:
    async with live() as (sim, venue):
        sim.faults.reset_connections()
        await until(lambda: venue.replicas["ETH-USDT"].book.epoch == 2)


async def test_silence_makes_books_stale_and_ends_the_connection() -> None:
    async with live(silence_s=0.3) as (sim, venue):
        sim.faults.go_silent()
        await until(lambda: (State.STALE, Reason.SILENT, 1) in history(venue.replicas["BTC-USDT"]))
        assert "no data for 0.3 s" in str(venue.connections[0].error)
        sim.faults.speak()
        await until(lambda: all_live(venue))


async def test_half_a_frame_is_silence() -> None:
    async with live(silence_s=0.3) as (sim, venue):
        await sim.faults.send_half_frame()
        await until(lambda: venue.replicas["BTC-USDT"].book.epoch == 2)
        assert (State.STALE, Reason.SILENT, 1) in history(venue.replicas["BTC-USDT"])


@pytest.mark.parametrize(
    ("rubbish", "words"),
    [
        (b"\xf3\xff\xff\xff rubbish", "not a frame that a server may send"),
        (b"\x81\x85\0\0\0\0hello", "not a frame that a server may send"),
        (b"\x81\x7f" + struct.pack(">Q", 1 << 30) + b"[", "a frame claims more than 16,000,000 bytes"),
        (b"\x80\x00", "a fragmented message is not continued"),
    ],
    ids=["reserved bits", "masked", "a claim of 1 GiB", "a continuation of nothing"],
)
async def test_rubbish_ends_the_connection_and_memory_stays(rubbish: bytes, words: str) -> None:
    async with live() as (sim, venue):
        before = resident_mb()
        await sim.faults.send_raw(rubbish)
        await until(lambda: venue.counters.reconnects == 1)
        assert words in str(venue.connections[0].error)
        await until(lambda: all_live(venue))
        assert venue.replicas["BTC-USDT"].book.epoch == 2
        assert resident_mb() - before < 32


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 100_000,
        b'{"e":' * 50_000,
        b'{"e":"depthUpdate"}',
        b'{"e":"depthUpdate","s":"\xff"}',
        b"",
        b"null",
        b'{"new":1}',
    ],
    ids=["deep array", "deep object", "half an event", "broken UTF-8", "empty", "null", "unknown"],
)
async def test_an_unreadable_frame_puts_books_in_doubt_until_the_next_update_follows(payload: bytes) -> None:
    async with live() as (sim, venue):
        await sim.faults.send_text(payload)
        await until(lambda: venue.counters.decode_errors == 1)
        for replica in venue.replicas.values():
            await until(lambda replica=replica: replica.is_live)
            assert history(replica)[-2:] == [(State.STALE, Reason.DECODE, 1), (State.LIVE, Reason.NONE, 1)]
        assert venue.counters.reconnects == 0


async def test_an_update_with_levels_that_are_no_numbers_resyncs_that_symbol() -> None:
    async with live() as (sim, venue):
        btc = venue.replicas["BTC-USDT"]
        # The update has to be the next in the chain to be believed at all: it is made from the next real one.
        sim.faults.tamper_next(
            lambda message: message.kind == "depth" and message.symbol == "BTCUSDT",
            lambda message: (structs.replace(message, data=_with_rubbish_levels(message.data)),),
            1,
        )
        await until(lambda: btc.book.epoch == 2)
        assert (State.STALE, Reason.DECODE, 1) in history(btc)


def _with_rubbish_levels(data: bytes) -> bytes:
    frame = json.loads(data)
    frame["b"] = [["NaN", "1e400"]]
    return json.dumps(frame).encode()


async def test_429_is_obeyed_for_as_long_as_it_says() -> None:
    async with live() as (sim, venue):
        btc = venue.replicas["BTC-USDT"]
        sim.faults.answer_next(too_many_requests(retry_after_s=1), path="/api/v3/depth")
        began = trio.current_time()
        requests = sim.counters.requests
        sim.faults.drop_depth("BTCUSDT")
        await until(lambda: btc.book.epoch == 2)
        assert trio.current_time() - began >= 1.0
        assert sim.counters.requests - requests == 2
        assert (State.STALE, Reason.SNAPSHOT, 1) in history(btc)


@pytest.mark.parametrize(
    "answer", [server_error(500), garbage(), garbage(b"{}"), garbage(b"[" * 100_000), huge(65 << 20)]
)
async def test_a_snapshot_that_is_none_is_asked_for_again(answer: object) -> None:
    async with live() as (sim, venue):
        btc = venue.replicas["BTC-USDT"]
        sim.faults.answer_next(answer, path="/api/v3/depth")
        sim.faults.drop_depth("BTCUSDT")
        await until(lambda: btc.book.epoch == 2, within_s=20)
        assert (State.STALE, Reason.SNAPSHOT, 1) in history(btc)
        assert venue.counters.reconnects == 0


async def test_snapshots_that_never_fit_end_in_a_new_connection() -> None:
    async with live() as (sim, venue):
        sim.faults.answer_next(*[server_error(500)] * 8, path="/api/v3/depth")
        sim.faults.drop_depth("BTCUSDT")
        await until(lambda: venue.counters.reconnects == 1, within_s=20)
        assert "snapshots in a row were of no use" in str(venue.connections[0].error)
        await until(lambda: all_live(venue), within_s=20)


async def test_a_symbol_that_is_not_listed_is_disabled_and_the_others_live() -> None:
    async with market() as sim, running(sim, "BTC-USDT", "NOSUCH-USDT", "ETH-USDT") as venue:
        await until(lambda: venue.replicas["BTC-USDT"].is_live and venue.replicas["ETH-USDT"].is_live)
        book = venue.replicas["NOSUCH-USDT"].book
        assert (book.state, book.reason) == (State.DISABLED, Reason.UNKNOWN_SYMBOL)


async def test_reconnect_ends_exactly_that_session() -> None:
    async with live() as (_, venue):
        venue.connections[0].reconnect()
        await until(lambda: venue.replicas["BTC-USDT"].book.epoch == 2)
        assert venue.connections[0].error == "reconnect was asked for"
