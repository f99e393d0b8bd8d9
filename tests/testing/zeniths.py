"""An exchange that is made up and unlike Tulip: linked, levels that lie deeper, several trades a frame, a text ping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Raw, Struct, field

import flowrs
from flowrs import Continuity, Ping, Recovery

if TYPE_CHECKING:
    from collections.abc import Sequence

ZENITH = """
venue = "zenith"
path = "/v3"
native = "<base>:<quote>"

[instruments]
path = "/pairs"
answer = '{"pairs":[<all>]}'
each = '{"p":"<native>","b":"<base>","q":"<quote>","pd":<price_decimals>,"qd":<quantity_decimals>}'

[requests]
subscribe = "join"
unsubscribe = "part"
ack = '{"k":"ok","did":"<word>"}'
refusal = '{"k":"no","why":"what?"}'
ping = "hey"
pong = "ho"

[book]
channel = "ladder"
numbers = "linked"
level = '["<price>","<quantity>"]'
snapshot = '{"k":"all","i":"<native>","n":<last>,"t":<ms>,"chg":{"b":<bids>,"a":<asks>}}'
update = '{"k":"chg","i":"<native>","n":<last>,"was":<prev>,"t":<ms>,"chg":{"b":<bids>,"a":<asks>}}'

[trades]
channel = "tape"
frame = '{"k":"tape","i":"<native>","d":[<all>]}'
each = '{"id":<id>,"p":"<price>","q":"<quantity>","s":"<side>","t":<ms>}'
buy = "B"
sell = "S"
"""


class _Sides(Struct):
    b: Raw
    a: Raw


class _Deep(Struct):
    symbol: str = field(name="i")
    last: int = field(name="n")
    time: int = field(name="t")
    chg: _Sides

    @property
    def bids(self) -> Raw:
        return self.chg.b

    @property
    def asks(self) -> Raw:
        return self.chg.a


class _All(_Deep, flowrs.BookSnapshot, tag_field="k", tag="all"):
    """A whole book."""


class _Change(_Deep, flowrs.BookUpdate, tag_field="k", tag="chg", kw_only=True):
    prev: int = field(name="was")


class _Trade(flowrs.Trade):
    id: int
    price: str = field(name="p")
    quantity: str = field(name="q")
    taker: Literal["B", "S"] = field(name="s")
    time: int = field(name="t")
    symbol: str = ""

    @property
    def side(self) -> flowrs.Side:
        return "buy" if self.taker == "B" else "sell"


class _Tape(Struct, tag_field="k", tag="tape"):
    symbol: str = field(name="i")
    trades: list[_Trade] = field(name="d")


class _Done(flowrs.Reply, tag_field="k", tag="ok"):
    did: str
    refusal: str | None = None


class _Error(flowrs.Reply, tag_field="k", tag="no"):
    refusal: str = field(name="why")


class _Pair(Struct):
    p: str
    b: str
    q: str
    pd: int
    qd: int


class _Pairs(Struct):
    pairs: list[_Pair]


_FRAME = msgspec.json.Decoder(_All | _Change | _Tape | _Done | _Error)


class Zenith(flowrs.Connector):
    """It keeps its contract."""

    name = "zenith"
    title = "Zenith"
    url = "wss://zenith.example/v3"
    rest_url = "https://zenith.example"
    separator = ":"
    continuity = Continuity.LINKED
    recovery = Recovery.RESUBSCRIBE
    unsubscribing = ("join", "part")
    templates = ('{"k":"chg","i":"<symbol>","n":<last>,"was":<prev>,"t":<time>,"chg":{"b":<bids>,"a":<asks>}}',)
    ping: Ping | None = Ping("hey", 15.0)

    def subscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return [f"join {channel} {each.native}" for each in instruments for channel in ("ladder", "tape")]

    def resubscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return [f"{word} ladder {each.native}" for each in instruments for word in ("part", "join")]

    def decode(self, frame: bytes) -> Sequence[flowrs.Event]:
        if frame == b"ho":
            return (flowrs.Heartbeat(),)
        found = _FRAME.decode(frame)
        if isinstance(found, _Tape):
            return [msgspec.structs.replace(each, symbol=found.symbol) for each in found.trades]
        return (found,)

    def ask_instruments(self, natives: Sequence[str]) -> flowrs.Request:  # noqa: ARG002 - it lists all
        return flowrs.Request("/pairs")

    def decode_instruments(self, body: bytes) -> Sequence[flowrs.Instrument]:
        told = msgspec.json.decode(body, type=_Pairs).pairs
        return [self.instrument(each.p, each.b, each.q, each.pd, each.qd) for each in told]
