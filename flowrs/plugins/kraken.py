"""Kraken WebSocket v2: order books proved by a checksum on every message, and trades.

https://docs.kraken.com/api/docs/websocket-v2/book and https://docs.kraken.com/api/docs/guides/spot-ws-book-v2

The subscribed depth is the ten levels that the checksum covers: nothing else would show that a deeper level is wrong,
because nothing is numbered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Raw, Struct, field
from msgspec.structs import astuple

import flowrs
from flowrs import Checksum, Continuity, Objects, Ping, Rate, Recovery

if TYPE_CHECKING:
    from collections.abc import Sequence

FLOWRS_PLUGIN_API = 1


class _Levels(flowrs.Dated, Struct):
    symbol: str
    bids: Raw
    asks: Raw
    checksum: int
    moment: flowrs.Moment = field(name="timestamp")


class _Update(_Levels, flowrs.BookUpdate):
    """Only the message says that it is one."""


class _Snapshot(_Levels, flowrs.BookSnapshot):
    """Has the same keys as an update."""


class _Trade(flowrs.Dated, flowrs.BareTrade):
    symbol: str
    side: flowrs.Side
    bare_price: Raw = field(name="price")
    bare_quantity: Raw = field(name="qty")
    id: int = field(name="trade_id")
    moment: flowrs.Moment = field(name="timestamp")


class _Pair(Struct):
    symbol: str
    base: str
    quote: str
    price_precision: int
    qty_precision: int


class _Pairs(Struct):
    pairs: list[_Pair]


class _Book(Struct, tag_field="channel", tag="book"):
    type: Literal["snapshot", "update"]
    data: list[_Update]


class _Trades(Struct, tag_field="channel", tag="trade"):
    data: list[_Trade]


class _Listing(Struct, tag_field="channel", tag="instrument"):
    data: _Pairs


class _Heartbeat(flowrs.Heartbeat, tag_field="channel", tag="heartbeat"):
    """About once a second."""


class _Status(flowrs.Heartbeat, tag_field="channel", tag="status"):
    """The first message of a connection."""


class _Reply(flowrs.Reply):
    method: Literal["subscribe", "unsubscribe", "pong"]
    success: bool = True
    error: str = ""

    @property
    def refusal(self) -> str | None:
        # To end what has ended already is refused, and no harm.
        return None if self.success or self.method == "unsubscribe" else self.error


_FRAME = '{"channel":"%s","type":"update","data":[{"symbol":"<symbol>",%s,"timestamp":"<moment>"}]}'
_MESSAGE = msgspec.json.Decoder(_Book | _Trades | _Listing | _Heartbeat | _Status)


class Kraken(flowrs.Connector):
    """Kraken spot."""

    name = "kraken"
    title = "Kraken"
    url = "wss://ws.kraken.com/v2"
    separator = "/"
    continuity = Continuity.UNNUMBERED
    templates = (
        _FRAME % ("book", '"bids":<bids>,"asks":<asks>,"checksum":<checksum>'),
        _FRAME % ("trade", '"side":"<buy|sell>","price":<price>,"qty":<quantity>,"ord_type":<>,"trade_id":<id>'),
    )
    recovery = Recovery.RESUBSCRIBE
    unsubscribing = ("subscribe", "unsubscribe")
    spelling = Objects("price", "qty")
    depth = 10
    checksum = Checksum("digits", 10)
    time_unit_ns = 1
    ping = Ping('{"method":"ping"}', 20.0)
    connects = Rate(150, 600.0)
    messages = Rate(10, 1.0)

    def subscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        natives = [each.native for each in instruments]
        return [self._book("subscribe", natives), _ask("subscribe", channel="trade", symbol=natives, snapshot=False)]

    def resubscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        natives = [each.native for each in instruments]
        return [self._book("unsubscribe", natives), self._book("subscribe", natives)]

    def _book(self, method: str, natives: Sequence[str]) -> str:
        return _ask(method, channel="book", symbol=natives, depth=self.depth)

    def decode(self, frame: bytes) -> Sequence[flowrs.Event]:
        try:
            message = _MESSAGE.decode(frame)
        except msgspec.ValidationError:
            return (msgspec.json.decode(frame, type=_Reply),)
        if isinstance(message, _Book):
            return message.data if message.type == "update" else [_Snapshot(*astuple(each)) for each in message.data]
        if isinstance(message, _Trades):
            return message.data
        if isinstance(message, _Listing):
            return (flowrs.Listing([self._instrument(each) for each in message.data.pairs]),)
        return (message,)

    def ask_instruments(self, natives: Sequence[str]) -> Sequence[str]:  # noqa: ARG002 - the channel lists all
        return [_ask("subscribe", channel="instrument")]

    def _instrument(self, told: _Pair) -> flowrs.Instrument:
        return self.instrument(told.symbol, told.base, told.quote, told.price_precision, told.qty_precision)


def _ask(method: str, **params: object) -> str:
    return msgspec.json.encode({"method": method, "params": params}).decode()


@flowrs.hookimpl
def flowrs_connectors() -> Sequence[type[flowrs.Connector]]:
    """Bring Kraken spot."""
    return [Kraken]
