"""The newest changes of a book, for those who follow each of them: see `journal` in csrc/flowrs.h.

The lines are made in C, so no level ever becomes a Python object.
"""

from __future__ import annotations

from typing import NamedTuple

from flowrs.core._native import ffi, lib
from flowrs.core.check import fail, made
from flowrs.core.trust import Reason, State, Verified

_TEXT_SHARE = 4  # a level takes 16 bytes in the journal and at most 57 as text
_allocate = ffi.new_allocator(should_clear_after_alloc=False)  # so what is not used takes no memory


class Mark(NamedTuple):
    """A change of trust: what the book was worth from then on; times in ns since 1970."""

    state: State
    reason: Reason
    verified: Verified
    epoch: int
    seq: int
    exchange_ns: int
    recv_ns: int
    publish_ns: int


class Excerpt(NamedTuple):
    """What has happened since a position: lines, and then, if that is why they end, a mark or a reset.

    After a `reset` the book has to be read anew. `more`: there may be more from `position` on.
    """

    text: bytes
    position: int
    mark: Mark | None
    reset: bool
    more: bool


class Journal:
    """A ring of changes, written by the book that is told to (`Book.record`)."""

    def __init__(self, size: int = 1 << 19) -> None:
        """Keep the newest changes in `size` bytes, a power of two: 16 bytes a level and 64 a message."""
        self.pointer = ffi.gc(made(lib.frs_journal_new(size), f"a journal of {size} bytes"), lib.frs_journal_free)
        self._room = _TEXT_SHARE * size
        self._out = _allocate("char[]", self._room)
        self._position = ffi.new("uint64_t *")
        self._notice = ffi.new("frs_notice *")

    @property
    def end(self) -> int:
        """The position of a reader who knows the book as it is."""
        return int(lib.frs_journal_end(self.pointer))

    def find(self, epoch: int, seq: int) -> int | None:
        """Return where a reader goes on who knows the book as of then; None: what has changed since is not kept."""
        try:
            code = lib.frs_journal_find(self.pointer, epoch, seq, self._position)
        except OverflowError:  # no book has such a number
            return None
        return None if code < 0 else int(self._position[0])

    def read(self, position: int, head: bytes) -> Excerpt:
        """Return what has happened since `position`; every line begins with `head`, whose last brace is open."""
        self._position[0] = position
        notice = self._notice
        size = lib.frs_journal_text(self.pointer, self._position, head, len(head), self._out, self._room, notice)
        if size < 0:
            fail(size)
        kind = notice.kind
        mark = None
        if kind == lib.FRS_MARKED:
            mark = Mark(
                State(notice.state),
                Reason(notice.reason),
                Verified(notice.verified),
                notice.epoch,
                notice.seq,
                notice.exchange_ns,
                notice.recv_ns,
                notice.publish_ns,
            )
        return Excerpt(
            ffi.unpack(self._out, size), int(self._position[0]), mark, kind == lib.FRS_RESET, kind != lib.FRS_END
        )
