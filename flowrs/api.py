"""What a connector is made of: the facts and translations that make an exchange known to flowrs.

A connector declares facts and translates bytes; it has no I/O, no async and no state of its own. Sockets, back-off,
snapshots, continuity and books are the engine's. The wire structs *are* the events: a connector subclasses
`BookUpdate`, `Trade` … and names its exchange's keys with `msgspec.field(name=…)`, so that nothing is copied. The event
classes declare no fields of their own (but to the type checker) because msgspec does not apply a subclass's names to
inherited fields; what has to be there is in each docstring, and what may be left out has its default as a class
attribute.
"""

from __future__ import annotations

import enum
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import Raw

Side = Literal["buy", "sell"]

PLUGIN_API = 1
"""The version of this contract; a plugin may compare it."""

_PERPETUAL = "-PERP"


class Continuity(enum.Enum):
    """How the exchange numbers its book updates: what must hold between one and the next."""

    CHAINED = "chained"
    """`first` == the previous `last` + 1; a snapshot joins where `first` <= its `last` + 1 <= `last` (Binance spot)."""
    LINKED = "linked"
    """`prev` == the previous `last`, whatever `first` is; a snapshot joins where `first` <= its `last` <= `last`, or
    `prev` == its `last` (Binance USD-M). An exchange without `first` (leave it out): where `prev` <= its `last` <=
    `last`."""
    COUNTED = "counted"
    """`last` == the previous `last` + 1, a symbol (Bybit)."""
    CONNECTION = "connection"
    """Every frame of the connection is numbered: `decode` puts a `Numbered` before its events (Coinbase)."""
    UNNUMBERED = "unnumbered"
    """Nothing is numbered: `checksum` is what shows a loss (Kraken)."""


class Recovery(enum.Enum):
    """How a symbol gets a new snapshot."""

    REST = "rest"
    """By `snapshot_request`."""
    RESUBSCRIBE = "resubscribe"
    """By `resubscribe`: the stream begins with a snapshot."""


class Pairs(Struct, frozen=True):
    """Levels spelled [["price","quantity",…],…]."""


class Objects(Struct, frozen=True):
    """Levels spelled [{"price":…,"qty":…},…], with these keys."""

    price: str
    quantity: str


class Sided(Struct, frozen=True):
    """Both sides in one list, which an event has as its `bids`: [{"side":"bid","price":…,"quantity":…},…].

    Its `asks` are empty: `Raw()`.
    """

    side: str
    bid: str
    ask: str
    price: str
    quantity: str


class Checksum(Struct, frozen=True):
    """A CRC-32 over the text of the best `levels` levels a side.

    form "digits": asks, then bids, the digits of price and quantity at the instrument's decimals without leading zeros
    (Kraken); "colon": bid and ask in turn, price:quantity as written, a signed number (OKX).
    """

    form: Literal["digits", "colon"]
    levels: int


class Ping(Struct, frozen=True):
    """A text message that the exchange wants every so often."""

    text: str
    every_s: float


class Rate(Struct, frozen=True):
    """At most `count` in any `per_s` seconds."""

    count: int
    per_s: float


def decimals_of(step: str) -> int:
    """Return how many decimals a step of this size has: 2 for "0.01000000", 0 for "1" or "10"."""
    exponent = Decimal(step).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


class Event(Struct):
    """Something the exchange has said."""


class BookUpdate(Event):
    """Changes of one book: absolute quantities by price, 0 removes. Which of its fields count, `Continuity` says."""

    if TYPE_CHECKING:

        @property
        def symbol(self) -> str:
            """The exchange's name of the instrument."""

        @property
        def first(self) -> int:
            """The first number that it covers (CHAINED; LINKED, if the exchange tells it)."""

        @property
        def last(self) -> int:
            """The last number that it covers (all but UNNUMBERED)."""

        @property
        def prev(self) -> int:
            """The number of the update before (LINKED); else 0."""

        @property
        def time(self) -> int:
            """The exchange's time in `Connector.time_unit_ns`; 0: not told."""

        @property
        def bids(self) -> Raw:
            """The bids as they are in the frame."""

        @property
        def asks(self) -> Raw:
            """The asks as they are in the frame."""

        @property
        def checksum(self) -> int | None:
            """The exchange's checksum of the book after it; None: not told."""

    else:
        first = last = prev = time = 0
        checksum = None


