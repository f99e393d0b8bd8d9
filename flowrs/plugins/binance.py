"""Binance spot and USD-M perpetuals: diff depth, trades, REST snapshots.

https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw, Struct, field

import flowrs
from flowrs import Continuity, Rate

if TYPE_CHECKING:
    from collections.abc import Sequence

FLOWRS_PLUGIN_API = 1


class _Depth(flowrs.BookUpdate, tag_field="e", tag="depthUpdate"):
    symbol: str = field(name="s")
    first: int = field(name="U")
    last: int = field(name="u")
    time: int = field(name="E")
    bids: Raw = field(name="b")
    asks: Raw = field(name="a")
    prev: int = field(name="pu", default=0)


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


class _AggregateTrade(_Trade, tag_field="e", tag="aggTrade"):
    id: int = field(name="a")


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

    def filter(self, kind: str) -> _Filter:
        return next((each for each in self.filters if each.kind == kind), _Filter(kind))


class _ExchangeInfo(Struct):
    symbols: list[_Symbol]


_AGGREGATED = (
    '{"e":"aggTrade","E":<>,"a":<id>,"s":"<symbol>","p":"<price>","q":"<quantity>","f":<>,"l":<>,"T":<time>,'
    '"m":<true|false>}'
)
_EVENTS = msgspec.json.Decoder(_Depth | _Trade | _AggregateTrade | _Shutdown)
_REPLY = msgspec.json.Decoder(_Reply)


def _subscribe(instruments: Sequence[flowrs.Instrument], *streams: str) -> list[str]:
    names = [each.native.lower() + stream for each in instruments for stream in streams]
    return [msgspec.json.encode({"method": "SUBSCRIBE", "params": names, "id": 1}).decode()]


class Binance(flowrs.Connector):
    """Binance spot."""

    name = "binance"
    title = "Binance"
    url = "wss://stream.binance.com:9443/ws"
    rest_url = "https://api.binance.com"
    continuity = Continuity.CHAINED
    templates = (
        '{"e":"depthUpdate","E":<time>,"s":"<symbol>","U":<first>,"u":<last>,"b":<bids>,"a":<asks>}',
        '{"e":"trade","E":<>,"s":"<symbol>","t":<id>,"p":"<price>","q":"<quantity>","T":<time>,"m":<true|false>,"M":<>}',
    )
    snapshot_levels = 5000
    lifetime_s = 24 * 3600.0
    unsubscribing = ("SUBSCRIBE", "UNSUBSCRIBE")
    connects = Rate(300, 300.0)
    messages = Rate(5, 1.0)
    weight = Rate(6000, 60.0)

    def subscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return _subscribe(instruments, "@depth@100ms", "@trade")

    def decode(self, frame: bytes) -> Sequence[flowrs.Event]:
        try:
            return (_EVENTS.decode(frame),)
        except msgspec.ValidationError:
            return (_REPLY.decode(frame),)

    def ask_instruments(self, natives: Sequence[str]) -> flowrs.Request:
        names = ",".join(f"%22{native}%22" for native in natives)
        return flowrs.Request(f"/api/v3/exchangeInfo?symbols=[{names}]", weight=20)

    def decode_instruments(self, body: bytes) -> Sequence[flowrs.Instrument]:
        return [self._instrument(each) for each in msgspec.json.decode(body, type=_ExchangeInfo).symbols]

    def _instrument(self, told: _Symbol) -> flowrs.Instrument:
        tick, step = told.filter("PRICE_FILTER").tick, told.filter("LOT_SIZE").step
        return self.instrument(told.symbol, told.base, told.quote, tick, step)

    def snapshot_request(self, instrument: flowrs.Instrument) -> flowrs.Request:
        return flowrs.Request(f"/api/v3/depth?symbol={instrument.native}&limit={self.snapshot_levels}", weight=250)

    def decode_snapshot(self, body: bytes) -> flowrs.BookSnapshot:
        return msgspec.json.decode(body, type=_Snapshot)


class BinanceUsdM(Binance):
    """Binance USD-M perpetuals: continuity is by `pu` alone, and trades have a connection of their own."""

    name = "binance-usdm"
    url = "wss://fstream.binance.com/public/ws"
    trades_url = "wss://fstream.binance.com/market/ws"
    rest_url = "https://fapi.binance.com"
    perpetual = True
    continuity = Continuity.LINKED
    templates = (
        '{"e":"depthUpdate","E":<time>,"T":<>,"s":"<symbol>","U":<first>,"u":<last>,"pu":<prev>,"b":<bids>,"a":<asks>}',
        _AGGREGATED,
    )
    snapshot_levels = 1000
    messages = Rate(10, 1.0)
    weight = Rate(2400, 60.0)

    def subscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return _subscribe(instruments, "@depth@100ms")

    def subscribe_trades(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return _subscribe(instruments, "@aggTrade")

    def ask_instruments(self, natives: Sequence[str]) -> flowrs.Request:  # noqa: ARG002 - it lists all or none
        return flowrs.Request("/fapi/v1/exchangeInfo")

    def snapshot_request(self, instrument: flowrs.Instrument) -> flowrs.Request:
        return flowrs.Request(f"/fapi/v1/depth?symbol={instrument.native}&limit={self.snapshot_levels}", weight=20)


@flowrs.hookimpl
def flowrs_connectors() -> Sequence[type[flowrs.Connector]]:
    """Bring both."""
    return [Binance, BinanceUsdM]
