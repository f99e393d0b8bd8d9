"""Coinbase Advanced Trade: whole order books and trades, numbered over the whole connection.

https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Raw, Struct, field

import flowrs
from flowrs import Continuity, Numbered, Rate, Recovery, Sided

if TYPE_CHECKING:
    from collections.abc import Sequence


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


def _ns(moment: datetime) -> int:
    """Return ns since 1970; msgspec keeps the microseconds of Coinbase's nine digits."""
    since = moment - _EPOCH
    return ((since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


class _Update(flowrs.BookUpdate, tag_field="type", tag="update"):
    symbol: str = field(name="product_id")
    bids: Raw = field(name="updates")
    last: int = 0
    time: int = 0
    asks = Raw(b"")  # both sides are in one list


class _Snapshot(flowrs.BookSnapshot, tag_field="type", tag="snapshot"):
    symbol: str = field(name="product_id")
    bids: Raw = field(name="updates")
    last: int = 0
    time: int = 0
    asks = Raw(b"")


class _Trade(flowrs.Trade):
    symbol: str = field(name="product_id")
    price: str
    quantity: str = field(name="size")
    id: str = field(name="trade_id")
    maker: Literal["BUY", "SELL"] = field(name="side")
    moment: _Moment = field(name="time")

    @property
    def side(self) -> flowrs.Side:
        return "sell" if self.maker == "BUY" else "buy"

    @property
    def time(self) -> int:
        return _ns(self.moment)


class _Trades(Struct):
    trades: list[_Trade]


class _Frame(Struct, tag_field="channel"):
    number: int = field(name="sequence_num")


class _Books(_Frame, tag="l2_data"):
    number: int = field(name="sequence_num")
    timestamp: _Moment
    events: list[_Update | _Snapshot]


class _MarketTrades(_Frame, tag="market_trades"):
    number: int = field(name="sequence_num")
    events: list[_Trades]


class _Subscriptions(_Frame, tag="subscriptions"):
    number: int = field(name="sequence_num")


class _Heartbeats(_Frame, tag="heartbeats"):
    number: int = field(name="sequence_num")


class _Error(flowrs.Reply):
    type: Literal["error"]
    refusal: str | None = field(name="message")


class _Product(Struct):
    product_id: str
    base_currency_id: str
    quote_currency_id: str
    quote_increment: str
    base_increment: str
    price_increment: str = ""


class _Products(Struct):
    products: list[_Product]


_FRAME = msgspec.json.Decoder(_Books | _MarketTrades | _Subscriptions | _Heartbeats)
_ERROR = msgspec.json.Decoder(_Error)
_PRODUCTS = msgspec.json.Decoder(_Products)


class Coinbase(flowrs.Connector):
    """Coinbase spot. One product a connection: a hole in a connection's numbers may concern any of its books."""

    name = "coinbase"
    title = "Coinbase"
    url = "wss://advanced-trade-ws.coinbase.com"
    rest_url = "https://api.coinbase.com"
    continuity = Continuity.CONNECTION
    recovery = Recovery.RESUBSCRIBE
    spelling = Sided("side", "bid", "offer", "price_level", "new_quantity")
    time_unit_ns = 1
    instruments_per_connection = 1
    connects = Rate(8, 1.0)
    messages = Rate(8, 1.0)

    def native(self, symbol: str) -> str:
        return symbol

    def subscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return [_ask("subscribe", channel, instruments) for channel in ("level2", "market_trades", "heartbeats")]

    def unsubscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return [_ask("unsubscribe", "level2", instruments)]

    def resubscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return [_ask("subscribe", "level2", instruments)]

    def decode(self, frame: bytes) -> Sequence[flowrs.Event]:
        try:
            message = _FRAME.decode(frame)
        except msgspec.ValidationError:
            return (_ERROR.decode(frame),)
        events: list[flowrs.Event] = [Numbered(message.number)]
        if isinstance(message, _Books):
            time = _ns(message.timestamp)
            for event in message.events:
                event.last, event.time = message.number, time
            events += message.events
        elif isinstance(message, _MarketTrades):
            for batch in message.events:
                events += batch.trades
        return events

    def ask_instruments(self, natives: Sequence[str]) -> flowrs.Request:
        products = "&".join(f"product_ids={native}" for native in natives)
        return flowrs.Request(f"/api/v3/brokerage/market/products?{products}")

    def decode_instruments(self, body: bytes) -> Sequence[flowrs.Instrument]:
        return [
            flowrs.Instrument(
                symbol=found.product_id,
                native=found.product_id,
                base=found.base_currency_id,
                quote=found.quote_currency_id,
                price_decimals=flowrs.decimals_of(found.price_increment or found.quote_increment),
                quantity_decimals=flowrs.decimals_of(found.base_increment),
            )
            for found in _PRODUCTS.decode(body).products
        ]


def _ask(kind: str, channel: str, instruments: Sequence[flowrs.Instrument]) -> str:
    products = [each.native for each in instruments]
    return msgspec.json.encode({"type": kind, "product_ids": products, "channel": channel}).decode()


@flowrs.hookimpl
def flowrs_connectors() -> Sequence[type[flowrs.Connector]]:
    """Bring Coinbase spot."""
    return [Coinbase]