class BookSnapshot(Event):
    """A whole book: the answer to `Connector.snapshot_request`, or what a stream begins with."""

    if TYPE_CHECKING:

        @property
        def symbol(self) -> str:
            """The exchange's name of the instrument, if it comes through the stream; else ""."""

        @property
        def last(self) -> int:
            """The number up to which it holds everything (all but UNNUMBERED)."""

        @property
        def time(self) -> int:
            """The exchange's time in `Connector.time_unit_ns`; 0: not told."""

        @property
        def bids(self) -> Raw:
            """The bids as they are in the frame."""

        @property
        def asks(self) -> Raw:
            """The asks as they are in the frame."""

        @property
        def checksum(self) -> int | None:
            """The exchange's checksum of it; None: not told."""

    else:
        symbol = ""
        time = 0
        checksum = None


class Trade(Event):
    """One trade."""

    if TYPE_CHECKING:

        @property
        def symbol(self) -> str:
            """The exchange's name of the instrument."""

        @property
        def price(self) -> str:
            """The exchange's text."""

        @property
        def quantity(self) -> str:
            """The exchange's text, in the base currency."""

        @property
        def id(self) -> int | str:
            """The exchange's number of it."""

        @property
        def time(self) -> int:
            """The exchange's time in `Connector.time_unit_ns`; 0: not told."""

        @property
        def side(self) -> Side:
            """What the taker did."""

    else:
        time = 0


class Reply(Event):
    """The exchange's answer to a subscription. Property or field: `refusal: str | None`, its words if it refused."""

    if TYPE_CHECKING:

        @property
        def refusal(self) -> str | None:
            """The exchange's words if it refused."""


class Numbered(Event):
    """The number of the frame on its connection, before the frame's other events (Continuity.CONNECTION only).

    The frame's own struct may be it, with `number` declared anew by the exchange's key.
    """

    number: int


class Heartbeat(Event):
    """The exchange says that it is there, and nothing else."""


class Farewell(Event):
    """The exchange says that it is about to close the connection: the engine reconnects."""


class Instrument(Struct, frozen=True):
    """What is traded: canonical symbol ("BTC-USDT"), the exchange's own name, and the decimals of its numbers."""

    symbol: str
    native: str
    base: str
    quote: str
    price_decimals: int = 8
    quantity_decimals: int = 8


class Listing(Event):
    """The facts about instruments, where they come through the stream (`Connector.ask_instruments`)."""

    instruments: list[Instrument]


class Request(Struct, frozen=True):
    """A REST request: GET `path` (with its query) below the venue's `rest_url`, at a cost of `weight` of its budget."""

    path: str
    weight: int = 1


