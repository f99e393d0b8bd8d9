"""The methods of the control protocol: the shape of each answer, and a named error for each wrong request."""

# ruff: noqa: ARG001 - pytest-trio sees the clock only as an argument

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from msgspec import Raw
from sources import SCRATCH, TIME_MS, FakeVenue, TradeEvent, venues

from flowrs import __version__
from flowrs.core import Book, Reason, State
from flowrs.serve import Answers, Client, Method, Metrics, Table
from flowrs.serve.methods import NoParams, Peer
from flowrs.serve.protocol import RequestError

SOCKET = Path("/run/test.sock")
OURSELVES = Client(Peer(os.getpid(), os.getuid()))
FACTS = {
    *(
        "venue",
        "symbol",
        "state",
        "reason",
        "verified",
        "epoch",
        "seq",
        "age_ms",
        "exchange_ns",
        "recv_ns",
        "publish_ns",
    ),
}


class Asked:
    """Answers, asked without a socket; what comes is what a client would decode."""

    def __init__(self, *found: FakeVenue) -> None:
        self.venues = {each.name: each for each in found or [FakeVenue("binance", "BTC-USDT", "ETH-USDT")]}
        self.answer_for(self.venues)

    def answer_for(self, venues: dict[str, FakeVenue]) -> None:
        self.table = Table(Answers(venues, Metrics(venues), SOCKET).methods)

    def result(self, method: str, **params: Any) -> Any:
        return json.loads(msgspec.json.encode(self.table.answer(method, Raw(json.dumps(params).encode()), OURSELVES)))

    def error(self, method: str, params: bytes | None = None, **words: Any) -> RequestError:
        with pytest.raises(RequestError) as error:
            self.table.answer(method, Raw(json.dumps(words).encode() if params is None else params), OURSELVES)
        return error.value


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def replica(asked: Asked) -> Any:
    return asked.venues["binance"].replicas["BTC-USDT"]


def test_a_book_says_what_it_is_worth_and_shows_exact_decimals(asked: Asked) -> None:
    book = asked.result("book", symbol="BTC-USDT", venue="binance")
    assert set(book) == FACTS | {"bids", "asks", "levels", "window"}
    assert (book["venue"], book["symbol"]) == ("binance", "BTC-USDT")
    assert (book["state"], book["reason"], book["verified"]) == ("live", None, "sequence")
    assert (book["epoch"], book["seq"], book["exchange_ns"]) == (1, 7, TIME_MS * 1_000_000)
    assert book["recv_ns"] <= book["publish_ns"]
    assert 0 <= book["age_ms"] < 60_000
    assert book["bids"] == [["99.50", "1.000"], ["99.00", "2.250"], ["98.00", "3.000"]]
    assert book["asks"] == [["100.00", "0.500"]]
    assert book["levels"] == {"bids": 3, "asks": 1}
    assert book["window"] == {"low": None, "high": None}


def test_a_book_is_refused_if_its_last_update_is_older_than_allowed(asked: Asked, replica: Any) -> None:
    assert asked.result("book", symbol="BTC-USDT", max_age_ms=60_000)["bids"]
    error = asked.error("book", symbol="BTC-USDT", max_age_ms=0)
    assert error.code == "too_old"
    assert "binance:BTC-USDT had its last update " in error.message
    assert error.data is not None
    assert set(error.data) == FACTS
    replica.mark(State.STALE, Reason.GAP)
    assert asked.error("book", symbol="BTC-USDT", max_age_ms=0).code == "not_live"
    assert asked.error("book", symbol="BTC-USDT", max_age_ms=0, allow_stale=True).code == "too_old"


