"""What the daemon has said last, in the dashboard's terms: no I/O, and nobody is told from here.

A book is live only by an event that brings its levels. That a book is live again and the levels that make it so may
come one after the other, and old levels must never be shown as live in between.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from flowrs._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowrs.client import Book, BookState, Facts, Level, Metrics, Status, Trade, Trades, Venue

REPLAYED = 50
"""How many trades of a symbol are kept for those who select it."""

_PERPETUAL = "-PERP"


class Daemon(NamedTuple):
    """Whether the daemon answers; if not, why. `version` is that of the daemon, before the first one the gateway's."""

    is_up: bool
    message: str = ""
    version: str = __version__


class Shown:
    """One venue's book of one instrument: what is said of it, and its best levels."""

    def __init__(self, facts: Facts, exchange: str, symbol: str) -> None:
        """Begin without levels; `exchange` and `symbol` are the names on the dashboard."""
        self.id, self.venue, self.instrument = facts.id, facts.venue, facts.symbol
        self.exchange, self.symbol = exchange, symbol
        self.state = "syncing"
        self.reason: str | None = None
        self.verified: str | None = None
        self.epoch, self.seq, self.recv_ns = facts.epoch, facts.seq, facts.recv_ns
        self.bids: tuple[Level, ...] = ()
        self.asks: tuple[Level, ...] = ()

    def standing(self, facts: Facts) -> bool:
        """Take what is said of it; returns whether its state, reason, proof or epoch differ from before."""
        before = self.trust
        self.state, self.reason, self.verified = facts.state, facts.reason, facts.verified
        self.epoch, self.seq, self.recv_ns = facts.epoch, facts.seq, facts.recv_ns
        return self.trust != before

    @property
    def trust(self) -> tuple[str, str | None, str | None, int]:
        """What is worth telling at once when it changes."""
        return self.state, self.reason, self.verified, self.epoch


class Market:
    """All books, the latest trades of each symbol, the newest metrics; and what of it nobody has been told yet."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.daemon = Daemon(is_up=False, message="not connected yet")
        self.books: dict[str, Shown] = {}
        self.exchanges: dict[str, str] = {}
        self.metrics: Metrics | None = None
        self.trades: dict[str, deque[tuple[str, Trade]]] = {}
        self.changed: dict[str, None] = {}
        """The books of which there is something new."""
        self.doubted: dict[str, None] = {}
        """Those of them whose trust has changed."""

    @property
    def symbols(self) -> list[str]:
        """The symbols on the dashboard, each once, in the daemon's order."""
        return list(dict.fromkeys(book.symbol for book in self.books.values()))

    def begin(self, status: Status, venues: Iterable[Venue]) -> None:
        """Take the books of a daemon. None is live before its levels come; those that were known keep theirs."""
        self.exchanges = {venue.venue: venue.name for venue in status.venues}
        groups = groups_of(venues)
        before, self.books = self.books, {}
        for facts in status.list:
            exchange, symbol = self._names(facts.venue, facts.symbol, groups.get(facts.id, facts.symbol))
            book = before.get(facts.id)
            if book is None or (book.exchange, book.symbol) != (exchange, symbol):
                book = Shown(facts, exchange, symbol)
            if not facts.is_live and book.standing(facts):
                self._note(book, is_doubted=True)
            self.books[book.id] = book
        there = {(book.id, book.symbol) for book in self.books.values()}
        self.trades = {
            symbol: deque((each for each in kept if (each[0], symbol) in there), REPLAYED)
            for symbol, kept in self.trades.items()
        }

    def show(self, book: Book) -> None:
        """Take a book with its levels."""
        shown = self.books[book.id]
        shown.bids, shown.asks = book.bids, book.asks
        self._note(shown, is_doubted=shown.standing(book))

    def doubt(self, state: BookState) -> bool:
        """Take what a book without its levels is worth; returns whether that is news."""
        shown = self.books[state.id]
        if state.is_live or not shown.standing(state):
            return False
        self._note(shown, is_doubted=True)
        return True

    def gain(self, version: str) -> None:
        """Say that there is a daemon: its books, and the levels of those that are live, have come."""
        self.daemon = Daemon(is_up=True, version=version)

    def lose(self, reason: str) -> bool:
        """Trust no book any more: the daemon is gone. Returns whether that, or why, is new."""
        self.metrics = None
        before, self.daemon = self.daemon, self.daemon._replace(is_up=False, message=reason)
        for book in self.books.values():
            trust = book.trust
            book.state, book.reason, book.verified = "stale", "disconnected", None
            if book.trust != trust:
                self._note(book, is_doubted=True)
        return self.daemon != before

    def trade(self, event: Trades) -> list[tuple[str, Trade]]:
        """Take new trades, and return them with their book's full name, oldest first."""
        if event.id not in self.books:
            return []
        symbol = self.books[event.id].symbol
        new = [(event.id, trade) for trade in event.trades]
        self.trades.setdefault(symbol, deque(maxlen=REPLAYED)).extend(new)
        return new

    def remember(self, kept: Mapping[str, Iterable[Trade]]) -> None:
        """Take the trades of before, by their book's full name."""
        rows = sorted(
            ((id_, trade) for id_, trades in kept.items() for trade in trades), key=lambda row: row[1].recv_ns
        )
        self.trades = {}
        for id_, trade in rows:
            self.trades.setdefault(self.books[id_].symbol, deque(maxlen=REPLAYED)).append((id_, trade))

    def of(self, symbol: str | None) -> list[Shown]:
        """Return the books of a symbol, None: all."""
        return [book for book in self.books.values() if symbol in (None, book.symbol)]

    def _note(self, book: Shown, *, is_doubted: bool) -> None:
        self.changed[book.id] = None
        if is_doubted:
            self.doubted[book.id] = None

    def _names(self, venue: str, instrument: str, group: str) -> tuple[str, str]:
        exchange = self.exchanges.get(venue, venue)
        if instrument.endswith(_PERPETUAL):
            exchange += " Perp"
        return exchange, group.replace("-", "", 1)


def groups_of(venues: Iterable[Venue]) -> dict[str, str]:
    """Return the symbol that stands for each book's group, by the book's full name."""
    return {f"{venue.venue}:{symbol}": group for venue in venues for symbol, group in venue.groups.items()}
