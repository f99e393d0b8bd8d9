"""Kraken WebSocket v2: order books proved by a checksum on every message, and trades.

https://docs.kraken.com/api/docs/websocket-v2/book and https://docs.kraken.com/api/docs/guides/spot-ws-book-v2

The subscribed depth is the ten levels that the checksum covers: nothing else would show that a deeper level is wrong,
because nothing is numbered.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw, Struct

import flowrs
from flowrs import Checksum, Continuity, Objects, Ping, Rate, Recovery

if TYPE_CHECKING:
    from collections.abc import Sequence


def _ns(moment: datetime) -> int:
    """Return ns since 1970, exactly; Kraken's times have microseconds."""
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000


class _Update(flowrs.BookUpdate):
    symbol: str
    bids: Raw
    asks: Raw
    checksum: int
    timestamp: datetime

    @property
    def time(self) -> int:
        return _ns(self.timestamp)


class _Snapshot(flowrs.BookSnapshot):
    symbol: str
    bids: Raw
    asks: Raw
    checksum: int
    timestamp: datetime

    @property
    def time(self) -> int:
        return _ns(self.timestamp)


class _Trade(flowrs.Trade):
    symbol: str
    side: flowrs.Side
    number: Raw = msgspec.field(name="price")
    size: Raw = msgspec.field(name="qty")
    id: int = msgspec.field(name="trade_id")
    timestamp: datetime

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


class _Head(Struct):
    channel: str = ""
    type: str = ""
    data: Raw = Raw(b"[]")
    method: str = ""
    success: bool = True
    error: str = ""


class _Reply(flowrs.Reply):
    refusal: str | None


_HEAD = msgspec.json.Decoder(_Head)
_DATA: dict[tuple[str, str], msgspec.json.Decoder[Sequence[flowrs.Event]]] = {
    ("book", "update"): msgspec.json.Decoder(list[_Update]),
    ("book", "snapshot"): msgspec.json.Decoder(list[_Snapshot]),
    ("trade", "update"): msgspec.json.Decoder(list[_Trade]),
    ("trade", "snapshot"): msgspec.json.Decoder(list[_Trade]),
}
_PAIRS = msgspec.json.Decoder(_Pairs)


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
        head = _HEAD.decode(frame)
        if (data := _DATA.get((head.channel, head.type))) is not None:
            return data.decode(head.data)
        if head.channel == "instrument":
            return (flowrs.Listing(_instruments(head.data)),)
        if head.channel in {"heartbeat", "status"} or head.method == "pong":
            return (flowrs.Heartbeat(),)
        if head.method in {"subscribe", "unsubscribe"}:
            # Ending what has ended already is refused, and no harm.
            return (_Reply(None if head.success or head.method == "unsubscribe" else head.error),)
        raise msgspec.ValidationError(f"unknown channel {head.channel!r}, type {head.type!r}, method {head.method!r}")

    def ask_instruments(self, natives: Sequence[str]) -> Sequence[str]:  # noqa: ARG002 - the channel lists all
        return [_ask("subscribe", {"channel": "instrument"})]


def _ask(method: str, params: dict[str, object]) -> str:
    return msgspec.json.encode({"method": method, "params": params}).decode()


def _instruments(data: Raw) -> list[flowrs.Instrument]:
    return [
        flowrs.Instrument(
            symbol=found.symbol.replace("/", "-"),
            native=found.symbol,
            base=found.base,
            quote=found.quote,
            price_decimals=found.price_precision,
            quantity_decimals=found.qty_precision,
        )
        for found in _PAIRS.decode(data).pairs
    ]


@flowrs.hookimpl
def flowrs_connectors() -> Sequence[type[flowrs.Connector]]:
    """Bring Kraken spot."""
    return [Kraken]
