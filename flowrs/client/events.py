"""What a subscription yields, as frozen values: what the daemon sends (docs/protocol.md), and what the client adds.

The client adds `Disconnected` and `Reconnected`. Between the two nothing is known: no book may be taken for live then,
however recent its last event.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from flowrs.client.measures import Metrics
from flowrs.client.merged import Consolidated, Part
from flowrs.client.results import Book, Connection, Counts, Facts, Level, Touch, Trades, VenueStatus, Window


class BookState(Facts, frozen=True, kw_only=True):
    """What a book is worth from now on, without its levels."""


class Snapshot(Touch, Facts, frozen=True, kw_only=True):
    """All known levels of a book. After each delta only the best `cut` levels a side stay; None: all do."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    levels: Counts
    window: Window
    cut: int | None = None


class Delta(Struct, frozen=True, kw_only=True):
    """A change of a book: new quantities at prices, 0 where a level is gone. It follows the event of `prev_seq`."""

    venue: str = ""  # this and the symbol are in the subscription's key, from where the client fills them in
    symbol: str = ""
    epoch: int
    prev_seq: int
    seq: int
    exchange_ns: int
    recv_ns: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    @property
    def id(self) -> str:
        """The book's full name: "binance:BTC-USDT"."""
        return f"{self.venue}:{self.symbol}"


class NothingLive(Struct, frozen=True):
    """No book of a consolidated one is live."""

    symbol: str
    parts: tuple[Part, ...]


class VenueStates(Struct, frozen=True):
    """All venues' connections and all books' states, at the beginning."""

    venues: tuple[VenueStatus, ...]
    books: tuple[Facts, ...]


class ConnectionState(Connection, frozen=True, kw_only=True):
    """A connection to an exchange is in another state from now on."""

    venue: str


class Disconnected(Struct, frozen=True):
    """The daemon is gone or silent. What is known of books is history until it is said anew; the client tries on."""

    reason: str


class Reconnected(Struct, frozen=True):
    """There is a daemon again. `resumed` names the books of which no change is lost; the others begin anew."""

    resumed: tuple[str, ...]


class Overflow(Struct, frozen=True):
    """More has happened than the daemon keeps for a slow reader. Raised as `TooSlow`, not yielded."""

    message: str = ""


Link: TypeAlias = Disconnected | Reconnected
BookEvent: TypeAlias = Book | BookState | Snapshot | Delta | Link
ConsolidatedEvent: TypeAlias = Consolidated | NothingLive | Link
TradesEvent: TypeAlias = Trades | Link
VenuesEvent: TypeAlias = VenueStates | BookState | ConnectionState | Link
MetricsEvent: TypeAlias = Metrics | Link
Event: TypeAlias = BookEvent | ConsolidatedEvent | TradesEvent | VenuesEvent | MetricsEvent
