"""The way of a book's updates past the decoder: through a lane in C, while the book is live and nothing is the matter.

Trades pass by it as well: they need no book, see trades.py.

A lane takes an update only if it is spelled as the connector's template shows, follows by the same rule as in sync.py,
and fits. Whatever else comes, it leaves, and the replica does all that it does without a lane. So a passage is opened
by a replica that has just found all well, and closed before anything else happens to the book.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowrs.core import Lane
from flowrs.feed.writer import form_of, spelling_of

if TYPE_CHECKING:
    from flowrs.api import Connector
    from flowrs.core import Book


def make_lane(connector: Connector, instruments: int) -> Lane | None:
    """Return a lane for so many instruments of one connection; None if there are none, or no templates."""
    if not connector.templates or not instruments:
        return None
    told = connector.checksum
    checksum = (form_of(told), told.levels) if told is not None else None
    return Lane(
        connector.templates,
        spelling_of(connector.spelling),
        connector.continuity.value,
        connector.time_unit_ns,
        checksum,
        instruments,
    )


class Passage:
    """One book's way through a lane."""

    def __init__(self, lane: Lane, index: int) -> None:
        """Use the place `index` of `lane`, closed for now."""
        self.is_open = False
        self._lane = lane
        self._index = index

    def open(self, book: Book, last: int) -> None:
        """Let the lane take updates of a live book that is right up to `last`."""
        self.is_open = self._lane.open(self._index, book, last)

    def close(self) -> int:
        """Let it take no more; returns the number up to which the book is right now."""
        self.is_open = False
        return self._lane.close(self._index)
