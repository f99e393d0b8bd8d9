"""Bybit v5, spot and linear perpetuals: order books that begin with a snapshot, and trades.

https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Raw, Struct, field

import flowrs
from flowrs import Continuity, Ping, Rate, Recovery

if TYPE_CHECKING:
    from collections.abc import Sequence

FLOWRS_PLUGIN_API = 1

_DELTA = (
    '{"topic":"orderbook.1000.<symbol>",%s,"data":{"s":"<symbol>","b":<bids>,"a":<asks>,"u":<last>,"seq":<>},'
    '"cts":<time>}'
)
# Of trades, frames of one; those of several are decoded. A perpetual's has more, and all have got more in time.
_TRADED = (
    '{"topic":"publicTrade.<symbol>","type":"snapshot","ts":<>,"data":[{"T":<time>,"s":"<symbol>","S":"<Buy|Sell>",'
    '"v":"<quantity>","p":"<price>",%s}]}'
)
_TRADED_ON_SPOT = (
    '{"topic":"publicTrade.<symbol>","ts":<>,"type":"snapshot","data":[{"i":"<id>","T":<time>,"p":"<price>",'
    '"v":"<quantity>","S":"<Buy|Sell>","seq":<>,"s":"<symbol>","BT":<>,"RPI":<>}]}'
)
_ARGUMENTS = 10  # a subscribe request on spot may have no more; one bad topic fails all of a request


class _Levels(Struct):
    symbol: str = field(name="s")
    bids: Raw = field(name="b")
    asks: Raw = field(name="a")
    last: int = field(name="u")


class _Trade(flowrs.Trade):
    symbol: str = field(name="s")
    price: str = field(name="p")
    quantity: str = field(name="v")
    id: str = field(name="i")
    time: int = field(name="T")
    taker: Literal["Buy", "Sell"] = field(name="S")

    @property
    def side(self) -> flowrs.Side:
        return "buy" if self.taker == "Buy" else "sell"


class _Update(flowrs.BookUpdate):
    symbol: str
    last: int
    bids: Raw
    asks: Raw
    time: int


class _Snapshot(flowrs.BookSnapshot):
    symbol: str
    last: int
    bids: Raw
    asks: Raw
    time: int


class _Message(Struct):
    topic: str
    type: str
    data: _Levels | list[_Trade]
    cts: int = 0


class _Reply(flowrs.Reply):
    op: str
    success: bool = True
    words: str = field(name="ret_msg", default="")

    @property
    def refusal(self) -> str | None:
        return None if self.success else self.words


class _Instrument(Struct):
    symbol: str
    base: str = field(name="baseCoin")
    quote: str = field(name="quoteCoin")
    price: dict[str, str] = field(name="priceFilter")
    lot: dict[str, str] = field(name="lotSizeFilter")


class _Result(Struct):
    instruments: list[_Instrument] = field(name="list")


class _Instruments(Struct):
    result: _Result


_MESSAGE = msgspec.json.Decoder(_Message)
_REPLY = msgspec.json.Decoder(_Reply)


def _frames(op: str, topics: Sequence[str]) -> list[str]:
    parts = [topics[start : start + _ARGUMENTS] for start in range(0, len(topics), _ARGUMENTS)]
    return [msgspec.json.encode({"op": op, "args": part}).decode() for part in parts]


class Bybit(flowrs.Connector):
    """Bybit spot."""

    name = "bybit"
    title = "Bybit"
    url = "wss://stream.bybit.com/v5/public/spot"
    rest_url = "https://api.bybit.com"
    continuity = Continuity.COUNTED
    templates = (
        _DELTA % '"ts":<>,"type":"delta"',  # spot
        _DELTA % '"type":"delta","ts":<>',  # linear
        _TRADED_ON_SPOT,
        _TRADED % '"i":"<id>","BT":<>',
        _TRADED % '"L":<>,"i":"<id>","BT":<>',
        _TRADED % '"L":<>,"i":"<id>","BT":<>,"RPI":<>,"seq":<>',
    )
    recovery = Recovery.RESUBSCRIBE
    unsubscribing = ("subscribe", "unsubscribe")
    ping = Ping('{"op":"ping"}', 20.0)
    connects = Rate(500, 300.0)
    messages = Rate(10, 1.0)
    category = "spot"
    stream_levels = 1000
    topic = f"orderbook.{stream_levels}."

    def subscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        topics = [topic + each.native for topic in (self.topic, "publicTrade.") for each in instruments]
        return _frames("subscribe", topics)

    def resubscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        topics = [self.topic + each.native for each in instruments]
        return [*_frames("unsubscribe", topics), *_frames("subscribe", topics)]

    def decode(self, frame: bytes) -> Sequence[flowrs.Event]:
        try:
            message = _MESSAGE.decode(frame)
        except msgspec.ValidationError:
            return (_REPLY.decode(frame),)
        data = message.data
        if isinstance(data, list):
            return data
        if message.type not in {"snapshot", "delta"}:
            raise msgspec.ValidationError(f"unknown type {message.type!r}")
        kind = _Update if message.type == "delta" else _Snapshot
        return (kind(data.symbol, data.last, data.bids, data.asks, message.cts),)

    def ask_instruments(self, natives: Sequence[str]) -> flowrs.Request:  # noqa: ARG002 - it lists one or all
        return flowrs.Request(f"/v5/market/instruments-info?category={self.category}&limit=1000")

    def decode_instruments(self, body: bytes) -> Sequence[flowrs.Instrument]:
        return [self._instrument(each) for each in msgspec.json.decode(body, type=_Instruments).result.instruments]

    def _instrument(self, told: _Instrument) -> flowrs.Instrument:
        tick, step = told.price["tickSize"], told.lot.get("basePrecision") or told.lot["qtyStep"]
        return self.instrument(told.symbol, told.base, told.quote, tick, step)


class BybitLinear(Bybit):
    """Bybit USDT perpetuals."""

    name = "bybit-linear"
    url = "wss://stream.bybit.com/v5/public/linear"
    category = "linear"
    perpetual = True


@flowrs.hookimpl
def flowrs_connectors() -> Sequence[type[flowrs.Connector]]:
    """Bring both."""
    return [Bybit, BybitLinear]
