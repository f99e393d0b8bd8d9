"""Coinbase Advanced Trade: whole order books and trades, numbered over the whole connection.

https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Raw, Struct, field

import flowrs
from flowrs import Continuity, Rate, Recovery, Sided

if TYPE_CHECKING:
    from collections.abc import Sequence

FLOWRS_PLUGIN_API = 1


class _Levels(Struct):
    symbol: str = field(name="product_id")
    bids: Raw = field(name="updates")
    last: int = 0
    time: int = 0
    asks = Raw(b"")  # both sides are in one list


class _Update(_Levels, flowrs.BookUpdate, tag_field="type", tag="update"):
    """May be empty."""


class _Snapshot(_Levels, flowrs.BookSnapshot, tag_field="type", tag="snapshot"):
    """Has the same keys as an update."""


class _Trade(flowrs.Dated, flowrs.Trade):
    symbol: str = field(name="product_id")
    price: str
    quantity: str = field(name="size")
    id: str = field(name="trade_id")
    maker: Literal["BUY", "SELL"] = field(name="side")
    moment: flowrs.Moment = field(name="time")

    @property
    def side(self) -> flowrs.Side:
        return "sell" if self.maker == "BUY" else "buy"


class _Trades(Struct):
    trades: list[_Trade]


class _Frame(flowrs.Numbered, tag_field="channel"):
    number: int = field(name="sequence_num")


class _Books(flowrs.Dated, _Frame, tag="l2_data"):
    moment: flowrs.Moment = field(name="timestamp")
    events: list[_Update | _Snapshot]


class _MarketTrades(_Frame, tag="market_trades"):
    events: list[_Trades]


class _Subscriptions(_Frame, tag="subscriptions"):
    """The answer to a subscription; it comes after the snapshot."""


class _Heartbeats(_Frame, tag="heartbeats"):
    """Once a second, so that a connection of quiet products stays open."""


class _Error(flowrs.Reply):
    type: Literal["error"]
    refusal: str | None = field(name="message")


class _Product(Struct):
    native: str = field(name="product_id")
    base: str = field(name="base_currency_id")
    quote: str = field(name="quote_currency_id")
    quote_step: str = field(name="quote_increment")
    step: str = field(name="base_increment")
    tick: str = field(name="price_increment", default="")


class _Products(Struct):
    products: list[_Product]


# Frames have come with and without the client's id, which is empty.
_HEAD = '{"channel":"%s",<"client_id":"","timestamp"|"timestamp">:%s,"sequence_num":<number>,"events":[%s]}'
_UPDATE = '{"type":"update","product_id":"<symbol>","updates":<bids>}'
_SOLD = '"price":"<price>","size":"<quantity>","time":"<moment>","side":"<BUY|SELL>"'
_TRADE = f'{{"type":"update","trades":[{{"product_id":"<symbol>","trade_id":"<id>",{_SOLD}}}]}}'
_FRAME = msgspec.json.Decoder(_Books | _MarketTrades | _Subscriptions | _Heartbeats)


class Coinbase(flowrs.Connector):
    """Coinbase spot. One product a connection: a hole in a connection's numbers may concern any of its books."""

    name = "coinbase"
    title = "Coinbase"
    url = "wss://advanced-trade-ws.coinbase.com"
    rest_url = "https://api.coinbase.com"
    separator = "-"
    continuity = Continuity.CONNECTION
    templates = (_HEAD % ("l2_data", '"<moment>"', _UPDATE), _HEAD % ("market_trades", "<>", _TRADE))
    recovery = Recovery.RESUBSCRIBE
    unsubscribing = ("subscribe", "unsubscribe")
    spelling = Sided("side", "bid", "offer", "price_level", "new_quantity")
    time_unit_ns = 1
    instruments_per_connection = 1
    connects = Rate(8, 1.0)
    messages = Rate(8, 1.0)

    def subscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return [_ask("subscribe", channel, instruments) for channel in ("level2", "market_trades", "heartbeats")]

    def resubscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return [_ask(kind, "level2", instruments) for kind in ("unsubscribe", "subscribe")]

    def decode(self, frame: bytes) -> Sequence[flowrs.Event]:
        try:
            message = _FRAME.decode(frame)
        except msgspec.ValidationError:
            return (msgspec.json.decode(frame, type=_Error),)
        events: list[flowrs.Event] = [message]
        if isinstance(message, _Books):
            for event in message.events:
                event.last, event.time = message.number, message.time
            events += message.events
        elif isinstance(message, _MarketTrades):
            events += [trade for batch in message.events for trade in batch.trades]
        return events

    def ask_instruments(self, natives: Sequence[str]) -> flowrs.Request:
        return flowrs.Request("/api/v3/brokerage/market/products?" + "&".join(map("product_ids={}".format, natives)))

    def decode_instruments(self, body: bytes) -> Sequence[flowrs.Instrument]:
        return [self._instrument(each) for each in msgspec.json.decode(body, type=_Products).products]

    def _instrument(self, told: _Product) -> flowrs.Instrument:
        return self.instrument(told.native, told.base, told.quote, told.tick or told.quote_step, told.step)


def _ask(kind: str, channel: str, instruments: Sequence[flowrs.Instrument]) -> str:
    products = [each.native for each in instruments]
    return msgspec.json.encode({"type": kind, "product_ids": products, "channel": channel}).decode()


@flowrs.hookimpl
def flowrs_connectors() -> Sequence[type[flowrs.Connector]]:
    """Bring Coinbase spot."""
    return [Coinbase]
