"""The shared memory in which the top of every book is published, and reading from it."""

from __future__ import annotations

from typing import NamedTuple

from flowrs.core._native import ffi, lib
from flowrs.core.check import fail, made


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
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


class Arena:
    """Slots for the published tops of books, in an anonymous memory file that only its maker can write."""

    def __init__(self, slots: int = 1024, depth: int = 50) -> None:
        """Make room for `slots` books of `depth` levels a side."""
        self.pointer = ffi.gc(made(lib.frs_arena_new(slots, depth), "a shared-memory arena"), lib.frs_arena_free)
        self.slots = slots
        self.depth = depth
        self._free = list(range(slots - 1, -1, -1))

    @property
    def fd(self) -> int:
        """The file descriptor of the memory file, owned by the arena."""
        return int(lib.frs_arena_fd(self.pointer))

    def take(self) -> int:
        """Return the number of a free slot; raises CapacityError if all are in use."""
        if not self._free:
            fail(lib.FRS_E_FULL)
        return self._free.pop()

    def give_back(self, slot: int) -> None:
        """Let another book have the slot, later than all that are free: who still reads it sees its end for longer."""
        self._free.insert(0, slot)


class ArenaReader:
    """An arena as another process sees it: mapped for reading from its file descriptor."""

    def __init__(self, fd: int) -> None:
        """Map the arena; the descriptor stays the caller's. Raises ArgumentError if it is no arena of this version."""
        self.pointer = ffi.gc(made(lib.frs_arena_open(fd), "a reader of this descriptor"), lib.frs_arena_free)
        depth = lib.frs_arena_depth(self.pointer)
        self.slots = int(lib.frs_arena_slots(self.pointer))
        self.depth = int(depth)
        self._view = ffi.new("frs_view *")
        self._bids = ffi.new("frs_level[]", depth)
        self._asks = ffi.new("frs_level[]", depth)

    def read(self, slot: int) -> View:
        """Return a consistent copy of a slot; raises SystemCallError if its writer died in mid-write."""
        view = self._view
        if (code := lib.frs_view_read(self.pointer, slot, view, self._bids, self._asks, self.depth)) < 0:
            fail(code)
        return View(
            ffi.string(view.name).decode(),
            view.epoch,
            view.seq,
            view.exchange_ns,
            view.recv_ns,
            view.publish_ns,
            view.change_ns,
            view.state,
            view.reason,
            view.verified,
            view.price_scale,
            view.quantity_scale,
            (view.total[0], view.total[1]),
            [(level.price, level.quantity) for level in self._bids[0 : view.count[0]]],
            [(level.price, level.quantity) for level in self._asks[0 : view.count[1]]],
        )
