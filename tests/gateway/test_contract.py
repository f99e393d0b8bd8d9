"""The WebSocket's contract, field by field, by a client that shares no code with flowrs."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from browsers import BINARY, PING, PONG, Browser

OPTIONAL = type(None)
NAMES = {"exchange": str, "venue": str, "symbol": str, "instrument": str}
STANDING = {
    **NAMES,
    "state": str,
    "reason": (str, OPTIONAL),
    "age_ms": (int, float, OPTIONAL),
    "epoch": int,
    "seq": int,
}
NUMBER = (int, float)
MEASURE = (int, float, OPTIONAL)
BOOK = {**STANDING, "bids": list, "asks": list, "spread": (str, OPTIONAL), "spread_percent": MEASURE}
STATUS = {**STANDING, "verified": (str, OPTIONAL), "bid": (str, OPTIONAL), "ask": (str, OPTIONAL)}
TRADE = {
    **NAMES,
    "price": str,
    "quantity": str,
    "side": str,
    "timestamp": int,
    "id": (int, str, OPTIONAL),
    "replay": bool,
}
METRICS = {
    "messages_per_second": NUMBER,
    "bytes_per_second": NUMBER,
    "latency_avg_us": MEASURE,
    "latency_p50_us": MEASURE,
    "latency_p95_us": MEASURE,
    "latency_p99_us": MEASURE,
    "total_messages": int,
    "uptime_seconds": NUMBER,
    "memory_used_mb": NUMBER,
    "memory_rss_mb": NUMBER,
    "cpu_usage_percent": NUMBER,
    "active_connections": int,
    "websocket_reconnects": int,
    "bytes_received": int,
    "books": int,
    "live_books": int,
    "clients": int,
    "browsers": int,
    "venues": list,
}
VENUE = {
    "exchange": str,
    "venue": str,
    "messages_per_second": NUMBER,
    "reconnects": int,
    "latency_p50_us": MEASURE,
    "latency_p99_us": MEASURE,
}
DECIMAL = re.compile(r"-?\d+(\.\d+)?")
EXCHANGES = {"binance": "Binance", "bybit": "Bybit", "kraken": "Kraken", "coinbase": "Coinbase"}


def check(told: Any, fields: dict[str, Any]) -> None:
    assert list(told) == list(fields)
    for name, kind in fields.items():
        assert isinstance(told[name], kind), f"{name}: {told[name]!r}"
        assert isinstance(told[name], bool) == (kind is bool), name


def check_book(book: dict[str, Any]) -> None:
    check(book, BOOK)
    assert book["exchange"] == EXCHANGES[book["venue"]]
    assert book["symbol"] == book["instrument"].replace("-", "")
    for side in (book["bids"], book["asks"]):
        for level in side:
            assert list(level) == ["price", "quantity"]
            assert DECIMAL.fullmatch(level["price"])
            assert Decimal(level["quantity"]) > 0
    bids, asks = ([Decimal(level["price"]) for level in book[side]] for side in ("bids", "asks"))
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert Decimal(book["spread"]) == asks[0] - bids[0]
    middle = (asks[0] + bids[0]) / 2
    assert book["spread_percent"] == pytest.approx(float((asks[0] - bids[0]) / middle * 100), abs=1e-8)


def test_first_come_the_symbols_then_the_status_then_every_book_once(browser: Browser) -> None:
    symbols = browser.read()
    assert symbols["type"] == "symbol_list"
    assert len(symbols["data"]) == len(set(symbols["data"])) == 18
    assert {"BTCUSDT", "LINKUSD"} <= set(symbols["data"])
    status = browser.read()
    assert status["type"] == "status"
    assert len(status["data"]) == 36
    for row in status["data"]:
        check(row, STATUS)
        assert (row["state"], row["reason"]) == ("live", None)
        assert row["verified"] == ("checksum" if row["venue"] == "kraken" else "sequence")
        assert Decimal(row["bid"]) < Decimal(row["ask"])
    books = [browser.read() for _ in range(36)]
    assert {book["type"] for book in books} == {"book_update"}
    names = [(row["venue"], row["instrument"]) for row in status["data"]]
    assert [(book["data"]["venue"], book["data"]["instrument"]) for book in books] == names
    for book in books:
        check_book(book["data"])
        assert len(book["data"]["bids"]) == (10 if book["data"]["venue"] == "kraken" else 20)
    daemon = browser.read()
    assert daemon["type"] == "gateway"
    assert daemon["data"]["daemon"] == "up"
    assert list(daemon["data"]) == ["daemon", "message", "version"]


def test_then_come_changed_books_trades_metrics_and_the_status_as_they_are(browser: Browser) -> None:
    browser.next("gateway")  # which comes after the books
    kinds: Counter[str] = Counter()
    seen: dict[Any, tuple[int, int]] = {}
    began = time.monotonic()
    while (lasted := time.monotonic() - began) < 3:
        message = browser.read()
        kinds[message["type"]] += 1
        data = message["data"]
        match message["type"]:
            case "book_update":
                check_book(data)
                name, position = (data["venue"], data["instrument"]), (data["epoch"], data["seq"])
                assert position >= seen.get(name, position)
                seen[name] = position
                assert data["age_ms"] < 10_000
                kinds[f"{data['venue']} {data['instrument']}"] += 1
            case "trade":
                check(data, TRADE)
                assert data["side"] in ("buy", "sell")
                assert DECIMAL.fullmatch(data["price"])
                assert DECIMAL.fullmatch(data["quantity"])
                assert abs(data["timestamp"] / 1000 - time.time()) < 60
                assert data["replay"] is False
            case "metrics":
                check(data, METRICS)
                assert data["books"] == data["live_books"] == 36
                assert data["latency_p50_us"] <= data["latency_p99_us"]
                assert data["active_connections"] >= 4
                for venue in data["venues"]:
                    check(venue, VENUE)
                assert [venue["exchange"] for venue in data["venues"]] == list(EXCHANGES.values())
            case "status":
                assert len(data) == 36
            case kind:
                pytest.fail(f"{kind} was not expected")
    assert {"book_update", "trade", "metrics", "status"} <= set(kinds)
    assert 1 <= kinds["metrics"] <= lasted + 2
    assert kinds["binance BTC-USDT"] <= lasted / 0.2 + 2


def test_a_selected_symbol_comes_alone_at_its_depth_and_with_its_last_trades(browser: Browser) -> None:
    browser.say({"type": "select", "data": {"symbol": "BTCUSDT", "depth": 50}})
    browser.until(lambda message: message["type"] == "book_update" and len(message["data"]["bids"]) == 50)
    books: dict[str, Any] = {}
    replayed: dict[str, list[int]] = {}
    while len(books) < 2 or len(replayed) < 2:
        message = browser.read()
        data = message["data"]
        if message["type"] in ("book_update", "trade"):
            assert data["symbol"] == "BTCUSDT"
        if message["type"] == "book_update":
            books[data["exchange"]] = data
        elif message["type"] == "trade" and data["replay"]:
            check(data, TRADE)
            replayed.setdefault(data["exchange"], []).append(data["timestamp"])
        elif message["type"] == "status":
            assert len(data) == 36
    assert set(books) == set(replayed) == {"Binance", "Bybit"}
    for book in books.values():
        check_book(book)
        assert len(book["bids"]) == len(book["asks"]) == 50
    assert sum(map(len, replayed.values())) <= 50
    for times in replayed.values():
        assert times == sorted(times)


def test_all_symbols_come_again_at_the_usual_depth_when_none_is_selected(browser: Browser) -> None:
    browser.say({"type": "select", "data": {"symbol": "BTCUSD"}})
    browser.until(lambda message: message["type"] == "trade" and message["data"]["replay"])
    browser.say({"type": "select", "data": None})
    book = browser.until(lambda message: message["type"] == "book_update" and message["data"]["symbol"] == "ETHUSDT")
    assert len(book["data"]["bids"]) == 20


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        "[" * 60_000,
        '{"type":"select"}',
        '{"type":"select","data":{}}',
        '{"type":"select","data":{"symbol":"BTCUSDT","depth":0}}',
        '{"type":"select","data":{"symbol":"BTCUSDT","depth":51}}',
        '{"type":"select","data":{"symbol":"BTCUSDT","depth":"1"}}',
        '{"type":"select","data":{"symbol":"BTCUSDT","more":1}}',
        '{"type":"select","data":{"symbol":"NIX"}}',
        '{"type":"select","data":{"symbol":7}}',
        '{"type":"reconnect","data":{"venue":"binance"}}',
    ],
)
def test_anything_else_is_answered_by_an_error_and_the_connection_stays(browser: Browser, text: str) -> None:
    browser.send(text.encode())
    error = browser.next("error")
    assert list(error) == ["message"]
    assert error["message"]
    browser.say({"type": "select", "data": {"symbol": "ETHUSDT", "depth": 1}})
    browser.until(lambda message: message["type"] == "book_update" and len(message["data"]["bids"]) == 1)


def test_a_binary_message_is_an_error_too(browser: Browser) -> None:
    browser.send(json.dumps({"type": "select", "data": None}).encode(), BINARY)
    assert browser.next("error")


def test_a_message_in_fragments_is_one_message(browser: Browser) -> None:
    text = json.dumps({"type": "select", "data": {"symbol": "ETHUSDT", "depth": 2}}).encode()
    browser.send(text[:10], fin=False)
    browser.send(b"", PING)
    browser.send(text[10:20], 0, fin=False)
    browser.send(text[20:], 0)
    browser.until(lambda message: message["type"] == "book_update" and len(message["data"]["bids"]) == 2)


def test_a_ping_is_answered(browser: Browser) -> None:
    browser.send(b"are you there", PING)
    while (frame := browser.frame())[0] != PONG:
        pass
    assert frame[1] == b"are you there"
