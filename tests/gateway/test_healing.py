"""Daemons come and go; what the gateway says of books is never more than it knows."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from browsers import Browser, Closed, request
from gateways import Gateway
from restarts import RestartableDaemon

from flowrs.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worlds import World

BOOKS = {"binance": ["BTC-USDT", "ETH-USDT"], "bybit": ["BTC-USDT"], "kraken": ["BTC-USD"]}


@pytest.fixture
def daemon(world: World, tmp_path: Path) -> Iterator[RestartableDaemon]:
    with RestartableDaemon(world, tmp_path, BOOKS) as running:
        running.wait_live()
        yield running


def states(rows: list[dict[str, Any]]) -> set[tuple[str, str | None]]:
    return {(row["state"], row["reason"]) for row in rows}


def all_live(message: dict[str, Any]) -> bool:
    return message["type"] == "status" and states(message["data"]) == {("live", None)} and len(message["data"]) == 4


def test_no_book_is_live_at_once_when_the_daemon_dies_and_all_are_again_when_it_is_back(
    daemon: RestartableDaemon,
) -> None:
    with Gateway(daemon.socket) as gateway, Browser(gateway.port) as browser:
        browser.until(all_live)
        daemon.kill()
        killed = time.monotonic()
        down = browser.until(lambda message: message["type"] == "gateway" and message["data"]["daemon"] == "down")
        assert time.monotonic() - killed < 1
        assert down["data"]["message"]
        books: dict[Any, dict[str, Any]] = {}
        while len(books) < 4:
            message = browser.read()
            if message["type"] == "book_update":
                book = message["data"]
                assert (book["state"], book["reason"]) == ("stale", "disconnected")
                assert book["bids"]
                books[book["venue"], book["instrument"]] = book
        rows = browser.until(lambda message: message["type"] == "status")["data"]
        assert states(rows) == {("stale", "disconnected")}
        assert {row["verified"] for row in rows} == {None}
        assert request(gateway.port, "/healthz")[0] == 503
        with Browser(gateway.port) as late:
            assert states(late.next("status")) == {("stale", "disconnected")}
            assert late.next("gateway")["daemon"] == "down"
        daemon.start()
        browser.until(lambda message: message["type"] == "gateway" and message["data"]["daemon"] == "up")
        browser.until(all_live)
        browser.until(lambda message: message["type"] == "book_update" and message["data"]["state"] == "live")


def test_a_daemon_that_hangs_is_taken_for_gone(daemon: RestartableDaemon) -> None:
    with Gateway(daemon.socket) as gateway, Browser(gateway.port) as browser:
        browser.until(all_live)
        daemon.stop()
        try:
            browser.until(lambda message: message["type"] == "gateway" and message["data"]["daemon"] == "down", 10)
        finally:
            daemon.go_on()
        browser.until(all_live)


def test_the_gateway_waits_for_a_daemon_that_is_not_there_yet(daemon: RestartableDaemon) -> None:
    daemon.kill()
    with Gateway(daemon.socket) as gateway, Browser(gateway.port) as browser:
        assert browser.next("symbol_list") == []
        told = browser.next("gateway")
        assert told["daemon"] == "down"
        assert request(gateway.port, "/healthz")[0] == 503
        browser.say({"type": "select", "data": {"symbol": "BTCUSDT", "depth": 5}})
        daemon.start()
        assert browser.next("symbol_list") == ["BTCUSDT", "ETHUSDT", "BTCUSD"]
        book = browser.until(lambda message: message["type"] == "book_update" and message["data"]["state"] == "live")
        assert book["data"]["symbol"] == "BTCUSDT"
        assert len(book["data"]["bids"]) == 5


def test_a_venue_that_goes_is_told_within_a_second_and_each_of_its_books_once(world: World, tmp_path: Path) -> None:
    """An exchange of its own, which can be ended."""
    words = [sys.executable, "-m", "flowrs", "sim", "--port", "0", "--venue", "bybit", "--symbol", "BTC-USDT"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as exchange:  # noqa: S603 - our own command
        assert exchange.stdout
        url = re.search(r'url = "(\S+)"', "".join(exchange.stdout.readline() for _ in range(2)))
        assert url
        with (
            RestartableDaemon(world, tmp_path, {"bybit": ["BTC-USDT"]}, url=url[1]) as daemon,
            Gateway(daemon.socket) as gateway,
        ):
            daemon.wait_live()
            gateway.wait_up()
            with Browser(gateway.port) as browser:
                browser.next("metrics")
                exchange.kill()
                killed = time.monotonic()
                books, rows = [], []
                while time.monotonic() - killed < 2.5:
                    message = browser.read()
                    if message["type"] == "book_update" and message["data"]["state"] != "live":
                        books.append((time.monotonic() - killed, message["data"]))
                    elif message["type"] == "status" and message["data"][0]["state"] != "live":
                        rows.append((time.monotonic() - killed, message["data"][0]))
    (after_s, book), *more = books
    assert not [each["state"] for _, each in more if each["state"] == book["state"]]
    assert after_s < 1
    assert (book["state"], book["reason"], len(book["bids"])) == ("stale", "disconnected", 20)
    assert rows[0][0] < 1
    assert (rows[0][1]["state"], rows[0][1]["verified"]) == ("stale", None)
    assert rows[-1][1]["age_ms"] > rows[0][1]["age_ms"] + 1000


def test_a_new_epoch_of_a_book_is_told(daemon: RestartableDaemon) -> None:
    with Gateway(daemon.socket) as gateway, Browser(gateway.port) as browser, Client(daemon.socket) as client:
        browser.until(all_live)
        before = client.book("BTC-USDT", "bybit").epoch
        client.resync("BTC-USDT", "bybit")

        def has_it(message: dict[str, Any]) -> bool:
            data = message["data"]
            return message["type"] == "book_update" and data["venue"] == "bybit" and data["epoch"] > before

        assert browser.until(has_it)["data"]["state"] == "live"


def test_books_come_and_go(daemon: RestartableDaemon) -> None:
    with Gateway(daemon.socket) as gateway, Browser(gateway.port) as browser, Client(daemon.socket) as client:
        browser.until(all_live)
        client.add("SOL-USDT", "binance")
        assert browser.next("symbol_list") == ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BTCUSD"]
        browser.until(lambda message: message["type"] == "book_update" and message["data"]["symbol"] == "SOLUSDT")
        client.remove("SOL-USDT", "binance")
        assert browser.next("symbol_list") == ["BTCUSDT", "ETHUSDT", "BTCUSD"]
        assert len(browser.next("status")) == 4


def test_a_book_that_the_exchange_does_not_list_is_disabled_and_the_others_are_followed(
    world: World, tmp_path: Path
) -> None:
    def is_told(message: dict[str, Any]) -> bool:
        return message["type"] == "status" and [row["state"] for row in message["data"]] == ["live", "disabled"]

    books = {"binance": ["BTC-USDT", "NONE-USDT"]}
    with (
        RestartableDaemon(world, tmp_path, books) as daemon,
        Gateway(daemon.socket) as gateway,
        Browser(gateway.port) as browser,
    ):
        browser.until(is_told)
        for _ in range(2):
            message = browser.until(lambda message: message["type"] in ("metrics", "gateway", "symbol_list"))
            assert message["type"] == "metrics", "it begins again and again"


def test_books_of_a_group_have_its_name_from_when_the_daemon_groups_them(daemon: RestartableDaemon) -> None:
    with Gateway(daemon.socket) as gateway, Browser(gateway.port) as browser:
        browser.until(all_live)
        daemon.configure('[groups]\nequivalents = [["USDT", "USD"]]')
        assert browser.next("symbol_list") == ["BTCUSDT", "ETHUSDT"]
        rows = browser.until(all_live)["data"]
        names = [(row["exchange"], row["symbol"], row["instrument"]) for row in rows]
        assert names[-1] == ("Kraken", "BTCUSDT", "BTC-USD")
        browser.say({"type": "select", "data": {"symbol": "BTCUSDT", "depth": 10}})
        seen: set[str] = set()
        while len(seen) < 3:
            message = browser.read()
            if message["type"] in ("book_update", "trade") and message["data"]["symbol"] == "BTCUSDT":
                seen.add(message["data"]["exchange"])


def test_a_gateway_that_is_stopped_says_goodbye_and_comes_back_at_its_port(daemon: RestartableDaemon) -> None:
    with Gateway(daemon.socket) as gateway:
        gateway.wait_up()
        with Browser(gateway.port) as browser:
            browser.next("status")
            assert gateway.stop() == 0
            with pytest.raises(Closed) as closed:
                browser.until(lambda _: False)
            assert closed.value.code == 1001
        with Gateway(daemon.socket, port=gateway.port) as again, Browser(again.port) as browser:
            browser.until(all_live)
