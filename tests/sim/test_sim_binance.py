"""Binance's REST and stream rules, with plain calls: no socket is involved."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowrs.sim import INSTRUMENTS, BinanceSpot, Market, Request, Shape
from flowrs.sim.binance_streams import BinanceSession
from flowrs.sim.dialect import Message


@pytest.fixture
def spot() -> BinanceSpot:
    return BinanceSpot(Market(shape=Shape(levels=300)), now_s=lambda: 1723161285.0)


def get(spot: BinanceSpot, target: str) -> tuple[int, Any, dict[str, str]]:
    response = spot.respond(Request.parse("GET", target))
    return response.status, json.loads(response.body), dict(response.headers)


def session(target: str = "/ws") -> BinanceSession:
    opened = BinanceSession.open(target, lambda _: None)
    assert opened is not None
    return opened


def ask(session: BinanceSession, text: str | bytes) -> Any:
    (answer,) = session.receive(text)
    return json.loads(answer)


def test_depth_has_the_asked_number_of_levels(spot: BinanceSpot) -> None:
    _, snapshot, _ = get(spot, "/api/v3/depth?symbol=BTCUSDT")
    assert (len(snapshot["bids"]), len(snapshot["asks"])) == (100, 100)
    _, snapshot, _ = get(spot, "/api/v3/depth?symbol=BTCUSDT&limit=7")
    assert (len(snapshot["bids"]), len(snapshot["asks"])) == (7, 7)


def test_depth_is_sorted_best_first_with_8_decimals(spot: BinanceSpot) -> None:
    _, snapshot, _ = get(spot, "/api/v3/depth?symbol=ETHUSDT&limit=5000")
    bids, asks = ([float(price) for price, _ in snapshot[side]] for side in ("bids", "asks"))
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    numbers = [number for side in ("bids", "asks") for level in snapshot[side] for number in level]
    assert all(len(number.partition(".")[2]) == 8 for number in numbers)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("symbol=NOPE", -1121),
        ("symbol=btcusdt", -1121),
        ("limit=5", -1102),
        ("symbol=BTCUSDT&limit=x", -1100),
        ("symbol=BTCUSDT&limit=-1", -1100),
        ("symbol=BTCUSDT&limit=0", -1130),
    ],
)
def test_wrong_depth_request_is_refused_with_binances_code(spot: BinanceSpot, query: str, code: int) -> None:
    status, body, _ = get(spot, f"/api/v3/depth?{query}")
    assert (status, body["code"]) == (400, code)
    assert body.keys() == {"code", "msg"}


@pytest.mark.parametrize(("limit", "weight"), [(1, 5), (100, 5), (101, 25), (500, 25), (1000, 50), (5000, 250)])
def test_depth_weighs_what_its_limit_says(spot: BinanceSpot, limit: int, weight: int) -> None:
    _, _, headers = get(spot, f"/api/v3/depth?symbol=BTCUSDT&limit={limit}")
    assert headers["X-MBX-USED-WEIGHT-1M"] == str(weight)


def test_spent_weight_is_answered_by_429_until_the_minute_is_over() -> None:
    now_s = 1723161285.0  # 45 s into a minute
    spot = BinanceSpot(Market(shape=Shape(levels=10)), weight_limit=100, now_s=lambda: now_s)
    assert [get(spot, "/api/v3/depth?symbol=BTCUSDT&limit=1000")[0] for _ in range(3)] == [200, 200, 429]
    status, body, headers = get(spot, "/api/v3/ping")
    assert (status, body["code"], headers["Retry-After"]) == (429, -1003, "15")
    now_s += 15
    assert get(spot, "/api/v3/ping") == (200, {}, {"X-MBX-USED-WEIGHT": "1", "X-MBX-USED-WEIGHT-1M": "1"})


def test_exchange_info_lists_grids_and_limits(spot: BinanceSpot) -> None:
    _, info, _ = get(spot, "/api/v3/exchangeInfo")
    assert [entry["symbol"] for entry in info["symbols"]] == [instrument.symbol for instrument in INSTRUMENTS]
    assert info["rateLimits"][0]["limit"] == 6000
    filters = {each["filterType"]: each for each in info["symbols"][0]["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"


def test_exchange_info_of_chosen_symbols(spot: BinanceSpot) -> None:
    _, info, _ = get(spot, '/api/v3/exchangeInfo?symbols=["SOLUSDT","BTCUSDT"]')
    assert [entry["symbol"] for entry in info["symbols"]] == ["SOLUSDT", "BTCUSDT"]
    _, info, _ = get(spot, "/api/v3/exchangeInfo?symbol=XRPUSDT")
    assert [entry["symbol"] for entry in info["symbols"]] == ["XRPUSDT"]
    assert get(spot, "/api/v3/exchangeInfo?symbol=NOPE")[1]["code"] == -1121
    assert get(spot, "/api/v3/exchangeInfo?symbols=NOPE")[1]["code"] == -1100


def test_time_is_the_servers(spot: BinanceSpot) -> None:
    assert get(spot, "/api/v3/time")[1] == {"serverTime": 1723161285000}


def test_unknown_paths_and_methods_are_refused(spot: BinanceSpot) -> None:
    assert spot.respond(Request.parse("GET", "/api/v3/nope")).status == 404
    assert spot.respond(Request.parse("POST", "/api/v3/ping")).status == 405


def test_subscriptions_are_made_listed_and_taken_back() -> None:
    client = session()
    assert ask(client, '{"method":"SUBSCRIBE","params":["a@trade","b@trade"],"id":7}') == {"result": None, "id": 7}
    assert ask(client, '{"method":"UNSUBSCRIBE","params":["a@trade","c@trade"],"id":8}') == {"result": None, "id": 8}
    assert ask(client, '{"method":"LIST_SUBSCRIPTIONS","id":"x"}') == {"result": ["b@trade"], "id": "x"}


def test_misspelled_stream_is_accepted_and_silent() -> None:
    client = session()
    assert ask(client, '{"method":"SUBSCRIBE","params":["btcusdt@dept"],"id":1}') == {"result": None, "id": 1}
    assert client.payloads(Message(("btcusdt@depth@100ms",), "BTCUSDT", "depth", b"{}")) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", 3),
        (b"\xff", 3),
        ("[" * 100_000, 3),
        ("[]", 2),
        ('{"id":1}', 2),
        ('{"method":"SUBSCRIBED","params":[],"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":"a@trade","id":1}', 2),
        ('{"method":"SUBSCRIBE","params":[1],"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":[],"id":{}}', 2),
    ],
)
def test_malformed_message_is_answered_by_an_error(text: str | bytes, code: int) -> None:
    answer = ask(session(), text)
    assert answer["error"]["code"] == code
    assert answer["error"]["msg"].startswith("Invalid")
    assert "id" in answer


def test_stream_endpoint_wraps_and_ws_endpoint_does_not() -> None:
    message = Message(("btcusdt@trade",), "BTCUSDT", "trade", b'{"e":"trade"}')
    wrapped = b'{"stream":"btcusdt@trade","data":{"e":"trade"}}'
    assert session("/stream?streams=x@trade/btcusdt@trade").payloads(message) == [wrapped]
    assert session("/ws/btcusdt@trade").payloads(message) == [message.data]
    assert session("/ws").payloads(message) == []
    assert BinanceSession.open("/wss", lambda _: None) is None


def test_slow_depth_stream_has_its_own_name() -> None:
    message = Message(("btcusdt@depth@100ms", "btcusdt@depth"), "BTCUSDT", "depth", b"{}")
    assert session("/stream?streams=btcusdt@depth").payloads(message) == [b'{"stream":"btcusdt@depth","data":{}}']
