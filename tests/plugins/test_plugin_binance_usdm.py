"""Binance's connector of USD-M perpetuals: what differs from spot, whose frames tests/test_plugins.py has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from playback import binance_frames

from flowrs import BookUpdate, Farewell, Instrument, Reply, Trade
from flowrs.plugins.binance import Binance, BinanceUsdM

if TYPE_CHECKING:
    from pathlib import Path

BTC = Instrument("BTC-USDT-PERP", "BTCUSDT", "BTC", "USDT", 2, 3)
ETH = Instrument("ETH-USDT-PERP", "ETHUSDT", "ETH", "USDT", 2, 3)
DEPTH = (
    b'{"e":"depthUpdate","E":1723161600370,"T":1723161600319,"s":"BTCUSDT","U":5123134944963,"u":5123134944970,'
    b'"pu":5123134735497,"b":[["5000.00","2.321"]],"a":[]}'
)


def decode(frame: bytes) -> list:
    return list(BinanceUsdM().decode(frame))


def test_a_depth_update_names_the_one_before_it() -> None:
    (event,) = decode(DEPTH)
    assert isinstance(event, BookUpdate)
    assert (event.symbol, event.first, event.last, event.prev) == (
        "BTCUSDT",
        5123134944963,
        5123134944970,
        5123134735497,
    )
    assert (event.time, bytes(event.bids), bytes(event.asks)) == (1723161600370, b'[["5000.00","2.321"]]', b"[]")


@pytest.mark.parametrize(("buyer_is_maker", "side"), [("true", "sell"), ("false", "buy")])
@pytest.mark.parametrize(("kind", "number"), [("trade", "t"), ("aggTrade", "a")])
def test_a_trade_has_the_takers_side(kind: str, number: str, buyer_is_maker: str, side: str) -> None:
    frame = (
        f'{{"e":"{kind}","E":123456789,"s":"BTCUSDT","{number}":5933014,"p":"0.001","q":"100.0","f":100,"l":105,'
        f'"T":123456785,"m":{buyer_is_maker}}}'
    )
    (trade,) = decode(frame.encode())
    assert isinstance(trade, Trade)
    assert (trade.symbol, trade.side, trade.price, trade.quantity) == ("BTCUSDT", side, "0.001", "100.0")
    assert (trade.id, trade.time) == (5933014, 123456785)


@pytest.mark.parametrize(
    ("frame", "refusal"),
    [
        (b'{"result":null,"id":1}', None),
        (b'{"error":{"code":2,"msg":"Invalid request"},"id":1}', "Invalid request"),
        (b'{"error":{"code":3},"id":null}', "{'code': 3}"),
    ],
)
def test_an_answer_is_a_reply(frame: bytes, refusal: str | None) -> None:
    (event,) = decode(frame)
    assert isinstance(event, Reply)
    assert event.refusal == refusal


def test_a_shutdown_is_a_farewell() -> None:
    (event,) = decode(b'{"e":"serverShutdown","E":1770123456789}')
    assert isinstance(event, Farewell)


@pytest.mark.parametrize("frame", [b"", b"{}", b'{"e":"markPriceUpdate","E":1}', DEPTH.replace(b'"u"', b'"x"')])
def test_what_is_not_known_is_unreadable(frame: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode(frame)


def test_a_perpetual_is_written_without_dashes_and_its_end() -> None:
    assert BinanceUsdM().native("BTC-USDT-PERP") == Binance().native("BTC-USDT") == "BTCUSDT"


def test_books_and_trades_have_a_connection_each() -> None:
    connector = BinanceUsdM()
    (books,) = map(json.loads, connector.subscribe([BTC, ETH]))
    (trades,) = map(json.loads, connector.subscribe_trades([BTC, ETH]))
    assert books == {"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms", "ethusdt@depth@100ms"], "id": 1}
    assert trades["params"] == ["btcusdt@aggTrade", "ethusdt@aggTrade"]
    assert connector.url.endswith("/public/ws")
    assert connector.trades_url.endswith("/market/ws")


def test_it_asks_where_futures_are_and_for_no_more_than_they_give() -> None:
    connector = BinanceUsdM()
    assert connector.ask_instruments(["BTCUSDT"]).path == "/fapi/v1/exchangeInfo"
    asked = connector.snapshot_request(BTC)
    assert (asked.path, asked.weight) == ("/fapi/v1/depth?symbol=BTCUSDT&limit=1000", 20)
    assert connector.snapshot_levels == 1000


def test_the_recorded_list_and_snapshots_are_understood(captures: Path) -> None:
    answers = [
        frame
        for name in ("0", "http.0.0")
        for frame in binance_frames(captures, f"binance_usdm/BINANCE_FUTURES.{name}")
    ]
    (info,) = (each for each in answers if each.startswith(b'{"timezone"'))
    listed = {each.native: each for each in BinanceUsdM().decode_instruments(info)}
    raw = {each["symbol"]: each for each in json.loads(info)["symbols"]}
    assert listed.keys() == raw.keys()
    assert listed["SUSHIUSDT"].symbol == "SUSHI-USDT-PERP"
    assert listed["AKROUSDT"].price_decimals == 5
    snapshots = [each for each in answers if each.startswith(b'{"lastUpdateId"')]
    assert len(snapshots) >= 4
    for each in snapshots:
        snapshot, told = BinanceUsdM().decode_snapshot(each), json.loads(each)
        assert snapshot.last == told["lastUpdateId"]
        assert json.loads(bytes(snapshot.bids)) == told["bids"]
        assert json.loads(bytes(snapshot.asks)) == told["asks"]
