"""The clients against the daemon itself, on simulated exchanges."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest
from answers import compare
from restarts import RestartableDaemon

from flowrs.client import AsyncClient, Client, questions
from flowrs.errors import ControlError, NotLive, TooOld, UnknownName

if TYPE_CHECKING:
    from pathlib import Path

    from worlds import World


@pytest.fixture
def client(world: World) -> Any:
    with Client(world.socket) as connected:
        yield connected


# -- results

QUESTIONS = [
    questions.status(),
    questions.venues(),
    questions.metrics(),
    questions.book("BTC-USDT", "binance", 3, "live", None),
    questions.trades("BTC-USDT", "binance", 3),
    questions.consolidated("BTC-USDT", 3, "all", 60.0),
    questions.quote("BTC-USDT", "buy", "0.5", "base", None, {"binance": "0.1", "bybit": 0}, "all", None),
    questions.quote("BTC-USDT", "sell", Decimal(1000), "quote", "binance", None, "live", 60.0),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.method)
def test_results_have_exactly_the_fields_that_the_daemon_sends(client: Client, question: Any) -> None:
    sent = client.call(question.method, **question.params)
    compare(sent, msgspec.convert(sent, question.kind), question.method)


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_the_asynchronous_client_gets_the_same(world: World, backend: str) -> None:
    async def main() -> None:
        async with AsyncClient(world.socket) as client:
            for question in QUESTIONS:
                assert isinstance(await client.call(question.method, **question.params), dict | list)
            assert (await client.book("BTC-USDT", "binance")).is_live
            assert (await client.status()).pid == client.greeting.pid

    anyio.run(main, backend=backend)


def test_the_blocking_client_works_inside_a_running_loop_as_in_a_notebook(world: World) -> None:
    async def cell() -> None:
        with Client(world.socket) as client:
            assert client.book("BTC-USDT", "binance").is_live

    asyncio.run(cell())


def test_a_whole_book_is_exact(client: Client) -> None:
    book = client.book("BTC-USDT", "binance", depth=0)
    assert len(book.bids) > 1000
    assert book.levels.bids >= len(book.bids)
    prices = [level.price for level in book.bids]
    assert prices == sorted(set(prices), reverse=True)
    assert book.bid == book.bids[0]
    assert book.spread
    assert book.spread > 0


# -- errors


def test_each_error_says_what_to_do(client: Client) -> None:
    with pytest.raises(UnknownName, match=r"no book of 'BTC-EUR' is kept; status\(\) lists"):
        client.book("BTC-EUR")
    with pytest.raises(UnknownName, match="no venue 'kroken'; there are binance, bybit"):
        client.book("BTC-USDT", "kroken")
    with pytest.raises(ControlError, match=r"BTC-USDT is kept of binance, bybit.*; name the venue") as caught:
        client.book("BTC-USDT")
    assert caught.value.code == "ambiguous"
    assert caught.value.data["venues"] == ["binance", "bybit"]
    with pytest.raises(ControlError, match="depth"):
        client.book("BTC-USDT", "binance", depth=-1)
    with pytest.raises(UnknownName, match=r"no book of 'ETH-EUR' is kept at bybit; status\(\) lists"):
        client.book("ETH-EUR", "bybit")
    with pytest.raises(ControlError, match=r"no method 'moon'; there are status, .*; a daemon of another version may"):
        client.call("moon")


def test_a_book_that_is_not_live_is_refused_unless_any_will_do(world: World, tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:1"  # where no snapshot can be had
    books = {"binance": ["BTC-USDT"]}
    with RestartableDaemon(world, tmp_path, books, rest_url=nobody) as daemon, Client(daemon.socket) as client:
        with pytest.raises(NotLive, match=r"binance:BTC-USDT is \w+.*, not live; wait until it is live") as caught:
            client.book("BTC-USDT")
        assert caught.value.data["symbol"] == "BTC-USDT"
        assert client.book("BTC-USDT", require="any").state in ("empty", "syncing", "stale")


def test_no_age_is_young_enough_for_zero(client: Client) -> None:
    with pytest.raises(TooOld, match="binance:BTC-USDT had its last update"):
        client.book("BTC-USDT", "binance", max_age_s=0.0)


# -- administration


def test_books_come_and_go(world: World, client: Client) -> None:
    client.remove("DOT-USDT", "bybit")
    try:
        with pytest.raises(UnknownName):
            client.book("DOT-USDT", "bybit")
    finally:
        assert client.add("DOT-USDT", "bybit").id == "bybit:DOT-USDT"
        world.wait()
    with pytest.raises(ControlError, match="already") as caught:
        client.add("DOT-USDT", "bybit")
    assert caught.value.code == "already_kept"


def test_a_book_is_not_live_while_it_is_synchronised_anew(world: World, client: Client) -> None:
    before = client.book("ADA-USDT", "bybit")
    assert not client.resync("ADA-USDT", "bybit").is_live
    world.wait()
    assert client.book("ADA-USDT", "bybit").epoch > before.epoch


def test_connections_are_made_anew_by_name(world: World, client: Client) -> None:
    (name,) = client.reconnect("coinbase", "coinbase/0")
    assert name == "coinbase/0"
    world.wait()
