"""Puts a connector's events into a book: in the exchange's spelling and unit of time, proved by its checksum.

It knows what an event is and what a book takes, and does not decide what a book is worth: that is the replica's, which
says what is put in. What is put in is complete before it is published; and of a live book, what crosses it, or a
snapshot that may go back, is published by the replica's mark, so that nobody takes it for live, or of the epoch before,
until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowrs.api import Continuity, Objects, Pairs, Sided
from flowrs.core import COLON, CROSSED, DIGITS, PAIRS, QUIET, SNAPSHOT, Spelling, State
from flowrs.errors import ChecksumError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.api import BookSnapshot, BookUpdate, Checksum, Connector
    from flowrs.core import Book


def spelling_of(told: Pairs | Objects | Sided) -> Spelling:
    """Return a connector's spelling as the C library knows it."""
    if isinstance(told, Pairs):
        return PAIRS
    if isinstance(told, Objects):
        return Spelling.objects(price=told.price, quantity=told.quantity)
    return Spelling.sided(price=told.price, quantity=told.quantity, side=told.side, bid=told.bid, ask=told.ask)


def form_of(told: Checksum) -> int:
    """Return a checksum's form as the C library knows it."""
    return COLON if told.form == "colon" else DIGITS


class Writer:
    """The way of one connector's events into one book."""

    def __init__(self, connector: Connector, book: Book) -> None:
        """Write to `book`."""
        self.decimals = (8, 8)
        """Of the instrument's prices and quantities, by which checksums are made."""
        self.spelling = spelling_of(connector.spelling)
        self.unit_ns = connector.time_unit_ns
        self._checksum = connector.checksum
        self._numbered = connector.continuity is not Continuity.UNNUMBERED
        self._form = DIGITS if connector.checksum is None else form_of(connector.checksum)
        self._book = book

    def apply(self, event: BookUpdate | BookSnapshot, number: int, flags: int = 0) -> int:
        """Apply an event, and publish it if it is proved, or leave that to the mark; returns the bits of `Book.apply`.

        Raises CoreError, with the book as it was, or ChecksumError, with the book changed and not published.
        """
        book = self._book
        found = book.apply(flags | QUIET, event.bids, event.asks, number, event.time * self.unit_ns, self.spelling)
        self.prove(event, number)
        return found if book.state is State.LIVE and (found & CROSSED or flags & SNAPSHOT) else book.publish()

    def prove(self, event: BookUpdate | BookSnapshot, number: int) -> None:
        """Raise ChecksumError if the exchange sends checksums, and this event's is not that of the book.

        An event may lack it where numbers prove that nothing is missing.
        """
        if self._checksum is None or (event.checksum is None and self._numbered):
            return
        ours = self._book.checksum(self._form, self._checksum.levels, *self.decimals)
        if ours != event.checksum:
            message = f"the exchange's checksum is {event.checksum}, ours {ours}"
            raise ChecksumError(message, symbol=self._book.name.partition(":")[2], seq=number)

    def rebuild(self, snapshot: BookSnapshot, updates: Sequence[BookUpdate]) -> int:
        """Put a snapshot and the updates behind it into the book, and publish as `apply` does; returns the same bits.

        CROSSED also if it was crossed on the way. Raises CoreError with a part of them in the book.
        """
        apply, unit_ns, how = self._book.apply, self.unit_ns, self.spelling
        found = apply(SNAPSHOT | QUIET, snapshot.bids, snapshot.asks, snapshot.last, snapshot.time * unit_ns, how)
        for update in updates:
            found |= apply(QUIET, update.bids, update.asks, update.last, update.time * unit_ns, how)
        is_for_mark = found & CROSSED and self._book.state is State.LIVE
        return found if is_for_mark else self._book.publish() | found
