"""The methods that change something: what they do to one book, and that they do it to no other."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

import pytest
import trio
from daemons import Client, connected, daemon
from sources import venues

from flowrs.core import Arena
from flowrs.serve import Administration, Answers, Metrics, administration
from flowrs.sim import INSTRUMENTS, BinanceSpot, Market, Shape, open_venue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import flowrs.sim

SHAPE = Shape(levels=60, updates=12.0, trades=0.5, volatility=2e-6)


@pytest.fixture
async def sim() -> AsyncIterator[flowrs.sim.Venue[Any]]:
    async with open_venue(BinanceSpot(Market(INSTRUMENTS[:3], shape=SHAPE))) as opened:
        yield opened


async def live(client: Client, *symbols: str) -> dict[str, Any]:
    """Wait until exactly these books are kept and live; returns what status says of each."""

    def holds(status: dict[str, Any]) -> bool:
        return {book["symbol"]: book["state"] for book in status["list"]} == dict.fromkeys(symbols, "live")

    return {book["symbol"]: book for book in (await client.until("status", holds))["list"]}


async def code(client: Client, method: str, **params: Any) -> str:
    return (await client.ask(method, **params))["error"]["code"]


async def test_a_symbol_can_be_added_and_removed(sim: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with daemon(sim, tmp_path, "BTC-USDT") as (_, client):
        before = (await live(client, "BTC-USDT"))["BTC-USDT"]
        facts = await client.result("add", venue="binance", symbol="ETH-USDT")
        assert (facts["venue"], facts["symbol"], facts["state"]) == ("binance", "ETH-USDT", "empty")
        after = (await live(client, "BTC-USDT", "ETH-USDT"))["BTC-USDT"]
        assert await code(client, "add", venue="binance", symbol="ETH-USDT") == "already_kept"
        assert (await client.result("venues"))[0]["symbols"] == ["BTC-USDT", "ETH-USDT"]
        assert (await client.result("book", symbol="ETH-USDT"))["bids"]

        assert await client.result("remove", venue="binance", symbol="ETH-USDT") == {}
        assert await code(client, "book", symbol="ETH-USDT") == "unknown_symbol"
        assert await code(client, "remove", venue="binance", symbol="ETH-USDT") == "unknown_symbol"
        last = (await live(client, "BTC-USDT"))["BTC-USDT"]
        assert before["transitions"] == after["transitions"] == last["transitions"]
        (venue,) = (await client.result("status"))["venues"]
        assert [link["id"] for link in venue["connections"]] == ["binance/0"]
    assert f"add binance:ETH-USDT: asked for by uid {os.getuid()}, pid {os.getpid()}" in caplog.text


async def test_what_the_exchange_does_not_list_is_not_kept(sim: Any, tmp_path: Path) -> None:
    async with daemon(sim, tmp_path, "BTC-USDT") as (_, client):
        error = (await client.ask("add", venue="binance", symbol="NO-SUCH"))["error"]
        assert (error["code"], error["message"]) == ("unknown_symbol", "binance does not list NO-SUCH")
        await live(client, "BTC-USDT")


async def test_what_is_added_while_the_exchange_does_not_answer_is_kept_and_gets_live_later(
    sim: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(administration, "_LISTED_S", 0.05)
    async with daemon(sim, tmp_path, "BTC-USDT") as (_, client):
        await live(client, "BTC-USDT")
        sim.faults.hold_answers()
        assert (await client.result("add", venue="binance", symbol="ETH-USDT"))["state"] == "empty"
        assert (await client.result("status"))["venues"][0]["error"] is None
        sim.faults.release_answers()
        await live(client, "BTC-USDT", "ETH-USDT")


async def test_another_client_may_remove_what_is_being_added(sim: Any, tmp_path: Path) -> None:
    async with daemon(sim, tmp_path, "BTC-USDT") as (socket, client), connected(socket) as other:
        await live(client, "BTC-USDT")
        sim.faults.hold_answers()
        async with trio.open_nursery() as nursery:
            answers: list[Any] = []

            async def add() -> None:
                answers.append(await client.result("add", venue="binance", symbol="ETH-USDT"))

            nursery.start_soon(add)
            await other.until("status", lambda status: len(status["list"]) == 2)
            await other.result("remove", venue="binance", symbol="ETH-USDT")
        assert (answers[0]["state"], answers[0]["reason"]) == ("disabled", "requested")
        sim.faults.release_answers()
        await live(client, "BTC-USDT")


async def test_without_room_nothing_is_added(sim: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowrs.daemon.Arena", lambda: Arena(slots=1))
    async with daemon(sim, tmp_path, "BTC-USDT") as (_, client):
        assert await code(client, "add", venue="binance", symbol="ETH-USDT") == "too_many_books"
        await live(client, "BTC-USDT")


async def test_resync_gets_a_new_snapshot_of_one_book(sim: Any, tmp_path: Path) -> None:
    async with daemon(sim, tmp_path, "BTC-USDT", "ETH-USDT") as (_, client):
        before = await live(client, "BTC-USDT", "ETH-USDT")
        facts = await client.result("resync", venue="binance", symbol="ETH-USDT")
        assert (facts["symbol"], facts["state"], facts["reason"]) == ("ETH-USDT", "stale", "requested")
        after = await live(client, "BTC-USDT", "ETH-USDT")
        assert (after["ETH-USDT"]["epoch"], after["ETH-USDT"]["resyncs"]) == (2, 2)
        assert after["BTC-USDT"]["transitions"] == before["BTC-USDT"]["transitions"]


@pytest.mark.parametrize("params", [{}, {"connection": "binance/0"}], ids=["all of a venue", "one"])
async def test_reconnect_makes_connections_anew(sim: Any, tmp_path: Path, params: dict[str, str]) -> None:
    async with daemon(sim, tmp_path, "BTC-USDT") as (_, client):
        await live(client, "BTC-USDT")
        assert await client.result("reconnect", venue="binance", **params) == {"connections": ["binance/0"]}
        await client.until("metrics", lambda metrics: metrics["total"]["reconnects"] == 1)
        book = (await live(client, "BTC-USDT"))["BTC-USDT"]
        assert ("stale", "disconnected") in {(each["state"], each["reason"]) for each in book["transitions"]}
        assert sim.counters.websockets == 2


@pytest.mark.parametrize(
    ("method", "params", "expected", "named"),
    [
        ("reconnect", {"venue": "binanse"}, "unknown_venue", "there are binance"),
        ("reconnect", {"venue": "binance", "connection": "binance/7"}, "unknown_connection", "there are binance/0"),
        ("resync", {"venue": "binance", "symbol": "NO-SUCH"}, "unknown_symbol", "NO-SUCH"),
        ("resync", {"symbol": "BTC-USDT"}, "bad_params", "venue"),
        ("remove", {"symbol": "BTC-USDT"}, "bad_params", "venue"),
        ("add", {"venue": "kraken", "symbol": "BTC-USD"}, "unknown_venue", "there are binance"),
        ("add", {"venue": "binance", "symbol": "btc-usdt"}, "bad_params", "$.symbol"),
        ("add", {"venue": "binance", "symbol": "A" * 21 + "-USDT"}, "bad_params", "$.symbol"),
        ("add", {"venue": "binance", "symbol": "BTC-USDT", "depth": 5}, "bad_params", "depth"),
    ],
)
async def test_what_is_asked_for_wrongly_is_named(
    sim: Any, tmp_path: Path, method: str, params: dict[str, str], expected: str, named: str
) -> None:
    async with daemon(sim, tmp_path, "BTC-USDT") as (_, client):
        await live(client, "BTC-USDT")
        error = (await client.ask(method, **params))["error"]
        assert error["code"] == expected
        assert named in error["message"]
        await live(client, "BTC-USDT")


def test_all_of_it_is_for_the_operator_alone(tmp_path: Path) -> None:
    found = venues(binance=("BTC-USDT",))
    methods = Administration(found, Answers(found, Metrics(found), tmp_path)).methods
    assert list(methods) == ["reconnect", "resync", "remove", "add"]
    assert all(method.admin for method in methods.values())
