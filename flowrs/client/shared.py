"""Books read straight out of the daemon's memory: no request, no system call, and no copy but one's own.

    books = flowrs.SharedBooks()
    bids, asks = books["binance:BTC-USDT"].read(depth=10).floats()

Each read is of one moment. A book is called live only while its daemon is at work: the memory itself tells (see
csrc/pulse.c), and each read looks. When the daemon has ended, its successor's memory is looked for at once, and then at
most once a second.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from flowrs.client import questions
from flowrs.client.handover import receive
from flowrs.client.refusals import refusal
from flowrs.client.results import Facts
from flowrs.client.shown import shown_of
from flowrs.client.together import consolidated_of
from flowrs.config import find_socket
from flowrs.core.trust import State, Writer
from flowrs.errors import NotRunning, SystemCallError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flowrs.client.merged import Consolidated
    from flowrs.client.questions import Require, RequireAll
    from flowrs.client.shown import Shown
    from flowrs.core.arena import ArenaReader

_LOOK_AGAIN_S = 1.0
_MOVES = 3
_LIVE = int(State.LIVE)
_NAME_SIZE, _STATE = 64, 7  # of flowrs.core.arena.HEAD

Copy: TypeAlias = "tuple[tuple[Any, ...], NDArray[np.int64]]"
"""A slot's head, and its levels."""


class SharedBooks:
    """All books of the daemon, to be read by any thread.

    `socket` is the path of its socket; None means `FLOWRS_SOCKET`, else the user's daemon, else the system's. It is
    used only to get the memory: `timeout_s` bounds that.
    """

    def __init__(self, socket: str | Path | None = None, timeout_s: float = 5.0) -> None:
        """Get the memory. Raises `NotRunning`, or `FlowrsError` if the socket may not be opened."""
        self.socket = Path(socket) if socket is not None else find_socket(os.environ)
        self._timeout_s = timeout_s
        self._look_again_at = 0.0
        self._reader, self._about = receive(self.socket, timeout_s)

    @property
    def alive(self) -> bool:
        """Whether the daemon is at work: it has not ended, and has said so within the last three seconds."""
        return self._reader.writer is Writer.AT_WORK

    @property
    def pid(self) -> int:
        """The daemon's process. Epochs and numbers of another one mean other books."""
        return self._about.pid

    @property
    def depth(self) -> int:
        """How many levels a side the memory shows at most."""
        return self._reader.depth

    def names(self) -> tuple[str, ...]:
        """Return the full names of the books, "venue:symbol"; of those that are no longer kept, until they are gone."""
        return tuple(self.reader().books())

    def __getitem__(self, name: str) -> SharedBook:
        """Return the book "venue:symbol". Raises `UnknownName`, `NotRunning`."""
        return SharedBook(self, name, self.place(name))

    def book(self, symbol: str, venue: str | None = None) -> SharedBook:
        """Return a book; `venue` None: the only one. Raises `UnknownName`, `NotRunning`, `ControlError`."""
        if venue is not None:
            return self[f"{venue}:{symbol}"]
        found = [name for name in self.names() if name.partition(":")[2] == symbol]
        if len(found) > 1:
            venues = [name.partition(":")[0] for name in found]
            raise refusal("ambiguous", f"{symbol} is kept of {', '.join(venues)}", {"venues": venues})
        return self[found[0] if found else symbol]

    def consolidated(
        self, symbol: str, *others: str, depth: int = 10, require: RequireAll = "live", max_age_s: float | None = None
    ) -> Consolidated:
        """Return one book of all venues' live books of a symbol, as `Client.consolidated` does; 0: all levels shown.

        With other symbols: of their books too. The groups of the configuration are the daemon's alone. Raises
        `NotLive` if no book is live, or with `require` "all" if one is not; `TooOld` if the last update of one that
        takes part was received more than `max_age_s` ago; `UnknownName` if no book of one of the symbols is kept;
        `NotRunning`.
        """
        reader = self.reader()
        depth = levels_asked(depth, reader.depth)
        question = questions.consolidated(symbol, depth, require, max_age_s)
        symbols = (symbol, *others)
        slots = {name: slot for name, slot in reader.books().items() if name.partition(":")[2] in symbols}
        kept = {name.partition(":")[2] for name in slots}
        if unknown := [each for each in symbols if each not in kept]:
            raise refusal("unknown_symbol", f"no book of {', '.join(unknown)} is kept")
        merged = consolidated_of(reader, slots, symbol, depth)
        if question.check is not None:
            question.check(merged)
        return merged

    def place(self, name: str) -> Place:
        """Return where a book is now. Raises `UnknownName`, `NotRunning`."""
        reader = self.reader()
        if (slot := reader.find(name)) is None:
            raise refusal("unknown_symbol", f"no book of {name!r} is kept")
        return Place(reader, slot)

    def reader(self) -> ArenaReader:
        """Return the memory of the daemon, or of its successor if it has ended. Raises `NotRunning`."""
        if self._reader.writer is Writer.ENDED:
            now = time.monotonic()
            if now < self._look_again_at:
                raise NotRunning(f"the daemon at {self.socket} has ended, and there was no other a moment ago")
            self._look_again_at = now + _LOOK_AGAIN_S
            self._reader, self._about = receive(self.socket, self._timeout_s)
        return self._reader


