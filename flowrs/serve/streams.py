"""What subscribers are told beside books: trades, how venues are, and metrics.

Nothing is asked of the feed for it: who follows remembers the last trade seen and how each connection was, and looks
again when something has come. So what nobody follows costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowrs.serve import facts
from flowrs.serve.channels import Book, Each, Newest
from flowrs.serve.protocol import RequestError, event

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowrs.api import Trade
    from flowrs.core import Notices
    from flowrs.serve.consolidated import Consolidation
    from flowrs.serve.metrics import Metrics
    from flowrs.serve.outbox import Outbox
    from flowrs.serve.sources import VenueSource


class Together(Newest):
    """The consolidated book of one symbol and its group; while no book of it is live, how they are.

    It looks for itself whether one of its books was published anew: which books these are may change.
    """

    def __init__(self, key: str, consolidation: Consolidation, symbol: str, depth: int) -> None:
        """Show so many levels a side. Raises RequestError if no book of the symbol is kept."""
        super().__init__(key)
        self._consolidation, self._symbol, self._depth = consolidation, symbol, depth
        self._published = self._publications()

    @property
    def is_over(self) -> bool:
        """Whether no book of the symbol is kept any more."""
        return not self._published

    def is_new(self) -> bool:
        """Whether one of its books was published, has come or has gone."""
        before, self._published = self._published, self._publications()
        return self._published != before

    def words(self) -> bytes:
        """Return the book, or how its parts are."""
        if not self._published:
            return event(self.key, "state", {"symbol": self._symbol, "parts": []})
        is_live, told = self._consolidation.family(self._symbol).told(self._symbol, self._depth)
        return event(self.key, "consolidated" if is_live else "state", told)

    def _publications(self) -> list[tuple[str, int]]:
        try:
            books = self._consolidation.family(self._symbol).books
        except RequestError:
            return []
        return [(book.name, book.header().publish_ns) for book in books]


class Trades(Each):
    """The trades of one symbol, at one venue or at all that keep it."""

    def __init__(self, key: str, venues: Mapping[str, VenueSource], symbol: str, only: str | None = None) -> None:
        """Tell what comes from now on, at `only` that venue or at whichever there are when it comes."""
        super().__init__(key)
        self._all, self._symbol, self._only = venues, symbol, only
        self._last = {venue.name: self._newest(venue) for venue in self._venues}

    @property
    def _venues(self) -> list[VenueSource]:
        return [venue for name, venue in self._all.items() if self._only in (None, name)]

    def welcome(self, reader: Outbox) -> None:
        """There is nothing to tell before the next trade."""

    def news(self) -> bytes:
        """Return the trades since the last time, an event a venue."""
        return b"".join(
            event(self.key, "trades", facts.trades(venue, self._symbol, trades))
            for venue in self._venues
            if (trades := self._since(venue))
        )

    def _newest(self, venue: VenueSource) -> tuple[Trade, int] | None:
        kept = venue.trades.get(self._symbol)
        return kept[-1] if kept else None

    def _since(self, venue: VenueSource) -> list[tuple[Trade, int]]:
        """Return what has come after the last one seen; each trade that is kept is an object of its own."""
        last, newest = self._last.get(venue.name), self._newest(venue)
        if newest is None or newest is last:
            return []
        self._last[venue.name] = newest
        found = []
        for each in reversed(venue.trades[self._symbol]):
            if each is last:
                break
            found.append(each)
        found.reverse()
        return found


class Venues(Each):
    """How all books and connections are, and each change of it."""

    def __init__(self, key: str, venues: Mapping[str, VenueSource], notices: Notices) -> None:
        """Watch `venues`, and whatever books they have."""
        super().__init__(key)
        self._venues, self._notices = venues, notices
        self._marks = notices.marks
        self._trust = {book.replica: (book, book.trust) for book in self._books()}
        self._states = self._connections()

    def welcome(self, reader: Outbox) -> None:
        """Tell how all of it is."""
        told = {
            "venues": [facts.venue_row(venue) for venue in self._venues.values()],
            "books": [book.facts() for book in self._books()],
        }
        reader.push(event(self.key, "venues", told), self.key)

    def news(self) -> bytes:
        """Return the books and the connections that have changed."""
        if self._marks == self._notices.marks:
            return b""
        self._marks = self._notices.marks
        return b"".join((*self._changed_books(), *self._changed_connections()))

    def _books(self) -> Iterator[Book]:
        for venue in self._venues.values():
            for replica in venue.replicas.values():
                yield Book(venue, replica)

    def _changed_books(self) -> Iterator[bytes]:
        before = self._trust
        self._trust = {book.replica: (book, book.trust) for book in self._books()}
        for replica, (book, _) in (before | self._trust).items():
            now = book.trust
            if replica not in before or now != before[replica][1]:
                yield event(self.key, "state", book.facts())

    def _connections(self) -> dict[str, str]:
        return {each.name: each.state for venue in self._venues.values() for each in venue.connections}

    def _changed_connections(self) -> Iterator[bytes]:
        before, self._states = self._states, self._connections()
        for venue in self._venues.values():
            for each in venue.connections:
                if before.get(each.name) != each.state:
                    yield event(self.key, "connection", {"venue": venue.name, **facts.connection(each)})


class Measures(Newest):
    """What the daemon measures, once a second."""

    ticks = True

    def __init__(self, key: str, metrics: Metrics) -> None:
        """Tell `metrics`."""
        super().__init__(key)
        self._metrics = metrics

    def words(self) -> bytes:
        """Return all of it."""
        return event(self.key, "metrics", self._metrics.answer())
