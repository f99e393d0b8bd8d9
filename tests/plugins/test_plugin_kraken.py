"""Kraken's connector: each kind of frame, symbols, subscriptions, instruments."""

from __future__ import annotations

import json

import msgspec
import pytest

from flowrs import BookSnapshot, BookUpdate, Heartbeat, Instrument, Listing, Reply, Trade
from flowrs.plugins.kraken import Kraken

BTC = Instrument("BTC-USD", "BTC/USD", "BTC", "USD", 1, 8)
ETH = Instrument("ETH-USD", "ETH/USD", "ETH", "USD", 2, 8)
BOOK = (
    b'{"channel":"book","type":"%s","data":[{"symbol":"BTC/USD","bids":[{"price":63417.0,"qty":0.78843100}],"asks":[],'
    b'"checksum":612332,"timestamp":"2026-08-02T03:36:30.780149Z"}]}'
)
TIME = 1785641790_780149000


def decode(frame: bytes) -> list:
    return list(Kraken().decode(frame))


@pytest.mark.parametrize(("kind", "expected"), [(b"update", BookUpdate), (b"snapshot", BookSnapshot)])
def test_a_book_message_has_the_frames_own_bytes_the_checksum_and_the_time_in_ns(kind: bytes, expected: type) -> None:
    (event,) = decode(BOOK % kind)
    assert isinstance(event, expected)
    assert (event.symbol, event.checksum, event.time) == ("BTC/USD", 612332, TIME)
    assert bytes(event.bids) == b'[{"price":63417.0,"qty":0.78843100}]'
    assert bytes(event.asks) == b"[]"


def test_each_entry_of_a_message_is_an_event() -> None:
    frame = json.loads(BOOK % b"update")
    frame["data"] *= 3
    assert len(decode(json.dumps(frame).encode())) == 3


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("kind", ["update", "snapshot"])
def test_a_trade_has_the_takers_side_and_its_numbers_as_written(side: str, kind: str) -> None:
    frame = (
        f'{{"channel":"trade","type":"{kind}","data":[{{"symbol":"BTC/USD","side":"{side}","price":4136.40,'
        '"qty":0.23374000,"ord_type":"market","trade_id":34665326,"timestamp":"2026-08-02T03:36:30.780149Z"}]}'
    )
    (trade,) = decode(frame.encode())
    assert isinstance(trade, Trade)
    assert (trade.symbol, trade.side, trade.price, trade.quantity) == ("BTC/USD", side, "4136.40", "0.23374000")
    assert (trade.id, trade.time) == (34665326, TIME)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"channel":"heartbeat"}',
        (
            b'{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",'
            b'"connection_id":17204881492680171915}]}'
        ),
    ],
)
def test_heartbeats_and_status_say_nothing(frame: bytes) -> None:
    (event,) = decode(frame)
    assert isinstance(event, Heartbeat)


@pytest.mark.parametrize(
    ("frame", "refusal"),
    [
        (b'{"method":"subscribe","result":{"channel":"book","depth":10,"symbol":"BTC/USD"},"success":true}', None),
        (b'{"method":"unsubscribe","result":{"channel":"book","depth":10,"symbol":"BTC/USD"},"success":true}', None),
        (b'{"error":"Subscription Not Found","method":"unsubscribe","success":false}', None),
        (
            b'{"error":"Currency pair not supported XXX","method":"subscribe","success":false,"symbol":"XXX"}',
            "Currency pair not supported XXX",
        ),
        (
            b'{"error":"Subscription depth not supported","method":"subscribe","success":false,"time_in":"x"}',
            "Subscription depth not supported",
        ),
    ],
)
def test_an_answer_to_a_subscription_is_a_reply_and_only_a_refused_one_is_refused(
    frame: bytes, refusal: str | None
) -> None:
    (event,) = decode(frame)
    assert isinstance(event, Reply)
    assert event.refusal == refusal


def test_a_pong_refuses_nothing() -> None:
    (event,) = decode(b'{"method":"pong","req_id":1,"time_in":"x","time_out":"y"}')
    assert isinstance(event, Heartbeat) or (isinstance(event, Reply) and event.refusal is None)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{}",
        b"[]",
        b'{"channel":"ohlc","type":"update","data":[]}',
        b'{"channel":"book","type":"delta","data":[]}',
        b'{"method":"add_order","success":true}',
        BOOK[:-2] % b"update",
        (BOOK % b"update").replace(b'"checksum":612332,', b""),
        (BOOK % b"update").replace(b"149Z", b"149"),
        (
            b'{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":"x","qty":1,"trade_id":1,'
            b'"timestamp":"2026-08-02T03:36:30Z"}]}'
        ),
    ],
)
def test_what_is_not_known_is_unreadable(frame: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode(frame)


def test_a_symbol_has_a_slash_there_and_a_dash_here() -> None:
    assert Kraken().native("BTC-USD") == "BTC/USD"


def test_it_subscribes_to_books_at_its_depth_and_to_trades_without_a_snapshot() -> None:
    assert list(map(json.loads, Kraken().subscribe([BTC, ETH]))) == [
        {"method": "subscribe", "params": {"channel": "book", "symbol": ["BTC/USD", "ETH/USD"], "depth": 10}},
        {"method": "subscribe", "params": {"channel": "trade", "symbol": ["BTC/USD", "ETH/USD"], "snapshot": False}},
    ]


def test_it_ends_and_begins_a_book_alone() -> None:
    params = {"channel": "book", "symbol": ["ETH/USD"], "depth": 10}
    assert list(map(json.loads, Kraken().resubscribe([ETH]))) == [
        {"method": "unsubscribe", "params": params},
        {"method": "subscribe", "params": params},
    ]


def test_it_learns_the_instruments_through_the_stream() -> None:
    (asked,) = Kraken().ask_instruments(["BTC/USD"])
    assert json.loads(asked) == {"method": "subscribe", "params": {"channel": "instrument"}}
    (listing,) = decode(
        b'{"channel":"instrument","type":"snapshot","data":{"assets":[{"id":"USD"}],"pairs":[{"symbol":"ETH/USD",'
        b'"base":"ETH","quote":"USD","status":"online","qty_precision":8,"qty_increment":1e-8,"price_precision":2,'
        b'"price_increment":0.01}]}}'
    )
    assert isinstance(listing, Listing)
    assert listing.instruments == [ETH]