class Place(NamedTuple):
    """Where a book is."""

    reader: ArenaReader
    slot: int


class SharedBook:
    """One book of a daemon's memory. It stays this book if it is removed and added again, or the daemon restarted."""

    def __init__(self, books: SharedBooks, name: str, place: Place) -> None:
        """Read the book of this name, which is or was there."""
        self.id = name
        self.venue, _, self.symbol = name.partition(":")
        self._books = books
        self._name = name.encode().ljust(_NAME_SIZE, b"\0")
        self._place = place

    def read(self, depth: int = 10, *, require: Require = "live", max_age_s: float | None = None) -> Shown:
        """Return the best `depth` levels of each side as of one moment; 0: all that the memory shows.

        Raises `NotLive` unless the book is live or `require` is "any"; `TooOld` if its last update was received more
        than `max_age_s` ago; `UnknownName` if it is no longer kept and its place was given away; `NotRunning` if the
        daemon has ended. `require` "any" still shows then what it has left.
        """
        if require not in ("live", "any"):
            raise refusal("bad_params", f"require: expected 'live' or 'any', got {require!r}")
        head, rows = self._copy(levels_asked(depth, self._books.depth), require)
        shown = shown_of(self.venue, self.symbol, head, rows, time.time_ns())
        if head[_STATE] != _LIVE and require == "live":
            why = f" ({shown.reason})" if shown.reason else ""
            raise refusal("not_live", f"{self.id} is {shown.state}{why}, not live", _told(shown))
        if max_age_s is not None:
            questions.fresh((shown,), max_age_s)
        return shown

    def _copy(self, depth: int, require: Require) -> Copy:
        """Return a copy of the book where it was; if it is not live there, of where it is now."""
        for _ in range(_MOVES):
            found = self._try(depth)
            if found and found[0][_STATE] == _LIVE:
                return found
            try:
                place = self._books.place(self.id)
            except NotRunning:
                if found and require == "any":
                    return found
                raise
            if place == self._place:
                break
            self._place = place
        if found is None:
            raise refusal("not_live", f"{self.id} cannot be read: the daemon was stopped in the middle of a change")
        return found

    def _try(self, depth: int) -> Copy | None:
        """Return a copy of the place, None if another book is there, or the writer was stopped while it wrote."""
        place = self._place
        try:
            found = place.reader.top(place.slot, depth)
        except SystemCallError:
            return None
        return found if found[0][0] == self._name else None


def levels_asked(depth: int, most: int) -> int:
    """Return how many levels to read; 0 stands for all that are shown."""
    if not 0 <= depth <= most:
        raise refusal("bad_params", f"depth: expected 0 to {most}, which the memory shows, got {depth}")
    return depth or most


def _told(shown: Shown) -> dict[str, object]:
    return {name: getattr(shown, name) for name in Facts.__struct_fields__}
