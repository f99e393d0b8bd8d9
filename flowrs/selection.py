"""Which books and trades a sink follows: those that the operator has named, or all, also those that are kept later.

Whether there is anything new is found out by comparing what the daemon says of its books with what is followed: the
daemon's own events of a book that is added, or kept by the next daemon, differ in nothing from those of any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from flowrs.client import Topic
from flowrs.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowrs.client.results import Facts

Only: TypeAlias = Literal["books", "trades"] | None


class Selection:
    """What is followed by now, and what else is to be."""

    def __init__(self, places: Sequence[tuple[str, str | None]] = (), only: Only = None) -> None:
        """Follow these symbols, each of one venue or (None) of all; without any, all. only: not both."""
        self._places, self._only = places, only
        self._followed: set[str] = set()
        self._seen: set[str] = set()

    def begin(self, books: Iterable[Facts]) -> list[Topic]:
        """Forget what is followed, and return what is to be. Raises UnknownName if it is nothing."""
        wanted = [book for book in books if self._wants(book)]
        if not wanted:
            raise UnknownName("unknown_symbol", "the daemon keeps no book that is to be followed")
        self._followed = {book.id for book in wanted}
        self._seen = set(self._followed)
        return [topic for book in wanted for topic in (*self._books(book), *self._trades(book))]

    def more(self, book: Facts) -> list[Topic]:
        """Return what is to be followed now that a book is as it is; of one that was removed, the book begins anew."""
        if book.state == "disabled":
            self._followed.discard(book.id)
        if book.state == "disabled" or book.id in self._followed or not self._wants(book):
            return []
        known = book.id in self._seen
        self._followed.add(book.id)
        self._seen.add(book.id)
        return [*self._books(book), *(() if known else self._trades(book))]

    def _wants(self, book: Facts) -> bool:
        return not self._places or bool({(book.symbol, book.venue), (book.symbol, None)} & {*self._places})

    def _books(self, book: Facts) -> list[Topic]:
        return [Topic.book(book.symbol, book.venue, mode="every")] if self._only != "trades" else []

    def _trades(self, book: Facts) -> list[Topic]:
        return [Topic.trades(book.symbol, book.venue)] if self._only != "books" else []
