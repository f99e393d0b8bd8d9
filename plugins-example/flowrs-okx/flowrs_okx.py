"""OKX v5, spot and swaps: order books linked by number, with a checksum where the exchange still sends one, and trades.

https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel

Instruments keep the exchange's names, swaps too (BTC-USDT-SWAP): their quantities are contracts, not coins, so they
must not be taken for the perpetuals of other exchanges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Raw, Struct, field

import flowrs
from flowrs import Checksum, Continuity, Ping, Rate, Recovery

if TYPE_CHECKING:
    from collections.abc import Sequence

FLOWRS_PLUGIN_API = 1


class _Subject(Struct):
    channel: Literal["books"]
    symbol: str = field(name="instId")


class _Levels(Struct):
    bids: Raw
    asks: Raw
    time: int = field(name="ts")
    last: int = field(name="seqId", default=0)
    prev: int = field(name="prevSeqId", default=-1)  # so that without numbers nothing follows
    checksum: int = 0


class _Books(Struct):
    subject: _Subject = field(name="arg")
    action: Literal["snapshot", "update"]
    data: list[_Levels]


class _Sides(Struct):
    symbol: str
    last: int
    bids: Raw
    asks: Raw
    time: int
    checksum: int | None


class _Update(_Sides, flowrs.BookUpdate):
    prev: int


class _Snapshot(_Sides, flowrs.BookSnapshot):
    """It has no number before its own."""


class _Trade(flowrs.Trade):
    symbol: str = field(name="instId")
    price: str = field(name="px")
    quantity: str = field(name="sz")
    side: flowrs.Side
    id: str = field(name="tradeId")
    time: int = field(name="ts")


class _Trades(Struct):
    subject: dict[str, str] = field(name="arg")
    data: list[_Trade]


class _Reply(flowrs.Reply):
    event: Literal["subscribe", "unsubscribe", "channel-conn-count", "notice", "error"]
    words: str = field(name="msg", default="no reason given")

    @property
    def refusal(self) -> str | None:
        return self.words if self.event == "error" else None


class _Instrument(Struct):
    native: str = field(name="instId")
    tick: str = field(name="tickSz")
    lot: str = field(name="lotSz")


class _Instruments(Struct):
    data: list[_Instrument]


_TRADE = (  # alone; a frame of several is decoded
    '{"arg":{"channel":"trades","instId":"<symbol>"},"data":[{"instId":"<symbol>","tradeId":"<id>","px":"<price>",'
    '"sz":"<quantity>","side":"<buy|sell>","ts":"<time>"%s}]}'
)
# Numbers that are no prices come as text, which strict=False reads as numbers.
_BOOKS = msgspec.json.Decoder(_Books, strict=False)
_TRADES = msgspec.json.Decoder(_Trades, strict=False)
_REPLY = msgspec.json.Decoder(_Reply)


class Okx(flowrs.Connector):
    """OKX spot."""

    name = "okx"
    title = "OKX"
    url = "wss://ws.okx.com:8443/ws/v5/public"
    rest_url = "https://www.okx.com"
    separator = "-"
    continuity = Continuity.LINKED
    recovery = Recovery.RESUBSCRIBE
    unsubscribing = ("subscribe", "unsubscribe")
    checksum = Checksum("colon", 25)
    stream_levels = 400
    ping = Ping("ping", 20.0)
    connects = Rate(3, 1.0)
    templates = (_TRADE % "", _TRADE % ',"count":<>')
    kind = "SPOT"

    def subscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return [_ask("subscribe", ("books", "trades"), instruments)]

    def resubscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return [_ask(op, ("books",), instruments) for op in ("unsubscribe", "subscribe")]

    def decode(self, frame: bytes) -> Sequence[flowrs.Event]:
        try:
            books = _BOOKS.decode(frame)
        except msgspec.DecodeError:
            return _other(frame)
        return [_book(books.action, books.subject.symbol, each) for each in books.data]

    def ask_instruments(self, natives: Sequence[str]) -> flowrs.Request:  # noqa: ARG002 - it lists all of a kind
        return flowrs.Request(f"/api/v5/public/instruments?instType={self.kind}")

    def decode_instruments(self, body: bytes) -> Sequence[flowrs.Instrument]:
        told = msgspec.json.decode(body, type=_Instruments).data
        return [_instrument(each) for each in told if each.tick and each.lot]  # not yet of those to be listed


def _ask(op: str, channels: Sequence[str], instruments: Sequence[flowrs.Instrument]) -> str:
    args = [{"channel": channel, "instId": each.native} for channel in channels for each in instruments]
    return msgspec.json.encode({"op": op, "args": args}).decode()


def _book(action: str, symbol: str, told: _Levels) -> flowrs.Event:
    checksum = told.checksum or None  # 0: not told, as since 2026
    fields = (symbol, told.last, told.bids, told.asks, told.time, checksum)
    return _Snapshot(*fields) if action == "snapshot" else _Update(*fields, told.prev)


def _other(frame: bytes) -> Sequence[flowrs.Event]:
    if frame == b"pong":  # the answer to "ping", and no JSON
        return (flowrs.Heartbeat(),)
    try:
        return _TRADES.decode(frame).data
    except msgspec.ValidationError:
        reply = _REPLY.decode(frame)
        return (flowrs.Farewell() if reply.event == "notice" else reply,)


def _instrument(told: _Instrument) -> flowrs.Instrument:
    base, quote = told.native.split("-")[:2]
    decimals = flowrs.decimals_of(told.tick), flowrs.decimals_of(told.lot)
    return flowrs.Instrument(told.native, told.native, base, quote, *decimals)


class OkxSwap(Okx):
    """OKX perpetual swaps, in contracts."""

    name = "okx-swap"
    kind = "SWAP"


@flowrs.hookimpl
def flowrs_connectors() -> Sequence[type[flowrs.Connector]]:
    """Bring both."""
    return [Okx, OkxSwap]
