"""Coinbase's connector: each kind of frame, symbols, subscriptions, instruments."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest

from flowrs import BookSnapshot, BookUpdate, Instrument, Numbered, Reply, Request, Trade
from flowrs.plugins.coinbase import Coinbase

BTC = Instrument("BTC-USD", "BTC-USD", "BTC", "USD", 2, 8)
ETH = Instrument("ETH-USD", "ETH-USD", "ETH", "USD", 2, 8)
LEVELS = (
    b'[{"side":"bid","event_time":"2026-08-24T22:34:13.592233Z","price_level":"78856.05","new_quantity":"0.048689"},'
    b'{"side":"offer","event_time":"1970-01-01T00:00:00Z","price_level":"78856.06","new_quantity":"0"}]'
)
BOOK = (
    b'{"channel":"l2_data","client_id":"","timestamp":"2026-08-24T22:34:13.813365299Z","sequence_num":2,"events":['
    b'{"type":"%s","product_id":"BTC-USD","updates":' + LEVELS + b"}]}"
)


def ns(text: str) -> int:
    """To the microsecond: the rest of Coinbase's digits is cut."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


def decode(frame: bytes) -> list:
    return list(Coinbase().decode(frame))


def is_numbered(event: object, number: int) -> bool:
    return isinstance(event, Numbered) and event.number == number


@pytest.mark.parametrize(("kind", "expected"), [(b"update", BookUpdate), (b"snapshot", BookSnapshot)])
def test_a_book_message_is_its_number_then_the_events_with_both_sides_as_they_are(kind: bytes, expected: type) -> None:
    number, event = decode(BOOK % kind)
    assert is_numbered(number, 2)
    assert isinstance(event, expected)
    assert (event.symbol, event.last, event.checksum) == ("BTC-USD", 2, None)
    assert event.time == ns("2026-08-24T22:34:13.813365")
    assert bytes(event.bids) == LEVELS
    assert bytes(event.asks) == b""


def test_an_empty_update_and_several_events_are_all_told() -> None:
    frame = json.loads(BOOK % b"update")
    frame["events"] = [frame["events"][0] | {"updates": []}, frame["events"][0] | {"product_id": "ETH-USD"}]
    number, one, other = decode(json.dumps(frame).encode())
    assert is_numbered(number, 2)
    assert (one.symbol, bytes(one.bids), other.symbol) == ("BTC-USD", b"[]", "ETH-USD")


@pytest.mark.parametrize(("maker", "taker"), [("BUY", "sell"), ("SELL", "buy")])
def test_a_trade_tells_the_makers_side_and_becomes_the_takers(maker: str, taker: str) -> None:
    one = {"trade_id": "12345", "product_id": "BTC-USD", "price": "78856.05", "size": "0.50", "side": maker}
    one["time"] = "2026-08-24T22:34:13.788063Z"
    head = {"channel": "market_trades", "client_id": "", "timestamp": "2026-08-24T22:34:13.8Z", "sequence_num": 7}
    frame = head | {"events": [{"type": "snapshot", "trades": [one, one]}, {"type": "update", "trades": [one]}]}
    number, *trades = decode(json.dumps(frame).encode())
    assert is_numbered(number, 7)
    assert len(trades) == 3
    for trade in trades:
        assert isinstance(trade, Trade)
        assert (trade.symbol, trade.side, trade.price, trade.quantity) == ("BTC-USD", taker, "78856.05", "0.50")
        assert (trade.id, trade.time) == ("12345", ns("2026-08-24T22:34:13.788063"))


@pytest.mark.parametrize(
    "frame",
    [
        (
            b'{"channel":"subscriptions","timestamp":"2026-08-24T22:34:13.813379359Z","sequence_num":3,"events":'
            b'[{"subscriptions":{"level2":["BTC-USD"]}}]}'
        ),
        (
            b'{"channel":"heartbeats","timestamp":"2026-08-24T22:34:13.8Z","sequence_num":3,"events":[{"current_time":'
            b'"2026-08-24 22:34:13.8 +0000 UTC m=+1","heartbeat_counter":42}]}'
        ),
    ],
)
def test_acks_and_heartbeats_are_numbered_too(frame: bytes) -> None:
    (number,) = decode(frame)
    assert is_numbered(number, 3)


def test_an_error_is_a_refusal_in_its_words() -> None:
    (event,) = decode(b'{"type":"error","message":"failure to subscribe"}')
    assert isinstance(event, Reply)
    assert event.refusal == "failure to subscribe"


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{}",
        b'{"type":"subscriptions"}',
        b'{"channel":"candles","timestamp":"2026-08-24T22:34:13.8Z","sequence_num":3,"events":[]}',
        BOOK % b"delta",
        (BOOK % b"update").replace(b'"sequence_num":2,', b""),
        (BOOK % b"update").replace(b"299Z", b"299"),
        (
            b'{"channel":"market_trades","sequence_num":7,"events":[{"type":"update","trades":[{"trade_id":"1",'
            b'"product_id":"BTC-USD","price":"1","size":"1","side":"UNKNOWN","time":"2026-08-24T22:34:13Z"}]}]}'
        ),
    ],
)
def test_what_is_not_known_is_unreadable(frame: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode(frame)


def test_a_symbol_is_the_same_there_and_here() -> None:
    assert Coinbase().native("BTC-USD") == "BTC-USD"


def test_it_subscribes_channel_by_channel_heartbeats_included() -> None:
    assert list(map(json.loads, Coinbase().subscribe([BTC, ETH]))) == [
        {"type": "subscribe", "product_ids": ["BTC-USD", "ETH-USD"], "channel": channel}
        for channel in ("level2", "market_trades", "heartbeats")
    ]


def test_it_ends_and_begins_a_book_alone() -> None:
    told = {"product_ids": ["ETH-USD"], "channel": "level2"}
    assert list(map(json.loads, Coinbase().resubscribe([ETH]))) == [
        {"type": "unsubscribe"} | told,
        {"type": "subscribe"} | told,
    ]


def test_it_asks_for_its_products_and_takes_their_increments() -> None:
    asked = Coinbase().ask_instruments(["BTC-USD", "ETH-USD"])
    assert isinstance(asked, Request)
    assert asked.path.endswith("/products?product_ids=BTC-USD&product_ids=ETH-USD")
    one = {"product_id": "BTC-USD", "base_currency_id": "BTC", "quote_currency_id": "USD", "quote_increment": "0.0001"}
    one |= {"base_increment": "0.00000001", "price": "78856.05", "status": "online"}
    body = {"products": [one | {"price_increment": "0.01"}, one], "num_products": 2}
    finer = Instrument("BTC-USD", "BTC-USD", "BTC", "USD", 4, 8)
    assert Coinbase().decode_instruments(json.dumps(body).encode()) == [BTC, finer]
