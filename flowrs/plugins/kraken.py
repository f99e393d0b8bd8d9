"""Kraken WebSocket v2: order books proved by a checksum on every message, and trades.

https://docs.kraken.com/api/docs/websocket-v2/book and https://docs.kraken.com/api/docs/guides/spot-ws-book-v2

The subscribed depth is the ten levels that the checksum covers: nothing else would show that a deeper level is wrong,
because nothing is numbered.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Raw, Struct

import flowrs
from flowrs import Checksum, Continuity, Objects, Ping, Rate, Recovery

if TYPE_CHECKING:
    from collections.abc import Sequence


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(rb"\d+(\.\d+)?([eE][-+]?\d+)?")
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


def _ns(moment: datetime) -> int:
    """Return ns since 1970, exactly; Kraken's times have microseconds."""
    since = moment - _EPOCH
    return ((since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


class _Update(flowrs.BookUpdate):
    symbol: str
    bids: Raw
    asks: Raw
    checksum: int
    timestamp: _Moment

    @property
    def time(self) -> int:
        return _ns(self.timestamp)


class _Snapshot(flowrs.BookSnapshot):
    symbol: str
    bids: Raw
    asks: Raw
    checksum: int
    timestamp: _Moment

    @property
    def time(self) -> int:
        return _ns(self.timestamp)


class _Trade(flowrs.Trade):
    symbol: str
    side: flowrs.Side
    number: Raw = msgspec.field(name="price")
    size: Raw = msgspec.field(name="qty")
    id: int = msgspec.field(name="trade_id")
    timestamp: _Moment

    def __post_init__(self) -> None:
        if not (_NUMBER.fullmatch(self.number) and _NUMBER.fullmatch(self.size)):
            raise ValueError("price or quantity is no number")  # which msgspec makes a ValidationError

    @property
    def price(self) -> str:
        return bytes(self.number).decode()

    @property
    def quantity(self) -> str:
        return bytes(self.size).decode()

    @property
    def time(self) -> int:
        return _ns(self.timestamp)


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
    pass


class _Status(flowrs.Heartbeat, tag_field="channel", tag="status"):
    pass


class _Reply(flowrs.Reply):
    method: Literal["subscribe", "unsubscribe", "pong"]
    success: bool = True
    error: str = ""

    @property
    def refusal(self) -> str | None:
        # To end what has ended already is refused, and no harm.
        return None if self.success or self.method == "unsubscribe" else self.error


_MESSAGE = msgspec.json.Decoder(_Book | _Trades | _Listing | _Heartbeat | _Status)
_REPLY = msgspec.json.Decoder(_Reply)


class Kraken(flowrs.Connector):
    """Kraken spot."""

    name = "kraken"
    title = "Kraken"
    url = "wss://ws.kraken.com/v2"
    continuity = Continuity.UNNUMBERED
    recovery = Recovery.RESUBSCRIBE
    spelling = Objects("price", "qty")
    depth = 10
    checksum = Checksum("digits", 10)
    time_unit_ns = 1
    ping = Ping('{"method":"ping"}', 20.0)
    connects = Rate(150, 600.0)
    messages = Rate(10, 1.0)

    def native(self, symbol: str) -> str:
        return symbol.replace("-", "/")

    def subscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return [*self._book("subscribe", instruments), *self._trades(instruments)]

    def unsubscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return self._book("unsubscribe", instruments)

    def resubscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return self._book("subscribe", instruments)

    def _book(self, method: str, instruments: Sequence[flowrs.Instrument]) -> list[str]:
        symbols = [each.native for each in instruments]
        return [_ask(method, {"channel": "book", "symbol": symbols, "depth": self.depth})]

    def _trades(self, instruments: Sequence[flowrs.Instrument]) -> list[str]:
        symbols = [each.native for each in instruments]
        return [_ask("subscribe", {"channel": "trade", "symbol": symbols, "snapshot": False})]

    def decode(self, frame: bytes) -> Sequence[flowrs.Event]:
        try:
            message = _MESSAGE.decode(frame)
        except msgspec.ValidationError:
            return (_REPLY.decode(frame),)
        if isinstance(message, _Book):
            return message.data if message.type == "update" else [_snapshot(each) for each in message.data]
        if isinstance(message, _Trades):
            return message.data
        if isinstance(message, _Listing):
            return (flowrs.Listing(_instruments(message.data)),)
        return (message,)

    def ask_instruments(self, natives: Sequence[str]) -> Sequence[str]:  # noqa: ARG002 - the channel lists all
        return [_ask("subscribe", {"channel": "instrument"})]


def _ask(method: str, params: dict[str, object]) -> str:
    return msgspec.json.encode({"method": method, "params": params}).decode()


def _snapshot(told: _Update) -> _Snapshot:
    return _Snapshot(told.symbol, told.bids, told.asks, told.checksum, told.timestamp)


def _instruments(told: _Pairs) -> list[flowrs.Instrument]:
    return [
        flowrs.Instrument(
            symbol=found.symbol.replace("/", "-"),
            native=found.symbol,
            base=found.base,
            quote=found.quote,
            price_decimals=found.price_precision,
            quantity_decimals=found.qty_precision,
        )
        for found in told.pairs
    ]


@flowrs.hookimpl
def flowrs_connectors() -> Sequence[type[flowrs.Connector]]:
    """Bring Kraken spot."""
    return [Kraken]
