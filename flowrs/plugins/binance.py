"""Binance spot: diff depth, trades, REST snapshots.

https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw, Struct, field

import flowrs
from flowrs import Continuity

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Depth(flowrs.BookUpdate, tag_field="e", tag="depthUpdate"):
    symbol: str = field(name="s")
    first: int = field(name="U")
    last: int = field(name="u")
    time: int = field(name="E")
    bids: Raw = field(name="b")
    asks: Raw = field(name="a")


class _Trade(flowrs.Trade, tag_field="e", tag="trade"):
    symbol: str = field(name="s")
    price: str = field(name="p")
    quantity: str = field(name="q")
    id: int = field(name="t")
    time: int = field(name="T")
    buyer_is_maker: bool = field(name="m")

    @property
    def side(self) -> flowrs.Side:
        return "sell" if self.buyer_is_maker else "buy"


class _Shutdown(flowrs.Farewell, tag_field="e", tag="serverShutdown"):
    pass


class _Reply(flowrs.Reply):
    id: int | str | None
    error: dict[str, Any] | None = None

    @property
    def refusal(self) -> str | None:
        return str(self.error.get("msg", self.error)) if self.error else None


class _Snapshot(flowrs.BookSnapshot):
    last: int = field(name="lastUpdateId")
    bids: Raw
    asks: Raw


class _Filter(Struct):
    kind: str = field(name="filterType")
    tick: str = field(name="tickSize", default="1e-8")
    step: str = field(name="stepSize", default="1e-8")


class _Symbol(Struct):
    symbol: str
    base: str = field(name="baseAsset")
    quote: str = field(name="quoteAsset")
    filters: list[_Filter]


class _ExchangeInfo(Struct):
    symbols: list[_Symbol]


_EVENTS = msgspec.json.Decoder(_Depth | _Trade | _Shutdown)
_REPLY = msgspec.json.Decoder(_Reply)
_SNAPSHOT = msgspec.json.Decoder(_Snapshot)
_EXCHANGE_INFO = msgspec.json.Decoder(_ExchangeInfo)


class Binance(flowrs.Connector):
    """Binance spot."""

    name = "binance"
    title = "Binance"
    url = "wss://stream.binance.com:9443/ws"
    rest_url = "https://api.binance.com"
    continuity = Continuity.CHAINED
    snapshot_levels = 5000

    def native(self, symbol: str) -> str:
        return symbol.replace("-", "")

    def subscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        names = [instrument.native.lower() for instrument in instruments]
        streams = [name + stream for name in names for stream in ("@depth@100ms", "@trade")]
        return [msgspec.json.encode({"method": "SUBSCRIBE", "params": streams, "id": 1}).decode()]

    def decode(self, frame: bytes) -> Sequence[flowrs.Event]:
        try:
            return (_EVENTS.decode(frame),)
        except msgspec.ValidationError:
            return (_REPLY.decode(frame),)

    def instruments_request(self, natives: Sequence[str]) -> flowrs.Request:
        names = ",".join(f"%22{native}%22" for native in natives)
        return flowrs.Request(f"/api/v3/exchangeInfo?symbols=[{names}]", weight=20)

    def decode_instruments(self, body: bytes) -> Sequence[flowrs.Instrument]:
        return [
            flowrs.Instrument(
                symbol=f"{found.base}-{found.quote}",
                native=found.symbol,
                base=found.base,
                quote=found.quote,
                price_decimals=flowrs.decimals_of(_filter(found, "PRICE_FILTER").tick),
                quantity_decimals=flowrs.decimals_of(_filter(found, "LOT_SIZE").step),
            )
            for found in _EXCHANGE_INFO.decode(body).symbols
        ]

    def snapshot_request(self, instrument: flowrs.Instrument) -> flowrs.Request:
        return flowrs.Request(f"/api/v3/depth?symbol={instrument.native}&limit={self.snapshot_levels}", weight=250)

    def decode_snapshot(self, body: bytes) -> flowrs.BookSnapshot:
        return _SNAPSHOT.decode(body)


def _filter(found: _Symbol, kind: str) -> _Filter:
    return next((each for each in found.filters if each.kind == kind), _Filter(kind))


@flowrs.hookimpl
def flowrs_connectors() -> Sequence[type[flowrs.Connector]]:
    """Bring Binance spot."""
    return [Binance]
