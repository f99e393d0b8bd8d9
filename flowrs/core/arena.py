"""The shared memory in which the top of every book is published, and reading from it."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from flowrs.core._native import ffi, lib
from flowrs.core.check import fail, made
from flowrs.core.notices import Notices
from flowrs.core.trust import State, Writer

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION: int = lib.FRS_ARENA_VERSION
"""Of the memory's layout."""

HEAD = Struct("64s2Q4q6B2x4I")
"""The fields of `frs_view` in their order: name (padded with zeros), epoch, seq, exchange_ns, recv_ns, publish_ns,
change_ns, state, reason, verified, price_scale, quantity_scale, whole, published bids and asks, levels held of both."""

_STATE = 7

_read, _buffer = lib.frs_view_read, ffi.buffer
_VIEW = ffi.typeof("frs_view *")
_LEVELS = ffi.typeof("frs_level[]")


class View(NamedTuple):
    """The published top of one book, as of one moment; see `frs_view` in csrc/flowrs.h for the fields."""

    name: str
    epoch: int
    seq: int
    exchange_ns: int
    recv_ns: int
    publish_ns: int
    change_ns: int
    state: int
    reason: int
    verified: int
    price_scale: int
    quantity_scale: int
    total: tuple[int, int]
    whole: tuple[bool, bool]
    """Of bids and asks: whether the published levels are all that the exchange has."""
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


class Arena:
    """Slots for the published tops of books, in an anonymous memory file that only its maker can write.

    Its readers believe it for three seconds after each `beat`, and no longer than the thread that made it runs.
    """

    def __init__(self, slots: int = 1024, depth: int = 50) -> None:
        """Make room for `slots` books of `depth` levels a side."""
        self.pointer = ffi.gc(made(lib.frs_arena_new(slots, depth), "a shared-memory arena"), lib.frs_arena_free)
        self.slots = slots
        self.depth = depth
        self._free = list(range(slots - 1, -1, -1))
        self._changed = ffi.new("uint32_t[]", slots)
        self.notices = Notices()

    def __enter__(self) -> Self:
        """Return itself: it can be used already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Tell readers that this is its end."""
        self.end()

    @property
    def fd(self) -> int:
        """The file descriptor of the memory file, owned by the arena."""
        return int(lib.frs_arena_fd(self.pointer))

    def beat(self) -> None:
        """Say that the writer is at work; once a second is enough."""
        lib.frs_arena_beat(self.pointer)

    def end(self) -> None:
        """Tell readers that nobody keeps the books any more. Only in the thread that made the arena."""
        if (code := lib.frs_arena_end(self.pointer)) < 0:
            fail(code)

    def take(self) -> int:
        """Return the number of a free slot; raises CapacityError if all are in use."""
        if not self._free:
            fail(lib.FRS_E_FULL)
        return self._free.pop()

    def changed(self) -> list[int]:
        """Return the slots that were written since this was last asked, each once."""
        count = lib.frs_arena_changed(self.pointer, self._changed, self.slots)
        if count < 0:
            fail(count)
        return ffi.unpack(self._changed, count)  # type: ignore[no-any-return] # cffi has no types

    def give_back(self, slot: int) -> None:
        """Let another book have the slot, later than all that are free: who still reads it sees its end for longer."""
        self._free.insert(0, slot)


class ArenaReader:
    """An arena to read from: another process's by its file descriptor, or one's own. Any thread may read."""

    def __init__(self, source: int | Arena) -> None:
        """Map the arena; a descriptor stays the caller's. Raises ArgumentError if it is no arena of this version."""
        if isinstance(source, Arena):
            self.pointer = source.pointer
        else:
            self.pointer = ffi.gc(made(lib.frs_arena_open(source), "a reader of this descriptor"), lib.frs_arena_free)
        self.slots = int(lib.frs_arena_slots(self.pointer))
        self.depth = int(lib.frs_arena_depth(self.pointer))

    @property
    def writer(self) -> Writer:
        """How its writer is; of one's own it is always at work."""
        return Writer(lib.frs_arena_writer(self.pointer))

    def find(self, name: str) -> int | None:
        """Return the slot of the book "venue:symbol", None if there is none."""
        raw = name.encode()
        slot = int(lib.frs_arena_find(self.pointer, raw, len(raw)))
        return slot if slot >= 0 else None

    def books(self) -> dict[str, int]:
        """Return the slot of each book by its name, of two the one that is not disabled, in the order of the slots."""
        found: dict[str, int] = {}
        at = -1
        while (at := int(lib.frs_arena_next(self.pointer, at + 1))) >= 0:
            head, _ = self.top(at, 0)
            name = head[0].rstrip(b"\0").decode()
            if name not in found or head[_STATE] != State.DISABLED:
                found[name] = at
        return found

    def top(self, slot: int, depth: int) -> tuple[tuple[Any, ...], NDArray[np.int64]]:
        """Return a consistent copy of a slot: the fields of its `frs_view`, and its levels.

        The fields are those of HEAD; the levels are bids and asks, each `depth` rows of two numbers, of which only as
        many are set as are published. Raises SystemCallError if the writer ended, or was interrupted for a second, in
        mid-write.
        """
        view, rows = ffi.new(_VIEW), np.empty((2, depth, 2), np.int64)
        levels = ffi.from_buffer(_LEVELS, rows)
        if (code := _read(self.pointer, slot, view, levels, levels + depth, depth)) < 0:
            fail(code)
        return HEAD.unpack(_buffer(view)), rows

    def read(self, slot: int) -> View:
        """Return a consistent copy of a slot as Python objects; raises as `top`."""
        head, rows = self.top(slot, self.depth)
        name, *facts, whole, bids, asks, total_bids, total_asks = head
        sides = [list(map(tuple, side[:count].tolist())) for side, count in zip(rows, (bids, asks), strict=True)]
        all_of_it = (bool(whole & 1) and bids == total_bids, bool(whole & 2) and asks == total_asks)
        return View._make((name.rstrip(b"\0").decode(), *facts, (total_bids, total_asks), all_of_it, *sides))