def test_after_the_clock_was_set_back_a_book_is_too_old_for_any_age(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour_ago_ns = time.time_ns() - 3600 * 10**9
    monkeypatch.setattr("flowrs.serve.facts.time.time_ns", lambda: hour_ago_ns)
    assert asked.result("book", symbol="BTC-USDT")["age_ms"] < 0
    error = asked.error("book", symbol="BTC-USDT", max_age_ms=1e9)
    assert (error.code, "before the clock went back by at least 3" in error.message) == ("too_old", True)


def test_a_book_without_an_update_is_too_old_for_any_age() -> None:
    asked = Asked()
    book = Book("binance:BTC-USDT", 2, 3, scratch=SCRATCH)
    asked.venues["binance"].replicas["BTC-USDT"].book = book
    error = asked.error("book", symbol="BTC-USDT", max_age_ms=1e9, allow_stale=True)
    assert (error.code, "has had no update" in error.message) == ("too_old", True)


@pytest.mark.parametrize(("depth", "levels"), [(0, 3), (1, 1), (2, 2), (3, 3), (1_000_000, 3)])
def test_depth_is_the_number_of_levels_and_0_all_of_them(asked: Asked, depth: int, levels: int) -> None:
    assert len(asked.result("book", symbol="BTC-USDT", depth=depth)["bids"]) == levels


def test_levels_outside_the_window_are_counted_but_not_shown() -> None:
    asked = Asked(FakeVenue("binance", "BTC-USDT", snapshot_levels=3))
    asked.venues["binance"].replicas["BTC-USDT"].book.apply(0, b'[["97","9"]]', b"[]", 8, 0)
    book = asked.result("book", symbol="BTC-USDT", depth=0)
    assert book["window"] == {"low": "98.00", "high": None}
    assert [price for price, _ in book["bids"]] == ["99.50", "99.00", "98.00"]
    assert book["levels"] == {"bids": 4, "asks": 1}


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        (State.STALE, Reason.GAP, "binance:BTC-USDT is stale (gap), not live"),
        (State.SYNCING, Reason.DISCONNECTED, "is syncing (disconnected), not live"),
        (State.EMPTY, Reason.NONE, "is empty, not live"),
        (State.DISABLED, Reason.UNKNOWN_SYMBOL, "is disabled (unknown_symbol), not live"),
    ],
)
def test_a_book_that_is_not_live_is_refused_with_state_and_reason(
    asked: Asked, replica: Any, state: State, reason: Reason, words: str
) -> None:
    replica.mark(state, reason)
    error = asked.error("book", symbol="BTC-USDT")
    assert error.code == "not_live"
    assert words in error.message
    assert "allow_stale" in error.message
    assert set(error.data) == FACTS
    assert error.data["state"] == state.name.lower()
    assert error.data["reason"] == (reason.name.lower() if reason else None)
    assert error.data["verified"] is None
    assert (error.data["epoch"], error.data["seq"]) == (1, 7)


def test_allow_stale_shows_the_old_book_and_says_that_it_is(asked: Asked, replica: Any) -> None:
    replica.mark(State.STALE, Reason.DISCONNECTED)
    book = asked.result("book", symbol="BTC-USDT", allow_stale=True)
    assert (book["state"], book["reason"], book["verified"]) == ("stale", "disconnected", None)
    assert book["bids"][0] == ["99.50", "1.000"]


def test_trades_are_the_newest_oldest_first(asked: Asked) -> None:
    kept = asked.venues["binance"].trades["BTC-USDT"]
    kept.extend((TradeEvent("100.10", "0.020", number, TIME_MS + number, "buy"), 1000 + number) for number in range(60))
    found = asked.result("trades", symbol="BTC-USDT", limit=2)
    assert found == {
        "venue": "binance",
        "symbol": "BTC-USDT",
        "trades": [
            {
                "price": "100.10",
                "quantity": "0.020",
                "side": "buy",
                "id": number,
                "exchange_ns": (TIME_MS + number) * 1_000_000,
                "recv_ns": 1000 + number,
            }
            for number in (58, 59)
        ],
    }
    assert len(asked.result("trades", symbol="BTC-USDT")["trades"]) == 50
    assert asked.result("trades", symbol="ETH-USDT")["trades"] == []


def test_a_trade_of_an_impossible_time_or_id_can_be_answered(asked: Asked) -> None:
    """What an exchange sends must not end the daemon when somebody asks for it."""
    asked.venues["binance"].trades["BTC-USDT"].append((TradeEvent("1", "1", 10**30, 10**30, "buy"), 1))
    (trade,) = asked.result("trades", symbol="BTC-USDT")["trades"]
    assert (trade["id"], trade["exchange_ns"]) == (None, None)


