"""One consolidated book of several venues' books, merged in C (csrc/merge.c).

A `Merge` reads published books, in this process or through a reader's mapping, again and again without taking memory;
`merge_books` and `merge_views` merge once, as deep as the books are. Only live parts are in it; `parts()` names the
others too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from flowrs.core._native import ffi, lib
from flowrs.core.check import fail, made
from flowrs.core.merged import SIDES, Merged
from flowrs.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from flowrs.core.arena import Arena, ArenaReader, View
    from flowrs.core.book import Book

_TIMES = ("exchange_ns", "recv_ns", "publish_ns", "change_ns")
_COPIED = ("epoch", "seq", *_TIMES, "state", "reason", "verified", "price_scale", "quantity_scale")


class Merge(Merged):
    """The consolidated book of published books, as of the last `read`. Each book is read as of one moment of its own.

    Nothing is known of it before the first `read`.
    """

    def __init__(self, arena: Arena | ArenaReader, slots: Mapping[str, int]) -> None:
        """Merge the books of these names, "venue:symbol", that are in these slots of the arena.

        A slot that has got another book since is left out as RENAMED. Raises ArgumentError if there are not 1 to 64
        books, or a name has more than 63 bytes.
        """
        super().__init__(_workspace(list(slots), arena.depth), list(slots))
        self._arena = arena
        for part, (name, slot) in enumerate(slots.items()):
            raw = name.encode()
            if (code := lib.frs_merge_part(self.pointer, part, slot, raw, len(raw))) < 0:
                fail(code)

    def read(self, depth: int = 0) -> int:
        """Merge what is published now, the best `depth` levels a side (0: all). Returns how many parts are in it.

        Raises SystemCallError if a book's writer died in mid-write.
        """
        if (taken := lib.frs_merge_read(self.pointer, self._arena.pointer, depth)) < 0:
            fail(taken)
        return int(taken)


def merge_books(books: Sequence[Book], depth: int = 0, *, of_each: int = 0) -> Merged:
    """Merge the known levels of books of this process: the best `depth` levels a side (0: all).

    of_each: look only at so many levels of each book (0: as many as can matter), and merge what is found to its end.
    Raises ArgumentError if there are not 1 to 64 books, or two have one name.
    """
    views = ffi.new("frs_view[]", len(books))
    looked_at = min((most for most in (depth, of_each) if most), default=0)
    sides = [[book.array(side, looked_at) for book in books] for side in SIDES]
    for number, book in enumerate(books):
        view = views[number]
        lib.frs_book_view(book.pointer, ffi.addressof(view))
        view.whole = 0
        for side in SIDES:
            view.count[side] = len(sides[side][number])
            view.total[side] = book.total(side)
            view.whole |= book.whole(side) << side
    return _merge([book.name for book in books], views, sides, depth)


def merge_views(parts: Sequence[View], depth: int = 0) -> Merged:
    """Merge copies of published books, such as `ArenaReader.read` returns, or made by hand; as `merge_books`.

    Raises ArgumentError also if a side is not strictly best first, or a number of it is not positive.
    """
    views = ffi.new("frs_view[]", len(parts))
    sides = [[np.array(levels, np.int64).reshape(-1, 2) for levels in each] for each in _levels(parts)]
    for view, part in zip(views, parts, strict=True):
        view.name = part.name.encode()[: lib.FRS_NAME_SIZE - 1]
        for field in _COPIED:
            setattr(view, field, getattr(part, field))
        view.count = view.total = (len(part.bids), len(part.asks))
        view.whole = part.whole[0] | part.whole[1] << 1
    return _merge([part.name for part in parts], views, sides, depth)


def _levels(parts: Sequence[View]) -> tuple[list[list[tuple[int, int]]], list[list[tuple[int, int]]]]:
    return [part.bids for part in parts], [part.asks for part in parts]


def _merge(names: list[str], views: Any, sides: list[list[NDArray[np.int64]]], depth: int) -> Merged:
    most = max((len(rows) for side in sides for rows in side), default=0)
    merged = Merged(_workspace(names, max(most, 1)), names)
    bids, asks = ([ffi.from_buffer("frs_level[]", rows) for rows in side] for side in sides)
    pointers = [ffi.new("frs_level *[]", each) for each in (bids, asks)]
    if (code := lib.frs_merge_levels(merged.pointer, len(names), views, *pointers, depth)) < 0:
        fail(code)
    return merged


def _workspace(names: list[str], levels: int) -> object:
    if not 1 <= len(names) <= lib.FRS_MERGE_PARTS:
        raise ArgumentError(f"{len(names)} books cannot be merged: 1 to {lib.FRS_MERGE_PARTS} can")
    if twins := {name for name in names if names.count(name) > 1}:
        raise ArgumentError(f"{', '.join(sorted(twins))}: a book can be merged only once")
    if long := [name for name in names if not 0 < len(name.encode()) < lib.FRS_NAME_SIZE]:
        raise ArgumentError(f"{long[0]!r}: a name has 1 to {lib.FRS_NAME_SIZE - 1} bytes")
    return ffi.gc(made(lib.frs_merge_new(len(names), levels), f"a merge of {len(names)} books"), lib.frs_merge_free)
