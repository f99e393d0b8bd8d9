"""The exchange's rules for what follows what: two state machines without I/O.

Binance spot: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams "How to manage a local order
book correctly"; USD-M: the page of the same name of the futures documentation.

`follows` says whether an update follows the book as it is; `Join` holds updates until they can be put on a snapshot. A
snapshot is joined only when an update reaches beyond it: a snapshot alone is not enough, because a misspelled stream is
accepted in silence by Binance and would leave a book that looks right and never changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowrs.api import Continuity
from flowrs.errors import DesyncError, GapError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowrs.api import BookUpdate

HELD_UPDATES = 10_000
HELD_BYTES = 16 << 20


class HeldOverflowError(DesyncError):
    """More updates came than may wait for a snapshot."""


class OldSnapshotError(DesyncError):
    """The snapshot ends before the updates that wait for it begin: a newer one is needed."""


def _chained(update: BookUpdate, last: int) -> bool:
    return update.first == last + 1 <= update.last


def _linked(update: BookUpdate, last: int) -> bool:
    return update.prev == last <= update.last


def _counted(update: BookUpdate, last: int) -> bool:
    return update.last == last + 1


def _always(_: BookUpdate, __: int) -> bool:
    return True


_RULES = {
    Continuity.CHAINED: _chained,
    Continuity.LINKED: _linked,
    Continuity.COUNTED: _counted,
    # Of the connection the session makes sure; without numbers only the checksum can tell.
    Continuity.CONNECTION: _always,
    Continuity.UNNUMBERED: _always,
}


def follows(continuity: Continuity) -> Callable[[BookUpdate, int], bool]:
    """Return the test whether an update follows a book whose last number is given."""
    return _RULES[continuity]


def gap(update: BookUpdate, last: int) -> GapError:
    """Return the error for an update that does not follow `last`."""
    words = f"update {update.first} to {update.last}" if update.first else f"update {update.last}"
    if update.prev:
        words += f", which names {update.prev} as the one before,"
    return GapError(f"{words} does not follow {last}", symbol=update.symbol, seq=last)


class Join:
    """Updates that wait for a snapshot: always without a gap among themselves, bounded in number and bytes."""

    def __init__(self, continuity: Continuity) -> None:
        """Hold nothing yet."""
        self._follows = follows(continuity)
        self._linked = continuity is Continuity.LINKED
        self._held: list[BookUpdate] = []
        self._bytes = 0
        self._in_doubt = False  # whether the newest held may not be the newest there was

    def __len__(self) -> int:
        """How many updates wait."""
        return len(self._held)

    def hold(self, update: BookUpdate) -> None:
        """Keep an update. One that does not follow those before it makes them useless: they are forgotten.

        Raises HeldOverflowError, and forgets all, when there are too many.
        """
        if self._held and not self._follows(update, self._held[-1].last):
            self._forget()
        self._held.append(update)
        self._in_doubt = False
        self._bytes += len(memoryview(update.bids)) + len(memoryview(update.asks))
        if len(self._held) > HELD_UPDATES or self._bytes > HELD_BYTES:
            self._forget()
            message = f"more than {HELD_UPDATES:,} updates or {HELD_BYTES >> 20} MiB wait for a snapshot"
            raise HeldOverflowError(message, symbol=update.symbol)

    def doubt(self) -> None:
        """Something may have been missed behind what is held; an update that follows proves that it was not."""
        self._in_doubt = True

    def join(self, last: int) -> list[BookUpdate]:
        """Return the updates to put on a snapshot whose last number is given; none if none reaches beyond it yet.

        None either while there is a doubt. Raises OldSnapshotError if the snapshot is too old for what is held.
        """
        keep = [update for update in self._held if update.last > last or (self._linked and update.last == last)]
        if keep and not self._connects(keep[0], last):
            message = f"the snapshot ends at {last}, but the updates begin with {keep[0].first}"
            raise OldSnapshotError(message, symbol=keep[0].symbol, seq=last)
        return [] if self._in_doubt else keep

    def _connects(self, update: BookUpdate, last: int) -> bool:
        if self._linked:
            # Whose exchange tells no first number covers all that comes behind the update before.
            return (update.first or update.prev) <= last <= update.last or update.prev == last
        return update.first <= last + 1 <= update.last

    def _forget(self) -> None:
        self._held.clear()
        self._bytes = 0