def test_venues_say_where_they_connect(asked: Asked) -> None:
    assert asked.result("venues") == [
        {
            "venue": "binance",
            "name": "Binance",
            "plugin": "tests",
            "url": "wss://binance.test/ws",
            "rest_url": "https://binance.test",
            "symbols": ["BTC-USDT", "ETH-USDT"],
            "groups": {"BTC-USDT": "BTC-USDT", "ETH-USDT": "ETH-USDT"},
            "budgets": {"weight": {"left": 5, "count": 10, "per_s": 60.0}},
        }
    ]


async def test_status_says_of_each_book_and_connection_how_it_is(autojump_clock: object) -> None:
    asked = Asked()
    venue = asked.venues["binance"]
    venue.replicas["ETH-USDT"].mark(State.STALE, Reason.GAP)
    now = trio.current_time()
    venue.connections[0].since = now - 5
    vars(venue.connections[0]).update(state="waiting", attempt=3, error="refused", retry_at=now + 2.5)
    status = asked.result("status")
    assert {key: status[key] for key in ("version", "protocol", "pid", "socket", "books")} == {
        "version": __version__,
        "protocol": 1,
        "pid": os.getpid(),
        "socket": str(SOCKET),
        "books": {"total": 2, "live": 1},
    }
    assert status["uptime_s"] >= 0
    assert status["venues"] == [
        {
            "venue": "binance",
            "name": "Binance",
            "error": None,
            "plugin": {"module": "tests", "errors": 0, "error": None, "blocked": 0, "longest_ms": 0.0}
            | {"held_mb": 0.0},
            "connections": [
                {
                    "id": "binance/0",
                    "state": "waiting",
                    "since_s": 5.0,
                    "attempt": 3,
                    "error": "refused",
                    "retry_in_s": 2.5,
                    "symbols": ["BTC-USDT", "ETH-USDT"],
                }
            ],
        }
    ]
    row = status["list"][0]
    assert set(row) == FACTS | {"bid", "ask", "levels", "resyncs", "gaps", "transitions"}
    assert (row["bid"], row["ask"], row["levels"]) == ("99.50", "100.00", {"bids": 3, "asks": 1})
    assert row["transitions"] == [{"time_ns": 5, "state": "live", "reason": "none", "epoch": 1}]
    assert (status["list"][1]["state"], status["list"][1]["reason"]) == ("stale", "gap")


async def test_a_wait_that_is_over_is_not_told_as_negative(autojump_clock: object) -> None:
    asked = Asked()
    asked.venues["binance"].connections[0].retry_at = trio.current_time() - 1
    (venue,) = asked.result("status")["venues"]
    assert venue["connections"][0]["retry_in_s"] == 0


def test_without_venues_all_is_empty_and_nothing_fails() -> None:
    asked = Asked()
    asked.answer_for({})
    assert asked.result("venues") == []
    assert asked.result("status")["books"] == {"total": 0, "live": 0}
    assert asked.result("metrics")["total"]["latency_us"]["samples"] == 0


def test_a_symbol_of_one_venue_needs_no_venue_and_one_of_two_names_both() -> None:
    asked = Asked(*venues(binance=("BTC-USDT", "ADA-USDT"), bybit=("BTC-USDT",)).values())
    assert asked.result("book", symbol="ADA-USDT")["venue"] == "binance"
    assert asked.result("book", symbol="BTC-USDT", venue="bybit")["venue"] == "bybit"
    for method in ("book", "trades"):
        error = asked.error(method, symbol="BTC-USDT")
        assert (error.code, error.data) == ("ambiguous", {"venues": ["binance", "bybit"]})
    error = asked.error("book", symbol="ADA-USDT", venue="bybit")
    assert error.code == "unknown_symbol"
    assert error.message.startswith("no book of 'ADA-USDT' is kept at bybit, but at binance; ")


