"""The commands that change a daemon: a real one, on simulated exchanges."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from flowrs.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result
    from conftest import Flowrs
    from fake_daemon import FakeDaemon
    from worlds import World


@pytest.fixture
def told(flowrs: Flowrs, world: World) -> Iterator[Callable[..., Result]]:
    """Run a command on the world's daemon, whose books are all live before and after the test."""
    world.wait()
    yield lambda *words: flowrs(*words, "--socket", str(world.socket))
    world.wait()


@pytest.fixture
def status(world: World) -> Callable[[], dict[str, Any]]:
    """Each book of the world's daemon by its full name."""

    def ask() -> dict[str, Any]:
        with Client(world.socket) as client:
            return {f"{book['venue']}:{book['symbol']}": book for book in client.call("status")["list"]}

    return ask


def test_resync_waits_until_the_new_snapshot_is_live(told: Callable[..., Result], status: Callable[[], Any]) -> None:
    before = status()
    result = told("resync", "kraken:sol-usd")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("kraken:SOL-USD  live  by checksum  age ")
    after = status()
    assert after["kraken:SOL-USD"]["epoch"] == before["kraken:SOL-USD"]["epoch"] + 1
    del before["kraken:SOL-USD"]
    assert all(after[name]["transitions"] == book["transitions"] for name, book in before.items())


def test_a_symbol_that_is_removed_is_unknown_until_it_is_added(
    told: Callable[..., Result], status: Callable[[], Any]
) -> None:
    result = told("remove", "SOL-USDT", "--venue", "bybit")
    assert (result.exit_code, result.stdout) == (0, "bybit:SOL-USDT is followed no longer\n")
    assert "bybit:SOL-USDT" not in status()
    assert told("remove", "bybit:SOL-USDT").exit_code == 5
    result = told("add", "bybit:SOL-USDT", "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert (facts["venue"], facts["symbol"], facts["state"]) == ("bybit", "SOL-USDT", "live")
    assert "bids" not in facts
    assert told("add", "bybit:SOL-USDT").stderr == "flowrs: bybit:SOL-USDT is kept already.\n"


def test_what_the_exchange_does_not_list_is_unknown(told: Callable[..., Result]) -> None:
    result = told("add", "binance:NO-SUCH")
    assert (result.exit_code, result.stdout) == (5, "")
    assert result.stderr.startswith("flowrs: binance does not list NO-SUCH.")


def test_reconnect_names_what_it_makes_anew(told: Callable[..., Result]) -> None:
    assert told("reconnect", "coinbase/2").stdout == "made anew: coinbase/2\n"
    assert told("reconnect", "kraken", "--json").stdout == '{"connections":["kraken/0"]}\n'
    result = told("reconnect", "coinbase/77")
    assert result.exit_code == 5
    assert '"flowrs status" lists the connections.' in result.stderr


@pytest.mark.parametrize("method", ["add", "remove", "resync"])
def test_what_changes_something_has_to_name_the_exchange(flowrs: Flowrs, method: str) -> None:
    result = flowrs(method, "BTC-USDT")
    assert result.exit_code == 2
    assert "Name the exchange of BTC-USDT, such as binance:BTC-USDT." in result.stderr


STALE = {"venue": "binance", "symbol": "BTC-USDT", "state": "stale", "reason": "snapshot", "verified": None}
STALE |= {"epoch": 1, "seq": 7, "age_ms": None}


def test_a_book_that_is_not_live_in_time_is_told_with_code_4(flowrs: Flowrs, daemon: FakeDaemon) -> None:
    daemon.answer("resync", {"result": STALE})
    daemon.answer("book", {"result": {**STALE, "bids": [], "asks": [], "window": {}, "levels": {}}})
    result = flowrs("resync", "binance:BTC-USDT", "--wait", "0.1")
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr == (
        "flowrs: binance:BTC-USDT is stale (snapshot) after 100.0 ms. The daemon goes on trying;"
        ' "flowrs status" says how it stands.\n'
    )


def test_without_waiting_the_state_is_shown_as_it_is(flowrs: Flowrs, daemon: FakeDaemon) -> None:
    daemon.answer("resync", {"result": STALE})
    result = flowrs("resync", "binance:BTC-USDT", "--wait", "0")
    assert (result.exit_code, result.stdout) == (0, "binance:BTC-USDT  stale  (snapshot)  seq 1:7\n")
    assert [request["method"] for request in daemon.seen] == ["resync"]
