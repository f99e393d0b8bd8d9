"""What the daemon answers, as frozen values: the fields are those of docs/protocol.md, prices and quantities `Decimal`.

A `Decimal` keeps the daemon's text, zeros at its end included (`f"{price:f}"` gives it back), so nothing is rounded;
floats were rejected for that, and text because nobody can reckon with it. It costs 0.1 µs a number. Fields that a later
daemon adds are ignored, and states and reasons are plain text, so that a new one does not break an old client.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

_HALF = Decimal("0.5")


class Level(Struct, frozen=True, gc=False, array_like=True):
    """A price, and how much is offered at it; `price, quantity = level` works too."""

    price: Decimal
    quantity: Decimal

    def __iter__(self) -> Iterator[Decimal]:
        """Take it apart."""
        yield self.price
        yield self.quantity


class Facts(Struct, frozen=True, kw_only=True):
    """What is said of a book wherever it is spoken of.

    `state` is "empty", "syncing", "live", "stale" or "disabled", `reason` why it is not live, `verified` what shows
    that it is right. `seq` only grows within an `epoch`. Times are ns since 1970, 0 if not known; `age_ms` was the age
    of the last update when the daemon said this.
    """

    venue: str
    symbol: str
    state: str
    reason: str | None
    verified: str | None
    epoch: int
    seq: int
    age_ms: float | None
    exchange_ns: int
    recv_ns: int
    publish_ns: int

    @property
    def id(self) -> str:
        """The book's full name: "binance:BTC-USDT"."""
        return f"{self.venue}:{self.symbol}"

    @property
    def is_live(self) -> bool:
        """Whether the book equalled the exchange's when this was said."""
        return self.state == "live"

    def age_s(self) -> float | None:
        """How long ago the last update was received, by now; None before the first one."""
        return (time.time_ns() - self.recv_ns) / 1e9 if self.recv_ns else None


class Touch:
    """The best prices of whatever has two sides, each a sequence of levels, best first."""

    __slots__ = ()
    bids: Any
    asks: Any

    @property
    def bid(self) -> Level | None:
        """The best bid, None if there is none."""
        best: Level | None = self.bids[0] if self.bids else None
        return best

    @property
    def ask(self) -> Level | None:
        """The best ask, None if there is none."""
        best: Level | None = self.asks[0] if self.asks else None
        return best

    @property
    def spread(self) -> Decimal | None:
        """The best ask less the best bid, None if a side is empty."""
        return self.ask.price - self.bid.price if self.bid and self.ask else None

    @property
    def mid(self) -> Decimal | None:
        """The middle of the best prices, None if a side is empty."""
        return (self.ask.price + self.bid.price) * _HALF if self.bid and self.ask else None


class Counts(Struct, frozen=True, gc=False):
    """Numbers of levels."""

    bids: int
    asks: int


class Window(Struct, frozen=True, gc=False):
    """The prices between which a book is known, both included; None: no bound."""

    low: Decimal | None
    high: Decimal | None


class Book(Touch, Facts, frozen=True, kw_only=True):
    """A book's best levels."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    levels: Counts
    window: Window


class Trade(Struct, frozen=True, gc=False):
    """A trade; `side` is what the taker did: "buy" or "sell"."""

    price: Decimal
    quantity: Decimal
    side: str
    id: int | str | None
    exchange_ns: int
    recv_ns: int


class Trades(Struct, frozen=True):
    """Trades of one symbol at one venue, oldest first. They say nothing of the book."""

    venue: str
    symbol: str
    trades: tuple[Trade, ...]

    @property
    def id(self) -> str:
        """The full name: "binance:BTC-USDT"."""
        return f"{self.venue}:{self.symbol}"


class Budget(Struct, frozen=True, gc=False):
    """What may be spent now of an exchange's limit: `left` of `count` in `per_s` seconds."""

    left: int
    count: int
    per_s: float


class Venue(Struct, frozen=True):
    """A configured venue; `budgets` are those of connects, messages and the weight of requests.

    `groups` has, for each symbol, the one that stands for all that count as the same instrument.
    """

    venue: str
    name: str
    plugin: str
    url: str
    rest_url: str
    symbols: tuple[str, ...]
    groups: dict[str, str]
    budgets: dict[str, Budget]


class Totals(Struct, frozen=True, gc=False):
    """How many books are kept, and how many of them are live."""

    total: int
    live: int


class Connection(Struct, frozen=True, kw_only=True):
    """A connection to an exchange; `state` is "connecting", "connected" or "waiting" for the next attempt."""

    id: str
    state: str
    since_s: float
    attempt: int
    error: str | None
    retry_in_s: float | None
    symbols: tuple[str, ...]


class Plugin(Struct, frozen=True):
    """How a venue's plugin has behaved since the start.

    `errors` is how often it did not keep its contract, `error` the newest of them; `blocked` how often it kept every
    book waiting for more than 100 ms, `longest_ms` the longest; `held_mb` how much memory it holds, at least.
    """

    module: str
    errors: int
    error: str | None
    blocked: int
    longest_ms: float
    held_mb: float


class VenueStatus(Struct, frozen=True):
    """A venue, its plugin and its connections; `error` says why it has not begun."""

    venue: str
    name: str
    error: str | None
    plugin: Plugin
    connections: tuple[Connection, ...]


class Transition(Struct, frozen=True, gc=False):
    """A change of a book's trust; `reason` is "none" where there is none."""

    time_ns: int
    state: str
    reason: str
    epoch: int


class BookStatus(Facts, frozen=True, kw_only=True):
    """A book without its levels: its best prices whatever the state, and what has happened to it."""

    bid: Decimal | None
    ask: Decimal | None
    levels: Counts
    resyncs: int
    gaps: int
    transitions: tuple[Transition, ...]


class Status(Struct, frozen=True, kw_only=True):
    """The daemon, its connections, and all books (`list`)."""

    version: str
    protocol: int
    pid: int
    socket: str
    uptime_s: float
    books: Totals
    venues: tuple[VenueStatus, ...]
    list: tuple[BookStatus, ...]
    left_out: dict[str, str] = {}
    """Why configured venues are left out, by name."""


class Reconnecting(Struct, frozen=True):
    """The connections that are ended and made anew."""

    connections: tuple[str, ...]


class Removed(Struct, frozen=True):
    """A book is no longer kept. There is nothing to say of it."""