@pytest.mark.parametrize("symbol", ["NO-SUCH", "", "btc-usdt", "BTCUSDT", "x" * 60_000, "\n\x1b[31m"])
def test_an_unknown_symbol_is_named_but_not_at_any_length(asked: Asked, symbol: str) -> None:
    error = asked.error("book", symbol=symbol)
    assert error.code == "unknown_symbol"
    assert repr(symbol[:64]) in error.message
    assert len(error.message) < 300


def test_an_unknown_venue_is_answered_with_those_there_are(asked: Asked) -> None:
    error = asked.error("book", symbol="BTC-USDT", venue="binnance")
    assert (error.code, error.message) == ("unknown_venue", "no venue 'binnance'; there are binance")


def test_an_unknown_method_is_answered_with_those_there_are(asked: Asked) -> None:
    error = asked.error("books" + "x" * 60_000)
    assert error.code == "unknown_method"
    assert "there are status, venues, book, trades, metrics" in error.message
    assert len(error.message) < 300


@pytest.mark.parametrize(
    ("method", "params", "named"),
    [
        ("book", b'{"symbol":"BTC-USDT","depht":5}', "depht"),
        ("book", b'{"symbol":"BTC-USDT","depth":"5"}', "$.depth"),
        ("book", b'{"symbol":"BTC-USDT","depth":5.5}', "$.depth"),
        ("book", b'{"symbol":"BTC-USDT","depth":-1}', "$.depth"),
        ("book", b'{"symbol":"BTC-USDT","depth":1000001}', "$.depth"),
        ("book", b'{"symbol":"BTC-USDT","depth":1e400}', "book"),
        ("book", b'{"symbol":"BTC-USDT","depth":true}', "$.depth"),
        ("book", b'{"symbol":"BTC-USDT","max_age_ms":-1}', "$.max_age_ms"),
        ("book", b'{"symbol":"BTC-USDT","max_age_ms":"5"}', "$.max_age_ms"),
        ("book", b'{"symbol":"BTC-USDT","allow_stale":1}', "$.allow_stale"),
        ("book", b'{"symbol":"BTC-USDT","venue":5}', "$.venue"),
        ("book", b'{"symbol":null}', "$.symbol"),
        ("book", b"{}", "symbol"),
        ("book", b"[]", "object"),
        ("book", b"null", "object"),
        ("book", b'"BTC-USDT"', "object"),
        ("book", b"[" * 30_000, "book"),
        ("book", b'{"symbol":"\xff"}', "book"),
        ("trades", b'{"symbol":"BTC-USDT","limit":0}', "$.limit"),
        ("trades", b'{"symbol":"BTC-USDT","limit":1001}', "$.limit"),
        ("trades", b'{"symbol":"BTC-USDT","depth":5}', "depth"),
        ("status", b'{"verbose":true}', "verbose"),
        ("venues", b'{"venue":"binance"}', "venue"),
        ("metrics", b"[]", "object"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(asked: Asked, method: str, params: bytes, named: str) -> None:
    error = asked.error(method, params)
    assert error.code == "bad_params"
    assert error.message.startswith(f"{method}: ")
    assert named in error.message
    assert len(error.message) < 300


@pytest.mark.parametrize("method", ["status", "venues", "book", "trades", "metrics"])
def test_every_method_refuses_what_it_does_not_know(asked: Asked, method: str) -> None:
    assert method in asked.table.names
    error = asked.error(method, symbol="BTC-USDT", surprise=1)
    assert error.code == "bad_params"


def test_the_methods_are_these(asked: Asked) -> None:
    assert asked.table.names == ["status", "venues", "book", "trades", "metrics"]


@pytest.mark.parametrize(("uid", "allowed"), [(0, True), (os.geteuid(), True), (os.geteuid() + 1, False)])
def test_what_changes_something_is_for_root_and_the_daemons_own_user(uid: int, *, allowed: bool) -> None:
    table = Table({"change": Method(NoParams, lambda _params, client: client.peer.pid, admin=True)})
    client = Client(Peer(7, uid))
    if allowed:
        assert table.answer("change", Raw(b"{}"), client) == 7
        return
    with pytest.raises(RequestError) as error:
        table.answer("change", Raw(b'{"broken'), client)
    assert error.value.code == "forbidden"
