"""Exchanges that are made up, one of each kind of numbering that the example plugins do not have, and their files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Raw, Struct, field

import flowrs
from flowrs import Checksum, Continuity, Numbered, Objects, Recovery, Sided

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEAD = """
venue = "{name}"
path = "/stream"
native = "<base><quote>"

[instruments]
path = "/v1/pairs"
answer = '[<all>]'
each = '{{"id":"<native>","b":"<base>","q":"<quote>","pd":<price_decimals>,"qd":<quantity_decimals>}}'

[requests]
subscribe = "SUB"
unsubscribe = "UNSUB"
ack = '{{"op":"<word>"{number}}}'

[heartbeat]
frame = '{{"op":"alive"{number}}}'
every_s = 1.0

[trades]
channel = "trades"
frame = '{{"ch":"trades","id":"<native>","n":<id>,"p":"<price>","s":"<quantity>","d":"<side>","t":<ms>{number}}}'

[book]
channel = "depth"
padded = true
"""

ORCHID = (
    _HEAD.format(name="orchid", number="")
    + """
numbers = "chained"
level = '{"p":<price>,"s":<quantity>}'
update = '{"ch":"depth","id":"<native>","t":<ms>,"from":<first>,"to":<last>,"bid":<bids>,"ask":<asks>}'

[rest_snapshot]
path = "/v1/depth"
key = "id"
levels = 200
answer = '{"to":<last>,"bid":<bids>,"ask":<asks>}'
"""
)
LILY = (
    _HEAD.format(name="lily", number=',"no":<number>')
    + """
numbers = "connection"
level = '{"side":"<side>","p":"<price>","s":"<quantity>"}'
bid = "b"
ask = "a"
snapshot = '{"ch":"whole","id":"<native>","t":<ms>,"levels":<levels>,"no":<number>}'
update = '{"ch":"depth","id":"<native>","t":<ms>,"levels":<levels>,"no":<number>}'
"""
)
FERN = (
    _HEAD.format(name="fern", number="")
    + """
numbers = "unnumbered"
level = '["<price>","<quantity>"]'
snapshot = '{"ch":"whole","id":"<native>","t":<ms>,"bid":<bids>,"ask":<asks>,"crc":<checksum>}'
update = '{"ch":"depth","id":"<native>","t":<ms>,"bid":<bids>,"ask":<asks>,"crc":<checksum>}'

[checksum]
form = "digits"
levels = 10
"""
)


class _Reply(flowrs.Reply):
    op: Literal["SUB", "UNSUB", "alive"]
    refusal: str | None = None


class _Pair(Struct):
    id: str
    b: str
    q: str
    pd: int
    qd: int


class _Trade(flowrs.Trade, tag_field="ch", tag="trades"):
    symbol: str = field(name="id")
    price: str = field(name="p")
    quantity: str = field(name="s")
    side: flowrs.Side = field(name="d")
    id: int = field(name="n")
    time: int = field(name="t")


class _Garden(flowrs.Connector):
    """What they have in common."""

    title = "Garden"
    url = "wss://garden.example/stream"
    rest_url = "https://garden.example"
    recovery = Recovery.RESUBSCRIBE
    unsubscribing = ("SUB", "UNSUB")

    def subscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return [f"SUB {channel} {each.native}" for each in instruments for channel in ("depth", "trades")]

    def resubscribe(self, instruments: Sequence[flowrs.Instrument]) -> Sequence[str]:
        return [f"{word} depth {each.native}" for each in instruments for word in ("UNSUB", "SUB")]

    def ask_instruments(self, natives: Sequence[str]) -> flowrs.Request:  # noqa: ARG002 - it lists all
        return flowrs.Request("/v1/pairs")

    def decode_instruments(self, body: bytes) -> Sequence[flowrs.Instrument]:
        told = msgspec.json.decode(body, type=list[_Pair])
        return [self.instrument(each.id, each.b, each.q, each.pd, each.qd) for each in told]


class _Depth(flowrs.BookUpdate, tag_field="ch", tag="depth"):
    symbol: str = field(name="id")
    time: int = field(name="t")
    first: int = field(name="from")
    last: int = field(name="to")
    bids: Raw = field(name="bid")
    asks: Raw = field(name="ask")


class _Answer(flowrs.BookSnapshot):
    last: int = field(name="to")
    bids: Raw = field(name="bid")
    asks: Raw = field(name="ask")


class Orchid(_Garden):
    """Chained, with snapshots by REST of 200 levels, objects of bare numbers."""

    name = "orchid"
    continuity = Continuity.CHAINED
    recovery = Recovery.REST
    spelling = Objects("p", "s")
    snapshot_levels = 200

    def decode(self, frame: bytes) -> Sequence[flowrs.Event]:
        try:
            return (msgspec.json.decode(frame, type=_Depth | _Trade),)
        except msgspec.ValidationError:
            return (msgspec.json.decode(frame, type=_Reply),)

    def snapshot_request(self, instrument: flowrs.Instrument) -> flowrs.Request:
        return flowrs.Request(f"/v1/depth?id={instrument.native}")

    def decode_snapshot(self, body: bytes) -> flowrs.BookSnapshot:
        return msgspec.json.decode(body, type=_Answer)


class _Frame(Numbered):
    number: int = field(name="no")


class _Mixed(Struct):
    symbol: str = field(name="id")
    time: int = field(name="t")
    bids: Raw = field(name="levels")
    asks: Raw = field(default_factory=Raw)  # nothing: the bids have both sides
    last: int = field(name="no", default=0)


class _MixedUpdate(_Mixed, flowrs.BookUpdate, tag_field="ch", tag="depth"):
    """Changes."""


class _MixedSnapshot(_Mixed, flowrs.BookSnapshot, tag_field="ch", tag="whole"):
    """All of it."""


class Lily(_Garden):
    """Every frame of the connection is numbered; both sides are in one list."""

    name = "lily"
    continuity = Continuity.CONNECTION
    spelling = Sided("side", "b", "a", "p", "s")

    def decode(self, frame: bytes) -> Sequence[flowrs.Event]:
        number = msgspec.json.decode(frame, type=_Frame)
        try:
            return (number, msgspec.json.decode(frame, type=_MixedUpdate | _MixedSnapshot | _Trade))
        except msgspec.ValidationError:
            return (number, msgspec.json.decode(frame, type=_Reply))


class _Proved(Struct):
    symbol: str = field(name="id")
    time: int = field(name="t")
    bids: Raw = field(name="bid")
    asks: Raw = field(name="ask")
    checksum: int = field(name="crc")


class _ProvedUpdate(_Proved, flowrs.BookUpdate, tag_field="ch", tag="depth"):
    """Changes."""


class _ProvedSnapshot(_Proved, flowrs.BookSnapshot, tag_field="ch", tag="whole"):
    """All of it."""


class Fern(_Garden):
    """Nothing is numbered, and each message has a checksum of the best ten."""

    name = "fern"
    continuity = Continuity.UNNUMBERED
    checksum = Checksum("digits", 10)

    def decode(self, frame: bytes) -> Sequence[flowrs.Event]:
        try:
            return (msgspec.json.decode(frame, type=_ProvedUpdate | _ProvedSnapshot | _Trade),)
        except msgspec.ValidationError:
            return (msgspec.json.decode(frame, type=_Reply),)