class Connector:
    """One venue: subclass it, set the facts, write the translations, return the class from the hook.

    Every method gets and returns plain values; a method that raises fails the step it belongs to, and says so by the
    plugin's name.
    """

    name: ClassVar[str]
    """The venue's id, in lower case: "binance"."""
    title: ClassVar[str]
    """Its name for people: "Binance"."""
    url: ClassVar[str]
    """The WebSocket endpoint, wss://…"""
    rest_url: ClassVar[str] = ""
    """The REST endpoint, https://…; "" if nothing is asked there."""
    trades_url: ClassVar[str | None] = None
    """The WebSocket endpoint of trades, if that is another one: then `subscribe_trades` is for it."""
    separator: ClassVar[str] = ""
    """What stands between base and quote in the exchange's names of instruments: "/" in "BTC/USD"."""
    perpetual: ClassVar[bool] = False
    """Whether its instruments are perpetuals: then their canonical symbols end in "-PERP"."""
    continuity: ClassVar[Continuity]
    """How the exchange numbers the updates of a book, which is what shows that one is lost."""
    recovery: ClassVar[Recovery] = Recovery.REST
    """Where a book that is lost gets a new snapshot from."""
    spelling: ClassVar[Pairs | Objects | Sided] = Pairs()
    """How a level stands in the bids and asks of an event."""
    depth: ClassVar[int] = 0
    """To how many levels a side the exchange's rule cuts the book after each update; 0: it announces each removal."""
    checksum: ClassVar[Checksum | None] = None
    """How the exchange's checksums are made, if it sends some."""
    snapshot_levels: ClassVar[int] = 0
    """How many levels a side `snapshot_request` yields at most; 0: all there are. Behind them the book is unknown."""
    stream_levels: ClassVar[int] = 0
    """How many levels a side the stream shows at most, telling what enters and leaves at its end; 0: all there are."""
    time_unit_ns: ClassVar[int] = 1_000_000
    """The unit of `time` in its events, in ns: milliseconds unless said otherwise."""
    unsubscribing: ClassVar[tuple[str, str] | None] = None
    """What a frame of `subscribe` has to say instead to end that subscription: ("subscribe", "unsubscribe").

    The first place of the one word gets the other. None: what still comes of a symbol that is kept no longer is ignored
    until its connection ends.
    """
    templates: ClassVar[Sequence[str]] = ()
    """Updates of one book and single trades by example (at most 8): the C library takes frames that look like one.

        {"e":"depthUpdate","E":<time>,"s":"<symbol>","U":<first>,"u":<last>,"b":<bids>,"a":<asks>}
        {"e":"trade","E":<>,"s":"<symbol>","t":<id>,"p":"<price>","q":"<quantity>","T":<time>,"m":<true|false>}

    In angle brackets is what changes; all else has to be there byte by byte. The names are those of the event: `symbol`
    (before the levels, at the end of a string; a second one has to be the same), `first`, `last`, `prev`, `checksum`,
    `bids`, `asks`, `time` or, as text in UTC, `moment`; and `number`, of a `Numbered`. `<>` is a number, true, false,
    null or a plain string that `decode` makes nothing of, `<true|false>` one of these texts. A trade has `symbol`,
    `price` and `quantity`, and may have `id` and a time: its frame is kept, and decoded when somebody asks for trades.

    Any other frame goes to `decode`, and so does one that does not follow or fit. What a template shows, `decode` has
    to read in the same way: as one update or one trade (behind a `Numbered`).
    """
    ping: ClassVar[Ping | None] = None
    """What the exchange wants to hear; WebSocket pings are answered in any case."""
    instruments_per_connection: ClassVar[int] = 100
    """How many instruments share a connection; what breaks one connection touches no more books than these."""
    lifetime_s: ClassVar[float] = math.inf
    """After how long the exchange closes each connection; the engine changes to a new one before."""
    connects: ClassVar[Rate] = Rate(5, 1.0)
    """How many connections may be opened."""
    messages: ClassVar[Rate] = Rate(5, 1.0)
    """How many messages may be sent."""
    weight: ClassVar[Rate] = Rate(1200, 60.0)
    """How much weight of REST requests may be spent."""

    Settings: ClassVar[type[Struct] | None] = None
    """What the operator may set in the plugin's section of the configuration, `[plugins.NAME]`: a struct whose fields
    all have defaults. All connectors of a plugin have the same one."""
    settings: Any = None
    """The section, as a `Settings`; set by the engine before any method is called."""

    def subscribe(self, instruments: Sequence[Instrument]) -> Sequence[str]:
        """Return the frames that subscribe to books and trades of these instruments."""
        raise NotImplementedError

    def subscribe_trades(self, instruments: Sequence[Instrument]) -> Sequence[str]:
        """Return the frames that subscribe to trades, where `trades_url` is set."""
        raise NotImplementedError

    def resubscribe(self, instruments: Sequence[Instrument]) -> Sequence[str]:
        """Return the frames that end the subscription to books and begin it again (Recovery.RESUBSCRIBE only)."""
        raise NotImplementedError

    def decode(self, frame: bytes) -> Sequence[Event]:
        """Return the events of a frame, in their order.

        Raises msgspec.MsgspecError for a frame that is none of the exchange's: it is counted, and every book that it
        may have been for is doubted until its numbering proves that nothing is missing. Never drop what is not known.
        """
        raise NotImplementedError

    def ask_instruments(self, natives: Sequence[str]) -> Request | Sequence[str]:
        """Return the request for the facts about instruments, known by the exchange's own names.

        Frames instead of a request are sent over a connection of their own, and `decode` turns the answer into a
        `Listing`.
        """
        raise NotImplementedError

    def decode_instruments(self, body: bytes) -> Sequence[Instrument]:
        """Return the instruments of the answer. It may hold others, and may lack some that were asked for."""
        raise NotImplementedError

    def native(self, symbol: str) -> str:
        """Return the exchange's name of a canonical symbol: "BTCUSDT" for "BTC-USDT".

        It follows from `separator` and `perpetual`; override it where the exchange has other names.
        """
        return (symbol.removesuffix(_PERPETUAL) if self.perpetual else symbol).replace("-", self.separator)

    def instrument(self, native: str, base: str, quote: str, price: str | int, quantity: str | int) -> Instrument:
        """Return the facts about an instrument, with the canonical symbol that follows from base, quote and kind.

        `price` and `quantity` say how fine each is: by the step it moves in ("0.01"), or by its decimals (2).
        """
        symbol = f"{base}-{quote}{_PERPETUAL if self.perpetual else ''}"
        fine = [each if isinstance(each, int) else decimals_of(each) for each in (price, quantity)]
        return Instrument(symbol, native, base, quote, *fine)

    def snapshot_request(self, instrument: Instrument) -> Request:
        """Return the request for a snapshot of the book."""
        raise NotImplementedError

    def decode_snapshot(self, body: bytes) -> BookSnapshot:
        """Return the snapshot of the answer."""
        raise NotImplementedError
