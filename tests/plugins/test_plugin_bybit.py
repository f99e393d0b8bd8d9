"""Bybit's connectors, spot and linear: each kind of frame, symbols, subscriptions, instruments."""

from __future__ import annotations

import json

import msgspec
import pytest

from flowrs import BookSnapshot, BookUpdate, Instrument, Reply, Request, Trade
from flowrs.plugins.bybit import Bybit, BybitLinear

BOTH = pytest.mark.parametrize("connector", [Bybit(), BybitLinear()], ids=["spot", "linear"])
SPOT = (
    b'{"topic":"orderbook.50.BTCUSDT","ts":1787612486116,"type":"%s","data":{"s":"BTCUSDT","b":[],"a":'
    b'[["78716.8","0.027559"],["78748.5","0"]],"u":217107085,"seq":113099229629},"cts":1787612486108}'
)


OPS = ("unsubscribe", "subscribe")


def instruments(count: int) -> list[Instrument]:
    return [Instrument(f"X{n}-USDT", f"X{n}USDT", f"X{n}", "USDT") for n in range(count)]


@BOTH
@pytest.mark.parametrize(("kind", "expected"), [(b"delta", BookUpdate), (b"snapshot", BookSnapshot)])
def test_a_book_message_has_the_frames_own_bytes_its_number_and_the_engines_time(
    connector: Bybit, kind: bytes, expected: type
) -> None:
    (event,) = connector.decode(SPOT % kind)
    assert isinstance(event, expected)
    assert (event.symbol, event.last, event.time, event.checksum) == ("BTCUSDT", 217107085, 1787612486108, None)
    assert bytes(event.bids) == b"[]"
    assert bytes(event.asks) == b'[["78716.8","0.027559"],["78748.5","0"]]'


@BOTH
@pytest.mark.parametrize(("said", "side"), [("Buy", "buy"), ("Sell", "sell")])
def test_trades_have_the_takers_side(connector: Bybit, said: str, side: str) -> None:
    one = {"T": 1672304486865, "s": "BTCUSDT", "S": said, "v": "0.001", "p": "16578.50", "i": "20f43950", "BT": False}
    frame = {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1672304486868, "data": [one, one | {"i": "2"}]}
    trades = connector.decode(json.dumps(frame).encode())
    assert [isinstance(trade, Trade) for trade in trades] == [True, True]
    assert [trade.id for trade in trades] == ["20f43950", "2"]
    assert {(each.symbol, each.side, each.price, each.quantity, each.time) for each in trades} == {
        ("BTCUSDT", side, "16578.50", "0.001", 1672304486865)
    }


@BOTH
@pytest.mark.parametrize(
    ("frame", "refusal"),
    [
        (b'{"success":true,"ret_msg":"subscribe","conn_id":"d9","op":"subscribe"}', None),
        (b'{"success":true,"ret_msg":"","conn_id":"d9","req_id":"x","op":"unsubscribe"}', None),
        (b'{"success":true,"ret_msg":"pong","conn_id":"d9","op":"ping"}', None),
        (b'{"req_id":"","op":"pong","args":["1"],"conn_id":"d9"}', None),
        (
            b'{"success":false,"ret_msg":"Invalid topic: orderbook.7.X","conn_id":"d9","op":"subscribe"}',
            "Invalid topic: orderbook.7.X",
        ),
    ],
)
def test_acks_and_pongs_refuse_nothing_and_a_refusal_is_told_in_its_words(
    connector: Bybit, frame: bytes, refusal: str | None
) -> None:
    (event,) = connector.decode(frame)
    assert isinstance(event, Reply)
    assert event.refusal == refusal


@BOTH
@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{}",
        b"pong",
        SPOT % b"refresh",
        (SPOT % b"delta").replace(b'"u":217107085,', b""),
        (SPOT % b"delta").replace(b'"u":217107085', b'"u":"217107085"'),
        b'{"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT"}}',
        (
            b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","data":[{"T":1,"s":"BTCUSDT","S":"Both","v":"1","p":"1",'
            b'"i":"1"}]}'
        ),
    ],
)
def test_what_is_not_known_is_unreadable(connector: Bybit, frame: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        connector.decode(frame)


def test_a_symbol_is_written_without_a_dash_and_the_category_says_what_it_is() -> None:
    assert Bybit().native("BTC-USDT") == BybitLinear().native("BTC-USDT-PERP") == "BTCUSDT"
    assert Bybit.url.endswith("/v5/public/spot")
    assert BybitLinear.url.endswith("/v5/public/linear")


@BOTH
@pytest.mark.parametrize("count", [1, 5, 9, 23])
def test_no_request_has_more_than_ten_topics_and_none_is_left_out(connector: Bybit, count: int) -> None:
    frames = [json.loads(frame) for frame in connector.subscribe(instruments(count))]
    topics = [topic for frame in frames for topic in frame["args"]]
    assert {frame["op"] for frame in frames} == {"subscribe"}
    assert max(len(frame["args"]) for frame in frames) <= 10
    assert len(topics) == len(set(topics)) == 2 * count
    assert set(topics) == {
        kind + each.native for each in instruments(count) for kind in ("orderbook.1000.", "publicTrade.")
    }


@BOTH
def test_it_ends_and_begins_a_book_alone(connector: Bybit) -> None:
    (one,) = instruments(1)
    assert list(map(json.loads, connector.resubscribe([one]))) == [
        {"op": op, "args": ["orderbook.1000.X0USDT"]} for op in OPS
    ]
    many = list(map(json.loads, connector.resubscribe(instruments(23))))
    assert max(len(frame["args"]) for frame in many) == 10
    ended, begun = ([topic for frame in many if frame["op"] == op for topic in frame["args"]] for op in OPS)
    assert ended == begun
    assert len(set(ended)) == 23


@BOTH
def test_it_pings_as_bybit_wants(connector: Bybit) -> None:
    assert json.loads(connector.ping.text) == {"op": "ping"}
    assert connector.ping.every_s == 20


@BOTH
def test_it_asks_for_the_instruments_of_its_category(connector: Bybit) -> None:
    asked = connector.ask_instruments(["BTCUSDT"])
    assert isinstance(asked, Request)
    assert asked.path == f"/v5/market/instruments-info?category={connector.category}&limit=1000"


@pytest.mark.parametrize(
    ("connector", "lot", "expected"),
    [
        (
            Bybit(),
            {"basePrecision": "0.000001", "quotePrecision": "0.0000001", "minOrderQty": "0.00001"},
            Instrument("BTC-USDT", "BTCUSDT", "BTC", "USDT", 2, 6),
        ),
        (
            BybitLinear(),
            {"maxOrderQty": "1190.000", "minOrderQty": "0.001", "qtyStep": "0.001"},
            Instrument("BTC-USDT-PERP", "BTCUSDT", "BTC", "USDT", 2, 3),
        ),
    ],
    ids=["spot", "linear"],
)
def test_the_instruments_have_the_decimals_of_their_steps(
    connector: Bybit, lot: dict[str, str], expected: Instrument
) -> None:
    one = {
        "symbol": "BTCUSDT",
        "baseCoin": "BTC",
        "quoteCoin": "USDT",
        "status": "Trading",
        "priceFilter": {"tickSize": "0.01"},
        "lotSizeFilter": lot,
    }
    body = {"retCode": 0, "retMsg": "OK", "result": {"category": connector.category, "list": [one]}, "time": 1}
    assert connector.decode_instruments(json.dumps(body).encode()) == [expected]
